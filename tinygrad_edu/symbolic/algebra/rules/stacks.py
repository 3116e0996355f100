"""Equations of stacks, slices and running sums: arrays put together from entries of others."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Delta,
    Expr,
    Index,
    Opaque,
    Placed,
    Sum,
    distinct,
    parts,
    product,
    rename,
    replace,
    sum_over,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import rule
from tinygrad_edu.symbolic.algebra.slices import Cut, cuts

__all__ = ["ENTRIES", "sum_over_stack", "term_by_term"]

_GETITEM = REGISTRY["getitem"]
_JOINING = (REGISTRY["stack"], REGISTRY["concatenate"])
#: What moves and adds entries of its first argument.
_LINEAR = tuple(REGISTRY[name] for name in ("getitem", "scatter_add", "cumsum"))


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


@rule("entry of a stack", "[x, y]₁ = y", "what stands there", Opaque)
def entry_of_stack(expr: Opaque, facts: Facts) -> Expr | None:
    stack = _stack(expr)
    if stack is None or stack.index is None or stack.index.place is None:
        return None
    place = stack.index.place
    for which, (length, index) in enumerate(zip(stack.lengths, stack.own, strict=True)):
        if place < length:
            return stack.part(which, None if index is None else index.at(place))
        place -= length
    return None


def _along(expr: Expr, index: Index) -> list[_Stack]:
    """Return the stacks of equal parts along which an index runs, if it runs along no other."""
    stacks = []
    for each in distinct(expr):
        if isinstance(each, Sum) and each.index is index:
            return []
        if isinstance(each, Placed) and index in each.indices:
            stack = _stack(each)
            if stack is None or stack.index is not index:
                return []
            stacks.append(stack)
    return stacks if len({stack.lengths for stack in stacks}) == 1 else []


@rule("Σ over a stack", "Σ_k f([x, y]_k) = f(x) + f(y)", "the sum, written out", Sum)
def sum_over_stack(expr: Sum, facts: Facts) -> Expr | None:
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
    return total(terms) if terms else None


@rule("slice of a stack", "f([x, y])[2:] = f(y)", "these are its entries", Opaque)
def slice_of_stack(expr: Opaque, facts: Facts) -> Expr | None:
    """Cut just one part out of stacks of equal parts."""
    found = _cut_along(expr)
    stacks = [] if found is None else _along(expr.args[0], found[1])
    if found is None or found[2] is None or not stacks:
        return None
    cut, index, axis = found
    starts = itertools.accumulate(stacks[0].lengths, initial=0)
    for which, part in enumerate(zip(starts, stacks[0].lengths, strict=False)):
        if part == (cut.start, cut.length) and cut.length > 1:
            inside = replace(expr.args[0], {s.expr: s.part(which, axis) for s in stacks})
            # What stands in a slice gets the indices that it has outside.
            both = zip(expr.inside[0], expr.axes, strict=True)
            return rename(inside, {a: b for a, b in both if a and b and a is not index})
    return None


@rule("slice of δ", "(x + δ_2k)[1:] = x[1:] + δ_1k", "the same entry, counted on", Opaque)
def slice_of_delta(expr: Opaque, facts: Facts) -> Expr | None:
    """Take multiples of δ at a place out of a slice."""
    found = _cut_along(expr)
    cut, _, axis = found or (None, None, None)
    if cut is None or axis is None:
        return None
    outside: list[Expr] = []
    rest: list[Expr] = []
    terms = terms_of(expr.args[0])
    for term in terms:
        coefficient, factors = parts(term)
        entries = [e.place for f in factors[:1] if isinstance(f[0], Delta) for e in f[0].axes]
        places = [place for place in entries if place is not None]
        if len(factors) != 1 or not places:
            rest.append(term)
        elif 0 <= places[0] - cut.start < cut.length:
            outside.append(coefficient * Delta(axis, axis.at(places[0] - cut.start)))
    if len(rest) == len(terms):
        return None
    return total([*outside, *([expr.rebuild((total(rest),))] if rest else [])])


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


@rule("number out", "(c·x)[1:] = c·x[1:]", "entries are moved, and all are c times", *_LINEAR)
def number_out(expr: Opaque, facts: Facts) -> Expr | None:
    """Take what has no index out of a slice, a placing or a running sum."""
    coefficient, factors = parts(expr.args[0])
    outside = [factor for factor in factors if not factor[0].indices]
    if (coefficient == 1 and not outside) or len(outside) == len(factors):
        return None
    inner = product(1, [factor for factor in factors if factor not in outside])
    number: Expr = product(coefficient, outside) * expr.rebuild((inner, *expr.args[1:]))
    return number


@rule("term by term", "(x + y)[1:] = x[1:] + y[1:]", "entries are moved and added", *_LINEAR)
def term_by_term(expr: Opaque, facts: Facts) -> Expr | None:
    """Take a slice, a placing or a running sum of each term."""
    if not isinstance(expr.args[0], Add):
        return None
    return total(expr.rebuild((term, *expr.args[1:])) for term in expr.args[0].terms)


#: Rules that take apart what stands at entries, and in slices.
ENTRIES = (entry_of_stack, number_out, slice_of_delta, slice_of_stack)
