"""What makes a program shorter: each pass is from lines to lines; all but `lighter` are exact."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.program.trace import Line, Name, Trace, leaves, owners_of, substitute

__all__ = ["alive", "apart", "lighter", "numbered", "unchanged"]


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
    return found, substitute(results, lambda each: same.get(each, each) if _named(each) else each)


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
    return found, substitute(results, lambda each: same.get(each, each) if _named(each) else each)


def lighter(lines: Sequence[Line], results: Any) -> tuple[list[Line], Any]:
    """Multiply by a number where least is to multiply: (A B)/16 is A (B/16) where B is smaller.

    A mask multiplies as it is, and not as the numbers 0.0 and 1.0. Not exact: products are
    rounded in another order.
    """
    return _Lighter(lines, results).rewritten()


class _Lighter:
    """Computes lines again, in another order where that is less work."""

    def __init__(self, lines: Sequence[Line], results: Any) -> None:
        self._lines, self._results = lines, results
        self._made = {line.out: line for line in lines if isinstance(line.out, Name)}
        self._uses = Counter(name for line in lines for name in line.reads())
        self._uses.update(filter(_named, leaves(results)))
        self._new: dict[Name, Any] = {}
        self._trace = Trace()

    def rewritten(self) -> tuple[list[Line], Any]:
        for line in self._lines:
            out = self._again(line)
            self._new.update(zip(line.writes(), leaves(out), strict=True))
        return self._trace.lines, substitute(self._results, self._renamed)

    def _renamed(self, value: Any) -> Any:
        return self._new.get(value, value) if _named(value) else value

    def _again(self, line: Line) -> Any:
        whole, number = (*line.args, None)[:2]
        if line.function is np.multiply and _is_number(whole):
            whole, number = number, whole
        if line.function in (np.multiply, np.divide) and _is_number(number):
            if line.function is np.multiply and number == 1 and _is_mask(whole):
                return self._renamed(whole)
            if _named(whole) and self._weight(whole) < whole.size:
                return self._scaled(whole, line.function, number)
        kwargs = {key: substitute(each, self._renamed) for key, each in line.kwargs.items()}
        args = substitute(line.args, self._renamed)
        return self._trace.compute(line.function, args, kwargs, line.op)

    def _factors(self, value: Any) -> Sequence[Any]:
        """Return the two factors of a product that nothing else reads."""
        line = self._made.get(value) if _named(value) else None
        if line is None or self._uses[value] > 1 or line.function not in (np.multiply, np.matmul):
            return ()
        return line.args

    def _weight(self, value: Any) -> float:
        """Return how many numbers are multiplied where a product is multiplied best."""
        if _is_mask(value) or _is_number(value):
            return math.inf
        inside = map(self._weight, self._factors(value))
        return min([np.size(getattr(value, "value", value)), *inside])

    def _scaled(self, value: Any, function: Any, number: Any) -> Any:
        """Multiply a product by a number, in the factor where that is least work."""
        factors = list(self._factors(value))
        lightest = min(factors, key=self._weight, default=value)
        if not factors or self._weight(lightest) >= np.size(getattr(value, "value", value)):
            return self._trace.compute(function, (self._renamed(value), number))
        scaled = self._scaled(lightest, function, number)
        args = [scaled if each is lightest else self._renamed(each) for each in factors]
        return self._trace.compute(self._made[value].function, tuple(args))


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
        renamed = substitute(
            [line.args, [*line.kwargs.values()]],
            lambda each: same.get(each, each) if _named(each) else each,
        )
        line.args, line.kwargs = renamed[0], dict(zip(line.kwargs, renamed[1], strict=True))


def _named(value: Any) -> bool:
    return isinstance(value, Name)


def _key(value: Any) -> Any:
    """Return what equal arguments share; arrays are equal to themselves alone."""
    if value.__class__ in (tuple, list):
        return tuple(map(_key, value))
    if isinstance(value, Name | np.ndarray):
        return id(value)
    return type(value), repr(value)  # -0.0 is not 0.0, and 1 not 1.0
