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
    if not fault.has_rule:
        return Suspect("missing argument", "there is no rule for this argument")
    if fault.sparse:
        return _single(fault)
    seed = np.random.default_rng(0).uniform(0.5, 1.0, fault.value.size)
    once = fault.pull(seed)
    if once.any() and np.array_equal(once, fault.pull(2 * seed)):
        return Suspect("ignores its seed", "twice the incoming g gives the same gradient")
    for kind, sentence, candidate in _usual(fault):
        if not np.allclose(candidate, fault.expected, 1e-6, 0) and fault.explained_by(candidate):
            return Suspect(kind, sentence)
    wrong, known = fault.comparison.count(Verdict.WRONG), int(fault.nonzero.sum())
    if wrong <= max(1, known // 4) and known >= 3:
        return _single(fault)
    missing = _chain(fault)
    if missing is not None:
        return Suspect("chain factor left out", missing)
    what = f"{wrong} of {fault.found.size} entries are wrong, after no usual pattern"
    return Suspect("unknown", what)


def _usual(fault: Fault) -> Iterator[tuple[str, str, Array]]:
    """Yield the Jacobians that usual faults make of the right one: kind, sentence, Jacobian."""
    right = fault.expected
    yield "zero gradient", "the rule returns 0, and the derivative is not", 0 * right
    yield "wrong sign", "the rule gives −1 times the derivative", -right
    counts = _counts(fault)
    also = f", which here is also {counts[2]}" if 2 in counts else ""
    yield "×2", f"the rule gives twice the derivative{also}", 2 * right
    for n, what in counts.items():
        yield "×N", f"the rule gives N times the derivative, with N = {n}, {what}", n * right
        yield "1/N", f"the rule gives 1/N of the derivative, with N = {n}, {what}", right / n
    handed_on = np.isin(np.abs(fault.found), (0, 1)).all()  # a factor is left out, not mistaken
    if fault.nonzero.any() and not handed_on:
        ratio = float(np.median(fault.found[fault.nonzero] / right[fault.nonzero]))
        yield "constant factor", f"the rule gives {ratio:.6g} times the derivative", ratio * right
    if fault.whole:
        for sentence, exchanged in _transposes(fault):
            yield "transposed", sentence, exchanged
        if fault.out_shape == fault.in_shape:
            sentence = "entries off the diagonal of the Jacobian are left out"
            yield "diagonal only", sentence, np.diag(np.diag(right))
        yield from _broadcast(fault)


def _counts(fault: Fault) -> dict[int, str]:
    """Return numbers that a rule may divide or multiply by in error."""
    counts = {}
    for shape, whose in ((fault.in_shape, "argument"), (fault.out_shape, "result")):
        for axis, n in enumerate(shape):
            counts[n] = f"the length of axis {axis} of the {whose}"
        counts.setdefault(math.prod(shape), f"the number of entries of the {whose}")
    inputs, results = math.prod(fault.in_shape), math.prod(fault.out_shape)
    if inputs % results == 0:
        counts[inputs // results] = "the number of entries that one result joins"
    elif results % inputs == 0:
        counts[results // inputs] = "the number of places that one entry is spread to"
    return {n: what for n, what in counts.items() if n > 1}


def _transposes(fault: Fault) -> Iterator[tuple[str, Array]]:
    right, out, arg = fault.expected, len(fault.out_shape), len(fault.in_shape)
    full = right.reshape((*fault.out_shape, *fault.in_shape))
    axes = list(range(out + arg))
    if right.shape[0] == right.shape[1]:
        yield "the rule multiplies by J where it should by its transpose", right.T
    for sentence, order in (
        ("the gradient has its last two axes exchanged", axes[:-2] + axes[:-3:-1]),
        ("the gradient has its axes reversed", axes[:out] + axes[out:][::-1]),
        ("the incoming g has its axes exchanged", axes[:out][::-1] + axes[out:]),
    ):
        moved = full.transpose(order)
        if moved.shape == full.shape:
            yield sentence, moved.reshape(right.shape)


def _broadcast(fault: Fault) -> Iterator[tuple[str, str, Array]]:
    """Look for an argument that was spread, and gets its gradient from some of the copies only."""
    try:
        numbers = np.arange(math.prod(fault.in_shape), dtype=np.intp).reshape(fault.in_shape)
        copies = np.bincount(np.broadcast_to(numbers, fault.out_shape).ravel())
    except ValueError:
        return
    right = np.abs(fault.found - fault.expected) <= fault.comparison.allowed
    own = right & fault.nonzero
    if copies.max() > 1 and (own.sum(axis=0) <= np.maximum(copies // 2, 1)).all():
        sentence = f"the argument was spread to {copies.max()} places, and not all are summed"
        yield "missing broadcast sum", sentence, np.where(own, fault.expected, 0)


def _single(fault: Fault) -> Suspect:
    c = fault.comparison
    wrong = np.argwhere(c.verdicts == Verdict.WRONG)
    i, j = wrong[0].tolist()
    off = abs(c.found[i, j] / c.expected[i, j] - 1) if c.expected[i, j] else np.inf
    entries = math.prod(fault.out_shape) * math.prod(fault.in_shape)
    return Suspect(
        "single entries",
        f"only {len(wrong)} of {entries} entries are wrong, such as {c.label(i, j)}, by {off:.2g} "
        "of its value",
    )


def _chain(fault: Fault) -> str | None:
    """Look for a factor that differs from entry to entry, of the result or of the argument."""
    found, where = fault.found, fault.nonzero
    if not fault.explained_by(np.where(where, found, 0)) or (found[where] == 0).any():
        return None
    if _constant(np.abs(found[where])):
        return "the rule hands g on, without the derivative of the operation"
    factor = np.divide(fault.expected, found, out=np.full(found.shape, np.nan), where=where)
    for axis, whose in ((0, "argument"), (1, "result")):
        low, high = np.fmin.reduce(factor, axis=axis), np.fmax.reduce(factor, axis=axis)
        known = np.isfinite(low)
        if (np.abs(high - low)[known] <= 1e-5 * np.abs(high)[known]).all():
            return _which(fault, factor, whose)
    return None


def _which(fault: Fault, factor: Array, whose: str) -> str:
    """Say which factor is missing: the result or an argument, if it is like one of these."""
    rows, columns = np.nonzero(np.isfinite(factor))
    ratios = factor[rows, columns]
    values = {"the result": fault.value.ravel()[rows]}
    for k, x in enumerate(fault.inputs):
        if x.shape == fault.in_shape:
            values[f"argument {k}"] = x.ravel()[columns]
    with np.errstate(all="ignore"):
        for name, value in values.items():
            for ratio, verb in ((ratios / value, "missing"), (ratios * value, "too many")):
                if _constant(ratio):
                    return f"a factor like {name} is {verb}"
    return f"a factor that differs from entry to entry of the {whose} is missing"


def _constant(values: Array) -> bool:
    known = bool(values.size and np.isfinite(values).all())
    return known and bool(np.ptp(values) <= 1e-5 * np.abs(values).max())
