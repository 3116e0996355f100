"""Cross-entropies of each example, or of each entry, and what their rules need of them.

From logits the loss is exact to a few roundings of the largest term, whatever the probabilities
are; 0 · ∞ is 0 where a class has no target, and NaN stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.node import one_line
from tinygrad_edu.ops.kernels.limits import xlogy
from tinygrad_edu.ops.kernels.rows import (
    SURE,
    as_rows,
    balanced,
    floating,
    in_dtype_of,
    moderated,
    places,
    put,
    row_starts,
    shifted_exponentials,
)

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


def softmax_cross_entropy(logits: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from logits.

    Of labels log(1 + Σ e^z/e^z_y), the sum over the other classes; it takes no shift where the
    logits are moderate.
    """
    rows, _ = as_rows(logits, -1)
    if targets.shape == logits.shape:
        losses, differences, total = _of_distributions(rows, targets.reshape(rows.shape))
    else:
        own = places(rows, targets)
        near = moderated(rows)
        e = np.exp(near)
        mine = e.ravel()[own]
        e = put(e, own, 0)
        rest = np.add.reduce(e, 1)
        total = rest + mine
        losses = np.log1p(rest / mine)
        e = put(e, own, 0 - rest)  # e - total, with the digits that `rest` has
        losses, differences, total = _with_shifted(rows, near, own, losses, e, total)
    if rows is logits:  # what happens most: nothing to put back
        return losses, (differences, total)
    return _shaped(logits, losses, differences, total)


@one_line
@np.errstate(all="ignore")
def _shaped(logits: Any, losses: Any, differences: Any, total: Any) -> Any:
    shape = logits.shape[:-1]
    saved = differences.reshape(logits.shape), total.reshape(shape)  # float16 cannot hold a sum
    return in_dtype_of(logits, losses.reshape(shape)), saved


@one_line
@np.errstate(all="ignore")
def _with_shifted(rows: Any, near: Any, own: Any, *found: Any) -> Any:
    """Compute the rows whose exponentials need a shift, where there are any."""
    if near is rows:
        return found
    far = (near != rows).any(1)
    e, largest, rest, total = shifted_exponentials(rows[far])
    places, flat = own[far] % rows.shape[1] + row_starts(*e.shape), e.ravel()
    losses = np.log1p(rest) - (rows.ravel()[own[far]] - largest)
    flat[places] = flat[places] - 1 - rest
    whole = tuple(each.copy() for each in found)
    for each, part in zip(whole, (losses, e, total), strict=True):
        each[far] = part
    return whole


@one_line
@np.errstate(all="ignore")
def _of_distributions(rows: Any, y: Any) -> Any:
    e, largest, rest, total = shifted_exponentials(rows)
    log_sum = np.log1p(rest)
    top, norm = largest[:, None], log_sum[:, None]
    losses = (y * (norm - (rows - top))).sum(-1)
    if not np.isfinite(losses).all():  # 0 · ∞ is 0 where a class has no target,
        negative_log = y * norm + (y * top - y * rows)  # and half of ∞ may be less
        losses = np.where(y == 0, 0, negative_log).sum(-1)
        losses += 0 * log_sum  # but NaN stays
    sums = y.sum(-1, keepdims=True, dtype=np.result_type(y, e))
    differences = sums * e - y * total[:, None]
    if not rest.min(initial=1) >= SURE:  # or NaN, which hides that of other examples
        differences = balanced(differences, e, -1)
    return losses, differences, total


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
