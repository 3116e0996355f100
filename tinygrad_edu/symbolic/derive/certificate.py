"""What a derivation or a proof claims, as data that a program can check which does not trust it.

A certificate holds the graph vertex by vertex, the local rules that were used, what letters stand
for, every step with its two sides, and the laws and assumptions it rests on. Formulas are nested
lists: ``["sum", index, body]`` and so on, as `_Trees.tree` writes them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.exact import softmax
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    meaning_of,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.derive.lowering import Lowering
from tinygrad_edu.symbolic.derive.trace import Symbol

if TYPE_CHECKING:
    from tinygrad_edu.symbolic.derive.derivation import Formula, Step
    from tinygrad_edu.symbolic.derive.work import Visit

__all__ = ["FORMAT", "Graph", "certificate"]

FORMAT = "tinygrad_edu certificate 1"

Axes = tuple[Index | None, ...]


@dataclass(frozen=True, eq=False)
class Graph:
    """The graph that formulas are about: its lowering, its roots, and the rules that were used.

    `rules` are the visits of the backward pass, with what each rule makes of a letter; `seed` is
    what comes in at the output. A proof has no seed, but `beside` its steps what was dropped, which
    depends on nothing that is `varying`.
    """

    lowering: Lowering
    roots: Mapping[str, Symbol]
    rules: Sequence[Visit] = ()
    seed: Symbol | None = None
    beside: Mapping[str, Formula] = field(default_factory=dict)
    varying: Collection[Quantity] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return _no_graph, ()  # what was recorded stays in its process


def _no_graph() -> None:
    return None


def certificate(
    about: str,
    graph: Graph | None,
    start: Formula,
    end: Formula,
    steps: Iterable[Step],
) -> dict[str, Any]:
    """Write what is claimed, from the start to the end.

    Raises
    ------
    ValueError
        If there is no graph: the derivation was read back, or is a stage with letters put in.
    """
    if graph is None:
        raise ValueError(
            "certificate: there is no recorded graph here; ask a derivation that was just made, or "
            "the lemma of a stage"
        )
    trees = _Trees()
    formulas = {"start": start, "end": end, **graph.beside}
    claim: dict[str, Any] = {
        "format": FORMAT,
        "about": about,
        "kind": "proof" if graph.seed is None else "derivation",
        "graph": trees.graph(graph),
        "axes": trees.axes(start.axes),
        **{name: trees.tree(formula.expr) for name, formula in formulas.items()},
        "steps": [written for step in steps for written in trees.steps(step)],
        "varying": [trees.letter(quantity) for quantity in graph.varying],
    }
    assumed = {step.assumption: trees.assumption(step) for step in steps if step.assumption}
    claim["assumptions"] = list(assumed.values())
    # Letters and lengths were met on the way.
    return {**claim, "letters": trees.letters(), "lengths": trees.lengths}


class _Trees:
    """Writes formulas as nested lists, and remembers the letters and the lengths in them."""

    def __init__(self) -> None:
        self.lengths: dict[str, dict[str, Any]] = {}
        self._ranges: dict[Index, str] = {}
        self._indices: dict[Index, str] = {}
        self._letters: dict[Quantity, int] = {}
        self._vertices: dict[Symbol, int] = {}
        self._names: dict[tuple[Expr, Axes], list[int]] = {}  # of vertices, by what they mean

    def index(self, index: Index) -> str:
        """Return an index such as k, k′ or, at a place, k@1."""
        known = self._ranges
        if index.range not in known:
            name = known[index.range] = _unique(index.range.letter or "i", self.lengths)
            self.lengths[name] = {"length": index.range.length, "fixed": index.range.fixed}
        if index.place is not None:
            return f"{known[index.range]}@{index.place}"
        if index not in self._indices:
            called = f"{known[index.range]}:{sum(a.range is index.range for a in self._indices)}"
            self._indices[index] = called
        return self._indices[index]

    def axes(self, axes: Axes) -> list[str | None]:
        """Return the index of each axis."""
        return [None if axis is None else self.index(axis) for axis in axes]

    def tree(self, expr: Expr) -> list[Any]:
        """Return an expression as nested lists."""
        if isinstance(expr, Number):
            return ["number", str(expr.value)]
        if isinstance(expr, Dimension):
            return ["length", self.index(expr.index).partition(":")[0]]
        if isinstance(expr, Delta):
            return ["delta", *self.axes(expr.axes)]
        if isinstance(expr, Leaf):
            return ["letter", self.letter(expr.quantity), self.axes(expr.axes)]
        if isinstance(expr, Sum):
            return ["sum", self.index(expr.index), self.tree(expr.body)]
        if isinstance(expr, Mul):
            powers = [[self.tree(base), str(exponent)] for base, exponent in expr.factors]
            return ["product", str(expr.coefficient), powers]
        arguments = list(map(self.tree, expr.children))
        if isinstance(expr, Apply):
            return ["apply", expr.op.name, _plain(expr.attributes), arguments]
        if isinstance(expr, Opaque):
            inside = list(map(self.axes, expr.inside))
            attributes = _plain(expr.attributes)
            return ["whole", expr.op.name, attributes, arguments, inside, self.axes(expr.axes)]
        return ["total", arguments]

    def steps(self, step: Step) -> Iterator[dict[str, Any]]:
        """Yield a step with what it rests on.

        Laws are about what names stand for: where there are any, names are opened for the step.
        """
        laws, before, after = step.exact.laws, step.before.expr, step.after.expr
        forms = [before, _opened(before), _opened(after), after] if laws else [before, after]
        for one, other in itertools.pairwise(forms):
            own = len(forms) == 2 or one is forms[1]
            if own or one != other:
                yield {
                    "rule": step.rule if own else "definitions",
                    "before": self.tree(one),
                    "after": self.tree(other),
                    "exact": bool(step.exact),
                    "laws": list(laws) if own else [],
                    "assumption": step.assumption if own else None,
                }

    def assumption(self, step: Step) -> dict[str, Any]:
        """Return what a step assumes: a letter with the axis along which it sums to 1, or None.

        None says that a matrix is symmetric.
        """
        drawn = {} if step.about is None else step.about.drawn
        pairs = [[self.letter(letter), axis] for letter, axis in drawn.items()]
        return {"statement": step.assumption, "drawn": pairs}

    def letters(self) -> list[dict[str, Any]]:
        """Return every letter: its axes, and its definition or the vertex that it stands for."""
        found: list[dict[str, Any]] = []
        while len(found) < len(self._letters):  # a definition may hold further letters
            quantity = list(self._letters)[len(found)]
            meaning = quantity.definition
            if meaning is not None:
                self._names.get((meaning, quantity.axes), []).append(len(found))
            found.append(
                {
                    "name": quantity.name,
                    "axes": self.axes(quantity.axes),
                    "definition": None if meaning is None else self.tree(meaning),
                    "mask": np.asarray(quantity.value).dtype.kind == "b",
                }
            )
        return found

    def letter(self, quantity: Quantity) -> int:
        """Return the number of a letter."""
        return self._letters.setdefault(quantity, len(self._letters))

    # --- the graph --------------------------------------------------------------------------------

    def graph(self, graph: Graph) -> dict[str, Any]:
        """Return every vertex, arguments first, and every local rule, in letters of the vertices.

        A vertex without an operation is a letter of the formulas as well.
        """
        every: Sequence[Any] = ancestors(*graph.roots.values())  # of symbols, too
        vertices: list[Symbol] = [symbol for symbol in every if not _is_number(symbol)]
        known: dict[Symbol, Expr] = {}  # every vertex is a letter, and not what it means
        for number, symbol in enumerate(vertices):
            if symbol.op is not None:
                axes = graph.lowering.axes_of(symbol)
                known[symbol] = Quantity(f"v{number}", axes, symbol.value).leaf
        lower = partial(graph.lowering.lower, known=known)
        self._vertices = {symbol: number for number, symbol in enumerate(vertices)}
        written = []
        for symbol in vertices:
            letter = lower(symbol)
            assert isinstance(letter, Leaf)
            vertex: dict[str, Any] = {
                "letter": self.letter(letter.quantity),
                "op": None,
                "arguments": [
                    self._vertices[a] if a in self._vertices else self.tree(lower(a))
                    for a in symbol.args
                ],
            }
            if symbol.op is not None:
                names: list[int] = []
                vertex["op"] = symbol.op.name
                vertex["attributes"] = _plain(symbol.attributes)
                vertex["meaning"] = self.tree(graph.lowering.meaning(symbol, known))
                vertex["names"] = names
                found = graph.lowering.lower(symbol)
                if isinstance(found, Leaf) and symbol.name is not None:
                    found = found.quantity.definition or found
                self._names[found, letter.quantity.axes] = names
            written.append(vertex)
        return {
            "vertices": written,
            "rules": [self._rule(rule, graph.lowering, known) for rule in graph.rules],
            "roots": {name: self._vertices[symbol] for name, symbol in graph.roots.items()},
            "seed": None if graph.seed is None else self.tree(lower(graph.seed)),
        }

    def _rule(self, visit: Visit, lowering: Lowering, known: dict[Symbol, Expr]) -> dict[str, Any]:
        incoming = lowering.lower(visit.letter, known)
        assert isinstance(incoming, Leaf)
        return {
            "of": self._vertices[visit.of],
            "argument": visit.index,
            "incoming": self.letter(incoming.quantity),
            "rule": self.tree(lowering.lower_at(visit.to, visit.local, known)),
        }


def _opened(expr: Expr) -> Expr:
    """Put what names stand for in their place."""
    meaning = meaning_of(expr)
    if meaning is not None:
        return _opened(meaning)
    written = next(iter(softmax.apply(expr, Facts(Environment(), ()))), None)
    if written is not None:
        return _opened(written.right)
    return expr.rebuild(tuple(map(_opened, expr.children)))


def _is_number(symbol: Symbol) -> bool:
    return symbol.op is None and (symbol.is_number or symbol.counted is not None)


def _unique(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "′"
    return name


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON can hold them."""
    return {name: _value(value) for name, value in sorted(attributes.items())}


def _value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(map(_value, value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)
