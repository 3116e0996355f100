"""A vertex of the graph: an operation, its arguments and attributes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from typing import Self

    from tinygrad_edu.core.op import Op

__all__ = ["NO_ATTRIBUTES", "REGISTRY", "Node", "Traced", "install", "next_serial", "one_line"]

#: Every operation by its name.
REGISTRY: dict[str, Op] = {}

NO_ATTRIBUTES: Mapping[str, Any] = MappingProxyType({})

# Arguments exist before their results, so the order of creation is a topological order.
next_serial = itertools.count().__next__


class Traced:
    """What stands in the place of an array while a program is traced, see `program`."""

    __slots__ = ()

    value: Any  # what it is in the call that is traced

    if TYPE_CHECKING:  # what `program.trace` defines

        def apply(self, op: Op, inputs: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
            """Compute an operation of which this is an argument."""

        def line(self, function: Callable[..., Any], *args: Any) -> Any:
            """Compute ``function(x, *args)`` by a line that calls it whenever the program runs."""

        def vertex(
            self, op: Op, args: tuple[Any, ...], inputs: tuple[Any, ...], attributes: Any
        ) -> Any:
            """Make the vertex of an operation of which this is the value of an argument."""

        def leaf(self) -> Any:
            """Make a vertex that holds this."""


def one_line(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that looks at numbers one line of a program, where x is traced."""

    @functools.wraps(function)
    def call(x: Any, *args: Any) -> Any:
        return x.line(function, *args) if isinstance(x, Traced) else function(x, *args)

    return call


class Node:
    """One vertex: ``op(*args, **attributes)``, or a leaf where ``op`` is None.

    A subclass says with `record` what a vertex of its kind holds: a Tensor a value, an
    expression a formula. Vertices are hashed by identity; `ops.operators` gives them Python's
    operators.
    """

    __slots__ = ("__weakref__", "args", "attributes", "op", "serial")

    op: Op | None
    args: tuple[Any, ...]
    attributes: Mapping[str, Any]
    serial: int

    # What the backward pass reads of a vertex that has numbers.
    value: Any
    inputs: tuple[Any, ...]
    saved: Any

    # Make NumPy defer to our reflected operators.
    __array_ufunc__: ClassVar[Any] = None
    __hash__ = object.__hash__

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
    def T(self) -> Self:
        """The transpose: all axes reversed."""
        return REGISTRY["transpose"](self)

    @property
    def mT(self) -> Self:
        """The matrix, or each of a stack, transposed: the last two axes exchanged."""
        return self.swapaxes(-1, -2)

    def swapaxes(self, axis1: int, axis2: int) -> Self:
        """Exchange two axes."""
        return REGISTRY["swapaxes"](self, axis1=axis1, axis2=axis2)

    def __pos__(self) -> Self:
        return self

    if TYPE_CHECKING:  # installed by `ops.operators`, from a table

        def __getitem__(self, index: Any) -> Self: ...
        def __eq__(self, other: object) -> Any: ...
        def __ne__(self, other: object) -> Any: ...
        def __abs__(self) -> Self: ...
        def _of_two(self, other: Any) -> Self: ...

        __neg__ = __invert__ = __abs__
        __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _of_two
        __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _of_two
        __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _of_two
        __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = _of_two
        __lt__ = __le__ = __gt__ = __ge__ = _of_two


def install(kind: type, methods: Mapping[str, Callable[..., Any]]) -> None:
    """Give a class methods by their names."""
    for name, method in methods.items():
        method.__name__, method.__qualname__ = name, f"{kind.__name__}.{name}"
        setattr(kind, name, method)
