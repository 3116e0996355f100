"""The cards of the page: each step as words, formulas and numbers beside the graph."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from tinygrad_edu.view.draw.formula import number
from tinygrad_edu.view.draw.model import Model, Vertex
from tinygrad_edu.view.draw.svg import Pieces
from tinygrad_edu.view.page.flow import MANY, ends
from tinygrad_edu.view.page.frames import Frame, Passing, Scene, Story
from tinygrad_edu.view.page.jacobian import heat_map
from tinygrad_edu.view.page.markup import Content, add, card, element, sentence_case
from tinygrad_edu.view.page.mathml import formula_width
from tinygrad_edu.view.page.written import Maths, Written

__all__ = ["Cards"]

_WIDE = 24.0  # ems; a formula that is wider is set smaller, or below its title
_FAR = 3  # arrows away from what a step of a large graph is about
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

    def step(self, frame: Frame) -> ET.Element:
        """Write one step."""
        words = element(
            "div",
            element("p", self._phase(frame), class_="phase"),
            element("h2", frame.title),
            _equation(frame),
            *_rows(frame),
            class_="words",
        )
        return card(
            frame.phase,
            frame.key,
            frame.title.text,
            frame.equation,
            frame.scene.drawing,
            words,
            self._figure(frame) if frame.scene.drawing in self.drawings else None,
            data_route=frame.route,
            data_track=frame.track,
        )

    def handout(self) -> ET.Element:
        """Write what a first page on paper shows below the bars: graph and derivation, whole."""
        frames = self.story.of_route(self.story.routes[0].key)
        handout, lines = element("li", class_="handout"), element("div")
        last = [f for f in frames if f.phase == "backward"][-1]
        if last.scene.drawing in self.drawings:
            add(handout, "div", self._scene(last.scene, "Graph"), class_="view")
        for frame in frames:
            if frame.phase == "algebra":
                line = add(lines, "div", frame.equation, style="block", class_="line")
                add(line, "p", frame.title, class_="phase")
        handout.append(lines)
        return handout

    def _phase(self, frame: Frame) -> str:
        said = [frame.phase.capitalize()]
        if len(self.story.routes) > 1:
            said += [route.title for route in self.story.routes if route.key == frame.route]
        if frame.track == "free":
            said.append(f"without {self.story.assumption}")
        return ", ".join(said)

    def _figure(self, frame: Frame) -> ET.Element:
        graph = self._scene(frame.scene, f"Graph: {frame.title.text}")
        caption = _caption(frame)
        return element(
            "figure",
            element("div", graph, class_="view"),
            element("figcaption", caption) if caption else None,
        )

    def _scene(self, scene: Scene, title: str) -> ET.Element:
        drawing, model = self.drawings[scene.drawing], self.story.drawings[scene.drawing]
        scene = _nearby(model, scene)
        width, height = drawing.size
        graph = element("g", transform=drawing.move)
        for place, state in sorted(scene.edges.items()):
            look = f"edge {state} {model.edges[place].kind}"
            add(graph, "use", href=f"#{scene.drawing}-e{place}", class_=look)
        vertices = {vertex.key: vertex for vertex in model.vertices}
        for place, state in sorted(scene.vertices.items()):
            known = place in scene.known
            add(
                graph,
                "g",
                element("use", href=f"#{scene.drawing}-n{place}"),
                class_=f"vertex {state}" + " known" * known,
                data_place=str(place),
                tabindex="0",
                role="img",
                aria_label=_label(vertices[f"n{place}"], state, known),
            )
        return element(
            "svg",
            graph,
            class_="graph",
            viewBox=f"0 0 {number(width)} {number(height)}",
            role="group",
            aria_label=title,
            width=f"{number(_SCALE * width)}rem",
            height=f"{number(_SCALE * height)}rem",
        )


def _nearby(model: Model, scene: Scene) -> Scene:
    """Return what a step shows of a large graph: what it is about, and what is near to that."""
    if len(model.vertices) <= MANY:
        return scene
    near = {place for place, state in scene.vertices.items() if state != "past"}
    joined = {place: ends(model.edges[place]) for place in scene.edges}
    for _ in range(_FAR):
        near |= {end for pair in joined.values() if near & set(pair) for end in pair}
    return Scene(
        scene.drawing,
        {place: state for place, state in scene.vertices.items() if place in near},
        {place: state for place, state in scene.edges.items() if near.issuperset(joined[place])},
        scene.known,
    )


def _label(vertex: Vertex, state: str, known: bool) -> str:
    """Say what is read aloud of a vertex."""
    said = [vertex.text or vertex.formula, vertex.shape, *vertex.lines]
    if known:
        said += vertex.gradient_lines
    if state not in {"past", "now", "source"}:
        said.append(state)
    return ", ".join(filter(None, said))


def _equation(frame: Frame) -> ET.Element:
    look, shown = "equation", list[Content]([frame.equation])
    if frame.passing is not None:
        look, shown = "equation product", list(_factors(frame.passing))
    elif _is_wide(frame.equation.vector):
        look = "equation wide"
    made = element("div", *shown, style="block", class_=look, role="group", tabindex="0")
    made.set("aria-label", "Formula")
    return made


def _factors(passing: Passing) -> Iterator[ET.Element]:
    """Write what came in × the local derivative = what goes on, each above its numbers."""
    goes = "= goes on, added up" if passing.added else "= goes on"
    for title, factor in (
        ("came in", passing.came),
        ("× local", passing.local),
        (goes, passing.goes),
    ):
        name = element("p", f"{title}  ", factor.name, style="large", class_="phase")
        cell = element("div", name, factor.formula, style="block", class_="factor")
        if factor.numbers is not None:
            add(cell, "p", factor.numbers, class_="numbers")
        yield cell


def _rows(frame: Frame) -> Iterator[ET.Element]:
    """Write all that is said of a step, each under its title."""
    if frame.start is not None:
        yield _formulas("Before", frame.start)
    if frame.lines:
        lines = (element("p", line) for line in frame.lines)
        yield _row("By", element("div", *lines, class_="lines"), is_wide=True)
    if frame.local is not None:
        yield _formulas("Rule", frame.local)
    if frame.numbers:
        yield _formulas("In numbers", *frame.numbers)
    if frame.rule or frame.because.parts:
        rule = element("b", f"{sentence_case(frame.rule)}.") if frame.rule else None
        yield _row("Why", element("p", rule, " " if frame.rule else None, frame.because))
    if frame.heat is not None and frame.heat.is_full:
        yield _row("Jacobian", heat_map(frame.heat))
    if frame.python:
        code = element("code", frame.python)
        yield _row("Python", element("pre", code, tabindex="0", role="group", aria_label="Python"))
    if frame.check:
        yield _row("Residual", element("p", frame.check, class_="check"))


def _row(title: str, content: ET.Element, is_wide: bool = False) -> ET.Element:
    return element("div", element("h3", title), content, class_="row wide" if is_wide else "row")


def _formulas(title: str, *shown: Written | Maths) -> ET.Element:
    pieces: list[Content] = list(shown)
    if isinstance(shown[0], Maths):
        pieces = [element("span", each, style="large", class_="piece") for each in shown]
    content = element("div", *pieces, style="large", class_="formula", role="group", tabindex="0")
    content.set("aria-label", title)
    vectors = (each.vector if isinstance(each, Written) else each for each in shown)
    return _row(title, content, any(map(_is_wide, vectors)))


def _is_wide(maths: Maths) -> bool:
    return formula_width(maths.latex) > _WIDE


def _caption(frame: Frame) -> str:
    """Say what the marks of a figure mean, and when they first come, the two sorts of arrows."""
    if frame.phase != "algebra":
        return _ARROWS.get(frame.key, "")
    states = {*frame.scene.vertices.values(), *frame.scene.edges.values()}
    said = [text for mark, text in _MARKS if any(mark in state for state in states)]
    return sentence_case("; ".join(said)) + "." if said else ""
