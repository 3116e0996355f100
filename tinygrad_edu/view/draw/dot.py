"""A picture's model as DOT text: once to be read, once only to be laid out.

The readable text carries every label as Unicode and stands on its own. The layout text carries
no label at all, only boxes of the sizes that the labels were measured to have, so that Graphviz
decides where things go and never how wide a word is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from .kinds import LOOKS
from .model import Edge, Frame, Group, Model, Vertex

if TYPE_CHECKING:
    import graphviz

__all__ = [
    "BACKWARD",
    "FORWARD",
    "LABEL_FILL",
    "Size",
    "clean",
    "digraph",
    "directions",
    "escape",
    "layout",
    "ranks",
]

FORWARD = "#0072B2"
BACKWARD = "#B34700"

# The colour by which a reserved label place is found again in the SVG that Graphviz returns.
LABEL_FILL = "#010203"

_MANY = 150

Size = tuple[float, float]
Attributes = dict[str, str]

_STROKES: dict[str, Attributes] = {
    "forward": {"color": FORWARD, "fontcolor": FORWARD, "style": "solid"},
    "backward": {"color": BACKWARD, "fontcolor": BACKWARD, "style": "dashed"},
}

# What XML 1.0 cannot carry: control characters, lone surrogates, two noncharacters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    r"""Return the text without what neither DOT nor SVG can carry; line breaks stay.

    Examples
    --------
    >>> clean("a\r\nb\tc\x00")
    'a\nb c�'
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return _UNPRINTABLE.sub("\ufffd", text)


def escape(text: str) -> str:
    r"""Return a text as the inside of a DOT label that shows it literally.

    Examples
    --------
    >>> print(escape('<a> & "b" \\N'))
    &lt;a&gt; &amp; &quot;b&quot; \\N
    """
    text = clean(text).replace("\\", "\\\\").replace("&", "&amp;")
    text = text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return text.replace("\n", "\\n")


def digraph(model: Model) -> graphviz.Digraph:
    """Return the model as a ``graphviz.Digraph`` that can be read and rendered by itself.

    Vertices are called n0, n1, … in their order, f0n0 in a frame; no name given by a user is ever
    an identifier.

    Examples
    --------
    >>> vertices = (Vertex("z", "value", "z", "z"), Vertex("e", "op", "e^{z}", "exp(z)"))
    >>> print(digraph(Model(vertices, (Edge("z", "e"),))).source)  # doctest: +ELLIPSIS
    digraph {
    ...
        n0 [label=z shape=box style=solid tooltip=z]
        n1 [label="exp(z)" shape=box style=rounded tooltip="exp(z)"]
        n0 -> n1 [color="#0072B2" fontcolor="#0072B2" style=solid]
    }
    <BLANKLINE>
    """
    graph = _start(model)
    graph.attr(fontname="Helvetica", nodesep="0.3", ranksep="0.45")
    graph.attr("node", fontname="Helvetica", fontsize="12", height="0.3", margin="0.12,0.06")
    graph.attr("edge", fontname="Helvetica", fontsize="10", arrowsize="0.7")
    heading = [line for line in (model.title, *model.notes) if line]
    if heading:
        graph.attr(label=_label(*heading, left=True), labelloc="t", labeljust="l")
    if model.aside:
        graph.attr(tooltip=escape(model.aside))
    _fill_readable(graph, model)
    # From left to right, dot stacks separate pieces from the bottom up: the last frame goes first.
    for number, frame in reversed([*enumerate(model.frames)]):
        with graph.subgraph(name=f"cluster_f{number}") as cluster:
            cluster.attr(label=_lines(frame), labeljust="l", peripheries="0")
            _fill_readable(cluster, frame.model, f"f{number}")
    return graph


def _fill_readable(graph: graphviz.Digraph, model: Model, prefix: str = "") -> None:
    _fill(
        graph,
        model,
        [_vertex_attributes(vertex) for vertex in model.vertices],
        [_edge_attributes(edge) for edge in model.edges],
        [
            {"label": _lines(group), "labeljust": "l", "style": "rounded", "color": "#808080"}
            for group in model.groups
        ],
        prefix,
    )


def layout(
    model: Model,
    vertex_sizes: Sequence[Size],
    edge_sizes: Sequence[Size | None],
    group_sizes: Sequence[Size | None],
) -> graphviz.Digraph:
    """Return the model as empty boxes of given sizes, in points, in the order of the model.

    The ids of the groups in the SVG are those of the DOT text: n0, e0, g0, and so on. ``None``
    stands for no label.

    Examples
    --------
    >>> model = Model((Vertex("z", "value"),))
    >>> 'n0 [id=n0 height="0.5" width="1.0"]' in layout(model, [(72, 36)], [], []).source
    False
    >>> "height=0.5 id=n0 width=1.0" in layout(model, [(72, 36)], [], []).source
    True
    """
    graph = _start(model)
    downward = model.direction == "TB"  # where ranks stand below each other, they need less room
    apart = (
        {"nodesep": "0.2", "ranksep": "0.28"}
        if downward
        else {"nodesep": "0.28", "ranksep": "0.42"}
    )
    graph.attr(bgcolor="transparent", **apart)
    if len(model.vertices) > _MANY:  # a good layout soon, rather than the best one late
        graph.attr(nslimit="2", mclimit="0.1")
    graph.attr("node", shape="box", fixedsize="true", label="")
    graph.attr("edge", arrowsize="0.65")
    vertices: list[Attributes] = []
    for number, (width, height) in enumerate(vertex_sizes):
        box = {"width": f"{width / 72:.4}", "height": f"{height / 72:.4}"}
        vertices.append({"id": f"n{number}", **box})
    edges = [{"id": f"e{number}", **_place(size)} for number, size in enumerate(edge_sizes)]
    groups = [{"id": f"g{number}", **_place(size)} for number, size in enumerate(group_sizes)]
    for group in groups:
        group |= {"margin": "10", "labeljust": "l"}
    _fill(graph, model, vertices, edges, groups)
    return graph


def _start(model: Model) -> graphviz.Digraph:
    import graphviz  # imported late: most programs never draw

    graph = graphviz.Digraph()
    graph.attr(rankdir=model.direction)
    return graph


def _fill(
    graph: graphviz.Digraph,
    model: Model,
    vertices: Sequence[Attributes],
    edges: Sequence[Attributes],
    groups: Sequence[Attributes],
    prefix: str = "",
) -> None:
    """Write clusters (with their vertices), loose vertices and edges, in the model's order."""
    vertex_number = {vertex.key: number for number, vertex in enumerate(model.vertices)}
    group_number = {group.key: number for number, group in enumerate(model.groups)}
    inner = {member for group in model.groups for member in group.members}

    def add(into: graphviz.Digraph, key: str) -> None:
        if key in vertex_number:
            number = vertex_number[key]
            into.node(f"{prefix}n{number}", **vertices[number])
            return
        number = group_number[key]
        with into.subgraph(name=f"cluster_{prefix}g{number}") as cluster:
            cluster.attr(**groups[number])
            for member in model.groups[number].members:
                add(cluster, member)

    for key in (*vertex_number, *group_number):
        if key not in inner:
            add(graph, key)
    for edge, attributes, (first, last) in zip(model.edges, edges, directions(model), strict=True):
        if (first, last) != (edge.tail, edge.head):
            ends = {"headlabel": "taillabel"}
            attributes = {ends.get(key, key): value for key, value in attributes.items()}
            attributes["dir"] = "back"
        tail, head = (f"{prefix}n{vertex_number[key]}" for key in (first, last))
        graph.edge(tail, head, **attributes)


def directions(model: Model) -> list[tuple[str, str]]:
    """Return, for each edge, the vertices that it is laid out from and to.

    Backward edges are written the other way round, with the arrow at the tail, so that gradients
    run back from right to left beside the values. None is where no values run the other way, or
    where that would make a circle.

    Examples
    --------
    >>> vertices = (Vertex("z", "value"), Vertex("e", "op"))
    >>> directions(Model(vertices, (Edge("z", "e"), Edge("e", "z", "backward"))))
    [('z', 'e'), ('z', 'e')]
    """
    as_they_run = [(edge.tail, edge.head) for edge in model.edges]
    if all(edge.kind == "backward" for edge in model.edges):
        return as_they_run
    turned = [
        (edge.head, edge.tail) if edge.kind == "backward" else (edge.tail, edge.head)
        for edge in model.edges
    ]
    try:
        ranks(turned)
    except CycleError:
        return as_they_run
    return turned


def ranks(ends: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return the length of the longest path to each vertex that edges lead to or from.

    Raises
    ------
    CycleError
        If edges run in a circle.

    Examples
    --------
    >>> ranks([("a", "b"), ("b", "c"), ("a", "c")])
    {'a': 0, 'b': 1, 'c': 2}
    """
    before: dict[str, set[str]] = {}
    for tail, head in ends:
        before.setdefault(tail, set())
        before.setdefault(head, set()).update({tail} - {head})
    found: dict[str, int] = {}
    for key in TopologicalSorter(before).static_order():
        found[key] = 1 + max((found[each] for each in before[key]), default=-1)
    return found


def _label(*lines: str, left: bool = False) -> str:
    """Join lines for Graphviz, as a string that the graphviz package never takes for HTML."""
    import graphviz

    rows = [escape(row) for line in lines for row in clean(line).split("\n")]
    # "\\l" ends a row that starts at the left; "\\n" parts rows that are centred.
    joined = "".join(f"{row}\\l" for row in rows) if left else "\\n".join(rows)
    text: str = graphviz.nohtml(joined)
    return text


def _vertex_attributes(vertex: Vertex) -> Attributes:
    lines = (vertex.text or vertex.formula, *vertex.lines, *vertex.gradient_lines)
    tooltip, look = _label(vertex.text or vertex.formula), LOOKS[vertex.kind]
    attributes = {"tooltip": tooltip, "shape": look.shape, "style": look.style}
    if look.has_two_borders:
        attributes["peripheries"] = "2"
    if "matched" in vertex.marks:
        attributes["penwidth"] = "3"
    if "cancelled" in vertex.marks:
        # DOT cannot strike through a node, so it says so.
        lines = (*lines, "(cancelled)")
        attributes["style"] += ",dotted"
    return {"label": _label(*lines), **attributes}


def _edge_attributes(edge: Edge) -> Attributes:
    attributes = dict(_STROKES[edge.kind])
    text = edge.text or edge.formula
    if "matched" in edge.marks:
        attributes["penwidth"] = "3"
    if "cancelled" in edge.marks:
        text = f"{text} (cancelled)".strip()
    if text:
        attributes["label"] = _label(text)
    if edge.sign:
        attributes["headlabel"] = _label(edge.sign)
    return attributes


def _lines(part: Group | Frame) -> str:
    return _label(part.text or part.formula, *part.lines, left=True)


def _place(size: Size | None) -> Attributes:
    """Reserve room for a label: an empty HTML-like table of fixed size, found by its colour."""
    if size is None:
        return {}
    width, height = (round(length + 0.5) for length in size)
    table = (
        '<<TABLE BORDER="0" CELLBORDER="0" CELLPADDING="0" CELLSPACING="0" FIXEDSIZE="TRUE" '
        f'WIDTH="{width}" HEIGHT="{height}" BGCOLOR="{LABEL_FILL}"><TR><TD></TD></TR></TABLE>>'
    )
    return {"label": table}
