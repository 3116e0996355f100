"""A chain of layers in a recorded graph: units, weights between them, and which were dropped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.view.insights.dropped import Dropped

__all__ = ["Chain", "Layer", "Network", "chain_of"]

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


#: The layers from the inputs to the outputs.
Network = tuple[Layer, ...]


@dataclass(frozen=True, eq=False)
class Chain:
    """The vertices of a recorded graph that make it a chain of layers."""

    products: tuple[Tensor, ...]  # of values and weights, the first layer's first
    outputs: Tensor  # of the last layer, its biases added
    dropped: Mapping[int, list[Tensor]]  # by layer, the inputs' number is 0

    def forward(self, new: Mapping[Tensor, Any], example: int) -> Network:
        """Return the values and weights of one example, computed again."""
        entering = [new[p].inputs[0] for p in self.products]
        values = [*entering, new[self.outputs].value]
        weights = [None, *(p.args[1].value for p in self.products)]
        return self._network(new, values, weights, example)

    def backward(self, new: Mapping[Tensor, Any], output: Tensor, example: int) -> Network:
        """Return the gradients of units and weights, computed again.

        The gradient of a unit is that of its value before dropout: 0 where it is dropped.
        """
        units: list[Any] = []
        for number, product in enumerate(self.products):
            first = self.dropped.get(number)
            unit = first[0].args[0] if first else product.args[0]
            units.append(new[unit] if isinstance(unit, Tensor) else None)
        units.append(new[self.outputs])
        matrices = [p.args[1] for p in self.products]
        asked = [*(unit for unit in units if unit is not None), *matrices]
        seed = np.ones(output.shape, output.dtype)
        found = dict(zip(map(id, asked), gradients(output, asked, seed=seed), strict=True))
        values = [None if unit is None else found[id(unit)] for unit in units]
        return self._network(new, values, [None, *(found[id(m)] for m in matrices)], example)

    def _network(
        self, new: Mapping[Tensor, Any], values: list[Any], weights: list[Any], example: int
    ) -> Network:
        widths = [self.products[0].args[1].shape[0], *(p.args[1].shape[1] for p in self.products)]
        layers = []
        for number, width in enumerate(widths):
            kept = np.ones(width, bool)
            for node in self.dropped.get(number, ()):
                again = new[node]
                if again.op is not None and again.op.name == "dropout":
                    kept = kept & _row(again.inputs[1], example)
            value = values[number]
            row = None if value is None else _row(value, example)
            layers.append(Layer(kept, row, weights[number]))
        return tuple(layers)


def _value(vertex: Any) -> Any:
    return vertex.value if isinstance(vertex, Tensor) else np.asarray(vertex)


def _row(array: Any, example: int) -> Any:
    return array if np.ndim(array) < 2 else array[example]


def chain_of(recorded: Dropped) -> Chain:
    """Read a chain of layers off a graph: products with weights, one after the other.

    Raises
    ------
    ValueError
        If the graph is no such chain, or a layer has too many units to be drawn.
    """
    depth: dict[Tensor, int] = {}  # how many layers a vertex is behind
    products: list[Tensor] = []
    dropped: dict[int, list[Tensor]] = {}
    for node in recorded.order:
        before = max((depth[a] for a in node.args if isinstance(a, Tensor)), default=0)
        depth[node] = before
        if node.op is not None and node.op.name == "dropout":
            dropped.setdefault(before, []).append(node)
        if _is_layer(node):
            if before != len(products):
                raise ValueError(_no_chain("two layers stand side by side"))
            if products and products[-1].args[1].shape[1] != node.args[1].shape[0]:
                raise ValueError(_no_chain("a layer takes other units than the one before gives"))
            products.append(node)
            depth[node] = before + 1
    if not products:
        raise ValueError(_no_chain("no layer multiplies by a matrix of weights"))
    for number in range(len(products) + 1):
        width = products[min(number, len(products) - 1)].args[1].shape[number == len(products)]
        if width > _MOST_UNITS:
            raise ValueError(
                f"subnetworks: layer {number} has {width} units, and a picture of more than "
                f"{_MOST_UNITS} cannot be read; draw a smaller network"
            )
    return Chain(tuple(products), _with_biases(products[-1], recorded), dropped)


def _is_layer(node: Tensor) -> bool:
    if node.op is None or node.op.name != "matmul" or node.ndim > 2:
        return False
    weights = node.args[1]
    return isinstance(weights, Tensor) and weights.op is None and weights.ndim == 2


def _with_biases(product: Tensor, recorded: Dropped) -> Tensor:
    """Return a layer's sums: its product, or what the biases were added to."""
    for node in recorded.order:
        if node.op is not None and node.op.name == "add":
            others = [a for a in node.args if a is not product]
            if len(others) == 1 and np.shape(_value(others[0])) == product.shape[-1:]:
                return node
    return product


def _no_chain(why: str) -> str:
    return (
        f"subnetworks: the units of this graph cannot be drawn, since {why}; the numbers "
        "(.outputs, .mean, .inference) need no picture"
    )
