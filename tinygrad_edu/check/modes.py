"""What the rules give: derivatives by reverse mode, by forward mode, and their second order.

Seeds are scaled at random, so that a rule which ignores its seed or is not linear in it shows.
With `blur`, the last backward pass is computed with every value rounded anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.check.differences import Array
from tinygrad_edu.check.function import Checked, Undefined, describe
from tinygrad_edu.check.rounding import rounded_anew
from tinygrad_edu.core.backward import gradients
from tinygrad_edu.tensor import Tensor

__all__ = [
    "Blur",
    "forward",
    "forward_along",
    "pulled_back",
    "reverse",
    "second_along",
    "second_forward_along",
    "second_reverse",
    "value",
]

Blur = np.random.Generator | None


def _run(output: Any, wrt: list[Tensor], seed: Any, graph: bool = False) -> list[Any]:
    """Run the backward pass; a rule that raises is a reason, not an exception."""
    with np.errstate(all="ignore"):
        try:
            return gradients(output, wrt, seed, graph=graph)
        except Exception as error:
            raise Undefined(f"a rule raised {describe(error)}") from error


def _last(output: Any, wrt: list[Tensor], seed: Any, blur: Blur) -> list[Any]:
    """Run the backward pass whose result is compared."""
    if blur is None:
        return _run(output, wrt, seed)
    return list(rounded_anew(_run(output, wrt, seed, graph=True), blur))


def _flat(parts: Iterable[Any]) -> Array:
    return np.concatenate([np.ravel(part) for part in parts])


def _split(checked: Checked, v: Array) -> list[Array]:
    return [v[i.places].reshape(i.shape) for i in checked.inputs]


def _scale(rng: np.random.Generator) -> float:
    return float(rng.uniform(0.5, 2.0) * rng.choice([-1.0, 1.0]))


def _unit(size: int, place: int, value: float) -> Array:
    unit = np.zeros(size)
    unit[place] = value
    return unit


def value(checked: Checked, blur: Blur = None) -> Array:
    """Return the results as a vector."""
    out = checked.output
    return np.ravel(out.data if blur is None else rounded_anew([out], blur)[0])


def pulled_back(checked: Checked, x: Array, seed: Array, blur: Blur = None) -> Array:
    """Return uᵀJ at x as a vector."""
    leaves, out = checked.record(x)
    return _flat(_last(out, leaves, seed.reshape(out.shape), blur))


def reverse(checked: Checked, rows: Array, rng: np.random.Generator, blur: Blur = None) -> Array:
    """Return rows of the Jacobian, one backward pass for each."""
    leaves, out = checked.record(checked.x)
    found = np.empty((len(rows), checked.x.size))
    for k, row in enumerate(rows):
        scale = _scale(rng)
        seed = _unit(checked.results, row, scale).reshape(out.shape)
        found[k] = _flat(_last(out, leaves, seed, blur)) / scale
    return found


class _Linear:
    """uᵀJ as a function of u: linear, so its own backward pass along v gives J v."""

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        leaves, out = checked.record(checked.x)
        self.u = Tensor(np.ones(out.shape))
        self.pulled = _run(out, leaves, self.u, graph=True)

    def along(self, v: Array, blur: Blur = None) -> Array:
        total = np.zeros(self.checked.results)
        for pulled, part in zip(self.pulled, _split(self.checked, v), strict=True):
            if part.any():
                total += np.ravel(_last(pulled, [self.u], part, blur)[0])
        return total


def forward(checked: Checked, columns: Array, rng: np.random.Generator, blur: Blur = None) -> Array:
    """Return columns of the Jacobian in forward mode."""
    linear = _Linear(checked)
    found = np.empty((checked.results, len(columns)))
    for k, column in enumerate(columns):
        scale = _scale(rng)
        found[:, k] = linear.along(_unit(checked.x.size, column, scale), blur) / scale
    return found


def forward_along(checked: Checked, v: Array, blur: Blur = None) -> Array:
    """Return J v in forward mode."""
    return _Linear(checked).along(v, blur)


def second_reverse(
    checked: Checked, seed: Array, rows: Array, rng: np.random.Generator, blur: Blur = None
) -> Array:
    """Return rows of the Jacobian of uᵀJ."""
    leaves, out = checked.record(checked.x)
    first = _run(out, leaves, seed.reshape(out.shape), graph=True)
    found = np.empty((len(rows), checked.x.size))
    for k, row in enumerate(rows):
        i, scale = checked.input_of(row), _scale(rng)
        gradient = first[checked.inputs.index(i)]
        e = _unit(gradient.size, row - i.places.start, scale).reshape(gradient.shape)
        found[k] = _flat(_last(gradient, leaves, e, blur)) / scale
    return found


def _inner(parts: Iterable[Any], weights: Iterable[Any]) -> Any:
    return sum((ops.sum(p * w) for p, w in zip(parts, weights, strict=True)), 0.0)


def second_along(checked: Checked, seed: Array, v: Array, blur: Blur = None) -> Array:
    """Return v times the Jacobian of uᵀJ, by two backward passes."""
    leaves, out = checked.record(checked.x)
    first = _run(out, leaves, seed.reshape(out.shape), graph=True)
    return _flat(_last(_inner(first, _split(checked, v)), leaves, None, blur))


def second_forward_along(checked: Checked, seed: Array, v: Array, blur: Blur = None) -> Array:
    """Return the derivative of uᵀJ along v, in forward mode over reverse mode."""
    leaves, out = checked.record(checked.x)
    first = _run(out, leaves, seed.reshape(out.shape), graph=True)
    w = [Tensor(np.ones(i.shape)) for i in checked.inputs]
    pulled = _run(_inner(first, w), leaves, None, graph=True)
    return _flat(_last(_inner(pulled, _split(checked, v)), w, None, blur))
