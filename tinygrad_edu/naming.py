"""What the caller calls things: names for pictures and formulas."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.tensor import Tensor

__all__ = ["Ending", "Names", "Part", "end_part", "names_around", "parts_ending_at"]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a computation that pictures may draw as one box, such as a layer.

    Parameters
    ----------
    name
        Where it stands in the whole, with dots: ``"encoder.0"``; ``""`` for the whole itself.
    title
        What it is: ``"Linear(4, 3)"``.
    letter
        What formulas call its output, such as ``"z1"``, where the caller has no name for it;
        "" for nothing.
    """

    name: str
    title: str
    letter: str = ""


class Ending(NamedTuple):
    """What an output knows of a part that ends with it.

    `start` is the count of vertices when the part began, and `inputs` are what it was given.
    """

    part: Part
    start: int
    inputs: tuple[Any, ...]


def end_part(output: Tensor, part: Part, start: int, inputs: tuple[Any, ...]) -> None:
    """Say that a part began when the count of vertices stood at `start`, and ends with `output`.

    What belongs to it are the vertices that `output` was made of since; to look for them is left
    to whoever draws. A part that hands on what it was given has none, and is not noted.
    """
    if output.serial > start:
        # A chain of plain tuples: this runs at every call of a layer.
        output._parts = (part, start, inputs, getattr(output, "_parts", None))


def parts_ending_at(tensor: Tensor) -> list[Ending]:
    """Return the parts that end with a tensor, the innermost first."""
    found = []
    chain = getattr(tensor, "_parts", None)
    while chain is not None:
        part, start, inputs, chain = chain
        found.append(Ending(part, start, inputs))
    return found[::-1]


class Names:
    """Names of Tensors and constant arrays, by identity.

    A name given with `Tensor(..., name=)` or `name` counts first, then `given`, then the
    caller's variables.
    """

    def __init__(self, given: Mapping[str, Any] | None, variables: Mapping[str, Any]) -> None:
        if not isinstance(given, Mapping | None):
            raise TypeError(f"names: a {type(given).__name__}; pass a dict of names and arrays")
        self._by_id: dict[int, str] = {}
        self._held: list[Any] = []  # an id is a name only as long as its object lives
        for source in (variables, given or {}):
            for name, value in source.items():
                if source is given and not name.strip():
                    raise ValueError(f"names: {name!r} is no name; give it a letter or a word")
                if isinstance(value, Tensor | np.ndarray):
                    self._by_id[id(value)] = name
                    self._held.append(value)
                elif source is given:
                    kind = type(value).__name__
                    raise TypeError(f"names: {name!r} is a {kind}; names mark Tensors and arrays")

    def with_more(self, names: Mapping[str, Tensor]) -> Names:
        """Return these names, and some for what has none here."""
        more = Names(None, names)
        more._by_id |= self._by_id
        more._held = [*self._held, *more._held]
        return more

    def of(self, value: Any) -> str | None:
        """Return the name of a Tensor or array, or None."""
        if isinstance(value, Tensor) and value.name is not None:
            return value.name
        name = self._by_id.get(id(value))
        return self._by_id.get(id(value.base)) if name is None and _is_flat(value) else name

    def in_formulas(self, value: Any) -> str | None:
        """Return what a formula calls a Tensor or array: its name, or its part's letter."""
        name = self.of(value)
        if name is None and isinstance(value, Tensor):
            letters = (ending.part.letter for ending in parts_ending_at(value))
            name = next((letter for letter in letters if letter), None)
        return name

    def words(self) -> frozenset[str]:
        """Return every name that is known here."""
        return frozenset(self._by_id.values())

    def everything(self) -> list[Any]:
        """Return the Tensors and arrays that have a name here."""
        return list(self._held)

    def tensors(self) -> list[Tensor]:
        """Return the Tensors that have a name here, in the order of their creation."""
        found = {id(t): t for t in self._held if isinstance(t, Tensor)}
        return sorted(found.values(), key=lambda t: t.serial)


def names_around(given: Mapping[str, Any] | None, depth: int) -> Names:
    """Collect the names that the function `depth` calls up has for its variables.

    Only Tensors and arrays are looked at, and no frame is kept: what was read of it is cleared,
    so that a variable the caller deletes is really gone.
    """
    frame: Any = sys._getframe()
    for _ in range(depth + 1):
        frame = frame.f_back
        while frame.f_globals.get("__name__") == guided.__module__:  # which calls on its behalf
            frame = frame.f_back
    try:
        local = frame.f_locals
        variables = {
            name: value
            for scope in (frame.f_globals, local)
            for name, value in scope.items()
            if name.isidentifier()  # not what a tool keeps there, such as pytest's @py_assert1
            and not name.startswith("_")
            and isinstance(value, Tensor | np.ndarray)
        }
        if sys.version_info < (3, 13) and frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            local.clear()  # a snapshot of a function's variables, which would keep them alive
    finally:
        del frame
    return Names(given, variables)


def _is_flat(value: Any) -> bool:
    """Whether an array is another one with fewer axes, as a layer makes rows of images."""
    base = getattr(value, "base", None)
    return (
        isinstance(base, np.ndarray)
        and base.size == value.size
        and base.ndim > value.ndim
        and bool(base.flags.c_contiguous and value.flags.c_contiguous)
    )
