"""A19: the validation loss falls, then rises; early stopping goes back to the lowest point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import data, nn, optim, train
from tinygrad_edu.experiments.experiment import Result, experiment, over_seeds, spread, summary
from tinygrad_edu.settings import count

__all__ = ["Trained", "run"]


class Trained(NamedTuple):
    """One training, and what its weights do on test data, which neither it nor stopping has seen.

    `epoch` is the one that the weights are of, `sureness` the mean of the largest probability
    where the class is wrong.
    """

    history: train.History
    epoch: int
    loss: float
    accuracy: float
    sureness: float


@experiment("early-stopping", ("A19",), "the U-shaped validation loss, and the best weights")
def run(
    *,
    patience: int = 20,
    min_delta: float = 0.0,
    epochs: int = 200,
    hidden: int = 100,
    wrong: float = 0.3,
    rate: float = 0.001,
    seeds: int = 10,
    seed: int = 0,
) -> Result:
    """Overfit Iris, some of whose flowers are labelled wrongly, and stop in time.

    Parameters
    ----------
    patience : int, optional
        Epochs without a lower validation loss after which training ends.
    min_delta : float, optional
        By how much the loss must be lower.
    epochs : int, optional
        How many without early stopping.
    hidden : int, optional
        ReLU units in each of two hidden layers: more than the flowers need.
    wrong : float, optional
        The share of flowers that get a label by chance.
    rate : float, optional
        The learning rate of Adam.
    seeds, seed : int, optional
        How often everything is drawn, and the first; the figure shows the first.

    Returns
    -------
    Result
        `stopped` and `whole`, a `Trained` for each seed: with early stopping, and all epochs.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    Half of the flowers are for training, a quarter for validation, which says when to stop, and a
    quarter for the test. Both trainings take the same steps as long as both go on.

    The loss of a flower is −log of the probability of its label: where the network is wrong, the
    loss grows as the network becomes surer. Its accuracy does not change, since the largest
    probability stays the largest. So the loss can rise long before the accuracy falls.
    """
    epochs = count("early-stopping: epochs", epochs, 1)
    if not 0 <= wrong <= 1:
        raise ValueError(f"early-stopping: wrong = {wrong:g}; choose a share from 0 to 1")
    iris = data.load_iris()

    def once(seed: int, stop: train.EarlyStopping | None) -> Trained:
        rng = np.random.default_rng(seed)
        drawn = rng.integers(0, 3, len(iris))
        labels = np.where(rng.random(len(iris)) < wrong, drawn, iris.labels)
        parts = data.split(replace(iris, labels=labels), 0.25, 0.25, rng=rng)
        fitted, held, unseen = data.standardize(*parts)
        model = nn.Sequential(
            nn.Linear(4, hidden, initialiser="he", rng=rng),
            nn.ReLU(),
            nn.Linear(hidden, hidden, initialiser="he", rng=rng),
            nn.ReLU(),
            nn.Linear(hidden, 3, rng=rng),
            nn.head("multiclass", 3),
        )
        history = train.fit(
            model,
            fitted,
            optimizer=optim.Adam(model, lr=rate),
            epochs=epochs,
            batch_size=25,
            rng=rng,
            validation=held,
            early_stopping=stop,
            progress=False,
        )
        found, a = train.evaluate(model, unseen), model.predict(unseen.features)
        mistaken = a.max(axis=1)[a.argmax(axis=1) != unseen.labels]
        epoch = history.best_epoch if history.restored and history.best_epoch else len(history)
        sureness = float(mistaken.mean()) if len(mistaken) else np.nan
        return Trained(history, epoch, found["loss"], found["accuracy"], sureness)

    stop = train.EarlyStopping(patience, min_delta)
    stopped = over_seeds(lambda seed: once(seed, stop), seeds, seed)
    whole = over_seeds(lambda seed: once(seed, None), seeds, seed)
    pairs = list(zip(stopped, whole, strict=True))
    curves = [_held(one) for one in whole]
    gain = [one.accuracy - other.accuracy for one, other in pairs]
    rows = {("early stopping",): stopped, ("all epochs",): whole}
    lines = summary(
        ("weights of",),
        rows,
        {
            "epoch": (lambda one: one.epoch, ".0f"),
            "train loss": (lambda one: one.history.loss[one.epoch - 1], ".2f"),
            "validation loss": (lambda one: _held(one)[one.epoch - 1], ".2f"),
            "test loss": (lambda one: one.loss, ".2f"),
            "test accuracy": (lambda one: one.accuracy, ".1%"),
            "sure of mistakes": (lambda one: one.sureness, ".0%"),
        },
    )
    lines += f"\n\nwhat early stopping changed of the test accuracy: {spread(gain, '+.1%')}"

    def draw(axes: Any) -> None:
        numbers, best = np.arange(1, epochs + 1), stopped[0].epoch
        axes.plot(numbers, whole[0].history.loss, "--", label="training")
        axes.plot(numbers, curves[0], label="validation")
        axes.plot([best], [curves[0][best - 1]], "o", color="black", label="best weights")
        if stopped[0].history.ended == "early stopping":
            end = len(stopped[0].history)
            axes.axvline(end, color="black", linewidth=0.8, linestyle=":", label="stopped")
        axes.set(title="early stopping", xlabel="epoch", ylabel="cross-entropy")
        axes.set_ylim(0, 1.1 * curves[0].max())
        axes.legend()

    claims = {
        "the validation loss falls, then rises by a tenth and more": [
            bool(curve[0] > curve.min() < curve[-1] / 1.1) for curve in curves
        ],
        "early stopping gives the lower test loss": [a.loss < b.loss for a, b in pairs],
        "after all epochs the network is surer where it is wrong": [
            not a.sureness >= b.sureness for a, b in pairs
        ],
    }
    return Result(lines, draw, claims, size=(6.0, 3.6), stopped=stopped, whole=whole)


def _held(one: Trained) -> NDArray[np.float64]:
    return np.asarray(one.history.validation_loss)
