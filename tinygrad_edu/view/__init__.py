"""Pictures: a plain model, its DOT text, and an SVG with formulas drawn as glyphs.

Graphviz and ziamath are imported when a picture is first drawn.
"""

from .draw import draw
from .model import Edge, Group, Model, Vertex
from .picture import Picture
from .renderer import Renderer, RendererError, RendererNotFound, found

__all__ = [
    "Edge",
    "Group",
    "Model",
    "Picture",
    "Renderer",
    "RendererError",
    "RendererNotFound",
    "Vertex",
    "draw",
    "found",
]
