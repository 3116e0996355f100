"""D10, as an experiment."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinygrad_edu.experiments import posterior


@pytest.fixture(scope="module")
def found():
    return posterior.run(degree=4, examples=9, noise=0.3, prior=1.5)


def test_d10_the_minimum_is_the_closed_form_posterior_mean(found):
    X = found.x[:, None] ** np.arange(5)
    # Completing the square in w: precision of the data plus precision of the prior.
    precision = X.T @ X / 0.3**2 + np.eye(5) / 1.5**2
    mean = np.linalg.solve(precision, X.T @ found.t / 0.3**2)
    assert len(found.estimates) == 3
    for w in found.estimates.values():
        assert_allclose(w, mean, rtol=0, atol=1e-8)
    assert max(found.errors.values()) < 1e-8
    assert_allclose(found.decay, 0.3**2 / 1.5**2)
    assert_allclose(found.covariance, np.linalg.inv(precision))
    assert_allclose(found.curvature, precision)


def test_another_decay_has_another_minimum(found):
    wider = posterior.run(degree=4, examples=9, noise=0.3, prior=3.0)
    assert np.abs(wider.estimates["decay, Newton–CG"] - found.mean).max() > 1e-2


def test_a_narrow_prior_pulls_to_the_origin(found):
    lengths = np.linalg.norm(found.shrunk, axis=1)
    assert (np.diff(lengths) > 0).all()
    assert lengths[0] < 0.05 * lengths[-1]
    assert_allclose(found.shrunk[20], found.mean)


def test_the_table_and_the_figure(found, tmp_path):
    assert "λ = σ²/σ₀² = 0.04" in found.table()
    assert f"{found.mean[1]:.8f}" in found.table()
    assert found.save(tmp_path / "a.svg").stat().st_size > 10_000


def test_options_out_of_range():
    for options, said in (
        ({"examples": 0}, "0 examples and degree 5"),
        ({"degree": -1}, "degree -1"),
        ({"noise": 0.0}, "noise = 0; choose noise > 0"),
        ({"prior": np.nan}, "prior = nan"),
    ):
        with pytest.raises(ValueError, match=said):
            posterior.run(**options)
