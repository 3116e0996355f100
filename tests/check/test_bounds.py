"""Bounds that hold: of differences along lines, and of verdicts on right functions, at random.

`make test` takes a few points of every function, `make test-deep` more than 20,000 in all.
"""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.check.differences import EPS, along

# --- a line --------------------------------------------------------------------------------------

#: Functions of one number with their derivatives; all steep, saturated or cancelling somewhere.
LINES = {
    "tanh 30x": (lambda x: np.tanh(30 * x), lambda x: 30 / np.cosh(30 * x) ** 2),
    "sigmoid 8x": (lambda x: 1 / (1 + np.exp(-8 * x)), lambda x: 2 / np.cosh(4 * x) ** 2),
    "exp": (np.exp, np.exp),
    "sin 100x": (lambda x: np.sin(100 * x), lambda x: 100 * np.cos(100 * x)),
    "bump": (lambda x: np.exp(-50 * x**2), lambda x: -100 * x * np.exp(-50 * x**2)),
    "pole": (lambda x: 1 / (x - 0.1), lambda x: -1 / (x - 0.1) ** 2),
    "corner": (lambda x: np.abs(x - 0.1) * x, lambda x: np.sign(x - 0.1) * (2 * x - 0.1)),
    "root": (lambda x: np.sqrt(np.abs(x)), lambda x: np.sign(x) / np.sqrt(np.abs(x)) / 2),
    "offset": (lambda x: 1e6 + np.cos(x), lambda x: -np.sin(x)),
    "log cosh": (lambda x: np.log(np.cosh(9 * x)), lambda x: 9 * np.tanh(9 * x)),
}


@pytest.mark.parametrize("name", LINES)
def test_the_error_of_a_difference_is_within_its_bound(name):
    function, derivative = LINES[name]
    x = np.random.default_rng([*name.encode()]).normal(size=3000)
    with np.errstate(all="ignore"):
        truth, rounding = derivative(x) * x, 16 * EPS * np.abs(derivative(x) * x)
        line = along(lambda t: function(x + t * x), function(x), rounding, 4.0)
        smooth = ~line.kink[:, 0]
        off = np.abs(line.value[:, 0] - truth) - 16 * EPS * np.abs(truth)
    assert (off <= line.error[:, 0])[smooth].all()
    assert smooth.mean() > 0.999
    useful = line.error[:, 0] <= 1e-6 * (np.abs(truth) + np.abs(function(x)))
    assert useful.mean() > 0.95


def test_a_corner_too_faint_to_be_told_from_rounding_is_within_the_bound():
    rng = np.random.default_rng(0)
    height, away = 10 ** rng.uniform(-13, -8, 3000), 10 ** rng.uniform(-7, -1, 3000)
    line = along(lambda t: 1 + t + height * np.abs(t - away), 1 + height * away, EPS, 4.0)
    assert not line.kink.any()
    assert (np.abs(line.value[:, 0] - (1 - height)) <= line.error[:, 0]).all()


# --- right functions -----------------------------------------------------------------------------


def of_rows(function, size=1.0):
    """Draw a matrix of 10 to 500 entries for a function of one."""

    def draw(rng):
        entries = np.exp(rng.uniform(np.log(10), np.log(500)))
        rows = max(2, int(np.sqrt(entries) * rng.uniform(0.4, 1.6)))
        return function, [size * rng.normal(size=(rows, max(2, int(entries / rows))))]

    return draw


def of_entries(function, size=1.0, shift=0.0):
    """Draw a vector of 10 to 500 entries for a function of one."""

    def draw(rng):
        entries = int(np.exp(rng.uniform(np.log(10), np.log(500))))
        return function, [shift + size * rng.normal(size=entries)]

    return draw


def against_labels(loss, size=1.0):
    def draw(rng):
        _, (z,) = of_rows(None, size)(rng)
        labels = rng.integers(0, z.shape[1], len(z))
        return lambda z: loss(z, labels), [z]

    return draw


def network(activation, loss):
    def draw(rng):
        wide, inputs, classes = (int(rng.integers(*span)) for span in ((3, 17), (2, 9), (2, 6)))
        data, size = rng.normal(size=(int(rng.integers(3, 20)), inputs)), rng.choice([0.5, 1, 3])
        labels = rng.integers(0, classes, len(data))

        def f(W1, b1, W2, b2):
            return loss(activation(data @ W1 + b1) @ W2 + b2, labels)

        shapes = [(inputs, wide), (wide,), (wide, classes), (classes,)]
        return f, [size * rng.normal(size=shape) for shape in shapes]

    return draw


def squares(out, labels):
    return tg.mean((out - np.eye(out.shape[1])[labels]) ** 2)


def layers(rng):
    wide = int(rng.integers(3, 9))
    data = rng.normal(size=(5, wide))

    def f(*weights):
        a = data
        for W in weights:
            a = tg.tanh(a @ W)
        return tg.sum(a * a)

    return f, [2 * rng.normal(size=(wide, wide)) for _ in range(5)]


def attention(rng):
    n, d = rng.integers(2, 9, 2)
    return lambda q, k, v: tg.softmax(q @ k.T) @ v, [2 * rng.normal(size=(n, d)) for _ in range(3)]


def normalised(x):
    spread = tg.sqrt(tg.var(x, axis=-1, keepdims=True) + 1e-5)
    return (x - tg.mean(x, axis=-1, keepdims=True)) / spread


def half(x):
    return x[: len(x) // 2], x[len(x) // 2 : 2 * (len(x) // 2)]


FUNCTIONS = {
    "tanh 30x": of_entries(lambda x: tg.tanh(30 * x)),
    "sum of tanh 30x": of_rows(lambda x: tg.sum(tg.tanh(30 * x), axis=0)),
    "sigmoid 8x": of_entries(lambda x: tg.sigmoid(8 * x)),
    "sigmoid 40x": of_entries(lambda x: tg.sum(tg.sigmoid(40 * x))),
    "saturated sigmoid": of_entries(tg.sigmoid, 30),
    "squared sigmoid": of_entries(lambda x: tg.mean((tg.sigmoid(20 * x) - 0.3) ** 2)),
    "deep sigmoid": of_entries(lambda x: tg.sigmoid(5 * tg.tanh(5 * tg.sin(x)))),
    "logsumexp X Xᵀ": of_rows(lambda X: tg.logsumexp(X @ X.T)),
    "sum of logsumexp X Xᵀ": of_rows(lambda X: tg.sum(tg.logsumexp(X @ X.T, axis=-1))),
    "self-attention": of_rows(lambda X: tg.softmax(X @ X.T) @ X, 0.7),
    "tanh X Xᵀ X": of_rows(lambda X: tg.sum(tg.tanh(X @ X.T @ X)), 0.5),
    "softmax": of_rows(tg.softmax, 3),
    "saturated softmax": of_rows(tg.softmax, 20),
    "saturated log softmax": of_rows(tg.log_softmax, 20),
    "softmax by hand": of_rows(lambda z: tg.exp(z) / tg.sum(tg.exp(z), axis=-1, keepdims=True), 2),
    "entropy": of_rows(lambda z: -tg.sum(tg.softmax(z) * tg.log_softmax(z)), 3),
    "relu squared": of_entries(lambda x: tg.sum(tg.relu(x) ** 2)),
    "absolute": of_entries(lambda x: tg.sum(tg.abs(x))),
    "largest": of_rows(lambda x: tg.max(x, axis=-1)),
    "norm": of_entries(tg.norm),
    "deviation": of_rows(lambda x: tg.std(x, axis=0)),
    "layer norm": of_rows(normalised),
    "layer norm far off": of_rows(lambda x: normalised(x + 100)),
    "gelu": of_entries(lambda x: tg.gelu(3 * x)),
    "softplus": of_entries(lambda x: tg.sum(tg.softplus(20 * x))),
    "log cosh": of_entries(lambda x: tg.sum(tg.log((tg.exp(x) + tg.exp(-x)) / 2)), 3),
    "polynomial": of_entries(lambda x: x**3 - 2 * x**2 + x),
    "cancelling": of_entries(lambda x: (x + 1e6) ** 2 - x**2),
    "far off": of_entries(lambda x: tg.sum(x * x) + 1e8),
    "running sum": of_entries(lambda x: tg.cumsum(x * x)),
    "sine": of_entries(lambda x: tg.sin(20 * x)),
    "root": of_entries(lambda x: tg.sqrt(x * x)),
    "reciprocal": of_entries(lambda x: 1 / x),
    "product": of_entries(tg.prod),
    "maximum": of_entries(lambda x: tg.maximum(x, tg.tanh(x[::-1]))),
    "cases": of_entries(lambda x: tg.where(x > 0.3, tg.exp(x), 3 * x)),
    "exp of a sum": of_entries(lambda x: tg.exp(tg.sum(x) / 3)),
    "scales": of_entries(lambda x: tg.tanh(x * np.logspace(-3, 3, len(x)))),
    "weights": of_entries(lambda x: tg.sum(x * np.logspace(-6, 6, len(x))) + tg.sum(x**2)),
    "penalty": of_entries(lambda x: tg.sum(tg.sigmoid(x * 2)) + 1e-8 * tg.sum(x * x)),
    "binary": of_entries(lambda x: tg.sigmoid_cross_entropy(8 * x, np.arange(len(x)) % 2 * 1.0)),
    "binary of probabilities": of_entries(
        lambda x: tg.binary_cross_entropy(tg.sigmoid(4 * x), np.linspace(0, 1, len(x)))
    ),
    "cross-entropy": against_labels(tg.softmax_cross_entropy),
    "cross-entropy, saturated": against_labels(tg.softmax_cross_entropy, 8),
    "cross-entropies": against_labels(
        lambda z, y: tg.softmax_cross_entropy(z, y, reduction="none"), 4
    ),
    "of probabilities": against_labels(lambda z, y: tg.cross_entropy(tg.softmax(z), y)),
    "divergence": of_rows(lambda z: tg.kl_divergence(*map(tg.softmax, half(z)))),
    "gauss": of_entries(
        lambda x: tg.sum(((half(x)[0] - 0.3) / tg.exp(half(x)[1])) ** 2 / 2 + half(x)[1])
    ),
    "tanh network": network(tg.tanh, tg.softmax_cross_entropy),
    "steep network": network(lambda a: tg.tanh(5 * a), squares),
    "relu network": network(tg.relu, tg.softmax_cross_entropy),
    "relu logits": network(tg.relu, lambda out, labels: out),
    "saturated network": network(lambda a: tg.sigmoid(10 * a), tg.softmax_cross_entropy),
    "gelu network": network(tg.gelu, squares),
    "five layers": layers,
    "attention": attention,
}


def measure(points, figures, order):
    alarms = {}
    for name, draw in FUNCTIONS.items():
        for point in points:
            f, inputs = draw(np.random.default_rng([point, *name.encode()]))
            report = tg.gradcheck(f, *inputs, order=order, rng=point)
            if not report:
                alarms[name, point] = f"{report.verdict}: {report.reason}"
    figures.append(
        f"right functions at random, order {order}: {len(FUNCTIONS) * len(points)} points of "
        f"{len(FUNCTIONS)} functions, {len(alarms)} false alarms"
    )
    assert alarms == {}


@pytest.mark.usefixtures("untraced")
def test_no_false_alarm_at_random_points(figures):
    assert len(FUNCTIONS) >= 40
    measure(range(1), figures, order=2)


@pytest.mark.deep
@pytest.mark.parametrize("order", [1, 2])
def test_no_false_alarm_at_twenty_thousand_points(order, figures):
    assert 2 * 180 * len(FUNCTIONS) >= 20_000
    measure(range(1, 181), figures, order)
