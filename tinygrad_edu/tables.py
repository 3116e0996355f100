"""Tables as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["columns"]

_OF_NUMBERS = frozenset("0123456789.,+-−·⁻⁰¹²³⁴⁵⁶⁷⁸⁹e% ")


def columns(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Write a table in aligned columns: numbers to the right, words to the left.

    Parameters
    ----------
    header : sequence of str
        One heading for each column.
    rows : iterable of sequence
        Floats are written with four significant digits; to choose others, pass text.

    Returns
    -------
    str
        Lines without trailing spaces.

    Raises
    ------
    ValueError
        If a row has another length than the header.

    Examples
    --------
    >>> from tinygrad_edu.tables import columns
    >>> print(columns(("method", "steps"), [("Newton", 7), ("gradient descent", 1234)]))
    method            steps
    ----------------  -----
    Newton                7
    gradient descent   1234
    """
    cells = [[_cell(value) for value in row] for row in rows]
    for row in cells:
        if len(row) != len(header):
            raise ValueError(f"columns: a row of {len(row)} under a header of {len(header)}")
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [all(_is_number(row[i]) for row in cells) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *cells]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    if hasattr(value, "item"):  # a number of NumPy's
        value = value.item()
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_number(text: str) -> bool:
    if text.lower().lstrip("-−") in {"", "nan", "inf", "∞"}:
        return True
    return text[0].lower() != "e" and _OF_NUMBERS.issuperset(text)
