"""Tables and figures of one look, for training and for the experiments."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_edu.saving import whole_file
from tinygrad_edu.tables import columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "columns", "panels", "save"]

_PIXELS = 80  # an inch, in a notebook

# Okabe and Ito's colours, which can be told apart whatever one's eyes; used in this order.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.facecolor": "white",
    "font.size": 10,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.6,
    "savefig.dpi": 150,
    "svg.hashsalt": "tinygrad_edu",  # the same figure gives the same bytes
}


def panels(
    rows: int = 1, across: int = 1, width: float = 6.4, height: float = 4.0
) -> tuple[Figure, list[Axes]]:
    """Make a figure with panels side by side, each of so many inches.

    Parameters
    ----------
    rows, across : int, optional
        How many panels.
    width, height : float, optional
        Of one panel, in inches.

    Returns
    -------
    Figure, list of Axes
        The panels row by row.

    Raises
    ------
    ImportError
        If matplotlib is missing; the message says how to mend it.
    """
    try:
        import matplotlib as mpl

        chart = _chart()
    except ImportError as error:
        raise ImportError(
            "a figure needs matplotlib, which is not here; install it: "
            'pip install "tinygrad_edu[train]"'
        ) from error
    with mpl.rc_context(_STYLE):  # no pyplot: no window, and nothing that stays behind
        figure = chart(figsize=(width * across, height * rows), layout="constrained")
        axes = figure.subplots(rows, across, squeeze=False)
        for panel in axes.flat:
            panel.set_prop_cycle(color=COLOURS)
        return figure, list(axes.flat)


def _chart() -> type[Figure]:
    from matplotlib.figure import Figure

    class Chart(Figure):
        """A figure that saves itself, and that a notebook shows, an untrusted one too."""

        def save(self, path: str | os.PathLike[str]) -> Path:
            """Save it as SVG or PNG, by the path's ending."""
            return save(self, Path(path))

        def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            file = BytesIO()
            self.savefig(file, format="png", dpi=2 * _PIXELS)  # sharp, and shown in half the size
            size = {"width": round(self.get_figwidth() * _PIXELS)}
            return {"text/plain": repr(self), "image/png": file.getvalue()}, {"image/png": size}

    return Chart


def save(figure: Figure, path: Path) -> Path:
    """Save a figure as SVG or PNG, by the path's ending, without a date in it."""
    import matplotlib as mpl

    kind = path.suffix.lower()
    if kind not in (".svg", ".png"):
        raise ValueError(f"save: {path.name} is neither .svg nor .png; choose one of the two")
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(_STYLE), whole_file(path) as file:
        figure.savefig(file, format=kind[1:], metadata={"Date": None} if kind == ".svg" else None)
    return path
