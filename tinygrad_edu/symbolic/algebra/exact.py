"""Whether a step is exact: an identity, if need be by laws of its functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Index,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    meaning_of,
    parts,
    product,
    quantities_in,
    rename,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Assumption, Facts
from tinygrad_edu.symbolic.algebra.modular import Modular, Undefined
from tinygrad_edu.symbolic.algebra.rules import cases, functions, laws
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Rule, rule, without

__all__ = ["LAWS", "Exactness", "Judge", "softmax"]

Axes = Sequence[Index | None]

#: Points at which both sides are evaluated: in general, and where signs decide.
POINTS, MORE_POINTS = 2, 16
#: So many points may be undefined, or prove nothing, before no more are drawn.
MOST_DRAWN = 40


@dataclass(frozen=True)
class Exactness:
    """Whether two formulas are equal exactly, and by which laws of their functions.

    Attributes
    ----------
    holds : bool
        Whether they have the same value at every point that was drawn; so is the whole.
    laws : dict of str to str
        The laws that were needed, by name; without any, it is an identity of rational functions,
        in which every function is a letter.
    """

    holds: bool
    laws: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        if not self.holds:
            return "not exact"
        return "exact" + (f", by {'; '.join(self.laws.values())}" if self.laws else "")


# --- the laws -------------------------------------------------------------------------------------


@rule("exp of Σ", "e^(c·Σ_k x_k) = Π_k e^(c·x_k)", "the law of exponents", ops.exp)
def exp_of_sums(expr: Apply, facts: Facts) -> Expr | None:
    """Take an exponential of what holds a sum apart, so that its terms are met one by one."""
    coefficient, factors = parts(expr.args[0])
    for base, exponent in factors:
        rest = product(coefficient, without(factors, ((base, exponent),)) or ())
        if exponent == 1 and isinstance(base, Add):
            exponential: Expr = ops.exp(total(rest * term for term in base.terms))
            return exponential
        if exponent == 1 and isinstance(base, Sum) and base.index not in rest.indices:
            body = ops.exp(rest * base.body)
            inside = (base.index, *sorted(body.indices - {base.index}, key=lambda a: a.order))
            attributes = {"axis": 0, "keepdims": False}
            return Opaque(ops.prod, (body,), attributes, (inside,), inside[1:])
    return None


@rule("power of a product", "(x^p·y^q)^r = x^(p·r)·y^(q·r)", "the law of exponents", Mul)
def power_of_product(expr: Mul, facts: Facts) -> Expr:
    """Raise each factor on its own; an even power of x forgets its sign, and is one of |x|."""
    found = []
    for base, exponent in expr.factors:
        scale, inner = parts(meaning_of(base) or base)
        if exponent.denominator == 1 or not inner or scale <= 0 or inner == ((base, ONE),):
            found.append((base, exponent))
            continue
        found.append((Number(scale), exponent))
        for each, p in inner:
            signed = p.denominator == 1 and p % 2 == 0 and facts.sign(each) not in _KNOWN
            found.append((abs(each) if signed else each, p * exponent))
    return product(expr.coefficient, found)


_KNOWN = frozenset({"positive", "nonnegative"})


@rule(
    "meaning",
    "f(x) is what a name stands for",
    "the definition",
    *(ops.exp, ops.log, ops.tanh, ops.sigmoid),
)
def named(expr: Apply, facts: Facts) -> Expr | None:
    """Look into names within exponentials and logarithms."""
    coefficient, factors = parts(expr.args[0])
    opened = tuple((meaning_of(base) or base, exponent) for base, exponent in factors)
    return None if opened == factors else expr.rebuild((product(coefficient, opened),))


@rule("softmax", "softmax(x)_k = e^(x_k)/Σ_j e^(x_j)", "the definition", ops.softmax)
def softmax(expr: Opaque, facts: Facts) -> Expr:
    """Write a softmax out, at its own indices."""
    inside, axis = expr.inside[0], expr.attributes["axis"]
    index = inside[axis]
    if index is None:
        return Number(ONE)
    body = ops.exp(expr.args[0])
    pairs = [(a, b) for a, b in zip(inside, expr.axes, strict=True) if a is not None]
    outside = {a: b for a, b in pairs if a is not index and b is not None}
    above = rename(body, {a: b for a, b in pairs if b is not None})
    return above / rename(sum_over((index,), body), outside)


class _Defined(Facts):
    """Facts under which every side of a law is defined: what has a logarithm is positive."""

    def sign(self, expr: Expr) -> str:
        """Return what is known, or else what has to be for both sides to be numbers."""
        found = super().sign(expr)
        return found if found == "negative" else "positive"


#: The laws by which atoms are written in simpler ones: a rule turns a left side into a right one.
LAWS: tuple[Rule, ...] = (
    named,
    softmax,
    power_of_product,
    *laws.KNOWN,
    cases.decided,
    *laws.CLIP,
)
#: These hold where both sides are numbers: what has a logarithm is positive.
LAWS_OF_LOGARITHMS: tuple[Rule, ...] = (
    laws.log_of_exp,
    laws.exp_of_log,
    functions.exp_of_sum,
    functions.exp_of_multiple,
    exp_of_sums,
    functions.log_of_power,
    functions.log_of_product,
    functions.log_of_prod,
    laws.power_as_exp,
    *laws.DEFINED,
)


# --- the judgement --------------------------------------------------------------------------------


class Judge:
    """Judges the steps of one derivation, on points that they share.

    Parameters
    ----------
    exprs : iterable of Expr
        What the steps begin with: it holds every letter.
    """

    def __init__(self, exprs: Iterable[Expr]) -> None:
        every = {a.range for q in quantities_in(exprs) for a in q.axes if a is not None}
        self._ranges = sorted(every, key=lambda index: index.serial)
        self._points: dict[tuple[Quantity, ...], dict[tuple[int, bool], Modular]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_points": {}}  # drawn again where they are asked for

    def exactness(
        self,
        one: Expr,
        other: Expr,
        axes: Axes,
        assumed: Assumption | None = None,
    ) -> Exactness:
        """Judge whether two formulas are equal exactly, under what is assumed.

        First as rational functions, in which every function is a letter, then by all laws
        together; those that are not needed are left out again.
        """

        def agree(laws: Collection[Rule]) -> list[Rule] | None:
            return self._agree((one, other), axes, assumed, laws)

        if agree(()) is not None:
            return Exactness(True)
        every = (*LAWS_OF_LOGARITHMS, *LAWS)
        # x is e^(log x), but x^t is e^(t·log x) with a letter for e^(log x) as well
        kept = tuple(law for law in every if law is not laws.exp_of_log)
        needed = agree(every) or agree(kept)
        if needed is None:
            return Exactness(False)
        for law in tuple(needed):
            fewer = [each for each in needed if each is not law]
            if agree(fewer) is not None:
                needed = fewer
        return Exactness(True, {law.name: law.equation for law in needed if law is not named})

    def _agree(
        self,
        sides: tuple[Expr, Expr],
        axes: Axes,
        assumed: Assumption | None,
        laws: Collection[Rule],
    ) -> list[Rule] | None:
        """Return the laws that were applied where both sides are equal at all points, else None.

        Points without laws are shared by all steps.
        """
        drawn = {} if assumed is None else assumed.drawn
        meaning = _Meaning(laws, None if assumed is None else assumed.statement)
        points = {} if laws else self._points.setdefault(tuple(drawn), {})
        agreed, wanted, tied = 0, POINTS, False
        for seed in range(MOST_DRAWN):
            key = seed, tied and seed % 2 == 0
            if key not in points:
                lengths = self._lengths(seed)
                points[key] = Modular(seed, lengths, drawn, meaning.of, ties=key[1])
            env = points[key]
            try:
                one, other = (env.array(side, axes) for side in sides)
            except Undefined:
                continue
            if not (one == other).all():
                if env.vague:
                    continue
                return None
            agreed += 1
            if env.piecewise:
                wanted, tied = MORE_POINTS, assumed is None
            if agreed >= wanted:
                return [*meaning.applied]
        return None

    def _lengths(self, seed: int) -> dict[Index, int]:
        random = Random(seed)
        return {r: r.length if r.fixed else random.randint(2, 4) for r in self._ranges}


class _Meaning:
    """Writes an expression by the first of some laws that applies."""

    def __init__(self, laws: Collection[Rule], assumption: str | None) -> None:
        allowed = () if assumption is None else (assumption,)
        plain, defined = Facts(Environment(), allowed), _Defined(Environment(), allowed)
        self.laws = [(law, defined if law in LAWS_OF_LOGARITHMS else plain) for law in laws]
        self.applied: dict[Rule, None] = {}  # an ordered set
        self._known: dict[Expr, Expr | None] = {}

    def of(self, expr: Expr) -> Expr | None:
        """Return what an expression is by a law, if there is one."""
        if expr not in self._known:  # else it was asked at another point
            self._known[expr] = self._by_a_law(expr)
        return self._known[expr]

    def _by_a_law(self, expr: Expr) -> Expr | None:
        for law, facts in self.laws:
            for match in law.apply(expr, facts):
                if match.result != expr:
                    self.applied[law] = None
                    return match.result
        return None
