"""The inverse of lowering: a formula becomes a recorded graph of the Tensors it came from.

So a formula can be differentiated again, drawn, or compared with what somebody else wrote, by
what there is for recorded graphs.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Delta,
    Dimension,
    Expr,
    Index,
    Leaf,
    Number,
    Opaque,
    Quantity,
    Sum,
    distinct,
    letters_in,
    parts,
    product,
)
from tinygrad_edu.symbolic.algebra.units import unit
from tinygrad_edu.tensor import Tensor

__all__ = ["recorded", "recorded_again", "sources"]

Axes = Iterable[Index | None]
NOTHING: Mapping[int, Tensor] = {}
Recorded = tuple[Any, tuple[Index, ...]]  # a Tensor, an array or a number; the index of each axis


def recorded(expr: Expr, axes: Axes, instead: Mapping[int, Tensor] = NOTHING) -> Tensor:
    """Record an expression as a graph of its sources, with the axes asked for.

    `instead` holds, by the identity of a constant array, a Tensor to record in its place.
    """
    value = _Recording(expr, axes, instead).array(expr, axes)
    return value if isinstance(value, Tensor) else Tensor(value)


def recorded_again(vertices: Iterable[Node], instead: Mapping[int, Any]) -> dict[int, Any]:
    """Record a graph again with others in the place of some leaves and constants.

    What is given and what is returned go by the identity of what was there.
    """
    found = dict(instead)
    for node in ancestors(*vertices):
        args = [found.get(id(a), a) for a in node.args]
        changed = any(a is not b for a, b in zip(args, node.args, strict=True))
        if changed and id(node) not in found and node.op is not None:
            found[id(node)] = node.op(*args, **node.attributes)
    return found


def sources(exprs: Iterable[Expr]) -> dict[str, Any]:
    """Return the recorded Tensors and arrays that expressions are made of, by name."""
    return {q.name: _source(q) for q in letters_in(exprs) if not isinstance(q.source, Expr)}


def _source(quantity: Quantity) -> Any:
    return quantity.value if quantity.source is None else quantity.source


class _Recording:
    """One graph: what stands in several places is recorded once.

    Rows and columns lie as they do in the arrays that it is made of, so that these need no turning.
    """

    def __init__(self, expr: Expr, axes: Axes, instead: Mapping[int, Tensor]) -> None:
        self._known: dict[Expr, Recorded] = {}
        arrays = [each.axes for each in distinct(expr) if isinstance(each, Leaf | Opaque)]
        # A length is a vertex: an array that has it becomes one, under the name that it has.
        lengths = [each.index.source for each in distinct(expr) if isinstance(each, Dimension)]
        counted = {id(each[0]) for each in lengths if each is not None}
        leaves = [each.quantity for each in distinct(expr) if isinstance(each, Leaf)]
        self._counted = {
            id(q.source): Tensor(q.source, q.name)
            for q in leaves
            if id(q.source) in counted and isinstance(q.source, np.ndarray)
        } | dict(instead)
        self._order = _in_order([tuple(axes), *sorted(arrays, key=len, reverse=True)])

    def array(self, expr: Expr, axes: Axes) -> Any:
        """Record an expression with given axes; where it has no such index it repeats."""
        axes = tuple(axes)
        wanted = tuple(axis for axis in axes if axis is not None)
        value = _aligned(*self.value(expr), wanted)
        lengths = tuple(axis.length for axis in wanted)
        if _shape(value) != lengths:
            value = ops.broadcast_to(value, shape=lengths)
        ones = tuple(i for i, axis in enumerate(axes) if axis is None)
        return ops.expand_dims(value, axis=ones) if ones else value

    def value(self, expr: Expr) -> Recorded:
        """Record an expression, and say which axes it has."""
        found = self._known.get(expr)
        if found is None:
            found = self._known[expr] = self._record(expr)
        return found

    def _record(self, expr: Expr) -> Recorded:
        if isinstance(expr, Number):
            return float(expr.value), ()
        if isinstance(expr, Dimension):
            source, axis = expr.index.source or (np.empty(expr.index.length), 0)
            return ops.length(self._counted.get(id(source), source), axis=axis), ()
        if isinstance(expr, Leaf):
            return self._leaf(expr)
        if isinstance(expr, Delta):
            return _delta(expr)
        if isinstance(expr, Opaque):
            both = zip(expr.args, expr.inside, strict=True)
            args = [
                np.array(int(a.value))  # a class label is a whole number
                if isinstance(a, Number) and a.value.denominator == 1
                else self.array(a, axes)
                for a, axes in both
            ]
            return _picked(expr.op(*args, **expr.attributes), expr.axes)
        if isinstance(expr, Apply):
            operands = [self.value(a) for a in expr.args]
            indices = _joined(operands)
            return expr.op(*(_aligned(*o, indices) for o in operands), **expr.attributes), indices
        if isinstance(expr, Add):
            return self._total(expr)
        return self._contract(expr)

    def _leaf(self, leaf: Leaf) -> Recorded:
        quantity, source = leaf.quantity, _source(leaf.quantity)
        source = self._counted.get(id(source), source)
        if isinstance(source, Expr):
            source = self.array(source, quantity.axes)
        value, _ = _picked(source, quantity.axes)
        value, indices = _picked(value, leaf.axes)
        once = tuple(dict.fromkeys(indices))
        if once != indices:  # x_kk is the diagonal
            letters = dict(zip(once, "abcdefgh", strict=False))
            inside = "".join(letters[index] for index in indices)
            value = ops.einsum(f"{inside}->{''.join(letters.values())}", value)
        return value, once

    def _total(self, expr: Add) -> Recorded:
        signed: list[tuple[bool, Recorded]] = []
        for term in expr.terms:
            coefficient, factors = parts(term)
            minus = coefficient < 0 and bool(signed)
            signed.append((minus, self.value(product(-coefficient, factors) if minus else term)))
        indices = _joined(operand for _, operand in signed)
        (_, first), *rest = signed
        whole = _counting(_aligned(*first, indices))
        for minus, operand in rest:
            part = _counting(_aligned(*operand, indices))
            whole = whole - part if minus else whole + part
        return whole, indices

    def _contract(self, expr: Expr) -> Recorded:
        """Record a sum of a product; what the sum does not run over stays outside."""
        bound: list[Index] = []
        while isinstance(expr, Sum):
            bound.append(expr.index)
            expr = expr.body
        coefficient, factors = parts(expr)
        inside = [f for f in factors if not f[0].indices.isdisjoint(bound)]
        above = [self._summed([self._power(*f) for f in inside], bound)] if inside else []
        above += [self._power(*f) for f in factors if f not in inside and f[1] > 0]
        below = [self._power(base, -p) for base, p in factors if (base, p) not in inside and p < 0]
        found = {index for base, _ in inside for index in base.indices}
        above += [self.value(Dimension(index)) for index in bound if index not in found]
        if abs(coefficient) != 1 or not above:
            above.append((float(abs(coefficient)), ()))
        value, indices = _multiplied(above)
        if below:
            operands = [(value, indices), _multiplied(below)]
            indices = _joined(operands)
            over, under = (_aligned(*operand, indices) for operand in operands)
            value = over / under
        return -_counting(value) if coefficient < 0 else value, indices

    def _power(self, base: Expr, exponent: Fraction) -> Recorded:
        value, indices = self.value(base)
        if exponent == Fraction(1, 2):
            return ops.sqrt(value), indices
        if exponent < 0 and value.dtype.kind != "f":  # NumPy raises no whole number to that
            value = value * 1.0
        if exponent != 1:
            value = value ** (int(exponent) if exponent.denominator == 1 else float(exponent))
        return value, indices

    def _summed(self, operands: list[Recorded], bound: list[Index]) -> Recorded:
        every = _joined(operands)
        free = tuple(index for index in every if index not in bound)
        free = tuple(sorted(free, key=lambda index: self._order.get(index, len(self._order))))
        if len(operands) == 1:
            ((value, indices),) = operands
            gone = tuple(i for i, index in enumerate(indices) if index in bound)
            return ops.sum(value, axis=gone), tuple(x for x in indices if x not in bound)
        letters = dict(zip(every, "abcdefghijklmnopqrstuvwxyz", strict=False))
        terms = ["".join(letters[index] for index in indices) for _, indices in operands]
        result = "".join(letters[index] for index in free)
        values = [value for value, _ in operands]
        return ops.einsum(f"{','.join(terms)}->{result}", *values), free


def _counting(value: Any) -> Any:
    """Let a comparison count as 0 or 1."""
    return value * 1.0 if np.asarray(getattr(value, "data", value)).dtype.kind == "b" else value


def _delta(delta: Delta) -> Recorded:
    """Record δ as what is known as δ again."""
    free = tuple(axis for axis in delta.axes if axis.place is None)
    places = [axis.place for axis in delta.axes if axis.place is not None]
    if len(free) + len(places) < 2 or not free:
        return float(len(set(places)) < 2), ()
    return unit(free[0].length, places[0] if places else None), free


def _multiplied(operands: list[Recorded]) -> Recorded:
    every = _joined(operands)
    return reduce(operator.mul, (_aligned(*operand, every) for operand in operands)), every


def _in_order(arrays: Iterable[tuple[Index | None, ...]]) -> dict[Index, int]:
    """Give all indices places, so that rows come before columns in most arrays."""
    order: list[Index] = []
    for axes in arrays:
        indices = [axis for axis in axes if axis is not None]
        after = len(order)
        for index in reversed(indices):
            if index not in order:
                order.insert(after, index)
            after = order.index(index)
    return {index: place for place, index in enumerate(order)}


def _picked(value: Any, axes: tuple[Index | None, ...]) -> Recorded:
    """Keep the axes that have an index; take the only entry, or the one meant, of the others."""
    if any(axis is None or axis.place is not None for axis in axes):
        places = (0 if a is None else slice(None) if a.place is None else a.place for a in axes)
        value = ops.getitem(value, tuple(places))
    return value, tuple(a for a in axes if a is not None and a.place is None)


def _aligned(value: Any, indices: tuple[Index, ...], wanted: tuple[Index, ...]) -> Any:
    """Order axes as wanted, with length 1 where an index is missing."""
    order = tuple(indices.index(index) for index in wanted if index in indices)
    if order != tuple(range(len(order))):
        value = ops.transpose(value, axes=order)
    missing = tuple(i for i, index in enumerate(wanted) if index not in indices)
    return ops.expand_dims(value, axis=missing) if indices and missing else value


def _joined(operands: Iterable[Recorded]) -> tuple[Index, ...]:
    """Return all axes, in the order of the operand that has most of them."""
    ordered = sorted((indices for _, indices in operands), key=len, reverse=True)
    return tuple(dict.fromkeys(index for indices in ordered for index in indices))


def _shape(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return shape
