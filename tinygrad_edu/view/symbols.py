"""What stands in the vertex of an operation: its sign, or its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.notation import name_latex

__all__ = ["is_number", "symbol"]

NameOf = Callable[[Any], str | None]

# Unicode and LaTeX of what is written between two operands.
_INFIX = {
    "add": ("+", "+"),
    "subtract": ("−", "-"),
    "multiply": ("×", r"\times"),
    "divide": ("÷", r"\div"),
    "matmul": ("@", r"\mathrm{@}"),
}
_COMMUTES = frozenset({"add", "multiply"})
_LONGEST_NAME = 6


def is_number(argument: Any, name_of: NameOf = lambda value: None) -> bool:
    """Whether an argument is a plain number, which is written into its operation's vertex."""
    if isinstance(argument, Node):
        return False
    return np.ndim(argument) == 0 and name_of(argument) is None


def symbol(
    op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any], name_of: NameOf
) -> tuple[str, str]:
    """Return the readable text and the LaTeX of one operation's vertex.

    Numbers among the arguments are part of it. Where order matters, so are the names of operands.

    Examples
    --------
    >>> from tinygrad_edu import ops
    >>> symbol(ops.exp, (), {}, lambda value: None)
    ('exp', '\\\\operatorname{exp}')
    >>> symbol(ops.multiply, (ops.exp, 2), {}, lambda value: None)
    ('× 2', '\\\\times 2')
    """
    if op.name in _INFIX and len(args) == 2:
        return _infix(op, args, name_of)
    if not any(is_number(a, name_of) for a in args):
        stem = _stem(op)
        if stem is not None:
            return stem
    return _filled(op, args, attributes, name_of)


def _infix(op: Op, args: tuple[Any, ...], name_of: NameOf) -> tuple[str, str]:
    sign = _INFIX[op.name]
    shown = [_operand(a, op, name_of) for a in args]
    if len({id(a) for a in args}) == 1 and op.name in _COMMUTES:
        shown = [("", ""), ("", "")]
    left, right = shown
    text, latex = (" ".join(p for p in (left[i], sign[i], right[i]) if p) for i in (0, 1))
    return text, latex


def _operand(argument: Any, op: Op, name_of: NameOf) -> tuple[str, str]:
    if is_number(argument, name_of):
        return _number(argument)
    name = name_of(argument)
    if name is None or op.name in _COMMUTES or len(name) > _LONGEST_NAME:
        return "", ""
    return name, name_latex(name)


def _number(value: Any) -> tuple[str, str]:
    mantissa, found, exponent = f"{float(value):.4g}".partition("e")
    if found:
        power = int(exponent)
        return f"{mantissa}e{power}".replace("-", "−"), rf"{mantissa} \cdot 10^{{{power}}}"
    return mantissa.replace("-", "−"), mantissa.replace("inf", r"\infty").replace("nan", "NaN")


def _stem(op: Op) -> tuple[str, str] | None:
    """Return what stands before the arguments: Σ of Σ {0}, softmax of softmax({0})."""
    before = r"(.*?)\s*(?:\(\{(?:0|args)\}(?:, \{\d\})*\)|\{0\})"
    latex = re.fullmatch(before, op.tex or "")
    text = re.fullmatch(before, op.text or "")
    if latex and latex[1]:
        return (text[1] if text and text[1] else op.name), latex[1].format()
    if op.text is None or op.text == "{0}":  # written as a function, or moves entries unseen
        readable = op.name.replace("_", " ")
        return readable, rf"\operatorname{{{readable.replace(' ', chr(92) + ' ')}}}"
    return None


def _filled(
    op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any], name_of: NameOf
) -> tuple[str, str]:
    """Fill the operation's notation with numbers, names, and a dot for each other operand."""
    several = sum(not is_number(a, name_of) for a in args) > 1
    operands = []
    for argument in args:
        shown = _operand(argument, op, name_of)
        named = several or is_number(argument, name_of)
        operands.append(shown if named and shown[0] else ("·", r"\,\cdot\,"))
    if op.name == "power" and operands[0][0] == "·":
        operands[0] = ("(·)", r"(\,\cdot\,)")
    written = {key: _attribute(value) for key, value in attributes.items()}
    filled = []
    for place, template in enumerate((op.text, op.tex)):
        if template is None or (several and len(args) > 2):  # too wide for a vertex, such as cases
            name = op.name.replace("_", r"\ ")
            template = (rf"\operatorname{{{{{name}}}}}" if place else op.name) + "({args})"
        parts = [operand[place] for operand in operands]
        listed = ", ".join(parts if len(parts) <= 3 else [*parts[:2], "…"])
        filled.append(template.format(*parts, args=listed, **written))
    return filled[0], filled[1]


def _attribute(value: Any) -> str:
    if isinstance(value, tuple) and value[:1] == ("slice",):
        start, stop, step = ("" if n is None else str(n) for n in value[1:])
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(value, tuple):
        return ", ".join(_attribute(part) for part in value)
    return "…" if value is Ellipsis else "•" if value == "array" else str(value)
