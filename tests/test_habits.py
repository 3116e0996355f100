"""What people bring along from NumPy, PyTorch, Keras, JAX and scikit-learn, as they type it."""

import io
import re
import tracemalloc
import zipfile

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import data, nn, optim, train
from tinygrad_edu.elsewhere import guided, table

RNG = np.random.default_rng(0)
MODEL = nn.Sequential(nn.Linear(4, 3, rng=RNG), nn.head("multiclass", 3))
HOLDERS = {
    "tinygrad_edu": tg,
    "tinygrad_edu.nn": nn,
    "tinygrad_edu.optim": optim,
    "tinygrad_edu.train": train,
    "tinygrad_edu.data": data,
    "Tensor": tg.Tensor([1.0, 2.0]) * 2,
    "Module": MODEL,
    "Optimizer": optim.SGD(MODEL, lr=0.1),
}
MODULES = {"tg": tg, "nn": nn, "optim": optim, "train": train, "data": data, "np": np}
NAMES = [(place, name) for place in HOLDERS for name in table()[place]]

# --- names ----------------------------------------------------------------------------------------


def test_there_are_many():
    assert len(NAMES) > 400
    assert set(table()) == {*HOLDERS, "keyword", "call"}


@pytest.mark.parametrize("place", HOLDERS)
def test_a_name_from_elsewhere_is_sent_on(place):
    """No name of the table is there, each raises what says so, and what it sends to is there."""
    for name, mend in table()[place].items():
        assert not hasattr(HOLDERS[place], name), name
        with pytest.raises(AttributeError) as raised:
            getattr(HOLDERS[place], name)
        assert repr(name) in str(raised.value)
        assert str(raised.value).endswith(f"; {mend}")
        assert name not in dir(HOLDERS[place])


def test_what_they_are_sent_to_is_there():
    for place, names in table().items():
        for name, mend in names.items():
            for module, found in re.findall(r"\b(tg|nn|optim|train|data|np)\.(\w+)", mend):
                if not (place == "Tensor" and module == "data"):  # t.data.copy
                    assert hasattr(MODULES[module], found), (place, name, mend)
            assert "{" not in mend, (place, name)


@pytest.mark.parametrize(
    ("holder", "name", "near"),
    [
        (tg, "sofmax", "softmax"),
        (tg, "Softmax", "softmax"),
        (nn, "Lineer", "Linear"),
        (nn, "Relu", "ReLU"),
        (optim, "Adem", "Adam"),
        (train, "Fit", "fit"),
        (data, "load_irish", "load_iris"),
    ],
)
def test_a_slip_is_told_what_was_meant(holder, name, near):
    with pytest.raises(AttributeError, match=f"{name!r}; did you mean {near!r}\\?$"):
        getattr(holder, name)


def test_what_nobody_knows_gets_pythons_sentence():
    for holder in (tg, nn, optim, train, data):
        with pytest.raises(AttributeError, match=r"^module '[\w.]+' has no attribute 'qqq'$"):
            _ = holder.qqq
    assert not hasattr(tg.Tensor, "numpy")


def test_completion_shows_what_users_may_call():
    shown = {name for name in dir(tg.Tensor(1.0)) if not name.startswith("_")}
    assert shown == {name for name in dir(tg.Tensor) if not name.startswith("_")}
    assert {"data", "grad", "sum", "T", "backward"} <= shown
    assert not shown & {"op", "args", "record", "numpy", "seed", "value"}


# --- calls ----------------------------------------------------------------------------------------

z = tg.Tensor([1.47, -0.39, 0.22], name="z")
y = np.array([0.0, 1.0, 0.0])
a = tg.softmax(z)
L = tg.cross_entropy(a, y)
X, labels = RNG.normal(size=(4, 4)), np.array([0, 1, 2, 0])
SGD = optim.SGD(MODEL, lr=0.1)


def fit(*args, **options):
    return train.fit(*args, **{"optimizer": SGD, "epochs": 1, "rng": RNG, **options})


CALLS = {
    # what is missing
    "fit: epochs and rng are missing; write fit(model, (X, y), ": lambda: train.fit(MODEL, X, y),
    "fit: rng is missing; write ": lambda: train.fit(MODEL, (X, y), epochs=2),
    "Linear: rng is missing; write Linear(inputs, outputs, rng=np.random.default_rng(0))": (
        lambda: nn.Linear(4, 3)
    ),
    "Linear: outputs and rng are missing": lambda: nn.Linear(4),
    "Dropout: rng is missing; write Dropout(0.2, rng=np.random.default_rng(0))": (
        lambda: nn.Dropout(0.2)
    ),
    "dropout: rng is missing; write dropout(x, 0.2, np.random": lambda: tg.dropout(z, 0.2),
    "split: rng is missing; write split((X, y), 0.2, rng=": lambda: data.split((X, labels), 0.2),
    "SGD: lr is missing; write SGD(model, lr=0.1)": lambda: optim.SGD(MODEL),
    "derive: wrt is missing; write derive(L, wrt=z)": lambda: tg.derive(L),
    "explain: wrt is missing": lambda: tg.explain(L),
    "gradients: wrt is missing; write gradients(loss, wrt=w)": lambda: tg.gradients(L),
    "evaluate: data is missing; write evaluate(model, (X, y))": lambda: train.evaluate(MODEL),
    "cross_entropy: targets is missing; write cross_entropy(probs, targets)": (
        lambda: tg.cross_entropy(a)
    ),
    "prove: right is missing": lambda: tg.prove(L),
    "routes: y is missing": lambda: tg.routes(z),
    "CosineDecay: steps is missing; write CosineDecay(rate, steps)": lambda: optim.CosineDecay(0.1),
    "jvp: v is missing; write jvp(f, x, v)": lambda: tg.jvp(tg.softmax, [1.0, 2.0]),
    "StepDecay: there is no step_size=; write every=": lambda: optim.StepDecay(0.1, step_size=30),
    "hessian: takes f by position, and not 2 values; write hessian(f)(x)": (
        lambda: tg.hessian(tg.sum, [1.0, 2.0])
    ),
    "fit: the optimizer is the class Adam; pass optim.SGD(model, lr=0.1)": (
        lambda: fit(MODEL, (X, labels), optimizer=optim.Adam)
    ),
    "EarlyStopping: patience is missing": lambda: train.EarlyStopping(),
    # what is there under another name
    "sum: no attribute 'dim'; write axis=": lambda: z.sum(dim=0),
    "max: no attribute 'keepdim'; write keepdims=": lambda: tg.max(z, keepdim=True),
    "Linear: there is no in_features=; write inputs=": lambda: nn.Linear(in_features=4, rng=RNG),
    "Linear: there is no kernel_initializer=; write initialiser=": (
        lambda: nn.Linear(4, 3, kernel_initializer="he", rng=RNG)
    ),
    "Linear: there is no seed=; write rng=np.random.default_rng(seed)": (
        lambda: nn.Linear(4, 3, seed=0)
    ),
    "Dropout: there is no rate=; write p=": lambda: nn.Dropout(rate=0.2, rng=RNG),
    "SGD: there is no learning_rate=; write lr=": lambda: optim.SGD(MODEL, learning_rate=0.1),
    "fit: there is no callbacks=; write on_epoch=": lambda: fit(MODEL, (X, labels), callbacks=[]),
    "fit: there is no X=; give features and targets as one pair, (X, y)": lambda: fit(MODEL, X=X),
    "backward: there is no retain_graph=; leave it out": lambda: L.backward(retain_graph=True),
    "gradients: there is no create_graph=; write graph=True": (
        lambda: tg.gradients(L, z, create_graph=True)
    ),
    "split: there is no test_size=; give the share by position": (
        lambda: data.split((X, labels), test_size=0.2, rng=RNG)
    ),
    "softmax_cross_entropy: there is no label_smoothing=; change the targets": (
        lambda: tg.softmax_cross_entropy(z, y, label_smoothing=0.1)
    ),
    "cross_entropy: there is no from_logits=; write tg.softmax_cross_entropy": (
        lambda: tg.cross_entropy(a, y, from_logits=True)
    ),
    "EarlyStopping: there is no monitor=; leave it out": (
        lambda: train.EarlyStopping(monitor="val_loss", patience=3)
    ),
    "load_iris: there is no return_X_y=; leave it out; the data set has .features and .labels": (
        lambda: data.load_iris(return_X_y=True)
    ),
    # what takes nothing, or less
    "forward: takes x by position, and not 2 values; write forward(x)": lambda: MODEL(X, X),
    "forward: x is missing; write forward(x)": lambda: MODEL(),
    "ReLU: takes nothing by position, and not 1 values; write ReLU()": lambda: nn.ReLU(0.2),
    "Softmax: there is no dim=": lambda: nn.Softmax(dim=1),
    "Adam: takes parameters and lr by position, and not 3 values; give the others by ": (
        lambda: optim.Adam(MODEL, 0.1, 0.9)
    ),
    # the order
    "derive: wrt is a list; pass one Tensor, and call derive once for each": (
        lambda: tg.derive(L, wrt=[z])
    ),
    "derive: wrt is a str; pass the Tensor itself": lambda: tg.derive(L, wrt="z"),
    "derive: output is a function; call it on Tensors": lambda: tg.derive(lambda z: z, wrt=z),
    "hessian: f is a Tensor; pass the function that computed it, or write tg.gradients": (
        lambda: tg.hessian(L)
    ),
    "jacobian: f is a Tensor; pass the function": lambda: tg.jacobian(a),
    "value_and_grad: f is a Tensor; pass the function": lambda: tg.value_and_grad(L),
    "gradients: wrt was computed from output; the loss comes first": lambda: tg.gradients(z, L),
    "cross_entropy: the first argument holds 0 and 1 alone, as targets do": (
        lambda: tg.cross_entropy(y, a)
    ),
    "binary_cross_entropy: the first argument holds 0 and 1 alone": (
        lambda: tg.binary_cross_entropy(y, a)
    ),
    "softmax_cross_entropy: a target is negative (-0.39); targets come second": (
        lambda: tg.softmax_cross_entropy(y, z)
    ),
    "softmax_cross_entropy: targets of shape (4, 3) for (4,); what the model gives comes first": (
        lambda: tg.softmax_cross_entropy(labels, tg.Tensor(X[:, :3]))
    ),
    "sigmoid_cross_entropy: a target is -0.39, outside [0, 1]; targets come second": (
        lambda: tg.sigmoid_cross_entropy(y, z)
    ),
    "dropout: p is a Generator, and a probability is expected": lambda: tg.dropout(z, RNG, 0.2),
    "dropout: p is a Tensor, and a probability is expected": lambda: tg.dropout(0.2, z, RNG),
    "softmax: axis is fixed and takes no Tensor; give what is computed with first": (
        lambda: tg.softmax(1, z)
    ),
    "concatenate: axis is fixed and takes no Tensor; ": lambda: tg.concatenate(z, z),
    "name: the Tensor comes first": lambda: tg.name("z", z),
    "head: problem: a int is no name; there are: regression": lambda: nn.head(3, "multiclass"),
    "optimizer: a Sequential is no name; there are: sgd": (
        lambda: optim.make_optimizer(MODEL, "adam", 0.1)
    ),
    'save_checkpoint: a Sequential and a str came; write save_checkpoint("model.npz", model)': (
        lambda: train.save_checkpoint(MODEL, "x.npz")
    ),
    "load_state_dict: state is a str; pass a dict of arrays": (
        lambda: MODEL.load_state_dict("x.npz")
    ),
    "accuracy: predicted is a Sequential; pass what it predicts": (
        lambda: train.accuracy(MODEL, labels)
    ),
    "check_answer: the first argument is a Tensor; give what derive": (
        lambda: tg.check_answer(L, "a - y")
    ),
    "gradcheck: checks a function, not a list": lambda: tg.gradcheck([1.0], tg.exp),
    "tg.stack([…]) to join several Tensors": lambda: np.array([z[0], z[1]]),
}


@pytest.mark.parametrize("said", CALLS)
def test_a_call_that_does_not_fit_says_how_it_is_meant(said):
    with pytest.raises((TypeError, ValueError)) as raised:
        CALLS[said]()
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_error_from_within_passes_as_it_is():
    @guided
    def outer(x):
        return len(x)

    with pytest.raises(TypeError, match=r"object of type 'int' has no len\(\)"):
        outer(3)


def test_what_is_right_by_habit_is_taken():
    assert tg.gradcheck(lambda a, b: a * b, [1.0, 2.0], [3.0, 4.0])
    assert tg.cross_entropy([[1.0, 0.0]], [[1.0, 0.0]]) == 0
    assert round(L, 2) == 2.23
    assert f"{L:.2f}" == "2.23"


# --- training -------------------------------------------------------------------------------------


class Table:
    """What has numbers and says how they are read, as a DataFrame does."""

    def __init__(self, numbers):
        self.numbers = np.array(numbers, dtype=object)  # columns of several kinds

    def __array__(self, dtype=None, copy=None):
        return np.array(self.numbers, dtype=dtype)


def network():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
    return model, optim.SGD(model, lr=0.1)


def trained(data, **options):
    model, sgd = network()
    rng = np.random.default_rng(1)
    train.fit(model, data, **{"optimizer": sgd, "epochs": 2, "rng": rng, **options})
    return model.state_dict()["0.W"]


def test_a_batch_is_no_larger_than_the_data():
    assert np.array_equal(trained((X, labels)), trained((X, labels), batch_size=4))


def test_anything_with_numbers_is_data():
    expected = trained((X, labels))
    for given in ((Table(X), labels), (X.tolist(), labels.tolist()), [X, Table(labels).numbers]):
        targets = np.asarray(given[1]).astype(int)
        assert np.array_equal(trained((given[0], targets)), expected)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((MODEL, X, labels), "fit: give features and targets as one pair, as in fit(model, (X, y)"),
        (((X, labels), MODEL), "fit: the model comes first"),
        ((MODEL, (X, labels), SGD), "fit: give the optimizer by name, optimizer=SGD("),
        ((MODEL, (X, ["a", "b", "c", "a"])), "the targets hold words, such as 'a'; number them"),
        ((MODEL, (Table([["a", 1]] * 4), labels)), "the features hold words, such as 'a'"),
    ],
)
def test_data_in_another_order_or_form(arguments, said):
    with pytest.raises(TypeError, match=re.escape(said)):
        fit(*arguments)


def test_on_epoch_is_told_and_may_end_the_training():
    model, sgd = network()
    seen = []

    def stop(history):
        seen.append(len(history))
        return history.loss[-1] < 0 or len(history) == 3

    history = train.fit(model, (X, labels), optimizer=sgd, epochs=9, rng=RNG, on_epoch=stop)
    assert seen == [1, 2, 3]
    assert history.ended == "on_epoch"
    with pytest.raises(TypeError, match="on_epoch is a list; pass a function of the history"):
        fit(MODEL, (X, labels), on_epoch=[stop])


def test_another_batch_size_cannot_go_on(tmp_path):
    path = tmp_path / "model.npz"
    trained((X, labels), batch_size=2, checkpoint=path)
    with pytest.raises(ValueError, match=r"written with batches of 2 .* now they have 4"):
        trained((X, labels), batch_size=4, checkpoint=path, resume=True, epochs=3)
    trained((X, labels), batch_size=2, checkpoint=path, resume=True, epochs=3)


@pytest.mark.parametrize("make", [optim.SGD, optim.RMSProp, optim.Adam, optim.AdamW])
def test_parameters_are_float32_where_the_data_are(make):
    model, _ = network()
    adam = make(model, lr=0.1)
    train.fit(model, (X.astype(np.float32), labels), optimizer=adam, epochs=2, rng=RNG)
    assert {tensor.dtype for tensor in model.parameters()} == {np.dtype(np.float32)}
    assert model.predict(X).dtype == np.float32


# --- files and warnings ---------------------------------------------------------------------------


def crafted(path, compression, entries, promised):
    """A file that looks like a checkpoint, and would take much more than its own size."""
    content = io.BytesIO()
    header = {"shape": (promised,), "fortran_order": False, "descr": "<f8"}
    np.lib.format.write_array_header_1_0(content, header)
    content.write(bytes(8 * entries))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("format.npy", content.getvalue())
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((zipfile.ZIP_DEFLATED, 10**6, 10**6), "is compressed, as no checkpoint is"),
        ((zipfile.ZIP_STORED, 4, 2**40), "promises 8796093022208 bytes, and 32 are there"),
        ((zipfile.ZIP_STORED, 4, 3), "promises 24 bytes, and 32 are there"),
    ],
)
def test_a_crafted_file_is_refused_by_its_sizes(tmp_path, options, said):
    path = crafted(tmp_path / "crafted.npz", *options)
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"no whole archive of arrays .*{said}"):
        train.load_checkpoint(path, network()[0])
    assert tracemalloc.get_traced_memory()[1] < 4e6
    tracemalloc.stop()


def test_a_warning_points_to_the_callers_line():
    head = nn.head("multiclass", 3)
    for call in (
        lambda: tg.softmax_cross_entropy(a, y),
        lambda: head.loss(a, y),
        lambda: nn.Sequential(head).loss(a, y),
    ):
        with pytest.warns(UserWarning, match="the result of a softmax") as warned:
            call()
        assert [each.filename for each in warned] == [__file__]
