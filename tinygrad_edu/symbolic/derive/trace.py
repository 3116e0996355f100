"""The third reading of the calculus table: operations on symbols.

A recorded graph is replayed on `Symbol` vertices. An operation with a definition is opened: its
definition is called in its place, and remembered, so that what it means can be folded into its
name again. Running the backward pass on symbols then writes the gradient down, by the very rules
that compute it.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import NO_ATTRIBUTES, Node, next_serial
from tinygrad_edu.core.op import Op, recompute
from tinygrad_edu.symbolic.algebra.units import unit
from tinygrad_edu.symbolic.derive.loops import picked_by
from tinygrad_edu.symbolic.derive.picking import as_one_hot
from tinygrad_edu.symbolic.derive.recognise import Known, recognised
from tinygrad_edu.tensor import Tensor

__all__ = ["Opened", "Symbol", "Trace"]


def _nameless(array: Any) -> str | None:
    """Return no name, whatever it is."""
    return None


class Symbol(Node):
    """A vertex that stands for an array: it has a value on the data, and a formula.

    `source` is the Tensor or the constant array that it stands for, if that was recorded; `note`
    says what it is, if the user has no name for it.
    """

    __slots__ = ("counted", "is_number", "name", "note", "source", "trace", "value")

    def __init__(self, trace: Trace, value: Any, name: str | None = None, note: str = "") -> None:
        self.op, self.args, self.attributes = None, (), NO_ATTRIBUTES
        self.serial = next_serial()
        self.trace, self.name, self.note = trace, name, note
        self.value = np.asarray(value)
        self.counted: tuple[Symbol, tuple[int, ...]] | None = None
        self.is_number = False
        self.source: Any = None
        trace.symbols.append(self)

    @staticmethod
    def record(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Open an operation by its definition, or make its vertex."""
        trace = next(a.trace for a in args if isinstance(a, Symbol))
        called = itertools.chain(_parameters(op), itertools.repeat(""))
        args = tuple(trace.symbol_of(a, c, op) for a, c in zip(args, called, strict=False))
        if op.definition is not None and op.inline:
            return op.definition(*args, **attributes)
        if op.definition is not None and op.name not in trace.fused:
            return trace.open(op, args, attributes)
        picked = as_one_hot(op, args, attributes)
        if picked is not None:
            return picked
        out = Symbol(trace, _run(op, args, attributes))
        out.op, out.args, out.attributes = op, args, attributes
        return out

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes on the data."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        dtype: np.dtype[Any] = self.value.dtype
        return dtype

    def count(self, axis: int | tuple[int, ...] | None = None) -> Symbol:
        """Return the number of entries joined over `axis`, as a letter."""
        places = range(self.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        number = Symbol(self.trace, np.float64(ops.count(self.value, axis)))
        number.counted = (self, tuple(place % self.ndim for place in places))
        return number

    def seed(self, seed: Any, graph: bool) -> Any:
        """Return the gradient that the backward pass starts with."""
        return seed if isinstance(seed, Symbol) else self.trace.number(np.ones(self.shape))

    def zeros_like(self) -> Symbol:
        """Return zero."""
        return self.trace.number(np.zeros(self.shape))

    def refuse_if_rebound(self) -> None:
        """Symbols are never given new data."""

    # A rule may call NumPy: what it calls is answered here as it is on Tensors.
    __array_ufunc__ = Tensor.__array_ufunc__
    __array_function__ = Tensor.__array_function__
    if not TYPE_CHECKING:
        __array__ = Tensor.__array__


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A fused operation that was opened: what it is called, what it means, and its exact value."""

    op: Op
    args: tuple[Any, ...]
    attributes: Mapping[str, Any]
    result: Symbol
    value: Any


class Trace:
    """One replay of a recorded graph on symbols.

    Parameters
    ----------
    fused : collection of str
        Names of operations that are left whole.
    name_of : callable, optional
        From a constant array to its name, or None.
    known : sequence of Known, optional
        What a constant array without a name may have been computed from.
    """

    def __init__(
        self,
        fused: Collection[str] = (),
        name_of: Callable[[Any], str | None] = _nameless,
        known: Sequence[Known] = (),
        words: Collection[str] = (),
    ) -> None:
        self.fused = frozenset(fused)
        self.name_of = name_of
        self.known = known
        self.recognised: list[Symbol] = []
        self.looped: Mapping[
            Any, tuple[Any, tuple[int, ...]]
        ] = {}  # numbers that are entries of an array
        self.symbols: list[Symbol] = []
        self.opened: list[Opened] = []
        self.taken: set[str] = set()  # the names that are in use
        self.words = frozenset(words)  # the names that somebody has for something
        self._constants: dict[int, Symbol] = {}
        self._held: list[Any] = []  # keeps the arrays alive whose id is a key above
        self._opened: dict[Any, Any] = {}
        self._defining = 0  # how many definitions are being called

    def unique(self, name: str) -> str:
        """Return a name that nothing else has: with primes, where it is taken."""
        while name in self.taken:
            name += "′"
        self.taken.add(name)
        return name

    def forget_names(self) -> None:
        """Let go of the caller's arrays, most of which the graph is not made of."""
        self.known, self.name_of = (), _nameless

    def number(self, value: Any) -> Symbol:
        """Return a symbol for a plain number, repeated over a shape."""
        symbol = Symbol(self, value)
        symbol.is_number = True
        return symbol

    def symbol_of(self, argument: Any, called: str = "", op: Op | None = None) -> Any:
        """Return the symbol of a constant array; numbers stay numbers.

        An array without a name is what it was computed from, if that is seen; else it is called
        what the operation calls it, if that is a word.
        """
        if isinstance(argument, Symbol | int | float):
            return argument
        if id(argument) not in self._constants:
            found = self._constant(argument, called, op)
            if not isinstance(found, Symbol):
                return found
            self._constants[id(argument)] = found
            self._held.append(argument)
        return self._constants[id(argument)]

    def _constant(self, argument: Any, called: str, op: Op | None) -> Any:
        array, name = np.asarray(argument), self.name_of(argument)
        if name is None:
            if array.ndim == 0:
                return array.item()
            if array.dtype.kind == "f" or (op is not None and op.elementwise):
                found = recognised(array, self.known)
                if found is not None:
                    self.recognised.append(found)
                    return found
            name = called if len(called) > 2 else None
            if self._defining and (row := _row_of_unit(array)) is not None:
                name, argument = None, row  # that of a label
        symbol = Symbol(self, array, name and self.unique(name))
        symbol.source = argument
        return symbol

    def replay(self, node: Node, known: dict[Node, Any], *, alone: bool = False) -> None:
        """Replay one recorded vertex, and add its symbol to `known`.

        If it stands `alone`, no definition shares its symbol: what is differentiated with
        respect to is this vertex, and not every other of the same meaning.
        """
        assert node.op is not None
        args = tuple(
            known[a] if isinstance(a, Node) else self._entry(node, i, a)
            for i, a in enumerate(node.args)
        )
        if (node, None) in self.looped:
            indices = self.looped[node, None]
            known[node] = picked_by(*indices, args[0], node.attributes["index"])
            return
        if any(isinstance(a, Symbol) for a in args):
            opened = self._opened
            if alone:
                self._opened = {}
            known[node] = Symbol.record(node.op, args, node.attributes)
            self._opened = opened

    def _entry(self, node: Node, place: int, argument: Any) -> Any:
        """Return the entry of an array that a loop took an argument from, or the argument."""
        array, at = self.looped.get((node, place), (None, ()))
        return argument if array is None else array[at]

    def open(self, op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Call a definition in place of its operation."""
        assert op.definition is not None
        operands = tuple(a.serial if isinstance(a, Symbol) else ("number", a) for a in args)
        key = (op, operands, tuple(attributes.items()))
        if key not in self._opened:
            # A definition may ask for the shape of a number, such as the index of one example.
            arrays = tuple(np.asarray(a) if isinstance(a, int | float) else a for a in args)
            self._defining += 1
            result = self._opened[key] = op.definition(*arrays, **attributes)
            self._defining -= 1
            if op.saved is not None:
                op.saved(*arrays, **attributes)  # a name that the fused rule would have used
            if isinstance(result, Symbol):
                value = _run(op, args, attributes)
                self.opened.append(Opened(op, args, attributes, result, value))
        return self._opened[key]


def _row_of_unit(array: Any) -> Any:
    """Return δ at a place, where an array is that; else None."""
    places = np.flatnonzero(array) if array.ndim == 1 < array.size else np.empty(0)
    return unit(array.size, int(places[0])) if len(places) == 1 == array[places[0]] else None


@cache
def _parameters(op: Op) -> tuple[str, ...]:
    """Return what an operation calls its arguments, where it is written in Python."""
    if not inspect.isfunction(op.__wrapped__):
        return ()
    parameters = inspect.signature(op.__wrapped__).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)


def _run(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
    arrays = [a.value if isinstance(a, Symbol) else a for a in args]
    if op.definition is not None:
        arrays = [np.asarray(a) for a in arrays]
    return recompute(op, arrays, attributes)
