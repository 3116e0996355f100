"""Where rules apply, and in what order: closing a form, and searching for a shorter one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tinygrad_edu.symbolic.algebra.expr import Expr, Leaf, Product, distinct, parts, replace
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import Kinds, Match, Rule

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
        self._refused: list[set[Expr]] = [set() for _ in eager]  # per rule: where it does not apply
        self._settled: set[Expr] = set()  # where none applies, nor anywhere inside
        self._choices: dict[tuple[Rule, Expr], tuple[Match, ...]] = {}

    def moves(self, expr: Expr, rule: Rule) -> Iterator[Move]:
        """Yield every application of a choice, outermost place first."""
        for place in distinct(expr):
            if not isinstance(place, rule.at):
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
            move = self._eager_move(expr)
            if move is None:
                break
            done.append(move)
            expr = move.after
        return expr, tuple(done)

    def _eager_move(self, expr: Expr) -> Move | None:
        places = list(distinct(expr, self._settled))
        kinds: dict[Kinds, list[Expr]] = {}
        for place in places:
            kinds.setdefault(type(place), []).append(place)
        for rule, refused in zip(self.eager, self._refused, strict=True):
            at = rule.at
            single = isinstance(at, type) and at is not Expr
            for place in kinds.get(at, ()) if single else places:
                if place in refused or not (single or isinstance(place, at)):
                    continue
                for match in rule.matches(place, self.facts):
                    after = replace(expr, {place: match.result})
                    if after != expr:
                        return Move(rule, match, expr, after, place=place)
                refused.add(place)
        self._settled.update(places)
        return None

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
    if (found := _minuses(expr)) != (least := _minuses(best)):
        return found < least
    return (*_to_read(expr), len(path)) < (*_to_read(best), len(best_path))


def _minuses(expr: Expr) -> int:
    """Count the minus signs: (y − x)/n is to be found, and not −(x − y)/n."""
    return sum(parts(each)[0] < 0 for each in distinct(expr))


def _to_read(expr: Expr) -> tuple[int, int]:
    """Count fraction lines and letters: (y − x)/(x·z) and a·(1 + x) are to be found.

    And not (y/x − 1)/z, nor a + a·x.
    """
    lines = letters = 0
    for each in expr.walk():
        letters += isinstance(each, Leaf)
        lines += isinstance(each, Product) and any(exponent < 0 for _, exponent in each.factors)
    return lines, letters
