# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 16. Curvature
#
# **Goal:** compute second derivatives, use them for better steps, and say what each of Newton's
# method, conjugate gradients, natural gradients and Adam pays for them.
#
# **Time:** 75 minutes.
#
# **Needs:** chapter 3 (Jacobians), chapter 7 (a − y), chapter 11 (softmax regression).

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import optim
from tinygrad_edu.experiments import natural_gradient, optimizers, paraboloid
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## A slope does not say how far
#
# The gradient says in which direction the loss falls. It does not say how far to go. For that you
# have to know how the slope itself changes along the way: whether the valley is narrow or wide.
# That is the *curvature*, the derivative of the derivative.
#
# Take $f(x) = \tfrac12 c x^2$. Its slope is $cx$, its curvature is $c$, and a step of gradient
# descent with the rate $\eta$ is $x - \eta c x = (1 - \eta c)\,x$.
#
# **Predict.** Which rate reaches the minimum in one step? From which rate on does each step lead
# further away?
#
# <details><summary>Answer</summary>
#
# $\eta = 1/c$ makes $1 - \eta c = 0$. Above $\eta = 2/c$ the factor is below $-1$: each step jumps
# over the minimum and lands further away than it was.
#
# </details>

# %%
for rate in (0.05, 0.1, 0.19, 0.21):
    x, path = 1.0, []
    for _ in range(6):
        x -= rate * tg.grad(lambda v: 0.5 * 10 * v**2)(x)
        path.append(round(float(x), 3))
    print(f"c = 10, rate {rate:.2f}:", path)
assert abs(x) > 1  # the last rate is above 2/c

# %% [markdown]
# In two dimensions there is a slope and a curvature in each direction, and one rate for both. If
# one curvature is 10 and the other 1, the steep direction allows no rate above 0.2. With that rate
# the flat direction takes many steps. The ratio of the largest curvature to the smallest, here 10,
# is the *condition number*. It says how hard a problem is for gradient descent.

# %% [markdown]
# ## The Hessian
#
# For a function of $n$ numbers the second derivatives form a matrix of $n$ rows and columns, the
# *Hessian*: $H_{ij} = \partial^2 L/\partial z_i \partial z_j$. It is the Jacobian of the gradient.
# In this book `derive` finds the gradient, and its result can be derived again. Take the gradient
# that you know best, $a - y$.
#
# **Predict.** $y$ is constant. What is the Jacobian of $a - y$ by $z$?
#
# <details><summary>Answer</summary>
#
# That of $a$ by $z$, which you know from chapter 5: $\mathrm{diag}(a) - a a^\top$. The targets are
# gone. The curvature depends on what the network says, and not on what is right.
#
# </details>

# %%
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
y = np.array([0.0, 1.0, 0.0])
a = tg.softmax(z)
L = -tg.sum(y * tg.log(a))
gradient = tg.derive(L, wrt=z)
hessian = tg.derive(gradient, wrt=z)
print("gradient:", gradient.result, "  Hessian:", hessian.jacobian())
H = tg.hessian(lambda v: -tg.sum(y * tg.log(tg.softmax(v))))(z.data)
print(H)
assert str(hessian.jacobian()) == "diag(a) − a aᵀ"
assert_allclose(H, np.diag(a.data) - np.outer(a.data, a.data), atol=1e-12)

# %% [markdown]
# Without $\sum_k y_k = 1$ the gradient is $a\sum_k y_k - y$, and the Hessian has the factor
# $\sum_k y_k$, too:

# %%
free = tg.derive(L, wrt=z, assume=())
loose = tg.derive(free, wrt=z, assume=())
print(free.result, " → ", loose.jacobian())
assert "Σy" in str(loose.jacobian())

# %% [markdown]
# The eigenvalues of the Hessian are the curvatures along its eigenvectors. One of them is 0: if all
# logits grow by the same amount, nothing changes (chapter 5). The others are positive. So in the
# logits this loss is a bowl with one flat direction, and has no other valleys.

# %%
curvatures, directions = np.linalg.eigh(H)
print("curvatures", curvatures)
print("flat direction", directions[:, 0])
assert abs(curvatures[0]) < 1e-12
assert (curvatures[1:] > 0).all()
assert_allclose(abs(directions[:, 0]), np.sqrt(1 / 3))

# %% [markdown]
# ## Newton's method
#
# Near a point the loss is nearly a paraboloid, $L + g\cdot d + \tfrac12\, d^\top H d$ for a step
# $d$. The lowest point of the paraboloid is where its slope $g + Hd$ is zero:
#
# $$d = -H^{-1} g .$$
#
# That is a *Newton step*. It divides each direction by its own curvature, so there is no narrow
# valley any more, and no learning rate. The step is exact for a paraboloid. Other functions need
# several, and the number of right digits about doubles from one to the next.

# %%
rng = np.random.default_rng(0)
X, labels = rng.normal(size=(40, 2)), rng.integers(0, 3, 40)


def penalised(W):
    """Softmax regression with a little weight decay, so that there is a lowest point."""
    return tg.softmax_cross_entropy(X @ W, labels) + tg.weight_decay(W, 0.1)


solution = optim.newton(penalised, np.zeros((2, 3)), tolerance=1e-12)
for step, size in enumerate(solution.norms):
    print(f"step {step}: length of the gradient {size:.1e}")
assert solution.norms[-1] < 1e-12
assert len(solution.norms) < 8

# %% [markdown]
# ## Why nobody stores the Hessian of a network
#
# **Predict.** The network of the last chapter has 266,610 weights. How much memory does its Hessian
# take, at eight bytes a number?
#
# <details><summary>Answer</summary>
#
# $266{,}610^2$ is about $7\cdot 10^{10}$ numbers, or 569 gigabytes. A network with a billion
# weights would need $10^{18}$ numbers. And a Newton step has to solve a system of equations with
# it.
#
# </details>

# %%
entries = 266_610**2
print(f"{entries:.1e} entries, {entries * 8 / 1e9:.0f} gigabytes")
assert round(entries * 8 / 1e9) == 569

# %% [markdown]
# But one never needs the matrix itself. One needs products $Hv$ with some vectors $v$, and such a
# product is cheap. The number $g \cdot v$ has the gradient $Hv$, so it takes a gradient of a
# gradient: twice the work of one, and no matrix.

# %%
v = np.array([1.0, 0.0, -1.0])
product = tg.hvp(lambda z: -tg.sum(y * tg.log(tg.softmax(z))), z.data, v)
print("H v by two gradients:", product)
assert_allclose(product, H @ v, atol=1e-12)

# %% [markdown]
# ## Conjugate gradients: n steps in n dimensions
#
# Can one solve $Hd = -g$ with products alone? Yes. Gradient descent zigzags because each step
# spoils what the last one achieved. *Conjugate gradients* choose each direction such that it does
# not: $d_i^\top H d_j = 0$ for all earlier steps $j$. Each step finishes one direction for good,
# and $n$ dimensions have $n$ such directions. After $n$ steps the minimum is reached.
#
# **Predict.** A paraboloid in 10 dimensions has curvatures from 1 to 30. How many steps does
# gradient descent take to ten digits, if each step has the best length?
#
# <details><summary>Answer</summary>
#
# About 300, whatever the number of dimensions. It depends on the condition number.
#
# </details>

# %%
found = paraboloid.run(dimensions=(2, 5, 10, 20))
print(found.table())
show(
    found.figure(),
    "16-paraboloid.svg",
    alt="Left, level lines of a paraboloid in the plane: steepest descent zigzags, conjugate "
    "gradients arrive in two steps. Right, the residuals fall to zero after n steps.",
)
for held_for in found.claims.values():
    assert sum(held_for) >= 9

# %% [markdown]
# In 20 dimensions rounding spoils the directions a little, and it takes 22 steps. For large
# problems nobody waits for $n$ steps: long before, the answer is good enough. *Newton–CG* finds its
# Newton steps in this way, with a few products each.

# %% [markdown]
# ## Natural gradients: what is a small step?
#
# Gradient descent has a strange weakness: it depends on how you write your parameters. Take a coin
# that shows heads with probability $p$. You can store $p$ itself, or $3p + 1$, or the logit
# $\log\frac{p}{1-p}$. The model is the same, the data are the same, and the steps are not.
#
# The reason is in the words "small step". The gradient is the steepest direction among all steps of
# the same length, and the length is measured in whatever you stored. Amari proposed to measure how
# much the *distribution* changes instead, by the Kullback–Leibler divergence of chapter 6. Near a
# point it is a paraboloid, $\tfrac12\, d^\top F d$, where $F$ is the *Fisher matrix*. The steepest
# step by this measure is
#
# $$d = -\eta\, F^{-1} g ,$$
#
# the *natural gradient*. For a coin $F = \frac{1}{p(1-p)}$ if $p$ is stored, and $F = p(1-p)$ if
# the logit is.
#
# **Predict.** We start at $p = 0.5$, the data have the mean 0.9, and $\eta = 0.3$. Take one natural
# step with $p$ stored, by hand. The loss is $-0.9\log p - 0.1\log(1-p)$.
#
# <details><summary>Answer</summary>
#
# $g = \frac{p - 0.9}{p(1-p)} = -1.6$ and $F = 4$. So $d = 0.3\cdot 1.6/4 = 0.12$, and $p = 0.62$.
#
# </details>

# %%
found = natural_gradient.run()
print(found.table())
show(
    found.figure(),
    "16-natural-gradient.svg",
    alt="Left, p by natural gradients, the paths nearly one; middle, by plain gradients, the paths "
    "far apart; right, the gap between p and logit shrinks with the rate.",
)
assert_allclose(found.natural["p"][1], 0.62, rtol=1e-12)
assert round(found.natural["logit"][1], 4) == 0.6177
assert all(held_for == [True] for held_for in found.claims.values())

# %% [markdown]
# Read the columns of the natural steps. The linear change from $p$ to $3p + 1$ leaves every step as
# it is. The logit is no linear change, and its first step leads to 0.6177 instead of 0.6200. The
# last table shows that the difference goes away with the size of the steps: half the rate, half the
# gap. So natural gradients do not depend on how a model is written, for linear changes exactly and
# for others in the limit.
#
# The plain gradient leaves the interval in one case, and has hardly moved in another.
#
# For softmax regression, the Fisher matrix *is* the Hessian of the cross-entropy. You saw that the
# Hessian does not contain the targets. So natural gradient and Newton take the same steps there.

# %% [markdown]
# ## Adam: curvature for the price of a gradient
#
# Adam keeps, for each weight, a running mean $m$ of the gradient and one $v$ of its square, and
# steps by $-\eta\, m/\sqrt{v}$. Weights whose gradients are large get shorter steps. This resembles
# a division by the curvature, for each weight by itself, and costs one gradient a step.
#
# It is no curvature. The first step has the length $\eta$ in each weight, however flat or steep the
# loss is. Make the loss 1000 times as large, and the step stays the same.

# %%
for factor in (1.0, 1000.0):
    w = tg.Tensor([1.0, 1.0], name="w")
    adam = optim.Adam([w], lr=0.1)
    adam.step([tg.gradients(factor * tg.sum(np.array([1.0, 30.0]) * w**2), w)])
    print(f"loss × {factor:4g}: first step {w.data - 1}")
    assert_allclose(w.data - 1, -0.1, rtol=1e-6)

# %% [markdown]
# ## All on one problem
#
# Softmax regression on Iris, its lengths in cm as they are, so that the curvatures differ much.
# Gradient descent, momentum and Adam each get the best of five rates.
#
# **Predict.** Order these by the number of *gradients* they need to come within 0.01 of the lowest
# loss: gradient descent, momentum, Adam, Newton, Newton–CG.
#
# <details><summary>Answer</summary>
#
# Momentum and Newton–CG, then Adam, then Newton. Newton has the fewest steps, but each of them
# costs a product for each of the 15 weights. Newton–CG takes only the products that it needs.
# Gradient descent does not get there in 300 steps.
#
# </details>

# %%
found = optimizers.run()
print(found.table())
show(
    found.figure(),
    "16-optimisers.svg",
    alt="How far the loss is from the lowest, by steps and by gradients computed, for six methods: "
    "second-order methods need few steps, and Adam and momentum few gradients at first.",
)
runs, lowest = found.runs, found.lowest
assert runs["gradient descent"].to_within(1e-2, lowest) is None
cost = {
    name: runs[name].cost[runs[name].to_within(1e-2, lowest)]
    for name in ("momentum 0.9", "Adam", "Newton", "Newton–CG")
}
print("gradients to within 0.01:", {name: int(number) for name, number in cost.items()})
assert max(cost["momentum 0.9"], cost["Newton–CG"]) < cost["Adam"] < cost["Newton"]
assert all(held_for == [True] for held_for in found.claims.values())

# %% [markdown]
# For a rough answer, second order is not cheaper than momentum or Adam. For many digits it wins.
# Training a large network is a search for a rough answer with noisy gradients, and Adam needs
# neither products nor much care about the rate. That is why it is what people use.
#
# One problem proves little about others. What you can carry over is how to compare: by cost, not by
# steps, each method with its best rate.

# %% [markdown]
# ## What to take with you
#
# - The Hessian is the Jacobian of the gradient. For softmax with cross-entropy it is
#   $\mathrm{diag}(a) - a a^\top$, without the targets.
# - Newton: $-H^{-1}g$, few steps, each expensive.
# - $Hv$ costs two gradients. Conjugate gradients need only such products, and $n$ steps.
# - The natural gradient $-\eta F^{-1}g$ measures steps by what they do to the distribution.
# - Adam divides by the size of the gradient. It is cheap, and no curvature.
#
# ## Exercises

# %%
show(exercise("16.1"))

# %%
show(exercise("16.2"))

# %%
show(exercise("16.3"))

# %%
show(exercise("16.4"))
