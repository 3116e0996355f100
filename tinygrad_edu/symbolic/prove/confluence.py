"""Where two ways through formulas meet, and what may be dropped so that they do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from tinygrad_edu.symbolic.algebra.exact import Exactness, Judge
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Expr,
    Number,
    Opaque,
    distinct,
    divided,
    number,
    parts,
    powers_of,
    product,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Move, Normaliser, Path
from tinygrad_edu.symbolic.algebra.rounding import alike
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, ZERO, Match, Rule

__all__ = ["NOTHING", "Dropped", "closed", "drop", "entry_by_entry", "join"]

SAME = Rule("numbers", "", "both sides hold the same numbers")
ENTRIES = Rule("entries", "", "all entries are the same, for the sizes drawn")
ROUNDED = Rule("rounding", "", "the numbers differ by their rounding alone")


def join(left: Path, right: Path) -> tuple[list[Move], Expr] | None:
    """Return one chain of moves from the start of one path to that of the other, and its middle.

    The second path is walked backwards; what both do at their ends is left out.
    """
    places = {form: j for j, form in reversed(list(enumerate(right.forms)))}
    both = [
        (i + places[form], i, places[form]) for i, form in enumerate(left.forms) if form in places
    ]
    middle: list[Move] = []
    if both:
        _, i, j = min(both)
    elif alike(left.end, right.end, max(map(_largest_number, (*left.forms, *right.forms)))):
        i, j = len(left.moves), len(right.moves)
        rule = SAME if _exactness(left.end, right.end) else ROUNDED
        middle = [_whole(rule, left.end, right.end)]
    else:
        return None
    back = [_backwards(move) for move in reversed(right.moves[:j])]
    return [*left.moves[:i], *middle, *back], left.forms[i]


def _whole(rule: Rule, one: Expr, other: Expr) -> Move:
    """Replace a whole form by another one."""
    return Move(rule, Match(one, other, other), one, other)


def _exactness(one: Expr, other: Expr) -> Exactness:
    """Judge whether two forms are one, as √2/2 and 1/√2."""
    axes = tuple(sorted(one.indices | other.indices, key=lambda index: index.order))
    return Judge([one, other]).exactness(one, other, axes)


def _largest_number(expr: Expr) -> float:
    """Return the size of the largest number among terms: what remains of it may be rounding."""
    terms = (t for each in distinct(expr) if isinstance(each, Add) for t in each.terms)
    return max((abs(float(t.value)) for t in terms if isinstance(t, Number)), default=0.0)


def _backwards(move: Move) -> Move:
    match = move.match
    turned = replace(match, left=match.right, right=match.left, result=match.left)
    return Move(move.rule, turned, move.after, move.before)


def entry_by_entry(left: Path, right: Path) -> tuple[list[Move], Expr] | None:
    """Join two ends whose entries are the same: exactly, and without any law.

    This is for operations on whole arrays, which are cut and put together in many ways: a slice
    of a slice needs no equation of its own.
    """
    inside = (each for path in (left, right) for each in distinct(path.end))
    if not any(isinstance(each, Opaque) for each in inside):
        return None
    exactness = _exactness(left.end, right.end)
    if not exactness or exactness.laws:
        return None
    there = _whole(ENTRIES, left.end, right.end)
    return [*left.moves, there, *map(_backwards, reversed(right.moves))], left.end


# --- by what is between both ----------------------------------------------------------------------

APART = Rule("difference", "x = y + (x − y)", "y is added and taken away")


def closed(left: Path, right: Path, normaliser: Normaliser) -> Path | None:
    """Go on from the end of one path to that of another, if their difference is found to be 0."""
    gap = normaliser.path(left.end - right.end)
    if gap.end != ZERO:
        return None
    forms = [right.end + form for form in gap.forms]
    path = left.then(_whole(APART, left.end, forms[0]))
    for move, before, after in zip(gap.moves, forms, forms[1:], strict=False):
        path = path.then(Move(move.rule, move.match, before, after))
    return path


# --- up to a constant and a factor ----------------------------------------------------------------


@dataclass(frozen=True)
class Dropped:
    """A factor and a constant such that left = factor·right + constant, if all goes well."""

    factor: Expr
    constant: Expr
    assumption: str | None = None

    def target(self, right: Expr) -> Expr:
        """Return what the left side is then equal to."""
        return right if self is NOTHING else self.factor * right + self.constant


NOTHING = Dropped(number(1), ZERO)


def drop(
    left: Expr,
    right: Expr,
    up_to: tuple[str, ...],
    is_constant: Callable[[Expr], bool],
    facts: Facts,
) -> list[Dropped]:
    """Compare two sums term by term, and return what may have to be dropped."""
    fixed: list[list[Expr]] = [[], []]
    varying: list[list[Expr]] = [[], []]
    for side, expr in enumerate((left, right)):
        for term in terms_of(expr) if expr != ZERO else ():
            constant = "constant" in up_to and is_constant(term)
            (fixed if constant else varying)[side].append(term)
    if len(varying[0]) != len(varying[1]):
        return []
    factors: list[Expr] = [Number(ONE)]
    if "positive factor" in up_to and varying[1]:
        ratios = (_ratio(term, varying[1][0]) for term in varying[0])
        factors = [r for r in dict.fromkeys(ratios) if is_constant(r) and not r.indices]
    found = []
    for factor in factors:
        positive, assumption = _is_positive(factor, facts)
        if positive:
            taken = (-factor * term for term in fixed[1])
            found.append(Dropped(factor, total([*fixed[0], *taken]), assumption))
    return found


def _ratio(one: Expr, other: Expr) -> Expr:
    """Divide two terms; equal factors cancel."""
    divisor, factors = parts(other)
    return 1 / divisor * divided(one, powers_of(factors))


def _is_positive(factor: Expr, facts: Facts) -> tuple[bool, str | None]:
    """Whether a factor is positive, and the assumption that this rests on."""
    coefficient, factors = parts(factor)
    if coefficient <= 0:
        return False, None
    # An even power is never negative.
    unknown = [f for f in factors if facts.sign(f[0]) != "positive" and f[1] % 2]
    if not unknown:
        return True, None
    statement = facts.assumed(product(1, unknown), ">")
    return statement is not None, statement
