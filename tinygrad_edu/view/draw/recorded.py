"""A recorded graph as a model: values, operations, gradients, and opened operations.

The graph is read once and nothing in it is changed. Gradients are computed afresh for the tensor
that is drawn, so a picture never shows what an earlier backward pass left behind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients as differentiate
from tinygrad_edu.core.graph import ancestors, differentiable
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.notation import written as notation
from tinygrad_edu.tensor import Tensor, refuse_changed
from tinygrad_edu.view.draw.fold import fold
from tinygrad_edu.view.draw.model import (
    Edge,
    EdgeKind,
    Group,
    LegendKind,
    Model,
    Vertex,
    VertexKind,
)
from tinygrad_edu.view.draw.opened import Expand, OpenedGraph
from tinygrad_edu.view.draw.parts import Fold, Piece, chosen, formula_text, homes, pieces_of
from tinygrad_edu.view.draw.repeat import repeat_far_leaves
from tinygrad_edu.view.draw.rounds import rounds_of
from tinygrad_edu.view.draw.symbols import Operand, number_operand, symbol
from tinygrad_edu.view.draw.values import one_line, shape_text, sum_text, value_lines

__all__ = ["backward_model", "derivative", "forward_model", "name_latex", "readable"]

_MOST_VERTICES = 2000
_WIDE = 60  # vertices
_ROUNDS = "×: of rounds that are alike, the first is drawn for all but the last, with its numbers."
_SIGNS = {"subtract": "−", "divide": "÷"}  # of a second operand, where neither has a name
_MOST_CONTRIBUTIONS = 100  # more are not drawn one by one


def readable(names: Names, *outputs: Tensor) -> list[Tensor]:
    """Return the graph of tensors, arguments first; refuse what nobody could read."""
    order: list[Tensor] = ancestors(*outputs)  # type: ignore[assignment]  # a Tensor's are Tensors
    if len(order) > _MOST_VERTICES:
        raise ValueError(
            f"draw: the graph has {len(order)} vertices, and a picture of more than "
            f"{_MOST_VERTICES} cannot be read; draw an earlier tensor of it, or a shorter "
            "computation"
        )
    refuse_changed(order, "draw", names.of)
    return order


def forward_model(
    outputs: Sequence[Tensor],
    names: Names,
    *,
    expand: Expand,
    gradients: bool | None,
    fold: Fold = None,
) -> Model:
    """Return the forward graph of tensors, with the gradient of every node if asked for.

    With ``gradients=None`` they are asked for once a backward pass has run; of several outputs
    none are shown. In a wide graph rounds that are alike are drawn once, unless ``fold=False``.
    """
    order = readable(names, *outputs)
    output, alone = outputs[-1], len(outputs) == 1
    wanted = gradients
    if wanted is None:
        wanted = alone and any(node.op is None and node.grad is not None for node in order)
    seed = np.ones(output.shape, output.dtype) if wanted else None
    name = " and ".join(filter(None, map(names.of, outputs)))
    notes: tuple[str, ...] = ()
    if wanted:
        of = name or "the output"
        of = of if output.size == 1 else f"the sum of {of} (a seed of ones)"
        notes = (f"∇: the gradient of {of} with respect to each node.",)
    rounds = rounds_of(order) if fold in (None, True) and len(order) > _WIDE else []
    if rounds:
        notes += (_ROUNDS,)
    aside = ""
    if gradients is None and alone and not wanted:
        aside = "Gradient not computed: run backward() first, or draw with gradients=True."
    title = f"Forward graph of {name}" if name else "Forward graph"
    drawing = _Drawing(names, OpenedGraph(order, output, seed, expand, rounds))
    return replace(drawing.model(title, notes, fold), aside=aside)


def backward_model(output: Tensor, names: Names, *, expand: Expand, fold: Fold = None) -> Model:
    """Return the graph that computes the gradient of a tensor, with the values it shares."""
    order = readable(names, output)
    name = names.of(output) or "out"
    targets = [
        node
        for node in differentiable(output)
        if node is output or node.op is None or names.of(node)
    ]
    found: list[Any] = differentiate(
        output, targets, seed=np.ones(output.shape, output.dtype), graph=True
    )
    labels: dict[Tensor, list[tuple[str, str]]] = {}
    for target, gradient in zip(targets, found, strict=True):
        letter = names.of(target) or ("out" if target is output else "")
        if letter:
            labels.setdefault(gradient, []).append(derivative(name, letter))
    graph = OpenedGraph(readable(names, *found), output, None, expand)
    of = f"of {name}" if names.of(output) else "of the output"
    notes = ("The seed is an array of ones.",) if output.size != 1 else ()
    drawing = _Drawing(names, graph, order, labels)
    return drawing.model(f"Graph of the gradient {of}", notes, fold)


@dataclass(eq=False)
class _Sketch:
    """A vertex before its gradient is known: what it stands for, perhaps by its name alone."""

    value: Any
    kind: VertexKind
    look: tuple[str, str]  # text and LaTeX
    lines: tuple[str, ...]
    is_name: bool = False
    total: Any = None
    parts: list[Any] = field(default_factory=list)

    def vertex(self, key: str) -> Vertex:
        """Return the vertex."""
        (text, latex), gradient = self.look, self.gradient_lines()
        return Vertex(key, self.kind, latex, text, self.lines, gradient_lines=gradient)

    def gradient_lines(self) -> tuple[str, ...]:
        """Write the gradient, with what it is the sum of."""
        if self.total is None:
            return ()
        if 1 < len(self.parts) <= 4 and np.ndim(self.total) == 0:
            return (f"∇ {sum_text(self.parts, self.total)}",)
        first, *rest = value_lines(self.total, self.parts)
        return (f"∇ sum: {first}" if len(self.parts) > 1 else f"∇ {first}", *rest)


class _Drawing:
    """The vertices and edges of a graph; in a gradient's, `forward` are those that are none."""

    def __init__(
        self,
        names: Names,
        graph: OpenedGraph,
        forward: Sequence[Tensor] = (),
        labels: Mapping[Tensor, list[tuple[str, str]]] | None = None,
    ) -> None:
        self.names, self.graph = names, graph
        self.computed = list(dict.fromkeys([*forward, *graph.order]))
        self.gradients = set(graph.order).difference(forward) if forward else set()
        self.labels = labels or {}
        self.sketches: dict[str, _Sketch] = {}
        self.edges: list[Edge] = []
        self.ports: dict[int, str] = {}  # by identity, where a vertex or constant stands
        entries: dict[Tensor, str] = {}  # where an operation takes its arguments
        for node in graph.order:
            if node in graph.opened:
                port = self.ports[id(graph.opened[node][0])]
            else:
                port = entries[node] = self._leaf(node) if node.op is None else self._op(node)
            self.ports[id(node)] = port = self._name(node, port)
            # What the output does not depend on has a gradient, too: zero.
            nothing = 0.0 if node.op is None and graph.has_gradients else None
            self.sketches[port].total = graph.totals.get(node, nothing)
        self._contributions(entries)

    def _add(self, sketch: _Sketch) -> str:
        key = f"n{len(self.sketches)}"
        self.sketches[key] = sketch
        return key

    def _called(self, node: Any) -> tuple[str, str] | None:
        """Return the name of a vertex as text and LaTeX, or None."""
        name = self.names.of(node)
        if name is not None:
            return name, name_latex(name)
        labels = self.labels.get(node) if isinstance(node, Tensor) else None
        if labels is not None:
            text, latex = (" = ".join(label[i] for label in labels) for i in (0, 1))
            return text, latex
        base = getattr(node, "base", None)
        name = self.names.of(base) if _is_transpose(node, base) else None
        if name is None:
            return None
        return f"{name}ᵀ", f"{{{name_latex(name)}}}^{{\\top}}" if name_latex(name) else ""

    def _leaf(self, node: Tensor) -> str:
        kind: VertexKind = "gradient" if node in self.gradients else "parameter"
        look = self._called(node) or ("", "")
        return self._add(_Sketch(node, kind, look, _array_lines(node.value)))

    def _constant(self, value: Any) -> str:
        if id(value) not in self.ports:
            look = self._called(value) or ("", "")
            sketch = _Sketch(value, "constant", look, _array_lines(value))
            self.ports[id(value)] = self._add(sketch)
        return self.ports[id(value)]

    def _op(self, node: Tensor) -> str:
        assert node.op is not None
        args = self.graph.args(node)
        operands = [self._operand(argument) for argument in args]
        look = symbol(node.op, operands, node.attributes)
        own = () if self._called(node) else _array_lines(self.graph.value(node))
        kind: VertexKind = "gradient op" if node in self.gradients else "op"
        key = self._add(_Sketch(node, kind, look, (*_attribute_lines(node), *own)))
        signs = ["", ""] if any(o.text for o in operands) else ["", _SIGNS.get(node.op.name, "")]
        for place, argument in enumerate(args):
            sign = signs[place] if len(args) == 2 else ""
            if isinstance(argument, Tensor):
                flow: EdgeKind = "backward" if argument in self.gradients else "forward"
                edge = Edge(self.ports[id(argument)], key, flow, sign=sign)
                if not (node.args[place] in self.graph.later and edge in self.edges):
                    self.edges.append(edge)
            elif not self._is_number(argument):
                self.edges.append(Edge(self._constant(argument), key, sign=sign))
        return key

    def _operand(self, argument: Any) -> Operand:
        if self._is_number(argument):
            return number_operand(argument)
        name = self.names.of(argument) or ""
        latex = name_latex(name)
        return Operand(name if latex else "", latex, is_scalar=np.ndim(argument) == 0)

    def _is_number(self, argument: Any) -> bool:
        """Whether an argument is a plain number, which its operation's vertex shows."""
        if isinstance(argument, Tensor):
            return False
        return np.ndim(argument) == 0 and self.names.of(argument) is None

    def _name(self, node: Tensor, port: str) -> str:
        """Give a named result a vertex of its own."""
        look = self._called(node)
        if look is None or node.op is None:
            return port
        kind: VertexKind = "gradient" if node in self.labels else "value"
        key = self._add(_Sketch(node, kind, look, _array_lines(node.value), is_name=True))
        self.edges.append(Edge(port, key, "backward" if kind == "gradient" else "forward"))
        return key

    def _contributions(self, entries: dict[Tensor, str]) -> None:
        """Where gradients meet, draw what each path brings."""
        partial = {id(argument) for node in self.graph.later for argument in node.args}
        passed: list[tuple[str, str, Any]] = []
        for node in reversed(entries):  # they arrive in the order of the backward pass
            for index, argument in enumerate(self.graph.args(node)):
                if (node, index) not in self.graph.shares:
                    continue
                # What later rounds use, or are, gets more than what is drawn brings.
                if node.args[index] not in self.graph.later and id(argument) not in partial:
                    part = self.graph.shares[node, index]
                    passed.append((entries[node], self.ports[id(argument)], part))
        for _, head, part in passed:
            self.sketches[head].parts.append(part)
        summed = [(t, h, p) for t, h, p in passed if len(self.sketches[h].parts) > 1]
        if len(summed) <= _MOST_CONTRIBUTIONS:
            for tail, head, part in summed:
                sketch = self.sketches[head]
                text = one_line(part, (*sketch.parts, sketch.total))
                self.edges.append(Edge(tail, head, "backward", text=text))

    # --- the model --------------------------------------------------------------------------------

    def model(self, title: str, notes: tuple[str, ...], folding: Fold) -> Model:
        """Put everything together, in a group for each part of the computation."""
        opened = {node: inside for node, (_, inside) in self.graph.opened.items()}
        pieces = pieces_of(self.computed, opened, self.graph.rounds)
        groups = self._groups(pieces)
        vertices = tuple(sketch.vertex(key) for key, sketch in self.sketches.items())
        outer_first = tuple(groups.values())[::-1]
        model = Model(vertices, tuple(self.edges), outer_first, title, notes=notes)
        boxes = [self._box(piece, groups[piece]) for piece in chosen(pieces, groups, folding)]
        model = fold(model, {box.key: box for box in boxes})
        kinds = {*(v.kind for v in model.vertices), *(e.kind for e in model.edges)}
        return repeat_far_leaves(replace(model, legend=_legend(kinds, bool(self.labels))))

    def _groups(self, pieces: Sequence[Piece]) -> dict[Piece, Group]:
        """Return a group for each opened operation and each part of several vertices.

        Inner ones come first. The name of a part's result stands outside of it.
        """
        home = homes(pieces, self._users())
        members: dict[Piece, list[str]] = {piece: [] for piece in pieces}
        for key, sketch in self.sketches.items():
            piece = home.get(id(sketch.value))
            while sketch.is_name and piece is not None and piece.output is sketch.value:
                piece = piece.within
            if piece is not None:
                members[piece].append(key)
        found: dict[Piece, Group] = {}
        for piece in pieces:
            inside = members[piece]
            if len(inside) > (1 if piece.is_layer else 0):
                found[piece] = Group(f"g{len(found)}", piece.title, tuple(inside))
                inside = [found[piece].key]
            if piece.within is not None:
                members[piece.within] += inside
        return found

    def _users(self) -> dict[int, set[Tensor]]:
        """Return, by identity, which operations use each leaf and each constant.

        What the forward pass uses is its own, whatever gradients are computed with it.
        """
        users: dict[int, set[Tensor]] = {}
        for node in self.computed:
            for argument in self.graph.args(node):
                if not isinstance(argument, Tensor) or argument.op is None:
                    users.setdefault(id(argument), set()).add(node)
        return {leaf: using - self.gradients or using for leaf, using in users.items()}

    def _box(self, piece: Piece, group: Group) -> Vertex:
        """Return the vertex of a part that is folded: what it is, its formula, and its output."""
        given = set(map(id, piece.inputs))
        used = {a for node in piece.members for a in self.graph.args(node) if isinstance(a, Tensor)}
        weights = sum(a.size for a in used if a.op is None and id(a) not in given)
        counted = f"{weights:,} parameter{'s' * (weights > 1)}" if weights else ""
        said = filter(None, [formula_text(piece, self.names.of), counted])
        ends = (s for s in self.sketches.values() if s.value is piece.output and not s.is_name)
        gradient = next((sketch.gradient_lines() for sketch in ends), ())
        lines = (*said, *_array_lines(piece.output.value))
        return Vertex(group.key, "part", "", group.text, lines, gradient_lines=gradient)


def _legend(kinds: Collection[str], gradient_graph: bool) -> tuple[tuple[LegendKind, str], ...]:
    entries: list[tuple[LegendKind, str]] = [
        ("parameter", "parameter"),
        ("constant", "constant"),
        ("part", "part, folded"),
    ]
    if gradient_graph:
        entries += [("gradient", "gradient"), ("forward", "forward"), ("backward", "backward")]
    else:
        entries.append(("backward", "what one path brings to the gradient"))
    return tuple(entry for entry in entries if entry[0] in kinds)


def name_latex(name: str) -> str:
    """Write a name as a formula if it is a word; all else is shown literally."""
    return notation.name_latex(name) if re.fullmatch(r"[^\W\d]\w*′*", name) else ""


def _is_transpose(array: Any, base: Any) -> bool:
    """Whether an array is another one's transpose, as a rule makes it of a constant."""
    if base is None or np.ndim(base) < 2:
        return False
    reverse = (base.shape[::-1], base.strides[::-1])
    return (array.shape, array.strides) == reverse


def derivative(of: str, wrt: str) -> tuple[str, str]:
    r"""Write a derivative as text and LaTeX; the latter only for names that are words.

    Examples
    --------
    >>> print(*derivative("L", "z"))
    ∂L/∂z \frac{\partial L}{\partial z}
    """
    above, below = name_latex(of), name_latex(wrt)
    latex = rf"\frac{{\partial {above}}}{{\partial {below}}}" if above and below else ""
    return f"∂{of}/∂{wrt}", latex


def _array_lines(value: Any) -> tuple[str, ...]:
    shape = shape_text(np.shape(value))
    return (*([shape] if shape else []), *value_lines(value))


def _attribute_lines(node: Tensor) -> tuple[str, ...]:
    """Say along which axis an operation runs, where there is a choice."""
    assert node.op is not None
    axis = node.attributes.get("axis")
    chosen = axis is not None and axis != node.op.defaults.get("axis")
    several = any(np.ndim(value) > 1 for value in node.inputs)
    return (f"axis {axis}".replace("-", "−"),) if chosen and several else ()
