"""D9, D10: one λ as a penalty, as decay and as a prior; the same under SGD, not under Adam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops, optim
from tinygrad_edu.experiments.experiment import COLOURS, Result, columns, descend, experiment
from tinygrad_edu.tensor import Tensor

__all__ = ["READINGS", "run"]

READINGS = ("penalty (λ/2)Σw²", "decay w ← (1 − ηλ)w", "prior λ = σ²/σ₀²")


@experiment("decay", ("D9", "D10"), "one λ as penalty, as decay and as prior: SGD against Adam")
def run(
    *, decay: float = 2.0, steps: int = 150, rate: float = 0.02, examples: int = 20, seed: int = 0
) -> Result:
    r"""Fit a line with three readings of λ, by SGD and by Adam.

    Parameters
    ----------
    decay : float, optional
        λ.
    steps : int, optional
        Of each optimiser.
    rate : float, optional
        The learning rate η of SGD; Adam's is five times as large.
    examples : int, optional
        How many points are known.
    seed : int, optional
        For the points.

    Returns
    -------
    Result
        `noise` and `prior`, σ and σ₀, whose squares have the ratio λ; `minimum`, where
        ½Σ(z − t)² + (λ/2)Σw² is lowest; `paths`, "SGD" or "Adam" → reading of λ → the weights
        after each step; `differences`, how far each path is from that of the penalty, at most.

    Raises
    ------
    ValueError
        If λ, the rate or a number of steps or examples is not positive.

    Notes
    -----
    With :math:`E = \frac12\sum(z-t)^2`, one step of SGD on :math:`E + \frac\lambda2\sum w^2` is
    :math:`w - \eta(g + \lambda w) = (1 - \eta\lambda)w - \eta g`, which is a decay; and
    :math:`\sigma^2` times −log posterior is the same loss, for
    :math:`\lambda = \sigma^2/\sigma_0^2`. Adam divides the gradient by its size, the penalty's
    part of it too, so that the strength of a penalty no longer depends on λ alone (Loshchilov
    and Hutter 2019).

    Examples
    --------
    >>> from tinygrad_edu.experiments import decay
    >>> apart = decay.run().differences
    >>> max(apart["SGD"].values()) < 1e-12, apart["Adam"][decay.READINGS[1]] > 0.05
    (True, True)
    """
    for what, value in (("decay", decay), ("steps", steps), ("rate", rate), ("examples", examples)):
        if not 0 < value < np.inf:
            raise ValueError(f"decay: {what} is {value:g}; choose {what} > 0")
    rng = np.random.default_rng(seed)
    X = np.stack([np.ones(examples), rng.uniform(-1, 1, examples)], axis=1)
    t = X @ np.array([1.0, -2.0]) + rng.normal(0, 0.3, examples)
    prior = 0.5
    noise = prior * decay**0.5

    def error(w: Any) -> Any:
        return ops.sum_squared_error(X @ w, t)

    def surprise(w: Any) -> Any:
        return noise**2 * (error(w) / noise**2 + ops.sum(w**2) / (2 * prior**2))

    def path(loss: Callable[[Any], Any], make: Callable[..., Any], **settings: float) -> Any:
        w = Tensor(np.zeros(2), name="w")
        return np.array([w.data for _ in descend(make([w], **settings), lambda: loss(w), steps)])

    paths: dict[str, dict[str, NDArray[np.float64]]] = {
        optimiser: {
            READINGS[0]: path(lambda w: error(w) + ops.weight_decay(w, decay), plain, lr=lr),
            READINGS[1]: path(error, decoupled, lr=lr, weight_decay=decay),
            READINGS[2]: path(surprise, plain, lr=lr),
        }
        for optimiser, plain, decoupled, lr in (
            ("SGD", optim.SGD, optim.SGD, rate),
            ("Adam", optim.Adam, optim.AdamW, 5 * rate),
        )
    }
    minimum = np.linalg.solve(X.T @ X + decay * np.eye(2), X.T @ t)
    apart = {
        optimiser: {
            reading: float(np.abs(one - ways[READINGS[0]]).max()) for reading, one in ways.items()
        }
        for optimiser, ways in paths.items()
    }
    rows = [
        (optimiser, reading, *one[-1], apart[optimiser][reading])
        for optimiser, ways in paths.items()
        for reading, one in ways.items()
    ]
    lines = f"λ = {decay:g}; σ = {noise:g}, σ₀ = {prior:g}\n\n" + columns(
        ("optimiser", "λ as", "w1", "w2", "difference"),
        [*rows, ("", "lowest point of the loss", *minimum, "")],
        ("", "", ".4f", ".4f", ".1e"),
    )

    def draw(left: Any, right: Any) -> None:
        for panel, (optimiser, ways) in zip((left, right), paths.items(), strict=True):
            for style, (reading, one) in zip(("-", "--", ":"), ways.items(), strict=True):
                lines = panel.plot(one, style, linewidth=3 if style == ":" else 1.6)
                lines[0].set_label(reading)
                for line, colour in zip(lines, COLOURS, strict=False):
                    line.set_color(colour)
            for i, lowest in enumerate(minimum):
                panel.axhline(lowest, color="black", linewidth=0.6, alpha=0.5)
                panel.annotate(  # at the right end, on its line
                    f"$w_{i + 1}$",
                    (1.0, lowest),
                    xytext=(3, 0),
                    textcoords="offset points",
                    xycoords=("axes fraction", "data"),
                    color=COLOURS[i],
                    verticalalignment="center",
                )
            panel.set(title=optimiser, xlabel="step", ylabel="weight")
        left.figure.legend(
            loc="outside lower center", ncols=3, fontsize="small", handles=left.lines[:6:2]
        )

    claims = {
        "under SGD penalty, decay and prior take the same steps": [
            max(apart["SGD"].values()) < 1e-9
        ],
        "under Adam the decay goes another way than the penalty": [
            apart["Adam"][READINGS[1]] > 1e-3
        ],
    }
    return Result(
        lines,
        draw,
        claims,
        size=(4.6, 3.8),
        decay=decay,
        noise=noise,
        prior=prior,
        paths=paths,
        differences=apart,
        minimum=minimum,
    )
