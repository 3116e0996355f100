"""Expressions that no lecture shows: right, no longer than they start, and in a known form."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import LOGITS, ONE_HOT, named

RNG = np.random.default_rng(1)
X, W = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2))
SIGNS = np.array([1.0, -1.0, 1.0, -1.0, 1.0])
P = np.array([0.1, 0.2, 0.7])


def margins():
    w = named("w", [0.3, -1.0, 0.5])
    return named("t", SIGNS) * (named("X", X) @ w), w


def squared_hinge():
    m, w = margins()
    return (tg.relu(1 - m) ** 2).sum(), w


def softplus_loss():
    m, w = margins()
    return tg.softplus(-m).sum(), w


def divergence(forward):
    def build():
        z, p = named("z", LOGITS), named("p", P)
        q = tg.name(tg.softmax(z), "q")
        one, other = (p, q) if forward else (q, p)
        return tg.name((one * tg.log(one / other)).sum(), "L"), z

    return build


def jensen_shannon():
    z, p = named("z", LOGITS), named("p", P)
    q = tg.name(tg.softmax(z), "q")
    m = tg.name((p + q) / 2, "m")
    return ((p * tg.log(p / m)).sum() + (q * tg.log(q / m)).sum()) / 2, z


def temperature():
    z, t, y = named("z", LOGITS), named("T", 0.7), named("y", [0.0, 1.0, 0.0])
    a = tg.name(tg.softmax(z / t), "a")
    return -(y * tg.log(a)).sum(), t


def class_weights():
    Z, Y, c = named("Z", RNG.normal(size=(4, 3))), named("Y", ONE_HOT), named("c", [1.0, 2.0, 3.0])
    A = tg.name(tg.softmax(Z), "A")
    return -(tg.sum(c * Y * tg.log(A), axis=1)).mean(), Z


def two_layers():
    w = named("W", W)
    H = tg.name(tg.tanh(named("X", X) @ w), "H")
    A = tg.name(tg.softmax(H @ named("V", W.T)), "A")
    return tg.cross_entropy(A, named("Y", np.eye(3)[[0, 1, 2, 1, 0]])), w


def swish():
    x = named("x", LOGITS)
    s = tg.name(tg.sigmoid(x), "s")
    return tg.name(x * s, "y").sum(), x


def root_mean_square():
    x = named("x", LOGITS)
    r = tg.name(tg.sqrt((x**2).mean() + 1e-5), "r")
    return tg.name(x / r, "h"), x


def unit_vector():
    x = named("x", LOGITS)
    n = tg.name(tg.norm(x), "n")
    return tg.name(x / n, "u"), x


def contrast_of_pairs():
    A, B, t = named("A", RNG.normal(size=(4, 3))), named("B", RNG.normal(size=(4, 3))), 0.5
    S = tg.name(A @ B.T / named("τ", t), "S")
    return tg.softmax_cross_entropy(S, np.arange(4)), A


def attention():
    Q, K, V = (named(n, RNG.normal(size=(4 + i, 3))) for n, i in (("Q", 0), ("K", 1), ("V", 1)))
    P = tg.name(tg.softmax(Q @ K.T / 2), "P")
    return tg.name(P @ V, "O"), Q


def mixture():
    weights, mean = named("π", P), named("m", LOGITS)
    return tg.logsumexp(tg.log(weights) - (named("x", 0.3) - mean) ** 2 / 2), mean


def deviation_of_a_normal():
    x, mean, deviation = named("x", LOGITS), named("μ", 0.2), named("σ", 1.3)
    return ((x - mean) ** 2 / (2 * deviation**2) + tg.log(deviation)).sum(), deviation


def entropy_of_softmax():
    z = named("z", LOGITS)
    a = tg.name(tg.softmax(z), "a")
    return tg.name(-(a * tg.log(a)).sum(), "H"), z


def brier():
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    a = tg.name(tg.softmax(z), "a")
    return ((a - y) ** 2).sum(), z


def focal():
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    a = tg.name(tg.softmax(z), "a")
    return -(y * (1 - a) ** 2 * tg.log(a)).sum(), z


def cosine():
    u, v = named("u", LOGITS), named("v", [0.3, -1.0, 2.0])
    return tg.name((u * v).sum() / (tg.norm(u) * tg.norm(v)), "c"), u


def leaky():
    x = named("x", LOGITS)
    return tg.where(x > 0, x, named("α", 0.1) * x).sum(), x


def huber_the_other_way():
    r, delta = named("r", [0.3, -2.0, 1.7]), named("δ", 1.0)
    far = tg.abs(r) > delta
    return tg.where(far, delta * (tg.abs(r) - delta / 2), r**2 / 2).sum(), r


def smooth_l1():
    r = named("r", [0.3, -2.0, 1.7])
    return tg.where(tg.abs(r) < 1, r**2 / 2, tg.abs(r) - 0.5).sum(), r


def softsign():
    x = named("x", LOGITS)
    return (x / (1 + tg.abs(x))).sum(), x


def power_mean():
    x, p = named("x", [0.2, 0.5, 0.7]), named("p", 2.5)
    return ((x**p - 1) / p).sum(), x


def policy_value():
    z, v = named("z", LOGITS), named("v", [0.3, -1.0, 2.0])
    a = tg.name(tg.softmax(z), "a")
    return tg.name((a * v).sum(), "V"), z


def harmonic_mean():
    x, y = named("x", [0.2, 0.5, 0.7]), named("y", [0.3, 0.1, 0.8])
    return (2 * x * y / (x + y)).sum(), x


def hinge():
    m, w = margins()
    return tg.maximum(0, 1 - m).mean(), w


def quantiles():
    h, t, q = named("h", [0.3, 1.0]), named("t", [0.4, 0.2]), named("τ", 0.9)
    return tg.maximum(q * (t - h), (q - 1) * (t - h)).sum(), h


def log_cosh_of_residuals():
    w, t = named("w", [0.3, -1.0, 0.5]), named("t", SIGNS)
    return tg.log(tg.cosh(named("X", X) @ w - t)).mean(), w


def pooled_by_softmax():
    x = named("x", LOGITS)
    a = tg.name(tg.softmax(x), "a")
    return tg.name((a * x).sum(), "p"), x


def divergence_of_bernoulli():
    p, q = named("p", [0.3, 0.6]), named("q", [0.2, 0.5])
    return (p * tg.log(p / q) + (1 - p) * tg.log((1 - p) / (1 - q))).sum(), q


def attention_of_one_query():
    q, k = named("q", [0.3, -1.0, 0.2]), named("K", RNG.normal(size=(4, 3)))
    a = tg.name(tg.softmax(k @ q / np.sqrt(3)), "α")
    return tg.name(a @ named("V", RNG.normal(size=(4, 2))), "o"), q


def bias_below_another_layer():
    b = named("b", [0.1, 0.2])
    H = tg.name(tg.relu(named("X", X) @ named("W", W) + b), "H")
    A = tg.name(tg.softmax(H @ named("V", W.T)), "A")
    return tg.cross_entropy(A, named("Y", np.eye(3)[[0, 1, 2, 1, 0]])), b


def residual():
    x, w = named("x", LOGITS), named("W", RNG.normal(size=(3, 3)))
    h = tg.name(x + tg.name(tg.tanh(w @ x), "u"), "h")
    return tg.sum_squared_error(h, named("t", P)), x


def twice_the_same_weights():
    x, w = named("x", LOGITS), named("W", RNG.normal(size=(3, 3)))
    h = tg.name(tg.tanh(w @ x), "h")
    o = tg.name(w @ h, "o")
    return tg.sum_squared_error(o, named("t", P)), w


def two_steps_of_a_recurrent_layer():
    u, v = named("U", RNG.normal(size=(3, 2))), named("V", RNG.normal(size=(3, 3)))
    h = tg.name(tg.tanh(u @ named("x", [0.3, -1.0])), "h")
    o = tg.name(tg.tanh(v @ h), "o")
    return tg.sum_squared_error(o, named("t", P)), u


def quadratic_form():
    x, matrix = named("x", LOGITS), named("A", RNG.normal(size=(3, 3)))
    return x @ matrix @ x - named("b", P) @ x, x


def rayleigh():
    x, matrix = named("x", LOGITS), named("A", RNG.normal(size=(3, 3)))
    n = tg.name((x * x).sum(), "n")
    return tg.name((x * (matrix @ x)).sum() / n, "ρ"), x


def gram():
    x = named("X", X)
    return ((x.T @ x) ** 2).sum() / 4, x


def attention_to_itself():
    x = named("X", X)
    return tg.name(tg.softmax(x @ x.T) @ x, "O"), x


SQUARE = [
    (residual, "h + Wᵀ((h − t) ⊙ (1 − u²)) − t", "hⱼ + Σₙ(Wₙⱼ·(hₙ − tₙ)·(1 − uₙ²)) − tⱼ"),
    (twice_the_same_weights, "(o − t) hᵀ + ((Wᵀ(o − t)) ⊙ (1 − h²)) xᵀ", None),
    (
        two_steps_of_a_recurrent_layer,
        "((Vᵀ((o − t) ⊙ (1 − o²))) ⊙ (1 − h²)) xᵀ",
        "xₘ·Σₖ(Vₖᵢ·(oₖ − tₖ)·(1 − oₖ²))·(1 − hᵢ²)",
    ),
    (quadratic_form, "(Aᵀ + A) x − b", "Σₖ(xₖ·(Aₖₙ + Aₙₖ)) − bₙ"),
    (rayleigh, "((A + Aᵀ) x − 2·x·ρ)/n", "(Σₙ(xₙ·(Aⱼₙ + Aₙⱼ)) − 2·xⱼ·ρ)/n"),
    (gram, "X Xᵀ X", None),
    (attention_to_itself, None, None),
]

EXPRESSIONS = [
    (squared_hinge, "−2·Xᵀ(relu(1 − t ⊙ (X w)) ⊙ t)"),
    (softplus_loss, "−Xᵀ(t ⊙ σ(−t ⊙ (X w)))"),
    (divergence(True), "q − p"),
    (divergence(False), "q ⊙ (log (q/p) − L)"),
    (jensen_shannon, "q ⊙ (log (q/m) − Σ(q ⊙ log (q/m)))/2"),
    (temperature, "Σ(z ⊙ (y − a))/T²"),
    (class_weights, "(A ⊙ Σₖ(Y ⊙ c) − Y ⊙ c)/N"),
    (two_layers, "Xᵀ(((A − Y) Vᵀ) ⊙ (1 − H²))/N"),
    (swish, "s + y ⊙ (1 − s)"),
    (root_mean_square, "(g − h·Σ(g ⊙ h)/N)/r"),
    (unit_vector, "(g − u·Σ(g ⊙ u))/n"),
    (contrast_of_pairs, None),
    (attention, "(P ⊙ (g Vᵀ − Σₘ(P ⊙ (g Vᵀ)))) K/2"),
    (mixture, "softmax(log π − (x − m)²/2) ⊙ (x − m)"),
    (deviation_of_a_normal, "K/σ − Σ((x − μ)²)/σ³"),
    (entropy_of_softmax, "−a ⊙ (H + log a)"),
    (brier, "2·a ⊙ (a − y − Σ(a ⊙ (a − y)))"),
    (focal, None),
    (cosine, "(v/‖v‖₂ − c·u/‖u‖₂)/‖u‖₂"),
    (leaky, "where([x ≤ 0], α, 1)"),
    (huber_the_other_way, "clip(r, −δ, δ)"),
    (smooth_l1, "clip(r, −1, 1)"),
    (softsign, "1/(1 + |x|)²"),
    (power_mean, "x^(p − 1)"),
    (policy_value, "a ⊙ (v − V)"),
    (hinge, "−Xᵀ(t ⊙ [t ⊙ (X w) < 1])/N"),
    (quantiles, "[h > t] − τ"),
    (log_cosh_of_residuals, "Xᵀ tanh(X w − t)/N"),
    (pooled_by_softmax, "a ⊙ (1 + x − p)"),
    (divergence_of_bernoulli, "(q − p)/(q ⊙ (1 − q))"),
    (attention_of_one_query, "Kᵀ(α ⊙ (V g − αᵀ V g))/√3"),
    (bias_below_another_layer, "Σₙ([b + X W > 0] ⊙ ((A − Y) Vᵀ))/N"),
    (harmonic_mean, "2·y²/(x + y)²"),
]


@pytest.mark.parametrize(("build", "text"), EXPRESSIONS)
def test_expressions_that_nobody_teaches(build, text):
    output, wrt = build()
    found = tg.derive(output, wrt=wrt, names={})
    assert found.residual < 1e-12
    assert all(step.residual < 1e-12 for step in found.steps)
    assert found.result.size < found.start.size
    assert len(str(found.result)) < len(str(found.start))
    assert not found.capped
    assert text is None or str(found.result) == text


@pytest.mark.parametrize(("build", "text", "indices"), SQUARE)
def test_two_axes_of_one_range_have_two_indices(build, text, indices):
    """Where W is square, or X meets itself, no operation is kept whole for that."""
    output, wrt = build()
    found = tg.derive(output, wrt=wrt, names={})
    assert found.residual < 1e-12
    assert all(step.residual < 1e-12 for step in found.steps)
    assert_allclose(found.result.tensor().data, found.computed, rtol=1e-10, atol=1e-12)
    for formula in (found.start, found.result):
        assert formula.whole == []
    for entry in found.chain:  # what arrives has the indices of the vertex that it arrives at
        for formula in (entry.incoming, entry.contribution):
            assert np.isfinite(formula.evaluate()).all()
    assert not found.capped
    assert text is None or str(found.result) == text
    assert indices is None or found.result.text(indices=True) == indices


def test_what_has_a_name_is_named_at_other_indices_too():
    """Attention of X to itself holds softmax(X Xᵀ) and its transpose."""
    output, wrt = attention_to_itself()
    found = tg.derive(output, wrt=wrt, names={})
    assert "exp" not in str(found.result)


def hundred_vertices(activation):
    """A loss of 28 layers, and the weights that its gradient has the longest way to."""
    rng = np.random.default_rng(0)
    h, weights = named("X", rng.normal(size=(4, 5))), []
    for layer in range(28):
        weights.append(named(f"W{layer}", rng.normal(size=(5, 5)) / 2))
        h = tg.name(
            activation(h @ weights[-1] + named(f"b{layer}", rng.normal(size=5))), f"H{layer}"
        )
    loss = tg.softmax_cross_entropy(h @ named("V", rng.normal(size=(5, 3))), ONE_HOT)
    return loss, weights[0]


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("activation", [tg.tanh, tg.relu])
def test_a_backward_graph_of_a_hundred_vertices_is_derived(activation):
    loss, wrt = hundred_vertices(activation)
    found = tg.derive(loss, wrt=wrt, names={})
    assert len(found.chain) >= 90
    assert found.residual < 1e-12
    assert found.result.size < found.start.size
