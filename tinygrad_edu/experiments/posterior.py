"""D10: weight decay is a Gaussian prior; the lowest point of its loss is the posterior mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.optim.newton import newton_cg
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import hessian

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Posterior", "run"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior(Result):
    """The weights of a polynomial, by four ways, and what the prior does to them.

    Attributes
    ----------
    noise, prior : float
        The standard deviations σ of the data and σ₀ of the weights.
    decay : float
        λ = σ²/σ₀².
    mean, covariance : ndarray
        Of the posterior, in closed form.
    estimates : dict of str to ndarray
        What minimises −log posterior, and what minimises ½Σ(z−t)² + (λ/2)Σw², by Newton–CG and
        by gradient descent.
    curvature : ndarray
        The Hessian of −log posterior, the inverse of the covariance.
    priors : ndarray
        Other σ₀, from narrow to wide.
    shrunk : ndarray, shape (priors, weights)
        The posterior means that go with them.
    x, t : ndarray
        The data.
    """

    noise: float
    prior: float
    decay: float
    mean: Vector
    covariance: NDArray[np.float64]
    estimates: dict[str, Vector]
    curvature: NDArray[np.float64]
    priors: Vector
    shrunk: NDArray[np.float64]
    x: Vector
    t: Vector

    @property
    def errors(self) -> dict[str, float]:
        """How far each estimate is from the posterior mean, at most."""
        return {name: float(np.abs(w - self.mean).max()) for name, w in self.estimates.items()}

    def table(self) -> str:
        """Write the weights, and how far the estimates are from the posterior mean."""
        deviations = np.sqrt(np.diag(self.covariance))
        values = zip(self.mean, deviations, *self.estimates.values(), strict=True)
        header = ("weight of", "posterior mean", "± σ", *self.estimates)
        weights = columns(
            header,
            [(f"x^{i}", *row) for i, row in enumerate(values)],
            ("", *[".8f"] * (len(header) - 1)),
        )
        errors = columns(
            ("estimate", "largest difference from the posterior mean"),
            self.errors.items(),
            ("", ".1e"),
        )
        inverse = np.abs(np.linalg.inv(self.curvature) - self.covariance).max()
        return (
            f"σ = {self.noise:g}, σ₀ = {self.prior:g}, so λ = σ²/σ₀² = {self.decay:g}\n\n"
            f"{weights}\n\n{errors}\n\n"
            f"the inverse Hessian is the posterior covariance, up to {inverse:.1e}"
        )

    def figure(self) -> Figure:
        """Draw the fit with its uncertainty, and the weights as the prior widens."""
        figure, (fit, weights) = panels(across=2, width=4.6, height=3.8)
        grid = np.linspace(self.x.min() - 0.1, self.x.max() + 0.1, 200)
        rows = _powers(grid, len(self.mean))
        middle = rows @ self.mean
        spread = np.sqrt(np.einsum("ni,ij,nj->n", rows, self.covariance, rows))
        likely = np.linalg.lstsq(_powers(self.x, len(self.mean)), self.t, rcond=None)[0]
        fit.fill_between(
            grid, middle - 2 * spread, middle + 2 * spread, alpha=0.2, linewidth=0, label="± 2σ"
        )
        fit.plot(grid, middle, color=COLOURS[0], label="posterior mean")
        fit.plot(grid, rows @ likely, "--", color=COLOURS[1], label="without prior")
        fit.plot(self.x, self.t, "ko", markersize=4, label="data")
        margin = 0.5 * np.ptp(self.t)
        fit.set(title="fit", xlabel="x", ylabel="z")
        fit.set_ylim(self.t.min() - margin, self.t.max() + margin)
        fit.legend(fontsize="small")
        for i, weight in enumerate(self.shrunk.T):
            weights.semilogx(self.priors, weight, label=f"$x^{i}$")
        weights.axvline(self.prior, color="black", linewidth=0.8, linestyle=":")
        weights.set(title="the prior as a spring", xlabel="σ₀, the prior's width", ylabel="weight")
        weights.legend(fontsize="small", ncols=2)
        return figure


@experiment("posterior", ("D10",), "weight decay finds the posterior mean of a Gaussian prior")
def run(
    *,
    degree: int = 5,
    examples: int = 12,
    noise: float = 0.2,
    prior: float = 1.0,
    steps: int = 20_000,
    seed: int = 0,
) -> Posterior:
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
    Posterior
        All estimates.

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
    X = _powers(x, degree + 1)
    decay = noise**2 / prior**2

    def surprise(w: Any) -> Any:
        data = ops.sum_squared_error(X @ w, t) / noise**2
        return data + ops.sum(w**2) / (2 * prior**2)

    def loss(w: Any) -> Any:
        return ops.sum_squared_error(X @ w, t) + ops.weight_decay(w, decay)

    start = np.zeros(degree + 1)
    mean, covariance = _closed_form(X, t, noise, prior)
    priors = prior * np.geomspace(0.01, 100, 41)
    return Posterior(
        noise=noise,
        prior=prior,
        decay=decay,
        mean=mean,
        covariance=covariance,
        estimates={
            "−log posterior": newton_cg(surprise, start, tolerance=1e-9).x,
            "decay, Newton–CG": newton_cg(loss, start, tolerance=1e-11).x,
            "decay, descent": _descent(loss, start, X, decay, steps),
        },
        curvature=hessian(surprise)(start),
        priors=priors,
        shrunk=np.array([_closed_form(X, t, noise, width)[0] for width in priors]),
        x=x,
        t=t,
    )


def _powers(x: Vector, count: int) -> NDArray[np.float64]:
    return x[:, None] ** np.arange(count)


def _closed_form(
    X: NDArray[np.float64], t: Vector, noise: float, prior: float
) -> tuple[Vector, NDArray[np.float64]]:
    """Mean and covariance of the weights, given the data."""
    precision = X.T @ X + (noise / prior) ** 2 * np.eye(X.shape[1])
    inverse = np.linalg.inv(precision).astype(np.float64)
    return inverse @ (X.T @ t), noise**2 * inverse


def _descent(
    loss: Callable[[Any], Any], start: Vector, X: NDArray[np.float64], decay: float, steps: int
) -> Vector:
    """Gradient descent with momentum, at the best rates for the curvatures of X."""
    w = Tensor(start)
    curvatures = np.linalg.eigvalsh(X.T @ X) + decay
    low, high = np.sqrt(curvatures[[0, -1]])
    momentum = ((high - low) / (high + low)) ** 2
    sgd = SGD([w], 4 / (high + low) ** 2, momentum=momentum)
    for _ in range(steps):
        g = gradients(loss(w), w)
        if np.abs(g).max() < 1e-12:
            break
        sgd.step([g])
    return np.array(w.data)
