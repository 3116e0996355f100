"""D13, with its numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinygrad_edu.experiments import natural_gradient


@pytest.fixture(scope="module")
def found():
    return natural_gradient.run(steps=4, halvings=4)


def test_d13_one_step_in_p_and_in_the_logit(found):
    assert_allclose(found.natural["p"][1], 0.62, rtol=1e-12)
    assert_allclose(found.natural["logit"][1], 1 / (1 + np.exp(-0.48)), rtol=1e-12)
    assert round(found.natural["logit"][1], 4) == 0.6177


def test_d13_linear_changes_leave_every_step_as_it_is(found):
    for one, other in (("p", "3p + 1"), ("logit", "2·logit − 1")):
        assert_allclose(found.natural[one], found.natural[other], rtol=1e-12)
        assert not np.allclose(found.plain[one], found.plain[other], rtol=0.01)


def test_d13_any_change_does_in_the_limit_of_small_steps(found):
    shrink = found.gaps[1:] / found.gaps[:-1]
    assert (np.abs(shrink - 0.5) < 0.05).all()  # the gap is proportional to the rate
    assert abs(shrink[-1] - 0.5) < abs(shrink[0] - 0.5)


def test_plain_gradients_may_leave_the_probabilities(found):
    assert np.isnan(found.plain["p"][-1])
    assert "leaves (0, 1)" in found.table()


def test_probabilities_are_checked():
    for options, said in (({"p": 1.0}, "p = 1"), ({"mean": -0.1}, "mean = -0.1")):
        with pytest.raises(ValueError, match=said):
            natural_gradient.run(**options)
    with pytest.raises(ValueError, match=r"a probability is 1\.3"):
        natural_gradient.run(rate=2.0)
