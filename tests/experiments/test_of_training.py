"""What the lectures say of training, on small versions of the experiments."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.experiments.pictures import write_pictures
from tinygrad_edu.data import fashion as fashion_data
from tinygrad_edu.experiments import (
    EXPERIMENTS,
    convergence,
    curve,
    early_stopping,
    fashion,
    outliers,
    saturation,
    sparsity,
)

SMALL = {
    "curve": {"widths": (2, 20), "steps": 400, "points": 60, "rate": 0.05},
    "convergence": {"rates": (1.0, 3.0), "steps": 150},
    "early-stopping": {"epochs": 90, "patience": 10},
    "paraboloid": {"dimensions": (2, 8)},
    "saturation": {"steps": 800},
    "sparsity": {"steps": 600},
}


@pytest.mark.ci
@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name != "fashion"])
def test_what_an_experiment_says_is_so_for_seeds_that_were_not_chosen(name):
    entry = EXPERIMENTS[name]
    seeds = {"seed": 1000} if "seed" in {option.name for option in entry.options} else {}
    found = entry.run(**seeds)
    assert found.claims
    for claim, held in found.claims.items():
        assert sum(held) >= 0.9 * len(held), claim
        assert claim in found.table()


@pytest.mark.parametrize("name", SMALL)
def test_a_claim_can_be_false_and_is_told(name):
    found = EXPERIMENTS[name].run(**SMALL[name], **({} if name == "convergence" else {"seeds": 1}))
    assert found.table().count("so: ") == len(found.claims)
    assert all(isinstance(held, bool) for (held,) in found.claims.values())


def test_a1_a_wider_hidden_layer_fits_a_curve_better():
    found = curve.run(**SMALL["curve"], seeds=1)
    ((narrow, wide),) = found.errors
    assert wide < narrow / 3
    for fit in found.fits:
        assert fit.losses[-1] < fit.losses[0] / 2
    assert [fit.parameters for fit in found.fits] == [7, 61]


@pytest.fixture(scope="module")
def courses():
    return convergence.run(**SMALL["convergence"])


def test_a10_from_a_wrong_start_cross_entropy_converges_and_the_squared_error_does_not(courses):
    assert courses.best["cross-entropy", "wrong"][1] < 100
    assert courses.best["squared error", "wrong"][1] is None
    assert courses.first_gradients["cross-entropy", "wrong"] > 1
    assert courses.first_gradients["squared error", "wrong"] < 0.05


def test_a10_from_a_neutral_start_it_is_not_faster(courses):
    both = [courses.steps[loss, "zero", 1.0] for loss in convergence.LOSSES]
    assert both[1] <= both[0] < 100


def test_a10_steps_are_counted_until_the_accuracy_stays():
    course = np.array([0.2, 0.97, 0.5, 0.96, 0.99])
    assert convergence.steps_to(0.95, course) == 3
    assert convergence.steps_to(0.999, course) is None
    assert convergence.steps_to(0.1, course) == 0


@pytest.fixture(scope="module")
def sparse():
    return sparsity.run(seeds=1, steps=3000)


def test_a15_proximal_steps_end_on_exact_zeros_and_plain_ones_never(sparse):
    zeros = {name: one.zeros for name, one in sparse.found.items()}
    assert zeros.pop("ℓ1, proximal steps") > 15
    assert set(zeros.values()) == {0}
    path = sparse.found["ℓ1, plain steps"].path[-100:, 5:]
    near = np.abs(path).max(axis=0) < 0.02  # near 0, to and fro
    assert near.sum() > 10
    assert ((np.diff(np.sign(path[:, near]), axis=0) != 0).sum(0) > 5).mean() > 0.7


def test_a15_the_zeros_are_those_of_the_minimum(sparse):
    w = sparse.found["ℓ1, proximal steps"].weights
    assert_allclose(sparse.correlations[w != 0], -sparse.l1 * np.sign(w[w != 0]), atol=2e-6)
    assert (np.abs(sparse.correlations[w == 0]) <= sparse.l1).all()
    assert (w[:5] != 0).all()


def test_a15_l2_makes_weights_smaller_and_keeps_them_all(sparse):
    free, small = (sparse.found[name].weights for name in ("no penalty", "ℓ2, plain steps"))
    assert np.linalg.norm(small) < np.linalg.norm(free)
    assert (small != 0).all()


def test_a19_the_validation_loss_is_u_shaped_and_the_best_weights_come_back():
    found = early_stopping.run(epochs=90, patience=10, rate=0.003, wrong=0.15, seeds=1)
    (whole,), (stopped,) = found.whole, found.stopped
    loss = whole.history.validation_loss
    assert loss[0] > loss.min() < loss[-1] / 1.3
    assert whole.history.loss[-1] < whole.history.loss[0] / 3
    assert stopped.history.ended == "early stopping"
    assert len(stopped.history) == stopped.epoch + 10 < 90
    assert stopped.epoch == np.argmin(loss) + 1
    assert stopped.loss < whole.loss
    assert_allclose(stopped.history.loss, whole.history.loss[: len(stopped.history)], rtol=0)


def test_d6_an_outlier_has_a_bounded_squared_error_and_an_unbounded_cross_entropy():
    found = outliers.run(steps=800, seeds=1)
    squared, entropy = (
        [found.fitted[loss, situation] for situation in outliers.SITUATIONS]
        for loss in outliers.LOSSES
    )
    assert all(one.worst <= 0.5 for one in squared)
    assert entropy[1].worst > 10
    assert entropy[1].w < 0.8 * entropy[0].w  # the outlier makes the whole fit less sure
    assert_allclose(squared[1].w, squared[0].w, rtol=1e-3)  # the squared error gives up on it
    assert all(
        one.recall < before.recall for one, before in zip(entropy[2:], entropy, strict=False)
    )


def test_d9_a_spring_keeps_weights_short_and_units_unsaturated():
    found = saturation.run(decays=(0.0, 0.01), steps=1500, seeds=1).trained
    free, held = found[0.0], found[0.01]
    assert held.norms[-1] < free.norms[-1] / 2
    assert free.norms[-1] > free.norms[-300]  # still growing
    assert held.saturated < free.saturated / 1.5
    assert held.slope > free.slope
    assert held.balance < 2e-3  # the data pull as strongly as the spring


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path)


def test_a18_the_network_without_and_with_dropout_over_seeds(pictures):
    found = fashion.run(dropout=0.2, epochs=4, seeds=2, folder=pictures)
    assert [(run.dropout, run.seed) for run in found.runs] == [(0, 0), (0, 1), (0.2, 0), (0.2, 1)]
    assert (found.accuracies[0.0] > 0.9).all()
    assert [run.confusion.sum() for run in found.runs] == [100] * 4
    said = found.table()
    assert "with dropout 0.2: " in said
    assert "± is the standard deviation over 2 seeds" in said
    again = fashion.run(epochs=4, folder=pictures)
    assert again.runs[0].history.loss.tolist() == found.runs[0].history.loss.tolist()
    assert "one seed; more say how sure that is" in again.table()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"dropout": 1.5}, "fashion: dropout = 1.5"), ({"seeds": 0}, "fashion: seeds = 0")],
)
def test_a18_nonsense_is_refused_before_anything_is_read(monkeypatch, options, complaint):
    monkeypatch.setattr(fashion.data, "load_fashion_mnist", None)
    with pytest.raises(ValueError, match=complaint):
        fashion.run(**options)


def test_a18_the_layers_are_the_lectures():
    shapes = [p.shape for p in fashion.network(0.2, np.random.default_rng(0)).parameters()]
    assert shapes == [(784, 300), (300,), (300, 100), (100,), (100, 10), (10,)]


@pytest.mark.deep
@pytest.mark.skipif(
    not Path(fashion_data.DEBIAN).is_dir() and not os.environ.get("CI"),
    reason="needs Debian's dataset-fashion-mnist",
)
def test_a18_on_the_real_pictures(figures):
    found = fashion.run(dropout=0.2, epochs=10, seeds=3)
    figures += found.table().splitlines()
    assert (found.accuracies[0.0] >= 0.88).all()
