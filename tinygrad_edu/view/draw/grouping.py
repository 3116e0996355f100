"""Clusters of a picture, one for each part of the computation, and which of them are folded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_edu.view.draw.model import Group
from tinygrad_edu.view.draw.parts import Layout, Piece, title_of

__all__ = ["Fold", "Origin", "chosen", "clusters"]

#: Which parts are folded: every innermost one, or those of these names.
Fold = bool | frozenset[str]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a vertex or cluster stands for; of a named result, it may be the name's own vertex."""

    value: Any
    is_name: bool = False


def clusters(
    keys: Iterable[str], origins: Mapping[str, Origin], layout: Layout
) -> dict[str, tuple[Group, Piece]]:
    """Return a cluster for each part that has more than one vertex, by key, inner ones first.

    The name of a part's result stands outside of it.
    """
    members: dict[int, list[str]] = {id(piece): [] for piece in layout.pieces}
    for key in keys:
        origin = origins[key]
        piece = layout.home.get(id(origin.value))
        while origin.is_name and piece is not None and piece.output is origin.value:
            piece = piece.within
        if piece is not None:
            members[id(piece)].append(key)
    found: dict[str, tuple[Group, Piece]] = {}
    for piece in layout.pieces:  # inner ones first
        inside = members[id(piece)]
        if len(inside) > 1:
            key = f"part{len(found)}"
            found[key] = (Group(key, title_of(piece.part), tuple(inside)), piece)
            inside = [key]
        if piece.within is not None:
            members[id(piece.within)] += inside
    return found


def chosen(
    found: Mapping[str, tuple[Group, Piece]], fold: Fold, pieces: Iterable[Piece]
) -> list[str]:
    """Return the keys of the clusters that are folded.

    Raises
    ------
    ValueError
        If a name is no part's.
    """
    if fold is True:
        return [k for k, (g, _) in found.items() if not any(m in found for m in g.members)]
    if not fold:
        return []
    computed = sorted(pieces, key=lambda piece: piece.output.serial)
    known = {name: None for piece in computed for name in _names(piece)}
    for name in sorted(fold):
        if name not in known:
            there = ", ".join(known) or "none; a tensor has parts where a model computed it"
            raise ValueError(f"draw: fold={name!r} names no part of this graph; there are: {there}")
    return [k for k, (_, piece) in found.items() if fold.intersection(_names(piece))]


def _names(piece: Piece) -> list[str]:
    """What a part is called: its place, the last word of it, and its kind."""
    kind = piece.part.title.partition("(")[0]
    place = piece.part.name
    return [*dict.fromkeys(name for name in (place, place.rpartition(".")[2], kind) if name)]
