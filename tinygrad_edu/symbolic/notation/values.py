"""Parts of a formula as arrays that know what their axes are, and how they are computed with.

Shapes are read by position, as NumPy reads them; a vector in a product is a column, or a row
behind ᵀ. In index notation every free index is an axis with a letter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node

__all__ = [
    "ANY",
    "MIXED",
    "Calculator",
    "Misfit",
    "Refused",
    "Value",
    "known",
    "length_of",
    "numbers",
    "ordered",
    "real",
    "shape_of",
]

MIXED = "some arrays have indices here and some have none; write all of them or none"
#: An axis of length 1 that stands for any length, as in x 1ᵀ.
ANY = object()


class Misfit(ValueError):
    """Two shapes of a formula do not fit: it was read, and it is wrong."""


class Refused(Exception):
    """What has no meaning here; where it stands, the reader adds."""


@dataclass(frozen=True)
class Value:
    """A part of a formula: an array, and what each of its axes is.

    That is a letter for its free indices, which come first; for others what they run over, if
    that is known, or `ANY`. A vector is a column, or a `row` if transposed. An array whose size is
    not known yet, such as I, is `made` once it is.
    """

    array: Any
    axes: tuple[Any, ...] = ()
    row: bool = False
    made: Callable[[int], Any] | None = None

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """The free indices."""
        return tuple(axis for axis in self.axes if isinstance(axis, str))

    @cached_property
    def inner(self) -> tuple[Any, ...]:
        """What the axes without a letter are."""
        return self.axes[len(self.letters) :]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that have no letter."""
        return shape_of(self.array)[len(self.letters) :]

    @property
    def ndim(self) -> int:
        """How many axes have no letter."""
        return len(self.inner)

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return not self.axes

    @property
    def is_whole(self) -> bool:
        """Whether it is an array of a known shape, without indices."""
        return not self.letters and ANY not in self.axes

    def settled(self, length: int) -> Value:
        """Make the array, now that its size is known."""
        if self.made is None:
            return self
        axes = tuple(None if axis is ANY else axis for axis in self.axes)
        return Value(self.made(length), axes, self.row)

    def turned(self) -> Value:
        """Return the transpose: of a vector a row, or a column again."""
        if self.ndim < 2:
            return replace(self, row=not self.row)
        if self.ndim > 2 or self.letters:
            raise Misfit("a transpose is one of a matrix")
        made = self.made
        turned = None if made is None else lambda length: ops.transpose(made(length))
        return Value(ops.transpose(self.array), self.axes[::-1], made=turned)


class Calculator:
    """Compute with values, of which none is larger than `largest`.

    Raises
    ------
    Misfit
        If shapes do not fit.
    Refused
        If there is no such computation.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest

    def refuse_large(self, shape: Sequence[int]) -> None:
        """Refuse an array that is too large to be tried."""
        if math.prod(shape) > self.largest:
            raise Refused(f"an array of shape {tuple(shape)} is too large to be tried")

    def entrywise(self, op: Callable[..., Any], *values: Value) -> Value:
        """Apply an operation entry by entry, as NumPy broadcasts shapes."""
        if any(value.made is not None for value in values):
            return self._once_made(op, values)
        letters = _letters_of(values)
        values = tuple(map(_without_units, values)) if letters else values
        most = max(value.ndim for value in values)
        counted, placed = ({bool(v.letters) for v in values if v.ndim == n} for n in (0, most))
        if most and True in counted and False in placed:  # a_j − y
            raise Refused(MIXED)
        try:
            np.broadcast_shapes(*(value.shape for value in values))
        except ValueError:
            shapes = " and ".join(str(value.shape) for value in values if value.ndim)
            raise Misfit(f"shapes {shapes} do not fit") from None
        arrays = [ordered(v, letters, most) if v.axes and letters else v.array for v in values]
        self.refuse_large(np.broadcast_shapes(*map(np.shape, arrays)))
        if not any(isinstance(a, Node | np.ndarray) for a in arrays):
            arrays = [np.float64(a) for a in arrays]
        out = op(*arrays)
        if isinstance(out, np.ndarray) and out.dtype == bool:
            out = out.astype(np.float64)
        if not letters and not most and not isinstance(out, Node):
            out = float(out)
        row = all(value.row for value in values if value.ndim == most) and most == 1
        axes = letters + _spread([value.inner for value in values], most)
        return Value(out, axes, row)

    def _once_made(self, op: Callable[..., Any], values: Sequence[Value]) -> Value:
        """Apply an operation where the size of I shows beside it, or does not matter yet."""
        if any(value.letters for value in values):
            raise Refused(MIXED)

        def settled(length: int) -> Value:
            return self.entrywise(op, *(value.settled(length) for value in values))

        length = next((n for v in values if v.made for n in _beside(v, values)), None)
        if length is not None:
            return settled(length)
        axes = _spread([v.axes for v in values], max(value.ndim for value in values))
        return Value(np.zeros((1,) * len(axes)), axes, made=lambda length: settled(length).array)

    def multiplied(self, left: Value, right: Value) -> Value:
        """Multiply matrices, and vectors that are rows or columns, at each of their indices."""
        letters = _letters_of([left, right])
        if letters:
            left, right = _without_units(left), _without_units(right)
        if left.is_number or right.is_number or not left.ndim + right.ndim:
            return self.entrywise(ops.multiply, left, right)
        if right.row and left.ndim == 2 and left.shape[1] == 1 and left.axes[-1] is not ANY:
            column = ops.reshape(left.array, shape=(-1,))  # as keepdims leaves it
            left = replace(left, array=column, axes=left.axes[:1])
        outer = left.ndim == right.ndim == 1 and right.row and not left.row
        if not outer and left.ndim and right.ndim:
            left, right = self._fitted(left, right)
        if letters:
            return _at_each_index(letters, left, right, outer)
        if outer:
            return self._outer(left, right)
        row = left.row and right.ndim == 2
        axes = left.axes[:-1] + right.axes[1:]
        return Value(ops.matmul(left.array, right.array), axes, row)

    def _fitted(self, left: Value, right: Value) -> tuple[Value, Value]:
        """Give I and vectors of ones the lengths that they meet, if the shapes fit."""
        shapes = f"shapes {left.shape} and {right.shape} do not fit a matrix product"
        if left.ndim > 2 or right.ndim > 2:
            raise Misfit(f"{shapes} of matrices")
        if left.axes[-1] is ANY and right.inner[0] is ANY:
            raise Refused("how long the vector of ones is does not show; write ones(3)")
        left = self._stretched(left, left.ndim - 1, right.shape[0])
        right = self._stretched(right, 0, left.shape[-1])
        if left.shape[-1] != right.shape[0]:
            raise Misfit(shapes)
        return left, right

    def _stretched(self, value: Value, place: int, length: int) -> Value:
        """Give an axis that stands for any length the one that is met."""
        if value.inner[place] is not ANY:
            return value
        if value.made is not None:
            return value.settled(length)
        shape = [length if i == place else n for i, n in enumerate(value.shape)]
        self.refuse_large(shape)
        axes = tuple(None if i == place else each for i, each in enumerate(value.axes))
        return replace(value, array=ops.broadcast_to(value.array, shape=tuple(shape)), axes=axes)

    def _outer(self, left: Value, right: Value) -> Value:
        self.refuse_large((*left.shape, *right.shape))
        made = None
        if left.made is not None or right.made is not None:
            if left.axes == right.axes:
                raise Refused("how long these vectors are does not show; write eye(3)[0]")

            def made(length: int) -> Any:
                return ops.outer(left.settled(length).array, right.settled(length).array)

        return Value(ops.outer(left.array, right.array), left.axes + right.axes, made=made)


def _at_each_index(letters: Sequence[str], left: Value, right: Value, outer: bool) -> Value:
    """Multiply vectors and matrices at each of their indices: wᵀ xₙ, δₙ xₙᵀ, W xₙ, yₙ w."""
    if ANY in {*left.axes, *right.axes}:
        raise Refused(MIXED)
    rows, columns = ("<", ">") if outer else ("<="[2 - left.ndim :], "=>"[: right.ndim])
    axes = dict(zip(rows, left.inner, strict=True)) | dict(zip(columns, right.inner, strict=True))
    kept = [sign for sign in axes if (rows + columns).count(sign) == 1]
    code = dict(zip([*letters, *axes], "abcdefghijklmnopqrstuvwxyz", strict=False))
    terms = [*left.letters, *rows], [*right.letters, *columns], [*letters, *kept]
    one, other, result = ("".join(map(code.__getitem__, term)) for term in terms)
    array = ops.einsum(f"{one},{other}->{result}", real(left.array), real(right.array))
    scaled = not left.ndim or not right.ndim
    row = left.row or right.row if scaled else left.row and kept == [">"]
    return Value(array, (*letters, *map(axes.__getitem__, kept)), row)


# --- arrays and axes ------------------------------------------------------------------------------


def numbers(value: Any) -> Any:
    """Return the numbers of a vertex."""
    return value.value if isinstance(value, Node) else value


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of an array, a vertex or a number."""
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return shape


def real(value: Any) -> Any:
    """Return a number as NumPy's, which has a shape."""
    return np.float64(value) if isinstance(value, int | float) else value


def length_of(array: Any, axis: int) -> Any:
    """Return how long an axis is; of a vertex as a vertex."""
    if isinstance(array, Node):
        return ops.length(array, axis=axis)
    return float(shape_of(array)[axis])


def known(array: Any, axes: Sequence[Any] | None = None) -> Value:
    """Return an array of which nothing is known, or what its axes run over."""
    ndim = len(shape_of(array))
    return Value(array, (None,) * ndim if axes is None or len(axes) != ndim else tuple(axes))


def ordered(value: Value, wanted: Sequence[str], ndim: int = 0) -> Any:
    """Order free indices as wanted, with length 1 where one or an axis behind them is missing."""
    array, order = value.array, tuple(value.axes.index(x) for x in wanted if x in value.axes)
    if order != tuple(range(len(order))):
        array = ops.transpose(array, axes=(*order, *range(len(order), len(value.axes))))
    missing = [i for i, letter in enumerate(wanted) if letter not in value.axes]
    missing += range(len(wanted), len(wanted) + ndim - value.ndim)
    return ops.expand_dims(array, axis=tuple(missing)) if missing else array


def _letters_of(values: Iterable[Value]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(letter for value in values for letter in value.letters))


def _without_units(value: Value) -> Value:
    """Take the only entry of an array of length 1, which has no index."""
    if not value.ndim or ANY in value.axes or math.prod(value.shape) != 1 or value.letters:
        return value
    return Value(ops.reshape(value.array, shape=()))


def _spread(every: Sequence[tuple[Any, ...]], ndim: int) -> tuple[Any, ...]:
    """Return what the axes of arrays are together: ANY where all are, else what one knows."""
    found = []
    for place in range(-ndim, 0):
        there = [axes[place] for axes in every if len(axes) >= -place]
        known = [axis for axis in there if axis is not ANY]
        found.append(next((a for a in reversed(known) if a is not None), None) if known else ANY)
    return tuple(found)


def _beside(value: Value, values: Iterable[Value]) -> Iterator[int]:
    """Yield how long an array of unknown size is by those that stand beside it."""
    for place in range(-value.ndim, 0) if value.made is not None else ():
        for other in values:
            there = other.ndim >= -place and value.axes[place] is ANY is not other.axes[place]
            if there and other.shape[place] != 1:
                yield other.shape[place]
