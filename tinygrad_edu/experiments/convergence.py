"""A10: does cross-entropy converge faster than the squared error? The same network, both losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.data.iris import load_iris
from tinygrad_edu.data.preparation import standardize
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.settings import count
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Convergence", "run"]

Array = NDArray[np.float64]

LOSSES = ("cross-entropy", "squared error")
STARTS = ("zero", "wrong")


@dataclass(frozen=True, eq=False)
class Convergence(Result):
    """Training accuracy after every step, for both losses, several rates and two starts.

    Attributes
    ----------
    rates : tuple of float
        The learning rates.
    share : float
        The accuracy that counts as learned.
    accuracies : dict of (str, str, float) to ndarray
        (loss, start, rate) → the share of the flowers classified rightly after 0, 1, 2, … steps.
    first_gradients : dict of (str, str) to float
        (loss, start) → the length of the first gradient in the logits, per flower on average.
    """

    rates: tuple[float, ...]
    share: float
    accuracies: dict[tuple[str, str, float], Array]
    first_gradients: dict[tuple[str, str], float]

    def steps_to(self, loss: str, start: str, rate: float) -> int | None:
        """Return the first step after which the accuracy stays at `share`, or None."""
        short = np.flatnonzero(self.accuracies[loss, start, rate] < self.share)
        first = int(short[-1]) + 1 if len(short) else 0
        return first if first < len(self.accuracies[loss, start, rate]) else None

    def best(self, loss: str, start: str) -> tuple[float, int | None]:
        """Return the rate that is quickest for a loss, and its number of steps."""

        def slowness(rate: float) -> tuple[float, float]:
            steps = self.steps_to(loss, start, rate)
            return (
                np.inf if steps is None else steps,
                -float(self.accuracies[loss, start, rate][-1]),
            )

        rate = min(self.rates, key=slowness)
        return rate, self.steps_to(loss, start, rate)

    def table(self) -> str:
        """Write after how many steps each has learned, and how large its first gradient is."""
        lines = columns(
            ("start", "rate", *LOSSES),
            [
                (start, f"{rate:g}", *(_shown(self.steps_to(loss, start, rate)) for loss in LOSSES))
                for start in STARTS
                for rate in self.rates
            ],
        )
        slopes = columns(
            ("start", *LOSSES),
            [(start, *(self.first_gradients[loss, start] for loss in LOSSES)) for start in STARTS],
            ("", ".1e", ".1e"),
        )
        return (
            f"steps until {self.share:.0%} of the flowers are right, and stay so\n\n{lines}\n\n"
            f"mean length of the first gradient in the logits\n\n{slopes}\n\n{self._verdict()}"
        )

    def _verdict(self) -> str:
        lines = []
        for start in STARTS:
            told = [
                f"{loss} {_shown(steps)} (rate {rate:g})"
                for loss in LOSSES
                for rate, steps in (self.best(loss, start),)
            ]
            lines.append(f"each with its best rate, from the {start} start: {', '.join(told)}")
        return "\n".join(lines)

    def figure(self) -> Figure:
        """Draw both losses of one output, and the accuracies with each loss's best rate."""
        figure, (shapes, *courses) = panels(across=3, width=3.7, height=3.4)
        a = np.linspace(0.001, 1, 400)
        shapes.plot(a, -np.log(a), label="−log a")
        shapes.plot(a, (1 - a) ** 2, label="(1 − a)²")
        shapes.set(title="loss of one example", xlabel="a, of the true class", ylim=(-0.2, 6))
        shapes.legend()
        for axes, start in zip(courses, STARTS, strict=True):
            for loss, colour in zip(LOSSES, COLOURS, strict=False):
                rate, _ = self.best(loss, start)
                axes.plot(
                    100 * self.accuracies[loss, start, rate],
                    color=colour,
                    label=f"{loss}, rate {rate:g}",
                )
            axes.axhline(100 * self.share, color="black", linewidth=0.8, linestyle=":")
            axes.set(title=f"{start} start", xlabel="step", ylim=(-3, 103))
            axes.set_xscale("symlog")  # from step 0 on
            axes.set_xlim(left=0)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize="small")
        courses[0].set_ylabel("% right")
        return figure


@experiment("convergence", ("A10",), "does cross-entropy converge faster than the squared error?")
def run(
    *,
    rates: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0),
    steps: int = 1000,
    share: float = 0.95,
    confidence: float = 40.0,
) -> Convergence:
    """Train one softmax layer on Iris with cross-entropy and with the squared error.

    Parameters
    ----------
    rates : tuple of float, optional
        Learning rates; each loss is also shown with its own best one.
    steps : int, optional
        Steps of gradient descent, each on all flowers.
    share : float, optional
        The accuracy that counts as learned.
    confidence : float, optional
        The wrong start takes every class for the next one, with logits of this size.

    Returns
    -------
    Convergence
        All courses.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    In the logits the gradient of the cross-entropy is a − y; that of the squared error Σ(a − y)²
    is 2 J (a − y) with the Jacobian J = diag(a) − a aᵀ, which vanishes where a is sure of a
    class, also of a wrong one.
    """
    steps = count("convergence: steps", steps, 1)
    if not 0 < share <= 1:
        raise ValueError(f"convergence: share = {share:g}; choose 0 < share ≤ 1")
    iris = load_iris()
    X, labels = standardize(iris.features), iris.labels
    Y = ops.one_hot(labels, classes=3)
    losses: dict[str, Callable[[Any], Any]] = {
        "cross-entropy": lambda Z: ops.softmax_cross_entropy(Z, labels),
        "squared error": lambda Z: ops.mean(ops.sum((ops.softmax(Z) - Y) ** 2, axis=1)),
    }
    wrong = confidence * np.linalg.lstsq(X, np.roll(Y, 1, axis=1) - 1 / 3, rcond=None)[0]
    weights = {"zero": np.zeros((4, 3)), "wrong": wrong}
    accuracies, slopes = {}, {}
    for loss, function in losses.items():
        for start, begin in weights.items():
            logits = Tensor(X @ begin)
            slope = len(X) * gradients(function(logits), logits)
            slopes[loss, start] = float(np.linalg.norm(slope, axis=1).mean())
            for rate in rates:
                W, b = Tensor(begin), Tensor(np.zeros(3))
                sgd, course = SGD([W, b], rate), np.empty(steps + 1)
                for step in range(steps + 1):
                    Z: Any = X @ W + b
                    course[step] = (Z.data.argmax(1) == labels).mean()
                    sgd.step(gradients(function(Z), [W, b]))
                accuracies[loss, start, rate] = course
    return Convergence(tuple(rates), share, accuracies, slopes)


def _shown(steps: int | None) -> str:
    return "never" if steps is None else str(steps)
