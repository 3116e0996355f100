"""The backward phase: every visit of the chain rule, and the sum wherever paths meet."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.derive import Formula, Visit
from tinygrad_edu.view.draw.recorded import name_latex
from tinygrad_edu.view.draw.values import shape_text
from tinygrad_edu.view.page.flow import Flow, partial
from tinygrad_edu.view.page.folds import Fold
from tinygrad_edu.view.page.frames import Factor, Frame, Passing, Scene, Track
from tinygrad_edu.view.page.meaning import meaning
from tinygrad_edu.view.page.written import (
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

__all__ = ["backward"]

_MOST_PARTS = 6  # of a sum that is written out
_LONGEST = 40  # parts of a formula that is written out beside its name


def backward(flow: Flow) -> list[Frame]:
    """Tell how the gradient comes back from the output."""
    track = Track("backward", flow.route, flow.track)
    output = flow.place[flow.walk.output]
    known, passed = {output}, set[int]()
    last = _last_visits(flow)
    _start(track, flow, _scene(flow, output, known, passed))
    for number, visit in enumerate(flow.walk.backward):
        to = flow.place[visit.to]
        if visit.contribution is None or to < 0:
            continue
        passed.add(number)
        fold = flow.fold_of(flow.place[visit.of], to)
        is_complete = passed.issuperset(n for _, n in flow.parts[to])
        meets = len(flow.parts[to]) > 1 and flow.at(to) == to
        if is_complete and not meets:
            known.add(to)
        if fold is None:
            scene = _scene(flow, to, known, passed, {number})
            scene.vertices[flow.place[visit.of]] = "source"
            _visit(track, flow, visit, number, scene)
        elif number == last[fold]:
            _through(track, flow, fold, _scene(flow, fold.last, known, passed))
        if is_complete and meets:
            known.add(to)
            arriving = {n for _, n in flow.parts[to]}
            _meeting(track, flow, to, _scene(flow, to, known, passed, arriving))
    return track.frames


def _start(track: Track, flow: Flow, scene: Scene) -> None:
    walk = flow.walk
    called, is_number = flow.called(walk.output), walk.output.value.size == 1
    said = prose("The output has several entries, so each gets a weight of its own.")
    if is_number:
        said = prose(
            "The push on a quantity is how much {} grows for each 1 that it grows; on {} itself "
            "it is 1.",
            called,
            called,
        )
    right = Maths("1", "1") if is_number else Maths(walk.letter, name_latex(walk.letter))
    names = flow.program.names
    track.add(
        prose("Start at {}", called),
        join(partial(called, called), "=", right),
        scene,
        rule="seed",
        because=said,
        python=f"tg.gradients({names[walk.output]}, {names[walk.wrt]})",
    )


def _visit(track: Track, flow: Flow, visit: Visit, number: int, scene: Scene) -> None:
    entry, slope, op = visit.contribution, flow.slopes[number], visit.of.op
    assert entry is not None
    assert op is not None
    place = flow.place[visit.to]
    of, to = flow.called(visit.of), flow.called(flow.shown[place])
    arrived, times = flow.gradient_of(flow.place[visit.of]), partial(of, to)
    left, several = flow.gradient_of(place), len(flow.parts[place])
    said = meaning(slope, op.name.replace("_", " "), of, to)
    if several > 1:
        left = join(arrived, "·", times)
        said = Prose((*said.parts, f" {several} such parts add up."))
    track.add(
        prose("From {} back to {}", of, to),
        join(left, "=", written(entry.contribution)),
        scene,
        because=said,
        python=flow.python(visit.of),
        check=check_text(entry.contribution.distance_to(visit.part.value)),
        heat=flow.local_heat(visit.of, visit.index),
        passing=Passing(
            _factor(arrived, entry.incoming),
            _factor(Written(times, times), slope.factor, slope.entries),
            _factor(left, entry.contribution),
            slope.subscripts,
            slope.flow in {"gathered", "mixed"},
        ),
    )


def _last_visits(flow: Flow) -> dict[Fold, int]:
    """Return the last visit of each of the rounds that are told together."""
    found = {}
    for number, visit in enumerate(flow.walk.backward):
        fold = flow.fold_of(flow.place[visit.of], flow.place[visit.to])
        if fold is not None and visit.contribution is not None:
            found[fold] = number
    return found


def _through(track: Track, flow: Flow, fold: Fold, scene: Scene) -> None:
    """Tell in one step how the gradient comes back through rounds that do the same."""
    inside = set(fold.places)
    places = [
        flow.place[visit.to]
        for visit in flow.walk.backward
        if flow.place[visit.of] in inside and visit.to.op is not None
    ]
    to = next((place for place in reversed(places) if place not in inside), fold.first)
    numbers = numbers_of(flow.gradients[to])
    shape = shape_text(flow.shown[to].shape)
    right = Maths(shape, shape.replace("×", r"\times")) if numbers is None else numbers
    track.add(
        prose(f"Back through the same, {fold.count} times"),
        join(flow.gradient_of(to), ":" if numbers is None else "=", right),
        scene,
        because=prose(
            f"Each of the {fold.count} rounds passes the push on by the local derivatives of the "
            "round that was told; this is what has come back to {}.",
            flow.called(flow.shown[to]),
        ),
    )


def _meeting(track: Track, flow: Flow, to: int, scene: Scene) -> None:
    s, parts = flow.shown[to], flow.parts[to]
    name, count = flow.called(s), len(parts)
    entries = [v.contribution.contribution for v, _ in parts if v.contribution is not None]
    row: list[Written | Maths | str] = []
    for entry in entries:
        row += ["+", bracketed(written(entry))]
    if count > _MOST_PARTS:
        row = [*row[: _MOST_PARTS - 2], "+", Maths("⋯", r"\cdots"), *row[-2:]]
    values = [np.asarray(v.part.value).reshape(s.shape) for v, _ in parts]
    times = "twice" if count == 2 else f"{count} times"
    # Part by part: one that came by way of a reshape has axes of its own.
    apart = [entry.distance_to(value) for entry, value in zip(entries, values, strict=True)]
    track.add(
        prose(f"{count} paths meet in {{}}", name),
        join(flow.gradient_of(to), "=", *row[1:]),
        scene,
        rule="sum over paths",
        because=prose(
            f"{{}} is used {times}; a change of it reaches {{}} on every path, and the effects "
            "add up.",
            name,
            flow.called(flow.walk.output),
        ),
        numbers=summed(values, flow.gradients[to]),
        check=check_text(max(apart)),
    )


def _scene(
    flow: Flow, now: int, known: set[int], passed: set[int], passing: Collection[int] = ()
) -> Scene:
    """Show the whole graph, and the arrows of the visits that were made."""
    vertices = dict.fromkeys(map(flow.at, range(len(flow.shown))), "past") | {flow.at(now): "now"}
    edges = {n: "past" for n, edge in enumerate(flow.edges) if edge.kind == "forward"}
    for number, place in flow.backward_edges.items():
        if number in passed:
            edges[place] = "now" if number in passing else "past"
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
