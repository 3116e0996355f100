"""Formulas that are the same but for the rounding of their numbers.

NumPy computes 1/(2·σ²) of plain numbers to a float before anything is recorded; the same number,
reached in another order, may differ in its last digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Dimension,
    Expr,
    Factor,
    Leaf,
    Opaque,
    Sum,
    distinct,
    parts,
    product,
    terms_of,
)
from tinygrad_edu.symbolic.algebra.rules.rule import ONE

__all__ = ["TOLERANCE", "alike"]

#: How far two numbers may be apart, relative to their size, to count as one number: few roundings.
TOLERANCE = 4e-15


def alike(one: Expr, other: Expr, size: float = 0) -> bool:
    """Whether two formulas differ by the rounding of numbers alone.

    `size` is that of the numbers which were added on the way to them, and may have cancelled.
    """
    if one == other:
        return True
    if isinstance(one, Add) or isinstance(other, Add):
        numbers = [[_value(t) for t in terms_of(e) if is_number(t)] for e in (one, other)]
        size = max(size, *(abs(n) for each in numbers for n in each), 0)
        terms = [[(t, ONE) for t in terms_of(e) if not is_number(t)] for e in (one, other)]
        close = _close(sum(numbers[0]), sum(numbers[1]), size)
        return close and _matched(terms[0], terms[1], size)
    (scale, factors), (other_scale, others) = map(_scaled, (one, other))
    if [f[0] for f in factors] != [one] or [f[0] for f in others] != [other]:
        return _close(scale, other_scale) and _matched(factors, others, size)
    # Neither is a sum or a product.
    if type(one) is not type(other) or _head(one) != _head(other):
        return False
    ours, theirs = one.children, other.children
    same = 0 < len(ours) == len(theirs)
    return same and all(alike(a, b, size) for a, b in zip(ours, theirs, strict=True))


def _head(expr: Expr) -> tuple[Any, ...]:
    """Return what an expression is, but for what it is made of."""
    return tuple(part for part in expr.key if part not in (expr.children, *expr.children))


def is_number(expr: Expr) -> bool:
    """Whether a formula holds no letter, so that it is one number."""
    return not any(isinstance(e, Leaf | Dimension | Opaque | Sum) for e in distinct(expr)) and (
        not expr.indices
    )


def _value(expr: Expr) -> float:
    with np.errstate(all="ignore"):
        return float(Environment().value(expr)[0])


def _close(one: float, other: float, size: float = 0) -> bool:
    """Compare floats; NaN is close to nothing."""
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), size)


def _matched(one: Sequence[Factor], other: Sequence[Factor], size: float) -> bool:
    """Pair every power of one with one of the other."""
    rest = list(other)
    for base, exponent in one:
        fits = (i for i, (_, p) in enumerate(rest) if _close(float(exponent), float(p)))
        fit = next((i for i in fits if alike(base, rest[i][0], size)), None)
        if fit is None:
            return False
        del rest[fit]
    return not rest


def _scaled(expr: Expr) -> tuple[float, list[Factor]]:
    """Return a formula as one number and the powers that hold letters."""
    coefficient, factors = parts(expr)
    scale = _value(product(coefficient, (f for f in factors if is_number(f[0]))))
    return scale, [f for f in factors if not is_number(f[0])]
