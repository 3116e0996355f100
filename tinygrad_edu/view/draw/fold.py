"""Fold clusters of a model: each becomes one vertex, with the edges that left it or entered it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .model import Edge, Group, Model, Vertex

__all__ = ["fold"]


def fold(model: Model, folded: Mapping[str, Vertex]) -> Model:
    """Put one vertex in the place of each cluster of some keys.

    Edges inside a cluster vanish. Values that pass twice between the same two vertices are
    drawn once.

    Examples
    --------
    >>> chain = tuple(Vertex(key, "op", text=key) for key in "abcd")
    >>> edges = (Edge("a", "b"), Edge("b", "c"), Edge("c", "d"))
    >>> model = Model(chain, edges, (Group("g", "layer", ("b", "c")),))
    >>> small = fold(model, {"g": Vertex("g", "part", text="layer")})
    >>> [v.text for v in small.vertices], [(e.tail, e.head) for e in small.edges]
    (['a', 'layer', 'd'], [('a', 'g'), ('g', 'd')])
    """
    groups = {group.key: group for group in model.groups}
    new: dict[str, str] = {}  # the key of what is drawn in the place of another
    for key in folded:
        for member in _all_members(groups[key], groups):
            new[member] = key
    for key in list(folded):  # of clusters within one another, the outermost is drawn
        if key in new:
            folded = {other: vertex for other, vertex in folded.items() if other != key}
    for member, key in new.items():
        while key in new:
            key = new[key]
        new[member] = key
    vertices: dict[str, Vertex] = {}
    for vertex in model.vertices:
        key = new.get(vertex.key, vertex.key)
        vertices.pop(key, None)  # a box stands where its result stood
        vertices[key] = folded.get(key, vertex)
    kept = (g for g in model.groups if g.key not in folded and g.key not in new)
    return replace(
        model,
        vertices=tuple(vertices.values()),
        edges=tuple(_moved(model, new)),
        groups=tuple(kept),
    )


def _all_members(group: Group, groups: Mapping[str, Group]) -> list[str]:
    found = []
    for member in group.members:
        found.append(member)
        if member in groups:
            found += _all_members(groups[member], groups)
    return found


def _moved(model: Model, new: Mapping[str, str]) -> list[Edge]:
    edges: list[Edge] = []
    drawn: set[tuple[str, str]] = set()
    for edge in model.edges:
        tail, head = new.get(edge.tail, edge.tail), new.get(edge.head, edge.head)
        if (tail, head) == (edge.tail, edge.head):
            edges.append(edge)
        elif tail != head:
            if edge.kind == "forward" and (tail, head) in drawn:
                continue
            drawn.add((tail, head))
            sign = "" if edge.head in new else edge.sign
            edges.append(replace(edge, tail=tail, head=head, sign=sign))
    return edges
