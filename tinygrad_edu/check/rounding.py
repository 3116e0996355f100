"""How far rounding reaches in a gradient: its graph, computed again with every value rounded anew.

A gradient such as g − aΣg may lose most of its digits where a is near 1. That is no mistake of
the rule, and no difference tells it from one; random rounding does (Parker 1997).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_edu.check.differences import EPS, Array
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import run

__all__ = ["rounded_anew"]


def rounded_anew(outputs: Sequence[Any], rng: np.random.Generator) -> list[Array]:
    """Compute Tensors again, with a random error of a rounding or two at every vertex."""
    values: dict[Node, Any] = {}
    for node in ancestors(*outputs):
        if node.op is None:
            values[node] = node.value
            continue
        inputs = [
            values[a] if isinstance(a, Node) else kept
            for a, kept in zip(node.args, node.inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            value = run(node.op, inputs, node.attributes)
            value = np.asarray(value[0] if node.op.saved is not None else value)
            if value.dtype.kind == "f":
                value = np.asarray(value * (1 + 2 * EPS * rng.uniform(-1, 1, value.shape)))
        values[node] = value
    return [values[output] for output in outputs]
