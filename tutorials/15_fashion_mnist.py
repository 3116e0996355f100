# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 15. A network that knows shirts from shoes
#
# **Goal:** train a network of two hidden layers on real pictures, read what it learned and what it
# confuses, and judge for yourself whether dropout helps here.
#
# **Time:** 45 minutes; the cells need about 20 seconds.
#
# **Needs:** chapters 7 (a − y), 13 (dropout) and 14 (validation). The data come from the Debian
# package `dataset-fashion-mnist`.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import optim, train
from tinygrad_edu.charts import panels
from tinygrad_edu.data import load_fashion_mnist, split
from tinygrad_edu.experiments import fashion
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Look at the data first
#
# Fashion-MNIST has 70,000 pictures of clothes, each of 28 × 28 grey pixels, in ten classes. 60,000
# are for learning, 10,000 for the test. A picture is a row of 784 numbers between 0 and 1.

# %%
learned, unseen = load_fashion_mnist()
print(learned)
print(unseen)
assert learned.features.shape == (60_000, 784)
assert (learned.features.min(), learned.features.max()) == (0, 1)

figure, axes = panels(rows=2, across=5, width=1.5, height=1.7)
for label, panel in enumerate(axes):
    first = np.flatnonzero(learned.labels == label)[0]
    panel.imshow(learned.features[first].reshape(28, 28), cmap="gray_r")
    panel.set_title(learned.class_names[label], fontsize="small")
    panel.axis("off")
show(
    figure,
    "15-pictures.svg",
    alt="One grey picture of each class: T-shirt/top, trouser, pullover, dress, coat, sandal, "
    "shirt, sneaker, bag and ankle boot.",
)

# %% [markdown]
# All 60,000 pictures need minutes. In this chapter we use 6,000 of them, chosen by chance with the
# same mix of classes. A tenth of those is for validation. The test part stays whole.

# %%
rng = np.random.default_rng(0)
_, part = split(learned, 0.1, rng=rng)
fitted, held = split(part, 0.1, rng=rng)
print(len(fitted), "for training,", len(held), "for validation,", len(unseen), "for the test")
assert len(fitted) + len(held) == 6000

# %% [markdown]
# ## The network
#
# 784 pixels go into a layer of 300 units, these into one of 100, these into ten logits. The hidden
# units are ReLUs. Softmax turns the logits into activations $a$, the probabilities of the classes.
#
# **Predict.** How many numbers does the network have to learn?
#
# <details><summary>Answer</summary>
#
# A layer has a weight for each pair of input and output, and a bias for each output:
# $784\cdot 300 + 300$, then $300\cdot 100 + 100$, then $100\cdot 10 + 10$. Together 266,610, most
# of them in the first layer.
#
# </details>

# %%
model = fashion.network(0.0, rng)
print(model.summary())
size = sum(parameter.size for parameter in model.parameters())
assert size == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10 == 266_610
loss = model.loss(model(fitted.features[:2]), fitted.labels[:2])
show(
    tg.draw(loss, fold=True),
    "15-network.svg",
    alt="A chain of boxes: pixels, three linear layers with ReLU between them, and the "
    "cross-entropy of the logits with the labels.",
)

# %% [markdown]
# ## Before the first step
#
# An untrained network has no opinion. Its ten probabilities are about 0.1 each.
#
# **Predict.** What is its loss?
#
# <details><summary>Answer</summary>
#
# About $-\log 0.1 = \log 10 = 2.30$. If the first loss is far from $\log K$, something is wrong:
# the weights are too large, the labels are in disorder, or there is one logarithm too many. It is a
# cheap test, and worth doing each time.
#
# </details>

# %%
before = train.evaluate(model, held)
print(f"loss {before['loss']:.2f}, log 10 = {np.log(10):.2f}, accuracy {before['accuracy']:.0%}")
assert abs(before["loss"] - np.log(10)) < 0.5

# %% [markdown]
# A second test concerns the gradient. At the logits it must be $(A - Y)/N$, whatever lies in front
# of them. $Z$ are the logits of a batch, one row for each of $N$ pictures.

# %%
Z = tg.Tensor(model(fitted.features[:32]).data, name="Z")
labels = fitted.labels[:32]
A, Y = tg.softmax(Z.data), np.eye(10)[labels]
L = tg.softmax_cross_entropy(Z, labels)
assert_allclose(tg.gradients(L, Z), (A - Y) / 32, atol=1e-8)
print("∂L/∂Z =", tg.derive(L, wrt=Z).result)

# %% [markdown]
# ## Training
#
# Stochastic gradient descent, 32 pictures a step, ten epochs. The learning rate starts at 0.1 and
# falls to 0 along a cosine. Without that, the last steps would jump about, and the last epoch would
# be good or bad by chance.

# %%
steps = 10 * -(-len(fitted) // 32)
history = train.fit(
    model,
    fitted,
    optimizer=optim.SGD(model, lr=optim.CosineDecay(0.1, steps)),
    epochs=10,
    batch_size=32,
    rng=rng,
    validation=held,
    progress=False,
)
print(history.table())
show(
    history.curve(),
    "15-curves.svg",
    alt="The training loss falls in every epoch; the validation loss falls and levels off above "
    "it; the validation accuracy rises and levels off.",
)
assert history.loss[-1] < history.loss[0] / 2
assert history.loss[-1] < history.validation_loss[-1]

# %% [markdown]
# The training loss is below the validation loss by now, and the gap widens. The network has begun
# to learn its pictures by heart. The validation loss has not turned up yet.
#
# The test comes last, and once.

# %%
after = train.evaluate(model, unseen)
error = np.sqrt(after["accuracy"] * (1 - after["accuracy"]) / len(unseen))
print(f"test: loss {after['loss']:.3f}, accuracy {after['accuracy']:.1%} ± {error:.1%}")
assert after["accuracy"] > 0.8
assert error < 0.005

# %% [markdown]
# ## What it confuses
#
# One number for all ten classes does not say which of them are hard. The *confusion matrix* counts,
# for each true class (row), what its pictures were taken for (column). Each row sums to 1,000.

# %%
A = model.predict(unseen.features, batch_size=1000)
confusion = train.confusion_matrix(A, unseen.labels)
names = unseen.class_names
for name, row in zip(names, confusion, strict=True):
    print(f"{name:12}", " ".join(f"{count:4}" for count in row))
right = confusion.diagonal() / confusion.sum(axis=1)
print(f"\nbest: {names[right.argmax()]} {right.max():.0%},", end=" ")
print(f"worst: {names[right.argmin()]} {right.min():.0%}")
assert (confusion.sum(axis=1) == 1000).all()
assert names[right.argmin()] == "shirt"

# %% [markdown]
# Shirts are the hard class. They are taken for T-shirts, pullovers and coats, and look like them at
# 28 × 28 pixels. Trousers, bags and boots are easy. Accuracy over all classes would not have told
# you that.
#
# ## Loss and accuracy, picture by picture
#
# The loss of a picture is $-\log a$ of its label. So the largest losses are the mistakes that the
# network is surest of.
#
# **Predict.** A network that always said 0.1 for each class has the loss 2.30. What share of the
# pictures has a larger loss than that, and what share of the whole loss do they make?
#
# <details><summary>Answer</summary>
#
# A few per cent of the pictures, and a large part of the loss. So the mean loss can rise while the
# accuracy stays, as in chapter 14: a few pictures are enough.
#
# </details>

# %%
losses = -np.log(A[np.arange(len(unseen)), unseen.labels].astype(float))
bad = losses > np.log(10)
print(f"{bad.mean():.1%} of the pictures make {losses[bad].sum() / losses.sum():.0%} of the loss")
assert_allclose(losses.mean(), after["loss"], rtol=1e-4)
assert bad.mean() < 0.1
assert losses[bad].sum() / losses.sum() > 0.25

# %% [markdown]
# ## Which pixels matter?
#
# Backward does not have to stop at the weights. Make the *picture* a tensor, and the gradient says
# for each pixel how the loss changes if that pixel becomes darker. We take the worst mistake.

# %%
worst = int(losses.argmax())
x = tg.Tensor(unseen.features[worst : worst + 1], name="x")
label, said = unseen.labels[worst], A[worst].argmax()
loss = model.loss(model(x), unseen.labels[worst : worst + 1])
pull = -tg.gradients(loss, x).reshape(28, 28)  # where to make the picture darker

figure, (left, right) = panels(across=2, width=2.6, height=2.8)
left.imshow(x.data.reshape(28, 28), cmap="gray_r")
left.set_title(f"{names[label]},\ntaken for {names[said]}", fontsize="small")
limit = abs(pull).max()
right.imshow(pull, cmap="PuOr", vmin=-limit, vmax=limit)
right.set_title("−∂L/∂x", fontsize="small")
for panel in (left, right):
    panel.axis("off")
show(
    figure,
    "15-pixels.svg",
    alt="Left, the picture with the largest loss; right, minus the gradient by its pixels: a "
    "speckled pattern, strongest in a few patches.",
)

# %% [markdown]
# The pattern is no drawing of the class. The first layer has 235,200 weights, and nothing asked
# them to be smooth. It says where a darker pixel (purple) or a lighter one (orange) would bring
# this network nearer to the right class, and no more.
#
# One small step along it must lower the loss. That checks the sign.

# %%
nudged = x.data + 0.01 * pull.reshape(1, 784) / limit
lower = model.loss(model(nudged), unseen.labels[worst : worst + 1])
print(f"loss {loss.item():.3f}, after the step {float(lower):.3f}")
assert float(lower) < loss.item()

# %% [markdown]
# ## Does dropout help here?
#
# Often one reads of "1 or 2 per cent". The experiment `fashion` trains the network several times
# without dropout and several times with it, from the same seeds. Here it takes 2,000 pictures and
# ten epochs.
#
# **Predict.** Look again at the training loss and the validation loss above. Is there much to gain?
#
# <details><summary>Answer</summary>
#
# There is a gap, but the validation loss has not turned up: so far overfitting has done no harm.
# Dropout makes each step less effective, since a part of the network is missing, and ten epochs are
# few. It will cost something.
#
# </details>

# %%
found = fashion.run(pictures=2000, epochs=10, dropout=0.3, seeds=4, progress=False)
print(found.table())
show(
    found.figure(),
    "15-dropout.svg",
    alt="Losses and accuracies over the epochs, without and with dropout: with dropout the "
    "training loss stays higher, and so does the validation loss.",
)
gain = found.accuracies[0.3] - found.accuracies[0.0]
assert gain.mean() < 0

# %% [markdown]
# So here it does not. The same holds for all 60,000 pictures and ten epochs. Run it yourself; it
# takes some minutes:
#
# ```console
# python -m tinygrad_edu train fashion --dropout 0.2 --seeds 3
# ```
#
# In our run that gave a little below 89 per cent without dropout, and some tenths of a per cent
# less with it. Does this contradict chapter 13? There the network had 75 flowers, many of them with
# a label drawn by chance, and 150 epochs to learn them by heart. Dropout prevents overfitting, and
# here is little of it. With few pictures and many epochs there is more: try
# `--pictures 3000 --epochs 40`, and look at the test *loss* as well as at the accuracy.

# %% [markdown]
# ## What to take with you
#
# - Look at the data, then at the first loss: it is about $\log K$.
# - At the logits the gradient is $(A - Y)/N$, in a large network as in a small one.
# - A confusion matrix says more than an accuracy.
# - A few per cent of the pictures make a large part of the loss.
# - Whether dropout helps is a question for data. Ask it with several seeds.
#
# ## Exercises

# %%
show(exercise("15.1"))

# %%
show(exercise("15.2"))
