"""Equations of logarithms, exponentials and products over an axis.

They take a formula apart: a logarithm of a product becomes a sum, an exponential of a sum a
product. A proof needs that; in the derivation of a gradient it would lengthen most formulas.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Factor,
    Index,
    Mul,
    Number,
    Opaque,
    Sum,
    named_axes,
    parts,
    power,
    product,
    rename,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, is_call, rule, within_product

__all__ = [
    "exp_of_multiple",
    "exp_of_sum",
    "ground",
    "log_of_power",
    "log_of_prod",
    "log_of_product",
    "power_of_prod",
    "power_of_product",
    "prod_of_exp",
    "prod_of_product",
    "weighted_log",
]


def _log(expr: Expr) -> Expr:
    return Apply(ops.log, (expr,), {})


def _exp(expr: Expr) -> Expr:
    return Apply(ops.exp, (expr,), {})


# --- what is positive -----------------------------------------------------------------------------


def ground(expr: Expr, facts: Facts) -> Expr:
    """Return the part whose sign decides that of an expression: f for f^t, σ for 2/σ."""
    if is_call(expr, ops.power):
        return ground(expr.children[0], facts)
    if isinstance(expr, Sum):
        return ground(expr.body, facts)
    if is_prod(expr):
        return ground(_prod(expr)[1], facts)
    if isinstance(expr, Mul) and expr.coefficient > 0:
        unknown = [base for base, _ in expr.factors if facts.sign(base) != "positive"]
        if len(unknown) == 1:
            return ground(unknown[0], facts)
    return expr


# --- logarithms -----------------------------------------------------------------------------------


def _log_of(factor: Factor) -> Expr:
    base, exponent = factor
    return product(exponent, [(_log(base), ONE)])


@rule(
    "log of a product",
    "log(x^p·y^q) = p·log x + q·log y, x > 0, y > 0",
    "the law of logarithms",
    at=Apply,
)
def log_of_product(expr: Apply, facts: Facts) -> Iterator[Match]:
    """Split what is positive; the one factor of unknown sign is so too, where all of them are."""
    if not is_call(expr, ops.log):
        return
    coefficient, factors = parts(expr.children[0])
    if coefficient <= 0 or not factors or (coefficient == 1 and len(factors) == 1):
        return
    unknown = [f for f in factors if facts.sign(f[0]) != "positive"]
    known = [f for f in factors if f not in unknown]
    statement = None
    if len(unknown) > 1:
        found = facts.positive(unknown[0][0])
        if found is not None:  # else what is unknown is kept together
            statement = found[1]
            known.append(unknown.pop(0))
        elif not known and coefficient == 1:
            return
    terms = [_log_of(f) for f in known]
    if coefficient != 1:
        terms.append(_log(Number(coefficient)))
    if unknown:
        terms.append(_log(product(1, unknown)))
    right = total(terms)
    because = "the law of logarithms, for what is positive" + (
        f": {statement}" if statement else ""
    )
    yield Match(expr, right, right, because, statement)


@rule("log of a power", "log x^p = p·log x, x > 0", "the law of logarithms", at=Apply)
def log_of_power(expr: Apply, facts: Facts) -> Iterator[Match]:
    """log x^p = p log x; where p is odd, x^p has no logarithm unless x is positive."""
    if not is_call(expr, ops.log):
        return
    inside = expr.children[0]
    base, exponent = inside, None
    if is_call(inside, ops.power):
        base, exponent = inside.children
    elif isinstance(inside, Mul) and inside.coefficient == 1 and len(inside.factors) == 1:
        (base, rational), exponent = inside.factors[0], Number(inside.factors[0][1])
        if rational.denominator == 1 and rational % 2 == 1:
            right = _log_of((base, rational))
            yield Match(expr, right, right)
            return
    if exponent is None:
        return
    found = facts.positive(base)
    if found is not None:
        right = product(1, [(exponent, ONE), (_log(base), ONE)])
        yield Match(expr, right, right, *found)


@rule("log of Π", "log Π_k x_k = Σ_k log x_k, x > 0", "the law of logarithms", at=Apply)
def log_of_prod(expr: Apply, facts: Facts) -> Iterator[Match]:
    if not is_call(expr, ops.log) or not is_prod(expr.children[0]):
        return
    indices, body = _prod(expr.children[0])
    found = facts.positive(body)
    if found is not None:
        right = sum_over(indices, _log(body))
        yield Match(expr, right, right, *found)


def is_prod(expr: Expr) -> bool:
    """Whether an expression is a product over axes."""
    return isinstance(expr, Opaque) and expr.op is ops.prod


def _prod(expr: Expr) -> tuple[list[Index], Expr]:
    """Return the indices that a product runs over, and its body with the indices outside."""
    assert isinstance(expr, Opaque)
    inside = expr.inside[0]
    gone = named_axes(len(inside), expr.attributes["axis"])
    indices = [index for i in gone if (index := inside[i]) is not None]
    kept = [index for i, index in enumerate(inside) if i not in gone]
    outside = expr.axes
    if expr.attributes["keepdims"]:
        outside = tuple(a for i, a in enumerate(outside) if i not in gone)
    new = {a: b for a, b in zip(kept, outside, strict=True) if a is not None and b is not None}
    return indices, rename(expr.args[0], new)


@rule("weighted log", "p·log(p·x) = p ⊙ log p + p·log x, p ≥ 0", "0·log 0 = 0", at=Mul)
def weighted_log(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Entropies hold p log p, which is 0 where p is 0: there p log(p/q) can be split too."""
    for place, (call, exponent) in enumerate(expr.factors):
        if exponent != 1 or not is_call(call, ops.log) or not isinstance(call.children[0], Mul):
            continue
        coefficient, inside = parts(call.children[0])
        weights = {base for base, power in expr.factors if power > 0}
        for held in inside:
            if held[0] not in weights or coefficient < 0 or facts.sign(held[0]) == "positive":
                continue
            known = facts.sign(held[0]) == "nonnegative"
            statement = None if known else facts.assumed(held[0], "≥")
            if not known and statement is None:
                continue
            remaining = list(inside)
            remaining.remove(held)
            logs = [_log_of(held), _log(product(coefficient, remaining))]
            around = [*expr.factors[:place], *expr.factors[place + 1 :]]
            right = total(product(expr.coefficient, [*around, (each, ONE)]) for each in logs)
            because = f"{held[0]} ≥ 0, and 0·log 0 = 0"
            yield Match(expr, right, right, because, statement)


# --- exponentials and powers ----------------------------------------------------------------------


@rule("exp of a sum", "e^(x+y) = e^x·e^y", "the law of exponents", at=Apply)
def exp_of_sum(expr: Apply, facts: Facts) -> Iterator[Match]:
    if is_call(expr, ops.exp) and isinstance(expr.children[0], Add):
        right = product(1, [(_exp(term), ONE) for term in expr.children[0].terms])
        yield Match(expr, right, right)


@rule("exp of a multiple", "e^(n·x) = (e^x)^n", "the law of exponents", at=Apply)
def exp_of_multiple(expr: Apply, facts: Facts) -> Iterator[Match]:
    if is_call(expr, ops.exp):
        coefficient, factors = parts(expr.children[0])
        if coefficient != 1 and factors:
            right = power(_exp(product(1, factors)), coefficient)
            yield Match(expr, right, right)


@rule("power of a product", "(c·x^p)^q = c^q·x^(p·q), x > 0", "the law of exponents", at=Mul)
def power_of_product(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Take out of a power what is never negative, or one factor that is known to be positive."""
    for base, exponent in expr.factors:
        if not isinstance(base, Mul) or base.coefficient <= 0:
            continue
        out = [(taken, f) for f in base.factors if (taken := _taken_out(f, exponent, facts))]
        statement = None
        if not out and base.coefficient == 1:
            assumed = ((f, facts.positive(f[0])) for f in base.factors)
            first = next(((f, found) for f, found in assumed if found is not None), None)
            if first is None:
                continue
            factor, (_, statement) = first
            out = [((factor[0], factor[1] * exponent), factor)]
        rest = [f for f in base.factors if all(f is not taken for _, taken in out)]
        inner = [*(taken for taken, _ in out), *([(product(1, rest), exponent)] if rest else [])]
        scale = [(Number(base.coefficient), exponent)] if base.coefficient != 1 else []
        right = product(1, [*scale, *inner])
        yield within_product(expr, ((base, exponent),), right, statement or "", statement)


def _taken_out(factor: Factor, exponent: Fraction, facts: Facts) -> Factor | None:
    """Return the power of a factor that may be raised on its own, if it may."""
    base, inside = factor
    if inside.denominator == 1 and inside % 2 == 0 and facts.sign(base) != "positive":
        return Apply(ops.abs, (base,), {}), inside * exponent
    nonnegative = facts.sign(base) == "nonnegative" and inside > 0 and exponent > 0
    return (base, inside * exponent) if nonnegative or facts.sign(base) == "positive" else None


@rule("power of Π", "(Π_k x_k)^q = e^(q·Σ_k log x_k), x > 0", "the law of exponents", at=Mul)
def power_of_prod(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if exponent.denominator != 1 and is_prod(base):
            indices, body = _prod(base)
            found = facts.positive(body)
            if found is not None:
                right = _exp(product(exponent, [(sum_over(indices, _log(body)), ONE)]))
                yield within_product(expr, ((base, exponent),), right, *found)


# --- products over an axis ------------------------------------------------------------------------


def _prod_again(expr: Opaque, body: Expr) -> Expr:
    """Take the product of something else over the same axes."""
    return Opaque(expr.op, (body,), expr.attributes, expr.inside, expr.axes)


@rule(
    "Π of a product",
    "Π_k x_k·y_k = Π_k x_k · Π_k y_k",
    "factors can be taken in any order",
    at=Opaque,
)
def prod_of_product(expr: Opaque, facts: Facts) -> Iterator[Match]:
    if not is_prod(expr):
        return
    coefficient, factors = parts(expr.args[0])
    each: list[Factor] = [] if coefficient == 1 else [(Number(coefficient), ONE)]
    for base, exponent in factors:
        outside = exponent.denominator == 1 or facts.sign(base) == "positive"
        each.append((base, exponent) if outside else (power(base, exponent), ONE))
    if len(each) > 1 or (each and each[0][1] != 1):
        right = product(1, [(_prod_again(expr, base), exponent) for base, exponent in each])
        yield Match(expr, right, right)


@rule("Π of exponentials", "Π_k e^(x_k) = e^(Σ_k x_k)", "the law of exponents", at=Opaque)
def prod_of_exp(expr: Opaque, facts: Facts) -> Iterator[Match]:
    if is_prod(expr):
        indices, body = _prod(expr)
        if is_call(body, ops.exp):
            right = _exp(sum_over(indices, body.children[0]))
            yield Match(expr, right, right)
