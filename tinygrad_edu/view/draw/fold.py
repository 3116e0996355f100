"""Fold clusters of a model: each becomes one vertex, with the edges that left it or entered it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .model import Edge, Model, Vertex

__all__ = ["fold"]


def fold(model: Model, folded: Mapping[str, Vertex]) -> Model:
    """Put one vertex in the place of each cluster of some keys.

    Edges inside a cluster vanish. Values that pass twice between the same two vertices are
    drawn once.

    Examples
    --------
    >>> from tinygrad_edu.view import Group
    >>> chain = tuple(Vertex(key, "op", text=key) for key in "abcd")
    >>> edges = (Edge("a", "b"), Edge("b", "c"), Edge("c", "d"))
    >>> model = Model(chain, edges, (Group("g", "layer", ("b", "c")),))
    >>> small = fold(model, {"g": Vertex("g", "part", text="layer")})
    >>> [v.text for v in small.vertices], [(e.tail, e.head) for e in small.edges]
    (['a', 'layer', 'd'], [('a', 'g'), ('g', 'd')])
    """
    owner = {member: group.key for group in model.groups for member in group.members}

    def place(key: str) -> str:
        """Return the outermost box that something is in, or itself."""
        found = key
        while key in owner or key in folded:
            found = key if key in folded else found
            key = owner.get(key, "")
        return found

    vertices: dict[str, Vertex] = {}
    for vertex in model.vertices:
        key = place(vertex.key)
        vertices.pop(key, None)  # a box stands where its result stood
        vertices[key] = folded.get(key, vertex)
    edges: list[Edge] = []
    drawn: set[tuple[str, str]] = set()
    for edge in model.edges:
        tail, head = place(edge.tail), place(edge.head)
        if (tail, head) == (edge.tail, edge.head):
            edges.append(edge)
        elif tail != head and not (edge.kind == "forward" and (tail, head) in drawn):
            drawn.add((tail, head))
            sign = edge.sign if head == edge.head else ""
            edges.append(replace(edge, tail=tail, head=head, sign=sign))
    kept = tuple(group for group in model.groups if place(group.key) not in folded)
    return replace(model, vertices=tuple(vertices.values()), edges=tuple(edges), groups=kept)
