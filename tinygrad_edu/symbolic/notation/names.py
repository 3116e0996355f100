"""How a user's names are written: in LaTeX, and with small letters above and below."""

from __future__ import annotations

import re

__all__ = ["escape_latex", "name_latex", "subscript", "superscript"]

_SUBSCRIPTS = str.maketrans("aehijklmnoprstuvx0123456789", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789-/n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟⁿ")
_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
_GREEK_WORDS = """
alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
"""
_GREEK = dict(zip(_GREEK_LETTERS, _GREEK_WORDS.split(), strict=True))


def subscript(letters: str) -> str:
    """Write letters below the line, or behind an underscore where one of them has no small form."""
    small = letters.translate(_SUBSCRIPTS)
    return small if not re.search(r"[A-Za-z]", small) else f"_{letters}"


def superscript(letters: str) -> str:
    """Write a number above the line."""
    return letters.translate(_SUPERSCRIPTS)


def name_latex(name: str) -> str:
    """Write a user's name in LaTeX: z1 and W_out get an index, a word is upright."""
    if derivative := re.fullmatch("∂(.+)/∂(.+)", name):
        of, wrt = map(name_latex, derivative.groups())
        return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"
    primes = len(name) - len(name.rstrip("′"))
    name = name[: len(name) - primes]
    tail = "'" * primes
    if name in _GREEK or name in _GREEK.values():
        return f"\\{_GREEK.get(name, name)}" + tail
    if len(name) == 1 and name.isalpha():
        return name + tail
    match = re.fullmatch(r"([A-Za-zα-ωΑ-Ω])_?(\d+|[A-Za-z])", name)
    if match and match[1].isalpha():
        return f"{name_latex(match[1])}_{{{match[2]}}}" + tail
    if match := re.fullmatch(r"([A-Za-zα-ωΑ-Ω])_(\w+)", name):
        return f"{name_latex(match[1])}_{{\\mathrm{{{escape_latex(match[2])}}}}}" + tail
    return rf"\mathrm{{{escape_latex(name)}}}" + tail


def escape_latex(name: str) -> str:
    """Take LaTeX's own meaning from every character of a name."""
    special = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", "\n": " "}
    plain = {c: "\\" + c for c in "{}#$%&_"}
    return "".join({**special, **plain}.get(c, c) for c in name)
