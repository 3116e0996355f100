"""Training, in one call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.parallel import Alone
from tinygrad_edu.settings import count, generator, number, unlike
from tinygrad_edu.train.examples import Examples
from tinygrad_edu.train.history import History
from tinygrad_edu.train.loop import Loop
from tinygrad_edu.train.loss import BatchLoss, head_of, refuse_swapped
from tinygrad_edu.train.metrics import Metric, metrics_of, usual_metrics
from tinygrad_edu.train.stopping import EarlyStopping

__all__ = ["fit"]


@guided
def fit(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Any] | None = None,
    optimizer: Optimizer | None = None,
    *,
    epochs: int,
    batch_size: int = 32,
    rng: np.random.Generator,
    validation: Any = None,
    metrics: str | Metric | Iterable[str | Metric] | None = None,
    penalty: Callable[[Module], Any] | None = None,
    early_stopping: EarlyStopping | None = None,
    on_epoch: Callable[[History], bool | None] | None = None,
    clip: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool = True,
    group: Alone | None = None,
) -> History:
    """Train a model on data by mini-batches.

    Parameters
    ----------
    model : Module
        What is trained.
    data : DataSet or pair of ndarray
        The examples: features and targets, one row each per example.
    loss : callable, optional
        ``loss(outputs, targets)``, one number for a batch; by default that of the model's head.
    optimizer : Optimizer
        What moves the parameters, all of the model's or some.
    epochs : int
        How often every example is used.
    batch_size : int, optional
        Examples per step; the last batch of an epoch may be smaller, and no batch is larger than
        the data.
    rng : numpy.random.Generator
        Shuffles the examples in every epoch.
    validation : DataSet or pair of ndarray, optional
        Examples that are not trained on; the loss and the metrics are measured on them after
        every epoch.
    metrics : name, function, or iterable of them, optional
        What else is measured: ``"accuracy"``, ``"binary_accuracy"``, ``"confusion_matrix"``,
        ``"log_likelihood"``, or ``metric(predicted, targets)``. Measured on the validation data
        or, without, on the training data once more, which costs time. By default the accuracy,
        where there are validation data and each example has one class.
    penalty : callable, optional
        ``penalty(model)`` is added to the loss, beside the penalties of the layers.
    early_stopping : EarlyStopping, optional
        Ends the training when the validation loss does not improve any more.
    on_epoch : callable, optional
        Called as ``on_epoch(history)`` after each epoch; where it returns True, training ends.
        ``train.History.live`` draws the curve in a notebook.
    clip : float, optional
        Gradients that are longer together are shortened to this norm.
    checkpoint : path, optional
        Where everything that training depends on is stored after each epoch.
    resume : bool, optional
        Go on from the checkpoint, if there is one. `epochs` counts those before as well.
    progress : bool, optional
        Show a bar in the terminal or notebook, where tqdm is installed, or else write up to ten
        lines to standard error.
    group : tinygrad_edu.parallel.Group, optional
        The processes that train together, each on its own part of every batch.

    Returns
    -------
    History
        What was measured in each epoch. After Ctrl-C, too; with validation data, the model then
        has the weights of its best epoch.

    Raises
    ------
    ValueError, TypeError
        If something does not fit: data, loss, metrics, numbers, checkpoint. Nothing is changed
        then. Later, if a gradient is NaN or infinite; the weights are then those before.

    Notes
    -----
    Per batch: the gradient of loss(outputs, targets) + penalties, then one step. The same seeds,
    data and settings give the same weights, bit for bit, on the same machine with the same number
    of threads and processes; so does going on from a checkpoint. Where the features are float32,
    parameters in float64 become float32, too.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn, optim, train
    >>> from tinygrad_edu.data import load_iris, split
    >>> rng = np.random.default_rng(0)
    >>> fitted, held = split(load_iris(), 0.2, rng=rng)
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
    >>> sgd = optim.SGD(model, lr=0.1)
    >>> history = train.fit(model, fitted, optimizer=sgd, epochs=60, rng=rng, validation=held)
    >>> bool(history.metrics["accuracy"][-1] > 0.9)
    True
    """
    with group or Alone() as processes:
        refuse_swapped("fit", model, data, loss)
        examples = Examples.read(data, "fit: data")
        held = None if validation is None else Examples.read(validation, "fit: validation")
        if on_epoch is not None and not callable(on_epoch):
            raise unlike("fit: on_epoch", on_epoch, "pass a function of the history")
        count("fit: epochs", epochs, 1)
        loop = Loop(
            model=model,
            examples=examples,
            validation=held,
            batch_size=min(count("fit: batch_size", batch_size, 1), len(examples)),
            rng=generator("fit", rng),
            metrics=_metrics(metrics, model, held),
            penalty=penalty,
            early_stopping=_early_stopping(early_stopping, held),
            on_epoch=on_epoch,
            clip=None if clip is None else number("fit: clip", clip, positive=True),
            checkpoint=_checkpoint(checkpoint, resume),
            group=processes,
            loss=BatchLoss.prepared(model, loss, examples, held),
            optimizer=_optimizer(optimizer, model, examples),
        )
        return loop.run(epochs, resume=resume, progress=progress)


def _metrics(metrics: Any, model: Any, held: Examples | None) -> dict[str, Metric]:
    if metrics is not None:
        return metrics_of(metrics)
    if held is None or not isinstance(model, Module):  # which is refused soon
        return {}
    return usual_metrics(head_of(model), held.targets)


def _early_stopping(rule: Any, held: Examples | None) -> EarlyStopping | None:
    if rule is None or (isinstance(rule, EarlyStopping) and held is not None):
        return rule
    if not isinstance(rule, EarlyStopping):
        raise unlike("fit: early_stopping", rule, "pass EarlyStopping(patience)")
    raise ValueError(
        "fit: early stopping watches the loss of validation data, and there are none; pass "
        "validation=, for example from split(data, 0.2, rng=rng)"
    )


def _checkpoint(checkpoint: Any, resume: bool) -> Path | None:
    if checkpoint is None and resume:
        raise ValueError("fit: resume=True needs checkpoint=path, the file to go on from")
    if checkpoint is not None and not isinstance(checkpoint, str | os.PathLike):
        raise unlike("fit: checkpoint", checkpoint, "pass a path")
    if checkpoint is None:
        return None
    path = Path(checkpoint)
    if path.is_dir():
        raise IsADirectoryError(
            f"fit: checkpoint = {path} is a folder; name a file, such as {path / 'model.npz'}"
        )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"fit: there is no folder {path.parent} for the checkpoint; make it first"
        )
    return path


def _optimizer(optimizer: Any, model: Module, examples: Examples) -> Optimizer:
    """Look at the optimizer, and bring parameters to float32 where the data are."""
    if not isinstance(optimizer, Optimizer):
        raise unlike("fit: the optimizer", optimizer, "pass optim.SGD(model, lr=0.1) or another")
    own = set(model.parameters())
    for name, tensor in optimizer.parameters.items():
        if tensor not in own:
            raise ValueError(
                f"fit: the optimizer moves {name}, which is no parameter of the model; make it "
                "from this model"
            )
    for tensor in own if examples.features.dtype == np.float32 else ():
        if tensor.dtype == np.float64:
            tensor.data = tensor.data.astype(np.float32)
    return optimizer
