"""What is easily got wrong, each with the numbers that come out where it is right."""

import copy
import gc
import math
import operator
import pickle
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY

INF, NAN = np.inf, np.nan


def gradient(f, *xs):
    """Gradient of the sum of f with respect to its first argument."""
    return tg.grad(lambda *a: tg.sum(f(*a)))(*xs)


# --- softmax and cross-entropy -------------------------------------------------------------------


def test_case_01_softmax_and_one_row_of_its_jacobian():
    a, pull_back = tg.vjp(tg.softmax, [0.0, 1.0, 2.0])
    assert_allclose(a, [0.0900305732, 0.2447284711, 0.6652409558], atol=5e-11)
    row = pull_back([1.0, 0.0, 0.0])
    assert_allclose(row, [0.0819250691, -0.0220330445, -0.0598920245], atol=5e-11)


def test_case_02_softmax_of_far_apart_logits():
    assert_array_equal(tg.softmax([1e4, 0.0]), [1, 0])
    assert_array_equal(tg.jacobian(tg.softmax)([1e4, 0.0]), np.zeros((2, 2)))


@pytest.mark.parametrize(("dtype", "huge"), [(np.float32, 1e8), (np.float64, 1e16)])
def test_case_03_log_softmax_of_huge_ties(dtype, huge):
    out = tg.log_softmax(np.array([huge, huge], dtype))
    assert out.dtype == dtype
    assert_allclose(out, [-0.69314718, -0.69314718], rtol=1e-7)


def test_case_03_more_classes_than_float16_counts():
    z = tg.Tensor(np.zeros(70_000, np.float16))
    assert_array_equal(tg.softmax(z).data, np.full(70_000, 1 / 70_000, np.float16))
    loss = tg.softmax_cross_entropy(z, np.int64(3))
    for out in (tg.logsumexp(z), -tg.log_softmax(z)[0], loss):
        assert out.dtype == np.float16
        assert out.item() == np.float16(math.log(70_000))
    assert_array_equal(tg.gradients(loss, z)[2:4], np.float16([1 / 70_000, -1]))


def test_case_04_softmax_of_infinities():
    assert_array_equal(tg.softmax([0.0, -INF]), [1, 0])
    assert_array_equal(tg.log_softmax([0.0, -INF]), [0, -INF])
    for f in (tg.softmax, tg.log_softmax):
        assert np.isnan(f([0.0, INF])).all()
        assert np.isnan(f([-INF, -INF])).all()
        assert np.isnan(f([0.0, NAN])).all()
    assert_array_equal(gradient(lambda z: tg.softmax(z)[0], [0.0, -INF]), [0, 0])


@pytest.mark.parametrize(
    "pair", [lambda x: tg.logaddexp(x[0], x[1]), lambda x: tg.logsumexp(x[:2])]
)
def test_what_weighs_nothing_in_a_chain_of_logaddexp_has_gradient_zero(pair):
    x = np.array([-INF, -INF, 2.0])
    assert_array_equal(tg.grad(lambda x: tg.logaddexp(pair(x), x[2]))(x), [0, 0, 1])
    assert np.isnan(tg.grad(pair)(x[:2])).all()  # no limit


def test_case_05_logsumexp_of_infinities_and_nothing():
    assert tg.logsumexp([-INF, -INF]) == -INF
    assert tg.logsumexp([1.0, INF]) == INF
    assert tg.logsumexp([1000.0, 1000.0]) == 1000.6931471805599
    assert tg.logsumexp(np.zeros(0)) == -INF
    assert_array_equal(tg.logsumexp(np.zeros((0, 2)), axis=0), [-INF, -INF])
    assert np.isnan(tg.logsumexp([1.0, NAN]))


def test_case_06_softmax_cross_entropy_of_a_confident_mistake():
    z = tg.Tensor([1e4, 0.0])
    loss = tg.softmax_cross_entropy(z, np.int64(1))
    assert loss.item() == 1e4
    assert_array_equal(tg.gradients(loss, z), [1, -1])
    assert_array_equal(tg.gradients(tg.softmax_cross_entropy(z, [0, 1]), z), [1, -1])


def test_case_06_a_class_without_a_chance_and_without_a_target():
    z = tg.Tensor([[0.0, -INF], [0.0, NAN]])
    losses = tg.softmax_cross_entropy(z, [[1.0, 0.0], [1.0, 0.0]], "none")
    assert_array_equal(losses.data, [0, NAN])
    assert_array_equal(tg.gradients(losses[0], z)[0], [0, 0])
    assert tg.softmax_cross_entropy([0.0, -INF], [0.5, 0.5]) == INF
    assert np.isnan(tg.softmax_cross_entropy([0.0, NAN], [0.0, 0.0]))


@pytest.mark.parametrize("loss", [tg.softmax_cross_entropy, tg.cross_entropy])
def test_case_07_labels_are_checked(loss):
    rows = np.full((2, 3), 1 / 3)
    for label in (-1, 3, 7):
        with pytest.raises(ValueError, match=rf"{loss.__name__}: label {label} .*K = 3"):
            loss(rows, [0, label])
    with pytest.raises(ValueError, match=r"integers, not float64.*astype"):
        loss(rows, [0.0, 1.0])
    with pytest.raises(ValueError, match="empty batch"):
        loss(rows[:0], np.zeros(0, int))


def test_case_08_targets_that_do_not_sum_to_one():
    z, y = [0.0, 1.0, 2.0], np.array([0.5, 1.0, 1.5])
    a = np.array([0.09003057317038046, 0.24472847105479767, 0.6652409557748219])
    assert_allclose(gradient(tg.softmax_cross_entropy, z, y), 3 * a - y, rtol=1e-14)


def test_case_09_probabilities_and_logits_are_not_mixed_up():
    z = tg.Tensor([[2.0, 1.0, 0.1]])
    with pytest.raises(ValueError, match=r"cross_entropy: a row sums to 3.1 .*softmax"):
        tg.cross_entropy(z, [0])
    with pytest.raises(ValueError, match="no distribution"):
        tg.cross_entropy([[0.5, 0.53]], [0])
    tg.cross_entropy([0.22, 0.7, 0.07], [0, 1, 0])  # two decimals, sums to 0.99
    with pytest.warns(UserWarning, match=r"softmax_cross_entropy: .*result of a softmax"):
        tg.softmax_cross_entropy(tg.softmax(z), [0])


@pytest.mark.parametrize(
    ("z", "t", "loss", "slope"),
    [
        (1000.0, 0.0, 1000.0, 1.0),
        (-1000.0, 1.0, 1000.0, -1.0),
        (1000.0, 1.0, 0.0, 0.0),
        (0.0, 0.0, math.log(2), 0.5),
        (INF, 1.0, 0.0, 0.0),
        (-INF, 0.0, 0.0, 0.0),
    ],
)
def test_case_10_sigmoid_cross_entropy_at_the_ends(z, t, loss, slope):
    assert tg.sigmoid_cross_entropy(z, t) == loss
    assert tg.grad(tg.sigmoid_cross_entropy)(z, t) == slope


def test_case_10_a_nan_target_stays_nan_beside_an_infinite_logit():
    op = REGISTRY["sigmoid_cross_entropy"]
    assert np.isnan(op(np.array([INF, -INF]), np.full(2, np.nan))).all()


def test_case_11_zero_times_log_zero_is_zero():
    assert tg.entropy([0.0, 1.0, 0.0]) == 0
    assert tg.xlogy(0.0, 0.0) == 0
    assert tg.kl_divergence([0.0, 1.0], [0.5, 0.5]) == math.log(2)
    p = tg.Tensor([0.0, 1.0])
    loss = tg.cross_entropy(p, [0, 1])
    assert loss.item() == 0
    assert_array_equal(tg.gradients(loss, p), [0, -1])
    assert tg.xdivy(0.0, 0.0) == 0
    assert np.isnan(tg.xlogy(0.0, NAN))


def test_case_11_flat_ends():
    assert tg.sigmoid(-1e20) == 0
    assert tg.sigmoid(1e20) == 1
    assert tg.grad(tg.softplus)(INF) == 1
    assert tg.grad(tg.softplus)(-INF) == 0
    assert (tg.softplus(INF), tg.softplus(-INF)) == (INF, 0)
    assert tg.logsumexp(np.zeros((2, 3))).shape == (2,)
    assert tg.logsumexp(np.zeros((2, 3)), 0, True).shape == (1, 3)
    for f in (tg.sigmoid, tg.softplus, tg.relu, tg.gelu, tg.normal_cdf, tg.tanh):
        assert np.isnan(f(NAN))


@pytest.mark.parametrize("x", [1e200, -1e200, INF, -INF])
def test_case_11_gelu_far_out(x):
    assert tg.gelu(x) == max(x, 0)
    assert tg.grad(tg.gelu)(x) == (x > 0)
    assert tg.grad(tg.normal_cdf)(x) == 0


# --- norms, ties, powers -------------------------------------------------------------------------


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, INF])
def test_case_12_norm_at_zero(p):
    zero = np.zeros(3)
    assert tg.norm(zero, p) == 0
    assert_array_equal(gradient(lambda x: tg.norm(x, p), zero), zero)
    assert_array_equal(gradient(lambda x: tg.norm(x, p) ** 2, zero), zero)


@pytest.mark.parametrize("p", [1, 1.5, 2, 3, INF])
def test_case_12_norm_of_infinities(p):
    assert tg.norm([INF, 1.0], p) == INF
    assert tg.norm([1.0, -INF], p) == INF
    assert np.isnan(tg.norm([NAN, 1.0], p))


@pytest.mark.parametrize("p", [1.5, 2, 3])
def test_case_12_direction_where_the_norm_has_no_digits(p):
    """At infinity, beyond overflow and among subnormal numbers."""
    equal = 0.5 ** (1 - 1 / p)
    for w, expected in (
        ([INF, 1.0], [1, 0]),
        ([3.0, -INF], [0, -1]),
        ([INF, -INF], [NAN, NAN]),  # no limit
        ([1.5e308, -1.5e308], [equal, -equal]),
        ([5e-324, 5e-324], [equal, equal]),
        ([NAN, 1.0], [NAN, NAN]),
    ):
        assert_allclose(gradient(lambda x: tg.norm(x, p), w), expected, rtol=1e-15)
    rows = np.array([[INF, 1.0], [3.0, 4.0], [0.0, 0.0]])
    found = gradient(lambda x: tg.norm(x, 2, axis=1), rows)
    assert_allclose(found, [[1, 0], [0.6, 0.8], [0, 0]], rtol=1e-15)


def test_case_13_largest_magnitudes_share():
    assert_array_equal(gradient(lambda x: tg.norm(x, INF), [9.0, 2.0, -9.0]), [0.5, 0, -0.5])


def test_case_14_ties_share():
    assert_array_equal(gradient(tg.max, [1.0, 1.0, 0.0]), [0.5, 0.5, 0])
    assert_array_equal(gradient(tg.min, [1.0, 1.0, 2.0]), [0.5, 0.5, 0])
    for f in (tg.maximum, tg.minimum):
        x, y = tg.Tensor(1.0), tg.Tensor(1.0)
        assert tg.gradients(f(x, y), [x, y]) == [0.5, 0.5]
    for f in (tg.max, tg.min):
        assert np.isnan(f([1.0, NAN]))
    for f in (tg.maximum, tg.minimum):
        assert np.isnan(f(1.0, NAN))
        assert np.isnan(f(NAN, 1.0))
    with np.errstate(invalid="ignore"):
        assert np.isnan(gradient(tg.max, [NAN, 1.0])).any()


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [(tg.abs, 0.0, 0), (tg.relu, 0.0, 0), (tg.relu, -0.0, 0), (lambda x: tg.clip(x, 0, 1), 1.0, 1)],
)
def test_case_14_kinks(f, x, slope):
    assert tg.grad(f)(x) == slope


def test_case_15_nothing_at_all():
    nothing = np.zeros(0)
    assert tg.norm(nothing) == 0
    assert tg.norm(nothing, 3) == 0
    assert tg.norm(nothing, INF) == 0
    assert tg.sum(nothing) == 0
    assert tg.prod(nothing) == 1
    for f in (tg.max, tg.min, tg.mean, tg.var, tg.std):
        with pytest.raises(ValueError, match=f"^{f.__name__}: "):
            f(nothing)


def test_case_16_elementary_operations_warn_as_numpy_does():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert tg.grad(tg.sqrt)(0.0) == INF
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        value, slope = tg.value_and_grad(lambda x: 1 / x)(0.0)
    assert (value, slope) == (INF, -INF)
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert tg.log(0.0) == -INF
    with pytest.warns(RuntimeWarning, match="invalid"):
        assert np.isnan(tg.log(-1.0))
    with pytest.warns(RuntimeWarning, match="invalid"):
        assert np.isnan(tg.divide(0.0, 0.0))


@pytest.mark.parametrize(("c", "slope"), [(3, 0), (2, 0), (1.5, 0), (1, 1), (0.5, INF), (0, 0)])
@pytest.mark.parametrize("kind", [float, np.array])
def test_case_17_powers_of_zero(c, slope, kind):
    with np.errstate(divide="ignore"):
        assert tg.grad(lambda x: x ** kind(c))(0.0) == slope


def test_case_17_by_the_exponent():
    assert tg.grad(lambda b: 0.0**b)(2.0) == 0
    assert tg.grad(lambda b: 2.0**b)(3.0) == pytest.approx(8 * math.log(2))


def test_case_18_where_does_not_hide_a_nan():
    with np.errstate(all="ignore"):
        hidden = gradient(lambda x: tg.where(x.data > 0, tg.log(x), 0), [0.0, 2.0])
    assert np.isnan(hidden[0])
    assert hidden[1] == 0.5

    def safe(x):
        return tg.where(x > 0, tg.log(tg.where(x > 0, x, 1)), 0)

    assert_array_equal(gradient(safe, [0.0, 2.0]), [0, 0.5])


# --- shapes and dtypes ---------------------------------------------------------------------------


def test_case_19_broadcasting_is_undone():
    x, y, number = tg.Tensor(np.ones((3, 1))), tg.Tensor(np.ones(4)), tg.Tensor(2.0)
    found = tg.gradients((x + y * number).sum(), [x, y, number])
    assert_array_equal(found[0], np.full((3, 1), 4))
    assert_array_equal(found[1], np.full(4, 6))
    assert isinstance(found[2], np.ndarray)
    assert (found[2].shape, found[2].item()) == ((), 12)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (-1, -3), (1,), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_case_20_axes(name, axis, keepdims):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    t = tg.Tensor(x)
    for out in (getattr(tg, name)(t, axis, keepdims), getattr(t, name)(axis, keepdims)):
        assert out.shape == expected.shape
        assert_allclose(out.data, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod", "var", "std"])
def test_case_20_wrong_axes(name):
    t = tg.Tensor(np.ones((2, 3)))
    for axis in ((0, 0), (1, -1), 2, -3):
        with pytest.raises(ValueError, match=rf"^{name}: .*\(2, 3\)"):
            getattr(t, name)(axis=axis)


def test_case_21_indices():
    assert_array_equal(gradient(lambda x: x[[0, 0, 2]], [1.0, 2.0, 3.0]), [2, 0, 1])
    assert_array_equal(gradient(lambda x: x * x[::-1], [2.0, 4.0, 8.0]), [16, 8, 4])
    x = np.arange(24.0).reshape(2, 3, 4)
    mask = x % 3 == 0
    for index in (
        *(np.s_[::-1], np.s_[..., None, 1], np.s_[None, :, [2, 0]], np.s_[1, ..., -2:0:-1]),
        *(mask, np.s_[mask[..., 0]], np.s_[[0, 1], :, [1, 1]], np.s_[-1], np.s_[5:2]),
    ):
        assert_array_equal(tg.Tensor(x)[index].data, x[index])
        counted = np.zeros_like(x)
        np.add.at(counted, index, 1)
        assert_array_equal(gradient(lambda t, index=index: t[index], x), counted)


def test_case_21_an_empty_mask_is_a_mask():
    assert tg.Tensor(np.zeros((0, 0)))[np.zeros((0, 0), bool)].shape == (0,)
    assert tg.Tensor(np.zeros((2, 0)))[[]].shape == (0, 0)


def test_case_21_wrong_indices():
    t = tg.Tensor([1.0, 2.0])
    for index in (2, -3, (0, 0), 0.5, "a", np.array([0.5]), [True, False, True]):
        with pytest.raises(IndexError, match=r"^getitem: "):
            t[index]


@pytest.mark.parametrize(
    "subscripts", ["ij,jk", "ij,jk->ki", "ii", "ii->i", "ij->", "ij->j", "ij,ij->i", "ji"]
)
def test_case_22_einsum(subscripts):
    rng = np.random.default_rng(1)
    operands = [rng.normal(size=(3, 3)) for _ in subscripts.partition("->")[0].split(",")]
    out = tg.einsum(subscripts, *map(tg.Tensor, operands))
    assert_allclose(out.data, np.einsum(subscripts, *operands), rtol=1e-13)


def test_case_22_truth_of_a_tensor():
    assert tg.Tensor([[2.0]])
    assert not tg.Tensor(0.0)
    for several in (tg.Tensor([1.0, 2.0]), tg.Tensor([])):
        with pytest.raises(ValueError, match="neither true nor false"):
            bool(several)


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 1, 3, 4), (5, 4, 2)), ((2, 3), (3, 2))],
)
def test_case_22_matmul(left, right):
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=left), rng.normal(size=right)
    out = tg.Tensor(a) @ tg.Tensor(b)
    assert_allclose(out.data, a @ b, rtol=1e-14)
    found = tg.gradients(out.sum(), list(out.args))
    assert [g.shape for g in found] == [left, right]


def test_case_23_dtypes_follow_numpy():
    x = tg.Tensor(np.float32([1, 2]))
    assert (x + 3.0).dtype == np.float32
    assert (2 * x**2 / 3 - 1).dtype == np.float32
    assert (x + np.float64(3)).dtype == np.float64
    assert tg.add(np.float32([1]), 3.0).dtype == np.float32
    assert tg.where(np.array([True, False]), x.data, 0).dtype == np.float32
    assert tg.gradients((x * np.float64(3)).sum(), x).dtype == np.float32
    assert tg.gradients(tg.mean(x), x).dtype == np.float32
    assert tg.gradients(tg.var(x), x).dtype == np.float32
    assert type(tg.count(x)) is int


def test_case_23_what_a_tensor_holds():
    for numbers in (3, [1, 2], np.int32([1]), True, np.uint8([1]), np.longdouble(1)):
        assert tg.Tensor(numbers).dtype == np.float64
    for dtype in (np.float16, np.float32, np.float64):
        assert tg.Tensor(np.ones(2, dtype)).dtype == dtype
    assert tg.Tensor(np.ones(2, ">f4")).dtype == np.dtype("=f4")
    for wrong in (1j, [1 + 2j], "a", ["a"], None, [None], object(), np.datetime64("2020-01-01")):
        with pytest.raises(TypeError, match=r"^Tensor: "):
            tg.Tensor(wrong)
        if not isinstance(wrong, list):
            with pytest.raises(TypeError, match=r"^add: "):
                tg.Tensor(1.0) + wrong
    with pytest.raises(TypeError, match="mask"):
        tg.Tensor(np.ma.array([1.0, 2.0], mask=[0, 1]))


def test_case_24_numpy_beside_a_tensor():
    t, array = tg.Tensor([1.0, 2.0]), np.array([3.0, 4.0])
    for out, expected in (
        (array + t, [4, 6]),
        (array - t, [2, 2]),
        (np.float64(2) * t, [2, 4]),
        (np.exp(t), np.exp([1, 2])),
        (np.sum(t, axis=0), 3),
        (np.minimum(array, t), [1, 2]),
        (np.where(t > 1, t, array), [3, 2]),
        (np.concatenate([t, array]), [1, 2, 3, 4]),
        (array @ t, 11),
        (array**t, [3, 16]),
    ):
        assert type(out) is tg.Tensor
        assert_allclose(out.data, expected)
        assert tg.gradients(out, t, np.ones(out.shape)).any()
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((2,), 1, 2)


def test_case_24_what_numpy_cannot_do_is_named():
    t = tg.Tensor([1.0, 2.0])
    for name in ("median", "linalg.svd", "fft.fft", "real", "unique"):
        function = operator.attrgetter(name)(np)
        with pytest.raises(TypeError, match=rf"^np\.{name}: "):
            function(t)


# --- the graph -----------------------------------------------------------------------------------


def test_case_25_one_node_used_twice():
    a = tg.Tensor(3.0)
    b = a + a
    c = b + b
    assert tg.gradients(c, a) == 4
    assert c.args == (b, b)
    assert tg.gradients(a * a, a) == 6
    edges = [line for line in tg.draw(c).source.splitlines() if "->" in line]
    assert sorted(map(edges.count, set(edges))) == [1, 1, 2, 2]  # into each sum, and out of it


def test_case_26_gradients_add_up():
    x = tg.Tensor([1.0, 2.0])
    first, second = (x * x).sum(), (3 * x).sum()
    first.backward()
    second.backward()
    assert_array_equal(x.grad, [5, 7])
    x.grad = None
    first.backward()
    first.backward()
    assert_array_equal(x.grad, [4, 8])


def test_case_27_seeds_are_checked():
    y = tg.Tensor([1.0, 2.0]) * 2
    with pytest.raises(ValueError, match=r"shape \(2,\).*sum.*seed"):
        y.backward()
    for seed in (1.0, [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]):
        with pytest.raises(ValueError, match=r"seed has shape .* and the output \(2,\)"):
            y.backward(seed)
    with pytest.raises(TypeError, match="seed"):
        y.backward([1j, 0])


@pytest.mark.usefixtures("untraced")
def test_case_28_deep_chain():
    x = tg.Tensor(1.0)
    y = x
    for _ in range(100_000):
        y = y + x
    (dx,) = tg.gradients(y, [x])
    assert dx == 100_001
    y.backward()
    assert x.grad == 100_001
    del y


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("width", [100, 10_000])
def test_case_28_wide_fan_out(width):
    x = tg.Tensor(1.0)
    total = x * 0.0
    for i in range(1, width):
        total = total + x * float(i)
    assert tg.gradients(total, x) == width * (width - 1) / 2


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("join", [tg.stack, tg.concatenate])
def test_case_28_many_operands(join):
    parts = [tg.Tensor([float(i)]) for i in range(10_000)]
    out = join(parts)
    found = tg.gradients(out, parts, np.arange(10_000).reshape(out.shape))
    assert_array_equal(np.ravel(found), np.arange(10_000))


def test_case_29_nothing_waits_for_the_collector():
    gc.collect()
    gc.disable()
    try:
        x, w = tg.Tensor(np.ones((4, 3)), name="x"), tg.Tensor(np.ones((3, 2)))
        h = tg.relu(x @ w)
        loss = tg.softmax_cross_entropy(h, [0, 1, 0, 1]) + tg.norm(w) + tg.dropout(w, 0.5, 1).sum()
        inner = tg.gradients(loss, w, graph=True)
        loss.backward()
        tg.gradients((inner * inner).sum(), [x, w])
        str(loss), loss.data, h[0], list(h), copy.copy(h), h * [1.0, 2.0]
        gone = [weakref.ref(t) for t in (h, loss, inner, h.args[0])]
        array = weakref.ref(h.value)
        del h, loss, inner
        assert [ref() for ref in gone] == [None] * 4
        assert array() is None
    finally:
        gc.enable()


def test_case_30_an_exception_in_a_rule_changes_nothing():
    @tg.op()
    def fragile(x):
        return 2 * x

    @fragile.rule(0)
    def _(g, out, x):
        raise RuntimeError("no")

    try:
        x, y = tg.Tensor(1.0), tg.Tensor(2.0)
        y.grad = 5.0
        loss = y * 3 + fragile(x * y)
        with pytest.raises(RuntimeError, match="no"):
            loss.backward()
        assert x.grad is None
        assert y.grad == 5
    finally:
        fragile.forget()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (tg.softmax(x) * [1.0, 2.0, 3.0]).sum(),
        lambda x: tg.softmax_cross_entropy(x, [0.2, 0.5, 0.3]),
        lambda x: tg.cross_entropy(tg.softmax(x), [0, 1, 0]),
        tg.norm,
        lambda x: tg.norm(x, 3),
        lambda x: (tg.relu(x) ** 3).sum(),
    ],
    ids=["softmax", "fused cross-entropy", "cross-entropy", "norm", "3-norm", "relu"],
)
def test_case_31_second_derivatives(f):
    x = np.array([0.3, -0.7, 1.1])
    hessian = tg.hessian(f)(x)
    step = 1e-5
    for k, e in enumerate(np.eye(3)):
        difference = (tg.grad(f)(x + step * e) - tg.grad(f)(x - step * e)) / (2 * step)
        assert_allclose(hessian[:, k], difference, rtol=1e-8, atol=1e-9)
    u, v = [1.0, 2.0, -1.0], [0.5, -1.0, 3.0]
    assert np.vdot(u, tg.hvp(f, x, v)) == pytest.approx(np.vdot(v, tg.hvp(f, x, u)), rel=1e-12)


# --- dropout -------------------------------------------------------------------------------------


def test_case_32_all_or_nothing():
    x = tg.Tensor([1.0, -2.0, 3.0])
    rng = np.random.default_rng(0)
    assert_array_equal(tg.dropout(x, 0, rng).data, x.data)
    assert_array_equal(tg.gradients(tg.dropout(x, 0, rng).sum(), x), [1, 1, 1])
    out = tg.dropout(x, 1, rng)
    assert_array_equal(out.data, [0, 0, 0])
    assert_array_equal(tg.gradients(out.sum(), x), [0, 0, 0])
    assert_array_equal(tg.dropout(x, 0.5, rng, training=False).data, x.data)
    for wrong in (-0.1, 1.1, NAN):
        with pytest.raises(ValueError, match=r"dropout: p = .* 0 ≤ p ≤ 1"):
            tg.dropout(x, wrong, rng)


def test_case_33_one_mask_for_both_passes():
    x = tg.Tensor(np.zeros(1000))
    out = tg.dropout(x + 1, 0.4, 7)
    through_zero = tg.dropout(x, 0.4, 7)
    expected = np.where(out.data > 0, 1 / 0.6, 0)
    assert_allclose(out.data, expected)
    assert_allclose(tg.gradients(through_zero.sum(), x), expected)


def test_case_34_expectation_and_seed():
    ones = np.ones(10**6)
    assert abs(tg.dropout(ones, 0.3, np.random.default_rng(1)).mean() - 1) < 0.0033
    first, second = (tg.dropout(ones, 0.3, np.random.default_rng(2)) for _ in range(2))
    assert_array_equal(first, second)
    rng = np.random.default_rng(2)
    assert (tg.dropout(ones, 0.3, rng) != tg.dropout(ones, 0.3, rng)).any()


def test_case_34_no_randomness_of_its_own():
    for wrong in (None, True, "seed", np.random):
        with pytest.raises(TypeError, match="default_rng"):
            tg.dropout([1.0], 0.5, wrong)
    before = np.random.get_state()[1].copy()  # noqa: NPY002  the state that must not change
    tg.dropout(np.ones(5), 0.5, 3)
    assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002  the same state


# --- principles ----------------------------------------------------------------------------------


def test_fused_operations_raise_no_warning():
    """Warnings are errors here: none of this may give one, forwards or backwards."""
    values = [0.0, -0.0, 1e-310, 1.0, -1.0, 88.7, -745.0, 1e4, -1e16, 1e300, -1e300]
    for x in values:
        for y in values:
            for f in (tg.softmax, tg.log_softmax, tg.logsumexp, tg.norm, lambda v: tg.norm(v, 3)):
                assert not np.isnan(gradient(f, [x, y])).any()
            assert not np.isnan(gradient(tg.softmax_cross_entropy, [x, y], [0.5, 0.5])).any()
        for f in (tg.sigmoid, tg.softplus, tg.gelu, tg.relu):
            assert not np.isnan(gradient(f, x))
        assert not np.isnan(gradient(tg.sigmoid_cross_entropy, x, 0.5))


def test_arrays_in_a_tensor_do_not_change():
    source = np.ones(3)
    x = tg.Tensor(source)
    source[:] = 5
    assert_array_equal(x.data, [1, 1, 1])
    for held in (x.data, (x * 2).data, (x * 2).reshape(-1).data, x[1:].data):
        with pytest.raises(ValueError, match="read-only"):
            held[...] = 7
        with pytest.raises(ValueError, match="WRITEABLE"):
            held.flags.writeable = True


def test_copies_are_leaves_with_data_and_name():
    x = tg.Tensor(np.float32([1, 2]), name="x")
    y = tg.name(x * 2, "y")
    for original in (x, y):
        for made in (
            pickle.loads(pickle.dumps(original)),
            copy.copy(original),
            copy.deepcopy(original),
        ):
            assert made is not original
            assert made.op is None
            assert (made.name, made.dtype) == (original.name, original.dtype)
            assert_array_equal(made.data, original.data)
            made.data = np.zeros(2, np.float32)
    assert_array_equal(x.data, [1, 2])


def test_every_operation_of_the_table_is_sealed():
    for op in list(REGISTRY.values()):
        with pytest.raises(ValueError, match=f"{op.name}: a built-in operation"):
            tg.core.op.Op(op.name, forward=np.exp)
