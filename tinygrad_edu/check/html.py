"""A report for a notebook: the table, and a heat map of the errors of each Jacobian.

The document is built as a tree and written by the standard library, so that names are text.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.verdicts import Comparison, Verdict

if TYPE_CHECKING:
    from tinygrad_edu.check.report import Report

__all__ = ["page"]

_WIDEST = 24  # rows and columns of a heat map; larger ones are cut
_FACE = "font-family: monospace; font-size: 90%; border-collapse: collapse"
_COLOURS = {  # each verdict has a letter too, so that no reading rests on the colour
    Verdict.RIGHT: ("#e3f1e3", "·"),
    Verdict.HIDDEN: ("#eef3ee", "0"),
    Verdict.UNRESOLVED: ("#e8e8e8", "?"),
    Verdict.KINK: ("#fbeec2", "k"),
    Verdict.NOT_FINITE: ("#e6d3f2", "∞"),
    Verdict.WRONG: ("#f6b8a8", "✗"),
}


def page(report: Report, table: Sequence[Sequence[str]], entries: Sequence[str]) -> str:
    """Write a report as HTML."""
    root = ET.Element("div")
    heading = ET.SubElement(root, "p")
    ET.SubElement(heading, "b").text = f"{report.subject}: {report.verdict}"
    ET.SubElement(root, "p").text = report.reason
    for blame in report.blamed:
        ET.SubElement(root, "p").text = f"To blame: {blame}"
        if blame.comparison is not None:
            _heat_map(root, blame.comparison, f"{blame.op} alone")
    if table:
        _table(root, table)
    for comparison in report.comparisons:
        if comparison.wrt is not None:
            _heat_map(root, comparison, comparison.mode)
    for title, lines in (("", entries), ("Note: ", report.notes)):
        for line in lines:
            ET.SubElement(root, "p").text = f"{title}{line}"
    return ET.tostring(root, encoding="unicode", method="html")


def _table(root: ET.Element, table: Sequence[Sequence[str]]) -> None:
    element = ET.SubElement(root, "table", style=_FACE)
    for number, row in enumerate(table):
        line = ET.SubElement(element, "tr")
        for cell in row:
            kind = "th" if number == 0 else "td"
            ET.SubElement(line, kind, style="text-align: left; padding: 0 0.8em").text = cell


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
    strength = _strength(comparison)
    for i in range(rows):
        line = ET.SubElement(element, "tr")
        for j in range(columns):
            colour, letter = _COLOURS[Verdict(int(comparison.verdicts[i, j]))]
            style = f"background: {colour}; width: 1.6em; text-align: center; color: #222"
            if letter == "✗":
                style += f"; opacity: {strength[i, j]:.2f}"
            cell = ET.SubElement(line, "td", style=style, title=_words(comparison, i, j))
            cell.text = letter


def _strength(comparison: Comparison) -> Array:
    """Return how dark a wrong entry is: by the size of its error, in powers of ten."""
    with np.errstate(all="ignore"):
        size = np.abs(comparison.found) + np.abs(comparison.expected)
        relative = np.abs(comparison.found - comparison.expected) / size
        powers = np.log10(np.fmax(relative, 1e-12)) / 12  # -1 for a part in a million million
    return np.asarray(np.clip(1 + 0.6 * np.nan_to_num(powers), 0.4, 1))


def _words(comparison: Comparison, i: int, j: int) -> str:
    label = comparison.label(i, j)
    found, expected = comparison.found[i, j], comparison.expected[i, j]
    return f"{label}: rules {found:.6g}, differences {expected:.6g} ± {comparison.error[i, j]:.0e}"
