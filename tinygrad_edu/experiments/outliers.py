"""D6: what one wrong label and what rare classes do to the squared error and to cross-entropy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.settings import count, number
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LOSSES", "Fitted", "Outliers", "run"]

Array = NDArray[np.float64]

#: Losses per item, from the weighted sum s and the target t.
LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "squared error": lambda s, t: (ops.sigmoid(s) - t) ** 2 / 2,
    "cross-entropy": lambda s, t: ops.sigmoid_cross_entropy(s, t, reduction="none"),
}
SITUATIONS = ("balanced", "one outlier", "rare class")


@dataclass(frozen=True)
class Fitted:
    """A unit σ(w x + b) that was fitted to data.

    Attributes
    ----------
    w, b : float
        Its weight and bias.
    worst : float
        The largest loss of one item.
    share : float
        Of the whole loss, the part that this item makes.
    recall : float
        The share of the items with t = 1 of which it says more than ½.
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


@dataclass(frozen=True, eq=False)
class Outliers(Result):
    """Both losses in three situations.

    Attributes
    ----------
    data : dict of str to (ndarray, ndarray)
        Situation → x and t.
    fitted : dict of (str, str) to Fitted
        (loss, situation) → the unit.
    """

    data: dict[str, tuple[Array, Array]]
    fitted: dict[tuple[str, str], Fitted]

    def table(self) -> str:
        """Write the boundary, the largest loss of one item, and how many of t = 1 are found."""
        return columns(
            ("data", "loss", "says ½ at x =", "slope w", "largest loss", "of the whole", "recall"),
            [
                (situation, loss, one.boundary, one.w, one.worst, one.share, one.recall)
                for situation in SITUATIONS
                for loss in LOSSES
                for one in (self.fitted[loss, situation],)
            ],
            ("", "", ".2f", ".2f", ".3f", ".0%", ".0%"),
        )

    def figure(self) -> Figure:
        """Draw the losses of one item, and the fitted units with the data."""
        figure, (shapes, *fits) = panels(across=4, width=3.1, height=3.2)
        z = np.linspace(0.002, 1, 300)
        s = np.log(z / np.maximum(1 - z, 1e-12))
        for name, loss in LOSSES.items():
            shapes.plot(z, loss(s, np.ones_like(s)), label=name)
        shapes.set(title="loss of an item with y = 1", xlabel="output a", ylim=(-0.1, 4))
        shapes.legend()
        for axes, situation in zip(fits, SITUATIONS, strict=True):
            x, t = self.data[situation]
            axes.plot(x, t, "|", color="black", alpha=0.35, markersize=9)
            grid = np.linspace(x.min(), x.max(), 300)
            for name, colour in zip(LOSSES, COLOURS, strict=False):
                one = self.fitted[name, situation]
                axes.plot(grid, ops.sigmoid(one.w * grid + one.b), color=colour)
            axes.axhline(0.5, color="black", linewidth=0.6, linestyle=":")
            axes.set(title=situation, xlabel="x")
        return figure


@experiment("outliers", ("D6",), "outliers and rare classes: squared error and cross-entropy")
def run(
    *,
    items: int = 200,
    outlier: float = 12.0,
    rare: int = 6,
    rate: float = 1.0,
    steps: int = 4000,
    seed: int = 0,
) -> Outliers:
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
    seed : int, optional
        Of the data.

    Returns
    -------
    Outliers
        What each loss made of each situation.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    With outputs in (0, 1) an item's ½(z − t)² is at most ½, however wrong z is; its −log z has no
    bound. So one far outlier moves the fit of cross-entropy more. The squared error gives up on
    it: its gradient (z − t) z (1 − z) vanishes where z is sure, and wrong.
    """
    items, steps = count("outliers: items", items, 1), count("outliers: steps", steps, 1)
    rare, rate = count("outliers: rare", rare, 1), number("outliers: rate", rate, positive=True)
    rng = np.random.default_rng(seed)
    low, high = rng.normal(-1.5, 1, items), rng.normal(1.5, 1, items)
    data = {
        "balanced": _labelled(low, high),
        "one outlier": _labelled(np.append(low, outlier), high),
        "rare class": _labelled(low, high[:rare]),
    }
    fitted = {
        (loss, situation): _fit(function, *data[situation], rate, steps)
        for loss, function in LOSSES.items()
        for situation in SITUATIONS
    }
    return Outliers(data, fitted)


def _labelled(low: Array, high: Array) -> tuple[Array, Array]:
    return np.concatenate([low, high]), np.repeat([0.0, 1.0], [len(low), len(high)])


def _fit(loss: Callable[[Any, Any], Any], x: Array, t: Array, rate: float, steps: int) -> Fitted:
    w, b = Tensor(0.0, name="w"), Tensor(0.0, name="b")
    sgd = SGD([w, b], rate)
    for _ in range(steps):
        sgd.step(gradients(ops.mean(loss(w * x + b, t)), [w, b]))
    s = w.data * x + b.data
    each = loss(s, t)
    return Fitted(
        w=w.item(),
        b=b.item(),
        worst=float(each.max()),
        share=float(each.max() / each.sum()),
        recall=float((s[t == 1] > 0).mean()),
    )
