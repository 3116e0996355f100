"""Which operation is to blame: each one of the recorded graph, checked by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinygrad_edu.check import modes
from tinygrad_edu.check.comparisons import BAD, Comparisons, Plan, comparisons, some_rows
from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.function import Checked, Refused, Undefined
from tinygrad_edu.check.suspects import Fault, Suspect, few, suspect
from tinygrad_edu.check.verdicts import Comparison, Verdict
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import Op

__all__ = ["Blame", "blame"]

_MOST = 500  # vertices that are checked
_LOOKED_THROUGH = 100_000  # entries of some rows of a Jacobian that is too large for all


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
    found, notes = _all_faults(checked, plan)
    same: dict[tuple[Any, ...], Blame] = {}
    for b in found:
        key = (b.op, b.argument, b.suspect.kind)
        if key in same:
            b = replace(same[key], vertices=(*same[key].vertices, *b.vertices))
        same[key] = b
    return list(same.values()), notes


def _all_faults(checked: Checked, plan: Plan) -> tuple[list[Blame], list[str]]:
    leaves, out = checked.record(checked.x)
    reached: set[Node] = set(leaves)
    found: list[Blame] = []
    vertices = 0
    for node in ancestors(out):
        if node.op is None or reached.isdisjoint(a for a in node.args if isinstance(a, Node)):
            continue
        positions = [k for k, a in enumerate(node.args) if isinstance(a, Node) and a in reached]
        reached.add(node)
        vertices += 1
        if vertices > _MOST:
            return found, [f"only the first {_MOST} operations were checked by themselves"]
        found += _check(node, positions, vertices, plan)
    return found, []


def _check(node: Any, positions: list[int], vertex: int, plan: Plan) -> Iterable[Blame]:
    """Check one vertex by each of its arguments that the inputs reach."""
    alone = _alone(node, positions)
    try:
        checked = Checked(alone, [node.inputs[k] for k in positions])
        result = comparisons(checked, plan)
    except Undefined as error:
        yield from _raising(node, positions, vertex, str(error))
        return
    except Refused:
        return
    differentiated = [positions[i.position] for i in checked.inputs]
    faults = [c for c in result.found if c.wrt is not None and _bad(c)]
    for comparison in [c for c in faults if c.mode == "reverse"] or faults:
        index = _index(checked, comparison)
        named = _suspect(node, checked, index, differentiated[index], comparison)
        yield Blame(node.op.name, differentiated[index], (vertex,), named, comparison)
    if result.failed and not faults:
        yield from _located(node, checked, differentiated, vertex, plan, result)


def _located(
    node: Any,
    checked: Checked,
    positions: list[int],
    vertex: int,
    plan: Plan,
    result: Comparisons,
) -> Iterable[Blame]:
    """Find the entries behind a fault that only random directions through all of them show."""
    shown = next(c for c in result.found if _bad(c))
    rows = np.unique(np.nonzero(shown.verdicts >= Verdict.NOT_FINITE)[0])
    if shown.order == 1 and len(rows) * checked.x.size <= _LOOKED_THROUGH:
        for comparison in some_rows(checked, rows, plan):
            if comparison.count(Verdict.WRONG):
                index = _index(checked, comparison)
                named = few(comparison, node.value.size * checked.inputs[index].size)
                yield Blame(node.op.name, positions[index], (vertex,), named, comparison)
    else:
        named = Suspect("unknown", f"it shows along random directions ({shown.mode})")
        yield Blame(node.op.name, positions[0], (vertex,), named, shown)


def _alone(node: Any, positions: list[int]) -> Callable[..., Any]:
    op: Op = node.op
    constants = list(node.inputs)
    attributes = dict(node.attributes)

    def alone(*arguments: Any) -> Any:
        inputs = list(constants)
        for position, argument in zip(positions, arguments, strict=True):
            inputs[position] = argument
        return op(*inputs, **attributes)

    return alone


def _bad(comparison: Comparison) -> bool:
    return any(comparison.count(verdict) for verdict in BAD)


def _index(checked: Checked, comparison: Comparison) -> int:
    """Return which input a Jacobian is by."""
    return next(k for k, i in enumerate(checked.inputs) if i is comparison.wrt)


def _suspect(
    node: Any, checked: Checked, index: int, argument: int, comparison: Comparison
) -> Suspect:
    if comparison.mode != "reverse":
        return Suspect(
            "leaves the graph",
            f"its gradient is right and the derivative of that is not ({comparison.mode}): the "
            "rule uses NumPy or .data where it should use operations",
        )
    places = checked.inputs[index].places

    def pull(seed: Array) -> Array:
        return modes.pulled_back(checked, checked.x, seed)[places]

    inputs = tuple(np.asarray(x, dtype=object if x is None else None) for x in node.inputs)
    has_rule = node.op.rule_of(argument) is not None
    return suspect(Fault(comparison, has_rule, pull, np.asarray(node.value), inputs))


def _raising(node: Any, positions: list[int], vertex: int, reason: str) -> Iterable[Blame]:
    """Find the argument whose rule raises, or gives a gradient that does not fit."""
    for k in positions:
        try:
            checked = Checked(_alone(node, [k]), [node.inputs[k]])
            modes.pulled_back(checked, checked.x, np.ones(checked.results))
        except Undefined as error:
            shape = _shape_of_gradient(node, k)
            wanted = np.shape(node.inputs[k])
            if shape is None or shape == wanted:
                named = Suspect("raises", str(error))
            elif shape == wanted[::-1]:
                named = Suspect("transposed", f"the gradient has shape {shape}, not {wanted}")
            else:
                named = Suspect("wrong shape", f"the gradient has shape {shape}, not {wanted}")
            yield Blame(node.op.name, k, (vertex,), named, None)
        except Refused:
            continue


def _shape_of_gradient(node: Any, k: int) -> tuple[int, ...] | None:
    attributes = dict(node.attributes)
    if node.op.saved is not None:
        attributes["saved"] = node.saved
    rule = node.op.rule_of(k)
    with np.errstate(all="ignore"):
        try:
            part = rule(np.ones(node.shape), node.value, *node.inputs, **attributes)
            return tuple(np.shape(part))
        except Exception:
            return None
