"""A derivation lemma by lemma: every stage has a letter δ for the gradient found before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.symbolic.algebra.expr import Expr, Leaf, distinct, rename, replace
from tinygrad_edu.symbolic.algebra.facts import Assumption
from tinygrad_edu.symbolic.algebra.rewrite import MOST_WORK
from tinygrad_edu.symbolic.derive import report
from tinygrad_edu.symbolic.derive.derivation import Derivation, Formula, Step
from tinygrad_edu.symbolic.derive.work import Work

__all__ = ["Stage", "StagedDerivation", "stages_of"]


@dataclass(frozen=True, eq=False)
class Stage:
    """One lemma, and what it comes to.

    Attributes
    ----------
    lemma : Derivation
        From one named vertex to the next, with a letter for the gradient that comes in.
    put_in : (Formula, Formula) or None
        That letter, and the gradient it stands for; None where nothing was found before.
    whole : Derivation
        The lemma with the letter put in: the gradient of the output by the next vertex. Where
        that would be longer than what is written out, the letter stays.
    """

    lemma: Derivation
    put_in: tuple[Formula, Formula] | None
    whole: Derivation

    def __repr__(self) -> str:
        return f"<stage {self.lemma!r}>"


@dataclass(frozen=True, eq=False)
class StagedDerivation:
    """A gradient, derived stage by stage.

    Attributes
    ----------
    title : (str, str)
        What is differentiated, and with respect to what.
    stages : tuple of Stage
        From the output to what it is differentiated with respect to.
    """

    title: tuple[str, str]
    stages: tuple[Stage, ...]

    @property
    def result(self) -> Formula:
        """The gradient, with the letters put in; one stays where that would be too long to read."""
        return self.stages[-1].whole.result

    @property
    def steps(self) -> list[Step]:
        """All equations that were used, in the order of the blackboard."""
        found: list[Step] = []
        for stage in self.stages:
            found += stage.lemma.steps
            if stage.put_in is not None:
                found += stage.whole.steps
        return found

    @property
    def assumptions(self) -> list[Assumption]:
        """What was assumed on the way, and what could not be."""
        found: dict[str, Assumption] = {}
        for stage in self.stages:
            for assumption in (*stage.lemma.assumptions, *stage.whole.assumptions):
                known = found.get(assumption.statement)
                if known is None or assumption.used:
                    found[assumption.statement] = assumption
        return list(found.values())

    @property
    def _derivations(self) -> list[Derivation]:
        return [each for stage in self.stages for each in (stage.lemma, stage.whole)]

    @property
    def residual(self) -> float:
        """The largest difference of any stage from the gradient that the engine computes."""
        return float(np.max([derivation.residual for derivation in self._derivations]))

    @property
    def agrees(self) -> bool:
        """Whether every step and every stage hold up to rounding."""
        return all(derivation.agrees for derivation in self._derivations)

    @property
    def capped(self) -> bool:
        """Whether a search was cut short."""
        return any(derivation.capped for derivation in self._derivations)

    @property
    def stale(self) -> tuple[str, ...]:
        """Names of the caller that are left out, for they were recorded from other data."""
        return self.stages[0].lemma.stale

    @property
    def faults(self) -> tuple[str, ...]:
        """Which operations are not what their definitions say, where a stage disagrees."""
        return tuple(dict.fromkeys(f for each in self._derivations for f in each.faults))

    def text(self, indices: bool = False, detail: str = "lecture") -> str:
        r"""Write the stages for a terminal, as on a blackboard.

        Parameters
        ----------
        indices : bool, optional
            Write every formula with indices, such as a_j − y_j.
        detail : {"lecture", "full"}, optional
            The lemmas and what they come to, one line per choice; or every step of them.

        Returns
        -------
        str
            Lines of Unicode text.

        Raises
        ------
        ValueError
            If `detail` is neither.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z, y = tg.Tensor([1.47, -0.39, 0.22]), tg.Tensor([0.0, 1.0, 0.0])
        >>> a = tg.softmax(z)
        >>> L = -(y * tg.log(a)).sum()
        >>> print("\n".join(tg.derive(L, wrt=z, staged=True).text().splitlines()[6:10]))
        1. δ = ∂L/∂a = −y/a
        <BLANKLINE>
        2. ∂L/∂z = a ⊙ (δ − Σ(a ⊙ δ))
                 = −a ⊙ (y/a + Σ(−a ⊙ y/a))   put in δ = −y/a
        """
        return report.staged_text(self, indices, detail)

    def latex(self, indices: bool = False, detail: str = "lecture") -> str:
        """Write the stages in LaTeX, as one aligned display; arguments as for `text`."""
        return report.staged_latex(self, indices, detail)

    def _repr_latex_(self) -> str:
        return self.latex()

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        of, wrt = self.title
        count = len(self.stages)
        said = f"{count} stage{'s' * (count != 1)}"
        return f"<staged derivation ∂{of}/∂{wrt} = {self.result}, {said}>"


#: What all searches of the stages may look at; after that, formulas are tidied only.
_MOST_WORK = 5 * MOST_WORK
#: A letter stays where the formula that it is put into would nest deeper, or be longer than what
#: is written out.
_DEEPEST = 60


def stages_of(work: Work) -> StagedDerivation:
    """Derive one leg of the backward pass after the other."""
    stages: list[Stage] = []
    with np.errstate(all="ignore"):  # what is not finite is reported
        wrt = [leg.wrt for leg in work.legs]
        gradients_by = gradients(work.output, wrt, seed=work.legs[0].seed.value)
    for leg, computed in zip(work.legs, gradients_by, strict=True):
        lemma = work.lemma(leg)
        if not stages:
            stages.append(Stage(lemma, None, lemma))
            continue
        letter, before = lemma.incoming, stages[-1].whole
        assert letter is not None
        whole = work.simplified(
            _put_in(lemma.result.expr, letter, before.result),
            leg,
            of=work.output,
            computed=computed,
            incoming=before.incoming,
            chain=[],
            limit=max(0, min(MOST_WORK, _MOST_WORK - work.worked)),
        )
        stages.append(Stage(lemma, (letter, before.result), whole))
    work.facts.refuse_unknown()
    return StagedDerivation(stages[-1].whole.title, tuple(stages))


def _put_in(expr: Expr, letter: Formula, meaning: Formula) -> Expr:
    """Put what a letter stands for in its place, at whatever indices it has there."""
    assert isinstance(letter.expr, Leaf)
    quantity = letter.expr.quantity
    own = [axis for axis in meaning.axes if axis is not None]
    every = [e for e in (letter.expr, *distinct(expr)) if isinstance(e, Leaf)]
    found: dict[Expr, Expr] = {
        leaf: rename(meaning.expr, dict(zip(own, leaf.axes, strict=True)))
        for leaf in every
        if leaf.quantity is quantity
    }
    put_in = replace(expr, found)
    if put_in.depth <= _DEEPEST and put_in.size <= report.LONGEST:
        return put_in
    quantity.source = found[letter.expr]  # for what records the formula
    return expr
