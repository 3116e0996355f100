# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 14. Validation and early stopping
#
# **Goal:** split data into three parts and say what each is for, stop a training at the right
# epoch, and explain how the loss can rise while the accuracy stays.
#
# **Time:** 45 minutes.
#
# **Needs:** chapter 6 (cross-entropy), chapter 11 (training on Iris).

# %%
from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import nn, optim, train
from tinygrad_edu.data import load_iris, split, standardize
from tinygrad_edu.experiments import early_stopping
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Three parts, three jobs
#
# A network is judged by what it says of examples that it has not seen. So some examples are kept
# away from training. One such part is not enough, as we shall see. Each of three parts has its job:
#
# - The **training data** choose the weights.
# - The **validation data** choose everything else: when to stop, how wide the layers are, which
#   learning rate, which penalty, which seed.
# - The **test data** choose nothing. They are looked at once, at the end, and what they say is what
#   you report.
#
# The library splits data by shares. Each part gets the same mix of classes.

# %%
iris = load_iris()
fitted, held, unseen = split(iris, 0.25, 0.25, rng=np.random.default_rng(0))
for name, part in (("training", fitted), ("validation", held), ("test", unseen)):
    print(f"{name:10} {len(part):3} flowers, of each class {np.bincount(part.labels)}")
assert len(fitted) + len(held) + len(unseen) == len(iris)

# %% [markdown]
# Everything that is computed from data is computed from the training data alone. The means and
# deviations that bring features to one scale are weights of a kind. They are found on the training
# part, and applied to all three.

# %%
fitted, held, unseen = standardize(fitted, held, unseen)
print("means on the training part: ", fitted.features.mean(axis=0))
print("means on the validation part:", held.features.mean(axis=0))
assert_allclose(fitted.features.mean(axis=0), 0, atol=1e-12)
assert abs(held.features.mean(axis=0)).max() > 0.01

# %% [markdown]
# ## Why not two parts?
#
# Could we not stop when the *test* loss is lowest, and save a part? Let us see what choosing does.
# Take 100 networks that know nothing: each guesses a class for every flower by chance. On 38
# flowers we look which of them does best, and we report that number.
#
# **Predict.** Guessing is right for a third of the flowers. How good is the best of 100 guessers on
# the 38 flowers that it was chosen by? And how good is it on 38 others?
#
# <details><summary>Answer</summary>
#
# On the 38 flowers about half, since we picked the luckiest. On the others a third, as ever.
#
# </details>

# %%
rng = np.random.default_rng(1)
chosen_by, others = [], []
for _ in range(200):
    guesses = rng.integers(0, 3, (100, 76))
    right = guesses == rng.integers(0, 3, 76)
    best = right[:, :38].mean(axis=1).argmax()
    chosen_by.append(right[best, :38].mean())
    others.append(right[best, 38:].mean())
print(f"the best of 100 guessers: {np.mean(chosen_by):.0%} on the flowers it was chosen by,")
print(f"{np.mean(others):.0%} on others (means over 200 repetitions)")
assert np.mean(chosen_by) > 0.48
assert abs(np.mean(others) - 1 / 3) < 0.02

# %% [markdown]
# Nobody cheated, and the number is wrong. On the data that chose it, the best of many looks better
# than it is. An epoch is chosen among many as the guesser was. So the number to report comes from
# data that have chosen nothing. That is the third part.

# %% [markdown]
# ## The curve that turns up
#
# Now we train a network that is too large for its data. Iris is too easy for that, so for 30 per
# cent of the flowers we draw the label by chance. In real data some labels are wrong, too.


# %%
def trained(stop=None):
    """Train on half of the flowers, with a quarter for validation; return the test part, too."""
    rng = np.random.default_rng(9)
    labels = np.where(rng.random(150) < 0.3, rng.integers(0, 3, 150), iris.labels)
    parts = split(replace(iris, labels=labels), 0.25, 0.25, rng=rng)
    fitted, held, unseen = standardize(*parts)
    model = nn.Sequential(
        nn.Linear(4, 100, initialiser="he", rng=rng),
        nn.ReLU(),
        nn.Linear(100, 100, initialiser="he", rng=rng),
        nn.ReLU(),
        nn.Linear(100, 3, rng=rng),
        nn.head("multiclass", 3),
    )
    history = train.fit(
        model,
        fitted,
        optimizer=optim.Adam(model, lr=0.001),
        epochs=150,
        batch_size=25,
        rng=rng,
        validation=held,
        early_stopping=stop,
        progress=False,
    )
    return model, history, unseen


# %% [markdown]
# **Predict.** Draw two curves over the epochs on paper: the loss on the training data, and the loss
# on the validation data.
#
# <details><summary>Answer</summary>
#
# The training loss falls all the time: that is what the steps are made for. The validation loss
# falls at first, while the network learns what holds for all flowers. Then it rises, while the
# network learns the wrong labels by heart. The curve has the shape of a U.
#
# </details>

# %%
model, history, unseen = trained()
best = int(history.validation_loss.argmin()) + 1
print(f"training loss:   {history.loss[0]:.2f} at first, {history.loss[-1]:.2f} at last")
print(f"validation loss: lowest {history.validation_loss.min():.2f} after epoch {best},", end=" ")
print(f"{history.validation_loss[-1]:.2f} at last")
show(
    history.curve(),
    "14-curves.svg",
    alt="Over the epochs the training loss falls; the validation loss falls at first and then "
    "rises; the accuracy goes to and fro.",
)
assert history.loss[-1] < history.loss[0] / 2
assert history.validation_loss[-1] > 1.1 * history.validation_loss.min()

# %% [markdown]
# ## Stop, and go back
#
# *Early stopping* uses the curve while it is drawn. After each epoch, compare the validation loss
# with the lowest so far. If it is lower, keep a copy of the weights. If it has not been lower for a
# number of epochs, the *patience*, stop, and give the copy back.
#
# Patience is needed because the curve is not smooth. Here is the rule by itself, on the losses that
# were recorded above.


# %%
def stop_after(losses, patience):
    """Return at which epoch training ends, and of which epoch the weights are, both from 1."""
    lowest, best = np.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest:
            lowest, best = loss, epoch
        if epoch - best == patience:
            break
    return epoch, best


for patience in (1, 3, 20):
    end, best = stop_after(history.validation_loss, patience)
    loss = history.validation_loss[best - 1]
    print(f"patience {patience:2}: ends after epoch {end:3}, weights of {best:3}, loss {loss:.3f}")

# %% [markdown]
# Without patience training ends after the first small rise, long before the lowest point.
#
# In `fit` early stopping is one argument, and the best weights are given back by themselves. The
# seed is the same, so both trainings take the same steps as long as both go on.

# %%
stopped, shorter, _ = trained(train.EarlyStopping(patience=20))
print(f"ended after epoch {len(shorter)}: {shorter.ended}, weights of epoch {shorter.best_epoch}")
assert (len(shorter), shorter.best_epoch) == stop_after(history.validation_loss, 20)
for name, each in (("all epochs", model), ("early stopping", stopped)):
    found = train.evaluate(each, unseen)
    print(f"test, {name:14}: loss {found['loss']:.2f}, accuracy {found['accuracy']:.0%}")
assert train.evaluate(stopped, unseen)["loss"] < train.evaluate(model, unseen)["loss"]

# %% [markdown]
# ## Is it so for every seed?
#
# One training shows little. The experiment `early-stopping` trains ten times with all epochs and
# ten times with early stopping, from the same ten seeds. Validation data say when to stop, and the
# table reports the test data.

# %%
found = early_stopping.run()
print(found.table())
show(
    found.figure(),
    "14-early-stopping.svg",
    alt="The losses of one training with the best epoch marked, and the epoch at which patience "
    "ran out.",
)
for held_for in found.claims.values():
    assert sum(held_for) >= 9

# %% [markdown]
# Read the column of the test loss first. It is clearly lower with early stopping.
#
# Now read the accuracy. It has changed little, and the standard deviation of the change is larger
# than the change itself. So early stopping lowered the loss a lot. Whether it makes more flowers
# right, ten seeds cannot tell. Are the two not the same?

# %%
gain = np.array([a.accuracy - b.accuracy for a, b in zip(found.stopped, found.whole, strict=True)])
print(f"change of the accuracy: {gain.mean():+.1%}, standard deviation {gain.std(ddof=1):.1%}")
assert abs(gain.mean()) < gain.std(ddof=1)

# %% [markdown]
# ## Where loss and accuracy part
#
# Accuracy asks which probability is the largest. The loss asks how large the probability of the
# label is. Think of a flower that the network gets wrong. It says (0.60, 0.40), and the second
# class is right.
#
# **Predict.** After more epochs it says (0.98, 0.02). What has happened to the accuracy, and what
# to the loss?
#
# <details><summary>Answer</summary>
#
# The flower was wrong and is wrong: the accuracy is the same. Its loss has gone from $-\log 0.40$
# to $-\log 0.02$, from 0.92 to 3.91.
#
# </details>

# %%
for a in (0.40, 0.02):
    print(f"probability of the label {a:.2f}: loss {tg.cross_entropy(np.array([1 - a, a]), 1):.2f}")
assert round(float(-np.log(0.40)), 2) == 0.92
assert round(float(-np.log(0.02)), 2) == 3.91

# %% [markdown]
# This is what the last column of the table shows. It is the mean of the largest probability over
# the flowers that the network gets *wrong*. After all epochs the network is surer of its mistakes.
# It has not made many more of them.
#
# A network that has learned its examples by heart is sure of everything. Where it is right, that
# gains little: a loss of 0.1 cannot fall by more than 0.1. Where it is wrong, the loss grows
# without bound. So the mean loss rises, and the accuracy hardly moves.
#
# Which of the two should decide? It depends on what you do with the output.
#
# - If you use the **probabilities**, as a doctor does who weighs 60 against 98 per cent, then the
#   loss is what counts. Early stopping has helped a lot.
# - If you use the **class** alone, accuracy counts. You may stop on it, but it is a coarse measure:
#   on 38 flowers it moves in steps of 2.6 per cent, and many epochs tie.

# %%
print(f"one flower of {len(unseen)} is {1 / len(unseen):.1%}")
assert round(100 / len(unseen), 1) == 2.6

# %% [markdown]
# ## How sure is a number?
#
# The test part has 38 flowers. If the network is right with probability 0.7 for each, the accuracy
# that we measure has the standard deviation $\sqrt{0.7\cdot 0.3/38}$.

# %%
deviation = np.sqrt(0.7 * 0.3 / 38)
print(f"standard deviation of an accuracy of 70 % on 38 flowers: {deviation:.1%}")
assert 0.07 < deviation < 0.08

# %% [markdown]
# So 68 and 75 per cent on 38 flowers are the same, as far as anybody can tell. This is why the
# table has ten seeds and a spread. With 10,000 test pictures, as in the next chapter, the deviation
# is below half a per cent.
#
# ## What to take with you
#
# - Training data choose weights, validation data choose everything else, test data choose nothing.
# - What was chosen by data looks better on these data than it is.
# - The training loss falls; the validation loss falls and rises. Early stopping gives back the
#   weights of the lowest point.
# - The loss can rise while the accuracy stays: the network becomes surer, of its mistakes too.
# - A number without a spread says little.
#
# ## Exercises

# %%
show(exercise("14.1"))

# %%
show(exercise("14.2"))

# %%
show(exercise("14.3"))
