"""Variations of backpropagation: losses, likelihoods, temperature, weight decay, the Hessian."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.lectures.lecture import Named, Pair, gradient, identity
from tinygrad_edu.tensor import Tensor, name

__all__: list[str] = []


def _squares() -> tuple[Tensor, Tensor]:
    return Tensor([0.8, 0.1, 2.0], name="z"), Tensor([1.0, 0.5, 1.5], name="t")


@gradient("sse", ("D1",), "half the sum of squared errors: z − t")
def _() -> Pair:
    z, t = _squares()
    return name(0.5 * ops.sum((z - t) ** 2), "E"), z


def _binary(z: Tensor) -> Tensor:
    t = Tensor([1.0, 0.0, 1.0], name="t")
    loss: Tensor = name(-ops.sum(t * ops.log(z) + (1 - t) * ops.log(1 - z)), "E")
    return loss


@gradient("binary-ce", ("D2",), "binary cross-entropy: (z − t)/(z(1 − z))")
def _() -> Pair:
    z = Tensor([0.6, 0.2, 0.9], name="z")
    return _binary(z), z


@gradient("sigmoid-ce", ("D3",), "sigmoid and binary cross-entropy: z − t")
def _() -> Pair:
    s = Tensor([0.5, -1.2, 2.0], name="s")
    return _binary(name(ops.sigmoid(s), "z")), s


# --- distributions --------------------------------------------------------------------------------


def _distributions() -> tuple[Tensor, Tensor, Tensor]:
    z, p = Tensor([1.47, -0.39, 0.22], name="z"), Tensor([0.2, 0.5, 0.3], name="p")
    return z, p, name(ops.softmax(z), "q")


@gradient("kl-divergence", ("D5",), "the divergence of q = softmax(z) from p: q − p")
def _() -> Pair:
    z, p, q = _distributions()
    return name(ops.kl_divergence(p, q), "D"), z


@gradient("kl-cross-entropy", ("D5",), "the cross-entropy of p and q = softmax(z): q − p as well")
def _() -> Pair:
    z, p, q = _distributions()
    return name(ops.cross_entropy(q, p), "H"), z


@gradient("log-probability", ("D7",), "the log-probability of one class: δ − Prob")
def _() -> Pair:
    z = Tensor([1.47, -0.39, 0.22], name="z")
    P = name(ops.softmax(z), "Prob")
    return name(ops.log(P)[1], "l"), z


@gradient("log-probability-sum", ("D7",), "the same written as z − log Σe^z")
def _() -> Pair:
    z = Tensor([1.47, -0.39, 0.22], name="z")
    return name(z[1] - ops.logsumexp(z), "l"), z


@gradient("softmax-temperature", ("D8",), "softmax with a temperature: (a − y)/T")
def _() -> Pair:
    z, y = Tensor([1.47, -0.39, 0.22], name="z"), Tensor([0.0, 1.0, 0.0], name="y")
    T = Tensor(2.0, name="T")
    a = name(ops.softmax(z / T), "a")
    return name(-ops.sum(y * ops.log(a)), "L"), z


@gradient("boltzmann", ("D8",), "Boltzmann's softmax(−E/T), by the energies: (y − a)/T")
def _() -> Pair:
    E, y = Tensor([0.5, 1.2, -0.3], name="E"), Tensor([0.0, 1.0, 0.0], name="y")
    T = Tensor(2.0, name="T")
    a = name(ops.softmax(-E / T), "a")
    return name(-ops.sum(y * ops.log(a)), "L"), E


# --- weight decay, the Hessian --------------------------------------------------------------------


def _linear() -> tuple[Tensor, Tensor, Tensor]:
    X = Tensor([[5.1, 3.5], [4.9, 3.0], [6.2, 2.9], [5.7, 2.8]], name="X")
    return X, Tensor([0.5, -0.3], name="w"), Tensor([1.4, 1.6, 2.0, 2.5], name="t")


@gradient("weight-decay", ("D9",), "squared errors with weight decay: + λw, a spring to the origin")
def _() -> Pair:
    X, w, t = _linear()
    λ = Tensor(0.1, name="λ")
    return name(ops.sum_squared_error(X @ w, t) + ops.weight_decay(w, λ), "E"), w


@gradient("hessian", ("D11",), "the gradient a − y once more: the Hessian diag(a) − a aᵀ times g")
def _() -> Pair:
    z, y = Tensor([1.47, -0.39, 0.22], name="z"), Tensor([0.0, 1.0, 0.0], name="y")
    a = name(ops.softmax(z), "a")
    return name(a - y, "d"), z


# --- likelihoods ----------------------------------------------------------------------------------

Array = npt.NDArray[np.float64]


def _normal(x: Tensor, mean: Tensor | float, deviation: Array) -> Tensor:
    """The density of the normal distribution; its deviation is an array, so it is constant."""
    density: Tensor = ops.exp(-(((x - mean) / deviation) ** 2) / 2) / deviation / np.sqrt(2 * np.pi)
    return density


@identity(
    "gaussian-likelihood",
    ("D4",),
    "−log of the normal likelihood is least squares",
    ("constant", "positive factor"),
)
def _() -> Named:
    z, t = _squares()
    σ = np.array(0.7)
    left = -ops.sum(ops.log(_normal(t, z, σ)))
    return left, 0.5 * ops.sum((z - t) ** 2), {"σ": σ}


@identity("bernoulli-likelihood", ("D4",), "−log of Bernoulli's f^t(1 − f)^(1−t) is binary CE")
def _() -> Pair:
    f, t = Tensor([0.6, 0.2, 0.9], name="f"), Tensor([1.0, 0.0, 1.0], name="t")
    left = -ops.sum(ops.log(f**t * (1 - f) ** (1 - t)))
    return left, ops.binary_cross_entropy(f, t, reduction="sum")


@identity("cross-entropy-is-kl", ("D5",), "cross-entropy = KL(p‖q) + H(p)")
def _() -> Pair:
    _, p, q = _distributions()
    return ops.cross_entropy(q, p), ops.kl_divergence(p, q) + ops.entropy(p)


@identity("log-of-softmax", ("D7",), "log Prob(i) = z_i − log Σe^z")
def _() -> Pair:
    z = Tensor([1.47, -0.39, 0.22], name="z")
    return ops.log(ops.softmax(z)), z - ops.log(ops.sum(ops.exp(z)))


@identity(
    "posterior",
    ("D10",),
    "−log posterior is ½Σ(z − t)² + (λ/2)Σw² with λ = σ²/σ₀²",
    ("constant", "positive factor"),
)
def _() -> Named:
    X, w, t = _linear()
    σ, σ0 = np.array(0.7), np.array(1.5)
    z = name(X @ w, "z")
    likelihood = ops.sum(ops.log(_normal(t, z, σ)))
    prior = ops.sum(ops.log(_normal(w, 0.0, σ0)))
    decay = ops.sum((w * σ / σ0) ** 2) / 2
    return -(likelihood + prior), ops.sum_squared_error(z, t) + decay, {"σ": σ, "σ0": σ0}
