"""softmax and its logarithm, exact over the whole range of inputs."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.core.op import op
from tinygrad_edu.ops.elementwise import exp, log, portion
from tinygrad_edu.ops.kernels import softmax as exact
from tinygrad_edu.ops.kernels.rows import SURE, balanced
from tinygrad_edu.ops.reduce import sum
from tinygrad_edu.ops.shape import spread

__all__ = ["log_softmax", "logsumexp", "softmax"]


@op(
    forward=exact.softmax,
    positive="positive",
    distribution=True,
    tex=r"\operatorname{{softmax}}({0})",
)
def softmax(x: Any, *, axis: int = -1) -> Any:
    """Turn logits into probabilities.

    Positive, and summing to 1 over `axis` (Bridle 1990); NaN where an entry is NaN or +inf, or all
    are -inf.

    >>> tg.softmax(tg.Tensor([1000.0, 1001.0]))
    Tensor([0.26894142, 0.73105858])
    """


# da = a (dz - <a, dz>), and the Jacobian diag(a) - a aᵀ is symmetric
@softmax.rule(0)
def _(g: Any, out: Any, x: Any, *, axis: int) -> Any:
    return _sum_to_zero(out * (g - sum(g * out, axis=axis, keepdims=True)), out, axis=axis)


@softmax.defined_as
def _(x: Any, *, axis: int) -> Any:
    e = exp(x)
    return e / sum(e, axis=axis, keepdims=True)


@op(
    forward=exact.log_softmax,
    tex=r"\log\operatorname{{softmax}}({0})",
)
def log_softmax(x: Any, *, axis: int = -1) -> Any:
    """Logarithm of the softmax, without computing a probability first.

    z - log Σ e^z, at most 0, with digits where a probability would have none left.

    >>> tg.log_softmax(tg.Tensor([40.0, 0.0]))
    Tensor([-4.24835426e-18, -4.00000000e+01])
    """


@log_softmax.rule(0)
def _(g: Any, out: Any, x: Any, *, axis: int, saved: Any) -> Any:
    return _sum_to_zero(g - saved * sum(g, axis=axis, keepdims=True), saved, axis=axis)


@log_softmax.saves
def _(x: Any, *, axis: int) -> Any:
    return softmax(x, axis=axis)


@log_softmax.defined_as
def _(x: Any, *, axis: int) -> Any:
    return x - logsumexp(x, axis=axis, keepdims=True)


# d log Σ e^z = <softmax(z), dz>
@op(
    forward=exact.logsumexp,
    rules=(
        lambda g, out, x, *, axis, keepdims, saved: portion(spread(g, x, axis, keepdims), saved),
    ),
    tex=r"\operatorname{{logsumexp}}({0})",
)
def logsumexp(x: Any, *, axis: int = -1, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials: a smooth maximum.

    -inf for no entries or where all are -inf.

    >>> tg.logsumexp(tg.Tensor([1000.0, 1000.0]))
    Tensor(1000.69314718)
    """


@logsumexp.saves
def _(x: Any, *, axis: int, keepdims: bool) -> Any:
    return softmax(x, axis=axis)


@logsumexp.defined_as
def _(x: Any, *, axis: int, keepdims: bool) -> Any:
    return log(sum(exp(x), axis=axis, keepdims=keepdims))


@op(inline=True, name="sum_to_zero")
def _sum_to_zero(gradient: Any, a: Any, *, axis: int) -> Any:
    """A gradient whose entries sum to 0, with the digits that the likeliest class has lost."""
    return gradient if a.max(initial=0) <= 1 - SURE else balanced(gradient, a, axis)


@_sum_to_zero.defined_as
def _(gradient: Any, a: Any, *, axis: int) -> Any:
    return gradient
