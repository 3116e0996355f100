"""Whole derivations, judged line by line."""

import io
import json

import numpy as np
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


# --- the chain rule -------------------------------------------------------------------------------


def normalised():
    q = tg.Tensor([1.0, 2.0, 4.0], name="q")
    s = tg.name(q.sum(), "s")
    p = tg.name(q / s, "p")
    return tg.derive(tg.name((p * p).sum(), "L"), wrt=q)


def softmax_layer(wrt="W"):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(4, 3)), np.eye(2)[[0, 1, 1, 0]]
    W, b = tg.Tensor(rng.normal(size=(3, 2)), name="W"), tg.Tensor([0.3, -0.2], name="b")
    Z = tg.name(X @ W + b, "Z")
    A = tg.name(tg.softmax(Z), "A")
    return tg.derive(tg.cross_entropy(A, Y), wrt=W if wrt == "W" else b)


def hidden_layer():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(4, 3))
    W, V = tg.Tensor(rng.normal(size=(3, 2)), name="W"), tg.Tensor(rng.normal(size=2), name="V")
    Z = tg.name(X @ W, "Z")
    H = tg.name(tg.tanh(Z), "H")
    o = tg.name(H @ V, "o")
    return tg.derive((o * o).mean(), wrt=W)


def numbers():
    x, w = tg.Tensor(0.7, name="x"), tg.Tensor(1.3, name="w")
    z = tg.name(w * x, "z")
    a = tg.name(tg.sigmoid(z), "a")
    return tg.derive((a - 0.2) ** 2, wrt=w)


def vector():
    q = tg.Tensor([1.0, 2.0, 4.0], name="q")
    s = tg.name(q.sum(), "s")
    p = tg.name(q / s, "p")
    return tg.derive(p, wrt=q)


SUM = (
    r"\frac{\partial L}{\partial W_{ij}} = \sum_{n=1}^{N} \sum_k \frac{\partial L}{\partial Z_{nk}}"
)
CHAINS = [
    (numbers, "dL/dw = dL/da da/dz dz/dw = 2·(a − 0.2) · a(1 − a) · x"),
    (numbers, r"\frac{dL}{dw} = \frac{dL}{da} \frac{\mathrm{d}a}{\mathrm{d}z} \frac{dz}{dw}"),
    (numbers, "dL/dw = d/dw (a − 0.2)² = 2 (a − 0.2) d/dz (1/(1 + exp(−z))) x"),
    (softmax_layer, "∂L/∂W_{ij} = Σ_n ∂L/∂Z_{nj} ∂Z_{nj}/∂W_{ij} = Σ_n ∂L/∂Z_{nj} X_{ni}"),
    (softmax_layer, SUM + r" \frac{\partial Z_{nk}}{\partial W_{ij}}"),
    (softmax_layer, "∂L/∂W_ij = Σ_n Σ_k Σ_m ∂L/∂A_nk ∂A_nk/∂Z_nm ∂Z_nm/∂W_ij"),
    pytest.param(softmax_layer, "∂L/∂W = Xᵀ ∂L/∂Z = Xᵀ (A − Y)/N", marks=pytest.mark.ci),
    (lambda: softmax_layer("b"), "∂L/∂b_j = Σ_n ∂L/∂Z_nj ∂Z_nj/∂b_j = Σ_n ∂L/∂Z_nj"),
    pytest.param(
        hidden_layer, "∂L/∂W = Xᵀ (∂L/∂H ⊙ ∂H/∂Z) = Xᵀ (∂L/∂H ⊙ (1 − H²))", marks=pytest.mark.ci
    ),
    (hidden_layer, "∂L/∂W_ij = Σ_n ∂L/∂o_n ∂o_n/∂H_nj ∂H_nj/∂Z_nj X_ni"),
    (normalised, "∂L/∂q_j = Σ_k ∂L/∂p_k ∂p_k/∂q_j"),  # along all paths
    (normalised, "∂L/∂q_j = Σ_k ∂L/∂p_k (∂p_k/∂q_j + ∂p_k/∂s ∂s/∂q_j)"),  # s is held
    (normalised, "∂L/∂q_j = 1/s ∂L/∂p_j + Σ_k ∂L/∂s ∂s/∂q_j δ_kj"),
    (normalised, "∂L/∂q = (∂p/∂q)ᵀ ∂L/∂p = ∂L/∂p ∂p/∂q = Σ_k ∂L/∂p_k ∂p_k/∂q"),
    (vector, "∂L/∂q_j = Σ_k ∂L/∂p_k ∂p_k/∂q_j = Σ_k g_k ∂p_k/∂q_j"),
]


@pytest.mark.parametrize(("graph", "line"), CHAINS)
def test_the_chain_rule_is_a_line(graph, line):
    judgement = tg.check_derivation(graph(), line)
    assert judgement, str(judgement)


BROKEN = [
    (numbers, "dL/dw = dL/da da/dz"),
    (numbers, "dL/dw = d/da (a − 0.2)² x"),
    (softmax_layer, "∂L/∂W_ij = Σ_n ∂L/∂A_nj ∂A_nj/∂Z_nj ∂Z_nj/∂W_ij"),
    (softmax_layer, "∂L/∂W_ij = Σ_n ∂L/∂Z_ni ∂Z_ni/∂W_ij"),
    (softmax_layer, "∂L/∂W = ∂L/∂Z X"),
    (hidden_layer, "∂L/∂W = Xᵀ (∂L/∂H ⊙ ∂Z/∂W)"),
    pytest.param(
        hidden_layer, "∂L/∂W_ij = Σ_n ∂L/∂o_n ∂o_n/∂Z_nj ∂H_nj/∂Z_nj X_ni", marks=pytest.mark.ci
    ),
    (normalised, "∂L/∂q_j = Σ_k ∂L/∂p_k ∂p_j/∂q_k"),
    (normalised, "∂L/∂q_j = ∂L/∂p_j ∂p_j/∂q_j"),
    (normalised, "∂L/∂q_j = Σ_k ∂L/∂p_k ∂p_k/∂s ∂s/∂q_j"),
    (normalised, "∂L/∂q_j = Σ_k ∂L/∂p_j ∂p_k/∂q_j"),
    (normalised, "∂L/∂q = ∂p/∂q ∂L/∂p"),
    (vector, "∂L/∂q_j = Σ_k ∂p_k/∂q_j"),
]


@pytest.mark.parametrize(("graph", "line"), BROKEN)
def test_a_slip_in_the_chain_rule_is_found(graph, line):
    assert [each.verdict for each in tg.check_derivation(graph(), line).lines] == ["wrong"]


def test_derivatives_are_put_in_line_by_line(derivation):
    lines = """∂L/∂z_j = Σ_k ∂L/∂a_k · ∂a_k/∂z_j
        = −Σ_k y_k/a_k ∂a_k/∂z_j
        = −Σ_k y_k/a_k · a_k (δ_kj − a_j)
        = a_j − y_j"""
    judgement = tg.check_derivation(derivation, lines)
    assert judgement.shortest
    assert [line.laws[:1] for line in judgement.lines[:3]] == [
        (),
        ("∂L/∂a_k put in",),
        ("∂a_k/∂z_j put in",),
    ]
    wrong = tg.check_derivation(derivation, lines.replace("(δ_kj − a_j)", "(δ_kj + a_j)"))
    assert wrong.first_wrong == 2
    begun = tg.check_derivation(derivation, lines.splitlines()[0])
    assert begun.left == ("∂L/∂a_k", "∂a_k/∂z_j")
    assert "it remains to put in ∂L/∂a_k and ∂a_k/∂z_j" in str(begun)
    assert tg.check_answer(derivation, lines.splitlines()[0]).left == begun.left


def test_an_operator_before_a_formula(derivation):
    right = (
        "∂/∂z_j (−Σ_k y_k log a_k) = −Σ_k y_k ∂/∂z_j log a_k = −Σ_k y_k/a_k ∂/∂z_j (e_k/Σ_i e_i)"
    )
    assert tg.check_derivation(derivation, f"∂L/∂z_j = {right}")
    assert tg.check_derivation(
        derivation, r"\frac{\partial}{\partial z} \left(-\sum_k y_k \log a_k\right)"
    )
    assert not tg.check_derivation(derivation, "∂L/∂z_j = ∂/∂z_j (Σ_k y_k log a_k)")
    assert not tg.check_derivation(derivation, "∂L/∂z_j = ∂/∂z_j (−Σ_k y_k a_k)")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("∂L/∂z", "the one that is asked for"),
        ("∂z/∂a", "does not depend on a"),
        ("∂q/∂z", "nothing is called 'q'"),
        ("∂a/∂y ∂L/∂a", "does not depend on y"),
        ("∂L/∂a ∂a/∂z_j", "the indices of both"),
        ("∂L + a", "'∂' is not expected"),
    ],
)
def test_what_is_no_derivative_is_said(derivation, line, said):
    judged = tg.check_derivation(derivation, line).lines[0]
    assert judged.verdict == "unreadable"
    assert said in judged.reason
