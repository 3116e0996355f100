"""The form in which every data set is returned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["DataSet"]


@dataclass(frozen=True, eq=False)
class DataSet:
    """Features and class labels of examples; its arrays are read-only.

    Attributes
    ----------
    features : ndarray of float64 or float32, shape (N, D)
        One row per example. Images are rows too: ``features.reshape(-1, 28, 28)`` shows them.
    labels : ndarray of int64, shape (N,)
        The class of each example, as an index into `class_names`.
    feature_names : tuple of str
        One name for each column of `features`.
    class_names : tuple of str
        One name for each class.

    Examples
    --------
    >>> from tinygrad_edu.data import load_iris
    >>> load_iris()
    DataSet(150 examples, 4 features, 3 classes)
    """

    features: NDArray[Any]
    labels: NDArray[Any]
    feature_names: tuple[str, ...]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        self.features.flags.writeable = False
        self.labels.flags.writeable = False

    def __len__(self) -> int:
        return len(self.features)

    def __repr__(self) -> str:
        return (
            f"DataSet({len(self)} examples, {self.features.shape[1]} features, "
            f"{len(self.class_names)} classes)"
        )
