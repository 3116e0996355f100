"""Derivatives along lines by differences alone, and how far they can be trusted.

Central differences at steps that shrink by a fixed ratio are extrapolated to step 0 (Richardson
1911; Ridders 1982). Wide steps suffer from curvature, narrow ones from rounding: of all
extrapolations, each result takes the one that changed least, its rounding included.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["EPS", "RATIO", "Array", "Lines", "Sample", "Samples", "follow", "richardson"]

Array = npt.NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
RATIO = 4.0

#: What a function is at a distance along a line: ``sample(line, distance)`` gives the distance as
#: rounded and the results, or None where the function is not defined.
Sample = Callable[[int, float], "tuple[float, Array | None]"]

_LEVELS = 8  # steps at first
_MORE = 4  # and how many more at a time where these do not suffice
_ROUNDS = 8
_GOOD = 1e-7  # relative error at which more steps are not worth their time
_CONSISTENT = 10.0  # times its error that an extrapolation may be off from a narrower one


@dataclass(frozen=True, slots=True)
class Samples:
    """A function at both sides of a point along lines: one row per step, they shrink downwards.

    `ahead` and `behind` have axes for steps, lines and results; `steps` and `reach` broadcast.
    `rounding` is the error of each result.
    """

    steps: Array
    centre: Array
    ahead: Array
    behind: Array
    reach: Array
    rounding: Array

    def of(self, lines: Array) -> Samples:
        """Return the samples of some of the lines."""
        return Samples(
            self.steps[:, lines],
            self.centre,
            self.ahead[:, lines],
            self.behind[:, lines],
            self.reach[lines],
            self.rounding,
        )

    @property
    def central(self) -> Array:
        """Central differences."""
        with np.errstate(all="ignore"):
            return np.asarray((self.ahead - self.behind) / (2 * self.steps))

    def noise(self) -> Array:
        """Estimate the rounding error of each central difference.

        At least what rounding the results and the inputs makes unavoidable; more where the
        differences of the narrowest steps scatter more than that.
        """
        central = self.central
        with np.errstate(all="ignore"):
            size = np.fmax(np.abs(self.ahead), np.abs(self.behind))
            unavoidable = EPS * (size + self.reach * np.abs(central)) + self.rounding
            scatter = np.abs(np.diff(central[-4:], axis=0)) * self.steps[-3:]
            return np.asarray((unavoidable + np.fmax.reduce(scatter, axis=0)) / self.steps)


@dataclass(frozen=True, slots=True)
class Lines:
    """Derivatives of every result along some lines, with estimates of their errors.

    The scale of a derivative is the size of the result, or of what rounding leaves of a result
    that cancels, over the size of the input.
    """

    which: Array
    value: Array
    error: Array
    samples: Samples

    @property
    def scale(self) -> Array:
        """What the error of each derivative is small or large against."""
        s = self.samples
        sizes = [np.abs(s.centre), 1e8 * s.rounding]
        for k in (int((s.steps[:, 0] > s.reach[0] / RATIO).sum()), -1):  # not the widest of all
            sizes += [np.abs(s.ahead[k]), np.abs(s.behind[k])]
        with np.errstate(all="ignore"):
            return np.asarray(functools.reduce(np.fmax, sizes) / s.reach)


def follow(
    sample: Sample, centre: Array, rounding: Array, reach: Array, farthest: float
) -> list[Lines]:
    """Differentiate along lines, with steps as wide and as narrow as it takes.

    Parameters
    ----------
    sample : callable
        The function at a distance along a line.
    centre : ndarray
        The results at distance 0, as a vector.
    rounding : ndarray
        How far rounding inside of the function may move each result.
    reach : ndarray
        The size of the input along each line: the first steps are a quarter of it and less.
    farthest : float
        The widest step to try.
    """
    first = 2.0 ** np.floor(np.log2(reach)) / RATIO  # a power of 2: x + h is hardly rounded
    steps = first * RATIO ** -np.arange(_LEVELS, dtype=float)[:, None]
    rows = {
        (k, h): _both_sides(sample, k, h, centre) for k in range(len(reach)) for h in steps[:, k]
    }
    samples = _gather(rows, steps, centre, rounding, reach)
    value, error, level = richardson(samples.central, samples.noise(), _ORDERS)
    poor = _poor(samples, value, error).any(axis=-1)
    good = np.flatnonzero(~poor)
    found = []
    if good.size:
        found.append(Lines(good, value[good], error[good], samples.of(good)))
    for k in np.flatnonzero(poor):
        one = Lines(np.array([k]), value[[k]], error[[k]], samples.of(np.array([k])))
        found.append(_refined(sample, one, level[[k]], farthest))
    return found


_ORDERS = (2, 4, 6, 8)


def _refined(sample: Sample, line: Lines, level: Array, farthest: float) -> Lines:
    """Add wider and narrower steps to a line until they suffice, or lead nowhere."""
    samples, value, error = line.samples, line.value, line.error
    (k,), centre, (reach,) = line.which.tolist(), samples.centre, samples.reach.ravel()
    rows = {
        (0, float(h)): (ahead[0], behind[0])
        for h, ahead, behind in zip(
            samples.steps.ravel(), samples.ahead, samples.behind, strict=True
        )
    }
    for _ in range(_ROUNDS):
        poor = _poor(samples, value, error)
        steps = samples.steps.ravel()
        more: list[float] = []
        if (poor & (level < _MORE)).any():  # rounding dominates
            more += [steps[0] * RATIO**n for n in range(1, _MORE + 1)]
        last = (level >= len(steps) - _MORE) | ~np.isfinite(error)
        if (poor & (last | _unsettled(samples))).any():
            more += [steps[-1] * RATIO**-n for n in range(1, _MORE + 1)]
        more = [h for h in more if 2e-14 * reach < h <= farthest]
        if not more:
            break
        rows |= {(0, h): _both_sides(sample, k, h, centre) for h in more}
        steps = np.array(sorted((h for _, h in rows), reverse=True))[:, None]
        samples = _gather(rows, steps, centre, samples.rounding, np.array([reach]))
        value, error, level = richardson(samples.central, samples.noise(), _ORDERS)
    return Lines(line.which, value, error, samples)


def _unsettled(samples: Samples) -> Array:
    """Whether a result still moves at the narrowest steps, unevenly and by more than rounding.

    At a kink it moves at each side, but not from one side to the other.
    """
    ahead, behind, central = samples.ahead[-4:], samples.behind[-4:], samples.central[-4:]
    with np.errstate(all="ignore"):
        moves = np.abs(ahead - behind)
        real = moves > 1e4 * EPS * np.abs(ahead)
        real &= moves > 0.1 * np.abs(ahead - samples.centre)
        changes = np.abs(np.diff(central, axis=0)).max(axis=0)
        return np.asarray(real.any(axis=0) & (changes > 1e-3 * np.abs(central[-1])))


def _poor(samples: Samples, value: Array, error: Array) -> Array:
    """Whether a derivative is not known well, of a result that moves at all."""
    with np.errstate(all="ignore"):
        moved = (samples.ahead != samples.centre) | (samples.behind != samples.centre)
        return np.asarray(moved.any(axis=0) & ~(error <= _GOOD * np.abs(value)))


def _both_sides(sample: Sample, k: int, h: float, centre: Array) -> tuple[Array, Array]:
    """Return the results at distances h and -h, as if the steps had not been rounded."""
    found = []
    for step in (h, -h):
        exact, result = sample(k, step)
        if result is None:
            result = np.full(centre.shape, np.nan)
        elif exact not in (0.0, step):
            with np.errstate(all="ignore"):
                result = centre + (result - centre) * (step / exact)
        found.append(result)
    return found[0], found[1]


def _gather(
    rows: dict[tuple[int, float], tuple[Array, Array]],
    steps: Array,
    centre: Array,
    rounding: Array,
    reach: Array,
) -> Samples:
    """Put samples together: `steps` has a row per step and a column per line."""
    ahead, behind = (
        np.array([[rows[k, h][side] for k, h in enumerate(row)] for row in steps.tolist()])
        for side in (0, 1)
    )
    return Samples(steps[:, :, None], centre, ahead, behind, reach[:, None], rounding)


def richardson(rows: Array, noise: Array, orders: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Extrapolate to step 0 what was computed at steps that shrink by `RATIO` from row to row.

    Parameters
    ----------
    rows : ndarray
        One approximation per step and result.
    noise : ndarray
        The rounding error of each.
    orders : tuple of int
        The powers of the step in the error of the approximation.

    Returns
    -------
    value, error, level : ndarray
        The extrapolation that changed least, by how much, and the row of its narrowest step.
    """
    none = np.full((1, *rows.shape[1:]), np.inf)
    with np.errstate(all="ignore"):
        values, changes = [rows], [np.concatenate([none, np.abs(np.diff(rows, axis=0))])]
        for order in orders:
            wide, narrow = values[-1][:-1], values[-1][1:]
            better = narrow + (narrow - wide) / (RATIO**order - 1)
            change = np.fmax(np.abs(better - narrow), np.abs(better - wide))
            values.append(np.concatenate([none, better]))
            changes.append(np.concatenate([none, change]))
        stacked = np.stack(values)
        errors = np.stack(changes) + RATIO * noise  # a step less wide: this one may hide a bend
        errors[~(np.isfinite(errors) & np.isfinite(stacked))] = np.inf
    best = errors.argmin(axis=0)[None]
    value = np.take_along_axis(stacked, best, axis=0)[0]
    error = np.take_along_axis(errors, best, axis=0)[0]
    level = np.where(_agreeing(value, error), error, np.inf).argmin(axis=0)
    chosen = level[None]
    value = np.take_along_axis(value, chosen, axis=0)[0]
    error = np.take_along_axis(error, chosen, axis=0)[0]
    return np.where(np.isfinite(error), value, np.nan), error, level


def _agreeing(value: Array, error: Array) -> Array:
    """Whether what the steps up to each one say agrees with what all narrower ones say.

    Where a function has died away at wide steps, they agree with each other and are wrong.
    """
    with np.errstate(all="ignore"):
        known = np.isfinite(error)
        low = np.where(known, value - _CONSISTENT * error, -np.inf)[::-1]
        high = np.where(known, value + _CONSISTENT * error, np.inf)[::-1]
        overlap = np.maximum.accumulate(low, axis=0) <= np.minimum.accumulate(high, axis=0)
    return np.asarray(overlap[::-1])
