"""A17, A18: the Fashion-MNIST network, without and with dropout, over several seeds."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import data, nn, optim, train
from tinygrad_edu.experiments.experiment import COLOURS, Result, columns, experiment, spread
from tinygrad_edu.parallel import launched
from tinygrad_edu.settings import count, number

__all__ = ["Run", "network", "run"]

SIZES = (784, 300, 100, 10)


class Run(NamedTuple):
    """One training: its seed and rate of dropout, its history, and how well it does on test data.

    `confusion` counts how many test examples of each class (rows) were taken for which (columns).
    """

    seed: int
    dropout: float
    history: train.History
    loss: float
    accuracy: float
    confusion: NDArray[np.int64]


def network(dropout: float, rng: np.random.Generator) -> nn.Sequential:
    """Build the lecture's network: 784 pixels, 300 and 100 hidden ReLU units, 10 classes.

    Parameters
    ----------
    dropout : float
        The probability that a hidden unit is dropped; 0 leaves the layers of dropout out.
    rng : numpy.random.Generator
        Draws the weights and the masks.

    Returns
    -------
    nn.Sequential
        In float32.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(SIZES[:-1]):
        layers += [
            nn.Linear(inputs, outputs, initialiser="he", rng=rng, dtype=np.float32),
            nn.ReLU(),
        ]
        if dropout:
            layers.append(nn.Dropout(dropout, rng))
    last = nn.Linear(*SIZES[-2:], rng=rng, dtype=np.float32)
    return nn.Sequential(*layers, last, nn.head("multiclass", SIZES[-1]))


@experiment("fashion", ("A18", "A17"), "Fashion-MNIST: a network of 300 and 100 hidden units")
def run(
    *,
    dropout: float = 0.0,
    early_stopping: bool = False,
    epochs: int = 10,
    batch_size: int = 32,
    rate: float = 0.1,
    seeds: int = 1,
    pictures: int | None = None,
    folder: Path | None = None,
    progress: bool = True,
) -> Result:
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
    pictures : int, optional
        How many of the 60,000 training pictures are used; by default all.
    folder : path, optional
        Where the data are; by default where `load_fashion_mnist` looks.
    progress : bool, optional
        Show how far each training is, as `tinygrad_edu.train.fit` does.

    Returns
    -------
    Result
        `runs`, those without dropout first; `class_names`; `accuracies`, the rate of dropout → the
        test accuracies in the order of the seeds.

    Raises
    ------
    FileNotFoundError
        If the data are not there.
    ValueError
        If a number makes no sense.

    Notes
    -----
    Ten epochs on 54,000 pictures hardly overfit this network, and dropout, which trains a part of
    it in each step, makes it learn more slowly: it loses some tenths of a per cent.

    A tenth of the training data, the same mix of classes, is held out for validation. The
    gradient of the loss is (A − Y)/N in the logits; one step of plain gradient descent per batch.
    Where ``mpiexec`` started several processes, they share every batch.
    """
    epochs, batch_size, seeds = (
        count(f"fashion: {name}", value, 1)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("seeds", seeds))
    )
    dropout = number("fashion: dropout", dropout, high=1.0)  # now, and not after ten epochs
    learned, unseen = data.load_fashion_mnist(folder)
    names = learned.class_names
    if pictures is not None and count("fashion: pictures", pictures, 100) < len(learned):
        _, learned = data.split(learned, pictures / len(learned), rng=np.random.default_rng(0))
    rates = (0.0, dropout) if dropout else (0.0,)
    stop, group = train.EarlyStopping(patience=3) if early_stopping else None, launched()

    def once(p: float, seed: int) -> Run:
        rng = np.random.default_rng(seed)
        fitted, held = data.split(learned, 0.1, rng=rng)
        model = network(p, rng)
        falling = optim.CosineDecay(rate, epochs * -(-len(fitted) // batch_size))
        history = train.fit(
            model,
            fitted,
            optimizer=optim.SGD(model, lr=falling),
            epochs=epochs,
            batch_size=batch_size,
            rng=rng,
            validation=held,
            early_stopping=stop,
            progress=progress,
            group=group,
        )
        confusion: Any = train.confusion_matrix
        found = train.evaluate(model, unseen, metrics=["accuracy", confusion])
        return Run(seed, p, history, *(found[n] for n in ("loss", "accuracy", "confusion_matrix")))

    runs = [once(p, seed) for p in rates for seed in range(seeds)]
    accuracies = {p: np.array([one.accuracy for one in runs if one.dropout == p]) for p in rates}
    heads = "dropout", "seed", "epochs", "best", "train loss", "validation loss"
    rows = [
        (
            *(one.dropout, one.seed, len(one.history), one.history.best_epoch),
            *(one.history.loss[-1], _held(one).min(), one.loss, one.accuracy),
        )
        for one in runs
    ]
    forms = ("g", "", "", "", ".3f", ".3f", ".3f", ".2%")
    lines = columns((*heads, "test loss", "test accuracy"), rows, forms) + "\n"
    for p in rates:
        lines += f"\ntest accuracy with dropout {p:g}: {spread(accuracies[p], '.2%')}"
    if dropout:
        gain = spread(accuracies[dropout] - accuracies[0.0], "+.2%")
        lines += f"\nchange, seed by seed: {gain}"
    lines += "" if seeds > 1 else " (one seed; more say how sure that is)"
    mistakes = runs[0].confusion * (1 - np.eye(SIZES[-1], dtype=int))
    true, taken = np.unravel_index(mistakes.argmax(), mistakes.shape)
    lines += (
        f"\nmost frequent mistake of the first run: {names[true]} taken for {names[taken]}, "
        f"{mistakes[true, taken]} of {runs[0].confusion[true].sum()}"
    )

    def draw(losses: Any, right: Any) -> None:
        for p, colour in zip(rates, COLOURS, strict=False):
            of_rate = [one for one in runs if one.dropout == p]
            for axes, style, courses in (
                (losses, "--", [one.history.loss for one in of_rate]),
                (losses, "-", [_held(one) for one in of_rate]),
                (right, "-", [100 * one.history.metrics["accuracy"] for one in of_rate]),
            ):
                shared = min(map(len, courses))  # some may have stopped before others
                each = np.array([course[:shared] for course in courses])
                epochs = np.arange(1, shared + 1)
                axes.plot(epochs, each.T, style, color=colour, alpha=0.2, linewidth=1)
                axes.plot(epochs, each.mean(axis=0), style, color=colour)
            losses.plot([], color=colour, label=f"dropout {p:g}" if p else "no dropout")
        losses.plot([], "--", color="black", linewidth=1, label="on training batches")
        losses.legend()
        losses.set(title="loss", xlabel="epoch", ylabel="cross-entropy")
        right.set(title="accuracy on validation data", xlabel="epoch", ylabel="%")
        for axes in (losses, right):
            axes.locator_params(axis="x", integer=True)

    claims = {
        "the network does better on the pictures it learned from than on others": [
            bool(one.history.loss[-1] < _held(one)[-1]) for one in runs if not one.dropout
        ]
    }
    return Result(lines, draw, claims, runs=runs, class_names=names, accuracies=accuracies)


def _held(one: Run) -> NDArray[np.float64]:
    return np.asarray(one.history.validation_loss)
