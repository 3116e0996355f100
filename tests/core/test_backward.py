"""The backward pass: what it visits, what it refuses, what it hands out."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_edu as tg
from tinygrad_edu.core.backward import propagate
from tinygrad_edu.core.graph import ancestors, depends_on, differentiable
from tinygrad_edu.core.op import Op


@pytest.fixture
def tripwire():
    """An operation whose rules raise: a gradient that nobody asked for must not be computed."""

    def raises(*args):
        raise AssertionError("this gradient was not asked for")

    op = Op("tripwire", lambda x, y: x * y, (raises, raises))
    yield op
    op.forget()


# --- what is differentiated ----------------------------------------------------------------------


def test_one_or_several():
    x, y = tg.Tensor([1.0, 2.0]), tg.Tensor(3.0)
    out = (x * y).sum()
    assert_array_equal(tg.gradients(out, x), [3, 3])
    for several in ([x, y], (x, y), iter([x, y]), {"x": x, "y": y}.values()):
        found = tg.gradients(out, several)
        assert isinstance(found, list)
        assert [g.tolist() for g in found] == [[3, 3], 3]
    assert tg.gradients(out, []) == []


def test_a_computed_tensor_and_the_output_itself():
    x = tg.Tensor([1.0, 2.0])
    a = x * 2
    b = (a * a).sum()
    assert_array_equal(tg.gradients(b, a), [4, 8])
    assert tg.gradients(b, b) == 1
    assert tg.gradients(b, b, 5.0) == 5
    found = tg.gradients(b, [x, a, b, x])
    assert [g.tolist() for g in found] == [[8, 16], [4, 8], 1, [8, 16]]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("graph", [False, True])
def test_what_the_output_does_not_depend_on_has_zero_gradient(dtype, graph):
    x, other = tg.Tensor(1.0), tg.Tensor(np.ones((2, 3), dtype))
    gradient = tg.gradients(x * 2, other, graph=graph)
    assert (gradient.shape, gradient.dtype) == ((2, 3), dtype)
    assert_array_equal(gradient.data if graph else gradient, np.zeros((2, 3)))


@pytest.mark.parametrize("wrong", [1.0, np.ones(2), None, "x", [1.0], [None]])
def test_only_tensors_are_differentiated(wrong):
    x = tg.Tensor(1.0)
    with pytest.raises(TypeError, match="gradients: wrt is a"):
        tg.gradients(x * 2, wrong)
    with pytest.raises(TypeError, match="gradients: output is a"):
        tg.gradients(wrong, x)


def test_no_gradient_is_computed_that_nobody_asked_for(tripwire):
    x, y = tg.Tensor(2.0), tg.Tensor(3.0)
    out = x * 5 + tripwire(y, y)
    assert tg.gradients(out, x) == 5
    with pytest.raises(AssertionError, match="not asked for"):
        tg.gradients(out, y)


def test_constants_cost_no_gradient():
    asked = []

    def rule(g, out, x, y, *, index):
        asked.append(index)
        return g * (y, x)[index]

    op = Op(
        "counted",
        lambda x, y: x * y,
        (lambda *a: rule(*a, index=0), lambda *a: rule(*a, index=1)),
    )
    try:
        x = tg.Tensor([1.0, 2.0])
        op(x, np.array([3.0, 4.0])).sum().backward()
        assert asked == [0]
        op(5.0, x).sum().backward()
        assert asked == [0, 1]
        op(x, tg.stop_gradient(x)).sum().backward()
        assert asked == [0, 1, 0]
    finally:
        op.forget()


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: ((x > 0) * x).sum(), [1, 0, 1]),
        (lambda x: (x * (x > 0)).sum() / (x > 0).sum(), [0.5, 0, 0.5]),
        (lambda x: tg.sum(tg.where(x == 0, x, 2 * x)), [2, 2, 2]),
        (lambda x: (x * tg.stop_gradient(x)).sum(), [1, -2, 3]),
        (lambda x: (x * tg.sigmoid(x > 0)).sum(), [0.7310585786300049, 0.5, 0.7310585786300049]),
    ],
    ids=["mask", "masked mean", "where", "stop", "function of a mask"],
)
def test_comparisons_in_a_graph_are_constants(f, expected):
    x = tg.Tensor([1.0, -2.0, 3.0])
    f(x).backward()
    assert_allclose(x.grad, expected)
    assert_allclose(tg.gradients(f(x), x), expected)
    assert_allclose(tg.gradients(f(x), x, graph=True).data, expected)


@pytest.mark.parametrize(
    ("f", "other"),
    [
        (lambda x, c: x**c, [2.0, 3.0]),
        (lambda x, c: x @ c, [2.0, 3.0]),
        (lambda x, c: c @ x, ([1.0, 2.0], [3.0, 4.0])),
        (lambda x, c: tg.maximum(x, c), [1.5, 1.5]),
        (lambda x, c: tg.concatenate([x, c]), [2.0]),
        (lambda x, c: tg.clip(x, c, [5.0, 1.0]), [0.0, 0.0]),
    ],
)
def test_lists_are_constants_in_every_reading(f, other):
    x = tg.Tensor([1.0, 2.0])
    out = f(x, other)
    seed = np.arange(1.0, 1 + out.size).reshape(out.shape)
    expected = tg.gradients(f(x, np.array(other)), x, seed)
    assert_array_equal(tg.gradients(out, x, seed), expected)
    assert_array_equal(tg.gradients(out, x, seed, graph=True).data, expected)


# --- graphs of gradients -------------------------------------------------------------------------


def test_rebinding_leaves_recorded_gradients_as_they_were():
    x = tg.Tensor([1.0, 2.0], name="x")
    out = (x**3).sum()
    x.data = np.array([10.0, 20.0])
    assert_array_equal(tg.gradients(out, x), [3, 12])
    with pytest.raises(ValueError, match="x was given new data after"):
        tg.gradients(out, x, graph=True)
    assert_array_equal(tg.gradients((x**3).sum(), x), [300, 1200])


def test_rebinding_elsewhere_does_not_matter():
    x, y = tg.Tensor(2.0), tg.Tensor(3.0)
    out = x * x
    y.data = np.array(4.0)
    assert tg.gradients(out, x, graph=True).item() == 4


def test_a_gradient_is_a_graph_that_can_be_differentiated():
    x = tg.Tensor(2.0)
    y = x**4
    for expected in (32, 48, 48, 24, 0):
        y = tg.gradients(y, x, graph=True)
        assert y.item() == expected


def test_the_seed_can_be_differentiated():
    x, u = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 5.0])
    pulled = tg.gradients(x**2, x, u, graph=True)
    assert_array_equal(pulled.data, [6, 20])
    assert_array_equal(tg.gradients(pulled.sum(), u), [2, 4])


def test_second_order_of_a_deep_chain():
    x = tg.Tensor(1.0)
    y = x
    for _ in range(5_000):
        y = y * 1.0
    first = tg.gradients(y * y, x, graph=True)
    assert tg.gradients(first, x) == 2


# --- the walk ------------------------------------------------------------------------------------


def test_walks_list_arguments_first_and_each_vertex_once():
    x = tg.Tensor(2.0)
    a = x * x
    b = tg.exp(a) + a
    mask = b > 1
    out = b * mask
    order = ancestors(out)
    assert order[0] is x
    assert order[-1] is out
    assert len(set(order)) == len(order) == 6
    place = {node: i for i, node in enumerate(order)}
    for node in order:
        assert all(place[a] < place[node] for a in node.args if isinstance(a, tg.Tensor))
    cut = differentiable(tg.stop_gradient(b) * a)
    assert not {b, mask} & set(cut)
    assert {a, x} < set(cut)
    assert depends_on(order, [a]) == {a, *order[2:]} - {mask}


def test_a_rule_is_asked_once_and_with_the_whole_gradient():
    asked = []

    def rule(g, out, x):
        asked.append(g)
        return 3 * g

    op = Op("triple", lambda x: 3 * x, (rule,))
    try:
        x = tg.Tensor(2.0)
        a = op(x)
        (a * tg.exp(tg.tanh(a)) + a).backward()  # three paths to a, of different lengths
        (g,) = asked
    finally:
        op.forget()
    t = np.tanh(6)
    assert_allclose(g, np.exp(t) * (1 + 6 * (1 - t**2)) + 1)
    assert_allclose(x.grad, 3 * g)


def test_contributions_where_paths_meet_add_up_to_the_gradient():
    x = tg.Tensor([1.0, 2.0])
    out = (x * x + tg.exp(x)).sum()
    seen = []
    order = differentiable(out)
    totals = propagate(
        out, None, order, watch=lambda node, index, g, part: seen.append((node, index, part))
    )
    parts = [part for node, index, part in seen if node.args[index] is x]
    assert len(parts) == 3
    assert_allclose(sum(parts), totals[x])
    assert_allclose(totals[x], 2 * x.data + np.exp(x.data))
