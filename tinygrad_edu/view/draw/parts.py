"""The parts of a recorded graph: which vertices a layer, or an opened operation, is made of.

Whoever computes in parts says so with `naming.end_part`; what a part is made of is found here,
when somebody draws.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_edu.naming import Ending, Part, parts_ending_at
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.model import Group
from tinygrad_edu.view.draw.rounds import Rounds
from tinygrad_edu.view.draw.symbols import Operand, application, number_operand

__all__ = ["Fold", "Piece", "chosen", "formula_text", "homes", "pieces_of"]

#: Which parts are folded: every innermost one, or those of these names; None leaves it open.
Fold = bool | frozenset[str] | None

_MOST_OPERATIONS = 4  # of a formula that is written beside a part
_STRENGTH = {"add": 1, "subtract": 1, "multiply": 2, "divide": 2, "matmul": 2}
_SIGNS = {"add": " + ", "subtract": " − ", "multiply": "·", "divide": "/", "matmul": " "}


@dataclass(eq=False)
class Piece:
    """A part as it was computed once: from its inputs, by its members, to its output.

    Pieces, too, but no layers are an operation that is drawn by its definition, and one of
    several rounds that are alike.
    """

    part: Part
    inputs: tuple[Any, ...]
    output: Tensor
    members: frozenset[Tensor]
    is_layer: bool = True
    within: Piece | None = None

    @property
    def title(self) -> str:
        """What stands above it: its place, and what it is.

        Examples
        --------
        >>> x = Tensor(1.0)
        >>> Piece(Part("hidden", "Linear(4, 2)"), (), x, frozenset()).title
        'hidden: Linear(4, 2)'
        """
        title = self.part.title.removesuffix("()")
        return f"{self.part.name}: {title}" if self.part.name else title

    def names(self) -> list[str]:
        """Return what it can be called: its place, the last word of it, and its kind."""
        kind, place = self.part.title.partition("(")[0], self.part.name
        return [*dict.fromkeys(name for name in (place, place.rpartition(".")[2], kind) if name)]


def pieces_of(
    order: Sequence[Tensor],
    opened: Mapping[Tensor, frozenset[Tensor]],
    rounds: Sequence[Rounds] = (),
) -> tuple[Piece, ...]:
    """Find the pieces of a graph, whose vertices are given arguments first; inner ones first.

    `opened` says what the inside of each opened operation is; of `rounds` the first is a piece.
    """
    there = set(order)
    found = [
        Piece(ending.part, ending.inputs, node, _members(node, ending) & there)
        for node in order
        for ending in parts_ending_at(node)
    ]
    for each in rounds:
        part, first = Part("", f"× {each.count}"), frozenset(each.first)
        found.append(Piece(part, each.given, each.first[-1], first, is_layer=False))
    for piece in found:
        inside = (opened[member] for member in piece.members if member in opened)
        piece.members = piece.members.union(*inside)
    for node, members in opened.items():
        assert node.op is not None
        part = Part("", node.op.name.replace("_", " "))
        found.append(Piece(part, node.args, node, members, is_layer=False))
    pieces = sorted((p for p in found if p.members), key=lambda piece: len(piece.members))
    for place, piece in enumerate(pieces):
        around = (outer for outer in pieces[place + 1 :] if piece.members <= outer.members)
        piece.within = next(around, None)
    return tuple(pieces)


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


def homes(pieces: Sequence[Piece], users: Mapping[int, Collection[Tensor]]) -> dict[int, Piece]:
    """Return, by identity, the piece that each vertex and each constant lies in.

    An operation lies in the innermost piece that computed it. A parameter or constant lies in the
    innermost piece that alone uses it and was not given it: weights are inside, data outside.
    """
    home: dict[int, Piece] = {}
    for piece in pieces:
        for node in piece.members:
            home.setdefault(id(node), piece)
    for leaf, using in users.items():
        inside = next((piece for piece in pieces if piece.members.issuperset(using)), None)
        while inside is not None and any(id(given) == leaf for given in inside.inputs):
            inside = inside.within
        if inside is not None:
            home[leaf] = inside
    return home


def chosen(pieces: Sequence[Piece], groups: Mapping[Piece, Group], fold: Fold) -> list[Piece]:
    """Return which pieces that have a group are folded.

    Raises
    ------
    ValueError
        If a name is no piece's.
    """
    layers = [piece for piece in pieces if piece.is_layer]
    grouped = [piece for piece in layers if piece in groups]
    if fold is None or isinstance(fold, bool):
        keys = {groups[piece].key for piece in grouped}
        return [p for p in grouped if fold and keys.isdisjoint(groups[p].members)]
    computed = sorted(layers, key=lambda piece: piece.output.serial)
    known = dict.fromkeys(name for piece in computed for name in piece.names())
    for name in sorted(fold):
        if name not in known:
            there = ", ".join(known) or "none; a tensor has parts where a model computed it"
            raise ValueError(f"draw: fold={name!r} names no part of this graph; there are: {there}")
    return [piece for piece in grouped if not fold.isdisjoint(piece.names())]


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
