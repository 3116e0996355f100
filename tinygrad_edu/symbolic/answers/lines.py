"""A student's whole derivation, judged line by line: what joins the lines, and where it breaks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.symbolic.answers.answer import Disagreement, Verdict, check_answer
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, lowered, read
from tinygrad_edu.symbolic.answers.proving import proof_of
from tinygrad_edu.symbolic.answers.suspects import Suspect
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.grammar import ClaimError
from tinygrad_edu.symbolic.notation.reader import free_letters
from tinygrad_edu.tables import listed, printed

__all__ = ["JudgedLine", "Judgement", "check_derivation"]


@guided
def check_derivation(derivation: Derivation, lines: str | Iterable[str]) -> Judgement:
    r"""Judge a derivation that somebody wrote down, line by line.

    Parameters
    ----------
    derivation : Derivation
        Of the gradient, from `derive`.
    lines : str or iterable of str
        The lines, from ∂L/∂z on: an equation or a chain of them each, in text, index notation or
        LaTeX, ``align`` environments too. Of a chain every side is judged.

    Returns
    -------
    Judgement
        True where every line is right; ``print`` says, for each line, which laws join it to the
        one before, or what broke there.

    Raises
    ------
    ValueError
        If there is no line.
    TypeError
        If `derivation` or `lines` is something else.

    Notes
    -----
    Every line claims to be the gradient, so each is compared with it, as `check_answer` does; a
    right line is then joined to the one before by a proof, whose laws are named. ∂a_k/∂z_j of
    named tensors, and of the output, is computed on the recorded graph; so is ∂/∂z_j before a
    formula. Where a reaches z past other names, they may also stay as they are.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z, y = tg.Tensor([1.47, -0.39, 0.22], name="z"), tg.Tensor([0.0, 1.0, 0.0], name="y")
    >>> a = tg.name(tg.softmax(z), "a")
    >>> derivation = tg.derive(-(y * tg.log(a)).sum(), wrt=z)
    >>> judgement = tg.check_derivation(derivation, "∂L/∂z = a Σy − y\n = a − y")
    >>> print(judgement)
    1. right       ∂L/∂z = a Σy − y
    2. right       = a − y: assumption
    >>> tg.check_derivation(derivation, ["a Σy − y", "a + y"]).first_wrong
    1
    >>> print(tg.check_derivation(derivation, "∂L/∂z = (∂a/∂z)ᵀ ∂L/∂a\n = a − y"))
    1. right       ∂L/∂z = (∂a/∂z)ᵀ ∂L/∂a
    2. right       = a − y: ∂a/∂z and ∂L/∂a put in
    """
    if not isinstance(derivation, Derivation):
        raise TypeError(
            f"check_derivation: the first argument is a {type(derivation).__name__}; give what "
            "derive(loss, wrt=z) returns"
        )
    given = list(_lines(lines))
    if not given:
        raise ValueError("check_derivation: there is no line; write the gradient, step by step")
    letters = Letters(derivation)
    judged: list[JudgedLine] = []
    before: Claim | None = None
    indices: set[str] = set()  # those of the gradient, as the first line with indices has them
    for text in given:
        line, before = _judged(derivation, letters, text, before, judged, indices)
        judged.append(line)
    left = () if before is None else tuple(before.derivatives)
    return Judgement(tuple(judged), not left and _is_shortest(letters, before), left)


@dataclass(frozen=True)
class JudgedLine:
    """What is to be said about a line.

    Attributes
    ----------
    text : str
        The line, as it was written.
    verdict : {"right", "wrong", "right again", "undefined", "unreadable"}
        Whether it is the gradient; "right again" is a right line after a wrong one, and
        "undefined" one that is nowhere a finite number.
    laws : tuple of str
        Names of the laws that join it to the right line before it.
    suspect : Suspect or None
        The usual slip that gives the line, where it is wrong.
    numbers : Disagreement or None
        Where it is furthest from the gradient, and both numbers there.
    reason : str
        Why it cannot be read, or what else is wrong.
    """

    text: str
    verdict: str
    laws: tuple[str, ...] = ()
    suspect: Suspect | None = None
    numbers: Disagreement | None = None
    reason: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the line is the gradient."""
        return self.verdict in {"right", "right again"}

    def sentences(self) -> Iterator[str]:
        """Yield what explains the verdict."""
        if self.laws:
            yield ", ".join(self.laws)
        if self.reason:
            yield self.reason
        if self.suspect is not None:
            yield f"suspect: {self.suspect.sentence}"
        if self.numbers is not None:
            yield self.numbers.sentence()


@dataclass(frozen=True)
class Judgement:
    """What is to be said about a derivation; it counts as True where every line is right.

    Attributes
    ----------
    lines : tuple of JudgedLine
        One for each line.
    shortest : bool
        Whether the last line is no longer than the result of `derive`.
    left : tuple of str
        Derivatives such as ∂a/∂z that are left in the last line.
    """

    lines: tuple[JudgedLine, ...]
    shortest: bool
    left: tuple[str, ...] = ()

    @property
    def first_wrong(self) -> int | None:
        """Which line is the first that is not right, counted from 0; None where all are."""
        return next((n for n, line in enumerate(self.lines) if not line.is_right), None)

    def __bool__(self) -> bool:
        return self.first_wrong is None

    def __str__(self) -> str:
        return self.text()

    _repr_pretty_ = printed

    def record(self) -> dict[str, Any]:
        """Return it as what JSON holds."""
        return {"right": bool(self), "first_wrong": self.first_wrong, **asdict(self)}

    def text(self) -> str:
        """Say it, a line for each line and those that explain it."""
        found = []
        for number, line in enumerate(self.lines, start=1):
            first, *others = [*line.sentences(), ""]
            said = f": {first}" if first and line.is_right else ""
            found.append(f"{number}. {line.verdict:<11} {line.text}{said}")
            if not line.is_right:
                found += [f"   {sentence}" for sentence in (first, *others) if sentence]
        if self and self.left:
            found.append(f"All lines are right; it remains to put in {listed(self.left)}.")
        elif self and not self.shortest:
            found.append("All lines are right; the last one can be written shorter.")
        return "\n".join(found)


# --- one line -------------------------------------------------------------------------------------


def _judged(
    derivation: Derivation,
    letters: Letters,
    text: str,
    before: Claim | None,
    judged: Sequence[JudgedLine],
    indices: set[str],
) -> tuple[JudgedLine, Claim | None]:
    """Judge every side of a line; return the line, and its last side where that is right."""
    laws: list[str] = []
    left, sides = _sides(text)
    own = set("".join(lowered(left)))
    indices |= set() if indices else own
    for side in sides:
        try:
            verdict = check_answer(derivation, side)
            claim = read(side, letters)[0]
        except ValueError as error:
            said = str(error).splitlines()[0].removeprefix("check_answer: ")
            return JudgedLine(text, "unreadable", reason=said), before
        if not verdict:
            return _wrong(text, verdict), before
        if free := {*free_letters(claim.tree)} if claim.tree is not None else set():
            indices |= set() if indices else {*claim.letters}
            if strange := ", ".join(sorted(free - (own or indices))):
                named = ", ".join(sorted(own or indices))
                reason = f"the free index is {strange}, and that of the gradient is {named}"
                return JudgedLine(text, "wrong", reason=reason), before
        if before is not None:
            laws += _laws(letters, before, claim)
        before = claim
    again = any(not line.is_right for line in judged)
    return JudgedLine(text, "right again" if again else "right", tuple(dict.fromkeys(laws))), before


def _wrong(text: str, verdict: Verdict) -> JudgedLine:
    return JudgedLine(
        text,
        "undefined" if verdict.undefined else "wrong",
        suspect=verdict.suspect,
        numbers=verdict.disagreement,
        reason=verdict.reason,
    )


def _laws(letters: Letters, before: Claim, claim: Claim) -> list[str]:
    """Return the names of the laws that join two lines, where a proof was found.

    That derivatives were put in is seen on numbers, as every line is compared with the gradient.
    """
    gone = [each for each in before.derivatives if each not in claim.derivatives]
    proof = proof_of(letters, before, claim)
    put = [f"{listed(gone)} put in"] if gone else []
    return put + ([] if proof is None else [step.rule for step in proof.steps])


def _is_shortest(letters: Letters, last: Claim | None) -> bool:
    if last is None or last.tree is None:
        return False
    try:
        result = read(str(letters.target), letters)[0].tree
    except ClaimError:
        return False
    return result is None or _size(last.tree) <= _size(result)


def _size(tree: Form) -> int:
    """Return how many letters, numbers and operations are written, whatever the notation."""
    return sum(form.kind not in {"indexed", "letter", "group", "beside"} for form in tree.walk())


# --- lines and their sides ------------------------------------------------------------------------

_ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\{(?:align|aligned|split|equation|gather)\*?\}|\$\$|\\[\[\]]"
)


def _lines(lines: Any) -> Iterator[str]:
    """Yield the lines of a text, a list or a LaTeX environment."""
    if isinstance(lines, str):
        lines = _apart(_ENVIRONMENT.sub("\n", lines)).splitlines()
    for line in lines:
        if not isinstance(line, str):
            raise TypeError(f"check_derivation: a line is a {type(line).__name__}; give text")
        text = " ".join(_apart(_ENVIRONMENT.sub("", line)).split()).rstrip(" .,;")
        if text:
            yield text


_BLOCK = re.compile(r"\\(begin|end)\{\w*(?:cases|matrix)\}|\\\\|&|\n")


def _apart(text: str) -> str:
    """Begin a line at each double backslash and drop what aligns, but not inside of a block."""
    depth = 0

    def put(match: re.Match[str]) -> str:
        nonlocal depth
        if match[1]:
            depth += 1 if match[1] == "begin" else -1
        if match[1] or depth:
            return match[0].replace("\n", " ")
        return " " if match[0] == "&" else "\n"

    return _BLOCK.sub(put, text)


def _sides(text: str) -> tuple[str, list[str]]:
    """Return the name of the gradient, where it stands in front, and the sides that follow."""
    sides, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "=" and depth == 0:
            around = text[:place][-1:] + text[place + 1 : place + 2]
            if set(around) & set("<>!=≤≥"):
                continue
            sides.append(text[start:place])
            start = place + 1
    sides = [side.strip() for side in (*sides, text[start:])]
    named = len(sides) > 1 and re.match(
        r"(\\[dt]?frac\{)?\s*(∂|\\partial|∇|\\nabla|d\w(/|\}\{)d)|\w['′](\(\w+\))?$", sides[0]
    )
    left = sides.pop(0) if named else ""
    return left, [side for side in sides if side]
