"""The drawing of a network unit by unit; what was dropped is grey."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.view.draw.formula import text_width
from tinygrad_edu.view.draw.style import colour
from tinygrad_edu.view.draw.values import column_text
from tinygrad_edu.view.insights.canvas import Canvas
from tinygrad_edu.view.insights.network import Layer

__all__ = ["UNIT_STYLE", "draw_legend", "draw_units"]

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

Place = tuple[float, float]


def draw_units(
    canvas: Canvas,
    network: Sequence[Layer],
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
    side = "tg-slopes" if backward else "tg-values"
    for (before, tails), (after, heads) in pairwise(zip(network, places, strict=True)):
        edges = [((x1 + radius, y1), (x2 - radius, y2)) for x1, y1 in tails for x2, y2 in heads]
        kept = np.outer(before.kept, after.kept).ravel()
        assert after.weights is not None
        _edges(canvas, edges, after.weights.ravel(), kept, side, min(1, radius / 14))
    for layer, centres in zip(network, places, strict=True):
        _units(canvas, layer, centres, radius, side, numbers)
    return 2 * radius + across * (len(network) - 1), height


def draw_legend(canvas: Canvas, y: float, backward: bool = False) -> float:
    """Say what units and edges mean, in one row; return where the next row begins."""
    side, of = ("tg-slopes", "gradient of a weight") if backward else ("tg-values", "weight")
    x = 10.0
    for meaning, kind in (
        ("unit", f"tg-unit {side}"),
        ("dropped", ""),
        (f"positive {of}", f"tg-wire {side}"),
        (f"negative {of}", f"tg-wire {side} tg-minus"),
    ):
        if "wire" in kind:
            canvas.path([(x, y - 4), (x + 22, y - 4)], kind, 1.6)
        elif kind:
            canvas.circle(x + 11, y - 4, 5, kind)
        else:
            _dropped(canvas, x + 11, y - 4, 5)
        x = canvas.text(x + 28, y, meaning, "tg-legend") + 18
    return y + 18


def _edges(
    canvas: Canvas,
    edges: Sequence[tuple[Place, Place]],
    weights: NDArray[Any],
    kept: NDArray[np.bool_],
    side: str,
    scale: float,
) -> None:
    for edge in itertools.compress(edges, ~kept):  # what carries something lies above what is cut
        canvas.path(edge, "tg-cut")
    drawn = kept & np.isfinite(weights) & (weights != 0)
    largest = float(np.max(np.abs(weights[np.isfinite(weights)]), initial=0.0)) or 1.0
    for edge, weight in zip(itertools.compress(edges, drawn), weights[drawn], strict=True):
        minus = " tg-minus" if weight < 0 else ""
        width = 0.3 + 2.9 * abs(float(weight)) / largest
        canvas.path(edge, f"tg-wire {side}{minus}", width * scale)


def _units(
    canvas: Canvas,
    layer: Layer,
    centres: Sequence[Place],
    radius: float,
    side: str,
    numbers: bool,
) -> None:
    values = layer.values
    written = [""] * len(centres) if values is None else column_text(values[layer.kept], values)
    widest = max((text_width(text, _LETTERS) for text in written), default=0.0)
    size = _LETTERS * min(1.0, (2 * radius - 5) / (widest or 1.0))
    texts = iter(written)
    for (x, y), kept in zip(centres, layer.kept, strict=True):
        if not kept:
            _dropped(canvas, x, y, radius)
            continue
        text = next(texts)
        canvas.circle(x, y, radius, "tg-data" if values is None else f"tg-unit {side}", text)
        if numbers and text:
            canvas.text(x, y + 0.35 * size, text, "tg-in", "middle", size)


def _dropped(canvas: Canvas, x: float, y: float, radius: float) -> None:
    canvas.circle(x, y, radius, "tg-gone", "dropped")
    reach = 0.7 * radius
    canvas.path([(x - reach, y + reach), (x + reach, y - reach)], "tg-cross")
