"""Partial derivatives of a checked function by differences, column by column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.check.differences import Array, Sample, follow
from tinygrad_edu.check.function import Checked
from tinygrad_edu.check.kinks import sides
from tinygrad_edu.check.verdicts import Estimate

__all__ = ["Subject", "along", "partials", "scales"]


def scales(checked: Checked) -> Array:
    """Return the size of each entry: |x|, or for a zero what is usual in its input."""
    sizes: Array = np.abs(checked.x)
    for i in checked.inputs:
        part = sizes[i.places]
        usual = np.median(part[part > 0]) if part.any() else 1.0
        part[part == 0] = usual
    return sizes


@dataclass(frozen=True, slots=True)
class Subject:
    """A function of the inputs, its value at them, and how far rounding may move that."""

    at: Callable[[Array], Array | None]
    centre: Array
    rounding: Array


def partials(checked: Checked, f: Subject, columns: Array) -> Estimate:
    """Differentiate `f`, a function of the inputs, by some of the entries of its argument."""

    def sample(k: int, h: float) -> tuple[float, Array | None]:
        moved = checked.x.copy()
        moved[columns[k]] += h
        return float(moved[columns[k]] - checked.x[columns[k]]), f.at(moved)

    farthest = max(4.0, float(np.abs(checked.x).max(initial=0.0)))
    return _estimate(sample, f, scales(checked)[columns], farthest)


def along(checked: Checked, f: Subject, v: Array) -> Estimate:
    """Differentiate `f` along a direction that moves every entry by about its own size."""
    return _estimate(lambda _, h: (h, f.at(checked.x + h * v)), f, np.ones(1), 4.0)


def _estimate(sample: Sample, f: Subject, reach: Array, farthest: float) -> Estimate:
    shape = (len(f.centre), len(reach))
    value, error, scale, left, right = np.zeros((5, *shape))
    kink = np.zeros(shape, bool)
    if len(f.centre) and len(reach):
        for lines in follow(sample, f.centre, f.rounding, reach, farthest):
            both = sides(lines.samples)
            for whole, part in (
                (value, lines.value),
                (error, lines.error),
                (scale, lines.scale),
                (kink, both.kink),
                (left, both.left),
                (right, both.right),
            ):
                whole[:, lines.which] = part.T
    return Estimate(value, error, scale, kink, left, right)
