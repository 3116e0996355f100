"""Metrics against scikit-learn, and what they refuse."""

import numpy as np
import pytest

from tests.train.problems import rng
from tinygrad_edu import nn, ops, train
from tinygrad_edu.train import accuracy, binary_accuracy, confusion_matrix, log_likelihood
from tinygrad_edu.train.metrics import metrics_of, usual_metrics

P = ops.softmax(rng().normal(size=(200, 4)))
LABELS = rng(1).integers(4, size=200)
ONE_HOT = np.eye(4)[LABELS]
Q = rng(2).random(200)  # probabilities of class 1
T = rng(3).integers(2, size=200)


@pytest.mark.parametrize("targets", [LABELS, ONE_HOT, LABELS.astype(float)])
def test_classes_as_scikit_learn_counts_them(targets, scikit):
    decided = P.argmax(axis=1)
    assert accuracy(P, targets) == scikit.metrics.accuracy_score(LABELS, decided)
    expected = scikit.metrics.confusion_matrix(LABELS, decided)
    np.testing.assert_array_equal(confusion_matrix(P, targets), expected)


@pytest.mark.parametrize("shape", [(200,), (200, 1)])
def test_one_probability(shape, scikit):
    p, t = Q.reshape(shape), T.reshape(shape)
    assert accuracy(p, T) == accuracy(p, t) == np.mean((Q >= 0.5) == T)
    assert binary_accuracy(p, T) == accuracy(p, T)
    expected = scikit.metrics.confusion_matrix(T, Q >= 0.5)
    np.testing.assert_array_equal(confusion_matrix(p, t), expected)
    expected = -scikit.metrics.log_loss(T, Q, normalize=False)
    assert log_likelihood(p, t) == pytest.approx(expected)
    assert log_likelihood(p, T) == pytest.approx(expected)


@pytest.mark.parametrize("targets", [LABELS, ONE_HOT])
def test_the_log_likelihood_is_a_sum(targets, scikit):
    expected = -scikit.metrics.log_loss(LABELS, P, normalize=False)
    assert log_likelihood(P, targets) == pytest.approx(expected)
    soft = ops.softmax(rng(4).normal(size=P.shape))
    assert log_likelihood(P, soft) == pytest.approx(np.sum(soft * np.log(P)))


def test_what_has_probability_zero():
    assert log_likelihood([[1.0, 0.0]], [0]) == 0
    assert log_likelihood([[1.0, 0.0]], [1]) == -np.inf
    assert log_likelihood([1.0, 0.0], [1, 0]) == 0  # 0 · log 0 = 0


def test_several_labels_at_once():
    assert binary_accuracy([[0.9, 0.2, 0.6]], [[1, 1, 1]]) == pytest.approx(2 / 3)


def test_a_prediction_that_is_nan_is_wrong_and_in_no_column():
    p = np.array([[0.9, 0.1], [np.nan, np.nan], [0.2, 0.8]])
    assert accuracy(p, [0, 0, 1]) == pytest.approx(2 / 3)
    assert confusion_matrix(p, [0, 0, 1]).tolist() == [[1, 0], [0, 1]]
    assert accuracy([np.nan], [0]) == 0
    assert binary_accuracy([np.nan], [0]) == 0


def test_a_class_that_is_never_seen_has_its_row_and_column():
    assert confusion_matrix([[0.2, 0.8, 0.0]], [0]).tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    ("metric", "predicted", "targets", "complaint"),
    [
        (accuracy, P, LABELS[:-1], "predictions of shape (200, 4) and targets of shape (199,)"),
        (accuracy, P, ONE_HOT[:, :3], "targets of shape (200, 3)"),
        (accuracy, np.empty((0, 3)), np.empty(0, int), "at least one example"),
        (accuracy, P, np.ones_like(P), "not one-hot; pass class labels, or ask for binary_acc"),
        (accuracy, P, P, "not one-hot"),
        (accuracy, P, LABELS + 0.5, "no class labels but float64"),
        (confusion_matrix, P, LABELS + 1, "label 4 is no class of K = 4"),
        (confusion_matrix, P, LABELS - 1, "label -1 is no class of K = 4"),
        (confusion_matrix, Q, T + 1, "label 2 is no class of K = 2"),
        (binary_accuracy, P, LABELS, "targets of shape (200,)"),
        (log_likelihood, P, LABELS + 1, "they run from 0 to 3"),
        (log_likelihood, 2 * P, LABELS, "are no probabilities"),
        (log_likelihood, P - 0.5, LABELS, "are no probabilities"),
        (log_likelihood, P, ONE_HOT[:-1], "targets of shape (199, 4)"),
    ],
)
def test_refused(metric, predicted, targets, complaint):
    with pytest.raises(ValueError, match=metric.__name__) as raised:
        metric(predicted, targets)
    assert complaint in str(raised.value)


def test_names_and_functions():
    def mine(predicted, targets):
        return 1.0

    assert metrics_of("accuracy") == {"accuracy": accuracy}
    assert list(metrics_of(("log_likelihood", mine))) == ["log_likelihood", "mine"]
    assert metrics_of(mine) == {"mine": mine}
    assert metrics_of(()) == {}
    with pytest.raises(ValueError, match="two are called 'mine'; give each a name of its own"):
        metrics_of([mine, mine])
    with pytest.raises(TypeError, match="metrics: int is none; pass a name, a function, or a list"):
        metrics_of(3)


def test_the_accuracy_is_usual_where_each_example_has_one_class():
    labels, amounts = np.array([0, 1, 2]), np.array([0.0, 1.0, 2.0])
    classes, numbers = nn.head("multiclass", 3), nn.head("regression")
    for head, targets, usual in (
        (None, labels, True),
        (None, amounts, False),
        (classes, labels, True),
        (classes, np.eye(3), True),
        (classes, np.full((3, 3), 1 / 3), False),
        (nn.head("binary"), np.array([[0.0], [1.0]]), True),
        (nn.head("multilabel", 3), np.eye(3), False),
        (numbers, labels, False),
        (numbers, amounts, False),
    ):
        assert list(usual_metrics(head, targets)) == ["accuracy"] * usual


def test_a_regression_is_evaluated_without_an_accuracy():
    model = nn.Sequential(nn.Linear(2, 1, rng=np.random.default_rng(0)), nn.head("regression"))
    data = np.ones((4, 2)), np.array([0.5, 1.5, 2.0, 3.0])
    assert list(train.evaluate(model, data)) == ["loss"]


@pytest.mark.parametrize(
    ("name", "meant"), [("acuracy", "accuracy"), ("acc", "accuracy"), ("confusion", "confusion_")]
)
def test_an_unknown_name_is_answered_with_the_nearest(name, meant):
    with pytest.raises(ValueError, match=f"metric: '{name}' is unknown; did you mean '{meant}"):
        metrics_of(name)


def test_counting_where_indices_have_32_bits(monkeypatch):
    """As in a browser, where NumPy counts by 32-bit integers and casts to them safely only."""

    def only_indices(call):
        def checked(x, *args, **options):
            for each in (x, *args):
                assert np.asarray(each).dtype != np.int64, call.__name__
            return call(x, *args, **options)

        return checked

    monkeypatch.setattr(np, "intp", np.int32)
    monkeypatch.setattr(np, "bincount", only_indices(np.bincount))
    predicted, labels = [[0.2, 0.8], [0.6, 0.4]], np.array([1, 1])
    assert accuracy(predicted, labels) == 0.5
    assert confusion_matrix(predicted, labels).tolist() == [[0, 0], [1, 1]]
