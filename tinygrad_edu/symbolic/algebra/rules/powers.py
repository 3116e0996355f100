"""Equations of powers whose exponent is an expression, and of powers of powers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Expr,
    Factor,
    Mul,
    Number,
    number,
    parts,
    power,
    product,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, is_call, rule, within_product

__all__ = ["add_exponents", "power_of_power", "raised", "root_of_square", "split"]


def raised(base: Expr, exponent: Expr) -> Expr:
    """Raise to a power whose exponent may be any expression."""
    if isinstance(exponent, Number):
        return power(base, exponent.value)
    return Apply(ops.power, (base, exponent), {})


def split(expr: Expr) -> tuple[Expr, Expr]:
    """Return the base and the exponent of an expression; whatever is no power has exponent 1."""
    if isinstance(expr, Apply) and expr.op is ops.power:
        return expr.args[0], expr.args[1]
    coefficient, factors = parts(expr)
    if coefficient == 1 and len(factors) == 1:
        base, exponent = factors[0]
        return base, number(exponent)
    return expr, number(1)


@rule(
    "add exponents",
    "x^p · x^q = x^(p+q), x ≠ 0",
    "exponents of one base add up",
    at=Mul,
)
def add_exponents(expr: Mul, facts: Facts) -> Iterator[Match]:
    for pair in itertools.combinations(expr.factors, 2):
        if not any(is_call(base, ops.power) for base, _ in pair):
            continue
        (base, p), (other, q) = (_flat(factor) for factor in pair)
        if base != other or p is None or q is None:
            continue
        reason = facts.never_zero(base)
        if reason is not None:
            yield within_product(expr, pair, raised(base, total((p, q))), *reason)


def _flat(factor: Factor) -> tuple[Expr, Expr | None]:
    """Return the base and the whole exponent of a factor; None where it is no whole multiple."""
    base, exponent = factor
    if not is_call(base, ops.power):
        return base, number(exponent)
    inner, inside = split(base)
    return inner, product(exponent, [(inside, ONE)]) if exponent.denominator == 1 else None


@rule(
    "power of a power",
    "(x^p)^q = x^(p·q), x ≥ 0",
    "exponents multiply",
    at=(Apply, Mul),
)
def power_of_power(expr: Apply | Mul, facts: Facts) -> Iterator[Match]:
    for left, base, p, q in _nested(expr):
        if facts.sign(base) in {"positive", "nonnegative"}:
            right = raised(base, product(1, [(p, ONE), (q, ONE)]))
            yield _within(expr, left, right, f"{base} ≥ 0")


@rule("root of a square", "(x^2)^q = |x|^(2·q)", "a square forgets the sign", at=(Apply, Mul))
def root_of_square(expr: Apply | Mul, facts: Facts) -> Iterator[Match]:
    for left, base, p, q in _nested(expr):
        even = isinstance(p, Number) and p.value.denominator == 1 and p.value % 2 == 0
        if even and facts.sign(base) not in {"positive", "nonnegative"}:
            magnitude = Apply(ops.abs, (base,), {})
            yield _within(expr, left, raised(magnitude, product(1, [(p, ONE), (q, ONE)])))


def _nested(expr: Apply | Mul) -> Iterator[tuple[Factor, Expr, Expr, Expr]]:
    """Yield every power of a power in an expression: the factor, its base, both exponents."""
    if isinstance(expr, Mul):
        for factor in expr.factors:
            if _is_power(factor[0]):
                yield factor, *split(factor[0]), number(factor[1])
    elif expr.op is ops.power and _is_power(expr.args[0]):
        yield (expr, ONE), *split(expr.args[0]), expr.args[1]


def _is_power(expr: Expr) -> bool:
    return split(expr)[0] is not expr if isinstance(expr, Apply | Mul) else False


def _within(expr: Apply | Mul, left: Factor, right: Expr, because: str = "") -> Match:
    if isinstance(expr, Mul):
        return within_product(expr, (left,), right, because)
    return Match(expr, right, right, because)
