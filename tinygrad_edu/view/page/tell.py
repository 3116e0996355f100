"""Put the phases of a story together, way by way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import Derivation, letters, remarks
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.steps import derivation_model
from tinygrad_edu.view.page.algebra import algebra, left_side
from tinygrad_edu.view.page.backward import backward
from tinygrad_edu.view.page.comparison import comparison
from tinygrad_edu.view.page.flow import Flow
from tinygrad_edu.view.page.forward import forward
from tinygrad_edu.view.page.frames import Route, Story
from tinygrad_edu.view.page.live import live
from tinygrad_edu.view.page.nodes import node
from tinygrad_edu.view.page.ways import Way, named_throughout, ways
from tinygrad_edu.view.page.written import check_text, maths

__all__ = ["story"]

_MOST_PARTS = 120  # of a formula whose derivation can be copied
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
    recorded = found[-1].derivation
    formulas = [recorded.start, recorded.result, recorded.output]
    verdict = "checked" if recorded.agrees else "DISAGREES"
    told = Story(
        left_side(recorded).vector,
        maths(recorded.result),
        ", ".join(dict.fromkeys(statement for way in found for statement in way.used)),
        f"{verdict}: residual {check_text(recorded.residual)}",
        comparison(output, wrt, recorded, found[-1].walk.incoming),
        (*remarks(recorded), *letters(formulas, recorded.recognised)[1:]),
    )
    flows = [_way(told, way, _WRITTEN if way.rewriting is None else _SHORT) for way in found]
    told.program = flows[-1].program.text(flows[-1].walk.output, flows[-1].walk.wrt)
    told.live = live(flows, recorded, roles)
    return told


def _way(told: Story, way: Way, route: Route) -> Flow:
    """Tell one way: with what is assumed, and without, where that makes a difference."""
    told.routes.append(route)
    free = way.without() if way.used else None
    assumed = "assumed" if way.used else ""
    of, seed = way.derivation.title[0], way.derivation.seed
    flow = Flow(way.walk, of, seed, route.key, assumed if free is None else "")
    told.drawings[flow.drawing] = told.sources[flow.drawing] = flow.model
    told.frames += [*forward(flow, way.rewriting), *backward(flow)]
    told.nodes[flow.drawing] = tuple(node(flow, s) for s in flow.shown)
    _algebra(told, way.derivation, route.key, assumed)
    if free is not None:
        told.without = maths(free.result)
        _algebra(told, free, route.key, "free")
    return flow


def _algebra(told: Story, derivation: Derivation, route: str, track: str) -> None:
    told.frames += algebra(derivation, route, track, told.drawings)
    if derivation.start.size > _MOST_PARTS:  # which nobody copies
        return
    name = "-".join(filter(None, (route, track)))
    told.sources[f"algebra-{name}" if name else "algebra"] = derivation_model(derivation)
    told.latex[name] = derivation.latex()
