"""A drawing by hand: lines, arrows, circles and words at given places, as one SVG document."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.draw.formula import TEXT_SIZES, number, text_width
from tinygrad_edu.view.draw.shapes import add
from tinygrad_edu.view.draw.style import STYLE
from tinygrad_edu.view.draw.svg import document

__all__ = ["Canvas"]

_HEAD = 7.0  # the length of an arrow's head
_SHORTEST = 4.0  # of a short arrow's head, so that it can be seen


class Canvas:
    """An SVG document under construction; y runs downwards, lengths are points.

    Parameters
    ----------
    title
        What stands in its upper left corner, and what a screen reader says.
    style
        Rules beside those of all pictures.

    Examples
    --------
    >>> canvas = Canvas("a line", "")
    >>> canvas.path([(0, 0), (10, 0)], "tg-path")
    >>> canvas.svg(10, 4).startswith('<svg xmlns="http://www.w3.org/2000/svg" class="tg"')
    True
    """

    def __init__(self, title: str, style: str) -> None:
        self.title, self.style = title, style
        self._body = ET.Element("g")
        self._width = 0.0
        self.text(10, 21, title, "tg-title")

    def path(
        self, points: Sequence[tuple[float, float]], kind: str, width: float | None = None
    ) -> None:
        """Draw lines from point to point, of a width of their own or of their kind."""
        places = "L".join(f"{number(x)},{number(y)}" for x, y in points)
        own = {} if width is None else {"stroke-width": number(width)}
        add(self._body, "path", kind, d=f"M{places}", **own)

    def arrow(self, x1: float, x2: float, y: float, kind: str) -> None:
        """Draw a level arrow; a short one is all head."""
        if x1 == x2:
            return
        group = add(self._body, "g", kind)
        length, ahead = abs(x2 - x1), 1 if x2 > x1 else -1
        head = min(_HEAD, max(length, _SHORTEST))
        back = x2 - ahead * head
        if length > head:
            add(group, "path", "tg-stem", d=f"M{number(x1)},{number(y)}H{number(back)}")
        half = head / 2.2
        tip = f"{number(back)},{number(y - half)} {number(x2)},{number(y)} "
        add(group, "polygon", "tg-tip", points=tip + f"{number(back)},{number(y + half)}")

    def circle(self, x: float, y: float, radius: float, kind: str, title: str = "") -> None:
        """Draw a circle; its title shows when one points at it."""
        places = {"cx": number(x), "cy": number(y), "r": number(radius)}
        element = add(self._body, "circle", kind, **places)
        if title:
            ET.SubElement(element, "title").text = clean(title)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        kind: str,
        anchor: str = "start",
        size: float | None = None,
    ) -> float:
        """Write words on the line at y, in a size of their own or of their kind.

        Returns where words that begin at x end, which the document is wide enough for.
        """
        place = {"x": number(x), "y": number(y), "text-anchor": anchor}
        element = add(self._body, "text", kind, **place)
        element.text = clean(words)
        if size is not None:
            element.set("style", f"font-size:{number(size)}px")
        right = x + text_width(words, size or TEXT_SIZES.get(kind.removeprefix("tg-"), 10.0))
        if anchor == "start":
            self._width = max(self._width, right + 10)
        return right

    def notes(self, y: float, notes: Iterable[str]) -> float:
        """Write sentences one below the other; return where the next line would be."""
        for note in notes:
            self.text(10, y, note, "tg-note")
            y += 14
        return y

    def svg(self, width: float, height: float) -> str:
        """Return the document, of this size, or as wide as what is written in it."""
        size = max(width, self._width), height
        return document(self.title, self._body, {}, "", size, style=STYLE + self.style)
