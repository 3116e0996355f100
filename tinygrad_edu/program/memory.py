"""Where lines write: memory that a program keeps from call to call, used again within each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.program.trace import Line, Name, leaves, of_numpy, owners_of, ufunc_of

__all__ = ["Memory", "is_product"]

#: Smaller arrays are allocated as fast as others are written into.
_LARGE = 4_096


class Memory:
    """Which line writes into which array.

    A view keeps what it is a view of. What is handed out, to the caller or to operations of the
    user's, is an array of this call, or an argument that was donated.

    Parameters
    ----------
    lines : sequence of Line
        All of them, in order.
    results : nested tuples of Name, array or number
        What is returned.
    donated : mapping of Name to str
        Arguments that may be overwritten, and what they are called.
    """

    def __init__(self, lines: Sequence[Line], results: Any, donated: Mapping[Name, str]) -> None:
        self.donated = set(donated.values())
        self._letters = dict(donated)  # of the arrays that can be written into
        self._kept: set[Name] = set()  # which of them are the program's own, and views of these
        self._free: dict[Any, list[str]] = {}
        self._owners = owners_of(lines)
        self._last: dict[Name, Line] = {}
        given = list(leaves(results))
        for line in lines:
            self._last.update(dict.fromkeys(self._owners_of([*line.writes(), *line.reads()]), line))
            if line.op is not None and not line.op.sealed:
                given += line.reads()
        self._handed_out = self._owners_of(each for each in given if isinstance(each, Name))

    def take(self, line: Line, new: Callable[[Any], str]) -> str | None:
        """Return the array that a line writes its result into; None if it makes one.

        Where nothing fits that is free, `new` makes one like a given one.
        """
        entrywise = isinstance(line.function, np.ufunc) and line.function is not np.matmul
        if entrywise:  # an entry is read before it is written
            self._release(line)
        found = self._place(line, new) if _can_write(line) else None
        if not entrywise:
            self._release(line)
        return found

    def is_fixed(self, line: Line) -> bool:
        """Whether a line makes a view of an array that is the same in each call."""
        read = list(line.reads())
        fixed = (
            isinstance(line.out, Name)
            and self._kept.issuperset(read)
            and of_numpy(line.function)
            and any(np.may_share_memory(line.out.value, each.value) for each in read)
        )
        if fixed:
            self._kept.add(line.out)
        return fixed

    def _place(self, line: Line, new: Callable[[Any], str]) -> str | None:
        out, handed_out = line.out, line.out in self._handed_out
        free = self._free.get((handed_out, *_layout(out.value)))
        if free:
            letter = free.pop()
        elif handed_out or out.value.nbytes < _LARGE:
            return None
        else:
            letter = new(out.value)
        self._letters[out] = letter
        if not handed_out:
            self._kept.add(out)
        return letter

    def _release(self, line: Line) -> None:
        for owner in self._owners_of(line.reads()) - self._handed_out:
            if self._last.get(owner) is line and owner in self._letters:
                letter = self._letters.pop(owner)
                key = letter in self.donated, *_layout(owner.value)
                self._free.setdefault(key, []).append(letter)

    def _owners_of(self, names: Iterable[Name]) -> set[Name]:
        return {owner for name in names for owner in self._owners.get(name, {name})}


def is_product(line: Line) -> bool:
    """Whether a line multiplies matrices as `np.dot` does, which asks fewer questions."""
    values = [each.value if isinstance(each, Name) else each for each in line.args]
    return (
        line.function is np.matmul
        and not line.kwargs
        and all(isinstance(each, np.ndarray) for each in values)
        and len({each.dtype for each in values}) == 1
        and values[0].dtype.char in "fd"
        and all(each.ndim == 2 and min(each.shape) > 1 for each in values)
        and all(each.flags.c_contiguous or each.flags.f_contiguous for each in values)
    )


def _can_write(line: Line) -> bool:
    ufunc = ufunc_of(line)
    if ufunc is None or ufunc.nout != 1 or not isinstance(line.out, Name):
        return False
    out = line.out.value
    ways = ("reduce", ufunc.__name__)
    return (
        isinstance(out, np.ndarray)
        and line.function.__name__ in ways
        and (out.flags.c_contiguous or out.flags.f_contiguous)
        and (line.function is not np.matmul or out.flags.c_contiguous)
    )


def _layout(value: Any) -> Any:
    return value.shape, value.dtype, value.strides
