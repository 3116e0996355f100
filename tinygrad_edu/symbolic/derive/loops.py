"""Numbers that a loop took out of an array, one after the other, are entries of that array.

A loop over examples, L + (X[i] @ w − t[i])², records t[i] as a number, and a label y[i] as the
place in an index. The same operations, in the order in which they were recorded, show all of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node
from tinygrad_edu.symbolic.derive.recognise import Known, recognised

__all__ = ["Place", "Slot", "looped", "picked_by"]

Place = tuple[int, ...]
#: A vertex, and which of its arguments is a number; None for the last place of its index.
Slot = tuple[Node, int | None]


def looped(nodes: Iterable[Node], known: Sequence[Known]) -> dict[Slot, tuple[Any, Place]]:
    """Return which numbers are entries of an array, the symbol of that, and their place in it."""
    groups: dict[Any, list[tuple[Slot, Any]]] = {}
    for node in sorted(nodes, key=lambda node: node.serial):
        if node.op is None:
            continue
        if node.op.name == "getitem":
            label = _label(node)
            if label is not None:
                first = node.args[0]
                key = "label", first.op, first.shape
                groups.setdefault(key, []).append(((node, None), label))
            continue
        for place, value in enumerate(node.args):
            if not isinstance(value, Node) and np.ndim(value) == 0:
                beside = tuple((a.op, a.shape) for a in node.args if isinstance(a, Node))
                groups.setdefault((node.op, place, beside), []).append(((node, place), value))
    found: dict[Slot, tuple[Any, Place]] = {}
    for key, slots in groups.items():
        read = _labels if key[0] == "label" else recognised
        for shape in dict.fromkeys([(len(slots),), *(k.array.shape for k in known)]):
            size = math.prod(shape)
            if size < 2 or len(slots) % size or slots[0][0] in found:
                continue
            turns = len(slots) // size  # how many such numbers there are in each turn of the loop
            for turn in (slots[first::turns] for first in range(turns)):
                symbol = read(np.array([value for _, value in turn]).reshape(shape), known)
                if symbol is not None:
                    places = itertools.product(*map(range, shape))
                    found |= {at: (symbol, to) for (at, _), to in zip(turn, places, strict=True)}
    return found


def _label(node: Node) -> int | None:
    """Return the last place of an index that picks one entry of what was computed."""
    index, first = node.attributes["index"], node.args[0]
    if not isinstance(first, Node) or first.op is None or len(index) != first.ndim:
        return None
    places = [part for part in index if isinstance(part, int)]
    return places[-1] if len(places) == first.ndim and min(places) >= 0 else None


def _labels(values: Any, known: Sequence[Known]) -> Any:
    """Return the symbol of the labels that have these values, but for 0, 1, 2 and so on."""
    if np.array_equal(values.ravel(), np.arange(values.size)):
        return None
    fits = (k for k in known if k.array.dtype.kind in "iu" and np.array_equal(k.array, values))
    one = next(fits, None)
    return None if one is None else one.symbol()


def picked_by(labels: Any, place: Place, first: Any, index: Sequence[int]) -> Any:
    """Write x[i, y_i] as Σ_k one_hot(y)_ik x_ik."""
    row = first if first.ndim == 1 else ops.getitem(first, tuple(index[:-1]))
    one = ops.getitem(ops.one_hot(labels, classes=first.shape[-1]), place)
    return ops.einsum("k,k->", row, one)
