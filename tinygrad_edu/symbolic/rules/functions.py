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


@rule("|x| sign(x)", "|x|·sign(x) = x", "its magnitude times its sign", at=Product)
def sign_times_abs(expr: Product, facts: Facts) -> Iterator[Match]:
    for magnitude, exponent in expr.factors:
        if is_call(magnitude, ops.abs) and exponent >= 1:
            pair = ((magnitude, ONE), (Apply(ops.sign, magnitude.children, {}), ONE))
            if without(expr.factors, pair) is not None:
                yield within_product(expr, pair, magnitude.children[0])
