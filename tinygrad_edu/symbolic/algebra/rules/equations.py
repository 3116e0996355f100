"""Equations that a derivation brings along: names, lemmas, complements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    divided,
    number,
    opposite,
    parts,
    product,
    rename,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.arithmetic import split
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, Rule, is_call, without

__all__ = ["Equation", "Equations", "complement_of"]


@dataclass(frozen=True)
class Equation:
    """An equation of one derivation: a name and its definition, or a lemma that follows."""

    left: Expr
    right: Expr
    because: str
    assumption: str | None = None

    def renamed(self, indices: Mapping[Index, Index]) -> Equation:
        """Return the equation at other indices."""
        left, right = rename(self.left, indices), rename(self.right, indices)
        return replace(self, left=left, right=right)

    def at(self, expr: Expr, facts: Facts) -> Iterator[Match]:
        """Yield where the left side stands: as the whole, among factors, or as another power."""
        if expr == self.left:
            yield self._match(expr, self.right, self.right)
            return
        yield from self._other_powers(expr, facts)
        if isinstance(expr, Mul):
            yield from self._among_factors(expr)

    def _match(self, left: Expr, right: Expr, result: Expr, assumption: str | None = None) -> Match:
        return Match(left, right, result, self.because, assumption or self.assumption)

    def _other_powers(self, expr: Expr, facts: Facts) -> Iterator[Match]:
        """If the left side is x^q, replace x^r by the power r/q of the right side."""
        base, q = split(self.left)
        if base is self.left:
            return
        coefficient, factors = parts(expr)
        for place, (other, exponent) in enumerate(factors):
            r: Expr = number(exponent)
            if is_call(other, ops.power) and exponent == 1:
                other, r = split(other)
            if other != base or r == q:
                continue
            ratio, assumption = _ratio(base, q, r, facts)
            if ratio is None:
                continue
            right = self.right**ratio
            rest = [*factors[:place], *factors[place + 1 :]]
            result = product(coefficient, [*rest, (right, ONE)])
            if result.size < expr.size:
                yield self._match(base**r, right, result, assumption)

    def _among_factors(self, expr: Mul) -> Iterator[Match]:
        """Replace the factors of the left side, upright or upside down."""
        coefficient, factors = parts(self.left)
        for direction in (1, -1) if isinstance(self.left, Mul) else ():
            taken = tuple((base, direction * exponent) for base, exponent in factors)
            rest = without(expr.factors, taken)
            if rest is None:
                continue
            scale = coefficient**direction
            right = self.right**direction
            result = product(expr.coefficient / scale, [*rest, (right, ONE)])
            if result.size < expr.size:  # 3·a is not to become 3·c/2 because c = 2·a
                yield self._match(product(scale, taken), right, result)


def _ratio(base: Expr, q: Expr, r: Expr, facts: Facts) -> tuple[Expr | None, str | None]:
    """Return r/q and what that assumes, where x^r is (x^q)^(r/q); None elsewhere."""
    if facts.sign(base) not in {"positive", "nonnegative"}:
        if not isinstance(q, Number) or not isinstance(r, Number):
            return None, None
        if q.value.denominator != 1 or (r.value / q.value).denominator != 1:
            return None, None
    reason = facts.never_zero(q)
    if reason is None:
        return None, None
    return r / q, reason[1]


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
        key = left.factors[0][0] if isinstance(left, Mul) else split(left)[0]
        self._by_left.setdefault(key, []).append(equation)

    def __iter__(self) -> Iterator[Equation]:
        for equations in self._by_left.values():
            yield from equations

    def rule(self, unless: Callable[[Equation], bool] = lambda equation: False) -> Rule:
        """Return the rule that replaces left sides by right sides, but for some equations."""

        def apply(expr: Expr, facts: Facts) -> Iterator[Match]:
            if not self._by_left:
                return
            bases = [base for base, _ in parts(expr)[1]]
            powers = [base.children[0] for base in bases if is_call(base, ops.power)]
            for key in dict.fromkeys((expr, *bases, *powers)):
                for equation in self._by_left.get(key, ()):
                    if not unless(equation):
                        yield from equation.at(expr, facts)

        return Rule(self.name, "", "", apply)


def complement_of(name: Leaf, meaning: Expr) -> tuple[Expr, Expr] | None:
    """Return the two sides of u·z = c - n·z for a quantity z = c/(n + u), else None."""
    if is_call(meaning, ops.sigmoid):
        meaning = 1 / (1 + ops.exp(opposite(meaning.children[0])))
    for base, exponent in parts(meaning)[1]:
        if exponent == -1 and isinstance(base, Add) and len(base.terms) == 2:
            numbers = [t for t in base.terms if isinstance(t, Number)]
            if len(numbers) == 1:
                above = divided(meaning, {base: -ONE})
                return (base - numbers[0]) * name, above - numbers[0] * name
    return None
