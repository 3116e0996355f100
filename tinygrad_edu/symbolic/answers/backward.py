"""The backward pass of a derivation run again on other numbers, with a slip in one stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable
from tinygrad_edu.core.node import Node
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import Leaf, Quantity
from tinygrad_edu.symbolic.answers.claims import Letters
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.tensor import Tensor

__all__ = ["Backward", "Segment"]

Array = npt.NDArray[np.float64]

#: Stages are looked for in graphs of at most so many vertices, Jacobians of so many rows.
MOST_VERTICES = 80
MOST_ROWS = 64
#: A vertex whose formula is longer is not written.
LONGEST = 20


@dataclass(frozen=True, eq=False)
class Segment:
    """A stage of the chain: from the vertex `above` down to `below`, of one shape.

    If they are neighbours and others pass `below` as well, the stage is the one edge `index`.
    """

    above: Tensor
    below: Tensor
    name: str
    index: int | None = None


class Backward:
    """The graph of a derivation's output, and the quantities that its leaves stand for."""

    def __init__(
        self, output: Tensor, wrt: Tensor, seed: Quantity | None, sources: dict[int, Quantity]
    ) -> None:
        self.output, self.wrt, self.seed = output, wrt, seed
        self.sources = sources
        order = differentiable(output)
        reached = depends_on(order, [wrt])
        self.active = [node for node in order if node in reached]
        self.inside = set(self.active)
        self._replays: dict[Environment, dict[Node, Any]] = {}

    @classmethod
    def of(cls, derivation: Derivation, letters: Letters) -> Backward | None:
        """Return the pass of a derivation; None where its graph is too large or not there."""
        wrt = derivation.wrt.expr
        if not isinstance(wrt, Leaf) or not isinstance(wrt.quantity.source, Tensor):
            return None
        output = derivation.output.tensor()
        sources = {id(quantity.source): quantity for quantity in letters.quantities.values()}
        seed = letters.quantities[derivation.seed] if derivation.seed is not None else None
        found = cls(output, wrt.quantity.source, seed, sources)
        small = len(found.active) <= MOST_VERTICES
        return found if small and found.wrt in found.inside and output is not found.wrt else None

    # --- stages -----------------------------------------------------------------------------------

    def segments(self) -> Iterator[Segment]:
        """Yield the stages, the shortest first.

        A stage is a single rule, or what lies between two vertices that every path passes.
        """
        for node in reversed(self.active):
            assert isinstance(node, Tensor)
            for index, argument in enumerate(node.args):
                alike = isinstance(argument, Tensor) and node.shape == argument.shape
                if alike and argument in self.inside:
                    yield Segment(node, argument, self._name(node, argument), index)
        passed = self._passed_by_all()
        pairs = [
            (j - i, passed[j], passed[i])
            for i in range(len(passed))
            for j in range(i + 1, len(passed))
            if passed[i].shape == passed[j].shape
        ]
        for _, above, below in sorted(pairs, key=lambda pair: pair[0]):
            yield Segment(above, below, self._name(above, below))

    def _name(self, above: Tensor, below: Tensor) -> str:
        """Write ∂a/∂z, where both can be written; else name the operation."""
        names = [self._called(vertex, bare=False) for vertex in (above, below)]
        assert above.op is not None
        return f"∂{names[0]}/∂{names[1]}" if all(names) else f"the local rule of {above.op.name}"

    def _called(self, vertex: Any, bare: bool = True) -> str:
        """Write a vertex: its name, or its operation applied to what its arguments are called.

        Nothing is returned for what is too long.
        """
        if isinstance(vertex, int | float):
            return f"{vertex:g}"
        if id(vertex) in self.sources:
            return self.sources[id(vertex)].name
        if not isinstance(vertex, Tensor) or vertex.op is None or vertex.op.name == "einsum":
            return ""
        template = vertex.op.text or f"{vertex.op.name}({{args}})"
        enclosed = "(" in template
        inside = [self._called(argument, bare=enclosed) for argument in vertex.args]
        written = template.format(*inside, args=", ".join(inside), **vertex.attributes)
        if len(written) > LONGEST or not all(inside):
            return ""
        return written if bare or enclosed else f"({written})"

    def _passed_by_all(self) -> list[Tensor]:
        """Return the vertices on every path from the output to `wrt`, nearest to `wrt` first."""
        uses: dict[Node, list[Node]] = {node: [] for node in self.active}
        for node in self.active:
            for argument in node.args:
                if isinstance(argument, Node) and argument in uses:
                    uses[argument].append(node)
        found: list[Any] = []
        for gone in self.active:
            seen: set[Node] = {self.wrt, gone}
            pending: list[Node] = [self.wrt] if gone is not self.wrt else []
            while pending:
                for above in uses[pending.pop()]:
                    if above not in seen:
                        seen.add(above)
                        pending.append(above)
            if gone is self.wrt or gone is self.output or self.output not in seen:
                assert isinstance(gone, Tensor)
                found.append(gone)
        return found

    def others(self) -> Iterator[tuple[str, Any]]:
        """Yield what else has a name and a gradient."""
        for node in ancestors(self.output):
            if id(node) in self.sources and node not in {self.wrt, self.output}:
                yield self.sources[id(node)].name, node

    # --- numbers ----------------------------------------------------------------------------------

    def run(self, env: Environment, segment: Segment, how: str) -> Array | None:
        """Return the gradient with a stage "skipped" or reduced to its "diagonal"."""
        try:
            again = self._replayed(env)
            output, wrt = again[self.output], again[self.wrt]
            above, below = again[segment.above], again[segment.below]
            seed = np.ones(output.shape)
            if self.seed is not None:
                seed = env.array(self.seed.leaf, self.seed.axes)
            if segment.index is not None:
                return self._with_edge(again, segment, how, seed)
            g = seed if above is output else gradients(output, above, seed=seed)
            if how == "diagonal":
                diagonal = _diagonal(above, below)
                if diagonal is None:
                    return None
                g = g * diagonal
            found = g if below is wrt else gradients(below, wrt, seed=g)
        except (ValueError, TypeError, IndexError):
            return None
        return np.asarray(found, dtype=np.float64)

    def by(self, node: Any, env: Environment) -> Array | None:
        """Return the gradient by another vertex."""
        try:
            again = self._replayed(env)
            output = again[self.output]
            seed = np.ones(output.shape)
            if self.seed is not None:
                seed = env.array(self.seed.leaf, self.seed.axes)
            return np.asarray(gradients(output, again[node], seed=seed), dtype=np.float64)
        except (ValueError, TypeError, IndexError):
            return None

    def _replayed(self, env: Environment) -> dict[Node, Any]:
        """Record the graph again on the numbers of an environment."""
        if env in self._replays:
            return self._replays[env]
        again: dict[Node, Any] = {}
        for node in ancestors(self.output):
            if node.op is None:
                again[node] = Tensor(self._array(node, node.value, env))
            else:
                args = tuple(
                    again[a] if isinstance(a, Node) else self._array(a, a, env) for a in node.args
                )
                again[node] = node.op(*args, **node.attributes)
        self._replays[env] = again
        return again

    def _array(self, source: Any, value: Any, env: Environment) -> Any:
        quantity = self.sources.get(id(source))
        if quantity is None or isinstance(value, int | float):
            return value
        assert quantity.definition is None
        return np.array(env.array(quantity.leaf, quantity.axes))

    def _with_edge(
        self, again: dict[Node, Any], segment: Segment, how: str, seed: Array
    ) -> Array | None:
        """Run the pass over the fresh graph, with another rule on one edge."""
        totals: dict[Node, Any] = {again[self.output]: seed}
        inside = {again[node] for node in self.inside}
        diagonal = None
        above = again[segment.above]
        if how == "diagonal":
            diagonal = _diagonal_of_edge(above, segment.index)
            if diagonal is None:
                return None
        for old in reversed(self.active):
            node = again[old]
            if node is again[self.wrt]:
                continue
            g = totals.pop(node, None)
            if g is None or node.op is None:
                continue
            for index, argument in enumerate(node.args):
                if not isinstance(argument, Node) or argument not in inside:
                    continue
                if node is above and index == segment.index:
                    part = g if diagonal is None else g * diagonal
                else:
                    part = _passed(node, index, g)
                if part is not None:
                    totals[argument] = totals[argument] + part if argument in totals else part
        return totals.get(again[self.wrt])


def _passed(node: Any, index: int, g: Any) -> Any:
    """Return what one vertex passes back to one argument."""
    rule = node.op.rule_of(index)
    if rule is None:
        return None
    attributes = dict(node.attributes)
    if node.op.saved is not None:
        attributes["saved"] = node.saved
    part = np.asarray(rule(g, node.value, *node.inputs, **attributes))
    shape = np.shape(node.inputs[index])
    return part if part.shape == shape else ops.sum_to(part, shape=shape)


def _diagonal(above: Tensor, below: Tensor) -> Array | None:
    """Return the derivative of every entry by the entry at its own place."""
    return _by_rows(above.shape, lambda seed: gradients(above, below, seed=seed))


def _diagonal_of_edge(node: Any, index: Any) -> Array | None:
    if node.op.elementwise:
        return None  # it is all there is
    return _by_rows(node.shape, lambda seed: _passed(node, index, seed))


def _by_rows(shape: tuple[int, ...], pulled: Any) -> Array | None:
    size = int(np.prod(shape))
    if size > MOST_ROWS:
        return None
    rows = [pulled(row.reshape(shape)).reshape(-1)[i] for i, row in enumerate(np.eye(size))]
    return np.array(rows).reshape(shape)
