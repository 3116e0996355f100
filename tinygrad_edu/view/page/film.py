"""A derivation as a picture that plays: bars, the paths that meet, and what they add up to."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from tinygrad_edu.view.draw.formula import Label, label, number, outlines
from tinygrad_edu.view.draw.model import Model
from tinygrad_edu.view.draw.renderer import find_renderer
from tinygrad_edu.view.draw.style import STYLE, colour
from tinygrad_edu.view.draw.svg import Pieces, document, pieces
from tinygrad_edu.view.page.bars import Bars
from tinygrad_edu.view.page.frames import Frame, Story
from tinygrad_edu.view.page.markup import add

__all__ = ["film"]

_WIDTH, _HEIGHT, _MARGIN = 1200.0, 720.0, 24.0
_LEFT = 540.0  # the width of the bars; the graph stands on their right
_FOOT = 64.0  # the height of the sentence
_GRAPH = 0.76  # how much of the height is the graph's; the result stands below it
_BARS = (340.0, 340.0)  # the size in which bars are drawn, before they are made smaller
_SECONDS, _FADE = 8, 4  # of one round; what comes in takes this many percent of it
_OUTLINES = "film-"
_CSS = "".join(
    (
        ".bars{overflow:visible}.bars text{font-size:20px}.hold,.knob{fill:none}",
        f".bar{{opacity:.45;{colour('fill', 'forward')}}}.model .bar{{opacity:1}}",
        f".gradient .bar{{opacity:1;{colour('fill', 'backward')}}}",
        ".aim{fill:none;stroke:#B07800;stroke-width:4;stroke-dasharray:8 5}",
        ".zero{stroke:currentColor;stroke-opacity:.5}.tg-outline{display:none}",
        ".tg .said{font-size:16px;fill-opacity:.75}.tg .sentence{font-size:20px}",
    )
)


def film(told: Story) -> str:
    """Return the first way of a story as one SVG document that plays, again and again.

    Whoever wants no motion, and any viewer that shows none, gets the last moment of it.

    Raises
    ------
    RendererNotFound
        If there is no program to lay out the graph.
    """
    steps = told.of_route(told.routes[0].key)
    shown = told.drawings[steps[0].scene.drawing]
    plain = tuple(replace(v, gradient_lines=(), shape="") for v in shown.vertices)
    model = replace(shown, vertices=plain)
    return _Film(told, steps, model, pieces(model, find_renderer(), _OUTLINES)).text()


class _Film:
    def __init__(self, told: Story, steps: list[Frame], model: Model, graph: Pieces) -> None:
        self.told, self.steps, self.model, self.graph = told, steps, model, graph
        self.body = ET.Element("g")
        self.outlines = dict(graph.outlines)
        self.moments: list[float] = []  # when each part comes in, in percent of a round

    def text(self) -> str:
        """Return the document."""
        title = f"{self.told.title.text} = {self.told.result.text}"
        self._bars()
        self._graph()
        self._words()
        return document(
            title,
            self.body,
            self.outlines,
            _OUTLINES,
            (_WIDTH, _HEIGHT),
            style=STYLE + _CSS + self._motion(),
            scale=1.0,
        )

    def _motion(self) -> str:
        """Return the style of what moves."""
        rules = []
        for count, moment in enumerate(self.moments):
            shown = moment + _FADE
            name = f"film{count}"
            rules.append(
                f"@keyframes {name}{{0%,{moment:g}%{{opacity:0}}"
                f"{shown:g}%,98%{{opacity:1}}100%{{opacity:0}}}}"
                f".{name}{{animation:{name} {_SECONDS}s infinite}}"
            )
        still = "@media(prefers-reduced-motion:reduce){.tg *{animation:none}}"
        return "".join(rules) + still

    def _part(self, moment: float, transform: str = "") -> ET.Element:
        """Begin what comes in at a moment."""
        found = add(self.body, "g", class_=f"film{len(self.moments)}", transform=transform)
        self.moments.append(moment)
        return found

    def _write(self, parent: ET.Element, content: Label, x: float, top: float, anchor: str) -> None:
        self.outlines |= outlines([content])
        content.draw(parent, x, top, anchor, _OUTLINES)

    def _bars(self) -> None:
        columns = self.told.live.columns
        across = 2 if len(columns) > 1 else 1
        room = _LEFT / across, (_HEIGHT - _MARGIN - _FOOT) / -(-len(columns) // across)
        for index, column in enumerate(columns):
            last = index == len(columns) - 1
            x = _MARGIN + room[0] * (index % across)
            y = _MARGIN + room[1] * (index // across)
            part = self._part(72 if last else 9.0 * index, f"translate({number(x)} {number(y)})")
            head = label(column.head.latex, column.head.text, size=24)
            self._write(part, head, room[0] / 2, 0, "middle")
            top = head.height + 18
            _centred(part, "said", column.caption, room[0] / 2, top)
            top += 8
            bars = Bars(column, self.told.live.places[index])
            scale = min((room[0] - 30) / _BARS[0], (room[1] - top - 24) / bars.height)
            drawn = bars.svg(index)
            drawn.set("width", number((room[0] - 30) / scale))
            place = f"translate(15 {number(top)}) scale({number(scale)})"
            add(part, "g", drawn, class_=column.part, transform=place)

    def _graph(self) -> None:
        graph, room = self.graph, (_WIDTH - _LEFT - 3 * _MARGIN, _GRAPH * _HEIGHT - _MARGIN)
        scale = min(1.5, room[0] / graph.size[0], room[1] / graph.size[1])
        x = _LEFT + 2 * _MARGIN + (room[0] - scale * graph.size[0]) / 2
        place = f"translate({number(x)} {_MARGIN}) scale({number(scale)}) {graph.move}"
        forward = self._part(28, place)
        passing = [place for place, e in enumerate(self.model.edges) if e.kind == "backward"]
        for order, element in enumerate(graph.edges):
            if order not in passing:
                forward.append(element)
        forward.extend(graph.vertices)
        for count, order in enumerate(passing):
            self._part(36 + 24 * count / len(passing), place).append(graph.edges[order])

    def _words(self) -> None:
        """Write the result, and what it means."""
        result = [f.equation.vector for f in self.steps if f.phase == "algebra"][-1]
        content = label(result.latex, result.text, size=34)
        middle = _LEFT + 2 * _MARGIN + (_WIDTH - _LEFT - 3 * _MARGIN) / 2
        self._write(self._part(62), content, middle, _GRAPH * _HEIGHT + 12, "middle")
        _centred(self._part(80), "sentence", self.told.live.sentence, _WIDTH / 2, _HEIGHT - 24)


def _centred(parent: ET.Element, look: str, words: str, x: float, y: float) -> None:
    add(parent, "text", words, class_=look, x=number(x), y=number(y), text_anchor="middle")
