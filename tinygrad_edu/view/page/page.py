"""The page as an object: saved as a file, or shown in a notebook."""

from __future__ import annotations

import base64
import gzip
import html
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.naming import names_around
from tinygrad_edu.saving import save
from tinygrad_edu.symbolic.derive import refuse_without_graph
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.picture import mimebundle
from tinygrad_edu.view.page.document import document
from tinygrad_edu.view.page.film import film
from tinygrad_edu.view.page.frames import Story
from tinygrad_edu.view.page.tell import story

__all__ = ["Page", "explain"]


_UNPACK = """<script>
const packed = Uint8Array.from(atob("{}"), (each) => each.charCodeAt(0));
const read = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(read).text().then((page) => {{
  document.open();
  document.write(page);
  document.close();
}});
</script>"""


@guided
def explain(
    output: Tensor,
    wrt: Tensor,
    *,
    names: Mapping[str, Any] | None = None,
    fused: Iterable[str] = (),
    roles: Mapping[str, str] | None = None,
) -> Page:
    """Explain a gradient: forward, backward and algebra, step by step, as one HTML page.

    Parameters
    ----------
    output : Tensor
        What is differentiated.
    wrt : Tensor
        What it is differentiated with respect to.
    names : dict of str to Tensor or ndarray, optional
        Names for formulas; otherwise ``Tensor(..., name=)`` and the caller's variables.
    fused : iterable of str, optional
        Operations that are left whole, such as ``("softmax",)``.
    roles : dict of str to str, optional
        What letters are in the words of a course, such as ``{"z": "logits", "y": "targets"}``:
        "logits", "probabilities", "predictions", "targets", "weights", "bias", "input" or "loss".
        What is not given is found from the formulas.

    Returns
    -------
    Page
        Shown by a notebook; ``.save("page.html")`` writes it.

    Raises
    ------
    ValueError, TypeError
        As `derive`; also ValueError for a graph too large to be read, and for a role or a letter
        that there is not.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.47, -0.39, 0.22])
    >>> y = tg.Tensor([0.0, 1.0, 0.0])
    >>> L = tg.softmax_cross_entropy(z, y)
    >>> tg.explain(L, wrt=z)
    <Page '∂L/∂z = softmax(z) − y': 21 steps>
    >>> tg.explain(L, wrt=z).save("page.html")  # doctest: +SKIP
    """
    refuse_without_graph("explain", output, wrt)
    return Page(story(output, wrt, names_around(names, depth=1), fused, roles))


class Page:
    """A story, ready to be saved or shown.

    Parameters
    ----------
    told : Story
        What it tells.
    """

    def __init__(self, told: Story) -> None:
        self.story = told

    @property
    def title(self) -> str:
        """What the page shows: the gradient and its result."""
        return f"{self.story.title.text} = {self.story.result.text}"

    @cached_property
    def _html(self) -> str:
        return document(self.story, self.title)

    def html(self) -> str:
        """Return the page as one self-contained HTML document, the same on every call."""
        return self._html

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file and return its path.

        Parameters
        ----------
        path
            Its ending says what is written: ``.html`` for the page, or ``.svg`` for a picture that
            plays: the bars, the shortest way through the graph, and the result.

        Raises
        ------
        ValueError
            For any other ending.
        RendererNotFound
            If there is no program to lay out the picture.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in {".html", ".htm", ".svg"}:
            raise ValueError(f"save: a page is saved as .html or .svg, not as {path.name!r}")
        return save(path, film(self.story) if ending == ".svg" else self.html())

    def __repr__(self) -> str:
        steps = self.story.of_route(self.story.routes[0].key)
        return f"<Page {self.title!r}: {len(steps)} steps>"

    def _repr_html_(self) -> str:
        # A frame keeps the page's styles and script apart from the notebook's, and its policy too.
        # The page is packed, for a notebook keeps all that it shows. Where the notebook is not
        # trusted, it leaves out the frame and keeps what stands in it.
        packed = base64.b64encode(gzip.compress(self.html().encode(), mtime=0)).decode()
        return (
            f'<iframe srcdoc="{html.escape(_UNPACK.format(packed))}" '
            f'title="{html.escape(self.title)}" '
            'sandbox="allow-scripts allow-downloads allow-popups" width="100%" height="760" '
            f'loading="lazy">{html.escape(repr(self))}: trust the notebook to see it</iframe>'
        )

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return mimebundle(repr(self), self._repr_html_)
