"""Tables as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

__all__ = ["Text", "columns", "listed", "printed"]

_OF_NUMBERS = frozenset("0123456789.,+-−±·⁻⁰¹²³⁴⁵⁶⁷⁸⁹e% ")


class Text(str):
    r"""Text that a prompt and a notebook show as it is.

    Examples
    --------
    >>> Text("a\nb")
    a
    b
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def printed(thing: object, printer: Any, cycle: bool) -> None:
    """Show a thing as `print` does: ``_repr_pretty_`` of what comes last in a notebook's cell."""
    printer.text(str(thing))


def listed(words: Iterable[str]) -> str:
    """Write words one after the other, with "and" before the last."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def columns(
    header: Sequence[str], rows: Iterable[Sequence[object]], formats: Sequence[str] = ()
) -> Text:
    """Write a table in aligned columns: numbers to the right, words to the left.

    Parameters
    ----------
    header : sequence of str
        One heading for each column.
    rows : iterable of sequence
        Text is written as it is, None as a dash. In a column without a format a float gets four
        significant digits.
    formats : sequence of str, optional
        How to write the numbers of each column, such as ``".1%"``; ``""`` for no choice.

    Returns
    -------
    str
        Lines without trailing spaces.

    Raises
    ------
    ValueError
        If a row, or `formats`, has another length than the header.

    Examples
    --------
    >>> from tinygrad_edu.tables import columns
    >>> print(columns(("method", "steps"), [("Newton", 7), ("gradient descent", 1234)]))
    method            steps
    ----------------  -----
    Newton                7
    gradient descent   1234
    >>> print(columns(("rate", "right"), [(0.1, 0.5), (0.03, 0.975)], ("g", ".1%")))
    rate  right
    ----  -----
     0.1  50.0%
    0.03  97.5%
    """
    formats = formats or [""] * len(header)
    rows = list(rows)
    for row in (formats, *rows):
        if len(row) != len(header):
            raise ValueError(f"columns: a row of {len(row)} under a header of {len(header)}")
    cells = [list(map(_cell, row, formats)) for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [all(_is_number(row[i]) for row in cells) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *cells]
    return Text(
        "\n".join(
            "  ".join(
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(line, widths, right, strict=True)
            ).rstrip()
            for line in lines
        )
    )


def _cell(value: object, form: str) -> str:
    if value is None:
        return "-"
    if hasattr(value, "item"):  # a number of NumPy's
        value = value.item()
    if isinstance(value, float):
        return format(value, form or ".4g")
    return format(value, form) if form and isinstance(value, int) else str(value)


def _is_number(text: str) -> bool:
    if text.lower().lstrip("-−") in {"", "nan", "inf", "∞"}:
        return True
    return text[0].lower() != "e" and _OF_NUMBERS.issuperset(text)
