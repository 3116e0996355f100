"""Slips to plant: a written formula with one small thing changed, as students do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from tinygrad_edu.symbolic.answers import Form, Letters, read
from tinygrad_edu.symbolic.derive import Derivation

__all__ = ["parts_of", "slips", "span"]

#: What is taken for another, either way.
_MISTAKEN = ("tanh sigmoid", "sin cos", "exp log", "σ tanh", "² ³", "⁻¹ ⁻²")
_OTHER = {a: b for pair in _MISTAKEN for a, b in (pair.split(), reversed(pair.split()))}


def slips(derivation: Derivation, text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of a slip, and a line of a derivation that has it; it may be right by chance.

    Raises
    ------
    ValueError
        If the line cannot be read.
    """
    text = re.sub(r"\\(?:left|right)(?=[()])", "", text)  # each bracket may be cut from its pair
    letters = Letters(derivation)
    every = letters.quantities.items()
    axes = {name: len(quantity.axes) for name, quantity in every if name.isidentifier()}
    for form in parts_of(derivation, text):
        for kind, start, end, new in _changes(form, text, axes):
            if text[start:end] != new:
                yield kind, text[:start] + new + text[end:]
    minus = "-" if text.isascii() else "−"
    yield "sign", f"{minus}({text})"


def parts_of(derivation: Derivation, text: str) -> list[Form]:
    """Return all parts of a line that is the gradient, as it was read."""
    tree = read(text, Letters(derivation))[0].tree
    return [] if tree is None else list(tree.walk())


def span(form: Form) -> tuple[int, int]:
    """Return from where to where a part stands in its text."""
    every = list(form.walk())
    return min(each.at for each in every), max(each.end for each in every)


def _changes(form: Form, text: str, axes: dict[str, int]) -> Iterator[tuple[str, int, int, str]]:
    """Yield the name of each slip at a part, and what takes the place of what."""
    start, end = span(form)
    spans = [span(part) for part in form.parts]
    inside = [text[a:b] for a, b in spans]
    if form.kind == "total":
        for (_, before), (at, after) in pairwise(spans):
            yield "term dropped", before, after, ""
            for place in range(before, at):
                if text[place] in "+−-":
                    minus = "-" if text.isascii() else "−"
                    yield "sign", place, place + 1, minus if text[place] == "+" else "+"
    elif form.kind in {"product", "beside", "scaled"}:
        yield "factor dropped", start, end, inside[0]
        yield "factor dropped", start, end, inside[-1]
    elif form.kind == "quotient":
        yield "denominator dropped", start, end, inside[0]
    elif form.kind == "negative":
        yield "sign", start, end, inside[0]
    elif form.kind == "power":
        yield "power dropped", start, end, inside[0]
    elif form.kind == "transpose":
        yield "transpose dropped", start, end, inside[0]
    elif form.kind == "reduction" and len(inside) == 1:
        yield "sum dropped", start, end, inside[0]
    elif form.kind == "delta":
        yield "δ dropped", start, end, "1"
    elif form.kind == "call" and len(inside) == 1:
        beside = text[max(start - 1, 0) : start] + text[end : end + 1]
        bare = inside[0].isidentifier() and not any(map(str.isalnum, beside))
        yield "function dropped", start, end, inside[0] if bare else f"({inside[0]})"
        name = text[start : spans[0][0]].strip("( ")
        if name in _OTHER:
            yield "another function", start, start + len(name), _OTHER[name]
    elif form.kind == "number":
        other = _OTHER.get(text[start:end], f"{form.detail + 1:g}")
        if text[start:end].isdecimal() or text[start:end] in _OTHER:
            yield "another number", start, end, other
    elif form.kind == "leaf":
        for name in axes if form.detail in axes else ():
            if axes[name] == axes[form.detail]:
                yield "another letter", start, end, name
    elif form.kind == "indexed":
        others = {c for c in "ijkn" if f"_{c}" in text} | {c for c in "ᵢⱼₖₙ" if c in text}
        if end > start and text[end - 1] in others:
            for other in sorted(others - {text[end - 1]}):
                yield "another index", end - 1, end, other
