"""Where entries stand among those of their line, ties told apart; exact."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["rank"]


def rank(x: Any, *, axis: int, side: str) -> Any:
    """How many entries of its line are smaller than an entry (side "left"), or not larger."""
    lines = np.moveaxis(x, axis, -1)
    order = np.argsort(lines, axis=-1, kind="stable")
    ordered = np.take_along_axis(lines, order, -1)
    before, after = ordered[..., :-1], ordered[..., 1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    steps, edge = np.arange(lines.shape[-1]), np.ones((*lines.shape[:-1], 1), bool)
    if side == "left":
        begins = np.concatenate([edge, differs], -1)[..., : len(steps)]
        rank = np.maximum.accumulate(np.where(begins, steps, 0), -1)
    else:
        ends = np.concatenate([differs, edge], -1)[..., : len(steps)]
        backwards = np.where(ends, steps + 1, len(steps))[..., ::-1]
        rank = np.minimum.accumulate(backwards, -1)[..., ::-1]
    found = np.empty_like(order)
    np.put_along_axis(found, order, rank, -1)
    return np.moveaxis(found, -1, axis)
