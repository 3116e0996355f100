"""A vertex of the graph: an operation, its arguments and attributes, and Python's operators."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tinygrad_edu.core.op import Op

__all__ = ["NO_ATTRIBUTES", "Node", "Slots", "next_serial", "slots"]

NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})

# Arguments exist before their results, so the order of creation is a topological order.
next_serial = itertools.count().__next__


class Slots:
    """The operations that the operators and the backward pass need; `ops` fills them."""

    add: Op
    subtract: Op
    multiply: Op
    divide: Op
    power: Op
    matmul: Op
    equal: Op
    not_equal: Op
    less: Op
    less_equal: Op
    greater: Op
    greater_equal: Op
    negative: Op
    abs: Op
    getitem: Callable[[Any, Any], Any]
    swapaxes: Op
    transpose: Op
    xlogy: Op
    sum_to: Op
    astype: Op


slots = Slots()


class Node:
    """One vertex: ``op(*args, **attributes)``, or a leaf where ``op`` is None.

    A subclass says with `record` what a vertex of its kind holds: a Tensor a value, an
    expression a formula. Vertices are hashed by identity.
    """

    __slots__ = ("__weakref__", "args", "attributes", "op", "serial")

    op: Op | None
    args: tuple[Any, ...]
    attributes: Mapping[str, Any]
    serial: int

    # What the backward pass reads of a vertex that holds numbers.
    value: Any
    inputs: tuple[Any, ...]
    saved: Any

    # An array beside a vertex leaves the operator to the vertex.
    __array_ufunc__: ClassVar[Any] = None

    @classmethod
    def record(cls, op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Make the vertex of one call."""
        raise TypeError(f"{cls.__name__} does not record operations")

    # What the backward pass and the rules ask of a vertex, each kind answers in its own way.

    def seed(self, seed: Any, graph: bool) -> Any:
        """Return the gradient that the backward pass starts with."""
        raise TypeError(f"{type(self).__name__} cannot be differentiated")

    def zeros_like(self) -> Any:
        """Return zero, of this shape."""
        raise TypeError(f"{type(self).__name__} cannot be differentiated")

    def operands(self) -> tuple[Any, ...]:
        """Return the arguments as rules are given them: vertices, and constants."""
        return self.args

    def refuse_if_rebound(self) -> None:
        """Raise where an argument is no longer what this vertex was computed from."""

    def count(self, axis: Any = None) -> Any:
        """Return the number of entries that a reduction over `axis` joins."""
        raise TypeError(f"{type(self).__name__} has no entries")

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        raise TypeError(f"{type(self).__name__} has no shape")

    @property
    def dtype(self) -> Any:
        """Type of the entries."""
        raise TypeError(f"{type(self).__name__} has no dtype")

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def T(self) -> Any:
        """The transpose: all axes reversed."""
        return slots.transpose(self)

    @property
    def mT(self) -> Any:
        """The matrix, or each of a stack, transposed: the last two axes exchanged."""
        return slots.swapaxes(self, axis1=-1, axis2=-2)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        """Exchange two axes."""
        return slots.swapaxes(self, axis1=axis1, axis2=axis2)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Any:
        return slots.getitem(self, index)

    def __pos__(self) -> Any:
        return self

    def __add__(self, other: Any) -> Any:
        return self.record(slots.add, (self, other), NO_ATTRIBUTES)

    def __radd__(self, other: Any) -> Any:
        return self.record(slots.add, (other, self), NO_ATTRIBUTES)

    def __sub__(self, other: Any) -> Any:
        return self.record(slots.subtract, (self, other), NO_ATTRIBUTES)

    def __rsub__(self, other: Any) -> Any:
        return self.record(slots.subtract, (other, self), NO_ATTRIBUTES)

    def __mul__(self, other: Any) -> Any:
        return self.record(slots.multiply, (self, other), NO_ATTRIBUTES)

    def __rmul__(self, other: Any) -> Any:
        return self.record(slots.multiply, (other, self), NO_ATTRIBUTES)

    def __truediv__(self, other: Any) -> Any:
        return self.record(slots.divide, (self, other), NO_ATTRIBUTES)

    def __rtruediv__(self, other: Any) -> Any:
        return self.record(slots.divide, (other, self), NO_ATTRIBUTES)

    def __pow__(self, other: Any) -> Any:
        return self.record(slots.power, (self, other), NO_ATTRIBUTES)

    def __rpow__(self, other: Any) -> Any:
        return self.record(slots.power, (other, self), NO_ATTRIBUTES)

    def __matmul__(self, other: Any) -> Any:
        return self.record(slots.matmul, (self, other), NO_ATTRIBUTES)

    def __rmatmul__(self, other: Any) -> Any:
        return self.record(slots.matmul, (other, self), NO_ATTRIBUTES)

    def __neg__(self) -> Any:
        return self.record(slots.negative, (self,), NO_ATTRIBUTES)

    def __abs__(self) -> Any:
        return self.record(slots.abs, (self,), NO_ATTRIBUTES)

    def __eq__(self, other: object) -> Any:
        return self.record(slots.equal, (self, other), NO_ATTRIBUTES)

    def __ne__(self, other: object) -> Any:
        return self.record(slots.not_equal, (self, other), NO_ATTRIBUTES)

    def __lt__(self, other: Any) -> Any:
        return self.record(slots.less, (self, other), NO_ATTRIBUTES)

    def __le__(self, other: Any) -> Any:
        return self.record(slots.less_equal, (self, other), NO_ATTRIBUTES)

    def __gt__(self, other: Any) -> Any:
        return self.record(slots.greater, (self, other), NO_ATTRIBUTES)

    def __ge__(self, other: Any) -> Any:
        return self.record(slots.greater_equal, (self, other), NO_ATTRIBUTES)
