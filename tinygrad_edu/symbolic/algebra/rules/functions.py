"""Equations of functions: logarithms, exponentials, magnitudes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Expr,
    Leaf,
    Number,
    Opaque,
    Product,
    Total,
    parts,
    power,
    product,
    rename,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    ZERO,
    Match,
    is_call,
    others,
    rule,
    within_product,
    without,
)
from tinygrad_edu.symbolic.notation.written import text

__all__ = [
    "divide_by_exp",
    "exp_of_log",
    "join_exponentials",
    "log_of_exp",
    "odd_function",
    "opposite_sigmoid",
    "quotient_of_functions",
    "sign_times_abs",
    "sign_times_itself",
    "tanh_of_exponentials",
    "tanh_of_sigmoid",
]


@rule("log undoes exp", "log e^x = x", "the logarithm is the inverse of e^x", at=Apply)
def log_of_exp(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op is ops.log and is_call(expr.args[0], ops.exp):
        right = expr.args[0].children[0]
        yield Match(expr, right, right)


@rule("exp undoes log", "e^(log x) = x, x > 0", "e^x is the inverse of log", at=Apply)
def exp_of_log(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op is ops.exp and is_call(expr.args[0], ops.log):
        right = expr.args[0].children[0]
        if facts.sign(right) == "positive":
            yield Match(expr, right, right, f"{text(right)} > 0")


@rule("join exponentials", "e^x · e^y = e^(x+y)", "the law of exponents", at=Product)
def join_exponentials(expr: Product, facts: Facts) -> Iterator[Match]:
    powers = [f for f in expr.factors if is_call(f[0], ops.exp) and f[1].denominator == 1]
    for pair in itertools.combinations(powers, 2):
        exponent = total(product(n, [(base.children[0], ONE)]) for base, n in pair)
        right: Expr = Apply(ops.exp, (exponent,), {})
        if exponent == ZERO:
            right = Number(ONE)
        yield within_product(expr, pair, right)


@rule("divide by e^x", "e^x/(c + e^x) = 1/(1 + c·e^(−x))", "e^x > 0", at=Product)
def divide_by_exp(expr: Product, facts: Facts) -> Iterator[Match]:
    sums = [b for b, exponent in expr.factors if exponent == -1 and isinstance(b, Total)]
    for bottom in sums:
        constants = [t for t in bottom.terms if isinstance(t, Number)]
        tops = [t for t in bottom.terms if (t, ONE) in expr.factors]
        if len(bottom.terms) != 2 or len(constants) != 1 or len(tops) != 1:
            continue
        (constant,), (top,) = constants, tops
        if is_call(top, ops.exp):
            inverse = Apply(ops.exp, (product(-1, [(top.children[0], ONE)]),), {})
            below = total([Number(ONE), product(constant.value, [(inverse, ONE)])])
            pair = ((top, ONE), (bottom, -ONE))
            yield within_product(expr, pair, power(below, -1), "e^x > 0, so it divides both")


@rule(
    "quotient of functions",
    "sinh x/cosh x = tanh x, sin x/cos x = tan x",
    "what tanh and tan are defined as",
    at=Product,
)
def quotient_of_functions(expr: Product, facts: Facts) -> Iterator[Match]:
    for above, exponent in expr.factors:
        below = _BELOW.get(above.op) if isinstance(above, Apply) else None
        if below is None or exponent < 1:
            continue
        assert isinstance(above, Apply)
        pair = ((above, ONE), (Apply(below[0], above.args, {}), -ONE))
        if without(expr.factors, pair) is not None:
            yield within_product(expr, pair, Apply(below[1], above.args, {}))


@rule("odd function", "f(−x) = −f(x), f odd", "sign, tanh, sinh, sin and tan are odd", at=Apply)
def odd_function(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op not in _ODD:
        return
    coefficient, factors = parts(expr.args[0])
    if coefficient < 0:
        inside = product(-coefficient, factors)
        right = product(-1, [(Apply(expr.op, (inside,), expr.attributes), ONE)])
        yield Match(expr, right, right)


_ODD = frozenset({ops.sign, ops.tanh, ops.sinh, ops.sin, ops.tan})
_BELOW = {ops.sinh: (ops.cosh, ops.tanh), ops.sin: (ops.cos, ops.tan)}


@rule("tanh", "(e^x − e^y)/(e^x + e^y) = tanh((x − y)/2)", "what tanh is defined as", at=Product)
def tanh_of_exponentials(expr: Product, facts: Facts) -> Iterator[Match]:
    for above, below in itertools.permutations(expr.factors, 2):
        if not (above[1] == 1 and below[1] == -1):
            continue
        tops, bottoms = _exponents(above[0]), _exponents(below[0])
        if tops is None or bottoms is None or sorted(tops.values()) != [-1, 1]:
            continue
        if tops.keys() != bottoms.keys() or set(bottoms.values()) != {1}:
            continue
        x, y = sorted(tops, key=lambda exponent: -tops[exponent])
        opposite = product(-1, [(y, ONE)])
        half = x if x == opposite else product(Fraction(1, 2), [(total([x, opposite]), ONE)])
        right = Apply(ops.tanh, (half,), {})
        yield within_product(expr, (above, below), right)


def _exponents(expr: Expr) -> dict[Expr, Fraction] | None:
    """Return the exponents of a sum of two exponentials with their coefficients; 1 is e^0."""
    if not isinstance(expr, Total) or len(expr.terms) != 2:
        return None
    found: dict[Expr, Fraction] = {}
    for coefficient, factors in map(parts, expr.terms):
        if not factors:
            found[ZERO] = coefficient
        elif len(factors) == 1 and factors[0][1] == 1 and is_call(factors[0][0], ops.exp):
            found[factors[0][0].children[0]] = coefficient
    return found if len(found) == 2 else None


@rule("opposite sigmoid", "σ(−x) = 1 − σ(x)", "e^x/(1 + e^x) + 1/(1 + e^x) = 1", at=Total)
def opposite_sigmoid(expr: Total, facts: Facts) -> Iterator[Match]:
    """Write 1 − σ(−x) as σ(x), and σ(−x) as 1 − σ(x) where there is a σ(x) already."""
    sigmoids = list(_sigmoids(expr))
    there = {inside for _, _, inside in sigmoids}
    for term, coefficient, inside in sigmoids:
        opposite = product(-1, [(inside, ONE)])
        if parts(inside)[0] > 0:
            continue
        number, turned = Number(-coefficient), Apply(ops.sigmoid, (opposite,), {})
        if number in expr.terms:
            right = product(-coefficient, [(turned, ONE)])
            yield Match(
                total((number, term)), right, total([*others(expr.terms, (number, term)), right])
            )
        elif opposite in there:
            right = total([Number(coefficient), product(-coefficient, [(turned, ONE)])])
            yield Match(term, right, total([*others(expr.terms, (term,)), right]))


@rule("tanh of a sigmoid", "2·σ(2·x) − 1 = tanh x", "what tanh is defined as", at=Total)
def tanh_of_sigmoid(expr: Total, facts: Facts) -> Iterator[Match]:
    for term, coefficient, inside in _sigmoids(expr):
        number = Number(-coefficient / 2)
        if number in expr.terms:
            half = product(Fraction(1, 2), [(inside, ONE)])
            right = product(coefficient / 2, [(Apply(ops.tanh, (half,), {}), ONE)])
            yield Match(
                total((number, term)), right, total([*others(expr.terms, (number, term)), right])
            )


def _sigmoids(expr: Total) -> Iterator[tuple[Expr, Fraction, Expr]]:
    """Yield every term that is a multiple of a sigmoid: with its coefficient, and of what it is.

    One that has a name is left alone: 1 − a is what one wants to read.
    """
    for term in expr.terms:
        coefficient, factors = parts(term)
        if len(factors) == 1 and factors[0][1] == 1:
            base = factors[0][0]
            call = base.quantity.source if isinstance(base, Leaf) else base
            if isinstance(call, Apply | Opaque) and call.op is ops.sigmoid:
                inside = call.args[0]
                if isinstance(base, Leaf):
                    own = base.quantity.leaf.axes
                    inside = rename(inside, dict(zip(own, base.axes, strict=True)))
                yield term, coefficient, inside


@rule("|x| sign(x)", "|x|·sign(x) = x", "its magnitude times its sign", at=Product)
def sign_times_abs(expr: Product, facts: Facts) -> Iterator[Match]:
    for magnitude, exponent in expr.factors:
        if is_call(magnitude, ops.abs) and exponent >= 1:
            pair = ((magnitude, ONE), (Apply(ops.sign, magnitude.children, {}), ONE))
            if without(expr.factors, pair) is not None:
                yield within_product(expr, pair, magnitude.children[0])


@rule("x sign(x)", "x·sign(x) = |x|", "a sign turns what has it positive", at=Product)
def sign_times_itself(expr: Product, facts: Facts) -> Iterator[Match]:
    for sign, exponent in expr.factors:
        if is_call(sign, ops.sign) and exponent == 1:
            (base,) = sign.children
            pair = ((base, ONE), (sign, ONE))
            if without(expr.factors, pair) is not None:
                yield within_product(expr, pair, Apply(ops.abs, (base,), {}))
