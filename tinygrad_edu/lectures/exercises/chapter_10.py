"""The exercises of chapter 10: stability."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import (
    Blank,
    Explain,
    Implement,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import Graph, Lecture
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor, name

__all__ = ["EXERCISES"]


def _shifted() -> Graph:
    z, m = Tensor([1.47, -0.39, 0.22], name="z"), Tensor(1.0, name="m")
    y = Tensor([0.0, 1.0, 0.0], name="y")
    s = name(ops.sum(ops.exp(z - m)), "s")
    a = ops.softmax(z)
    return Graph(ops.log(s) + m - ops.sum(y * z), z, Names({"a": a}, {}))


def _log_softmax(student: Callable[..., Any]) -> None:
    Z = np.random.default_rng(0).normal(size=(4, 3))
    before = Z.copy()
    expect("for 4 × 3 logits, log_softmax(Z)", student(Z), ops.log_softmax(before))
    expect("your Z after the call, which should not have changed,", Z, before)
    rows = np.array([[1000.0, 0.0, 0.0], [-1000.0, -1001.0, -1000.0]])
    expect("for rows with 1000 and −1000, log_softmax(Z)", student(rows), ops.log_softmax(rows))


def _log_sigmoid(student: Callable[..., Any]) -> None:
    for z in (0.0, 1.0, -3.0, 800.0, -800.0):
        expect(f"log_sigmoid([{z}])", student(np.array([z])), -np.logaddexp(0, [-z]))
    small = student(np.array([40.0]))
    expect("log_sigmoid([40]), in units of −e⁻⁴⁰,", np.asarray(small) / -np.exp(-40.0), [1.0])


EXERCISES = (
    Number(
        "10.1",
        "A sum of giants",
        statement=r"""Compute $\log(e^{1000} + e^{1000} + e^{1000})$ to two decimals, without a calculator that knows
large numbers.""",
        hints=(r"Take $e^{1000}$ out of the sum.",),
        value=lambda: ops.logsumexp(np.full(3, 1000.0)),
        slips={
            "log is not linear: this is the sum of the exponents": lambda: 3000.0,
            "the three terms are one here": lambda: 1000.0,
        },
        why=r"$\log(3\, e^{1000}) = 1000 + \log 3 = 1001.10$. This is the shift by the maximum.",
        wrong={"3000": "log is not linear", "1000": "three terms"},
    ),
    Blank(
        "10.2",
        "The shift in the gradient",
        statement=r"""Here $L = \log s + m - \sum_k y_k z_k$ with $s = \sum_k e^{z_k - m}$ and a number $m$ that is held
fixed. Fill the blanks. ($a$ is the softmax of $z$.)""",
        hints=(r"Only one term of $s$ contains $z_j$.",),
        of=Lecture("shifted-log-sum-exp", (), "", _shifted),
        lines="∂L/∂z_j = □/s − y_j\n= e^{z_j}/□ − y_j\n= □ − y_j",
        solution="e^{z_j − m}\nΣ_k e^{z_k}\na_j",
        why=r"""$\partial s/\partial z_j = e^{z_j - m}$. Then $e^{-m}$ cancels above and below, and the shift is gone:
it changes how the loss is computed, and neither its value nor its gradient.""",
        wrong={
            "e^{z_j}\nΣ_k e^{z_k}\na_j": "1. wrong",
            "e^{z_j − m}\ns\na_j": "2. wrong",
        },
    ),
    Implement(
        "10.3",
        "The logarithm of softmax",
        statement=r"""Write `log_softmax(Z)` with NumPy: the logarithm of softmax for each row of `Z`, for logits of any
size.""",
        hints=(
            "Subtract from each row its largest entry, with `keepdims=True`.",
            "Do not compute softmax on the way.",
        ),
        function="log_softmax",
        test=_log_softmax,
        solution="""
import numpy as np


def log_softmax(Z):
    shifted = Z - Z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
""",
        why=r"""$\log a_k = z_k - \log\sum_i e^{z_i}$, and both terms may be shifted by the maximum. The sum is at least
1, so its logarithm is safe.""",
        wrong={
            """import numpy as np
def log_softmax(Z):
    return Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
""": "for rows with 1000",
            """import numpy as np
def log_softmax(Z):
    Z -= Z.max(axis=1, keepdims=True)
    return Z - np.log(np.exp(Z).sum(axis=1, keepdims=True))
""": "should not have changed",
        },
    ),
    Implement(
        "10.4",
        "The logarithm of a sigmoid",
        statement=r"""Write `log_sigmoid(z)` with NumPy: $\log\sigma(z)$ for an array of any numbers, right to nine digits
for $z = -800$ and for $z = 40$, too.""",
        hints=(
            r"$\log\sigma(z) = -\log(1 + e^{-z})$.",
            r"For $z = 40$ the sum $1 + e^{-z}$ is rounded to 1. `np.log1p(x)` computes $\log(1 + x)$ without it.",
            "For negative z take the larger part out of the sum.",
        ),
        function="log_sigmoid",
        test=_log_sigmoid,
        solution="""
import numpy as np


def log_sigmoid(z):
    return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
""",
        why=r"""For $z \ge 0$ it is $-\log(1 + e^{-z})$. For $z < 0$, $\log(1 + e^{-z}) = -z + \log(1 + e^z)$. Both are
$\min(z, 0) - \log(1 + e^{-|z|})$, where the exponential is at most 1.""",
        wrong={
            "import numpy as np\ndef log_sigmoid(z):\n    return -np.log(1 + np.exp(-z))\n": "log_sigmoid",
            "import numpy as np\ndef log_sigmoid(z):\n    return np.minimum(z, 0) - np.log(1 + np.exp(-np.abs(z)))\n": "units of",
        },
    ),
    Explain(
        "10.5",
        "Something tiny in the logarithm",
        statement=r"""On a forum somebody mends a NaN by `-np.log(a + 1e-9)`. The NaN is gone. What is still wrong, and
what would you do instead?""",
        hints=("What is the derivative of this by the logits, if a is 1e-20?",),
        ideas={
            "the gradient, which vanishes": r"gradient|derivative|slope|pull|learn|vanish|stops?\b|stuck|flat",
            "log-softmax, or a loss that takes logits": (
                r"log.?softmax|logit|logsumexp|log.?sum.?exp|max|shift|fused|cross.?entropy"
            ),
        },
        solution="""Where the network is sure and wrong, a is far below 1e-9. The loss is flat there, its gradient
is almost 0, and nothing is learnt. Compute the logarithm of softmax from the logits, z − max − log Σ, or use
the loss that takes logits.""",
        wrong={"Nothing is wrong with it.": "gradient"},
    ),
)
