"""How an expression is said: a quotient, a difference, a sum over k.

An expression is laid out first and then printed or drawn; Unicode, LaTeX and pictures share that
one layout, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Leaf,
    Number,
    Opaque,
    Product,
    Sum,
    Total,
    parts,
    power,
    product,
    total,
)

__all__ = ["Shown", "is_short", "layout"]


@dataclass(frozen=True)
class Shown:
    """One form of the layout: what it is, of which parts, and which expression it shows."""

    kind: str
    parts: tuple[Shown, ...] = ()
    expr: Expr | None = None
    detail: Any = None


def layout(expr: Expr) -> Shown:
    """Lay an expression out as forms: numbers, letters, calls, products, quotients, sums."""
    if isinstance(expr, Number):
        return _number(expr.value, expr)
    if isinstance(expr, Leaf):
        return Shown("leaf", (), expr)
    if isinstance(expr, Dimension):
        return Shown("dimension", (), expr)
    if isinstance(expr, Delta):
        return Shown("delta", (), expr)
    if isinstance(expr, Apply | Opaque):
        return Shown("call", tuple(layout(a) for a in expr.args), expr)
    if isinstance(expr, Sum):
        labels, body = [expr.label], expr.body
        while isinstance(body, Sum):
            labels.append(body.label)
            body = body.body
        return Shown("sum over", (layout(body),), expr, tuple(labels))
    if isinstance(expr, Product):
        return _product(expr)
    assert isinstance(expr, Total)
    signed = []
    for term in expr.terms:
        coefficient, factors = parts(term)
        minus = coefficient < 0
        signed.append((minus, layout(product(-coefficient, factors) if minus else term)))
    if all(minus for minus, _ in signed):
        inner = Shown("total", tuple(s for _, s in signed), expr, (False,) * len(signed))
        return Shown("negative", (inner,), expr)
    return Shown("total", tuple(s for _, s in signed), expr, tuple(minus for minus, _ in signed))


def _number(value: Fraction, expr: Expr | None = None) -> Shown:
    if value < 0:
        return Shown("negative", (_number(-value),), expr)
    return Shown("number", (), expr, value)


def _product(expr: Product) -> Shown:
    above: list[Shown] = []
    below: list[Shown] = []
    coefficient = abs(expr.coefficient)
    numerator, denominator = coefficient.numerator, coefficient.denominator
    if not is_short(coefficient):
        numerator, denominator = 1, 1
        above.append(_number(coefficient))
    if numerator != 1:
        above.append(_number(Fraction(numerator)))
    if denominator != 1:
        below.append(_number(Fraction(denominator)))
    for base, exponent in expr.factors:
        inverse = _inverse(base) if exponent == 1 else None
        if inverse is not None:
            below.append(layout(inverse))
        else:
            side = above if exponent > 0 else below
            side.append(_power(base, abs(exponent)))
    shown = _times(above)
    if below:
        shown = Shown("quotient", (shown, _times(below)), expr)
    elif shown.kind == "product":
        shown = Shown("product", shown.parts, expr)
    return Shown("negative", (shown,), expr) if expr.coefficient < 0 else shown


def _inverse(expr: Expr) -> Expr | None:
    """Return 1/x^(1−p) = x^(p−1), if all letters of the exponent have a minus; else None."""
    if not isinstance(expr, Apply) or expr.op is not ops.power:
        return None
    base, exponent = expr.args
    terms = exponent.terms if isinstance(exponent, Total) else (exponent,)
    letters = [parts(term)[0] for term in terms if not isinstance(term, Number)]
    if not letters or max(letters) > 0:
        return None
    opposite = total(product(-1, [(term, Fraction(1))]) for term in terms)
    return Apply(ops.power, (base, opposite), {})


def is_short(value: Fraction) -> bool:
    """Whether a number reads better as a fraction than as a decimal: 2/3, 1/8, but 0.1."""
    below = value.denominator
    while below % 2 == 0:
        below //= 2
    return value.denominator <= 1000 and (below == 1 or below % 5 != 0)


def _times(factors: list[Shown]) -> Shown:
    if not factors:
        return _number(Fraction(1))
    return factors[0] if len(factors) == 1 else Shown("product", tuple(factors))


def _power(base: Expr, exponent: Fraction) -> Shown:
    inner = layout(base)
    if exponent == 1:
        return inner
    whole = power(base, exponent)
    if exponent == Fraction(1, 2):
        return Shown("root", (inner,), whole)
    return Shown("power", (inner,), whole, exponent)
