"""The third reading of the calculus table: operations on symbols.

A recorded graph is replayed on `Symbol` vertices. An operation with a definition is opened: its
definition is called in its place, and remembered, so that what it means can be folded into its
name again. Running the backward pass on symbols then writes the gradient down, by the very rules
that compute it. `lower` turns the result into expressions over labelled axes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import NO_ATTRIBUTES, Node, next_serial
from tinygrad_edu.core.op import Op, run
from tinygrad_edu.symbolic import expr as ex
from tinygrad_edu.symbolic.expr import Expr, Label, Quantity

__all__ = ["Lowering", "Opened", "Symbol", "Trace"]


class Symbol(Node):
    """A vertex that stands for an array: it has a value on the data, and a formula."""

    __slots__ = ("axes", "counted", "is_number", "name", "trace", "value")

    def __init__(self, trace: Trace, value: Any, name: str | None = None) -> None:
        self.op, self.args, self.attributes = None, (), NO_ATTRIBUTES
        self.serial = next_serial()
        self.trace, self.name = trace, name
        self.value = np.asarray(value)
        self.counted: tuple[Symbol, tuple[int, ...]] | None = None
        self.is_number = False
        trace.symbols.append(self)

    @staticmethod
    def record(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Open an operation by its definition, or make its vertex."""
        trace = next(a.trace for a in args if isinstance(a, Symbol))
        args = tuple(trace.symbol_of(a) for a in args)
        if op.definition is not None and op.name not in trace.fused:
            return trace.open(op, args, attributes)
        arrays = [a.value if isinstance(a, Symbol) else a for a in args]
        with np.errstate(all="ignore"):
            value = run(op, arrays, attributes)
        out = Symbol(trace, value[0] if op.saved is not None else value)
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

    def count(self, axis: ops.Axes = None) -> Symbol:
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


class Opened:
    """A fused operation that was opened: what it is called, what it means, and its exact value."""

    __slots__ = ("args", "op", "result", "value")

    def __init__(self, op: Op, args: tuple[Any, ...], result: Symbol, value: Any) -> None:
        self.op, self.args, self.result, self.value = op, args, result, value


class Trace:
    """One replay of a recorded graph on symbols.

    Parameters
    ----------
    fused : collection of str
        Names of operations that are left whole.
    name_of : callable, optional
        From a constant array to its name, or None.
    """

    def __init__(
        self, fused: Collection[str] = (), name_of: Callable[[Any], str | None] = lambda array: None
    ) -> None:
        self.fused = frozenset(fused)
        self.name_of = name_of
        self.symbols: list[Symbol] = []
        self.opened: list[Opened] = []
        self.constants: dict[int, Symbol] = {}
        self.forward_end: int | None = None  # how many symbols the forward pass made
        self.held: list[Any] = []  # keeps the arrays alive whose id is a key above
        self._opened: dict[Any, Symbol] = {}

    def number(self, value: Any) -> Symbol:
        """Return a symbol for a plain number, repeated over a shape."""
        symbol = Symbol(self, value)
        symbol.is_number = True
        return symbol

    def symbol_of(self, argument: Any) -> Any:
        """Return the symbol of a constant array; numbers stay numbers."""
        if isinstance(argument, Symbol | int | float):
            return argument
        found = self.constants.get(id(argument))
        if found is None:
            array = np.asarray(argument)
            name = self.name_of(argument)
            if array.ndim == 0 and name is None and np.isfinite(array):
                return array.item()
            found = self.constants[id(argument)] = Symbol(self, array, name)
            self.held.append(argument)
        return found

    def replay(self, order: Iterable[Node], known: dict[Node, Any]) -> None:
        """Replay recorded vertices, arguments first, adding the symbol of each to `known`."""
        for node in order:
            if node in known or node.op is None:
                continue
            args = tuple(known[a] if isinstance(a, Node) else a for a in node.args)
            if any(isinstance(a, Symbol) for a in args):
                known[node] = Symbol.record(node.op, args, node.attributes)

    def open(self, op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Call a definition in place of its operation."""
        operands = tuple(a.serial if isinstance(a, Symbol) else ("number", a) for a in args)
        key = (op, operands, tuple(attributes.items()))
        found = self._opened.get(key)
        if found is None:
            assert op.definition is not None
            found = self._opened[key] = op.definition(*args, **attributes)
            if op.saved is not None:
                op.saved(*args, **attributes)  # a name that the fused rule would have used
            if isinstance(found, Symbol):
                arrays = [a.value if isinstance(a, Symbol) else a for a in args]
                with np.errstate(all="ignore"):
                    value = run(op, [np.asarray(a) for a in arrays], attributes)
                value = value[0] if op.saved is not None else value
                self.opened.append(Opened(op, args, found, value))
        return found


# --- axes become labels ---------------------------------------------------------------------------


Place = tuple[int, int]  # the serial number of a symbol, and one of its axes
Pairs = list[tuple[Place, Place]]


class _Axes:
    """Union-find over the axes of all symbols; no symbol may get one label on two axes."""

    def __init__(self, symbols: Iterable[Symbol]) -> None:
        self.parent: dict[Place, Place] = {}
        self.members: dict[Place, set[int]] = {}
        for symbol in symbols:
            for axis, length in enumerate(symbol.shape):
                if length != 1:
                    self.parent[symbol.serial, axis] = (symbol.serial, axis)
                    self.members[symbol.serial, axis] = {symbol.serial}

    def root(self, place: Place) -> Place:
        while self.parent[place] != place:
            self.parent[place] = self.parent[self.parent[place]]
            place = self.parent[place]
        return place

    def join(self, pairs: Iterable[tuple[Place, Place]]) -> bool:
        """Make pairs of axes the same label; change nothing and say so where that cannot be."""
        parent, members = dict(self.parent), {k: set(v) for k, v in self.members.items()}
        for one, other in pairs:
            one, other = self.root(one), self.root(other)
            if one == other:
                continue
            if self.members[one] & self.members[other]:
                self.parent, self.members = parent, members
                return False
            self.parent[other] = one
            self.members[one] |= self.members.pop(other)
        return True




def _reduced(node: Symbol, axis: Any) -> tuple[int, ...]:
    ndim = node.ndim
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _aligned_right(argument: Symbol, out: Symbol) -> list[tuple[int, int]]:
    shift = out.ndim - argument.ndim
    return [(i, i + shift) for i in range(argument.ndim) if i + shift >= 0]


def _kept(node: Symbol) -> list[tuple[int, int]]:
    """Pair the axes that a reduction keeps."""
    (argument,) = (a for a in node.args[:1])
    gone = _reduced(argument, node.attributes["axis"])
    if node.attributes["keepdims"]:
        return [(i, i) for i in range(argument.ndim) if i not in gone]
    return [(i, k) for k, i in enumerate(i for i in range(argument.ndim) if i not in gone)]


def _moved(node: Symbol) -> list[tuple[int, int]] | None:
    """Pair the axes of an operation that only moves, inserts or removes axes."""
    (argument,) = node.args[:1]
    assert node.op is not None
    name, ndim = node.op.name, argument.ndim
    if name == "transpose":
        axes = node.attributes["axes"] or tuple(reversed(range(ndim)))
        return [(a % ndim, k) for k, a in enumerate(axes)]
    if name == "swapaxes":
        axes = list(range(ndim))
        one, other = node.attributes["axis1"] % ndim, node.attributes["axis2"] % ndim
        axes[one], axes[other] = axes[other], axes[one]
        return [(a, k) for k, a in enumerate(axes)]
    # reshape, expand_dims and squeeze: the same lengths once the ones are left out
    old = [i for i, n in enumerate(argument.shape) if n != 1]
    new = [i for i, n in enumerate(node.shape) if n != 1]
    if [argument.shape[i] for i in old] != [node.shape[i] for i in new]:
        return None
    return list(zip(old, new, strict=True))


def _subscripts(node: Symbol) -> tuple[list[str], str]:
    """Write matmul and einsum as einsum's subscripts."""
    assert node.op is not None
    if node.op.name == "einsum":
        inputs, result = node.attributes["subscripts"].split("->")
        return inputs.split(","), result
    one, other = node.args[0].ndim, node.args[1].ndim
    stack = "abcdefgh"[: max(one, other, 2) - 2]
    left = "z" if one == 1 else stack[len(stack) - (one - 2) :] + "yz"
    right = "z" if other == 1 else stack[len(stack) - (other - 2) :] + "zx"
    result = stack + ("" if one == 1 else "y") + ("" if other == 1 else "x")
    return [left, right], result


_MOVES = frozenset({"transpose", "swapaxes", "reshape", "expand_dims", "squeeze"})
_SPREADS = frozenset({"broadcast_to", "astype"})
_PRODUCTS = frozenset({"matmul", "einsum"})
_REDUCTIONS = frozenset({"sum", "max", "min", "prod"})


def _joins(node: Symbol) -> Pairs | None:
    """Return the pairs of axes that one operation makes the same; None where it is unknown."""
    op = node.op
    assert op is not None
    pairs: Pairs = []

    def pair(argument: Symbol, both: Iterable[tuple[int, int]]) -> None:
        pairs.extend(
            ((argument.serial, i), (node.serial, k))
            for i, k in both
            if argument.shape[i] != 1 and node.shape[k] != 1
        )

    symbols = [a for a in node.args if isinstance(a, Symbol)]
    if op.elementwise or op.name in _SPREADS:
        for argument in symbols:
            pair(argument, _aligned_right(argument, node))
    elif op.name in _REDUCTIONS:
        pair(symbols[0], _kept(node))
    elif op.name == "sum_to":
        pair(symbols[0], _aligned_right(symbols[0], node))
    elif op.name in _MOVES:
        moved = _moved(node)
        if moved is None:
            return None
        pair(symbols[0], moved)
    elif op.name in _PRODUCTS:
        if len(symbols) != len(node.args):
            return None
        first: dict[str, Place] = {}
        terms, result = _subscripts(node)
        for symbol, term in zip((*symbols, node), (*terms, result), strict=True):
            for axis, letter in enumerate(term):
                if symbol.shape[axis] != 1:
                    place = first.setdefault(letter, (symbol.serial, axis))
                    if place != (symbol.serial, axis):
                        pairs.append((place, (symbol.serial, axis)))
    elif op.name == "one_hot":
        pair(symbols[0], [(i, i) for i in range(symbols[0].ndim)])
    elif op.name == "softmax":
        pair(symbols[0], [(i, i) for i in range(symbols[0].ndim)])
    else:
        return None
    return pairs


# --- symbols become expressions -------------------------------------------------------------------


class Lowering:
    """Turn symbols into expressions over labelled axes."""

    def __init__(self, trace: Trace, alike: Iterable[tuple[Symbol, Symbol]] = ()) -> None:
        self.trace = trace
        self.axes = _Axes(trace.symbols)
        self.opaque: set[Symbol] = set()
        self.known: dict[Symbol, Expr] = {}
        self.quantities: dict[Symbol, Quantity] = {}
        self.labels: dict[Place, Label] = {}
        for symbol in trace.symbols:
            if symbol.op is not None:
                pairs = _joins(symbol)
                if pairs is None or not self.axes.join(pairs):
                    self.opaque.add(symbol)
        for one, other in alike:  # pairs of one shape whose axes are the same
            self.axes.join(
                ((one.serial, i), (other.serial, i)) for i, length in enumerate(one.shape) if length != 1
            )
        self._name_labels()

    def axes_of(self, symbol: Symbol) -> tuple[Label | None, ...]:
        """Return the label of each axis, None where the length is 1."""
        return tuple(
            None if length == 1 else self._label(symbol, axis)
            for axis, length in enumerate(symbol.shape)
        )

    def _label(self, symbol: Symbol, axis: int) -> Label:
        root = self.axes.root((symbol.serial, axis))
        found = self.labels.get(root)
        if found is None:
            found = self.labels[root] = Label("?", symbol.shape[axis])
        return found

    def _name_labels(self) -> None:
        """Call rows N, the columns of the last result K, and what lies between D, M, H, …"""
        first: dict[Label, int] = {}
        last: dict[Label, int] = {}
        results: list[Label] = []
        every: list[Label] = []
        forward_end = self.trace.symbols[: self.trace.forward_end][-1].serial
        for symbol in self.trace.symbols:
            axes = self.axes_of(symbol)
            every += [a for a in axes if a is not None and a not in every]
            if symbol.serial > forward_end:
                continue
            if len(axes) >= 2 and axes[0] is not None:
                first[axes[0]] = first.get(axes[0], 0) + 1
            if len(axes) >= 2 and axes[-1] is not None:
                last[axes[-1]] = last.get(axes[-1], 0) + 1
                if symbol.op is not None and symbol.op.name in ("add", *_PRODUCTS):
                    results.append(axes[-1])
        rows = [a for a in every if a in first and a not in last]
        columns = [a for a in every if a in last and a not in first]
        names: dict[Label, str] = {}
        if rows:
            names[rows[0]] = "n"
        inner = [a for a in columns if a in results] or ([] if results else columns)
        if inner:
            names[inner[0]] = "k"
        elif not first and every:
            names[every[0]] = "k"
        spare = iter("dmhpqruvwcfglab")
        for label in every:
            label.letter = names.get(label) or next(spare, "i")

    def quantity(self, symbol: Symbol) -> Quantity:
        """Return what a leaf or a named symbol is called."""
        found = self.quantities.get(symbol)
        if found is None:
            name = symbol.name or self._spare_name()
            found = Quantity(name, self.axes_of(symbol), symbol.value, rank=symbol.serial)
            self.quantities[symbol] = found
        return found

    def _spare_name(self) -> str:
        """Return a letter for an array that the user did not name."""
        taken = {q.name for q in self.quantities.values()} | {s.name for s in self.trace.symbols}
        return next(c for i in itertools.count() if (c := f"c{i or ''}") not in taken)

    def lower(self, symbol: Any) -> Expr:
        """Return the expression of a symbol (or of a number)."""
        if not isinstance(symbol, Symbol):
            return ex.number(symbol)
        pending = [symbol]
        while pending:
            top = pending[-1]
            if top in self.known:
                pending.pop()
                continue
            missing = [a for a in top.args if isinstance(a, Symbol) and a not in self.known]
            if top.op is not None and missing:
                pending += missing
                continue
            pending.pop()
            self.known[top] = self._one(top)
        return self.known[symbol]

    def _one(self, symbol: Symbol) -> Expr:
        if symbol.counted is not None:
            source, places = symbol.counted
            axes = [axis for i, axis in enumerate(self.axes_of(source)) if i in places and axis]
            return ex.product(1, [(ex.Dimension(axis), Fraction(1)) for axis in axes])
        if symbol.is_number:
            return ex.number(float(symbol.value.flat[0])) if symbol.value.size else ex.number(0)
        if symbol.op is None:
            return self.quantity(symbol).leaf
        meaning = self._apply(symbol)
        if symbol.name is None:
            return meaning
        quantity = self.quantity(symbol)
        quantity.definition = meaning
        return quantity.leaf

    def _apply(self, symbol: Symbol) -> Expr:
        op = symbol.op
        assert op is not None
        args = [self.known[a] if isinstance(a, Symbol) else _number(a) for a in symbol.args]
        if symbol not in self.opaque:
            built = self._built_in(symbol, op.name, args)
            if built is not None:
                return built
            if op.elementwise:
                return ex.Apply(op, tuple(args), symbol.attributes)
        inside = tuple(self.axes_of(a) if isinstance(a, Symbol) else () for a in symbol.args)
        if not symbol.attributes.keys() <= {"axis", "keepdims"}:
            for label in (label for axes in (*inside, self.axes_of(symbol)) for label in axes):
                if label is not None:
                    label.fixed = True  # an attribute holds a length or a place
        return ex.Opaque(op, tuple(args), symbol.attributes, inside, self.axes_of(symbol))

    def _built_in(self, symbol: Symbol, name: str, args: list[Expr]) -> Expr | None:
        """Write the arithmetic, the sums and the products in the algebra's own terms."""
        one = Fraction(1)
        if name == "add":
            return ex.total(args)
        if name == "subtract":
            return ex.total([args[0], ex.product(-1, [(args[1], one)])])
        if name == "negative":
            return ex.product(-1, [(args[0], one)])
        if name == "multiply":
            return ex.product(1, [(a, one) for a in args])
        if name in ("divide", "xdivy"):
            return ex.product(1, [(args[0], one), (args[1], -one)])
        if name == "power" and isinstance(args[1], ex.Number):
            return ex.power(args[0], args[1].value)
        if name == "sqrt":
            return ex.power(args[0], Fraction(1, 2))
        if name == "xlogy":
            return ex.product(1, [(args[0], one), (ex.Apply(ops.log, (args[1],), {}), one)])
        if name in _MOVES or name in _SPREADS:
            return args[0]
        if name in ("sum", "sum_to"):
            gone = self._summed(symbol)
            return ex.sum_over(gone, args[0])
        if name in _PRODUCTS:
            terms, result = _subscripts(symbol)
            inner: dict[str, Label] = {}
            for argument, term in zip(symbol.args, terms, strict=True):
                for axis, letter in zip(self.axes_of(argument), term, strict=True):
                    if axis is not None and letter not in result:
                        inner[letter] = axis
            return ex.sum_over(inner.values(), ex.product(1, [(a, one) for a in args]))
        return None

    def _summed(self, symbol: Symbol) -> list[Label]:
        (argument,) = symbol.args
        before = self.axes_of(argument)
        if "axis" in symbol.attributes:
            gone: Iterable[int] = _reduced(argument, symbol.attributes["axis"])
        else:  # sum_to
            lead = argument.ndim - symbol.ndim
            gone = [i for i in range(argument.ndim) if i < lead or symbol.shape[i - lead] == 1]
        return [axis for i in gone if (axis := before[i]) is not None]


def _number(value: Any) -> Expr:
    if np.isfinite(value):
        return ex.number(float(value))
    name = "NaN" if np.isnan(value) else "∞" if value > 0 else "−∞"
    return Quantity(name, (), np.float64(value)).leaf
