"""D6: what one wrong label and what rare classes do to the squared error and to cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops, optim
from tinygrad_edu.experiments.experiment import (
    COLOURS,
    Result,
    descend,
    experiment,
    over_seeds,
    summary,
)
from tinygrad_edu.settings import count, number
from tinygrad_edu.tensor import Tensor

__all__ = ["LOSSES", "SITUATIONS", "Fitted", "run"]

Array = NDArray[np.float64]

#: Losses per item, from the weighted sum s and the target t.
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "squared error": lambda s, t: (ops.sigmoid(s) - t) ** 2 / 2,
    "cross-entropy": lambda s, t: ops.sigmoid_cross_entropy(s, t, reduction="none"),
}
SITUATIONS = ("balanced", "one outlier", "rare class")


class Fitted(NamedTuple):
    """A unit σ(w x + b) that was fitted to data.

    `worst` is the largest loss of one item, `share` its part of the whole loss, `recall` the share
    of the items with t = 1 of which it says more than ½.
    """

    w: float
    b: float
    worst: float
    share: float
    recall: float

    @property
    def boundary(self) -> float:
        """Where it says ½."""
        return -self.b / self.w


@experiment("outliers", ("D6",), "outliers and rare classes: squared error and cross-entropy")
def run(
    *,
    items: int = 200,
    outlier: float = 12.0,
    rare: int = 6,
    rate: float = 1.0,
    steps: int = 1000,
    seeds: int = 10,
    seed: int = 0,
) -> Result:
    """Fit one sigmoid unit with both losses: to clean data, with an outlier, with a rare class.

    Parameters
    ----------
    items : int, optional
        Of each class; x is normal around -1.5 where t = 0 and around 1.5 where t = 1.
    outlier : float, optional
        The x of one more item that is labelled t = 0.
    rare : int, optional
        How many items of t = 1 are left where that class is rare.
    rate : float, optional
        The length of the steps, each on all items.
    steps : int, optional
        How many, from w = b = 0.
    seeds, seed : int, optional
        How many draws of the data, and the first; the figure shows the first.

    Returns
    -------
    Result
        `every`, for each seed a dict from (loss, situation) to `Fitted`; of the first seed
        `fitted`, and `data`, a dict from situation to x and t.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    With outputs in (0, 1) an item's ½(z − t)² is at most ½, however wrong z is; its −log z has no
    bound. So one far outlier moves the fit of cross-entropy more. The squared error gives up on
    it: its gradient (z − t) z (1 − z) vanishes where z is sure, and wrong. Neither loss helps a
    rare class: few items make a small part of the loss.
    """
    items, steps = count("outliers: items", items, 1), count("outliers: steps", steps, 1)
    rare, rate = count("outliers: rare", rare, 1), number("outliers: rate", rate, positive=True)

    def draw_data(seed: int) -> dict[str, tuple[Array, Array]]:
        rng = np.random.default_rng(seed)
        low, high = rng.normal(-1.5, 1, items), rng.normal(1.5, 1, items)
        classes = (low, high), (np.append(low, outlier), high), (low, high[:rare])
        return {
            situation: (np.concatenate(both), np.repeat([0.0, 1.0], [*map(len, both)]))
            for situation, both in zip(SITUATIONS, classes, strict=True)
        }

    def once(seed: int) -> dict[tuple[str, str], Fitted]:
        return {
            (loss, situation): _fit(LOSSES[loss], x, t, rate, steps)
            for situation, (x, t) in draw_data(seed).items()
            for loss in LOSSES
        }

    every = over_seeds(once, seeds, seed)
    fitted, data = every[0], draw_data(seed)
    keys = [(situation, loss) for situation in SITUATIONS for loss in LOSSES]
    rows = {(s, loss): [each[loss, s] for each in every] for s, loss in keys}
    lines = summary(
        ("data", "loss"),
        rows,
        {
            "says ½ at x =": (lambda one: one.boundary, ".2f"),
            "slope w": (lambda one: one.w, ".2f"),
            "largest loss": (lambda one: one.worst, ".2f"),
            "of the whole": (lambda one: one.share, ".0%"),
            "recall": (lambda one: one.recall, ".0%"),
        },
    )

    def draw(shapes: Any, balanced: Any, outlying: Any, unbalanced: Any) -> None:
        z = np.linspace(0.002, 1, 300)
        s = np.log(z / np.maximum(1 - z, 1e-12))
        for name, loss in LOSSES.items():
            shapes.plot(z, loss(s, np.ones_like(s)), label=name)
        shapes.set(title="loss of an item with y = 1", xlabel="output a", ylim=(-0.1, 4))
        shapes.legend()
        fits = balanced, outlying, unbalanced
        for axes, (situation, (x, t)) in zip(fits, data.items(), strict=True):
            axes.plot(x, t, "|", color="black", alpha=0.35, markersize=9)
            grid = np.linspace(x.min(), x.max(), 300)
            for name, colour in zip(LOSSES, COLOURS, strict=False):
                one = fitted[name, situation]
                axes.plot(grid, ops.sigmoid(one.w * grid + one.b), color=colour)
            axes.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
            axes.set(title=situation, xlabel="x")

    squared, entropy = ([[one[loss, s] for s in SITUATIONS] for one in every] for loss in LOSSES)
    claims = {
        "no item's squared error is above ½, and the outlier's cross-entropy is above 10": [
            max(one.worst for one in ones) <= 0.5 and others[1].worst > 10
            for ones, others in zip(squared, entropy, strict=True)
        ],
        "the outlier makes the slope of cross-entropy flatter by a tenth and more, that of the "
        "squared error by less than a hundredth": [
            others[1].w < 0.9 * others[0].w and ones[1].w > 0.99 * ones[0].w
            for ones, others in zip(squared, entropy, strict=True)
        ],
        "with both losses fewer of a rare class are found": [
            all(three[2].recall < three[0].recall for three in both)
            for both in zip(squared, entropy, strict=True)
        ],
    }
    return Result(lines, draw, claims, size=(3.1, 3.2), every=every, fitted=fitted, data=data)


def _fit(loss: Callable[[Any, Any], Any], x: Array, t: Array, rate: float, steps: int) -> Fitted:
    w, b = Tensor(0.0, name="w"), Tensor(0.0, name="b")
    for _ in descend(optim.SGD([w, b], rate), lambda: ops.mean(loss(w * x + b, t)), steps):
        pass
    s = w.data * x + b.data
    each = loss(s, t)
    recall = float((s[t == 1] > 0).mean())
    return Fitted(w.item(), b.item(), float(each.max()), float(each.max() / each.sum()), recall)
