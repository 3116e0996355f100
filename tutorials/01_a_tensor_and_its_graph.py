# %% [markdown]
# # 1. A tensor and its graph
#
# Lecture topics: A1 (a unit: weighted sum, bias, activation; the loop of backpropagation),
# A6 (argmax has no useful derivative), D11 (second derivatives, the Hessian).
#
# You know what a derivative is. Here you see how a program finds one: it writes down what was
# computed, then walks back through it. That is all that "autograd" means.

# %%
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg

pictures = Path("build/tutorials")
pictures.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## A tensor remembers how it was computed
#
# Take f(x) = x² + 3x at x = 2. By hand: f(2) = 10 and f'(x) = 2x + 3, so f'(2) = 7.

# %%
x = tg.Tensor(2.0, name="x")
square = x * x
f = square + 3 * x

print(f"f = {f.item()}, made by the operation '{f.op.name}' from {len(f.args)} arguments")
assert f.item() == 10
assert f.op.name == "add"
assert f.args[0] is square
assert x.op is None  # nobody computed x: it is a leaf

# %% [markdown]
# The arguments of `f` are tensors too, with operations and arguments of their own. Follow them
# and you have a graph, from `f` back to `x`. `backward` walks this graph once.

# %%
f.backward()
print(f"df/dx = {x.grad}")
assert_allclose(x.grad, 2 * 2.0 + 3)

print(f"the picture: {tg.draw(f).save(pictures / '01-two-paths.svg')}")

# %% [markdown]
# **What to see.** `x` is used three times: twice in x·x, once in 3x. Each use sends back its own
# part: 2 and 2 through the product (each factor gets the other one), 3 through 3x. Where paths
# meet, the parts are *added*: 2 + 2 + 3 = 7. Along a path, derivatives are multiplied; where paths
# meet, they are added. That is the chain rule, and the whole of the backward pass.

# %%
part_of_square, part_of_line = tg.gradients(square, x), tg.gradients(3 * x, x)
print(f"through x·x: {part_of_square}, through 3x: {part_of_line}, together {x.grad}")
assert_allclose(part_of_square + part_of_line, x.grad)

# %% [markdown]
# ## Tensors are differentiated, arrays are constants
#
# There is no switch to turn gradients on or off. A `Tensor` is what you differentiate. A NumPy
# array or a Python number is a constant: it takes part, and no gradient is computed for it.

# %%
inputs = np.array([1.0, 2.0, 3.0])  # data: a constant
w = tg.Tensor([0.5, -1.0, 0.25], name="w")
output = tg.sum(inputs * w)
output.backward()
print(f"∂(x·w)/∂w = {w.grad}")
assert_array_equal(w.grad, inputs)  # x·w is linear in w, so its gradient is x

only_numbers = tg.exp(inputs)  # arrays in, an array out: nothing is recorded
assert isinstance(only_numbers, np.ndarray)

# %% [markdown]
# `stop_gradient` makes a constant out of a tensor in the middle of a computation:

# %%
x = tg.Tensor(2.0, name="x")
(x * tg.stop_gradient(x)).backward()  # the second x counts as the number 2
print(f"d/dx of x · stop_gradient(x) = {x.grad}")
assert_allclose(x.grad, 2)

# %% [markdown]
# Calling `backward` again *adds* to `.grad`. Set it to None to start again, or use
# `tg.gradients(output, x)`, which returns the gradient and leaves `.grad` alone.

# %%
(x * x).backward()
print(f"2 from before, 4 from x²: {x.grad}")
assert_allclose(x.grad, 6)
x.grad = None
assert_allclose(tg.gradients(x * x, x), 4)
assert x.grad is None

# %% [markdown]
# ## A unit, and the loop of backpropagation (A1)
#
# A unit takes a weighted sum of its inputs, adds a bias and applies an activation. Here a unit
# with the sigmoid learns the logical "or" of two inputs. The loop is
#
# 1. initialise the weights,
# 2. forward: compute the outputs,
# 3. compute the loss,
# 4. backward: compute the gradients,
# 5. update: step against the gradient,
# 6. repeat from 2.
#
# One printed version of this list goes from "backward" straight to "repeat". Without step 5 the
# weights stay what they are, and every round gives the same loss.

# %%
X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
targets = np.array([0.0, 1.0, 1.0, 1.0])
w = tg.Tensor([0.1, -0.1], name="w")  # 1
b = tg.Tensor(0.0, name="b")
losses = []
for _ in range(200):
    out = tg.sigmoid(X @ w + b)  # 2
    loss = tg.binary_cross_entropy(out, targets)  # 3
    gw, gb = tg.gradients(loss, [w, b])  # 4
    w.data = w.data - 2.0 * gw  # 5
    b.data = b.data - 2.0 * gb
    losses.append(loss.item())

outputs = tg.sigmoid(X @ w.data + b.data)  # with arrays: numbers, no graph
print(f"loss: {losses[0]:.3f} at first, {losses[-1]:.3f} at last")
print(f"outputs {outputs.round(2)} for targets {targets}")
assert losses[0] > 0.69
assert losses[-1] < 0.03
assert_array_equal(outputs.round(), targets)

# %% [markdown]
# `w -= …` is refused: it would put a computed tensor in the place of the leaf, and the leaf would
# be lost. The message says what to write instead.

# %%
try:
    w -= 0.1
except TypeError as error:
    print(error)
else:
    raise AssertionError("in-place subtraction went through")

# %% [markdown]
# ## A gradient can be checked
#
# Nudge one input by ±h and see how the output changes: (f(x + h) − f(x − h))/2h. This needs no
# calculus, so it is a fair judge of it.


# %%
def nudge(function, point, h=1e-5):
    """Differentiate a function of an array, entry by entry, by trying it out."""
    steps = h * np.eye(len(point))
    return np.array([(function(point + s) - function(point - s)) / (2 * h) for s in steps])


def bump(x):
    return tg.sum(x * tg.tanh(x))


point = np.array([0.3, -1.2])
by_rules, by_nudging = tg.grad(bump)(point), nudge(bump, point)
print(f"by the rules {by_rules}, by nudging {by_nudging}")
assert_allclose(by_nudging, by_rules, rtol=1e-8)

# %% [markdown]
# ## argmax (A6)
#
# The class with the largest output is what one wants in the end, but it cannot be trained with:
# nudge the inputs a little and the winner stays the same. Its derivative is 0 wherever it has
# one, and at a tie it jumps and has none. So argmax is used after training, and never inside the
# loss.

# %%
scores = np.array([1.47, -0.39, 0.22])
slopes = nudge(np.argmax, scores)
print(f"slopes of argmax at {scores}: {slopes}")
assert_array_equal(slopes, [0, 0, 0])

# %% [markdown]
# ## A gradient has a graph too (D11)
#
# The backward pass is a computation like any other. Record it, and it can be drawn and
# differentiated again. For f = x³ the first derivative is 3x², the second 6x, the third 6.


# %%
def cube(x):
    return x**3


first, second, third = tg.grad(cube), tg.grad(tg.grad(cube)), tg.grad(tg.grad(tg.grad(cube)))
print(f"at 2: {first(2.0)}, {second(2.0)}, {third(2.0)}")
assert_allclose([first(2.0), second(2.0), third(2.0)], [12, 12, 6])

# %% [markdown]
# With several inputs the second derivatives form a matrix, the Hessian. For u²v at (1, 2) it is
# ((2v, 2u), (2u, 0)).


# %%
def u2v(p):
    return p[0] ** 2 * p[1]


H = tg.hessian(u2v)([1.0, 2.0])
print(H)
assert_allclose(H, [[4, 2], [2, 0]])

# %% [markdown]
# n inputs give n² second derivatives: a network with a million weights would need 10¹² numbers.
# The product of the Hessian with one vector is found without the matrix, as the gradient of a
# gradient times v:

# %%
v = np.array([1.0, 0.0])
product = tg.hvp(u2v, [1.0, 2.0], v)
print(product)
assert_allclose(product, H @ v)

# %% [markdown]
# Last, the picture of a backward pass: solid blue is what the forward pass computed, dashed
# orange what the gradient adds to it.

# %%
x = tg.Tensor(2.0, name="x")
f = tg.exp(x * x)
print(f"the picture: {tg.draw(f, backward=True).save(pictures / '01-backward.svg')}")
assert_allclose(tg.gradients(f, x), 2 * 2.0 * np.exp(4.0))
