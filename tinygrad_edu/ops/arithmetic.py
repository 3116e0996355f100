"""Addition, multiplication, their inverses and powers; comparisons.

Each declaration reads: notation, NumPy forward, then one rule per argument. g is the gradient of
the result; a rule returns the gradient of its argument, and broadcasting is undone elsewhere.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tinygrad_edu.core.op import REGISTRY, op

__all__ = [
    "add",
    "divide",
    "equal",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "multiply",
    "negative",
    "not_equal",
    "power",
    "subtract",
]


# d(x + y) = dx + dy
@op(
    forward=operator.add,
    rules=(lambda g, out, x, y: g, lambda g, out, x, y: g),
    elementwise=True,
    text="{0} + {1}",
    tex="{0} + {1}",
)
def add(x: Any, y: Any) -> Any:
    """Add entry by entry.

    >>> tg.add(tg.Tensor([1.0, 2.0]), 10)
    Tensor([11., 12.])
    """


# d(x - y) = dx - dy
@op(
    forward=operator.sub,
    rules=(lambda g, out, x, y: g, lambda g, out, x, y: -g),
    elementwise=True,
    text="{0} − {1}",
    tex="{0} - {1}",
)
def subtract(x: Any, y: Any) -> Any:
    """Subtract entry by entry.

    >>> tg.subtract(tg.Tensor([1.0, 2.0]), 1)
    Tensor([0., 1.])
    """


# d(xy) = y dx + x dy
@op(
    forward=operator.mul,
    rules=(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x),
    elementwise=True,
    text="{0}·{1}",
    tex=r"{0} \cdot {1}",
)
def multiply(x: Any, y: Any) -> Any:
    """Multiply entry by entry (the Hadamard product).

    >>> x = tg.Tensor(3.0)
    >>> tg.gradients(tg.multiply(x, x), x)
    array(6.)
    """


# d(x/y) = dx/y - (x/y) dy/y
@op(
    forward=operator.truediv,
    rules=(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y),
    elementwise=True,
    text="{0}/{1}",
    tex=r"\frac{{{0}}}{{{1}}}",
)
def divide(x: Any, y: Any) -> Any:
    """Divide entry by entry.

    As in NumPy, 1/0 is inf and 0/0 is NaN, each with NumPy's warning. The rule reuses the quotient,
    so that y is never squared.

    >>> tg.divide(1.0, tg.Tensor([2.0, 4.0]))
    Tensor([0.5 , 0.25])
    """


# d(-x) = -dx
@op(
    forward=operator.neg,
    rules=(lambda g, out, x: -g,),
    elementwise=True,
    text="−{0}",
    tex="-{0}",
)
def negative(x: Any) -> Any:
    """Change the sign of every entry.

    >>> tg.negative(tg.Tensor([1.0, -2.0]))
    Tensor([-1.,  2.])
    """


# d(x^p) = p x^(p-1) dx + x^p log(x) dp.  For p = 0 the exponent p - 1 + [p = 0] keeps 0 * x^0 = 0.
@op(
    forward=operator.pow,
    rules=(
        lambda g, out, x, p: g * (p * x ** (p - 1 + (p == 0))),
        lambda g, out, x, p: g * REGISTRY["power_times_log"](out, x),
    ),
    elementwise=True,
    text="{0}^{1}",
    tex="{{{0}}}^{{{1}}}",
)
def power(x: Any, p: Any) -> Any:
    """Raise entry by entry to a power.

    A negative base with a fractional exponent gives NaN, with NumPy's warning. At x = 0 the
    gradient of x is 0 for p > 1 or p = 0, 1 for p = 1 and inf for 0 < p < 1; that of p is 0 for p >
    0.

    >>> x = tg.Tensor([0.0, 2.0])
    >>> tg.gradients((x**3).sum(), x)
    array([ 0., 12.])
    """


def _comparison(forward: Any, sign: str, tex: str, words: str) -> Any:
    """Declare a comparison: a boolean vertex without rules, printed as an Iverson bracket."""

    def compare(x: Any, y: Any) -> Any: ...

    compare.__name__ = forward.__name__
    compare.__doc__ = f"""Compare entry by entry: where x {words} y.

    An Iverson bracket: 1 where the statement holds and 0 elsewhere (Iverson 1962).

    >>> tg.{forward.__name__}(tg.Tensor([1.0, 2.0, 3.0]), 2.0).data.dtype
    dtype('bool')
    """
    return op(
        forward=forward,
        elementwise=True,
        positive="nonnegative",
        text=f"[{{0}} {sign} {{1}}]",
        tex=rf"[{{0}} {tex} {{1}}]",
    )(compare)


equal = _comparison(np.equal, "=", "=", "is equal to")
not_equal = _comparison(np.not_equal, "≠", r"\ne", "differs from")
less = _comparison(np.less, "<", "<", "is less than")
less_equal = _comparison(np.less_equal, "≤", r"\le", "is at most")
greater = _comparison(np.greater, ">", ">", "is greater than")
greater_equal = _comparison(np.greater_equal, "≥", r"\ge", "is at least")
