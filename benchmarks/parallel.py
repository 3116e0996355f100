"""Data-parallel training of the lecture's Fashion-MNIST network (A18) in one process and in two.

Every process uses one thread, so that two processes use two cores and one uses one.
"""

import itertools
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from tinygrad_edu import nn, optim, parallel, train
from tinygrad_edu.data import load_fashion_mnist

IMAGES = 6_000
ROUNDS = 3
WIDTHS = (784, 300, 100, 10)
BATCHES = (32, 256)


def images():
    """Fashion-MNIST where it is, and else noise of the same shape."""
    try:
        data, _ = load_fashion_mnist()
    except FileNotFoundError:
        rng = np.random.default_rng(0)
        return rng.random((IMAGES, 784), np.float32), rng.integers(10, size=IMAGES)
    return data.features[:IMAGES], data.labels[:IMAGES]


def seconds(group, batch_size):
    """Train for some epochs, and return how long one takes, and the last loss."""
    rng = np.random.default_rng(0)
    layers = [
        part
        for a, b in itertools.pairwise(WIDTHS)
        for part in (nn.Linear(a, b, initialiser="he", rng=rng, dtype=np.float32), nn.ReLU())
    ]
    model = nn.Sequential(*layers[:-1], nn.head("multiclass", 10))
    history = train.fit(
        model,
        images(),
        optimizer=optim.SGD(model, lr=0.1),
        epochs=1 + ROUNDS,
        batch_size=batch_size,
        rng=rng,
        group=group,
    )
    return statistics.median(history.seconds[1:]), history.loss[-1]


def main(arguments):
    if arguments:
        with parallel.world() as group:
            for batch_size in BATCHES:
                took, loss = seconds(group, batch_size)
                if group.rank == 0:
                    print(
                        f"{group.size} process(es), batches of {batch_size:3}: "
                        f"{1e6 * took / IMAGES:5.1f} µs per image, loss {loss:.6f}"
                    )
        return
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    mpiexec = shutil.which("mpiexec", path=os.pathsep.join(folders))
    if mpiexec is None:
        print('MPI is not installed; run: pip install "tinygrad_edu[mpi]"')
        return
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    for processes in (1, 2):
        command = [mpiexec, "-n", str(processes), sys.executable, __file__, "train"]
        subprocess.run(command, check=True, env=one_thread)


if __name__ == "__main__":
    main(sys.argv[1:])
