"""The exercises of chapter 14: validation and early stopping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.lectures.exercises.exercise import Explain, Implement, Number, expect

__all__ = ["EXERCISES"]

_LOSSES = (0.90, 0.71, 0.62, 0.64, 0.60, 0.66, 0.61, 0.63, 0.58)


def _ends(losses: Any, patience: int) -> tuple[int, int]:
    best = 1
    for epoch in range(1, len(losses) + 1):
        best = epoch if losses[epoch - 1] < losses[best - 1] else best
        if epoch - best == patience:
            return epoch, best
    return len(losses), best


def _stopping(student: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    cases = [(list(_LOSSES), p) for p in (1, 3, 4, 20)]
    cases += [(rng.random(15).round(1).tolist(), 3) for _ in range(5)]  # with ties
    for losses, patience in cases:
        said = f"for the losses {losses} and patience {patience}, epoch and best epoch"
        expect(said, np.array(student(losses, patience)), np.array(_ends(losses, patience)))


EXERCISES = (
    Number(
        "14.1",
        "Patience",
        statement=r"""The validation losses of the first nine epochs are 0.90, 0.71, 0.62, 0.64, 0.60, 0.66, 0.61, 0.63, 0.58.
The patience is 3. After which epoch does training end, and of which epoch are the weights?""",
        hints=("Count how many epochs in a row have not beaten the lowest loss so far.",),
        value=lambda: _ends(_LOSSES, 3),
        decimals=0,
        slips={
            "the ninth epoch is never reached: three epochs without a lower loss come before": (
                lambda: (9, 9)
            ),
            "the lowest loss starts the count again": lambda: (6, 3),
        },
        why="Epoch 5 has the lowest loss so far, 0.60. Epochs 6, 7 and 8 do not beat it.",
        wrong={"9, 9": "never reached", "6, 3": "starts the count again", "8": "number of numbers"},
    ),
    Implement(
        "14.2",
        "Write early stopping",
        statement="""Write `stop(losses, patience)`: given the validation losses of all epochs, return the epoch after which
training ends and the epoch whose weights are kept, both counted from 1. Training ends as soon as `patience` epochs in
a row have not been *below* the lowest loss; else with the last epoch.""",
        hints=("Keep the lowest loss so far, and the epoch it belongs to.",),
        function="stop",
        test=_stopping,
        solution="""
def stop(losses, patience):
    lowest, best = float("inf"), 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest:
            lowest, best = loss, epoch
        if epoch - best == patience:
            break
    return epoch, best
""",
        why="An equal loss is not below the lowest: the first epoch of a tie is kept.",
        wrong={
            "def stop(losses, patience):\n"
            "    best = losses.index(min(losses)) + 1\n"
            "    return min(best + patience, len(losses)), best\n": "patience 1",
        },
    ),
    Explain(
        "14.3",
        "Two measures",
        statement="""Over twenty epochs the validation loss of a network rises from 0.5 to 0.9, and its accuracy stays at
80 %. How can both be true?""",
        hints=("Which examples make most of the loss?", "What does accuracy not look at?"),
        ideas={
            "the examples that are wrong": "wrong|mistake|misclass|incorrect|error",
            "how sure the network is": "sure|confiden|certain|probabilit|extreme",
        },
        solution="""The network becomes surer. Where it is right this gains little, where it is wrong −log a grows without
bound. Accuracy asks only which probability is the largest, and that has not changed.""",
        wrong={"The network is too sure.": "the examples that are wrong"},
    ),
)
