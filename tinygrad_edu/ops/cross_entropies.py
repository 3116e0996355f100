"""Cross-entropies. Each is one fused operation per example; their mean is a vertex of its own."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.activations import sigmoid, softplus
from tinygrad_edu.ops.arithmetic import multiply
from tinygrad_edu.ops.elementwise import abs, exp, log, where, xdivy, xlogy
from tinygrad_edu.ops.kernels import cross_entropies as exact
from tinygrad_edu.ops.kernels.rows import MODERATE
from tinygrad_edu.ops.reduce import max, sum
from tinygrad_edu.ops.shape import expand_dims
from tinygrad_edu.ops.softmax import log_softmax, softmax
from tinygrad_edu.ops.targets import (
    are_labels,
    distributions,
    reduced,
    refuse_labels,
    refuse_negative,
    refuse_no_distribution,
    refuse_other_shape,
    refuse_outside_unit,
    refuse_swapped,
    values_of,
)
from tinygrad_edu.settings import warn

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
]


# --- of classes, from probabilities --------------------------------------------------------------


@op(
    forward=exact.cross_entropy,
    name="cross_entropy",
    rules=(
        lambda g, out, p, y: (
            -(expand_dims(g, axis=-1) * xdivy(distributions(y, p, "cross_entropy"), p))
        ),
        lambda g, out, p, y: -(expand_dims(g, axis=-1) * log(p)),
    ),
    text="cross_entropy({0}, {1})",
    tex=r"\operatorname{{CE}}({0}, {1})",
)
def _cross_entropy(probs: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from probabilities."""


@_cross_entropy.defined_as
def _(probs: Any, targets: Any) -> Any:
    return -sum(xlogy(distributions(targets, probs, "cross_entropy"), probs), axis=-1)


@Composed
def cross_entropy(probs: Any, targets: Any, reduction: str = "mean") -> Any:
    """Cross-entropy between targets and probabilities.

    H(y, a) = -Σ_k y_k log a_k with 0 log 0 = 0 (Cover and Thomas 2006); logits belong in
    `softmax_cross_entropy`.

    >>> a = tg.Tensor([0.22, 0.70, 0.08])
    >>> round(tg.cross_entropy(a, [0, 1, 0]).item(), 4)
    0.3567
    """
    name = "cross_entropy"
    probs, targets = operand(probs, name), operand(targets, name)
    labels = are_labels(targets, probs, name)
    refuse_swapped(probs, targets, name)
    refuse_no_distribution(values_of(probs), name)
    if labels:
        refuse_labels(targets, probs.shape[-1], name)
    else:
        refuse_negative(values_of(targets), name)
    return reduced(_cross_entropy(probs, targets), reduction, name)


# --- of classes, from logits ---------------------------------------------------------------------


@op(
    forward=exact.softmax_cross_entropy,
    name="softmax_cross_entropy",
    text="softmax_cross_entropy({0}, {1})",
    tex=r"\operatorname{{softmax-CE}}({0}, {1})",
)
def _softmax_cross_entropy(logits: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from logits."""


@_softmax_cross_entropy.rule(0)
def _(g: Any, out: Any, z: Any, y: Any, *, saved: Any) -> Any:
    return _residual(g, z, y, *saved)


@_softmax_cross_entropy.rule(1)
def _(g: Any, out: Any, z: Any, y: Any, *, saved: Any) -> Any:
    return -expand_dims(g, axis=-1) * log_softmax(z)


@_softmax_cross_entropy.saves
def _(logits: Any, targets: Any) -> Any:
    """a Σy - y, not yet divided by the sum Σe: a pass less over the block."""
    y = distributions(targets, logits, "softmax_cross_entropy")
    shift = max(logits, axis=-1, keepdims=True)
    if targets is not y:  # labels
        bound = MODERATE.get(logits.dtype.char, MODERATE["f"])
        shift = where(max(abs(logits), axis=-1, keepdims=True) <= bound, 0, shift)
    e = exp(logits - shift)
    total = sum(e, axis=-1)
    return sum(y, axis=-1, keepdims=True) * e - multiply(y, expand_dims(total, axis=-1)), total


@_softmax_cross_entropy.defined_as
def _(logits: Any, targets: Any) -> Any:
    y = distributions(targets, logits, "softmax_cross_entropy")
    return -sum(y * log_softmax(logits), axis=-1)


@Composed
def softmax_cross_entropy(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Cross-entropy between targets and the softmax of logits, in one exact operation.

    L = -Σ_k y_k log a_k with a = softmax(z); its gradient g (a Σy - y) is a - y where the targets
    sum to 1 (Bridle 1990; Bishop 2006, section 4.3.4). Warns where `logits` are the result of a
    softmax: it would be applied twice.

    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> loss = tg.softmax_cross_entropy(z, [0, 1, 0])
    >>> loss.backward()
    >>> z.grad.round(2)
    array([ 0.69, -0.89,  0.2 ])
    """
    name = "softmax_cross_entropy"
    logits, targets = operand(logits, name), operand(targets, name)
    if isinstance(logits, Node) and logits.op is softmax:
        warn(
            "softmax_cross_entropy: the logits are the result of a softmax, which this loss "
            "applies itself; pass the values before it, or use cross_entropy"
        )
    z = values_of(logits)
    if are_labels(targets, z, name):
        refuse_labels(targets, z.shape[-1], name)
    else:
        refuse_negative(values_of(targets), name)
    return reduced(_softmax_cross_entropy(logits, targets), reduction, name)


@op(inline=True, name="residual")
def _residual(g: Any, logits: Any, targets: Any, differences: Any, total: Any) -> Any:
    """g (a Σy - y), from what the forward saved."""
    return (g / total)[..., None] * differences


@_residual.defined_as
def _(g: Any, logits: Any, targets: Any, differences: Any, total: Any) -> Any:
    y = distributions(targets, logits, "softmax_cross_entropy")
    return expand_dims(g, axis=-1) * (softmax(logits) * sum(y, axis=-1, keepdims=True) - y)


# --- of two outcomes, from logits and from probabilities -----------------------------------------


@op(
    forward=exact.sigmoid_cross_entropy,
    name="sigmoid_cross_entropy",
    rules=(
        # σ(z) - t, without the cancellation near t = 1
        lambda g, out, z, t: g * ((1 - t) * sigmoid(z) - t * sigmoid(-z)),
        lambda g, out, z, t: -g * z,
    ),
    elementwise=True,
    text="sigmoid_cross_entropy({0}, {1})",
    tex=r"\operatorname{{sigmoid-CE}}({0}, {1})",
)
def _sigmoid_cross_entropy(logits: Any, targets: Any) -> Any:
    """Binary cross-entropy of each entry, from logits."""


@_sigmoid_cross_entropy.defined_as
def _(logits: Any, targets: Any) -> Any:
    return softplus(logits) - targets * logits


@Composed
def sigmoid_cross_entropy(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Binary cross-entropy between targets and the sigmoid of logits, in one exact operation.

    log(1 + e^z) - t z, whose gradient is g (σ(z) - t).

    >>> z = tg.Tensor(1000.0)
    >>> tg.sigmoid_cross_entropy(z, 0.0)
    Tensor(1000.)
    """
    name = "sigmoid_cross_entropy"
    logits, targets = operand(logits, name), operand(targets, name)
    refuse_other_shape(logits, targets, name, "logits")
    refuse_outside_unit(values_of(targets), name, "target")
    return reduced(_sigmoid_cross_entropy(logits, targets), reduction, name)


@op(
    forward=exact.binary_cross_entropy,
    name="binary_cross_entropy",
    rules=(
        lambda g, out, z, t: g * (xdivy(1 - t, 1 - z) - xdivy(t, z)),
        lambda g, out, z, t: g * (log(1 - z) - log(z)),
    ),
    elementwise=True,
    text="binary_cross_entropy({0}, {1})",
    tex=r"\operatorname{{BCE}}({0}, {1})",
)
def _binary_cross_entropy(probs: Any, targets: Any) -> Any:
    """Binary cross-entropy of each entry, from probabilities."""


@_binary_cross_entropy.defined_as
def _(probs: Any, targets: Any) -> Any:
    return -xlogy(targets, probs) - xlogy(1 - targets, 1 - probs)


@Composed
def binary_cross_entropy(probs: Any, targets: Any, reduction: str = "mean") -> Any:
    """Binary cross-entropy between targets and probabilities.

    -t log z - (1 - t) log(1 - z) with 0 log 0 = 0; logits belong in `sigmoid_cross_entropy`.

    >>> z = tg.Tensor([0.5, 0.5])
    >>> round(tg.binary_cross_entropy(z, [0, 1]).item(), 6)
    0.693147
    """
    name = "binary_cross_entropy"
    probs, targets = operand(probs, name), operand(targets, name)
    refuse_other_shape(probs, targets, name, "probabilities")
    refuse_swapped(probs, targets, name)
    refuse_outside_unit(values_of(probs), name, "probability")
    refuse_outside_unit(values_of(targets), name, "target")
    return reduced(_binary_cross_entropy(probs, targets), reduction, name)
