"""Formulas as they stand in a story: as text and LaTeX, in two notations, with numbers put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic.derive import Formula
from tinygrad_edu.view.draw.values import number_latex, number_text, value_lines
from tinygrad_edu.view.page.mathml import formula_width

__all__ = [
    "Maths",
    "Prose",
    "Written",
    "bracketed",
    "check_text",
    "join",
    "listed",
    "maths",
    "numbers_of",
    "plugged",
    "prose",
    "summed",
    "written",
]

_LONGEST = 120  # parts of a formula; a longer one is described
_MOST_PARTS = 40  # of a formula that numbers are put into
_WIDE = 24.0  # ems; a formula that is wider has its vectors upright
_WIDE_LIST = 17.0  # ems; of formulas side by side
_MOST_NUMBERS = 12  # entries of an array whose numbers stand in a formula


@dataclass(frozen=True, slots=True)
class Maths:
    """A formula as readable text and as LaTeX ("" where there is none)."""

    text: str
    latex: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A formula in vector notation and in index notation."""

    vector: Maths
    index: Maths


@dataclass(frozen=True, slots=True)
class Prose:
    """Words with formulas in them."""

    parts: tuple[str | Written, ...] = ()

    @property
    def text(self) -> str:
        """The words, with the formulas as readable text."""
        return "".join(p if isinstance(p, str) else p.vector.text for p in self.parts)


def prose(template: str, *formulas: Maths | Written) -> Prose:
    """Put formulas into words, each in the place of a ``{}``.

    Examples
    --------
    >>> prose("Compute {}.", Maths("a")).text
    'Compute a.'
    """
    words = template.split("{}")
    parts: list[str | Written] = [words[0]]
    for formula, rest in zip(formulas, words[1:], strict=True):
        parts += [formula if isinstance(formula, Written) else Written(formula, formula), rest]
    return Prose(tuple(part for part in parts if part))


def maths(formula: Formula, indices: bool = False) -> Maths:
    """Write a formula, or how long it is."""
    if formula.size > _LONGEST:
        return Maths(f"… (a formula of {formula.size} parts)")
    return Maths(formula.text(indices), formula.latex(indices))


def written(formula: Formula) -> Written:
    """Write a formula in both notations."""
    return Written(maths(formula), maths(formula, True))


def join(*parts: Written | Maths | str) -> Written:
    """Put formulas and signs into one row."""
    both = []
    for index in (False, True):
        maths = [_side(part, index) for part in parts]
        latex = " ".join(m.latex for m in maths) if all(m.latex for m in maths) else ""
        both.append(Maths(" ".join(m.text for m in maths), latex))
    return Written(*both)


def _side(part: Written | Maths | str, index: bool) -> Maths:
    if isinstance(part, Written):
        return part.index if index else part.vector
    return Maths(part, {"−": "-", "·": r"\cdot"}.get(part, part)) if isinstance(part, str) else part


def numbers_of(
    value: Any, inside: bool = False, *, upright: bool = False, beside: Sequence[Any] = ()
) -> Maths | None:
    """Write an array as a formula; None for one too large.

    `inside` a formula a negative number stands in parentheses. A vector is a row, as it is
    printed, or a column if `upright`. What it adds to stands `beside` it, with as many decimals.

    Examples
    --------
    >>> numbers_of(np.array([1.47, -0.39])).text
    '(1.47, −0.39)'
    """
    array = np.asarray(value)
    if array.size == 0 or array.size > _MOST_NUMBERS or array.ndim > 2:
        return None
    rows = [line.split("  ") for line in _rows(array, beside)]
    if array.ndim == 0:
        entry = rows[0][0]
        bare = not inside or not entry.startswith("−")
        return Maths(entry if bare else f"({entry})", _tex(entry) if bare else f"({_tex(entry)})")
    if array.ndim == 1:
        entries = list(map(_tex, rows[0]))
        latex = rf"\left({', '.join(entries)}\right)"
        if upright:
            latex = _stacked("pmatrix", entries)
        return Maths(f"({', '.join(rows[0])})", latex)
    text = "; ".join(", ".join(row) for row in rows)
    return Maths(f"[{text}]", _stacked("pmatrix", [" & ".join(map(_tex, row)) for row in rows]))


def _stacked(kind: str, rows: Iterable[str]) -> str:
    # The braces keep its parentheses from growing with what stands beside it.
    return rf"{{\begin{{{kind}}} " + r" \\ ".join(rows) + rf" \end{{{kind}}}}}"


def _rows(array: Any, beside: Sequence[Any]) -> list[str]:
    """Write the rows of a small array with the same number of decimals."""
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    if array.size <= 6 and len(rows) <= 3:
        return list(value_lines(array, beside))
    return ["  ".join(number_text(float(entry)) for entry in row) for row in rows]


def _tex(entry: str) -> str:
    latex = number_latex(entry)
    return f"{{{latex}}}" if latex.startswith("-") else latex  # a sign, and no difference


def plugged(formula: Formula) -> tuple[Maths, ...]:
    """Write a formula with numbers for its letters, and then what they come to.

    Its vectors are columns where rows would make it too wide.
    """
    value = numbers_of(formula.evaluate())
    result = () if value is None else (Maths(f"= {value.text}", f"= {value.latex}"),)
    if formula.size > _MOST_PARTS:
        return result
    filled = _filled(formula)
    if filled is None:
        return result
    if formula_width(filled.latex) > _WIDE:
        filled = _filled(formula, upright=True) or filled
    return (filled,) if value == filled else (filled, *result)


def _filled(formula: Formula, upright: bool = False) -> Maths | None:
    """Put numbers into a formula; None where all of its arrays are too large."""

    def write(array: Any) -> tuple[str, str] | None:
        numbers = numbers_of(array, inside=True, upright=upright)
        return None if numbers is None else (numbers.text, numbers.latex)

    filled = formula.filled(write)
    if filled is None:
        return None
    text, latex = filled
    return Maths(text, latex.replace(r" \, ", r" \cdot "))  # numbers do not stand side by side


def summed(parts: Sequence[Any], total: Any) -> tuple[Maths, ...]:
    """Write arrays of one shape and their sum in numbers; nothing where they are too large."""
    every = [*parts, total]
    whole = numbers_of(total, beside=every)
    if whole is None:
        return ()
    for upright in (False, True):
        found = [numbers_of(value, True, upright=upright, beside=every) for value in parts]
        terms = [numbers for numbers in found if numbers is not None]
        row = Maths(" + ".join(t.text for t in terms), " + ".join(t.latex for t in terms))
        if formula_width(row.latex) <= _WIDE:
            break
    return row, Maths(f"= {whole.text}", f"= {whole.latex}")


def check_text(value: float) -> str:
    """Say how far two sides are apart, as a power of ten that is the same on every machine."""
    if np.isnan(value):
        return "not finite on these numbers"
    if value <= 1e-14:
        return "≤ 10⁻¹⁴"
    return f"≤ {number_text(10.0 ** int(np.ceil(np.log10(value))))}"


def bracketed(term: Written) -> Written:
    """Put a term in parentheses where it begins with a minus."""
    if not term.vector.text.startswith("−"):
        return term
    both = [
        Maths(f"({m.text})", rf"\left({m.latex}\right)" if m.latex else "")
        for m in (term.vector, term.index)
    ]
    return Written(*both)


def listed(rows: Sequence[Written]) -> Written:
    """Put formulas beside each other, with commas between them, or below where they are wide."""
    sides = []
    for index in (False, True):
        maths = [_side(row, index) for row in rows]
        latex = r" ,\quad ".join(m.latex for m in maths) if all(m.latex for m in maths) else ""
        if formula_width(latex) > _WIDE_LIST:
            latex = _stacked("matrix", [m.latex for m in maths])
        sides.append(Maths(",  ".join(m.text for m in maths), latex))
    return Written(*sides)
