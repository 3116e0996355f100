"""The derivative along a line by differences alone, and how far it can be trusted.

Central differences at steps that shrink by a fixed ratio are extrapolated to step 0 (Richardson
1911; Ridders 1982). Wide steps suffer from curvature, narrow ones from rounding: of all
extrapolations, each result takes the one that changed least, its rounding included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["EPS", "RATIO", "Array", "Line", "Sample", "Samples", "follow", "richardson"]

Array = npt.NDArray[Any]

EPS = float(np.finfo(np.float64).eps)
RATIO = 4.0

#: What a function is at a distance from where it is checked: the distance as rounded, and the
#: results, or None where the function is not defined.
Sample = Callable[[float], tuple[float, Array | None]]

_LEVELS = 8  # steps at first, and how many more where these do not suffice
_MORE = 4
_GOOD = 1e-7  # relative error at which more steps are not worth their time
_ROUNDS = 8
_CONSISTENT = 10.0  # times its error that an extrapolation may be off from a narrower one


@dataclass(frozen=True, slots=True)
class Samples:
    """A function at both sides of a point, at steps that shrink from row to row."""

    steps: Array
    centre: Array
    ahead: Array
    behind: Array
    reach: float

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
            unavoidable = EPS * (size + self.reach * np.abs(central)) / self.steps
            scatter = np.abs(np.diff(central[-4:], axis=0)) * self.steps[-3:]
            return np.asarray(unavoidable + np.fmax.reduce(scatter, axis=0) / self.steps)


@dataclass(frozen=True, slots=True)
class Line:
    """Derivatives of every result along a line, with an estimate of their errors."""

    value: Array
    error: Array
    samples: Samples

    @property
    def scale(self) -> Array:
        """The size of each result over that of the input."""
        s = self.samples
        sizes = [np.abs(s.centre), np.abs(s.ahead[-1]), np.abs(s.behind[-1])]
        return np.asarray(np.fmax.reduce(sizes) / s.reach)


def follow(sample: Sample, centre: Array, reach: float, farthest: float) -> Line:
    """Differentiate along a line, with steps as wide and as narrow as it takes.

    Parameters
    ----------
    sample : callable
        The function at a distance.
    centre : ndarray
        The results at distance 0, as a vector.
    reach : float
        Size of the input along the line: the first steps are a quarter of it and less.
    farthest : float
        The widest step to try.
    """
    first = 2.0 ** np.floor(np.log2(reach)) / RATIO  # a power of 2: x + h is hardly rounded
    steps = [first * RATIO**-k for k in range(_LEVELS)]
    rows = {h: _both_sides(sample, h, centre) for h in steps}
    for _ in range(_ROUNDS):
        samples = _gather(rows, centre, reach)
        value, error, level = richardson(samples.central, samples.noise(), (2, 4, 6, 8))
        with np.errstate(all="ignore"):
            moved = ((samples.ahead != centre) | (samples.behind != centre)).any(axis=0)
            poor = moved & ~(error <= _GOOD * np.abs(value))
        widest, narrowest = max(rows), min(rows)
        more: list[float] = []
        if np.any(poor & (level < _MORE)):  # rounding dominates, or nothing is known
            more += [widest * RATIO**k for k in range(1, _MORE + 1)]
        if np.any(poor & ((level >= len(rows) - _MORE) | ~np.isfinite(error))):
            more += [narrowest * RATIO**-k for k in range(1, _MORE + 1)]
        more = [h for h in more if 2e-14 * reach < h <= farthest]
        if not more:
            break
        rows |= {h: _both_sides(sample, h, centre) for h in more}
    return Line(value, error, samples)


def _both_sides(sample: Sample, h: float, centre: Array) -> tuple[Array, Array]:
    """Return the results at distances h and -h, as if the steps had not been rounded."""
    found = []
    for step in (h, -h):
        exact, result = sample(step)
        if result is None:
            result = np.full(centre.shape, np.nan)
        elif exact not in (0.0, step):
            with np.errstate(all="ignore"):
                result = centre + (result - centre) * (step / exact)
        found.append(result)
    return found[0], found[1]


def _gather(rows: dict[float, tuple[Array, Array]], centre: Array, reach: float) -> Samples:
    steps = sorted(rows, reverse=True)
    ahead, behind = (np.stack([rows[h][side] for h in steps]) for side in (0, 1))
    return Samples(np.array(steps)[:, None], centre, ahead, behind, reach)


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
        errors = np.stack(changes) + noise
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
