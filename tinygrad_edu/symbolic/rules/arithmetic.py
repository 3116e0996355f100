"""Equations of products and of sums of terms."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu.symbolic.expr import Expr, Factor, Product, Total, parts, power, product, total
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.rules.rule import ONE, Match, others, rule, within_product, without

__all__ = ["cancel", "collect", "distribute", "factor", "join_powers"]


def _pairs(expr: Product, *, cancelling: bool) -> Iterator[tuple[Factor, Factor]]:
    """Yield the pairs of powers of one base in a product, with opposite signs or with the same."""
    powers: dict[Expr, list[Fraction]] = {}
    for base, exponent in expr.factors:
        for other in powers.setdefault(base, []):
            if (other * exponent < 0) == cancelling:
                yield (base, other), (base, exponent)
        powers[base].append(exponent)


@rule("cancel", "x^p · x^(−q) = x^(p−q), x ≠ 0", "equal factors divide out", at=Product)
def cancel(expr: Product, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=True):
        why = facts.nonzero(pair[0][0])
        if why is not None:
            assumed = why if why.endswith("≠ 0") else None
            yield _joined(expr, pair, f"where {why}" if assumed else why, assumed)


@rule("join powers", "x^p · x^q = x^(p+q)", "exponents of one base add up", at=Product)
def join_powers(expr: Product, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=False):
        yield _joined(expr, pair)


def _joined(
    expr: Expr, pair: tuple[Factor, Factor], because: str = "", assumed: str | None = None
) -> Match:
    (base, exponent), (_, other) = pair
    return within_product(expr, pair, power(base, exponent + other), because, assumed)


@rule("collect", "m·x + n·x = (m + n)·x", "the distributive law", at=Total)
def collect(expr: Total, facts: Facts) -> Iterator[Match]:
    seen: dict[tuple[Factor, ...], Expr] = {}
    for term in expr.terms:
        coefficient, factors = parts(term)
        first = seen.get(factors)
        if first is None or not factors:
            seen[factors] = term
            continue
        joined = product(coefficient + parts(first)[0], factors)
        rest = others(expr.terms, (first, term))
        yield Match(Total((first, term)), joined, total([*rest, joined]))


@rule("distribute", "x·(y + z) = x·y + x·z", "the distributive law", at=Product)
def distribute(expr: Product, facts: Facts) -> Iterator[Match]:
    for place, (base, exponent) in enumerate(expr.factors):
        if isinstance(base, Total) and exponent > 0 and exponent.denominator == 1:
            left_over = [(base, exponent - 1)] if exponent > 1 else []
            rest = [*expr.factors[:place], *left_over, *expr.factors[place + 1 :]]
            right = total(product(expr.coefficient, [*rest, (t, ONE)]) for t in base.terms)
            yield Match(expr, right, right)


@rule("factor", "x·y + x·z = x·(y + z)", "the distributive law", at=Total)
def factor(expr: Total, facts: Facts) -> Iterator[Match]:
    tried: set[tuple[tuple[Factor, ...], tuple[Expr, ...]]] = set()
    for term in expr.terms:
        for shared in parts(term)[1]:
            sharing = [t for t in expr.terms if without(parts(t)[1], (shared,)) is not None]
            if len(sharing) < 2:
                continue
            common = _common([parts(t)[1] for t in sharing])
            key = (common, tuple(sharing))
            if key in tried:
                continue
            tried.add(key)
            inner = []
            for t in sharing:
                coefficient, factors = parts(t)
                rest = without(factors, common)
                assert rest is not None
                inner.append(product(coefficient, rest))
            right = product(1, [*common, (total(inner), ONE)])
            result = total([*others(expr.terms, sharing), right])
            yield Match(total(sharing), right, result)


def _common(many: list[tuple[Factor, ...]]) -> tuple[Factor, ...]:
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
