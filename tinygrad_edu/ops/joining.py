"""Joining and cutting, repeating and padding, with NumPy's names: compositions of `shape`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, operand
from tinygrad_edu.ops.rearrange import (
    along,
    atleast_1d,
    atleast_2d,
    atleast_3d,
    counted_axes,
    whole,
)
from tinygrad_edu.ops.shape import broadcast_to, concatenate, expand_dims, getitem, reshape

__all__ = [
    "array_split",
    "column_stack",
    "dstack",
    "hstack",
    "pad",
    "repeat",
    "split",
    "tile",
    "vstack",
]


@Composed
def tile(x: Any, reps: Any) -> Any:
    """Repeat the whole tensor along axes.

    >>> tg.tile(tg.Tensor([1.0, 2.0]), 2)
    Tensor([1., 2., 1., 2.])
    """
    x = operand(x, "tile")
    times = tuple(reps) if isinstance(reps, tuple | list) else (reps,)
    ndim = max(x.ndim, len(times))
    times = (1,) * (ndim - len(times)) + times
    lengths = (1,) * (ndim - x.ndim) + x.shape
    if min(times, default=0) < 0:
        raise ValueError(f"tile: {reps} repeats; a number of repeats is not negative")
    single = [n for length in lengths for n in (1, length)]
    spread = [n for pair in zip(times, lengths, strict=True) for n in pair]
    joined = tuple(n * length for n, length in zip(times, lengths, strict=True))
    return reshape(broadcast_to(reshape(x, shape=tuple(single)), shape=tuple(spread)), shape=joined)


@Composed
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Repeat each entry, or each part along an axis.

    >>> tg.repeat(tg.Tensor([1.0, 2.0]), 2)
    Tensor([1., 1., 2., 2.])
    """
    x = operand(x, "repeat")
    if axis is None or x.ndim == 0:
        x, axis = reshape(x, shape=-1), axis or 0
    (a,) = counted_axes(axis, x.ndim, "repeat")
    length = x.shape[a]
    if isinstance(repeats, int) and repeats >= 0:
        spread = broadcast_to(
            expand_dims(x, axis=a + 1), shape=(*x.shape[: a + 1], repeats, *x.shape[a + 1 :])
        )
        return reshape(spread, shape=(*x.shape[:a], length * repeats, *x.shape[a + 1 :]))
    counts = np.asarray(repeats)
    try:
        places = np.repeat(np.arange(length), counts.astype(np.intp, casting="same_kind"))
    except ValueError:
        raise ValueError(
            f"repeat: {repeats} repeats for {length} entries along axis {axis}; pass one number, "
            "or one for each, none of them negative"
        ) from None
    return getitem(x, along(a, places))


@Composed
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Add entries before and after, along every axis.

    Constants are joined on; the other modes pick entries of `x` again.

    >>> tg.pad(tg.Tensor([1.0, 2.0]), (1, 2))
    Tensor([0., 1., 2., 0., 0.])
    >>> tg.pad(tg.Tensor([1.0, 2.0, 3.0]), 2, "reflect")
    Tensor([3., 2., 1., 2., 3., 2., 1.])
    """
    x = operand(x, "pad")
    if mode not in ("constant", "edge", "reflect", "symmetric", "wrap"):
        raise ValueError(
            f'pad: no mode {mode!r}; it is "constant", "edge", "reflect", "symmetric" or "wrap"'
        )
    if isinstance(pad_width, dict):  # of some axes
        pad_width, by_axis = np.zeros((x.ndim, 2), int), pad_width
        for axis, width in by_axis.items():
            pad_width[list(counted_axes(axis, x.ndim, "pad"))] = width
    widths = _pairs(pad_width, x.ndim, "pad_width")
    values = _pairs(constant_values, x.ndim, "constant_values")
    for a, (before, after) in enumerate(widths):
        if before < 0 or after < 0:
            raise ValueError(f"pad: a width of {min(before, after)}; cut with an index instead")
        if mode != "constant":
            places = np.pad(np.arange(x.shape[a]), (int(before), int(after)), mode)  # type: ignore[call-overload]  # mypy wants a literal mode
            x = getitem(x, along(a, places)) if before or after else x
            continue
        added = [
            np.full((*x.shape[:a], int(width), *x.shape[a + 1 :]), value, x.dtype)
            for width, value in zip((before, after), values[a], strict=True)
        ]
        x = concatenate([added[0], x, added[1]], a) if before or after else x
    return x


def _pairs(given: Any, ndim: int, what: str) -> Any:
    """Write out what may be one number, one pair, or a pair for each axis."""
    try:
        return np.broadcast_to(np.asarray(given), (ndim, 2)).tolist()
    except ValueError:
        raise ValueError(
            f"pad: {what} = {given} does not fit {ndim} axes; pass a number, (before, after), or "
            "such a pair for each axis"
        ) from None


@Composed.typed
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut along an axis into parts that need not be of one length.

    The parts are slices.

    >>> tg.array_split(tg.Tensor([1.0, 2.0, 3.0]), 2)
    [Tensor([1., 2.]), Tensor([3.])]
    """
    x = operand(x, "array_split")
    (a,) = counted_axes(axis, x.ndim, "array_split")
    length = x.shape[a]
    if isinstance(indices_or_sections, int):
        if indices_or_sections < 1:
            raise ValueError(f"array_split: {indices_or_sections} parts; there is at least one")
        each, longer = divmod(length, indices_or_sections)
        ends = np.cumsum([each + (i < longer) for i in range(indices_or_sections)]).tolist()
    else:
        ends = [*(whole(i, "array_split") for i in indices_or_sections), length]
    return [
        getitem(x, along(a, slice(start, end)))
        for start, end in zip([0, *ends[:-1]], ends, strict=True)
    ]


@Composed.typed
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut along an axis into parts of one length, or at given places.

    The parts are slices.

    >>> tg.split(tg.Tensor([1.0, 2.0, 3.0, 4.0]), 2)
    [Tensor([1., 2.]), Tensor([3., 4.])]
    """
    x = operand(x, "split")
    (a,) = counted_axes(axis, x.ndim, "split")
    length = x.shape[a]
    if isinstance(indices_or_sections, int) and (
        indices_or_sections < 1 or length % indices_or_sections
    ):
        raise ValueError(
            f"split: an axis of length {length} into {indices_or_sections} equal parts; use "
            "array_split, or pass the places"
        )
    return array_split(x, indices_or_sections, axis)


@Composed
def vstack(tensors: Iterable[Any]) -> Any:
    """Join as rows: along the first axis, vectors being rows.

    >>> tg.vstack([tg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[1., 2.],
            [3., 4.]])
    """
    return concatenate([atleast_2d(x) for x in tensors], 0)


@Composed
def hstack(tensors: Iterable[Any]) -> Any:
    """Join side by side: along the second axis, or the only one.

    >>> tg.hstack([tg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([1., 2., 3., 4.])
    """
    parts = [atleast_1d(x) for x in tensors]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


@Composed
def dstack(tensors: Iterable[Any]) -> Any:
    """Join in depth: along the third axis.

    >>> tg.dstack([tg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[[1., 3.],
             [2., 4.]]])
    """
    return concatenate([atleast_3d(x) for x in tensors], 2)


@Composed
def column_stack(tensors: Iterable[Any]) -> Any:
    """Join as columns: vectors become the columns of a matrix.

    >>> tg.column_stack([tg.Tensor([1.0, 2.0]), [3.0, 4.0]])
    Tensor([[1., 3.],
            [2., 4.]])
    """
    parts = [operand(x, "column_stack") for x in tensors]
    return concatenate([reshape(x, shape=(-1, 1)) if x.ndim < 2 else x for x in parts], 1)
