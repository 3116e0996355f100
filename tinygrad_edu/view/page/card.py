"""One step of the page: words, formulas and numbers beside the graph."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

from tinygrad_edu.view.dot import clean
from tinygrad_edu.view.formula import number
from tinygrad_edu.view.page.heat import heat_map
from tinygrad_edu.view.page.markup import add, both, formula, sentence_case
from tinygrad_edu.view.story import Frame, Scene, Story
from tinygrad_edu.view.svg import Pieces

__all__ = ["Cards"]

_LONG = 70  # characters of a formula that is set smaller
_SCALE = 1.25  # of graphs that need not shrink


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
        source = "graph" if frame.phase != "algebra" else "algebra"
        source += f"-{frame.track}" if frame.track else ""
        card = add(
            steps,
            "li",
            class_=f"step {frame.phase}",
            id=frame.key,
            data_phase=frame.phase,
            data_track=frame.track,
            tabindex="-1",
            data_vector=frame.equation.vector.latex or frame.equation.vector.text,
            data_index=frame.equation.index.latex or frame.equation.index.text,
            data_drawing=frame.scene.drawing,
            data_source=source,
        )
        words = add(card, "div", class_="words")
        phase = frame.phase.capitalize()
        if frame.track == "free":
            phase += f", without {self.story.assumption}"
        add(words, "p", phase, class_="phase")
        add(words, "h2", frame.title)
        both(
            add(words, "div", class_="equation", role="group", tabindex="0", aria_label="Formula"),
            frame.equation,
            display=True,
        )
        if frame.local is not None:
            text = "Where" if frame.phase == "backward" else "Equation"
            both(self._row(words, text), frame.local)
        if frame.numbers:
            row = self._row(words, "In numbers")
            for maths in frame.numbers:
                long = " long" if len(maths.text) > _LONG else ""
                formula(add(row, "span", class_=f"piece{long}"), maths)
        if frame.rule or frame.because:
            row = add(words, "div", class_="row why")
            add(row, "h3", "Why")
            said = add(row, "p")
            if frame.rule:
                add(said, "b", sentence_case(frame.rule)).tail = clean(f". {frame.because}")
            else:
                said.text = clean(frame.because)
        if frame.heat is not None:
            heat_map(words, frame.heat)
        if frame.python:
            row = add(words, "div", class_="row")
            add(row, "h3", "Python")
            add(
                add(row, "pre", tabindex="0", role="group", aria_label="Python"),
                "code",
                frame.python,
            )
        if frame.check:
            row = add(words, "div", class_="row")
            add(row, "h3", "Residual")
            add(row, "p", frame.check, class_="check")
        add(words, "div", class_="inspector", hidden="")
        if frame.scene.drawing in self.drawings:
            figure = add(card, "figure", class_="pair" if frame.before else "whole")
            if frame.before is not None:
                self._scene(figure, frame.before, f"Before: {frame.title}")
                add(figure, "span", "→", class_="becomes", aria_hidden="true")
            self._scene(figure, frame.scene, f"Graph: {frame.title}")

    def _row(self, words: ET.Element, title: str) -> ET.Element:
        row = add(words, "div", class_="row")
        add(row, "h3", title)
        return add(row, "div", class_="formula", role="group", tabindex="0", aria_label=title)

    def _scene(self, figure: ET.Element, scene: Scene, title: str) -> None:
        drawing, model = self.drawings[scene.drawing], self.story.drawings[scene.drawing]
        width, height = map(number, drawing.size)
        svg = ET.SubElement(
            figure,
            "svg",
            {
                "class": "graph",
                "viewBox": f"0 0 {width} {height}",
                "role": "group",
                "aria-label": clean(title),
                "width": number(_SCALE * drawing.size[0]),
                "height": number(_SCALE * drawing.size[1]),
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
        if state in {"matched", "cancelled"}:
            said.append(state)
        return ", ".join(part for part in said if part)
