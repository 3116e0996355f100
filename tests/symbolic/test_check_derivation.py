"""Whole derivations, judged line by line."""

import io
import json

import pytest

import tinygrad_edu as tg
from tinygrad_edu import cli
from tinygrad_edu.lectures import LECTURES


@pytest.fixture(scope="module")
def derivation():
    z, y = tg.Tensor([1.47, -0.39, 0.22], name="z"), tg.Tensor([0.0, 1.0, 0.0], name="y")
    e = tg.name(tg.exp(z), "e")
    a = tg.name(e / e.sum(), "a")
    return tg.derive(-(y * tg.log(a)).sum(), wrt=z)


RIGHT = {
    "a prime": "L'(z) = a Σy − y\n= a − y",
    "two lines": "∂L/∂z = a Σy − y\n= a − y",
    "a chain": "∂L/∂z_j = Σ_k (−y_k/a_k)·a_k (δ_kj − a_j) = −Σ_k y_k (δ_kj − a_j) = a_j − y_j",
    "align": r"""\begin{align}
        \frac{\partial L}{\partial z_j} &= \sum_{k=1}^{K} y_k (a_j - \delta_{kj}) \\
        &= a_j \sum_{k=1}^{K} y_k - y_j \\
        &= a_j - y_j.
    \end{align}""",
    "a list": ["exp(z)/sum(exp(z)) - y", "softmax(z) - y", "a - y"],
}


@pytest.mark.parametrize("which", RIGHT)
def test_right_derivations_in_every_notation(derivation, which):
    judgement = tg.check_derivation(derivation, RIGHT[which])
    assert judgement
    assert judgement.first_wrong is None
    assert judgement.shortest
    assert {line.verdict for line in judgement.lines} == {"right"}


def test_laws_join_the_lines(derivation):
    judgement = tg.check_derivation(derivation, RIGHT["align"])
    assert not judgement.lines[0].laws
    assert "δ picks" in judgement.lines[1].laws
    assert judgement.lines[2].laws == ("assumption",)
    assert "distribute" in str(judgement)


def test_the_first_wrong_line_and_right_ones_after_it(derivation):
    lines = ["Σ_k y_k (a_j − δ_kj)", "a_j + y_j", "a_j − y_j", "a_j y_j"]
    judgement = tg.check_derivation(derivation, lines)
    assert not judgement
    assert judgement.first_wrong == 1
    assert [each.verdict for each in judgement.lines] == ["right", "wrong", "right again", "wrong"]
    wrong = judgement.lines[1]
    assert wrong.suspect.kind == "sign"
    assert wrong.numbers.claimed != wrong.numbers.gradient
    assert "2. wrong       a_j + y_j" in str(judgement)
    assert "suspect: sign" in str(judgement)


SLIPS = [
    ("−Σ_k y_k (δ_kj + a_j)", "a sign"),
    ("y_j (a_j − 1)", "δ summed away as if k = j"),
    ("Σ_k y_k − y_j", "a was dropped"),
    ("a_j Σ_k a_k y_k − y_j", "a factor too many"),
    ("2·a_j − y_j", "a factor"),
    ("a_j − y_j/a_j", "a division"),
]


@pytest.mark.parametrize(("slip", "what"), SLIPS)
def test_a_planted_slip_is_found_where_it_is(derivation, slip, what):
    for place in range(3):
        lines = ["Σ_k y_k (a_j − δ_kj)", "a_j Σ_k y_k − y_j", "a_j − y_j"]
        lines[place] = slip
        assert tg.check_derivation(derivation, lines).first_wrong == place, what


@pytest.mark.parametrize("lecture", ["softmax-ce", "softmax-regression"])
@pytest.mark.parametrize("indices", [False, True], ids=["text", "indices"])
def test_the_steps_of_a_lecture_are_right_lines(lecture, indices):
    found = LECTURES[lecture].derive()
    formulas = [found.start, *(step.after for step in found.steps)]
    lines = list(dict.fromkeys(formula.text(indices=indices) for formula in formulas))
    judgement = tg.check_derivation(found, [*lines[:2], *lines[-2:]])
    assert judgement, str(judgement)


def test_what_cannot_be_read_and_what_is_no_number(derivation):
    judgement = tg.check_derivation(derivation, ["a − (y", "a − q", "a − y"])
    assert [each.verdict for each in judgement.lines] == ["unreadable", "unreadable", "right again"]
    assert "nothing is called 'q'" in judgement.lines[1].reason
    undefined = tg.check_derivation(derivation, ["(a − y)/(y − y)"])
    assert undefined.lines[0].verdict == "undefined"
    assert undefined.first_wrong == 0


def test_a_right_line_that_could_be_shorter(derivation):
    judgement = tg.check_derivation(derivation, "a Σy − y")
    assert judgement
    assert not judgement.shortest
    assert "can be written shorter" in str(judgement)


@pytest.mark.parametrize("lecture", ["log-probability", "softmax-shift"])
@pytest.mark.parametrize("indices", [False, True], ids=["text", "indices"])
def test_sums_of_what_shows_no_length_and_lines_that_are_constant(lecture, indices):
    found = LECTURES[lecture].derive()
    formulas = [found.start, *(step.after for step in found.steps)]
    lines = list(dict.fromkeys(formula.text(indices=indices) for formula in formulas))
    judgement = tg.check_derivation(found, [*lines, lines[-1]])
    assert judgement, str(judgement)


def test_cases_in_latex_are_one_line():
    x = tg.Tensor([1.0, -2.0, 3.0], name="x")
    found = tg.derive(tg.relu(x).sum(), wrt=x)
    cases = r"\begin{cases} 0 & x \le 0 \\ 1 & \text{else} \end{cases}"
    for given in ([cases, "[x > 0]"], rf"\begin{{align}} &{cases} \\ &= [x > 0] \end{{align}}"):
        judgement = tg.check_derivation(found, given)
        assert judgement, str(judgement)
        assert len(judgement.lines) == 2


def test_wrong_calls(derivation):
    with pytest.raises(TypeError, match="what derive"):
        tg.check_derivation("a − y", ["a − y"])
    with pytest.raises(TypeError, match="a line is a int"):
        tg.check_derivation(derivation, [3])
    with pytest.raises(ValueError, match="there is no line"):
        tg.check_derivation(derivation, " \n ")


def test_on_the_command_line(tmp_path, capsys, monkeypatch):
    mine = tmp_path / "mine.txt"
    mine.write_text("∂L/∂z = a Σy − y\n= a − y\n", "utf-8")
    assert cli.main(["check", "softmax-ce", "--lines", str(mine)]) == 0
    assert "1. right" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("a + y\na − y"))
    assert cli.main(["check", "softmax-ce", "--lines", "-", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["first_wrong"] == 0
    assert found["lines"][1]["verdict"] == "right again"
    mine.write_text("a +* y", "utf-8")
    assert cli.main(["check", "softmax-ce", "--lines", str(mine)]) == 2
    assert cli.main(["check", "softmax-ce", "a − y", "--json"]) == 0
    captured = capsys.readouterr().out
    assert json.loads(captured[captured.index("{") :])["right"] is True
    with pytest.raises(SystemExit, match="2"):
        cli.main(["check", "softmax-ce"])
    assert "--lines FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    "lines",
    [
        ["∂L/∂z_j = a_j Σ_k y_k − y_j", "= a_k − y_k"],
        ["a_i − y_i", "a_j − y_j"],
        [r"\frac{dL}{dz_j} = a_j − y_j", r"\frac{\partial L}{\partial z_{i}} = a_j − y_j"],
        ["∂L/∂z = a − y", "∂L/∂z_i = a_i − y_i", "= a_j − y_j"],
    ],
)
def test_a_free_index_that_changes_is_wrong(derivation, lines):
    judgement = tg.check_derivation(derivation, lines)
    assert judgement.first_wrong == len(lines) - 1
    assert "the free index is" in judgement.lines[-1].reason
    renamed = [line.replace("_k", "_q") for line in lines[:-1]]  # bound ones have any name
    assert tg.check_derivation(derivation, renamed)


def test_an_answer_has_the_free_indices_of_its_left_side(derivation):
    assert tg.check_answer(derivation, "∂L/∂z_i = a_i − y_i")
    with pytest.raises(ValueError, match="index j is free, and the left side has i"):
        tg.check_answer(derivation, "∂L/∂z_i = a_j − y_j")
