"""Where rules apply, and in what order: closing a form, and searching for a shorter one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tinygrad_edu.symbolic.expr import Expr
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.rules import Match, Rule

__all__ = ["Found", "Move", "Rewriter"]


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

    Parameters
    ----------
    eager : sequence of Rule
        What closes a form, in the order of preference.
    facts : Facts
        Signs and assumptions.
    """

    def __init__(self, eager: Sequence[Rule], facts: Facts) -> None:
        self.eager, self.facts = eager, facts
        # Per eager rule, expressions in which it is known to apply nowhere.
        self._settled: list[set[Expr]] = [set() for _ in eager]

    def moves(self, expr: Expr, rule: Rule) -> Iterator[Move]:
        """Yield every application of a choice, outermost place first."""
        for match, after in self._places(expr, rule, set()):
            if after != expr:
                yield Move(rule, match, expr, after, is_choice=True)

    def _places(
        self, expr: Expr, rule: Rule, settled: set[Expr]
    ) -> Iterator[tuple[Match, Expr]]:
        if expr in settled:
            return
        found = False
        for match in rule.apply(expr, self.facts):
            found = True
            yield match, match.result
        children = expr.children
        seen: set[Expr] = set()
        for place, child in enumerate(children):
            if child in seen:
                continue  # equal children are rewritten once, at their first place
            seen.add(child)
            for match, new in self._places(child, rule, settled):
                found = True
                yield match, expr.rebuild((*children[:place], new, *children[place + 1 :]))
        if not found:
            settled.add(expr)

    def close(self, expr: Expr, limit: int = 200) -> tuple[Expr, tuple[Move, ...]]:
        """Apply eager rules, the first that fits at the outermost place, until none fits."""
        done: list[Move] = []
        while len(done) < limit:
            move = next(self._eager_moves(expr), None)
            if move is None:
                break
            done.append(move)
            expr = move.after
        return expr, tuple(done)

    def _eager_moves(self, expr: Expr) -> Iterator[Move]:
        for rule, settled in zip(self.eager, self._settled, strict=True):
            for match, after in self._places(expr, rule, settled):
                if after != expr:
                    yield Move(rule, match, expr, after)

    def search(
        self,
        start: Expr,
        choices: Sequence[Rule],
        *,
        accept: Callable[[Expr], bool] = lambda expr: True,
        patience: int = 16,
        limit: int = 400,
    ) -> Found:
        """Search for the smallest form: best first by size, then by the number of steps.

        Every state is closed under the eager rules. The search ends when `patience` expansions
        in a row found nothing smaller, when nothing is left, or at `limit` expansions. Where
        nothing that `accept` takes is smaller than the start, the start is what was found.
        """
        best, best_path = start, ()
        expr, path = self.close(start)
        if (expr.size, 0) <= (start.size, len(path)) and accept(expr):
            best, best_path = expr, path
        ticket = itertools.count()
        frontier = [(expr.size, len(path), next(ticket), expr, path)]
        visited = {expr}
        since_gain = expansions = 0
        while frontier and since_gain < patience and expansions < limit:
            _, _, _, expr, path = heapq.heappop(frontier)
            expansions += 1
            since_gain += 1
            if expr.size > 3 * best.size + 12:
                continue
            for rule in choices:
                for move in self.moves(expr, rule):
                    after, tidy = self.close(move.after)
                    longer = (*path, move, *tidy)
                    if (after.size, len(longer)) < (best.size, len(best_path)) and accept(after):
                        if after.size < best.size:
                            since_gain = 0
                        best, best_path = after, longer
                    if after not in visited:
                        visited.add(after)
                        entry = (after.size, len(longer), next(ticket), after, longer)
                        heapq.heappush(frontier, entry)
        return Found(best, best_path, capped=expansions >= limit)
