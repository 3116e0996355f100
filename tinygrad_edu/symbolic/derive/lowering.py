"""Symbols become expressions: axes get indices with letters, operations their algebraic form."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.symbolic.algebra import expr as ex
from tinygrad_edu.symbolic.algebra.expr import Expr, Index, Quantity
from tinygrad_edu.symbolic.algebra.slices import canonical
from tinygrad_edu.symbolic.algebra.units import is_unit
from tinygrad_edu.symbolic.derive.axes import (
    LINEAR,
    PRODUCTS,
    Axes,
    Pairs,
    Place,
    Subscripts,
    subscripts,
)
from tinygrad_edu.symbolic.derive.trace import Opened, Symbol, Trace
from tinygrad_edu.symbolic.notation import written as notation

__all__ = ["MAX_DEPTH", "MAX_SIZE", "Lowering"]

#: A formula nested deeper, or longer, is one that nobody reads and that the algebra cannot hold.
MAX_DEPTH = 120
MAX_SIZE = 20_000

#: Letters for lengths whose own are taken.
_LENGTHS = "NKMDPRUVWHJBCFQ"

ONE = Fraction(1)


class Lowering:
    """Turn symbols into expressions over indexed axes.

    Parameters
    ----------
    trace : Trace
        The symbols.
    alike : iterable of (Symbol, Symbol)
        Pairs of one shape whose axes are the same: a value and its gradient.
    forward, beside : collection of Symbol, optional
        The symbols of the forward pass, which name the axes (by default all); and symbols that
        stand beside the graph, which get indices from it and have no say in them.
    """

    def __init__(
        self,
        trace: Trace,
        alike: Iterable[tuple[Symbol, Symbol]] = (),
        *,
        forward: Collection[Symbol] = (),
        beside: Collection[Symbol] = (),
    ) -> None:
        self.trace = trace
        self.opaque: set[Symbol] = set()
        self._subscripts: dict[Symbol, Subscripts] = {}
        self._axes = Axes(trace.symbols)
        self._known: dict[Symbol, Expr] = {}
        self._renamed: ex.Renamed = {}
        self._quantities: dict[Symbol, Quantity] = {}
        self._indices: dict[Place, Index] = {}
        self._ranges: dict[Place, Index] = {}
        self._beside = others = set(beside)
        apart = self._join([s for s in trace.symbols if s not in others], alike)
        self._axes.hold(
            (s.serial, axis)
            for s in trace.symbols
            if s not in others
            for axis, length in enumerate(s.shape)
            if length != 1
        )
        for symbol in beside:
            pairs = self._pairs(symbol)
            if pairs and not self._axes.join(pairs):
                self.opaque.add(symbol)
        self._axes.relate(apart)
        self._name_indices(forward or trace.symbols)
        self._name_lengths(forward or trace.symbols)
        for symbol in trace.symbols:
            if symbol.source is not None:
                for place, axis in enumerate(self.axes_of(symbol)):
                    if axis is not None and _speaks_for(symbol, axis.range.source):
                        axis.range.source = symbol.source, place

    # --- indices ---------------------------------------------------------------------------------

    def _join(self, symbols: Sequence[Symbol], alike: Iterable[tuple[Symbol, Symbol]]) -> Pairs:
        """Join the axes that are one index, and return the pairs that only share a range."""
        apart: Pairs = []
        for symbol in symbols:
            pairs = self._pairs(symbol)
            if not self._axes.join(pairs):
                apart += [pair for pair in pairs if not self._axes.join([pair])]
        for run in self._picked_one_by_one(symbols):
            apart += [pair for pair in itertools.pairwise(run) if not self._axes.join([pair])]
        for one, other in alike:
            for axis, length in enumerate(one.shape):
                pair = (one.serial, axis), (other.serial, axis)
                if length != 1 and not self._axes.join([pair]):
                    apart.append(pair)
        return apart

    def _pairs(self, symbol: Symbol) -> Pairs:
        """Return the pairs of axes that an operation makes the same, if it is known."""
        if symbol.op is None:
            return []
        found = subscripts(symbol)
        if found is None or (symbol.op.name in PRODUCTS and any(map(_repeats, found.terms))):
            self.opaque.add(symbol)
            return []
        self._subscripts[symbol] = found
        return found.pairs(symbol)

    def _picked_one_by_one(self, symbols: Iterable[Symbol]) -> Iterable[list[Place]]:
        """Return axes that one loop may run over: of one length, every entry of which is picked."""
        picked: dict[Place, tuple[int, set[int]]] = {}
        for symbol in symbols:
            if symbol.op is not None and symbol.op.name == "getitem" and symbol not in self.opaque:
                first = symbol.args[0]
                for axis, place in self._subscripts[symbol].places.items():
                    if first.shape[axis] != 1:
                        root = self._axes.root((first.serial, axis))
                        picked.setdefault(root, (first.shape[axis], set()))[1].add(place)
        runs: dict[int, list[Place]] = {}
        for root, (length, places) in picked.items():
            if len(places) == length:
                runs.setdefault(length, []).append(root)
        return runs.values()

    def axes_of(self, symbol: Symbol) -> tuple[Index | None, ...]:
        """Return the index of each axis, None where the length is 1."""
        return tuple(
            None if length == 1 else self._index(symbol, axis)
            for axis, length in enumerate(symbol.shape)
        )

    def every_index(self) -> list[Index]:
        """Return every index."""
        return list(self._indices.values())

    def indices(self, symbol: Symbol) -> set[Index]:
        """Return the indices of all axes."""
        return {axis for axis in self.axes_of(symbol) if axis is not None}

    def _index(self, symbol: Symbol, axis: int) -> Index:
        root = self._axes.root((symbol.serial, axis))
        found = self._indices.get(root)
        if found is None:
            kin = self._axes.kin(root)
            found = Index("", symbol.shape[axis], self._ranges.get(kin))
            first = self._ranges.setdefault(kin, found)
            self._indices[root] = found
            if first is not found:
                for each in (found,) if first.repeated else (first, found):
                    each.repeat()
        return found

    def _name_indices(self, symbols: Collection[Symbol]) -> None:
        """Call rows N, the columns of results K, and what lies between D, M, H and so on.

        Where there are vectors alone, what a mean runs over is N. The rows of W in W x, a layer
        of one example, are columns of what X Wᵀ would be, and those of W in x W are features.
        """
        first: set[Index] = set()
        counted: set[Index] = set()
        last: set[Index] = set()
        results: set[Index] = set()
        every: dict[Index, None] = {}  # an ordered set
        for symbol in symbols:
            axes = self.axes_of(symbol)
            every.update((a, None) for a in axes if a is not None)
            if symbol.counted is not None:
                source, places = symbol.counted
                counted.update(a for i in places if (a := self.axes_of(source)[i]) is not None)
            if len(axes) < 2:
                continue
            if axes[0] is not None:
                first.add(axes[0])
            if axes[-1] is not None:
                last.add(axes[-1])
                if symbol.op is not None and symbol.op.name in {"add", *PRODUCTS}:
                    results.add(axes[-1])
        units, fed = self._layers_of_one(symbols)
        first -= units | fed
        results |= units - fed
        rows = [a for a in every if a in (first - last if first else counted)]
        columns = [a for a in every if a in (results or last) - first]
        if not first and not results:
            columns = [a for a in every if a not in rows]
        letters: dict[Index, str] = {}
        if rows:
            letters[rows[0]] = "n"
        if columns:
            letters[columns[0]] = "k"
        for symbol in self.trace.symbols:
            every.update((a, None) for a in self.axes_of(symbol) if a is not None)
        spare = itertools.chain("dmhpruvlaqwcfgb", (f"i{n}" for n in itertools.count(1)))
        for index in every:
            index.letter = letters.get(index) or next(spare)

    def _name_lengths(self, symbols: Iterable[Symbol]) -> None:
        """Call the length of an index n N, unless something else has that letter.

        The indices of `symbols` choose before all others.
        """
        taken = set(self.trace.taken)
        named: set[Index] = set()
        shown = [axis for symbol in symbols for axis in self.axes_of(symbol) if axis is not None]
        for indices in (shown, self.every_index()):
            ranges = [r for r in dict.fromkeys(index.range for index in indices) if r not in named]
            left = [index for index in ranges if index.called in taken]
            taken.update(index.called for index in ranges)
            for index in left:
                numbered = (f"{index.called}{n}" for n in itertools.count(1))
                every = itertools.chain(_LENGTHS, numbered)
                index.called = next(letter for letter in every if letter not in taken)
                taken.add(index.called)
            named.update(ranges)

    def _layers_of_one(self, symbols: Iterable[Symbol]) -> tuple[set[Index], set[Index]]:
        """Return the axes of layers of one example, W x or x W: of the results, and of x.

        The weights are a leaf, and x is data or was computed.
        """
        units: set[Index] = set()
        fed: set[Index] = set()
        for symbol in symbols:
            if symbol.op is None or symbol.op.name != "matmul" or symbol.ndim != 1:
                continue
            left, right = symbol.args
            weights, x = (left, right) if left.ndim == 2 else (right, left)
            if not _is_parameter(weights) or _is_parameter(x):
                continue
            # What was computed may weigh examples instead, as softmax(a) does in softmax(a) X.
            if weights is left or x.op is None or self.indices(x) <= units:
                units |= self.indices(symbol)
                fed |= self.indices(x)
        return units, fed

    # --- expressions ------------------------------------------------------------------------------

    def lower(self, symbol: Any, known: dict[Symbol, Expr] | None = None) -> Expr:
        """Return the expression of a symbol, or of a number.

        Parameters
        ----------
        symbol : Symbol, int or float
            A number is the same everywhere.
        known : dict of Symbol to Expr, optional
            The expressions of other symbols, to which more are added; by default those that were
            lowered before.

        Raises
        ------
        ValueError
            If it would be too long or too deep to be a formula.
        """
        if not isinstance(symbol, Symbol):
            return _number(symbol)
        known = self._known if known is None else known
        pending = [symbol]
        while pending:
            top = pending[-1]
            missing = [a for a in top.args if isinstance(a, Symbol) and a not in known]
            if top.op is not None and missing and top not in known:
                pending += missing
                continue
            pending.pop()
            if top not in known:
                known[top] = self._one(top, known)
        return known[symbol]

    def lower_at(self, value: Any, gradient: Any, known: dict[Symbol, Expr] | None = None) -> Expr:
        """Return the expression of a gradient at the indices of what it is the gradient of."""
        found = self.lower(gradient, known)
        if not isinstance(gradient, Symbol):
            return found
        pairs = zip(self.axes_of(gradient), self.axes_of(value), strict=True)
        moved = {a: b for a, b in pairs if a is not None and b is not None}
        return ex.rename(found, moved, self._renamed)

    def _one(self, symbol: Symbol, known: dict[Symbol, Expr]) -> Expr:
        if symbol.counted is not None:
            source, places = symbol.counted
            axes = [axis for i, axis in enumerate(self.axes_of(source)) if i in places and axis]
            return ex.product(1, [(ex.Dimension(axis), ONE) for axis in axes])
        if symbol.is_number:
            return ex.constant(float(symbol.value.flat[0])) if symbol.value.size else ex.number(0)
        if symbol.op is None and is_unit(symbol.source):
            return self._delta(symbol)
        if symbol.op is None:
            return self._quantity(symbol).leaf
        meaning = self.meaning(symbol, known)
        if meaning.depth > MAX_DEPTH or meaning.size > MAX_SIZE:
            raise ValueError(
                f"derive: written out, the formula nests {meaning.depth} deep and has "
                f"{meaning.size} parts, more than {MAX_DEPTH} or {MAX_SIZE}; give Tensors on the "
                "way a name, or derive with respect to one of them"
            )
        if symbol.name is None:
            return meaning
        quantity = self._quantity(symbol)
        quantity.definition = meaning
        return quantity.leaf

    def _delta(self, symbol: Symbol) -> Expr:
        """Write a unit matrix as δ_kj, and its row at a place as δ_kj at this place."""
        axes = [axis for axis in self.axes_of(symbol) if axis is not None]
        if not axes:
            return ex.number(1)
        place = symbol.source.place
        if place is None:
            axes[0].share(axes[1])
        other = axes[1] if place is None else axes[0].at(place)
        return ex.number(1) if axes[0] is other else ex.Delta(axes[0], other)

    def _quantity(self, symbol: Symbol) -> Quantity:
        found = self._quantities.get(symbol)
        if found is None:
            name, note = symbol.name, symbol.note
            if name is None:
                name, note = self.spare_name(), "an array that has no name"
            found = Quantity(
                name,
                self.axes_of(symbol),
                symbol.value,
                rank=symbol.serial,
                source=symbol.source,
                note=note,
                beside=self.trace.taken,
            )
            self._quantities[symbol] = found
        return found

    def spare_name(self) -> str:
        """Return a letter for an array that the user did not name: c, c1, c2."""
        taken = self.trace.taken | self.trace.words
        return self.trace.unique(
            next(c for i in itertools.count() if (c := f"c{i or ''}") not in taken)
        )

    def meaning(self, symbol: Symbol, known: dict[Symbol, Expr]) -> Expr:
        """Return what a vertex computes, where its arguments are known."""
        op = symbol.op
        assert op is not None
        args = [known[a] if isinstance(a, Symbol) else _number(a) for a in symbol.args]
        if symbol not in self.opaque and (op.elementwise or op.name in LINEAR):
            found = self._subscripts[symbol]
            called = self._called(symbol, found)
            own = []
            for arg, argument, term in zip(args, symbol.args, found.terms, strict=True):
                every = self._lettered(argument, term)
                own.append(ex.rename(arg, {a: called[c] for a, c in every if called[c] is not a}))
            if op.elementwise:
                return ex.applied(op, tuple(own), symbol.attributes)
            return self._linear(symbol, found, called, own)
        axes = self.axes_of(symbol)
        arguments = tuple(map(self._axes_inside, symbol.args))
        within = {index for each in arguments for index in each}
        for index in (*axes, *within) if symbol not in self._beside else ():
            # A length that an attribute, an index or an unknown operation decides stays as it is.
            if index is not None and (symbol in self.opaque or index not in within):
                index.range.fixed = True
        attributes = canonical(symbol.args[0], symbol.attributes)
        return ex.Opaque(op, tuple(args), attributes, arguments, axes)

    def _lettered(self, symbol: Any, term: Sequence[Any]) -> list[tuple[Index, Any]]:
        """Return the indices of an array that have a letter, each with it."""
        every = zip(self._axes_inside(symbol), term, strict=True)
        return [(axis, letter) for axis, letter in every if axis is not None and letter is not None]

    def _called(self, symbol: Symbol, found: Subscripts) -> dict[Any, Index]:
        """Return the index of each letter within an operation: of the result, or of an argument.

        They are others than those of the argument where one array would have had one index on two
        axes, or where one entry is picked.
        """
        called = {letter: axis for axis, letter in self._lettered(symbol, found.result)}
        taken = self.indices(symbol)
        for argument, term in zip(symbol.args, found.terms, strict=True):
            for axis, letter in self._lettered(argument, term):
                if letter not in called:
                    own = axis.fresh(taken) if axis in taken else axis
                    place = found.places.get(letter)
                    called[letter] = own if place is None else own.at(place)
                    taken.add(own)
        return called

    def _linear(
        self, symbol: Symbol, found: Subscripts, called: dict[Any, Index], args: list[Expr]
    ) -> Expr:
        """Write a sum of products of entries, 0 where the result has no such entry."""
        assert symbol.op is not None
        out = self._lettered(symbol, found.result)
        entries = [(axis, called[letter]) for axis, letter in out if called[letter] is not axis]
        entries += [(axis, axis.at(found.places[c])) for axis, c in out if c in found.places]
        factors = [*(args if symbol.op.name in PRODUCTS else args[:1])]
        factors += [ex.Delta(axis, other) for axis, other in entries]
        kept = {letter for _, letter in out} | {*found.places}
        bound = [index for letter, index in called.items() if letter not in kept]
        return ex.sum_over(bound, ex.product(1, [(factor, ONE) for factor in factors]))

    def _axes_inside(self, argument: Any) -> tuple[Index | None, ...]:
        return self.axes_of(argument) if isinstance(argument, Symbol) else ()

    def call(self, opened: Opened) -> ex.Opaque:
        """Return an opened operation as the call that was recorded."""
        return ex.Opaque(
            opened.op,
            tuple(map(self.lower, opened.args)),
            opened.attributes,
            tuple(map(self._axes_inside, opened.args)),
            self.axes_of(opened.result),
        )

    def name_of(
        self, opened: Opened, named: Callable[[Expr], Expr] = lambda expr: expr
    ) -> Quantity:
        """Return a letter for the result of an opened operation, whose call is its name.

        What is `named` within its arguments is called so: softmax(relu(X W) V), and not by what
        relu means.
        """
        call = self.call(opened)
        inside = tuple(map(named, call.args))
        spoken = ex.Opaque(call.op, inside, call.attributes, call.inside, call.axes)
        return Quantity(
            self.trace.unique(notation.text(spoken, axes=spoken.axes)),
            self.axes_of(opened.result),
            opened.value,
            definition=self.lower(opened.result),
            sign=opened.op.positive,
            source=call,
            call=spoken,
            beside=self.trace.taken,
        )


def _repeats(term: Sequence[Any]) -> bool:
    """Whether an argument is read along a diagonal, as in the subscripts "kk->k"."""
    return len(set(term)) < len(term)


def _is_parameter(symbol: Any) -> bool:
    return isinstance(symbol, Symbol) and isinstance(symbol.source, Node) and symbol.op is None


def _speaks_for(symbol: Symbol, known: tuple[Any, int] | None) -> bool:
    """Whether a range shall have its length from this symbol: Tensors first, and no labels."""
    if known is None:
        return True
    if isinstance(symbol.source, Node) or isinstance(known[0], Node):
        return not isinstance(known[0], Node)
    return symbol.value.dtype.kind == "f" and np.asarray(known[0]).dtype.kind != "f"


def _number(value: Any) -> Expr:
    if np.isfinite(value):
        return ex.constant(value)
    name = "NaN" if np.isnan(value) else "∞" if value > 0 else "−∞"
    return Quantity(name, (), np.float64(value)).leaf
