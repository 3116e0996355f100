"""Points without a derivative: slopes fitted at both sides, and compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygrad_edu.check.differences import EPS, Array, Samples, richardson

__all__ = ["Sides", "sides"]

_SURE = 10.0  # times its error estimate that a change of slope must be


@dataclass(frozen=True, slots=True)
class Sides:
    """Where the slopes at both sides differ, and what they are: NaN for one that is not defined."""

    kink: Array
    left: Array
    right: Array


def sides(samples: Samples) -> Sides:
    """Look for kinks, jumps and ends of the domain in the samples along a line.

    The slopes ahead and behind differ by h·f″ + … where f is smooth, so their difference
    extrapolates to 0 there, and to the change of slope at a kink.
    """
    steps, centre = samples.steps, samples.centre
    noise = 4 * samples.noise()
    with np.errstate(all="ignore"):
        ahead = (samples.ahead - centre) / steps
        behind = (centre - samples.behind) / steps
        change, error, _ = richardson(ahead - behind, noise, (1, 3, 5, 7))
        bend = np.abs(change) > _SURE * error
        right_jump, left_jump = (_jumps(samples, values) for values in (ahead, behind))
        right_end, left_end = (np.isnan(values).all(axis=0) for values in (ahead, behind))
        kink = bend | right_jump | left_jump | (right_end ^ left_end)
        if not kink.any():
            nothing = np.full(kink.shape, np.nan)
            return Sides(kink, nothing, nothing)
        own_noise = EPS * np.abs(centre) / steps  # that of the differences is NaN at an end
        slopes = []
        for values, jump in ((behind, left_jump), (ahead, right_jump)):
            slope, _, _ = richardson(values, np.fmax(noise, own_noise), (1, 2, 3, 4))
            slopes.append(np.where(jump, np.inf * np.sign(values[-1]), slope))
    return Sides(kink, slopes[0], slopes[1])


def _jumps(samples: Samples, slopes: Array) -> Array:
    """Whether the function stays away from its value at the point, however small the step."""
    far, near = (np.abs(slopes[k] * samples.steps[k]) for k in (-3, -1))
    return np.asarray((near > 0.5 * far) & (near > 1e6 * EPS * np.abs(samples.ahead[-1])))
