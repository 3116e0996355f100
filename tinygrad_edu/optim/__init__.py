"""Optimisers: what turns gradients into steps.

>>> import tinygrad_edu as tg
>>> from tinygrad_edu import optim
>>> w = tg.Tensor([3.0, -4.0], name="w")
>>> adam = optim.Adam([w], lr=optim.CosineDecay(0.5, steps=100))
>>> for _ in range(100):
...     adam.step([tg.gradients((w**2).sum(), w)])
>>> tg.norm(w).item() < 0.01
True
"""

from typing import TYPE_CHECKING, Any

from tinygrad_edu.elsewhere import lacks
from tinygrad_edu.optim.clipping import clip_by_norm, clip_by_value
from tinygrad_edu.optim.conjugate import conjugate_gradients
from tinygrad_edu.optim.first_order import SGD, Adam, AdamW, RMSProp, make_optimizer
from tinygrad_edu.optim.natural import fisher_product, natural_gradient
from tinygrad_edu.optim.newton import newton, newton_cg
from tinygrad_edu.optim.optimizer import Optimizer
from tinygrad_edu.optim.schedules import (
    Chain,
    Constant,
    CosineDecay,
    ExponentialDecay,
    Schedule,
    StepDecay,
    WarmUp,
    make_schedule,
)
from tinygrad_edu.optim.solution import Solution

if not TYPE_CHECKING:  # which would believe that every name is there

    def __getattr__(name: str) -> Any:
        raise lacks(__name__, name, __all__)


__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Chain",
    "Constant",
    "CosineDecay",
    "ExponentialDecay",
    "Optimizer",
    "RMSProp",
    "Schedule",
    "Solution",
    "StepDecay",
    "WarmUp",
    "clip_by_norm",
    "clip_by_value",
    "conjugate_gradients",
    "fisher_product",
    "make_optimizer",
    "make_schedule",
    "natural_gradient",
    "newton",
    "newton_cg",
]
