"""The forward phase: what is given, then every vertex in the order it is computed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tinygrad_edu.symbolic.derive import Rewriting, Symbol
from tinygrad_edu.view.draw.values import shape_text
from tinygrad_edu.view.page.flow import Flow, ends
from tinygrad_edu.view.page.folds import Fold
from tinygrad_edu.view.page.frames import Frame, Scene, Track
from tinygrad_edu.view.page.markup import sentence_case
from tinygrad_edu.view.page.written import (
    Maths,
    Prose,
    Written,
    check_text,
    join,
    listed,
    numbers_of,
    plugged,
    prose,
    written,
)

__all__ = ["forward"]


def forward(flow: Flow, rewriting: Rewriting | None = None) -> list[Frame]:
    """Tell how the output is computed, and first how its formula was rewritten."""
    track = Track("forward", flow.route, flow.track)
    if rewriting is not None:
        _rewritten(track, flow, rewriting)
    leaves = [s for s in flow.shown if s.op is None]
    given = [s for s in leaves if flow.fold_of(flow.place[s]) is None]
    output, wrt = flow.called(flow.walk.output), flow.called(flow.walk.wrt)
    rest = "." if len(leaves) == 1 else "; all else stays as it is."
    track.add(
        prose("What is given"),
        listed([_given(flow, s) for s in given if s.name] or [Written(Maths("—"), Maths("—"))]),
        _scene(flow, given),
        because=prose("{} is differentiated with respect to {}" + rest, output, wrt),
        python="\n".join(flow.program.lines[s] for s in given),
    )
    computed = [s for s in flow.shown if s.op is not None]
    for count, s in enumerate(computed):
        fold = flow.fold_of(flow.place[s])
        if fold is not None:
            if flow.place[s] == fold.last:
                _again(track, flow, fold, _scene(flow, [s], [*given, *computed[:count]]))
            continue
        right, summary = flow.meaning(s), _summary(s.op)
        assert s.op is not None
        track.add(
            prose("Compute {}", flow.called(s)),
            flow.equation_of(s),
            _scene(flow, [s], [*given, *computed[:count]], s.args),
            rule="" if summary else s.op.name.replace("_", " "),
            because=Prose((summary,)),
            numbers=plugged(right),
            python=flow.python(s),
            check=check_text(right.distance_to(s.value)),
            heat=flow.total_heat(s),
        )
    return track.frames


def _rewritten(track: Track, flow: Flow, rewriting: Rewriting) -> None:
    """Tell in one step how the formula of the output became another one."""
    output = flow.walk.output
    called = flow.called(output)
    equations = (
        (rule, join(written(one), "=", written(other))) for rule, one, other in rewriting.equations
    )
    track.add(
        prose("The same {}, written in another way", called),
        join(called, "=", written(rewriting.result)),
        _scene(flow, [output], flow.shown),
        lines=tuple(prose(f"{sentence_case(rule)}: {{}}", each) for rule, each in equations),
        check=check_text(rewriting.start.distance_to(output.value)),
        start=join(called, "=", written(rewriting.start)),
    )


def _again(track: Track, flow: Flow, fold: Fold, scene: Scene) -> None:
    """Tell in one step of rounds that do what the one before them did."""
    first, last = (flow.shown[place] for place in (fold.first, fold.last))
    right = flow.meaning(last)
    track.add(
        prose(f"The same, {fold.count} times more"),
        flow.equation_of(last),
        scene,
        because=prose(
            f"From {{}} to {{}} stand {fold.count} rounds of the same computation; each takes up "
            "what the round before it left.",
            flow.called(first),
            flow.called(last),
        ),
        numbers=plugged(right),
        python=flow.python(last),
        check=check_text(right.distance_to(last.value)),
    )


def _given(flow: Flow, s: Symbol) -> Written:
    """Write a leaf with its numbers, or with its shape where they are too many."""
    left, numbers = written(flow.walk.formula(s)), numbers_of(s.value)
    if numbers is not None:
        return join(left.vector, "=", numbers)
    shape = shape_text(s.shape)
    return join(left.vector, ":", Maths(shape, shape.replace("×", r"\times")))


def _scene(
    flow: Flow, now: Sequence[Symbol], done: Iterable[Symbol] = (), sources: Iterable[Any] = ()
) -> Scene:
    place = {s: flow.at(at) for s, at in flow.place.items()}
    vertices = {place[s]: "past" for s in done}
    vertices |= {place[s]: "source" for s in sources if place.get(s, -1) >= 0}
    vertices |= {place[s]: "now" for s in now}
    edges = {}
    for number, edge in enumerate(flow.edges):
        tail, head = ends(edge)
        if edge.kind == "forward" and {tail, head} <= vertices.keys():
            edges[number] = "now" if vertices[head] == "now" else "past"
    return Scene(flow.drawing, vertices, edges)


def _summary(op: Any) -> str:
    """Return the first sentence of what an operation says of itself."""
    line = " ".join(op.summary.split())
    return line if line and len(line) <= 160 and "(" not in line[:12] else ""
