# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 10. Stability: where NaN comes from
#
# **Goal:** find the operation that made a NaN, say why it did, and write softmax and its loss so
# that it cannot happen.
#
# **Time:** 40 minutes.
#
# **Needs:** chapters 5 to 7; in one place a look ahead at chapter 11.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Numbers that end
#
# A floating-point number has a largest and a smallest size. What is larger becomes infinity, what
# is smaller becomes 0. The exponential reaches both ends soon.
#
# **Predict:** for which $x$ does $e^x$ become infinite, in double precision? The largest number is
# about $1.8\cdot 10^{308}$.
#
# <details><summary>Answer</summary>
#
# Where $x > \log(1.8\cdot 10^{308}) \approx 709.8$. Logits of this size are rare, but in single
# precision the end comes at 88.7, and in half precision at 11.1.
#
# </details>

# %%
for kind in (np.float64, np.float32, np.float16):
    limits = np.finfo(kind)
    top, bottom = np.log(float(limits.max)), np.log(float(limits.smallest_subnormal))
    print(f"{kind.__name__}: e^x is infinite above {top:.1f}, and 0 below about {bottom:.1f}")
with np.errstate(over="ignore", under="ignore"):
    print(
        "e^709, e^710, e^−744, e^−746:",
        np.exp(709.0),
        np.exp(710.0),
        np.exp(-744.0),
        np.exp(-746.0),
    )
    assert np.isfinite(np.exp(709.0))
    assert np.isinf(np.exp(710.0))
    assert np.exp(-744.0) > 0 == np.exp(-746.0)

# %% [markdown]
# ## Softmax as it is written
#
# Take three logits of which one is 800, and compute the loss as its definition says.

# %%
y = np.array([0.0, 1.0, 0.0])
z = tg.Tensor([800.0, 0.0, 10.0], name="z")
with np.errstate(all="ignore"):  # NumPy would warn
    e = tg.exp(z)
    s = tg.sum(e)
    a = e / s
    L = -tg.sum(y * tg.log(a))
    found = tg.find_nonfinite(L)
    gradient = tg.gradients(L, z)
    picture = tg.draw(L, gradients=True)
print("a =", a.data, " L =", L.data, " ∂L/∂z =", gradient)
assert np.isnan(L.data)
assert np.isnan(gradient).all()

# %% [markdown]
# The true answers are harmless: $a$ is (1, 0, 0) to all digits, and $L$ is 800. Not one number in
# question or answer is large. Only in between there is an $e^{800}$, and then ∞/∞, which is *not a
# number*. Every operation with a NaN gives NaN again.

# %%
show(
    picture,
    "10-nan.svg",
    alt="Infinity enters the graph at exp, becomes NaN at the division, and NaN flows back to z.",
)

# %% [markdown]
# In a large network you would not look at every vertex. `find_nonfinite` names the first operation
# that was given finite numbers and returned something else.

# %%
print(found)
assert found.forward.op == "exp"

# %% [markdown]
# ### One example is enough
#
# In training the NaN does not stay where it was made. Below are four examples with two features, of
# which the last has a feature of 400, perhaps a misplaced decimal point. The layer has six weights.
#
# **Predict:** how many of the weights are still numbers after one step of gradient descent?
#
# <details><summary>Answer</summary>
#
# None. The gradient by each weight is a sum over all examples (chapter 11), and one term is NaN.
# From then on each output is NaN as well, and no later step can mend it.
#
# </details>

# %%
X = np.array([[1.0, 0.5], [-1.0, 2.0], [0.3, -0.7], [1.0, 400.0]])
Y = np.eye(3)[[0, 1, 2, 0]]
weights = tg.Tensor(np.array([[0.1, -0.2, 0.3], [2.0, -1.0, 0.5]]), name="W")
with np.errstate(all="ignore"):
    e = tg.exp(X @ weights)
    A = e / tg.sum(e, axis=1, keepdims=True)
    by_weights = tg.gradients(tg.mean(-tg.sum(Y * tg.log(A), axis=1)), weights)
print("after one step:", (weights.data - 0.1 * by_weights).tolist())
assert np.isnan(by_weights).all()

# %% [markdown]
# ## Subtract the largest logit
#
# Softmax does not change if you subtract the same number $c$ from all logits: above and below the
# fraction bar there is one more factor $e^{-c}$, and it cancels.

# %%
w, c = tg.Tensor([1.47, -0.39, 0.22], name="z"), tg.Tensor(2.0, name="c")
proof = tg.prove(tg.softmax(w - c), tg.softmax(w))
print(proof.text())
assert proof.proved

# %% [markdown]
# Choose $c = \max_i z_i$. Then the largest exponent is 0, and nothing can become infinite. The sum
# is at least 1, and nothing is divided by 0. Other entries may become 0, but they really are that
# small.
#
# **Predict:** the shift depends on $z$. So there are new paths from $z$ to the loss, through the
# maximum. What do they add to the gradient?
#
# <details><summary>Answer</summary>
#
# Nothing. The loss does not depend on $c$, so its derivative by $c$ is 0, whatever $c$ is made of.
#
# </details>

# %%
by_shift = tg.derive(tg.softmax_cross_entropy(w - c, y), wrt=c)
print("∂L/∂c =", by_shift.result)
assert str(by_shift.result) == "0"

m = tg.max(w)
shifted = w - m
a = tg.softmax(shifted)
with_max = tg.derive(-tg.sum(y * tg.log(a)), wrt=w)
print("∂L/∂z =", with_max.result, "  with the maximum in the graph")
assert str(with_max.result) == "a − y"

# %% [markdown]
# ## log(softmax) still dies
#
# Now $a$ is right for all logits. The loss takes its logarithm. Is that safe?
#
# **Predict:** let the logits be (800, 0, 10) and the second class true. What is $a_{\text{true}}$
# as a floating-point number, and what is its logarithm?
#
# <details><summary>Answer</summary>
#
# $a_{\text{true}} = e^{-800}$ is smaller than the smallest number, so it is 0, and its logarithm is
# −∞. The other entries of $y$ are 0, and 0 times −∞ is NaN.
#
# </details>

# %%
with np.errstate(all="ignore"):
    a = tg.softmax(z)
    L = -tg.sum(y * tg.log(a))
    print("a =", a.data, " log a =", np.log(a.data), " L =", L.data)
    print("∂L/∂z =", tg.gradients(L, z))
    print(tg.find_nonfinite(L))
    assert tg.find_nonfinite(L).forward.op == "log"

# %% [markdown]
# The gradient dies too. By the second way of chapter 7, $-y/a$ divides by 0, and softmax then
# multiplies by 0. On paper $a$ cancels. A program that goes back vertex by vertex cannot cancel: it
# has only the numbers, and $\frac{1}{0}\cdot 0$ is lost.
#
# ## The mend: do the algebra first
#
# Chapter 7 has the formula that needs no logarithm of a small number:
#
# $$\log a_k = z_k - \log\sum_i e^{z_i} = (z_k - m) - \log\sum_i e^{z_i - m}$$
#
# for every $m$, and so for $m = \max_i z_i$.
# The exponential and the logarithm that would undo each other are gone. What is left in the
# logarithm is between 1 and $K$.


# %%
def log_softmax(z):
    """Compute the logarithm of softmax, without computing softmax."""
    shifted = z - np.max(z)
    return shifted - np.log(np.sum(np.exp(shifted)))


print("log a =", log_softmax(z.data))
L = -tg.sum(y * tg.log_softmax(z))
print("L =", L.data, " ∂L/∂z =", tg.gradients(L, z))
assert_allclose(log_softmax(z.data), [0, -800, -790])
assert L.data == 800
assert_allclose(tg.gradients(L, z), [1, -1, 0], atol=1e-12)

# %% [markdown]
# The derivation for this loss never mentions $1/a$. There is nothing to cancel, so nothing can be
# lost:

# %%
u = tg.Tensor([1.47, -0.39, 0.22], name="z")
a = tg.softmax(u)
safe = tg.derive(-tg.sum(y * tg.log_softmax(u)), wrt=u)
print("∂L/∂z =", safe.start)
for step in safe.steps:
    print(f"      = {step.after!s:20} {step.rule}")
assert len(safe.steps) == 2

# %% [markdown]
# ## All routes side by side
#
# `tg.routes` computes the loss in each way, lets the logits grow, and compares with 50 digits.

# %%
routes = tg.routes([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
show(routes)
assert routes.agree
assert all(str(route.derivation.result) == "a − y" for route in routes)

# %% [markdown]
# All routes have the same derivative, a − y, on paper and for small logits. The first breaks where
# $e^z$ becomes infinite. The second computes $a$ well, and still has a wrong gradient near 710,
# where $1/a$ becomes infinite, and a wrong loss near 740, where $a$ loses its digits. The last two
# never break.
#
# So use the loss that takes logits, here `softmax_cross_entropy(z, y)`. Every framework has one.

# %%
breaks = [route.gradient_breaks for route in routes]
assert all(705 < each.scale < 715 for each in breaks[:2])
assert breaks[2] is breaks[3] is None

# %% [markdown]
# ## Two mends that only hide it
#
# On forums you find two others. Add something tiny before the logarithm, $\log(a + 10^{-7})$, or
# clip the activations, so that they are never below $10^{-7}$. Neither gives NaN.
#
# **Predict:** the network is sure of a wrong class: the logits are (30, 0, 0), and the second is
# true. The right gradient is about (1, −1, 0). What do the two mends give?
#
# <details><summary>Answer</summary>
#
# Almost 0. The activation $e^{-30}$ is far below $10^{-7}$, so neither the sum nor the clipped
# value changes with it. Just where the network is most wrong, it learns nothing.
#
# </details>

# %%
mends = {
    "log(a + 1e-7)": lambda z: -tg.log(tg.softmax(z) + 1e-7)[1],
    "log(clip(a))": lambda z: -tg.log(tg.clip(tg.softmax(z), 1e-7, 1.0))[1],
    "log_softmax": lambda z: -tg.log_softmax(z)[1],
}
sizes = np.linspace(0, 40, 81)
figure, (values, slopes) = panels(across=2, width=4.2, height=3.2)
for label, mend in mends.items():
    pairs = [tg.value_and_grad(mend)(np.array([size, 0.0, 0.0])) for size in sizes]
    loss, pull = [v for v, _ in pairs], [0.0 - g[1] for _, g in pairs]
    values.plot(sizes, loss, label=label)
    slopes.plot(sizes, pull, label=label)
    print(f"{label:14} at 30: loss {loss[60]:5.2f}, pull on the true logit {pull[60]:.6f}")
    assert (pull[60] > 0.99) == (label == "log_softmax")
    assert pull[60] > 0.99 or pull[60] < 1e-5
values.set(title="loss", xlabel="logit of the wrong class")
slopes.set(title="pull on the true logit", xlabel="logit of the wrong class")
values.legend()
show(
    figure,
    "10-mends.svg",
    alt="With either mend the loss stops at 16 and the pull on the true logit falls to 0 beyond a "
    "logit of 16; with log_softmax the loss rises on and the pull stays 1.",
)

# %% [markdown]
# Both curves leave the right one near $-\log 10^{-7} \approx 16$. The mends hide the NaN, and take
# the gradient with it.
#
# ## The sigmoid has the same trouble
#
# Binary cross-entropy has $\log(1 + e^z)$ in its short form (chapter 9). Here two things go wrong.
# For $z = 800$ the exponential is infinite. And for $z = -40$ the sum $1 + e^{-40}$ is rounded
# to 1, so that the logarithm is 0 in place of $4\cdot 10^{-18}$.
#
# Two tricks mend both. Take the larger part out of the sum, and use `np.log1p(x)`, which computes
# $\log(1 + x)$ without forming the sum:
#
# $$\log(1 + e^z) = \max(z, 0) + \log\big(1 + e^{-|z|}\big).$$


# %%
def softplus(z):
    """Compute log(1 + e^z) for all z."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


points = np.array([-40.0, -1.0, 0.0, 1.0, 800.0])
with np.errstate(over="ignore"):
    plain = np.log(1 + np.exp(points))
np.set_printoptions(precision=4, suppress=False)
print("plain:  ", plain)
print("careful:", softplus(points))
assert plain[0] == 0
assert np.isinf(plain[4])
assert_allclose(softplus(points)[[0, 4]], [np.exp(-40.0), 800.0])
assert_allclose(tg.softplus(points), softplus(points))

# %% [markdown]
# ## What to take with you
#
# 1. A NaN in training is made by one operation. Find it before you change the learning rate.
# 2. Subtract the maximum before you exponentiate.
# 3. Never take the logarithm of a softmax or a sigmoid: use the loss that takes logits.
# 4. Where two functions undo each other, simplify on paper first. A program that has only rounded
#    numbers cannot.

# %% [markdown]
# ## Exercises

# %%
show(exercise("10.1"))

# %%
show(exercise("10.2"))

# %%
show(exercise("10.3"))

# %%
show(exercise("10.4"))

# %%
show(exercise("10.5"))
