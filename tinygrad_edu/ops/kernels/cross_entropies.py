"""Cross-entropies of each example, or of each entry, and what their rules need of them.

From logits the loss is exact to a few roundings of the largest term, whatever the probabilities
are; 0 · ∞ is 0 where a class has no target, and NaN stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.ops.kernels.limits import xlogy
from tinygrad_edu.ops.kernels.rows import (
    SURE,
    as_rows,
    balanced,
    floating,
    in_dtype_of,
    places,
    shifted_exponentials,
)

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


@np.errstate(all="ignore")
def softmax_cross_entropy(logits: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from logits."""
    rows, _ = as_rows(logits, -1)
    e, largest, rest, total = shifted_exponentials(rows)
    log_sum = np.log1p(rest)
    if targets.shape == logits.shape:
        y, top, norm = targets.reshape(rows.shape), largest[:, None], log_sum[:, None]
        losses = (y * (norm - (rows - top))).sum(-1)
        if not np.isfinite(losses).all():  # 0 · ∞ is 0 where a class has no target,
            negative_log = y * norm + (y * top - y * rows)  # and half of ∞ may be less
            losses = np.where(y == 0, 0, negative_log).sum(-1)
            losses += 0 * log_sum  # but NaN stays
        sums = y.sum(-1, keepdims=True, dtype=np.result_type(y, e))
        differences = sums * e - y * total[:, None]
        if not rest.min(initial=1) >= SURE:  # or NaN, which hides that of other examples
            differences = balanced(differences, e, -1)
    else:
        own = places(rows, targets)
        losses = log_sum - (rows.ravel()[own] - largest)
        differences, flat = e, e.ravel()
        flat[own] = flat[own] - 1 - rest  # e - total, with the digits that `rest` has
        if rows is logits:  # what happens most: nothing to put back
            return losses, (differences, total)
    shape = logits.shape[:-1]
    saved = differences.reshape(logits.shape), total.reshape(shape)  # float16 cannot hold a sum
    return in_dtype_of(logits, losses.reshape(shape)), saved


def cross_entropy(probs: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from probabilities."""
    if targets.shape == probs.shape:
        return in_dtype_of(probs, 0 - xlogy(targets, probs).sum(-1))  # 0, where -0 would print
    picked = probs.reshape(-1)[places(probs, targets)]
    return 0 - np.log(picked).reshape(targets.shape)


@np.errstate(all="ignore")
def sigmoid_cross_entropy(logits: Any, targets: Any) -> Any:
    """Binary cross-entropy of each entry, from logits."""
    logits = floating(logits)
    linear = np.where(np.greater(logits, 0), logits * (1 - targets), -logits * targets)
    product = np.isinf(logits) & np.isnan(linear) & ~np.isnan(targets)  # 0 · ∞
    linear = np.where(product, 0, linear)
    return in_dtype_of(logits, linear + np.log1p(np.exp(-np.abs(logits))))


def binary_cross_entropy(probs: Any, targets: Any) -> Any:
    """Binary cross-entropy of each entry, from probabilities."""
    p = floating(probs)
    certain = np.equal(targets, 1) & ~np.isnan(p)  # 0 log 0 = 0
    otherwise = np.where(certain, 0, 1 - targets) * np.log1p(-np.where(certain, 0, p))
    return in_dtype_of(probs, -xlogy(targets, p) - otherwise)
