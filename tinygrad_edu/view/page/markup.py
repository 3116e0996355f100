"""Elements of the page.

The document is built as a tree and written by the standard library, so what a user called a
tensor is text wherever it stands: nothing here puts strings of markup together.
"""

from __future__ import annotations

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from importlib.resources import files

from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.page.mathml import mathml
from tinygrad_edu.view.page.written import Maths, Prose, Written

__all__ = [
    "Content",
    "add",
    "asset",
    "card",
    "cells",
    "digest",
    "element",
    "scrolling",
    "sentence_case",
    "table",
]

#: What an element may hold.
Content = str | Maths | Written | Prose | ET.Element | None

_COMMENTS = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)


def element(tag: str, *content: Content, style: str = "", **attributes: str) -> ET.Element:
    """Make an element; ``class_`` and ``data_key`` stand for class and data-key.

    The style of its formulas is "block" for those on a line of their own, "large" for those in a
    line whose fractions are not to shrink.
    """
    made = ET.Element(
        tag, {key.strip("_").replace("_", "-"): clean(v) for key, v in attributes.items()}
    )
    for each in content:
        _put(made, each, style)
    return made


def add(
    parent: ET.Element, tag: str, *content: Content, style: str = "", **attributes: str
) -> ET.Element:
    """Make an element, as `element` does, and add it to its parent."""
    made = element(tag, *content, style=style, **attributes)
    parent.append(made)
    return made


def _put(parent: ET.Element, content: Content, style: str) -> None:
    if isinstance(content, str):
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + clean(content)
        else:
            parent.text = (parent.text or "") + clean(content)
    elif isinstance(content, ET.Element):
        parent.append(content)
    elif isinstance(content, Maths):
        parent.append(_formula(content, style))
    elif isinstance(content, Prose):
        for part in content.parts:
            _put(parent, part, style)
    elif content is not None and content.vector == content.index:
        parent.append(_formula(content.vector, style))
    elif content is not None:  # a switch shows one of the two notations
        add(parent, "span", content.vector, style=style, class_="vector")
        add(parent, "span", content.index, style=style, class_="index")


def _formula(maths: Maths, style: str) -> ET.Element:
    """Write a formula as MathML, or as readable text where it cannot be set."""
    found = mathml(maths.latex)
    if found is None:
        return element("span", maths.text, class_="plain")
    if style:
        found.set(*("display", "block") if style == "block" else ("displaystyle", "true"))
    found.set("alttext", clean(maths.text))
    return found


def card(
    phase: str,
    key: str,
    title: str,
    equation: Written,
    drawing: str,
    *content: Content,
    **attributes: str,
) -> ET.Element:
    """Make a card of the page, with all that its scripts ask of one.

    Parameters
    ----------
    phase, key, title : str
        What sort of card it is, its id, and what is read aloud where it is shown.
    equation : Written
        What is copied of it.
    drawing : str
        Which drawing it shows.
    """
    vector, index = (maths.latex or maths.text for maths in (equation.vector, equation.index))
    return element(
        "li",
        *content,
        class_=f"step {phase}",
        id=key,
        tabindex="-1",
        data_phase=phase,
        data_title=title,
        data_vector=vector,
        data_index=index,
        data_drawing=drawing,
        **attributes,
    )


def cells(first: Content, *others: Content, **attributes: str) -> ET.Element:
    """Make a row of a table, of what it is about and of what is said of that."""
    row = element("tr", element("th", first, scope="row"), **attributes)
    for each in others:
        row.append(
            each if isinstance(each, ET.Element) and each.tag == "td" else element("td", each)
        )
    return row


def table(titles: Iterable[str], rows: Iterable[ET.Element], caption: str = "") -> ET.Element:
    """Make a table with a title for every column."""
    head = (element("th", title, scope="col") if title else element("td") for title in titles)
    return element(
        "table",
        element("caption", caption) if caption else None,
        element("thead", element("tr", *head)),
        element("tbody", *rows),
    )


def asset(*names: str) -> str:
    """Return a style sheet or a script, from one file or several, without comments."""
    folder = files(__package__).joinpath("assets")
    text = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)
    lines = map(str.strip, _COMMENTS.sub("", text).splitlines())
    return "\n".join(filter(None, lines)) + "\n"


def digest(content: str) -> str:
    """Name a style sheet or a script by its content, as a Content-Security-Policy does."""
    found = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(found).decode()}'"


def sentence_case(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def scrolling(label: str, content: ET.Element) -> ET.Element:
    """Let what is too wide scroll by itself."""
    return element("div", content, class_="scroll", tabindex="0", role="region", aria_label=label)
