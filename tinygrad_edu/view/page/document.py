"""A story as one HTML document."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tinygrad_edu.view.draw.dot import digraph
from tinygrad_edu.view.draw.formula import define
from tinygrad_edu.view.draw.renderer import Renderer, RendererNotFound, find_renderer
from tinygrad_edu.view.draw.svg import Pieces, pieces
from tinygrad_edu.view.draw.written import Maths
from tinygrad_edu.view.page.card import Cards
from tinygrad_edu.view.page.frames import Story
from tinygrad_edu.view.page.markup import add, asset, digest, formula, sentence_case
from tinygrad_edu.view.page.table import table_of_nodes

__all__ = ["Document"]

_PHASES = ("forward", "backward", "algebra")
_ACTIONS = (
    (
        "Copy",
        (
            ("latex", "LaTeX", "Copy LaTeX"),
            ("dot", "DOT", "Copy DOT"),
            ("python", "Python", "Copy Python"),
            ("svg", "↓ SVG", "Download SVG"),
        ),
    ),
    (
        "Look",
        (
            ("projector", "Projector", "Projector: formula and graph alone"),
            ("fullscreen", "Full screen", "Full screen"),
            ("help", "Keys", "Keys"),
        ),
    ),
)
_KEYS = (
    ("← → PageUp PageDown", "previous step, next step"),
    ("Home End", "first step, last step"),
    ("1 2 3", "forward, backward, algebra"),
    ("Space", "play, pause"),
    ("P", "projector: formula and graph alone"),
    ("F", "full screen"),
    ("B", "blank"),
    ("Tab", "from node to node"),
    ("?", "this help"),
    ("Esc", "close, let go of a node"),
)
_OUTLINES = "o-"  # prefix of the ids of glyph outlines


class Document:
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
        struck = self._struck()
        for name, model in self.story.drawings.items():
            self.drawings[name] = pieces(model, renderer, _OUTLINES, struck[name])

    def _struck(self) -> dict[str, set[str]]:
        """Name what is ever struck through, drawing by drawing."""
        found: dict[str, set[str]] = {name: set() for name in self.story.drawings}
        shown = (f.scene for f in self.story.frames if f.scene.drawing in found)
        for scene in shown:
            for letter, states in (("e", scene.edges), ("n", scene.vertices)):
                found[scene.drawing] |= {
                    f"{letter}{place}" for place, state in states.items() if "cancelled" in state
                }
        return found

    def text(self) -> str:
        """Return the document."""
        style, early = asset("page.css", "live.css"), asset("early.js")
        script, live = asset("camera.js", "page.js"), self.story.live.script
        root = ET.Element("html", {"lang": "en"})
        head = add(root, "head")
        add(head, "meta", charset="utf-8")
        trusted = " ".join(map(digest, (early, live, script)))
        policy = (
            f"default-src 'none'; style-src {digest(style)}; script-src {trusted}; "
            "base-uri 'none'; form-action 'none'"
        )
        ET.SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
        add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
        add(head, "meta", name="color-scheme", content="light dark")
        add(head, "title", self.title)
        ET.SubElement(head, "style").text = style
        ET.SubElement(head, "script").text = early
        body = add(root, "body")
        self._definitions(body)
        self._header(body)
        main = add(body, "main")
        self._steps(main)
        self.story.comparison.add(main)
        table_of_nodes(main, self.story.nodes)
        self._sources(main)
        self._tip(body)
        self._help(body)
        if live:
            ET.SubElement(body, "script").text = live
        ET.SubElement(body, "script").text = script
        return "<!DOCTYPE html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"

    def _definitions(self, body: ET.Element) -> None:
        """Write every vertex and edge once, out of sight; the steps refer to them."""
        svg = ET.SubElement(
            body, "svg", {"class": "store", "width": "0", "height": "0", "aria-hidden": "true"}
        )
        defs = add(svg, "defs")
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
        """Write what is shown, how to go through it, and what else can be chosen, in one line."""
        told = self.story
        header = add(body, "header")
        title = add(header, "div", class_="title")
        tracks = [("", told.result)]
        if told.without is not None:
            tracks = [("assumed", told.result), ("free", told.without)]
        for track, result in tracks:
            shown = _equation(told.title, result)
            formula(add(title, "h1", class_=track, aria_label=shown.text), shown)
        add(header, "p", f"{sentence_case(told.checked)}.", class_="subtitle")
        if told.assumption:
            _switch(header, "assume", f"assume {told.assumption}", True)
        self._navigation(header)
        button = add(header, "button", type="button", class_="more", popovertarget="menu")
        button.set("aria-label", "Menu")
        add(button, "span", "⋯", aria_hidden="true")
        self._menu(header)
        add(header, "p", class_="live", role="status", aria_live="polite", id="live")

    def _navigation(self, header: ET.Element) -> None:
        bar = add(header, "nav", class_="stepper", aria_label="Steps", hidden="")
        if len(self.story.routes) > 1:
            routes = add(bar, "div", class_="routes tabs", id="routes")
            for route in self.story.routes:
                add(routes, "button", route.title, type="button", data_route=route.key)
        tabs = add(bar, "div", class_="phases tabs")
        for count, phase in enumerate(_PHASES, start=1):
            add(
                tabs,
                "button",
                phase.capitalize(),
                type="button",
                class_=phase,
                data_phase=phase,
                title=f"{phase.capitalize()} ({count})",
            )
        moves = add(bar, "div", class_="moves")
        for action, sign, label in (
            ("first", "|◀", "First step"),
            ("previous", "◀", "Previous step"),
            ("play", "Play", "Play"),
            ("next", "▶", "Next step"),
            ("last", "▶|", "Last step"),
        ):
            button = add(
                moves, "button", type="button", aria_label=label, title=label, data_action=action
            )
            add(button, "span", sign, aria_hidden="true")
        add(bar, "span", class_="counter", id="counter")
        add(
            bar,
            "input",
            type="range",
            id="slider",
            min="0",
            value="0",
            max=str(len(self.story.frames)),
            aria_label="Step",
        )

    def _menu(self, header: ET.Element) -> None:
        menu = add(header, "div", class_="menu", id="menu", popover="auto")
        shown = add(menu, "fieldset")
        add(shown, "legend", "Show")
        for key, on in (("values", True), ("gradients", True), ("shapes", False)):
            _switch(shown, key, key, on)
        _switch(shown, "indices", "index notation", False)
        label = add(shown, "label")
        add(label, "span", "theme")
        select = add(label, "select", id="theme")
        for theme in ("auto", "light", "dark"):
            add(select, "option", theme, value=theme)
        for title, listed in _ACTIONS:
            group = add(menu, "div", class_="copies", role="group", aria_label=title, hidden="")
            add(group, "span", title, class_="small")
            for action, text, said in listed:
                button = add(group, "button", text, type="button", data_action=action)
                button.set("aria-label", said)

    def _steps(self, main: ET.Element) -> None:
        if self.missing:
            add(main, "p", f"The page has no graphs. {self.missing}", class_="note")
        steps = add(main, "ol", class_="steps", id="steps")
        self.story.live.add(steps)
        cards = Cards(self.story, self.drawings)
        cards.add_handout(steps)
        for frame in self.story.frames:
            cards.add(steps, frame)

    def _sources(self, main: ET.Element) -> None:
        details = add(main, "details", class_="sources")
        add(details, "summary", "Sources: Python, LaTeX, DOT")
        listed = [("python", "Python", self.story.program)]
        listed += [
            (
                f"latex{'-' + track if track else ''}",
                "LaTeX" + f" ({track})" * bool(track),
                text,
            )
            for track, text in self.story.latex.items()
        ]
        for name, model in self.story.sources.items():
            title = f"DOT ({name})"
            listed.append((f"dot-{name}", title, str(digraph(model).source)))
        for key, title, text in listed:
            add(details, "h2", title)
            add(
                details,
                "pre",
                text,
                id=f"source-{key}",
                tabindex="0",
                role="region",
                aria_label=title,
            )
        for note in self.story.notes:
            add(main, "p", note, class_="note")

    def _tip(self, body: ET.Element) -> None:
        """Make room for what a node tells of itself, beside it."""
        tip = add(body, "aside", class_="tip", id="tip", hidden="", aria_label="Node")
        add(tip, "div", class_="said")
        button = add(tip, "button", "×", type="button", data_action="release")
        button.set("aria-label", "Close")

    def _help(self, body: ET.Element) -> None:
        dialog = add(body, "dialog", id="help", aria_label="Keys")
        add(dialog, "h2", "Keys")
        listed = add(dialog, "dl")
        for keys, meaning in _KEYS:
            add(listed, "dt", keys)
            add(listed, "dd", meaning)
        add(dialog, "button", "Close", type="button", data_action="close")


def _equation(left: Maths, right: Maths) -> Maths:
    latex = f"{left.latex} = {right.latex}" if left.latex and right.latex else ""
    return Maths(f"{left.text} = {right.text}", latex)


def _switch(parent: ET.Element, key: str, text: str, on: bool) -> None:
    label = add(parent, "label")
    switch = add(label, "input", type="checkbox", id=key)
    if on:
        switch.set("checked", "")
    add(label, "span", text)
