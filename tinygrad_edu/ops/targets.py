"""Targets: class labels ``(N,)`` (integers) or distributions ``(N, K)``, never broadcast.

What the losses ask of them and of probabilities, and how losses per example become one number.
The batch axis comes first; a single example ``(K,)`` is allowed.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node, one_line
from tinygrad_edu.core.op import op
from tinygrad_edu.ops.reduce import mean, sum

__all__ = ["one_hot"]

# Probabilities may be off by this much, so that textbook rows of two decimals and the small
# steps of a gradient check pass.
_TOLERANCE = 0.02


def reduced(losses: Any, reduction: str, name: str) -> Any:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{name}: reduction is "mean", "sum" or "none", not {reduction!r}')
    shape = losses.shape
    if reduction == "none" or not shape:
        return losses
    if reduction == "mean" and 0 in shape:
        raise ValueError(f"{name}: an empty batch has no mean; its shape is {shape}")
    return mean(losses) if reduction == "mean" else sum(losses)


def refuse_other_shape(x: Any, targets: Any, name: str, what: str) -> None:
    if x.shape != targets.shape:
        raise ValueError(
            f"{name}: {what} of shape {x.shape} and targets of shape {targets.shape}; targets "
            "are never broadcast, so give them the same shape"
        )


def values_of(x: Any) -> Any:
    return x.value if isinstance(x, Node) else x


# --- class labels --------------------------------------------------------------------------------


@op(
    text="one_hot({0}, {classes})",
    tex=r"\operatorname{{onehot}}({0}, {classes})",
    positive="nonnegative",
    distribution=True,
)
def one_hot(labels: Any, *, classes: int, dtype: str = "float64") -> Any:
    """Turn class labels into distributions with a single 1.

    >>> tg.one_hot([1, 0], classes=3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    if not isinstance(classes, int):
        raise TypeError(f"one_hot: classes is their number, not a {type(classes).__name__}")
    refuse_labels(labels, classes, "one_hot")
    return np.equal(np.expand_dims(labels, -1), np.arange(classes)).astype(dtype)


@one_line
def refuse_labels(labels: Any, classes: int, name: str) -> None:
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: class labels are integers, not {labels.dtype}; convert them with .astype(int)"
        )
    # Read as unsigned numbers, negative labels are too large as well: one pass finds both.
    dtype, end = _unsigned(labels.dtype)
    unsigned = labels.view(dtype)
    if labels.size and unsigned.item(unsigned.argmax()) >= min(classes, end):
        wrong = labels[(labels < 0) | (labels >= classes)].flat[0]
        raise ValueError(
            f"{name}: label {wrong} is no class of K = {classes}; labels run from 0 to "
            f"{classes - 1}"
        )


@functools.cache
def _unsigned(dtype: Any) -> tuple[Any, int]:
    """Return the unsigned type in the same byte order, and where its negative numbers begin."""
    return np.dtype(dtype.str.replace("i", "u")), np.iinfo(dtype).max + 1


def are_labels(targets: Any, x: Any, name: str) -> bool:
    """Tell labels from distributions by their shape, and refuse everything else."""
    shape, given = x.shape, targets.shape
    if not shape or not shape[-1]:
        if given:
            raise ValueError(
                f"{name}: shape {shape} has no classes, and targets of shape {given} have; what "
                "the model gives comes first, and the targets second"
            )
        raise ValueError(
            f"{name}: shape {shape} has no classes; pass a number for each class, (K,), or (N, K) "
            "for a batch; for two outcomes use sigmoid_cross_entropy or binary_cross_entropy"
        )
    if given not in (shape[:-1], shape):
        if shape in (given[:-1], given):
            raise ValueError(
                f"{name}: targets of shape {given} for {shape}; what the model gives comes first, "
                "and the targets second"
            )
        raise ValueError(
            f"{name}: targets of shape {given} for {shape}; pass class labels of shape "
            f"{shape[:-1]} or distributions of shape {shape}"
        )
    if given == shape:
        return False
    if targets.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: targets of shape {given} are class labels and must be integers, "
            f"not {targets.dtype}; convert them with .astype(int)"
        )
    return True


@one_line
def refuse_negative(targets: Any, name: str) -> None:
    if targets.size and targets.min() < -1e-4:  # the small steps of a gradient check pass
        raise ValueError(
            f"{name}: a target is negative ({targets.min():g}); targets come second, and are class "
            "labels or distributions"
        )


def distributions(targets: Any, x: Any, name: str) -> Any:
    """Return the targets as distributions, one-hot where they are labels."""
    if are_labels(targets, x, name):
        return one_hot(targets, classes=x.shape[-1], dtype=x.dtype.name)
    return targets


def refuse_swapped(probs: Any, targets: Any, name: str) -> None:
    """Raise where what should be probabilities are targets, which alone are given as 0 and 1."""
    p, y = values_of(probs), values_of(targets)
    if isinstance(probs, Node) and probs.op is not None:
        return
    if not (isinstance(targets, Node) and targets.op is not None and isinstance(p, np.ndarray)):
        return
    if p.shape != y.shape:
        return
    if ((p == 0) | (p == 1)).all() and not ((y == 0) | (y == 1)).all() and y[p == 0].any():
        raise ValueError(
            f"{name}: the first argument holds 0 and 1 alone, as targets do; probabilities come "
            f"first, {name}(probs, targets)"
        )


# --- probabilities -------------------------------------------------------------------------------


@one_line
def refuse_no_distribution(probs: Any, name: str) -> None:
    if not probs.size:
        return
    totals = probs.sum(-1, dtype=np.float64)
    worst = totals.flat[np.argmax(np.abs(totals - 1))]
    if probs.min() < -_TOLERANCE or np.abs(worst - 1) > _TOLERANCE:
        raise ValueError(
            f"{name}: a row sums to {worst:.4g} with smallest entry {probs.min():.4g}, so it is "
            "no distribution; apply softmax first, or pass logits to softmax_cross_entropy"
        )


@one_line
def refuse_outside_unit(x: Any, name: str, what: str) -> None:
    margin = 1e-4 if what == "target" else 0  # the small steps of a gradient check
    if x.size and (x.min() < -margin or x.max() > 1 + margin):
        wrong = x.min() if x.min() < -margin else x.max()
        mend = "pass logits to sigmoid_cross_entropy"
        if what == "target":
            mend = "targets come second; rescale them if they are none"
        raise ValueError(f"{name}: a {what} is {wrong:g}, outside [0, 1]; {mend}")
