"""Norms, and the direction of what they measure, without overflow; exact to a few roundings."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.ops.kernels.rows import floating

__all__ = ["euclidean_norm", "p_norm", "relative"]

Axes = int | tuple[int, ...] | None


def _scaled(x: Any, axis: Axes) -> tuple[Any, Any]:
    """Return the largest magnitude (1 where it is 0 or infinite) and x divided by it."""
    largest = np.max(np.abs(x), axis=axis, keepdims=True, initial=0)
    largest = np.where((largest == 0) | np.isinf(largest), 1, largest)
    return largest, x / largest


def _wide(x: Any) -> Any:
    return np.float32 if x.dtype == np.float16 else None  # sums of float16 overflow at 65504


def _length(x: Any, p: float, axis: Axes) -> Any:
    """(Σ |x|^p)^(1/p), with the axes kept."""
    powers = x * x if p == 2 else np.abs(x) ** p
    total = np.sum(powers, axis=axis, keepdims=True, dtype=_wide(x))
    return np.sqrt(total) if p == 2 else total ** (1 / p)


def p_norm(x: Any, p: float, *, axis: Axes, keepdims: bool) -> Any:
    """(Σ |x|^p)^(1/p), scaled by the largest magnitude."""
    x = floating(x)
    with np.errstate(all="ignore"):
        largest, scaled = _scaled(x, axis)
        out = (largest * _length(scaled, p, axis)).astype(x.dtype, copy=False)
    return out if keepdims else np.squeeze(out, axis)


def euclidean_norm(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    """Square root of the sum of squares."""
    return p_norm(x, 2, axis=axis, keepdims=keepdims)


def relative(x: Any, norm: Any, p: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """x/‖x‖_p, and 0 at x = 0; not from the norm where that is infinite or has few digits."""
    with np.errstate(all="ignore"):
        if np.all((norm >= np.finfo(x.dtype).tiny) & np.isfinite(norm)):
            return x / (norm if axis is None or keepdims else np.expand_dims(norm, axis))
        infinite = np.isinf(x)
        count_infinite = np.sum(infinite, axis=axis, keepdims=True)
        entries = np.where(count_infinite > 0, infinite * np.sign(x), _scaled(x, axis)[1])
        length = _length(entries, p, axis)
        out = entries / np.where(length == 0, 1, length)
        return np.where(infinite & (count_infinite > 1), np.nan, out).astype(x.dtype, copy=False)
