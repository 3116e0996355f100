"""What an exercise is: a statement, hints, a worked solution, and a judge; seven kinds of them."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from textwrap import indent
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu.check.gradcheck import gradcheck
from tinygrad_edu.lectures.exercises import sandbox
from tinygrad_edu.lectures.lecture import Lecture
from tinygrad_edu.symbolic.answers import check_answer, check_derivation
from tinygrad_edu.symbolic.derive import Derivation, parse, plain_text
from tinygrad_edu.tables import listed

__all__ = [
    "BLANK",
    "Blank",
    "Derivative",
    "Exercise",
    "Explain",
    "Implement",
    "Lines",
    "Mark",
    "MendRule",
    "Number",
    "expect",
]

#: What stands for a blank in the lines of a derivation.
BLANK = "□"


@dataclass(frozen=True)
class Mark:
    """What is said to an answer; it counts as True where the answer is right.

    Attributes
    ----------
    verdict : {"right", "wrong", "unreadable"}
        The outcome.
    says : str
        Why, in a sentence or a few lines; it does not give the answer away.
    """

    verdict: str
    says: str = ""

    def __bool__(self) -> bool:
        return self.verdict == "right"

    def __str__(self) -> str:
        return f"{self.verdict}: {self.says}" if self.says else self.verdict

    @property
    def status(self) -> int:
        """The exit status that tells it: 0, 1 or 2."""
        return ("right", "wrong", "unreadable").index(self.verdict)


@dataclass(frozen=True)
class Exercise(ABC):
    """An exercise; each kind is a class that adds what its judge needs.

    Attributes
    ----------
    number, title : str
        Such as ``"7.3"``: the third of chapter 7.
    statement : str
        In markdown, formulas between ``$``.
    hints : tuple of str
        Each tells a little more than the one before.
    solution : str
        An answer that the judge accepts; kinds that can compute one need none.
    why : str
        The worked solution in markdown: how one gets there.
    wrong : dict of str to str
        Typical wrong answers, and words that the judge says to each; a test compares.
    """

    number: str
    title: str
    statement: str = field(kw_only=True)
    hints: tuple[str, ...] = field(default=(), kw_only=True)
    solution: str = field(default="", kw_only=True)
    why: str = field(default="", kw_only=True)
    wrong: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    kind: ClassVar[str]
    #: How an answer is written.
    form: ClassVar[str]

    def judge(self, answer: str) -> Mark:
        """Judge an answer."""
        if not answer.strip():
            return Mark("unreadable", f"there is no answer; {self.form}")
        try:
            return self._judge(answer.strip("\n"))
        except ValueError as error:
            return Mark("unreadable", _first_line(error))

    def answer(self) -> str:
        """Return an answer that is right."""
        return self.solution

    def given(self) -> str:
        """Return what stands below the statement, such as code, in markdown."""
        return ""

    @abstractmethod
    def _judge(self, answer: str) -> Mark:
        """Judge an answer that is not empty; a ValueError says why it cannot be read."""

    # --- faces ------------------------------------------------------------------------------------

    def markdown(self, *, hints: bool = True, solved: bool = True) -> str:
        """Return it in markdown, `hints` folded, and the solution too if it is `solved`."""
        parts = [f"**Exercise {self.number}. {self.title}** *({self.kind})*", self.statement]
        parts += [self.given(), f"*{self.form[0].upper()}{self.form[1:]}.*"]
        for n, hint in enumerate(self.hints if hints else (), start=1):
            parts.append(_folded(f"Hint {n}" if len(self.hints) > 1 else "Hint", hint))
        if solved:
            parts.append(_folded("Solution", "\n\n".join(filter(None, (self._shown(), self.why)))))
        return "\n\n".join(filter(None, parts))

    def _shown(self) -> str:
        """The right answer in markdown."""
        answer = self.answer()
        return f"```text\n{answer}\n```" if "\n" in answer else f"`{answer}`"

    def text(self, *, hints: bool = False, solved: bool = False) -> str:
        """Return it for a terminal."""
        parts = re.split(
            r"(```\w*\n.*?\n```|`[^`]*`)", self.markdown(hints=hints, solved=solved), flags=re.S
        )
        text = "".join(_code(each) if each[:1] == "`" else _prose(each) for each in parts)
        return re.sub(r"<summary>(.*)</summary>\n\n( *)", _opened, text).strip()

    def __str__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/markdown": self.markdown(), "text/plain": str(self)}


def _code(text: str) -> str:
    fenced = re.fullmatch(r"```\w*\n(.*)\n```", text, flags=re.S)
    return indent(fenced[1], "    ") if fenced else text.strip("`")


def _prose(text: str) -> str:
    text = re.sub(r"\$\$?(.+?)\$\$?", lambda m: plain_text(m[1]), text, flags=re.S)
    return re.sub(r"</?details>\n*|(?<=[\w.?!)])\*+(?!\w)|(?<!\w)\*+(?=\S)", "", text)


def _opened(match: re.Match[str]) -> str:
    return f"{match[1]}:\n\n{match[2]}" if match[2] else f"{match[1]}: "


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _first_line(error: Exception) -> str:
    said = str(error).splitlines()[0]
    return re.sub(r"^(check_answer|check_derivation|parse): ", "", said)


# --- numbers and formulas -------------------------------------------------------------------------


@dataclass(frozen=True)
class Number(Exercise):
    """Predict a number, or a few of them.

    Attributes
    ----------
    value : callable
        Computes what is right.
    decimals : int
        To so many it has to be right.
    slips : dict of str to callable
        A sentence for a usual slip, and what computes the number that it gives.
    """

    value: Callable[[], Any] = field(kw_only=True)
    decimals: int = field(default=2, kw_only=True)
    slips: Mapping[str, Callable[[], Any]] = field(default_factory=dict, kw_only=True)

    kind = "predict a number"
    form = "answer with a number, or with numbers and commas between them"

    def answer(self) -> str:
        """Return the value, rounded."""
        rounded = np.round(np.ravel(self.value()), self.decimals) + 0.0
        return ", ".join(f"{number:.{self.decimals}f}" for number in rounded)

    def _judge(self, answer: str) -> Mark:
        pieces = [
            each for each in re.split(r"(?:[,;\s]|\band\b)+", answer.strip().strip("[]()")) if each
        ]
        try:
            given = np.array([float(each.replace("−", "-")) for each in pieces])
        except ValueError:
            listed = answer if "," not in answer else f"({answer})"
            given = np.ravel(parse(listed).data)  # such as −ln 0.7
        value = np.ravel(self.value()).astype(float)
        if given.shape != value.shape:
            return Mark("wrong", f"{given.size} given; the number of numbers asked is {value.size}")
        if not np.isfinite(given).all():
            return Mark("wrong", "what is asked is finite")
        near = 0.5 * 10.0**-self.decimals + 1e-9
        off = np.abs(given - value) > near
        if not off.any():
            return Mark("right")
        slipped = {sentence: slip() for sentence, slip in self.slips.items()}
        slipped |= {
            "the size is right, the sign is not": -value,
            "there is a factor 2 too many": 2 * value,
            "a factor 2 is missing": value / 2,
        }
        for sentence, number in slipped.items():
            if np.allclose(given, np.ravel(number), 0, near):
                return Mark("wrong", sentence)
        first = int(np.argmax(off))
        place = f"number {first + 1}, " if value.size > 1 else ""
        by = "small" if given[first] < value[first] else "large"
        close = " by little: look at the rounding" if abs(given - value)[first] < 4 * near else ""
        return Mark("wrong", f"{place}{given[first]:g} is too {by}{close}")


@dataclass(frozen=True)
class _OfALecture(Exercise):
    """About a gradient; `of` is a lecture or `typed` formula, `assume` as `derive` takes it."""

    of: Lecture = field(kw_only=True)
    assume: tuple[str, ...] | None = field(default=None, kw_only=True)

    def derivation(self) -> Derivation:
        """Derive the gradient that is asked for."""
        return self.of.derive(self.assume)


def _unfinished(left: Iterable[str]) -> Mark:
    return Mark("wrong", f"what stands there is right; it remains to put in {listed(left)}")


@dataclass(frozen=True)
class Derivative(_OfALecture):
    """Write a derivative: a formula in any notation, judged by `check_answer`."""

    kind = "write a derivative"
    form = "answer with a formula, such as `a ⊙ (1 − a)`, in text, LaTeX or NumPy"

    def answer(self) -> str:
        """Return the result of `derive`, if no other solution is given."""
        return self.solution or str(self.derivation().result)

    def _judge(self, answer: str) -> Mark:
        found = check_answer(self.derivation(), answer)
        if found and found.left:
            return _unfinished(found.left)
        if found:
            return Mark("right", found.outcome)
        said = [found.reason, *found.remarks]
        said += [found.disagreement.sentence()] if found.disagreement is not None else []
        said += [f"suspect: {found.suspect.sentence}"] if found.suspect is not None else []
        return Mark("wrong", "\n".join(filter(None, said)))


@dataclass(frozen=True)
class Lines(_OfALecture):
    """Write a derivation, line by line, judged by `check_derivation`.

    Attributes
    ----------
    least : int
        So many lines it has at least.
    """

    least: int = field(default=2, kw_only=True)

    kind = "write a derivation"
    form = "answer with one equation a line, each a form of the gradient, in any notation"

    def _judge(self, answer: str) -> Mark:
        found = check_derivation(self.derivation(), answer)
        if not found:
            readable = any(line.verdict != "unreadable" for line in found.lines)
            return Mark("wrong" if readable else "unreadable", found.text())
        if len(found.lines) < self.least:
            ask = f"write {self.least} lines at least, so that the way can be seen"
            return Mark("wrong", f"what stands there is right, and {ask}")
        if found.left:
            return _unfinished(found.left)
        return Mark("right", found.text())


@dataclass(frozen=True)
class Blank(_OfALecture):
    """Fill the blanks of a derivation: each stands as □ in `lines`."""

    lines: str = field(kw_only=True)

    kind = "fill the blank"
    form = "answer with what belongs in the place of each □, one a line"

    def given(self) -> str:
        """Return the lines with their blanks."""
        return f"```text\n{self.lines}\n```"

    def _judge(self, answer: str) -> Mark:
        fills = [line.strip() for line in answer.splitlines() if line.strip()]
        pieces = self.lines.split(BLANK)
        if len(fills) != len(pieces) - 1:
            return Mark("unreadable", f"{len(fills)} given, and there are {len(pieces) - 1} blanks")
        whole = [fill if re.fullmatch(r"\w+", fill) else f"({fill})" for fill in fills]
        filled = "".join(part for pair in zip(pieces, [*whole, ""], strict=True) for part in pair)
        found = check_derivation(self.derivation(), filled)
        left = [fill for fill in fills if re.search(r"∂|\\partial|\bd\w*/d\w", fill)]
        if found and left:
            return _unfinished(left)
        if found:
            return Mark("right", found.text())
        unread = all(each.verdict == "unreadable" for each in found.lines if not each.is_right)
        return Mark("unreadable" if unread else "wrong", found.text())


# --- code -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Code(Exercise):
    """Answered with a program, which is run by itself, within limits.

    Attributes
    ----------
    function : str
        What the program has to define.
    seconds : float
        So long it may compute.
    """

    function: str = field(kw_only=True)
    seconds: float = field(default=10.0, kw_only=True)

    form = "answer with a Python file"

    def _judge(self, answer: str) -> Mark:
        return Mark(*sandbox.run(self.number, answer, self.seconds))

    def _shown(self) -> str:
        return f"```python\n{self.solution.strip()}\n```"

    @abstractmethod
    def examine(self, function: Callable[..., Any]) -> None:
        """Look at what the student wrote, in its own process; raise AssertionError if wrong."""


@dataclass(frozen=True)
class Implement(_Code):
    """Implement a function; `test` calls it and raises AssertionError where it is wrong."""

    test: Callable[[Any], None] = field(kw_only=True)

    kind = "implement and test"

    def examine(self, function: Callable[..., Any]) -> None:
        """Run the test."""
        self.test(function)


@dataclass(frozen=True)
class MendRule(_Code):
    """Mend the rule of an operation; the mended one is looked at by `gradcheck`.

    Attributes
    ----------
    broken : str
        The program to mend; the forward has to stay as it is.
    at : tuple
        The inputs at which it is checked.
    """

    broken: str = field(kw_only=True)
    at: tuple[Any, ...] = field(kw_only=True)

    kind = "mend a rule"
    form = "answer with the mended Python file"

    def given(self) -> str:
        """Return the program to mend."""
        return f"```python\n{self.broken.strip()}\n```"

    def examine(self, function: Callable[..., Any]) -> None:
        """Compare the forward with that of the broken program, and the rule with differences."""
        inputs = [np.asarray(each, dtype=float) for each in self.at]
        forward = sandbox.function_of(self.broken, self.function)
        expect(
            f"{self.function}, whose forward is right as it was,",
            function(*inputs),
            forward(*inputs),
        )
        report = gradcheck(function, *inputs)
        blamed = "; ".join(map(str, report.blamed)) or report.reason
        assert report, f"the derivative is still wrong: {blamed}"


def expect(what: str, got: Any, wanted: Any, within: float = 1e-9) -> None:
    """Raise AssertionError with a sentence unless two arrays are equal but for rounding.

    Examples
    --------
    >>> expect("softmax([0, 0])", [0.5, 0.4], [0.5, 0.5])
    Traceback (most recent call last):
        ...
    AssertionError: softmax([0, 0]) is [0.5, 0.4]; [0.5, 0.5] is expected
    """
    got, wanted = (np.asarray(getattr(each, "data", each)) for each in (got, wanted))
    fits = got.dtype.kind in "biuf" and got.shape == wanted.shape
    if not (fits and np.allclose(got, wanted, rtol=within, atol=within)):
        shown = [
            np.array2string(each, precision=6, separator=", ", threshold=20)
            for each in (got, wanted)
        ]
        raise AssertionError(f"{what} is {shown[0]}; {shown[1]} is expected")


# --- words ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explain(Exercise):
    """Explain in a sentence or two; a program finds ideas, and a reader judges.

    Attributes
    ----------
    ideas : dict of str to str
        What a good answer speaks of, and a regular expression that finds it.
    """

    ideas: Mapping[str, str] = field(kw_only=True)

    kind = "explain in a sentence"
    form = "answer in a sentence or two, then compare with the solution"

    def _judge(self, answer: str) -> Mark:
        missing = [idea for idea, words in self.ideas.items() if not re.search(words, answer, re.I)]
        if missing:
            return Mark("wrong", f"say something about {listed(missing)} too")
        return Mark("right", "all that the solution speaks of is there; compare the two")

    def _shown(self) -> str:
        return self.solution
