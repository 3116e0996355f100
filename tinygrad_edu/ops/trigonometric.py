"""Angles: the circular functions, their inverses, and lengths in the plane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.elementwise import quotient, sqrt, xdivy
from tinygrad_edu.ops.kernels import angles

__all__ = [
    "arccos",
    "arcsin",
    "arctan",
    "arctan2",
    "cos",
    "degrees",
    "hypot",
    "radians",
    "sin",
    "tan",
]


# d sin x = cos(x) dx
@op(
    forward=np.sin,
    elementwise=True,
    tex=r"\sin({0})",
)
def sin(x: Any) -> Any:
    """Sine of every entry.

    NaN where an entry is infinite, with NumPy's warning.

    >>> x = tg.Tensor([0.0, 1.0])
    >>> tg.gradients(tg.sin(x).sum(), x)
    array([1.        , 0.54030231])
    """


@sin.rule(0)
def _(g: Any, out: Any, x: Any) -> Any:
    return g * cos(x)


# d cos x = -sin(x) dx
@op(
    forward=np.cos,
    rules=(lambda g, out, x: -g * sin(x),),
    elementwise=True,
    tex=r"\cos({0})",
)
def cos(x: Any) -> Any:
    """Cosine of every entry.

    NaN where an entry is infinite, with NumPy's warning.

    >>> tg.cos(tg.Tensor([0.0, 1.0]))
    Tensor([1.        , 0.54030231])
    """


# d tan x = (1 + tan² x) dx
@op(
    forward=np.tan,
    rules=(lambda g, out, x: g * (1 + out**2),),
    elementwise=True,
    tex=r"\tan({0})",
)
def tan(x: Any) -> Any:
    """Tangent of every entry.

    NaN where an entry is infinite, with NumPy's warning.

    >>> x = tg.Tensor(0.0)
    >>> tg.gradients(tg.tan(x), x)
    array(1.)
    """


# d arcsin x = dx/√(1 - x²); 1 - x² in factors, so that nothing cancels near 1
@op(
    forward=np.arcsin,
    rules=(lambda g, out, x: g / sqrt((1 - x) * (1 + x)),),
    elementwise=True,
    tex=r"\arcsin({0})",
)
def arcsin(x: Any) -> Any:
    """Inverse sine of every entry.

    NaN outside of [-1, 1], with NumPy's warning; at -1 and 1 the gradient is infinite.

    >>> tg.arcsin(tg.Tensor([0.0, 1.0]))
    Tensor([0.        , 1.57079633])
    """


# d arccos x = -dx/√(1 - x²)
@op(
    forward=np.arccos,
    rules=(lambda g, out, x: -g / sqrt((1 - x) * (1 + x)),),
    elementwise=True,
    tex=r"\arccos({0})",
)
def arccos(x: Any) -> Any:
    """Inverse cosine of every entry.

    NaN outside of [-1, 1], with NumPy's warning; at -1 and 1 the gradient is infinite.

    >>> tg.arccos(tg.Tensor([0.0, 1.0]))
    Tensor([1.57079633, 0.        ])
    """


@op(name="unit_hypotenuse", inline=True, elementwise=True, positive="positive")
def unit_hypotenuse(x: Any) -> Any:
    """√(1 + x²), whose square is not computed."""
    return np.hypot(x, 1)


@unit_hypotenuse.defined_as
def _(x: Any) -> Any:
    return sqrt(1 + x**2)


# d arctan x = dx/(1 + x²), divided twice by its root, which does not overflow
@op(
    forward=np.arctan,
    rules=(lambda g, out, x: g / unit_hypotenuse(x) / unit_hypotenuse(x),),
    elementwise=True,
    tex=r"\arctan({0})",
)
def arctan(x: Any) -> Any:
    """Inverse tangent of every entry.

    >>> x = tg.Tensor([0.0, 1.0])
    >>> tg.gradients(tg.arctan(x).sum(), x)
    array([1. , 0.5])
    """


# d x/h = (y/h)² dx/h - (x/h)(y/h) dy/h with h = √(x² + y²)
@op(
    forward=angles.cosine,
    name="cosine",
    elementwise=True,
    text="cosine({0}, {1})",
    tex=r"\operatorname{{cosine}}({0}, {1})",
)
def _cosine(x: Any, y: Any) -> Any:
    """x/√(x² + y²), and 0 at the origin: what `hypot` changes by when x does."""


@_cosine.rule(0)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return quotient(g * _cosine(y, x) ** 2, hypot(x, y))


@_cosine.rule(1)
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return -xdivy(g * out * _cosine(y, x), hypot(x, y))


@_cosine.defined_as
def _(x: Any, y: Any) -> Any:
    return xdivy(x, hypot(x, y))


# d√(x² + y²) = (x dx + y dy)/√(x² + y²)
@op(
    forward=np.hypot,
    rules=(lambda g, out, x, y: g * _cosine(x, y), lambda g, out, x, y: g * _cosine(y, x)),
    elementwise=True,
    positive="nonnegative",
    tex=r"\operatorname{{hypot}}({0}, {1})",
)
def hypot(x: Any, y: Any) -> Any:
    """Length of the hypotenuse, entry by entry: √(x² + y²) without overflow.

    At the origin both gradients are 0, the subgradient of least norm.

    >>> x, y = tg.Tensor(3.0), tg.Tensor(4.0)
    >>> tg.gradients(tg.hypot(x, y), [x, y])
    [array(0.6), array(0.8)]
    """


@hypot.defined_as
def _(x: Any, y: Any) -> Any:
    return sqrt(x**2 + y**2)


@op(forward=angles.turn, name="turn", inline=True, elementwise=True)
def _turn(x: Any, y: Any) -> Any:
    """x/(x² + y²), without the square of a length."""


@_turn.defined_as
def _(x: Any, y: Any) -> Any:
    return x / (x**2 + y**2)


# d arctan2(y, x) = (x dy - y dx)/(x² + y²)
@op(
    forward=np.arctan2,
    rules=(lambda g, out, y, x: g * _turn(x, y), lambda g, out, y, x: -g * _turn(y, x)),
    elementwise=True,
    tex=r"\operatorname{{arctan2}}({0}, {1})",
)
def arctan2(y: Any, x: Any) -> Any:
    """Angle of the point (x, y), entry by entry; `y` comes first.

    In [-π, π], from the positive x-axis. The origin has no angle: there the gradients are NaN, with
    NumPy's warning.

    >>> tg.arctan2(tg.Tensor([1.0, 1.0]), [1.0, -1.0])
    Tensor([0.78539816, 2.35619449])
    """


@Composed
def radians(x: Any) -> Any:
    """Degrees to radians, entry by entry; NumPy's `deg2rad` too.

    >>> tg.radians(tg.Tensor([0.0, 90.0]))
    Tensor([0.        , 1.57079633])
    """
    return operand(x, "radians") * (math.pi / 180)


@Composed
def degrees(x: Any) -> Any:
    """Radians to degrees, entry by entry; NumPy's `rad2deg` too.

    >>> tg.degrees(tg.Tensor([0.0, 1.5707963267948966]))
    Tensor([ 0., 90.])
    """
    return operand(x, "degrees") * (180 / math.pi)
