"""Parts of a computation in pictures: a cluster for each layer, and one box where it is folded."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.core.node import next_serial
from tinygrad_edu.naming import Part, end_part
from tinygrad_edu.view import Edge, Group, Model, Vertex, draw
from tinygrad_edu.view.draw.fold import fold

X = np.random.default_rng(5).normal(size=(5, 4))
y = np.array([0, 1, 2, 1, 0])


class Net(nn.Module):
    def __init__(self):
        rng = np.random.default_rng(0)
        self.hidden = nn.Linear(4, 3, rng=rng)
        self.drop = nn.Dropout(0.5, rng)
        self.out = nn.Linear(3, 3, rng=rng)

    def forward(self, x):
        return self.out(self.drop(tg.relu(self.hidden(x))))


def nested():
    rng = np.random.default_rng(0)
    block = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.Tanh())
    return nn.Sequential(block, nn.Linear(3, 3, rng=rng))


def clusters(picture):
    """Each cluster's text with the texts of what lies directly in it."""
    text = {each.key: each.text for each in (*picture.model.vertices, *picture.model.groups)}
    return {g.text: {text[member] for member in g.members} for g in picture.model.groups}


def texts(picture):
    return [v.text for v in picture.model.vertices]


def vertex(picture, text):
    (found,) = (v for v in picture.model.vertices if v.text == text)
    return found


# --- clusters -------------------------------------------------------------------------------------


def test_a_model_is_drawn_layer_by_layer():
    L = tg.softmax_cross_entropy(Net()(X), y)
    found = clusters(draw(L))
    assert set(found) == {"Net", "hidden: Linear(4, 3)", "drop: Dropout(0.5)", "out: Linear(3, 3)"}
    assert found["hidden: Linear(4, 3)"] == {"W_hidden", "b_hidden", "X @", "+"}
    assert found["out: Linear(3, 3)"] == {"W_out", "b_out", "@ W_out", "+"}
    assert "" in found["drop: Dropout(0.5)"]  # the mask
    assert found["Net"] == {*found, "relu"} - {"Net"}


def test_what_a_part_was_given_stands_outside():
    for given in (X, tg.Tensor(X)):
        picture = draw(Net()(given), names={"data": given})
        assert all("data" not in inside for inside in clusters(picture).values())
        assert "data" in texts(picture)


def test_parts_within_parts():
    out = nested()(X)
    found = clusters(draw(out))
    assert found["Sequential"] == {"0: Sequential", "1: Linear(3, 3)"}
    assert found["0: Sequential"] == {"0.0: Linear(4, 3)", "tanh"}


def test_the_name_of_a_result_stands_outside():
    Z = Net()(X)
    picture = draw(Z)
    assert all("Z" not in inside for inside in clusters(picture).values())
    ends = {v.key: v.text for v in picture.model.vertices}
    assert ("+", "Z") in [(ends[e.tail], ends[e.head]) for e in picture.model.edges]


def test_a_weight_that_two_layers_share_lies_in_what_holds_both():
    model = nn.Sequential(nn.Linear(4, 4, rng=np.random.default_rng(0)), nn.ReLU())
    twice = nn.Sequential(model, nn.Sequential(model[0], nn.Tanh()))
    found = clusters(draw(twice(X)))
    assert {"W", "b"} <= found["Sequential"]


def test_no_cluster_for_one_operation_and_none_without_parts():
    model = nn.Sequential(nn.ReLU())
    assert clusters(draw(model(tg.Tensor(X)))) == {}
    assert clusters(draw(tg.relu(tg.Tensor(X) * 2))) == {}


def test_anyone_may_compute_in_parts():
    """The view knows no layers: a part is whatever says that it is one."""

    def attention(q, k):
        start = next_serial()
        out = tg.softmax(q @ k.T / 2)
        end_part(out, Part("attention", "weights"), start, (q, k))
        return out

    q, k = tg.Tensor(np.eye(2), name="q"), tg.Tensor(np.ones((2, 2)), name="k")
    out = attention(q, k).sum()
    (inside,) = clusters(draw(out)).values()
    assert len(inside) == 4
    assert {"÷ 2", "softmax"} <= inside
    assert {"q", "k"} <= set(texts(draw(out, fold="attention")))


def test_opened_operations_lie_in_their_layer():
    L = tg.softmax_cross_entropy(Net()(X), y)
    assert "relu" in clusters(draw(L, expand="relu"))["Net"]


def test_the_graph_of_the_gradient_keeps_the_layers():
    L = tg.softmax_cross_entropy(Net()(X), y)
    picture = draw(L, backward=True)
    assert {"W_hidden", "b_hidden"} <= clusters(picture)["hidden: Linear(4, 3)"]
    folded = draw(L, backward=True, fold="hidden")
    assert "∂L/∂W_hidden" in texts(folded)
    assert "W_hidden" not in texts(folded)


# --- folding --------------------------------------------------------------------------------------


def test_folded_layers_are_boxes_with_their_formula():
    Z = Net()(X)
    picture = draw(Z, fold=True)
    assert texts(picture) == [
        "X",
        "hidden: Linear(4, 3)",
        "relu",
        "drop: Dropout(0.5)",
        "out: Linear(3, 3)",
        "Z",
    ]
    box = vertex(picture, "hidden: Linear(4, 3)")
    assert box.kind == "part"
    assert box.lines[:3] == ("X W_hidden + b_hidden", "15 parameters", "5 × 3")
    assert vertex(picture, "out: Linear(3, 3)").lines[0] == "x W_out + b_out"
    assert len(picture.model.edges) == 5
    assert ("part", "part, folded") in picture.model.legend
    assert clusters(picture) == {"Net": set(texts(picture)[1:-1])}


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ("hidden", {"hidden: Linear(4, 3)"}),
        (["hidden", "out"], {"hidden: Linear(4, 3)", "out: Linear(3, 3)"}),
        ("Linear", {"hidden: Linear(4, 3)", "out: Linear(3, 3)"}),
        ("Net", {"Net"}),
        ((), set()),
    ],
)
def test_folding_by_name(names, folded):
    picture = draw(Net()(X), fold=names)
    assert {v.text for v in picture.model.vertices if v.kind == "part"} == folded


def test_folding_inner_and_outer_parts():
    out = nested()(X)
    assert {"0.0: Linear(4, 3)", "1: Linear(3, 3)", "tanh"} <= set(texts(draw(out, fold=True)))
    whole = draw(out, fold=("Sequential", "Linear"))
    assert texts(whole) == ["X", "Sequential", "out"]
    assert whole.model.groups == ()


def test_a_folded_layer_shows_the_gradient_of_its_output():
    net = Net()
    L = tg.softmax_cross_entropy(net(X), y)
    lines = vertex(draw(L, gradients=True, fold=True), "out: Linear(3, 3)").gradient_lines
    plain = next(v for v in draw(L, gradients=True).model.vertices if v.text == "+")
    assert lines
    assert lines[0].startswith("∇ mean")
    assert plain.gradient_lines != lines  # of the first layer


def test_where_paths_meet_outside_a_folded_layer_both_are_drawn():
    layer = nn.Linear(4, 4, rng=np.random.default_rng(0))
    x = tg.Tensor(X, name="x")
    h = tg.tanh(x)
    out = (h + layer(h)).sum()
    picture = draw(out, gradients=True, fold="Linear")
    ends = {v.key: v.text for v in picture.model.vertices}
    brought = [ends[e.tail] for e in picture.model.edges if e.kind == "backward"]
    assert sorted(brought) == ["+", "Linear(4, 4)"]


def test_a_part_that_is_not_there():
    sentence = "draw: fold='hiden' names no part of this graph; there are: hidden, Linear, drop,"
    with pytest.raises(ValueError, match=sentence):
        draw(Net()(X), fold="hiden")
    with pytest.raises(ValueError, match="none; a tensor has parts where a model computed it"):
        draw(tg.Tensor(1.0) * 2, fold="hidden")
    with pytest.raises(TypeError, match="fold=7 is no name; pass the names of parts"):
        draw(Net()(X), fold=7)
    z = tg.Tensor(1.0)
    derivation = tg.derive(tg.exp(z) * 2, wrt=z)
    with pytest.raises(TypeError, match=r"a derivation takes no .*fold="):
        draw(derivation, fold=True)


def test_a_longer_part_has_no_formula():
    model = nn.Sequential(*(nn.Linear(4, 4, rng=np.random.default_rng(i)) for i in range(3)))
    box = vertex(draw(model(X), fold="Sequential"), "Sequential")
    assert box.lines[:2] == ("60 parameters", "5 × 4")


def test_formulas_have_the_parentheses_they_need():
    class Odd(nn.Module):
        def __init__(self):
            self.a, self.b = tg.Tensor(2.0), tg.Tensor(3.0)

        def forward(self, x):
            return (x - (self.a - self.b)) * 2

    box = vertex(draw(Odd()(tg.Tensor(1.0)), fold="Odd"), "Odd")
    assert box.lines[0] == "(x − (a − b))·2"


# --- rounds that are alike ------------------------------------------------------------------------


def recurrent(steps, gradients=False):
    U, h = tg.Tensor(np.eye(3) / 2, name="U"), tg.Tensor(np.ones(3), name="h0")
    states = []
    for x in np.random.default_rng(0).normal(size=(steps, 3)):
        h = tg.tanh(h @ U + x)
        states.append(h)
    return tg.name(h, "h"), U, states


def test_the_steps_of_a_loop_are_drawn_once():
    h, _, _ = recurrent(30)
    picture = draw(h, gradients=True)
    assert clusters(picture) == {"× 29": {"h0 @ U", "", "+", "tanh"}}
    assert texts(picture).count("tanh") == 2  # the first, and the last
    assert "×: of rounds that are alike" in picture.model.notes[-1]
    whole = draw(h, gradients=True, fold=False)
    assert vertex(picture, "h") == replace(vertex(whole, "h"), key=vertex(picture, "h").key)
    all_of_it = next(v for v in whole.model.vertices if v.text == "U").gradient_lines
    assert vertex(picture, "U").gradient_lines == (all_of_it[0].replace(" sum:", ""),)
    assert not [e for e in picture.model.edges if e.kind == "backward"]  # most would be missing


def test_layers_that_are_alike_are_drawn_once_and_folded():
    rng = np.random.default_rng(0)
    layers = [each for _ in range(20) for each in (nn.Linear(4, 4, rng=rng), nn.ReLU())]
    out = nn.Sequential(*layers)(X)
    found = clusters(draw(out))
    assert found["× 19"] == {"0: Linear(4, 4)", "relu"}
    assert found["Sequential"] == {"× 19", "38: Linear(4, 4)", "relu"}
    folded = draw(out, fold=True)
    assert texts(folded)[1:] == ["0: Linear(4, 4)", "relu", "38: Linear(4, 4)", "relu", "out"]


def test_what_uses_every_round_is_joined_to_the_one_that_is_drawn():
    _, _, states = recurrent(30)
    picture = draw(tg.stack(states))
    ends = {v.key: v.text for v in picture.model.vertices}
    last = picture.model.vertices[-1].text
    assert [ends[e.tail] for e in picture.model.edges if ends[e.head] == last] == ["tanh", "h"]


def test_few_rounds_a_small_graph_and_unlike_rounds_are_drawn_out():
    h, _, _ = recurrent(10)
    assert clusters(draw(h)) == {}
    assert clusters(draw(recurrent(30)[0], fold=False)) == {}
    t = tg.Tensor(1.0)
    for n in range(70):
        t = t + n
    assert clusters(draw(t)) == {}


def test_rounds_are_found_behind_each_other():
    t = tg.Tensor(np.ones(3))
    for op in (tg.sin, tg.cos):
        for _ in range(20):
            t = op(t) * 2 + t
    assert set(clusters(draw(t))) == {"× 19"}
    assert len(draw(t).model.groups) == 2


def test_fold_of_a_plain_model():
    vertices = tuple(Vertex(key, "op", text=key) for key in "abcde")
    edges = tuple(Edge(t, h, sign="−") for t, h in ("ab", "ac", "bd", "cd", "de"))
    groups = (Group("inner", "i", ("b",)), Group("outer", "o", ("inner", "c")))
    model = Model(vertices, edges, groups)
    boxes = {key: Vertex(key, "part", text=key) for key in ("inner", "outer")}
    small = fold(model, boxes)
    assert [v.key for v in small.vertices] == ["a", "outer", "d", "e"]
    assert [(e.tail, e.head, e.sign) for e in small.edges] == [
        ("a", "outer", ""),
        ("outer", "d", "−"),
        ("d", "e", "−"),
    ]
    assert small.groups == ()
    assert [v.key for v in fold(model, {"inner": boxes["inner"]}).vertices] == [
        "a",
        "inner",
        "c",
        "d",
        "e",
    ]
    assert fold(model, {}) == model


def test_svg_and_dot_show_the_two_borders():
    picture = draw(Net()(X), fold=True)
    assert picture.source.count("peripheries=2") == 3
    assert picture.svg().count('class="tg-inner"') == 4  # and one in the legend


@pytest.mark.ci
def test_the_same_bytes_whatever_the_hash_seed():
    code = (
        "import numpy as np, tinygrad_edu as tg\n"
        "from tinygrad_edu import nn\n"
        "rng = np.random.default_rng(0)\n"
        "model = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Dropout(0.5, rng))\n"
        "out = model(np.ones((1, 2)))\n"
        "print(tg.draw(out).source, tg.draw(out, fold=True).source)\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "7")
    }
    assert len(found) == 1
    assert b"Linear" in found.pop()
