"""Batches that are computed without being recorded: the same numbers, or none."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.train.problems import iris, network, rng, same, sgd
from tinygrad_edu import nn, train
from tinygrad_edu.program.recorded import recorded_program
from tinygrad_edu.train import loop
from tinygrad_edu.train.loop import always_computes_the_same

DATA, HELD = iris()


def deep(dtype=float):
    """Every activation once."""
    draws = rng(3)
    activations = (nn.Tanh, nn.GELU, nn.Softplus, nn.Sigmoid, nn.Identity, nn.ReLU)
    layers = [part for each in activations for part in (linear(4, 4, draws, dtype), each())]
    return nn.Sequential(*layers, linear(4, 3, draws, dtype), nn.head("multiclass", 3))


def linear(inputs, outputs, draws, dtype):
    return nn.Linear(inputs, outputs, rng=draws, dtype=dtype)


def regression():
    return nn.Sequential(nn.Linear(4, 2, bias=False, rng=rng()), nn.head("positive", 2))


def program_of(objective, parameters, features, targets):
    """A function of a batch, with the weights as they are; or None."""
    found = recorded_program(objective, parameters, {"features": features, "targets": targets})
    if found is None:
        return None
    run, leaves = found[0].function(), found[1]
    return lambda *batch: run(*batch, *[leaf.value for leaf in leaves])


def loss_of(model):
    return next(m for m in model.named_modules().values() if m.is_head).loss


@pytest.mark.parametrize(
    ("model", "targets"),
    [
        (network(), DATA.labels),
        (network(dtype=np.float32), DATA.labels),
        (network(), np.eye(3)[DATA.labels]),
        (deep(), DATA.labels),
        (deep(np.float32), DATA.labels),
        (regression(), np.abs(DATA.features[:, :2])),
    ],
)
def test_another_batch_gives_what_recording_it_gives_bit_for_bit(model, targets):
    kind = model.parameters()[0].dtype
    batches = [(DATA.features[i : i + 8].astype(kind), targets[i : i + 8]) for i in (0, 40, 80)]
    loss = loss_of(model)
    run = program_of(loss(model(batches[0][0]), batches[0][1]), model.parameters(), *batches[0])
    for x, t in batches[1:]:
        for tensor in model.parameters():
            tensor.data = tensor.data + kind.type(0.01)
        recorded = loss(model(x), t)
        expected = tg.gradients(recorded, model.parameters())
        value, found = run(x, t)
        assert value == recorded.item()
        for a, b in zip(found, expected, strict=True):
            assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
            assert a.flags.writeable


def test_parameters_beside_the_path_and_frozen_ones():
    model, unused = network(), tg.Tensor(np.ones(2))
    x, t = DATA.features[:8], DATA.labels[:8]
    recorded = loss_of(model)(model(x), t)
    some = [model.parameters()[2], unused]
    _, found = program_of(recorded, some, x, t)(x, t)
    np.testing.assert_array_equal(found[0], tg.gradients(recorded, some[0]))
    assert found[1].tolist() == [0, 0]


class Branching(nn.Module):
    """Decides by the numbers what it computes."""

    def forward(self, x):
        return x if np.sum(x.data if isinstance(x, tg.Tensor) else x) > 0 else 2 * x


class Own(nn.Linear):
    """Looks like a layer, and computes something else."""

    def forward(self, x):
        return super().forward(x) * float(np.max(np.abs(x)))


class Noise(nn.Dropout):
    """Draws otherwise than its base."""

    def __init__(self):
        super().__init__(0.5, rng())

    def forward(self, x):
        return x + self.rng.normal(size=x.shape)


def patched():
    layer = nn.Linear(4, 3, rng=rng())
    layer.forward = lambda x: x @ layer.W
    return layer


def with_own_penalty():
    layer = nn.Linear(4, 3, rng=rng())
    layer.own_penalty = lambda: tg.sum(layer.W**2) if layer.W.data.sum() > 0 else 0.0
    return layer


def with_another_function():
    activation = nn.Tanh()
    activation.function = lambda x: x * float(np.max(np.abs(x.data)))
    return activation


def tied():
    """W was computed once, from another parameter, and a recording keeps the value it had."""
    layer = nn.Linear(4, 3, rng=rng())
    layer.W = nn.Linear(3, 4, rng=rng()).W.T
    return layer


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(4, 3, rng=rng()), Branching()],
        [tied()],
        [Own(4, 3, rng=rng())],
        [patched()],
        [with_own_penalty()],
        [nn.Linear(4, 3, rng=rng()), with_another_function()],
        [nn.Linear(4, 3, rng=rng()), Noise()],
    ],
)
def test_a_model_that_may_compute_something_else_is_recorded_each_time(layers):
    model = nn.Sequential(*layers, nn.head("multiclass", 3))
    assert not always_computes_the_same(model, loss_of(model))
    assert always_computes_the_same(network(), tg.softmax_cross_entropy)
    assert not always_computes_the_same(network(), lambda z, t: tg.softmax_cross_entropy(z, t))


def test_a_model_with_a_penalty_of_its_own_is_recorded_each_time():
    model, strengths = network(), iter(range(1, 100))
    model.penalty = lambda: next(strengths) * tg.sum(model.parameters()[0] ** 2)
    assert not always_computes_the_same(model, loss_of(model))


def test_an_array_that_depends_on_the_batch_is_noticed():
    x, t = DATA.features[:8], DATA.labels[:8]
    W = tg.Tensor(np.ones((4, 3)))
    centred = tg.softmax_cross_entropy((x - x.mean(axis=0)) @ W, t)
    assert program_of(centred, [W], x, t) is None
    assert program_of(tg.softmax_cross_entropy(x @ W, t), [W], x, t) is not None
    reversed_rows = tg.softmax_cross_entropy(x[::-1] @ W, t)
    assert program_of(reversed_rows, [W], x, t) is None
    part = tg.softmax_cross_entropy(x[:4] @ W[:, :], t[:4])
    assert program_of(part, [W], x, t) is None


@pytest.mark.parametrize(
    "kind", ["plain", "images", "binary", "penalty of a layer", "penalty", "dropout"]
)
def test_training_is_the_same_with_and_without(monkeypatch, kind):
    data = (DATA.features, (DATA.labels > 0).astype(int) if kind == "binary" else DATA.labels)
    l2 = 0.1 if kind == "penalty of a layer" else 0.0
    layers = [nn.Linear(4, 5, l2=l2, rng=rng()), nn.Tanh()]
    if kind == "images":
        data, layers = (data[0].reshape(-1, 2, 2), data[1]), [nn.Flatten(), *layers]
    if kind == "dropout":  # two draw from one Generator
        draws = rng(4)
        layers += [nn.Dropout(0.5, draws), nn.Dropout(0.3, rng(5)), nn.Dropout(0.2, draws)]
    outputs, head = (1, "binary") if kind == "binary" else (3, "multiclass")
    penalty = (lambda m: nn.penalty(m, l1=0.1)) if kind == "penalty" else None
    states, histories, recorded = [], [], []
    by_graph = loop.gradients
    monkeypatch.setattr(loop, "gradients", lambda *args: recorded.append(1) or by_graph(*args))
    for programs in (True, False):
        for part in layers:
            if isinstance(part, nn.Dropout):
                part.rng.bit_generator.state = rng(5).bit_generator.state
        if not programs:
            expected = 8 if kind == "penalty" else 4  # of 2 · 4 batches, 2 whole ones and 2 parts
            assert len(recorded) == expected
            monkeypatch.setattr(loop, "recorded_program", lambda *args: None)
        model = nn.Sequential(*layers, nn.Linear(5, outputs, rng=rng()), nn.head(head, outputs))
        for tensor, draws in zip(model.parameters(), rng(9).spawn(9), strict=False):
            tensor.data = draws.normal(size=tensor.shape)
        options = {"epochs": 2, "batch_size": 32, "rng": rng(), "penalty": penalty}
        histories.append(train.fit(model, data, optimizer=sgd(model), **options).loss.tolist())
        states.append(model.state_dict())
    assert same(*states)
    assert histories[0] == histories[1]
