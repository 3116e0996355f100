"""A normal form, reached by named steps: what a proof brings both of its sides into.

A sum that stands on its own is written out: products are distributed, powers of sums expanded.
Within a logarithm, a denominator or a root a sum is kept together and freed of fractions and of
common factors. So the same rule may apply to a sum in one place and not in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import Apply, Expr, Product, Sum
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Move
from tinygrad_edu.symbolic.algebra.rules import (
    arithmetic,
    cases,
    expanding,
    functions,
    laws,
    logarithms,
    nests,
    pieces,
    powers,
    stacks,
    sums,
)
from tinygrad_edu.symbolic.algebra.rules.rule import Rule

__all__ = ["LEVELS", "Level", "Normaliser", "Path"]

#: No path is longer, and no form on it larger.
MOST_STEPS = 150
MOST_PARTS = 1500


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
    def rules(self) -> tuple[tuple[Rule, bool, bool], ...]:
        """Every rule, and whether it is for what is open and for what is closed."""
        every = [*self.open, *(r for r in self.closed if r not in self.open)]
        return tuple((r, r in self.open, r in self.closed) for r in every)


_TIDYING = (
    stacks.entry_of_stack,
    arithmetic.cancel,
    *laws.UNDOING,
    powers.root_of_square,
    functions.odd_function,
    cases.decided,
    cases.gate_twice,
    sums.delta_picks,
    nests.delta_renames,
    sums.delta_sifts,
    sums.label_sifts,
    logarithms.log_of_prod,
    logarithms.log_of_power,
    logarithms.log_of_product,
    logarithms.weighted_log,
    stacks.sum_over_stack,
    sums.distribution,
    nests.constant_out,
    nests.separate,
    sums.sum_of_constant,
    arithmetic.collect,
    arithmetic.join_powers,
)
_SPLITTING = (
    *_TIDYING,
    logarithms.exp_of_sum,
    logarithms.exp_of_multiple,
    logarithms.power_of_product,
    logarithms.prod_of_product,
    logarithms.prod_of_exp,
    nests.sums_of_terms,
)
_WRITING_OUT = (*_SPLITTING, expanding.distribute_once)
_FEWER = (
    pieces.sign_of_product,
    *laws.PIECES,
    pieces.choice,
    pieces.one_gate,
    pieces.where_equal,
    pieces.by_cases,
    *laws.HYPERBOLIC,
    pieces.even_multiple,
)
_EVERYTHING = (
    *_FEWER,
    *_WRITING_OUT,
    nests.join_sums,
    nests.exchange,
    laws.power_of_product,
    logarithms.power_of_prod,
    logarithms.power_as_exp,
    expanding.turn_sign,
    expanding.expand_power,
)
_TOGETHER = (
    *_FEWER,
    *_SPLITTING,
    nests.join_sums,
    nests.exchange,
    expanding.common_factor,
    logarithms.power_as_exp,
    expanding.turn_sign,
)

LEVELS = (
    Level((*_TIDYING, functions.join_exponentials), (*_TIDYING, functions.join_exponentials)),
    Level(_SPLITTING, _SPLITTING),
    Level(_WRITING_OUT, (*_SPLITTING, expanding.common_factor)),
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

    def until(self, count: int) -> Path:
        """Stop after some moves."""
        return replace(self, moves=self.moves[:count])


class Normaliser:
    """Apply the rules of a level until none fits.

    Parameters
    ----------
    level : Level
        The rules.
    facts : Facts
        Signs and assumptions.
    first : sequence of Rule, optional
        Rules that come before those of the level, wherever they fit.
    """

    def __init__(self, level: Level, facts: Facts, first: Sequence[Rule] = ()) -> None:
        self.level = level
        self.facts = facts
        self.rules = [*((rule, True, True) for rule in first), *level.rules]
        self._refused: list[set[tuple[Expr, bool]]] = [set() for _ in self.rules]

    def path(self, start: Expr) -> Path:
        """Return the way from an expression to its normal form."""
        path = Path(start)
        while len(path.moves) < MOST_STEPS and path.end.size <= MOST_PARTS:
            move = self._next(path.end)
            if move is None:
                return path
            path = path.then(move)
        return replace(path, capped=True)

    def _next(self, expr: Expr) -> Move | None:
        places = list(dict.fromkeys(_places(expr, self.level.fraction)))
        for (rule, opened, closed), refused in zip(self.rules, self._refused, strict=True):
            for place, kept, within in places:
                if not isinstance(place, rule.at) or (place, kept) in refused:
                    continue
                if not (closed if kept else opened) or (within and rule in nests.ACROSS):
                    continue
                for match in rule.matches(place, self.facts):
                    after = _replace(expr, self.level.fraction, (place, kept), match.result)
                    if after != expr:
                        return Move(rule, match, expr, after, is_choice=True)
                refused.add((place, kept))
        return None


def _inside(expr: Expr, kept: bool) -> list[bool]:
    """Say for each child whether it is kept together."""
    if isinstance(expr, Product):
        return [kept or exponent < 0 or exponent.denominator != 1 for _, exponent in expr.factors]
    if isinstance(expr, Apply):
        base_of_power = expr.op is ops.power
        return [expr.op is ops.log or (base_of_power and i == 0) for i in range(len(expr.args))]
    return [False] * len(expr.children)


def _places(expr: Expr, kept: bool) -> Iterator[tuple[Expr, bool, bool]]:
    """Yield the parts of an expression, outermost first.

    With each comes whether it is kept together, and whether it is a sum directly within another.
    """
    pending = [(expr, kept, False)]
    while pending:
        expr, kept, within = pending.pop()
        yield expr, kept, within
        for child, role in reversed(list(zip(expr.children, _inside(expr, kept), strict=True))):
            pending.append((child, role, isinstance(expr, Sum) and isinstance(child, Sum)))


def _replace(expr: Expr, kept: bool, old: tuple[Expr, bool], new: Expr) -> Expr:
    """Put `new` for `old` wherever it stands in the same role."""
    if (expr, kept) == old:
        return new
    children = tuple(
        _replace(child, role, old, new)
        for child, role in zip(expr.children, _inside(expr, kept), strict=True)
    )
    same = all(a is b for a, b in zip(children, expr.children, strict=True))
    return expr if same else expr.rebuild(children)
