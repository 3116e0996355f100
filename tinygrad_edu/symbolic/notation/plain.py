"""LaTeX that is not read as a formula: as plain text, and which letters it has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile

from tinygrad_edu.symbolic.notation.functions import FUNCTIONS
from tinygrad_edu.symbolic.notation.names import subscript, superscript
from tinygrad_edu.symbolic.notation.tokens import Token, tokens

__all__ = ["indices_of", "plain_text"]

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
    >>> plain_text(r"y_k\log\cosh r - \frac{6 \, {A}^\top v}{N} + \lVert v\rVert")
    'yₖ log cosh r − (6 Aᵀ v)/N + ‖v‖'
    """
    latex = re.sub(r"(\\[dt]?frac)\s*(\d)\s*(\w)", r"\1{\2}{\3}", latex)  # TeX takes a digit each
    latex = re.sub(r"(?<=[\w})])(?=\\(?!left|right|big)[a-z]{3})", " ", latex)  # y_k\log\cosh x
    cut = iter(tokens(latex, (), lambda _: False))
    text = " ".join("".join(_said(token, cut) for token in cut).split())
    text = re.sub(r"‖ ?([^‖]*[^‖ ]) ?‖", r"‖\1‖", text)
    return re.sub(r"(?<=∂) | (?=[)\],.])", "", text).replace("-", "−")


def _said(token: Token, rest: Iterator[Token]) -> str:
    """Write a token, and what of the rest belongs to it."""
    if token.text == "{":
        return (" " if token.gap else "") + _inside(rest)
    gap = " " if token.gap else ""
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
    """Write the next token, or what its braces hold."""
    first = next(rest, None)
    if first is None or first.text != "{":
        return _said(first, rest).strip() if first else ""
    return _inside(rest)


def _inside(rest: Iterator[Token]) -> str:
    """Write all up to the brace that closes the one just read."""
    said = (_said(token, rest) for token in takewhile(lambda token: token.text != "}", rest))
    return "".join(said).strip()


def _enclosed(text: str) -> str:
    text = text.replace("∂ ", "∂")
    return text if not set(text) & set(" +−·/=") else f"({text})"


def indices_of(latex: str) -> Iterator[tuple[str, list[str]]]:
    r"""Yield every name of a formula with its indices, and of every Σ the index and its bound.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.notation.plain import indices_of
    >>> list(indices_of(r"-\sum_{k=1}^K y_k \log a_k"))
    [('Σ', ['k', 'K']), ('y', ['k']), ('a', ['k'])]
    """
    rest = tokens(latex, (), lambda _: False)
    at = 0
    while at < len(rest):
        token, at = rest[at], at + 1
        if token.text in {"Σ", "Π"}:
            lower, at = _script(rest, at, "_")
            upper, at = _script(rest, at, "^")
            yield "Σ", [*lower[:1], *upper[:1]]
        elif token.text == "^":
            inside, end = _script(rest, at - 1, "^")
            at = end if [*inside] in (["T"], ["ᵀ"]) else at
        elif token.kind == "word" and token.text not in FUNCTIONS:
            names = re.findall(r"[^\W\d_][\u0300-\u036f]*", token.text)
            names = [token.text] if token.shown.startswith("\\") else names
            indices, at = _script(rest, at, "_")
            powered = rest[at].text == "^"
            yield from ((each, []) for each in names[:-1])
            if (
                names
                and not (names[-1] == "e" and powered)
                and not (names[-1] in "δπ∞" and indices)
            ):
                yield names[-1], indices


def _script(rest: list[Token], at: int, sign: str) -> tuple[list[str], int]:
    """Return the letters below or above the line from a place on, and where they end."""
    if rest[at].text != sign:
        return [], at
    last = len(rest) - 1  # where the text ends, perhaps within a brace
    end = min(at + 2, last)
    if rest[at + 1].text == "{":
        end = next((n + 1 for n in range(at, last) if rest[n].text == "}"), last)
    words = (token.text for token in rest[at + 1 : end] if token.kind == "word")
    return [letter for word in words for letter in word], end
