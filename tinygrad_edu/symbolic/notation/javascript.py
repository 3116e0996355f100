"""The words of JavaScript, over a runtime of its own: arrays with a shape, spread as NumPy does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.notation.source import Code

__all__ = ["JavaScript", "runtime"]

#: Functions of the runtime that have other names than the operation.
_NAMES = {"negative": "neg", "multiply": "mul", "divide": "div", "power": "pow"}


@cache
def runtime() -> str:
    """Return the source of the runtime, which defines `$`."""
    return files(__package__).joinpath("runtime.js").read_text(encoding="utf-8")


class JavaScript:
    """Write forms as calls of the runtime `$`."""

    def _call(self, name: str, *arguments: Code | str) -> Code:
        texts = (a if isinstance(a, str) else a.text for a in arguments)
        return Code(f"$.{name}({', '.join(texts)})", 0)

    def number(self, value: Fraction) -> Code:
        """Write a number with the digits that read back."""
        if value.denominator == 1 and abs(value) < 2**53:
            return Code(str(value.numerator), 0)
        return Code(repr(float(value)), 0)

    def letter(self, name: str) -> Code:
        """Write a letter or a length."""
        return Code(name, 0)

    def total(self, terms: Sequence[Code], minuses: Sequence[bool]) -> Code:
        """Add and subtract terms."""
        signed = [self._call("neg", t) if m else t for m, t in zip(minuses, terms, strict=True)]
        return signed[0] if len(signed) == 1 else self._call("add", *signed)

    def product(self, factors: Sequence[Code]) -> Code:
        """Multiply, entry by entry."""
        return factors[0] if len(factors) == 1 else self._call("mul", *factors)

    def quotient(self, top: Code, bottom: Code) -> Code:
        """Divide, entry by entry."""
        return self._call("div", top, bottom)

    def power(self, base: Code, exponent: Code) -> Code:
        """Raise to a power, entry by entry."""
        return self._call("pow", base, exponent)

    def root(self, base: Code) -> Code:
        """Take the square root of each entry."""
        return self._call("sqrt", base)

    def sum(self, array: Code, axis: int | None) -> Code:
        """Sum all entries, or over one axis, which stays with length 1."""
        return self._call("sum", array, *([] if axis is None else [str(axis), "true"]))

    def beside(self, chain: Sequence[Code]) -> Code:
        """Multiply matrices and vectors."""
        return self._call("matmul", *chain)

    def outer(self, left: Code, right: Code) -> Code:
        """Multiply a column and a row."""
        return self._call("outer", left, right)

    def transpose(self, array: Code) -> Code:
        """Exchange rows and columns."""
        return self._call("T", array)

    def diag(self, array: Code) -> Code:
        """Make a diagonal matrix of a vector, or a vector of a diagonal."""
        return self._call("diag", array)

    def eye(self, length: str) -> Code:
        """Write the identity matrix."""
        return self._call("eye", length)

    def ones(self, length: str) -> Code:
        """Write the vector of ones."""
        return self._call("ones", length)

    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""
        return self._call("entries", array, json.dumps(list(places)))

    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""
        return self._call("view", array, json.dumps(list(order)), json.dumps(list(present)))

    def einsum(self, subscripts: str, arrays: Sequence[Code]) -> Code:
        """Multiply and sum at indices."""
        return self._call("einsum", json.dumps(subscripts), *arrays)

    def knows(self, op: Op) -> bool:
        """Whether the runtime has a function for an operation."""
        name = _NAMES.get(op.name, op.name)
        return f" {name}:" in runtime() or f" {name}," in runtime()

    def call(self, op: Op, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
        """Apply an operation; its attribute `classes` is the source of a length."""
        name = _NAMES.get(op.name, op.name)
        if not self.knows(op):
            raise ValueError(f"javascript: {op.name} is not in the runtime; use text() instead")
        if op.name == "one_hot":
            return self._call(name, *arguments, attributes["classes"])
        more = []
        if "axis" in attributes:
            more = [json.dumps(attributes["axis"]), json.dumps(attributes.get("keepdims", False))]
        return self._call(name, *arguments, *more)
