"""Names and numbers that a caller hands in: look them up, or say what was probably meant."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Mapping
from typing import Any, TypeVar

__all__ = ["count", "look_up"]

Value = TypeVar("Value")


def look_up(
    name: object, known: Mapping[str, Value], what: str, elsewhere: Mapping[str, str] | None = None
) -> Value:
    """Return what a name stands for.

    Parameters
    ----------
    name
        What the caller asked for.
    known
        What there is.
    what
        What kind of thing it is, for the message.
    elsewhere
        What others call it, and its name here.

    Raises
    ------
    ValueError
        If there is nothing of that name; the message says what was probably meant.

    Examples
    --------
    >>> look_up("kaiming_normal", {"he": 1, "zeros": 2}, "initialiser", {"kaiming": "he"})
    Traceback (most recent call last):
        ...
    ValueError: initialiser: 'kaiming_normal' is unknown; did you mean 'he'? There are: he, zeros
    """
    if isinstance(name, str) and name in known:
        return known[name]
    word = str(name).lower()
    others = {**{each: each for each in known}, **(elsewhere or {})}
    begun = [each for each in others if word.startswith(each)]
    near = begun or difflib.get_close_matches(word, others, 1, 0.5)
    there = ", ".join(known)
    hint = (
        f"did you mean {others[near[0]]!r}? There are: {there}" if near else f"there are: {there}"
    )
    raise ValueError(f"{what}: {name!r} is unknown; {hint}")


def count(value: Any, who: str, what: str) -> int:
    """Return a number of things; refuse what is none, or less than 1.

    Examples
    --------
    >>> count(0, "Linear", "inputs")
    Traceback (most recent call last):
        ...
    ValueError: Linear: inputs is 0; it is their number, at least 1
    """
    try:
        number = operator.index(value)
    except TypeError:
        kind = type(value).__name__
        raise TypeError(f"{who}: {what} is a {kind}; it is their number") from None
    if isinstance(value, bool) or number < 1:
        raise ValueError(f"{who}: {what} is {value!r}; it is their number, at least 1")
    return number
