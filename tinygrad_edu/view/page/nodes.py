"""The table of all vertices: what each is, in numbers and in formulas."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from tinygrad_edu.symbolic.derive import Contribution, Symbol, Visit
from tinygrad_edu.view.draw.values import one_line, shape_text
from tinygrad_edu.view.page.flow import MANY, Flow, partial
from tinygrad_edu.view.page.frames import Node
from tinygrad_edu.view.page.jacobian import Heat, heat_map
from tinygrad_edu.view.page.markup import cells, element
from tinygrad_edu.view.page.written import Maths, Written, written

__all__ = ["TITLES", "node", "row"]

#: What the columns of the table are called.
TITLES = (
    *("Node", "Formula", "Operation", "Shape", "Value", "Gradient"),
    *("Local derivative", "Made of", "Used by", "Python"),
)
_MOST_PARTS = 12  # of a formula in a derivative that is written out


def node(flow: Flow, s: Symbol) -> Node:
    """Describe a vertex."""
    place = flow.place[s]
    is_told = flow.fold_of(place) is None
    kind = "constant" if s in flow.constants else "parameter"
    made_of = [flow.place.get(a, -1) for a in s.args if isinstance(a, Symbol)]
    used_by = [
        user
        for user, other in enumerate(flow.shown)
        if any(isinstance(a, Symbol) and flow.place.get(a) == place for a in other.args)
    ]
    name = written(flow.meaning(s)) if s.op is None else flow.equation_of(s)
    if not is_told:
        name = Written(Maths(name.vector.text), Maths(name.index.text))
    visits = [v for v in flow.walk.backward if v.of is s and v.contribution is not None and is_told]
    entries = [v.contribution for v in visits if v.contribution is not None]
    gradient = flow.gradients.get(place)
    return Node(
        place,
        flow.called(s).text,
        name,
        kind if s.op is None else s.op.name.replace("_", " "),
        shape_text(s.shape) or "scalar",
        one_line(s.value),
        "—" if gradient is None else one_line(gradient),
        flow.program.lines.get(s, ""),
        tuple(dict.fromkeys(p for p in made_of if p >= 0)),
        tuple(used_by),
        tuple(_derivative(e) for e in entries if max(e.of.size, e.to.size) <= _MOST_PARTS),
        tuple(_heats(flow, s, visits)),
    )


def _heats(flow: Flow, s: Symbol, visits: Sequence[Visit]) -> list[Heat]:
    """Return the Jacobians of a vertex; there are none in a large graph."""
    if len(flow.shown) > MANY:
        return []
    heats = [flow.local_heat(s, visit.index) for visit in visits]
    shown = [heat for heat in heats if heat is not None and heat.size > 1]
    whole = flow.total_heat(s)
    if whole is not None and whole not in shown and whole.of != whole.wrt:
        shown.append(whole)
    return shown


def _derivative(entry: Contribution) -> Written:
    """Write ∂of/∂to with its indices."""
    of, to, jacobian = (
        Maths(f.text(True), f.latex(True)) for f in (entry.of, entry.to, entry.jacobian)
    )
    left = partial(of, to)
    both = Maths(f"{left.text} = {jacobian.text}", f"{left.latex} = {jacobian.latex}")
    return Written(both, both)


def row(drawing: str, node: Node, nodes: Sequence[Node]) -> ET.Element:
    """Write the row of a vertex, which stands in a drawing with others."""
    derivatives = (element("div", each) for each in node.locals)
    made_of, used_by = (
        ", ".join(nodes[place].called for place in places) or "—"
        for places in (node.made_of, node.used_by)
    )
    return cells(
        node.called,
        node.name,
        node.kind,
        node.shape,
        node.value,
        node.gradient,
        element("td", *derivatives, *map(heat_map, node.heats)),
        made_of,
        used_by,
        element("code", node.python),
        id=f"node-{drawing}-{node.place}",
    )
