"""The plain model of a picture: vertices, edges and groups, and nothing that computes.

A model knows no tensors. Whoever wants a picture says what stands in each vertex, as LaTeX (for
glyphs) and as readable Unicode (for everything else), and what is joined to what.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Direction", "Edge", "EdgeKind", "Group", "GroupKind", "LegendKind", "Mark", "Model"]
__all__ += ["Vertex", "VertexKind", "frames"]

VertexKind = Literal["op", "value", "parameter", "constant", "gradient op", "gradient", "part"]
EdgeKind = Literal["forward", "backward"]
GroupKind = Literal["cluster", "frame"]
Mark = Literal["matched", "cancelled"]
Direction = Literal["LR", "TB"]
LegendKind = Literal[EdgeKind, VertexKind, Mark]


def _require(value: object, allowed: object, what: str) -> None:
    """Refuse ``value`` unless it is one of the strings of the Literal type ``allowed``."""
    options = get_args(allowed)
    if value not in options:
        raise ValueError(f"{what} must be one of {', '.join(options)}; got {value!r}.")


def _require_marks(marks: Iterable[str], what: str) -> None:
    for mark in sorted(marks):
        _require(mark, Mark, f"a mark of {what}")


@dataclass(frozen=True, slots=True)
class Vertex:
    """One box of a picture.

    Parameters
    ----------
    key
        What edges and groups call this vertex. Never shown.
    kind
        Decides the shape: an op is a pill, a value a rectangle, a parameter a hexagon, a
        constant a sheet with a folded corner, a gradient a rectangle with its corners cut off,
        a gradient op, of the backward pass, a dashed pill, and a part that was folded a pill with
        two borders.
    formula
        LaTeX, or "" for none.
    text
        The same in readable Unicode: the label where no formula can be set, and what a screen
        reader says.
    lines
        Further plain lines below it, such as a shape or a value.
    marks
        "matched" (outlined) and "cancelled" (struck through).
    gradient_lines
        Plain lines in the colour of the backward pass, below ``lines``.
    shape
        The shape of the array, small in the upper right corner.

    Examples
    --------
    >>> Vertex("e", "op", formula="e^{z}", text="exp(z)", lines=("(3,)",)).text
    'exp(z)'
    """

    key: str
    kind: VertexKind
    formula: str = ""
    text: str = ""
    lines: tuple[str, ...] = ()
    marks: frozenset[Mark] = frozenset()
    gradient_lines: tuple[str, ...] = ()
    shape: str = ""

    def __post_init__(self) -> None:
        _require(self.kind, VertexKind, f"the kind of vertex {self.key!r}")
        _require_marks(self.marks, f"vertex {self.key!r}")


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow from the vertex ``tail`` to the vertex ``head``.

    A forward edge is drawn solid and blue, a backward edge dashed and orange-brown. Two vertices
    may be joined by several edges, as in ``x * x``. ``text`` or ``formula`` is its label; ``sign``
    stands beside the arrowhead, as the minus of what is subtracted.

    Examples
    --------
    >>> Edge("z", "e").kind
    'forward'
    """

    tail: str
    head: str
    kind: EdgeKind = "forward"
    text: str = ""
    formula: str = ""
    marks: frozenset[Mark] = frozenset()
    sign: str = ""

    def __post_init__(self) -> None:
        _require(self.kind, EdgeKind, f"the kind of the edge {self.tail!r} to {self.head!r}")
        _require_marks(self.marks, f"the edge {self.tail!r} to {self.head!r}")


@dataclass(frozen=True, slots=True)
class Group:
    """Vertices (and clusters) that belong together.

    Parameters
    ----------
    key
        A key of its own, different from every vertex's.
    text
        The label of a cluster, the caption of a frame.
    members
        Keys of vertices and of other clusters. A vertex or cluster is a member of one group at
        most.
    formula
        LaTeX. In a cluster it takes the place of ``text``; in a frame it stands below it.
    lines
        Further plain lines.
    kind
        A "cluster" has a border and may lie within another group. "frame" is one stage of a
        story: frames stand one below the other, in the order given, and no edge joins two of them.

    Examples
    --------
    >>> Group("g", "softmax", ("exp", "sum", "divide")).kind
    'cluster'
    """

    key: str
    text: str
    members: tuple[str, ...]
    formula: str = ""
    lines: tuple[str, ...] = ()
    kind: GroupKind = "cluster"

    def __post_init__(self) -> None:
        _require(self.kind, GroupKind, f"the kind of group {self.key!r}")


@dataclass(frozen=True, slots=True)
class Model:
    """A whole picture.

    Parameters
    ----------
    vertices, edges, groups
        What is drawn.
    title
        Above the picture.
    direction
        From left to right, or from top to bottom.
    notes
        Plain sentences below the picture.
    legend
        What shapes, lines and marks mean: pairs of a kind and its meaning, in one row below.
    aside
        What is said about the picture and not drawn into it.

    Raises
    ------
    ValueError
        For a key that is used twice, an edge or a group that names an unknown key, a member of
        two groups, a frame within a group, groups within one another in a circle, and an edge
        from one frame to another.

    Examples
    --------
    >>> vertices = (Vertex("z", "value", "z", "z"), Vertex("e", "op", "e^{z}", "exp(z)"))
    >>> Model(vertices, (Edge("z", "e"),)).direction
    'LR'
    >>> Model(vertices, (Edge("z", "q"),))
    Traceback (most recent call last):
        ...
    ValueError: The edge 'z' to 'q' names 'q', which is no vertex of the picture.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...] = ()
    groups: tuple[Group, ...] = ()
    title: str = ""
    direction: Direction = "LR"
    notes: tuple[str, ...] = ()
    legend: tuple[tuple[LegendKind, str], ...] = ()
    aside: str = ""

    def __post_init__(self) -> None:
        _require(self.direction, Direction, "the direction of a picture")
        for kind, _ in self.legend:
            _require(kind, LegendKind, "a kind of the legend")
        _check_keys(self)
        _check_edges(self)
        owner = _owners(self)
        _check_nesting(self, owner)
        _check_frames(self, owner)


def _items(model: Model) -> tuple[Vertex | Group, ...]:
    return (*model.vertices, *model.groups)


def _check_keys(model: Model) -> None:
    seen: set[str] = set()
    for item in _items(model):
        if item.key in seen:
            raise ValueError(
                f"The key {item.key!r} is used twice; each vertex and group needs one of its own."
            )
        seen.add(item.key)


def _check_edges(model: Model) -> None:
    known = {vertex.key for vertex in model.vertices}
    for edge in model.edges:
        for end in (edge.tail, edge.head):
            if end not in known:
                raise ValueError(
                    f"The edge {edge.tail!r} to {edge.head!r} names {end!r}, "
                    "which is no vertex of the picture."
                )


def _owners(model: Model) -> dict[str, str]:
    """Which group each member lies in directly."""
    known = {item.key for item in _items(model)}
    frame_keys = {group.key for group in model.groups if group.kind == "frame"}
    owner: dict[str, str] = {}
    for group in model.groups:
        for member in group.members:
            if member not in known:
                raise ValueError(
                    f"The group {group.key!r} names {member!r}, "
                    "which is neither a vertex nor a group of the picture."
                )
            if member in frame_keys:
                raise ValueError(
                    f"The frame {member!r} lies in the group {group.key!r}; frames stand alone."
                )
            if member in owner:
                raise ValueError(
                    f"{member!r} is a member twice: of {owner[member]!r} and of {group.key!r}."
                )
            owner[member] = group.key
    return owner


def _outermost(key: str, owner: dict[str, str]) -> str:
    while key in owner:
        key = owner[key]
    return key


def _check_nesting(model: Model, owner: dict[str, str]) -> None:
    for group in model.groups:
        key = group.key
        for _ in model.groups:
            key = owner.get(key, "")
            if key == group.key:
                raise ValueError(f"The group {group.key!r} lies within itself.")


def _check_frames(model: Model, owner: dict[str, str]) -> None:
    frame_keys = {group.key for group in model.groups if group.kind == "frame"}
    if not frame_keys:
        return
    for edge in model.edges:
        # Vertices outside every frame make a piece of their own, here called "".
        ends = (_outermost(edge.tail, owner), _outermost(edge.head, owner))
        tail, head = (end if end in frame_keys else "" for end in ends)
        if tail != head:
            raise ValueError(
                f"The edge {edge.tail!r} to {edge.head!r} leaves its frame; "
                "repeat the vertex in the other frame under a key of its own."
            )


def frames(model: Model) -> tuple[tuple[Group | None, Model], ...]:
    """Cut a model into its frames, each a model without frames.

    Returns
    -------
    tuple of (frame, model)
        In reading order. What lies in no frame comes first, with ``None`` for its frame.

    Examples
    --------
    >>> model = Model(
    ...     (Vertex("a", "op"), Vertex("b", "op")),
    ...     groups=(
    ...         Group("1", "first", ("a",), kind="frame"),
    ...         Group("2", "then", ("b",), kind="frame"),
    ...     ),
    ... )
    >>> [frame.text for frame, part in frames(model)]
    ['first', 'then']
    """
    owner = _owners(model)
    heads = tuple(group for group in model.groups if group.kind == "frame")
    if not heads:
        return ((None, model),)
    clusters = tuple(group for group in model.groups if group.kind == "cluster")
    head_keys = {head.key for head in heads}
    tops = {item.key: _outermost(item.key, owner) for item in _items(model)}
    home = {key: top if top in head_keys else "" for key, top in tops.items()}

    def part(key: str) -> Model:
        return Model(
            tuple(vertex for vertex in model.vertices if home[vertex.key] == key),
            tuple(edge for edge in model.edges if home[edge.tail] == key),
            tuple(cluster for cluster in clusters if home[cluster.key] == key),
            direction=model.direction,
        )

    pieces: list[tuple[Group | None, Model]] = [(head, part(head.key)) for head in heads]
    loose = part("")
    if loose.vertices:
        pieces.insert(0, (None, loose))
    return tuple(pieces)
