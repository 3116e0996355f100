"""The notes on softmax and on its cross-entropy: a test for each id of parts B and C."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.lectures.checks import agrees, check, derived, proved
from tests.symbolic.exercises import (
    LABELS,
    LOGITS,
    ONE_HOT,
    ROWS,
    binary,
    composed,
    distribution,
    fused_binary,
    named,
    through_softmax,
)
from tests.symbolic.forms import ZERO
from tests.symbolic.witness import exp, log

# The derivations are those of other tests too, and SymPy takes most of the time.
pytestmark = pytest.mark.usefixtures("untraced")

ONE = ("Σy = 1",)
ROWS_ONE = ("Σₖ Y = 1",)


def softmax_of(z):
    """In SymPy, along the last axis."""
    return exp(z) / exp(z).sum(axis=-1, keepdims=True)


def cross_entropy_of(a, y):
    return -(y * log(a)).sum()


# --- softmax and categorical cross-entropy --------------------------------------------------------


def test_B1_every_problem_has_its_activation_and_its_loss():
    """Binary, one label of many, several labels: each pair gives output − target."""
    check(tg.derive(*binary()), lambda f: f("z") - f("t"), steps=8, lines=3)
    check(tg.derive(*composed()), lambda f: f("a") - f("y"), steps=8, lines=3, assumed=ONE)
    S, T = named("S", ROWS), named("T", [[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    Z = tg.name(tg.sigmoid(S), "Z")
    several = tg.binary_cross_entropy(Z, T, reduction="sum")
    check(tg.derive(several, wrt=S), lambda f: f("Z") - f("T"), steps=8, lines=3)


def test_B2_the_jacobian_of_softmax():
    """∂a_k/∂z_j = a_k(δ_jk − a_j); times g: a ⊙ (g − ⟨g,a⟩)."""
    found = derived("softmax")

    def form(f):
        return f("a") * (f("g") - f.sum("k", f("a") * f("g")))

    check(found, form, steps=4, lines=2)
    agrees(found, lambda s: (s["g"] * softmax_of(s["z"])).sum())
    a = tg.softmax(np.array(LOGITS))
    matrix = np.diag(a) - np.outer(a, a)
    assert_allclose(tg.jacobian(tg.softmax)(np.array(LOGITS)), matrix, rtol=1e-14, atol=1e-16)


def test_B2_the_jacobian_as_a_matrix():
    """diag(a) − a aᵀ, in symbols and in numbers."""
    found = derived("softmax").jacobian()
    assert str(found) == "diag(a) − a aᵀ"
    assert found.text(indices=True) in ("aₖ·(δₖⱼ − aⱼ)", "aₖ·δₖⱼ − aₖ·aⱼ", "aⱼ·δₖⱼ − aⱼ·aₖ")
    a = tg.softmax(np.array(LOGITS))
    assert_allclose(found.evaluate(), np.diag(a) - np.outer(a, a), rtol=1e-14, atol=1e-16)


def test_B2_in_a_batch():
    Z = named("Z", ROWS)
    check(
        tg.derive(tg.name(tg.softmax(Z), "A"), wrt=Z),
        lambda f: f("A") * (f("g") - f.sum("k", f("A") * f("g"))),
        steps=4,
        lines=2,
    )


def test_B3_cross_entropy_of_distributions_and_of_labels():
    rng = np.random.default_rng(0)
    p, q = distribution(rng, 4), distribution(rng, 4)
    assert_allclose(tg.cross_entropy(q, p), -(p * np.log(q)).sum(), rtol=1e-14)
    assert np.array_equal(tg.one_hot(LABELS, classes=3), ONE_HOT)
    assert np.array_equal(ONE_HOT.argmax(axis=1), LABELS)
    A = tg.softmax(ROWS)
    by_labels = tg.cross_entropy(A, LABELS)
    assert by_labels == tg.cross_entropy(A, ONE_HOT)
    assert_allclose(by_labels, -np.log(A[np.arange(4), LABELS]).mean(), rtol=1e-14)


def test_B4_the_gradient_by_the_activations():
    """∂L/∂a = −y/a."""
    found = derived("cross-entropy")
    check(found, lambda f: -f("y") / f("a"), steps=1, lines=1)
    agrees(found, lambda s: cross_entropy_of(s["a"], s["y"]), letters="a")
    A, Y = named("A", tg.softmax(ROWS)), named("Y", ONE_HOT)
    check(
        tg.derive(tg.cross_entropy(A, Y), wrt=A),
        lambda f: -f("Y") / (f("A") * f.N),
        steps=2,
        lines=1,
    )


def test_B5_the_gradient_by_the_logits():
    """∂L/∂z = a − y, which needs Σy = 1."""
    found = derived("softmax-ce")
    check(found, lambda f: f("a") - f("y"), steps=8, lines=3, assumed=ONE)
    agrees(found, lambda s: cross_entropy_of(softmax_of(s["z"]), s["y"]), simplex="y")
    (assumption,) = found.assumptions
    assert (assumption.statement, assumption.holds) == ("Σy = 1", True)


def test_B5_without_the_assumption():
    """It is a·Σy − y, and the note stops one line before: Σ_k y_k(a_j − δ_kj)."""
    found = derived("softmax-ce", assume=())

    def form(f):
        return f("a") * f.sum("k", f("y")) - f("y")

    check(found, form, steps=8, lines=3)
    agrees(found, lambda s: cross_entropy_of(softmax_of(s["z"]), s["y"]))
    other = tg.derive(*composed([0.5, 1.0, 0.0]))  # where it fails it is not used
    check(other, form, steps=8, lines=3)
    (assumption,) = other.assumptions
    assert not assumption.holds
    y, a = np.array([0.5, 1.0, 0.0]), tg.softmax(np.array(LOGITS))
    note = [sum(y[k] * (a[j] - (k == j)) for k in range(3)) for j in range(3)]
    assert_allclose(other.computed, note, rtol=1e-14)


def test_B5_in_a_batch():
    found = tg.derive(*through_softmax())
    check(
        found,
        lambda f: (f("A") - f("Y")) / f.N,
        steps=9,
        lines=3,
        assumed=ROWS_ONE,
    )


def test_B6_one_layer_and_one_example():
    """∂L/∂W = (a − y)xᵀ, ∂L/∂b = a − y."""
    found = derived("layer-weights")
    check(found, lambda f: (f("a") - f("y")) * f("x"), steps=10, lines=4, assumed=ONE)
    assert str(found.result) == "(a − y) xᵀ"
    agrees(
        found,
        lambda s: cross_entropy_of(softmax_of(s["W"] @ s["x"] + s["b"]), s["y"]),
        simplex="y",
    )
    found = derived("layer-bias")
    check(found, lambda f: f("a") - f("y"), steps=10, lines=4, assumed=ONE)
    agrees(
        found,
        lambda s: cross_entropy_of(softmax_of(s["W"] @ s["x"] + s["b"]), s["y"]),
        simplex="y",
    )


def test_B6_a_batch():
    """With Z = XW + b it is XᵀΔ/N, and means of columns for b; Δ = A − Y."""

    def loss(s):
        return cross_entropy_of(softmax_of(s["X"] @ s["W"] + s["b"]), s["Y"]) / 4

    found = derived("batch-weights")
    check(
        found,
        lambda f: f.sum("n", f("X") * (f("A") - f("Y"))) / f.N,
        steps=10,
        lines=4,
        assumed=ROWS_ONE,
    )
    assert str(found.result) == "Xᵀ(A − Y)/N"
    agrees(found, loss, simplex="Y")
    found = derived("batch-bias")
    check(
        found,
        lambda f: f.sum("n", f("A") - f("Y")) / f.N,
        steps=10,
        lines=4,
        assumed=ROWS_ONE,
    )
    agrees(found, loss, simplex="Y")


def test_B6_a_batch_with_units_as_rows():
    """With the note's z = Wx it is ΔᵀX/N."""
    found = derived("batch-weights-rows")
    check(
        found,
        lambda f: f.sum("n", (f("A") - f("Y")) * f("X")) / f.N,
        steps=10,
        lines=4,
        assumed=tuple(a.statement for a in found.assumptions),
    )
    assert str(found.result) == "(A − Y)ᵀ X/N"
    agrees(
        found,
        lambda s: cross_entropy_of(softmax_of(s["X"] @ s["W"].T + s["b"]), s["Y"]) / 4,
        simplex="Y",
    )


# --- the note on softmax --------------------------------------------------------------------------


def test_C1_softmax_regression_generalises_logistic_regression():
    """softmax((0, z))₂ = σ(z)."""
    proved("softmax-is-sigmoid", steps=8)
    z = np.linspace(-5, 5, 11)
    two = tg.softmax(np.stack([np.zeros(11), z], axis=1))
    assert_allclose(two[:, 1], tg.sigmoid(z), rtol=1e-14)


def test_C2_a_one_hot_p_makes_cross_entropy_the_likelihood():
    q = tg.softmax(ROWS)
    likelihood = np.prod(q[np.arange(4), LABELS])
    assert_allclose(tg.cross_entropy(q, ONE_HOT, reduction="sum"), -np.log(likelihood), rtol=1e-14)


def test_C2_a_gaussian_prior_makes_it_a_penalty():
    """−log of N(0, s²) of every weight has the gradient W/s²: that of (λ/2)Σw² with λ = 1/s²."""
    W, s = named("W", ROWS), named("s", 0.5)
    density = tg.exp(-(W**2) / (2 * s**2)) / tg.sqrt(2 * np.pi * s**2)
    found = tg.derive(-tg.sum(tg.log(density)), wrt=W)
    check(found, lambda f: f("W") / f("s") ** 2, steps=6, lines=3, assumed=("density ≠ 0",))
    assert_allclose(found.computed, tg.gradients(tg.weight_decay(W, 4.0), W), rtol=1e-13)


def test_C3_the_update_of_a_batch():
    """W ← W − η (1/N) Σ (h − y)x, and with + λW."""

    def loss(s):
        return cross_entropy_of(softmax_of(s["X"] @ s["W"]), s["Y"]) / 4

    def form(f):
        return f.sum("n", f("X") * (f("H") - f("Y"))) / f.N

    found = derived("softmax-regression")
    check(found, form, steps=10, lines=4, assumed=ROWS_ONE)
    agrees(found, loss, simplex="Y")
    found = derived("softmax-regression-decay")
    check(found, lambda f: f("λ") * f("W") + form(f), steps=11, lines=4, assumed=ROWS_ONE)
    agrees(found, lambda s: loss(s) + s["λ"] * (s["W"] ** 2).sum() / 2, simplex="Y")


def test_C3_the_update_lowers_the_loss():
    X, Y = ROWS, ONE_HOT
    W = np.zeros((3, 3))
    losses = []
    for _ in range(20):
        H = tg.softmax(X @ W)
        losses.append(float(tg.cross_entropy(H, Y)))
        W = W - 0.5 * sum(np.outer(x, h - y) for x, h, y in zip(X, H, Y, strict=True)) / 4
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


def test_C4_a_shift_changes_nothing():
    """softmax(z + c) = softmax(z); with log C = −max z the fraction is extended by C."""
    proved("softmax-of-shifted", steps=6)
    z = np.array(LOGITS)
    C = np.exp(-z.max())
    assert_allclose(C * np.exp(z) / (C * np.exp(z)).sum(), tg.softmax(z), rtol=1e-15)


def test_C4_the_gradient_through_the_shift_is_0():
    found = derived("softmax-shift")
    check(found, lambda f: ZERO, steps=14, lines=4, assumed=ONE)
    found = derived("stable-softmax-ce")
    check(found, lambda f: f("a") - f("y"), steps=14, lines=4, assumed=ONE)
    agrees(found, lambda s: cross_entropy_of(softmax_of(s["z"]), s["y"]), simplex="y", letters="c")
    for whole in (tg.softmax, tg.log_softmax):  # of the function itself, whatever comes in
        z, c = named("z", LOGITS), named("c", 1.3)
        check(tg.derive(whole(z + c), wrt=c), lambda f: ZERO, steps=12, lines=4)


@pytest.mark.parametrize("big", [1e3, 1e4])
def test_C4_is_why_large_logits_do_no_harm(big):
    z = np.array([big, 0.0, -big])
    assert_allclose(tg.softmax(z), [1, 0, 0])
    with np.errstate(all="ignore"):
        assert np.isnan(np.exp(z) / np.exp(z).sum()).any()
    assert_allclose(tg.derive(*fused_binary()).computed.shape, (3,))
