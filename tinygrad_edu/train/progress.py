"""A progress bar on the terminal, where there is one and tqdm is installed."""

from __future__ import annotations

import sys
from typing import Any

from tinygrad_edu.train.history import History

__all__ = ["Progress"]


class Progress:
    """Counts batches on the terminal; silent without a terminal or without tqdm.

    Parameters
    ----------
    batches : int
        How many there will be.
    shown : bool
        False for silence.
    """

    def __init__(self, batches: int, shown: bool) -> None:
        self._bar: Any = None
        if shown and sys.stderr is not None and sys.stderr.isatty():
            try:
                from tqdm import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=batches, unit="batch", dynamic_ncols=True, file=sys.stderr)

    def start(self, epoch: int, epochs: int) -> None:
        """Say which epoch begins."""
        if self._bar is not None:
            self._bar.set_description(f"epoch {epoch}/{epochs}", refresh=False)

    def advance(self, batches: int = 1) -> None:
        """Count on."""
        if self._bar is not None:
            self._bar.update(batches)

    def show(self, history: History) -> None:
        """Write the latest numbers behind the bar."""
        if self._bar is not None:
            latest = {name: f"{values[-1]:.4f}" for name, values in history.columns().items()}
            self._bar.set_postfix(latest, refresh=False)

    def close(self) -> None:
        """Leave the terminal in order."""
        if self._bar is not None:
            self._bar.close()
