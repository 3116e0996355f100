"""A derivation as a story: forward, backward and algebra as one ordered list of frames.

Plain data and nothing that is drawn: what each frame says, and which vertices and edges of which
drawing it shows. A drawing is one graph, laid out once, so that what stays from frame to frame
stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tinygrad_edu.core.node import slots
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.derivation import Derivation, Formula, Step, residual
from tinygrad_edu.symbolic.derive import Passes, Visit, derive_named, passes
from tinygrad_edu.symbolic.evaluate import ROUNDING, Environment, magnitudes
from tinygrad_edu.symbolic.expr import Leaf, Quantity, distinct
from tinygrad_edu.symbolic.expr import total as sum_of
from tinygrad_edu.symbolic.trace import Symbol
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.evolution import Evolution
from tinygrad_edu.view.model import Edge, Model, Vertex
from tinygrad_edu.view.program import Program
from tinygrad_edu.view.recorded import derivative
from tinygrad_edu.view.steps import derivation_model
from tinygrad_edu.view.symbols import Operand, application, number_operand
from tinygrad_edu.view.values import number_text, one_line, shape_text, sum_text, value_lines

__all__ = ["Frame", "Heat", "Maths", "Node", "Phase", "Scene", "Story", "Written", "story"]

Phase = Literal["forward", "backward", "algebra"]

_LONGEST = 300  # parts of a formula; a longer one is described
_MOST_PARTS = 40  # of a formula that numbers are put into
_MOST_NUMBERS = 12  # entries of an array whose numbers stand in a formula
_WIDEST = 8  # rows and columns of a Jacobian that is shown
_MOST_VERTICES = 300
_SILENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"})
_SIGNS = {"subtract": "−", "divide": "÷"}


@dataclass(frozen=True, slots=True)
class Maths:
    """A formula as readable text and as LaTeX ("" where there is none)."""

    text: str
    latex: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A formula in vector notation and in index notation."""

    vector: Maths
    index: Maths


@dataclass(frozen=True, slots=True)
class Heat:
    """A Jacobian in numbers: rows are entries of `of`, columns entries of `wrt`."""

    of: str
    wrt: str
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """What of a drawing a frame shows: the state of each vertex and edge, by its place there.

    What is not named is not shown. The states of a vertex are "past", "now", "source" (what it is
    made of), "matched" and "cancelled"; a vertex in `known` shows its gradient, too.
    """

    drawing: str
    vertices: dict[int, str]
    edges: dict[int, str]
    known: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the story.

    `equation` is its formula and `numbers` the same with numbers in it; `rule` says what is
    applied and `because` why it holds; `python` is the line that made the vertex and `check` how
    far the two sides are apart. `track` names the frames that a switch exchanges. Algebra shows
    what a rule is applied to in `before`: what it matches is outlined, what it cancels struck
    through.
    """

    key: str
    phase: Phase
    title: str
    equation: Written
    scene: Scene
    rule: str = ""
    because: str = ""
    local: Written | None = None
    numbers: tuple[Maths, ...] = ()
    python: str = ""
    check: str = ""
    heat: Heat | None = None
    track: str = ""
    before: Scene | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One row of the table of all vertices; `place` is that in the drawing, `name` its formula."""

    place: int
    called: str
    name: Written
    kind: str
    shape: str
    value: str
    gradient: str
    python: str
    made_of: tuple[int, ...]
    used_by: tuple[int, ...]
    locals: tuple[Written, ...]
    heats: tuple[Heat, ...]


@dataclass(frozen=True)
class Story:
    """A derivation, ready to be told.

    `assumption` is the statement that the switch is for, or "". `drawings` are what the frames
    show, by name; `sources` what can be copied as DOT text, `latex` as LaTeX.
    """

    title: Maths
    result: Maths
    assumption: str
    without: Maths | None
    frames: tuple[Frame, ...]
    nodes: tuple[Node, ...]
    drawings: dict[str, Model]
    sources: dict[str, Model]
    program: str
    latex: dict[str, str]
    checked: str
    notes: tuple[str, ...] = field(default=())


def story(output: Tensor, wrt: Tensor, names: Names, fused: Iterable[str] = ()) -> Story:
    """Tell how the gradient of `output` with respect to `wrt` comes about."""
    fused = tuple(fused)
    found = derive_named(output, wrt, names, None, fused)
    used = [a.statement for a in found.assumptions if a.used]
    free = derive_named(output, wrt, names, (), fused) if used else None
    return _Teller(passes(output, wrt, names, fused), found, free, used).tell()


# --- formulas -------------------------------------------------------------------------------------


def _maths(formula: Formula, indices: bool = False) -> Maths:
    if formula.expr.size > _LONGEST:
        return Maths(f"… (a formula of {formula.expr.size} parts)")
    return Maths(formula.text(indices), formula.latex(indices))


def _written(formula: Formula) -> Written:
    return Written(_maths(formula), _maths(formula, True))


def _join(*parts: Written | Maths | str) -> Written:
    """Put formulas and signs into one row."""
    both = []
    for index in (False, True):
        maths = [_side(part, index) for part in parts]
        latex = " ".join(m.latex for m in maths) if all(m.latex for m in maths) else ""
        both.append(Maths(" ".join(m.text for m in maths), latex))
    return Written(*both)


def _side(part: Written | Maths | str, index: bool) -> Maths:
    if isinstance(part, Written):
        return part.index if index else part.vector
    return (
        Maths(part, {"−": "-", "∝": r"\propto"}.get(part, part)) if isinstance(part, str) else part
    )


def numbers_of(value: Any, inside: bool = False) -> Maths | None:
    """Write an array as a formula, a row vector as it is printed; None for one too large.

    `inside` a formula a negative number stands in parentheses.

    Examples
    --------
    >>> numbers_of(np.array([1.47, -0.39])).text
    '(1.47, −0.39)'
    """
    array = np.asarray(value)
    if array.size == 0 or array.size > _MOST_NUMBERS or array.ndim > 2:
        return None
    rows = [line.split("  ") for line in _rows(array)]
    if array.ndim == 0:
        entry = rows[0][0]
        bare = not inside or not entry.startswith("−")
        return Maths(entry if bare else f"({entry})", _tex(entry) if bare else f"({_tex(entry)})")
    if array.ndim == 1:
        latex = r",\; ".join(map(_tex, rows[0]))
        return Maths(f"({', '.join(rows[0])})", rf"\left({latex}\right)")
    body = r" \\ ".join(" & ".join(map(_tex, row)) for row in rows)
    text = "; ".join(", ".join(row) for row in rows)
    return Maths(f"[{text}]", rf"\begin{{pmatrix}} {body} \end{{pmatrix}}")


def _rows(array: Any) -> list[str]:
    """Write the rows of a small array with the same number of decimals."""
    rows = array.reshape(-1, array.shape[-1] if array.ndim else 1)
    if array.size <= 6 and len(rows) <= 3:
        return list(value_lines(array))
    return ["  ".join(number_text(float(entry)) for entry in row) for row in rows]


def _tex(entry: str) -> str:
    digits, _, power = entry.partition("·10")
    raised = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    digits = digits.replace("−", "-").replace("∞", r"\infty").replace("NaN", r"\mathrm{NaN}")
    if raised:
        digits = rf"{digits} \cdot 10^{{{raised}}}"
    return f"{{{digits}}}" if digits.startswith("-") else digits  # a sign, and no difference


def plugged(formula: Formula) -> tuple[Maths, ...]:
    """Write a formula with numbers for its letters, and then what they come to."""
    value = numbers_of(formula.evaluate())
    result = () if value is None else (Maths(f"= {value.text}", f"= {value.latex}"),)
    if formula.expr.size > _MOST_PARTS:
        return result
    environment = Environment()
    text: dict[Quantity, str] = {}
    latex: dict[Quantity, str] = {}
    for each in distinct(formula.expr):
        if isinstance(each, Leaf):
            numbers = numbers_of(environment.value(each)[0], inside=True)
            if numbers is not None:
                text[each.quantity], latex[each.quantity] = numbers.text, numbers.latex
    if not text:
        return result
    axes = formula.axes
    filled = Maths(
        notation.text(formula.expr, axes=axes, instead=text),
        notation.latex(formula.expr, axes=axes, instead=latex),
    )
    return (filled,) if value == filled else (filled, *result)


def _distance(formula: Formula, value: Any) -> float:
    """Return how far a formula is from what was computed, relative to the size of its terms."""
    value = np.asarray(value, dtype=np.float64)
    with np.errstate(all="ignore"):
        found = formula.evaluate().reshape(value.shape)
        distance = residual(found, value)
        if distance > ROUNDING:  # perhaps large terms cancel: what is left of them is rounding
            distance = residual(found, value, magnitudes(formula.expr, Environment()))
    return distance


def check_text(value: float) -> str:
    """Say how far two sides are apart, as a power of ten that is the same on every machine."""
    if np.isnan(value):
        return "not finite on these numbers"
    if value <= 1e-14:
        return "≤ 10⁻¹⁴"
    return f"≤ {number_text(10.0 ** int(np.ceil(np.log10(value))))}"


# --- the story ------------------------------------------------------------------------------------


class _Teller:
    """Collect the frames, phase by phase."""

    def __init__(
        self, walk: Passes, found: Derivation, free: Derivation | None, used: Sequence[str]
    ) -> None:
        self.walk, self.found, self.free, self.used = walk, found, free, used
        self.shown = [s for s in walk.forward if not _is_silent(s) and not _is_number(s)]
        if len(self.shown) > _MOST_VERTICES:
            raise ValueError(
                f"explain: the graph has {len(self.shown)} vertices, and a page of more than "
                f"{_MOST_VERTICES} cannot be read; explain an earlier tensor, or leave operations "
                "whole with fused="
            )
        self.place = {s: n for n, s in enumerate(self.shown)}
        for s in walk.forward:
            if _is_silent(s):
                self.place[s] = self.place.get(s.args[0], -1)
        wrt = walk.wrt
        leaves = [s for s in self.shown if s.op is None]
        self.constants = {s for s in leaves if s is not wrt} - _tensors(walk)
        self.program = Program(walk.forward, self.constants)
        self.of = found.title[0]
        self.parts: dict[int, list[tuple[Visit, int]]] = {}
        self.edges: list[Edge] = []
        self.backward_edges: dict[int, int] = {}  # place of a visit → place of its edge
        self.frames: list[Frame] = []
        self.drawings: dict[str, Model] = {}
        self.gradients = self._gradients()
        self.letter = found.seed or "g"

    def tell(self) -> Story:
        """Put everything together."""
        graph = self._graph()
        self.drawings["graph"] = graph
        self._forward()
        self._backward()
        tracks = (
            [("", self.found)]
            if self.free is None
            else [("assumed", self.found), ("free", self.free)]
        )
        for track, derivation in tracks:
            self._algebra(derivation, track)
        left, left_latex = self._left(self.found)
        result = self.found.result
        free = self.free
        return Story(
            Maths(left, left_latex),
            Maths(result.text(), result.latex()),
            ", ".join(self.used),
            None if free is None else Maths(free.result.text(), free.result.latex()),
            tuple(self.frames),
            tuple(map(self._node, self.shown)),
            self.drawings,
            {
                "graph": graph,
                **{f"algebra{'-' * bool(t)}{t}": derivation_model(d) for t, d in tracks},
            },
            self.program.text(self.walk.output, self.walk.wrt),
            {track: d.latex() for track, d in tracks},
            check_text(self.found.residual),
            ("The search was cut short: a shorter form may exist.",) if self.found.capped else (),
        )

    def _left(self, derivation: Derivation, indices: bool = False) -> tuple[str, str]:
        of, wrt = derivation.title
        if derivation.seed is not None:
            text, latex = derivative(of, wrt)
            inner = rf"\left\langle {notation.name_latex(derivation.seed)}, {latex} \right\rangle"
            return f"⟨{derivation.seed}, {text}⟩", inner if latex else ""
        if indices:
            w = derivation.wrt
            of_latex = notation.name_latex(of)
            latex = rf"\frac{{\partial {of_latex}}}{{\partial {w.latex(True)}}}"
            return f"∂{of}/∂{w.text(True)}", latex
        return derivative(of, wrt)

    # --- the graph --------------------------------------------------------------------------------

    def _gradients(self) -> dict[int, Any]:
        """Return the gradient of every vertex that one reaches, by its place."""
        walk = self.walk
        totals: dict[int, Any] = {}
        seed = next((v.incoming.value for v in walk.backward), np.ones(walk.output.shape))
        totals[self.place[walk.output]] = seed
        for number, visit in enumerate(walk.backward):
            if visit.contribution is None:
                continue
            to = self.place[visit.to]
            shape = self.shown[to].shape if to >= 0 else visit.part.shape
            part = np.asarray(visit.part.value).reshape(shape)
            self.parts.setdefault(to, []).append((visit, number))
            totals[to] = totals[to] + part if to in totals else part
        return totals

    def _graph(self) -> Model:
        vertices = [self._vertex(n, s) for n, s in enumerate(self.shown)]
        for s in self.shown:
            if s.op is None:
                continue
            head = self.place[s]
            operands = [self._operand(a) for a in s.args]
            named = any(o.text for o in operands)
            for index, argument in enumerate(s.args):
                tail = self.place.get(argument, -1) if isinstance(argument, Symbol) else -1
                if tail < 0:
                    continue
                sign = "" if named or index == 0 else _SIGNS.get(s.op.name, "")
                self.edges.append(Edge(f"n{tail}", f"n{head}", sign=sign))
        for number, visit in enumerate(self.walk.backward):
            tail, head = self.place[visit.of], self.place[visit.to]
            if visit.contribution is None or tail < 0 or head < 0:
                continue
            parts = [np.asarray(v.part.value) for v, _ in self.parts[head]]
            text = ""
            if len(parts) > 1:
                text = one_line(visit.part.value, (*parts, self.gradients[head]))
            self.backward_edges[number] = len(self.edges)
            self.edges.append(Edge(f"n{tail}", f"n{head}", "backward", text=text))
        return Model(
            tuple(vertices),
            tuple(self.edges),
            title=f"{self.of}, forward and backward",
            direction="TB",
        )

    def _vertex(self, place: int, s: Symbol) -> Vertex:
        if s.op is None:
            kind: Any = "constant" if s in self.constants else "parameter"
            text, latex = s.name or "constant", self._name_latex(s)
        else:
            kind = "op"
            operands = [self._operand(a) for a in s.args]
            named = self._called(s)
            right, right_latex = application(s.op, operands, s.attributes)
            text = f"{named.text} = {right}"
            latex = f"{named.latex} = {right_latex}" if named.latex and right_latex else ""
        gradient: tuple[str, ...] = ()
        total = self.gradients.get(place)
        if total is not None:
            parts = [np.asarray(v.part.value) for v, _ in self.parts.get(place, [])]
            if 1 < len(parts) <= 4 and np.ndim(total) == 0:
                gradient = (f"∇ {sum_text(parts, total)}",)
            else:
                first, *rest = value_lines(total, parts)
                gradient = (f"∇ sum: {first}" if len(parts) > 1 else f"∇ {first}", *rest)
        return Vertex(
            f"n{place}",
            kind,
            latex,
            text,
            value_lines(s.value),
            gradient_lines=gradient,
            shape=shape_text(s.shape),
        )

    def _called(self, s: Symbol) -> Maths:
        """Return the name of a vertex: the user's, or that of its line of Python."""
        if s.name is not None:
            return Maths(s.name, self._name_latex(s))
        name = self.of if s is self.walk.output else self.program.names[s]
        return Maths(name, _safe(name))

    def _name_latex(self, s: Symbol) -> str:
        return _safe(s.name or "")

    def _operand(self, argument: Any) -> Operand:
        if not isinstance(argument, Symbol):
            return number_operand(argument)
        if argument.counted is not None:
            formula = self.walk.formula(argument)
            return Operand(formula.text(), formula.latex(), True)
        if argument.is_number:
            return number_operand(argument.value.flat[0])
        named = self._called(_spoken(argument))
        return Operand(named.text, named.latex)

    # --- forward ----------------------------------------------------------------------------------

    def _forward(self) -> None:
        leaves = [s for s in self.shown if s.op is None]
        named = [s for s in leaves if s.name]
        equation = [self._is(s) for s in named] or [Written(Maths("—"), Maths("—"))]
        self._forward_frame(
            "What is given",
            _list(equation),
            leaves,
            (),
            because="Parameters are Tensors, constants are arrays.",
            python="\n".join(self.program.lines[s] for s in leaves if s in self.program.lines),
        )
        done = list(leaves)
        for s in self.shown:
            if s.op is None:
                continue
            right = self._meaning(s)
            called = self._called(s)
            numbers = plugged(right)
            difference = _distance(right, s.value)
            self._forward_frame(
                f"Compute {called.text}",
                _join(self._left_of(s, called), "=", _written(right)),
                [s],
                [a for a in s.args if isinstance(a, Symbol)],
                done=done,
                rule="" if _summary(s.op) else s.op.name.replace("_", " "),
                because=_summary(s.op),
                numbers=numbers,
                python=self._python(s),
                check=check_text(difference),
                heat=_if_full(self._total_heat(s)),
            )
            done.append(s)

    def _is(self, s: Symbol) -> Written:
        """Write a leaf with its numbers, or with its shape where they are too many."""
        left = _written(self.walk.formula(s))
        numbers = numbers_of(s.value)
        if numbers is None:
            shape = shape_text(s.shape)
            return _join(
                left.vector, ":", Maths(shape, rf"\text{{{shape}}}".replace("×", r"$\times$"))
            )
        return _join(left.vector, "=", numbers)

    def _left_of(self, s: Symbol, called: Maths) -> Written:
        formula = self.walk.formula(s)
        return _written(formula) if s.name is not None else Written(called, called)

    def _meaning(self, s: Symbol) -> Formula:
        formula = self.walk.formula(s)
        expr = formula.expr
        if isinstance(expr, Leaf) and expr.quantity.definition is not None and s.op is not None:
            return Formula(expr.quantity.definition, expr.quantity.axes)
        return formula

    def _python(self, s: Symbol) -> str:
        """Return the line of a vertex, with those before it that only move entries."""
        lines: list[str] = []
        for argument in s.args:
            while isinstance(argument, Symbol) and _is_silent(argument):
                lines.insert(0, self.program.lines[argument])
                argument = argument.args[0]
        return "\n".join([*dict.fromkeys(lines), self.program.lines[s]])

    def _forward_frame(
        self,
        title: str,
        equation: Written,
        now: Sequence[Symbol],
        sources: Sequence[Symbol],
        done: Sequence[Symbol] = (),
        **said: Any,
    ) -> None:
        vertices = {self.place[s]: "past" for s in done}
        vertices |= {self.place[s]: "source" for s in sources if self.place.get(s, -1) >= 0}
        vertices |= {self.place[s]: "now" for s in now}
        edges = {}
        for number, edge in enumerate(self.edges):
            tail, head = int(edge.tail[1:]), int(edge.head[1:])
            if edge.kind == "forward" and tail in vertices and head in vertices:
                edges[number] = "now" if vertices[head] == "now" else "past"
        self._add("forward", title, equation, Scene("graph", vertices, edges), **said)

    def _add(self, phase: Phase, title: str, equation: Written, scene: Scene, **said: Any) -> None:
        track = said.get("track", "")
        count = sum(f.phase == phase and f.track == track for f in self.frames)
        prefix = f"{phase}-{track}" if track == "free" else phase
        self.frames.append(Frame(f"{prefix}-{count + 1}", phase, title, equation, scene, **said))

    # --- backward ---------------------------------------------------------------------------------

    def _backward(self) -> None:
        walk = self.walk
        known = {self.place[walk.output]}
        passed: list[int] = []
        output = self.found.title[0]
        seed, seed_latex = derivative(output, output)
        right = (
            Maths("1", "1")
            if walk.output.value.size == 1
            else Maths(self.letter, notation.name_latex(self.letter))
        )
        self._add(
            "backward",
            f"Start at {output}",
            _join(Maths(seed, seed_latex), "=", right),
            self._back_scene(self.place[walk.output], None, known, passed),
            rule="seed",
            because="A quantity changes by 1 for each 1 that it changes itself."
            if walk.output.value.size == 1
            else "The output has several entries, so each gets a weight of its own.",
            python=f"tg.gradients({self.program.names[walk.output]}, "
            f"{self.program.names[walk.wrt]})",
        )
        arrived: dict[int, int] = {}
        for number, visit in enumerate(walk.backward):
            if visit.contribution is None:
                continue
            to = self.place[visit.to]
            if to < 0:
                continue
            passed.append(number)
            arrived[to] = arrived.get(to, 0) + 1
            complete = arrived[to] == len(self.parts[to])
            if complete and len(self.parts[to]) == 1:
                known.add(to)
            self._visit_frame(visit, number, known, passed)
            if complete and len(self.parts[to]) > 1:
                known.add(to)
                self._meeting_frame(to, known, passed)

    def _visit_frame(self, visit: Visit, number: int, known: set[int], passed: list[int]) -> None:
        entry = visit.contribution
        assert entry is not None
        of, to = self._called(visit.of).text, self._called(self.shown[self.place[visit.to]]).text
        several = len(self.parts[self.place[visit.to]]) > 1
        local = _written(entry.local)
        equation = _join(local, "=", _written(entry.contribution))
        if entry.local.text() == entry.contribution.text():
            equation = _written(entry.contribution)
        incoming = Written(
            Maths(f"g = {entry.incoming.text()}", f"g = {entry.incoming.latex()}"),
            Maths(f"g = {entry.incoming.text(True)}", f"g = {entry.incoming.latex(True)}"),
        )
        numbers = plugged(entry.contribution)
        because = (
            f"Into {of} comes the gradient g = {_clip(entry.incoming.text())}; "
            f"times the derivative ∂{_plain(of)}/∂{_plain(to)} it goes on to {to}"
        )
        because += ", as one of the parts that add up there." if several else "."
        self._add(
            "backward",
            f"From {of} back to {to}",
            equation,
            self._back_scene(self.place[visit.to], number, known, passed),
            rule=f"chain rule through {visit.of.op.name.replace('_', ' ')}",  # type: ignore[union-attr]
            because=because,
            local=_join(incoming),
            numbers=numbers,
            python=self._python(visit.of),
            check=check_text(_distance(entry.contribution, visit.part.value)),
            heat=_if_full(self._local_heat(visit.of, visit.index, 2)),
        )

    def _meeting_frame(self, to: int, known: set[int], passed: list[int]) -> None:
        visits = [visit for visit, _ in self.parts[to]]
        entries = [visit.contribution for visit in visits]
        terms = [_written(entry.contribution) for entry in entries if entry is not None]
        axes = next(entry.contribution.axes for entry in entries if entry is not None)
        whole = Formula(sum_of(e.contribution.expr for e in entries if e is not None), axes)
        name = self._called(self.shown[to]).text
        row: list[Written | str] = []
        for term in terms:
            row += ["+", _bracketed(term)] if row else [_bracketed(term)]
        shape = self.shown[to].shape
        values = [np.asarray(v.part.value).reshape(shape) for v in visits]
        found = [numbers_of(value, inside=True) for value in values]
        found.append(numbers_of(self.gradients[to]))
        numbers: tuple[Maths, ...] = ()
        if all(n is not None for n in found):
            *parts, total = [n for n in found if n is not None]
            numbers = (
                Maths(" + ".join(p.text for p in parts), " + ".join(p.latex for p in parts)),
                Maths(f"= {total.text}", f"= {total.latex}"),
            )
        edges = [self.backward_edges[n] for _, n in self.parts[to] if n in self.backward_edges]
        scene = self._back_scene(to, None, known, passed)
        scene.edges.update(dict.fromkeys(edges, "now"))
        self._add(
            "backward",
            f"{len(terms)} paths meet in {name}",
            _join(self._gradient_of(to), "=", *row),
            scene,
            rule="sum over paths",
            because=f"{name} is used "
            f"{len(terms)} times; a change of it reaches {self.of} on every path, and the effects "
            "add up.",
            numbers=numbers,
            check=check_text(_distance(whole, self.gradients[to])),
        )

    def _gradient_of(self, place: int) -> Written:
        """Write the gradient of a vertex, such as ∂L/∂e, in both notations."""
        to = self._called(self.shown[place])
        text, latex = derivative(self.of, to.text)
        formula = self.walk.formula(self.shown[place])
        if self.shown[place].name is None or not latex:
            return Written(Maths(text, latex), Maths(text, latex))
        below = formula.latex(True)
        index = rf"\frac{{\partial {_safe(self.of)}}}{{\partial {below}}}"
        return Written(Maths(text, latex), Maths(f"∂{self.of}/∂{formula.text(True)}", index))

    def _back_scene(
        self, now: int, number: int | None, known: set[int], passed: list[int]
    ) -> Scene:
        vertices = dict.fromkeys(range(len(self.shown)), "past")
        edges = {n: "past" for n, edge in enumerate(self.edges) if edge.kind == "forward"}
        for each in passed:
            if each in self.backward_edges:
                edges[self.backward_edges[each]] = "now" if each == number else "past"
        if number is not None:
            vertices[self.place[self.walk.backward[number].of]] = "source"
        vertices[now] = "now"
        return Scene("graph", vertices, edges, frozenset(known))

    # --- algebra ----------------------------------------------------------------------------------

    def _algebra(self, derivation: Derivation, track: str) -> None:
        left = Written(Maths(*self._left(derivation)), Maths(*self._left(derivation, indices=True)))
        steps = derivation.steps
        start = plugged(derivation.start)
        drawing = self._evolution(track, 0, first := Evolution([derivation.start]))
        self._add(
            "algebra",
            "What the backward pass leaves",
            _join(left, "=", _written(derivation.start)),
            Scene(drawing, *first.scene(0)),
            rule="backward pass",
            because="The contributions, written down by the chain rule.",
            numbers=start,
            track=track,
            check=check_text(_distance(derivation.start, derivation.computed)),
        )
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            both = Evolution([step.before, step.after])
            drawing = self._evolution(track, number + 1, both)
            numbers = plugged(step.after)
            because = _sentence(step.because)
            if last:
                because += (
                    f" The result agrees with the gradient that backward computes: relative "
                    f"difference {check_text(derivation.residual)}."
                )
            self._add(
                "algebra",
                _rule_title(step),
                _join(left, "=", _written(step.after)),
                Scene(drawing, *both.scene(1)),
                rule=step.rule,
                because=because,
                local=_join(_written(step.matched), "=", _written(step.replaced)),
                numbers=numbers,
                check=check_text(step.residual)
                + ("" if step.on_data else ", on random numbers alone"),
                track=track,
                before=Scene(drawing, *both.marked(0, step)),
            )

    def _evolution(self, track: str, number: int, evolution: Evolution) -> str:
        for name, model in self.drawings.items():
            if model == evolution.model:  # both derivations may begin with the same steps
                return name
        name = f"{track or 'algebra'}-{number}"
        self.drawings[name] = evolution.model
        return name

    # --- Jacobians --------------------------------------------------------------------------------

    def _local_heat(self, s: Symbol, index: int, least: int = 1) -> Heat | None:
        argument = s.args[index]
        if not isinstance(argument, Symbol) or _is_number(argument):
            return None
        if not _fits(s, argument, least):
            return None
        rows = [_pull(s, index, seed).ravel() for seed in _units(s.shape)]
        return self._heat(s, argument, rows)

    def _total_heat(self, s: Symbol) -> Heat | None:
        """Return ∂s/∂wrt for a vertex with a name, where it is small."""
        wrt = self.walk.wrt
        if s.name is None or not _fits(s, wrt, 2):
            return None
        order = [node for node in self.walk.forward if node.serial <= s.serial]
        rows = []
        for seed in _units(s.shape):
            totals = {s: seed}
            for node in reversed(order):
                g = totals.pop(node, None) if node is not wrt else None
                if g is None or node.op is None:
                    continue
                for index, argument in enumerate(node.args):
                    if isinstance(argument, Symbol) and node.op.rule_of(index):
                        part = _pull(node, index, g)
                        totals[argument] = totals[argument] + part if argument in totals else part
            rows.append(totals.get(wrt, np.zeros(wrt.shape)).ravel())
        return self._heat(s, wrt, rows)

    def _heat(self, of: Symbol, wrt: Symbol, rows: Sequence[Any]) -> Heat:
        names = [self._called(_spoken(s)).text for s in (of, wrt)]
        return Heat(
            _plain(names[0]), _plain(names[1]), tuple(tuple(map(float, row)) for row in rows)
        )

    # --- the table --------------------------------------------------------------------------------

    def _node(self, s: Symbol) -> Node:
        place = self.place[s]
        right = self._meaning(s)
        called = self._called(s)
        name = _written(right)
        if s.op is not None:
            name = _join(self._left_of(s, called), "=", name)
        made_of = [self.place.get(a, -1) for a in s.args if isinstance(a, Symbol)]
        used_by = [
            int(e.head[1:]) for e in self.edges if e.kind == "forward" and e.tail == f"n{place}"
        ]
        visits = [v for v in self.walk.backward if v.of is s and v.contribution is not None]
        local, heats = [], []
        for visit in visits:
            entry = visit.contribution
            assert entry is not None
            of, to = entry.of, entry.to
            both = [
                Maths(
                    f"∂{_plain(of.text(True))}/∂{_plain(to.text(True))} = "
                    f"{entry.jacobian.text(True)}",
                    rf"\frac{{\partial\, {of.latex(True)}}}{{\partial\, {to.latex(True)}}} = "
                    f"{entry.jacobian.latex(True)}",
                )
            ] * 2
            if max(of.expr.size, to.expr.size) <= 12:
                local.append(Written(*both))
            heat = self._local_heat(s, visit.index)
            if heat is not None and (len(heat.rows) > 1 or len(heat.rows[0]) > 1):
                heats.append(heat)
        total = self._total_heat(s)
        if total is not None and total not in heats:
            heats.append(total)
        gradient = self.gradients.get(place)
        return Node(
            place,
            called.text,
            name,
            s.op.name.replace("_", " ")
            if s.op is not None
            else "constant"
            if s in self.constants
            else "parameter",
            shape_text(s.shape) or "scalar",
            "; ".join(value_lines(s.value)),
            "—" if gradient is None else "; ".join(value_lines(gradient)),
            self.program.lines.get(s, ""),
            tuple(dict.fromkeys(p for p in made_of if p >= 0)),
            tuple(dict.fromkeys(used_by)),
            tuple(local),
            tuple(heats),
        )


# --- small helpers --------------------------------------------------------------------------------


def _is_silent(s: Any) -> bool:
    return isinstance(s, Symbol) and s.op is not None and s.op.name in _SILENT


def _spoken(s: Symbol) -> Symbol:
    """Return what a vertex that only moves entries moves."""
    while _is_silent(s):
        s = s.args[0]
    return s


def _is_number(s: Symbol) -> bool:
    return s.op is None and (s.is_number or s.counted is not None)


def _tensors(walk: Passes) -> set[Symbol]:
    """Return the leaves that gradients reach."""
    return {visit.to for visit in walk.backward}


def _safe(name: str) -> str:
    """Return a name as LaTeX if it is a word; all else is shown literally."""
    return derivative(name, name)[1] and notation.name_latex(name)


def _clip(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"


def _plain(text: str) -> str:
    """Put what is no single word in parentheses."""
    return text if len(text) == 1 or text.replace("_", "").isalnum() else f"({text})"


def _bracketed(term: Written) -> Written:
    """Put a term in parentheses where it begins with a minus."""
    if not term.vector.text.startswith("−"):
        return term
    both = [
        Maths(f"({m.text})", rf"\left({m.latex}\right)" if m.latex else "")
        for m in (term.vector, term.index)
    ]
    return Written(*both)


def _list(rows: Sequence[Written]) -> Written:
    sides = []
    for index in (False, True):
        maths = [_side(row, index) for row in rows]
        latex = r" ,\quad ".join(m.latex for m in maths) if all(m.latex for m in maths) else ""
        sides.append(Maths(",  ".join(m.text for m in maths), latex))
    return Written(*sides)


def _sentence(text: str) -> str:
    """Begin with a capital letter, unless a formula does, and end with a full stop."""
    first = text.split(" ")[0]
    if len(first) > 1 and first.isalpha():
        text = text[:1].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."


def _rule_title(step: Step) -> str:
    return step.rule[:1].upper() + step.rule[1:]


def _summary(op: Any) -> str:
    """Return the first sentence of what an operation says of itself."""
    documented = (op.__doc__ or "").strip().split("\n\n")[0]
    line = " ".join(documented.split())
    return line if line and len(line) <= 160 and "(" not in line[:12] else ""


def _fits(of: Symbol, wrt: Symbol, least: int) -> bool:
    return all(len(s.shape) <= 1 and least <= s.value.size <= _WIDEST for s in (of, wrt))


def _if_full(heat: Heat | None) -> Heat | None:
    """Return a Jacobian that mixes entries; a diagonal one says no more than its formula."""
    if heat is None:
        return None
    matrix = np.array(heat.rows)
    square = matrix.shape[0] == matrix.shape[1]
    return heat if not square or np.any(matrix - np.diag(np.diag(matrix))) else None


def _units(shape: tuple[int, ...]) -> list[Any]:
    size = int(np.prod(shape, dtype=int))
    return [row.reshape(shape) for row in np.eye(size)]


def _pull(s: Symbol, index: int, g: Any) -> Any:
    """Apply the rule of one argument to numbers."""
    op = s.op
    assert op is not None
    values = [a.value if isinstance(a, Symbol) else a for a in s.args]
    attributes = dict(s.attributes)
    rule = op.rule_of(index)
    assert rule is not None
    argument = s.args[index]
    with np.errstate(all="ignore"):
        if op.saved is not None:
            attributes["saved"] = op.saved(*values, **s.attributes)
        part = np.asarray(rule(g, s.value, *values, **attributes))
    if part.shape != argument.shape:
        part = slots.sum_to.forward(part, shape=argument.shape)
    return part
