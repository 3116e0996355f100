"""The functions that may be called in a formula, and what each of them computes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY, Op
from tinygrad_edu.symbolic.algebra.units import unit
from tinygrad_edu.symbolic.notation.values import Misfit, Refused, length_of, real, shape_of
from tinygrad_edu.symbolic.notation.words import LAST_AXIS, meanings

__all__ = ["ENTRYWISE", "FUNCTIONS", "MADE", "REDUCTIONS", "ROWWISE", "called", "computed"]

Function = Callable[..., Any]

REDUCTIONS: dict[str, Function] = {
    name: getattr(ops, name)
    for name in ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp")
}
ROWWISE: dict[str, Function] = {"softmax": ops.softmax, "log_softmax": ops.log_softmax}
#: What takes an axis as its second argument.
_AXES = frozenset({*REDUCTIONS, *ROWWISE})
#: A loss stands for its operation: one number for each example.
_LOSSES = {name: REGISTRY[name] for name in ("cross_entropy", "softmax_cross_entropy")}
_ENLARGING = {"array_split", "split", "dstack", "tile", "repeat", "pad", "broadcast_to"}


# --- what is no operation of its own --------------------------------------------------------------


def _itself(x: Any) -> Any:
    return ops.multiply(x, 1.0)  # truth values are 0 and 1


def _heaviside(x: Any, there: Any = 0.0) -> Any:
    return ops.greater(x, 0.0) + ops.equal(x, 0.0) * there


def _diag(x: Any, k: int = 0) -> Any:
    shape = shape_of(x)
    if len(shape) == 2 and shape[0] == shape[1] and k == 0:
        return ops.einsum("aa->a", x)  # x_kk, as it stands in a derivation
    return ops.diag(x, k)


def _rank(x: Any, side: Any, axis: int = -1) -> Any:
    if side not in {"left", "right"}:
        raise ValueError("rank: takes an array and 'left' or 'right'")
    return REGISTRY["rank"](x, axis=axis, side=side)


def _one_length(shape: tuple[int, ...]) -> int:
    if len(shape) != 1 or shape[0] < 1:
        raise ValueError("it takes one length")
    return shape[0]


def _lengths(x: Any) -> list[Any]:
    if not shape_of(x):
        raise ValueError("a number has no length")
    return [length_of(x, axis) for axis in range(len(shape_of(x)))]


#: Functions of entries.
ENTRYWISE: dict[str, Function] = {
    "heaviside": _heaviside,
    **dict.fromkeys(("astype", "copy", "float", "array"), _itself),
    **{name: op for name, op in REGISTRY.items() if op.elementwise},
}
#: Arrays that are made of lengths: ones(3), zeros((2, 3)), eye(3).
MADE: dict[str, Function] = {
    "ones": lambda shape: np.full(shape, 1.0),
    "zeros": lambda shape: np.full(shape, 0.0),
    "arange": lambda shape: np.arange(float(_one_length(shape))),
    **dict.fromkeys(("eye", "identity"), lambda shape: unit(_one_length(shape))),
}
#: Functions of whole arrays that make no array larger than they are given.
_WHOLE: dict[str, Function] = {
    name: getattr(ops, name)
    for name in {*meanings({}).values(), *_AXES, "l1", "entropy"} - _ENLARGING
    if hasattr(ops, name)
}
_OWN: dict[str, Function] = {
    **_LOSSES,
    "rank": _rank,
    "product_of_others": lambda x, axis=0: REGISTRY["product_of_others"](x, axis=axis),
    "scatter": lambda g, shape, places: ops.scatter_add(g, places, shape),
    "len": lambda x: _lengths(x)[0],
    "size": lambda x: math.prod(_lengths(x)),
    "shape": lambda x: ops.stack([*map(real, _lengths(x))]),
    "ndim": lambda x: float(len(shape_of(x))),
    "ones_like": lambda x: np.ones(shape_of(x)),
    "zeros_like": lambda x: np.zeros(shape_of(x)),
}
_WHOLE |= {**_OWN, "diag": _diag}
_NAMES = [*_OWN, *MADE, *ENTRYWISE, *_AXES, "norm", "vdot", "dot", "matmul", "one_hot", "einsum"]
_NAMES += ["transpose", "l1", "entropy"]
#: Every word that may be called, and the operation it means.
FUNCTIONS = meanings({name: name for name in _NAMES})
#: What operations refuse: shapes and settings, kinds of arrays, and places that are not there.
_OF_ARGUMENTS = (ValueError, TypeError, IndexError)
_signature = cache(inspect.signature)


# --- calls ----------------------------------------------------------------------------------------


def called(name: str, arguments: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """Call a function of whole arrays as NumPy does: sum(X, axis=0), trace(A)."""
    if name not in _WHOLE or not arguments:
        raise Refused(f"{name}: cannot be called here")
    arguments = [*arguments]
    options = {"axis" if key == "dim" else key: value for key, value in options.items()}
    ndim = len(shape_of(arguments[0]))
    if name in {"reshape", "transpose"} and len(arguments) > 2:
        arguments[1:] = [tuple(arguments[1:])]
    if name in _AXES and len(arguments) == 2:
        options["axis"] = arguments.pop()
    if name in LAST_AXIS or (name == "cumsum" and ndim == 1):
        options.setdefault("axis", -1 if ndim else None)
    axis = options.get("axis")
    for each in axis if isinstance(axis, tuple) else () if axis is None else (axis,):
        if not isinstance(each, int) or (name in _AXES and not -ndim <= each < ndim):
            raise Refused(f"{name}: there is no axis {axis} among {ndim}")
    if name in _LOSSES:  # which take arrays alone
        arguments = [np.asarray(a) if isinstance(a, int) else a for a in arguments]
    return computed(name, _WHOLE[name], *arguments, **options)


def computed(name: str, function: Function, *arguments: Any, **options: Any) -> Any:
    """Call a function; what it says of its arguments is said of the formula."""
    if not isinstance(function, Op):  # which takes attributes by their position, too
        try:
            _signature(function).bind(*arguments, **options)
        except TypeError:
            raise Refused(f"{name}: does not take these arguments") from None
    try:
        return function(*arguments, **options)
    except _OF_ARGUMENTS as error:
        raise Misfit(str(error)) from None
