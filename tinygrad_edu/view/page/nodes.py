"""The table of all vertices: what each is, in numbers and in formulas."""

from __future__ import annotations

from tinygrad_edu.symbolic.derive import Symbol
from tinygrad_edu.view.draw.values import shape_text, value_lines
from tinygrad_edu.view.draw.written import Maths, Written, written
from tinygrad_edu.view.page.flow import Flow, plain
from tinygrad_edu.view.page.frames import Node

__all__ = ["node"]


def node(flow: Flow, s: Symbol) -> Node:
    """Describe a vertex."""
    place = flow.place[s]
    name = written(flow.meaning(s)) if s.op is None else flow.equation_of(s)
    made_of = [flow.place.get(a, -1) for a in s.args if isinstance(a, Symbol)]
    used_by = [int(e.head[1:]) for e in flow.edges if e.kind == "forward" and e.tail == f"n{place}"]
    visits = [v for v in flow.walk.backward if v.of is s and v.contribution is not None]
    derivatives, heats = [], []
    for visit in visits:
        entry = visit.contribution
        assert entry is not None
        of, to = entry.of, entry.to
        both = [
            Maths(
                f"∂{plain(of.text(True))}/∂{plain(to.text(True))} = {entry.jacobian.text(True)}",
                rf"\frac{{\partial\, {of.latex(True)}}}{{\partial\, {to.latex(True)}}} = "
                f"{entry.jacobian.latex(True)}",
            )
        ] * 2
        if max(of.size, to.size) <= 12:
            derivatives.append(Written(*both))
        heat = flow.local_heat(s, visit.index)
        if heat is not None and (len(heat.rows) > 1 or len(heat.rows[0]) > 1):
            heats.append(heat)
    whole = flow.total_heat(s)
    if whole is not None and whole not in heats and whole.of != whole.wrt:
        heats.append(whole)
    gradient = flow.gradients.get(place)
    return Node(
        place,
        flow.called(s).text,
        name,
        s.op.name.replace("_", " ")
        if s.op is not None
        else "constant"
        if s in flow.constants
        else "parameter",
        shape_text(s.shape) or "scalar",
        "; ".join(value_lines(s.value)),
        "—" if gradient is None else "; ".join(value_lines(gradient)),
        flow.program.lines.get(s, ""),
        tuple(dict.fromkeys(p for p in made_of if p >= 0)),
        tuple(dict.fromkeys(used_by)),
        tuple(derivatives),
        tuple(heats),
    )
