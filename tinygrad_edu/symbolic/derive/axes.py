"""Axes become indices: which axes of a traced graph run over the same index.

Two axes are one index where an operation says so: entry by entry, along a sum, between the inner
axes of a matrix product. Where this would give one array the same index on two axes (X Xᵀ, say, or
x + W x), two indices remain that share a range, and the lowering renames one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.symbolic.algebra.expr import named_axes
from tinygrad_edu.symbolic.algebra.slices import cuts
from tinygrad_edu.symbolic.derive.trace import Symbol

__all__ = ["LINEAR", "PICKS", "PRODUCTS", "Axes", "Pairs", "Place", "Subscripts", "subscripts"]

Place = tuple[int, int]  # the serial number of a symbol, and one of its axes
Pairs = list[tuple[Place, Place]]

PRODUCTS = frozenset({"matmul", "einsum"})
PICKS = frozenset({"getitem", "scatter_add"})
#: Operations that move, insert or remove axes, and leave the entries as they are.
MOVES = frozenset({"transpose", "swapaxes", "reshape", "expand_dims", "squeeze"})
SPREADS = frozenset({"broadcast_to", "astype", "sum_to"})
REDUCTIONS = frozenset({"sum", "max", "min", "prod"})
ROWWISE = frozenset({"softmax", "one_hot"})  # the axes stay; one_hot adds one behind them
#: A sum of products of entries, each of which is found by its subscripts.
LINEAR = PRODUCTS | PICKS | MOVES | SPREADS | {"sum"}

_HELD = -1  # the serial number of no symbol


class Axes:
    """Union-find over the axes of all symbols; no symbol gets one index on two axes."""

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        # No paths are shortened, so that a union can be undone; by size, they stay short.
        self._parent: dict[Place, Place] = {}
        self._members: dict[Place, set[int]] = {}
        self._akin: dict[Place, Place] = {}
        for symbol in symbols:
            for axis, length in enumerate(symbol.shape):
                if length != 1:
                    place = symbol.serial, axis
                    self._parent[place] = place
                    self._members[place] = {symbol.serial}

    def root(self, place: Place) -> Place:
        """Return the axis that stands for all that were joined with this one."""
        while self._parent[place] != place:
            place = self._parent[place]
        return place

    def join(self, pairs: Iterable[tuple[Place, Place]]) -> bool:
        """Make pairs of axes the same index; change nothing and say so where that cannot be."""
        done: list[tuple[Place, Place]] = []
        for pair in pairs:
            small, large = sorted(map(self.root, pair), key=lambda p: len(self._members[p]))
            if small == large:
                continue
            if not self._members[small].isdisjoint(self._members[large]):
                for small, large in reversed(done):
                    self._parent[small] = small
                    self._members[large] -= self._members[small]
                return False
            self._parent[small] = large
            self._members[large] |= self._members[small]
            done.append((small, large))
        return True

    def hold(self, places: Iterable[Place]) -> None:
        """Keep axes apart from now on that are not one index yet."""
        for place in places:
            self._members[self.root(place)].add(_HELD)

    def relate(self, pairs: Iterable[tuple[Place, Place]]) -> None:
        """Let pairs of axes share a range; nothing may be joined after that."""
        for pair in pairs:
            one, other = map(self.kin, pair)
            if one != other:
                self._akin[one] = other

    def kin(self, place: Place) -> Place:
        """Return the axis that stands for all that share a range with this one."""
        place = self.root(place)
        while place in self._akin:
            place = self._akin[place]
        return place


class Subscripts(NamedTuple):
    """What einsum is given, for any operation: a letter for each axis of arguments and result.

    An axis that has none is inserted, left out or of an array of places. `places` are the letters
    that stand for one place, and which.
    """

    terms: Sequence[Sequence[Any]]
    result: Sequence[Any]
    places: Mapping[Any, int] = {}

    def pairs(self, node: Symbol) -> Pairs:
        """Return the pairs of axes that have one letter, but for those of length 1."""
        found: Pairs = []
        first: dict[Any, Place] = {}
        assert node.op is not None
        every = list(zip(node.args, self.terms, strict=True))
        every.insert(len(every) if node.op.name in PRODUCTS else 0, (node, self.result))
        for symbol, term in every:
            for axis, letter in enumerate(term):
                if letter is None or symbol.shape[axis] == 1:
                    continue
                place = symbol.serial, axis
                if letter in first:
                    found.append((first[letter], place))
                first.setdefault(letter, place)
        return found


def subscripts(node: Symbol) -> Subscripts | None:
    """Write an operation with subscripts; None where that cannot be."""
    assert node.op is not None
    name, first, attributes = node.op.name, node.args[0], node.attributes
    if name in PRODUCTS:
        return _product(node) if all(isinstance(a, Symbol) for a in node.args) else None
    every, out = range(getattr(first, "ndim", 0)), range(node.ndim)
    if node.op.elementwise or name in SPREADS:  # aligned as NumPy does, from the last backwards
        terms = [range(-getattr(a, "ndim", 0), 0) for a in node.args]
        return Subscripts(terms, range(-node.ndim, 0))
    if name in REDUCTIONS:
        gone = named_axes(first.ndim, attributes["axis"])
        kept = [None if axis in gone else axis for axis in every]
        keepdims = attributes["keepdims"]
        return Subscripts([every], [axis for axis in kept if keepdims or axis is not None])
    if name in ROWWISE:
        return Subscripts([every], out)
    if name == "stack":
        new = attributes["axis"] % node.ndim
        return Subscripts([[axis for axis in out if axis != new]] * len(node.args), out)
    if name in MOVES:
        return _moved(node)
    if name in PICKS:
        return _picked(node) or _diagonal(node)
    return None


def _product(node: Symbol) -> Subscripts:
    assert node.op is not None
    if node.op.name == "einsum":
        inputs, result = node.attributes["subscripts"].split("->")
        return Subscripts(inputs.split(","), result)
    one, other = node.args[0].ndim, node.args[1].ndim
    stack = "abcdefgh"[: max(one, other, 2) - 2]
    left = "z" if one == 1 else stack[len(stack) - (one - 2) :] + "yz"
    right = "z" if other == 1 else stack[len(stack) - (other - 2) :] + "zx"
    result = stack + ("" if one == 1 else "y") + ("" if other == 1 else "x")
    return Subscripts([left, right], result)


def _moved(node: Symbol) -> Subscripts | None:
    """Write an operation that only moves, inserts or removes axes."""
    assert node.op is not None
    argument, attributes = node.args[0], node.attributes
    order = list(range(argument.ndim))
    if node.op.name == "transpose":
        axes = attributes["axes"]
        return Subscripts([order], named_axes(len(order), axes)[:: -1 if axes is None else 1])
    if node.op.name == "swapaxes":
        one, other = (attributes[name] % len(order) for name in ("axis1", "axis2"))
        moved = [{one: other, other: one}.get(axis, axis) for axis in order]
        return Subscripts([order], moved)
    # reshape, expand_dims and squeeze: the same lengths once the ones are left out
    lengths = [[n for n in shape if n != 1] for shape in (argument.shape, node.shape)]
    if lengths[0] != lengths[1]:
        return None
    old, new = (
        [None if n == 1 else sum(m != 1 for m in shape[:i]) for i, n in enumerate(shape)]
        for shape in (argument.shape, node.shape)
    )
    return Subscripts([old], new)


def _between(node: Symbol, longer: Sequence[Any], shorter: Sequence[Any]) -> Subscripts:
    """Write `getitem` or `scatter_add`; what it is given beside an array are places."""
    assert node.op is not None
    one, other = (longer, shorter) if node.op.name == "getitem" else (shorter, longer)
    return Subscripts([one, *([None] * getattr(a, "ndim", 0) for a in node.args[1:])], other)


def _picked(node: Symbol) -> Subscripts | None:
    """Write the index of `getitem` or `scatter_add`, where it is of whole axes and places."""
    assert node.op is not None
    gathers = node.op.name == "getitem"
    long, short = (node.args[0], node) if gathers else (node, node.args[0])
    found = cuts(node.attributes["index"], long.shape)
    if found is None or any(
        cut.other is not None and (cut.step, cut.length) != (1, long.shape[cut.axis])
        for cut in found
    ):
        return None
    along = {cut.other: cut.axis for cut in found}
    spelled = _between(node, range(long.ndim), [along.get(axis) for axis in range(short.ndim)])
    return spelled._replace(places={cut.axis: cut.start for cut in found if cut.other is None})


def _diagonal(node: Symbol) -> Subscripts | None:
    """Write the index of the whole diagonal of square matrices, in any of two axes side by side."""
    assert node.op is not None
    shape = (node.args[0] if node.op.name == "getitem" else node).shape
    index = node.attributes["index"]
    if [part for part in index if part is not Ellipsis] != ["array", "array"]:
        return None
    row = len(shape) - 2 if index[0] is Ellipsis else 0
    every = range(shape[row])
    if index[1] is Ellipsis or any(
        not np.array_equal(places.value, every) or length != len(every)
        for places, length in zip(node.args[1:], shape[row : row + 2], strict=True)
    ):
        return None
    longer = [axis - (axis > row) for axis in range(len(shape))]
    return _between(node, longer, range(len(shape) - 1))
