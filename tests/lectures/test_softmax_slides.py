"""Slides on softmax, cross-entropy and regularization: a test for each id of part A."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.lectures.checks import agrees, check, derived
from tests.symbolic.exercises import ONE_HOT, ROWS, composed_batch, named, through_softmax
from tests.symbolic.witness import exp, log

# The derivations are those of other tests too, and SymPy takes most of the time.
pytestmark = pytest.mark.usefixtures("untraced")

# The table of the slides: logits, and their softmax as printed there.
TABLE = [
    ((1.47, -0.39, 0.22), (0.69, 0.11, 0.20)),
    ((5.0, 6.0, 4.0), (0.24, 0.67, 0.09)),
    ((0.90, 0.80, 1.10), (0.32, 0.29, 0.39)),
    ((-2.0, 2.0, -3.0), (0.02, 0.98, 0.01)),
]
# Predictions for y = (0, 1, 0), their loss and a − y, as printed.
LOSSES = [
    ((0.22, 0.70, 0.08), 0.3567, (0.22, -0.30, 0.08)),
    ((0.70, 0.22, 0.08), 1.5141, (0.70, -0.78, 0.08)),
    ((0.70, 0.08, 0.22), 2.5257, (0.70, -0.92, 0.22)),
]
MIDDLE = np.array([0.0, 1.0, 0.0])


def test_A2_what_the_heads_of_regression_can_say():
    s = np.linspace(-30, 30, 241)
    assert (tg.relu(s) >= 0).all()
    assert (tg.softplus(s) > 0).all()
    assert ((tg.sigmoid(s) > 0) & (tg.sigmoid(s) < 1)).all()
    assert (abs(tg.tanh(s)) <= 1).all()
    rng = np.random.default_rng(0)
    for outputs in (2, 3, 4):  # a place on the globe, a colour, a box
        predicted, target = rng.normal(size=(2, 5, outputs))
        loss = tg.mean_squared_error(predicted, target)
        assert_allclose(loss, ((predicted - target) ** 2).sum() / (5 * outputs), rtol=1e-14)


def test_A3_sigmoids_are_no_classifier_but_softmax_is():
    z = np.array([1.47, -0.39, 0.22])
    assert_allclose(tg.softmax(z).sum(), 1, rtol=1e-15)
    assert tg.sigmoid(z).sum() > 1.5  # three answers, each to a question of its own
    # What one class gains under softmax the others lose; under sigmoids they do not notice.
    assert_allclose(tg.jacobian(tg.sigmoid)(z), np.diag(np.diag(tg.jacobian(tg.sigmoid)(z))))
    assert (tg.jacobian(tg.softmax)(z)[1, [0, 2]] < 0).all()


def test_A4_activations_of_hidden_layers():
    s = np.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    assert_allclose(tg.relu(s), [0, 0, 0, 0.5, 2])
    assert_allclose(tg.gelu(s), [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in s], atol=1e-15)
    assert_allclose(tg.tanh(s), [math.tanh(x) for x in s], rtol=1e-15)


def test_A5_softmax():
    z = np.array([1.47, -0.39, 0.22])
    a = tg.softmax(z)
    assert_allclose(a, np.exp(z) / np.exp(z).sum(), rtol=1e-15)
    assert ((a > 0) & (a < 1)).all()
    assert_allclose(a.sum(), 1, rtol=1e-15)
    # It acts on the layer: another entry of z changes this entry of a.
    assert tg.softmax(z + np.eye(3)[1])[0] != a[0]
    assert (np.argsort(a) == np.argsort(z)).all()
    for n in (2, 3, 10):
        assert_allclose(tg.softmax(np.full(n, 7.5)), np.full(n, 1 / n), rtol=1e-15)
    # Only (absolute) differences matter: ratios of the inputs do not.
    assert_allclose(tg.softmax(np.array([1000.0, 1001.0])), [0.27, 0.73], atol=0.005)
    assert_allclose(tg.softmax(np.array([0.0, 1.0])), tg.softmax(np.array([1000.0, 1001.0])))
    assert abs(tg.softmax(np.array([1.0, 1.001]))[0] - 0.27) > 0.2
    assert_allclose(tg.softmax(np.array([-1e4, 0.0, 1e4])), [0, 0, 1])


def test_A6_argmax_has_no_gradient_to_learn_from():
    z = tg.Tensor([1.0, 3.0, 2.0], name="z")
    winner = tg.equal(z, tg.max(z)) * np.array([0.0, 1.0, 2.0])
    assert_allclose(tg.gradients(winner.sum(), z), [0, 0, 0])

    def argmax(x):
        return float(np.argmax(x))

    for step in 1e-3 * np.eye(3):
        assert argmax(z.data + step) == argmax(z.data)
    tie = np.array([1.0, 2.0, 2.0])  # here it jumps, and has no derivative at all
    assert argmax(tie + step) - argmax(tie - step) == 1


@pytest.mark.parametrize(("z", "printed"), TABLE)
def test_A7_the_table(z, printed):
    a = tg.softmax(np.array(z))
    assert tuple(a.round(2)) == printed
    assert_allclose(a.sum(), 1, rtol=1e-15)


def test_A7_the_last_row_sums_to_1_01_by_rounding():
    z, printed = TABLE[-1]
    assert round(sum(printed), 2) == 1.01
    assert_allclose(tg.softmax(np.array(z)), [0.0179, 0.9756, 0.0066], atol=5e-5)


def test_A8_cross_entropy_of_a_one_hot_target():
    probabilities, y = np.array([0.22, 0.70, 0.08]), np.array([0.3, 0.5, 0.2])
    assert_allclose(
        tg.cross_entropy(probabilities, y), -(y * np.log(probabilities)).sum(), rtol=1e-15
    )
    assert_allclose(tg.cross_entropy(probabilities, MIDDLE), -np.log(0.70), rtol=1e-15)


@pytest.mark.parametrize(("probabilities", "loss", "difference"), LOSSES)
def test_A9_three_predictions(probabilities, loss, difference):
    """The class meant by y = (0, 1, 0) is the second entry, which has index 1."""
    a = np.array(probabilities)
    assert round(float(tg.cross_entropy(a, MIDDLE)), 4) == loss
    assert_allclose(a - MIDDLE, difference, atol=1e-15)
    z = np.log(a)  # logits with just this softmax
    assert_allclose(tg.grad(tg.softmax_cross_entropy)(z, MIDDLE), difference, atol=1e-15)


def test_A10_the_loss_at_both_ends():
    loss = [tg.cross_entropy(np.array([p, 1 - p]), np.array([1.0, 0.0])) for p in (1.0, 1 - 1e-9)]
    assert loss[0] == 0
    assert 0 < loss[1] < 2e-9
    for p in (1e-10, 1e-100, 1e-300):
        assert_allclose(
            tg.cross_entropy(np.array([p, 1 - p]), np.array([1.0, 0.0])), -math.log(p), rtol=1e-13
        )
    with np.errstate(divide="ignore"):
        assert tg.cross_entropy(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == np.inf


def test_A11_the_mean_over_a_data_set():
    """∂L/∂Z = (A − Y)/N."""
    for build, steps, lines in ((composed_batch, 9, 3), (through_softmax, 9, 3)):
        found = tg.derive(*build())
        check(
            found,
            lambda f: (f("A") - f("Y")) / f.N,
            steps=steps,
            lines=lines,
            assumed=("Σₖ Y = 1",),
        )
        agrees(
            found,
            lambda s: (
                -(s["Y"] * log(exp(s["Z"]) / exp(s["Z"]).sum(axis=1, keepdims=True))).sum() / 4
            ),
            simplex="Y",
        )
    check(
        derived("softmax-ce-batch"),
        lambda f: (f("softmax(Z)") - f("Y")) / f.N,
        steps=5,
        lines=2,
        assumed=("Σₖ Y = 1",),
    )
    A = tg.softmax(ROWS)
    mean = -sum(float(np.log(row[y.argmax()])) for row, y in zip(A, ONE_HOT, strict=True)) / 4
    assert_allclose(tg.cross_entropy(A, ONE_HOT), mean, rtol=1e-14)


def test_A12_mean_absolute_error():
    """∂/∂h = sign(h − y)/N, of numbers and of several outputs."""
    found = derived("mae")
    check(found, lambda f: f.apply("sign", f("h") - f("y")) / f.N, steps=1, lines=1)
    agrees(found, lambda s: sum(map(abs, s["h"] - s["y"])) / 3)
    H, Y = named("H", ROWS), named("Y", ONE_HOT)
    found = tg.derive(tg.mean_absolute_error(H, Y), wrt=H)
    check(found, lambda f: f.apply("sign", f("H") - f("Y")) / (f.N * f.K), steps=1, lines=1)


def test_A12_mean_squared_error():
    """∂/∂h = 2(h − y)/(N·outputs)."""
    found = derived("mse")
    check(found, lambda f: 2 * (f("h") - f("y")) / f.N, steps=1, lines=1)
    agrees(found, lambda s: ((s["h"] - s["y"]) ** 2).sum() / 3)
    found = derived("mse-outputs")
    check(found, lambda f: 2 * (f("H") - f("Y")) / (f.N * f.K), steps=1, lines=1)
    agrees(found, lambda s: ((s["H"] - s["Y"]) ** 2).sum() / 6)


def test_A13_gradients_of_norms():
    """∂‖z‖₂/∂z = z/‖z‖₂, ∂‖z‖₁/∂z = sign(z), ∂‖z‖_p/∂z = sign(z)·|z|^(p−1)/‖z‖_p^(p−1)."""
    found = derived("norm")
    check(found, lambda f: f("z") / f("L"), steps=2, lines=1)
    agrees(found, lambda s: (s["z"] ** 2).sum() ** (1 / 2))
    found = derived("norm-1")
    check(found, lambda f: f.apply("sign", "z"), steps=2, lines=1)
    agrees(found, lambda s: sum(map(abs, s["z"])))
    found = derived("norm-p")

    def p_norm(f):
        less = f("p") - 1
        return f.apply("sign", "z") * f.apply("abs", "z") ** less * f("L") ** (1 - f("p"))

    check(found, p_norm, steps=8, lines=4, assumed=("p ≠ 0",))
    agrees(found, lambda s: sum(abs(x) ** s["p"] for x in s["z"]) ** (1 / s["p"]))


def test_A13_gradients_of_norms_of_matrices():
    W = named("W", ROWS)
    check(tg.derive(tg.l2(W), wrt=W, names={}), lambda f: f("W") / f("‖W‖₂"), steps=2, lines=1)
    check(tg.derive(tg.l1(W), wrt=W), lambda f: f.apply("sign", "W"), steps=2, lines=1)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_A13_the_four_axioms_of_norms(p):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5))
    assert tg.norm(x, p) > 0  # never negative,
    assert tg.norm(np.zeros(5), p) == 0  # 0 for 0 alone,
    assert tg.norm(1e-3 * np.eye(5)[2], p) > 0
    assert_allclose(tg.norm(-2.5 * x, p), 2.5 * tg.norm(x, p), rtol=1e-14)  # homogeneous,
    assert tg.norm(x + y, p) <= tg.norm(x, p) + tg.norm(y, p)  # and subadditive
    if p < np.inf:
        assert_allclose(tg.norm(x, p), (abs(x) ** p).sum() ** (1 / p), rtol=1e-14)


def test_A13_a_larger_p_stresses_larger_entries():
    w = np.array([1.0, 10.0])
    shares = [tg.grad(lambda x, p=p: tg.norm(x, p))(w) for p in (1, 1.5, 2, 3, 6)]
    small = [share[0] / share[1] for share in shares]
    assert small == sorted(small, reverse=True)
    assert small[0] == 1
    assert small[-1] < 1e-4
    norms = [float(tg.norm(w, p)) for p in (1, 1.5, 2, 3, 6)]
    assert norms == sorted(norms, reverse=True)
    assert_allclose(norms[-1], 10, rtol=1e-6)  # the largest entry alone


def penalised(alpha, beta):
    X = named("X", ROWS)
    w, y = named("w", [0.5, -0.3, 0.2]), named("y", [1.0, 0.5, -0.2, 2.0])
    return tg.mean_absolute_error(X @ w, y) + alpha * tg.l1(w) + beta * tg.l2(w), w


def test_A14_the_penalised_loss():
    """Xᵀsign(Xw − y)/N + α sign(w) + β w/‖w‖₂."""
    found = derived("penalty")

    def form(f):
        error = f.sum("k", f("X") * f("w")) - f("y")
        data = f.sum("n", f("X") * f.apply("sign", error)) / f.N
        return f("α") * f.apply("sign", "w") + f("β") * f("w") / f("‖w‖₂") + data

    check(found, form, steps=4, lines=2)
    agrees(
        found,
        lambda s: (
            sum(map(abs, s["X"] @ s["w"] - s["y"])) / 4
            + s["α"] * sum(map(abs, s["w"]))
            + s["β"] * (s["w"] ** 2).sum() ** (1 / 2)
        ),
    )


def test_A14_a_coefficient_of_zero_switches_a_term_off():
    plain, w = penalised(0.0, 0.0)
    X, y = ROWS, np.array([1.0, 0.5, -0.2, 2.0])
    expected = X.T @ np.sign(X @ w.data - y) / 4
    assert_allclose(tg.gradients(plain, w), expected, rtol=1e-14)
    sparse, w = penalised(0.3, 0.0)
    assert_allclose(tg.gradients(sparse, w), expected + 0.3 * np.sign(w.data), rtol=1e-14)
    small, w = penalised(0.0, 0.2)
    unit = w.data / np.sqrt((w.data**2).sum())
    assert_allclose(tg.gradients(small, w), expected + 0.2 * unit, rtol=1e-14)


def test_A14_the_norm_of_several_arrays_is_one_joint_norm():
    rng = np.random.default_rng(0)
    W, b = tg.Tensor(rng.normal(size=(3, 2))), tg.Tensor(rng.normal(size=2))
    joint = tg.l2([W, b])
    assert_allclose(joint.data, np.sqrt((W.data**2).sum() + (b.data**2).sum()), rtol=1e-14)
    assert joint.data < tg.l2(W).data + tg.l2(b).data - 0.1
    assert_allclose(tg.gradients(joint, W), W.data / joint.data, rtol=1e-14)
    assert_allclose(tg.l1([W, b]).data, abs(W.data).sum() + abs(b.data).sum(), rtol=1e-14)


def test_A16_a_penalty_of_one_layer_or_of_all():
    """Keras squares: l2 = 0.001 in one layer adds 0.001 Σw², of that layer alone."""
    rng = np.random.default_rng(0)
    W1, W2 = named("W1", rng.normal(size=(4, 50))), named("W2", rng.normal(size=(50, 3)))
    one = 0.001 * tg.sum(W1**2)
    assert_allclose(one.data, 0.001 * tg.l2(W1).data ** 2, rtol=1e-14)
    assert_allclose(one.data, tg.weight_decay(W1, 0.002).data, rtol=1e-14)
    assert_allclose(tg.gradients(one, [W1, W2])[1], np.zeros((50, 3)))
    every = tg.weight_decay([W1, W2], 0.002)
    for w in (W1, W2):
        assert_allclose(tg.gradients(every, w), 0.002 * w.data, rtol=1e-14)
    check(tg.derive(one, wrt=W1), lambda f: f("W1") / 500, steps=1, lines=1)


def test_A17_the_gradient_of_dropout():
    """∂L/∂x = ∂L/∂out · mask/(1 − p)."""
    found = derived("dropout")
    check(found, lambda f: f("g") * f("mask") / (1 - f("p")), steps=1, lines=1)
    agrees(found, lambda s: (s["g"] * s["x"] * s["mask"]).sum() / (1 - s["p"]))


def test_A17_dropout():
    rng = np.random.default_rng(0)
    x = tg.Tensor(np.ones((200, 50)))
    first, second = tg.dropout(x, 0.4, rng), tg.dropout(x, 0.4, rng)
    assert set(np.unique(first.data)) == {0.0, 1 / 0.6}
    assert not np.array_equal(first.data, second.data)  # a new mask each time
    assert 0.38 < (first.data == 0).mean() < 0.42
    gradient = tg.gradients(first.sum(), x)
    assert np.array_equal(gradient == 0, first.data == 0)  # backward too
    assert_allclose(tg.dropout(x, 0.4, rng, training=False).data, x.data)  # nothing is scaled
    assert_allclose(first.data.mean(), 1, atol=0.02)  # because training scales
    assert_allclose(x.data, 1)


def test_A17_all_units_may_drop_at_once():
    p, n = 0.5, 3
    rng = np.random.default_rng(0)
    out = tg.dropout(np.ones((40_000, n)), p, rng)
    together = (out == 0).all(axis=1).mean()
    assert_allclose(together, p**n, atol=0.006)
    assert together > 0


def test_the_witness_can_disagree():
    found = derived("mse")
    with pytest.raises(AssertionError):
        agrees(found, lambda s: ((s["h"] - s["y"]) ** 2).sum() / 2)
    with pytest.raises(AssertionError):
        check(found, lambda f: (f("h") - f("y")) / f.N, steps=1, lines=1)
