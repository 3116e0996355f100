"""`draw`: a graph or a derivation as a picture, to be shown, saved, or read as DOT text."""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.naming import Names, names_around
from tinygrad_edu.saving import save
from tinygrad_edu.symbolic.derive import Derivation
from tinygrad_edu.tensor import Tensor

from .dot import digraph
from .model import Model
from .parts import Fold
from .recorded import backward_model, forward_model
from .renderer import find_renderer, png
from .steps import derivation_model
from .svg import compose

if TYPE_CHECKING:
    import graphviz

__all__ = ["Drawing", "Picture", "draw", "mimebundle", "notebook"]

WIDTH = 960.0  # CSS pixels: a page, or a cell of a notebook
_MOST_IN_A_NOTEBOOK = 200  # vertices; a larger graph is drawn on request only


def mimebundle(text: str, html: Callable[[], str]) -> dict[str, str]:
    """Return what a notebook shows: HTML, or the text and why there is no HTML.

    Examples
    --------
    >>> mimebundle("a", lambda: "<b>a</b>")
    {'text/plain': 'a', 'text/html': '<b>a</b>'}
    """
    try:
        return {"text/plain": text, "text/html": html()}
    except Exception as error:
        # A notebook must show something.
        return {"text/plain": f"{text}\n{error}"}


class Drawing(ABC):
    """What a notebook shows as a drawing, and what can be saved as one."""

    @abstractmethod
    def svg(self) -> str:
        """Return the drawing as one self-contained SVG document."""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file and return its path.

        Parameters
        ----------
        path
            Its ending says what is written: ``.svg``; ``.png``, the SVG in twice its size, with
            resvg_py, which the extra ``viz`` brings. A graph can also be ``.dot`` or ``.gv`` (the
            DOT text, for which no renderer is needed) and ``.pdf``, from the DOT text, with
            labels as readable Unicode, where the renderer can (or print the SVG from a browser).

        Raises
        ------
        ValueError
            For any other ending.
        RendererError
            If there is no renderer or it cannot write this format, or a package is missing; the
            message says how to get it.
        """
        path, formats = Path(path), self._formats()
        ending = path.suffix.lower()
        if ending not in formats:
            *most, last = formats
            raise ValueError(
                f"save: a drawing is saved as {', '.join(most)} or {last}, not as {path.name!r}"
            )
        return save(path, formats[ending]())

    def _formats(self) -> dict[str, Callable[[], bytes]]:
        return {".svg": lambda: self.svg().encode(), ".png": lambda: png(self.svg())}

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        # As HTML it takes the colours of the notebook's theme; an image would not.
        return mimebundle(repr(self), self.svg)


class Picture(Drawing):
    """A picture of a model, ready to be shown, saved, or read as DOT text.

    Parameters
    ----------
    model
        What to draw.
    width : float
        The width in CSS pixels to keep to: what is wider from left to right runs downwards.

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

    def __init__(self, model: Model, width: float = WIDTH) -> None:
        self.model, self.width = model, width

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
        return compose(self.model, find_renderer(), self.width)

    def _formats(self) -> dict[str, Callable[[], bytes]]:
        return {
            **super()._formats(),
            ".pdf": lambda: find_renderer().run(self.source, "pdf"),
            ".dot": lambda: self.source.encode(),
            ".gv": lambda: self.source.encode(),
        }

    def __repr__(self) -> str:
        title = f" {self.model.title!r}" if self.model.title else ""
        graphs = self.model.graphs
        counts = (
            (sum(len(graph.vertices) for graph in graphs), "vertex", "vertices"),
            (sum(len(graph.edges) for graph in graphs), "edge", "edges"),
        )
        said = ", ".join(f"{count} {one if count == 1 else many}" for count, one, many in counts)
        return f"<Picture{title}: {said}>"


@guided
def draw(
    t: Tensor | Sequence[Tensor] | Derivation,
    *,
    expand: bool | str | Iterable[str] = (),
    backward: bool = False,
    gradients: bool | None = None,
    every_step: bool = False,
    fold: bool | str | Iterable[str] | None = None,
    names: Mapping[str, Any] | None = None,
    width: float = WIDTH,
) -> Picture:
    """Draw the graph of a tensor, from left to right, or a derivation, line by line.

    Parameters
    ----------
    t : Tensor, sequence of Tensor, or Derivation
        A tensor shows how it was computed: parameters (Tensors without a past) as hexagons,
        constants (arrays) as sheets, operations as pills, named results as rectangles. Several
        tensors, such as a loss and its penalty, share one graph. A
        derivation shows one frame for its start and one for each line: what the next line is
        made from is outlined, what cancels is struck through.
    expand : bool, str or iterable of str, optional
        Operations to open by their definitions, each as a labelled cluster: by name, or True for
        all that have a definition.
    backward : bool, optional
        Draw the graph that computes the gradient instead: the forward values it uses in solid
        blue, its own operations in dashed orange.
    gradients : bool, optional
        Show the gradient of `t` with respect to each node, computed afresh; where paths meet,
        what each brings and the sum. By default once a backward pass has run. For a `t` of
        several entries it is the gradient of their sum.
    every_step : bool, optional
        Give every step of a derivation a frame of its own.
    fold : bool, str or iterable of str, optional
        What a model computed stands in a cluster for each layer. Folded, a layer is one box,
        with its formula: by the layer's name ("hidden", "0"), by its kind ("Linear"), or True
        for all. By default the rounds of a loop, and layers that are alike, are drawn once in a
        graph of more than 60 vertices ("× 20"); False draws each.
    names : dict of str to Tensor or ndarray, optional
        Names of nodes; otherwise ``Tensor(..., name=)`` and the caller's variables.
    width : float, optional
        The width of the page, in CSS pixels: a graph that is wider from left to right is drawn
        from top to bottom.

    Returns
    -------
    Picture
        Shown by a notebook; `.save(path)`, `.svg()`, `.source` (DOT) and `.graph`.

    Raises
    ------
    TypeError
        If `t` is neither a Tensor nor a derivation, or an option does not fit it.
    ValueError
        If a leaf was given new data or a constant array was changed since `t` was computed, if
        `expand` names an operation or `fold` a part that is not there, or if the graph is too
        large to be read.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.view import draw
    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> loss = tg.softmax_cross_entropy(z, [0.0, 1.0, 0.0])
    >>> draw(loss)
    <Picture 'Forward graph of loss': 4 vertices, 3 edges>
    >>> draw(loss, expand="softmax_cross_entropy", gradients=True)
    <Picture 'Forward graph of loss': 7 vertices, 6 edges>
    >>> draw(loss, backward=True).save("gradient.svg")  # doctest: +SKIP
    """
    found = names_around(names, depth=1)
    if isinstance(t, Derivation):
        if expand or backward or gradients is not None or fold:
            raise TypeError("draw: a derivation takes no expand=, backward=, gradients= or fold=")
        return Picture(derivation_model(t, every_step=every_step), width)
    outputs: list[Any] = list(t) if isinstance(t, list | tuple) else [t]
    if not outputs or not all(isinstance(each, Tensor) for each in outputs):
        raise TypeError(
            f"draw: a {type(t).__name__} has no graph; draw a Tensor that was computed from "
            "Tensors, or a derivation"
        )
    if every_step:
        raise TypeError("draw: every_step= is for derivations; a Tensor has no steps")
    if len(outputs) > 1 and (backward or gradients):
        raise TypeError("draw: gradients are those of one output; draw the tensors one by one")
    opened = _chosen(expand, "expand", 'operations, such as "softmax"') or False
    folded = _chosen(fold, "fold", 'parts, such as "hidden"')
    if backward:
        return Picture(backward_model(outputs[0], found, expand=opened, fold=folded), width)
    model = forward_model(outputs, found, expand=opened, gradients=gradients, fold=folded)
    return Picture(model, width)


def _chosen(given: bool | str | Iterable[str] | None, option: str, what: str) -> Fold:
    if given is None or isinstance(given, bool):
        return given
    single = isinstance(given, str) or not isinstance(given, Iterable)
    wanted: list[Any] = [given] if single else list(given)
    for name in wanted:
        if not isinstance(name, str):
            raise TypeError(
                f"draw: {option}={name!r} is no name; pass the names of {what}, or True for all"
            )
    return frozenset(wanted)


def notebook(t: Tensor) -> dict[str, str]:
    """Return what a notebook shows of a Tensor: its text, and its graph if it has one.

    Never raises: where no picture can be made, the text stands alone. Names are those of the
    notebook's variables, whose cells run in the module ``__main__``.

    Parameters
    ----------
    t : Tensor
        A tensor.

    Returns
    -------
    dict of str to str
        Texts by MIME type.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.view.draw import notebook
    >>> notebook(tg.Tensor([1.0, 2.0]))
    {'text/plain': 'Tensor([1., 2.])'}
    """
    if t.op is None or len(ancestors(t)) > _MOST_IN_A_NOTEBOOK:
        return {"text/plain": repr(t)}
    variables = {
        name: value
        for name, value in vars(sys.modules["__main__"]).items()
        if not name.startswith("_") and isinstance(value, Tensor | np.ndarray)
    }

    def svg() -> str:
        names = Names(None, variables)
        return Picture(forward_model([t], names, expand=False, gradients=None)).svg()

    return mimebundle(repr(t), svg)
