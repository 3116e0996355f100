"""Derivations that answers are checked on: right ones in unusual forms, and wrong ones."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tests.symbolic.exercises import (
    ONE_HOT,
    composed,
    composed_sigmoid,
    decay,
    fused,
    layer,
    named,
    softmax_itself,
    squared,
    through_softmax,
)

RNG = np.random.default_rng(3)
INPUTS, WIDE = RNG.normal(size=(4, 5)), RNG.normal(size=(5, 6))


def warm():
    z, y, T = named("z", [1.47, -0.39, 0.22]), named("y", [0.0, 1.0, 0.0]), named("T", 2.0)
    a = tg.name(tg.softmax(z / T), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), z


def ridge():
    X, w, t = named("X", INPUTS), named("w", WIDE[:, 0]), named("t", WIDE[:4, 1])
    return tg.sum_squared_error(X @ w, t) + tg.weight_decay(w, named("λ", 0.3)), w


def unit():
    """A sigmoid with squared errors, where the derivative of the sigmoid stays."""
    s, t = named("s", [0.3, -1.0, 0.8]), named("t", [0.0, 1.0, 1.0])
    z = tg.name(tg.sigmoid(s), "z")
    return tg.name(tg.sum_squared_error(z, t), "E"), s


def two_layers():
    X, W1, W2 = named("X", INPUTS), named("W1", WIDE), named("W2", WIDE.T[:, :3])
    H = tg.name(tg.tanh(X @ W1), "H")
    A = tg.name(tg.softmax(H @ W2), "A")
    return tg.cross_entropy(A, named("Y", ONE_HOT)), W1


def errors():
    h, y = named("h", [0.8, 0.1, 2.0, -0.4]), named("y", [1.0, 0.5, 1.5, 0.2])
    return tg.name(((h - y) ** 2).mean(), "L"), h


def absolute():
    h, y = named("h", [0.8, 0.1, 2.0, -0.4]), named("y", [1.0, 0.5, 1.5, 0.2])
    return tg.name(tg.abs(h - y).mean(), "L"), h


def example():
    """One example of a layer: W is (3, 5)."""
    W, x, y = named("W", WIDE[:, :3].T), named("x", INPUTS[0]), named("y", [0.0, 1.0, 0.0])
    a = tg.name(tg.softmax(W @ x), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), W


def probabilities():
    z, t = named("z", [0.2, 0.3, 0.5]), named("t", [0.0, 1.0, 0.0])
    return tg.binary_cross_entropy(z, t, reduction="sum"), z


def gated():
    X, W1, W2 = named("X", INPUTS), named("W1", WIDE), named("W2", WIDE.T[:, :3])
    H = tg.name(tg.relu(X @ W1), "H")
    A = tg.name(tg.softmax(H @ W2), "A")
    return tg.cross_entropy(A, named("Y", ONE_HOT)), W1


def counts():
    s, t = named("s", [0.3, -1.0, 0.8]), named("t", [1.0, 2.0, 3.0])
    return tg.name((tg.exp(s) - t * s).sum(), "L"), s


def divergence():
    z, p = named("z", [1.47, -0.39, 0.22]), named("p", [0.2, 0.3, 0.5])
    q = tg.name(tg.softmax(z), "q")
    return tg.name(tg.kl_divergence(p, q), "D"), z


def length():
    z = named("z", [3.0, -4.0, 12.0])
    return tg.norm(z), z


def square_layer():
    """A layer whose input, output and batch have one length."""
    rng = np.random.default_rng(5)
    X, W = named("X", rng.normal(size=(3, 3))), named("W", rng.normal(size=(3, 3)))
    A = tg.name(tg.softmax(X @ W), "A")
    return tg.cross_entropy(A, named("Y", np.eye(3)[[1, 0, 2]])), W


BUILD = {
    "softmax": composed,
    "unnormalised": lambda: composed([0.5, 1.0, 0.0]),
    "warm": warm,
    "batch": through_softmax,
    "fused": fused,
    "weights": layer,
    "bias": lambda: layer("b"),
    "ridge": ridge,
    "sigmoid": composed_sigmoid,
    "unit": unit,
    "vector-Jacobian": softmax_itself,
    "two-layers": two_layers,
    "squared": squared,
    "errors": errors,
    "absolute": absolute,
    "example": example,
    "decay": decay,
    "probabilities": probabilities,
    "gated": gated,
    "counts": counts,
    "divergence": divergence,
    "length": length,
    "square-layer": square_layer,
}

WRONG = [
    ("softmax", "y − a", "sign"),
    ("softmax", lambda a, y: y - a, "sign"),
    ("softmax", "2(a − y)", "factor 2"),
    ("softmax", lambda a, y: (a - y) / 2, "factor 2"),
    ("softmax", lambda a, y: 2 * (y - a), "sign"),
    ("softmax", "(a − y)/K", "factor K"),
    ("softmax", "−y/a", "chain factor"),
    ("softmax", "−y·(1 − a)", "diagonal"),
    ("softmax", lambda a, y: -y / a * a * (1 - a), "diagonal"),
    ("softmax", "a + y", "sign"),
    ("unnormalised", "a − y", "assumption"),
    ("unnormalised", lambda a, y: a - y, "assumption"),
    ("unnormalised", "y − a·Σy", "sign"),
    ("warm", "a − y", "chain factor"),
    ("warm", "(y − a)/T", "sign"),
    ("warm", lambda a, y, T: 2 * (a - y) / T, "factor 2"),
    ("batch", "A − Y", "factor N"),
    ("batch", lambda A, Y: A - Y, "factor N"),
    ("batch", "(A − Y)/N²", "factor N"),
    ("batch", "(Y − A)/N", "sign"),
    ("batch", "(A − Y)ᵀ/N", "transpose"),
    ("batch", lambda A, Y, N: (A - Y).T / N, "transpose"),
    ("batch", "(A·sum(Y, axis=1) − Y)/N", "factor"),
    ("batch", "−Y·(1 − A)/N", "diagonal"),
    ("batch", "−Y/A/N", "chain factor"),
    ("fused", "2(softmax(Z) − Y)/N", "factor 2"),
    ("fused", "softmax(Z) − Y", "factor N"),
    ("weights", "Xᵀ(A − Y)", "factor N"),
    ("weights", "X(A − Y)/N", "transpose"),
    ("weights", "(A − Y)ᵀ X/N", "transpose"),
    ("weights", lambda X, A, Y, N: (A - Y).T @ X / N, "transpose"),
    ("weights", lambda X, A, Y, N: X @ (A - Y) / N, "transpose"),
    ("weights", "Xᵀ(Y − A)/N", "sign"),
    ("weights", "2Xᵀ(A − Y)/N", "factor 2"),
    ("bias", "(A − Y)/N", "broadcast sum"),
    ("bias", lambda A, Y, N: (A - Y) / N, "broadcast sum"),
    ("bias", "Σₙ(A − Y)", "factor N"),
    ("bias", lambda A, Y: (Y - A).sum(axis=0), "sign"),
    ("ridge", "Xᵀ(X w − t)", "term"),
    ("ridge", "w + Xᵀ(Xw − t)", "chain factor"),
    ("ridge", "λ·w − Xᵀ(Xw − t)", "sign"),
    ("ridge", "2λ·w + 2Xᵀ(X w − t)", "factor 2"),
    ("ridge", "λ·w + 2Xᵀ(X w − t)", "factor 2"),
    ("ridge", "λ·w + X(X w − t)", "transpose"),
    ("sigmoid", "t − z", "sign"),
    ("sigmoid", "(z − t)/(z·(1 − z))", "chain factor"),
    ("sigmoid", "(z − t)/2", "factor 2"),
    ("unit", "z − t", "chain factor"),
    ("unit", "(t − z)·z·(1 − z)", "sign"),
    ("unit", "2(z − t)·z·(1 − z)", "factor 2"),
    ("unit", "z·(1 − z)", "chain factor"),
    ("vector-Jacobian", "a·(1 − a)·g", "diagonal"),
    ("vector-Jacobian", lambda a, g: a * (g - a * g), "diagonal"),
    ("vector-Jacobian", "a·(Σ(a·g) − g)", "sign"),
    ("vector-Jacobian", "g", "chain factor"),
    ("two-layers", "Xᵀ((A − Y) W2ᵀ)/N", "chain factor"),
    ("two-layers", "Xᵀ(((A − Y) W2)·(1 − H²))/N", "transpose"),
    ("two-layers", "Xᵀ(((A − Y) W2ᵀ)·(1 − H²))", "factor N"),
    ("two-layers", "((A − Y) W2ᵀ)·(1 − H²)/N", "factor"),
    ("squared", "2(z − t)", "factor 2"),
    ("squared", lambda t, z: t - z, "sign"),
    ("errors", "(h − y)/N", "factor 2"),
    ("errors", "2(h − y)", "factor N"),
    ("errors", "2(y − h)/N", "sign"),
    ("errors", lambda h, y: y - h, "sign"),
    ("absolute", "sign(h − y)", "factor N"),
    ("absolute", "−sign(h − y)", "sign"),
    ("example", "x (a − y)ᵀ", "transpose"),
    ("example", lambda x, a, y: tg.outer(x, a - y), "transpose"),
    ("example", "(y − a) xᵀ", "sign"),
    ("decay", "w", "chain factor"),
    ("decay", "2λ·w", "factor 2"),
    ("decay", "λ·w/2", "factor 2"),
    ("probabilities", "z − t", "chain factor"),
    ("probabilities", "(z − t)/z", "chain factor"),
    ("probabilities", "(1 − t)/(1 − z) + t/z", "sign"),
    ("gated", "Xᵀ((A − Y) W2ᵀ)/N", "chain factor"),
    ("gated", "X((X W1 > 0)·((A − Y) W2ᵀ))/N", "transpose"),
    ("counts", "exp(s)", "term"),
    ("counts", "exp(s) + t", "sign"),
    ("divergence", "−p/q", "chain factor"),
    ("divergence", "−p·(1 − q)", "diagonal"),
    ("divergence", "p − q", "sign"),
    ("length", "z", "chain factor"),
    ("length", "−z/‖z‖₂", "sign"),
    ("square-layer", "X(A − Y)/N", "transpose"),
    ("square-layer", "(A − Y)ᵀ X/N", "transpose"),
    ("square-layer", "Xᵀ(A − Y)", "factor N"),
]

RIGHT = [
    ("softmax", "a − y"),
    ("softmax", "-(y - a)"),
    ("softmax", "softmax(z) − y"),
    ("softmax", "exp(z)/Σexp(z) − y"),
    ("softmax", "e^z/sum(e^z) - y"),
    ("softmax", "a·Σy − y"),
    ("softmax", "exp(z − logsumexp(z)) − y"),
    ("softmax", "(diag(a) − a aᵀ)(−y/a)"),
    ("softmax", lambda a, y: a - y),
    ("softmax", lambda **names: names["a"] - names["y"]),
    ("softmax", lambda z, y: np.exp(z) / np.exp(z).sum() - y),
    ("softmax", lambda z, y: tg.softmax(z + 100) - y),
    ("softmax", lambda a, y: np.asarray([*(a - y).data])),
    ("softmax", lambda a, y: -y / a * a + a * np.dot(a, y / a)),
    ("unnormalised", "a·Σy − y"),
    ("unnormalised", lambda a, y: a * y.sum() - y),
    ("warm", "(a − y)/T"),
    ("warm", "a/T − T⁻¹·y"),
    ("warm", lambda z, y, T: (tg.softmax(z / T) - y) / T),
    ("batch", "(A − Y)/N"),
    ("batch", "1/N (A − Y)"),
    ("batch", "(Aᵀ − Yᵀ)ᵀ/N"),
    ("batch", "A/N − Y/N"),
    ("batch", "(A·sum(Y, axis=1, keepdims=True) − Y)/N"),
    ("batch", lambda A, Y: (A - Y) / len(A.data)),
    ("batch", lambda A, Y: (A - Y) / 4),
    ("fused", "(e^Z/Σₖ(e^Z) − Y)/N"),
    ("fused", lambda Z, Y, N: (tg.exp(tg.log_softmax(Z)) - Y) / N),
    ("weights", "Xᵀ(A − Y)/N"),
    ("weights", "X.T @ (A - Y) / N"),
    ("weights", "1/N XᵀA − Xᵀ Y/N"),
    ("weights", "((A − Y)ᵀ X)ᵀ/N"),
    ("weights", lambda X, A, Y: X.T @ (A - Y) / X.shape[0]),
    ("weights", lambda X, A, Y, N: tg.einsum("nd,nk->dk", X, A - Y) / N),
    ("bias", "Σₙ(A − Y)/N"),
    ("bias", "mean(A − Y, axis=0)"),
    ("bias", lambda A, Y: np.mean(A - Y, axis=0)),
    ("ridge", "λ·w + Xᵀ(X w − t)"),
    ("ridge", "(XᵀX)w + λw − Xᵀt"),
    ("ridge", lambda X, w, t, λ: λ * w - (t - X @ w) @ X),
    ("sigmoid", "z − t"),
    ("sigmoid", "σ(s) − t"),
    ("sigmoid", "1/(1 + exp(−s)) − t"),
    ("sigmoid", "(1 − t)·z − t·(1 − z)"),
    ("unit", "(z − t)·z·(1 − z)"),
    ("unit", "(z − t)z(1 − z)"),
    ("unit", "(z − t)·(z − z²)"),
    ("unit", lambda z, t, s: (z - t) * np.exp(-s) / (1 + np.exp(-s)) ** 2),
    ("vector-Jacobian", "a·(g − Σ(a·g))"),
    ("vector-Jacobian", "(diag(a) − a aᵀ) g"),
    ("vector-Jacobian", "a·(g − aᵀg)"),
    ("vector-Jacobian", lambda a, g: (np.diag(a.data) - np.outer(a.data, a.data)) @ g.data),
    ("two-layers", "Xᵀ(((A − Y) W2ᵀ)·(1 − H)·(1 + H))/N"),
    ("two-layers", "Xᵀ(((A − Y) W2ᵀ)·(1 − tanh(X W1)^2))/N"),
    ("squared", "z − t"),
    ("squared", "(z² − t²)/(z + t)"),
    ("errors", "2(h − y)/N"),
    ("errors", lambda h, y: 2 * (h - y) / h.size),
    ("absolute", "(h − y)/(N·|h − y|)"),
    ("absolute", lambda h, y, N: tg.where(h > y, 1 / N, -1 / N)),
    ("example", "(a − y) xᵀ"),
    ("example", "outer(a − y, x)"),
    ("example", lambda x, a, y: (a - y).reshape(-1, 1) * x),
    ("decay", "λ·w"),
    ("decay", "wλ"),
    ("probabilities", "(z − t)/(z − z²)"),
    ("gated", "Xᵀ((X W1 > 0)·((A − Y) W2ᵀ))/N"),
    ("gated", lambda X, H, A, Y, W2, N: X.T @ ((H > 0) * ((A - Y) @ W2.T)) / N),
    ("counts", "e^s − t"),
    ("divergence", "q − p"),
    ("divergence", "q·Σp − p"),
    ("length", "z/‖z‖₂"),
    ("length", "z/√(Σ(z²))"),
    ("length", "z·(zᵀz)^(−1/2)"),
    ("length", "sign(z)·|z|/norm(z, 2)"),
    ("square-layer", "Xᵀ(A − Y)/N"),
]
