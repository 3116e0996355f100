"""The drawing of forces: a weight on its spring, and below it the forces, head to tail."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.view.draw.formula import TEXT_SIZES, text_width
from tinygrad_edu.view.draw.style import colour
from tinygrad_edu.view.draw.values import number_text
from tinygrad_edu.view.insights.canvas import Canvas

__all__ = ["draw_forces"]

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
_STEP = 9.0  # from one force to the next below it
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


def draw_forces(
    labels: Sequence[str],
    weights: NDArray[Any],
    forces: Sequence[tuple[str, str, NDArray[Any], Sequence[str]]],
    notes: Sequence[str],
    push: float = 0.0,
) -> str:
    """Return the drawing as an SVG document, a row for each weight.

    Weights share one scale, and forces another; below stands how long a round number is in each. Of
    each force, the sum last, `forces` has the
    kind, the formula, and for each weight the value and how it is written. Where a weight is 0, a
    bar shows from where to where the push can be: from minus to plus `push`.
    """
    canvas = Canvas("Forces on the weights", _STYLE)
    kinds = [kind for kind, _, _, _ in forces]
    values = _finite(np.array([each for _, _, each, _ in forces]))
    scale = _FORCE / (np.max(np.abs(values), initial=0.0) or 1.0)
    finite = _finite(weights)
    longest = float(np.max(np.abs(finite), initial=0.0))
    starts = finite * _WEIGHT / (longest or 1.0)
    # Where each weight stands, where its forces end when they are put head to tail, and the sum.
    joints = starts + np.cumsum([np.zeros_like(finite), *scale * values[:-1]], axis=0)
    joints = np.vstack([joints, starts + scale * values[-1]])
    gate = push * scale if (weights == 0).any() else 0.0
    least, most = (f([0.0, -gate, gate, *joints.flat]) for f in (min, max))
    zero = _MARGIN + max(text_width(each, TEXT_SIZES["text"]) for each in labels) + 24 - least
    right = zero + most + 24
    height = _ABOVE + _STEP * (len(forces) + 1)
    bottom = _TOP + height * len(labels)
    canvas.text(zero, _TOP - 18, "0", "tg-line", "middle")
    canvas.path([(zero, _TOP - 13), (zero, bottom - 4)], "tg-zero")
    ends = [right + _COLUMN * column - 8 for column in range(1, len(forces) + 1)]
    for x, (kind, formula, _, _) in zip(ends, forces, strict=True):
        canvas.text(x, _TOP - 31, _WORDS[kind], f"tg-number tg-strong tg-{kind}", "end")
        canvas.text(x, _TOP - 18, formula, f"tg-number tg-{kind}", "end")
    for row, (label, weight) in enumerate(zip(labels, weights, strict=True)):
        y = _TOP + row * height + _ABOVE
        places = [zero + x for x in joints[:, row]]
        canvas.text(_MARGIN, y + 4, label, "tg-text")
        canvas.path([(min(*places, zero), y), (max(*places, zero), y)], "tg-level")
        if "spring" in kinds:
            canvas.path(_coil(zero, places[0], y), "tg-coil tg-spring")
        _weight(canvas, label, float(weight), places[0], y)
        _head_to_tail(canvas, kinds, places, y)
        if push and weight == 0:
            level = y + _STEP * (kinds.index("push") + 1)
            _bar(canvas, zero - gate, zero + gate, level)
        for x, (kind, _, _, written) in zip(ends, forces, strict=True):
            style = f"tg-number tg-{kind}" + (" tg-strong" if kind == "total" else "")
            canvas.text(x, y + 4, written[row], style, "end")
    for what, unit, length in (("w", longest, _WEIGHT), ("force", _FORCE / scale, _FORCE)):
        if unit:
            bottom += 14
            _bar(canvas, zero, zero + _round(unit) * length / unit, bottom, "tg-scale")
            canvas.text(zero - 8, bottom + 3, f"{what} = {_round(unit):g}", "tg-number", "end")
    return canvas.svg(ends[-1] + 8 + _MARGIN, canvas.notes(bottom + 22, notes))


def _round(most: float) -> float:
    """Return the largest of 1, 2, 5, 10, … and of 0.5, 0.2, … that is not above a number."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9)))


def _finite(values: NDArray[Any]) -> NDArray[Any]:
    """Return values as lengths: what is not finite has none."""
    return np.where(np.isfinite(values), values, 0.0)


def _weight(canvas: Canvas, label: str, weight: float, x: float, y: float) -> None:
    number = number_text(weight)
    canvas.circle(x, y, 4.5, "tg-weight", f"{label} = {number}")
    if weight < 0:
        canvas.text(x - 8, y - 5, number, "tg-line", "end")
    else:
        canvas.text(x + 8, y - 5, number, "tg-line")


def _head_to_tail(canvas: Canvas, kinds: Sequence[str], places: Sequence[float], y: float) -> None:
    """Draw the forces from the weight on, each a step further down, and below them their sum."""
    *kinds, total = kinds
    for kind, (start, end) in zip(kinds, itertools.pairwise(places[:-1]), strict=True):
        canvas.path([(start, y), (start, y + _STEP)], "tg-joint")
        y += _STEP
        canvas.arrow(start, end, y, f"tg-{kind}")
    top = y - _STEP * len(kinds)
    for x, upper in ((places[-1], y), (places[0], top)):
        canvas.path([(x, upper), (x, y + _STEP)], "tg-joint")
    canvas.arrow(places[0], places[-1], y + _STEP, f"tg-{total}")


def _bar(canvas: Canvas, x1: float, x2: float, y: float, kind: str = "tg-push") -> None:
    """Draw a level bar with an upright stroke at each end."""
    left, right = [(x1, y - 3), (x1, y + 3)], [(x2, y - 3), (x2, y + 3)]
    canvas.path([*left, (x1, y), (x2, y), *right], f"tg-bar {kind}")


def _coil(start: float, end: float, y: float) -> list[tuple[float, float]]:
    """Return the points of a spring from the origin to a weight; a short one is a line."""
    length = end - start
    if abs(length) < 2 * _COILS:
        return [(start, y), (end, y)]
    straight = 0.08 * length
    bends = np.linspace(start + straight, end - straight, 4 * _COILS + 1)[1::2]
    heights = itertools.cycle([y - 4, y + 4])
    within = [(start, y), (start + straight, y), *zip(bends, heights, strict=False)]
    return [*within, (end - straight, y), (end, y)]
