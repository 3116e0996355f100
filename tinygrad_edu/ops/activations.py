"""Activations: the functions that hidden and last layers apply entry by entry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op
from tinygrad_edu.ops.elementwise import clip, exp, log, where
from tinygrad_edu.ops.kernels import tails

__all__ = [
    "gelu",
    "normal_cdf",
    "relu",
    "sigmoid",
    "softplus",
    "tanh",
]

_ROOT_TWO_OVER_PI = math.sqrt(2 / math.pi)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)


@op(forward=tails.tanh_slope, name="tanh_slope", inline=True, elementwise=True)
def _tanh_slope(h: Any, x: Any) -> Any:
    """1 - h² for h = tanh x, as 4/(e^x + e^-x)²: near h = ±1 the difference has no digits left."""


@_tanh_slope.defined_as
def _(h: Any, x: Any) -> Any:
    return 1 - h**2


# d tanh(x) = (1 - tanh(x)^2) dx
@op(
    forward=np.tanh,
    rules=(lambda g, out, x: g * _tanh_slope(out, x),),
    elementwise=True,
    tex=r"\tanh({0})",
)
def tanh(x: Any) -> Any:
    """Hyperbolic tangent of every entry.

    >>> x = tg.Tensor(0.0)
    >>> tg.gradients(tg.tanh(x), x)
    array(1.)
    """


# d s(x) = s(x) s(-x) dx: the same as s (1 - s), without the cancellation in 1 - s
@op(
    forward=tails.sigmoid,
    elementwise=True,
    positive="positive",
    text="σ({0})",
    tex=r"\sigma({0})",
)
def sigmoid(x: Any) -> Any:
    """Logistic function of every entry.

    No input overflows.

    >>> tg.sigmoid(tg.Tensor([-1e20, 0.0, 1e20]))
    Tensor([0. , 0.5, 1. ])
    """


@sigmoid.rule(0)
def _(g: Any, out: Any, x: Any) -> Any:
    return g * out * sigmoid(-x)


@sigmoid.defined_as
def _(x: Any) -> Any:
    return 1 / (1 + exp(-x))


# d relu(x) = [x > 0] dx, 0 at the kink, NaN stays
@op(
    rules=(lambda g, out, x: g * (x > 0),),
    elementwise=True,
    positive="nonnegative",
    tex=r"\operatorname{{relu}}({0})",
)
def relu(x: Any) -> Any:
    """Rectified linear unit of every entry.

    0 where x ≤ 0, else x (Fukushima 1969). At the kink the gradient is 0, the subgradient of least
    norm.

    >>> x = tg.Tensor([-1.0, 0.0, 2.0])
    >>> tg.gradients(tg.relu(x).sum(), x)
    array([0., 0., 1.])
    """
    return np.maximum(x, 0)


@relu.defined_as
def _(x: Any) -> Any:
    return where(x <= 0, 0, x)


@op(
    forward=tails.normal_density,
    name="normal_density",
    inline="formulas",
    elementwise=True,
    positive="positive",
)
def _density(x: Any) -> Any:
    """φ(x), 0 where the square overflows."""


# d phi(x) = -x phi(x) dx
@_density.rule(0)
def _(g: Any, out: Any, x: Any) -> Any:
    return -(g * _times_density(x))


@_density.defined_as
def _(x: Any) -> Any:
    return exp(x**2 / -2) / _ROOT_TWO_PI


# d Phi(x) = phi(x) dx
@op(
    forward=tails.normal_cdf,
    rules=(lambda g, out, x: g * _density(x),),
    elementwise=True,
    positive="nonnegative",
    text="Φ({0})",
    tex=r"\Phi({0})",
)
def normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal law, entry by entry.

    Computed as erfc(-x/√2)/2, exact in both tails.

    >>> tg.normal_cdf(tg.Tensor(0.0))
    Tensor(0.5)
    """


def _times_density(x: Any) -> Any:
    """x φ(x), and 0 at infinity: beyond 100 the density is 0 in every type."""
    bounded = clip(x, -100, 100)
    return bounded * _density(bounded)


# d(x Phi(x)) = (Phi(x) + x phi(x)) dx
@op(
    forward=tails.gelu,
    name="gelu",
    rules=(lambda g, out, x: g * (normal_cdf(x) + _times_density(x)),),
    elementwise=True,
    text="gelu({0})",
    tex=r"\operatorname{{gelu}}({0})",
)
def _gelu(x: Any) -> Any:
    """Gaussian error linear unit."""


@_gelu.defined_as
def _(x: Any) -> Any:
    return x * normal_cdf(x)


def _bent(x: Any) -> Any:
    """2√(2/π) (x + 0.044715 x³): the approximate gelu is x times its sigmoid."""
    return 2 * _ROOT_TWO_OVER_PI * (x + 0.044715 * x**3)


# d(x s(u)) = (s(u) + x s(u) s(-u) u') dx; beyond 30 the second part is 0 in every type
@op(
    forward=tails.gelu_tanh,
    name="gelu_tanh",
    inline="formulas",
    elementwise=True,
)
def _gelu_tanh(x: Any) -> Any:
    """Gaussian error linear unit by the hyperbolic tangent, and 0 at -inf."""


@_gelu_tanh.rule(0)
def _(g: Any, out: Any, x: Any) -> Any:
    x = clip(x, -30, 30)
    u = _bent(x)
    slope = 2 * _ROOT_TWO_OVER_PI * (1 + 3 * 0.044715 * x**2)
    return g * (sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * slope)


@_gelu_tanh.defined_as
def _(x: Any) -> Any:
    return x * (1 + tanh(_ROOT_TWO_OVER_PI * (x + 0.044715 * x**3))) / 2


@Composed
def gelu(x: Any, approximate: str = "none") -> Any:
    """Gaussian error linear unit of every entry.

    x Φ(x), or x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2 (Hendrycks and Gimpel 2016).

    >>> tg.gelu(tg.Tensor([-1.0, 0.0, 1.0]))
    Tensor([-0.15865525,  0.        ,  0.84134475])
    """
    if approximate == "none":
        return _gelu(x)
    if approximate == "tanh":
        return _gelu_tanh(x)
    raise ValueError(f'gelu: approximate is "none" or "tanh", not {approximate!r}')


# d log(1 + e^x) = s(x) dx
@op(
    forward=tails.softplus,
    rules=(lambda g, out, x, *, saved: g * saved,),
    elementwise=True,
    positive="positive",
    tex=r"\operatorname{{softplus}}({0})",
)
def softplus(x: Any) -> Any:
    """Smooth rectifier of every entry.

    log(1 + e^x) (Dugas et al. 2001); no input overflows.

    >>> tg.softplus(tg.Tensor([-1000.0, 0.0, 1000.0]))
    Tensor([0.00000000e+00, 6.93147181e-01, 1.00000000e+03])
    """


@softplus.saves
def _(x: Any) -> Any:
    return sigmoid(x)


@softplus.defined_as
def _(x: Any) -> Any:
    return log(1 + exp(x))
