"""D9 and D10: one λ, read as a penalty, as decay and as a prior."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinygrad_edu.experiments import decay
from tinygrad_edu.experiments.decay import READINGS


@pytest.fixture(scope="module")
def found():
    return decay.run()


def test_D9_D10_under_sgd_the_three_are_one(found):
    assert_allclose(found.noise**2 / found.prior**2, found.decay, rtol=1e-14)
    penalty, decayed, prior = (found.paths["SGD"][reading] for reading in READINGS)
    assert np.ptp(penalty, axis=0).min() > 0.5  # it moved
    assert_allclose(decayed, penalty, rtol=0, atol=1e-14)
    assert_allclose(prior, penalty, rtol=0, atol=1e-14)


def test_D9_under_adam_decay_is_something_else(found):
    penalty, decayed, prior = (found.paths["Adam"][reading] for reading in READINGS)
    assert_allclose(prior, penalty, rtol=0, atol=1e-12)
    assert np.abs(decayed - penalty).max() > 0.5
    assert found.differences["Adam"][READINGS[1]] == np.abs(decayed - penalty).max()


def test_D10_penalty_and_prior_end_where_their_loss_is_lowest(found):
    for optimiser in ("SGD", "Adam"):
        for reading in (READINGS[0], READINGS[2]):
            assert_allclose(found.paths[optimiser][reading][-1], found.minimum, atol=1e-3)
    assert np.abs(found.paths["Adam"][READINGS[1]][-1] - found.minimum).max() > 0.3


def test_a_step_by_hand():
    """Two steps of w ← w − η(g + λw), written out."""
    found = decay.run(decay=0.5, steps=2, rate=0.1, examples=3, seed=4)
    rng = np.random.default_rng(4)
    X = np.stack([np.ones(3), rng.uniform(-1, 1, 3)], axis=1)
    t = X @ [1.0, -2.0] + rng.normal(0, 0.3, 3)
    w = np.zeros(2)
    for _ in range(2):
        w = w - 0.1 * (X.T @ (X @ w - t) + 0.5 * w)
    assert_allclose(found.paths["SGD"][READINGS[0]][-1], w, rtol=1e-14)


def test_a_decay_of_adams_by_hand():
    """Two steps of w ← (1 − ηλ)w − ηm̂/(√v̂ + ε), in which λ is no part of the gradient."""
    found = decay.run(decay=0.5, steps=2, rate=0.1, examples=3, seed=4)
    rng = np.random.default_rng(4)
    X = np.stack([np.ones(3), rng.uniform(-1, 1, 3)], axis=1)
    t = X @ [1.0, -2.0] + rng.normal(0, 0.3, 3)
    w, m, v = np.zeros((3, 2))
    for step in (1, 2):
        g = X.T @ (X @ w - t)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        ahead = (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
        w = (1 - 0.5 * 0.5) * w - 0.5 * ahead
    assert_allclose(found.paths["Adam"][READINGS[1]][-1], w, rtol=1e-13)


def test_the_table_and_the_figure(found, tmp_path):
    assert "λ = 2; σ = 0.707107, σ₀ = 0.5" in found.table()
    assert found.table().count("prior λ = σ²/σ₀²") == 2
    assert found.save(tmp_path / "a.svg").stat().st_size > 10_000


@pytest.mark.parametrize("option", ["decay", "steps", "rate", "examples"])
def test_options_out_of_range(option):
    with pytest.raises(ValueError, match=f"decay: {option} is 0; choose {option} > 0"):
        decay.run(**{option: 0})
