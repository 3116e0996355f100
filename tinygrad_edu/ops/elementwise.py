"""Functions applied entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.kernels import limits
from tinygrad_edu.ops.kernels.rows import floating

__all__ = [
    "abs",
    "clip",
    "exp",
    "log",
    "maximum",
    "minimum",
    "sign",
    "sqrt",
    "stop_gradient",
    "where",
    "xdivy",
    "xlogy",
]


def floating_operand(x: Any, name: str) -> Any:
    """Return a vertex as it is, and all else as an array of floating-point numbers."""
    return x if isinstance(x, Node) else floating(operand(x, name))


# d e^x = e^x dx
@op(
    forward=np.exp,
    rules=(lambda g, out, x: g * out,),
    elementwise=True,
    positive="positive",
    tex="e^{{{0}}}",
)
def exp(x: Any) -> Any:
    """Exponential of every entry.

    Above 709 (float64) it overflows to inf with NumPy's warning.

    >>> tg.exp(tg.Tensor([0.0, 1.0]))
    Tensor([1.        , 2.71828183])
    """


# d log x = dx / x
@op(
    forward=np.log,
    rules=(lambda g, out, x: g / x,),
    elementwise=True,
    text="log {0}",
    tex=r"\log {0}",
)
def log(x: Any) -> Any:
    """Natural logarithm of every entry.

    Of 0 it is -inf and of a negative number NaN, each with NumPy's warning.

    >>> x = tg.Tensor([1.0, 4.0])
    >>> tg.gradients(tg.log(x).sum(), x)
    array([1.  , 0.25])
    """


# d sqrt(x) = dx / (2 sqrt(x))
@op(
    forward=np.sqrt,
    rules=(lambda g, out, x: g / (2 * out),),
    elementwise=True,
    positive="nonnegative",
    text="√({0})",
    tex=r"\sqrt{{{0}}}",
)
def sqrt(x: Any) -> Any:
    """Non-negative square root of every entry.

    NaN for negative entries, with NumPy's warning; the gradient at 0 is inf.

    >>> x = tg.Tensor([4.0, 9.0])
    >>> tg.sqrt(x)
    Tensor([2., 3.])
    """


# d sign(x) = 0 wherever it exists
@op(forward=np.sign, elementwise=True, tex=r"\operatorname{{sign}}({0})")
def sign(x: Any) -> Any:
    """Sign of every entry: -1, 0 or 1.

    >>> tg.sign(tg.Tensor([-3.0, 0.0, 2.0]))
    Tensor([-1.,  0.,  1.])
    """


# d where(c, x, y) = [c] dx + [not c] dy
@op(
    forward=np.where,
    elementwise=True,
    text="where({0}, {1}, {2})",
    tex=r"\begin{{cases}} {1} & {0} \\ {2} & \text{{else}} \end{{cases}}",
)
def where(condition: Any, x: Any, y: Any) -> Any:
    """Choose entry by entry: `x` where the condition holds, `y` elsewhere.

    Both branches are computed everywhere, and so is the gradient of each: a NaN made in the branch
    that was not taken comes back as 0 * NaN. So guard the argument of a logarithm, not its value.

    >>> x = tg.Tensor([0.0, 2.0])
    >>> safe = tg.where(x > 0, x, 1.0)
    >>> tg.gradients(tg.where(x > 0, tg.log(safe), 0.0).sum(), x)
    array([0. , 0.5])
    """


@where.rule(1)
def _(g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
    return where(condition, g, 0)


@where.rule(2)
def _(g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
    return where(condition, 0, g)


# d|x| = sign(x) dx, with the subgradient of least norm, 0, at the kink
@op(
    forward=np.abs,
    rules=(lambda g, out, x: g * sign(x),),
    elementwise=True,
    positive="nonnegative",
    text="|{0}|",
    tex=r"\left|{0}\right|",
)
def abs(x: Any) -> Any:
    """Absolute value of every entry.

    At the kink the gradient is 0, the subgradient of least norm.

    >>> x = tg.Tensor([-2.0, 0.0, 3.0])
    >>> tg.gradients(abs(x).sum(), x)
    array([-1.,  0.,  1.])
    """


# d max(x, y): g to the larger one, half to each at a tie; NaN passes g on
@op(
    forward=np.maximum,
    rules=(
        lambda g, out, x, y: where(x < y, 0, where(x == y, g / 2, g)),
        lambda g, out, x, y: where(y < x, 0, where(x == y, g / 2, g)),
    ),
    elementwise=True,
    text="max({0}, {1})",
    tex=r"\max({0}, {1})",
)
def maximum(x: Any, y: Any) -> Any:
    """Take the larger entry.

    NaN where either is NaN. The gradient goes to the larger argument; tied ones share it equally,
    which is the subgradient of least norm.

    >>> x, y = tg.Tensor([1.0, 2.0]), tg.Tensor([1.0, 5.0])
    >>> tg.gradients(tg.maximum(x, y).sum(), x)
    array([0.5, 0. ])
    """


@op(
    forward=np.minimum,
    rules=(
        lambda g, out, x, y: where(x > y, 0, where(x == y, g / 2, g)),
        lambda g, out, x, y: where(y > x, 0, where(x == y, g / 2, g)),
    ),
    elementwise=True,
    text="min({0}, {1})",
    tex=r"\min({0}, {1})",
)
def minimum(x: Any, y: Any) -> Any:
    """Take the smaller entry.

    NaN where either is NaN. The gradient goes to the smaller argument; tied ones share it equally.

    >>> tg.minimum(tg.Tensor([1.0, 7.0]), 5.0)
    Tensor([1., 5.])
    """


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


# d clip(x) = [low <= x <= high] dx, and the bounds take what they cut off
@op(
    name="clip",
    forward=_clip,
    rules=(
        lambda g, out, x, low, high: where((x < low) + (x > high), 0, g),
        lambda g, out, x, low, high: where((x < low) * (low <= high), g, 0),
        lambda g, out, x, low, high: where((x > high) + (low > high), g, 0),
    ),
    elementwise=True,
    text="clip({0}, {1}, {2})",
    tex=r"\operatorname{{clip}}({0}, {1}, {2})",
)
def _clip_op(x: Any, low: Any, high: Any) -> Any:
    """Limit `x` to [low, high]."""


@Composed
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """Limit every entry to an interval.

    The gradient passes where min ≤ x ≤ max, on the bounds too; elsewhere it goes to the bound that
    was taken.

    >>> x = tg.Tensor([-2.0, 1.0, 0.5])
    >>> tg.gradients(tg.clip(x, -1, 1).sum(), x)
    array([0., 1., 1.])
    """
    low = -np.inf if min is None else min
    high = np.inf if max is None else max
    return _clip_op(x, low, high)


@op(forward=limits.portion, inline=True, elementwise=True)
def portion(g: Any, share: Any) -> Any:
    """g times a share, and 0 where g is 0: nothing is shared out, though a share be 0/0."""


@portion.defined_as
def _(g: Any, share: Any) -> Any:
    return g * share


@op(
    forward=limits.quotient,
    name="quotient",
    inline="formulas",
    elementwise=True,
)
def quotient(x: Any, y: Any) -> Any:
    """x/y, and NaN for 0/0: where a slope is 0 by agreement, its own slope is not known."""


@quotient.rule(0)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return quotient(g, y)


@quotient.rule(1)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -quotient(g * out, y)


@quotient.defined_as
def _(x: Any, y: Any) -> Any:
    return x / y


# d(x/y) with 0/0 = 0
@op(
    forward=limits.xdivy,
    elementwise=True,
    text="{0}/{1}",
    tex=r"\frac{{{0}}}{{{1}}}",
)
def xdivy(x: Any, y: Any) -> Any:
    """Divide, with 0/0 = 0.

    It is the derivative of `xlogy` and of the norms, whose subgradient of least norm at 0 is 0.

    >>> tg.xdivy(tg.Tensor([0.0, 3.0]), tg.Tensor([0.0, 2.0]))
    Tensor([0. , 1.5])
    """


@xdivy.rule(0)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return quotient(g, y)


@xdivy.rule(1)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -xdivy(g * out, y)


# d(x log y) = log(y) dx + x/y dy
@op(
    forward=limits.xlogy,
    rules=(
        lambda g, out, x, y: g * log(y),
        lambda g, out, x, y: g * xdivy(x, y),
    ),
    elementwise=True,
    text="{0}·log {1}",
    tex=r"{0} \log {1}",
)
def xlogy(x: Any, y: Any) -> Any:
    """Multiply by a logarithm, with 0 log 0 = 0.

    As in the limit x log x → 0 (Cover and Thomas 2006, section 2.1); NaN where y is NaN.

    >>> tg.xlogy(0.0, tg.Tensor(0.0))
    Tensor(0.)
    """


# What x^p changes by with p: where the power is 0 it stays 0, and log 0 is asked for no longer.
@op(
    forward=limits.xlogy,
    name="power_times_log",
    rules=(
        lambda g, out, x, y: g * log(where(x == 0, 1, y)),
        lambda g, out, x, y: g * xdivy(x, y),
    ),
    inline="formulas",
    elementwise=True,
)
def _power_times_log(x: Any, y: Any) -> Any:
    """x log y of a power x of y."""


@_power_times_log.defined_as
def _(x: Any, y: Any) -> Any:
    return xlogy(x, y)


# d stop_gradient(x) = 0
@op(
    forward=lambda x: x,
    elementwise=True,
    text="stop({0})",
    tex=r"\operatorname{{stop}}({0})",
)
def stop_gradient(x: Any) -> Any:
    """Return `x` as a constant: no gradient passes.

    Its gradient is 0, not because differentiation says so but because the caller does.

    >>> x = tg.Tensor(3.0)
    >>> tg.gradients(x * tg.stop_gradient(x), x)
    array(3.)
    """
