"""Equations of products and of sums of terms."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu.symbolic.algebra.expr import (
    LONGEST_DECIMAL,
    Add,
    Expr,
    Factor,
    Mul,
    Sum,
    minuses,
    opposite,
    parts,
    power,
    product,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    Match,
    others,
    rule,
    within_product,
    without,
)

__all__ = ["cancel", "collect", "distribute", "factor", "join_powers", "shared_factors", "turn"]


def _pairs(expr: Mul, *, cancelling: bool) -> Iterator[tuple[Factor, Factor]]:
    """Yield the pairs of powers of one base in a product, with opposite signs or with the same."""
    powers: dict[Expr, list[Fraction]] = {}
    for base, exponent in expr.factors:
        for other in powers.setdefault(base, []):
            if (other * exponent < 0) == cancelling:
                yield (base, other), (base, exponent)
        powers[base].append(exponent)


@rule("cancel", "x^p · x^(−q) = x^(p−q), x ≠ 0", "equal factors divide out", at=Mul)
def cancel(expr: Mul, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=True):
        reason = facts.never_zero(pair[0][0])
        if reason is not None:
            yield _joined(expr, pair, *reason)


@rule("join powers", "x^p · x^q = x^(p+q)", "exponents of one base add up", at=Mul)
def join_powers(expr: Mul, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=False):
        yield _joined(expr, pair)


def _joined(
    expr: Expr, pair: tuple[Factor, Factor], because: str = "", assumed: str | None = None
) -> Match:
    (base, exponent), (_, other) = pair
    return within_product(expr, pair, power(base, exponent + other), because, assumed)


@rule("collect", "m·x + n·x = (m + n)·x", "the distributive law", at=Add)
def collect(expr: Add, facts: Facts) -> Iterator[Match]:
    seen: dict[tuple[Factor, ...], Expr] = {}
    for term in expr.terms:
        coefficient, factors = parts(term)
        first = seen.get(factors)
        if first is None or not factors:
            seen[factors] = term
            continue
        joined = product(coefficient + parts(first)[0], factors)
        rest = others(expr.terms, (first, term))
        yield Match(Add((first, term)), joined, total([*rest, joined]))


@rule("distribute", "x·(y + z) = x·y + x·z", "the distributive law", at=Mul)
def distribute(expr: Mul, facts: Facts) -> Iterator[Match]:
    for place, (base, exponent) in enumerate(expr.factors):
        if isinstance(base, Add) and exponent > 0 and exponent.denominator == 1:
            left_over = [(base, exponent - 1)] if exponent > 1 else []
            rest = [*expr.factors[:place], *left_over, *expr.factors[place + 1 :]]
            right = total(product(expr.coefficient, [*rest, (t, ONE)]) for t in base.terms)
            yield Match(expr, right, right)


@rule("factor", "x·y + x·z = x·(y + z)", "the distributive law", at=Add)
def factor(expr: Add, facts: Facts) -> Iterator[Match]:
    tried: set[tuple[Expr, ...]] = set()
    for sharing in _sharing(expr):
        if sharing in tried or len(sharing) < 2:
            continue
        tried.add(sharing)
        number = _common_number([parts(t)[0] for t in sharing])
        common = shared_factors([parts(t)[1] for t in sharing])
        if number == 1 and not common:
            continue
        inner = []
        for coefficient, factors in map(parts, sharing):
            rest = without(factors, common)
            assert rest is not None
            inner.append(product(coefficient / number, rest))
        right = product(number, [*common, (total(inner), ONE)])
        result = total([*others(expr.terms, sharing), right])
        yield Match(total(sharing), right, result)


@rule("turn a difference", "−x·(y − z) = x·(z − y)", "−1 is a common factor", at=Mul)
def turn(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Let a difference take the minus that stands before it, or before the sum it stands in."""
    if expr.coefficient < 0:
        for base, exponent in expr.factors:
            turned = _turned(base) if exponent == 1 else None
            if turned is not None:
                rest = [f for f in expr.factors if f != (base, exponent)]
                right = product(-expr.coefficient, [*rest, (turned, ONE)])
                yield Match(expr, right, right)


def _turned(expr: Expr) -> Expr | None:
    """Return −x where it holds no more minus signs than x does, for the difference that x holds."""
    if isinstance(expr, Add):
        turned = opposite(expr)
        return turned if minuses(turned.children) <= minuses(expr.terms) else None
    if isinstance(expr, Sum):
        coefficient, factors = parts(expr.body)
        for base, exponent in factors:
            inner = _turned(base) if exponent == 1 else None
            if inner is not None:
                rest = [f for f in factors if f != (base, exponent)]
                return expr.rebuild((product(coefficient, [*rest, (inner, ONE)]),))
    return None


def _sharing(expr: Add) -> Iterator[tuple[Expr, ...]]:
    """Yield terms that have something in common: all, which may share a number, then some."""
    yield expr.terms
    for term in expr.terms:
        for shared in parts(term)[1]:
            yield tuple(t for t in expr.terms if without(parts(t)[1], (shared,)) is not None)


def _common_number(numbers: list[Fraction]) -> Fraction:
    """Return the largest number that all of several are whole multiples of."""
    above, below = (n.numerator for n in numbers), (n.denominator for n in numbers)
    found = Fraction(math.gcd(*above), math.lcm(*below))
    # Of floats that were computed, as 1/√(2π), it is the last digit that they have in common.
    return found if found.denominator <= LONGEST_DECIMAL else ONE


def shared_factors(many: list[tuple[Factor, ...]]) -> tuple[Factor, ...]:
    """Return the powers that all of several products hold."""
    common: list[Factor] = []
    for base, exponent in many[0]:
        while exponent and any(
            without(factors, [*common, (base, exponent)]) is None for factors in many
        ):
            exponent -= 1 if exponent > 0 else -1
            if abs(exponent) < 1:
                exponent = Fraction(0)
        if exponent:
            common.append((base, exponent))
    return tuple(common)
