"""softmax, its logarithm, and the logarithm of its denominator, over the whole range of inputs.

Each is exact to a few roundings, relative to itself, also where a probability is near 0 or 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.ops.kernels.rows import as_rows, shifted_exponentials

__all__ = ["log_softmax", "logsumexp", "softmax"]


@np.errstate(all="ignore")
def softmax(x: Any, *, axis: int) -> Any:
    """e^x/Σe^x along an axis."""
    rows, put_back = as_rows(x, axis)
    e, _, _, total = shifted_exponentials(rows)
    return put_back(e / total[:, None])


@np.errstate(all="ignore")
def log_softmax(x: Any, *, axis: int) -> Any:
    """x - log Σe^x along an axis, and the softmax, which its rule needs."""
    rows, put_back = as_rows(x, axis)
    e, largest, rest, total = shifted_exponentials(rows)
    out = (rows - largest[:, None]) - np.log1p(rest)[:, None]
    return put_back(out), put_back(e / total[:, None])


@np.errstate(all="ignore")
def logsumexp(x: Any, *, axis: int, keepdims: bool) -> Any:
    """Log Σe^x along an axis, and the softmax, which its rule needs."""
    rows, put_back = as_rows(x, axis)
    if not rows.shape[1]:
        empty = put_back(np.full((len(rows), 1), -np.inf, rows.dtype))
        return empty if keepdims else np.squeeze(empty, axis), put_back(rows)
    e, largest, rest, total = shifted_exponentials(rows)
    out = np.where(np.isinf(largest), largest, largest + np.log1p(rest))
    out = put_back(out[:, None])
    e /= total[:, None]
    return out if keepdims else np.squeeze(out, axis), put_back(e)
