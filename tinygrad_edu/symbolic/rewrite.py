"""Where rules apply, and in what order: closing a form, and searching for a shorter one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tinygrad_edu.symbolic.expr import Expr, distinct
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.rules.rule import Match, Rule

__all__ = ["Found", "Move", "Rewriter", "replaced"]


@dataclass(frozen=True)
class Move:
    """One rule applied at one place of an expression."""

    rule: Rule
    match: Match
    before: Expr
    after: Expr
    is_choice: bool = False


@dataclass(frozen=True)
class Found:
    """The best form that a search met, the moves that lead there, and whether it was cut short."""

    expr: Expr
    moves: tuple[Move, ...]
    capped: bool


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
        # Per eager rule: where it does not apply, and in what it applies nowhere.
        self._refused: list[set[Expr]] = [set() for _ in eager]
        self._settled: list[set[Expr]] = [set() for _ in eager]

    def moves(self, expr: Expr, rule: Rule) -> Iterator[Move]:
        """Yield every application of a choice, outermost place first."""
        for place in distinct(expr):
            for match in rule.apply(place, self.facts):
                after = replaced(expr, place, match.result)
                if after != expr:
                    yield Move(rule, match, expr, after, is_choice=True)

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
        for rule, refused, settled in zip(self.eager, self._refused, self._settled, strict=True):
            visited = []
            for place in distinct(expr, settled):
                visited.append(place)
                if place in refused:
                    continue
                for match in rule.apply(place, self.facts):
                    after = replaced(expr, place, match.result)
                    if after != expr:
                        return Move(rule, match, expr, after)
                refused.add(place)
            settled.update(visited)
        return None

    def search(
        self,
        start: Expr,
        choices: Sequence[Rule],
        *,
        accept: Callable[[Expr], bool] = lambda expr: True,
        patience: int = 16,
        limit: int = 50_000,
    ) -> Found:
        """Search for the smallest form: best first by size, then by the number of steps.

        Every state is closed under the eager rules. The search ends when `patience` expansions
        in a row found nothing smaller, when nothing is left, or when the forms it looked at have
        `limit` parts in all. Where nothing that `accept` takes is smaller than the start, the
        start is what was found.
        """
        best: Expr = start
        best_path: tuple[Move, ...] = ()
        expr, path = self.close(start)
        if expr.size <= start.size and accept(expr):
            best, best_path = expr, path
        ticket = itertools.count()
        frontier = [(expr.size, len(path), next(ticket), expr, path)]
        visited = {expr}
        since_gain = work = 0
        while frontier and since_gain < patience and work < limit:
            _, _, _, expr, path = heapq.heappop(frontier)
            since_gain += 1
            if expr.size > 3 * best.size + 12:
                continue
            for move in itertools.chain.from_iterable(self.moves(expr, r) for r in choices):
                after, tidy = self.close(move.after)
                work += move.after.size
                longer = (*path, move, *tidy)
                if (after.size, len(longer)) < (best.size, len(best_path)) and accept(after):
                    if after.size < best.size:
                        since_gain = 0
                    best, best_path = after, longer
                if after not in visited:
                    visited.add(after)
                    entry = (after.size, len(longer), next(ticket), after, longer)
                    heapq.heappush(frontier, entry)
                if work >= limit:
                    break
        return Found(best, best_path, capped=work >= limit)


def replaced(expr: Expr, old: Expr, new: Expr) -> Expr:
    """Put `new` for `old` wherever it stands."""
    done: dict[Expr, Expr] = {old: new}

    def inside(expr: Expr) -> Expr:
        found = done.get(expr)
        if found is None:
            children = expr.children
            changed = tuple(map(inside, children))
            same = all(a is b for a, b in zip(changed, children, strict=True))
            found = done[expr] = expr if same else expr.rebuild(changed)
        return found

    return inside(expr)
