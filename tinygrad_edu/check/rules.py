"""What the rules give: derivatives by reverse and by forward mode, and how far rounding moves them.

A gradient such as g − aΣg may lose most of its digits where a is near 1. That is no mistake of
the rule, and no difference tells it from one; computing it again with every value rounded at
random does (Parker 1997). With a `blur`, the last pass of each function here is computed so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.check.differences import EPS, Array
from tinygrad_edu.check.function import Checked, Undefined, describe
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.core.graph import ancestors, rerun
from tinygrad_edu.core.op import recompute
from tinygrad_edu.tensor import Tensor

__all__ = ["Blur", "Compute", "forward", "gradient", "second", "signed", "spread", "value"]

Blur = np.random.Generator | None

#: Runs the rules, where it is given a generator with every value rounded anew.
Compute = Callable[[Blur], Array]


def signed(rng: np.random.Generator, shape: int | tuple[int, ...]) -> Array:
    """Draw numbers of both signs, none of them near 0, so that none counts for nothing."""
    return np.asarray(rng.uniform(0.5, 1.5, shape) * (2 * rng.integers(0, 2, shape) - 1))


def value(checked: Checked, x: Array, blur: Blur = None) -> Array:
    """Return the results at x as a vector."""
    out = checked.record(x)[1]
    return np.ravel(out.data if blur is None else _rounded([out], blur)[0])


def gradient(checked: Checked, u: Array, x: Array, blur: Blur = None) -> Array:
    """Return uᵀJ at x, by one backward pass."""
    leaves, out = checked.record(x)
    return _flat(_pulled([out], leaves, [u.reshape(out.shape)], blur))


def forward(checked: Checked, v: Array, blur: Blur = None) -> Array:
    """Return J v."""
    leaves, out = checked.record(checked.x)
    return _flat([_pushed(out, leaves, checked.split(v), blur)])


def second(checked: Checked, u: Array, v: Array, mode: str, blur: Blur = None) -> Array:
    """Return the derivative of uᵀJ along v, in reverse or in forward mode over reverse mode."""
    leaves, out = checked.record(checked.x)
    first = _run(out, leaves, u.reshape(out.shape), graph=True)
    if mode == "reverse over reverse":
        return _flat(_pulled(first, leaves, checked.split(v), blur))
    return _flat(_pushed(part, leaves, checked.split(v), blur) for part in first)


def spread(found: Array, compute: Compute, rng: np.random.Generator, times: int) -> Array:
    """Return how far rounding moves a result, by rounding it anew a number of times."""
    widest = np.zeros(found.shape)
    try:
        for _ in range(times):
            with np.errstate(all="ignore"):
                widest = np.fmax(widest, np.abs(compute(rng) - found))
    except Undefined:  # a rule that does not work on Tensors
        return widest
    return np.where(np.isfinite(widest), widest, 0.0)


def _run(output: Any, wrt: list[Tensor], seed: Any, graph: bool = False) -> list[Any]:
    """Run the backward pass; a rule that raises is a reason, not an exception."""
    with np.errstate(all="ignore"):
        try:
            found: list[Any] = gradients(output, wrt, seed, graph=graph)
            return found
        except Exception as error:
            raise Undefined(f"a rule raised {describe(error)}") from error


def _pulled(
    outputs: Sequence[Any], wrt: list[Tensor], seeds: Sequence[Array], blur: Blur
) -> list[Array]:
    """Run the backward passes whose sum is compared; no rule takes part in that sum."""
    total = [np.zeros(target.shape) for target in wrt]
    for output, seed in zip(outputs, seeds, strict=True):
        parts = _run(output, wrt, seed, graph=blur is not None)
        for k, part in enumerate(parts if blur is None else _rounded(parts, blur)):
            total[k] = total[k] + part
    return total


def _pushed(output: Any, wrt: list[Tensor], parts: Sequence[Array], blur: Blur) -> Array:
    """Return J v of one output: uᵀJ is linear in u, and its own backward pass along v is J v."""
    u = Tensor(np.ones(output.shape))
    return _pulled(_run(output, wrt, u, graph=True), [u], parts, blur)[0]


def _flat(parts: Iterable[Any]) -> Array:
    return np.concatenate([np.ravel(part) for part in parts])


def _rounded(outputs: list[Any], rng: np.random.Generator) -> list[Any]:
    """Compute Tensors again, with a random error of a rounding or two at every vertex."""
    order = ancestors(*outputs)

    def rounded(value: Any) -> Any:
        value = np.asarray(value)
        if value.dtype.kind != "f":
            return value
        with np.errstate(all="ignore"):
            return np.asarray(value * (1 + 2 * EPS * signed(rng, value.shape)))

    values = {node: rounded(node.value) for node in order if node.op is None}
    rerun(order, values, lambda node, args: rounded(recompute(node.op, args, node.attributes)))
    return [values[output] for output in outputs]
