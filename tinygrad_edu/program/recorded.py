"""A recorded graph as a program: the loss and its gradients, of other data and other weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.program.program import written
from tinygrad_edu.program.trace import Name, Trace
from tinygrad_edu.program.writer import Writer
from tinygrad_edu.tensor import Tensor

__all__ = ["record_again", "recorded_program"]


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
    leaves: list[Any] = [node for node in ancestors(objective) if node.op is None]
    held = {leaf: Name(trace, leaf.value) for leaf in leaves}
    try:
        vertices = {leaf: name.leaf() for leaf, name in held.items()}
        record_again(objective, vertices, lambda value: _known(value, given))
    except _Unknown:
        return None
    reached = [tensor for tensor in parameters if tensor in vertices]
    found = gradients(vertices[objective], [vertices[tensor] for tensor in reached])
    slopes = dict(zip(reached, found, strict=True))
    results = (
        vertices[objective if reported is None else reported].value,
        [slopes.get(each, np.zeros(each.shape, each.dtype)) for each in parameters],
    )
    letters = {name: key for key, name in given.items()}
    letters |= {name: f"w{n}" for n, name in enumerate(held.values(), start=1)}
    return written(trace, letters, results), leaves


def record_again(
    output: Tensor, vertices: dict[Any, Any], constant: Callable[[Any], Any] = lambda value: value
) -> None:
    """Record a graph again, of other leaves; add the new vertex of each old one."""
    for node in ancestors(output):
        if node.op is not None:
            pairs = zip(node.args, node.inputs, strict=True)
            args = [vertices[a] if isinstance(a, Node) else constant(value) for a, value in pairs]
            some = next(each for each in args if isinstance(each, Tensor))
            vertices[node] = some.record(node.op, tuple(args), node.attributes)


class _Unknown(Exception):
    """An array that is no input."""


def _known(value: Any, given: Mapping[str, Name]) -> Any:
    """Return the name of an array that is an input, whole, though perhaps reshaped."""
    if np.ndim(value) == 0:
        return value
    for name in given.values():
        array = name.value
        if value is array:
            return name
        whole = value.base is array and value.size == array.size and value.dtype == array.dtype
        if whole and value.flags.c_contiguous and array.flags.c_contiguous:
            return name.reshape(value.shape)
    raise _Unknown
