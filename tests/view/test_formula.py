"""Formulas as outlines: sizes, ids, independence of what went before, and the way without."""

import random
import string
import sys
import warnings
import xml.etree.ElementTree as ET

import pytest

from tinygrad_edu.view.draw.formula import Formula, label, text_width, typeset

# Both load their fonts through an importlib function that Python deprecates.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    ziamath = pytest.importorskip("ziamath", reason="it draws the formulas")

FORMULAS = [
    "e^{z}",
    r"\frac{e}{s}",
    r"\sum_{k} y_{k} \log a_{k}",
    r"-\frac{y}{a}",
    r"\operatorname{softmax}(z)",
    r"a \odot \left( g - \langle g, a \rangle \right)",
    r"\lVert w \rVert_{2}",
    r"\sqrt{\sigma^{2} + \epsilon}",
    r"\frac{\partial L}{\partial z}",
    r"W^{\top} x",
]


@pytest.mark.parametrize("latex", FORMULAS)
def test_formula_has_a_size_and_well_formed_markup(latex):
    formula = typeset(latex)
    assert 4 < formula.width < 300
    assert 4 < formula.total_height < 60
    drawn = formula.element(0, 0, "p-")
    assert ET.fromstring(ET.tostring(drawn)).tag == "g"
    used = {use.get("href") for use in drawn.iter("use")}
    assert used == {f"#p-{name}" for name in formula.outlines}
    assert used


def test_brackets_around_a_sum_are_as_high_as_the_sum():
    inside = typeset(r"\sum_{k} \frac{a}{b}").total_height
    outside = typeset(r"\left( \sum_{k} \frac{a}{b} \right)").total_height
    assert inside < outside < 1.6 * inside


def test_brackets_of_two_heights_in_one_formula_have_two_outlines():
    tall, taller = (rf"\begin{{matrix}}{rows}\end{{matrix}}" for rows in (r"a\\" * 9, r"a\\" * 15))
    alone = [typeset(rf"\left( {inside} \right)") for inside in (tall, taller)]
    both = typeset(rf"\left( {tall} \right) \left( {taller} \right)")
    wanted = {name for formula in alone for name in formula.outlines}
    assert set(both.outlines) == wanted
    assert len(wanted) == 5  # two pairs of brackets and the letter


def test_glyphs_are_kept_once():
    formula = typeset("a + a + a + a")
    assert len(formula.parts) == 7
    assert len(formula.outlines) == 2


def test_same_formula_is_the_same_whatever_was_set_before():
    from tinygrad_edu.view.draw.formula import _typeset

    first = typeset(r"\frac{a}{s}").element(0, 0)
    for latex in FORMULAS:
        typeset(latex, 31.0)
    _typeset.cache_clear()
    assert ET.tostring(typeset(r"\frac{a}{s}").element(0, 0)) == ET.tostring(first)


@pytest.mark.parametrize("latex", ["", " ", r"\frac{a", r"\nosuch{x}", "中", r"\text{<b> &}"])
def test_what_cannot_be_set_falls_back_to_text(latex):
    assert typeset(latex) is None
    assert [row.content for row in label(latex, "readable").rows] == ["readable"]


def test_without_ziamath_the_text_stands(monkeypatch):
    assert isinstance(typeset("e^{z}"), Formula)
    monkeypatch.setitem(sys.modules, "ziamath", None)
    assert typeset("e^{z}") is None
    assert [row.content for row in label("e^{z}", "exp(z)").rows] == ["exp(z)"]


@pytest.mark.usefixtures("untraced")
def test_text_is_never_wider_than_measured():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import ziafont

        font = ziafont.Font()
    draw = random.Random(0)
    characters = string.printable[:95] + "αβγδλμσΣ∂∇×−≤≥≠≈±→⊙·²³₀₁ₖ√∞…—éü"
    texts = [*characters, *("".join(draw.choices(characters, k=20)) for _ in range(50))]
    for text in texts:
        if text.strip():
            assert font.text(text, size=100).getsize()[0] <= text_width(text, 100) + 4, text


def test_width_of_wide_and_combining_characters():
    assert text_width("中文", 10) >= 20
    assert text_width("e\u0301", 10) == text_width("e", 10)
