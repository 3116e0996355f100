"""A recorded graph as a program: the loss and its gradients, of other data and other weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.program.program import written
from tinygrad_edu.program.trace import Name, Trace
from tinygrad_edu.program.writer import Writer
from tinygrad_edu.tensor import Tensor

__all__ = ["recorded_program"]


def recorded_program(
    objective: Tensor,
    parameters: Sequence[Tensor],
    inputs: Mapping[str, Any],
    reported: Tensor | None = None,
) -> tuple[Writer, list[Tensor]] | None:
    """Write the program of a recorded objective and of its gradients.

    Parameters
    ----------
    objective : Tensor
        What is differentiated.
    parameters : sequence of Tensor
        What it is differentiated with respect to.
    inputs : mapping of str to ndarray
        The very arrays from which it was recorded that will be others in another call.
    reported : Tensor, optional
        The part of the objective that the program returns beside the gradients.

    Returns
    -------
    Writer, list of Tensor
        The program takes the inputs, then the values of these leaves, and returns a number and a
        list of gradients. None where the graph holds another array, which may depend on the
        inputs.
    """
    trace = Trace()
    given = {key: Name(trace, array) for key, array in inputs.items()}
    vertices: dict[Any, Any] = {}
    held: dict[Any, Name] = {}
    for node in ancestors(objective):
        if node.op is None:
            held[node] = Name(trace, node.value)
            vertices[node] = held[node].leaf()
            continue
        pairs = zip(node.args, node.inputs, strict=True)
        args = [vertices[a] if isinstance(a, Node) else _known(value, given) for a, value in pairs]
        if any(each is None for each in args):
            return None
        some = next(each for each in args if isinstance(each, Tensor))
        vertices[node] = some.record(node.op, tuple(args), node.attributes)
    reached = [tensor for tensor in parameters if tensor in vertices]
    found = gradients(vertices[objective], [vertices[tensor] for tensor in reached])
    slopes = dict(zip(reached, found, strict=True))
    results = (
        vertices[objective if reported is None else reported].value,
        [slopes.get(each, np.zeros(each.shape, each.dtype)) for each in parameters],
    )
    letters = {name: key for key, name in given.items()}
    letters |= {name: f"w{n}" for n, name in enumerate(held.values(), start=1)}
    return written(trace, letters, results), list(held)


def _known(value: Any, given: Mapping[str, Name]) -> Any:
    """Return the name of an array that is an input, whole, though perhaps reshaped.

    A number is returned as it is, and None for any other array.
    """
    if np.ndim(value) == 0:
        return value
    for name in given.values():
        array = name.value
        if value is array:
            return name
        whole = value.base is array and value.size == array.size and value.dtype == array.dtype
        if whole and value.flags.c_contiguous and array.flags.c_contiguous:
            return name.reshape(value.shape)
    return None
