"""Answers, judged: wrong ones of the usual kinds, right ones in unusual forms, unreadable ones."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.answers import BUILD, RIGHT, WRONG
from tests.symbolic.exercises import ONE_HOT, ROWS, composed, named
from tests.symbolic.inside import ClaimError, quantities_in


@functools.cache
def derived(key):
    return tg.derive(*BUILD[key]())


def test_the_tables_are_as_large_as_promised():
    assert len(WRONG) >= 40
    assert len({key for key, _, _ in WRONG}) >= 8
    assert len(RIGHT) >= 30


@pytest.mark.parametrize(("key", "claim", "kind"), WRONG)
def test_a_wrong_answer(key, claim, kind):
    verdict = tg.check_answer(derived(key), claim)
    assert not verdict
    assert verdict.outcome == "different"
    assert (verdict.suspect and verdict.suspect.kind) == kind
    said = verdict.text()
    assert said.startswith("different: ")
    assert (verdict.suspect.sentence if kind else "no usual slip reproduces it") in said
    assert verdict.disagreement is not None or verdict.reason


@pytest.mark.parametrize(("key", "claim"), RIGHT)
def test_a_right_answer(key, claim):
    verdict = tg.check_answer(derived(key), claim)
    assert verdict, verdict
    assert verdict.outcome in {"proved", "equal"}
    assert verdict.suspect is None
    assert verdict.disagreement is None
    assert verdict.draws >= 5
    assert verdict.text().startswith("right")


@pytest.mark.parametrize("key", BUILD)
def test_the_derivation_itself_is_right(key):
    derivation = derived(key)
    verdict = tg.check_answer(derivation, str(derivation.result))
    assert verdict, verdict
    assert not verdict.reason


@pytest.mark.parametrize("key", ["softmax", "batch", "weights", "unit", "errors", "length"])
def test_one_entry_that_is_a_little_wrong(key):
    derivation = derived(key)
    leaves = {q.name for q in quantities_in([derivation.result.expr])}

    def claim(factor):
        def compute(**names):
            found = derivation.result.evaluate({n: names[n].data for n in leaves})
            found.flat[-1] *= factor
            return found

        return compute

    assert tg.check_answer(derivation, claim(1 + 3e-16))
    for factor in (1 + 1e-12, 1 + 1e-6):
        verdict = tg.check_answer(derivation, claim(factor))
        assert not verdict
        assert verdict.disagreement.index == tuple(np.array(np.shape(derivation.computed)) - 1)
        assert verdict.disagreement.claimed != verdict.disagreement.gradient


# --- what a verdict says --------------------------------------------------------------------------


def test_the_largest_disagreement_and_where_it_is():
    verdict = tg.check_answer(derived("softmax"), lambda a, y: y - a)
    found = verdict.disagreement
    a = np.exp([1.47, -0.39, 0.22])
    a /= a.sum()
    assert found.index == (1,)
    assert found.where == "the data"
    assert_allclose([found.claimed, found.gradient], [1 - a[1], a[1] - 1])
    assert_allclose(found.difference, 2 - 2 * a[1])
    assert "at [1], on the data: yours is 0.892057, the gradient is -0.892057" in verdict.text()


def test_what_is_right_on_the_data_alone_is_different():
    verdict = tg.check_answer(derived("softmax"), lambda a: a - np.array([0.0, 1.0, 0.0]))
    assert not verdict
    assert verdict.disagreement.where == "random numbers"


def test_shapes():
    verdict = tg.check_answer(derived("weights"), lambda X, A, Y: (A - Y).T @ X)
    assert "yours has shape (3, 5), the gradient has (5, 3)" in verdict.text()
    assert verdict.disagreement is None
    verdict = tg.check_answer(derived("weights"), "X(A − Y)/N")
    assert "shapes (4, 5) and (4, 3) do not fit a matrix product" in verdict.text()
    assert "it is right with Xᵀ (A − Y) in place of X(A − Y)" in verdict.text()
    verdict = tg.check_answer(derived("batch"), lambda A: A[0])
    assert "yours has shape (3,), the gradient has (4, 3)" in verdict.text()
    assert "no usual slip reproduces it" in verdict.text()


def test_a_number_stands_for_every_entry_but_a_vector_does_not_stand_for_rows():
    z = named("z", [1.0, 2.0, 3.0])
    derivation = tg.derive(z.mean(), wrt=z)
    assert tg.check_answer(derivation, "1/N")
    assert tg.check_answer(derivation, lambda N: 1 / N)
    assert tg.check_answer(derivation, lambda z: 1 / z.size)
    X = named("X", ROWS)
    derivation = tg.derive((X * named("w", [1.0, 2.0, 3.0])).sum(), wrt=X)
    assert tg.check_answer(derivation, "w")  # as the derivation prints it
    assert not tg.check_answer(derivation, lambda w: w)


def test_a_length_that_is_written_as_a_number():
    verdict = tg.check_answer(derived("batch"), "(A − Y)/4")
    assert verdict
    assert verdict.proof is None
    assert "arrays of these sizes alone; write N or K" in verdict.text()
    assert tg.check_answer(derived("batch"), "(A − Y)/N").reason == ""


def test_a_verdict_in_words():
    right = tg.check_answer(derived("batch"), "A/N − Y/N")
    assert str(right) == right.text()
    assert "A/N − Y/N is ∂L/∂Z = (A − Y)/N" in right.text()
    wrong = tg.check_answer(derived("batch"), "A − Y")
    assert repr(wrong) == "<different: factor N>"
    assert "factor N: the claim is N times the gradient" in wrong.text()
    assert repr(tg.check_answer(derived("batch"), "A")) == "<different>"


def test_the_data_decide_which_length_is_meant():
    """N = K = 3 on the data: other sizes tell them apart."""
    derivation = derived("square-layer")
    assert tg.check_answer(derivation, "N·Xᵀ(A − Y)/N").suspect.kind == "factor N"
    assert tg.check_answer(derivation, "K·Xᵀ(A − Y)/N").suspect.kind == "factor K"


def test_a_second_derivative_has_answers_too():
    again = tg.derive(derived("softmax"), wrt=derived("softmax").wrt.tensor())
    assert tg.check_answer(again, "(diag(a) − a aᵀ) g")
    assert tg.check_answer(again, "a·(1 − a)·g").suspect.kind == "diagonal"


def test_columns_and_numbers():
    x, v = named("x", np.ones((3, 1))), named("v", [1.0, 2.0])
    derivation = tg.derive((x * v).sum(), wrt=x)
    assert tg.check_answer(derivation, "Σv")
    assert tg.check_answer(derivation, lambda x, v: x * 0 + v.sum())
    assert tg.check_answer(derivation, "v").suspect.kind == "broadcast sum"
    w, λ = named("w", [1.0, 2.0]), named("λ", 0.3)
    derivation = tg.derive(tg.weight_decay(w, λ), wrt=λ)
    assert tg.check_answer(derivation, "wᵀw/2")
    assert tg.check_answer(derivation, "w²/2").suspect.kind == "broadcast sum"


# --- odd numbers ----------------------------------------------------------------------------------


def test_what_is_not_finite_does_not_make_a_right_answer_wrong():
    z, t = named("z", [0.0, 0.5, 1.0]), named("t", [0.0, 1.0, 1.0])
    derivation = tg.derive(tg.binary_cross_entropy(z, t, reduction="sum"), wrt=z)
    assert tg.check_answer(derivation, "(z − t)/(z ⊙ (1 − z))")
    assert tg.check_answer(derivation, "(1 − t)/(1 − z) − t/z")
    assert tg.check_answer(derivation, "(t − z)/(z ⊙ (1 − z))").suspect.kind == "sign"


def test_what_is_never_finite_is_wrong():
    verdict = tg.check_answer(derived("squared"), "z − t + 0/0")
    assert not verdict
    assert "never a finite number at [0]" in verdict.text()


def test_extreme_logits():
    z, y = named("z", [1e4, 0.0, -1e4]), named("y", [0.0, 1.0, 0.0])
    derivation = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
    assert tg.check_answer(derivation, "softmax(z) − y")
    assert tg.check_answer(derivation, "y − softmax(z)").suspect.kind == "sign"


def test_single_precision():
    z = tg.Tensor(np.array([1.47, -0.39, 0.22], np.float32), name="z")
    y = tg.Tensor(np.array([0, 1, 0], np.float32), name="y")
    a = tg.name(tg.softmax(z), "a")
    derivation = tg.derive(tg.cross_entropy(a, y), wrt=z)
    assert tg.check_answer(derivation, "exp(z)/Σexp(z) − y")
    assert not tg.check_answer(derivation, "exp(z)/Σexp(z) − 1.00001·y")


def test_class_labels():
    Z = named("Z", ROWS)
    derivation = tg.derive(tg.softmax_cross_entropy(Z, np.array([0, 1, 2, 1])), wrt=Z)
    assert tg.check_answer(derivation, str(derivation.result))
    assert tg.check_answer(derivation, lambda Z: (tg.softmax(Z) - ONE_HOT) / 4)
    assert not tg.check_answer(derivation, lambda Z: tg.softmax(Z) / 4)


def test_one_label_is_the_row_of_its_class():
    z = named("z", [1.47, -0.39, 0.22])
    for loss in (tg.softmax_cross_entropy(z, 1), -tg.log(tg.softmax(z))[1]):
        derivation = tg.derive(loss, wrt=z)
        for claim in ("softmax(z) − δ₁", "softmax(z) - one_hot(1, 3)", str(derivation.result)):
            assert tg.check_answer(derivation, claim).outcome == "proved"
        assert tg.check_answer(derivation, "softmax(z) − δ₂").suspect.kind == "letter"
    derivation = tg.derive(tg.softmax_cross_entropy(z, 1) ** 2, wrt=z)
    claim = "2*softmax_cross_entropy(z, 1)*(softmax(z) - eye(3)[1])"
    assert tg.check_answer(derivation, claim).outcome == "proved"


def test_a_mask_and_a_jump():
    r, d = named("r", [0.3, -2.0, 1.7]), named("δ", 1.0)
    huber = tg.where(abs(r) <= d, 0.5 * r**2, d * (abs(r) - 0.5 * d)).sum()
    derivation = tg.derive(huber, wrt=r)
    assert tg.check_answer(derivation, "clip(r, −δ, δ)")
    assert tg.check_answer(derivation, lambda r, δ: tg.clip(r.data, -δ.data, δ.data))
    assert not tg.check_answer(derivation, "r")


# --- what is asked for ----------------------------------------------------------------------------


def test_only_a_derivation_has_answers():
    L, _ = composed()
    with pytest.raises(TypeError, match="the first argument is a Tensor; give what derive"):
        tg.check_answer(L, "a − y")


@pytest.mark.parametrize("claim", [None, 3, np.ones(3), ["a − y"]])
def test_a_claim_is_a_function_or_a_text(claim):
    with pytest.raises(TypeError, match="lambda a, y: a - y, or a text"):
        tg.check_answer(derived("softmax"), claim)


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        (lambda a, yy: a, "nothing is called 'yy'; did you mean 'y'?"),
        (lambda *args: args, "the claim takes *args"),
        (lambda *, a: a, "the claim takes a"),
        (lambda a: None, "returned a NoneType"),
        (lambda a: "a − y", "returned a str"),
        (lambda a: a.nothing, "has no attribute 'nothing'"),
        (lambda a: a + None, "the claim cannot be computed"),
        ("a − yy", "did you mean 'y'?"),
        ("w₇ + a", "nothing is called"),
        ("a_k δ_{k≥j}", "δ has two indices"),
    ],
)
def test_what_cannot_be_read(claim, said):
    with pytest.raises(ClaimError) as caught:
        tg.check_answer(derived("softmax"), claim)
    assert said in str(caught.value)


def test_a_function_gets_what_its_parameters_name():
    seen = []

    def claim(a, y, K, scale=1.0, **others):
        seen.append((a, K, scale, others))
        return a - y

    assert tg.check_answer(derived("softmax"), claim)
    a, K, scale, others = seen[0]
    assert isinstance(a, tg.Tensor)
    assert (K, scale) == (3, 1.0)
    assert others.keys() == {"z", "e", "s", "L"}


def test_names_that_python_does_not_know():
    z, y = named("my logits", [0.3, 0.1]), named("y′", [0.0, 1.0])
    derivation = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
    assert tg.check_answer(derivation, "softmax(my logits) − y′")
    assert tg.check_answer(derivation, "softmax(my logits) − y'")
    assert tg.check_answer(derivation, lambda **n: tg.softmax(n["my logits"]) - n["y′"])


def test_nothing_is_changed_by_checking():
    derivation = derived("batch")
    before = derivation.result.evaluate().copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002  # that it is left alone is the point
    tg.check_answer(derivation, "A − Y")
    assert np.array_equal(before, derivation.result.evaluate())
    assert np.array_equal(state, np.random.get_state()[1])  # noqa: NPY002  # the same state


# --- suspects, and forms that are read ------------------------------------------------------------


def suspected(derivation, claim):
    verdict = tg.check_answer(derivation, claim)
    assert not verdict
    return "" if verdict.suspect is None else verdict.suspect.sentence


def test_what_is_suspected_is_true():
    r = np.random.default_rng(4).normal
    X, y, w = r(size=(5, 3)), np.array([1.0, -1, 1, 1, -1]), tg.Tensor(r(size=3), name="w")
    hinge = tg.mean(tg.maximum(0, 1 - y * (X @ w)))
    # [N·1 > y ⊙ (X w)] may hold everywhere, and N is no slip for all that.
    assert "factor N" not in suspected(tg.derive(hinge, wrt=w), "-X.T@y/N")
    x, A = tg.Tensor(r(size=3), name="x"), tg.Tensor(r(size=(3, 3)), name="A")
    assert "product" in suspected(tg.derive(x @ A @ x, wrt=x), "(A + A.T)*x")
    assert "softmax(x) in place of log(softmax(x))" in suspected(
        tg.derive(tg.logsumexp(x), wrt=x), "log(softmax(x))"
    )
    # Divided by h, the claim is 0/0 where the gradient is 0.
    W, V, t = tg.Tensor(r(size=(4, 3)), name="W"), r(size=(2, 4)), np.array([0.0, 1.0])
    h = tg.relu(W @ x.data)
    a = tg.softmax(V @ h)
    claim = "np.outer((V.T@(a-t))*h, x)"
    x = x.data
    assert "divided" not in suspected(tg.derive(tg.cross_entropy(a, t), wrt=W), claim)


@pytest.mark.parametrize(
    ("claim", "kind"),
    [
        ("Z.sum() - (softmax(Z, axis=0) - Y)/N", None),
        ("(softmax(Z, axis=0) - Y)/N", "axis"),
        ("(Z − Y)/N", "function"),
        ("(softmax(−Z) − Y)/N", "sign"),
        ("((softmax(Z) − Y)²)/N", "power"),
    ],
)
def test_slips_with_a_function(claim, kind):
    r = np.random.default_rng(6).normal
    Z, Y = tg.Tensor(r(size=(4, 3)), name="Z"), np.eye(3)[[2, 0, 1, 1]]
    verdict = tg.check_answer(tg.derive(tg.softmax_cross_entropy(Z, Y), wrt=Z), claim)
    assert not verdict
    assert (verdict.suspect and verdict.suspect.kind) == kind


def test_what_is_not_derived_is_said_so():
    r = np.random.default_rng(7).normal
    x, m, M = tg.Tensor(r(size=4), name="x"), np.array([1.0, -1, 1, -1]), r(size=(4, 4))
    slope, hinge = tg.derive(tg.tanh(x).sum(), wrt=x), tg.derive(tg.relu(1 - m * x).sum(), wrt=x)
    assert "1 − tanh(x)²" in suspected(slope, "tanh(x)")
    assert "tanh(x)² in place of tanh(x²)" in suspected(slope, "1 − tanh(x²)")
    assert "(1 − tanh(x)²) in place of" in suspected(slope, "(1 − tanh(x))²")
    assert "[1 − m ⊙ x > 0] in place of relu" in suspected(hinge, "−m ⊙ relu(1 − m ⊙ x)")
    assert "2·(x − mean(x))" in suspected(tg.derive(tg.var(x), wrt=x), "(x − mean(x))²/N")
    assert "(M + Mᵀ) x in place of" in suspected(tg.derive(x @ M @ x, wrt=x), "(M + Mᵀ)")
    square = tg.derive(((M @ x - m) ** 2).sum(), wrt=x)
    assert "0.5 times the gradient with Mᵀ (M x − m)" in suspected(square, "M(M x − m)")
    assert "1/(x²)" in suspected(tg.derive(tg.log(x**2).sum(), wrt=x), "2·x ⊙ log(x²)")
    assert suspected(hinge, "−[m ⊙ x < 1]")  # a condition has a minus, too


@pytest.mark.parametrize(
    "claim",
    [
        r"2(M \odot (UV^\top - R))V",
        "2(M ⊙ (UVᵀ − R))V",
        r"2\sum_{j} m_{ij}(\sum_{k} u_{ik} v_{jk} - r_{ij}) v_{jl}",
    ],
)
def test_what_is_raised_or_lowered_at_one_of_several_letters(claim):
    r = np.random.default_rng(5).normal
    U, V = tg.Tensor(r(size=(4, 2)), name="U"), tg.Tensor(r(size=(5, 2)), name="V")
    R, M = r(size=(4, 5)), r(size=(4, 5))
    assert tg.check_answer(tg.derive(tg.sum(M * (U @ V.T - R) ** 2), wrt=U), claim)


def test_a_bar_is_a_mean():
    x = tg.Tensor([0.3, -1.2, 0.7], name="x")
    derivation = tg.derive(tg.var(x), wrt=x)
    assert tg.check_answer(derivation, r"\frac{2}{N}(x - \bar{x})")
    assert tg.check_answer(derivation, "2(x − x̄)/N")
    assert not tg.check_answer(derivation, "2(x − 2x̄)/N")


def test_a_named_vertex_over_constant_arrays_is_what_it_is_defined_as():
    r = np.random.default_rng(6).normal
    X, y, Y = r(size=(5, 3)), r(size=5), np.eye(2)[[0, 1, 1, 0, 1]]
    w, W = tg.Tensor(r(size=3), name="w"), tg.Tensor(r(size=(3, 2)), name="W")
    r = X @ w - y
    derivation = tg.derive(tg.mean(r**2), wrt=w)
    for claim in ("2*X.T@r/N", "2*X.T@(X@w-y)/N", "2*(X.T@X@w - X.T@y)/N"):
        assert tg.check_answer(derivation, claim).outcome == "proved"
    A = tg.softmax(X @ W)
    derivation = tg.derive(tg.cross_entropy(A, Y), wrt=W)
    assert tg.check_answer(derivation, "X.T@(softmax(X@W) - Y)/N").outcome == "proved"
    assert not tg.check_answer(derivation, "X.T@(softmax(W) - Y)/N")


def test_a_row_is_read_for_equal_rows_and_a_column_is_not():
    r = np.random.default_rng(7).normal
    X, w = tg.Tensor(r(size=(5, 3)), name="X"), r(size=(3, 1))
    derivation = tg.derive(tg.sum(X @ w), wrt=X)
    assert tg.check_answer(derivation, "w.T")
    assert tg.check_answer(derivation, str(derivation.result))
    assert not tg.check_answer(derivation, "w")
    assert not tg.check_answer(derivation, "2*w.T")


def test_a_sign_that_fits_no_entries_is_read_as_a_matrix_product_and_said_so():
    X, Y = np.arange(10.0).reshape(5, 2) / 7, np.eye(3)[[0, 2, 1, 0, 1]]
    W = tg.Tensor(np.ones((2, 3)) / 3)
    derivation = tg.derive(tg.softmax_cross_entropy(X @ W, Y), wrt=W)
    for claim, remarks in (("X.T*(softmax(X@W) - Y)/N", 1), ("X.T @ (softmax(X@W) - Y)/N", 0)):
        verdict = tg.check_answer(derivation, claim)
        assert verdict
        assert sum("read as a matrix product" in remark for remark in verdict.remarks) == remarks
