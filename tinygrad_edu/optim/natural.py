"""Natural gradients: descent measured by what a step changes, not by how it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.optim.conjugate import conjugate_gradients
from tinygrad_edu.optim.schedules import Schedule
from tinygrad_edu.optim.solution import Objective, Path, Solution, Vector, descend
from tinygrad_edu.settings import count, number
from tinygrad_edu.transforms import hvp

__all__ = ["fisher_product", "natural_gradient"]

Divergence = Callable[[Any, Any], Any]


def fisher_product(divergence: Divergence, x: Any) -> Callable[[Any], Any]:
    r"""Make the product with the Fisher matrix of a model at x.

    Parameters
    ----------
    divergence : callable
        ``divergence(x, y)`` is the Kullback–Leibler divergence from the model with parameters x
        to the one with parameters y, a number. With several examples: their mean.
    x : array_like
        The parameters, one array.

    Returns
    -------
    callable
        From v to F v, of the shape of `x`.

    Notes
    -----
    :math:`F = \nabla_y^2\, \mathrm{KL}(p_x \| p_y)` at y = x, multiplied by without being
    formed (Amari 1998; Martens 2020, section 5).

    Examples
    --------
    A Bernoulli variable has F = 1/(p(1 − p)):

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> F = optim.fisher_product(lambda p, q: tg.binary_cross_entropy(q, p), 0.5)
    >>> F(1.0)
    array(4.)
    """
    here = np.array(x, dtype=np.float64)
    return lambda v: hvp(lambda y: divergence(here, y), here, v)


@guided
def natural_gradient(
    f: Callable[[Any], Any],
    start: Any,
    divergence: Divergence,
    *,
    rate: float | Schedule = 1.0,
    steps: int = 100,
    tolerance: float = 1e-8,
    damping: float = 0.0,
) -> Solution:
    r"""Minimise a function of a model's parameters along natural gradients.

    Parameters
    ----------
    f : callable
        From one array, or a list of arrays, to a number.
    start : array_like, or list of ndarray or Tensor
        Where to begin.
    divergence : callable
        ``divergence(x, y)``: the Kullback–Leibler divergence from the model with parameters x
        to the one with parameters y, both in the form of the start; see `fisher_product`.
    rate : float or schedule, optional
        The length η of a step.
    steps : int, optional
        The most to take.
    tolerance : float, optional
        Stop when the gradient's norm is at most this.
    damping : float, optional
        Added to the diagonal of the Fisher matrix.

    Returns
    -------
    Solution
        ``products`` counts the products with the Fisher matrix. A step that leaves the domain of
        `f` is not taken, and ends it.

    Raises
    ------
    ValueError
        If the value or the gradient is not finite at the start, or a setting is out of range.
    TypeError
        If `f` is no function, or the start no real numbers.

    Notes
    -----
    :math:`x \leftarrow x - \eta F^{-1} \nabla f` (Amari 1998), with conjugate gradients on
    products. Linear changes of the parameters leave every step as it is; other changes do in the
    limit of small steps.

    Examples
    --------
    One step for a Bernoulli variable, from p = 0.5 towards the mean 0.9 of the data:

    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> optim.natural_gradient(
    ...     lambda p: tg.binary_cross_entropy(p, 0.9),
    ...     0.5,
    ...     lambda p, q: tg.binary_cross_entropy(q, p),
    ...     rate=0.3,
    ...     steps=1,
    ... ).x
    array(0.62)
    """
    number("natural_gradient: tolerance", tolerance)
    number("natural_gradient: damping", damping)
    most = count("natural_gradient: steps", steps)
    if not callable(rate):
        number("natural_gradient: rate", rate)
    objective = Objective("natural_gradient", f, start)
    form, path = objective.form, Path()

    def advance(x: Vector, value: float, gradient: Vector) -> Vector | str:
        fisher = fisher_product(lambda x, y: divergence(form(x), form(y)), x)
        inner = conjugate_gradients(
            lambda v: fisher(v) + damping * v, gradient, tolerance=1e-12, steps=2 * x.size
        )
        path.products += inner.products
        if inner.steps == 0:
            return "the Fisher matrix vanishes along the gradient; add damping, such as 1e-4"
        length = rate(len(path.points) - 1) if callable(rate) else rate
        further: Vector = x - number("natural_gradient: rate", length) * inner.x
        return further

    return descend(objective, advance, tolerance, most, path)
