"""Where rules apply, and in what order: closing a form, and searching for a shorter one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tinygrad_edu.symbolic.expr import Expr
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.rules import Match, Rule

__all__ = ["Found", "Move", "close", "moves", "search"]


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


def moves(expr: Expr, rule: Rule, facts: Facts, *, is_choice: bool = False) -> Iterator[Move]:
    """Yield every application of one rule, outermost place first."""
    for match, after in _places(expr, rule, facts):
        if after != expr:
            yield Move(rule, match, expr, after, is_choice)


def _places(expr: Expr, rule: Rule, facts: Facts) -> Iterator[tuple[Match, Expr]]:
    for match in rule.apply(expr, facts):
        yield match, match.result
    children = expr.children
    seen: set[Expr] = set()
    for place, child in enumerate(children):
        if child in seen:
            continue  # equal children are rewritten once, at their first place
        seen.add(child)
        for match, new in _places(child, rule, facts):
            yield match, expr.rebuild((*children[:place], new, *children[place + 1 :]))


def close(
    expr: Expr, rules: Sequence[Rule], facts: Facts, limit: int = 200
) -> tuple[Expr, tuple[Move, ...]]:
    """Apply eager rules, the first that fits at the outermost place, until none fits."""
    done: list[Move] = []
    while len(done) < limit:
        move = next((m for rule in rules for m in moves(expr, rule, facts)), None)
        if move is None:
            break
        done.append(move)
        expr = move.after
    return expr, tuple(done)


def search(
    start: Expr,
    eager: Sequence[Rule],
    choices: Sequence[Rule],
    facts: Facts,
    *,
    patience: int = 16,
    limit: int = 400,
) -> Found:
    """Search for the smallest form: best first by size, then by the number of steps.

    Every state is closed under the eager rules. The search ends when `patience` expansions in a
    row found nothing smaller, when nothing is left, or at `limit` expansions.
    """
    expr, path = close(start, eager, facts)
    best, best_path = expr, path
    ticket = itertools.count()
    frontier = [(expr.size, len(path), next(ticket), expr, path)]
    visited = {expr}
    since_gain = expansions = 0
    while frontier and since_gain < patience and expansions < limit:
        size, _, _, expr, path = heapq.heappop(frontier)
        expansions += 1
        since_gain += 1
        if size > 3 * best.size + 12:
            continue
        for rule in choices:
            for move in moves(expr, rule, facts, is_choice=True):
                after, tidy = close(move.after, eager, facts)
                longer = (*path, move, *tidy)
                if (after.size, len(longer)) < (best.size, len(best_path)):
                    if after.size < best.size:
                        since_gain = 0
                    best, best_path = after, longer
                if after not in visited:
                    visited.add(after)
                    heapq.heappush(frontier, (after.size, len(longer), next(ticket), after, longer))
    return Found(best, best_path, capped=expansions >= limit)
