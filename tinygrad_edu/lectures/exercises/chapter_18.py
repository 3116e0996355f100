"""The exercises of chapter 18: programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import Explain, Implement, expect

__all__ = ["EXERCISES"]


def _layer(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, d, k in ((1, 2, 3), (7, 4, 3), (5, 3, 2)):
        X, W, b = rng.normal(size=(n, d)), rng.normal(size=(d, k)), rng.normal(size=k)
        Y = np.eye(k)[rng.integers(0, k, n)]
        delta = (ops.softmax(X @ W + b) - Y) / n
        for what, got, wanted in zip(
            ("W", "b"), student(X, Y, W, b), (X.T @ delta, delta.sum(0)), strict=True
        ):
            expect(f"for {n} examples of {d} features and {k} classes, ∂L/∂{what}", got, wanted)


EXERCISES = (
    Implement(
        "18.1",
        "Be the compiler",
        statement=r"""Write `gradients(X, Y, W, b)` with NumPy alone, in as few operations as you can: for the mean cross-entropy
of $\mathrm{softmax}(XW + b)$ and one-hot rows $Y$, the pair of the gradients by $W$ and by $b$. Logits are moderate here.""",
        hints=(r"$\partial L/\partial Z = (A - Y)/N$, and $Z = XW + b$.",),
        function="gradients",
        test=_layer,
        solution="""
import numpy as np


def gradients(X, Y, W, b):
    E = np.exp(X @ W + b)
    delta = (E / E.sum(axis=1, keepdims=True) - Y) / len(X)
    return X.T @ delta, delta.sum(axis=0)
""",
        why=r"$X^\top\Delta$ and the column sums of $\Delta = (A - Y)/N$: the two gradients share $\Delta$.",
        wrong={
            "import numpy as np\ndef gradients(X, Y, W, b):\n"
            "    E = np.exp(X @ W + b)\n"
            "    delta = (E / E.sum(axis=1, keepdims=True) - Y) / len(X)\n"
            "    return X.T @ delta, delta.mean(axis=0)\n": "∂L/∂b",
        },
    ),
    Explain(
        "18.2",
        "Equal, and not equal",
        statement="""The program from the rules and the program from the formula compute the same gradient. Yet for very sure and
wrong logits one gives NaN and the other the right numbers. Why?""",
        hints=("Which of the two divides by an activation?",),
        ideas={
            "the division by a": r"divi|/ ?a|1/0|y/a|quotient",
            "an activation that becomes 0": r"zero|\b0\b|underflow|small|vanish|tiny",
        },
        solution="""The program from the rules goes back through the logarithm and divides y by a. Where a is too small for a
floating-point number it is 0, and the division fails. The formula a − y divides by nothing but the sum.""",
        wrong={"Because of rounding.": "the division by a"},
    ),
)
