"""Where rules apply, and in what order: closing a form, and searching for a shorter one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.symbolic.algebra.expr import Expr, Leaf, Mul, distinct, minuses, replace
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import Match, Rule

__all__ = ["MOST_WORK", "Found", "Move", "Rewriter"]


#: How many parts the forms may have, in all, that one search looks at.
MOST_WORK = 20_000


@dataclass(frozen=True)
class Move:
    """One rule applied at one place of an expression, and wherever else the same part stands."""

    rule: Rule
    match: Match
    before: Expr
    after: Expr
    is_choice: bool = False
    place: Expr | None = None


@dataclass(frozen=True)
class Found:
    """The best form that a search met, the moves that lead there, and whether it was cut short.

    `work` is how many parts the forms had, in all, that it looked at.
    """

    expr: Expr
    moves: tuple[Move, ...]
    capped: bool
    work: int


_NONE = Rule("none")


class _Place:
    """How far rules were tried at a place: `rank` is that of the next, which fits if it matched."""

    __slots__ = ("at", "key", "match", "rank", "rules")

    def __init__(self, key: Any, rules: Sequence[tuple[int, Rule]]) -> None:
        self.key, self.rules, self.at, self.rank = key, rules, 0, rules[0][0]
        self.match: Match | None = None

    def look(self, below: int, part: Expr, facts: Facts) -> bool:
        """Whether a rule of a rank below another one fits here."""
        while self.match is None and self.rank < below:
            for match in self.rules[self.at][1].matches(part, facts):
                if match.result != part:
                    self.match = match
                    break
            else:
                self.go_on()
        return self.rank < below

    def go_on(self) -> None:
        """Leave a rule behind; at the end is one that no rank is below."""
        self.at, self.match = self.at + 1, None
        self.rank = self.rules[self.at][0]


class Rewriter:
    """Apply rules under the facts of one derivation.

    A rule that applies to a part of an expression rewrites that part wherever it stands.

    Parameters
    ----------
    eager : sequence of Rule
        What closes a form, in the order of preference.
    facts : Facts
        Signs and assumptions.
    """

    def __init__(self, eager: Sequence[Rule], facts: Facts) -> None:
        self.eager, self.facts = eager, facts
        self._rules: dict[Any, list[tuple[int, Rule]]] = {}  # by the kind of a place, with ranks
        self._looked: dict[Any, _Place] = {}
        self._settled: set[Any] = set()  # where none applies, nor anywhere inside
        self._choices: dict[tuple[Rule, Expr], tuple[Match, ...]] = {}

    def moves(self, expr: Expr, rule: Rule) -> Iterator[Move]:
        """Yield every application of a choice, outermost place first."""
        for place in distinct(expr):
            if type(place) not in rule.kinds:
                continue
            matches = self._choices.get((rule, place))
            if matches is None:
                matches = self._choices[rule, place] = tuple(rule.matches(place, self.facts))
            for match in matches:
                after = replace(expr, {place: match.result})
                if after != expr:
                    yield Move(rule, match, expr, after, is_choice=True, place=place)

    def close(self, expr: Expr, limit: int = 400) -> tuple[Expr, tuple[Move, ...]]:
        """Apply eager rules, the first that fits at the outermost place, until none fits."""
        done: list[Move] = []
        while len(done) < limit:
            move = self.next_move(expr)
            if move is None:
                break
            done.append(move)
            expr = move.after
        return expr, tuple(done)

    def next_move(self, expr: Expr) -> Move | None:
        """Apply the first eager rule that fits anywhere, at the outermost place, or none.

        What was found at a place is remembered, for most places stand in the next form as well.
        """
        places = list(self.places(expr))
        best: _Place | None = None
        first = len(self.eager)
        for key in places:
            place = self._looked.get(key)
            if place is None:
                place = self._looked[key] = _Place(key, self._rules_at(key))
            if place.rank < first and place.look(first, self.part_at(key), self.facts):
                first, best = place.rank, place
        if best is None or best.match is None:
            self._settled.update(places)
            return None
        match, rule = best.match, self.eager[first]
        after = self.put(expr, best.key, match.result)
        if after != expr:
            return Move(rule, match, expr, after, place=self.part_at(best.key))
        best.go_on()
        return self.next_move(expr)

    def _rules_at(self, key: Any) -> list[tuple[int, Rule]]:
        kind = self.kind_of(key)
        if kind not in self._rules:
            found = [(i, rule) for i, rule in enumerate(self.eager) if self.fits(rule, kind)]
            self._rules[kind] = [*found, (len(self.eager), _NONE)]
        return self._rules[kind]

    # --- what a place is: here a part of an expression, wherever it stands ------------------------

    def places(self, expr: Expr) -> Iterator[Any]:
        """Yield every place in an expression where something may apply, outermost first."""
        return distinct(expr, self._settled)

    def part_at(self, place: Any) -> Expr:
        """Return what stands at a place."""
        part: Expr = place
        return part

    def kind_of(self, place: Any) -> Any:
        """Return what decides which rules may apply at a place."""
        return type(place)

    def fits(self, rule: Rule, kind: Any) -> bool:
        """Whether a rule may apply at places of a kind."""
        return kind in rule.kinds

    def put(self, expr: Expr, place: Any, new: Expr) -> Expr:
        """Put something else at a place."""
        return replace(expr, {place: new})

    def search(
        self,
        start: Expr,
        choices: Sequence[Rule],
        *,
        accept: Callable[[Expr], bool] = lambda expr: True,
        patience: int = 16,
        limit: int = MOST_WORK,
    ) -> Found:
        """Search for the smallest form: best first by size, then by the number of steps.

        Of forms of one size, that with the fewest minus signs is best, then that with the fewest
        fraction lines, then letters, found in the fewest steps.
        Every state is closed under the eager rules. The search ends when `patience` expansions
        in a row found nothing smaller (fewer where the best is so short that little can be
        gained), when nothing is left, or when the forms it looked at have `limit` parts in all.
        Where nothing that `accept` takes is smaller than the start, the start is what was found.
        """
        best: Expr = start
        best_path: tuple[Move, ...] = ()
        expr, path = self.close(start)
        if expr.size <= start.size and accept(expr):
            best, best_path = expr, path
        ticket = itertools.count()
        frontier = [(expr.size, len(path), next(ticket), expr, path)]
        shortest = {expr: len(path)}
        since_gain = work = 0
        while frontier and since_gain < min(patience, 4 + best.size) and work < limit:
            _, steps, _, expr, path = heapq.heappop(frontier)
            if steps > shortest[expr]:  # met again on a shorter way
                continue
            since_gain += 1
            if expr.size > 3 * best.size + 12:
                continue
            for move in itertools.chain.from_iterable(self.moves(expr, r) for r in choices):
                after, tidy = self.close(move.after)
                work += move.after.size
                longer = (*path, move, *tidy)
                if _is_better(after, longer, best, best_path) and accept(after):
                    if after.size < best.size:
                        since_gain = 0
                    best, best_path = after, longer
                if len(longer) < shortest.get(after, len(longer) + 1):
                    shortest[after] = len(longer)
                    entry = (after.size, len(longer), next(ticket), after, longer)
                    heapq.heappush(frontier, entry)
                if work >= limit:
                    break
        return Found(best, best_path, work >= limit, work)


def _is_better(expr: Expr, path: Sequence[Move], best: Expr, best_path: Sequence[Move]) -> bool:
    if expr.size != best.size:
        return expr.size < best.size
    # (y − x)/n is to be found, and not −(x − y)/n.
    if (found := minuses(distinct(expr))) != (least := minuses(distinct(best))):
        return found < least
    return (*_to_read(expr), len(path)) < (*_to_read(best), len(best_path))


def _to_read(expr: Expr) -> tuple[int, int]:
    """Count fraction lines and letters: (y − x)/(x·z) and a·(1 + x) are to be found.

    And not (y/x − 1)/z, nor a + a·x.
    """
    lines = letters = 0
    for each in expr.walk():
        letters += isinstance(each, Leaf)
        lines += isinstance(each, Mul) and any(exponent < 0 for _, exponent in each.factors)
    return lines, letters
