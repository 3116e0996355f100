"""How the kinds of vertices look, in DOT and in SVG."""

from __future__ import annotations

from dataclasses import dataclass

from .model import VertexKind

__all__ = ["LOOKS", "Look"]


@dataclass(frozen=True, slots=True)
class Look:
    """The look of a kind of vertex.

    Parameters
    ----------
    shape, style
        As Graphviz calls them: "box", "hexagon", "note" or "octagon", and "rounded" or "solid".
    sides, ends
        The room between a label and the border of its shape: at the sides, above and below.
    corner
        What the shape takes of its upper right corner.
    """

    shape: str
    style: str
    sides: float
    ends: float = 6.0
    corner: float = 0.0
    has_two_borders: bool = False

    @property
    def is_round(self) -> bool:
        """Whether the corners are round."""
        return self.style.startswith("rounded")


LOOKS: dict[VertexKind, Look] = {
    "op": Look("box", "rounded", 11.0),
    "value": Look("box", "solid", 8.0),
    "parameter": Look("hexagon", "solid", 14.0, corner=5.0),
    "constant": Look("note", "solid", 11.0, 7.0, corner=8.0),
    "gradient op": Look("box", "rounded,dashed", 11.0),
    "gradient": Look("octagon", "solid", 10.0),
    "part": Look("box", "rounded", 14.0, 9.0, has_two_borders=True),
}
