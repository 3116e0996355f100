"""A1: one hidden layer fits a curve, the better the wider it is."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import nn, optim
from tinygrad_edu.experiments.experiment import Result, descend, experiment, over_seeds, summary
from tinygrad_edu.settings import count

__all__ = ["Fit", "run", "target"]

Array = NDArray[np.float64]


class Fit(NamedTuple):
    """What a network made of the curve: the loss before each step, and its values between them."""

    width: int
    parameters: int
    losses: Array
    values: Array


def target(x: Array) -> Array:
    """Return the curve sin(4x + 5x²), whose waves grow shorter to the right.

    Parameters
    ----------
    x : ndarray
        Of any shape, between -1 and 1.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    return np.sin(4 * x + 5 * x**2)


@experiment("curve", ("A1",), "one wide hidden layer fits a curve")
def run(
    *,
    widths: tuple[int, ...] = (2, 5, 20, 80),
    steps: int = 1500,
    rate: float = 0.02,
    points: int = 200,
    seeds: int = 10,
    seed: int = 0,
) -> Result:
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
    seeds, seed : int, optional
        How many draws of the weights, and the first; the figure shows the first.

    Returns
    -------
    Result
        `x` and `y`, places between those that were learned from and the curve there; `fits`, of
        the first seed; `errors`, shape (seeds, widths), the largest error between the places.

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
    widths = tuple(count("curve: widths", width, 1) for width in widths)
    X = np.linspace(-1, 1, points)[:, None]
    between = np.linspace(-1, 1, 4 * points + 1)
    y = target(between)
    every = over_seeds(
        lambda s: [_fit(width, X, between, steps, rate, s) for width in widths], seeds, seed
    )
    errors = np.array([[np.abs(fit.values - y).max() for fit in fits] for fits in every])
    fits = every[0]
    rows = {(fit.width, fit.parameters): [one[i] for one in every] for i, fit in enumerate(fits)}
    lines = summary(
        ("hidden units", "parameters"),
        rows,
        {
            "loss at first": (lambda fit: fit.losses[0], ".2f"),
            "loss in the end": (lambda fit: fit.losses[-1], ".1e"),
            "largest error": (lambda fit: np.abs(fit.values - y).max(), ".2f"),
        },
    )

    def draw(curves: Any, losses: Any) -> None:
        curves.plot(between, y, color="black", linewidth=4, alpha=0.25, label="the curve")
        for fit in fits:
            curves.plot(between, fit.values)
            losses.semilogy(fit.losses, label=f"{fit.width} unit{'s' if fit.width > 1 else ''}")
        curves.set(title="fits", xlabel="x", ylabel="y")
        curves.legend(loc="upper center")
        losses.set(title="mean squared error", xlabel="step")
        losses.legend()

    claim = "the widest layer's largest error is less than a third of the narrowest's"
    return Result(
        lines,
        draw,
        size=(4.6, 3.4),
        claims={claim: [bool(e[-1] < e[0] / 3) for e in errors]},
        x=between,
        y=y,
        fits=fits,
        errors=errors,
    )


def _fit(width: int, X: Array, between: Array, steps: int, rate: float, seed: int) -> Fit:
    rng = np.random.default_rng(seed)
    model = nn.Sequential(
        nn.Linear(1, width, rng=rng),
        nn.Tanh(),
        nn.Linear(width, 1, rng=rng),
        nn.head("regression", 1),
    )
    parameters, y = model.parameters(), target(X)
    # Units turn at places spread over the interval (with b = 0 all would turn at 0), and the more
    # of them there are, the shorter the stretch that each looks at.
    W, b = parameters[:2]
    steepest = 4 * np.sqrt(width)
    W.data = rng.uniform(-steepest, steepest, (1, width))
    b.data = -W.data[0] * rng.uniform(-1, 1, width)
    optimizer: Any = optim.Adam(model, lr=optim.CosineDecay(rate, steps))
    *losses, _ = descend(optimizer, lambda: model.loss(model(X), y), steps)
    size = sum(parameter.size for parameter in parameters)
    return Fit(width, size, np.array(losses), model.predict(between[:, None])[:, 0])
