"""A derivative against what it should be: one verdict per entry, by the entry's own error."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any

import numpy as np

from tinygrad_edu.check.differences import EPS, Array
from tinygrad_edu.check.function import Input

__all__ = ["Comparison", "Estimate", "Verdict", "allowed", "compare", "wrong"]

_TIMES = 4.0  # times the estimated error that a right entry may be off
_SETTLED = 1e-4  # an error beyond this, relative to the scale, is no rounding
_ROUNDING = 256 * EPS  # what a long sum loses, relative to the entry


class Verdict(IntEnum):
    """What can be said of one entry."""

    RIGHT = 0
    HIDDEN = 1  # too small to be told from rounding, by the rules as by differences
    UNRESOLVED = 2  # differences do not settle
    KINK = 3
    NOT_FINITE = 4
    WRONG = 5


@dataclass(frozen=True, slots=True)
class Estimate:
    """Derivatives by differences: a row per result, a column per line that was followed.

    The scale of an entry is that of the result over that of the input: what an error is small
    or large against, whatever the derivative.
    """

    value: Array
    error: Array
    scale: Array
    kink: Array
    left: Array
    right: Array

    def take(self, rows: Any = slice(None), columns: Any = slice(None)) -> Estimate:
        """Return some of the rows and columns."""
        parts = (getattr(self, f.name) for f in fields(self))
        return Estimate(*(part[rows][:, columns] for part in parts))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One Jacobian, or some entries of it, as the rules give it and as differences do.

    Attributes
    ----------
    mode : str
        How the rules were run.
    of : str
        What is differentiated.
    wrt : Input or None
        By which input; None for derivatives along a direction, and for values.
    of_shape : tuple of int
        The shape of what is differentiated.
    rows, columns : ndarray of int
        Which entries, in flat order.
    found, expected, error : ndarray
        By the rules, by differences, and the estimated error of the differences.
    verdicts : ndarray of int
        A `Verdict` for each entry.
    left, right : ndarray
        The slopes at both sides, where there is a kink.
    suffix : str
        What stands behind the name of an entry.
    """

    mode: str
    of: str
    wrt: Input | None
    of_shape: tuple[int, ...]
    rows: Array
    columns: Array
    found: Array
    expected: Array
    error: Array
    verdicts: Array
    left: Array
    right: Array
    suffix: str = ""

    @property
    def order(self) -> int:
        """1 for a gradient, 2 for the derivative of one."""
        return 2 if "over" in self.mode else 1

    def count(self, verdict: Verdict) -> int:
        """Return the number of entries with a verdict."""
        return int((self.verdicts == verdict).sum())

    @property
    def excess(self) -> Array:
        """How often the allowed deviation fits into the deviation of each entry."""
        with np.errstate(all="ignore"):
            return np.asarray(np.abs(self.found - self.expected) / self.allowed)

    @property
    def allowed(self) -> Array:
        """How much each entry may deviate."""
        return allowed(self.found, self.expected, self.error)

    def label(self, row: int, column: int) -> str:
        """Name an entry: ∂f[0]/∂x[2]."""
        top = f"{self.of}{_place(self.rows[row], self.of_shape)}"
        if self.wrt is None:
            return f"{top}{self.suffix}"
        return f"∂{top}/∂{self.wrt.name}{_place(self.columns[column], self.wrt.shape)}"


def allowed(found: Array, expected: Array, error: Array) -> Array:
    """Return how much a right entry may deviate: its estimated error, and rounding."""
    with np.errstate(all="ignore"):
        sizes = np.abs(found) + np.abs(expected)
        return np.asarray(_TIMES * error + _ROUNDING * sizes)


def compare(
    mode: str,
    of: str,
    wrt: Input | None,
    of_shape: tuple[int, ...],
    rows: Array,
    columns: Array,
    found: Array,
    estimate: Estimate,
    suffix: str = "",
) -> Comparison:
    """Judge every entry."""
    return Comparison(
        mode,
        of,
        wrt,
        of_shape,
        rows,
        columns,
        found,
        estimate.value,
        estimate.error,
        _judge(found, estimate),
        estimate.left,
        estimate.right,
        suffix,
    )


def wrong(found: Array, estimate: Estimate) -> Array:
    """Whether an entry deviates by more than it may."""
    return np.asarray(_judge(found, estimate) == Verdict.WRONG)


def _judge(found: Array, estimate: Estimate) -> Array:
    verdicts = np.full(found.shape, int(Verdict.RIGHT))
    expected, error = estimate.value, estimate.error
    with np.errstate(all="ignore"):
        size = np.fmax(np.abs(found), np.abs(expected))
        largest = size[np.isfinite(size)].max(initial=0.0)
        blurred = (error > 0.1 * size) & ~((found == 0) & (error <= 1e-6 * largest))
        verdicts[blurred & (size > 0)] = Verdict.HIDDEN
        verdicts[blurred & ~(error <= _SETTLED * estimate.scale)] = Verdict.UNRESOLVED
        within = np.abs(found - expected) <= allowed(found, expected, error)
        verdicts[~within] = Verdict.WRONG
        low = np.fmin(estimate.left, estimate.right)
        high = np.fmax(estimate.left, estimate.right)
        slack = 1e-6 * (np.abs(low) + np.abs(high))
        between = ~((found < low - slack) | (found > high + slack))
        verdicts[estimate.kink & between] = Verdict.KINK
        verdicts[estimate.kink & ~between] = Verdict.WRONG
        verdicts[~np.isfinite(found) | ~(estimate.kink | np.isfinite(expected))] = (
            Verdict.NOT_FINITE
        )
    return verdicts


def _place(flat: int, shape: tuple[int, ...]) -> str:
    if not shape:
        return ""
    return str([int(k) for k in np.unravel_index(int(flat), shape)])
