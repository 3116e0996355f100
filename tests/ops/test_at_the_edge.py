"""Derivatives where a function is at its limit: at infinity, at a power of 0, of one entry."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.ops import normal_cdf


def derivative(f, order):
    for _ in range(order):
        f = tg.grad(f)
    return f


@pytest.mark.parametrize("base", [0.0, np.float32(0)])
@pytest.mark.parametrize("p", [2.0, 3.5])
def test_powers_of_zero_stay_zero(base, p):
    for order in range(4):
        assert derivative(lambda y: base**y, order)(p) == 0
    second = tg.hessian(lambda v: v[0] ** v[1])(np.array([base, 2.0]))
    np.testing.assert_array_equal(second, [[2, 0], [0, 0]])


@pytest.mark.parametrize("x", [-np.inf, np.inf, -1e200, 1e200])
@pytest.mark.parametrize(
    "f",
    [normal_cdf, tg.gelu, lambda x: tg.gelu(x, approximate="tanh")],
    ids=["cdf", "gelu", "tanh"],
)
def test_the_tails_of_the_normal_law(f, x):
    slope = float(x > 0) if f is not normal_cdf else 0.0
    assert [derivative(f, order)(x) for order in (1, 2, 3)] == [slope, 0, 0]
    assert f(-np.inf) == 0


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_the_spread_of_one_entry_is_constant(shape):
    x = np.full(shape, 3.0)
    assert not np.any(tg.grad(tg.std)(x))
    assert not np.any(tg.hessian(tg.std)(x))


@pytest.mark.parametrize("length", [tg.norm, lambda x: tg.hypot(x[0], x[1]), tg.std])
def test_what_is_0_by_agreement_has_no_second_derivative(length):
    """‖x‖² has the second derivative 2, and ‖x‖ an infinite one: 0 would be false for both."""
    x = np.zeros(2)
    np.testing.assert_array_equal(tg.grad(lambda x: length(x) ** 2)(x), x)
    assert np.isnan(tg.hessian(lambda x: length(x) ** 2)(x)).all()
    assert not np.isfinite(tg.hessian(length)(x)).any()


def test_gelu_by_the_tangent_is_what_it_says():
    x = np.linspace(-6, 6, 41)
    expected = x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2
    np.testing.assert_allclose(tg.gelu(x, approximate="tanh"), expected, rtol=1e-6, atol=1e-16)
    assert tg.gradcheck(lambda x: tg.gelu(x, approximate="tanh"), x)
