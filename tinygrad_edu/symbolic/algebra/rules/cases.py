"""Equations of conditions: comparisons that are decided, gates, and cases.

A comparison is a factor that is 1 where it holds and 0 elsewhere. What is chosen by a condition
is a sum of such gates, and a sum of two opposite gates is a choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Leaf,
    Mul,
    Number,
    difference,
    parts,
    product,
    terms_of,
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
from tinygrad_edu.symbolic.algebra.rules.sums import is_one_hot

__all__ = [
    "cases",
    "clip",
    "compare",
    "decided",
    "gate",
    "gate_twice",
    "is_gate",
    "opposite_gates",
    "opposite_of",
    "tie",
]

_OPPOSITE = {
    ops.less: ops.greater_equal,
    ops.less_equal: ops.greater,
    ops.equal: ops.not_equal,
    ops.greater_equal: ops.less,
    ops.greater: ops.less_equal,
    ops.not_equal: ops.equal,
}

_MIRRORED = {
    ops.less: ops.greater,
    ops.less_equal: ops.greater_equal,
    ops.equal: ops.equal,
    ops.greater_equal: ops.less_equal,
    ops.greater: ops.less,
    ops.not_equal: ops.not_equal,
}


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
    return opposite_of(condition) is not None or is_one_hot(condition)


@rule("decided", "[x < y] = 1, x < y", "it is known how the two compare", at=Apply)
def decided(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op not in _OPPOSITE:
        return
    one, other = expr.args
    reason = None
    if expr.op is ops.equal or expr.op is ops.not_equal:
        reason = facts.differ(one, other)
        holds = None if reason is None else expr.op is ops.not_equal
    elif expr.op is ops.less or expr.op is ops.greater_equal:
        less = _is_less(one, other, facts)
        holds = less if expr.op is ops.less or less is None else not less
    else:
        less = _is_less(other, one, facts)
        holds = less if expr.op is ops.greater or less is None else not less
    if holds is not None:
        right = Number(Fraction(holds))
        yield Match(expr, right, right, *(reason or ()))


def _is_less(one: Expr, other: Expr, facts: Facts) -> bool | None:
    """Whether x < y; None where that is not known."""
    if _is_infinite(one, 1) or _is_infinite(other, -1):
        return False
    if facts.sign(difference(one, other)) in {"positive", "nonnegative"}:
        return False
    return True if facts.sign(difference(other, one)) == "positive" else None


def _is_infinite(expr: Expr, sign: int) -> bool:
    """Whether an expression is ∞, or −∞: beyond it there is nothing."""
    value = expr.quantity.value if isinstance(expr, Leaf) and not expr.axes else None
    return value is not None and np.ndim(value) == 0 and value == sign * np.inf


@rule(
    "compare",
    "[y − x > 0] = [x < y]",
    "what is added to both sides changes no comparison",
    at=Apply,
)
def compare(expr: Apply, facts: Facts) -> Iterator[Match]:
    """Let no side hold what is taken away, and let a number stand on the right."""
    if expr.op not in _OPPOSITE:
        return
    terms = [*terms_of(expr.args[0]), *(product(-1, [(t, ONE)]) for t in terms_of(expr.args[1]))]
    known = [t for t in terms if isinstance(t, Number)]
    others = [t for t in terms if not isinstance(t, Number)]
    added = [t for t in others if parts(t)[0] > 0]
    taken = [product(-1, [(t, ONE)]) for t in others if t not in added]
    number = total(known)
    assert isinstance(number, Number)
    op, sides = expr.op, (added, taken)
    if not added:
        op, sides, number = _MIRRORED[op], (taken, added), Number(-number.value)
    one, other = total(sides[0]), total([*sides[1], Number(-number.value)])
    right = Apply(op, (one, other), {})
    if len(terms) > 1 and right.size < expr.size and others:
        yield Match(expr, right, right)


@rule("gate", "where(c, x, 0) = [c]·x", "a condition is 1 where it holds, else 0", at=Apply)
def gate(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op is not ops.where:
        return
    condition, chosen, otherwise = expr.args
    opposite = opposite_of(condition)
    if otherwise == ZERO and is_gate(condition):
        right = product(1, [(condition, ONE), (chosen, ONE)])
    elif chosen == ZERO and opposite is not None:
        right = product(1, [(opposite, ONE), (otherwise, ONE)])
    else:
        return
    yield Match(expr, right, right)


@rule("gate twice", "[c]^n = [c]", "1·1 = 1 and 0·0 = 0", at=Mul)
def gate_twice(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if exponent > 1 and is_gate(base):
            yield within_product(expr, ((base, exponent),), base)


@rule("opposite gates", "[c]·[not c] = 0", "only one of the two holds", at=Mul)
def opposite_gates(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        opposite = opposite_of(base)
        if exponent == 1 and opposite is not None and (opposite, ONE) in expr.factors:
            yield within_product(expr, ((base, ONE), (opposite, ONE)), ZERO)
            return


@rule("cases", "[c]·x + [not c]·y = where(c, x, y)", "one of two opposite gates is open", at=Add)
def cases(expr: Add, facts: Facts) -> Iterator[Match]:
    for one in expr.terms:
        for condition, exponent in parts(one)[1]:
            opposite = opposite_of(condition)
            if exponent != 1 or opposite is None or not is_call(condition, _FIRST):
                continue
            for other in expr.terms:
                chosen, otherwise = _open(one, condition), _open(other, opposite)
                if chosen is not None and otherwise is not None:
                    right = Apply(ops.where, (condition, chosen, otherwise), {})
                    result = total([*others(expr.terms, (one, other)), right])
                    yield Match(total((one, other)), right, result)


@rule(
    "tie",
    "[x ≥ y]·where([x = y], f/2, f) = f·(1 + sign(x − y))/2",
    "a tie counts half, and the sign of 0 is 0",
    at=Mul,
)
def tie(expr: Mul, facts: Facts) -> Iterator[Match]:
    """The gradient of max(x, y) by x: of both where they are equal, half."""
    for gate, exponent in expr.factors:
        if exponent != 1 or not is_call(gate, (ops.greater_equal, ops.less_equal)):
            continue
        one, other = gate.children if is_call(gate, ops.greater_equal) else gate.children[::-1]
        for choice, power in expr.factors:
            if power != 1 or not is_call(choice, ops.where):
                continue
            condition, half, whole = choice.children
            if not is_call(condition, ops.equal) or {*condition.children} != {one, other}:
                continue
            if half == product(Fraction(1, 2), [(whole, ONE)]):
                sign = Apply(ops.sign, (difference(one, other),), {})
                right = product(Fraction(1, 2), [(whole, ONE), (total([Number(ONE), sign]), ONE)])
                yield within_product(expr, ((gate, ONE), (choice, ONE)), right)


#: Of two opposite comparisons, the one that cases are written with.
_FIRST = (ops.less, ops.less_equal, ops.equal)


def _open(term: Expr, condition: Expr) -> Expr | None:
    """Return what stands behind a gate in a term; None where the gate is not there."""
    coefficient, factors = parts(term)
    rest = without(factors, ((condition, ONE),))
    return None if rest is None else product(coefficient, rest)


@rule(
    "clip",
    "where(|x| ≤ c, x, c·sign(x)) = clip(x, −c, c), c ≥ 0",
    "beyond ±c, what is left of x is ±c",
    at=Apply,
)
def clip(expr: Apply, facts: Facts) -> Iterator[Match]:
    if expr.op is not ops.where:
        return
    condition, inside, beyond = expr.args
    if not is_call(condition, (ops.less, ops.less_equal)):
        return
    magnitude, bound = condition.children
    if magnitude != Apply(ops.abs, (inside,), {}):
        return
    if beyond != product(1, [(bound, ONE), (Apply(ops.sign, (inside,), {}), ONE)]):
        return
    reason = facts.nonnegative(bound)
    if reason is not None:
        lowest = product(-1, [(bound, ONE)])
        right = Apply(REGISTRY["clip"], (inside, lowest, bound), {})
        yield Match(expr, right, right, *reason)
