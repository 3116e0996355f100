"""The plain model of a picture: vertices, edges and groups, and nothing that computes.

A model knows no tensors. Whoever wants a picture says what stands in each vertex, as LaTeX (for
glyphs) and as readable Unicode (for everything else), and what is joined to what.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Direction", "Edge", "EdgeKind", "Frame", "Group", "LegendKind", "Mark", "Model"]
__all__ += ["Vertex", "VertexKind"]

VertexKind = Literal["op", "value", "parameter", "constant", "gradient op", "gradient", "part"]
EdgeKind = Literal["forward", "backward"]
Mark = Literal["matched", "cancelled"]
Direction = Literal["LR", "TB"]
LegendKind = Literal[EdgeKind, VertexKind, Mark]


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


@dataclass(frozen=True, slots=True)
class Group:
    """Vertices (and groups) that belong together, within one border.

    Parameters
    ----------
    key
        A key of its own, different from every vertex's.
    text
        The label.
    members
        Keys of vertices and of other groups. A vertex or group is a member of one group at most.
    formula
        LaTeX, which takes the place of ``text``.
    lines
        Further plain lines.

    Examples
    --------
    >>> Group("g", "softmax", ("exp", "sum", "divide")).text
    'softmax'
    """

    key: str
    text: str
    members: tuple[str, ...]
    formula: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One stage of a story: a graph of its own, below a caption of text, formula and lines."""

    model: Model
    text: str
    formula: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Model:
    """A whole picture.

    Parameters
    ----------
    vertices, edges, groups
        What is drawn; a group stands before those within it, or it would cover them.
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
    frames
        The stages of a story, one below the other, instead of vertices.

    Examples
    --------
    >>> vertices = (Vertex("z", "value", "z", "z"), Vertex("e", "op", "e^{z}", "exp(z)"))
    >>> Model(vertices, (Edge("z", "e"),)).direction
    'LR'
    """

    vertices: tuple[Vertex, ...] = ()
    edges: tuple[Edge, ...] = ()
    groups: tuple[Group, ...] = ()
    title: str = ""
    direction: Direction = "LR"
    notes: tuple[str, ...] = ()
    legend: tuple[tuple[LegendKind, str], ...] = ()
    aside: str = ""
    frames: tuple[Frame, ...] = ()

    @property
    def graphs(self) -> tuple[Model, ...]:
        """The graphs that are laid out, each by itself: those of the frames, or this one."""
        return tuple(frame.model for frame in self.frames) or (self,)
