"""Derivations in stages: where they stop, what each lemma is, and what it comes to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import (
    EXERCISES,
    LOGITS,
    ONE_HOT,
    ROWS,
    composed,
    fused,
    layer,
    named,
    softmax_itself,
)
from tests.symbolic.forms import Letters


def example():
    """One layer and one example."""
    W, b = named("W", ROWS[:3]), named("b", [0.1, 0.0, -0.1])
    x, y = named("x", [5.1, 3.5, 1.4]), named("y", [0.0, 1.0, 0.0])
    z = tg.name(W @ x + b, "z")
    a = tg.name(tg.softmax(z), "a")
    return tg.name(-(y * tg.log(a)).sum(), "L"), W


def two_layers():
    X, W1 = named("X", ROWS), named("W1", ROWS.T @ ROWS[:, :2])
    W2 = named("W2", ROWS[:2])
    H = tg.name(tg.tanh(X @ W1), "H")
    Z = tg.name(H @ W2, "Z")
    A = tg.name(tg.softmax(Z), "A")
    return tg.name(tg.cross_entropy(A, named("Y", ONE_HOT)), "L"), W1


def staged(build, **options):
    output, wrt = build()
    return tg.derive(output, wrt=wrt, staged=True, **options)


def letters(found):
    return [str(stage.put_in[0]) for stage in found.stages[1:]]


def test_the_stages_of_a_layer():
    """δ = ∂L/∂z = a − y; ∂L/∂W = δ xᵀ."""
    found = staged(example)
    first, second, third = found.stages
    assert letters(found) == ["δ_a", "δ_z"]
    assert [stage.whole.title for stage in found.stages] == [("L", "a"), ("L", "z"), ("L", "W")]
    assert [stage.lemma.title for stage in found.stages] == [("L", "a"), ("a", "z"), ("z", "W")]
    assert first.lemma is first.whole
    assert first.put_in is None

    f = Letters(first.lemma)
    assert first.lemma.result.expr == (-f("y") / f("a")).expr
    f = Letters(second.lemma)
    lemma = f("a") * (f("δ_a") - f.sum(second.lemma.result.axes[0].letter, f("a") * f("δ_a")))
    assert second.lemma.result.expr == lemma.expr
    f = Letters(second.whole)
    assert second.whole.result.expr == (f("a") - f("y")).expr
    f = Letters(third.lemma)
    assert third.lemma.result.expr == (f("δ_z") * f("x")).expr
    f = Letters(third.whole)
    assert found.result.expr == third.whole.result.expr == ((f("a") - f("y")) * f("x")).expr
    assert str(found.result) == "(a − y) xᵀ"


@pytest.mark.parametrize("build", [example, layer, two_layers, composed, softmax_itself])
def test_every_stage_is_checked_against_the_engine(build):
    output, wrt = build()
    found = tg.derive(output, wrt=wrt, staged=True)
    assert found.residual < 1e-13
    assert all(step.residual < 1e-13 and step.on_data for step in found.steps)
    whole = tg.derive(output, wrt=wrt)
    assert_allclose(found.result.evaluate(), whole.result.evaluate(), rtol=1e-11, atol=1e-15)
    for stage in found.stages:
        forms = [stage.whole.start, *(step.after for step in stage.whole.steps)]
        assert forms[-1].expr == stage.whole.result.expr


@pytest.mark.parametrize("exercise", EXERCISES, ids=str)
def test_in_stages_every_exercise_comes_to_the_same(exercise):
    output, wrt = exercise.build()
    found = tg.derive(output, wrt=wrt, assume=exercise.assume, staged=True)
    assert str(found.result) == str(exercise.derive().result)
    assert tuple(a.statement for a in found.assumptions if a.used) == exercise.assumed


def test_a_letter_stands_for_any_gradient():
    """It has no definition, so a lemma is checked with random numbers in its place."""
    found = staged(example)
    for stage in found.stages[1:]:
        letter, meaning = stage.put_in
        assert letter.definition is None
        value = stage.lemma.result.letters[str(letter)]
        assert_allclose(value, meaning.evaluate(), rtol=1e-12)


def test_a_single_letter_is_plain_delta():
    found = staged(fused)
    assert len(found.stages) == 1  # nothing on the way has a name
    X, W = named("X", ROWS), named("W", np.eye(3))
    Z = tg.name(X @ W, "Z")
    L = tg.name(tg.softmax_cross_entropy(Z, named("Y", ONE_HOT)), "L")
    found = tg.derive(L, wrt=W, staged=True)
    assert letters(found) == ["δ"]
    assert str(found.stages[1].lemma.result) == "Xᵀ δ"
    assert str(found.result) == "Xᵀ(softmax(Z) − Y)/N"


def test_a_letter_that_is_taken_gets_a_prime():
    δ, W = named("δ", [1.0, 2.0, 4.0]), named("W", ROWS)
    z = tg.name(W @ δ, "z")
    found = tg.derive(tg.name(tg.exp(z).sum(), "L"), wrt=W, staged=True)
    assert letters(found) == ["δ′"]
    assert str(found.result) == "exp(z) δᵀ"


def test_a_stage_ends_where_all_paths_meet():
    """u is on one of two paths only; v is on all."""
    x = named("x", LOGITS)
    v = tg.name(tg.exp(x), "v")
    u = tg.name(v**2, "u")
    found = tg.derive(tg.name((u * v).sum(), "L"), wrt=x, staged=True)
    assert letters(found) == ["δ"]
    assert [str(stage.whole.wrt) for stage in found.stages] == ["v", "x"]
    assert len([e for e in found.stages[0].lemma.chain if str(e.to) == "v"]) == 2
    assert_allclose(found.result.evaluate(), 3 * np.exp(3 * np.array(LOGITS)), rtol=1e-12)


def test_a_letter_is_put_in_at_the_indices_it_has():
    """Of a stack's gradient only one column goes on: δ at column 1."""
    z, Y = named("z", [0.3, -1.0, 0.8, 0.1]), named("Y", np.eye(2)[[0, 1, 1, 0]])
    S = tg.name(tg.stack([np.zeros(4), z], axis=1), "S")
    A = tg.name(tg.softmax(S), "A")
    found = tg.derive(tg.name(tg.cross_entropy(A, Y), "L"), wrt=z, staged=True)
    assert str(found.stages[-1].lemma.result) == "δ_S[:, 1]"
    assert found.result.text(indices=True) == "(Aₙ₁ − Yₙ₁)/N"
    assert_allclose(found.result.evaluate(), (A.data - Y.data)[:, 1] / 4, rtol=1e-12)


def test_a_product_with_its_own_transpose_in_stages():
    """Its axes are no indices that a gradient could share."""
    X = named("X", ROWS)
    G = tg.name(X @ X.T, "G")
    found = tg.derive(tg.name(tg.exp(G).sum(), "L"), wrt=X, staged=True)
    E = np.exp(ROWS @ ROWS.T)
    assert_allclose(found.result.evaluate(), (E + E.T) @ ROWS, rtol=1e-12)
    assert found.residual < 1e-13


def test_an_output_with_several_entries_starts_with_g():
    z = named("z", LOGITS)
    e = tg.name(tg.exp(z), "e")
    a = tg.name(e / e.sum(), "a")
    found = tg.derive(a, wrt=z, staged=True)
    assert letters(found) == ["δ"]
    assert str(found.stages[0].lemma.result) == "(g − Σ(a ⊙ g))/Σe"
    assert str(found.result) == "a ⊙ (g − Σ(a ⊙ g))"
    assert found.text().startswith("⟨g, ∂a/∂z⟩ = a ⊙ (g − Σ(a ⊙ g))")


def test_assumptions_are_those_of_all_stages():
    found = staged(example, assume=())
    assert str(found.stages[1].whole.result) == "a·Σy − y"
    (assumption,) = found.assumptions
    assert (assumption.statement, assumption.used) == ("Σy = 1", False)
    used = staged(example, assume=["Σy = 1"])
    assert [a.used for a in used.assumptions] == [True]
    assert used.stages[0].lemma.assumptions == []
    with pytest.raises(ValueError, match="nothing here rests on the assumption 'Σx = 1'"):
        staged(example, assume=["Σx = 1"])


def test_nothing_is_assumed_of_a_letter():
    """Its entries sum to 1 on the data, but that follows from nothing."""
    x, t = named("x", [1.0, 2.0, 4.0]), named("t", [0.2, 0.3, 0.5])
    v = tg.name(x - x.mean(), "v")
    found = tg.derive(tg.name((v * t).sum(), "L"), wrt=x, staged=True)
    assert not any("δ" in a.statement for a in found.assumptions)


def test_a_second_derivative_in_stages():
    output, z = composed()
    a = output.args[0]
    assert a is not None
    first = tg.derive(output, wrt=z)
    second = tg.derive(first, wrt=z, staged=True)
    assert second.title[0] == "∂L/∂z"
    assert_allclose(second.result.evaluate(), tg.derive(first, wrt=z).result.evaluate(), rtol=1e-12)


# --- how it is printed ----------------------------------------------------------------------------


def test_the_text_reads_like_a_blackboard():
    written = staged(example).text()
    head, where, first, second, third, assumed, checked = written.split("\n\n")
    assert head == "∂L/∂W = (a − y) xᵀ"
    assert where.splitlines()[-1] == "  L = −Σ(y ⊙ log a)"
    assert first == "1. δ_a = ∂L/∂a = −y/a"
    lines = second.splitlines()
    assert lines[0] == "2. δ_z = ∂L/∂z = a ⊙ (δ_a − Σ(a ⊙ δ_a))"
    assert lines[1].endswith("put in δ_a = −y/a")
    assert "= a − y " in lines[-1]
    assert {line.index(" = ", 14) for line in lines} == {lines[0].index(" = ", 14)}
    assert third.splitlines() == [
        "3. ∂L/∂W = δ_z xᵀ",
        "         = (a − y) xᵀ   put in δ_z = a − y",
    ]
    assert assumed == "Assumptions\n  Σy = 1   holds on the data"
    assert checked.startswith("Checked: difference of each stage and the gradient")
    assert str(staged(example)) == written


def test_the_text_with_indices():
    written = staged(example).text(indices=True)
    assert "1. δ_aₙ = ∂L/∂aₙ = −yₙ/aₙ" in written
    assert "3. ∂L/∂Wₙⱼ = xⱼ·δ_zₙ" in written


def test_the_full_text_gives_every_step_and_its_reason():
    found = staged(example)
    full, lecture = found.text(detail="full"), found.text(detail="lecture")
    for step in found.steps:
        assert str(step.after) in full
        assert f"{step.rule}: {step.because}" in full
    hidden = found.stages[1].lemma.start
    assert str(hidden) in full
    assert str(hidden) not in lecture
    assert len(full.splitlines()) > len(lecture.splitlines())


def test_a_wide_blackboard_is_written_below_one_another():
    for detail in ("full", "lecture"):
        lines = staged(two_layers).text(detail=detail).splitlines()
        assert max(map(len, lines)) <= 120


def test_latex_is_one_display_with_a_block_for_each_stage():
    found = staged(example)
    written = found.latex()
    assert written.startswith("\\begin{align*}\n\\delta_{a} = \\frac{\\partial L}{\\partial a} &= ")
    assert written.count("\\\\[1ex]") == len(found.stages) - 1
    assert r"&= \left(a - y\right) \, {x}^{\top} && \text{put in } \delta_{z} = a - y" in written
    rows = sum(1 + stage.whole.lines for stage in found.stages) + 2  # and two letters put in
    assert written.count("&= ") == rows
    assert found._repr_latex_() == written
    assert r"{\delta_{z}}_{n}" in found.latex(indices=True)
    assert r"\left\langle g, " in staged(softmax_itself).latex()


def test_representations_and_a_detail_that_does_not_exist():
    found = staged(example)
    assert repr(found) == "<staged derivation ∂L/∂W = (a − y) xᵀ, 3 stages>"
    assert repr(found.stages[0]) == f"<stage {found.stages[0].lemma!r}>"
    assert "1 stage>" in repr(staged(softmax_itself))
    for write in (found.text, found.latex):
        with pytest.raises(ValueError, match='"full" or "lecture", not \'short\''):
            write(detail="short")


def test_long_chains_of_names_keep_a_letter_where_the_formula_would_be_too_long():
    """40 layers, each with a name: written out, the formula would nest more than 80 deep."""
    x, W = named("x", [0.3, -0.2]), named("W", [[0.9, -0.5], [0.4, 0.8]])
    h = x
    for k in range(40):
        h = tg.name(tg.tanh(W @ h), f"h{k}")
    loss = h.sum()
    found = tg.derive(loss, wrt=x, staged=True)
    assert found.agrees
    assert all(stage.whole.result.size <= 300 for stage in found.stages)
    (kept,) = {name for name in found.result.letters if name.startswith("δ")}
    assert kept in {str(stage.put_in[0]) for stage in found.stages[1:]}
    assert_allclose(found.result.evaluate(), tg.gradients(loss, x), rtol=1e-11)
    recorded = found.result.tensor()  # with what the letter stands for
    assert_allclose(recorded.data, tg.gradients(loss, x), rtol=1e-11)


def test_staged_with_its_letters_put_in_is_what_is_derived_at_once():
    rng = np.random.default_rng(0)
    X, W = (
        tg.Tensor(rng.normal(size=(5, 2)), name="X"),
        tg.Tensor(rng.normal(size=(2, 3)), name="W"),
    )
    Y, b = np.eye(3)[[0, 1, 2, 1, 0]], tg.Tensor(np.zeros(3), name="b")
    loss = -(Y * tg.log(tg.name(tg.softmax(X @ W + b), "A"))).sum(axis=1).mean()
    for wrt in (W, b):
        once = tg.derive(loss, wrt=wrt, names={"Y": Y})
        staged = tg.derive(loss, wrt=wrt, names={"Y": Y}, staged=True)
        assert str(once.result) == str(staged.result)
