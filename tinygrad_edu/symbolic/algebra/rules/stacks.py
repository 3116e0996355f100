"""Equations of stacks, slices and running sums: arrays put together from entries of others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Delta,
    Expr,
    Index,
    Leaf,
    Opaque,
    Sum,
    distinct,
    parts,
    product,
    rename,
    replace,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, rule
from tinygrad_edu.symbolic.algebra.slices import Cut, cuts

__all__ = [
    "entry_of_stack",
    "number_out",
    "slice_of_delta",
    "slice_of_stack",
    "sum_over_stack",
    "term_by_term",
]

_GETITEM = REGISTRY["getitem"]
_JOINING = (REGISTRY["stack"], REGISTRY["concatenate"])
#: What moves and adds entries of its first argument.
_LINEAR = frozenset(REGISTRY[name] for name in ("getitem", "scatter_add", "cumsum"))


@dataclass(frozen=True)
class _Stack:
    """A stack or a concatenation: its expression, and the axis along which its parts stand."""

    expr: Opaque
    axis: int

    @property
    def index(self) -> Index | None:
        """The index along that axis."""
        return self.expr.axes[self.axis]

    @property
    def own(self) -> tuple[Index | None, ...]:
        """The index of each part along that axis; None where a part is one entry of it."""
        if self.expr.op.name == "stack":
            return (None,) * len(self.expr.args)
        return tuple(axes[self.axis] for axes in self.expr.inside)

    @property
    def lengths(self) -> tuple[int, ...]:
        """How long each part is."""
        return tuple(1 if index is None else index.length for index in self.own)

    def part(self, which: int, index: Index | None) -> Expr:
        """Return a part with the indices of the whole, and this one along the axis."""
        outside: list[Index | None] = list(self.expr.axes)
        if self.expr.op.name == "stack":
            del outside[self.axis]
        else:
            outside[self.axis] = index
        both = zip(self.expr.inside[which], outside, strict=True)
        new = {a: b for a, b in both if a is not None and b is not None}
        return rename(self.expr.args[which], new)


def _stack(expr: Expr) -> _Stack | None:
    """Read an expression as a stack, if it is one."""
    if not isinstance(expr, Opaque) or expr.op not in _JOINING:
        return None
    return _Stack(expr, expr.attributes["axis"] % len(expr.axes))


@rule("entry of a stack", "[x, y]₁ = y", "what stands there", at=Opaque)
def entry_of_stack(expr: Opaque, facts: Facts) -> Iterator[Match]:
    stack = _stack(expr)
    if stack is None or stack.index is None or stack.index.place is None:
        return
    place = stack.index.place
    for which, length in enumerate(stack.lengths):
        if place < length:
            index = stack.own[which]
            right = stack.part(which, index.at(place) if index is not None else None)
            yield Match(expr, right, right)
            return
        place -= length


def _along(expr: Expr, index: Index) -> list[_Stack]:
    """Return the stacks of equal parts along which an index runs, if it runs along no other."""
    stacks = []
    for each in distinct(expr):
        if isinstance(each, Sum) and each.index is index:
            return []
        if isinstance(each, Leaf | Delta | Opaque) and index in each.indices:
            stack = _stack(each)
            if stack is None or stack.index is not index:
                return []
            stacks.append(stack)
    return stacks if len({stack.lengths for stack in stacks}) == 1 else []


@rule("Σ over a stack", "Σ_k f([x, y]_k) = f(x) + f(y)", "the sum, written out", at=Sum)
def sum_over_stack(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Write out a sum over an index that occurs along stacks of equal parts, and nowhere else."""
    stacks = _along(expr.body, expr.index)
    terms = []
    for which, own in enumerate(stacks[0].own if stacks else ()):
        # A new index, for that of the part may stand elsewhere in the sum.
        index = None if own is None else Index(own.letter, own.length, own)
        if index is not None and own not in expr.body.indices:
            index = own
        body = replace(expr.body, {s.expr: s.part(which, index) for s in stacks})
        terms.append(body if index is None else sum_over((index,), body))
    if terms:
        right = total(terms)
        yield Match(expr, right, right)


@rule("slice of a stack", "f([x, y])[2:] = f(y)", "these are its entries", at=Opaque)
def slice_of_stack(expr: Opaque, facts: Facts) -> Iterator[Match]:
    """Cut just one part out of stacks of equal parts."""
    found = _cut_along(expr)
    if found is None:
        return
    cut, index, axis = found
    stacks = _along(expr.args[0], index)
    starts = itertools.accumulate(stacks[0].lengths, initial=0) if stacks else ()
    parts = zip(starts, stacks[0].lengths if stacks else (), strict=False)
    for which, part in enumerate(parts):
        if part == (cut.start, cut.length) and axis is not None and cut.length > 1:
            new: dict[Expr, Expr] = {s.expr: s.part(which, axis) for s in stacks}
            right = _outside(replace(expr.args[0], new), expr, index)
            yield Match(expr, right, right)


@rule("slice of δ", "(x + δ_2k)[1:] = x[1:] + δ_1k", "the same entry, counted on", at=Opaque)
def slice_of_delta(expr: Opaque, facts: Facts) -> Iterator[Match]:
    """Take multiples of δ at a place out of a slice."""
    found = _cut_along(expr)
    if found is None or found[2] is None:
        return
    cut, _, axis = found
    assert axis is not None
    outside: list[Expr] = []
    rest: list[Expr] = []
    terms = expr.args[0].terms if isinstance(expr.args[0], Add) else expr.args[:1]
    for term in terms:
        coefficient, factors = parts(term)
        places = [e.place for f in factors[:1] if isinstance(f[0], Delta) for e in f[0].axes]
        (place,) = [p for p in places if p is not None] or (None,)
        if len(factors) != 1 or place is None:
            rest.append(term)
        elif 0 <= place - cut.start < cut.length:
            there = Delta(axis, axis.at(place - cut.start))
            outside.append(product(coefficient, [(there, ONE)]))
    if len(rest) < len(terms):
        right = total([*outside, *([expr.rebuild((total(rest),))] if rest else [])])
        yield Match(expr, right, right)


def _cut_along(expr: Opaque) -> tuple[Cut, Index, Index | None] | None:
    """Read a slice along one axis: where it is cut, the index of the whole and of the slice."""
    key = expr.attributes.get("index", ("array",))
    if expr.op is not _GETITEM or "array" in key or None in key:
        return None
    axes = expr.inside[0]
    found = cuts(key, [1 if axis is None else axis.length for axis in axes]) or []
    short = [(c, a) for c in found if (a := axes[c.axis]) is not None and a.length != c.length]
    if len(short) != 1 or any(c.step != 1 or c.other is None for c in found):
        return None
    ((cut, index),) = short
    assert cut.other is not None
    return cut, index, expr.axes[cut.other]


def _outside(argument: Expr, expr: Opaque, index: Index) -> Expr:
    """Give what stands in a slice the indices that it has outside."""
    both = zip(expr.inside[0], expr.axes, strict=True)
    return rename(argument, {a: b for a, b in both if a and b and a is not index})


@rule("number out", "(c·x)[1:] = c·x[1:]", "entries are moved, and all are c times", at=Opaque)
def number_out(expr: Opaque, facts: Facts) -> Iterator[Match]:
    """Take what has no index out of a slice, a placing or a running sum."""
    if expr.op not in _LINEAR:
        return
    coefficient, factors = parts(expr.args[0])
    outside = [factor for factor in factors if not factor[0].indices]
    if (coefficient == 1 and not outside) or len(outside) == len(factors):
        return
    inner = product(1, [factor for factor in factors if factor not in outside])
    right = product(coefficient, [*outside, (expr.rebuild((inner, *expr.args[1:])), ONE)])
    yield Match(expr, right, right)


@rule("term by term", "(x + y)[1:] = x[1:] + y[1:]", "entries are moved and added", at=Opaque)
def term_by_term(expr: Opaque, facts: Facts) -> Iterator[Match]:
    """Take a slice, a placing or a running sum of each term."""
    if expr.op in _LINEAR and isinstance(expr.args[0], Add):
        terms = expr.args[0].terms
        right = total(expr.rebuild((term, *expr.args[1:])) for term in terms)
        yield Match(expr, right, right)
