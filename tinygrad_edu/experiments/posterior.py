"""D10: weight decay is a Gaussian prior; the lowest point of its loss is the posterior mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops, optim
from tinygrad_edu.experiments.experiment import (
    COLOURS,
    Result,
    columns,
    descend,
    experiment,
)
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import hessian

__all__ = ["run"]

Array = NDArray[np.float64]


@experiment("posterior", ("D10",), "weight decay finds the posterior mean of a Gaussian prior")
def run(
    *,
    degree: int = 5,
    examples: int = 12,
    noise: float = 0.2,
    prior: float = 1.0,
    steps: int = 2000,
    seed: int = 0,
) -> Result:
    r"""Fit a polynomial with a Gaussian prior on its weights, in closed form and by descent.

    Parameters
    ----------
    degree : int, optional
        Of the polynomial.
    examples : int, optional
        How many points of a sine are known.
    noise : float, optional
        The standard deviation σ of their noise.
    prior : float, optional
        The standard deviation σ₀ of the prior.
    steps : int, optional
        Of gradient descent.
    seed : int, optional
        For the noise and the places.

    Returns
    -------
    Result
        `decay`, λ = σ²/σ₀²; the posterior's `mean` and `covariance` in closed form; `estimates`,
        what minimises −log posterior, and what minimises ½Σ(z−t)² + (λ/2)Σw², by Newton–CG and by
        gradient descent; `errors`, how far each is from the mean, at most; `curvature`, the
        Hessian of −log posterior; `priors`, other σ₀ from narrow to wide, and `shrunk`, the
        means that go with them; the data `x` and `t`.

    Raises
    ------
    ValueError
        If there is no example, a negative degree, or a standard deviation that is not positive.

    Notes
    -----
    The posterior is Gaussian with mean :math:`(X^TX + \lambda I)^{-1}X^Tt` and covariance
    :math:`\sigma^2(X^TX + \lambda I)^{-1}`, where :math:`\lambda = \sigma^2/\sigma_0^2`
    (Bishop 2006, section 3.3).

    Examples
    --------
    >>> from tinygrad_edu.experiments import posterior
    >>> max(posterior.run().errors.values()) < 1e-8
    True
    """
    if examples < 1 or degree < 0:
        raise ValueError(
            f"posterior: {examples} examples and degree {degree}; choose examples ≥ 1, degree ≥ 0"
        )
    for what, value in (("noise", noise), ("prior", prior)):
        if not 0 < value < np.inf:
            raise ValueError(f"posterior: {what} = {value:g}; choose {what} > 0")
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, examples))
    t = np.sin(np.pi * x) + rng.normal(0, noise, examples)
    powers = np.arange(degree + 1)
    X: Array = x[:, None] ** powers
    decay, start = noise**2 / prior**2, np.zeros(degree + 1)

    def surprise(w: Any) -> Any:
        return ops.sum_squared_error(X @ w, t) / noise**2 + ops.sum(w**2) / (2 * prior**2)

    def loss(w: Any) -> Any:
        return ops.sum_squared_error(X @ w, t) + ops.weight_decay(w, decay)

    def closed_form(width: float) -> tuple[Array, NDArray[Any]]:
        inverse = np.linalg.inv(X.T @ X + (noise / width) ** 2 * np.eye(degree + 1))
        return inverse @ (X.T @ t), noise**2 * inverse

    mean, covariance = closed_form(prior)
    estimates = {
        "−log posterior": optim.newton_cg(surprise, start, tolerance=1e-9).x,
        "decay, Newton–CG": optim.newton_cg(loss, start, tolerance=1e-11).x,
        "decay, descent": _descent(loss, start, np.linalg.eigvalsh(X.T @ X) + decay, steps),
    }
    errors = {name: float(np.abs(w - mean).max()) for name, w in estimates.items()}
    curvature = hessian(surprise)(start)
    priors = prior * np.geomspace(0.01, 100, 41)
    shrunk = np.array([closed_form(width)[0] for width in priors])
    deviations = np.sqrt(np.diag(covariance))
    header = ("weight of", "posterior mean", "± σ", *estimates)
    values = zip(powers, mean, deviations, *estimates.values(), strict=True)
    weights = [(f"x^{i}", *row) for i, *row in values]
    lines = (
        f"σ = {noise:g}, σ₀ = {prior:g}, so λ = σ²/σ₀² = {decay:g}\n\n"
        f"{columns(header, weights, ('', *['.8f'] * (len(header) - 1)))}\n"
    )

    def draw(fit: Any, weights: Any) -> None:
        grid = np.linspace(x.min() - 0.1, x.max() + 0.1, 200)
        rows = grid[:, None] ** powers
        middle = rows @ mean
        spread = 2 * np.sqrt(np.einsum("ni,ij,nj->n", rows, covariance, rows))
        likely = np.linalg.lstsq(X, t, rcond=None)[0]
        fit.fill_between(
            grid, middle - spread, middle + spread, alpha=0.2, linewidth=0, label="± 2σ"
        )
        fit.plot(grid, middle, color=COLOURS[0], label="posterior mean")
        fit.plot(grid, rows @ likely, "--", color=COLOURS[1], label="without prior")
        fit.plot(x, t, "ko", markersize=4, label="data")
        margin = 0.5 * np.ptp(t)
        fit.set(title="fit", xlabel="x", ylabel="z", ylim=(t.min() - margin, t.max() + margin))
        fit.legend(fontsize="small")
        for i, weight in enumerate(shrunk.T):
            weights.semilogx(priors, weight, label=f"$x^{i}$")
        weights.axvline(prior, color="black", linewidth=0.8, linestyle=":")
        weights.set(title="the prior as a spring", xlabel="σ₀, the prior's width", ylabel="weight")
        weights.legend(fontsize="small", ncols=2)

    claims = {
        f"{name} ends in the posterior mean (within {error:.0e})": [error < 1e-8]
        for name, error in errors.items()
    }
    inverse = np.abs(np.linalg.inv(curvature) - covariance).max()
    claims[f"the inverse Hessian is the posterior covariance (within {inverse:.0e})"] = [
        bool(inverse < 1e-8)
    ]
    return Result(
        lines,
        draw,
        claims,
        size=(4.6, 3.8),
        decay=decay,
        mean=mean,
        covariance=covariance,
        estimates=estimates,
        errors=errors,
        curvature=curvature,
        priors=priors,
        shrunk=shrunk,
        x=x,
        t=t,
    )


def _descent(loss: Any, start: Array, curvatures: NDArray[Any], steps: int) -> Array:
    """Gradient descent with momentum, at the best rates for these curvatures."""
    w = Tensor(start)
    low, high = np.sqrt(curvatures[[0, -1]])
    momentum = ((high - low) / (high + low)) ** 2
    for _ in descend(
        optim.SGD([w], 4 / (high + low) ** 2, momentum=momentum), lambda: loss(w), steps
    ):
        pass
    return np.array(w.data)
