"""Equations of proofs about functions with kinks: all is written with gates [x > 0] and [x = 0].

Then |x|, max(x, y), relu and choices are sums of products like others, and a function of such a
sum is what it is in each case.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Sum,
    difference,
    distinct,
    opposite,
    parts,
    product,
    replace,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.cases import is_gate, opposite_of
from tinygrad_edu.symbolic.algebra.rules.expanding import leading
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    ZERO,
    Match,
    is_call,
    rule,
    within_product,
    without,
)

__all__ = ["by_cases", "choice", "even_multiple", "one_gate", "sign_of_product", "where_equal"]

_ONE = Number(ONE)


@rule("choice", "where(c, x, y) = [c]·x + (1 − [c])·y", "one of two is chosen", at=Apply)
def choice(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op is ops.where and _is_truth(expr.args[0]):
        gate, one, other = expr.args
        cases = [(gate, one), (difference(_ONE, gate), other)]
        right = total(product(1, [(when, ONE), (value, ONE)]) for when, value in cases)
        yield Match(expr, right, right)


def _is_truth(expr: Expr) -> bool:
    """Whether an expression is 0 or 1: a gate, its opposite, or a product of such."""
    if isinstance(expr, Mul):
        return expr.coefficient == 1 and all(_is_truth(base) for base, _ in expr.factors)
    return is_gate(expr) or expr in (ZERO, _ONE)


@rule("one gate", "[x < y] = 1 − [x − y > 0] − [x − y = 0]", "one of the three holds", at=Apply)
def one_gate(expr: Apply, facts: Facts) -> Iterator[Match]:
    """Write comparisons with [x > 0] and [x = 0], where the leading term of x has no minus."""
    if opposite_of(expr) is None:
        return
    apart = total([expr.args[0], opposite(expr.args[1])])
    first = leading(apart) if isinstance(apart, Add) else apart
    scale = parts(first)[0]
    if not scale or isinstance(first, Number):
        return
    x = total(product(1 / scale, [(term, ONE)]) for term in terms_of(apart))
    above: Expr = Apply(ops.greater, (x, ZERO), {})
    level = Apply(ops.equal, (x, ZERO), {})
    below = total([_ONE, opposite(above), opposite(level)])
    if scale < 0:
        above, below = below, above
    right = {
        ops.greater: above,
        ops.less: below,
        ops.greater_equal: total([above, level]),
        ops.less_equal: total([below, level]),
        ops.equal: level,
        ops.not_equal: difference(_ONE, level),
    }[expr.op]
    if right != expr:
        yield Match(expr, right, right)


@rule("where equal", "[x − y = 0]·f(x) = [x − y = 0]·f(y)", "elsewhere the gate is 0", at=Mul)
def where_equal(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Put the other terms for the leading one, and 0 for [x > 0] beside [x = 0]."""
    for gate, exponent in expr.factors:
        if exponent != 1 or not is_call(gate, ops.equal) or gate.children[1] != ZERO:
            continue
        x = gate.children[0]
        first = leading(x) if isinstance(x, Add) else x
        rest = product(expr.coefficient, [f for f in expr.factors if f[0] != gate])
        if any(_binds(each, x.indices) for each in distinct(rest)):
            continue  # the x_k of max_k x_k is not that of the gate
        there = replace(rest, {Apply(ops.greater, (x, ZERO), {}): ZERO})
        others = opposite(total(term for term in terms_of(x) if term is not first))
        if isinstance(first, Leaf) or first == x:
            there = replace(there, {first: others})
        elif (left := without(parts(there)[1], parts(first)[1])) is not None:
            there = product(parts(there)[0], [*left, (others, ONE)])
        if there != rest and not _divides_by_zero(there):
            right = product(1, [(gate, ONE), (there, ONE)])
            yield Match(expr, right, right)


def _binds(expr: Expr, indices: frozenset[Index]) -> bool:
    """Whether an index has another meaning inside an expression."""
    if isinstance(expr, Sum):
        return expr.index in indices
    return isinstance(expr, Opaque) and any(not indices.isdisjoint(axes) for axes in expr.inside)


def _divides_by_zero(expr: Expr) -> bool:
    return any(
        base == ZERO and exponent < 0
        for each in expr.walk()
        if isinstance(each, Mul)
        for base, exponent in each.factors
    )


@rule("sign of a product", "sign(x·y) = sign(x)·sign(y)", "a minus turns the sign", at=Apply)
def sign_of_product(expr: Apply, facts: Facts) -> Iterator[Match]:
    """Take |x·y| and sign(x·y) apart, if no factor is a power of an even order."""
    if expr.op not in (ops.sign, ops.abs) or not isinstance(expr.args[0], Mul):
        return
    coefficient, factors = parts(expr.args[0])
    if any(exponent.denominator != 1 for _, exponent in factors):
        return
    if expr.op is ops.sign and any(exponent % 2 == 0 for _, exponent in factors):
        return
    scale = abs(coefficient) if expr.op is ops.abs else Fraction(1 if coefficient > 0 else -1)
    powers = [(Apply(expr.op, (b,), {}), p if expr.op is ops.abs else ONE) for b, p in factors]
    right = product(scale, powers)
    if right != expr:
        yield Match(expr, right, right)


@rule("multiples", "f(n·x) = f((n − 1)·x + x)", "n·x = (n − 1)·x + x", at=Apply)
def even_multiple(expr: Apply, facts: Facts) -> Iterator[Match]:
    """Take sin and cos of a multiple apart by the addition theorems; cos(−x) = cos x."""
    if expr.op not in (ops.sin, ops.cos):
        return
    n, factors = parts(expr.args[0])
    x = product(1, factors)
    if n < 0 and expr.op is ops.cos:
        right: Expr = Apply(ops.cos, (product(-n, factors),), {})
        yield Match(expr, right, right)
    elif n.denominator == 1 and 1 < n <= _MOST and factors:
        (s, c), (t, d) = (
            [Apply(op, (arg,), {}) for op in (ops.sin, ops.cos)]
            for arg in (product(n - 1, factors), x)
        )
        pairs = [(s, d, 1), (c, t, 1)] if expr.op is ops.sin else [(c, d, 1), (s, t, -1)]
        right = total(product(sign, [(f, ONE), (g, ONE)]) for f, g, sign in pairs)
        yield Match(expr, right, right)


_MOST = 4


@rule("by cases", "f([c]·x + y) = [c]·f(x + y) + (1 − [c])·f(y)", "the gate is 1 or 0")
def by_cases(expr: Expr, facts: Facts) -> Iterator[Match]:
    """Take a gate out of the argument of a function, a root or a quotient."""
    if isinstance(expr, Apply) and expr.op is not ops.where:
        gate = next((g for arg in expr.args for g in _gates(arg)), None)
        if gate is not None:
            right = _in_cases(expr, gate)
            yield Match(expr, right, right)
    elif isinstance(expr, Mul):
        for base, exponent in expr.factors:
            if exponent < 0 or exponent.denominator != 1:
                gate = next(_gates(base), None)
                if gate is not None:
                    power = product(1, [(base, exponent)])
                    yield within_product(expr, ((base, exponent),), _in_cases(power, gate))
                    return


def _gates(expr: Expr) -> Iterator[Expr]:
    """Yield the gates that stand in an expression, and in no function, sum or array of it."""
    if is_gate(expr) and isinstance(expr, Apply):
        yield expr
    elif not isinstance(expr, Apply | Sum | Opaque):
        for child in expr.children:
            yield from _gates(child)


def _in_cases(expr: Expr, gate: Expr) -> Expr:
    known = {gate: _ONE}
    if is_call(gate, ops.greater):
        known[Apply(ops.equal, gate.children, {})] = ZERO
    opened, closed = replace(expr, known), replace(expr, {gate: ZERO})
    cases = [(gate, opened), (difference(_ONE, gate), closed)]
    return total(product(1, [(when, ONE), (value, ONE)]) for when, value in cases)
