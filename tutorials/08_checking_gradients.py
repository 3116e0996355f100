# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 8. Checking gradients
#
# **Goal:** check a gradient by differences, choose the step with reason, and know what such a
# check cannot see.
#
# **Time:** 40 minutes.
#
# **Needs:** chapter 7.

# %%
import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

# %% [markdown]
# ## A judge that knows no calculus
#
# Suppose you derived a gradient on paper and wrote it as a program. Is it right? A derivative is
# the limit of
#
# $$\frac{f(x + h) - f(x)}{h}$$
#
# for small $h$. You need nothing but the function itself to compute this quotient. So it is a fair
# judge of your gradient. But it is slow: each input needs one more evaluation.
#
# Our function is the loss of chapter 7, and our claim is a − y, both in plain NumPy.

# %%
y = np.array([0.0, 1.0, 0.0])
point = np.array([1.47, -0.39, 0.22])


def softmax(z):
    """Compute the activations of one example."""
    e = np.exp(z - z.max())
    return e / e.sum()


def loss(z):
    """Compute the cross-entropy with the targets y."""
    return -np.sum(y * np.log(softmax(z)))


def claimed(z):
    """Compute the gradient that was derived on paper."""
    return softmax(z) - y


# %% [markdown]
# ## Which step?
#
# **Predict:** is it always better to make $h$ smaller?
#
# <details><summary>Answer</summary>
#
# No. The curve is straighter over a shorter step, so the first error falls with $h$. But a
# computer rounds each value of $f$ in about the 16th digit. This rounding is divided by $h$, so the
# second error grows as $h$ falls.
#
# </details>
#
# There are two ways to form a difference. The one above looks to one side. The *central* difference
# looks to both sides:
#
# $$\frac{f(x + h) - f(x - h)}{2h}.$$
#
# We try both for steps from $10^{-1}$ to $10^{-12}$ and look at the largest error.

# %%
steps = 10.0 ** -np.arange(1, 13)


def one_sided(f, x, h):
    """Estimate the gradient by differences to one side."""
    return np.array([(f(x + h * e) - f(x)) / h for e in np.eye(len(x))])


def central(f, x, h):
    """Estimate the gradient by differences to both sides."""
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))])


errors = {
    estimate.__name__: [abs(estimate(loss, point, h) - claimed(point)).max() for h in steps]
    for estimate in (one_sided, central)
}
print("h        one-sided   central")
for h, one, both in zip(steps, *errors.values(), strict=True):
    print(f"{h:.0e}    {one:.0e}       {both:.0e}")

figure, (panel,) = panels(height=3.4)
for name, error in errors.items():
    panel.loglog(steps, error, marker="o", label=name.replace("_", "-"))
panel.set(xlabel="step h", ylabel="largest error")
panel.legend()
show(
    figure,
    "08-steps.svg",
    alt="Both errors fall and rise again as the step shrinks; the central one falls twice as fast.",
)

# %% [markdown]
# Both curves are valleys. To the right of the bottom the error is that of a curved function: it
# falls by 10 for each factor of 10 in $h$ if you look to one side, and by 100 if you look to both.
# To the left it is rounding.
#
# Why by 100? Taylor's series says
#
# $$f(x \pm h) = f(x) \pm h f'(x) + \tfrac{h^2}{2} f''(x) \pm \tfrac{h^3}{6} f'''(x) + \dots$$
#
# In the central difference $f$ and $f''$ cancel, and an error of the size of $h^2$ is left. To one
# side $f''$ stays, with an error of the size of $h$.
#
# The best step balances both errors. For numbers of double precision, with 16 digits, it is near
# $10^{-8}$ to one side, and near $10^{-5}$ to both.

# %%
one, both = errors["one_sided"], errors["central"]
for i in range(3):  # from 1e-1 to 1e-4
    assert 8 < one[i] / one[i + 1] < 12
    assert 80 < both[i] / both[i + 1] < 120
best_one, best_both = steps[np.argmin(one)], steps[np.argmin(both)]
print(f"best steps: {best_one:.0e} and {best_both:.0e}")
assert 1e-9 < best_one < 1e-7
assert 1e-6 < best_both < 1e-4
assert min(both) < min(one) / 50

# %% [markdown]
# ## How near is near enough?
#
# A difference of $10^{-6}$ is small for a gradient of 1000, and large for one of $10^{-6}$. So
# compare *relative* to the size of the gradient:
#
# $$\frac{\lVert g - \hat g\rVert}{\lVert g\rVert + \lVert\hat g\rVert}.$$
#
# With double precision and a central difference, a right gradient gives $10^{-8}$ or less on smooth
# functions, and a wrong one seldom less than $10^{-3}$. What lies between deserves a second look.


# %%
def relative(g, estimate):
    """Measure the distance of two vectors, relative to their lengths."""
    return np.linalg.norm(g - estimate) / (np.linalg.norm(g) + np.linalg.norm(estimate))


a = softmax(point)
claims = {
    "a − y": a - y,
    "y − a": y - a,
    "−y(1 − a), the diagonal only": -y * (1 - a),
    "(a − y)/3, a mean over classes": (a - y) / 3,
}
estimate = central(loss, point, 1e-5)
for name, claim in claims.items():
    print(f"{name:32} {relative(claim, estimate):.0e}")
assert relative(a - y, estimate) < 1e-8
assert all(relative(g, estimate) > 1e-3 for name, g in claims.items() if name != "a − y")

# %% [markdown]
# ### Read the disagreement
#
# When a gradient is wrong, divide it by the estimate, entry by entry. The ratios often name the
# mistake.
#
# **Predict:** what are the ratios for the three wrong claims?
#
# <details><summary>Answer</summary>
#
# For y − a they are −1: a sign. For (a − y)/3 they are 1/3: a factor, here that of a mean where a
# sum was meant. For −y(1 − a) the ratio is 1 at the true class and 0 at the others: the paths to
# the other logits are missing.
#
# </details>

# %%
for name, claim in claims.items():
    print(f"{name:32}", (claim / estimate).round(3) + 0.0)
assert np.allclose((y - a) / estimate, -1)
assert np.allclose(claims["(a − y)/3, a mean over classes"] / estimate, 1 / 3)
assert np.allclose(claims["−y(1 − a), the diagonal only"] / estimate, y)

# %% [markdown]
# ## One direction instead of a million entries
#
# A network has a million weights, and so a million entries to check, each with two forward passes.
# There is a short cut. Draw a random direction $v$ and look at the slope along it. The chain rule
# says that it is the dot product of gradient and direction:
#
# $$\frac{f(x + hv) - f(x - hv)}{2h} \approx \nabla f(x)\cdot v .$$
#
# Two forward passes judge all entries at once. If one entry is wrong, the dot product is wrong too
# unless $v$ is unlucky, and a random $v$ almost never is.

# %%
rng = np.random.default_rng(0)
for name, claim in claims.items():
    v = rng.standard_normal(3)
    slope = (loss(point + 1e-5 * v) - loss(point - 1e-5 * v)) / 2e-5
    print(f"{name:32} gradient · v = {claim @ v:8.5f}   slope along v = {slope:8.5f}")
    assert np.isclose(claim @ v, slope, rtol=1e-7) == (name == "a − y")

# %% [markdown]
# ## What a check can miss
#
# A check says "equal at this point". Here are four ways in which a wrong program passes.
#
# **1. The point is too nice.** At $z = (0, 0, 0)$ all activations are 1/3. A program that has 1/K
# in place of the activations is right there, and nowhere else. Check at random points, never at
# zeros or ones.


# %%
def flat(z):
    """Claim a wrong gradient: every activation is 1/K."""
    return np.full(3, 1 / 3) - y


at_zero = relative(flat(np.zeros(3)), central(loss, np.zeros(3), 1e-5))
elsewhere = relative(flat(point), central(loss, point, 1e-5))
print(f"at zero {at_zero:.0e}, elsewhere {elsewhere:.0e}")
assert at_zero < 1e-8 < 1e-2 < elsewhere

# %% [markdown]
# **2. A branch is never taken.** If all inputs of a ReLU are positive, nobody sees what happens
# below 0. Here is a rule that forgets the kink: it passes the gradient on for all inputs.


# %%
@tg.op(elementwise=True, rules=(lambda g, out, x: g,))
def leaking(x):
    """Compute max(x, 0), with a rule that ignores the condition."""
    return np.maximum(x, 0)


positive = tg.gradcheck(lambda x: leaking(x).sum(), [0.5, 1.0, 2.0])
mixed = tg.gradcheck(lambda x: leaking(x).sum(), [0.5, -1.0, 2.0])
print("all inputs positive:", positive.verdict)
print("one is negative:    ", mixed.verdict)
assert positive
assert not mixed

# %% [markdown]
# **3. The output hides it.** The activations always sum to 1, so the gradient of their sum is 0. A
# program that returns 0 for everything passes this check. Weight the outputs by random numbers
# before you sum them.


# %%
def dead(z, weights):
    """Claim that the gradient of the weighted sum of activations is 0."""
    return np.zeros(3)


for weights in (np.ones(3), rng.standard_normal(3)):
    estimate = central(lambda z, w=weights: w @ softmax(z), point, 1e-5)
    error = np.linalg.norm(dead(point, weights) - estimate)
    print(f"weights {weights.round(2)!s:22} error {error:.0e}")
    assert (error < 1e-10) == (weights == 1).all()

# %% [markdown]
# **4. The loss itself is wrong.** A check compares the gradient with the function that you wrote,
# and not with the one that you meant. Forget the minus of the cross-entropy in both, and
# everything agrees.


# %%
def wrong_loss(z):
    """Compute the cross-entropy without its minus."""
    return np.sum(y * np.log(softmax(z)))


agreement = relative(y - softmax(point), central(wrong_loss, point, 1e-5))
print(f"a wrong loss and its gradient: {agreement:.0e}")
assert agreement < 1e-8

# %% [markdown]
# There are also three ways in which a *right* gradient fails. At a kink there is no derivative to
# compare with. A number of single precision has 7 digits in place of 16. And where a function draws
# random numbers, as dropout does (chapter 13), the two values of a difference belong to two
# functions: hold the random numbers fixed while you check.

# %%
kink = tg.gradcheck(lambda x: tg.relu(x).sum(), [0.5, 0.0, 2.0])
print(kink.reason)
assert kink.verdict == "not differentiable here"


# %%
def single_loss(z):
    """Compute the loss in single precision."""
    return float(-np.log(softmax(z.astype(np.float32))[1]))


for h in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
    error = relative(claimed(point), central(single_loss, point, h))
    print(f"h = {h:.0e}: relative error {error:.0e}")
    assert error > 1e-6

# %% [markdown]
# ## gradcheck
#
# `tg.gradcheck(f, x)` does all this with care. It looks along random directions, weights the
# outputs at random, tries several steps and fits them, and so knows how large the error of each
# difference can be. It calls a derivative wrong only outside of that error. It checks the second
# derivatives as well.
#
# Is the library's own loss right?

# %%
report = tg.gradcheck(lambda z: tg.softmax_cross_entropy(z, y), point)
print(report)
assert report

# %% [markdown]
# The more interesting case is a mistake. *Swish* is an activation, $x\,\sigma(x)$ with the sigmoid
# $\sigma(x) = 1/(1 + e^{-x})$. Here its derivative is claimed to be $\sigma(x)$.
#
# **Predict:** what is missing?
#
# <details><summary>Answer</summary>
#
# The product rule has two terms. The second is $x\,\sigma'(x) = x\,\sigma(x)(1 - \sigma(x))$.
#
# </details>


# %%
@tg.op(elementwise=True, rules=(lambda g, out, x: g * tg.sigmoid(x),))
def swish(x):
    """Compute x times the sigmoid of x."""
    return x / (1 + np.exp(-x))


def network(x):
    """Compute something in which swish is one step of several."""
    return tg.log(1 + swish(2 * x) ** 2).sum()


report = tg.gradcheck(network, [0.5, -0.2, 2.0])
print(report.verdict, "because of", *report.blamed)
show(
    report,
    "08-report.html",
    alt="The report: all derivatives are wrong, and swish is to blame, a factor is left out.",
)
assert report.verdict == "wrong"
assert [blame.op for blame in report.blamed] == ["swish"]

# %% [markdown]
# The whole function was checked and found wrong. Then each operation was checked by itself, and
# one is to blame. So you need not search. The report also shows a map of the entries: each row is
# an output, each column an input.
#
# Mend the rule and check again. `out` is the value $x\,\sigma(x)$, which saves a product.


# %%
@swish.rule(0)
def _(g, out, x):
    return g * (tg.sigmoid(x) + out * (1 - tg.sigmoid(x)))


mended = tg.gradcheck(network, [0.5, -0.2, 2.0])
print(mended.verdict)
assert mended

# %% [markdown]
# ## Checked, or proved?
#
# Differences judge numbers at points. A formula can be judged by laws. `tg.check_answer` takes a
# claim about a gradient and says one of three things: *proved*, with the steps; *equal on all
# numbers tried*; or *different*, where, by how much, and which usual slip gives the same.

# %%
z = tg.Tensor(point, name="z")
a = tg.softmax(z)
L = -tg.sum(y * tg.log(a))
derivation = tg.derive(L, wrt=z)
for claim in ("a ⊙ (1 − y/a)", "y − a", "(a − y)/3"):
    print(tg.check_answer(derivation, claim))
    print()
assert tg.check_answer(derivation, "a ⊙ (1 − y/a)")
assert not tg.check_answer(derivation, "y − a")

# %% [markdown]
# A proof holds for all numbers that fulfil its assumptions, and a check holds for the numbers that
# were tried. But a proof is about a formula, while a check runs the program itself. Use both.

# %% [markdown]
# ## A habit
#
# 1. Write the gradient.
# 2. Check it on a *small* case: 3 inputs, 2 examples, double precision, no dropout.
# 3. Use a random point and random weights on the outputs.
# 4. Look at the relative error.
# 5. When it is right, train. A check belongs in the tests, not in the training loop.

# %% [markdown]
# ## Exercises

# %%
show(exercise("8.1"))

# %%
show(exercise("8.2"))

# %%
show(exercise("8.3"))

# %%
show(exercise("8.4"))
