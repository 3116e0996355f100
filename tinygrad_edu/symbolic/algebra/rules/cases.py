"""Equations of conditions: comparisons that are decided, gates, and cases.

A comparison is a factor that is 1 where it holds and 0 elsewhere. What is chosen by a condition
is a sum of such gates, and a sum of two opposite gates is a choice.

In proofs all is written with gates [x > 0] and [x = 0]. Then |x|, max(x, y), relu and choices are
sums of products like others, and a function of such a sum is what it is in each case.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

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
    distinct,
    number,
    opposite,
    parts,
    product,
    replace,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.arithmetic import leading
from tinygrad_edu.symbolic.algebra.rules.law import BACKWARDS
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    ZERO,
    Match,
    is_call,
    rule,
    within_product,
    within_sum,
    without,
)

__all__ = ["by_cases", "cases", "choice", "compare", "decided", "gate", "gate_twice", "is_gate"]
__all__ += ["even_multiple", "one_gate", "opposite_gates", "opposite_of", "sign_of_product"]
__all__ += ["where_equal"]

#: Each comparison, with the one that holds where it does not.
_OPPOSITE = {
    ops.less: ops.greater_equal,
    ops.less_equal: ops.greater,
    ops.equal: ops.not_equal,
    ops.greater_equal: ops.less,
    ops.greater: ops.less_equal,
    ops.not_equal: ops.equal,
}
#: Of two opposite comparisons, the one that cases are written with.
_FIRST = (ops.less, ops.less_equal, ops.equal)


def opposite_of(condition: Expr) -> Expr | None:
    """Return the comparison that holds where another does not; None for what is no comparison."""
    if isinstance(condition, Apply) and condition.op in _OPPOSITE:
        return Apply(_OPPOSITE[condition.op], condition.args, {})
    return None


def is_gate(condition: Expr) -> bool:
    """Whether a condition is 0 or 1 as a number: a comparison, a mask or an index."""
    if isinstance(condition, Leaf):
        value = condition.quantity.value
        return value is not None and np.asarray(value).dtype.kind == "b"
    return condition.op in _OPPOSITE or condition.op is ops.one_hot


@rule("decided", "[x < y] = 1, x < y", "it is known how the two compare", *_OPPOSITE)
def decided(expr: Apply, facts: Facts) -> Expr | Match | None:
    one, other = expr.args
    if expr.op is ops.equal or expr.op is ops.not_equal:
        reason = facts.differ(one, other)
        right = number(expr.op is ops.not_equal)
        return None if reason is None else Match(expr, right, right, *reason)
    if expr.op is ops.less_equal or expr.op is ops.greater:
        one, other = other, one
    less = _is_less(one, other, facts)
    return None if less is None else number(less == (expr.op is ops.less or expr.op is ops.greater))


def _is_less(one: Expr, other: Expr, facts: Facts) -> bool | None:
    """Whether x < y; None where that is not known."""
    if _is_infinite(one, 1) or _is_infinite(other, -1):
        return False
    if facts.sign(one - other) in {"positive", "nonnegative"}:
        return False
    return True if facts.sign(other - one) == "positive" else None


def _is_infinite(expr: Expr, sign: int) -> bool:
    """Whether an expression is ∞, or −∞: beyond it there is nothing."""
    value = expr.quantity.value if isinstance(expr, Leaf) and not expr.axes else None
    return value is not None and np.ndim(value) == 0 and value == sign * np.inf


@rule(
    "compare",
    "[y − x > 0] = [x < y]",
    "what is added to both sides changes no comparison",
    *_OPPOSITE,
)
def compare(expr: Apply, facts: Facts) -> Expr | None:
    """Let no side hold what is taken away, and let a number stand on the right."""
    one, other = expr.args
    terms = [*terms_of(one), *(-term for term in terms_of(other))]
    known = total(t for t in terms if isinstance(t, Number))
    letters = [t for t in terms if not isinstance(t, Number)]
    added = total(t for t in letters if parts(t)[0] > 0)
    taken = total(-t for t in letters if parts(t)[0] < 0)
    if added != ZERO:
        right = Apply(expr.op, (added, taken - known), {})
    else:
        right = Apply(BACKWARDS[expr.op], (taken, known), {})
    return right if len(terms) > 1 and letters and right.size < expr.size else None


@rule("gate", "where(c, x, 0) = [c]·x", "a condition is 1 where it holds, else 0", ops.where)
def gate(expr: Apply, facts: Facts) -> Expr | None:
    condition, chosen, otherwise = expr.args
    opposite = opposite_of(condition)
    if otherwise == ZERO and is_gate(condition):
        return condition * chosen
    if chosen == ZERO and opposite is not None:
        return opposite * otherwise
    return None


@rule("gate twice", "[c]^n = [c]", "1·1 = 1 and 0·0 = 0", Mul)
def gate_twice(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if exponent > 1 and is_gate(base):
            yield within_product(expr, ((base, exponent),), base)


@rule("opposite gates", "[c]·[not c] = 0", "only one of the two holds", Mul)
def opposite_gates(expr: Mul, facts: Facts) -> Match | None:
    for base, exponent in expr.factors:
        other = opposite_of(base)
        if exponent == 1 and other is not None and (other, ONE) in expr.factors:
            return within_product(expr, ((base, ONE), (other, ONE)), ZERO)
    return None


@rule("cases", "[c]·x + [not c]·y = where(c, x, y)", "one of two opposite gates is open", Add)
def cases(expr: Add, facts: Facts) -> Iterator[Match]:
    for one in expr.terms:
        for condition, exponent in parts(one)[1]:
            opposite = opposite_of(condition)
            if exponent != 1 or opposite is None or not is_call(condition, *_FIRST):
                continue
            for other in expr.terms:
                chosen, otherwise = _open(one, condition), _open(other, opposite)
                if chosen is not None and otherwise is not None:
                    right = ops.where(condition, chosen, otherwise)
                    yield within_sum(expr, (one, other), right)


def _open(term: Expr, condition: Expr) -> Expr | None:
    """Return what stands behind a gate in a term; None where the gate is not there."""
    coefficient, factors = parts(term)
    rest = without(factors, ((condition, ONE),))
    return None if rest is None else product(coefficient, rest)


# --- in proofs ------------------------------------------------------------------------------------


@rule("choice", "where(c, x, y) = [c]·x + (1 − [c])·y", "one of two is chosen", ops.where)
def choice(expr: Apply, facts: Facts) -> Expr | None:
    gate, one, other = expr.args
    return gate * one + (1 - gate) * other if _is_truth(gate) else None


def _is_truth(expr: Expr) -> bool:
    """Whether an expression is 0 or 1: a gate, its opposite, or a product of such."""
    if isinstance(expr, Mul):
        return expr.coefficient == 1 and all(_is_truth(base) for base, _ in expr.factors)
    return is_gate(expr) or expr in (ZERO, number(1))


@rule(
    "one gate",
    "[x < y] = 1 − [x − y > 0] − [x − y = 0]",
    "one of the three holds",
    *_OPPOSITE,
)
def one_gate(expr: Apply, facts: Facts) -> Expr | None:
    """Write comparisons with [x > 0] and [x = 0], where the leading term of x has no minus."""
    apart = expr.args[0] + opposite(expr.args[1])
    first = leading(apart) if isinstance(apart, Add) else apart
    scale = parts(first)[0]
    if not scale or isinstance(first, Number):
        return None
    x = total(1 / scale * term for term in terms_of(apart))
    above, level = x > ZERO, ops.equal(x, ZERO)
    below = 1 - above - level
    if scale < 0:
        above, below = below, above
    written: dict[Any, Expr] = {
        ops.greater: above,
        ops.less: below,
        ops.greater_equal: above + level,
        ops.less_equal: below + level,
        ops.equal: level,
        ops.not_equal: 1 - level,
    }
    return written[expr.op]


@rule("where equal", "[x − y = 0]·f(x) = [x − y = 0]·f(y)", "elsewhere the gate is 0", Mul)
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
        there = replace(rest, {x > ZERO: ZERO})
        others = opposite(total(term for term in terms_of(x) if term is not first))
        if isinstance(first, Leaf) or first == x:
            there = replace(there, {first: others})
        elif (left := without(parts(there)[1], parts(first)[1])) is not None:
            there = product(parts(there)[0], [*left, (others, ONE)])
        if there != rest and not _divides_by_zero(there):
            right = gate * there
            yield Match(expr, right, right)


def _binds(expr: Expr, indices: frozenset[Index]) -> bool:
    """Whether an index has another meaning inside an expression."""
    if isinstance(expr, Sum):
        return expr.index in indices
    return isinstance(expr, Opaque) and any(not indices.isdisjoint(axes) for axes in expr.inside)


def _divides_by_zero(expr: Expr) -> bool:
    factors = (factor for each in expr.walk() for factor in parts(each)[1])
    return any(base == ZERO and exponent < 0 for base, exponent in factors)


@rule(
    "sign of a product",
    "sign(x·y) = sign(x)·sign(y)",
    "a minus turns the sign",
    ops.sign,
    ops.abs,
)
def sign_of_product(expr: Apply, facts: Facts) -> Expr | None:
    """Take |x·y| and sign(x·y) apart, if no factor is a power of an even order."""
    coefficient, factors = parts(expr.args[0])
    powers = [exponent for _, exponent in factors]
    if not isinstance(expr.args[0], Mul) or any(p.denominator != 1 for p in powers):
        return None
    if expr.op is ops.abs:
        return product(abs(coefficient), [(abs(base), p) for base, p in factors])
    if any(p % 2 == 0 for p in powers):
        return None
    sign = Fraction(1 if coefficient > 0 else -1)
    return product(sign, [(ops.sign(base), ONE) for base, _ in factors])


@rule("multiples", "f(n·x) = f((n − 1)·x + x)", "n·x = (n − 1)·x + x", ops.sin, ops.cos)
def even_multiple(expr: Apply, facts: Facts) -> Expr | None:
    """Take sin and cos of a multiple apart by the addition theorems; cos(−x) = cos x."""
    sin, cos, (n, factors) = ops.sin, ops.cos, parts(expr.args[0])
    x = product(1, factors)
    if n < 0 and expr.op is cos:
        return Apply(cos, (-n * x,), {})
    if not factors or n not in range(2, _MOST + 1):
        return None
    rest = (n - 1) * x
    if expr.op is sin:
        return total((sin(rest) * cos(x), cos(rest) * sin(x)))
    return total((cos(rest) * cos(x), -sin(rest) * sin(x)))


_MOST = 4


@rule("by cases", "f([c]·x + y) = [c]·f(x + y) + (1 − [c])·f(y)", "the gate is 1 or 0", Apply, Mul)
def by_cases(expr: Apply | Mul, facts: Facts) -> Expr | Match | None:
    """Take a gate out of the argument of a function, a root or a quotient."""
    if isinstance(expr, Apply):
        gate = next((g for arg in expr.args for g in _gates(arg)), None)
        return None if gate is None or expr.op is ops.where else _in_cases(expr, gate)
    for base, exponent in expr.factors:
        whole = exponent > 0 and exponent.denominator == 1
        gate = None if whole else next(_gates(base), None)
        if gate is not None:
            return within_product(expr, ((base, exponent),), _in_cases(base**exponent, gate))
    return None


def _gates(expr: Expr) -> Iterator[Expr]:
    """Yield the gates that stand in an expression, and in no function, sum or array of it."""
    if is_gate(expr) and isinstance(expr, Apply):
        yield expr
    elif not isinstance(expr, Apply | Sum | Opaque):
        for child in expr.children:
            yield from _gates(child)


def _in_cases(expr: Expr, gate: Expr) -> Expr:
    known: dict[Expr, Expr] = {gate: number(1)}
    if is_call(gate, ops.greater):
        known[Apply(ops.equal, gate.children, {})] = ZERO
    opened, closed = replace(expr, known), replace(expr, {gate: ZERO})
    return gate * opened + (1 - gate) * closed
