"""A finished proof: two formulas, the steps that join them, and how far the numbers agree."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinygrad_edu.symbolic import report
from tinygrad_edu.symbolic.agreement import Agreement
from tinygrad_edu.symbolic.derivation import Formula, Step
from tinygrad_edu.symbolic.facts import Assumption

__all__ = ["Proof"]


@dataclass(frozen=True, eq=False)
class Proof:
    """What `prove` found: a chain left = … = right, or how far it came.

    Attributes
    ----------
    proved : bool
        Whether the steps join the two sides; a proof is true where this is.
    left, right : Formula
        The two sides.
    steps : list of Step
        From left to right, one chain; those that rewrite the right side are read backwards. Up
        to a constant C or a factor c, the chain ends in c·right + C. Empty if nothing was proved.
    assumptions : list of Assumption
        What the steps rest on and the graph does not imply.
    dropped : dict of str to Formula
        What `up_to` took away: the "constant" C and the "positive factor" c.
    agreement : Agreement
        Whether the numbers of both ends agree, on the data and on random draws.
    furthest : (Formula, Formula)
        The forms of both sides that are nearest to each other; where something was proved, both
        are the form in which the two sides meet.
    capped : bool
        Whether the search was cut short.
    """

    left: Formula
    right: Formula
    proved: bool
    steps: list[Step]
    assumptions: list[Assumption]
    agreement: Agreement
    furthest: tuple[Formula, Formula]
    dropped: dict[str, Formula] = field(default_factory=dict)
    capped: bool = False

    def __bool__(self) -> bool:
        return self.proved

    @property
    def residual(self) -> float:
        """Largest difference of the two ends, on the data and on random draws."""
        return self.agreement.residual

    @property
    def verdict(self) -> str:
        """What was found, in one sentence."""
        if self.proved:
            return f"proved in {len(self.steps)} step{'s' * (len(self.steps) != 1)}"
        if self.agreement:
            return (
                f"not proved, but the numbers agree on the data and on {self.agreement.draws} "
                "random draws"
            )
        return "not proved"

    def text(self, indices: bool = False) -> str:
        """Write the proof for a terminal, with indices if asked for.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z = tg.Tensor([1.47, -0.39, 0.22])
        >>> proof = tg.prove(tg.log(tg.softmax(z)), z - tg.logsumexp(z))
        >>> print(proof.text().splitlines()[0])
        log softmax(z) = z − logsumexp(z)
        """
        return report.proof_text(self, indices)

    def latex(self, indices: bool = False) -> str:
        """Write the chain as one aligned display."""
        return report.proof_latex(self, indices)

    def _repr_latex_(self) -> str:
        return self.latex()

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        sign = "=" if not self.dropped else "≅"
        return f"<proof {self.left} {sign} {self.right}: {self.verdict}>"
