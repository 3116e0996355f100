"""D9, D10: one λ as a penalty, as decay and as a prior; the same under SGD, not under Adam."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.experiments.descent import descend
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.first_order import SGD, Adam, AdamW
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Decay", "run"]

Path = NDArray[np.float64]

READINGS = ("penalty (λ/2)Σw²", "decay w ← (1 − ηλ)w", "prior λ = σ²/σ₀²")


@dataclass(frozen=True, eq=False)
class Decay(Result):
    """The paths of the weights, by optimiser and by what λ was taken for.

    Attributes
    ----------
    decay : float
        λ.
    noise, prior : float
        σ and σ₀, whose squares have the ratio λ.
    paths : dict of str to dict of str to ndarray, shape (steps + 1, weights)
        For "SGD" and "Adam", for each reading of λ.
    minimum : ndarray
        Where ½Σ(z − t)² + (λ/2)Σw² is lowest.
    """

    decay: float
    noise: float
    prior: float
    paths: dict[str, dict[str, Path]]
    minimum: Path

    @property
    def differences(self) -> dict[str, dict[str, float]]:
        """How far each path is from that of the penalty, at most."""
        return {
            optimiser: {
                reading: float(np.abs(path - paths[READINGS[0]]).max())
                for reading, path in paths.items()
            }
            for optimiser, paths in self.paths.items()
        }

    def table(self) -> str:
        """Write where each path ends, and how far it is from that of the penalty."""
        rows = [
            (
                optimiser,
                reading,
                *path[-1],
                self.differences[optimiser][reading],
            )
            for optimiser, paths in self.paths.items()
            for reading, path in paths.items()
        ]
        weights = [f"w{number + 1}" for number in range(len(self.minimum))]
        lowest = ("", "lowest point of the loss", *self.minimum, "")
        header = ("optimiser", "λ as", *weights, "difference")
        formats = ("", "", *[".4f"] * len(weights), ".1e")
        return (
            f"λ = {self.decay:g}; σ = {self.noise:g}, σ₀ = {self.prior:g}\n\n"
            f"{columns(header, [*rows, lowest], formats)}"
        )

    def figure(self) -> Figure:
        """Draw each weight along its paths."""
        figure, axes = panels(across=len(self.paths), width=4.6, height=3.8)
        for panel, (optimiser, paths) in zip(axes, self.paths.items(), strict=True):
            for style, (reading, path) in zip(("-", "--", ":"), paths.items(), strict=True):
                for number, weight in enumerate(path.T):
                    panel.plot(
                        weight,
                        style,
                        color=COLOURS[number],
                        linewidth=3 if style == ":" else 1.6,
                        label=reading if number == 0 else None,
                    )
            for number, lowest in enumerate(self.minimum):
                panel.axhline(lowest, color="black", linewidth=0.6, alpha=0.5)
                place = (1.0, lowest)  # at the right end, on its line
                panel.annotate(
                    f"$w_{number + 1}$",
                    place,
                    xytext=(3, 0),
                    textcoords="offset points",
                    xycoords=("axes fraction", "data"),
                    color=COLOURS[number],
                    verticalalignment="center",
                )
            panel.set(title=optimiser, xlabel="step", ylabel="weight")
        lines, readings = axes[0].get_legend_handles_labels()
        figure.legend(lines, readings, loc="outside lower center", ncols=3, fontsize="small")
        return figure


@experiment("decay", ("D9", "D10"), "one λ as penalty, as decay and as prior: SGD against Adam")
def run(
    *, decay: float = 2.0, steps: int = 150, rate: float = 0.02, examples: int = 20, seed: int = 0
) -> Decay:
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
    Decay
        All paths.

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

    def penalised(w: Any) -> Any:
        return error(w) + ops.weight_decay(w, decay)

    def surprise(w: Any) -> Any:
        posterior = error(w) / noise**2 + ops.sum(w**2) / (2 * prior**2)
        return noise**2 * posterior

    losses = dict(zip(READINGS, (penalised, error, surprise), strict=True))
    makers: dict[str, tuple[Callable[[Tensor], Any], Callable[[Tensor], Any]]] = {
        "SGD": (lambda w: SGD([w], rate), lambda w: SGD([w], rate, weight_decay=decay)),
        "Adam": (
            lambda w: Adam([w], 5 * rate),
            lambda w: AdamW([w], 5 * rate, weight_decay=decay),
        ),
    }
    return Decay(
        decay=decay,
        noise=noise,
        prior=prior,
        paths={
            optimiser: {
                reading: _path(loss, decoupled if loss is error else plain, steps)
                for reading, loss in losses.items()
            }
            for optimiser, (plain, decoupled) in makers.items()
        },
        minimum=np.linalg.solve(X.T @ X + decay * np.eye(2), X.T @ t),
    )


def _path(loss: Callable[[Any], Any], make: Callable[[Tensor], Any], steps: int) -> Path:
    """Return where a descent from 0 has been."""
    w = Tensor(np.zeros(2), name="w")
    return np.array([w.data for _ in descend(make(w), lambda: loss(w), steps)])
