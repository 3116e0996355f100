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

    Parameters
    ----------
    x, y : array_like or Tensor
        Shapes that broadcast against each other.

    Returns
    -------
    Tensor or ndarray
        Of the broadcast shape, in NumPy's common dtype; a Tensor if any argument is one.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    Forward x + y; gradients g and g (the sum rule).

    Examples
    --------
    >>> import tinygrad_edu as tg
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

    Parameters
    ----------
    x, y : array_like or Tensor
        Shapes that broadcast against each other.

    Returns
    -------
    Tensor or ndarray
        Of the broadcast shape, in NumPy's common dtype.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    Forward x - y; gradients g and -g.

    Examples
    --------
    >>> import tinygrad_edu as tg
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

    Parameters
    ----------
    x, y : array_like or Tensor
        Shapes that broadcast against each other.

    Returns
    -------
    Tensor or ndarray
        Of the broadcast shape, in NumPy's common dtype.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    Forward x y; gradients g y and g x (the product rule).

    Examples
    --------
    >>> import tinygrad_edu as tg
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

    Parameters
    ----------
    x, y : array_like or Tensor
        Shapes that broadcast against each other.

    Returns
    -------
    Tensor or ndarray
        Of the broadcast shape, in NumPy's common dtype. As in NumPy, 1/0 is inf and 0/0 is NaN,
        each with NumPy's warning.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    Forward x / y; gradients g / y and -g (x/y) / y (the quotient rule, with the quotient reused
    so that y is never squared).

    Examples
    --------
    >>> import tinygrad_edu as tg
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

    Parameters
    ----------
    x : array_like or Tensor
        Of any shape.

    Returns
    -------
    Tensor or ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError
        If `x` is no array of real numbers.

    Notes
    -----
    Forward -x; gradient -g.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.negative(tg.Tensor([1.0, -2.0]))
    Tensor([-1.,  2.])
    """


# d(x^p) = p x^(p-1) dx + x^p log(x) dp.  For p = 0 the exponent p - 1 + [p = 0] keeps 0 * x^0 = 0.
@op(
    forward=operator.pow,
    rules=(
        lambda g, out, x, p: g * (p * x ** (p - 1 + (p == 0))),
        lambda g, out, x, p: g * REGISTRY["xlogy"](out, x),
    ),
    elementwise=True,
    text="{0}^{1}",
    tex="{{{0}}}^{{{1}}}",
)
def power(x: Any, p: Any) -> Any:
    """Raise entry by entry to a power.

    Parameters
    ----------
    x : array_like or Tensor
        The bases.
    p : array_like or Tensor
        The exponents; shapes broadcast.

    Returns
    -------
    Tensor or ndarray
        Of the broadcast shape, in NumPy's common dtype. A negative base with a fractional
        exponent gives NaN, with NumPy's warning.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    Forward x^p; gradients g p x^(p-1), which at x = 0 is 0 for p > 1 or p = 0, 1 for p = 1 and
    inf for 0 < p < 1; and g x^p log x, which is 0 at x = 0 for p > 0.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([0.0, 2.0])
    >>> tg.gradients((x**3).sum(), x)
    array([ 0., 12.])
    """


def _comparison(forward: Any, sign: str, tex: str, words: str) -> Any:
    """Declare a comparison: a boolean vertex without rules, printed as an Iverson bracket."""

    def compare(x: Any, y: Any) -> Any: ...

    compare.__name__ = forward.__name__
    compare.__doc__ = f"""Compare entry by entry: where x {words} y.

    Parameters
    ----------
    x, y : array_like or Tensor
        Shapes that broadcast against each other.

    Returns
    -------
    Tensor or ndarray of bool
        Of the broadcast shape; no gradient passes through it.

    Raises
    ------
    ValueError
        If the shapes do not broadcast.

    Notes
    -----
    Written as an Iverson bracket [x {sign} y], which is 1 where the statement holds and 0
    elsewhere (Iverson 1962); constant almost everywhere, so without a gradient.

    Examples
    --------
    >>> import tinygrad_edu as tg
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
