"""What a check found, as an object: true if all is right, and a text that says what is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.check import html
from tinygrad_edu.check.diagnosis import Blame
from tinygrad_edu.check.verdicts import Comparison, Verdict

__all__ = ["Report", "entry"]

_SHOWN = 5  # entries that are written out
_HEADINGS = ("mode", "derivative", "entries", "right", "wrong", "other", "relative error")


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
        What was sampled, and which oracles were used.
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
        """The kind of fault of each operation that is to blame."""
        return [blame.suspect.kind for blame in self.blamed]

    def __str__(self) -> str:
        lines = [f"{self.subject}: {self.verdict}", f"  {self.reason}"]
        lines += [f"  to blame: {blame}" for blame in self.blamed]
        table = _table(self.comparisons)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            lines.append(f"    {'  '.join(cells)}".rstrip())
        lines += [f"    {line}" for line in _entries(self.comparisons)]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.page(self, _table(self.comparisons), _entries(self.comparisons))


def _table(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Write a row per Jacobian; what was done along several directions stands in one row."""
    together: dict[tuple[str, str], list[Comparison]] = {}
    for c in comparisons:
        if c.wrt is not None:
            of = f"∂{c.of}/∂{c.wrt.name}"
        else:
            of = f"{c.of} along directions" if c.suffix else c.of
        together.setdefault((c.mode, of), []).append(c)
    rows = [_row(*key, group) for key, group in together.items()]
    return [_HEADINGS, *rows] if rows else []


def _row(mode: str, of: str, group: Sequence[Comparison]) -> tuple[str, ...]:
    entries = sum(c.verdicts.size for c in group)
    right, wrong = (sum(c.count(v) for c in group) for v in (Verdict.RIGHT, Verdict.WRONG))
    counts = (str(n) for n in (entries, right, wrong, entries - right - wrong))
    return (mode, of, *counts, max((_deviation(c) for c in group), key=lambda text: float(text)))


def _deviation(c: Comparison) -> str:
    """Write the largest deviation relative to the largest entry."""
    with np.errstate(all="ignore"):
        off, size = np.abs(c.found - c.expected), np.fmax(np.abs(c.expected), np.abs(c.found))
        known = (c.verdicts == Verdict.RIGHT) | (c.verdicts == Verdict.WRONG)
        relative = off[known].max(initial=0.0) / size[known].max(initial=0.0)
    return f"{np.nan_to_num(relative):.0e}"


def _entries(comparisons: Sequence[Comparison]) -> list[str]:
    """Write out the entries that are not right, each once: Jacobians first, the worst first."""
    lines: dict[str, str] = {}
    for verdict in (Verdict.WRONG, Verdict.NOT_FINITE, Verdict.KINK, Verdict.UNRESOLVED):
        bad = [c for c in comparisons if c.count(verdict)]
        for c in [c for c in bad if c.wrt is not None] or bad:
            rows, columns = np.nonzero(c.verdicts == verdict)
            order = np.argsort(-np.nan_to_num(c.excess[rows, columns], nan=np.inf), kind="stable")
            for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
                lines.setdefault(c.label(i, j), entry(c, i, j))
    written = list(lines.values())
    rest = len(written) - _SHOWN
    return written if rest <= 1 else [*written[:_SHOWN], f"… and {rest} more"]


def entry(comparison: Comparison, i: int, j: int) -> str:
    """Write one entry: what the rules give, and what differences give."""
    label = comparison.label(i, j)
    found, expected = comparison.found[i, j] + 0.0, comparison.expected[i, j] + 0.0  # no −0
    if comparison.verdicts[i, j] == Verdict.KINK:
        left, right = (_slope(s[i, j]) for s in (comparison.left, comparison.right))
        return f"{label}: not differentiable here (left slope {left}, right slope {right})"
    oracle = "its definition" if comparison.mode in ("value", "gradient") else "differences"
    return (
        f"{label}: {found:.8g} ({comparison.mode}), by {oracle} {expected:.8g} "
        f"± {comparison.error[i, j]:.0e}"
    )


def _slope(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.4g}".replace("-", "−")
