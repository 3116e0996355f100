"""Notes in LaTeX, checked: derivatives, identities, and letters used for two things."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice, product
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.answers import check_answer
from tinygrad_edu.symbolic.derive import derive_named, indices_of, parse
from tinygrad_edu.tensor import Tensor, name

__all__ = ["Equation", "Findings", "lint"]

#: So many ways to read letters without indices, as numbers, vectors or matrices, are tried.
_READINGS = 256
_SEEDS = (0, 1, 2)


@dataclass
class Equation:
    """A displayed equation: its line in the file, its sides, and what is to be said about it.

    The verdict is "defines", "right", "wrong", "needs" (right under a condition that the notes do
    not state) or "unreadable".
    """

    line: int
    text: str
    sides: list[str] = field(repr=False)
    verdict: str = ""
    says: str = ""


@dataclass(frozen=True)
class Findings:
    """What is to be said about notes; true where nothing is wrong.

    Attributes
    ----------
    equations : list of Equation
        All that are displayed, in order.
    letters : list of str
        A sentence for each letter that is used for two things.
    """

    equations: list[Equation]
    letters: list[str]

    def __bool__(self) -> bool:
        return not self.letters and all(e.verdict != "wrong" for e in self.equations)

    @property
    def status(self) -> int:
        """The exit status: 0 nothing wrong, 1 something is, 2 no equation can be read."""
        unread = all(each.verdict == "unreadable" for each in self.equations)
        return 2 if unread else int(not self)

    def record(self) -> dict[str, Any]:
        """Return it as what JSON holds."""
        return {"right": bool(self), **asdict(self)}

    def __str__(self) -> str:
        lines = []
        for each in self.equations:
            lines.append(f"line {each.line}: {each.verdict}: {each.text}")
            lines += [f"    {said}" for said in each.says.splitlines()]
        count = {v: sum(e.verdict == v for e in self.equations) for v in _VERDICTS}
        total = ", ".join(f"{number} {verdict}" for verdict, number in count.items() if number)
        return "\n".join([*lines, *self.letters, "", total or "no displayed equation"])


_VERDICTS = ("right", "defines", "wrong", "needs", "unreadable")


def lint(text: str) -> Findings:
    r"""Check the displayed equations of notes in LaTeX.

    Parameters
    ----------
    text : str
        The notes. What stands in ``$$``, ``\[`` or an environment such as align is looked at.

    Returns
    -------
    Findings
        A verdict on each equation. A name that stands on the left for the first time is defined
        there; a derivative is derived from what the notes define, and compared; everything else is
        compared on random numbers.

    Examples
    --------
    >>> from tinygrad_edu.lectures.lint import lint
    >>> print(
    ...     lint(r"$$L = \frac12 \sum_k (z_k - t_k)^2$$ $$\frac{\partial L}{\partial z_j} = z_j$$")
    ... )
    line 1: defines: L = \frac12 \sum_k (z_k - t_k)^2
    line 1: wrong: \frac{\partial L}{\partial z_j} = z_j
        missing term: −t was left out
    <BLANKLINE>
    1 defines, 1 wrong
    """
    equations = list(_displayed(text))
    use = _Use(equations)
    best: tuple[int, dict[str, int]] = (-1, {})
    for axes in islice(use.readings(), _READINGS):
        judged = _Run(equations, use, axes, _SEEDS[0]).judge(())
        read = sum(verdict != "unreadable" for verdict, _ in judged)
        if read > best[0]:
            best = read, axes
        if read == len(equations):
            break
    every = range(len(equations))
    for seed in _SEEDS:
        judged = _Run(equations, use, best[1], seed).judge(every if seed == _SEEDS[0] else ())
        for each, (verdict, says) in zip(equations, judged, strict=True):
            if not each.verdict or verdict == "wrong":
                each.verdict, each.says = verdict, says
    open_ones = [what for what, count in best[1].items() if count and what not in use.stated]
    for what in open_ones:
        unsure = [n for n in every if equations[n].verdict == "wrong"]
        again = _Run(equations, use, best[1], _SEEDS[0], what).judge(unsure) if unsure else ()
        for each, (verdict, says) in zip(equations, again, strict=False):
            if each.verdict == "wrong" and verdict == "right":
                each.verdict, each.says = "needs", f"right if Σ{what} = 1, which is not said"
            elif each.verdict == "wrong" and "largest disagreement" in each.says:
                each.says = says
    return Findings(equations, [*use.twice(), *_defined_twice(equations)])


# --- what is displayed ----------------------------------------------------------------------------

_DISPLAY = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]"
    r"|\\begin\{((?:equation|align|gather|multline|eqnarray|flalign)\*?)\}(.+?)\\end\{\3\}",
    re.S,
)
_CLUTTER = re.compile(
    r"\\(?:label|tag|intertext)\{[^}]*\}|\\(?:nonumber|notag)\b|&|\\text\{[^}]*\}"
)


def _displayed(text: str) -> Iterator[Equation]:
    """Yield the displayed equations; a line that begins with = goes on with the one before."""
    text = re.sub(r"(?<!\\)%.*", "", text)
    for match in _DISPLAY.finditer(text):
        group = next(n for n in (1, 2, 4) if match[n] is not None)
        found: Equation | None = None
        blocks = r"\\begin\{\w*(?:cases|matrix)\}"
        pieces = [match[group]] if re.search(blocks, match[group]) else None
        at = match.start(group)
        for piece in pieces or re.split(r"\\\\(?:\[[^]]*\])?|\\q?quad", match[group]):
            start = text.index(piece, at)
            at = start + len(piece)
            sides = _split(" ".join(_CLUTTER.sub("", piece).split()).rstrip(" .,;"))
            if found is not None and sides[0] == "" and len(sides) > 1:
                found.sides += sides[1:]
                found.text += " = " + " = ".join(sides[1:])
            elif any(sides):
                if found is not None:
                    yield found
                line = text.count("\n", 0, start + len(piece) - len(piece.lstrip())) + 1
                found = Equation(line, " = ".join(sides), sides)
        if found is not None:
            yield found


def _split(text: str) -> list[str]:
    """Return the sides of a chain of equations."""
    sides, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "=" and depth == 0:
            sides.append(text[start:place].strip())
            start = place + 1
    return [*sides, text[start:].strip()]


_NAME = (
    r"(\\?(?:hat|tilde|bar|mathbf|mathrm|boldsymbol)?\{?\\?[A-Za-z]+\}?)(?:_(?:\{([^}]*)\}|(\w)))?"
)
_ARGUMENTS = r"(?:\s*\([^=]*\))?"
_LEFT = re.compile(rf"{_NAME}(?P<arguments>{_ARGUMENTS})")
_DERIVATIVE = re.compile(
    rf"\\[dt]?frac\s*\{{\\partial\s*{_NAME}{_ARGUMENTS}\}}\s*\{{\\partial\s*{_NAME}\}}"
)


def _defined(side: str) -> tuple[str, Sequence[str]]:
    r"""Return the name that a left side defines, and its indices; \log(ab) defines none."""
    left = _LEFT.fullmatch(side)
    names = [*indices_of(left[0].removesuffix(left["arguments"]))] if left else []
    return names[0] if names else ("", ())


# --- what letters stand for -----------------------------------------------------------------------


class _Use:
    """How the notes use letters: with which indices, and how far these run."""

    def __init__(self, equations: Sequence[Equation]) -> None:
        self.indices: dict[str, dict[int, int]] = {}  # of a name: how many indices, and where first
        self.bounds: dict[tuple[str, int], dict[str, int]] = {}  # of an axis: up to what, and where
        self.runs: dict[str, int] = {}  # of an index: where first
        self.alike: dict[Any, Any] = {}  # of an axis or a bound: one that has the same length
        self.lengths: set[str] = set()
        self.stated: set[str] = set()  # what is said to sum to 1
        self.defined: set[str] = set()
        for each in equations:
            upto: dict[str, str] = {}
            every = [found for side in each.sides for found in indices_of(side)]
            for what, letters in every:
                if what == "Σ":
                    upto |= {letters[0]: letters[1]} if letters[1:] else {}
            along: dict[str, Any] = dict(upto)  # each index counts one thing in one equation
            for what, letters in every:
                if what == "Σ":
                    continue
                self.indices.setdefault(what, {}).setdefault(len(letters), each.line)
                for place, letter in enumerate(letters):
                    self.runs.setdefault(letter, each.line)
                    first = self.same(along.setdefault(letter, (what, place)))
                    if self.same((what, place)) != first:
                        self.alike[self.same((what, place))] = first
                    if letter in upto:
                        axis = self.bounds.setdefault((what, place), {})
                        axis.setdefault(upto[letter], each.line)
            self.lengths |= set(upto.values())
            if each.sides[-1] == "1" and r"\sum" in each.sides[0] and len(each.sides) == 2:
                self.stated |= {what for what, _ in every if what != "Σ"}
            self.defined.add(_defined(each.sides[0])[0])
        self.stated -= self.defined

    def readings(self) -> Iterator[dict[str, int]]:
        """Yield how many axes each name may have, the likeliest first."""
        options = []
        for what, counts in self.indices.items():
            if what in self.lengths:
                options.append([0])
            elif max(counts) or what in self.defined:
                options.append([max(counts)])
            elif what.isascii():
                options.append([2, 1, 0] if what.isupper() else [1, 0])
            else:
                options.append([0, 1])
        for chosen in product(*options):
            yield dict(zip(self.indices, chosen, strict=True))

    def same(self, axis: Any) -> Any:
        """Return what stands for all axes and bounds of the same length."""
        while axis in self.alike:
            axis = self.alike[axis]
        return axis

    def size(self, axis: Any) -> int:
        """Return the length of an axis, or of a letter for a length."""
        bounds = sorted({str(self.same(each)) for each in self.lengths})
        sizes = dict(zip(bounds, (3, 4, 2, 5, 6), strict=False))
        return sizes.get(str(self.same(axis)), 3)

    def twice(self) -> Iterator[str]:
        """Say which letters are used for two things."""
        for what, counts in self.indices.items():
            some = {count: line for count, line in counts.items() if count}
            if len(some) > 1:
                said = " and ".join(f"{n} in line {line}" for n, line in some.items())
                yield f"{what} has two numbers of indices: {said}"
            if what in self.runs and what != "e":
                line = self.runs[what]
                yield f"{what} is an index in line {line}, and a letter of its own elsewhere"
        for (what, place), upto in self.bounds.items():
            if len(upto) > 1:
                said = " and ".join(f"to {to} in line {line}" for to, line in upto.items())
                yield f"index {place + 1} of {what} runs {said}"
        for what in sorted(self.lengths & {w for w, counts in self.indices.items() if max(counts)}):
            yield f"{what} is how far a sum runs, and an array elsewhere"


def _defined_twice(equations: Sequence[Equation]) -> Iterator[str]:
    for each in equations:
        if each.verdict == "wrong" and each.says.startswith("defined in line"):
            yield f"{each.sides[0]} has two meanings: {each.says}"


# --- one run on random numbers --------------------------------------------------------------------


class _Run:
    """All equations, computed on one draw of the letters that the notes do not define."""

    def __init__(
        self,
        equations: Sequence[Equation],
        use: _Use,
        axes: Mapping[str, int],
        seed: int,
        simplex: str = "",
    ) -> None:
        self.equations, self.use = equations, use
        self.seen: dict[str, int] = {}
        rng = np.random.default_rng(seed)
        self.there: dict[str, Any] = {n: float(use.size(n)) for n in use.lengths}
        for what, count in axes.items():
            if what in self.there:
                continue
            shape = tuple(use.size((what, place)) for place in range(count))
            drawn = rng.uniform(0.3, 1.5, shape)
            if what in use.stated | {simplex} and count:
                drawn = drawn / drawn.sum(axis=-1, keepdims=True)
            self.there[what] = Tensor(drawn, name=what)

    def judge(self, derive: Sequence[int]) -> list[tuple[str, str]]:
        """Return the verdict on each equation, and why; derive at these places."""
        found = []
        for place, each in enumerate(self.equations):
            try:
                with np.errstate(all="ignore"):
                    found.append(self._judge(each, place in derive))
            except (ValueError, TypeError) as error:
                said = re.sub(r"^(parse|check_answer|derive): ", "", str(error).splitlines()[0])
                found.append(("unreadable", said))
        return found

    def _judge(self, each: Equation, derive: bool) -> tuple[str, str]:
        if len(each.sides) < 2:
            return "unreadable", "there is no ="
        if match := _DERIVATIVE.fullmatch(each.sides[0]):
            return self._derivative(each, match, derive)
        values = [self._value(side) for side in each.sides[1:]]
        what, indices = _defined(each.sides[0])
        verdict, says = "defines", ""
        if what and what not in self.seen and what not in self.use.stated:
            made = values[0]
            if len(indices) == 2 and [*indices] != sorted(indices):
                made = ops.transpose(made)
            self.there[what] = name(made, what) if made.size > 0 else made
            self.seen[what] = each.line
        elif (
            each.sides[-1] == "1"
            and what == ""
            and {w for w, _ in indices_of(each.sides[0])} & self.use.stated
        ):
            return "defines", ""
        else:
            values = [self._value(each.sides[0]), *values]
            verdict = "right"
            says = (
                f"defined in line {self.seen[what]} as something else" if what in self.seen else ""
            )
        for side, value in zip(each.sides[-len(values) :], values, strict=True):
            off = _apart(values[0].data, value.data, side)
            if off is not None:
                return "wrong", says or off
        return verdict, ""

    def _derivative(self, each: Equation, match: re.Match[str], derive: bool) -> tuple[str, str]:
        of, wrt = (next((what for what, _ in indices_of(match[n])), match[n]) for n in (1, 4))
        for what in (of, wrt):
            if not isinstance(self.there.get(what), Tensor) or (
                what == of and what not in self.seen
            ):
                raise ValueError(f"{what} is not defined before")
        if self.there[of].ndim and not (match[2] or match[3]):
            raise ValueError(f"{of} is no number, and the derivative has no index of it")
        if not derive:
            return "right", ""
        derivation = derive_named(self.there[of], self.there[wrt], Names({}, {}))
        for side in each.sides[1:]:
            verdict = check_answer(derivation, f"{each.sides[0]} = {side}")
            if not verdict:
                slip = verdict.suspect.sentence if verdict.suspect is not None else verdict.reason
                numbers = verdict.disagreement.sentence() if verdict.disagreement else ""
                return "wrong", slip or numbers
        return "right", ""

    def _value(self, side: str) -> Tensor:
        return parse(side, **self.there)


def _apart(first: Any, other: Any, written: str) -> str | None:
    """Say how far two values are apart; decimals are as good as their last digit."""
    if np.ndim(first) and np.ndim(other) and first.shape != other.shape:
        return f"the shapes are {first.shape} and {other.shape}"
    digits = [len(d) for d in re.findall(r"\.(\d+)", written)] if written.isascii() else []
    near = 0.51 * 10.0 ** -min(digits) if digits and not re.search(r"[A-Za-z]", written) else 0.0
    gap = float(np.max(np.abs(first - other)))
    if gap <= near + 1e-9 * max(1.0, float(np.max(np.abs(first)))):
        return None
    return f"the sides differ by {gap:.3g}: {np.ravel(first)[0]:.6g} and {np.ravel(other)[0]:.6g}"
