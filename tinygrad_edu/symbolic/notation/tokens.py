"""The words of a formula: Unicode, ASCII, NumPy source and LaTeX are cut into the same tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from tinygrad_edu.symbolic.notation.names import ACCENTS, LOWERED, RAISED, UNLOWERED, UNRAISED

__all__ = ["Token", "plain", "tokens"]

#: Letters above and below the line, the sign that other spellings have for it, and plain ones.
_SCRIPTS = ((RAISED, "^", UNRAISED), (LOWERED, "_", UNLOWERED))


def _pairs(table: str) -> dict[str, str]:
    cells = table.split()
    return dict(zip(cells[::2], cells[1::2], strict=True))


#: Ways to write one sign.
_SAME = _pairs(
    """− - – - * · × · ⋅ · ∗ · ∘ ⊙ ÷ / ** ^ <= ≤ >= ≥ == = != ≠ ⩽ ≤ ⩾ ≥ || ‖ ∥ ‖ ' ′ ’ ′
    .* ⊙ ./ / .^ ^ ⊘ / ⊤ ᵀ .T ᵀ .mT ᵀ ∑ Σ ∏ Π ⟂ ᵀ 〈 ⟨ 〉 ⟩ ∇ ∂ 𝟭 𝟏 ε ε"""
)
#: LaTeX's commands for signs; those for letters and functions are words.
_COMMANDS = _pairs(
    r"""\cdot · \times · \ast · \odot ⊙ \circ ⊙ \otimes ⊗ \div / \oslash / \top ᵀ \intercal ᵀ
    \mathsf ᵀ \lfloor ⌊ \rfloor ⌋ \lceil ⌈ \rceil ⌉ \bmod mod
    \sum Σ \prod Π \partial ∂ \nabla ∂ \le ≤ \leq ≤ \leqslant ≤ \ge ≥ \geq ≥ \geqslant ≥ \lt <
    \gt > \ne ≠ \neq ≠ \| ‖ \Vert ‖ \lVert ‖ \rVert ‖ \vert | \lvert | \rvert | \mid | \langle ⟨
    \rangle ⟩ \{ [ \} ] \lbrace [ \rbrace ] \lbrack [ \rbrack ] \prime ′ \\ \\ \frac \frac
    \dfrac \frac \tfrac \frac \cfrac \frac \sqrt √ \infty ∞ \varepsilon ε \epsilon ε \land ∧"""
)
_NOTHING = re.compile(
    r"(\s|~|\$|\\(left|right|middle|[bB]igg?[lrm]?)(?![A-Za-z])\.?|\\[,;:! \[\]()]"
    r"|\\(begin|end)\{(?!cases|[bpBvV]?matrix)[^}]*\}"
    r"|\\(q?quad|displaystyle|textstyle|limits|nolimits|mathstrut|thinspace|bf|rm|it)(?![A-Za-z]))+"
)
_BLOCK = re.compile(r"\\(begin|end)\{(?:cases|[bpB]?(matrix))\}")
_FONT = r"\\(?:math(?:rm|bf)|boldsymbol|bm)"
_ACCENT = re.compile(
    r"\\(?:wide)?(hat|bar|tilde|ddot|dot|overline|vec)\s*(?:\{\s*\\?(\w+)\s*\}|\\?(\w)"
    rf"|\{{\s*{_FONT}\s*\{{\s*\\?(\w+)\s*\}}\s*\}}|\{{\s*{_FONT}\s+(\w+)\s*\}})"
)
_ACCENTS = {word: accent for accent, word in ACCENTS.items()} | {"overline": "\u0304"}
_UPRIGHT = re.compile(
    r"\\(operatorname\*?|math(?:rm|bf|bb|cal|it|sf|tt)|text(?:rm|bf|it)?|boldsymbol|bm|mathop)"
    r"(?![A-Za-z])\s*(?:\{\s*([^{}]*?)\s*\}|(\w))"
)
_COMMAND = re.compile(r"\\[A-Za-z]+|\\.")
_NUMBER = re.compile(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LETTER = rf"(?![{RAISED}ᵀ{LOWERED}𝟏𝟙_ΣΠ∑∏])[\w\u0300-\u036f]"
_WORD = re.compile(rf"(?!\d)(?:{_LETTER})+(?:_(?:{_LETTER})+)*")
_SIGN = re.compile(r"\*\*|\.[*/^]|<=|>=|==|!=|\|\||\.m?T\b|\S")
_MODULES = re.compile(
    r"(?:(?:np|numpy|jnp|tg|torch|math|scipy|linalg|special|nn|functional|F|xp)\.)+(?=[A-Za-z])"
)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")

#: A longer word with underscores is no name of anything.
LONGEST = 60

_GREEK = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho
    ς sigma tau upsilon phi chi psi omega"""
_SPELLED = {chr(ord("α") + i): word for i, word in enumerate(_GREEK.split())}
_SPELLED |= {chr(ord("Α") + i): word.title() for i, word in enumerate(_GREEK.split())}
#: What LaTeX's commands for letters stand for.
_LETTERS = {word: letter for letter, word in _SPELLED.items()}
_LETTERS |= {"varphi": "φ", "vartheta": "θ", "varrho": "ρ", "varsigma": "ς", "ell": "ℓ"}
_SPELLED |= {**ACCENTS, "\u20d7": "", "′": "'"}
_SPELLED |= {"ϵ": "epsilon", "ϕ": "phi", "ϑ": "theta", "ϱ": "rho", "ℓ": "ell"}
_SPELLED |= dict.fromkeys("_{} \u20d7", "")
_SHORT = {"lam": "lambda", "lamda": "lambda", "eps": "epsilon", "varepsilon": "epsilon"}


@lru_cache(4096)
def plain(name: str) -> str:
    """Return what all spellings of a name have in common: W_2, W₂ and W2, λ and lambda."""
    letters = unicodedata.normalize("NFD", name).translate(UNLOWERED)
    found = "".join(_SPELLED.get(c, c) for c in letters)
    return _SHORT.get(found, found)


@dataclass(frozen=True)
class Token:
    """A "number", "word", "sign", "string", or the "end".

    `at` is where it stands, `shown` how it is written there, with the module that a word is from;
    `gap` says that there is space before it.
    """

    kind: str
    text: str
    at: int
    shown: str = ""
    gap: bool = False

    @property
    def is_of_a_module(self) -> bool:
        """Whether it is the function tg.log or np.log, whatever is called log here."""
        return self.kind == "word" and "." in self.shown


def tokens(text: str, names: Collection[str], whole: Callable[[str], bool]) -> list[Token]:
    """Cut a text into tokens: x₁² is x_{1}^{2}.

    What is in `names` is one word, whatever it is made of; words with underscores are cut at one
    of them, where what stands before it is `whole`.
    """
    names = sorted(filter(None, names), key=len, reverse=True)
    found: list[Token] = []
    at = 0
    while at < len(text):
        skipped = _NOTHING.match(text, at)
        at = skipped.end() if skipped else at
        if at == len(text):
            break
        opens = not found or found[-1].text in {"(", ","}
        module = _MODULES.match(text, at)
        start, at = at, module.end() if module else at
        gap = bool(skipped) or (start > 0 and text[start - 1] == ",")
        if script := _script(text, at, gap):
            found += script
            at += len(script[0].shown)
            continue
        kind, word, length = _next(text, at, [] if module else names, opens)
        if kind == "word" and "_" in word and word not in names and text[at] != "\\":
            cut = next((end for end in _cuts(word) if whole(word[:end])), word.index("_"))
            length -= len(word) - cut
            word = word[:cut]
        found.append(Token(kind, word, start, text[start : at + length], gap))
        at += length
    return [*found, Token("end", "", len(text))]


def _cuts(word: str) -> Iterator[int]:
    """Yield where a word may be cut at an underscore, the longest piece first."""
    ends = [len(word), *(at for at, c in enumerate(word) if c == "_")]
    yield from sorted((end for end in ends if end <= LONGEST), reverse=True)


def _script(text: str, at: int, gap: bool) -> list[Token]:
    """Cut small letters above or below the line as those behind ^ and _ in braces are cut."""
    for letters, sign, translation in _SCRIPTS:
        end = at
        while end < len(text) and text[end] in letters:
            end += 1
        if end == at:
            continue
        shown = text[at:end]
        found = [Token("sign", sign, at, shown, gap), Token("sign", "{", at, shown)]
        for piece in re.findall(r"\d+|[^\W\d]+|\S", shown.translate(translation)):
            kind = "number" if piece.isdecimal() else "word" if piece.isalpha() else "sign"
            found.append(Token(kind, piece, at, shown))
        return [*found, Token("sign", "}", at, shown)]
    return []


def _next(text: str, at: int, names: list[str], opens: bool) -> tuple[str, str, int]:
    """Return the kind of the token at a place, its one spelling, and its length."""
    if text[at] == "\\" and not any(text.startswith(n, at) for n in names if n[0] == "\\"):
        return _command(text, at)
    for name in names:
        for written in (name, name.replace("′", "'")):
            end = at + len(written)
            continued = _continues(name[-1]) and end < len(text) and _continues(text[end])
            continued &= not (name.endswith("′") and text[end : end + 1] == "_")
            if text.startswith(written, at) and not continued:
                return "word", name, len(written)
    if opens and (match := _QUOTED.match(text, at)):
        return "string", match[0][1:-1], len(match[0])
    if text[at] in "½¼¾":
        return "number", str(unicodedata.numeric(text[at])), 1
    for kind, pattern in (("number", _NUMBER), ("word", _WORD)):
        if match := pattern.match(text, at, at + 2 * LONGEST):
            return kind, match[0], len(match[0])
    match = _SIGN.match(text, at)
    assert match is not None
    return "sign", _SAME.get(match[0], match[0]), len(match[0])


def _command(text: str, at: int) -> tuple[str, str, int]:
    r"""Read one of LaTeX's commands: \hat{x} and \mathrm{W} are names, \odot is a sign."""
    if match := _BLOCK.match(text, at):
        return "sign", f"{match[1]} {match[2] or 'cases'}", len(match[0])
    if match := _ACCENT.match(text, at):
        name = next(filter(None, match.groups()[1:]))
        return "word", name + _ACCENTS[match[1]], len(match[0])
    if match := _UPRIGHT.match(text, at):
        inside = _MODULES.sub("", (match[2] or match[3] or "").replace("\\", ""))
        if inside == "1":
            return "sign", "𝟙" if match[1] == "mathbb" else "𝟏", len(match[0])
        if match[1] == "mathsf" and inside == "T":
            return "sign", "ᵀ", len(match[0])
        return "word", inside, len(match[0])
    match = _COMMAND.match(text, at)
    if match is None:
        return "sign", "\\", 1
    sign = _COMMANDS.get(match[0])
    if sign is not None:
        return "word" if sign in {"ε", "∞", "mod"} else "sign", sign, len(match[0])
    word = match[0][1:]
    return "word" if word[0].isalpha() else "sign", _LETTERS.get(word, word), len(match[0])


def _continues(letter: str) -> bool:
    """Whether a letter continues a name, so that the name y does not begin in yy or y′."""
    inside = letter.isalnum() or letter in "_'′" or bool(unicodedata.combining(letter))
    return inside and letter not in f"{RAISED}ᵀ{LOWERED}"
