"""A1: one hidden layer fits a curve, the better the wider it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.charts import columns, panels
from tinygrad_edu.experiments.descent import descend
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.nn.activations import Tanh
from tinygrad_edu.nn.heads import head
from tinygrad_edu.nn.layers import Linear, Sequential
from tinygrad_edu.optim.first_order import Adam
from tinygrad_edu.optim.schedules import CosineDecay
from tinygrad_edu.settings import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Curve", "Fit", "run", "target"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Fit:
    """What a network of one width made of the curve.

    Attributes
    ----------
    width : int
        Units in the hidden layer.
    parameters : int
        Numbers that were trained.
    losses : ndarray, shape (steps,)
        The mean squared error before each step.
    values : ndarray
        What the network says at `Curve.x`.
    """

    width: int
    parameters: int
    losses: Array
    values: Array


@dataclass(frozen=True, eq=False)
class Curve(Result):
    """The curve, and one fit for each width.

    Attributes
    ----------
    x, y : ndarray
        Places between those that were learned from, and the curve there.
    fits : tuple of Fit
        In the order of the widths.
    """

    x: Array
    y: Array
    fits: tuple[Fit, ...]

    def errors(self) -> Array:
        """Return the largest error of each fit, between the places it learned from."""
        return np.array([np.abs(fit.values - self.y).max() for fit in self.fits])

    def table(self) -> str:
        """Write how well each width fits."""
        return columns(
            ("hidden units", "parameters", "loss at first", "loss in the end", "largest error"),
            [
                (fit.width, fit.parameters, fit.losses[0], fit.losses[-1], error)
                for fit, error in zip(self.fits, self.errors(), strict=True)
            ],
            ("", "", "", ".1e", ".4f"),
        )

    def figure(self) -> Figure:
        """Draw the curve with the fits, and how the losses fell."""
        figure, (curves, losses) = panels(across=2, width=4.6, height=3.4)
        curves.plot(self.x, self.y, color="black", linewidth=4, alpha=0.25, label="the curve")
        for fit in self.fits:
            units = f"{fit.width} unit{'s' if fit.width > 1 else ''}"
            curves.plot(self.x, fit.values)
            losses.semilogy(fit.losses, label=units)
        curves.set(title="fits", xlabel="x", ylabel="y")
        curves.legend(loc="upper center")
        losses.set(title="mean squared error", xlabel="step")
        losses.legend()
        return figure


def target(x: Array) -> Array:
    """Return the curve: waves that grow shorter to the right.

    Parameters
    ----------
    x : ndarray
        Of any shape, between -1 and 1.

    Returns
    -------
    ndarray
        sin(4x + 5x²).
    """
    return np.sin(4 * x + 5 * x**2)


@experiment("curve", ("A1",), "one wide hidden layer fits a curve")
def run(
    *,
    widths: tuple[int, ...] = (2, 5, 20, 80),
    steps: int = 1500,
    rate: float = 0.02,
    points: int = 200,
    seed: int = 0,
) -> Curve:
    """Fit a curve with one hidden tanh layer of several widths.

    Parameters
    ----------
    widths : tuple of int, optional
        How many hidden units, one fit for each.
    steps : int, optional
        Steps of Adam, each on all points.
    rate : float, optional
        The learning rate of the first step; it falls to 0 along a cosine.
    points : int, optional
        Places between -1 and 1 to learn from.
    seed : int, optional
        Of the weights.

    Returns
    -------
    Curve
        The fits.

    Raises
    ------
    ValueError
        If a number is less than 1.

    Notes
    -----
    The loop of the lecture: initialise; then forward, loss, backward, step, and again. That one
    hidden layer can come as near as one likes to any continuous function is Cybenko's theorem
    (1989); that gradient descent finds it is not part of the theorem.
    """
    steps, points = count("curve: steps", steps, 1), count("curve: points", points, 2)
    X = np.linspace(-1, 1, points)[:, None]
    between = np.linspace(-1, 1, 4 * points + 1)
    fits = tuple(
        _fit(count("curve: widths", width, 1), X, between, steps, rate, seed) for width in widths
    )
    return Curve(between, target(between), fits)


def _fit(width: int, X: Array, between: Array, steps: int, rate: float, seed: int) -> Fit:
    rng = np.random.default_rng(seed)
    model = Sequential(
        Linear(1, width, rng=rng), Tanh(), Linear(width, 1, rng=rng), head("regression", 1)
    )
    parameters, y = model.parameters(), target(X)
    # Units turn at places spread over the interval (with b = 0 all would turn at 0), and the more
    # of them there are, the shorter the stretch that each looks at.
    W, b = parameters[:2]
    steepest = 4 * np.sqrt(width)
    W.data = rng.uniform(-steepest, steepest, (1, width))
    b.data = -W.data[0] * rng.uniform(-1, 1, width)
    optimizer = Adam(model, lr=CosineDecay(rate, steps))
    *losses, _ = descend(optimizer, lambda: model.loss(model(X), y), steps)
    size = sum(parameter.size for parameter in parameters)
    return Fit(width, size, np.array(losses), model.predict(between[:, None])[:, 0])
