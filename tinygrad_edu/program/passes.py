"""What makes a program shorter and keeps every rounding: each pass is from lines to lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.program.trace import Line, Name, leaves, substitute

__all__ = ["alive", "numbered", "unchanged"]


def alive(lines: Iterable[Line], results: Any) -> list[Line]:
    """Keep the lines that the results are computed from, and those that look for wrong numbers."""
    needed = set(filter(_named, leaves(results)))
    found = []
    for line in reversed(list(lines)):
        if line.computes_nothing or not needed.isdisjoint(line.writes()):
            needed.update(line.reads())
            found.append(line)
    return found[::-1]


def numbered(lines: Iterable[Line], results: Any) -> tuple[list[Line], Any]:
    """Compute once what several lines compute of the same names (Cocke and Schwartz 1970).

    Operations of the user's are called as often as they were: they may not be functions.
    """
    first: dict[Any, Line] = {}
    same: dict[Name, Any] = {}
    found = []
    for line in lines:
        _rename(line, same)
        key = line.function, _key(line.args), tuple((k, _key(v)) for k, v in line.kwargs.items())
        if line.op is not None and not line.op.sealed:
            found.append(line)
        elif key in first:
            same.update(zip(line.writes(), first[key].writes(), strict=True))
        else:
            first[key] = line
            found.append(line)
    return found, substitute(results, lambda each: same.get(each, each) if _named(each) else each)


def unchanged(lines: Iterable[Line], results: Any) -> tuple[list[Line], Any]:
    """Leave out what gives back its argument as it is: a reshape to the same shape, and so on."""
    same: dict[Name, Any] = {}
    found = []
    for line in lines:
        _rename(line, same)
        source = line.args[0] if line.args else None
        if isinstance(source, Name) and isinstance(line.out, Name) and _gives_back(line, source):
            same[line.out] = source
        else:
            found.append(line)
    return found, substitute(results, lambda each: same.get(each, each) if _named(each) else each)


def _gives_back(line: Line, source: Name) -> bool:
    """Whether a line of which the result depends on shapes alone has its argument's."""
    name = getattr(line.function, "__name__", "")
    if name not in {"reshape", "broadcast_to", "astype", "sum_to", "expand_dims", "squeeze"}:
        return False
    new, old = line.out.value, source.value
    return (
        isinstance(old, np.ndarray)
        and isinstance(new, np.ndarray)
        and (new.shape, new.dtype, new.strides) == (old.shape, old.dtype, old.strides)
    )


def _rename(line: Line, same: Mapping[Name, Any]) -> None:
    if same:
        line.args = substitute(
            line.args, lambda each: same.get(each, each) if _named(each) else each
        )


def _named(value: Any) -> bool:
    return isinstance(value, Name)


def _key(value: Any) -> Any:
    """Return what equal arguments share; arrays are equal to themselves alone."""
    if value.__class__ in (tuple, list):
        return tuple(map(_key, value))
    if isinstance(value, Name | np.ndarray):
        return id(value)
    return type(value), repr(value)  # -0.0 is not 0.0, and 1 not 1.0
