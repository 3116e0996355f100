# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 1. Derivatives on a graph
#
# **Goal:** read a computation as a graph, and find every derivative in it: multiply along paths,
# add where paths meet.
#
# **Time:** 45 minutes.
#
# **Needs:** the derivatives of x², eˣ and log x; some Python.

# %%
import itertools
import math

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

# %% [markdown]
# ## What a derivative says
#
# Take $f(x) = x^2 + 3x$ at $x = 2$. Nudge $x$ by a small $h$ and watch how far $f$ moves,
# compared with $h$.


# %%
def polynomial(x):
    return x * x + 3 * x


for h in (0.1, 0.01, 0.001):
    change = polynomial(2 + h) - polynomial(2)
    print(f"x moves by {h:<6} f moves by {change:.6f}   ratio {change / h:.4f}")
assert_allclose(change / h, 7, atol=0.002)

# %% [markdown]
# The ratio approaches 7, which is $f'(2) = 2\cdot 2 + 3$. So a derivative is an exchange rate:
# near $x = 2$, one small unit of $x$ buys seven of $f$.
#
# **Predict:** $f(2) = 10$. What is $f(2.0001)$, to four decimals, without computing it?
#
# <details><summary>Answer</summary>
#
# $f$ moves by about $7 \cdot 0.0001 = 0.0007$, so $f(2.0001) \approx 10.0007$.
#
# </details>

# %%
print(f"{polynomial(2.0001):.4f}")
assert f"{polynomial(2.0001):.4f}" == "10.0007"

# %% [markdown]
# ## A computation is a graph
#
# A computer does not see the formula $x^2 + 3x$. It multiplies, multiplies again, and adds: three
# small steps. If it writes down each step and what went into it, it has a *graph*. The values are
# the nodes, and an arrow leads from each value to the step that uses it.
#
# In this library a `Tensor` is a value that remembers how it was computed.

# %%
x = tg.Tensor(2.0)
square = x * x
f = square + 3 * x

print(f"f is {f.item()}, made by the step '{f.op.name}' from {len(f.args)} values")
assert f.item() == 10
assert f.op.name == "add"
assert f.args[0] is square
assert x.op is None  # nothing computed x: it is where the graph begins

show(
    tg.draw(f),
    "01-graph.svg",
    alt="The graph of f. Two arrows lead from x to a product, which is called square, and one to "
    "3 times x. Both go into a sum, which is f.",
)

# %% [markdown]
# Read the picture from left to right. Rounded boxes are steps, rectangles are values that we gave a
# name. `x` has no past; such a node is called a *leaf* (a *parameter* in the legend). Three arrows
# leave it, because `x` is used three times: twice in `x * x`, once in `3 * x`.
#
# ## One number for each arrow
#
# Look at one arrow by itself, from an input of a step to its result. Nudge the input, hold
# everything else still, and see how far the result moves. That rate is the *local derivative*, and
# it is one number for each arrow. A short table has all that we need:
#
# | step | moves with $u$ at the rate | moves with $v$ at the rate |
# |---|---|---|
# | $u + v$ | $1$ | $1$ |
# | $u - v$ | $1$ | $-1$ |
# | $u \cdot v$ | $v$ | $u$ |
# | $u / v$ | $1/v$ | $-u/v^2$ |
# | $e^u$ | $e^u$ | |
# | $\log u$ | $1/u$ | |
# | $u^2$ | $2u$ | |
#
# You know these rules from school, if not in this form. The third row, for example, says that in a
# product each factor moves the result at the rate of the *other* factor. Let us check the whole
# table by nudging.

# %%
table = {
    "u + v": (lambda u, v: u + v, lambda u, v: 1, lambda u, v: 1),
    "u − v": (lambda u, v: u - v, lambda u, v: 1, lambda u, v: -1),
    "u · v": (lambda u, v: u * v, lambda u, v: v, lambda u, v: u),
    "u / v": (lambda u, v: u / v, lambda u, v: 1 / v, lambda u, v: -u / v**2),
    "e^u": (lambda u, v: math.exp(u), lambda u, v: math.exp(u), lambda u, v: 0),
    "log u": (lambda u, v: math.log(u), lambda u, v: 1 / u, lambda u, v: 0),
    "u²": (lambda u, v: u**2, lambda u, v: 2 * u, lambda u, v: 0),
}
u, v, h = 1.3, 0.7, 1e-5
for name, (step, by_u, by_v) in table.items():
    nudged_u = (step(u + h, v) - step(u - h, v)) / (2 * h)
    nudged_v = (step(u, v + h) - step(u, v - h)) / (2 * h)
    print(f"{name:6}  by u {nudged_u:8.4f}   by v {nudged_v:8.4f}")
    assert_allclose([nudged_u, nudged_v], [by_u(u, v), by_v(u, v)], atol=1e-8)

# %% [markdown]
# We nudged to both sides, by $h$ and by $-h$. Chapter 8 shows why this is more exact.
#
# ## Along a path, multiply
#
# Now put two steps in a row: $u = 3x$, then $v = e^u$. A unit of $x$ buys 3 units of $u$. A unit of
# $u$ buys $e^u$ units of $v$. So a unit of $x$ buys $3 \cdot e^u$ units of $v$. It is like changing
# euros to dollars and dollars to yen: the rates multiply. In symbols, the *chain rule*:
#
# $$\frac{dv}{dx} = \frac{dv}{du} \cdot \frac{du}{dx}.$$
#
# **Predict:** what is $dv/dx$ at $x = 0$?
#
# <details><summary>Answer</summary>
#
# At $x = 0$ we have $u = 0$ and $e^u = 1$, so $dv/dx = 1 \cdot 3 = 3$.
#
# </details>

# %%
start = tg.Tensor(0.0)
end = tg.exp(3 * start)
print(tg.gradients(end, start))
assert_allclose(tg.gradients(end, start), 3)

# %% [markdown]
# `tg.gradients(end, start)` asks: at what rate does `end` move with `start`? In machine learning
# such a derivative is called a *gradient*, and we call it so, too.
#
# ## Where paths meet, add
#
# In our first graph, `x` acts on `f` in three ways: through each of the two factors of `x * x`, and
# through `3 * x`. Imagine three separate knobs $p, q, r$ in place of the three uses,
# $f = p \cdot q + 3r$, all of them set to 2. Turn one knob at a time, then all together.

# %%
h = 0.001


def knobs(p, q, r):
    return p * q + 3 * r


each = [knobs(2 + h, 2, 2) - 10, knobs(2, 2 + h, 2) - 10, knobs(2, 2, 2 + h) - 10]
together = knobs(2 + h, 2 + h, 2 + h) - 10
print("one at a time:", np.round(each, 6), " all together:", round(together, 6))
assert_allclose(together, sum(each), atol=2 * h**2)

# %% [markdown]
# Together they move $f$ by the sum of what they do alone, up to a rest of the size $h^2$, which
# vanishes beside $h$. And turning all three together *is* turning $x$. So:
#
# > **The chain rule on a graph.** Multiply the local derivatives along each path from $x$ to $f$.
# > Then add up over all paths.
#
# $$\frac{\partial f}{\partial x} = \sum_{\text{paths from } x \text{ to } f}\;
# \prod_{\text{arrows of the path}} (\text{local derivative}).$$
#
# (One writes ∂ instead of d where there may be other inputs, which are held still.)
#
# **Predict:** three paths lead from $x = 2$ to $f$. What does each bring?
#
# <details><summary>Answer</summary>
#
# The two paths through the product bring $2 \cdot 1$ each: the other factor, times the 1 of the
# sum. The path through $3x$ brings $3 \cdot 1$. Together $2 + 2 + 3 = 7$.
#
# </details>

# %%
show(
    tg.draw(f, gradients=True),
    "01-gradients.svg",
    alt="The same graph with gradients, each marked by ∇. Dashed arrows lead back to x: they bring "
    "2 and 2 from the product and 3 from 3 times x, and x has the sum, 7.",
)
assert_allclose(tg.gradients(f, x), 2 + 2 + 3)

# %% [markdown]
# The dashed arrows show what each path brings back to `x`, and ∇ marks the gradient of `f` with
# respect to each node. The calculus of this book is this one rule, applied in a clever order, and
# to vectors.
#
# ## A unit, by hand
#
# The smallest piece of a neural network, a *unit*, takes an input $x$, multiplies it by a weight
# $w$, adds a bias $b$, and squeezes the sum into $(0, 1)$ by the *sigmoid* $\sigma$:
#
# $$z = w x + b, \qquad a = \sigma(z) = \frac{1}{1 + e^{-z}}.$$
#
# Suppose the answer should have been $y$. We measure how wrong $a$ is by a number $L$ called the
# *loss*. Here we take half the squared difference; chapter 4 compares losses.
#
# $$L = \tfrac12 (a - y)^2.$$
#
# Compute it forward, from $x$ to $L$:

# %%
x, y = 3.0, 1.0  # the input, and what the answer should be
w, b = 0.5, -1.0  # what is to be learnt

z = w * x + b
a = 1 / (1 + math.exp(-z))
L = 0.5 * (a - y) ** 2
print(f"z = {z:.4f}   a = {a:.4f}   L = {L:.4f}")

# %% [markdown]
# One local derivative is missing in our table, that of the sigmoid. Walk through
# $1/(1 + e^{-z})$ from the outside: $1/s$ moves at the rate $-1/s^2$, the sum $s = 1 + e^{-z}$ at
# the rate 1 with $e^{-z}$, and $e^{-z}$ at the rate $-e^{-z}$ with $z$. Multiply:
#
# $$\sigma'(z) = \frac{-1}{(1 + e^{-z})^2} \cdot 1 \cdot (-e^{-z})
#   = \frac{1}{1 + e^{-z}} \cdot \frac{e^{-z}}{1 + e^{-z}} = a\,(1 - a).$$
#
# The last step uses $1 - a = e^{-z}/(1 + e^{-z})$. The derivative is made of the value $a$ that
# we have computed anyway.
#
# Now backward, from $L$ to the leaves. At each node we keep one number, the gradient of $L$ with
# respect to it. We find it from the node that uses it:
#
# $$\frac{\partial L}{\partial a} = a - y, \qquad
# \frac{\partial L}{\partial z} = \frac{\partial L}{\partial a} \cdot a(1 - a), \qquad
# \frac{\partial L}{\partial w} = \frac{\partial L}{\partial z} \cdot x, \qquad
# \frac{\partial L}{\partial b} = \frac{\partial L}{\partial z} \cdot 1.$$
#
# **Predict:** without numbers, what sign do $\partial L/\partial z$ and $\partial L/\partial w$
# have here? Should $w$ grow or shrink?
#
# <details><summary>Answer</summary>
#
# $a < 1 = y$, so $a - y$ is negative. Since $a(1 - a) > 0$, $\partial L/\partial z$ is negative,
# too, and with $x = 3 > 0$ so is $\partial L/\partial w$. A larger $w$ lowers the loss: $w$ should
# grow.
#
# </details>

# %%
grad_a = a - y
grad_z = grad_a * a * (1 - a)
grad_w = grad_z * x
grad_b = grad_z * 1
print(f"∂L/∂a = {grad_a:.4f}  ∂L/∂z = {grad_z:.4f}  ∂L/∂w = {grad_w:.4f}  ∂L/∂b = {grad_b:.4f}")
assert grad_w < 0

# %% [markdown]
# Note that $\partial L/\partial z$ was computed once and used twice, for $w$ and for $b$. This is
# what makes the backward pass cheap.
#
# The library does the same. `backward()` fills `.grad` of every leaf.

# %%
x, y = np.array(3.0), np.array(1.0)  # arrays are constants
w, b = tg.Tensor(0.5), tg.Tensor(-1.0)  # Tensors are what we differentiate by
z = w * x + b
a = tg.sigmoid(z)
L = (a - y) ** 2 / 2
L.backward()

show(
    tg.draw(L),
    "01-unit.svg",
    alt="The graph of the unit from w, x and b to L. Each node has its value and, after ∇, the "
    "gradient of L with respect to it.",
)
assert_allclose([w.grad, b.grad], [grad_w, grad_b])

# %% [markdown]
# ## Too many paths
#
# "Add up over all paths" is right, but it may take very long. Start with some $x_0$ and compute
# $x_{k+1} = \tanh(x_k) + \tfrac12 x_k$, again and again. In each round the path forks: it goes
# through $\tanh$, or through $\tfrac12 x_k$. A round has four arrows: two from $x_k$ to these two
# steps, and two from there into the sum.
#
# **Predict:** how many paths are there after 16 rounds, and how many arrows?
#
# <details><summary>Answer</summary>
#
# $2^{16} = 65{,}536$ paths, over only $16 \cdot 4 = 64$ arrows.
#
# </details>
#
# Let us do both: add up over all paths, and go back round by round, adding up where the paths meet
# *before* we go on.

# %%
rounds, value, rates = 16, 0.4, []
for _ in range(rounds):
    rates.append((1 - math.tanh(value) ** 2, 0.5))  # through tanh, and through ½x
    value = math.tanh(value) + 0.5 * value

over_all_paths = list(itertools.product(*rates))
by_paths = sum(math.prod(path) for path in over_all_paths)

gradient = 1.0
for through_tanh, through_half in reversed(rates):
    gradient = gradient * through_tanh + gradient * through_half

print(f"{len(over_all_paths)} paths: {by_paths:.12f}")
print(f"{rounds} rounds:   {gradient:.12f}")
assert len(over_all_paths) == 2**16 == 65_536
assert_allclose(gradient, by_paths)

# %% [markdown]
# Both are the same number, by the distributive law: $gp + gq = g\,(p + q)$. The paths share their
# arrows, and adding up at each meeting point uses each arrow once. This is *backpropagation*.
#
# > **The backward pass.** Give the output the gradient 1 and all other nodes 0. Go through the
# > nodes from the output to the leaves. For each arrow that leads into a node, multiply the node's
# > gradient by the local derivative, and add the product to the gradient of the node where the
# > arrow starts.
#
# ## Why backward?
#
# One could also go forward: start with 1 at a leaf, and carry along how fast each node moves with
# that leaf. This works as well, and each sweep uses each arrow once. But look what one sweep gives:
#
# - a forward sweep, the rates at which *everything* moves with *one* leaf;
# - a backward sweep, the rates at which *one* output moves with *every* leaf.
#
# A network has thousands of weights and one loss. Forward needs one sweep for each weight. Backward
# needs one sweep.
#
# ## What the gradient is for
#
# The gradient says which way is up. We want the loss down, so we step the other way, by a small
# multiple $\eta$ (the *learning rate*):
#
# $$w \leftarrow w - \eta \frac{\partial L}{\partial w}, \qquad
#   b \leftarrow b - \eta \frac{\partial L}{\partial b}.$$

# %%
losses = []
for _ in range(100):
    loss = (tg.sigmoid(w * x + b) - y) ** 2 / 2
    losses.append(loss.item())
    grad_w, grad_b = tg.gradients(loss, [w, b])
    w.data = w.data - 0.5 * grad_w
    b.data = b.data - 0.5 * grad_b

print("loss after 0, 10, 50 and 99 steps:", [round(losses[i], 5) for i in (0, 10, 50, 99)])
assert all(later < earlier for earlier, later in itertools.pairwise(losses))

# %% [markdown]
# The loss falls in every step. You have trained a network, of one unit and for one example.
#
# ## Four habits of this library
#
# **Tensors are differentiated, arrays are constants.** There is no switch to turn gradients on. A
# NumPy array or a number takes part in the computation, and gets no gradient.

# %%
inputs = np.array([1.0, 2.0, 3.0])
weights = tg.Tensor([0.5, -1.0, 0.25])
total = tg.sum(inputs * weights)
assert_array_equal(tg.gradients(total, weights), inputs)  # Σ xᵢwᵢ moves with wᵢ at the rate xᵢ
assert isinstance(tg.exp(inputs), np.ndarray)  # arrays in, an array out: nothing is recorded

# %% [markdown]
# **`backward` adds.** Call it twice and `.grad` has the sum of both. Set `.grad = None` to start
# again, or use `tg.gradients`, which returns the gradient and leaves `.grad` alone.
#
# **Predict:** what is `x.grad` after both calls?
#
# <details><summary>Answer</summary>
#
# 4 from the first call and 3 from the second: 7.
#
# </details>

# %%
x = tg.Tensor(2.0)
(x * x).backward()
(3 * x).backward()
print(x.grad)
assert_allclose(x.grad, 7)

# %% [markdown]
# **A path can be cut.** `stop_gradient` takes the value and forgets the past. Here the second
# factor counts as the number 2, so only one of the two paths is left.

# %%
cut = x * tg.stop_gradient(x)
print(tg.gradients(cut, x))
assert_allclose(tg.gradients(cut, x), 2)

# %% [markdown]
# **A leaf is updated through `.data`.** `w -= …` would put a computed Tensor in the place of the
# leaf. It is refused, and the message says what to write.

# %%
try:
    w -= 0.1
except TypeError as error:
    print(error)
else:
    raise AssertionError("the leaf was replaced")

# %% [markdown]
# ## What to take with you
#
# - Each arrow of the graph has a local derivative, from a short table.
# - Along a path multiply, where paths meet add.
# - The backward pass does this in one sweep, and each arrow is used once.
#
# In the next chapter you write it.
#
# ## Exercises
#
# `exercise("1.1").judge(…)` judges an answer, and says what is wrong with it:

# %%
print(exercise("1.1").judge("6, 6"))

# %%
show(exercise("1.1"))

# %%
show(exercise("1.2"))

# %%
show(exercise("1.3"))

# %%
show(exercise("1.4"))

# %%
show(exercise("1.5"))
