"""The two passes over a graph as vertices and edges with places: what every phase refers to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.symbolic.derive import Formula, Passes, Symbol, Visit
from tinygrad_edu.view.draw.model import Edge, Model, Vertex
from tinygrad_edu.view.draw.recorded import derivative, name_latex
from tinygrad_edu.view.draw.symbols import Operand, application, number_operand
from tinygrad_edu.view.draw.values import one_line, shape_text, sum_text, value_lines
from tinygrad_edu.view.draw.written import Maths, Written, written
from tinygrad_edu.view.page.jacobian import Heat, Rows, is_full, local, total
from tinygrad_edu.view.page.program import Program

__all__ = ["Flow", "if_full", "is_silent", "plain", "weighted"]

_MOST_VERTICES = 300
_SILENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"})
_SIGNS = {"subtract": "−", "divide": "÷"}


class Flow:
    """Forward and backward pass as one graph.

    `shown` are its vertices in the order they are computed and `place` says where each stands;
    one that only moves entries has the place of what it moves, and a number has none (-1).

    Parameters
    ----------
    walk : Passes
        The passes.
    of : str
        What the output is called.
    seed : str, optional
        The letter of the weights that an output with several entries has.
    """

    def __init__(self, walk: Passes, of: str, seed: str | None = None) -> None:
        self.walk, self.of, self.seed = walk, of, seed
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
        leaves = [s for s in self.shown if s.op is None]
        self.constants = set(leaves) - _tensors(walk) - set(ancestors(walk.wrt))
        self.program = Program(walk.forward, self.constants)
        self.parts: dict[int, list[tuple[Visit, int]]] = {}
        self.edges: list[Edge] = []
        self.backward_edges: dict[int, int] = {}  # place of a visit → place of its edge
        self.gradients = self._gradients()
        self.model = self._graph()

    def _gradients(self) -> dict[int, Any]:
        """Return the gradient of every vertex that one reaches, by its place."""
        walk = self.walk
        totals: dict[int, Any] = {}
        seed = next((v.incoming.value for v in walk.backward), np.ones(walk.output.shape))
        totals[self.place[walk.output]] = seed
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
        vertices = [self._vertex(n, s) for n, s in enumerate(self.shown)]
        for s in self.shown:
            if s.op is None:
                continue
            head = self.place[s]
            operands = [self._operand(a) for a in s.args]
            named = any(o.text for o in operands)
            for index, argument in enumerate(s.args):
                tail = self.place.get(argument, -1) if isinstance(argument, Symbol) else -1
                if tail < 0:
                    continue
                sign = "" if named or index == 0 else _SIGNS.get(s.op.name, "")
                self.edges.append(Edge(f"n{tail}", f"n{head}", sign=sign))
        for number, visit in enumerate(self.walk.backward):
            tail, head = self.place[visit.of], self.place[visit.to]
            if visit.contribution is None or tail < 0 or head < 0:
                continue
            parts = [np.asarray(v.part.value) for v, _ in self.parts[head]]
            text = ""
            if len(parts) > 1:
                text = _added(one_line(visit.part.value, (*parts, self.gradients[head])))
            self.backward_edges[number] = len(self.edges)
            self.edges.append(Edge(f"n{tail}", f"n{head}", "backward", text=text))
        return Model(
            tuple(vertices),
            tuple(self.edges),
            title=f"{self.of}, forward and backward",
            direction="TB",
        )

    def _vertex(self, place: int, s: Symbol) -> Vertex:
        if s.op is None:
            kind: Any = "constant" if s in self.constants else "parameter"
            text, latex = s.name or "constant", name_latex(s.name or "")
        else:
            kind = "op"
            operands = [self._operand(a) for a in s.args]
            named = self.called(s)
            right, right_latex = application(s.op, operands, s.attributes)
            text = f"{named.text} = {right}"
            latex = f"{named.latex} = {right_latex}" if named.latex and right_latex else ""
        gradient: tuple[str, ...] = ()
        total = self.gradients.get(place)
        if total is not None:
            parts = [np.asarray(v.part.value) for v, _ in self.parts.get(place, [])]
            if 1 < len(parts) <= 4 and np.ndim(total) == 0:
                gradient = (f"∇ {sum_text(parts, total)}",)
            else:
                first, *rest = value_lines(total, parts)
                gradient = (f"∇ sum: {first}" if len(parts) > 1 else f"∇ {first}", *rest)
        return Vertex(
            f"n{place}",
            kind,
            latex,
            text,
            value_lines(s.value),
            gradient_lines=gradient,
            shape=shape_text(s.shape),
        )

    def called(self, s: Symbol) -> Maths:
        """Return the name of a vertex: the user's, or that of its line of Python."""
        if s.name is not None:
            return Maths(s.name, name_latex(s.name))
        name = self.of if s is self.walk.output else self.program.names[s]
        return Maths(name, name_latex(name))

    def _operand(self, argument: Any) -> Operand:
        if not isinstance(argument, Symbol):
            return number_operand(argument)
        if argument.counted is not None:
            formula = self.walk.formula(argument)
            return Operand(formula.text(), formula.latex(), True)
        if argument.is_number:
            return number_operand(argument.value.flat[0])
        named = self.called(_spoken(argument))
        return Operand(named.text, named.latex)

    def left_of(self, s: Symbol) -> Written:
        """Write what stands left of a vertex's formula: its name."""
        called = self.called(s)
        formula = self.walk.formula(s)
        return written(formula) if s.name is not None else Written(called, called)

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
        to = self.called(self.shown[place])
        text, latex = derivative(self.of, to.text)
        both = [weighted(self.seed, Maths(text, latex))] * 2
        if self.shown[place].name is not None and latex:
            to_index = self.walk.formula(self.shown[place])
            below = rf"\frac{{\partial {name_latex(self.of)}}}{{\partial {to_index.latex(True)}}}"
            both[1] = weighted(self.seed, Maths(f"∂{self.of}/∂{to_index.text(True)}", below))
        return Written(*both)

    def local_heat(self, s: Symbol, index: int) -> Heat | None:
        """Return the derivative of an operation by one argument, in numbers."""
        return self._heat(s, s.args[index], local(s, index))

    def total_heat(self, s: Symbol) -> Heat | None:
        """Return the derivative of a vertex with a name by what is differentiated."""
        if s.name is None:
            return None
        return self._heat(s, self.walk.wrt, total(s, self.walk.wrt, self.walk.forward))

    def _heat(self, of: Symbol, wrt: Symbol, rows: Rows | None) -> Heat | None:
        names = [plain(self.called(_spoken(s)).text) for s in (of, wrt)]
        return None if rows is None else Heat(names[0], names[1], rows)


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


def _tensors(walk: Passes) -> set[Symbol]:
    """Return the leaves that gradients reach."""
    return {visit.to for visit in walk.backward}


def _added(numbers: str) -> str:
    """Write what is added to something else."""
    return f"+ ({numbers})" if numbers.startswith("−") and " " not in numbers else f"+ {numbers}"


def plain(text: str) -> str:
    """Put what is no single word in parentheses."""
    return text if len(text) == 1 or text.replace("_", "").isalnum() else f"({text})"


def if_full(heat: Heat | None) -> Heat | None:
    """Return a Jacobian that mixes entries; a diagonal one says no more than its formula."""
    return heat if heat is not None and is_full(heat.rows) else None
