"""The words of JavaScript, over a runtime of its own: arrays with a shape, spread as NumPy does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.notation.source import Program
from tinygrad_edu.symbolic.notation.writer import Code

__all__ = ["JavaScript", "runtime"]

#: Functions of the runtime for the forms of a formula.
_FORMS = {
    **{kind: kind for kind in ("add", "sum", "outer", "diag", "eye", "ones")},
    "negative": "neg",
    "product": "mul",
    "quotient": "div",
    "power": "pow",
    "root": "sqrt",
    "beside": "matmul",
    "transpose": "T",
}
#: Functions of the runtime that have other names than the operation.
_NAMES = {"negative": "neg", "multiply": "mul", "divide": "div", "power": "pow"}


_WORDS = {
    **{kind: (f"$.{name}({{args}})", 0) for kind, name in _FORMS.items()},
    "subtract": ("$.add({0}, $.neg({1}))", 0),
    "kept sum": ("$.sum({0}, {axis}, true)", 0),
    "einsum": ('$.einsum("{subscripts}", {args})', 0),
}


@cache
def runtime() -> str:
    """Return the source of the runtime, which defines `$`."""
    return files(__package__).joinpath("runtime.js").read_text(encoding="utf-8")


class JavaScript(Program):
    """Write forms as calls of the runtime `$`."""

    words = _WORDS

    def number(self, value: Fraction) -> Code:
        """Write a number with the digits that read back."""
        if value.denominator == 1 and abs(value) < 2**53:
            return Code(str(value.numerator))
        return Code(repr(float(value)))

    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""
        return Code(f"$.entries({array}, {json.dumps(list(places))})")

    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""
        return Code(f"$.view({array}, {json.dumps(list(order))}, {json.dumps(list(present))})")

    @staticmethod
    def knows(op: Op) -> bool:
        """Whether the runtime has a function for an operation."""
        name = _NAMES.get(op.name, op.name)
        return f" {name}:" in runtime() or f" {name}," in runtime()

    def call(self, op: Op, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
        """Apply an operation; its attribute `classes` is the source of a length."""
        if not self.knows(op):
            raise ValueError(f"javascript: {op.name} is not in the runtime; use text() instead")
        texts = [code.text for code in arguments]
        if op.name in {"concatenate", "stack"}:
            texts = [f"[{', '.join(texts)}]"]
        if op.name == "one_hot":
            texts.append(attributes["classes"])
        elif "index" in attributes:
            texts.append(_index(attributes["index"]))
        elif "axis" in attributes:
            texts += map(json.dumps, (attributes["axis"], attributes.get("keepdims", False)))
        if "shape" in attributes:
            texts.append(json.dumps(attributes["shape"]))
        return Code(f"$.{_NAMES.get(op.name, op.name)}({', '.join(texts)})")


def _index(index: tuple[Any, ...]) -> str:
    """Write an index: a place, a slice as its three numbers, null for a new axis."""
    if "array" in [part for part in index if isinstance(part, str)]:
        raise ValueError("javascript: an index array is not in the runtime; use text() instead")
    parts = [
        list(part[1:]) if isinstance(part, tuple) else "..." if part is Ellipsis else part
        for part in index
    ]
    return json.dumps(parts)
