"""A recorded graph as it is drawn: with operations opened, and rounds that are alike once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import propagate
from tinygrad_edu.core.graph import ancestors, differentiable
from tinygrad_edu.core.op import Op
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.rounds import Rounds

__all__ = ["Expand", "OpenedGraph"]

#: Which operations are opened: all that have a definition, or those of these names.
Expand = bool | frozenset[str]

_DEEPEST = 20  # a definition may use its own operation


class OpenedGraph:
    """A recorded graph, arguments first, in which some operations are opened.

    An opened operation follows the graph of its definition, which begins at stand-ins for its
    arguments: so the inside ends where it begins, and takes gradients of its own.

    Attributes
    ----------
    order : list of Tensor
        The vertices.
    opened : dict of Tensor to (Tensor, frozenset of Tensor)
        Each opened operation with the result of its definition and all that is inside.
    totals : dict of Tensor to array
        The gradients, if a seed is given.
    shares : dict of (Tensor, int) to array
        What each operation brings to the gradient of each argument.
    """

    def __init__(
        self,
        order: list[Tensor],
        output: Tensor,
        seed: Any,
        expand: Expand,
        rounds: Sequence[Rounds] = (),
    ) -> None:
        self.expand, self.rounds = expand, rounds
        self.has_gradients = seed is not None
        self.order: list[Tensor] = []
        self.opened: dict[Tensor, tuple[Tensor, frozenset[Tensor]]] = {}
        self.totals: dict[Any, Any] = {}
        self.shares: dict[tuple[Any, int], Any] = {}
        self.later = {node: drawn for each in rounds for node, drawn in each.again.items()}
        self._outer = dict(self.later)  # what is drawn for it: of a round, and of a stand-in
        self._exact: dict[Tensor, Any] = {}  # recorded; the inside of an operation is less exact
        self._met: set[str] = set()  # operations that could be opened
        used = {id(a) for node in order if node not in self.later for a in node.args}
        gone = {id(a) for node in self.later for a in node.args} - used
        drawn = [node for node in order if node.op is not None or id(node) not in gone]
        self._add(drawn, output, seed, 0)
        self._refuse_unopened()

    def args(self, node: Tensor) -> list[Any]:
        """Return the arguments of an operation, as they are drawn."""
        return [self._outer.get(a, a) if isinstance(a, Tensor) else a for a in node.args]

    def value(self, node: Tensor) -> Any:
        """Return the value of a vertex, as it was recorded."""
        return self._exact.get(node, node.value)

    def _add(self, order: Iterable[Tensor], output: Tensor, seed: Any, depth: int) -> None:
        if seed is not None:
            active = differentiable(output)
            watch = lambda node, index, g, part: self.shares.update({(node, index): part})  # noqa: E731  # used once
            with np.errstate(all="ignore"):
                self.totals |= propagate(output, seed, active, keep=active, watch=watch)
        for node in order:
            if node not in self._outer:
                if node.op is not None and depth < _DEEPEST and self._opens(node.op):
                    self._open(node, depth)
                self.order.append(node)

    def _opens(self, op: Op) -> bool:
        if op.definition is None:
            return False
        self._met.add(op.name)
        return self.expand if isinstance(self.expand, bool) else op.name in self.expand

    def _open(self, node: Tensor, depth: int) -> None:
        """Add the definition of an operation."""
        assert node.op is not None
        assert node.op.definition is not None
        args = []
        for argument, value in zip(self.args(node), node.inputs, strict=True):
            if isinstance(argument, Tensor):
                stand_in = _stand_in(value)
                self._outer[stand_in] = argument
                argument = stand_in
            args.append(argument)
        with np.errstate(all="ignore"):
            result = node.op.definition(*args, **node.attributes)
        self._exact[result] = self.value(node)
        before = len(self.order)
        self._add(ancestors(result), result, self.totals.get(node), depth + 1)  # type: ignore[arg-type]  # Tensors
        inside = frozenset(inner for inner in self.order[before:] if inner.op is not None)
        self.opened[node] = result, inside

    def _refuse_unopened(self) -> None:
        """Say so where an operation was to be opened that is not there."""
        if isinstance(self.expand, bool):
            return
        opened = {node.op.name for node in self.opened if node.op is not None}
        for name in sorted(self.expand - opened):
            there = ", ".join(sorted(self._met)) or "none"
            raise ValueError(
                f"draw: expand={name!r} names no operation of this graph that has a definition; "
                f"there are: {there}"
            )


def _stand_in(value: Any) -> Tensor:
    """Return a leaf of just this value: a Tensor made of a condition would turn it into numbers."""
    leaf = Tensor(0.0)
    leaf.value = value
    return leaf
