"""Equations of functions: logarithms, exponentials, magnitudes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_edu import ops
from tinygrad_edu.symbolic.expr import Apply, Expr, Number, Product, Total, power, product, total
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.notation import text
from tinygrad_edu.symbolic.rules.rule import (
    ONE,
    ZERO,
    Match,
    is_call,
    rule,
    within_product,
    without,
)

__all__ = ["divide_by_exp", "exp_of_log", "join_exponentials", "log_of_exp", "sign_times_abs"]


@rule("log undoes exp", "log e^x = x", "the logarithm is the inverse of e^x")
def log_of_exp(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Apply) and expr.op is ops.log and is_call(expr.args[0], ops.exp):
        right = expr.args[0].children[0]
        yield Match(expr, right, right)


@rule("exp undoes log", "e^(log x) = x, x > 0", "e^x is the inverse of log")
def exp_of_log(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Apply) and expr.op is ops.exp and is_call(expr.args[0], ops.log):
        right = expr.args[0].children[0]
        if facts.sign(right) == "positive":
            yield Match(expr, right, right, f"{text(right)} > 0")


@rule("join exponentials", "e^x · e^y = e^(x+y)", "the law of exponents")
def join_exponentials(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Product):
        return
    powers = [f for f in expr.factors if is_call(f[0], ops.exp) and f[1].denominator == 1]
    for pair in itertools.combinations(powers, 2):
        exponent = total(product(n, [(base.children[0], ONE)]) for base, n in pair)
        right: Expr = Apply(ops.exp, (exponent,), {})
        if exponent == ZERO:
            right = Number(ONE)
        yield within_product(expr, pair, right)


@rule("divide by e^x", "e^x/(c + e^x) = 1/(1 + c·e^(−x))", "e^x > 0")
def divide_by_exp(expr: Expr, facts: Facts) -> Iterator[Match]:
    """e^x/(c + e^x) = 1/(1 + c e^-x)."""
    if not isinstance(expr, Product):
        return
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


@rule("|x| sign(x)", "|x|·sign(x) = x", "its magnitude times its sign")
def sign_times_abs(expr: Expr, facts: Facts) -> Iterator[Match]:
    """|x| sign(x) = x."""
    if not isinstance(expr, Product):
        return
    for magnitude, exponent in expr.factors:
        if is_call(magnitude, ops.abs) and exponent >= 1:
            pair = ((magnitude, ONE), (Apply(ops.sign, magnitude.children, {}), ONE))
            if without(expr.factors, pair) is not None:
                yield within_product(expr, pair, magnitude.children[0])
