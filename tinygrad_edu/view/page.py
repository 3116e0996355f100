"""A story as one HTML file: every step in an ordered list, which a small script steps through.

The document is built as a tree and written by the standard library, so what a user called a
tensor is text wherever it stands: nothing here puts strings of markup together.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from tinygrad_edu.naming import names_around
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.dot import clean, digraph
from tinygrad_edu.view.formula import define, mathml, number
from tinygrad_edu.view.jacobian import Heat
from tinygrad_edu.view.renderer import Renderer, RendererNotFound, find_renderer
from tinygrad_edu.view.story import Frame, Node, Scene, Story, story
from tinygrad_edu.view.svg import Pieces, pieces
from tinygrad_edu.view.written import Maths, Written

__all__ = ["Page", "explain"]

_PHASES = ("forward", "backward", "algebra")
_LONG = 70  # characters of a formula that is set smaller
_SCALE = 1.25  # of graphs that need not shrink
_OUTLINES = "o-"  # prefix of the ids of glyph outlines


def explain(
    output: Tensor,
    wrt: Tensor,
    *,
    names: Mapping[str, Any] | None = None,
    fused: Iterable[str] = (),
) -> Page:
    """Explain a gradient: forward, backward and algebra, step by step, as one HTML page.

    Parameters
    ----------
    output : Tensor
        What is differentiated.
    wrt : Tensor
        What it is differentiated with respect to.
    names : dict of str to Tensor or ndarray, optional
        Names for formulas; otherwise ``Tensor(..., name=)`` and the caller's variables.
    fused : iterable of str, optional
        Operations that are left whole, such as ``("softmax",)``.

    Returns
    -------
    Page
        Shown by a notebook; ``.save("page.html")`` writes it.

    Raises
    ------
    ValueError, TypeError
        As `derive`; also ValueError for a graph too large to be read.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> y = tg.Tensor([0.0, 1.0, 0.0])
    >>> L = tg.softmax_cross_entropy(z, y)
    >>> tg.explain(L, wrt=z)
    <Page '∂L/∂z = softmax(z) − y': 21 steps>
    >>> tg.explain(L, wrt=z).save("page.html")  # doctest: +SKIP
    """
    return Page(story(output, wrt, names_around(names, depth=1), fused))


class Page:
    """A story, ready to be saved or shown.

    Parameters
    ----------
    told : Story
        What it tells.
    """

    def __init__(self, told: Story) -> None:
        self.story = told

    @property
    def title(self) -> str:
        """What the page shows: the gradient and its result."""
        return f"{self.story.title.text} = {self.story.result.text}"

    @cached_property
    def _document(self) -> str:
        return _Writer(self.story, self.title).document()

    def html(self) -> str:
        """Return the page as one self-contained HTML document, the same on every call."""
        return self._document

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file and return its path.

        Raises
        ------
        ValueError
            If the path does not end in ``.html``.
        """
        path = Path(path)
        if path.suffix.lower() not in {".html", ".htm"}:
            raise ValueError(f"save: a page is saved as .html, not as {path.name!r}")
        path.write_text(self.html(), encoding="utf-8", newline="\n")
        return path

    def __repr__(self) -> str:
        steps = sum(frame.track != "free" for frame in self.story.frames)
        return f"<Page {self.title!r}: {steps} steps>"

    def _repr_html_(self) -> str:
        # A frame keeps the page's styles and script apart from the notebook's, and its policy too.
        return (
            f'<iframe srcdoc="{html.escape(self.html())}" title="{html.escape(self.title)}" '
            'sandbox="allow-scripts allow-downloads allow-popups" width="100%" height="760" '
            'loading="lazy"></iframe>'
        )

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        bundle = {"text/plain": repr(self)}
        try:
            bundle["text/html"] = self._repr_html_()
        except Exception as error:
            # A notebook must show something: why there is no page.
            bundle["text/plain"] += f"\n{error}"
        kept = bundle.keys() if include is None else bundle.keys() & set(include)
        return {kind: text for kind, text in bundle.items() if kind in kept - set(exclude or ())}


# --- elements -------------------------------------------------------------------------------------


def _add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Add an element; ``class_`` and ``data_key`` stand for class and data-key."""
    element = ET.SubElement(
        parent, tag, {key.strip("_").replace("_", "-"): clean(v) for key, v in attributes.items()}
    )
    if text:
        element.text = clean(text)
    return element


def _formula(parent: ET.Element, maths: Maths, display: bool = False) -> None:
    """Add a formula as MathML, or as readable text where it cannot be set."""
    found = mathml(maths.latex)
    if found is None:
        _add(parent, "span", maths.text, class_="plain")
        return
    if display:
        found.set("display", "block")
    found.set("alttext", clean(maths.text))
    parent.append(found)


def _both(parent: ET.Element, written: Written, display: bool = False) -> None:
    """Add a formula in both notations; a switch shows one of them."""
    if written.vector == written.index:
        _formula(parent, written.vector, display)
        return
    for notation, maths in (("vector", written.vector), ("index", written.index)):
        _formula(_add(parent, "span", class_=notation), maths, display)


def _asset(name: str) -> str:
    return files("tinygrad_edu.view").joinpath("assets", name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


# --- the document ---------------------------------------------------------------------------------


class _Writer:
    """Write one story, part by part."""

    def __init__(self, told: Story, title: str) -> None:
        self.story, self.title = told, title
        self.drawings: dict[str, Pieces] = {}
        self.missing = ""
        try:
            renderer = find_renderer()
        except RendererNotFound as error:
            self.missing = str(error)
        else:
            self._draw(renderer)

    def _draw(self, renderer: Renderer) -> None:
        for name, model in self.story.drawings.items():
            self.drawings[name] = pieces(model, renderer, _OUTLINES)

    def document(self) -> str:
        style, early, script = map(_asset, ("page.css", "early.js", "page.js"))
        root = ET.Element("html", {"lang": "en"})
        head = _add(root, "head")
        _add(head, "meta", charset="utf-8")
        policy = (
            f"default-src 'none'; style-src {_hash(style)}; "
            f"script-src {_hash(early)} {_hash(script)}; base-uri 'none'; form-action 'none'"
        )
        ET.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
        _add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
        _add(head, "meta", name="color-scheme", content="light dark")
        _add(head, "title", self.title)
        ET.SubElement(head, "style").text = style
        ET.SubElement(head, "script").text = early
        body = _add(root, "body")
        self._definitions(body)
        self._header(body)
        self._navigation(body)
        main = _add(body, "main")
        self._options(main)
        self._steps(main)
        self._table(main)
        self._sources(main)
        self._help(body)
        ET.SubElement(body, "script").text = script
        return "<!DOCTYPE html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"

    def _definitions(self, body: ET.Element) -> None:
        """Write every vertex and edge once, out of sight; the steps refer to them."""
        svg = ET.SubElement(
            body, "svg", {"class": "store", "width": "0", "height": "0", "aria-hidden": "true"}
        )
        defs = _add(svg, "defs")
        outlines: dict[str, str] = {}
        for drawing in self.drawings.values():
            outlines |= drawing.outlines
        define(defs, outlines, _OUTLINES)
        for name, drawing in self.drawings.items():
            for letter, elements in (("e", drawing.edges), ("n", drawing.vertices)):
                for place, element in enumerate(elements):
                    element.set("id", f"{name}-{letter}{place}")
                    defs.append(element)

    def _header(self, body: ET.Element) -> None:
        told = self.story
        header = _add(body, "header")
        heading = _add(header, "h1", class_="title")
        heading.set("aria-label", clean(self.title))
        _formula(
            heading,
            Maths(
                self.title,
                f"{told.title.latex} = {told.result.latex}" if told.title.latex else "",
            ),
        )
        said = _add(header, "p", class_="subtitle")
        said.text = "Derived step by step"
        if told.assumption:
            said.text += clean(f", assuming {told.assumption}")
        said.text += clean(f". {self.title}, checked: residual {told.checked}.")

    def _navigation(self, body: ET.Element) -> None:
        bar = _add(body, "nav", class_="stepper", aria_label="Steps", hidden="")
        tabs = _add(bar, "div", class_="tabs")
        for count, phase in enumerate(_PHASES, start=1):
            _add(
                tabs,
                "button",
                phase.capitalize(),
                type="button",
                class_=phase,
                data_phase=phase,
                title=f"{phase.capitalize()} ({count})",
            )
        moves = _add(bar, "div", class_="moves")
        for action, sign, label in (
            ("first", "|◀", "First step"),
            ("previous", "◀", "Previous step"),
            ("play", "Play", "Play"),
            ("next", "▶", "Next step"),
            ("last", "▶|", "Last step"),
        ):
            button = _add(
                moves, "button", type="button", aria_label=label, title=label, data_action=action
            )
            _add(button, "span", sign, aria_hidden="true")
        _add(
            bar,
            "input",
            type="range",
            id="slider",
            min="1",
            value="1",
            max=str(len(self.story.frames)),
            aria_label="Step",
        )
        _add(bar, "span", class_="counter", id="counter")

    def _options(self, main: ET.Element) -> None:
        told = self.story
        tools = _add(main, "div", class_="options")
        box = _add(tools, "fieldset", class_="switches")
        _add(box, "legend", "Show")
        switches = [
            ("values", "values", True),
            ("gradients", "gradients", True),
            ("shapes", "shapes", False),
            ("indices", "index notation", False),
        ]
        if told.assumption:
            switches.append(("assume", f"assume {told.assumption}", True))
        for key, text, on in switches:
            label = _add(box, "label")
            switch = _add(label, "input", type="checkbox", id=key)
            if on:
                switch.set("checked", "")
            _add(label, "span", text)
        label = _add(box, "label", class_="theme")
        _add(label, "span", "theme")
        select = _add(label, "select", id="theme")
        for theme in ("auto", "light", "dark"):
            _add(select, "option", theme, value=theme)
        copies = _add(tools, "div", class_="copies", hidden="")
        _add(copies, "span", "Copy", class_="small")
        for action, text, label_text in (
            ("latex", "LaTeX", "Copy LaTeX"),
            ("dot", "DOT", "Copy DOT"),
            ("python", "Python", "Copy Python"),
            ("svg", "↓ SVG", "Download SVG"),
            ("help", "?", "Keys"),
        ):
            _add(
                copies,
                "button",
                text,
                type="button",
                data_action=action,
                aria_label=label_text,
                title=label_text,
            )
        _add(tools, "p", class_="live", role="status", aria_live="polite", id="live")

    # --- steps ------------------------------------------------------------------------------------

    def _steps(self, main: ET.Element) -> None:
        if self.missing:
            _add(main, "p", f"The page has no graphs. {self.missing}", class_="note")
        steps = _add(main, "ol", class_="steps", id="steps")
        for frame in self.story.frames:
            self._step(steps, frame)

    def _step(self, steps: ET.Element, frame: Frame) -> None:
        source = "graph" if frame.phase != "algebra" else "algebra"
        source += f"-{frame.track}" if frame.track else ""
        card = _add(
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
        words = _add(card, "div", class_="words")
        phase = frame.phase.capitalize()
        if frame.track == "free":
            phase += f", without {self.story.assumption}"
        _add(words, "p", phase, class_="phase")
        _add(words, "h2", frame.title)
        _both(
            _add(words, "div", class_="equation", role="group", tabindex="0", aria_label="Formula"),
            frame.equation,
            display=True,
        )
        if frame.local is not None:
            text = "Where" if frame.phase == "backward" else "Equation"
            _both(self._row(words, text), frame.local)
        if frame.numbers:
            row = self._row(words, "In numbers")
            for maths in frame.numbers:
                long = " long" if len(maths.text) > _LONG else ""
                _formula(_add(row, "span", class_=f"piece{long}"), maths)
        if frame.rule or frame.because:
            row = _add(words, "div", class_="row why")
            _add(row, "h3", "Why")
            said = _add(row, "p")
            if frame.rule:
                _add(said, "b", _sentence_case(frame.rule)).tail = clean(f". {frame.because}")
            else:
                said.text = clean(frame.because)
        if frame.heat is not None:
            self._heat(words, frame.heat)
        if frame.python:
            row = _add(words, "div", class_="row")
            _add(row, "h3", "Python")
            _add(
                _add(row, "pre", tabindex="0", role="group", aria_label="Python"),
                "code",
                frame.python,
            )
        if frame.check:
            row = _add(words, "div", class_="row")
            _add(row, "h3", "Residual")
            _add(row, "p", frame.check, class_="check")
        _add(words, "div", class_="inspector", hidden="")
        if frame.scene.drawing in self.drawings:
            figure = _add(card, "figure", class_="pair" if frame.before else "whole")
            if frame.before is not None:
                self._scene(figure, frame.before, f"Before: {frame.title}")
                _add(figure, "span", "→", class_="becomes", aria_hidden="true")
            self._scene(figure, frame.scene, f"Graph: {frame.title}")

    def _row(self, words: ET.Element, title: str) -> ET.Element:
        row = _add(words, "div", class_="row")
        _add(row, "h3", title)
        return _add(row, "div", class_="formula", role="group", tabindex="0", aria_label=title)

    def _heat(self, parent: ET.Element, heat: Heat) -> None:
        table = _add(_add(parent, "div", class_="row"), "table", class_="heat")
        _add(table, "caption", f"∂{heat.of}/∂{heat.wrt}, entry by entry")
        largest = max((abs(v) for row in heat.rows for v in row), default=0.0) or 1.0
        head = _add(_add(table, "thead"), "tr")
        _add(head, "td")
        for column in range(len(heat.rows[0])):
            _add(head, "th", str(column + 1), scope="col")
        body = _add(table, "tbody")
        for place, row in enumerate(heat.rows, start=1):
            line = _add(body, "tr")
            _add(line, "th", str(place), scope="row")
            for value in row:
                level = round(4 * abs(value) / largest)
                sign = "minus" if value < 0 else "plus"
                _add(line, "td", _entry(value), class_=f"{sign} level{level}")

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

    # --- beside the steps -------------------------------------------------------------------------

    def _table(self, main: ET.Element) -> None:
        details = _add(main, "details", class_="nodes")
        _add(details, "summary", "All nodes of the graph")
        scroll = _add(
            details,
            "div",
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label="Table of all nodes",
        )
        table = _add(scroll, "table")
        _add(table, "caption", "Every node with its value, gradient and local derivative")
        row = _add(_add(table, "thead"), "tr")
        for title in (
            "Node",
            "Formula",
            "Operation",
            "Shape",
            "Value",
            "Gradient",
            "Local derivative",
            "Made of",
            "Used by",
            "Python",
        ):
            _add(row, "th", title, scope="col")
        body = _add(table, "tbody")
        for node in self.story.nodes:
            self._node(body, node)

    def _node(self, body: ET.Element, node: Node) -> None:
        row = _add(body, "tr", id=f"node-{node.place}")
        _add(row, "th", node.called, scope="row")
        _both(_add(row, "td", data_title="Formula"), node.name)
        for title, text in (
            ("Operation", node.kind),
            ("Shape", node.shape),
            ("Value", node.value),
            ("Gradient", node.gradient),
        ):
            _add(row, "td", text, data_title=title)
        cell = _add(row, "td", data_title="Local derivative")
        for local in node.locals:
            _both(_add(cell, "div"), local)
        for heat in node.heats:
            self._heat(cell, heat)
        for title, places in (("Made of", node.made_of), ("Used by", node.used_by)):
            cell = _add(row, "td", data_title=title)
            cell.text = clean(", ".join(self._name(place) for place in places) or "—")
        cell = _add(row, "td", data_title="Python")
        _add(cell, "code", node.python)

    def _name(self, place: int) -> str:
        return self.story.nodes[place].called

    def _sources(self, main: ET.Element) -> None:
        details = _add(main, "details", class_="sources")
        _add(details, "summary", "Sources: Python, LaTeX, DOT")
        listed = [("python", "Python", self.story.program)]
        listed += [
            (
                f"latex{'-' + track if track else ''}",
                "LaTeX" + (" without the assumption" if track.endswith("free") else ""),
                text,
            )
            for track, text in self.story.latex.items()
        ]
        for name, model in self.story.sources.items():
            title = {"graph": "DOT of the graph"}.get(name, f"DOT of the algebra ({name})")
            listed.append((f"dot-{name}", title, str(digraph(model).source)))
        for key, title, text in listed:
            _add(details, "h2", title)
            _add(
                details,
                "pre",
                text,
                id=f"source-{key}",
                tabindex="0",
                role="region",
                aria_label=title,
            )
        for note in self.story.notes:
            _add(main, "p", note, class_="note")

    def _help(self, body: ET.Element) -> None:
        dialog = _add(body, "dialog", id="help", aria_label="Keys")
        _add(dialog, "h2", "Keys")
        listed = _add(dialog, "dl")
        for keys, meaning in (
            ("← →", "previous step, next step"),
            ("Home End", "first step, last step"),
            ("1 2 3", "forward, backward, algebra"),
            ("Space", "play, pause"),
            ("Tab", "from node to node"),
            ("?", "this help"),
            ("Esc", "close, let go of a node"),
        ):
            _add(listed, "dt", keys)
            _add(listed, "dd", meaning)
        _add(dialog, "button", "Close", type="button", data_action="close")


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _entry(value: float) -> str:
    return "0" if value == 0 else f"{value:.3f}".replace("-", "−")
