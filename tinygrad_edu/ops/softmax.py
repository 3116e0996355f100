"""softmax and its logarithm, exact over the whole range of inputs.

All three shift by the largest entry, so that nothing overflows (multiplying numerator and
denominator by e^-max changes nothing), and take the largest entry's own 1 out of the sum, so that
the logarithm of a sum near 1 keeps its digits: log(1 + r) is log1p(r).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from tinygrad_edu.core.op import op
from tinygrad_edu.ops.elementwise import exp, floating, log
from tinygrad_edu.ops.reduce import count_of_shape, sum
from tinygrad_edu.ops.shape import spread

__all__ = ["log_softmax", "logsumexp", "softmax"]

_add_all: Any = np.add.reduce


def as_rows(x: Any, axis: int) -> tuple[Any, Any]:
    """Return x as the rows of a contiguous matrix, and what puts rows back into x's shape."""
    if x.ndim == 0:
        raise ValueError("a number has no axis of classes; pass a vector")
    x = floating(x)
    if x.dtype.char == "e":  # a sum of float16 overflows at 65504
        rows, put_wide_back = as_rows(x.astype(np.float32), axis)
        return rows, lambda rows: put_wide_back(rows).astype(np.float16)
    if x.ndim == 2 and axis in (-1, 1) and x.flags.c_contiguous:
        return x, _as_it_is
    moved = np.moveaxis(x, axis, -1)
    lead = moved.shape[:-1]
    rows = np.ascontiguousarray(moved).reshape(math.prod(lead), moved.shape[-1])

    def put_back(rows: Any) -> Any:
        return np.moveaxis(rows.reshape(*lead, rows.shape[-1]), -1, axis)

    return rows, put_back


@functools.lru_cache(maxsize=8)
def row_starts(count: int, length: int) -> Any:
    """Return where each row of a contiguous matrix starts in its flat form."""
    starts = np.arange(0, count * length, length)
    starts.flags.writeable = False
    return starts


def _as_it_is(rows: Any) -> Any:
    return rows


def shifted_exponentials(rows: Any) -> tuple[Any, Any, Any, Any]:
    """Return e^(x - max), and for each row max, the sum of these but for one largest, their sum.

    An infinite maximum gives NaN.
    """
    if not rows.shape[1]:
        raise ValueError("there are no classes; that axis needs one entry at least")
    places = rows.argmax(1) + row_starts(*rows.shape)
    largest = rows.ravel()[places]
    e = rows - largest[:, None]
    np.exp(e, e)
    flat = e.ravel()
    one = flat[places]  # 1, or NaN where the maximum is infinite or NaN
    flat[places] = one - one
    rest = _add_all(e, 1)
    flat[places] = one
    return e, largest, rest, rest + one


#: From 1 - a < 1/1000 on, a difference from 1 has lost three digits, and is computed anew.
SURE = 1e-3


def balanced(gradient: Any, a: Any, axis: int) -> Any:
    """Compute the entry of the likeliest class anew, from the others: in all they sum to 0.

    Where its probability is near 1, its own formula subtracts nearly equal numbers.
    """
    rows, put_back = as_rows(gradient, axis)
    likely, _ = as_rows(a, axis)
    rows = np.array(rows)
    flat, places = rows.ravel(), likely.argmax(1) + row_starts(*rows.shape)
    flat[places] = 0
    flat[places] = 0 - np.add.reduce(rows, 1)
    return put_back(rows)


@op(inline=True, name="sum_to_zero")
def _sum_to_zero(gradient: Any, a: Any, *, axis: int) -> Any:
    """A gradient whose entries sum to 0, with the digits that the likeliest class has lost."""
    return gradient if a.max(initial=0) <= 1 - SURE else balanced(gradient, a, axis)


@_sum_to_zero.defined_as
def _(gradient: Any, a: Any, *, axis: int) -> Any:
    return gradient


# da = a (dz - <a, dz>), and the Jacobian diag(a) - a aᵀ is symmetric
@op(
    rules=(
        lambda g, out, x, *, axis: _sum_to_zero(
            out * (g - sum(g * out, axis=axis, keepdims=True)), out, axis=axis
        ),
    ),
    positive="positive",
    distribution=True,
    tex=r"\operatorname{{softmax}}({0})",
)
@np.errstate(all="ignore")
def softmax(x: Any, *, axis: int = -1) -> Any:
    """Turn logits into probabilities.

    Positive, and summing to 1 over `axis` (Bridle 1990); NaN where an entry is NaN or +inf, or all
    are -inf.

    >>> tg.softmax(tg.Tensor([1000.0, 1001.0]))
    Tensor([0.26894142, 0.73105858])
    """
    rows, put_back = as_rows(x, axis)
    e, _, _, total = shifted_exponentials(rows)
    return put_back(e / total[:, None])


@softmax.defined_as
def _(x: Any, *, axis: int) -> Any:
    e = exp(x)
    return e / sum(e, axis=axis, keepdims=True)


@op(
    rules=(
        lambda g, out, x, *, axis, saved: _sum_to_zero(
            g - saved * sum(g, axis=axis, keepdims=True), saved, axis=axis
        ),
    ),
    tex=r"\log\operatorname{{softmax}}({0})",
)
@np.errstate(all="ignore")
def log_softmax(x: Any, *, axis: int = -1) -> Any:
    """Logarithm of the softmax, without computing a probability first.

    z - log Σ e^z, at most 0, with digits where a probability would have none left.

    >>> tg.log_softmax(tg.Tensor([40.0, 0.0]))
    Tensor([-4.24835426e-18, -4.00000000e+01])
    """
    rows, put_back = as_rows(x, axis)
    e, largest, rest, total = shifted_exponentials(rows)
    out = (rows - largest[:, None]) - np.log1p(rest)[:, None]
    return put_back(out), put_back(e / total[:, None])


@log_softmax.saves
def _(x: Any, *, axis: int) -> Any:
    return softmax(x, axis=axis)


@log_softmax.defined_as
def _(x: Any, *, axis: int) -> Any:
    return x - logsumexp(x, axis=axis, keepdims=True)


# d log Σ e^z = <softmax(z), dz>
@op(
    rules=(lambda g, out, x, *, axis, keepdims, saved: spread(g, x, axis, keepdims) * saved,),
    tex=r"\operatorname{{logsumexp}}({0})",
)
@np.errstate(all="ignore")
def logsumexp(x: Any, *, axis: int = -1, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials: a smooth maximum.

    -inf for no entries or where all are -inf.

    >>> tg.logsumexp(tg.Tensor([1000.0, 1000.0]))
    Tensor(1000.69314718)
    """
    x = floating(x)
    if x.ndim and count_of_shape(x.shape, axis) == 0:
        return np.full(np.sum(x, axis=axis, keepdims=keepdims).shape, -np.inf, x.dtype), x
    rows, put_back = as_rows(x, axis)
    e, largest, rest, total = shifted_exponentials(rows)
    out = np.where(np.isinf(largest), largest, largest + np.log1p(rest))
    out = put_back(out[:, None])
    e /= total[:, None]
    return out if keepdims else np.squeeze(out, axis), put_back(e)


@logsumexp.saves
def _(x: Any, *, axis: int, keepdims: bool) -> Any:
    return softmax(x, axis=axis)


@logsumexp.defined_as
def _(x: Any, *, axis: int, keepdims: bool) -> Any:
    return log(sum(exp(x), axis=axis, keepdims=keepdims))
