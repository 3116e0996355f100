"""The vendored Iris against scikit-learn's copy, and against what is documented about it."""

from importlib.resources import files

import numpy as np
import pytest

from tinygrad_edu.data import load_iris


def test_values_are_those_of_scikit_learn(scikit):
    ours, theirs = load_iris(), scikit.datasets.load_iris()
    np.testing.assert_array_equal(ours.features, theirs.data)
    np.testing.assert_array_equal(ours.labels, theirs.target)
    assert list(ours.feature_names) == theirs.feature_names
    assert list(ours.class_names) == theirs.target_names.tolist()


def test_the_two_rows_in_which_uci_differs_are_fishers():
    features = load_iris().features
    assert features[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert features[37].tolist() == [4.9, 3.6, 1.4, 0.1]


def test_setosa_is_class_0():
    iris = load_iris()
    assert iris.class_names == ("setosa", "versicolor", "virginica")
    assert np.bincount(iris.labels).tolist() == [50, 50, 50]
    assert set(iris.labels[:50].tolist()) == {0}


def test_dtypes_and_shapes():
    iris = load_iris()
    assert (iris.features.dtype, iris.features.shape) == (np.float64, (150, 4))
    assert (iris.labels.dtype, iris.labels.shape) == (np.int64, (150,))


def test_nobody_can_change_it_for_somebody_else():
    iris = load_iris()
    with pytest.raises(ValueError, match="read-only"):
        iris.features[0, 0] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        iris.labels[0] = 2
    with pytest.raises(AttributeError):
        iris.labels = None


def test_source_and_licence_stand_beside_it():
    sources = files("tinygrad_edu.data").joinpath("SOURCES.md").read_text(encoding="utf-8")
    assert "10.24432/C56C76" in sources
    assert "CC BY 4.0" in sources
