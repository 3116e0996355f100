"""Bars as they stand at first; the page's script moves the same elements by the same rules."""

from __future__ import annotations

import itertools
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import numpy as np

from tinygrad_edu.view.draw.formula import number
from tinygrad_edu.view.draw.values import short_text
from tinygrad_edu.view.page.columns import Column
from tinygrad_edu.view.page.markup import add, element

__all__ = ["Bars", "entry_name"]

_HEIGHT = 340  # px, of bars that stand upright
_ROW = 24  # px, of each bar that lies
_GAP = 8  # px, between the rows of a matrix
_MOST_UPRIGHT = 4


class Bars:
    """The bars of one column: upright for a short vector, else one below the other.

    A value stands at a place along its bar, in px from above or in percent from the left; bars
    follow each other across.

    Parameters
    ----------
    column : Column
        What they show.
    places : list of int
        Which entries.
    """

    def __init__(self, column: Column, places: list[int]) -> None:
        self.column, self.places = column, places
        self.is_given = column.part == "given"
        self.values = np.asarray(column.value, float).ravel()
        self.targets = None if column.target is None else np.asarray(column.target, float).ravel()
        self.upright = len(places) <= _MOST_UPRIGHT and np.ndim(column.value) < 2
        self.low, self.high = self._span()
        self.height = _HEIGHT if self.upright else self._top(len(places) - 1) + _ROW + 4.0

    def _span(self) -> tuple[float, float]:
        """Return the least and the most that is drawn, but for what has no end."""
        shown = [
            array[p]
            for array in (self.values, self.targets)
            if array is not None
            for p in self.places
        ]
        finite = [0.0, *(float(v) for v in shown if math.isfinite(v))]
        low, high = min(finite), max(finite)
        if self.is_given:
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
        """Where the lowest and the highest value stand."""
        if self.upright:
            return _HEIGHT - 54.0 if self.low < 0 else _HEIGHT - 32.0, 34.0
        return (46.0 if self.low < 0 else 18.0), 78.0

    def at(self, value: float) -> float:
        """Return where a value stands; what has no end stands at zero."""
        start, end = self.ends
        value = value if math.isfinite(value) else 0.0
        return start + (end - start) * (value - self.low) / (self.high - self.low)

    def svg(self, index: int) -> ET.Element:
        """Draw them, as the column of an index."""
        low, high = self.limits if self.is_given else (self.low, self.high)
        svg = element(
            "svg",
            class_="bars upright" if self.upright else "bars lying",
            width="100%",
            height=number(self.height),
            role="group",
            aria_label=self.column.head.text,
            data_column=str(index),
            data_low=repr(low),
            data_high=repr(high),
        )
        across = ("0", "100%") if self.upright else ("0", number(self.height))
        along = [self._spelled(self.at(0.0), along=True)] * 2
        (x1, x2), (y1, y2) = (across, along) if self.upright else (along, across)
        add(svg, "line", class_="zero", x1=x1, x2=x2, y1=y1, y2=y2)
        for lane, place in enumerate(self.places):
            svg.append(self._lane(lane, place))
        return svg

    def _lane(self, lane: int, place: int) -> ET.Element:
        name = entry_name(np.shape(self.column.value), place)
        group = element("g", class_="lane", data_place=str(place), data_name=name)
        value = float(self.values[place])
        self._rectangle(group, "hold", lane, 0, *self.ends)
        self._rectangle(group, "bar", lane, 0.16, self.at(0.0), self.at(value))
        if self.targets is not None:
            aim = self.at(float(self.targets[place]))
            self._rectangle(group, "aim", lane, 0.08, self.at(0.0), aim)
        x, y = self._point(lane, self.at(value))
        if self.is_given:
            add(group, "circle", class_="knob", r="10", cx=x, cy=y)
        away, is_below = 16 if self.is_given else 7, value < 0
        beside = {"dx": str(-away if is_below else away), "dy": "6"}
        anchor = "end" if is_below else "start"
        if self.upright:
            beside, anchor = {"dy": str(away + 12 if is_below else -away)}, "middle"
        add(
            group,
            "text",
            short_text(value),
            class_="number",
            x=x,
            y=y,
            text_anchor=anchor,
            **beside,
        )
        x, y = self._point(lane, _HEIGHT - 6 if self.upright else 0)
        beside, anchor = ({}, "middle") if self.upright else ({"dy": "6"}, "start")
        add(group, "text", name, class_="name", x=x, y=y, text_anchor=anchor, **beside)
        return group

    def _spelled(self, place: float, *, along: bool) -> str:
        """Write a place or a length: along bars that stand, and across those that lie, in px."""
        return number(place) + "%" * (along != self.upright)

    def _across(self, lane: int, part: float) -> float:
        """Return where a part of a lane is, 0 for its begin and 1 for its end."""
        if self.upright:
            return 100 * (lane + part) / len(self.places)
        return self._top(lane) + part * _ROW

    def _top(self, lane: int) -> float:
        """Return where a bar that lies begins: the rows of a matrix stand apart."""
        rows = [int(place // np.shape(self.column.value)[-1]) for place in self.places]
        return lane * _ROW + 4 + _GAP * len(set(rows[: lane + 1]) - {rows[0]})

    def _point(self, lane: int, along: float) -> tuple[str, str]:
        pair = self._spelled(self._across(lane, 0.5), along=False), self._spelled(along, along=True)
        return pair if self.upright else (pair[1], pair[0])

    def _rectangle(
        self, group: ET.Element, look: str, lane: int, inset: float, one: float, other: float
    ) -> None:
        """Draw a rectangle in a lane, from one place to another."""
        start, end = self._across(lane, inset), self._across(lane, 1 - inset)
        x, width = (self._spelled(each, along=False) for each in (start, end - start))
        y, height = (
            self._spelled(each, along=True) for each in (min(one, other), abs(one - other))
        )
        if not self.upright:
            x, y, width, height = y, x, height, width
        add(group, "rect", class_=look, x=x, y=y, width=width, height=height)


def entry_name(shape: tuple[int, ...], place: int) -> str:
    """Return what an entry is called: its indices, counted from 1."""
    return ",".join(str(i + 1) for i in np.unravel_index(place, shape)) if shape else ""


def _rooms() -> Iterator[float]:
    for power in itertools.count():
        for first in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0):
            yield first * 10.0**power
