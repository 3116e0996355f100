"""Walks over a recorded graph. All are loops: depth is limited by memory alone."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

from tinygrad_edu.core.node import Node

__all__ = ["ancestors", "depends_on", "differentiable"]

_by_serial = attrgetter("serial")


def ancestors(*outputs: Node) -> list[Node]:
    """Return every vertex that `outputs` are made of, themselves included, arguments first."""
    return _walk(outputs, through_constants=True)


def differentiable(output: Node) -> list[Node]:
    """Return the vertices that a gradient of `output` can reach, arguments first."""
    return _walk((output,), through_constants=False)


def depends_on(order: Iterable[Node], roots: Iterable[Node]) -> set[Node]:
    """Return the vertices of `order` (arguments first) that a gradient passes to `roots` from."""
    reached = set(roots)
    for node in order:
        op = node.op
        if op is not None and node not in reached:
            for index, argument in enumerate(node.args):
                if isinstance(argument, Node) and argument in reached and op.rule_of(index):
                    reached.add(node)
                    break
    return reached


def _walk(outputs: Iterable[Node], *, through_constants: bool) -> list[Node]:
    found = dict.fromkeys(outputs)  # a set that remembers its order
    pending = list(found)
    while pending:
        for argument in pending.pop().args:
            if isinstance(argument, Node) and argument not in found:
                op = argument.op
                if op is None or through_constants or not op.constant:
                    found[argument] = None
                    pending.append(argument)
    # A walk from the output finds results before arguments, or nearly so: quick to sort.
    return sorted(found, key=_by_serial)
