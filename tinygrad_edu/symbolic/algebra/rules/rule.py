"""What a rule is: a named equation and the ways it applies; what rules have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.algebra.expr import (
    KINDS,
    Add,
    Apply,
    Expr,
    Factor,
    Mul,
    Opaque,
    distinct,
    number,
    product,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts

__all__ = ["ONE", "ZERO", "Match", "Rule", "holds", "is_call", "place_of", "rule"]
__all__ += ["within_product", "within_sum", "without"]

ZERO = number(0)
ONE = number(1).value  # the object that powers share


@dataclass(frozen=True)
class Match:
    """One way in which a rule applies at an expression.

    `left` and `right` are the two sides of the equation as it applied here, `result` is what the
    whole expression becomes, `because` the sentence that says why, and `assumption` the
    statement it rests on, if any. Where the sentence has slots, {}, it speaks `of` expressions,
    which are written only where somebody reads the reason.
    """

    left: Expr
    right: Expr
    result: Expr
    because: str = ""
    assumption: str | None = None
    of: tuple[Expr, ...] = ()


#: What a rule says of an expression: what that is equal to, or how one or several parts of it
#: are; None where it says nothing.
Application = Callable[[Any, Facts], Expr | Match | Iterable[Match] | None]
Kind = type[Expr] | Op


class Rule:
    """A named equation with the sentence that says why it holds.

    It applies `at` expressions of some kinds, or at calls of some operations.
    """

    def __init__(
        self,
        name: str,
        equation: str = "",
        because: str = "",
        says: Application = lambda expr, facts: None,
        *at: Kind,
    ) -> None:
        self.name, self._equation, self.because, self._says = name, equation, because, says
        self._ops = frozenset(each for each in at if isinstance(each, Op))
        calls = {Apply if op.elementwise else Opaque for op in self._ops}
        kinds = (*calls, *(each for each in at or (Expr,) if not isinstance(each, Op)))
        self.kinds = frozenset(kind for kind in KINDS if issubclass(kind, kinds))

    @property
    def equation(self) -> str:
        """The equation, with wildcards."""
        return self._equation

    def matches(self, expr: Expr, facts: Facts) -> Iterable[Match]:
        """Return the ways in which the equation applies at an expression of one of its kinds."""
        if self._ops and expr.op is not None and expr.op not in self._ops:
            return ()
        found = self._says(expr, facts)
        if isinstance(found, Expr):
            return () if found == expr else (Match(expr, found, found),)
        return (found,) if isinstance(found, Match) else found or ()

    def apply(self, expr: Expr, facts: Facts) -> Iterable[Match]:
        """Return the ways in which the equation applies at any expression."""
        return self.matches(expr, facts) if type(expr) in self.kinds else ()

    def __str__(self) -> str:
        return f"{self.name}: {self.equation}"


def rule(name: str, equation: str, because: str, *at: Kind) -> Callable[[Application], Rule]:
    """Make a rule of the function that says where an equation applies."""
    return lambda says: Rule(name, equation, because, says, *at)


def is_call(expr: Expr, *ops: Op) -> bool:
    """Whether an expression is one of some operations, applied entry by entry."""
    return isinstance(expr, Apply) and expr.op in ops


def holds(held: Fraction, wanted: Fraction) -> bool:
    """Whether a power of x can be divided by another one: x^5 by x^2, x^(−1) by x^(−1)."""
    if held is wanted:  # as small numbers are
        return True
    return (held.numerator > 0) == (wanted.numerator > 0) and abs(held) >= abs(wanted)


def without(factors: tuple[Factor, ...], taken: Iterable[Factor]) -> tuple[Factor, ...] | None:
    """Divide powers out of a product's factors; None where they are not all there.

    A factor x^q holds x^p if p and q have one sign and q is no nearer to 0.
    """
    rest = list(factors)
    for base, exponent in taken:
        fits = [
            (held != exponent, place)  # the very same power first
            for place, (other, held) in enumerate(rest)
            if other == base and holds(held, exponent)
        ]
        if not fits:
            return None
        _, place = min(fits)
        left_over = rest[place][1] - exponent
        rest[place : place + 1] = [(base, left_over)] if left_over else []
    return tuple(rest)


def within_product(
    expr: Mul,
    left: tuple[Factor, ...],
    right: Expr,
    because: str = "",
    assumed: str | None = None,
) -> Match:
    """Replace some powers of a product by an expression."""
    rest = without(expr.factors, left)
    assert rest is not None
    result = product(expr.coefficient, [*rest, (right, ONE)])
    return Match(Mul(ONE, left), right, result, because, assumed)


def within_sum(
    expr: Add, left: Iterable[Expr], right: Expr, because: str = "", assumed: str | None = None
) -> Match:
    """Replace some terms of a sum by an expression."""
    left, rest = list(left), list(expr.terms)
    for term in left:
        rest.remove(term)
    return Match(total(left), right, total([*rest, right]), because, assumed)


def place_of(matched: Expr, inside: Expr) -> Expr | None:
    """Return the first part of an expression that holds what was matched, or None."""
    return next((part for part in distinct(inside) if _holds(part, matched)), None)


def _holds(part: Expr, matched: Expr) -> bool:
    if part == matched:
        return True
    if isinstance(part, Mul) and isinstance(matched, Mul):
        return without(part.factors, matched.factors) is not None
    if isinstance(part, Add) and isinstance(matched, Add):
        return all(term in part.terms for term in matched.terms)
    return False
