# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 17. An operation of your own
#
# **Goal:** teach the library an operation that it does not have, with a rule for its gradient, and
# show that the rule is right: by differences, by a definition, and by a derivation through it.
#
# **Time:** 50 minutes.
#
# **Needs:** chapter 2 (the engine), chapter 3 (Jacobians), chapter 8 (checking gradients).

# %%
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## A loss between two losses
#
# The squared error is ruled by the largest residuals, and the absolute error has a kink at 0
# (chapter 12). There is a loss between them: $\log\cosh r$. For small residuals $r$ it is nearly
# $\tfrac12 r^2$, for large ones nearly $|r| - \log 2$, and it has no kink.

# %%
r = np.linspace(-4, 4, 200)
figure, (panel,) = panels(width=4.6, height=3.0)
panel.plot(r, r**2 / 2, "--", label="½r²")
panel.plot(r, abs(r), "--", label="|r|")
panel.plot(r, np.log(np.cosh(r)), label="log cosh r")
panel.set(xlabel="residual r", ylabel="loss", ylim=(0, 4))
panel.legend()
show(
    figure,
    "17-log-cosh.svg",
    alt="Half the square, the absolute value, and log cosh, which follows the square near 0 and "
    "runs parallel to the absolute value further out.",
)

# %% [markdown]
# The library has `log` and `cosh`, so the loss can be composed. Try it with a residual of 800.
#
# **Predict.** What does it give?
#
# <details><summary>Answer</summary>
#
# $\cosh 800$ is about $e^{800}/2$, which is too large for a floating-point number. The result is
# infinity, and the gradient is not a number. The right values are 799.3 and 1.
#
# </details>

# %%
far = tg.Tensor(800.0, name="r")
with np.errstate(over="ignore", invalid="ignore"):
    composed = tg.log(tg.cosh(far))
    print("log(cosh(800)):", composed.item(), "  gradient:", tg.gradients(composed, far))
assert np.isinf(composed.item())

# %% [markdown]
# So we want an operation that computes it well. On paper,
#
# $$\log\cosh r = \log\frac{e^{r} + e^{-r}}{2} = |r| + \log\big(1 + e^{-2|r|}\big) - \log 2 ,$$
#
# where no exponent is positive. And its derivative is simple:
#
# $$\frac{d}{dr}\log\cosh r = \frac{\sinh r}{\cosh r} = \tanh r .$$
#
# ## The declaration
#
# An operation consists of two things.
#
# - The **forward** gets arrays and returns an array. Here, and only here, you use NumPy.
# - One **rule** for each argument. It gets the gradient `g` of the result, the result `out`, and
#   what the forward got. It returns the gradient of its argument: $g$ times the local derivative.

# %%


@tg.op(elementwise=True, rules=(lambda g, out, r: g * tg.tanh(r),))
def log_cosh(r):
    """Smooth absolute error, log cosh r of every entry."""
    size = np.abs(r)
    return size + np.log1p(np.exp(-2 * size)) - np.log(2)


r = tg.Tensor([0.5, -2.0, 800.0], name="r")
L = tg.sum(log_cosh(r))
print("values:  ", log_cosh(r.data))
print("gradient:", tg.gradients(L, r))
assert_allclose(tg.gradients(L, r), np.tanh(r.data))

# %% [markdown]
# `elementwise=True` says that each entry of the result depends on one entry of the argument. Given
# an array, the operation returns an array; given a tensor, it records.
#
# ## Why the rule is written in operations
#
# The rule says `tg.tanh`, an operation of the library. It is read in several ways. With arrays it
# computes the gradient. With tensors it records the gradient, so that it can be differentiated
# again. With letters it writes the gradient down. You have typed one line, and get second
# derivatives and formulas.
#
# **Predict.** What is the second derivative of $\log\cosh r$?
#
# <details><summary>Answer</summary>
#
# The derivative of $\tanh r$, which is $1 - \tanh^2 r$.
#
# </details>

# %%
first = tg.derive(log_cosh(r), wrt=r)
second = tg.derive(tg.derive(tg.sum(log_cosh(r)), wrt=r), wrt=r)
print("first: ", first.result)
print("second:", second.result, "  as a matrix:", second.jacobian())
assert str(second.jacobian()) == "diag(1 − tanh(r)²)"
assert_allclose(tg.grad(tg.grad(log_cosh))(0.5), 1 - np.tanh(0.5) ** 2)

# %% [markdown]
# `np.tanh` would do as well: given a tensor or a letter, it is answered by `tg.tanh`. A function
# that only knows numbers, like `np.interp`, which looks values up in a table, gives a gradient, and
# fails where the other readings begin:

# %%


at = np.linspace(-5, 5, 1001)


@tg.op(elementwise=True, rules=(lambda g, out, r: g * np.interp(r, at, np.tanh(at)),))
def careless(r):
    return np.log(np.cosh(r))


small = tg.Tensor([0.5, -2.0], name="r")
assert_allclose(tg.gradients(tg.sum(careless(small)), small), np.tanh(small.data))
try:
    tg.derive(careless(small), wrt=small)
except TypeError as error:
    print("TypeError:", error)
else:
    raise AssertionError("a table was read as a formula")

# %% [markdown]
# ## First check: differences
#
# A rule is a claim, and you know how to test it from chapter 8. `gradcheck` compares it with
# differences along random directions, for the first and the second order.

# %%
report = tg.gradcheck(lambda r: tg.sum(log_cosh(r)), [0.5, -2.0, 3.0])
print(report)
assert report

# %% [markdown]
# ## Second check: a definition
#
# Differences know nothing of what you *meant*. If the forward computed $\log\sinh$ with a right
# rule for it, `gradcheck` would be content. So say what the operation means, in simpler ones. This
# is its *definition*. It need not be a good way to compute.

# %%


@log_cosh.defined_as
def _(r):
    return tg.log(tg.cosh(r))


report = tg.check_definition(log_cosh)
print(report.verdict)
assert report

# %% [markdown]
# Now values *and* gradients of the fused operation are compared with those of the definition, on
# numbers of several sizes. A forward that computes something else is found:

# %%


@tg.op(elementwise=True, rules=(lambda g, out, r: g * tg.tanh(r),))
def forgot_the_two(r):
    return np.abs(r) + np.log1p(np.exp(-2 * np.abs(r)))  # log 2 is missing


@forgot_the_two.defined_as
def _(r):
    return tg.log(tg.cosh(r))


assert tg.gradcheck(lambda r: tg.sum(forgot_the_two(r)), [0.5, -2.0])  # a constant has no gradient
report = tg.check_definition(forgot_the_two)
print(report.verdict)
assert not report

# %% [markdown]
# ## A proof: the derivation
#
# With a definition there is more. `derive` opens the operation, goes back through `log` and `cosh`
# by *their* rules, and simplifies by named laws. Your rule is not used at all. If the result is
# your rule, then the rule is a theorem.
#
# **Predict.** Which law is needed to get from $\frac{\sinh r}{\cosh r}$ to the rule?
#
# <details><summary>Answer</summary>
#
# The definition of tanh.
#
# </details>

# %%
derivation = tg.derive(log_cosh(small), wrt=small)
print(derivation.text())
assert str(derivation.result) == "g ⊙ tanh(r)"
assert_allclose(derivation.result.evaluate({"g": np.ones(2)}), np.tanh(small.data))

# %% [markdown]
# The three see different things. Differences test the rule against the forward, at some
# points. The definition tests both against what you meant. The derivation proves the rule from the
# definition, for all numbers where each step holds.

# %% [markdown]
# ## When entries depend on each other
#
# For an elementwise operation, the rule multiplies $g$ by a derivative, entry by entry. As soon as
# an entry of the result depends on several entries of the argument, there is a Jacobian. Take a
# layer that many networks have today. It divides a vector by its *root mean square*, so that the
# mean of the squares becomes 1:
#
# $$\text{out} = \frac{x}{s}, \qquad s = \sqrt{\tfrac1K\sum_k x_k^2} .$$
#
# Somebody writes the rule of a division, $g/s$, and forgets that $s$ depends on $x$ as well.

# %%


@tg.op(rules=(lambda g, out, x: g / tg.sqrt(tg.mean(x**2)),))
def rms_norm(x):
    """Divide a vector by its root mean square."""
    return x / np.sqrt(np.mean(x**2))


weights = np.array([1.0, 2.0, 3.0])
report = tg.gradcheck(lambda x: tg.sum(weights * rms_norm(x)), [0.5, -0.2, 2.0])
print(report.verdict, "–", *report.blamed)
assert not report

# %% [markdown]
# It is wrong, and we know which operation is to blame. Now derive the right rule. Each $x_j$ works
# on two ways: as the numerator of $\text{out}_j$, and through $s$ on all entries. From
# $\partial s/\partial x_j = x_j/(Ks)$,
#
# $$\frac{\partial\,\text{out}_k}{\partial x_j} = \frac{\delta_{kj}}{s} -
# \frac{x_k}{s^2}\cdot\frac{x_j}{Ks}
# = \frac1s\Big(\delta_{kj} - \tfrac1K\,\text{out}_k\,\text{out}_j\Big) .$$
#
# The rule multiplies by $g_k$ and sums over $k$ (chapter 3):
#
# $$\sum_k g_k \frac{\partial\,\text{out}_k}{\partial x_j}
# = \frac1s\Big(g_j - \text{out}_j\cdot\tfrac1K\sum_k g_k\,\text{out}_k\Big) .$$
#
# A rule of your own operation can be replaced:

# %%


@rms_norm.rule(0)
def _(g, out, x):
    return (g - out * tg.mean(g * out)) / tg.sqrt(tg.mean(x**2))


report = tg.gradcheck(lambda x: tg.sum(weights * rms_norm(x)), [0.5, -0.2, 2.0])
x = tg.Tensor([0.5, -0.2, 2.0], name="x")
print(report.verdict)
print("Jacobian:", tg.derive(rms_norm(x), wrt=x).jacobian())
assert report

# %% [markdown]
# Compare with the Jacobian of softmax, $\mathrm{diag}(a) - a a^\top$. Both subtract an outer
# product of the output with itself. In both cases that is the price of a constraint: softmax keeps
# the sum at 1, and this layer keeps the mean square at 1.
#
# **Predict.** What is the gradient of $\sum_k \text{out}_k^2$ by $x$?
#
# <details><summary>Answer</summary>
#
# Zero. The sum is $K$, whatever $x$ is.
#
# </details>

# %%
constant = tg.gradients(tg.sum(rms_norm(x) ** 2), x)
print(constant)
assert_allclose(constant, 0, atol=1e-15)

# %% [markdown]
# ## Several arguments, and constants
#
# An operation with two arguments has two rules. `None` in the place of a rule says that an argument
# is a constant: labels, masks, indices. Here is the *pinball loss*. It is $q$ times the
# error where the prediction $h$ is too low, and $1 - q$ times the error where it is too high. Its
# mean is least where a share $q$ of the targets lies below $h$. The targets are a constant.

# %%


@tg.op(rules=(lambda g, out, h, y, q: g * tg.where(h < y, -q, 1 - q), None, None))
def pinball(h, y, q):
    return np.where(h < y, q * (y - h), (1 - q) * (h - y))


targets = np.random.default_rng(0).normal(size=1000)
h = tg.Tensor(0.0, name="h")
for _ in range(500):
    h.data = h.data - 0.1 * tg.gradients(tg.mean(pinball(h, targets, 0.9)), h)
below = (targets < h.data).mean()
print(f"h = {h.item():.3f}: {below:.1%} of the targets lie below")
assert abs(below - 0.9) < 0.01

# %% [markdown]
# The gradient is $-q$ for each target above $h$ and $1 - q$ for each below. It is zero where the
# two balance, which is at the 90 per cent quantile. So the loss decides what $h$ becomes: with this
# one a quantile, with the squared error the mean.

# %% [markdown]
# ## A habit
#
# In a project, an operation comes with a test. One line is enough, and it fails with a report that
# names the operation and, if the slip is a usual one, the slip.

# %%
tg.assert_gradients(lambda r: tg.sum(log_cosh(r)), [0.5, -2.0, 3.0])
tg.assert_gradients(lambda x: tg.sum(weights * rms_norm(x)), [0.5, -0.2, 2.0])
assert_array_equal(log_cosh(np.zeros(2)), np.zeros(2))

# %% [markdown]
# ## What to take with you
#
# - An operation is a forward in NumPy, and for each argument a rule in operations of the library.
# - One rule is read as numbers, as a graph and as a formula.
# - `gradcheck` tests the rule, `check_definition` tests the meaning, `derive` proves the rule.
# - If entries depend on each other, a rule sums over a Jacobian.
#
# ## Exercises

# %%
show(exercise("17.1"))

# %%
show(exercise("17.2"))

# %%
show(exercise("17.3"))
