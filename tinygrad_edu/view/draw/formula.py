"""Formulas as glyph outlines, and how much room a label takes.

A formula is set by ziamath into outlines of known size, so that it looks the same in every viewer
and needs no font there. Each outline is kept once, named by what it looks like, and placed by
``<use>``; its id is made unique to a picture by a prefix that the picture chooses.
"""

from __future__ import annotations

import hashlib
import re
import threading
import unicodedata
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from types import ModuleType
from typing import Any

from .dot import clean

__all__ = ["Formula", "Label", "find_ziamath", "is_understood", "keep_words", "label"]
__all__ += ["text_width", "typeset"]

FORMULA_SIZE = 16.0
# Font sizes of the sorts of text; the style sheet of a picture says the same.
TEXT_SIZES = {
    "text": 13.0,
    "title": 15.0,
    "caption": 13.0,
    "group": 11.5,
    "edge": 10.5,
    "sign": 13.0,
    "line": 10.0,
    "corner": 10.0,
    "gradient": 10.0,
    "note": 10.5,
    "legend": 9.5,
}
LINE_HEIGHT = 1.28
FORMULA_GAP = 3.0
_LEAST_HEIGHT = 0.6


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula set in type, in points, with its origin at the left end of the baseline.

    ``height`` reaches above the baseline and ``depth`` below it. ``parts`` are the glyphs, as
    ``<use>`` of an outline by its name, and the bars of fractions and roots.

    Examples
    --------
    >>> formula = typeset("e^{z}")
    >>> 0 < formula.width < 2 * 16, len(formula.parts), len(formula.outlines)
    (True, 2, 2)
    """

    width: float
    height: float
    depth: float
    left: float
    parts: tuple[ET.Element, ...]
    outlines: dict[str, str]

    @property
    def total_height(self) -> float:
        """Height above and depth below the baseline."""
        return self.height + self.depth

    def element(self, left: float, top: float, prefix: str = "") -> ET.Element:
        """Return the formula as a ``<g>`` with its upper left corner at the given place.

        It refers to outlines by ``prefix`` and name; ``define`` writes them.
        """
        place = f"translate({number(left - self.left)} {number(top + self.height)})"
        group = ET.Element("g", {"class": "tg-formula", "fill": "currentColor", "transform": place})
        for part in self.parts:
            drawn = ET.SubElement(group, part.tag, part.attrib)
            if part.tag == "use":
                drawn.set("href", f"#{prefix}{part.get('href')}")
        return group


def define(parent: ET.Element, outlines: dict[str, str], prefix: str = "") -> None:
    """Write outlines, in the order of their names, so that ``<use>`` finds them."""
    for name in sorted(outlines):
        ET.SubElement(parent, "path", {"id": prefix + name, "d": outlines[name]})


def number(value: float) -> str:
    """Write a length as briefly as a hundredth of a point allows.

    Examples
    --------
    >>> number(12.0), number(-0.001), number(1 / 3)
    ('12', '0', '0.33')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def typeset(latex: str, size: float = FORMULA_SIZE) -> Formula | None:
    r"""Set a formula in type.

    Returns
    -------
    Formula or None
        None where there is no formula, where ziamath is not installed, and where ziamath cannot
        set the formula; the caller then shows readable text instead.

    Examples
    --------
    >>> typeset(r"\frac{a}{s}").depth > 0
    True
    >>> typeset(r"\frac{a") is None
    True
    """
    if not latex.strip():
        return None
    ziamath = find_ziamath()
    return None if ziamath is None else _typeset(latex, size)


#: Python's filters of warnings belong to the whole program: while one thread has changed them, no
#: other may take the change for what was there before.
_one_at_a_time = threading.Lock()


def find_ziamath() -> ModuleType | None:
    """Return the package that sets formulas, or None where it is not installed."""
    try:
        with _one_at_a_time, warnings.catch_warnings():
            # ziamath loads its font through an importlib function that Python deprecates.
            warnings.simplefilter("ignore", DeprecationWarning)
            import ziamath

            _measure_rows_once()
    except ImportError:
        return None
    return ziamath


@cache
def _measure_rows_once() -> None:
    """Let a row of ziamath not measure its rows for what measures it.

    To know how high its brackets are, a row sets all in it once more, and each row in it does the
    same: a formula took twice as long for each row in a row. What is set to be measured leaves
    brackets out, so that it need not know their height.
    """
    from ziamath.nodes.mrow import Mrow

    class Row(Mrow, tag="mrow"):
        def _get_height_nostretch(self, line: Any, **options: Any) -> Any:
            if "nostretch" in options:
                return options.get("rowymin", 0), options.get("rowymax", 0)
            return super()._get_height_nostretch(line, **options)


@lru_cache(maxsize=4096)
def _typeset(latex: str, size: float) -> Formula | None:
    ziamath = find_ziamath()
    assert ziamath is not None
    try:
        mathml = ET.fromstring(ziamath.zmath.tex2mml(keep_words(latex)))
        if not is_understood(mathml):
            return None
        _keep_big_operators_big(mathml)
        node = ziamath.Math(mathml, size=size).node
        drawing = ET.Element("svg")
        node.draw(0, 0, drawing)
        return _formula(node.bbox, drawing)
    except Exception:
        # ziamath and its parser raise whatever comes (AssertionError, KeyError, ParseError, …)
        # on a formula they cannot set. A picture with the readable text is better than none.
        return None


def keep_words(latex: str) -> str:
    """Keep a hyphen or a space within a function's name: ziamath takes it for mathematics."""

    def text(match: re.Match[str]) -> str:
        return rf"\text{{{match[1].replace(chr(92) + '_', '_')}}}"

    return re.sub(r"\\operatorname\{([^{}\\]*(?:[^A-Za-z{}\\]|\\_)[^{}\\]*)\}", text, latex)


def is_understood(mathml: ET.Element) -> bool:
    """Whether no LaTeX command was left over as text."""
    return not any(re.match(r"\\[A-Za-z]", element.text or "") for element in mathml.iter())


def _keep_big_operators_big(mathml: ET.Element) -> None:
    """Say that a Σ does not stretch, or ziamath makes the brackets around it a page high."""
    for element in mathml.iter():
        if element.tag.endswith("mo") and (element.text or "") in "∑∏∐∫∬∭∮⋂⋃⨁⨂":
            element.set("stretchy", "false")


def _formula(bbox: object, drawing: ET.Element) -> Formula | None:
    left, right, low, high = (getattr(bbox, name) for name in ("xmin", "xmax", "ymin", "ymax"))
    symbols = {each.get("id", ""): each for each in drawing if each.tag == "symbol"}
    if any(name.endswith("_0") for name in symbols):
        return None  # the font's sign for "no such character"
    outlines: dict[str, str] = {}
    glyphs: list[ET.Element] = []
    strokes: list[ET.Element] = []
    for element in drawing:
        if element.tag == "use":
            symbol = symbols[element.get("href", "")[1:]]
            outline = "".join(_short_path(path.get("d", "")) for path in symbol.iter("path"))
            if outline:
                name = hashlib.sha256(outline.encode()).hexdigest()[:8]
                outlines[name] = outline
                place = {"href": name, "transform": _placed(element, symbol)}
                glyphs.append(ET.Element("use", place))
        elif element.tag != "symbol":
            for colour in ("fill", "stroke"):
                if element.get(colour, "none") != "none":
                    element.set(colour, "currentColor")
            strokes.append(element)
    return Formula(right - left, high, -low, left, (*glyphs, *strokes), outlines)


def _placed(use: ET.Element, symbol: ET.Element) -> str:
    """Undo the fitting of a symbol's box into the rectangle of its use."""
    box_x, box_y, _, box_height = map(float, symbol.get("viewBox", "").split())
    x, y, height = (float(use.get(key, "0")) for key in ("x", "y", "height"))
    scale = height / box_height
    move = f"{number(x - box_x * scale)} {number(y - box_y * scale)}"
    return f"translate({move})scale({number(scale)})"


def _short_path(path: str) -> str:
    """Leave out the spaces that SVG does not need, and lines to where the pen already is."""
    path = re.sub(r"M (\S+ \S+) L \1 ", r"M \1 ", path)
    return re.sub(r" ?([A-Z]) ?", r"\1", path).replace(" -", "-").strip()


# Widths in ems of the widest common screen face (DejaVu Sans), rounded up: a label measured so
# fits its box in Helvetica, Arial and Times as well, whichever the viewer has.
_WIDTH_OF = {
    character: width
    for width, characters in {
        0.3: "'ijlIJ",
        0.36: " ,./:;\\|f-",
        0.42: "()[]t!r",
        0.5: '"*_`–·ₖⱼᵢ₀₁₂₃₄₅₆₇₈₉²³ᵀ′',
        0.56: "sz?cL",
        0.63: "FkvxyPTYaoe",
        0.67: "ESbdghnpqu$0123456789{}Kαβγδεζηθικλμνξοπρστυφχψ",
        0.76: "AVBRXZCUHN",
        0.88: "DG&OQw#+<=>^~M−×≤≥≠≈±∂∑",
        1.0: "%mW@",
    }.items()
    for character in characters
}


def text_width(text: str, size: float) -> float:
    """Return a width, in points, that a line of sans-serif text of this size does not exceed.

    Examples
    --------
    >>> text_width("ill", 10) < text_width("WWW", 10) < text_width("中文字", 10)
    True
    """
    return size * sum(map(_character_width, text))


@lru_cache(maxsize=1024)
def _character_width(character: str) -> float:
    if character in _WIDTH_OF:
        return _WIDTH_OF[character]
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05 if ord(character) < 0x1F000 else 1.4
    return 1.02


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a label: a formula, or text of a role (a key of ``TEXT_SIZES``)."""

    width: float
    height: float
    role: str
    content: str | Formula


@dataclass(frozen=True, slots=True)
class Label:
    """Rows one below the other."""

    rows: tuple[Row, ...]

    @property
    def width(self) -> float:
        """Width of the widest row."""
        return max((row.width for row in self.rows), default=0.0)

    @property
    def height(self) -> float:
        """Height of all rows and of the gaps between a formula and its neighbours."""
        return sum(row.height for row in self.rows) + sum(self._gaps())

    def _gaps(self) -> list[float]:
        """Return the room above each row: text brings its own leading, a formula has none."""
        pairs = pairwise(row.role for row in self.rows)
        return [0.0, *(FORMULA_GAP if "formula" in pair else 0.0 for pair in pairs)]

    def draw(self, parent: ET.Element, x: float, top: float, anchor: str, prefix: str) -> None:
        """Draw the rows into ``parent``; ``x`` is their "middle" or their "start"."""
        for gap, row in zip(self._gaps(), self.rows, strict=False):
            top += gap
            if isinstance(row.content, Formula):
                left = x - row.width / 2 if anchor == "middle" else x
                above = (row.height - row.content.total_height) / 2
                parent.append(row.content.element(left, top + above, prefix))
            else:
                place = {"x": number(x), "y": number(top + TEXT_SIZES[row.role])}
                text = ET.SubElement(parent, "text", {"class": f"tg-{row.role}", **place})
                if anchor == "middle":
                    text.set("text-anchor", "middle")
                text.text = row.content
            top += row.height


def outlines(labels: Iterable[Label]) -> dict[str, str]:
    """Return the glyph outlines that labels need, by name."""
    contents = [row.content for each in labels for row in each.rows]
    formulas = (content for content in contents if isinstance(content, Formula))
    return {name: outline for formula in formulas for name, outline in formula.outlines.items()}


def label(
    formula: str,
    text: str,
    lines: Sequence[str] = (),
    gradient_lines: Sequence[str] = (),
    *,
    role: str = "text",
    size: float = FORMULA_SIZE,
    both: bool = False,
) -> Label:
    r"""Measure a label: the formula (or the text where it cannot be set), then further lines.

    Parameters
    ----------
    formula, text, lines, gradient_lines
        As in a vertex of a model. Line breaks in a text begin a new row.
    role
        The role of ``text``.
    size
        The size of the formula.
    both
        Show the text above the formula instead of in its place.

    Examples
    --------
    >>> [row.role for row in label("e^{z}", "exp(z)", ("(3,)",)).rows]
    ['formula', 'line']
    >>> [row.role for row in label("", "exp(z)", ("(3,)",)).rows]
    ['text', 'line']
    """
    set_formula = typeset(formula, size)
    rows: list[Row] = []
    if set_formula is None or both:
        readable = text if set_formula is not None else (text or formula)
        rows += _text_rows(readable, role)
        if set_formula is None and both and text and formula:
            rows += _text_rows(formula, "line")
    if set_formula is not None:
        # A minus alone is flat: it gets the room that a letter takes.
        height = max(set_formula.total_height, _LEAST_HEIGHT * size)
        rows.append(Row(set_formula.width, height, "formula", set_formula))
    for line in lines:
        rows += _text_rows(line, "line")
    for line in gradient_lines:
        rows += _text_rows(line, "gradient")
    return Label(tuple(rows))


def _text_rows(text: str, role: str) -> list[Row]:
    size = TEXT_SIZES[role]
    return [
        Row(text_width(line, size), size * LINE_HEIGHT, role, line)
        for line in (clean(text).split("\n") if text else ())
    ]
