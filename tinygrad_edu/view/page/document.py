"""A story as one HTML document: what `assets/shell.html` leaves open, filled in."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tinygrad_edu.view.draw.dot import clean, digraph
from tinygrad_edu.view.draw.formula import define
from tinygrad_edu.view.draw.renderer import RendererNotFound, find_renderer
from tinygrad_edu.view.draw.svg import Pieces, pieces
from tinygrad_edu.view.page.card import Cards
from tinygrad_edu.view.page.frames import Story
from tinygrad_edu.view.page.markup import (
    add,
    asset,
    digest,
    element,
    scrolling,
    sentence_case,
    table,
)
from tinygrad_edu.view.page.nodes import TITLES, row
from tinygrad_edu.view.page.written import join

__all__ = ["document"]

_OUTLINES = "o-"  # prefix of the ids of glyph outlines


def document(told: Story, title: str) -> str:
    """Write a story as a document."""
    root = ET.fromstring(asset("shell.html"))
    drawings, missing = {}, ""
    try:
        drawings = _drawn(told)
    except RendererNotFound as error:
        missing = f"The page has no graphs. {error}"
    _head(root, told, title)
    _define(_found(root, "svg")[0], told, drawings)
    _header(root, told)
    cards, steps = Cards(told, drawings), _found(root, "ol")
    steps.append(told.live.card())
    steps.append(cards.handout())
    steps.extend(map(cards.step, told.frames))
    main = _found(root, "main")
    if missing:
        main.insert(0, element("p", missing, class_="note"))
    told.comparison.fill(_found(root, "section[@class='comparison']"))
    nodes, sources = main.findall("details")
    rows = (row(name, each, listed) for name, listed in told.nodes.items() for each in listed)
    caption = "Every node with its value, gradient and local derivative"
    nodes.append(scrolling("Table of all nodes", table(TITLES, rows, caption)))
    _sources(sources, told)
    for note in told.notes:
        add(main, "p", note, class_="note")
    return "<!DOCTYPE html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def _found(root: ET.Element, path: str) -> ET.Element:
    """Return what the shell has, wherever it stands."""
    found = root.find(f".//{path}")
    assert found is not None, path
    return found


def _drawn(told: Story) -> dict[str, Pieces]:
    """Lay out every drawing; what is struck through in some step has a stroke for it.

    Raises
    ------
    RendererNotFound
        If there is no program to lay them out.
    """
    renderer = find_renderer()
    struck: dict[str, set[str]] = {name: set() for name in told.drawings}
    for scene in (frame.scene for frame in told.frames if frame.scene.drawing in struck):
        for letter, states in (("e", scene.edges), ("n", scene.vertices)):
            places = (place for place, state in states.items() if "cancelled" in state)
            struck[scene.drawing].update(f"{letter}{place}" for place in places)
    return {
        name: pieces(model, renderer, _OUTLINES, struck[name])
        for name, model in told.drawings.items()
    }


def _head(root: ET.Element, told: Story, title: str) -> None:
    """Write the title, the style, the scripts, and the policy that allows these and no others."""
    style, early = asset("page.css", "live.css"), asset("early.js")
    script, live = asset("camera.js", "page.js"), told.live.script
    trusted = " ".join(map(digest, (early, live, script)))
    policy = (
        f"default-src 'none'; style-src {digest(style)}; script-src {trusted}; "
        "base-uri 'none'; form-action 'none'"
    )
    _found(root, "meta[@http-equiv]").set("content", policy)
    _found(root, "title").text = clean(title)
    _found(root, "style").text = style
    _found(root, "script").text = early
    for each in filter(None, (live, script)):
        ET.SubElement(_found(root, "body"), "script").text = each


def _define(defs: ET.Element, told: Story, drawings: dict[str, Pieces]) -> None:
    """Write every vertex and edge once, out of sight; the steps refer to them."""
    outlines = [drawing.outlines for drawing in drawings.values()]
    define(defs, {name: path for each in outlines for name, path in each.items()}, _OUTLINES)
    for name, drawing in drawings.items():
        for edge, drawn in zip(told.drawings[name].edges, drawing.edges, strict=True):
            drawn.set("data-tail", edge.tail[1:])
            drawn.set("data-head", edge.head[1:])
        keys = [f"e{place}" for place in range(len(drawing.edges))]
        keys += [vertex.key for vertex in told.drawings[name].vertices]
        for key, each in zip(keys, (*drawing.edges, *drawing.vertices), strict=True):
            each.set("id", f"{name}-{key}")
            defs.append(each)


def _header(root: ET.Element, told: Story) -> None:
    """Write what is shown, and by which ways."""
    header = _found(root, "header")
    tracks = [("", told.result)]
    if told.without is not None:
        tracks = [("assumed", told.result), ("free", told.without)]
    for track, result in tracks:
        shown = join(told.title, "=", result).vector
        add(header[0], "h1", shown, class_=track, aria_label=shown.text)
    header[1].text = f"{sentence_case(told.checked)}."
    if told.assumption:
        header[2][1].text = clean(f"assume {told.assumption}")
    else:
        header.remove(header[2])
    routes = _found(header, "div[@id='routes']")
    for route in told.routes:
        add(routes, "button", route.title, type="button", data_route=route.key)
    if len(told.routes) == 1:
        _found(header, "nav").remove(routes)
    _found(header, "input[@id='slider']").set("max", str(len(told.frames)))


def _sources(details: ET.Element, told: Story) -> None:
    listed = [("python", "Python", told.program)]
    for track, text in told.latex.items():
        key = f"latex-{track}" if track else "latex"
        listed.append((key, f"LaTeX ({track})" if track else "LaTeX", text))
    for name, model in told.sources.items():
        listed.append((f"dot-{name}", f"DOT ({name})", str(digraph(model).source)))
    for key, title, text in listed:
        add(details, "h2", title)
        pre = add(details, "pre", text, id=f"source-{key}", tabindex="0", role="region")
        pre.set("aria-label", title)
