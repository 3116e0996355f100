"""One epoch of the lecture's Fashion-MNIST network (A18), through `fit` and without it.

784 → 300 ReLU → 100 ReLU → 10 softmax, float32, batches of 32, plain SGD, one thread. Compared
with the same loop written by hand in NumPy, and with PyTorch where it is installed; all in turns
within one run, so that a busy machine is busy for all. Memory is measured in separate processes.

By hand there are two: `fit` gives a parameter a new array in each step, since a recorded graph
keeps the values it was computed from, and so does the first; the second writes over its weights.
"""

import functools
import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
import tracemalloc

import numpy as np

from tinygrad_edu import nn, optim, train
from tinygrad_edu.data import load_fashion_mnist

IMAGES = 60_000
ROUNDS = 3
BATCH = 32
RATE = 0.1
WIDTHS = (784, 300, 100, 10)


def images(n):
    """Fashion-MNIST where it is, and else noise of the same shape."""
    try:
        data, _ = load_fashion_mnist()
    except FileNotFoundError as missing:
        print(f"noise instead of Fashion-MNIST: {missing}")
        rng = np.random.default_rng(0)
        return rng.random((n, 784), np.float32), rng.integers(10, size=n)
    return data.features[:n].copy(), data.labels[:n].copy()


def start():
    """The same weights for all."""
    rng = np.random.default_rng(0)
    return [
        array
        for fan_in, fan_out in itertools.pairwise(WIDTHS)
        for array in (
            rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out)).astype(np.float32),
            np.zeros(fan_out, np.float32),
        )
    ]


def ours(X, Y):
    """Train with `fit`; returns a function that trains one epoch and gives its loss."""
    rng = np.random.default_rng(0)
    layers = [nn.Linear(a, b, rng=rng, dtype=np.float32) for a, b in itertools.pairwise(WIDTHS)]
    model = nn.Sequential(
        layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2], nn.head("multiclass", 10)
    )
    for tensor, array in zip(model.parameters(), start(), strict=True):
        tensor.data = array
    sgd, draws = optim.SGD(model, lr=RATE), np.random.default_rng(1)

    def epoch():
        history = train.fit(model, (X, Y), optimizer=sgd, epochs=1, batch_size=BATCH, rng=draws)
        return history.loss[0]

    return epoch


def by_hand(X, Y, in_place=False):
    """The same in NumPy, as one would write it for this network alone."""
    parameters = start()
    draws = np.random.default_rng(1)

    def epoch():
        order, total = draws.permutation(len(X)), 0.0
        for at in range(0, len(X), BATCH):
            W1, b1, W2, b2, W3, b3 = parameters
            rows = order[at : at + BATCH]
            x, y, n = X[rows], Y[rows], len(rows)
            h1 = np.maximum(x @ W1 + b1, 0)
            h2 = np.maximum(h1 @ W2 + b2, 0)
            z = h2 @ W3 + b3
            z -= z.max(axis=1, keepdims=True)
            e = np.exp(z)
            s = e.sum(axis=1, keepdims=True)
            total += float((np.log(s[:, 0]) - z[np.arange(n), y]).sum())
            d3 = e / s
            d3[np.arange(n), y] -= 1
            d3 /= n
            d2 = (d3 @ W3.T) * (h2 > 0)
            d1 = (d2 @ W2.T) * (h1 > 0)
            found = (x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0))
            for i, g in enumerate(found):
                if in_place:
                    parameters[i] -= RATE * g
                else:
                    parameters[i] = parameters[i] - RATE * g
        return total / len(X)

    return epoch


def pytorch(X, Y):
    """The same in PyTorch, eager, or None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    layers = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(WIDTHS)]
    model = torch.nn.Sequential(layers[0], torch.nn.ReLU(), layers[1], torch.nn.ReLU(), layers[2])
    with torch.no_grad():
        for parameter, array in zip(model.parameters(), start(), strict=True):
            parameter.copy_(torch.from_numpy(array.T.copy() if array.ndim > 1 else array))
    sgd, draws = torch.optim.SGD(model.parameters(), lr=RATE), np.random.default_rng(1)
    loss_of, features, labels = (
        torch.nn.CrossEntropyLoss(),
        torch.from_numpy(X),
        torch.from_numpy(Y),
    )

    def epoch():
        order, total = torch.from_numpy(draws.permutation(len(X))), 0.0
        for at in range(0, len(X), BATCH):
            rows = order[at : at + BATCH]
            loss = loss_of(model(features[rows]), labels[rows])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            total += loss.item() * len(rows)
        return total / len(X)

    return epoch


CONTESTANTS = {
    "fit": ours,
    "NumPy by hand": by_hand,
    "NumPy in place": functools.partial(by_hand, in_place=True),
    "PyTorch, eager": pytorch,
}


def speed():
    """Print the time per step of each, and the median of the ratios of the rounds."""
    X, Y = images(IMAGES)
    epochs = {name: prepare(X, Y) for name, prepare in CONTESTANTS.items()}
    epochs = {name: epoch for name, epoch in epochs.items() if epoch is not None}
    losses = {name: epoch() for name, epoch in epochs.items()}  # to warm up
    spread = max(losses.values()) - min(losses.values())
    print(f"loss of the first epoch: {losses['fit']:.4f}, all within {spread:.1e}")
    seconds = {name: [] for name in epochs}
    for _ in range(ROUNDS):
        for name, epoch in epochs.items():
            begin = time.perf_counter()
            epoch()
            seconds[name].append(time.perf_counter() - begin)
    steps = -(-IMAGES // BATCH)
    for name, times in seconds.items():
        ratios = [own / other for own, other in zip(seconds["fit"], times, strict=True)]
        print(
            f"{name:15} {1e6 * statistics.median(times) / steps:6.0f} µs per step; "
            f"fit takes {statistics.median(ratios):.3f} times as long"
        )


def memory(name):
    """Print the most that weights and training take, and that the process ever held, in MB."""
    X, Y = images(IMAGES)
    epoch = CONTESTANTS[name](X, Y)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    epoch()
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tracemalloc.start()
    CONTESTANTS[name](X, Y)()
    print(
        f"{name:15} {tracemalloc.get_traced_memory()[1] / 2**20:6.2f} MB beside the data, "
        f"{held:.0f} MB held by the process, {before:.0f} of them before training"
    )


def main(arguments):
    if not arguments:  # in processes of their own: the settings count when NumPy is loaded
        for job in ("speed", "fit", "NumPy by hand", "NumPy in place"):
            subprocess.run([sys.executable, __file__, job], check=True, env=environment())
    elif arguments[0] == "speed":
        speed()
    else:
        memory(arguments[0])


def environment():
    """One thread, and the kernels that the library chooses by itself."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS")}
    return own | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


if __name__ == "__main__":
    main(sys.argv[1:])
