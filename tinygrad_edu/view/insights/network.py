"""A chain of layers in a recorded graph: units, weights between them, and which were dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.insights.dropped import Dropped

__all__ = ["Chain", "Layer", "chain_of"]

Array = NDArray[Any]

_MOST_UNITS = 16


@dataclass(frozen=True, eq=False)
class Layer:
    """Units beside each other, of one example.

    Attributes
    ----------
    kept : ndarray of bool
        False for a unit that is dropped.
    values : ndarray or None
        What stands in each unit: forwards its value, backwards its gradient; None where there
        is no gradient, for data.
    weights : ndarray or None
        What is on the edges from the layer before, ``(units before, units)``; None for the first.
    """

    kept: NDArray[np.bool_]
    values: Array | None
    weights: Array | None


@dataclass(frozen=True, eq=False)
class Chain:
    """The vertices of a recorded graph that make it a chain of layers, from inputs to outputs."""

    products: tuple[Tensor, ...]  # of values and weights
    outputs: Tensor  # of the last layer, its biases added
    dropped: tuple[tuple[Tensor, ...], ...]  # the dropouts at the inputs, and behind each layer

    def forward(self, new: Mapping[Tensor, Any], example: int) -> list[Layer]:
        """Return the values and weights of one example, computed again."""
        values = [*(new[p].inputs[0] for p in self.products), new[self.outputs].value]
        return self._layers(new, values, [p.args[1].value for p in self.products], example)

    def backward(self, new: Mapping[Tensor, Any], output: Tensor, example: int) -> list[Layer]:
        """Return the gradients of units and weights, computed again.

        The gradient of a unit is that of its value before dropout: 0 where it is dropped.
        """
        units = [
            dropouts[0].args[0] if dropouts else product.args[0]
            for product, dropouts in zip(self.products, self.dropped, strict=False)
        ]
        asked = [new[unit] for unit in (*units, self.outputs) if isinstance(unit, Tensor)]
        matrices = [product.args[1] for product in self.products]
        seed = np.ones(output.shape, output.dtype)
        found: list[Any] = gradients(output, [*asked, *matrices], seed=seed)
        values = found[: len(asked)]
        if not isinstance(units[0], Tensor):  # data have none
            values.insert(0, None)
        return self._layers(new, values, found[len(asked) :], example)

    def _layers(
        self, new: Mapping[Tensor, Any], values: list[Any], weights: list[Any], example: int
    ) -> list[Layer]:
        layers = []
        for dropouts, value, matrix in zip(self.dropped, values, [None, *weights], strict=True):
            width = weights[0].shape[0] if matrix is None else matrix.shape[1]
            kept = np.ones(width, bool)
            for node in dropouts:
                again = new[node]
                if again.op is not None and again.op.name == "dropout":
                    kept = kept & _row(again.inputs[1], example)
            layers.append(Layer(kept, None if value is None else _row(value, example), matrix))
        return layers


def _row(array: Any, example: int) -> Any:
    return array if np.ndim(array) < 2 else array[example]


def chain_of(recorded: Dropped) -> Chain:
    """Read a chain of layers off a graph: products with weights, one after the other.

    Raises
    ------
    ValueError
        If the graph is no such chain, or a layer has too many units to be drawn.
    """
    products = [node for node in recorded.order if _is_layer(node)]
    if not products:
        raise _no_chain("no layer multiplies by a matrix of weights")
    for before, after in pairwise(products):
        if before not in set(ancestors(after)):
            raise _no_chain("two layers stand side by side")
        if before.args[1].shape[1] != after.args[1].shape[0]:
            raise _no_chain("a layer takes other units than the one before gives")
    widths = [*(p.args[1].shape[0] for p in products), products[-1].args[1].shape[1]]
    for number, width in enumerate(widths):
        if width > _MOST_UNITS:
            raise ValueError(
                f"subnetworks: layer {number} has {width} units, and a picture of more than "
                f"{_MOST_UNITS} cannot be read; draw a smaller network"
            )
    dropped: list[list[Tensor]] = [[] for _ in (*products, None)]
    for node in recorded.dropouts:
        dropped[len(set(products).intersection(ancestors(node)))].append(node)
    outputs = _with_biases(products[-1], recorded)
    return Chain(tuple(products), outputs, tuple(map(tuple, dropped)))


def _is_layer(node: Tensor) -> bool:
    if node.op is None or node.op.name != "matmul" or node.ndim > 2:
        return False
    weights = node.args[1]
    return isinstance(weights, Tensor) and weights.op is None and weights.ndim == 2


def _with_biases(product: Tensor, recorded: Dropped) -> Tensor:
    """Return a layer's sums: its product, or what the biases were added to."""
    for node in recorded.order:
        if node.op is not None and node.op.name == "add":
            others = [argument for argument in node.args if argument is not product]
            if [np.shape(other) for other in others] == [product.shape[-1:]]:
                return node
    return product


def _no_chain(why: str) -> ValueError:
    return ValueError(
        f"subnetworks: the units of this graph cannot be drawn, since {why}; the numbers "
        "(.outputs, .mean, .inference) need no picture"
    )
