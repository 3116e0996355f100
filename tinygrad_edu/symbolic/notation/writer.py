"""Forms become text by templates: one for each kind, with how tightly it binds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tinygrad_edu.symbolic.notation.form import Form

__all__ = ["Code", "Writer", "places_of"]


class Code(NamedTuple):
    """What a form is written as, how tightly that binds, and the brackets of its language.

    Where it ends in a sum that would reach over what follows, it is `closed` otherwise; it may
    also end in what has no brackets, as log x.
    """

    text: str
    binds: int = 99
    brackets: str = "({})"
    closed: str = ""
    ends_bare: bool = False

    def __format__(self, outside: str) -> str:
        """Write the text, in brackets where it binds less than the template asks for."""
        bare = self.binds >= int(outside or 0)
        return self.text if bare else self.brackets.format(self.text)


class Writer:
    """Write forms, in the words of a language.

    `words` has, for a kind of form, a template and how tightly it binds. It is filled with the
    parts, each with how tightly it must bind, two by two, or with all of them as `args`. A kind
    that no template can say has a method instead.
    """

    def __init__(self, words: Mapping[str, tuple[str, int]], brackets: str = "({})") -> None:
        self.words, self.brackets = words, brackets

    def code(self, form: Form) -> Code:
        """Write a form."""
        write = getattr(self, "_" + form.kind.replace(" ", "_"), None)
        if write is None:
            return self.write(form.kind, *map(self.code, form.parts))
        found: Code = write(form)
        return found

    def write(self, kind: str, *parts: Code, **details: Any) -> Code:
        """Write a form of its parts."""
        template, binds = self.words[kind]
        if "{1" in template and len(parts) > 2:
            parts = (self.write(kind, *parts[:-1]), parts[-1])
        args = ", ".join(part.text for part in parts)
        return self.said(template.format(*parts, args=args, **details), binds)

    def said(self, text: str, binds: int) -> Code:
        """Return a text with the brackets of the language."""
        return Code(text, binds, self.brackets)


def places_of(index: Iterable[Any], arrays: Iterable[str], dots: str) -> str:
    """Write what stands in Python's brackets; an index that is an array is one of those given."""
    remaining = iter(arrays)
    places = []
    for part in index:
        if isinstance(part, tuple):
            start, stop, step = ("" if n is None else str(n) for n in part[1:])
            places.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        elif part == "array":
            places.append(next(remaining))
        else:
            places.append(dots if part is Ellipsis else str(part))
    return ", ".join(places)
