"""What is known of expressions: signs that follow from the graph, and assumptions.

The graph gives signs (an exponential is positive, a sum of positives too). What it cannot give
(targets sum to 1, a denominator is not 0) is an assumption: stated, tested on the data, and used
only where it holds and is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from tinygrad_edu.symbolic.evaluate import Environment
from tinygrad_edu.symbolic.expr import (
    Apply,
    Dimension,
    Expr,
    Leaf,
    Number,
    Opaque,
    Product,
    Sum,
    Total,
)
from tinygrad_edu.symbolic.notation import text

__all__ = ["Assumption", "Facts"]

#: How far the data may be from an assumption that counts as holding.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Assumption:
    """A statement that the graph does not imply.

    Attributes
    ----------
    statement : str
        As it is printed and as `assume` names it, such as "Σy = 1".
    holds : bool
        Whether it is true of the data.
    deviation : float
        By how much the data miss it; 0 where there is nothing to measure.
    used : bool
        Whether the derivation rests on it.
    """

    statement: str
    holds: bool
    deviation: float
    used: bool = False


class Facts:
    """Signs and assumptions for one derivation.

    Parameters
    ----------
    data : Environment
        The recorded values.
    allowed : collection of str or None
        The assumptions that may be used; None allows all that hold.
    constants : callable
        Whether a leaf is held constant, so that something may be assumed of it.
    """

    def __init__(
        self,
        data: Environment,
        allowed: Collection[str] | None = None,
        constants: Callable[[Leaf], bool] = lambda leaf: True,
    ) -> None:
        self.data = data
        self.allowed = None if allowed is None else frozenset(allowed)
        self.is_constant = constants
        self.met: dict[str, tuple[Assumption, Expr]] = {}
        self.positive: set[Expr] = set()  # from lemmas
        self._signs: dict[Expr, str] = {}

    # --- signs ------------------------------------------------------------------------------------

    def sign(self, expr: Expr) -> str:
        """Return "positive", "nonnegative", "negative", or "" where nothing is known."""
        found = self._signs.get(expr)
        if found is None:
            found = self._signs[expr] = self._sign(expr)
        return found

    def _sign(self, expr: Expr) -> str:
        if expr in self.positive:
            return "positive"
        if isinstance(expr, Number):
            return "positive" if expr.value > 0 else "nonnegative" if expr.value == 0 else "negative"
        if isinstance(expr, Dimension):
            return "positive"
        if isinstance(expr, Leaf):
            quantity = expr.quantity
            if quantity.sign:
                return quantity.sign
            return self.sign(quantity.definition) if quantity.definition is not None else ""
        if isinstance(expr, Apply | Opaque):
            return expr.op.positive
        if isinstance(expr, Sum):
            return self.sign(expr.body) if self.sign(expr.body) != "" else ""
        if isinstance(expr, Product):
            return self._sign_of_product(expr)
        if isinstance(expr, Total):
            signs = {self.sign(t) for t in expr.terms}
            if signs <= {"positive", "nonnegative"}:
                return "positive" if "positive" in signs else "nonnegative"
            return "negative" if signs == {"negative"} else ""
        return ""

    def _sign_of_product(self, expr: Product) -> str:
        strict, flips = True, expr.coefficient < 0
        for base, exponent in expr.factors:
            sign = self.sign(base)
            if sign == "positive":
                continue
            if exponent.denominator == 1 and exponent % 2 == 0:
                strict = strict and sign == "negative"
            elif sign == "nonnegative":
                strict = False
            elif sign == "negative" and exponent.denominator == 1:
                flips = not flips
            elif exponent == Fraction(1, 2):
                strict = False
            else:
                return ""
        if flips:
            return "negative" if strict else ""
        return "positive" if strict else "nonnegative"

    # --- assumptions ------------------------------------------------------------------------------

    def nonzero(self, expr: Expr) -> str | None:
        """Say why an expression is not zero; None where that is neither known nor assumed."""
        sign = self.sign(expr)
        if sign == "positive":
            return f"{text(expr)} > 0"
        if sign == "negative":
            return f"{text(expr)} < 0"
        statement = f"{text(expr)} ≠ 0"
        holds = bool(np.all(self.data.value(expr)[0] != 0))
        return statement if self._use(statement, expr, holds, 0.0) else None

    def sums_to_one(self, expr: Sum) -> str | None:
        """Return the statement that a constant sums to 1, if that may be used."""
        if not isinstance(expr.body, Leaf) or not self.is_constant(expr.body):
            return None
        deviation = float(np.max(np.abs(self.data.value(expr)[0] - 1), initial=0))
        statement = f"{text(expr)} = 1"
        usable = self._use(statement, expr, deviation <= TOLERANCE, deviation)
        return statement if usable else None

    def _use(self, statement: str, about: Expr, holds: bool, deviation: float) -> bool:
        self.met[statement] = Assumption(statement, holds, deviation), about
        return holds and (self.allowed is None or statement in self.allowed)

    def assumptions(self, used: Collection[str], result: Expr) -> list[Assumption]:
        """Return the assumptions that were used, and those that the result still waits for."""
        inside = set(result.walk())
        return [
            replace(assumption, used=assumption.statement in used)
            for assumption, about in self.met.values()
            if assumption.statement in used or about in inside
        ]
