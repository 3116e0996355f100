"""Dotted names of what a module is made of, and the short ones that formulas use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["CONTAINERS", "inside", "join", "suffixes_of"]

CONTAINERS: frozenset[Any] = frozenset({list, tuple, dict})


def join(place: str, name: str) -> str:
    """Return the dotted name of what is called `name` at a place."""
    return f"{place}.{name}" if place else name


def inside(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a value, or what its lists and dicts hold, under dotted names."""
    if value.__class__ in (list, tuple):
        for number, each in enumerate(value):
            yield from inside(f"{name}.{number}", each)
    elif value.__class__ is dict:
        for key, each in value.items():
            yield from inside(f"{name}.{key}", each)
    else:
        yield name, value


def suffixes_of(places: list[str]) -> dict[str, str]:
    """Return what tells the parameters of several layers apart, as short as it can be.

    Examples
    --------
    >>> suffixes_of(["0", "2"])
    {'0': '1', '2': '2'}
    >>> suffixes_of(["net.hidden", "net.out"])
    {'net.hidden': '_hidden', 'net.out': '_out'}
    """
    words = {place: [w for w in place.split(".") if w and not w.isdigit()] for place in places}
    while all(words.values()) and len({each[0] for each in words.values()}) == 1:
        words = {place: each[1:] for place, each in words.items()}  # all are within one part
    joined = {place: "".join(f"_{word}" for word in each) for place, each in words.items()}
    alike: dict[str, list[str]] = {}
    for place, suffix in joined.items():
        alike.setdefault(suffix, []).append(place)
    return {
        place: suffix + (str(alike[suffix].index(place) + 1) if len(alike[suffix]) > 1 else "")
        for place, suffix in joined.items()
    }
