"""A derivation in words and formulas: for a terminal, and in LaTeX."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.expr import Expr, Leaf, total

if TYPE_CHECKING:
    from tinygrad_edu.symbolic.derivation import Contribution, Derivation, Formula, Step

__all__ = ["latex", "text"]


def text(derivation: Derivation, indices: bool = False) -> str:
    """Write a derivation for a terminal."""
    sections = [
        _heading(derivation, indices),
        _where(derivation, indices),
        _chain(derivation, indices),
        _algebra(derivation, indices),
        _assumptions(derivation),
        _checks(derivation),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines)


def _heading(derivation: Derivation, indices: bool) -> list[str]:
    gradient, result = _gradient(derivation, indices), derivation.result.text(indices)
    return [f"{gradient} = {result}"]


def _gradient(derivation: Derivation, indices: bool) -> str:
    of, wrt = derivation.title
    if indices:
        wrt = derivation.wrt.text(indices=True)
    return f"∂{of}/∂{wrt}" if derivation.seed is None else f"⟨{derivation.seed}, ∂{of}/∂{wrt}⟩"


def _where(derivation: Derivation, indices: bool) -> list[str]:
    used = {
        leaf
        for formula in _formulas(derivation)
        for leaf in formula.expr.walk()
        if isinstance(leaf, Leaf)
    }
    lines = [
        f"  {name.text(indices)} = {meaning.text(indices)}"
        for name, meaning in derivation.definitions
        if name.expr in used and name.text() != derivation.title[0]
    ]
    of = derivation.title[0]
    return ["where", *lines, f"  {of} = {derivation.output.text(indices)}"]


def _formulas(derivation: Derivation) -> list[Formula]:
    inside = [derivation.output, derivation.start, derivation.result]
    return inside + [step.after for step in derivation.steps]


def _chain(derivation: Derivation, indices: bool) -> list[str]:
    local = "∂vertex/∂argument" if indices else "local rule"
    rows = [("vertex", "argument", "g comes in", local, "goes on as")]
    for entry in derivation.chain:
        rule = entry.jacobian if indices else entry.local
        rows.append(
            (
                _short(entry.of.text(indices)),
                _short(entry.to.text(indices)),
                entry.incoming.text(indices),
                rule.text(indices),
                entry.contribution.text(indices),
            )
        )
    lines = ["Backward: every vertex turns the gradient g of its value into that of its arguments"]
    lines += ["  " + line for line in _table(rows)]
    for parts in meeting(derivation.chain):
        added = notation.text(total(p.contribution.expr for p in parts), indices=indices)
        lines.append(f"  {len(parts)} paths meet in {parts[0].to.text(indices)} and add up: {added}")
    return lines


def meeting(chain: list[Contribution]) -> list[list[Contribution]]:
    """Return, for every argument that gradients reach by several paths, what comes by each."""
    arrived: dict[Expr, list[Contribution]] = {}
    for entry in chain:
        arrived.setdefault(entry.to.expr, []).append(entry)
    return [parts for parts in arrived.values() if len(parts) > 1]


def _short(written: str, width: int = 32) -> str:
    return written if len(written) <= width else written[: width - 1] + "…"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _algebra(derivation: Derivation, indices: bool) -> list[str]:
    gradient = _gradient(derivation, indices)
    rows = [(gradient + " =", derivation.start.text(indices), "", "", "")]
    for step in derivation.steps:
        mark = "▸" if step.is_choice else ""
        rows.append(
            (
                mark + " =",
                step.after.text(indices),
                step.rule,
                step.because,
                _residual(step),
            )
        )
    left = max(len(row[0]) for row in rows)
    rows = [(row[0].rjust(left), *row[1:]) for row in rows]
    title = "Algebra: one equation per line, checked on the data and on random numbers"
    if not derivation.steps:
        title = "Algebra: the backward pass leaves nothing to simplify"
    return [title, *("  " + line for line in _table(rows))]


def _residual(step: Step) -> str:
    if step.residual != step.residual:
        return "not finite"
    return "exact" if step.residual == 0 else f"{step.residual:.0e}"


def _assumptions(derivation: Derivation) -> list[str]:
    lines = []
    for a in derivation.assumptions:
        if not a.holds:
            state = f"fails on the data by {a.deviation:.2g}, so it is not used"
        else:
            state = "holds on the data" + ("" if a.used else ", but was not allowed")
        lines.append(f"  {a.statement}   {state}")
    return ["Assumptions", *lines] if lines else []


def _checks(derivation: Derivation) -> list[str]:
    lines = [
        f"Checked: the result and the gradient that backward computes differ by at most "
        f"{derivation.residual:.0e}, relative to their size."
    ]
    if derivation.capped:
        lines.append("The search was cut short: a shorter form may exist.")
    return lines


# --- LaTeX ----------------------------------------------------------------------------------------


def latex(derivation: Derivation, indices: bool = False) -> str:
    """Write a derivation as one aligned display."""
    of, wrt = (notation.name_latex(name) for name in derivation.title)
    if indices:
        wrt = derivation.wrt.latex(indices=True)
    left = rf"\frac{{\partial {of}}}{{\partial {wrt}}}"
    rows = [rf"{left} &= {derivation.start.latex(indices)}"]
    for step in derivation.steps:
        equation = f"{step.matched.latex(indices)} = {step.replaced.latex(indices)}"
        reason = rf"\text{{{notation.escape_latex(_ascii(step.rule))}: }} {equation}"
        rows.append(rf"&= {step.after.latex(indices)} && {reason}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _ascii(rule: str) -> str:
    """Write a rule's name without mathematical signs, for text mode."""
    for sign, word in {"Σ": "sum", "δ": "delta", "|x|": "abs(x)"}.items():
        rule = rule.replace(sign, word)
    return rule
