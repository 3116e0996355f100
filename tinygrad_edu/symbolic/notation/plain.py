"""LaTeX as plain text, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tinygrad_edu.symbolic.notation.names import subscript, superscript
from tinygrad_edu.symbolic.notation.tokens import Token, tokens

__all__ = ["plain_text"]

_MATRIX = {"begin matrix": "[", "end matrix": "]", "&": "", "\\\\": ";", "{": "", "}": ""}
_SCRIPTS = {"_": (subscript, "aehijklmnoprstuvx0123456789"), "^": (superscript, "0123456789n−")}


def plain_text(latex: str) -> str:
    r"""Write LaTeX as a terminal can show it; what is no formula is written as well as it goes.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.notation.plain import plain_text
    >>> plain_text(r"\frac{\partial L}{\partial z_j} = \sum_k y_k(a_j - \delta_{kj})")
    '∂L/∂zⱼ = Σₖ yₖ(aⱼ − δₖⱼ)'
    >>> plain_text(r"\tfrac12\sum_k z_k^2")
    '1/2 Σₖ zₖ²'
    """
    latex = re.sub(r"(\\[dt]?frac)\s*(\d)\s*(\w)", r"\1{\2}{\3}", latex)  # TeX takes a digit each
    cut = iter(tokens(latex, (), lambda _: False))
    text = " ".join("".join(_said(token, cut) for token in cut).split())
    return re.sub(r"(?<=∂) | (?=[)\],.])", "", text).replace("-", "−")


def _said(token: Token, rest: Iterator[Token]) -> str:
    """Write a token, and what of the rest belongs to it."""
    gap = " " if token.gap and not token.text.startswith("{") else ""
    if token.text == "\\frac":
        above, below = _group(rest), _group(rest)
        return f"{gap}{_enclosed(above)}/{_enclosed(below)} "
    if token.text == "√":
        return f"{gap}√{_enclosed(_group(rest))}"
    if token.kind == "sign" and token.text in _SCRIPTS:
        write, there = _SCRIPTS[token.text]
        inside = _group(rest)
        if inside == "ᵀ":
            return inside
        small = inside and set(inside) <= set(there)
        return write(inside) if small else f"{token.text}{_enclosed(inside)}"
    return gap + _MATRIX.get(token.text, token.text)


def _group(rest: Iterator[Token]) -> str:
    """Write the next token, or all up to the brace that closes it."""
    first = next(rest, None)
    if first is None or first.text != "{":
        return _said(first, rest).strip() if first else ""
    said = ""
    for token in rest:
        if token.text == "}":
            break
        said += _said(token, rest)
    return said.strip()


def _enclosed(text: str) -> str:
    text = text.replace("∂ ", "∂")
    return text if not set(text) & set(" +−·/=") else f"({text})"
