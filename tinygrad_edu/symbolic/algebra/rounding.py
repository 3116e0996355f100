"""Formulas that are the same but for the rounding of their numbers.

NumPy computes 1/(2·σ²) of plain numbers to a float before anything is recorded; the same number,
reached in another order, may differ in its last digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Dimension,
    Expr,
    Factor,
    Leaf,
    Number,
    Opaque,
    Product,
    Sum,
    Total,
    distinct,
    parts,
)

__all__ = ["TOLERANCE", "alike"]

#: How far two numbers may be apart, relative to their size, to count as one number: few roundings.
TOLERANCE = 4e-15


def alike(one: Expr, other: Expr, size: float = 0) -> bool:
    """Whether two formulas differ by the rounding of numbers alone.

    `size` is that of the numbers which were added on the way to them, and may have cancelled.
    """
    if one == other:
        return True
    if is_number(one) and is_number(other):
        return _close(_value(one), _value(other))
    if is_number(one) or is_number(other):
        return False
    if isinstance(one, Total) or isinstance(other, Total):
        return _alike_sums(_terms(one), _terms(other), size)
    if isinstance(one, Product) or isinstance(other, Product):
        return _alike_products(one, other, size)
    if isinstance(one, Apply) and isinstance(other, Apply):
        same = one.op is other.op and dict(one.attributes) == dict(other.attributes)
    elif isinstance(one, Opaque) and isinstance(other, Opaque):
        same = one.key[0] is other.key[0] and one.key[2:] == other.key[2:]
    elif isinstance(one, Sum) and isinstance(other, Sum):
        same = one.label is other.label
    else:
        return False
    same = same and len(one.children) == len(other.children)
    return same and all(
        alike(a, b, size) for a, b in zip(one.children, other.children, strict=True)
    )


def is_number(expr: Expr) -> bool:
    """Whether a formula holds no letter, so that it is one number."""
    return not any(isinstance(e, Leaf | Dimension | Opaque | Sum) for e in distinct(expr)) and (
        not expr.labels
    )


def _value(expr: Expr) -> float:
    with np.errstate(all="ignore"):
        return float(Environment().value(expr)[0])


def _close(one: float, other: float, size: float = 0) -> bool:
    """Compare floats; NaN is close to nothing."""
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other), size)


def _terms(expr: Expr) -> tuple[Expr, ...]:
    return expr.terms if isinstance(expr, Total) else (expr,)


def _alike_sums(one: Sequence[Expr], other: Sequence[Expr], size: float) -> bool:
    """Match the terms of two sums; their numbers are added up first."""
    numbers = [[_value(t) for t in terms if is_number(t)] for terms in (one, other)]
    largest = max((abs(n) for each in numbers for n in each), default=0)
    size = max(size, largest)
    if not _close(sum(numbers[0]), sum(numbers[1]), size):
        return False
    first, second = ([t for t in terms if not is_number(t)] for terms in (one, other))
    return _matched(first, second, size)


def _matched(one: list[Expr], other: list[Expr], size: float) -> bool:
    """Pair every term of one with one of the other."""
    rest = list(other)
    for term in one:
        fit = next((i for i, each in enumerate(rest) if alike(term, each, size)), None)
        if fit is None:
            return False
        del rest[fit]
    return not rest


def _alike_products(one: Expr, other: Expr, size: float) -> bool:
    (scale, factors), (other_scale, others) = map(_scaled, (one, other))
    if len(factors) != len(others) or not _close(scale, other_scale):
        return False
    rest = list(others)
    for base, exponent in factors:
        fit = next(
            (
                i
                for i, (each, power) in enumerate(rest)
                if _close(float(exponent), float(power)) and alike(base, each, size)
            ),
            None,
        )
        if fit is None:
            return False
        del rest[fit]
    return True


def _scaled(expr: Expr) -> tuple[float, list[Factor]]:
    """Return a product as one number and the factors that hold letters."""
    coefficient, factors = parts(expr)
    scale = _value(Number(coefficient))
    for base, exponent in factors:
        if is_number(base):
            with np.errstate(all="ignore"):
                scale *= float(np.float64(_value(base)) ** float(exponent))
    return scale, [f for f in factors if not is_number(f[0])]
