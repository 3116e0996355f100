"""What happened in each epoch: as arrays, as a table, as a curve."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.charts import columns, panels
from tinygrad_edu.tables import Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Epoch", "History"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Epoch:
    """What was measured in one epoch."""

    loss: float
    validation_loss: float | None
    metrics: dict[str, Any]
    seconds: float


class History:
    """What `fit` measured in each epoch.

    Parameters
    ----------
    columns : iterable of str, optional
        What will be measured beside the loss; a checkpoint is refused if it measured something
        else.

    Attributes
    ----------
    ended : str
        Why training ended: ``"all epochs"``, ``"early stopping"``, ``"on_epoch"`` or
        ``"interrupted"``.
    best_epoch : int or None
        The epoch, from 1, with the lowest validation loss.
    restored : bool
        Whether the model was given the weights of that epoch.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn, optim, train
    >>> from tinygrad_edu.data import load_iris
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
    >>> sgd = optim.SGD(model, lr=0.1)
    >>> history = train.fit(model, load_iris(), optimizer=sgd, epochs=3, rng=rng)
    >>> history.loss.shape
    (3,)
    """

    def __init__(self, columns: Iterable[str] | None = None) -> None:
        self.expected = None if columns is None else {"loss", "seconds", *columns}
        self.ended = ""
        self.best_epoch: int | None = None
        self.restored = False
        self._epochs: list[Epoch] = []
        self._shown: Any = None  # where a notebook shows the curve

    def __len__(self) -> int:
        return len(self._epochs)

    @property
    def loss(self) -> Array:
        """Training loss per example, without penalties, averaged while the weights moved."""
        return np.array([epoch.loss for epoch in self._epochs])

    @property
    def validation_loss(self) -> Array | None:
        """Loss per example of the validation data after each epoch; None without such data."""
        if any(epoch.validation_loss is None for epoch in self._epochs):
            return None
        return np.array([epoch.validation_loss for epoch in self._epochs], dtype=np.float64)

    @property
    def metrics(self) -> dict[str, Array]:
        """Each metric after each epoch, by name; a confusion matrix gives an array (epochs, K, K).

        Measured on the validation data, or without such data on the training data.
        """
        names = self._epochs[0].metrics if self._epochs else ()
        return {n: np.array([epoch.metrics[n] for epoch in self._epochs]) for n in names}

    @property
    def seconds(self) -> Array:
        """How long each epoch took."""
        return np.array([epoch.seconds for epoch in self._epochs])

    def add(self, epoch: Epoch) -> None:
        """Write down one more epoch."""
        self._epochs.append(epoch)

    def columns(self) -> dict[str, Array]:
        """Return everything that has one number per epoch, by name.

        Returns
        -------
        dict of str to ndarray
            ``"loss"``, ``"validation loss"`` where there is one, and the metrics that are numbers.
        """
        columns = {"loss": self.loss}
        if self.validation_loss is not None:
            columns["validation loss"] = self.validation_loss
        return columns | {n: a for n, a in self.metrics.items() if a.ndim == 1}

    def table(self) -> str:
        """Return one line for each epoch, and how training ended.

        Returns
        -------
        str
            Ready to print.

        Examples
        --------
        >>> from tinygrad_edu.train.history import Epoch, History
        >>> history = History()
        >>> history.add(Epoch(0.75, 0.875, {"accuracy": 0.5}, 1.0))
        >>> print(history.table())
        epoch    loss  validation loss  accuracy
        -----  ------  ---------------  --------
            1  0.7500           0.8750    0.5000
        """
        measured = self.columns()
        rows = zip(range(1, len(self) + 1), *measured.values(), strict=True)
        lines = columns(("epoch", *measured), rows, ("", *[".4f"] * len(measured)))
        return Text(f"{lines}\n{self._ending()}") if self.ended else lines

    def _ending(self) -> str:
        sentence = f"ended after epoch {len(self)}: {self.ended}"
        if self.best_epoch is not None:
            sentence += f"; best epoch {self.best_epoch}"
            sentence += ", whose weights were restored" if self.restored else ""
        return sentence

    def curve(self) -> Figure:
        """Draw the losses over the epochs, and the metrics beside them.

        Returns
        -------
        matplotlib.figure.Figure
            A notebook shows it; save it with ``.save(path)``.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there is no epoch to draw.
        """
        if not len(self):
            raise ValueError("curve: no epoch was finished, so there is nothing to draw")
        measured = self.columns()
        losses = {name: measured.pop(name) for name in list(measured) if name.endswith("loss")}
        figure, axes = panels(across=1 + bool(measured), width=5.5)
        for place, lines in zip(axes, (losses, measured), strict=False):
            self._draw(place, lines)
        axes[0].set_ylabel("loss")
        return figure

    def _draw(self, axes: Axes, lines: Mapping[str, Array]) -> None:
        numbers = np.arange(1, len(self) + 1)
        for name, values in lines.items():
            held = self.validation_loss is not None and not name.endswith("loss")
            label = f"validation {name}" if held else name
            axes.plot(numbers, values, marker="o", markersize=3, label=label)
        if self.best_epoch is not None:
            axes.axvline(self.best_epoch, color="0.6", linestyle=":", label="best epoch")
        axes.set_xlabel("epoch")
        axes.locator_params(axis="x", integer=True)
        axes.legend()

    def __repr__(self) -> str:
        if not len(self):
            return "History(no epoch)"
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.columns().items())
        return f"History({len(self)} epochs, {last})"

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        text = {"text/plain": self.table()}
        try:
            bundle, sizes = self.curve()._repr_mimebundle_()  # type: ignore[attr-defined]  # of ours
        except (ImportError, ValueError):  # no matplotlib, or no epoch
            return text, {}
        return {**bundle, **text}, sizes

    def live(self) -> None:
        """Draw the curve into the notebook's cell, in the place of the one drawn before.

        Examples
        --------
        ``train.fit(model, data, …, on_epoch=train.History.live)`` shows how training goes.
        """
        if "ipykernel" not in sys.modules:
            print(self)  # a script
            return
        from IPython.display import display

        bundle, sizes = self._repr_mimebundle_()
        if self._shown is None:
            self._shown = display(bundle, metadata=sizes, raw=True, display_id=True)
        else:
            self._shown.update(bundle, metadata=sizes, raw=True)

    def state_dict(self) -> dict[str, Array]:
        """Return all measurements by name, for a checkpoint."""
        state = {"loss": self.loss, "seconds": self.seconds}
        if self.validation_loss is not None:
            state["validation_loss"] = self.validation_loss
        return state | {f"metrics/{name}": array for name, array in self.metrics.items()}

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Take over the measurements of a `state_dict`; raise where others are measured now."""
        expected = self.expected or {"loss", "seconds", *state}
        lengths = {name: array.shape[:1] for name, array in state.items()}
        if lengths.keys() != expected or len(set(lengths.values())) != 1:
            had = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise ValueError(f"history: had {had}; measure the same: {', '.join(sorted(expected))}")
        validation = state.get("validation_loss")
        names = [key for key in state if key.startswith("metrics/")]
        self._epochs = [
            Epoch(
                loss=float(state["loss"][i]),
                validation_loss=None if validation is None else float(validation[i]),
                metrics={name.removeprefix("metrics/"): _plain(state[name][i]) for name in names},
                seconds=float(state["seconds"][i]),
            )
            for i in range(len(state["loss"]))
        ]


def _plain(value: Any) -> Any:
    return value.item() if np.ndim(value) == 0 else value
