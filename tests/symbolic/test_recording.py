"""A formula recorded again: the same numbers, the same Tensors, and a second derivative."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import EXERCISES, LOGITS, ONE_HOT, ROWS, composed, fused, named
from tests.symbolic.forms import Letters
from tests.symbolic.test_random_graphs import derivations, of_a_softmax, random_graph
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import Op

each = pytest.mark.parametrize("exercise", EXERCISES, ids=str)


@each
def test_a_formula_recorded_again_has_its_numbers_and_axes(exercise):
    found = exercise.derive()
    for formula in (found.start, found.result):
        tensor = formula.tensor()
        expected = formula.evaluate()
        assert tensor.shape == expected.shape
        assert_allclose(tensor.data, expected, rtol=1e-12, atol=1e-15)


def test_it_is_made_of_the_recorded_tensors():
    output, z = composed()
    inside = ancestors(tg.derive(output, wrt=z).result.tensor())
    recorded = set(ancestors(output))
    assert z in inside
    assert {t.name for t in inside if t in recorded} >= {"a", "y", "z"}


def test_an_opened_operation_is_called_again():
    output, Z = fused()
    tensor = tg.derive(output, wrt=Z).result.tensor()
    assert "softmax" in {t.op.name for t in ancestors(tensor) if t.op is not None}
    assert_allclose(tensor.data, (tg.softmax(Z.data) - ONE_HOT) / 4, rtol=1e-12)


@pytest.mark.usefixtures("untraced")
@of_a_softmax
@pytest.mark.parametrize("batch", range(4))
def test_random_formulas_recorded_again(batch):
    compared = 0
    for seed in range(1000 + 15 * batch, 1015 + 15 * batch):
        with np.errstate(all="ignore"):
            for found in derivations(*random_graph(seed)):
                for formula in (found.start, found.result):
                    expected = formula.evaluate()
                    got = formula.tensor()
                    assert got.shape == expected.shape
                    if np.isfinite(expected).all():
                        size = 1 + np.max(np.abs(expected), initial=0)
                        assert_allclose(got.data, expected, rtol=1e-9, atol=1e-9 * size)
                        compared += 1
    assert compared >= 15


# --- second derivatives ---------------------------------------------------------------------------


def test_the_hessian_of_softmax_and_cross_entropy():
    output, z = composed()
    second = tg.derive(tg.derive(output, wrt=z), wrt=z)
    f = Letters(second)
    a, g = f("a"), f("g")
    assert second.result.expr == (a * (g - f.sum("k", a * g))).expr
    assert len(second.steps) <= 4
    assert second.lines <= 2
    assert second.text().startswith("⟨g, ∂(∂L/∂z)/∂z⟩ = a ⊙ (g − Σ(a ⊙ g))")
    hessian = second.jacobian()
    assert str(hessian) == "diag(a) − a aᵀ"
    expected = tg.hessian(lambda z: tg.softmax_cross_entropy(z, np.array([0.0, 1.0, 0.0])))(LOGITS)
    assert_allclose(hessian.evaluate(), expected, rtol=1e-12, atol=1e-15)


def test_without_the_assumption_the_sum_stays_in_front():
    output, z = composed([0.5, 1.0, 0.0])
    second = tg.derive(tg.derive(output, wrt=z, assume=()), wrt=z, assume=())
    assert str(second.jacobian()) == "(Σy)·(diag(a) − a aᵀ)"
    expected = tg.hessian(lambda z: tg.softmax_cross_entropy(z, np.array([0.5, 1.0, 0.0])))(LOGITS)
    assert_allclose(second.jacobian().evaluate(), expected, rtol=1e-12, atol=1e-15)


def test_the_letter_of_the_number_of_examples_survives():
    output, Z = fused()
    second = tg.derive(tg.derive(output, wrt=Z), wrt=Z)
    assert str(second.result) == "softmax(Z) ⊙ (g − Σₖ(g ⊙ softmax(Z)))/N"
    hessian = second.jacobian()
    assert "δₙᵢ" in str(hessian)  # four axes cannot be read without indices
    expected = tg.hessian(lambda Z: tg.softmax_cross_entropy(Z, ONE_HOT))(ROWS)
    assert_allclose(hessian.evaluate(), expected, rtol=1e-12, atol=1e-15)


def test_the_hessian_of_least_squares():
    X = named("X", np.random.default_rng(0).normal(size=(4, 3)))
    w, t = named("w", [0.1, -0.2, 0.3]), named("t", [1.0, 2.0, 3.0, 4.0])
    second = tg.derive(tg.derive(tg.sum_squared_error(X @ w, t), wrt=w), wrt=w)
    assert str(second.jacobian()) == "Xᵀ X"
    assert_allclose(second.jacobian().evaluate(), X.data.T @ X.data, rtol=1e-12)


def test_a_third_derivative():
    x = named("x", [0.5, -1.0, 2.0])
    once = tg.derive((x**4).sum(), wrt=x)
    thrice = tg.derive(tg.derive(once, wrt=x), wrt=x)
    assert thrice.residual < 1e-13
    assert str(tg.derive(once, wrt=x).jacobian()) == "12·diag(x²)"


# --- Jacobians ------------------------------------------------------------------------------------


def jacobians():
    z, Z = named("z", LOGITS), named("Z", ROWS)
    W, x = named("W", ROWS.T), named("x", ROWS[:, 0])
    yield tg.name(tg.softmax(z), "a"), z, tg.softmax, "diag(a) − a aᵀ", "aⱼ·δₖⱼ − aⱼ·aₖ"
    p = tg.name(tg.softmax(z), "p")
    yield tg.log(p), z, tg.log_softmax, "I − p", "δₖⱼ − pⱼ"
    yield tg.name(tg.exp(z), "e"), z, tg.exp, "diag(e)", "eⱼ·δₖⱼ"
    yield W @ x, x, lambda x: W.data @ x, "W", "Wₙⱼ"
    yield Z.sum(axis=1), Z, lambda Z: Z.sum(axis=1), "δₙᵢ", "δₙᵢ"
    yield z / tg.norm(z), z, lambda z: z / tg.norm(z), None, None


@pytest.mark.parametrize("case", list(jacobians()), ids=lambda case: str(case[3]))
def test_the_jacobian_is_a_formula(case):
    output, wrt, function, text, indexed = case
    found = tg.derive(output, wrt=wrt).jacobian()
    assert_allclose(found.evaluate(), tg.jacobian(function)(wrt.data), rtol=1e-12, atol=1e-15)
    if text is not None:
        assert str(found) == text
        assert found.text(indices=True) == indexed


def test_the_jacobian_of_a_number_is_its_gradient():
    output, z = composed()
    found = tg.derive(output, wrt=z)
    assert found.jacobian() is found.result


def test_a_jacobian_through_an_operation_on_whole_arrays_is_refused():
    X = named("X", ROWS)
    with pytest.raises(ValueError, match=r"scatter_add is kept whole in .* tg\.jacobian"):
        tg.derive(X[1:] * X[:-1], wrt=X).jacobian()
    assert str(tg.derive(X @ X.T, wrt=X).jacobian()) == "Xⱼₘ·δᵢₕ + Xₕₘ·δⱼᵢ"


@pytest.mark.usefixtures("untraced")
@of_a_softmax
def test_random_jacobians():
    compared = 0
    for seed in (1106, 1107, 1135, 1141, 1173, 1176):  # of 80, those with a Jacobian in indices
        with np.errstate(all="ignore"):
            for found in derivations(*random_graph(seed)):
                if found.incoming is None or not np.isfinite(found.computed).all():
                    continue
                if found.result.whole:
                    continue
                matrix = found.jacobian().evaluate()
                g = found.incoming.evaluate()
                got = np.tensordot(g, matrix, axes=g.ndim)
                expected = found.result.evaluate()
                size = 1 + np.max(np.abs(expected), initial=0)
                if np.isfinite(matrix).all():
                    assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * size)
                    compared += 1
    assert compared >= 8


@pytest.mark.parametrize(
    ("rule", "formula"),
    [
        (lambda g, out, x: 3 * g * np.square(x), "3·z²"),
        (lambda g, out, x: g * np.where(x > 0, 2, 0), "2·[z > 0]"),
        (lambda g, out, x: g * np.clip(x, 0, 1), "clip(z, 0, 1)"),
    ],
)
def test_what_a_rule_calls_of_numpy_is_recorded(rule, formula):
    ours = Op("ours", forward=np.sin, rules=(rule,))
    z = tg.Tensor([1.0, -2.0, 3.0], name="z")
    assert str(tg.derive(tg.sum(ours(z)), wrt=z).result) == formula
    ours.forget()


def test_a_rule_that_needs_arrays_is_refused_by_the_name_of_its_op():
    ours = Op("ours", forward=np.sin, rules=(lambda g, out, x: g * np.cross(x, x),))
    z = tg.Tensor([1.0, -2.0, 3.0], name="z")
    with pytest.raises(TypeError, match=r"ours: its rule calls np\.cross, .* as tg\.exp for"):
        tg.derive(tg.sum(ours(z)), wrt=z)
    ours.forget()


@pytest.mark.parametrize("kind", [np.array, tg.Tensor])
def test_a_second_derivative_keeps_the_names_of_constants(kind):
    A, y = kind([[0.5, 2.0, -1.0], [1.0, 0.3, 0.4]]), kind([0.4, 1.0])
    z = tg.Tensor([1.0, -2.0, 0.7], name="z")
    h = A @ z
    found = tg.derive(tg.softmax_cross_entropy(h, y), wrt=h, assume=())
    assert str(found.result) == "softmax(h)·Σy − y"
    again = tg.derive(found, wrt=h, assume=())
    assert str(again.result) == "softmax(h)·(Σy) ⊙ (g − Σ(g ⊙ softmax(h)))"
    found = tg.derive(tg.sum_squared_error(h, y), wrt=z)
    assert str(tg.derive(found, wrt=z).result) == "Aᵀ A g"
