"""Softmax, cross-entropy and the layer below them."""

from __future__ import annotations

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.lectures.lecture import Pair, gradient, identity
from tinygrad_edu.tensor import Tensor, name

__all__: list[str] = []


def _logits() -> Tensor:
    return Tensor([1.47, -0.39, 0.22], name="z")


def _target() -> Tensor:
    return Tensor([0.0, 1.0, 0.0], name="y")


def _targets() -> Tensor:
    return Tensor(np.eye(3)[[1, 0, 2, 1]], name="Y")


def _loss(a: Tensor, y: Tensor) -> Tensor:
    loss: Tensor = name(-ops.sum(y * ops.log(a)), "L")
    return loss


@gradient("softmax-ce", ("A5", "A8", "B5"), "softmax and cross-entropy: a − y")
def _() -> Pair:
    z, y = _logits(), _target()
    e = name(ops.exp(z), "e")
    s = name(ops.sum(e), "s")
    a = name(e / s, "a")
    return _loss(a, y), z


@gradient("softmax-ce-batch", ("A11",), "mean cross-entropy of a mini-batch: (A − Y)/N")
def _() -> Pair:
    rows = [[1.47, -0.39, 0.22], [5.0, 6.0, 4.0], [0.9, 0.8, 1.1], [-2.0, 2.0, -3.0]]
    Z = Tensor(rows, name="Z")
    return name(ops.softmax_cross_entropy(Z, _targets()), "L"), Z


@gradient("softmax", ("B2",), "softmax alone: the Jacobian diag(a) − a aᵀ, times a vector g")
def _() -> Pair:
    z = _logits()
    return name(ops.softmax(z), "a"), z


@gradient("cross-entropy", ("B4",), "cross-entropy by the activations: −y/a")
def _() -> Pair:
    a = name(ops.softmax(_logits()), "a")
    return _loss(a, _target()), a


# --- one layer ------------------------------------------------------------------------------------


def _example() -> tuple[Tensor, Tensor, Tensor]:
    """Build z = Wx + b for one example, and its loss."""
    x = Tensor([5.1, 3.5], name="x")
    W = Tensor([[0.3, -0.2], [0.1, 0.4], [-0.5, 0.2]], name="W")
    b = Tensor([0.1, 0.0, -0.1], name="b")
    z = name(W @ x + b, "z")
    return _loss(name(ops.softmax(z), "a"), _target()), W, b


@gradient("layer-weights", ("B6",), "one layer z = Wx + b, by its weights: (a − y) xᵀ")
def _() -> Pair:
    L, W, _ = _example()
    return L, W


@gradient("layer-bias", ("B6",), "one layer z = Wx + b, by its bias: a − y")
def _() -> Pair:
    L, _, b = _example()
    return L, b


def _inputs() -> Tensor:
    return Tensor([[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [5.7, 2.8]], name="X")


def _weights() -> Tensor:
    return Tensor([[0.3, 0.1, -0.5], [-0.2, 0.4, 0.2]], name="W")


def _batch(transposed: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Build the layer for four examples: Z = XW + b, or with the rows of W as units Z = XWᵀ + b."""
    X, b = _inputs(), Tensor([0.1, 0.0, -0.1], name="b")
    W = Tensor(_weights().data.T if transposed else _weights().data, name="W")
    Z = name(X @ (W.T if transposed else W) + b, "Z")
    A = name(ops.softmax(Z), "A")
    return name(ops.cross_entropy(A, _targets()), "L"), W, b


@gradient("batch-weights", ("B6",), "the layer of a mini-batch Z = XW + b, by W: Xᵀ(A − Y)/N")
def _() -> Pair:
    L, W, _ = _batch()
    return L, W


@gradient("batch-bias", ("B6",), "the layer of a mini-batch Z = XW + b, by b: means of columns")
def _() -> Pair:
    L, _, b = _batch()
    return L, b


@gradient("batch-weights-rows", ("B6",), "the same with z = Wx, by W: (A − Y)ᵀX/N")
def _() -> Pair:
    L, W, _ = _batch(transposed=True)
    return L, W


def _regression() -> tuple[Tensor, Tensor]:
    W = _weights()
    H = name(ops.softmax(_inputs() @ W), "H")
    return ops.cross_entropy(H, _targets()), W


@gradient("softmax-regression", ("C3",), "softmax regression, what its update subtracts")
def _() -> Pair:
    J, W = _regression()
    return name(J, "J"), W


@gradient("softmax-regression-decay", ("C3",), "softmax regression with weight decay: + λW")
def _() -> Pair:
    J, W = _regression()
    return name(J + ops.weight_decay(W, Tensor(0.1, name="λ")), "J"), W


# --- the shift ------------------------------------------------------------------------------------


def _shifted() -> tuple[Tensor, Tensor, Tensor]:
    """Build softmax as it is computed, from z less its maximum."""
    z, y = _logits(), _target()
    c = name(ops.max(z), "c")
    e = name(ops.exp(z - c), "e")
    a = name(e / ops.sum(e), "a")
    return _loss(a, y), z, c


@gradient("stable-softmax-ce", ("C4",), "softmax of z − max z and cross-entropy: still a − y")
def _() -> Pair:
    L, z, _ = _shifted()
    return L, z


@gradient("softmax-shift", ("C4",), "softmax of z − c and cross-entropy, by the shift c: 0")
def _() -> Pair:
    L, _, c = _shifted()
    return L, c


@identity("softmax-is-sigmoid", ("C1",), "two classes with logits 0 and z: softmax is σ(z)")
def _() -> Pair:
    z = Tensor([1.47, -0.39, 0.22], name="z")
    two = ops.stack([np.zeros(3), z], axis=1)
    return ops.softmax(two)[:, 1], ops.sigmoid(z)


@identity("softmax-of-shifted", ("C4",), "softmax(z + c) = softmax(z)")
def _() -> Pair:
    z, c = _logits(), Tensor(10.0, name="c")
    return ops.softmax(z + c), ops.softmax(z)
