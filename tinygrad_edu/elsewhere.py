"""What PyTorch, Keras, JAX and scikit-learn call things, and the words that send people on.

One table, ``elsewhere.txt``: by place (the package, its modules, what a user holds, keywords and
calls) each line has names that people try and, after the colon, what to write here instead, in
which ``{name}`` is the name that was tried. A test tries each of them.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tinygrad_edu.settings import close_matches

__all__ = ["guided", "guided_init", "instead", "keyword", "lacks", "misfit", "table"]

Given = ParamSpec("Given")
Result = TypeVar("Result")

#: What to pass for an argument that is missing, where its name does not say it.
_SUCH_AS = {"rng": "np.random.default_rng(0)", "wrt": "z"}


@functools.cache
def table() -> dict[str, dict[str, str]]:
    """Return what to write instead of each name, by place."""
    found: dict[str, dict[str, str]] = {}
    place: dict[str, str] = {}
    for line in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            place = found[line.strip("[]")] = {}
        elif line and not line.startswith("#"):
            names, _, mend = line.partition(": ")
            place |= {name: mend.replace("{name}", name) for name in names.split()}
    return found


def instead(place: str, name: str, known: Iterable[str] = ()) -> str:
    """Say what to write here for a name from elsewhere, or which of those here is near it.

    Returns
    -------
    str
        With a semicolon in front; empty where nobody knows.

    Examples
    --------
    >>> instead("Tensor", "unsqueeze")
    '; write tg.expand_dims(t, axis)'
    >>> instead("tinygrad_edu.nn", "Lineer", ["Linear", "ReLU"])
    "; did you mean 'Linear'?"
    """
    mend = table()[place].get(name)
    if mend is None:
        there = {each.lower(): each for each in known}
        near = close_matches(name.lower(), there, 1, 0.75)
        mend = f"did you mean {there[near[0]]!r}?" if near else ""
    return mend and f"; {mend}"


def lacks(place: str, name: str, known: Iterable[str]) -> AttributeError:
    """Make the error of a module that has no such attribute."""
    hint = "" if name.startswith("__") else instead(place, name, known)
    return AttributeError(f"module {place!r} has no attribute {name!r}{hint}")


def keyword(who: str, name: str, known: Iterable[str]) -> str:
    """Say what to write for a keyword that a function does not have; see `instead`."""
    there, others = list(known), table()["keyword"]
    own = others.get(f"{who}.{name}")
    if own is not None:
        return f"; {own}"
    meant = re.match(r"write (\w+)=", others.get(name, ""))
    return instead("keyword" if meant is None or meant[1] in there else "call", name, there)


def guided(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a call that does not fit the signature end in a sentence that says how it is meant.

    Examples
    --------
    >>> @guided
    ... def draw_numbers(count, *, rng):
    ...     return rng.normal(size=count)
    >>> draw_numbers(3)
    Traceback (most recent call last):
        ...
    TypeError: draw_numbers: rng is missing; write draw_numbers(count, rng=np.random.default_rng(0))
    """

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            complaint = misfit(error, function, args, kwargs)
            if complaint is None:
                raise
        raise complaint

    return call


def guided_init(kind: type[Result]) -> type[Result]:
    """Do so for a class that was given its ``__init__``, as a dataclass is."""
    kind.__init__ = guided(kind.__init__)  # type: ignore[method-assign]  # its own
    return kind


def misfit(
    error: TypeError, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> TypeError | None:
    """Say how a call does not fit; None where the error is from within the function."""
    if error.__traceback__ is None or error.__traceback__.tb_next is not None:
        return None
    who = function.__name__
    parameters = list(inspect.signature(function).parameters.values())
    if parameters[:1] and parameters[0].name == "self":
        who = type(args[0]).__name__ if who == "__init__" else who
        parameters, args = parameters[1:], args[1:]
    by_name = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    by_position = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    needed = [p for p in parameters if p.default is p.empty and p.name in by_name]
    usage = table()["call"].get(who) or f"{who}({', '.join(map(_example, needed))})"
    for name in kwargs:
        if name not in by_name:
            mend = keyword(who, name, by_name) or f"; it takes {', '.join(by_name) or 'nothing'}"
            return TypeError(f"{who}: there is no {name}={mend}")
    if len(args) > len(by_position) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        others = [f"{name}=" for name in by_name if name not in by_position]
        mend = f"give the others by name: {', '.join(others)}" if others else f"write {usage}"
        return TypeError(
            f"{who}: takes {_listed(by_position) or 'nothing'} by position, and not "
            f"{len(args)} values; {mend}"
        )
    there = by_position[: len(args)]
    for name in there:
        if name in kwargs:
            return TypeError(f"{who}: {name} came by position and by name; give it once")
    missing = [p.name for p in needed if p.name not in (*there, *kwargs)]
    verb = "is" if len(missing) == 1 else "are"
    return TypeError(f"{who}: {_listed(missing)} {verb} missing; write {usage}")


def _example(parameter: inspect.Parameter) -> str:
    value = _SUCH_AS.get(parameter.name, "…")
    named = parameter.kind is parameter.KEYWORD_ONLY or parameter.name == "wrt"
    return f"{parameter.name}={value}" if named else parameter.name


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
