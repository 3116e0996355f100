"""Where rules apply, and in what order: closing a form, and searching for a shorter one."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Expr,
    Leaf,
    Mul,
    Sum,
    distinct,
    minuses,
    replace,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules import Level, sums
from tinygrad_edu.symbolic.algebra.rules.rule import Match, Rule

__all__ = ["MOST_WORK", "Budget", "Move", "Normaliser", "Path", "Rewriter"]


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
class Path:
    """The forms that a formula passes through, and the moves between them.

    A search that was `capped` was cut short; `work` is how many parts the forms had, in all, that
    it looked at.
    """

    start: Expr
    moves: tuple[Move, ...] = ()
    capped: bool = False
    work: int = 0

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
        return changed(self, moves=(*self.moves, move))


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
    ) -> Path:
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
        return Path(start, best_path, work >= limit, work)


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
        lines += isinstance(each, Mul) and any(
            exponent.numerator < 0 for _, exponent in each.factors
        )
    return lines, letters


# --- a normal form: what a proof brings both of its sides into ------------------------------------

# A sum that stands on its own is written out: products are distributed, powers of sums expanded.
# Within a logarithm, a denominator or a root a sum is kept together and freed of fractions and of
# common factors. So the same rule may apply to a sum in one place and not in another.

#: No path is longer, and no form on it larger.
MOST_STEPS = 150
MOST_PARTS = 1500
#: How many parts the forms may have, in all, that one search for a proof looks at.
MOST_WORK_OF_PROOF = 250_000


@dataclass
class Budget:
    """How much work one search may still do, in parts of the forms that it looks at."""

    left: int = MOST_WORK_OF_PROOF


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
        self.level, self._first = level, frozenset(first)
        self._open, self._closed = frozenset(level.open), frozenset(level.closed)
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
        return changed(path, capped=True)

    def places(self, expr: Expr) -> Iterator[Place]:
        """Yield every part of an expression in every role that it has, outermost first."""
        pending, seen = [(expr, self.level.fraction, False)], set[Place]()
        while pending:
            place = pending.pop()
            if place in seen or place in self._settled:
                continue
            seen.add(place)
            yield place
            part, kept, _ = place
            if part.children:
                within = isinstance(part, Sum)
                inside = zip(part.children, _inside(part, kept), strict=True)
                new = [(child, role, within and isinstance(child, Sum)) for child, role in inside]
                pending += reversed(new)

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
        here = rule in (self._closed if kept else self._open) or rule in self._first
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
        return [kept or p.numerator < 0 or p.denominator != 1 for _, p in expr.factors]
    if isinstance(expr, Apply):
        base_of_power = expr.op is ops.power
        return [expr.op is ops.log or (base_of_power and i == 0) for i in range(len(expr.args))]
    return [False] * len(expr.children)
