"""All the comparisons of one check: which derivatives, which entries, in which order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tinygrad_edu.check import modes
from tinygrad_edu.check.complex_step import sharpened
from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.estimates import along, partials, scales
from tinygrad_edu.check.function import Checked, Refused, Undefined
from tinygrad_edu.check.verdicts import Comparison, Estimate, Verdict, compare

__all__ = ["BAD", "Comparisons", "Plan", "comparisons", "some_rows"]

#: The verdicts on an entry that make an operation one to blame.
BAD = (Verdict.WRONG, Verdict.NOT_FINITE)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to compare.

    Attributes
    ----------
    order : int
        1 for gradients alone, 2 for their derivatives too.
    seeds : int
        How many random seeds and directions.
    entries : int
        How many rows and columns of a Jacobian at most.
    rng : numpy.random.Generator
        What is drawn from.
    """

    order: int
    seeds: int
    entries: int
    rng: np.random.Generator


@dataclass
class Comparisons:
    """What was compared, and what there is to say about it."""

    found: list[Comparison] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any entry is wrong, or not finite."""
        return any(c.count(verdict) for c in self.found for verdict in BAD)

    @property
    def kinks(self) -> bool:
        """Whether anything has no derivative."""
        return any(c.count(Verdict.KINK) for c in self.found)


def comparisons(checked: Checked, plan: Plan) -> Comparisons:
    """Compare first derivatives, and, where they are right, second ones."""
    result = Comparisons()
    rows = _some(checked.results, plan)
    columns = _some(checked.x.size, plan)
    _note_sampling(checked, rows, columns, plan, result.notes)
    estimate = partials(checked, checked.at, checked.values, columns)
    estimate, by_complex_step = sharpened(checked, estimate, columns)
    if by_complex_step:
        result.notes.append("differences confirmed, and sharpened, by the complex step")
    _first_order(checked, plan, rows, columns, estimate, result)
    if plan.order == 2 and checked.results and not (result.failed or result.kinks):
        for number in range(plan.seeds):
            _second_order(checked, plan, columns, number, result)
    return result


def some_rows(checked: Checked, rows: Array, plan: Plan) -> list[Comparison]:
    """Compare some rows of a Jacobian with all of their entries."""
    columns = np.arange(checked.x.size)

    def at(x: Array) -> Array | None:
        results = checked.at(x)
        return None if results is None else results[rows]

    estimate = partials(checked, at, checked.values[rows], columns)
    found = modes.reverse(checked, rows, plan.rng)
    shape = checked.output.shape
    return _by_input("reverse", "f", checked, shape, rows, columns, found, estimate)


def _first_order(
    checked: Checked,
    plan: Plan,
    rows: Array,
    columns: Array,
    estimate: Estimate,
    result: Comparisons,
) -> None:
    shape = checked.output.shape
    reverse = modes.reverse(checked, rows, plan.rng)
    result.found += _by_input(
        "reverse", "f", checked, shape, rows, columns, reverse[:, columns], estimate.take(rows)
    )
    if checked.results:
        forward = modes.forward(checked, columns, plan.rng)
        everything = np.arange(checked.results)
        shown = rows if len(rows) < checked.results else everything
        result.found += _by_input(
            "forward", "f", checked, shape, shown, columns, forward[shown], estimate.take(shown)
        )
    if not (checked.results and checked.x.size):
        return
    for number in range(plan.seeds):
        _first_order_along(checked, plan, number, result)


def _first_order_along(checked: Checked, plan: Plan, number: int, result: Comparisons) -> None:
    """Compare along a direction through all inputs, and for a seed on all results."""
    v = scales(checked) * plan.rng.normal(size=checked.x.size)
    slopes = along(checked, checked.at, checked.values, v)
    found = modes.forward_along(checked, v)
    shape = checked.output.shape
    result.found.append(_direction("forward", "f", shape, number, found, slopes))
    seed = plan.rng.normal(size=checked.results)
    unknown = np.full((1, 1), np.nan)
    total = Estimate(
        np.atleast_2d(seed @ slopes.value),
        np.atleast_2d(np.abs(seed) @ slopes.error),
        np.atleast_2d(np.abs(seed) @ slopes.scale),
        np.atleast_2d(slopes.kink.any()),
        unknown,
        unknown,
    )
    pulled = modes.pulled_back(checked, checked.x, seed)
    again = modes.pulled_back(checked, checked.x, seed)
    if not np.array_equal(pulled, again, equal_nan=True):
        raise Refused("its gradient differs from one backward pass to the next")
    with np.errstate(all="ignore"):
        found = np.array([pulled @ v])
    result.found.append(_direction("reverse", "(u·f)", (), number, found, total))


def _second_order(
    checked: Checked, plan: Plan, columns: Array, number: int, result: Comparisons
) -> None:
    seed = plan.rng.normal(size=checked.results)

    def gradient(x: Array) -> Array | None:
        try:
            return modes.pulled_back(checked, x, seed)
        except Undefined:
            return None

    centre = modes.pulled_back(checked, checked.x, seed)
    shape = (checked.x.size,)
    if number == 0:
        estimate = partials(checked, gradient, centre, columns)
        found = modes.second_reverse(checked, seed, columns, plan.rng)
        result.found += _by_input(
            "reverse over reverse",
            "(uᵀJ)",
            checked,
            shape,
            columns,
            columns,
            found[:, columns],
            estimate.take(columns),
        )
    if not checked.x.size:
        return
    v = scales(checked) * plan.rng.normal(size=checked.x.size)
    slopes = along(checked, gradient, centre, v)
    for mode, run in (
        ("reverse over reverse", modes.second_along),
        ("forward over reverse", modes.second_forward_along),
    ):
        result.found.append(_direction(mode, "(uᵀJ)", shape, number, run(checked, seed, v), slopes))


def _by_input(
    mode: str,
    of: str,
    checked: Checked,
    shape: tuple[int, ...],
    rows: Array,
    columns: Array,
    found: Array,
    estimate: Estimate,
) -> list[Comparison]:
    """Judge a Jacobian by all inputs, one input after the other."""
    result = []
    for i in checked.inputs:
        here = (columns >= i.places.start) & (columns < i.places.stop)
        part = estimate.take(columns=here)
        places = columns[here] - i.places.start
        result.append(compare(mode, of, i, shape, rows, places, found[:, here], part))
    return result


def _direction(
    mode: str, of: str, shape: tuple[int, ...], number: int, found: Array, slopes: Estimate
) -> Comparison:
    rows, columns = np.arange(len(found)), np.array([number])
    suffix = f" along direction {number + 1}"
    return compare(mode, of, None, shape, rows, columns, found[:, None], slopes, suffix)


def _some(size: int, plan: Plan) -> Array:
    if size <= plan.entries:
        return np.arange(size)
    return np.sort(plan.rng.choice(size, plan.entries, replace=False))


def _note_sampling(
    checked: Checked, rows: Array, columns: Array, plan: Plan, notes: list[str]
) -> None:
    parts = []
    if len(columns) < checked.x.size:
        parts.append(f"{len(columns)} of {checked.x.size} input entries")
    if len(rows) < checked.results:
        parts.append(f"{len(rows)} of {checked.results} results")
    if parts:
        notes.append(
            f"too large for every entry: {' and '.join(parts)} drawn at random, and "
            f"{plan.seeds} random direction{'s' * (plan.seeds != 1)} through all"
        )
