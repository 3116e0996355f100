"""Functions of an entry that keep their digits where they come near to a bound.

Each is exact to a few roundings, relative to itself, in both tails, and no input overflows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_edu.ops.kernels.rows import floating

__all__ = ["gelu", "gelu_tanh", "normal_cdf", "normal_density", "sigmoid", "softplus", "tanh_slope"]

_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)


def tanh_slope(h: Any, x: Any) -> Any:
    """1 - h² for h = tanh x, as 4/(e^x + e^-x)²: near h = ±1 the difference has no digits left."""
    decay = np.exp(-np.abs(x))  # at most 1: nothing overflows
    root = 2 * decay / (1 + decay * decay)
    return root * root


def sigmoid(x: Any) -> Any:
    """Logistic function of every entry."""
    x = floating(x)
    decay = np.exp(-np.abs(x))  # at most 1: nothing overflows
    return np.where(np.less(x, 0), decay, 1) / (1 + decay)


def normal_density(x: Any) -> Any:
    """φ(x), 0 where the square overflows."""
    with np.errstate(over="ignore"):
        return np.exp(x * x / -2) / _ROOT_TWO_PI


def normal_cdf(x: Any) -> Any:
    """Distribution function of the standard normal law, entry by entry."""
    x = floating(np.asarray(x))
    scaled = (x.astype(np.float64) * -_ROOT_HALF).ravel().tolist()  # erfc magnifies a rounding
    values = np.fromiter(map(math.erfc, scaled), np.float64, len(scaled))
    return (values / 2).reshape(x.shape).astype(x.dtype, copy=False)


def gelu(x: Any) -> Any:
    """Gaussian error linear unit."""
    return np.where(np.isneginf(x), 0, x) * normal_cdf(x)


def gelu_tanh(x: Any) -> Any:
    """x (1 + tanh(√(2/π) (x + 0.044715 x³)))/2, as x times a sigmoid, which keeps its tail."""
    with np.errstate(over="ignore"):
        bent = x + x.dtype.type(0.044715) * x**3
    return np.where(np.isneginf(x), 0, x) * sigmoid(x.dtype.type(2 * math.sqrt(2 / math.pi)) * bent)


def softplus(x: Any) -> Any:
    """Smooth rectifier of every entry."""
    x = floating(x)
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid(x)
