"""Dropout as sub-networks: each mask leaves one, and training draws from all of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.tables import columns
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.draw.picture import Drawing
from tinygrad_edu.view.draw.values import number_text, one_line
from tinygrad_edu.view.insights.canvas import Canvas
from tinygrad_edu.view.insights.dropped import Dropped, Mask
from tinygrad_edu.view.insights.network import chain_of
from tinygrad_edu.view.insights.unit_diagram import UNIT_STYLE, draw_legend, draw_units

__all__ = ["Subnetwork", "Subnetworks", "subnetwork", "subnetworks"]

Array = NDArray[Any]

_MOST_DROPPED = 12  # 2¹² sub-networks
_MOST_DRAWN = 16
_ACROSS = 4  # sub-networks in a row of the drawing


@dataclass(frozen=True, eq=False)
class Subnetwork(Drawing):
    """The network that is left where some units are dropped.

    Attributes
    ----------
    masks : list of ndarray of bool
        One for each dropout: True where a unit is kept.
    output : Tensor
        What it computes; a graph of its own, which can be drawn and differentiated.
    """

    masks: list[Mask]
    output: Tensor
    _recorded: Dropped
    _new: Mapping[Tensor, Any]
    _backward: bool
    _example: int

    def svg(self) -> str:
        """Return the drawing: each unit with its value or gradient, the dropped ones grey."""
        chain, backward = chain_of(self._recorded), self._backward
        if backward:
            network = chain.backward(self._new, self.output, self._example)
        else:
            network = chain.forward(self._new, self._example)
        canvas = Canvas(f"A sub-network, {'backward' if backward else 'forward'}", UNIT_STYLE)
        width, height = draw_units(
            canvas, network, 14, 40, across=128, down=46, radius=18, backward=backward
        )
        bottom = draw_legend(canvas, 40 + height + 24, backward)
        return canvas.svg(width + 28, canvas.notes(bottom, self._notes()))

    def _notes(self) -> list[str]:
        rates = self._recorded.probabilities()
        chances = " and ".join(dict.fromkeys(number_text(p) for p in rates))
        factors = " and ".join(dict.fromkeys(number_text(1 / (1 - p)) for p in rates if p < 1))
        scaled = f"; what is kept is multiplied by {factors}" if factors else ""
        found = [
            f"Each is dropped with probability {chances}{scaled}.",
            "An edge is as wide as its weight is large.",
        ]
        if self._backward:
            found[1] = "In a unit its gradient, on an edge that of its weight; data have none."
            found.append("Dropped units pass nothing back, and the weights around them stay.")
        return found

    def __repr__(self) -> str:
        kept = ", ".join(f"{mask.sum()} of {mask.size} units kept" for mask in self.masks)
        return f"<Subnetwork: {kept}>"


@dataclass(frozen=True, eq=False)
class Subnetworks(Drawing):
    """All sub-networks that dropout can leave, and what they compute.

    Attributes
    ----------
    masks : ndarray of bool, shape (2ⁿ, n)
        One row for each sub-network, one column for each unit that can be dropped: True where
        it is kept.
    probabilities : ndarray, shape (2ⁿ,)
        With which probability training draws each.
    outputs : ndarray, shape (2ⁿ, …)
        What each computes.
    inference : ndarray
        What the whole network computes, without dropout.
    """

    masks: NDArray[np.bool_]
    probabilities: Array
    outputs: Array
    inference: Array
    _recorded: Dropped

    @property
    def mean(self) -> Array:
        """The exact expectation of the output over all masks."""
        return np.asarray(np.tensordot(self.probabilities, self.outputs, axes=1))

    @property
    def deviation(self) -> Array:
        """The standard deviation of the output over all masks."""
        squares = np.tensordot(self.probabilities, (self.outputs - self.mean) ** 2, axes=1)
        return np.asarray(np.sqrt(squares))

    @property
    def gap(self) -> float:
        """The largest difference between the mean and the output at inference."""
        return float(np.max(np.abs(self.mean - self.inference), initial=0.0))

    def text(self) -> str:
        """Return a table: a row for each sub-network, then the mean and the gap."""
        compared = [*self.outputs, self.mean, self.inference]
        rows = [
            (
                "".join("1" if kept else "0" for kept in self.masks[place]),
                number_text(self.probabilities[place]),
                one_line(self.outputs[place], compared),
            )
            for place in self._shown()
        ]
        return "\n".join([columns(("kept", "probability", "output"), rows), *self.notes()])

    def notes(self) -> list[str]:
        """Return what stands below the table and the drawing."""
        compared = [self.mean, self.inference]
        found = []
        if len(self.masks) > _MOST_DRAWN:
            found.append(f"The {_MOST_DRAWN} most probable of {len(self.masks):,}.")
        found.append(f"Mean over all sub-networks: {one_line(self.mean, compared)}")
        found.append(f"Output at inference: {one_line(self.inference, compared)}")
        scale = float(np.max(np.abs(self.inference), initial=0.0))
        if self.gap <= 1e-12 * max(scale, 1e-300):
            found.append(
                "They agree, as they must where all that follows the dropped units is linear."
            )
        else:
            found.append(
                f"They differ by {number_text(self.gap)}: something behind the dropped units is "
                "not linear, and inference only approximates the mean."
            )
        return found

    def _shown(self) -> list[int]:
        if len(self.masks) <= _MOST_DRAWN:
            return list(range(len(self.masks)))
        likely = np.argsort(-self.probabilities, kind="stable")[:_MOST_DRAWN]
        return sorted(likely.tolist())

    def svg(self) -> str:
        """Return the drawing: the sub-networks side by side, the dropped units grey."""
        chain, compared = chain_of(self._recorded), [*self.outputs, self.mean, self.inference]
        canvas = Canvas("The sub-networks of dropout", UNIT_STYLE)
        shown, width, height = self._shown(), 0.0, 0.0
        for place, number in enumerate(shown):
            new = self._recorded.again(_split(self.masks[number], self._recorded))
            row, column = divmod(place, _ACROSS)
            left, top = 20 + column * (width + 56), 40 + row * (height + 52)
            size = draw_units(
                canvas,
                chain.forward(new, 0),
                left,
                top,
                across=46,
                down=15,
                radius=5,
                numbers=False,
            )
            width, height = max(size[0], 96.0), size[1]
            chance = f"probability {number_text(self.probabilities[number])}"
            canvas.text(left, top + height + 14, chance, "tg-line")
            written = one_line(self.outputs[number], compared)
            canvas.text(left, top + height + 26, written, "tg-number tg-values")
        bottom = canvas.notes(draw_legend(canvas, top + height + 56), self.notes())
        return canvas.svg(20 + min(_ACROSS, len(shown)) * (width + 56) - 36, bottom)

    def __repr__(self) -> str:
        return self.text()


def subnetwork(
    output: Tensor, *, seed: Any = None, backward: bool = False, example: int = 0
) -> Subnetwork:
    """Show which units were dropped, or would be: a network unit by unit, the dropped ones grey.

    Parameters
    ----------
    output : Tensor
        What a chain of layers computed with dropout in training: its outputs, or its loss.
    seed : int or numpy.random.Generator, optional
        Draw masks from it, as `tinygrad_edu.dropout` would; by default the recorded ones.
    backward : bool, optional
        Show the gradients of `output` (of its sum, where it has several entries).
    example : int, optional
        Which example of a batch is shown.

    Returns
    -------
    Subnetwork
        Shown by a notebook as a drawing; ``.save("subnetwork.svg")``, ``.masks``, ``.output``.

    Raises
    ------
    TypeError
        If `output` is no Tensor.
    ValueError
        If nothing was dropped, or, when it is drawn, if the graph is no chain of layers.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.view.insights.subnetworks import subnetwork
    >>> W = tg.Tensor([[1.0], [2.0], [3.0]], name="W")
    >>> h = np.array([1.0, 1.0, 1.0])
    >>> z = tg.dropout(tg.Tensor(h), 0.5, np.random.default_rng(0)) @ W
    >>> subnetwork(z)
    <Subnetwork: 1 of 3 units kept>
    >>> subnetwork(z, seed=3).output
    Tensor([6.])
    """
    recorded = Dropped(output)
    masks = recorded.masks() if seed is None else recorded.drawn(seed)
    new = recorded.again(masks)
    return Subnetwork(masks, new[output], recorded, new, backward, example)


@guided
def subnetworks(output: Tensor) -> Subnetworks:
    """Compute with every mask that dropout can draw: 2ⁿ sub-networks for n units.

    Parameters
    ----------
    output : Tensor
        What was computed with dropout in training, for one example: outputs, or a loss.

    Returns
    -------
    Subnetworks
        Printed as a table, shown by a notebook as a drawing.

    Raises
    ------
    TypeError
        If `output` is no Tensor.
    ValueError
        If nothing was dropped, or there are more than 12 units to drop.

    Notes
    -----
    With scaling by 1/(1 − p) the mean of a dropped value is the value itself. So the mean over all
    sub-networks is the output at inference wherever the output is linear in what was dropped;
    elsewhere there is a gap (Srivastava et al. 2014; Baldi and Sadowski 2013).

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu.view.insights.subnetworks import subnetworks
    >>> W = tg.Tensor([[1.0], [2.0]], name="W")
    >>> h = tg.Tensor([1.0, 1.0])
    >>> subnetworks(tg.dropout(h, 0.5, np.random.default_rng(0)) @ W)
    kept  probability  output
    ----  -----------  ------
      11         0.25       6
      10         0.25       2
      01         0.25       4
      00         0.25       0
    Mean over all sub-networks: 3
    Output at inference: 3
    They agree, as they must where all that follows the dropped units is linear.
    """
    recorded = Dropped(output)
    sizes = [mask.size for mask in recorded.masks()]
    count = sum(sizes)
    if count > _MOST_DROPPED:
        raise ValueError(
            f"subnetworks: {count} units can be dropped, which makes 2^{count} sub-networks; "
            f"compute one example with at most {_MOST_DROPPED} such units"
        )
    masks = np.array(list(itertools.product((True, False), repeat=count)))
    drop = np.repeat(recorded.probabilities(), sizes)
    outputs = [recorded.again(_split(mask, recorded))[output].data for mask in masks]
    return Subnetworks(
        masks,
        np.where(masks, 1 - drop, drop).prod(axis=1),
        np.array(outputs),
        recorded.again(None)[output].data,
        recorded,
    )


def _split(mask: Mask, recorded: Dropped) -> Sequence[Mask]:
    """Cut one row of bits into the masks of each dropout."""
    masks = recorded.masks()
    pieces = np.split(mask, np.cumsum([each.size for each in masks])[:-1])
    return [piece.reshape(each.shape) for piece, each in zip(pieces, masks, strict=True)]
