"""Rounds of a graph that are alike: the steps of a loop, or layers of one shape.

What follows each other many times is drawn once; the last round stands beside it, with the
numbers that the result is made from.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.tensor import Tensor

__all__ = ["Rounds", "rounds_of"]

_LEAST = 4  # rounds
_WORTH = 8  # operations that are left out, or more; else all are drawn
_SHARED = 3  # what is used more often is shared by the rounds, and none of their own


@dataclass(frozen=True, eq=False)
class Rounds:
    """Operations that follow each other many times.

    Attributes
    ----------
    first : tuple of Tensor
        Those of the first round.
    given : tuple
        What it is given where the others are given the results of the one before.
    count : int
        How many rounds are drawn as the first: all but the last.
    again : dict of Tensor to Tensor
        From each operation of the others to the one that is drawn for it.
    """

    first: tuple[Tensor, ...]
    given: tuple[Any, ...]
    count: int
    again: dict[Tensor, Tensor]


def rounds_of(order: Sequence[Tensor]) -> list[Rounds]:
    """Find the rounds of a graph, whose vertices are given arguments first.

    Examples
    --------
    >>> h = Tensor([1.0, 2.0])
    >>> for _ in range(10):
    ...     h = 2 * h + 1
    >>> from tinygrad_edu.core.graph import ancestors
    >>> [(len(found.first), found.count) for found in rounds_of(ancestors(h))]
    [(2, 9)]
    """
    nodes = [node for node in order if node.op is not None]
    uses = Counter(id(a) for node in nodes for a in node.args)
    place = {id(node): number for number, node in enumerate(nodes)}
    exact, rough = (
        np.array(_numbered([_look(node, place, uses, exactly) for node in nodes]))
        for exactly in (True, False)
    )
    found = []
    free = np.ones(len(nodes), bool)
    while (best := _longest(exact, rough, free)) is not None:
        start, period, count = best
        free[start : start + period * count] = False
        first, second = (nodes[start + n * period :][:period] for n in (0, 1))
        given = tuple(
            argument
            for node, same in zip(first, second, strict=True)
            for argument, other in zip(node.args, same.args, strict=True)
            if id(other) in place
        )
        later = nodes[start + period : start + period * (count - 1)]
        again = dict(zip(later, itertools.cycle(first), strict=False))
        found.append(Rounds(tuple(first), given, count - 1, again))
    return found


def _look(node: Tensor, place: dict[int, int], uses: Counter[int], exactly: bool) -> Hashable:
    """Return what operations of several rounds have in common.

    The first round begins with a leaf or data where others have a result: `exactly` tells these
    apart.
    """
    assert node.op is not None
    attributes = {name: v for name, v in node.attributes.items() if name != "index"}
    looks: list[Hashable] = [node.op.name, repr(attributes), node.shape]
    for argument in node.args:
        is_result = exactly and id(argument) in place
        if is_result and uses[id(argument)] > _SHARED:
            looks.append(id(argument))
        elif is_result:
            looks.append(place[id(node)] - place[id(argument)])
        elif isinstance(argument, Tensor) or np.ndim(argument):
            looks.append((exactly and isinstance(argument, Tensor), np.shape(argument)))
        else:
            looks.append(repr(argument))
    return tuple(looks)


def _numbered(looks: Sequence[Hashable]) -> list[int]:
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(look, len(numbers)) for look in looks]


def _longest(exact: Any, rough: Any, free: Any) -> tuple[int, int, int] | None:
    """Return start, period and count of the rounds that leave out most, if there are any."""
    best, most = None, _WORTH
    for period in range(1, len(exact) // _LEAST + 1):
        same = (exact[period:] == exact[:-period]) & free[period:] & free[:-period]
        ends = np.flatnonzero(np.diff(np.r_[0, same, 0]))
        for begin, end in ends.reshape(-1, 2).tolist():
            start, least = begin, max(begin - period, 0)
            while (
                start > least and free[start - 1] and rough[start - 1] == rough[start - 1 + period]
            ):
                start -= 1
            count = (end - start) // period + 1
            if count >= _LEAST and period * (count - 1) > most:
                best, most = (start, period, count), period * (count - 1)
    return best
