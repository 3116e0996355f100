"""The grammar of claims: what is read, what it means, and what is refused and where."""

from __future__ import annotations

import contextlib
import string

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import named
from tests.symbolic.inside import Environment, Letters, read, scene
from tinygrad_edu.symbolic.notation.grammar import MAX_DEPTH, MAX_LENGTH, ClaimError
from tinygrad_edu.symbolic.notation.grammar import read as read_text

NAMES = ["a", "b", "c", "x", "y", "y′", "z", "A", "X", "Y", "W1", "x̂", "λ", "softmax(Z)", "e_1"]
FUNCTIONS = ["exp", "log", "sum", "where", "sign", "abs", "softmax", "dot"]


def tree(text: str):
    functions = dict(zip(FUNCTIONS, FUNCTIONS, strict=True))
    return read_text(text, NAMES, dimensions=["N", "K"], functions=functions).tree


def shape(form) -> str:
    """A form with all its parentheses."""
    inner = [shape(part) for part in form.parts]
    if form.kind in {"leaf", "dimension", "constant", "letter"}:
        return form.detail
    if form.kind == "indexed":
        return f"{inner[0]}[{', '.join(inner[1:])}]"
    if form.kind == "number":
        return f"{form.detail:g}"
    if form.kind == "total":
        signs = ["-" if minus else "+" for minus in form.detail]
        return "(" + "".join(s + t for s, t in zip(signs, inner, strict=True))[1:] + ")"
    signs = {"product": "·", "quotient": "/", "power": "^", "beside": form.detail or " "}
    signs["scaled"] = " "
    if form.kind in signs:
        return f"({inner[0]}{signs[form.kind]}{inner[1]})"
    if form.kind == "call":
        return f"{form.detail[0]}({', '.join(inner)})"
    if form.kind == "reduction":
        return f"{form.detail[0]}{''.join(form.detail[1])}({inner[0]})"
    return {"negative": "-{}", "transpose": "{}ᵀ", "group": "{}"}[form.kind].format(*inner)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a − b − c", "(a-b-c)"),
        ("a - b + c", "(a-b+c)"),
        ("-a·b", "-(a·b)"),
        ("−a^2", "-(a^2)"),
        ("a·−b", "(a·-b)"),
        ("a/b/c", "((a/b)/c)"),
        ("a/b·c", "((a/b)·c)"),
        ("a*b/c", "((a·b)/c)"),
        ("a**2", "(a^2)"),
        ("a²", "(a^2)"),
        ("a⁻¹", "(a^-1)"),
        ("a^b^c", "(a^(b^c))"),
        ("a^-b", "(a^-b)"),
        ("2a", "(2 a)"),
        ("2(a − b)", "(2 (a-b))"),
        ("X(A − Y)/N", "((X (A-Y))/N)"),
        ("1/N X a", "((1/N) (X a))"),
        ("a·Y c", "(a·(Y c))"),
        ("X.T @ A", "(Xᵀ@A)"),
        ("X^T A", "(Xᵀ A)"),
        ("Xᵀ A", "(Xᵀ A)"),
        ("(X A)ᵀ", "(X A)ᵀ"),
        ("Xa", "(X a)"),
        ("λY", "(λ Y)"),
        ("x̂·λ", "(x̂·λ)"),
        ("y'", "y′"),
        ("W1", "W1"),
        ("e_1", "e_1"),
        ("W_1", "W1"),
        ("W₁", "W1"),
        (r"W_{1}", "W1"),
        ("xhat", "x̂"),
        (r"\hat{x}", "x̂"),
        ("lambda·a", "(λ·a)"),
        (r"\lambda a", "(λ a)"),
        ("a_j", "a[j]"),
        ("aⱼ − y_j", "(a[j]-y[j])"),
        ("X_{nj}", "X[n, j]"),
        ("x_{j+1}", "x[(j+1)]"),
        ("xⱼ₊₁", "x[(j+1)]"),
        ("Σₖ aₖ·bₖ − c", "(sumk((a[k]·b[k]))-c)"),
        ("Σₖ aₖ bₖ/N", "sumk(((a[k] b[k])/N))"),
        (r"\sum_{k=1}^{K} a_k y_k", "sumk((a[k] y[k]))"),
        (r"\frac{1}{N} X^\top (A - Y)", "(((1/N) Xᵀ) (A-Y))"),
        (r"\frac{\partial L}{\partial z} = a - y", "(a-y)"),
        ("∂L/∂z_j = a_j", "a[j]"),
        ("np.exp(a)/np.exp(a).sum() - y", "((exp(a)/sum(exp(a)))-y)"),
        ("X.T.dot(A - Y)", "dot(Xᵀ, (A-Y))"),
        ("a ** 2 * b @ c", "(((a^2)·b)@c)"),
        ("1/2(a)", "((1/2) a)"),
        ("softmax(Z)", "softmax(Z)"),
        ("softmax(X)", "softmax(X)"),
        ("softmax(Z)²", "(softmax(Z)^2)"),
        ("Σa", "sum(a)"),
        ("Σₖ a", "sumk(a)"),
        ("Σ_k a", "sumk(a)"),
        ("Σ_k −a_k·b_k + c", "(sumk(-(a[k]·b[k]))+c)"),
        ("Σ(a·b)", "sum((a·b))"),
        ("Σa/Σb", "(sum(a)/sum(b))"),
        ("Σa²", "sum((a^2))"),
        ("(Σa)·b", "(sum(a)·b)"),
        ("Σ(a)·b", "(sum(a)·b)"),
        ("a·Σb", "(a·sum(b))"),
        ("log a", "log(a)"),
        ("2·log a − b", "((2·log(a))-b)"),
        ("|a|·|b|", "(abs(a)·abs(b))"),
        ("|a·|b||", "abs((a·abs(b)))"),
        ("√|a|", "sqrt(abs(a))"),
        ("‖a‖₂", "norm(a, 2)"),
        ("a/‖a‖_3", "(a/norm(a, 3))"),
        ("[a ≤ b]·c", "(less_equal(a, b)·c)"),
        ("where(a > 0, b, 0)", "where(greater(a, 0), b, 0)"),
        ("e^a", "(e^a)"),
        (".5a", "(0.5 a)"),
        ("1e-3·a", "(0.001·a)"),
        ("((a))", "a"),
    ],
)
def test_how_a_text_is_read(text, meaning):
    assert shape(tree(text)) == meaning


@pytest.mark.parametrize(
    ("text", "said", "at"),
    [
        ("a −", "ends where a number, a name or '(' is expected", 3),
        ("(a", "'(' is not closed: expected ')', got the end", 2),
        ("a)", "')' is not expected here", 1),
        ("a − q", "nothing is called 'q'", 4),
        ("sofmax(X)", "did you mean 'softmax'?", 0),
        ("W11", "did you mean 'W1'?", 0),
        ("yy", "did you mean 'y'?", 0),
        ("Σa·b", "can be read in two ways; write Σ(a·b) or (Σa)·b", 2),
        ("Σa b", "can be read in two ways", 3),
        ("a ? b", "'?' is not expected here", 2),
        ("a · · b", "'·' is not expected here", 4),
        ("|a", "'|' is not closed", 2),
        ("a = b", "'=' is not expected here", 2),
        ("exp(a, axis=b)", "'b' is no whole number", 12),
        ("__import__('os')", "'_' is not expected here", 0),
        ("lambda: a", "':' is not expected here", 6),
        ("a.tofile", "'.' is not expected here", 1),
        ("q_j − a", "nothing is called 'q'", 0),
        ("a − j", "nothing is called 'j'", 4),
        ("x̂ − q", "nothing is called 'q'", 5),
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text, said, at):
    with pytest.raises(ClaimError) as caught:
        tree(text)
    sentence, shown, mark = str(caught.value).split("\n")
    assert sentence.startswith("check_answer: ")
    assert said in sentence
    assert sentence.endswith(f"(at character {at + 1})")
    assert shown == f"  {text}"
    above = text[:at].replace("\u0302", "")  # a circumflex stands above its letter
    assert mark == f"  {' ' * len(above)}^"


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_claim(text):
    with pytest.raises(ClaimError, match="the claim is empty"):
        tree(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500,
        "(" * 100 + "a" + ")" * 100,
        "-" * 500 + "a",
        "a^" * 300 + "a",
        "√" * 500 + "a",
        "exp " * 200 + "a",
        "|" * 400,
        "a·" * 400 + "a",
        "a" + "ᵀ" * 500,
        "a·" + "-" * 300 + "a",
        "Σ" * 300 + "a",
    ],
)
def test_a_claim_cannot_be_nested_too_deep(text):
    assert len(text) <= MAX_LENGTH
    with pytest.raises(ClaimError, match=f"nested more than {MAX_DEPTH} deep"):
        tree(text)


def test_a_claim_cannot_be_too_long():
    with pytest.raises(ClaimError, match=f"more than {MAX_LENGTH}"):
        tree("a" * (MAX_LENGTH + 1))
    assert len(tree("+".join("a" * 400)).parts) == 400


SIGNS = "aXyλΣ√()[]|‖·/^@+−-*.,=<≤0123ᵀ²ₖ′_ e\u0302" + string.punctuation


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("examples", [150, pytest.param(1500, marks=pytest.mark.deep)])
def test_any_text_is_read_or_refused(examples):
    @settings(max_examples=examples)
    @given(st.one_of(st.text(SIGNS, max_size=40), st.text(max_size=20)))
    def check(text):
        with contextlib.suppress(ClaimError):  # any other error is a failure
            tree(text)

    check()


# --- what the parts mean --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layer():
    rng = np.random.default_rng(0)
    X, w = named("X", rng.normal(size=(4, 3))), named("w", rng.normal(size=3))
    r = named("r", rng.uniform(0.5, 2, size=4))
    derivation = tg.derive((r * tg.exp(X @ w)).sum() * named("p", 1.5), wrt=w)
    return derivation, X.data, w.data, r.data


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Xᵀ r", lambda X, w, r: X.T @ r),
        ("rᵀX", lambda X, w, r: r @ X),
        ("Σ_n(diag(r) X)", lambda X, w, r: (r[:, None] * X).sum(axis=0)),
        ("sum(X, axis=0)", lambda X, w, r: X.sum(axis=0)),
        ("mean(X, axis=0)·K", lambda X, w, r: X.mean(axis=0) * 3),
        ("w·‖X w‖₂", lambda X, w, r: w * np.linalg.norm(X @ w)),
        ("w·‖r‖_p", lambda X, w, r: w * (r**1.5).sum() ** (1 / 1.5)),
        ("w·wᵀw", lambda X, w, r: w * (w @ w)),
        ("(w wᵀ)w", lambda X, w, r: np.outer(w, w) @ w),
        ("outer(w, r) r", lambda X, w, r: np.outer(w, r) @ r),
        ("diag(w) w", lambda X, w, r: w**2),
        ("dot(r, X)", lambda X, w, r: r @ X),
        ("w(1 − w)", lambda X, w, r: w * (1 - w)),
        ("max(w, 0)", lambda X, w, r: np.maximum(w, 0)),
        ("w·max(r)", lambda X, w, r: w * r.max()),
        ("clip(w, −0.1, 0.1)", lambda X, w, r: np.clip(w, -0.1, 0.1)),
        ("[w > 0]·w", lambda X, w, r: np.maximum(w, 0)),
        ("softmax(w)", lambda X, w, r: np.exp(w) / np.exp(w).sum()),
        ("logsumexp(w)·w", lambda X, w, r: np.log(np.exp(w).sum()) * w),
        ("w·Πr", lambda X, w, r: w * r.prod()),
        ("X[0, :]", lambda X, w, r: X[0]),
        ("X[−1, :]·r₂", lambda X, w, r: X[-1] * r[2]),
        ("w·X[1, 2]", lambda X, w, r: w * X[1, 2]),
        ("√|w|", lambda X, w, r: np.sqrt(np.abs(w))),
        ("ln(r) X", lambda X, w, r: np.log(r) @ X),
        ("N·K", lambda X, w, r: np.full(3, 12.0)),
        ("π·e", lambda X, w, r: np.full(3, np.pi * np.e)),
        ("1/3", lambda X, w, r: np.full(3, 1 / 3)),
    ],
)
def test_what_a_text_means(layer, text, meaning):
    derivation, *arrays = layer
    letters = Letters(derivation)
    claim = read(text, letters)[0]
    value = claim.compute(scene(letters, claim, Environment()))
    assert_allclose(getattr(value, "data", value), meaning(*arrays), rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Σ_q X", "no sum over q"),
        ("sum(X, axis=2)", "no axis 2 among 2"),
        ("softmax(1)", "takes a vector or a matrix"),
        ("exp(w, w)", "exp: does not take 2 argument(s)"),
        ("w₇", "w has no entry 7"),
        ("X₁", "X has 2 axes, not 1"),
        ("δ₇", "no vector with an entry 7"),
    ],
)
def test_what_cannot_be_computed_is_refused(layer, text, said):
    derivation, *_ = layer
    letters = Letters(derivation)
    claim = read(text, letters)[0]
    there = scene(letters, claim, Environment())
    with pytest.raises(ClaimError) as caught:
        claim.compute(there)
    assert said in str(caught.value)
    assert "^" in str(caught.value)
