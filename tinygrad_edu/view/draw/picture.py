"""`draw`: a graph or a derivation as a picture, to be shown, saved, or read as DOT text."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.naming import Names, names_around
from tinygrad_edu.saving import save
from tinygrad_edu.symbolic.derive import Derivation
from tinygrad_edu.tensor import Tensor

from .dot import digraph
from .model import Model
from .recorded import backward_model, forward_model
from .renderer import find_renderer, png
from .steps import derivation_model
from .svg import compose

if TYPE_CHECKING:
    import graphviz

__all__ = ["Picture", "draw", "notebook"]

WIDTH = 960.0  # CSS pixels: a page, or a cell of a notebook
_MOST_IN_A_NOTEBOOK = 200  # vertices; a larger graph is drawn on request only


class Picture:
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

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture to a file and return its path.

        Parameters
        ----------
        path
            Its ending says what is written: ``.svg``; ``.dot`` or ``.gv`` (the DOT text, for
            which no renderer is needed); ``.png``, the SVG in twice its size, with resvg_py, which
            the extra ``viz`` brings; ``.pdf`` from the DOT text, with labels as readable Unicode,
            where the renderer can (or print the SVG from a browser).

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
        elif ending == ".png":
            content = png(self.svg())
        elif ending == ".pdf":
            content = find_renderer().run(self.source, "pdf")
        else:
            raise ValueError(
                f"A picture is saved as .svg, .png, .pdf, .dot or .gv, not as {path.name!r}."
            )
        return save(path, content)

    def __repr__(self) -> str:
        title = f" {self.model.title!r}" if self.model.title else ""
        graphs = self.model.graphs
        counts = (
            (sum(len(graph.vertices) for graph in graphs), "vertex", "vertices"),
            (sum(len(graph.edges) for graph in graphs), "edge", "edges"),
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
            # As HTML it takes the colours of the notebook's theme; an image would not.
            bundle = {"text/html": self.svg(), "text/plain": repr(self)}
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


def draw(
    t: Tensor | Sequence[Tensor] | Derivation,
    *,
    expand: bool | str | Iterable[str] = (),
    backward: bool = False,
    gradients: bool | None = None,
    every_step: bool = False,
    fold: bool | str | Iterable[str] = False,
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
        for all.
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
    _refuse_no_switch(backward=backward, gradients=gradients, every_step=every_step)
    if isinstance(t, Derivation):
        if expand or backward or gradients is not None or fold:
            raise TypeError("draw: a derivation takes no expand=, backward=, gradients= or fold=")
        return Picture(derivation_model(t, every_step=every_step), width)
    outputs = [t] if isinstance(t, Tensor) else t
    if not _are_tensors(outputs):
        raise TypeError(
            f"draw: a {type(t).__name__} has no graph; draw a Tensor that was computed from "
            "Tensors, or a derivation"
        )
    if every_step:
        raise TypeError("draw: every_step= is for derivations; a Tensor has no steps")
    if len(outputs) > 1 and (backward or gradients):
        raise TypeError("draw: gradients are those of one output; draw the tensors one by one")
    return _tensor_picture(outputs, found, expand, backward, gradients, fold, width)


def _are_tensors(outputs: Any) -> TypeGuard[Sequence[Tensor]]:
    several = isinstance(outputs, list | tuple) and bool(outputs)
    return several and all(isinstance(each, Tensor) for each in outputs)


def _tensor_picture(
    outputs: Sequence[Tensor],
    names: Names,
    expand: bool | str | Iterable[str] = (),
    backward: bool = False,
    gradients: bool | None = None,
    fold: bool | str | Iterable[str] = False,
    width: float = WIDTH,
) -> Picture:
    opened = _chosen(expand, "expand", 'operations, such as "softmax"')
    folded = _chosen(fold, "fold", 'parts, such as "hidden"')
    if backward:
        return Picture(backward_model(outputs[0], names, expand=opened, fold=folded), width)
    model = forward_model(outputs, names, expand=opened, gradients=gradients, fold=folded)
    return Picture(model, width)


def _refuse_no_switch(**given: Any) -> None:
    for option, value in given.items():
        if not (value is None or isinstance(value, bool | np.bool_)):
            raise TypeError(
                f"draw: {option}= is a {type(value).__name__}; it is switched on with True"
            )


def _chosen(given: bool | str | Iterable[str], option: str, what: str) -> bool | frozenset[str]:
    if isinstance(given, bool):
        return given
    single = isinstance(given, str) or not isinstance(given, Iterable)
    wanted: list[Any] = [given] if single else list(given)
    for name in wanted:
        if not isinstance(name, str):
            raise TypeError(
                f"draw: {option}={name!r} is no name; pass the names of {what}, or True for all"
            )
    return frozenset(wanted)


def notebook(
    t: Tensor, include: Collection[str] | None = None, exclude: Collection[str] | None = None
) -> dict[str, str]:
    """Return what a notebook shows of a Tensor: its text, and its graph if it has one.

    Never raises: where no picture can be made, the text stands alone. Names are those of the
    notebook's variables.

    Parameters
    ----------
    t : Tensor
        A tensor.
    include, exclude : collection of str, optional
        MIME types, as a notebook passes them.

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
    bundle = {"text/plain": repr(t)}
    try:
        if t.op is not None and len(ancestors(t)) <= _MOST_IN_A_NOTEBOOK:
            picture = _tensor_picture([t], _notebook_names())
            bundle["text/html"] = picture.svg()
    except Exception as error:
        # A notebook must show something: the text, and why there is no picture.
        bundle["text/plain"] += f"\n{error}"
    kept = bundle.keys() if include is None else bundle.keys() & set(include)
    return {kind: text for kind, text in bundle.items() if kind in kept - set(exclude or ())}


def _notebook_names() -> Names:
    """Return the names of a notebook's variables: its cells run in the module ``__main__``."""
    variables = {
        name: value
        for name, value in vars(sys.modules["__main__"]).items()
        if not name.startswith("_") and isinstance(value, Tensor | np.ndarray)
    }
    return Names(None, variables)
