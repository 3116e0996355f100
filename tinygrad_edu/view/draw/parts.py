"""The parts of a recorded graph: which vertices a layer computed, and how layers nest.

Whoever computes in parts says so with `naming.end_part`; what a part is made of is found here,
when somebody draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.naming import Ending, Part, parts_ending_at
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.symbols import Operand, application, number_operand

__all__ = ["Layout", "Piece", "formula_text", "layout_of", "title_of"]

_MOST_OPERATIONS = 4  # of a formula that is written beside a part
_STRENGTH = {"add": 1, "subtract": 1, "multiply": 2, "divide": 2, "matmul": 2}
_SIGNS = {"add": " + ", "subtract": " − ", "multiply": "·", "divide": "/", "matmul": " "}


@dataclass(eq=False)
class Piece:
    """A part as it was computed once: from its inputs, by its members, to its output."""

    part: Part
    inputs: tuple[Any, ...]
    output: Tensor
    members: frozenset[Tensor]
    within: Piece | None = None


@dataclass(frozen=True)
class Layout:
    """The parts of a graph, inner ones first, and where each vertex lies."""

    pieces: tuple[Piece, ...]
    home: Mapping[int, Piece]  # by the identity of a Tensor or constant


def layout_of(order: Sequence[Tensor]) -> Layout:
    """Find the parts of a graph, whose vertices are given arguments first.

    An operation lies in the innermost part that computed it. A parameter or constant lies in the
    innermost part that alone uses it and was not given it: weights are inside, data outside.
    """
    there = set(order)
    pieces = [
        Piece(ending.part, ending.inputs, node, members)
        for node in order
        for ending in parts_ending_at(node)
        if (members := _members(node, ending) & there)
    ]
    pieces.sort(key=lambda piece: len(piece.members))
    for place, piece in enumerate(pieces):
        around = (outer for outer in pieces[place + 1 :] if piece.members <= outer.members)
        piece.within = next(around, None)
    home: dict[int, Piece] = {}
    for piece in pieces:
        for node in piece.members:
            home.setdefault(id(node), piece)
    for leaf, users in _users(order).items():
        alone = (piece for piece in pieces if users <= piece.members)
        inside: Piece | None = next(alone, None)
        while inside is not None and any(id(given) == leaf for given in inside.inputs):
            inside = inside.within
        if inside is not None:
            home[leaf] = inside
    return Layout(tuple(pieces), home)


def _members(output: Tensor, ending: Ending) -> frozenset[Tensor]:
    """Return what a part computed: the operations behind its output that are younger than it."""
    found = {output}
    pending = [output]
    while pending:
        for argument in pending.pop().args:
            if (
                isinstance(argument, Tensor)
                and argument.op is not None
                and argument.serial > ending.start
                and argument not in found
            ):
                found.add(argument)
                pending.append(argument)
    return frozenset(found)


def _users(order: Iterable[Tensor]) -> dict[int, set[Tensor]]:
    """Return, by identity, which operations use each leaf and each constant."""
    users: dict[int, set[Tensor]] = {}
    for node in order:
        for argument in node.args:
            if not isinstance(argument, Tensor) or argument.op is None:
                users.setdefault(id(argument), set()).add(node)
    return users


def title_of(part: Part) -> str:
    """Return what stands above a part: its place, and what it is.

    Examples
    --------
    >>> title_of(Part("hidden", "Linear(4, 2)")), title_of(Part("", "Net()"))
    ('hidden: Linear(4, 2)', 'Net')
    """
    title = part.title.removesuffix("()")
    return f"{part.name}: {title}" if part.name else title


def formula_text(piece: Piece, name_of: Callable[[Any], str | None]) -> str:
    """Write a short part as a formula of what it was given; nothing where it is long.

    An input without a name is called x.
    """
    if len(piece.members) > _MOST_OPERATIONS:
        return ""

    def write(value: Any, least: int) -> str | None:
        name = name_of(value)
        if name is not None and value is not piece.output:
            return name
        if any(value is given for given in piece.inputs):
            return "x"
        if not isinstance(value, Tensor):
            return number_operand(value).text if np.ndim(value) == 0 else None
        if value not in piece.members or value.op is None:
            return None
        strength = _STRENGTH.get(value.op.name, 3)
        parts = []
        for place, argument in enumerate(value.args):
            stronger = place == 1 and value.op.name in ("subtract", "divide")
            infix = strength < 3
            parts.append(write(argument, strength + stronger if infix else 0))
        if None in parts:
            return None
        written = [part for part in parts if part is not None]
        if strength < 3:
            text = _SIGNS[value.op.name].join(written)
            return f"({text})" if strength < least else text
        return application(value.op, [Operand(part) for part in written], value.attributes)[0]

    return write(piece.output, 0) or ""
