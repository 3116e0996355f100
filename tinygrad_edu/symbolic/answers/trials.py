"""Where a claim is tried: on the data, on random numbers, and on random numbers of other sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.symbolic.algebra.draws import draws
from tinygrad_edu.symbolic.algebra.evaluate import Environment, magnitudes
from tinygrad_edu.symbolic.algebra.expr import quantities_in
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, Scene
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.symbolic.notation.grammar import ClaimError
from tinygrad_edu.tensor import Tensor

__all__ = [
    "DRAWS",
    "RESIZED",
    "Trial",
    "agree",
    "compared",
    "environments",
    "excess",
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


@dataclass(frozen=True, eq=False)
class Trial:
    """One set of numbers: the gradient on them, what was claimed, and how large the terms are."""

    where: str
    env: Environment
    truth: Array
    claimed: Array
    size: float


def environments(derivation: Derivation, letters: Letters) -> list[tuple[str, Environment]]:
    """Return the data and random draws that obey what the derivation assumes.

    Named intermediates are computed again from their definitions, in double precision.
    """
    used = {a.statement for a in derivation.assumptions if a.used}
    data = {q: _double(q.value) for q in quantities_in(letters.exprs)}
    same = draws(letters.exprs, used, DRAWS, resized=False)
    return [("the data", Environment(data)), *(("random numbers", env) for env in same)]


def resized(derivation: Derivation, letters: Letters) -> list[tuple[str, Environment]]:
    """Return random draws of other sizes."""
    used = {a.statement for a in derivation.assumptions if a.used}
    return [("other sizes", env) for env in draws(letters.exprs, used, RESIZED)]


def _double(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def scene(derivation: Derivation, letters: Letters, env: Environment, plain: bool = False) -> Scene:
    """Return what stands for the names in an environment: Tensors, or plain arrays."""
    arrays: dict[str, Any] = {}
    axes = {name: quantity.axes for name, quantity in letters.quantities.items()}
    with np.errstate(all="ignore"):
        for name, quantity in letters.quantities.items():
            array = np.array(env.array(quantity.leaf, quantity.axes))
            arrays[name] = array if plain or array.dtype.kind != "f" else Tensor(array, name=name)
    lengths = {letter: env.length(label) for letter, label in letters.ranges.items()}
    wanted = derivation.result.axes
    shape = tuple(1 if axis is None else env.length(axis) for axis in wanted)
    return Scene(arrays, axes, lengths, wanted, shape)


def try_out(
    derivation: Derivation, letters: Letters, claim: Claim, where: str, env: Environment
) -> Trial:
    """Compute a claim and the gradient in an environment."""
    claimed, size = _computed(derivation, letters, claim, env)
    truth = derivation.result.on(env)
    with np.errstate(all="ignore"):
        size = max(size, magnitudes(derivation.result.expr, env))
    return Trial(where, env, truth, claimed, size if np.isfinite(size) else 0.0)


def _computed(
    derivation: Derivation, letters: Letters, claim: Claim, env: Environment
) -> tuple[Array, float]:
    with np.errstate(all="ignore"):
        try:
            out = claim.compute(scene(derivation, letters, env))
        except (TypeError, AttributeError):  # what NumPy has and Tensors have not: arrays, then
            out = _of_arrays(derivation, letters, claim, env)
    if not isinstance(out, Tensor):
        return np.asarray(out, dtype=np.float64), 0.0
    sizes = (np.abs(node.value) for node in ancestors(out))
    finite = (np.max(array, where=np.isfinite(array), initial=0) for array in sizes)
    return np.asarray(out.value), float(max(finite))


def _of_arrays(derivation: Derivation, letters: Letters, claim: Claim, env: Environment) -> Any:
    try:
        return claim.compute(scene(derivation, letters, env, plain=True))
    except (TypeError, AttributeError) as error:
        raise ClaimError(f"the claim cannot be computed: {error}") from error


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
    allowed = RELATIVE * sizes + BESIDE * np.max(sizes, initial=0) + ROUNDING * trial.size
    difference = np.abs(one - two)
    return np.where(difference > allowed, difference, 0.0)


def agree(trial: Trial, other: Array) -> bool | None:
    """Whether the claim is another array; None where nothing can be compared."""
    found = excess(trial, other)
    if found is None:
        return False
    if not (np.isfinite(other) & np.isfinite(trial.claimed)).any():
        return None
    return not found.any()
