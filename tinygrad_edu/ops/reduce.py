"""Reductions: many entries become one. `axis` and `keepdims` are those of NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Composed, op
from tinygrad_edu.ops.arithmetic import equal
from tinygrad_edu.ops.elementwise import sqrt, xdivy
from tinygrad_edu.ops.shape import Axes, concatenate, getitem, spread

# Without np.sum's own checks, which cost more than summing a small array.
_add_all: Any = np.add.reduce
_multiply_all: Any = np.multiply.reduce

__all__ = ["count", "length", "max", "mean", "min", "prod", "std", "sum", "var"]


@Composed.typed
def count(x: Any, axis: Axes = None) -> Any:
    """Number of entries that a reduction over `axis` joins.

    >>> import numpy as np
    >>> tg.count(np.zeros((4, 3)), axis=0)
    4
    """
    return joined(x, axis)


def joined(x: Any, axis: Axes) -> Any:
    """Count, as rules do: without a name for what does not fit."""
    if isinstance(x, Node):
        return x.count(axis)
    return count_of_shape(x.shape if x.__class__ is np.ndarray else np.shape(x), axis)


def count_of_shape(shape: tuple[int, ...], axis: Axes) -> int:
    """Multiply the lengths of the axes named."""
    if axis is None:
        return math.prod(shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    try:
        return math.prod([shape[a] for a in axes])
    except (TypeError, IndexError):
        raise ValueError(
            f"count: axis {axis} of a tensor of shape {shape}; axes are whole numbers from 0"
        ) from None


@op()
def length(x: Any, *, axis: Axes = None) -> Any:
    """Count as `count` does, but as a vertex of the graph: formulas show N where it stood.

    >>> x = tg.Tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> (x.sum(axis=0) / tg.length(x, axis=0)).data
    array([3., 4.])
    """
    return np.asarray(count_of_shape(x.shape, axis), x.dtype if x.dtype.kind == "f" else float)


@length.defined_as
def _(x: Any, *, axis: Axes) -> Any:
    return count(x, axis)


# d sum(x) = sum(dx)
@op(
    rules=(lambda g, out, x, *, axis, keepdims: spread(g, x, axis, keepdims),),
    text="Σ {0}",
    tex=r"\sum {0}",
)
def sum(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Sum over axes.

    >>> tg.sum(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    Tensor([4., 6.])
    """
    return _add_all(x, axis=axis, keepdims=keepdims)


# d mean(x) = sum(dx)/n
@op(
    rules=(lambda g, out, x, *, axis, keepdims: spread(g / joined(x, axis), x, axis, keepdims),),
    text="mean({0})",
    tex=r"\operatorname{{mean}}({0})",
)
def mean(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Average over axes.

    >>> tg.mean(tg.Tensor([1.0, 2.0, 6.0]))
    Tensor(3.)
    """
    n = count_of_shape(x.shape, axis)
    if n == 0:
        raise ValueError(f"mean: no entries to average in shape {x.shape}")
    if x.dtype.char == "e":  # sums of float16 overflow at 65504
        return (_add_all(x, axis, np.float32, None, keepdims) / n).astype(x.dtype)
    return _add_all(x, axis, None, None, keepdims) / n


@mean.defined_as
def _(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return sum(x, axis=axis, keepdims=keepdims) / joined(x, axis)


def _to_extremes(g: Any, out: Any, x: Any, axis: Axes, keepdims: bool) -> Any:
    """Share g equally among the entries that attain the extreme value."""
    attained = equal(x, spread(out, x, axis, keepdims))
    ties = sum(attained, axis=axis, keepdims=True)
    return spread(g, x, axis, keepdims) * attained / ties


@op(
    rules=(lambda g, out, x, *, axis, keepdims: _to_extremes(g, out, x, axis, keepdims),),
    text="max({0})",
    tex=r"\max({0})",
)
def max(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Largest entry over axes.

    NaN where an entry is NaN. The gradient goes to the largest entry; tied ones share it equally,
    which is the subgradient of least norm.

    >>> x = tg.Tensor([1.0, 1.0, 0.0])
    >>> tg.gradients(tg.max(x), x)
    array([0.5, 0.5, 0. ])
    """
    return np.max(x, axis=axis, keepdims=keepdims)


@op(
    rules=(lambda g, out, x, *, axis, keepdims: _to_extremes(g, out, x, axis, keepdims),),
    text="min({0})",
    tex=r"\min({0})",
)
def min(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Smallest entry over axes.

    NaN where an entry is NaN. The gradient goes to the smallest entry; tied ones share it equally.

    >>> tg.min(tg.Tensor([[3.0, 1.0], [2.0, 5.0]]), axis=1)
    Tensor([1., 2.])
    """
    return np.min(x, axis=axis, keepdims=keepdims)


def _product_of_others(x: Any, dx: Any, axis: int) -> tuple[Any, Any]:
    """For each entry the product of all others along an axis, without dividing by it.

    Halve the axis: the others of an entry are its partner and the others of their product. Beside
    it, how it changes with x by `dx`, if that is not None.
    """
    length = x.shape[axis]
    before = (slice(None),) * axis

    def part(array: Any, start: int, stop: int) -> Any:
        return None if array is None else getitem(array, (*before, slice(start, stop)))

    def times(one: Pair, other: Pair) -> Pair:
        (a, da), (b, db) = one, other
        return a * b, None if da is None or db is None else da * b + a * db

    def joined(pairs: list[Pair]) -> Pair:
        every = [list(arrays) for arrays in zip(*pairs, strict=True)]
        values, changes = (None if a[0] is None else concatenate(a, axis) for a in every)
        return values, changes

    def both(of: Pair, start: int, stop: int) -> Pair:
        return part(of[0], start, stop), part(of[1], start, stop)

    if length == 1:
        return part(x, 0, 1) ** 0, None if dx is None else part(x, 0, 1) * 0
    half = length // 2
    left, right = both((x, dx), 0, half), both((x, dx), half, 2 * half)
    pairs = times(left, right)
    if length % 2:
        pairs = joined([pairs, both((x, dx), length - 1, length)])
    others = _product_of_others(*pairs, axis)
    of_pairs = both(others, 0, half)
    pieces = [times(right, of_pairs), times(left, of_pairs)]
    if length % 2:
        pieces.append(both(others, half, half + 1))
    return joined(pieces)


Pair = tuple[Any, Any]


# The others' derivative is symmetric: x_k by x_j is the product without both, as x_j by x_k is.
@op(
    name="product_of_others",
    rules=(lambda g, out, x, *, axis: _product_of_others(x, g, axis)[1],),
)
def _others(x: Any, *, axis: int) -> Any:
    """For each entry the product of all others along an axis."""
    return _product_of_others(x, None, axis)[0]


def _prod_rule(g: Any, out: Any, x: Any, *, axis: Axes, keepdims: bool) -> Any:
    if x.ndim == 0 or math.prod(x.shape) == 0:
        return spread(g, x, axis, keepdims)
    axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    partial, others = x, None
    for a in (a % len(x.shape) for a in axes):
        along = _others(partial, axis=a)
        others = along if others is None else others * along
        partial = prod(partial, axis=a, keepdims=True)
    return spread(g, x, axis, keepdims) * (x**0 if others is None else others)


@op(rules=(_prod_rule,), text="Π {0}", tex=r"\prod {0}")
def prod(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Product over axes.

    The rule multiplies all other entries without a division, so that zeros are no exception.

    >>> x = tg.Tensor([0.0, 2.0, 3.0])
    >>> tg.gradients(tg.prod(x), x)
    array([6., 0., 0.])
    """
    return _multiply_all(x, axis=axis, keepdims=keepdims)


def _centred(x: Any, axis: Axes) -> Any:
    return x - mean(x, axis=axis, keepdims=True)


def _freedom(x: Any, axis: Axes, ddof: float) -> Any:
    """Return what the squares are divided by; without ddof the plain letter N in formulas."""
    return joined(x, axis) - ddof if ddof else joined(x, axis)


# d var(x) = 2 (x - mean(x)) dx/n: the mean's own part sums to zero
@op(
    rules=(
        lambda g, out, x, *, axis, keepdims, ddof: (
            spread(2 * g / _freedom(x, axis, ddof), x, axis, keepdims) * _centred(x, axis)
        ),
    ),
    positive="nonnegative",
    text="var({0})",
    tex=r"\operatorname{{var}}({0})",
)
def var(x: Any, *, axis: Axes = None, keepdims: bool = False, ddof: float = 0) -> Any:
    """Variance over axes: the mean squared deviation from the mean.

    >>> tg.var(tg.Tensor([1.0, 3.0]))
    Tensor(1.)
    """
    if count_of_shape(x.shape, axis) == 0:
        raise ValueError(f"var: no entries in shape {x.shape}")
    return np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)


@var.defined_as
def _(x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    squares = _centred(x, axis) ** 2
    if not ddof:
        return mean(squares, axis=axis, keepdims=keepdims)
    return sum(squares, axis=axis, keepdims=keepdims) / _freedom(x, axis, ddof)


@op(
    rules=(
        lambda g, out, x, *, axis, keepdims, ddof: (
            spread(g / _freedom(x, axis, ddof), x, axis, keepdims)
            * xdivy(_centred(x, axis), spread(out, x, axis, keepdims))
            if joined(x, axis) != 1
            else 0 * x  # of one entry it is the constant 0
        ),
    ),
    positive="nonnegative",
    text="std({0})",
    tex=r"\operatorname{{std}}({0})",
)
def std(x: Any, *, axis: Axes = None, keepdims: bool = False, ddof: float = 0) -> Any:
    """Standard deviation over axes.

    Where all entries are equal the gradient is 0, the subgradient of least norm.

    >>> tg.std(tg.Tensor([1.0, 3.0]))
    Tensor(1.)
    """
    if count_of_shape(x.shape, axis) == 0:
        raise ValueError(f"std: no entries in shape {x.shape}")
    return np.std(x, axis=axis, ddof=ddof, keepdims=keepdims)


@std.defined_as
def _(x: Any, *, axis: Axes, keepdims: bool, ddof: float) -> Any:
    return sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims))
