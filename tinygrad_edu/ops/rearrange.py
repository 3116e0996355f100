"""Rearranging entries with NumPy's names: moves and picks of `shape`."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tinygrad_edu.core.op import Composed, operand
from tinygrad_edu.ops.shape import (
    Axes,
    concatenate,
    getitem,
    reshape,
    swapaxes,
    transpose,
)

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "flip",
    "fliplr",
    "flipud",
    "matrix_transpose",
    "moveaxis",
    "ravel",
    "roll",
]


def counted_axes(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """Return the axes that are meant, counted from 0; None means all."""
    if axis is None:
        return tuple(range(ndim))
    axes = [whole(a, name) for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"{name}: axis {a} of a tensor with {ndim} axes; axes count from 0")
    return tuple(a % ndim for a in axes)


def whole(value: Any, name: str) -> int:
    """Return a whole number; refuse what is none."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: {value!r} is no whole number; pass an int") from None


def along(axis: int, part: Any) -> tuple[Any, ...]:
    """Return the index that takes a part of one axis and all of those before it."""
    return (*[slice(None)] * axis, part)


@Composed
def ravel(x: Any) -> Any:
    """All entries as one vector.

    >>> tg.ravel(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([1., 2., 3., 4.])
    """
    return reshape(operand(x, "ravel"), shape=-1)


@Composed
def flip(x: Any, axis: Axes = None) -> Any:
    """Reverse the order along axes.

    Its own inverse: the gradient is g, flipped.

    >>> tg.flip(tg.Tensor([1.0, 2.0, 3.0]))
    Tensor([3., 2., 1.])
    """
    x = operand(x, "flip")
    reversed_axes = counted_axes(axis, x.ndim, "flip")
    if len(set(reversed_axes)) < len(reversed_axes):
        raise ValueError(f"flip: axis {axis} names one twice; name each once")
    index = (slice(None, None, -1 if i in reversed_axes else None) for i in range(x.ndim))
    return getitem(x, tuple(index))


@Composed
def flipud(x: Any) -> Any:
    """Reverse the order of rows: the first axis.

    >>> tg.flipud(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[3., 4.],
            [1., 2.]])
    """
    return flip(x, axis=0)


@Composed
def fliplr(x: Any) -> Any:
    """Reverse the order of columns: the second axis.

    >>> tg.fliplr(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor([[2., 1.],
            [4., 3.]])
    """
    return flip(x, axis=1)


@Composed
def roll(x: Any, shift: Any, axis: Axes = None) -> Any:
    """Move entries along axes; what leaves at the end enters at the start.

    >>> tg.roll(tg.Tensor([1.0, 2.0, 3.0]), 1)
    Tensor([3., 1., 2.])
    """
    x = operand(x, "roll")
    if axis is None:
        return reshape(roll(reshape(x, shape=-1), shift, 0), shape=x.shape)
    axes = counted_axes(axis, x.ndim, "roll")
    shifts = tuple(shift) if isinstance(shift, tuple | list) else (shift,)
    count = len(shifts) if len(axes) == 1 else len(axes)
    if len(shifts) not in (1, count):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes; pass one for each")
    shifts, axes = (some * count if len(some) == 1 else some for some in (shifts, axes))
    for a, by in zip(axes, shifts, strict=True):
        length = x.shape[a]
        cut = -by % length if length else 0
        if cut:
            parts = slice(cut, None), slice(None, cut)
            x = concatenate([getitem(x, along(a, part)) for part in parts], a)
    return x


@Composed
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places; the others keep their order.

    >>> tg.moveaxis(tg.Tensor([[[1.0, 2.0, 3.0]]]), -1, 0).shape
    (3, 1, 1)
    """
    x = operand(x, "moveaxis")
    sources = counted_axes(source, x.ndim, "moveaxis")
    targets = counted_axes(destination, x.ndim, "moveaxis")
    if not len(set(sources)) == len(sources) == len(set(targets)) == len(targets):
        raise ValueError(f"moveaxis: from {source} to {destination}; name as many, and each once")
    order = [i for i in range(x.ndim) if i not in sources]
    for target, moved in sorted(zip(targets, sources, strict=True)):
        order.insert(target, moved)
    return transpose(x, axes=tuple(order))


@Composed
def matrix_transpose(x: Any) -> Any:
    """Exchange the last two axes: the transpose of each matrix of a stack.

    >>> tg.matrix_transpose(tg.Tensor([[1.0, 2.0, 3.0]])).shape
    (3, 1)
    """
    return swapaxes(operand(x, "matrix_transpose"), axis1=-1, axis2=-2)


def _each(xs: tuple[Any, ...], name: str, shaped: Callable[[tuple[int, ...]], Any]) -> Any:
    found = []
    for x in (operand(x, name) for x in xs):
        shape = shaped(x.shape)
        found.append(x if shape == x.shape else reshape(x, shape=shape))
    return found[0] if len(found) == 1 else tuple(found)


def _to_three(shape: tuple[int, ...]) -> tuple[int, ...]:
    return ((1, 1, 1), (1, *shape, 1), (*shape, 1), shape)[min(len(shape), 3)]


@Composed.typed
def atleast_1d(*xs: Any) -> Any:
    """Give tensors an axis where they have fewer.

    >>> tg.atleast_1d(tg.Tensor(5.0)).shape
    (1,)
    """
    return _each(xs, "atleast_1d", lambda shape: shape or (1,))


@Composed.typed
def atleast_2d(*xs: Any) -> Any:
    """Give tensors two axes where they have fewer.

    A vector becomes a row.

    >>> tg.atleast_2d(tg.Tensor(5.0)).shape
    (1, 1)
    """
    return _each(xs, "atleast_2d", lambda shape: (1,) * (2 - len(shape)) + shape)


@Composed.typed
def atleast_3d(*xs: Any) -> Any:
    """Give tensors three axes where they have fewer.

    A vector becomes (1, n, 1) and a matrix (n, m, 1).

    >>> tg.atleast_3d(tg.Tensor(5.0)).shape
    (1, 1, 1)
    """
    return _each(xs, "atleast_3d", _to_three)
