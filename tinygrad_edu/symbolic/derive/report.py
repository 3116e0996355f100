"""A derivation in words and formulas: for a terminal, and in LaTeX."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tinygrad_edu.symbolic.algebra.expr import (
    Dimension,
    Index,
    Leaf,
    Quantity,
    distinct,
    quantities_in,
    total,
)
from tinygrad_edu.symbolic.notation import written as notation

if TYPE_CHECKING:
    from tinygrad_edu.symbolic.algebra.facts import Assumption
    from tinygrad_edu.symbolic.derive.derivation import Contribution, Derivation, Formula, Step
    from tinygrad_edu.symbolic.derive.staged import StagedDerivation

__all__ = [
    "WIDTH",
    "assumptions",
    "checked",
    "checks",
    "gradient",
    "gradient_latex",
    "latex",
    "letters",
    "lines_of",
    "meeting",
    "remarks",
    "rounded_up",
    "rule_name",
    "rules_of",
    "table",
    "text",
    "where",
    "width",
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
        where(derivation, formulas, indices),
        _chain(derivation, indices),
        _algebra(derivation, indices, lines_of(derivation, detail)),
        assumptions(derivation.assumptions),
        checks(derivation),
        letters([*formulas, *passed_on], derivation.recognised, indices),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


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


def where(derivation: Derivation, formulas: Iterable[Formula], indices: bool) -> list[str]:
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
    parts = list(dict.fromkeys(e for f in formulas for e in distinct(f.expr)))
    used = {e.index for e in parts if isinstance(e, Dimension)}
    noted = {e.quantity: None for e in parts if isinstance(e, Leaf) and e.quantity.note}
    by_letter = sorted(used, key=lambda index: index.called)
    leaves = dict.fromkeys(e.quantity for e in parts if isinstance(e, Leaf))
    known = {**leaves, **dict.fromkeys(quantities_in(q.leaf for q in leaves))}
    lengths = [(index, _axis(index, known)) for index in by_letter]
    lines = [f"  {index.called} = {index.length}{what and f', {what}'}" for index, what in lengths]
    counted: dict[str, dict[str, None]] = {}
    for letter, index in (each for f in formulas for each in f.counters(indices)):
        counted.setdefault(_axis(index, known), {})[letter] = None
    for what, found in counted.items():
        if what:
            verb = "counts" if len(found) == 1 else "count"
            lines.append(f"  {', '.join(sorted(found))} {verb} {what}")
    lines += [f"  {c} = {formula}, found equal on the data" for c, formula in recognised]
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
    if width(rows) <= WIDTH:
        lines += table(rows)
    else:
        heads = rows[0][2:]
        left = max(map(len, heads))
        for of, to, *cells in rows[1:]:
            lines.append(f"  {of}  →  {to}")
            lines += [
                f"      {a.ljust(left)}  {cell}" for a, cell in zip(heads, cells, strict=True)
            ]
    for parts in meeting(derivation.chain):
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


def meeting(chain: Sequence[Contribution]) -> list[list[Contribution]]:
    """Return, for every argument that gradients reach by several paths, what comes by each."""
    arrived: dict[int, list[Contribution]] = {}
    for entry in chain:
        arrived.setdefault(entry.vertex, []).append(entry)
    return [parts for parts in arrived.values() if len(parts) > 1]


def lines_of(derivation: Derivation, detail: str) -> Sequence[Sequence[Step]]:
    """Return the steps of each line that is written."""
    if detail not in ("full", "lecture"):
        raise ValueError(f'derivation: detail is "full" or "lecture", not {detail!r}')
    if detail == "lecture":
        return derivation.lecture
    return [(step,) for step in derivation.steps]


def rules_of(line: Sequence[Step]) -> str:
    """Name the rules of a line."""
    return ", ".join(dict.fromkeys(step.rule for step in line))


def _algebra(derivation: Derivation, indices: bool, written: Sequence[Sequence[Step]]) -> list[str]:
    if not written:
        start = write(derivation.start, indices)
        return [
            "Algebra: no equation makes what the backward pass leaves any shorter",
            f"  {gradient(derivation, indices)} = {start}",
        ]
    rows = [(gradient(derivation, indices) + " =", write(derivation.start, indices), "", "")]
    for line in written:
        mark = "▸ =" if line[0].is_choice else "="
        why = f"{line[0].because}   {checked(line)}" if len(line) == 1 else checked(line)
        rows.append((mark, write(line[-1].after, indices), rules_of(line), why))
    left = max(len(row[0]) for row in rows)
    rows = [(row[0].rjust(left), *row[1:]) for row in rows]
    each = "one equation" if len(written) == len(derivation.steps) else "one choice and its tidying"
    checked_on = "checked on the data and on random numbers; exact: for the sizes drawn"
    lines = [f"Algebra: {each} per line, {checked_on}"]
    if width(rows) <= WIDTH:
        return lines + table(rows)
    for sign, formula, rule, why in rows:
        if rule:
            lines.append(f"  {' ' * left}    {rule}: {why}")
        lines.append(f"  {sign} {formula}")
    return lines


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


def checks(found: Derivation | StagedDerivation, what: str = "the result") -> list[str]:
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


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def width(rows: Sequence[Sequence[str]]) -> int:
    """Return how wide a table of these rows is."""
    return 2 * len(rows[0]) + sum(_widths(rows))


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Write rows below one another."""
    widths = _widths(rows)
    return [
        "  " + "  ".join(map(str.ljust, row, widths)).rstrip()  # two spaces between columns
        for row in rows
    ]


# --- LaTeX ----------------------------------------------------------------------------------------


def latex(derivation: Derivation, indices: bool = False, detail: str = "full") -> str:
    """Write a derivation as one aligned display."""
    rows = [rf"{gradient_latex(derivation, indices)} &= {write_latex(derivation.start, indices)}"]
    for line in lines_of(derivation, detail):
        why = rule_name(rules_of(line))
        if len(line) == 1:
            sides = (write_latex(side, indices) for side in (line[0].matched, line[0].replaced))
            why = f"{rule_name(line[0].rule + ': ')} {' = '.join(sides)}"
        rows.append(f"&= {write_latex(line[-1].after, indices)} && {why}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def gradient_latex(derivation: Derivation, indices: bool = False) -> str:
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
