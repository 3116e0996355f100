"""A student's answer, judged: proved, equal on all numbers tried, or different and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.answers.claims import Claim, Letters, read
from tinygrad_edu.symbolic.answers.proving import proof_of
from tinygrad_edu.symbolic.answers.suspects import Suspect, suspect_of, suspect_of_misfit
from tinygrad_edu.symbolic.answers.trials import (
    Trial,
    compared,
    environments,
    excess,
    resized,
    try_out,
)
from tinygrad_edu.symbolic.derive import report
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.symbolic.notation.grammar import ClaimError
from tinygrad_edu.symbolic.prove.proof import Proof

__all__ = ["Disagreement", "Verdict", "check_answer"]


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
    return _Judge(derivation, letters, read(claim, letters)).verdict()


@dataclass(frozen=True)
class Disagreement:
    """Where a claim and the gradient are furthest apart, and what they are there."""

    difference: float
    index: tuple[int, ...]
    claimed: float
    gradient: float
    where: str


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
    suspect : Suspect or None
        The usual slip that reproduces the claim.
    proof : Proof or None
        The steps that join the claim to the gradient.
    """

    outcome: str
    claim: str
    gradient: str
    draws: int = 0
    entries: int = 0
    disagreement: Disagreement | None = None
    reason: str = ""
    suspect: Suspect | None = None
    proof: Proof | None = None

    def __bool__(self) -> bool:
        return self.outcome != "different"

    def __repr__(self) -> str:
        slip = f": {self.suspect.kind}" if self.suspect is not None else ""
        return f"<{self.outcome}{slip}>"

    def __str__(self) -> str:
        return self.text()

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
        if self.reason:
            lines.append(f"  {self.reason}")
        if self.disagreement is not None:
            lines.append(f"  {_sentence(self.disagreement)}")
        if self.outcome == "different":
            said = "no usual slip reproduces it" if self.suspect is None else self.suspect.sentence
            lines.append(f"  suspect: {said}")
        if self.proof is not None and self.proof.steps:
            lines += ["", self.proof.text()]
        return "\n".join(lines)


def _sentence(d: Disagreement) -> str:
    index = f" at [{', '.join(map(str, d.index))}]" if d.index else ""
    return (
        f"largest disagreement: {d.difference:.3g}{index}, on {d.where}: "
        f"yours is {d.claimed:.6g}, the gradient is {d.gradient:.6g}"
    )


class _Judge:
    """The stages of one judgement: shapes, numbers, and then a proof or a suspect."""

    def __init__(self, derivation: Derivation, letters: Letters, claim: Claim) -> None:
        self.derivation, self.letters, self.claim = derivation, letters, claim
        self.gradient = f"{report.gradient(derivation, indices=False)} = {derivation.result}"

    def verdict(self) -> Verdict:
        """Judge the claim."""
        try:
            trials = [self._tried(*there) for there in environments(self.derivation, self.letters)]
        except ClaimError:
            raise
        except ValueError as error:
            return self._misfit(error)
        if trials[0].claimed.shape != trials[0].truth.shape:
            return self._different(trials, reason=self._about_shapes(trials[0]))
        if _disagree(trials):
            return self._different(trials)
        if (nowhere := _nowhere_finite(trials)) is not None:
            return self._different(trials, reason=nowhere)
        return self._right(trials)

    def _right(self, trials: Sequence[Trial]) -> Verdict:
        entries = sum(int(compared(trial).sum()) for trial in trials)
        if not entries and trials[0].truth.size:
            raise ValueError(
                "check_answer: the gradient is no finite number anywhere, on the data or on random "
                "numbers, so nothing can be compared; derive it on other data"
            )
        fixed = _disagree(self._resized())
        proof = None if fixed else proof_of(self.derivation, self.letters, self.claim)
        return Verdict(
            "equal" if proof is None else "proved",
            self.claim.written,
            self.gradient,
            draws=len(trials) - 1,
            entries=entries,
            reason="for arrays of these sizes alone; write N or K for a length" if fixed else "",
            proof=proof,
        )

    def _tried(self, where: str, env: Any) -> Trial:
        return try_out(self.derivation, self.letters, self.claim, where, env)

    def _resized(self) -> list[Trial]:
        """Try other sizes, where the claim can be computed on them."""
        found = []
        for where, env in resized(self.derivation, self.letters):
            try:
                found.append(self._tried(where, env))
            except (ValueError, TypeError, IndexError):
                continue
        return found

    def _about_shapes(self, trial: Trial) -> str:
        return f"yours has shape {trial.claimed.shape}, the gradient has {trial.truth.shape}"

    def _different(self, trials: Sequence[Trial], reason: str = "") -> Verdict:
        suspect = suspect_of(self.derivation, self.letters, self.claim, [*trials, *self._resized()])
        return Verdict(
            "different",
            self.claim.written,
            self.gradient,
            draws=len(trials) - 1,
            disagreement=_largest(trials),
            reason=reason,
            suspect=suspect,
        )

    def _misfit(self, error: ValueError) -> Verdict:
        suspect = suspect_of_misfit(self.derivation, self.letters, self.claim)
        return Verdict(
            "different", self.claim.written, self.gradient, reason=str(error), suspect=suspect
        )


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
            index = tuple(map(int, np.unravel_index(np.argmax(differences), differences.shape)))
            found.append(
                Disagreement(
                    float(differences[index]),
                    index,
                    float(trial.claimed[index]) + 0.0,  # no −0
                    float(trial.truth[index]) + 0.0,
                    trial.where,
                )
            )
        if found:
            return max(found, key=lambda d: d.difference)
    return None


def _nowhere_finite(trials: Sequence[Trial]) -> str | None:
    """Say where a claim is never a finite number, though the gradient is one."""
    known = np.any([np.isfinite(trial.truth) for trial in trials], axis=0)
    missed = known & ~np.any([compared(trial) for trial in trials], axis=0)
    if not missed.any():
        return None
    index = tuple(map(int, np.argwhere(missed)[0]))
    return f"yours is never a finite number at {list(index)}, and the gradient is"
