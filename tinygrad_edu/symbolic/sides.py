"""The two sides of a claim: graphs over the same leaves, as expressions over the same axes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.expr import (
    Expr,
    Label,
    Leaf,
    Quantity,
    distinct,
    quantities_in,
    rename,
    replace,
)
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.lowering import Lowering
from tinygrad_edu.symbolic.rules.rule import Match, Rule
from tinygrad_edu.symbolic.trace import Opened, Symbol, Trace
from tinygrad_edu.tensor import Tensor, refuse_changed

__all__ = ["Sides", "named_in", "opening"]


class Sides:
    """Two graphs as expressions over the same axes."""

    def __init__(self, left: Tensor, right: Tensor, names: Names, wrt: list[Tensor] | None) -> None:
        self.roots = {left, right}
        self.values = (left.value, right.value)
        order = ancestors(left, right)
        refuse_changed(order, "prove")
        self.trace = Trace(name_of=names.of)
        self.symbols: dict[Node, Any] = {}
        self._replay(order, names)
        one, other = self.symbols[left], self.symbols[right]
        self.lowering = Lowering(self.trace, [(one, other)])
        self._letters: dict[Expr, Quantity] = {}
        self.axes = self.lowering.axes_of(one)
        others = self.lowering.axes_of(other)
        self._share_ranges(others)
        exprs = [self.lowering.lower(s) for s in (one, other)]
        self.left, right = map(self._folded, exprs, (left, right))
        moved = {b: a for a, b in zip(self.axes, others, strict=True) if a is not None and b}
        self.right = rename(right, moved)
        leaves = [t for t in order if t.op is None and (wrt is None or t in set(wrt))]
        self.variables = {self.lowering.lower(self.symbols[t]).quantity for t in leaves}

    def _replay(self, order: list[Node], names: Names) -> None:
        for node in order:
            assert isinstance(node, Tensor)
            name = names.of(node)
            if node.op is None:
                self.symbols[node] = Symbol(self.trace, node.value, self.trace.unique(name or "x"))
                continue
            self.trace.replay(node, self.symbols)
            symbol = self.symbols[node]
            symbol.value = np.asarray(node.value)
            if name and symbol.name is None and node not in self.roots:
                symbol.name = self.trace.unique(name)
        for symbol in self.trace.symbols:
            if symbol.op is None and symbol.name is None and symbol.value.size:
                symbol.is_number = bool(np.all(symbol.value == symbol.value.flat[0]))

    def _share_ranges(self, others: tuple[Label | None, ...]) -> None:
        """Let the axes of both sides have one length each, in random draws too."""
        for one, other in zip(self.axes, others, strict=True):
            if one is not None and other is not None and one.range is not other.range:
                old = other.range
                for label in (*self.axes, *others):
                    if label is not None and label.range is old:
                        label.range = one.range
                one.range.fixed = one.range.fixed or old.fixed

    def _folded(self, expr: Expr, side: Tensor) -> Expr:
        """Write an operation that this side calls by its name, as softmax(z)."""
        called = {node.op for node in ancestors(side)}
        found: dict[Expr, Expr] = {}
        for opened in self.trace.opened:
            if opened.op in called and opened.op.name != "mean" and opened.result.name is None:
                meaning = self.lowering.lower(opened.result)
                if meaning.size > 1 and not isinstance(meaning, Leaf):
                    found[meaning] = self._named(opened, meaning)
        return replace(expr, found)

    def _named(self, opened: Opened, meaning: Expr) -> Leaf:
        """Return a letter for the result of an opened operation."""
        if meaning not in self._letters:
            args = opened.op, opened.args
            self._letters[meaning] = Quantity(
                self.trace.unique(self.lowering.written(*args, in_latex=False)),
                self.lowering.axes_of(opened.result),
                opened.value,
                definition=meaning,
                latex=self.lowering.written(*args, in_latex=True),
                sign=opened.op.positive,
            )
        return self._letters[meaning].leaf

    def is_constant(self, expr: Expr) -> bool:
        """Whether a formula depends on nothing that varies."""
        return self.variables.isdisjoint(quantities_in([expr]))


def named_in(exprs: Collection[Expr]) -> list[Quantity]:
    """Return every quantity with a definition that expressions are made of, the simplest first."""
    found: dict[Quantity, Expr] = {}
    pending = list(exprs)
    while pending:
        for each in distinct(pending.pop()):
            if isinstance(each, Leaf) and each.quantity not in found:
                meaning = each.quantity.definition
                if meaning is not None:
                    found[each.quantity] = meaning
                    pending.append(meaning)
    return sorted(found, key=lambda quantity: found[quantity].size)


def opening(kept: Collection[Quantity] = ()) -> Rule:
    """Return the rule that puts the meaning for a name; some names are kept."""

    def matches(expr: Leaf, facts: Facts) -> Iterator[Match]:
        meaning = expr.quantity.definition
        if meaning is not None and expr.quantity not in kept:
            right = rename(meaning, dict(zip(expr.quantity.leaf.axes, expr.axes, strict=True)))
            because = f"by definition {notation.text(expr)} = {notation.text(right)}"
            yield Match(expr, right, right, because)

    return Rule("definition", "", "", matches, Leaf)
