"""What a check found, as an object: true if the gradient is right, text and HTML otherwise too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.check.diagnosis import Blame
from tinygrad_edu.check.verdicts import Comparison, Verdict

__all__ = ["Report"]

_SHOWN = 5  # entries that are written out


@dataclass(frozen=True, eq=False)
class Report:
    """The result of a check: true where everything that was compared is right.

    Attributes
    ----------
    verdict : str
        ``"right"``, ``"wrong"``, ``"not differentiable here"``, ``"not finite"``,
        ``"inconclusive"`` or ``"refused"``.
    reason : str
        One sentence.
    comparisons : tuple of Comparison
        Every Jacobian, with a verdict per entry.
    blamed : tuple of Blame
        The operations that are wrong by themselves, with the suspect.
    notes : tuple of str
        What was sampled, which oracles were used.
    subject : str
        What was checked.
    """

    verdict: str
    reason: str
    comparisons: tuple[Comparison, ...] = ()
    blamed: tuple[Blame, ...] = ()
    notes: tuple[str, ...] = ()
    subject: str = "f"

    def __bool__(self) -> bool:
        return self.verdict == "right"

    @property
    def suspects(self) -> list[str]:
        """The kind of fault of each blamed operation."""
        return [blame.suspect.kind for blame in self.blamed]

    def entries(self, verdict: Verdict) -> Iterator[tuple[Comparison, int, int]]:
        """Yield the entries with a verdict, in each comparison the worst first."""
        for comparison in self.comparisons:
            rows, columns = np.nonzero(comparison.verdicts == verdict)
            excess = comparison.excess[rows, columns]
            for k in np.argsort(-np.nan_to_num(excess, nan=np.inf), kind="stable"):
                yield comparison, int(rows[k]), int(columns[k])

    def __str__(self) -> str:
        lines = [f"gradcheck of {self.subject}: {self.verdict}", f"  {self.reason}"]
        for blame in self.blamed:
            lines.append(f"  to blame: {blame}")
        lines += self._table()
        for verdict in (Verdict.WRONG, Verdict.NOT_FINITE, Verdict.KINK):
            lines += self._entries(verdict)
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from tinygrad_edu.check.html import page

        return page(self)

    def _table(self) -> list[str]:
        if not self.comparisons:
            return []
        rows = [("mode", "derivative", "entries", "right", "wrong", "other", "largest error")]
        rows += [row(comparison) for comparison in self.comparisons]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return [
            "    " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]

    def _entries(self, verdict: Verdict) -> list[str]:
        found = list(self.entries(verdict))
        lines = [f"    {entry(*place)}" for place in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"    … and {len(found) - _SHOWN} more")
        return lines


def row(comparison: Comparison) -> tuple[str, ...]:
    """Write one comparison as the cells of a table."""
    wrt = "a direction" if comparison.wrt is None else comparison.wrt.name
    right, wrong = comparison.count(Verdict.RIGHT), comparison.count(Verdict.WRONG)
    entries = comparison.verdicts.size
    deviation = np.abs(comparison.found - comparison.expected)
    known = deviation[np.isfinite(deviation)]
    return (
        comparison.mode,
        f"∂{comparison.of}/∂{wrt}" if comparison.wrt else f"{comparison.of} along {wrt}",
        str(entries),
        str(right),
        str(wrong),
        str(entries - right - wrong),
        f"{known.max():.1e}" if known.size else "–",
    )


def entry(comparison: Comparison, i: int, j: int) -> str:
    """Write one entry: what the rules give, and what differences give."""
    label = comparison.label(i, j)
    found, expected = comparison.found[i, j], comparison.expected[i, j]
    if comparison.verdicts[i, j] == Verdict.KINK:
        left, right = (_slope(s[i, j]) for s in (comparison.left, comparison.right))
        return f"{label}: not differentiable here (left slope {left}, right slope {right})"
    return (
        f"{label}: the rules give {found:.8g}, differences {expected:.8g} "
        f"± {comparison.error[i, j]:.0e} ({comparison.mode})"
    )


def _slope(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.4g}".replace("-", "−")
