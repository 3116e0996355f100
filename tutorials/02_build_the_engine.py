# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 2. Build the engine
#
# **Goal:** write a program that differentiates other programs: a value that remembers how it was
# made, and a backward pass, in some fifty lines. Compare it with the library's.
#
# **Time:** 60 minutes. Type the cells yourself; it is worth it.
#
# **Needs:** chapter 1; Python's classes and operators.

# %%
import itertools
import math

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

# %% [markdown]
# ## A number that remembers
#
# We need to know three things about each value: what it is, which arrows lead into it, and, later,
# the gradient of the output with respect to it. An arrow is where it starts, and its local
# derivative. That is the whole class.

# %%
serial_numbers = itertools.count()


class Number:
    def __init__(self, value, arrows=()):
        self.value = value
        self.arrows = arrows  # pairs: (the Number an arrow starts from, its local derivative)
        self.grad = 0.0
        self.serial = next(serial_numbers)  # 0, 1, 2, … as they are made


# %% [markdown]
# The serial number will pay off soon.
#
# ## The table, in code
#
# Each row of chapter 1's table becomes a function. It computes the value, and notes the arrows.


# %%
def add(u, v):
    return Number(u.value + v.value, [(u, 1.0), (v, 1.0)])


def multiply(u, v):
    return Number(u.value * v.value, [(u, v.value), (v, u.value)])


def exp(u):
    out = math.exp(u.value)
    return Number(out, [(u, out)])


# %% [markdown]
# **Predict:** write the function `divide` before you look. Which two arrows lead into $u/v$?
#
# <details><summary>Answer</summary>
#
# From $u$ with $1/v$, and from $v$ with $-u/v^2$. With the result $q = u/v$ at hand, the second is
# $-q/v$.
#
# </details>


# %%
def divide(u, v):
    out = u.value / v.value
    return Number(out, [(u, 1 / v.value), (v, -out / v.value)])


def log(u):
    return Number(math.log(u.value), [(u, 1 / u.value)])


# %% [markdown]
# We want to write `x * x + 3 * x`, not `add(multiply(x, x), multiply(Number(3.0), x))`. Python
# calls `x.__mul__(y)` for `x * y`, and `y.__rmul__(x)` where `x` is a plain number. A plain number
# becomes a Number without arrows. Minus needs no function of its own: $-u$ is $-1 \cdot u$, and
# $u - v$ is $u + (-v)$.


# %%
def number(x):
    return x if isinstance(x, Number) else Number(x)


Number.__add__ = lambda u, v: add(u, number(v))
Number.__radd__ = lambda u, v: add(number(v), u)
Number.__mul__ = lambda u, v: multiply(u, number(v))
Number.__rmul__ = lambda u, v: multiply(number(v), u)
Number.__truediv__ = lambda u, v: divide(u, number(v))
Number.__rtruediv__ = lambda u, v: divide(number(v), u)
Number.__neg__ = lambda u: -1.0 * u
Number.__sub__ = lambda u, v: u + -number(v)
Number.__rsub__ = lambda u, v: number(v) + -u

x = Number(2.0)
f = x * x + 3 * x
print(f.value)
assert f.value == 10

# %% [markdown]
# Nothing was differentiated yet. But `f` knows its arrows, and their starts know theirs, so the
# whole graph can be reached from `f`.
#
# ## Going back: a first try
#
# The rule of chapter 1 was: add up over all paths. So walk all paths. A node that is sent a
# gradient adds it to its own, and sends it on along each of its arrows, multiplied by the local
# derivative.

# %%
calls = 0


def send(node, g):
    global calls
    calls += 1
    node.grad += g
    for start, local in node.arrows:
        send(start, g * local)


send(f, 1.0)
print(f"∂f/∂x = {x.grad}")
assert x.grad == 7

# %% [markdown]
# It is right, and short. But it walks each path by itself.
#
# **Predict:** start with $x$ and double it ten times by `x = x + x`. How many calls of `send` will
# that take? And if we double it a hundred times?
#
# <details><summary>Answer</summary>
#
# The output is 1 call, its two arrows 2 calls, then 4, and so on: $1 + 2 + 4 + \dots + 2^{10} =
# 2^{11} - 1 = 2047$. For a hundred it is about $2.5 \cdot 10^{30}$, and the computation itself has
# only a hundred additions.
#
# </details>

# %%
x = Number(1.0)
doubled = x
for _ in range(10):
    doubled = doubled + doubled
calls = 0
send(doubled, 1.0)
print(f"gradient {x.grad:.0f}, {calls} calls of send for 10 additions")
assert (x.grad, calls) == (1024, 2**11 - 1)

# %% [markdown]
# ## Going back: the order matters
#
# So visit each node once: first collect what arrives at it, then hand on the sum. The catch is the
# word *first*. Let us visit nodes simply in the order in which we come across them.


# %%
def in_order_found(output):
    order = [output]
    for node in order:  # the list grows while we walk along it
        order += [start for start, _ in node.arrows if start not in order]
    return order


def go_back(order):
    order[0].grad = 1.0
    for node in order:
        for start, local in node.arrows:
            start.grad += node.grad * local


x = Number(3.0)
u = 2 * x
f = u + u * u
go_back(in_order_found(f))
print(f"∂f/∂x = {x.grad}")

# %% [markdown]
# **Predict:** this is wrong. What is the right derivative, and what went wrong?
#
# <details><summary>Answer</summary>
#
# $f = 2x + 4x^2$, so $f' = 2 + 8x = 26$ at $x = 3$. We came to `u` before `u * u`, since an arrow
# leads from `u` straight to `f`. So `u` handed its gradient on when it had only the 1 of the sum;
# the $2u = 12$ that came through `u * u` arrived too late to be handed on.
#
# </details>

# %%
assert x.grad == 2  # too little
assert u.grad == 1 + 2 * 6  # all of it has arrived here, too late

# %% [markdown]
# A node may hand on its gradient only when everything that *uses* it has done so. Here the serial
# number pays off. A value can be made only from values that are there already, so whatever uses a
# node is younger than the node. Go from the youngest to the oldest, and nothing comes too late.


# %%
def youngest_first(output):
    found, waiting = {output}, [output]
    while waiting:
        for start, _ in waiting.pop().arrows:
            if start not in found:
                found.add(start)
                waiting.append(start)
    return sorted(found, key=lambda node: node.serial, reverse=True)


def backward(output):
    output.grad = 1.0
    for node in youngest_first(output):
        for start, local in node.arrows:
            start.grad += node.grad * local


x = Number(3.0)
u = 2 * x
f = u + u * u
backward(f)
print(f"∂f/∂x = {x.grad}")
assert x.grad == 26

x = Number(1.0)
doubled = x
for _ in range(100):
    doubled = doubled + doubled
backward(doubled)
assert x.grad == 2.0**100  # a hundred doublings, and no wait

# %% [markdown]
# Look at `backward` once more. It is the box "The backward pass" of chapter 1, line by line. It
# says `+=` and not `=`, because paths meet.
#
# ## Is it right?
#
# One example proves little. Let us build 200 random computations, run each through our engine and
# through the library's, and compare all gradients. Both understand the same operators, so one
# function serves both.


# %%
def random_computation(x, y, exp, rng):
    values = [x, y]
    for _ in range(12):
        u, v = (values[i] for i in rng.integers(len(values), size=2))
        steps = [u + v, u - v, u * v, u / (1 + v * v), exp(-(u * u))]
        values.append(steps[rng.integers(len(steps))])
    return values[-1] + x + y


for seed in range(200):
    x0, y0 = np.random.default_rng(seed).uniform(-1, 1, size=2)
    x, y = Number(x0), Number(y0)
    backward(random_computation(x, y, exp, np.random.default_rng(seed)))
    t, s = tg.Tensor(x0), tg.Tensor(y0)
    random_computation(t, s, tg.exp, np.random.default_rng(seed)).backward()
    assert_allclose([x.grad, y.grad], [t.grad, s.grad], rtol=1e-9, atol=1e-12)
print("200 computations, all gradients agree")

# %% [markdown]
# ## It learns
#
# Let a unit of chapter 1, with two inputs, learn the logical *or*. The loop has five steps, and it
# is the same loop for every network:
#
# 1. *initialise* the weights, then again and again:
# 2. *forward*: compute the outputs,
# 3. compute the *loss*,
# 4. *backward*: compute the gradients,
# 5. *update*: step against the gradient.

# %%
examples = [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((1, 1), 1)]
weights = [Number(0.1), Number(-0.1), Number(0.0)]  # 1: two weights and a bias


def unit(inputs):
    w1, w2, b = weights
    return 1 / (1 + exp(-(w1 * inputs[0] + w2 * inputs[1] + b)))


losses = []
for _ in range(500):
    outputs = [unit(inputs) for inputs, _ in examples]  # 2
    differences = [a - y for a, (_, y) in zip(outputs, examples, strict=True)]
    loss = sum(d * d for d in differences) / 2  # 3
    backward(loss)  # 4
    for w in weights:  # 5
        w.value -= 1.0 * w.grad
        w.grad = 0.0
    losses.append(loss.value)

print(f"loss {losses[0]:.3f} → {losses[-1]:.3f}")
for inputs, y in examples:
    print(inputs, f"should be {y}, is {unit(inputs).value:.2f}")
assert losses[-1] < 0.03 < losses[0]
assert all(round(unit(inputs).value) == y for inputs, y in examples)

# %% [markdown]
# **Predict:** what happens without the line `w.grad = 0.0`?
#
# <details><summary>Answer</summary>
#
# `backward` adds, so each step would use the sum of all gradients so far: the slopes of places
# that the weights have left long ago. The steps grow, and overshoot. It is a common mistake in a
# training loop.
#
# </details>
#
# ## From numbers to arrays
#
# A network has arrays, not single numbers. What has to change? Only the arrow. Between two arrays
# there is not one local derivative, but one for each pair of entries: a table that may be huge. We
# do not need the table itself, only what it does to a gradient on the way back. So an arrow holds a
# function, its *rule*: it takes the gradient `g` of the result, and returns what arrives at the
# start.
#
# | before | now |
# |---|---|
# | `(u, v.value)` | `(u, lambda g: g * v.value)` |
# | `start.grad += node.grad * local` | `start.grad += rule(node.grad)` |
#
# One new thing happens with arrays: NumPy *broadcasts*. In `X + 5` the 5 is used once for every
# entry of `X`. Used many times means many paths, and where paths meet, gradients add. So a gradient
# that arrives larger than its node is summed to the node's shape.


# %%
def unbroadcast(g, shape):
    """Add up what belongs to the same entry of an array of this shape."""
    while g.ndim > len(shape):
        g = g.sum(axis=0)
    for axis, length in enumerate(shape):
        if length == 1:
            g = g.sum(axis=axis, keepdims=True)
    return g


print(unbroadcast(np.ones((4, 3)), (3,)), unbroadcast(np.ones((4, 3)), (4, 1)).ravel())
assert_array_equal(unbroadcast(np.ones((4, 3)), ()), 12)

# %% [markdown]
# Here is the whole engine for arrays. Only `total`, the sum of all entries, is new: it moves with
# each entry at the rate 1, so it hands `g` to every entry.


# %%
class Node:
    """An array that remembers the arrows into it: pairs of a Node and a rule."""

    __array_ufunc__ = None  # NumPy leaves `array * node` to us

    def __init__(self, value, arrows=()):
        self.value = np.asarray(value, dtype=float)
        self.arrows = arrows
        self.grad = np.zeros(self.value.shape)
        self.serial = next(serial_numbers)

    def __add__(self, other):
        u, v = self, node(other)
        return Node(u.value + v.value, [(u, lambda g: g), (v, lambda g: g)])

    def __mul__(self, other):
        u, v = self, node(other)
        return Node(u.value * v.value, [(u, lambda g: g * v.value), (v, lambda g: g * u.value)])

    def __truediv__(self, other):
        u, v = self, node(other)
        out = u.value / v.value
        return Node(out, [(u, lambda g: g / v.value), (v, lambda g: -g * out / v.value)])

    __radd__, __rmul__ = __add__, __mul__

    def __rtruediv__(self, other):
        return node(other) / self

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -node(other)

    def __rsub__(self, other):
        return node(other) - self

    def backward(self):
        self.grad = np.ones(self.value.shape)
        for end in youngest_first(self):
            for start, rule in end.arrows:
                start.grad = start.grad + unbroadcast(rule(end.grad), start.value.shape)


def node(x):
    return x if isinstance(x, Node) else Node(x)


def exponential(u):
    out = np.exp(u.value)
    return Node(out, [(u, lambda g: g * out)])


def logarithm(u):
    return Node(np.log(u.value), [(u, lambda g: g / u.value)])


def total(u):
    return Node(u.value.sum(), [(u, lambda g: g * np.ones(u.value.shape))])


# %% [markdown]
# ## The same loss, in both engines
#
# As a test we take the loss that this book is about. You need not understand it yet; chapters 5 and
# 6 explain it. Three numbers $z$ are turned into positive numbers $a$ that sum to 1, and compared
# with $y$:
#
# $$e = \exp(z), \qquad a = \frac{e}{\sum e}, \qquad L = -\sum y \log a.$$

# %%
logits, y = [1.47, -0.39, 0.22], np.array([0.0, 1.0, 0.0])

z = Node(logits)
e = exponential(z)
a = e / total(e)
L = -total(y * logarithm(a))
L.backward()
mine = z.grad

z = tg.Tensor(logits)
e = tg.exp(z)
a = e / tg.sum(e)
L = -tg.sum(y * tg.log(a))
L.backward()

print("your engine:  ", mine.round(6))
print("the library:  ", z.grad.round(6))
print("a − y:        ", (a.data - y).round(6))
assert_allclose(mine, z.grad, rtol=1e-12)
assert_allclose(mine, a.data - y)

# %% [markdown]
# The two engines agree. And the gradient is $a - y$, which is a surprise: it went back through a
# logarithm, a division, a sum and an exponential. The next chapters show why all of that cancels.

# %%
show(
    tg.draw(L),
    "02-loss.svg",
    alt="The graph of the loss, from z through exp, a sum, a division and a logarithm to L. Two "
    "paths lead from e to a: straight, and through the sum. Each node has its gradient after ∇.",
)

# %% [markdown]
# ## What the library does more
# Your engine works like the library's. Open `tinygrad_edu/core/backward.py`: the function
# `propagate` is your `backward`, with the same order, and `unbroadcast` has the same name. What
# the library adds:
# - more rows in the table: matrix products, maxima, norms, indexing;
# - messages that say what is wrong when a shape does not fit;
# - one new idea: **a rule is written once and read in several ways.** Your rule
#   `lambda g: g * v.value` works on arrays only. Feed a rule with Tensors, and the gradient has a
#   graph, so it can be differentiated again. Feed it with letters, and it writes a formula. Then
#   the library can derive $a - y$ instead of only computing it.
#
# `tutorials/micro.py` has all three readings in one file.

# %%
print("∂L/∂z =", tg.derive(L, wrt=z).result)
assert str(tg.derive(L, wrt=z).result) == "a − y"

# %% [markdown]
# ## What to take with you
#
# - A value remembers the arrows into it; an arrow has a start and a rule.
# - Going back from the youngest to the oldest node, nothing arrives too late.
# - Gradients are added, because paths meet. Broadcasting makes paths, too.
#
# ## Exercises

# %%
show(exercise("2.1"))

# %%
show(exercise("2.2"))

# %%
show(exercise("2.3"))

# %%
show(exercise("2.4"))

# %%
show(exercise("2.5"))
