"""How arrays are shown in a picture: their shape, and their entries or a summary of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["number_text", "one_line", "shape_text", "value_lines"]

_MOST_ENTRIES = 6
_MOST_ROWS = 3
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def shape_text(shape: tuple[int, ...]) -> str:
    """Write a shape: rows × columns, and one axis as NumPy writes it.

    Examples
    --------
    >>> shape_text((150, 3)), shape_text((3,)), shape_text(())
    ('150 × 3', '(3,)', '')
    """
    return " × ".join(map(str, shape)) if len(shape) > 1 else f"({shape[0]},)" if shape else ""


def number_text(value: float) -> str:
    """Write a number to three significant digits.

    Examples
    --------
    >>> number_text(0.69312), number_text(-2.0), number_text(1.23e-7), number_text(1e300)
    ('0.693', '−2', '1.23·10⁻⁷', '10³⁰⁰')
    """
    return _signed(_plain(float(value)))


def _plain(value: float) -> str:
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "-∞"
    if value == int(value) and abs(value) < 100_000:
        return str(int(value))
    digits = f"{value:.3g}"
    if "e" not in digits:
        return digits
    if abs(value) < 100_000 and abs(value) >= 1:
        return f"{value:.0f}"
    mantissa, _, exponent = digits.partition("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    return {"1": power, "-1": f"-{power}"}.get(mantissa, f"{mantissa}·{power}")


def _signed(digits: str) -> str:
    return digits.replace("-", "−")


def _entries(values: Any) -> list[str]:
    """Write the entries of one array with equally many decimals, where none is lost by that."""
    numbers = [float(value) for value in values]
    largest = max(map(abs, numbers), default=0.0)
    fractions = any(value != int(value) for value in numbers if math.isfinite(value))
    if not fractions or not 0.01 <= largest < 1000:
        return [number_text(value) for value in numbers]
    decimals = 2 - math.floor(math.log10(largest)) if largest >= 1 else 3
    if any(value and abs(value) < 0.5 * 10**-decimals for value in numbers):
        return [number_text(value) for value in numbers]
    # A zero that is one, and not a rounded number, is written without decimals.
    return [_signed(f"{value:.{decimals}f}") if value else "0" for value in numbers]


def value_lines(value: Any) -> tuple[str, ...]:
    """Write a small array entry by entry, a row a line, and a large one in summary.

    Examples
    --------
    >>> import numpy as np
    >>> value_lines(np.array([1.47, -0.39, 0.22]))
    ('1.47  −0.39  0.22',)
    >>> value_lines(np.arange(24.0).reshape(6, 4))
    ('mean 11.5', '0 to 23')
    """
    array = np.asarray(value)
    rows = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    if array.size == 0:
        return ("empty",)
    if array.size > _MOST_ENTRIES or len(rows) > _MOST_ROWS:
        return _summary(array)
    if array.dtype.kind == "b":
        return tuple("  ".join(map(str, row)) for row in rows.tolist())
    texts = _entries(rows.flat)
    width = rows.shape[1]
    return tuple("  ".join(texts[i : i + width]) for i in range(0, len(texts), width))


def _summary(array: Any) -> tuple[str, ...]:
    if array.dtype.kind == "b":
        return (f"{np.count_nonzero(array)} of {array.size} true",)
    with np.errstate(all="ignore"):
        low, high, mean = (float(f(array.astype(float))) for f in (np.min, np.max, np.mean))
    if math.isnan(mean) and (nans := np.count_nonzero(np.isnan(array))):
        return (f"{nans} of {array.size} NaN",)
    if low == high:
        return (f"all {number_text(low)}",)
    span = f"{number_text(low)} to {number_text(high)}"
    if array.dtype.kind in "iu":  # labels and indices have a range; their mean says nothing
        return (span,)
    return f"mean {number_text(mean)}", span


def one_line(value: Any) -> str:
    """Write an array in one line, as an edge needs it.

    Examples
    --------
    >>> import numpy as np
    >>> one_line(np.eye(2))
    '1  0;  0  1'
    """
    lines = value_lines(value)
    is_summary = np.size(value) > 1 and len(lines) == 2 and lines[0].startswith("mean")
    return (", " if is_summary else ";  ").join(lines)
