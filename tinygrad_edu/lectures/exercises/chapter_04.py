"""The exercises of chapter 4: output layers and losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import (
    Derivative,
    Explain,
    Implement,
    Lines,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import typed

__all__ = ["EXERCISES"]

_Z, _Y = np.array([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
_TARGETS = np.array([2.0, 3.0, 3.0, 7.0, 10.0])


def _absolute(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for shape in ((4,), (4, 2), (1, 3)):
        a, y = rng.normal(size=shape), rng.normal(size=shape)
        expect(f"for the shape {shape}, gradient(a, y)", student(a, y), np.sign(a - y) / a.size)


EXERCISES = (
    Number(
        "4.1",
        "One number for five",
        statement=r"""The targets are 2, 3, 3, 7 and 10, and the answer has to be the same number $c$ for all. Give the $c$ with
the least mean squared error, and the $c$ with the least mean absolute error.""",
        hints=("Set the derivative by $c$ to zero; for the absolute error count signs.",),
        value=lambda: [_TARGETS.mean(), np.median(_TARGETS)],
        decimals=0,
        slips={"these are exchanged": lambda: [np.median(_TARGETS), _TARGETS.mean()]},
        why=r"""$\sum_i 2(c - y_i)/N = 0$ gives the mean, 25/5 = 5. $\sum_i \operatorname{sign}(c - y_i) = 0$ wants as many
targets on both sides: the median, 3.""",
        wrong={"3, 5": "exchanged", "5, 5": "number 2"},
    ),
    Derivative(
        "4.2",
        "A price",
        statement=r"""A price has to be positive, so the last layer has the softplus: $a_k = \log(1 + e^{z_k})$. With
$L = \tfrac12 \sum_k (a_k - y_k)^2$, write $\partial L/\partial z$ in terms of $z$ and $y$ (and $\sigma$, if you like).""",
        hints=(
            r"First $\partial L/\partial a_k$, then the slope of the softplus.",
            r"The slope is $\frac{e^z}{1 + e^z}$. You know it under another name.",
        ),
        of=typed("sum((log(1+exp(z))-y)**2)/2", "z", {"z": _Z, "y": _Y}),
        why=r"""$\partial L/\partial a = a - y$, and the slope of the softplus is
$\frac{e^z}{1 + e^z} = \frac{1}{1 + e^{-z}} = \sigma(z)$.""",
        wrong={
            "log(1 + exp(z)) − y": "chain factor",
            "(log(1 + exp(z)) − y)/(1 + exp(z))": "exp(z)",
        },
    ),
    Lines(
        "4.3",
        "Binary cross-entropy",
        statement=r"""Let $E = -\sum_k \bigl(y_k \log a_k + (1 - y_k) \log (1 - a_k)\bigr)$. Find $\partial E/\partial a$, with one
fraction in the end, in two lines or more.""",
        hints=(
            r"The derivative of $\log(1 - a)$ is $-\frac{1}{1 - a}$.",
            "Bring both fractions to the denominator $a(1 - a)$; in the numerator $ya$ cancels.",
        ),
        of=typed("-sum(y*log(a)+(1-y)*log(1-a))", "a", {"a": np.array([0.3, 0.6, 0.2]), "y": _Y}),
        solution="""∂E/∂a = −y/a + (1 − y)/(1 − a)
= (−y(1 − a) + (1 − y)a)/(a(1 − a))
= (a − y)/(a(1 − a))""",
        why="Two minus signs make the second term positive: one stands before the sum, one comes from $1 - a$.",
        wrong={
            "∂E/∂a = −y/a − (1 − y)/(1 − a)\n= (a − y)/(a(1 − a))": "sign",
            "(a − y)/(a(1 − a))": "2 lines at least",
        },
    ),
    Explain(
        "4.4",
        "Three networks",
        statement="""Which activation do you give the last layer, and which loss do you take: (a) for how many degrees it will be
tomorrow, (b) for which of ten digits is in a picture, (c) for which of twenty tags fit a song?""",
        hints=("Ask first what may come out, and whether the answers exclude each other.",),
        ideas={
            "(a) no activation, with a squared or absolute error": r"none|no activation|without|linear|identity",
            "(b) softmax": r"softmax",
            "(c) sigmoids, with binary cross-entropy": r"sigmoid",
        },
        solution="""(a) No activation, since degrees may be negative; mean squared (or absolute) error. (b) Softmax over ten
classes, of which exactly one is right; categorical cross-entropy. (c) Twenty sigmoids, since any number of tags may fit;
binary cross-entropy for each.""",
        wrong={"Always softmax with cross-entropy.": "(a)"},
    ),
    Implement(
        "4.5",
        "Where 1/N goes",
        statement=r"""Write `gradient(a, y)` with NumPy: the gradient of the mean absolute error by `a`, for arrays of one shape.
The mean is over all entries.""",
        hints=("How many entries does an array of shape $(N, K)$ have?",),
        function="gradient",
        test=_absolute,
        solution="""
import numpy as np


def gradient(a, y):
    return np.sign(a - y) / a.size
""",
        why=r"Each term $|a - y|$ has the slope $\operatorname{sign}(a - y)$, and the mean divides by the number of entries.",
        wrong={
            "import numpy as np\ndef gradient(a, y):\n    return np.sign(a - y) / len(a)\n": "(4, 2)",
            "import numpy as np\ndef gradient(a, y):\n    return np.sign(a - y)\n": "for the shape",
        },
    ),
)
