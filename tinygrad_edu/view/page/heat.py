"""A Jacobian as a table of numbers, shaded by how large they are."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tinygrad_edu.view.page.jacobian import Heat
from tinygrad_edu.view.page.markup import add

__all__ = ["heat_map"]


def heat_map(parent: ET.Element, heat: Heat) -> None:
    """Add a Jacobian in numbers, shaded by size."""
    table = add(parent, "table", class_="heat")
    add(table, "caption", f"∂{heat.of}/∂{heat.wrt}, entry by entry")
    largest = max((abs(v) for row in heat.rows for v in row), default=0.0) or 1.0
    head = add(add(table, "thead"), "tr")
    add(head, "td")
    for column in range(len(heat.rows[0])):
        add(head, "th", str(column + 1), scope="col")
    body = add(table, "tbody")
    for place, row in enumerate(heat.rows, start=1):
        line = add(body, "tr")
        add(line, "th", str(place), scope="row")
        for value in row:
            level = round(4 * abs(value) / largest)
            sign = "minus" if value < 0 else "plus"
            add(line, "td", _entry(value), class_=f"{sign} level{level}")


def _entry(value: float) -> str:
    return "0" if value == 0 else f"{value:.3f}".replace("-", "−")
