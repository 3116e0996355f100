"""`draw` on derivations: the frames, and what is marked in them."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.view.draw.formula import typeset


@pytest.fixture(scope="module")
def lecture():
    """The gradient a − y, from exp, sum, quotient and logarithm."""
    z, y = tg.Tensor([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
    e = tg.exp(z)
    s = e.sum()
    a = e / s
    L = -(y * tg.log(a)).sum()
    return tg.derive(L, wrt=z)


def frames(picture):
    """The graph of each frame."""
    return [frame.model for frame in picture.model.frames]


def texts(frame):
    return sorted(vertex.text for vertex in frame.vertices)


def arrows(frame, mark=None):
    text = {v.key: v.text for v in frame.vertices}
    return sorted(
        (text[e.tail], text[e.head], e.sign) for e in frame.edges if mark is None or mark in e.marks
    )


def marked(frame, mark):
    return sorted(v.text for v in frame.vertices if mark in v.marks)


def test_from_the_raw_gradient_over_the_lines_to_three_nodes(lecture):
    picture = tg.draw(lecture)
    captions = [frame.formula for frame in picture.model.frames]
    assert captions[0].endswith(f"= {lecture.start.latex()}")
    assert captions[-1] == r"\frac{\partial L}{\partial z} = a - y"
    assert len(captions) == lecture.lines + 1
    assert texts(frames(picture)[0]) == sorted(["a", "e", "s", "y", "Σ", "−", *"⊙⊙⊙⊙", *"÷÷"])
    last = frames(picture)[-1]
    assert texts(last) == ["a", "y", "−"]
    assert arrows(last) == [("a", "−", ""), ("y", "−", "−")]
    assert picture.model.title == "∂L/∂z = a − y"


def test_every_step_can_have_a_frame(lecture):
    picture = tg.draw(lecture, every_step=True)
    assert len(picture.model.frames) == len(lecture.steps) + 1
    for group, step in zip(picture.model.frames[1:], lecture.steps, strict=True):
        assert group.text == step.rule
        equation = f"{step.matched} = {step.replaced}"
        assert group.lines[0].count(equation) == 1
        assert step.because.removeprefix(f"{equation}, ") in group.lines[0]
        assert group.formula.endswith(step.after.latex())


def test_each_frame_shows_the_value_which_stays(lecture):
    for frame in frames(tg.draw(lecture, every_step=True)):
        shown = [v.lines for v in frame.vertices if v.lines]
        assert shown == [("0.693  −0.892  0.199",)]


def test_what_cancels_is_struck_through(lecture):
    picture = tg.draw(lecture, every_step=True)
    steps = [step.rule for step in lecture.steps]
    first, last = frames(picture)[steps.index("cancel")], frames(picture)[-2]
    # a/a: once above and once below; the a of the other quotient stays
    assert arrows(first, "cancelled") == [("a", "⊙", ""), ("a", "⊙", "")]
    assert len([arrow for arrow in arrows(first) if arrow[0] == "a"]) == 3
    assert marked(first, "cancelled") == []
    assert arrows(last, "cancelled") == [("a", "÷", "÷"), ("a", "⊙", "")]
    assert marked(last, "matched") == ["÷", "⊙"]
    edges = [edge for frame in frames(picture) for edge in frame.edges]
    assert not [edge for edge in edges if edge.marks == {"matched", "cancelled"}]


def test_what_a_step_matches_is_outlined(lecture):
    picture = tg.draw(lecture, every_step=True)
    by_rule = {
        step.rule: frame for step, frame in zip(lecture.steps, frames(picture), strict=False)
    }
    assert marked(by_rule["assumption"], "matched") == ["y", "Σ"]
    assert marked(by_rule["common denominator"], "matched") == ["1 ÷", "÷", "−"]
    assert marked(by_rule["name"], "matched") == ["e", "s", "⊙", "⊙"]
    assert {"cancelled", "matched"} == {kind for kind, _ in picture.model.legend}
    assert not any(v.marks for v in frames(picture)[-1].vertices)


def test_a_factor_that_vanishes_whole_is_struck_itself():
    x = tg.Tensor([2.0, 3.0])
    u = tg.exp(x)
    picture = tg.draw(tg.derive(tg.log(u).sum(), wrt=x))
    before, after = frames(picture)  # u/u, then 1
    assert marked(before, "cancelled") == ["u"]
    assert marked(before, "matched") == ["÷"]
    assert texts(after) == ["1"]


def derivations():
    rng = np.random.default_rng(0)
    z, y = tg.Tensor([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
    yield "softmax", tg.softmax(z), z
    yield "fused", tg.softmax_cross_entropy(z, y), z
    yield "log-softmax", -(y * tg.log_softmax(z)).sum(), z
    yield "sigmoid", tg.binary_cross_entropy(tg.sigmoid(z), y), z
    yield "squares", tg.sum_squared_error(z, y), z
    yield "decay", tg.weight_decay([z], 0.1), z
    X, W = rng.standard_normal((16, 4)), tg.Tensor(rng.standard_normal((4, 3)))
    Y = np.eye(3)[rng.integers(0, 3, 16)]
    yield "layer", tg.softmax_cross_entropy(X @ W, Y), W
    h = tg.tanh(X @ W)
    yield "tanh", (h * h).mean(), W


@pytest.mark.parametrize(("output", "wrt"), [(o, w) for _, o, w in derivations()])
def test_every_derivation_can_be_drawn_and_every_step_marks_something(output, wrt):
    derivation = tg.derive(output, wrt=wrt)
    picture = tg.draw(derivation, every_step=True)
    for frame in frames(picture)[:-1]:
        assert any(item.marks for item in (*frame.vertices, *frame.edges))
    for vertex in (vertex for frame in frames(picture) for vertex in frame.vertices):
        assert typeset(vertex.formula) is not None, vertex.formula
    for group in picture.model.frames:
        assert typeset(group.formula) is not None, group.formula
    assert ET.fromstring(tg.draw(derivation).svg()).tag.endswith("svg")


def test_an_honest_end_without_assumptions_is_drawn():
    z, y = tg.Tensor([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
    loss = tg.softmax_cross_entropy(z, y)
    picture = tg.draw(tg.derive(loss, wrt=z, assume=()))
    assert texts(frames(picture)[-1]) == sorted(["softmax(z)", "y", "Σ", "⊙", "−"])


def test_options_of_tensors_are_refused(lecture):
    for options in ({"backward": True}, {"expand": True}, {"gradients": False}):
        with pytest.raises(TypeError, match="a derivation takes no"):
            tg.draw(lecture, **options)


def test_entries_of_one_tensor_and_deltas_are_vertices_of_their_own():
    z = tg.Tensor([1.47, -0.39, 0.22], name="z")
    first, last = frames(tg.draw(tg.derive(z[0] * tg.exp(z[2]), wrt=z)))
    for frame in (first, last):
        assert texts(frame) == sorted(["z₀", "z₂", "δ₀", "δ₂", "exp", "⊙", "⊙", "+"])
