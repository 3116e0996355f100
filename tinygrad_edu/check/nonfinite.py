"""Where a NaN or an infinity comes from: the first operation of a graph that made one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import propagate
from tinygrad_edu.core.graph import ancestors, differentiable
from tinygrad_edu.core.node import Node
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.tensor import Tensor

__all__ = ["NonFinite", "Origin", "find_nonfinite", "made_nonfinite"]

_LINE = 76  # characters of an array that is written out


@dataclass(frozen=True, eq=False)
class Origin:
    """One operation that made a NaN or an infinity of finite numbers, or data that held one.

    Attributes
    ----------
    op : str
        The operation; ``"data"`` for a Tensor or constant that holds it from the start.
    phase : str
        ``"forward"`` or ``"backward"``.
    inputs : tuple
        What the operation was given.
    value : ndarray
        What it made: its result, or the gradient that its rule returned.
    argument : int or None
        Backward: the argument that the gradient belongs to.
    g : ndarray or None
        Backward: the gradient that came in.
    name : str or None
        The name of the Tensor, if it has one.
    """

    op: str
    phase: str
    inputs: tuple[Any, ...]
    value: Any
    argument: int | None = None
    g: Any = None
    name: str | None = None

    def __str__(self) -> str:
        bad = np.asarray(self.value)[~np.isfinite(self.value)]
        what = f"{bad[0]} ({bad.size} of {np.size(self.value)} entries)"
        label = "" if self.name is None else f" ({self.name})"
        if self.op == "data":
            return f"{self.phase}: the data{label} hold {what}"
        if self.phase == "forward":
            head = f"forward: {self.op}{label} made {what}"
        else:
            head = f"backward: {self.op}{label} made {what} for argument {self.argument}"
        lines = [head, *(f"    argument {k}: {_short(x)}" for k, x in enumerate(self.inputs))]
        if self.phase == "backward":
            lines.append(f"    gradient that came in: {_short(self.g)}")
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True, eq=False)
class NonFinite:
    """Where numbers stop being finite, on the way forward and on the way back; None for nowhere."""

    forward: Origin | None
    backward: Origin | None

    def __str__(self) -> str:
        return "\n".join(str(o) for o in (self.forward, self.backward) if o is not None)

    __repr__ = __str__


@guided
def find_nonfinite(loss: Tensor) -> NonFinite | None:
    """Name the first operation of a recorded graph that made a NaN or an infinity.

    Parameters
    ----------
    loss : Tensor
        A computed Tensor. Its gradient is computed afresh, from a seed of ones, and no `.grad`
        changes.

    Returns
    -------
    NonFinite or None
        With ``.forward`` and ``.backward``, each the operation with what it was given, or None;
        None if everything is finite.

    Raises
    ------
    TypeError
        If `loss` is no Tensor.

    Notes
    -----
    There is no mode to switch on: the graph is recorded anyway, and is walked when something
    went wrong. An operation is named if all it was given is finite and what it made is not.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> x = tg.Tensor([0.0, 4.0])
    >>> tg.find_nonfinite(tg.sqrt(x).sum())
    backward: sqrt made inf (1 of 2 entries) for argument 0
        argument 0: [0. 4.]
        gradient that came in: [1. 1.]
    >>> tg.find_nonfinite(x.sum()) is None
    True
    """
    if not isinstance(loss, Tensor):
        raise TypeError(f"find_nonfinite: walks the graph of a Tensor, not a {type(loss).__name__}")
    forward, backward = made_nonfinite(loss), _backward(loss)
    return None if forward is backward is None else NonFinite(forward, backward)


def made_nonfinite(loss: Tensor) -> Origin | None:
    """Return the first operation that made a NaN or an infinity on the way forward."""
    for node in ancestors(loss):
        for k, constant in enumerate(node.args):
            if not isinstance(constant, Node) and not _finite(constant):
                name = None if node.op is None else f"argument {k} of {node.op.name}"
                return Origin("data", "forward", (), np.asarray(constant), name=name)
        if not _finite(node.value):
            op, inputs = ("data", ()) if node.op is None else (node.op.name, node.inputs)
            return Origin(op, "forward", inputs, node.value, name=_name(node))
    return None


def _backward(loss: Tensor) -> Origin | None:
    made: list[Origin] = []

    def watch(node: Node, index: int, g: Any, part: Any) -> None:
        if not made and node.op is not None and _finite(g) and not _finite(part):
            made.append(Origin(node.op.name, "backward", node.inputs, part, index, g, _name(node)))

    with np.errstate(all="ignore"):
        propagate(loss, np.ones(loss.shape), differentiable(loss), watch=watch)
    return made[0] if made else None


def _finite(value: Any) -> bool:
    return value is None or bool(np.isfinite(value).all())


def _name(node: Node) -> str | None:
    return node.name if isinstance(node, Tensor) else None


def _short(value: Any) -> str:
    text = " ".join(np.array2string(np.asarray(value), threshold=20, precision=6).split())
    return text if len(text) <= _LINE else f"{text[: _LINE - 1]}…"
