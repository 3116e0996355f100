"""What a rule is: a named equation and the ways it applies; what rules have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tinygrad_edu.symbolic.algebra.expr import KINDS, Apply, Expr, Factor, Mul, number, product
from tinygrad_edu.symbolic.algebra.facts import Facts

__all__ = [
    "ONE",
    "ZERO",
    "Kinds",
    "Match",
    "Rule",
    "is_call",
    "others",
    "rule",
    "within_product",
    "without",
]

ZERO = number(0)
ONE = number(Fraction(1)).value  # the object that powers share


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


class Rule:
    """A named equation with the sentence that says why it holds.

    `matches` yields where the equation applies at an expression of the kinds `at`.
    """

    def __init__(
        self, name: str, equation: str, because: str, matches: Application, at: Kinds = Expr
    ) -> None:
        self.name, self._equation, self.because = name, equation, because
        self.matches = matches
        self.kinds = frozenset(kind for kind in KINDS if issubclass(kind, at))

    @property
    def equation(self) -> str:
        """The equation, with wildcards."""
        return self._equation

    def apply(self, expr: Expr, facts: Facts) -> Iterable[Match]:
        """Yield the ways in which the equation applies at an expression."""
        return self.matches(expr, facts) if type(expr) in self.kinds else ()

    def __str__(self) -> str:
        return f"{self.name}: {self.equation}"


Kinds = type[Expr] | tuple[type[Expr], ...]
Application = Callable[[Any, Facts], Iterable[Match]]  # of an expression of these kinds


def rule(
    name: str, equation: str, because: str, *, at: Kinds = Expr
) -> Callable[[Application], Rule]:
    """Make a rule of the function that yields where an equation applies."""
    return lambda matches: Rule(name, equation, because, matches, at)


def is_call(expr: Expr, op: object) -> bool:
    """Whether an expression is an operation, or one of several, applied entry by entry."""
    ops = op if isinstance(op, tuple) else (op,)
    return isinstance(expr, Apply) and expr.op in ops


def without(factors: tuple[Factor, ...], taken: Iterable[Factor]) -> tuple[Factor, ...] | None:
    """Divide powers out of a product's factors; None where they are not all there.

    A factor x^q holds x^p if p and q have one sign and q is no nearer to 0.
    """
    rest = list(factors)
    for base, exponent in taken:
        fits = [
            (held != exponent, place)  # the very same power first
            for place, (other, held) in enumerate(rest)
            if other == base and held / exponent >= 1
        ]
        if not fits:
            return None
        _, place = min(fits)
        left_over = rest[place][1] - exponent
        rest[place : place + 1] = [(base, left_over)] if left_over else []
    return tuple(rest)


def within_product(
    expr: Expr,
    left: tuple[Factor, ...],
    right: Expr,
    because: str = "",
    assumed: str | None = None,
) -> Match:
    """Replace some powers of a product by an expression."""
    assert isinstance(expr, Mul)
    rest = without(expr.factors, left)
    assert rest is not None
    result = product(expr.coefficient, [*rest, (right, ONE)])
    return Match(Mul(ONE, left), right, result, because, assumed)


def others(terms: tuple[Expr, ...], taken: Iterable[Expr]) -> list[Expr]:
    """Return the terms but for one occurrence of each of those taken."""
    rest = list(terms)
    for term in taken:
        rest.remove(term)
    return rest
