"""The exercises of chapter 17: an operation of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.check.gradcheck import gradcheck
from tinygrad_edu.lectures.exercises.exercise import Implement, Lines, MendRule, expect
from tinygrad_edu.lectures.lecture import typed

__all__ = ["EXERCISES"]


def _is_softsign(student: Callable[..., Any]) -> None:
    x = np.array([0.5, -2.0, 3.0, -0.1])
    expect("softsign(x)", student(x), x / (1 + np.abs(x)))
    report = gradcheck(student, x)
    assert report, f"the values are right, the rule is not: {'; '.join(map(str, report.blamed))}"


EXERCISES = (
    MendRule(
        "17.1",
        "A chain that is too short",
        statement=r"""Somebody declared $\mathrm{swish}(x) = x\,\sigma(x)$. Its values are right, its gradient is not. Mend the
rule.""",
        hints=(
            "It is a product: both factors depend on $x$.",
            r"$\sigma'(x) = \sigma(x)(1 - \sigma(x))$.",
        ),
        function="swish",
        at=([0.5, -1.3, 2.0],),
        broken="""
import numpy as np
import tinygrad_edu as tg


@tg.op(elementwise=True, rules=(lambda g, out, x: g * tg.sigmoid(x),))
def swish(x):
    return x / (1 + np.exp(-x))
""",
        solution="""
import numpy as np
import tinygrad_edu as tg


@tg.op(
    elementwise=True,
    rules=(lambda g, out, x: g * (tg.sigmoid(x) + out * (1 - tg.sigmoid(x))),),
)
def swish(x):
    return x / (1 + np.exp(-x))
""",
        why=r"$\frac{d}{dx}\,x\sigma(x) = \sigma(x) + x\,\sigma(x)(1 - \sigma(x))$, and $x\,\sigma(x)$ is `out`.",
    ),
    Implement(
        "17.2",
        "Declare one",
        statement=r"""Declare an operation `softsign` with `tg.op`, $\mathrm{softsign}(x) = \frac{x}{1 + |x|}$ for each entry, and
its rule.""",
        hints=(
            r"For $x > 0$ the derivative is $\frac{1}{(1 + x)^2}$. And for $x < 0$?",
            r"$\frac{1}{1 + |x|} = 1 - |\text{out}|$.",
        ),
        function="softsign",
        test=_is_softsign,
        solution="""
import numpy as np
import tinygrad_edu as tg


@tg.op(elementwise=True, rules=(lambda g, out, x: g * (1 - tg.abs(out)) ** 2,))
def softsign(x):
    return x / (1 + np.abs(x))
""",
        why=r"On both sides of 0 the derivative is $\frac{1}{(1 + |x|)^2}$.",
        wrong={
            "import numpy as np\nimport tinygrad_edu as tg\n"
            "@tg.op(elementwise=True, rules=(lambda g, out, x: g * (1 - out) ** 2,))\n"
            "def softsign(x):\n    return x / (1 + np.abs(x))\n": "the rule is not",
            "import numpy as np\ndef softsign(x):\n    return np.tanh(x)\n": "softsign(x)",
        },
    ),
    Lines(
        "17.3",
        "Through log and cosh",
        statement=r"""For $L = \sum_i \log\cosh r_i$ derive $\partial L/\partial r$ in two lines or more: first what the chain rule
gives, then its shortest form.""",
        hints=(r"$\frac{d}{dr}\cosh r = \sinh r$.",),
        of=typed("sum(log((exp(r) + exp(-r))/2))", "r", {"r": np.array([0.5, -2.0, 1.1])}),
        solution="∂L/∂r = sinh(r)/cosh(r)\n= tanh(r)",
        why=r"The outer derivative is $1/\cosh r$, the inner one $\sinh r$; the quotient is $\tanh r$.",
        wrong={"∂L/∂r = cosh(r)/sinh(r)\n= tanh(r)": "wrong", "tanh(r)": "2 lines at least"},
    ),
)
