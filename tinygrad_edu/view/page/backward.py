"""The backward phase: every visit of the chain rule, and the sum wherever paths meet."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.symbolic.derive import Contribution, Formula, Visit
from tinygrad_edu.view.draw.recorded import name_latex
from tinygrad_edu.view.draw.written import (
    Maths,
    Prose,
    Written,
    bracketed,
    check_text,
    join,
    numbers_of,
    prose,
    summed,
    written,
)
from tinygrad_edu.view.page.flow import Flow, if_full, partial
from tinygrad_edu.view.page.frames import Factor, Frame, Passing, Scene, Track
from tinygrad_edu.view.page.meaning import meaning

__all__ = ["backward"]

_LONGEST = 40  # parts of a formula that is written out beside its name


def backward(flow: Flow) -> list[Frame]:
    """Tell how the gradient comes back from the output."""
    told = _Backward(flow)
    told.tell()
    return told.track.frames


class _Backward:
    def __init__(self, flow: Flow) -> None:
        self.flow, self.walk = flow, flow.walk
        self.track = Track("backward", flow.route, flow.track)

    def tell(self) -> None:
        flow, walk = self.flow, self.walk
        known = {flow.place[walk.output]}
        passed: list[int] = []
        right = Maths("1", "1") if walk.output.value.size == 1 else self._bare_letter()
        self.track.add(
            prose("Start at {}", flow.called(walk.output)),
            join(partial(*[flow.called(walk.output)] * 2), "=", right),
            self._scene(flow.place[walk.output], None, known, passed),
            rule="seed",
            because=prose(
                "The push on a quantity is how much {} grows for each 1 that it grows; on {} "
                "itself it is 1.",
                *[flow.called(walk.output)] * 2,
            )
            if walk.output.value.size == 1
            else prose("The output has several entries, so each gets a weight of its own."),
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
        entry, slope, op = visit.contribution, self.flow.slopes[number], visit.of.op
        flow, place = self.flow, self.flow.place[visit.to]
        assert entry is not None
        assert op is not None
        of, to = flow.called(visit.of), flow.called(flow.shown[place])
        arrived, times = flow.gradient_of(flow.place[visit.of]), partial(of, to)
        left = flow.gradient_of(place)
        several = len(flow.parts[place]) > 1
        if several:
            left = join(arrived, "·", times)
        local, result = written(slope.factor), written(entry.contribution)
        passing = Passing(
            _factor(arrived, entry.incoming),
            _factor(Written(times, times), slope.factor, slope.entries),
            _factor(left, entry.contribution),
            slope.subscripts,
            slope.flow in {"gathered", "mixed"},
        )
        said = meaning(slope, op.name.replace("_", " "), of, to, local)
        if several:
            said = Prose((*said.parts, f" {len(flow.parts[place])} such parts add up."))
        self.track.add(
            prose("From {} back to {}", of, to),
            join(left, "=", result),
            self._scene(place, number, known, passed),
            because=said,
            python=flow.python(visit.of),
            check=check_text(entry.contribution.distance_to(visit.part.value)),
            heat=if_full(flow.local_heat(visit.of, visit.index)),
            passing=passing,
        )

    def _bare_letter(self) -> Maths:
        return Maths(self.walk.letter, name_latex(self.walk.letter))

    def _meeting_frame(self, to: int, known: set[int], passed: list[int]) -> None:
        flow, name = self.flow, self.flow.called(self.flow.shown[to])
        entries = [v.contribution for v, _ in flow.parts[to] if v.contribution is not None]
        row: list[Written | str] = []
        for entry in entries:
            row += ["+", bracketed(written(entry.contribution))]
        shape = flow.shown[to].shape
        values = [np.asarray(v.part.value).reshape(shape) for v, _ in flow.parts[to]]
        scene = self._scene(to, None, known, passed)
        for _, number in flow.parts[to]:
            if number in flow.backward_edges:
                scene.edges[flow.backward_edges[number]] = "now"
        times = "twice" if len(entries) == 2 else f"{len(entries)} times"
        self.track.add(
            prose(f"{len(entries)} paths meet in {{}}", name),
            join(flow.gradient_of(to), "=", *row[1:]),
            scene,
            rule="sum over paths",
            because=prose(
                f"{{}} is used {times}; a change of it reaches {{}} on every path, and the effects "
                "add up.",
                name,
                flow.called(self.walk.output),
            ),
            numbers=summed(values, flow.gradients[to]),
            # Part by part: one that came by way of a reshape has axes of its own.
            check=check_text(max(map(_distance, entries, values))),
        )

    def _scene(self, now: int, number: int | None, known: set[int], passed: list[int]) -> Scene:
        flow = self.flow
        vertices = dict.fromkeys(range(len(flow.shown)), "past")
        edges = {n: "past" for n, edge in enumerate(flow.edges) if edge.kind == "forward"}
        for each in passed:
            if each in flow.backward_edges:
                edges[flow.backward_edges[each]] = "now" if each == number else "past"
        if number is not None:
            vertices[flow.place[self.walk.backward[number].of]] = "source"
        vertices[now] = "now"
        return Scene(flow.drawing, vertices, edges, frozenset(known))


def _factor(name: Written, formula: Formula, entries: Formula | None = None) -> Factor:
    """Write a formula with its numbers, where these say more, and its value at all `entries`."""
    value = _squeezed(entries or formula)
    if formula.expr.size > _LONGEST:  # its name and its numbers say more
        return Factor(name, None, numbers_of(value), value)
    shown = written(formula)
    numbers = numbers_of(_squeezed(formula))
    if numbers is not None and numbers.text == shown.vector.text:
        numbers = None
    return Factor(name, shown, numbers, value)


def _squeezed(formula: Formula) -> Any:
    """Compute a formula, without axes that have no index."""
    value, axes = np.asarray(formula.evaluate()), formula.axes
    return np.squeeze(value, tuple(n for n, axis in enumerate(axes) if axis is None))


def _distance(entry: Contribution, value: Any) -> float:
    return entry.contribution.distance_to(value)
