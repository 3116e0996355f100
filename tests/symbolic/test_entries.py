"""Entries at a fixed place: z[1] is z₁, and its gradient a δ."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import LOGITS, ROWS, named
from tinygrad_edu.symbolic.expr import Delta, Label, Number, Opaque, Quantity, distinct, rename
from tinygrad_edu.symbolic.notation import latex, text


def opaque(derivation):
    return [e for e in distinct(derivation.start.expr) if isinstance(e, Opaque)]


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
    assert opaque(found) == []
    assert found.residual < 1e-13
    assert all(step.residual < 1e-12 for step in found.steps)


@pytest.mark.parametrize("index", [slice(1, None), (slice(None), slice(None, None, -1)), [0, 0, 2]])
def test_what_cuts_or_reorders_an_axis_stays_whole(index):
    Z = named("Z", ROWS)
    found = tg.derive(tg.exp(Z)[index], wrt=Z)
    assert opaque(found)
    assert found.residual < 1e-13


def test_an_axis_with_a_fixed_place_keeps_its_length():
    z = named("z", LOGITS)
    found = tg.derive(tg.log(tg.softmax(z))[2], wrt=z)
    with pytest.raises(ValueError, match=r"z has length 2 where it is 3"):
        found.result.evaluate({"z": [1.0, 2.0]})


def test_entries_of_one_range_are_equal_or_not():
    k = Label("k", 3)
    j = Label("j", 3, k)
    delta = Delta(k, j)
    one, two = k.at(1), k.at(2)
    assert rename(rename(delta, {k: one}), {j: j.at(1)}) == Number(1)
    assert rename(rename(delta, {k: one}), {j: two}) == Number(0)
    assert k.at(1) is j.at(1)


def test_how_entries_are_written():
    Z = named("Z", ROWS)
    of = {tuple(map(str, i)): tg.derive(tg.exp(Z)[i], wrt=Z).start for i in INDICES[2:4]}
    assert [str(f) for f in of.values()] == ["δ₀·δ₂·exp(Z)", "g·δ₁·exp(Z)"]
    row, column = Label("n", 4), Label("k", 3)
    x = rename(Quantity("X", (row, column)).leaf, {column: column.at(1)})
    assert text(x) == "X[:, 1]"
    assert latex(x) == "X[:, 1]"
    assert text(x, indices=True) == "Xₙ₁"


def test_entries_of_one_tensor_are_different_letters():
    z = named("z", LOGITS)
    found = tg.derive(z[0] * z[2], wrt=z)
    assert str(found.result) == "z₀·δ₂ + z₂·δ₀"
    assert_allclose(found.result.evaluate(), [LOGITS[2], 0, LOGITS[0]])
