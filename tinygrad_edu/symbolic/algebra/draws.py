"""Random numbers to check a step on, from the domain of the data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import Expr, Index, Quantity, quantities_in
from tinygrad_edu.symbolic.algebra.facts import Assumption

__all__ = ["draws", "unit_axes"]


def draws(
    exprs: Iterable[Expr],
    assumed: Iterable[Assumption],
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
    from it, and never drawn: where it is assumed to sum to 1, and does as soon as what it is made
    of sums to 1 as in the data, that is drawn so; else that keeps its data.
    """
    exprs, assumed = list(exprs), list(assumed)
    obeyed: dict[Quantity, list[int | None]] = {}
    kept, steady = set(held), set(held)  # whose numbers, and whose lengths, stay as they are
    for assumption in assumed:
        computed = [q for q in assumption.drawn if q.definition is not None]
        if assumption.drawn and not computed:
            for quantity, axis in assumption.drawn.items():
                obeyed.setdefault(quantity, []).append(axis)
        elif assumption.kind == "sums to one":
            steady.update(_letters(assumption))
            if _follows(assumption):
                obeyed.update({q: [*unit_axes(q)] for q in _letters(assumption)})
            else:
                kept.update(_letters(assumption))
    quantities = quantities_in([*exprs, *(a.expr for a in assumed)])
    found = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        lengths = _lengths(quantities, steady, rng) if resized else {}
        arrays = {}
        for quantity in quantities:
            if quantity in kept:
                arrays[quantity] = np.asarray(quantity.value)
                continue
            shape = tuple(
                1 if axis is None else lengths.get(axis.range, axis.range.length)
                for axis in quantity.axes
            )
            array = _draw(np.asarray(quantity.value), shape, rng)
            arrays[quantity] = _obeying(array, obeyed.get(quantity, ()))
        found.append(Environment(arrays, lengths))
    return found


def _follows(assumption: Assumption) -> bool:
    """Whether something sums to 1 as soon as those do that it is made of, as (1 − ε)·y + ε/3.

    Whether it does is seen on numbers: arrays that sum to 1 on the data are drawn so.
    """
    rng = np.random.default_rng(0)
    arrays = {
        q: _obeying(_draw(np.asarray(q.value), np.shape(q.value), rng), unit_axes(q))
        for q in _letters(assumption)
    }
    found = Environment(arrays).value(assumption.expr)[0]
    return bool(np.allclose(found, 1, rtol=0, atol=1e-9))


def unit_axes(quantity: Quantity) -> list[int]:
    """Return the axes along which an array sums to 1 on the data."""
    data = np.asarray(quantity.value)
    if data.dtype.kind != "f" or not data.size:
        return []
    sums = [np.abs(np.sum(data, axis=place) - 1) for place in range(data.ndim)]
    return [i for i, a in enumerate(quantity.axes) if a is not None and np.all(sums[i] < 1e-6)]


def _obeying(array: Any, axes: Iterable[int | None]) -> Any:
    """Scale positive numbers so that they sum to 1 along axes; None makes a matrix symmetric."""
    for axis in axes:
        if axis is None:
            array = (array + array.T) / 2
        else:
            array = np.abs(array) + 0.05
            array = array / array.sum(axis=axis, keepdims=True)
    return array


def _letters(assumption: Assumption) -> list[Quantity]:
    """Return what an assumption is said of, as far as it has numbers of its own."""
    return quantities_in([assumption.expr])


def _lengths(
    quantities: Iterable[Quantity], kept: Collection[Quantity], rng: np.random.Generator
) -> dict[Index, int]:
    """Choose other lengths for all ranges that no attribute, no index and no data fixes."""
    ranges = {axis.range: axis for q in quantities for axis in q.axes if axis is not None}
    fixed = {axis.range for q in kept for axis in q.axes if axis is not None}
    return {r: r.length if r.fixed or r in fixed else int(rng.integers(2, 6)) for r in ranges}


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
