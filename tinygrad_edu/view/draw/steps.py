"""A derivation as a model: its formulas as graphs, one frame below the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Leaf,
    Mul,
    Number,
    Opaque,
    distinct,
    power,
    product,
)
from tinygrad_edu.symbolic.derive import Derivation, Formula, Step, write, write_latex
from tinygrad_edu.symbolic.notation import written as notation
from tinygrad_edu.symbolic.notation.form import Form, entries
from tinygrad_edu.view.draw.model import Edge, Frame, LegendKind, Mark, Model, Vertex, VertexKind
from tinygrad_edu.view.draw.recorded import derivative
from tinygrad_edu.view.draw.symbols import Operand, number_operand, symbol
from tinygrad_edu.view.draw.values import shape_text, value_lines

__all__ = ["FormulaGraph", "Wire", "derivation_model"]

_ONE = Fraction(1)
_LONGEST = 80  # characters of an equation in a caption
_SUBSCRIPTS = str.maketrans("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_LEGEND: tuple[tuple[LegendKind, str], ...] = (
    ("matched", "what the next line is made from"),
    ("cancelled", "what cancels"),
)


def derivation_model(derivation: Derivation, *, every_step: bool = False) -> Model:
    """Return one frame for the start and for each lecture line (or each step) of a derivation."""
    runs = [[step] for step in derivation.steps] if every_step else _lines(derivation.steps)
    formulas = [derivation.start, *(run[-1].after for run in runs)]
    frames: list[Frame] = []
    left, left_latex = derivative(*derivation.title)
    for number, formula in enumerate(formulas):
        before = runs[number - 1] if number else []
        graph = FormulaGraph(formula)
        for step in runs[number] if number < len(runs) else []:
            graph.mark(step)
        right = write_latex(formula, indices=False)
        frames.append(
            Frame(
                graph.model(),
                _names(before) or "As the backward pass leaves it",
                f"{left_latex} = {right}" if left_latex else right,
                tuple(_said(step) for step in before),
            )
        )
    marks = {mark for f in frames for vertex in f.model.vertices for mark in vertex.marks}
    marks |= {mark for f in frames for edge in f.model.edges for mark in edge.marks}
    return Model(
        title=f"{left} = {write(derivation.result, indices=False)}",
        legend=tuple(entry for entry in _LEGEND if entry[0] in marks),
        frames=tuple(frames),
    )


def _lines(steps: Sequence[Step]) -> list[list[Step]]:
    """Part the steps into lecture lines: a choice and the tidying that follows it."""
    lines: list[list[Step]] = []
    for step in steps:
        if step.is_choice or not lines:
            lines.append([])
        lines[-1].append(step)
    return lines


def _names(steps: Sequence[Step]) -> str:
    return ", ".join(dict.fromkeys(step.rule for step in steps))


def _said(step: Step) -> str:
    equation = step.equation
    if step.matched.size + step.replaced.size <= _LONGEST:
        written = f"{step.matched} = {step.replaced}"
        equation = written if len(written) <= _LONGEST else equation
    because = step.because if len(step.because) <= _LONGEST else "by definition"
    reason = because.removeprefix(f"{equation}, ")  # an assumption says what it assumes
    return f"{step.rule}:   {equation}   ({reason})"


# --- one formula as a graph -----------------------------------------------------------------------


@dataclass(eq=False)
class Wire:
    """An operand's way into a form: which expression it carries, and on which side."""

    tail: str
    head: str
    owner: Expr
    expr: Expr
    sign: str  # of what is subtracted or divided by
    below: bool  # whether it stands below the bar of its owner
    marks: set[Mark] = field(default_factory=set)


@dataclass(eq=False)
class _Form:
    """A vertex before its marks are known."""

    key: str
    kind: VertexKind
    text: str
    formula: str
    marks: set[Mark] = field(default_factory=set)


class FormulaGraph:
    """The graph of one formula, from the forms that the spellings use, too."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self.forms: dict[Any, _Form] = {}
        self._drawn: dict[tuple[str, Expr], str] = {}
        self.wires: list[Wire] = []
        self.several = len({index for e in distinct(formula.expr) for index in e.indices}) > 1
        self.root = self._form(entries(formula.expr), formula.expr)

    # --- forms become vertices --------------------------------------------------------------------

    def _form(self, shown: Form, owner: Expr, below: bool = False) -> str:
        """Draw a form with all that it is made of, once, and return its key."""
        if shown.expr is None:
            return self._draw(shown, owner, below)
        key = shown.kind, shown.expr
        if key not in self._drawn:
            self._drawn[key] = self._draw(shown, shown.expr)
        return self._drawn[key]

    def _draw(self, shown: Form, owner: Expr, below: bool = False) -> str:
        constant = _constant(shown)
        if constant is not None:
            return self._new(
                ("constant", constant.latex), "constant", constant.text, constant.latex
            )
        if shown.kind == "leaf":
            leaf = shown.expr
            assert isinstance(leaf, Leaf)
            places = tuple(axis.place for axis in leaf.axes)
            if any(place is not None for place in places):  # one entry, such as z₁
                entry = ("leaf", leaf.quantity, places)
                return self._new(entry, "value", notation.text(leaf), notation.latex(leaf))
            name = leaf.quantity.name
            latex = leaf.quantity.latex or notation.name_latex(name)
            return self._new(("leaf", leaf.quantity), "value", name, latex)
        if shown.kind == "delta":
            delta = shown.expr
            assert delta is not None
            text, latex = notation.text(delta), notation.latex(delta)
            return self._new(("delta", delta), "value", text, latex)
        # A part of a product (what stands above, what stands below) belongs to that product.
        whose = owner if shown.expr is None else None
        operands: list[tuple[str, str, Expr, bool]] = []
        alone = sum(_constant(part) is None for part in shown.parts) == 1
        for part, sign in zip(shown.parts, _signs(shown), strict=True):
            if _constant(part) is None:
                under = below or sign == "÷"
                seen = "" if alone else sign  # otherwise the vertex says it: 1 ÷
                operands.append((self._form(part, owner, under), seen, _expr(part), under))
        text, latex = self._symbol(shown)
        inside = tuple((tail, sign) for tail, sign, _, _ in operands)
        identity = (shown.kind, latex, inside, whose)
        if identity in self.forms:
            return self.forms[identity].key
        key = self._new(identity, "op", text, latex)
        for tail, sign, expr, under in operands:
            self.wires.append(Wire(tail, key, owner, expr, sign, under))
        return key

    def _new(self, identity: Any, kind: VertexKind, text: str, formula: str) -> str:
        found = self.forms.get(identity)
        if found is None:
            key = f"n{len(self.forms)}"
            found = self.forms[identity] = _Form(key, kind, text, formula)
        return found.key

    def _symbol(self, shown: Form) -> tuple[str, str]:
        constants = [_constant(part) for part in shown.parts]
        kind = shown.kind
        if kind == "call":
            expr = shown.expr
            assert isinstance(expr, Apply | Opaque)
            return symbol(expr.op, [c or Operand() for c in constants], expr.attributes)
        if kind == "sum over":
            letters = "".join(label.letter for label in shown.detail) if self.several else ""
            below = f"_{{{letters}}}" if letters else ""
            return f"Σ{letters.translate(_SUBSCRIPTS)}", rf"\sum{below}"
        if kind == "power":
            return f"(·)^{shown.detail}", rf"(\,\cdot\,)^{{{shown.detail}}}"
        if kind == "root":
            return "√", r"\sqrt{\,\cdot\,}"
        if kind == "negative":
            return "−", "-"
        if kind == "quotient":
            return _between(constants, "÷", r"\div")
        if kind == "product":
            by_number = self.several or any(constants)
            return _between(constants, *(("·", r"\cdot") if by_number else ("⊙", r"\odot")))
        assert kind == "total"
        minus = shown.detail
        if len(minus) == 2 and minus[1] and not minus[0]:
            return _between(constants, "−", "-")
        return _between(constants, "+", "+")

    # --- marks ------------------------------------------------------------------------------------

    def mark(self, step: Step) -> None:
        """Outline what a step matches, and strike what it cancels, as far as it stands here."""
        matched, replaced = step.matched.expr, step.replaced.expr
        place = step.place_in(self.formula)
        if place is None:
            return
        cancels = isinstance(replaced, Number) and isinstance(matched, Mul | Add)
        mark: Mark = "cancelled" if cancels else "matched"
        forms = {form.key: form for form in self.forms.values()}
        for wire in self._wires_of(place, matched):
            wire.marks.add(mark)
            forms[wire.head].marks.add("matched")
            if not cancels:
                forms[wire.tail].marks.add("matched")

    def _wires_of(self, place: Expr, matched: Expr) -> Iterator[Wire]:
        """Yield the wires of a place that belong to what was matched there."""
        wires = [wire for wire in self.wires if _alike(wire.owner, place)]
        if _alike(place, matched):
            yield from wires
            return
        wanted = list(_pieces(matched))
        for wire in wires:
            for piece in wanted:
                if _alike(piece[0], wire.expr) and piece[1] == wire.below:
                    wanted.remove(piece)
                    yield wire
                    break

    # --- the model --------------------------------------------------------------------------------

    def finish_marks(self) -> None:
        """Cancel what leads nowhere any more."""
        for form in self.forms.values():
            leaving = [wire for wire in self.wires if wire.tail == form.key]
            if leaving and all("cancelled" in wire.marks for wire in leaving):
                form.marks.add("cancelled")

    def model(self) -> Model:
        """Return vertices and edges with their marks."""
        self.finish_marks()
        value = self.formula.evaluate()
        shape = (shape_text(value.shape),) if value.size > 6 else ()
        result = (*shape, *value_lines(value))
        return Model(
            tuple(
                Vertex(
                    form.key,
                    form.kind,
                    form.formula,
                    form.text,
                    result if form.key == self.root else (),
                    frozenset(form.marks),
                )
                for form in self.forms.values()
            ),
            tuple(
                Edge(wire.tail, wire.head, sign=wire.sign, marks=frozenset(wire.marks))
                for wire in self.wires
            ),
        )


def _signs(shown: Form) -> tuple[str, ...]:
    """Say of each part whether it is subtracted or stands below."""
    if shown.kind == "quotient":
        return "", "÷"
    if shown.kind == "total":
        return tuple("−" if minus else "" for minus in shown.detail)
    return ("",) * len(shown.parts)


def _between(constants: Iterable[Operand | None], sign: str, latex: str) -> tuple[str, str]:
    """Write a sign with the constants that stand on its left and on its right."""
    listed = list(constants)
    known = [c for c in listed if c is not None]
    if not known:
        return sign, latex
    if listed[0] is not None:
        text, tex = known[0].text, known[0].latex
        return f"{text} {sign}", f"{tex} {latex}"
    return f"{sign} {known[0].text}", f"{latex} {known[0].latex}"


def _constant(shown: Form) -> Operand | None:
    """Return a form made of numbers and dimensions alone, which needs no vertices of its own."""
    if shown.kind == "number":
        return number_operand(float(shown.detail))
    if not _is_constant(shown):
        return None
    expr = _expr(shown)
    return Operand(notation.text(expr), notation.latex(expr), True)


def _is_constant(shown: Form) -> bool:
    if shown.kind in {"product", "quotient", "negative", "power"}:
        return all(map(_is_constant, shown.parts))
    return shown.kind in {"number", "dimension"}


def _expr(shown: Form) -> Expr:
    """Return the expression of a form; what stands above or below has none of its own."""
    if shown.expr is not None:
        return shown.expr
    if shown.kind == "number":
        return Number(shown.detail)
    return product(1, [(_expr(part), _ONE) for part in shown.parts])


def _alike(one: Expr, other: Expr) -> bool:
    """Whether two expressions are equal but for their sign, which a form takes out."""
    return one == other or product(-1, [(one, _ONE)]) == other


def _pieces(matched: Expr) -> Iterator[tuple[Expr, bool]]:
    """Yield the operands that a match consists of, and whether each stands below."""
    if isinstance(matched, Mul):
        for base, exponent in matched.factors:
            yield power(base, abs(exponent)), exponent < 0
    elif isinstance(matched, Add):
        for term in matched.terms:
            yield term, False
