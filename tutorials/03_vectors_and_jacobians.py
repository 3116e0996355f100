# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 3. Vectors and Jacobians
#
# **Goal:** differentiate vectors and matrices by the same rule as numbers: sums over paths. Read
# and write index notation, and find the gradients of a layer by hand.
#
# **Time:** 60 minutes.
#
# **Needs:** chapters 1 and 2; products of matrices.

# %%
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## A vector is several nodes
#
# Take three numbers $x_1, x_2, x_3$, make two numbers of them, and one of those:
#
# $$u_1 = x_1 x_2, \qquad u_2 = x_2 + x_3^2, \qquad L = u_1 u_2.$$
# Chapter 1 has all that we need for this, number by number:

# %%
x1, x2, x3 = tg.Tensor(2.0), tg.Tensor(3.0), tg.Tensor(1.0)
u1 = x1 * x2
u2 = x2 + x3**2
L = u1 * u2
show(
    tg.draw(L, gradients=True),
    "03-entries.svg",
    alt="The graph of L with a node for each of x1, x2, x3, u1 and u2, their values and gradients. "
    "x2 has two paths to L, and the gradients that they bring are added.",
)
gradient = np.array(tg.gradients(L, [x1, x2, x3]))
print("∂L/∂x =", gradient)
assert_allclose(gradient, [12, 8 + 6, 12])

# %% [markdown]
# ## The Jacobian: one number for each pair
#
# Call the three numbers a vector $\mathbf x$ and the two a vector $\mathbf u$. Each entry of
# $\mathbf u$ may move with each entry of $\mathbf x$, so between the two vectors there are
# $2 \cdot 3$ rates. We write them in a table, the *Jacobian* of $\mathbf u$:
#
# $$J_{kj} = \frac{\partial u_k}{\partial x_j}.$$
#
# A row for each output $k$, a column for each input $j$. In this book, $k$ counts outputs and $j$
# is the input that we differentiate by.
#
# **Predict:** fill in the table for $\mathbf u$ at $\mathbf x = (2, 3, 1)$.
#
# <details><summary>Answer</summary>
#
# $u_1 = x_1x_2$ moves with $x_1$ at the rate $x_2 = 3$, with $x_2$ at the rate $x_1 = 2$, and not
# with $x_3$. $u_2 = x_2 + x_3^2$ moves with $x_2$ at the rate 1 and with $x_3$ at the rate
# $2x_3 = 2$.
#
# $$J = \begin{pmatrix} 3 & 2 & 0 \\ 0 & 1 & 2 \end{pmatrix}$$
#
# </details>


# %%
def both(x):
    return tg.stack([x[0] * x[1], x[1] + x[2] ** 2])


J = tg.jacobian(both)([2.0, 3.0, 1.0])
print(J)
assert_array_equal(J, [[3, 2, 0], [0, 1, 2]])

# %% [markdown]
# ## A sum over paths is a matrix product
#
# A path from $x_j$ to $L$ goes through some $u_k$. Multiply along it, add over all $k$:
#
# $$\frac{\partial L}{\partial x_j} = \sum_k \frac{\partial L}{\partial u_k}
#   \frac{\partial u_k}{\partial x_j} = \sum_k g_k J_{kj}.$$
#
# We write $g_k = \partial L/\partial u_k$ for the gradient that has arrived at $\mathbf u$, as the
# engine does. The right side is a row vector times a matrix, $\mathbf g^\top J$. So the matrix
# product is nothing new: it *is* the rule "multiply along paths, add over paths", for all pairs at
# once.

# %%
g = np.array(tg.gradients(L, [u1, u2]))  # ∂L/∂u = (u2, u1)
print("g =", g, "  g J =", g @ J)
assert_allclose(g @ J, gradient)

# %% [markdown]
# With more layers there are more matrices, $\mathbf g^\top J_3 J_2 J_1$, and each entry of the
# product is again a sum over all paths.
#
# ## The Kronecker delta
#
# How fast does $x_k$ move with $x_j$? At the rate 1 if they are the same entry, else not at all.
# This has a name, the *Kronecker delta*:
#
# $$\frac{\partial x_k}{\partial x_j} = \delta_{kj}
#   = \begin{cases} 1 & k = j \\ 0 & k \ne j. \end{cases}$$
#
# As a table it is the identity matrix. In a sum it *picks* one term. All terms with $k \ne j$ are
# zero, and the one with $k = j$ stays:
#
# $$\sum_k \delta_{kj} v_k = v_j.$$
#
# **Predict:** what is $\sum_k v_k\,(\delta_{kj} - c)$, where $c$ does not depend on $k$?
#
# <details><summary>Answer</summary>
#
# Multiply out: $\sum_k v_k \delta_{kj} - c \sum_k v_k = v_j - c \sum_k v_k$. In the first sum δ
# picks one term; the second stays a sum. You will need exactly this in chapter 7.
#
# </details>

# %%
delta, values, c = np.eye(4), np.array([5.0, -1.0, 2.0, 0.5]), 0.3
for j in range(4):
    assert sum(delta[k, j] * values[k] for k in range(4)) == values[j]
    picked = sum(values[k] * (delta[k, j] - c) for k in range(4))
    assert_allclose(picked, values[j] - c * values.sum())

# %% [markdown]
# ## Four kinds of steps
#
# Networks are made of few kinds of steps. For each we ask two things: what is the Jacobian, and
# what becomes of a gradient $\mathbf g$ on its way back?
#
# **Entry by entry.** $u_k = f(x_k)$, such as $e^{x_k}$. By the chain rule
# $J_{kj} = f'(x_k)\,\delta_{kj}$, a table with entries on its diagonal only. On the way back the
# delta picks one term:
#
# $$\sum_k g_k f'(x_k)\, \delta_{kj} = g_j f'(x_j).$$
#
# So $\mathbf g$ is multiplied entry by entry by the slopes. We write that as
# $\mathbf g \odot f'(\mathbf x)$; in NumPy it is `g * slopes`.
#
# **The sum of all entries.** $s = \sum_k x_k$. The Jacobian is one row of ones, and $g$ is a number
# that goes to every entry alike.
#
# **A matrix times a vector.** $z_k = \sum_i W_{ki} x_i$. The rate with $x_j$ is $W_{kj}$: the
# Jacobian *is* $W$. So on the way back
#
# $$\frac{\partial L}{\partial x_j} = \sum_k g_k W_{kj},
#   \qquad\text{that is}\qquad W^\top \mathbf g.$$
#
# **The same, by the matrix.** This one needs care, since $W$ has two indices of its own. How fast
# does $z_k$ move with $W_{ij}$? Only if $k = i$, and then at the rate $x_j$:
#
# $$\frac{\partial z_k}{\partial W_{ij}} = \delta_{ki}\, x_j, \qquad
#   \frac{\partial L}{\partial W_{ij}} = \sum_k g_k\, \delta_{ki}\, x_j = g_i x_j.$$
#
# A table with the entries $g_i x_j$ is the *outer product* $\mathbf g\, \mathbf x^\top$.
#
# **Predict:** $W$ has 2 rows and 3 columns. What are the shapes of $\mathbf g$, $W^\top\mathbf g$
# and $\mathbf g\,\mathbf x^\top$?
#
# <details><summary>Answer</summary>
#
# $\mathbf g$ belongs to $\mathbf z$: 2 entries. $W^\top \mathbf g$ has 3, like $\mathbf x$.
# $\mathbf g\,\mathbf x^\top$ is $2 \times 3$, like $W$. **A gradient always has the shape of what
# we differentiate by.** If yours has not, it is wrong; this check costs nothing.
#
# </details>

# %%
W = tg.Tensor([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]])
x = tg.Tensor([1.0, -1.0, 2.0])
z = W @ x
print("∂L/∂x =", tg.derive(z, wrt=x).result)
print("∂L/∂W =", tg.derive(z, wrt=W).result)
assert str(tg.derive(z, wrt=x).result) == "Wᵀ g"
assert str(tg.derive(z, wrt=W).result) == "g xᵀ"

g = np.array([10.0, 1.0])
assert_allclose(tg.gradients(z, x, seed=g), W.data.T @ g)
assert_allclose(tg.gradients(z, W, seed=g), np.outer(g, x.data))
print(tg.gradients(z, W, seed=g))

# %% [markdown]
# `tg.derive` writes the gradient as a formula. Where the output has several entries it uses the
# letter g for the gradient that arrives, and the numbers of `seed` stand for it in `tg.gradients`.
#
# ## A batch: one row for each example
#
# Data come as a table $X$ with a row for each of $N$ examples. It is handy to have outputs in rows,
# too, so the layer is written with the weights on the right:
#
# $$Z = X W + \mathbf b, \qquad Z_{nk} = \sum_i X_{ni} W_{ik} + b_k.$$
#
# Mind the change: this $W$ has a row for each *input* and a column for each *output*. It is the
# transpose of the matrix in $\mathbf z = W\mathbf x$. Books and libraries use both forms; look at
# the shapes to see which one you have.
#
# Let $G_{nk} = \partial L/\partial Z_{nk}$ arrive. A weight $W_{ij}$ acts on column $j$ of *every*
# row, so we add over the rows:
#
# $$\frac{\partial L}{\partial W_{ij}} = \sum_n \sum_k G_{nk}\, \frac{\partial Z_{nk}}{\partial
#   W_{ij}} = \sum_n \sum_k G_{nk}\, X_{ni}\, \delta_{kj} = \sum_n X_{ni} G_{nj},
#   \qquad\text{that is}\qquad X^\top G.$$
#
# **Predict:** what is the gradient of $L$ by the bias $\mathbf b$?
#
# <details><summary>Answer</summary>
#
# $\partial Z_{nk}/\partial b_j = \delta_{kj}$, so $\partial L/\partial b_j = \sum_n\sum_k G_{nk}
# \delta_{kj} = \sum_n G_{nj}$: the columns of $G$, added up. The bias is used once in every row,
# and where paths meet, they add. Your `unbroadcast` of chapter 2 did just that.
#
# </details>

# %%
rng = np.random.default_rng(0)
X = rng.standard_normal((5, 2))
W, b = tg.Tensor(rng.standard_normal((2, 3))), tg.Tensor(np.zeros(3))
Z = X @ W + b
G = rng.standard_normal((5, 3))
by_W, by_b = tg.gradients(Z, [W, b], seed=G)
print("∂L/∂W =", tg.derive(Z, wrt=W).result, "  with the shape", by_W.shape)
print("∂L/∂b =", tg.derive(Z, wrt=b).result, "  with the shape", by_b.shape)
assert_allclose(by_W, X.T @ G)
assert_allclose(by_b, G.sum(axis=0))
assert by_W.shape == W.shape
assert by_b.shape == b.shape

# %% [markdown]
# The letter g stands for the gradient that arrives, here the table $G$. A way to remember both
# results: only one product of $X$ and $G$ has the shape of $W$, namely (inputs × N) times
# (N × outputs). Shapes do not prove a formula, but they rule out the others.
#
# ## Never build the table
#
# In a layer with 1000 inputs and 1000 outputs, $W$ has a million entries. The Jacobian of $\mathbf
# z$ by $W$ has a row for each output and a column for each weight: a thousand million numbers,
# nearly all of them zero. The gradient $\mathbf g\,\mathbf x^\top$ takes one product for each
# weight.
#
# So an engine never builds Jacobians. Its rules go from $\mathbf g$ straight to $\mathbf g^\top J$,
# the *vector–Jacobian product*. Your rules of chapter 2, `lambda g: g * out` and so on, were
# exactly these.
#
# It also matters where one begins. To compute $\mathbf g^\top J_2 J_1$ one can start from the left
# or from the right.
#
# **Predict:** if both matrices are $1000 \times 1000$, how many multiplications does
# $(\mathbf g^\top J_2)\, J_1$ take, and how many $\mathbf g^\top (J_2 J_1)$?
#
# <details><summary>Answer</summary>
#
# A vector times a matrix takes $1000^2$, so from the left it is $2 \cdot 1000^2 = 2$ million. The
# product of both matrices takes $1000^3$, a thousand million, and one million for the vector. From
# the left is from the output: this is the backward pass.
#
# </details>

# %%
n = 1000
from_the_left, from_the_right = 2 * n**2, n**3 + n**2
print(f"{from_the_left:,} against {from_the_right:,} multiplications")
assert from_the_right > 500 * from_the_left

J1, J2, g = rng.standard_normal((6, 4)), rng.standard_normal((3, 6)), rng.standard_normal(3)
assert_allclose((g @ J2) @ J1, g @ (J2 @ J1))  # the same numbers, whatever the order

# %% [markdown]
# If you do want the table, the engine gives it row by row: seed the output with $(1, 0, 0)$, then
# $(0, 1, 0)$, and so on. That is how `tg.jacobian` works.
#
# ## When every output depends on every input
#
# Steps that work entry by entry have a diagonal Jacobian. Not all steps do. Let three people put
# $x_1, x_2, x_3$ into a common pot, and let $s_k$ be the share of the $k$-th:
#
# $$s_k = \frac{x_k}{t}, \qquad t = \sum_i x_i.$$
#
# **Predict:** if the first puts in one unit more, what happens to the share of the second? What
# is the sign of $\partial s_2/\partial x_1$?
#
# <details><summary>Answer</summary>
#
# The second has put in as much as before, of a larger total. Its share falls: the sign is minus.
#
# </details>
#
# Two paths lead from $x_j$ to $s_k$. One goes straight, through the numerator, and exists only if
# $k = j$. The other goes through the total $t$, and always exists:
#
# $$\frac{\partial s_k}{\partial x_j}
#   = \underbrace{\frac{1}{t}\,\delta_{kj}}_{\text{straight}}
#   + \underbrace{\Bigl(-\frac{x_k}{t^2}\Bigr) \cdot 1}_{\text{through the total}}
#   = \frac{\delta_{kj} - s_k}{t}.$$

# %%
x = tg.Tensor([1.0, 2.0, 5.0])
t = tg.sum(x)
s = x / t
show(
    tg.draw(s),
    "03-shares.svg",
    alt="Two paths lead from x to s: one straight into the division, and one through the sum t.",
)
J = tg.jacobian(lambda x: x / tg.sum(x))(x.data)
print(J)
assert_allclose(J, (np.eye(3) - s.data[:, None]) / t.data)
assert (np.diag(J) > 0).all()
assert (J[~np.eye(3, dtype=bool)] < 0).all()

# %% [markdown]
# Each column sums to zero, because the shares always sum to 1: what one gains, the others lose.

# %%
print("sums of the columns:", J.sum(axis=0))
assert_allclose(J.sum(axis=0), 0, atol=1e-15)

# %% [markdown]
# Keep these two paths in mind. In chapter 5 we put $e^{z_k}$ in place of $x_k$, and the shares
# become the softmax.
#
# ## What to take with you
#
# - The Jacobian has a row for each output and a column for each input.
# - A sum over paths through a vector is a product with the Jacobian.
# - δ picks a term from a sum.
# - $W^\top\mathbf g$, $\mathbf g\,\mathbf x^\top$; for a batch $X^\top G$ and the sum of rows.
# - A gradient has the shape of what we differentiate by.
#
# ## Exercises

# %%
show(exercise("3.1"))

# %%
show(exercise("3.2"))

# %%
show(exercise("3.3"))

# %%
show(exercise("3.4"))

# %%
show(exercise("3.5"))
