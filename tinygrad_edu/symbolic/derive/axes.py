"""Axes become indices: which axes of a traced graph run over the same index.

Two axes are one index where an operation says so: entry by entry, along a sum, between the inner
axes of a matrix product. Where this would give one array the same index on two axes (X Xᵀ, say, or
x + W x), two indices remain that share a range, and the lowering renames one of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tinygrad_edu.symbolic.algebra.expr import named_axes
from tinygrad_edu.symbolic.algebra.slices import cuts
from tinygrad_edu.symbolic.derive.trace import Symbol

__all__ = [
    "Axes",
    "Pairs",
    "Place",
    "diagonal",
    "joins",
    "picks",
    "subscripts",
    "summed",
]

Place = tuple[int, int]  # the serial number of a symbol, and one of its axes
Pairs = list[tuple[Place, Place]]

#: Operations that move, insert or remove axes, and leave the entries as they are.
MOVES = frozenset({"transpose", "swapaxes", "reshape", "expand_dims", "squeeze"})
SPREADS = frozenset({"broadcast_to", "astype"})
PRODUCTS = frozenset({"matmul", "einsum"})
REDUCTIONS = frozenset({"sum", "max", "min", "prod"})
PICKS = frozenset({"getitem", "scatter_add"})
ROWWISE = frozenset({"softmax", "one_hot"})  # the axes stay; one_hot adds one behind them


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

    def parts(self, pairs: Iterable[tuple[Place, Place]], held: set[Place]) -> bool:
        """Whether joining pairs would make one index of two that are held apart."""
        above: dict[Place, Place] = {}

        def find(place: Place) -> Place:
            place = self.root(place)
            while place in above:
                place = above[place]
            return place

        for one, other in pairs:
            one, other = find(one), find(other)
            if one == other:
                continue
            if one in held and other in held:
                return True
            if one in held:
                one, other = other, one
            above[one] = other
        return False


def joins(node: Symbol) -> Pairs | None:
    """Return the pairs of axes that one operation makes the same; None where it is unknown."""
    assert node.op is not None
    name = node.op.name
    symbols = [a for a in node.args if isinstance(a, Symbol)]
    if name in PRODUCTS:
        return _joined_by_letters(node, symbols) if len(symbols) == len(node.args) else None
    if node.op.elementwise or name in SPREADS or name == "sum_to":
        both = [(a, _aligned_right(a, node)) for a in symbols]
    elif name in REDUCTIONS:
        both = [(symbols[0], _kept(node))]
    elif name in ROWWISE:
        both = [(symbols[0], [(i, i) for i in range(symbols[0].ndim)])]
    elif name == "stack":
        after = node.attributes["axis"] % node.ndim  # the new axis; those from there on move by one
        both = [(a, [(i, i + (i >= after)) for i in range(a.ndim)]) for a in symbols]
    elif name in MOVES and (moved := _moved(node)) is not None:
        both = [(symbols[0], moved)]
    elif name in PICKS and (picked := picks(node)) is not None:
        both = [(symbols[0], picked[0])]
    elif name in PICKS and (paired := diagonal(node)) is not None:
        both = [(symbols[0], paired)]
    else:
        return None
    return [
        ((argument.serial, i), (node.serial, k))
        for argument, axes in both
        for i, k in axes
        if argument.shape[i] != 1 and node.shape[k] != 1
    ]


def _aligned_right(argument: Symbol, out: Symbol) -> list[tuple[int, int]]:
    """Pair the axes as broadcasting does: from the last backwards."""
    shift = out.ndim - argument.ndim
    return [(i, i + shift) for i in range(argument.ndim) if i + shift >= 0]


def _kept(node: Symbol) -> list[tuple[int, int]]:
    """Pair the axes that a reduction keeps."""
    argument = node.args[0]
    gone = named_axes(argument.ndim, node.attributes["axis"])
    kept = [i for i in range(argument.ndim) if i not in gone]
    if node.attributes["keepdims"]:
        return [(i, i) for i in kept]
    return [(i, k) for k, i in enumerate(kept)]


def summed(node: Symbol) -> tuple[int, ...]:
    """Return the axes that `sum` and `sum_to` sum over, with those of length 1."""
    argument = node.args[0]
    if "axis" in node.attributes:
        return named_axes(argument.ndim, node.attributes["axis"])
    lead = argument.ndim - node.ndim
    return tuple(
        i
        for i, length in enumerate(argument.shape)
        if i < lead or node.shape[i - lead] == 1 != length
    )


def _moved(node: Symbol) -> list[tuple[int, int]] | None:
    """Pair the axes of an operation that only moves, inserts or removes axes."""
    assert node.op is not None
    argument, name = node.args[0], node.op.name
    if name == "transpose":
        axes = node.attributes["axes"]
        axes = named_axes(argument.ndim, axes)[:: -1 if axes is None else 1]
        return [(a, k) for k, a in enumerate(axes)]
    if name == "swapaxes":
        order = list(range(argument.ndim))
        one = node.attributes["axis1"] % argument.ndim
        other = node.attributes["axis2"] % argument.ndim
        order[one], order[other] = order[other], order[one]
        return [(a, k) for k, a in enumerate(order)]
    # reshape, expand_dims and squeeze: the same lengths once the ones are left out
    old = [i for i, n in enumerate(argument.shape) if n != 1]
    new = [i for i, n in enumerate(node.shape) if n != 1]
    if [argument.shape[i] for i in old] != [node.shape[i] for i in new]:
        return None
    return list(zip(old, new, strict=True))


def picks(node: Symbol) -> tuple[list[tuple[int, int]], dict[int, int]] | None:
    """Read the index of `getitem` or `scatter_add`: the axes it keeps, and the places it fixes.

    Axes are paired as (of the argument, of the result); places are those of the longer array.
    None where the index holds arrays or cuts an axis short.
    """
    assert node.op is not None
    gathers = node.op.name == "getitem"
    shape = (node.args[0] if gathers else node).shape
    found = cuts(node.attributes["index"], shape)
    if found is None or any(
        cut.other is not None and (cut.step, cut.length) != (1, shape[cut.axis]) for cut in found
    ):
        return None
    both = [(cut.axis, cut.other) for cut in found if cut.other is not None]
    kept = both if gathers else [(other, axis) for axis, other in both]
    return kept, {cut.axis: cut.start for cut in found if cut.other is None}


def diagonal(node: Symbol) -> list[tuple[int, int]] | None:
    """Pair the axes of an argument and a result of `getitem` or `scatter_add` along a diagonal.

    Rows and columns are both paired with the one axis of the diagonal. None where the index is not
    that of a whole diagonal of square matrices.
    """
    assert node.op is not None
    gathers = node.op.name == "getitem"
    shape, index = (node.args[0] if gathers else node).shape, node.attributes["index"]
    if [part for part in index if part is not Ellipsis] != ["array", "array"]:
        return None
    row = len(shape) - 2 if index[0] is Ellipsis else 0
    every = range(shape[row])
    if index[1] is Ellipsis or any(
        not np.array_equal(places.value, every) or length != len(every)
        for places, length in zip(node.args[1:], shape[row : row + 2], strict=True)
    ):
        return None
    pairs = [(axis, axis - (axis > row)) for axis in range(len(shape))]
    return pairs if gathers else [(other, axis) for axis, other in pairs]


def _joined_by_letters(node: Symbol, symbols: list[Symbol]) -> Pairs:
    """Pair the axes that einsum's subscripts call by one letter."""
    pairs: Pairs = []
    first: dict[str, Place] = {}
    terms, result = subscripts(node)
    for symbol, term in zip((*symbols, node), (*terms, result), strict=True):
        for axis, letter in enumerate(term):
            if symbol.shape[axis] == 1:
                continue
            place = symbol.serial, axis
            if letter in first:
                pairs.append((first[letter], place))
            first.setdefault(letter, place)
    return pairs


def subscripts(node: Symbol) -> tuple[list[str], str]:
    """Write matmul and einsum as einsum's subscripts."""
    assert node.op is not None
    if node.op.name == "einsum":
        inputs, result = node.attributes["subscripts"].split("->")
        return inputs.split(","), result
    one, other = node.args[0].ndim, node.args[1].ndim
    stack = "abcdefgh"[: max(one, other, 2) - 2]
    left = "z" if one == 1 else stack[len(stack) - (one - 2) :] + "yz"
    right = "z" if other == 1 else stack[len(stack) - (other - 2) :] + "zx"
    result = stack + ("" if one == 1 else "y") + ("" if other == 1 else "x")
    return [left, right], result
