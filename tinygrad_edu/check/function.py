"""What is checked: a function of its inputs, as a function of one vector of all their entries."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.nonfinite import made_nonfinite
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.tensor import Tensor

__all__ = ["Checked", "Input", "Refused", "Undefined", "describe"]


class Refused(Exception):
    """The function cannot be checked; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Input:
    """An argument that is differentiated: its place in the call and in the vector."""

    name: str
    position: int
    shape: tuple[int, ...]
    places: slice


class Checked:
    """A function and where it is checked.

    Parameters
    ----------
    f : callable
        From Tensors to one Tensor.
    inputs : sequence
        Arrays, numbers or Tensors. Arrays of whole numbers or truth values are held constant.

    Raises
    ------
    Refused
        If the inputs or the results are nothing that differences can be trusted on.
    """

    def __init__(self, f: Callable[..., Any], inputs: Sequence[Any]) -> None:
        self.f = f
        self.given = list(inputs)
        self.inputs: list[Input] = []
        parts = []
        start = 0
        for position, name in enumerate(_names(f, len(self.given))):
            array = _array(self.given[position], name)
            self.given[position] = array
            if array.dtype != np.float64:
                continue
            places = slice(start, start + array.size)
            self.inputs.append(Input(name, position, array.shape, places))
            parts.append(array.ravel())
            start += array.size
        if not parts:
            raise Refused(
                "it has no input that can be differentiated: arrays of whole numbers are "
                "constants; pass x.astype(float)"
            )
        self.x = np.concatenate(parts)
        self.shape: tuple[int, ...] | None = None
        self.output = self.record(self.x)[1]
        self.shape = self.output.shape
        self.values = np.ravel(self.output.data)
        self._refuse_output()

    @property
    def results(self) -> int:
        """The number of results."""
        return self.values.size

    def input_of(self, column: int) -> Input:
        """Return the input that an entry of the vector belongs to."""
        return next(i for i in self.inputs if i.places.start <= column < i.places.stop)

    def split(self, v: Array) -> list[Array]:
        """Return the parts of a vector that belong to the inputs, in their shapes: views."""
        return [v[i.places].reshape(i.shape) for i in self.inputs]

    def record(self, x: Array) -> tuple[list[Tensor], Tensor]:
        """Call the function on fresh Tensors."""
        arguments: list[Any] = [np.array(a) for a in self.given]
        leaves = []
        for i in self.inputs:
            leaf = Tensor(x[i.places].reshape(i.shape))
            arguments[i.position] = leaf
            leaves.append(leaf)
        held = [leaf.value for leaf in leaves]
        with np.errstate(all="ignore"):
            try:
                out = self.f(*arguments)
            except Exception as error:
                raise Undefined(f"it raised {describe(error)}") from error
        for i, leaf, value in zip(self.inputs, leaves, held, strict=True):
            if leaf.value is not value:
                raise Refused(f"it gives its input {i.name} new data; work on a copy")
        for given, argument in zip(self.given, arguments, strict=True):
            if isinstance(argument, np.ndarray) and not np.array_equal(given, argument):
                raise Refused("it changes an input in place; work on a copy")
        return leaves, self._one_tensor(out)

    def at(self, x: Array) -> Array:
        """Return the results as a vector."""
        return np.ravel(self.record(x)[1].data)

    def _one_tensor(self, out: Any) -> Tensor:
        if isinstance(out, tuple | list | dict) or out is None:
            raise Refused(f"it returned a {type(out).__name__}; return one tensor")
        if not isinstance(out, Tensor):
            try:
                out = Tensor(out)
            except (TypeError, ValueError) as error:
                raise Refused(f"it returned no tensor: {error}") from error
        if self.shape is not None and out.shape != self.shape:
            raise Refused(
                f"the shape of its result depends on the values of the inputs: {self.shape} here "
                f"and {out.shape} for other values"
            )
        return cast("Tensor", out)

    def _refuse_output(self) -> None:
        if self.output.dtype.kind != "f":
            raise Refused(f"its result is {self.output.dtype}, which has no derivative")
        for node in ancestors(self.output):
            if node.op is not None and node.dtype.kind == "f" and node.dtype != np.float64:
                raise Refused(
                    f"it computes in {node.dtype} (by {node.op.name}), whose rounding hides "
                    "errors of a gradient; compute in float64"
                )
        origin = made_nonfinite(self.output)
        bad = np.argwhere(~np.isfinite(self.output.data))
        if len(bad):
            place = tuple(bad[0].tolist())
            raise Refused(
                f"its result is {self.output.data[place]} at {list(place)}; "
                f"it comes from {origin.op if origin else 'the function'}"
            )

    def refuse_unsteady(self, rng: np.random.Generator) -> None:
        """Refuse a function whose results are random, or whose shape follows the values."""
        for _ in range(3):
            if not np.array_equal(self.at(self.x), self.values):
                raise Refused(
                    "it gives different results for the same input, so it is random or has a "
                    "memory; draw its numbers outside, from a seeded generator"
                )
        drawn = np.abs(self.x).max(initial=0.0) * rng.normal(size=self.x.size)
        for other in (-self.x, 0 * self.x, self.x[::-1], 2 * self.x, drawn):
            with contextlib.suppress(Undefined):
                self.at(other)  # refuses another shape


class Undefined(Refused):
    """The function raised an exception."""


def describe(error: Exception) -> str:
    """Write an exception in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _names(f: Callable[..., Any], count: int) -> list[str]:
    """Name the arguments as the function does."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in parameters if p.kind in kinds]
    names = [name if name.isidentifier() else f"x{i}" for i, name in enumerate(names)]
    return [*names, *(f"x{i}" for i in range(len(names), count))][:count]


def _array(value: Any, name: str) -> Array:
    """Return an input as an array of float64, or, where it is held constant, of whole numbers."""
    if isinstance(value, Node):
        value = value.value
    if isinstance(value, np.ma.MaskedArray):
        raise Refused(f"{name} is a masked array and would lose its mask; pass .filled(value)")
    try:
        array = np.array(value)
    except ValueError as error:
        raise Refused(f"{name} is no array: {error}") from error
    kind = array.dtype.kind
    if kind in "iub":
        return array if isinstance(value, np.ndarray | np.generic) else array.astype(np.float64)
    if kind != "f":
        raise Refused(f"{name} holds {array.dtype} values; pass real numbers")
    if array.dtype.itemsize < 8:
        raise Refused(
            f"{name} is {array.dtype}, whose rounding hides errors of a gradient; pass "
            f"{name}.astype(float)"
        )
    if not np.isfinite(array).all():
        raise Refused(f"{name} holds {array[~np.isfinite(array)][0]}; pass finite numbers")
    return array.astype(np.float64)
