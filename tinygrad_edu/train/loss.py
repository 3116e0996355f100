"""The loss of a batch, and how it joins the examples: tried on all targets before training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.nn.heads import refuse_applied_twice, refuse_wrong_pair
from tinygrad_edu.nn.module import Module, like_parameters, mode
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.settings import unlike
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.train.examples import Examples

__all__ = ["BATCH", "BatchLoss", "head_of", "refuse_swapped"]

BATCH = 256  # examples that are evaluated at a time: memory does not grow with the data


@dataclass(frozen=True)
class BatchLoss:
    """A function of (outputs, targets) that gives one number for a batch.

    Attributes
    ----------
    function : callable
        The loss itself.
    reduction : {"mean", "sum", "other"}
        How it joins the examples.
    """

    function: Callable[[Any, Any], Any]
    reduction: str

    def __call__(self, outputs: Any, targets: Any) -> Any:
        """Return the loss of a batch."""
        return self.function(outputs, targets)

    def whole(self, value: float, examples: int) -> float:
        """Return what a batch of so many examples adds to the loss of all, summed over them."""
        return value if self.reduction == "sum" else value * examples

    @classmethod
    def prepared(
        cls, model: Module, loss: Any, examples: Examples, validation: Examples | None = None
    ) -> BatchLoss:
        """Take the given loss or that of the head, and try it on all targets.

        The model computes one batch, as at inference; one row of its outputs then stands for all
        others. So data that do not fit the model or the loss are found before training.
        """
        function = _function(model, loss)
        outputs = _try(function, model, examples)
        if validation is not None:
            _try(function, model, validation)
        return cls(function, _reduction(function, outputs, examples.targets[:BATCH]))


def _try(function: Callable[[Any, Any], Any], model: Module, examples: Examples) -> Any:
    """Compute the first outputs, and the loss of as many examples at a time; return the former."""
    first = examples.first(BATCH)
    with mode(model, training=False):
        outputs: Any = model(like_parameters(model)(first.features))
    if not isinstance(outputs, Tensor) or outputs.shape[:1] != (len(first),):
        given = f"of shape {outputs.shape}" if hasattr(outputs, "shape") else type(outputs).__name__
        raise ValueError(
            f"fit: the model's output for {len(first)} examples is {given}; it has one row per "
            "example, computed from its parameters"
        )
    refuse_applied_twice(outputs, function)
    for start in range(0, len(examples), BATCH):
        targets = examples.targets[start : start + BATCH]
        _number(function(Tensor(np.repeat(outputs.data[:1], len(targets), axis=0)), targets))
    return outputs.data


def refuse_swapped(who: str, model: Any, data: Any, loss: Any) -> None:
    """Raise for a model, data and a loss in an order that other libraries have."""
    if isinstance(data, Module):
        raise TypeError(f"{who}: the model comes first, as in {who}(model, (X, y), …)")
    if isinstance(loss, Optimizer):
        raise TypeError(f"{who}: give the optimizer by name, optimizer={type(loss).__name__}(…)")
    if loss is not None and not callable(loss) and not isinstance(loss, str):
        raise TypeError(
            f"{who}: give features and targets as one pair, as in {who}(model, (X, y), …)"
        )


def head_of(model: Module) -> Any:
    """Return the head of the model; None where it has none, or several."""
    heads = [part for part in model.modules() if part.is_head]
    return heads[0] if len(heads) == 1 else None


def _function(model: Module, loss: Any) -> Callable[[Any, Any], Any]:
    if not isinstance(model, Module):
        raise unlike("the model", model, "pass an nn.Module, whose parameters are known")
    if loss is None:
        head = head_of(model)
        if head is None:
            several = any(part.is_head for part in model.modules())
            raise ValueError(
                f"the model has {'several heads' if several else 'no head'} and no loss was given; "
                "end the model with "
                'nn.head("multiclass", classes), or pass loss=tg.mean_squared_error or another'
            )
        own: Callable[[Any, Any], Any] = head.loss
        return own
    if not callable(loss):
        mend = "pass a function of (outputs, targets), such as tg.softmax_cross_entropy"
        raise unlike("loss", loss, mend)
    refuse_wrong_pair(model, loss)
    function: Callable[[Any, Any], Any] = loss
    return function


def _reduction(function: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> str:
    """Find how examples are joined: a sum doubles when every example comes twice."""
    once = _number(function(Tensor(outputs), targets))
    twice = _number(
        function(Tensor(np.concatenate([outputs, outputs])), np.concatenate([targets, targets]))
    )
    if np.isclose(twice, once, rtol=1e-3, atol=0):
        return "mean"
    return "sum" if np.isclose(twice, 2 * once, rtol=1e-3, atol=0) else "other"


def _number(value: Any) -> float:
    if not isinstance(value, Node) or value.shape != ():
        given = f"of shape {value.shape}" if hasattr(value, "shape") else type(value).__name__
        raise ValueError(
            f"the loss of a batch is {given}; it joins the examples to one number, a Tensor of "
            'shape (): leave out reduction="none", and compute with ops'
        )
    return float(value.value)
