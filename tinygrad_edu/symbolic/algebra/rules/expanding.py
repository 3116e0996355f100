"""Equations that bring a formula into one form: powers of sums written out, fractions joined."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Expr,
    Mul,
    Number,
    divided,
    opposite,
    order,
    parts,
    powers_of,
    product,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.arithmetic import distribute
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, others, rule, within_product

__all__ = ["common_denominator", "common_factor", "distribute_once", "expand_power", "turn_sign"]

ZERO = Fraction(0)

#: A power of a sum is written out up to this exponent, and while it has no more terms than this.
LARGEST_POWER = 4
MOST_TERMS = 200


@rule("distribute", distribute.equation, distribute.because, at=Mul)
def distribute_once(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Distribute over a sum, but leave powers of sums alone."""
    if any(isinstance(b, Add) and p == 1 for b, p in expr.factors):
        yield from distribute.apply(expr, facts)


@rule("expand", "(x + y)² = x² + 2·x·y + y²", "the binomial theorem", at=Mul)
def expand_power(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if not isinstance(base, Add) or exponent.denominator != 1 or exponent < 2:
            continue
        if (
            exponent > LARGEST_POWER
            or math.comb(len(base.terms) + exponent.numerator, exponent.numerator) > MOST_TERMS
        ):
            continue
        right = total(_multinomial(base.terms, int(exponent)))
        yield within_product(expr, ((base, exponent),), right)


def _multinomial(terms: tuple[Expr, ...], exponent: int) -> Iterator[Expr]:
    """Yield the terms of a power of a sum, with their multiplicities."""
    first, *rest = terms
    if not rest:
        yield product(1, [(first, Fraction(exponent))])
        return
    for taken in range(exponent, -1, -1):
        head = [(first, Fraction(taken))]
        for tail in _multinomial(tuple(rest), exponent - taken):
            yield product(math.comb(exponent, taken), [*head, (tail, ONE)])


@rule("common factor", "x/z + y = (x + y·z)/z", "the distributive law", at=Add)
def common_factor(expr: Add, facts: Facts) -> Iterator[Match]:
    """Take out of a sum what all terms share, and the denominators that any term has."""
    powers = [powers_of(parts(term)[1]) for term in expr.terms]
    bases = dict.fromkeys(base for each in powers for base in each)
    least = {base: min(each.get(base, Fraction(0)) for each in powers) for base in bases}
    shared = {base: exponent for base, exponent in least.items() if exponent}
    scale = abs(parts(leading(expr))[0])
    if not shared and scale == 1:
        return
    inside = total(product(1 / scale, [(divided(t, shared), ONE)]) for t in expr.terms)
    right = product(scale, [*shared.items(), (inside, ONE)])
    below = tuple(base for base, exponent in shared.items() if exponent < 0)
    because = f"{', '.join(['{}'] * len(below))} ≠ 0, for it is divided by" if below else ""
    yield Match(expr, right, right, because, of=below)


@rule(
    "common denominator",
    "x/b + y/d = (x·d + y·b)/(b·d), b·d ≠ 0",
    "each fraction is expanded by what it lacks",
    at=Add,
)
def common_denominator(expr: Add, facts: Facts) -> Iterator[Match]:
    every = ((t, powers_of(f for f in parts(t)[1] if f[1] < 0)) for t in expr.terms)
    fractions = [(term, below) for term, below in every if below]
    for (one, b), (other, d) in itertools.combinations(fractions, 2):
        common = {base: min(b.get(base, ZERO), d.get(base, ZERO)) for base in {**b, **d}}
        # What both have below is 0 in both or in neither: the rest is what must not be.
        lacking = [(x, own.get(x, ZERO) - p) for own in (b, d) for x, p in common.items()]
        if not any(power for _, power in lacking):
            continue
        reason = facts.never_zero(product(1, lacking))
        if reason is None:
            continue
        top = total(divided(term, common) for term in (one, other))
        right = product(1, [(top, ONE), *common.items()])
        result = total([*others(expr.terms, (one, other)), right])
        yield Match(total((one, other)), right, result, *reason)


def leading(expr: Add) -> Expr:
    """Return the term that decides the sign and the scale of a sum, whatever these are."""
    return min(expr.terms, key=lambda t: (isinstance(t, Number), order(product(1, parts(t)[1]))))


@rule("turn", "(y − x)^n = (−1)^n·(x − y)^n", "−1 is a common factor", at=Mul)
def turn_sign(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Let the leading term of a sum be positive, where the sum is raised to a whole power."""
    for base, exponent in expr.factors:
        if not isinstance(base, Add) or exponent.denominator != 1:
            continue
        if parts(leading(base))[0] < 0:
            right = product((-1) ** int(exponent), [(opposite(base), exponent)])
            yield within_product(expr, ((base, exponent),), right)
