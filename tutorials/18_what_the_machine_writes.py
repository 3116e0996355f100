# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 18. What the machine writes
#
# **Goal:** read the program behind a gradient in three forms, as it is recorded, as it is compiled,
# and as it is derived, and see what your derivation of $a - y$ is worth to a computer.
#
# **Time:** 40 minutes.
#
# **Needs:** chapter 2 (the engine), chapter 7 (a − y), chapter 10 (stability), chapter 11 (training
# on Iris).

# %%
import timeit

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.data import load_iris, standardize
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)


def lines_of(program):
    """Count the lines of a program that compute something."""
    return sum(" = " in line for line in program.source.partition("def program")[2].splitlines())


# %% [markdown]
# ## One loss, computed eagerly
#
# So far each operation was computed at once, when Python came to it. This is called *eager*. Along
# with each number a vertex of the graph was made, and `backward` walked over the vertices. Here is
# the loss of chapter 7 again, as a function.

# %%
y = np.array([0.0, 1.0, 0.0])


def loss(z):
    e = tg.exp(z)
    return -tg.sum(y * tg.log(e / tg.sum(e)))


z = np.array([1.47, -0.39, 0.22])
eager = tg.grad(loss)
print("a − y =", eager(z))
recorded = tg.Tensor(z, name="z")
show(
    tg.draw(loss(recorded), backward=True),
    "18-recorded.svg",
    alt="The graph of the loss in solid lines, and in dashed lines what the backward pass adds to "
    "it to compute the gradient.",
)

# %% [markdown]
# Every call does the same work again: it makes the vertices, orders them, looks up the rules. On
# three numbers this housekeeping takes far more time than the arithmetic.
#
# ## The same loss as a program
#
# The rules of the operations can be fed with arrays, with tensors and with letters. There is a
# fourth thing: *names*. A name has a shape and no numbers. Feed the loss with the name `z` of a
# vector of three, and each operation, instead of computing, writes down the line of NumPy that
# would compute. So do the rules on the way back. What comes out is a program.

# %%
compiled = tg.compile(tg.grad(loss))
print(compiled(z))
print(compiled.source)

# %% [markdown]
# Read `program` from its first line. (The function above it is a helper that it calls.) The first
# three lines are the forward pass: `exp`, the sum, the quotient.
# The logarithm and the loss itself are missing. Nobody asked for them, and the gradient does not
# need them. The backward pass follows, line by line, as you would do it by hand: $-y/a$, the two
# ways through the quotient, an addition where they meet, and last the factor $e^z$. The constant
# `c1` is $-y$, computed once while the program was written.
#
# **Predict.** Does this program give the same numbers as the eager gradient: to ten digits, or to
# the last bit?
#
# <details><summary>Answer</summary>
#
# To the last bit. The program makes the same operations in the same order. Only changes that keep
# every rounding are made: what nobody needs is left out, and what is computed twice is computed
# once.
#
# </details>

# %%
rng = np.random.default_rng(0)
for _ in range(100):
    point = rng.normal(0, 3, 3)
    assert_array_equal(compiled(point), eager(point))
print("100 points, the same bits")

# %% [markdown]
# ## The same loss, derived first
#
# On paper you did not go back through the logarithm. You found $a - y$. The library finds it, too,
# and with `derive=True` it writes the program from the *formula*.
#
# **Predict.** How many lines does this program need?
#
# <details><summary>Answer</summary>
#
# Four: the exponentials, their sum, the quotient, and the difference.
#
# </details>

# %%
derived = tg.compile(tg.grad(loss), derive=True)
print(derived(z))
print(derived.source)
print(f"{lines_of(compiled)} lines from the rules, {lines_of(derived)} from the formula")
assert lines_of(derived) == 4
assert lines_of(compiled) > 2 * lines_of(derived)
assert_allclose(derived(z), eager(z), rtol=1e-12)

# %% [markdown]
# It is plain NumPy. You can save it to a file and run it where this library is not installed. What
# the function closed over, here the targets, the program takes by keyword.

# %%
namespace = {}
exec(derived.source, namespace)
print(namespace["program"](z, y=y))
assert_array_equal(namespace["program"](z, y=y), derived(z))

# %% [markdown]
# This is what the derivation is worth. The two programs are equal as mathematics and not as
# programs: the short one divides nothing by $a$. So it rounds less, and it has fewer places where
# something can go wrong.
#
# **Predict.** The logits are $(800, 0, 0)$ minus their maximum, so $(0, -800, -800)$, and the
# second class is right. What do the two programs give? Think of $a_2$ as a floating-point number.
#
# <details><summary>Answer</summary>
#
# $e^{-800}$ is smaller than the smallest floating-point number, so $a_2 = 0$. The long program
# computes $y_2/a_2 = 1/0$, and ends in NaN. The short one says $(1, -1, 0)$, which is right to all
# digits.
#
# </details>

# %%
sure_and_wrong = np.array([0.0, -800.0, -800.0])
with np.errstate(all="ignore"):
    print("from the rules:  ", compiled(sure_and_wrong))
print("from the formula:", derived(sure_and_wrong))
assert_array_equal(derived(sure_and_wrong), [1, -1, 0])

# %% [markdown]
# The derivation uses $\sum_k y_k = 1$, and it may. The targets are an array that the program holds,
# and their sum was looked at. Make them an argument, and nobody knows what will come.
#
# **Predict.** What changes in the program if the targets are an argument?
#
# <details><summary>Answer</summary>
#
# The gradient is $a\sum_k y_k - y$. The program has to compute the sum and a product: two more
# lines.
#
# </details>

# %%


def with_targets(z, t):
    e = tg.exp(z)
    return -tg.sum(t * tg.log(e / tg.sum(e)))


general = tg.compile(tg.grad(with_targets), derive=True)
print(general(z, y))
print(general.source)
assert lines_of(general) == lines_of(derived) + 2
assert_allclose(general(z, 2 * y), 2 * general(z, y), rtol=1e-12)

# %% [markdown]
# Nothing was assumed of $t$, so the program is right for twice the targets, too.

# %% [markdown]
# ## A layer on Iris
#
# Now the loss of chapter 11: a layer, softmax, cross-entropy, the mean over $N = 150$ flowers.
# First from the rules:

# %%
iris = load_iris()
X, Y = standardize(iris.features), tg.one_hot(iris.labels, classes=3)


def layer_loss(W, b):
    E = tg.exp(X @ W + b)
    A = E / tg.sum(E, axis=1, keepdims=True)
    return -tg.mean(tg.sum(Y * tg.log(A), axis=1))


W, b = rng.normal(size=(4, 3)), np.zeros(3)
gradient = tg.grad(layer_loss, argnum=(0, 1))
from_rules = tg.compile(gradient)
for each, wanted in zip(from_rules(W, b), gradient(W, b), strict=True):
    assert_array_equal(each, wanted)
print(from_rules.source.partition("def program")[2])

# %% [markdown]
# **Predict.** You derived the gradients of this layer in chapter 11. Write the program that you
# would write by hand. Then compare.
#
# <details><summary>Answer</summary>
#
# With $\Delta = A - Y$ it is $X^\top\Delta/N$ for the weights and the column sums of $\Delta$,
# divided by $N$, for the biases.
#
# </details>

# %%
from_formulas = tg.compile(gradient, derive=True)
for each, wanted in zip(from_formulas(W, b), gradient(W, b), strict=True):
    assert_allclose(each, wanted, rtol=1e-9, atol=1e-12)
print(from_formulas.source.partition("def program")[2])
print(f"{lines_of(from_rules)} lines from the rules, {lines_of(from_formulas)} from the formulas")
assert lines_of(from_formulas) < lines_of(from_rules)

# %% [markdown]
# Both gradients share $A - Y$, and it is computed once.

# %% [markdown]
# ## What it costs
#
# We measure all three, and a version that a person would write. Times depend on the machine and on
# what else it does, so no number stands here in the text. Look at the order.


# %%
def by_hand(W, b):
    E = np.exp(X @ W + b)
    delta = (E / E.sum(axis=1, keepdims=True) - Y) / len(X)
    return X.T @ delta, delta.sum(axis=0)


for name, function in (
    ("eager", gradient),
    ("compiled", from_rules),
    ("derived", from_formulas),
    ("by hand", by_hand),
):
    best = min(timeit.repeat(lambda f=function: f(W, b), number=50, repeat=5)) / 50
    print(f"{name:9} {best * 1e6:7.1f} µs")
for each, wanted in zip(by_hand(W, b), gradient(W, b), strict=True):
    assert_allclose(each, wanted, rtol=1e-9, atol=1e-12)

# %% [markdown]
# Compiling takes away the housekeeping. Deriving takes away arithmetic. What remains is close to
# what you would write by hand.
#
# For large arrays the housekeeping no longer counts, and all four come closer to each other. The
# arithmetic is then the same few matrix products.

# %% [markdown]
# ## What a program cannot do
#
# A program is written once, for arrays of given shapes, and then run many times. So it must not
# depend on the *values*. An `if` on a value is refused, with a way out.


# %%
def absolute(x):
    return x if x > 0 else -x


try:
    tg.compile(absolute)(np.array(-3.0))
except TypeError as error:
    print(error)
else:
    raise AssertionError("an if on a value was compiled")

choice = tg.compile(lambda x: tg.where(x > 0, x, -x))
print(choice(np.array(-3.0)))
assert choice(np.array(-3.0)) == 3

# %% [markdown]
# A new shape is no obstacle: the function is traced again, and there is a program for each shape.
# And `train.fit` computes its steps in this way. You have run compiled programs whenever you called
# it.

# %%
assert compiled(np.zeros(3)).shape == (3,)
sum_of_squares = tg.compile(tg.grad(lambda x: tg.sum(x**2)))
print(sum_of_squares(np.ones(2)), sum_of_squares(np.ones(4)))
assert_array_equal(sum_of_squares(np.ones(4)), 2 * np.ones(4))

# %% [markdown]
# ## One declaration, four readings
#
# You have now seen each operation of this book read in four ways. Its rule was declared once.
#
# | the rule is fed with | it gives |
# |---|---|
# | arrays | numbers: the gradient |
# | tensors | a graph: the gradient of the gradient |
# | letters | a formula: a − y |
# | names | a program |
#
# So a formula can never disagree with the gradient that is computed, nor a program with the
# formula.
#
# ## What to take with you
#
# - Eager means: compute at once, and record. Compiling means: write down once, and run many times.
# - A compiled gradient has the same bits as the eager one.
# - A derived gradient is shorter, and it may be more accurate: nothing is divided by $a$.
# - An assumption such as $\sum_k y_k = 1$ is used for arrays that the program holds, not for
#   arguments.
#
# ## Exercises

# %%
show(exercise("18.1"))

# %%
show(exercise("18.2"))
