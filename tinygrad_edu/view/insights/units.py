"""The drawing of a network unit by unit; what was dropped is grey."""

from __future__ import annotations

import numpy as np

from tinygrad_edu.view.draw.formula import text_width
from tinygrad_edu.view.draw.style import colour
from tinygrad_edu.view.draw.values import column_text
from tinygrad_edu.view.insights.network import Layer, Network
from tinygrad_edu.view.insights.sheet import Sheet

__all__ = ["UNIT_STYLE", "draw_units"]

_LETTERS = 9.5

UNIT_STYLE = "".join(
    (
        f".tg-values{{{colour('color', 'forward')}}}",
        f".tg-slopes{{{colour('color', 'backward')}}}",
        ".tg-wire{fill:none;stroke:currentColor}",
        ".tg-minus{stroke-dasharray:5 3}",
        ".tg-cut{fill:none;stroke:#888;stroke-width:.7;stroke-dasharray:1.5 3;stroke-opacity:.6}",
        ".tg-unit{stroke:currentColor;stroke-width:1.4;fill:currentColor;fill-opacity:.1}",
        ".tg-gone{stroke:#888;stroke-width:1.1;stroke-dasharray:2.5 2.5;fill:#888}",
        ".tg-gone{fill-opacity:.22}",
        ".tg-cross{stroke:#888;stroke-width:1.1}",
        ".tg-data{stroke:currentColor;stroke-opacity:.4;fill:none}",
    )
)


def draw_units(
    sheet: Sheet,
    network: Network,
    left: float,
    top: float,
    *,
    across: float,
    down: float,
    radius: float,
    backward: bool = False,
    numbers: bool = True,
) -> tuple[float, float]:
    """Draw a network with its upper left corner at a place; return its width and height.

    Layers stand side by side, `across` apart, and units one below the other, `down` apart. An
    edge is as wide as its weight, or the gradient of it, is large; one of negative sign is
    dashed. Edges of dropped units are cut.
    """
    tallest = max(len(layer.kept) for layer in network)
    height = 2 * radius + down * (tallest - 1)
    places = [
        [
            (left + radius + across * column, top + height / 2 + down * (row - (n - 1) / 2))
            for row in range(n)
        ]
        for column, n in enumerate(len(layer.kept) for layer in network)
    ]
    for column in range(1, len(network)):
        ends = (places[column - 1], places[column])
        _edges(sheet, network[column - 1], network[column], ends, radius, backward)
    for layer, centres in zip(network, places, strict=True):
        _units(sheet, layer, centres, radius, backward, numbers)
    return 2 * radius + across * (len(network) - 1), height


def _edges(
    sheet: Sheet,
    before: Layer,
    after: Layer,
    ends: tuple[list[tuple[float, float]], list[tuple[float, float]]],
    radius: float,
    backward: bool,
) -> None:
    weights = after.weights
    assert weights is not None
    finite = np.abs(weights[np.isfinite(weights)])
    largest = float(np.max(finite, initial=0.0)) or 1.0
    side = "tg-slopes" if backward else "tg-values"
    for cut in (True, False):  # what carries something lies above what is cut
        for (row, column), weight in np.ndenumerate(weights):
            gone = not (before.kept[row] and after.kept[column])
            if gone is not cut or (not gone and not np.isfinite(weight)):
                continue
            (x1, y1), (x2, y2) = ends[0][row], ends[1][column]
            line = (x1 + radius, y1, x2 - radius, y2)
            if gone:
                sheet.line(*line, "tg-cut")
            elif weight:
                minus = " tg-minus" if weight < 0 else ""
                width = 0.3 + 2.9 * abs(float(weight)) / largest
                sheet.line(*line, f"tg-wire {side}{minus}", width=width * min(1, radius / 14))


def _units(
    sheet: Sheet,
    layer: Layer,
    centres: list[tuple[float, float]],
    radius: float,
    backward: bool,
    numbers: bool,
) -> None:
    side = "tg-slopes" if backward else "tg-values"
    values = layer.values
    written = [""] * len(centres) if values is None else column_text(values[layer.kept], values)
    widest = max((text_width(text, _LETTERS) for text in written), default=0.0)
    size = _LETTERS * min(1.0, (2 * radius - 5) / (widest or 1.0))
    texts = iter(written)
    for (x, y), kept in zip(centres, layer.kept, strict=True):
        if not kept:
            sheet.circle(x, y, radius, "tg-gone", "dropped")
            reach = 0.7 * radius
            sheet.line(x - reach, y + reach, x + reach, y - reach, "tg-cross")
            continue
        text = next(texts)
        sheet.circle(x, y, radius, "tg-data" if values is None else f"tg-unit {side}", text)
        if numbers and text:
            sheet.text(x, y + 0.35 * size, text, "tg-in", "middle", size)
