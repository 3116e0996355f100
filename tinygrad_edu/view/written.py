"""Formulas as they stand in a story: as text and LaTeX, in two notations, with numbers put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.derivation import Formula, residual
from tinygrad_edu.symbolic.evaluate import ROUNDING, Environment, magnitudes
from tinygrad_edu.symbolic.expr import Leaf, Quantity, distinct
from tinygrad_edu.view.values import number_text, value_lines

__all__ = [
    "Maths",
    "Written",
    "bracketed",
    "check_text",
    "distance",
    "join",
    "listed",
    "numbers_of",
    "plugged",
    "written",
]

_LONGEST = 300  # parts of a formula; a longer one is described
_MOST_PARTS = 40  # of a formula that numbers are put into
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


def _maths(formula: Formula, indices: bool = False) -> Maths:
    if formula.expr.size > _LONGEST:
        return Maths(f"… (a formula of {formula.expr.size} parts)")
    return Maths(formula.text(indices), formula.latex(indices))


def written(formula: Formula) -> Written:
    """Write a formula in both notations."""
    return Written(_maths(formula), _maths(formula, True))


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
    return (
        Maths(part, {"−": "-", "∝": r"\propto"}.get(part, part)) if isinstance(part, str) else part
    )


def numbers_of(value: Any, inside: bool = False) -> Maths | None:
    """Write an array as a formula, a row vector as it is printed; None for one too large.

    `inside` a formula a negative number stands in parentheses.

    Examples
    --------
    >>> numbers_of(np.array([1.47, -0.39])).text
    '(1.47, −0.39)'
    """
    array = np.asarray(value)
    if array.size == 0 or array.size > _MOST_NUMBERS or array.ndim > 2:
        return None
    rows = [line.split("  ") for line in _rows(array)]
    if array.ndim == 0:
        entry = rows[0][0]
        bare = not inside or not entry.startswith("−")
        return Maths(entry if bare else f"({entry})", _tex(entry) if bare else f"({_tex(entry)})")
    if array.ndim == 1:
        latex = r",\; ".join(map(_tex, rows[0]))
        return Maths(f"({', '.join(rows[0])})", rf"\left({latex}\right)")
    body = r" \\ ".join(" & ".join(map(_tex, row)) for row in rows)
    text = "; ".join(", ".join(row) for row in rows)
    return Maths(f"[{text}]", rf"\begin{{pmatrix}} {body} \end{{pmatrix}}")


def _rows(array: Any) -> list[str]:
    """Write the rows of a small array with the same number of decimals."""
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    if array.size <= 6 and len(rows) <= 3:
        return list(value_lines(array))
    return ["  ".join(number_text(float(entry)) for entry in row) for row in rows]


def _tex(entry: str) -> str:
    digits, _, power = entry.partition("·10")
    raised = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    digits = digits.replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
    if raised:
        digits = rf"{digits} \cdot 10^{{{raised}}}"
    return f"{{{digits}}}" if digits.startswith("-") else digits  # a sign, and no difference


def plugged(formula: Formula) -> tuple[Maths, ...]:
    """Write a formula with numbers for its letters, and then what they come to."""
    value = numbers_of(formula.evaluate())
    result = () if value is None else (Maths(f"= {value.text}", f"= {value.latex}"),)
    if formula.expr.size > _MOST_PARTS:
        return result
    environment = Environment()
    text: dict[Quantity, str] = {}
    latex: dict[Quantity, str] = {}
    for each in distinct(formula.expr):
        if isinstance(each, Leaf):
            numbers = numbers_of(environment.value(each)[0], inside=True)
            if numbers is not None:
                text[each.quantity], latex[each.quantity] = numbers.text, numbers.latex
    if not text:
        return result
    axes = formula.axes
    filled = Maths(
        notation.text(formula.expr, axes=axes, instead=text),
        notation.latex(formula.expr, axes=axes, instead=latex),
    )
    return (filled,) if value == filled else (filled, *result)


def distance(formula: Formula, value: Any) -> float:
    """Return how far a formula is from what was computed, relative to the size of its terms."""
    value = np.asarray(value, dtype=np.float64)
    with np.errstate(all="ignore"):
        found = formula.evaluate().reshape(value.shape)
        apart = residual(found, value)
        if apart > ROUNDING:  # perhaps large terms cancel: what is left of them is rounding
            apart = residual(found, value, magnitudes(formula.expr, Environment()))
    return apart


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
    """Put formulas beside each other, with commas between them."""
    sides = []
    for index in (False, True):
        maths = [_side(row, index) for row in rows]
        latex = r" ,\quad ".join(m.latex for m in maths) if all(m.latex for m in maths) else ""
        sides.append(Maths(",  ".join(m.text for m in maths), latex))
    return Written(*sides)
