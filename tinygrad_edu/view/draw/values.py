"""How arrays are shown in a picture: their shape, and their entries or a summary of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "column_text",
    "number_latex",
    "number_text",
    "one_line",
    "shape_text",
    "short_text",
    "sum_text",
    "value_lines",
]

_MOST_ENTRIES = 6
_MOST_ROWS = 3
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_RAISED = frozenset("⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape: rows × columns, and a single axis as NumPy writes it.

    Examples
    --------
    >>> shape_text((150, 3)), shape_text((3,)), shape_text(())
    ('150 × 3', '(3,)', '')
    """
    return " × ".join(map(str, shape)) if len(shape) > 1 else f"({shape[0]},)" if shape else ""


def number_text(value: float, digits: int = 3) -> str:
    """Write a number to three significant digits, or to as many.

    Examples
    --------
    >>> number_text(0.69312), number_text(-2.0), number_text(1.23e-7), number_text(1e300)
    ('0.693', '−2', '1.23·10⁻⁷', '10³⁰⁰')
    """
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if abs(value) < 100_000 and (value == int(value) or abs(value) >= 1000):
        return _minus(f"{value + 0.0:.0f}")  # + 0.0 turns -0.0 into 0.0
    mantissa, found, exponent = f"{value:.{digits}g}".partition("e")
    if not found:
        return _minus(mantissa)
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    return _minus({"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}·{power}"))


def number_latex(text: str) -> str:
    r"""Write a number in LaTeX that `number_text` wrote.

    Examples
    --------
    >>> print(number_latex("−1.23·10⁻⁷"), number_latex("10⁵"))
    -1.23 \cdot 10^{-7} 10^{5}
    """
    digits, _, power = text.rpartition("10") if _RAISED & set(text) else (text, "", "")
    latex = digits.replace("·", r" \cdot ").replace("−", "-").replace("∞", r"\infty")
    raised = power.translate(_LOWERED)
    return latex.replace("NaN", r"\mathrm{NaN}") + (f"10^{{{raised}}}" if raised else "")


def short_text(value: float) -> str:
    """Write a number to two decimals, as it stands at a bar; a tiny one to its first digit.

    Examples
    --------
    >>> short_text(0.1077), short_text(-0.8923), short_text(1.0), short_text(0.0004)
    ('0.11', '−0.89', '1', '0.0004')
    """
    if abs(value) < 0.005:
        return number_text(float(f"{value:.1g}"))
    is_plain = not abs(value) < 100 or value == int(value)
    return number_text(value) if is_plain else _minus(f"{value:.2f}")


def _minus(digits: str) -> str:
    return digits.replace("-", "−")


def _is_small(array: Any) -> bool:
    rows = array.size // array.shape[-1] if array.ndim and array.shape[-1] else 1
    return 0 < array.size <= _MOST_ENTRIES and rows <= _MOST_ROWS


def _decimals(values: Iterable[Any]) -> int | None:
    """Return with how many decimals numbers stand side by side; None where each has its own."""
    finite = [v for v in map(float, values) if math.isfinite(v)]
    largest = max(map(abs, finite), default=0.0)
    if all(v == int(v) for v in finite) or not 0.001 <= largest < 1000:
        return None
    decimals = 2 - math.floor(math.log10(largest))
    lost = any(v and abs(v) < 0.5 * 10**-decimals for v in finite)
    return None if lost else decimals


def value_lines(value: Any, beside: Sequence[Any] = ()) -> tuple[str, ...]:
    """Write a small array entry by entry, a row a line, and a large one in summary.

    Parameters
    ----------
    value : array_like
        What is written.
    beside : sequence of array_like, optional
        What it is compared with: all are written with the same number of decimals.

    Examples
    --------
    >>> import numpy as np
    >>> value_lines(np.array([1.47, -0.39, 0.22]))
    ('1.47  −0.39  0.22',)
    >>> value_lines(np.arange(24.0).reshape(6, 4))
    ('mean 11.5, 0 to 23',)
    """
    array = np.asarray(value)
    if array.size == 0:
        return ("empty",)
    if not _is_small(array):
        return (_summary(array),)
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    if array.dtype.kind == "b":
        return tuple("  ".join(map(str, row)) for row in rows.tolist())
    compared = [value for each in (array, *beside) for value in np.asarray(each).flat]
    # Beside what it adds to, a difference in the last digits is rounding.
    least = 1e-12 * max(map(abs, compared)) if beside else 0
    decimals = _decimals(v for v in compared if abs(v) >= least) if len(compared) > 1 else None
    shown = np.where(np.abs(rows) < least, 0, rows) if least > 0 else rows
    return tuple("  ".join(_entry(float(entry), decimals) for entry in row) for row in shown)


def _entry(value: float, decimals: int | None) -> str:
    if decimals is None or not math.isfinite(value) or value == 0:
        return number_text(value)  # a zero that is one, and not a rounded number, stands alone
    return _minus(f"{value:.{decimals}f}")


def _summary(array: Any) -> str:
    if array.dtype.kind == "b":
        return f"{np.count_nonzero(array)} of {array.size} true"
    nans = int(np.count_nonzero(np.isnan(array)))
    if nans:
        return f"{nans} of {array.size} NaN"
    with np.errstate(all="ignore"):
        low, high, mean = (float(f(array.astype(float))) for f in (np.min, np.max, np.mean))
    if low == high:
        return f"all {number_text(low)}"
    if abs(mean) < 1e-12 * max(abs(low), abs(high)):
        mean = 0.0  # what is left of it is rounding
    span = f"{number_text(low)} to {number_text(high)}"
    # Labels and indices have a range; their mean says nothing.
    return span if array.dtype.kind in "iu" else f"mean {number_text(mean)}, {span}"


def column_text(values: Any, beside: Any = ()) -> list[str]:
    """Write numbers that stand one below the other, with the same number of decimals.

    Parameters
    ----------
    values : array_like
        What is written.
    beside : array_like, optional
        What they are compared with, which has as many decimals.

    Examples
    --------
    >>> column_text([1.0, -0.25, 0.0])
    ['1.00', '−0.25', '0']
    """
    decimals = _decimals([*values, *beside])
    return [_entry(float(value), decimals) for value in values]


def one_line(value: Any, beside: Sequence[Any] = ()) -> str:
    """Write an array in one line, as an edge needs it.

    Examples
    --------
    >>> import numpy as np
    >>> one_line(np.eye(2))
    '1  0;  0  1'
    """
    return ";  ".join(value_lines(value, beside))


def sum_text(parts: Sequence[Any], total: Any) -> str:
    """Write a sum of numbers.

    Examples
    --------
    >>> sum_text([0.693, -0.2], 0.493)
    '0.693 − 0.200 = 0.493'
    """
    every = [*parts, total]
    first, *others = (one_line(part, every) for part in parts)
    signed = (f"− {t[1:]}" if t.startswith("−") else f"+ {t}" for t in others)
    return f"{' '.join([first, *signed])} = {one_line(total, every)}"
