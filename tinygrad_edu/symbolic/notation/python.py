"""The words of NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.notation.form import is_short
from tinygrad_edu.symbolic.notation.source import Program
from tinygrad_edu.symbolic.notation.words import NUMPY, RELATIONS, in_numpy
from tinygrad_edu.symbolic.notation.writer import Code, places_of

__all__ = ["NumPy"]

# How tightly Python's operators bind.
SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)


_WORDS = {
    "add": ("{0:1} + {1:2}", SUM),
    "subtract": ("{0:1} - {1:2}", SUM),
    "negative": ("-{0:2}", PRODUCT),
    "product": ("{0:2} * {1:3}", PRODUCT),
    "quotient": ("{0:2} / {1:3}", PRODUCT),
    "power": ("{0:5} ** {1:5}", POWER),
    "root": ("np.sqrt({0})", ATOM),
    "sum": ("np.sum({0})", ATOM),
    "kept sum": ("np.sum({0}, axis={axis}, keepdims=True)", ATOM),
    "beside": ("{0:2} @ {1:3}", PRODUCT),
    "outer": ("np.outer({0}, {1})", ATOM),
    "transpose": ("{0:5}.T", ATOM),
    "diag": ("np.diag({0})", ATOM),
    "eye": ("np.eye({0})", ATOM),
    "ones": ("np.ones({0})", ATOM),
    "einsum": ("np.einsum({subscripts!r}, {args})", ATOM),
}


class NumPy(Program):
    """Write forms as NumPy source, over the name `np` (and `math`, where Φ occurs)."""

    words = _WORDS

    def number(self, value: Fraction) -> Code:
        """Write a number with the digits that read back."""
        if value < 0:
            return Code(f"-{self.number(-value):{SIGN}}", SIGN)
        if value.denominator == 1:
            return Code(str(value.numerator), ATOM)
        if is_short(value):
            return Code(f"{value.numerator} / {value.denominator}", PRODUCT)
        return Code(repr(float(value)), ATOM)

    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""
        shown = ", ".join(":" if place is None else str(place) for place in places)
        return Code(f"{array:{ATOM}}[{shown}]", ATOM)

    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""
        text = f"{array:{ATOM}}"
        if list(order) != sorted(order):
            text = f"np.transpose({array}, {tuple(order)})"
        if not all(present):
            text = text if order else f"np.asarray({array})"
            text += f"[{', '.join(':' if there else 'None' for there in present)}]"
        return Code(text, ATOM)

    @staticmethod
    def knows(op: Op) -> bool:
        """Whether NumPy has a word for an operation, or several."""
        return in_numpy(op)

    def call(self, op: Op, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
        """Apply an operation; its attribute `classes` is the source of a length."""
        texts = [code.text for code in arguments]
        if op.name in RELATIONS.values():
            texts = [f"{code:{PRODUCT}}" for code in arguments]
        if op is ops.power:
            return self.write("power", *arguments)
        if op.name == "getitem":
            index = places_of(attributes["index"], texts[1:], "...")
            return Code(f"{arguments[0]:{ATOM}}[{index}]", ATOM)
        if op.name == "scatter_add":
            index = places_of(attributes["index"], texts[1:], "...")
            # Nothing of the formula within the lambda, which would hide a letter of the same name.
            zeros = f"np.zeros({attributes['shape']})"
            add = "(lambda out, places, g: (np.add.at(out, places, g), out)[1])"
            return Code(f"{add}({zeros}, np.s_[{index}], {texts[0]})", ATOM)
        if op.name in NUMPY:
            bare = ", ".join(texts)
            return Code(f"({NUMPY[op.name].format(*texts, args=bare, **attributes)})", ATOM)
        if not self.knows(op):
            raise ValueError(f"python: {op.name} has no spelling in NumPy; use text() instead")
        if op.name in {"concatenate", "stack"}:
            texts = [f"[{', '.join(texts)}]"]
        texts += [f"{key}={value!r}" for key, value in attributes.items()]
        return Code(f"np.{op.name}({', '.join(texts)})", ATOM)
