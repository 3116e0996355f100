"""The forward phase: what is given, then every vertex in the order it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_edu.symbolic.derive import Rewriting, Symbol
from tinygrad_edu.view.draw.values import shape_text
from tinygrad_edu.view.draw.written import (
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
from tinygrad_edu.view.page.flow import Flow, if_full
from tinygrad_edu.view.page.frames import Frame, Scene, Track

__all__ = ["forward"]


def forward(flow: Flow, rewriting: Rewriting | None = None) -> list[Frame]:
    """Tell how the output is computed, and first how its formula was rewritten."""
    told = _Forward(flow)
    if rewriting is not None:
        told.rewritten(rewriting)
    told.tell()
    return told.track.frames


class _Forward:
    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.track = Track("forward", flow.route, flow.track)

    def rewritten(self, rewriting: Rewriting) -> None:
        """Tell in one step how the formula of the output became another one."""
        output = self.flow.walk.output
        called = self.flow.called(output)
        self._frame(
            prose("The same {}, written in another way", called),
            join(called, "=", written(rewriting.result)),
            [output],
            (),
            done=self.flow.shown,
            lines=tuple(
                prose(
                    f"{rule[:1].upper()}{rule[1:]}: {{}}", join(written(one), "=", written(other))
                )
                for rule, one, other in rewriting.equations
            ),
            check=check_text(rewriting.start.distance_to(output.value)),
            start=join(called, "=", written(rewriting.start)),
        )

    def tell(self) -> None:
        flow = self.flow
        leaves = [s for s in flow.shown if s.op is None]
        named = [s for s in leaves if s.name]
        equation = [self._is(s) for s in named] or [Written(Maths("—"), Maths("—"))]
        self._frame(
            prose("What is given"),
            listed(equation),
            leaves,
            (),
            because=self._roles(leaves),
            python="\n".join(flow.program.lines[s] for s in leaves if s in flow.program.lines),
        )
        done = list(leaves)
        for s in flow.shown:
            if s.op is None:
                continue
            right = flow.meaning(s)
            self._frame(
                prose("Compute {}", flow.called(s)),
                flow.equation_of(s),
                [s],
                [a for a in s.args if isinstance(a, Symbol)],
                done=done,
                rule="" if _summary(s.op) else s.op.name.replace("_", " "),
                because=Prose((_summary(s.op),)),
                numbers=plugged(right),
                python=flow.python(s),
                check=check_text(right.distance_to(s.value)),
                heat=if_full(flow.total_heat(s)),
            )
            done.append(s)

    def _roles(self, leaves: Sequence[Symbol]) -> Prose:
        """Say what is differentiated with respect to what."""
        output, wrt = (self.flow.called(s) for s in (self.flow.walk.output, self.flow.walk.wrt))
        rest = "." if len(leaves) == 1 else "; all else stays as it is."
        return prose("{} is differentiated with respect to {}" + rest, output, wrt)

    def _is(self, s: Symbol) -> Written:
        """Write a leaf with its numbers, or with its shape where they are too many."""
        left = written(self.flow.walk.formula(s))
        numbers = numbers_of(s.value)
        if numbers is None:
            shape = shape_text(s.shape)
            return join(
                left.vector, ":", Maths(shape, rf"\text{{{shape}}}".replace("×", r"$\times$"))
            )
        return join(left.vector, "=", numbers)

    def _frame(
        self,
        title: Prose,
        equation: Written,
        now: Sequence[Symbol],
        sources: Sequence[Symbol],
        done: Sequence[Symbol] = (),
        **said: Any,
    ) -> None:
        place = self.flow.place
        vertices = {place[s]: "past" for s in done}
        vertices |= {place[s]: "source" for s in sources if place.get(s, -1) >= 0}
        vertices |= {place[s]: "now" for s in now}
        edges = {}
        for number, edge in enumerate(self.flow.edges):
            tail, head = int(edge.tail[1:]), int(edge.head[1:])
            if edge.kind == "forward" and tail in vertices and head in vertices:
                edges[number] = "now" if vertices[head] == "now" else "past"
        self.track.add(title, equation, Scene(self.flow.drawing, vertices, edges), **said)


def _summary(op: Any) -> str:
    """Return the first sentence of what an operation says of itself."""
    documented = (op.__doc__ or "").strip().split("\n\n")[0]
    line = " ".join(documented.split())
    return line if line and len(line) <= 160 and "(" not in line[:12] else ""
