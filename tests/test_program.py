"""Programs: what a function computes, bit for bit, written as NumPy."""

import threading
import warnings
from functools import partial

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.fold import fold
from tests.samples import CASES, arrays, by_name
from tests.symbolic.test_random_graphs import of_a_softmax, random_graph
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.program import memory
from tinygrad_edu.program.trace import leaves

R = np.random.default_rng


def bits(results):
    return [
        (a.dtype, a.shape, a.tobytes())
        for a in (np.array(each, order="C") for each in leaves(results))
    ]


def alone(program, *args):
    """What the text computes, with NumPy alone."""
    names = {}
    exec(compile(program.source, "<source>", "exec"), names)
    return names["program"](*args, **program.constants)


def squared(out):
    parts = out if isinstance(out, tuple | list) else [out]
    return sum(tg.sum(part * part) for part in parts)


@pytest.fixture
def kept(monkeypatch):
    """Every line that can writes into memory of the program, not those of large arrays alone."""
    monkeypatch.setattr(memory, "_LARGE", 0)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("cases", by_name(CASES))
def test_every_operation_and_its_rules_give_the_same_bits(cases):
    kinds = [(case, dtype) for case in cases for dtype in (np.float64, np.float32)]
    fold("program", [(f"{c} {t.__name__}", partial(same_bits_of, c, t)) for c, t in kinds])


def same_bits_of(case, dtype):
    args, other = (case.arguments(seed, dtype) for seed in (0, 5))
    held = {n for n, a in enumerate(args) if not isinstance(a, tg.Tensor)}
    open_ = [n for n in range(len(args)) if n not in held]

    def function(*given):
        whole = list(arrays(other))
        for n, value in zip(open_, given, strict=True):
            whole[n] = value
        return case.call(*whole)

    todo = [function]
    if case.differentiable:
        todo.append(tg.value_and_grad(lambda *x: squared(function(*x)), tuple(range(len(open_)))))
    for f in todo:
        program = tg.compile(f)
        for drawn in (args, other):
            given = [arrays(drawn)[n] for n in open_]
            assert bits(program(*given)) == bits(f(*given))
        assert bits(alone(program, *given)) == bits(f(*given))


def again(output, inputs):
    """The function that a graph was recorded from."""

    def function(*given):
        made = dict(zip(inputs, given, strict=True))
        for node in ancestors(output):
            if node.op is not None:
                made[node] = node.op(*[_made(made, a) for a in node.args], **node.attributes)
        return made[output]

    return function


def _made(made, argument):
    return made[argument] if isinstance(argument, tg.Tensor) else argument


GRAPHS = [range(60), pytest.param(range(60, 1200), marks=pytest.mark.deep)]


@of_a_softmax
@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("seeds", GRAPHS, ids=["60", "1,140"])
def test_random_graphs_give_the_same_bits(seeds):
    for seed in seeds:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            output, inputs = random_graph(seed)
            if output.op is None:
                continue
            function = again(output, inputs)
            numbers = tuple(range(len(inputs)))
            f = tg.value_and_grad(lambda *x, g=function: squared(g(*x)), numbers)
            program = tg.compile(f)
            drawn = [[R([seed, n]).normal(size=x.shape) for x in inputs] for n in range(3)]
            found = [program(*given) for given in drawn]
            for results, given in zip(found, drawn, strict=True):
                assert bits(results) == bits(f(*given)), seed


# --- transforms ----------------------------------------------------------------------------------


def curved(x):
    return tg.sum(tg.tanh(x) ** 3 * tg.exp(-x))


TRANSFORMS = {
    "grad": lambda x: tg.grad(curved)(x),
    "grad of grad": lambda x: tg.grad(lambda x: tg.sum(tg.grad(curved)(x) ** 2))(x),
    "hessian": lambda x: tg.hessian(curved)(x),
    "jacobian": lambda x: tg.jacobian(tg.softmax)(x),
    "hvp": lambda x: tg.hvp(curved, x, x),
    "jvp": lambda x: tg.jvp(tg.softmax, x, x * x),
    "vjp": lambda x: tg.vjp(tg.softmax, x)[1](x),
    "a step": lambda x: x - np.float32(0.1) * tg.grad(curved)(x),
    "of a closed name": lambda x: tg.grad(lambda u: tg.sum(u * tg.grad(curved)(x)))(x * 2),
}


@pytest.mark.parametrize("which", TRANSFORMS)
def test_transforms_in_a_program(which):
    f, program = TRANSFORMS[which], tg.compile(TRANSFORMS[which])
    for seed in range(4):
        x = R(seed).normal(size=5)
        assert bits(program(x)) == bits(f(x))
    assert bits(alone(program, x)) == bits(f(x))


# --- what a call gives and takes -----------------------------------------------------------------


def network(seed=0, dtype=np.float32):
    draws = R(seed)
    X, y = draws.normal(size=(16, 4)).astype(dtype), draws.integers(0, 3, 16)
    shapes = (4, 16), (16,), (16, 3), (3,)
    weights = [draws.normal(size=shape).astype(dtype) for shape in shapes]

    def loss(W1, b1, W2, b2):
        return tg.softmax_cross_entropy(tg.relu(X @ W1 + b1) @ W2 + b2, y)

    return loss, weights, X, y


def test_the_text_is_what_a_person_would_write():
    loss, weights, X, _ = network()
    program = tg.compile(tg.value_and_grad(loss, (0, 1, 2, 3)))
    program(*weights)
    assert "v1 = np.dot(X, W1)" in program.source
    assert "= np.maximum(v2, zero)  # relu" in program.source
    assert "import tinygrad" not in program.source
    np.testing.assert_array_equal(program.constants["X"], X)
    assert "relu" in program.explain()
    assert "1,024" in program.explain()  # 16 · 16 numbers of four bytes


def test_a_program_for_each_shape_and_dtype_and_the_latest_kept(monkeypatch):
    calls = []
    program = tg.compile(lambda x: calls.append(1) or tg.sum(tg.exp(x)))
    for n in (3, 4, 3, 4, 3):
        program(np.ones(n))
    assert len(calls) == 4  # each once by itself and once with names
    program(np.ones(3, np.float32))
    program(np.asfortranarray(np.ones((3, 3))))
    program(np.ones((3, 3)))
    assert len(calls) == 10
    for n in range(5, 25):
        program(np.ones(n))
    program(np.ones(3))
    assert len(calls) == 52


def test_nested_arguments_numbers_and_results():
    def f(weights, rate, axis):
        (W, b), c = weights
        return {"no": 0} if axis is None else (W * rate + b, [tg.sum(c, axis=axis)])

    program, arrays_ = tg.compile(f), ([np.ones((2, 2)), np.ones(2)], np.ones((2, 3)))
    assert bits(program(arrays_, 0.5, 0)) == bits(f(arrays_, 0.5, 0))
    assert bits(program(arrays_, 0.25, 1)) == bits(f(arrays_, 0.25, 1))
    with pytest.raises(TypeError, match="returns a dict"):
        program(arrays_, 0.5, None)


@pytest.mark.parametrize("options", [{}, {"derive": True}])
def test_arguments_by_name(options):
    def loss(W, x, *, scale, power=2):
        return scale * tg.sum((x @ W) ** power)

    f = tg.value_and_grad(loss, (0, -1))
    program, W, x = tg.compile(f, **options), R(0).normal(size=(3, 3)), R(1).normal(size=(2, 3))
    for args, kwargs in (
        ((W, x), {"scale": 2.0}),
        ((), {"x": x, "scale": 3.0, "W": W}),
        ((W, x), {"power": 3, "scale": np.float64(2)}),
        ((W,), {"scale": np.ones(()), "x": x}),
    ):
        expected = f(W, x, **{k: v for k, v in kwargs.items() if k not in "Wx"})
        for one, other in zip(leaves(program(*args, **kwargs)), leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    assert "def program(W, x, scale)" in program.source
    with pytest.raises(TypeError, match="missing a required"):
        program(W, scale=2.0)
    with pytest.raises(ValueError, match="one array stands for two"):
        tg.compile(lambda x, y: x - y, donate=(0,))(x=x, y=x)


def test_results_are_the_callers_own():
    x, c = np.ones(3), np.arange(3.0)
    program = tg.compile(lambda x: (x, x, c, x.reshape(1, 3), tg.exp(x).T, tg.exp(x)))
    for _ in range(2):
        found = program(x)
        for n, one in enumerate(found):
            assert one.flags.writeable
            assert not np.shares_memory(one, x)
            assert not np.shares_memory(one, c)
            assert not any(np.shares_memory(one, other) for other in found[n + 1 :])
            one[...] = 7
    c[:] = 9
    np.testing.assert_array_equal(program(x)[2], [0, 1, 2])  # as it was at the first call
    np.testing.assert_array_equal(alone(program, x)[2], [0, 1, 2])


@pytest.mark.parametrize("size", [4, 100])
def test_donated_arguments_may_be_overwritten_and_others_never(size):
    def update(W, x):
        return W - 0.1 * tg.grad(lambda W: tg.sum(tg.tanh(x @ W) ** 2))(W)

    W, x = R(0).normal(size=(size, size)), R(1).normal(size=(size, size))
    kept, given, program = W.copy(), x.copy(), tg.compile(update, donate=(0,))
    expected = update(W, x)
    for _ in range(2):
        np.testing.assert_array_equal(program(W, x), expected)
        np.testing.assert_array_equal(x, given)
        W = kept.copy()


@pytest.mark.usefixtures("untraced", "kept")
def test_eight_threads_at_once():
    loss, weights, _, _ = network()
    f = tg.value_and_grad(loss, (0, 1, 2, 3))
    program, found = tg.compile(f), {}

    def work(n):
        mine = [w + np.float32(n) for w in weights]
        found[n] = {bits_of for _ in range(50) for bits_of in [repr(bits(program(*mine)))]}
        found[n].add(repr(bits(f(*mine))))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(found[n]) for n in range(8)] == [1] * 8


@pytest.mark.usefixtures("kept")
def test_a_call_within_a_call_and_what_an_operation_of_ones_own_keeps():
    seen = []

    @tg.op(name="keeps_what_it_is_given")
    def operation(x):
        seen.append((x, x.copy()))
        if x[0] == 4:
            np.testing.assert_array_equal(program(np.zeros(4)), np.exp(np.full(4, -1.0)))
        return x * 2

    try:
        program = tg.compile(lambda x: tg.exp(operation(tg.sqrt(x) + 1) - 3))
        found = [(n, program(np.full(4, n))) for n in (4.0, 9.0, 16.0, 25.0)]
    finally:
        operation.forget()
    for n, each in found:
        np.testing.assert_array_equal(each, np.exp(np.full(4, (np.sqrt(n) + 1) * 2 - 3)))
    for array, then in seen:
        np.testing.assert_array_equal(array, then)


def test_wrong_numbers_are_refused_in_every_call():
    program = tg.compile(lambda z, y: tg.softmax_cross_entropy(z, y))
    z = R(0).normal(size=(2, 3))
    program(z, np.array([0, 2]))
    with pytest.raises(ValueError, match="label 3 is no class"):
        program(z, np.array([0, 3]))
    assert bits(program(z, np.array([1, 2]))) == bits(tg.softmax_cross_entropy(z, np.array([1, 2])))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows_that_need_a_shift_in_another_call(dtype):
    z, y = R(0).normal(size=(5, 3)).astype(dtype), np.array([0, 1, 2, 1, 0])
    f = tg.value_and_grad(lambda z: tg.softmax_cross_entropy(z, y) + tg.sum(tg.exp(z * 0)))
    program = tg.compile(f)
    for row in (z[1], [1e4, 0, -1e4], [np.inf, 0, 0], [np.nan, 0, 0], [700, 700, -700], z[1]):
        z[1] = row
        with np.errstate(invalid="ignore"):  # 0 · ∞
            assert bits(program(z)) == bits(f(z))
    assert "np.exp" in program.source.split("def program")[1]


def test_what_a_line_changes_is_its_own():
    z, y = R(0).normal(size=(5, 3)), np.array([0, 1, 2, 1, 0])

    def f(z):  # e^z is computed three times, and twice changed
        losses = [tg.softmax_cross_entropy(z, labels) for labels in (y, y[::-1].copy())]
        return tg.exp(z), *losses, tg.grad(lambda z: tg.softmax_cross_entropy(z, y))(z)

    assert bits(tg.compile(f)(z)) == bits(f(z))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_factors_are_not_one(dtype):
    """BLAS takes x @ x.T for symmetric, and rounds it otherwise."""
    x = R(0).normal(size=(33, 17)).astype(dtype)

    def f(x):
        return tg.exp(x) @ tg.exp(x).T, x @ x.T, tg.tanh(x).T @ tg.tanh(x)

    program = tg.compile(f)
    for _ in range(2):
        assert bits(program(x)) == bits(f(x))
        x = x + 1


# --- what is refused -----------------------------------------------------------------------------

outside = tg.Tensor(np.ones(20), name="W")
draws = R(0)

REFUSED = {
    "an if": (lambda x: x if x.sum() > 0 else -x, "known only when the program runs"),
    "a number": (lambda x: tg.exp(x) * float(x[0]), "known only when the program runs"),
    "an array": (lambda x: tg.exp(np.asarray(x)), "known only when the program runs"),
    "a loop": (lambda x: sum(each for each in x), "known only when the program runs"),
    "in place": (lambda x: x.__isub__(1), "p = p - "),
    "by an entry": (lambda x: x.__setitem__(0, 1), "known only when the program runs"),
    "sorted": (lambda x: x.sort(), "has no sort"),
    "a Tensor closed over": (lambda x: tg.sum(x * outside), "W is a Tensor from outside"),
    "what it computed": (lambda x: tg.sum(x * (outside * 2)), "W is a Tensor from outside"),
    "text": (lambda x: "text", "returns a str"),
    "random numbers": (lambda x: x * draws.random(20), "draws random numbers"),
    "dropout": (lambda x: tg.dropout(x, 0.5, draws), "draws random numbers"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_what_cannot_be_a_program_is_refused(which):
    function, message = REFUSED[which]
    with pytest.raises((TypeError, ValueError, AttributeError), match=message):
        tg.compile(function)(R(0).normal(size=20))


def test_wrong_calls():
    x = np.ones(2)
    with pytest.raises(ValueError, match="donate names argument 2 of a call with 1"):
        tg.compile(tg.exp, donate=(2,))(x)
    with pytest.raises(ValueError, match="one array stands for two arguments"):
        tg.compile(lambda x, y: x - y, donate=(0,))(x, x)
    with pytest.raises(TypeError, match="f is a int"):
        tg.compile(3)
    with pytest.raises(TypeError, match=r"pass its \.data"):
        tg.compile(tg.exp)(outside)
    with pytest.raises(ValueError, match="before the first call"):
        _ = tg.compile(tg.exp).source


# --- programs of formulas ------------------------------------------------------------------------


def written_out(seed=0):
    """Softmax and cross-entropy as a lecture writes them, behind a layer."""
    draws = R(seed)
    X, Y = draws.normal(size=(16, 4)), np.eye(3)[draws.integers(0, 3, 16)]
    weights = draws.normal(size=(4, 8)), draws.normal(size=8), draws.normal(size=(8, 3))

    def loss(W1, b1, W2):
        e = tg.exp(tg.relu(X @ W1 + b1) @ W2)
        a = e / tg.sum(e, axis=1, keepdims=True)
        return -tg.sum(Y * tg.log(a)) / len(Y)

    return loss, weights


@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad])
def test_a_program_of_the_derived_gradient(transform):
    loss, weights = written_out()
    f = transform(loss, (0, 1, 2))
    program, plain = tg.compile(f, derive=True), tg.compile(f)
    for step in range(3):
        given = [w + step for w in weights]
        for one, other in zip(leaves(program(*given)), leaves(f(*given)), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)
    plain(*weights)
    assert len(program.source.splitlines()) < len(plain.source.splitlines())
    assert "- Y" in program.source  # a − y, of e/Σe
    np.testing.assert_array_equal(alone(program, *given)[-1][-1], program(*given)[-1][-1])


LOSSES = {
    "quadratic": (lambda x, A: x @ A @ x, [(4,), (4, 4)]),
    "norm": (lambda x, A: tg.norm(A @ x), [(4,), (3, 4)]),
    "residuals": (lambda x, A: tg.mean((A @ x - 1) ** 2), [(4,), (3, 4)]),
    "binary": (lambda x, A: tg.sigmoid_cross_entropy(A @ x, np.array([0.0, 1, 1])), [(4,), (3, 4)]),
    "number": (lambda x, A: tg.exp(x), [(), ()]),
    "one entry": (lambda x, A: 3 * x[1], [(4,), ()]),
    "constant": (lambda x, A: 2 * tg.sum(x), [(4, 2), ()]),
}


@pytest.mark.parametrize("which", LOSSES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_derived_gradients_of_other_losses(which, dtype):
    loss, shapes = LOSSES[which]
    f = tg.value_and_grad(loss)
    program = tg.compile(f, derive=True)
    for seed in range(3):
        given = [np.asarray(R([seed, n]).normal(size=s), dtype) for n, s in enumerate(shapes)]
        for one, other in zip(leaves(program(*given)), leaves(f(*given)), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(one, other, rtol=1e-5 if dtype == np.float32 else 1e-11)


@pytest.mark.parametrize("how", [{"derive": True}, {"exact": False}])
def test_what_cancels_but_for_rounding_is_compared_with_its_terms(how):
    X, Y = R(0).normal(size=(6, 4)), np.eye(3)[[0, 1, 2, 0, 1, 2]]
    f = tg.grad(lambda W, b: tg.softmax_cross_entropy(X @ W + b, Y), argnum=1)
    found = tg.compile(f, **how)(np.zeros((4, 3)), np.zeros(3))
    np.testing.assert_allclose(found, 0, atol=1e-15)


def test_a_program_that_is_not_exact_is_refused_for_more_than_rounding():
    factors = iter([1.0, 1 + 1e-9])
    with pytest.raises(ValueError, match="another result"):
        tg.compile(lambda x: x * next(factors), exact=False)(np.array([1.0, np.inf]))


def test_nothing_is_assumed_of_an_argument():
    def loss(z, y):
        return -tg.sum(y * tg.log(tg.softmax(z)))

    z, y = np.array([0.3, -1.0, 2.0]), np.array([0.2, 0.5, 0.3])
    f = tg.grad(loss)
    program = tg.compile(f, derive=True)
    for given in (y, 2 * y):  # sums to 1, and to 2
        np.testing.assert_allclose(program(z, given), f(z, given), rtol=1e-12)
    closed = tg.compile(tg.grad(lambda z: loss(z, y)), derive=True)
    closed(z)
    assert "sum" not in closed.source[closed.source.index("def program") :]


def test_what_is_not_made_by_grad_is_not_derived():
    with pytest.raises(TypeError, match=r"made by tg\.grad or value_and_grad"):
        tg.compile(tg.exp, derive=True)
    with pytest.raises(TypeError, match="one number as its result"):
        tg.compile(tg.grad(lambda x: x * 2), derive=True)(np.ones(2))


def test_numbers_move_to_the_smaller_factor_where_rounding_may_change():
    def step(W, X):
        return W - 0.1 * (X.T @ (X @ W - 1))

    given = R(0).normal(size=(40, 3)), R(1).normal(size=(5, 40))
    program, exact = tg.compile(step, exact=False), tg.compile(step)
    np.testing.assert_allclose(program(*given), exact(*given), rtol=1e-12)
    assert "k1 * v4" in exact.source  # 40 x 3 numbers
    assert "v3 * k1" in program.source  # 5 x 3


RATE = np.float32(0.1)

SCALED = {
    "by one seed": lambda W, x: [W - RATE * g for g in tg.grad(net, (0, 1))(W, x)],
    "and itself": lambda W, x: (RATE * W, RATE * (W @ x), RATE * (W.T @ x)),
    "read otherwise too": lambda W, x: (RATE * (W @ x), W @ x, tg.exp(RATE * W)),
    "twice": lambda W, x: (RATE * ((W @ x) * (W @ x)), RATE * (W @ W)),
    "a sum": lambda W, x: (RATE * (W @ x + x), RATE * (W @ x - 1), RATE * (W @ x + W)),
    "of a number": lambda W, x: (RATE * (2 * W), RATE * (W * 3.0) / 7, (W @ x) / np.float64(3)),
    "below": lambda W, x: (RATE * (x / W), RATE * (W / (W * W + 1)), RATE * (W[0] @ x)),
    "a mask": lambda W, x: (RATE * ((W > 0) * 1.0), tg.grad(lambda W: tg.sum(tg.relu(W)))(W)),
    "of whole numbers": lambda W, x: (RATE * (np.arange(4) @ W), (3 * np.arange(4)) * W),
}


def net(W, x):
    return tg.mean(tg.relu(W @ tg.tanh(x)) ** 2 + x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("which", SCALED)
def test_moving_numbers_changes_roundings_alone(which, dtype):
    f = SCALED[which]
    program = tg.compile(f, exact=False)
    for seed in range(3):
        given = [R([seed, n]).normal(size=(4, 4)).astype(dtype) for n in range(2)]
        for one, other in zip(leaves(program(*given)), leaves(f(*given)), strict=True):
            assert one.dtype == other.dtype
            bound = 1e-12 if dtype == np.float64 else 1e-5
            np.testing.assert_allclose(one, other, atol=bound * np.abs(other).max())


def test_gradients_by_one_rate_come_of_a_seed():
    loss, weights, _, _ = network()
    f = tg.value_and_grad(loss, (0, 1, 2, 3))

    def step(*weights):
        return [w - RATE * g for w, g in zip(weights, f(*weights)[1], strict=True)]

    program = tg.compile(step, donate=range(4), exact=False)
    program(*weights)
    assert "0.1" not in program.source
