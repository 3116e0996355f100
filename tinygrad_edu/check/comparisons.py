"""Derivatives by the rules against differences: one verdict per derivative, by its own bound.

Random directions through all entries show whether anything is wrong: along each of them the rules
and the differences give all results at once. Entry by entry, a Jacobian shows what is wrong; it is
compared only where a direction has shown that something is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property, partial

import numpy as np

from tinygrad_edu.check import rules
from tinygrad_edu.check.differences import EPS, WIDEST, Array, Estimate, along
from tinygrad_edu.check.function import Checked, Input, Refused, Undefined
from tinygrad_edu.check.rules import Blur, Compute, signed

__all__ = ["BAD", "OF_RULES", "Comparison", "Plan", "Verdict", "compare", "comparisons"]

_SETTLED = 4e-4  # an error beyond this, relative to the scale, is no rounding
_SUM = 256 * EPS  # what a long sum loses, relative to the entry
OF_RULES = 16.0  # times what is seen of rounding in the rules that it may be
_UNSEEN = 1e-6  # of the largest share in a direction: what has less gets a direction of its own
_FARTHEST = 4.0  # how far an entry is moved, where it is smaller
_MOST = 2000  # columns that are looked through where few results are wrong


class Verdict(IntEnum):
    """What can be said of one derivative."""

    RIGHT = 0
    HIDDEN = 1  # too small to be told from rounding, by the rules as by differences
    UNRESOLVED = 2  # differences do not settle
    KINK = 3
    NOT_FINITE = 4
    WRONG = 5


#: The verdicts that make an operation one to blame.
BAD = (Verdict.WRONG, Verdict.NOT_FINITE)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to compare.

    Attributes
    ----------
    order : int
        1 for gradients alone, 2 for their derivatives too.
    seeds : int
        How many random directions.
    entries : int
        How many rows and columns of a Jacobian at most.
    rng : numpy.random.Generator
        What is drawn from.
    """

    order: int
    seeds: int
    entries: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Comparison:
    """Derivatives as the rules give them and as differences do.

    Attributes
    ----------
    mode : str
        How the rules were run.
    of : str
        What is differentiated.
    of_shape : tuple of int
        Its shape.
    wrt : Input or None
        By which input; None for derivatives along directions, and for values.
    rows, columns : ndarray of int
        Which entries, in flat order; columns of directions are counted from 0.
    found : ndarray
        By the rules.
    estimate : Estimate
        What they should be.
    oracle : str
        What says so.
    """

    mode: str
    of: str
    of_shape: tuple[int, ...]
    wrt: Input | None
    rows: Array
    columns: Array
    found: Array
    estimate: Estimate
    oracle: str = "differences"

    @property
    def expected(self) -> Array:
        """The derivatives by differences."""
        return self.estimate.value

    @property
    def error(self) -> Array:
        """The bound on the error of the differences."""
        return self.estimate.error

    @property
    def order(self) -> int:
        """1 for a gradient, 2 for the derivative of one."""
        return 2 if "over" in self.mode else 1

    @property
    def allowed(self) -> Array:
        """How much each derivative may deviate: its bound, and rounding."""
        with np.errstate(all="ignore"):
            return np.asarray(self.error + _SUM * (np.abs(self.found) + np.abs(self.expected)))

    @cached_property
    def verdicts(self) -> Array:
        """A `Verdict` for each derivative."""
        found, expected, e = self.found, self.expected, self.estimate
        verdicts = np.full(found.shape, int(Verdict.RIGHT))
        with np.errstate(all="ignore"):
            size = np.fmax(np.abs(found), np.abs(expected))
            largest = size[np.isfinite(size)].max(initial=0.0)
            blurred = (e.error > 0.4 * size) & ~((found == 0) & (e.error <= 1e-6 * largest))
            verdicts[blurred & (size > 0)] = Verdict.HIDDEN
            verdicts[blurred & ~(e.error <= _SETTLED * e.scale)] = Verdict.UNRESOLVED
            verdicts[~(np.abs(found - expected) <= self.allowed)] = Verdict.WRONG
            verdicts[e.kink] = Verdict.KINK
            if self.wrt is not None:  # of one entry: the gradient lies between the slopes
                low, high = np.fmin(e.left, e.right), np.fmax(e.left, e.right)
                slack = 1e-6 * (np.abs(low) + np.abs(high))
                outside = (found < low - slack) | (found > high + slack)
                verdicts[e.kink & outside] = Verdict.WRONG
            verdicts[~(e.kink | np.isfinite(expected))] = Verdict.UNRESOLVED
            verdicts[~np.isfinite(found)] = Verdict.NOT_FINITE
        return verdicts

    def count(self, *verdicts: Verdict) -> int:
        """Return the number of derivatives with one of the verdicts."""
        return int(np.isin(self.verdicts, verdicts).sum())

    def label(self, row: int, column: int) -> str:
        """Name a derivative: ∂f[0]/∂x[2]."""
        top = f"{self.of}{_place(self.rows[row], self.of_shape)}"
        if self.wrt is not None:
            return f"∂{top}/∂{self.wrt.name}{_place(self.columns[column], self.wrt.shape)}"
        along_direction = f" along direction {self.columns[column] + 1}"
        return top + along_direction * (self.oracle == "differences")


def _place(flat: int, shape: tuple[int, ...]) -> str:
    return str([int(k) for k in np.unravel_index(int(flat), shape)]) if shape else ""


def compare(
    mode: str,
    of: str,
    of_shape: tuple[int, ...],
    compute: Compute,
    estimate: Estimate,
    rng: np.random.Generator,
    oracle: str = "differences",
) -> Comparison:
    """Judge derivatives along directions; the rounding of the rules counts where it matters."""
    found = compute(None)
    rows, columns = map(np.arange, found.shape)
    result = Comparison(mode, of, of_shape, None, rows, columns, found, estimate, oracle)
    if result.count(Verdict.WRONG):
        blur = OF_RULES * rules.spread(found, compute, rng, times=16)
        error, scale = estimate.error + blur, np.fmax(estimate.scale, 1e5 * blur)
        result = replace(result, estimate=replace(estimate, error=error, scale=scale))
    return result


def comparisons(checked: Checked, plan: Plan) -> list[Comparison]:
    """Compare first derivatives and, where they are right, second ones."""
    if not (checked.results and checked.x.size):
        return []
    found = _first_order(checked, plan)
    if any(c.count(*BAD, Verdict.KINK, Verdict.UNRESOLVED) for c in found):
        return found + _entries(checked, plan, found[0])
    return found + _second_order(checked, plan) if plan.order == 2 else found


def _sizes(checked: Checked) -> Array:
    """Return the size of each entry: abs(x), or for a zero what is usual in its input."""
    sizes: Array = np.abs(checked.x)
    for part in checked.split(sizes):  # views
        part[part == 0] = np.median(part[part > 0]) if part.any() else 1.0
    return sizes


def _directions(checked: Checked, plan: Plan) -> list[Array]:
    sizes = _sizes(checked)
    return [sizes * signed(plan.rng, sizes.size) for _ in range(plan.seeds)]


def _unit(size: int, place: int, length: float) -> Array:
    unit = np.zeros(size)
    unit[place] = length
    return unit


def _lines(
    checked: Checked,
    subject: Callable[[Array, Blur], Array],
    directions: Iterable[Array],
    rng: np.random.Generator,
) -> list[Estimate]:
    """Differentiate a function of the inputs along directions."""
    centre = subject(checked.x, None)
    here = rules.spread(centre, lambda blur: subject(checked.x, blur), rng, times=4)
    farthest = max(_FARTHEST, float(np.abs(checked.x).max()))

    def line(v: Array) -> Estimate:
        def at(t: float) -> Array | None:
            try:
                return subject(checked.x + t * v, None)
            except Undefined:
                return None

        moved, rounding = at(WIDEST), here
        if moved is not None:  # what is 0 here may have lost digits there
            there = rules.spread(
                moved, lambda blur: subject(checked.x + WIDEST * v, blur), rng, times=2
            )
            rounding = np.fmax(here, there)
        return along(at, centre, rounding, farthest / float(np.abs(v).max()))

    return [line(v) for v in directions]


def _first_order(checked: Checked, plan: Plan) -> list[Comparison]:
    """Compare J v by forward mode, and (uᵀJ) v by reverse mode."""
    value, directions = partial(rules.value, checked), _directions(checked, plan)
    lines = _lines(checked, value, directions, plan.rng)
    u = _weights(Estimate.of_lines(lines), plan.rng)
    g = rules.gradient(checked, u, checked.x)
    if not np.array_equal(g, rules.gradient(checked, u, checked.x), equal_nan=True):
        raise Refused("its gradient differs from one backward pass to the next")
    with np.errstate(all="ignore"):
        share = np.abs(g * directions[0])
        small = share <= _UNSEEN * share[np.isfinite(share)].max(initial=0.0)
    if small.any() and not small.all():
        directions.append(np.where(small, directions[0], 0.0))
        lines += _lines(checked, value, directions[-1:], plan.rng)
    slopes = Estimate.of_lines(lines)

    def jv(blur: Blur) -> Array:
        return np.stack([rules.forward(checked, v, blur) for v in directions], axis=1)

    def ujv(blur: Blur) -> Array:
        with np.errstate(all="ignore"):
            found = rules.gradient(checked, u, checked.x, blur) @ np.transpose(directions)
        return np.atleast_2d(found)

    return [
        compare("forward", "f", checked.output.shape, jv, slopes, plan.rng),
        compare("reverse", "(u·f)", (), ujv, slopes.summed(u), plan.rng),
    ]


def _weights(slopes: Estimate, rng: np.random.Generator) -> Array:
    """Draw a seed that gives every result its part in the sum, but not one that is not known."""
    with np.errstate(all="ignore"):
        size = (np.abs(slopes.value) + slopes.error / _UNSEEN).max(axis=1)
        u = signed(rng, size.size) / np.where(size > 0, size, 1.0)
    return np.where(np.isfinite(size) & np.isfinite(u) & ~slopes.kink.any(axis=1), u, 0.0)


def _second_order(checked: Checked, plan: Plan) -> list[Comparison]:
    """Compare the derivative of uᵀJ along directions, by both modes."""
    directions, u = _directions(checked, plan), signed(plan.rng, checked.results)
    gradient = partial(rules.gradient, checked, u)
    slopes = Estimate.of_lines(_lines(checked, gradient, directions, plan.rng))

    def by(mode: str) -> Comparison:
        def compute(blur: Blur) -> Array:
            return np.stack([rules.second(checked, u, v, mode, blur) for v in directions], axis=1)

        return compare(mode, "(uᵀJ)", (checked.x.size,), compute, slopes, plan.rng)

    return [by("reverse over reverse"), by("forward over reverse")]


def _entries(checked: Checked, plan: Plan, shown: Comparison) -> list[Comparison]:
    """Compare the Jacobian entry by entry, the results first that a direction shows."""
    results, size, sizes = checked.results, checked.x.size, _sizes(checked)
    bad = np.flatnonzero((shown.verdicts > Verdict.HIDDEN).any(axis=1))
    few = 0 < 4 * len(bad) <= results
    rows = bad[: plan.entries] if few and results > plan.entries else _some(results, plan)
    columns = np.arange(size) if few and size <= _MOST else _some(size, plan)
    lengths = sizes[columns]
    units = [partial(_unit, size, k, h) for k, h in zip(columns, lengths, strict=True)]
    lines = _lines(checked, partial(rules.value, checked), (unit() for unit in units), plan.rng)
    estimate = Estimate.of_lines(lines, lengths).take(rows)
    scale = float(signed(plan.rng, 1)[0])  # shows a rule that ignores its seed

    def reverse(blur: Blur) -> Array:
        seeds = (_unit(results, k, scale) for k in rows)
        found = [rules.gradient(checked, u, checked.x, blur)[columns] for u in seeds]
        return np.asarray(found) / scale

    def forward(blur: Blur) -> Array:
        found = [rules.forward(checked, scale * unit(), blur)[rows] for unit in units]
        return np.stack(found, axis=1) / (scale * lengths)

    parts: list[Comparison] = []
    for mode, compute in (("reverse", reverse), ("forward", forward)):
        whole = compare(mode, "f", checked.output.shape, compute, estimate, plan.rng)
        parts = [_by(i, replace(whole, rows=rows), columns) for i in checked.inputs]
        if any(part.count(*BAD, Verdict.KINK) for part in parts):
            break
    return parts


def _some(size: int, plan: Plan) -> Array:
    if size <= plan.entries:
        return np.arange(size)
    return np.sort(plan.rng.choice(size, plan.entries, replace=False))


def _by(i: Input, whole: Comparison, columns: Array) -> Comparison:
    """Return the part of a Jacobian by one input."""
    here = (columns >= i.places.start) & (columns < i.places.stop)
    found, estimate = whole.found[:, here], whole.estimate.take(columns=here)
    places = columns[here] - i.places.start
    return replace(whole, wrt=i, columns=places, found=found, estimate=estimate)
