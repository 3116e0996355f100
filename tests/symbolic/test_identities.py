"""Identities of activations, losses, norms, traces and variances; near misses; and conditions."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

RNG = np.random.default_rng(1)


def tensor(name, *shape):
    return tg.Tensor(RNG.normal(size=shape), name=name)


def positive(name, *shape):
    return tg.Tensor(RNG.uniform(0.3, 2.0, size=shape), name=name)


x, y, c = tensor("x", 4), tensor("y", 4), tensor("c")
u, v, k = positive("u", 4), positive("v", 4), positive("k")
p = tg.Tensor(RNG.uniform(0.1, 0.9, size=4), name="p")
A, B, C, X = tensor("A", 3, 3), tensor("B", 3, 3), tensor("C", 3, 3), tensor("X", 5, 3)
w, b = tensor("w", 3), tensor("b", 3)
t, q = np.array([1.0, 0, 0, 1]), np.array([1.0, -1, -1, 1])
exp, log, relu, sigmoid, tanh = tg.exp, tg.log, tg.relu, tg.sigmoid, tg.tanh
absolute, maximum, minimum, sign = tg.abs, tg.maximum, tg.minimum, tg.sign
ONE = 0 * x + 1


def trace(m):
    return tg.trace(m)


#: both sides, and what is assumed
TRUE = [
    (exp(log(u)), u, {"u > 0"}),
    (tg.softmax(log(u)), u / tg.sum(u), {"u > 0"}),
    (sigmoid(log(p / (1 - p))), p, {"1 − p ≠ 0", "p ≠ 0", "p/(1 − p) > 0"}),
    (absolute(x), x * sign(x), set()),
    (maximum(x, y) + minimum(x, y), x + y, set()),
    (maximum(x, y), (x + y + absolute(x - y)) / 2, set()),
    (minimum(x, y), (x + y - absolute(x - y)) / 2, set()),
    (maximum(-x, -y), -minimum(x, y), set()),
    (maximum(x, x), x, set()),
    (maximum(x + c, y + c), maximum(x, y) + c, set()),
    (maximum(x, y), x + relu(y - x), set()),
    (absolute(x), maximum(x, -x), set()),
    (absolute(-x), absolute(x), set()),
    (absolute(x) * absolute(y), absolute(x * y), set()),
    (absolute(x) ** 2, x**2, set()),
    (sign(x) * sign(y), sign(x * y), set()),
    (sign(x) * x**2, x * absolute(x), set()),
    (absolute(x) / x, sign(x), {"x ≠ 0"}),
    (tg.sqrt(x**2), absolute(x), set()),
    (relu(x) - relu(-x), x, set()),
    (relu(x) + relu(-x), absolute(x), set()),
    (relu(x), (x + absolute(x)) / 2, set()),
    (relu(x), tg.where(x > 0, x, 0), set()),
    (relu(x) ** 2, x * relu(x), set()),
    (tg.where(x > 0, x, 0.1 * x), relu(x) - 0.1 * relu(-x), set()),
    (maximum(x, 0.1 * x), 0.1 * x + 0.9 * relu(x), set()),
    (tg.clip(x, -1, 1), minimum(maximum(x, -1), 1), set()),
    (minimum(relu(x), 6), tg.clip(x, 0, 6), set()),
    (relu(1 - x) - relu(x - 1), 1 - x, set()),
    (tg.where(x > y, x, y), maximum(x, y), set()),
    (maximum(0, 1 - q * x), relu(1 - q * x), set()),
    (
        maximum(x, 0) - x * t + log(1 + exp(-absolute(x))),
        -(t * log(sigmoid(x)) + (1 - t) * log(1 - sigmoid(x))),
        {"c = 1 − t"},
    ),
    (maximum(x, 0) + tg.log1p(exp(-absolute(x))), tg.softplus(x), set()),
    (tg.softplus(x) - relu(x), tg.softplus(-absolute(x)), set()),
    (absolute(x) + log(1 + exp(-2 * absolute(x))) - log(2.0), log(tg.cosh(x)), set()),
    (tg.logaddexp(x, y), maximum(x, y) + tg.log1p(exp(-absolute(x - y))), set()),
    (tanh(absolute(x)), absolute(tanh(x)), set()),
    (tg.cosh(x) ** 2 - tg.sinh(x) ** 2, ONE, set()),
    (tg.cosh(x) + tg.sinh(x), exp(x), set()),
    (tg.sinh(2 * x), 2 * tg.sinh(x) * tg.cosh(x), set()),
    (tanh(x), tg.sinh(x) / tg.cosh(x), set()),
    (tg.sin(x) ** 2 + tg.cos(x) ** 2, ONE, set()),
    (tg.sin(x + y), tg.sin(x) * tg.cos(y) + tg.cos(x) * tg.sin(y), set()),
    (tg.cos(2 * x), 1 - 2 * tg.sin(x) ** 2, set()),
    (tg.cos(absolute(x)), tg.cos(x), set()),
    (tg.prod(u) ** (1 / 4), exp(tg.mean(log(u))), {"u > 0", "N = 4"}),
    ((u * v) ** x, u**x * v**x, {"u > 0", "v > 0"}),
    (tg.sqrt(u * v), tg.sqrt(u) * tg.sqrt(v), {"u > 0", "v ≥ 0", "u ⊙ v ≥ 0"}),
    (tg.norm(c * x), absolute(c) * tg.norm(x), set()),
    (tg.std(c * x), absolute(c) * tg.std(x), set()),
    (tg.norm(x + y) ** 2 + tg.norm(x - y) ** 2, 2 * tg.norm(x) ** 2 + 2 * tg.norm(y) ** 2, set()),
    (tg.sum((X @ w - X @ b) ** 2), (w - b) @ (X.T @ X) @ (w - b), set()),
    (trace(A @ B @ C), trace(C @ A @ B), set()),
    (tg.var(x), tg.mean(x**2) - tg.mean(x) ** 2, set()),
    (-log(exp(-absolute(x) / k) / (2 * k)), absolute(x) / k + log(2 * k), set()),
]

FALSE = [
    (tg.logsumexp(100 * x) / 100, tg.max(x)),
    (tg.std(k * x), k * tg.std(x)),
    (tg.norm(k * x), k * tg.norm(x)),
    (absolute(u), u),
    (maximum(u, 0), u),
    (tg.sqrt(u**2), u),
    (relu(u), u),
    (sign(u), 0 * u + 1),
    (sign(k) * x, x),
    (relu(k * x), k * relu(x)),
    (tg.max(k * x), k * tg.max(x)),
    (absolute(x), x * sign(y)),
    (maximum(x, y) - minimum(x, y), x - y),
    (maximum(x, y), x + relu(x - y)),
    (maximum(x, y), (x + y - absolute(x - y)) / 2),
    (relu(x) - relu(-x), absolute(x)),
    (tg.clip(x, -1, 1), maximum(x, -1)),
    (relu(1 - x) + relu(x - 1), 1 - x),
    (maximum(x, 0) - x * t + log(1 + exp(absolute(x))), tg.softplus(x) - t * x),
    (absolute(x) + log(1 + exp(-2 * absolute(x))), log(tg.cosh(x))),
    (tg.cosh(x) ** 2 + tg.sinh(x) ** 2, ONE),
    (tanh(50 * x), sign(x)),
    (sigmoid(100 * x), (x > 0) * 1.0),
    (tg.softplus(100 * x) / 100, relu(x)),
    (tg.sqrt(x**2 + 1e-12), absolute(x)),
    (tg.prod(u) ** (1 / 4), tg.mean(u)),
    (trace(A @ B @ C), trace(A @ C @ B)),
    (tg.var(c * x), c * tg.var(x)),
    (tg.cos(2 * x), 1 - tg.sin(x) ** 2),
    ((u**x) ** y, u ** (x + y)),
]

CONDITIONS = [
    (0 * log(u), 0 * u, {"u > 0"}),
    (0 * x / x, 0 * x, {"x ≠ 0"}),
    ((u**1.5) ** 2, u**3, {"u ≥ 0"}),
    (tg.sqrt(u) ** 2, u, {"u ≥ 0"}),
    (1 / (1 / x), x, {"x ≠ 0"}),
    (log(u) - log(u), 0 * u, {"u > 0"}),
    (log(u * u), 2 * log(u), {"u > 0"}),
    (0 * x / (x - y), 0 * x, {"x − y ≠ 0"}),
]


@pytest.mark.parametrize(("left", "right", "conditions"), [*TRUE, *CONDITIONS])
def test_what_is_true_is_proved_with_its_conditions(left, right, conditions):
    proof = tg.prove(left, right)
    assert proof, proof.verdict
    assert {a.statement for a in proof.assumptions if a.used} == conditions
    if conditions:
        assert not tg.prove(left, right, assume=())


@pytest.mark.parametrize(("left", "right"), FALSE)
def test_what_is_false_is_not_even_said_to_agree(left, right):
    proof = tg.prove(left, right)
    assert not proof
    assert not proof.agreement


@pytest.mark.filterwarnings("ignore:invalid value")
def test_where_a_condition_fails_nothing_is_proved():
    below = tg.Tensor([-1.0, 2.0], name="x")
    assert not tg.prove(0 * log(below), 0 * below)
    assert not tg.prove((below**1.5) ** 2, below**3)
