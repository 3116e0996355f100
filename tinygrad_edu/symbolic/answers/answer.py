"""A student's answer, judged: proved, equal on all numbers tried, or different and how."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import combinations, islice
from typing import Any

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, decimals, of_tree, read
from tinygrad_edu.symbolic.answers.proving import proof_of
from tinygrad_edu.symbolic.answers.suspects import Suspect, suspect_of, suspect_of_misfit
from tinygrad_edu.symbolic.answers.trials import (
    Trial,
    compared,
    computed,
    environments,
    excess,
    off,
    resized,
    try_out,
)
from tinygrad_edu.symbolic.derive import report
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.symbolic.notation.grammar import ClaimError
from tinygrad_edu.symbolic.prove.proof import Proof
from tinygrad_edu.tables import printed

__all__ = ["Disagreement", "Verdict", "check_answer"]

#: Of a claim that can be read in several ways, so many are tried.
MOST_READINGS = 12


@guided
def check_answer(derivation: Derivation, claim: str | Callable[..., Any]) -> Verdict:
    """Judge what somebody believes a gradient to be.

    Parameters
    ----------
    derivation : Derivation
        Of the gradient, from `derive`.
    claim : callable or str
        A function of the derivation's letters, such as ``lambda a, y: a - y`` (what its
        parameters are called says what they get; N and K are lengths), or a formula as text, such
        as ``"(a − y)/N"``.

    Returns
    -------
    Verdict
        True where the claim is right; ``print`` says why, or what is wrong with it.

    Raises
    ------
    ValueError
        If the claim cannot be read, or names what is not there.
    TypeError
        If `derivation` or `claim` is something else.

    Notes
    -----
    The claim is computed on the data and on random numbers that obey what the derivation
    assumes. Where it agrees, a proof is looked for; where it does not, the usual slips are tried
    on the gradient, and the one that gives the claim is named.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z, y = tg.Tensor([1.47, -0.39, 0.22], name="z"), tg.Tensor([0.0, 1.0, 0.0], name="y")
    >>> a = tg.name(tg.softmax(z), "a")
    >>> derivation = tg.derive(tg.cross_entropy(a, y), wrt=z)
    >>> bool(tg.check_answer(derivation, "a − y"))
    True
    >>> tg.check_answer(derivation, lambda a, y: y - a)
    <different: sign>
    """
    if not isinstance(derivation, Derivation):
        raise TypeError(
            f"check_answer: the first argument is a {type(derivation).__name__}; give what "
            "derive(loss, wrt=z) returns"
        )
    letters = Letters(derivation)
    first = _first_that_fits(letters, read(claim, letters))
    if isinstance(claim, str) and derivation.incoming is not None:
        letters, first = _perhaps_jacobian(claim, letters, first)
    for reading, remarks in _readings(first):
        found = _right(letters, reading)
        if found is not None:
            return replace(found, remarks=(*remarks, *found.remarks))
    return _wrong(letters, first)


@dataclass(frozen=True)
class Disagreement:
    """Where a claim and the gradient are furthest apart, and what they are there."""

    difference: float
    index: tuple[int, ...]
    claimed: float
    gradient: float
    where: str

    def sentence(self) -> str:
        """Say it, with digits enough to see the difference."""
        index = f" at [{', '.join(map(str, self.index))}]" if self.index else ""
        both = self.claimed, self.gradient
        digits = next((n for n in range(6, 17) if len({f"{x:.{n}g}" for x in both}) > 1), 17)
        return (
            f"largest disagreement: {self.difference:.3g}{index}, on {self.where}: "
            f"yours is {self.claimed:.{digits}g}, the gradient is {self.gradient:.{digits}g}"
        )


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is to be said about a claim; it counts as True where the claim is right.

    Attributes
    ----------
    outcome : {"proved", "equal", "different"}
        Joined to the gradient by named steps, equal on all numbers tried, or wrong.
    claim, gradient : str
        The two, as they are written.
    draws, entries : int
        On how many random draws, beside the data, the two were compared; and how many numbers.
    disagreement : Disagreement or None
        The largest, where the shapes are the same.
    reason : str
        A sentence about shapes, if they are what is wrong; a remark on a right answer.
    remarks : tuple of str
        How the claim was read, where it could be read in several ways.
    suspect : Suspect or None
        The usual slip that reproduces the claim.
    proof : Proof or None
        The steps that join the claim to the gradient.
    letters : tuple of str
        Lines that explain the letters of the gradient that the user did not choose.
    undefined : bool
        Whether an entry of the claim is nowhere a finite number, though the gradient's is.
    left : tuple of str
        Derivatives such as ∂a/∂z that are left in it.
    """

    outcome: str
    claim: str
    gradient: str
    draws: int = 0
    entries: int = 0
    disagreement: Disagreement | None = None
    reason: str = ""
    remarks: tuple[str, ...] = ()
    suspect: Suspect | None = None
    proof: Proof | None = None
    letters: tuple[str, ...] = ()
    undefined: bool = False
    left: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.outcome != "different"

    def __repr__(self) -> str:
        slip = f": {self.suspect.kind}" if self.suspect is not None else ""
        return f"<{self.outcome}{slip}>"

    def __str__(self) -> str:
        return self.text()

    _repr_pretty_ = printed

    def record(self) -> dict[str, Any]:
        """Return it as what JSON holds, the proof by the names of its laws."""
        found = asdict(replace(self, proof=None))
        found["proof"] = None if self.proof is None else [step.rule for step in self.proof.steps]
        return {"right": bool(self), **found}

    def text(self) -> str:
        """Say it in a few lines."""
        tried = f"the data and {self.draws} random draws, {self.entries} numbers in all"
        if self.outcome == "proved":
            lines = [f"right, proved: {self.claim} is {self.gradient}", f"  compared on {tried}"]
        elif self.outcome == "equal":
            lines = [
                f"right on all numbers tried: {self.claim} is {self.gradient}",
                f"  compared on {tried}; no proof was found",
            ]
        else:
            lines = [f"different: {self.claim} is not {self.gradient}"]
        lines += [f"  {said}" for said in (self.reason, *self.remarks) if said]
        if self.disagreement is not None:
            lines.append(f"  {self.disagreement.sentence()}")
        if self.outcome == "different":
            said = "no usual slip reproduces it" if self.suspect is None else self.suspect.sentence
            lines.append(f"  suspect: {said}")
        if self.proof is not None and self.proof.steps:
            lines += ["", self.proof.text()]
        elif self.letters:
            lines += ["", *self.letters]
        return "\n".join(lines)


# --- how a claim is read --------------------------------------------------------------------------


def _first_that_fits(letters: Letters, claims: Sequence[Claim]) -> Claim:
    """Return the first order of indices in which all shapes fit, on other sizes too."""
    if len(claims) > 1:
        there = [*environments(letters)[:1], *resized(letters)]
        for claim in claims:
            try:
                shapes = [try_out(letters, claim, *each) for each in there]
            except ValueError:
                continue
            if all(trial.claimed.shape == trial.truth.shape for trial in shapes):
                return claim
    return claims[0]


def _perhaps_jacobian(written: str, letters: Letters, first: Claim) -> tuple[Letters, Claim]:
    """Read a claim as the Jacobian, if it has that shape and not that of the gradient."""
    derivation = letters.derivation
    if _shape(letters, first) == np.shape(derivation.computed):
        return letters, first
    try:
        others = Letters(derivation, derivation.jacobian())
    except ValueError:  # an operation is kept whole
        return letters, first
    again = _first_that_fits(others, read(written, others))
    wanted = tuple(1 if axis is None else axis.length for axis in others.target.axes)
    shape = _shape(others, again)
    seeds = {typed for typed, name in others.names.items() if name == derivation.seed}
    forms = () if again.tree is None else again.tree.walk()
    misfit = shape is None and not any(f.kind == "leaf" and f.detail in seeds for f in forms)
    return (others, again) if shape == wanted or misfit else (letters, first)


def _shape(letters: Letters, claim: Claim) -> tuple[int, ...] | None:
    """Return the shape of a claim on the data, or None where it has none."""
    try:
        return computed(letters, claim, environments(letters)[0][1]).shape
    except ValueError:
        return None


def _readings(claim: Claim) -> Iterator[tuple[Claim, tuple[str, ...]]]:
    """Yield a claim, and its other readings, each with how it is then read."""
    yield claim, ()
    if claim.reading is None or claim.tree is None:
        return
    places = list(claim.reading.choices)
    flips = (dict.fromkeys(some, 1) for n in (1, 2, 3) for some in combinations(places, n))
    for chosen in islice(flips, MOST_READINGS):
        other = of_tree(claim.tree, claim.reading.written, chosen, claim.letters, claim.notes)
        ways = {claim.reading.choices[place][1] for place in chosen}
        yield other, (f"right if it is read as {' and '.join(sorted(ways))}",)


# --- how it is judged -----------------------------------------------------------------------------


def _right(letters: Letters, claim: Claim) -> Verdict | None:
    """Judge a claim that has the numbers of the gradient wherever it was tried; None if not."""
    there = environments(letters)
    try:
        trials = [try_out(letters, claim, *each) for each in there]
    except ValueError:
        return None
    first = trials[0]
    if _disagree(trials):
        digits = _digits(claim, first)
        said = f"right to {digits} digits, on the data"
        size = first.truth.size
        return _said(letters, claim, "equal", entries=size, reason=said) if digits else None
    if _nowhere_finite(trials) is not None or _off(letters, claim) is not None:
        return None
    entries = sum(int(compared(trial).sum()) for trial in trials)
    if not entries and first.truth.size:
        raise ValueError(
            "check_answer: the gradient is no finite number anywhere, on the data or on random "
            "numbers, so nothing can be compared; derive it on other data"
        )
    fixed = _disagree(_resized(letters, claim))
    proof = None if fixed else proof_of(letters, claim)
    return _said(
        letters,
        claim,
        "equal" if proof is None else "proved",
        draws=len(trials) - 1,
        entries=entries,
        reason="for arrays of these sizes alone; write N or K for a length" if fixed else "",
        proof=proof,
    )


def _wrong(letters: Letters, claim: Claim) -> Verdict:
    """Say how a claim differs: in its shape, in its numbers, or by little."""
    there = environments(letters)
    said = partial(_said, letters, claim, "different")
    try:
        trials = [try_out(letters, claim, *each) for each in there]
    except ClaimError:
        raise
    except ValueError as error:
        return said(reason=str(error), suspect=suspect_of_misfit(letters, claim))
    first, draws = trials[0], len(trials) - 1
    if first.claimed.shape != first.truth.shape:
        reason = f"yours has shape {first.claimed.shape}, the gradient has {first.truth.shape}"
    elif _disagree(trials):
        reason = ""
    elif (off := _off(letters, claim)) is not None:
        gaps = np.where(compared(off), np.abs(off.claimed - off.truth), 0.0)
        reason = "by little, but by more than rounding: perhaps a constant has too few digits"
        return said(draws=draws, disagreement=_at(off, gaps), reason=reason)
    else:
        return said(draws=draws, reason=_nowhere_finite(trials) or "", undefined=True)
    suspect = suspect_of(letters, claim, [*trials, *_resized(letters, claim)])
    return said(draws=draws, disagreement=_largest(trials), reason=reason, suspect=suspect)


def _said(letters: Letters, claim: Claim, outcome: str, **more: Any) -> Verdict:
    remarks = tuple(claim.reading.remarks) if claim.reading is not None else ()
    if claim.reading is None and outcome == "equal":
        remarks = ("a function is compared by its numbers alone",)
    about = report.gradient(letters.derivation)
    if letters.target is not letters.derivation.result:
        about = about.removesuffix("⟩").partition(", ")[2]
    return Verdict(
        outcome,
        claim.written,
        f"{about} = {letters.target}",
        remarks=(*claim.notes, *remarks),
        left=tuple(claim.derivatives),
        letters=tuple(report.letters([letters.target])),
        **more,
    )


def _resized(letters: Letters, claim: Claim) -> list[Trial]:
    """Try other sizes, where the claim can be computed on them."""
    found = []
    for each in resized(letters):
        try:
            found.append(try_out(letters, claim, *each))
        except ValueError:
            continue
    return found


def _off(letters: Letters, claim: Claim) -> Trial | None:
    """Return a trial on random numbers that differs by a little that is no rounding."""
    draws = environments(letters)[1:2]
    return next((off(letters, claim, *each) for each in draws), None)


def _digits(claim: Claim, data: Trial) -> int:
    """Return to how many digits a claim is right that is nothing but decimals; 0 if it is not."""
    digits = decimals(claim)
    if not digits or len(digits) not in {1, data.truth.size}:
        return 0
    allowed = np.array([0.5 * 10.0**place for place, _ in digits])
    allowed = allowed.reshape(data.truth.shape if len(digits) > 1 else ())
    agrees = np.all(np.abs(data.claimed - data.truth) <= allowed * (1 + 1e-9))
    return min(count for _, count in digits) if agrees else 0


def _disagree(trials: Sequence[Trial]) -> bool:
    return any(found is None or found.any() for found in map(excess, trials))


def _largest(trials: Sequence[Trial]) -> Disagreement | None:
    """Return the largest disagreement: on the data, if they disagree there."""
    for group in (trials[:1], trials[1:]):
        found = []
        for trial in group:
            differences = excess(trial)
            if differences is None or not differences.any():
                continue
            found.append(_at(trial, differences))
        if found:
            return max(found, key=lambda d: d.difference)
    return None


def _at(trial: Trial, differences: Any) -> Disagreement:
    """Say where a trial disagrees most."""
    index = tuple(map(int, np.unravel_index(np.argmax(differences), differences.shape)))
    return Disagreement(
        float(differences[index]),
        index,
        float(trial.claimed[index]) + 0.0,  # no −0
        float(trial.truth[index]) + 0.0,
        trial.where,
    )


def _nowhere_finite(trials: Sequence[Trial]) -> str | None:
    """Say where a claim is never a finite number, though the gradient is one."""
    known = np.any([np.isfinite(trial.truth) for trial in trials], axis=0)
    missed = known & ~np.any([compared(trial) for trial in trials], axis=0)
    if not missed.any():
        return None
    index = tuple(map(int, np.argwhere(missed)[0]))
    return f"yours is never a finite number at {list(index)}, and the gradient is"
