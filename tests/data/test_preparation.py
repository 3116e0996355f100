"""Splitting and standardising."""

import numpy as np
import pytest

from tinygrad_edu.data import DataSet, load_iris, one_hot, split, standardize


def rng(seed=0):
    return np.random.default_rng(seed)


def numbered(labels):
    """Examples whose only feature is their number."""
    return np.arange(len(labels), dtype=float)[:, None], np.asarray(labels)


@pytest.mark.parametrize("stratified", [True, False])
def test_every_example_goes_to_one_part(stratified):
    features, labels = numbered(rng().integers(3, size=101))
    parts = split((features, labels), 0.2, 0.3, rng=rng(), stratified=stratified)
    assert [len(x) for x, _ in parts] == [51, 20, 30]
    everyone = np.concatenate([x[:, 0] for x, _ in parts])
    assert sorted(everyone.tolist()) == list(range(101))
    for x, y in parts:
        np.testing.assert_array_equal(y, labels[x[:, 0].astype(int)])  # rows stay together


@pytest.mark.parametrize("seed", range(20))
def test_each_class_keeps_its_share_up_to_one_example(seed):
    labels = rng(seed).permutation(np.repeat([0, 1, 2], [70, 23, 8]))
    train, test = split(numbered(labels), 0.25, rng=rng(seed))
    expected = 0.25 * np.array([70, 23, 8])
    assert np.abs(np.bincount(test[1], minlength=3) - expected).max() < 1
    assert len(test[0]) == 25
    assert len(train[0]) == 76


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    train, test = split(load_iris(), 0.2, rng=rng(3))
    again, _ = split(load_iris(), 0.2, rng=rng(3))
    other, _ = split(load_iris(), 0.2, rng=rng(4))
    assert isinstance(test, DataSet)
    np.testing.assert_array_equal(train.features, again.features)
    assert not np.array_equal(train.features, other.features)
    assert np.any(np.diff(train.labels) < 0)  # not ordered by class


def test_every_example_is_as_likely_as_any_other_to_be_put_aside():
    chosen = np.zeros(10)
    labels = np.repeat([0, 1], [6, 4])
    for seed in range(2000):
        chosen[split(numbered(labels), 0.3, rng=rng(seed))[1][0][:, 0].astype(int)] += 1
    assert np.abs(chosen / 2000 - 0.3).max() < 0.05  # five standard deviations


@pytest.mark.parametrize(
    ("data", "shares", "options", "complaint"),
    [
        (numbered([0, 1] * 5), (), {}, "shares (none)"),
        (numbered([0, 1] * 5), (1.0,), {}, "shares 1.0"),
        (numbered([0, 1] * 5), (-0.1,), {}, "shares -0.1"),
        (numbered([0, 1] * 5), (0.5, 0.5), {}, "sum below 1"),
        (numbered([0, 1] * 5), (float("nan"),), {}, "shares nan"),
        (numbered([0, 1]), (0.1,), {}, "2 examples give parts of 2, 0"),
        (numbered([0, 0, 0, 1]), (0.5,), {}, "class 1 has 1 example(s)"),
        (numbered([0.0, 1.0, 2.0, 3.0]), (0.5,), {}, "pass stratified=False"),
        ((np.ones((3, 1)), np.ones(4)), (0.5,), {}, "one row per example"),
        (np.ones((3, 1)), (0.5,), {}, "a pair (features, targets)"),
        (numbered([0, 1] * 5), (0.5,), {"rng": 3}, "rng is an int"),
    ],
)
def test_split_refuses(data, shares, options, complaint):
    with pytest.raises((ValueError, TypeError)) as raised:
        split(data, *shares, **{"rng": rng(), **options})
    assert complaint in str(raised.value)


def test_standardize_measures_on_the_training_data_alone():
    train, test = rng().normal(3, 5, (50, 4)), rng(1).normal(0, 1, (20, 4))
    scaled, other = standardize(train, test)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(scaled.std(axis=0), 1)
    np.testing.assert_allclose(other, (test - train.mean(axis=0)) / train.std(axis=0))
    np.testing.assert_array_equal(standardize(train), scaled)


def test_a_constant_feature_becomes_zero_and_nothing_is_divided_by_zero():
    train = np.full((7, 2), 0.1)  # the mean of seven 0.1 is not 0.1
    train[:, 1] = np.arange(7)
    scaled, other = standardize(train, np.array([[0.6, 3.0]]))
    assert scaled[:, 0].tolist() == [0.0] * 7
    assert other.tolist() == [[0.5, 0.0]]


def test_standardize_keeps_the_form_and_the_dtype():
    iris = load_iris()
    scaled = standardize(iris)
    assert isinstance(scaled, DataSet)
    assert scaled.class_names == iris.class_names
    assert standardize(np.ones((3, 2), np.float32)).dtype == np.float32
    assert standardize(np.array([[1], [3]])).tolist() == [[-1.0], [1.0]]
    pictures = standardize(rng().normal(size=(5, 3, 3)))
    assert pictures.shape == (5, 3, 3)


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ([np.empty((0, 3))], "empty"),
        ([np.array([[1.0, np.nan]])], "the feature at (0, 1) is nan"),
        ([np.ones((2, 2)), np.array([[np.inf, 1.0]])], "the feature at (0, 0) is inf"),
        ([np.ones((2, 3)), np.ones((2, 4))], "shape (4,) per example beside training data with (3"),
        ([np.array(["a"])], "real numbers"),
    ],
)
def test_standardize_refuses(arrays, complaint):
    with pytest.raises(ValueError, match="standardize") as raised:
        standardize(*arrays)
    assert complaint in str(raised.value)


def test_the_lecture_writes_setosa_as_010_and_the_labels_as_class_0():
    iris = load_iris()
    assert one_hot(iris.labels[:1], classes=3).tolist() == [[1, 0, 0]]
    assert one_hot(iris.labels[:1], classes=3)[:, [1, 0, 2]].tolist() == [[0, 1, 0]]
