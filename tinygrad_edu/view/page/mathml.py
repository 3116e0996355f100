"""Formulas as MathML, which a browser sets in type, and how wide they are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from functools import lru_cache

from tinygrad_edu.view.draw.formula import find_ziamath, is_understood, keep_words

__all__ = ["formula_width", "mathml"]


def mathml(latex: str) -> ET.Element | None:
    r"""Return a formula as native MathML, or None where ``typeset`` could not set it either.

    Examples
    --------
    >>> mathml(r"\frac{a}{s}")[0][0].tag
    'mfrac'
    """
    if not latex.strip() or find_ziamath() is None or _odd_name(latex):
        return None
    found = _mathml(latex)
    return None if found is None else ET.fromstring(found)


def formula_width(latex: str) -> float:
    r"""Return roughly how wide a formula is as MathML, in ems; 0 where it cannot be set.

    Setting it in type would tell exactly, and takes a hundred times as long.

    Examples
    --------
    >>> formula_width("a") < formula_width(r"\frac{a}{s}") < formula_width(r"a - y") < 4
    True
    """
    return _ems(latex) if find_ziamath() else 0.0


@lru_cache(maxsize=4096)
def _ems(latex: str) -> float:
    found = mathml(latex)
    return 0.0 if found is None else _width(found)


def _width(element: ET.Element) -> float:
    tag, text = element.tag, element.text or ""
    inside = [_width(child) for child in element]
    if tag == "mfrac":
        return max(inside) + 0.2
    if tag in {"msub", "msup", "msubsup"}:
        return inside[0] + 0.7 * max(inside[1:])
    if tag == "mtable":
        rows = [[_width(cell) for cell in row] for row in element]
        return sum((max(column) + 1.0 for column in zip(*rows, strict=True)), 0.0)
    if tag == "mo":
        return {",": 0.5, "∑": 1.7}.get(text, 0.6 if text in "()[]" else 1.25)
    if tag == "msqrt":
        return sum(inside) + 0.9
    return 0.53 * len(text) + sum(inside)


_UPRIGHT = re.compile(r"\\mathrm\{((?:[^{}]|\{\})*)\}")


def _odd_name(latex: str) -> bool:
    """Whether a name is no word: it is better read as text than set letter by letter."""
    return any(not re.fullmatch(r"\w(?:\w|\\_)*", name) for name in _UPRIGHT.findall(latex))


def _words(latex: str) -> str:
    """Keep an upright word in one piece; MathML would have it as so many letters."""
    return _UPRIGHT.sub(lambda name: rf"\text{{{name[1].replace(chr(92) + '_', '_')}}}", latex)


@lru_cache(maxsize=4096)
def _mathml(latex: str) -> str | None:
    from latex2mathml.converter import convert  # comes with ziamath

    try:
        root = ET.fromstring(convert(_words(keep_words(latex))))
    except Exception:
        # As in ``_typeset``: the parser raises whatever comes, and readable text stands in.
        return None
    if not is_understood(root):
        return None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for place, child in enumerate(element):  # a row of one is no row
            while child.tag.endswith("mrow") and len(child) == 1 and element is not root:
                child = element[place] = child[0]
        if element.tag == "mo" and (element.text or "") in "()[]":
            element.attrib = {}  # what it says there is what a parenthesis does anyway
        if element.tag == "mo" and element.text == ",":
            element.set("rspace", "0.35em")
    root.attrib = {}
    return ET.tostring(root, encoding="unicode")
