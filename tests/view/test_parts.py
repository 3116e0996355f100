"""The parts of a picture: numbers, repeated leaves, legends, signs beside arrows."""

import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.view import Edge, Group, Model, Picture, Vertex
from tinygrad_edu.view.draw.dot import digraph, directions
from tinygrad_edu.view.draw.formula import typeset
from tinygrad_edu.view.draw.repeat import NOTE, repeat_far_leaves
from tinygrad_edu.view.draw.values import number_text, one_line, shape_text, sum_text, value_lines

SVG = "{http://www.w3.org/2000/svg}"


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (2.0, "2"),
        (0.0625, "0.0625"),
        (-1234.5, "−1234"),
        (99999, "99999"),
        (123456.0, "1.23·10⁵"),
        (1e-9, "10⁻⁹"),
        (-1e-9, "−10⁻⁹"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (math.nan, "NaN"),
    ],
)
def test_numbers(value, text):
    assert number_text(value) == text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_number_is_right_to_three_digits_and_short(value):
    text = number_text(value).replace("−", "-")
    superscripts = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    match = re.fullmatch(r"(-?)(?:([\d.]+)·)?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)", text)
    read = (
        float(text)
        if match is None
        else float(f"{match[1]}{match[2] or 1}e{match[3].translate(superscripts)}")
    )
    assert read == pytest.approx(value, rel=6e-3)
    assert len(text) <= 12


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ([1.47, -0.39, 0.22], ("1.47  −0.39  0.22",)),
        ([0.0, 1.0, 0.0], ("0  1  0",)),
        ([0.5, 0.0, 1.0], ("0.50  0  1.00",)),
        ([1.0, 1e-9], ("1  10⁻⁹",)),  # what is small is not shown as 0
        ([[1, 2], [3, 4]], ("1  2", "3  4")),
        ([[1], [2], [3], [4]], ("mean 2.5, 1 to 4",)),
        (np.zeros((0, 3)), ("empty",)),
        (np.ones(100), ("all 1",)),
        (np.r_[np.ones(99), np.nan], ("1 of 100 NaN",)),
        (np.arange(100) > 30, ("69 of 100 true",)),
        ([True, False], ("True  False",)),
        (np.arange(10), ("0 to 9",)),
        (np.r_[-np.ones(9), 9 + 1e-15], ("mean 0, −1 to 9",)),
        (np.float32(0.1), ("0.1",)),
        (np.full(10, np.inf), ("all ∞",)),
    ],
)
def test_arrays(value, lines):
    value = np.asarray(value)
    if value.dtype.kind == "i" and value.ndim == 2 and len(value) == 4:
        value = value.astype(float)
    assert value_lines(value) == lines


def test_what_is_compared_has_as_many_decimals():
    parts, total = [np.array([0.159, 0.2]), np.array([0.0, -1.48])], np.array([0.159, -1.28])
    assert [one_line(part, [*parts, total]) for part in parts] == ["0.16  0.20", "0  −1.48"]
    assert sum_text([1.5, 1e-17], 1.5) == "1.50 + 0 = 1.50"
    assert sum_text([1.0, 1.0], 2.0) == "1 + 1 = 2"


def test_shapes():
    assert [shape_text(s) for s in ((), (3,), (150, 3), (2, 0, 1))] == [
        *("", "(3,)", "150 × 3", "2 × 0 × 1")
    ]


# --- leaves used far away ------------------------------------------------------------------------


def chain(length, *, group=False):
    steps = tuple(Vertex(f"{n}", "op", text=f"{n}") for n in range(length))
    edges = [Edge(f"{n}", f"{n + 1}") for n in range(length - 1)]
    edges += [Edge("w", f"{n}") for n in range(length)]
    edges += [Edge(f"{n}", "w", "backward", text=f"{n}") for n in range(length)]
    leaf = Vertex("w", "parameter", "w", "w", ("(3,)",), gradient_lines=("∇ 1",))
    groups = (Group("g", "g", ("w", "1")),) if group else ()
    return Model((leaf, *steps), tuple(edges), groups, notes=("a",))


def test_a_far_leaf_is_drawn_again_with_its_name_alone():
    before = chain(60, group=True)
    after = repeat_far_leaves(before)
    copies = [v for v in after.vertices if v.key not in {v.key for v in before.vertices}]
    assert len(copies) == 50
    assert {(v.kind, v.text, v.lines, v.gradient_lines) for v in copies} == {
        ("parameter", "w", (), ())
    }
    assert after.notes == ("a", NOTE)
    assert len(after.edges) == len(before.edges)
    # each step still has its own arrow from and to a w
    text = {v.key: v.text for v in after.vertices}
    named = [(text[e.tail], text[e.head], e.kind) for e in before.edges]
    assert [(text[e.tail], text[e.head], e.kind) for e in after.edges] == named
    assert set(after.groups[0].members) == {"w", "1", *(v.key for v in copies)}


def test_what_is_near_or_computed_stays_one():
    near = chain(19)
    assert repeat_far_leaves(near) is near
    computed = chain(60)
    computed = Model((Vertex("x", "value"), *computed.vertices), (Edge("x", "w"), *computed.edges))
    assert repeat_far_leaves(computed) is computed


def test_without_a_name_a_copy_keeps_its_lines():
    model = chain(60)
    leaf = Vertex("w", "constant", lines=("(3,)",))
    after = repeat_far_leaves(Model((leaf, *model.vertices[1:]), model.edges))
    assert {v.lines for v in after.vertices if v.kind == "constant"} == {("(3,)",)}


# --- directions -----------------------------------------------------------------------------------


def test_gradients_run_back_beside_the_values():
    vertices = tuple(Vertex(key, "op") for key in "zegh")
    edges = (Edge("z", "e"), Edge("e", "g"), Edge("g", "h", "backward"))
    assert directions(Model(vertices, edges)) == [("z", "e"), ("e", "g"), ("h", "g")]
    circle = (Edge("g", "h"), Edge("g", "h", "backward"), Edge("h", "g", "backward"))
    assert directions(Model(vertices, circle))[1:] == [("g", "h"), ("h", "g")]
    assert directions(Model(vertices, edges[2:])) == [("g", "h")]


# --- what stands below and beside -----------------------------------------------------------------


def svg_of(model):
    return ET.fromstring(Picture(model).svg())


def by_class(root, name):
    return [item for item in root.iter() if name in item.get("class", "").split()]


def test_notes_and_legend_stand_below_the_picture():
    legend = (
        ("parameter", "parameter"),
        ("gradient op", "of the backward pass"),
        ("backward", "gradient"),
        ("matched", "used next"),
        ("cancelled", "cancels <x>"),
    )
    model = Model((Vertex("a", "value", text="a"),), notes=("not computed",), legend=legend)
    root = svg_of(model)
    bottom = max(float(r.get("y")) + float(r.get("height")) for r in by_class(root, "tg-shape")[:1])
    note, entries = by_class(root, "tg-note"), by_class(root, "tg-legend")
    assert [n.text for n in note] == ["not computed"]
    assert [e.text for e in entries] == [meaning for _, meaning in legend]
    height, width = (float(root.get("viewBox").split()[i]) for i in (3, 2))
    for text in (*note, *entries):
        assert bottom < float(text.get("y")) < height
        assert float(text.get("x")) < width
    assert by_class(root, "tg-outline")
    assert by_class(root, "tg-strike")
    assert by_class(root, "tg-backward")
    assert "not computed" in digraph(model).source


def test_a_long_legend_breaks_into_rows():
    legend = tuple(("value", "a rather long meaning of a shape") for _ in range(9))
    root = svg_of(Model((Vertex("a", "value"),), legend=legend))
    rows = {text.get("y") for text in by_class(root, "tg-legend")}
    assert 1 < len(rows) < 9
    assert float(root.get("viewBox").split()[2]) < 720


@pytest.mark.parametrize("kind", ["forward", "backward"])
def test_a_sign_stands_beside_the_arrowhead(kind):
    vertices = (Vertex("y", "value", text="y"), Vertex("m", "op", text="−"))
    ends = ("y", "m") if kind == "forward" else ("m", "y")
    edges = (Edge(*ends, kind, sign="÷"), *([Edge("y", "m")] if kind == "backward" else []))
    model = Model(vertices, edges)
    root = svg_of(model)
    (sign,) = by_class(root, "tg-sign")
    arrow = by_class(by_class(root, f"tg-{kind}")[0], "tg-head")[0]
    points = [float(v) for v in re.findall(r"-?[\d.]+", arrow.get("points"))]
    head = (sum(points[::2]) / (len(points) / 2), sum(points[1::2]) / (len(points) / 2))
    assert math.dist(head, (float(sign.get("x")), float(sign.get("y")))) < 20
    where = "headlabel" if kind == "forward" else "taillabel"
    assert f'{where}="÷"' in digraph(model).source


def test_names_of_functions_are_upright_words():
    for latex in (r"\operatorname{softmax-CE}(z)", r"\operatorname{my\_op}", r"\operatorname{a b}"):
        assert typeset(latex) is not None
    plain, spaced = typeset(r"\operatorname{ab}"), typeset(r"\operatorname{a b}")
    assert spaced.width > plain.width
    assert typeset(r"\operatorname{a-b}").width < typeset("a-b").width


def test_a_flat_formula_takes_the_room_of_a_letter():
    root = svg_of(Model((Vertex("m", "op", "-", "−", ("1.5",)),)))
    (node,) = by_class(root, "tg-node")
    shape = by_class(node, "tg-shape")[0]
    (line,) = (text for text in node.iter(f"{SVG}text"))
    assert float(line.get("y")) - float(shape.get("y")) > 20
