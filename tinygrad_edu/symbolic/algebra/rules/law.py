"""Equations declared as equations: both sides written with the operations themselves.

``law("log undoes exp", ops.log(ops.exp(x)), x, "…")`` holds for whatever stands for the letter x.
What is declared is what is done and what is printed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Factor,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    constant,
    ops_in,
    parts,
    power,
    product,
    rename,
    replace,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts, Reason
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Application, Match, Rule, holds, without

__all__ = ["BACKWARDS", "Law", "called", "law", "letters"]

#: Each comparison, with itself read from the right.
BACKWARDS = {
    ops.less: ops.greater,
    ops.less_equal: ops.greater_equal,
    ops.equal: ops.equal,
    ops.greater_equal: ops.less_equal,
    ops.greater: ops.less,
    ops.not_equal: ops.not_equal,
}


class Law(Rule):
    """A rule that is an equation of two expressions, with the conditions under which it holds."""

    def __init__(
        self,
        name: str,
        sides: tuple[Expr, Expr],
        because: str,
        conditions: tuple[Expr, ...],
        matches: Application,
    ) -> None:
        super().__init__(name, "", because, matches, type(sides[0]))
        (self.left, self.right), self.conditions = sides, conditions
        self._needed = ops_in(self.left) - BACKWARDS.keys()

    def matches(self, expr: Expr, facts: Facts) -> Iterable[Match]:
        """Return the ways in which it applies; mostly the functions that it is of are not there."""
        return super().matches(expr, facts) if self._needed <= ops_in(expr) else ()

    @property
    def equation(self) -> str:
        """Both sides, and where they are equal."""
        where = (str(condition)[1:-1] for condition in self.conditions)  # x > 0 for [x > 0]
        return ", ".join([f"{self.left} = {self.right}", *where])


def letters(names: str) -> list[Any]:
    """Return letters that stand for anything."""
    return [Quantity(name).leaf for name in names.split()]


def law(
    name: str, left: Expr, right: Any, because: str, *conditions: Expr, scaled: bool = True
) -> Law:
    """Declare an equation that replaces what looks like its left side by its right side.

    Parameters
    ----------
    name, because : str
        What it is called, and why it holds.
    left, right : Expr or number
        Both sides. A product also matches among other factors, a sum among other terms, and up
        to a number.
    conditions : Expr, optional
        What must be known, or may be assumed: ``x > 0``, ``x >= 0`` or ``ops.not_equal(x, 0)``.
    scaled : bool, optional
        Whether a sum also matches as a multiple of the left side.

    Returns
    -------
    Law
        A rule, for a table of rules.
    """
    result = right if isinstance(right, Expr) else constant(right)
    sums = _sums_in(left)

    def matches(expr: Expr, facts: Facts) -> Iterator[Match]:
        if not _has_room(sums, expr):
            return
        for bound, scale, rest in _within(left, expr):
            reasons = [_reason(replace(each, bound), facts) for each in conditions]
            assumed = {reason[1] for reason in reasons if reason is not None} - {None}
            if None in reasons or len(assumed) > 1 or (scale != 1 and not scaled):
                continue
            before, after = (replace(each, bound) for each in (left, result))
            if isinstance(expr, Mul):
                whole = product(scale, [*rest, (after, ONE)])
            else:
                before, after = scale * before, scale * after
                whole = total([*rest, after])
            why = ", ".join(reason[0] for reason in reasons if reason is not None)
            yield Match(before, after, whole, why, next(iter(assumed), None))
            return

    return Law(name, (left, result), because, conditions, matches)


def _reason(demand: Expr, facts: Facts) -> Reason | None:
    """Say why a condition is met, and what that assumes; None where it is not known to be."""
    assert isinstance(demand, Apply)
    what, bound = demand.args
    if demand.op is ops.not_equal:
        return facts.never_zero(what - bound)
    return facts.positive(what) if demand.op is ops.greater else facts.nonnegative(what)


# --- matching -------------------------------------------------------------------------------------

Bound = Mapping[Expr, Expr]  # what letters stand for


def _sums_in(pattern: Expr) -> list[Fraction]:
    """Return the powers of the sums of terms among the factors of a pattern."""
    factors = pattern.factors if isinstance(pattern, Mul) else ()
    return [exponent for base, exponent in factors if isinstance(base, Add)]


def _has_room(sums: list[Fraction], expr: Expr) -> bool:
    """Whether a product has sums of terms, as high above or below the line as a pattern's are."""
    held = [exponent for base, exponent in parts(expr)[1] if isinstance(base, Add)]
    return all(any(holds(exponent, wanted) for exponent in held) for wanted in sums)


def _within(pattern: Expr, expr: Expr) -> Iterator[tuple[Bound, Fraction, Any]]:
    """Yield where a pattern stands in an expression: the letters, a number, and what is left."""
    if isinstance(pattern, Mul):
        coefficient, factors = parts(expr)
        for bound, scale, rest in _factors(pattern.factors, factors, {}):
            yield bound, scale * coefficient / pattern.coefficient, rest
    elif isinstance(pattern, Add):
        assert isinstance(expr, Add)
        yield from _terms(pattern.terms, expr.terms, {}, None, whole=False)
    else:
        for bound in unify(pattern, expr, {}):
            yield bound, ONE, ()


def unify(pattern: Expr, expr: Expr, bound: Bound) -> Iterator[Bound]:
    """Yield what letters stand for, where a pattern is the whole of an expression."""
    if isinstance(pattern, Leaf):
        if bound.get(pattern, expr) == expr:
            yield {**bound, pattern: expr}
    elif isinstance(pattern, Apply):
        call = called(expr)
        if call is not None and (call.op, call.attributes) == (pattern.op, pattern.attributes):
            yield from _each(pattern.args, call.args, bound)
        if call is not None and BACKWARDS.get(call.op) is pattern.op:
            yield from _each(pattern.args, call.args[::-1], bound)
    elif isinstance(pattern, Add):
        if isinstance(expr, Add):
            for found, _, rest in _terms(pattern.terms, expr.terms, bound, ONE, whole=True):
                if not rest:
                    yield found
    elif isinstance(pattern, Mul):
        yield from _unify_product(pattern, expr, bound)
    elif pattern == expr:
        yield bound


def called(expr: Expr) -> Apply | None:
    """Return the call that an expression is, or that its name stands for: σ(x) is one as well."""
    if isinstance(expr, Apply):
        return expr
    if not isinstance(expr, Leaf):
        return None
    call = expr.quantity.source
    if not isinstance(call, Opaque) or not call.op.elementwise:
        return None
    own = dict(zip(expr.quantity.leaf.axes, expr.axes, strict=True))
    return Apply(call.op, tuple(rename(a, own) for a in call.args), call.attributes)


def _each(patterns: tuple[Expr, ...], exprs: tuple[Expr, ...], bound: Bound) -> Iterator[Bound]:
    if not patterns:
        yield bound
        return
    for found in unify(patterns[0], exprs[0], bound):
        yield from _each(patterns[1:], exprs[1:], found)


def _unify_product(pattern: Mul, expr: Expr, bound: Bound) -> Iterator[Bound]:
    """Let the last letter stand for all that is left: in −x, x is −expr."""
    coefficient, factors = parts(expr)
    last = next((f for f in reversed(pattern.factors) if _is_free(*f, bound)), None)
    wanted = tuple(f for f in pattern.factors if f is not last)
    for found, scale, rest in _factors(wanted, factors, bound):
        left = product(scale * coefficient / pattern.coefficient, rest)
        if last is not None:
            yield from unify(last[0], left, found)
        elif left == Number(ONE):
            yield found


def _is_free(base: Expr, exponent: Fraction, bound: Bound) -> bool:
    return isinstance(base, Leaf) and exponent == 1 and base not in bound


def _factors(
    wanted: tuple[Factor, ...], held: tuple[Factor, ...], bound: Bound
) -> Iterator[tuple[Bound, Fraction, tuple[Factor, ...]]]:
    """Yield what letters stand for, and what is left: a number and factors. Forms come first."""
    if not wanted:
        yield bound, ONE, held
        return
    place = min(range(len(wanted)), key=lambda i: isinstance(wanted[i][0], Leaf))
    pattern, p = wanted[place]
    others = wanted[:place] + wanted[place + 1 :]
    known = bound.get(pattern)
    if known is not None:
        coefficient, factors = parts(power(known, p))
        rest = without(held, factors) if coefficient else None
        for found, scale, left in _factors(others, rest, bound) if rest is not None else ():
            yield found, scale / coefficient, left
        return
    for i, (base, exponent) in enumerate(held):
        if holds(exponent, p):
            left = () if exponent == p else ((base, exponent - p),)
            for found in unify(pattern, base, bound):
                yield from _factors(others, held[:i] + left + held[i + 1 :], found)


def _terms(
    wanted: tuple[Expr, ...],
    held: tuple[Expr, ...],
    bound: Bound,
    scale: Fraction | None,
    *,
    whole: bool,
) -> Iterator[tuple[Bound, Fraction, tuple[Expr, ...]]]:
    """Yield what letters stand for, the number that all terms share, and what terms are left."""
    if not wanted:
        yield bound, scale or ONE, held
        return
    # Those without a free letter come first, and decide on the number.
    place = min(range(len(wanted)), key=lambda i: _freedom(wanted[i], bound))
    pattern, others = wanted[place], wanted[:place] + wanted[place + 1 :]
    (n, factors), free = parts(pattern), _freedom(pattern, bound)
    if free == _ALONE and whole and not others:  # the last letter stands for all that is left
        held = (total(held),) if held else ()
    for i, term in enumerate(held):
        m, inner = parts(term)
        if free:
            settled = scale or ONE
            found = unify(pattern, product(m / settled, inner), bound) if inner or whole else ()
        else:
            settled = m / n if scale is None else scale
            found = unify(product(1, factors), product(1, inner), bound)
            found = found if m / n == settled else ()
        for each in found:
            yield from _terms(others, held[:i] + held[i + 1 :], each, settled, whole=whole)


_ALONE = 2


def _freedom(pattern: Expr, bound: Bound) -> int:
    """Say whether a term is a letter that may still stand for anything (2), or holds one (1)."""
    _, factors = parts(pattern)
    free = [_is_free(*factor, bound) for factor in factors]
    return _ALONE if free == [True] else int(any(free))
