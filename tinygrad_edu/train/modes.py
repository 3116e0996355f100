"""Training and inference as modes of a model, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tinygrad_edu.nn.module import Module

__all__ = ["mode"]


@contextmanager
def mode(model: Module, training: bool) -> Iterator[None]:
    """Compute as in training or as at inference, then put every part back into its own mode."""
    before = {part: part.training for part in model.named_modules().values()}
    model.train(training)
    try:
        yield
    finally:
        for part, own in before.items():
            part.training = own
