"""D14, as an experiment."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.experiments import optimizers


@pytest.fixture(scope="module")
def found():
    return optimizers.run(steps=100, rates=(0.1, 0.3))


def test_d14_all_six_on_one_problem(found):
    assert list(found.runs) == [
        "gradient descent",
        "momentum 0.9",
        "Adam",
        "Newton",
        "Newton–CG",
        "natural gradient",
    ]
    start = np.log(3) + np.zeros(6)  # all weights are 0
    assert_allclose([run.losses[0] for run in found.runs.values()], start)


def test_d14_adam_gives_much_of_the_benefit_cheaply(found):
    gap = {name: run.losses - found.lowest for name, run in found.runs.items()}
    assert gap["Adam"][-1] < 0.05 * gap["gradient descent"][-1]
    assert found.runs["Adam"].cost[-1] == 101  # one gradient for each point
    for name in ("Newton", "Newton–CG", "natural gradient"):
        steps, cost = len(gap[name]) - 1, found.runs[name].cost[-1]
        assert gap[name][-1] < 1e-12
        assert steps < 10 < cost


def test_the_lowest_loss_is_the_lowest(found):
    problem = optimizers._softmax_regression(0.01)
    rng = np.random.default_rng(0)
    ends = tg.Tensor(rng.normal(size=(4, 3))), tg.Tensor(rng.normal(size=3))
    assert problem.loss(ends).item() > found.lowest
    assert all((run.losses >= found.lowest).all() for run in found.runs.values())


def test_the_fisher_matrix_of_a_softmax_regression_is_the_hessian(found):
    natural, newton = found.runs["natural gradient"].losses, found.runs["Newton"].losses
    assert_allclose(natural[:6], newton[:6], rtol=1e-9)


def test_the_best_rate_is_kept():
    both = optimizers.run(steps=30, rates=(0.001, 0.1))
    for name in optimizers.FIRST_ORDER:
        assert both.runs[name].rate == 0.1


def test_when_a_run_is_near_for_good():
    run = optimizers.Run(None, np.array([3.0, 1.05, 2.0, 1.05, 1.0]), np.arange(5), 0.0)
    assert run.to_within(0.1, 1.0) == 3
    assert run.to_within(5.0, 1.0) == 0
    assert run.to_within(0.01, 0.5) is None
    assert run._replace(losses=np.array([1.0, np.nan])).to_within(0.1, 1.0) is None


def test_the_table_and_the_figure(found, tmp_path):
    lines = {line[:16].strip(): line[16:].split() for line in found.table().splitlines()}
    assert lines["gradient descent"][1:5] == ["-", "-", "-", "-"]
    assert lines["Newton"][:2] == ["-", str(found.runs["Newton"].to_within(1e-2, found.lowest))]
    assert found.save(tmp_path / "a.svg").stat().st_size > 10_000


def test_options_out_of_range():
    for options, said in (
        ({"decay": 0.0}, "decay = 0; choose decay > 0"),
        ({"rates": ()}, "at least one rate"),
        ({"steps": 0}, "one step"),
        ({"rates": (-0.1,)}, "lr = -0.1"),
    ):
        with pytest.raises(ValueError, match=said):
            optimizers.run(**options)
