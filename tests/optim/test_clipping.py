"""Gradients that are shortened before a step."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import optim


def test_the_joint_norm_is_limited_and_the_direction_stays():
    rng = np.random.default_rng(0)
    given = [rng.normal(size=(3, 4)), rng.normal(size=5), np.array(2.0)]
    clipped = [g.copy() for g in given]
    norm = optim.clip_by_norm(clipped, 0.5)
    whole = np.concatenate([g.ravel() for g in given])
    assert_allclose(norm, np.linalg.norm(whole))
    for before, after in zip(given, clipped, strict=True):
        assert_allclose(after, before * 0.5 / norm)


def test_short_gradients_stay():
    given = [np.array([0.3, 0.4])]
    assert optim.clip_by_norm(given, 0.5) == 0.5
    assert_array_equal(given[0], [0.3, 0.4])
    zeros = [np.zeros(3)]
    assert optim.clip_by_norm(zeros, 1.0) == 0
    assert optim.clip_by_norm([], 1.0) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("size", ["max", "tiny"])
def test_norms_of_numbers_whose_squares_leave_the_range(dtype, size):
    unit = float(getattr(np.finfo(dtype), size)) * (0.5 if size == "max" else 1)
    given = [np.array([0.75 * unit, 0], dtype), np.array([[unit]], dtype)]
    norm = optim.clip_by_norm(given, unit / 2)
    assert_allclose(norm / unit, 1.25, rtol=2e-3)
    assert given[0].dtype == dtype
    assert_allclose(given[0][0] / unit, 0.3, rtol=3e-3)


def test_entries_are_limited():
    given = [np.array([-3.0, 0.5, 3.0]), np.array(-2.0)]
    optim.clip_by_value(given, 1.0)
    assert_array_equal(given[0], [-1, 0.5, 1])
    assert_array_equal(given[1], -1)


@pytest.mark.parametrize("clip", [optim.clip_by_norm, optim.clip_by_value])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_left_to_the_step_to_name(clip, bad):
    w = tg.Tensor([1.0, 1.0], name="w")
    given = [np.array([3.0, bad])]
    clip(given, 1.0)
    assert_array_equal(given[0], [3.0, bad])
    with pytest.raises(ValueError, match="gradient of w holds"):
        optim.SGD([w], 0.1).step(given)


@pytest.mark.parametrize("clip", [optim.clip_by_norm, optim.clip_by_value])
def test_calls_that_are_refused(clip):
    frozen = np.ones(2)
    frozen.flags.writeable = False
    name = clip.__name__
    for gradients, limit, error, said in (
        ([np.ones(2)], 0.0, ValueError, "limit = 0 .* choose 0 < value"),
        ([np.ones(2)], np.nan, ValueError, "limit = nan"),
        ([np.ones(2)], "1", TypeError, "limit is a str"),
        (np.ones(2), 1.0, TypeError, "gradients is one array; pass a list"),
        ([tg.Tensor(1.0)], 1.0, TypeError, "gradients holds a Tensor"),
        ([frozen], 1.0, ValueError, "read-only"),
    ):
        with pytest.raises(error, match=f"{name}: .*{said}"):
            clip(gradients, limit)
