"""All the comparisons of one check: which derivatives, which entries, in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_edu.check import modes
from tinygrad_edu.check.complex_step import sharpened
from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.estimates import Subject, along, partials, scales
from tinygrad_edu.check.function import Checked, Refused, Undefined
from tinygrad_edu.check.verdicts import Comparison, Estimate, Verdict, compare, wrong

__all__ = ["BAD", "Comparisons", "Plan", "comparisons", "some_rows"]

_ROUNDINGS = 3  # how often a gradient is rounded anew
_SURE = 4.0  # times what is seen of rounding that it may be

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
    estimate = partials(checked, _itself(checked, plan), columns)
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
    whole = _itself(checked, plan)

    def at(x: Array) -> Array | None:
        results = checked.at(x)
        return None if results is None else results[rows]

    estimate = partials(checked, Subject(at, whole.centre[rows], whole.rounding[rows]), columns)
    job = _Job("reverse", "f", checked.output.shape, rows, columns)
    draws = _repeated(plan)
    return job.by_input(
        checked, lambda blur: modes.reverse(checked, rows, draws(), blur), estimate, plan
    )


@dataclass(frozen=True, slots=True)
class _Job:
    """Something to compare: how the rules are run, and which entries of what come out."""

    mode: str
    of: str
    shape: tuple[int, ...]
    rows: Array
    columns: Array

    def by_input(
        self, checked: Checked, compute: Compute, estimate: Estimate, plan: Plan
    ) -> list[Comparison]:
        """Judge a Jacobian by all inputs, one input after the other."""
        found = compute(None)
        estimate = _with_rounding(found, compute, estimate, plan)
        result = []
        for i in checked.inputs:
            here = (self.columns >= i.places.start) & (self.columns < i.places.stop)
            places = self.columns[here] - i.places.start
            part = estimate.take(columns=here)
            result.append(
                compare(self.mode, self.of, i, self.shape, self.rows, places, found[:, here], part)
            )
        return result

    def along(self, compute: Compute, estimate: Estimate, plan: Plan) -> Comparison:
        """Judge derivatives along a direction."""
        found = compute(None)
        estimate = _with_rounding(found, compute, estimate, plan)
        suffix = f" along direction {int(self.columns[0]) + 1}"
        return compare(
            self.mode, self.of, None, self.shape, self.rows, self.columns, found, estimate, suffix
        )


#: Runs the rules, where it is given a generator with every value rounded anew.
Compute = Callable[[modes.Blur], Array]


def _with_rounding(found: Array, compute: Compute, estimate: Estimate, plan: Plan) -> Estimate:
    """Add what rounding does to the gradient itself to the error, where that may matter."""
    if not wrong(found, estimate).any():
        return estimate
    spread = _SURE * _spread(found, compute, plan)
    scale = np.fmax(estimate.scale, 1e5 * spread)  # it is rounding, however large beside the entry
    return replace(estimate, error=estimate.error + spread, scale=scale)


def _spread(found: Array, compute: Compute, plan: Plan) -> Array:
    """Return how far rounding moves a result, by rounding it anew a few times."""
    spread = np.zeros(found.shape)
    try:
        for _ in range(_ROUNDINGS):
            with np.errstate(all="ignore"):
                spread = np.fmax(spread, np.abs(compute(plan.rng) - found))
    except Undefined:  # a rule that does not work on Tensors
        return spread
    return np.where(np.isfinite(spread), spread, 0.0)


def _repeated(plan: Plan) -> Callable[[], np.random.Generator]:
    """Return what makes a generator that draws the same numbers each time."""
    seed = int(plan.rng.integers(2**32))
    return lambda: np.random.default_rng(seed)


def _itself(checked: Checked, plan: Plan) -> Subject:
    """Return the function itself as what differences are taken of."""
    rounding = _spread(checked.values, lambda blur: modes.value(checked, blur), plan)
    return Subject(checked.at, checked.values, rounding)


def _first_order(
    checked: Checked,
    plan: Plan,
    rows: Array,
    columns: Array,
    estimate: Estimate,
    result: Comparisons,
) -> None:
    shape, draws = checked.output.shape, _repeated(plan)
    job = _Job("reverse", "f", shape, rows, columns)
    result.found += job.by_input(
        checked,
        lambda blur: modes.reverse(checked, rows, draws(), blur)[:, columns],
        estimate.take(rows),
        plan,
    )
    if checked.results:
        job = _Job("forward", "f", shape, rows, columns)
        result.found += job.by_input(
            checked,
            lambda blur: modes.forward(checked, columns, draws(), blur)[rows],
            estimate.take(rows),
            plan,
        )
    if not (checked.results and checked.x.size):
        return
    for number in range(plan.seeds):
        _first_order_along(checked, plan, number, result)


def _first_order_along(checked: Checked, plan: Plan, number: int, result: Comparisons) -> None:
    """Compare along a direction through all inputs, and for a seed on all results."""
    v = scales(checked) * plan.rng.normal(size=checked.x.size)
    slopes = along(checked, _itself(checked, plan), v)
    direction = np.array([number])
    job = _Job("forward", "f", checked.output.shape, np.arange(checked.results), direction)
    result.found.append(
        job.along(lambda blur: modes.forward_along(checked, v, blur)[:, None], slopes, plan)
    )
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

    def pulled(blur: modes.Blur = None) -> Array:
        with np.errstate(all="ignore"):
            return np.atleast_2d(modes.pulled_back(checked, checked.x, seed, blur) @ v)

    if not np.array_equal(pulled(), pulled(), equal_nan=True):
        raise Refused("its gradient differs from one backward pass to the next")
    job = _Job("reverse", "(u·f)", (), np.zeros(1, int), direction)
    result.found.append(job.along(pulled, total, plan))


def _second_order(
    checked: Checked, plan: Plan, columns: Array, number: int, result: Comparisons
) -> None:
    seed = plan.rng.normal(size=checked.results)

    def gradient(x: Array) -> Array | None:
        try:
            return modes.pulled_back(checked, x, seed)
        except Undefined:
            return None

    def blurred(blur: modes.Blur) -> Array:
        return modes.pulled_back(checked, checked.x, seed, blur)

    centre = blurred(None)
    f = Subject(gradient, centre, _spread(centre, blurred, plan))
    shape = (checked.x.size,)
    if number == 0:
        estimate = partials(checked, f, columns)
        job = _Job("reverse over reverse", "(uᵀJ)", shape, columns, columns)
        draws = _repeated(plan)
        result.found += job.by_input(
            checked,
            lambda blur: modes.second_reverse(checked, seed, columns, draws(), blur)[:, columns],
            estimate.take(columns),
            plan,
        )
    if not checked.x.size:
        return
    v = scales(checked) * plan.rng.normal(size=checked.x.size)
    slopes = along(checked, f, v)
    for mode, run in (
        ("reverse over reverse", modes.second_along),
        ("forward over reverse", modes.second_forward_along),
    ):
        job = _Job(mode, "(uᵀJ)", shape, np.arange(checked.x.size), np.array([number]))

        def compute(blur: modes.Blur, run: Any = run) -> Array:
            return np.asarray(run(checked, seed, v, blur)[:, None])

        result.found.append(job.along(compute, slopes, plan))


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
