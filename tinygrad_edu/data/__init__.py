"""Data sets and their preparation (sources and licences: ``SOURCES.md``)."""

from typing import TYPE_CHECKING, Any

from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.data.fashion import load_fashion_mnist
from tinygrad_edu.data.iris import load_iris
from tinygrad_edu.data.preparation import split, standardize
from tinygrad_edu.data.scikit import load_breast_cancer, load_digits, load_wine
from tinygrad_edu.elsewhere import lacks
from tinygrad_edu.ops.targets import one_hot

if not TYPE_CHECKING:  # which would believe that every name is there

    def __getattr__(name: str) -> Any:
        raise lacks(__name__, name, __all__)


__all__ = [
    "DataSet",
    "load_breast_cancer",
    "load_digits",
    "load_fashion_mnist",
    "load_iris",
    "load_wine",
    "one_hot",
    "split",
    "standardize",
]
