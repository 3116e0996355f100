"""The exercises of chapter 16: curvature."""

from __future__ import annotations

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import Blank, Derivative, Explain, Number
from tinygrad_edu.lectures.lecture import LECTURES, typed

__all__ = ["EXERCISES"]

_RNG = np.random.default_rng(16)
_X, _Y, _W = _RNG.normal(size=(4, 2)), _RNG.normal(size=4), np.array([0.3, -0.8])

EXERCISES = (
    Number(
        "16.1",
        "One Newton step",
        statement=r"""Take $f(x) = x^4$ and start at $x = 3$. Where does one Newton step, $x - f'(x)/f''(x)$, lead? And where
the second? Give two numbers, to two decimals.""",
        hints=("$f'(x) = 4x^3$ and $f''(x) = 12x^2$.",),
        value=lambda: [2.0, 4 / 3],
        slips={
            "the step goes to the other side: subtract it": lambda: [4.0, 16 / 3],
            "this divides by the curvature of x², not of x⁴": lambda: [-51.0, 265251.0],
        },
        why=r"""$f'/f'' = x/3$, so each step leads to $\tfrac23 x$: to 2, then to 1.33. The minimum at 0 has no curvature,
so the number of right digits does not double here.""",
        wrong={"4, 5.33": "other side", "2": "number of numbers"},
    ),
    Derivative(
        "16.2",
        "Least squares",
        statement=r"""For $E = \tfrac12\sum_n\big((Xw)_n - y_n\big)^2$ write $\partial E/\partial w$. (Then look at it: what is the
Hessian, and does it depend on $w$?)""",
        hints=(r"With $r = Xw - y$ you know $\partial E/\partial r = r$.",),
        of=typed("sum((X @ w - y)**2)/2", "w", {"X": _X, "y": _Y, "w": _W}),
        why=r"""$X^\top(Xw - y)$. Differentiated once more it is $X^\top X$, without $w$: the loss is a paraboloid, and one
Newton step reaches its lowest point.""",
        wrong={"X^T (y − X w)": "sign", "2 X^T (X w − y)": "factor"},
    ),
    Blank(
        "16.3",
        "From a − y to the product with g",
        statement=r"""The gradient of the loss is $a - y$. For a vector $g$, its product with the Hessian is
$\sum_k g_k\,\partial(a_k - y_k)/\partial z_j$. Fill the blanks.""",
        hints=(r"$\partial a_k/\partial z_j = a_k(\delta_{kj} - a_j)$.",),
        of=LECTURES["hessian"],
        lines="Σ_k g_k a_k (□ − a_j)\n= a_j g_j − a_j □",
        solution="δ_kj\nΣ_k g_k a_k",
        why=r"The targets are constant, and $\delta_{kj}$ picks the term $k = j$.",
        wrong={"1\nΣ_k g_k a_k": "1. wrong", "δ_kj\nΣ_k a_k": "2. wrong"},
    ),
    Explain(
        "16.4",
        "Why not Newton?",
        statement="""A colleague trains a network of ten million weights and wants to use Newton's method, since it needs so few
steps. What do you say, and what could be done with products alone?""",
        hints=("How many entries does the Hessian have?",),
        ideas={
            "the size of the Hessian": r"10\^?\{?1[34]|n²|n\^2|squared|square|entries|memory|stor|terab|quadrat",
            "products with vectors": "product|hvp|conjugate|CG|two gradients|vector",
        },
        solution="""The Hessian has 10¹⁴ entries; it can be neither stored nor inverted. A product with a vector costs two
gradients, and conjugate gradients find an approximate Newton step with a few of them.""",
        wrong={"It is too large to store.": "products with vectors"},
    ),
)
