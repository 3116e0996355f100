"""The exercises of chapter 5: softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import (
    Blank,
    Explain,
    Implement,
    Lines,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import LECTURES, Graph, Lecture
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor, name

__all__ = ["EXERCISES"]

_LOGITS, _A = np.log([1.0, 2.0, 5.0]), np.array([0.5, 0.3, 0.2])


def _weighted() -> Graph:
    z, c = Tensor(_LOGITS, name="z"), np.array([0.3, -1.0, 2.0])
    e = ops.exp(z)
    s = name(ops.sum(e), "s")
    a = name(e / s, "a")
    return Graph(name(ops.sum(c * a), "L"), z, Names({"c": c}, {}))


def _row_wise(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, k in ((1, 2), (4, 3), (3, 3)):
        Z = rng.normal(size=(n, k))
        expect(f"for {n} × {k} logits, softmax(Z)", student(Z), ops.softmax(Z))
    large = np.array([[1000.0, 1001.0], [-1000.0, -1001.0]])
    expect(f"for the logits {large.tolist()}, softmax(Z)", student(large), ops.softmax(large))
    apart = np.array([[900.0, 900.0], [-900.0, -900.0]])
    expect(f"for the logits {apart.tolist()}, softmax(Z)", student(apart), np.full((2, 2), 0.5))


EXERCISES = (
    Number(
        "5.1",
        "Without a calculator",
        statement=r"The logits are $(0, \log 2, \log 5)$. Give the softmax to three decimals, in your head.",
        hints=(r"$e^{\log 5} = 5$.",),
        value=lambda: ops.softmax(_LOGITS),
        decimals=3,
        slips={
            "divide by the sum": lambda: np.exp(_LOGITS),
            "these are the logits divided by their sum; where is the exponential?": lambda: (
                _LOGITS / _LOGITS.sum()
            ),
        },
        why=r"The powers are 1, 2 and 5, with the sum 8: $\tfrac18, \tfrac28, \tfrac58$.",
        wrong={"1, 2, 5": "divide by the sum", "0, 0.301, 0.699": "exponential"},
    ),
    Number(
        "5.2",
        "Three of nine derivatives",
        statement=r"""The softmax gave $\mathbf a = (0.5, 0.3, 0.2)$. Give $\partial a_1/\partial z_1$, $\partial a_1/\partial z_2$ and
$\partial a_1/\partial z_3$.""",
        hints=("The first has $j = k$, the others have not.", "What must the three sum to?"),
        value=lambda: _A[0] * (np.eye(3)[0] - _A),
        slips={
            "in the second and third, the minus is missing": lambda: (
                _A[0] * (np.eye(3)[0] - _A) * [1, -1, -1]
            ),
            "only the diagonal has another form; the others are not 0": lambda: [0.25, 0.0, 0.0],
        },
        why=r"$a_1(1 - a_1) = 0.25$, $-a_1a_2 = -0.15$, $-a_1a_3 = -0.10$. They sum to 0, since a common shift changes nothing.",
        wrong={"0.25, 0.15, 0.10": "minus is missing", "0.25, 0, 0": "are not 0"},
    ),
    Blank(
        "5.3",
        "The quotient rule",
        statement=r"""Let $L = \sum_k c_k a_k$ with numbers $c_k$, $a_k = e^{z_k}/s$ and $s = \sum_i e^{z_i}$, so that
$L = \frac{\sum_k c_k e^{z_k}}{s}$. Differentiate the fraction by $z_j$, and fill the blanks.""",
        hints=(
            "The first blank is the numerator of the fraction.",
            r"In the second line, $\frac{e^{z_k}}{s} = a_k$ was used several times.",
        ),
        of=Lecture("", (), "a weighted sum of the softmax", _weighted),
        lines="∂L/∂z_j = (c_j e^{z_j} s − e^{z_j} □)/s^2\n= a_j (c_j − □)",
        solution="Σ_k c_k e^{z_k}\nΣ_k c_k a_k",
        why=r"""The numerator moves at the rate $c_j e^{z_j}$ and the denominator at the rate $e^{z_j}$. Divided by $s$, each
$e^{z_k}$ becomes $a_k$: the result is $a_j$ times how far $c_j$ is from the mean of all $c_k$.""",
        wrong={
            "Σ_k c_k e^{z_k}\nΣ_k c_k": "2. wrong",
            "c_j e^{z_j}\nΣ_k c_k a_k": "1. wrong",
        },
    ),
    Lines(
        "5.4",
        "On the way back",
        statement=r"""A gradient $g_k = \partial L/\partial a_k$ arrives at the softmax. Start from
$\frac{\partial L}{\partial z_j} = \sum_k g_k\, a_k (\delta_{kj} - a_j)$ and get to a product of $a_j$ and one bracket, in three lines.""",
        hints=("Multiply out, and let δ pick in one of the two sums.",),
        of=LECTURES["softmax"],
        least=3,
        solution="""∂L/∂z_j = Σ_k g_k a_k (δ_kj − a_j)
= g_j a_j − a_j Σ_k g_k a_k
= a_j (g_j − Σ_k a_k g_k)""",
        why="δ picks the term $k = j$ of the first sum; in the second $a_j$ does not depend on $k$ and leaves the sum.",
        wrong={
            "∂L/∂z_j = Σ_k g_k a_k (δ_kj − a_j)\n= g_j a_j − g_j a_j a_j\n= a_j g_j (1 − a_j)": "diagonal",
            "a_j (g_j − Σ_k a_k g_k)": "3 lines at least",
        },
    ),
    Implement(
        "5.5",
        "A softmax that holds",
        statement=r"""Write `softmax(Z)` with NumPy for a batch: a row of logits for each example, each row by itself. It has to be
right for logits such as 1000 and −1000, in one batch.""",
        hints=(
            "Shift by the largest logit of each *row*.",
            "`keepdims=True` keeps the maxima as a column.",
        ),
        function="softmax",
        test=_row_wise,
        solution="""
import numpy as np


def softmax(Z):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True)
""",
        why="With one maximum for the whole batch, a row that lies far below it would become 0/0.",
        wrong={
            """import numpy as np
def softmax(Z):
    E = np.exp(Z - Z.max())
    return E / E.sum(axis=1, keepdims=True)
""": "1000.0, 1001.0",
            """import numpy as np
def softmax(Z):
    E = np.exp(Z)
    return E / E.sum()
""": "for 4 × 3",
        },
    ),
    Explain(
        "5.6",
        "Off the diagonal",
        statement=r"""Somebody's softmax has the gradient $g_j\, a_j (1 - a_j)$ at the logits. What was forgotten, and how can one see
without a computer that it is wrong if all $g_k$ are equal?""",
        hints=("Through which node of the graph does $z_1$ reach $a_2$?",),
        ideas={
            "the paths through the sum": r"sum|denominator|other (classes|prob|entr|output|activ)|off.?diagonal|all",
            "that nothing should arrive": r"\b0\b|zero|nothing|no gradient|vanish",
        },
        solution="""The paths through the sum, by which each logit reaches all probabilities: the entries off the diagonal. The
probabilities always sum to 1, so if all g are equal the loss cannot move and the gradient must be 0; this one is not.""",
        wrong={"The formula of the sigmoid was used.": "the paths through the sum"},
    ),
)
