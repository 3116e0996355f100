"""Training in one call: what it computes, and that it does so again."""

import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.train.problems import iris, network, rng, same, sgd
from tinygrad_edu import nn, optim, train
from tinygrad_edu.train.examples import Examples
from tinygrad_edu.train.loss import BatchLoss


def fitted(model, seed=1, **options):
    data, held = iris()
    settings = {"epochs": 3, "batch_size": 16, "rng": rng(seed), "validation": held, **options}
    optimizer = settings.pop("optimizer", None) or sgd(model)
    return train.fit(model, data, settings.pop("loss", None), optimizer, **settings)


def test_it_is_the_loop_that_one_would_write():
    data, _ = iris()
    model, twin = network(), network()
    history = train.fit(
        model, data, optimizer=sgd(model), epochs=2, batch_size=32, rng=rng(5), clip=1.0
    )
    optimizer, draws, losses = sgd(twin), rng(5), []
    for _ in range(2):
        order, total = draws.permutation(120), 0.0
        for start in range(0, 120, 32):  # the last batch has 24
            rows = order[start : start + 32]
            loss = tg.softmax_cross_entropy(twin(data.features[rows]), data.labels[rows])
            found = tg.gradients(loss, twin.parameters())
            optim.clip_by_norm(found, 1.0)
            optimizer.step(found)
            total += loss.item() * len(rows)
        losses.append(total / 120)
    assert same(model.state_dict(), twin.state_dict())
    assert history.loss.tolist() == losses


def test_it_learns():
    model = network()
    history = fitted(model, epochs=30)
    assert history.loss[-1] < 0.2 < history.loss[0]
    assert history.metrics["accuracy"][-1] > 0.9
    assert history.validation_loss.shape == history.seconds.shape == (30,)


def test_the_same_seeds_give_the_same_weights_bit_for_bit_and_others_do_not():
    states = []
    for seed in (1, 1, 2):
        model = network(dropout=0.3)
        fitted(model, seed)
        states.append(model.state_dict())
    assert same(states[0], states[1])
    assert not same(states[0], states[2])


def test_penalties_of_layers_and_of_the_whole_are_added_and_not_reported():
    data, _ = iris()
    plain = nn.Sequential(nn.Linear(4, 3, rng=rng()), nn.head("multiclass", 3))
    held_back = nn.Sequential(nn.Linear(4, 3, l2=0.5, rng=rng()), nn.head("multiclass", 3))
    losses = [
        train.fit(each, data, optimizer=sgd(each), epochs=1, batch_size=120, rng=rng()).loss
        for each in (plain, held_back)
    ]
    assert losses[0] == losses[1]  # the data's part, before the only step
    other = nn.Sequential(nn.Linear(4, 3, rng=rng()), nn.head("multiclass", 3))
    train.fit(
        other,
        data,
        optimizer=sgd(other),
        epochs=1,
        batch_size=120,
        rng=rng(),
        penalty=lambda model: nn.penalty(model, l2=0.5),
    )
    assert same(other.state_dict(), held_back.state_dict())
    assert not same(other.state_dict(), plain.state_dict())


@pytest.mark.parametrize(
    ("loss", "per_example"),
    [
        (tg.mean_squared_error, lambda r: np.mean(r**2)),
        (tg.sum_squared_error, lambda r: np.sum(r**2) / 2 / len(r)),
    ],
)
def test_the_loss_is_reported_per_example_for_sums_and_means(loss, per_example):
    x, t = rng().normal(size=(10, 2)), rng(1).normal(size=(10, 1))
    model = nn.Linear(2, 1, rng=rng())
    residuals = model.predict(x) - t
    still = optim.SGD(model, lr=0.0)
    history = train.fit(model, (x, t), loss, still, epochs=1, batch_size=4, rng=rng())
    assert history.loss[0] == pytest.approx(per_example(residuals), rel=1e-12)
    measured = train.evaluate(model, (x, t), loss, metrics=())
    assert measured["loss"] == pytest.approx(history.loss[0], rel=1e-12)


@pytest.mark.parametrize(
    ("loss", "reduction"),
    [
        (tg.mean_squared_error, "mean"),
        (tg.sum_squared_error, "sum"),
        (lambda z, t: tg.max(abs(z - t)) + tg.sum((z - t) ** 2), "other"),
    ],
)
def test_how_a_loss_joins_examples_is_found_by_trying(loss, reduction):
    x, t = rng().normal(size=(10, 2)), rng(1).normal(size=(10, 1))
    prepared = BatchLoss.prepared(nn.Linear(2, 1, rng=rng()), loss, Examples(x, t))
    assert prepared.reduction == reduction


def test_some_parameters_can_be_trained_and_others_not():
    model = network()
    before = model.state_dict()
    fitted(model, optimizer=sgd({"out": model.parameters()[2]}))
    moved = {k for k, v in model.state_dict().items() if not np.array_equal(v, before[k])}
    assert len(moved) == 1


def test_dropout_is_on_in_training_and_off_in_measuring_and_modes_come_back():
    class Watching(nn.Module):
        def __init__(self):
            self.seen = []

        def forward(self, x):
            self.seen.append((self.training, len(x)))
            return x

    watch = Watching()
    model = nn.Sequential(nn.Linear(4, 3, rng=rng()), watch, nn.head("multiclass", 3))
    watch.eval()  # alone, on purpose
    fitted(model, epochs=1, batch_size=60)
    assert watch.seen[-3:] == [(True, 60), (True, 60), (False, 30)]
    assert not watch.training
    assert model.training


def test_float32_stays_float32_whatever_the_data_are():
    data, _ = iris()
    model = network(dtype=np.float32)
    whole = (10 * data.features).astype(int)
    train.fit(model, (whole, data.labels), optimizer=sgd(model, 0.01), epochs=1, rng=rng())
    assert {array.dtype for array in model.state_dict().values()} == {np.dtype(np.float32)}


def test_metrics_by_name_and_as_functions():
    def worst(predicted, targets):
        return predicted[np.arange(len(targets)), targets].min()

    model = network()
    history = fitted(model, metrics=("confusion_matrix", worst, "log_likelihood"))
    assert list(history.metrics) == ["confusion_matrix", "worst", "log_likelihood"]
    assert history.metrics["confusion_matrix"].shape == (3, 3, 3)
    assert history.metrics["confusion_matrix"][-1].sum() == 30
    _, held = iris()
    p = model.predict(held.features)[np.arange(30), held.labels]
    assert history.metrics["worst"][-1] == p.min()
    assert history.metrics["log_likelihood"][-1] == pytest.approx(np.log(p).sum())
    assert history.validation_loss[-1] == pytest.approx(-np.log(p).mean())


def test_without_validation_data_metrics_are_measured_on_the_training_data_if_asked_for():
    data, _ = iris()
    model = network()
    history = fitted(model, validation=None, metrics="accuracy")
    assert history.metrics["accuracy"][-1] == train.evaluate(model, data)["accuracy"]
    assert history.validation_loss is None
    assert fitted(model, validation=None).metrics == {}


def test_a_regression_has_no_accuracy_by_default():
    x = rng().normal(size=(40, 3))
    t = x @ np.array([[1.0], [2.0], [-1.0]]) + 0.5
    model = nn.Sequential(nn.Linear(3, 1, rng=rng()), nn.head("regression"))
    history = train.fit(
        model, (x, t), optimizer=sgd(model), epochs=40, rng=rng(), validation=(x, t)
    )
    assert history.metrics == {}
    assert history.validation_loss[-1] < 1e-3 < history.validation_loss[0]


def interrupting(model, steps):
    """An optimiser that behaves as if Ctrl-C were pressed at a certain step."""

    class Interrupted(optim.SGD):
        def step(self, gradients=None):
            if self.steps == steps:
                raise KeyboardInterrupt
            super().step(gradients)

    return Interrupted(model, lr=3.0)


def test_ctrl_c_keeps_the_history_and_goes_back_to_the_best_weights():
    model = network()
    history = fitted(model, epochs=9, optimizer=interrupting(model, 4 * 8 + 3))
    assert (len(history), history.ended) == (4, "interrupted")
    assert history.best_epoch == 1 + int(np.argmin(history.validation_loss))
    assert history.restored
    _, held = iris()
    assert train.evaluate(model, held)["loss"] == history.validation_loss.min()
    assert model.training


def test_ctrl_c_without_validation_data_keeps_the_weights_of_the_moment():
    model, twin = network(), network()
    history = fitted(model, validation=None, epochs=9, optimizer=interrupting(model, 10))
    assert (len(history), history.restored) == (1, False)
    optimizer = interrupting(twin, 10)
    again = fitted(twin, validation=None, epochs=9, optimizer=optimizer)
    assert optimizer.steps == 10
    assert same(model.state_dict(), twin.state_dict())
    assert again.loss.tolist() == history.loss.tolist()


def test_a_gradient_that_is_not_finite_ends_the_training_before_the_step():
    x, t = np.full((4, 1), 1e200), np.full((4, 1), 1e200)
    model = nn.Linear(1, 1, rng=rng())
    before = model.state_dict()
    with pytest.raises(ValueError, match="gradient of W"), np.errstate(over="ignore"):
        train.fit(
            model, (x, t), tg.mean_squared_error, sgd(model), epochs=1, batch_size=4, rng=rng()
        )
    assert same(model.state_dict(), before)
    assert model.training


class Terminal:
    def __init__(self, real):
        self.real, self.written = real, ""

    def isatty(self):
        return self.real

    def write(self, text):
        self.written += text

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("real", "tqdm", "progress", "shown"),
    [
        (True, True, True, "batch/s"),
        (False, True, True, "epoch 1/3: loss "),
        (True, False, True, "epoch 1/3: loss "),
        (True, True, False, ""),
    ],
)
def test_a_bar_on_a_terminal_and_lines_elsewhere(monkeypatch, real, tqdm, progress, shown):
    screen = Terminal(real)
    monkeypatch.setattr(sys, "stderr", screen)
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    fitted(network(), progress=progress)
    assert ("epoch 3/3" in screen.written) == bool(shown)
    assert shown in screen.written
    assert bool(screen.written) == bool(shown)


def test_no_more_than_ten_lines_tell_of_many_epochs(capsys):
    fitted(network(), epochs=25)
    said = [line.split(":")[0] for line in capsys.readouterr().err.splitlines()]
    assert len(said) == 10
    assert said[-1] == "epoch 25/25"


def test_evaluate_changes_nothing():
    model = network(dropout=0.5)
    state, (generator,) = model.state_dict(), model.generators().values()
    drawn = str(generator.bit_generator.state)
    measured = train.evaluate(model, iris()[1], metrics=("accuracy", "confusion_matrix"))
    assert measured["confusion_matrix"].trace() / 30 == pytest.approx(measured["accuracy"])
    assert same(model.state_dict(), state)
    assert str(generator.bit_generator.state) == drawn
    assert model.training
