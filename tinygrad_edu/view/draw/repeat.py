"""Repeat what is used far away: a shared weight is drawn again where it is needed.

One arrow across the whole picture can be followed; a hundred of them cannot, and to lay them out
takes minutes.
"""

from __future__ import annotations

from dataclasses import replace

from .dot import directions, ranks
from .model import Model, Vertex

__all__ = ["repeat_far_leaves"]

_FAR = 10  # ranks
_REACH = 400  # ranks that arrows from one vertex may cross together
NOTE = "What is used far away is drawn again there."


def repeat_far_leaves(model: Model) -> Model:
    """Draw parameters and constants again beside far uses, where their arrows would run too far.

    Examples
    --------
    >>> from tinygrad_edu.view import Edge
    >>> steps = tuple(Vertex(f"{n}", "op") for n in range(40))
    >>> chain = tuple(Edge(f"{n}", f"{n + 1}") for n in range(39))
    >>> used = tuple(Edge("w", f"{n}") for n in range(40))
    >>> model = Model((Vertex("w", "parameter", text="w"), *steps), chain + used)
    >>> len(repeat_far_leaves(model).vertices) - len(model.vertices)
    30
    """
    laid_out = directions(model)
    rank = ranks(laid_out)
    uses: dict[str, list[int]] = {}
    for number, (tail, _) in enumerate(laid_out):
        uses.setdefault(tail, []).append(number)
    entered = {head for _, head in laid_out}
    edges = list(model.edges)
    copies: dict[str, dict[str, Vertex]] = {}
    for vertex in model.vertices:
        if vertex.kind not in {"parameter", "constant"} or vertex.key in entered:
            continue
        reached = {number: rank[laid_out[number][1]] for number in uses.get(vertex.key, ())}
        start = min(reached.values(), default=0) - 1
        if sum(reached.values()) - start * len(reached) <= _REACH:
            continue
        again = copies[vertex.key] = {}
        is_named = bool(vertex.text or vertex.formula)
        lines = () if is_named else vertex.lines
        for number in (number for number, place in reached.items() if place - start > _FAR):
            key = f"{vertex.key} at {laid_out[number][1]}"
            again[key] = replace(vertex, key=key, lines=lines, gradient_lines=())
            edge = edges[number]
            starts = edge.tail == vertex.key
            edges[number] = replace(edge, tail=key) if starts else replace(edge, head=key)
    if not copies:
        return model
    groups = []
    for group in model.groups:
        added = (key for member in group.members for key in copies.get(member, ()))
        groups.append(replace(group, members=(*group.members, *added)))
    return replace(
        model,
        vertices=(*model.vertices, *(copy for again in copies.values() for copy in again.values())),
        edges=tuple(edges),
        groups=tuple(groups),
        notes=(*model.notes, NOTE),
    )
