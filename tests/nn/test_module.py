"""Module: parameters by name, state, prediction without a graph, words."""

import copy
import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.naming import parts_ending_at


def seeded(seed=0):
    return np.random.default_rng(seed)


class Net(nn.Module):
    """As a student writes it: no super().__init__()."""

    def __init__(self, rng):
        self.hidden = nn.Linear(4, 2, rng=rng)
        self.out = nn.Linear(2, 3, rng=rng)

    def forward(self, x):
        return self.out(tg.tanh(self.hidden(x)))


class Deep(nn.Module):
    """Layers in a list, a dict, and a Tensor of its own."""

    def __init__(self, rng):
        self.layers = []
        for inputs in (4, 2):
            self.layers.append(nn.Linear(inputs, 2, rng=rng))
        self.ends = {"left": nn.Linear(2, 1, rng=rng), "right": nn.Linear(2, 1, rng=rng)}
        self.scale = tg.Tensor(2.0)
        self.offset = np.ones(1)

    def forward(self, x):
        for layer in self.layers:
            x = tg.tanh(layer(x))
        return self.scale * (self.ends["left"](x) - self.ends["right"](x)) + self.offset


def mlp(rng, *, dropout=0.0):
    return nn.Sequential(
        nn.Linear(4, 2, rng=rng),
        nn.ReLU(),
        nn.Dropout(dropout, rng),
        nn.Linear(2, 3, rng=rng),
        nn.head("multiclass", 3),
    )


X = seeded(7).normal(size=(9, 4))
LABELS = np.array([0, 1, 2] * 3)


# --- parameters -----------------------------------------------------------------------------------


def test_parameters_are_found_in_attributes_lists_and_dicts():
    assert list(Net(seeded()).named_parameters()) == ["hidden.W", "hidden.b", "out.W", "out.b"]
    found = Deep(seeded()).named_parameters()
    assert set(found) == {
        *(f"layers.{i}.{letter}" for i in (0, 1) for letter in "Wb"),
        *(f"ends.{side}.{letter}" for side in ("left", "right") for letter in "Wb"),
        "scale",
    }
    assert list(mlp(seeded()).named_parameters()) == ["0.W", "0.b", "3.W", "3.b"]
    assert all(isinstance(t, tg.Tensor) for t in found.values())


@pytest.mark.parametrize("make", [Net, Deep, mlp])
def test_modules_with_and_without_names(make):
    model = make(seeded())
    model.more = ([nn.ReLU()], {"x": (nn.Tanh(), model)})
    assert list(model.named_modules().values()) == model.modules()


def test_a_shared_layer_counts_once():
    shared = nn.Linear(4, 4, rng=seeded())
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert list(model.named_parameters()) == ["0.W", "0.b"]
    loss = (model(X) ** 2).sum()
    assert tg.gradients(loss, shared.W).any()


def test_modules_may_know_each_other():
    model = Net(seeded())
    model.hidden.above = model
    assert len(model.parameters()) == 4
    assert model.predict(X).shape == (9, 3)


def test_what_was_computed_is_no_parameter():
    layer = nn.Linear(4, 2, rng=seeded())
    layer.last = layer(X)
    assert list(layer.named_parameters()) == ["W", "b"]


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: nn.Linear(4, 3, rng=seeded()), ["W", "b"]),
        (lambda: mlp(seeded()), ["W1", "b1", "W2", "b2"]),
        (lambda: nn.Sequential(nn.ReLU(), nn.Linear(4, 3, rng=seeded())), ["W", "b"]),
        (lambda: nn.Sequential(mlp(seeded())[:2], mlp(seeded())[3]), ["W1", "b1", "W2", "b2"]),
        (lambda: Net(seeded()), ["W_hidden", "b_hidden", "W_out", "b_out"]),
        (
            lambda: Deep(seeded()),
            [
                "scale",
                *(f"{letter}_layers{i}" for i in (1, 2) for letter in "Wb"),
                *(f"{letter}_ends_{side}" for side in ("left", "right") for letter in "Wb"),
            ],
        ),
    ],
)
def test_names_in_formulas(make, names):
    model = make()
    model.named_parameters()
    assert [t.name for t in model.parameters()] == names


def test_a_layer_numbers_its_own_bias():
    rng = seeded()
    model = nn.Sequential(nn.Linear(4, 4, bias=False, rng=rng), nn.Linear(4, 4, rng=rng))
    assert {n: t.name for n, t in model.named_parameters().items()} == {
        "0.W": "W1",
        "1.W": "W2",
        "1.b": "b2",
    }


def test_names_follow_the_outermost_model_and_spare_those_given():
    layer = nn.Linear(4, 4, rng=seeded())
    layer.W.name = "Ω"
    layer(X)
    assert (layer.W.name, layer.b.name) == ("Ω", "b")
    first = nn.Sequential(layer, nn.Linear(4, 4, rng=seeded()))
    assert layer.b.name == "b1"
    nn.Sequential(nn.Linear(4, 4, rng=seeded()), first)
    assert (layer.W.name, layer.b.name) == ("Ω", "b2")


@pytest.mark.parametrize(
    ("make", "wrt", "expected"),
    [
        (lambda: nn.Linear(4, 3, rng=seeded()), "W", "Xᵀ(softmax(Z) − one_hot(y, K))/N"),
        (lambda: nn.Linear(4, 3, rng=seeded()), "b", "Σₙ(softmax(Z) − one_hot(y, K))/N"),
        (
            lambda: mlp(seeded()),
            "0.W",
            "Xᵀ([z1 > 0] ⊙ ((softmax(Z) − one_hot(y, K)) W2ᵀ))/N",
        ),
        (
            lambda: Net(seeded()),
            "out.W",
            "tanh(z_hidden)ᵀ(softmax(Z) − one_hot(y, K))/N",
        ),
    ],
)
def test_derivations_read_well(make, wrt, expected):
    model = make()
    y = LABELS
    Z = model(X)
    L = tg.softmax_cross_entropy(Z, y)
    assert str(tg.derive(L, wrt=model.named_parameters()[wrt]).result) == expected


def test_outputs_of_layers_have_letters():
    rng = seeded()
    model = nn.Sequential(
        nn.Linear(4, 3, rng=rng),
        nn.ReLU(),
        nn.Linear(3, 3, rng=rng),
        nn.Tanh(),
        nn.Dropout(0.5, rng),
        nn.Linear(3, 3, rng=rng),
    )
    y = LABELS
    L = tg.softmax_cross_entropy(model(X), y)
    δ = "(softmax(z3) − one_hot(y, K))"
    assert str(tg.derive(L, wrt=model[5].W).result) == f"d2ᵀ{δ}/N"
    assert str(tg.derive(L, wrt=model[2].W).result) == f"2·a1ᵀ(mask ⊙ ({δ} W3ᵀ) ⊙ (1 − a2²))/N"
    staged = tg.derive(L, wrt=model[0].W, staged=True)
    for line in ("δ_z3 = ∂L/∂z3", "δ_a1 = ∂L/∂a1", "δ_z1 = ∂L/∂z1", "∂L/∂W1 = Xᵀ δ_z1"):
        assert line in staged.text()


def test_the_callers_name_goes_before_the_letter():
    model = nn.Sequential(nn.Linear(4, 3, rng=seeded()), nn.Tanh())
    a = model(X)
    L = (a**2).sum()
    assert "z1" not in str(tg.derive(L, wrt=model[0].W))
    assert str(tg.derive(L, wrt=a).result) == "2·a"
    L = (model(X) ** 2).sum()
    assert "tanh" not in str(tg.derive(L, wrt=model[0].b).result)
    h = model[0](X)
    L = (h**2).sum()
    assert str(tg.derive(L, wrt=model[0].b).result) == "2·Σₙ h"


def test_layer_names_are_subscripts_in_latex():
    model = Net(seeded())
    y = LABELS
    Z = model(X)
    L = tg.softmax_cross_entropy(Z, y)
    latex = tg.derive(L, wrt=model.hidden.W).latex()
    assert r"W_{\mathrm{out}}" in latex
    assert r"\_" not in latex


# --- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Net, Deep, mlp])
def test_gradients_of_all_parameters(make):
    model = make(seeded())
    names = list(model.named_parameters())

    def loss(*arrays):
        twin = copy.deepcopy(model)
        for tensor_name, value in zip(names, arrays, strict=True):
            place(twin, tensor_name, value)
        return (twin(X) ** 2).mean()

    assert tg.gradcheck(loss, [t.data for t in model.parameters()])


def place(module, name, value):
    """Put a Tensor where a parameter stands."""
    *path, last = name.split(".")
    for step in path:
        if isinstance(module, dict):
            module = module[step]
        elif step.isdigit():
            module = module[int(step)]
        else:
            module = getattr(module, step)
    setattr(module, last, value)


# --- training and prediction ----------------------------------------------------------------------


def test_training_is_a_state_of_the_module():
    model = nn.Sequential(mlp(seeded(), dropout=0.5)[:3], nn.Dropout(0.3, seeded()))
    assert model.training
    assert model[0][2].training
    assert model.eval() is model
    assert not any(m.training for m in model.named_modules().values())
    assert model.train() is model
    assert all(m.training for m in model.named_modules().values())
    assert mlp(seeded()).training  # the state is each model's own


def test_predict_records_nothing_and_changes_nothing():
    model = mlp(seeded(), dropout=0.5)
    before = model[2].rng.bit_generator.state
    values = model.predict(X)
    assert type(values) is np.ndarray
    assert model.training
    assert model[2].rng.bit_generator.state == before
    assert_array_equal(values, tg.softmax(model.eval()(X).data))
    assert_array_equal(values, model.predict(tg.Tensor(X)))
    assert_array_equal(values[:1], model.predict(X[:1].tolist()))


@pytest.mark.parametrize("given", [np.float16, np.float32, np.float64])
def test_predict_in_the_dtype_of_the_parameters(given):
    layer = nn.Linear(4, 3, rng=seeded(), dtype=np.float32)
    found = layer.predict(X.astype(given))
    assert found.dtype == np.float32
    assert_array_equal(found, layer(X.astype(given).astype(np.float32)).data)


def test_predict_leaves_indices_as_they_are():
    class Table(nn.Module):
        def __init__(self):
            self.W = tg.Tensor(np.eye(3))

        def forward(self, x):
            return self.W[x]

    assert_array_equal(Table().predict([2, 0]), np.eye(3)[[2, 0]])


@pytest.mark.parametrize("batch_size", [1, 2, 4, 9, 100])
def test_predict_in_batches(batch_size):
    model = mlp(seeded())
    np.testing.assert_allclose(model.predict(X, batch_size), model.predict(X), rtol=1e-14)


def test_predict_of_nothing():
    assert mlp(seeded()).predict(X[:0]).shape == (0, 3)
    assert mlp(seeded()).predict(X[:0], batch_size=4).shape == (0, 3)
    with pytest.raises(
        ValueError, match="predict: batch_size = 0 does not make sense; choose at least 1"
    ):
        mlp(seeded()).predict(X, batch_size=0)


def test_predict_of_lists_and_dicts_of_layers():
    model = Deep(seeded())
    assert_array_equal(model.predict(X), model(X).data)


def test_predict_makes_values_where_forward_makes_a_tensor():
    class Shift(nn.Module):
        def forward(self, x):
            return tg.Tensor(1.0) + x

    assert_array_equal(Shift().predict(X), X + 1)


def test_threads_predict_and_train_at_once():
    model = mlp(seeded(), dropout=0.5)
    expected = model.predict(X)
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.predict(X))) for _ in range(8)]
    for thread in threads:
        thread.start()
        model(X)
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(np.array_equal(each, expected) for each in found)
    assert model.training


# --- storing --------------------------------------------------------------------------------------


def test_state_is_copied_out_and_in(tmp_path):
    model, other = mlp(seeded()), mlp(seeded(1))
    state = model.state_dict()
    state["0.W"][:] = 0
    assert model[0].W.data.any()
    np.savez(tmp_path / "state.npz", **model.state_dict())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        other.load_state_dict(stored)
    assert_array_equal(other.predict(X), model.predict(X))
    held = model.state_dict()
    other.load_state_dict(held)
    held["0.W"][:] = 0
    assert other[0].W.data.any()


def test_loading_keeps_the_dtype():
    layer = nn.Linear(4, 3, rng=seeded(), dtype=np.float32)
    layer.load_state_dict({"W": np.ones((4, 3)), "b": np.zeros(3, int)})
    assert layer.W.dtype == layer.b.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("0.b"), "0.b is missing"),
        (lambda s: s.update({"9.W": np.ones(2)}), "9.W is unknown"),
        (lambda s: s.update({"3.W": np.ones((3, 2))}), r"3.W has shape \(3, 2\) and not \(2, 3\)"),
        (lambda s: s.update({"3.b": np.array(["a", "b", "c"])}), "3.b holds <U1 values"),
    ],
)
def test_a_state_of_another_model_changes_nothing(change, complaint):
    model = mlp(seeded())
    before, state = model.state_dict(), mlp(seeded(1)).state_dict()
    change(state)
    with pytest.raises(ValueError, match=f"load_state_dict: .*{complaint}"):
        model.load_state_dict(state)
    for name, array in model.state_dict().items():
        assert_array_equal(array, before[name])


def test_generators_by_name():
    rng = seeded()
    model = nn.Sequential(nn.Linear(4, 4, rng=rng), nn.Dropout(0.5, rng), nn.Dropout(0.2, seeded()))
    found = model.generators()
    assert list(found) == ["1.rng", "2.rng"]
    assert found["1.rng"] is rng


@pytest.mark.parametrize("twin", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_stand_by_themselves(twin):
    model = mlp(seeded(), dropout=0.5)
    other = twin(model)
    assert_array_equal(other(X).data, model(X).data)
    other[0].W.data = np.zeros((4, 2))
    assert model[0].W.data.any()
    assert other[0].W.name == "W1"


# --- words ----------------------------------------------------------------------------------------


def test_repr():
    assert repr(nn.Linear(4, 3, rng=seeded(), bias=False, l2=0.01)) == (
        "Linear(4, 3, bias=False, l2=0.01)"
    )
    assert repr(nn.Sequential()) == "Sequential()"
    nested = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Dropout(0.25, seeded()), nn.GELU()))
    assert repr(nested) == (
        "Sequential(\n  0: Flatten()\n  1: Sequential(\n    0: Dropout(0.25)\n    1: GELU()\n  )\n)"
    )


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("weight", "write W"),
        ("get_weights", "write state_dict()"),
        ("wieght", None),
    ],
)
def test_attributes_of_other_libraries(name, mend):
    with pytest.raises(AttributeError) as caught:
        getattr(nn.Linear(2, 2, rng=seeded()), name)
    sentence = f"'Linear' has no attribute {name!r}"
    assert str(caught.value) == sentence + (f"; {mend}" if mend else "")


def test_a_module_without_forward_or_without_return():
    class Empty(nn.Module):
        pass

    class Silent(nn.Module):
        def forward(self, x):
            x + 1

    with pytest.raises(NotImplementedError, match="Empty: has no forward; define forward"):
        Empty()(X)
    with pytest.raises(TypeError, match=r"Silent\(\): forward gave nothing; end it with a return"):
        Silent()(X)


def test_a_model_without_a_head_knows_no_loss():
    with pytest.raises(ValueError, match="Net: has no head, so it knows no loss"):
        Net(seeded()).loss(X, LABELS)


# --- parts ----------------------------------------------------------------------------------------


def test_outputs_know_which_parts_end_with_them():
    model = Net(seeded())
    x = tg.Tensor(X)
    out = model(x)
    ended = [(part.name, part.title) for part, _, _ in parts_ending_at(out)]
    assert ended == [("out", "Linear(2, 3)"), ("", "Net()")]
    assert parts_ending_at(x) == []
    (_, start_of_out, _), (_, start_of_all, inputs) = parts_ending_at(out)
    assert inputs == (x,)
    assert x.serial < start_of_all < start_of_out < out.serial


def test_a_part_that_hands_on_its_input_marks_nothing():
    model = nn.Sequential(nn.Linear(4, 3, rng=seeded()), nn.Identity(), nn.head("multiclass", 3))
    ended = [part.name for part, _, _ in parts_ending_at(model(X))]
    assert ended == ["0", ""]


def test_graphs_do_not_hold_their_model():
    import gc
    import weakref

    gc.disable()
    try:
        model = Net(seeded())
        out = model(X)
        gone, output = weakref.ref(model), weakref.ref(out)
        del model
        assert gone() is None
        del out
        assert output() is None
    finally:
        gc.enable()
