"""Where a claim is tried: on the data, on random numbers, and on random numbers of other sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.symbolic.algebra.draws import draws
from tinygrad_edu.symbolic.algebra.evaluate import Environment, magnitudes
from tinygrad_edu.symbolic.algebra.expr import quantities_in
from tinygrad_edu.symbolic.algebra.facts import Assumption
from tinygrad_edu.symbolic.answers.claims import Claim, Letters
from tinygrad_edu.symbolic.notation.grammar import ClaimError
from tinygrad_edu.symbolic.notation.reader import Misfit, Scene
from tinygrad_edu.tensor import Tensor

__all__ = [
    "DRAWS",
    "RESIZED",
    "Trial",
    "agree",
    "compared",
    "computed",
    "computed_in",
    "environments",
    "excess",
    "off",
    "resized",
    "scene",
    "try_out",
]

Array = npt.NDArray[np.float64]

#: How many random draws of the recorded sizes decide, and how many of other sizes help.
DRAWS = 6
RESIZED = 4

#: How far two numbers may be apart, relative to themselves, to the largest beside them, and to
#: the largest number that they were computed from.
RELATIVE, BESIDE, ROUNDING = 1e-9, 1e-12, 1e-13

#: How often the last digits are changed, and how steady what is no rounding is.
MOVES, STEADY, EPSILON = 6, 30.0, 2.2e-16


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of numbers: the gradient on them, what was claimed, and how large the terms are."""

    where: str
    env: Environment
    truth: Array
    claimed: Array
    measure: Callable[[], float] = lambda: 0.0

    @cached_property
    def size(self) -> float:
        """The largest term: what rounding is relative to where terms cancel, and only there."""
        size = self.measure()
        return size if np.isfinite(size) else 0.0


def environments(letters: Letters) -> list[tuple[str, Environment]]:
    """Return the data and random draws that obey what the derivation assumes.

    Named intermediates are computed again from their definitions, in double precision.
    """
    if False not in letters.drawn:
        data = {q: _double(q.value) for q in quantities_in(letters.exprs)}
        same = draws(letters.exprs, _assumed(letters), DRAWS, resized=False)
        letters.drawn[False] = [
            ("the data", Environment(data)),
            *(("random numbers", env) for env in same),
        ]
    return letters.drawn[False]


def resized(letters: Letters) -> list[tuple[str, Environment]]:
    """Return random draws of other sizes."""
    if True not in letters.drawn:
        others = draws(letters.exprs, _assumed(letters), RESIZED)
        letters.drawn[True] = [("other sizes", env) for env in others]
    return letters.drawn[True]


def _assumed(letters: Letters) -> list[Assumption]:
    return [each for each in letters.derivation.assumptions if each.used]


def _double(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def try_out(letters: Letters, claim: Claim, where: str, env: Environment) -> Trial:
    """Compute a claim and what it is compared with in an environment."""

    def size() -> float:
        with np.errstate(all="ignore"):
            return max(_terms(letters, claim, env), magnitudes(letters.target.expr, env))

    return Trial(where, env, letters.target.on(env), computed(letters, claim, env), size)


def scene(letters: Letters, claim: Claim, env: Environment, plain: bool = False) -> Scene:
    """Return what stands for the names in an environment: Tensors, or plain arrays."""
    arrays: dict[str, Any] = {}
    for name in letters.names.values():
        quantity = letters.quantities[name]
        array = np.array(env.array(quantity.leaf, quantity.axes))
        arrays[name] = array if plain or array.dtype.kind != "f" else Tensor(array, name=name)
    shape = tuple(1 if axis is None else env.length(axis) for axis in letters.target.axes)
    return letters.scene(arrays, env.length, shape, claim.letters)


def computed(letters: Letters, claim: Claim, env: Environment) -> Array:
    """Compute a claim in an environment; a text on arrays, which is faster.

    Raises
    ------
    ValueError
        If that cannot be: of a function it is a `ClaimError`.
    """
    with np.errstate(all="ignore"):
        plain = claim.tree is not None
        return _array(_computed(letters, claim, env, plain=plain))


def _array(out: Any) -> Array:
    return np.asarray(getattr(out, "value", out), dtype=np.float64)


def _computed(letters: Letters, claim: Claim, env: Environment, *, plain: bool = False) -> Any:
    try:
        return computed_in(scene(letters, claim, env, plain=plain), claim)
    except ClaimError:
        if plain or claim.tree is not None:
            raise
        # What NumPy has and Tensors have not is computed on arrays.
        return computed_in(scene(letters, claim, env, plain=True), claim)


def computed_in(scene: Scene, claim: Claim) -> Any:
    """Compute a claim on what stands for its names; a ValueError says why that cannot be."""
    try:
        return claim.compute(scene)
    except (TypeError, AttributeError, IndexError) as error:
        if claim.tree is None:
            raise ClaimError(f"the claim cannot be computed: {error}") from error
        raise Misfit(str(error)) from error


def _terms(letters: Letters, claim: Claim, env: Environment) -> float:
    """Return the largest number that a claim is computed from."""
    out = _computed(letters, claim, env)
    if not isinstance(out, Tensor):
        return 0.0
    sizes = (np.abs(node.value) for node in ancestors(out))
    return float(max(np.max(array, where=np.isfinite(array), initial=0) for array in sizes))


def off(letters: Letters, claim: Claim, where: str, env: Environment) -> Trial | None:
    """Return a trial in which a claim differs by a little that is no rounding, if it does.

    Rounding changes with the last digits of the data; what a claim differs by does not.
    """
    moved = _moved(env)
    first = try_out(letters, claim, where, next(moved))
    with np.errstate(all="ignore"):
        # What is steady does not vanish in any of the trials.
        if not (np.abs(_gap(first)) > EPSILON * 16 * _reach(first)).any():
            return None
        trials = [first, *(try_out(letters, claim, where, there) for there in moved)]
        gaps = np.array([_gap(trial) for trial in trials])
        sizes = np.max([_reach(trial) for trial in trials], axis=0)
        beyond = (
            np.abs(np.mean(gaps, axis=0)) - STEADY * np.std(gaps, axis=0) - EPSILON * 32 * sizes
        )
        steady = (beyond > 0).any() and (beyond > EPSILON * 4 * trials[0].size).any()
        return trials[0] if steady else None


def _gap(trial: Trial) -> Array:
    return trial.claimed - trial.truth


def _reach(trial: Trial) -> Array:
    return np.abs(trial.claimed) + np.abs(trial.truth)


def _moved(env: Environment) -> Iterator[Environment]:
    """Change the last digits of the data, but for whole numbers and what sums to 1."""
    given = {q: data for q, data in env.arrays.items() if q.definition is None}
    inexact = [q for q, a in given.items() if np.asarray(a).dtype.kind == "f" and not _is_exact(a)]
    for seed in range(MOVES):
        draw = np.random.default_rng(seed).standard_normal
        moved = {q: given[q] * (1 + 1e-14 * draw(np.shape(given[q]))) for q in inexact}
        yield Environment({**given, **moved}, env.lengths)


def _is_exact(data: Any) -> bool:
    """Whether an array holds whole numbers, or sums to 1 along an axis."""
    with np.errstate(all="ignore"):
        sums = (np.sum(data, axis=axis) for axis in range(np.ndim(data)))
        one = any(np.allclose(each, 1, rtol=0, atol=1e-9) for each in sums)
        return one or bool(np.all(data == np.rint(data)))


def compared(trial: Trial) -> npt.NDArray[np.bool_]:
    """Return which entries are finite in the gradient and in the claim."""
    both: npt.NDArray[np.bool_] = np.isfinite(trial.truth) & np.isfinite(trial.claimed)
    return both


def excess(trial: Trial, other: Array | None = None) -> Array | None:
    """Return by how much entries differ beyond rounding, 0 where one is not finite.

    What is compared with the claim is the gradient, or another array; None if the shapes differ.
    """
    truth, claimed = trial.truth if other is None else other, trial.claimed
    if truth.shape != claimed.shape:
        return None
    known = np.isfinite(truth) & np.isfinite(claimed)
    one, two = np.where(known, truth, 0.0), np.where(known, claimed, 0.0)
    sizes = np.maximum(np.abs(one), np.abs(two))
    allowed = RELATIVE * sizes + BESIDE * np.max(sizes, initial=0)
    difference = np.abs(one - two)
    if (difference > allowed).any():
        allowed = allowed + ROUNDING * trial.size
    return np.where(difference > allowed, difference, 0.0)


def agree(trial: Trial, other: Array) -> bool | None:
    """Whether the claim is another array; None where nothing can be compared."""
    found = excess(trial, other)
    if found is None:
        return False
    if not (np.isfinite(other) & np.isfinite(trial.claimed)).any():
        return None
    return not found.any()
