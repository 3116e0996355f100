"""Norms and penalties on weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node, Traced
from tinygrad_edu.core.op import Composed, op
from tinygrad_edu.ops.elementwise import abs, floating_operand, sign, sqrt, xdivy
from tinygrad_edu.ops.kernels import norms
from tinygrad_edu.ops.reduce import count, max, sum
from tinygrad_edu.ops.shape import Axes, concatenate, reshape, spread

__all__ = ["l1", "l2", "norm", "weight_decay"]


@op(forward=norms.relative, name="relative", inline=True)
def _relative(x: Any, norm: Any, p: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """x/‖x‖_p, and 0 at x = 0; not from the norm where that is infinite or has few digits.

    One infinite entry outweighs all others. Of several, each share is NaN: they have no limit.
    """


@_relative.defined_as
def _(x: Any, norm: Any, p: Any, *, axis: Axes, keepdims: bool) -> Any:
    return xdivy(x, spread(norm, x, axis, keepdims))


# d‖x‖ = <x/‖x‖, dx>, and 0 at x = 0
@op(
    forward=norms.euclidean_norm,
    name="euclidean_norm",
    rules=(
        lambda g, out, x, *, axis, keepdims: (
            spread(g, x, axis, keepdims) * _relative(x, out, 2, axis=axis, keepdims=keepdims)
        ),
    ),
    positive="nonnegative",
    text="‖{0}‖₂",
    tex=r"\left\|{0}\right\|_2",
)
def _euclidean(x: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """Square root of the sum of squares, without overflow."""


@_euclidean.defined_as
def _(x: Any, *, axis: Axes, keepdims: bool) -> Any:
    return sqrt(sum(x**2, axis=axis, keepdims=keepdims))


# d‖x‖_p = <sign(x) (|x|/‖x‖_p)^(p-1), dx>, and 0 at x = 0
@op(
    forward=norms.p_norm,
    name="p_norm",
    rules=(
        lambda g, out, x, p, *, axis, keepdims: (
            spread(g, x, axis, keepdims)
            * sign(x)
            * abs(_relative(x, out, p, axis=axis, keepdims=keepdims)) ** (p - 1)
        ),
    ),
    positive="nonnegative",
    text="‖{0}‖_{1}",
    tex=r"\left\|{0}\right\|_{{{1}}}",
)
def _p_norm(x: Any, p: Any, *, axis: Axes = None, keepdims: bool = False) -> Any:
    """The p-th root of the sum of p-th powers of magnitudes, without overflow."""


@_p_norm.defined_as
def _(x: Any, p: Any, *, axis: Axes, keepdims: bool) -> Any:
    return sum(abs(x) ** p, axis=axis, keepdims=keepdims) ** (1 / p)


def _joined(w: Any, name: str) -> Any:
    """Return one tensor, or several as one long vector."""
    if isinstance(w, list | tuple) and any(isinstance(x, Node | Traced | np.ndarray) for x in w):
        return concatenate([reshape(x, -1) for x in w])
    if isinstance(w, list | tuple) and not w:
        raise ValueError(f"{name}: an empty list has no norm; pass at least one tensor")
    return floating_operand(w, name)


@Composed
def norm(w: Any, p: Any = 2, axis: Axes = None, keepdims: bool = False) -> Any:
    """The ℓp norm of one tensor, or jointly of a list of tensors.

    (Σ |w_i|^p)^(1/p), scaled by the largest magnitude so that nothing overflows; 0 for no entries.
    At w = 0 the gradient is 0, the subgradient of least norm, and for p = ∞ the entries of largest
    magnitude share it equally. There is no second derivative at 0; the square of the ℓ2 norm,
    ``sum(w**2)``, has one.

    >>> w = tg.Tensor([3.0, -4.0])
    >>> tg.norm(w)
    Tensor(5.)
    >>> tg.gradients(tg.norm(w), w)
    array([ 0.6, -0.8])
    """
    w = _joined(w, "norm")
    if isinstance(p, Node):
        raise TypeError(
            "norm: p is held constant, so it is no Tensor; pass a number or a 0-d array"
        )
    exponent = float(p)
    if not exponent >= 1:
        raise ValueError(f"norm: p = {exponent:g} gives no norm; choose p ≥ 1, or inf")
    if exponent == 1:
        return sum(abs(w), axis=axis, keepdims=keepdims)
    if exponent == 2:
        return _euclidean(w, axis=axis, keepdims=keepdims)
    if exponent == np.inf:
        if count(w, axis) == 0:
            return sum(w, axis=axis, keepdims=keepdims)
        return max(abs(w), axis=axis, keepdims=keepdims)
    return _p_norm(w, p, axis=axis, keepdims=keepdims)


@Composed
def l1(w: Any) -> Any:
    """Sum of magnitudes of one tensor, or jointly of a list: the penalty that makes zeros.

    At 0 the gradient is 0 (Tibshirani 1996).

    >>> tg.l1(tg.Tensor([3.0, -4.0]))
    Tensor(7.)
    """
    return norm(w, 1)


@Composed
def l2(w: Any) -> Any:
    """Euclidean norm of one tensor, or jointly of a list; not squared.

    At 0 the gradient is 0. For the squared penalty see `weight_decay`.

    >>> tg.l2([tg.Tensor([3.0]), tg.Tensor([-4.0])])
    Tensor(5.)
    """
    return norm(w, 2)


@Composed
def weight_decay(params: Any, lam: Any) -> Any:
    """Half the sum of squared weights, times a rate.

    (λ/2) Σ w²: its gradient λ w is a spring that pulls to the origin (Krogh and Hertz 1991).

    >>> w = tg.Tensor([3.0, -4.0])
    >>> tg.gradients(tg.weight_decay(w, 0.1), w).round(2)
    array([ 0.3, -0.4])
    """
    if not float(lam.value if isinstance(lam, Node) else lam) >= 0:
        raise ValueError(f"weight_decay: the rate is {lam}; choose λ ≥ 0")
    given = params if isinstance(params, list | tuple) else [params]
    if not given:
        raise ValueError("weight_decay: an empty list; pass at least one tensor of weights")
    weights = [floating_operand(w, "weight_decay") for w in given]
    total = sum(weights[0] ** 2)
    for w in weights[1:]:
        total = total + sum(w**2)
    return lam * (total / 2)
