"""Derivatives as functions of functions, against SymPy and against each other."""

import numpy as np
import pytest
import sympy as sp
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg


def sympy_variance(*v):
    return sum((x - sum(v) / 3) ** 2 for x in v) / 3


def sympy_entropy_of_softmax(*v):
    total = sum(map(sp.exp, v))
    return -sum(sp.exp(x) / total * sp.log(sp.exp(x) / total) for x in v)


# Each function twice: in our operations, and in SymPy's.
FUNCTIONS = {
    "polynomial": (
        lambda x: x[0] ** 3 * x[1] - 2 * x[1] ** 2 * x[2],
        lambda a, b, c: a**3 * b - 2 * b**2 * c,
    ),
    "logistic": (
        lambda x: tg.sum(tg.softplus(x * [1.0, 2.0, 3.0])),
        lambda *v: sum(sp.log(1 + sp.exp(k * x)) for k, x in enumerate(v, 1)),
    ),
    "quotient": (
        lambda x: tg.tanh(x[0] / x[1]) * tg.exp(-x[2]),
        lambda a, b, c: sp.tanh(a / b) * sp.exp(-c),
    ),
    "logsumexp": (tg.logsumexp, lambda *v: sp.log(sum(map(sp.exp, v)))),
    "entropy of softmax": (lambda x: tg.entropy(tg.softmax(x)), sympy_entropy_of_softmax),
    "norm": (tg.norm, lambda *v: sp.sqrt(sum(x**2 for x in v))),
    "spread": (
        lambda x: tg.std(x) + tg.var(x) * tg.prod(x),
        lambda *v: sp.sqrt(sympy_variance(*v)) + sympy_variance(*v) * sp.prod(v),
    ),
    "gelu": (
        lambda x: tg.sum(tg.gelu(x)),
        lambda *v: sum(x * (1 + sp.erf(x / sp.sqrt(2))) / 2 for x in v),
    ),
}
POINT = np.array([0.7, 1.3, 0.4])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradient_and_hessian_against_sympy(name):
    ours, theirs = FUNCTIONS[name]
    symbols = sp.symbols("a b c", real=True)
    formula = theirs(*symbols)
    at = dict(zip(symbols, POINT, strict=True))
    slopes = [sp.diff(formula, s) for s in symbols]
    expected = [float(s.subs(at)) for s in slopes]
    curvature = [[float(sp.diff(s, t).subs(at)) for t in symbols] for s in slopes]
    value, found = tg.value_and_grad(ours)(POINT)
    assert value == pytest.approx(float(formula.subs(at)), rel=1e-12)
    assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
    assert_allclose(tg.hessian(ours)(POINT), curvature, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("order", range(1, 6))
def test_grad_nests_to_any_order(order):
    x = sp.Symbol("x")
    expected = float(sp.diff(sp.tanh(x) * sp.exp(x), x, order).subs(x, 0.3))
    f = lambda t: tg.tanh(t) * tg.exp(t)  # noqa: E731  it is replaced by its derivative
    for _ in range(order):
        f = tg.grad(f)
    assert f(0.3) == pytest.approx(expected, rel=1e-10)


def test_nested_derivatives_are_not_confused():
    """d/dx [x · d/dy (xy) at y = x] = d/dx x² = 2x; one that confused x and y would say 3x."""
    f = tg.grad(lambda x: x * tg.grad(lambda y: x * y)(x))
    assert f(3.0) == 6
    g = tg.grad(lambda x: x * tg.jvp(lambda y: x * y, x, 1.0)[1])
    assert g(3.0) == 6
    h = tg.grad(lambda x: tg.sum(x * tg.jacobian(lambda y: x * y)(x)))
    assert h(3.0) == 6


# --- arrays give arrays, Tensors give Tensors ----------------------------------------------------


def square(x):
    return tg.sum(x * x)


TRANSFORMS = {
    "grad": tg.grad(square),
    "jacobian": tg.jacobian(lambda x: x * x),
    "hessian": tg.hessian(square),
    "value_and_grad, value": lambda x: tg.value_and_grad(square)(x)[0],
    "value_and_grad, grad": lambda x: tg.value_and_grad(square)(x)[1],
    "jvp, value": lambda x: tg.jvp(square, x, np.ones(2))[0],
    "jvp, tangent": lambda x: tg.jvp(square, x, np.ones(2))[1],
    "vjp, value": lambda x: tg.vjp(square, x)[0],
    "vjp, gradient": lambda x: tg.vjp(square, x)[1](1.0),
    "hvp": lambda x: tg.hvp(square, x, np.ones(2)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_arrays_give_arrays_and_tensors_give_tensors(transform):
    x = np.array([1.0, 3.0])
    t = tg.Tensor(x)
    plain, wrapped = transform(x), transform(t)
    assert type(plain) is np.ndarray
    assert plain.flags.writeable
    assert type(wrapped) is tg.Tensor
    assert_array_equal(wrapped.data, plain)
    weights = np.arange(1.0, plain.size + 1).reshape(plain.shape)
    step = 1e-6
    slopes = [
        np.sum(weights * (transform(x + step * e) - transform(x - step * e))) / (2 * step)
        for e in np.eye(2)
    ]
    assert_allclose(tg.gradients(wrapped, t, weights), slopes, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtypes_are_kept(dtype):
    x = np.array([1, 3], dtype)
    for found in (
        tg.grad(square)(x),
        tg.jacobian(tg.softmax)(x),
        tg.hessian(square)(x),
        tg.hvp(square, x, [1, 1]),
        tg.jvp(square, x, [1, 1])[1],
    ):
        assert found.dtype == dtype


@pytest.mark.parametrize("x", [3, 3.0, np.float64(3), [3.0], np.int64(3)])
def test_numbers_and_lists_are_arrays(x):
    found = tg.grad(square)(x)
    assert found.shape == np.shape(x)
    assert found.dtype == np.float64
    assert found == 6


# --- what comes from outside ---------------------------------------------------------------------

WEIGHTS, DIRECTION, INNER = np.array([0.7, -1.2]), np.array([0.4, 0.9]), np.array([0.3, 1.1])


def both(x, y):
    """A function of two vectors in which no derivative vanishes."""
    return tg.sum(tg.sin(x * y[::-1]) * tg.exp(x * 0.3) * y)


def stretched(f):
    return lambda x, **kwargs: x[::-1] * f(x, **kwargs)


def value_and_slope(f, x, **kwargs):
    value, slope = tg.value_and_grad(f)(x, **kwargs)
    return value + tg.sum(WEIGHTS * slope)


def value_and_pulled(f, x, **kwargs):
    value, pull_back = tg.vjp(stretched(f), x, **kwargs)
    return tg.sum(value) + tg.sum(WEIGHTS * pull_back(DIRECTION))


def value_and_tangent(f, x, **kwargs):
    value, tangent = tg.jvp(stretched(f), x, DIRECTION, **kwargs)
    return tg.sum(value) + tg.sum(WEIGHTS * tangent)


# Each transform, applied to a function with one result, and made into one number.
NUMBERS = {
    "grad": lambda f, x, **k: tg.sum(WEIGHTS * tg.grad(f)(x, **k)),
    "value_and_grad": value_and_slope,
    "vjp": value_and_pulled,
    "jvp": value_and_tangent,
    "jacobian": lambda f, x, **k: DIRECTION @ tg.jacobian(stretched(f))(x, **k) @ WEIGHTS,
    "hessian": lambda f, x, **k: DIRECTION @ tg.hessian(f)(x, **k) @ WEIGHTS,
    "hvp": lambda f, x, **k: tg.sum(WEIGHTS * tg.hvp(f, x, DIRECTION, **k)),
}


def by_gradients(name, f, x, **kwargs):
    """The same number, as a graph of `gradients` alone."""
    x = tg.reshape(tg.Tensor(x) if isinstance(x, np.ndarray) else x, (2,))
    value, vector = f(x, **kwargs), stretched(f)(x, **kwargs)
    slope = tg.gradients(value, x, graph=True)
    pulled = tg.gradients(vector, x, DIRECTION, graph=True)
    along = tg.sum(WEIGHTS * slope)
    return {
        "grad": lambda: along,
        "value_and_grad": lambda: value + along,
        "vjp": lambda: tg.sum(vector) + tg.sum(WEIGHTS * pulled),
        "jvp": lambda: (
            tg.sum(vector)
            + DIRECTION @ tg.gradients(vector, x, WEIGHTS, graph=True)  # wᵀ (J v) = (wᵀ J) v
        ),
        "jacobian": lambda: tg.sum(WEIGHTS * pulled),
        "hessian": lambda: DIRECTION @ tg.gradients(along, x, graph=True),
        "hvp": lambda: DIRECTION @ tg.gradients(along, x, graph=True),
    }[name]()


@pytest.mark.parametrize("inner", NUMBERS)
@pytest.mark.parametrize("outer", NUMBERS)
def test_every_transform_in_every_other_sees_what_is_closed_over_and_what_is_named(outer, inner):
    x, t = np.array([0.8, -0.5]), tg.Tensor([0.6, 1.4])

    def expected(x):
        return by_gradients(inner, lambda y: both(x, y) * both(y, t), INNER)

    def closed(x):
        return NUMBERS[inner](lambda y: both(x, y) * both(y, t), INNER)

    def named(x):
        return NUMBERS[inner](lambda y, s, t: both(s, y) * both(y, t), INNER, s=x, t=t)

    right = by_gradients(outer, expected, x)
    slope = tg.gradients(right, t)
    for found in (NUMBERS[outer](closed, x), NUMBERS[outer](named, x)):
        assert type(found) is tg.Tensor
        assert found.item() == pytest.approx(right.item(), rel=1e-11)
        assert_allclose(tg.gradients(found, t), slope, rtol=1e-11)
    t = t.data  # the functions above close over the name: now there are arrays alone
    for found in (NUMBERS[outer](closed, x), NUMBERS[outer](named, x)):
        assert isinstance(found, np.ndarray | np.float64)
        assert found == pytest.approx(right.item(), rel=1e-11)


@pytest.mark.parametrize("seed", range(30))
def test_random_compositions(seed):
    """Transforms three or four deep, each of which sees some of the variables around it."""
    rng = np.random.default_rng(seed)
    depth = rng.integers(3, 5)
    names = [*rng.choice(list(NUMBERS), depth)]
    if depth == 4:  # one Hessian of Hessians is enough
        names = [name if k < 2 else "grad" for k, name in enumerate(names)]
    points = rng.uniform(0.2, 1.2, (depth, 2))
    uses = [[j for j in range(k) if rng.random() < 0.7] for k in range(1, depth + 1)]

    def level(k, apply, around):
        """The number of transform k at its point, with the variables around it as a function."""

        def body(y):
            variables = [*around, y]
            f = tg.sum(tg.tanh(y))
            for j in uses[k]:
                f = f + both(variables[j], y) * rng_weights[k, j]
            return f * (level(k + 1, apply, variables) if k + 1 < depth else 1.0)

        return apply(names[k], body, points[k])

    rng_weights = rng.normal(size=(depth, depth))
    found = level(0, lambda name, f, x: NUMBERS[name](f, x), [])
    assert isinstance(found, np.ndarray | np.float64)
    assert found == pytest.approx(level(0, by_gradients, []).item(), rel=1e-9)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_tensor_of_the_outside_against_differences(name):
    x, t = np.array([0.8, -0.5]), tg.Tensor([0.6, 1.4])
    shared = tg.exp(t)  # computed, and itself differentiated with respect to

    def number(t):
        return NUMBERS[name](lambda y: both(y, t) ** 2, x)

    slopes = [
        (number(shared.data + step) - number(shared.data - step)) / 2e-6
        for step in 1e-6 * np.eye(2)
    ]
    assert_allclose(tg.gradients(number(shared), shared), slopes, rtol=1e-6)
    assert_allclose(tg.gradients(number(shared), t), slopes * shared.data, rtol=1e-6)


def test_the_product_rule_through_what_is_closed_over():
    assert tg.grad(lambda x: x * tg.grad(lambda y: x * y)(2.0))(1.0) == 2
    assert tg.grad(lambda x: x * tg.grad(lambda y, s: s * y)(2, s=x))(1.0) == 2
    cube = tg.grad(lambda x: tg.grad(lambda y: tg.grad(lambda z: x * y * z * x)(1.0) * y)(1.0) * x)
    assert cube(2.0) == 24  # (2x²)·x


def test_only_what_depends_on_the_outside_is_a_tensor():
    x, t = np.array([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    value, slope = tg.value_and_grad(lambda x: tg.sum(x * x + t))(x)
    assert type(value) is tg.Tensor
    assert type(slope) is np.ndarray
    assert slope.flags.writeable
    assert_array_equal(slope, 2 * x)
    value, slope = tg.value_and_grad(lambda x: t[0])(x)  # of the outside alone
    assert_array_equal(tg.gradients(value, t), [1, 0])
    assert_array_equal(slope, [0, 0])
    held = (
        lambda x: tg.sum(x * tg.stop_gradient(t)),
        lambda x: tg.sum(x * (t > 3.5)),
        lambda x: tg.sum(tg.take(x, tg.argmax(t))),
        lambda x: tg.sum(x * tg.Tensor([3.0, 4.0])),  # its own
        lambda x: 3.0,
    )
    for f in held:
        assert all(type(each) is np.ndarray for each in tg.value_and_grad(f)(x))
        assert all(type(each) is np.ndarray for each in tg.jvp(f, x, x))
        assert type(tg.hessian(f)(x)) is np.ndarray


def test_a_pullback_that_is_called_later():
    x, t = np.array([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    _, pull_back = tg.vjp(lambda x: x * x * t, x)
    pulled = pull_back(np.ones(2))
    assert_array_equal(tg.gradients(pulled, t, [1.0, 1.0]), 2 * x)
    u = tg.Tensor([5.0, 6.0])
    assert_array_equal(tg.gradients(pull_back(u), u, [1.0, 1.0]), 2 * x * t.data)
    t.data = [0.0, 0.0]
    with pytest.raises(ValueError, match="given new data"):
        pull_back(np.ones(2))


def test_a_pullback_of_arrays_is_a_function_of_arrays():
    """What it was linearised at is no Tensor that anybody could differentiate by."""
    x = np.array([0.3, 1.1])
    _, pull_back = tg.vjp(lambda x: tg.exp(x) * x[::-1], x)
    found = tg.jacobian(pull_back)(np.ones(2))
    assert type(found) is np.ndarray
    assert_allclose(found.T, tg.jacobian(lambda x: tg.exp(x) * x[::-1])(x))
    tangent = tg.vjp(pull_back, np.ones(2))[1](DIRECTION)
    assert_allclose(tangent, tg.jvp(lambda x: tg.exp(x) * x[::-1], x, DIRECTION)[1])


def test_directions_and_seeds_that_are_tensors_keep_the_dtype_of_the_input():
    x = np.array([1.0, 2.0], np.float32)
    v = tg.Tensor([3.0, 4.0])
    cases = {
        1: (tg.jvp(lambda x: x, x, v)[1], tg.vjp(lambda x: x, x)[1](v)),
        2: (tg.hvp(square, x, v), tg.jvp(lambda x: 2 * x, x, v)[1]),
    }
    for times, found in ((times, each) for times, several in cases.items() for each in several):
        assert found.dtype == np.float32
        assert_array_equal(tg.gradients(found, v, [1.0, 1.0]), [times, times])


def test_functions_with_side_outputs_and_several_outside_tensors():
    seen, t, s = [], tg.Tensor(2.0), tg.Tensor(5.0)

    def f(x):
        seen.append(x * t)
        return seen[-1] * s

    slope = tg.grad(f)(3.0)
    assert seen[0].item() == 6
    assert [g.item() for g in tg.gradients(slope, [t, s])] == [5, 2]
    parameters = {"w": [t, s]}  # not an argument that one could see to be a Tensor
    slope = tg.grad(lambda x, p: x * p["w"][0] * p["w"][1])(3.0, parameters)
    assert [g.item() for g in tg.gradients(slope, [t, s])] == [5, 2]


def test_depth_is_limited_by_memory_alone():
    t = tg.Tensor(1.0)

    def f(x):
        for _ in range(20_000):
            x = x * t
        return x

    slope = tg.grad(f)(1.0)
    assert tg.gradients(slope, t) == 20_000


# --- arguments -----------------------------------------------------------------------------------


def test_argnum_chooses_what_to_differentiate():
    f = lambda x, y, *, scale=1.0: tg.sum(x * y**2) * scale  # noqa: E731  reads as in the text
    assert tg.grad(f)(2.0, 3.0) == 9
    assert tg.grad(f, 1)(2.0, 3.0) == 12
    assert tg.grad(f, -1)(2.0, 3.0, scale=2.0) == 24
    value, (dy, dx) = tg.value_and_grad(f, (1, 0))(2.0, 3.0)
    assert (value, dy, dx) == (18, 12, 9)
    for wrong in (2, -3, (0, 2)):
        with pytest.raises(ValueError, match=r"argnum .* 2 argument"):
            tg.grad(f, wrong)(2.0, 3.0)
    with pytest.raises(ValueError, match="names an argument twice"):
        tg.grad(f, (0, -2))(2.0, 3.0)


def test_what_is_not_differentiated_stays_an_array():
    seen = []
    tg.grad(lambda x, y: seen.append(type(y)) or tg.sum(x * y))(np.ones(2), np.ones(2))
    assert seen == [np.ndarray]


def test_one_input_in_two_places():
    x = tg.Tensor(3.0)
    assert tg.grad(lambda a, b: a * b, (0, 1))(x, x)[0].item() == 3
    assert tg.gradients(tg.grad(lambda a, b: a * a * b)(x, x), x) == 12


def test_constant_functions_have_zero_derivatives():
    x = np.ones(2)
    assert_array_equal(tg.grad(lambda x: 3.0)(x), [0, 0])
    assert_array_equal(tg.jacobian(lambda x: np.ones(3))(x), np.zeros((3, 2)))
    assert_array_equal(tg.hessian(tg.sum)(x), np.zeros((2, 2)))
    assert_array_equal(tg.jvp(lambda x: np.ones(3), x, x)[1], np.zeros(3))
    assert_array_equal(tg.hvp(tg.sum, x, x), [0, 0])


def test_shapes_of_jacobians_and_hessians():
    x = np.ones((2, 3))
    assert tg.jacobian(lambda x: tg.sum(x, axis=0))(x).shape == (3, 2, 3)
    assert tg.jacobian(tg.sum)(x).shape == (2, 3)
    assert tg.hessian(square)(x).shape == (2, 3, 2, 3)
    assert tg.jacobian(lambda x: x[:0])(x).shape == (0, 3, 2, 3)
    assert tg.jacobian(lambda x: x * 2)(np.zeros(0)).shape == (0, 0)


def test_jacobian_of_softmax_is_diag_a_minus_a_a():
    z = np.array([0.5, -1.0, 2.0])
    a = np.exp(z) / np.exp(z).sum()
    assert_allclose(tg.jacobian(tg.softmax)(z), np.diag(a) - np.outer(a, a), rtol=1e-14, atol=1e-17)


def test_pulling_back_through_several_inputs():
    value, pull_back = tg.vjp(lambda x, w: x @ w, np.ones((2, 3)), np.ones((3, 4)))
    assert value.shape == (2, 4)
    dx, dw = pull_back(np.ones((2, 4)))
    assert_array_equal(dx, np.full((2, 3), 4))
    assert_array_equal(dw, np.full((3, 4), 2))
    again, _ = pull_back(np.zeros((2, 4)))
    assert not again.any()


def test_derivative_along_a_direction():
    x, v = np.array([1.0, 2.0]), np.array([0.5, -1.0])
    value, tangent = tg.jvp(lambda x: tg.exp(x) * x[::-1], x, v)
    step = 1e-6
    f = lambda x: np.exp(x) * x[::-1]  # noqa: E731  reads as in the text
    assert_allclose(value, f(x))
    assert_allclose(tangent, (f(x + step * v) - f(x - step * v)) / (2 * step), rtol=1e-8)


@pytest.mark.parametrize(
    ("wrong", "error", "complaint"),
    [
        (lambda: tg.grad(lambda x: x * 2)([1.0, 2.0]), ValueError, r"shape \(2,\)"),
        (lambda: tg.hessian(lambda x: x * 2)([1.0, 2.0]), ValueError, r"shape \(2,\)"),
        (lambda: tg.hvp(lambda x: x * 2, [1.0, 2.0], [1.0, 2.0]), ValueError, r"shape \(2,\)"),
        (lambda: tg.grad(lambda x: (x, x))(1.0), TypeError, "grad: the function returned a tuple"),
        (lambda: tg.grad(lambda x: None)(1.0), TypeError, "returned a NoneType"),
        (lambda: tg.jacobian(lambda x: [x])(1.0), TypeError, "jacobian: .*a list.*tg.stack"),
        (lambda: tg.vjp(tg.exp, [1.0])[1]([1.0, 2.0]), ValueError, r"seed has shape \(2,\)"),
        (lambda: tg.jvp(tg.exp, [1.0], [1.0, 2.0]), ValueError, r"jvp: v has shape \(2,\)"),
        (lambda: tg.hvp(square, [1.0], [1.0, 2.0]), ValueError, r"hvp: v has shape \(2,\)"),
        (lambda: tg.grad(square)("text"), TypeError, "Tensor: "),
        (lambda: tg.grad(square)([1j]), TypeError, "Tensor: holds complex128"),
    ],
)
def test_wrong_calls_are_refused(wrong, error, complaint):
    with pytest.raises(error, match=complaint):
        wrong()
