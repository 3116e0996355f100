"""Where a recorded graph is defined: what has a logarithm is positive, a divisor is not 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from tinygrad_edu import ops
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Expr,
    Number,
    meaning_of,
    parts,
    power,
    product,
)
from tinygrad_edu.symbolic.algebra.facts import Facts, Reason
from tinygrad_edu.symbolic.algebra.rules.functions import ground
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, is_call
from tinygrad_edu.symbolic.derive.lowering import Lowering
from tinygrad_edu.symbolic.derive.trace import Symbol

__all__ = ["ClaimFacts", "Domain", "conditions_apart", "domain_of", "undecided"]

#: What must be positive (">"), not negative ("≥") or not zero ("≠"), so that a side is defined;
#: "" where it need not be, for 0·log 0 counts as 0, but nobody would have it negative.
Domain = Mapping[Expr, str]

_STRENGTH = ("", "≠", "≥", ">")


def domain_of(symbol: Symbol, lowering: Lowering) -> Domain:
    """Return what must hold so that every operation of a graph is defined."""
    found: dict[Expr, str] = {}
    for each in ancestors(symbol):
        assert isinstance(each, Symbol)
        demand = _demand(each, lowering)
        if demand is not None:
            of, relation = demand
            for base, so in undecided(lowering.lower(of), relation):
                found[base] = max(found.get(base, so), so, key=_STRENGTH.index)
    return found


#: The argument of an operation that is not defined everywhere, and what it must be; 0·log 0
#: counts as 0.
_DEMANDS = {"log": (0, ">"), "sqrt": (0, "≥"), "divide": (1, "≠"), "xlogy": (1, "")}


def _demand(symbol: Symbol, lowering: Lowering) -> tuple[Symbol, str] | None:
    """Return the argument of a call that is not defined everywhere, and what it must be."""
    name = symbol.op.name if symbol.op is not None else ""
    place, relation = _DEMANDS.get(name, (0, ">"))
    if name == "power":
        exponent = lowering.lower(symbol.args[1])
        if isinstance(exponent, Number) and exponent.value.denominator == 1:
            relation = "≠" if exponent.value < 0 else ""
        elif isinstance(exponent, Number) and exponent.value > 0:
            relation = "≥"
    elif name not in _DEMANDS:
        return None
    of = symbol.args[place]
    if not isinstance(of, Symbol) or (name == "power" and not relation):
        return None
    return of, relation


def undecided(expr: Expr, relation: str) -> Iterator[tuple[Expr, str]]:
    """Yield what decides whether an expression is so; nothing where that is known."""
    facts = Facts(Environment(), ())
    meaning = meaning_of(expr)
    if meaning is not None:
        yield from undecided(meaning, relation)
        return
    whole = expr.op is ops.prod or is_call(expr, ops.abs)  # 0 where an entry is, and nowhere else
    if whole and (relation == "≠" or facts.sign(expr.children[0]) == "nonnegative"):
        yield from undecided(expr.children[0], "≠") if relation != "≥" else ()
        return
    if relation != "≠" and facts.positive(expr, strictly=relation in {">", ""}) is not None:
        return
    coefficient, factors = parts(expr)
    unknown = [factor for factor in factors if facts.sign(factor[0]) != "positive"]
    if factors != ((expr, ONE),):
        for base, exponent in tuple(unknown):
            # A product is not 0 where no factor is; a square is then positive.
            if relation == "≠" or facts.sign(power(base, exponent)) == "nonnegative":
                yield from undecided(base, "≠") if relation != "≥" else ()
                unknown.remove((base, exponent))
        if len(unknown) == 1 and coefficient > 0 and unknown[0][1] % 2 == 1:
            yield from undecided(unknown[0][0], relation)
            return
    if unknown and facts.sign(expr) not in {"positive", "negative"}:
        yield product(1, unknown) if coefficient > 0 else expr, relation


def conditions_apart(one: Domain, other: Domain) -> Domain:
    """Return what only one of two sides demands: elsewhere they are not the same."""
    return {
        expr: max(filter(None, (one.get(expr), other.get(expr))), key=_STRENGTH.index)
        for expr in {**one, **other}
        if (one.get(expr) or "") != (other.get(expr) or "")
    }


class ClaimFacts(Facts):
    """Facts of a claim: nothing is assumed to be positive but what must be, to be defined."""

    def __init__(self, data: Environment, allowed: Iterable[str] | None, domain: Domain) -> None:
        super().__init__(data, allowed, lambda leaf: leaf.quantity.definition is None)
        self.domain = domain
        self._declared: list[Expr] = []

    def assumed(self, expr: Expr, relation: str) -> str | None:
        """Return the statement that an expression is > 0 or ≥ 0, where both sides need it."""
        if self.domain.get(expr, "≠") == "≠":
            return None
        return super().assumed(expr, relation)

    def positive(self, expr: Expr, *, strictly: bool = True) -> Reason | None:
        """Say why an expression is positive: it is known to be, or must be."""
        known = super().positive(expr, strictly=strictly)
        if known is not None:
            return known
        relation = ">" if strictly else "≥"
        for each in (expr, ground(expr, self)):
            statement = self.assumed(each, relation)
            if statement is not None:
                return statement, statement
        return None

    def differ(self, one: Expr, other: Expr) -> Reason | None:
        """Return the reason why two expressions are never equal: it is known, and not assumed."""
        apart = one - other
        known = self.sign(apart) in {"positive", "negative"}
        return self.never_zero(apart) if known else None

    def declare_positive(self, expr: Expr) -> None:
        """Enter what follows from a definition."""
        super().declare_positive(expr)
        self._declared.append(expr)

    def demanded(self, expr: Expr, relation: str, used: Iterable[str | None]) -> Reason | None:
        """Return the reason why a condition holds beside others, and what that assumes."""
        known = Facts(self.data, ())
        met = [self.met[each] for each in used if each is not None]
        for each in (*self._declared, *(a.expr for a in met if a.kind == "positive")):
            known.declare_positive(each)
        if relation == "≠":
            return ("", None) if known.nonzero(expr) else self.never_zero(expr)
        found = known.positive(expr, strictly=relation == ">")
        if found is not None:
            return found
        # Where 0·log 0 counts as 0, what has a logarithm may be 0.
        statement = super().assumed(expr, relation) or super().assumed(expr, "≥")
        return None if statement is None else (statement, statement)
