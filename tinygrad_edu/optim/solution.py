"""What the second-order methods work on, and what they return."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.node import Node
from tinygrad_edu.optim.vectors import global_norm
from tinygrad_edu.settings import unlike
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import hessian, hvp, value_and_grad

__all__ = ["Objective", "Path", "Solution", "Vector", "descend", "plain"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Solution:
    """Where an iteration ended, by which path, and why.

    Attributes
    ----------
    x : ndarray or list of ndarray
        The end, in the form of the start.
    value : float
        The function's value there.
    steps : int
        How many steps were taken.
    converged : bool
        Whether the gradient, or residual, is as small as was asked for.
    reason : str
        Why it stopped, in a sentence.
    path : ndarray, shape (steps + 1, n)
        Every point, the start first; the entries of a list of arrays follow one another.
    values : ndarray, shape (steps + 1,)
        The function at each point.
    norms : ndarray, shape (steps + 1,)
        The norm of the gradient, or residual, at each point.
    products : int
        How many matrix-vector products it took.
    spent : ndarray of int, shape (steps + 1,)
        How many of them up to each point.
    """

    x: Any
    value: float
    steps: int
    converged: bool
    reason: str
    path: NDArray[np.float64]
    values: NDArray[np.float64]
    norms: NDArray[np.float64]
    products: int
    spent: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Solution(value={self.value:.6g}, steps={self.steps}: {self.reason})"


class Path:
    """The points of an iteration while it runs."""

    def __init__(self) -> None:
        self.points: list[Vector] = []
        self.values: list[float] = []
        self.norms: list[float] = []
        self.spent: list[int] = []
        self.products = 0

    def add(self, x: Vector, value: float, norm: float) -> None:
        """Enter a point."""
        self.points.append(x)
        self.values.append(value)
        self.norms.append(norm)
        self.spent.append(self.products)

    def end(self, form: Callable[[Vector], Any], reason: str, converged: bool = False) -> Solution:
        """Return the solution at the last point, its x in the form of the start."""
        return Solution(
            x=form(self.points[-1].copy()),
            value=self.values[-1],
            steps=len(self.points) - 1,
            converged=converged,
            reason=reason,
            path=np.array(self.points),
            values=np.array(self.values),
            norms=np.array(self.norms),
            products=self.products,
            spent=np.array(self.spent),
        )


class Objective:
    """A function of one array, or of a list of arrays, as a function of one vector.

    A list is a list of arrays if its members are arrays or Tensors, else it is one array.
    """

    def __init__(self, who: str, f: Callable[[Any], Any], start: Any) -> None:
        if not callable(f):
            raise unlike(f"{who}: f", f, "pass a function of one argument")
        self.who, self.f = who, f
        self._several = isinstance(start, list | tuple) and any(
            isinstance(each, Node | np.ndarray) for each in start
        )
        arrays = [_start(who, each) for each in (start if self._several else [start])]
        self._shapes = [array.shape for array in arrays]
        self._ends = np.cumsum([array.size for array in arrays]).tolist()
        self.start = np.concatenate([array.ravel() for array in arrays])
        value, gradient = self.value_and_gradient(self.start)
        if not (math.isfinite(value) and np.isfinite(gradient).all()):
            raise ValueError(
                f"{who}: at the start the value is {value:g}, the gradient's norm "
                f"{global_norm([gradient]):g}; start where both are finite"
            )

    def form(self, x: Any) -> Any:
        """Return a vector in the form of the start: an array or a list of them."""
        if not self._several:
            return x.reshape(self._shapes[0])
        begins = [0, *self._ends[:-1]]
        parts = zip(begins, self._ends, self._shapes, strict=True)
        return [x[begin:end].reshape(shape) for begin, end, shape in parts]

    def __call__(self, x: Any) -> Any:
        """Evaluate f at a vector, an array or a Tensor."""
        return self.f(self.form(x))

    def value(self, x: Vector) -> float:
        """The value, NaN outside of the domain."""
        with np.errstate(all="ignore"):  # a step may try points that it does not keep
            out = self(x)
        return float(plain(out).item())

    def value_and_gradient(self, x: Vector) -> tuple[float, Vector]:
        """The value and the gradient, as a vector."""
        with np.errstate(all="ignore"):
            value, gradient = value_and_grad(self)(x)
        return float(plain(value).item()), plain(gradient)

    def hessian(self, x: Vector) -> NDArray[np.float64]:
        """The Hessian at x."""
        return plain(hessian(self)(x))

    def curvature(self, x: Vector) -> Callable[[Vector], Vector]:
        """The product of the Hessian at x with a vector."""
        return lambda v: plain(hvp(self, x, v))


def descend(
    objective: Objective,
    advance: Callable[[Vector, float, Vector], Vector | str],
    limit: float,
    most: int,
    path: Path,
) -> Solution:
    """Advance from the start until the gradient is short, the steps run out, or a reason is given.

    ``advance(x, value, gradient)`` returns the next point, or why there is none.
    """
    x, form = objective.start, objective.form
    while True:
        value, gradient = objective.value_and_gradient(x)
        if value == -math.inf:
            return path.end(form, "the value falls without bound")
        if not (math.isfinite(value) and np.isfinite(gradient).all()):
            step = len(path.points)
            return path.end(form, f"step {step} leaves the domain of f; lower the rate")
        norm = global_norm([gradient])
        path.add(x, value, norm)
        if norm <= limit:
            return path.end(form, "the gradient is as short as was asked for", True)
        if len(path.points) > most:
            return path.end(
                form, f"{most} steps were allowed, and the gradient's norm is {norm:.3g}"
            )
        found = advance(x, value, gradient)
        if isinstance(found, str):
            return path.end(form, found)
        x = found


def plain(given: Any) -> NDArray[Any]:
    """Return the array of a Tensor, which results are where the function holds one."""
    return np.asarray(given.value if isinstance(given, Tensor) else given)


def _start(who: str, given: Any) -> Vector:
    array = np.array(plain(given))
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{who}: the start holds {array.dtype} values; pass real numbers")
    if not array.size:
        raise ValueError(f"{who}: the start has shape {array.shape}, so there is nothing to move")
    return array.astype(np.float64)
