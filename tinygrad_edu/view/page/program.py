"""The Python that computes a graph: one line for each vertex, made from the graph itself."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.symbolic.derive import Symbol, places_of

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
        made = self._leaf(symbol) if symbol.op is None else self._call(symbol)
        self.lines[symbol] = f"{name} = {made}"

    def _name(self, symbol: Symbol) -> str:
        wanted = re.sub(r"\W", "_", (symbol.name or "").replace("′", "_"))
        is_free = wanted == symbol.name or wanted not in self._taken
        if not (is_free and wanted.isidentifier() and not keyword.iskeyword(wanted)):
            wanted = next(v for n in count(1) if (v := f"v{n}") not in self._taken)
        self._taken.add(wanted)
        return wanted

    def _call(self, symbol: Symbol) -> str:
        op = symbol.op
        assert op is not None
        operands = [self._operand(argument) for argument in symbol.args]
        if op.name in _INFIX and len(operands) == 2:
            return f"{operands[0]} {_INFIX[op.name]} {operands[1]}"
        if op.name == "negative":
            return f"-{operands[0]}"
        if op.name == "getitem":
            places = places_of(symbol.attributes["index"], operands[1:], "...")
            return f"{operands[0]}[{places}]"
        if op.name == "einsum":
            return f"tg.einsum({symbol.attributes['subscripts']!r}, {', '.join(operands)})"
        is_public = getattr(ops, op.name, None) is op
        called = f"tg.{op.name}" if is_public else f'tg.core.op.REGISTRY["{op.name}"]'
        given = [
            f"{key}={'...' if value is Ellipsis else repr(value)}"
            for key, value in symbol.attributes.items()
            if key not in op.defaults or not _same(value, op.defaults[key])
        ]
        return f"{called}({', '.join([*operands, *given])})"

    def _operand(self, argument: Any) -> str:
        if isinstance(argument, Symbol):
            if argument not in self.names:
                self._add(argument)
            return self.names[argument]
        text = _nested(argument)
        return f"({text})" if text.startswith("-") else text

    def _leaf(self, symbol: Symbol) -> str:
        array, maker = symbol.value, "np.array" if symbol in self._constants else "tg.Tensor"
        if array.size <= _MOST_ENTRIES:
            return f"{maker}({_nested(array.tolist())})"
        return f"{maker}(...)  # {' × '.join(map(str, array.shape))} numbers"

    def text(self, output: Symbol, wrt: Symbol) -> str:
        """Return the whole program: it computes the output and its gradient."""
        head = ["import numpy as np", "", "import tinygrad_edu as tg", ""]
        seed = "" if output.value.size == 1 else f", np.ones({output.shape})"
        tail = f"gradient = tg.gradients({self.names[output]}, {self.names[wrt]}{seed})"
        return "\n".join([*head, *self.lines.values(), tail]) + "\n"


def _nested(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_nested, value))}]"
    is_odd = isinstance(value, float) and not math.isfinite(value)
    return f'float("{value}")' if is_odd else repr(value)


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(np.all(one == other)) and type(one) is type(other)
    except (TypeError, ValueError):
        return False
