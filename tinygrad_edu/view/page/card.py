"""One step of the page: words, formulas and numbers beside the graph."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.draw.formula import formula_width, number
from tinygrad_edu.view.draw.svg import Pieces
from tinygrad_edu.view.draw.written import Maths
from tinygrad_edu.view.page.frames import Frame, Passing, Scene, Story
from tinygrad_edu.view.page.heat import heat_map
from tinygrad_edu.view.page.large import nearby
from tinygrad_edu.view.page.markup import add, both, formula, say, sentence_case

__all__ = ["Cards"]

_WIDE = 24.0  # ems; a formula that is wider is set smaller, or below its title
_SCALE = 1.25 / 16  # rems for a unit of a drawing: its smallest text is 12.5 px high

_MARKS = (
    ("matched", "outlined: what the rule is applied to"),
    ("cancelled", "struck through: what cancels"),
    ("gone", "pale: what goes"),
    ("now", "heavy: what is new"),
)
_ARROWS = {
    "forward-2": "Solid arrows: values, on their way forward.",
    "backward-2": "Dashed arrows: gradients, on their way back. ∇: the gradient that has arrived.",
}


class Cards:
    """Write the steps of a story.

    Parameters
    ----------
    told : Story
        The story.
    drawings : dict of str to Pieces
        Its drawings, laid out.
    """

    def __init__(self, told: Story, drawings: dict[str, Pieces]) -> None:
        self.story, self.drawings = told, drawings

    def add(self, steps: ET.Element, frame: Frame) -> None:
        """Add one step to the list."""
        source = frame.scene.drawing
        if frame.phase == "algebra":
            source = "-".join(p for p in ("algebra", frame.route, frame.track) if p)
        card = add(
            steps,
            "li",
            class_=f"step {frame.phase}",
            id=frame.key,
            data_phase=frame.phase,
            data_route=frame.route,
            data_track=frame.track,
            tabindex="-1",
            data_title=frame.title.text,
            data_vector=frame.equation.vector.latex or frame.equation.vector.text,
            data_index=frame.equation.index.latex or frame.equation.index.text,
            data_drawing=frame.scene.drawing,
            data_source=source,
        )
        words = add(card, "div", class_="words")
        phase = frame.phase.capitalize()
        if len(self.story.routes) > 1:
            phase += ", " + next(r.title for r in self.story.routes if r.key == frame.route)
        if frame.track == "free":
            phase += f", without {self.story.assumption}"
        add(words, "p", phase, class_="phase")
        say(add(words, "h2"), frame.title)
        look = "equation wide" if _is_wide(frame.equation.vector) else "equation"
        equation = add(words, "div", class_=look, role="group", tabindex="0", aria_label="Formula")
        if frame.passing is None:
            both(equation, frame.equation, "block")
        else:
            _product(equation, frame.passing)
        self._formulas(words, frame)
        self._reasons(words, frame)
        if frame.scene.drawing in self.drawings:
            self._figure(card, frame)

    def add_handout(self, steps: ET.Element) -> None:
        """Add what a first page on paper shows below the bars: graph and derivation, whole."""
        route = self.story.routes[0].key
        frames = [f for f in self.story.frames if f.route == route and f.track != "free"]
        handout = add(steps, "li", class_="handout")
        last = [f for f in frames if f.phase == "backward"][-1]
        if last.scene.drawing in self.drawings:
            self._scene(add(handout, "div", class_="view"), last.scene, "Graph")
        lines = add(handout, "div")
        for frame in frames:
            if frame.phase == "algebra":
                line = add(lines, "div", class_="line")
                both(line, frame.equation, "block")
                say(add(line, "p", class_="phase"), frame.title)

    def _formulas(self, words: ET.Element, frame: Frame) -> None:
        if frame.start is not None:
            both(_row(words, "Before", frame.start.vector), frame.start, "large")
        if frame.lines:
            row = add(words, "div", class_="row wide")
            add(row, "h3", "By")
            listed = add(row, "div", class_="lines")
            for line in frame.lines:
                say(add(listed, "p"), line)
        if frame.local is not None:
            both(_row(words, "Rule", frame.local.vector), frame.local, "large")
        if frame.numbers:
            row = _row(words, "In numbers", *frame.numbers)
            for maths in frame.numbers:
                formula(add(row, "span", class_="piece"), maths, "large")

    def _reasons(self, words: ET.Element, frame: Frame) -> None:
        if frame.rule or frame.because.parts:
            row = add(words, "div", class_="row why")
            add(row, "h3", "Why")
            said = add(row, "p")
            if frame.rule:
                add(said, "b", sentence_case(frame.rule)).tail = ". "
            say(said, frame.because)
        if frame.heat is not None:
            row = add(words, "div", class_="row")
            add(row, "h3", "Jacobian")
            heat_map(row, frame.heat)
        if frame.python:
            row = add(words, "div", class_="row")
            add(row, "h3", "Python")
            lines = add(row, "pre", tabindex="0", role="group", aria_label="Python")
            add(lines, "code", frame.python)
        if frame.check:
            row = add(words, "div", class_="row")
            add(row, "h3", "Residual")
            add(row, "p", frame.check, class_="check")

    def _figure(self, card: ET.Element, frame: Frame) -> None:
        figure = add(card, "figure")
        self._scene(add(figure, "div", class_="view"), frame.scene, f"Graph: {frame.title.text}")
        caption = _caption(frame)
        if caption:
            add(figure, "figcaption", caption)

    def _scene(self, figure: ET.Element, scene: Scene, title: str) -> None:
        drawing, model = self.drawings[scene.drawing], self.story.drawings[scene.drawing]
        scene = nearby(model, scene)
        width, height = map(number, drawing.size)
        svg = ET.SubElement(
            figure,
            "svg",
            {
                "class": "graph",
                "viewBox": f"0 0 {width} {height}",
                "role": "group",
                "aria-label": clean(title),
                "width": f"{number(_SCALE * drawing.size[0])}rem",
                "height": f"{number(_SCALE * drawing.size[1])}rem",
            },
        )
        graph = ET.SubElement(svg, "g", {"transform": drawing.move})
        for place, state in sorted(scene.edges.items()):
            edge = model.edges[place]
            ET.SubElement(
                graph,
                "use",
                {
                    "href": f"#{scene.drawing}-e{place}",
                    "class": f"edge {state} {edge.kind}",
                    "data-tail": edge.tail[1:],
                    "data-head": edge.head[1:],
                },
            )
        for place, state in sorted(scene.vertices.items()):
            vertex = model.vertices[place]
            known = " known" if place in scene.known else ""
            host = ET.SubElement(
                graph,
                "g",
                {
                    "class": f"vertex {state}{known}",
                    "data-place": str(place),
                    "data-state": state,
                    "tabindex": "0",
                    "role": "img",
                    "aria-label": clean(self._label(vertex, scene, place, state)),
                },
            )
            ET.SubElement(host, "use", {"href": f"#{scene.drawing}-n{place}"})

    def _label(self, vertex: Any, scene: Scene, place: int, state: str) -> str:
        said = [vertex.text or vertex.formula, vertex.shape, *vertex.lines]
        if place in scene.known:
            said += vertex.gradient_lines
        if state not in {"past", "now", "source"}:
            said.append(state)
        return ", ".join(part for part in said if part)


def _product(equation: ET.Element, passing: Passing) -> None:
    """Write what came in × the local derivative = what goes on, each above its numbers."""
    equation.set("class", "equation product")
    goes = "= goes on, added up" if passing.added else "= goes on"
    for title, factor in (
        ("came in", passing.came),
        ("× local", passing.local),
        (goes, passing.goes),
    ):
        cell = add(equation, "div", class_="factor")
        both(add(cell, "p", f"{title}  ", class_="phase"), factor.name, "large")
        if factor.formula is not None:
            both(cell, factor.formula, "block")
        if factor.numbers is not None:
            formula(add(cell, "p", class_="numbers"), factor.numbers)


def _row(words: ET.Element, title: str, *shown: Maths) -> ET.Element:
    row = add(words, "div", class_="row wide" if any(map(_is_wide, shown)) else "row")
    add(row, "h3", title)
    return add(row, "div", class_="formula", role="group", tabindex="0", aria_label=title)


def _is_wide(maths: Maths) -> bool:
    return formula_width(maths.latex) > _WIDE


def _caption(frame: Frame) -> str:
    """Say what the marks of a figure mean, and when they first come, the two sorts of arrows."""
    if frame.phase != "algebra":
        return _ARROWS.get(frame.key, "")
    states = {*frame.scene.vertices.values(), *frame.scene.edges.values()}
    said = [text for mark, text in _MARKS if any(mark in state for state in states)]
    return sentence_case("; ".join(said)) + "." if said else ""
