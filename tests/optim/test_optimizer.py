"""What all optimisers share: whom they move, by what, and what they refuse."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import optim

ALL = [optim.SGD, optim.RMSProp, optim.Adam, optim.AdamW]


class Model:
    """What an optimiser asks of a Module."""

    def __init__(self):
        self.tensors = {"0.W": tg.Tensor(np.ones((2, 2))), "0.b": tg.Tensor([1.0, 1.0])}

    def named_parameters(self):
        return self.tensors


def ones(optimizer):
    return [np.ones(t.shape, t.dtype) for t in optimizer.parameters.values()]


# --- whom it moves -------------------------------------------------------------------------------


def test_parameters_by_name():
    w, b = tg.Tensor([1.0], name="w"), tg.Tensor([2.0], name="b")
    unnamed = tg.Tensor([3.0])
    assert list(optim.SGD([w, b], 0.1).parameters) == ["w", "b"]
    assert list(optim.SGD([w, unnamed], 0.1).parameters) == ["w", "1"]
    assert list(optim.SGD({"first": w, "second": b}, 0.1).parameters) == ["first", "second"]
    assert list(optim.SGD(Model(), 0.1).parameters) == ["0.W", "0.b"]
    twin = tg.Tensor([1.0], name="w")
    assert list(optim.SGD([w, twin], 0.1).parameters) == ["0", "1"]
    assert list(optim.SGD((t for t in (w, b)), 0.1).parameters) == ["w", "b"]


def test_parameters_that_cannot_be_moved():
    w = tg.Tensor([1.0, 2.0], name="w")
    for parameters, error, said in (
        ([], ValueError, "there are no parameters"),
        (w, TypeError, "parameters is a Tensor; pass a list"),
        (np.ones(2), TypeError, "parameters is a ndarray; pass a list"),
        (3.0, TypeError, "parameters is a float"),
        ([np.ones(2)], TypeError, "parameter 0 is a ndarray; wrap the array"),
        ({"v": w * 2}, ValueError, "parameter v was computed by multiply"),
        ([w, w], ValueError, "appears twice"),
    ):
        with pytest.raises(error, match=f"SGD: .*{said}"):
            optim.SGD(parameters, 0.1)


def test_what_is_exempt():
    for exempt in ("biases", ["0.b"], lambda model: model.tensors["0.b"]):
        model = Model()
        chosen = exempt(model) if callable(exempt) else exempt
        sgd = optim.SGD(model, 0.5, l2=0.5, weight_decay=0.5, exempt=chosen)
        sgd.step([np.zeros((2, 2)), np.zeros(2)])
        assert_array_equal(model.tensors["0.W"].data, np.full((2, 2), 0.5))
        assert_array_equal(model.tensors["0.b"].data, [1, 1])


def test_biases_are_found_by_name():
    names = ["b", "b1", "hidden.b", "out.bias", "biases", "B", "rebias", "web", "W"]
    sgd = optim.SGD({n: tg.Tensor(1.0) for n in names}, 1.0, weight_decay=0.5, exempt="biases")
    sgd.step([np.array(0.0) for _ in names])
    kept = [name for name, tensor in sgd.parameters.items() if tensor.item() == 1]
    assert kept == ["b", "b1", "hidden.b", "out.bias", "biases"]


def test_exempt_that_is_not_there():
    w = tg.Tensor([1.0], name="weights")
    for exempt, said in (
        ("bias", "exempt = 'bias' is not known; pass 'biases'"),
        ("biases", "no parameter is called b or bias, there are: weights"),
        (["weihgts"], r"no parameter is called 'weihgts'; did you mean 'weights'\?"),
        ([tg.Tensor([1.0])], r"a Tensor of shape \(1,\) is not among the parameters"),
    ):
        with pytest.raises(ValueError, match=said):
            optim.SGD([w], 0.1, exempt=exempt)
    with pytest.raises(TypeError, match="exempt is an int; pass 'biases'"):
        optim.SGD([w], 0.1, exempt=0)


# --- by what it moves them -----------------------------------------------------------------------


def test_the_gradients_of_backward():
    w = tg.Tensor([1.0, 2.0], name="w")
    sgd = optim.SGD([w], 0.1)
    (w**2).sum().backward()
    sgd.step()
    assert_allclose(w.data, [0.8, 1.6])
    assert_array_equal(w.grad, [2, 4])  # still there
    sgd.zero_grad()
    assert w.grad is None
    with pytest.raises(ValueError, match="SGD: w has no gradient; call backward"):
        sgd.step()


def test_a_list_of_gradients_is_used_up_without_a_copy():
    w = tg.Tensor([1.0, 2.0])
    g = np.array([1.0, 1.0])
    optim.SGD([w], 0.5).step([g])
    assert np.shares_memory(w.data, g)
    assert_array_equal(g, [0.5, 1.5])


@pytest.mark.parametrize("make", ALL)
def test_arrays_that_somebody_else_holds_are_copied(make):
    w, v = tg.Tensor([1.0, 2.0]), tg.Tensor([1.0, 2.0])
    shared, whole, frozen = np.array([1.0, 1.0]), np.array([1.0, 1.0, 1.0]), np.array([1.0, 1.0])
    frozen.flags.writeable = False
    for first, second in (
        (shared, shared),
        (whole[:2], whole[1:]),
        (frozen, np.array([1.0, 1.0])),
    ):
        make([w, v], 0.1).step([first, second])
        assert_array_equal(w.data, v.data)
    for array in (shared, whole, frozen):
        assert_array_equal(array, np.ones_like(array))


def test_gradients_that_do_not_fit():
    w, b = tg.Tensor(np.ones((2, 3)), name="w"), tg.Tensor(np.ones(3), name="b")
    sgd = optim.SGD([w, b], 0.1)
    right = [np.ones((2, 3)), np.ones(3)]
    for gradients, error, said in (
        (right[:1], ValueError, "1 gradients for 2 parameters; pass one for each of w, b"),
        (right[::-1], ValueError, r"gradient of w has shape \(3,\), and the parameter \(2, 3\)"),
        (
            [right[0], np.ones(3, np.float32)],
            TypeError,
            "gradient of b is of type float32, .*float64",
        ),
        ([right[0], [1.0, 1.0, 1.0]], TypeError, "gradient of b is of type list"),
        ([right[0], None], TypeError, "gradient of b is of type NoneType"),
        ([right[0], 1.0], TypeError, "gradient of b is of type float, and an array of float64"),
        ([right[0], np.float64(1.0)], TypeError, "gradient of b is of type float64, and an array"),
        ([np.ma.array(right[0]), right[1]], TypeError, "gradient of w is of type MaskedArray"),
        ([right[0], tg.Tensor(np.ones(3))], TypeError, "gradient of b is of type Tensor"),
        ({"w": right[0], "b": right[1]}, TypeError, "gradients is a dict; pass a list"),
        (np.ones((2, 3)), TypeError, "gradients is a ndarray; pass a list"),
    ):
        with pytest.raises(error, match=f"SGD: .*{said}"):
            sgd.step(gradients)
    assert sgd.steps == 0
    assert_array_equal(w.data, np.ones((2, 3)))
    assert_array_equal(right[0], np.ones((2, 3)))


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_case_41_a_gradient_that_is_not_finite(make, bad):
    w, b = tg.Tensor(np.ones((2, 3)), name="w"), tg.Tensor(np.ones(3), name="b")
    optimizer = make([w, b], lr=0.1)
    optimizer.step(ones(optimizer))
    before = [w.data.copy(), b.data.copy(), optimizer.state_dict()]
    g = np.ones(3)
    g[2] = bad
    with pytest.raises(ValueError, match=rf"gradient of b holds {bad:g} at index \(2,\), and noth"):
        optimizer.step([np.ones((2, 3)), g])
    assert_array_equal(w.data, before[0])
    assert_array_equal(b.data, before[1])
    assert optimizer.state_dict().keys() == before[2].keys()
    for key, array in optimizer.state_dict().items():
        assert_array_equal(array, before[2][key])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_large_gradients_are_finite(dtype):
    w = tg.Tensor(np.zeros(1000, dtype))
    huge = np.full(1000, np.finfo(dtype).max / 4)  # their squares overflow
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optim.SGD([w], 0.5).step([huge.astype(dtype)])
    assert_array_equal(w.data, -np.full(1000, np.finfo(dtype).max / 8, dtype))


# --- the rate ------------------------------------------------------------------------------------


def test_the_rate_follows_its_schedule():
    w = tg.Tensor(0.0)
    sgd = optim.SGD([w], lr=lambda step: 1.0 + step)
    moved = []
    for _ in range(3):
        before = w.item()
        assert sgd.rate() == len(moved) + 1
        sgd.step([np.array(1.0)])
        moved.append(before - w.item())
    assert moved == [1, 2, 3]
    assert sgd.steps == 3
    sgd.lr = 0.5
    assert sgd.rate() == 0.5
    with pytest.raises(ValueError, match="SGD: lr = -1"):
        sgd.lr = -1.0
    assert sgd.lr == 0.5


def test_a_schedule_that_goes_wrong():
    w = tg.Tensor(1.0)
    sgd = optim.SGD([w], lr=lambda step: 1.0 - 2 * step)
    sgd.step([np.array(0.25)])
    with pytest.raises(ValueError, match="SGD: lr at step 1 = -1"):
        sgd.step([np.array(0.25)])
    assert w.item() == 0.75
    with pytest.raises(TypeError, match="SGD: lr at step 0 is a str"):
        optim.SGD([w], lr=str).step([np.array(0.25)])


# --- its state -----------------------------------------------------------------------------------


def settings_of(make):
    return {"momentum": 0.9} if make in (optim.SGD, optim.RMSProp) else {}


@pytest.mark.parametrize("make", ALL)
def test_a_state_continues_bit_for_bit(make):
    start = np.random.default_rng(1).normal(size=(3, 2))
    decay = optim.ExponentialDecay(0.1, 0.9)

    def go(optimizer, w, steps):
        for _ in range(steps):
            optimizer.step([tg.gradients(tg.sum(tg.tanh(w) ** 2), w)])

    w = tg.Tensor(start, name="w")
    go(make([w], decay, **settings_of(make)), w, 6)
    v = tg.Tensor(start, name="w")
    first = make([v], decay, **settings_of(make))
    go(first, v, 2)
    u = tg.Tensor(v.data, name="w")
    second = make([u], decay, **settings_of(make))
    state = first.state_dict()
    go(first, v, 1)  # leaves the copy alone
    second.load_state_dict(state)
    go(second, u, 4)
    assert u.data.tobytes() == w.data.tobytes()
    assert second.steps == 6


def test_what_a_state_holds():
    w, b = tg.Tensor(np.ones((2, 3)), name="w"), tg.Tensor(np.ones(3), name="b")
    assert set(optim.SGD([w, b], 0.1).state_dict()) == {"steps"}
    state = optim.Adam([w, b]).state_dict()
    assert {key: array.shape for key, array in state.items()} == {
        "steps": (),
        "first_moment.w": (2, 3),
        "first_moment.b": (3,),
        "second_moment.w": (2, 3),
        "second_moment.b": (3,),
    }


def test_a_state_of_something_else_is_refused():
    w = tg.Tensor(np.ones((2, 3)), name="w")
    adam = optim.Adam([w])
    adam.step([np.ones((2, 3))])
    before = adam.state_dict()
    good = optim.Adam([tg.Tensor(np.ones((2, 3)), name="w")]).state_dict()
    missing = {key: array for key, array in good.items() if key != "second_moment.w"}
    for state, said in (
        (missing, "second_moment.w is missing"),
        ({**good, "velocity.w": np.ones((2, 3))}, "velocity.w is unknown"),
        ({**good, "first_moment.w": np.ones(3)}, r"first_moment.w has shape \(3,\)"),
        ({**good, "first_moment.w": np.full((2, 3), "a")}, "first_moment.w holds <U1"),
        ({**good, "second_moment.w": np.full((2, 3), np.nan)}, "'second_moment.w' holds NaN"),
        ({**good, "steps": np.array(-1)}, "counts -1 steps"),
        ({**good, "steps": np.array(1.5)}, "steps holds float64"),
    ):
        with pytest.raises(ValueError, match=f"Adam: the state.*{said}"):
            adam.load_state_dict(state)
    assert adam.steps == 1
    for key, array in adam.state_dict().items():
        assert_array_equal(array, before[key])


# --- in the long run -----------------------------------------------------------------------------


def test_many_steps_are_those_by_hand_bit_for_bit(untraced):
    rng = np.random.default_rng(0)
    shapes = [(784, 300), (300,), (300, 100), (100,), (100, 10), (10,)]
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    tensors = [tg.Tensor(array) for array in arrays]
    sgd = optim.SGD(tensors, lr=0.01)
    for _ in range(60):
        sgd.step([np.ones(shape, np.float32) for shape in shapes])
        for i, shape in enumerate(shapes):
            arrays[i] = arrays[i] - 0.01 * np.ones(shape, np.float32)
    for tensor, array in zip(tensors, arrays, strict=True):
        assert_array_equal(tensor.data, array)
