"""Newton's method: with the whole Hessian, or with conjugate gradients on its products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.optim.conjugate import conjugate_gradients
from tinygrad_edu.optim.solution import Objective, Path, Solution, Vector, descend
from tinygrad_edu.optim.vectors import global_norm
from tinygrad_edu.settings import count, number

__all__ = ["newton", "newton_cg"]

_LARGEST = 2000  # entries of x for which a Hessian is stored: 32 MB


@guided
def newton(
    f: Callable[[Any], Any], start: Any, *, tolerance: float = 1e-8, steps: int = 100
) -> Solution:
    r"""Minimise a function: step to the lowest point of the paraboloid that fits it here.

    Parameters
    ----------
    f : callable
        From one array, or a list of arrays, to a number.
    start : array_like, or list of ndarray or Tensor
        Where to begin.
    tolerance : float, optional
        Stop when the gradient's norm is at most this.
    steps : int, optional
        The most to take.

    Returns
    -------
    Solution
        Its ``reason`` says whether the end is a minimum or a saddle point.

    Raises
    ------
    ValueError
        If the value or the gradient is not finite at the start, if there are too many entries
        for a Hessian, or a setting is out of range.
    TypeError
        If `f` is no function, or the start no real numbers.

    Notes
    -----
    :math:`x \leftarrow x - \alpha |H|^{-1} \nabla f`, where :math:`|H|` has the absolute
    eigenvalues of the Hessian: the same as H near a minimum, and downhill where H is indefinite
    (Dauphin et al. 2014). α = 1, halved until f falls enough (Armijo 1966).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> optim.newton(lambda x: tg.sum(tg.exp(x) - x), [1.0, -2.0])
    Solution(value=2, steps=...: the gradient is as short as was asked for, at a minimum)
    """
    objective, limit, most = _prepare("newton", f, start, tolerance, steps)
    if objective.start.size > _LARGEST:
        size = objective.start.size
        raise ValueError(
            f"newton: the Hessian of {size:,} parameters has {size**2:,} entries; use newton_cg, "
            "which only multiplies by it"
        )
    path = Path()

    def direction(x: Vector, gradient: Vector) -> Vector:
        path.products += x.size  # one for each row
        eigenvalues, vectors = np.linalg.eigh(_symmetric(objective.hessian(x)))
        size = np.abs(eigenvalues)
        size = np.maximum(size, 1e-10 * size.max() or 1.0)
        move: Vector = -vectors @ ((vectors.T @ gradient) / size)
        return move

    solution = descend(objective, _searched(objective, direction), limit, most, path)
    return solution if not solution.converged else _classified(solution, path, objective)


@guided
def newton_cg(
    f: Callable[[Any], Any], start: Any, *, tolerance: float = 1e-8, steps: int = 100
) -> Solution:
    r"""Minimise a function by Newton's method without storing a Hessian.

    Parameters
    ----------
    f : callable
        From one array, or a list of arrays, to a number.
    start : array_like, or list of ndarray or Tensor
        Where to begin.
    tolerance : float, optional
        Stop when the gradient's norm is at most this.
    steps : int, optional
        The most to take.

    Returns
    -------
    Solution
        ``products`` counts the products with the Hessian.

    Raises
    ------
    ValueError
        If the value or the gradient is not finite at the start, or a setting is out of range.
    TypeError
        If `f` is no function, or the start no real numbers.

    Notes
    -----
    Conjugate gradients solve H d = −∇f only as far as :math:`\min(1/2, \sqrt{\|\nabla f\|})` of
    its right-hand side, and end at a direction along which H is not positive: what was found up
    to there leads downhill (Nocedal and Wright 2006, algorithm 7.1). The step length is halved
    until f falls enough.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> optim.newton_cg(lambda x: tg.sum(tg.exp(x) - x), [1.0, -2.0])
    Solution(value=2, steps=...: the gradient is as short as was asked for)
    """
    objective, limit, most = _prepare("newton_cg", f, start, tolerance, steps)
    path = Path()

    def direction(x: Vector, gradient: Vector) -> Vector:
        share = min(0.5, math.sqrt(global_norm([gradient])))
        inner = conjugate_gradients(
            objective.curvature(x), -gradient, tolerance=share, steps=2 * x.size
        )
        path.products += inner.products
        return -gradient if inner.steps == 0 else inner.x

    return descend(objective, _searched(objective, direction), limit, most, path)


def _prepare(
    who: str, f: Callable[[Any], Any], start: Any, tolerance: float, steps: int
) -> tuple[Objective, float, int]:
    limit, most = number(f"{who}: tolerance", tolerance), count(f"{who}: steps", steps)
    return Objective(who, f, start), limit, most


def _searched(objective: Objective, direction: Callable[[Vector, Vector], Vector]) -> Any:
    """Go along directions that lead downhill, as far as the value falls enough."""

    def advance(x: Vector, value: float, gradient: Vector) -> Vector | str:
        move = direction(x, gradient)
        length = _step_length(objective, x, value, move, float(gradient @ move))
        if length == 0:
            return "no step lowers the value: it is flat up to rounding, or has a kink"
        return x + length * move

    return advance


def _step_length(
    objective: Objective, x: Vector, value: float, move: Vector, slope: float
) -> float:
    """Halve from 1 until f falls by 10⁻⁴ of what its slope promises; 0 if it never does."""
    rounding = 4 * float(np.finfo(float).eps) * abs(value)
    length = 1.0
    for _ in range(60):
        if objective.value(x + length * move) <= value + 1e-4 * length * slope + rounding:
            return length  # NaN, outside of the domain, is not below
        length /= 2
    return 0.0


def _symmetric(matrix: Any) -> Any:
    return (matrix + matrix.T) / 2


def _classified(solution: Solution, path: Path, objective: Objective) -> Solution:
    """Say of which kind a point without gradient is."""
    eigenvalues = np.linalg.eigvalsh(_symmetric(objective.hessian(solution.path[-1])))
    tiny = 1e-10 * float(np.abs(eigenvalues).max())
    if eigenvalues[0] >= -tiny:
        kind = "a minimum" if eigenvalues[0] > tiny else "a point that is flat in some direction"
        return path.end(objective.form, f"{solution.reason}, at {kind}", True)
    kind = "a maximum" if eigenvalues[-1] < -tiny else "a saddle point"
    return path.end(objective.form, f"the gradient is 0 at {kind}; start elsewhere")
