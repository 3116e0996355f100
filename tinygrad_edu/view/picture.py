"""A picture: shown by a notebook, saved to a file, or read as DOT text."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from .dot import digraph
from .model import Model
from .renderer import find_renderer
from .svg import compose

if TYPE_CHECKING:
    import graphviz

__all__ = ["Picture"]


class Picture:
    """A picture of a model, ready to be shown, saved, or read as DOT text.

    Parameters
    ----------
    model
        What to draw.

    Notes
    -----
    A notebook shows a picture by itself. The colours of an SVG put into an HTML page follow the
    page's text colour, and the page may set ``--tg-forward``, ``--tg-backward``, ``--tg-matched``
    and ``--tg-cancelled``; an SVG file of its own follows the reader's light or dark preference.

    Examples
    --------
    >>> from tinygrad_edu.view import Edge, Vertex
    >>> vertices = (Vertex("z", "value", "z", "z"), Vertex("e", "op", "e^{z}", "exp(z)"))
    >>> picture = Picture(Model(vertices, (Edge("z", "e"),), title="exp"))
    >>> picture
    <Picture 'exp': 2 vertices, 1 edge>
    >>> picture.source.startswith("digraph {")
    True
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @cached_property
    def graph(self) -> graphviz.Digraph:
        """The picture as a ``graphviz.Digraph`` with readable labels."""
        return digraph(self.model)

    @property
    def source(self) -> str:
        """The DOT text of ``graph``."""
        return str(self.graph.source)

    def svg(self) -> str:
        """Return the picture as one self-contained SVG document.

        Raises
        ------
        RendererNotFound
            If there is no program to lay it out.
        """
        return compose(self.model, find_renderer())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file and return its path.

        Parameters
        ----------
        path
            Its ending says what is written: ``.svg``; ``.dot`` or ``.gv`` (the DOT text, for
            which no renderer is needed); ``.png`` or ``.pdf`` from the DOT text, with labels as
            readable Unicode, where the renderer can.

        Raises
        ------
        ValueError
            For any other ending.
        RendererError
            If there is no renderer or it cannot write this format.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending in {".dot", ".gv"}:
            content = self.source.encode()
        elif ending == ".svg":
            content = self.svg().encode()
        elif ending in {".png", ".pdf"}:
            content = find_renderer().run(self.source, ending[1:])
        else:
            raise ValueError(
                f"A picture is saved as .svg, .png, .pdf, .dot or .gv, not as {path.name!r}."
            )
        path.write_bytes(content)
        return path

    def __repr__(self) -> str:
        title = f" {self.model.title!r}" if self.model.title else ""
        counts = (
            (len(self.model.vertices), "vertex", "vertices"),
            (len(self.model.edges), "edge", "edges"),
        )
        said = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts)
        return f"<Picture{title}: {said}>"

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg()
        except Exception:
            # A notebook must show something: _repr_mimebundle_ says what is wrong.
            return None

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, str]:
        try:
            bundle = {"image/svg+xml": self.svg(), "text/plain": repr(self)}
        except Exception as error:
            # A notebook must show something, so the reason stands above the text that can be had.
            bundle = {"text/plain": f"{error}\n\n{self._source_or_nothing()}".rstrip()}
        kept = bundle.keys() if include is None else bundle.keys() & set(include)
        return {kind: text for kind, text in bundle.items() if kind in kept - set(exclude or ())}

    def _source_or_nothing(self) -> str:
        try:
            return self.source
        except Exception:
            # Without the graphviz package there is no DOT text either; the reason stands already.
            return ""
