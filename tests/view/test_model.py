"""The plain model refuses what could not be drawn, in one clear sentence."""

import pytest

from tinygrad_edu.view.draw.model import Edge, Group, Model, Vertex

A = Vertex("a", "op", text="a")


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (((A, A),), "'a' is used twice"),
        (((A,), (), (Group("a", "", ("a",)),)), "'a' is used twice"),
        (((A,), (Edge("a", "q"),)), "names 'q', which is no vertex"),
        (((A,), (Edge("q", "a"),)), "names 'q', which is no vertex"),
        (((A,), (), (Group("g", "", ("q",)),)), "names 'q', which is neither"),
        (((A,), (), (Group("g", "", ("a",)), Group("h", "", ("a",)))), "a member twice"),
    ],
)
def test_refusals(parts, sentence):
    with pytest.raises(ValueError, match=sentence):
        Model(*parts)
