"""A recorded graph as a model: values, operations, gradients, and opened operations.

The graph is read once and nothing in it is changed. Gradients are computed afresh for the tensor
that is drawn, so a picture never shows what an earlier backward pass left behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu.core.gradients import propagate
from tinygrad_edu.core.graph import ancestors, differentiable
from tinygrad_edu.core.op import Op, run
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.notation import name_latex
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.model import Edge, Group, Model, Vertex, VertexKind
from tinygrad_edu.view.symbols import is_number, symbol
from tinygrad_edu.view.values import one_line, shape_text, value_lines

__all__ = ["Expand", "attribute_lines", "forward_model", "readable", "refuse_changed"]

#: Which operations are opened: all that have a definition, or those of these names.
Expand = bool | frozenset[str]

_MOST_VERTICES = 2000


def readable(output: Tensor) -> list[Tensor]:
    """Return the graph of a tensor, arguments first; refuse what nobody could read."""
    order: list[Tensor] = ancestors(output)  # type: ignore[assignment]  # a Tensor's are Tensors
    if len(order) > _MOST_VERTICES:
        raise ValueError(
            f"draw: the graph has {len(order)} vertices, and a picture of more than "
            f"{_MOST_VERTICES} cannot be read; draw an earlier tensor of it, or fewer steps"
        )
    refuse_changed(order)
    return order


def refuse_changed(order: Iterable[Tensor]) -> None:
    """Compute every vertex again from what it was recorded with, and compare.

    Raises
    ------
    ValueError
        Where a leaf was given new data, or a constant array was changed in place.
    """
    for node in order:
        if node.op is None:
            continue
        node.refuse_if_rebound()
        with np.errstate(all="ignore"):
            again = run(node.op, node.inputs, node.attributes)
        value = again[0] if node.op.saved is not None else again
        if not np.array_equal(value, node.value, equal_nan=True):
            raise ValueError(
                f"draw: {node.op.name} gives another result than when it was recorded, so a "
                "constant array was changed since; compute the output again, then draw it"
            )


def forward_model(output: Tensor, names: Names, *, expand: Expand, gradients: bool) -> Model:
    """Return the forward graph of a tensor, with the gradient of every node if asked for."""
    builder = _Builder(names, expand, gradients)
    seed = np.ones(output.shape, output.dtype) if gradients else None
    builder.add(_Level(readable(output), output), seed, {})
    builder.refuse_unopened()
    return builder.model(output)


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

    def __init__(self, names: Names, expand: Expand, gradients: bool) -> None:
        self.names = names
        self.expand = expand
        self.gradients = gradients
        self.sketches: dict[str, _Sketch] = {}
        self.edges: list[Edge] = []
        self.groups: list[Group] = []
        self.passed: list[tuple[str, str, Any]] = []  # from an operation, to an argument, how much
        self.constants: dict[int, str] = {}
        self.met: set[str] = set()  # operations that could be opened
        self.opened: set[str] = set()
        self.members: list[list[str]] = [[]]  # of the clusters that are open just now

    # --- levels -----------------------------------------------------------------------------------

    def add(self, level: _Level, seed: Any, ports: dict[Tensor, str]) -> dict[Tensor, str]:
        """Add a level. `ports` says where the tensors that are already drawn stand."""
        totals: dict[Any, Any] = {}
        shares: dict[tuple[Tensor, int], Any] = {}
        if seed is not None:
            active = differentiable(level.output)
            watch = lambda node, index, g, part: shares.update({(node, index): part})  # noqa: E731
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
                sketch.total = totals.get(node)
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
            argument: Tensor(value)
            for argument, value in zip(node.args, node.inputs, strict=True)
            if isinstance(argument, Tensor)
        }
        args = [inside[a] if isinstance(a, Tensor) else a for a in node.args]
        with np.errstate(all="ignore"):
            result = node.op.definition(*args, **node.attributes)
        key = f"g{len(self.groups)}"
        self.groups.append(Group(key, "", ()))  # keeps its place; filled below
        self.members.append([])
        level = _Level(ancestors(result), result, node.value)  # type: ignore[arg-type]
        outside = {inner: ports[outer] for outer, inner in inside.items()}
        port = self.add(level, g, outside)[result]
        members = self.members.pop()
        text, latex = symbol(node.op, node.args, node.attributes, self.names.of)
        self.groups[int(key[1:])] = Group(key, node.op.name.replace("_", " "), tuple(members))
        self.members[-1].append(key)
        return self._value(node, port)

    # --- vertices ---------------------------------------------------------------------------------

    def _sketch(
        self, kind: VertexKind, text: str, formula: str, lines: Iterable[str], *, outer: int = -1
    ) -> str:
        key = f"n{len(self.sketches)}"
        self.sketches[key] = _Sketch(kind, text, formula, tuple(lines))
        self.members[outer].append(key)
        return key

    def _leaf(self, node: Tensor) -> str:
        name = self.names.of(node) or ""
        return self._sketch("parameter", name, _latex(name), _array_lines(node.value))

    def _operation(
        self, node: Tensor, ports: Mapping[Tensor, str], value: Any
    ) -> tuple[str, str]:
        """Draw an operation and return where its result stands, and the operation itself."""
        assert node.op is not None
        text, formula = symbol(node.op, node.args, node.attributes, self.names.of)
        own = () if self.names.of(node) else _array_lines(node.value if value is None else value)
        key = self._sketch("op", text, formula, (*attribute_lines(node), *own))
        for argument in node.args:
            if isinstance(argument, Tensor):
                self.edges.append(Edge(ports[argument], key))
            elif not is_number(argument, self.names.of):
                self.edges.append(Edge(self._constant(argument), key))
        return self._value(node, key), key

    def _value(self, node: Tensor, port: str) -> str:
        """Give a named result a vertex of its own."""
        name = self.names.of(node)
        if name is None:
            return port
        key = self._sketch("value", name, _latex(name), _array_lines(node.value))
        self.edges.append(Edge(port, key))
        return key

    def _constant(self, value: Any) -> str:
        key = self.constants.get(id(value))
        if key is None:
            name = self.names.of(value) or ""
            key = self._sketch("constant", name, _latex(name), _array_lines(value))
            self.constants[id(value)] = key
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

    def model(self, output: Tensor) -> Model:
        """Put everything together."""
        of = self.names.of(output) or "the output"
        for tail, head, part in self.passed:
            self.sketches[head].parts.append(part)
        flows = tuple(
            Edge(tail, head, "backward", text=one_line(part))
            for tail, head, part in self.passed
            if len(self.sketches[head].parts) > 1
        )
        vertices = tuple(
            Vertex(key, s.kind, s.formula, s.text, s.lines, gradient_lines=_gradient_lines(s))
            for key, s in self.sketches.items()
        )
        return Model(vertices, (*self.edges, *flows), tuple(self.groups))


def _latex(name: str) -> str:
    return name_latex(name) if name else ""


def _array_lines(value: Any) -> tuple[str, ...]:
    shape = shape_text(np.shape(value))
    return (*([shape] if shape else []), *value_lines(value))


def attribute_lines(node: Tensor) -> tuple[str, ...]:
    """Say along which axis an operation runs, where there is a choice."""
    assert node.op is not None
    axis = node.attributes.get("axis")
    several = any(np.ndim(value) > 1 for value in node.inputs)
    return (f"axis {axis}",) if axis is not None and several else ()


def _gradient_lines(sketch: _Sketch) -> tuple[str, ...]:
    if sketch.total is None:
        return ()
    total = value_lines(sketch.total)
    if len(sketch.parts) < 2:
        return tuple(f"∇ {line}" if i == 0 else line for i, line in enumerate(total))
    parts = [value_lines(part) for part in sketch.parts]
    return ("∇ " + " + ".join(one_line(p) for p in sketch.parts), *(f"= {t}" for t in total))
