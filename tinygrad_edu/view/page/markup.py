"""Elements of the page.

The document is built as a tree and written by the standard library, so what a user called a
tensor is text wherever it stands: nothing here puts strings of markup together.
"""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from importlib.resources import files

from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.draw.formula import mathml
from tinygrad_edu.view.draw.written import Maths, Prose, Written

__all__ = ["add", "asset", "both", "digest", "formula", "say", "sentence_case"]


def add(parent: ET.Element, tag: str, text: str = "", **attributes: str) -> ET.Element:
    """Add an element; ``class_`` and ``data_key`` stand for class and data-key."""
    element = ET.SubElement(
        parent, tag, {key.strip("_").replace("_", "-"): clean(v) for key, v in attributes.items()}
    )
    if text:
        element.text = clean(text)
    return element


def formula(parent: ET.Element, maths: Maths, style: str = "") -> None:
    """Add a formula as MathML, or as readable text where it cannot be set.

    The style is "block" for one on a line of its own, "large" for one in a line whose fractions
    are not to shrink.
    """
    found = mathml(maths.latex)
    if found is None:
        add(parent, "span", maths.text, class_="plain")
        return
    if style:
        found.set(*("display", "block") if style == "block" else ("displaystyle", "true"))
    found.set("alttext", clean(maths.text))
    parent.append(found)


def both(parent: ET.Element, written: Written, style: str = "") -> None:
    """Add a formula in both notations; a switch shows one of them."""
    if written.vector == written.index:
        formula(parent, written.vector, style)
        return
    for notation, maths in (("vector", written.vector), ("index", written.index)):
        formula(add(parent, "span", class_=notation), maths, style)


def say(parent: ET.Element, words: Prose) -> None:
    """Add words with formulas in them to an element."""
    for part in words.parts:
        if isinstance(part, Written):
            both(parent, part)
        elif len(parent):
            parent[-1].tail = (parent[-1].tail or "") + clean(part)
        else:
            parent.text = (parent.text or "") + clean(part)


def asset(*names: str) -> str:
    """Return a style sheet or a script of the page, from one file or several."""
    folder = files(__package__).joinpath("assets")
    return "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def digest(content: str) -> str:
    """Name a style sheet or a script by its content, as a Content-Security-Policy does."""
    found = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(found).decode()}'"


def sentence_case(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]
