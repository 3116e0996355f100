"""Dropout: a random mask, drawn from a Generator that the caller hands in."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op, operand

__all__ = ["dropout"]


@op(
    name="dropout",
    elementwise=True,
    text="dropout({0})",
    tex=r"\operatorname{{dropout}}({0})",
)
def _dropout(x: Any, mask: Any, p: Any) -> Any:
    """x · mask/(1 - p), and 0 where nothing is kept."""
    return (x * mask) * (1 / (1 - p) if p < 1 else 0)


@_dropout.rule(0)
def _(g: Any, out: Any, x: Any, mask: Any, p: Any) -> Any:
    return _dropout(g, mask, p)


@_dropout.defined_as
def _(x: Any, mask: Any, p: Any) -> Any:
    return x * mask / (1 - p) if p < 1 else x * mask * 0


@Composed
def dropout(x: Any, p: Any, rng: Any, training: bool = True) -> Any:
    """Set each entry to zero with probability p, and scale the others by 1/(1 - p).

    So the expectation is x (Srivastava et al. 2014, there scaled at inference instead); the
    gradient passes by the mask of the forward pass.

    >>> import numpy as np
    >>> tg.dropout(tg.Tensor([1.0, 2.0, 3.0, 4.0]), 0.5, np.random.default_rng(0))
    Tensor([2., 0., 0., 0.])
    """
    try:
        rate = float(p)
    except (TypeError, ValueError):
        kind = type(p).__name__
        raise TypeError(
            f"dropout: p is a {kind}, and a probability is expected; write dropout(x, 0.2, rng)"
        ) from None
    if not 0 <= rate <= 1:
        raise ValueError(f"dropout: p = {rate:g} is no probability; choose 0 ≤ p ≤ 1")
    x = operand(x, "dropout")
    if not training or rate == 0:
        return x
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        rng = np.random.default_rng(rng)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"dropout: rng is a {type(rng).__name__}; pass numpy.random.default_rng(seed), so "
            "that the mask can be drawn again"
        )
    return _dropout(x, rng.random(x.shape) >= rate, p)
