"""Random numbers to check a step on, from the domain of the data."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import Expr, Label, Quantity, quantities_in, sum_over
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
    as a mask. Where Σy = 1 is assumed, y is drawn from the simplex, even if it has a definition;
    elsewhere it is not, so that a step which needs the assumption and does not say so fails.
    """
    assumed = {statement.rstrip("′") for statement in assumed}  # as it prints, without a number
    quantities = quantities_in(exprs, lambda quantity: bool(_simplex(quantity, assumed)))
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
            for place in _simplex(quantity, assumed):
                array = np.abs(array) + 0.05
                array = array / array.sum(axis=place, keepdims=True)
            arrays[quantity] = array
        found.append(Environment(arrays, lengths))
    return found


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
