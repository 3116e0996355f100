"""The exercises of chapter 15: the Fashion-MNIST network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import Implement, Number, expect

__all__ = ["EXERCISES"]


def _counts(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, k in ((1, 2), (30, 3), (200, 10)):
        said, true = rng.integers(0, k, (2, n))
        A = np.eye(k)[said] * 0.5 + 0.5 / k
        wanted = np.zeros((k, k), int)
        np.add.at(wanted, (true, said), 1)
        expect(f"for {n} examples of {k} classes, the matrix", student(A, true), wanted)


EXERCISES = (
    Number(
        "15.1",
        "Is the first loss right?",
        statement=r"""A network for $K = 1000$ classes is about to be trained. Its first loss is printed. What should it be,
to one decimal?""",
        hints=("An untrained network gives each class about the same probability.",),
        value=lambda: np.log(1000),
        decimals=1,
        slips={
            "this is the logarithm to base 10": lambda: 3.0,
            "this is the logarithm to base 2": lambda: np.log2(1000),
        },
        why=r"$-\log\frac{1}{1000} = \log 1000 = 6.9$.",
        wrong={"3.0": "base 10", "-6.9": "sign", "10.0": "base 2"},
    ),
    Implement(
        "15.2",
        "A confusion matrix",
        statement="""Write `confusion(A, labels)`: for activations `A` of shape $(N, K)$ and labels of shape $(N,)$, the
matrix of shape $(K, K)$ that counts how many examples of each true class (rows) were taken for which class (columns).""",
        hints=("The class that an example is taken for is that of the largest activation.",),
        function="confusion",
        test=_counts,
        solution="""
import numpy as np


def confusion(A, labels):
    K = A.shape[1]
    counts = np.zeros((K, K), int)
    for true, said in zip(labels, A.argmax(axis=1)):
        counts[true, said] += 1
    return counts
""",
        why="One example adds one to the row of its label and the column of what was said.",
        wrong={
            "import numpy as np\n"
            "def confusion(A, labels):\n"
            "    counts = np.zeros((A.shape[1],) * 2, int)\n"
            "    counts[labels, A.argmax(axis=1)] += 1\n"
            "    return counts\n": "for 30 examples",
        },
    ),
)
