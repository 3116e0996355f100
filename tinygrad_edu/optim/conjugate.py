"""Conjugate gradients: linear equations with a symmetric matrix that is only multiplied by."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.optim.solution import Path, Solution, Vector, plain
from tinygrad_edu.settings import count, number, unlike

__all__ = ["conjugate_gradients"]


@guided
def conjugate_gradients(
    product: Callable[[Any], Any] | NDArray[Any],
    b: ArrayLike,
    start: ArrayLike | None = None,
    *,
    tolerance: float = 1e-10,
    steps: int | None = None,
) -> Solution:
    r"""Solve A x = b: find the lowest point of the paraboloid ½ xᵀA x − bᵀx.

    Parameters
    ----------
    product : callable or ndarray of shape (n, n)
        From v to A v, of its shape, such as ``lambda v: tg.hvp(f, x, v)``; or A itself, which
        must be symmetric.
    b : array_like
        The right-hand side, of any shape.
    start : array_like, optional
        Where to begin, of the shape of `b`; by default at 0.
    tolerance : float, optional
        Stop when the residual b − A x is shorter than this share of b.
    steps : int, optional
        The most to take, by default as many as `b` has entries.

    Returns
    -------
    Solution
        With the residuals' norms; ``converged`` is False if the steps ran out, or if A is not
        positive definite along a search direction: the last point before is returned.

    Raises
    ------
    ValueError
        If `b` or a product is not finite or of another shape, or the matrix is not symmetric.
    TypeError
        If `product` is no function or array.

    Notes
    -----
    The search directions are conjugate, :math:`p_i^T A p_j = 0`, so that no step undoes another
    and without rounding n steps reach the exact minimum (Hestenes and Stiefel 1952).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import optim
    >>> optim.conjugate_gradients(np.array([[3.0, 1.0], [1.0, 2.0]]), [9.0, 8.0])
    Solution(value=-21, steps=2: the residual is as short as was asked for)
    """
    right = np.array(b, dtype=np.float64)
    multiply = _multiplication(product, right)
    limit = number("conjugate_gradients: tolerance", tolerance) * float(np.linalg.norm(right))
    most = right.size if steps is None else count("conjugate_gradients: steps", steps)
    path = Path()
    if start is None:
        x, residual = np.zeros(right.size), right.ravel()
    else:
        x = _like(start, right, "the start")
        residual = right.ravel() - multiply(x)
        path.products += 1
    return _descend(multiply, right, x, residual, limit, most, path)


def _descend(
    multiply: Callable[[Vector], Vector],
    right: Vector,
    x: Vector,
    residual: Vector,
    limit: float,
    most: int,
    path: Path,
) -> Solution:
    def form(x: Vector) -> Vector:
        return x.reshape(right.shape)

    direction, square = residual, float(residual @ residual)
    while True:
        norm = math.sqrt(square)
        path.add(x, -0.5 * float(x @ (right.ravel() + residual)), norm)
        if norm <= limit:
            return path.end(form, "the residual is as short as was asked for", True)
        if len(path.points) > most:
            return path.end(form, f"{most} steps were allowed, and the residual is {norm:.3g}")
        image = multiply(direction)
        path.products += 1
        curvature = float(direction @ image)
        if curvature <= 0:
            slope = curvature / float(direction @ direction)
            return path.end(
                form, f"the matrix is not positive definite: {slope:.3g} along a search direction"
            )
        length = square / curvature
        x = x + length * direction
        residual = residual - length * image
        before, square = square, float(residual @ residual)
        direction = residual + (square / before) * direction


def _multiplication(product: Any, right: Vector) -> Callable[[Vector], Vector]:
    """Return the product as a function of vectors, checked."""
    if not np.isfinite(right).all():
        raise ValueError("conjugate_gradients: b holds NaN or infinity")
    if isinstance(product, np.ndarray):
        matrix = product
        if matrix.shape != (right.size, right.size):
            raise ValueError(
                f"conjugate_gradients: a matrix of shape {matrix.shape} for {right.size} unknowns; "
                f"pass one of shape {(right.size, right.size)}"
            )
        if not np.allclose(
            matrix, matrix.T, rtol=1e-10, atol=1e-12 * np.abs(matrix).max(initial=0)
        ):
            raise ValueError(
                "conjugate_gradients: the matrix is not symmetric; solve AᵀA x = Aᵀb instead"
            )
        return lambda v: matrix @ v
    if not callable(product):
        mend = "pass a function that multiplies by the matrix, or the matrix as an array"
        raise unlike("conjugate_gradients: product", product, mend)
    return lambda v: _like(product(v.reshape(right.shape)), right, "the product")


def _like(given: Any, right: Vector, what: str) -> Vector:
    array = plain(given).astype(np.float64)
    if array.shape != right.shape:
        raise ValueError(
            f"conjugate_gradients: {what} has shape {array.shape} and b {right.shape}; make them "
            "equal"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"conjugate_gradients: {what} holds NaN or infinity")
    return array.ravel()
