"""Losses. Class losses are one fused operation per example; their mean is a vertex of its own.

Targets are class labels ``(N,)`` (integers) or distributions ``(N, K)``, never broadcast. The
batch axis comes first; a single example ``(K,)`` is allowed.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import op, operand
from tinygrad_edu.ops.elementwise import (
    abs,
    exp,
    floating,
    floating_operand,
    log,
    sigmoid,
    softplus,
    xdivy,
    xlogy,
)
from tinygrad_edu.ops.reduce import max, mean, sum
from tinygrad_edu.ops.shape import expand_dims
from tinygrad_edu.ops.softmax import (
    SURE,
    as_rows,
    balanced,
    log_softmax,
    row_starts,
    shifted_exponentials,
    softmax,
)

__all__ = [
    "binary_cross_entropy",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "one_hot",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sum_squared_error",
]

# Probabilities may be off by this much, so that textbook rows of two decimals and the small
# steps of a gradient check pass.
_TOLERANCE = 0.02


def _reduce(losses: Any, reduction: str, name: str) -> Any:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{name}: reduction is "mean", "sum" or "none", not {reduction!r}')
    shape = losses.shape
    if reduction == "none" or not shape:
        return losses
    if reduction == "mean" and 0 in shape:
        raise ValueError(f"{name}: an empty batch has no mean; its shape is {shape}")
    return mean(losses) if reduction == "mean" else sum(losses)


def _refuse_other_shape(x: Any, targets: Any, name: str, what: str) -> None:
    if x.shape != targets.shape:
        raise ValueError(
            f"{name}: {what} of shape {x.shape} and targets of shape {targets.shape}; targets "
            "are never broadcast, so give them the same shape"
        )


def _in_dtype_of(x: Any, losses: Any) -> Any:
    """Whole numbers and wider floats as targets do not widen the loss."""
    return losses.astype(x.dtype, copy=False) if x.dtype.kind == "f" else losses


# --- class labels --------------------------------------------------------------------------------


@op(
    text="one_hot({0})",
    tex=r"\operatorname{{onehot}}({0})",
    positive="nonnegative",
    distribution=True,
)
def one_hot(labels: Any, *, classes: int, dtype: str = "float64") -> Any:
    """Turn class labels into distributions with a single 1.

    Parameters
    ----------
    labels : array_like of int
        Of any shape, each from 0 to `classes` - 1.
    classes : int
        The number K of classes.
    dtype : str, optional
        Of the result.

    Returns
    -------
    ndarray
        Of the shape of `labels` with an axis of length K behind it.

    Raises
    ------
    ValueError
        If a label is no class.

    Notes
    -----
    y_k = [k = label]; a constant, so without a gradient.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.one_hot([1, 0], classes=3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    if not isinstance(classes, int):
        raise TypeError(f"one_hot: classes is their number, not a {type(classes).__name__}")
    _refuse_labels(labels, classes, "one_hot")
    return np.equal(np.expand_dims(labels, -1), np.arange(classes)).astype(dtype)


def _refuse_labels(labels: Any, classes: int, name: str) -> None:
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: class labels are integers, not {labels.dtype}; convert them with .astype(int)"
        )
    # Read as unsigned numbers, negative labels are too large as well: one pass finds both.
    unsigned = labels.view(_unsigned(labels.dtype))
    if labels.size and unsigned.item(unsigned.argmax()) >= classes:
        wrong = labels[(labels < 0) | (labels >= classes)].flat[0]
        raise ValueError(
            f"{name}: label {wrong} is no class of K = {classes}; labels run from 0 to "
            f"{classes - 1}"
        )


@functools.cache
def _unsigned(dtype: Any) -> Any:
    return np.dtype(dtype.str.replace("i", "u"))  # in the same byte order


def _are_labels(targets: Any, x: Any, name: str) -> bool:
    """Tell labels from distributions by their shape, and refuse everything else."""
    shape, given = x.shape, targets.shape
    if not shape or given not in (shape[:-1], shape):
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


def _refuse_negative(targets: Any, name: str) -> None:
    if targets.size and targets.min() < -1e-4:  # the small steps of a gradient check pass
        raise ValueError(
            f"{name}: a target is negative ({targets.min():g}); targets are class labels or "
            "distributions"
        )


def _distributions(targets: Any, x: Any, name: str) -> Any:
    """Return the targets as distributions, one-hot where they are labels."""
    if _are_labels(targets, x, name):
        return one_hot(targets, classes=x.shape[-1], dtype=x.dtype.name)
    return targets


# --- softmax and cross-entropy in one ------------------------------------------------------------


@op(inline=True, name="residual")
def _residual(g: Any, logits: Any, targets: Any, e: Any, rest: Any) -> Any:
    """g (a Σy - y) with a = e / Σe, and with labels scattered instead of one-hot arrays.

    Where a is near 1, it is the others that have the digits: 1 - a = (rest + (1 - e)) / Σe.
    """
    total = rest + 1
    if targets.shape == e.shape:
        weight = np.asarray(targets.sum(-1) / total)
        out = np.asarray(g)[..., None] * (weight[..., None] * e - targets)
        return out if rest.min(initial=1) >= SURE else balanced(out, e, -1)
    scale = np.asarray(g / total)
    out = np.multiply(scale[..., None], e, order="C")
    places = _places(out, targets)
    others = rest.ravel() + (1 - np.ravel(e)[places])
    out.ravel()[places] = -scale.ravel() * others  # in that order, a view
    return out


def _places(x: Any, labels: Any) -> Any:
    """Return where, in the flat order of x, the entries stand that labels name."""
    return labels.ravel() + row_starts(labels.size, x.shape[-1])


@_residual.defined_as
def _(g: Any, logits: Any, targets: Any, e: Any, rest: Any) -> Any:
    y = _distributions(targets, logits, "softmax_cross_entropy")
    return expand_dims(g, axis=-1) * (softmax(logits) * sum(y, axis=-1, keepdims=True) - y)


@op(
    name="softmax_cross_entropy",
    rules=(
        lambda g, out, z, y, *, saved: _residual(g, z, y, *saved),
        lambda g, out, z, y, *, saved: -expand_dims(g, axis=-1) * log_softmax(z),
    ),
    text="softmax_cross_entropy({0}, {1})",
    tex=r"\operatorname{{softmax-CE}}({0}, {1})",
)
@np.errstate(all="ignore")
def _softmax_cross_entropy(logits: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from logits."""
    rows, put_back = as_rows(logits, -1)
    e, largest, rest, _ = shifted_exponentials(rows)
    log_sum = np.log1p(rest)
    if targets.shape == logits.shape:
        y, top, norm = targets.reshape(rows.shape), largest[:, None], log_sum[:, None]
        losses = (y * (norm - (rows - top))).sum(-1)
        if not np.isfinite(losses).all():  # 0 · ∞ is 0 where a class has no target,
            negative_log = y * norm + (y * top - y * rows)  # and half of ∞ may be less
            losses = np.where(y == 0, 0, negative_log).sum(-1)
            losses += 0 * log_sum  # but NaN stays
    else:
        losses = log_sum - (rows.ravel()[_places(rows, targets)] - largest)
    shape = logits.shape[:-1]
    losses = _in_dtype_of(logits, losses.reshape(shape))
    return losses, (put_back(e), rest.reshape(shape))


@_softmax_cross_entropy.saves
def _(logits: Any, targets: Any) -> Any:
    e = exp(logits - max(logits, axis=-1, keepdims=True))  # not divided: a pass less over it
    return e, sum(e, axis=-1) - 1


@_softmax_cross_entropy.defined_as
def _(logits: Any, targets: Any) -> Any:
    y = _distributions(targets, logits, "softmax_cross_entropy")
    return -sum(y * log_softmax(logits), axis=-1)


def softmax_cross_entropy(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Cross-entropy between targets and the softmax of logits, in one exact operation.

    Parameters
    ----------
    logits : array_like or Tensor
        ``(N, K)``, or ``(K,)`` for one example; any real numbers.
    targets : array_like or Tensor
        Class labels ``(N,)`` (integers), or distributions ``(N, K)``.
    reduction : {"mean", "sum", "none"}, optional
        Over the examples.

    Returns
    -------
    Tensor or ndarray
        A number, or ``(N,)`` with ``"none"``; in the dtype of `logits`.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is no class, a target is negative, or the batch is empty.

    Warns
    -----
    UserWarning
        If `logits` are the result of a softmax: it would be applied twice.

    Notes
    -----
    Forward L = -Σ_k y_k log a_k with a = softmax(z); gradient g (a Σy - y), which is a - y where
    the targets sum to 1 (Bridle 1990; Bishop 2006, section 4.3.4).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> loss = tg.softmax_cross_entropy(z, [0, 1, 0])
    >>> loss.backward()
    >>> z.grad.round(2)
    array([ 0.69, -0.89,  0.2 ])
    """
    logits, targets = (
        operand(logits, "softmax_cross_entropy"),
        operand(targets, "softmax_cross_entropy"),
    )
    if isinstance(logits, Node) and logits.op is softmax:
        warnings.warn(
            "softmax_cross_entropy: the logits are the result of a softmax, which this loss "
            "applies itself; pass the values before it, or use cross_entropy",
            stacklevel=3,
        )
    name, z = "softmax_cross_entropy", _values(logits)
    if _are_labels(targets, z, name):
        _refuse_labels(targets, z.shape[-1], name)
    else:
        _refuse_negative(_values(targets), name)
    return _reduce(_softmax_cross_entropy(logits, targets), reduction, name)


def _values(x: Any) -> Any:
    return x.value if isinstance(x, Node) else x


# --- cross-entropy of probabilities --------------------------------------------------------------


@op(
    name="cross_entropy",
    rules=(
        lambda g, out, p, y: (
            -(expand_dims(g, axis=-1) * xdivy(_distributions(y, p, "cross_entropy"), p))
        ),
        lambda g, out, p, y: -(expand_dims(g, axis=-1) * log(p)),
    ),
    text="cross_entropy({0}, {1})",
    tex=r"\operatorname{{CE}}({0}, {1})",
)
def _cross_entropy(probs: Any, targets: Any) -> Any:
    """Cross-entropy of each example, from probabilities."""
    if targets.shape == probs.shape:
        return _in_dtype_of(probs, 0 - xlogy(targets, probs).sum(-1))  # 0, where -0 would print
    picked = probs.reshape(-1)[_places(probs, targets)]
    return 0 - np.log(picked).reshape(targets.shape)


@_cross_entropy.defined_as
def _(probs: Any, targets: Any) -> Any:
    return -sum(xlogy(_distributions(targets, probs, "cross_entropy"), probs), axis=-1)


def cross_entropy(probs: Any, targets: Any, reduction: str = "mean") -> Any:
    """Cross-entropy between targets and probabilities.

    Parameters
    ----------
    probs : array_like or Tensor
        ``(N, K)``, or ``(K,)`` for one example: each row a distribution.
    targets : array_like or Tensor
        Class labels ``(N,)`` (integers), or distributions ``(N, K)``.
    reduction : {"mean", "sum", "none"}, optional
        Over the examples.

    Returns
    -------
    Tensor or ndarray
        A number, or ``(N,)`` with ``"none"``; in the dtype of `probs`.

    Raises
    ------
    ValueError
        If a row of `probs` is no distribution (logits belong in `softmax_cross_entropy`), shapes
        do not fit, a label is no class, a target is negative, or the batch is empty.

    Notes
    -----
    Forward H(y, a) = -Σ_k y_k log a_k with 0 log 0 = 0; gradient -g y/a (Cover and Thomas 2006).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> a = tg.Tensor([0.22, 0.70, 0.08])
    >>> round(tg.cross_entropy(a, [0, 1, 0]).item(), 4)
    0.3567
    """
    probs, targets = operand(probs, "cross_entropy"), operand(targets, "cross_entropy")
    name = "cross_entropy"
    labels = _are_labels(targets, probs, name)
    _refuse_no_distribution(_values(probs), name)
    if labels:
        _refuse_labels(targets, probs.shape[-1], name)
    else:
        _refuse_negative(_values(targets), name)
    return _reduce(_cross_entropy(probs, targets), reduction, name)


def _refuse_no_distribution(probs: Any, name: str) -> None:
    if not probs.size:
        return
    totals = probs.sum(-1, dtype=np.float64)
    worst = totals.flat[np.argmax(np.abs(totals - 1))]
    if probs.min() < -_TOLERANCE or np.abs(worst - 1) > _TOLERANCE:
        raise ValueError(
            f"{name}: a row sums to {worst:.4g} with smallest entry {probs.min():.4g}, so it is "
            "no distribution; apply softmax first, or pass logits to softmax_cross_entropy"
        )


# --- binary losses -------------------------------------------------------------------------------


@op(
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
@np.errstate(all="ignore")
def _sigmoid_cross_entropy(logits: Any, targets: Any) -> Any:
    """Binary cross-entropy of each entry, from logits."""
    logits = floating(logits)
    linear = np.where(np.greater(logits, 0), logits * (1 - targets), -logits * targets)
    product = np.isinf(logits) & np.isnan(linear) & ~np.isnan(targets)  # 0 · ∞
    linear = np.where(product, 0, linear)
    return _in_dtype_of(logits, linear + np.log1p(np.exp(-np.abs(logits))))


@_sigmoid_cross_entropy.defined_as
def _(logits: Any, targets: Any) -> Any:
    return softplus(logits) - targets * logits


def sigmoid_cross_entropy(logits: Any, targets: Any, reduction: str = "mean") -> Any:
    """Binary cross-entropy between targets and the sigmoid of logits, in one exact operation.

    Parameters
    ----------
    logits : array_like or Tensor
        Of any shape, any real numbers.
    targets : array_like or Tensor
        Of the same shape, in [0, 1].
    reduction : {"mean", "sum", "none"}, optional
        Over all entries.

    Returns
    -------
    Tensor or ndarray
        A number, or the shape of `logits` with ``"none"``; in the dtype of `logits`.

    Raises
    ------
    ValueError
        If the shapes differ, a target lies outside [0, 1], or there are no entries.

    Notes
    -----
    Forward log(1 + e^z) - t z = max(z, 0) - t z + log1p(e^-|z|); gradient g (σ(z) - t).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor(1000.0)
    >>> tg.sigmoid_cross_entropy(z, 0.0)
    Tensor(1000.)
    """
    logits, targets = (
        operand(logits, "sigmoid_cross_entropy"),
        operand(targets, "sigmoid_cross_entropy"),
    )
    _refuse_other_shape(logits, targets, "sigmoid_cross_entropy", "logits")
    _refuse_outside_unit(_values(targets), "sigmoid_cross_entropy", "target")
    return _reduce(_sigmoid_cross_entropy(logits, targets), reduction, "sigmoid_cross_entropy")


@op(
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
    p = floating(probs)
    certain = np.equal(targets, 1) & ~np.isnan(p)  # 0 log 0 = 0
    otherwise = np.where(certain, 0, 1 - targets) * np.log1p(-np.where(certain, 0, p))
    return _in_dtype_of(probs, -xlogy(targets, p) - otherwise)


@_binary_cross_entropy.defined_as
def _(probs: Any, targets: Any) -> Any:
    return -xlogy(targets, probs) - xlogy(1 - targets, 1 - probs)


def binary_cross_entropy(probs: Any, targets: Any, reduction: str = "mean") -> Any:
    """Binary cross-entropy between targets and probabilities.

    Parameters
    ----------
    probs : array_like or Tensor
        Of any shape, in [0, 1].
    targets : array_like or Tensor
        Of the same shape, in [0, 1].
    reduction : {"mean", "sum", "none"}, optional
        Over all entries.

    Returns
    -------
    Tensor or ndarray
        A number, or the shape of `probs` with ``"none"``; in the dtype of `probs`.

    Raises
    ------
    ValueError
        If the shapes differ, an entry lies outside [0, 1] (logits belong in
        `sigmoid_cross_entropy`), or there are no entries.

    Notes
    -----
    Forward -t log z - (1 - t) log(1 - z) with 0 log 0 = 0; gradient
    g ((1 - t)/(1 - z) - t/z) = g (z - t)/(z (1 - z)).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([0.5, 0.5])
    >>> round(tg.binary_cross_entropy(z, [0, 1]).item(), 6)
    0.693147
    """
    probs, targets = (
        operand(probs, "binary_cross_entropy"),
        operand(targets, "binary_cross_entropy"),
    )
    name = "binary_cross_entropy"
    _refuse_other_shape(probs, targets, name, "probabilities")
    _refuse_outside_unit(_values(probs), name, "probability")
    _refuse_outside_unit(_values(targets), name, "target")
    return _reduce(_binary_cross_entropy(probs, targets), reduction, name)


def _refuse_outside_unit(x: Any, name: str, what: str) -> None:
    margin = 1e-4 if what == "target" else 0  # the small steps of a gradient check
    if x.size and (x.min() < -margin or x.max() > 1 + margin):
        wrong = x.min() if x.min() < -margin else x.max()
        mend = "pass logits to sigmoid_cross_entropy" if what != "target" else "rescale them"
        raise ValueError(f"{name}: a {what} is {wrong:g}, outside [0, 1]; {mend}")


# --- regression ----------------------------------------------------------------------------------


def mean_squared_error(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Squared differences, averaged over all entries.

    Parameters
    ----------
    predictions, targets : array_like or Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, optional
        Over all entries.

    Returns
    -------
    Tensor or ndarray
        A number, or the shape of `predictions` with ``"none"``.

    Raises
    ------
    ValueError
        If the shapes differ or there are no entries.

    Notes
    -----
    Forward (1/n) Σ (h - y)²; gradient 2 (h - y)/n.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.mean_squared_error(tg.Tensor([1.0, 2.0]), [1.0, 4.0])
    Tensor(2.)
    """
    difference = _difference(predictions, targets, "mean_squared_error")
    return _reduce(difference**2, reduction, "mean_squared_error")


def mean_absolute_error(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Absolute differences, averaged over all entries.

    Parameters
    ----------
    predictions, targets : array_like or Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}, optional
        Over all entries.

    Returns
    -------
    Tensor or ndarray
        A number, or the shape of `predictions` with ``"none"``.

    Raises
    ------
    ValueError
        If the shapes differ or there are no entries.

    Notes
    -----
    Forward (1/n) Σ |h - y|; gradient sign(h - y)/n, 0 where they agree.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.mean_absolute_error(tg.Tensor([1.0, 2.0]), [1.0, 4.0])
    Tensor(1.)
    """
    difference = _difference(predictions, targets, "mean_absolute_error")
    return _reduce(abs(difference), reduction, "mean_absolute_error")


def sum_squared_error(predictions: Any, targets: Any) -> Any:
    """Half the sum of squared differences.

    Parameters
    ----------
    predictions, targets : array_like or Tensor
        Of one shape.

    Returns
    -------
    Tensor or ndarray
        A number.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Forward E = ½ Σ (z - t)², always a sum; gradient z - t.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.0, 2.0])
    >>> tg.gradients(tg.sum_squared_error(z, [0.0, 4.0]), z)
    array([ 1., -2.])
    """
    return sum(_difference(predictions, targets, "sum_squared_error") ** 2) / 2


def _difference(predictions: Any, targets: Any, name: str) -> Any:
    predictions, targets = floating_operand(predictions, name), floating_operand(targets, name)
    _refuse_other_shape(predictions, targets, name, "predictions")
    return predictions - targets


# --- information ---------------------------------------------------------------------------------


def kl_divergence(p: Any, q: Any, reduction: str = "mean") -> Any:
    """Kullback-Leibler divergence of distributions.

    Parameters
    ----------
    p, q : array_like or Tensor
        ``(N, K)`` or ``(K,)``, each row a distribution.
    reduction : {"mean", "sum", "none"}, optional
        Over the examples.

    Returns
    -------
    Tensor or ndarray
        A number, or ``(N,)`` with ``"none"``; never negative.

    Raises
    ------
    ValueError
        If the shapes differ or a row is no distribution.

    Notes
    -----
    Forward KL(p‖q) = Σ_k p_k log p_k - Σ_k p_k log q_k with 0 log 0 = 0 (Kullback and Leibler
    1951); gradients log(p/q) + 1 and -p/q.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> round(float(tg.kl_divergence([1.0, 0.0], [0.5, 0.5])), 4)
    0.6931
    """
    p, q = operand(p, "kl_divergence"), operand(q, "kl_divergence")
    _refuse_other_shape(q, p, "kl_divergence", "q")
    for probabilities in (p, q):
        _refuse_no_distribution(_values(probabilities), "kl_divergence")
    return _reduce(sum(xlogy(p, p) - xlogy(p, q), axis=-1), reduction, "kl_divergence")


def entropy(p: Any, reduction: str = "mean") -> Any:
    """Shannon entropy of distributions, in nats.

    Parameters
    ----------
    p : array_like or Tensor
        ``(N, K)`` or ``(K,)``, each row a distribution.
    reduction : {"mean", "sum", "none"}, optional
        Over the examples.

    Returns
    -------
    Tensor or ndarray
        A number of nats, or ``(N,)`` of them with ``"none"``.

    Raises
    ------
    ValueError
        If a row is no distribution.

    Notes
    -----
    Forward H(p) = -Σ_k p_k log p_k with 0 log 0 = 0 (Shannon 1948); gradient -(log p + 1).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> float(tg.entropy([0.5, 0.5])) == float(tg.log(2.0))
    True
    """
    p = operand(p, "entropy")
    _refuse_no_distribution(_values(p), "entropy")
    return _reduce(-sum(xlogy(p, p), axis=-1), reduction, "entropy")
