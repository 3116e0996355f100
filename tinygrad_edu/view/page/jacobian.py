"""Jacobians in numbers, of one operation or of all up to a vertex, and how a table shows them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.symbolic.derive import Symbol
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.values import number_text
from tinygrad_edu.view.page.markup import cells, element, table

__all__ = ["Heat", "heat_map", "local", "total"]

_WIDEST = 8  # rows and columns of a Jacobian that is shown

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Heat:
    """A Jacobian in numbers: rows are entries of `of`, columns entries of `wrt`."""

    of: str
    wrt: str
    rows: Rows

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return len(self.rows) * len(self.rows[0])

    @property
    def is_full(self) -> bool:
        """Whether it mixes entries; a diagonal one says no more than its formula.

        Examples
        --------
        >>> Heat("h", "x", ((2.0, 0.0), (0.0, 3.0))).is_full
        False
        >>> Heat("h", "x", ((2.0, -1.0), (-1.0, 3.0))).is_full
        True
        """
        matrix = np.array(self.rows)
        if 1 in matrix.shape:
            return False
        return matrix.shape[0] != matrix.shape[1] or bool(np.any(matrix - np.diag(np.diag(matrix))))


def local(s: Symbol, index: int) -> Rows | None:
    """Return the derivative of an operation by one argument; None for one too large to show."""
    if not _fits(s, s.args[index]):
        return None
    assert s.op is not None
    args = [a.value if isinstance(a, Symbol) else a for a in s.args]
    args[index] = moved = Tensor(args[index])
    with np.errstate(all="ignore"):
        return _rows(s.op(*args, **s.attributes), moved)


def total(s: Symbol, wrt: Symbol) -> Rows | None:
    """Return ∂s/∂wrt through all of a graph; None for one too large, or not recorded as such."""
    if not _fits(s, wrt) or not isinstance(s.source, Tensor) or s.op is None:
        return None
    return _rows(s.source, wrt.source)


def _fits(*symbols: Symbol) -> bool:
    return all(s.value.ndim <= 1 and 1 <= s.value.size <= _WIDEST for s in symbols)


def _rows(of: Tensor, wrt: Tensor) -> Rows:
    units = np.eye(of.size).reshape(-1, *of.shape)
    return tuple(tuple(map(float, gradients(of, wrt, seed=unit).flat)) for unit in units)


def heat_map(heat: Heat) -> ET.Element:
    """Write a Jacobian in numbers, shaded by size."""
    largest = max(abs(v) for row in heat.rows for v in row) or 1.0
    titles = ["", *(str(column + 1) for column in range(len(heat.rows[0])))]
    rows = [
        cells(str(place), *(_entry(value, largest) for value in row))
        for place, row in enumerate(heat.rows, start=1)
    ]
    made = table(titles, rows, f"∂{heat.of}/∂{heat.wrt}, entry by entry")
    made.set("class", "heat")
    return made


def _entry(value: float, largest: float) -> ET.Element:
    sign, level = "minus" if value < 0 else "plus", round(4 * abs(value) / largest)
    return element("td", number_text(value), class_=f"{sign} level{level}")
