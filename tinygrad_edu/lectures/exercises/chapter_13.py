"""The exercises of chapter 13: dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import Explain, Implement, Number, expect

__all__ = ["EXERCISES"]

_X, _MASK = np.array([2.0, -1.0, 4.0, 0.5]), np.array([1.0, 0.0, 1.0, 1.0])


def _both_ways(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for shape, p in (((4,), 0.2), ((3, 5), 0.5), ((2, 2), 0.9)):
        x, g = rng.normal(size=shape), rng.normal(size=shape)
        mask = (rng.random(shape) >= p).astype(float)
        out, back = student(x, mask, p, g)
        where = f"for x of shape {shape} and p = {p}"
        expect(f"{where}, out", out, x * mask / (1 - p))
        expect(f"{where}, the gradient by x", back, g * mask / (1 - p))


EXERCISES = (
    Number(
        "13.1",
        "A mask by hand",
        statement=r"""The outputs of a layer are $x = (2, -1, 4, 0.5)$, the mask is $(1, 0, 1, 1)$ and $p = 0.2$. Give what dropout
passes on in training.""",
        hints=("What remains is made larger, so that the expectation stays.",),
        value=lambda: _X * _MASK / 0.8,
        decimals=3,
        slips={
            "the scale is missing": lambda: _X * _MASK,
            "divide by the probability to be kept, not by that to be dropped": lambda: (
                _X * _MASK / 0.2
            ),
        },
        why="The second entry is 0, the others are divided by $1 - p = 0.8$.",
        wrong={"2, 0, 4, 0.5": "scale is missing", "10, 0, 20, 2.5": "to be kept"},
    ),
    Implement(
        "13.2",
        "Forward and backward",
        statement=r"""Write `dropout(x, mask, p, g)` with NumPy, without a library of layers. It returns two arrays: what
training passes on for the outputs `x` and a mask of zeros and ones, and the gradient by `x`, if `g` is the gradient of
what was passed on.""",
        hints=("The mask is a constant. What is the derivative of a constant times x?",),
        function="dropout",
        test=_both_ways,
        solution="""
import numpy as np


def dropout(x, mask, p, g):
    factor = mask / (1 - p)
    return x * factor, g * factor
""",
        why="Both ways the same factor: 0 where a unit is dropped, $1/(1-p)$ where it is kept.",
        wrong={
            "def dropout(x, mask, p, g):\n    return x * mask, g * mask": "for x of shape (4,)",
            "def dropout(x, mask, p, g):\n    return x * mask / (1 - p), g": "the gradient by x",
        },
    ),
    Explain(
        "13.3",
        "Nothing happens after training",
        statement="""Somebody drops units after training too, to be fair to the network. What goes wrong, and what is
done instead, so that the sizes fit?""",
        hints=(
            "Ask the same network twice.",
            "What is the expectation of what a unit passes on in training?",
        ),
        ideas={
            "the chance in the answer": "random|chance|differ|nois|luck|same input|each time|varies",
            "the factor 1/(1 − p) that training has": r"1 ?[-−–] ?p|scal|divid|expect|factor|average",
        },
        solution="""The answer would depend on chance: the same input gets another output each time. Instead all units
are used, and since training divided by 1 − p, the sums have the size that the next layer expects.""",
        wrong={"It would be random.": "1/(1 − p)", "Because of the expectation.": "chance"},
    ),
)
