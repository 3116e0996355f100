"""The backward pass: reverse-mode differentiation of a recorded graph.

Walk the graph from its output to its leaves, the youngest vertex first. At each vertex, hand the
incoming gradient g to the rule of every argument, undo broadcasting, and add what arrives at the
same argument by other paths. What the rules are fed decides what comes out: arrays give numbers,
vertices give a graph.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, Literal, TypeVar, cast, overload

import numpy as np
import numpy.typing as npt

from tinygrad_edu.core.graph import depends_on, differentiable
from tinygrad_edu.core.node import NO_ATTRIBUTES, REGISTRY, Node, Traced
from tinygrad_edu.elsewhere import guided

__all__ = [
    "Watch",
    "WrongShape",
    "gradients",
    "own_arrays",
    "propagate",
    "unbroadcast",
    "vjp",
]

Vertex = TypeVar("Vertex", bound=Node)
Array = npt.NDArray[Any]

_ARRAY = np.ndarray
_SCALARS = frozenset({np.float16, np.float32, np.float64})

#: Called as ``watch(node, index, g, contribution)`` for every contribution to an argument.
Watch = Callable[[Node, int, Any, Any], None]


@overload
def gradients(output: Node, wrt: Vertex, seed: Any = ..., *, graph: Literal[True]) -> Vertex: ...
@overload
def gradients(output: Node, wrt: Node, seed: Any = ..., graph: Literal[False] = ...) -> Array: ...
@overload
def gradients(
    output: Node, wrt: Iterable[Vertex], seed: Any = ..., *, graph: Literal[True]
) -> list[Vertex]: ...
@overload
def gradients(
    output: Node, wrt: Iterable[Node], seed: Any = ..., graph: Literal[False] = ...
) -> list[Array]: ...
@overload
def gradients(output: Node, wrt: Any, seed: Any = ..., graph: bool = ...) -> Any: ...
@guided
def gradients(output: Any, wrt: Any, seed: Any = None, graph: bool = False) -> Any:
    r"""Differentiate `output` with respect to vertices of its graph.

    Computes the vector-Jacobian product :math:`\sum_i s_i\,\partial o_i/\partial w` for the
    seed s by reverse accumulation (Linnainmaa 1970; Griewank and Walther, *Evaluating
    Derivatives*, 2008, section 3.2).

    Parameters
    ----------
    output : Tensor
        What to differentiate.
    wrt : Tensor or iterable of Tensor
        What to differentiate with respect to; leaves or computed tensors.
    seed : array_like, optional
        The gradient of `output`, of its shape. By default 1, for an output with one entry.
    graph : bool, optional
        Return Tensors that can be differentiated and drawn, instead of arrays.

    Returns
    -------
    ndarray or Tensor, or list of them
        One gradient per member of `wrt`, of its shape and dtype; zero where `output` does not
        depend on it. A list if `wrt` is an iterable.

    Raises
    ------
    ValueError
        If the output has several entries and no seed is given, if the seed has another shape, or
        if ``graph=True`` and a leaf was given new data since the graph was recorded.
    TypeError
        If `output` or a member of `wrt` is no Tensor.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x = tg.Tensor([1.0, 2.0, 3.0])
    >>> tg.gradients((x**2).sum(), x)
    array([2., 4., 6.])
    """
    single = isinstance(wrt, Node | np.ndarray) or not isinstance(wrt, Iterable)
    targets: list[Any] = [wrt] if single else list(cast("Iterable[Node]", wrt))
    for role, node in (("output", output), *(("wrt", target) for target in targets)):
        if not isinstance(node, Node):
            raise TypeError(
                f"gradients: {role} is a {type(node).__name__}, and only a Tensor has a graph; "
                "wrap the array in Tensor(...) before computing with it"
            )
    if output.op is None and any(
        node is output for target in targets if target.op for node in differentiable(target)
    ):
        raise ValueError(
            "gradients: wrt was computed from output; the loss comes first, as in "
            "gradients(loss, wrt)"
        )
    order = differentiable(output)
    active = None  # all, where every leaf is wanted, as in training
    if not set(targets).issuperset([node for node in order if node.op is None]):
        active = depends_on(order, targets)
    totals = propagate(output, seed, active, keep=targets, graph=graph)
    if graph:
        found = [totals[target] if target in totals else target.zeros_like() for target in targets]
    else:
        found = own_arrays(
            totals[target] if target in totals else np.zeros(target.shape, target.dtype)
            for target in targets
        )
    return found[0] if single else found


def propagate(
    output: Any,
    seed: Any = None,
    active: Iterable[Node] | None = None,
    *,
    keep: Iterable[Node] = (),
    graph: bool = False,
    watch: Watch | None = None,
) -> dict[Node, Any]:
    """Run the rules from `output` back through the `active` vertices, by default through all.

    Returns the gradients of the leaves among them and of `keep`; those of the others are
    released as soon as they are used, so that memory stays near that of the forward pass.
    """
    inside = None if active is None else set(active)
    kept = set(keep)
    totals: dict[Node, Any] = {output: output.seed(seed, graph)}
    pending = [] if output.op is None else [(-output.serial, output)]
    while pending:
        node = heappop(pending)[1]  # the youngest: no vertex that was made from it is left
        g = totals[node] if node in kept else totals.pop(node)
        if graph:
            node.refuse_if_rebound()
        for index, argument in enumerate(node.args):
            if not isinstance(argument, Node):
                continue
            source = argument.op
            if source is not None and source.constant:
                continue
            if inside is not None and argument not in inside:
                continue
            part = vjp(node, index, g, graph)
            if part is None:
                continue
            if watch is not None:
                watch(node, index, g, part)
            if argument in totals:
                totals[argument] = totals[argument] + part
            else:
                totals[argument] = part
                if source is not None:
                    heappush(pending, (-argument.serial, argument))
    return totals


def vjp(node: Node, index: int, g: Any, graph: bool = False) -> Any:
    """Return what one vertex hands of its gradient g to one argument, of the argument's shape.

    An array; a vertex for a `graph`, where g is one. None where the operation holds the argument
    constant.
    """
    op: Any = node.op
    attributes = node.attributes
    rule = op.rules[index]
    if rule is None:
        return None
    if not op.sealed:
        rule = _guarded(rule, op.name)
    if graph:
        inputs, out = node.operands(), node
    else:
        inputs, out = node.inputs, node.value
    if op.saved is not None:
        saved = op.saved(*inputs, **attributes) if graph else node.saved
        part = rule(g, out, *inputs, **attributes, saved=saved)
    elif attributes is not NO_ATTRIBUTES:
        part = rule(g, out, *inputs, **attributes)
    elif len(inputs) == 2:  # most calls: spelled out, in half the time of a star
        part = rule(g, out, inputs[0], inputs[1])
    else:
        part = rule(g, out, *inputs)
    like, kind = inputs[index], part.__class__
    if kind is not like.__class__ or (
        # A NumPy scalar's class is its shape and dtype; most are arrays, and need no look-up.
        (kind is _ARRAY or kind not in _SCALARS)
        and (part.shape != like.shape or part.dtype is not like.dtype)
    ):
        part = unbroadcast(part, like, op.name)
    return part


def _guarded(rule: Any, name: str) -> Any:
    """Keep a user's rule from changing what it is given, and from holding what it returns."""

    def guarded(g: Any, *given: Any, **attributes: Any) -> Any:
        if g.__class__ is np.ndarray:
            g.flags.writeable = False
        try:
            part = rule(g, *given, **attributes)
        except TypeError as error:
            if not str(error).startswith("np."):
                raise
            function = str(error).partition(":")[0]
            raise TypeError(
                f"{name}: its rule calls {function}, which takes arrays alone; write the rule with "
                "operators and the functions of tinygrad_edu, as tg.exp for np.exp"
            ) from error
        return part.copy() if part.__class__ is np.ndarray and part is not g else part

    return guarded


class WrongShape(ValueError):
    """A rule gave a gradient of another shape than its argument has."""

    def __init__(self, message: str, shape: tuple[int, ...]) -> None:
        super().__init__(message)
        self.shape = shape


def unbroadcast(part: Any, like: Any, name: str) -> Any:
    """Sum a gradient over the axes along which its argument was spread; keep the dtype."""
    if (
        part.__class__ is np.ndarray is like.__class__
        and part.shape[1:] == like.shape
        and part.dtype is like.dtype
    ):
        return np.add.reduce(part, 0)  # a bias, added to every row: what happens most
    vertex = isinstance(like, Node)
    if part.__class__ is not like.__class__ and (
        vertex is not isinstance(part, Node) or not hasattr(part, "dtype")
    ):
        array = np.asarray(None if isinstance(part, Node) else part)
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"{name}: its rule gave a {type(part).__name__}; a rule returns the gradient of "
                "its argument, computed from what it is given"
            )
        part = array
    if part.shape != like.shape:
        sum_to = REGISTRY["sum_to"]
        try:
            part = sum_to(part, shape=like.shape)
        except ValueError:
            raise WrongShape(
                f"{name}: its rule gave a gradient of shape {part.shape} for an argument of shape "
                f"{like.shape}; a rule returns the argument's shape, or one that it broadcasts to",
                part.shape,
            ) from None
    if vertex and not isinstance(part, Node):
        part = like.zeros_like() + part  # a constant gradient, as a vertex
    if part.dtype == like.dtype or like.dtype.kind != "f":  # comparisons and counts end here
        return part
    return REGISTRY["astype"](part, dtype=like.dtype.name)


def own_arrays(arrays: Iterable[Any]) -> list[Any]:
    """Return each as a writable array that nothing else holds, copied where it is not yet one."""
    found: list[Any] = [
        array
        if array.__class__ is np.ndarray and array.base is None and array.flags.writeable
        else array
        if isinstance(array, Traced)
        else np.array(array)
        for array in arrays
    ]
    if len(set(map(id, found))) < len(found):  # one array for several, as from x + y
        times = Counter(map(id, found))
        return [array.copy() if times[id(array)] > 1 else array for array in found]
    return found
