"""A17, A18: the Fashion-MNIST network, without and with dropout, over several seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.data.fashion import load_fashion_mnist
from tinygrad_edu.data.preparation import split
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.nn.activations import ReLU
from tinygrad_edu.nn.heads import head
from tinygrad_edu.nn.layers import Dropout, Linear, Sequential
from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.optim.schedules import CosineDecay
from tinygrad_edu.parallel import launched
from tinygrad_edu.settings import count, number
from tinygrad_edu.train.fit import fit
from tinygrad_edu.train.history import History
from tinygrad_edu.train.metrics import accuracy, confusion_matrix
from tinygrad_edu.train.stopping import EarlyStopping

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Fashion", "Run", "network", "run"]

SIZES = (784, 300, 100, 10)


@dataclass(frozen=True, eq=False)
class Run:
    """One training: its seed and rate of dropout, its history, and how well it does on test data.

    Attributes
    ----------
    seed : int
        Of everything that is drawn.
    dropout : float
        The probability that a hidden unit is dropped; 0 for none.
    history : History
        What was measured in each epoch.
    accuracy : float
        The share of the test data that is classified rightly.
    confusion : ndarray of int, shape (10, 10)
        How many test examples of each class (rows) were taken for which (columns).
    """

    seed: int
    dropout: float
    history: History
    accuracy: float
    confusion: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fashion(Result):
    """All trainings, those without dropout first.

    Attributes
    ----------
    runs : tuple of Run
        One per seed and rate.
    class_names : tuple of str
        What the classes are called.
    """

    runs: tuple[Run, ...]
    class_names: tuple[str, ...]

    def accuracies(self, dropout: float) -> NDArray[np.float64]:
        """Return the test accuracies with one rate of dropout, in the order of the seeds."""
        return np.array([run.accuracy for run in self.runs if run.dropout == dropout])

    def table(self) -> str:
        """Write one line per training and, where there is dropout, what it changed."""
        lines = columns(
            ("dropout", "seed", "epochs", "best", "train loss", "validation loss", "test accuracy"),
            [
                (
                    run.dropout,
                    run.seed,
                    len(run.history),
                    run.history.best_epoch,
                    run.history.loss[-1],
                    run.history.columns()["validation loss"].min(),
                    run.accuracy,
                )
                for run in self.runs
            ],
            ("g", "", "", "", ".3f", ".3f", ".2%"),
        )
        return f"{lines}\n\n{self._effect()}\n\n{self._confused()}"

    def _effect(self) -> str:
        rates = sorted({run.dropout for run in self.runs})
        without = self.accuracies(rates[0])
        text = f"test accuracy without dropout: {_mean_and_spread(without)}"
        for rate in rates[1:]:
            gain = self.accuracies(rate) - without
            text += (
                f"\nwith dropout {rate:g}: {_mean_and_spread(self.accuracies(rate))}"
                f"\nchange, seed by seed: {_mean_and_spread(gain, sign='+')}"
            )
        return text

    def _confused(self) -> str:
        """Name the two classes that are taken for one another most often."""
        matrix = self.runs[0].confusion.copy()
        np.fill_diagonal(matrix, 0)
        true, taken = np.unravel_index(matrix.argmax(), matrix.shape)
        return (
            f"most frequent mistake of the first run: {self.class_names[true]} taken for "
            f"{self.class_names[taken]}, {matrix[true, taken]} of "
            f"{self.runs[0].confusion[true].sum()}"
        )

    def figure(self) -> Figure:
        """Draw training and validation loss, and the validation accuracy, epoch by epoch."""
        figure, (losses, accuracies) = panels(across=2, width=4.6, height=3.4)
        rates = sorted({run.dropout for run in self.runs})
        for run in self.runs:
            colour = COLOURS[rates.index(run.dropout)]
            epochs = np.arange(1, len(run.history) + 1)
            first = run is next(r for r in self.runs if r.dropout == run.dropout)
            name = f"dropout {run.dropout:g}" if run.dropout else "no dropout"
            losses.plot(epochs, run.history.loss, "--", color=colour, linewidth=1)
            held = run.history.columns()["validation loss"]
            losses.plot(epochs, held, color=colour, label=name if first else None)
            accuracies.plot(epochs, 100 * run.history.metrics["accuracy"], color=colour)
        losses.plot([], "--", color="black", linewidth=1, label="on training batches")
        losses.legend()
        losses.set(title="loss", xlabel="epoch", ylabel="cross-entropy")
        accuracies.set(title="accuracy on validation data", xlabel="epoch", ylabel="%")
        for axes in (losses, accuracies):
            axes.locator_params(axis="x", integer=True)
        return figure


def network(dropout: float, rng: np.random.Generator) -> Sequential:
    """Build the lecture's network: 784 pixels, 300 and 100 hidden ReLU units, 10 classes.

    Parameters
    ----------
    dropout : float
        The probability that a hidden unit is dropped; 0 leaves the layers of dropout out.
    rng : numpy.random.Generator
        Draws the weights and the masks.

    Returns
    -------
    Sequential
        In float32.
    """
    layers: list[Module] = []
    for inputs, outputs in pairwise(SIZES[:-1]):
        layers += [Linear(inputs, outputs, initialiser="he", rng=rng, dtype=np.float32), ReLU()]
        if dropout:
            layers.append(Dropout(dropout, rng))
    last = Linear(*SIZES[-2:], rng=rng, dtype=np.float32)
    return Sequential(*layers, last, head("multiclass", SIZES[-1]))


@experiment("fashion", ("A18", "A17"), "Fashion-MNIST: a network of 300 and 100 hidden units")
def run(
    *,
    dropout: float = 0.0,
    early_stopping: bool = False,
    epochs: int = 10,
    batch_size: int = 32,
    rate: float = 0.1,
    seeds: int = 1,
    folder: Path | None = None,
) -> Fashion:
    """Train the lecture's network on Fashion-MNIST and test it on unseen pictures.

    Parameters
    ----------
    dropout : float, optional
        Train a second time, with this probability that a hidden unit is dropped, and compare.
    early_stopping : bool, optional
        End when the validation loss has not improved for 3 epochs; keep the best weights.
    epochs : int, optional
        How often every picture is used, at most.
    batch_size : int, optional
        Pictures per step.
    rate : float, optional
        The learning rate of the first step; it falls to 0 along a cosine, else the last epoch
        would be good or bad by chance.
    seeds : int, optional
        How many trainings of each kind; one alone says little about dropout.
    folder : path, optional
        Where the data are; by default where `load_fashion_mnist` looks.

    Returns
    -------
    Fashion
        Every training's history and test accuracy.

    Raises
    ------
    FileNotFoundError
        If the data are not there.
    ValueError
        If a number makes no sense.

    Notes
    -----
    A tenth of the training data, the same mix of classes, is held out for validation. The
    gradient of the loss is (A − Y)/N in the logits; one step of plain gradient descent per batch.
    Where ``mpiexec`` started several processes, they share every batch.
    """
    epochs, batch_size, seeds = (
        count(f"fashion: {name}", value, 1)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("seeds", seeds))
    )
    dropout = number("fashion: dropout", dropout, high=1.0)  # now, and not after ten epochs
    learned, unseen = load_fashion_mnist(folder)
    rates = (0.0, dropout) if dropout else (0.0,)
    stop = EarlyStopping(patience=3) if early_stopping else None
    group = launched()
    runs = []
    for p in rates:
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            fitted, held = split(learned, 0.1, rng=rng)
            model = network(p, rng)
            history = fit(
                model,
                fitted,
                optimizer=SGD(model, lr=CosineDecay(rate, epochs * -(-len(fitted) // batch_size))),
                epochs=epochs,
                batch_size=batch_size,
                rng=rng,
                validation=held,
                early_stopping=stop,
                group=group,
            )
            runs.append(_tested(seed, p, history, model, unseen))
    return Fashion(tuple(runs), learned.class_names)


def _tested(seed: int, p: float, history: History, model: Module, unseen: DataSet) -> Run:
    predicted = model.predict(unseen.features, batch_size=1000)
    return Run(
        seed,
        p,
        history,
        accuracy(predicted, unseen.labels),
        confusion_matrix(predicted, unseen.labels),
    )


def _mean_and_spread(shares: NDArray[np.float64], sign: str = "") -> str:
    """Write a mean in per cent and, of several, the standard error of that mean."""
    text = f"{shares.mean():{sign}.2%}"
    if len(shares) < 2:
        return f"{text} (one seed; more say how sure that is)"
    error = shares.std(ddof=1) / math.sqrt(len(shares))
    return f"{text} ± {error:.2%} (mean of {len(shares)} seeds ± its standard error)"
