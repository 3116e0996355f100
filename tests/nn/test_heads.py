"""Heads: the activation and the loss that fit a problem, and pairs that do not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import nn


def seeded(seed=0):
    return np.random.default_rng(seed)


Z = seeded().normal(size=(6, 3))


@pytest.mark.parametrize(
    ("head", "activation"),
    [
        (nn.head("regression", 3), lambda z: z),
        (nn.head("positive", 3), tg.softplus),
        (nn.head("positive", 3, activation="relu"), tg.relu),
        (nn.head("bounded", 3), tg.sigmoid),
        (nn.head("bounded", 3, activation="tanh"), tg.tanh),
    ],
)
def test_A2_heads_of_regression(head, activation):
    targets = activation(seeded(1).normal(size=(6, 3)))
    assert_array_equal(head.activation(Z), activation(Z))
    assert_allclose(head.loss(Z, targets), np.mean((activation(Z) - targets) ** 2), rtol=1e-14)
    assert_array_equal(head.decide(Z), Z)


@pytest.mark.parametrize("outputs", [2, 3, 4])
def test_A2_several_outputs_have_a_neuron_each(outputs):
    model = nn.Sequential(nn.Linear(5, outputs, rng=seeded()), nn.head("regression", outputs))
    assert model.predict(np.ones((7, 5))).shape == (7, outputs)


def test_A3_B1_one_label_of_many():
    head, labels = nn.head("multiclass", 3), np.array([0, 1, 2, 2, 1, 0])
    a = np.exp(Z) / np.exp(Z).sum(-1, keepdims=True)
    assert_allclose(head.activation(Z), a, rtol=1e-14)
    assert_allclose(head.loss(Z, labels), -np.log(a[np.arange(6), labels]).mean(), rtol=1e-14)
    assert_allclose(head.loss(Z, np.eye(3)[labels]), head.loss(Z, labels), rtol=1e-14)
    assert_array_equal(head.decide(a), Z.argmax(-1))


def test_A3_B1_several_labels():
    head = nn.head("multilabel", 3)
    answers = (seeded(1).random((6, 3)) < 0.5).astype(float)
    a = 1 / (1 + np.exp(-Z))
    assert_allclose(head.activation(Z), a, rtol=1e-14)
    expected = -(answers * np.log(a) + (1 - answers) * np.log(1 - a)).mean()
    assert_allclose(head.loss(Z, answers), expected, rtol=1e-13)
    assert_array_equal(head.decide(a), a >= 0.5)
    assert (head.activation(Z).sum(-1) > 1.01).any()  # no classifier


def test_A3_B1_binary():
    head, ill = nn.head("binary"), np.array([0, 1, 1, 0, 1, 0])
    z = Z[:, :1]
    a = 1 / (1 + np.exp(-z[:, 0]))
    expected = -np.where(ill, np.log(a), np.log(1 - a)).mean()
    assert_allclose(head.loss(z, ill), expected, rtol=1e-13)
    assert_allclose(head.loss(z, ill[:, None]), expected, rtol=1e-13)
    assert head.loss(z, ill, "none").shape == (6, 1)
    assert_array_equal(head.decide(a), z[:, 0] >= 0)


def test_a_model_has_the_loss_of_its_head():
    class Net(nn.Module):
        def __init__(self, rng):
            self.body = nn.Linear(4, 3, rng=rng)
            self.end = nn.head("multiclass", 3)

        def forward(self, x):
            return self.end(self.body(x))

    X, labels = np.ones((6, 4)), np.array([0, 1, 2, 2, 1, 0])
    for model in (
        Net(seeded()),
        nn.Sequential(nn.Linear(4, 3, rng=seeded()), nn.head("multiclass", 3)),
    ):
        out = model(X)
        expected = tg.softmax_cross_entropy(out, labels)
        assert model.loss(out, labels).item() == expected.item()
        assert_allclose(model.predict(X), tg.softmax(out.data), rtol=1e-15)


def test_two_heads_are_not_one():
    class Two(nn.Module):
        def __init__(self):
            self.species, self.length = nn.head("multiclass", 3), nn.head("positive")

    with pytest.raises(
        ValueError, match="Two: has 2 heads, so it has no loss and no prediction of its own"
    ):
        Two().loss(Z, Z)


# --- what does not fit ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "problem"),
    [
        (nn.Softmax, "multiclass"),
        (nn.LogSoftmax, "multiclass"),
        (nn.Sigmoid, "multilabel"),
        (nn.Softmax, "multilabel"),
        (nn.Sigmoid, "bounded"),
    ],
)
def test_an_activation_before_a_head_that_applies_it_again(layer, problem):
    linear = nn.Linear(4, 3, rng=seeded())
    with pytest.raises(ValueError, match=f"applies .* itself, and {layer.__name__} stands before"):
        nn.Sequential(linear, layer(), nn.head(problem, 3))


@pytest.mark.parametrize(
    ("function", "problem"),
    [(tg.softmax, "multiclass"), (tg.log_softmax, "multiclass"), (tg.sigmoid, "multilabel")],
)
def test_a_function_before_a_head_that_applies_it_again(function, problem):
    with pytest.raises(ValueError, match=r"applies .* itself, and .* stands before it"):
        nn.head(problem, 3)(function(tg.Tensor(Z)))


def test_a_hidden_softmax_is_no_fault():
    rng = seeded()
    nn.Sequential(
        nn.Linear(4, 3, rng=rng), nn.Softmax(), nn.Linear(3, 3, rng=rng), nn.head("multiclass", 3)
    )


@pytest.mark.parametrize(
    ("layer", "loss", "complaint"),
    [
        (nn.Softmax(), tg.softmax_cross_entropy, "applies softmax itself, .*use cross_entropy"),
        (nn.Sigmoid(), tg.sigmoid_cross_entropy, "sigmoid itself, .*use binary_cross_entropy"),
        (
            nn.head("multiclass", 3),
            tg.cross_entropy,
            "takes probabilities, .*softmax_cross_entropy",
        ),
        (
            nn.head("binary"),
            tg.binary_cross_entropy,
            "takes probabilities, .*sigmoid_cross_entropy",
        ),
    ],
)
def test_wrong_pairs_of_model_and_loss(layer, loss, complaint):
    model = nn.Sequential(nn.Linear(4, 3, rng=seeded()), layer)
    with pytest.raises(ValueError, match=complaint):
        nn.refuse_wrong_pair(model, loss)
    with pytest.raises(ValueError, match=complaint):
        nn.refuse_wrong_pair(nn.Sequential(nn.Flatten(), model), loss)


@pytest.mark.parametrize(
    ("layer", "loss"),
    [
        (nn.Softmax(), tg.cross_entropy),
        (nn.Sigmoid(), tg.binary_cross_entropy),
        (nn.head("multiclass", 3), tg.softmax_cross_entropy),
        (nn.Identity(), tg.softmax_cross_entropy),
        (nn.Identity(), lambda outputs, targets: tg.sum(outputs)),
    ],
)
def test_right_pairs_of_model_and_loss(layer, loss):
    nn.refuse_wrong_pair(nn.Sequential(nn.Linear(4, 3, rng=seeded()), layer), loss)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("multiclas", 3), "head: problem: 'multiclas' is unknown; did you mean 'multiclass'"),
        (("classification", 3), "did you mean 'multiclass'"),
        (("multi-label", 3), "did you mean 'multilabel'"),
        (
            ("q", 3),
            "head: problem: 'q' is unknown; there are: regression, positive, bounded, binary",
        ),
        ((None, 3), "head: problem: a NoneType is no name"),
        (("multiclass",), r"one class alone always has probability 1; .*nn.head\(\"binary\"\)"),
        (("binary", 2), r"binary has one output, not 2; choose nn.head\(\"multiclass\", 2\)"),
        (("regression", 0), "head: outputs = 0 does not make sense; choose at least 1"),
    ],
)
def test_what_head_refuses(arguments, complaint):
    with pytest.raises((ValueError, TypeError), match=complaint):
        nn.head(*arguments)


def test_an_activation_that_does_not_fit_the_problem():
    sentence = "head for 'positive', activation: 'tanh' is unknown; there are: softplus, relu"
    with pytest.raises(ValueError, match=sentence):
        nn.head("positive", activation="tanh")


def test_outputs_that_do_not_fit_the_head():
    model = nn.Sequential(nn.Linear(4, 3, rng=seeded()), nn.head("multiclass", 10))
    with pytest.raises(ValueError, match=r"1: Head\('multiclass', 10\): takes 10 outputs, and x"):
        model(np.ones((2, 4)))


def test_a_head_comes_last():
    with pytest.raises(ValueError, match=r"layer 0 is a head, .*it is followed by ReLU\(\)"):
        nn.Sequential(nn.head("binary"), nn.ReLU())


@pytest.mark.parametrize(
    ("head", "target"),
    [
        (nn.head("positive"), -1.0),
        (nn.head("bounded"), 2.0),
        (nn.head("bounded", activation="tanh"), -1.5),
    ],
)
def test_a_target_out_of_reach(head, target):
    with pytest.raises(ValueError, match=f"a target is {target:g}, and .* rescale the targets"):
        head.loss(np.zeros((1, 1)), np.array([target]))


def test_labels_that_are_no_classes():
    with pytest.raises(ValueError, match="label 3 is no class of K = 3"):
        nn.head("multiclass", 3).loss(Z, np.array([0, 1, 2, 3, 0, 1]))
    with pytest.raises(ValueError, match="targets of shape"):
        nn.head("regression", 3).loss(Z, np.zeros((6, 2)))
