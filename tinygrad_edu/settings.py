"""Settings and names that a caller passes: checked on arrival, refused in one sentence."""

from __future__ import annotations

import math
import numbers
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

__all__ = [
    "close_matches",
    "count",
    "did_you_mean",
    "generator",
    "look_up",
    "matched",
    "number",
    "probability",
    "unlike",
    "warn",
]

Value = TypeVar("Value")

_PACKAGE = f"{__name__.partition('.')[0]}."


def number(
    what: str, value: Any, low: float = 0.0, high: float = math.inf, *, positive: bool = False
) -> float:
    """Return a setting as a number with low ≤ number < high, or low < number if `positive`."""
    if isinstance(value, bool) or not _is_number(value):
        kind = type(value).__name__
        raise TypeError(f"{what} is {_an(kind)}, and a number is expected; pass one, such as 0.1")
    given = float(value)
    if not (low < given < high if positive else low <= given < high):
        least = f"{low:g} {'<' if positive else '≤'} "
        most = f" < {high:g}" if math.isfinite(high) else ", a finite number"
        raise ValueError(f"{what} = {given:g} does not make sense; choose {least}value{most}")
    return given


def probability(what: str, value: Any) -> float:
    """Return a setting as a number from 0 to 1, both included."""
    if not _is_number(value):
        kind = type(value).__name__
        raise TypeError(f"{what} is {_an(kind)}, and a probability is expected, such as 0.2")
    given = float(value)
    if not 0 <= given <= 1:
        raise ValueError(f"{what} = {given:g} is no probability; choose 0 ≤ {what.split()[-1]} ≤ 1")
    return given


def generator(who: str, rng: Any) -> np.random.Generator:
    """Return what is drawn from; refuse a seed, from which equal parts would draw the same."""
    if isinstance(rng, np.random.Generator):
        return rng
    raise TypeError(
        f"{who}: rng is {_an(type(rng).__name__)}; make one rng = np.random.default_rng(seed), and "
        "hand it to all that draws: from one seed, equal parts would draw equal numbers"
    )


def count(what: str, value: Any, low: int = 0) -> int:
    """Return a setting as an integer, at least `low`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        kind = type(value).__name__
        raise TypeError(f"{what} is {_an(kind)}, and an integer is expected; pass one, such as 10")
    if value < low:
        raise ValueError(f"{what} = {value} does not make sense; choose at least {low}")
    return int(value)


def matched(
    what: str, state: Mapping[str, Any], expected: Mapping[str, np.ndarray[Any, Any]]
) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of the arrays of a state; raise where names, shapes or kinds differ.

    Raises
    ------
    ValueError
        With everything that is wrong.
    """
    faults = [f"{name} is missing" for name in expected if name not in state]
    faults += [f"{name} is unknown" for name in state if name not in expected]
    found = {}
    for name in expected.keys() & set(state):
        array, here = np.asarray(state[name]), expected[name]
        if array.shape != here.shape:
            faults.append(f"{name} has shape {array.shape} and not {here.shape}")
        elif array.dtype.kind not in ("fiub" if here.dtype.kind == "f" else "iu"):
            faults.append(f"{name} holds {array.dtype} values")
        else:
            found[name] = np.array(array, here.dtype)
    if faults:
        raise ValueError(f"{what}: {', '.join(sorted(faults))}")
    return found


def unlike(what: str, value: Any, mend: str) -> TypeError:
    """Make the error of an argument that is of another kind than is expected."""
    kind = "missing" if value is None else _an(type(value).__name__)
    if isinstance(value, type):
        kind = f"the class {value.__name__}"
    return TypeError(f"{what} is {kind}; {mend}")


def warn(message: str) -> None:
    """Warn at the line that called the package, however deep within it the reason was found."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def close_matches(word: str, known: Iterable[str], most: int, cutoff: float) -> list[str]:
    """Return the nearest of the words that are known."""
    import difflib  # takes time, and most calls go well

    return difflib.get_close_matches(word, list(known), most, cutoff)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the nearest known word, and all of them."""
    there = list(known)
    near = close_matches(word, there, 1, 0.5)
    return _hint(near, there)


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
    TypeError
        If it is no text.

    Examples
    --------
    >>> look_up("kaiming_normal", {"he": 1, "zeros": 2}, "initialiser", {"kaiming": "he"})
    Traceback (most recent call last):
        ...
    ValueError: initialiser: 'kaiming_normal' is unknown; did you mean 'he'? There are: he, zeros
    """
    if isinstance(name, str) and (name in known or name.lower() in known):
        return known[name if name in known else name.lower()]
    if not isinstance(name, str):
        raise TypeError(f"{what}: a {type(name).__name__} is no name; {_hint([], known)}")
    word = name.lower()
    others = {each: each for each in known} | dict(elsewhere or {})
    begun = [each for each in others if each.startswith(word)]
    begun += [each for each in others if word.startswith(each)]
    near = begun or close_matches(word, others, 1, 0.5)
    raise ValueError(f"{what}: {name!r} is unknown; {_hint([others[n] for n in near], known)}")


def _hint(near: Sequence[str], there: Iterable[str]) -> str:
    meant = f"did you mean {near[0]!r}? There are: " if near else "there are: "
    return meant + ", ".join(there)


def _is_number(value: Any) -> bool:
    """Whether it is one number, such as a λ that formulas write as a letter: an array of 0-d."""
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "ndim"):
        return value.ndim == 0 and value.dtype.kind in "fiu"
    return isinstance(value, numbers.Real)


def _an(kind: str) -> str:
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
