"""A10: does cross-entropy converge faster than the squared error? The same network, both losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import data, ops, optim
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import COLOURS, Result, columns, descend, experiment
from tinygrad_edu.settings import count
from tinygrad_edu.tensor import Tensor

__all__ = ["run", "steps_to"]

Array = NDArray[np.float64]

LOSSES = ("cross-entropy", "squared error")
STARTS = ("zero", "wrong")


def steps_to(share: float, course: Array) -> int | None:
    """Return the first step after which an accuracy stays at a share.

    Parameters
    ----------
    share : float
        The accuracy that counts as learned.
    course : ndarray
        The accuracy after 0, 1, 2, … steps.

    Returns
    -------
    int or None
        None if it does not stay there.
    """
    short = np.flatnonzero(course < share)
    first = int(short[-1]) + 1 if len(short) else 0
    return first if first < len(course) else None


@experiment("convergence", ("A10",), "does cross-entropy converge faster than the squared error?")
def run(
    *,
    rates: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0),
    steps: int = 1000,
    share: float = 0.95,
    confidence: float = 40.0,
) -> Result:
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
    Result
        `accuracies`, (loss, start, rate) → the share of the flowers classified rightly after 0, 1,
        2, … steps; `steps`, the same keys → when it stays at `share`, or None; `best`, (loss,
        start) → the rate that is quickest, and its number of steps; `first_gradients`, (loss,
        start) → the length of the first gradient in the logits, per flower on average.

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
    iris = data.load_iris()
    X, labels = data.standardize(iris.features), iris.labels
    Y = ops.one_hot(labels, classes=3)
    losses: dict[str, Callable[[Any], Any]] = {
        "cross-entropy": lambda Z: ops.softmax_cross_entropy(Z, labels),
        "squared error": lambda Z: ops.mean(ops.sum((ops.softmax(Z) - Y) ** 2, axis=1)),
    }
    wrong = confidence * np.linalg.lstsq(X, np.roll(Y, 1, axis=1) - 1 / 3, rcond=None)[0]
    weights = {"zero": np.zeros((4, 3)), "wrong": wrong}

    def course(loss: str, start: str, rate: float) -> Array:
        W, b = Tensor(weights[start]), Tensor(np.zeros(3))
        descent = descend(optim.SGD([W, b], rate), lambda: losses[loss](X @ W + b), steps)
        return np.array([((X @ W.data + b.data).argmax(1) == labels).mean() for _ in descent])

    def slope(loss: str, start: str) -> float:
        logits = Tensor(X @ weights[start])
        each = len(X) * gradients(losses[loss](logits), logits)
        return float(np.linalg.norm(each, axis=1).mean())

    pairs = [(loss, start) for start in STARTS for loss in LOSSES]
    accuracies = {(*pair, rate): course(*pair, rate) for pair in pairs for rate in rates}
    needed = {key: steps_to(share, accuracy) for key, accuracy in accuracies.items()}
    slopes = {pair: slope(*pair) for pair in pairs}

    def best_rate(loss: str, start: str) -> tuple[float, int | None]:
        def slowness(rate: float) -> tuple[float, float]:
            steps = needed[loss, start, rate]
            return np.inf if steps is None else steps, -accuracies[loss, start, rate][-1]

        rate = min(rates, key=slowness)
        return rate, needed[loss, start, rate]

    best = {pair: best_rate(*pair) for pair in pairs}
    table = columns(
        ("start", "rate", *LOSSES),
        [
            (start, f"{rate:g}", *(_shown(needed[loss, start, rate]) for loss in LOSSES))
            for start in STARTS
            for rate in rates
        ],
    )
    first = columns(
        ("start", *LOSSES),
        [(start, *(slopes[loss, start] for loss in LOSSES)) for start in STARTS],
        ("", ".1e", ".1e"),
    )
    lines = (
        f"steps until {share:.0%} of the flowers are right, and stay so\n\n{table}\n\n"
        f"mean length of the first gradient in the logits\n\n{first}\n"
    )
    for start in STARTS:
        told = [(loss, *best[loss, start]) for loss in LOSSES]
        told_of = ", ".join(f"{loss} {_shown(n)} (rate {rate:g})" for loss, rate, n in told)
        lines += f"\neach with its best rate, from the {start} start: {told_of}"

    def draw(shapes: Any, zero: Any, wrong: Any) -> None:
        a = np.linspace(0.001, 1, 400)
        shapes.plot(a, -np.log(a), label="−log a")
        shapes.plot(a, (1 - a) ** 2, label="(1 − a)²")
        shapes.set(title="loss of one example", xlabel="a, of the true class", ylim=(-0.2, 6))
        shapes.legend()
        for axes, start in zip((zero, wrong), STARTS, strict=True):
            for loss, colour in zip(LOSSES, COLOURS, strict=False):
                rate, _ = best[loss, start]
                right = 100 * accuracies[loss, start, rate]
                axes.plot(right, color=colour, label=f"{loss}, rate {rate:g}")
            axes.axhline(100 * share, color="black", linewidth=0.8, linestyle=":")
            axes.set(title=f"{start} start", xlabel="step", ylim=(-3, 103))
            axes.set_xscale("symlog")  # from step 0 on
            axes.set_xlim(left=0)
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize="small")
        zero.set_ylabel("% right")

    (_, entropy), (_, squared) = (best[loss, "zero"] for loss in LOSSES)
    claims = {
        "from zero the squared error is as quick as cross-entropy, each with its best rate": [
            entropy is not None and squared is not None and squared <= entropy
        ],
        "from the wrong start cross-entropy learns and the squared error does not": [
            best["cross-entropy", "wrong"][1] is not None
            and best["squared error", "wrong"][1] is None
        ],
    }
    return Result(
        lines,
        draw,
        claims,
        size=(3.7, 3.4),
        accuracies=accuracies,
        steps=needed,
        best=best,
        first_gradients=slopes,
    )


def _shown(steps: int | None) -> str:
    return "never" if steps is None else str(steps)
