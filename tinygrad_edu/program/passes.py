"""What makes a program shorter: each pass is from lines to lines; all but `lighter` are exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.program.trace import (
    Line,
    Name,
    Trace,
    leaves,
    of_numpy,
    owners_of,
    substitute,
    values_of,
)

__all__ = ["alive", "apart", "lighter", "numbered", "sizes", "unchanged"]


def alive(lines: Iterable[Line], results: Any) -> list[Line]:
    """Keep the lines that the results are computed from, and those that look for wrong numbers."""
    needed = set(filter(_named, leaves(results)))
    found = []
    for line in reversed(list(lines)):
        if line.computes_nothing or not needed.isdisjoint(line.writes()):
            needed.update(line.reads())
            found.append(line)
    return found[::-1]


def numbered(lines: Sequence[Line], results: Any) -> tuple[list[Line], Any]:
    """Compute once what several lines compute of the same names (Cocke and Schwartz 1970).

    Operations of the user's are called as often as they were: they may not be functions. An array
    that a later line changes is nobody else's.
    """
    changed = {line.args[0] for line in lines if getattr(line.function, "changes", False)}
    first: dict[Any, Line] = {}
    same: dict[Name, Any] = {}
    found = []
    for line in lines:
        _rename(line, same)
        key = line.function, _key(line.args), tuple((k, _key(v)) for k, v in line.kwargs.items())
        if (line.op is not None and not line.op.sealed) or not changed.isdisjoint(line.writes()):
            found.append(line)
        elif key in first:
            same.update(zip(line.writes(), first[key].writes(), strict=True))
        else:
            first[key] = line
            found.append(line)
    return found, _renamed(results, same)


def apart(lines: Sequence[Line]) -> Iterator[Line]:
    """Yield lines; keep factors apart that were two arrays and have become one.

    To BLAS x @ x.T is symmetric, and rounded otherwise than x @ y.T of an equal y.
    """
    owners = owners_of(lines)
    for line in lines:
        first, *others = line.args or (None,)
        memory = [owners.get(each, {each}) for each in (first, *others) if _named(each)]
        if line.meet is False and len(memory) == 2 and not memory[0].isdisjoint(memory[1]):
            copied = Line(np.copy, (first,), {"order": "K"}, None)
            copied.out = Name(first.trace, np.copy(first.value, order="K"))
            line.args = copied.out, *others
            yield copied
        yield line


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
    return found, _renamed(results, same)


def lighter(lines: Sequence[Line], results: Any) -> tuple[list[Line], Any]:
    """Multiply by a number where least is to multiply: (A B)/16 is A (B/16) where B is smaller.

    Gradients that are all multiplied by the same rate come of a seed that is. A mask multiplies
    as it is, and not as the numbers 0.0 and 1.0. Not exact: products are rounded in another order.
    """
    found, results = _without_ones(lines, results)
    done: set[Any] = {None}
    while True:
        key = next((key for line in found if (key := _by_number(line)) not in done), None)
        if key is None:
            return found, results
        reach = _Reach(found, results, key)
        best = max(reach.sources(), key=reach.gain, default=None)
        if best is None or reach.gain(best) <= 0:
            done.add(key)
        else:
            found, results = reach.moved(best)


def _without_ones(lines: Sequence[Line], results: Any) -> tuple[list[Line], Any]:
    """Leave out products of a mask and 1 that are but factors of others."""
    products = (np.multiply, np.matmul)
    read = [each for line in lines if line.function not in products for each in line.reads()]
    kept = {*read, *filter(_named, leaves(results))}
    same: dict[Any, Any] = {}
    trace = Trace()
    for line in lines:
        args = _renamed(line.args, same)
        if line.function is np.multiply and line.out not in kept and 1 in filter(_is_number, args):
            same[line.out] = next(filter(_is_mask, args), None)
        if same.get(line.out) is None:
            kwargs = {key: _renamed(each, same) for key, each in line.kwargs.items()}
            out = trace.compute(line.function, args, kwargs, line.op)
            same.update(zip(line.writes(), leaves(out), strict=True))
    new = _renamed(results, same)
    kinds = [[getattr(x, "dtype", None) for x in leaves(each)] for each in (results, new)]
    return (trace.lines, new) if kinds[0] == kinds[1] else (list(lines), results)


def _by_number(line: Line) -> Any:
    """Return by which number a line multiplies or divides an array, and how."""
    if line.function in (np.multiply, np.divide) and isinstance(line.out, Name):
        one, other = line.args
        if line.function is np.multiply and _is_number(one):
            one, other = other, one
        if _named(one) and one.shape and _is_number(other) and one.dtype == line.out.dtype:
            return line.function, type(other), other
    return None


def _array(line: Line) -> Any:
    """Return what a line multiplies by a number."""
    return line.args[_is_number(line.args[0])]


class _Reach:
    """What is multiplied by one number in the end, and from where it can come."""

    def __init__(self, lines: Sequence[Line], results: Any, key: Any) -> None:
        self._lines, self._results, self._key = lines, results, key
        self._other = set(filter(_named, leaves(results)))  # names that are also read otherwise
        for line in reversed(lines):
            if not (_by_number(line) == key or self._hands_on(line)):
                self._other.update(line.reads())

    def _hands_on(self, line: Line) -> bool:
        return isinstance(line.out, Name) and line.out not in self._other and bool(_linear(line))

    def sources(self) -> Iterator[Any]:
        """Yield what is read on the way: names, and arrays and numbers that are constant."""
        seen = {}
        for line in self._lines:
            if _by_number(line) == self._key:
                seen[id(_array(line))] = _array(line)
            elif self._hands_on(line):
                seen.update((id(line.args[place]), line.args[place]) for place in _linear(line))
        return filter(self._keeps_dtype, seen.values())

    def _keeps_dtype(self, source: Any) -> bool:
        if source.__class__ in (int, float):
            return True
        function, _, number = self._key
        dtype = source.dtype
        return dtype.kind == "f" and bool(function(dtype.type(1), number).dtype == dtype)

    def _way(self, source: Any) -> tuple[list[Line], list[Line]]:
        """Return the lines on the way from a source, and those that multiply in the end."""
        way, ends, inside = [], [], {id(source)}
        for line in self._lines:
            places = [n for n, each in enumerate(line.args) if id(each) in inside]
            if not places:
                continue
            if _by_number(line) == self._key:
                ends.append(line)
            elif self._hands_on(line):
                if not _carries(line, places):
                    return [], []
                way.append(line)
                inside.add(id(line.out))
            elif any(line.args[n] is not source for n in places):
                return [], []
        return way, ends

    def gain(self, source: Any) -> int:
        """Return how many multiplications are spared."""
        way, ends = self._way(source)
        spared = sum(int(line.out.size) for line in ends if way)
        return spared - (int(source.size) if _named(source) else 0)

    def moved(self, source: Any) -> tuple[list[Line], Any]:
        """Multiply a source instead of what comes of it."""
        way, ends = self._way(source)
        function, _, number = self._key
        scaled: Any = function(getattr(source, "value", source), number)
        found = list(self._lines)
        if source.__class__ in (int, float):
            scaled = function(source, float(number)).item()
        elif _named(source):
            new = Line(function, (source, number), {}, None)
            scaled = new.out = Name(source.trace, scaled)
            found.insert(found.index(way[0]), new)
        same = {line.out: _array(line) for line in ends}
        same.update((line.out, scaled) for line in ends if _array(line) is source)
        for line in way:
            line.args = tuple(scaled if each is source else each for each in line.args)
        found = [line for line in found if line not in ends]
        for line in found:
            _rename(line, same)
        return found, _renamed(self._results, same)


_LINEAR: dict[str, tuple[int, ...]]
_LINEAR = {"multiply": (0, 1), "matmul": (0, 1), "dot": (0, 1), "add": (0, 1), "subtract": (0, 1)}
_LINEAR |= dict.fromkeys(("divide", "negative", "getattr", "getitem", "reshape", "transpose"), (0,))
_LINEAR |= dict.fromkeys(("swapaxes", "expand_dims", "squeeze", "broadcast_to", "ravel"), (0,))


def _linear(line: Line) -> tuple[int, ...]:
    """Return in which of its arguments a line is linear."""
    if line.function == np.add.reduce:
        return (0,)
    if not of_numpy(line.function):
        return ()
    return _LINEAR.get(line.function.__name__, ())[: len(line.args)]


def _carries(line: Line, places: Sequence[int]) -> bool:
    """Whether a line hands on a factor of its arguments at some places."""
    if line.function in (np.add, np.subtract):
        return len(places) == 2
    return len(places) == 1 and places[0] in _linear(line)


def sizes(lines: Iterable[Line], results: Any) -> list[float]:
    """Return how large the terms of each result are: what rounding errors are relative to."""
    known: dict[Name, Any] = {}

    def size(value: Any) -> Any:
        if not isinstance(value, Name):
            return np.abs(value)
        return known[value] if value in known else np.abs(value.value)

    for line in lines:
        places = _linear(line)
        if places and not line.computes_nothing:
            args = [size(x) if n in places else values_of(x) for n, x in enumerate(line.args)]
            function = np.add if line.function is np.subtract else line.function
            with np.errstate(all="ignore"):
                known[line.out] = np.abs(function(*args, **line.kwargs))
    return [float(np.max(size(value), initial=0)) for value in leaves(results)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.generic)


def _is_mask(value: Any) -> bool:
    return isinstance(value, Name | np.ndarray) and value.dtype.kind == "b"


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
        line.args = _renamed(line.args, same)
        line.kwargs = {key: _renamed(each, same) for key, each in line.kwargs.items()}


def _renamed(tree: Any, same: Mapping[Name, Any]) -> Any:
    return substitute(tree, lambda each: same.get(each, each) if _named(each) else each)


def _named(value: Any) -> bool:
    return isinstance(value, Name)


def _key(value: Any) -> Any:
    """Return what equal arguments share; arrays are equal to themselves alone."""
    if value.__class__ in (tuple, list):
        return tuple(map(_key, value))
    if isinstance(value, Name | np.ndarray):
        return id(value)
    return type(value), repr(value)  # -0.0 is not 0.0, and 1 not 1.0
