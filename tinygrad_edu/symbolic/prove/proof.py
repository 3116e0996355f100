"""A finished proof: two formulas, the steps that join them, and how far the numbers agree."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tinygrad_edu.symbolic.algebra.facts import Assumption
from tinygrad_edu.symbolic.derive.certificate import Graph, certificate
from tinygrad_edu.symbolic.derive.derivation import Formula, Step
from tinygrad_edu.symbolic.derive.report import (
    assumptions,
    checked,
    equations,
    letters,
    rounded_up,
    rule_name,
    write,
)
from tinygrad_edu.symbolic.prove.agreement import Agreement

__all__ = ["Proof"]


@dataclass(frozen=True, eq=False)
class Proof:
    """What `prove` found: a chain left = … = right, or how far it came. True if it is proved.

    Attributes
    ----------
    proved : bool
        Whether the steps join the two sides.
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
        The shortest forms of both sides that were found; where something was proved, both are
        the form in which they meet.
    capped : bool
        Whether the search was cut short.
    graph : Graph or None
        What a certificate is written from.
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
    graph: Graph | None = None

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
        found = self.agreement
        if found:
            return f"not proved, but the numbers agree{_on(found)}"
        if math.isnan(found.residual):
            return "not proved; no numbers are finite"
        if found.agrees_on_data:
            return (
                f"not proved: the numbers agree on the data, but differ {found.where}; what NumPy "
                "computed before anything was recorded is only a number here"
            )
        return f"not true: the numbers differ {found.where}"

    def text(self, indices: bool = False) -> str:
        """Write the proof for a terminal.

        Parameters
        ----------
        indices : bool, optional
            Write every formula with indices, such as log aⱼ.

        Returns
        -------
        str
            Lines of Unicode text.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z = tg.Tensor([1.47, -0.39, 0.22])
        >>> print(tg.prove(tg.log(tg.exp(z)), z).text().splitlines()[0])
        log exp(z) = z: proved in 1 step
        """
        claim = f"{write(self.left, indices)} = {write(self.right, indices)}"
        if self.dropped:
            claim = f"{self._claimed(indices)}"
        sections = [
            [f"{claim}: {self.verdict}"],
            self._chain(indices) if self.proved else self._furthest(indices),
            [f"The {name} is {write(f, indices)}." for name, f in self.dropped.items()],
            assumptions(self.assumptions),
            self._checks(),
            letters(self._written(), indices=indices),
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines)

    def _written(self) -> list[Formula]:
        return [self.left, self.right, *self.furthest, *(step.after for step in self.steps)]

    def certificate(self) -> dict[str, Any]:
        """Return what is proved, for a program to check that does not trust this one.

        Returns
        -------
        dict
            As that of a derivation; with both sides, and what was dropped.

        Raises
        ------
        ValueError
            If nothing was proved, or the proof was read back.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> z = tg.Tensor([1.47, -0.39, 0.22])
        >>> proof = tg.prove(tg.log(tg.exp(z)), z)
        >>> [step["laws"] for step in proof.certificate()["steps"]]
        [['log undoes exp']]
        """
        if not self.proved:
            raise ValueError("certificate: nothing was proved")
        assert self.graph is not None
        return certificate(self._claimed(False), self.graph, self.left, self.right, self.steps)

    def latex(self, indices: bool = False) -> str:
        """Write the chain as one aligned display; if nothing was proved, the claim."""
        if not self.proved:
            return rf"{self.left.latex(indices)} \overset{{?}}{{=}} {self.right.latex(indices)}"
        rows = [f"& {self.left.latex(indices)}"]
        for step in self.steps:
            rows.append(f"={{}}& {step.after.latex(indices)} && {rule_name(step.rule)}")
        body = " \\\\\n".join(rows)
        return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"

    def _repr_latex_(self) -> str:
        shown = self.latex()
        return shown if self.proved else f"${shown}$"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<proof {self._claimed(False)}: {self.verdict}>"

    # --- what the text is made of -----------------------------------------------------------------

    def _claimed(self, indices: bool) -> str:
        sides = f"{write(self.left, indices)} = {write(self.right, indices)}"
        return sides + (f" up to a {' and a '.join(self.dropped)}" if self.dropped else "")

    def _chain(self, indices: bool) -> list[str]:
        rows = [(f"  {write(self.left, indices)}", "")]
        for step in self.steps:
            why = f"{step.rule}: {step.because}   {checked((step,))}"
            rows.append((f"  = {write(step.after, indices)}", why))
        return equations(rows, 6) if self.steps else [rows[0][0], "  is the right side already"]

    def _furthest(self, indices: bool) -> list[str]:
        left, right = (write(form, indices) for form in self.furthest)
        return ["The sides came as far as", f"  left   {left}", f"  right  {right}"]

    def _checks(self) -> list[str]:
        lines = []
        if not math.isnan(self.residual):
            lines.append(
                "Checked: largest difference of both sides, relative to their size,"
                f"{_on(self.agreement)}: {rounded_up(self.residual)}"
            )
        if self.proved and any(step.exact for step in self.steps):
            lines.append("Exact: for the sizes drawn.")
        if self.proved and not self.agreement.on_data:
            lines.append("On the data, a side is not finite; where 0·log 0 = 0, the proof holds.")
        if self.capped:
            lines.append("The search was cut short: a proof may exist.")
        return lines


def _on(found: Agreement) -> str:
    """Say what numbers were compared on."""
    random = f"{found.draws} random draw{'s' * (found.draws != 1)}"
    return f" on the data and on {random}" if found.on_data else f" on {random}"
