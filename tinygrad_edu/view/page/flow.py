"""The two passes over a graph as vertices and edges with places: what every phase refers to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.symbolic.derive import Formula, Passes, Slope, Symbol, Visit, slope
from tinygrad_edu.view.draw.model import Edge, EdgeKind, Model, Vertex
from tinygrad_edu.view.draw.recorded import name_latex
from tinygrad_edu.view.draw.symbols import Operand, application, number_operand
from tinygrad_edu.view.draw.values import shape_text, sum_text, value_lines
from tinygrad_edu.view.page.folds import Fold, folds
from tinygrad_edu.view.page.jacobian import Heat, Rows, local, total
from tinygrad_edu.view.page.program import Program
from tinygrad_edu.view.page.written import Maths, Written, join, maths, written

__all__ = ["MANY", "Flow", "ends", "is_silent", "partial", "plain", "weighted"]

#: How many vertices can be looked over at once.
MANY = 24

_MOST_VERTICES = 300
_SILENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"})
_LONGEST_NAME = 18  # of a formula that is its own name
_LONGEST_LABEL = 16  # of an arrow
_LONGEST_RIGHT = 26  # of a formula in a vertex


class Flow:
    """Forward and backward pass as one graph.

    `shown` are its vertices in the order they are computed and `place` says where each stands;
    one that only moves entries has the place of what it moves, and a number has none (-1). The
    `folds` of a large graph are drawn as one vertex each, after all others.

    Parameters
    ----------
    walk : Passes
        The passes.
    of : str
        What the output is called.
    seed : str, optional
        The letter of the weights that an output with several entries has.
    route, track : str, optional
        Which frames tell of it.
    """

    def __init__(
        self, walk: Passes, of: str, seed: str | None = None, route: str = "", track: str = ""
    ) -> None:
        self.walk, self.of, self.seed = walk, of, seed
        self.route, self.track = route, track
        self.drawing = f"graph-{route}" if route else "graph"
        self.shown = [s for s in walk.forward if not is_silent(s) and not _is_number(s)]
        if len(self.shown) > _MOST_VERTICES:
            raise ValueError(
                f"explain: the graph has {len(self.shown)} vertices, and a page of more than "
                f"{_MOST_VERTICES} cannot be read; explain an earlier tensor, or leave operations "
                "whole with fused="
            )
        self.place = {s: n for n, s in enumerate(self.shown)}
        for s in walk.forward:
            if is_silent(s):
                self.place[s] = self.place.get(s.args[0], -1)
        reached = {visit.to for visit in walk.backward} | set(ancestors(walk.wrt))
        self.constants = {s for s in self.shown if s.op is None and s not in reached}
        self.program = Program(walk.forward, self.constants)
        self.names = self._names()
        many = len(self.shown) > MANY
        self.folds = folds(self.shown, self.place, walk.wrt) if many else []
        self._folded = {
            place: len(self.shown) + number
            for number, fold in enumerate(self.folds)
            for place in fold.places
        }
        self.slopes: dict[int, Slope] = {}
        self.parts: dict[int, list[tuple[Visit, int]]] = {}
        self.edges: list[Edge] = []
        self.backward_edges: dict[int, int] = {}  # place of a visit → place of its edge
        self.gradients = self._gradients()
        self.model = self._graph()

    def _names(self) -> dict[Symbol, Maths]:
        """Name every vertex: as the user does, by its formula, or as its line of Python."""
        names: dict[Symbol, Maths] = {}
        taken = {s.name for s in self.shown} | {self.of}
        for s in self.walk.forward:
            if s.name is None and s is self.walk.output:
                names[s] = Maths(self.of, name_latex(self.of))
                continue
            name = maths(self.walk.formula(s))
            if s.name is None and (len(name.text) > _LONGEST_NAME or name.text in taken):
                name = Maths(self.program.names[s], name_latex(self.program.names[s]))
            taken.add(name.text)
            names[s] = name
        return names

    def _gradients(self) -> dict[int, Any]:
        """Return the gradient of every vertex that one reaches, by its place."""
        walk = self.walk
        totals: dict[int, Any] = {self.place[walk.output]: np.asarray(walk.incoming)}
        for number, visit in enumerate(walk.backward):
            if visit.contribution is None:
                continue
            to = self.place[visit.to]
            shape = self.shown[to].shape if to >= 0 else visit.part.shape
            part = np.asarray(visit.part.value).reshape(shape)
            self.parts.setdefault(to, []).append((visit, number))
            totals[to] = totals[to] + part if to in totals else part
        return totals

    def _graph(self) -> Model:
        vertices = [self._vertex(n, s) for n, s in enumerate(self.shown) if self.at(n) == n]
        for number, fold in enumerate(self.folds, start=len(self.shown)):
            ends_of = (self.called(self.shown[place]).text for place in (fold.first, fold.last))
            names = " to ".join(ends_of)
            vertices.append(Vertex(f"n{number}", "part", "", f"× {fold.count}", (names,)))
        joined: dict[Edge, int] = {}
        for head, s in enumerate(self.shown):
            for tail in (self.place.get(a, -1) for a in s.args if isinstance(a, Symbol)):
                self._join(joined, tail, head, "forward")
        for number, visit in enumerate(self.walk.backward):
            tail, head = self.place[visit.of], self.place[visit.to]
            if visit.contribution is None or tail < 0 or head < 0:
                continue
            label = ""
            if self.fold_of(tail, head) is None:
                found = slope(visit, self.walk.formula)
                assert found is not None
                self.slopes[number] = found
                label = self._label(visit, found, len(self.parts[head]) > 1)
            place = self._join(joined, tail, head, "backward", label)
            if place is not None:
                self.backward_edges[number] = place
        title = f"{self.of}, forward and backward"
        return Model(tuple(vertices), tuple(self.edges), title=title, direction="TB")

    def at(self, place: int) -> int:
        """Return where a vertex is drawn: at its place, or at that of the rounds it belongs to."""
        return self._folded.get(place, place)

    def fold_of(self, *places: int) -> Fold | None:
        """Return the first rounds that one of some vertices belongs to, if any does."""
        found = (self.at(place) for place in places)
        return next((self.folds[n - len(self.shown)] for n in found if n >= len(self.shown)), None)

    def _join(
        self, joined: dict[Edge, int], tail: int, head: int, kind: EdgeKind, label: str = ""
    ) -> int | None:
        """Draw an arrow, of those between rounds and another vertex just one; return its place."""
        if tail < 0 or self.at(tail) == self.at(head):
            return None
        edge = Edge(f"n{self.at(tail)}", f"n{self.at(head)}", kind, text=label)
        if self.fold_of(tail, head) is None or edge not in joined:
            joined[edge] = len(self.edges)
            self.edges.append(edge)
        return joined[edge]

    def _label(self, visit: Visit, found: Slope, meets: bool) -> str:
        """Write a local derivative beside its arrow, and what arrives where arrows meet."""
        assert visit.contribution is not None
        parts = [("×", found.factor)]
        if meets:
            parts.append(("=", self.walk.tidied(visit.contribution.contribution)))
        shown = [(sign, maths(formula).text) for sign, formula in parts]
        return "  ".join(f"{s} {text}" for s, text in shown if len(text) <= _LONGEST_LABEL)

    def _vertex(self, place: int, s: Symbol) -> Vertex:
        if s.op is None:
            kind: Any = "constant" if s in self.constants else "parameter"
            text, latex = s.name or "constant", name_latex(s.name or "")
        else:
            kind = "op"
            named, right = self.called(s), maths(self.meaning(s))
            if len(right.text) > _LONGEST_RIGHT:
                operands = [self._operand(a) for a in s.args]
                right = Maths(*application(s.op, operands, s.attributes))
            if len(right.text) > _LONGEST_RIGHT:
                name = s.op.name.replace("_", " ")
                right = Maths(f"{name}(…)", rf"\mathrm{{{name}}}(\ldots)")
            text, latex = f"{named.text} = {right.text}", ""
            if named.latex and right.latex:
                latex = f"{named.latex} = {right.latex}"
            if named.text == right.text:
                text, latex = named.text, named.latex
        lines, shape = _narrow(value_lines(s.value)), shape_text(s.shape)
        gradient = self._gradient_lines(place)
        return Vertex(f"n{place}", kind, latex, text, lines, gradient_lines=gradient, shape=shape)

    def _gradient_lines(self, place: int) -> tuple[str, ...]:
        total = self.gradients.get(place)
        if total is None:
            return ()
        parts = [np.asarray(v.part.value) for v, _ in self.parts.get(place, [])]
        if 1 < len(parts) <= 4 and np.ndim(total) == 0:
            return (f"∇ {sum_text(parts, total)}",)
        first, *rest = _narrow(value_lines(total, parts))
        return f"∇ {first}", *rest

    def called(self, s: Symbol) -> Maths:
        """Return the name of a vertex."""
        return self.names[s]

    def _operand(self, argument: Any) -> Operand:
        if not isinstance(argument, Symbol):
            return number_operand(argument)
        if argument.counted is not None:
            named = maths(self.walk.formula(argument))
            return Operand(named.text, named.latex, True)
        if argument.is_number:
            return number_operand(argument.value.flat[0])
        named = self.called(_spoken(argument))
        return Operand(named.text, named.latex, is_scalar=not argument.shape)

    def equation_of(self, s: Symbol) -> Written:
        """Write what a vertex is: its name, if it has one, and its formula."""
        right = written(self.meaning(s))
        called = self.called(s)
        if s.name is None and called.text == right.vector.text:
            return right
        left = written(self.walk.formula(s)) if s.name is not None else called
        return join(left, "=", right)

    def meaning(self, s: Symbol) -> Formula:
        """Return the formula of a vertex, that of its definition where it has a name."""
        formula = self.walk.formula(s)
        return formula if s.op is None else formula.definition or formula

    def python(self, s: Symbol) -> str:
        """Return the line of a vertex, with those before it that only move entries."""
        lines: list[str] = []
        for argument in s.args:
            while isinstance(argument, Symbol) and is_silent(argument):
                lines.insert(0, self.program.lines[argument])
                argument = argument.args[0]
        return "\n".join([*dict.fromkeys(lines), self.program.lines[s]])

    def gradient_of(self, place: int) -> Written:
        """Write the gradient of a vertex, such as ∂L/∂e, in both notations."""
        of, s = self.called(self.walk.output), self.shown[place]
        below = self.called(s) if s.name is None else maths(self.walk.formula(s), True)
        pair = (partial(of, self.called(s)), partial(of, below))
        return Written(*(weighted(self.seed, each) for each in pair))

    def local_heat(self, s: Symbol, index: int) -> Heat | None:
        """Return the derivative of an operation by one argument, in numbers."""
        return self._heat(s, s.args[index], local(s, index))

    def total_heat(self, s: Symbol) -> Heat | None:
        """Return the derivative of a vertex with a name by what is differentiated."""
        rows = None if s.name is None else total(s, self.walk.wrt)
        return self._heat(s, self.walk.wrt, rows)

    def _heat(self, of: Symbol, wrt: Symbol, rows: Rows | None) -> Heat | None:
        above, below = (plain(self.called(_spoken(s)).text) for s in (of, wrt))
        return None if rows is None else Heat(above, below, rows)


def _narrow(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Put what a summary says of an array below each other."""
    return tuple(part for line in lines for part in line.split(", "))


def partial(of: Maths, to: Maths) -> Maths:
    r"""Write the derivative of a vertex by another.

    Examples
    --------
    >>> partial(Maths("L", "L"), Maths("log a", r"\log a")).text
    '∂L/∂(log a)'
    """
    sides = [
        (plain(m.text), m.latex if plain(m.text) == m.text else rf"({m.latex})") for m in (of, to)
    ]
    (above, above_latex), (below, below_latex) = sides
    latex = rf"\frac{{\partial {above_latex}}}{{\partial {below_latex}}}"
    return Maths(f"∂{above}/∂{below}", latex if of.latex and to.latex else "")


def weighted(seed: str | None, derivative: Maths) -> Maths:
    """Write the product of a derivative with the weights of the output, where there are any."""
    if seed is None:
        return derivative
    inside = rf"\left\langle {name_latex(seed)}, {derivative.latex} \right\rangle"
    return Maths(f"⟨{seed}, {derivative.text}⟩", inside if derivative.latex else "")


def is_silent(s: Any) -> bool:
    """Whether a vertex only moves entries, which no formula shows."""
    return isinstance(s, Symbol) and s.op is not None and s.op.name in _SILENT


def _spoken(s: Symbol) -> Symbol:
    """Return what a vertex that only moves entries moves."""
    while is_silent(s):
        s = s.args[0]
    return s


def _is_number(s: Symbol) -> bool:
    return s.op is None and (s.is_number or s.counted is not None)


def plain(text: str) -> str:
    """Put what is no single word in parentheses."""
    return text if len(text) == 1 or text.replace("_", "").isalnum() else f"({text})"


def ends(edge: Edge) -> tuple[int, int]:
    """Return the places of the vertices that an edge of a flow joins."""
    return int(edge.tail[1:]), int(edge.head[1:])
