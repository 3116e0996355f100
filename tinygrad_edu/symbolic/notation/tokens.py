"""The words of a claim: a text is cut into numbers, names, signs and what stands above or below."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

__all__ = ["LOWERED", "SAME", "SUBSCRIPTS", "SUPERSCRIPTS", "Token", "tokens"]

SUBSCRIPTS = str.maketrans("ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉", "aehijklmnoprstuvx0123456789")
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟⁿ", "0123456789-/n")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟⁿ"
LOWERED = "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉"

#: Ways to write one sign.
SAME = {
    "−": "-",
    "–": "-",
    "*": "·",
    "×": "·",
    "⋅": "·",
    "⊙": "·",
    "∘": "·",
    "∗": "·",
    "÷": "/",
    "**": "^",
    "<=": "≤",
    ">=": "≥",
    "==": "=",
    "!=": "≠",
    "′": "'",
}
_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_INSIDE = rf"(?![{_RAISED}ᵀ])[\w\u0300-\u036f{LOWERED}]"
_WORD = re.compile(rf"(?!\d)(?:{_INSIDE})+['′]*")
_SIGN = re.compile(r"\*\*|<=|>=|==|!=|\.T\b|\S")


@dataclass(frozen=True)
class Token:
    """A "number", "word", "sign", what is "raised" or "lowered", or the "end", and where it is.

    `gap` says that there is space before it.
    """

    kind: str
    text: str
    at: int
    gap: bool = False


def tokens(text: str, known: Collection[str]) -> list[Token]:
    """Cut a text into tokens; what is known is one name, whatever it is made of."""
    names = sorted(known, key=len, reverse=True)
    found = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        kind, cut = _next(text, at, names)
        found.append(Token(kind, cut, at, at > 0 and text[at - 1].isspace()))
        at += len(cut)
    return [*found, Token("end", "", len(text))]


def _next(text: str, at: int, names: list[str]) -> tuple[str, str]:
    for name in names:
        end = at + len(name)
        if text.startswith(name, at) and not (
            _continues(name[-1]) and end < len(text) and _continues(text[end])
        ):
            return "word", name
    if match := _NUMBER.match(text, at):
        return "number", match[0]
    if text[at] in "ΣΠ√ᵀ_":
        return "sign", text[at]
    for kind, letters in (("raised", _RAISED), ("lowered", LOWERED)):
        end = at
        while end < len(text) and text[end] in letters:
            end += 1
        if end > at:
            return kind, text[at:end]
    if match := _WORD.match(text, at):
        return "word", match[0]
    match = _SIGN.match(text, at)
    assert match is not None
    return "sign", match[0]


def _continues(letter: str) -> bool:
    """Whether a letter continues a name, so that the name y does not begin in yy or y′."""
    inside = letter.isalnum() or letter in "_'′" or bool(unicodedata.combining(letter))
    return inside and letter not in f"{_RAISED}ᵀ"
