"""Exponentials, logarithms and powers beside exp, log, sqrt and power."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.activations import sigmoid
from tinygrad_edu.ops.elementwise import exp, log, portion

__all__ = [
    "cbrt",
    "exp2",
    "expm1",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "reciprocal",
    "square",
]

_LOG_2, _LOG_10 = math.log(2), math.log(10)


# d(e^x - 1) = e^x dx: not from the result, since -1 + 1 cancels
@op(
    forward=np.expm1,
    rules=(lambda g, out, x: g * exp(x),),
    elementwise=True,
    text="(e^{0} − 1)",
    tex=r"\left(e^{{{0}}} - 1\right)",
)
def expm1(x: Any) -> Any:
    """Exponential less 1, exact near 0.

    >>> tg.expm1(tg.Tensor([1e-20, 1.0]))
    Tensor([1.00000000e-20, 1.71828183e+00])
    """


@expm1.defined_as
def _(x: Any) -> Any:
    return exp(x) - 1


# d log(1 + x) = dx/(1 + x)
@op(
    forward=np.log1p,
    rules=(lambda g, out, x: g / (1 + x),),
    elementwise=True,
    text="log(1 + {0})",
    tex=r"\log(1 + {0})",
)
def log1p(x: Any) -> Any:
    """Logarithm of 1 plus every entry, exact near 0.

    At -1 it is -inf and below NaN, each with NumPy's warning.

    >>> tg.log1p(tg.Tensor([1e-20, 1.0]))
    Tensor([1.00000000e-20, 6.93147181e-01])
    """


@log1p.defined_as
def _(x: Any) -> Any:
    return log(1 + x)


# d 2^x = log(2) 2^x dx
@op(
    forward=np.exp2,
    rules=(lambda g, out, x: g * (out * _LOG_2),),
    elementwise=True,
    positive="positive",
    text="2^{0}",
    tex=r"2^{{{0}}}",
)
def exp2(x: Any) -> Any:
    """Two to the power of every entry.

    >>> tg.exp2(tg.Tensor([0.0, 3.0]))
    Tensor([1., 8.])
    """


@exp2.defined_as
def _(x: Any) -> Any:
    return 2.0**x


# d log₂ x = dx/(x log 2)
@op(
    forward=np.log2,
    rules=(lambda g, out, x: g / x / _LOG_2,),
    elementwise=True,
    text="log₂ {0}",
    tex=r"\log_{{2}} {0}",
)
def log2(x: Any) -> Any:
    """Logarithm to base 2 of every entry.

    At 0 it is -inf and below NaN, each with NumPy's warning.

    >>> tg.log2(tg.Tensor([1.0, 8.0]))
    Tensor([0., 3.])
    """


# d log₁₀ x = dx/(x log 10)
@op(
    forward=np.log10,
    rules=(lambda g, out, x: g / x / _LOG_10,),
    elementwise=True,
    text="log₁₀ {0}",
    tex=r"\log_{{10}} {0}",
)
def log10(x: Any) -> Any:
    """Logarithm to base 10 of every entry.

    At 0 it is -inf and below NaN, each with NumPy's warning.

    >>> tg.log10(tg.Tensor([1.0, 100.0]))
    Tensor([0., 2.])
    """


# d ∛x = dx/(3 ∛x²)
@op(
    forward=np.cbrt,
    rules=(lambda g, out, x: g / (3 * out**2),),
    elementwise=True,
    text="∛({0})",
    tex=r"\sqrt[3]{{{0}}}",
)
def cbrt(x: Any) -> Any:
    """Cube root of every entry, of negative ones too.

    At 0 the gradient is inf.

    >>> tg.cbrt(tg.Tensor([-8.0, 27.0]))
    Tensor([-2.,  3.])
    """


@Composed
def square(x: Any) -> Any:
    """Square of every entry: `power` with exponent 2.

    >>> x = tg.Tensor([3.0, -1.0])
    >>> tg.gradients(tg.square(x).sum(), x)
    array([ 6., -2.])
    """
    return operand(x, "square") ** 2


@Composed
def reciprocal(x: Any) -> Any:
    """One divided by every entry.

    At 0 it is infinite, with NumPy's warning.

    >>> tg.reciprocal(tg.Tensor([2.0, 4.0]))
    Tensor([0.5 , 0.25])
    """
    return 1 / operand(x, "reciprocal")


# d e^x/(e^x + e^y) = s (1 - s) (dx - dy), where 1 - s is the share of the other
@op(
    name="share",
    elementwise=True,
    positive="positive",
    text="share({0}, {1})",
    tex=r"\operatorname{{share}}({0}, {1})",
)
def _share(x: Any, y: Any) -> Any:
    """e^x/(e^x + e^y) = σ(x - y): what `logaddexp` changes by when x does."""
    with np.errstate(all="ignore"):
        return sigmoid.forward(np.subtract(x, y))


@_share.rule(0)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return g * out * _share(y, x)


@_share.rule(1)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -g * out * _share(y, x)


@_share.defined_as
def _(x: Any, y: Any) -> Any:
    return exp(x) / (exp(x) + exp(y))


# d log(e^x + e^y) = (e^x dx + e^y dy)/(e^x + e^y)
@op(
    rules=(
        lambda g, out, x, y: portion(g, _share(x, y)),
        lambda g, out, x, y: portion(g, _share(y, x)),
    ),
    elementwise=True,
    tex=r"\operatorname{{logaddexp}}({0}, {1})",
)
def logaddexp(x: Any, y: Any) -> Any:
    """Logarithm of the sum of two exponentials, entry by entry, without overflow.

    >>> tg.logaddexp(tg.Tensor(1000.0), 1000.0)
    Tensor(1000.69314718)
    """
    with np.errstate(all="ignore"):
        return np.logaddexp(x, y)


@logaddexp.defined_as
def _(x: Any, y: Any) -> Any:
    return log(exp(x) + exp(y))
