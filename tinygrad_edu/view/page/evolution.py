"""A formula that changes, as one graph: what stays from frame to frame is one vertex of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

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
        self._places: list[dict[str, int]] = []  # of each graph's vertices, by key
        self._signatures: dict[Hashable, int] = {}
        self._known: dict[int, int] = {}  # from a signature to its vertex
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
        graph, places = FormulaGraph(formula), dict[str, int]()
        arriving: dict[str, list[Wire]] = {}
        for wire in graph.wires:
            arriving.setdefault(wire.head, []).append(wire)
        signatures = self._sign(graph, arriving)
        staying = {self._known.get(signature) for signature in signatures.values()}
        free = self._free(staying)
        for vertex in graph.vertices.values():  # what one is made of comes before it
            inside = {places[wire.tail] for wire in arriving.get(vertex.key, ())}
            same = self._known.get(signatures[vertex.key])
            if same is None or not self._fits(same, inside, places):
                alike = [p for p, look in free.items() if look == (vertex.kind, vertex.formula)]
                alike = [p for p in alike if self._fits(p, inside, places)]
                same = max(alike, key=lambda p: len(inside & self._below[p]), default=None)
            if same is None:
                same = len(self._vertices)
                self._vertices.append(replace(vertex, key=f"n{same}"))
                self._below.append(set())
            free.pop(same, None)
            places[vertex.key] = self._known[signatures[vertex.key]] = same
            self._below[same] |= inside
        self._graphs.append(graph)
        self._places.append(places)
        for wire in graph.wires:
            self._edges.setdefault(self._edge(places, wire), len(self._edges))
        return len(self._graphs) - 1

    def _free(self, staying: set[int | None]) -> dict[int, Hashable]:
        """Return the vertices of the last formula that do not stay, and how they look in it."""
        if not self._graphs:
            return {}
        places = self._places[-1]
        looks = {places[v.key]: (v.kind, v.formula) for v in self._graphs[-1].vertices.values()}
        return {place: look for place, look in looks.items() if place not in staying}

    def _sign(self, graph: FormulaGraph, arriving: Mapping[str, list[Wire]]) -> dict[str, int]:
        """Number the vertices by what they are, the same in every graph."""
        found: dict[str, int] = {}
        for v in graph.vertices.values():
            inside = tuple((found[w.tail], w.sign) for w in arriving.get(v.key, ()))
            look = (v.kind, v.formula, v.text, inside)
            found[v.key] = self._signatures.setdefault(look, len(self._signatures))
        return found

    def _edge(self, places: Mapping[str, int], wire: Wire) -> tuple[int, int, str]:
        return places[wire.tail], places[wire.head], wire.sign

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
        states = []
        for shown in (lambda n: set(self._places[n].values()), self._joined):
            before = shown(max(number - 1, 0))
            states.append({p: "past" if p in before else "now" for p in shown(number)})
        return states[0], states[1]

    def marked(self, number: int, step: Step) -> tuple[dict[int, str], dict[int, str]]:
        """Return the states of a formula with what the step that follows matches and cancels."""
        graph, places = self._graphs[number], self._places[number]
        graph.mark(step)
        graph.finish_marks()
        vertices = {place: _state(graph.marks[key]) for key, place in places.items()}
        edges = {self._edges[self._edge(places, w)]: _state(w.marks) for w in graph.wires}
        return vertices, edges

    def _joined(self, number: int) -> set[int]:
        places = self._places[number]
        return {self._edges[self._edge(places, wire)] for wire in self._graphs[number].wires}


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
