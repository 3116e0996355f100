"""Training: batches, metrics, early stopping, history, checkpoints.

>>> import numpy as np
>>> from tinygrad_edu import nn, optim, train
>>> from tinygrad_edu.data import load_iris, split
>>> rng = np.random.default_rng(0)
>>> fitted, held, unseen = split(load_iris(), 0.2, 0.2, rng=rng)
>>> model = nn.Sequential(
...     nn.Linear(4, 8, initialiser="he", rng=rng),
...     nn.ReLU(),
...     nn.Linear(8, 3, rng=rng),
...     nn.head("multiclass", 3),
... )
>>> history = train.fit(
...     model,
...     fitted,
...     optimizer=optim.Adam(model, lr=0.05),
...     epochs=40,
...     rng=rng,
...     validation=held,
...     early_stopping=train.EarlyStopping(patience=5),
... )
>>> bool(train.evaluate(model, unseen)["accuracy"] > 0.9)
True
"""

from typing import TYPE_CHECKING, Any

from tinygrad_edu.elsewhere import lacks
from tinygrad_edu.train.checkpoint import load_checkpoint, save_checkpoint
from tinygrad_edu.train.evaluate import evaluate
from tinygrad_edu.train.fit import fit
from tinygrad_edu.train.history import History
from tinygrad_edu.train.metrics import (
    METRICS,
    accuracy,
    binary_accuracy,
    confusion_matrix,
    log_likelihood,
)
from tinygrad_edu.train.stopping import EarlyStopping

if not TYPE_CHECKING:  # which would believe that every name is there

    def __getattr__(name: str) -> Any:
        raise lacks(__name__, name, __all__)


__all__ = [
    "METRICS",
    "EarlyStopping",
    "History",
    "accuracy",
    "binary_accuracy",
    "confusion_matrix",
    "evaluate",
    "fit",
    "load_checkpoint",
    "log_likelihood",
    "save_checkpoint",
]
