"""Notes of a lecturer: what is right passes, and each slip that notes have is found."""

import json
from pathlib import Path

import pytest

from tinygrad_edu import cli
from tinygrad_edu.lectures.lint import lint

NOTES = Path(__file__).parent / "notes"


@pytest.mark.ci
def test_notes_without_slips_pass():
    found = lint((NOTES / "good.tex").read_text("utf-8"))
    assert found, str(found)
    assert found.status == 0
    assert [e.verdict for e in found.equations].count("right") == 7
    assert "line 16" not in str(found)  # it goes on with the line before


#: The line of each slip, and what is said.
SLIPS = {
    3: "1.01 and 1",
    6: "defined in line 5 as something else",
    10: "factor N",
    14: "was left out",
    19: "sign",
    24: "factor 2",
}


@pytest.mark.ci
def test_slips_are_found(capsys):
    path = NOTES / "slips.tex"
    found = lint(path.read_text("utf-8"))
    assert {e.line for e in found.equations if e.verdict == "wrong"} == {*SLIPS}
    for each in found.equations:
        assert SLIPS.get(each.line, "") in each.says
    unread = {e.line: e.says for e in found.equations if e.verdict == "unreadable"}
    assert unread == {21: "there is no =", 28: "m has 0 axes, not 1 (at character 17)"}
    assert "index 1 of q runs to m in line 16 and to n in line 17" in found.letters
    assert "m is how far a sum runs, and an array elsewhere" in found.letters
    assert cli.main(["lint", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["right"] is False


@pytest.mark.ci
def test_a_condition_that_is_not_said():
    text = r"""$$a_k = \frac{e^{z_k}}{\sum_{j=1}^K e^{z_j}}$$ $$L = -\sum_{k=1}^K y_k \log a_k$$
    $$\frac{\partial L}{\partial z_j} = a_j - y_j$$"""
    (claim,) = [e for e in lint(text).equations if "partial" in e.text]
    assert claim.verdict == "needs"
    assert claim.says == "right if Σy = 1, which is not said"
    assert lint(text)
    (claim,) = [e for e in lint(text + r"\[\sum_k y_k = 1\]").equations if "partial" in e.text]
    assert claim.verdict == "right"


def test_whole_arrays_and_letters_with_two_meanings():
    found = lint(r"\[ z = W x + b \] \[ E = \frac12 z^\top z \] \[ \nabla = 3 \]")
    assert [e.verdict for e in found.equations][:2] == ["defines", "defines"]
    found = lint(r"\[ S = \sum_i y_i^2 \] \[ R = \sum_{ik} y_{ik} \]")
    assert found.letters == ["y has two numbers of indices: 1 in line 1 and 2 in line 1"]
    assert not found


def test_nothing_to_read(tmp_path, capsys):
    path = tmp_path / "empty.tex"
    path.write_text(r"No equation. % \[ a = b \]", "utf-8")
    assert cli.main(["lint", str(path)]) == 2
    assert "no displayed equation" in capsys.readouterr().out


@pytest.mark.parametrize("cut", ["z_", "z_{", r"\sum_", r"\sum_{k=1", r"\frac{1}", "x^"])
def test_an_equation_that_is_cut_off_cannot_be_read(cut):
    found = lint(f"$$L = 1$$ $$M = {cut}$$")
    assert [each.verdict for each in found.equations] == ["defines", "unreadable"]


KNOWN = {
    r"$$\log(ab) = \log a + \log b$$ $$\tanh(x) = x$$": ["right", "wrong"],
    r"$$\sigma(z) = \frac{1}{1 + e^{-z}}$$": ["right"],
    r"$$f(x) = x^2$$ $$\frac{\partial f}{\partial x} = 2x$$": ["defines", "right"],
    r"$$f(x) = x^2$$ $$\frac{\partial f}{\partial x} = 3x$$": ["defines", "wrong"],
    r"$$a = \sigma(z)$$ \[\frac{\partial \tanh(z)}{\partial z} = z\]": ["defines", "unreadable"],
}


@pytest.mark.parametrize(("text", "verdicts"), KNOWN.items())
def test_a_known_function_is_not_defined_and_x_may_be_a_number(text, verdicts):
    assert [each.verdict for each in lint(text).equations] == verdicts
