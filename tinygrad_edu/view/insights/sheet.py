"""A drawing by hand: lines, arrows, circles and words at given places, as one SVG document."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from tinygrad_edu.saving import save
from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.draw.formula import number
from tinygrad_edu.view.draw.shapes import add
from tinygrad_edu.view.draw.style import STYLE

__all__ = ["Drawing", "Sheet"]


class Sheet:
    """An SVG document under construction; y runs downwards, lengths are points.

    Parameters
    ----------
    title
        What a screen reader says.
    style
        Rules beside those of all pictures.

    Examples
    --------
    >>> sheet = Sheet("a line", "")
    >>> sheet.line(0, 0, 10, 0, "tg-path")
    >>> sheet.svg(10, 4).startswith('<svg xmlns="http://www.w3.org/2000/svg" class="tg"')
    True
    """

    def __init__(self, title: str, style: str) -> None:
        self.title, self.style = clean(title), style
        self._body = ET.Element("g")

    def line(
        self, x1: float, y1: float, x2: float, y2: float, kind: str, width: float | None = None
    ) -> None:
        """Draw a straight line, of a width of its own or of its kind."""
        self.path([(x1, y1), (x2, y2)], kind, width)

    def path(
        self, points: Sequence[tuple[float, float]], kind: str, width: float | None = None
    ) -> None:
        """Draw lines from point to point."""
        places = "L".join(f"{number(x)},{number(y)}" for x, y in points)
        own = {} if width is None else {"stroke-width": number(width)}
        add(self._body, "path", kind, d=f"M{places}", **own)

    def arrow(self, x1: float, x2: float, y: float, kind: str) -> None:
        """Draw a level arrow; a short one is all head."""
        length = abs(x2 - x1)
        if length < 0.5:
            return
        group = add(self._body, "g", kind)
        head = min(7.0, length)
        back = x2 - head if x2 > x1 else x2 + head
        if length > head:
            add(group, "path", "tg-stem", d=f"M{number(x1)},{number(y)}H{number(back)}")
        half = head / 2.2
        tip = f"{number(back)},{number(y - half)} {number(x2)},{number(y)} "
        add(group, "polygon", "tg-tip", points=tip + f"{number(back)},{number(y + half)}")

    def bar(self, x1: float, x2: float, y: float, kind: str) -> None:
        """Draw a level bar with an upright stroke at each end."""
        group = add(self._body, "g", kind)
        strokes = "".join(f"M{number(x)},{number(y - 3)}v6" for x in (x1, x2))
        add(group, "path", "tg-bar", d=f"M{number(x1)},{number(y)}H{number(x2)}{strokes}")

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
    ) -> None:
        """Write words on the line at y, in a size of their own or of their kind."""
        place = {"x": number(x), "y": number(y), "text-anchor": anchor}
        element = add(self._body, "text", kind, **place)
        element.text = clean(words)
        if size is not None:
            element.set("style", f"font-size:{number(size)}px")

    def svg(self, width: float, height: float) -> str:
        """Return the document, of this size."""
        size = {"width": f"{number(width)}pt", "height": f"{number(height)}pt"}
        root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": "tg",
                "role": "img",
                "aria-label": self.title,
                **size,
                "viewBox": f"0 0 {number(width)} {number(height)}",
                "xml:space": "preserve",
            },
        )
        ET.SubElement(root, "title").text = self.title
        ET.SubElement(root, "style").text = STYLE + self.style
        root.append(self._body)
        return ET.tostring(root, encoding="unicode") + "\n"


class Drawing(ABC):
    """What a notebook shows as a drawing, and what can be saved as one."""

    @abstractmethod
    def svg(self) -> str:
        """Return the drawing as one self-contained SVG document."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to an SVG file and return its path.

        Raises
        ------
        ValueError
            For an ending other than ``.svg``.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise ValueError(f"A drawing is saved as .svg, not as {path.name!r}.")
        return save(path, self.svg())

    def _repr_svg_(self) -> str:
        return self.svg()
