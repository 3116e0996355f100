"""What is measured beside the loss: accuracy, the confusion matrix, the log-likelihood.

Each takes what the model predicts, probabilities in the case of classes, and the targets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.core.node import Node
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.ops.elementwise import xlogy
from tinygrad_edu.settings import look_up

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "log_likelihood",
    "measured",
    "metrics_of",
    "usual_metrics",
]

Array = npt.NDArray[Any]

#: Called as ``metric(predicted, targets)``; returns a number or an array.
Metric = Callable[[Any, Any], Any]


@guided
def accuracy(predicted: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The share of examples whose most probable class is the right one.

    Parameters
    ----------
    predicted : array_like
        Probabilities (or scores in the same order) of the classes, ``(N, K)``; or the
        probability of class 1, ``(N,)`` or ``(N, 1)``, which decides from ½ on.
    targets : array_like
        Class labels ``(N,)``, or one-hot rows ``(N, K)``.

    Returns
    -------
    float
        From 0 to 1. A prediction that is NaN is wrong.

    Raises
    ------
    ValueError
        If the shapes do not fit, there are no examples, or a row of the targets is not one-hot.

    Examples
    --------
    >>> from tinygrad_edu.train import accuracy
    >>> accuracy([[0.2, 0.8], [0.6, 0.4]], [1, 1])
    0.5
    """
    decided, right = _classes(predicted, targets, "accuracy")
    return float(np.mean(decided == right))


@guided
def binary_accuracy(predicted: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The share of yes-or-no questions that are answered rightly, several per example or one.

    Parameters
    ----------
    predicted : array_like
        The probability of yes for each question, which decides from ½ on.
    targets : array_like
        1 for yes and 0 for no, as many as `predicted`.

    Returns
    -------
    float
        From 0 to 1. A prediction that is NaN is wrong.

    Raises
    ------
    ValueError
        If the shapes differ in more than axes of length 1, or there are no entries.

    Examples
    --------
    >>> from tinygrad_edu.train import binary_accuracy
    >>> binary_accuracy([[0.9, 0.2], [0.4, 0.4]], [[1, 0], [1, 0]])
    0.75
    """
    p, t = _arrays(predicted, targets, "binary_accuracy")
    if p.size != t.size or p.squeeze().shape != t.squeeze().shape:
        raise _misfit("binary_accuracy", p, t)
    p = p.reshape(t.shape)
    return float(np.mean(((p >= 0.5) == (t >= 0.5)) & ~np.isnan(p)))


@guided
def confusion_matrix(predicted: npt.ArrayLike, targets: npt.ArrayLike) -> Array:
    """Count for each class how its examples were classified.

    Parameters
    ----------
    predicted, targets : array_like
        As for `accuracy`.

    Returns
    -------
    ndarray of int64, shape (K, K)
        Row: the right class. Column: the predicted one. A prediction that is NaN is in no column.

    Raises
    ------
    ValueError
        As `accuracy`; and if a label is no class.

    Examples
    --------
    >>> from tinygrad_edu.train import confusion_matrix
    >>> confusion_matrix([[0.2, 0.8], [0.6, 0.4], [0.9, 0.1]], [1, 1, 0])
    array([[1, 0],
           [1, 1]])
    """
    decided, right = _classes(predicted, targets, "confusion_matrix")
    shape = np.shape(predicted)
    k = shape[1] if len(shape) > 1 and shape[1] > 1 else 2
    if right.min() < 0 or right.max() >= k:
        wrong = right[(right < 0) | (right >= k)][0]
        raise ValueError(
            f"confusion_matrix: label {wrong} is no class of K = {k}; labels run from 0 to {k - 1}"
        )
    known = decided >= 0
    cells = (right[known] * k + decided[known]).astype(np.intp)  # 32 bits in a browser
    return np.bincount(cells, minlength=k * k).reshape(k, k).astype(np.int64)


@guided
def log_likelihood(predicted: npt.ArrayLike, targets: npt.ArrayLike) -> float:
    """The logarithm of the probability that the model gives to all targets together.

    Parameters
    ----------
    predicted : array_like
        Probabilities of the classes, ``(N, K)``; or of class 1, ``(N,)`` or ``(N, 1)``.
    targets : array_like
        Class labels ``(N,)``, or distributions of the shape of `predicted`.

    Returns
    -------
    float
        Not above 0; -inf where something happened that has probability 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a prediction is no probability.

    Notes
    -----
    Σ_i Σ_k y_ik log a_ik, a sum over the N examples: −N times the mean cross-entropy.

    Examples
    --------
    >>> from tinygrad_edu.train import log_likelihood
    >>> round(log_likelihood([[0.2, 0.7, 0.1]], [1]), 4)
    -0.3567
    """
    p, t = _arrays(predicted, targets, "log_likelihood")
    if p.size and not (np.nanmin(p) >= 0 and np.nanmax(p) <= 1):
        raise ValueError(
            f"log_likelihood: predictions from {np.nanmin(p):g} to {np.nanmax(p):g} are no "
            "probabilities; end the model with a head, or apply softmax or sigmoid first"
        )
    p = p.astype(np.float64)
    if p.ndim == 1 or p.shape[1] == 1:
        if p.size != t.size or t.ndim > 2:
            raise _misfit("log_likelihood", p, t)
        p, t = p.ravel(), t.ravel()
        p, t = np.stack([1 - p, p], axis=1), np.stack([1 - t, t], axis=1)
    elif t.shape == p.shape[:1] and t.dtype.kind in "iu":
        if t.size and not (t.min() >= 0 and t.max() < p.shape[1]):
            raise ValueError(
                f"log_likelihood: labels from {t.min()} to {t.max()}; with {p.shape[1]} classes "
                f"they run from 0 to {p.shape[1] - 1}"
            )
        p, t = p[np.arange(len(t)), t], np.ones(len(t))
    elif t.shape != p.shape:
        raise _misfit("log_likelihood", p, t)
    with np.errstate(divide="ignore"):
        return float(np.sum(xlogy(t, p)))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "confusion_matrix": confusion_matrix,
    "log_likelihood": log_likelihood,
}

_ELSEWHERE = {"acc": "accuracy", "categorical_accuracy": "accuracy", "cm": "confusion_matrix"}


def metrics_of(wanted: str | Metric | Iterable[str | Metric]) -> dict[str, Metric]:
    """Return metrics, given by name or as functions, under their names.

    Raises
    ------
    ValueError
        If a name is unknown, then the message names the nearest known; or is there twice.
    TypeError
        If it is none of the three.
    """
    listed: Any = [wanted] if isinstance(wanted, str) or callable(wanted) else wanted
    if not isinstance(listed, Iterable):
        kind = type(wanted).__name__
        raise TypeError(f"metrics: {kind} is none; pass a name, a function, or a list of them")
    found: dict[str, Metric] = {}
    for each in listed:
        if callable(each):
            name, function = getattr(each, "__name__", type(each).__name__), each
        else:
            name, function = each, look_up(each, METRICS, "metric", _ELSEWHERE)
        if name in found:
            raise ValueError(f"metrics: two are called {name!r}; give each a name of its own")
        found[name] = function
    return found


def usual_metrics(head: Any, targets: Array) -> dict[str, Metric]:
    """Return the accuracy where each example has one class, else nothing.

    Integers may be amounts: a head says whether they are classes.
    """
    fits = targets.ndim == 1 and targets.dtype.kind in "iu"
    if head is not None:
        one_class = head.problem in ("multiclass", "binary")
        fits = one_class and (fits or bool(np.isin(targets, (0, 1)).all()))
    return metrics_of("accuracy" if fits else ())


def measured(metrics: Mapping[str, Metric], predicted: Array, targets: Array) -> dict[str, Any]:
    """Return what each metric gives, by name.

    Raises
    ------
    TypeError
        If one gives something else than numbers.
    """
    found: dict[str, Any] = {}
    for name, metric in metrics.items():
        found[name] = value = metric(predicted, targets)
        if isinstance(value, Node) or np.asarray(value).dtype.kind not in "fiub":
            raise TypeError(
                f"metric {name}: gave a {type(value).__name__}; return a number, or an array of "
                "numbers"
            )
    return found


def _arrays(predicted: Any, targets: Any, who: str) -> tuple[Array, Array]:
    if callable(predicted):
        raise TypeError(
            f"{who}: predicted is a {type(predicted).__name__}; pass what it predicts, "
            "model.predict(X), or write train.evaluate(model, data)"
        )
    p, t = np.asarray(predicted), np.asarray(targets)
    if not p.ndim or not t.ndim or p.ndim > 2 or not p.size:
        raise _misfit(who, p, t)
    return p, t


def _misfit(who: str, p: Array, t: Array) -> ValueError:
    return ValueError(
        f"{who}: predictions of shape {p.shape} and targets of shape {t.shape}; pass predictions "
        "(N, K) and targets (N,) or (N, K), with at least one example"
    )


def _classes(predicted: Any, targets: Any, who: str) -> tuple[Array, Array]:
    """The class that was decided for, -1 for NaN, and the right one, for each example."""
    p, t = _arrays(predicted, targets, who)
    if p.ndim == 1 or p.shape[1] == 1:
        p, t = p.reshape(len(p)), t.reshape(-1)
        if p.shape != t.shape:
            raise _misfit(who, p, t)
        return np.where(np.isnan(p), -1, p >= 0.5), _whole(t, who)
    if t.shape == p.shape:
        if not np.all((t == 0) | (t == 1)) or not np.all(t.sum(axis=1) == 1):
            raise ValueError(
                f"{who}: the rows of the targets are not one-hot; pass class labels, or ask for "
                "binary_accuracy where an example has several labels"
            )
        t = t.argmax(axis=1)
    elif t.shape != p.shape[:1]:
        raise _misfit(who, p, t)
    return np.where(np.isnan(p).any(axis=1), -1, p.argmax(axis=1)), _whole(t, who)


def _whole(labels: Array, who: str) -> Array:
    whole = labels.astype(np.int64)
    if labels.dtype.kind not in "iub" and not np.array_equal(whole, labels):
        raise ValueError(f"{who}: the targets are no class labels but {labels.dtype} in between")
    return whole
