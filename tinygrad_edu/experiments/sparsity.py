"""A15: an ℓ1 penalty makes weights exactly 0, an ℓ2 penalty small; and how one gets there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import ops, optim
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.experiments.experiment import (
    COLOURS,
    Result,
    descend,
    experiment,
    over_seeds,
    summary,
)
from tinygrad_edu.settings import count, number
from tinygrad_edu.tensor import Tensor

__all__ = ["METHODS", "Found", "run", "shrink"]

Array = NDArray[np.float64]

METHODS = ("no penalty", "ℓ2, plain steps", "ℓ1, plain steps", "ℓ1, proximal steps")


class Found(NamedTuple):
    """The weights before and after every step, and the mean squared error on unseen data."""

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


class _Proximal(optim.SGD):
    """A step along the gradient, then `shrink`; by 0, it is a plain step."""

    threshold = 0.0

    def step(self, *given: Any) -> None:
        super().step(*given)
        for w in self.parameters.values():
            w.data = shrink(w.data, self.threshold)


@experiment("sparsity", ("A15", "A13"), "ℓ1 makes weights exactly 0, ℓ2 makes them small")
def run(
    *,
    examples: int = 50,
    features: int = 40,
    useful: int = 5,
    noise: float = 1.0,
    l1: float = 0.1,
    l2: float = 0.1,
    rate: float = 0.05,
    steps: int = 1000,
    seeds: int = 10,
    seed: int = 0,
) -> Result:
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
    seeds, seed : int, optional
        How many draws of the data, and the first; the figure shows the first.

    Returns
    -------
    Result
        `true`, the weights that the data were made with; `every`, for each seed what each of
        `METHODS` found, and `found`, that of the first seed; its `correlations`, the gradient of
        the squared error where the proximal steps ended: at the minimum it is -l1·sign(w) where
        w ≠ 0, and at most l1 in size where w = 0.

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
    useful, size = count("sparsity: useful", useful, 1), count("sparsity: examples", examples)
    if useful >= features:
        raise ValueError(f"sparsity: useful = {useful} of {features} features; leave useless ones")
    l1, l2 = number("sparsity: l1", l1), number("sparsity: l2", l2)
    steps = count("sparsity: steps", steps, 1)
    true = np.zeros(features)
    true[:useful] = np.linspace(2, 0.5, useful) * np.resize([1.0, -1.0], useful)

    def data(size: int, rng: np.random.Generator) -> tuple[Array, Array]:
        X = rng.standard_normal((size, features))
        return X, X @ true + noise * rng.standard_normal(size)

    def once(seed: int) -> tuple[dict[str, Found], Array]:
        rng = np.random.default_rng(seed)
        (X, y), unseen = data(size, rng), data(10 * size, rng)

        def error(w: Tensor) -> Any:
            return ops.mean((X @ w - y) ** 2) / 2

        def way(l1: float, l2: float, threshold: float) -> Found:
            w = Tensor(np.full(features, 0.1), name="w")
            sgd = _Proximal([w], rate)
            sgd.threshold = threshold
            penalised = descend(
                sgd, lambda: error(w) + l1 * ops.l1(w) + ops.weight_decay(w, l2), steps
            )
            path = np.array([w.data for _ in penalised])
            return Found(path, float(((unseen[0] @ w.data - unseen[1]) ** 2).mean()))

        ways = way(0, 0, 0), way(0, l2, 0), way(l1, 0, 0), way(0, 0, rate * l1)
        end = Tensor(ways[-1].weights)
        return dict(zip(METHODS, ways, strict=True)), gradients(error(end), end)

    cases = over_seeds(once, seeds, seed)
    every, (found, correlations) = [case[0] for case in cases], cases[0]
    free, small, plain, sparse = ([one[name] for one in every] for name in METHODS)
    useless = true == 0
    rows = {(name,): ways for name, ways in zip(METHODS, (free, small, plain, sparse), strict=True)}
    lines = summary(
        ("method",),
        rows,
        {
            f"zeros of {features}": (lambda one: one.zeros, ".0f"),
            f"useful of {useful}": (lambda one: np.count_nonzero(one.weights[~useless]), ".1f"),
            "length ‖w‖": (lambda one: float(np.linalg.norm(one.weights)), ".2f"),
            "largest useless": (lambda one: np.abs(one.weights[useless]).max(), ".2f"),
            "test error": (lambda one: one.test_error, ".2f"),
        },
    )

    def draw(weights: Any, path: Any) -> None:
        places = np.arange(features)
        weights.plot(places, true, "_", color="black", markersize=9, label="true")
        # A useless weight that the proximal steps set to 0, so that the others can be compared.
        restless = int(np.flatnonzero((sparse[0].weights == 0) & useless)[0])
        for (name, one), mark, colour in zip(found.items(), "ox+.", COLOURS, strict=False):
            weights.plot(places, one.weights, mark, markersize=4.5, label=name)
            last = one.path[-40:, restless]
            path.plot(np.arange(len(one.path))[-40:], last, ".-", color=colour, label=name)
        weights.set(title="weights", xlabel="feature", ylabel="w")
        weights.legend(fontsize="small")
        path.axhline(0, color="black", linewidth=0.8)
        path.set(title=f"weight of useless feature {restless}, last steps", xlabel="step")

    length = np.linalg.norm
    claims = {
        "ℓ2 makes the weights shorter, and none of them 0": [
            bool(length(two.weights) < length(one.weights)) and not two.zeros
            for one, two in zip(free, small, strict=True)
        ],
        "ℓ1 by proximal steps makes a third of the useless weights 0, and no useful one": [
            one.zeros >= useless.sum() / 3 and bool(one.weights[~useless].all()) for one in sparse
        ],
        "ℓ1 by plain steps makes no weight exactly 0": [not one.zeros for one in plain],
        "test error: ℓ1 below ℓ2 below no penalty": [
            three.test_error < two.test_error < one.test_error
            for one, two, three in zip(free, small, sparse, strict=True)
        ],
    }
    return Result(
        lines,
        draw,
        claims,
        size=(4.8, 3.6),
        true=true,
        l1=l1,
        every=every,
        found=found,
        correlations=correlations,
    )
