"""Early stopping (A19, hard case 43)."""

import numpy as np
import pytest

from tests.train.problems import iris, network, rng, same, sgd
from tinygrad_edu import nn, train
from tinygrad_edu.train.stopping import Best, EarlyStopping

NAN = float("nan")


def run(losses, **options):
    """Feed losses until patience runs out: (epochs used, best epoch, restored weight)."""
    model = nn.Linear(1, 1, bias=False, rng=rng())
    best = Best(model, EarlyStopping(**options))
    used = 0
    for epoch, loss in enumerate(losses, 1):
        model.W.data = np.array([[float(epoch)]])  # the weight tells the epoch
        best.watch(epoch, loss)
        used = epoch
        if best.exhausted:
            break
    best.restore()
    return used, best.epoch, model.W.data.item()


def test_ctrl_c_while_the_best_weights_are_copied_keeps_those_before(monkeypatch):
    model = nn.Linear(1, 1, bias=False, rng=rng())
    best = Best(model, None)
    best.watch(1, 2.0)
    kept = model.state_dict()

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "state_dict", interrupted, raising=False)
    with pytest.raises(KeyboardInterrupt):
        best.watch(2, 1.0)
    assert best.epoch == 1
    model.W.data = model.W.data + 1
    best.restore()
    monkeypatch.undo()
    assert same(model.state_dict(), kept)


@pytest.mark.parametrize(
    ("losses", "options", "expected"),
    [
        ([5, 4, 3, 4, 5, 6, 1], {"patience": 2}, (5, 3, 3)),
        ([5, 4, 3, 4, 5, 1, 6], {"patience": 3}, (7, 6, 6)),
        ([5, 4, 5, 1], {"patience": 0}, (3, 2, 2)),  # the first that does not improve ends it
        ([5, 4, 5, 1], {"patience": 1}, (3, 2, 2)),
        ([5, 5, 5], {"patience": 2}, (3, 1, 1)),  # a tie is no improvement
        ([5, NAN, 4, NAN, NAN, 3], {"patience": 2}, (5, 3, 3)),  # NaN never is one
        ([NAN, 5, 4], {"patience": 2}, (3, 3, 3)),  # but what comes after the first NaN is
        ([NAN, NAN, NAN], {"patience": 2}, (2, None, 2)),  # nothing to go back to
        ([5, 4, 3, 4], {"patience": 9}, (4, 3, 3)),  # patience never ran out
        (
            [5.0, 4.95, 4.85, 4.8],
            {"patience": 9, "min_delta": 0.1},
            (4, 4, 4),
        ),  # the lowest is best
        ([5.0, 4.9, 4.9], {"patience": 2, "min_delta": 0.2}, (3, 2, 2)),
        ([5.0, 4.9, 4.7, 4.6], {"patience": 2, "min_delta": 0.2}, (4, 4, 4)),  # 5 - 4.7 counts
        ([float("inf"), 4.0], {"patience": 1}, (1, None, 1)),
    ],
)
def test_case_43(losses, options, expected):
    assert run(losses, **options) == expected


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"patience": -1}, "patience = -1"),
        ({"patience": 1.5}, "patience is a float"),
        ({"patience": 1, "min_delta": -0.1}, "min_delta = -0.1"),
        ({"patience": 1, "min_delta": NAN}, "min_delta = nan"),
    ],
)
def test_refused(options, complaint):
    with pytest.raises((ValueError, TypeError), match=complaint):
        EarlyStopping(**options)


def overfitting(model, **options):
    """A large rate on few examples: the validation loss turns up."""
    data, held = iris()
    few = (data.features[:12], data.labels[:12])
    return train.fit(
        model,
        few,
        optimizer=sgd(model, 0.5),
        epochs=60,
        batch_size=12,
        rng=rng(),
        validation=held,
        **options,
    )


@pytest.mark.parametrize("restore", [True, False])
def test_a19_it_ends_where_the_curve_turns_up_and_keeps_the_best_weights(restore):
    model = network()
    rule = train.EarlyStopping(patience=4, restore_best=restore)
    history = overfitting(model, early_stopping=rule)
    assert history.ended == "early stopping"
    assert history.best_epoch == 1 + int(np.argmin(history.validation_loss))
    assert len(history) == history.best_epoch + 4 < 60
    assert history.restored == restore
    measured = train.evaluate(model, iris()[1])["loss"]
    assert measured == history.validation_loss[history.best_epoch - 1 if restore else -1]
    assert "early stopping" in history.table()


def test_the_best_weights_come_back_even_if_patience_never_ran_out():
    model, free = network(), network()
    history = overfitting(model, early_stopping=train.EarlyStopping(patience=60))
    whole = overfitting(free)
    assert (len(history), history.ended) == (60, "all epochs")
    assert history.restored
    assert not whole.restored
    assert whole.validation_loss.tolist() == history.validation_loss.tolist()
    assert history.best_epoch == whole.best_epoch < 60
    assert not same(model.state_dict(), free.state_dict())


def test_one_rule_serves_two_trainings():
    rule = train.EarlyStopping(patience=4)
    first, second = (overfitting(network(), early_stopping=rule) for _ in range(2))
    assert first.loss.tolist() == second.loss.tolist()
