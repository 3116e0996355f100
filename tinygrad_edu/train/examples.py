"""Data as `fit` takes them, looked at as a whole before anything is trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.node import Node
from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.settings import unlike

__all__ = ["Examples"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Examples:
    """Features and targets, one row of each per example."""

    features: Array
    targets: Array

    def __len__(self) -> int:
        return len(self.features)

    def first(self, n: int) -> Examples:
        """Return the first few."""
        return Examples(self.features[:n], self.targets[:n])

    @classmethod
    def read(cls, data: Any, what: str) -> Examples:
        """Take a DataSet or a pair (features, targets); `what` names it in complaints."""
        if isinstance(data, DataSet):
            return cls._checked(data.features, data.labels, what)
        if not isinstance(data, tuple | list) or len(data) != 2:
            raise unlike(what, data, "pass a DataSet or a pair (features, targets)")
        return cls._checked(data[0], data[1], what)

    @classmethod
    def _checked(cls, features: Any, targets: Any, what: str) -> Examples:
        arrays = []
        for role, values in (("features", features), ("targets", targets)):
            if isinstance(values, Node):
                raise TypeError(
                    f"{what}: the {role} are a {type(values).__name__}, and data are constants; "
                    "pass the array, .data"
                )
            array = _numbers(values, f"{what}: the {role}")
            arrays.append(array)
            if array.ndim == 0:
                raise ValueError(f"{what}: the {role} are one number; pass one row per example")
        lengths = [len(array) for array in arrays]
        if lengths[0] != lengths[1]:
            raise ValueError(
                f"{what}: {lengths[0]} rows of features and {lengths[1]} targets; "
                "each example has one of both"
            )
        if not lengths[0]:
            raise ValueError(f"{what}: there are no examples")
        for role, array in zip(("features", "targets"), arrays, strict=True):
            _refuse_nonfinite(array, f"{what}: the {role}")
        return cls(arrays[0], arrays[1])


def _numbers(values: Any, what: str) -> Array:
    """Return an array of what may be one, such as a table whose columns hold numbers."""
    array: Array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            words = sorted({each for each in array.flat if isinstance(each, str)})
            array = array if not words else np.array(words)
    if array.dtype.kind in "US":
        raise TypeError(
            f"{what} hold words, such as {str(array.flat[0])!r}; number them: classes, y = "
            "np.unique(words, return_inverse=True)"
        )
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} hold {array.dtype}; pass real numbers")
    return array


def _refuse_nonfinite(array: Array, what: str) -> None:
    if array.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum()  # costs no memory, and shows NaN and infinity
    if np.isfinite(total):
        return
    bad = ~np.isfinite(array)
    if bad.any():  # and not only a sum that is too large
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{what} hold {array[at]} at {at}; remove that example, or replace what is missing"
        )
