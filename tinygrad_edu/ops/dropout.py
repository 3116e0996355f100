"""Dropout: a random mask, drawn from a Generator that the caller hands in."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.settings import generator, probability

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
    rate = probability("dropout: p", p)
    x = operand(x, "dropout")
    if not training or rate == 0:
        return x
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        rng = np.random.default_rng(rng)
    draws = generator("dropout", rng)
    return _dropout(x, draws.random(x.shape) >= rate, p)
