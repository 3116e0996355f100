"""Layers, heads and initialisers, and the Module that they are made of.

>>> import numpy as np, tinygrad_edu as tg
>>> from tinygrad_edu import nn
>>> rng = np.random.default_rng(0)
>>> model = nn.Sequential(
...     nn.Linear(4, 8, initialiser="he", rng=rng),
...     nn.ReLU(),
...     nn.Linear(8, 3, rng=rng),
...     nn.head("multiclass", 3),
... )
>>> X, labels = np.ones((5, 4)), np.array([0, 1, 2, 1, 0])
>>> loss = model.loss(model(X), labels) + model.penalty()
>>> [g.shape for g in tg.gradients(loss, model.parameters())]
[(4, 8), (8,), (8, 3), (3,)]
"""

from typing import TYPE_CHECKING, Any

from tinygrad_edu.elsewhere import lacks
from tinygrad_edu.nn.activations import (
    GELU,
    Activation,
    Identity,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_edu.nn.heads import Head, head, refuse_wrong_pair
from tinygrad_edu.nn.initialisers import INITIALISERS
from tinygrad_edu.nn.layers import Dropout, Flatten, Linear, Sequential
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.penalties import penalty, weights

if not TYPE_CHECKING:  # which would believe that every name is there

    def __getattr__(name: str) -> Any:
        raise lacks(__name__, name, __all__)


__all__ = [
    "GELU",
    "INITIALISERS",
    "Activation",
    "Dropout",
    "Flatten",
    "Head",
    "Identity",
    "Linear",
    "LogSoftmax",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "head",
    "penalty",
    "refuse_wrong_pair",
    "weights",
]
