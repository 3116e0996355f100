"""Equations of the lectures as recorded graphs: each has a name, and is built when asked for.

Each module enters its own. No form of a result stands here: it is derived or proved from the graph.
"""

from tinygrad_edu.lectures import backprop, regularization, softmax
from tinygrad_edu.lectures.lecture import (
    IDENTITIES,
    LECTURES,
    Identity,
    Lecture,
    in_order,
    typed,
)
from tinygrad_edu.lectures.show import show

__all__ = [
    "IDENTITIES",
    "LECTURES",
    "Identity",
    "Lecture",
    "backprop",
    "regularization",
    "show",
    "softmax",
    "typed",
]

in_order(LECTURES)
in_order(IDENTITIES)
