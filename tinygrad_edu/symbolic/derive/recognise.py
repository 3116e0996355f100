"""What an array without a name was computed from: a small set of expressions, tried on the data.

The expressions are those that people compute beside a graph: 1 − t, −y, B.T, t[:, None], A @ s,
one-hot rows of indices. One that gives the same numbers, bit for bit, is taken for what was meant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops

__all__ = ["Known", "recognised"]

Array = npt.NDArray[Any]
Compute = Callable[..., Any]

#: What is larger is not tried; of more names than this, the last are not.
MOST_ENTRIES = 200_000
MOST_NAMES = 24


class Known(NamedTuple):
    """An array that has a name: how it gets into a graph, and its numbers."""

    symbol: Callable[[], Any]
    array: Array


def recognised(array: Array, known: Sequence[Known]) -> Any:
    """Return the symbol of what gives an array; None if nothing simple does.

    An array of equal entries could be anything, so it is nothing.
    """
    if not 1 < array.size <= MOST_ENTRIES or not np.isfinite(array).all() or _kinds(array) < 2:
        return None
    known = [k for k in known if 1 < k.array.size <= MOST_ENTRIES][:MOST_NAMES]
    with np.errstate(all="ignore"):
        found = [(*way, one) for one in known for way in _of_one(array, one.array)]
        if found:
            _, compute, one = min(found, key=lambda way: way[0])
            return compute(one.symbol())
        if _kinds(array) < 3 and array.size < 4:  # two arrays soon fit a few entries
            return None
        numbers = (k for k in known if k.array.dtype.kind != "b")
        for one, other in itertools.permutations(numbers, 2):
            for compute in _of_two(one.array, other.array, array.shape):
                if _same(compute(one.array, other.array), array):
                    return compute(one.symbol(), other.symbol())
    return None


def _kinds(array: Array) -> int:
    """Return how many different entries there are, among the first of them."""
    return len(np.unique(array.ravel()[:1000]))


def _same(found: Any, array: Array) -> bool:
    return found.shape == array.shape and bool(np.array_equal(found, array))


def _of_one(array: Array, base: Array) -> Iterator[tuple[int, Compute]]:
    """Yield what makes an array of one other, and how far that is from simple."""
    for turns, shaped in enumerate(_shaped(base, array)):
        x = shaped(base)
        if x.shape != array.shape or _kinds(x) < 2:
            continue
        changes = _CHANGES[:1] if x.dtype.kind == "b" else _CHANGES  # −x is nothing of a mask
        for cost, change in enumerate(changes):
            if _same(change(x), array):
                yield turns + 2 * cost, _both(shaped, change)
                break
        else:
            yield from ((turns + 20, _both(shaped, change)) for change in _affine(x, array))
    if base.dtype.kind in "iu" and array.shape[:-1] == base.shape and base.size > 2:
        rows = partial(ops.one_hot, classes=array.shape[-1])
        if base.min() >= 0 and base.max() < array.shape[-1] and _same(rows(base), array):
            yield 3, rows


def _both(first: Compute, then: Compute) -> Compute:
    return lambda x: then(first(x))


#: Functions of one array, the simplest first.
_CHANGES: tuple[Compute, ...] = (
    lambda x: x,
    lambda x: -x,
    lambda x: 1 - x,
    lambda x: x**2,
    lambda x: 1 / x,
    ops.sqrt,
    ops.exp,
    ops.log,
    ops.abs,
)


def _affine(x: Array, array: Array) -> Iterator[Compute]:
    """Yield a·x + b with short numbers a and b, where there are entries enough to tell."""
    if _kinds(array) < 3 and array.size < 4:
        return
    low, high = int(x.argmin()), int(x.argmax())
    (x0, x1), (y0, y1) = ((float(a.flat[low]), float(a.flat[high])) for a in (x, array))
    slope = _short((y1 - y0) / (x1 - x0), 0)
    offset = None if slope is None else _short(y0 - slope * x0, abs(y0))
    if not slope or offset is None:
        return
    # Rounding depends on the order in which it was computed.
    if np.allclose(slope * x + offset, array, rtol=1e-15, atol=1e-15 * abs(array).max()):
        yield lambda x: slope * x + offset if offset else slope * x


def _short(value: float, beside: float) -> float | None:
    """Return the short fraction or decimal that a number is up to rounding, if there is one."""
    if abs(value) <= 1e-14 * beside:
        return 0.0
    for short in (float(Fraction(value).limit_denominator(100)), float(f"{value:.6g}")):
        if abs(short - value) <= 1e-13 * max(abs(value), beside):
            return short
    return None


def _shaped(base: Array, array: Array) -> Iterator[Compute]:
    """Yield how one array may have been brought into the shape of another: turned, cut."""
    shape = array.shape
    if base.shape == shape:
        yield lambda x: x
    if base.ndim == 2 and base.shape[::-1] == shape:
        yield ops.transpose
    if base.size == math.prod(shape) and tuple(n for n in shape if n != 1) == base.shape:
        gone = tuple(i for i, n in enumerate(shape) if n == 1)
        if len(gone) == len(shape) - base.ndim:
            yield lambda x: ops.expand_dims(x, axis=gone)
    elif array.base is not None and np.shares_memory(base, array):
        yield from _cut(base, array)


def _cut(base: Array, array: Array) -> Iterator[Compute]:
    """Yield the slice or the row that an array is a view of; few entries are alike by chance."""
    gone = base.ndim - array.ndim
    for axis in range(base.ndim):
        kept = base.shape[:axis] + base.shape[axis + 1 :]
        length = 1 if gone else array.shape[axis]
        if gone not in {0, 1} or kept != array.shape[:axis] + array.shape[axis + 1 - gone :]:
            continue
        for start in range(base.shape[axis] - length + 1):
            part: Any = start if gone else slice(start, start + length)
            index = (*[slice(None)] * axis, part)
            if base[index].ctypes.data == array.ctypes.data:
                yield lambda x, index=index: x[index]


def _of_two(one: Array, other: Array, shape: tuple[int, ...]) -> Iterator[Compute]:
    """Yield what makes an array of a shape out of two others."""
    if _broadcast(one.shape, other.shape) == shape:
        yield from (lambda x, y: x - y, lambda x, y: x / y, lambda x, y: x + y, lambda x, y: x * y)
    for left, right in itertools.product((False, True), repeat=2):
        a, b = (x.T if turned else x for x, turned in ((one, left), (other, right)))
        if (left and one.ndim < 2) or (right and other.ndim < 2):
            continue
        fit = 1 <= a.ndim <= 2 and 1 <= b.ndim <= 2 and a.shape[-1] == b.shape[0]
        if fit and a.shape[:-1] + b.shape[1:] == shape:
            yield lambda x, y, left=left, right=right: _turned(x, left) @ _turned(y, right)
    if one.ndim == other.ndim == 1 and (*one.shape, *other.shape) == shape:
        yield ops.outer


def _turned(x: Any, turned: bool) -> Any:
    return x.T if turned else x


def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None
