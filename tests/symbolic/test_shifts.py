"""Slices, flips, running sums and products in indices that shift, written and read."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_edu as tg

RNG = np.random.default_rng(3)
C, G = RNG.normal(size=5), RNG.normal(size=(2, 5))


def vector(name="x", size=5):
    return tg.Tensor(np.random.default_rng(7).normal(size=size), name=name)


def matrix():
    return tg.Tensor(np.random.default_rng(8).normal(size=(3, 4)), name="M")


x, w, p, q, M = vector(), vector("w", 3), vector("p", 2), vector("q", 3), matrix()
SHIFTED = {
    "variation": (lambda: tg.abs(x[1:] - x[:-1]).sum(), x, "sign(xⱼ − xⱼ₋₁) + sign(xⱼ − xⱼ₊₁)"),
    "smoothness": (lambda: ((x[1:] - x[:-1]) ** 2).sum() / 2, x, "(xⱼ − xⱼ₋₁) − (xⱼ₊₁ − xⱼ)"),
    "scaled": (
        lambda: ((x[1:] - x[:-1]) ** 2).sum(),
        x,
        "2·(xⱼ − xⱼ₋₁) − 2·(xⱼ₊₁ − xⱼ)",
    ),
    "neighbours": (lambda: x[1:] @ x[:-1], x, "xⱼ₊₁ + xⱼ₋₁"),
    "flipped": (lambda: x[::-1] @ x, x, "2·x[::-1]"),
    "running": (lambda: tg.cumsum(x) @ C, x, "Σ_{m ≥ j} cₘ"),
    "product": (lambda: tg.prod(x), x, "Π_{k ≠ j} xₖ"),
    "part": (lambda: (x[1:-1] ** 2).sum() / 2, x, "[j ≥ 1]·[j ≤ 3]·xⱼ"),
    "filter": (
        lambda: ((w[0] * x[2:] + w[1] * x[1:-1] + w[2] * x[:-2]) * C[:3]).sum(),
        x,
        "w₀·cⱼ₋₂ + [j ≤ 3]·w₁·cⱼ₋₁ + [j ≤ 2]·w₂·cⱼ",
    ),
    "columns": (
        lambda: ((M[:, 1:] - M[:, :-1]) ** 2).sum() / 2,
        M,
        "(Mₙⱼ − Mₙⱼ₋₁) − (Mₙⱼ₊₁ − Mₙⱼ)",
    ),
    "rows": (lambda: tg.exp(M[1:] - M[:-1]).sum(), M, None),
    "joined": (
        lambda: tg.log_softmax(tg.concatenate([p, q]))[0],
        q,
        "−softmax(concatenate([p, q]))ᵢ₊₂",
    ),
    "a part of joined": (lambda: (tg.concatenate([p, q]) ** 2).sum(), q, "2·q"),
    "mixed": (lambda: ((x[1:] - tg.sigmoid(x[:-1])) ** 2).sum(), x, None),
    "doubly": (lambda: ((tg.tanh(x[1:]) - tg.tanh(x[:-1])) ** 2 * C[1:]).sum(), x, None),
    "compared": (lambda: tg.relu(x[1:] - x[:-1]).sum(), x, "[xⱼ > xⱼ₋₁] − [xⱼ₊₁ > xⱼ]"),
    "second order": (lambda: ((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2).sum() / 2, x, None),
}


@pytest.mark.parametrize("key", SHIFTED)
def test_what_slices_leave_is_written_in_indices_and_read_back(key):
    loss, wrt, written = SHIFTED[key]
    derivation = tg.derive(loss(), wrt=wrt, names={"c": C})
    text = str(derivation.result)
    assert written is None or text == written
    assert "scatter" not in text
    assert tg.check_answer(derivation, text).outcome == "proved", text
    latex = derivation.result.latex()
    assert tg.check_answer(derivation, latex), latex
    found = eval(
        derivation.result.python(), {"np": np, "math": math, **_plain(derivation.result.letters)}
    )
    expected = tg.gradients(loss(), wrt)
    np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, rtol=1e-9)


def _plain(letters):
    return {n: v.data if isinstance(v, tg.Tensor) else v for n, v in letters.items()}


READ = [
    ("sign(x_j − x_{j−1}) − sign(x_{j+1} − x_j)", "variation", True),
    (r"\operatorname{sign}(x_j - x_{j-1}) - \operatorname{sign}(x_{j+1} - x_j)", "variation", True),
    ("−sign(xⱼ₊₁ − xⱼ)", "variation", False),
    ("sign(xⱼ − xⱼ₋₁) + sign(xⱼ₊₁ − xⱼ)", "variation", False),
    ("(xⱼ − xⱼ₋₁) + (xⱼ − xⱼ₊₁)", "smoothness", True),
    ("2·xⱼ − xⱼ₋₁ − xⱼ₊₁", "smoothness", False),  # at the ends there is one x less
    ("2·((xⱼ − xⱼ₋₁) − (xⱼ₊₁ − xⱼ))", "scaled", True),
    ("x_{j-1} + x_{j+1}", "neighbours", True),
    ("2·x_{N−1−j}", "flipped", True),
    ("Σ_{i ≥ j} c_i", "running", True),
    (r"\sum_{i \ge j} c_i", "running", True),
    ("Σ_{i > j} c_i", "running", False),
    ("Π_{i ≠ j} xᵢ", "product", True),
    (r"\prod_{i \ne j} x_i", "product", True),
    ("Π x/x", "product", True),
    ("Π_{i ≤ j} xᵢ", "product", False),
    ("xⱼ·[j ≥ 1]·[j ≤ 3]", "part", True),
    ("xⱼ·[j > 0]·[j < 4]", "part", True),
    ("xⱼ·[j ≥ 1]", "part", False),
]


@pytest.mark.parametrize(("claim", "key", "right"), READ)
def test_what_people_write_with_shifts_is_read(claim, key, right):
    loss, wrt, _ = SHIFTED[key]
    derivation = tg.derive(loss(), wrt=wrt, names={"c": C})
    verdict = tg.check_answer(derivation, claim)
    assert bool(verdict) == right, verdict


def test_a_bound_that_is_the_whole_formula_is_read():
    derivation = tg.derive(x[1:].sum(), wrt=x)
    assert str(derivation.result) == "[j ≥ 1]"
    for written in (derivation.result.text(), derivation.result.latex(), "[j > 0]"):
        assert tg.check_answer(derivation, written), written
    assert not tg.check_answer(derivation, "[j ≥ 2]")
    with pytest.raises(ValueError, match="nothing is called 'z'"):
        tg.check_answer(derivation, "[z ≥ 1]")


def test_terms_of_a_bracket_of_functions_are_tried_each_by_itself():
    loss, wrt, _ = SHIFTED["variation"]
    derivation = tg.derive(3.0 * loss(), wrt=wrt)
    claim = "3·(sign(xⱼ − xⱼ₋₁) − sign(xⱼ₊₁ − xⱼ))"
    verdict = tg.check_answer(derivation, claim)
    assert verdict
    assert "each of its terms by itself" in str(verdict)


def test_an_array_is_called_a_slice_of_another_only_if_it_is_one():
    labels, t = np.array([2, 0, 1, 1, 0]), np.array([1.0, 0.0, 0.0, 1.0])
    s = tg.Tensor(RNG.normal(size=4), name="s")
    loss = -(t * tg.log(tg.sigmoid(s)) + (1 - t) * tg.log(1 - tg.sigmoid(s))).sum()
    assert str(tg.derive(loss, wrt=s, names={"y": labels, "t": t}).result) == "σ(s) − t"


def test_the_product_of_all_others_has_derivatives_of_all_orders():
    data = np.array([0.0, 2.0, -1.5, 0.7, 0.0])

    def loss(x):
        return tg.prod(x)

    expected = np.zeros((5, 5))
    for i, j in np.ndindex(5, 5):
        expected[i, j] = np.prod(np.delete(data, [i, j])) * (i != j)
    np.testing.assert_allclose(tg.hessian(loss)(data), expected)
    assert tg.gradcheck(loss, RNG.normal(size=6), order=2)
