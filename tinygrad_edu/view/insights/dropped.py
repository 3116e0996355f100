"""Compute a recorded graph again with other dropout masks, or with none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.graph import ancestors, rerun
from tinygrad_edu.tensor import Tensor, refuse_changed

__all__ = ["Dropped", "Mask"]

Mask = NDArray[np.bool_]


class Dropped:
    """A recorded graph in which units were dropped.

    Parameters
    ----------
    output : Tensor
        What was computed, with dropout in it.

    Attributes
    ----------
    order : list of Tensor
        The graph, arguments first.
    dropouts : list of Tensor
        The results of dropout in it, in the order in which they were computed.

    Raises
    ------
    TypeError
        If `output` is no Tensor.
    ValueError
        If there is no dropout in it, or a leaf was changed since.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> x = tg.Tensor([1.0, 2.0, 3.0])
    >>> recorded = Dropped(tg.dropout(x, 0.5, np.random.default_rng(0)).sum())
    >>> recorded.masks()
    [array([ True, False, False])]
    >>> recorded.again([np.array([False, True, True])])[recorded.output]
    Tensor(10.)
    >>> recorded.again(None)[recorded.output]  # as at inference
    Tensor(6.)
    """

    def __init__(self, output: Tensor) -> None:
        if not isinstance(output, Tensor):
            raise TypeError(
                f"subnetworks: a {type(output).__name__} has no graph; pass what a model with "
                "dropout computed from its parameters"
            )
        self.output = output
        self.order: list[Tensor] = ancestors(output)  # type: ignore[assignment]  # of a Tensor
        refuse_changed(self.order, "subnetworks")
        self.dropouts = [node for node in self.order if node.op and node.op.name == "dropout"]
        if not self.dropouts:
            raise ValueError(
                "subnetworks: nothing was dropped here; compute with dropout in training, p > 0"
            )

    def masks(self) -> list[Mask]:
        """Return the recorded masks: True where a unit is kept."""
        return [np.asarray(node.inputs[1], bool) for node in self.dropouts]

    def probabilities(self) -> list[float]:
        """Return with which probability each dropout drops."""
        return [float(node.inputs[2]) for node in self.dropouts]

    def drawn(self, seed: Any) -> list[Mask]:
        """Draw new masks, as `tinygrad_edu.dropout` draws them from a Generator of this seed."""
        rng = np.random.default_rng(seed)
        return [
            rng.random(node.shape) >= p
            for node, p in zip(self.dropouts, self.probabilities(), strict=True)
        ]

    def again(self, masks: Sequence[Mask] | None) -> dict[Tensor, Any]:
        """Compute the graph with these masks, or without dropout, from the same leaves.

        Returns
        -------
        dict of Tensor to Tensor
            From each vertex of the recorded graph to the new one.
        """
        mask_of = {} if masks is None else dict(zip(self.dropouts, masks, strict=True))

        def make(node: Tensor, args: tuple[Any, ...]) -> Any:
            assert node.op is not None
            if node.op.name == "dropout":
                if masks is None:
                    return args[0]
                args = (args[0], mask_of[node], args[2])
            return Tensor.record(node.op, args, node.attributes)

        return rerun(self.order, {node: node for node in self.order if node.op is None}, make)
