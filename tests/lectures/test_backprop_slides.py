"""Slides on variations of backpropagation: a test for each id of part D."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.lectures.checks import agrees, check, derived, proved
from tests.lectures.test_notes import cross_entropy_of, softmax_of
from tests.symbolic.exercises import LOGITS, ONE_HOT, ROWS, distribution, named
from tests.symbolic.witness import exp, log

# The derivations are those of other tests too, and SymPy takes most of the time.
pytestmark = pytest.mark.usefixtures("untraced")


def binary_of(z, t):
    return -(t * log(z) + (1 - t) * log(1 - z)).sum()


def test_D1_sum_of_squared_errors():
    """E = ½Σ(z − t)², a sum: ∂E/∂z = z − t."""
    found = derived("sse")
    check(found, lambda f: f("z") - f("t"), steps=2, lines=1)
    agrees(found, lambda s: ((s["z"] - s["t"]) ** 2).sum() / 2)
    Z, T = named("Z", ROWS), named("T", ONE_HOT)
    check(tg.derive(tg.sum_squared_error(Z, T), wrt=Z), lambda f: f("Z") - f("T"), steps=2, lines=1)
    assert_allclose(tg.sum_squared_error(ROWS, ONE_HOT), ((ROWS - ONE_HOT) ** 2).sum() / 2)


def binary_cross_entropy(data, targets):
    z, t = named("z", data), named("t", targets)
    return tg.binary_cross_entropy(z, t, reduction="sum"), z


def test_D2_binary_cross_entropy():
    """∂E/∂z = (z − t)/(z(1 − z))."""

    def form(f):
        return (f("z") - f("t")) / (f("z") * (1 - f("z")))

    found = derived("binary-ce")
    assumed = tuple(a.statement for a in found.assumptions if a.used)
    check(found, form, steps=8, lines=4, assumed=assumed)
    agrees(found, lambda s: binary_of(s["z"], s["t"]))
    for shape in ((3,), (2, 3)):
        data, targets = np.full(shape, 0.3), np.ones(shape)
        found = tg.derive(*binary_cross_entropy(data, targets))
        assumed = tuple(a.statement for a in found.assumptions if a.used)
        check(found, form, steps=8, lines=4, assumed=assumed)


def test_D3_with_a_sigmoid():
    """z = σ(s): ∂E/∂s = z − t."""
    found = derived("sigmoid-ce")
    check(found, lambda f: f("z") - f("t"), steps=8, lines=3)
    agrees(found, lambda s: binary_of(1 / (1 + exp(-s["s"])), s["t"]))
    S, T = named("S", ROWS), named("T", ONE_HOT)
    Z = tg.name(tg.sigmoid(S), "Z")
    found = tg.derive(tg.binary_cross_entropy(Z, T), wrt=S)
    check(found, lambda f: (f("Z") - f("T")) / (f.N * f.K), steps=9, lines=4)


def test_D4_the_normal_likelihood_is_least_squares():
    """Up to a constant and the positive factor 1/σ², which drops out of the minimiser."""
    found = proved("gaussian-likelihood", steps=10, assumed=("σ > 0",))
    assert str(found.dropped["positive factor"]) == "1/σ²"
    assert "σ" in str(found.dropped["constant"])
    assert not {"z", "t"} & set(str(found.dropped["constant"]))
    z, t = np.array([0.8, 0.1, 2.0]), np.array([1.0, 0.5, 1.5])
    gradients = []
    for deviation in (0.5, 1.0, 3.0):

        def likelihood(z, deviation=deviation):
            density = tg.exp(-((t - z) ** 2) / (2 * deviation**2))
            return -tg.sum(tg.log(density / np.sqrt(2 * np.pi * deviation**2)))

        gradients.append(tg.grad(likelihood)(z) * deviation**2)
        assert_allclose(tg.grad(likelihood)(t), np.zeros(3), atol=1e-15)
    assert_allclose(gradients, [z - t] * 3, rtol=1e-13)


def test_D4_the_bernoulli_likelihood_is_binary_cross_entropy():
    proved("bernoulli-likelihood", steps=10, assumed=("f > 0", "1 − f > 0"))
    f = np.array([0.6, 0.2, 0.9])
    for t in (np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, 1.0])):
        likelihood = np.prod(f**t * (1 - f) ** (1 - t))
        loss = tg.binary_cross_entropy(f, t, reduction="sum")
        assert_allclose(loss, -np.log(likelihood), rtol=1e-14)


def test_D5_cross_entropy_is_the_divergence_and_the_entropy():
    proved("cross-entropy-is-kl", steps=6)
    z, p = named("z", LOGITS), named("p", [0.0, 1.0, 0.0])
    q = tg.name(tg.softmax(z), "q")
    one_hot = tg.prove(tg.cross_entropy(q, p), tg.kl_divergence(p, q) + tg.entropy(p))
    assert one_hot
    assert one_hot.residual < 1e-12
    rng = np.random.default_rng(0)
    q = distribution(rng, 3)
    for p in (distribution(rng, 3), np.eye(3)[1]):  # one-hot, too: 0·log 0 = 0
        both = tg.kl_divergence(p, q) + tg.entropy(p)
        assert_allclose(tg.cross_entropy(q, p), both, rtol=1e-14)
    assert tg.entropy(np.eye(3)[1]) == 0


@pytest.mark.parametrize("key", ["kl-divergence", "kl-cross-entropy"])
def test_D5_both_have_the_same_gradient(key):
    found = derived(key)
    check(found, lambda f: f("q") - f("p"), steps=8, lines=3, assumed=("Σp = 1",))
    loss = {
        "kl-divergence": lambda s: (s["p"] * log(s["p"] / softmax_of(s["z"]))).sum(),
        "kl-cross-entropy": lambda s: cross_entropy_of(softmax_of(s["z"]), s["p"]),
    }
    agrees(found, loss[key], simplex="p")


def test_D5_of_a_one_hot_p_and_in_a_batch():
    Z, P = named("Z", ROWS), named("P", ONE_HOT)
    Q = tg.name(tg.softmax(Z), "Q")
    for loss in (tg.kl_divergence(P, Q), tg.cross_entropy(Q, P)):
        check(
            tg.derive(loss, wrt=Z),
            lambda f: (f("Q") - f("P")) / f.N,
            steps=9,
            lines=3,
            assumed=("Σₖ P = 1",),
        )


def test_D6_one_outlier_costs_squares_little_and_cross_entropy_without_bound():
    for wrong in (0.9, 0.999, 1 - 1e-12):
        assert tg.sum_squared_error(np.array([wrong]), np.array([0.0])) <= 0.5
    losses = [
        float(tg.binary_cross_entropy(np.array([wrong]), np.array([0.0])))
        for wrong in (0.9, 0.999, 1 - 1e-12)
    ]
    assert losses == sorted(losses)
    assert losses[-1] > 27


@pytest.mark.parametrize("key", ["log-probability", "log-probability-sum"])
def test_D7_the_gradient_of_a_log_probability(key):
    """∂ log Prob(k)/∂z_i = δ_ik − Prob(i)."""
    found = derived(key)
    name = "Prob" if key == "log-probability" else "softmax(z)"
    check(found, lambda f: f.at("k", 1) - f(name), steps=6, lines=2)
    agrees(found, lambda s: s["z"][1] - log(exp(s["z"]).sum()))
    # The cost is −log Prob, so it has the opposite sign: a − y.
    cost = tg.grad(tg.softmax_cross_entropy)(np.array(LOGITS), np.eye(3)[1])
    assert_allclose(found.computed, -cost, rtol=1e-14)


def test_D7_in_a_batch():
    Z = named("Z", ROWS)
    P = tg.name(tg.softmax(Z), "P")
    found = tg.derive(tg.log(P), wrt=Z)
    check(found, lambda f: f("g") - f("P") * f.sum("k", f("g")), steps=6, lines=2)
    first = tg.derive(tg.log(P)[:, 1], wrt=Z)
    check(first, lambda f: f("g") * (f.at("k", 1) - f("P")), steps=8, lines=3)


def test_D7_the_log_of_softmax():
    """log Prob(i) = z_i − log Σ e^{z_j}."""
    proved("log-of-softmax", steps=4)
    S = named("Z", ROWS)
    P = tg.softmax(S)
    assert tg.prove(tg.log(P), S - tg.logsumexp(S, axis=1, keepdims=True))
    z = np.array(LOGITS)
    assert_allclose(np.log(tg.softmax(z)), z - np.log(np.exp(z).sum()), rtol=1e-14)


def test_D8_a_temperature():
    """∂L/∂z = (a − y)/T, and for Boltzmann's energies E = −z the opposite."""
    found = derived("softmax-temperature")
    check(found, lambda f: (f("a") - f("y")) / f("T"), steps=8, lines=3, assumed=("Σy = 1",))
    agrees(found, lambda s: cross_entropy_of(softmax_of(s["z"] / s["T"]), s["y"]), simplex="y")
    found = derived("boltzmann")
    check(found, lambda f: (f("y") - f("a")) / f("T"), steps=8, lines=3, assumed=("Σy = 1",))
    agrees(found, lambda s: cross_entropy_of(softmax_of(-s["E"] / s["T"]), s["y"]), simplex="y")


def test_D8_in_a_batch():
    Z, Y, T = named("Z", ROWS), named("Y", ONE_HOT), named("T", 2.0)
    A = tg.name(tg.softmax(Z / T), "A")
    check(
        tg.derive(tg.cross_entropy(A, Y), wrt=Z),
        lambda f: (f("A") - f("Y")) / (f.N * f("T")),
        steps=9,
        lines=4,
        assumed=("Σₖ Y = 1",),
    )


def test_D8_cold_is_sharp_and_hot_is_even():
    energies = np.array([0.5, 1.2, -0.3])
    assert_allclose(tg.softmax(-energies / 1e-2), [0, 0, 1], atol=1e-12)
    assert_allclose(tg.softmax(-energies / 1e4), np.full(3, 1 / 3), atol=1e-4)


def test_D9_weight_decay():
    """It adds λw to the gradient: a spring pulling to the origin."""
    found = derived("weight-decay")

    def form(f):
        error = f.sum("k", f("X") * f("w")) - f("t")
        return f("λ") * f("w") + f.sum("n", f("X") * error)

    check(found, form, steps=3, lines=2)
    agrees(
        found,
        lambda s: ((s["X"] @ s["w"] - s["t"]) ** 2).sum() / 2 + s["λ"] * (s["w"] ** 2).sum() / 2,
    )
    W, L = named("W", ROWS), named("λ", 0.1)
    check(tg.derive(tg.weight_decay(W, L), wrt=W), lambda f: f("λ") * f("W"), steps=2, lines=1)
    w = np.array([3.0, -2.0])
    pull = -tg.grad(lambda w: tg.weight_decay(w, 0.1))(w)
    assert_allclose(pull, -0.1 * w)  # towards 0, the stronger the farther


def test_D10_the_posterior():
    """w_MAP minimises ½Σ(z − t)² + (λ/2)Σw² with λ = σ²/σ₀²."""
    found = proved("posterior", steps=20, assumed=("σ > 0", "σ0 > 0"))
    assert str(found.dropped["positive factor"]) == "1/σ²"
    assert "w" not in str(found.dropped["constant"])


def test_D10_the_mean_of_the_posterior_in_closed_form():
    """For z = Xw the posterior is normal, with mean (XᵀX + λI)⁻¹ Xᵀt: there the gradient is 0."""
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20, 3)), rng.normal(size=20)
    noise, prior = 0.7, 1.5
    ratio = noise**2 / prior**2
    precision = X.T @ X / noise**2 + np.eye(3) / prior**2
    mean = np.linalg.solve(precision, X.T @ t / noise**2)

    def objective(w):
        return tg.sum_squared_error(X @ w, t) + tg.weight_decay(w, ratio)

    assert_allclose(tg.grad(objective)(mean), np.zeros(3), atol=1e-12)
    assert_allclose(tg.hessian(objective)(mean), precision * noise**2, rtol=1e-12)


def cross_entropy_gradient():
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    a = tg.name(tg.softmax(z), "a")
    return tg.derive(tg.name(-(y * tg.log(a)).sum(), "L"), wrt=z), z


def test_D11_the_hessian_times_a_vector():
    found = derived("hessian")

    def form(f):
        return f("a") * (f("g") - f.sum("k", f("a") * f("g")))

    check(found, form, steps=4, lines=2)
    agrees(found, lambda s: (s["g"] * (softmax_of(s["z"]) - s["y"])).sum())


def test_D11_the_hessian_by_deriving_a_derivation():
    """Σy·(diag(a) − a aᵀ), and diag(a) − a aᵀ where Σy = 1."""
    first, z = cross_entropy_gradient()
    second = tg.derive(first, wrt=z)
    assert len(second.steps) <= 4
    assert second.lines <= 2
    assert all(step.residual < 1e-13 for step in second.steps)
    hessian = second.jacobian()
    assert str(hessian) == "diag(a) − a aᵀ"
    a = tg.softmax(z.data)
    assert_allclose(hessian.evaluate(), np.diag(a) - np.outer(a, a), rtol=1e-13, atol=1e-16)
    numbers = tg.hessian(lambda z: tg.softmax_cross_entropy(z, np.eye(3)[1]))(z.data)
    assert_allclose(hessian.evaluate(), numbers, rtol=1e-13, atol=1e-16)


def test_D11_the_hessian_without_the_assumption():
    y = np.array([0.5, 1.0, 0.25])
    z, targets = named("z", LOGITS), named("y", y)
    a = tg.name(tg.softmax(z), "a")
    first = tg.derive(-(targets * tg.log(a)).sum(), wrt=z)
    hessian = tg.derive(first, wrt=z).jacobian().evaluate()
    expected = y.sum() * (np.diag(a.data) - np.outer(a.data, a.data))
    assert_allclose(hessian, expected, rtol=1e-13, atol=1e-16)


def test_D11_nobody_stores_the_hessian_of_a_deep_net():
    """It has a row and a column for each weight; its product with a vector needs one vector."""
    widths = [784, 300, 100, 10]
    weights = sum(m * n + n for m, n in itertools.pairwise(widths))
    assert weights == 266_610
    assert weights**2 * 8 > 500e9  # bytes
    x, v = np.linspace(0.1, 1, 1000), np.linspace(-1, 1, 1000)
    product = tg.hvp(lambda x: tg.sum(x**3), x, v)
    assert product.shape == (1000,)
    assert_allclose(product, 6 * x * v, rtol=1e-13)


def test_D11_of_least_squares():
    X, w, t = named("X", ROWS), named("w", [0.1, 0.2, 0.3]), named("t", np.ones(4))
    first = tg.derive(tg.sum_squared_error(X @ w, t), wrt=w)
    check(
        first,
        lambda f: f.sum("n", f("X") * (f.sum("k", f("X") * f("w")) - f("t"))),
        steps=3,
        lines=2,
    )
    hessian = tg.derive(first, wrt=w).jacobian()
    assert_allclose(hessian.evaluate(), ROWS.T @ ROWS, rtol=1e-13)
