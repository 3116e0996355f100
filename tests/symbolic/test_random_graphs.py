"""Random graphs of public operations, which `test_law` derives, and shapes that invite mistakes."""

from __future__ import annotations

import random

import numpy as np
import pytest

import tinygrad_edu as tg

SHAPES = [(), (3,), (4,), (3, 1), (1, 3), (3, 3), (3, 4), (4, 3), (1,), (1, 1), (2, 3, 4), (4, 4)]

UNARY = [
    tg.exp,
    tg.tanh,
    tg.sigmoid,
    tg.abs,
    tg.relu,
    tg.softplus,
    tg.sign,
    tg.gelu,
    lambda x: tg.log(tg.abs(x) + 0.5),
    lambda x: tg.sqrt(tg.abs(x) + 0.3),
    lambda x: x * x,
    lambda x: x**3,
    lambda x: 1 / (x * x + 1),
    lambda x: -x,
    lambda x: 0.1 * x + 1,
    lambda x: x / 3,
    lambda x: tg.clip(x, -1, 1),
    lambda x: x - tg.max(x),
    lambda x: tg.exp(-x),
    lambda x: 1 / (1 + tg.exp(-x)),
    lambda x: tg.stop_gradient(x) * x,
    lambda x: x - tg.mean(x),
]

BINARY = [
    tg.add,
    tg.subtract,
    tg.multiply,
    tg.multiply,
    tg.maximum,
    tg.minimum,
    lambda a, b: a / (b * b + 1),
    lambda a, b: tg.where(a > 0, a, b),
    lambda a, b: a / tg.exp(b),
    lambda a, b: tg.xlogy(a, tg.exp(b)),
]


def reduced(choose, x):
    axis = choose.choice([None, *range(x.ndim)])
    reduction = choose.choice([tg.sum, tg.sum, tg.mean, tg.max, tg.var, tg.std, tg.prod])
    return reduction(x, axis=axis, keepdims=choose.random() < 0.5)


def normalised(choose, x):
    function = choose.choice([tg.softmax, tg.log_softmax, tg.logsumexp])
    return function(x, axis=choose.randrange(x.ndim)) if x.ndim else x


def rearranged(choose, x):
    ways = [lambda: x.T, lambda: tg.squeeze(x), lambda: tg.reshape(x, (-1,))]
    ways.append(lambda: tg.expand_dims(x, choose.randrange(x.ndim + 1)))
    if x.ndim and x.shape[0]:
        ways += [
            lambda: x[0],
            lambda: x[..., ::-1],
            lambda: x[np.array([0, 0])],
            lambda: tg.concatenate([x, x], axis=choose.randrange(x.ndim)),
        ]
    return choose.choice(ways)()


def multiplied(choose, a, b):
    if not (a.ndim and b.ndim):
        return a * b
    for x, y in ((a, b), (a.T, b), (a, b.T)):
        inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
        if choose.random() < 0.6 and x.shape[-1] == inner and x.ndim <= 2 and y.ndim <= 2:
            return x @ y
    return a @ a.T if a.ndim == 2 else tg.dot(a, a) if a.ndim == 1 else a


def loss_of(choose, x, rng):
    rows = [
        lambda: tg.softmax_cross_entropy(x, rng.integers(0, x.shape[1], x.shape[0])),
        lambda: tg.softmax_cross_entropy(x, rng.dirichlet(np.ones(x.shape[1]), x.shape[0])),
        lambda: tg.cross_entropy(tg.softmax(x), np.eye(x.shape[1])[[0] * x.shape[0]]),
    ]
    entries = [
        lambda: tg.l1([x]),
        lambda: tg.l2([x]),
        lambda: tg.weight_decay([x], 0.1),
        lambda: tg.sigmoid_cross_entropy(x, rng.random(x.shape)),
        lambda: tg.mean_squared_error(x, rng.standard_normal(x.shape)),
        lambda: tg.sum_squared_error(x, rng.standard_normal(x.shape)),
        lambda: tg.sum(x),
    ]
    return choose.choice(rows + entries if x.ndim == 2 else entries)()


def random_graph(seed):
    """Up to seven operations on one to three leaves, and mostly a loss on top."""
    choose, rng = random.Random(seed), np.random.default_rng(seed)
    leaves = [
        tg.Tensor(rng.standard_normal(choose.choice(SHAPES)), name=f"x{i}")
        for i in range(choose.randint(1, 3))
    ]
    made = list(leaves)
    for _ in range(choose.randint(1, 7)):
        a, b = choose.choice(made[-3:] + made), choose.choice(made)
        kind = choose.randrange(10)
        try:
            if kind < 3:
                x = choose.choice(UNARY)(a)
            elif kind < 6:
                constant = choose.random() < 0.2
                x = choose.choice(BINARY)(a, rng.standard_normal(b.shape) if constant else b)
            elif kind == 6:
                x = reduced(choose, a)
            elif kind == 7:
                x = normalised(choose, a)
            elif kind == 8:
                x = multiplied(choose, a, b)
            else:
                x = rearranged(choose, a)
        except ValueError:  # shapes that do not fit
            continue
        if x.size > 200:
            continue
        if choose.random() < 0.3 and x.op is not None and x.name is None:
            tg.name(x, f"h{len(made)}")
        made.append(x)
    output = made[-1]
    return (loss_of(choose, output, rng) if choose.random() < 0.7 else output), leaves


def derivations(output, leaves):
    """Derive with respect to each leaf; to depend on none of them is no mistake."""
    for x in leaves:
        try:
            yield tg.derive(output, wrt=x, names={})
        except ValueError as refused:
            if "does not depend on" not in str(refused):
                raise


def check(found):
    if np.isfinite(found.computed).all():
        assert found.residual < 1e-9, f"{found.start} is not {found.result}"
    for step in found.steps:
        assert not step.residual > 1e-8, repr(step)
    assert found.result.size <= found.start.size


#: A softmax of a softmax is meant here.
of_a_softmax = pytest.mark.filterwarnings("ignore:.*result of a softmax:UserWarning")


SEEDS = range(400, 408)


@pytest.mark.usefixtures("untraced")
@of_a_softmax
def test_the_same_graph_gives_the_same_text():
    for seed in SEEDS:
        with np.errstate(all="ignore"):
            one, two = (
                [written(output, x) for output, leaves in [random_graph(seed)] for x in leaves]
                for _ in range(2)
            )
        assert one == two


def written(output, x):
    try:
        found = tg.derive(output, wrt=x, names={})
    except ValueError as refused:
        return str(refused)
    return found.text(), found.text(indices=True), found.latex(), found.latex(indices=True)


# --- shapes that invite mistakes ------------------------------------------------------------------


def derived(output, x, **options):
    found = tg.derive(output, wrt=x, names={}, **options)
    check(found)
    return found


def matrix(name, *shape, seed=0):
    return tg.Tensor(np.random.default_rng(seed).normal(size=shape), name=name)


@pytest.mark.parametrize("shape", [(3, 4), (3, 3), (1, 4), (4, 1)])
def test_a_matrix_times_its_own_transpose_is_a_sum_like_others(shape):
    X = matrix("X", *shape)
    found = derived((X @ X.T).sum(), X)
    assert found.start.whole == []
    derived(tg.softmax(X @ X.T).sum(axis=0).max(), X)
    derived((X.T @ X * (X.T @ X)).sum(), X)


def test_a_matrix_and_its_transpose_added():
    X = matrix("X", 3, 3)
    derived(((X + X.T) ** 2).sum(), X)


def test_as_many_rows_as_classes():
    Z = matrix("Z", 3, 3)
    for axis in (0, 1):
        found = derived((tg.softmax(Z, axis=axis) ** 2).sum(), Z)
        assert found.result.size < found.start.size
    derived((tg.softmax(Z, axis=0) * tg.softmax(Z, axis=1)).sum(), Z)
    labels = np.array([2, 0, 1])
    assert str(derived(tg.softmax_cross_entropy(Z, labels), Z).result).startswith("(softmax(Z) − ")


@pytest.mark.parametrize(
    "shapes", [((3, 1), (4,)), ((3, 1), (1, 4)), ((1, 1), (3, 4)), ((), (3, 4))]
)
def test_broadcasting(shapes):
    a, b = (
        matrix(name, *shape, seed=i)
        for i, (name, shape) in enumerate(zip("ab", shapes, strict=True))
    )
    for output in ((a + b).sum(), (a * b).sum(), tg.exp(a - b).sum(axis=-1).mean(), a / tg.exp(b)):
        derived(output, a)
        derived(output, b)


def test_axes_of_length_one_have_no_index():
    x = matrix("x", 1, 4, 1)
    found = derived((x * x).sum(axis=(0, 2)).mean(), x)
    assert found.result.text(indices=True) == "2·xₙ/N"
    assert found.result.evaluate().shape == (1, 4, 1)


def test_nothing_in_an_axis():
    x = matrix("x", 0, 3)
    found = derived((x * x).sum(), x)
    assert found.result.evaluate().shape == (0, 3)


def test_a_mask_and_an_index():
    x = matrix("x", 5)
    mask = np.array([True, False, True, True, False])
    for output in (
        x[mask].sum(),
        (x[1:4] ** 2).sum(),
        tg.where(mask, x, 0.0).sum(),
        x[[0, 0]].sum(),
    ):
        derived(output, x)


def test_comparisons_do_not_feel_the_last_digit():
    """A formula computes x³ in another way than the graph, and ties must still be ties."""
    x = tg.Tensor([0.7, 0.1, 0.7], name="x")
    derived(tg.max(x * x * x), x)
    derived((tg.relu(x - tg.mean(x)) * x).sum(), x)


def test_the_definition_of_a_mask_times_infinity_is_zero():
    """0·log 0 and 0/0 are 0 in losses, and so in formulas."""
    p = tg.Tensor([0.0, 1.0], name="p")
    found = derived(tg.cross_entropy(p, np.array([0.0, 1.0])), p)
    assert np.isfinite(found.result.evaluate()).all()
    x = tg.Tensor([2.0, 2.0], name="x")
    derived(tg.std(x), x)


def test_float32_stays_close():
    Z = tg.Tensor(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32), name="Z")
    found = tg.derive(tg.softmax_cross_entropy(Z, np.array([0, 1, 2, 1])), wrt=Z)
    assert found.residual < 1e-6
    assert found.result.letters
