"""A staged derivation as on a blackboard: lemma, letter put in, result; stage after stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_edu.symbolic.derive import report

if TYPE_CHECKING:
    from tinygrad_edu.symbolic.derive.derivation import Derivation, Formula, Step
    from tinygrad_edu.symbolic.derive.staged import Stage, StagedDerivation

    Row = tuple[Formula, Sequence[Step], tuple[Formula, Formula] | None]

__all__ = ["latex", "text"]


def _rows(stage: Stage, detail: str) -> list[Row]:
    """Return a stage's formulas, each with the steps, or the letter put in, that led to it."""
    lemma, whole = stage.lemma, stage.whole
    if stage.put_in is None:
        return _algebra(lemma, detail)
    rows: list[Row] = [(lemma.result, (), None)]
    if detail == "full":
        rows = _algebra(lemma, detail)
    if whole.start.expr != lemma.result.expr:
        rows.append((whole.start, (), stage.put_in))
    return rows + _algebra(whole, detail)[1:]


def _algebra(derivation: Derivation, detail: str) -> list[Row]:
    rows: list[Row] = [(derivation.start, (), None)]
    rows += [(line[-1].after, line, None) for line in report.lines_of(derivation, detail)]
    return rows


def _letters(derivation: StagedDerivation) -> list[Formula | None]:
    """Return, for each stage, the letter of what it comes to; the last needs none."""
    put_in = [stage.put_in for stage in derivation.stages[1:]]
    return [*(pair and pair[0] for pair in put_in), None]


def text(derivation: StagedDerivation, indices: bool, detail: str) -> str:
    """Write a staged derivation for a terminal."""
    last = derivation.stages[-1].whole
    sections = [
        [f"{report.gradient(last, indices)} = {report.write(derivation.result, indices)}"],
        report.where(derivation.stages[0].lemma, _shown(derivation), indices),
    ]
    for place, (stage, letter) in enumerate(
        zip(derivation.stages, _letters(derivation), strict=True), start=1
    ):
        of = report.gradient(stage.whole, indices)
        left = f"{place}. {of}" if letter is None else f"{place}. {letter.text(indices)} = {of}"
        sections.append(_stage(left, _rows(stage, detail), indices, detail == "full"))
    sections += [
        report.assumptions(derivation.assumptions),
        report.checks(derivation, "each stage"),
        report.letters(_shown(derivation), derivation.stages[0].lemma.recognised, indices),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _shown(derivation: StagedDerivation) -> list[Formula]:
    """Return every formula that is written."""
    shown = [derivation.stages[0].lemma.output]
    for stage in derivation.stages:
        for each in (stage.lemma, stage.whole):
            shown += [each.wrt, each.start, each.result, *(step.after for step in each.steps)]
    return shown


def _stage(left: str, rows: Sequence[Row], indices: bool, full: bool) -> list[str]:
    written = []
    for formula, line, put_in in rows:
        why = ""
        if put_in is not None:
            letter, meaning = (report.write(each, indices) for each in put_in)
            why = f"put in {letter} = {meaning}"
        elif line:
            why = f"{report.rules_of(line)}: {line[0].because}" if full else report.rules_of(line)
            why += f"  {report.checked(line)}"
        written.append((report.write(formula, indices), why))
    margin = " " * len(left)
    equations = [
        (f"{margin if place else left} = {formula}", why)
        for place, (formula, why) in enumerate(written)
    ]
    widest = max(len(equation) for equation, _ in equations)
    if all(widest + 3 + len(why) <= report.WIDTH for _, why in equations):
        return [f"{equation:<{widest}}   {why}".rstrip() for equation, why in equations]
    lines: list[str] = []
    for equation, why in equations:
        lines += [f"{margin}   {why}"] if why else []
        lines.append(equation)
    return lines


# --- LaTeX ----------------------------------------------------------------------------------------


def latex(derivation: StagedDerivation, indices: bool, detail: str) -> str:
    """Write a staged derivation as one aligned display."""
    blocks = []
    for stage, letter in zip(derivation.stages, _letters(derivation), strict=True):
        left = report.gradient_latex(stage.whole, indices)
        if letter is not None:
            left = f"{letter.latex(indices)} = {left}"
        lines: list[str] = []
        for formula, line, put_in in _rows(stage, detail):
            why = ""
            if put_in is not None:
                name, meaning = (report.write_latex(each, indices) for each in put_in)
                why = rf" && \text{{put in }} {name} = {meaning}"
            elif line:
                why = f" && {report.rule_name(report.rules_of(line))}"
            right = report.write_latex(formula, indices)
            lines.append(f"{'' if lines else left} &= {right}{why}".strip())
        blocks.append(" \\\\\n".join(lines))
    body = " \\\\[1ex]\n".join(blocks)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"
