"""Partial derivatives of a checked function by differences, column by column."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_edu.check.differences import Array, Line, follow
from tinygrad_edu.check.function import Checked
from tinygrad_edu.check.kinks import sides
from tinygrad_edu.check.verdicts import Estimate

__all__ = ["along", "partials", "scales"]

Function = Callable[[Array], "Array | None"]


def scales(checked: Checked) -> Array:
    """Return the size of each entry: |x|, or for a zero what is usual in its input."""
    sizes: Array = np.abs(checked.x)
    for i in checked.inputs:
        part = sizes[i.places]
        usual = np.median(part[part > 0]) if part.any() else 1.0
        part[part == 0] = usual
    return sizes


def partials(
    checked: Checked, f: Function, centre: Array, columns: Sequence[int] | Array
) -> Estimate:
    """Differentiate `f`, a function of the inputs, by some of the entries of its argument."""
    sizes = scales(checked)
    lines = []
    for column in columns if len(centre) else ():

        def sample(h: float, column: int = column) -> tuple[float, Array | None]:
            moved = checked.x.copy()
            moved[column] += h
            return float(moved[column] - checked.x[column]), f(moved)

        lines.append(follow(sample, centre, float(sizes[column]), _farthest(checked)))
    return _joined(lines, len(centre), len(columns))


def along(checked: Checked, f: Function, centre: Array, v: Array) -> Estimate:
    """Differentiate `f` along a direction that moves every entry by about its own size."""
    line = follow(lambda h: (h, f(checked.x + h * v)), centre, 1.0, 4.0)
    return _joined([line], len(centre), 1)


def _farthest(checked: Checked) -> float:
    return 16 * max(1.0, float(np.abs(checked.x).max(initial=0.0)))


def _joined(lines: list[Line], results: int, columns: int) -> Estimate:
    if not lines:
        empty = np.zeros((results, columns))
        return Estimate(empty, empty, empty, empty.astype(bool), empty, empty)
    both = [sides(line.samples) for line in lines]
    parts = (
        [line.value for line in lines],
        [line.error for line in lines],
        [line.scale for line in lines],
        [side.kink for side in both],
        [side.left for side in both],
        [side.right for side in both],
    )
    return Estimate(*(np.stack(part, axis=1) for part in parts))
