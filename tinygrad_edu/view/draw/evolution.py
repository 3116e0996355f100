"""A formula that changes, as one graph: what stays from frame to frame is one vertex of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from tinygrad_edu.symbolic.derive import Formula, Step
from tinygrad_edu.view.draw.model import Edge, Mark, Model, Vertex
from tinygrad_edu.view.draw.steps import FormulaGraph, Wire

__all__ = ["Evolution", "evolutions"]

_MOST = 24  # vertices that can be looked over at once


class Evolution:
    """The union of the graphs of several formulas.

    A vertex is the same in two formulas if it is the same expression, or else the same operation
    made of most of the same, as long as all arrows can run one way.

    Parameters
    ----------
    formulas : sequence of Formula
        In the order in which they follow each other.
    """

    def __init__(self, formulas: Iterable[Formula] = ()) -> None:
        self._graphs: list[FormulaGraph] = []
        self._vertices: list[Vertex] = []
        self._below: list[set[int]] = []  # what each vertex was ever made of
        self._edges: dict[tuple[int, int, str], int] = {}
        self._places: list[dict[str, int]] = []
        self._looks: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}
        self._before: dict[int, Hashable] = {}
        for formula in formulas:
            self.add(formula)

    @property
    def model(self) -> Model:
        """The graph of all formulas together."""
        edges = tuple(Edge(f"n{tail}", f"n{head}", sign=s) for tail, head, s in self._edges)
        return Model(tuple(self._vertices), edges, direction="TB")

    @property
    def is_full(self) -> bool:
        """Whether more vertices could not be looked over."""
        return len(self._vertices) > _MOST

    def add(self, formula: Formula) -> int:
        """Add a formula; return its number."""
        self._graphs.append(FormulaGraph(formula))
        self._before = self._enter(self._graphs[-1], self._known, self._before)
        return len(self._graphs) - 1

    def _enter(
        self, graph: FormulaGraph, known: dict[int, int], before: dict[int, Hashable]
    ) -> dict[int, Hashable]:
        """Give every form of a graph its vertex; return which form each of these shows now."""
        wires: dict[str, list[Wire]] = {}
        for wire in graph.wires:
            wires.setdefault(wire.head, []).append(wire)
        signatures = self._signatures(graph, wires)
        forms = list(graph.forms.values())  # what a form is made of comes before it
        staying = {known[signatures[f.key]] for f in forms if signatures[f.key] in known}
        free = {place: look for place, look in before.items() if place not in staying}
        places: dict[str, int] = {}
        for form in forms:
            look = (form.kind, form.formula)
            inside = {places[wire.tail] for wire in wires.get(form.key, ())}
            same = known.get(signatures[form.key])
            if same is None or not self._fits(same, inside, places):
                alike = [p for p, other in free.items() if other == look]
                alike = [p for p in alike if self._fits(p, inside, places)]
                same = max(alike, key=lambda p: len(inside & self._below[p]), default=None)
            if same is None:
                same = len(self._vertices)
                self._vertices.append(Vertex(f"n{same}", form.kind, form.formula, form.text))
                self._below.append(set())
            free.pop(same, None)
            places[form.key] = known[signatures[form.key]] = same
            self._below[same] |= inside
        for wire in graph.wires:
            edge = (places[wire.tail], places[wire.head], wire.sign)
            self._edges.setdefault(edge, len(self._edges))
        self._places.append(places)
        return {places[f.key]: (f.kind, f.formula) for f in forms}

    def _signatures(self, graph: FormulaGraph, wires: Mapping[str, list[Wire]]) -> dict[str, int]:
        """Number the forms by what they are, the same in every graph."""
        found: dict[str, int] = {}
        for form in graph.forms.values():  # what a form is made of comes before it
            inside = tuple((found[w.tail], w.sign) for w in wires.get(form.key, ()))
            look = (form.kind, form.formula, form.text, inside)
            found[form.key] = self._looks.setdefault(look, len(self._looks))
        return found

    def _fits(self, place: int, inside: set[int], taken: dict[str, int]) -> bool:
        """Whether a vertex is free, and no circle comes about if it is made of these."""
        if place in taken.values():
            return False
        pending, seen = list(inside), set(inside)
        while pending:
            found = self._below[pending.pop()] - seen
            seen |= found
            pending += found
        return place not in seen

    def step(self, number: int, step: Step) -> tuple[dict[int, str], dict[int, str]]:
        """Return the states of a formula that a step made: what is new, and what was before it.

        What the step matched and cancelled keeps its mark, and what went is "gone".
        """
        merged = []
        for old, new in zip(self.marked(number - 1, step), self.scene(number), strict=True):
            states = dict(new)
            for place, state in old.items():
                if place not in new:
                    states[place] = "gone" if state == "past" else f"gone {state}"
                elif state != "past":
                    states[place] = state
            merged.append(states)
        return merged[0], merged[1]

    def scene(self, number: int) -> tuple[dict[int, str], dict[int, str]]:
        """Return the state of each vertex and edge of a formula: "now" for what is new in it."""
        before = set(self._places[number - 1].values() if number else self._places[0].values())
        old = self._joined(number - 1) if number else self._joined(0)
        vertices = {p: "past" if p in before else "now" for p in self._places[number].values()}
        edges = {e: "past" if e in old else "now" for e in self._joined(number)}
        return vertices, edges

    def marked(self, number: int, step: Step) -> tuple[dict[int, str], dict[int, str]]:
        """Return the states of a formula with what the step that follows matches and cancels."""
        graph, places = self._graphs[number], self._places[number]
        graph.mark(step)
        graph.finish_marks()
        vertices = {places[form.key]: _state(form.marks) for form in graph.forms.values()}
        edges = {
            self._edges[places[wire.tail], places[wire.head], wire.sign]: _state(wire.marks)
            for wire in graph.wires
        }
        return vertices, edges

    def _joined(self, number: int) -> set[int]:
        graph, places = self._graphs[number], self._places[number]
        return {self._edges[places[w.tail], places[w.head], w.sign] for w in graph.wires}


def _state(marks: set[Mark]) -> str:
    return next((mark for mark in ("cancelled", "matched") if mark in marks), "past")


def evolutions(formulas: Sequence[Formula]) -> list[tuple[Evolution, int]]:
    """Return for every formula the evolution that shows it, and its number there.

    One evolution holds as many formulas in a row as can be read in one graph, and always a
    formula together with the one before it.
    """
    current, found = Evolution(), []
    for number, formula in enumerate(formulas):
        if current.is_full:
            current = Evolution(formulas[number - 1 : number])
        found.append((current, current.add(formula)))
    return found
