"""Every line of bad input: one clear sentence, and nothing is changed."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.train.problems import iris, network, rng, same, sgd
from tinygrad_edu import nn, optim, train
from tinygrad_edu.train.examples import Examples

DATA, HELD = iris()
X, Y = DATA.features, DATA.labels


def with_entry(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


CASES = {
    "NaN features": ({"data": (with_entry(X, (7, 2), np.nan), Y)}, "features hold nan at (7, 2)"),
    "infinite features": ({"data": (with_entry(X, (0, 0), np.inf), Y)}, "hold inf at (0, 0)"),
    "both infinities": (
        {"data": (with_entry(with_entry(X, (0, 0), np.inf), (1, 0), -np.inf), Y)},
        "hold inf at (0, 0)",
    ),
    "NaN targets": (
        {"data": (X, with_entry(X[:, :1], 5, np.nan)), "loss": tg.mean_squared_error},
        "targets hold nan at (5, 0)",
    ),
    "a label too large, late": ({"data": (X, with_entry(Y, -1, 3))}, "label 3 is no class of K"),
    "a negative label": ({"data": (X, with_entry(Y, 60, -1))}, "label -1 is no class of K = 3"),
    "a label in the validation data": (
        {"validation": (HELD.features, HELD.labels + 1)},
        "label 3 is no class of K = 3",
    ),
    "Keras's name of an option": ({"validation_data": (X, Y)}, "write validation="),
    "a slip in an option": ({"batchsize": 8}, "'batch_size'"),
    "labels that are floats": ({"data": (X, Y / 2)}, "labels"),
    "too many features": ({"data": (np.ones((120, 5)), Y)}, "5"),
    "too many features in validation": ({"validation": (np.ones((30, 5)), HELD.labels)}, "5"),
    "no examples": ({"data": (X[:0], Y[:0])}, "data: there are no examples"),
    "no validation examples": (
        {"validation": (X[:0], Y[:0])},
        "validation: there are no examples",
    ),
    "one target too few": ({"data": (X, Y[:-1])}, "120 rows of features and 119 targets"),
    "one number": ({"data": (3.0, Y)}, "one row per example"),
    "text": ({"data": (X, np.array(["setosa"] * 120))}, "the targets hold words, such as 'setosa'"),
    "features alone": ({"data": X}, "a pair (features, targets)"),
    "a Tensor": ({"data": (tg.Tensor(X), Y)}, "data are constants; pass the array"),
    "an empty batch": ({"batch_size": 0}, "batch_size = 0"),
    "half a batch": ({"batch_size": 0.5}, "batch_size is a float"),
    "no epoch": ({"epochs": 0}, "epochs = 0"),
    "half an epoch": ({"epochs": 1.5}, "epochs is a float"),
    "a seed for a Generator": (
        {"rng": 0},
        "rng is an int; make one rng = np.random",
    ),
    "an unknown metric": ({"metrics": ("acuracy",)}, "did you mean 'accuracy'?"),
    "a metric that does not fit": (
        {"data": (X, np.eye(3)[Y] * 0.5 + 1 / 6), "metrics": "accuracy", "validation": None},
        "not one-hot",
    ),
    "a metric that gives a Tensor": (
        {"metrics": lambda predicted, targets: tg.Tensor(1.0)},
        "metric <lambda>: gave a Tensor; return a number",
    ),
    "a metric that gives nothing": ({"metrics": lambda *_: None}, "gave a NoneType"),
    "the name of a loss": ({"loss": "mse"}, "loss is a str; pass a function"),
    "a loss of probabilities": ({"loss": tg.cross_entropy}, "takes probabilities"),
    "a loss for each example": (
        {"loss": lambda z, y: tg.softmax_cross_entropy(z, y, reduction="none")},
        "of shape (120,)",
    ),
    "a loss that is no Tensor": ({"loss": lambda z, y: 0.5}, "is float"),
    "no optimizer": ({"optimizer": None}, "the optimizer is missing; pass optim.SGD"),
    "the name of an optimizer": ({"optimizer": "sgd"}, "the optimizer is a str"),
    "the optimizer of another model": (
        {"optimizer": sgd({"w": tg.Tensor([1.0])})},
        "moves w, which is no parameter of the model",
    ),
    "early stopping without validation": (
        {"early_stopping": train.EarlyStopping(3), "validation": None},
        "there are none; pass validation=",
    ),
    "a number for early stopping": ({"early_stopping": 3}, "pass EarlyStopping(patience)"),
    "a negative clip": ({"clip": -1.0}, "clip = -1"),
    "resume without a checkpoint": ({"resume": True}, "resume=True needs checkpoint=path"),
    "a checkpoint in no folder": ({"checkpoint": "no/folder/at.npz"}, "there is no folder"),
    "a checkpoint that is a folder": ({"checkpoint": "."}, "is a folder; name a file, such as"),
    "a checkpoint that is no path": ({"checkpoint": 3}, "checkpoint is an int; pass a path"),
}


@pytest.mark.parametrize("case", CASES)
def test_refused_before_anything_is_changed(case):
    model = network(dropout=0.2)
    draws, optimizer = rng(), sgd(model)
    before = model.state_dict(), str(draws.bit_generator.state), optimizer.state_dict()
    options = {
        "data": DATA,
        "loss": None,
        "optimizer": optimizer,
        "epochs": 1,
        "rng": draws,
        "validation": HELD,
    }
    changed, complaint = CASES[case]
    with pytest.raises((ValueError, TypeError, FileNotFoundError, IsADirectoryError)) as raised:
        train.fit(model, **{**options, **changed})
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
    assert same(model.state_dict(), before[0])
    assert str(draws.bit_generator.state) == before[1]
    assert same(optimizer.state_dict(), before[2])
    assert model.training


def test_large_numbers_are_not_taken_for_infinity():
    assert len(Examples.read((np.full((4, 1), 1e308), np.zeros(4)), "data")) == 4


def test_a_model_without_a_head_needs_a_loss():
    model = nn.Linear(4, 3, rng=rng())
    with pytest.raises(ValueError, match="has no head and no loss was given"):
        train.fit(model, DATA, optimizer=sgd(model), epochs=1, rng=rng())


class Net(nn.Module):
    """A module of one's own, whose parts say nothing of their order."""

    def __init__(self, forward):
        self.hidden, self.out = nn.Linear(4, 5, rng=rng()), nn.Linear(5, 3, rng=rng())
        self.squash = nn.Sigmoid()
        self.computes = forward

    def forward(self, x):
        return self.computes(self, x)


def test_a_hidden_activation_that_stands_last_among_the_parts_is_no_wrong_pair():
    model = Net(lambda m, x: m.out(m.squash(m.hidden(x))))
    data = (X, np.eye(3)[Y])
    train.fit(model, data, tg.sigmoid_cross_entropy, sgd(model), epochs=1, rng=rng())


@pytest.mark.parametrize(
    ("last", "loss", "complaint"),
    [
        (tg.sigmoid, tg.sigmoid_cross_entropy, "applies sigmoid itself, .* ends in sigmoid"),
        (tg.softmax, tg.softmax_cross_entropy, "applies softmax itself, .* ends in softmax"),
    ],
)
def test_an_activation_applied_twice_by_a_model_of_ones_own(last, loss, complaint):
    model = Net(lambda m, x: last(m.out(m.hidden(x))))
    before = model.state_dict()
    with pytest.raises(ValueError, match=complaint):
        train.fit(model, (X, np.eye(3)[Y]), loss, sgd(model), epochs=1, rng=rng())
    assert same(model.state_dict(), before)


def test_a_model_with_several_heads_needs_a_loss():
    model = Net(lambda m, x: m.out(m.hidden(x)))
    model.heads = [nn.head("multiclass", 3), nn.head("regression", 3)]
    with pytest.raises(ValueError, match="has several heads and no loss was given"):
        train.fit(model, DATA, optimizer=sgd(model), epochs=1, rng=rng())


def test_a_model_that_is_no_module():
    with pytest.raises(TypeError, match="the model is a function; pass an nn"):
        train.fit(lambda x: x, DATA, epochs=1, rng=rng(), optimizer=sgd(network()))


def test_an_output_without_a_row_for_each_example():
    class Flat(nn.Module):
        def __init__(self):
            self.W = tg.Tensor(np.ones((4, 1)))

        def forward(self, x):
            return tg.sum(x @ self.W)

    model = Flat()
    with pytest.raises(ValueError, match="one row per example"):
        train.fit(
            model,
            DATA,
            tg.mean_squared_error,
            optim.SGD(model, lr=0.1),
            epochs=1,
            rng=rng(),
        )
