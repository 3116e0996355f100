"""The Tensor: what it holds, what it refuses, and how it answers to Python and NumPy."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg

# --- making one ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ({"requires_grad": True}, "no requires_grad=; .*a Tensor is differentiated"),
        ({"dtype": np.float32}, r"no dtype=; .*np.asarray\(x, np.float32\)"),
        ({"device": "cpu"}, "no device=; leave it out"),
        ({"colour": "red"}, "no colour=; it takes data and a name"),
        ({"name": 3}, "a name is text, not a int"),
    ],
)
def test_habits_from_elsewhere_get_a_sentence(option, complaint):
    with pytest.raises(TypeError, match=complaint):
        tg.Tensor([1.0], **option)


def test_a_tensor_of_a_tensor_is_a_leaf_of_its_own():
    x = tg.Tensor([1.0, 2.0], "x")
    y = tg.Tensor(x * 2)
    assert y.op is None
    assert_array_equal(y.data, [2, 4])
    with pytest.raises(TypeError, match=r"\.data"):
        tg.Tensor([x, x])


def test_names():
    x = tg.Tensor(1.0)
    assert x.name is None
    assert tg.name(x, "a b") is x
    assert x.name == "a b"
    x.name = None
    assert x.name is None
    for wrong in (lambda: tg.name(np.ones(2), "y"), lambda: tg.name(x, 3)):
        with pytest.raises(TypeError, match="name"):
            wrong()


# --- data ----------------------------------------------------------------------------------------


def test_data_adopts_what_owns_its_memory_and_copies_views():
    x = tg.Tensor([1.0, 2.0])
    mine = np.array([3.0, 4.0])
    x.data = mine
    assert x.value is mine
    with pytest.raises(ValueError, match="read-only"):
        mine[0] = 9
    whole = np.array([5.0, 6.0, 7.0])
    x.data = whole[:2]
    whole[:] = 0
    assert_array_equal(x.data, [5, 6])
    x.data = [8, 9]
    assert (x.data.tolist(), x.dtype) == ([8, 9], np.float64)
    x.data = tg.Tensor([1.0])
    assert x.shape == (1,)


def test_the_next_forward_uses_new_data():
    x = tg.Tensor(2.0)
    before = x * x
    x.data = x.data - 1
    assert (before.item(), (x * x).item()) == (4, 1)


def test_data_is_refused_where_it_has_no_place():
    x = tg.Tensor([1.0, 2.0])
    y = x * 2
    with pytest.raises(ValueError, match="computed by multiply; only a leaf takes new data"):
        y.data = np.ones(2)
    with pytest.raises(TypeError, match="data: holds complex128"):
        x.data = [1j]
    with pytest.raises(TypeError, match=r"t\.data = array"):
        x[0] = 1.0


@pytest.mark.parametrize("sign", ["iadd", "isub", "imul", "itruediv"])
def test_in_place_operators(sign):
    change = getattr(operator, sign)
    leaf = tg.Tensor(2.0, "w")
    with pytest.raises(TypeError, match=r"w\.data = w\.data [-+*/] "):
        change(leaf, 1.0)
    loss = leaf * 3
    before = loss
    after = change(loss, 2.0)
    assert before.item() == 6
    assert after.item() == change(6.0, 2.0)
    assert tg.gradients(after, leaf) == {"imul": 6, "itruediv": 1.5}.get(sign, 3)


# --- grad ----------------------------------------------------------------------------------------


def test_grad_is_writable_assignable_and_never_shared():
    x, y = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    assert x.grad is None
    (x + y).sum().backward()
    x.grad *= 5
    assert_array_equal(x.grad, [5, 5])
    assert_array_equal(y.grad, [1, 1])
    held = np.array([7.0, 8.0])
    x.grad = held
    held[:] = 0
    assert_array_equal(x.grad, [7, 8])
    (2 * x).sum().backward()
    assert_array_equal(x.grad, [9, 10])
    x.grad = None
    assert x.grad is None
    with pytest.raises(ValueError, match=r"shape \(3,\) for a tensor of shape \(2,\)"):
        x.grad = np.ones(3)


def test_grad_keeps_the_dtype():
    x = tg.Tensor(np.float32([1, 2]))
    (x * np.float64(3)).sum().backward()
    x.grad = x.grad + np.ones(2)
    assert x.grad.dtype == np.float32


def test_a_computed_tensor_explains_that_it_keeps_no_gradient():
    y = tg.Tensor([1.0]) * 2
    with pytest.raises(AttributeError, match=r"computed by multiply.*tg\.gradients"):
        _ = y.grad
    with pytest.raises(AttributeError, match="only leaves"):
        y.grad = np.ones(1)


def test_backward_of_a_leaf_and_with_a_seed():
    x = tg.Tensor([1.0, 2.0])
    x.backward([3.0, 4.0])
    assert_array_equal(x.grad, [3, 4])
    (x * x).backward(tg.Tensor([1.0, 10.0]))
    assert_array_equal(x.grad, [5, 44])


def test_a_gradient_is_neither_the_seed_nor_of_its_dtype():
    """The rule of x + 1 hands g on as it is, and the seed is a Tensor that was computed."""
    x, seed = tg.Tensor(np.float32([1.0, 2.0])), tg.Tensor([3.0, 4.0]) * 1
    found = tg.gradients(x + 1, x, seed)
    x.backward(seed)
    for gradient in (found, x.grad):
        assert gradient.dtype == np.float32
    y, computed = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0]) * 1
    y.backward(computed)
    for gradient in (tg.gradients(y + 1, y, computed), y.grad):
        gradient[...] = 0
    assert_array_equal(computed.data, [3, 4])


# --- Python --------------------------------------------------------------------------------------


def test_lengths_and_loops():
    x = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    rows = list(x)
    assert_array_equal(rows[1].data, [3, 4])
    assert_array_equal(tg.gradients(rows[1].sum(), x), [[0, 0], [1, 1]])
    assert (x.ndim, x.size, x.shape, x.T.shape) == (2, 4, (2, 2), (2, 2))
    for wrong in (lambda: len(tg.Tensor(1.0)), lambda: list(tg.Tensor(1.0))):
        with pytest.raises(TypeError, match="no length"):
            wrong()


def test_numbers():
    x = tg.Tensor([2.5])
    assert (x.item(), float(x), int(x), f"{x:.2f}") == (2.5, 2.5, 2, "2.50")
    with pytest.raises(ValueError, match="size 1"):
        tg.Tensor([1.0, 2.0]).item()


def test_how_it_prints():
    assert repr(tg.Tensor(1.0)) == str(tg.Tensor(1.0)) == "Tensor(1.)"
    assert repr(tg.Tensor([1.0, 2.0], "w")) == "Tensor([1., 2.], name='w')"
    assert repr(tg.Tensor(np.float32([1.0]))) == "Tensor([1.], dtype=float32)"


@pytest.mark.parametrize(
    ("method", "args", "function"),
    [
        *((name, (1,), getattr(np, name)) for name in ("sum", "mean", "max", "min", "prod")),
        ("var", (0,), lambda x, a: np.var(x, axis=a)),
        ("std", (0, True), lambda x, a, k: np.std(x, axis=a, keepdims=k)),
        ("reshape", (3, 2), lambda x, *s: x.reshape(*s)),
        ("reshape", ((2, -1),), lambda x, s: x.reshape(s)),
        ("transpose", (), np.transpose),
        ("transpose", (1, 0), lambda x, *a: x.transpose(*a)),
        ("transpose", ((1, 0),), np.transpose),
        ("swapaxes", (0, 1), np.swapaxes),
        ("squeeze", (), np.squeeze),
        ("ravel", (), np.ravel),
        ("dot", (np.arange(3.0),), np.dot),
        ("clip", (1.5, 3.5), np.clip),
        ("clip", (None, 3.5), np.clip),
    ],
)
def test_methods_are_the_functions(method, args, function):
    x = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 0.0]])
    out = getattr(tg.Tensor(x), method)(*args)
    assert_allclose(out.data, function(x, *args))


# --- NumPy ---------------------------------------------------------------------------------------

X = tg.Tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: np.add.reduce(X), "np.add.reduce"),
        (lambda: np.add.at(np.ones((2, 2)), 0, X), "np.add.at"),
        (lambda: np.add(X, 1, out=np.ones((2, 2))), "np.add: out="),
        (lambda: np.exp(X, where=np.ones((2, 2), bool)), "np.exp: where="),
        (lambda: np.sum(X, dtype=np.float32), "np.sum: dtype="),
        (lambda: np.sum(X, where=np.ones((2, 2), bool)), "np.sum: where="),
        (lambda: np.sum(X, initial=0.0), "np.sum: initial="),
        (lambda: operator.iadd(np.ones((2, 2)), X), "np.add: out="),
        (lambda: np.asarray(X), r"\.data"),
        (lambda: np.array([X, X]), r"\.data"),
    ],
)
def test_what_numpy_cannot_do_with_a_tensor_is_named(call, name):
    with pytest.raises(TypeError, match=name):
        call()


def test_assigning_into_an_array_does_not_convert_unseen():
    with pytest.raises(TypeError, match=r"\.data"):
        np.ones((2, 2))[:] = X


small = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=0, max_dims=3, max_side=3),
    elements=st.floats(-5, 5),
)


@given(small, small)
def test_broadcasting_is_undone_for_every_pair_of_shapes(a, b):
    """∂Σw(x·y)/∂x counts each entry of x as often as broadcasting repeats it."""
    x, y = tg.Tensor(a), tg.Tensor(b)
    try:
        expected = a * b
    except ValueError:
        with pytest.raises(ValueError, match="multiply: shapes"):
            _ = x * y
        return
    out = x * y
    assert_array_equal(out.data, expected)
    weights = np.arange(1.0, expected.size + 1).reshape(expected.shape)
    dx, dy = tg.gradients(out, [x, y], weights)
    # Σ w·x·y is bilinear: x·∂/∂x and y·∂/∂y both sum to it
    total = np.sum(weights * expected)
    assert dx.shape == a.shape
    assert dy.shape == b.shape
    assert_allclose([np.sum(dx * a), np.sum(dy * b)], [total, total], rtol=1e-9, atol=1e-9)
