"""Quotients and products with the limits that 0/0 and 0 log 0 have; exact to a rounding or two."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["portion", "quotient", "xdivy", "xlogy"]


def portion(g: Any, share: Any) -> Any:
    """g times a share, and 0 where g is 0, even of a share that has no limit."""
    product = g * share
    return np.where(np.equal(g, 0), g, product) if np.isnan(product).any() else product


def xdivy(x: Any, y: Any) -> Any:
    """x/y, and 0 where both are 0."""
    return x / np.where((np.equal(x, 0)) & (np.equal(y, 0)), 1, y)


def quotient(x: Any, y: Any) -> Any:
    """x/y, and NaN where both are 0, without a word."""
    with np.errstate(all="ignore"):
        return np.divide(x, y)


def xlogy(x: Any, y: Any) -> Any:
    """x log y, and 0 where x is 0 unless y is NaN."""
    silent = (np.equal(x, 0)) & ~np.isnan(y)
    return np.where(silent, 0, x) * np.log(np.where(silent, 1, y))
