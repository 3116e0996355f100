"""D9: weight decay is a spring to the origin, and keeps sigmoid units from saturating."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import columns, panels
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.data.iris import load_iris
from tinygrad_edu.data.preparation import split, standardize
from tinygrad_edu.experiments.descent import descend
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.nn.activations import Sigmoid
from tinygrad_edu.nn.heads import head
from tinygrad_edu.nn.layers import Linear, Sequential
from tinygrad_edu.nn.penalties import weights
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.settings import count, number
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.evaluate import evaluate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Decayed", "Saturation", "run"]

Array = NDArray[np.float64]

#: An output of a sigmoid unit outside of this range counts as saturated: its slope is below 0.05.
UNSATURATED = (0.05, 0.95)


@dataclass(frozen=True, eq=False)
class Decayed:
    """One training with one strength of the spring.

    Attributes
    ----------
    norms : ndarray, shape (steps + 1,)
        The length ‖w‖ of all weights before and after every step.
    hidden : ndarray
        The outputs of the hidden units, for the training data in the end.
    slope : float
        The mean of their slopes σ(1 − σ), at most ¼: the factor they pass a gradient on with.
    balance : float
        The largest |∂data/∂w + λ w| in the end: how far data and spring are from balance.
    test_loss : float
        Cross-entropy on unseen data.
    """

    norms: Array
    hidden: Array
    slope: float
    balance: float
    test_loss: float

    @property
    def saturated(self) -> float:
        """The share of the hidden outputs that are saturated."""
        low, high = UNSATURATED
        return float(((self.hidden < low) | (self.hidden > high)).mean())


@dataclass(frozen=True, eq=False)
class Saturation(Result):
    """One training for each strength.

    Attributes
    ----------
    trained : dict of float to Decayed
        λ → what became of it.
    """

    trained: dict[float, Decayed]

    def table(self) -> str:
        """Write length, saturation, balance and test loss for each λ."""
        return columns(
            ("λ", "‖w‖", "saturated", "mean slope", "data + spring", "test loss"),
            [
                (lam, one.norms[-1], one.saturated, one.slope, one.balance, one.test_loss)
                for lam, one in self.trained.items()
            ],
            ("g", ".1f", ".0%", ".3f", ".1e", ".3f"),
        )

    def figure(self) -> Figure:
        """Draw how the weights grew, and the outputs of the hidden units in the end."""
        figure, (norms, hidden) = panels(across=2, width=4.6, height=3.4)
        for lam, one in self.trained.items():
            norms.plot(one.norms, label=f"λ = {lam:g}")
            hidden.hist(one.hidden.ravel(), bins=20, range=(0, 1), histtype="step")
        norms.set(title="length of the weights", xlabel="step", ylabel="‖w‖")
        norms.set_ylim(bottom=0)
        norms.legend(loc="lower right")
        hidden.set(title="outputs of the hidden units in the end", xlabel="σ", ylabel="how many")
        return figure


@experiment("saturation", ("D9",), "weight decay, a spring, keeps units from saturating")
def run(
    *,
    decays: tuple[float, ...] = (0.0, 0.001, 0.01),
    hidden: int = 10,
    rate: float = 1.0,
    steps: int = 3000,
    seed: int = 0,
) -> Saturation:
    """Train a network with a sigmoid layer on Iris, with springs of several strengths.

    Parameters
    ----------
    decays : tuple of float, optional
        The strengths λ of the penalty (λ/2)Σw² on all weights; biases are free.
    hidden : int, optional
        Sigmoid units.
    rate : float, optional
        The length of the steps, each on all training data.
    steps : int, optional
        How many.
    seed : int, optional
        Of the weights and of who is held out for the test.

    Returns
    -------
    Saturation
        What became of each.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    The gradient of the whole is ∂data/∂w + λ w: the force −λ w pulls to the origin like a spring.
    On data that can be told apart, cross-entropy alone has no minimum: the weights grow on and
    on. With a spring, data and spring come to a balance.
    """
    steps = count("saturation: steps", steps, 1)
    return Saturation(
        {number("saturation: λ", lam): _train(lam, hidden, rate, steps, seed) for lam in decays}
    )


def _train(lam: float, hidden: int, rate: float, steps: int, seed: int) -> Decayed:
    rng = np.random.default_rng(seed)
    iris = load_iris()
    (X, y), (X_unseen, y_unseen) = split((iris.features, iris.labels), 0.3, rng=rng)
    X, X_unseen = standardize(X, X_unseen)
    first = Linear(4, hidden, rng=rng)
    model = Sequential(first, Sigmoid(), Linear(hidden, 3, rng=rng), head("multiclass", 3))
    sgd, springs = SGD(model, rate), weights(model)

    def loss() -> Any:
        return model.loss(model(X), y) + ops.weight_decay(springs, lam)

    norms = [_length(springs) for _ in descend(sgd, loss, steps)]
    data = gradients(model.loss(model(X), y), springs)
    outputs = ops.sigmoid(first.predict(X))
    return Decayed(
        norms=np.array(norms),
        hidden=outputs,
        slope=float((outputs * (1 - outputs)).mean()),
        balance=max(
            float(np.abs(g + lam * w.data).max()) for g, w in zip(data, springs, strict=True)
        ),
        test_loss=evaluate(model, (X_unseen, y_unseen))["loss"],
    )


def _length(tensors: Sequence[Tensor]) -> float:
    return math.sqrt(sum(float((tensor.data**2).sum()) for tensor in tensors))
