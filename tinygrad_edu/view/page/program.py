"""The Python that computes a graph: one line for each vertex, made from the graph itself."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.symbolic.derive import Symbol

__all__ = ["Program"]

_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "matmul": "@", "power": "**"}
_MOST_ENTRIES = 64


class Program:
    """The lines of a graph, arguments first.

    Parameters
    ----------
    forward : iterable of Symbol
        The vertices, arguments first.
    constants : collection of Symbol
        Leaves that are arrays and no Tensors.
    """

    def __init__(self, forward: Iterable[Symbol], constants: Iterable[Symbol] = ()) -> None:
        self.names: dict[Symbol, str] = {}
        self.lines: dict[Symbol, str] = {}
        self.is_whole = True  # whether every number is written down
        self._constants = set(constants)
        order = list(forward)
        self._taken = {"np", "tg", *(s.name for s in order if s.name)}
        for symbol in order:
            self._add(symbol)

    def _add(self, symbol: Symbol) -> None:
        if symbol.op is None and (symbol.is_number or symbol.counted is not None):
            self.names[symbol] = repr(float(symbol.value.flat[0]))
            return
        name = self.names[symbol] = self._name(symbol)
        if symbol.op is None:
            self.lines[symbol] = f"{name} = {self._leaf(symbol)}"
        else:
            self.lines[symbol] = f"{name} = {self._call(symbol)}"

    def _name(self, symbol: Symbol) -> str:
        wanted = re.sub(r"\W", "_", (symbol.name or "").replace("′", "_"))
        is_free = wanted == symbol.name or wanted not in self._taken
        if is_free and wanted.isidentifier() and not keyword.iskeyword(wanted):
            self._taken.add(wanted)
            return wanted
        number = 1
        while f"v{number}" in self._taken:
            number += 1
        self._taken.add(f"v{number}")
        return f"v{number}"

    def _call(self, symbol: Symbol) -> str:
        op = symbol.op
        assert op is not None
        operands = [self._operand(argument) for argument in symbol.args]
        if op.name in _INFIX and len(operands) == 2:
            return f"{operands[0]} {_INFIX[op.name]} {operands[1]}"
        if op.name == "negative":
            return f"-{operands[0]}"
        if op.name == "getitem":
            return f"{operands[0]}[{_index(symbol.attributes['index'], operands[1:])}]"
        if op.name == "einsum":
            return f"tg.einsum({symbol.attributes['subscripts']!r}, {', '.join(operands)})"
        is_public = getattr(ops, op.name, None) is op
        called = f"tg.{op.name}" if is_public else f'tg.core.op.REGISTRY["{op.name}"]'
        given = [
            f"{key}={self._attribute(value)}"
            for key, value in symbol.attributes.items()
            if key not in op.defaults or not _same(value, op.defaults[key])
        ]
        return f"{called}({', '.join([*operands, *given])})"

    def _operand(self, argument: Any) -> str:
        if isinstance(argument, Symbol):
            if argument not in self.names:
                self._add(argument)
            return self.names[argument]
        text = _number(float(argument)) if isinstance(argument, float) else repr(argument)
        return f"({text})" if text.startswith("-") else text

    def _attribute(self, value: Any) -> str:
        return "..." if value is Ellipsis else repr(value)

    def _leaf(self, symbol: Symbol) -> str:
        array, maker = symbol.value, "np.array" if symbol in self._constants else "tg.Tensor"
        if array.size <= _MOST_ENTRIES:
            return f"{maker}({_nested(array.tolist())})"
        self.is_whole = False
        return f"{maker}(...)  # {' × '.join(map(str, array.shape))} numbers"

    def text(self, output: Symbol, wrt: Symbol) -> str:
        """Return the whole program: it computes the output and its gradient."""
        head = ["import numpy as np", "", "import tinygrad_edu as tg", ""]
        seed = "" if output.value.size == 1 else f", np.ones({output.shape})"
        tail = f"gradient = tg.gradients({self.names[output]}, {self.names[wrt]}{seed})"
        return "\n".join([*head, *self.lines.values(), tail]) + "\n"


def _index(template: tuple[Any, ...], arrays: list[str]) -> str:
    """Write an index as it stands between brackets; index arrays are arguments of their own."""
    rest, written = iter(arrays), []
    for part in template:
        if part == "array":
            written.append(next(rest))
        elif isinstance(part, tuple):
            start, stop, step = ("" if n is None else str(n) for n in part[1:])
            written.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            written.append("..." if part is Ellipsis else repr(part))
    return ", ".join(written) + ("," if len(written) == 1 and written[0] == "" else "")


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    return _number(value) if isinstance(value, float) else repr(value)


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'float("{value}")'


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(np.all(one == other)) and type(one) is type(other)
    except (TypeError, ValueError):
        return False
