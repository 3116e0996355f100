"""Which operation is to blame: each one of the recorded graph, checked by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu.check import rules
from tinygrad_edu.check.comparisons import BAD, Comparison, Plan, comparisons
from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.function import Checked, Refused, Undefined
from tinygrad_edu.check.suspects import Fault, Suspect, suspect
from tinygrad_edu.core.backward import WrongShape
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node

__all__ = ["Blame", "blame"]

_MOST = 500  # vertices that are checked


@dataclass(frozen=True, slots=True)
class Blame:
    """An operation that is wrong by itself.

    Attributes
    ----------
    op : str
        Its name.
    argument : int
        The argument whose rule is wrong.
    vertices : tuple of int
        Where it is wrong: places in the order of computation, counted from 1.
    suspect : Suspect
        The likely fault.
    comparison : Comparison or None
        The Jacobian of the operation alone; None where the rule raises.
    """

    op: str
    argument: int
    vertices: tuple[int, ...]
    suspect: Suspect
    comparison: Comparison | None

    def __str__(self) -> str:
        where = "vertex" if len(self.vertices) == 1 else "vertices"
        places = ", ".join(map(str, self.vertices))
        return f"{self.op}, argument {self.argument} ({where} {places}). Suspect: {self.suspect}"


def blame(checked: Checked, plan: Plan) -> tuple[list[Blame], list[str]]:
    """Check every operation between the inputs and the result by itself.

    Returns who is to blame, the same fault of the same operation once, and what to note.
    """
    leaves, out = checked.record(checked.x)
    reached: set[Node] = set(leaves)
    same: dict[tuple[Any, ...], Blame] = {}
    vertex = 0
    node: Any
    for node in ancestors(out):
        positions = [k for k, a in enumerate(node.args) if isinstance(a, Node) and a in reached]
        if not positions:
            continue
        reached.add(node)
        vertex += 1
        if vertex > _MOST:
            return list(same.values()), [
                f"only the first {_MOST} operations were checked by themselves"
            ]
        for argument, named, comparison in _faults(node, positions, plan):
            key = (node.op.name, argument, named.kind)
            first = same.get(key, Blame(node.op.name, argument, (), named, comparison))
            same[key] = replace(first, vertices=(*first.vertices, vertex))
    return list(same.values()), []


#: The argument whose rule is wrong, the suspect, and what shows it.
_Found = tuple[int, Suspect, Comparison | None]


def _faults(node: Any, positions: list[int], plan: Plan) -> Iterator[_Found]:
    """Check one vertex by each of its arguments that the inputs reach."""
    try:
        checked = _alone(node, positions)
        bad = [c for c in comparisons(checked, plan) if c.count(*BAD)]
    except Undefined:
        yield from _raising(node, positions)
        return
    except Refused:
        return
    by_argument = [c for c in bad if c.wrt is not None]
    for c in by_argument or bad[:1]:
        i = c.wrt
        if i is None:  # along directions: which result, or which entry of the gradient
            row = int(c.rows[np.isin(c.verdicts, BAD).any(axis=1)][0])
            i = checked.input_of(row) if c.order == 2 else checked.inputs[0]
        argument = positions[i.position]
        if not np.isfinite(c.found).all():
            named = Suspect("not finite", "the rule gives a NaN or an infinity")
        elif c.order == 2 or (c.mode == "forward" and c.wrt is not None):
            named = Suspect(
                "leaves the graph",
                f"its gradient is right and the derivative of that is not ({c.mode}): the rule "
                "uses NumPy or .data where it should use operations",
            )
        elif c.wrt is None:
            named = Suspect("unknown", f"it shows along random directions ({c.mode})")
        else:
            named = suspect(_fault(node, checked, argument, c))
        yield argument, named, c


def _alone(node: Any, positions: list[int]) -> Checked:
    """Return the operation of a vertex, as a function of some of its arguments."""

    def alone(*arguments: Any) -> Any:
        inputs = list(node.inputs)
        for position, argument in zip(positions, arguments, strict=True):
            inputs[position] = argument
        return node.op(*inputs, **node.attributes)

    return Checked(alone, [node.inputs[k] for k in positions])


def _fault(node: Any, checked: Checked, argument: int, comparison: Comparison) -> Fault:
    wrt = comparison.wrt
    assert wrt is not None

    def pull(seed: Array) -> Array:
        return rules.gradient(checked, seed, checked.x)[wrt.places]

    inputs = tuple(np.asarray(x, dtype=object if x is None else None) for x in node.inputs)
    has_rule = node.op.rules[argument] is not None
    return Fault(comparison, wrt.shape, has_rule, pull, np.asarray(node.value), inputs)


def _raising(node: Any, positions: list[int]) -> Iterator[_Found]:
    """Find the argument whose rule raises, or gives a gradient that does not fit."""
    for k in positions:
        try:
            checked = _alone(node, [k])
            rules.gradient(checked, np.ones(checked.results), checked.x)
        except Undefined as error:
            named, wanted = Suspect("raises", str(error)), np.shape(node.inputs[k])
            if isinstance(error.__cause__, WrongShape):
                shape = error.__cause__.shape
                kind = "transposed" if shape == wanted[::-1] else "wrong shape"
                named = Suspect(kind, f"the gradient has shape {shape}, not {wanted}")
            yield k, named, None
        except Refused:
            continue
