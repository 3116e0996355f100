"""`draw` on tensors: what stands in the picture of a known graph."""

import os
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.samples import quick_and_deep
from tinygrad_edu.view import draw
from tinygrad_edu.view.draw import notebook
from tinygrad_edu.view.draw.formula import typeset


def lecture():
    z = tg.Tensor([1.47, -0.39, 0.22], name="z")
    y = np.array([0.0, 1.0, 0.0])
    e = tg.name(tg.exp(z), "e")
    s = tg.name(e.sum(), "s")
    a = tg.name(e / s, "a")
    return z, y, tg.name(-(y * tg.log(a)).sum(), "L")


def vertices(picture, text):
    return [vertex for vertex in picture.model.vertices if vertex.text == text]


def vertex(picture, text):
    (found,) = vertices(picture, text)
    return found


def arrows(picture, kind="forward"):
    """Edges as pairs of what stands at their ends."""
    text = {v.key: v.text for v in picture.model.vertices}
    return [(text[e.tail], text[e.head]) for e in picture.model.edges if e.kind == kind]


def members(picture, group):
    """Texts of the vertices directly within a cluster."""
    (found,) = (g for g in picture.model.groups if g.text == group)
    return [v.text for v in picture.model.vertices if v.key in found.members]


def written(picture):
    """Everything that is written in the vertices."""
    return "\n".join(
        "\n".join((v.text, *v.lines, *v.gradient_lines)) for v in picture.model.vertices
    )


# --- the forward graph ----------------------------------------------------------------------------


def test_the_lecture_graph_is_drawn_as_written():
    _, y, L = lecture()
    picture = draw(L, names={"y": y})
    assert arrows(picture) == [
        ("z", "exp"),
        ("exp", "e"),
        ("e", "Σ"),
        ("Σ", "s"),
        ("e", "e ÷ s"),
        ("s", "e ÷ s"),
        ("e ÷ s", "a"),
        ("a", "log"),
        ("y", "⊙"),
        ("log", "⊙"),
        ("⊙", "Σ"),
        ("Σ", "−"),
        ("−", "L"),
    ]
    kinds = {text: vertex(picture, text).kind for text in ("z", "y", "exp", "a")}
    assert kinds == {"z": "parameter", "y": "constant", "exp": "op", "a": "value"}
    assert vertex(picture, "z").lines == ("(3,)", "1.47  −0.39  0.22")
    assert vertex(picture, "log").lines == ("(3,)", "−0.37  −2.23  −1.62")
    assert vertex(picture, "L").lines == ("2.23",)
    assert vertex(picture, "exp").lines == ()  # its value stands in e
    assert picture.model.direction == "LR"


def test_names_are_those_of_the_callers_variables():
    weight = tg.Tensor([1.0, 2.0])
    data = np.array([3.0, 4.0])
    hidden = weight * data
    output = hidden.sum()
    picture = draw(output)
    assert {v.text for v in picture.model.vertices} == {
        *("weight", "data", "⊙", "hidden", "Σ", "output")
    }
    assert picture.model.title == "Forward graph of output"


def test_a_given_name_goes_before_a_variable_and_a_mapping_before_both_of_none():
    w = tg.Tensor(1.0, name="ω")
    x = tg.Tensor(2.0)
    assert arrows(draw(w * x, names={"input": x})) == [("ω", "·"), ("input", "·")]


def test_no_frame_is_kept_alive():
    import gc
    import weakref

    w = tg.Tensor([1.0])
    out = w * 2
    picture = draw(out)
    alive = weakref.ref(w)
    del w, out
    gc.collect()
    assert alive() is None
    assert picture.model.vertices


def test_one_tensor_used_twice_has_both_edges():
    a = tg.Tensor(3.0)
    b = a + a
    picture = draw(b, gradients=True)
    assert arrows(picture) == [("a", "+"), ("a", "+"), ("+", "b")]
    assert arrows(picture, "backward") == [("+", "a"), ("+", "a")]
    assert vertex(picture, "a").gradient_lines == ("∇ 1 + 1 = 2",)
    a = tg.Tensor(3.0)
    assert arrows(draw(a * a)) == [("a", "·"), ("a", "·")]


def test_numbers_stand_in_the_operation_and_order_can_be_seen():
    x, y = tg.Tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    texts = {
        "1 − x": 1 - x,
        "x − 1": x - 1,
        "x ÷ y": x / y,
        "y ÷ x": y / x,
        "· 2": x * 2,
        "2 ·": 2 * x,
        "(·)^2": x**2,
        "2^·": 2**x,
        "max(·, 0)": tg.maximum(x, 0),
        "·[0]": x[0],
        "y ÷": y / (x * 1),
    }
    for text in texts:
        assert draw(texts[text]).model.vertices[-1].text == text
    difference = draw(tg.exp(x) - tg.log(y))
    (signed,) = (edge for edge in difference.model.edges if edge.sign)
    assert signed.sign == "−"
    assert signed.tail == vertex(difference, "log").key


def test_a_zero_dimensional_array_with_a_name_is_a_letter_and_without_one_a_number():
    lam, x = np.array(0.5), tg.Tensor([1.0, 2.0])
    assert ("lam", "·") in arrows(draw(lam * x))
    assert draw(np.array(0.5) * x).model.vertices[-1].text == "0.5 ·"


def test_large_arrays_are_summarised():
    X = np.linspace(-1, 2, 600).reshape(150, 4)
    W = tg.Tensor(np.ones((4, 3)))
    labels = np.arange(150) % 3
    loss = tg.softmax_cross_entropy(X @ W, labels)
    picture = draw(loss, gradients=True)
    assert vertex(picture, "X").lines == ("150 × 4", "mean 0.5, −1 to 2")
    assert vertex(picture, "W").lines == ("4 × 3", "all 1")
    assert vertex(picture, "labels").lines == ("(150,)", "0 to 2")
    assert all(len(line) < 60 for line in written(picture).splitlines())


def test_a_leaf_is_a_picture_too():
    t = tg.Tensor([1.0, 2.0])
    assert [v.text for v in draw(t).model.vertices] == ["t"]
    assert draw(t, gradients=True).model.vertices[0].gradient_lines == ("∇ 1  1",)
    assert [v.text for v in draw(t, backward=True).model.vertices] == ["∂t/∂t"]


@pytest.mark.parametrize(
    "name",
    ['a"]; evil [label="x', "<a> <b>", "{}|<>", "\\", "two\nlines", "中文", "<script>x</script>"],
)
def test_case_44_hard_names_are_shown_literally(name):
    t = tg.Tensor([1.0, 2.0], name=name)
    out = tg.name((t * t).sum(), name)
    for picture in (draw(out, gradients=True), draw(out, backward=True), draw(out, expand=True)):
        assert vertices(picture, name)
        root = ET.fromstring(picture.svg())
        shown = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
        assert set(name.split("\n")) <= set(shown)
        assert "<script" not in picture.svg()
        assert "<a>" not in picture.source


# --- several outputs ------------------------------------------------------------------------------


def test_several_tensors_share_one_graph():
    w, x = tg.Tensor([1.0, 2.0], name="w"), np.array([3.0, 4.0])
    loss = tg.name((w * x).sum(), "L")
    penalty = tg.name((w**2).sum(), "P")
    picture = draw([loss, penalty])
    assert picture.model.title == "Forward graph of L and P"
    assert [v.text for v in picture.model.vertices].count("w") == 1
    assert {"L", "P"} <= {v.text for v in picture.model.vertices}
    assert len(draw((loss,)).model.vertices) == len(draw(loss).model.vertices)


def test_gradients_of_several_outputs_are_refused():
    w = tg.Tensor([1.0, 2.0])
    loss, penalty = w.sum(), (w * w).sum()
    loss.backward()
    assert "∇" not in written(draw([loss, penalty]))
    for options in ({"backward": True}, {"gradients": True}):
        with pytest.raises(TypeError, match="those of one output; draw the tensors one by one"):
            draw([loss, penalty], **options)
    for wrong in ([], [loss, 1.0], 3.0):
        with pytest.raises(TypeError, match="has no graph"):
            draw(wrong)


# --- gradients ------------------------------------------------------------------------------------


def test_case_47_before_backward_the_gradient_is_not_computed():
    z, _, L = lecture()
    picture = draw(L)
    assert "Gradient not computed" in picture.model.aside
    assert picture.model.notes == ()
    assert "∇" not in written(picture)
    assert arrows(picture, "backward") == []
    assert "not computed" in picture.source
    assert "not computed" in picture.svg()
    assert z.grad is None


def test_afterwards_or_when_asked_every_node_has_its_gradient():
    z, _, L = lecture()
    asked = draw(L, gradients=True)
    assert z.grad is None  # drawing computes, and leaves nothing behind
    L.backward()
    for picture in (draw(L), asked):
        assert vertex(picture, "z").gradient_lines == ("∇ 0.693  −0.892  0.199",)
        assert vertex(picture, "a").gradient_lines == ("∇ 0  −9.26  0",)
        assert vertex(picture, "L").gradient_lines == ("∇ 1",)
        assert "not computed" not in picture.source
    assert "∇" not in written(draw(L, gradients=False))


def test_case_47_where_paths_meet_both_contributions_and_their_sum_are_shown():
    picture = draw(lecture()[2], gradients=True)
    ends = {v.key: v.text for v in picture.model.vertices}
    shown = {ends[e.tail]: e.text for e in picture.model.edges if e.kind == "backward"}
    assert shown == {"Σ": "0.16  0.16  0.16", "e ÷ s": "0  −1.48  0"}
    assert vertex(picture, "e").gradient_lines == ("∇ sum: 0.16  −1.32  0.16",)
    x = tg.Tensor(2.0)
    out = tg.tanh(x) * 3 - x
    (line,) = vertex(draw(out, gradients=True), "x").gradient_lines
    assert line == "∇ −1.00 + 0.21 = −0.79"


def test_gradients_are_those_of_the_tensor_drawn_and_never_stale():
    w = tg.Tensor(3.0)
    square = w * w
    (square * 5).backward()  # leaves 30 in w.grad
    assert vertex(draw(square), "w").gradient_lines == ("∇ 3 + 3 = 6",)
    w.grad = 1000.0
    assert "1000" not in written(draw(square))


def test_several_outputs_have_the_gradient_of_their_sum_and_say_so():
    w = tg.Tensor([1.0, 2.0])
    out = w**2
    picture = draw(out, gradients=True)
    assert vertex(picture, "w").gradient_lines == ("∇ 2  4",)
    assert "the sum of out (a seed of ones)" in picture.model.notes[0]


def test_what_the_output_does_not_depend_on_has_gradient_zero():
    w, v = tg.Tensor(3.0), tg.Tensor(4.0)
    picture = draw(tg.stop_gradient(w) * v, gradients=True)
    assert vertex(picture, "w").gradient_lines == ("∇ 0",)
    assert vertex(picture, "v").gradient_lines == ("∇ 3",)


def test_the_gradients_in_the_picture_are_the_engines():
    rng = np.random.default_rng(0)
    w = tg.Tensor(rng.standard_normal((2, 2)))
    x = rng.standard_normal((2, 2))
    out = tg.tanh(x @ w).sum()
    exact = tg.gradients(out, w)
    lines = vertex(draw(out, gradients=True), "w").gradient_lines
    numbers = " ".join(lines).replace("∇", "").replace("−", "-").split()
    np.testing.assert_allclose([float(n) for n in numbers], exact.ravel(), atol=0.005)


def test_a_rebound_leaf_is_refused():
    w = tg.Tensor([1.0, 2.0])
    out = (w * w).sum()
    w.data = np.array([5.0, 6.0])
    for options in ({}, {"gradients": True}, {"backward": True}):
        with pytest.raises(ValueError, match=r"w was given new data|a leaf was given new data"):
            draw(out, **options)


def test_a_constant_that_was_changed_is_refused():
    w, y = tg.Tensor([1.0, 2.0]), np.array([1.0, 0.0])
    out = (w * y).sum()
    draw(out)
    y[0] = 7.0
    with pytest.raises(ValueError, match=r"multiply gives another result .* constant array"):
        draw(out)


# --- opened operations ----------------------------------------------------------------------------


def test_expand_opens_operations_as_clusters_within_clusters():
    z = tg.Tensor([1.47, -0.39, 0.22])
    y = np.array([0.0, 1.0, 0.0])
    loss = tg.softmax_cross_entropy(z, y)
    closed = draw(loss)
    assert closed.model.groups == ()
    assert [v.text for v in closed.model.vertices] == ["z", "softmax cross entropy", "y", "loss"]
    opened = draw(loss, expand=True, gradients=True)
    assert [g.text for g in opened.model.groups] == [
        "softmax cross entropy",
        "log softmax",
        "logsumexp",
    ]
    assert members(opened, "softmax cross entropy") == ["⊙", "Σ", "−"]
    assert members(opened, "log softmax") == ["z −"]
    assert members(opened, "logsumexp") == ["exp", "Σ", "log"]
    assert vertex(opened, "z").gradient_lines == ("∇ sum: 0.69  −0.89  0.20",)
    assert vertex(opened, "exp").gradient_lines == ("∇ 0.159  0.159  0.159",)
    outer = draw(loss, expand="softmax_cross_entropy")
    assert members(outer, "softmax cross entropy") == ["log softmax", "⊙", "Σ", "−"]
    both = draw(loss, expand=("softmax_cross_entropy", "log_softmax"))
    assert len(both.model.groups) == 2


def test_an_opened_operation_keeps_its_recorded_value_and_gradient():
    z = tg.Tensor([1e4, 0.0])  # the definition overflows where the fused operation does not
    a = tg.softmax(z)
    out = a[0]
    picture = draw(out, expand="softmax", gradients=True)
    assert "∞" in written(picture)  # as seen inside
    assert vertex(picture, "a").lines == ("(2,)", "1  0")
    assert vertex(picture, "z").gradient_lines == ("∇ 0  0",)
    unnamed = draw(tg.softmax(z) * 1, expand="softmax")
    assert vertex(unnamed, "÷").lines == ("(2,)", "1  0")


def test_a_name_that_opens_nothing_is_refused():
    z = tg.Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match=r"'softmx' names no operation .* there are: softmax"):
        draw(tg.softmax(z), expand="softmx")
    with pytest.raises(ValueError, match="there are: none"):
        draw(tg.exp(z), expand=("softmax",))
    with pytest.raises(TypeError, match="pass the names of operations"):
        draw(tg.softmax(z), expand=tg.softmax)
    assert draw(tg.exp(z), expand=True).model.groups == ()


def test_a_definition_that_uses_its_own_operation_comes_to_an_end():
    @tg.op(elementwise=True, rules=(lambda g, out, x: g,))
    def again(x):
        return x * 1.0

    @again.defined_as
    def _(x):
        return again(x)

    try:
        picture = draw(again(tg.Tensor(1.0)), expand=True)
        assert 1 < len(picture.model.groups) < 50
    finally:
        again.forget()


# --- the gradient's own graph ---------------------------------------------------------------------


def test_backward_draws_the_graph_of_the_gradient():
    _, y, L = lecture()
    picture = draw(L, backward=True, names={"y": y})
    for name, value in (("z", "0.693  −0.892  0.199"), ("a", "0  −9.26  0"), ("L", "1")):
        found = vertex(picture, f"∂L/∂{name}")
        assert found.kind == "gradient"
        assert value in found.lines
    assert {"z", "e", "s", "a", "y"} <= {v.text for v in picture.model.vertices}
    assert not vertices(picture, "log")  # the gradient does not use it
    flows = {(a, b): kind for kind in ("forward", "backward") for a, b in arrows(picture, kind)}
    assert flows["z", "exp"] == flows["a", "÷ a"] == "forward"
    assert flows["÷ a", "∂L/∂a"] == "backward"
    kinds = {v.kind for v in picture.model.vertices if v.text == "÷ a"}
    assert kinds == {"gradient op"}


def test_one_gradient_of_two_names_carries_both():
    a, b = tg.Tensor(1.0), tg.Tensor(2.0)
    c = a + b
    assert vertices(draw(c, backward=True), "∂c/∂a = ∂c/∂b = ∂c/∂c")


def test_the_transpose_of_a_constant_is_called_so():
    rng = np.random.default_rng(0)
    X, W = rng.standard_normal((4, 3)), tg.Tensor(rng.standard_normal((3, 2)))
    out = (X @ W).sum()
    assert vertex(draw(out, backward=True), "Xᵀ").lines[0] == "3 × 4"
    assert not vertices(draw((X[::-1] @ W).sum(), backward=True), "Xᵀ")


# --- all operations -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", quick_and_deep())
@pytest.mark.filterwarnings("ignore")
def test_every_operation_can_be_drawn(case):
    out = case.call(*case.arguments())
    for options in ({"gradients": True}, {"expand": True, "gradients": True}, {"backward": True}):
        picture = draw(out, **options)
        for each in picture.model.vertices:
            assert each.text or each.lines
            assert not each.formula or typeset(each.formula) is not None, each.formula
            assert "{" not in each.text
            assert "<class" not in each.text


# --- bytes and size ----------------------------------------------------------------------------


@pytest.mark.ci
def test_case_48_same_bytes_whatever_the_hash_seed():
    code = textwrap.dedent(
        """
        import hashlib, numpy as np, tinygrad_edu as tg
        from tinygrad_edu.view import draw
        z, y = tg.Tensor([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
        W = tg.Tensor(np.arange(9.0).reshape(3, 3))
        h = tg.tanh(W @ z)
        loss = tg.softmax_cross_entropy(h + z, y) + (W * W).sum() * 0.1
        for options in ({}, {"gradients": True, "expand": True}, {"backward": True}):
            picture = draw(loss, **options)
            print(hashlib.sha256((picture.source + picture.svg()).encode()).hexdigest())
        """
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1
    assert len(set(outputs.pop().split())) == 3


def network(layers):
    rng = np.random.default_rng(0)
    h = rng.standard_normal((16, 8))
    for _ in range(layers):
        W, b = tg.Tensor(rng.standard_normal((8, 8))), tg.Tensor(np.zeros(8))
        h = tg.relu(h @ W + b)
    return h.sum()


def recurrent(steps):
    """Every step uses one weight, and passes its input on beside it."""
    w, h = tg.Tensor(0.5), tg.Tensor(np.ones(3))
    for _ in range(steps):
        h = h + tg.tanh(h * w)
    return h.sum()


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("graph", "gradients"),
    [(network(100), False), (network(100), True), (recurrent(165), False), (recurrent(165), True)],
    ids=["network", "network with gradients", "recurrent", "recurrent with gradients"],
)
def test_five_hundred_nodes(graph, gradients):
    picture = draw(graph, gradients=gradients, fold=False)
    assert len(picture.model.vertices) >= 490
    assert picture.svg().count('class="tg-node') >= 490


def test_a_graph_beyond_reading_is_refused_without_recursion():
    t = tg.Tensor(1.0)
    for _ in range(10_000):
        t = t + 1
    for options in ({}, {"backward": True}, {"expand": True}):
        with pytest.raises(ValueError, match=r"10001 vertices.* cannot be read"):
            draw(t, **options)


@pytest.mark.parametrize("wrong", [np.ones(3), 1.0, "z", None])
def test_what_has_no_graph_is_refused(wrong):
    with pytest.raises(TypeError, match=f"a {type(wrong).__name__} has no graph"):
        draw(wrong)
    with pytest.raises(TypeError, match="every_step= is for derivations"):
        draw(tg.Tensor(1.0), every_step=True)


# --- notebooks ------------------------------------------------------------------------------------


def test_a_notebook_shows_the_graph_of_a_computed_tensor(monkeypatch):
    a = tg.Tensor([1.0, 2.0])
    b = a * 2
    monkeypatch.setattr(sys.modules["__main__"], "hidden_name", b, raising=False)
    bundle = notebook(b)
    assert bundle["text/plain"] == repr(b)
    assert "Forward graph of hidden_name" in bundle["text/html"]


def test_a_notebook_shows_the_text_of_a_leaf_and_of_a_large_graph():
    a = tg.Tensor([1.0, 2.0])
    assert notebook(a) == {"text/plain": repr(a)}
    for _ in range(500):
        a = a + 1
    assert list(notebook(a)) == ["text/plain"]


def test_case_46_a_notebook_never_raises(monkeypatch):
    w, y = tg.Tensor([1.0, 2.0]), np.array([1.0, 0.0])
    out = w * y
    y[0] = 7.0
    bundle = notebook(out)
    assert list(bundle) == ["text/plain"]
    assert "constant array was changed" in bundle["text/plain"]
    monkeypatch.setenv("TINYGRAD_EDU_DOT", "/nowhere/dot")
    assert repr(w * 2) in notebook(w * 2)["text/plain"]
