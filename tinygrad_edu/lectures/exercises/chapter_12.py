"""The exercises of chapter 12: norms and penalties."""

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
    MendRule,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import LECTURES, Graph, Lecture
from tinygrad_edu.naming import Names
from tinygrad_edu.tensor import Tensor, name

__all__ = ["EXERCISES"]


def _line() -> Graph:
    X, y, λ = np.arange(12.0).reshape(4, 3) / 7, np.array([1.0, 0.0, -1.0, 2.0]), np.array(0.3)
    w = Tensor([0.5, -1.0, 2.0], name="w")
    z = name(X @ w, "z")
    J = ops.sum_squared_error(z, y) + ops.weight_decay(w, λ)
    return Graph(J, w, Names({"X": X, "y": y, "λ": λ}, {}))


def _shrinking(student: Callable[..., Any]) -> None:
    w = np.array([3.0, -0.5, -2.0, 0.0, 1.0])
    before = w.copy()
    expect("shrink([3, −0.5, −2, 0, 1], 1)", student(w, 1.0), [2.0, 0.0, -1.0, 0.0, 0.0])
    expect("your w after the call, which should not have changed,", w, before)
    expect("shrink(w, 0)", student(w, 0.0), w)
    W = np.array([[0.3, -2.0], [5.0, -0.1]])
    expect("shrink of a matrix, by 0.2,", student(W, 0.2), [[0.1, -1.8], [4.8, 0.0]])


EXERCISES = (
    Number(
        "12.1",
        "Spring and push together",
        statement=r"""Where is $\tfrac12(w - 3)^2 + |w| + \tfrac12 w^2$ lowest? Give $w$ to two decimals.""",
        hints=("The minimum is at a positive w. What is the slope of |w| there?",),
        value=lambda: 1.0,
        slips={
            "this is the minimum without the push": lambda: 1.5,
            "this is the minimum without the spring": lambda: 2.0,
        },
        why="For $w > 0$ the slope is $w - 3 + 1 + w$, which is 0 at $w = 1$.",
        wrong={"1.5": "without the push", "2": "without the spring"},
    ),
    Lines(
        "12.2",
        "The gradient of a length",
        statement=r"""Let $L = \lVert z\rVert_2 = \sqrt{\sum_k z_k^2}$ for a $z$ that is not 0. Derive
$\partial L/\partial z_j$ in two lines or more, and end with $z_j$ over a length.""",
        hints=(
            r"The outer derivative of the root is $\frac12\big(\sum_k z_k^2\big)^{-1/2}$.",
            r"Only one term of the sum contains $z_j$.",
        ),
        of=LECTURES["norm"],
        solution="""∂L/∂z_j = ½ (Σ_k z_k²)^{−1/2} · 2 z_j
= z_j/√(Σ_k z_k²)
= z_j/‖z‖₂""",
        why="The chain rule, and the ½ of the root cancels the 2 of the square.",
        wrong={
            "∂L/∂z_j = ½ (Σ_k z_k²)^{−1/2} · 2 z_j\n= z_j": "2. wrong",
            "∂L/∂z_j = (Σ_k z_k²)^{−1/2} · 2 z_j\n= 2 z_j/‖z‖₂": "1. wrong",
        },
    ),
    Derivative(
        "12.3",
        "A line with a spring",
        statement=r"""For $J = \tfrac12\sum_n (z_n - y_n)^2 + \frac{\lambda}{2}\sum_i w_i^2$ with $z = Xw$, write
$\partial J/\partial w$.""",
        hints=(r"$\partial J/\partial z = z - y$, and from $z$ to $w$ leads $X^\top$.",),
        of=Lecture("line-with-a-spring", (), "", _line),
        why=r"$X^\top(Xw - y) + \lambda w$: the force of the data and the spring.",
        wrong={"Xᵀ(X w − y)": "suspect", "Xᵀ(X w − y) + 2 λ w": "suspect"},
    ),
    MendRule(
        "12.4",
        "A push without a kink",
        statement=r"""$\sqrt{x^2 + 1} - 1$ grows like $|x|$ far from 0, and like $\tfrac12 x^2$ near it. Its rule was copied
from $|x|$. Mend it.""",
        hints=("Near 0 it is a spring: its slope there is about x.",),
        function="soft_abs",
        at=([0.3, -1.2, 4.0],),
        broken="""
import numpy as np
import tinygrad_edu as tg


@tg.op(elementwise=True, rules=(lambda g, out, x: g * tg.sign(x),))
def soft_abs(x):
    return np.sqrt(x**2 + 1) - 1
""",
        solution="""
import numpy as np
import tinygrad_edu as tg


@tg.op(elementwise=True, rules=(lambda g, out, x: g * x / (out + 1),))
def soft_abs(x):
    return np.sqrt(x**2 + 1) - 1
""",
        why=r"The chain rule gives $\frac{1}{2\sqrt{x^2 + 1}}\,2x = x/\sqrt{x^2 + 1}$, and the root is `out + 1`.",
    ),
    Implement(
        "12.5",
        "Shrink",
        statement=r"""Write `shrink(w, threshold)` with NumPy: every entry of the array `w` moves towards 0 by
`threshold`, and stops at 0. `w` itself stays as it is.""",
        hints=("Treat sign and size by themselves.",),
        function="shrink",
        test=_shrinking,
        solution="""
import numpy as np


def shrink(w, threshold):
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)
""",
        why=r"This is where $\tfrac12(v - w)^2 + \text{threshold}\cdot|v|$ is lowest, entry by entry.",
        wrong={
            "import numpy as np\ndef shrink(w, threshold):\n    return w - threshold * np.sign(w)\n": "shrink([3",
        },
    ),
    Explain(
        "12.6",
        "A penalty is a belief",
        statement=r"""Your colleague says: "I do not believe in priors, I only use weight decay." What do you answer? And
what does a larger λ say about the belief?""",
        hints=("What is minus the logarithm of a normal density?",),
        ideas={
            "the normal prior that weight decay is": r"normal|gauss|prior",
            "the small deviation, or firm belief in small weights, of a large λ": (
                r"small|narrow|firm|strong|close to (0|zero)|near (0|zero)|σ|sigma|deviation|variance"
            ),
        },
        solution="""Weight decay is a prior: minus the logarithm of a normal density around 0. Since λ = σ²/σ₀², a
larger λ is a smaller deviation σ₀, a firmer belief that the weights are small.""",
        wrong={"That is fine.": "normal prior"},
    ),
)
