# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 11. Softmax regression, by hand
#
# **Goal:** train a classifier on real data with gradients that you derived yourself, and know where
# the 1/N belongs.
#
# **Time:** 60 minutes.
#
# **Needs:** chapters 3, 7 and 8.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.charts import panels
from tinygrad_edu.data import load_iris, split, standardize
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## The data
#
# Iris holds 150 flowers of three species. Of each, four lengths were measured. We put a third of
# them aside to test on, and train on the rest. Each feature is shifted and scaled so that it has
# mean 0 and deviation 1 *on the training set*. The test set gets the same shift and scale: nothing
# of it may be known before.
#
# The labels are 0, 1, 2, for Setosa, Versicolor and Virginica. So the target of a Setosa is (1, 0,
# 0) here. Other texts number the species in another order, and write (0, 1, 0) for it.


# %%
def prepared(seed):
    """Split Iris at random; return features and one-hot targets for training and for testing."""
    rng = np.random.default_rng(seed)
    fitted, unseen = standardize(*split(load_iris(), 1 / 3, rng=rng))
    return fitted.features, np.eye(3)[fitted.labels], unseen.features, np.eye(3)[unseen.labels]


X, Y, X_test, Y_test = prepared(seed=0)
N = len(X)
print("training", X.shape, Y.shape, " test", X_test.shape, Y_test.shape)
print("first flower", X[0], "target", Y[0])

# %% [markdown]
# ## The model
#
# One layer makes three logits of four features. For flower $n$,
#
# $$Z_{nj} = \sum_i X_{ni} W_{ij} + b_j, \qquad A = \mathrm{softmax}(Z), \qquad
# L = -\frac1N \sum_n \sum_k Y_{nk}\log A_{nk},$$
#
# or $Z = XW + b$ for all flowers at once. $W$ has 4 rows and 3 columns, and column $j$ holds what
# class $j$ pays attention to. Softmax runs along each row of $Z$.

# %%
W = tg.Tensor(np.zeros((4, 3)), name="W")
b = tg.Tensor(np.zeros(3), name="b")
Z = X @ W + b
A = tg.softmax(Z)
L = tg.cross_entropy(A, Y)
print("loss with W = 0 and b = 0:", L.data)

# %% [markdown]
# **Predict:** why is the loss just $\log 3 = 1.0986$?
#
# <details><summary>Answer</summary>
#
# All logits are 0, so each class gets probability 1/3, and $-\log\frac13 = \log 3$ for each flower.
#
# </details>

# %%
assert_allclose(L.data, np.log(3))
show(
    tg.draw(L),
    "11-graph.svg",
    alt="The graph: X and W are multiplied, b is added, then softmax, cross-entropy, the mean.",
)

# %% [markdown]
# ## The gradient by W
#
# Chapter 7 gives $\Delta = \partial L/\partial Z = (A - Y)/N$. One step is left, from $Z$ to $W$.
#
# Which logits does $W_{ij}$ influence? Those of class $j$, of *every* flower, each by $X_{ni}$. So
# there is one path per flower, and we sum over the flowers:
#
# $$\frac{\partial L}{\partial W_{ij}} = \sum_n \frac{\partial L}{\partial Z_{nj}}
# \frac{\partial Z_{nj}}{\partial W_{ij}} = \sum_n \Delta_{nj} X_{ni}.$$
#
# A sum over the *first* index of both is a matrix product with the first factor transposed:
#
# $$\frac{\partial L}{\partial W} = X^\top\Delta = \frac{X^\top (A - Y)}{N}.$$
#
# The shapes tell whether this can be right: (4 × N) times (N × 3) is 4 × 3, the shape of $W$.
#
# The bias $b_j$ influences the same logits, each by 1. So $\partial L/\partial b = \sum_n
# \Delta_n$, the mean over the flowers of $A - Y$.

# %%
by_W = tg.derive(L, wrt=W)
judgement = tg.check_derivation(
    by_W,
    """
∂L/∂W_ij = Σ_n Σ_k (A_nk − Y_nk)/N · δ_kj · X_ni
         = Σ_n (A_nj − Y_nj)/N · X_ni
         = Xᵀ(A − Y)/N
""",
)
print(judgement)
assert judgement

by_b = tg.derive(L, wrt=b)
print("∂L/∂b =", by_b.result, " with indices:", by_b.result.text(indices=True))
assert_allclose(by_b.computed, (A.data - Y).mean(axis=0))

# %% [markdown]
# (In the first line, $\delta_{kj}$ says that $W_{ij}$ has no influence on the logits of the other
# classes.) Forget the transposition, and the shapes do not fit:

# %%
slip = tg.check_derivation(by_W, "∂L/∂W = X (A − Y)/N")
print(slip)
assert not slip

# %% [markdown]
# The machine goes back vertex by vertex, as you would on a blackboard:

# %%
staged = tg.derive(L, wrt=W, staged=True)
print(staged.text())
assert str(staged.result) == "Xᵀ(A − Y)/N"

# %% [markdown]
# ### One flower, and the other order
#
# For a single flower $x$ with $z = xW$ the gradient is the outer product of what went in and what
# comes back, $x\,(a - y)^\top$. Many texts write the layer as $z = Vx$, where $V$ has a
# *row* for each class. Then everything is transposed: $(a - y)\,x^\top$.

# %%
x, y = X[0], Y[0]
U = tg.Tensor(np.zeros((4, 3)), name="W")
V = tg.Tensor(np.zeros((3, 4)), name="V")
a = tg.softmax(x @ U)
columns = tg.derive(tg.cross_entropy(a, y), wrt=U)
a = tg.softmax(V @ x)
rows = tg.derive(tg.cross_entropy(a, y), wrt=V)
print("z = xW:", columns.result, "    z = Vx:", rows.result)
assert_allclose(columns.computed, rows.computed.T)

# %% [markdown]
# ## Training
#
# Now no library is needed any more. The loop is: forward, gradient, step against the gradient.


# %%
def softmax(Z):
    """Compute softmax for each row."""
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)


def loss(X, Y, W, b):
    """Compute the mean cross-entropy."""
    shifted = X @ W + b
    shifted = shifted - shifted.max(axis=1, keepdims=True)
    log_A = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(Y * log_A).sum(axis=1).mean()


def accuracy(X, Y, W, b):
    """Compute the share of flowers whose largest logit is that of their species."""
    return np.mean((X @ W + b).argmax(axis=1) == Y.argmax(axis=1))


def descend(X, Y, rate, steps, delta):
    """Take steps with ∂L/∂Z as `delta` claims it; return W, b and the losses."""
    W, b, losses = np.zeros((4, 3)), np.zeros(3), []
    for _ in range(steps):
        losses.append(loss(X, Y, W, b))
        D = delta(softmax(X @ W + b), Y)
        W, b = W - rate * X.T @ D, b - rate * D.sum(axis=0)
    return W, b, np.array([*losses, loss(X, Y, W, b)])


W1, b1, losses = descend(X, Y, 0.5, 200, lambda A, Y: (A - Y) / len(A))
print(f"loss {losses[0]:.3f} → {losses[-1]:.3f}")
print(f"right in training {accuracy(X, Y, W1, b1):.0%}")
print(f"right in the test {accuracy(X_test, Y_test, W1, b1):.0%}")
assert (np.diff(losses) < 0).all()
assert losses[-1] < 0.15
assert accuracy(X_test, Y_test, W1, b1) > 0.85

# %% [markdown]
# ### The first step
#
# It is worth looking at one step closely. With $W = 0$ and $b = 0$ all activations are 1/3.
#
# **Predict:** the features have mean 0. What does the gradient $X^\top(A - Y)/N$ become, and what
# are the weights after one step?
#
# <details><summary>Answer</summary>
#
# $X^\top A/N$ is 1/3 of the mean of each feature, so it is 0. What is left is $-X^\top Y/N$. Column
# $j$ of $X^\top Y$ adds up the flowers of class $j$. So after one step each column of $W$ points to
# the mean flower of its class, and a logit says how much a flower resembles it.
#
# </details>

# %%
W_first, _, _ = descend(X, Y, 0.5, 1, lambda A, Y: (A - Y) / len(A))
of_class = [X[Y[:, j] == 1] for j in range(3)]
mean_flowers = np.stack([flowers.mean(axis=0) for flowers in of_class], axis=1)
shares = Y.mean(axis=0)
print(W_first)
print("0.5 · share · mean flower:")
print(0.5 * shares * mean_flowers)
assert_allclose(W_first, 0.5 * shares * mean_flowers, atol=1e-12)
first_right = accuracy(X_test, Y_test, W_first, np.zeros(3))
print(f"right in the test after one step: {first_right:.0%}")
assert first_right > 0.7

# %% [markdown]
# ### After 200 steps
#
# What did it learn in the end? Here are the weights. Each column belongs to a species.

# %%
names = load_iris().feature_names
for name, row in zip(names, W1, strict=True):
    print(f"{name:18} {row}   sum {abs(row.sum()):.3f}")

# %% [markdown]
# **Predict:** why does each row sum to 0?
#
# <details><summary>Answer</summary>
#
# The entries of $a - y$ sum to 0 for every flower (chapter 7). So each row of $X^\top (A -
# Y)$ sums to 0 as well, and we started with zeros. What one class gains, the others lose.
#
# </details>

# %%
assert_allclose(W1.sum(axis=1), 0, atol=1e-12)
petal_length = names.index("petal length (cm)")
assert W1[petal_length, 0] < 0 < W1[petal_length, 2]

# %% [markdown]
# A long petal speaks for Virginica and against Setosa.
#
# ## Where does the 1/N go?
#
# Many students ask this. The 1/N belongs to the loss, and comes from there into the gradient. With
# the *sum* of the losses there is no 1/N in either. Both are right. What is wrong is to have it in
# one and not in the other, or in both the loss and, once more, in the update.
#
# But the choice changes what a learning rate means.
#
# **Predict:** a rate of 0.5 was good with the mean. What happens with the sum over 100 flowers?
#
# <details><summary>Answer</summary>
#
# Each step is 100 times as long. The first one jumps far over the valley, and the loss rises.
#
# </details>

# %%
runs = {
    "mean, rate 0.5": descend(X, Y, 0.5, 40, lambda A, Y: (A - Y) / len(A))[2],
    "sum, rate 0.5": descend(X, Y, 0.5, 40, lambda A, Y: A - Y)[2],
    "sum, rate 0.5/N": descend(X, Y, 0.5 / N, 40, lambda A, Y: A - Y)[2],
}
figure, (panel,) = panels(height=3.2)
for (label, run), style in zip(runs.items(), ("-", "-", ":"), strict=True):
    panel.plot(run, style, label=label, linewidth=3 if style == ":" else 1.6)
    print(f"{label:16} first losses {run[:4]}, last {run[-1]:.3f}")
panel.set(xlabel="step", ylabel="mean loss", yscale="log")
panel.legend()
show(
    figure,
    "11-one-over-n.svg",
    alt="The mean with rate 0.5 and the sum with rate 0.5/N fall along one curve; the sum with "
    "rate 0.5 jumps up first.",
)
assert_allclose(runs["sum, rate 0.5/N"], runs["mean, rate 0.5"], rtol=1e-9)
assert runs["sum, rate 0.5"][1] > 2 * runs["sum, rate 0.5"][0]

# %% [markdown]
# The sum with rate 0.5 jumps up and down. (It even gets lower in the end: for this problem a rate
# of 0.5 was cautious.) The sum with rate 0.5/N takes the very same steps as the mean. So the mean
# is a convention, and a useful one: the rate need not change with the number of examples. That
# matters for the next point.
#
# ## Mini-batches
#
# The gradient of all flowers is a mean over flowers. A mean can be estimated from a sample.
# *Stochastic gradient descent* draws a small batch of $B$ flowers, and steps by their mean: cheaper
# by a factor of $N/B$, a little noisy. The divisor is then $B$, the size of the batch.


# %%
def stochastic(X, Y, rate, epochs, size, seed):
    """Descend by batches drawn without repetition; return W, b and the loss after each epoch."""
    rng = np.random.default_rng(seed)
    W, b, losses = np.zeros((4, 3)), np.zeros(3), [loss(X, Y, np.zeros((4, 3)), np.zeros(3))]
    for _ in range(epochs):
        for batch in np.split(rng.permutation(len(X)), range(size, len(X), size)):
            D = (softmax(X[batch] @ W + b) - Y[batch]) / len(batch)
            W, b = W - rate * X[batch].T @ D, b - rate * D.sum(axis=0)
        losses.append(loss(X, Y, W, b))
    return W, b, np.array(losses)


epochs = 20
_, _, whole = descend(X, Y, 0.5, epochs, lambda A, Y: (A - Y) / len(A))
_, _, small = stochastic(X, Y, 0.5, epochs, 10, seed=0)
print(f"loss after {epochs} passes: all at once {whole[-1]:.3f}, in tens {small[-1]:.3f}")
for seed in range(1, 6):  # not the luck of one split
    other_X, other_Y, *_ = prepared(seed)
    _, _, whole = descend(other_X, other_Y, 0.5, epochs, lambda A, Y: (A - Y) / len(A))
    _, _, small = stochastic(other_X, other_Y, 0.5, epochs, 10, seed)
    assert small[-1] < 0.7 * whole[-1]

# %% [markdown]
# With batches of 10 one pass through the data makes ten steps in place of one, so the loss falls
# faster per pass.
#
# ## Training with a wrong gradient
#
# Would you notice a mistake? We train with five claims about $\partial L/\partial Z$, four of them
# wrong.
#
# **Predict:** which of these classify the test flowers well all the same?
#
# <details><summary>Answer</summary>
#
# All but the wrong sign are far better than guessing, and two are about as good as the right
# gradient. Many wrong gradients still point downhill, more or less. So the accuracy hardly tells
# them from the right one. This is why you check a gradient by differences, and not by looking at
# how well the network does.
#
# </details>

# %%
claims = {
    "A − Y": lambda A, Y: (A - Y) / len(A),
    "Y − A": lambda A, Y: (Y - A) / len(A),
    "−Y(1 − A), the diagonal": lambda A, Y: -Y * (1 - A) / len(A),
    "(A − Y)/K": lambda A, Y: (A - Y) / len(A) / 3,
    "1/N twice": lambda A, Y: (A - Y) / len(A) ** 2,
}
final = {claim: [] for claim in claims}
for seed in range(5):
    X_s, Y_s, X_t, Y_t = prepared(seed)
    for claim, delta in claims.items():
        W_s, b_s, run = descend(X_s, Y_s, 0.5, 200, delta)
        final[claim].append((run[-1], accuracy(X_t, Y_t, W_s, b_s)))
print("claim                     loss      test accuracy, five splits")
for claim, results in final.items():
    print(
        f"{claim:24}  {np.mean([r[0] for r in results]):7.3f}  ", *(f"{r[1]:.0%}" for r in results)
    )
right, sign, diagonal, by_K, twice = (np.array(results) for results in final.values())
assert (sign[:, 1] < 0.2).all()
assert (twice[:, 1] > 0.6).all()
assert (diagonal[:, 1] > right[:, 1] - 0.1).all()
assert (by_K[:, 1] > right[:, 1] - 0.1).all()
for wrong in (sign, diagonal, by_K, twice):
    assert (wrong[:, 0] > right[:, 0]).all()

# %% [markdown]
# The loss after the same number of steps is lower with the right gradient in all five splits. But
# would you have known that it could be lower?
#
# From a terminal you can train by any gradient that you believe in, beside the right one:
# `python -m tinygrad_edu train iris --gradient "−y (1 − a)"`.
#
# ## The same with layers
#
# A layer of the library holds $W$ and $b$, and an optimiser does the step. Nothing else changes:
# the weights are the same but for rounding.

# %%
layer = nn.Linear(4, 3, rng=np.random.default_rng(0))
layer.W.data, layer.b.data = np.zeros((4, 3)), np.zeros(3)
sgd = optim.SGD(layer, lr=0.5)
for _ in range(200):
    total = tg.softmax_cross_entropy(layer(X), Y)
    sgd.step(tg.gradients(total, layer.parameters()))
print(f"loss {total.item():.3f}")
assert_allclose(layer.W.data, W1, rtol=1e-9, atol=1e-12)
assert_allclose(layer.b.data, b1, rtol=1e-9, atol=1e-12)

# %% [markdown]
# ## A look ahead
#
# The training flowers could be separated ever more surely by ever larger weights. To keep them
# small, one adds a penalty $\frac{\lambda}{2}\sum W^2$ to the loss. The gradient gets one more
# term:

# %%
λ = np.array(0.1)
Z = X @ W + b
A = tg.softmax(Z)
penalised = tg.derive(tg.cross_entropy(A, Y) + tg.weight_decay(W, λ), wrt=W)
print("∂L/∂W =", penalised.result)
assert str(penalised.result) == "λ·W + Xᵀ(A − Y)/N"

# %% [markdown]
# The next chapter is about this term.

# %% [markdown]
# ## Exercises

# %%
show(exercise("11.1"))

# %%
show(exercise("11.2"))

# %%
show(exercise("11.3"))

# %%
show(exercise("11.4"))

# %%
show(exercise("11.5"))
