"""The shapes of a picture as SVG elements."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from .formula import number
from .kinds import LOOKS
from .model import VertexKind

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


def draw_shape(parent: ET.Element, kind: VertexKind, box: Box) -> None:
    """Draw the outline of a vertex of a kind."""
    look, cut = LOOKS[kind], min(_CORNER, 0.28 * box.height)
    if look.shape == "hexagon":
        _cut_off(parent, box, [(cut, box.height / 2)] * 4)
    elif look.shape == "octagon":
        _cut_off(parent, box, [(cut, cut)] * 4)
    elif look.shape == "note":
        x, side = number(box.right - cut), number(cut)
        fold = f"M{x},{number(box.top)}v{side}h{side}"
        _cut_off(parent, box, [(0, 0), (cut, cut), (0, 0), (0, 0)], fold)
    else:
        radius = min(10, box.height / 2) if look.is_round else 0
        rectangle(parent, "tg-shape", box, radius)
    if look.has_two_borders:
        rectangle(parent, "tg-inner", shrunk(box, 2.5), radius - 2.5)


def _cut_off(
    parent: ET.Element, box: Box, cuts: Sequence[tuple[float, float]], more: str = ""
) -> None:
    """Draw a box whose corners, from the upper left one on, are cut off by so much each."""
    points: list[tuple[float, float]] = []
    sides = (
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
    )
    for place, ((x, y), (across, down)) in enumerate(zip(sides, cuts, strict=True)):
        inward = x + (across if x == box.left else -across), y
        along = x, y + (down if y == box.top else -down)
        points += [along, inward] if place % 2 == 0 else [inward, along]
    path = "L".join(f"{number(x)},{number(y)}" for x, y in dict.fromkeys(points))
    add(parent, "path", "tg-shape", d=f"M{path}Z{more}")


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
