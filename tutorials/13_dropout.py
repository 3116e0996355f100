# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 13. Dropout
#
# **Goal:** know what dropout does to the numbers and to the gradient, why it divides by $1 - p$,
# what it is an average of, and when it helps.
#
# **Time:** 45 minutes.
#
# **Needs:** chapter 4 (layers and activations), chapter 6 (cross-entropy), chapter 12 (penalties).

# %%
from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import nn, optim, train
from tinygrad_edu.data import load_iris, split, standardize
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Units that cannot rely on each other
#
# A large network can learn its training data by heart. One hidden unit makes a mistake, a second
# one corrects it, a third corrects the second. Such a chain fits the examples it was made for, and
# little else.
#
# *Dropout* breaks the chains. In each step of training, and for each example by itself, a coin
# decides for every hidden unit whether it is switched off. This happens with probability $p$, and
# the rest of the network has to do without the unit. A unit that
# is useful only together with one other unit is of little use now. What remains are units that are
# useful in most company.
#
# The coin is tossed anew in every step. A unit that is switched off keeps its weights, and is back
# in the next step, or in the one after.

# %% [markdown]
# ## What it does to the numbers
#
# Write $x$ for the outputs of a hidden layer and $m$ for the *mask*: $m_i = 0$ with probability
# $p$, else $m_i = 1$. Dropout computes
#
# $$\text{out}_i = \frac{m_i}{1-p}\, x_i .$$
#
# So a unit is either 0, or larger than before. Here are ten units that all say 1, with
# $p = \tfrac12$:

# %%
rng = np.random.default_rng(1)
x = tg.Tensor(np.ones(10), name="x")
out = tg.dropout(x, 0.5, rng)
print(out.data)
assert set(out.data.tolist()) == {0.0, 2.0}

# %% [markdown]
# Why divide by $1 - p$? After training nothing is switched off. The next layer has then twice as
# many inputs as it was trained with, and its sums are twice as large. One can halve the weights
# after training. The usual way is to double what remains *during* training, so that nothing is left
# to do later.
#
# The factor is just right on average. The *expectation* of the mask is $0\cdot p + 1\cdot(1-p)$, so
# that of $m_i x_i/(1-p)$ is $x_i$. Let us average over many masks.
#
# **Predict.** What does the mean over 20,000 masks look like, with the factor and without it, for
# $p = 0.2$ and a unit that says 1?
#
# <details><summary>Answer</summary>
#
# With the factor it is 1, as if there were no dropout. Without it, it is $1 - p = 0.8$.
#
# </details>

# %%
many = tg.dropout(np.ones((20_000, 10)), 0.2, rng)
print("with the factor   ", many.mean(axis=0))
print("without the factor", (many * 0.8).mean(axis=0))
assert_allclose(many.mean(axis=0), 1, atol=0.02)

# %% [markdown]
# ## What it does to the gradient
#
# The mask is drawn once, in the forward pass. After that it is a constant, and dropout multiplies
# each entry by a number. The derivative of a multiplication by a number is that number:
#
# $$\frac{\partial L}{\partial x_i} = \frac{m_i}{1-p}\,\frac{\partial L}{\partial\,\text{out}_i} .$$
#
# So the same mask works on the way back. Where a unit was switched off, no gradient passes, and the
# weights that lead to it get none from this example.

# %%
assert_array_equal(tg.gradients(out.sum(), x), out.data)  # here x = 1, so both are the mask times 2
print(tg.derive(out, wrt=x).text())

# %% [markdown]
# In a network, look at a weight matrix in front of the dropped units. A column of $W$ belongs to a
# unit.
#
# **Predict.** The mask below is (1, 0, 1). Which entries of $\partial L/\partial W$ are zero?
#
# <details><summary>Answer</summary>
#
# Those of the second column, since the second unit was switched off. (Here is one example. In a
# batch each example has a mask of its own, and a column is zero only where the unit was off for
# all.)
#
# </details>

# %%
W = tg.Tensor([[0.4, -0.6, 0.3], [0.2, 0.5, -0.1]], name="W")
hidden = tg.tanh(np.array([1.0, 2.0]) @ W)
mask = np.array([1.0, 0.0, 1.0])
L = tg.sum(hidden * mask / 0.5)
print(tg.gradients(L, W))
assert (tg.gradients(L, W)[:, 1] == 0).all()
assert (tg.gradients(L, W)[:, [0, 2]] != 0).all()

# %% [markdown]
# In the library `nn.Dropout(p, rng)` is a layer. It draws in training, and does nothing in
# `predict`. The generator `rng` is yours, so a training can be repeated to the last digit.

# %%
layer = nn.Dropout(0.5, np.random.default_rng(7))
print("training: ", layer(tg.Tensor(np.ones(8))).data)
print("inference:", layer.predict(np.ones(8)))
assert_array_equal(layer.predict(np.ones(8)), np.ones(8))

# %% [markdown]
# ## Can all units be dropped at once?
#
# One sometimes reads that dropout never drops all units of a layer. Each of the $n$ units has a
# coin of its own, so all are dropped with probability $p^n$. That is small, and it is not zero.
#
# **Predict.** A layer has 5 units, and $p = \tfrac12$. In how many of 3,200 steps does nothing get
# through?
#
# <details><summary>Answer</summary>
#
# $p^n = 1/32$, so in about 100 of them.
#
# </details>

# %%
masks = tg.dropout(np.ones((3200, 5)), 0.5, rng)
nothing = int((masks == 0).all(axis=1).sum())
print(f"{nothing} of 3200 steps, expected {3200 * 0.5**5:.0f}")
assert abs(nothing - 100) < 40  # four standard deviations

# %% [markdown]
# With 100 units it does not happen: $2^{-100}$ is about $10^{-30}$. In a narrow layer use a small
# $p$, or none.

# %% [markdown]
# ## A crowd of sub-networks
#
# Every mask leaves a smaller network, a *sub-network*. A layer of $n$ units has $2^n$ of them, and
# they share their weights. Training with dropout trains all of them, a few at a time. And the whole
# network, used after training, stands for their average.
#
# For three units we can look at all eight.

# %%
rng = np.random.default_rng(3)
small = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Dropout(0.5, rng), nn.Linear(3, 1, rng=rng))
x = np.array([[-1.0, 0.8]])
crowd = tg.subnetworks(small(x))
print(crowd)
show(
    crowd,
    "13-sub-networks.svg",
    alt="Eight small networks, one for each mask of the three hidden units, each with its output; "
    "below them their mean, which is the output of the whole network.",
)

# %% [markdown]
# The mean of the eight outputs is the output of the whole network, exactly. This holds because all
# that follows the dropped units is linear: a weighted sum of means is the mean of the weighted
# sums. (With $p = \tfrac12$ the eight masks are equally likely. For another $p$ each counts by its
# probability.)
#
# **Predict.** Put a tanh behind the last layer. Is the output of the whole network still the mean?
#
# <details><summary>Answer</summary>
#
# No. The mean of tanh is not the tanh of the mean. The whole network then only approximates the
# average.
#
# </details>

# %%
bent = tg.subnetworks(tg.tanh(4 * small(x)))
print(f"linear:  mean {crowd.mean.item():.4f}, whole network {crowd.inference.item():.4f}")
print(f"tanh:    mean {bent.mean.item():.4f}, whole network {bent.inference.item():.4f}")
assert crowd.gap < 1e-12
assert bent.gap > 1e-3

# %% [markdown]
# Here the two differ much, since three units are few, and the factor 4 makes the tanh steep. In a
# wide layer a single unit counts little, and the approximation is usually better.
#
# An average over many networks is steadier than any of them, as the mean of many measurements is.
# That is the second explanation of why dropout helps. The first was: units that have to work in any
# company.

# %% [markdown]
# ## Does it help?
#
# It should help where a network learns its data by heart. So let us make that easy. We train on 75
# flowers of Iris, and first draw the labels of 30 per cent of all flowers by chance. A third of
# these are right by luck, so one label in five is wrong. The network has two hidden layers of 100
# units, so 10,903 numbers to adjust, and can learn all wrong labels.
#
# We train ten times without dropout and ten times with it, from ten different seeds. For each seed
# both see the same flowers. The other 75 flowers are for the test. One in five of their labels is
# wrong, too, so nobody can be right for much more than 80 per cent of them.

# %%
iris = load_iris()


def trained(p, seed):
    """Train with dropout p; return the loss on both halves, and the accuracy on the second."""
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(150) < 0.3, rng.integers(0, 3, 150), iris.labels)
    fitted, unseen = standardize(*split(replace(iris, labels=labels), 0.5, rng=rng))
    model = nn.Sequential(
        nn.Linear(4, 100, initialiser="he", rng=rng),
        nn.ReLU(),
        nn.Dropout(p, rng),
        nn.Linear(100, 100, initialiser="he", rng=rng),
        nn.ReLU(),
        nn.Dropout(p, rng),
        nn.Linear(100, 3, rng=rng),
        nn.head("multiclass", 3),
    )
    assert sum(parameter.size for parameter in model.parameters()) == 10_903
    adam = optim.Adam(model, lr=0.004)
    train.fit(model, fitted, optimizer=adam, epochs=150, batch_size=75, rng=rng, progress=False)
    on_unseen = train.evaluate(model, unseen)
    return train.evaluate(model, fitted)["loss"], on_unseen["loss"], on_unseen["accuracy"]


# %% [markdown]
# **Predict.** Which of the two has the lower loss on the flowers it was trained with, and which on
# the others?
#
# <details><summary>Answer</summary>
#
# Without dropout the network fits its own flowers better, wrong labels included. With dropout it
# fits them worse, and the others better. This is what *regularising* means: giving up fit for what
# holds beyond the data.
#
# </details>

# %%
without, dropped = (np.array([trained(p, seed) for seed in range(10)]) for p in (0.0, 0.5))
print("                training loss   test loss       test accuracy")
for name, found in (("no dropout", without), ("dropout 0.5", dropped)):
    mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1)
    numbers = [f"{m:.2f} ± {s:.2f}" for m, s in zip(mean, spread, strict=True)]
    print(f"{name:14}  {'     '.join(numbers)}")
better = dropped[:, 1] < without[:, 1]
print(f"lower test loss with dropout: {better.sum()} of 10 seeds")
print(f"higher test accuracy: {(dropped[:, 2] > without[:, 2]).sum()} of 10 seeds")
assert (dropped[:, 0] > without[:, 0]).all()
assert better.sum() >= 9
assert (dropped[:, 2] > without[:, 2]).sum() >= 9

# %% [markdown]
# The number behind ± is the standard deviation over the seeds.
#
# So dropout helps here, and by much more than the "1 or 2 per cent" that is often quoted. This does
# not make it a law. The wrong labels gave it something to do. In chapter 15 a larger network learns
# from thousands of clean pictures for ten epochs, and there dropout *costs* something: the network
# has hardly begun to learn by heart, and training with a part of the units is slower.
#
# A few habits:
#
# - Rates between 0.1 and 0.5 are common. Wide layers bear more.
# - Often dropout stands behind the last hidden layer only. Each layer may have a rate of its own.
# - Never drop outputs. And look at both losses: if they are equal, there is nothing to regularise.

# %% [markdown]
# ## What to take with you
#
# - A new mask in every step, the same mask forward and backward, nothing dropped after training.
# - Dividing by $1 - p$ during training keeps the expectation, so inference needs no change.
# - All units of a layer are dropped with probability $p^n$.
# - It trains $2^n$ sub-networks with shared weights. The whole network is their average, exactly
#   where all that follows is linear.
# - It helps where a network fits its training data much better than others.
#
# ## Exercises

# %%
show(exercise("13.1"))

# %%
show(exercise("13.2"))

# %%
show(exercise("13.3"))
