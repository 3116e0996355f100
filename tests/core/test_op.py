"""Declaring an operation, and what happens when it is declared or called wrongly."""

import inspect

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY, Op


@pytest.fixture
def declare():
    """Declare operations of one's own, and take them out of the registry again."""
    mine = []

    def make(forward, *rules, name="mine", **options):
        mine.append(Op(name, forward, rules, **options))
        return mine[-1]

    yield make
    for op in mine:
        REGISTRY.pop(op.name, None)


def double(x):
    return 2 * x


# --- declaring -----------------------------------------------------------------------------------


def test_an_operation_of_ones_own_by_decorator():
    @tg.op(text="cube({0})")
    def cube(x, *, scale=1.0):
        """x³."""
        return scale * x**3

    @cube.rule(0)
    def _(g, out, x, *, scale):
        return 3 * scale * g * x**2

    try:
        assert REGISTRY["cube"] is cube
        assert (cube.__name__, cube.__doc__, cube.text) == ("cube", "x³.", "cube({0})")
        assert list(inspect.signature(cube).parameters) == ["x", "scale"]
        assert cube(2.0) == 8
        assert tg.grad(tg.grad(cube))(2.0) == 12
        assert tg.grad(lambda x: cube(x, scale=2))(1.0) == 6
        assert tg.grad(lambda x: cube(x, 2))(1.0) == 6
    finally:
        cube.forget()
    assert "cube" not in REGISTRY


def test_a_mended_rule_replaces_the_wrong_one(declare):
    op = declare(double, lambda g, out, x: g)
    assert tg.grad(op)(1.0) == 1
    op.rule(0)(lambda g, out, x: 2 * g)
    assert tg.grad(op)(1.0) == 2
    again = declare(lambda x: 3 * x, lambda g, out, x: 3 * g)
    assert REGISTRY["mine"] is again


@pytest.mark.parametrize(
    "change",
    [
        lambda op: op.rule(0),
        lambda op: op.rule_for_each,
        lambda op: op.defined_as,
        lambda op: op.saves,
    ],
    ids=["rule", "rule_for_each", "defined_as", "saves"],
)
def test_built_in_operations_are_sealed(change):
    with pytest.raises(ValueError, match="exp: a built-in operation"):
        change(REGISTRY["exp"])(lambda *args: None)
    with pytest.raises(ValueError, match="exp: a built-in operation"):
        REGISTRY["exp"].forget()


def test_a_rule_needs_an_argument(declare):
    with pytest.raises(ValueError, match=r"mine: has 1 argument\(s\), no rule 1"):
        declare(double).rule(1)(lambda g, out, x: g)


def test_an_operation_without_rules_is_a_constant(declare):
    op = declare(np.round)
    x = tg.Tensor([0.4, 0.6])
    assert op.constant
    assert_array_equal(tg.gradients((x + op(x)).sum(), x), [1, 1])


def test_arguments_may_have_defaults(declare):
    op = declare(lambda x, p=3.0: x**p, lambda g, out, x, p=3.0: g * p * x ** (p - 1))
    assert op(2.0) == 8
    assert tg.grad(op)(2.0) == 12
    assert tg.grad(lambda x: op(x, 2.0))(2.0) == 4


def test_any_number_of_arguments(declare):
    op = declare(lambda *xs: sum(xs))
    op.rule_for_each(lambda i, g, out, *xs: (i + 1) * g)
    x, y = tg.Tensor([1.0]), tg.Tensor([2.0])
    assert tg.gradients(op(x, [5.0], y), [x, y]) == [1, 3]


def test_saved_values_reach_the_rules_of_both_readings(declare):
    op = declare(lambda x: (np.exp(x) + 1, np.exp(x)), lambda g, out, x, *, saved: g * saved)
    op.saves(lambda x: tg.exp(x))
    assert op(0.0) == 2
    assert tg.grad(op)(1.0) == pytest.approx(np.e)
    assert tg.grad(tg.grad(op))(1.0) == pytest.approx(np.e)


def test_inline_operations_never_appear_in_a_graph(declare):
    op = declare(lambda x: x + x, inline=True)
    op.defined_as(lambda x: 3 * x)
    assert op(1.0) == 2
    assert op(tg.Tensor(1.0)).op is REGISTRY["multiply"]


# --- wrong rules and forwards --------------------------------------------------------------------


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("shape", [(3,), (2, 2), (1, 1), (0,), ()])
def test_a_rule_of_the_wrong_shape_is_refused(declare, shape, graph):
    op = declare(double, lambda g, out, x: np.ones(shape))
    x = tg.Tensor([1.0, 2.0])
    if shape == (2, 2):  # as if the argument had been spread: summed
        assert_array_equal(tg.gradients(op(x), x, [1, 1]), [2, 2])
        return
    with pytest.raises(ValueError, match=r"^mine: its rule gave a gradient of shape .* \(2,\)"):
        tg.gradients(op(x), x, [1, 1], graph=graph)


@pytest.mark.parametrize("answer", [None, "text", tg.Tensor([1.0, 1.0])], ids=repr)
def test_a_rule_that_returns_no_gradient_is_refused(declare, answer):
    op = declare(double, lambda g, out, x: answer)
    x = tg.Tensor([1.0, 2.0])
    with pytest.raises(TypeError, match=r"^mine: its rule gave a "):
        tg.gradients(op(x), x, [1, 1])


def test_a_rule_may_return_plain_numbers(declare):
    op = declare(lambda x: x.sum(), lambda g, out, x: [3, 4])
    x = tg.Tensor([1.0, 2.0])
    found = tg.gradients(op(x), x)
    assert (found.tolist(), found.dtype) == ([3, 4], np.float64)
    vertex = tg.gradients(op(x), x, graph=True)
    assert isinstance(vertex, tg.Tensor)
    assert vertex.data.tolist() == [3, 4]


@pytest.mark.parametrize("which", ["g", "out", "x", "view of x", "constant"])
def test_a_rule_may_return_what_it_was_given(declare, which):
    held = np.array([7.0, 8.0])
    op = declare(
        lambda x, c: x + c,
        lambda g, out, x, c: {"g": g, "out": out, "x": x, "view of x": x[:], "constant": c}[which],
    )
    x, y = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    seed = np.ones(2)
    out = op(x, held) + op(y, held)
    before = [x.data.copy(), y.data.copy(), out.data.copy()]
    dx, dy = tg.gradients(out, [x, y], seed)
    assert_allclose(dx, {"out": [8, 10], "g": [1, 1], "constant": [7, 8]}.get(which, [1, 2]))
    as_vertices = tg.gradients(out, [x, y], seed, graph=True)
    assert_array_equal([v.data for v in as_vertices], [dx, dy])
    dx[:], dy[:] = -1, -2
    assert_array_equal([dx, dy], [[-1, -1], [-2, -2]])
    assert_array_equal([x.data, y.data, out.data], before)
    assert_array_equal([held, seed], [[7, 8], [1, 1]])


def test_a_rule_may_return_what_it_keeps(declare):
    kept = np.array([7.0, 8.0])
    constant = declare(double, lambda g, out, x: kept)
    x = tg.Tensor([1.0, 2.0])
    out = constant(x + 1)
    out.backward([1, 1])
    x.grad += 5
    out.backward([1, 1])
    assert_array_equal(x.grad, [19, 21])
    kept += 1  # still its own: neither changed nor made read-only
    assert_array_equal(kept, [8, 9])


def test_a_rule_may_return_what_the_forward_saved(declare):
    op = declare(lambda x: (3 * x, np.full(2, 3.0)), lambda g, out, x, *, saved: saved)
    op.saves(lambda x: 3 + 0 * x)
    x = tg.Tensor([1.0, 2.0])
    out = op(x)
    out.backward([1, 1])
    x.grad *= 100
    x.grad = None
    out.backward([1, 1])
    assert_array_equal(x.grad, [3, 3])


def test_a_rule_may_not_change_what_it_is_given(declare):
    def in_place(g, out, x):
        g *= 2
        return g

    op = declare(double, in_place)
    x, y = tg.Tensor([1.0]), tg.Tensor([1.0])
    with pytest.raises(ValueError, match="read-only"):
        tg.gradients(op(x) + y, [x, y])


def test_a_forward_may_not_change_its_arguments(declare):
    def in_place(x):
        x -= 1
        return x

    op = declare(in_place)
    leaf = tg.Tensor([1.0])
    for x in (leaf, leaf * 2):
        with pytest.raises(ValueError, match="mine: its forward changes an argument in place"):
            op(x)
    assert leaf.item() == 1


@pytest.mark.parametrize(("answer", "shape"), [(2.5, ()), ([1, 2], (2,)), (np.float32(1), ())])
def test_a_forward_may_return_plain_numbers(declare, answer, shape):
    out = declare(lambda x: answer)(tg.Tensor([1.0, 2.0]))
    assert isinstance(out, tg.Tensor)
    assert out.shape == shape


def test_a_forward_may_return_its_constant(declare):
    held = np.array([1.0, 2.0])
    out = declare(lambda x, c: c)(tg.Tensor(0.0), held)
    assert_array_equal(out.data, held)
    held[:] = 5
    assert_array_equal(out.data, [1, 2])


@pytest.mark.parametrize("answer", [None, "text", 1j])
def test_a_forward_that_returns_no_numbers_is_refused(declare, answer):
    with pytest.raises(TypeError, match=r"^mine, its result: "):
        declare(lambda x: answer)(tg.Tensor(1.0))


# --- calling -------------------------------------------------------------------------------------

T = tg.Tensor(np.ones((2, 3)))


@pytest.mark.parametrize("x", [T, T.data], ids=["Tensor", "array"])
@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (
            lambda x: tg.sum(x, axes=0),
            "sum: no attribute 'axes'; write axis=; it has: axis, keepdims",
        ),
        (lambda x: tg.exp(x, 2), "exp: takes 1 argument"),
        (lambda x: tg.sum(x, 0, False, 1), "sum: takes 1 argument"),
        (lambda x: tg.sum(x, 0, axis=0), "sum: axis was given by position and by name"),
        (lambda x: tg.sum(x, axis=tg.Tensor(0)), "sum: axis is fixed and takes no Tensor"),
        (lambda x: tg.sum(x, axis="rows"), "sum: "),
        (lambda x: tg.norm(x, tg.Tensor(3.0)), "norm: p is held constant"),
        (lambda x: tg.add(x), r"add: takes 2 argument\(s\), got 1"),
        (lambda x: tg.where(x), r"where: takes 3 argument\(s\), got 1"),
        (lambda x: tg.reshape(x), "reshape"),
        (lambda x: tg.softmax(x, axis=None), "softmax: "),
        (lambda x: tg.astype(x, "int64"), "astype: int64 is no floating-point type"),
    ],
)
def test_wrong_calls_name_the_operation(x, wrong, complaint):
    with pytest.raises(TypeError, match=complaint):
        wrong(x)


@pytest.mark.parametrize("wrap", [tg.Tensor, np.asarray], ids=["Tensor", "array"])
@pytest.mark.parametrize(
    ("function", "left", "right"),
    [
        *((getattr(tg, name), (2, 3), (2, 4)) for name in ("add", "maximum", "xlogy", "less")),
        (tg.matmul, (2, 3), (2, 4)),
        (tg.matmul, (3,), (4,)),
        (tg.dot, (2, 3), (4, 5)),
        (lambda a, b: tg.concatenate([a, b]), (2, 3), (2, 4)),
        (lambda a, b: tg.stack([a, b]), (2, 3), (2, 4)),
        (lambda a, b: tg.einsum("ij,jk", a, b), (2, 3), (4, 2)),
    ],
)
def test_shapes_that_do_not_fit_are_named(wrap, function, left, right):
    with pytest.raises(ValueError, match=r"^\w+: ") as caught:
        function(wrap(np.ones(left)), wrap(np.ones(right)))
    assert str(left) in str(caught.value)
    assert str(right) in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (lambda: tg.reshape(T, (4, 2)), r"reshape: shapes \(2, 3\) do not fit"),
        (lambda: tg.broadcast_to(T, (2, 4)), r"broadcast_to: shapes \(2, 3\) do not fit"),
        (lambda: tg.sum_to(T, (3, 2)), r"sum_to: shape \(3, 2\) does not broadcast to \(2, 3\)"),
        (lambda: tg.squeeze(T, 0), r"squeeze: shapes \(2, 3\) do not fit"),
        (lambda: tg.transpose(T, (0, 0)), r"transpose: shapes \(2, 3\) do not fit"),
        (lambda: tg.trace(T[0]), r"diagonal: axis 1 of a tensor with 1 axes"),
        (lambda: tg.softmax(T, axis=2), r"softmax: shapes \(2, 3\) do not fit"),
        (lambda: tg.softmax(tg.Tensor(1.0)), r"softmax: shapes \(\) do not fit"),
        (lambda: tg.logsumexp(T, axis=2), r"logsumexp: shapes \(2, 3\) do not fit"),
        (lambda: tg.einsum("ij,jk", T), "einsum: 'ij,jk' names 2 operand"),
        (lambda: tg.concatenate([]), "concatenate: "),
        (lambda: tg.gelu(T, "fast"), "gelu: approximate"),
        (lambda: tg.add(T, [[1.0], [1.0, 2.0]]), "add: an argument is no array"),
    ],
)
def test_one_wrong_shape_is_named(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        wrong()


def test_attributes_are_made_hashable():
    for axis in ([0, 1], np.array([0, 1]), (0, 1)):
        node = tg.sum(T, axis=axis)
        assert node.attributes == {"axis": (0, 1), "keepdims": False}
        hash(tuple(node.attributes.values()))
    assert type(tg.sum(T, axis=np.int64(1)).attributes["axis"]) is int


def test_numbers_take_the_dtype_of_the_array_beside_them():
    assert REGISTRY["multiply"](np.float32([1]), 2.0).dtype == np.float32
    assert tg.add(1, 2) == 3
    assert tg.dropout(np.ones(4, np.float32), 0.5, 1).dtype == np.float32


WRONG = [
    *(None, "text", 1j, object(), {}, {1}, float, slice(2), np.nan, 5, -1, (3,), True),
    *([], [[1.0], [1.0, 2.0]], np.array(["a"]), np.ones(0), np.int8([1, 2, 3]), np.ones((2, 3))),
    *(T, tg.Tensor(1.0), [T, T], tg.Tensor([0.2, 0.3, 0.5]), T > 0),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", tg.ops.PUBLIC)
def test_wrong_arguments_never_fail_from_inside(name):
    """TypeError, ValueError or a named IndexError, whatever is passed."""
    function = getattr(tg, name)
    pairs = [(a, b) for a in WRONG for b in WRONG]
    failed = []
    for args in [(), *((a,) for a in WRONG), *pairs, *((T, a, b) for a, b in pairs[::7])]:
        try:
            function(*args)
        except (TypeError, ValueError):
            pass
        except Exception as error:
            if not (isinstance(error, IndexError) and str(error).startswith(f"{name}: ")):
                failed.append((args, error))
    assert failed == []
