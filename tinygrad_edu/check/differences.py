"""Derivatives along a line by differences alone, each with a bound on its own error.

A function φ of one number t is computed at ±h, ±h/2, ±h/4 … Where φ is smooth, its odd part
(φ(t) − φ(−t))/2 is φ′(0)·t + O(t³), and its even part (φ(t) + φ(−t))/2 − φ(0) is O(t²); where the
slope jumps at 0, the even part has a term in abs(t), half of the jump. Both parts are fitted by
least squares over every six neighbouring steps. Three things bound the error of a fit: what its
last power changes, since the next ones change less; what it leaves over, at its own steps and at
all narrower ones; and the rounding of φ that is known. Of all fits that no narrower one
contradicts, the one with the least bound is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["EPS", "WIDEST", "Array", "Estimate", "along"]

Array = npt.NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
WIDEST = 2.0**-3  # step of the first, relative to the length of the line
_FIRST = WIDEST * 0.5 ** np.arange(12)
_NARROWEST = 2.0**-33
_MORE = 4  # steps that are added at a time
_FITTED = 6  # steps in one fit
_CUT_OFF, _LEFT_OVER, _ROUNDING = 2.0, 200.0, 80.0  # how far each reaches in a slope, with luck
_GOOD = 1e-9  # relative error at which more steps are not worth their time


@dataclass(frozen=True, slots=True)
class Estimate:
    """Derivatives by differences: a row per result, a column per line.

    The scale of a derivative is what its error is small or large against, whatever its value: the
    size of the result, or of what rounding leaves of one that cancels. `kink` says where the slopes
    at both sides differ; they are `left` and `right`.
    """

    value: Array
    error: Array
    scale: Array
    kink: Array
    left: Array
    right: Array

    @classmethod
    def smooth(cls, value: Array, error: Array, scale: Array) -> Estimate:
        """Return what has no kinks."""
        none = np.full(value.shape, np.nan)
        return cls(value, error, scale, np.zeros(value.shape, bool), none, none)

    def summed(self, weights: Array) -> Estimate:
        """Return the estimate of a weighted sum of the results."""
        used = weights != 0  # 0 times what is not known is 0
        w, parts = weights[used], (self.value[used], self.error[used], self.scale[used])
        sums = (w @ parts[0], np.abs(w) @ parts[1], np.abs(w) @ parts[2])
        return Estimate.smooth(*(np.atleast_2d(total) for total in sums))

    def take(self, rows: Any = slice(None), columns: Any = slice(None)) -> Estimate:
        """Return some of the rows and columns."""
        return Estimate(*(getattr(self, f.name)[rows][:, columns] for f in fields(self)))

    @classmethod
    def of_lines(cls, lines: Sequence[Estimate], lengths: Array | float = 1.0) -> Estimate:
        """Put lines of one column side by side, as derivatives by the length on each."""
        table = {f.name: np.hstack([getattr(e, f.name) for e in lines]) for f in fields(cls)}
        return cls(**{k: v if k == "kink" else v / lengths for k, v in table.items()})


def along(
    at: Callable[[float], Array | None], centre: Array, rounding: Array, farthest: float
) -> Estimate:
    """Differentiate a function of one number at 0.

    Parameters
    ----------
    at : callable
        The function: its results as a vector, or None where it is not defined.
    centre : ndarray
        What it is at 0.
    rounding : ndarray
        How far rounding inside of it may move each result.
    farthest : float
        The widest step to try; a step of 1 should change the results by about their own size.
    """
    undefined = np.full(centre.shape, np.nan)

    def both_sides(step: float) -> tuple[Array, Array]:
        ahead, behind = at(step), at(-step)
        return undefined if ahead is None else ahead, undefined if behind is None else behind

    known: dict[float, tuple[Array, Array]] = {}
    wanted = list(_FIRST)
    while wanted:
        known |= {step: both_sides(step) for step in wanted}
        steps = np.array(sorted(known, reverse=True))
        ahead, behind = (np.array([known[t][side] for t in steps]) for side in (0, 1))
        line, wider, narrower = _differentiate(steps, ahead, behind, centre, rounding)
        wanted = [float(steps[0]) * 2**n for n in range(1, _MORE + 1) if wider]
        wanted += [float(steps[-1]) / 2**n for n in range(1, _MORE + 1) if narrower]
        wanted = [step for step in wanted if _NARROWEST <= step <= farthest]
    return line


def _differentiate(
    steps: Array, ahead: Array, behind: Array, centre: Array, rounding: Array
) -> tuple[Estimate, bool, bool]:
    """Return the derivatives, and whether wider and narrower steps might tell more."""
    with np.errstate(all="ignore"):
        noise = rounding + EPS * np.fmax(np.fmax(np.abs(ahead), np.abs(behind)), np.abs(centre))
        finest = steps[-1] / 2 < _NARROWEST  # what bends here is narrower than any step
        slopes, errors, bends = _ODD.slopes((ahead - behind) / 2, steps, noise)
        changes, doubts, unsure = _EVEN.slopes((ahead + behind) / 2 - centre, steps, noise)
        errors += np.abs(changes)  # of a corner between the steps
        value, error, level = _best(slopes, errors, bends & finest)
        change, doubt, _ = _best(changes, doubts, unsure & finest)
        near = steps <= WIDEST
        sizes = np.fmax.reduce(np.fmax(np.abs(ahead[near]), np.abs(behind[near])), axis=0)
        scale = np.fmax(np.fmax(sizes, np.abs(centre)), 1e8 * rounding)
        kink = np.abs(change) > np.fmax(doubt, 1e-6 * np.abs(value) + 1e-9 * scale)
        left, right = value - change, value + change
        ends = np.isnan(ahead).all(axis=0), np.isnan(behind).all(axis=0)
        kink |= ends[0] ^ ends[1]
        for side, sign, slope in ((ahead, 1, right), (behind, -1, left)):
            moves = side - centre
            jump = np.abs(moves[-1]) > 0.5 * np.fmax.reduce(np.abs(moves[-2 * _MORE :]), axis=0)
            jump &= np.abs(moves[-1]) > 1e6 * noise[-1]
            slope[jump] = sign * np.inf * np.sign(moves[-1][jump])
            kink |= jump
            slope[ends[0] ^ ends[1]] = sign * moves[-1][ends[0] ^ ends[1]] / steps[-1]
        moved = ((ahead != centre) | (behind != centre)).any(axis=0)
        poor = moved & ~(error <= _GOOD * np.abs(value))
    last = len(steps) - _FITTED - _MORE
    narrower = poor & ((level >= last) | ~np.isfinite(error) | bends) | kink
    line = Estimate(value, error, scale, kink, left, right)
    column = Estimate(*(getattr(line, f.name)[:, None] for f in fields(line)))
    return column, bool((poor & (level <= 1)).any()), bool(narrower.any())


class _Fit:
    """Least squares by powers of the step, of which the first is the slope."""

    def __init__(self, *powers: int) -> None:
        basis = (0.5 ** np.arange(_FITTED))[:, None] ** np.array(powers)
        inverse = np.linalg.pinv(basis)
        self.weights = inverse[0]
        self.cut_off = inverse[0] - np.linalg.pinv(basis[:, :-1])[0]
        self.left_over = np.eye(_FITTED) - basis @ inverse

    def slopes(self, part: Array, steps: Array, noise: Array) -> tuple[Array, Array, Array]:
        """Return the slope at 0 by each fit, its bound, and whether the last fit bends."""
        windows = np.lib.stride_tricks.sliding_window_view(part, _FITTED, axis=0)
        count = len(windows)
        rest = np.abs(windows @ self.left_over).max(axis=-1)
        rest = np.maximum.accumulate(rest[::-1], axis=0)[::-1]
        errors = _CUT_OFF * np.abs(windows @ self.cut_off)
        errors += _LEFT_OVER * rest + _ROUNDING * noise[:count]
        widths = steps[:count, None]
        bends = ~(rest[-1] <= 100 * noise[count - 1])
        return windows @ self.weights / widths, errors / widths, bends


def _best(slopes: Array, errors: Array, accepted: Array) -> tuple[Array, Array, Array]:
    """Return the slope with the least bound that no narrower fit contradicts, and which it is.

    The last two fits only confirm; where all are accepted, none is asked.
    """
    errors = np.where(np.isfinite(errors) & np.isfinite(slopes), errors, np.inf)
    known = np.isfinite(errors)
    low = np.where(known, slopes - errors, -np.inf)[::-1]
    high = np.where(known, slopes + errors, np.inf)[::-1]
    agree = np.maximum.accumulate(low, axis=0) <= np.minimum.accumulate(high, axis=0)
    errors = np.where(agree[::-1] | accepted, errors, np.inf)
    best = (errors[:-2].argmin(axis=0), np.arange(slopes.shape[1]))
    value = np.where(np.isfinite(errors[best]), slopes[best], np.nan)
    return value, errors[best], errors.argmin(axis=0)


_ODD, _EVEN = _Fit(1, 3, 5, 7), _Fit(1, 2, 4, 6)
