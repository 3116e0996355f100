"""Picking along an axis, diagonals and triangles, and sorting."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import op, operand
from tinygrad_edu.ops.elementwise import where
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


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Pick parts along an axis, by their places.

    Parameters
    ----------
    x : array_like or Tensor
        Of any shape.
    indices : int or array_like of int
        The places; negative ones count from the end.
    axis : int, optional
        By default the entries are counted one after the other.

    Returns
    -------
    Tensor or ndarray
        With the shape of `indices` in the place of the axis, same dtype.

    Raises
    ------
    IndexError
        If there is no such place.

    Notes
    -----
    As ``x[indices]`` along that axis; the gradient adds g into zeros at the same places.

    Examples
    --------
    >>> import tinygrad_edu as tg
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

    Parameters
    ----------
    x : array_like or Tensor
        Of any shape.
    indices : array_like or Tensor of int
        The places, a constant; of as many axes as `x`, and as long except along `axis`.
    axis : int, optional
        Along which axis; by default the last.

    Returns
    -------
    Tensor or ndarray
        As long along the axis as `indices`, in the dtype of `x`.

    Raises
    ------
    ValueError
        If the shapes do not fit, or there is no such axis or place.

    Notes
    -----
    Forward x[…, i_k, …]; the gradient adds g into zeros at the same places.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([[1.0, 2.0], [4.0, 3.0]])
    >>> tg.take_along_axis(x, tg.argsort(x), axis=1)
    Tensor([[1., 2.],
            [3., 4.]])
    """
    x, indices = np.asarray(x), np.asarray(indices)
    (a,) = counted_axes(axis, x.ndim, "take_along_axis")
    fits = indices.ndim == x.ndim and all(
        i == a or n in (1, m) for i, (n, m) in enumerate(zip(indices.shape, x.shape, strict=True))
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


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The diagonal of a matrix, or of each of a stack.

    Parameters
    ----------
    x : array_like or Tensor
        With at least two axes.
    offset : int, optional
        How far above the main diagonal; negative: below.
    axis1, axis2 : int, optional
        The rows and the columns; by default the first two axes.

    Returns
    -------
    Tensor or ndarray
        The remaining axes, and the diagonal as the last.

    Raises
    ------
    ValueError
        If there are no such two axes.

    Notes
    -----
    Picks x[i, i + offset]; the gradient is g on that diagonal of zeros.

    Examples
    --------
    >>> import tinygrad_edu as tg
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


def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with a given diagonal.

    Parameters
    ----------
    v : array_like or Tensor
        A matrix or a vector.
    k : int, optional
        How far above the main diagonal; negative: below.

    Returns
    -------
    Tensor or ndarray
        A vector for a matrix, a square matrix for a vector.

    Raises
    ------
    ValueError
        If it is neither a matrix nor a vector.

    Notes
    -----
    For a matrix `diagonal`; a vector is added into zeros, and its gradient is the diagonal of g.

    Examples
    --------
    >>> import tinygrad_edu as tg
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


def tril(x: Any, k: int = 0) -> Any:
    """The entries on and below a diagonal, and 0 elsewhere.

    Parameters
    ----------
    x : array_like or Tensor
        A matrix, or a stack of them.
    k : int, optional
        How far above the main diagonal; negative: below.

    Returns
    -------
    Tensor or ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    ValueError
        If there are fewer than two axes.

    Notes
    -----
    Chooses by a constant mask, so that NaN and infinity outside of it leave no trace; the gradient
    is g inside, 0 outside.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.tril(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 0.],
            [3., 4.]])
    """
    x = operand(x, "tril")
    return where(_below(x.shape, k, "tril"), x, 0)


def triu(x: Any, k: int = 0) -> Any:
    """The entries on and above a diagonal, and 0 elsewhere.

    Parameters
    ----------
    x : array_like or Tensor
        A matrix, or a stack of them.
    k : int, optional
        How far above the main diagonal; negative: below.

    Returns
    -------
    Tensor or ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    ValueError
        If there are fewer than two axes.

    Notes
    -----
    Chooses by a constant mask, so that NaN and infinity outside of it leave no trace; the gradient
    is g inside, 0 outside.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.triu(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[1., 2.],
            [0., 4.]])
    """
    x = operand(x, "triu")
    return where(_above(x.shape, k, "triu"), x, 0)


@op(
    name="rank",
    text="rank({0}, {side})",
    tex=r"\operatorname{{rank}}({0}, \text{{{side}}})",
)
def _rank(x: Any, *, axis: int, side: str) -> Any:
    """How many entries of its line are smaller than an entry (side "left"), or not larger."""
    lines = np.moveaxis(x, axis, -1)
    order = np.argsort(lines, axis=-1, kind="stable")
    ordered = np.take_along_axis(lines, order, -1)
    before, after = ordered[..., :-1], ordered[..., 1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    steps, edge = np.arange(lines.shape[-1]), np.ones((*lines.shape[:-1], 1), bool)
    if side == "left":
        begins = np.concatenate([edge, differs], -1)[..., : len(steps)]
        rank = np.maximum.accumulate(np.where(begins, steps, 0), -1)
    else:
        ends = np.concatenate([differs, edge], -1)[..., : len(steps)]
        backwards = np.where(ends, steps + 1, len(steps))[..., ::-1]
        rank = np.minimum.accumulate(backwards, -1)[..., ::-1]
    found = np.empty_like(order)
    np.put_along_axis(found, order, rank, -1)
    return np.moveaxis(found, -1, axis)


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


def sort(x: Any, axis: int | None = -1) -> Any:
    """Put the entries in ascending order; NaN comes last.

    Parameters
    ----------
    x : array_like or Tensor
        Of any shape.
    axis : int, optional
        Along which axis, by default the last; None sorts all entries as one vector.

    Returns
    -------
    Tensor or ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    ValueError
        If there is no such axis.

    Notes
    -----
    The gradient of an entry is the g of the place it went to; tied entries share theirs equally,
    which is the subgradient of least norm for a sum of the largest.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([3.0, 1.0, 3.0])
    >>> tg.gradients((tg.sort(x) * [1.0, 2.0, 4.0]).sum(), x)
    array([3., 1., 3.])
    """
    x = operand(x, "sort")
    if axis is None:
        return _sort(reshape(x, shape=-1), axis=0)
    (a,) = counted_axes(axis, x.ndim, "sort")
    return _sort(x, axis=a)
