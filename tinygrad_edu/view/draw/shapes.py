"""The shapes of a picture as SVG elements."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from .formula import number

__all__ = ["Box", "add", "draw_shape", "kind_class", "rectangle", "shrunk", "strike"]

_CORNER = 7.0


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, y downwards."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Right border."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower border."""
        return self.top + self.height

    @property
    def centre(self) -> tuple[float, float]:
        """Point in the middle."""
        return self.left + self.width / 2, self.top + self.height / 2


def kind_class(kind: str) -> str:
    """Return the class of a kind of vertex; that of a text is called tg-gradient already."""
    return "tg-gradients" if kind == "gradient" else f"tg-{kind.replace(' ', '-')}"


def draw_shape(parent: ET.Element, kind: str, box: Box) -> None:
    """Draw the outline of a vertex of a kind."""
    if kind == "part":
        rectangle(parent, "tg-shape", box, min(10, box.height / 2))
        rectangle(parent, "tg-inner", shrunk(box, 2.5), min(7.5, box.height / 2 - 2.5))
        return
    if kind in {"op", "value", "gradient op"}:
        radius = 0 if kind == "value" else min(10, box.height / 2)
        rectangle(parent, "tg-shape", box, radius)
        return
    path = "M" + "L".join(f"{number(x)},{number(y)}" for x, y in _outline(kind, box)) + "Z"
    if kind == "constant":
        x, y = box.right, box.top
        cut = number(_corner(box))
        path += f"M{number(x - _corner(box))},{number(y)}v{cut}h{cut}"
    add(parent, "path", "tg-shape", d=path)


def _corner(box: Box) -> float:
    return min(_CORNER, 0.28 * box.height)


def _outline(kind: str, box: Box) -> Sequence[tuple[float, float]]:
    left, right, top, bottom, cut = box.left, box.right, box.top, box.bottom, _corner(box)
    if kind == "parameter":
        y = box.centre[1]
        upper = [(left, y), (left + cut, top), (right - cut, top)]
        return [*upper, (right, y), (right - cut, bottom), (left + cut, bottom)]
    if kind == "constant":
        return [
            (left, top),
            (right - cut, top),
            (right, top + cut),
            (right, bottom),
            (left, bottom),
        ]
    upper = [(left, top + cut), (left + cut, top), (right - cut, top), (right, top + cut)]
    lower = [
        (right, bottom - cut),
        (right - cut, bottom),
        (left + cut, bottom),
        (left, bottom - cut),
    ]
    return [*upper, *lower]


def add(parent: ET.Element, tag: str, style: str, **attributes: str) -> ET.Element:
    """Add an element of a class."""
    return ET.SubElement(parent, tag, {"class": style, **attributes})


def shrunk(box: Box, by: float) -> Box:
    """Return a box that is smaller by as much on each side."""
    return Box(box.left + by, box.top + by, box.width - 2 * by, box.height - 2 * by)


def rectangle(parent: ET.Element, style: str, box: Box, radius: float = 0) -> None:
    """Draw a rectangle."""
    corner = {"rx": number(radius)} if radius else {}
    places = (box.left, box.top, box.width, box.height)
    sides = dict(zip(("x", "y", "width", "height"), map(number, places), strict=True))
    add(parent, "rect", style, **sides, **corner)


def strike(parent: ET.Element, box: Box) -> None:
    """Draw a stroke from corner to corner."""
    line = f"M{number(box.left)},{number(box.bottom)}L{number(box.right)},{number(box.top)}"
    add(parent, "path", "tg-strike", d=line)
