"""Equations of fractions."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu.symbolic.algebra.expr import Expr, Factor, Total, parts, powers_of, product, total
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, others, rule

__all__ = ["common_denominator"]


@rule(
    "common denominator",
    "x/b + y/d = (x·d + y·b)/(b·d), b·d ≠ 0",
    "each fraction is expanded by what it lacks",
    at=Total,
)
def common_denominator(expr: Total, facts: Facts) -> Iterator[Match]:
    fractions = [(term, below) for term in expr.terms if (below := _denominator(term))]
    for (one, b), (other, d) in itertools.combinations(fractions, 2):
        # What both have below is 0 in both or in neither: the rest is what must not be.
        lacking = _lacking(b, d), _lacking(d, b)
        if not any(lacking):
            continue
        reason = facts.never_zero(product(1, (factor for side in lacking for factor in side)))
        if reason is None:
            continue
        top = total(_expanded(term, more) for term, more in zip((one, other), lacking, strict=True))
        common = [*b.items(), *lacking[0]]
        right = product(1, [(top, ONE), *((base, -exponent) for base, exponent in common)])
        result = total([*others(expr.terms, (one, other)), right])
        yield Match(total((one, other)), right, result, *reason)


def _denominator(term: Expr) -> dict[Expr, Fraction]:
    """Return the powers below the fraction line, as what they are below it."""
    return powers_of((base, -exponent) for base, exponent in parts(term)[1] if exponent < 0)


def _expanded(term: Expr, more: list[Factor]) -> Expr:
    """Return what stands above the fraction line, times what the denominator lacked."""
    coefficient, factors = parts(term)
    return product(coefficient, [*(f for f in factors if f[1] > 0), *more])


def _lacking(own: dict[Expr, Fraction], other: dict[Expr, Fraction]) -> list[Factor]:
    """Return what one denominator must be multiplied by to hold all of the other."""
    return [
        (base, more)
        for base, exponent in other.items()
        if (more := exponent - own.get(base, Fraction(0))) > 0
    ]
