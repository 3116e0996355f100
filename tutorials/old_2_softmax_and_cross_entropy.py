# %% [markdown]
# # 2. Softmax and cross-entropy
#
# Lecture topics: A5 (softmax), A7 (the table of examples), A8 (the loss), A9 (three predictions
# for one flower), A10 (the loss curve), B2 (the Jacobian of softmax, as a matrix), B3 (labels and
# one-hot vectors), C1 (softmax of two classes is the sigmoid), C4 (subtracting the maximum),
# D7 (log-probabilities), D8 (temperature).
#
# A network that chooses among K classes ends in K numbers, the *logits* z. Softmax turns them
# into probabilities a, and cross-entropy says how far these are from the targets y.

# %%
from pathlib import Path

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg

pictures = Path("build/tutorials")
pictures.mkdir(parents=True, exist_ok=True)
np.set_printoptions(precision=4, suppress=True)

# %% [markdown]
# ## Softmax (A5, A7)
#
# a_k = e^(z_k) / Σ_j e^(z_j). Every entry of a is between 0 and 1, and they sum to 1.

# %%
Z = np.array(
    [
        [1.47, -0.39, 0.22],
        [5.00, 6.00, 4.00],
        [0.90, 0.80, 1.10],
        [-2.00, 2.00, -3.00],
    ]
)
A = tg.softmax(Z)
printed = np.array(
    [
        [0.69, 0.11, 0.20],
        [0.24, 0.67, 0.09],
        [0.32, 0.29, 0.39],
        [0.02, 0.98, 0.01],
    ]
)
for z, a, p in zip(Z, A, printed, strict=True):
    print(f"logits {z}  softmax {a}  printed {p}, sum {p.sum():.2f}")
assert_allclose(A, np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))
assert_array_equal(A.round(2), printed)
assert ((A > 0) & (A < 1)).all()
assert_allclose(A.sum(axis=1), 1)

# %% [markdown]
# **What to see.** The table of the lecture gives two decimals, and its last row sums to 1.01.
# That is rounding, not softmax: the true values are .0179, .9756 and .0066, which sum to 1.

# %%
assert_array_equal(A[3].round(4), [0.0179, 0.9756, 0.0066])
assert_allclose(printed[3].sum(), 1.01)
assert_allclose(A[3].sum(), 1)

# %% [markdown]
# Softmax keeps the order of its inputs, and equal inputs share equally.

# %%
assert_array_equal(np.argsort(A, axis=1), np.argsort(Z, axis=1))
assert_allclose(tg.softmax([7.0, 7.0, 7.0, 7.0]), 1 / 4)

# %% [markdown]
# It acts on the whole layer and not on one unit: raise one logit, and *every* probability moves.

# %%
raised = tg.softmax(Z[0] + np.array([1.0, 0.0, 0.0]))
print(f"before {A[0]}, after raising the first logit {raised}")
assert raised[0] > A[0, 0]
assert (raised[1:] < A[0, 1:]).all()

# %% [markdown]
# ## Only differences matter (A5, C4)
#
# Add the same number to all logits: e^(z+c) = e^z · e^c, and e^c cancels. So (1000, 1001) gives
# the same as (0, 1).
#
# Only *absolute* differences matter. One of the slides says "relative differences"; but (1, 2)
# and (10, 20) have the same ratio, and they give very different probabilities.

# %%
for logits in ([0.0, 1.0], [1.0, 2.0], [1000.0, 1001.0], [10.0, 20.0]):
    print(f"softmax{tuple(logits)} = {tg.softmax(logits)}")
assert_allclose(tg.softmax([1000.0, 1001.0]), tg.softmax([0.0, 1.0]))
assert_array_equal(tg.softmax([1000.0, 1001.0]).round(2), [0.27, 0.73])
assert abs(tg.softmax([10.0, 20.0]) - tg.softmax([1.0, 2.0])).max() > 0.2

# %% [markdown]
# This is more than a curiosity: e^1000 is too large for a floating-point number. The formula as
# it stands gives ∞/∞. Shifted by the largest logit it is exact, which is what `tg.softmax` does.

# %%
with np.errstate(over="ignore", invalid="ignore"):
    naive = np.exp([1000.0, 1001.0]) / np.exp([1000.0, 1001.0]).sum()
print(f"naive {naive}, shifted {tg.softmax([1000.0, 1001.0])}")
assert np.isnan(naive).all()
assert np.isfinite(tg.softmax([-1e300, 0.0, 1e300])).all()

# %% [markdown]
# ## Two classes: the sigmoid (C1)
#
# With logits (0, z) the second probability is e^z/(1 + e^z) = 1/(1 + e^(−z)), the sigmoid. So
# softmax regression contains logistic regression.

# %%
for z in (-3.0, 0.0, 0.5, 4.0):
    assert_allclose(tg.softmax([0.0, z])[1], tg.sigmoid(z))

# %% [markdown]
# ## Log-probabilities (D7) and temperature (D8)
#
# log a_k = z_k − log Σ_j e^(z_j). So it is the *logits* that are log-probabilities up to a
# constant; one note says this of e^z, which are probabilities up to a factor. Divide the logits
# by a temperature T: a high T makes the choice even, a low T makes it sharp.

# %%
z = Z[0]
assert_allclose(tg.log_softmax(z), z - np.log(np.exp(z).sum()))
assert_allclose(tg.log_softmax(z), np.log(tg.softmax(z)))
for T in (0.1, 1.0, 10.0):
    print(f"T = {T:>4}: {tg.softmax(z / T)}")
assert tg.softmax(z / 0.1).max() > 0.99
assert np.ptp(tg.softmax(z / 10)) < 0.1

# %% [markdown]
# ## The Jacobian of softmax (B2)
#
# Three outputs, three inputs: nine derivatives, ∂a_k/∂z_j = a_k (δ_kj − a_j). As a matrix this is
# diag(a) − a aᵀ.

# %%
a = A[0]
J = tg.jacobian(tg.softmax)(z)
print(J)
assert_allclose(J, np.diag(a) - np.outer(a, a))
for k in range(3):
    for j in range(3):
        assert_allclose(J[k, j], a[k] * ((k == j) - a[j]))

# %% [markdown]
# **What to see.** On the diagonal the derivatives are positive: a logit helps its own class.
# Beside it they are negative: it takes from the others. Every row and every column sums to 0,
# because the probabilities always sum to 1, and because a common shift changes nothing.

# %%
assert (np.diag(J) > 0).all()
assert (J[~np.eye(3, dtype=bool)] < 0).all()
assert_allclose(J.sum(axis=0), 0, atol=1e-15)
assert_allclose(J.sum(axis=1), 0, atol=1e-15)

# %% [markdown]
# ## Cross-entropy (A8, B3)
#
# H(y, a) = −Σ_k y_k log a_k. A label is written as a one-hot vector: 1 at the class, 0 elsewhere.
# Then one term is left, −log a_true.

# %%
y = np.array([0.0, 1.0, 0.0])
print(f"loss {tg.cross_entropy(a, y):.4f}, −log of the true class {-np.log(a[1]):.4f}")
assert_allclose(tg.cross_entropy(a, y), -np.sum(y * np.log(a)))
assert_allclose(tg.cross_entropy(a, y), -np.log(a[1]))

labels = np.array([1, 1, 2, 0])
one_hot = np.eye(3)[labels]  # row i is the one-hot vector of label i
assert_array_equal(one_hot[0], y)
assert_array_equal(one_hot.argmax(axis=1), labels)
assert_allclose(tg.cross_entropy(A, labels), tg.cross_entropy(A, one_hot))
assert_allclose(tg.cross_entropy(A, labels), -np.log(A[np.arange(4), labels]).mean())

# %% [markdown]
# For a batch the loss is the mean over the examples, hence the last line.
#
# ## Three predictions for one flower (A9)
#
# The lecture codes Setosa as (0, 1, 0), so the true class is the *second* entry (it is called
# "k = 1", counted from 0). scikit-learn and `tinygrad_edu.data.load_iris` code Setosa as class 0,
# that is (1, 0, 0). Here we follow the lecture.
#
# The gradient of the loss by the logits is what the next tutorial derives: a − y. To see it, take
# z = log a, whose softmax is a.

# %%
print("prediction            loss     gradient by the logits")
for prediction, loss, difference in (
    ([0.22, 0.70, 0.08], 0.3567, [0.22, -0.30, 0.08]),
    ([0.70, 0.22, 0.08], 1.5141, [0.70, -0.78, 0.08]),
    ([0.70, 0.08, 0.22], 2.5257, [0.70, -0.92, 0.22]),
):
    logits = tg.Tensor(np.log(prediction), name="z")
    L = tg.softmax_cross_entropy(logits, y)
    L.backward()
    print(f"{prediction!s:20}  {L.item():.4f}   {logits.grad}")
    assert_allclose(tg.softmax(logits.data), prediction)
    assert round(L.item(), 4) == loss
    assert_allclose(logits.grad, difference, atol=1e-12)

# %% [markdown]
# **What to see.** The better the prediction, the smaller the loss. The loss of one example looks
# at the true class only: were .70 and .08 exchanged in the second row, it would stay 1.5141. The
# gradient looks at all of them: a step against it raises the logit of the true class, and lowers
# that of every other class in proportion to the probability it wrongly has.

# %%
assert_allclose(tg.cross_entropy([0.08, 0.22, 0.70], y), tg.cross_entropy([0.70, 0.22, 0.08], y))

# %% [markdown]
# ## The curve (A10)
#
# The loss is 0 when the true class gets probability 1, and grows without bound as it goes to 0.

# %%
for p in (0.999, 0.9, 0.5, 0.1, 0.01, 1e-6):
    print(f"probability of the true class {p:<8g} loss {tg.cross_entropy([p, 1 - p], 0):7.4f}")
assert tg.cross_entropy([1.0, 0.0], 0) == 0
assert tg.cross_entropy([1e-300, 1.0], 0) > 690

# %% [markdown]
# ## Which function gets what
#
# `cross_entropy` takes probabilities, `softmax_cross_entropy` takes logits and does both steps at
# once, exactly over the whole range. Logits in the wrong place are refused.

# %%
assert_allclose(tg.softmax_cross_entropy(Z, labels), tg.cross_entropy(A, labels))
assert tg.softmax_cross_entropy([-2000.0, 0.0], 0) == 2000

try:
    tg.cross_entropy(Z[0], y)
except ValueError as error:
    print(error)
else:
    raise AssertionError("logits were taken for probabilities")

# %% [markdown]
# Last, the picture: the fused loss, opened into what it means.

# %%
z = tg.Tensor(Z[0], name="z")
L = tg.softmax_cross_entropy(z, y)
picture = tg.draw(L, expand=True, gradients=True)
print(f"the picture: {picture.save(pictures / '02-softmax-cross-entropy.svg')}")
