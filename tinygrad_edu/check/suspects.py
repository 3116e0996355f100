"""What is wrong with a rule: the faults people make, each recognised by what it does.

A suspect is named only where it explains every entry of the Jacobian that the rule gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.check.comparisons import Comparison, Verdict
from tinygrad_edu.check.differences import Array

__all__ = ["Fault", "Suspect", "suspect"]


@dataclass(frozen=True, slots=True)
class Suspect:
    """The most likely fault: its kind, and what is seen of it."""

    kind: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Fault:
    """The Jacobian of one operation by one argument that came out wrong.

    Attributes
    ----------
    comparison : Comparison
        Rows are results, columns entries of the argument.
    in_shape : tuple of int
        The shape of the argument.
    has_rule : bool
        Whether the operation has a rule for the argument.
    pull : callable
        From a seed, as a vector, to the gradient that the rule gives.
    value : ndarray
        The result of the operation.
    inputs : tuple of ndarray
        Its arguments.
    """

    comparison: Comparison
    in_shape: tuple[int, ...]
    has_rule: bool
    pull: Callable[[Array], Array]
    value: Array
    inputs: tuple[Array, ...]

    @property
    def found(self) -> Array:
        """The Jacobian by the rule."""
        return self.comparison.found

    @property
    def expected(self) -> Array:
        """The Jacobian by differences."""
        return self.comparison.expected

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.comparison.of_shape

    @property
    def whole(self) -> bool:
        """Whether the Jacobian was compared entry by entry, without sampling."""
        return self.found.shape == (math.prod(self.out_shape), math.prod(self.in_shape))

    @property
    def sparse(self) -> bool:
        """Whether only the few results with something wrong were compared."""
        return 4 * len(self.found) <= math.prod(self.out_shape)

    @property
    def nonzero(self) -> Array:
        """The entries that differences can tell from zero."""
        return np.asarray(np.abs(self.expected) > 2.5 * self.comparison.error)

    def explained_by(self, candidate: Array) -> bool:
        """Whether the rule gives just this, up to what differences can tell."""
        slack = 1e-6 * np.abs(candidate) + 4 * self.comparison.error
        return bool((np.abs(self.found - candidate) <= slack).all())


def suspect(fault: Fault) -> Suspect:
    """Name the fault."""
    for test in (_missing, _few) if fault.sparse else _TESTS:
        found = test(fault)
        if found is not None:
            return found
    wrong = fault.comparison.count(Verdict.WRONG)
    return Suspect(
        "unknown", f"{wrong} of {fault.found.size} entries are wrong, after no usual pattern"
    )


def _missing(fault: Fault) -> Suspect | None:
    if not fault.has_rule:
        return Suspect("missing argument", "there is no rule for this argument")
    return None


def _seed(fault: Fault) -> Suspect | None:
    seed = np.random.default_rng(0).uniform(0.5, 1.0, fault.value.size)
    once, twice = fault.pull(seed), fault.pull(2 * seed)
    if once.any() and np.array_equal(once, twice):
        return Suspect("ignores its seed", "twice the incoming g gives the same gradient")
    return None


def _zero(fault: Fault) -> Suspect | None:
    if fault.found.any():
        return None
    return Suspect("zero gradient", "the rule returns 0, and the derivative is not")


def _factor(fault: Fault) -> Suspect | None:
    where = fault.nonzero & np.isfinite(fault.found)
    if not where.any():
        return None
    ratio = float(np.median(fault.found[where] / fault.expected[where]))
    if not fault.explained_by(ratio * fault.expected):
        return None
    if _near(ratio, -1):
        return Suspect("wrong sign", "the rule gives −1 times the derivative")
    counts = dict(_counts(fault))
    if _near(ratio, 2):
        also = f", which here is also {counts[2]}" if 2 in counts else ""
        return Suspect("×2", f"the rule gives twice the derivative{also}")
    for n, what in counts.items():
        if _near(ratio, n):
            return Suspect("×N", f"the rule gives N times the derivative, with N = {n}, {what}")
        if _near(ratio, 1 / n):
            return Suspect("1/N", f"the rule gives 1/N of the derivative, with N = {n}, {what}")
    if np.isin(np.abs(fault.found), (0, 1)).all():
        return None  # g as it came in: the factor is left out rather than mistaken
    return Suspect("constant factor", f"the rule gives {ratio:.6g} times the derivative")


def _transposed(fault: Fault) -> Suspect | None:
    if not fault.whole:
        return None
    for what, candidate in _transposes(fault):
        if fault.explained_by(candidate) and not np.allclose(candidate, fault.expected, 1e-6, 0):
            return Suspect("transposed", what)
    return None


def _transposes(fault: Fault) -> Iterator[tuple[str, Array]]:
    expected, out, arg = fault.expected, fault.out_shape, fault.in_shape
    if expected.shape[0] == expected.shape[1]:
        yield "the rule multiplies by J where it should by its transpose", expected.T
    full = expected.reshape((*out, *arg))
    if len(arg) > 1 and arg[-1] == arg[-2]:
        yield "the gradient has its last two axes exchanged", _swapped(full, -1, -2, expected)
    if len(arg) > 2 and arg == arg[::-1]:
        axes = (*range(len(out)), *range(full.ndim - 1, len(out) - 1, -1))
        yield "the gradient has its axes reversed", full.transpose(axes).reshape(expected.shape)
    if len(out) > 1 and out[-1] == out[-2]:
        last = len(out) - 1
        yield "the incoming g has its axes exchanged", _swapped(full, last, last - 1, expected)


def _swapped(full: Array, axis1: int, axis2: int, like: Array) -> Array:
    return full.swapaxes(axis1, axis2).reshape(like.shape)


def _diagonal(fault: Fault) -> Suspect | None:
    if not fault.whole or fault.out_shape != fault.in_shape:
        return None
    if fault.explained_by(np.diag(np.diag(fault.expected))):
        return Suspect("diagonal only", "entries off the diagonal of the Jacobian are left out")
    return None


def _broadcast(fault: Fault) -> Suspect | None:
    """Look for an argument that was spread, and gets its gradient from some of the copies only."""
    if not fault.whole or fault.value.size <= math.prod(fault.in_shape):
        return None
    try:
        places = np.broadcast_to(
            np.arange(math.prod(fault.in_shape)).reshape(fault.in_shape), fault.out_shape
        ).ravel()
    except ValueError:
        return None
    copies = np.bincount(places)
    right = np.abs(fault.found - fault.expected) <= fault.comparison.allowed
    own = right & fault.nonzero
    if not fault.explained_by(np.where(own, fault.expected, 0)):
        return None
    if (own.sum(axis=0) <= np.maximum(copies // 2, 1)).all() and copies.max() > 1:
        return Suspect(
            "missing broadcast sum",
            f"the argument was spread to {copies.max()} places, and not all of them are summed",
        )
    return None


def _few(fault: Fault) -> Suspect | None:
    c = fault.comparison
    wrong = np.argwhere(c.verdicts == Verdict.WRONG)
    results = math.prod(fault.out_shape)
    known = int(fault.nonzero.sum())
    if not fault.sparse and (len(wrong) > max(1, known // 4) or known < 3):
        return None
    i, j = wrong[0].tolist()
    off = abs(c.found[i, j] / c.expected[i, j] - 1) if c.expected[i, j] else np.inf
    return Suspect(
        "single entries",
        f"only {len(wrong)} of {results * math.prod(fault.in_shape)} entries are wrong, such as "
        f"{c.label(i, j)}, by {off:.2g} of its value",
    )


def _chain(fault: Fault) -> Suspect | None:
    """Look for a factor that differs from entry to entry, of the result or of the argument."""
    found, expected = fault.found, fault.expected
    where = fault.nonzero
    if (found[~where] != 0).any() and not fault.explained_by(np.where(where, found, 0)):
        return None
    if (found[where] == 0).any():
        return None
    if _constant(np.abs(found[where])):
        return Suspect(
            "chain factor left out",
            "the rule hands g on, without the derivative of the operation",
        )
    with np.errstate(all="ignore"):
        factor = np.where(where, expected / found, np.nan)
    for axis, whose in ((0, "argument"), (1, "result")):
        low, high = np.fmin.reduce(factor, axis=axis), np.fmax.reduce(factor, axis=axis)
        known = np.isfinite(low)
        if (np.abs(high - low)[known] <= 1e-5 * np.abs(high)[known]).all():
            return Suspect("chain factor left out", _which(fault, factor, whose))
    return None


def _which(fault: Fault, factor: Array, whose: str) -> str:
    rows, columns = np.nonzero(np.isfinite(factor))
    ratios = factor[rows, columns]
    values = {"the result": np.broadcast_to(fault.value, fault.out_shape).ravel()[rows]}
    for k, x in enumerate(fault.inputs):
        if x.shape == fault.in_shape:
            values[f"argument {k}"] = x.ravel()[columns]
    for name, value in values.items():
        with np.errstate(all="ignore"):
            if _constant(ratios / value):
                return f"a factor like {name} is missing"
            if _constant(ratios * value):
                return f"a factor like {name} is too many"
    return f"a factor that differs from entry to entry of the {whose} is missing"


def _constant(values: Array) -> bool:
    if not (values.size and np.isfinite(values).all()):
        return False
    return bool(np.ptp(values) <= 1e-5 * np.abs(values).max())


def _near(value: float, target: float) -> bool:
    return bool(abs(value - target) <= 1e-5 * abs(target))


def _counts(fault: Fault) -> Iterator[tuple[int, str]]:
    """Yield numbers that a rule may divide or multiply by in error."""
    for shape, what in ((fault.in_shape, "the argument"), (fault.out_shape, "the result")):
        for axis, n in enumerate(shape):
            if n > 1:
                yield n, f"the length of axis {axis} of {what}"
    for shape, what in ((fault.in_shape, "the argument"), (fault.out_shape, "the result")):
        n = math.prod(shape)
        if n > 1 and len(shape) > 1:
            yield n, f"the number of entries of {what}"
    inputs, results = math.prod(fault.in_shape), math.prod(fault.out_shape)
    if results and inputs % results == 0 and inputs > results > 1:
        yield inputs // results, "the number of entries that one result joins"
    if inputs and results % inputs == 0 and results > inputs > 1:
        yield results // inputs, "the number of places that one entry is spread to"


_TESTS = (
    _missing,
    _zero,
    _seed,
    _factor,
    _transposed,
    _diagonal,
    _broadcast,
    _few,
    _chain,
)
