"""Errors of regression, norms, penalties and dropout."""

from __future__ import annotations

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.lecture import Named, Pair, gradient
from tinygrad_edu.tensor import Tensor, name

__all__: list[str] = []


def _regression() -> tuple[Tensor, Tensor]:
    return Tensor([0.8, 0.1, 2.0], name="h"), Tensor([1.0, 0.5, 1.5], name="y")


@gradient("mae", ("A12",), "mean absolute error: sign(h − y)/N")
def _() -> Pair:
    h, y = _regression()
    return name(ops.mean_absolute_error(h, y), "L"), h


@gradient("mse", ("A12",), "mean squared error: 2(h − y)/N")
def _() -> Pair:
    h, y = _regression()
    return name(ops.mean((h - y) ** 2), "L"), h


@gradient("mse-outputs", ("A12",), "mean squared error of several outputs: 2(H − Y)/(N·outputs)")
def _() -> Pair:
    H = Tensor([[45.2, -75.1], [48.9, 2.2], [52.4, 13.5]], name="H")
    Y = Tensor([[45.4, -75.7], [48.8, 2.3], [52.5, 13.4]], name="Y")
    return name(ops.mean_squared_error(H, Y), "L"), H


def _vector() -> Tensor:
    return Tensor([3.0, -4.0, 12.0], name="z")


@gradient("norm", ("A13",), "the Euclidean norm: z/‖z‖")
def _() -> Pair:
    z = _vector()
    return name(ops.sqrt(ops.sum(z**2)), "L"), z


@gradient("norm-1", ("A13",), "the ℓ1 norm: sign(z)")
def _() -> Pair:
    z = _vector()
    return name(ops.norm(z, 1), "L"), z


@gradient("norm-p", ("A13",), "the ℓp norm: sign(z)·|z|^(p−1)/‖z‖^(p−1)")
def _() -> Named:
    z, p = _vector(), np.array(3.0)
    return name(ops.norm(z, p), "L"), z, {"p": p}


@gradient("penalty", ("A14",), "mean absolute error with an ℓ1 and an ℓ2 penalty, by the weights")
def _() -> Pair:
    X = Tensor([[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [5.7, 2.8]], name="X")
    w, y = Tensor([0.5, -0.3], name="w"), Tensor([1.4, 1.6, 2.0, 2.5], name="y")
    α, β = Tensor(0.1, name="α"), Tensor(0.2, name="β")
    J = ops.mean_absolute_error(X @ w, y) + α * ops.l1(w) + β * ops.l2(w)
    return name(J, "J"), w


@gradient("dropout", ("A17",), "dropout: what comes in times mask/(1 − p)")
def _() -> Named:
    x, p = Tensor([0.5, -1.2, 2.0, 0.3, 1.1], name="x"), np.array(0.4)
    out = name(ops.dropout(x, p, np.random.default_rng(0)), "out")
    return out, x, {"p": p}
