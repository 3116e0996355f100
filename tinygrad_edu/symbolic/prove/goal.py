"""The two sides of a claim: graphs over the same leaves, as expressions over the same axes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    distinct,
    meaning_of,
    number,
    parts,
    quantities_in,
    rename,
    replace,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rounding import TOLERANCE as ROUNDED
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, Rule
from tinygrad_edu.symbolic.algebra.slices import canonical
from tinygrad_edu.symbolic.algebra.units import is_unit, said_by
from tinygrad_edu.symbolic.derive.lowering import Lowering
from tinygrad_edu.symbolic.derive.recognise import Known, recognised
from tinygrad_edu.symbolic.derive.trace import Opened, Symbol, Trace
from tinygrad_edu.symbolic.notation import written as notation
from tinygrad_edu.symbolic.prove.domain import domain_of
from tinygrad_edu.tensor import Tensor, refuse_changed

__all__ = ["Goal", "named_in", "number_of", "opening"]

#: So many ways of writing one operation at fixed entries are looked for.
MOST_PLACES = 64
#: Arrays with more entries are not compared.
LARGEST = 100_000


class _Merging(Trace):
    """A trace in which arrays without a name are one array where they hold the same."""

    def symbol_of(self, argument: Any, *called: Any) -> Any:
        """Return the symbol of the first array that holds the same."""
        if isinstance(argument, np.ndarray) and self.name_of(argument) is None:
            argument = self._first.setdefault(_content(argument), argument)
        return super().symbol_of(argument, *called)

    @cached_property
    def _first(self) -> dict[Any, Any]:
        return {}


def _content(value: Any) -> Any:
    """Return what an array holds; of a large one, which it is."""
    if not isinstance(value, np.ndarray):
        return type(value), value
    if value.size > LARGEST:
        return id(value)
    return value.shape, value.dtype.str, value.tobytes()


class Goal:
    """Two graphs as expressions over the same axes."""

    def __init__(self, left: Tensor, right: Tensor, names: Names, wrt: list[Tensor] | None) -> None:
        self.roots = {left, right}
        self.values = (left.value, right.value)
        order = ancestors(left, right)
        refuse_changed(order, "prove", names.of)
        self.nameless: list[Node] = []  # leaves that the user did not name
        self.given: set[str] = set()  # names of constant arrays that come from the user
        self.trace = _Merging(name_of=lambda array: self._name_of(array, names))
        self.symbols: dict[Node, Any] = {}
        self._replay(order, names)
        one, other = self.ends = self.symbols[left], self.symbols[right]
        self.lowering = Lowering(self.trace, [(one, other), *self._recognised.items()])
        self._letters: dict[Expr, Quantity] = {}
        self.axes = self.lowering.axes_of(one)
        others = self.lowering.axes_of(other)
        self._share_ranges(others)
        exprs = [self.lowering.lower(s) for s in (one, other)]
        self.left, folded = map(self._folded, exprs, (left, right))
        moved = {b: a for a, b in zip(self.axes, others, strict=True) if a is not None and b}
        self.right = rename(folded, moved)
        left_domain, domain = (domain_of(s, self.lowering) for s in (one, other))
        self.domains = left_domain, {rename(e, moved): relation for e, relation in domain.items()}
        self.chosen = wrt is not None
        leaves = [t for t in order if t.op is None and (wrt is None or t in set(wrt))]
        varying = [t for t in leaves if not is_unit(t) and not self.symbols[t].is_number]
        self.variables = {self._leaf(self.symbols[t]).quantity for t in varying}

    def _name_of(self, array: Any, names: Names) -> str | None:
        name = names.of(array)
        if name is not None:
            self.given.add(name)
        return name

    def _replay(self, order: list[Node], names: Names) -> None:
        computed: dict[Any, Symbol] = {}  # what both sides compute is one symbol
        for node in order:
            assert isinstance(node, Tensor)
            name = names.of(node)
            if node.op is None:
                delta = said_by(node)
                if delta in computed:
                    self.symbols[node] = computed[delta]
                    continue
                if name is None:
                    self.nameless.append(node)
                symbol = Symbol(self.trace, node.value, self.trace.unique(name or "x"))
                symbol.source = node if is_unit(node) else None
                # A side that is nothing but numbers is no letter.
                symbol.is_number = node in self.roots and not name and _is_one(node.value)
                self.symbols[node] = symbol
                if delta is not None:
                    computed[delta] = symbol
                continue
            key = self._computation(node)
            if key not in computed:
                self.trace.replay(node, self.symbols)
                computed[key] = self.symbols[node]
            symbol = self.symbols[node] = computed[key]
            symbol.value = np.asarray(node.value)
            if name and symbol.name is None and node not in self.roots:
                symbol.name = self.trace.unique(name)
        for symbol in self.trace.symbols:
            if symbol.op is None and symbol.value.dtype.kind == "f" and not self._is_given(symbol):
                symbol.is_number = _is_one(symbol.value)

    def _computation(self, node: Node) -> Any:
        """Return what tells one computation from others: the operation, and what it is given."""
        args = [self.symbols[a].serial if isinstance(a, Node) else _content(a) for a in node.args]
        attributes = canonical(node.args[0], node.attributes)
        return node.op, tuple(args), tuple(sorted(attributes.items(), key=str))

    def _is_given(self, symbol: Symbol) -> bool:
        """Whether a leaf has a name of its own, and not one that an operation lent it."""
        return symbol in set(self.symbols.values()) or (symbol.name or "").rstrip("′") in self.given

    def _share_ranges(self, others: tuple[Index | None, ...]) -> None:
        """Let the axes of both sides have one length each, in random draws too."""
        for one, other in zip(self.axes, others, strict=True):
            if one is not None and other is not None:
                other.share(one)

    def _leaf(self, symbol: Symbol) -> Leaf:
        leaf = self.lowering.lower(symbol)
        assert isinstance(leaf, Leaf)
        return leaf

    def _folded(self, expr: Expr, side: Tensor) -> Expr:
        """Write an operation that this side calls by its name, as softmax(z)."""
        called = {node.op for node in ancestors(side)}
        found: dict[Expr, Expr] = {}
        for opened in self.trace.opened:
            if opened.op in called and opened.op.name != "mean" and opened.result.name is None:
                meaning = self.lowering.lower(opened.result)
                if meaning.size > 1 and not isinstance(meaning, Leaf):
                    leaf = self._named(opened, meaning)
                    for at in _places(leaf.axes, expr):
                        found[rename(meaning, at)] = rename(leaf, at)
        return replace(expr, found)

    def _named(self, opened: Opened, meaning: Expr) -> Leaf:
        """Return a letter for the result of an opened operation."""
        if meaning not in self._letters:
            self._letters[meaning] = self.lowering.name_of(opened)
        return self._letters[meaning].leaf

    def computed_before(self) -> Iterator[tuple[Leaf, Expr]]:
        """Yield arrays without a name with what they hold: 1 − t, Bᵀ, or ones.

        What NumPy made of t before is not recorded, but shows. Ones without a name are what the
        backward pass of a recorded gradient began with.
        """
        held: dict[Symbol, Expr] = {}
        for node in self.nameless:
            symbol = self.symbols[node]
            if np.all(symbol.value == 1) and not is_unit(node) and not symbol.is_number:
                held[symbol] = Number(ONE)
        held |= {symbol: self.lowering.lower(of) for symbol, of in self._recognised.items()}
        for symbol, meaning in held.items():
            yield self._leaf(symbol), meaning

    @cached_property
    def _recognised(self) -> dict[Symbol, Symbol]:
        """Return arrays without a name, with what those that have one give."""
        tensors = set(self.symbols.values())
        arrays = [
            s
            for s in self.trace.symbols
            if s.op is None and not s.is_number and s.counted is None and s not in tensors
        ]
        known = [Known(partial(lambda same: same, s), s.value) for s in arrays if self._is_given(s)]
        found = {s: recognised(s.value, known) for s in arrays if not self._is_given(s)}
        return {s: of for s, of in found.items() if of is not None}

    def is_constant(self, expr: Expr) -> bool:
        """Whether a formula depends on nothing that varies."""
        return self.variables.isdisjoint(quantities_in([expr]))


def _is_one(array: Any) -> bool:
    """Whether an array is one number everywhere."""
    return len(np.unique(array)) == 1


def _places(axes: tuple[Index, ...], expr: Expr) -> Iterator[dict[Index, Index]]:
    """Yield the ways in which axes may stand in an expression: as they are, or at an entry."""
    leaves = (e for e in distinct(expr) if isinstance(e, Leaf | Opaque))
    entries = {a for leaf in leaves for a in leaf.axes if a is not None and a.place is not None}
    choices = [[axis, *(e for e in entries if e.range is axis.range)] for axis in axes]
    for choice in itertools.islice(itertools.product(*choices), MOST_PLACES):
        yield dict(zip(axes, choice, strict=True))


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


def opening(kept: Collection[Quantity], assumed: Mapping[Quantity, str]) -> Rule:
    """Return the rule that puts the meaning for a name; some are kept, some only assumed."""

    def opened(expr: Leaf, facts: Facts) -> Match | None:
        right = meaning_of(expr)
        if right is None or expr.quantity in kept:
            return None
        statement = assumed.get(expr.quantity)
        if statement is not None:
            because = f"{statement}, which holds on the data"
        else:
            because = f"by definition {expr} = {notation.text(right, axes=expr.axes)}"
        return Match(expr, right, right, because, statement)

    return Rule("definition", "", "", opened, Leaf)


def number_of(goal: Goal) -> Rule:
    """Return the rule that puts its number for what is constant, such as Σ(p ⊙ log p) or N.

    It is for data that NumPy computed with: there p is an array like any other, and its entropy
    a number. A number that stands in a formula already is the one that is meant.
    """
    both = [e for side in (goal.left, goal.right) for e in distinct(side)]
    known = {abs(parts(e)[0]) for e in both if isinstance(e, Number | Mul)}

    def computed(expr: Expr, facts: Facts) -> Match | None:
        held = any(isinstance(each, Leaf | Dimension) for each in distinct(expr))
        if not held or expr.indices or not goal.is_constant(expr):
            return None
        value = float(facts.data.value(expr)[0])
        if not np.isfinite(value):
            return None
        near = (n if value > 0 else -n for n in known if abs(n - abs(value)) <= ROUNDED * n)
        right = Number(next(near, number(value).value))
        statement = facts.equal(expr, right)
        why = f"{statement}, computed from the data"
        return None if statement is None else Match(expr, right, right, why, statement)

    return Rule("number", "", "", computed, *_WHOLE)


#: Where a constant is looked for: the largest formula that is one comes first.
_WHOLE = (Add, Mul, Sum, Dimension, Opaque, Leaf)
