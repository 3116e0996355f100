"""Theorems about the losses: what the gradients are, and who is refused."""

import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import REGISTRY


def raises_if_used(*args, **attributes):
    raise AssertionError("a fused operation's rule was used")


@pytest.fixture
def only_elementary_rules(monkeypatch):
    """Make the rule of every operation raise that has a definition in simpler ones."""
    for op in REGISTRY.values():
        if op.definition is not None:
            monkeypatch.setattr(op, "rules", [raises_if_used] * len(op.rules))


def composed(z, y, axis=-1):
    """Cross-entropy of the softmax, written out."""
    e = tg.exp(z)
    a = e / tg.sum(e, axis=axis, keepdims=True)
    return -tg.sum(y * tg.log(a), axis=axis)


@pytest.mark.parametrize("targets", ["one-hot", "distribution", "any sum"])
def test_gradient_of_softmax_cross_entropy_is_a_theorem(only_elementary_rules, targets):
    """∂L/∂z = g (a Σy - y), from the rules of exp, sum, divide and log alone."""
    rng = np.random.default_rng(5)
    z, g = rng.normal(size=(6, 4)), rng.normal(size=6)
    y = rng.uniform(0.1, 2, (6, 4))
    if targets == "one-hot":
        y = np.eye(4)[rng.integers(0, 4, 6)]
    elif targets == "distribution":
        y /= y.sum(1, keepdims=True)
    a = np.exp(z) / np.exp(z).sum(1, keepdims=True)

    leaf = tg.Tensor(z)
    found = tg.gradients(composed(leaf, y), leaf, g)

    sums = y.sum(1, keepdims=True)
    assert_allclose(found, g[:, None] * (a * sums - y), rtol=1e-12, atol=1e-14)
    if targets == "any sum":  # a - y alone is another vector
        assert np.abs(found - g[:, None] * (a - y)).max() > 0.1
    else:
        assert_allclose(found, g[:, None] * (a - y), rtol=1e-12, atol=1e-14)


def test_the_fixture_notices_fused_rules(only_elementary_rules):
    z = tg.Tensor([1.0, 2.0])
    with pytest.raises(AssertionError, match="fused"):
        tg.gradients(tg.softmax_cross_entropy(z, [0, 1]), z)


def test_fused_rule_equals_the_theorem():
    rng = np.random.default_rng(6)
    z, y, g = rng.normal(size=(5, 3)), rng.uniform(0.1, 2, (5, 3)), rng.normal(size=5)
    leaf = tg.Tensor(z)
    fused = tg.gradients(tg.softmax_cross_entropy(leaf, y, "none"), leaf, g)
    assert_allclose(fused, tg.gradients(composed(leaf, y), leaf, g), rtol=1e-12, atol=1e-14)


def test_labels_are_one_hot_distributions():
    rng = np.random.default_rng(7)
    z, labels = tg.Tensor(rng.normal(size=(5, 3))), rng.integers(0, 3, 5)
    losses = [tg.softmax_cross_entropy(z, y) for y in (labels, np.eye(3)[labels])]
    assert_allclose(losses[0].data, losses[1].data, rtol=1e-15)
    assert_allclose(tg.gradients(losses[0], z), tg.gradients(losses[1], z), rtol=1e-14, atol=1e-17)


def test_a_mask_is_not_dropped_unseen():
    z = np.zeros((2, 2))
    masked = np.ma.masked_less(np.eye(2), 0.5)
    for logits, targets in ((z, masked), (tg.Tensor(z), masked), (masked, z)):
        with pytest.raises(TypeError, match=r"softmax_cross_entropy: an argument holds .*Masked"):
            tg.softmax_cross_entropy(logits, targets)


@pytest.mark.parametrize("loss", [tg.softmax_cross_entropy, tg.cross_entropy])
@pytest.mark.parametrize(("shape", "targets"), [((), 1), ((3, 0), [0, 0, 0]), ((0,), [])])
def test_no_classes_are_refused(loss, shape, targets):
    with pytest.raises(ValueError, match=rf"{loss.__name__}: shape {re.escape(str(shape))} has no"):
        loss(np.zeros(shape), np.array(targets))
    if shape:
        with pytest.raises(ValueError, match=r"softmax: .* there are no classes"):
            tg.softmax(np.zeros(shape))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "<i8", ">i8", ">u4", "uint64"])
def test_labels_of_any_integer_type(dtype):
    logits = np.log([[1.0, 3.0], [3.0, 1.0]])
    labels = np.array([1, 0], dtype)
    assert_allclose(tg.softmax_cross_entropy(logits, labels), np.log(4 / 3))
    for wrong in [2, -1] if np.dtype(dtype).kind == "i" else [2]:
        with pytest.raises(ValueError, match=f"label {wrong} is no class of K = 2"):
            tg.softmax_cross_entropy(logits, np.array([0, wrong], dtype))


@pytest.mark.parametrize("label", [-1, -100])
def test_negative_labels_of_a_small_type_are_no_large_ones(label):
    p, labels = np.full((2, 300), 1 / 300), np.array([3, label], np.int8)
    for wrong in (
        lambda: tg.softmax_cross_entropy(p, labels),
        lambda: tg.cross_entropy(p, labels),
        lambda: tg.one_hot(labels, classes=300),
    ):
        with pytest.raises(ValueError, match=f"label {label} is no class of K = 300"):
            wrong()
    assert_allclose(tg.cross_entropy(p, np.array([3, 127], np.int8)), np.log(300))


@pytest.mark.parametrize("targets", [[0, 0], [[1.0, 0.0], [1.0, 0.0]]])
def test_nan_in_one_example_costs_no_digits_in_another(targets):
    z = tg.Tensor([[40.0, 0.0], [np.nan, 0.0]])
    found = tg.gradients(tg.softmax_cross_entropy(z, targets, "none"), z, [1, 1])
    a = np.exp(-40) / (1 + np.exp(-40))
    assert_allclose(found, [[-a, a], [np.nan, np.nan]], rtol=1e-15, atol=0)


@pytest.mark.parametrize("narrow", [np.float16, np.float32])
def test_targets_of_a_narrower_type_do_not_blur_the_gradient(narrow):
    z, y = [[0.3, -1.2, 0.5]], np.array([[0.1, 0.7, 0.35]], narrow)
    found = tg.grad(tg.softmax_cross_entropy)(z, y)
    assert_allclose(found, tg.grad(tg.softmax_cross_entropy)(z, y.astype(float)), rtol=1e-14)


def test_a_sum_of_targets_in_float16_does_not_overflow():
    z, y = np.zeros(70_000, np.float16), np.ones(70_000, np.float16)
    assert_array_equal(
        tg.vjp(tg.softmax_cross_entropy, z, y)[1](np.float16(1))[0], np.zeros(70_000)
    )


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (lambda z, t: tg.sigmoid_cross_entropy(z, t, "sum"), lambda z, t: 1 / (1 + np.exp(-z)) - t),
        (tg.sum_squared_error, lambda z, t: z - t),
        (tg.mean_squared_error, lambda z, t: 2 * (z - t) / 6),
        (tg.mean_absolute_error, lambda z, t: np.sign(z - t) / 6),
        (lambda z, t: tg.weight_decay(z, 0.3), lambda z, t: 0.3 * z),
        (lambda z, t: tg.l1(z), lambda z, t: np.sign(z)),
        (lambda z, t: tg.l2(z), lambda z, t: z / np.sqrt((z**2).sum())),
    ],
    ids=["z - t", "E", "MSE", "MAE", "decay", "l1", "l2"],
)
def test_textbook_gradients(loss, expected):
    rng = np.random.default_rng(8)
    z, t = rng.normal(size=(2, 3)), rng.uniform(0, 1, (2, 3))
    assert_allclose(tg.grad(loss)(z, t), expected(z, t), rtol=1e-12)


def test_mean_of_a_class_loss_is_a_vertex_of_its_own():
    z = tg.Tensor(np.zeros((4, 3)))
    loss = tg.softmax_cross_entropy(z, np.zeros(4, int))
    assert [node.op.name for node in ancestors(loss) if node.op] == [
        "softmax_cross_entropy",
        "mean",
    ]
    assert loss.args[0].shape == (4,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("targets", [[0, 1, 0], np.array([0.0, 1.0, 0.0]), [False, True, False]])
def test_targets_do_not_widen_the_loss(dtype, targets):
    z = tg.Tensor(np.array([0.2, 0.3, 0.5], dtype))
    for loss in ("softmax_cross_entropy", "cross_entropy", "sigmoid_cross_entropy"):
        assert getattr(tg, loss)(z, targets).dtype == dtype
    assert tg.binary_cross_entropy(z, targets).dtype == dtype


def test_many_entries_of_float16_do_not_overflow():
    ones = np.ones(100_000, np.float16)
    assert tg.norm(ones) == np.float16(math.sqrt(100_000))
    assert tg.mean(ones) == 1


@pytest.mark.parametrize("kind", [np.uint8, np.int8, bool])
@pytest.mark.parametrize(
    "f",
    [
        *(
            tg.softmax,
            tg.log_softmax,
            tg.logsumexp,
            tg.sigmoid,
            tg.softplus,
            tg.normal_cdf,
            tg.gelu,
        ),
        *(tg.norm, lambda x: tg.norm(x, 3), lambda x: tg.sigmoid_cross_entropy(x, x > 0)),
    ],
)
def test_small_whole_numbers_do_not_wrap_around(f, kind):
    x = np.array([1, 0, 1]).astype(kind) if kind is bool else np.array([3, 0, 100], kind)
    assert_allclose(f(x), f(x.astype(float)), rtol=1e-15)


REFUSED = {
    "label too large": (
        lambda: tg.softmax_cross_entropy(np.zeros((2, 3)), [0, 3]),
        "label 3.*K = 3",
    ),
    "label negative": (lambda: tg.cross_entropy([[0.5, 0.5]], [-1]), "label -1.*K = 2"),
    "labels as floats": (
        lambda: tg.softmax_cross_entropy(np.zeros((2, 3)), [0.0, 1.0]),
        "integers",
    ),
    "targets of another shape": (
        lambda: tg.softmax_cross_entropy(np.zeros((2, 3)), np.zeros((3, 3))),
        r"\(3, 3\) for \(2, 3\)",
    ),
    "targets to broadcast": (
        lambda: tg.softmax_cross_entropy(np.zeros((2, 3)), np.ones((1, 3)) / 3),
        r"\(1, 3\) for \(2, 3\)",
    ),
    "targets negative": (lambda: tg.softmax_cross_entropy([0.0, 0.0], [-0.5, 1.5]), "negative"),
    "logits as probabilities": (lambda: tg.cross_entropy([2.0, 1.0], [1, 0]), "sums to 3"),
    "one column": (
        lambda: tg.mean_squared_error(np.zeros((4, 1)), np.zeros(4)),
        r"\(4, 1\).*\(4,\).*never broadcast",
    ),
    "binary, other shape": (
        lambda: tg.sigmoid_cross_entropy(np.zeros((4, 1)), np.zeros(4)),
        r"\(4, 1\).*\(4,\)",
    ),
    "binary target": (lambda: tg.sigmoid_cross_entropy([0.0], [2.0]), r"2, outside \[0, 1\]"),
    "binary logits": (lambda: tg.binary_cross_entropy([1.5], [1.0]), "sigmoid_cross_entropy"),
    "reduction": (lambda: tg.mean_squared_error([1.0], [1.0], "average"), "'average'"),
    "empty batch": (lambda: tg.softmax_cross_entropy(np.zeros((0, 3)), np.zeros(0, int)), "empty"),
    "empty regression": (lambda: tg.mean_squared_error([], []), "empty"),
    "kl of logits": (lambda: tg.kl_divergence([2.0, 1.0], [0.5, 0.5]), "no distribution"),
    "norm of p < 1": (lambda: tg.norm([1.0], 0.5), "p = 0.5"),
    "norm of NaN": (lambda: tg.norm([1.0], np.nan), "p = nan"),
    "norm of nothing": (lambda: tg.l1([]), "empty list"),
    "negative rate": (lambda: tg.weight_decay([1.0], -1), "λ ≥ 0"),
}


@pytest.mark.parametrize(("call", "complaint"), REFUSED.values(), ids=REFUSED)
def test_wrong_calls_are_refused(call, complaint):
    with pytest.raises(ValueError, match=complaint):
        call()
