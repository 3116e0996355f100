"""D14: gradient descent, momentum, Adam, Newton, conjugate gradients, natural gradients."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import data, ops, optim
from tinygrad_edu.experiments.experiment import Result, columns, descend, experiment
from tinygrad_edu.tensor import Tensor

__all__ = ["FIRST_ORDER", "Run", "run"]

Arrays = list[NDArray[np.float64]]

FIRST_ORDER: dict[str, Callable[[list[Tensor], float], optim.Optimizer]] = {
    "gradient descent": optim.SGD,
    "momentum 0.9": lambda parameters, rate: optim.SGD(parameters, rate, momentum=0.9),
    "Adam": optim.Adam,
}


class Problem(NamedTuple):
    """A loss of weights and biases, the divergence of two models, and where to begin."""

    loss: Callable[[Any], Any]
    divergence: Callable[[Any, Any], Any]
    start: Arrays


class Run(NamedTuple):
    """One method's way: its learning rate, and at each point the loss and what was computed."""

    rate: float | None
    losses: NDArray[np.float64]
    cost: NDArray[np.int64]
    seconds: float

    def to_within(self, gap: float, lowest: float) -> int | None:
        """The first step from which on the loss is that near to the lowest, or None."""
        far = np.flatnonzero(~(self.losses - lowest <= gap))
        step = int(far[-1]) + 1 if far.size else 0
        return step if step < len(self.losses) else None


@experiment("optimizers", ("D14",), "first- and second-order methods on one problem")
def run(
    *,
    steps: int = 300,
    rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0),
    decay: float = 0.01,
) -> Result:
    """Fit a softmax regression to Iris, its lengths in cm as they are, by six methods.

    Parameters
    ----------
    steps : int, optional
        Of gradient descent, momentum and Adam.
    rates : tuple of float, optional
        The learning rates that these three try; the one with the lowest last loss is kept.
    decay : float, optional
        The penalty (λ/2)Σw² on weights and biases, without which there is no lowest loss.

    Returns
    -------
    Result
        `lowest`, the lowest loss, by Newton's method; `runs`, a `Run` of each method by its name.

    Raises
    ------
    ValueError
        If a rate or the number of steps is negative, or λ is not positive.

    Notes
    -----
    The Fisher matrix of a softmax regression is the Hessian of its cross-entropy, so that the
    natural gradient with damping λ steps as Newton's method without a line search does.

    Examples
    --------
    >>> from tinygrad_edu.experiments import optimizers
    >>> found = optimizers.run(steps=20, rates=(0.1,))
    >>> bool(found.runs["Newton"].losses[5] < found.runs["Adam"].losses[5])
    True
    """
    if not 0 < decay < np.inf:
        raise ValueError(f"optimizers: decay = {decay:g}; choose decay > 0")
    if not rates or steps < 1:
        raise ValueError("optimizers: choose at least one rate and one step")
    problem = _softmax_regression(decay)
    loss, start = problem.loss, problem.start
    lowest = float(optim.newton(loss, start, tolerance=1e-12).values.min())
    runs = {name: _best(problem, make, rates, steps) for name, make in FIRST_ORDER.items()} | {
        "Newton": _timed(lambda: optim.newton(loss, start)),
        "Newton–CG": _timed(lambda: optim.newton_cg(loss, start)),
        "natural gradient": _timed(
            lambda: optim.natural_gradient(loss, start, problem.divergence, damping=decay)
        ),
    }
    rows = []
    for name, run in runs.items():
        near = [run.to_within(gap, lowest) for gap in (1e-2, 1e-6)]
        costs = [cell for step in near for cell in (step, None if step is None else run.cost[step])]
        rows.append((name, run.rate, *costs, run.losses[-1] - lowest, run.seconds))
    header = ("", "rate", "to 1e-2", "cost", "to 1e-6", "cost", "last gap", "seconds")
    table = columns(header, rows, ("", "g", "", "", "", "", ".1e", ".2f"))
    lines = (
        f"steps until the loss is within 1e-2 and 1e-6 of the lowest, {lowest:.6f}\n\n"
        f"{table}\n\n"
        "cost counts gradients, a product with the Hessian or the Fisher matrix as two;\n"
        "the rate is the best of those tried; - stands for never, and for no rate\n"
    )

    def draw(by_step: Any, by_cost: Any) -> None:
        for name, run in runs.items():
            gap = np.maximum(run.losses - lowest, 1e-15)
            line = {"Newton": "s-", "Newton–CG": "o-", "natural gradient": ".--"}.get(name, "-")
            by_step.loglog(np.arange(len(gap)) + 1, gap, line, markersize=5, label=name)
            by_cost.loglog(run.cost, gap, line, markersize=5)
        by_step.set(title="by steps", xlabel="step, from 1", ylabel="loss − lowest loss")
        by_cost.set(title="by cost", xlabel="gradients computed")
        for axes in (by_step, by_cost):
            axes.set_ylim(1e-12, 10)
        by_step.legend(fontsize="small", loc="lower right")

    gaps = {name: run.losses[-1] - lowest for name, run in runs.items()}
    claims = {
        "Adam ends nearer to the lowest loss than gradient descent, at the same cost": [
            bool(gaps["Adam"] < gaps["gradient descent"])
        ],
        "each method of second order ends nearer than Adam, in a tenth of the steps": [
            all(
                gap < gaps["Adam"] and len(runs[name].losses) - 1 < steps / 10
                for name, gap in gaps.items()
                if name not in FIRST_ORDER
            )
        ],
    }
    return Result(lines, draw, claims, size=(4.8, 3.8), lowest=lowest, runs=runs)


def _softmax_regression(decay: float) -> Problem:
    iris = data.load_iris()
    X, y = iris.features, iris.labels

    def logits(parameters: Any) -> Any:
        W, b = parameters
        return X @ W + b

    def loss(parameters: Any) -> Any:
        data = ops.softmax_cross_entropy(logits(parameters), y)
        return data + ops.weight_decay(parameters, decay)

    def divergence(one: Any, other: Any) -> Any:
        return ops.kl_divergence(ops.softmax(logits(one)), ops.softmax(logits(other)))

    classes = len(iris.class_names)
    return Problem(loss, divergence, [np.zeros((X.shape[1], classes)), np.zeros(classes)])


def _best(
    problem: Problem,
    make: Callable[[list[Tensor], float], optim.Optimizer],
    rates: tuple[float, ...],
    steps: int,
) -> Run:
    """Run an optimiser with every rate, and keep the one that ends lowest."""

    def way(rate: float) -> Run:
        parameters = [Tensor(array) for array in problem.start]
        begin = time.perf_counter()
        losses = [*descend(make(parameters, rate), lambda: problem.loss(parameters), steps)]
        seconds = time.perf_counter() - begin
        return Run(rate, np.array(losses), np.arange(1, steps + 2), seconds)

    return min(map(way, rates), key=lambda run: run.losses[-1])


def _timed(method: Callable[[], optim.Solution]) -> Run:
    begin = time.perf_counter()
    found = method()
    seconds = time.perf_counter() - begin
    cost = np.arange(1, found.steps + 2) + 2 * found.spent
    return Run(None, found.values, cost, seconds)
