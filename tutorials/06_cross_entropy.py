# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # 6. Cross-entropy
# **Goal:** know where the loss $-\sum_k y_k \log a_k$ comes from (likelihood) and what its least
# value is (entropy); differentiate it, and the logarithm of the softmax, by hand.
#
# **Time:** 60 minutes.
#
# **Needs:** chapter 5; the rules of the logarithm.

# %%
import math

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.charts import panels
from tinygrad_edu.experiments import convergence
from tinygrad_edu.lectures import show
from tinygrad_edu.lectures.exercises import exercise

np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## How probable were the data?
#
# A network says probabilities for the species of a flower, and then we learn the truth. For four
# flowers it gave these probabilities to the species that turned out to be the right one:

# %%
to_the_truth = np.array([0.7, 0.9, 0.2, 0.6])
likelihood = math.prod(to_the_truth)
print(f"probability that it gave to all four: {likelihood:.4f}")

# %% [markdown]
# If the flowers are independent of each other, the product is the probability that the network gave
# to all that happened together. It is called the *likelihood*. A good network finds the data
# probable, so we look for the weights with the largest likelihood. This is called the principle of
# *maximum likelihood*.
#
# **Predict:** with 2000 flowers and about ½ for each, what will the computer print for the product?
#
# <details><summary>Answer</summary>
#
# $2^{-2000} \approx 10^{-602}$ is below the smallest positive floating-point number, about
# $10^{-324}$, so it becomes 0. All networks would look equally bad.
#
# </details>

# %%
print("product of 2000 halves:", math.prod([0.5] * 2000))
print("sum of their logarithms:", round(sum([math.log(0.5)] * 2000), 2))
assert math.prod([0.5] * 2000) == 0

# %% [markdown]
# The logarithm turns the product into a sum. It grows with its argument, so the weights that make
# the product largest make the sum largest, too. A minus turns it into a loss, something to be made
# small. Divided by the number of examples, it does not grow with the data:
#
# $$L = -\frac1N \sum_{n=1}^N \log(\text{probability given to the truth of example } n).$$

# %%
L = -np.log(to_the_truth).mean()
print(f"loss {L:.4f}")
assert_allclose(np.exp(-4 * L), likelihood)

# %% [markdown]
# So the loss of one example is $-\log a_{\text{true}}$: how *surprised* the network was.
#
# ## The curve
#
# **Predict:** what is the loss if the truth got probability 1? And if it got nearly 0?
#
# <details><summary>Answer</summary>
#
# $-\log 1 = 0$: no surprise, no loss. As the probability goes to 0 the loss grows without bound.
# Nothing is punished more than calling the truth impossible.
#
# </details>

# %%
p = np.linspace(0.003, 1, 300)
figure, (panel,) = panels(width=5.2, height=3.0)
panel.plot(p, -np.log(p), label="−log p")
panel.plot(p, (1 - p) ** 2 / 2, "--", label="½(1 − p)²")
panel.set(xlabel="p, given to the truth", ylabel="loss", ylim=(0, 6))
panel.legend()
show(
    figure,
    "06-curve.svg",
    alt="−log p falls from far above to 0 as p goes from 0 to 1, while half the squared difference "
    "stays below ½.",
)
for p in (1.0, 0.9, 0.5, 0.1, 0.01, 1e-6):
    print(f"given to the truth {p:<8g} loss {tg.cross_entropy([p, 1 - p], 0):7.4f}")
assert tg.cross_entropy([1.0, 0.0], 0) == 0
assert tg.cross_entropy([1e-300, 1.0], 0) > 690

# %% [markdown]
# ## One-hot vectors
#
# "The probability of the true class" is clumsy in a formula. Write the truth as a vector
# $\mathbf y$, with 1 at the true class and 0 elsewhere, a *one-hot* vector. Then
#
# $$L = -\sum_k y_k \log a_k$$
#
# is the same thing: all terms but one are zero. This is the *categorical cross-entropy*. Programs
# take the vector, or just the number of the class, its *label*.

# %%
a = np.array([0.22, 0.70, 0.08])
y = np.array([0.0, 1.0, 0.0])
label = 1  # the second class, counted from 0
assert_array_equal(tg.one_hot(label, classes=3), y)
assert_allclose(-np.sum(y * np.log(a)), -np.log(a[label]))
assert_allclose(tg.cross_entropy(a, y), -np.log(a[label]))
assert_allclose(tg.cross_entropy(a, label), -np.log(a[label]))

# %% [markdown]
# ## Three predictions for one flower
#
# The flower is a Setosa, coded as $\mathbf y = (0, 1, 0)$: the second of three classes. (Code
# differs. In scikit-learn and in this library's `load_iris` Setosa is the first class. Always look
# up which entry means what.) Three networks say
#
# | network | Versicolor | Setosa | Virginica |
# |---|---|---|---|
# | first | 0.22 | 0.70 | 0.08 |
# | second | 0.70 | 0.22 | 0.08 |
# | third | 0.70 | 0.08 | 0.22 |
#
# **Predict:** who has the least loss? Does it matter to the loss of the second network that the
# remaining 0.78 is split into 0.70 and 0.08?
#
# <details><summary>Answer</summary>
#
# The first: it gave 0.70 to the truth. Then the second with 0.22, then the third with 0.08. How the
# rest is split does not matter; only the true class has $y_k \ne 0$.
#
# </details>

# %%
predictions = [[0.22, 0.70, 0.08], [0.70, 0.22, 0.08], [0.70, 0.08, 0.22]]
losses = [tg.cross_entropy(np.array(a), y) for a in predictions]
for a, loss in zip(predictions, losses, strict=True):
    print(f"{a!s:20} loss {loss:.4f}   a − y = {np.array(a) - y}")
assert_array_equal(np.round(losses, 4), [0.3567, 1.5141, 2.5257])
assert_allclose(tg.cross_entropy([0.08, 0.22, 0.70], y), losses[1])

# %% [markdown]
# We printed $\mathbf a - \mathbf y$ beside the losses. It says by how much the probability of each
# class is too large: for a wrong class that is all of it, for the true class it is negative. The
# next chapter shows that this is the gradient of the loss by the logits.
#
# ## The derivative by the probabilities
#
# By hand, with δ:
#
# $$\frac{\partial L}{\partial a_j} = -\sum_k y_k\, \frac{\partial \log a_k}{\partial a_j}
#   = -\sum_k y_k\, \frac{1}{a_k}\, \delta_{kj} = -\frac{y_j}{a_j}.$$
#
# **Predict:** what is it for the third network, $\mathbf a = (0.70, 0.08, 0.22)$?
#
# <details><summary>Answer</summary>
#
# $(0, -1/0.08, 0) = (0, -12.5, 0)$. More for the true class would lower the loss, steeply. The
# other classes do not occur in the loss. It is the softmax that makes them shrink when the true one
# grows.
#
# </details>

# %%
a = tg.Tensor([0.70, 0.08, 0.22], name="a")
L = tg.cross_entropy(a, y)
derivation = tg.derive(L, wrt=a)
print("∂L/∂a =", derivation.result, "=", tg.gradients(L, a) + 0.0)  # + 0.0 writes −0 as 0
assert str(derivation.result) == "−y/a"
assert_allclose(tg.gradients(L, a), [0, -12.5, 0])

# %% [markdown]
# ## Log-probabilities
#
# Put the softmax into the logarithm, $a_k = e^{z_k}/\sum_i e^{z_i}$:
#
# $$\log a_k = z_k - \log \sum_i e^{z_i}.$$
#
# So a logit *is* a log-probability, up to a number that is the same for all classes. The second
# part has a name of its own, *log-sum-exp*.

# %%
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
proof = tg.prove(tg.log(tg.softmax(z)), z - tg.log(tg.sum(tg.exp(z))))
print(proof)
assert proof.proved

# %% [markdown]
# This form is easy to differentiate. The log-sum-exp is a logarithm of a sum of exponentials, so
# going in from the outside
#
# $$\frac{\partial}{\partial z_j} \log \sum_i e^{z_i}
#   = \frac{1}{\sum_i e^{z_i}} \cdot e^{z_j} = a_j.$$
#
# The derivative of log-sum-exp is the softmax. With $\partial z_k/\partial z_j = \delta_{kj}$,
#
# $$\boxed{\;\frac{\partial \log a_k}{\partial z_j} = \delta_{kj} - a_j.\;}$$
#
# **Predict:** from this, get the derivative of $a_k$ itself, without the quotient rule. (How does a
# logarithm move with its argument?)
#
# <details><summary>Answer</summary>
#
# $\log a_k$ moves with $a_k$ at the rate $1/a_k$, so $\frac{\partial \log a_k}{\partial z_j} =
# \frac{1}{a_k} \frac{\partial a_k}{\partial z_j}$, and $\frac{\partial a_k}{\partial z_j} = a_k
# (\delta_{kj} - a_j)$. Chapter 5 needed two cases for this.
#
# </details>

# %%
log_sum_exp = tg.derive(tg.logsumexp(z), wrt=z, names={"a": (a := tg.softmax(z))})
one_class = tg.derive(tg.log(a)[1], wrt=z)
print("log-sum-exp by z:           ", log_sum_exp.result)
print("log a₁ by z (a₀ is first):  ", one_class.result)
assert_allclose(log_sum_exp.computed, a.data)
assert_allclose(one_class.computed, np.eye(3)[1] - a.data)
J = tg.jacobian(tg.softmax)(z.data)
assert_allclose(J, a.data[:, None] * tg.jacobian(tg.log_softmax)(z.data))

# %% [markdown]
# ## A batch
#
# For $N$ examples, $Y$ has a row of targets for each and $A$ a row of probabilities. The loss is
# the mean:
#
# $$L = -\frac1N \sum_n \sum_k Y_{nk} \log A_{nk}.$$
#
# **Predict:** what is $\partial L/\partial A$?
#
# <details><summary>Answer</summary>
#
# As before, entry by entry, with the factor $1/N$ of the mean: $-Y_{nk}/(N A_{nk})$.
#
# </details>

# %%
A = tg.Tensor(predictions, name="A")
Y = np.tile(y, (3, 1))
L = tg.cross_entropy(A, Y)
print("∂L/∂A =", tg.derive(L, wrt=A).result)
assert_allclose(L.item(), np.mean(losses))
assert_allclose(tg.gradients(L, A), -Y / (3 * A.data))

# %% [markdown]
# ## Entropy: the surprise that stays
# Targets need not be one-hot. Suppose that experts disagree about a picture: 70 % of them say the
# second class and 30 % the third. Then $\mathbf p = (0, 0.7, 0.3)$ is a fair target, and the loss
# is the *cross-entropy* of two distributions,
#
# $$H(\mathbf p, \mathbf q) = -\sum_k p_k \log q_k.$$
# It is the average surprise of somebody who expects the classes with the probabilities $\mathbf q$,
# while they occur with the probabilities $\mathbf p$.
#
# **Predict:** which $\mathbf q$ makes it least, and is the least value 0?
#
# <details><summary>Answer</summary>
#
# $\mathbf q = \mathbf p$ is best. But even then one is surprised now and then: the least value is
# $-\sum_k p_k \log p_k = 0.61$. So a loss that does not go to 0 need not be a fault of the network.
#
# </details>

# %%
p = np.array([0.0, 0.7, 0.3])
for q in ([0.0, 0.7, 0.3], [0.0, 0.9, 0.1], [0.0, 0.5, 0.5], [0.2, 0.5, 0.3]):
    print(f"q = {q!s:16} H(p, q) = {tg.cross_entropy(np.array(q), p):.4f}")
print(f"{'':20} H(p)    = {tg.entropy(p):.4f}")
assert_allclose(tg.cross_entropy(p, p), tg.entropy(p))
assert round(float(tg.entropy(p)), 2) == 0.61

# %% [markdown]
# The average surprise of somebody who knows $\mathbf p$ is its *entropy*, $H(\mathbf p) = -\sum_k
# p_k \log p_k$. (The term of a class that never happens counts 0: $x \log x$ goes to 0 with $x$.)
# What a wrong expectation costs in addition is the *Kullback–Leibler divergence*,
#
# $$\mathrm{KL}(\mathbf p \,\|\, \mathbf q) = \sum_k p_k \log \frac{p_k}{q_k},
#   \qquad\text{so that}\qquad
#   H(\mathbf p, \mathbf q) = \mathrm{KL}(\mathbf p \,\|\, \mathbf q) + H(\mathbf p).$$
#
# To see this, split the logarithm: $p_k \log \frac{p_k}{q_k} = p_k \log p_k - p_k \log q_k$.

# %%
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
p = tg.Tensor([0.1, 0.6, 0.3], name="p")
q = tg.softmax(z)
proof = tg.prove(tg.cross_entropy(q, p), tg.kl_divergence(p, q) + tg.entropy(p))
print(proof)
assert proof.proved

# %% [markdown]
# **The divergence is never negative.** The logarithm lies below its tangent at 1,
# $\log x \le x - 1$, so
#
# $$-\mathrm{KL}(\mathbf p \,\|\, \mathbf q) = \sum_k p_k \log\frac{q_k}{p_k}
#   \le \sum_k p_k \Bigl(\frac{q_k}{p_k} - 1\Bigr) = \sum_k q_k - \sum_k p_k = 1 - 1 = 0$$
#
# (for $p_k > 0$; classes with $p_k = 0$ only help). Equality needs $q_k/p_k = 1$ for every class.
# So the loss is least exactly at $\mathbf q = \mathbf p$.

# %%
rng = np.random.default_rng(0)
smallest = min(tg.kl_divergence(*rng.dirichlet(np.ones(4), size=2)) for _ in range(1000))
print(f"least of 1000 random divergences: {smallest:.5f}")
assert smallest > 0

# %% [markdown]
# **Predict:** some programs minimise the divergence, others the cross-entropy. How do their
# gradients by the weights differ? And what is $H(\mathbf y)$ for a one-hot $\mathbf y$?
#
# <details><summary>Answer</summary>
#
# Not at all. The two losses differ by $H(\mathbf p)$, which no weight can change. For a one-hot
# vector $H(\mathbf y) = 0$: there is nothing uncertain about it, and the two losses are equal.
#
# </details>

# %%
p = np.array([0.1, 0.6, 0.3])
by_divergence = tg.gradients(tg.kl_divergence(p, tg.softmax(z)), z)
by_cross_entropy = tg.gradients(tg.cross_entropy(tg.softmax(z), p), z)
print(by_divergence, by_cross_entropy)
assert_allclose(by_divergence, by_cross_entropy)
assert tg.entropy(np.array([0.0, 1.0, 0.0])) == 0

# %% [markdown]
# ## Does cross-entropy learn faster than the squared error?
#
# One often reads that it does. Let us look, on Iris, with one layer and a softmax. We count the
# steps until 95 % of the flowers are right and stay so, from two starts: from zero weights, where
# each class has probability ⅓; and from weights that are very sure of the *wrong* class.

# %%
found = convergence.run(rates=(1.0, 3.0), steps=300)
print(found.table())
slower = found.best["cross-entropy", "zero"][1] / found.best["squared error", "zero"][1]
assert 0.9 < slower < 1.2
assert found.best["cross-entropy", "wrong"][1] < 100
assert found.best["squared error", "wrong"][1] is None

# %% [markdown]
# From the neutral start there is hardly a difference. From the wrong start cross-entropy gets out,
# and the squared error has not arrived after 300 steps. The second table shows why: its gradient
# has nearly vanished, as in chapter 4. So "faster" is not the point. The point is that
# cross-entropy does not stop pulling where the network is sure and wrong.
#
# ## Which function takes what?
#
# `tg.cross_entropy` takes probabilities. `tg.softmax_cross_entropy` takes logits, and does softmax,
# logarithm and mean in one; it is the one to train with, and chapter 10 shows why. If you mix them
# up, the library notices:

# %%
assert_allclose(tg.softmax_cross_entropy(z, 1).item(), tg.cross_entropy(tg.softmax(z), 1).item())
try:
    tg.cross_entropy(z, 1)
except ValueError as error:
    print(error)
else:
    raise AssertionError("logits were taken for probabilities")

# %% [markdown]
# ## What to take with you
#
# - Cross-entropy with a one-hot target is $-\log a_{\text{true}}$. Its mean is minus the logarithm
#   of the likelihood, divided by $N$.
# - $\partial L/\partial a_j = -y_j/a_j$, and $\partial \log a_k/\partial z_j = \delta_{kj} - a_j$.
# - $H(\mathbf p, \mathbf q) = \mathrm{KL}(\mathbf p \,\|\, \mathbf q) + H(\mathbf p)$, least at
#   $\mathbf q = \mathbf p$.
#
# The next chapter puts the pieces together.
#
# ## Exercises

# %%
show(exercise("6.1"))

# %%
show(exercise("6.2"))

# %%
show(exercise("6.3"))

# %%
show(exercise("6.4"))

# %%
show(exercise("6.5"))

# %%
show(exercise("6.6"))
