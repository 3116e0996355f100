"""A normal form, reached by named steps: what a proof brings both of its sides into.

A sum that stands on its own is written out: products are distributed, powers of sums expanded.
Within a logarithm, a denominator or a root a sum is kept together and freed of fractions and of
common factors. So the same rule may apply to a sum in one place and not in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import Apply, Expr, Mul, Sum
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Move, Rewriter
from tinygrad_edu.symbolic.algebra.rules import (
    arithmetic,
    cases,
    functions,
    laws,
    stacks,
    sums,
)
from tinygrad_edu.symbolic.algebra.rules.rule import Rule

__all__ = ["LEVELS", "Budget", "Level", "Normaliser", "Path"]

#: No path is longer, and no form on it larger.
MOST_STEPS = 150
MOST_PARTS = 1500
#: How many parts the forms may have, in all, that one search for a proof looks at.
MOST_WORK = 250_000


@dataclass(frozen=True)
class Level:
    """Rules that take a formula apart so far, and no further; the first that fits is applied.

    `open` are used where a sum stands on its own, `closed` where it is kept together; a level
    that is a `fraction` keeps the whole together.
    """

    open: tuple[Rule, ...]
    closed: tuple[Rule, ...]
    fraction: bool = False

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in the order in which they are tried."""
        return (*self.open, *(rule for rule in self.closed if rule not in self.open))


_TIDYING = (
    *stacks.ENTRIES,
    arithmetic.cancel,
    *laws.UNDOING,
    arithmetic.root_of_square,
    functions.odd_function,
    cases.decided,
    cases.gate_twice,
    sums.delta_picks,
    sums.delta_renames,
    sums.delta_sifts,
    sums.index_sifts,
    *functions.LOGARITHMS,
    stacks.sum_over_stack,
    sums.distribution,
    sums.constant_out,
    sums.separate,
    sums.sum_of_constant,
    arithmetic.collect,
    arithmetic.join_powers,
)
_SPLITTING = (
    *_TIDYING,
    *functions.EXPONENTIALS,
    sums.sum_of_terms,
    stacks.term_by_term,
)
_WRITING_OUT = (*_SPLITTING, arithmetic.distribute_once)
_FEWER = (
    cases.sign_of_product,
    *laws.PIECES,
    cases.choice,
    cases.one_gate,
    cases.where_equal,
    cases.by_cases,
    *laws.FEWER,
    cases.even_multiple,
)
_EVERYTHING = (
    *_FEWER,
    *_WRITING_OUT,
    sums.join_sums,
    sums.exchange,
    laws.power_of_product,
    functions.power_of_prod,
    laws.power_as_exp,
    arithmetic.turn_sign,
    arithmetic.expand_power,
)
_TOGETHER = (
    *_FEWER,
    *_SPLITTING,
    sums.join_sums,
    sums.exchange,
    arithmetic.common_factor,
    laws.power_as_exp,
    arithmetic.turn_sign,
)

LEVELS = (
    Level((*_TIDYING, functions.join_exponentials), (*_TIDYING, functions.join_exponentials)),
    Level(_SPLITTING, _SPLITTING),
    Level(_WRITING_OUT, (*_SPLITTING, arithmetic.common_factor)),
    Level(_EVERYTHING, _TOGETHER),
    Level(_EVERYTHING, _TOGETHER, fraction=True),
)


@dataclass(frozen=True)
class Path:
    """The forms that a formula passes through, and the moves between them."""

    start: Expr
    moves: tuple[Move, ...] = ()
    capped: bool = False

    @property
    def forms(self) -> list[Expr]:
        """Every form, the first and the last included."""
        return [self.start, *(move.after for move in self.moves)]

    @property
    def end(self) -> Expr:
        """The last form."""
        return self.moves[-1].after if self.moves else self.start

    def then(self, move: Move) -> Path:
        """Go one step further."""
        return replace(self, moves=(*self.moves, move))


@dataclass
class Budget:
    """How much work one search may still do, in parts of the forms that it looks at."""

    left: int = MOST_WORK


Place = tuple[Expr, bool, bool]


class Normaliser(Rewriter):
    """Apply the rules of a level until none fits.

    A place is a part, whether it is kept together, and whether it is a sum directly within another.

    Parameters
    ----------
    level : Level
        The rules.
    facts : Facts
        Signs and assumptions.
    first : sequence of Rule, optional
        Rules that come before those of the level, wherever they fit.
    budget : Budget, optional
        What it may do, with all others that share it.
    """

    def __init__(
        self, level: Level, facts: Facts, first: Sequence[Rule] = (), budget: Budget | None = None
    ) -> None:
        super().__init__((*first, *level.rules), facts)
        self.level, self.first = level, first
        self.budget = Budget() if budget is None else budget

    def path(self, start: Expr) -> Path:
        """Return the way from an expression to its normal form."""
        path = Path(start)
        while len(path.moves) < MOST_STEPS and path.end.size <= MOST_PARTS and self.budget.left > 0:
            self.budget.left -= path.end.size
            move = self.next_move(path.end)
            if move is None:
                return path
            path = path.then(move)
        return replace(path, capped=True)

    def places(self, expr: Expr) -> Iterator[Place]:
        """Yield every part of an expression in every role that it has, outermost first."""
        pending, seen = [(expr, self.level.fraction, False)], set(self._settled)
        while pending:
            place = pending.pop()
            if place in seen:
                continue
            seen.add(place)
            yield place
            part, kept, _ = place
            for child, role in reversed(list(zip(part.children, _inside(part, kept), strict=True))):
                pending.append((child, role, isinstance(part, Sum) and isinstance(child, Sum)))

    def part_at(self, place: Place) -> Expr:
        """Return what stands at a place."""
        return place[0]

    def kind_of(self, place: Place) -> tuple[type[Expr], bool, bool]:
        """Return the kind of the part, and its role."""
        part, kept, within = place
        return type(part), kept, within

    def fits(self, rule: Rule, kind: tuple[type[Expr], bool, bool]) -> bool:
        """Whether a rule is for parts of a kind, in their role."""
        part, kept, within = kind
        here = rule in (self.level.closed if kept else self.level.open) or rule in self.first
        return part in rule.kinds and here and not (within and rule in sums.ACROSS)

    def put(self, expr: Expr, place: Place, new: Expr) -> Expr:
        """Put something else for a part wherever it stands in the same role."""
        done = {place[:2]: new}

        def inside(expr: Expr, kept: bool) -> Expr:
            found = done.get((expr, kept))
            if found is None:
                children = tuple(map(inside, expr.children, _inside(expr, kept)))
                same = all(a is b for a, b in zip(children, expr.children, strict=True))
                found = done[expr, kept] = expr if same else expr.rebuild(children)
            return found

        return inside(expr, self.level.fraction)


def _inside(expr: Expr, kept: bool) -> list[bool]:
    """Say for each child whether it is kept together."""
    if isinstance(expr, Mul):
        return [kept or exponent < 0 or exponent.denominator != 1 for _, exponent in expr.factors]
    if isinstance(expr, Apply):
        base_of_power = expr.op is ops.power
        return [expr.op is ops.log or (base_of_power and i == 0) for i in range(len(expr.args))]
    return [False] * len(expr.children)
