"""`show`: a picture, a page or a figure in a notebook, and saved where a script runs."""

from __future__ import annotations

import base64
import html
import sys
from pathlib import Path
from typing import Any

from tinygrad_edu.charts import save as save_figure
from tinygrad_edu.saving import save

__all__ = ["show"]

_FOLDER = Path("build/tutorials")


def show(thing: Any, name: str | None = None, *, alt: str = "") -> None:
    """Show something in a notebook; run by a script, save it and print where.

    Parameters
    ----------
    thing
        A picture, a page of `explain`, a figure of matplotlib, or whatever a notebook can show.
    name : str, optional
        The file's name in ``build/tutorials/``, whose ending says what is written. Without one a
        script prints the thing as text.
    alt : str, optional
        What it shows, for those who cannot see it; what has a name needs it.

    Raises
    ------
    ValueError
        If it has a name and no `alt`, or cannot be saved under that name.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu.lectures import show
    >>> L = tg.exp(tg.Tensor([1.0, 2.0], name="z")).sum()
    >>> show(tg.draw(L), "graph.svg", alt="z goes into exp, exp into a sum.")  # doctest: +SKIP
    build/tutorials/graph.svg: z goes into exp, exp into a sum.
    """
    if name is not None and not alt.strip():
        raise ValueError(f"show: {name!r} has no text for those who cannot see it; give alt=")
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if hasattr(shell, "kernel"):  # a notebook, not a terminal
        shell.display_pub.publish(_face(thing, alt))
    elif name is None:
        print(thing)
    else:
        _FOLDER.mkdir(parents=True, exist_ok=True)
        print(f"{_saved(thing, _FOLDER / name).as_posix()}: {alt}")


def _face(thing: Any, alt: str) -> dict[str, str]:
    """What a notebook shows of it, by MIME type."""
    if hasattr(thing, "savefig"):
        return {"text/html": f'<img alt="{html.escape(alt)}" src="{_data(thing)}">'}
    face = {"text/plain": str(thing)}
    if hasattr(thing, "_repr_mimebundle_"):
        face = dict(thing._repr_mimebundle_())
    elif hasattr(thing, "_repr_html_"):
        face["text/html"] = thing._repr_html_()
    if alt and (shown := face.get("text/html")):
        kind = "img" if shown.startswith("<svg") else "figure"
        face["text/html"] = f'<div role="{kind}" aria-label="{html.escape(alt)}">{shown}</div>'
    return face


def _data(figure: Any) -> str:
    """Return a figure as the address of an image, which keeps its names to itself."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        content = save_figure(figure, Path(folder) / "figure.svg").read_bytes()
    return f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"


def _saved(thing: Any, path: Path) -> Path:
    if hasattr(thing, "savefig"):
        return save_figure(thing, path)
    if hasattr(thing, "save"):
        return Path(thing.save(path))
    face = _face(thing, "")
    return save(path, face.get("text/html" if path.suffix == ".html" else "text/plain", str(thing)))
