"""Statements about entries, and their places: no gradient passes through either."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.op import op

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "invert",
    "isfinite",
    "isinf",
    "isnan",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "signbit",
]


def _statement(forward: Any, words: str, text: str, tex: str) -> Any:
    """Declare a statement about every entry: a boolean vertex without rules."""

    def state(x: Any) -> Any: ...

    state.__name__ = forward.__name__
    state.__doc__ = f"""Say of every entry whether it {words}.

    >>> tg.{forward.__name__}(tg.Tensor([1.0, 2.0]) > 1).data.dtype
    dtype('bool')
    """
    return op(forward=forward, elementwise=True, positive="nonnegative", text=text, tex=tex)(state)


isnan = _statement(np.isnan, "is NaN", "[{0} is NaN]", r"[{0} \text{{ is NaN}}]")
isinf = _statement(np.isinf, "is infinite", "[|{0}| = ∞]", r"[|{0}| = \infty]")
isfinite = _statement(np.isfinite, "is finite", "[|{0}| < ∞]", r"[|{0}| < \infty]")
signbit = _statement(
    np.signbit, "has a minus sign", "signbit({0})", r"\operatorname{{signbit}}({0})"
)
logical_not = _statement(np.logical_not, "is 0", "[not {0}]", r"[\lnot {0}]")


def _connective(forward: Any, words: str, sign: str, tex: str) -> Any:
    """Declare a connective of two statements."""

    def connect(x: Any, y: Any) -> Any: ...

    connect.__name__ = forward.__name__
    connect.__doc__ = f"""Say entry by entry whether {words} true, that is, not 0.

    >>> x = tg.Tensor([1.0, 2.0, 3.0])
    >>> tg.{forward.__name__}(x > 1, x < 3).data.dtype
    dtype('bool')
    """
    return op(
        forward=forward,
        elementwise=True,
        positive="nonnegative",
        text=f"[{{0}} {sign} {{1}}]",
        tex=rf"[{{0}} {tex} {{1}}]",
    )(connect)


logical_and = _connective(np.logical_and, "both are", "∧", r"\land")
logical_or = _connective(np.logical_or, "one of them is", "∨", r"\lor")
logical_xor = _connective(np.logical_xor, "exactly one of them is", "⊕", r"\oplus")

# Python's & | ^ ~: of truth values the same; of whole numbers, bit by bit.
bitwise_and = _connective(np.bitwise_and, "both are", "∧", r"\land")
bitwise_or = _connective(np.bitwise_or, "one of them is", "∨", r"\lor")
bitwise_xor = _connective(np.bitwise_xor, "exactly one of them is", "⊕", r"\oplus")
invert = _statement(np.invert, "is not true", "[not {0}]", r"[\lnot {0}]")


@op(tex=r"\operatorname{{argmax}}({0})")
def argmax(x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Place of the largest entry, the first of several.

    >>> x = tg.Tensor([2.0, 1.0, 3.0])
    >>> x[tg.argmax(x)]
    Tensor(3.)
    """
    return np.argmax(x, axis=axis, keepdims=keepdims)


@op(tex=r"\operatorname{{argmin}}({0})")
def argmin(x: Any, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """Place of the smallest entry, the first of several.

    >>> x = tg.Tensor([2.0, 1.0, 3.0])
    >>> x[tg.argmin(x)]
    Tensor(1.)
    """
    return np.argmin(x, axis=axis, keepdims=keepdims)


@op(tex=r"\operatorname{{argsort}}({0})")
def argsort(x: Any, *, axis: int | None = -1) -> Any:
    """Places of the entries in ascending order; equal entries keep their order.

    >>> x = tg.Tensor([2.0, 1.0, 3.0])
    >>> x[tg.argsort(x)]
    Tensor([1., 2., 3.])
    """
    return np.argsort(x, axis=axis, kind="stable")
