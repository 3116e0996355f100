"""A derivation as a model: its formulas as graphs, one frame below the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Delta,
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
_LOOKS = {
    "root": ("√", r"\sqrt{\,\cdot\,}"),
    "negative": ("−", "-"),
    "quotient": ("÷", r"\div"),
    "product": ("⊙", r"\odot"),
    "total": ("+", "+"),
}
_SUBSCRIPTS = str.maketrans("aehijklmnoprstuvx", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_LEGEND: tuple[tuple[LegendKind, str], ...] = (
    ("matched", "what the next line is made from"),
    ("cancelled", "what cancels"),
)


def derivation_model(derivation: Derivation, *, every_step: bool = False) -> Model:
    """Return one frame for the start and for each lecture line (or each step) of a derivation."""
    runs = [(step,) for step in derivation.steps] if every_step else derivation.lecture
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


class FormulaGraph:
    """The graph of one formula, from the forms that the spellings use, too."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self.vertices: dict[Any, Vertex] = {}  # by what they are; what one is made of comes first
        self.marks: defaultdict[str, set[Mark]] = defaultdict(set)  # of vertices
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
        expr, constant = shown.expr, _constant(shown)
        if constant is not None:
            look = constant.text, constant.latex
            return self._new(("constant", constant.latex), "constant", *look)
        if isinstance(expr, Leaf) and all(axis.place is None for axis in expr.axes):
            name = expr.quantity.name
            latex = expr.quantity.latex or notation.name_latex(name)
            return self._new(("leaf", expr.quantity), "value", name, latex)
        if isinstance(expr, Leaf | Delta):  # one entry, such as z₁
            identity: Any = expr
            if isinstance(expr, Leaf):
                identity = expr.quantity, *(axis.place for axis in expr.axes)
            return self._new(identity, "value", notation.text(expr), notation.latex(expr))
        # A part of a product (what stands above, what stands below) belongs to that product.
        whose = owner if expr is None else None
        operands: list[tuple[str, str, Expr, bool]] = []
        alone = sum(_constant(part) is None for part in shown.parts) == 1
        for part, sign in zip(shown.parts, _signs(shown), strict=True):
            if _constant(part) is None:
                under = below or sign == "÷"
                seen = "" if alone else sign  # otherwise the vertex says it: 1 ÷
                operands.append((self._form(part, owner, under), seen, _expr(part), under))
        look = self._symbol(shown)
        inside = tuple((tail, sign) for tail, sign, _, _ in operands)
        identity = (shown.kind, look[1], inside, whose)
        is_new = identity not in self.vertices
        key = self._new(identity, "op", *look)
        if is_new:
            for tail, sign, operand, under in operands:
                self.wires.append(Wire(tail, key, owner, operand, sign, under))
        return key

    def _new(self, identity: Any, kind: VertexKind, text: str, formula: str) -> str:
        """Return the key of the vertex of this identity, which is made if it is not there."""
        new = Vertex(f"n{len(self.vertices)}", kind, formula, text)
        return self.vertices.setdefault(identity, new).key

    def _symbol(self, shown: Form) -> tuple[str, str]:
        constants = [_constant(part) for part in shown.parts]
        if shown.kind == "call":
            expr = shown.expr
            assert isinstance(expr, Apply | Opaque)
            return symbol(expr.op, [c or Operand() for c in constants], expr.attributes)
        if shown.kind == "sum over":
            letters = "".join(label.letter for label in shown.detail) if self.several else ""
            below = f"_{{{letters}}}" if letters else ""
            return f"Σ{letters.translate(_SUBSCRIPTS)}", rf"\sum{below}"
        if shown.kind == "power":
            return f"(·)^{shown.detail}", rf"(\,\cdot\,)^{{{shown.detail}}}"
        sign = _LOOKS[shown.kind]
        if shown.kind == "product" and (self.several or any(constants)):
            sign = "·", r"\cdot"
        if shown.kind == "total" and [*map(bool, shown.detail)] == [False, True]:
            sign = "−", "-"
        return _between(constants, *sign)

    # --- marks ------------------------------------------------------------------------------------

    def mark(self, step: Step) -> None:
        """Outline what a step matches, and strike what it cancels, as far as it stands here."""
        matched, replaced = step.matched.expr, step.replaced.expr
        place = step.place_in(self.formula)
        if place is None:
            return
        cancels = isinstance(replaced, Number) and isinstance(matched, Mul | Add)
        mark: Mark = "cancelled" if cancels else "matched"
        for wire in self._wires_of(place, matched):
            wire.marks.add(mark)
            self.marks[wire.head].add("matched")
            if not cancels:
                self.marks[wire.tail].add("matched")

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
        for vertex in self.vertices.values():
            leaving = [wire for wire in self.wires if wire.tail == vertex.key]
            if leaving and all("cancelled" in wire.marks for wire in leaving):
                self.marks[vertex.key].add("cancelled")

    def model(self) -> Model:
        """Return vertices and edges with their marks."""
        self.finish_marks()
        value = self.formula.evaluate()
        shape = (shape_text(value.shape),) if value.size > 6 else ()
        lines = {self.root: (*shape, *value_lines(value))}
        vertices = (
            replace(v, lines=lines.get(v.key, ()), marks=frozenset(self.marks[v.key]))
            for v in self.vertices.values()
        )
        edges = (Edge(w.tail, w.head, sign=w.sign, marks=frozenset(w.marks)) for w in self.wires)
        return Model(tuple(vertices), tuple(edges))


def _signs(shown: Form) -> tuple[str, ...]:
    """Say of each part whether it is subtracted or stands below."""
    if shown.kind == "quotient":
        return "", "÷"
    if shown.kind == "total":
        return tuple("−" if minus else "" for minus in shown.detail)
    return ("",) * len(shown.parts)


def _between(constants: Sequence[Operand | None], sign: str, latex: str) -> tuple[str, str]:
    """Write a sign with the constant that stands on its left or on its right."""
    known = next((constant for constant in constants if constant is not None), None)
    if known is None:
        return sign, latex
    if constants[0] is known:
        return f"{known.text} {sign}", f"{known.latex} {latex}"
    return f"{sign} {known.text}", f"{latex} {known.latex}"


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
    if isinstance(shown.expr, Expr):
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
