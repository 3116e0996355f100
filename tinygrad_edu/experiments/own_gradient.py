"""B6: what somebody believes the gradient to be trains on Iris, beside the right one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu import data, ops
from tinygrad_edu.experiments.experiment import COLOURS, Result, columns, experiment
from tinygrad_edu.lectures.lecture import LECTURES
from tinygrad_edu.settings import count, number
from tinygrad_edu.symbolic.answers import check_answer
from tinygrad_edu.symbolic.derive import parse

__all__ = ["run"]

RIGHT = "a − y"


@experiment("iris", ("B6",), "softmax regression on Iris by your gradient, beside the right one")
def run(*, gradient: str = "y − a", rate: float = 0.1, epochs: int = 3, seed: int = 0) -> Result:
    """Train by a formula for ∂L/∂z that somebody believes in, and by a − y.

    Parameters
    ----------
    gradient : str, optional
        The formula, in the letters z (logits), a = softmax(z) and y (one-hot target) of one flower.
    rate : float, optional
        The learning rate.
    epochs : int, optional
        So often each flower is seen, one a step.
    seed : int, optional
        Draws which flowers are unseen, and the order of the others.

    Returns
    -------
    Result
        `verdict`, that of `check_answer` on the formula; `steps`, after how many flowers was
        looked; `losses` and `accuracies` on unseen flowers, for each of the two formulas.

    Raises
    ------
    ValueError
        If the formula cannot be read, or a number makes no sense.
    """
    gradient = gradient.strip()
    rate, epochs = number("iris: rate", rate, positive=True), count("iris: epochs", epochs, 1)
    verdict = check_answer(LECTURES["softmax-ce"].derive(), gradient)
    rng = np.random.default_rng(seed)
    fitted, unseen = data.standardize(*data.split(data.load_iris(), 0.3, rng=rng))
    order = np.concatenate([rng.permutation(len(fitted.labels)) for _ in range(epochs)])
    steps = sorted({0, *np.unique(np.geomspace(1, len(order), 12).astype(int)).tolist()})
    losses, accuracies = {}, {}
    for formula in dict.fromkeys((RIGHT, gradient)):
        course = list(_course(formula, fitted, unseen, order, rate, steps))
        losses[formula], accuracies[formula] = np.array(course).T
    both = [each[name] for name in losses for each in (losses, accuracies)]
    table = columns(
        ("flowers", *(f"{what}, {name}" for name in losses for what in ("loss", "right"))),
        [(step, *row) for step, row in zip(steps, zip(*both, strict=True), strict=True)],
        ("", *(".3f", ".0%") * len(losses)),
    )

    def draw(loss: Any, accuracy: Any) -> None:
        for axes, courses, title in ((loss, losses, "loss"), (accuracy, accuracies, "share right")):
            for name, colour, style in zip(courses, COLOURS, ("-", "--"), strict=False):
                axes.plot(steps, courses[name], style, color=colour, label=name)
            axes.set(title=f"{title}, unseen flowers", xlabel="flowers seen")
            axes.legend()
        loss.set_yscale("log")

    first, last = losses[gradient][0], losses[gradient][-1]
    how = "falls" if last < 0.9 * first else "rises" if last > first else "hardly moves"
    how = how if np.isfinite(last) else "is no number any more"
    slip = f" ({verdict.suspect.sentence})" if verdict.suspect is not None else ""
    said = "the gradient" if verdict else f"not the gradient{slip}"
    return Result(
        f"{table}\n\n{gradient} is {said}; the loss {how}",
        draw,
        {f"no loss ends below that of {RIGHT}": [not last < 0.99 * losses[RIGHT][-1]]},
        verdict=verdict,
        steps=steps,
        losses=losses,
        accuracies=accuracies,
    )


def _course(
    formula: str, fitted: Any, unseen: Any, order: Any, rate: float, steps: list[int]
) -> Iterator[tuple[float, float]]:
    """Train flower by flower; after some of the steps yield loss and accuracy on unseen ones."""
    W, b = np.zeros((4, 3)), np.zeros(3)
    with np.errstate(all="ignore"):  # a wrong gradient may run away
        for step in range(len(order) + 1):
            if step in steps:
                Z = unseen.features @ W + b
                right = np.isfinite(Z).all(axis=1) & (Z.argmax(axis=1) == unseen.labels)
                yield float(ops.softmax_cross_entropy(Z, unseen.labels)), float(right.mean())
            if step < len(order) and np.isfinite(W).all():
                x, y = fitted.features[order[step]], np.eye(3)[fitted.labels[order[step]]]
                z = x @ W + b
                slope = parse(formula, z=z, a=ops.softmax(z), y=y).data
                if slope.shape not in ((), z.shape):
                    raise ValueError(
                        f"iris: {formula} has shape {slope.shape}, and the gradient has one number "
                        "for each class; write a vector or a number"
                    )
                W, b = W - rate * np.outer(x, slope), b - rate * slope
