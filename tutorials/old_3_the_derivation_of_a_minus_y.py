# %% [markdown]
# # 3. Why the gradient is a − y
#
# Lecture topics: B2 (softmax's Jacobian, as a vector–Jacobian product), B4 (∂L/∂a = −y/a),
# B5 (∂L/∂z = a − y, and what it assumes), B6 (gradients of one layer, on Iris), A11 (the mean over
# a data set), C3 (the batch update, without its penalty), C4 (a common shift has no effect),
# D1 (squared error), D3 (sigmoid with binary cross-entropy), D9 (what weight decay adds).
#
# Softmax has nine derivatives for three classes, the logarithm brings a division, and yet the
# gradient of the loss by the logits is a − y. Here you see where everything else goes.

# %%
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose

import tinygrad_edu as tg

pictures = Path("build/tutorials")
pictures.mkdir(parents=True, exist_ok=True)


def check(derivation, printed):
    """The result is printed so, equals the computed gradient, and every step holds."""
    assert str(derivation.result) == printed, str(derivation.result)
    assert_allclose(derivation.result.evaluate(), derivation.computed, rtol=1e-12, atol=1e-14)
    assert all(step.residual < 1e-12 for step in derivation.steps)


# %% [markdown]
# ## From the smallest operations (B4, B5)
#
# The numbers are those of the lecture: logits (1.47, −0.39, 0.22), and the second class is the
# true one. We build the loss out of exp, sum, division and log.

# %%
y = np.array([0.0, 1.0, 0.0])
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
e = tg.exp(z)
s = tg.sum(e)
a = e / s
L = -tg.sum(y * tg.log(a))

derivation = tg.derive(L, wrt=z)
print(derivation.text())
check(derivation, "a − y")
assert_allclose(derivation.result.evaluate(), a.data - y)

# %% [markdown]
# **What to see**, from top to bottom:
#
# - *where* repeats the computation that was recorded, with your names for the variables.
# - *Backward* is the chain rule, once for each vertex and argument. The gradient g comes in, the
#   local rule is applied, the result goes on. From log a to a goes −y/a: this is ∂L/∂a = −y/a,
#   before softmax is touched. Nobody typed it in.
# - *Algebra* starts from what the backward pass leaves, and changes one thing at a time. Each
#   change is named by its equation, with the reason why it holds here. The number after it is the
#   largest difference between the two lines, relative to their size: on these data, and on random
#   numbers of other sizes.
# - *Assumptions*: the step Σy = 1 is not a law. It is true of these targets.

# %%
by_a = next(entry for entry in derivation.chain if str(entry.to) == "a")
print(f"∂L/∂a = {by_a.contribution} = {by_a.contribution.evaluate()}")
assert str(by_a.contribution) == "−y/a"
assert_allclose(by_a.contribution.evaluate(), -y / a.data)
assert_allclose(by_a.contribution.evaluate(), tg.gradients(L, a))
check(tg.derive(L, wrt=a), "−y/a")

print(f"the picture: {tg.draw(derivation).save(pictures / '03-derivation.svg')}")

# %% [markdown]
# In the picture, the graph of the gradient shrinks from line to line, and three vertices are
# left: a, y and a minus sign.
#
# ## With indices
#
# The same, entry by entry. The lecture note reaches Σ_k y_k (a_j − δ_kj) and stops one line before
# a_j − y_j. (It also uses m and n, and i and k, for the same things; here j is the logit we
# differentiate by, and k runs over the classes.) The missing line: multiply out,
# a_j Σ_k y_k − Σ_k y_k δ_kj. The second sum picks y_j, and the first is a_j *if* Σ_k y_k = 1.

# %%
print(derivation.result.text(indices=True))
print(derivation.latex(indices=True))
assert derivation.result.text(indices=True) == "aⱼ − yⱼ"
delta = np.eye(3)
note = [sum(y[k] * (a.data[j] - delta[k, j]) for k in range(3)) for j in range(3)]
assert_allclose(note, derivation.result.evaluate())

# %% [markdown]
# ## The assumption, switched off (B5)
#
# Without Σy = 1 the derivation ends at a·Σy − y.

# %%
without = tg.derive(L, wrt=z, assume=())
print(f"without the assumption: ∂L/∂z = {without.result}")
check(without, "a·Σy − y")
(assumption,) = without.assumptions
print(f"{assumption.statement}: holds {assumption.holds}, used {assumption.used}")
assert (assumption.statement, assumption.holds, assumption.used) == ("Σy = 1", True, False)

# %% [markdown]
# That is the gradient for *any* targets. Take targets that do not sum to 1, and the assumption
# fails on the data, so it is not used, allowed or not. An engine that returns a − y without
# looking would be wrong here.

# %%
y = np.array([0.5, 1.0, 0.25])
any_targets = -tg.sum(y * tg.log(a))
derivation = tg.derive(any_targets, wrt=z)
(assumption,) = derivation.assumptions
print(f"∂L/∂z = {derivation.result}")
print(f"{assumption.statement} fails by {assumption.deviation}")
check(derivation, "a·Σy − y")
assert_allclose(assumption.deviation, 0.75)
assert not assumption.holds
true_gradient = tg.gradients(any_targets, z)
assert_allclose(true_gradient, a.data * y.sum() - y)
assert abs(true_gradient - (a.data - y)).max() > 0.5

# %% [markdown]
# ## Other ways to write the same loss
#
# Through the logarithm of softmax, and through the fused loss, which is one operation in the
# graph. `derive` opens them by what they mean, and runs the same rules. The middle differs, the
# end does not.

# %%
y = np.array([0.0, 1.0, 0.0])
z = tg.Tensor([1.47, -0.39, 0.22], name="z")
a = tg.softmax(z)
for title, loss in (
    ("from probabilities", tg.cross_entropy(a, y)),
    ("from log-softmax", -tg.sum(y * tg.log_softmax(z))),
    ("fused", tg.softmax_cross_entropy(z, y)),
):
    derivation = tg.derive(loss, wrt=z, names={"a": a, "L": loss})
    print(f"{title:>18}: {derivation.start}  =  {derivation.result}, {len(derivation.steps)} steps")
    check(derivation, "a − y")

# %% [markdown]
# ## The lemma: softmax's vector–Jacobian product (B2)
#
# Where the output has several entries, `derive` takes the gradient g that comes in as a letter.
# For softmax the answer is a ⊙ (g − Σ(a ⊙ g)): two multiplications per entry, and the matrix
# diag(a) − a aᵀ is never built.

# %%
lemma = tg.derive(a, wrt=z)
print(f"⟨g, ∂a/∂z⟩ = {lemma.result}      with indices: {lemma.result.text(indices=True)}")
check(lemma, "a ⊙ (g − Σ(a ⊙ g))")

g = np.array([0.3, -1.0, 2.0])
p = a.data
J = np.diag(p) - np.outer(p, p)
assert_allclose(tg.jacobian(tg.softmax)(z.data), J)
assert_allclose(lemma.result.evaluate({"g": g}), g @ J)
assert_allclose(tg.gradients(a, z, seed=g), g @ J)

# %% [markdown]
# Now put g = ∂L/∂a = −y/a into the lemma: a·(−y/a + Σy) = a·Σy − y. That is the whole derivation
# in one line, and it is how a student may remember it.

# %%
assert_allclose(lemma.result.evaluate({"g": -y / p}), p * y.sum() - y)

# %% [markdown]
# A shift c of all logits changes nothing (C4), so the gradient by c is 0:

# %%
c = tg.Tensor(2.0, name="c")
shifted = tg.softmax(z + c)
derivation = tg.derive(shifted, wrt=c)
print(f"⟨g, ∂softmax(z + c)/∂c⟩ = {derivation.result}, after {len(derivation.steps)} steps")
check(derivation, "0")

# %% [markdown]
# ## A batch of real flowers (A11, B6, C3)
#
# Iris: four lengths per flower, three species. One layer Z = XW + b, softmax, and the mean loss
# over N flowers. Mind the coding: the lecture writes Setosa as (0, 1, 0); `load_iris`, like
# scikit-learn, has Setosa as class 0, so its row of Y is (1, 0, 0).

# %%
iris = tg.data.load_iris()
X = (iris.features - iris.features.mean(axis=0)) / iris.features.std(axis=0)
Y = np.eye(3)[iris.labels]
W = tg.Tensor(0.1 * np.random.default_rng(0).standard_normal((4, 3)), name="W")
b = tg.Tensor(np.zeros(3), name="b")
Z = X @ W + b
A = tg.softmax(Z)
L = tg.softmax_cross_entropy(Z, Y)
N = len(X)

by_Z = tg.derive(L, wrt=Z)
by_W = tg.derive(L, wrt=W)
by_b = tg.derive(L, wrt=b)
for found in (by_Z, by_W, by_b):
    print(f"∂L/∂{found.title[1]} = {found.result}")
check(by_Z, "(A − Y)/N")
check(by_W, "Xᵀ(A − Y)/N")
check(by_b, "Σₙ(A − Y)/N")
assert_allclose(by_Z.result.evaluate(), (A.data - Y) / N)
assert_allclose(by_W.result.evaluate(), X.T @ (A.data - Y) / N, rtol=1e-12, atol=1e-15)
assert_allclose(by_b.result.evaluate(), (A.data - Y).mean(axis=0), atol=1e-15)

# %% [markdown]
# **What to see.** The 1/N of the mean stays visible to the end. (One note leaves it out of its
# loss and has it in its updates; the two belong together.) For a layer written z = Vx, where V has
# a row for each class, the gradient is (A − Y)ᵀX/N: the transpose.

# %%
V = tg.Tensor(W.data.T, name="V")
by_V = tg.gradients(tg.softmax_cross_entropy(X @ V.T + b.data, Y), V)
assert_allclose(by_V, (A.data - Y).T @ X / N, rtol=1e-12, atol=1e-15)

# %% [markdown]
# The update W ← W − η Xᵀ(A − Y)/N is all that training needs here:

# %%
first, rate = L.item(), 0.5
for _ in range(100):
    a_minus_y = tg.softmax(X @ W.data + b.data) - Y
    W.data = W.data - rate * X.T @ a_minus_y / N
    b.data = b.data - rate * a_minus_y.mean(axis=0)
logits = X @ W.data + b.data
last = float(tg.softmax_cross_entropy(logits, Y))
right = np.mean(logits.argmax(axis=1) == iris.labels)
print(f"loss {first:.3f} → {last:.3f}, {right:.0%} of the flowers right")
assert last < 0.25 < 1 < first
assert right > 0.94

# %% [markdown]
# ## The same shape elsewhere (D1, D3, D9)
#
# Squared error with a linear output gives z − t, and so does binary cross-entropy with a sigmoid.
# "Output minus target" is what one gets when loss and last activation fit each other.

# %%
x = tg.Tensor([0.3, -1.0, 2.0], name="x")
t = np.array([1.0, 0.0, 1.0])

check(tg.derive(tg.sum_squared_error(x, t), wrt=x), "x − t")  # linear output

z = tg.sigmoid(x)
E = tg.binary_cross_entropy(z, t, reduction="sum")
derivation = tg.derive(E, wrt=x)
print(derivation.text())
check(derivation, "z − t")

# %% [markdown]
# By z alone the gradient is (z − t)/(z(1 − z)): it grows without bound where the sigmoid
# saturates, and the sigmoid's own derivative z(1 − z) divides it out again.

# %%
assert_allclose(tg.gradients(E, z), (z.data - t) / (z.data * (1 - z.data)))

# %% [markdown]
# Weight decay (λ/2)Σw² adds λw: a spring that pulls every weight to 0, the harder the further it
# is away.

# %%
w = tg.Tensor([3.0, -4.0], name="w")
λ = np.array(0.1)
derivation = tg.derive(tg.weight_decay(w, λ), wrt=w)
print(f"∂/∂w of the penalty = {derivation.result} = {derivation.result.evaluate()}")
check(derivation, "λ·w")
assert_allclose(derivation.result.evaluate(), [0.3, -0.4])
