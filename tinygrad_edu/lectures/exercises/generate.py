"""New exercises without end: random losses from the table of operations, judged by the library.

What is drawn follows from the kind, the seed and the difficulty alone, so that a number such as
``derive-7-2`` says all of it. The difficulty is the count of operations from variable to loss.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.lectures.exercises.exercise import (
    BLANK,
    Blank,
    Derivative,
    Exercise,
    Lines,
    MendRule,
    Number,
)
from tinygrad_edu.lectures.exercises.slips import parts_of, slips, span
from tinygrad_edu.lectures.lecture import Lecture, typed
from tinygrad_edu.settings import count, look_up
from tinygrad_edu.symbolic.answers import check_answer
from tinygrad_edu.symbolic.derive import Derivation

__all__ = ["KINDS", "generate", "generated"]

#: Operations that every course has; from difficulty 4 on any of one argument is taken.
_FAMILIAR = ["exp", "log", "sqrt", "tanh", "sigmoid", "softplus", "relu", "sin", "cos"]
#: What else can be done to an array x, as text and as LaTeX: k is a number, c a constant, p a
#: distribution.
_ENTRYWISE = (
    ("{k}·{x}", r"{k}\,{x}"),
    ("{k} − {x}", r"{k} - {x}"),
    ("{x}²", r"{x}^2"),
    ("{x}³", r"{x}^3"),
    ("1/{x}", r"\frac{{1}}{{{x}}}"),
)
_STEPS = (
    *_ENTRYWISE,
    ("{c} − {x}", r"{c} - {x}"),
    ("{x} − {c}", r"{x} - {c}"),
    ("{c} ⊙ {x}", r"{c} \odot {x}"),
)
#: How an array becomes a loss; the first is the plain one.
_ENDS = (
    ("Σ {x}", r"\sum {x}"),
    ("{k}·mean({x}²)", r"\frac{{{k}}}{{N}} \sum {x}^2"),
    ("½ Σ ({c} ⊙ {x} − {k})²", r"\tfrac{{1}}{{2}} \sum \left({c} \odot {x} - {k}\right)^2"),
    ("{k}·log Σ exp({x})", r"{k} \log \sum e^{{{x}}}"),
    (
        "−Σ ({p} ⊙ log softmax({k}·{x}))",
        r"-\sum \left({p} \odot \log \mathrm{{softmax}}({k}\,{x})\right)",
    ),
)
#: So many losses are drawn until one is fit to be asked about.
_TRIES = 300
#: A gradient with more symbols is no exercise.
_LONGEST = 30


def generate(kind: str, seed: int, difficulty: int = 2) -> Exercise:
    """Make an exercise; the same arguments make the same one.

    Parameters
    ----------
    kind : {"derive", "number", "lines", "blank", "slip", "rule"}
        Write a derivative, compute it on numbers, derive it line by line, fill the blank of a
        derivation, find the line of a derivation that is wrong, or mend a rule.
    seed : int
        From 0 on. Those of difficulty 1 repeat after some hundreds.
    difficulty : int, optional
        How many operations there are from the variable to the loss, from 1 on.

    Raises
    ------
    ValueError
        If there is no such kind, or no exercise of such a difficulty is found.

    Examples
    --------
    >>> from tinygrad_edu.lectures.exercises.generate import generate
    >>> asked = generate("derive", 7)
    >>> bool(asked.judge(asked.answer()))
    True
    """
    make = look_up(kind, KINDS, "generate: kind")
    seed, difficulty = count("generate: seed", seed), count("generate: difficulty", difficulty, 1)
    rng = np.random.default_rng([seed, difficulty, *kind.encode()])
    for _ in range(_TRIES):
        problem = _drawn(rng, difficulty, kind == "rule")
        derivation = problem.derivation()
        if derivation is not None:
            found = make(f"{kind}-{seed}-{difficulty}", problem, derivation, rng)
            if found is not None:
                return found
    raise ValueError(
        f"generate: no {kind} of difficulty {difficulty} was found; choose a lower one"
    )


def generated(number: str) -> Exercise | None:
    """Make the exercise of a number such as ``derive-7-2``; None if it is no such number."""
    kind, *numbers = number.split("-")
    if kind in KINDS and len(numbers) == 2 and all(each.isdecimal() for each in numbers):
        return generate(kind, *map(int, numbers))
    return None


# --- a loss ---------------------------------------------------------------------------------------


@dataclass
class _Problem:
    """An array, and in the end a loss: its text and LaTeX, the variable, and the numbers."""

    wrt: str
    text: str
    tex: str
    length: int
    arrays: dict[str, Any] = field(default_factory=dict)

    def lecture(self) -> Lecture:
        return typed(self.text, self.wrt, self.arrays)

    def derivation(self) -> Derivation | None:
        """Derive it, if its gradient is fit to be asked for."""
        with np.errstate(all="ignore"):
            graph = self.lecture().build()
            seed = np.ones(graph.output.shape)
            values = np.append(gradients(graph.output, graph.wrt, seed), graph.output.data)
        if not np.isfinite(values).all() or np.abs(values).max() > 100 or not np.all(values):
            return None
        found = self.lecture().derive()
        return found if found.agrees and found.result.size <= _LONGEST else None

    def do(self, step: tuple[str, str], rng: np.random.Generator) -> None:
        """Do one more thing to the array; constants get a letter that is free, and numbers."""
        text, tex = step
        letters = {"k": str(rng.integers(2, 10))}
        for slot, names in (("c", "cytbdhm"), ("p", "p")):
            if f"{{{slot}}}" in text:
                letters[slot] = next(each for each in names if each not in self.arrays)
                numbers = _tenths(rng, self.length)
                self.arrays[letters[slot]] = numbers if slot == "c" else np.eye(self.length)[0]
        self.text = text.format(x=_enclosed(self.text, text), **letters)
        self.tex = tex.format(x=_enclosed(self.tex, tex), **letters)

    def given(self) -> str:
        """Say what the loss is, and what its letters are."""
        called = {n: f"${n}$" for n in self.arrays}
        vectors = [called[name] for name, array in self.arrays.items() if array.ndim == 1]
        said = f"vectors {_and(vectors)}" if len(vectors) > 1 else f"a vector {vectors[0]}"
        said += " and a matrix $A$" if "A" in self.arrays else ""
        said += r", and $\sum p = 1$" if "p" in self.arrays else ""
        return f"Let $L = {self.tex}$ for {said}."

    def gradient(self) -> str:
        """The gradient's name."""
        return rf"$\partial L/\partial {self.wrt}$"

    def numbers(self) -> str:
        """Write the numbers of all letters."""
        return _and([f"${name} = {_rows(array)}$" for name, array in self.arrays.items()])


def _drawn(rng: np.random.Generator, difficulty: int, entrywise: bool) -> _Problem:
    """Draw a loss with so many operations between the variable and it, or a function of entries."""
    wrt, length = str(rng.choice(list("xwuv"))), int(rng.integers(2, 4))
    problem = _Problem(wrt, wrt, wrt, length, {wrt: _tenths(rng, length)})
    for step in range(difficulty - (not entrywise)):
        if step == 0 and rng.random() < 0.4 and not entrywise:  # a layer comes first
            problem.length = int(rng.integers(2, 4))
            problem.arrays["A"] = _tenths(rng, problem.length, length)
            problem.text = problem.tex = f"A {wrt}"
        elif rng.random() < 0.7:
            name = str(rng.choice(_unary(difficulty)))
            tex = (REGISTRY[name].tex or "").replace("{0}", "{x}")
            problem.do((f"{name}({{x}})", tex), rng)
        else:
            steps = _ENTRYWISE if entrywise else _STEPS
            problem.do(steps[rng.integers(len(steps))], rng)
    if not entrywise:
        problem.do(_ENDS[rng.integers(difficulty == 1, len(_ENDS))], rng)
    return problem


def _unary(difficulty: int) -> list[str]:
    """Name the operations of one argument that a loss of such a difficulty may have."""
    if difficulty < 4:
        return _FAMILIAR
    return [
        name
        for name, op in REGISTRY.items()
        if op.elementwise and op.arity == 1 and not op.constant and hasattr(ops, name)
    ]


def _tenths(rng: np.random.Generator, *shape: int) -> Any:
    return rng.integers(1, 20, size=shape) * rng.choice([-1, 1], size=shape) / 10


def _enclosed(inner: str, template: str) -> str:
    """Put brackets around what is more than a name or a call, unless the template has some."""
    called = re.fullmatch(r"\w|[\\\w{}]*\((.*)\)", inner)
    depths = np.cumsum([(c == "(") - (c == ")") for c in (called and called[1]) or ""])
    if (called and np.all(depths >= 0)) or re.search(r"[({|]\{x\}[)}|]", template):
        return inner
    return rf"\left({inner}\right)" if "\\" in template else f"({inner})"


def _and(said: list[str]) -> str:
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]


def _rows(array: Any) -> str:
    if array.ndim == 1:
        return f"({', '.join(f'{x:g}' for x in array)})"
    rows = r" \\ ".join(" & ".join(f"{x:g}" for x in row) for row in array)
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


# --- the kinds ------------------------------------------------------------------------------------


def _derive(number: str, problem: _Problem, found: Derivation, rng: Any) -> Exercise | None:
    return Derivative(
        number,
        "A gradient",
        statement=f"{problem.given()} Write {problem.gradient()}.",
        of=problem.lecture(),
        why=_way(found),
    )


def _number(number: str, problem: _Problem, found: Derivation, rng: Any) -> Exercise | None:
    return Number(
        number,
        "A gradient in numbers",
        statement=f"{problem.given()} At {problem.numbers()}, give {problem.gradient()} to two "
        "decimals.",
        value=lambda: found.result.evaluate(),
        why=_way(found),
    )


def _lines(number: str, problem: _Problem, found: Derivation, rng: Any) -> Exercise | None:
    lines = _written(found)
    return (
        Lines(
            number,
            "A gradient, line by line",
            statement=f"{problem.given()} Derive {problem.gradient()} in two lines or more.",
            of=problem.lecture(),
            solution="\n".join(lines),
            why=_way(found),
        )
        if len(lines) > 1
        else None
    )


def _blank(number: str, problem: _Problem, found: Derivation, rng: Any) -> Exercise | None:
    lines = _written(found)
    place = int(rng.integers(len(lines)))
    every = {span(part) for part in parts_of(found, lines[place])}
    spans = [(a, b) for a, b in sorted(every) if 1 < b - a <= len(lines[place]) // 2]
    if len(lines) < 2 or not spans:
        return None
    start, end = spans[rng.integers(len(spans))]
    right = lines[place][start:end]
    lines[place] = lines[place][:start] + BLANK + lines[place][end:]
    if not _is_wrong(found, lines[place].replace(BLANK, f"(2·({right}))")):
        return None
    return Blank(
        number,
        "A derivation with a blank",
        statement=f"{problem.given()} Fill the blank.",
        of=problem.lecture(),
        lines=_chain(problem, lines),
        solution=right,
        why=_way(found),
        wrong={f"2·({right})": f"{place + 1}. wrong"},
    )


def _slip(number: str, problem: _Problem, found: Derivation, rng: Any) -> Exercise | None:
    lines = _written(found)
    if len(lines) < 3:
        return None
    place = int(rng.integers(1, len(lines)))
    planted = list(slips(found, lines[place]))
    kind, lines[place] = planted[rng.integers(len(planted))]
    if not _is_wrong(found, lines[place]):
        return None
    return Number(
        number,
        "The line that is wrong",
        statement=f"{problem.given()} In one line of this derivation there is a slip:\n\n"
        f"```text\n{_chain(problem, lines)}\n```\n\nWhich line is wrong? Count from 1.",
        value=lambda: place + 1,
        decimals=0,
        why=f"{kind}, in line {place + 1}. {_way(found)}",
    )


def _rule(number: str, problem: _Problem, found: Derivation, rng: Any) -> Exercise | None:
    right, forward = found.result.python(), found.output.python()
    if re.search("logaddexp|vectorize|where|<", right + forward):
        return None  # longer as source than as a formula
    planted = list(slips(found, right))
    kind, wrong = planted[rng.integers(len(planted))]
    if not _is_wrong(found, wrong):
        return None

    def program(rule: str) -> str:
        rule = rule.replace("np.", "tg.")
        return _PROGRAM.format(x=problem.wrt, rule=rule, forward=forward)

    return MendRule(
        number,
        "A rule that is wrong",
        statement=f"The rule of $f({problem.wrt}) = {problem.tex}$ has a slip. Mend it.",
        function="f",
        at=(problem.arrays[problem.wrt],),
        broken=program(wrong),
        solution=program(right),
        why=f"{kind}. {_way(found)}",
    )


_PROGRAM = """
import numpy as np
import tinygrad_edu as tg


@tg.op(elementwise=True, rules=(lambda g, out, {x}: {rule},))
def f({x}):
    return {forward}
"""


def _is_wrong(found: Derivation, claim: str) -> bool:
    """Whether a claim can be read and computed, and is not the gradient."""
    try:
        verdict = check_answer(found, claim)
    except ValueError:
        return False
    return not verdict and not verdict.undefined and verdict.disagreement is not None


def _written(found: Derivation) -> list[str]:
    """Return the lines of a derivation: the start, and what each choice leads to."""
    formulas = [found.start, *(line[-1].after for line in found.lecture)]
    return list(dict.fromkeys(map(str, formulas)))


def _chain(problem: _Problem, lines: list[str]) -> str:
    return "\n".join([f"∂L/∂{problem.wrt} = {lines[0]}", *(f"= {line}" for line in lines[1:])])


def _way(found: Derivation) -> str:
    formulas = [found.start, *(line[-1].after for line in found.lecture)]
    lines = dict.fromkeys(formula.latex() for formula in formulas)
    return "$$" + r" = ".join(lines) + "$$"


KINDS: dict[str, Callable[[str, _Problem, Derivation, Any], Exercise | None]] = {
    "derive": _derive,
    "number": _number,
    "lines": _lines,
    "blank": _blank,
    "slip": _slip,
    "rule": _rule,
}
