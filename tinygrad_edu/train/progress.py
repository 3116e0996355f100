"""How training goes: a bar in a terminal or notebook, where tqdm is there, or else lines."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from tinygrad_edu.train.history import History

__all__ = ["Progress"]

_LINES = 10  # at most, for all epochs


class Progress:
    """Counts batches in a bar, or writes a line after an epoch, to standard error.

    Parameters
    ----------
    epochs, batches : int
        How many there will be, and how many batches in each.
    shown : bool
        False for silence.
    """

    def __init__(self, epochs: int, batches: int, shown: bool) -> None:
        self._epochs, self._shown = epochs, shown and sys.stderr is not None
        self._bar = _bar(epochs * batches) if self._shown else None

    def start(self, epoch: int) -> None:
        """Say which epoch begins."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {epoch}/{self._epochs}", refresh=False)

    def advance(self, batches: int = 1) -> None:
        """Count on."""
        if self._bar is not None:
            self._bar.update(batches)

    def show(self, history: History) -> None:
        """Write the latest numbers behind the bar, or as a line."""
        latest = {name: f"{values[-1]:.4f}" for name, values in history.columns().items()}
        epoch = len(history)
        if self._bar is not None:
            self._bar.set_postfix(latest, refresh=False)
        elif self._shown and (epoch * _LINES) % self._epochs < _LINES:
            numbers = ", ".join(f"{name} {value}" for name, value in latest.items())
            print(f"epoch {epoch}/{self._epochs}: {numbers}", file=sys.stderr)

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()


def _bar(batches: int) -> Any:
    """Return a bar, where it can be seen and tqdm is installed."""
    in_notebook = "ipykernel" in sys.modules
    if not (sys.stderr.isatty() or in_notebook):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a notebook without ipywidgets gets a bar of text
            from tqdm.auto import tqdm
    except ImportError:
        return None
    file = sys.stdout if in_notebook else sys.stderr  # which notebooks show in red
    return tqdm(total=batches, unit="batch", dynamic_ncols=True, file=file)
