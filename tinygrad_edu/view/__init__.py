"""Pictures: a plain model, its DOT text, and an SVG with formulas drawn as glyphs.

Graphviz and ziamath are imported when a picture is first drawn.
"""

from .draw import (
    Edge,
    Group,
    Model,
    Picture,
    Renderer,
    RendererError,
    RendererNotFound,
    Vertex,
    draw,
    found,
    use_renderer,
)

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
    "use_renderer",
]
