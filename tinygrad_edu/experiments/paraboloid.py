"""D12: conjugate gradients find the minimum of an n-dimensional paraboloid in n steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.conjugate import conjugate_gradients
from tinygrad_edu.optim.solution import Solution
from tinygrad_edu.transforms import hvp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Paraboloids", "run"]

_MOST = 100_000  # steps of steepest descent


class Case(NamedTuple):
    """One paraboloid ½ xᵀA x − bᵀx, its exact minimum, and how both methods went to it."""

    A: NDArray[np.float64]
    b: NDArray[np.float64]
    minimum: NDArray[np.float64]
    conjugate: Solution
    steepest: NDArray[np.float64]

    @property
    def error(self) -> float:
        """How far from the minimum n steps of conjugate gradients end, as a share of its length."""
        path = self.conjugate.path
        away = np.linalg.norm(path[min(self.b.size, len(path) - 1)] - self.minimum)
        return float(away / np.linalg.norm(self.minimum))


@dataclass(frozen=True, eq=False)
class Paraboloids(Result):
    """What happened in each number of dimensions.

    Attributes
    ----------
    condition, tolerance : float
        As they were given.
    cases : dict of int to Case
        By the number of dimensions.
    """

    condition: float
    tolerance: float
    cases: dict[int, Case]

    def table(self) -> str:
        """Write the steps of both methods, and how exact the end is."""
        rows = [
            (n, case.error, case.conjugate.steps, len(case.steepest) - 1)
            for n, case in self.cases.items()
        ]
        header = ("n", "error after n steps", "conjugate gradients", "steepest descent")
        steps = columns(header, rows, ("", ".1e", "", ""))
        return (
            f"steps until the residual is {self.tolerance:g} of its start, "
            f"curvatures from 1 to {self.condition:g}\n\n{steps}\n\n"
            "without rounding the error after n steps of conjugate gradients is 0"
        )

    def figure(self) -> Figure:
        """Draw the paths in the plane, and the residuals of every case."""
        figure, (plane, residuals) = panels(across=2, width=4.6, height=3.8)
        _draw_plane(plane, next(iter(self.cases.values())))
        for n, case in self.cases.items():
            shares = case.conjugate.norms / np.linalg.norm(case.b)
            residuals.semilogy(np.maximum(shares, 1e-17), "o-", markersize=3, label=f"n = {n}")
        residuals.set(
            title="conjugate gradients", xlabel="step", ylabel="residual, as a share of b"
        )
        residuals.legend()
        return figure


def _draw_plane(axes: Axes, case: Case) -> None:
    """Draw the first two coordinates: level lines with the others at the minimum, and paths."""
    paths = case.steepest[:, :2], case.conjugate.path[:, :2]
    low, high = (edge(np.concatenate(paths), axis=0) for edge in (np.min, np.max))
    half = 0.7 * max(high - low)
    x, y = (np.linspace(middle - half, middle + half, 120) for middle in (low + high) / 2)
    away = np.stack(np.meshgrid(x, y), axis=-1) - case.minimum[:2]
    height = 0.5 * np.einsum("...i,ij,...j", away, case.A[:2, :2], away)
    start = 0.5 * case.minimum @ case.A @ case.minimum
    axes.contour(x, y, height, levels=start * np.logspace(-3, 1, 9), colors="0.75", linewidths=0.8)
    for path, name, colour in zip(
        paths, ("steepest descent", "conjugate gradients"), COLOURS[1::-1], strict=True
    ):
        axes.plot(*path.T, "o-", markersize=3, color=colour, label=name)
    axes.plot(*case.minimum[:2], "k+", markersize=10)
    which = "" if case.b.size == 2 else ", the first two coordinates"
    axes.set(title=f"n = {case.b.size}{which}", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.legend(loc="best", fontsize="small")


def _steepest(
    product: Callable[[Any], Any], b: NDArray[np.float64], tolerance: float
) -> NDArray[np.float64]:
    """Every point of steepest descent, each step as long as is best along its direction."""
    x, residual = np.zeros(b.size), b
    path = [x]
    while np.linalg.norm(residual) > tolerance * np.linalg.norm(b) and len(path) <= _MOST:
        image = product(residual)
        length = residual @ residual / (residual @ image)
        x = x + length * residual
        residual = residual - length * image
        path.append(x)
    return np.array(path)


@experiment("paraboloid", ("D12",), "conjugate gradients end after n steps in n dimensions")
def run(
    *,
    dimensions: tuple[int, ...] = (2, 5, 10, 20, 50),
    condition: float = 30.0,
    tolerance: float = 1e-10,
    seed: int = 0,
) -> Paraboloids:
    """Descend into paraboloids with conjugate gradients, and with steepest descent.

    Parameters
    ----------
    dimensions : tuple of int, optional
        The numbers n; the first is drawn in the plane.
    condition : float, optional
        The largest curvature; the smallest is 1.
    tolerance : float, optional
        How short the residual shall be, as a share of its start.
    seed : int, optional
        For the directions of the curvatures and the place of the minimum.

    Returns
    -------
    Paraboloids
        Both paths in every case.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions, or the condition is below 1.

    Examples
    --------
    >>> from tinygrad_edu.experiments import paraboloid
    >>> paraboloid.run(dimensions=(2, 7)).cases[7].conjugate.steps
    7
    """
    if not dimensions or min(dimensions) < 2:
        raise ValueError(f"paraboloid: dimensions = {list(dimensions)}; choose 2 or more")
    if not 1 <= condition < np.inf:
        raise ValueError(f"paraboloid: condition = {condition:g}; choose a finite one, at least 1")
    if not tolerance > 0:
        raise ValueError(f"paraboloid: tolerance = {tolerance:g}; choose tolerance > 0")
    rng = np.random.default_rng(seed)
    cases = {n: _case(n, condition, tolerance, rng) for n in dimensions}
    return Paraboloids(condition, tolerance, cases)


def _case(n: int, condition: float, tolerance: float, rng: np.random.Generator) -> Case:
    """Make a paraboloid that is the hardest for steepest descent: b has equal parts everywhere."""
    directions, _ = np.linalg.qr(rng.normal(size=(n, n)))
    curvatures = np.geomspace(1, condition, n)
    parts = rng.choice([-1.0, 1.0], n)
    A = (directions * curvatures) @ directions.T
    A = (A + A.T) / 2
    minimum, b = directions @ (parts / curvatures), directions @ parts

    def f(x: Any) -> Any:
        return 0.5 * ops.sum(x * (A @ x)) - ops.sum(b * x)

    def product(v: Any) -> Any:
        return hvp(f, np.zeros(n), v)

    return Case(
        A=A,
        b=b,
        minimum=minimum,
        conjugate=conjugate_gradients(product, b, tolerance=tolerance, steps=2 * n),
        steepest=_steepest(product, b, tolerance),
    )
