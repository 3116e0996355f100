"""A19: the validation loss falls, then rises; early stopping goes back to the lowest point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.charts import columns, panels
from tinygrad_edu.data.iris import load_iris
from tinygrad_edu.data.preparation import split, standardize
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.nn.activations import ReLU
from tinygrad_edu.nn.heads import head
from tinygrad_edu.nn.layers import Linear, Sequential
from tinygrad_edu.optim.first_order import Adam
from tinygrad_edu.settings import count
from tinygrad_edu.train.evaluate import evaluate
from tinygrad_edu.train.fit import fit
from tinygrad_edu.train.history import History
from tinygrad_edu.train.stopping import EarlyStopping

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EarlyStopped", "Tested", "run"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tested:
    """How weights do on data that neither training nor stopping has seen."""

    epoch: int
    loss: float
    accuracy: float


@dataclass(frozen=True, eq=False)
class EarlyStopped(Result):
    """One training to its end, and the same one with early stopping.

    Attributes
    ----------
    whole, stopped : History
        All epochs, and those before patience ran out.
    last, best : Tested
        The weights of the last epoch of all, and those that early stopping gave back.
    """

    whole: History
    stopped: History
    last: Tested
    best: Tested

    def table(self) -> str:
        """Write what the weights in the end and the best ones do on the test data."""
        learned, held = self.whole.loss, self.whole.columns()["validation loss"]
        lines = columns(
            ("weights of", "epoch", "train loss", "validation loss", "test loss", "test accuracy"),
            [
                (name, one.epoch, learned[at], held[at], one.loss, one.accuracy)
                for name, one in (("early stopping", self.best), ("all epochs", self.last))
                for at in (one.epoch - 1,)
            ],
            ("", "", ".3f", ".3f", ".3f", ".1%"),
        )
        return f"{lines}\n\nearly stopping ended after {len(self.stopped)} epochs"

    def figure(self) -> Figure:
        """Draw both losses, the best epoch, and where patience ran out."""
        figure, (axes,) = panels(width=6.0, height=3.6)
        epochs, held = np.arange(1, len(self.whole) + 1), self.whole.columns()["validation loss"]
        axes.plot(epochs, self.whole.loss, "--", label="training")
        axes.plot(epochs, held, label="validation")
        lowest = held[self.best.epoch - 1]
        axes.plot([self.best.epoch], [lowest], "o", color="black", label="best weights")
        if self.stopped.ended == "early stopping":
            stop = len(self.stopped)
            axes.axvline(stop, color="black", linewidth=0.8, linestyle=":", label="stopped")
        axes.set(title="early stopping", xlabel="epoch", ylabel="cross-entropy")
        axes.set_ylim(0, 1.1 * held.max())
        axes.legend()
        return figure


@experiment("early-stopping", ("A19",), "the U-shaped validation loss, and the best weights")
def run(
    *,
    patience: int = 20,
    min_delta: float = 0.0,
    epochs: int = 250,
    hidden: int = 100,
    wrong: float = 0.15,
    rate: float = 0.001,
    seed: int = 0,
) -> EarlyStopped:
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
    seed : int, optional
        Of everything that is drawn.

    Returns
    -------
    EarlyStopped
        Both trainings.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    Half of the flowers are for training, a quarter for validation, a quarter for the test. Both
    trainings take the same steps as long as both go on.
    """
    epochs = count("early-stopping: epochs", epochs, 1)
    if not 0 <= wrong <= 1:
        raise ValueError(f"early-stopping: wrong = {wrong:g}; choose a share from 0 to 1")

    def train(stop: EarlyStopping | None) -> tuple[History, Tested]:
        rng = np.random.default_rng(seed)
        iris = load_iris()
        labels = _mislabelled(iris.labels, wrong, rng)
        fitted, held, unseen = split((standardize(iris.features), labels), 0.25, 0.25, rng=rng)
        model = Sequential(
            Linear(4, hidden, initialiser="he", rng=rng),
            ReLU(),
            Linear(hidden, hidden, initialiser="he", rng=rng),
            ReLU(),
            Linear(hidden, 3, rng=rng),
            head("multiclass", 3),
        )
        history = fit(
            model,
            fitted,
            optimizer=Adam(model, lr=rate),
            epochs=epochs,
            batch_size=25,
            rng=rng,
            validation=held,
            early_stopping=stop,
            progress=False,
        )
        found = evaluate(model, unseen)
        epoch = history.best_epoch if history.restored and history.best_epoch else len(history)
        return history, Tested(epoch, found["loss"], found["accuracy"])

    whole, last = train(None)
    stopped, best = train(EarlyStopping(patience, min_delta))
    return EarlyStopped(whole, stopped, last, best)


def _mislabelled(
    labels: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    drawn = rng.integers(0, 3, len(labels))
    return np.where(rng.random(len(labels)) < share, drawn, labels)
