"""What stands below a picture: notes, and what its shapes, lines and marks mean."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from .dot import clean
from .formula import TEXT_SIZES, label, number, text_width
from .model import LegendKind, Model
from .shapes import Box, add, draw_shape, kind_class, rectangle, strike

__all__ = ["draw_below"]

_SAMPLE = (24.0, 13.0)
_GAP = 6.0  # between a sample and its meaning
_NEXT = 18.0  # between a meaning and the next sample
_ROW = 16.0
_WIDEST = 640.0  # where a row ends, unless the picture is wider


def draw_below(
    body: ET.Element, model: Model, left: float, top: float, room: float
) -> tuple[float, float]:
    """Draw notes and legend at a place, within `room` if possible; return width and height."""
    width, start = 0.0, top
    for note in model.notes:
        content = label("", note, role="note")
        content.draw(body, left, top, "start", "")
        width, top = max(width, content.width), top + content.height
    x = left
    top += 5 if model.notes and model.legend else 0
    for kind, meaning in model.legend:
        wide = _SAMPLE[0] + _GAP + text_width(meaning, TEXT_SIZES["legend"])
        if x > left and x + wide > left + max(room, _WIDEST):
            x, top = left, top + _ROW
        _entry(body, kind, meaning, x, top)
        x += wide + _NEXT
        width = max(width, x - _NEXT - left)
    return width, top - start + (_ROW if model.legend else 0)


def _entry(body: ET.Element, kind: LegendKind, meaning: str, x: float, top: float) -> None:
    box = Box(x, top, *_SAMPLE)
    middle = number(box.centre[1])
    if kind == "forward" or kind == "backward":
        line = add(body, "g", f"tg-{kind}")
        tip = box.right
        add(line, "path", "tg-path", d=f"M{number(x)},{middle}H{number(tip - 6)}")
        arrow = f"{number(tip - 7)},{number(top + 3.5)} {number(tip)},{middle} "
        add(line, "polygon", "tg-head", points=arrow + f"{number(tip - 7)},{number(top + 9.5)}")
    elif kind == "matched":
        rectangle(body, "tg-outline", Box(x + 2, top + 1, 20, 11), radius=5)
    elif kind == "cancelled":
        strike(body, Box(x + 4, top + 1, 16, 11))
    else:
        draw_shape(add(body, "g", kind_class(kind)), kind, Box(x + 1, top, 22, _SAMPLE[1]))
    place = {"x": number(box.right + _GAP), "y": number(top + 9.8)}
    add(body, "text", "tg-legend", **place).text = clean(meaning)
