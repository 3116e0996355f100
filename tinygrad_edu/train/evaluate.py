"""Loss and metrics of a model as it is, without training it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.nn.module import Module, like_parameters, mode
from tinygrad_edu.train.examples import Examples
from tinygrad_edu.train.loss import BATCH, BatchLoss, head_of, refuse_swapped
from tinygrad_edu.train.metrics import Metric, measured, metrics_of, usual_metrics

__all__ = ["evaluate", "measure"]


@guided
def evaluate(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Any] | None = None,
    *,
    metrics: str | Metric | Iterable[str | Metric] | None = None,
) -> dict[str, Any]:
    """Measure the loss and metrics of a model on data.

    Parameters
    ----------
    model : Module
        Computes as at inference; stays as it is.
    data : DataSet or pair of ndarray
        The examples: features and targets.
    loss : callable, optional
        ``loss(outputs, targets)``; by default that of the model's head.
    metrics : name, function, or iterable of them, optional
        As for `fit`. By default the accuracy, where each example has one class.

    Returns
    -------
    dict of str to float or ndarray
        ``"loss"``, per example and without penalties, and each metric by name.

    Raises
    ------
    ValueError, TypeError
        If the data, the loss or a metric do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn, train
    >>> from tinygrad_edu.data import load_iris
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
    >>> sorted(train.evaluate(model, load_iris()))
    ['accuracy', 'loss']
    """
    refuse_swapped("evaluate", model, data, loss)
    examples = Examples.read(data, "evaluate: data")
    prepared = BatchLoss.prepared(model, loss, examples)
    if metrics is None:
        wanted = usual_metrics(head_of(model), examples.targets)
    else:
        wanted = metrics_of(metrics)
    value, found = measure(model, examples, prepared, wanted)
    return {"loss": value, **found}


def measure(
    model: Module, examples: Examples, loss: BatchLoss, metrics: Mapping[str, Metric]
) -> tuple[float, dict[str, Any]]:
    """Return the loss per example, and the metrics, of the model as it is."""
    fit_kind, head, total, values = like_parameters(model), head_of(model), 0.0, []
    with mode(model, training=False):
        for start in range(0, len(examples), BATCH):
            targets = examples.targets[start : start + BATCH]
            outputs = model(fit_kind(examples.features[start : start + BATCH]))
            total += loss.whole(loss(outputs, targets).item(), len(targets))
            if metrics:
                values.append(outputs.data if head is None else head.activation(outputs.data))
    found = measured(metrics, np.concatenate(values), examples.targets) if values else {}
    return total / len(examples), found
