"""D12, as an experiment."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinygrad_edu.experiments import paraboloid


@pytest.fixture(scope="module")
def found():
    return paraboloid.run(dimensions=(2, 4, 8), condition=20.0, seeds=1)


def test_d12_n_steps_in_n_dimensions(found):
    for n, case in found.cases.items():
        assert case.conjugate.steps == n
        assert case.error < 1e-10
        assert_allclose(case.conjugate.x, np.linalg.solve(case.A, case.b), rtol=1e-8)


def test_steepest_descent_needs_many_more(found):
    for n, case in found.cases.items():
        assert len(case.steepest) - 1 > 10 * n
        assert_allclose(case.steepest[-1], case.minimum, atol=1e-8)
        moves = np.diff(case.steepest, axis=0)
        assert np.abs(np.sum(moves[1:10] * moves[:9], axis=1)).max() < 1e-12  # at right angles


def test_the_table_and_the_figure(found, tmp_path):
    (last,) = (line.split() for line in found.table().splitlines() if line.startswith("8"))
    assert (last[0], last[2]) == ("8", "8.0")
    assert found.save(tmp_path / "a.svg").stat().st_size > 10_000


def test_options_out_of_range():
    for options, said in (
        ({"dimensions": (1, 2)}, r"dimensions = \[1, 2\]"),
        ({"dimensions": ()}, r"dimensions = \[\]"),
        ({"condition": 0.5}, "condition = 0.5; choose a finite one, at least 1"),
        ({"condition": np.nan}, "condition = nan"),
        ({"tolerance": 0.0}, "tolerance = 0"),
    ):
        with pytest.raises(ValueError, match=said):
            paraboloid.run(**options)
