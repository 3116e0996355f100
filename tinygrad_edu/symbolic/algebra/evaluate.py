"""Numbers for expressions: on the recorded data, or on any other arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Delta,
    Dimension,
    Expr,
    Factor,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    distinct,
    parts,
)

__all__ = ["ROUNDING", "Environment", "Valued", "aligned", "contract", "magnitudes", "opened_sums"]

#: How far numbers are apart that differ by rounding, relative to the terms they are made of.
ROUNDING = 1e-13

#: Functions with a jump.
_STEPS = frozenset(
    {
        ops.equal,
        ops.not_equal,
        ops.less,
        ops.less_equal,
        ops.greater,
        ops.greater_equal,
        ops.sign,
    }
)

Valued = tuple[Any, tuple[Index, ...]]  # an array, and the index of each of its axes


class Environment:
    """Where expressions are evaluated: arrays for quantities, lengths for indices.

    Without arrays it is the recorded data, named intermediates included; with arrays these are
    computed again from their definitions.

    Parameters
    ----------
    arrays : dict of Quantity to array, optional
        What letters stand for; those without an array keep the recorded data.
    lengths : dict of Index to int, optional
        Lengths of ranges; the others keep the recorded ones.
    """

    def __init__(
        self,
        arrays: Mapping[Quantity, Any] | None = None,
        lengths: Mapping[Index, int] | None = None,
    ) -> None:
        self.recorded = arrays is None
        self.arrays = dict(arrays or {})
        self.lengths = lengths or {}
        self._seen: dict[Expr, Valued] = {}

    def length(self, index: Index) -> int:
        """Length of an index's range here."""
        return self.lengths.get(index.range, index.range.length)

    def array(self, expr: Expr, axes: Iterable[Index | None]) -> Any:
        """Evaluate to an array with the axes asked for; where it has no such index it repeats."""
        axes = tuple(axes)
        wanted = tuple(axis for axis in axes if axis is not None)
        value = aligned(*self.value(expr), wanted)
        shape = tuple(self.length(axis) for axis in wanted)
        value = value if value.shape == shape else np.broadcast_to(value, shape)
        return value.reshape(tuple(1 if a is None else self.length(a) for a in axes))

    def value(self, expr: Expr) -> Valued:
        """Return an array and the index of each of its axes; never a warning."""
        found = self._seen.get(expr)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._inner(expr)
        return found

    def _inner(self, expr: Expr) -> Valued:
        """Return the value of a part of what is evaluated: warnings are off already."""
        found = self._seen.get(expr)
        if found is None:
            found = self._seen[expr] = self._compute(expr)
        return found

    def _compute(self, expr: Expr) -> Valued:
        if isinstance(expr, Number):
            return self._number(expr.value), ()
        if isinstance(expr, Dimension):
            return self._number(Fraction(self.length(expr.index))), ()
        if isinstance(expr, Leaf):
            return self._leaf(expr)
        if isinstance(expr, Delta):
            return _pick(self._identity(self.length(expr.axes[0])), expr.axes)
        if isinstance(expr, Sum | Mul):
            return self._contract(expr)
        if isinstance(expr, Opaque):
            arrays = [self.array(a, axes) for a, axes in zip(expr.args, expr.inside, strict=True)]
            return _pick(self._whole(expr, arrays), expr.axes)
        indices = tuple(sorted(expr.indices, key=lambda index: index.order))
        arrays = [aligned(*self._inner(child), indices) for child in expr.children]
        if isinstance(expr, Add):
            return self._added(arrays), indices
        assert isinstance(expr, Apply)
        return self._entrywise(expr, arrays, indices), indices

    # --- the number system, which another kind of environment replaces ----------------------------

    def _number(self, value: Fraction) -> Any:
        return _float(value)

    def _identity(self, length: int) -> Any:
        return np.eye(length)

    def _given(self, quantity: Quantity) -> Any:
        return quantity.value

    def _added(self, arrays: list[Any]) -> Any:
        return sum(map(_real, arrays[1:]), start=_real(arrays[0]))

    def _whole(self, expr: Opaque, arrays: list[Any]) -> Any:
        return np.asarray(_run(expr.op, arrays, expr.attributes))

    def _entrywise(self, expr: Apply, arrays: list[Any], indices: tuple[Index, ...]) -> Any:
        arrays = [_real(array) for array in arrays]
        if expr.op in _STEPS:
            arrays = self._without_rounding(expr, arrays, indices)
        return _run(expr.op, arrays, expr.attributes)

    def _without_rounding(
        self, expr: Apply, arrays: list[Any], indices: tuple[Index, ...]
    ) -> list[Any]:
        """Make arguments of a step function equal that differ by rounding alone.

        A formula computes the same number in another order than the graph did, and a step
        function would make a whole number of the last digit.
        """
        one, other = (*arrays, np.float64(0))[:2]
        terms = _Magnitudes(self)
        sizes = [_real(aligned(*terms.value(child), indices)) for child in expr.children]
        with np.errstate(all="ignore"):
            rounding = ROUNDING * sum(sizes)
            same = np.isfinite(rounding) & (np.abs(one - other) <= rounding)
        return [np.where(same, other, one), other][: len(arrays)]

    def _leaf(self, leaf: Leaf) -> Valued:
        quantity = leaf.quantity
        if quantity not in self.arrays:
            self._define(quantity)
        array, _ = _pick(np.asarray(self.arrays[quantity]), quantity.axes)
        array, axes = _pick(array, leaf.axes)
        once = tuple(dict.fromkeys(axes))
        if len(once) == len(axes):
            return array, axes
        places = {index: i for i, index in enumerate(once)}  # x_kk is the diagonal
        return np.einsum(array, [places[a] for a in axes], [*places.values()]), once

    def _define(self, quantity: Quantity) -> None:
        """Compute what a letter stands for; what it is defined by first, without recursion."""
        pending = [quantity]
        while pending:
            top = pending[-1]
            meaning = top.definition
            if meaning is None or (self.recorded and top.value is not None):
                self.arrays[top] = self._given(top)
            elif top not in self.arrays:
                leaves = (e.quantity for e in distinct(meaning) if isinstance(e, Leaf))
                missing = [q for q in dict.fromkeys(leaves) if q not in self.arrays]
                if missing:
                    pending += missing
                    continue
                self.arrays[top] = self.array(meaning, top.axes)
            pending.pop()

    def _contract(self, expr: Expr) -> Valued:
        """Multiply and sum in one einsum, so that no array over all indices is made."""
        bound, (coefficient, factors) = opened_sums(expr)
        bases = [(_real(array), indices) for array, indices in (self._inner(b) for b, _ in factors)]
        operands = [
            (_power(array, exponent), indices)
            for (array, indices), (_, exponent) in zip(bases, factors, strict=True)
        ]
        repeated, every, free = self._indices(bound, operands)
        out = contract(operands, every, free)
        if (
            not math.isfinite(np.vdot(out, out))  # which is fast, and may overflow
            and not np.isfinite(out).all()
            and not all(np.isfinite(a).all() for a, _ in operands)
        ):
            zeros = [
                aligned(base == 0, indices, every)
                for (base, indices), (_, exponent) in zip(bases, factors, strict=True)
                if exponent > 0
            ]
            out = _product_of_infinite([aligned(*o, every) for o in operands], zeros)
            out = np.sum(out, axis=tuple(range(len(free), len(every))))
        return out * (_float(coefficient) * repeated), free

    def _indices(
        self, bound: list[Index], operands: list[Valued]
    ) -> tuple[int, tuple[Index, ...], tuple[Index, ...]]:
        """Return how often a sum repeats, all indices of its factors, and those that are free."""
        present = {index for _, indices in operands for index in indices}
        repeated = math.prod(self.length(index) for index in bound if index not in present)
        free = tuple(sorted(present - set(bound), key=lambda index: index.order))
        return repeated, (*free, *(index for index in bound if index in present)), free


class _Magnitudes(Environment):
    """Every term counts with its absolute value: how large a sum is before its terms cancel."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env.arrays, env.lengths)
        self.env = env

    def _compute(self, expr: Expr) -> Valued:
        # Operations on whole arrays and `where` pick and place entries.
        inside = isinstance(expr, Add | Sum | Mul | Opaque) or (
            isinstance(expr, Apply) and expr.op is ops.where
        )
        array, indices = super()._compute(expr) if inside else self.env.value(expr)
        if isinstance(expr, Apply) and expr.op is ops.log:
            return np.maximum(np.abs(array), 1), indices  # log x is off by how x is, relative to x
        return (np.abs(array) if array.dtype.kind == "f" else array), indices


def magnitudes(expr: Expr, env: Environment) -> float:
    """Return how large the terms of an expression are: what rounding errors are relative to."""
    return float(np.max(_Magnitudes(env).value(expr)[0], initial=0))


def opened_sums(expr: Expr) -> tuple[list[Index], tuple[Fraction, tuple[Factor, ...]]]:
    """Return the indices that are summed over, and the product that is."""
    bound: list[Index] = []
    while isinstance(expr, Sum) and expr.index not in bound:
        bound.append(expr.index)
        expr = expr.body
    return bound, parts(expr)


def contract(operands: list[Valued], every: tuple[Index, ...], free: tuple[Index, ...]) -> Any:
    """Multiply arrays and sum over the indices that are not free."""
    alike: dict[tuple[Index, ...], Any] = {}  # NumPy's einsum takes no more than 32 operands
    for array, indices in operands:
        alike[indices] = alike[indices] * array if indices in alike else array
    scale = alike.pop((), 1)
    if not alike:
        return scale
    if len(alike) == 1 and free in alike:
        return scale * alike[free]
    numbers = {index: i for i, index in enumerate(every)}
    terms = (x for indices, array in alike.items() for x in (array, [numbers[a] for a in indices]))
    return scale * np.einsum(*terms, [numbers[a] for a in free], optimize=len(alike) > 2)


def _product_of_infinite(operands: list[Any], zeros: list[Any]) -> Any:
    """Multiply where not all is finite: what is 0 stays 0, as 0·log 0 and 0/0 do in losses."""
    zero: Any = False
    for each in zeros:
        zero = zero | each
    return np.where(zero, 0.0, math.prod(operands))


def _float(value: Fraction) -> Any:
    try:
        return np.float64(float(value))
    except OverflowError:
        return np.float64(np.inf if value > 0 else -np.inf)


def _real(array: Any) -> Any:
    """Return booleans and integers as what they count for in a sum or a product."""
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _power(array: Any, exponent: Fraction) -> Any:
    if exponent == 1:
        return array
    return array ** (int(exponent) if exponent.denominator == 1 else float(exponent))


def _pick(array: Any, axes: tuple[Index | None, ...]) -> Valued:
    """Keep the axes that have an index; take the only entry, or the one meant, of the others."""
    if any(axis is None or axis.place is not None for axis in axes):
        array = array[
            tuple(0 if a is None else slice(None) if a.place is None else a.place for a in axes)
        ]
    return array, tuple(a for a in axes if a is not None and a.place is None)


def aligned(array: Any, indices: tuple[Index, ...], wanted: tuple[Index, ...]) -> Any:
    """Order axes as wanted, with length 1 where an index is missing."""
    if indices == wanted:
        return array
    places = [indices.index(axis) for axis in wanted if axis in indices]
    spread = tuple(slice(None) if axis in indices else None for axis in wanted)
    return np.transpose(array, places)[spread]


def _run(op: Op, arrays: list[Any], attributes: Mapping[str, Any]) -> Any:
    out = op.forward(*(np.asarray(a) for a in arrays), **attributes)
    return out[0] if op.saved is not None else out
