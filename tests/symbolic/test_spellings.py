"""Claims in every spelling: as people type them, and what no spelling makes right."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import named
from tests.symbolic.spellings import TYPED, build

RNG = np.random.default_rng(3)

#: Right, though no rule of the algebra joins them to the result; or fixed to the sizes of the data.
UNPROVED = {
    "Σᵢ [i ≥ j]·wᵢ",
    "1/3",
    "np.ones(3)/3",
    "outer(c, np.ones(3))",
    "np.outer(c, ones(3))",
    "[a₀ − y₀, a₁ − y₁, a₂ − y₂]",
    r"\begin{pmatrix} a_0 - y_0 \\ a_1 - y_1 \\ a_2 - y_2 \end{pmatrix}",
    "np.array([a[0]-y[0], a[1]-y[1], a[2]-y[2]])",
}


@functools.cache
def derived(key):
    output, wrt, names = build(key)
    return tg.derive(output, wrt=wrt, names=names)


@pytest.mark.parametrize("key", TYPED)
def test_what_people_type_is_read_and_proved(key):
    assert len(set(TYPED[key])) == len(TYPED[key])
    for claim in TYPED[key]:
        verdict = tg.check_answer(derived(key), claim)
        assert verdict, f"{claim}\n{verdict}"
        assert (verdict.outcome == "proved") != (claim in UNPROVED), f"{claim}\n{verdict}"


WRONG = [
    ("example", "x (a − y)", "the outer product is (a − y) xᵀ or"),
    ("example", "(a-y)*x", "shapes (3,) and (5,) do not fit"),
    ("example", "(a-y).T x.T", "two vectors side by side are no product"),
    ("example", "x_i (a_j − y_j)", "rows and columns swapped"),
    ("quadratic", "2 A x", "terms taken for equal: the claim has 2 times"),
    ("cubic", "3 M M", "transpose"),
    ("cubic", "3·M²", "a power: it is right with Mᵀ Mᵀ in place of M²"),
    ("cubic", "3 Σₖ Mᵢₖ Mₖⱼ", "transpose"),
    ("weights", "X (A − Y)/N", "shapes (4, 5) and (4, 3) do not fit"),
    ("weights", "Σₙ Xₙⱼ(Aₙᵢ − Yₙᵢ)/N", "rows and columns swapped"),
    ("bias", "(A-Y).sum(axis=1)/N", "it is right with sum along axis 0"),
    ("bias", "Σₖ(A − Y)/N", "it is right with Σ over n"),
    ("vector_jacobian", "diag(a) + a aᵀ", "the claim has −1 times the term −a aᵀ"),
    ("vector_jacobian", "aₖ·(δₖⱼ + aⱼ)", "the claim has −1 times the term −a aᵀ"),
    ("scaled_rows", "A diag(b)", "it is right with diag(b) A"),
    ("scaled_rows", "b ⊙ A", "it is right with diag(b) A"),
    ("scaled_rows", "A", "b was left out"),
    ("sigmoid", "t − z", "sign"),
    ("sigmoid", "(z − t)·z·(1 − z)", "it is right with (z − t) in place of"),
    ("two_layers", "Xᵀ(((A − Y) W2ᵀ) ⊙ (H ⊙ (1 − H)))/N", "1 − H²"),
    ("warm", "(a − y)/T²", "factor T: the claim is 1/T times"),
    ("gauss", "(μ − x)/σ³", "σ² in place of σ³"),
    ("smoothed", "a − y", "q in place of y"),
    ("ridge", "Xᵀ(X w − t) + 2·w", "λ in place of 2"),
    ("ridge", "Xᵀ(X w − t) + w", "λ"),
    ("one_entry", "δ₀ − p", "δ at 1"),
    ("masked", "A g xᵀ", "⊙"),
    ("running", "Σ_{i≤j} wᵢ", "the other side"),
    ("softmax", "a_j − y_k", "an index"),
    ("softmax", "sum(a − y)", "summed too far"),
    ("softmax", "z − y", "a in place of z"),
    ("softmax", "0.999999·a − y", "1 in place of 0.999999"),
    ("spread", "1 cᵀ", "c 1ᵀ in place of 1 cᵀ"),
    ("row_sums", "Σₙ Z", "Σ over k"),
    ("distance", "A_i − B_j", "write all of them"),
    ("weights", r"\frac1N \sum_n (a_n - y_n) x_n^\top", "transpose"),
]


@pytest.mark.parametrize(("key", "claim", "said"), WRONG)
def test_what_is_wrong_is_explained(key, claim, said):
    verdict = tg.check_answer(derived(key), claim)
    assert not verdict
    assert verdict.suspect is not None
    assert said in verdict.text(), verdict


# --- exactness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("claim", ["a − y + 1e-11", "(a − y)*(1 + 1e-13)", "a − y·(1 − 1e-12)"])
def test_what_differs_by_more_than_rounding_is_different(claim):
    verdict = tg.check_answer(derived("softmax"), claim)
    assert not verdict
    found = verdict.disagreement
    assert found.claimed != found.gradient
    assert "by more than rounding" in verdict.text()
    yours, gradient = verdict.text().split("yours is ")[1].split(", the gradient is ")
    assert yours != gradient.split("\n")[0]


def test_a_function_is_compared_by_its_numbers_alone():
    off = lambda a, y: np.asarray(a.data - y.data) + 1e-11  # noqa: E731  # a claim is a lambda
    assert not tg.check_answer(derived("softmax"), off)
    right = tg.check_answer(derived("softmax"), lambda a, y: np.asarray(a.data - y.data))
    assert right.outcome == "equal"
    assert "by its numbers alone" in right.text()


def test_a_bare_decimal_is_compared_to_its_own_last_digit():
    x = named("x", [0.123456789 / 2])
    derivation = tg.derive((x**2).sum(), wrt=x)
    for claim, digits in (("0.123457", 6), ("0.12", 2), ("∂o/∂x = 0.1234568", 7)):
        verdict = tg.check_answer(derivation, claim)
        assert verdict.outcome == "equal"
        assert f"right to {digits} digits" in verdict.text()
    assert not tg.check_answer(derivation, "0.123456")
    gradient = tg.check_answer(derived("softmax"), "[0.693, −0.892, 0.199]")
    assert "right to 3 digits" in gradient.text()


# --- how a claim was read -------------------------------------------------------------------------


def test_a_dot_between_vectors_is_read_in_the_way_that_is_right():
    verdict = tg.check_answer(derived("vector_jacobian"), "a·(g − a·g)")
    assert verdict
    assert "right if it is read as xᵀ y, a number" in verdict.text()
    assert tg.check_answer(derived("weights"), r"X^\top\cdot(A-Y)/N")


@pytest.mark.parametrize("shape", [(4, 3), (4, 4)])
def test_a_matrix_of_one_column_times_a_row_is_their_outer_product(shape):
    rng = np.random.default_rng(0)
    X, c = named("X", rng.normal(size=shape)), rng.normal(size=(4, 1))
    found = tg.derive(((tg.mean(X, axis=1, keepdims=True) - c) ** 2).sum(), wrt=X)
    assert str(found.result) == "(2·(Σₖ X/K − c)/K) 1ᵀ"
    assert tg.check_answer(found, str(found.result)).outcome == "proved"


def test_a_transposed_vector_is_an_outer_product_and_the_verdict_says_so():
    assert "np.outer" in tg.check_answer(derived("example"), "(a-y) x.T").text()


def test_the_indices_of_a_claim():
    """The left side says which axis they count, or what is printed, or the alphabet."""
    assert not tg.check_answer(derived("example"), "∂L/∂W_ji = (a_i − y_i) x_j")
    assert "in the order i, j" in tg.check_answer(derived("example"), "(a_i − y_i) x_j").text()
    assert (
        "order"
        not in tg.check_answer(derived("weights"), "∂L/∂W_dk = Σₙ X_nd (A_nk − Y_nk)/N").text()
    )


def test_a_claim_about_another_variable_is_refused():
    with pytest.raises(ValueError, match="the claim is about ∂/∂W"):
        tg.check_answer(derived("bias"), "∂L/∂W = Σₙ(A − Y)/N")


def test_what_can_be_read_in_two_ways_is_refused_with_both():
    with pytest.raises(ValueError, match=r"write a/\(b·c\) or \(a/b\)·c"):
        tg.check_answer(derived("softmax"), "y/a y")
    assert tg.check_answer(derived("weights"), "1/N Xᵀ(A − Y)")


def test_arrays_have_indices_or_none():
    with pytest.raises(ValueError, match="write all of them or none"):
        tg.check_answer(derived("softmax"), "a_j − y")


def test_a_claim_identical_to_the_result_needs_no_steps():
    W, y = named("W", np.ones((3, 5))), named("y", [0.0, 1.0, 0.0])
    x = np.array([0.1, -0.2, 0.4, 1.0, 0.3])  # an array, and no Tensor
    a = tg.name(tg.softmax(W @ x), "a")
    derivation = tg.derive(-(y * tg.log(a)).sum(), wrt=W)
    for claim in (str(derivation.result), derivation.result.text(indices=True)):
        verdict = tg.check_answer(derivation, claim)
        assert verdict.outcome == "proved"
        assert not verdict.proof.steps


def test_a_verdict_is_the_same_whatever_was_read_before():
    def verdict():
        z, y = named("z", np.linspace(-1, 1, 23)), named("y", np.eye(23)[4])
        a = tg.name(tg.softmax(z), "a")
        derivation = tg.derive(-(y * tg.log(a)).sum(), wrt=z)
        lines = [
            r"\sum_{k=1}^K y_k (a_j - \delta_{kj})",
            r"a_j + \sum_{k=1}^K y_k - y_j",
            "a_j - y_j",
        ]
        return str(tg.check_derivation(derivation, lines))

    assert verdict() == verdict()


# --- parse ----------------------------------------------------------------------------------------


def test_a_typed_formula_becomes_a_graph():
    z, y = named("z", [1.47, -0.39, 0.22]), named("y", [0.0, 1.0, 0.0])
    for formula in (
        "−Σ(y ⊙ log softmax(z))",
        "-(y*np.log(np.exp(z)/np.exp(z).sum())).sum()",
        r"-\sum_{k=1}^{K} y_k \log \operatorname{softmax}(z)_k",
        "−yᵀ log_softmax(z)",
    ):
        loss = tg.parse(formula, z=z, y=y)
        assert isinstance(loss, tg.Tensor)
        assert_allclose(loss.data, tg.softmax_cross_entropy(z, y).data)
        assert_allclose(tg.gradients(loss, z), tg.softmax(z).data - y.data)


@pytest.mark.parametrize("formula", ["Σ y ⊙ z", "−Σ y·log z", "Σ y ⊙ z ⊙ z − Σ z", "2·Σ y * z"])
def test_a_sum_in_a_loss_reaches_as_far_as_makes_a_number(formula):
    z, y = np.array([0.5, 2.0, 1.5]), np.array([0.25, 0.5, 0.25])
    bracketed = re.sub(r"Σ ([^−]*y[^−]*)", r"Σ(\1)", formula)
    assert tg.parse(formula, z=z, y=y).item() == tg.parse(bracketed, z=z, y=y).item()
    with pytest.raises(ValueError, match="can be read in two ways"):
        tg.parse(f"z ⊙ ({formula} ⊙ y)", z=z, y=y)


def test_parse_takes_arrays_and_numbers_and_orders_free_indices():
    X, v = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
    assert_allclose(tg.parse("X v", X=X, v=v).data, X @ v)
    assert_allclose(tg.parse("c·X_{ji}", X=X, c=2).data, 2 * X.T)
    assert_allclose(tg.parse("I[1] + v", v=v, I=np.eye(3)).data, [1.0, 3.0, 3.0])


@pytest.mark.parametrize(
    ("formula", "number"),
    [
        (r"\frac12 v^\top v", 7.0),
        (r"\sqrt{9}^2", 9.0),
        (r"\mathbf{1}_{3}^\top v", 6.0),
        ("v[:len(v) - 1].sum()", 3.0),
    ],
)
def test_what_is_short_is_not_misread(formula, number):
    assert_allclose(tg.parse(formula, v=np.array([1.0, 2.0, 3.0])).data, number)


@pytest.mark.parametrize(
    ("formula", "error", "said"),
    [
        (r"\sum_{k=2}^{3} a_k", ValueError, "write the bounds of a sum as a condition"),
        ("Σ_{k≠j} a_k", ValueError, "how far the index j runs does not show"),
        (r"\sin^{-1}(a)", ValueError, "can be read in two ways; write 1/f(x)"),
        ("a_n b", ValueError, "write all of them"),
        (r"a_0 \\ a_1", ValueError, "is not expected here"),
        ("a − q", ValueError, "parse: nothing is called 'q'"),
        ("a @ b", ValueError, "parse: shapes (3,) and (2,) do not fit a matrix product"),
        ("a −", ValueError, "parse: the claim ends"),
        ("1ᵀ", ValueError, "parse: how long the vector of ones is does not show"),
        (3, TypeError, "parse: the formula is a int; give a text"),
    ],
)
def test_parse_refuses(formula, error, said):
    with pytest.raises(error) as caught:
        tg.parse(formula, a=np.ones(3), b=np.ones(2))
    assert said in str(caught.value)


# --- what texts mean ------------------------------------------------------------------------------

ARRAYS = {
    "x": RNG.normal(size=12),
    "z": np.array([0.3, -1.2, 0.8]),
    "a": np.array([0.6, 1.7, 0.2]),
    "w": RNG.normal(size=4),
    "y": np.array([2, 0, 1]),
    "A": RNG.normal(size=(3, 4)),
    "S": RNG.normal(size=(3, 3)),
}

#: What NumPy computes for a text, on the arrays of `ARRAYS`.
MEANINGS = [
    (r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}", "[[1, 2], [3, 4]]"),
    (r"z \\ + a", "z + a"),
    ("x_{10}", "x[10]"),
    (r"\max\{0, z\}", "np.maximum(0, z)"),
    (r"\min\{z, a\}", "np.minimum(z, a)"),
    (r"\tanh^2(z)", "np.tanh(z) ** 2"),
    ("z[i+1] - z[i]", "np.append(z[1:], 0) - z"),
    (r"\prod_k z_k", "z.prod()"),
    (r"\sum_{n,k} A_{nk}", "A.sum()"),
    (r"\sum_n\sum_k A_{nk} w_k", "(A @ w).sum()"),
    ("zᵀ S z", "z @ S @ z"),
    ("z.T S z", "z @ S @ z"),
    (r"\frac{z}{2} \odot a", "z / 2 * a"),
    ("1/2 z", "z / 2"),
    ("−z²", "-z ** 2"),
    ("e^{-z}", "np.exp(-z)"),
    ("e^-z", "np.exp(-z)"),
    ("exp(-z**2/2)", "np.exp(-z ** 2 / 2)"),
    ("np.einsum('ij,j->i', A, w)", "A @ w"),
    ("A @ w[:, None]", "(A @ w)[:, None]"),
    ("A[:, 0]", "A[:, 0]"),
    ("A[-1, :2]", "A[-1, :2]"),
    ("A[..., 1]", "A[..., 1]"),
    ("A[1:, ::2]", "A[1:, ::2]"),
    ("z[y]", "z[y]"),
    ("S[np.arange(3), y]", "S[np.arange(3), y]"),
    ("A.sum(0)", "A.sum(0)"),
    ("A.sum(axis=-1, keepdims=True)", "A.sum(-1, keepdims=True)"),
    ("A.mean((0,1))", "A.mean()"),
    ("A.max(axis=1)", "A.max(1)"),
    ("A.std(axis=0)", "A.std(0)"),
    ("A.var()", "A.var()"),
    ("np.linalg.norm(A, axis=1)", "np.linalg.norm(A, axis=1)"),
    ("np.linalg.norm(A)", "np.linalg.norm(A)"),
    ("np.linalg.norm(z, ord=1)", "abs(z).sum()"),
    ("np.linalg.norm(z, 1)", "abs(z).sum()"),
    (r"\|z\|_2^2", "z @ z"),
    (r"\|z\|^2", "z @ z"),
    (r"\|z\|_1", "abs(z).sum()"),
    (r"\lVert A \rVert_F^2", "(A ** 2).sum()"),
    ("where(z > 0, z, 0)", "np.maximum(z, 0)"),
    ("np.where(z>0, 1, -1)", "np.where(z > 0, 1, -1)"),
    ("np.clip(z, -0.1, 0.1)", "np.clip(z, -0.1, 0.1)"),
    ("np.maximum(z, 0)", "np.maximum(z, 0)"),
    ("softmax(A, axis=0)", "np.exp(A) / np.exp(A).sum(0)"),
    ("softmax(Aᵀ)ᵀ", "np.exp(A) / np.exp(A).sum(0)"),
    ("trace(S)", "np.trace(S)"),
    ("tr(S S)", "np.trace(S @ S)"),
    ("diag(z) S", "np.diag(z) @ S"),
    ("diag([z > 0]) S", "np.diag(z > 0) @ S"),
    ("np.diag(S)", "np.diag(S)"),
    ("S - I", "S - np.eye(3)"),
    ("(I + S) z", "z + S @ z"),
    ("I z", "z"),
    ("2 I S", "2 * S"),
    ("z 1ᵀ + S", "z[:, None] + S"),
    ("1 zᵀ + S", "z[None] + S"),
    ("(I − 1 1ᵀ/3) z", "z - z.mean()"),
    ("S δ₁", "S[:, 1]"),
    ("δ₁ᵀ S", "S[1]"),
    ("z ⊙ δ₁", "z * [0, 1, 0]"),
    ("np.dot(z, S)", "z @ S"),
    ("np.dot(S, S)", "S @ S"),
    ("np.outer(z, w)", "np.outer(z, w)"),
    ("z ⊗ w", "np.outer(z, w)"),
    ("⟨z, a⟩", "z @ a"),
    ("σ(z)(1 − σ(z))", "(1 / (1 + np.exp(-z))) * (1 - (1 / (1 + np.exp(-z))))"),
    ("σ(A)(1 − σ(A))", "(1 / (1 + np.exp(-A))) * (1 - (1 / (1 + np.exp(-A))))"),
    ("cumsum(z)", "np.cumsum(z)"),
    ("np.cumsum(A, axis=1)", "np.cumsum(A, 1)"),
    ("A.reshape(-1)", "A.ravel()"),
    ("A.reshape(4, 3)", "A.reshape(4, 3)"),
    ("np.concatenate([z, a])", "np.concatenate([z, a])"),
    ("np.stack([z, a], axis=1)", "np.stack([z, a], 1)"),
    ("np.sort(z)", "np.sort(z)"),
    ("len(A)", "3"),
    ("A.shape[1]", "4"),
    ("np.ones(A.shape)", "np.ones((3, 4))"),
    ("A_{ij} w_j", 'np.einsum("ij,j->ij", A, w)'),
    ("Σ_j A_{ij} w_j", "A @ w"),
    ("(A w)_i", "A @ w"),
    ("S_{ii}", "np.diag(S)"),
    ("Σ_i S_{ii}", "np.trace(S)"),
    ("A_iᵀ w", "A @ w"),
    ("Σ_i z_i A_i", "z @ A"),
    ("Σ_i A_i A_iᵀ", "A.T @ A"),
    ("‖A_i‖²", "(A ** 2).sum(1)"),
    ("log₂ a", "np.log2(a)"),
    ("√a²", "a"),
    ("√(a)²", "a"),
    (r"\sqrt{a}^2", "a"),
    ("log a²", "np.log(a ** 2)"),
    ("log(a)²", "np.log(a) ** 2"),
    ("|z|²", "z ** 2"),
    ("⌊z⌋", "np.floor(z)"),
    ("a mod 2", "a % 2"),
    ("σ'(z)", "(1 / (1 + np.exp(-z))) * (1 - (1 / (1 + np.exp(-z))))"),
    ("0.5*‖z‖**2", "z @ z / 2"),
    ("z @ a", "z @ a"),
    ("(z*a).sum()", "z @ a"),
    ("mean(A, axis=0)", "A.mean(0)"),
    ("A - A.mean(axis=1)[:, np.newaxis]", "A - A.mean(1, keepdims=True)"),
    ("A - A.mean(axis=0)", "A - A.mean(0)"),
    ("max(z, 0)", "np.maximum(z, 0)"),
    ("max z", "z.max()"),
    ("max(A, axis=1)", "A.max(1)"),
    ("np.sum(z > 0)", "(z > 0).sum()"),
    ("(z > 0) * 1", "(z > 0) * 1"),
    ("-1 z", "-z"),
    ("a**-0.5", "a ** (-0.5)"),
    ("a^(-1/2)", "a ** (-0.5)"),
    (r"a^{-\frac{1}{2}}", "a ** (-0.5)"),
    ("2^3^2", "512"),
    ("z[::-1]", "z[::-1]"),
    ("np.roll(z, 1)", "np.roll(z, 1)"),
    ("np.diff(z)", "np.diff(z)"),
    ("tensordot(S, S, axes=1)", "S @ S"),
    ("logsumexp(A, axis=1)", "np.log(np.exp(A).sum(1))"),
    ("-log(softmax(z)[1])", "-np.log((np.exp(z) / np.exp(z).sum())[1])"),
]


@pytest.mark.parametrize(("text", "numpy"), MEANINGS)
def test_a_text_means_what_numpy_computes(text, numpy):
    expected = eval(numpy, {"np": np, **ARRAYS})
    assert_allclose(tg.parse(text, **ARRAYS).data, expected, rtol=1e-12, atol=1e-15)
    assert tg.parse(text, **ARRAYS).data.shape == np.shape(expected)


# --- safe -----------------------------------------------------------------------------------------

STRANGE = [
    "__import__('os').system('ls')",
    "a.__class__.__mro__",
    "open('/etc/passwd')",
    "9**9**9**9**9",
    "ones((999, 999, 999))",
    "kron(kron(kron(a, a), kron(a, a)), kron(kron(a, a), kron(a, a)))",
    "einsum('a,b,c,d,e,f,g,h,i,j,k,l->abcdefghijkl'," + ",".join(["a"] * 12) + ")",
    "a_i a_j a_k a_l a_m a_n a_o a_p a_q a_r a_s a_t",
    "a_" * 500,
    "a" * 10**6,
    "(" * 1000,
    "Σ_{" * 200,
    r"\frac{" * 200,
    "'" * 999,
    "a[10**9]",
    "a\0y",
]


@pytest.mark.parametrize("claim", STRANGE)
def test_strange_texts_end_in_one_sentence_and_evaluate_nothing(claim):
    try:
        said = tg.check_answer(derived("softmax"), claim).text()
        assert said.startswith("different")
    except ValueError as error:
        said = str(error)
        assert said.startswith("check_answer: ")
    assert len(said) < 10_000
