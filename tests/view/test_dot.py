"""DOT text: every name is shown literally, and none is ever an identifier."""

import html
import json
import re
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tinygrad_edu.view import Edge, Group, Model, Vertex, found
from tinygrad_edu.view.draw.dot import BACKWARD, FORWARD, clean, digraph
from tinygrad_edu.view.draw.model import Frame

HARD = [
    'a"]; evil [label="x',
    "<a> <b>",
    "<b>bold</b>",
    "{}|<>",
    "\\",
    'a\\"b',
    "x\\",
    "\\N\\G\\n",
    "two\nlines",
    "中文",
    "&lt; &amp; &#65;",
    "node",
    "",
    "\x00\x1b\ud800\uffff",
    "<script>alert(1)</script>",
]


def everywhere(text):
    """A model with the text in every place that shows text."""
    return Model(
        (
            Vertex(text, "value", "", text, (text,), gradient_lines=(text,)),
            Vertex(f"{text}'", "op", "", text),
        ),
        (Edge(text, f"{text}'", text=text),),
        (Group(f"{text}''", text, (text,), lines=(text,)),),
        title=text,
    )


def labels_read_by(renderer, source):
    """What the renderer itself understood: labels of nodes, edges and clusters."""
    read = json.loads(renderer.run(source, "json0"))
    assert {item["name"] for item in read["objects"]} == {"n0", "n1", "cluster_g0"}
    return {
        item.get("name", "edge"): item.get("label", "") for item in read["objects"] + read["edges"]
    }


def meant(label):
    """Undo Graphviz's escapes and entities."""
    rows = re.sub(r"\\(.)", lambda m: {"n": "\n", "l": "\n"}.get(m[1], m[1]), label)
    return html.unescape(rows)


def check_literal(text):
    shown = clean(text)
    labels = labels_read_by(found(), digraph(everywhere(text)).source)
    assert meant(labels["n0"]) == "\n".join([shown] * 3)
    assert meant(labels["cluster_g0"]) == f"{shown}\n{shown}\n"
    assert meant(labels["n1"]) == meant(labels["edge"]) == shown


@pytest.mark.parametrize("text", HARD)
def test_case_44_hard_names_are_shown_literally(text):
    check_literal(text)


@given(st.text(alphabet=st.sampled_from('ab"\\<>&;{}|[]=\n\t lNG#é中'), max_size=12))
@example("<>")
def test_case_44_any_name_is_shown_literally(text):
    check_literal(text)


def test_markup_characters_are_entities_in_the_text():
    source = digraph(everywhere("<a> & b")).source
    assert "&lt;a&gt; &amp; b" in source
    assert "<a>" not in source


def test_user_text_is_never_an_identifier():
    source = digraph(everywhere("evil")).source
    unquoted = re.sub(r'"[^"]*"', "", source)
    names = re.findall(r"^\t*(\w+) (?:->|\[)", unquoted, re.M)
    assert sorted(names) == ["edge", "n0", "n0", "n1", "node"]


def test_kinds_differ_in_shape_and_edges_in_style():
    kinds = ("op", "value", "parameter", "constant", "gradient")
    model = Model(
        tuple(Vertex(kind, kind, text=kind) for kind in kinds),
        (Edge("op", "value"), Edge("value", "op", "backward")),
    )
    source = digraph(model).source
    looks = re.findall(r"shape=(\w+) style=(\w+)", source)
    assert len(set(looks)) == len(kinds)
    assert f'color="{FORWARD}" fontcolor="{FORWARD}" style=solid' in source
    assert f'color="{BACKWARD}" dir=back fontcolor="{BACKWARD}" style=dashed' in source


def test_backward_edges_keep_their_direction_where_no_forward_path_runs():
    model = Model((Vertex("g", "op"), Vertex("h", "op")), (Edge("g", "h", "backward"),))
    assert "n0 -> n1" in digraph(model).source
    assert "dir=back" not in digraph(model).source


def test_marks_and_nested_groups_can_be_read():
    model = Model(
        (
            Vertex("a", "op", text="a", marks=frozenset({"matched"})),
            Vertex("b", "op", text="b", marks=frozenset({"cancelled"})),
        ),
        (Edge("a", "b", marks=frozenset({"matched", "cancelled"})),),
        (Group("in", "inner", ("a",)), Group("out", "outer", ("in", "b"))),
    )
    source = digraph(model).source
    assert re.search(r"n0 \[.*penwidth=3", source)
    assert re.search(r"n0 -> n1 \[.*penwidth=3", source)
    assert 'label="b\\n(cancelled)"' in source
    assert source.index("cluster_g1") < source.index("cluster_g0") < source.index("n0 [")


def test_frames_of_the_text_read_from_the_top():
    count = 4
    frames = tuple(Frame(Model((Vertex("v", "op", text=str(n)),)), "step") for n in range(count))
    read = found().run(digraph(Model(frames=frames)).source, "json0")
    boxes = {item["name"]: item["bb"] for item in json.loads(read)["objects"] if "bb" in item}
    # In Graphviz's coordinates y grows upwards.
    places = [-float(boxes[f"cluster_f{n}"].split(",")[1]) for n in range(count)]
    assert places == sorted(places)
    assert len(set(places)) == count


@pytest.mark.skipif(shutil.which("dot") is None, reason="the system has no dot")
def test_the_text_is_valid_for_the_system_dot():
    source = digraph(everywhere(HARD[0])).source
    subprocess.run(["dot", "-Tcanon"], input=source.encode(), capture_output=True, check=True)
