"""Put the phases of a story together, way by way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import Derivation, letters, remarks
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.model import Model
from tinygrad_edu.view.draw.steps import derivation_model
from tinygrad_edu.view.draw.written import Maths, check_text, maths
from tinygrad_edu.view.page.algebra import algebra, left_side
from tinygrad_edu.view.page.backward import backward
from tinygrad_edu.view.page.comparison import comparison
from tinygrad_edu.view.page.flow import Flow
from tinygrad_edu.view.page.forward import forward
from tinygrad_edu.view.page.frames import Frame, Node, Route, Story
from tinygrad_edu.view.page.large import named_throughout
from tinygrad_edu.view.page.live import live
from tinygrad_edu.view.page.nodes import node
from tinygrad_edu.view.page.ways import Way, ways

__all__ = ["story"]

_WRITTEN, _SHORT = Route("", "as written"), Route("short", "short way")


def story(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    fused: Iterable[str] = (),
    roles: Mapping[str, str] | None = None,
) -> Story:
    """Tell how the gradient of `output` with respect to `wrt` comes about."""
    found = ways(output, wrt, named_throughout(output, names), fused)
    told = _Told()
    for way in found:
        told.add(way, _WRITTEN if way.rewriting is None else _SHORT)
    recorded = found[-1].derivation
    used = dict.fromkeys(statement for way in found for statement in way.used)
    return Story(
        left_side(recorded).vector,
        maths(recorded.result),
        ", ".join(used),
        told.without,
        tuple(told.routes),
        tuple(told.frames),
        told.nodes,
        told.drawings,
        told.sources,
        told.flows[-1].program.text(told.flows[-1].walk.output, told.flows[-1].walk.wrt),
        told.latex,
        f"{'checked' if recorded.agrees else 'DISAGREES'}: "
        f"residual {check_text(recorded.residual)}",
        live(told.flows, recorded, roles),
        comparison(output, wrt, recorded, told.flows[-1].incoming),
        (
            *remarks(recorded),
            *letters(
                [recorded.start, recorded.result, recorded.output],
                recorded.recognised,
            )[1:],
        ),
    )


class _Told:
    """What has been told so far; what was recorded comes last."""

    def __init__(self) -> None:
        self.flows: list[Flow] = []
        self.routes: list[Route] = []
        self.frames: list[Frame] = []
        self.nodes: dict[str, tuple[Node, ...]] = {}
        self.drawings: dict[str, Model] = {}
        self.sources: dict[str, Model] = {}
        self.latex: dict[str, str] = {}
        self.without: Maths | None = None

    def add(self, way: Way, route: Route) -> None:
        """Tell one way: with what is assumed, and without, where that makes a difference."""
        self.routes.append(route)
        free = way.without() if way.used else None
        assumed = "assumed" if way.used else ""
        self._passes(way, route.key, assumed if free is None else "")
        self._algebra(way.derivation, route.key, assumed)
        if free is not None:
            self.without = maths(free.result)
            self._algebra(free, route.key, "free")

    def _passes(self, way: Way, route: str, track: str) -> None:
        derivation = way.derivation
        flow = Flow(way.walk, derivation.title[0], derivation.seed, route, track)
        self.drawings[flow.drawing] = self.sources[flow.drawing] = flow.model
        self.frames += [*forward(flow, way.rewriting), *backward(flow)]
        self.nodes[flow.drawing] = tuple(node(flow, s) for s in flow.shown)
        self.flows.append(flow)

    def _algebra(self, derivation: Derivation, route: str, track: str) -> None:
        self.frames += algebra(derivation, route, track, self.drawings)
        name = "-".join(part for part in (route, track) if part)
        self.sources[f"algebra-{name}" if name else "algebra"] = derivation_model(derivation)
        self.latex[name] = derivation.latex()
