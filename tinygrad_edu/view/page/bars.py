"""Bars as they stand at first; the page's script moves the same elements by the same rules."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np

from tinygrad_edu.view.draw.dot import clean
from tinygrad_edu.view.draw.formula import number
from tinygrad_edu.view.draw.values import short_text
from tinygrad_edu.view.page.columns import Column

__all__ = ["Bars", "entry_name"]

_HEIGHT = 340  # px, of bars that stand upright
_ROW = 24  # px, of each bar that lies
_GAP = 8  # px, between the rows of a matrix
_MOST_UPRIGHT = 4


class Bars:
    """The bars of one column: upright for a short vector, else one below the other.

    Parameters
    ----------
    column : Column
        What they show.
    places : list of int
        Which entries.
    """

    def __init__(self, column: Column, places: list[int]) -> None:
        self.column, self.places = column, places
        self.values = np.asarray(column.value, float).ravel()
        self.targets = None if column.target is None else np.asarray(column.target, float).ravel()
        self.upright = len(places) <= _MOST_UPRIGHT and np.ndim(column.value) < 2
        self.low, self.high = self._span()
        self.height = _HEIGHT if self.upright else self._top(len(places) - 1) + _ROW + 4.0

    def _span(self) -> tuple[float, float]:
        """Return the least and the most that is drawn, but for what has no end."""
        shown = [self.values[p] for p in self.places]
        if self.targets is not None:
            shown += [self.targets[p] for p in self.places]
        finite = [0.0, *(float(v) for v in shown if math.isfinite(v))]
        low, high = min(finite), max(finite)
        if self.column.part == "given":
            least, most = self.limits
            return min(low, least), max(high, most)
        if self.column.part == "model" and low == 0 and high <= 1:
            return 0.0, 1.0
        return (low, high) if high > low else (0.0, 1.0)

    @property
    def limits(self) -> tuple[float, float]:
        """How far one can drag: at least half as far again as there are numbers."""
        largest = max((abs(v) for v in self.values if math.isfinite(v)), default=0.0)
        room = next(room for room in _rooms() if room >= 1.5 * largest)
        return max(-room, self.column.least), min(room, self.column.most)

    @property
    def ends(self) -> tuple[float, float]:
        """Where the lowest and the highest value stand: px from above, or percent from the left."""
        if self.upright:
            return _HEIGHT - 54.0 if self.low < 0 else _HEIGHT - 32.0, 34.0
        return (46.0 if self.low < 0 else 18.0), 78.0

    def at(self, value: float) -> float:
        """Return where a value stands."""
        start, end = self.ends
        return start + (end - start) * (value - self.low) / (self.high - self.low)

    def draw(self, section: ET.Element, index: int) -> None:
        """Draw them."""
        column = self.column
        low, high = self.limits if column.part == "given" else (self.low, self.high)
        svg = ET.SubElement(
            section,
            "svg",
            {
                "class": "bars upright" if self.upright else "bars lying",
                "width": "100%",
                "height": number(self.height),
                "role": "group",
                "aria-label": clean(column.head.text),
                "data-column": str(index),
                "data-low": repr(low),
                "data-high": repr(high),
            },
        )
        zero = number(self.at(0.0))
        line = {"x1": "0", "x2": "100%", "y1": zero, "y2": zero}
        if not self.upright:
            line = {"x1": f"{zero}%", "x2": f"{zero}%", "y1": "0", "y2": number(self.height)}
        ET.SubElement(svg, "line", {"class": "zero", **line})
        for lane, place in enumerate(self.places):
            self._lane(svg, lane, place)

    def _lane(self, svg: ET.Element, lane: int, place: int) -> None:
        group = ET.SubElement(
            svg,
            "g",
            {
                "class": "lane",
                "data-place": str(place),
                "data-name": entry_name(np.shape(self.column.value), place),
            },
        )
        value = float(self.values[place])
        is_given = self.column.part == "given"
        ET.SubElement(group, "rect", {"class": "hold", **self._box(lane, 0, None)})
        ET.SubElement(group, "rect", {"class": "bar", **self._box(lane, 0.16, value)})
        if self.targets is not None:
            ET.SubElement(
                group, "rect", {"class": "aim", **self._box(lane, 0.08, float(self.targets[place]))}
            )
        if is_given:
            where = self._point(lane, value)
            ET.SubElement(
                group, "circle", {"class": "knob", "r": "10", "cx": where[0], "cy": where[1]}
            )
        ET.SubElement(
            group, "text", {"class": "number", **self._text(lane, value)}
        ).text = short_text(value)
        name = entry_name(np.shape(self.column.value), place)
        spot = self._name(lane)
        ET.SubElement(group, "text", {"class": "name", **spot}).text = name

    def _top(self, lane: int) -> float:
        """Return where a bar that lies begins: the rows of a matrix stand apart."""
        rows = [int(place // np.shape(self.column.value)[-1]) for place in self.places]
        return lane * _ROW + 4 + _GAP * len(set(rows[: lane + 1]) - {rows[0]})

    def _point(self, lane: int, value: float) -> tuple[str, str]:
        across = (lane + 0.5) / len(self.places)
        if self.upright:
            return f"{number(100 * across)}%", number(self.at(value))
        return f"{number(self.at(value))}%", number(self._top(lane) + _ROW / 2)

    def _box(self, lane: int, inset: float, value: float | None) -> dict[str, str]:
        """Return the rectangle from zero to a value, or of the whole lane."""
        if value is not None and not math.isfinite(value):
            value = 0.0
        one, other = self.ends if value is None else (self.at(0.0), self.at(value))
        low, length = number(min(one, other)), number(abs(one - other))
        if self.upright:
            width = 100 / len(self.places)
            return {
                "x": f"{number((lane + inset) * width)}%",
                "width": f"{number((1 - 2 * inset) * width)}%",
                "y": low,
                "height": length,
            }
        return {
            "y": number(self._top(lane) + inset * _ROW),
            "height": number((1 - 2 * inset) * _ROW),
            "x": f"{low}%",
            "width": f"{length}%",
        }

    def _text(self, lane: int, value: float) -> dict[str, str]:
        is_given = self.column.part == "given"
        x, y = self._point(lane, value if math.isfinite(value) else 0.0)
        away = 16 if is_given else 7
        below = value < 0
        if self.upright:
            return {
                "x": x,
                "y": y,
                "dy": str(away + 12 if below else -away),
                "text-anchor": "middle",
            }
        return {
            "x": x,
            "y": y,
            "dx": str(-away if below else away),
            "dy": "6",
            "text-anchor": "end" if below else "start",
        }

    def _name(self, lane: int) -> dict[str, str]:
        if self.upright:
            return {"x": self._point(lane, 0.0)[0], "y": str(_HEIGHT - 6), "text-anchor": "middle"}
        return {"x": "0", "y": self._point(lane, 0.0)[1], "dy": "6", "text-anchor": "start"}


def entry_name(shape: tuple[int, ...], place: int) -> str:
    """Return what an entry is called: its indices, counted from 1."""
    return ",".join(str(i + 1) for i in np.unravel_index(place, shape)) if shape else ""


def _rooms() -> Iterator[float]:
    for power in itertools.count():
        for first in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0):
            yield first * 10.0**power
