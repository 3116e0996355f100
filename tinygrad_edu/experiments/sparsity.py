"""A15: an ℓ1 penalty makes weights exactly 0, an ℓ2 penalty small; and how one gets there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops
from tinygrad_edu.charts import COLOURS, columns, panels
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import Result, experiment
from tinygrad_edu.optim.first_order import SGD
from tinygrad_edu.settings import count, number
from tinygrad_edu.tensor import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Found", "Sparsity", "run", "shrink"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """What one method made of the weights.

    Attributes
    ----------
    path : ndarray, shape (steps + 1, D)
        The weights before and after every step.
    test_error : float
        The mean squared error on unseen data.
    """

    path: Array
    test_error: float

    @property
    def weights(self) -> Array:
        """The weights in the end."""
        last: Array = self.path[-1]
        return last

    @property
    def zeros(self) -> int:
        """How many of them are exactly 0."""
        return int((self.weights == 0).sum())


@dataclass(frozen=True, eq=False)
class Sparsity(Result):
    """The methods on one problem, in which most features are useless.

    Attributes
    ----------
    true : ndarray, shape (D,)
        The weights that the data were made with.
    l1 : float
        The strength of the ℓ1 penalty.
    found : dict of str to Found
        Method → what it found.
    correlations : ndarray, shape (D,)
        The gradient of the squared error at the weights of the proximal steps: at the minimum it
        is -l1·sign(w) where w ≠ 0, and at most l1 in size where w = 0.
    """

    true: Array
    l1: float
    found: dict[str, Found]
    correlations: Array

    def table(self) -> str:
        """Write how many weights are 0, and how large the useless ones are."""
        useless = self.true == 0
        return columns(
            ("method", "exact zeros", "useful ones kept", "largest useless weight", "test error"),
            [
                (
                    name,
                    f"{one.zeros} of {len(self.true)}",
                    f"{int((one.weights[~useless] != 0).sum())} of {int((~useless).sum())}",
                    np.abs(one.weights[useless]).max(),
                    one.test_error,
                )
                for name, one in self.found.items()
            ],
            ("", "", "", ".1e", ".3f"),
        )

    def figure(self) -> Figure:
        """Draw the weights in the end, and how one useless weight moved in the last steps."""
        figure, (weights, path) = panels(across=2, width=4.8, height=3.6)
        places = np.arange(len(self.true))
        weights.plot(places, self.true, "_", color="black", markersize=9, label="true")
        for (name, one), mark in zip(self.found.items(), "ox+.", strict=False):
            weights.plot(places, one.weights, mark, markersize=4.5, label=name)
        weights.set(title="weights", xlabel="feature", ylabel="w")
        weights.legend(fontsize="small")
        last = self._restless()
        for (name, one), colour in zip(self.found.items(), COLOURS, strict=False):
            path.plot(
                np.arange(len(one.path))[-40:], one.path[-40:, last], ".-", color=colour, label=name
            )
        path.axhline(0, color="black", linewidth=0.8)
        path.set(title=f"weight of useless feature {last}, last steps", xlabel="step")
        return figure

    def _restless(self) -> int:
        """Choose a useless weight that the proximal steps set to 0."""
        zero = self.found["ℓ1, proximal steps"].weights == 0
        return int(np.flatnonzero(zero & (self.true == 0))[0])


def shrink(w: Array, threshold: float) -> Array:
    """Move every entry towards 0 by `threshold`, and no further.

    Parameters
    ----------
    w : ndarray
        Of any shape.
    threshold : float
        How far; not negative.

    Returns
    -------
    ndarray
        sign(w)·max(|w| - threshold, 0), with exact zeros.

    Notes
    -----
    The proximal operator of threshold·‖w‖₁ (soft thresholding, Donoho 1995): the minimum of
    ½‖v - w‖² + threshold·‖v‖₁ over v.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.experiments.sparsity import shrink
    >>> shrink(np.array([3.0, -0.5, -2.0]), 1.0)
    array([ 2., -0., -1.])
    """
    return np.sign(w) * np.maximum(np.abs(w) - threshold, 0)


@experiment("sparsity", ("A15", "A13"), "ℓ1 makes weights exactly 0, ℓ2 makes them small")
def run(
    *,
    examples: int = 80,
    features: int = 40,
    useful: int = 5,
    noise: float = 0.5,
    l1: float = 0.15,
    l2: float = 0.1,
    rate: float = 0.05,
    steps: int = 1000,
    seed: int = 0,
) -> Sparsity:
    """Fit a linear function of which most features are useless, with four penalties.

    Parameters
    ----------
    examples : int, optional
        To learn from; there are ten times as many for the test.
    features : int, optional
        How many, all of mean 0 and variance 1.
    useful : int, optional
        How many of them count.
    noise : float, optional
        Standard deviation of what is added to the targets.
    l1, l2 : float, optional
        Strengths of the penalties l1·‖w‖₁ and (l2/2)·‖w‖².
    rate : float, optional
        The length of the steps, each on all examples.
    steps : int, optional
        How many.
    seed : int, optional
        Of the data.

    Returns
    -------
    Sparsity
        What each method found.

    Raises
    ------
    ValueError
        If a number makes no sense.

    Notes
    -----
    The loss is ½ mean((Xw - y)²) + penalty. A proximal step is a step on the squared error alone,
    then `shrink` by rate·l1 (Daubechies, Defrise and De Mol 2004): it can end on 0 and stay
    there. A plain step adds -rate·l1·sign(w) whatever the distance is, so a useless weight goes
    to and fro around 0 and is never on it, but by chance.
    """
    features = count("sparsity: features", features, 1)
    useful, number_of = count("sparsity: useful", useful, 1), count("sparsity: examples", examples)
    if useful >= features:
        raise ValueError(f"sparsity: useful = {useful} of {features} features; leave useless ones")
    l1, l2 = number("sparsity: l1", l1), number("sparsity: l2", l2)
    steps = count("sparsity: steps", steps, 1)
    rng = np.random.default_rng(seed)
    true = np.zeros(features)
    true[:useful] = np.linspace(2, 0.5, useful) * np.resize([1.0, -1.0], useful)
    X, y = _data(true, number_of, noise, rng)
    unseen = _data(true, 10 * number_of, noise, rng)

    def error(w: Tensor) -> Any:
        return ops.mean((X @ w - y) ** 2) / 2

    def descend(l1: float, l2: float, threshold: float) -> Found:
        w = Tensor(np.full(features, 0.1), name="w")
        sgd, path = SGD([w], rate), np.empty((steps + 1, features))
        path[0] = w.data
        for step in range(steps):
            loss = error(w) + l1 * ops.l1(w) + ops.weight_decay(w, l2)
            sgd.step([gradients(loss, w)])
            if threshold:
                w.data = shrink(w.data, threshold)
            path[step + 1] = w.data
        return Found(path, float(((unseen[0] @ w.data - unseen[1]) ** 2).mean()))

    found = {
        "no penalty": descend(0, 0, 0),
        "ℓ2, plain steps": descend(0, l2, 0),
        "ℓ1, plain steps": descend(l1, 0, 0),
        "ℓ1, proximal steps": descend(0, 0, rate * l1),
    }
    end = Tensor(found["ℓ1, proximal steps"].weights)
    return Sparsity(true, l1, found, gradients(error(end), end))


def _data(
    true: Array, examples: int, noise: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    X = rng.standard_normal((examples, len(true)))
    return X, X @ true + noise * rng.standard_normal(examples)
