"""The data sets of scikit-learn in our form."""

import sys
from importlib.resources import files

import numpy as np
import pytest

from tinygrad_edu import data

NAMES = ("load_digits", "load_wine", "load_breast_cancer")


@pytest.mark.parametrize("name", NAMES)
def test_values_and_names(name, scikit):
    ours, theirs = getattr(data, name)(), getattr(scikit.datasets, name)()
    np.testing.assert_array_equal(ours.features, theirs.data)
    np.testing.assert_array_equal(ours.labels, theirs.target)
    assert (ours.features.dtype, ours.labels.dtype) == (np.float64, np.int64)
    assert list(ours.feature_names) == list(theirs.feature_names)
    assert list(ours.class_names) == [str(each) for each in theirs.target_names]
    assert not ours.features.flags.writeable


@pytest.mark.parametrize("name", NAMES)
def test_without_scikit_learn_a_sentence(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r'pip install "tinygrad_edu\[data\]"'):
        getattr(data, name)()


def test_every_data_set_says_where_it_comes_from():
    text = files("tinygrad_edu.data").joinpath("SOURCES.md").read_text(encoding="utf-8")
    for word in ("Iris", "Fashion-MNIST", "digits", "wine", "breast cancer", "MIT", "CC BY 4.0"):
        assert word in text
