"""Put the phases of a story together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import derive_named, letters, passes, remarks
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.steps import derivation_model
from tinygrad_edu.view.draw.written import check_text, maths
from tinygrad_edu.view.page.algebra import algebra, left_side
from tinygrad_edu.view.page.backward import backward
from tinygrad_edu.view.page.flow import Flow
from tinygrad_edu.view.page.forward import forward
from tinygrad_edu.view.page.frames import Story
from tinygrad_edu.view.page.live import live
from tinygrad_edu.view.page.nodes import node

__all__ = ["story"]


def story(
    output: Tensor,
    wrt: Tensor,
    names: Names,
    fused: Iterable[str] = (),
    roles: Mapping[str, str] | None = None,
) -> Story:
    """Tell how the gradient of `output` with respect to `wrt` comes about."""
    fused = tuple(fused)
    found = derive_named(output, wrt, names, None, fused)
    used = [a.statement for a in found.assumptions if a.used]
    free = derive_named(output, wrt, names, (), fused) if used else None
    flow = Flow(passes(output, wrt, names, fused), found.title[0], found.seed)
    tracks = [("", found)] if free is None else [("assumed", found), ("free", free)]
    drawings = {"graph": flow.model}
    frames = [*forward(flow), *backward(flow)]
    for track, derivation in tracks:
        frames += algebra(derivation, track, drawings)
    sources = {f"algebra{'-' * bool(t)}{t}": derivation_model(d) for t, d in tracks}
    written = [found.start, found.result, found.output]
    return Story(
        left_side(found).vector,
        maths(found.result),
        ", ".join(used),
        None if free is None else maths(free.result),
        tuple(frames),
        tuple(node(flow, s) for s in flow.shown),
        drawings,
        {"graph": flow.model, **sources},
        flow.program.text(flow.walk.output, flow.walk.wrt),
        {track: d.latex() for track, d in tracks},
        f"{'checked' if found.agrees else 'DISAGREES'}: residual {check_text(found.residual)}",
        live(flow, found, roles),
        (
            *remarks(found),
            *letters(written, found.recognised)[1:],
        ),
    )
