"""The backward pass of a derivation run again on other numbers, with a slip in one segment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients, vjp
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable, on_every_path
from tinygrad_edu.core.node import Node
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.answers.claims import Letters
from tinygrad_edu.symbolic.answers.trials import Array
from tinygrad_edu.symbolic.derive.recording import recorded_again
from tinygrad_edu.tensor import Tensor

__all__ = ["Backward", "Segment"]

#: Segments are looked for in graphs of at most so many vertices, Jacobians of so many rows.
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
    index: int | None = None


class Backward:
    """The graph of a derivation's output, and the quantities that its leaves stand for."""

    def __init__(self, letters: Letters, output: Tensor, wrt: Tensor) -> None:
        self.letters, self.output, self.wrt = letters, output, wrt
        self.names = {id(q.source): q.name for q in letters.quantities.values()}
        order = differentiable(output)
        reached = depends_on(order, [wrt])
        self.active = [node for node in order if node in reached]
        self.inside = set(self.active)
        self._again: dict[Environment, dict[int, Any]] = {}

    @classmethod
    def of(cls, letters: Letters) -> Backward | None:
        """Return the pass of a derivation; None where its graph is too large or not there."""
        wrt = letters.derivation.wrt.source
        if not isinstance(wrt, Tensor):
            return None
        found = cls(letters, letters.derivation.output.tensor(), wrt)
        small = len(found.active) <= MOST_VERTICES
        return found if small and wrt in found.inside and found.output is not wrt else None

    def segments(self) -> Iterator[Segment]:
        """Yield single rules, then what lies between two vertices on every path, from below."""
        for node in reversed(self.active):
            assert isinstance(node, Tensor)
            for index, argument in enumerate(node.args):
                inside = isinstance(argument, Tensor) and argument in self.inside
                if inside and argument.shape == node.shape:
                    yield Segment(node, argument, index)
        passed: list[Any] = on_every_path(self.active)[::-1]
        pairs = combinations(range(len(passed)), 2)
        for i, j in sorted(pairs, key=lambda pair: pair[1] - pair[0]):
            if passed[i].shape == passed[j].shape:
                yield Segment(passed[j], passed[i])

    def name(self, segment: Segment) -> str:
        """Write ∂a/∂z, where both can be written; else name the operation."""
        names = [self._called(vertex, bare=False) for vertex in (segment.above, segment.below)]
        assert segment.above.op is not None
        return f"∂{names[0]}/∂{names[1]}" if all(names) else f"the rule of {segment.above.op.name}"

    def _called(self, vertex: Any, *, bare: bool) -> str:
        """Write a vertex by its name or its arguments; nothing is returned for what is too long."""
        if isinstance(vertex, int | float):
            return f"{vertex:g}"
        if id(vertex) in self.names:
            return self.names[id(vertex)]
        if not isinstance(vertex, Tensor) or vertex.op is None or vertex.op.name == "einsum":
            return ""
        template = vertex.op.text or f"{vertex.op.name}({{args}})"
        enclosed = "(" in template
        inside = [self._called(argument, bare=enclosed) for argument in vertex.args]
        written = template.format(*inside, args=", ".join(inside), **vertex.attributes)
        if len(written) > LONGEST or not all(inside):
            return ""
        return written if bare or enclosed else f"({written})"

    def others(self) -> Iterator[tuple[str, Node]]:
        """Yield what else has a name and a gradient."""
        for node in ancestors(self.output):
            if id(node) in self.names and node not in {self.wrt, self.output}:
                yield self.names[id(node)], node

    def by(self, env: Environment, node: Node) -> Array:
        """Return the gradient by a vertex, on the numbers of an environment."""
        again = self._recorded(env)
        return _gradient(again[id(self.output)], again[id(node)], self._seed(env))

    def run(self, env: Environment, segment: Segment, how: str) -> Array | None:
        """Return the gradient with a stage "skipped" or reduced to its "diagonal".

        The pass is linear: what goes on from the stage is put in place of what should.
        """
        again, seed = self._recorded(env), self._seed(env)
        output, wrt = again[id(self.output)], again[id(self.wrt)]
        above, below = again[id(segment.above)], again[id(segment.below)]

        def passed(g: Array) -> Array:
            g = g.reshape(above.shape)
            if segment.index is not None:
                return np.asarray(vjp(above, segment.index, g), dtype=np.float64)
            return _gradient(above, below, g)

        arrived = instead = _gradient(output, above, seed)
        if how == "diagonal":
            if above.size > MOST_ROWS or (segment.index is not None and above.op.elementwise):
                return None  # too large, or it is all there is
            diagonal = [passed(row).flat[i] for i, row in enumerate(np.eye(above.size))]
            instead = arrived * np.reshape(diagonal, above.shape)
        wrong = _gradient(below, wrt, instead - passed(arrived))
        return _gradient(output, wrt, seed) + wrong

    def _seed(self, env: Environment) -> Array:
        incoming = self.letters.derivation.incoming
        return np.ones(self.output.shape) if incoming is None else incoming.on(env)

    def _recorded(self, env: Environment) -> dict[int, Any]:
        """Return the vertices of the graph, recorded on the numbers of an environment."""
        if env not in self._again:
            instead: dict[int, Any] = {}
            for quantity in self.letters.quantities.values():
                if quantity.definition is None and quantity.source is not None:
                    array = np.array(env.array(quantity.leaf, quantity.axes))
                    of_graph = isinstance(quantity.source, Node)
                    instead[id(quantity.source)] = Tensor(array) if of_graph else array
            self._again[env] = recorded_again([self.output], instead)
        return self._again[env]


def _gradient(output: Tensor, wrt: Tensor, seed: Array) -> Array:
    found = gradients(output, wrt, seed=seed.reshape(output.shape))
    return np.asarray(found, dtype=np.float64)
