"""What stands in the vertex of an operation: its sign, or its name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from tinygrad_edu.core.op import Op
from tinygrad_edu.view.draw.values import number_latex, number_text

__all__ = ["Operand", "application", "number_operand", "symbol"]

# Unicode and LaTeX of what is written between two operands.
_INFIX = {
    "add": ("+", "+"),
    "subtract": ("−", "-"),
    "multiply": ("⊙", r"\odot"),
    "divide": ("÷", r"\div"),
    "matmul": ("@", r"\mathrm{@}"),
}
_COMMUTES = frozenset({"add", "multiply"})
_LONGEST_NAME = 6
_DOT = ("·", r"\,\cdot\,")
_TIMES = ("·", r"\cdot")  # what multiplies by a number


@dataclass(frozen=True, slots=True)
class Operand:
    """What an operation is applied to: a number, which its vertex shows, or another vertex.

    A vertex of one entry without axes is a scalar, and so is a number.
    """

    text: str = ""
    latex: str = ""
    is_number: bool = False
    is_scalar: bool = False


def number_operand(value: float) -> Operand:
    r"""Return a plain number as an operand.

    Examples
    --------
    >>> number_operand(-0.5).text, number_operand(2e-9).latex
    ('−0.5', '2 \\cdot 10^{-9}')
    """
    text = number_text(value, digits=4)
    return Operand(text, number_latex(text), True, True)


def symbol(op: Op, operands: Sequence[Operand], attributes: Mapping[str, Any]) -> tuple[str, str]:
    r"""Return the readable text and the LaTeX of one operation's vertex.

    Numbers among the operands are part of it. Where order matters, so are names of operands.

    Examples
    --------
    >>> from tinygrad_edu import ops
    >>> symbol(ops.softmax, [Operand()], {"axis": -1})
    ('softmax', '\\operatorname{softmax}')
    >>> print(*symbol(ops.multiply, [Operand(), number_operand(2)], {}))
    · 2 \cdot 2
    >>> print(*symbol(ops.divide, [Operand("e", "e"), Operand("s", "s")], {}))
    e ÷ s e \div s
    """
    shown = [_shown(op, operand) for operand in operands]
    if op.name in _INFIX and len(operands) == 2:
        (left, right), sign = shown, _sign(op, operands)
        text, latex = (" ".join(p for p in (left[i], sign[i], right[i]) if p) for i in (0, 1))
        return text, latex
    if not any(operand.is_number for operand in operands):
        stem = _stem(op)
        if stem is not None:
            return stem
    return _filled(op, operands, shown, attributes)


def application(
    op: Op, operands: Sequence[Operand], attributes: Mapping[str, Any]
) -> tuple[str, str]:
    r"""Return an operation applied to named operands and numbers, with a dot for each other one.

    Examples
    --------
    >>> from tinygrad_edu import ops
    >>> print(*application(ops.add, [Operand("x", "x"), number_operand(2)], {}))
    x + 2 x + 2
    >>> print(*application(ops.negative, [Operand()], {}))
    −(·) -(\,\cdot\,)
    """
    if op.name in _INFIX and len(operands) == 2 and not all(o.text for o in operands):
        return symbol(op, operands, attributes)
    alone = ("(·)", r"(\,\cdot\,)") if len(operands) == 1 else _DOT
    written = [(o.text, o.latex) if o.text else alone for o in operands]
    if op.name == "multiply":
        signs = _sign(op, operands)
        text, latex = (f" {signs[i]} ".join(each[i] for each in written) for i in (0, 1))
        return text, latex
    return _fill(op, written, attributes, len(operands) > 1)


def _sign(op: Op, operands: Sequence[Operand]) -> tuple[str, str]:
    """Return what stands between two operands: entries are multiplied by ⊙, by a number by ·."""
    if op.name == "multiply" and any(operand.is_scalar for operand in operands):
        return _TIMES
    return _INFIX[op.name]


def _shown(op: Op, operand: Operand) -> tuple[str, str]:
    """Return how an operand is written in an operation's vertex, if at all."""
    if not operand.is_number and (op.name in _COMMUTES or len(operand.text) > _LONGEST_NAME):
        return "", ""
    return operand.text, operand.latex


def _stem(op: Op) -> tuple[str, str] | None:
    """Return what stands before the operands: Σ of Σ {0}, softmax of softmax({0})."""
    before = r"(.*?)\s*(?:\(\{(?:0|args)\}(?:, \{\d\})*\)|\{0\})"
    latex = re.fullmatch(before, op.tex or "")
    text = re.fullmatch(before, op.text or "")
    if latex and latex[1] and not any(field for _, field, _, _ in Formatter().parse(latex[1])):
        readable = text[1] if text and text[1] else op.name
        return readable.replace("_", " "), latex[1].format()
    if op.text is None or op.text == "{0}":  # written as a function, or moves entries unseen
        readable = op.name.replace("_", " ")
        return readable, rf"\operatorname{{{readable}}}"
    return None


def _filled(
    op: Op,
    operands: Sequence[Operand],
    shown: Sequence[tuple[str, str]],
    attributes: Mapping[str, Any],
) -> tuple[str, str]:
    """Fill the operation's notation with numbers, names, and a dot for each other operand."""
    several = sum(not operand.is_number for operand in operands) > 1
    written = [
        each if each[0] and (several or operand.is_number) else _DOT
        for each, operand in zip(shown, operands, strict=True)
    ]
    if written and written[0] is _DOT and re.match(r"\{+0\}+\^", op.tex or ""):
        written[0] = ("(·)", r"(\,\cdot\,)")
    return _fill(op, written, attributes, several)


def _fill(
    op: Op, written: Sequence[tuple[str, str]], attributes: Mapping[str, Any], several: bool
) -> tuple[str, str]:
    values = {key: _attribute(value) for key, value in attributes.items()}
    filled = []
    for place, template in enumerate((op.text, op.tex)):
        if template is None or (several and len(written) > 2):  # too wide, such as cases
            name = op.name.replace("_", " ")
            template = (rf"\operatorname{{{{{name}}}}}" if place else name) + "({args})"
        parts = [each[place] for each in written]
        listed = ", ".join(parts if len(parts) <= 3 else [*parts[:2], "…"])
        filled.append(template.format(*parts, args=listed, **values))
    return filled[0], filled[1]


def _attribute(value: Any) -> str:
    if isinstance(value, tuple) and value[:1] == ("slice",):
        start, stop, step = ("" if n is None else str(n) for n in value[1:])
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, tuple):
        return ", ".join(_attribute(part) for part in value)
    return "…" if value is Ellipsis else "•" if value == "array" else str(value)
