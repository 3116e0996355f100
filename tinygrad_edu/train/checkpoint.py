"""Checkpoints: everything that training depends on, in one file, so that it can go on.

A flat ``.npz`` of arrays, without pickle, so that reading one runs no code.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.nn.module import Module
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.train.files import read_arrays, write_arrays
from tinygrad_edu.train.history import History
from tinygrad_edu.train.stopping import Best

__all__ = ["load_checkpoint", "save_checkpoint"]

Array = NDArray[Any]
Path = str | os.PathLike[str]

_FORMAT = "tinygrad_edu checkpoint 1"


@guided
def save_checkpoint(
    path: Path,
    model: Module,
    optimizer: Optimizer | None = None,
    *,
    rng: np.random.Generator | None = None,
    history: History | None = None,
    best: Best | None = None,
    batch_size: int | None = None,
) -> None:
    """Write what training depends on into one file, all or nothing.

    Parameters
    ----------
    path : path
        The file, usually called ``….npz``; one that is there is replaced.
    model : Module
        Its parameters, and the states of the Generators that its parts draw from.
    optimizer : Optimizer, optional
        Its state: momentum and the like, and the number of steps, which its schedule reads.
    rng : numpy.random.Generator, optional
        The Generator that shuffles.
    history : History, optional
        What was measured so far; its length is the number of finished epochs.
    best : Best, optional
        The state of early stopping.
    batch_size : int, optional
        Examples per step.

    Raises
    ------
    OSError
        If it cannot be written; a file that was there before is still whole.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from tinygrad_edu import nn, train
    >>> model = nn.Linear(2, 1, rng=np.random.default_rng(0))
    >>> other = nn.Linear(2, 1, rng=np.random.default_rng(1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     train.save_checkpoint(Path(folder) / "linear.npz", model)
    ...     train.load_checkpoint(Path(folder) / "linear.npz", other)
    >>> np.array_equal(model.W.data, other.W.data)
    True
    """
    _refuse_swapped("save_checkpoint", path, model)
    arrays: dict[str, Array] = {"format": np.array(_FORMAT)}
    parts: dict[str, Mapping[str, Array]] = {"model": model.state_dict()}
    parts["generator"] = {name: _state(each) for name, each in model.generators().items()}
    if optimizer is not None:
        parts["optimizer"] = optimizer.state_dict()
        arrays["optimizer"] = np.array(type(optimizer).__name__)  # AdamW has the state of Adam
    if rng is not None:
        arrays["rng"] = _state(rng)
    if batch_size is not None:
        arrays["batch_size"] = np.array(batch_size)
    if history is not None:
        parts["history"] = history.state_dict()
    if best is not None:
        parts["best"] = best.state_dict()
    for part, entries in parts.items():
        arrays |= {f"{part}/{name}": array for name, array in entries.items()}
    write_arrays(path, arrays)


@guided
def load_checkpoint(
    path: Path,
    model: Module,
    optimizer: Optimizer | None = None,
    *,
    rng: np.random.Generator | None = None,
    history: History | None = None,
    best: Best | None = None,
    batch_size: int | None = None,
) -> None:
    """Put everything back as it was when the checkpoint was written.

    Parameters
    ----------
    path : path
        The file.
    model : Module
        Made as the one that was stored.
    optimizer : Optimizer, optional
        Made as the one that was stored; by default its state is not looked at.
    rng : numpy.random.Generator, optional
        The Generator that shuffles.
    history : History, optional
        Takes over what was measured.
    best : Best, optional
        Takes over the state of early stopping.
    batch_size : int, optional
        Refused if the checkpoint was written with another.

    Raises
    ------
    ValueError
        If the file is no whole checkpoint, or one of another model or optimiser; the message
        names the entry. Nothing is changed then.
    FileNotFoundError
        If there is no such file.

    Notes
    -----
    Reading runs no code: the file holds arrays of numbers and text, and pickle is refused.

    Examples
    --------
    See `save_checkpoint`.
    """
    _refuse_swapped("load_checkpoint", path, model)
    stored = read_arrays(path)
    if str(stored.get("format")) != _FORMAT:
        raise ValueError(f"{path}: no checkpoint of tinygrad_edu, there is no entry 'format' of it")
    if optimizer is not None:
        _refuse_other_kind(path, stored, optimizer)
    generators = {f"generator/{name}": each for name, each in model.generators().items()}
    if rng is not None:
        generators["rng"] = rng
    states = {name: _checked_state(path, stored, name, each) for name, each in generators.items()}
    before_that = stored.get("batch_size")
    if batch_size is not None and before_that is not None and before_that != batch_size:
        raise ValueError(
            f"{path}: was written with batches of {before_that} examples, and now they have "
            f"{batch_size}; pass batch_size={before_that}"
        )
    # Each looks at everything itself before it changes anything.
    parts = {"model": model, "optimizer": optimizer, "best": best, "history": history}
    done: list[tuple[Any, dict[str, Array]]] = []
    try:
        for name, part in parts.items():
            if part is not None:
                before = part.state_dict()
                part.load_state_dict(_entries(stored, name))
                done.append((part, before))
    except ValueError as error:
        for part, before in done:
            part.load_state_dict(before)
        raise ValueError(f"{path}: is the checkpoint of another model or training: {error}") from (
            error
        )
    for name, each in generators.items():
        each.bit_generator.state = states[name]


def _refuse_swapped(who: str, path: Any, model: Any) -> None:
    if not isinstance(model, Module) or not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"{who}: a {type(path).__name__} and a {type(model).__name__} came; write "
            f'{who}("model.npz", model)'
        )


def _entries(stored: Mapping[str, Array], part: str) -> dict[str, Array]:
    start = f"{part}/"
    return {key.removeprefix(start): a for key, a in stored.items() if key.startswith(start)}


def _state(rng: np.random.Generator) -> Array:
    """The state of a Generator as text: its numbers have up to 128 bits."""
    return np.array(json.dumps(rng.bit_generator.state, default=np.ndarray.tolist))


def _checked_state(path: Path, stored: Mapping[str, Array], name: str, rng: Any) -> Any:
    """Read the state of a Generator, and try it on another one of its kind."""
    kind = type(rng.bit_generator)
    if name not in stored:
        raise ValueError(f"{path}: has no state of the Generator {name!r}; it is of another model")
    try:
        state = json.loads(str(stored[name]))
        kind().state = state
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path}: {name!r} is no state of a {kind.__name__}: {error}") from error
    return state


def _refuse_other_kind(path: Path, stored: Mapping[str, Array], optimizer: Optimizer) -> None:
    own = type(optimizer).__name__
    if "optimizer" not in stored:
        raise ValueError(f"{path}: was written without an optimiser; load it without one")
    if str(stored["optimizer"]) != own:
        raise ValueError(
            f"{path}: is the checkpoint of another model or training: {own} cannot go on from the "
            f"state of {stored['optimizer']}"
        )
