"""NumPy's functions on Tensors: each is answered by the operation of its name, or refused by name.

``np.exp(t)`` and ``np.sum(t, axis=0)`` arrive here through NumPy's protocols. What has a gradient
is recorded; what only asks about the values is answered by NumPy with arrays; all else is refused,
since an array in the place of a Tensor would cut the graph unseen.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import COMPLAINTS, Op, raise_named

__all__ = ["ANSWERED", "FUNCTIONS", "OUTSIDE", "RENAMED", "SAME", "UFUNCS", "call_numpy"]

#: Public operations that are called as NumPy's functions are.
SAME = [name for name in ops.PUBLIC if hasattr(np, name)]
#: NumPy's functions that are called otherwise here.
RENAMED = {
    "amax": "max",
    "amin": "min",
    "absolute": "abs",
    "fabs": "abs",
    "around": "round",
    "deg2rad": "radians",
    "float_power": "power",
    "rad2deg": "degrees",
    "linalg.matmul": "matmul",
    "linalg.matrix_transpose": "matrix_transpose",
    "linalg.outer": "outer",
    "linalg.tensordot": "tensordot",
    "linalg.trace": "trace",
    "linalg.diagonal": "diagonal",
    "linalg.norm": "norm",
    "linalg.vector_norm": "norm",
}

#: Functions about the values, through which no gradient passes: answered with arrays.
ANSWERED = (
    *("all", "allclose", "any", "argwhere", "array_equal", "array_equiv", "count_nonzero"),
    *("empty_like", "flatnonzero", "full_like", "iscomplexobj", "isclose", "isrealobj"),
    *("nonzero", "ones_like", "result_type", "searchsorted", "zeros_like"),
    *("array_repr", "array_str", "shape", "ndim", "size"),
)

#: What lies outside of a micro-framework, and how that is called.
OUTSIDE: Mapping[str, str] = {
    "linalg": "decompositions and solvers",
    "fft": "Fourier transforms",
    "complex": "complex numbers",
}

_COMPLEX = frozenset({"angle", "conj", "conjugate", "imag", "iscomplex", "isreal", "real"})


def call_numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer a NumPy function with our own of the same name, or refuse by name.

    Raises
    ------
    TypeError
        If there is no such function here, or an argument of it is not supported.
    """
    label = f"np.{_name_of(function)}"
    try:
        return _answer(function, label, args, kwargs)
    except COMPLAINTS as error:
        raise_named(error, label)


def _answer(function: Any, label: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    ours = FUNCTIONS.get(function)
    if ours is None:
        if function in _ANSWERS:
            return function(*map(_value, args), **{k: _value(v) for k, v in kwargs.items()})
        raise TypeError(_refusal(label, function))
    args, kwargs = _as_ours(function, ours, args, dict(kwargs))
    for name in kwargs.keys() - _parameters(ours).keys():
        if kwargs[name] is not None and kwargs[name] is not np._NoValue:
            raise TypeError(f"{label}: {name}= is not supported on a Tensor; leave it out")
        del kwargs[name]
    return ours(*args, **kwargs)


def _name_of(function: Any) -> str:
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None) or ""
    part = module.removeprefix("numpy").strip(".")
    return f"{part}.{name}" if part in ("linalg", "fft") else name


def _refusal(label: str, function: Any) -> str:
    part = "complex" if function.__name__ in _COMPLEX else label.split(".")[1]
    if part in OUTSIDE and label != f"np.{part}":
        return (
            f"{label}: {OUTSIDE[part]} are outside of this micro-framework; use .data for the "
            "values, which cuts the graph"
        )
    return (
        f"{label}: not supported on a Tensor; use .data for the values, or an operation of "
        "tinygrad_edu for the graph"
    )


def _as_ours(
    function: Any, ours: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Put NumPy's arguments into the order of ours.

    Ours have the same names in the same order, and some are missing. What NumPy needs and gets by
    name (``np.sum(a=t)``) moves to its place; what stands behind a missing one gets its name.
    """
    theirs = _parameters(function)
    for name, needed in list(theirs.items())[len(args) :]:
        if not needed or name not in kwargs:
            break
        args = (*args, kwargs.pop(name))
    for place, (name, needed) in enumerate(list(theirs.items())[: len(args)]):
        if not needed and name not in _parameters(ours):
            kwargs.update(zip(list(theirs)[place:], args[place:], strict=False))
            return args[:place], kwargs
    return args, kwargs


@cache
def _parameters(function: Any) -> dict[str, bool]:
    """Return the names of the parameters, and whether each must be given; nothing for ``*args``."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a ufunc, or a C function that does not say
        return {}
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in found):
        return {}
    return {parameter.name: parameter.default is parameter.empty for parameter in found}


def _value(argument: Any) -> Any:
    if isinstance(argument, Node):
        return argument.value
    if isinstance(argument, list | tuple):
        return type(argument)(map(_value, argument))
    return argument


def _linalg_norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norm of a vector, or the Frobenius norm of a matrix, with the arguments of np.linalg.norm."""
    axes = tuple(range(x.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(axes) == 2 and ord not in (None, "fro"):
        raise TypeError(
            f"np.linalg.norm: ord={ord} of a matrix is an operator norm, which is not supported "
            'on a Tensor; "fro" is, and the norm of a vector'
        )
    if ord is not None and len(axes) > 2:
        raise TypeError("np.linalg.norm: ord= of more than two axes; leave it out")
    return ops.norm(x, 2 if ord in (None, "fro") else ord, axis=axis, keepdims=keepdims)


def _vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Norm of the entries over axes, with the arguments of np.linalg.vector_norm."""
    return ops.norm(x, ord, axis=axis, keepdims=keepdims)


def _linalg_trace(x: Any, offset: int = 0) -> Any:
    """Trace over the last two axes, as np.linalg.trace takes it."""
    return ops.trace(x, offset, -2, -1)


def _linalg_diagonal(x: Any, offset: int = 0) -> Any:
    """Diagonal of the last two axes, as np.linalg.diagonal takes it."""
    return ops.diagonal(x, offset, -2, -1)


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """Limit to an interval, with the names that np.clip gives its bounds."""
    return ops.clip(a, min if a_min is None else a_min, max if a_max is None else a_max)


def _numpy_function(name: str) -> Any:
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _paired() -> dict[Any, Callable[..., Any]]:
    """Pair each public operation with the NumPy function of its name."""
    pairs = {**RENAMED, **{name: name for name in SAME}}
    known = {_numpy_function(theirs): getattr(ops, ours) for theirs, ours in pairs.items()}
    return {
        **known,
        np.clip: _clip,
        np.positive: operator.pos,
        np.linalg.norm: _linalg_norm,
        np.linalg.vector_norm: _vector_norm,
        np.linalg.trace: _linalg_trace,
        np.linalg.diagonal: _linalg_diagonal,
    }


FUNCTIONS = _paired()
# Between an array and a Tensor an operator arrives as one of these: the short way for it.
UFUNCS = {
    function: ours
    for function, ours in FUNCTIONS.items()
    if isinstance(function, np.ufunc) and isinstance(ours, Op) and ours.arity == function.nin
}
_ANSWERS: frozenset[Any] = frozenset(map(_numpy_function, ANSWERED))
