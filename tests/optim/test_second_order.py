"""Conjugate gradients, Newton's method, natural gradients."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import optim


def paraboloid(n, seed=0, eigenvalues=None):
    """A symmetric positive definite matrix, and a right-hand side."""
    rng = np.random.default_rng(seed)
    vectors, _ = np.linalg.qr(rng.normal(size=(n, n)))
    values = rng.uniform(0.5, 20, n) if eigenvalues is None else np.array(eigenvalues)
    return (vectors * values) @ vectors.T, rng.normal(size=n)


def rosenbrock(x):
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def saddle(x):
    """With a saddle point at 0 and minima at (0, ±1/√2)."""
    return x[0] ** 2 - x[1] ** 2 + x[1] ** 4


# --- conjugate gradients -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_d12_n_steps_reach_the_minimum_of_an_n_dimensional_paraboloid(n):
    A, b = paraboloid(n, seed=n)

    def f(x):
        return 0.5 * tg.sum(x * (A @ x)) - tg.sum(b * x)

    found = optim.conjugate_gradients(lambda v: tg.hvp(f, np.zeros(n), v), b)
    assert found.converged
    assert found.steps == found.products == n
    assert_allclose(found.x, np.linalg.solve(A, b), rtol=1e-9)
    assert_allclose(found.values, [f(x) for x in found.path], atol=1e-12)
    assert (np.diff(found.values) < 0).all()
    if n > 1:
        early = optim.conjugate_gradients(A, b, steps=n - 1)
        assert not early.converged
        assert f"{n - 1} steps were allowed" in early.reason


def test_functions_that_hold_tensors_are_minimised_too():
    A, b = paraboloid(3)
    held, right = tg.Tensor(A), tg.Tensor(b)

    def f(x):
        return 0.5 * tg.sum(x * (held @ x)) - tg.sum(right * x)

    expected = np.linalg.solve(A, b)
    product = lambda v: tg.hvp(f, np.zeros(3), v)  # noqa: E731  reads as in the text
    for found in (
        optim.conjugate_gradients(product, b),
        optim.newton(f, np.zeros(3)),
        optim.newton_cg(f, np.zeros(3)),
        optim.natural_gradient(f, np.zeros(3), lambda x, y: 0.5 * (x - y) @ held @ (x - y)),
    ):
        assert found.converged
        assert type(found.x) is np.ndarray
        assert_allclose(found.x, expected, rtol=1e-6)


def test_no_step_undoes_another():
    A, b = paraboloid(6)
    moves = np.diff(optim.conjugate_gradients(A, b).path, axis=0)
    together = moves @ A @ moves.T
    assert_allclose(together, np.diag(np.diag(together)), atol=1e-10)


def test_as_many_steps_as_different_eigenvalues():
    A, b = paraboloid(8, eigenvalues=[1, 1, 1, 4, 4, 9, 9, 9])
    assert optim.conjugate_gradients(A, b).steps == 3


def test_the_start_and_the_form_are_kept():
    A, b = paraboloid(6)
    shaped = optim.conjugate_gradients(
        lambda v: (A @ v.ravel()).reshape(2, 3), b.reshape(2, 3), start=np.ones((2, 3))
    )
    assert shaped.x.shape == (2, 3)
    assert_array_equal(shaped.path[0], np.ones(6))
    assert_allclose(A @ shaped.x.ravel(), b, atol=1e-9)
    there = optim.conjugate_gradients(A, b, start=shaped.x.ravel())
    assert there.steps <= 1
    assert optim.conjugate_gradients(A, np.zeros(6)).steps == 0


def test_a_matrix_that_is_not_positive_definite():
    A, b = paraboloid(4, eigenvalues=[3, 2, 1, -1])
    found = optim.conjugate_gradients(A, b)
    assert not found.converged
    assert "not positive definite: -" in found.reason
    assert np.isfinite(found.x).all()
    zero = optim.conjugate_gradients(np.zeros((4, 4)), b)
    assert (zero.steps, zero.converged) == (0, False)


def test_a_singular_matrix_with_a_solution():
    a = np.array([0.2, 0.3, 0.5])
    fisher = np.diag(a) - np.outer(a, a)  # no curvature along (1, 1, 1)
    found = optim.conjugate_gradients(fisher, fisher @ [1.0, 2.0, -1.0])
    assert found.converged
    assert_allclose(found.x - found.x[0], [0, 1, -2], atol=1e-9)


def test_equations_that_are_refused():
    A, b = paraboloid(3)
    for product, right, options, error, said in (
        (A[:2], b, {}, ValueError, r"a matrix of shape \(2, 3\) for 3 unknowns"),
        (np.triu(A), b, {}, ValueError, "the matrix is not symmetric; solve AᵀA x = Aᵀb"),
        (A, [1.0, np.nan, 0.0], {}, ValueError, "b holds NaN or infinity"),
        (A.tolist(), b, {}, TypeError, "product is a list; pass a function"),
        (lambda v: v[:2], b, {}, ValueError, r"the product has shape \(2,\) and b \(3,\)"),
        (lambda v: v * np.nan, b, {}, ValueError, "the product holds NaN"),
        (A, b, {"start": np.ones(2)}, ValueError, r"the start has shape \(2,\)"),
        (A, b, {"tolerance": -1.0}, ValueError, "tolerance = -1"),
        (A, b, {"steps": -1}, ValueError, "steps = -1"),
    ):
        with pytest.raises(error, match=f"conjugate_gradients: {said}"):
            optim.conjugate_gradients(product, right, **options)


# --- Newton's method -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", [optim.newton, optim.newton_cg])
def test_a_minimum_in_a_bent_valley(method):
    found = method(rosenbrock, [-1.2, 1.0])
    assert found.converged
    assert_allclose(found.x, [1, 1], atol=1e-6)
    assert found.norms[-1] <= 1e-8 < found.norms[-2]
    assert (np.diff(found.values) < 0).all()
    assert found.products == found.spent[-1] > 0
    assert (np.diff(found.spent) > 0).all()
    assert_array_equal(found.path[0], [-1.2, 1])


def test_one_newton_step_ends_at_the_minimum_of_a_paraboloid():
    A, b = paraboloid(5)
    found = optim.newton(lambda x: 0.5 * tg.sum(x * (A @ x)) - tg.sum(b * x), np.ones(5))
    assert (found.steps, found.converged) == (1, True)
    assert_allclose(found.x, np.linalg.solve(A, b), rtol=1e-12)


def test_digits_double_near_the_minimum():
    found = optim.newton(lambda x: tg.sum(tg.exp(x) - x), [0.5, -0.5], tolerance=1e-12)
    errors = np.abs(found.path).max(axis=1)
    assert len(errors) > 4
    assert (errors[1:] <= errors[:-1] ** 2 + 1e-15).all()


@pytest.mark.parametrize("method", [optim.newton, optim.newton_cg])
def test_a_list_of_arrays_of_any_shape(method):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 3)), rng.integers(0, 4, 30)

    def loss(parameters):
        W, b, scale = parameters
        logits = scale * (x @ W + b)
        return tg.softmax_cross_entropy(logits, y) + tg.weight_decay(parameters, 0.1)

    start = [np.zeros((3, 4)), tg.Tensor(np.zeros(4)), np.array(1.0)]
    found = method(loss, start)
    assert found.converged
    assert [array.shape for array in found.x] == [(3, 4), (4,), ()]
    assert found.path.shape == (found.steps + 1, 17)
    tensors = [tg.Tensor(array) for array in found.x]
    for g in tg.gradients(loss(tensors), tensors):
        assert np.abs(g).max() < 1e-8


@pytest.mark.parametrize("method", [optim.newton, optim.newton_cg])
def test_downhill_where_the_hessian_is_indefinite(method):
    found = method(saddle, [1.0, 0.1])
    assert found.converged
    assert_allclose(found.x, [0, np.sqrt(0.5)], atol=1e-6)
    assert_allclose(found.value, -0.25)


def test_what_kind_of_point_the_end_is():
    for f, start, converged, said in (
        (saddle, [0.0, 1.0], True, "at a minimum"),
        (saddle, [1.0, 0.0], False, "the gradient is 0 at a saddle point; start elsewhere"),
        (lambda x: -tg.sum(x**2), [0.0, 0.0], False, "a maximum"),
        (lambda x: x[0] ** 2 + 0 * x[1], [1.0, 1.0], True, "flat in some direction"),
    ):
        found = optim.newton(f, start)
        assert found.converged == converged
        assert said in found.reason


@pytest.mark.parametrize("method", [optim.newton, optim.newton_cg])
def test_why_it_stops_early(method):
    assert "2 steps were allowed" in method(rosenbrock, [-1.2, 1.0], steps=2).reason
    assert method(rosenbrock, [-1.2, 1.0], steps=0).steps == 0
    unbounded = method(lambda x: -tg.exp(x), 0.0, steps=1000)
    assert unbounded.reason == "the value falls without bound"
    kink = method(lambda x: tg.maximum(x - 0.3, 0.6 - 2 * x), 1.0)
    assert "no step lowers the value" in kink.reason
    assert_allclose(kink.x, 0.3)
    assert not unbounded.converged
    assert not kink.converged


@pytest.mark.parametrize("method", [optim.newton, optim.newton_cg])
def test_steps_stay_inside_of_the_domain(method):
    found = method(lambda x: x - tg.log(x), 5.0)  # a whole first step would end at -15
    assert found.converged
    assert_allclose(found.x, 1, atol=1e-8)
    assert (found.path > 0).all()


@pytest.mark.parametrize("method", [optim.newton, optim.newton_cg])
def test_minimisations_that_are_refused(method):
    for f, start, options, error, said in (
        (tg.log, -1.0, {}, ValueError, "at the start the value is nan"),
        (3.0, 1.0, {}, TypeError, "f is a float; pass a function"),
        (rosenbrock, [1j, 2.0], {}, TypeError, "the start holds complex128"),
        (tg.sum, np.zeros((0, 2)), {}, ValueError, r"the start has shape \(0, 2\)"),
        (rosenbrock, [1.0, 2.0], {"tolerance": np.nan}, ValueError, "tolerance = nan"),
        (rosenbrock, [1.0, 2.0], {"steps": 1.5}, TypeError, "steps is a float"),
    ):
        with pytest.raises(error, match=f"{method.__name__}: {said}"):
            method(f, start, **options)
    with pytest.raises(ValueError, match="has shape"):
        method(lambda x: x**2, [1.0, 2.0])  # no single number to minimise


def test_d11_nobody_stores_the_hessian_of_many_parameters():
    with pytest.raises(ValueError, match=r"266,610 parameters has 71,080,892,100 entries; use new"):
        optim.newton(lambda x: tg.sum(x**2), np.ones(266_610))
    assert optim.newton_cg(lambda x: tg.sum(x**2), np.ones(266_610)).converged


# --- natural gradients ---------------------------------------------------------------------------


def categorical(x, y):
    """The divergence from softmax(x) to softmax(y)."""
    return tg.kl_divergence(tg.softmax(x), tg.softmax(y))


def test_products_with_the_fisher_matrix_of_a_softmax():
    z = np.array([1.0, -0.5, 0.2])
    a = tg.softmax(z)
    score = np.eye(3) - a  # ∂ log aₖ/∂z, one row for each k
    fisher = (score.T * a) @ score  # the mean of its outer products
    product = optim.fisher_product(categorical, z)
    for v in np.eye(3):
        assert_allclose(product(v), fisher @ v, atol=1e-12)


def test_d13_linear_changes_of_the_parameters_leave_every_step_as_it_is():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(20, 2)), rng.integers(0, 2, 20)
    change, shift = rng.normal(size=(2, 2)), rng.normal(size=2)

    def loss(w):
        return tg.sigmoid_cross_entropy(x @ w, y)

    def divergence(w, v):
        return tg.binary_cross_entropy(tg.sigmoid(x @ v), tg.sigmoid(x @ w))

    def settings():
        return {"rate": 0.5, "steps": 5}

    direct = optim.natural_gradient(loss, np.array([0.5, -1.0]), divergence, **settings())
    other = optim.natural_gradient(
        lambda u: loss(change @ u + shift),
        np.linalg.solve(change, np.array([0.5, -1.0]) - shift),
        lambda u, v: divergence(change @ u + shift, change @ v + shift),
        **settings(),
    )
    assert_allclose(other.path @ change.T + shift, direct.path, rtol=1e-8)
    assert (np.diff(direct.values) < 0).all()


def test_one_natural_step_finds_the_mean_of_a_gaussian():
    data = np.random.default_rng(0).normal(2.0, 3.0, size=50)
    found = optim.natural_gradient(
        lambda m: tg.mean((data - m) ** 2) / 18, 0.0, lambda m, n: (m - n) ** 2 / 18
    )
    assert (found.steps, found.converged) == (1, True)
    assert_allclose(found.x, data.mean())


def test_a_fisher_matrix_that_is_singular():
    z = [np.array([1.0, 0.0]), np.array(0.5)]  # three logits, of which only differences matter

    def logits(parts):
        return tg.concatenate([parts[0], tg.reshape(parts[1], (1,))])

    target = np.array([0.2, 0.3, 0.5])
    found = optim.natural_gradient(
        lambda parts: tg.softmax_cross_entropy(logits(parts), target),
        z,
        lambda x, y: categorical(logits(x), logits(y)),
        rate=lambda step: min(1.0, 0.5 + step / 10),
    )
    assert found.converged
    assert_allclose(tg.softmax(np.append(*found.x)), target, atol=1e-7)


def test_a_natural_gradient_that_cannot_go_on():
    flat = optim.natural_gradient(tg.square, 1.0, lambda x, y: 0 * y)
    assert "the Fisher matrix vanishes along the gradient; add damping" in flat.reason
    damped = optim.natural_gradient(tg.square, 1.0, lambda x, y: 0 * y, damping=2.0)
    assert (damped.steps, damped.converged) == (1, True)
    out = optim.natural_gradient(
        lambda x: x - tg.log(x), 3.0, lambda x, y: (x - y) ** 2 / 2, rate=10.0
    )
    assert out.reason == "step 1 leaves the domain of f; lower the rate"
    assert out.x == 3.0


def test_natural_gradients_that_are_refused():
    for options, said in (
        ({"rate": -0.1}, "rate = -0.1"),
        ({"rate": lambda step: float("nan")}, "rate = nan"),
        ({"damping": -1.0}, "damping = -1"),
        ({"steps": -1}, "steps = -1"),
        ({"tolerance": -1.0}, "tolerance = -1"),
    ):
        with pytest.raises(ValueError, match=f"natural_gradient: {said}"):
            optim.natural_gradient(tg.square, 1.0, lambda x, y: (x - y) ** 2, **options)
