"""Losses of regression, and measures of distributions."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.core.op import operand
from tinygrad_edu.ops.elementwise import abs, floating_operand, xlogy
from tinygrad_edu.ops.reduce import sum
from tinygrad_edu.ops.targets import (
    reduced,
    refuse_no_distribution,
    refuse_other_shape,
    values_of,
)

__all__ = [
    "entropy",
    "kl_divergence",
    "mean_absolute_error",
    "mean_squared_error",
    "sum_squared_error",
]


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
    return reduced(difference**2, reduction, "mean_squared_error")


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
    return reduced(abs(difference), reduction, "mean_absolute_error")


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
    refuse_other_shape(predictions, targets, name, "predictions")
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
    refuse_other_shape(q, p, "kl_divergence", "q")
    for probabilities in (p, q):
        refuse_no_distribution(values_of(probabilities), "kl_divergence")
    return reduced(sum(xlogy(p, p) - xlogy(p, q), axis=-1), reduction, "kl_divergence")


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
    refuse_no_distribution(values_of(p), "entropy")
    return reduced(-sum(xlogy(p, p), axis=-1), reduction, "entropy")
