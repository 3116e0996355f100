"""One training step: written by hand in NumPy, recorded, compiled, and of the derived gradient.

Softmax cross-entropy behind one hidden layer, float32, plain SGD, one thread, the sizes of Iris and
of the lecture's Fashion-MNIST network. All take turns within one run, so that a busy machine is
busy for all; losses are compared first. Printed are medians, and the ratio to the step by hand.
"""

import os
import statistics
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np

import tinygrad_edu as tg

ROUNDS = 60
RATE = np.float32(0.01)
SIZES = {"Iris": (16, 4, 16, 3), "Fashion-MNIST": (32, 784, 300, 10)}


def problem(examples, inputs, hidden, classes):
    """Draw weights, features and one-hot targets."""
    draws = np.random.default_rng(0)
    shapes = (inputs, hidden), (hidden,), (hidden, classes), (classes,)
    weights = [(draws.normal(size=s) / np.sqrt(s[0])).astype(np.float32) for s in shapes]
    features = draws.normal(size=(examples, inputs)).astype(np.float32)
    return (
        weights,
        features,
        np.eye(classes, dtype=np.float32)[draws.integers(0, classes, examples)],
    )


def by_hand(weights, X, Y):
    """The step that one would write."""
    W, b, V, c = weights
    h = np.maximum(X @ W + b, 0)
    z = h @ V + c
    e = np.exp(z - z.max(1, keepdims=True))
    a = e / e.sum(1, keepdims=True)
    g = (a - Y) / np.float32(len(Y))
    k = (g @ V.T) * (h > 0)
    slopes = X.T @ k, k.sum(0), h.T @ g, g.sum(0)
    return -np.sum(Y * np.log(a)) / np.float32(len(Y)), [
        w - RATE * s for w, s in zip(weights, slopes, strict=True)
    ]


def ways(X, Y):
    """Return what maps weights to the loss and the next weights, by name."""

    def loss(W, b, V, c):
        e = tg.exp(tg.relu(X @ W + b) @ V + c)
        a = e / tg.sum(e, axis=1, keepdims=True)
        return -tg.sum(Y * tg.log(a)) / np.float32(len(Y))

    slopes = tg.value_and_grad(loss, (0, 1, 2, 3))

    def update(*weights):
        value, found = slopes(*weights)
        return value, [w - RATE * s for w, s in zip(weights, found, strict=True)]

    def stepping(program):
        def step(weights):
            value, found = program(*weights)
            return value, [w - RATE * s for w, s in zip(weights, found, strict=True)]

        return step

    whole = tg.compile(update, donate=(0, 1, 2, 3), exact=False)
    return {
        "by hand": lambda weights: by_hand(weights, X, Y),
        "recorded": lambda weights: update(*weights),
        "compiled": stepping(tg.compile(slopes)),
        "compiled, update inside": lambda weights: whole(*weights),
        "compiled, derived": stepping(tg.compile(slopes, derive=True)),
    }


def main():
    for name, sizes in SIZES.items():
        weights, X, Y = problem(*sizes)
        steps, state, losses, times = ways(X, Y), {}, {}, {}
        for way, step in steps.items():
            state[way], times[way] = [w.copy() for w in weights], []
            for _ in range(5):
                losses[way], state[way] = step(state[way])
        assert np.allclose([*losses.values()], losses["by hand"], rtol=1e-4), losses
        for _ in range(ROUNDS):
            for way, step in steps.items():
                start = time.perf_counter()
                for _ in range(20):
                    _, state[way] = step(state[way])
                times[way].append((time.perf_counter() - start) / 20)
        print(f"{name}, {sizes[0]} examples")
        hand = statistics.median(times["by hand"])
        for way, found in times.items():
            middle = statistics.median(found)
            print(f"  {way:<24} {middle * 1e6:8.1f} us  {middle / hand:5.2f}")


if __name__ == "__main__":
    main()
