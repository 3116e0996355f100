"""What a check found: true if all is right; a text and a page of a notebook say what is not."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_edu.check.blame import Blame
from tinygrad_edu.check.comparisons import Comparison, Verdict

__all__ = ["Report", "entry"]

_SHOWN = 5  # entries that are written out
_WIDEST = 24  # rows and columns of a heat map; larger ones are cut
_HEADINGS = ("mode", "derivative", "entries", "right", "wrong", "other", "relative error")
_FACE = "font-family: monospace; font-size: 90%; border-collapse: collapse"
_COLOURS = {  # each verdict has a letter too, so that no reading rests on the colour
    Verdict.RIGHT: ("#e3f1e3", "·"),
    Verdict.HIDDEN: ("#eef3ee", "0"),
    Verdict.UNRESOLVED: ("#e8e8e8", "?"),
    Verdict.KINK: ("#fbeec2", "k"),
    Verdict.NOT_FINITE: ("#e6d3f2", "∞"),
    Verdict.WRONG: ("#f6b8a8", "✗"),
}


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
        What was compared, with a verdict for each derivative: along random directions and, where
        something is not right along these, Jacobians entry by entry.
    blamed : tuple of Blame
        The operations that are wrong by themselves, with the suspect.
    notes : tuple of str
        What was sampled, and what was not seen.
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
        """Write the table, and a heat map of the errors of each Jacobian."""
        root = ET.Element("div")  # a tree, written by the standard library: names are text
        ET.SubElement(ET.SubElement(root, "p"), "b").text = f"{self.subject}: {self.verdict}"
        ET.SubElement(root, "p").text = self.reason
        for blame in self.blamed:
            ET.SubElement(root, "p").text = f"To blame: {blame}"
            if blame.comparison is not None:
                _heat_map(root, blame.comparison, f"{blame.op} alone")
        table = ET.SubElement(root, "table", style=_FACE)
        for number, row in enumerate(_table(self.comparisons)):
            line = ET.SubElement(table, "tr")
            for cell in row:
                style = "text-align: left; padding: 0 0.8em"
                ET.SubElement(line, "td" if number else "th", style=style).text = cell
        for comparison in self.comparisons:
            if comparison.wrt is not None:
                _heat_map(root, comparison, comparison.mode)
        for text in [*_entries(self.comparisons), *(f"Note: {note}" for note in self.notes)]:
            ET.SubElement(root, "p").text = text
        return ET.tostring(root, encoding="unicode", method="html")


def entry(c: Comparison, i: int, j: int) -> str:
    """Write one derivative: what the rules give, and what it should be."""
    if c.verdicts[i, j] == Verdict.KINK:
        left, right = (
            "undefined" if np.isnan(slope) else f"{slope:.4g}".replace("-", "−")
            for slope in (c.estimate.left[i, j], c.estimate.right[i, j])
        )
        return f"{c.label(i, j)}: not differentiable here (left slope {left}, right slope {right})"
    found, expected = _told_apart(c.found[i, j] + 0.0, c.expected[i, j] + 0.0)  # no −0
    by = "differences that do not settle" if c.verdicts[i, j] == Verdict.UNRESOLVED else c.oracle
    return f"{c.label(i, j)}: {found} ({c.mode}), by {by} {expected} ± {c.error[i, j]:.0e}"


def _told_apart(found: float, expected: float) -> tuple[str, str]:
    """Write two numbers with as many digits as it takes to see a difference."""
    for digits in range(8, 18):
        texts = f"{found:.{digits}g}", f"{expected:.{digits}g}"
        if texts[0] != texts[1]:
            break
    return texts


def _table(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    """Write a row per comparison."""
    rows = []
    for c in comparisons:
        of = f"∂{c.of}/∂{c.wrt.name}" if c.wrt is not None else c.of
        if c.wrt is None and c.oracle == "differences":
            of += " along directions"
        right, wrong, total = c.count(Verdict.RIGHT), c.count(Verdict.WRONG), c.found.size
        counts = (str(n) for n in (total, right, wrong, total - right - wrong))
        rows.append((c.mode, of, *counts, _deviation(c)))
    return [_HEADINGS, *rows] if rows else []


def _deviation(c: Comparison) -> str:
    """Write the largest deviation relative to the largest entry."""
    known = np.isin(c.verdicts, (Verdict.RIGHT, Verdict.WRONG))
    found, expected = c.found[known], c.expected[known]
    with np.errstate(all="ignore"):
        size = np.fmax(np.abs(expected), np.abs(found)).max(initial=0.0)
        return f"{np.nan_to_num(np.abs(found - expected).max(initial=0.0) / size):.0e}"


def _entries(comparisons: Sequence[Comparison]) -> list[str]:
    """Write out what is not right, each derivative once: Jacobians first, the worst first."""
    lines: dict[str, str] = {}
    for verdict in (Verdict.WRONG, Verdict.NOT_FINITE, Verdict.KINK, Verdict.UNRESOLVED):
        bad = [c for c in comparisons if c.count(verdict)]
        for c in [c for c in bad if c.wrt is not None] or bad:
            places = np.argwhere(c.verdicts == verdict)
            with np.errstate(all="ignore"):
                excess = (np.abs(c.found - c.expected) / c.allowed)[c.verdicts == verdict]
            order = np.argsort(-np.nan_to_num(excess, nan=np.inf), kind="stable")
            for i, j in places[order].tolist():
                lines.setdefault(c.label(i, j), entry(c, i, j))
    written = list(lines.values())
    rest = len(written) - _SHOWN
    return written if rest <= 1 else [*written[:_SHOWN], f"… and {rest} more"]


def _heat_map(root: ET.Element, comparison: Comparison, title: str) -> None:
    """Draw the errors of a Jacobian: a row per result, a column per entry of the input."""
    rows, columns = (min(n, _WIDEST) for n in comparison.verdicts.shape)
    if not rows or not columns:
        return
    wrt = "" if comparison.wrt is None else f"/∂{comparison.wrt.name}"
    element = ET.SubElement(root, "table", style=_FACE)
    caption = ET.SubElement(element, "caption", style="text-align: left; padding-top: 1em")
    caption.text = f"∂{comparison.of}{wrt}, {title}"
    if (rows, columns) != comparison.verdicts.shape:
        caption.text += f" (the first {rows} × {columns} entries)"
    with np.errstate(all="ignore"):  # a wrong entry is the darker, the larger its error
        off = np.abs(comparison.found - comparison.expected)
        powers = np.log10(off / (np.abs(comparison.found) + np.abs(comparison.expected)))
        opacity = np.clip(1 + np.nan_to_num(powers) / 20, 0.4, 1)
    for i in range(rows):
        line = ET.SubElement(element, "tr")
        for j in range(columns):
            colour, letter = _COLOURS[Verdict(int(comparison.verdicts[i, j]))]
            style = f"background: {colour}; width: 1.6em; text-align: center; color: #222"
            if letter == "✗":
                style += f"; opacity: {opacity[i, j]:.2f}"
            cell = ET.SubElement(line, "td", style=style, title=entry(comparison, i, j))
            cell.text = letter
