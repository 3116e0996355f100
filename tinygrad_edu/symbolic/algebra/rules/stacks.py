"""Equations of stacks: arrays put together from parts along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.expr import (
    Delta,
    Expr,
    Label,
    Leaf,
    Opaque,
    Sum,
    distinct,
    rename,
    replace,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import Match, rule

__all__ = ["entry_of_stack", "sum_over_stack"]

_JOINING = (REGISTRY["stack"], REGISTRY["concatenate"])


@dataclass(frozen=True)
class _Stack:
    """A stack or a concatenation: its expression, and the axis along which its parts stand."""

    expr: Opaque
    axis: int

    @property
    def label(self) -> Label | None:
        """The index along that axis."""
        return self.expr.axes[self.axis]

    @property
    def own(self) -> tuple[Label | None, ...]:
        """The index of each part along that axis; None where a part is one entry of it."""
        if self.expr.op.name == "stack":
            return (None,) * len(self.expr.args)
        return tuple(axes[self.axis] for axes in self.expr.inside)

    @property
    def lengths(self) -> tuple[int, ...]:
        """How long each part is."""
        return tuple(1 if label is None else label.length for label in self.own)

    def part(self, which: int, label: Label | None) -> Expr:
        """Return a part with the indices of the whole, and this one along the axis."""
        outside: list[Label | None] = list(self.expr.axes)
        if self.expr.op.name == "stack":
            del outside[self.axis]
        else:
            outside[self.axis] = label
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
    if stack is None or stack.label is None or stack.label.place is None:
        return
    place = stack.label.place
    for which, length in enumerate(stack.lengths):
        if place < length:
            label = stack.own[which]
            right = stack.part(which, label.at(place) if label is not None else None)
            yield Match(expr, right, right)
            return
        place -= length


@rule("Σ over a stack", "Σ_k f([x, y]_k) = f(x) + f(y)", "the sum, written out", at=Sum)
def sum_over_stack(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Write out a sum over an index that occurs along stacks of equal parts, and nowhere else."""
    stacks = []
    for each in distinct(expr.body):
        if isinstance(each, Sum) and each.label is expr.label:
            return
        if isinstance(each, Leaf | Delta | Opaque) and expr.label in each.labels:
            stack = _stack(each)
            if stack is None or stack.label is not expr.label:
                return
            stacks.append(stack)
    if len({stack.lengths for stack in stacks}) != 1:
        return
    terms = []
    for which, own in enumerate(stacks[0].own):
        # A new index, for that of the part may stand elsewhere in the sum.
        label = None if own is None else Label(own.letter, own.length, own)
        if label is not None and own not in expr.body.labels:
            label = own
        body = replace(expr.body, {s.expr: s.part(which, label) for s in stacks})
        terms.append(body if label is None else sum_over((label,), body))
    right = total(terms)
    yield Match(expr, right, right)
