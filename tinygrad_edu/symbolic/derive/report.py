"""A derivation in words and formulas, whole or in stages: for a terminal, and in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tinygrad_edu.symbolic.algebra.expr import (
    Dimension,
    Index,
    Leaf,
    Quantity,
    distinct,
    letters_in,
    total,
)
from tinygrad_edu.symbolic.notation import written as notation

if TYPE_CHECKING:
    from tinygrad_edu.symbolic.algebra.facts import Assumption
    from tinygrad_edu.symbolic.derive.derivation import Contribution, Derivation, Formula, Step
    from tinygrad_edu.symbolic.derive.staged import Stage, StagedDerivation

__all__ = [
    "LONGEST",
    "assumptions",
    "checked",
    "equations",
    "gradient",
    "latex",
    "letters",
    "remarks",
    "rounded_up",
    "rule_name",
    "staged_latex",
    "staged_text",
    "text",
    "write",
    "write_latex",
]

#: What is wider is written below one another, what is longer still is not written at all.
WIDTH = 100
LONGEST = 300


def text(derivation: Derivation, indices: bool = False, detail: str = "full") -> str:
    """Write a derivation for a terminal."""
    formulas = [derivation.output, derivation.start, derivation.result]
    formulas += [step.after for step in derivation.steps]
    passed_on = [f for each in derivation.chain for f in (each.incoming, each.contribution)]
    sections = [
        [f"{gradient(derivation, indices)} = {write(derivation.result, indices)}"],
        _where(derivation, formulas, indices),
        _chain(derivation, indices),
        _algebra(derivation, indices, detail),
        assumptions(derivation.assumptions),
        _checks(derivation),
        letters([*formulas, *passed_on], derivation.recognised, indices),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def staged_text(derivation: StagedDerivation, indices: bool = False, detail: str = "full") -> str:
    """Write a staged derivation as on a blackboard: lemma, letter put in, result, next stage."""
    lemmas = [each for stage in derivation.stages for each in (stage.lemma, stage.whole)]
    formulas = [f for each in lemmas for f in (each.wrt, each.start, each.result)]
    formulas += [lemmas[0].output, *(step.after for each in lemmas for step in each.steps)]
    sections = [
        [f"{gradient(lemmas[-1], indices)} = {write(derivation.result, indices)}"],
        _where(lemmas[0], formulas, indices),
    ]
    for place, (stage, letter) in enumerate(_lettered(derivation), start=1):
        named = "" if letter is None else f"{letter.text(indices)} = "
        left = f"{place}. {named}{gradient(stage.whole, indices)}"
        sections.append(_lines(left, _rows_of_stage(stage, detail), indices))
    sections += [
        assumptions(derivation.assumptions),
        _checks(derivation, "each stage"),
        letters(formulas, lemmas[0].recognised, indices),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _lettered(derivation: StagedDerivation) -> Iterable[tuple[Stage, Formula | None]]:
    """Return each stage with the letter of what it comes to; the last needs none."""
    put_in = [stage.put_in for stage in derivation.stages[1:]]
    return zip(derivation.stages, [*(pair and pair[0] for pair in put_in), None], strict=True)


def gradient(derivation: Derivation, indices: bool = False) -> str:
    """Write what a derivation is about, such as ∂L/∂z."""
    of, wrt = (" ".join(name.split()) for name in derivation.title)
    if indices or _takes_indices(derivation):
        wrt = derivation.wrt.text(indices=True)
    of = f"({of})" if of.startswith("∂") else of
    return f"∂{of}/∂{wrt}" if derivation.seed is None else f"⟨{derivation.seed}, ∂{of}/∂{wrt}⟩"


def _takes_indices(derivation: Derivation) -> bool:
    """Whether ∂L/∂Aᵢⱼₖ has to say which index counts which of three axes."""
    return len(derivation.wrt.expr.indices) > 2 and bool(derivation.result.counters())


def _where(derivation: Derivation, formulas: Iterable[Formula], indices: bool) -> list[str]:
    """Say what the output means, and every name that stands in the formulas."""
    used = {e for f in formulas for e in distinct(f.expr) if isinstance(e, Leaf)}
    of = derivation.title[0]
    lines = [
        f"  {name.text(indices)} = {write(meaning, indices)}"
        for name, meaning in derivation.definitions
        if name.expr in used and name.text() != of
    ]
    meaning = write(derivation.output, indices)
    if meaning != of:
        lines.append(f"  {of} = {meaning}")
    return ["where", *lines] if lines else []


def letters(
    formulas: Iterable[Formula],
    recognised: Iterable[tuple[str, Formula]] = (),
    indices: bool = False,
) -> list[str]:
    """Explain the letters that the user did not choose: lengths, constants, g, and indices."""
    formulas = [f for f in formulas if f.expr.size <= LONGEST]
    parts = {each: None for f in formulas for each in distinct(f.expr)}  # an ordered set
    known = letters_in(f.expr for f in formulas)
    lines = []
    used = {each.index for each in parts if isinstance(each, Dimension)}
    for index in sorted(used, key=lambda index: index.called):
        what = _axis(index, known)
        lines.append(f"  {index.called} = {index.length}{what and f', {what}'}")
    counted: dict[str, dict[str, None]] = {}
    for letter, index in (each for f in formulas for each in f.counters(indices)):
        counted.setdefault(_axis(index, known), {})[letter] = None
    for what, found in counted.items():
        if what:
            verb = "counts" if len(found) == 1 else "count"
            lines.append(f"  {', '.join(sorted(found))} {verb} {what}")
    lines += [f"  {c} = {formula}, found equal on the data" for c, formula in recognised]
    noted = {e.quantity: None for e in parts if isinstance(e, Leaf) and e.quantity.note}
    lines += [f"  {' '.join(q.name.split())}: {q.note}{_shape(q)}" for q in noted]
    return ["Letters", *lines] if lines else []


def _axis(index: Index, known: Iterable[Quantity]) -> str:
    """Say which axis a range is, and of what array: one of the user's, if there is one."""
    places = [
        (bool(q.note), q.definition is not None, axis is not index, q.rank, place, q)
        for q in known
        for place, axis in enumerate(q.axes)
        if axis is not None and axis.range is index.range
    ]
    if not places:
        return ""
    *_, place, quantity = min(places, key=lambda found: found[:-1])
    kinds = ("rows", "columns") if len(quantity.axes) == 2 else ("entries",)
    what = f"axis {place}" if len(quantity.axes) > 2 else f"the {kinds[place]}"
    return f"{what} of {' '.join(quantity.name.split())}"


def _shape(quantity: Quantity) -> str:
    lengths = [1 if axis is None else axis.length for axis in quantity.axes]
    return f", of shape ({', '.join(map(str, lengths))}{',' * (len(lengths) == 1)})"


def _chain(derivation: Derivation, indices: bool) -> list[str]:
    if not derivation.chain:
        return []
    local = "∂vertex/∂argument" if indices else "local rule"
    rows = [("vertex", "argument", "g comes in", local, "goes on as")]
    for entry in derivation.chain:
        if indices and entry.of.expr == entry.to.expr:
            continue  # a transpose: its entries are those of its argument
        rule = entry.jacobian if indices else entry.local
        rows.append(
            (
                _name(entry.of, indices),
                _name(entry.to, indices),
                write(entry.incoming, indices),
                write(rule, indices),
                write(entry.contribution, indices),
            )
        )
    lines = ["Backward: every vertex turns the gradient g of its value into that of its arguments"]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * len(widths) <= WIDTH:
        padded = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        lines += [f"  {row}" for row in padded]
    else:
        heads = rows[0][2:]
        left = max(map(len, heads))
        for of, to, *cells in rows[1:]:
            lines.append(f"  {of}  →  {to}")
            both = zip(heads, cells, strict=True)
            lines += [f"      {head.ljust(left)}  {cell}" for head, cell in both]
    for parts in _meeting(derivation.chain):
        whole = sum(part.contribution.expr.size for part in parts)
        added = f"{whole} parts"
        if whole <= LONGEST:
            added = notation.text(
                total(part.contribution.expr for part in parts),
                indices=indices,
                axes=parts[0].contribution.axes,
            )
        lines.append(
            f"  {len(parts)} paths meet in {_name(parts[0].to, indices)} and add up: {added}"
        )
    return lines


def _meeting(chain: Sequence[Contribution]) -> list[list[Contribution]]:
    """Return, for every argument that gradients reach by several paths, what comes by each."""
    arrived: dict[int, list[Contribution]] = {}
    for entry in chain:
        arrived.setdefault(entry.vertex, []).append(entry)
    return [parts for parts in arrived.values() if len(parts) > 1]


# --- lines of algebra -----------------------------------------------------------------------------


class _Row(NamedTuple):
    """A formula, and the steps, or the letter put in, that led to it."""

    formula: Formula
    line: Sequence[Step] = ()
    put_in: tuple[Formula, Formula] | None = None

    @property
    def rules(self) -> str:
        return ", ".join(dict.fromkeys(step.rule for step in self.line))


def _rows(derivation: Derivation, detail: str) -> list[_Row]:
    if detail not in ("full", "lecture"):
        raise ValueError(f'derivation: detail is "full" or "lecture", not {detail!r}')
    lines = derivation.lecture if detail == "lecture" else [(step,) for step in derivation.steps]
    return [_Row(derivation.start), *(_Row(line[-1].after, line) for line in lines)]


def _rows_of_stage(stage: Stage, detail: str) -> list[_Row]:
    lemma, whole = _rows(stage.lemma, detail), _rows(stage.whole, detail)
    if stage.put_in is None:
        return lemma
    rows = lemma if detail == "full" else [_Row(stage.lemma.result)]
    if whole[0].formula.expr != stage.lemma.result.expr:
        rows.append(_Row(whole[0].formula, (), stage.put_in))
    return rows + whole[1:]


def _algebra(derivation: Derivation, indices: bool, detail: str) -> list[str]:
    rows, left = _rows(derivation, detail), f"  {gradient(derivation, indices)}"
    if len(rows) == 1:
        head = "Algebra: no equation makes what the backward pass leaves any shorter"
    else:
        is_each = len(rows) == len(derivation.steps) + 1
        each = "one equation" if is_each else "one choice and its tidying"
        on = "checked on the data and on random numbers; exact: for the sizes drawn"
        head = f"Algebra: {each} per line, {on}"
    return [head, *_lines(left, rows, indices)]


def _lines(left: str, rows: Sequence[_Row], indices: bool) -> list[str]:
    """Write formulas below one another that are equal to what stands on the left."""
    written = []
    for place, row in enumerate(rows):
        mark = "▸" if row.line and row.line[0].is_choice else ""
        before = mark.rjust(len(left)) if place else left
        written.append((f"{before} = {write(row.formula, indices)}", _because(row, indices)))
    return equations(written, len(left) + 3)


def _because(row: _Row, indices: bool) -> str:
    if row.put_in is not None:
        letter, meaning = (write(each, indices) for each in row.put_in)
        return f"put in {letter} = {meaning}"
    if not row.line:
        return ""
    why = f": {row.line[0].because}" if len(row.line) == 1 else ""
    return f"{row.rules}{why}   {checked(row.line)}"


def equations(rows: Sequence[tuple[str, str]], indent: int) -> list[str]:
    """Write equations, each with its reason beside it or, where that is too wide, above."""
    widest = max(len(equation) for equation, _ in rows)
    if all(widest + 3 + len(why) <= WIDTH for _, why in rows):
        return [f"{equation:<{widest}}   {why}".rstrip() for equation, why in rows]
    lines = [line for equation, why in rows for line in (why and " " * indent + why, equation)]
    return [line for line in lines if line]


def checked(line: Sequence[Step]) -> str:
    """Say whether the two sides of a line are equal exactly, or how far they are apart."""
    known = [step.residual for step in line if not math.isnan(step.residual)]
    said = f"to {rounded_up(max(known, default=0)).removeprefix('≤ ')}"
    if not all(step.holds for step in line):
        said = f"DISAGREES {said}"
    elif all(step.exact for step in line):
        laws = dict.fromkeys(law for step in line for law in step.exact.laws.values())
        said = "exact" + (f", by {'; '.join(laws)}" if laws else "")
    elif len(known) < len(line):
        return "(not finite)"
    on_data = all(step.on_data for step in line)
    return f"({said})" if on_data else f"({said}, on random numbers alone)"


def rounded_up(residual: float) -> str:
    """Round up to a power of ten: the last digit of a sum is another on every machine."""
    return f"≤ 1e{max(math.ceil(math.log10(residual)), -14)}" if residual > 1e-14 else "≤ 1e-14"


def assumptions(stated: Sequence[Assumption]) -> list[str]:
    """List assumptions, each with whether it holds."""
    lines = []
    for a in stated:
        if not a.holds:
            state = f"fails on the data by {a.deviation:.2g}, so it is not used"
        else:
            state = "holds on the data" + ("" if a.used else ", but was not allowed")
        lines.append(f"  {a.statement}   {state}")
    return ["Assumptions", *lines] if lines else []


def _checks(found: Derivation | StagedDerivation, what: str = "the result") -> list[str]:
    """Say how far what was derived is from the gradient that the engine computes."""
    if math.isnan(found.residual):
        said = [f"Not checked: on the data, {what} or its gradient is not finite."]
    else:
        verdict = "Checked" if found.agrees else "DISAGREES"
        gap = f"difference of {what} and the gradient that backward computes"
        said = [f"{verdict}: {gap}, relative to their size: {rounded_up(found.residual)}"]
    return [*said, *remarks(found)]


def remarks(found: Derivation | StagedDerivation) -> list[str]:
    """Say what else is to be known of a derivation: what is wrong, cut short or left out."""
    said = []
    if not found.agrees:
        wrong = [f"{step.rule} does not hold" for step in found.steps if not step.holds]
        said.append(f"Wrong here: {'; '.join(found.faults or dict.fromkeys(wrong))}.")
    if found.capped:
        said.append("The search was cut short: a shorter form may exist.")
    if found.stale:
        which, were = ", ".join(found.stale), "was" if len(found.stale) == 1 else "were"
        said.append(f"Left out: {which}, which {were} recorded from other data than there is now.")
    return said


def write(formula: Formula, indices: bool) -> str:
    """Write a formula, or how long it is."""
    if formula.expr.size > LONGEST:
        return f"… (a formula of {formula.expr.size} parts)"
    return formula.text(indices)


def write_latex(formula: Formula, indices: bool) -> str:
    """Write a formula in LaTeX, or how long it is."""
    if formula.expr.size > LONGEST:
        return rf"\ldots\ \text{{(a formula of {formula.expr.size} parts)}}"
    return formula.latex(indices)


def _name(formula: Formula, indices: bool) -> str:
    """Write a vertex of the graph: its name, or the beginning of what it is."""
    written = write(formula, indices)
    return written if len(written) <= 32 else written[:31] + "…"


# --- LaTeX ----------------------------------------------------------------------------------------


def latex(derivation: Derivation, indices: bool = False, detail: str = "full") -> str:
    """Write a derivation as one aligned display."""
    left = _gradient_latex(derivation, indices)
    return _display([_aligned(left, _rows(derivation, detail), indices)])


def staged_latex(derivation: StagedDerivation, indices: bool = False, detail: str = "full") -> str:
    """Write a staged derivation as one aligned display."""
    blocks = []
    for stage, letter in _lettered(derivation):
        named = "" if letter is None else f"{letter.latex(indices)} = "
        left = named + _gradient_latex(stage.whole, indices)
        blocks.append(_aligned(left, _rows_of_stage(stage, detail), indices))
    return _display(blocks)


def _display(blocks: Iterable[str]) -> str:
    body = " \\\\[1ex]\n".join(blocks)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _aligned(left: str, rows: Iterable[_Row], indices: bool) -> str:
    lines: list[str] = []
    for row in rows:
        why = ""
        if row.put_in is not None:
            letter, meaning = (write_latex(each, indices) for each in row.put_in)
            why = rf" && \text{{put in }} {letter} = {meaning}"
        elif len(row.line) == 1:
            sides = (row.line[0].matched, row.line[0].replaced)
            written = " = ".join(write_latex(side, indices) for side in sides)
            why = f" && {rule_name(row.rules + ': ')} {written}"
        elif row.line:
            why = f" && {rule_name(row.rules)}"
        lines.append(f"{'' if lines else left} &= {write_latex(row.formula, indices)}{why}".strip())
    return " \\\\\n".join(lines)


def _gradient_latex(derivation: Derivation, indices: bool = False) -> str:
    """Write what a derivation is about."""
    of, wrt = (notation.name_latex(name) for name in derivation.title)
    if indices or _takes_indices(derivation):
        wrt = derivation.wrt.latex(indices=True)
    written = rf"\frac{{\partial {of}}}{{\partial {wrt}}}"
    if derivation.incoming is None:
        return written
    return rf"\left\langle {derivation.incoming.latex()}, {written} \right\rangle"


def rule_name(name: str) -> str:
    """Write a rule's name in text mode, with its signs as formulas."""
    for sign in ("|x| sign(x)", "e^x", "Σ", "Π", "δ"):
        name = name.replace(sign, f"${_SIGNS.get(sign, sign)}$")
    return rf"\text{{{name}}}"


_SIGNS = {"|x| sign(x)": r"|x| \operatorname{sign} x", "Σ": r"\sum", "Π": r"\prod", "δ": r"\delta"}
