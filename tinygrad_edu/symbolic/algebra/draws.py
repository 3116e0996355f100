"""Random numbers to check a step on, from the domain of the data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Expr,
    Label,
    Leaf,
    Quantity,
    distinct,
    quantities_in,
    sum_over,
)
from tinygrad_edu.symbolic.notation.written import text

__all__ = ["draws"]


def draws(
    exprs: Iterable[Expr],
    assumed: Collection[str],
    count: int = 3,
    *,
    held: Collection[Quantity] = (),
    resized: bool = True,
) -> list[Environment]:
    """Draw values for every quantity in expressions, obeying what is assumed.

    They are of other sizes than the data unless `resized` is False; what is `held` keeps its data.
    A quantity that is positive in the data is drawn positive, one in (0, 1) in (0, 1), a mask
    as a mask. Where Σy = 1 is assumed, y is drawn from the simplex; elsewhere it is not, so that a
    step which needs the assumption and does not say so fails. What has a definition is computed
    from it, if it then sums to 1 as assumed, and is drawn otherwise.
    """
    exprs = list(exprs)
    assumed = {statement.rstrip("′") for statement in assumed}  # as it prints, without a number
    simplex = {q for q in _all_of(exprs) if _simplex(q, assumed)}
    defined = {q for q in simplex if q.definition is not None}
    follows = {q for q in defined if _follows(q)}
    quantities = quantities_in(exprs, lambda quantity: quantity in defined - follows)
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        lengths = _lengths(quantities, rng) if resized else {}
        arrays = {}
        for quantity in quantities:
            if quantity in held:
                arrays[quantity] = np.asarray(quantity.value)
                continue
            shape = tuple(
                1 if axis is None else lengths.get(axis.range, axis.range.length)
                for axis in quantity.axes
            )
            array = _draw(np.asarray(quantity.value), shape, rng)
            places = _simplex(quantity, assumed)
            if any(quantity in quantities_in([q.leaf]) for q in follows):
                places = _sums_to_one(quantity)
            for place in places:
                array = np.abs(array) + 0.05
                array = array / array.sum(axis=place, keepdims=True)
            arrays[quantity] = array
        found.append(Environment(arrays, lengths))
    return found


def _all_of(exprs: list[Expr]) -> set[Quantity]:
    """Return every quantity that stands in expressions, or in what these are defined by."""
    found: set[Quantity] = set()
    pending = exprs
    while pending:
        leaves = {e.quantity for expr in pending for e in distinct(expr) if isinstance(e, Leaf)}
        fresh = leaves - found
        found |= fresh
        pending = [q.definition for q in fresh if q.definition is not None]
    return found


def _sums_to_one(quantity: Quantity) -> list[int]:
    """Return the axes along which an array sums to 1 on the data."""
    data = np.asarray(quantity.value)
    if data.dtype.kind != "f" or not data.size:
        return []
    sums = [np.abs(np.sum(data, axis=place) - 1) for place in range(data.ndim)]
    return [i for i, a in enumerate(quantity.axes) if a is not None and np.all(sums[i] < 1e-6)]


def _follows(quantity: Quantity) -> bool:
    """Whether a defined array sums to 1 as soon as those do that it is made of, as (1 − ε)y + ε/3.

    Whether it does is seen on numbers: arrays that sum to 1 on the data are drawn so.
    """
    rng = np.random.default_rng(0)
    arrays = {}
    for base in quantities_in([quantity.leaf]):
        array = _draw(np.asarray(base.value), np.shape(base.value), rng)
        for place in _sums_to_one(base):
            array = (np.abs(array) + 0.05) / np.sum(np.abs(array) + 0.05, axis=place, keepdims=True)
        arrays[base] = array
    with np.errstate(all="ignore"):
        found = Environment(arrays).array(quantity.leaf, quantity.axes)
        sums = [np.sum(found, axis=place) for place in _sums_to_one(quantity)]
    return bool(sums) and all(np.allclose(each, 1, rtol=0, atol=1e-9) for each in sums)


def _simplex(quantity: Quantity, assumed: Collection[str]) -> list[int]:
    """Return the axes along which a quantity is assumed to sum to 1."""
    return [
        place
        for place, axis in enumerate(quantity.axes)
        if assumed
        and axis is not None
        and f"{text(sum_over((axis,), quantity.leaf))} = 1" in assumed
    ]


def _lengths(quantities: list[Quantity], rng: np.random.Generator) -> dict[Label, int]:
    """Choose other lengths for all ranges that no attribute and no index fixes."""
    ranges = {axis.range: axis for q in quantities for axis in q.axes if axis is not None}
    return {r: r.length if r.fixed else int(rng.integers(2, 6)) for r in ranges}


def _draw(data: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    if data.dtype.kind in "iub":  # labels and masks; those that index an array stay as they are
        if data.shape == shape:
            return data
        return rng.choice(data.ravel(), shape) if data.size else np.zeros(shape, data.dtype)
    finite = data[np.isfinite(data)]
    if data.ndim == 0 and not finite.size:  # a bound that is no bound
        return data
    if finite.size and finite.min() >= 0:
        if finite.max() <= 1:
            return rng.uniform(0.1, 0.9, shape)
        return rng.lognormal(0, 0.5, shape)
    return rng.standard_normal(shape)
