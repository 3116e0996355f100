"""Save checkpoints in a process that is killed at random moments, again and again.

Run as ``python -m tests.train.killing FOLDER``. A process of its own, because only one with a
single thread forks safely; forking, because importing anew would take most of the time. Prints one
line per kill: the number of the save that was found whole, and whether one was cut short.
"""

import itertools
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tinygrad_edu import nn, train

KILLS = 25


def saved(path, model, number):
    """Save the model with all its weights set to the number of the save."""
    for tensor in model.parameters():
        tensor.data = np.full(tensor.shape, float(number))
    train.save_checkpoint(path, model)


def killed(path, model, first, seconds):
    """Start saving, kill it after that time, and return how the process ended."""
    child = os.fork()
    if not child:
        for number in itertools.count(first):
            saved(path, model, number)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder):
    path, draws = folder / "run.npz", np.random.default_rng(0)
    model = nn.Linear(40, 40, rng=draws)
    saved(path, model, 0)
    for kill in range(KILLS):
        if killed(path, model, 1000 * (kill + 1), draws.uniform(0.01, 0.06)) != -signal.SIGKILL:
            raise SystemExit("the saving process ended by itself")
        train.load_checkpoint(path, model)
        numbers = {float(w) for tensor in model.parameters() for w in tensor.data.flat}
        parts = list(folder.glob(".run.npz.*.part"))
        print(*numbers, "cut" if parts else "between")
        for part in parts:
            part.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
