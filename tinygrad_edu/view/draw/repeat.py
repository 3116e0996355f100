"""Repeat what is used far away: a shared weight is drawn again where it is needed.

One arrow across the whole picture can be followed; a hundred of them cannot, and to lay them out
takes minutes.
"""

from __future__ import annotations

from dataclasses import replace

from .dot import directions, ranks
from .model import Edge, Model, Vertex

__all__ = ["repeat_far_leaves"]

_FAR = 10  # ranks
_REACH = 400  # ranks that arrows from one vertex may cross together
NOTE = "What is used far away is drawn again there."


def repeat_far_leaves(model: Model) -> Model:
    """Draw parameters and constants again beside far uses, where their arrows would run too far.

    Examples
    --------
    >>> steps = tuple(Vertex(f"{n}", "op") for n in range(40))
    >>> chain = tuple(Edge(f"{n}", f"{n + 1}") for n in range(39))
    >>> used = tuple(Edge("w", f"{n}") for n in range(40))
    >>> model = Model((Vertex("w", "parameter", text="w"), *steps), chain + used)
    >>> len(repeat_far_leaves(model).vertices) - len(model.vertices)
    30
    """
    laid_out = directions(model)
    rank = ranks(laid_out)
    heads: dict[str, list[int]] = {}
    for number, (tail, _) in enumerate(laid_out):
        heads.setdefault(tail, []).append(number)
    entered = {head for _, head in laid_out}
    copies: list[Vertex] = []
    edges = list(model.edges)
    again: dict[str, list[str]] = {}
    for vertex in model.vertices:
        numbers = heads.get(vertex.key, [])
        if vertex.kind not in {"parameter", "constant"} or vertex.key in entered or not numbers:
            continue
        start = min(rank[laid_out[number][1]] for number in numbers) - 1
        spans = {number: rank[laid_out[number][1]] - start for number in numbers}
        if sum(spans.values()) <= _REACH:
            continue
        for number, span in spans.items():
            if span > _FAR:
                user = laid_out[number][1]
                key = f"{vertex.key} at {user}"
                if key not in again.setdefault(vertex.key, []):
                    again[vertex.key].append(key)
                    copies.append(_copy(vertex, key))
                edges[number] = _moved(edges[number], vertex.key, key)
    if not copies:
        return model
    groups = []
    for group in model.groups:
        added = (key for member in group.members for key in again.get(member, ()))
        groups.append(replace(group, members=(*group.members, *added)))
    return replace(
        model,
        vertices=(*model.vertices, *copies),
        edges=tuple(edges),
        groups=tuple(groups),
        notes=(*model.notes, NOTE),
    )


def _copy(vertex: Vertex, key: str) -> Vertex:
    named = bool(vertex.text or vertex.formula)
    return replace(vertex, key=key, lines=() if named else vertex.lines, gradient_lines=())


def _moved(edge: Edge, old: str, new: str) -> Edge:
    if edge.tail == old:
        return replace(edge, tail=new)
    return replace(edge, head=new)
