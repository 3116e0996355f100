"""D9: weight decay is a spring to the origin, and keeps sigmoid units from saturating."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import data, nn, ops, optim, train
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import Result, descend, experiment, over_seeds, summary
from tinygrad_edu.settings import count, number

__all__ = ["UNSATURATED", "Decayed", "run"]

Array = NDArray[np.float64]

#: An output of a sigmoid unit outside of this range counts as saturated: its slope is below 0.05.
UNSATURATED = (0.05, 0.95)


class Decayed(NamedTuple):
    """One training with one strength of the spring.

    `norms` is the length ‖w‖ of all weights before and after every step, `hidden` the outputs of
    the hidden units for the training data in the end, `balance` the largest |∂data/∂w + λ w| in
    the end: how far data and spring are from balance.
    """

    norms: Array
    hidden: Array
    balance: float
    test_loss: float

    @property
    def saturated(self) -> float:
        """The share of the hidden outputs that are saturated."""
        low, high = UNSATURATED
        return float(((self.hidden < low) | (self.hidden > high)).mean())

    @property
    def slope(self) -> float:
        """The mean slope σ(1 − σ), at most ¼: the factor that a gradient is passed on with."""
        return float((self.hidden * (1 - self.hidden)).mean())


@experiment("saturation", ("D9",), "weight decay, a spring, keeps units from saturating")
def run(
    *,
    decays: tuple[float, ...] = (0.0, 0.0005, 0.01),
    hidden: int = 10,
    unseen: float = 0.7,
    rate: float = 1.0,
    steps: int = 1500,
    seeds: int = 10,
    seed: int = 0,
) -> Result:
    """Train a network with a sigmoid layer on a few flowers, with springs of several strengths.

    Parameters
    ----------
    decays : tuple of float, optional
        The strengths λ of the penalty (λ/2)Σw² on all weights, from weak to strong; biases are
        free.
    hidden : int, optional
        Sigmoid units.
    unseen : float, optional
        The share of the flowers that is kept for the test.
    rate : float, optional
        The length of the steps, each on all training data.
    steps : int, optional
        How many.
    seeds, seed : int, optional
        How often weights and parts are drawn, and the first; the figure shows the first.

    Returns
    -------
    Result
        `every`, for each seed a dict from λ to `Decayed`; `trained`, that of the first.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    The gradient of the whole is ∂data/∂w + λ w: the force −λ w pulls to the origin like a spring.
    On data that can be told apart, cross-entropy alone has no minimum: the weights grow on and
    on. With a spring, data and spring come to a balance. A weak spring also helps on unseen data;
    a strong one costs more than it gains.
    """
    steps = count("saturation: steps", steps, 1)
    decays = tuple(number("saturation: λ", lam) for lam in decays)
    iris = data.load_iris()

    def once(lam: float, seed: int) -> Decayed:
        rng = np.random.default_rng(seed)
        (X, y), (X_unseen, y_unseen) = data.split((iris.features, iris.labels), unseen, rng=rng)
        X, X_unseen = data.standardize(X, X_unseen)
        first = nn.Linear(4, hidden, rng=rng)
        model = nn.Sequential(
            first, nn.Sigmoid(), nn.Linear(hidden, 3, rng=rng), nn.head("multiclass", 3)
        )
        springs = nn.weights(model)

        def loss() -> Any:
            return model.loss(model(X), y) + ops.weight_decay(springs, lam)

        norms = [
            np.sqrt(sum((w.data**2).sum() for w in springs))
            for _ in descend(optim.SGD(model, rate), loss, steps)
        ]
        pulls = gradients(model.loss(model(X), y), springs)
        forces = [np.abs(g + lam * w.data).max() for g, w in zip(pulls, springs, strict=True)]
        return Decayed(
            np.array(norms),
            ops.sigmoid(first.predict(X)),
            float(max(forces)),
            train.evaluate(model, (X_unseen, y_unseen))["loss"],
        )

    every = over_seeds(lambda seed: {lam: once(lam, seed) for lam in decays}, seeds, seed)
    rows = {(f"{lam:g}",): [one[lam] for one in every] for lam in decays}
    lines = summary(
        ("λ",),
        rows,
        {
            "‖w‖": (lambda one: one.norms[-1], ".1f"),
            "saturated": (lambda one: one.saturated, ".0%"),
            "mean slope": (lambda one: one.slope, ".3f"),
            "data + spring": (lambda one: one.balance, ".0e"),
            "test loss": (lambda one: one.test_loss, ".3f"),
        },
    )

    def draw(norms: Any, outputs: Any) -> None:
        for lam, one in every[0].items():
            norms.plot(one.norms, label=f"λ = {lam:g}")
            outputs.hist(one.hidden.ravel(), bins=20, range=(0, 1), histtype="step")
        norms.set(title="length of the weights", xlabel="step", ylabel="‖w‖")
        norms.set_ylim(bottom=0)
        norms.legend(loc="lower right")
        outputs.set(title="outputs of the hidden units in the end", xlabel="σ", ylabel="how many")

    free, strong = decays[0], decays[-1]
    claims = {
        f"λ = {strong:g} leaves fewer units saturated than λ = {free:g}, and shorter weights": [
            one[strong].saturated < one[free].saturated
            and bool(one[strong].norms[-1] < one[free].norms[-1])
            for one in every
        ]
    } | {
        f"λ = {weak:g} has a lower test loss than λ = {other:g}": [
            one[weak].test_loss < one[other].test_loss for one in every
        ]
        for weak in decays[1:-1]
        for other in (free, strong)
    }
    return Result(lines, draw, claims, size=(4.6, 3.4), every=every, trained=every[0])
