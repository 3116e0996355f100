"""A picture as SVG: boxes laid out by Graphviz, drawn here with glyph formulas.

Graphviz gets empty boxes of measured sizes and gives back places and paths; shapes, texts,
formulas and colours are drawn here. So every renderer gives the same picture, and no label
leaves its box.
"""

from __future__ import annotations

import cmath
import hashlib
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from .dot import LABEL_FILL, clean, digraph, layout
from .formula import TEXT_SIZES, Label, define, label, number, outlines, text_width
from .kinds import LOOKS
from .legend import draw_below
from .model import Edge, Frame, Group, Model, Vertex
from .renderer import Renderer, RendererError
from .shapes import Box, add, draw_shape, kind_class, rectangle, shrunk, strike
from .style import STYLE

__all__ = ["Pieces", "compose", "document", "pieces"]

PIXELS = 4 / 3  # CSS pixels for a point, in which pictures are laid out


# --- what Graphviz returns ------------------------------------------------------------------------


@dataclass(slots=True)
class _Item:
    """What Graphviz drew for one vertex, edge or cluster."""

    polygons: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    place: Box | None = None


@dataclass(frozen=True, slots=True)
class _Layout:
    width: float
    height: float
    move: str
    items: dict[str, _Item]


def _points(path: str) -> list[complex]:
    """Read the points of a polygon, or of a path of absolute commands, as x + iy."""
    values = [float(value) for value in re.findall(r"-?[0-9.]+", path)]
    return [complex(*point) for point in zip(values[::2], values[1::2], strict=True)]


def _bounds(polygon: str) -> Box:
    xs, ys = zip(*((point.real, point.imag) for point in _points(polygon)), strict=True)
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _read_layout(svg: bytes) -> _Layout:
    """Take places and paths from Graphviz's SVG; its texts, colours and fonts are not used."""
    space = "{http://www.w3.org/2000/svg}"
    root = ET.fromstring(svg)
    graph, corners = root.find(f"{space}g"), root.get("viewBox", "").split()
    if graph is None or len(corners) != 4:
        raise RendererError("The renderer returned an SVG that is none of Graphviz's.")
    width, height = map(float, corners[2:])
    move = re.search(r"translate\([^)]*\)", graph.get("transform", ""))
    items: dict[str, _Item] = {}
    for group in graph.iter(f"{space}g"):
        if group.get("class") not in {"node", "edge", "cluster"}:
            continue
        item = items[group.get("id", "")] = _Item()
        for polygon in group.iter(f"{space}polygon"):
            if polygon.get("fill", "").lower() == LABEL_FILL:
                item.place = _bounds(polygon.get("points", ""))
            else:
                item.polygons.append(polygon.get("points", ""))
        item.paths += [path.get("d", "") for path in group.iter(f"{space}path")]
    return _Layout(width, height, "" if move is None else move[0], items)


# --- drawing --------------------------------------------------------------------------------------

_LEAST = (32.0, 26.0)
_MARGIN = 8.0
_FRAME_GAP = 14.0
_OUTLINE = 5.0  # what the outline of a matched vertex takes on each side


@dataclass(frozen=True, slots=True)
class _Graph:
    """A graph, laid out, with its measured labels in the order of its model."""

    model: Model
    vertices: tuple[Label, ...]
    edges: tuple[Label, ...]
    groups: tuple[Label, ...]
    layout: _Layout

    def box(self, order: int) -> Box:
        """Where a vertex stands."""
        return _bounds(self.layout.items[f"n{order}"].polygons[0])

    def labels(self) -> tuple[Label, ...]:
        """All labels."""
        return (*self.vertices, *self.edges, *self.groups)


def _lay_out(model: Model, renderer: Renderer) -> _Graph:
    vertices = tuple(label(v.formula, v.text, v.lines, v.gradient_lines) for v in model.vertices)
    edges = tuple(label(e.formula, e.text, role="edge", size=13) for e in model.edges)
    groups = tuple(label(g.formula, g.text, g.lines, role="group", size=14) for g in model.groups)
    boxes = [_vertex_size(*pair) for pair in zip(model.vertices, vertices, strict=True)]
    source = layout(model, boxes, [*map(_room, edges)], [*map(_room, groups)]).source
    return _Graph(model, vertices, edges, groups, _read_layout(renderer.run(source)))


def _vertex_size(vertex: Vertex, content: Label) -> tuple[float, float]:
    look = LOOKS[vertex.kind]
    room = 2 * _OUTLINE if "matched" in vertex.marks else 0
    inside = content.width
    if vertex.shape:  # it stands in the corner, beside the first row
        inside = max(inside, content.rows[0].width + 2 * _corner_width(vertex) - 2 * look.sides + 8)
    width = max(_LEAST[0], inside + 2 * look.sides) + room
    return width, max(_LEAST[1], content.height + 2 * look.ends) + room


def _corner_width(vertex: Vertex) -> float:
    return text_width(vertex.shape, TEXT_SIZES["corner"]) + 4 + LOOKS[vertex.kind].corner


def _room(content: Label) -> tuple[float, float] | None:
    return (content.width + 8, content.height + 4) if content.rows else None


def compose(model: Model, renderer: Renderer, width: float = math.inf) -> str:
    """Lay out each frame by itself and set them one below the other.

    What would be wider than `width`, in CSS pixels, runs from top to bottom if it is narrower so.
    """
    graphs = [_lay_out(graph, renderer) for graph in model.graphs]
    if _widest(graphs) * PIXELS > width:
        turned = [_lay_out(replace(g, direction="TB"), renderer) for g in model.graphs]
        graphs = min(graphs, turned, key=_widest)
    title = label("", model.title, role="title")
    captions = [
        label(f.formula, f.text, f.lines, role="caption", both=True) for f in model.frames
    ] or [Label(())]
    labels = [title, *captions, *(one for graph in graphs for one in graph.labels())]
    across = max(_widest(graphs), *(one.width for one in (title, *captions)))
    prefix = f"tg{_fingerprint(model)}-"

    body = ET.Element("g")
    title.draw(body, _MARGIN, _MARGIN, "start", prefix)
    top = _MARGIN + (title.height + 6 if title.rows else 0)
    for order, (caption, graph) in enumerate(zip(captions, graphs, strict=True)):
        if order:
            top += _FRAME_GAP
            add(body, "path", "tg-rule", d=f"M{number(_MARGIN)},{number(top)}h{number(across)}")
            top += _FRAME_GAP
        caption.draw(body, _MARGIN, top, "start", prefix)
        top += caption.height + (6 if caption.rows else 0)
        move = f"translate({number(_MARGIN)} {number(top)}){graph.layout.move}"
        _draw_graph(ET.SubElement(body, "g", {"transform": move}), graph, prefix)
        top += graph.layout.height
    if model.notes or model.legend:
        size = draw_below(body, model, _MARGIN, top + 8, across)
        across, top = max(across, size[0]), top + 8 + size[1]
    whole = across + 2 * _MARGIN, top + _MARGIN
    return document(model.title, body, outlines(labels), prefix, whole, aside=model.aside)


def _widest(graphs: Sequence[_Graph]) -> float:
    return max(graph.layout.width for graph in graphs)


@dataclass(frozen=True, slots=True)
class Pieces:
    """A laid-out model, piece by piece: a page shows now these, now those, each in its place.

    ``edges`` and ``vertices`` are in the order of the model, and refer to ``outlines`` by prefix
    and name. Every vertex brings an outline and a stroke for what a style sheet may mark.
    """

    size: tuple[float, float]
    move: str
    edges: tuple[ET.Element, ...]
    vertices: tuple[ET.Element, ...]
    outlines: dict[str, str]


def pieces(model: Model, renderer: Renderer, prefix: str, struck: Collection[str] = ()) -> Pieces:
    """Lay out a model without groups and draw each vertex and edge as a group of its own.

    Those named in `struck`, such as "n3" or "e0", have a stroke that can be shown.
    """
    graph, drawn = _lay_out(model, renderer), ET.Element("g")
    _draw_graph(drawn, graph, prefix)
    edges, vertices = drawn[: len(model.edges)], drawn[len(model.edges) :]
    for order, element in enumerate(edges):
        if f"e{order}" in struck:
            _strike_across(element, graph.layout.items[f"e{order}"].paths[0])
    for order, (vertex, element) in enumerate(zip(model.vertices, vertices, strict=True)):
        element.remove(element[0])  # its title: the page says more
        radius = 13 if LOOKS[vertex.kind].is_round else 4
        rectangle(element, "tg-outline", shrunk(graph.box(order), -3), radius)
        if f"n{order}" in struck:
            strike(element, graph.box(order))
    laid_out = graph.layout
    size = laid_out.width, laid_out.height
    shapes = outlines(graph.labels())
    return Pieces(size, laid_out.move, tuple(edges), tuple(vertices), shapes)


def _fingerprint(model: Model) -> str:
    """Name the picture by its content, so that two pictures in one page do not share ids."""
    drawn: list[Vertex | Edge | Group | Frame] = [*model.frames]
    for graph in model.graphs:
        drawn += [*graph.vertices, *graph.edges, *graph.groups]
    content = "\0".join((str(digraph(model).source), *(each.formula for each in drawn)))
    return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:8]


def document(
    name: str,
    body: ET.Element,
    shapes: dict[str, str],
    prefix: str,
    size: tuple[float, float],
    *,
    style: str = STYLE,
    aside: str = "",
    scale: float = PIXELS,
) -> str:
    """Return a drawing as an SVG document, with the outlines that its `<use>` refer to.

    `scale` is how many CSS pixels show a unit of `size`.
    """
    width, height = map(number, size)
    name = clean(name) or "Computation graph"
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": "tg",
            "role": "img",
            "aria-label": name.replace("\n", " "),
            "width": number(scale * size[0]),
            "height": number(scale * size[1]),
            "style": "max-width:100%;height:auto",
            "viewBox": f"0 0 {width} {height}",
            "xml:space": "preserve",
        },
    )
    ET.SubElement(root, "title").text = name
    if aside:
        ET.SubElement(root, "desc").text = aside
    ET.SubElement(root, "style").text = style
    define(ET.SubElement(root, "defs"), shapes, prefix)
    root.append(body)
    return ET.tostring(root, encoding="unicode") + "\n"


def _draw_graph(parent: ET.Element, graph: _Graph, prefix: str) -> None:
    """Draw groups, edges and vertices."""
    model, items = graph.model, graph.layout.items
    for order, group in enumerate(model.groups):
        _draw_group(parent, group, graph.groups[order], items[f"g{order}"], prefix)
    for order, edge in enumerate(model.edges):
        _draw_edge(parent, edge, graph.edges[order], items[f"e{order}"], prefix)
    for order, vertex in enumerate(model.vertices):
        _draw_vertex(parent, vertex, graph.vertices[order], graph.box(order), prefix)


def _draw_group(parent: ET.Element, group: Group, content: Label, item: _Item, prefix: str) -> None:
    element = add(parent, "g", "tg-cluster")
    ET.SubElement(element, "title").text = clean(group.text or group.formula)
    rectangle(element, "tg-shape", _bounds(item.polygons[0]), radius=6)
    if item.place is not None:
        content.draw(element, item.place.left, item.place.top + 2, "start", prefix)


def _draw_edge(parent: ET.Element, edge: Edge, content: Label, item: _Item, prefix: str) -> None:
    faded = " tg-faded" if "cancelled" in edge.marks else ""
    thick = " tg-matched" if "matched" in edge.marks else ""
    element = add(parent, "g", f"tg-{edge.kind}{thick}")
    drawn = add(element, "g", f"tg-{edge.kind}{thick}{faded}") if faded else element
    for path in item.paths:
        add(drawn, "path", "tg-path", d=path)
    for polygon in item.polygons:
        add(drawn, "polygon", "tg-head", points=polygon)
    if item.place is not None:
        x, y = item.place.centre
        content.draw(drawn, x, y - content.height / 2, "middle", prefix)
    if edge.sign:
        place = _beside_the_head(item.paths[-1], complex(*_bounds(item.polygons[-1]).centre))
        sign = label("", edge.sign, role="sign")
        sign.draw(drawn, place.real, place.imag - sign.height / 2, "middle", prefix)
    if "cancelled" in edge.marks:
        _strike_across(element, item.paths[0])


def _strike_across(parent: ET.Element, path: str) -> None:
    """Strike through one of Graphviz's splines, M and then threes of C, about half way along."""
    points = _points(path)
    start = 3 * ((len(points) - 1) // 3 // 2)
    a, b, c, d = points[start : start + 4]
    middle, along = (a + 3 * b + 3 * c + d) / 8, c + d - a - b
    half = cmath.rect(8, cmath.phase(along) + math.pi / 3)
    ends = (f"{number(end.real)},{number(end.imag)}" for end in (middle - half, middle + half))
    add(parent, "path", "tg-strike", d=f"M{'L'.join(ends)}")


def _beside_the_head(path: str, arrow: complex) -> complex:
    """Return a place beside the arrow at one end of a spline, on its left as one follows it."""
    points = _points(path)
    if abs(points[0] - arrow) < abs(points[-1] - arrow):
        points.reverse()  # laid out against its arrow
    ahead = points[-1] - points[-2]
    return points[-1] - (3 + 7j) * ahead / (abs(ahead) or 1)


def _draw_vertex(parent: ET.Element, vertex: Vertex, content: Label, box: Box, prefix: str) -> None:
    element = add(parent, "g", f"tg-node {kind_class(vertex.kind)}")
    lines = (vertex.text or vertex.formula, *vertex.lines, *vertex.gradient_lines)
    ET.SubElement(element, "title").text = clean("\n".join(line for line in lines if line))
    if "matched" in vertex.marks:
        radius = 11 if LOOKS[vertex.kind].is_round else 4
        rectangle(element, "tg-outline", shrunk(box, 1.3), radius)
        box = shrunk(box, _OUTLINE)
    draw_shape(element, vertex.kind, box)
    x, y = box.centre
    faded = "cancelled" in vertex.marks
    inside = add(element, "g", "tg-faded") if faded else element
    # A formula reaches to the edge of its row and text does not: even out what the eye sees.
    top = y - content.height / 2 + (1.2 if len(content.rows) > 1 else 0)
    content.draw(inside, x, top, "middle", prefix)
    if vertex.shape:
        right, size = box.right - 4 - LOOKS[vertex.kind].corner, TEXT_SIZES["corner"]
        place = {"x": number(right), "y": number(box.top + size + 1), "text-anchor": "end"}
        ET.SubElement(inside, "text", {"class": "tg-corner", **place}).text = vertex.shape
    if faded:
        strike(element, box)
