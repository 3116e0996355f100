"""How a user's names are written: in LaTeX, and with small letters above and below."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache

__all__ = [
    "ACCENTS",
    "LOWERED",
    "RAISED",
    "UNLOWERED",
    "UNRAISED",
    "escape_latex",
    "name_latex",
    "subscript",
    "superscript",
    "words_of",
]

#: Small letters below and above the line, and what each of them is written for.
LOWERED, _LOW = "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉₊₋", "aehijklmnoprstuvx0123456789+-"
RAISED, _HIGH = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟⁿ", "0123456789-/n"
UNLOWERED, UNRAISED = str.maketrans(LOWERED, _LOW), str.maketrans(RAISED, _HIGH)
_SUBSCRIPTS = str.maketrans(_LOW.replace("-", "−"), LOWERED)
_SUPERSCRIPTS = str.maketrans(_HIGH, RAISED)
_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
_GREEK_WORDS = """
alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
"""
_GREEK = dict(zip(_GREEK_LETTERS, _GREEK_WORDS.split(), strict=True))
_GREEK |= {"ϵ": "epsilon", "ϕ": "phi", "ϑ": "vartheta", "ϱ": "varrho", "ℓ": "ell"}
ACCENTS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde", "\u0307": "dot"}
ACCENTS |= {"\u0308": "ddot", "\u20d7": "vec"}
_LETTER = rf"([A-Za-zα-ωΑ-Ωϵϕϑϱℓ][{''.join(ACCENTS)}]?)"


def subscript(letters: str) -> str:
    """Write letters below the line, or behind an underscore where one of them has no small form."""
    small = letters.translate(_SUBSCRIPTS)
    return small if not re.search(r"[A-Za-z]", small) else f"_{letters}"


def superscript(letters: str) -> str:
    """Write a number above the line."""
    return letters.translate(_SUPERSCRIPTS)


@cache
def words_of(template: str) -> frozenset[str]:
    """Return the words and letters that an operation is written with, of Greek ones both."""
    bare = re.sub(r"\{\w+\}", " ", template.replace("{{", " ").replace("}}", " "))
    words = {word.strip("_") for word in re.findall(r"[^\W\d]\w*", bare)}
    return frozenset(words | {letter for letter, word in _GREEK.items() if word in words})


def name_latex(name: str, beside: Collection[str] = ()) -> str:
    """Write a user's name in LaTeX: z1 and W_out get an index, x̂ a hat, a word is upright.

    `beside` are the names that stand in the same formulas: beside z, what is called z1 is no entry
    of it.
    """
    if derivative := re.fullmatch("∂(.+)/∂(.+)", name):
        of, wrt = map(name_latex, derivative.groups())
        return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"
    primes = len(name) - len(name.rstrip("′"))
    name = name[: len(name) - primes]
    tail = "'" * primes
    if name in _GREEK or name in _GREEK.values():
        return f"\\{_GREEK.get(name, name)}" + tail
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name + tail
    apart = unicodedata.normalize("NFD", name)
    if re.fullmatch(_LETTER, apart):
        return rf"\{ACCENTS[apart[1]]}{{{name_latex(apart[0])}}}" + tail
    match = re.fullmatch(rf"{_LETTER}(?:_?(\d+|[A-Za-z])|_(\w+)|([₀-₉]+))", apart)
    if match and unicodedata.normalize("NFC", match[1]) not in beside:
        short, word, lowered = match.groups()[1:]
        index = short or (lowered or "").translate(UNLOWERED) or rf"\mathrm{{{escape_latex(word)}}}"
        return f"{name_latex(match[1])}_{{{index}}}" + tail
    return rf"\mathrm{{{escape_latex(name)}}}" + tail


def escape_latex(name: str) -> str:
    """Take LaTeX's own meaning from every character of a name."""
    special = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", "\n": " "}
    plain = {c: "\\" + c for c in "{}#$%&_"}
    return "".join({**special, **plain}.get(c, c) for c in name)
