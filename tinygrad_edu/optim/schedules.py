"""Learning-rate schedules: functions from the number of steps taken to a rate, without state.

An optimiser asks its schedule before every step, with 0 before the first. A schedule is a value:
it can be compared, printed, and asked for any step in any order. Whatever maps a step to a rate
is one, so a function of your own will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from tinygrad_edu.elsewhere import guided_init
from tinygrad_edu.settings import count, look_up, number

__all__ = [
    "SCHEDULES",
    "Chain",
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "make_schedule",
]

Schedule = Callable[[int], float]


class _OfSteps:
    """What schedules share: a rate or factor is a number, `every` and `steps` are counts."""

    least: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            what = f"{type(self).__name__}: {name}"
            if name in ("every", "steps"):
                count(what, value, self.least)
            elif not callable(value):  # a schedule
                number(what, value)


@guided_init
@dataclass(frozen=True)
class Constant(_OfSteps):
    """One rate for all steps.

    Parameters
    ----------
    rate : float
        Not negative.

    Raises
    ------
    ValueError
        If the rate is negative or not finite.

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> optim.Constant(0.1)(1000)
    0.1
    """

    rate: float

    def __call__(self, step: int) -> float:
        """Return the rate for one step."""
        return self.rate


@guided_init
@dataclass(frozen=True)
class StepDecay(_OfSteps):
    r"""A rate that is multiplied by a factor every so many steps.

    Parameters
    ----------
    rate : float
        The first rate, not negative.
    every : int
        Steps between two changes.
    factor : float, optional
        What the rate is multiplied by.

    Raises
    ------
    ValueError
        If the rate or the factor is negative, or `every` is not positive.

    Notes
    -----
    :math:`\eta_t = \eta_0 f^{\lfloor t / n \rfloor}`, as PyTorch's ``StepLR``.

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> halve = optim.StepDecay(0.8, every=10, factor=0.5)
    >>> [halve(step) for step in (0, 9, 10, 25)]
    [0.8, 0.8, 0.4, 0.2]
    """

    rate: float
    every: int
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        """Return the rate for one step."""
        return self.rate * self.factor ** (step // self.every)


@guided_init
@dataclass(frozen=True)
class ExponentialDecay(_OfSteps):
    r"""A rate that is multiplied by a factor at each step.

    Parameters
    ----------
    rate : float
        The first rate, not negative.
    factor : float
        What the rate is multiplied by, near 1.

    Raises
    ------
    ValueError
        If the rate or the factor is negative.

    Notes
    -----
    :math:`\eta_t = \eta_0 f^t`, as PyTorch's ``ExponentialLR``.

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> optim.ExponentialDecay(0.8, 0.5)(3)
    0.1
    """

    rate: float
    factor: float

    def __call__(self, step: int) -> float:
        """Return the rate for one step."""
        return self.rate * self.factor**step


@guided_init
@dataclass(frozen=True)
class CosineDecay(_OfSteps):
    r"""A rate that falls along half a cosine, and stays at its end.

    Parameters
    ----------
    rate : float
        The first rate, not negative.
    steps : int
        After how many steps the end is reached.
    end : float, optional
        The last rate.

    Raises
    ------
    ValueError
        If a rate is negative, or `steps` is not positive.

    Notes
    -----
    :math:`\eta_t = \eta_e + (\eta_0 - \eta_e)(1 + \cos(\pi t/n))/2` (Loshchilov and Hutter 2017).

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> falling = optim.CosineDecay(1.0, steps=4)
    >>> [round(falling(step), 3) for step in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    rate: float
    steps: int
    end: float = 0.0

    def __call__(self, step: int) -> float:
        """Return the rate for one step."""
        if step >= self.steps:
            return self.end
        return self.end + (self.rate - self.end) * (1 + math.cos(math.pi * step / self.steps)) / 2


@guided_init
@dataclass(frozen=True)
class WarmUp(_OfSteps):
    r"""Rise linearly to the first rate of another schedule, which then begins.

    Parameters
    ----------
    schedule : float or schedule
        What follows.
    steps : int
        How many steps the rise takes.

    Raises
    ------
    ValueError
        If the schedule is no rate, or `steps` is not positive.

    Notes
    -----
    :math:`\eta_t = \eta_n (t + 1)/(n + 1)` for t < n, so that the first step moves already.

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> rising = optim.WarmUp(1.0, steps=3)
    >>> [rising(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    schedule: float | Schedule
    steps: int

    def __call__(self, step: int) -> float:
        """Return the rate for one step."""
        if step < self.steps:
            return _rate_at(self.schedule, 0) * (step + 1) / (self.steps + 1)
        return _rate_at(self.schedule, step - self.steps)


@guided_init
@dataclass(frozen=True)
class Chain(_OfSteps):
    """One schedule for so many steps, then another one from its own beginning.

    Parameters
    ----------
    first : float or schedule
        For the first steps.
    steps : int
        How many they are.
    then : float or schedule
        For all later steps; a `Chain` again makes a longer one.

    Raises
    ------
    ValueError
        If a schedule is no rate, or `steps` is negative.

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> rate = optim.Chain(0.1, 3, optim.ExponentialDecay(1.0, 0.5))
    >>> [rate(step) for step in range(6)]
    [0.1, 0.1, 0.1, 1.0, 0.5, 0.25]
    """

    least: ClassVar[int] = 0

    first: float | Schedule
    steps: int
    then: float | Schedule

    def __call__(self, step: int) -> float:
        """Return the rate for one step."""
        if step < self.steps:
            return _rate_at(self.first, step)
        return _rate_at(self.then, step - self.steps)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": Constant,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "cosine": CosineDecay,
}


def make_schedule(name: str, rate: float, **options: Any) -> Schedule:
    """Make a schedule by its name.

    Parameters
    ----------
    name : str
        ``"constant"``, ``"step"``, ``"exponential"`` or ``"cosine"``.
    rate : float
        The first rate.
    **options
        What the schedule of that name takes.

    Returns
    -------
    callable
        From a step to a rate.

    Raises
    ------
    ValueError
        If nothing is called that; the message names the nearest.

    Examples
    --------
    >>> from tinygrad_edu import optim
    >>> optim.make_schedule("cosine", 0.1, steps=100)
    CosineDecay(rate=0.1, steps=100, end=0.0)
    """
    return look_up(name, SCHEDULES, "schedule")(rate, **options)


def _rate_at(rate: float | Schedule, step: int) -> float:
    """Return the rate for one step."""
    return rate(step) if callable(rate) else rate
