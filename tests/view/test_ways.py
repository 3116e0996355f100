"""The ways to a gradient that the page tells, the shortest first."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import rewritings
from tinygrad_edu.view.page import story

NO_NAMES = Names(None, {})
RNG = np.random.default_rng(4)


def tensor(name, *shape):
    return tg.Tensor(RNG.standard_normal(shape), name=name)


def from_logits(targets=(0.0, 1.0, 0.0)):
    z, y = tg.Tensor([1.47, -0.39, 0.22], name="z"), tg.Tensor(targets, name="y")
    e = tg.name(tg.exp(z), "e")
    a = tg.name(e / tg.name(e.sum(), "s"), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), z


def gaussian():
    x, m = tensor("x", 4), tg.Tensor(0.3, name="m")
    density = tg.exp(-((x - m) ** 2) / 2) / np.sqrt(2 * np.pi)
    return -tg.log(density).sum(), m


def binary():
    z, t = tensor("z", 3), tg.Tensor([0.0, 1.0, 1.0], name="t")
    p = tg.name(tg.sigmoid(z), "p")
    return -(t * tg.log(p) + (1 - t) * tg.log(1 - p)).sum(), z


def hinge():
    w, X, t = tensor("w", 3), tensor("X", 4, 3), tg.Tensor([1.0, -1.0, 1.0, 1.0], name="t")
    return tg.maximum(0, 1 - t * (X @ w)).sum(), w


def linear():
    W, X, Y = tensor("W", 2, 3), tensor("X", 4, 2), tensor("Y", 4, 3)
    return tg.mean_squared_error(X @ W, Y), W


def log_sum_exp():
    z = tensor("z", 3)
    return tg.log(tg.exp(z).sum()), z


def ridge():
    w, X, y = tensor("w", 3), tensor("X", 4, 3), tensor("y", 4)
    return ((X @ w - y) ** 2).sum() + 0.1 * (w**2).sum(), w


REWRITTEN, AS_WRITTEN = [from_logits, gaussian], [binary, hinge, linear, log_sum_exp, ridge]


def of_route(told, key):
    return [f for f in told.frames if f.route == key and f.track != "free"]


def test_in_the_shortest_way_two_arrows_bring_a_and_minus_y():
    told = story(*from_logits(), NO_NAMES)
    assert [route.key for route in told.routes] == ["short", ""]
    model = told.drawings["graph-short"]
    arrived = [e.text for e in model.edges if e.kind == "backward" and e.head == "n0"]
    assert [vertex.text for vertex in model.vertices[:1]] == ["z"]
    assert sorted(text.partition("  = ")[2] for text in arrived) == ["a", "−y"]
    frames = of_route(told, "short")
    assert frames[0].equation.vector.text == "L = log s − Σ(y ⊙ z)"
    assert "Assumption: Σy = 1" in [line.text for line in frames[0].lines]
    assert frames[-1].equation.vector.text == "∂L/∂z = a − y"
    assert told.frames[: len(frames)] == frames
    assert len(frames) < len(of_route(told, ""))


def test_a_way_that_assumes_is_not_told_where_nothing_is_assumed():
    told = story(*from_logits(), NO_NAMES)
    assert {f.track for f in told.frames if f.route == "short"} == {"assumed"}
    assert any(f.track == "free" for f in told.frames if f.route == "")
    assert not any(r.used for r in rewritings(*from_logits(), NO_NAMES, ()))


def test_what_does_not_hold_shortens_nothing():
    told = story(*from_logits((0.5, 1.0, 0.0)), NO_NAMES)
    assert "Σy = 1" not in " ".join(line.text for f in told.frames for line in f.lines)
    ends = [of_route(told, route.key)[-1].equation.vector.text for route in told.routes]
    assert set(ends) == {"∂L/∂z = a·Σy − y"}


@pytest.mark.parametrize("build", REWRITTEN)
def test_every_way_comes_to_the_output_and_to_its_gradient(build):
    output, wrt = build()
    expected = tg.gradients(output, wrt)
    for each in rewritings(output, wrt, NO_NAMES):
        assert_allclose(each.output.data, output.data, rtol=1e-12)
        assert_allclose(tg.gradients(each.output, wrt), expected, rtol=1e-9, atol=1e-12)
        assert all(step.holds for step in each.steps)
    assert len(story(output, wrt, NO_NAMES).routes) == 2


@pytest.mark.parametrize("build", AS_WRITTEN)
def test_where_nothing_is_shorter_there_is_one_way(build):
    told = story(*build(), NO_NAMES)
    assert [route.key for route in told.routes] == [""]
    assert {frame.route for frame in told.frames} == {""}


def test_a_formula_is_not_unfolded_beyond_what_it_is_derived_by():
    z = tg.Tensor([0.3, -1.0, 2.0], name="z")
    a = tg.name(tg.softmax(z), "a")
    told = story(-tg.log(a[1]) - tg.log(a[2]), a, NO_NAMES)
    assert {f.equation.vector.text for f in told.frames if f.key.endswith("algebra-1")}


def test_what_turns_out_to_be_constant_has_the_gradient_zero():
    z = tg.Tensor([0.3, -1.0, 2.0], name="z")
    told = story(tg.log(tg.exp(z - z).sum()), z, NO_NAMES)
    assert {of_route(told, r.key)[-1].equation.vector.text for r in told.routes} == {"∂L/∂z = 0"}
