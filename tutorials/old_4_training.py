# %% [markdown]
# # 4. Training
#
# Lecture topics: A1 (the loop), A2, A3 and B1 (which head for which problem), A10 (does
# cross-entropy converge faster?), A15 (sparse weights), A16 (penalties per layer and over all
# weights), A17 (dropout), A19 (early stopping), B6 and C3 (one layer on Iris), D9 (weight decay).
#
# Layers and optimisers add nothing to the calculus: a layer is a few operations with its weights
# in one place, and an optimiser says what to do with a gradient. So everything that could be
# drawn and derived before still can.

# %%
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import nn, optim, train
from tinygrad_edu.data import load_iris, split, standardize

pictures = Path("build/tutorials")
pictures.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# ## One layer on Iris, by the lecture's formulas (B6, C3)
#
# With Z = XW + b and Δ = (A − Y)/N the gradients are XᵀΔ and the sum of Δ over the flowers. We
# take one step by these formulas, and one with the layer, the loss and the optimiser. Setosa is
# class 0 here, as in scikit-learn; the lecture writes it as (0, 1, 0).

# %%
iris = load_iris()
X, labels = standardize(iris.features), iris.labels
Y = tg.one_hot(labels, classes=3)
rng = np.random.default_rng(0)  # whatever is drawn is drawn from here
layer = nn.Linear(4, 3, rng=rng)
W, b = layer.W.data, layer.b.data

A = tg.softmax(X @ W + b)
delta = (A - Y) / len(X)
by_hand = W - 0.5 * X.T @ delta, b - 0.5 * delta.sum(axis=0)

Z = layer(X)
L = tg.softmax_cross_entropy(Z, labels)
print("∂L/∂W =", tg.derive(L, wrt=layer.W).result)
optim.SGD(layer, lr=0.5).step(tg.gradients(L, layer.parameters()))
assert_allclose(layer.W.data, by_hand[0], rtol=1e-12)
assert_allclose(layer.b.data, by_hand[1], rtol=1e-12, atol=1e-15)

# %% [markdown]
# ## The head belongs to the problem (A2, A3, B1)
#
# One label of several wants softmax, several labels want a sigmoid each, and both come with a
# cross-entropy that takes the logits. K sigmoids are no classifier: their values need not sum to 1.

# %%
logits = np.array([[1.47, -0.39, 0.22]])
for problem in ("multiclass", "multilabel"):
    head = nn.head(problem, 3)
    values = head.activation(logits)
    print(f"{problem:11} {values.round(2)}  sum {values.sum():.2f}")

# %% [markdown]
# ## A network, and its graph layer by layer (A1)
#
# `fit` is the lecture's loop: initialise, then forward, loss, backward, step, and again from
# forward. The slides' web twin leaves the step out.

# %%
fitted, unseen = standardize(*split(iris, 0.3, rng=rng))
model = nn.Sequential(
    nn.Linear(4, 16, initialiser="he", l2=0.001, rng=rng),
    nn.ReLU(),
    nn.Dropout(0.2, rng),
    nn.Linear(16, 3, rng=rng),
    nn.head("multiclass", 3),
)
print(model.summary())
history = train.fit(
    model,
    fitted,
    optimizer=optim.Adam(model, lr=0.01),
    epochs=60,
    rng=rng,
    validation=unseen,
    early_stopping=train.EarlyStopping(patience=10),
)
print(history)
assert train.evaluate(model, unseen)["accuracy"] > 0.85

loss = model.loss(model(fitted.features[:8]), fitted.labels[:8])
picture = tg.draw(loss, fold=True).save(pictures / "network.svg")
print("the picture:", picture)

# %% [markdown]
# ## Penalties (A16), and dropout (A17)
#
# `l2=0.001` of a layer is Keras's: 0.001·Σw², of this layer alone. One penalty over all weights is
# a term of its own. Dropout draws a new mask in every step of training, divides by 1 − p what it
# leaves, and does nothing in `predict`.

# %%
first = model[0].W.data
assert_allclose(model.penalty().item(), 0.001 * (first**2).sum(), rtol=1e-12)
over_all = nn.penalty(model, l2=0.001).item()
print(f"penalty of the first layer {model.penalty().item():.4f}, over all weights {over_all:.4f}")

w = tg.Tensor([2.0, -1.0, 0.5, 0.0], name="w")
E = tg.sum_squared_error(w, [3.0, -1.0, 0.0, 0.1])
pulls = tg.forces(E, w, decay=0.5, l1=0.25)  # data, spring and ℓ1 push add up to the gradient
print(pulls)
assert pulls.residual == 0
print("the picture:", pulls.save(pictures / "forces.svg"))

ones = tg.Tensor(np.ones(10))
kept = nn.Dropout(0.5, np.random.default_rng(1))(ones)
print(kept.data, tg.gradients(kept.sum(), ones))
assert_allclose(tg.gradients(kept.sum(), ones), kept.data)  # the same mask, both ways

# %% [markdown]
# Each mask leaves a sub-network. For a small layer we can look at all of them: where all that
# follows is linear, the output at inference is their exact mean; behind a tanh it is not.

# %%
small = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Dropout(0.5, rng), nn.Linear(3, 1, rng=rng))
x = np.array([[-1.0, 0.8]])
linear = tg.subnetworks(small(x))
bent = tg.subnetworks(tg.tanh(4 * small(x)))
print(linear)
print(f"behind a tanh: mean {bent.mean.item():.3f}, at inference {bent.inference.item():.3f}")
assert linear.gap < 1e-12
assert bent.gap > 1e-3
print("the picture:", linear.save(pictures / "sub-networks.svg"))
