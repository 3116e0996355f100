"""The complex step: f(x + ih) has the imaginary part h f′(x), without a difference to lose.

A second oracle (Squire and Trapp 1998) where the function can be computed on complex numbers.
Fused operations are opened, and their definitions computed, so it rests on other code than the
forward does. What it says counts only where differences agree with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import BuiltinFunctionType
from typing import Any

import numpy as np

from tinygrad_edu.check.differences import EPS, Array
from tinygrad_edu.check.estimates import scales
from tinygrad_edu.check.function import Checked
from tinygrad_edu.check.verdicts import Estimate, allowed
from tinygrad_edu.core.node import NO_ATTRIBUTES, Node, next_serial
from tinygrad_edu.core.op import Op
from tinygrad_edu.ops.reduce import count_of_shape

__all__ = ["sharpened"]

_TINY = 1e-30  # relative to the input: its square is lost beside it
_ROUNDINGS = 3  # how often every value is rounded anew, to see how far rounding reaches


class _Complex(Node):
    """A vertex that holds complex numbers, each with a rounding error at random if asked for."""

    __slots__ = ("blur", "value")

    def __init__(self, value: Any, blur: np.random.Generator | None) -> None:
        self.op, self.args, self.attributes = None, (), NO_ATTRIBUTES
        self.serial = next_serial()
        self.blur = blur
        self.value = value
        if blur is not None:
            self.value = value * (1 + 2 * EPS * blur.uniform(-1, 1, np.shape(value)))

    @classmethod
    def record(cls, op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Compute one call, or what it means where it is fused."""
        if op.definition is not None:
            return op.definition(*args, **attributes)
        if op.elementwise and not isinstance(op.forward, np.ufunc | BuiltinFunctionType):
            raise TypeError(f"{op.name}: is not known to compute on complex numbers")
        values = [a.value if isinstance(a, Node) else a for a in args]
        out = op.forward(*values, **attributes)
        if op.saved is not None:
            out = out[0]
        blur = next(a.blur for a in args if isinstance(a, cls))
        return cls(out, blur) if np.iscomplexobj(out) else np.asarray(out)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(np.shape(self.value))

    @property
    def dtype(self) -> Any:
        """The type of its real part."""
        return np.dtype(np.float64)

    def count(self, axis: Any = None) -> int:
        """Return the number of entries that a reduction over `axis` joins."""
        return count_of_shape(self.shape, axis)


def sharpened(checked: Checked, estimate: Estimate, columns: Array) -> tuple[Estimate, bool]:
    """Replace differences by complex steps where these agree and err less."""
    found = _partials(checked, columns)
    if found is None:
        return estimate, False
    value, error = found
    with np.errstate(all="ignore"):
        agrees = np.abs(value - estimate.value) <= allowed(value, estimate.value, estimate.error)
        if not agrees[~estimate.kink].all():
            return estimate, False  # computed, but not an analytic function
        better = (error < estimate.error) & (value != 0) & ~estimate.kink
    value = np.where(better, value, estimate.value)
    error = np.where(better, error, estimate.error)
    return replace(estimate, value=value, error=error), True


def _partials(checked: Checked, columns: Array) -> tuple[Array, Array] | None:
    """Return derivatives and their errors, or None where they cannot be computed."""
    sizes = scales(checked)
    values = np.empty((_ROUNDINGS + 1, checked.results, len(columns)))
    for k, column in enumerate(columns):
        step = sizes[column] * _TINY
        if step < np.finfo(float).tiny:
            return None
        moved = checked.x.astype(complex)
        moved[column] += 1j * step
        for n in range(_ROUNDINGS + 1):
            results = _results(checked, moved, np.random.default_rng(n) if n else None)
            if results is None:
                return None
            values[n, :, k] = results.imag / step
    if not np.isfinite(values).all():
        return None
    error = 4 * np.ptp(values, axis=0) + 64 * EPS * np.abs(values[0])
    return values[0], error


def _results(checked: Checked, x: Any, blur: np.random.Generator | None) -> Any:
    arguments: list[Any] = [np.array(a) for a in checked.given]
    for i in checked.inputs:
        arguments[i.position] = _Complex(x[i.places].reshape(i.shape), blur)
    with np.errstate(all="ignore"):
        try:
            out = checked.f(*arguments)
            value = np.ravel(out.value if isinstance(out, _Complex) else np.asarray(out))
        except Exception:
            return None  # not written for complex numbers
    return value.astype(complex) if value.shape == checked.values.shape else None
