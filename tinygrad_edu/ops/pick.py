"""Picking along an axis, diagonals and triangles, and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.elementwise import where
from tinygrad_edu.ops.kernels import order
from tinygrad_edu.ops.rearrange import along, counted_axes, moveaxis, whole
from tinygrad_edu.ops.shape import getitem, reshape, scatter_add

__all__ = [
    "diag",
    "diagonal",
    "sort",
    "take",
    "take_along_axis",
    "tril",
    "triu",
]


@Composed
def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Pick parts along an axis, by their places.

    As ``x[indices]`` along that axis.

    >>> tg.take(tg.Tensor([1.0, 2.0, 3.0]), [0, 0, 2])
    Tensor([1., 1., 3.])
    """
    x = operand(x, "take")
    if axis is None:
        return take(reshape(x, shape=-1), indices, 0)
    (a,) = counted_axes(axis, x.ndim, "take")
    if not isinstance(indices, int | np.integer) or isinstance(indices, bool):
        places = np.asarray(indices.value if isinstance(indices, Node) else indices)
        if places.dtype.kind not in "biu" and places.size:
            raise TypeError(f"take: indices of {places.dtype} values; pass whole numbers")
        indices = places.astype(np.intp)  # which no index takes for a mask
    try:
        return getitem(x, along(a, indices))
    except IndexError as error:
        raise IndexError(f"take: {str(error).removeprefix('getitem: ')}") from None


@op(
    tex=r"\operatorname{{take}}({0}, {1})",
    text="take({0}, {1})",
)
def take_along_axis(x: Any, indices: Any, *, axis: int = -1) -> Any:
    """Pick entries along an axis, in each line by places of its own.

    >>> x = tg.Tensor([[1.0, 2.0], [4.0, 3.0]])
    >>> tg.take_along_axis(x, tg.argsort(x), axis=1)
    Tensor([[1., 2.],
            [3., 4.]])
    """
    x, indices = np.asarray(x), np.asarray(indices)
    (a,) = counted_axes(axis, x.ndim, "take_along_axis")
    fits = indices.ndim == x.ndim and all(
        i == a or n == m or 1 in (n, m)
        for i, (n, m) in enumerate(zip(indices.shape, x.shape, strict=True))
    )
    if not fits:
        raise ValueError(
            f"take_along_axis: places of shape {indices.shape} for shape {x.shape}; the lengths "
            f"agree, or are 1, except along axis {axis}"
        )
    try:
        return np.take_along_axis(x, indices, axis)
    except IndexError as error:
        raise ValueError(f"take_along_axis: shape {x.shape}: {error}") from None


@take_along_axis.rule(0)
def _(g: Any, out: Any, x: Any, indices: Any, *, axis: int) -> Any:
    return _add_along_axis(g, indices, axis=axis, length=x.shape[axis])


# The transpose of take_along_axis, and the other way round.
@op(
    name="add_along_axis",
    rules=(lambda h, out, g, indices, *, axis, length: take_along_axis(h, indices, axis=axis),),
    text="scatter({0}, {1})",
    tex=r"\operatorname{{scatter}}({0}, {1})",
)
def _add_along_axis(g: Any, indices: Any, *, axis: int, length: int) -> Any:
    """Add entries into zeros along an axis, in each line at places of its own."""
    shape = list(g.shape)
    shape[axis] = length
    grid: list[Any] = list(np.indices(g.shape, sparse=True))
    grid[axis] = indices
    out = np.zeros(shape, g.dtype)
    np.add.at(out, tuple(grid), g)
    return out


@Composed
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of a matrix, or of each of a stack.

    Picks x[i, i + offset].

    >>> tg.diagonal(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 4.])
    """
    x, offset = operand(x, "diagonal"), whole(offset, "diagonal")
    if len(set(counted_axes((axis1, axis2), x.ndim, "diagonal"))) != 2:
        raise ValueError(f"diagonal: axis {axis1} and axis {axis2} are the same one")
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    rows, columns = x.shape[-2:]
    first = max(0, -offset)
    steps = np.arange(max(0, min(rows - first, columns - max(0, offset))))
    return getitem(x, (..., steps + first, steps + max(0, offset)))


@Composed
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a given diagonal.

    >>> tg.diag(tg.Tensor([1.0, 2.0]))
    Tensor([[1., 0.],
            [0., 2.]])
    """
    v, k = operand(v, "diag"), whole(k, "diag")
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError(f"diag: shape {v.shape} is neither a vector nor a matrix; see diagonal")
    steps = np.arange(v.shape[0])
    size = v.shape[0] + abs(k)
    return scatter_add(v, (steps + max(0, -k), steps + max(0, k)), (size, size))


def _below(shape: tuple[int, ...], k: int, name: str) -> Any:
    if len(shape) < 2:
        raise ValueError(f"{name}: shape {shape} has no rows and columns; pass a matrix")
    return np.tri(shape[-2], shape[-1], whole(k, name), bool)


def _above(shape: tuple[int, ...], k: int, name: str) -> Any:
    return ~_below(shape, whole(k, name) - 1, name)


@Composed
def tril(x: Any, k: int = 0) -> Any:
    """The entries on and below a diagonal, and 0 elsewhere.

    Chosen by a constant mask, so that NaN and infinity outside of it leave no trace.

    >>> tg.tril(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 0.],
            [3., 4.]])
    """
    x = operand(x, "tril")
    return where(_below(x.shape, k, "tril"), x, 0)


@Composed
def triu(x: Any, k: int = 0) -> Any:
    """The entries on and above a diagonal, and 0 elsewhere.

    Chosen by a constant mask, so that NaN and infinity outside of it leave no trace.

    >>> tg.triu(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 2.],
            [0., 4.]])
    """
    x = operand(x, "triu")
    return where(_above(x.shape, k, "triu"), x, 0)


@op(
    forward=order.rank,
    name="rank",
    text="rank({0}, {side})",
    tex=r"\operatorname{{rank}}({0}, \text{{{side}}})",
)
def _rank(x: Any, *, axis: int, side: str) -> Any:
    """How many entries of its line are smaller than an entry (side "left"), or not larger."""


# d sort(x): each entry gets the g of the place it went to; tied entries share those of theirs
def _unsorted(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    first = _rank(out, axis=axis, side="left")
    ties = _rank(out, axis=axis, side="right") - first
    shared = _add_along_axis(g / ties, first, axis=axis, length=x.shape[axis])
    return take_along_axis(shared, _rank(x, axis=axis, side="left"), axis=axis)


@op(name="sort", rules=(_unsorted,), tex=r"\operatorname{{sort}}({0})")
def _sort(x: Any, *, axis: int) -> Any:
    """Put the entries of each line in ascending order."""
    return np.sort(x, axis=axis)


@Composed
def sort(x: Any, axis: int | None = -1) -> Any:
    """Put the entries in ascending order; NaN comes last.

    The gradient of an entry is that of the place it went to; tied entries share theirs equally.

    >>> x = tg.Tensor([3.0, 1.0, 3.0])
    >>> tg.gradients((tg.sort(x) * [1.0, 2.0, 4.0]).sum(), x)
    array([3., 1., 3.])
    """
    x = operand(x, "sort")
    if axis is None:
        return _sort(reshape(x, shape=-1), axis=0)
    (a,) = counted_axes(axis, x.ndim, "sort")
    return _sort(x, axis=a)
