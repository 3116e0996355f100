"""Rounds of the same computation in a large graph, which are told once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.symbolic.derive import Symbol

__all__ = ["Fold", "folds"]

_LONGEST_ROUND = 16  # vertices
_FEWEST = 4  # rounds; the first and the last are told


@dataclass(frozen=True, slots=True)
class Fold:
    """Rounds that are not told: their vertices by place, how many rounds, and both ends."""

    places: tuple[int, ...]
    count: int
    first: int
    last: int


def folds(shown: Sequence[Symbol], place: Mapping[Any, int], kept: Symbol) -> list[Fold]:
    """Find what a graph does again and again, and leave its first and its last round.

    Parameters
    ----------
    shown : sequence of Symbol
        The vertices, arguments first.
    place : mapping
        Where each argument stands among them.
    kept : Symbol
        What is told in any case.
    """
    computed = [n for n, s in enumerate(shown) if s.op is not None]
    order = {at: n for n, at in enumerate(computed)}
    looks = [_look(n, shown[at], order, place, kept) for n, at in enumerate(computed)]
    users: dict[int, set[int]] = {}
    for at in computed:
        for argument in shown[at].args:
            if isinstance(argument, Symbol):
                users.setdefault(place.get(argument, -1), set()).add(at)
    found = []
    for start, period, rounds in _repeats(looks, 0, len(looks)):
        inside = computed[start + period : start + period * (rounds - 1)]
        leaves = [
            at
            for at, s in enumerate(shown)
            if s.op is None and s is not kept and users.get(at, {-1}).issubset(inside)
        ]
        found.append(Fold((*leaves, *inside), rounds - 2, inside[0], inside[-1]))
    return found


def _look(
    number: int, s: Symbol, order: Mapping[int, int], place: Mapping[Any, int], kept: Symbol
) -> Any:
    """Say what a vertex does, the same for two that do the same to what came before them."""
    assert s.op is not None
    arguments: list[Any] = []
    for argument in s.args:
        at = place.get(argument, -1) if isinstance(argument, Symbol) else -1
        if at in order:
            arguments.append(number - order[at])
        elif at >= 0:
            arguments.append((argument.shape, argument is kept))
        else:
            arguments.append(str(getattr(argument, "value", argument)))
    return s.op.name, s.shape, s is kept, str(s.attributes), tuple(arguments)


def _repeats(looks: Sequence[Any], start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Find where looks repeat themselves: from where, after how many, and how often."""
    best = (0, 0, 0, 0)
    for period in range(1, _LONGEST_ROUND + 1):
        begin = start
        for at in range(start, stop - period + 1):
            if at < stop - period and looks[at] == looks[at + period]:
                continue
            rounds = (at - begin) // period + 1
            if rounds >= _FEWEST:
                best = max(best, ((rounds - 2) * period, -period, rounds, begin))
            begin = at + 1
    saved, period, rounds, begin = best[0], -best[1], best[2], best[3]
    if saved:
        yield from _repeats(looks, start, begin)
        yield begin, period, rounds
        yield from _repeats(looks, begin + period * rounds, stop)
