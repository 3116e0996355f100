"""The index of an operation that picks entries or puts them at places, axis by axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Cut", "canonical", "cuts"]


class Cut(NamedTuple):
    """One axis of the longer array: the axis of the shorter one that runs along it, and where.

    `other` is None where one place is picked: `start`.
    """

    axis: int
    other: int | None
    start: int
    step: int
    length: int


def cuts(index: Sequence[Any], shape: Sequence[int]) -> list[Cut] | None:
    """Read the index of `getitem` or `scatter_add`, of places and slices; None if it has arrays."""
    parts = list(index)
    used = sum(part is not None and part is not Ellipsis for part in parts)
    at = parts.index(Ellipsis) if Ellipsis in parts else len(parts)
    parts[at : at + 1] = [("slice", None, None, None)] * (len(shape) - used)
    found = []
    axis = other = 0
    for part in parts:
        if part is None:
            other += 1
            continue
        if isinstance(part, int):
            found.append(Cut(axis, None, part % shape[axis], 1, 1))
        elif isinstance(part, tuple):
            run = range(shape[axis])[slice(*part[1:])]
            found.append(Cut(axis, other, run.start, run.step, len(run)))
            other += 1
        else:
            return None
        axis += 1
    return found


def canonical(first: Any, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Write the index of an operation as one would: x[1:], and not x[1:5].

    The same entries are picked by the same index then.
    """
    if "index" not in attributes:
        return attributes
    index, shape = attributes["index"], attributes.get("shape", getattr(first, "shape", ()))
    at = index.index(Ellipsis) if Ellipsis in index else len(index)
    before, after = (sum(p is not None for p in ps) for ps in (index[:at], index[at + 1 :]))
    lengths = iter([*shape[:before], *shape[len(shape) - after :]])
    short = (p if p is None or p is Ellipsis else _short(p, next(lengths)) for p in index)
    return {**attributes, "index": tuple(short)}


def _short(part: Any, length: int) -> Any:
    if not isinstance(part, tuple):
        return part
    run = range(length)[slice(*part[1:])]
    if run.step != 1 or not run:
        return part
    near = run.stop <= length - run.stop  # x[:2], but x[:-1]
    stop = run.stop if run.stop < length and (run.start or near) else run.stop - length
    return ("slice", run.start or None, stop or None, None)
