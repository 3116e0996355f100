"""Python's operators on vertices: what each of them records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_edu.core.node import NO_ATTRIBUTES, Node, install
from tinygrad_edu.core.op import Op
from tinygrad_edu.ops import arithmetic, elementwise, linear, piecewise, shape, statements

__all__: list[str] = []

#: Of two operands, from either side.
BINARY = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": piecewise.floor_divide,
    "mod": piecewise.mod,
    "pow": arithmetic.power,
    "matmul": linear.matmul,
    "and": statements.bitwise_and,
    "or": statements.bitwise_or,
    "xor": statements.bitwise_xor,
}
#: Python asks the other operand for the mirrored comparison.
COMPARISONS = {
    "eq": arithmetic.equal,
    "ne": arithmetic.not_equal,
    "lt": arithmetic.less,
    "le": arithmetic.less_equal,
    "gt": arithmetic.greater,
    "ge": arithmetic.greater_equal,
}
UNARY = {"neg": arithmetic.negative, "abs": elementwise.abs, "invert": statements.invert}


def _of_two(op: Op) -> Callable[[Node, Any], Any]:
    return lambda x, y: x.record(op, (x, y), NO_ATTRIBUTES)


def _reflected(op: Op) -> Callable[[Node, Any], Any]:
    return lambda y, x: y.record(op, (x, y), NO_ATTRIBUTES)


def _of_one(op: Op) -> Callable[[Node], Any]:
    return lambda x: x.record(op, (x,), NO_ATTRIBUTES)


install(Node, {f"__{name}__": _of_two(op) for name, op in (BINARY | COMPARISONS).items()})
install(Node, {f"__r{name}__": _reflected(op) for name, op in BINARY.items()})
install(Node, {f"__{name}__": _of_one(op) for name, op in UNARY.items()})
install(Node, {"__getitem__": lambda x, index: shape.getitem(x, index)})
