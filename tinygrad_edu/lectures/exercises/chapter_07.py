r"""The exercises of chapter 7; one of each kind, as a pattern.

How to add one: write it into ``EXERCISES`` of the module of its chapter (``chapter_09.py``; a new
module needs nothing but that tuple), the next number, and in the chapter
``show(exercise("9.1"))``. Run ``pytest tests/lectures/test_exercises.py -k 9.1``: it judges the
solution (right), each answer in ``wrong`` (wrong, with the words beside it in what is said), and looks
at its faces.

- ``statement``, ``hints``, ``why`` are markdown, formulas between ``$``, in raw strings. They say what
  is to be found, never which function of the library finds it.
- ``why`` is the worked solution: how one gets there. The answer itself is shown before it.
- ``of`` is a gradient: one of ``LECTURES``, or ``typed(formula, wrt, arrays)`` for any loss one can write
  down. ``assume=()`` asks for it without assumptions.
- A number is computed by ``value``, never typed in; ``slips`` names the mistakes one expects here.
- ``Implement`` takes a test that calls the student's function, and ``expect`` says what came and what
  was expected. ``MendRule`` takes the broken program. Programs import what they use, as files do.
- ``Explain`` names the ideas that an answer speaks of, each with a regular expression, case ignored;
  make it wide enough for all the words that students use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import (
    Blank,
    Derivative,
    Explain,
    Implement,
    Lines,
    MendRule,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import LECTURES, Graph, Lecture
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor, name

__all__ = ["EXERCISES"]

_Z, _Y = np.array([0.9, 0.8, 1.1]), np.array([0.0, 0.0, 1.0])


def _gradient_of_the_loss(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, k in ((1, 2), (4, 3)):
        Z, Y = rng.normal(size=(n, k)), np.eye(k)[rng.integers(k, size=n)]
        expect(f"for {n} × {k} logits, gradient(Z, Y)", student(Z, Y), (ops.softmax(Z) - Y) / n)
    large = student(np.array([[1000.0, 0.0]]), np.array([[0.0, 1.0]]))
    expect("for the logits 1000 and 0, gradient(Z, Y)", large, [[1.0, -1.0]])


def _squares() -> Graph:
    z, y = Tensor([1.47, -0.39, 0.22], name="z"), Tensor([0.0, 1.0, 0.0], name="y")
    return Graph(ops.sum_squared_error(name(ops.softmax(z), "a"), y), z, Names({}, {}))


EXERCISES = (
    Number(
        "7.1",
        "The gradient in numbers",
        statement=r"""The logits are $z = (0.90, 0.80, 1.10)$ and the third class is the right one.
Give $\partial L/\partial z$ to two decimals.""",
        hints=("The activations are about 0.32, 0.29 and 0.39.",),
        value=lambda: ops.softmax(_Z) - _Y,
        slips={"these are the activations; subtract the target": lambda: ops.softmax(_Z)},
        why="The gradient is $a - y$: the activations, with 1 subtracted at the right class.",
        wrong={
            "0.32, 0.29, 0.39": "subtract the target",
            "-0.32, -0.29, 0.61": "the sign is not",
            "0.32, 0.29": "the number of numbers",
        },
    ),
    Derivative(
        "7.2",
        "A temperature",
        statement=r"""Before the softmax, the logits are divided by a temperature: $a = \mathrm{softmax}(z/T)$,
and $L = -\sum_k y_k \log a_k$ with $\sum_k y_k = 1$. Write $\partial L/\partial z$ in terms of $a$, $y$ and $T$.""",
        hints=(r"With $u = z/T$ you know $\partial L/\partial u$.",),
        of=LECTURES["softmax-temperature"],
        why=r"$\partial L/\partial u = a - y$ for $u = z/T$, and $\partial u/\partial z = 1/T$ is one more factor.",
        wrong={"a − y": "chain factor", "(y − a)/T": "sign"},
    ),
    Lines(
        "7.3",
        "From the Jacobian to a − y",
        statement=r"""Start from $\frac{\partial L}{\partial z_j} = -\sum_k \frac{y_k}{a_k}\, a_k(\delta_{kj} - a_j)$ and get to
$a_j - y_j$ in three lines or more, one equation each.""",
        hints=(
            r"First cancel $a_k$.",
            r"Then split the sum: in one part $\delta_{kj}$ picks the term $k = j$.",
        ),
        of=LECTURES["softmax-ce"],
        least=3,
        solution="""∂L/∂z_j = −Σ_k y_k/a_k · a_k (δ_kj − a_j)
= −Σ_k y_k (δ_kj − a_j)
= a_j Σ_k y_k − y_j
= a_j − y_j""",
        why=r"""$a_k$ cancels. $\sum_k y_k \delta_{kj} = y_j$, since only the term $k = j$ is left. In the other part
$a_j$ does not depend on $k$, and $\sum_k y_k = 1$.""",
        wrong={
            "∂L/∂z_j = −Σ_k y_k (δ_kj − a_j)\n= a_j Σ_k y_k + y_j\n= a_j − y_j": "sign",
            "a_j − y_j": "3 lines at least",
        },
    ),
    Blank(
        "7.4",
        "Two lines by log-sum-exp",
        statement=r"""With $L = \log s - \sum_k y_k z_k$ and $s = \sum_k e^{z_k}$ the way is short. Fill the blanks.""",
        hints=(r"The derivative of $\log s$ is $\frac{1}{s}\frac{\partial s}{\partial z_j}$.",),
        of=LECTURES["softmax-ce"],
        lines="∂L/∂z_j = □/s − y_j\n= □ − y_j",
        solution="e^{z_j}\na_j",
        why=r"$\partial s/\partial z_j = e^{z_j}$: only one term of $s$ has $z_j$ in it. And $a_j = e^{z_j}/s$ by definition.",
        wrong={"e^{z_j}\n1": "2. wrong", "s\na_j": "1. wrong"},
    ),
    MendRule(
        "7.5",
        "The rule of softmax",
        statement=r"""Somebody wrote softmax for a vector with a rule of their own. Its results are right and its
gradient is not. Mend the rule.""",
        hints=(
            r"$\sum_k g_k\, \partial a_k/\partial z_j$ has $K$ terms. How many are in the rule?",
            r"$\partial a_k/\partial z_j = a_k(\delta_{kj} - a_j)$.",
        ),
        function="my_softmax",
        at=([0.3, -1.2, 0.8],),
        broken="""
import numpy as np
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, z: g * out * (1 - out),))
def my_softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)
""",
        solution="""
import numpy as np
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, z: out * (g - tg.sum(g * out)),))
def my_softmax(z):
    e = np.exp(z - np.max(z))
    return e / np.sum(e)
""",
        why=r"""$\sum_k g_k a_k(\delta_{kj} - a_j) = a_j\big(g_j - \sum_k g_k a_k\big)$. The rule kept the diagonal of the
Jacobian alone: each logit changes all activations.""",
    ),
    Implement(
        "7.6",
        "The gradient of a batch",
        statement=r"""Write `gradient(Z, Y)` with NumPy: for logits `Z` and one-hot targets `Y`, both of shape $(N, K)$,
the gradient of the **mean** cross-entropy by `Z`. Logits may be as large as 1000.""",
        hints=("Subtract from each row its largest logit before you use `np.exp`.",),
        function="gradient",
        test=_gradient_of_the_loss,
        solution="""
import numpy as np


def gradient(Z, Y):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return (E / E.sum(axis=1, keepdims=True) - Y) / len(Z)
""",
        why=r"$(A - Y)/N$. Softmax does not change if a number is subtracted from all logits of a row.",
        wrong={
            """import numpy as np
def gradient(Z, Y):
    E = np.exp(Z - Z.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True) - Y
""": "for 4 × 3 logits",
            "def gradient(Z, Y):\n    return np.exp(Z)": "NameError in line 2",
            "def grad(Z, Y): pass": "defines no gradient",
        },
    ),
    Lines(
        "7.7",
        "Where nothing cancels",
        statement=r"""Take the squared error behind a softmax: $E = \tfrac12\sum_k (a_k - y_k)^2$. Derive
$\partial E/\partial z_j$ through the Jacobian of softmax, and end without δ. Two lines or more.""",
        hints=(
            r"$\partial E/\partial a_k = a_k - y_k$.",
            r"$\frac{\partial E}{\partial z_j} = \sum_k (a_k - y_k)\, a_k(\delta_{kj} - a_j)$.",
            r"Split the sum: in one part δ picks $k = j$, in the other $a_j$ leaves the sum.",
        ),
        of=Lecture("squares-behind-softmax", (), "", _squares),
        solution="""∂E/∂z_j = Σ_k (a_k − y_k) a_k (δ_kj − a_j)
= a_j (a_j − y_j) − a_j Σ_k a_k (a_k − y_k)
= a_j (a_j − y_j − Σ_k a_k (a_k − y_k))""",
        why=r"""All is as with the cross-entropy, but $\partial E/\partial a_k$ has no $1/a_k$ that could cancel
the $a_k$ of softmax. So $a_j$ stays as a factor, and where $a_j$ is almost 0 the logit hardly moves, right or
wrong.""",
        wrong={
            "∂E/∂z_j = Σ_k (a_k − y_k) a_k (δ_kj − a_j)\n= a_j (a_j − y_j)": "2. wrong",
            "∂E/∂z_j = a_j − y_j\n= a_j − y_j": "1. wrong",
        },
    ),
    Explain(
        "7.8",
        "Where Σy = 1 is used",
        statement=r"""The last step to $a - y$ uses $\sum_k y_k = 1$. What is the gradient without it, and when would
that matter?""",
        hints=("Look at the line before the last.",),
        ideas={
            "the factor Σy that stays with a": r"Σ ?y|\\sum|sum of (the )?(y|targets)|a ?[·*⊙]",
            "targets that do not sum to 1": r"not (sum|add)|several|multi|weight|unnormali|other than 1|smooth",
        },
        solution="""It is a·Σy − y. It matters for targets that do not sum to 1, such as several labels at once
or examples with weights.""",
        wrong={"It would be the same.": "the factor Σy"},
    ),
)
