"""A recorded graph as a model: values, operations, gradients, and opened operations.

The graph is read once and nothing in it is changed. Gradients are computed afresh for the tensor
that is drawn, so a picture never shows what an earlier backward pass left behind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients as differentiate
from tinygrad_edu.core.backward import propagate
from tinygrad_edu.core.graph import ancestors, differentiable
from tinygrad_edu.core.op import Op
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.notation import written as notation
from tinygrad_edu.tensor import Tensor, refuse_changed
from tinygrad_edu.view.draw.fold import fold as fold_clusters
from tinygrad_edu.view.draw.grouping import Fold, Origin, chosen, clusters
from tinygrad_edu.view.draw.model import (
    Edge,
    EdgeKind,
    Group,
    LegendKind,
    Model,
    Vertex,
    VertexKind,
)
from tinygrad_edu.view.draw.parts import Layout, Piece, formula_text, layout_of
from tinygrad_edu.view.draw.repeat import repeat_far_leaves
from tinygrad_edu.view.draw.symbols import Operand, number_operand, symbol
from tinygrad_edu.view.draw.values import one_line, shape_text, sum_text, value_lines

__all__ = ["Expand", "backward_model", "derivative", "forward_model", "name_latex", "readable"]

#: Which operations are opened: all that have a definition, or those of these names.
Expand = bool | frozenset[str]

_MOST_VERTICES = 2000
_SIGNS = {"subtract": "−", "divide": "÷"}  # of a second operand, where neither has a name
_MOST_CONTRIBUTIONS = 100  # more are not drawn one by one


def readable(names: Names, *outputs: Tensor) -> list[Tensor]:
    """Return the graph of tensors, arguments first; refuse what nobody could read."""
    order: list[Tensor] = ancestors(*outputs)  # type: ignore[assignment]  # a Tensor's are Tensors
    if len(order) > _MOST_VERTICES:
        raise ValueError(_too_large(len(order)))
    refuse_changed(order, "draw", names.of)
    return order


def _too_large(count: int) -> str:
    return (
        f"draw: the graph has {count} vertices, and a picture of more than {_MOST_VERTICES} "
        "cannot be read; draw an earlier tensor of it, or a shorter computation"
    )


def forward_model(
    outputs: Sequence[Tensor],
    names: Names,
    *,
    expand: Expand,
    gradients: bool | None,
    fold: Fold = False,
) -> Model:
    """Return the forward graph of tensors, with the gradient of every node if asked for.

    With ``gradients=None`` they are asked for once a backward pass has run; of several outputs
    none are shown.
    """
    order = readable(names, *outputs)
    output, alone = outputs[-1], len(outputs) == 1
    wanted = gradients
    if wanted is None:
        wanted = alone and any(node.op is None and node.grad is not None for node in order)
    builder = _Builder(names, expand)
    seed = np.ones(output.shape, output.dtype) if wanted else None
    builder.add(_Level(order, output), seed, {})
    name = " and ".join(filter(None, map(names.of, outputs)))
    title = f"Forward graph of {name}" if name else "Forward graph"
    notes: tuple[str, ...] = ()
    aside = ""
    if wanted:
        of = name or "the output"
        of = of if output.size == 1 else f"the sum of {of} (a seed of ones)"
        notes = (f"∇: the gradient of {of} with respect to each node.",)
    elif gradients is None and alone:
        aside = "Gradient not computed: run backward() first, or draw with gradients=True."
    return replace(builder.model(title, notes, layout_of(order), fold), aside=aside)


def backward_model(output: Tensor, names: Names, *, expand: Expand, fold: Fold = False) -> Model:
    """Return the graph that computes the gradient of a tensor, with the values it shares."""
    order = readable(names, output)
    name = names.of(output) or "out"
    targets = [
        node
        for node in differentiable(output)
        if node is output or node.op is None or names.of(node)
    ]
    found = differentiate(output, targets, seed=np.ones(output.shape, output.dtype), graph=True)
    labels: dict[Tensor, list[tuple[str, str]]] = {}
    for target, gradient in zip(targets, found, strict=True):
        letter = names.of(target) or ("out" if target is output else "")
        if letter:
            labels.setdefault(gradient, []).append(derivative(name, letter))
    whole: list[Tensor] = ancestors(*found)  # type: ignore[assignment]  # of Tensors, too
    if len(whole) > _MOST_VERTICES:
        raise ValueError(_too_large(len(whole)))
    builder = _Builder(names, expand, forward=frozenset(order), labels=labels)
    builder.add(_Level(whole, output), None, {})
    of = f"of {name}" if names.of(output) else "of the output"
    notes = ("The seed is an array of ones.",) if output.size != 1 else ()
    return builder.model(f"Graph of the gradient {of}", notes, layout_of(order), fold)


@dataclass(eq=False)
class _Level:
    """A graph that is drawn as a whole: the recorded one, or the inside of an opened operation."""

    order: list[Tensor]
    output: Tensor
    value: Any = None  # the recorded result, where the inside of an operation is less exact


@dataclass(eq=False)
class _Sketch:
    """A vertex before its gradient is known."""

    kind: VertexKind
    text: str
    formula: str
    lines: tuple[str, ...]
    total: Any = None
    parts: list[Any] = field(default_factory=list)


class _Builder:
    """Collect vertices, edges and clusters, level by level."""

    def __init__(
        self,
        names: Names,
        expand: Expand,
        forward: frozenset[Tensor] | None = None,
        labels: Mapping[Tensor, list[tuple[str, str]]] | None = None,
    ) -> None:
        self.names = names
        self.expand = expand
        self.forward = forward  # what is no gradient; None for everything
        self.labels = labels or {}
        self.sketches: dict[str, _Sketch] = {}
        self.edges: list[Edge] = []
        self.groups: list[Group] = []
        self.passed: list[tuple[str, str, Any]] = []  # from an operation, to an argument, how much
        self.constants: dict[int, str] = {}
        self.homes: dict[int, int] = {}  # how deep in the clusters a constant belongs
        self.held: list[Any] = []  # keeps the arrays alive whose id is a key above
        self.met: set[str] = set()  # operations that could be opened
        self.opened: set[str] = set()
        self.members: list[list[str]] = [[]]  # of the clusters that are open just now
        self.origins: dict[str, Origin] = {}

    # --- levels -----------------------------------------------------------------------------------

    def add(self, level: _Level, seed: Any, ports: dict[Tensor, str]) -> dict[Tensor, str]:
        """Add a level. `ports` says where the tensors that are already drawn stand."""
        totals: dict[Any, Any] = {}
        shares: dict[tuple[Tensor, int], Any] = {}
        if seed is not None:
            active = differentiable(level.output)
            watch = lambda node, index, g, part: shares.update({(node, index): part})  # noqa: E731  # used once
            with np.errstate(all="ignore"):
                totals = propagate(level.output, seed, active, keep=active, watch=watch)
        entries: dict[Tensor, str] = {}
        for node in level.order:
            if node in ports:
                continue
            if node.op is None:
                ports[node] = self._leaf(node)
            elif self._opens(node.op):
                ports[node] = self._open(node, totals.get(node), ports)
            else:
                shown = level.value if node is level.output else None
                ports[node], entries[node] = self._operation(node, ports, shown)
            sketch = self.sketches[ports[node]]
            if sketch.total is None:
                # What the output does not depend on has a gradient, too: zero.
                nothing = 0.0 if node.op is None and seed is not None else None
                sketch.total = totals.get(node, nothing)
        for node in reversed(level.order):  # gradients arrive in the order of the backward pass
            if node in entries:
                for index, argument in enumerate(node.args):
                    if (node, index) in shares:
                        self.passed.append((entries[node], ports[argument], shares[node, index]))
        return ports

    def _opens(self, op: Op) -> bool:
        if op.definition is None:
            return False
        self.met.add(op.name)
        if self.expand is True or (self.expand and op.name in self.expand):
            self.opened.add(op.name)
            return len(self.members) < 20  # a definition may use its own operation
        return False

    def _open(self, node: Tensor, g: Any, ports: Mapping[Tensor, str]) -> str:
        """Draw the definition of an operation in a cluster, and return where its result stands."""
        assert node.op is not None
        assert node.op.definition is not None
        # Tensors of its own stand for the arguments, so that the inside ends where it begins.
        inside = {
            argument: _stand_in(value, self.names.of(argument))
            for argument, value in zip(node.args, node.inputs, strict=True)
            if isinstance(argument, Tensor)
        }
        for argument in node.args:
            self.homes.setdefault(id(argument), len(self.members) - 1)
        args = [inside[a] if isinstance(a, Tensor) else a for a in node.args]
        with np.errstate(all="ignore"):
            result = node.op.definition(*args, **node.attributes)
        key = f"g{len(self.groups)}"
        self.groups.append(Group(key, "", ()))  # keeps its place; filled below
        self.members.append([])
        level = _Level(ancestors(result), result, node.value)  # type: ignore[arg-type]  # Tensors
        self.held.append(level)
        outside = {inner: ports[outer] for outer, inner in inside.items()}
        port = self.add(level, g, outside)[result]
        members = self.members.pop()
        self.groups[int(key[1:])] = Group(key, node.op.name.replace("_", " "), tuple(members))
        self.members[-1].append(key)
        self.origins[key] = Origin(node)
        return self._value(node, port)

    # --- vertices ---------------------------------------------------------------------------------

    def _sketch(
        self,
        origin: Origin,
        kind: VertexKind,
        text: str,
        formula: str,
        lines: Iterable[str],
        depth: int = -1,
    ) -> str:
        key = f"n{len(self.sketches)}"
        self.origins[key] = origin
        self.sketches[key] = _Sketch(kind, text, formula, tuple(lines))
        self.members[depth].append(key)
        return key

    def _is_gradient(self, node: Tensor) -> bool:
        return self.forward is not None and node not in self.forward

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
        kind: VertexKind = "gradient" if self._is_gradient(node) else "parameter"
        called = self._called(node) or ("", "")
        return self._sketch(Origin(node), kind, *called, _array_lines(node.value))

    def _operation(self, node: Tensor, ports: Mapping[Tensor, str], value: Any) -> tuple[str, str]:
        """Draw an operation and return where its result stands, and the operation itself."""
        assert node.op is not None
        operands = [self._operand(argument) for argument in node.args]
        text, formula = symbol(node.op, operands, node.attributes)
        own = () if self._called(node) else _array_lines(node.value if value is None else value)
        kind: VertexKind = "gradient op" if self._is_gradient(node) else "op"
        key = self._sketch(Origin(node), kind, text, formula, (*_attribute_lines(node), *own))
        signs = ["", ""] if any(o.text for o in operands) else ["", _SIGNS.get(node.op.name, "")]
        for place, argument in enumerate(node.args):
            sign = signs[place] if len(node.args) == 2 else ""
            if isinstance(argument, Tensor):
                flow: EdgeKind = "backward" if self._is_gradient(argument) else "forward"
                self.edges.append(Edge(ports[argument], key, flow, sign=sign))
            elif not self._is_number(argument):
                self.edges.append(Edge(self._constant(argument), key, sign=sign))
        return self._value(node, key), key

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

    def _value(self, node: Tensor, port: str) -> str:
        """Give a named result a vertex of its own."""
        called = self._called(node)
        if called is None:
            return port
        kind: VertexKind = "gradient" if node in self.labels else "value"
        key = self._sketch(Origin(node, True), kind, *called, _array_lines(node.value))
        self.edges.append(Edge(port, key, "backward" if kind == "gradient" else "forward"))
        return key

    def _constant(self, value: Any) -> str:
        key = self.constants.get(id(value))
        if key is None:
            called = self._called(value) or ("", "")
            depth = min(self.homes.get(id(value), len(self.members)), len(self.members) - 1)
            lines = _array_lines(value)
            key = self._sketch(Origin(value), "constant", *called, lines, depth)
            self.constants[id(value)] = key
            self.held.append(value)
        return key

    # --- the model --------------------------------------------------------------------------------

    def refuse_unopened(self) -> None:
        """Say so where an operation was to be opened that is not there."""
        if isinstance(self.expand, bool):
            return
        for name in sorted(self.expand - self.opened):
            there = ", ".join(sorted(self.met)) or "none"
            raise ValueError(
                f"draw: expand={name!r} names no operation of this graph that has a definition; "
                f"there are: {there}"
            )

    def model(self, title: str, notes: tuple[str, ...], layout: Layout, fold: Fold) -> Model:
        """Put everything together, in clusters for the parts of the computation."""
        self.refuse_unopened()
        for _, head, part in self.passed:
            self.sketches[head].parts.append(part)
        meetings = [
            (tail, head, part) for tail, head, part in self.passed if self._is_meeting(head)
        ]
        edges = list(self.edges)
        if len(meetings) <= _MOST_CONTRIBUTIONS:
            for tail, head, part in meetings:
                sketch = self.sketches[head]
                text = one_line(part, (*sketch.parts, sketch.total))
                edges.append(Edge(tail, head, "backward", text=text))
        vertices = [
            Vertex(key, s.kind, s.formula, s.text, s.lines, gradient_lines=_gradient_lines(s))
            for key, s in self.sketches.items()
        ]
        parts = clusters(self.members[0], self.origins, layout)
        groups = (*self.groups, *(group for group, _ in parts.values()))
        model = Model(tuple(vertices), tuple(edges), groups, title, notes=notes)
        folded = {key: self._folded(*parts[key]) for key in chosen(parts, fold, layout.pieces)}
        model = fold_clusters(model, folded)
        kinds = {*(v.kind for v in model.vertices), *(e.kind for e in model.edges)}
        return repeat_far_leaves(replace(model, legend=_legend(kinds, bool(self.labels))))

    def _folded(self, group: Group, piece: Piece) -> Vertex:
        """Return the vertex of a part that is folded: what it is, its formula, and its output."""
        formula = formula_text(piece, self.names.of)
        weights = sum(argument.size for argument in _leaves(piece))
        counted = [f"{weights:,} parameter{'s' * (weights > 1)}"] if weights else []
        lines = (*filter(None, [formula]), *counted, *_array_lines(piece.output.value))
        ends = [key for key, o in self.origins.items() if o.value is piece.output and not o.is_name]
        sketch = self.sketches.get(ends[0]) if ends else None
        gradient = _gradient_lines(sketch) if sketch is not None else ()
        return Vertex(group.key, "part", "", group.text, lines, gradient_lines=gradient)

    def _is_meeting(self, key: str) -> bool:
        return len(self.sketches[key].parts) > 1


def _leaves(piece: Piece) -> set[Tensor]:
    """Return the Tensors without a past that a part is made with, and was not given."""
    given = set(map(id, piece.inputs))
    used = {a for node in piece.members for a in node.args if isinstance(a, Tensor)}
    return {a for a in used if a.op is None and id(a) not in given}


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


def _stand_in(value: Any, name: str | None) -> Tensor:
    """Return a leaf of just this value: a Tensor made of a condition would turn it into numbers."""
    leaf = Tensor(0.0, name=name)
    leaf.value = value
    return leaf


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


def _gradient_lines(sketch: _Sketch) -> tuple[str, ...]:
    if sketch.total is None:
        return ()
    parts = sketch.parts
    if 1 < len(parts) <= 4 and np.ndim(sketch.total) == 0:
        return (f"∇ {sum_text(parts, sketch.total)}",)
    first, *rest = value_lines(sketch.total, parts)
    return (f"∇ sum: {first}" if len(parts) > 1 else f"∇ {first}", *rest)
