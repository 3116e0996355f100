"""Linear, Dropout, Flatten, Sequential, activations: what they compute, what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import nn


def seeded(seed=0):
    return np.random.default_rng(seed)


# --- Linear ---------------------------------------------------------------------------------------


def test_linear_is_XW_plus_b():
    layer = nn.Linear(4, 3, rng=seeded())
    X = seeded(1).normal(size=(5, 4))
    layer.b.data = np.array([1.0, 2.0, 3.0])
    assert_array_equal(layer(X).data, X @ layer.W.data + [1, 2, 3])
    assert layer(X[0]).shape == (3,)
    assert layer(np.zeros((2, 5, 4))).shape == (2, 5, 3)
    assert layer([[1, 2, 3, 4]]).shape == (1, 3)
    without = nn.Linear(4, 3, bias=False, rng=seeded())
    assert without.b is None
    assert_array_equal(without(X).data, X @ without.W.data)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_of_parameters_outputs_and_gradients(dtype):
    layer = nn.Linear(4, 3, rng=seeded(), dtype=dtype, l1=0.1, l2=0.1)
    out = layer(np.ones((2, 4), dtype))
    total = (out**2).sum() + layer.penalty()
    assert {layer.W.dtype, layer.b.dtype, out.dtype, total.dtype} == {np.dtype(dtype)}
    assert all(g.dtype == dtype for g in tg.gradients(total, layer.parameters()))


@pytest.mark.parametrize(
    ("shape", "mend"),
    [
        ((5, 3), "the last axis holds the features"),
        ((), "the last axis holds the features"),
        ((5, 2, 2), r"put nn.Flatten\(\) before it"),
        ((1, 2, 2), r"put nn.Flatten\(\) before it"),
        ((2, 2), r"give one image alone a batch axis, x\[None\], and"),
    ],
)
def test_features_that_do_not_match(shape, mend):
    model = nn.Sequential(nn.ReLU(), nn.Linear(4, 3, rng=seeded()))
    with pytest.raises(ValueError, match=rf"1: Linear\(4, 3\): takes 4 features, .*; {mend}"):
        model(np.zeros(shape))


@pytest.mark.parametrize(
    ("arguments", "options", "error", "complaint"),
    [
        ((0, 3), {}, ValueError, "Linear: inputs = 0 does not make sense; choose at least 1"),
        ((4, 2.5), {}, TypeError, "Linear: outputs is a float, and an integer is expected"),
        ((4, 3), {"l1": -1}, ValueError, "Linear: l1 = -1 does not make sense; choose 0 ≤"),
        ((4, 3), {"l2": np.nan}, ValueError, "Linear: l2 = nan"),
        ((4, 3), {"l2": None}, TypeError, "Linear: l2 is a NoneType, and a number is expected"),
        ((4, 3), {"l1": "much"}, TypeError, "Linear: l1 is a str, and a number is expected"),
        ((4, 3), {"dtype": int}, TypeError, "Linear: dtype is int64; weights are real numbers"),
        ((4, 3), {"rng": 0}, TypeError, "Linear: rng is an int; make one rng = "),
        ((4, 3), {"initialiser": "xaver"}, ValueError, "did you mean 'glorot'"),
    ],
)
def test_what_linear_refuses(arguments, options, error, complaint):
    with pytest.raises(error, match=complaint):
        nn.Linear(*arguments, **{"rng": seeded(), **options})


# --- initialisers ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "variance"),
    [("glorot", 2 / (400 + 100)), ("he", 2 / 400), ("lecun", 1 / 400), ("zeros", 0)],
)
def test_initialisers_have_their_variance(name, variance):
    W = nn.Linear(400, 100, initialiser=name, rng=seeded()).W.data
    assert_allclose(W.var(), variance, rtol=0.02)
    assert_allclose(W.mean(), 0, atol=4 * np.sqrt(variance / W.size))
    again = nn.Linear(400, 100, initialiser=name, rng=seeded()).W.data
    assert_array_equal(W, again)


def test_every_initialiser_is_tested():
    assert set(nn.INITIALISERS) == {"glorot", "he", "lecun", "zeros"}


def test_glorot_fills_its_interval():
    W = nn.Linear(400, 100, rng=seeded()).W.data
    limit = np.sqrt(6 / 500)
    assert limit * 0.999 < W.max() <= limit
    assert -limit * 0.999 > W.min() >= -limit


def test_an_initialiser_of_ones_own():
    layer = nn.Linear(2, 3, initialiser=lambda shape, rng: np.full(shape, 7), rng=seeded())
    assert_array_equal(layer.W.data, np.full((2, 3), 7.0))
    with pytest.raises(ValueError, match=r"gave an array of shape \(3, 2\) for weights of shape"):
        nn.Linear(2, 3, initialiser=lambda shape, rng: np.ones(shape[::-1]), rng=seeded())


@pytest.mark.parametrize(
    ("word", "meant"),
    [("glorott", "glorot"), ("xavier_uniform", "glorot"), ("Kaiming", "he"), ("zero", "zeros")],
)
def test_the_nearest_known_initialiser(word, meant):
    with pytest.raises(
        ValueError, match=f"initialiser: '{word}' is unknown; did you mean {meant!r}"
    ):
        nn.Linear(2, 3, initialiser=word, rng=seeded())


def test_nothing_near_is_known():
    there = "'q' is unknown; there are: glorot, he, lecun, zeros"
    with pytest.raises(ValueError, match=there):
        nn.Linear(2, 3, initialiser="q", rng=seeded())


def test_zeros_keep_hidden_units_equal():
    rng = seeded()
    model = nn.Sequential(nn.Linear(2, 3, initialiser="zeros", rng=rng), nn.Tanh())
    gradient = tg.gradients((model(np.ones((4, 2))) - 1.0).sum(), model[0].W)
    assert (gradient == gradient[:, :1]).all()


# --- Dropout --------------------------------------------------------------------------------------


def test_A17_dropout_layer():
    layer = nn.Dropout(0.4, seeded())
    x = tg.Tensor(np.ones((200, 50)))
    first, second = layer(x), layer(x)
    assert set(np.unique(first.data)) == {0.0, 1 / 0.6}  # scaled in training …
    assert not np.array_equal(first.data, second.data)  # … with a new mask each step
    assert_array_equal(tg.gradients(first.sum(), x) == 0, first.data == 0)  # backwards, too
    layer.eval()
    assert layer(x) is x  # … so that nothing is scaled at inference


def test_dropout_can_be_replayed():
    x = np.ones((20, 5))
    assert_array_equal(nn.Dropout(0.5, seeded(3))(x), nn.Dropout(0.5, seeded(3))(x))


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_what_dropout_refuses(p):
    with pytest.raises(ValueError, match=r"Dropout: p = .* is no probability; choose 0 ≤ p ≤ 1"):
        nn.Dropout(p, seeded())
    with pytest.raises(TypeError, match="Dropout: p is a str, and a probability is expected"):
        nn.Dropout("half", seeded())
    with pytest.raises(TypeError, match="Dropout: rng is an int; make one rng"):
        nn.Dropout(0.5, 0)


# --- Flatten, activations -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 28, 28), (0, 28, 28), (5, 7), (7,)])
def test_flatten(shape):
    expected = shape if len(shape) < 3 else (shape[0], 784)
    assert nn.Flatten()(np.zeros(shape)).shape == expected
    assert nn.Flatten()(tg.Tensor(np.zeros(shape))).shape == expected


@pytest.mark.parametrize(
    ("layer", "function"),
    [
        (nn.ReLU, tg.relu),
        (nn.GELU, tg.gelu),
        (nn.Tanh, tg.tanh),
        (nn.Sigmoid, tg.sigmoid),
        (nn.Softplus, tg.softplus),
        (nn.Softmax, tg.softmax),
        (nn.LogSoftmax, tg.log_softmax),
        (nn.Identity, lambda x: x),
    ],
)
def test_A4_activations(layer, function):
    x = seeded().normal(size=(4, 3))
    assert_array_equal(layer()(x), function(x))
    assert_array_equal(layer()(tg.Tensor(x)).data, function(x))
    assert layer().parameters() == []


# --- Sequential -----------------------------------------------------------------------------------


def test_sequential_is_a_row_of_layers():
    layers = [nn.Linear(4, 3, rng=seeded()), nn.ReLU(), nn.Linear(3, 2, rng=seeded())]
    model = nn.Sequential(*layers)
    x = np.ones((2, 4))
    assert_array_equal(model(x).data, layers[2](layers[1](layers[0](x))).data)
    assert list(model) == layers
    assert len(model) == 3
    assert model[-1] is layers[2]
    assert list(model[:2]) == layers[:2]
    assert list(nn.Sequential(layers)) == layers
    assert_array_equal(nn.Sequential()(x), x)


@pytest.mark.parametrize(
    ("layer", "complaint"),
    [
        (nn.ReLU, r"layer 1 is a class; make one of it with ReLU\(\)"),
        (tg.relu, "layer 1 is relu, and no Module; functions have layers of their own"),
        (lambda x: x, "layer 1 is <lambda>, and no Module"),
        (7, "layer 1 is int, and no Module"),
    ],
)
def test_what_sequential_refuses(layer, complaint):
    with pytest.raises(TypeError, match=f"Sequential: {complaint}"):
        nn.Sequential(nn.Flatten(), layer)


# --- penalties ------------------------------------------------------------------------------------


def test_A16_a_layers_penalty_is_squared_as_in_keras():
    layer = nn.Linear(3, 50, l2=0.001, rng=seeded())
    layer.b.data = np.ones(50)
    assert_allclose(layer.penalty().item(), 0.001 * (layer.W.data**2).sum(), rtol=1e-14)
    gW, gb = tg.gradients(layer.penalty(), [layer.W, layer.b])
    assert_allclose(gW, 2 * 0.001 * layer.W.data, rtol=1e-14)
    assert not gb.any()


def test_A16_layers_add_up_and_a_model_has_one_penalty():
    rng = seeded()
    model = nn.Sequential(
        nn.Linear(3, 4, l1=0.2, rng=rng), nn.ReLU(), nn.Linear(4, 2, l2=0.3, rng=rng)
    )
    W1, W2 = model[0].W.data, model[2].W.data
    expected = 0.2 * np.abs(W1).sum() + 0.3 * (W2**2).sum()
    assert_allclose(model.penalty().item(), expected, rtol=1e-14)
    whole = nn.penalty(model, l1=0.1, l2=0.5)
    both = np.concatenate([W1.ravel(), W2.ravel()])
    assert_allclose(whole.item(), 0.1 * np.abs(both).sum() + 0.5 * (both**2).sum(), rtol=1e-14)
    assert nn.weights(model) == [model[0].W, model[2].W]
    assert len(nn.weights(model, biases=True)) == 4


def test_l2_is_half_of_weight_decays_rate():
    model = nn.Sequential(nn.Linear(3, 4, rng=seeded()), nn.Linear(4, 2, rng=seeded()))
    decay = tg.weight_decay(nn.weights(model), 0.02)
    assert_allclose(nn.penalty(model, l2=0.01).item(), decay.item(), rtol=1e-14)


def test_no_strength_no_term():
    layer = nn.Linear(3, 4, rng=seeded())
    assert layer.penalty() == 0.0
    assert nn.penalty(layer) == 0.0
    assert nn.penalty(nn.ReLU(), l2=1.0) == 0.0
    with pytest.raises(ValueError, match=r"penalty: l2 = -0\.1 does not make sense"):
        nn.penalty(layer, l2=-0.1)


def test_a_strength_can_be_a_letter():
    λ = np.array(0.1)
    layer = nn.Linear(3, 2, l2=λ, rng=seeded())
    assert str(tg.derive(layer.penalty(), wrt=layer.W).result) == "2·λ·W"


def test_a_penalty_of_ones_own():
    class Bounded(nn.Linear):
        def own_penalty(self):
            return tg.max(tg.abs(self.W))

    model = nn.Sequential(Bounded(3, 2, rng=seeded()), nn.Linear(2, 2, l1=1.0, rng=seeded()))
    expected = np.abs(model[0].W.data).max() + np.abs(model[1].W.data).sum()
    assert_allclose(model.penalty().item(), expected, rtol=1e-14)


# --- the table ------------------------------------------------------------------------------------


def test_summary():
    rng = seeded()
    model = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(12, 1000, rng=rng), nn.ReLU()),
        nn.Linear(1000, 2, bias=False, rng=rng),
    )
    assert model.summary((3, 4)) == "\n".join(
        [
            "layer                            output  parameters",
            "---------------------------------------------------",
            "0: Flatten()                      (12,)           0",
            "1: Sequential()                 (1000,)           0",
            "  1.0: Linear(12, 1000)         (1000,)      13,000",
            "  1.1: ReLU()                   (1000,)           0",
            "2: Linear(1000, 2, bias=False)     (2,)       2,000",
            "---------------------------------------------------",
            "total                                        15,000",
        ]
    )
    assert "(1000,)" in model.summary()  # what the first Linear layer takes
    assert "Watched" not in repr(model)
    with pytest.raises(ValueError, match="takes 12 features"):
        model.summary((5,))
    assert nn.Linear(2, 2, rng=rng).summary().splitlines()[2].split() == [
        "Linear(2,",
        "2)",
        "(2,)",
        "6",
    ]


def test_summary_of_shared_weights():
    shared = nn.Linear(4, 4, rng=seeded())
    model = nn.Sequential(shared, nn.Linear(4, 4, rng=seeded()))
    model[1].W = shared.W
    lines = model.summary().splitlines()
    assert [line.split()[-1] for line in lines[2:4]] == ["20", "4"]
    assert lines[-1].split() == ["total", "24"]
