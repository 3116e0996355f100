"""D13: the natural gradient of a Bernoulli variable, written with p, with the logit, and others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import columns, panels
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.optim.natural import natural_gradient
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["NaturalGradient", "run"]


class _Writing(NamedTuple):
    """One way to write the probability: to p, and from p."""

    to_p: Callable[[Any], Any]
    from_p: Callable[[float], float]


WRITINGS = {
    "p": _Writing(lambda x: x, lambda p: p),
    "3p + 1": _Writing(lambda x: (x - 1) / 3, lambda p: 3 * p + 1),
    "logit": _Writing(ops.sigmoid, lambda p: float(np.log(p / (1 - p)))),
    "2·logit − 1": _Writing(
        lambda x: ops.sigmoid((x + 1) / 2), lambda p: 2 * float(np.log(p / (1 - p))) - 1
    ),
}


@dataclass(frozen=True, eq=False)
class NaturalGradient(Result):
    """Paths of p under each writing, by natural and by plain gradients.

    Attributes
    ----------
    p, mean, rate : float
        As they were given.
    natural, plain : dict of str to ndarray
        Writing → p after 0, 1, 2, … steps.
    rates, gaps : ndarray
        Smaller and smaller steps, and how far p and logit then are from one another at the same
        time, rate × steps.
    """

    p: float
    mean: float
    rate: float
    natural: dict[str, NDArray[np.float64]]
    plain: dict[str, NDArray[np.float64]]
    rates: NDArray[np.float64]
    gaps: NDArray[np.float64]

    def table(self) -> str:
        """Write p after one step and after all, and the gap of smaller steps."""
        both = self.natural, self.plain
        last = len(self.natural["p"]) - 1
        steps = columns(
            ("written as", "natural: 1 step", f"{last} steps", "plain: 1 step", f"{last} steps"),
            [
                (name, *(_shown(paths[name][step]) for paths in both for step in (1, last)))
                for name in WRITINGS
            ],
        )
        gaps = columns(
            ("rate", "largest gap of p and logit", "gap / rate"),
            zip(self.rates, self.gaps, self.gaps / self.rates, strict=True),
            ("g", ".2e", ".4f"),
        )
        return (
            f"p after steps of {self.rate:g} from {self.p:g} to the data's mean {self.mean:g}\n\n"
            f"{steps}\n\nthe same time in smaller steps\n\n{gaps}"
        )

    def figure(self) -> Figure:
        """Draw the paths, and the gap against the rate."""
        figure, (natural, plain, gap) = panels(across=3, width=3.7, height=3.4)
        lowest = min(np.nanmin(path) for path in (*self.natural.values(), *self.plain.values()))
        for axes, paths, title in (
            (natural, self.natural, "natural gradient"),
            (plain, self.plain, "plain gradient"),
        ):
            for (name, path), style in zip(paths.items(), ("o-", "x--", "s-", "+--"), strict=True):
                axes.plot(path, style, markersize=5, label=name)
            axes.axhline(self.mean, color="black", linewidth=0.8, linestyle=":")
            axes.set(title=title, xlabel="step", ylabel="p", ylim=(0.95 * lowest, 1))
        natural.legend(title="written as", loc="lower right")
        gap.loglog(self.rates, self.gaps, "o-")
        gap.set(title="p against logit, natural gradient", xlabel="rate", ylabel="largest gap")
        return figure


def _shown(p: float) -> str:
    return "leaves (0, 1)" if np.isnan(p) else f"{p:.4f}"


def _loss(writing: _Writing, mean: float) -> Callable[[Any], Any]:
    return lambda x: ops.binary_cross_entropy(writing.to_p(x), mean)


def _natural(name: str, p: float, mean: float, rate: float, steps: int) -> NDArray[np.float64]:
    """P after each natural step."""
    writing = WRITINGS[name]
    solution = natural_gradient(
        _loss(writing, mean),
        writing.from_p(p),
        lambda x, y: ops.binary_cross_entropy(writing.to_p(y), writing.to_p(x)),
        rate=rate,
        steps=steps,
        tolerance=0.0,
    )
    if solution.steps < steps:
        raise ValueError(f"natural-gradient: written as {name}, {solution.reason}")
    return np.asarray(writing.to_p(solution.path[:, 0]))


def _plain(name: str, p: float, mean: float, rate: float, steps: int) -> NDArray[np.float64]:
    """P after each plain step; NaN once it has left (0, 1)."""
    writing = WRITINGS[name]
    x = Tensor(writing.from_p(p))
    sgd, loss = SGD([x], rate), _loss(writing, mean)
    path = np.full(steps + 1, np.nan)
    path[0] = p
    for step in range(1, steps + 1):
        sgd.step([gradients(loss(x), x)])
        now = float(writing.to_p(x.data))
        if not 0 < now < 1:
            break
        path[step] = now
    return path


@experiment("natural-gradient", ("D13",), "natural gradients do not depend on how p is written")
def run(
    *, p: float = 0.5, mean: float = 0.9, rate: float = 0.3, steps: int = 8, halvings: int = 6
) -> NaturalGradient:
    """Fit a Bernoulli variable to the mean of data, with several ways to write its parameter.

    Parameters
    ----------
    p : float, optional
        The probability to start with.
    mean : float, optional
        The mean of the data.
    rate : float, optional
        The length of a step.
    steps : int, optional
        How many.
    halvings : int, optional
        How often the rate is halved, for the limit of small steps.

    Returns
    -------
    NaturalGradient
        The paths.

    Raises
    ------
    ValueError
        If a probability is not between 0 and 1, or a path leaves this interval.

    Examples
    --------
    >>> from tinygrad_edu.experiments import natural_gradient
    >>> found = natural_gradient.run(halvings=1)
    >>> print(round(found.natural["p"][1], 4), round(found.natural["logit"][1], 4))
    0.62 0.6177
    """
    for what, value in (("p", p), ("mean", mean)):
        if not 0 < value < 1:
            raise ValueError(f"natural-gradient: {what} = {value:g}; choose 0 < {what} < 1")

    rates = [rate / 2**k for k in range(halvings + 1)]
    gaps = []
    for k, smaller in enumerate(rates):
        one, other = (_natural(name, p, mean, smaller, steps * 2**k) for name in ("p", "logit"))
        gaps.append(np.abs(one - other).max())
    return NaturalGradient(
        p=p,
        mean=mean,
        rate=rate,
        natural={name: _natural(name, p, mean, rate, steps) for name in WRITINGS},
        plain={name: _plain(name, p, mean, rate, steps) for name in WRITINGS},
        rates=np.array(rates),
        gaps=np.array(gaps),
    )
