"""Jacobians in numbers: of one operation, or of a vertex by what is differentiated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.core.node import slots
from tinygrad_edu.symbolic.derive import Symbol

__all__ = ["Heat", "Rows", "is_full", "local", "total"]

_WIDEST = 8  # rows and columns of a Jacobian that is shown

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Heat:
    """A Jacobian in numbers: rows are entries of `of`, columns entries of `wrt`."""

    of: str
    wrt: str
    rows: Rows


def local(s: Symbol, index: int) -> Rows | None:
    """Return the derivative of an operation by one argument; None for one too large to show."""
    argument = s.args[index]
    if not _fits(s, argument):
        return None
    return _rows(_pull(s, index, seed) for seed in _units(s.shape))


def total(s: Symbol, wrt: Symbol, order: Iterable[Symbol]) -> Rows | None:
    """Return ∂s/∂wrt through all of a graph (arguments first); None for one too large to show."""
    if not _fits(s, wrt):
        return None
    inside = [node for node in order if node.serial <= s.serial]
    return _rows(_back(s, wrt, inside, seed) for seed in _units(s.shape))


def is_full(rows: Rows) -> bool:
    """Whether a Jacobian mixes entries; a diagonal one says no more than its formula.

    Examples
    --------
    >>> is_full(((2.0, 0.0), (0.0, 3.0))), is_full(((2.0, -1.0), (-1.0, 3.0)))
    (False, True)
    """
    matrix = np.array(rows)
    if 1 in matrix.shape:
        return False
    return matrix.shape[0] != matrix.shape[1] or bool(np.any(matrix - np.diag(np.diag(matrix))))


def _rows(parts: Iterable[Any]) -> Rows:
    return tuple(tuple(map(float, part.ravel())) for part in parts)


def _back(s: Symbol, wrt: Symbol, inside: list[Symbol], seed: Any) -> Any:
    """Run the rules from a vertex back to what is differentiated, on numbers."""
    totals = {s: seed}
    for node in reversed(inside):
        g = totals.pop(node, None) if node is not wrt else None
        if g is None or node.op is None:
            continue
        for index, argument in enumerate(node.args):
            if isinstance(argument, Symbol) and node.op.rule_of(index):
                part = _pull(node, index, g)
                totals[argument] = totals[argument] + part if argument in totals else part
    return totals.get(wrt, np.zeros(wrt.shape))


def _fits(*symbols: Symbol) -> bool:
    return all(s.value.ndim <= 1 and 1 <= s.value.size <= _WIDEST for s in symbols)


def _units(shape: tuple[int, ...]) -> list[Any]:
    size = int(np.prod(shape, dtype=int))
    return [row.reshape(shape) for row in np.eye(size)]


def _pull(s: Symbol, index: int, g: Any) -> Any:
    """Apply the rule of one argument to numbers."""
    op = s.op
    assert op is not None
    values = [a.value if isinstance(a, Symbol) else a for a in s.args]
    attributes = dict(s.attributes)
    rule = op.rule_of(index)
    assert rule is not None
    argument = s.args[index]
    with np.errstate(all="ignore"):
        if op.saved is not None:
            attributes["saved"] = op.saved(*values, **s.attributes)
        part = np.asarray(rule(g, s.value, *values, **attributes))
    if part.shape != argument.shape:
        part = slots.sum_to.forward(part, shape=argument.shape)
    return part
