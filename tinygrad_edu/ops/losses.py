"""Losses of regression, and measures of distributions."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.core.op import Composed, operand
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


@Composed
def mean_squared_error(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Squared differences, averaged over all entries.

    >>> tg.mean_squared_error(tg.Tensor([1.0, 2.0]), [1.0, 4.0])
    Tensor(2.)
    """
    difference = _difference(predictions, targets, "mean_squared_error")
    return reduced(difference**2, reduction, "mean_squared_error")


@Composed
def mean_absolute_error(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """Absolute differences, averaged over all entries.

    Where they agree the gradient is 0.

    >>> tg.mean_absolute_error(tg.Tensor([1.0, 2.0]), [1.0, 4.0])
    Tensor(1.)
    """
    difference = _difference(predictions, targets, "mean_absolute_error")
    return reduced(abs(difference), reduction, "mean_absolute_error")


@Composed
def sum_squared_error(predictions: Any, targets: Any) -> Any:
    """Half the sum of squared differences.

    ½ Σ (z - t)², whatever the number of examples; its gradient is z - t.

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


@Composed
def kl_divergence(p: Any, q: Any, reduction: str = "mean") -> Any:
    """Kullback-Leibler divergence of distributions.

    Σ_k p_k log p_k - Σ_k p_k log q_k with 0 log 0 = 0 (Kullback and Leibler 1951); never negative.

    >>> round(float(tg.kl_divergence([1.0, 0.0], [0.5, 0.5])), 4)
    0.6931
    """
    p, q = operand(p, "kl_divergence"), operand(q, "kl_divergence")
    refuse_other_shape(q, p, "kl_divergence", "q")
    for probabilities in (p, q):
        refuse_no_distribution(values_of(probabilities), "kl_divergence")
    return reduced(sum(xlogy(p, p) - xlogy(p, q), axis=-1), reduction, "kl_divergence")


@Composed
def entropy(p: Any, reduction: str = "mean") -> Any:
    """Shannon entropy of distributions, in nats.

    -Σ_k p_k log p_k with 0 log 0 = 0 (Shannon 1948).

    >>> float(tg.entropy([0.5, 0.5])) == float(tg.log(2.0))
    True
    """
    p = operand(p, "entropy")
    refuse_no_distribution(values_of(p), "entropy")
    return reduced(-sum(xlogy(p, p), axis=-1), reduction, "entropy")
