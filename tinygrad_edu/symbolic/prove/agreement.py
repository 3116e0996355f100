"""Whether the numbers of two formulas agree: on the data, and on random draws."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.algebra.draws import draws, unit_axes
from tinygrad_edu.symbolic.algebra.evaluate import Environment, magnitudes
from tinygrad_edu.symbolic.algebra.expr import Expr, Quantity, distinct, quantities_in, sum_over
from tinygrad_edu.symbolic.algebra.facts import Assumption
from tinygrad_edu.symbolic.derive.derivation import Formula, disagreement
from tinygrad_edu.symbolic.derive.faults import bound
from tinygrad_edu.symbolic.prove.goal import named_in

__all__ = [
    "AGREE",
    "Agreement",
    "affine_agreement",
    "agreement",
    "apart",
    "data_of",
    "environments",
    "faithful",
    "simplexes",
]

#: Numbers that are no further apart, relative to the size of their terms, are said to agree.
AGREE = 1e-11

#: How small and how large the numbers of the draws are made.
SCALES = (1e-2, 1.0, 10.0)

#: A few roundings of a double, relative to its size.
ROUNDED = 1e-15


@dataclass(frozen=True)
class Agreement:
    """How far apart the numbers of two formulas are.

    Attributes
    ----------
    residual : float
        The largest difference, relative to the size of the terms, on the data and on the draws;
        NaN where no numbers are finite.
    draws : int
        On how many random draws both sides are finite.
    on_data : bool
        Whether both are finite on the data.
    agrees_on_data : bool
        Whether they agree on the data, though perhaps on no draw.
    where : str
        Where they are furthest apart, and what the two numbers are there; empty if they agree.
    """

    residual: float
    draws: int
    on_data: bool
    agrees_on_data: bool = False
    where: str = ""

    def __bool__(self) -> bool:
        return self.residual <= AGREE


def agreement(left: Formula, right: Formula, envs: Sequence[Environment]) -> Agreement:
    """Compare two formulas on the data, which come first, and on draws."""
    found = [apart(left, right, env) for env in envs]
    finite = [not np.isnan(each) for each in found]
    if not any(finite):
        return Agreement(float("nan"), 0, False)
    worst = 0 if found[0] > AGREE else int(np.nanargmax(found))
    where = ""
    if not found[worst] <= AGREE:
        where = _where(left.on(envs[worst]), right.on(envs[worst]))
        where = f"on random draw {worst}, {where}" if worst else f"on the data, {where}"
    return Agreement(found[worst], sum(finite[1:]), finite[0], found[0] <= AGREE, where)


def apart(one: Formula, other: Formula, env: Environment) -> float:
    """Return how far two formulas are apart, but for the rounding of what they are computed from.

    The logarithm of e^x is x, and for a small x it is no better than the last digit of e^x.
    """
    found = disagreement(one, other, env)
    if found > AGREE:
        with np.errstate(all="ignore"):
            exprs = [one.expr, other.expr]
            exprs += [q.definition for q in named_in(exprs) if q.definition is not None]
            parts = (part for expr in exprs for part in distinct(expr))
            sizes = (np.abs(env.value(part)[0]) for part in parts)
            largest = max(float(np.max(s, where=np.isfinite(s), initial=0)) for s in sizes)
            gap = float(np.max(np.abs(one.on(env) - other.on(env)), initial=0))
        if gap <= ROUNDED * largest:
            return 0.0
    return found


def _where(one: Any, other: Any) -> str:
    """Say where two arrays are furthest apart."""
    place = np.unravel_index(int(np.argmax(np.abs(one - other))), one.shape)
    at = f"at [{', '.join(map(str, place))}] " if place else ""
    return f"{at}by {abs(one[place] - other[place]):.6g}: {one[place]:.6g} and {other[place]:.6g}"


# --- what they are compared on --------------------------------------------------------------------


def environments(
    exprs: Sequence[Expr],
    assumed: Collection[Assumption],
    count: int = 3,
    *,
    varying: Collection[Quantity] | None = None,
    signed: bool = False,
) -> list[Environment]:
    """Return the data, and draws that obey what is assumed.

    If it is said what varies, all else keeps its numbers. Where a formula is not finite on a draw
    (the logarithm of z − t, say), the draw is taken from near the data. If draws are `signed`,
    what is positive in the data is drawn with both signs wherever all is finite, and one draw
    is small: that numbers are positive or large is luck.
    """
    quantities = quantities_in(exprs)
    held = [] if varying is None else [q for q in quantities if q not in varying]
    found = [data_of(exprs)]
    drawn = draws(exprs, assumed, count, held=held, resized=varying is None)
    for seed, env in enumerate(drawn):
        found.append(env if _is_finite(exprs, env) else _near(exprs, held, seed))
    if signed:
        said = {*held, *(q for a in assumed for q in quantities_in([a.expr]))}
        free = [q for q in quantities if q not in said]
        data, *drawn = found
        return [data, *(_turned(exprs, env, free, seed) for seed, env in enumerate(drawn))]
    return found


def _turned(
    exprs: Sequence[Expr], env: Environment, free: Collection[Quantity], seed: int
) -> Environment:
    """Turn the signs of some entries where all stays finite, else letter by letter; once all small.

    All letters at once first, for mostly all stays finite.
    """
    rng = np.random.default_rng(seed)
    given = {q: env.arrays[q] for q in quantities_in(exprs) if q in env.arrays}
    turned: dict[Quantity, Any] = {}
    for quantity in free:
        array = np.asarray(given.get(quantity, quantity.value))
        if array.dtype.kind == "f" and array.size:
            signs = np.where(rng.permutation(array.size) % 2, 1, -1).reshape(array.shape)
            turned[quantity] = array * SCALES[seed % 3] * (-1 if seed == 1 else signs)
    for some in (turned, *({quantity: array} for quantity, array in turned.items())):
        trial = Environment({**given, **some}, env.lengths)
        if _is_finite(exprs, trial):
            env, given = trial, {**given, **some}
            if some is turned:
                break
    return env


def _is_finite(exprs: Sequence[Expr], env: Environment) -> bool:
    return all(np.isfinite(env.value(expr)[0]).all() for expr in exprs)


def data_of(exprs: Sequence[Expr]) -> Environment:
    """Return the recorded data; those of single precision are computed with in double."""
    values = {q: np.asarray(q.value) for q in quantities_in(exprs)}
    if all(a.dtype == np.float64 or a.dtype.kind in "iub" for a in values.values()):
        return Environment()
    return Environment(
        {q: a.astype(np.float64) if a.dtype.kind == "f" else a for q, a in values.items()}
    )


def _near(exprs: Sequence[Expr], held: Collection[Quantity], seed: int) -> Environment:
    """Move the data by up to a tenth; what sums to 1 along an axis still does."""
    rng = np.random.default_rng(seed)
    arrays: dict[Quantity, Any] = {}
    for quantity in quantities_in(exprs):
        data = np.asarray(quantity.value)
        if quantity not in held and data.dtype.kind == "f":
            moved = data * rng.uniform(0.9, 1.1, data.shape)
            for axis in unit_axes(quantity):
                moved = moved / moved.sum(axis, keepdims=True)
            data = moved
        arrays[quantity] = data
    return Environment(arrays)


def simplexes(exprs: Sequence[Expr]) -> list[Assumption]:
    """Return what sums to 1 on the data."""
    return [
        Assumption("sums to one", sum_over((axis,), quantity.leaf))
        for quantity in quantities_in(exprs)
        for place in unit_axes(quantity)
        if (axis := quantity.axes[place]) is not None
    ]


# --- up to a constant and a factor ----------------------------------------------------------------


def affine_agreement(
    left: Formula, right: Formula, varying: Collection[Quantity], up_to: Collection[str]
) -> Agreement:
    """Fit left = c·right + C on numbers, where only what varies is moved, and say how well."""
    exprs = [left.expr, right.expr]
    envs = environments(exprs, simplexes(exprs), 5, varying=varying)
    ones = np.array([left.on(env).ravel() for env in envs])
    others = np.array([right.on(env).ravel() for env in envs])
    if not (np.isfinite(ones).all() and np.isfinite(others).all()):
        return Agreement(float("nan"), 0, False)
    factor = 1.0
    offset = "constant" in up_to
    if "positive factor" in up_to:
        moved = [a - a.mean(0) if offset else a for a in (ones, others)]
        factor = float(np.sum(moved[0] * moved[1]) / max(np.sum(moved[1] ** 2), 1e-300))
    gaps = ones - factor * others
    if offset:
        gaps = gaps - gaps[0]
    with np.errstate(all="ignore"):
        size = max(magnitudes(expr, env) for expr in exprs for env in envs)
    found = float(np.max(np.abs(gaps), initial=0) / max(size, 1e-300))
    where = ""
    if factor <= 0:
        return Agreement(1.0, len(envs) - 1, True, where=f"by a factor of {factor:.6g}, if any")
    if not found <= AGREE:
        shape = left.on(envs[0]).shape
        row = int(np.argmax(np.max(np.abs(gaps), axis=1, initial=0)))
        where = _where(ones[row].reshape(shape), (ones - gaps)[row].reshape(shape))
        where = f"for the factor and the constant that fit best, {where}"
    return Agreement(found, len(envs) - 1, True, where=where)


def faithful(formula: Formula, recorded: Any) -> bool:
    """Whether a formula gives the numbers that were computed; what is not finite proves nothing."""
    return not formula.distance_to(recorded) > bound(recorded)
