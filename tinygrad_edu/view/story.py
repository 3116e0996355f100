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

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic import notation
from tinygrad_edu.symbolic.derivation import Contribution, Derivation, Formula, Step
from tinygrad_edu.symbolic.derive import derive_named
from tinygrad_edu.symbolic.expr import Leaf, distinct
from tinygrad_edu.symbolic.expr import total as sum_of
from tinygrad_edu.symbolic.trace import Symbol
from tinygrad_edu.symbolic.work import Passes, Visit, passes
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.evolution import Evolution
from tinygrad_edu.view.jacobian import Heat, Rows, is_full, local, total
from tinygrad_edu.view.model import Edge, Model, Vertex
from tinygrad_edu.view.program import Program
from tinygrad_edu.view.recorded import derivative
from tinygrad_edu.view.steps import derivation_model
from tinygrad_edu.view.symbols import Operand, application, number_operand
from tinygrad_edu.view.values import one_line, shape_text, sum_text, value_lines
from tinygrad_edu.view.written import (
    Maths,
    Written,
    bracketed,
    check_text,
    distance,
    join,
    listed,
    numbers_of,
    plugged,
    written,
)

__all__ = ["Frame", "Heat", "Maths", "Node", "Phase", "Scene", "Story", "Written", "story"]

Phase = Literal["forward", "backward", "algebra"]

_MOST_VERTICES = 300
_SILENT = frozenset({"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"})
_SIGNS = {"subtract": "−", "divide": "÷"}


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
        leaves = {s for s in self.shown if s.op is None}
        self.constants = leaves - _tensors(walk) - set(ancestors(walk.wrt))
        self.program = Program(walk.forward, self.constants)
        self.of = found.title[0]
        self.parts: dict[int, list[tuple[Visit, int]]] = {}
        self.edges: list[Edge] = []
        self.backward_edges: dict[int, int] = {}  # place of a visit → place of its edge
        self.frames: list[Frame] = []
        self.drawings: dict[str, Model] = {}
        self.gradients = self._gradients()

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
            listed(equation),
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
            difference = distance(right, s.value)
            self._forward_frame(
                f"Compute {called.text}",
                join(self._left_of(s, called), "=", written(right)),
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
        left = written(self.walk.formula(s))
        numbers = numbers_of(s.value)
        if numbers is None:
            shape = shape_text(s.shape)
            return join(
                left.vector, ":", Maths(shape, rf"\text{{{shape}}}".replace("×", r"$\times$"))
            )
        return join(left.vector, "=", numbers)

    def _left_of(self, s: Symbol, called: Maths) -> Written:
        formula = self.walk.formula(s)
        return written(formula) if s.name is not None else Written(called, called)

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
            else Maths(walk.letter, notation.name_latex(walk.letter))
        )
        self._add(
            "backward",
            f"Start at {output}",
            join(Maths(seed, seed_latex), "=", right),
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
        rule = written(entry.local)
        equation = join(rule, "=", written(entry.contribution))
        if entry.local.text() == entry.contribution.text():
            equation = written(entry.contribution)
        incoming = join(self._letter(entry), "=", written(entry.incoming))
        numbers = plugged(entry.contribution)
        because = (
            f"Into {of} comes the gradient {self.walk.letter} = {_clip(entry.incoming.text())}; "
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
            local=incoming,
            numbers=numbers,
            python=self._python(visit.of),
            check=check_text(distance(entry.contribution, visit.part.value)),
            heat=_if_full(self._local_heat(visit.of, visit.index)),
        )

    def _letter(self, entry: Contribution) -> Written:
        """Write the letter of what comes in, with the indices that it has in the local rule."""
        for each in distinct(entry.local.expr):
            if isinstance(each, Leaf) and each.quantity.name == self.walk.letter:
                return written(Formula(each.quantity.leaf, each.quantity.axes))
        bare = Maths(self.walk.letter, notation.name_latex(self.walk.letter))
        return Written(bare, bare)

    def _meeting_frame(self, to: int, known: set[int], passed: list[int]) -> None:
        visits = [visit for visit, _ in self.parts[to]]
        entries = [visit.contribution for visit in visits]
        terms = [written(entry.contribution) for entry in entries if entry is not None]
        axes = next(entry.contribution.axes for entry in entries if entry is not None)
        whole = Formula(sum_of(e.contribution.expr for e in entries if e is not None), axes)
        name = self._called(self.shown[to]).text
        row: list[Written | str] = []
        for term in terms:
            row += ["+", bracketed(term)] if row else [bracketed(term)]
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
            join(self._gradient_of(to), "=", *row),
            scene,
            rule="sum over paths",
            because=f"{name} is used "
            f"{len(terms)} times; a change of it reaches {self.of} on every path, and the effects "
            "add up.",
            numbers=numbers,
            check=check_text(distance(whole, self.gradients[to])),
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
            join(left, "=", written(derivation.start)),
            Scene(drawing, *first.scene(0)),
            rule="backward pass",
            because="The contributions, written down by the chain rule.",
            numbers=start,
            track=track,
            check=check_text(distance(derivation.start, derivation.computed)),
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
                join(left, "=", written(step.after)),
                Scene(drawing, *both.scene(1)),
                rule=step.rule,
                because=because,
                local=join(written(step.matched), "=", written(step.replaced)),
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

    def _local_heat(self, s: Symbol, index: int) -> Heat | None:
        return self._heat(s, s.args[index], local(s, index))

    def _total_heat(self, s: Symbol) -> Heat | None:
        """Return the derivative of a vertex with a name by what is differentiated."""
        if s.name is None:
            return None
        return self._heat(s, self.walk.wrt, total(s, self.walk.wrt, self.walk.forward))

    def _heat(self, of: Symbol, wrt: Symbol, rows: Rows | None) -> Heat | None:
        names = [_plain(self._called(_spoken(s)).text) for s in (of, wrt)]
        return None if rows is None else Heat(names[0], names[1], rows)

    # --- the table --------------------------------------------------------------------------------

    def _node(self, s: Symbol) -> Node:
        place = self.place[s]
        right = self._meaning(s)
        called = self._called(s)
        name = written(right)
        if s.op is not None:
            name = join(self._left_of(s, called), "=", name)
        made_of = [self.place.get(a, -1) for a in s.args if isinstance(a, Symbol)]
        used_by = [
            int(e.head[1:]) for e in self.edges if e.kind == "forward" and e.tail == f"n{place}"
        ]
        visits = [v for v in self.walk.backward if v.of is s and v.contribution is not None]
        derivatives, heats = [], []
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
                derivatives.append(Written(*both))
            heat = self._local_heat(s, visit.index)
            if heat is not None and (len(heat.rows) > 1 or len(heat.rows[0]) > 1):
                heats.append(heat)
        whole = self._total_heat(s)
        if whole is not None and whole not in heats and whole.of != whole.wrt:
            heats.append(whole)
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
            tuple(derivatives),
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


def _if_full(heat: Heat | None) -> Heat | None:
    return heat if heat is not None and is_full(heat.rows) else None


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
