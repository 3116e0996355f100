"""The exercises of chapter 3: vectors and Jacobians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.exercises.exercise import (
    Blank,
    Derivative,
    Implement,
    Lines,
    Number,
    expect,
)
from tinygrad_edu.lectures.lecture import typed
from tinygrad_edu.transforms import jacobian

__all__ = ["EXERCISES"]

_W, _X = np.array([[1.0, 2.0, 3.0], [0.0, 1.0, -1.0]]), np.array([1.0, -1.0, 2.0])
_TWO = np.array([0.5, -2.0])


def _table() -> Any:
    return jacobian(lambda x: ops.stack([x[0] ** 2 * x[1], x[0] + 3 * x[1]]))([2.0, 5.0])


def _layer(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    for n, inputs, outputs in ((1, 2, 3), (5, 3, 2), (4, 4, 4)):
        X, W, G = (
            rng.normal(size=shape) for shape in ((n, inputs), (inputs, outputs), (n, outputs))
        )
        by_x, by_w, by_b = student(X, W, G)
        expect(f"for {n} examples, the gradient by X", by_x, G @ W.T)
        expect(f"for {n} examples, the gradient by W", by_w, X.T @ G)
        expect(f"for {n} examples, the gradient by b", by_b, G.sum(axis=0))


EXERCISES = (
    Number(
        "3.1",
        "A Jacobian",
        statement=r"""Let $u_1 = x_1^2\, x_2$ and $u_2 = x_1 + 3 x_2$. Give the Jacobian at $\mathbf x = (2, 5)$, row by row: four numbers.""",
        hints=("A row for each output: first how $u_1$ moves with $x_1$, then with $x_2$.",),
        value=_table,
        decimals=0,
        slips={"this is the transpose: outputs belong in rows": lambda: _table().T},
        why=r"$\partial u_1/\partial x_1 = 2x_1x_2 = 20$ and $\partial u_1/\partial x_2 = x_1^2 = 4$; the second row is $(1, 3)$.",
        wrong={"20, 1, 4, 3": "the transpose", "20, 4": "the number of numbers"},
    ),
    Blank(
        "3.2",
        "Let δ pick",
        statement=r"""Let $L = \sum_k c_k z_k$ with $z_k = \sum_i W_{ki} x_i$ and numbers $c_k$. Fill the blanks of $\partial L/\partial x_j$.""",
        hints=(
            r"What is $\partial x_i/\partial x_j$?",
            r"In $\sum_i W_{ki}\, \delta_{ij}$ only the term with $i = j$ is left.",
        ),
        of=typed("sum(c*(W x))", "x", {"W": _W, "x": _X, "c": _TWO}),
        lines="∂L/∂x_j = Σ_k c_k Σ_i W_ki □\n= Σ_k c_k □",
        solution="δ_ij\nW_kj",
        why=r"$\partial x_i/\partial x_j = \delta_{ij}$, and δ picks $i = j$. As a product of matrices it is $W^\top \mathbf c$.",
        wrong={
            "δ_ij\nW_ki": "the free index is i",
            "x_i\nW_kj": "1. wrong",
            "∂x_i/∂x_j\nW_kj": "it remains",
        },
    ),
    Derivative(
        "3.3",
        "By the matrix",
        statement=r"""Let $\mathbf z = W \mathbf x$ and $L = \tfrac12 \sum_k z_k^2$. Write $\partial L/\partial W$ with $W$ and $\mathbf x$.""",
        hints=(
            r"First $\mathbf g = \partial L/\partial \mathbf z$.",
            r"Then $\mathbf g\, \mathbf x^\top$; it has the shape of $W$.",
        ),
        of=typed("sum((W x)**2)/2", "W", {"W": _W, "x": _X}),
        solution="W x xᵀ",
        why=r"$\mathbf g = \mathbf z = W\mathbf x$, so the gradient is $W \mathbf x\, \mathbf x^\top$, or $z_i x_j$ in indices.",
        wrong={"2 W x xᵀ": "factor", "−W x xᵀ": "sign", "W x": "shape"},
    ),
    Lines(
        "3.4",
        "Least squares",
        statement=r"""Let $L = \tfrac12 \sum_k \bigl(\sum_i A_{ki} x_i - b_k\bigr)^2$. Find $\partial L/\partial x_j$ in three lines or
more, and end with matrices and vectors, without indices.""",
        hints=(
            r"The outer square gives the factor $\sum_i A_{ki}x_i - b_k$; the inside moves with $x_j$ at the rate $\sum_i A_{ki}\delta_{ij}$.",
            r"A sum over $k$ of $A_{kj}$ times something is $A^\top$ times it.",
        ),
        of=typed("sum((A x - b)**2)/2", "x", {"A": _W, "x": _X, "b": np.array([1.0, 3.0])}),
        least=3,
        solution="""∂L/∂x_j = Σ_k (Σ_i A_ki x_i − b_k) Σ_i A_ki δ_ij
= Σ_k (Σ_i A_ki x_i − b_k) A_kj
= Aᵀ(A x − b)""",
        why="The 2 of the square cancels the ½, δ picks $i = j$, and what is left is a product of matrices.",
        wrong={
            "Σ_k (Σ_i A_ki x_i − b_k) A_kj\n= Aᵀ(A x + b)\n= Aᵀ A x + Aᵀ b": "2. wrong",
            "Aᵀ(A x − b)": "3 lines at least",
        },
    ),
    Implement(
        "3.5",
        "A layer, backward",
        statement=r"""For $Z = XW + \mathbf b$ with a row for each example, let `G` be the gradient that arrives at $Z$. Write
`backward(X, W, G)`, which returns the gradients by $X$, $W$ and $\mathbf b$.""",
        hints=(
            "Each gradient has the shape of what it belongs to.",
            r"$\partial L/\partial X_{nj} = \sum_k G_{nk} W_{jk}$.",
        ),
        function="backward",
        test=_layer,
        solution="""
def backward(X, W, G):
    return G @ W.T, X.T @ G, G.sum(axis=0)
""",
        why=r"$G W^\top$, $X^\top G$, and the rows of $G$ added up, since $\mathbf b$ is used once in every row.",
        wrong={
            "def backward(X, W, G):\n    return G @ W.T, X.T @ G, G.mean(axis=0)\n": "the gradient by b",
            "def backward(X, W, G):\n    return G @ W.T, X.T @ G, G\n": "the gradient by b",
        },
    ),
)
