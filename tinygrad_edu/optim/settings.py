"""Settings that a caller passes: checked on arrival, refused in one sentence."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

__all__ = ["count", "did_you_mean", "number"]


def number(
    what: str, value: Any, low: float = 0.0, high: float = math.inf, *, positive: bool = False
) -> float:
    """Return a setting as a number with low ≤ number < high, or low < number if `positive`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        kind = type(value).__name__
        raise TypeError(f"{what} is {_an(kind)}, and a number is expected; pass one, such as 0.1")
    given = float(value)
    if not (low < given < high if positive else low <= given < high):
        least = f"{low:g} {'<' if positive else '≤'} "
        most = f" < {high:g}" if math.isfinite(high) else ", a finite number"
        raise ValueError(f"{what} = {given:g} does not make sense; choose {least}value{most}")
    return given


def count(what: str, value: Any, low: int = 0) -> int:
    """Return a setting as an integer, at least `low`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        kind = type(value).__name__
        raise TypeError(f"{what} is {_an(kind)}, and an integer is expected; pass one, such as 10")
    if value < low:
        raise ValueError(f"{what} = {value} does not make sense; choose at least {low}")
    return int(value)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the nearest known word, and all of them."""
    there = list(known)
    near = difflib.get_close_matches(word, there, 1, 0.5)
    meant = f"did you mean {near[0]!r}? There are: " if near else "there are: "
    return meant + ", ".join(there)


def _an(kind: str) -> str:
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
