"""Entries at a fixed place: z[1] is z₁, and its gradient a δ."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import LOGITS, ROWS, named
from tests.symbolic.inside import (
    Delta,
    Index,
    Number,
    Quantity,
    latex,
    rename,
    text,
)


def test_the_log_of_one_probability():
    z = named("z", LOGITS)
    P = tg.name(tg.softmax(z), "P")
    found = tg.derive(tg.log(P)[1], wrt=z)
    assert str(found.result) == "δ₁ − P"
    assert found.result.text(indices=True) == "δⱼ₁ − Pⱼ"
    assert found.result.latex() == r"\delta_{1} - P"
    assert_allclose(found.result.evaluate(), np.eye(3)[1] - P.data, rtol=1e-12)
    assert all(step.residual < 1e-13 for step in found.steps)


INDICES = [1, -1, (0, 2), (slice(None), 1), (Ellipsis, -2), (None, 2), (1, slice(None), None)]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_entries_rows_and_columns_are_picked_in_the_algebra(index):
    Z = named("Z", ROWS)
    found = tg.derive((tg.exp(Z) / tg.exp(Z).sum(axis=1, keepdims=True))[index], wrt=Z)
    assert found.start.whole == []
    assert found.residual < 1e-13
    assert all(step.residual < 1e-12 for step in found.steps)


SIZES = {"A": (3, 3), "B": (3, 2), "S": (2, 3, 3), "T": (3, 3, 2), "v": (3,)}
EVERY = np.arange(3)
DIAGONALS = [  # what is computed, by what it is differentiated, how both read
    (lambda A, **_: tg.trace(A), "A", "Σdiag(A)", "I", "δₙⱼ"),
    (lambda B, **_: tg.trace(B @ B.T), "B", "Σ(B ⊙ B)", "2·B", "2·Bᵢₘ"),
    (lambda A, **_: tg.trace(A @ A), "A", "Σ(A ⊙ Aᵀ)", "2·Aᵀ", "2·Aⱼₙ"),
    (lambda A, **_: tg.trace(tg.exp(A)), "A", "Σexp(diag(A))", "I ⊙ exp(A)", "δₙⱼ·exp(Aₙⱼ)"),
    (lambda A, **_: tg.diagonal(A), "A", "diag(A)", "diag(g)", "gⱼ·δₙⱼ"),
    (
        lambda A, B, **_: B.T @ tg.diagonal(A),
        "A",
        "Bᵀ diag(A)",
        "diag(B g)",
        "δⱼᵢ·Σₘ(Bⱼₘ·gₘ)",
    ),
    (lambda S, **_: tg.trace(S, 0, 1, 2), "S", "Σₖ Sₙₖₖ", "gₙ·δⱼᵢ", "gₙ·δⱼᵢ"),
    (lambda T, **_: T[EVERY, EVERY], "T", "Tₙₙⱼ", "gᵢⱼ·δₙᵢ", "gᵢⱼ·δₙᵢ"),
    (lambda v, **_: tg.diag(v), "v", "diag(v)", "diag(g)", "gₙₙ"),
]


@pytest.mark.parametrize(("compute", "wrt", "output", "plain", "indexed"), DIAGONALS)
def test_a_diagonal_is_one_index_on_two_axes(compute, wrt, output, plain, indexed):
    rng = np.random.default_rng(0)
    letters = {name: named(name, rng.normal(size=size)) for name, size in SIZES.items()}
    found = tg.derive(compute(**letters), wrt=letters[wrt])
    assert found.start.whole == []
    assert (str(found.output), str(found.result)) == (output, plain)
    assert found.result.text(indices=True) == indexed
    assert found.residual < 1e-13
    assert all(step.residual < 1e-12 for step in found.steps)
    arrays = {name: letter.data for name, letter in letters.items()}
    numbers = tg.jacobian(lambda x: compute(**{**arrays, wrt: x}))(arrays[wrt])
    assert_allclose(found.jacobian().evaluate(), numbers, atol=1e-13)


def test_of_what_is_no_whole_diagonal_of_squares_nothing_is_claimed():
    rng = np.random.default_rng(0)
    A, R, S = (
        named(n, rng.normal(size=s)) for n, s in [("A", (3, 3)), ("R", (3, 4)), ("S", (3, 2, 3))]
    )
    rows, columns = np.arange(3), np.array([0, 2, 1])
    for picked, wrt in [
        (tg.trace(A, 1), A),
        (tg.trace(R), R),
        (tg.exp(A)[rows, columns], A),
        (tg.exp(S)[rows, :, rows], S),
        (tg.exp(S)[rows, ..., rows], S),
    ]:
        found = tg.derive(picked, wrt=wrt)
        assert found.start.whole
        assert found.residual < 1e-13


@pytest.mark.parametrize("index", [slice(1, None), (slice(None), slice(None, None, -1)), [0, 0, 2]])
def test_what_cuts_or_reorders_an_axis_stays_whole(index):
    Z = named("Z", ROWS)
    found = tg.derive(tg.exp(Z)[index], wrt=Z)
    assert found.start.whole
    assert found.residual < 1e-13


def test_an_axis_with_a_fixed_place_keeps_its_length():
    z = named("z", LOGITS)
    found = tg.derive(tg.log(tg.softmax(z))[2], wrt=z)
    with pytest.raises(ValueError, match=r"z has length 2 where it is 3"):
        found.result.evaluate({"z": [1.0, 2.0]})


def test_entries_of_one_range_are_equal_or_not():
    k = Index("k", 3)
    j = Index("j", 3, k)
    delta = Delta(k, j)
    one, two = k.at(1), k.at(2)
    assert rename(rename(delta, {k: one}), {j: j.at(1)}) == Number(1)
    assert rename(rename(delta, {k: one}), {j: two}) == Number(0)
    assert k.at(1) is j.at(1)


def test_how_entries_are_written():
    Z = named("Z", ROWS)
    of = {tuple(map(str, i)): tg.derive(tg.exp(Z)[i], wrt=Z).start for i in INDICES[2:4]}
    assert [str(f) for f in of.values()] == ["exp(Z) ⊙ (δ₀ δ₂ᵀ)", "exp(Z) ⊙ (g δ₁ᵀ)"]
    row, column = Index("n", 4), Index("k", 3)
    x = rename(Quantity("X", (row, column)).leaf, {column: column.at(1)})
    assert text(x) == "X[:, 1]"
    assert latex(x) == "X[:, 1]"
    assert text(x, indices=True) == "Xₙ₁"


def test_entries_of_one_tensor_are_different_letters():
    z = named("z", LOGITS)
    found = tg.derive(z[0] * z[2], wrt=z)
    assert str(found.result) == "z₀·δ₂ + z₂·δ₀"
    assert_allclose(found.result.evaluate(), [LOGITS[2], 0, LOGITS[0]])
