"""The hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.op import op
from tinygrad_edu.ops.elementwise import sqrt
from tinygrad_edu.ops.trigonometric import unit_hypotenuse

__all__ = [
    "arccosh",
    "arcsinh",
    "arctanh",
    "cosh",
    "sinh",
]


# d sinh x = cosh(x) dx
@op(
    forward=np.sinh,
    elementwise=True,
    tex=r"\sinh({0})",
)
def sinh(x: Any) -> Any:
    """Hyperbolic sine of every entry.

    Beyond ±710 (float64) it overflows with NumPy's warning.

    >>> x = tg.Tensor(0.0)
    >>> tg.gradients(tg.sinh(x), x)
    array(1.)
    """


@sinh.rule(0)
def _(g: Any, out: Any, x: Any) -> Any:
    return g * cosh(x)


# d cosh x = sinh(x) dx
@op(
    forward=np.cosh,
    rules=(lambda g, out, x: g * sinh(x),),
    elementwise=True,
    positive="positive",
    tex=r"\cosh({0})",
)
def cosh(x: Any) -> Any:
    """Hyperbolic cosine of every entry.

    Beyond ±710 (float64) it overflows with NumPy's warning.

    >>> tg.cosh(tg.Tensor([0.0, 1.0]))
    Tensor([1.        , 1.54308063])
    """


# d arsinh x = dx/√(x² + 1)
@op(
    forward=np.arcsinh,
    rules=(lambda g, out, x: g / unit_hypotenuse(x),),
    elementwise=True,
    text="arsinh({0})",
    tex=r"\operatorname{{arsinh}}({0})",
)
def arcsinh(x: Any) -> Any:
    """Inverse hyperbolic sine of every entry.

    >>> x = tg.Tensor([0.0, 1.0])
    >>> tg.gradients(tg.arcsinh(x).sum(), x)
    array([1.        , 0.70710678])
    """


# d arcosh x = dx/√(x² - 1); x² - 1 in factors, so that nothing cancels or overflows
@op(
    forward=np.arccosh,
    rules=(lambda g, out, x: g / (sqrt(x - 1) * sqrt(x + 1)),),
    elementwise=True,
    positive="nonnegative",
    text="arcosh({0})",
    tex=r"\operatorname{{arcosh}}({0})",
)
def arccosh(x: Any) -> Any:
    """Inverse hyperbolic cosine of every entry.

    Below 1 it is NaN, with NumPy's warning; the gradient at 1 is inf.

    >>> tg.arccosh(tg.Tensor([1.0, 2.0]))
    Tensor([0.        , 1.3169579])
    """


# d artanh x = dx/(1 - x²), in factors
@op(
    forward=np.arctanh,
    rules=(lambda g, out, x: g / ((1 - x) * (1 + x)),),
    elementwise=True,
    text="artanh({0})",
    tex=r"\operatorname{{artanh}}({0})",
)
def arctanh(x: Any) -> Any:
    """Inverse hyperbolic tangent of every entry.

    At -1 and 1 it is infinite, as its gradient is, and NaN beyond, with NumPy's warning.

    >>> tg.arctanh(tg.Tensor([0.0, 0.5]))
    Tensor([0.        , 0.54930614])
    """
