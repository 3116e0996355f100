"""Equations of the lectures as recorded graphs: each has a name, and is built when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.tensor import Tensor, name

__all__ = ["LECTURES", "Lecture"]

Built = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Lecture:
    """An equation: what it is called, which lecture ids it shows, and how its graph is built.

    ``build()`` returns the output and what it is differentiated with respect to.
    """

    name: str
    ids: tuple[str, ...]
    title: str
    build: Callable[[], Built]


LECTURES: dict[str, Lecture] = {}


def _lecture(key: str, ids: tuple[str, ...], title: str) -> Callable[[Callable[[], Built]], None]:
    def enter(build: Callable[[], Built]) -> None:
        LECTURES[key] = Lecture(key, ids, title, build)

    return enter


def _vectors() -> tuple[Tensor, Tensor]:
    return Tensor([1.47, -0.39, 0.22], name="z"), Tensor([0.0, 1.0, 0.0], name="y")


def _batch() -> tuple[Tensor, Tensor]:
    rows = [[1.47, -0.39, 0.22], [5.0, 6.0, 4.0], [0.9, 0.8, 1.1], [-2.0, 2.0, -3.0]]
    return Tensor(rows, name="Z"), Tensor(np.eye(3)[[1, 0, 2, 1]], name="Y")


@_lecture("softmax-ce", ("A5", "A8", "B4", "B5"), "softmax and cross-entropy: a − y")
def _() -> Built:
    z, y = _vectors()
    e = name(ops.exp(z), "e")
    s = name(ops.sum(e), "s")
    a = name(e / s, "a")
    return name(-ops.sum(y * ops.log(a)), "L"), z


@_lecture("softmax-ce-batch", ("A11",), "mean cross-entropy of a mini-batch: (A − Y)/N")
def _() -> Built:
    Z, Y = _batch()
    return name(ops.softmax_cross_entropy(Z, Y), "L"), Z


@_lecture("softmax-temperature", ("D8",), "softmax with a temperature: (a − y)/T")
def _() -> Built:
    z, y = _vectors()
    T = Tensor(2.0, name="T")
    a = name(ops.softmax(z / T), "a")
    return name(-ops.sum(y * ops.log(a)), "L"), z


@_lecture("mse", ("A12",), "mean squared error: 2(h − y)/N")
def _() -> Built:
    h, y = Tensor([0.8, 0.1, 2.0], name="h"), Tensor([1.0, 0.5, 1.5], name="y")
    return name(ops.mean((h - y) ** 2), "L"), h


@_lecture("sse", ("D1",), "half the sum of squared errors: z − t")
def _() -> Built:
    z, t = Tensor([0.8, 0.1, 2.0], name="z"), Tensor([1.0, 0.5, 1.5], name="t")
    return name(0.5 * ops.sum((z - t) ** 2), "E"), z


@_lecture("sigmoid-ce", ("D3",), "sigmoid and binary cross-entropy: z − t")
def _() -> Built:
    s, t = Tensor([0.5, -1.2, 2.0], name="s"), Tensor([1.0, 0.0, 1.0], name="t")
    z = name(ops.sigmoid(s), "z")
    return name(-ops.sum(t * ops.log(z) + (1 - t) * ops.log(1 - z)), "E"), s


@_lecture("norm", ("A13",), "the Euclidean norm: z/‖z‖")
def _() -> Built:
    z = Tensor([3.0, -4.0, 12.0], name="z")
    return name(ops.sqrt(ops.sum(z**2)), "L"), z
