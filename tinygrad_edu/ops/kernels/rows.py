"""Arrays as rows of classes: exponentials that do not overflow, and sums that keep their digits.

Shifted by the largest entry of a row nothing overflows; that entry's own 1 stays out of the sum, so
that the logarithm of a sum near 1, log(1 + r), is log1p(r), exact to a few roundings. float16 is
computed in float32.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_edu.core.node import one_line

__all__ = ["MODERATE", "SURE", "as_rows", "balanced", "floating", "in_dtype_of", "moderated"]
__all__ += ["places", "put", "row_starts", "shifted_exponentials"]


def floating(x: Any) -> Any:
    """Turn whole numbers into float64: unsigned ones have no negatives, short ones overflow."""
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def in_dtype_of(x: Any, losses: Any) -> Any:
    """Whole numbers and wider floats as targets do not widen the loss."""
    return losses.astype(x.dtype, copy=False) if x.dtype.kind == "f" else losses


def as_rows(x: Any, axis: Any) -> tuple[Any, Any]:
    """Return x as the rows of a contiguous matrix, and what puts rows back into x's shape."""
    if x.ndim == 0:
        raise ValueError("a number has no axis of classes; pass a vector")
    if axis is None or (isinstance(axis, tuple | list) and len(axis) != 1):
        raise TypeError(
            f"axis={axis} is not one axis, which the classes are along; reshape first, so that "
            "they are, and pass an integer"
        )
    x = floating(x)
    if x.dtype.char == "e":  # a sum of float16 overflows at 65504
        rows, put_wide_back = as_rows(x.astype(np.float32), axis)
        return rows, lambda rows: put_wide_back(rows).astype(np.float16)
    if x.ndim == 2 and axis in (-1, 1) and x.flags.c_contiguous:
        return x, _as_it_is
    moved = np.moveaxis(x, axis, -1)
    lead = moved.shape[:-1]
    rows = np.ascontiguousarray(moved).reshape(math.prod(lead), moved.shape[-1])

    def put_back(rows: Any) -> Any:
        return np.moveaxis(rows.reshape(*lead, rows.shape[-1]), -1, axis)

    return rows, put_back


@functools.lru_cache(maxsize=8)
def row_starts(count: int, length: int) -> Any:
    """Return where each row of a contiguous matrix starts in its flat form."""
    starts = np.arange(0, count * length, length)
    starts.flags.writeable = False
    return starts


def _as_it_is(rows: Any) -> Any:
    return rows


#: Exponentials of smaller numbers, their sums and their quotients neither overflow nor vanish.
MODERATE = {"f": 26.0, "d": 212.0}


@one_line
def moderated(rows: Any) -> Any:
    """Return the rows as they are, or with zeros in those whose exponentials need a shift."""
    bound = MODERATE.get(rows.dtype.char, 0.0)
    if rows.size and rows.item(rows.argmin()) >= -bound and rows.item(rows.argmax()) <= bound:
        return rows
    near = np.maximum.reduce(np.abs(rows), 1, keepdims=True, initial=0) <= bound  # NaN is not
    return np.where(near, rows, rows.dtype.type(0))


@one_line
def put(rows: Any, places: Any, values: Any) -> Any:
    """Write values into a contiguous matrix, at places in its flat order; return the matrix."""
    rows.ravel()[places] = values
    return rows


put.__wrapped__.changes = True  # type: ignore[attr-defined]  # its first argument


def shifted_exponentials(rows: Any) -> tuple[Any, Any, Any, Any]:
    """Return e^(x - max), and for each row max, the sum of these but for one largest, their sum.

    An infinite maximum gives NaN.
    """
    if not rows.shape[1]:
        raise ValueError("there are no classes; that axis needs one entry at least")
    places = rows.argmax(1) + row_starts(*rows.shape)
    largest = rows.ravel()[places]
    e = rows - largest[:, None]
    np.exp(e, e)
    flat = e.ravel()
    one = flat[places]  # 1, or NaN where the maximum is infinite or NaN
    flat[places] = one - one
    rest = np.add.reduce(e, 1)
    flat[places] = one
    return e, largest, rest, rest + one


#: From 1 - a < 1/1000 on, a difference from 1 has lost three digits, and is computed anew.
SURE = 1e-3


def balanced(gradient: Any, a: Any, axis: int) -> Any:
    """Compute the entry of the likeliest class anew, from the others: in all they sum to 0.

    Where its probability is near 1, its own formula subtracts nearly equal numbers.
    """
    rows, put_back = as_rows(gradient, axis)
    likely, _ = as_rows(a, axis)
    rows = np.array(rows)
    flat, places = rows.ravel(), likely.argmax(1) + row_starts(*rows.shape)
    flat[places] = 0
    flat[places] = 0 - np.add.reduce(rows, 1)
    return put_back(rows)


def places(x: Any, labels: Any) -> Any:
    """Return where, in the flat order of x, the entries stand that labels name."""
    # uint64 and int64 would meet in float64
    return labels.ravel().astype(np.intp, copy=False) + row_starts(labels.size, x.shape[-1])
