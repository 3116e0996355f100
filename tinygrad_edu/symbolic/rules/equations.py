"""Equations that a derivation brings along: names, lemmas, complements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tinygrad_edu.symbolic.expr import (
    Expr,
    Leaf,
    Number,
    Product,
    Total,
    parts,
    power,
    product,
    total,
)
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.rules.rule import ONE, Match, Rule, others, without

__all__ = ["Equation", "Equations", "complement_of"]


@dataclass(frozen=True)
class Equation:
    """An equation of one derivation: a name and its definition, or a lemma that follows."""

    left: Expr
    right: Expr
    because: str

    def at(self, expr: Expr) -> Iterator[Match]:
        """Yield where the left side stands: as the whole, or among the factors of a product."""
        if expr == self.left:
            yield Match(expr, self.right, self.right, self.because)
        elif isinstance(self.left, Product) and isinstance(expr, Product):
            yield from self._among_factors(self.left, expr)

    def _among_factors(self, left: Product, expr: Product) -> Iterator[Match]:
        for direction in (ONE, -ONE):
            taken = tuple((base, p * direction) for base, p in left.factors)
            rest = without(expr.factors, taken)
            if rest is None:
                continue
            scale = left.coefficient ** int(direction)
            right = power(self.right, direction)
            result = product(expr.coefficient / scale, [*rest, (right, ONE)])
            if result.size < expr.size:  # 3·a is not to become 3·c/2 because c = 2·a
                yield Match(product(scale, taken), right, result, self.because)


class Equations:
    """Equations of one derivation that are used in the same way, as one rule.

    They are found by what stands on their left, so that a hundred cost no more than one.
    """

    def __init__(self, name: str, equations: Iterable[Equation] = ()) -> None:
        self.name = name
        self._by_left: dict[Expr, list[Equation]] = {}
        for equation in equations:
            self.add(equation)

    def add(self, equation: Equation) -> None:
        """Add one; those that were there before are tried first."""
        left = equation.left
        key = left.factors[0][0] if isinstance(left, Product) else left
        self._by_left.setdefault(key, []).append(equation)

    def rule(self, unless: Callable[[Equation], bool] = lambda equation: False) -> Rule:
        """Return the rule that replaces left sides by right sides, but for some equations."""

        def apply(expr: Expr, facts: Facts) -> Iterator[Match]:
            for key in (expr, *(base for base, _ in parts(expr)[1])):
                for equation in self._by_left.get(key, ()):
                    if not unless(equation):
                        yield from equation.at(expr)

        return Rule(self.name, "", "", apply)


def complement_of(name: Leaf, meaning: Expr) -> tuple[Expr, Expr] | None:
    """Return the two sides of u·z = c - n·z for a quantity z = c/(n + u), else None."""
    coefficient, factors = parts(meaning)
    for place, (base, exponent) in enumerate(factors):
        if exponent == -1 and isinstance(base, Total) and len(base.terms) == 2:
            numbers = [t for t in base.terms if isinstance(t, Number)]
            if len(numbers) != 1:
                continue
            (other,) = others(base.terms, numbers)
            numerator = product(coefficient, factors[:place] + factors[place + 1 :])
            right = total([numerator, product(-numbers[0].value, [(name, ONE)])])
            return product(1, [(other, ONE), (name, ONE)]), right
    return None
