"""Early stopping: end the training when the validation loss turns up, and go back to the best."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.elsewhere import guided_init
from tinygrad_edu.nn.module import Module
from tinygrad_edu.settings import count, matched, number

__all__ = ["Best", "EarlyStopping"]

Array = NDArray[Any]


@guided_init
@dataclass(frozen=True)
class EarlyStopping:
    """When `fit` ends the training, and whether it goes back to the best weights.

    Parameters
    ----------
    patience : int
        After so many epochs in a row without an improvement of the validation loss, training
        ends. 0 bears none either, so it means the same as 1.
    min_delta : float, optional
        An improvement is a validation loss that is lower by more than this than the one at the
        last improvement. The best weights are those of the lowest loss, by however little.
    restore_best : bool, optional
        Give the model the weights of its best epoch in the end, even if patience never ran out.

    Raises
    ------
    ValueError
        If `patience` or `min_delta` is negative.
    TypeError
        If `patience` is no integer or `min_delta` no number.

    Notes
    -----
    The same loss again is no improvement, and NaN never is one.

    Examples
    --------
    >>> from tinygrad_edu.train import EarlyStopping
    >>> EarlyStopping(patience=3)
    EarlyStopping(patience=3, min_delta=0.0, restore_best=True)
    >>> EarlyStopping(patience=-1)
    Traceback (most recent call last):
    ValueError: EarlyStopping: patience = -1 does not make sense; choose at least 0
    """

    patience: int
    min_delta: float = 0.0
    restore_best: bool = True

    def __post_init__(self) -> None:
        count("EarlyStopping: patience", self.patience)
        number("EarlyStopping: min_delta", self.min_delta)


class Best:
    """The best epoch so far, its weights, and how long ago it was.

    Parameters
    ----------
    model : Module
        Whose weights are kept.
    rule : EarlyStopping, optional
        Without one, the best is kept and `exhausted` is never true.
    """

    def __init__(self, model: Module, rule: EarlyStopping | None) -> None:
        self.epoch: int | None = None
        self._model = model
        self._rule = rule
        self._loss = math.inf
        self._improved = math.inf  # the loss from which patience counts
        self._waited = 0
        self._weights: dict[str, Array] | None = None

    def watch(self, epoch: int, loss: float) -> None:
        """Take note of the validation loss after an epoch."""
        if loss < self._loss:
            weights = self._model.state_dict()  # first: Ctrl-C may come while they are copied
            self.epoch, self._loss, self._weights = epoch, loss, weights
        if loss < self._improved - (self._rule.min_delta if self._rule else 0.0):
            self._improved, self._waited = loss, 0
        else:
            self._waited += 1

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self._rule is not None and self._waited >= max(self._rule.patience, 1)

    def restore(self) -> bool:
        """Give the model its best weights; say whether there are any."""
        if self._weights is None:
            return False
        self._model.load_state_dict(self._weights)
        return True

    def state_dict(self) -> dict[str, Array]:
        """Return what `load_state_dict` needs to go on from here."""
        state: dict[str, Array] = {
            "loss": np.array(self._loss),
            "improved": np.array(self._improved),
            "waited": np.array(self._waited),
            "epoch": np.array(self.epoch or 0),
        }
        weights = self._weights or {}
        return state | {f"weights/{name}": array for name, array in weights.items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Go on from where another one stood; raise where that was with another model."""
        numbers = {name: array for name, array in self.state_dict().items() if "/" not in name}
        weights = {f"weights/{name}": array for name, array in self._model.state_dict().items()}
        given = dict(state)
        if "loss" in given:
            given.setdefault("improved", given["loss"])  # earlier versions wrote none
        held = weights if any(map(weights.__contains__, given)) else {}
        found = matched("best", given, numbers | held)
        self._loss, self._improved = float(found["loss"]), float(found["improved"])
        self._waited, self.epoch = int(found["waited"]), int(found["epoch"]) or None
        best = {k.removeprefix("weights/"): v for k, v in found.items() if k in held}
        self._weights = best or None
