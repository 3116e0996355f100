"""The plain model refuses what could not be drawn, in one clear sentence."""

import pytest

from tinygrad_edu.view.draw.model import Edge, Group, Model, Vertex, frames

A, B, C = (Vertex(key, "op", text=key) for key in "abc")


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (((A, A),), "'a' is used twice"),
        (((A,), (), (Group("a", "", ("a",)),)), "'a' is used twice"),
        (((A,), (Edge("a", "q"),)), "names 'q', which is no vertex"),
        (((A,), (Edge("q", "a"),)), "names 'q', which is no vertex"),
        (((A,), (), (Group("g", "", ("q",)),)), "names 'q', which is neither"),
        (((A,), (), (Group("g", "", ("a",)), Group("h", "", ("a",)))), "a member twice"),
        (((A,), (), (Group("g", "", ("h",)), Group("h", "", ("g",)))), "lies within itself"),
        (((A,), (), (Group("g", "", ("g",)),)), "lies within itself"),
        (((A,), (), (Group("g", "", ("f",)), Group("f", "", (), kind="frame"))), "frames stand"),
        (((A, B), (Edge("a", "b"),), (Group("f", "", ("a",), kind="frame"),)), "leaves its frame"),
        (((A,), (), (), "", "up"), "must be one of LR, TB; got 'up'"),
    ],
)
def test_refusals(parts, sentence):
    with pytest.raises(ValueError, match=sentence):
        Model(*parts)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Vertex("a", "tensor"),
        lambda: Vertex("a", "op", marks=frozenset({"struck"})),
        lambda: Edge("a", "b", "sideways"),
        lambda: Edge("a", "b", marks=frozenset({"struck"})),
        lambda: Group("g", "", (), kind="box"),
    ],
)
def test_unknown_words_are_refused(make):
    with pytest.raises(ValueError, match="must be one of"):
        make()


def test_frames_cut_the_model_and_keep_the_order():
    model = Model(
        (C, B, A),
        (Edge("a", "b"),),
        (
            Group("2", "two", ("inner",), kind="frame"),
            Group("1", "one", (), kind="frame"),
            Group("inner", "opened", ("a", "b")),
        ),
    )
    (loose, rest), (two, part), (one, empty) = frames(model)
    assert loose is None
    assert rest.vertices == (C,)
    assert (two.text, one.text) == ("two", "one")
    assert part.vertices == (B, A)
    assert part.edges == model.edges
    assert [group.key for group in part.groups] == ["inner"]
    assert empty.vertices == ()


def test_without_frames_the_model_is_its_own_frame():
    model = Model((A, B), (Edge("a", "b"),))
    assert frames(model) == ((None, model),)
