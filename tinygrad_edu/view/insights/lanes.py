"""The drawing of forces: a weight on its spring, and below it the forces, head to tail."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tinygrad_edu.view.draw.formula import TEXT_SIZES, text_width
from tinygrad_edu.view.draw.style import colour
from tinygrad_edu.view.draw.values import number_text
from tinygrad_edu.view.insights.sheet import Sheet

__all__ = ["Lanes", "draw_lanes"]


@dataclass(frozen=True, slots=True)
class Lanes:
    """One weight: what it is called, its value, its forces with their sum last, and in words."""

    label: str
    weight: float
    forces: tuple[float, ...]
    numbers: tuple[str, ...]


_COLOURS = {"data": "forward", "spring": "backward", "push": "matched", "penalty": "cancelled"}
_STYLE = "".join(
    (
        *(f".tg-{kind}{{{colour('color', role)}}}" for kind, role in _COLOURS.items()),
        ".tg text.tg-number{fill:currentColor;font-size:10px}",
        ".tg text.tg-strong{font-weight:bold}",
        ".tg-stem{fill:none;stroke:currentColor;stroke-width:2.4}",
        ".tg-tip{fill:currentColor}",
        ".tg-total>.tg-stem{stroke-width:3.2}",
        ".tg-level{stroke:currentColor;stroke-opacity:.22}",
        ".tg-zero{stroke:currentColor;stroke-opacity:.45;stroke-dasharray:2 3}",
        ".tg-bar{fill:none;stroke:currentColor;stroke-width:1.4;stroke-opacity:.75}",
        ".tg-joint{stroke:currentColor;stroke-opacity:.4;stroke-dasharray:1.5 1.5}",
        ".tg-coil{fill:none;stroke:currentColor;stroke-width:1.3;stroke-linejoin:round}",
        ".tg-weight{fill:currentColor}",
    )
)
_WEIGHT, _FORCE = 150.0, 100.0  # lengths of the largest weight and of the strongest force
_LANE = 9.0  # from one force to the next below it
_ABOVE = 14.0  # from the top of a row to its weight
_COLUMN = 72.0
_MARGIN = 10.0
_TOP = 62.0
_COILS = 9
_WORDS = {
    "data": "data",
    "spring": "spring",
    "push": "ℓ1 push",
    "penalty": "penalty",
    "total": "= sum",
}


def draw_lanes(
    rows: Sequence[Lanes],
    columns: Sequence[tuple[str, str]],
    notes: Sequence[str],
    gate: float = 0.0,
) -> str:
    """Return the drawing as an SVG document.

    Weights share one scale, and forces another. Columns are the kind and the formula of each
    force, the sum last. Where a weight is 0, a bar shows from where to where the push can be:
    from minus to plus `gate`.
    """
    sheet = Sheet("Forces on the weights", _STYLE)
    scale = _FORCE / _largest(force for row in rows for force in row.forces)
    stretch = _WEIGHT / _largest(row.weight for row in rows)
    joints = [_joints(row, stretch, scale) for row in rows]
    reached = [0.0, *(x for places in joints for x in places)]
    if gate and any(row.weight == 0 for row in rows):
        reached += [-gate * scale, gate * scale]
    labels = max((text_width(row.label, TEXT_SIZES["text"]) for row in rows), default=0.0)
    zero = _MARGIN + labels + 24 - min(reached)
    right = zero + max(reached) + 24
    height = _ABOVE + _LANE * (len(columns) + 1)
    sheet.text(_MARGIN, 21, sheet.title, "tg-title")
    _headings(sheet, columns, right)
    sheet.text(zero, _TOP - 18, "0", "tg-line", "middle")
    sheet.line(zero, _TOP - 13, zero, _TOP + height * len(rows) - 4, "tg-zero")
    kinds = [kind for kind, _ in columns]
    for number, (row, places) in enumerate(zip(rows, joints, strict=True)):
        y = _TOP + number * height + _ABOVE
        _weight(sheet, row, zero, [zero + x for x in places], y, "spring" in kinds)
        _forces(sheet, kinds, [zero + x for x in places], y)
        if gate and row.weight == 0:
            lane = y + _LANE * (kinds.index("push") + 1)
            sheet.bar(zero - gate * scale, zero + gate * scale, lane, "tg-push")
        _numbers(sheet, row, kinds, right, y)
    y = _TOP + height * len(rows) + 12
    for note in notes:
        sheet.text(_MARGIN, y, note, "tg-note")
        y += 14
    widest = max((text_width(note, TEXT_SIZES["note"]) for note in notes), default=0.0)
    width = max(right + _COLUMN * len(columns), widest + _MARGIN)
    return sheet.svg(width + _MARGIN, y)


def _joints(row: Lanes, weight_scale: float, force_scale: float) -> list[float]:
    """Return where a weight stands, and where each force ends when they are put head to tail.

    The last is the sum, which begins at the weight. What is not finite has no length.
    """
    start = _length(row.weight, weight_scale)
    *forces, total = (_length(force, force_scale) for force in row.forces)
    return [*itertools.accumulate(forces, initial=start), start + total]


def _length(value: float, scale: float) -> float:
    return value * scale if math.isfinite(value) else 0.0


def _largest(values: Iterable[float]) -> float:
    """Return the largest finite magnitude, or 1 where all are 0."""
    return max((abs(value) for value in values if math.isfinite(value)), default=0.0) or 1.0


def _headings(sheet: Sheet, columns: Sequence[tuple[str, str]], right: float) -> None:
    for number, (kind, formula) in enumerate(columns):
        x = right + _COLUMN * (number + 1) - 8
        sheet.text(x, _TOP - 31, _WORDS[kind], f"tg-number tg-strong tg-{kind}", "end")
        sheet.text(x, _TOP - 18, formula, f"tg-number tg-{kind}", "end")


def _weight(
    sheet: Sheet, row: Lanes, zero: float, places: Sequence[float], y: float, spring: bool
) -> None:
    start, number = places[0], number_text(row.weight)
    sheet.text(_MARGIN, y + 4, row.label, "tg-text")
    sheet.line(min([*places, zero]), y, max([*places, zero]), y, "tg-level")
    if spring:
        _coil(sheet, zero, start, y)
    sheet.circle(start, y, 4.5, "tg-weight", f"{row.label} = {number}")
    side = -1 if row.weight < 0 else 1
    sheet.text(start + side * 8, y - 5, number, "tg-line", _anchor(side))


def _forces(sheet: Sheet, kinds: Sequence[str], places: Sequence[float], y: float) -> None:
    lane = y
    for number, kind in enumerate(kinds[:-1]):
        sheet.line(places[number], lane, places[number], lane + _LANE, "tg-joint")
        lane += _LANE
        sheet.arrow(places[number], places[number + 1], lane, f"tg-{kind}")
    sheet.line(places[-1], lane, places[-1], lane + _LANE, "tg-joint")
    sheet.line(places[0], y, places[0], lane + _LANE, "tg-joint")
    sheet.arrow(places[0], places[-1], lane + _LANE, "tg-total")


def _numbers(sheet: Sheet, row: Lanes, kinds: Sequence[str], right: float, y: float) -> None:
    for number, (kind, written) in enumerate(zip(kinds, row.numbers, strict=True)):
        style = f"tg-number tg-{kind}" + (" tg-strong" if kind == "total" else "")
        sheet.text(right + _COLUMN * (number + 1) - 8, y + 4, written, style, "end")


def _anchor(side: int) -> str:
    return "start" if side > 0 else "end"


def _coil(sheet: Sheet, start: float, end: float, y: float) -> None:
    """Draw a spring from the origin to a weight; a short one is a line."""
    length = end - start
    if abs(length) < 2 * _COILS:
        sheet.path([(start, y), (end, y)], "tg-coil tg-spring")
        return
    straight = 0.08 * length
    step = (length - 2 * straight) / (2 * _COILS)
    bends = [
        (start + straight + step * (number + 0.5), y + (4 if number % 2 else -4))
        for number in range(2 * _COILS)
    ]
    points = [(start, y), (start + straight, y), *bends, (end - straight, y), (end, y)]
    sheet.path(points, "tg-coil tg-spring")
