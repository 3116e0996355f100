"""The exercises of chapter 11: softmax regression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import (
    Derivative,
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

_X, _A_MINUS_Y = np.array([2.0, -1.0]), np.array([0.5, -0.8, 0.3])


def _weighted() -> Graph:
    rng = np.random.default_rng(0)
    X, Y, c = rng.normal(size=(4, 2)), np.eye(3)[[0, 1, 2, 1]], np.array([1.0, 2.0, 0.5, 1.0])
    W = Tensor(rng.normal(size=(2, 3)), name="W")
    A = name(ops.softmax(name(X @ W, "Z")), "A")
    each = ops.cross_entropy(A, Y, reduction="none")
    return Graph(ops.mean(c * each), W, Names({"X": X, "Y": Y, "c": c}, {}))


def _training(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(30, 2)), rng.integers(3, size=30)
    X += 3 * np.array([[0, 1], [1, -1], [-1, -1]])[labels]
    Y = np.eye(3)[labels]
    W, b = np.zeros((2, 3)), np.zeros(3)
    for steps in range(1, 26):
        D = (ops.softmax(X @ W + b) - Y) / 30
        W, b = W - 0.5 * X.T @ D, b - 0.5 * D.sum(axis=0)
        if steps in (1, 25):
            got = student(X, Y, 0.5, steps)
            expect(f"W after {steps} steps", got[0], W)
            expect(f"b after {steps} steps", got[1], b)


EXERCISES = (
    Number(
        "11.1",
        "One flower",
        statement=r"""A flower $x = (2, -1)$ gets the activations $(0.5, 0.2, 0.3)$, and its target is $(0, 1, 0)$. For
$z = xW$, give $\partial L/\partial W$: two rows of three numbers, row by row, to one decimal.""",
        hints=("First compute $a - y$.", "Entry $ij$ is $x_i (a_j - y_j)$."),
        value=lambda: np.outer(_X, _A_MINUS_Y),
        decimals=1,
        slips={
            "this is the transpose; W has a row for each feature": lambda: np.outer(_A_MINUS_Y, _X),
            "these are activations times features; subtract the target": lambda: np.outer(
                _X, [0.5, 0.2, 0.3]
            ),
        },
        why="$a - y = (0.5, -0.8, 0.3)$. The first row is 2 times this, the second −1 times this.",
        wrong={
            "1.0, -0.5, -1.6, 0.8, 0.6, -0.3": "transpose",
            "1.0, 0.4, 0.6, -0.5, -0.2, -0.3": "subtract the target",
        },
    ),
    Lines(
        "11.2",
        "The bias",
        statement=r"""For $Z = XW + b$ and the mean cross-entropy of $N$ examples, $\partial L/\partial Z_{nk}$ is
$(A_{nk} - Y_{nk})/N$. Derive $\partial L/\partial b_j$ in two lines: first the sum over all paths from $b_j$ to
$L$, then without δ.""",
        hints=(
            r"There is a path through each $Z_{nk}$.",
            r"$\partial Z_{nk}/\partial b_j = \delta_{kj}$.",
        ),
        of=LECTURES["batch-bias"],
        solution="""∂L/∂b_j = Σ_n Σ_k (A_nk − Y_nk)/N · δ_kj
= Σ_n (A_nj − Y_nj)/N""",
        why=r"""$b_j$ is added to the logit of class $j$ of every example. So δ picks $k = j$, and the sum over the
examples stays: the gradient by $b$ is the mean of $A - Y$ over the rows.""",
        wrong={
            "∂L/∂b_j = Σ_n Σ_k (A_nk − Y_nk)/N · δ_kj\n= (A_nj − Y_nj)/N": "2.",
            "∂L/∂b_j = Σ_n Σ_k (A_nk − Y_nk) · δ_kj\n= Σ_n (A_nj − Y_nj)": "1. wrong",
        },
    ),
    Derivative(
        "11.3",
        "Flowers of different weight",
        statement=r"""Some examples count more than others: with numbers $c_n$,
$L = -\frac1N\sum_n c_n \sum_k Y_{nk}\log A_{nk}$, where $A = \mathrm{softmax}(XW)$ and the rows of $Y$ sum to 1. Write
$\partial L/\partial W$, or $\partial L/\partial W_{ij}$ with indices.""",
        hints=(
            r"$\partial L/\partial Z_{nj} = c_n (A_{nj} - Y_{nj})/N$: example $n$ occurs in its own loss only.",
            r"In matrix form, $\mathrm{diag}(c)\,M$ multiplies row $n$ of $M$ by $c_n$.",
        ),
        of=Lecture("weighted-examples", (), "", _weighted),
        solution="Σ_n X_ni c_n (A_nj − Y_nj)/N",
        why=r"""Each row of $A - Y$ is multiplied by its $c_n$ before the sum over examples:
$\sum_n X_{ni}\, c_n (A_{nj} - Y_{nj})/N$, or $X^\top\mathrm{diag}(c)(A - Y)/N$.""",
        wrong={
            "Xᵀ (A − Y)/N": "c was left out",
            "Σ_n X_ni c_n (A_nj − Y_nj)": "suspect",
        },
    ),
    Implement(
        "11.4",
        "Train it",
        statement=r"""Write `train(X, Y, rate, steps)` with NumPy: softmax regression by gradient descent on the mean
cross-entropy of all examples. `X` has shape $(N, D)$, `Y` holds one-hot rows of shape $(N, K)$. Start with zeros.
Return `W`, of shape $(D, K)$, and `b`, of shape $(K,)$, after so many steps.""",
        hints=(
            r"With $\Delta = (A - Y)/N$ the gradients are $X^\top\Delta$ and the sum of the rows of $\Delta$.",
            "Compute both gradients before you change W or b.",
        ),
        function="train",
        test=_training,
        solution="""
import numpy as np


def train(X, Y, rate, steps):
    W, b = np.zeros((X.shape[1], Y.shape[1])), np.zeros(Y.shape[1])
    for _ in range(steps):
        Z = X @ W + b
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        D = (E / E.sum(axis=1, keepdims=True) - Y) / len(X)
        W, b = W - rate * X.T @ D, b - rate * D.sum(axis=0)
    return W, b
""",
        why="Forward, gradient, step against the gradient; and again from forward.",
        wrong={
            """import numpy as np
def train(X, Y, rate, steps):
    W, b = np.zeros((X.shape[1], Y.shape[1])), np.zeros(Y.shape[1])
    for _ in range(steps):
        E = np.exp(X @ W + b)
        D = E / E.sum(axis=1, keepdims=True) - Y
        W, b = W - rate * X.T @ D, b - rate * D.sum(axis=0)
    return W, b
""": "W after 1 steps",
        },
    ),
    Explain(
        "11.5",
        "Two students, one data set",
        statement=r"""Anna minimises the sum of 200 losses with a rate of 0.001. Ben minimises their mean with a rate of
0.2. Both start with zeros and use all examples in each step. Whose loss falls faster?""",
        hints=("How long is the first step of each?",),
        ideas={
            "that both take the same steps": r"same|equal|neither|identical|no differen|both",
            "the factor N = 200 between the gradients": r"200|\bN\b|factor|times|1/N",
        },
        solution="""Neither: both take the same steps. The gradient of the sum is 200 times that of the mean, and
Anna's rate is 1/200 of Ben's.""",
        wrong={"Ben's, because his rate is larger.": "the same steps"},
    ),
)
