"""The variants that are compared with PyTorch, ours and theirs."""

import numpy as np

from tinygrad_edu import optim

# A small convex problem: the gradient at w is A w - c.
A = np.array([[3.0, 1.0], [1.0, 2.0]])
C = np.array([1.0, -1.0])
START = np.array([1.0, -2.0])

# Name → our class, our settings, PyTorch's class, its settings.
VARIANTS = {
    "sgd": (optim.SGD, {}, "SGD", {}),
    "momentum": (optim.SGD, {"momentum": 0.9}, "SGD", {"momentum": 0.9}),
    "nesterov": (
        optim.SGD,
        {"momentum": 0.9, "nesterov": True},
        "SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    "momentum, l2": (
        optim.SGD,
        {"momentum": 0.9, "l2": 0.1},
        "SGD",
        {"momentum": 0.9, "weight_decay": 0.1},
    ),
    "nesterov, l2": (
        optim.SGD,
        {"momentum": 0.9, "nesterov": True, "l2": 0.1},
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "rmsprop": (optim.RMSProp, {}, "RMSprop", {}),
    "rmsprop, all": (
        optim.RMSProp,
        {"alpha": 0.9, "eps": 1e-6, "momentum": 0.9, "l2": 0.1},
        "RMSprop",
        {"alpha": 0.9, "eps": 1e-6, "momentum": 0.9, "weight_decay": 0.1},
    ),
    "adam": (optim.Adam, {}, "Adam", {}),
    "adam, all": (
        optim.Adam,
        {"betas": (0.8, 0.9), "eps": 0.01, "l2": 0.1},
        "Adam",
        {"betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.1},
    ),
    "adamw": (optim.AdamW, {}, "AdamW", {}),
    "adamw, all": (
        optim.AdamW,
        {"betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.1},
        "AdamW",
        {"betas": (0.8, 0.9), "eps": 0.01, "weight_decay": 0.1},
    ),
}
