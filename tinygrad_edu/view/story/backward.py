"""The backward phase: every visit of the chain rule, and the sum wherever paths meet."""

from __future__ import annotations

import numpy as np

from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.derivation import Contribution, Formula
from tinygrad_edu.symbolic.derive import Visit
from tinygrad_edu.symbolic.expr import Leaf, distinct
from tinygrad_edu.symbolic.expr import total as sum_of
from tinygrad_edu.view.recorded import derivative
from tinygrad_edu.view.story.flow import Flow, if_full, plain
from tinygrad_edu.view.story.frames import Frame, Scene, Track
from tinygrad_edu.view.written import (
    Maths,
    Written,
    bracketed,
    check_text,
    distance,
    join,
    numbers_of,
    plugged,
    written,
)

__all__ = ["backward"]


def backward(flow: Flow) -> list[Frame]:
    """Tell how the gradient comes back from the output."""
    told = _Backward(flow)
    told.tell()
    return told.track.frames


class _Backward:
    def __init__(self, flow: Flow) -> None:
        self.flow, self.walk = flow, flow.walk
        self.track = Track("backward")

    def tell(self) -> None:
        flow, walk = self.flow, self.walk
        known = {flow.place[walk.output]}
        passed: list[int] = []
        output = flow.of
        seed, seed_latex = derivative(output, output)
        right = (
            Maths("1", "1")
            if walk.output.value.size == 1
            else Maths(walk.letter, notation.name_latex(walk.letter))
        )
        self.track.add(
            f"Start at {output}",
            join(Maths(seed, seed_latex), "=", right),
            self._back_scene(flow.place[walk.output], None, known, passed),
            rule="seed",
            because="A quantity changes by 1 for each 1 that it changes itself."
            if walk.output.value.size == 1
            else "The output has several entries, so each gets a weight of its own.",
            python=f"tg.gradients({flow.program.names[walk.output]}, "
            f"{flow.program.names[walk.wrt]})",
        )
        arrived: dict[int, int] = {}
        for number, visit in enumerate(walk.backward):
            if visit.contribution is None:
                continue
            to = flow.place[visit.to]
            if to < 0:
                continue
            passed.append(number)
            arrived[to] = arrived.get(to, 0) + 1
            complete = arrived[to] == len(flow.parts[to])
            if complete and len(flow.parts[to]) == 1:
                known.add(to)
            self._visit_frame(visit, number, known, passed)
            if complete and len(flow.parts[to]) > 1:
                known.add(to)
                self._meeting_frame(to, known, passed)

    def _visit_frame(self, visit: Visit, number: int, known: set[int], passed: list[int]) -> None:
        entry = visit.contribution
        assert entry is not None
        flow, place = self.flow, self.flow.place[visit.to]
        of, to = flow.called(visit.of).text, flow.called(flow.shown[place]).text
        several = len(flow.parts[place]) > 1
        rule = written(entry.local)
        equation = join(rule, "=", written(entry.contribution))
        if entry.local.text() == entry.contribution.text():
            equation = written(entry.contribution)
        incoming = join(self._letter(entry), "=", written(entry.incoming))
        numbers = plugged(entry.contribution)
        because = (
            f"Into {of} comes the gradient {self.walk.letter} = {_clip(entry.incoming.text())}; "
            f"times the derivative ∂{plain(of)}/∂{plain(to)} it goes on to {to}"
        )
        because += ", as one of the parts that add up there." if several else "."
        self.track.add(
            f"From {of} back to {to}",
            equation,
            self._back_scene(place, number, known, passed),
            rule=f"chain rule through {visit.of.op.name.replace('_', ' ')}",  # type: ignore[union-attr]
            because=because,
            local=incoming,
            numbers=numbers,
            python=flow.python(visit.of),
            check=check_text(distance(entry.contribution, visit.part.value)),
            heat=if_full(flow.local_heat(visit.of, visit.index)),
        )

    def _letter(self, entry: Contribution) -> Written:
        """Write the letter of what comes in, with the indices that it has in the local rule."""
        for each in distinct(entry.local.expr):
            if isinstance(each, Leaf) and each.quantity.name == self.walk.letter:
                return written(Formula(each.quantity.leaf, each.quantity.axes))
        bare = Maths(self.walk.letter, notation.name_latex(self.walk.letter))
        return Written(bare, bare)

    def _meeting_frame(self, to: int, known: set[int], passed: list[int]) -> None:
        flow = self.flow
        visits = [visit for visit, _ in flow.parts[to]]
        entries = [visit.contribution for visit in visits]
        terms = [written(entry.contribution) for entry in entries if entry is not None]
        axes = next(entry.contribution.axes for entry in entries if entry is not None)
        whole = Formula(sum_of(e.contribution.expr for e in entries if e is not None), axes)
        name = flow.called(flow.shown[to]).text
        row: list[Written | str] = []
        for term in terms:
            row += ["+", bracketed(term)] if row else [bracketed(term)]
        shape = flow.shown[to].shape
        values = [np.asarray(v.part.value).reshape(shape) for v in visits]
        found = [numbers_of(value, inside=True) for value in values]
        found.append(numbers_of(flow.gradients[to]))
        numbers: tuple[Maths, ...] = ()
        if all(n is not None for n in found):
            *parts, total = [n for n in found if n is not None]
            numbers = (
                Maths(" + ".join(p.text for p in parts), " + ".join(p.latex for p in parts)),
                Maths(f"= {total.text}", f"= {total.latex}"),
            )
        edges = [flow.backward_edges[n] for _, n in flow.parts[to] if n in flow.backward_edges]
        scene = self._back_scene(to, None, known, passed)
        scene.edges.update(dict.fromkeys(edges, "now"))
        self.track.add(
            f"{len(terms)} paths meet in {name}",
            join(flow.gradient_of(to), "=", *row),
            scene,
            rule="sum over paths",
            because=f"{name} is used {len(terms)} times; a change of it reaches {flow.of} on "
            "every path, and the effects add up.",
            numbers=numbers,
            check=check_text(distance(whole, flow.gradients[to])),
        )

    def _back_scene(
        self, now: int, number: int | None, known: set[int], passed: list[int]
    ) -> Scene:
        flow = self.flow
        vertices = dict.fromkeys(range(len(flow.shown)), "past")
        edges = {n: "past" for n, edge in enumerate(flow.edges) if edge.kind == "forward"}
        for each in passed:
            if each in flow.backward_edges:
                edges[flow.backward_edges[each]] = "now" if each == number else "past"
        if number is not None:
            vertices[flow.place[self.walk.backward[number].of]] = "source"
        vertices[now] = "now"
        return Scene("graph", vertices, edges, frozenset(known))


def _clip(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"
