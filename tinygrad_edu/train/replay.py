"""One batch recorded, the others computed by the same operations without recording them again.

Recording has a price: a Tensor for every operation, and a walk over all of them for the gradient.
A network made of the layers of `tinygrad_edu.nn` computes every batch of one size by the same
operations, so the recording of one says how to compute all. It is written out as a Python
function, a line for each forward and each rule, as one would write the backward pass by hand.
Forwards, rules and their order are those of the recording, and so are the results, bit for bit.

Not every model can be replayed: a module of one's own may decide by the numbers what it computes,
and Dropout draws a new mask each time. Then each batch is recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.backward import own_arrays, unbroadcast
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Function
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor

__all__ = ["Replay", "always_computes_the_same"]

Array = NDArray[Any]

_OURS = f"{__name__.partition('.')[0]}."


def always_computes_the_same(model: Module, loss: Function) -> bool:
    """Whether the operations can depend on nothing but the shape of the input."""
    parts = model.modules()
    made_of = [type(part) for part in parts]
    replaced = any(  # a method, by a function of the object alone
        callable(getattr(type(part), name, None)) for part in parts for name in vars(part)
    )
    computed = any(  # such as W = other.W.T: a recording keeps the value of that moment
        isinstance(value, Tensor) and value.op is not None
        for part in parts
        for value in vars(part).values()
    )
    return (
        not replaced
        and not computed
        and not model.generators()  # which would draw something new
        and all(str(getattr(each, "__module__", "")).startswith(_OURS) for each in (loss, *made_of))
    )


def _origin(value: Any, features: Array, targets: Array) -> str | None:
    """Write which of the two an array is, whole, though perhaps reshaped; None for another one."""
    if not isinstance(value, np.ndarray):
        return None
    for name, given in (("features", features), ("targets", targets)):
        if value is given:
            return name
        whole = value.base is given and value.size == given.size and value.dtype == given.dtype
        if whole and value.flags.c_contiguous and given.flags.c_contiguous:
            return f"{name}.reshape({value.shape})"
    return None


class Replay:
    """How one batch was computed, to compute others of the same size.

    Parameters
    ----------
    objective : Tensor
        The recorded loss, with penalties where there are any.
    parameters : sequence of Tensor
        What to differentiate by.
    features, targets : ndarray
        The very arrays from which the loss was recorded.
    loss : Tensor, optional
        The part of the objective that a run returns; by default all of it.

    Attributes
    ----------
    source : str
        The function that computes a batch.
    """

    @classmethod
    def of(
        cls,
        objective: Tensor,
        parameters: Sequence[Tensor],
        features: Array,
        targets: Array,
        loss: Tensor | None = None,
    ) -> Replay | None:
        """Return None where an array was recorded that will be another one for another batch."""
        known = [
            np.ndim(value) == 0 or _origin(value, features, targets) is not None
            for node in ancestors(objective)
            if node.op is not None
            for argument, value in zip(node.args, node.inputs, strict=True)
            if not isinstance(argument, Node)
        ]
        return cls(objective, parameters, features, targets, loss) if all(known) else None

    def __init__(
        self,
        objective: Tensor,
        parameters: Sequence[Tensor],
        features: Array,
        targets: Array,
        loss: Tensor | None = None,
    ) -> None:
        reported = objective if loss is None else loss
        writing = _Writing(objective, parameters, (features, targets), reported)
        self._leaves, self.source, names = writing.leaves, writing.source(), writing.names
        # All of the text is ours: names of operations and attributes, and numbered letters.
        exec(compile(self.source, "<a batch, replayed>", "exec"), names)
        self._batch: Function = names["batch"]

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
            The gradients of the objective, as `gradients` returns them.
        """
        loss, found = self._batch(features, targets, *[leaf.value for leaf in self._leaves])
        return float(loss), own_arrays(found)


class _Writing:
    """Writes the function: v1, v2 … are values, s1 … what was saved, g1 … gradients."""

    def __init__(
        self,
        objective: Tensor,
        parameters: Sequence[Tensor],
        batch: tuple[Array, Array],
        loss: Tensor,
    ) -> None:
        #: What the names stand for that the function does not define itself.
        self.names: dict[str, Any] = {"unbroadcast": unbroadcast, "zeros_like": np.zeros_like}
        self._objective, self._parameters, self._batch = objective, parameters, batch
        self._loss = loss
        order = ancestors(objective)
        self.leaves: list[Any] = [node for node in order if node.op is None]
        self._computed: list[Any] = [node for node in order if node.op is not None]
        self._number = {node: number for number, node in enumerate(order, start=1)}

    def source(self) -> str:
        """Return the text of the function."""
        given = ["features", "targets", *[f"v{self._number[leaf]}" for leaf in self.leaves]]
        calls = {node: self._call(node) for node in self._computed}
        lines = [f"def batch({', '.join(given)}):"]
        for node, (arguments, attributes) in calls.items():
            n, forward = self._number[node], self._named(node.op.name, node.op.forward)
            results = f"v{n}, s{n}" if node.op.saved is not None else f"v{n}"
            lines.append(f"{results} = {forward}({', '.join([*arguments, *attributes])})")
        lines += self._backward(calls)
        return "\n    ".join(lines) + "\n"

    def _call(self, node: Any) -> tuple[list[str], list[str]]:
        """Write the arguments of a call and its attributes."""
        arguments = [
            f"v{self._number[argument]}"
            if isinstance(argument, Node)
            else _origin(value, *self._batch) or self._named("constant", value)
            for argument, value in zip(node.args, node.inputs, strict=True)
        ]
        attributes = [f"{key}={self._named(key, value)}" for key, value in node.attributes.items()]
        return arguments, attributes

    def _backward(self, calls: Mapping[Node, tuple[list[str], list[str]]]) -> Iterator[str]:
        """Write the rules, the youngest call first, as the backward pass runs them."""
        active = depends_on(differentiable(self._objective), self._parameters)
        reached: set[Node] = {self._objective}
        one = self._named("one", self._objective.seed(None, False))
        yield f"g{self._number[self._objective]} = {one}"
        for node in reversed(self._computed):
            if node not in active or node not in reached:
                continue
            n, (arguments, attributes) = self._number[node], calls[node]
            saved = [f"saved=s{n}"] if node.op.saved is not None else []
            given = ", ".join([f"g{n}", f"v{n}", *arguments, *attributes, *saved])
            for index, argument in enumerate(node.args):
                rule = node.op.rules[index]
                if rule is None or not isinstance(argument, Node) or argument not in active:
                    continue
                k, name = self._number[argument], node.op.name
                yield f"part = {self._named(f'{name}_rule_{index}', rule)}({given})"
                yield f"if part.shape != v{k}.shape or part.dtype is not v{k}.dtype:"
                yield f"    part = unbroadcast(part, v{k}, {name!r})"
                yield f"g{k} = g{k} + part" if argument in reached else f"g{k} = part"
                reached.add(argument)
            if node is not self._loss:
                yield f"del v{n}, g{n}"  # which nothing reads any more
        found = [
            f"g{self._number[tensor]}"
            if tensor in reached
            else f"zeros_like({self._named('unused', tensor.value)})"
            for tensor in self._parameters
        ]
        yield f"return v{self._number[self._loss]}, [{', '.join(found)}]"

    def _named(self, name: str, value: Any) -> str:
        """Return what an object is called in the text: the name, or one like it."""
        while self.names.setdefault(name, value) is not value:
            name += "_"
        return name
