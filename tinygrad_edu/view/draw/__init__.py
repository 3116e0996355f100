"""Pictures: from a recorded graph, or a derivation, to a plain model, its DOT text and an SVG."""

from .model import Edge, Group, Model, Vertex
from .picture import Picture, draw, notebook
from .renderer import Renderer, RendererError, RendererNotFound, found, use_renderer

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
    "notebook",
    "use_renderer",
]
