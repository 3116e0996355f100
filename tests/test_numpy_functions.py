"""NumPy's functions on Tensors: NumPy's own results and arguments, or a refusal by name."""

import inspect
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tests.fold import fold
from tests.samples import CASES, arrays, by_name
from tinygrad_edu.catalogue import catalogue
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.numpy_functions import ANSWERED, FUNCTIONS, RENAMED, SAME

ROOT = Path(__file__).resolve().parent.parent
X = np.array([[3.0, -1.0, 2.0], [0.5, 4.0, -2.5]])
SQUARE = np.array([[2.0, 1.0], [0.5, 3.0]])


def plain(found):
    """Tensors as arrays, also inside lists and tuples."""
    if isinstance(found, list | tuple):
        return [plain(each) for each in found]
    return found.data if isinstance(found, tg.Tensor) else found


# What is called otherwise in tests/samples.py, or takes its arguments in another way.
OTHERWISE = {"concatenate", "stack", "einsum", "split", "array_split", "clip"}
OTHERWISE |= {"vstack", "hstack", "dstack", "column_stack", "swapaxes", "astype"}


@pytest.mark.parametrize(
    "cases", by_name([case for case in CASES if case.name in set(SAME) - OTHERWISE])
)
def test_numpy_gives_the_same_numbers(cases):
    fold("NumPy", [(str(case), partial(numpy_gives_the_same_numbers, case)) for case in cases])


def numpy_gives_the_same_numbers(case):
    args = case.arguments()
    try:
        inspect.signature(getattr(np, case.name)).bind(*args, **case.attributes)
    except TypeError:
        assert NUMPY < "2.3.0"  # which gave the last of them its name or default
        return
    except ValueError:
        pass  # a ufunc, which does not say what it takes
    found = getattr(np, case.name)(*args, **case.attributes)
    expected = getattr(np, case.name)(*arrays(args), **case.attributes)
    if case.differentiable:
        assert isinstance(found, tg.Tensor)
        assert case.name not in REGISTRY or found.op.name == case.name
    assert plain(found).shape == expected.shape
    assert plain(found).dtype == expected.dtype
    assert_allclose(plain(found), expected, rtol=1e-13, atol=1e-15)


NUMPY = np.lib.NumpyVersion(np.__version__)
CALLS = {
    "positional keepdims": lambda x: np.sum(x, 0, None, None, True),
    "keyword array": lambda x: np.sum(a=x, axis=-1),
    "keyword arrays": lambda x: np.dot(a=x, b=X.T),
    "where": lambda x: np.where(x > 0, x, 0),
    "ufunc beside an array": lambda x: np.hypot(X, x),
    "clip by place": lambda x: np.clip(x, -1, 2),
    "clip by name": lambda x: np.clip(x, a_min=None, a_max=1),
    **({"clip by NumPy 2.1's name": lambda x: np.clip(x, min=0)} if NUMPY >= "2.1.0" else {}),
    "sample variance": lambda x: np.var(x, axis=0, ddof=1),
    "deviation": lambda x: np.std(x, 1, None, None, 1),
    "average": lambda x: np.average(x, axis=1, weights=[1.0, 2.0, 3.0]),
    "round": lambda x: np.round(x, 1),
    "sort": lambda x: np.sort(x, axis=0),
    "sort all": lambda x: np.sort(x, None),
    "argmax": lambda x: np.argmax(x, axis=1),
    "pick by argmax": lambda x: np.take_along_axis(x, np.argsort(x), axis=-1),
    "split": lambda x: np.split(x, [1, 2], axis=1),
    "split evenly": lambda x: np.array_split(x, 2, axis=1),
    "split beyond": lambda x: np.split(x, [2, 7], axis=1),
    "vstack": lambda x: np.vstack([x, X[0]]),
    "hstack": lambda x: np.hstack([x, X]),
    "hstack numbers": lambda x: np.hstack([x[0, 0], 2.0]),
    "dstack": lambda x: np.dstack((X, x)),
    "column_stack": lambda x: np.column_stack([x[0], X[1]]),
    "concatenate": lambda x: np.concatenate([x, X], axis=1),
    "stack": lambda x: np.stack([x, X], axis=-1),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, X),
    "norm": np.linalg.norm,
    "norm over an axis": lambda x: np.linalg.norm(x, axis=1, keepdims=True),
    "sum of magnitudes": lambda x: np.linalg.norm(x, 1, 1),
    "largest magnitude": lambda x: np.linalg.norm(x, np.inf, axis=0),
    "Frobenius": lambda x: np.linalg.norm(x, "fro"),
    "vector norm": lambda x: np.linalg.vector_norm(x, ord=3),
    "trace of the last axes": lambda x: np.linalg.trace(x[None]),
    "diagonal of the last axes": lambda x: np.linalg.diagonal(x[None], offset=1),
    "atleast": lambda x: np.atleast_3d(x, X[0]),
    "tile a longer shape": lambda x: np.tile(x, (2, 1, 2)),
    "pad": lambda x: np.pad(x, ((0, 1), (2, 0)), constant_values=7),
    "pad one axis": lambda x: np.pad(x, ((0, 0), (1, 2))) if x is X else tg.pad(x, {-1: (1, 2)}),
    "tensordot": lambda x: np.tensordot(x, X, ((1,), (1,))),
    "einsum of one and of two axes": lambda x: np.einsum("...i,...i", x[0], x),
    "running sums of a number": lambda x: np.cumsum(x[0, 0], axis=0),
    "repeat a number": lambda x: np.repeat(x[0, 0], 3, axis=0),
    "float power": lambda x: np.float_power(x, 2),
    "statements": lambda x: np.logical_and(np.isfinite(x), x > 0),
    "transpose": lambda x: np.transpose(x, (1, 0)),
    "like": np.zeros_like,
    "any": lambda x: np.any(x > 3, axis=0),
    "allclose": lambda x: np.allclose(x, X),
    "nonzero": lambda x: list(np.nonzero(x > 0)),
}


@pytest.mark.parametrize("name", CALLS)
def test_numpy_takes_its_own_arguments(name):
    found, expected = plain(CALLS[name](tg.Tensor(X))), CALLS[name](X)
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
    else:
        found, expected = [found], [expected]
    for one, other in zip(found, expected, strict=True):
        assert np.shape(one) == np.shape(other)
        assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("name", [name for name in CALLS if name not in ("allclose", "statements")])
def test_what_is_a_tensor_stays_in_the_graph(name):
    x = tg.Tensor(X)
    found = CALLS[name](x)
    for each in found if isinstance(found, list | tuple) else [found]:
        if isinstance(each, tg.Tensor) and each.dtype == X.dtype:
            assert tg.gradients(each, x, np.ones(each.shape)).shape == X.shape
        else:
            assert isinstance(each, tg.Tensor | np.ndarray)


T = tg.Tensor(SQUARE)
REFUSED = {
    "out": (lambda: np.exp(T, out=np.zeros((2, 2))), r"^np.exp: out= is not supported"),
    "out by place": (lambda: np.sum(T, 0, None, np.zeros(2)), r"^np.sum: out="),
    "where": (lambda: np.sum(T, where=[True, False]), r"^np.sum: where="),
    "where of a ufunc": (lambda: np.add(T, 1, where=False), r"^np.add: where="),
    "dtype": (lambda: np.cumsum(T, 0, np.float32), r"^np.cumsum: dtype="),
    "initial": (lambda: np.max(T, initial=3), r"^np.max: initial="),
    "mode": (lambda: np.take(T, 0, mode="clip"), r"^np.take: mode="),
    "returned": (lambda: np.average(T, returned=True), r"^np.average: returned="),
    "prepend": (lambda: np.diff(T, prepend=0), r"^np.diff: prepend="),
    "order": (lambda: np.reshape(T, 4, order="F"), r"^np.reshape: order="),
    "operator norm": (lambda: np.linalg.norm(T, 2), r"^np.linalg.norm: ord=2 .*not supported"),
    "svd": (lambda: np.linalg.svd(T), r"^np.linalg.svd: decompositions and solvers are outside"),
    "inv": (lambda: np.linalg.inv(T), r"^np.linalg.inv: decompositions and solvers are outside"),
    "fft": (lambda: np.fft.fft(T), r"^np.fft.fft: Fourier transforms are outside"),
    "real": (lambda: np.real(T), r"^np.real: complex numbers are outside"),
    "conjugate": (lambda: np.conj(T), r"^np.conjugate: complex numbers are outside"),
    "unknown": (lambda: np.median(T), r"^np.median: not supported on a Tensor; use \.data"),
    "unknown ufunc": (lambda: np.spacing(T), r"^np.spacing: not supported"),
    "method": (lambda: np.add.reduce(T), r"^np.add.reduce: not supported"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_supported_is_refused_by_name(name):
    call, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        call()


@pytest.mark.parametrize(
    ("shift", "axis"),
    [((1, 2), None), ((1, 2), 1), ((1, -3), (1, 1)), (1, (1, 1)), ((2,), (0, 1)), ((1, 2), (0, 1))],
)
def test_roll_takes_shifts_and_axes_of_different_lengths(shift, axis):
    x = np.arange(15.0).reshape(3, 5)
    assert_array_equal(np.roll(tg.Tensor(x), shift, axis).data, np.roll(x, shift, axis))


def test_positive_keeps_the_graph():
    x = tg.Tensor([1.0, -2.0])
    assert_array_equal(tg.gradients((np.positive(x) * [3.0, 4.0]).sum(), x), [3, 4])


@pytest.mark.parametrize("f", [tg.softmax, tg.log_softmax, tg.logsumexp], ids=lambda f: f.name)
@pytest.mark.parametrize("axis", [None, (0, 1)])
def test_classes_are_along_one_axis(f, axis):
    with pytest.raises(TypeError, match=rf"{f.name}: axis=.* is not one axis"):
        f(np.ones((2, 3)), axis=axis)


def test_a_method_of_arrays_alone_says_where_it_is():
    with pytest.raises(AttributeError, match=r"no attribute 'astype'; .*\.data\.astype"):
        tg.Tensor([1.0]).astype(np.float32)
    assert not hasattr(tg.Tensor([1.0]), "tolist")
    assert "tolist" not in dir(tg.Tensor([1.0]))
    assert not hasattr(tg.Tensor, "__getattr__")  # Python would look up every attribute slowly
    with pytest.raises(AttributeError, match=r"no attribute 'colour'"):
        _ = tg.Tensor([1.0]).colour
    assert not hasattr(tg.Tensor([1.0]), "__array_interface__")


WRONG = {
    "flip": (lambda: tg.flip(T, 2), "flip: axis 2"),
    "roll": (lambda: tg.roll(T, (1, 2, 1), (0, 1)), "roll: 3 shifts for 2 axes"),
    "tile": (lambda: tg.tile(T, -1), "tile: -1 repeats"),
    "repeat": (lambda: tg.repeat(T, [1, 2, 3], 0), "repeat: .* for 2 entries along axis 0"),
    "repeat negative": (lambda: tg.repeat(T, -1, 0), "repeat: -1 repeats"),
    "pad mode": (lambda: tg.pad(T, 1, "mean"), "pad: no mode 'mean'"),
    "pad widths": (lambda: tg.pad(T, (1, 2, 3)), "pad: pad_width = .* does not fit 2 axes"),
    "pad negative": (lambda: tg.pad(T, -1), "pad: a width of -1"),
    "split": (lambda: tg.split(T, 3), "split: an axis of length 2 into 3 equal parts"),
    "array_split": (lambda: tg.array_split(T, 0), "array_split: 0 parts"),
    "moveaxis": (lambda: tg.moveaxis(T, (0, 1), 0), "moveaxis: from"),
    "take_along_axis": (lambda: tg.take_along_axis(T, [0]), r"take_along_axis: places of shape"),
    "take_along_axis beyond": (lambda: tg.take_along_axis(T, [[5], [0]]), "take_along_axis: shape"),
    "diagonal": (lambda: tg.diagonal(T, 0, 1, -1), "diagonal: axis 1 and axis -1"),
    "diag": (lambda: tg.diag(T[None]), r"diag: shape \(1, 2, 2\)"),
    "tril": (lambda: tg.tril(T[0]), r"tril: shape \(2,\)"),
    "sort": (lambda: tg.sort(T, 5), "sort: axis 5"),
    "cumsum": (lambda: tg.cumsum(T, -3), "cumsum: axis -3"),
    "diff": (lambda: tg.diff(T, -1), "diff: -1 times"),
    "average": (lambda: tg.average(T, weights=[1.0]), r"average: weights of shape \(1,\)"),
    "dot": (lambda: tg.dot(T, T[None, :1]), r"dot: shapes \(2, 2\) and \(1, 1, 2\) do not fit"),
    "tensordot": (lambda: tg.tensordot(T, T[:1], 1), "tensordot: axes .* do not fit"),
    "tensordot axes": (lambda: tg.tensordot(T, T, 3), "tensordot: 3 axes"),
    "argmax": (lambda: tg.argmax(T, axis=4), "argmax: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_explained(name):
    call, message = WRONG[name]
    with pytest.raises(ValueError, match=f"^{message}"):
        call()


def test_places_are_whole_numbers():
    with pytest.raises((TypeError, ValueError), match=r"^take_along_axis: .*integer"):
        tg.take_along_axis(T, [[0.5, 1.0]])


# --- where there is no derivative, or nothing but special values ---------------------------------


def test_ties_share_in_sort_ptp_fmax_and_fmin():
    x = tg.Tensor([2.0, 1.0, 2.0, 2.0])
    weights = np.array([1.0, 3.0, 5.0, 10.0])
    assert_array_equal(tg.gradients((tg.sort(x) * weights).sum(), x), [6, 1, 6, 6])
    assert_array_equal(tg.gradients(tg.ptp(x) * 3, x), [1, -3, 1, 1])
    for f in (tg.fmax, tg.fmin):
        one, other = tg.Tensor(1.0), tg.Tensor(1.0)
        assert tg.gradients(f(one, other), [one, other]) == [0.5, 0.5]


@pytest.mark.parametrize("f", [tg.fmax, tg.fmin])
def test_the_number_beside_nan_takes_all(f):
    x, y = tg.Tensor([np.nan, 1.0, np.nan]), tg.Tensor([2.0, np.nan, np.nan])
    out = f(x, y)
    assert_array_equal(out.data, [2, 1, np.nan])
    of_x, of_y = tg.gradients(out, [x, y], np.ones(3))
    assert_array_equal(of_x, [0, 1, 1])
    assert_array_equal(of_y, [1, 0, 1])


def test_sort_puts_nan_last_and_shares_its_gradient():
    x = tg.Tensor([np.nan, 2.0, np.nan, -np.inf])
    out = tg.sort(x)
    assert_array_equal(out.data, [-np.inf, 2, np.nan, np.nan])
    assert_array_equal(tg.gradients(out, x, [1.0, 2.0, 3.0, 5.0]), [4, 2, 4, 1])


@pytest.mark.parametrize(
    ("x", "y", "expected"),
    [
        (0.0, 0.0, [0, 0]),
        (3e200, 4e200, [0.6, 0.8]),
        (1.5e308, 1.5e308, [0.5**0.5, 0.5**0.5]),
        (3e-320, 4e-320, [0.6, 0.8]),
        (np.inf, 1.0, [1, 0]),
        (1.0, -np.inf, [0, -1]),
        (np.inf, np.inf, [np.nan, np.nan]),
        (np.nan, 1.0, [np.nan, np.nan]),
    ],
)
def test_hypot_over_the_whole_range(x, y, expected):
    one, other = tg.Tensor(x), tg.Tensor(y)
    with np.errstate(over="ignore"):
        length = tg.hypot(one, other)
    assert_allclose(
        tg.gradients(length, [one, other]), expected, rtol=1e-3 if x < 1e-300 else 1e-15
    )


@pytest.mark.parametrize("x", [0.0, 1e-8, 1.0, 20.0, 300.0, 1e200])
def test_gradients_do_not_cancel_or_overflow_far_out(x):
    sech2 = 4 * np.exp(-2 * x) / (1 + np.exp(-2 * x)) ** 2
    assert_allclose(tg.grad(tg.tanh)(x), sech2, rtol=1e-14)
    assert_allclose(tg.grad(tg.tanh)(-x), sech2, rtol=1e-14)
    assert_allclose(tg.grad(tg.expm1)(-x), np.exp(-x), rtol=1e-15)
    assert_allclose(tg.grad(tg.arctan)(x), 1 / (1 + x * x) if x < 1e100 else 0, rtol=1e-14)
    assert_allclose(tg.grad(tg.arcsinh)(x), 1 / np.hypot(1, x), rtol=1e-15)
    assert_allclose(tg.grad(tg.arccosh)(1 + x), 1 / np.sqrt(x) / np.sqrt(2 + x)) if x else None
    assert_allclose(tg.grad(tg.logaddexp)(-x, x), np.exp(-2 * x) / (1 + np.exp(-2 * x)), rtol=1e-14)


def test_arctan2_has_a_direction_everywhere_but_at_the_origin():
    for y, x, expected in ((1e200, 1e200, 0.5e-200), (0.0, np.inf, 0), (np.inf, 1.0, 0)):
        assert_allclose(tg.grad(tg.arctan2)(y, x), expected, rtol=1e-15)
    with np.errstate(invalid="ignore"):
        assert np.isnan(tg.grad(tg.arctan2)(0.0, 0.0))


def test_logaddexp_of_infinities():
    inf = np.inf
    assert tg.logaddexp(-inf, -inf) == -inf
    assert tg.logaddexp(inf, 1.0) == inf
    assert tg.grad(tg.logaddexp)(inf, 1.0) == 1
    assert tg.grad(tg.logaddexp)(1.0, inf) == 0
    assert np.isnan(tg.grad(tg.logaddexp)(-inf, -inf))  # no limit


def test_triangles_hide_nan():
    x = np.array([[1.0, np.nan], [2.0, np.inf]])
    assert_array_equal(tg.grad(lambda t: tg.sum(tg.tril(t, -1)))(x), [[0, 0], [1, 0]])


# --- formulas ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (tg.square, "2·x"),
        (tg.reciprocal, "−1/x²"),
        (tg.sin, "cos(x)"),
        (tg.arctan, "1/(1 + x²)"),
        (tg.tanh, "1 − tanh(x)²"),
        (tg.expm1, "exp(x)"),
        (tg.cosh, "sinh(x)"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_gradients_as_formulas(f, expected):
    x = tg.Tensor([0.5, 0.7], name="x")
    assert str(tg.derive(f(x).sum(), wrt=x).result) == expected


def test_gradients_of_pairs_as_formulas():
    x, y = tg.Tensor([0.5, 0.7], name="x"), tg.Tensor([1.5, 0.2], name="y")
    for f, expected in (
        (tg.hypot, "x/hypot(x, y)"),
        (tg.arctan2, "y/(x² + y²)"),
        (tg.logaddexp, "σ(x − y)"),
        (tg.inner, "y"),
    ):
        assert str(tg.derive(f(x, y).sum(), wrt=x).result) == expected
    assert str(tg.derive(tg.average(x, weights=y), wrt=x).result) == "y/Σy"


# --- the catalogue -------------------------------------------------------------------------------


def test_the_written_table_is_the_one_of_the_declarations():
    written = (ROOT / "docs" / "numpy.md").read_text(encoding="utf-8")
    assert written == catalogue(), "make docs writes it again"


def test_the_table_names_every_function():
    text = catalogue()
    for name in (*SAME, *RENAMED, *ANSWERED):
        assert f"`np.{name}`" in text
    assert len(FUNCTIONS) >= len(SAME)


@pytest.mark.parametrize("name", SAME)
def test_our_arguments_have_numpys_names(name):
    """All but the arrays, which NumPy calls a, x, m, v and so on."""
    try:
        theirs = inspect.signature(getattr(np, name)).parameters
    except ValueError:
        return  # a ufunc, of arrays alone
    ours = inspect.signature(getattr(tg, name)).parameters.values()
    optional = {p.name for p in ours if p.default is not p.empty}
    assert optional - {"x", "y"} <= theirs.keys() or "kwargs" in theirs
