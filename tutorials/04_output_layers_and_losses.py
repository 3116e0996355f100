# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 4. Output layers and losses
#
# **Goal:** know what a network is made of, choose the output layer and the loss by the question
# that it has to answer, and differentiate the common losses by hand.
#
# **Time:** 60 minutes.
#
# **Needs:** chapters 1 to 3.

# %%
import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.charts import panels
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Units, layers, networks
#
# In chapter 1 a unit took a weighted sum of its inputs, added a bias, and applied a function, its
# *activation*. Several units that look at the same inputs form a *layer*. With the weights of each
# unit in a column of $W$, the whole layer is one product and one function:
#
# $$\mathbf z = \mathbf x W + \mathbf b, \qquad \mathbf a = f(\mathbf z).$$
# We call $\mathbf z$ the weighted sums, and $\mathbf a$ the activations, like the function. A
# network puts the activations of one layer into the next. The layers before the last one are
# *hidden*: the data do not say what should come out of them.
#
# Here is a network with 3 inputs, 5 hidden units with tanh, and 2 outputs:

# %%
rng = np.random.default_rng(0)
x = rng.standard_normal(3)
W1, b1 = tg.Tensor(rng.standard_normal((3, 5))), tg.Tensor(np.zeros(5))
W2, b2 = tg.Tensor(rng.standard_normal((5, 2))), tg.Tensor(np.zeros(2))
z1 = x @ W1 + b1
a1 = tg.tanh(z1)
z2 = a1 @ W2 + b2
show(
    tg.draw(z2),
    "04-network.svg",
    alt="The graph of two layers: x times W1 plus b1 is z1, its tanh is a1, and a1 times W2 plus "
    "b2 is z2.",
)

# %% [markdown]
# **Predict:** what would be lost without the function $f$? Put one layer $\mathbf z = \mathbf x
# W_1$ into another, $\mathbf z W_2$, and simplify.
#
# <details><summary>Answer</summary>
#
# $(\mathbf x W_1) W_2 = \mathbf x\,(W_1 W_2)$. The two layers are one layer with the weights
# $W_1W_2$. However many we stack, the result stays a straight line, or a plane. The activation is
# what lets a network bend.
#
# </details>

# %%
assert_allclose((x @ W1.data) @ W2.data, x @ (W1.data @ W2.data))

# %% [markdown]
# ## Activations of hidden layers
#
# Three are common: *tanh*; *ReLU*, which is $\max(0, z)$; and *GELU*, a smooth cousin of ReLU,
# which is $z$ times the probability that a normal random number is below $z$. What matters for
# learning is the slope: on its way back the gradient is multiplied by $f'(z)$, entry by entry.

# %%
grid = np.linspace(-4, 4, 401)
figure, (values, slopes) = panels(1, 2, width=4.6, height=3.0)
for f in (tg.tanh, tg.relu, tg.gelu):
    values.plot(grid, f(grid), label=f.__name__)
    slopes.plot(grid, tg.grad(lambda z, f=f: f(z).sum())(grid), label=f.__name__)
values.set(title="f(z)", xlabel="z", ylim=(-1.2, 3))
slopes.set(title="its slope f′(z)", xlabel="z")
values.legend()
show(
    figure,
    "04-activations.svg",
    alt="Left, the curves of tanh, ReLU and GELU. Right, their slopes: that of tanh is a bump "
    "around 0, that of ReLU jumps from 0 to 1, that of GELU rises smoothly and passes 1 a little.",
)

# %% [markdown]
# **Predict:** a gradient goes back through ten tanh layers in which all weighted sums are 3. By
# about how much do the slopes shrink it? The slope of tanh is $1 - \tanh^2 z$, and $\tanh 3 \approx
# 0.995$.
#
# <details><summary>Answer</summary>
#
# $1 - 0.995^2 \approx 0.01$, so ten layers multiply it by about $0.01^{10} = 10^{-20}$. Nothing is
# left to learn from. This is the *vanishing gradient*. A ReLU with $z > 0$ has slope 1 and passes
# everything on.
#
# </details>

# %%
slope = tg.grad(tg.tanh)(3.0)
print(f"slope {slope:.4f}, ten times {slope**10:.1e}")
assert slope**10 < 1e-19
assert tg.grad(tg.relu)(3.0) == 1

# %% [markdown]
# ## One hidden layer can draw any curve
#
# Let us see a hidden layer at work. The network gets a number $x$ and has to say $\sin 4x$. The
# loop is that of chapter 2: initialise; then forward, loss, backward, update, and again.


# %%
def fit_curve(hidden, seed, steps=1500, rate=0.1):
    """Train one hidden layer of tanh units on the curve; return its outputs and its losses."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, 40)[:, None]  # 40 examples with one input each
    y = np.sin(4 * x)
    W1 = tg.Tensor(3 * rng.standard_normal((1, hidden)))
    b1 = tg.Tensor(rng.standard_normal(hidden))
    W2 = tg.Tensor(rng.standard_normal((hidden, 1)) / np.sqrt(hidden))
    b2 = tg.Tensor(np.zeros(1))
    parameters, losses = [W1, b1, W2, b2], []
    for _ in range(steps):
        a = tg.tanh(x @ W1 + b1) @ W2 + b2  # forward
        loss = tg.mean((a - y) ** 2)  # how wrong, on average
        losses.append(loss.item())
        gradients = tg.gradients(loss, parameters)  # backward
        for p, g in zip(parameters, gradients, strict=True):
            p.data = p.data - rate * g  # update
    return x, y, a.data, losses


# %% [markdown]
# **Predict:** how well can a hidden layer of 1 unit do? Of 2? Think of the shape of tanh, and of
# the curve: it goes down, up and down again.
#
# <details><summary>Answer</summary>
#
# Each tanh unit is one step, up or down. The curve has two turning points, so it takes three steps.
# One or two units cannot follow it; three or more can.
#
# </details>

# %%
figure, (panel,) = panels(width=7.0, height=3.4)
final = {}
for hidden in (1, 2, 20):
    for seed in range(5):
        x, y, a, losses = fit_curve(hidden, seed)
        final[hidden, seed] = losses[-1]
    panel.plot(x, a, label=f"{hidden} hidden")
panel.plot(x, y, "k:", label="the curve")
panel.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
panel.set(xlabel="x")
show(
    figure,
    "04-curve.svg",
    alt="A wave and what three networks make of it: one hidden unit draws one step, two units "
    "follow half of the wave, twenty cover it.",
)
for hidden in (1, 2, 20):
    print(f"{hidden:2} hidden: final losses", np.array([final[hidden, s] for s in range(5)]))
assert all(final[20, s] < 0.01 < final[2, s] < 0.2 < final[1, s] for s in range(5))

# %% [markdown]
# The picture shows one random start, and the losses were in this order for all five. A theorem
# says that one hidden layer with enough units can come as close as one likes to *any* continuous
# function on an interval (Cybenko, 1989). So good weights exist. The theorem does not say that
# gradient descent finds them, nor how many units it takes.
#
# ## The output layer: what should come out?
#
# The last layer has one unit for each number that we want. Two for a place on a map (latitude and
# longitude), three for a point in space or for a colour (red, green, blue), four for a box in a
# picture (two corners). Its activation decides which numbers *can* come out:
#
# | the answer is | activation of the last layer | what can come out |
# |---|---|---|
# | any number, such as a place | none: $a = z$ | everything |
# | positive, such as a price | softplus $\log(1 + e^z)$, or ReLU | above 0 (ReLU: 0, too) |
# | bounded, such as a colour | sigmoid, or tanh | $(0, 1)$, or $(-1, 1)$ |
#
# `nn.head` chooses activation and loss by the kind of the question.

# %%
z = np.array([[-3.0, 0.5, 5.0]])
for question in ("regression", "positive", "bounded"):
    head = nn.head(question, 3)
    print(f"{question:10}  {z[0]}  →  {head.activation(z)[0]}")
assert (nn.head("positive", 3).activation(z) > 0).all()
assert ((nn.head("bounded", 3).activation(z) > 0) & (nn.head("bounded", 3).activation(z) < 1)).all()

# %% [markdown]
# ## How wrong? Three losses for numbers
#
# Let $a_1, \dots, a_N$ be what came out and $y_1, \dots, y_N$ what should have come out.
#
# $$\text{SSE} = \tfrac12\sum_i (a_i - y_i)^2, \qquad
#   \text{MSE} = \frac1N \sum_i (a_i - y_i)^2, \qquad
#   \text{MAE} = \frac1N \sum_i |a_i - y_i|.$$
#
# These are the sum of squared errors with a factor ½, the mean squared error, and the mean absolute
# error. Derive the first by hand. Each term depends on its own $a_i$, and by the chain rule
#
# $$\frac{\partial\,\text{SSE}}{\partial a_j} = \tfrac12 \sum_i 2\,(a_i - y_i)\,\delta_{ij}
#   = a_j - y_j.$$
# The ½ is there to cancel the 2. Remember this form, "what came out minus what should have come
# out": you will meet it again.
#
# **Predict:** what are the gradients of the other two? The slope of $|d|$ is 1 for $d > 0$ and −1
# for $d < 0$, called $\operatorname{sign}(d)$.
#
# <details><summary>Answer</summary>
#
# $$\frac{\partial\,\text{MSE}}{\partial a_j} = \frac{2\,(a_j - y_j)}{N}, \qquad
#   \frac{\partial\,\text{MAE}}{\partial a_j} = \frac{\operatorname{sign}(a_j - y_j)}{N}.$$
#
# </details>

# %%
a, y = tg.Tensor([0.3, 2.0, -1.0, 5.0]), np.array([1.0, 0.0, -1.5, 4.0])
sse, mse, mae = (
    tg.sum_squared_error(a, y),
    tg.mean_squared_error(a, y),
    tg.mean_absolute_error(a, y),
)
for name, loss in (("SSE", sse), ("MSE", mse), ("MAE", mae)):
    print(f"∂{name}/∂a = {tg.derive(loss, wrt=a).result!s:15} = {tg.gradients(loss, a)}")
d, N = a.data - y, len(y)
assert_allclose(tg.gradients(sse, a), d)
assert_allclose(tg.gradients(mse, a), 2 * d / N)
assert_allclose(tg.gradients(mae, a), np.sign(d) / N)

# %% [markdown]
# A mean has a factor $1/N$ that a sum has not. It matters: with a sum, twice as many examples give
# a gradient about twice as long, and a learning rate that worked may be too large. With a mean the
# rate can stay. If every example has several outputs, this library takes the mean over all
# entries, and the gradient of the MSE is $2(a - y)/(N \cdot \text{outputs})$.

# %%
A, Y = tg.Tensor(np.ones((4, 2))), np.zeros((4, 2))
assert_allclose(tg.gradients(tg.mean_squared_error(A, Y), A), 2 * (A.data - Y) / (4 * 2))
assert_allclose(tg.gradients(tg.mean_absolute_error(A, Y), A), np.sign(A.data - Y) / (4 * 2))

# %% [markdown]
# ## What the losses do with an outlier
#
# Suppose we may say only *one* number $c$ for five different targets.
#
# **Predict:** the targets are 1, 2, 3, 4 and 100. Which $c$ has the least MSE, and which the least
# MAE? Set the gradient to zero.
#
# <details><summary>Answer</summary>
#
# MSE: $\sum_i 2(c - y_i)/N = 0$ gives $c = \frac1N\sum_i y_i = 22$, the *mean*. MAE:
# $\sum_i \operatorname{sign}(c - y_i) = 0$ asks for as many targets below $c$ as above, so $c = 3$,
# the *median*. With the squared error one outlier pulls the answer far away. For the absolute error
# it is one target on the upper side, no matter how far out.
#
# </details>

# %%
targets = np.array([1.0, 2.0, 3.0, 4.0, 100.0])
choices = np.arange(0, 101)
squared = [tg.mean_squared_error(np.full(5, float(c)), targets) for c in choices]
absolute = [tg.mean_absolute_error(np.full(5, float(c)), targets) for c in choices]
print("least MSE at", choices[np.argmin(squared)], "  least MAE at", choices[np.argmin(absolute)])
assert choices[np.argmin(squared)] == targets.mean() == 22
assert choices[np.argmin(absolute)] == np.median(targets) == 3

# %% [markdown]
# ## Three questions about classes
#
# Often the answer is not a number but a *class*. Then we let the network say probabilities. There
# are three kinds of questions:
#
# | question | an example | units | activation | loss |
# |---|---|---|---|---|
# | yes or no (*binary*) | ill or not? | 1 | sigmoid | binary cross-entropy |
# | one of $K$ (*multi-class*) | which species? | $K$ | softmax | categorical cross-entropy |
# | any of $K$ (*multi-label*) | what is in a photo? | $K$ | sigmoids | binary cross-entropy |
#
# The weighted sums $\mathbf z$ of the last layer are then called *logits*. The softmax turns $K$
# logits into $K$ probabilities that sum to 1; chapter 5 is about it. The sigmoid turns each logit
# into a probability of its own.

# %%
logits = np.array([[1.47, -0.39, 0.22]])
for question in ("multiclass", "multilabel"):
    a = nn.head(question, 3).activation(logits)
    print(f"{question:10}  {a[0]}   sum {a.sum():.2f}")
one_of_three, any_of_three = (
    nn.head(question, 3).activation(logits) for question in ("multiclass", "multilabel")
)
assert_allclose(one_of_three.sum(), 1)
assert any_of_three.sum() > 1.5
assert one_of_three.argmax() == any_of_three.argmax() == logits.argmax()

# %% [markdown]
# The same logits, two meanings. Three sigmoids answer three separate questions: a photo may show
# a dog *and* a ball, and their probabilities need not sum to 1. If exactly one class is right, this
# freedom is a fault: the three numbers are no distribution over the classes. (You can still take
# the largest; it is the same one.) The softmax knows that the classes exclude each other.
#
# ## Binary cross-entropy
#
# Let $a$ be the probability of "yes", and $y$ be 1 for "yes" and 0 for "no". The loss is minus the
# logarithm of the probability that the network gave to the truth:
#
# $$E = -y \log a - (1 - y) \log (1 - a).$$
#
# For $y = 1$ only $-\log a$ is left, for $y = 0$ only $-\log(1 - a)$. Where this comes from is the
# subject of chapter 6. Its derivative, term by term:
#
# $$\frac{\partial E}{\partial a} = -\frac{y}{a} + \frac{1 - y}{1 - a}
#   = \frac{-y(1 - a) + (1 - y)\,a}{a(1 - a)} = \frac{a - y}{a\,(1 - a)}.$$
#
# **Predict:** how large is it for $y = 1$ and $a = 0.001$? And what is left of it when it goes on
# back through the sigmoid, whose slope is $a(1 - a)$?
#
# <details><summary>Answer</summary>
#
# $-1/a = -1000$: a confident mistake gives a very large gradient. Multiplied by the slope
# $a(1 - a)$ it is $\partial E/\partial z = a - y = -0.999$. The small slope and the large gradient
# cancel.
#
# </details>

# %%
a = tg.Tensor([0.001, 0.3, 0.9])
y = np.array([1.0, 0.0, 1.0])
E = tg.binary_cross_entropy(a, y, reduction="sum")
print("∂E/∂a =", tg.derive(E, wrt=a).result, "=", tg.gradients(E, a))
assert_allclose(tg.gradients(E, a), (a.data - y) / (a.data * (1 - a.data)))
assert_allclose(tg.gradients(E, a)[0], -1000)

# %% [markdown]
# ## Why not the squared error for classes?
#
# One could take $\tfrac12(a - y)^2$ for probabilities, too. Chapter 1 found its gradient at $z$:
# $(a - y)\,a\,(1 - a)$. Compare the two where the network is sure and wrong: the truth is "yes",
# $y = 1$, but the logit is very negative.

# %%
print("    z        a     squared error   cross-entropy")
for start in (0.0, -4.0, -8.0):
    z = tg.Tensor(start)
    a = tg.sigmoid(z)
    by_squares = tg.gradients((a - 1) ** 2 / 2, z)
    by_entropy = tg.gradients(tg.binary_cross_entropy(a, 1.0), z)
    print(f"{start:5.1f}  {a.item():.5f}   {by_squares:10.6f}   {by_entropy:12.6f}")
    assert_allclose(by_squares, (a.data - 1) * a.data * (1 - a.data))
    assert_allclose(by_entropy, a.data - 1)
assert abs(by_squares) < 0.001 < 0.999 < abs(by_entropy)

# %% [markdown]
# At $z = -8$ the squared error has almost no gradient, since the slope of the sigmoid is nearly 0
# there. So the network learns least where it is most wrong. With cross-entropy the gradient is
# nearly −1. This is the practical reason for cross-entropy; the deeper one comes in chapter 6.
#
# ## What to take with you
#
# - The activation of the last layer says which answers can come out; the loss says how wrong they
#   are. Both follow from the question.
# - SSE gives $a - y$, MSE $2(a - y)/N$, MAE $\operatorname{sign}(a - y)/N$.
# - Binary cross-entropy gives $(a - y)/(a(1 - a))$ at $a$, and $a - y$ at $z$.
#
# ## Exercises

# %%
show(exercise("4.1"))

# %%
show(exercise("4.2"))

# %%
show(exercise("4.3"))

# %%
show(exercise("4.4"))

# %%
show(exercise("4.5"))
