"""Arrays of any shape as one long vector: whether it is finite, and its length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_nonfinite", "global_norm"]

# Sums of squares below this have lost digits in float32.
_SMALLEST = float(np.finfo(np.float32).tiny)


def first_nonfinite(arrays: Sequence[NDArray[Any]]) -> int | None:
    """Return the place of the first array that holds NaN or infinity, or None.

    One product for each and no temporary where all is well: sums of squares cannot cancel.
    """
    if math.isfinite(_sum_of_squares(arrays)):
        return None
    return next((i for i, array in enumerate(arrays) if not np.isfinite(array).all()), None)


def global_norm(arrays: Sequence[NDArray[Any]]) -> float:
    """The Euclidean norm of all entries of all arrays; infinite or NaN where an entry is."""
    total = _sum_of_squares(arrays)
    if math.isfinite(total) and total > _SMALLEST:
        return math.sqrt(total)
    # Squares outside of the range of the dtype: divide by the largest magnitude first.
    largest = float(max((np.max(np.abs(array), initial=0) for array in arrays), default=0))
    if largest == 0 or not math.isfinite(largest):
        return largest
    scaled = [array.astype(np.float64) / largest for array in arrays]
    return largest * math.sqrt(_sum_of_squares(scaled))


def _sum_of_squares(arrays: Sequence[NDArray[Any]]) -> float:
    return sum([float(np.vdot(array, array)) for array in arrays])  # which never warns
