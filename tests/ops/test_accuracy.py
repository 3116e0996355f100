"""The fused operations against 60 digits, over the whole range of their inputs.

A result must lie within 4 units in the last place of the exact result for inputs that are moved
by half a unit in their own last place: x - max(x) is rounded, and no more may be lost than by that.
It can be twice as large as either, and so can its unit: where all entries are asked for, as of
softmax, the inputs are moved by a whole one.
Gradients must lie within 1e-13 of the exact ones.
"""

import math

import mpmath as mp
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg

mp.mp.dps = 60


def refuse_inexact(found, exact, slopes, inputs, moved_by=0.5):
    """Compare each entry of `found` with `exact`, where ∂exact/∂input is `slopes`."""
    for got, true, row in zip(np.ravel(found), exact, slopes, strict=True):
        if abs(true) >= mp.mpf(2) ** 1024:
            assert got == np.inf * int(mp.sign(true))
            continue
        moved = sum(abs(s) * unit(x) * moved_by for s, x in zip(row, inputs, strict=True))
        assert abs(mp.mpf(float(got)) - true) <= 4 * unit(float(true)) + moved, (got, true, inputs)


def unit(x):
    """One unit in the last place."""
    return mp.mpf(math.ulp(x))


def exactly(xs):
    return [mp.mpf(float(x)) for x in xs]


def softmax_of(xs):
    largest = max(xs)
    e = [mp.exp(x - largest) for x in xs]
    return [each / mp.fsum(e) for each in e]


def log_softmax_of(xs):
    """With the largest entry taken out of the sum, or 60 digits would not be enough."""
    place = xs.index(max(xs))
    rest = mp.fsum(mp.exp(x - xs[place]) for i, x in enumerate(xs) if i != place)
    return [x - xs[place] - mp.log1p(rest) for x in xs]


def logsumexp_of(xs):
    return max(xs) - max(log_softmax_of(xs))


def sigmoid_of(x):
    return 1 / (1 + mp.exp(-x)) if x >= 0 else mp.exp(x) / (1 + mp.exp(x))


def softplus_of(x):
    return max(x, 0) + mp.log1p(mp.exp(-abs(x)))


anything = st.floats(allow_nan=False, allow_infinity=False)
moderate = st.floats(-800, 800)
logits = st.lists(moderate, min_size=1, max_size=6) | st.lists(anything, min_size=1, max_size=6)
probability = st.floats(0, 1)
many = settings(max_examples=150)


@many
@given(logits)
@example([1e4, 0.0])
@example([1e16, 1e16])
@example([0.0, -745.0, -746.0])
@example([36.7, 0.0])
@example([-1.7e308, 1.7e308])
def test_softmax(z):
    exact = softmax_of(exactly(z))
    n = range(len(z))
    slopes = [[exact[i] * ((i == j) - exact[j]) for j in n] for i in n]
    refuse_inexact(tg.softmax(z), exact, slopes, z, moved_by=1)


@many
@given(logits)
@example([1e8, 1e8])
@example([1e16, 1e16])
@example([40.0, 0.0])
@example([1e-300, 0.0])
@example([122.0, -390.6966957700649])
def test_log_softmax(z):
    xs = exactly(z)
    a = softmax_of(xs)
    n = range(len(z))
    slopes = [[sum(a[k] for k in n if k != i) if i == j else -a[j] for j in n] for i in n]
    refuse_inexact(tg.log_softmax(z), log_softmax_of(xs), slopes, z, moved_by=1)


@many
@given(logits)
@example([1000.0, 1000.0])
@example([-1e300, -1e300])
@example([0.0, -700.0])
def test_logsumexp(z):
    xs = exactly(z)
    refuse_inexact(tg.logsumexp(z), [logsumexp_of(xs)], [softmax_of(xs)], z)


@many
@given(moderate | anything)
@example(-745.2)
@example(36.8)
@example(-0.0)
def test_sigmoid_and_softplus(x):
    exact = mp.mpf(x)
    a = sigmoid_of(exact)
    refuse_inexact(tg.sigmoid(x), [a], [[a * sigmoid_of(-exact)]], [x])
    refuse_inexact(tg.softplus(x), [softplus_of(exact)], [[a]], [x])
    gradient = tg.grad(tg.softplus)(x)
    refuse_inexact(gradient, [a], [[a * sigmoid_of(-exact)]], [x])


@many
@given(moderate | anything, probability)
@example(1000.0, 0.0)
@example(-1000.0, 1.0)
@example(1000.0, 1.0)
@example(0.0, 0.5)
def test_sigmoid_cross_entropy(z, t):
    x, y = exactly([z, t])
    # of z (1 - t) + log(1 + e^-z) and its mirror image, the one in which nothing cancels
    linear = x * (1 - y) if x > 0 else -x * y
    exact = linear + mp.log1p(mp.exp(-abs(x)))
    slope = (1 - y) * sigmoid_of(x) - y * sigmoid_of(-x)
    refuse_inexact(tg.sigmoid_cross_entropy(z, t), [exact], [[slope, -x]], [z, t])


@many
@given(st.lists(st.tuples(moderate | anything, probability), min_size=1, max_size=5))
@example([(1e4, 0.0), (0.0, 1.0)])
@example([(50.0, 1.0), (0.0, 0.0)])
@example([(1e300, 0.0), (-1.7976931230816621e308, 0.5)])
def test_softmax_cross_entropy(rows):
    z, y = (list(column) for column in zip(*rows, strict=True))
    xs, ys = exactly(z), exactly(y)
    a, logs = softmax_of(xs), log_softmax_of(xs)
    exact = -mp.fsum(t * log for t, log in zip(ys, logs, strict=True))
    # a Σy - y, so written that a near 1 and y near 1 do not cancel
    others = [(mp.fsum(a[:i] + a[i + 1 :]), mp.fsum(ys[:i] + ys[i + 1 :])) for i in range(len(a))]
    slopes = [a[i] * rest - ys[i] * not_a for i, (not_a, rest) in enumerate(others)] + logs
    refuse_inexact(tg.softmax_cross_entropy(z, y), [exact], [slopes], z + y)


@many
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=5), st.data())
def test_cross_entropy_and_entropy(weights, data):
    p = (np.array(weights) + 1.0) / (np.sum(weights) + len(weights))
    y = np.array(data.draw(st.lists(probability, min_size=len(p), max_size=len(p))))
    logs = [mp.log(x) for x in exactly(p)]
    exact = -mp.fsum(t * log for t, log in zip(exactly(y), logs, strict=True))
    slopes = [-t / x for t, x in zip(exactly(y), exactly(p), strict=True)] + logs
    refuse_inexact(tg.cross_entropy(p, y), [exact], [slopes], [*p, *y])
    exact = -mp.fsum(x * log for x, log in zip(exactly(p), logs, strict=True))
    refuse_inexact(tg.entropy(p), [exact], [[log + 1 for log in logs]], p)


@many
@given(st.floats(0, 1, exclude_min=True, exclude_max=True), probability)
@example(1e-10, 0.0)
@example(1 - 1e-10, 1.0)
def test_binary_cross_entropy(p, t):
    x, y = exactly([p, t])
    exact = -y * mp.log(x) - (1 - y) * mp.log1p(-x)
    slopes = [(1 - y) / (1 - x) - y / x, mp.log1p(-x) - mp.log(x)]
    refuse_inexact(tg.binary_cross_entropy(p, t), [exact], [slopes], [p, t])


@many
@given(st.lists(moderate | anything, min_size=1, max_size=6), st.sampled_from([1, 1.5, 2, 3, 10]))
@example([3e200, 4e200], 2)
@example([3e-200, 4e-200], 2)
@example([5e-324, 5e-324], 2)
@example([1e300, 1e-300], 3)
def test_norms(w, p):
    xs = [abs(x) for x in exactly(w)]
    exact = mp.fsum(x**p for x in xs) ** (mp.mpf(1) / p)
    slopes = [(x / exact) ** (p - 1) if exact else mp.mpf(0) for x in xs]
    with np.errstate(over="ignore"):  # the ℓ1 norm is a plain sum
        refuse_inexact(tg.norm(w, p), [exact], [slopes], w)


# --- gradients -----------------------------------------------------------------------------------


def refuse_inexact_gradient(found, exact):
    for got, true in zip(np.ravel(found), exact, strict=True):
        assert abs(mp.mpf(float(got)) - true) <= mp.mpf("1e-13") * max(1, abs(true)), (got, true)


near = st.floats(-40, 40)
pairs = st.lists(st.tuples(near, st.floats(-1, 1)), min_size=1, max_size=6)


@many
@given(pairs)
@example([(40.0, 1.0), (0.0, 0.0)])
@example([(-1e-300, 1.0), (1e-300, -1.0)])
def test_gradients_of_softmax_and_its_relatives(columns):
    z, g = (list(column) for column in zip(*columns, strict=True))
    xs, gs = exactly(z), exactly(g)
    a = softmax_of(xs)
    mean = mp.fsum(x * y for x, y in zip(a, gs, strict=True))
    exact = [x * (y - mean) for x, y in zip(a, gs, strict=True)]
    refuse_inexact_gradient(tg.vjp(tg.softmax, z)[1](g), exact)
    exact = [y - x * mp.fsum(gs) for x, y in zip(a, gs, strict=True)]
    refuse_inexact_gradient(tg.vjp(tg.log_softmax, z)[1](g), exact)
    refuse_inexact_gradient(tg.grad(tg.logsumexp)(z), a)


@many
@given(st.lists(st.tuples(near, probability), min_size=1, max_size=5))
@example([(40.0, 1.0), (0.0, 0.0)])
def test_gradients_of_cross_entropies(rows):
    z, y = (list(column) for column in zip(*rows, strict=True))
    xs, ys = exactly(z), exactly(y)
    exact = [a * mp.fsum(ys) - t for a, t in zip(softmax_of(xs), ys, strict=True)]
    refuse_inexact_gradient(tg.grad(tg.softmax_cross_entropy)(z, y), exact)
    exact = [sigmoid_of(x) - t for x, t in zip(xs, ys, strict=True)]
    found = tg.grad(lambda z: tg.sigmoid_cross_entropy(z, np.array(y), reduction="sum"))(z)
    refuse_inexact_gradient(found, exact)


@many
@given(st.lists(anything, min_size=1, max_size=6), st.sampled_from([1.5, 2, 3, 10]))
@example([3e200, 4e200], 2)
@example([1.7e308, 1.7e308], 3)
@example([5e-324, 1e-323], 2)
def test_gradients_of_norms(w, p):
    xs = exactly(w)
    length = mp.fsum(abs(x) ** p for x in xs) ** (mp.mpf(1) / p)
    exact = [mp.sign(x) * (abs(x) / length) ** (p - 1) if length else mp.mpf(0) for x in xs]
    refuse_inexact_gradient(tg.grad(tg.norm)(w, p), exact)


def refuse_lost_digits(found, exact):
    """Relative to the exact one, however small it is."""
    for got, true in zip(np.ravel(found), exact, strict=True):
        assert abs(mp.mpf(float(got)) - true) <= mp.mpf("1e-13") * abs(true), (got, true)


@many
@given(st.lists(near, min_size=1, max_size=6), st.data())
@example([40.0, 0.0], None)
@example([20.0, 0.0, 0.0], None)
@example([0.0, 0.0], None)
def test_gradients_of_one_class_keep_their_digits(z, data):
    """Where a is near 1, 1 - a is the sum of the other probabilities."""
    k = 0 if data is None else data.draw(st.integers(0, len(z) - 1))
    a = softmax_of(exactly(z))
    not_k = mp.fsum(a[:k] + a[k + 1 :])
    loss = [-not_k if i == k else a[i] for i in range(len(a))]
    y = np.eye(len(z))[k]
    refuse_lost_digits(tg.grad(tg.softmax_cross_entropy)(z, np.int64(k)), loss)
    refuse_lost_digits(tg.grad(tg.softmax_cross_entropy)(z, y), loss)
    refuse_lost_digits(tg.vjp(tg.log_softmax, z)[1](y), [-x for x in loss])
    refuse_lost_digits(tg.vjp(tg.softmax, z)[1](y), [-x * a[k] for x in loss])


@many
@given(near)
@example(-40.0)
@example(19.1)
def test_gradients_that_do_not_cancel(x):
    """Relative to the exact one, however small it is."""
    exact = mp.mpf(x)
    for f, true in (
        (tg.tanh, mp.sech(exact) ** 2),
        (tg.sigmoid, sigmoid_of(exact) * sigmoid_of(-exact)),
        (tg.expm1, mp.exp(exact)),
        (tg.arctan, 1 / (1 + exact**2)),
        (tg.arcsinh, 1 / mp.sqrt(1 + exact**2)),
    ):
        assert abs(mp.mpf(float(tg.grad(f)(x))) - true) <= mp.mpf("1e-13") * true, f


def test_the_tails_of_short_floats_are_exact():
    x = np.linspace(-9, 9, 37, dtype=np.float32)
    exact = np.array([float(mp.ncdf(mp.mpf(float(each)))) for each in x])
    np.testing.assert_allclose(tg.normal_cdf(x), exact, rtol=2 * np.finfo(np.float32).eps)
