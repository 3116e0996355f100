"""Small problems to train on."""

import numpy as np

from tinygrad_edu import nn, optim
from tinygrad_edu.data import load_iris, split, standardize


def rng(seed=0):
    return np.random.default_rng(seed)


def iris(seed=0):
    """Training and validation data, of 120 and 30 flowers."""
    return standardize(*split(load_iris(), 0.2, rng=rng(seed)))


def network(seed=0, *, dropout=0.0, dtype=float):
    """Four lengths in, three species out, and a hidden layer."""
    draws = rng(seed)
    layers = [nn.Linear(4, 6, initialiser="he", rng=draws, dtype=dtype), nn.ReLU()]
    if dropout:
        layers.append(nn.Dropout(dropout, rng(seed + 100)))
    last = nn.Linear(6, 3, rng=draws, dtype=dtype)
    return nn.Sequential(*layers, last, nn.head("multiclass", 3))


def sgd(model, lr=0.1, momentum=0.9):
    return optim.SGD(model, lr=lr, momentum=momentum)


def same(a, b):
    """Whether two states are equal bit for bit."""
    return a.keys() == b.keys() and all(
        x.dtype == b[name].dtype and x.tobytes() == b[name].tobytes() for name, x in a.items()
    )
