"""D12: conjugate gradients find the minimum of an n-dimensional paraboloid in n steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops, optim
from tinygrad_edu.experiments.experiment import COLOURS, Result, experiment, over_seeds, summary
from tinygrad_edu.transforms import hvp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Case", "run"]

Array = NDArray[np.float64]

_MOST = 100_000  # steps of steepest descent
_EXACT = 10  # dimensions up to which rounding takes no further step


class Case(NamedTuple):
    """One paraboloid ½ xᵀA x − bᵀx, its exact minimum, and how both methods went to it."""

    A: Array
    b: Array
    minimum: Array
    conjugate: optim.Solution
    steepest: Array

    @property
    def error(self) -> float:
        """How far from the minimum n steps of conjugate gradients end, as a share of its length."""
        path = self.conjugate.path
        away = np.linalg.norm(path[min(self.b.size, len(path) - 1)] - self.minimum)
        return float(away / np.linalg.norm(self.minimum))


@experiment("paraboloid", ("D12",), "conjugate gradients end after n steps in n dimensions")
def run(
    *,
    dimensions: tuple[int, ...] = (2, 5, 10, 20, 50),
    condition: float = 30.0,
    tolerance: float = 1e-10,
    seeds: int = 10,
    seed: int = 0,
) -> Result:
    """Descend into paraboloids with conjugate gradients, and with steepest descent.

    Parameters
    ----------
    dimensions : tuple of int, optional
        The numbers n; the first is drawn in the plane.
    condition : float, optional
        The largest curvature; the smallest is 1.
    tolerance : float, optional
        How short the residual shall be, as a share of its start.
    seeds, seed : int, optional
        How often directions and minima are drawn, and the first; the figure shows the first.

    Returns
    -------
    Result
        `every`, for each seed a dict from n to `Case`; `cases`, that of the first.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions, or the condition is below 1.

    Examples
    --------
    >>> from tinygrad_edu.experiments import paraboloid
    >>> paraboloid.run(dimensions=(2, 7), seeds=1).cases[7].conjugate.steps
    7
    """
    if not dimensions or min(dimensions) < 2:
        raise ValueError(f"paraboloid: dimensions = {list(dimensions)}; choose 2 or more")
    if not 1 <= condition < np.inf:
        raise ValueError(f"paraboloid: condition = {condition:g}; choose a finite one, at least 1")
    if not tolerance > 0:
        raise ValueError(f"paraboloid: tolerance = {tolerance:g}; choose tolerance > 0")

    def once(seed: int) -> dict[int, Case]:
        rng = np.random.default_rng(seed)
        return {n: _case(n, condition, tolerance, rng) for n in dimensions}

    every = over_seeds(once, seeds, seed)
    rows = {(n,): [one[n] for one in every] for n in dimensions}
    lines = (
        f"steps until the residual is {tolerance:g} of its start, "
        f"curvatures from 1 to {condition:g}\n\n"
        + summary(
            ("n",),
            rows,
            {
                "error after n steps": (lambda case: case.error, ".0e"),
                "conjugate gradients": (lambda case: case.conjugate.steps, ".1f"),
                "steepest descent": (lambda case: len(case.steepest) - 1, ".0f"),
            },
        )
        + "\n\nwithout rounding the error after n steps of conjugate gradients is 0"
    )

    def draw(plane: Any, residuals: Any) -> None:
        _draw_plane(plane, every[0][dimensions[0]])
        for n, case in every[0].items():
            shares = case.conjugate.norms / np.linalg.norm(case.b)
            residuals.semilogy(np.maximum(shares, 1e-17), "o-", markersize=3, label=f"n = {n}")
        label = "residual, as a share of b"
        residuals.set(title="conjugate gradients", xlabel="step", ylabel=label)
        residuals.legend()

    claims = {
        f"in n dimensions, up to n = {_EXACT}, conjugate gradients end after n steps": [
            all(case.conjugate.steps <= n for n, case in one.items() if n <= _EXACT)
            for one in every
        ],
        "steepest descent takes more steps in every number of dimensions": [
            all(len(case.steepest) - 1 > case.conjugate.steps for case in one.values())
            for one in every
        ],
    }
    return Result(lines, draw, claims, size=(4.6, 3.8), every=every, cases=every[0])


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
    names = "steepest descent", "conjugate gradients"
    for path, name, colour in zip(paths, names, COLOURS[1::-1], strict=True):
        axes.plot(*path.T, "o-", markersize=3, color=colour, label=name)
    axes.plot(*case.minimum[:2], "k+", markersize=10)
    which = "" if case.b.size == 2 else ", the first two coordinates"
    axes.set(title=f"n = {case.b.size}{which}", xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    axes.legend(loc="best", fontsize="small")


def _steepest(product: Callable[[Any], Any], b: Array, tolerance: float) -> Array:
    """Every point of steepest descent, each step as long as is best along its direction."""
    x, residual = np.zeros(b.size), b
    path = [x]
    while np.linalg.norm(residual) > tolerance * np.linalg.norm(b) and len(path) <= _MOST:
        image = product(residual)
        length = residual @ residual / (residual @ image)
        x, residual = x + length * residual, residual - length * image
        path.append(x)
    return np.array(path)


def _case(n: int, condition: float, tolerance: float, rng: np.random.Generator) -> Case:
    """Make a paraboloid that is the hardest for steepest descent: b has equal parts everywhere."""
    directions, _ = np.linalg.qr(rng.normal(size=(n, n)))
    curvatures = np.geomspace(1, condition, n)
    parts = rng.choice([-1.0, 1.0], n)
    A = (directions * curvatures) @ directions.T
    A = (A + A.T) / 2
    minimum, b = directions @ (parts / curvatures), directions @ parts

    def product(v: Any) -> Any:
        return hvp(lambda x: 0.5 * ops.sum(x * (A @ x)) - ops.sum(b * x), np.zeros(n), v)

    conjugate = optim.conjugate_gradients(product, b, tolerance=tolerance, steps=2 * n)
    return Case(A, b, minimum, conjugate, _steepest(product, b, tolerance))
