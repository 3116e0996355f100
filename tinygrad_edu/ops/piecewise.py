"""Functions in pieces: rounding, remainders, and the larger and smaller one that ignore NaN."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.op import op
from tinygrad_edu.ops.elementwise import where

__all__ = [
    "ceil",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "mod",
    "rint",
    "round",
    "trunc",
]


# d floor(x) = 0 wherever it exists
@op(
    forward=np.floor,
    elementwise=True,
    text="⌊{0}⌋",
    tex=r"\left\lfloor {0} \right\rfloor",
)
def floor(x: Any) -> Any:
    """Largest whole number that is not above, entry by entry.

    >>> tg.floor(tg.Tensor([-1.5, 1.7]))
    Tensor([-2.,  1.])
    """


# d ceil(x) = 0 wherever it exists
@op(
    forward=np.ceil,
    elementwise=True,
    text="⌈{0}⌉",
    tex=r"\left\lceil {0} \right\rceil",
)
def ceil(x: Any) -> Any:
    """Smallest whole number that is not below, entry by entry.

    >>> tg.ceil(tg.Tensor([-1.5, 1.7]))
    Tensor([-1.,  2.])
    """


# d trunc(x) = 0 wherever it exists
@op(
    forward=np.trunc,
    elementwise=True,
    tex=r"\operatorname{{trunc}}({0})",
)
def trunc(x: Any) -> Any:
    """Whole part of every entry.

    >>> tg.trunc(tg.Tensor([-1.5, 1.7]))
    Tensor([-1.,  1.])
    """


# d rint(x) = 0 wherever it exists
@op(
    forward=np.rint,
    elementwise=True,
    tex=r"\operatorname{{rint}}({0})",
)
def rint(x: Any) -> Any:
    """Nearest whole number, entry by entry; halves go to the even one.

    >>> tg.rint(tg.Tensor([-1.5, 1.7]))
    Tensor([-2.,  2.])
    """


# d round(x) = 0 wherever it exists
@op(elementwise=True, tex=r"\operatorname{{round}}({0})")
def round(x: Any, *, decimals: int = 0) -> Any:
    """Round every entry to a number of decimals; halves go to the even one.

    >>> tg.round(tg.Tensor([1.236, 2.5]), 2)
    Tensor([1.24, 2.5 ])
    """
    return np.round(x, decimals)


# d ⌊x/y⌋ = 0 wherever it exists
@op(
    forward=np.floor_divide,
    elementwise=True,
    text="⌊{0}/{1}⌋",
    tex=r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor",
)
def floor_divide(x: Any, y: Any) -> Any:
    """How often `y` goes into `x`, entry by entry.

    >>> tg.floor_divide(tg.Tensor([7.0, -7.0]), 2.0)
    Tensor([ 3., -4.])
    """


# d(x - y ⌊x/y⌋) = dx - ⌊x/y⌋ dy between the jumps
@op(
    forward=np.mod,
    rules=(lambda g, out, x, y: g, lambda g, out, x, y: -g * floor_divide(x, y)),
    elementwise=True,
    text="({0} mod {1})",
    tex=r"\left({0} \bmod {1}\right)",
)
def mod(x: Any, y: Any) -> Any:
    """Remainder with the sign of `y`, entry by entry; NumPy's `remainder` too.

    At its jumps, the multiples of y, the gradient is that of the side on which the value lies.

    >>> tg.mod(tg.Tensor([7.0, -7.0]), 3.0)
    Tensor([1., 2.])
    """


# d(x - y trunc(x/y)) = dx - trunc(x/y) dy, and the whole number comes from the result
@op(
    forward=np.fmod,
    rules=(lambda g, out, x, y: g, lambda g, out, x, y: -g * rint((x - out) / y)),
    elementwise=True,
    tex=r"\operatorname{{fmod}}({0}, {1})",
)
def fmod(x: Any, y: Any) -> Any:
    """Remainder with the sign of `x`, entry by entry.

    >>> tg.fmod(tg.Tensor([7.0, -7.0]), 3.0)
    Tensor([ 1., -1.])
    """


def _to_the_one(g: Any, x: Any, y: Any, wins: Any) -> Any:
    """Return the part of g for x where it wins over y, with half of it where they are tied."""
    return where(x == y, g / 2, where(wins + (y != y), g, 0))


# d fmax(x, y): g to the larger one or to the only number, half to each at a tie
@op(
    forward=np.fmax,
    rules=(
        lambda g, out, x, y: _to_the_one(g, x, y, x > y),
        lambda g, out, x, y: _to_the_one(g, y, x, y > x),
    ),
    elementwise=True,
    tex=r"\operatorname{{fmax}}({0}, {1})",
)
def fmax(x: Any, y: Any) -> Any:
    """Take the larger entry, or the number where the other is NaN.

    The gradient goes to the larger argument, or to the one that is no NaN; tied ones share it
    equally.

    >>> import numpy as np
    >>> tg.fmax(tg.Tensor([1.0, np.nan]), [2.0, 5.0])
    Tensor([2., 5.])
    """


# d fmin(x, y): g to the smaller one or to the only number, half to each at a tie
@op(
    forward=np.fmin,
    rules=(
        lambda g, out, x, y: _to_the_one(g, x, y, x < y),
        lambda g, out, x, y: _to_the_one(g, y, x, y < x),
    ),
    elementwise=True,
    tex=r"\operatorname{{fmin}}({0}, {1})",
)
def fmin(x: Any, y: Any) -> Any:
    """Take the smaller entry, or the number where the other is NaN.

    The gradient goes to the smaller argument, or to the one that is no NaN; tied ones share it
    equally.

    >>> import numpy as np
    >>> tg.fmin(tg.Tensor([1.0, np.nan]), [2.0, 5.0])
    Tensor([1., 5.])
    """
