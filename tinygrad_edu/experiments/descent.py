"""The loop that the experiments share: loss, gradients, step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.tensor import Tensor

__all__ = ["descend"]


def descend(optimizer: Optimizer, loss: Callable[[], Tensor], steps: int) -> Iterator[float]:
    """Yield the loss at the start and after each step, while the parameters are there."""
    parameters = list(optimizer.parameters.values())
    for _ in range(steps):
        value = loss()
        yield value.item()
        optimizer.step(gradients(value, parameters))
    yield loss().item()
