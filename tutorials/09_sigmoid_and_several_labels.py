# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 9. The sigmoid, and several labels
#
# **Goal:** derive a − y once more, for yes-or-no questions, and choose the right output layer for
# one label, for one of many, and for several at once.
#
# **Time:** 50 minutes.
#
# **Needs:** chapters 4, 6 and 7.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.experiments import outliers
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=3, suppress=True)

# %% [markdown]
# ## Yes or no
#
# Is this message spam? Is this tumour malignant? A network that answers such a question needs one
# logit $z$. The *sigmoid* turns it into a probability of "yes":
#
# $$a = \sigma(z) = \frac{1}{1 + e^{-z}} .$$
#
# The target $y$ is 1 for yes and 0 for no. The probability of what really happened is $a$ if
# $y = 1$ and $1 - a$ if $y = 0$. The loss is minus its logarithm, the *binary cross-entropy*:
#
# $$E = -y\log a - (1 - y)\log(1 - a).$$

# %%
z = tg.Tensor([2.0, -1.0, 0.5, -3.0], name="z")  # four examples
y = np.array([1.0, 0.0, 0.0, 1.0])
a = tg.sigmoid(z)
E = tg.binary_cross_entropy(a, y, reduction="sum")
print("z =", z.data)
print("a =", a.data)
print("y =", y)
print("losses", tg.binary_cross_entropy(a.data, y, reduction="none"), "sum", E.data.round(3))

# %% [markdown]
# **Predict:** which of the four examples has the largest loss, and in which direction should its
# logit move?
#
# <details><summary>Answer</summary>
#
# The last. The network is rather sure of "no", and "yes" is true. Its logit should move up.
#
# </details>

# %% [markdown]
# ## The gradient, by hand
#
# Each example has a logit of its own, so there is one path from $z$ to $E$. It goes through $a$.
#
# **The loss by a.** Differentiate both terms and take a common denominator:
#
# $$\frac{\partial E}{\partial a} = -\frac{y}{a} + \frac{1-y}{1-a} = \frac{a - y}{a(1-a)} .$$
#
# **The sigmoid by z.** The quotient rule gives
#
# $$\frac{\partial a}{\partial z} = \frac{e^{-z}}{(1 + e^{-z})^2} = a(1 - a),$$
#
# since $a = \frac{1}{1 + e^{-z}}$ and $1 - a = \frac{e^{-z}}{1 + e^{-z}}$.
#
# **Together.** The denominator of the first is the second, and cancels:
#
# $$\frac{\partial E}{\partial z} = \frac{a - y}{a(1-a)}\; a(1-a) = a - y .$$

# %%
by_z = tg.derive(E, wrt=z)
judgement = tg.check_derivation(
    by_z,
    """
∂E/∂z = (−y/a + (1 − y)/(1 − a)) ⊙ a ⊙ (1 − a)
      = (a − y)/(a ⊙ (1 − a)) ⊙ a ⊙ (1 − a)
      = a − y
""",
)
print(judgement)
assert judgement

# %% [markdown]
# The machine goes the same way, from the smallest operations. It uses one law that you have just
# used as well: $a\,e^{-z} = 1 - a$.

# %%
by_a = tg.derive(E, wrt=a)
print("∂E/∂a =", by_a.result)
print("∂E/∂z =", by_z.start)
for step in by_z.steps:
    print(f"      = {step.after!s:48} {step.rule}")
assert str(by_a.result) == "(a − y)/(a ⊙ (1 − a))"
assert str(by_z.result) == "a − y"
assert not by_z.assumptions

# %% [markdown]
# There is no assumption this time. The two targets "yes" and "no" are $y$ and $1 - y$, and these
# sum to 1 whatever $y$ is.
#
# ## In two lines
#
# The idea of the last chapters works here too: rewrite before you differentiate. Since
# $\log a = -\log(1 + e^{-z}) = z - \log(1 + e^z)$ and $\log(1 - a) = -\log(1 + e^z)$,
#
# $$E = \log(1 + e^z) - y z .$$
#
# The first term is called *softplus*. Its derivative is $\frac{e^z}{1 + e^z} = \sigma(z)$, so the
# derivative of $E$ is $\sigma(z) - y$.

# %%
short = tg.sum(tg.softplus(z) - y * z)
assert_allclose(short.data, E.data)
print("∂/∂z of the short form:", tg.derive(short, wrt=z).result)
assert_allclose(tg.gradients(short, z), a.data - y)

# %% [markdown]
# ## Why not the squared error?
#
# Take the loss for $y = 1$ as a function of the logit, and beside it its slope.

# %%
logits = np.linspace(-8, 8, 201)
losses = {
    "cross-entropy": lambda t: tg.sigmoid_cross_entropy(t, np.ones(201), reduction="none"),
    "½(a − y)²": lambda t: (tg.sigmoid(t) - 1) ** 2 / 2,
}
figure, (values, slopes) = panels(across=2, width=4.2, height=3.2)
slope_at = {}
for label, of in losses.items():
    t = tg.Tensor(logits)
    each = of(t)
    slope_at[label] = tg.gradients(each.sum(), t)
    values.plot(logits, each.data, label=label)
    slopes.plot(logits, slope_at[label], label=label)
values.set(title="the loss of one example with y = 1", xlabel="z")
slopes.set(title="its slope", xlabel="z")
values.legend()
show(
    figure,
    "09-slopes.svg",
    alt="Where z is far on the wrong side, the cross-entropy is steep with slope −1, while the "
    "squared error is flat.",
)
for label, slope in slope_at.items():
    print(f"slope at z = −8: {slope[0]:9.6f} for {label}")
assert slope_at["cross-entropy"][0] < -0.99
assert abs(slope_at["½(a − y)²"][0]) < 0.001

# %% [markdown]
# Look at the left end, where the network is sure and wrong. Cross-entropy pulls with almost its
# full force of 1. The squared error does not pull. Its slope is $(a - y)\,a(1-a)$, and here nothing
# cancels the factor $a(1-a)$, which is almost 0.
#
# ## Outliers: the price of a strong pull
#
# The strong pull of cross-entropy has a price. With outputs between 0 and 1 the squared error of
# one example is at most ½, however wrong it is. Its cross-entropy has no bound. Suppose that one
# example has a wrong label.
#
# **Predict:** which of the two losses lets this example spoil the fit?
#
# <details><summary>Answer</summary>
#
# Cross-entropy. The wrong example makes a large part of the whole loss, so the curve is bent to
# make it smaller. In the squared error the wrong example is one term of ½ among many.
#
# </details>
#
# We fit one unit $\sigma(wx + b)$ to 200 examples of each class, three times: with clean data, with
# one example far on the "yes" side that is labelled "no", and with a rare class of 6 examples.

# %%
found = outliers.run(steps=1000)
print(found.table())
show(
    found.figure(),
    "09-outliers.svg",
    alt="With an outlier the curve of cross-entropy is flatter than before, that of the squared "
    "error is not; with a rare class both curves move towards it.",
)

# %% [markdown]
# Read the column "slope w". One outlier among 401 makes the curve of cross-entropy flatter by a
# quarter to a third, and the squared error does not notice it. The boundary, where the unit says ½,
# hardly moves in either case: here the network becomes less sure, and not more wrong.
#
# With the rare class, both losses shift the boundary towards the rare examples and miss some of
# them. Here the choice of the loss does not help. A usual remedy is to give the rare
# examples a larger weight.
#
# The table shows means over ten draws of the data, each with its standard deviation. The lines
# below it say in how many of the draws each sentence is true. We ask for all ten.

# %%
for fitted in found.every:
    for loss in outliers.LOSSES:
        clean, spoiled, rare = (fitted[loss, case] for case in outliers.SITUATIONS)
        assert abs(spoiled.boundary - clean.boundary) < 0.1
        assert rare.boundary > clean.boundary + 0.3
        assert rare.recall < clean.recall
        if loss == "cross-entropy":
            assert 0.6 < spoiled.w / clean.w < 0.8
            assert spoiled.worst > 20
        else:
            assert spoiled.w > 0.98 * clean.w
            assert spoiled.worst <= 0.5

# %% [markdown]
# ## Where both losses come from
#
# Neither loss is arbitrary. Each is minus the logarithm of a likelihood, that is, of the
# probability of the targets if the network is right (chapter 6).
#
# **Yes or no.** If the probability of yes is $a$, that of the target is $a^y(1-a)^{1-y}$. One of
# the two factors is 1. Minus the logarithm is the binary cross-entropy.
#
# **A number with noise.** If the target is the output $a$ plus normally distributed noise of
# standard deviation $\sigma$ (here a number, not the sigmoid), its density is
#
# $$\frac{1}{\sigma\sqrt{2\pi}}\, e^{-(y-a)^2/2\sigma^2}.$$
#
# Minus the logarithm is $\frac{(y-a)^2}{2\sigma^2}$ plus a constant. The best weights do not depend
# on the constant nor on the factor $1/\sigma^2$. What remains is $\tfrac12(a-y)^2$.
#
# So the squared error expects a number with noise of one size. A yes-or-no target has no such
# noise. The library proves both sentences.

# %%
p = tg.Tensor([0.6, 0.2, 0.9], name="p")
said = tg.Tensor([1.0, 0.0, 1.0], name="y")
bernoulli = tg.prove(
    -tg.sum(tg.log(p**said * (1 - p) ** (1 - said))),
    tg.binary_cross_entropy(p, said, reduction="sum"),
)
print(bernoulli.text().splitlines()[0])
assert bernoulli.proved

out, measured, σ = tg.Tensor([0.3, -1.0], name="out"), np.array([0.5, -1.4]), np.array(0.7)
density = tg.exp(-(((measured - out) / σ) ** 2) / 2) / (σ * np.sqrt(2 * np.pi))
normal = tg.prove(
    -tg.sum(tg.log(density)),
    tg.sum((out - measured) ** 2) / 2,
    up_to=("constant", "positive factor"),
)
print(normal.text().splitlines()[0])
assert normal.proved

# %% [markdown]
# ## The sigmoid is a softmax of two
#
# You could also answer yes or no with two logits and softmax. Only their difference matters. Set
# the logit of "no" to 0:
#
# $$\mathrm{softmax}(0, z)_2 = \frac{e^z}{e^0 + e^z} = \frac{1}{1 + e^{-z}} = \sigma(z).$$
#
# So logistic regression, one layer with a sigmoid, is softmax regression with two classes.

# %%
one = tg.Tensor(0.7, name="z")
same = tg.prove(tg.softmax(tg.stack([0.0 * one, one]))[1], tg.sigmoid(one))
print(same.text().splitlines()[0])
assert same.proved
both = np.array([-1.3, 0.7])
assert_allclose(tg.softmax(both)[1], tg.sigmoid(both[1] - both[0]))

# %% [markdown]
# ## Several labels at once
#
# A photo can show a dog *and* a ball *and* no cat. Its target is $y = (1, 1, 0)$, and Σy is 2. Each
# label is a yes-or-no question of its own. Three logits and three sigmoids answer three questions.
#
# **Predict:** we descend from $z = 0$ on this one example, once with three sigmoids and binary
# cross-entropy, once with softmax and cross-entropy. Where do the activations go?
#
# <details><summary>Answer</summary>
#
# The sigmoids go to (1, 1, 0). The activations of softmax always sum to 1. Their gradient without
# the assumption is $a\,\Sigma y - y$ (chapter 7), and this is 0 at $a = y/\Sigma y$: they go to
# (½, ½, 0).
#
# </details>

# %%
labels = np.array([1.0, 1.0, 0.0])
by_sigmoids, by_softmax = np.zeros(3), np.zeros(3)
for _ in range(2000):
    by_sigmoids = by_sigmoids - 0.5 * (tg.sigmoid(by_sigmoids) - labels)
    by_softmax = by_softmax - 0.5 * (tg.softmax(by_softmax) * labels.sum() - labels)
print("three sigmoids:", tg.sigmoid(by_sigmoids))
print("softmax:       ", tg.softmax(by_softmax))
assert_allclose(tg.sigmoid(by_sigmoids), labels, atol=0.01)
assert_allclose(tg.softmax(by_softmax), labels / 2, atol=0.01)

# %% [markdown]
# ## Several sigmoids for one label?
#
# And the other way round: can $K$ sigmoids choose one of $K$ classes? Each asks "this class, or
# any other?", and one takes the class with the largest answer. That works. But the
# answers are no distribution: nothing makes them sum to 1.
#
# We train one layer on Iris, three species of flowers by four lengths, with both heads. (In this
# data set Setosa is class 0, so its target is (1, 0, 0). Some lectures write it as (0, 1, 0).)

# %%
iris = tg.data.load_iris()
X = (iris.features - iris.features.mean(axis=0)) / iris.features.std(axis=0)
X = np.column_stack([X, np.ones(len(X))])  # a column of ones makes the bias a weight
Y = np.eye(3)[iris.labels]
answers = {}
for head in (tg.softmax, tg.sigmoid):
    W = np.zeros((5, 3))
    for _ in range(500):
        W = W - 0.5 * X.T @ (head(X @ W) - Y) / len(X)  # a − y for both
    A = answers[head.__name__] = head(X @ W)
    right = np.mean(A.argmax(axis=1) == iris.labels)
    sums = A.sum(axis=1)
    print(f"{head.__name__:8} {right:.0%} right, sums from {sums.min():.2f} to {sums.max():.2f}")
    assert right > 0.9
assert_allclose(answers["softmax"].sum(axis=1), 1)
assert answers["sigmoid"].sum(axis=1).min() < 0.8
assert answers["sigmoid"].sum(axis=1).max() > 1.2

# %% [markdown]
# Both classify, and both were trained by the same line, with a − y. But only the first can say
# "with probability 0.7 it is Virginica" for all classes together.
#
# ## Which head for which problem
#
# | question | last activation | loss | gradient by z, one example |
# |---|---|---|---|
# | yes or no | sigmoid | binary cross-entropy | $a - y$ |
# | one of $K$ | softmax | cross-entropy | $a - y$ |
# | several of $K$ | $K$ sigmoids | binary cross-entropy, summed | $a - y$ |
# | a number | none | squared error, with the ½ | $a - y$ |
#
# It is no accident that the last column repeats itself. In each row the loss is minus the logarithm
# of a likelihood, and the activation is the one that belongs to it. Where they do not belong
# together, as with the squared error behind a sigmoid, the activation's own slope stays in the
# gradient.
#
# In the library the problem chooses the head, and the head knows its activation and its loss.

# %%
for problem in ("binary", "multiclass", "multilabel", "regression"):
    head = tg.nn.head(problem, 1 if problem == "binary" else 3)
    print(f"{problem:11} {head.activation_name}")

# %% [markdown]
# ## Exercises

# %%
show(exercise("9.1"))

# %%
show(exercise("9.2"))

# %%
show(exercise("9.3"))

# %%
show(exercise("9.4"))

# %%
show(exercise("9.5"))
