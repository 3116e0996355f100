"""The direction of a point in the plane, without overflow; exact to a few roundings."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["cosine", "turn"]


def cosine(x: Any, y: Any) -> Any:
    """x/√(x² + y²), and 0 at the origin: what `hypot` changes by when x does."""
    largest = np.maximum(np.abs(x), np.abs(y))
    far = np.isinf(largest)
    with np.errstate(all="ignore"):
        scale = np.where(far | (largest == 0), 1, largest)
        along = np.where(far, np.isinf(x) * np.copysign(1, x), x / scale)
        across = np.where(far, np.isinf(y) * np.copysign(1, y), y / scale)
        length = np.hypot(along, across)
        out = along / np.where(length == 0, 1, length)
    out = np.where(np.isinf(x) & np.isinf(y), np.nan, out)  # of any direction
    return out.astype(np.result_type(x, y), copy=False)


def turn(x: Any, y: Any) -> Any:
    """x/(x² + y²), without the square of a length."""
    return cosine(x, y) / np.hypot(x, y)
