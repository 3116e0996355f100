"""The exercises of chapter 8: checking gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import Explain, Implement, MendRule, Number, expect

__all__ = ["EXERCISES"]


def _differences(student: Callable[..., Any]) -> None:
    x = np.array([[0.3, -1.2], [2.0, 0.5], [1.0, 4.0]])
    before = x.copy()
    expect("the gradient of Σ x³, within 1e-6,", student(lambda v: (v**3).sum(), x), 3 * x**2, 1e-6)
    expect("your x after the call, which should not have changed,", x, before)
    product = student(lambda v: v[0] * v[1], np.array([2.0, 5.0]))
    expect("the gradient of v[0]·v[1] at (2, 5), within 1e-6,", product, [5.0, 2.0], 1e-6)
    expect("the gradient of eˣ at 0, within 1e-8,", student(np.exp, np.array(0.0)), 1.0, 1e-8)


EXERCISES = (
    Number(
        "8.1",
        "A large step",
        statement=r"""Estimate the derivative of $f(x) = x^3$ at $x = 2$ by the central difference with $h = 0.1$.
Give two decimals.""",
        hints=(r"It is $\frac{2.1^3 - 1.9^3}{0.2}$.",),
        value=lambda: (2.1**3 - 1.9**3) / 0.2,
        slips={
            "this is the difference to one side": lambda: (2.1**3 - 2.0**3) / 0.1,
            "this is the derivative itself, not its estimate": lambda: 12.0,
            "the distance of the two points is 2h": lambda: (2.1**3 - 1.9**3) / 0.1,
        },
        why=r"""$(x+h)^3 - (x-h)^3 = 6x^2h + 2h^3$. Divided by $2h$ this is $3x^2 + h^2 = 12.01$: the error is
$h^2$, as Taylor's series says.""",
        wrong={"12.61": "to one side", "12.00": "derivative itself", "24.02": "2h"},
    ),
    Implement(
        "8.2",
        "A judge of your own",
        statement=r"""Write `differences(f, x)`: the gradient of the function `f` at the array `x` by central
differences. `f` takes an array of the shape of `x` and returns a number. The result has the shape of `x`,
which may be any, and `x` stays as it is.""",
        hints=(
            "Go through all entries by `np.ndindex(x.shape)`.",
            "Make a copy before you change an entry, or add a step to a copy of zeros.",
        ),
        function="differences",
        test=_differences,
        solution="""
import numpy as np


def differences(f, x, h=1e-5):
    gradient = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = h
        gradient[place] = (f(x + step) - f(x - step)) / (2 * h)
    return gradient
""",
        why=r"""Each entry is nudged by itself, with all others at rest. With $h = 10^{-5}$ both errors are small:
that of the curve is of the size of $h^2$, and that of rounding of the size of $10^{-16}/h$.""",
        wrong={
            """import numpy as np
def differences(f, x):
    return np.array([(f(x + 1e-5 * e) - f(x)) / 1e-5 for e in np.eye(len(x))])
""": "ValueError",
            """import numpy as np
def differences(f, x):
    g = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        x[i] += 1e-5
        up = f(x)
        x[i] -= 1e-5
        g[i] = (up - f(x)) / 1e-5
    return g
""": "the gradient of Σ x³",
        },
    ),
    MendRule(
        "8.3",
        "A vector of length 1",
        statement=r"""`unit(x)` divides a vector by its length, $u = x/\lVert x\rVert$. Its values are right, and the
gradient is not. Mend the rule.""",
        hints=(
            r"The length depends on every entry of $x$: how many paths lead from $x_j$ to $u_k$?",
            r"$\partial\lVert x\rVert/\partial x_j = x_j/\lVert x\rVert = u_j$.",
            r"$\partial u_k/\partial x_j = (\delta_{kj} - u_k u_j)/\lVert x\rVert$.",
        ),
        function="unit",
        at=([0.3, -1.2, 0.8],),
        broken="""
import numpy as np
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, x: g / tg.norm(x),))
def unit(x):
    return x / np.sqrt(np.sum(x**2))
""",
        solution="""
import numpy as np
import tinygrad_edu as tg


@tg.op(rules=(lambda g, out, x: (g - out * tg.sum(g * out)) / tg.norm(x),))
def unit(x):
    return x / np.sqrt(np.sum(x**2))
""",
        why=r"""The quotient rule has two terms. The first is there. The second comes from the length, which
depends on all entries: $-\frac{x_k}{\lVert x\rVert^2}\, u_j$. With $u_k = x_k/\lVert x\rVert$ they are
$(\delta_{kj} - u_k u_j)/\lVert x\rVert$, and the sum with $g_k$ is $(g_j - u_j\sum_k g_k u_k)/\lVert x\rVert$.""",
    ),
    Explain(
        "8.4",
        "The smaller the better?",
        statement=r"""A fellow student takes $h = 10^{-14}$ for a central difference, "to be exact". Why is the result
poor?""",
        hints=("How many digits does a floating-point number have?",),
        ideas={
            "rounding of the values": r"round|digit|precision|machine|floating|1e-16|10\^\{?-16",
            "the division by h, or the difference of nearly equal numbers": (
                r"divi|/ ?h|/ ?\(?2h|cancel|subtract|differ|almost equal|nearly|close"
            ),
        },
        solution="""The two values of f agree in almost all of their 16 digits, so their difference consists of
rounding errors of about 1e-16, and the division by 2e-14 makes these errors large.""",
        wrong={"Because h must not be too small.": "rounding"},
    ),
)
