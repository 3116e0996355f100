"""The exercises of chapter 9: the sigmoid, and several labels."""

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
from tinygrad_edu.lectures.lecture import Graph, Lecture, typed
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor, name

__all__ = ["EXERCISES"]

_A = ops.sigmoid(2.0)


def _squares() -> Graph:
    z, y = Tensor([1.47, -0.39, 0.22], name="z"), Tensor([0.0, 1.0, 1.0], name="y")
    return Graph(ops.sum_squared_error(name(ops.sigmoid(z), "a"), y), z, Names({}, {}))


def _several_labels(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, k in ((1, 1), (5, 3)):
        Z, Y = rng.normal(size=(n, k)), rng.integers(2, size=(n, k)).astype(float)
        loss, gradient = student(Z, Y)
        wanted = ops.sigmoid_cross_entropy(Z, Y, reduction="sum") / n
        expect(f"for {n} examples and {k} labels, the loss", loss, wanted)
        expect("the gradient", gradient, (ops.sigmoid(Z) - Y) / n)
    loss, gradient = student(np.array([[1000.0, -1000.0]]), np.array([[0.0, 0.0]]))
    expect("for the logits 1000 and −1000 and no label, the loss", loss, 1000.0)
    expect("the gradient", gradient, [[1.0, 0.0]])


EXERCISES = (
    Number(
        "9.1",
        "Two pulls",
        statement=r"""One unit has the logit $z = 2$, and the target is $y = 0$. Give $\partial E/\partial z$ twice: for the
binary cross-entropy, and for $E = \tfrac12(a - y)^2$. Two decimals each.""",
        hints=(r"$a = \sigma(2)$ is about 0.88.", "The second has one factor more."),
        value=lambda: np.array([_A, _A * _A * (1 - _A)]),
        slips={
            "the second lacks the slope of the sigmoid": lambda: np.array([_A, _A]),
            "the second is the slope alone": lambda: np.array([_A, _A * (1 - _A)]),
        },
        why="The first is $a - y$. The second is $(a - y)\\,a(1 - a)$: nothing cancels the slope of the sigmoid.",
        wrong={"0.88, 0.88": "slope of the sigmoid", "0.88": "number of numbers"},
    ),
    Derivative(
        "9.2",
        "The squared error behind a sigmoid",
        statement=r"""Let $a = \sigma(z)$ and $E = \tfrac12\sum_k (a_k - y_k)^2$. Write $\partial E/\partial z$ in terms of $a$
and $y$.""",
        hints=(
            r"Each $z_k$ has one path to $E$, through $a_k$.",
            r"$\partial a/\partial z = a(1 - a)$.",
        ),
        of=Lecture("squares-behind-sigmoid", (), "", _squares),
        why=r"$\partial E/\partial a = a - y$, times the slope $a(1 - a)$ of the sigmoid.",
        wrong={"a − y": "chain factor", "(y − a) ⊙ a ⊙ (1 − a)": "sign"},
    ),
    Lines(
        "9.3",
        "Yes is 1, no is −1",
        statement=r"""Some texts code the targets as $y_k = 1$ and $y_k = -1$. Then the loss is
$L = \sum_k \log\big(1 + e^{-y_k z_k}\big)$. Derive $\partial L/\partial z_j$ in two lines or more, and end with a
form without $e^{-y_j z_j}$ in a numerator.""",
        hints=(
            r"Only the term $k = j$ contains $z_j$.",
            r"The derivative of $e^{-y_j z_j}$ by $z_j$ is $-y_j e^{-y_j z_j}$.",
            r"Divide numerator and denominator by $e^{-y_j z_j}$.",
        ),
        of=typed("Σ log(1 + exp(−y ⊙ z))", "z", {"z": [1.47, -0.39, 0.22], "y": [1.0, -1.0, 1.0]}),
        solution="""∂L/∂z_j = e^{−y_j z_j} (−y_j)/(1 + e^{−y_j z_j})
= −y_j/(1 + e^{y_j z_j})""",
        why=r"""The outer derivative is $1/(1 + e^{-y_j z_j})$, the inner one $-y_j e^{-y_j z_j}$. Both parts of the
fraction divided by $e^{-y_j z_j}$ give $-y_j/(1 + e^{y_j z_j}) = -y_j\,\sigma(-y_j z_j)$: the target times the
probability of the wrong answer.""",
        wrong={
            "∂L/∂z_j = e^{−y_j z_j}/(1 + e^{−y_j z_j})\n= 1/(1 + e^{y_j z_j})": "1. wrong",
            "∂L/∂z_j = −y_j e^{−y_j z_j}/(1 + e^{−y_j z_j})\n= −y_j/(1 + e^{−y_j z_j})": "2. wrong",
        },
    ),
    Implement(
        "9.4",
        "Several labels",
        statement=r"""Write `loss_and_gradient(Z, Y)` with NumPy for examples with several labels. `Z` holds logits and
`Y` zeros and ones, both of shape $(N, K)$. The loss of an example is the **sum** of the binary cross-entropies
of its labels. Return the **mean** over the examples, and its gradient by `Z`. Logits may be as large as 1000.""",
        hints=(
            r"$-y\log a - (1 - y)\log(1 - a) = \log(1 + e^z) - yz$.",
            r"$\log(1 + e^z) = \max(z, 0) + \log(1 + e^{-|z|})$, or `np.logaddexp(0, Z)`.",
        ),
        function="loss_and_gradient",
        test=_several_labels,
        solution="""
import numpy as np


def loss_and_gradient(Z, Y):
    loss = (np.logaddexp(0, Z) - Y * Z).sum() / len(Z)
    A = np.exp(-np.logaddexp(0, -Z))  # log σ(z) = −log(1 + e^(−z))
    return loss, (A - Y) / len(Z)
""",
        why=r"""Each label is a question of its own, so the gradient is $a - y$ entry by entry. The mean over
examples divides by $N$, not by $N\cdot K$.""",
        wrong={
            """import numpy as np
def loss_and_gradient(Z, Y):
    A = 1 / (1 + np.exp(-Z))
    return (-Y * np.log(A) - (1 - Y) * np.log(1 - A)).mean(), (A - Y) / Y.size
""": "for 5 examples and 3 labels, the loss",
        },
    ),
    Explain(
        "9.5",
        "A dog and a ball",
        statement=r"""A photo shows a dog and a ball, so its target is $(1, 1, 0)$. Why can a softmax layer not learn to
answer "surely a dog, and surely a ball"?""",
        hints=("What is the sum of the activations?",),
        ideas={
            "activations that sum to 1": r"sum(s|ming)? to (1|one)|add(s)? up|Σ ?a|total|distribution",
            "what one class gains and the others lose, or ½ for each": (
                r"½|0?\.5|half|halves|share|compet|at the (cost|expense)|lose|exclu|only one|both"
            ),
        },
        solution="""The activations of softmax sum to 1, so two labels have to share it: at best both get ½.
Sigmoids answer each question by itself.""",
        wrong={"Softmax is for classes.": "activations that sum to 1"},
    ),
)
