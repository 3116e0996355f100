"""Any shapes, any values, any dtype: what holds of every operation, whatever it is given.

Shapes with no axes, with axes of length 0 and 1; ±0, subnormal, huge and infinite numbers and NaN.
Where values are infinite, NumPy's warnings are no matter here; what must be silent is tested so.
"""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY

# Thousands of draws, and no line of the operations that other tests do not reach.
pytestmark = pytest.mark.usefixtures("untraced")

#: How many examples `make test` draws, and `make test-deep`.
counted = pytest.mark.parametrize(
    "examples", [10, pytest.param(1000, marks=pytest.mark.deep)], ids=["quick", "deep"]
)
dtypes = st.sampled_from([np.float16, np.float32, np.float64])
ENTRYWISE = sorted(name for name, op in REGISTRY.items() if op.sealed and op.elementwise)
BITS = {"bitwise_and", "bitwise_or", "bitwise_xor", "invert"}  # of whole numbers alone
ENTRYWISE = [name for name in ENTRYWISE if name not in BITS]
ENTRYWISE.remove("dropout")  # whose rate is one number
ENTRYWISE.remove("tanh_slope")  # whose arguments have one shape: x and tanh x

#: Operations that make a number of NaN, and why.
NUMBERS_FROM_NAN = {
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater"), "a statement"),
    **dict.fromkeys(("greater_equal", "isnan", "isinf", "isfinite", "signbit"), "a statement"),
    **dict.fromkeys(("logical_and", "logical_or", "logical_xor", "logical_not"), "a statement"),
    **dict.fromkeys(("fmax", "fmin"), "the other number is taken"),
    "where": "the branch that was not chosen",
    "power": "NaN^0 = 1 = 1^NaN, as in NumPy and C",
    "hypot": "∞ whatever the other is, as in NumPy and C",
}
#: Fused operations: exact and silent for every number, finite or not.
SILENT = ("sigmoid", "softplus", "gelu", "relu", "normal_cdf", "logaddexp", "share")


def special_numbers(dtype):
    info = np.finfo(dtype)
    special = [0.0, -0.0, 1.0, -1.0, 0.5, info.max, -info.max, info.tiny, np.inf, -np.inf, np.nan]
    special += [float(info.smallest_subnormal), -float(info.smallest_subnormal)]
    return [float(x) for x in special]


@functools.cache  # Hypothesis takes longer to make a strategy than to draw from it
def numbers(dtype):
    """Numbers of a dtype, the special ones often."""
    return st.sampled_from(special_numbers(dtype)) | st.floats(width=np.finfo(dtype).bits)


def all_special(count, dtype):
    """Arrays that broadcast to all combinations of the special numbers."""
    return list(np.ix_(*[np.array(special_numbers(dtype), dtype)] * count))


@st.composite
def broadcastable(draw, count):
    """Arrays of one dtype whose shapes broadcast."""
    shapes = draw(
        hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=2, min_side=0, max_side=2)
    ).input_shapes
    dtype = draw(dtypes)
    return [draw(hnp.arrays(dtype, shape, elements=numbers(dtype))) for shape in shapes]


@st.composite
def lines(draw, min_length=1):
    """An array with at least one axis, and one of its axes."""
    dtype = draw(dtypes)
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    if shape[axis] < min_length:
        shape = (*shape[: axis % len(shape)], min_length, *shape[axis % len(shape) + 1 :])
    return draw(hnp.arrays(dtype, shape, elements=numbers(dtype))), axis


def run(examples, strategy, check):
    """Let Hypothesis look for an example that fails."""
    settings(max_examples=examples)(given(strategy)(check))()


def derivatives(f, arrays):
    """The value, and the gradients for a seed of both signs."""
    xs = [tg.Tensor(a) for a in arrays]
    out = f(*xs)
    seed = (np.arange(out.size) % 5 - 2.0).reshape(out.shape).astype(out.dtype)
    return out.data, tg.gradients(out, xs, seed)


@counted
@pytest.mark.parametrize("name", ENTRYWISE)
def test_entrywise_operations(name, examples):
    op = REGISTRY[name]

    def check(arrays):
        with np.errstate(all="ignore"):
            out, found = derivatives(op, arrays)
            plain = op(*arrays)
            spread = np.broadcast_arrays(*arrays)
            entries = np.array([op(*(x[i] for x in spread)) for i in np.ndindex(out.shape)])
        assert_array_equal(plain, out) if op.inline is not True else None
        # NumPy computes several entries at once, and may round another way there.
        rtol = 8 * np.finfo(arrays[0].dtype).eps
        tiny = float(np.finfo(arrays[0].dtype).smallest_subnormal)
        if op.inline is not True:
            entries = entries.reshape(out.shape)
            if name == "power":  # the layout decides whether NumPy takes the root, NaN at −∞, or ∞
                root = (spread[0] == -np.inf) & (spread[1] == 0.5)
                assert not np.isfinite(out[root]).any()
                entries[root] = out[root]
            assert_allclose(out, entries, rtol=rtol, atol=4 * tiny)
        for gradient, array in zip(found, arrays, strict=True):
            assert (gradient.shape, gradient.dtype) == (array.shape, array.dtype)
        if name not in NUMBERS_FROM_NAN:
            nan = np.logical_or.reduce([np.isnan(x) for x in spread])
            assert np.isnan(out[nan]).all()

    for dtype in (np.float16, np.float32, np.float64):
        check(all_special(op.arity, dtype))
    run(examples, broadcastable(op.arity), check)


@counted
@pytest.mark.parametrize("name", SILENT)
def test_fused_operations_are_silent(name, examples):
    """Warnings are errors here, and no gradient of a number is NaN."""
    op = REGISTRY[name]

    def check(arrays):
        with np.errstate(all="warn", under="ignore"):
            out = op(*arrays)
            finite = np.logical_and.reduce(np.broadcast_arrays(*map(np.isfinite, arrays)))
            assert not np.isnan(out[finite]).any()
            for i, array in enumerate(arrays):
                gradient = op.rules[i](np.ones_like(out), out, *arrays, **saved(op, arrays))
                assert not np.isnan(np.broadcast_to(gradient, out.shape)[finite]).any()
                assert array.dtype == gradient.dtype

    for dtype in (np.float16, np.float32, np.float64):
        check(all_special(op.arity, dtype))
    run(examples, broadcastable(op.arity), check)


def saved(op, arrays):
    return {} if op.saved is None else {"saved": op.forward(*arrays)[1]}


@counted
@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax, tg.logsumexp], ids=lambda f: f.name)
def test_softmax_and_its_relatives(f, examples):
    def check(line):
        x, axis = line
        with np.errstate(all="warn", under="ignore"):
            out, (gradient,) = derivatives(lambda t: f(t, axis=axis), [x])
        assert (gradient.shape, gradient.dtype, out.dtype) == (x.shape, x.dtype, x.dtype)
        rows, outs = np.moveaxis(x, axis, -1), out
        if f is not tg.logsumexp:
            outs = np.moveaxis(out, axis, -1)
        for place in np.ndindex(rows.shape[:-1]):
            row, found = rows[place], outs[place]
            one = f(row)
            assert_allclose(found, one, rtol=8 * np.finfo(x.dtype).eps, atol=1e-7)
            if np.isnan(row).any():
                assert np.isnan(found).all()
            elif f is tg.logsumexp:
                assert not np.isnan(found)
                assert found >= row.max()
            elif row.max() in (np.inf, -np.inf):
                assert np.isnan(found).all()
            elif f is tg.softmax:
                assert math.isclose(found.sum(dtype=float), 1, rel_tol=4 * np.finfo(x.dtype).eps)
            else:
                assert (found <= 0).all()
            if np.isfinite(row).all():
                assert np.isfinite(np.moveaxis(gradient, axis, -1)[place]).all()

    run(examples, lines(), check)


@counted
@pytest.mark.parametrize("p", [1, 1.5, 2, 3, np.inf])
def test_norms(p, examples):
    def check(line):
        x, axis = line
        with np.errstate(all="ignore" if p in (1, np.inf) else "warn", under="ignore"):
            out, (gradient,) = derivatives(lambda t: tg.norm(t, p, axis=axis), [x])
        assert (gradient.shape, gradient.dtype, out.dtype) == (x.shape, x.dtype, x.dtype)
        rows, slopes = np.moveaxis(x, axis, -1), np.moveaxis(gradient, axis, -1)
        for place in np.ndindex(out.shape):
            row, length, slope = rows[place], out[place], slopes[place]
            if np.isnan(row).any():
                assert np.isnan(length)
                continue
            assert length >= np.abs(row).max(initial=0)
            if np.isinf(row).any():
                assert length == np.inf
            if np.isinf(row).sum() < 2:
                assert (np.abs(slope) <= 2 * (1 + 8 * np.finfo(x.dtype).eps)).all()
            if not row.any():
                assert_array_equal(slope, 0)

    run(examples, lines(min_length=0), check)


@counted
def test_sort_and_running_sums(examples):
    def check(line):
        x, axis = line
        with np.errstate(all="ignore"):
            out, (gradient,) = derivatives(lambda t: tg.sort(t, axis), [x])
            sums, (of_sums,) = derivatives(lambda t: tg.cumsum(t, axis), [x])
            assert_array_equal(out, np.sort(x, axis))
            assert_array_equal(sums, np.cumsum(x, axis))
        for found in (gradient, of_sums):
            assert (found.shape, found.dtype) == (x.shape, x.dtype)
        seed = (np.arange(x.size) % 5 - 2.0).reshape(x.shape)
        assert_allclose(gradient.sum(axis), seed.sum(axis), atol=1e-2)  # none is lost
        if x.ndim == 1:  # tied entries have one gradient
            one, other = np.nonzero(x[:, None] == x)
            assert_array_equal(gradient[one], gradient[other])

    run(examples, lines(min_length=0), check)
