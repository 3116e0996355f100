"""Which operations are not what their definitions say, where a derivation disagrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import gradients, propagate
from tinygrad_edu.core.graph import differentiable
from tinygrad_edu.symbolic.derive.trace import Opened, Symbol, Trace
from tinygrad_edu.tensor import Tensor

__all__ = ["bound", "faults"]


def bound(*arrays: Any) -> float:
    """Return how far numbers may be apart by rounding, relative to the terms they are made of."""
    kinds = (np.asarray(array).dtype for array in arrays)
    return max((1e3 * float(np.finfo(k).eps) for k in kinds if k.kind == "f"), default=0) + 1e-11


def faults(trace: Trace) -> tuple[str, ...]:
    """Say which opened operations are not what their definitions say, on the recorded numbers."""
    with np.errstate(all="ignore"):
        return tuple(dict.fromkeys(fault for each in trace.opened for fault in _faults(each)))


def _faults(opened: Opened) -> Iterator[str]:
    """Compare one call with its definition, opened throughout: its value, then its gradients."""
    op, attributes = opened.op, opened.attributes
    arrays = [np.asarray(a.value if isinstance(a, Symbol) else a) for a in opened.args]
    places = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and op.rules[i] is not None]
    trace = Trace()
    symbols = {i: Symbol(trace, arrays[i]) for i in places}
    assert op.definition is not None
    meaning = op.definition(*(symbols.get(i, a) for i, a in enumerate(arrays)), **attributes)
    if not symbols or not isinstance(meaning, Symbol):
        return
    if not _alike(opened.value, meaning.value, *arrays):
        yield f"the value of {op.name} is not what its definition says"
        return
    seed = np.random.default_rng(0).standard_normal(meaning.shape)
    tensors = {i: Tensor(arrays[i]) for i in places}
    output = op(*(tensors.get(i, a) for i, a in enumerate(arrays)), **attributes)
    ruled = gradients(output, list(tensors.values()), seed)
    start, active = Symbol(trace, seed), differentiable(meaning)
    found = propagate(meaning, start, active, keep=symbols.values(), graph=True)
    for i, by_rule in zip(places, ruled, strict=True):
        by_definition = found[symbols[i]].value if symbols[i] in found else np.zeros(())
        if not _alike(by_rule, by_definition, *arrays):
            which = f" for argument {i}" if len(arrays) > 1 else ""
            yield f"the rule of {op.name}{which} is not what its definition says"


def _alike(one: Any, other: Any, *arrays: Any) -> bool:
    """Whether two results agree up to rounding, where both are finite."""
    one, other = np.broadcast_arrays(one, other)
    finite = np.isfinite(one) & np.isfinite(other)
    size = max((float(np.max(np.abs(a[finite]), initial=0)) for a in (one, other)), default=0)
    gap = float(np.max(np.abs(one[finite] - other[finite]), initial=0))
    return gap <= 1e2 * bound(*arrays) * size + 1e-300
