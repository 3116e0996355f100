"""The words of NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.notation.form import is_short
from tinygrad_edu.symbolic.notation.source import Code
from tinygrad_edu.symbolic.notation.words import NUMPY, RELATIONS, in_numpy

__all__ = ["NumPy"]

# How tightly Python's operators bind.
SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)


class NumPy:
    """Write forms as NumPy source, over the name `np` (and `math`, where Φ occurs)."""

    def number(self, value: Fraction) -> Code:
        """Write a number with the digits that read back."""
        if value < 0:
            return Code("-" + self.number(-value).within(SIGN), SIGN)
        if value.denominator == 1:
            return Code(str(value.numerator), ATOM)
        if is_short(value):
            return Code(f"{value.numerator} / {value.denominator}", PRODUCT)
        return Code(repr(float(value)), ATOM)

    def letter(self, name: str) -> Code:
        """Write a letter or a length."""
        return Code(name, ATOM)

    def total(self, terms: Sequence[Code], minuses: Sequence[bool]) -> Code:
        """Add and subtract terms."""
        first, *others = terms
        out = ("-" if minuses[0] else "") + first.within(PRODUCT)
        if not others:
            return Code(out, min(first.binds, SIGN))
        for minus, term in zip(minuses[1:], others, strict=True):
            out += f" {'-' if minus else '+'} {term.within(PRODUCT)}"
        return Code(out, SUM)

    def product(self, factors: Sequence[Code]) -> Code:
        """Multiply, entry by entry."""
        first, *others = factors
        if not others:
            return first
        return Code(" * ".join([first.within(PRODUCT), *(o.within(SIGN) for o in others)]), PRODUCT)

    def quotient(self, top: Code, bottom: Code) -> Code:
        """Divide, entry by entry."""
        return Code(f"{top.within(PRODUCT)} / {bottom.within(SIGN)}", PRODUCT)

    def power(self, base: Code, exponent: Code) -> Code:
        """Raise to a power, entry by entry."""
        return Code(f"{base.within(ATOM)} ** {exponent.within(ATOM)}", POWER)

    def root(self, base: Code) -> Code:
        """Take the square root of each entry."""
        return Code(f"np.sqrt({base.text})", ATOM)

    def sum(self, array: Code, axis: int | None) -> Code:
        """Sum all entries, or over one axis, which stays with length 1."""
        kept = "" if axis is None else f", axis={axis}, keepdims=True"
        return Code(f"np.sum({array.text}{kept})", ATOM)

    def beside(self, chain: Sequence[Code]) -> Code:
        """Multiply matrices and vectors."""
        return Code(" @ ".join(code.within(SIGN) for code in chain), PRODUCT)

    def outer(self, left: Code, right: Code) -> Code:
        """Multiply a column and a row."""
        return Code(f"np.outer({left.text}, {right.text})", ATOM)

    def transpose(self, array: Code) -> Code:
        """Exchange rows and columns."""
        return Code(f"{array.within(ATOM)}.T", ATOM)

    def diag(self, array: Code) -> Code:
        """Make a diagonal matrix of a vector, or a vector of a diagonal."""
        return Code(f"np.diag({array.text})", ATOM)

    def eye(self, length: str) -> Code:
        """Write the identity matrix."""
        return Code(f"np.eye({length})", ATOM)

    def ones(self, length: str) -> Code:
        """Write the vector of ones."""
        return Code(f"np.ones({length})", ATOM)

    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""
        shown = ", ".join(":" if place is None else str(place) for place in places)
        return Code(f"{array.within(ATOM)}[{shown}]", ATOM)

    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""
        text = array.within(ATOM)
        if list(order) != sorted(order):
            text = f"np.transpose({array.text}, {tuple(order)})"
        if not all(present):
            text = text if order else f"np.asarray({array.text})"
            text += f"[{', '.join(':' if there else 'None' for there in present)}]"
        return Code(text, ATOM)

    def einsum(self, subscripts: str, arrays: Sequence[Code]) -> Code:
        """Multiply and sum at indices."""
        return Code(f"np.einsum({subscripts!r}, {', '.join(code.text for code in arrays)})", ATOM)

    def knows(self, op: Op) -> bool:
        """Whether NumPy has a word for an operation, or several."""
        return in_numpy(op)

    def call(self, op: Op, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
        """Apply an operation; its attribute `classes` is the source of a length."""
        texts = [code.text for code in arguments]
        if op.name in RELATIONS.values():
            texts = [code.within(PRODUCT) for code in arguments]
        if op is ops.power:
            return self.power(*arguments)
        if op.name == "getitem":
            index = _index(texts[1:], attributes["index"])
            return Code(f"{arguments[0].within(ATOM)}[{index}]", ATOM)
        if op.name == "scatter_add":
            index = _index(texts[1:], attributes["index"])
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


def _index(arrays: Sequence[str], index: tuple[Any, ...]) -> str:
    remaining = iter(arrays)
    places = []
    for part in index:
        if isinstance(part, tuple):
            start, stop, step = ("" if n is None else str(n) for n in part[1:])
            places.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        elif part == "array":
            places.append(next(remaining))
        else:
            places.append("..." if part is Ellipsis else repr(part))
    return ", ".join(places)
