"""Running sums, differences, ranges and weighted averages."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.rearrange import along, counted_axes, flip
from tinygrad_edu.ops.reduce import max, mean, min, sum
from tinygrad_edu.ops.shape import Axes, getitem, reshape

__all__ = [
    "average",
    "cumsum",
    "diff",
    "ptp",
]


# d cumsum(x)_i = Σ dx_j over j ≤ i, so the gradient of x_j is Σ g_i over i ≥ j
@op(
    name="cumsum",
    tex=r"\operatorname{{cumsum}}({0})",
)
def _cumsum(x: Any, *, axis: int) -> Any:
    """Running sums along an axis."""
    return np.cumsum(x, axis=axis)


@_cumsum.rule(0)
def _(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return flip(_cumsum(flip(g, axis), axis=axis), axis)


@Composed
def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sums along an axis.

    The gradient is the running sums of g from the other end.

    >>> x = tg.Tensor([1.0, 2.0, 3.0])
    >>> tg.cumsum(x)
    Tensor([1., 3., 6.])
    >>> tg.gradients(tg.cumsum(x).sum(), x)
    array([3., 2., 1.])
    """
    x = operand(x, "cumsum")
    if axis is None or x.ndim == 0:
        x, axis = reshape(x, shape=-1), axis or 0
    (a,) = counted_axes(axis, x.ndim, "cumsum")
    return _cumsum(x, axis=a)


@Composed
def diff(x: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours along an axis.

    >>> tg.diff(tg.Tensor([1.0, 4.0, 9.0]))
    Tensor([3., 5.])
    """
    x = operand(x, "diff")
    (a,) = counted_axes(axis, x.ndim, "diff")
    if n < 0:
        raise ValueError(f"diff: {n} times; a number of times is not negative")
    for _ in range(n):
        x = getitem(x, along(a, slice(1, None))) - getitem(x, along(a, slice(None, -1)))
    return x


@Composed
def ptp(x: Any, axis: Axes = None, keepdims: bool = False) -> Any:
    """Range over axes, from the smallest entry to the largest (peak to peak).

    NaN where an entry is NaN.

    >>> x = tg.Tensor([1.0, 5.0, 2.0])
    >>> tg.gradients(tg.ptp(x), x)
    array([-1.,  1.,  0.])
    """
    x = operand(x, "ptp")
    return max(x, axis=axis, keepdims=keepdims) - min(x, axis=axis, keepdims=keepdims)


@Composed
def average(x: Any, axis: Axes = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """Weighted average over axes.

    Where the weights sum to 0 it is NaN or infinite, with NumPy's warning.

    >>> tg.average(tg.Tensor([1.0, 4.0]), weights=[3.0, 1.0])
    Tensor(1.75)
    """
    x = operand(x, "average")
    if weights is None:
        return mean(x, axis=axis, keepdims=keepdims)
    w = operand(weights, "average")
    if w.shape == x.shape:
        return sum(x * w, axis=axis, keepdims=keepdims) / sum(w, axis=axis, keepdims=keepdims)
    places = counted_axes(axis, x.ndim, "average")
    if len(places) != 1 or w.shape != (x.shape[places[0]],):
        raise ValueError(
            f"average: weights of shape {w.shape} for shape {x.shape} over axis {axis}; pass one "
            "weight for each entry, or a vector and the one axis that it belongs to"
        )
    column = reshape(w, shape=(-1, *(1,) * (x.ndim - 1 - places[0])))
    return sum(x * column, axis=axis, keepdims=keepdims) / sum(w)
