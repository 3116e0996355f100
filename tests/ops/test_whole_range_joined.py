"""Any shapes, any values, any dtype: what joins, moves and multiplies entries, and the losses.

What is linear in an argument has an exact oracle: its gradient at entry i is what the operation
gives for an argument that is 1 there and 0 elsewhere.
"""

import math

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tests.ops.test_whole_range import counted, derivatives, dtypes, numbers, run

# Thousands of draws, and no line of the operations that other tests do not reach.
pytestmark = pytest.mark.usefixtures("untraced")

small_numbers = st.integers(-4, 4).map(float)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)


@st.composite
def any_array(draw, shape=shapes, elements=None):
    dtype = draw(dtypes)
    chosen = numbers(dtype) if elements is None else elements
    return draw(hnp.arrays(dtype, shape, elements=chosen))


def unit_arrays(shape, dtype):
    """Arrays that are 1 in one place and 0 elsewhere, one for each place."""
    size = math.prod(shape)
    return np.eye(size, dtype=dtype).reshape(size, *shape)


def refuse_other_gradient(f, arrays, rtol=0.0):
    """Compare the gradient by each argument with what f gives for unit arrays in its place."""
    out, found = derivatives(f, arrays)
    seed = (np.arange(out.size) % 5 - 2.0).reshape(out.shape)
    for k, (array, gradient) in enumerate(zip(arrays, found, strict=True)):
        assert (gradient.shape, gradient.dtype) == (array.shape, array.dtype)
        units = unit_arrays(array.shape, array.dtype)
        values = (f(*arrays[:k], unit, *arrays[k + 1 :]) for unit in units)
        expected = [np.vdot(seed, np.asarray(value, np.float64)) for value in values]
        assert_allclose(gradient.ravel(), expected, rtol=rtol, atol=1e-3 if rtol else 0)


# --- reductions ----------------------------------------------------------------------------------


@st.composite
def reductions(draw, elements=None):
    """An array, the axes to join, and whether to keep them."""
    x = draw(any_array(elements=elements))
    axes = st.lists(st.integers(-x.ndim, x.ndim - 1), max_size=x.ndim) if x.ndim else st.just([])
    chosen = draw(axes)
    assume(len({a % x.ndim for a in chosen}) == len(chosen))
    axis = draw(st.sampled_from([None, tuple(chosen), *chosen[:1]]))
    return x, axis, draw(st.booleans())


@counted
@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std", "ptp"])
def test_reductions(name, examples):
    f = getattr(tg, name)

    def check(drawn):
        x, axis, keepdims = drawn
        joined = tg.count(x, axis)
        with np.errstate(all="ignore"):
            if not joined and name not in ("sum", "prod"):
                with pytest.raises(ValueError, match=f"^{name}: |^max: |^min: "):
                    f(tg.Tensor(x), axis=axis, keepdims=keepdims)
                return
            out, (gradient,) = derivatives(lambda t: f(t, axis=axis, keepdims=keepdims), [x])
            expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
        assert (out.shape, out.dtype) == (expected.shape, expected.dtype)
        usual = np.isfinite(expected) & (np.abs(expected) < 1e4)
        assert_allclose(out[usual], expected[usual], rtol=1e-2 if x.dtype == "f2" else 1e-5)
        if name in ("sum", "prod", "max", "min"):
            assert_array_equal(np.isnan(out), np.isnan(expected))

    run(examples, reductions(), check)


@counted
@pytest.mark.parametrize("name", ["sum", "mean"])
def test_gradients_of_linear_reductions(name, examples):
    def check(drawn):
        x, axis, keepdims = drawn
        if name == "sum" or tg.count(x, axis):
            f = getattr(tg, name)
            refuse_other_gradient(lambda t: f(t, axis=axis, keepdims=keepdims), [x], rtol=1e-2)

    run(examples, reductions(small_numbers), check)


@counted
@pytest.mark.parametrize("name", ["max", "min", "ptp"])
def test_gradients_of_extremes_are_shared_by_all_that_are_tied(name, examples):
    def check(drawn):
        x, axis, _ = drawn
        assume(tg.count(x, axis))
        _, (gradient,) = derivatives(lambda t: getattr(tg, name)(t, axis=axis, keepdims=True), [x])
        shape = np.max(x, axis=axis, keepdims=True).shape
        seed = (np.arange(math.prod(shape)) % 5 - 2.0).reshape(shape)
        expected = np.zeros(x.shape)
        for extreme, sign in ((np.max, 1), (np.min, -1)):
            if name in (extreme.__name__, "ptp"):
                tied = x == extreme(x, axis=axis, keepdims=True)
                count = tied.sum(axis=axis, keepdims=True)
                expected += (sign if name == "ptp" else 1) * seed * tied / count
        assert_allclose(gradient, expected, rtol=2e-3, atol=1e-3)

    run(examples, reductions(small_numbers), check)


@counted
def test_gradient_of_prod_is_the_product_of_the_others(examples):
    """Also where one entry is 0, or several are."""

    def check(drawn):
        x, axis, _ = drawn
        assume(axis is None)
        _, (gradient,) = derivatives(tg.prod, [x])
        flat = x.ravel().astype(float)
        others = [np.prod(np.delete(flat, i)) for i in range(x.size)]
        seed = -2.0  # of the only entry of the result
        assert_allclose(gradient.ravel(), seed * np.array(others), rtol=1e-2)

    few = any_array(hnp.array_shapes(min_dims=0, max_dims=2, max_side=2), small_numbers)
    run(examples, few.map(lambda x: (x, None, False)), check)


# --- shapes --------------------------------------------------------------------------------------


@st.composite
def moves(draw):
    """An array and a way to move its entries: our function, and NumPy's."""
    x = draw(any_array())
    n = x.ndim
    axis = draw(st.integers(-n, n - 1)) if n else 0
    other = draw(st.integers(-n, n - 1)) if n else 0
    by = draw(st.integers(0, 3))
    order = draw(st.permutations(range(n)))
    spread = (*draw(hnp.array_shapes(min_dims=0, max_dims=1, min_side=0, max_side=2)), *x.shape)
    ways = [
        (lambda t: tg.reshape(t, -1), lambda a: a.reshape(-1)),
        (lambda t: tg.reshape(t, t.shape[::-1]), lambda a: a.reshape(a.shape[::-1])),
        (lambda t: tg.transpose(t, axes=tuple(order)), lambda a: a.transpose(order)),
        (lambda t: tg.expand_dims(t, axis), lambda a: np.expand_dims(a, axis)),
        (lambda t: tg.broadcast_to(t, spread), lambda a: np.broadcast_to(a, spread)),
        (lambda t: tg.tile(t, by), lambda a: np.tile(a, by)),
        (tg.ravel, np.ravel),
        (tg.flip, np.flip),
        (tg.squeeze, np.squeeze),
        (lambda t: tg.roll(t, by), lambda a: np.roll(a, by)),
        (lambda t: tg.repeat(t, by), lambda a: np.repeat(a, by)),
        (lambda t: tg.pad(t, by), lambda a: np.pad(a, by)),
        (lambda t: t[..., None], lambda a: a[..., None]),
        (lambda t: tg.atleast_2d(t), lambda a: np.atleast_2d(a)),
        (lambda t: tg.stack([t, t]), lambda a: np.stack([a, a])),
    ]
    if n:
        mask = draw(hnp.arrays(bool, x.shape))
        length = x.shape[axis]
        place = st.integers(-max(length, 1), max(length - 1, 0))
        places = draw(st.lists(place, max_size=3 if length else 0))
        index = draw(hnp.basic_indices(x.shape, allow_newaxis=True))
        ways += [
            (lambda t: tg.flip(t, axis), lambda a: np.flip(a, axis)),
            (lambda t: tg.swapaxes(t, axis, other), lambda a: np.swapaxes(a, axis, other)),
            (lambda t: tg.moveaxis(t, axis, other), lambda a: np.moveaxis(a, axis, other)),
            (lambda t: tg.roll(t, by, axis), lambda a: np.roll(a, by, axis)),
            (lambda t: tg.repeat(t, by, axis), lambda a: np.repeat(a, by, axis)),
            (lambda t: tg.take(t, places, axis), lambda a: np.take(a, np.array(places, int), axis)),
            (lambda t: tg.concatenate([t, t], axis), lambda a: np.concatenate([a, a], axis)),
            (lambda t: tg.array_split(t, 2, axis)[0], lambda a: np.array_split(a, 2, axis)[0]),
            (lambda t: tg.cumsum(t, axis), None),
            (lambda t: t[index], lambda a: a[index]),
            (lambda t: t[mask], lambda a: a[mask]),
        ]
    if n >= 2:
        ways += [
            (lambda t: tg.tril(t, by - 1), lambda a: np.tril(a, by - 1)),
            (lambda t: tg.triu(t, by - 1), lambda a: np.triu(a, by - 1)),
            (lambda t: tg.diagonal(t, by - 1), lambda a: np.diagonal(a, by - 1)),
            (lambda t: tg.trace(t, by - 1), None),
        ]
    return x, *draw(st.sampled_from(ways))


@counted
def test_what_moves_entries(examples):
    def check(drawn):
        x, ours, numpys = drawn
        with np.errstate(all="ignore"):
            refuse_other_gradient(ours, [x])
            if numpys is not None:
                out = ours(tg.Tensor(x)).data
                assert out.dtype == x.dtype
                assert_array_equal(out, numpys(x))

    run(2 * examples, moves(), check)


# --- products ------------------------------------------------------------------------------------

SUBSCRIPTS = {
    "matmul": (np.matmul, "(n?,k),(k,m?)->(n?,m?)"),
    "outer": (np.outer, "(n),(m)->(n,m)"),
    "vdot": (np.vdot, "(n),(n)->()"),
}


@counted
@pytest.mark.parametrize("name", SUBSCRIPTS)
def test_products(name, examples):
    """Of every pair of shapes that NumPy multiplies."""
    f, (numpys, signature) = getattr(tg, name), SUBSCRIPTS[name]
    drawn_shapes = hnp.mutually_broadcastable_shapes(
        signature=signature, max_dims=1 if name == "matmul" else 0, min_side=0, max_side=3
    )

    @st.composite
    def pairs(draw):
        left, right = draw(drawn_shapes).input_shapes
        dtype = draw(dtypes)
        entries = draw(st.sampled_from([small_numbers, numbers(dtype)]))
        a, b = (draw(hnp.arrays(dtype, shape, elements=entries)) for shape in (left, right))
        return a, b, entries is small_numbers

    def check(drawn):
        a, b, exact = drawn
        with np.errstate(all="ignore"):
            out, found = derivatives(f, [a, b])
            assert_array_equal(out, numpys(a, b))
        assert out.dtype == a.dtype
        for x, gradient in zip((a, b), found, strict=True):
            assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
        if exact:
            refuse_other_gradient(f, [a, b])

    run(examples, pairs(), check)


@counted
@pytest.mark.parametrize("name", ["dot", "inner", "kron", "tensordot"])
def test_products_of_whole_arrays(name, examples):
    f, numpys = getattr(tg, name), getattr(np, name)

    @st.composite
    def pairs(draw):
        k = draw(st.integers(0, 2))
        lead, rest = (
            draw(hnp.array_shapes(min_dims=0, max_dims=1, min_side=0, max_side=2)) for _ in "ab"
        )
        left = (*lead, k)
        right = {"dot": (k, *rest), "inner": (*rest, k), "kron": rest}.get(name, (k, *rest))
        dtype = draw(dtypes)
        return [draw(hnp.arrays(dtype, shape, elements=small_numbers)) for shape in (left, right)]

    def check(drawn):
        extra = (1,) if name == "tensordot" else ()
        out = f(*map(tg.Tensor, drawn), *extra)
        assert_array_equal(out.data, numpys(*drawn, *extra))
        refuse_other_gradient(lambda a, b: f(a, b, *extra), drawn)

    run(examples, pairs(), check)


@counted
def test_sums_of_products_by_subscripts(examples):
    """Any subscripts: repeated, summed, spread over and kept indices of up to three arrays."""

    @st.composite
    def calls(draw):
        lengths = {c: draw(st.integers(0, 3)) for c in "ijk"}
        terms = draw(st.lists(st.text("ijk", max_size=3), min_size=1, max_size=3))
        used = sorted(set("".join(terms)))
        kept = "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
        dtype = draw(dtypes)
        arrays = [
            draw(
                hnp.arrays(
                    dtype, [lengths[c] for c in term], elements=st.integers(-2, 2).map(float)
                )
            )
            for term in terms
        ]
        return ",".join(terms) + "->" + kept, arrays

    def check(drawn):
        subscripts, arrays = drawn
        out = tg.einsum(subscripts, *map(tg.Tensor, arrays))
        assert_array_equal(out.data, np.einsum(subscripts, *arrays))
        refuse_other_gradient(lambda *xs: tg.einsum(subscripts, *xs), arrays)

    run(examples, calls(), check)


# --- losses --------------------------------------------------------------------------------------


@st.composite
def classified(draw):
    """Logits of any value, with labels or distributions."""
    shape = draw(st.sampled_from([(1,), (3,), (1, 1), (2, 3), (3, 2), (1, 4)]))
    dtype = draw(dtypes)
    z = draw(
        hnp.arrays(
            dtype,
            shape,
            elements=draw(st.sampled_from([numbers(dtype), st.floats(-30, 30, width=16)])),
        )
    )
    labels = draw(hnp.arrays(np.int64, shape[:-1], elements=st.integers(0, shape[-1] - 1)))
    if draw(st.booleans()):
        return z, labels
    weights = draw(hnp.arrays(dtype, shape, elements=st.sampled_from([0.0, 0.25, 1.0])))
    return z, weights


@counted
def test_softmax_cross_entropy(examples):
    """Silent; each example by itself; NaN stays; gradients are finite where logits are."""

    def check(drawn):
        z, y = drawn
        with np.errstate(all="warn", under="ignore"):
            out, (gradient,) = derivatives(lambda t: tg.softmax_cross_entropy(t, y, "none"), [z])
        assert (gradient.shape, gradient.dtype, out.dtype) == (z.shape, z.dtype, z.dtype)
        seed = (np.arange(out.size) % 5 - 2.0).reshape(out.shape)
        info = np.finfo(z.dtype)
        for place in np.ndindex(z.shape[:-1]):
            row, target, loss = z[place], y[place], out[place]
            assert_array_equal(loss, tg.softmax_cross_entropy(row, target))
            if np.isnan(row).any() or row.max() == np.inf:
                assert np.isnan(loss)
            elif np.isfinite(row).all():
                exact = float(tg.softmax_cross_entropy(row.astype(float), target.astype(y.dtype)))
                scale = 10 + np.abs(row.astype(float) / 8).max()
                if exact < float(info.max):
                    assert abs(loss - exact) <= 64 * info.eps * max(1, target.ndim * 4) * scale
                slopes = gradient[place]
                assert np.isfinite(slopes).all()
                assert abs(slopes.sum(dtype=float)) <= 32 * info.eps * (1 + abs(seed[place]) * 4)

    run(2 * examples, classified(), check)


@counted
@pytest.mark.parametrize(
    "name", ["mean_squared_error", "mean_absolute_error", "sigmoid_cross_entropy"]
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_entry_by_entry(name, reduction, examples):
    loss = getattr(tg, name)

    @st.composite
    def pairs(draw):
        x = draw(any_array())
        t = draw(hnp.arrays(x.dtype, x.shape, elements=st.sampled_from([0.0, 0.25, 1.0])))
        return x, t

    def check(drawn):
        x, t = drawn
        with np.errstate(all="ignore"):
            if x.ndim and not x.size and reduction == "mean":
                with pytest.raises(ValueError, match=f"^{name}: an empty batch"):
                    loss(x, t)
                return
            out, (gradient,) = derivatives(lambda u: loss(u, t, reduction), [x])
            one_by_one = [loss(x[place], t[place], "none") for place in np.ndindex(x.shape)]
        assert (gradient.shape, gradient.dtype, out.dtype) == (x.shape, x.dtype, x.dtype)
        if reduction == "none":
            assert out.shape == x.shape
            assert_allclose(out.ravel(), np.ravel(one_by_one), rtol=8 * np.finfo(x.dtype).eps)
        else:
            assert out.shape == ()
            assert np.isnan(out) or out >= 0
        assert not np.isnan(x).any() or np.isnan(out).any()
        finite = np.isfinite(x) & (np.abs(x) < np.sqrt(np.finfo(x.dtype).max))
        assert np.isfinite(gradient[finite]).all() or np.isnan(out).any() or np.isinf(out).any()

    run(examples, pairs(), check)


@counted
@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence", "entropy"])
def test_losses_of_distributions(name, examples):
    """At least 0; 0 · log 0 is 0; and no gradient of positive probabilities is NaN."""

    @st.composite
    def pairs(draw):
        shape = draw(st.sampled_from([(1,), (3,), (2, 3), (3, 1)]))
        dtype = draw(st.sampled_from([np.float32, np.float64]))
        weights = [
            draw(hnp.arrays(dtype, shape, elements=st.integers(0, 4).map(float))) for _ in "pq"
        ]
        assume(all((w.sum(-1) > 0).all() for w in weights))
        return [w / w.sum(-1, keepdims=True) for w in weights]

    def check(drawn):
        p, q = drawn
        if name == "cross_entropy" and set(q.flat) <= {0, 1} and not set(p.flat) <= {0, 1}:
            return  # it may be refused: these look like targets and probabilities, exchanged
        with np.errstate(all="ignore"):
            arrays = [p] if name == "entropy" else [q, p] if name == "cross_entropy" else [p, q]
            out, found = derivatives(lambda *xs: getattr(tg, name)(*xs, "none"), arrays)
            logs = np.log(np.where(p == 0, 1, p)), np.log(np.where((p == 0) | (q == 0), 1, q))
            never = ((p > 0) & (q == 0)).any(-1)
        expected = {
            "entropy": -(p * logs[0]).sum(-1),
            "cross_entropy": np.where(never, np.inf, -(p * logs[1]).sum(-1)),
            "kl_divergence": np.where(never, np.inf, (p * (logs[0] - logs[1])).sum(-1)),
        }[name]
        assert out.shape == p.shape[:-1]
        assert_allclose(out, expected, rtol=1e-5, atol=1e-6)
        for x, gradient in zip(arrays, found, strict=True):
            assert (gradient.shape, gradient.dtype) == (x.shape, x.dtype)
            assert not np.isnan(gradient[(p > 0) & (q > 0)]).any()

    run(examples, pairs(), check)
