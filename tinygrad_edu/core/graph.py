"""Walks over a recorded graph. All are loops: depth is limited by memory alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from tinygrad_edu.core.node import Node

__all__ = ["ancestors", "depends_on", "differentiable", "on_every_path", "rerun"]

_by_serial = attrgetter("serial")


def ancestors(*outputs: Node) -> list[Node]:
    """Return every vertex that `outputs` are made of, themselves included, arguments first."""
    return _walk(outputs, through_constants=True)


def differentiable(output: Node) -> list[Node]:
    """Return the vertices that a gradient of `output` can reach, arguments first."""
    return _walk((output,), through_constants=False)


def depends_on(order: Iterable[Node], roots: Iterable[Node]) -> set[Node]:
    """Return the vertices of `order` (arguments first) whose gradient reaches `roots`."""
    reached = set(roots)
    for node in order:
        op = node.op
        if op is not None and node not in reached:
            for index, argument in enumerate(node.args):
                if isinstance(argument, Node) and argument in reached and op.rules[index]:
                    reached.add(node)
                    break
    return reached


def on_every_path(active: Sequence[Node]) -> list[Node]:
    """Return the vertices that every path from the last of `active` back to the first goes through.

    `active` holds all vertices of these paths, arguments first; the result starts with the last.
    """
    inside = set(active)
    found: list[Node] = []
    ahead: set[Node] = set()  # what the vertices seen so far are made of, and was not seen itself
    for node in reversed(active):
        ahead.discard(node)
        if not ahead:
            found.append(node)
        op = node.op
        if op is not None:
            ahead.update(
                argument
                for index, argument in enumerate(node.args)
                if isinstance(argument, Node) and argument in inside and op.rules[index]
            )
    return found


def rerun(
    order: Iterable[Node], known: dict[Any, Any], make: Callable[[Any, tuple[Any, ...]], Any]
) -> dict[Any, Any]:
    """Go through a recorded graph again, arguments first, with `known` in the place of vertices.

    Each other vertex becomes ``make(node, arguments)``, what stands for its arguments; a leaf
    that is not known stands for itself. Returns `known`, completed.
    """
    for node in order:
        if node.op is not None and node not in known:
            arguments = (known.get(a, a) if isinstance(a, Node) else a for a in node.args)
            known[node] = make(node, tuple(arguments))
    return known


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
