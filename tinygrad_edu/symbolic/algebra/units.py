"""Unit matrices and unit vectors that are known as δ when they are met again in a graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.tensor import Tensor

__all__ = ["is_unit", "said_by", "unit"]


class _Unit(Tensor):
    """A recorded δ: what is computed with it becomes a formula with δ."""

    __slots__ = ("place",)

    place: int | None


def unit(length: int, place: int | None = None) -> Tensor:
    """Return the unit matrix, or its row at a place."""
    found = _Unit(np.eye(length) if place is None else np.eye(length)[place])
    found.place = place
    return found


def is_unit(node: Any) -> bool:
    """Whether a vertex came from `unit`."""
    return isinstance(node, _Unit)


def said_by(node: Any) -> tuple[int, int | None] | None:
    """Return the arguments that `unit` made a vertex of, if it did: all such are one δ."""
    return (len(node.value), node.place) if isinstance(node, _Unit) else None
