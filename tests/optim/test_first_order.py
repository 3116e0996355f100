"""SGD, RMSProp, Adam, AdamW: the numbers of PyTorch, and of the hard cases."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.optim.references import START, VARIANTS, A, C
from tinygrad_edu import optim

# After three steps with lr = 0.1 on the problem in references.py, computed once with PyTorch
# 2.13.0 in float64: w.grad = A @ w - C, then step().
BY_PYTORCH = {
    "sgd": (0.95, -1.51),
    "momentum": (0.914, -1.06),
    "nesterov": (0.7904300000000001, -0.87793),
    "momentum, l2": (0.863559, -0.9713779999999999),
    "nesterov, l2": (0.7278383609999999, -0.7797924619999999),
    "rmsprop": (0.8953230042062286, -0.5491835643395453),
    "rmsprop, all": (0.7268608593560003, -0.6541662356871508),
    "adam": (0.8843216628248288, -1.7012934405965645),
    "adam, all": (0.9009528323174328, -1.70245317553722),
    "adamw": (0.8830918150122095, -1.695629840715114),
    "adamw, all": (0.8721418642418634, -1.6469034128694777),
}


def after(optimizer, w, steps, gradient):
    """The values that w takes."""
    found = []
    for _ in range(steps):
        optimizer.step([np.array(gradient(w.data))])
        found.append(w.data.copy())
    return found


@pytest.mark.parametrize("name", VARIANTS)
def test_three_steps_end_where_pytorch_ends(name):
    make, settings, _, _ = VARIANTS[name]
    w = tg.Tensor(START)
    *_, end = after(make([w], lr=0.1, **settings), w, 3, lambda w: A @ w - C)
    assert_allclose(end, BY_PYTORCH[name], rtol=1e-14)


@pytest.mark.parametrize("name", VARIANTS)
def test_fifty_steps_of_a_network_stay_with_pytorch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is an oracle that is not always there")
    make, settings, theirs, their_settings = VARIANTS[name]
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=(12, 2))
    start = [rng.normal(size=shape) / 2 for shape in ((3, 5), (5,), (5, 2), (2,), ())]
    ours = [tg.Tensor(w) for w in start]
    other = [torch.tensor(w, requires_grad=True) for w in start]
    optimizer = make(ours, lr=0.01, **settings)
    reference = getattr(torch.optim, theirs)(other, lr=0.01, **their_settings)
    for _ in range(50):
        W, b, V, c, scale = ours
        loss = tg.mean((scale * (tg.tanh(x @ W + b) @ V + c) - y) ** 2)
        optimizer.step(tg.gradients(loss, ours))
        reference.zero_grad()
        W, b, V, c, scale = other
        outputs = scale * (torch.tanh(torch.tensor(x) @ W + b) @ V + c)
        torch.mean((outputs - torch.tensor(y)) ** 2).backward()
        reference.step()
        for mine, their in zip(ours, other, strict=True):
            assert_allclose(mine.data, their.detach().numpy(), rtol=1e-12, atol=1e-12)


def test_case_39_momentum_and_nesterov():
    for nesterov, expected in ((False, [-0.1, -0.29, -0.561]), (True, [-0.19, -0.461])):
        w = tg.Tensor(0.0)
        sgd = optim.SGD([w], lr=0.1, momentum=0.9, nesterov=nesterov)
        found = after(sgd, w, len(expected), np.ones_like)
        assert_allclose(found, expected, rtol=1e-15)


def test_case_40_a_penalty_in_adam_is_not_decay():
    for make, settings, expected in (
        (optim.Adam, {"l2": 0.1}, 0.90000000091),
        (optim.AdamW, {"weight_decay": 0.1}, 0.890000001),
    ):
        w = tg.Tensor(1.0)
        (found,) = after(make([w], lr=0.1, **settings), w, 1, np.ones_like)
        assert_allclose(found, expected, atol=5e-12, rtol=0)


def test_l2_is_the_gradient_of_the_penalty():
    start = np.array([[1.0, -2.0], [0.5, 3.0]])
    for make, settings in (
        (optim.SGD, {"momentum": 0.9}),
        (optim.RMSProp, {}),
        (optim.Adam, {}),
    ):
        w, v = tg.Tensor(start), tg.Tensor(start)
        with_setting = make([w], lr=0.1, l2=0.3, **settings)
        with_penalty = make([v], lr=0.1, **settings)
        for _ in range(4):
            with_setting.step([tg.gradients(tg.sum(tg.tanh(w)), w)])
            loss = tg.sum(tg.tanh(v)) + tg.weight_decay(v, 0.3)
            with_penalty.step([tg.gradients(loss, v)])
        assert_allclose(w.data, v.data, rtol=1e-13)


def test_decay_and_penalty_are_one_without_momentum_and_two_with_it():
    for momentum, same in ((0.0, True), (0.9, False)):
        ends = []
        for settings in ({"l2": 0.3}, {"weight_decay": 0.3}):
            w = tg.Tensor(START)
            sgd = optim.SGD([w], lr=0.1, momentum=momentum, **settings)
            ends.append(after(sgd, w, 5, lambda w: A @ w - C)[-1])
        assert np.allclose(*ends, rtol=1e-14, atol=0) == same


@pytest.mark.parametrize("make", [optim.SGD, optim.RMSProp, optim.Adam, optim.AdamW])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_parameter_keeps_its_dtype(make, dtype):
    w = tg.Tensor(np.ones((2, 3), dtype))
    n = tg.Tensor(dtype(1))
    unused = tg.Tensor(dtype([1, 2]))
    settings = {"momentum": 0.9} if make is optim.SGD else {}
    optimizer = make([w, n, unused], lr=0.125, **settings)
    for _ in range(3):
        loss = tg.sum(w * w) * n
        optimizer.step(tg.gradients(loss, [w, n, unused]))
    assert w.dtype == n.dtype == unused.dtype == dtype
    assert np.isfinite(w.data).all()
    assert w.data.max() < 1
    assert all(
        array.dtype == dtype for key, array in optimizer.state_dict().items() if key[0] != "s"
    )


def test_the_same_steps_give_the_same_bits():
    ends = []
    for _ in range(2):
        w = tg.Tensor(np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32))
        adam = optim.Adam([w], lr=0.01, l2=0.1)
        for _ in range(20):
            adam.step([tg.gradients(tg.sum(tg.tanh(w) ** 2), w)])
        ends.append(w.data.tobytes())
    assert ends[0] == ends[1]


def test_a_setting_that_another_optimiser_has():
    w = [tg.Tensor(1.0)]
    for make, settings, said in (
        (optim.Adam, {"weight_decay": 0.1}, "Adam: there is no weight_decay=; write l2="),
        (optim.Adam, {"weight_decay": 0.1}, "AdamW"),
        (optim.AdamW, {"l2": 0.1}, "AdamW: there is no l2=; write weight_decay="),
        (optim.RMSProp, {"weight_decay": 0.1}, "RMSProp: there is no weight_decay=; write l2="),
        (optim.RMSProp, {"rho": 0.9}, "write alpha="),
        (optim.SGD, {"momentun": 0.9}, "did you mean 'momentum'?"),
        (optim.Adam, {"epsilon": 1e-7}, "write eps="),
        (optim.Adam, {"learning_rate": 0.1}, "write lr="),
    ):
        with pytest.raises(TypeError, match=said.replace("?", r"\?")):
            make(w, 0.1, **settings)


@pytest.mark.parametrize(
    ("make", "settings", "said"),
    [
        (optim.SGD, {"lr": -0.1}, "SGD: lr = -0.1"),
        (optim.SGD, {"lr": np.nan}, "SGD: lr = nan"),
        (optim.SGD, {"lr": np.inf}, "SGD: lr = inf"),
        (optim.SGD, {"lr": 0.1, "momentum": 1.0}, "momentum = 1 .* choose 0 ≤ value < 1"),
        (optim.SGD, {"lr": 0.1, "nesterov": True}, "choose momentum > 0"),
        (optim.SGD, {"lr": 0.1, "l2": -1.0}, "SGD: l2 = -1"),
        (optim.SGD, {"lr": 0.1, "weight_decay": np.nan}, "weight_decay = nan"),
        (optim.RMSProp, {"alpha": 1.0}, "RMSProp: alpha = 1"),
        (optim.RMSProp, {"momentum": -0.5}, "RMSProp: momentum = -0.5"),
        (optim.Adam, {"eps": 0.0}, "Adam: eps = 0 .* choose 0 < value"),
        (optim.Adam, {"betas": (0.9, 1.0)}, r"Adam: betas\[1\] = 1"),
        (optim.AdamW, {"betas": (-0.1, 0.9)}, r"AdamW: betas\[0\] = -0.1"),
    ],
)
def test_a_setting_out_of_range(make, settings, said):
    with pytest.raises(ValueError, match=said):
        make([tg.Tensor(1.0)], **settings)


def test_a_setting_that_is_no_number():
    w = [tg.Tensor(1.0)]
    with pytest.raises(TypeError, match="SGD: lr is a str, and a number is expected"):
        optim.SGD(w, "0.1")
    with pytest.raises(TypeError, match=r"Adam: betas is 0\.9; pass two numbers"):
        optim.Adam(w, betas=0.9)
    with pytest.raises(TypeError, match="momentum is a bool"):
        optim.SGD(w, 0.1, momentum=True)


def test_an_optimiser_by_its_name():
    w = tg.Tensor(1.0)
    made = optim.make_optimizer("AdamW", [w], 0.1, weight_decay=0.2)
    assert isinstance(made, optim.AdamW)
    assert (made.lr, made.weight_decay) == (0.1, 0.2)
    with pytest.raises(ValueError, match=r"optimizer: 'adm' is unknown; did you mean 'adam'\?"):
        optim.make_optimizer("adm", [w], 0.1)
    with pytest.raises(TypeError, match="optimizer: a NoneType is no name; there are: sgd"):
        optim.make_optimizer(None, [w], 0.1)


def test_an_optimiser_prints_its_settings():
    w = tg.Tensor(1.0)
    sgd = optim.SGD([w], optim.StepDecay(0.1, every=5), momentum=0.9)
    assert repr(sgd) == (
        "SGD(1 parameter, lr=StepDecay(rate=0.1, every=5, factor=0.1), momentum=0.9, "
        "nesterov=False, l2=0.0, weight_decay=0.0)"
    )
