"""One batch recorded, the others computed by the same operations without recording them again.

Recording has a price: a Tensor for every operation, and a walk over all of them for the gradient.
A network made of the layers of `tinygrad_edu.nn` computes every batch of one size by the same
operations, so the recording of one says how to compute all. Forwards, rules and their order are
those of the recording, and so are the results, bit for bit.

Not every model can be replayed: a module of one's own may decide by the numbers what it computes,
and Dropout draws a new mask each time. Then each batch is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.gradients import like_argument, own_arrays
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Function
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor

__all__ = ["Replay", "always_computes_the_same"]

Array = NDArray[Any]

_OURS = f"{__name__.partition('.')[0]}."
_FEATURES, _TARGETS = 0, 1  # their places among the values


def always_computes_the_same(model: Module, loss: Function) -> bool:
    """Whether the operations can depend on nothing but the shape of the input."""
    parts = model.modules()
    made_of = [type(part) for part in parts]
    plain = not any("forward" in vars(part) for part in parts)
    computed = any(  # such as W = other.W.T: a recording keeps the value of that moment
        isinstance(value, Tensor) and value.op is not None
        for part in parts
        for value in vars(part).values()
    )
    return (
        plain
        and not computed
        and not model.generators()  # which would draw something new
        and all(str(getattr(each, "__module__", "")).startswith(_OURS) for each in (loss, *made_of))
    )


def _source(value: Array, features: Array, targets: Array) -> int | None:
    """Return which of the two an array is, whole, though perhaps reshaped; None for another one."""
    for place, given in ((_FEATURES, features), (_TARGETS, targets)):
        if value is given:
            return place
        whole = value.base is given and value.size == given.size and value.dtype == given.dtype
        if whole and value.flags.c_contiguous and given.flags.c_contiguous:
            return place
    return None


class _Call(NamedTuple):
    """An operation: what it is computed from, and where its result is put."""

    forward: Function
    attributes: Mapping[str, Any]
    places: tuple[int, ...]
    result: int
    saves: bool


class _Contribution(NamedTuple):
    """A rule: from the gradient of a result to a part of the gradient of an argument."""

    rule: Function
    attributes: Mapping[str, Any]
    places: tuple[int, ...]
    result: int
    saves: bool
    argument: int
    name: str


class Replay:
    """How one batch was computed, to compute others of the same size.

    Parameters
    ----------
    loss : Tensor
        The recorded loss.
    parameters : sequence of Tensor
        What to differentiate by.
    features, targets : ndarray
        The very arrays from which the loss was recorded.
    """

    @classmethod
    def of(
        cls, loss: Tensor, parameters: Sequence[Tensor], features: Array, targets: Array
    ) -> Replay | None:
        """Return None where an array was recorded that will be another one for another batch."""
        known = [
            np.ndim(value) == 0 or _source(value, features, targets) is not None
            for node in ancestors(loss)
            if node.op is not None
            for argument, value in zip(node.args, node.inputs, strict=True)
            if not isinstance(argument, Node)
        ]
        return cls(loss, parameters, features, targets) if all(known) else None

    def __init__(
        self, loss: Tensor, parameters: Sequence[Tensor], features: Array, targets: Array
    ) -> None:
        order = ancestors(loss)
        place = {node: index for index, node in enumerate(order, start=2)}
        self._values: list[Any] = [features, targets, *[None] * len(order)]
        self._reshaped: list[tuple[int, int, tuple[int, ...]]] = []
        self._leaves = [(place[node], node) for node in order if node.op is None]
        self._loss, self._parameters = place[loss], list(parameters)
        calls = {node: self._call(node, place) for node in order if node.op is not None}
        self._calls = list(calls.values())
        active = depends_on(differentiable(loss), parameters)
        self._contributions = [
            _Contribution(rule, *calls[node][1:], argument=place[argument], name=node.op.name)
            for node in reversed(order)
            if node.op is not None and node in active
            for index, argument in enumerate(node.args)
            if isinstance(argument, Node) and argument in active
            if (rule := node.op.rule_of(index)) is not None
        ]

    def _call(self, node: Any, place: Mapping[Node, int]) -> _Call:
        features, targets = self._values[:2]
        places = []
        for argument, value in zip(node.args, node.inputs, strict=True):
            if isinstance(argument, Node):
                places.append(place[argument])
                continue
            source = None if np.ndim(value) == 0 else _source(value, features, targets)
            if source is not None and value.shape == self._values[source].shape:
                places.append(source)
                continue
            if source is not None:
                self._reshaped.append((len(self._values), source, value.shape))
            places.append(len(self._values))
            self._values.append(value)
        saves = node.op.saved is not None
        return _Call(node.op.forward, dict(node.attributes), tuple(places), place[node], saves)

    def run(self, features: Array, targets: Array) -> tuple[float, list[Array]]:
        """Compute another batch.

        Parameters
        ----------
        features, targets : ndarray
            Of the shapes and dtypes of those that were recorded.

        Returns
        -------
        float
            The loss.
        list of ndarray
            Its gradients, as `gradients` returns them.
        """
        values = self._values
        values[_FEATURES], values[_TARGETS] = features, targets
        for index, source, shape in self._reshaped:
            values[index] = values[source].reshape(shape)
        for index, leaf in self._leaves:
            values[index] = leaf.value
        saved: dict[int, Any] = {}
        for forward, attributes, places, result, saves in self._calls:
            value = forward(*[values[i] for i in places], **attributes)
            if saves:
                value, saved[result] = value
            values[result] = value
        loss = values[self._loss]
        totals: dict[int, Any] = {self._loss: loss.dtype.type(1)}
        for rule, attributes, places, result, saves, argument, name in self._contributions:
            inputs = [values[i] for i in places]
            if saves:
                attributes = {**attributes, "saved": saved[result]}
            part, like = (
                rule(totals[result], values[result], *inputs, **attributes),
                values[argument],
            )
            if (
                part.__class__ is not like.__class__
                or part.shape != like.shape
                or part.dtype is not like.dtype
            ):
                part = like_argument(part, like, name)
            earlier = totals.get(argument)
            totals[argument] = part if earlier is None else earlier + part
        places = {leaf: index for index, leaf in self._leaves}
        found = [
            totals[places[tensor]] if places.get(tensor) in totals else tensor.zeros_like().value
            for tensor in self._parameters
        ]
        return float(loss), own_arrays(found)
