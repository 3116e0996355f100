"""Names and letters: none is stale, none means two things, and each is explained."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.view.draw.formula import typeset

R = np.random.default_rng(5).normal


def logits():
    z = tg.Tensor([1.47, -0.39, 0.22], name="z")
    y = tg.Tensor([0.0, 1.0, 0.0], name="y")
    return z, y


# --- what was recorded from other data --------------------------------------------------------


def test_a_name_that_was_recorded_from_other_data_is_left_out():
    z, y = logits()
    p = tg.softmax(z)
    assert str(tg.derive(tg.softmax_cross_entropy(z, y), wrt=z).result) == "p − y"
    z.data = R(size=3)
    found = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
    assert str(found.result) == "softmax(z) − y"
    assert found.residual < 1e-14
    assert "Left out: p, which was recorded from other data" in found.text()
    assert "Left out: p" in tg.derive(tg.softmax_cross_entropy(z, y), wrt=z, staged=True).text()
    p = tg.softmax(z)
    again = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
    assert str(again.result) == "p − y"
    assert "Left out" not in again.text()
    assert p.shape == z.shape


def test_names_of_the_step_before_are_left_out_in_a_training_loop():
    X, t = tg.Tensor(R(size=(5, 2)), name="X"), np.eye(3)[[0, 2, 1, 1, 0]]
    W = tg.Tensor(R(size=(2, 3)), name="W")
    for step in range(3):
        loss = tg.softmax_cross_entropy(X @ W, t)
        found = tg.derive(loss, wrt=W)
        assert found.residual < 1e-13
        assert ("Left out: A" in found.text()) == (step > 0)
        A = tg.softmax(X @ W)  # what was found is that of this step until W moves
        assert "A − t" in str(tg.derive(loss, wrt=W).result)
        W.data = W.data - 0.5 * found.result.evaluate()
        assert A.shape == t.shape


def test_a_constant_array_that_was_changed_makes_a_name_stale():
    z, shift = tg.Tensor([1.0, 2.0], name="z"), np.array([1.0, 3.0])
    u = z * shift
    shift[0] = 7.0
    assert str(tg.derive((z * shift).sum(), wrt=z).result) == "shift"
    assert u.shape == z.shape


@pytest.mark.parametrize(
    "ask",
    [
        lambda L, z: tg.derive(L, wrt=z),
        lambda L, z: tg.derive(L, wrt=z, staged=True),
        lambda L, z: tg.explain(L, wrt=z),
        lambda L, z: tg.draw(L),
        lambda L, z: tg.prove(L, L),
    ],
)
def test_a_graph_whose_own_leaf_was_rebound_is_refused_with_the_mend(ask):
    z, y = logits()
    L = tg.softmax_cross_entropy(z, y)
    z.data = R(size=3)
    with pytest.raises(ValueError, match=r"z was given new data .* compute the output again"):
        ask(L, z)


def test_a_rebound_leaf_is_called_what_its_variable_is_called():
    weights = tg.Tensor([1.0, 2.0])
    loss = (weights * weights).sum()
    weights.data = np.array([3.0, 4.0])
    said = "weights was given new data"
    with pytest.raises(ValueError, match=said):
        tg.derive(loss, wrt=weights)
    with pytest.raises(ValueError, match=said):
        tg.draw(loss)
    with pytest.raises(ValueError, match=said):
        tg.prove(loss, loss)


# --- what is not the gradient that backward computes ------------------------------------------


@pytest.fixture
def wrong():
    """An operation whose rule is not what its definition says."""

    @tg.op(elementwise=True)
    def lopsided(x):
        return x / (1 + np.exp(-x))

    @lopsided.defined_as
    def _(x):
        return x * tg.sigmoid(x)

    @lopsided.rule(0)
    def _(g, out, x):
        return g * tg.sigmoid(x)

    yield lopsided
    lopsided.forget()


def test_a_rule_that_is_not_what_the_definition_says_is_named(wrong):
    z = tg.Tensor([1.0, -2.0], name="z")
    for staged in (False, True):
        found = tg.derive((tg.exp(wrong(z)) * 2).sum(), wrt=z, staged=staged)
        assert not found.agrees
        assert found.faults == ("the rule of lopsided is not what its definition says",)
        text = found.text()
        assert "DISAGREES: difference of" in text
        assert "Wrong here: the rule of lopsided is not what its definition says." in text
        assert "Checked" not in text
    page = tg.explain((tg.exp(wrong(z)) * 2).sum(), wrt=z).html()
    assert "DISAGREES" in page
    assert "the rule of lopsided is not what its definition says" in page


def test_the_innermost_fault_is_the_one_that_is_named(wrong):
    @tg.op(elementwise=True)
    def doubled(x):
        return 2 * wrong(x)

    @doubled.defined_as
    def _(x):
        return 2 * wrong(x)

    @doubled.rule(0)
    def _(g, out, x):
        s = tg.sigmoid(x)
        return 2 * g * (s + x * s * (1 - s))  # right, though what it is made of is not

    z = tg.Tensor([1.0, -2.0], name="z")
    found = tg.derive(doubled(z).sum() + wrong(z).sum(), wrt=z)
    doubled.forget()
    assert found.faults == ("the rule of lopsided is not what its definition says",)


def test_a_value_that_is_not_what_the_definition_says_is_named():
    @tg.op(rules=(lambda g, out, x: 2 * g * x,))
    def nearly_square(x):
        return x**2 + 0.1

    @nearly_square.defined_as
    def _(x):
        return x**2

    z = tg.Tensor([1.0, -2.0], name="z")
    found = tg.derive((nearly_square(z) / z**2).sum(), wrt=z)
    nearly_square.forget()
    assert found.faults == ("the value of nearly_square is not what its definition says",)


def test_numbers_of_few_digits_do_not_disagree():
    z, y = (tg.Tensor(t.data.astype(np.float32), name=t.name) for t in logits())
    found = tg.derive(tg.softmax_cross_entropy(z, y), wrt=z)
    assert found.residual > 1e-9
    assert found.agrees


# --- lengths ----------------------------------------------------------------------------------

#: What people call their arrays, in which lengths might be called so too.
TAKEN = ["N", "K", "D", "M", "H", "P", "Q", "V", "T", "I", "Σ", "δ", "e", "log", "S", "n", "k"]


@pytest.mark.parametrize("name", TAKEN)
def test_a_length_never_has_the_letter_of_an_array(name):
    x = tg.Tensor(R(size=(4, 3)), name=name)
    for output in ((x**2).mean(), (x**2).mean(axis=1).sum(), (x @ x.T).mean(), x.var()):
        found = tg.derive(output, wrt=x)
        lengths = found.result.lengths
        assert lengths
        assert name not in lengths
        assert len({*lengths}) == len(lengths)
        assert set(lengths.values()) <= {3, 4}
        assert found.residual < 1e-13


def test_lengths_keep_away_from_every_array_of_the_graph():
    names = ["N", "K", "D", "Q", "V", "M", "P"]
    arrays = [tg.Tensor(R(size=(3, 3)), name=name) for name in names]
    product = arrays[0]
    for factor in arrays[1:]:
        product = product @ factor
    result = tg.derive(product.mean(), wrt=arrays[0]).result
    assert set(result.lengths.values()) == {3}
    assert not {*result.lengths} & {*names}
    assert {*result.lengths} < {*result.letters}


def test_every_letter_that_the_user_did_not_choose_is_explained():
    X = tg.Tensor(R(size=(4, 2)), name="X")
    w = tg.Tensor(R(size=2), name="w")
    found = tg.derive(((X @ w - R(size=4)) ** 2).mean(), wrt=w)
    assert found.result.lengths == {"N": 4}
    assert found.result.letters["N"] == 4
    assert "Letters\n  N = 4, the rows of X\n  c: an array that has no name, of shape (4,)" in str(
        found
    )
    found = tg.derive(tg.softmax(w), wrt=w)
    assert "  g: the gradient that comes in, of shape (2,)" in str(found)
    assert "N = 4, the rows of X" in str(tg.prove((X @ w).mean(), (X @ w).sum() / tg.length(X @ w)))
    staged = tg.derive(((X @ w) ** 2).mean(), wrt=w, staged=True)
    assert str(staged).endswith("N = 4, the rows of X")


def test_every_index_says_which_axis_it_counts_in_texts_and_verdicts():
    X, Y = tg.Tensor(R(size=(4, 3)), name="X"), tg.Tensor(np.eye(2)[[0, 1, 1, 0]], name="Y")
    W, b = tg.Tensor(R(size=(3, 2)), name="W"), tg.Tensor(R(size=2), name="b")
    A = tg.softmax(X @ W + b)
    found = tg.derive(tg.cross_entropy(A, Y), wrt=b)
    assert "n counts the rows of X" in found.text().partition("\nLetters\n")[2]
    indexed = found.text(indices=True).partition("\nLetters\n")[2]
    for line in (
        "n counts the rows of X",
        "i counts the columns of X",
        "j, k, l count the columns",
    ):
        assert line in indexed
    for claim in ("Σₙ(A − Y)/N", "Σₙ(A − Y)"):
        said = tg.check_answer(found, claim).text()
        assert said.endswith("Letters\n  N = 4, the rows of X\n  n counts the rows of X")
    z, y = logits()
    assert "Letters" not in tg.check_answer(tg.derive(tg.sum_squared_error(z, y), z), "z-y").text()
    f = tg.Tensor(R(size=3), name="f")
    apart = tg.derive(tg.sum(tg.sigmoid(f[:, None] - f[None, :]) ** 2), wrt=f)
    assert "i, j, k count the entries of f" in apart.text()
    S = tg.Tensor(R(size=(3, 3)), name="S")  # k is no n, though both have length 3
    assert "k counts the columns of S" in tg.derive((tg.softmax(S) ** 2).sum(), wrt=S).text()


@pytest.mark.parametrize("constant", [True, False])
def test_a_length_stays_a_letter_in_second_derivatives(constant):
    X, y = R(size=(8, 3)), np.eye(2)[[0, 1, 1, 0, 1, 0, 0, 1]]
    W = tg.Tensor(R(size=(3, 2)), name="W")
    if not constant:
        X, y = tg.Tensor(X, name="X"), tg.Tensor(y, name="y")
    for loss in (tg.softmax_cross_entropy, tg.mean_squared_error, tg.sigmoid_cross_entropy):
        first = tg.derive(loss(X @ W, y), wrt=W)
        second = tg.derive(first, wrt=W)
        assert second.result.lengths == first.result.lengths
        assert second.residual < 1e-13


def test_a_second_derivative_keeps_rows_and_columns_and_all_names():
    X, y = R(size=(8, 3)), R(size=(8, 2))
    W = tg.Tensor(R(size=(3, 2)))
    first = tg.derive(((X @ W - y) ** 2).sum(), wrt=W)
    assert set(tg.derive(first, wrt=W).sources()) == {"X", "g"}
    assert str(tg.derive(first, wrt=W).output) == str(first.result)
    sigmoid = tg.derive(tg.sigmoid(W).sum(), wrt=W)  # W stands in the name of σ(W) alone
    assert set(sigmoid.sources()) == {"W"}


# --- the language's own signs -----------------------------------------------------------------

#: What people call their arrays, and the language something else.
SIGNS = [
    "e",
    "I",
    "δ",
    "Σ",
    "σ",
    "log",
    "T",
    "E",
    "S",
    "Φ",
    "exp",
    "softmax",
    "sum",
    "eye",
    "delta",
]
NAMES = ["x̂", "ȳ", "x̃", "ẋ", "W_out", "W1", "v1", "v_j", "w′", "ϵ", "ℓ", "x₁", "x⃗", "hidden layer"]


def spellings(formula):
    return (formula.text(), formula.text(True), formula.latex(), formula.latex(True))


QUICK = {"e", "I", "Σ", "σ", "log", "x̂", "x₁"}  # one of each kind; the others take a minute


@pytest.mark.parametrize(
    "name",
    [n if n in QUICK else pytest.param(n, marks=pytest.mark.deep) for n in SIGNS + NAMES],
)
def test_a_name_never_means_what_the_language_means_by_it(name):
    v, shape = tg.Tensor(R(size=3), name="v"), (2, 3)
    x, M = (tg.Tensor(abs(R(size=size)), name=name) for size in (3, shape))
    _inside = tg.sigmoid(v * x) + tg.exp(v) * tg.log(x) * tg.normal_cdf(v)
    for _output, letter in (
        (tg.sum(_inside * x * tg.softmax(v)), x),
        (tg.sum((M @ tg.log(1 + v * v)) ** 2), M),
    ):
        found = tg.derive(_output, wrt=v).result
        for written in spellings(found):
            read = tg.parse(written, **{name: letter, "v": v, **found.lengths})
            assert np.allclose(read.data, found.evaluate(), rtol=1e-9), written
        typeset(found.latex())
        typeset(found.latex(True))


@pytest.mark.parametrize("name", ["I", "δ", "delta", "diag", "x"])
def test_the_unit_matrix_and_its_rows_are_written_whatever_the_names_are(name):
    x, v = tg.Tensor(R(size=3), name=name), tg.Tensor(R(size=3), name="v")
    jacobian = tg.derive(tg.softmax(v) * tg.sum(x) + v, wrt=v)
    for written in (jacobian.jacobian().text(), jacobian.jacobian().latex()):
        assert tg.check_answer(jacobian, written), written
        assert ("eye" in written) == (name == "I")
    picked = tg.derive(tg.log(tg.softmax(v)[1]) + tg.sum(x * v), wrt=v)
    for written in spellings(picked.result):
        assert tg.check_answer(picked, written), written
        assert ("eye" in written) == (name in {"δ", "delta"})


def test_a_name_of_the_derivation_is_kept_free_in_all_of_its_formulas():
    z = tg.Tensor(R(size=3), name="z")
    e = tg.exp(z)
    found = tg.derive((e * e.sum()).sum(), wrt=z)
    ((_, meaning),) = found.definitions
    assert meaning.latex() == r"\operatorname{exp}(z)"
    other = tg.Tensor(R(size=3), name="e")
    assert "e^{" not in tg.derive((other + tg.exp(z)).sum(), wrt=z).result.latex()
    e = None
    assert tg.derive(tg.exp(z).sum(), wrt=z).result.latex() == "e^{z}"


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x̂", r"\hat{x}"),
        ("ȳ", r"\bar{y}"),
        ("x̃_1", r"\tilde{x}_{1}"),
        ("β̂", r"\hat{\beta}"),
        ("v1", r"\mathrm{v1}"),  # v_1 is an entry of v
        ("w1", "w_{1}"),
    ],
)
def test_how_names_are_written_in_latex(name, latex):
    x, v = tg.Tensor(R(size=3), name=name), tg.Tensor(R(size=3), name="v")
    assert tg.derive((x * v).sum(), wrt=v).result.latex() == latex


@pytest.mark.parametrize("name", ["x̂", "λ", "hidden layer", "lambda", "1", "w′", "∇", "np", "v"])
def test_letters_are_held_by_identifier_whatever_the_names_are(name):
    x, v = tg.Tensor(abs(R(size=3)), name=name), tg.Tensor(R(size=3), name="v")
    found = tg.derive((tg.exp(v) * x * v).mean(), wrt=v).result
    assert len(found.letters) == 3
    assert all(letter.isidentifier() for letter in found.letters)
    value = eval(found.python(), {"np": np, **found.letters})
    assert np.allclose(value, found.evaluate(), rtol=1e-12)


def test_norms_of_rows_say_their_axis():
    W = tg.Tensor(R(size=(4, 3)), name="W")
    found = tg.derive(tg.norm(W, axis=1).sum(), wrt=W)
    for written in spellings(found.result):
        assert "norm(W, axis=1)" in written.replace(r"\operatorname{norm}", "norm")
        assert tg.check_answer(found, written)
    assert tg.derive(tg.norm(W), wrt=W).result.text() == "W/‖W‖₂"


# --- arrays without a name --------------------------------------------------------------------


def binary_cross_entropy(z, t):
    return -(t * tg.log(z) + (1 - t) * tg.log(1 - z)).sum()


@pytest.mark.parametrize("t", [[1.0, 0.0, 1.0], [0.2, 0.9, 0.4], [1, 0, 0]])
def test_binary_cross_entropy_of_an_array_ends_in_z_minus_t(t):
    t = np.array(t)
    s = tg.Tensor(R(size=3), name="s")
    z = tg.sigmoid(s)
    for staged in (False, True):
        found = tg.derive(binary_cross_entropy(z, t), wrt=s, staged=staged)
        assert str(found.result) == "z − t"
        assert "c = 1 − t, found equal on the data" in found.text()
    found = tg.derive(binary_cross_entropy(z, t), wrt=s)
    assert tg.check_answer(found, "z - t").proof
    assert "found equal on the data" in tg.explain(binary_cross_entropy(z, t), wrt=s).html()


#: What people compute beside a graph of x, and from what.
COMPUTED = [
    (lambda B, u, **_: u.copy(), "u"),
    (lambda B, u, **_: -u, "u"),
    (lambda B, u, **_: 1 - u, "u"),
    (lambda B, u, **_: 2 * u - 1, "u"),
    (lambda B, u, **_: u / 7, "u"),
    (lambda B, u, **_: 0.7 * u + 0.1, "u"),
    (lambda B, u, **_: u**2, "u"),
    (lambda B, u, **_: np.exp(u), "u"),
    (lambda B, u, **_: B[1], "B"),
    (lambda B, u, **_: B[:, 2], "B"),
    (lambda B, u, **_: B @ u, "Bu"),
    (lambda B, u, **_: u @ B, "Bu"),
    (lambda B, u, v, **_: u - v, "uv"),
    (lambda B, u, v, **_: u / v, "uv"),
    (lambda labels, **_: np.eye(4)[labels], "labels"),
    (lambda B, **_: B.T, "B"),
    (lambda B, **_: 1 - B.T, "B"),
    (lambda u, **_: u[:, None] * np.ones((4, 1)), "u"),
    (lambda u, v, **_: np.outer(u, v), "uv"),
]


@pytest.mark.parametrize(("compute", "of"), COMPUTED)
def test_what_an_array_was_computed_from_is_seen(compute, of):
    arrays = {"B": R(size=(4, 4)), "u": R(size=4), "v": R(size=4), "labels": np.array([3, 0, 1, 1])}
    _value = compute(**arrays)  # whose name nobody sees
    x = tg.Tensor(R(size=_value.shape), name="x")
    found = tg.derive((tg.exp(x) * _value).sum(), wrt=x, names=arrays)
    ((letter, formula),) = found.recognised
    assert letter == "c"
    letters = {*formula.letters} - {*formula.lengths}
    assert letters == ({of} if of in arrays else set(of))
    assert np.allclose(formula.evaluate(), _value, rtol=1e-15, atol=1e-15)
    assert found.residual < 1e-14
    assert not {"c"} & {*found.result.letters}


@pytest.mark.parametrize(
    "_value",
    [
        R(size=4),
        np.full(4, 0.5),
        np.array([0.0, 1.0, 0.0, 0.0]),  # a row of the matrix of zeros and ones
        R(size=4) * 1.2345678,
        np.array([1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_what_was_not_computed_from_names_stays_a_letter(_value):
    arrays = {"u": R(size=4), "v": R(size=4), "ones": np.ones(4), "Y": np.eye(4)}
    x = tg.Tensor(R(size=4), name="x")
    found = tg.derive((tg.exp(x) * _value).sum(), wrt=x, names=arrays)
    assert found.recognised == ()
    assert "c" in found.result.letters
    assert "c: an array that has no name, of shape (4,)" in found.text()


def test_what_was_computed_from_the_variable_is_constant():
    x, a = tg.Tensor(R(size=3), name="x"), R(size=3)
    found = tg.derive((x * (1 - x.data)).sum(), wrt=x)
    assert str(found.result) == "c"
    found = tg.derive((x * (2 * a)).sum(), wrt=x)
    assert str(found.result) == "2·a"
    w = tg.Tensor(a, name="w")  # of another variable it may be computed
    assert str(tg.derive((x * (1 - w.data)).sum() + w.sum(), wrt=x).result) == "1 − w"


# --- reasons ----------------------------------------------------------------------------------


def test_no_name_is_defined_by_itself():
    z = tg.Tensor(R(size=3), name="z")
    A = tg.Tensor(R(size=(2, 3)), name="A")
    for output, wrt in ((tg.sigmoid(z).sum(), z), (tg.norm(A), A), (tg.softmax(z)[0], z)):
        for name, meaning in tg.derive(output, wrt=wrt).definitions:
            assert str(name) not in str(meaning)


def test_numbers_that_are_one_are_not_said_to_be_rounded():
    u = tg.Tensor([0.3, -0.5, 1.2], name="u")
    for left, right, rule in (
        (u * np.sqrt(2) / 2, u / np.sqrt(2), "numbers"),
        (u * (np.sqrt(np.pi) * np.pi), u * np.pi**1.5, "rounding"),
    ):
        proof = tg.prove(left, right)
        assert proof
        assert [step.rule for step in proof.steps] == [rule]
        assert all(step.exact for step in proof.steps if step.rule == "numbers")


def test_reasons_name_lengths_as_their_lines_do():
    X = tg.Tensor(R(size=(4, 3)), name="N")  # so that N is taken
    found = tg.derive((X.sum() + tg.exp(X * 0)).sum(), wrt=X)
    reasons = [step.because for step in found.steps if step.rule == "Σ of a constant"]
    assert reasons
    for reason in reasons:
        assert reason.removesuffix(" equal terms") in {*found.result.lengths}


# --- protocols --------------------------------------------------------------------------------


@pytest.mark.parametrize("staged", [False, True])
def test_a_derivation_can_be_pickled_and_prints_as_its_text(staged):
    z, y = logits()
    a = tg.softmax(z)
    found = tg.derive(tg.cross_entropy(a, y), wrt=z, staged=staged)
    again = pickle.loads(pickle.dumps(found))
    assert str(found) == found.text() == again.text()
    assert repr(found).startswith("<")
    assert again.latex() == found.latex()
    assert np.array_equal(again.result.evaluate(), found.result.evaluate())


def test_numbers_round_and_blank_names_are_refused():
    L = tg.Tensor(1.2345)
    assert round(L, 2) == 1.23
    assert round(L) == 1
    for name in ("", "  "):
        with pytest.raises(ValueError, match="is blank"):
            tg.Tensor([1.0], name=name)
        with pytest.raises(ValueError, match="is no name"):
            tg.derive((L * L).sum(), wrt=L, names={name: L})


# --- assumptions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        *(
            "Σy = 1",
            "Σy=1",
            "Σ(y) = 1",
            "Σₖ y = 1",
            "Σ_k y = 1",
            "Σ_{k} y = 1",
            "1 = Σy",
            "∑y == 1",
        ),
        *("sum(y) = 1", "np.sum(y) == 1", "y.sum() = 1", "sum(y, axis=0) == 1"),
    ],
)
def test_an_assumption_can_be_said_in_many_ways(said):
    z, y = logits()
    a = tg.name(tg.softmax(z), "a")
    L = tg.cross_entropy(a, y)
    for assume in (said, [said]):
        assert str(tg.derive(L, wrt=z, assume=assume).result) == "a − y"


def test_which_axis_a_sum_is_over_counts_where_it_is_said():
    Z, Y = tg.Tensor(R(size=(3, 3)), name="Z"), tg.Tensor(np.eye(3), name="Y")
    L = tg.softmax_cross_entropy(Z, Y)
    for said in ("Σₖ Y = 1", "sum(Y, axis=1) == 1", "ΣY = 1"):
        assert [a.used for a in tg.derive(L, wrt=Z, assume=said).assumptions] == [True]
    with pytest.raises(ValueError, match="nothing here rests on the assumption 'Σₙ Y = 1'"):
        tg.derive(L, wrt=Z, assume="Σₙ Y = 1")


def test_an_assumption_is_typed_and_can_be_handed_on():
    z, y = logits()
    L = tg.softmax_cross_entropy(z, y)
    (stated,) = tg.derive(L, wrt=z).assumptions
    assert (stated.kind, stated.statement) == ("sums to one", "Σy = 1")
    assert [a.used for a in tg.derive(L, wrt=z, assume=[stated]).assumptions] == [True]


def quadratic(x, W, mu):
    return (x - mu) @ W @ (x - mu)


#: What is made of targets that sum to 1 along their last axis, and the assumptions that say so.
MADE_OF_TARGETS = [
    (lambda Y, V, t: (1 - t) * Y + t / tg.length(Y, axis=-1), {"Σₖ Y = 1"}),
    (lambda Y, V, t: Y * t - Y * (t - 1), {"Σₖ Y = 1"}),
    (lambda Y, V, t: t * Y + (1 - t) * V, {"Σₖ Y = 1", "Σₖ V = 1"}),
    (lambda Y, V, t: (Y + V) / 2, {"Σₖ Y = 1", "Σₖ V = 1"}),
    (lambda Y, V, t: 2 * Y - V, {"Σₖ Y = 1", "Σₖ V = 1"}),
]


@pytest.mark.parametrize(("make", "assumed"), MADE_OF_TARGETS)
def test_what_targets_are_made_of_is_assumed_to_sum_to_one_and_not_they(make, assumed):
    Y, V = (tg.Tensor(np.eye(3)[labels], name=n) for n, labels in (("Y", [0, 2]), ("V", [1, 2])))
    Z, t = tg.Tensor(R(size=(2, 3)), name="Z"), tg.Tensor(0.3, name="t")
    Q = tg.name(make(Y, V, t), "Q")
    L = -(Q * tg.log_softmax(Z)).sum()
    found = tg.derive(L, wrt=Z)
    assert {a.statement for a in found.assumptions if a.used} == assumed
    assert str(found.result) == "softmax(Z) − Q"
    assert all(step.exact for step in found.steps if not step.assumption)
    assert tg.check_answer(found, "softmax(Z) - Q").proof
    without = tg.derive(L, wrt=Z, assume=())
    assert without.residual < 1e-13
    assert without.result.size > found.result.size


def test_an_outer_product_of_shares_sums_to_what_is_left_of_it():
    u, v = (tg.Tensor(row, name=n) for n, row in (("u", [0.2, 0.8]), ("v", [0.0, 1.0, 0.0])))
    Z = tg.Tensor(R(size=(2, 3)), name="Z")
    Q = tg.outer(u, v)
    found = tg.derive(-(Q * tg.log_softmax(Z)).sum(), wrt=Z)
    assert {a.statement for a in found.assumptions if a.used} == {"Σv = 1"}
    assert str(found.result) == "diag(u) softmax(Z) − Q"


def test_a_symmetric_matrix_is_noticed_and_the_assumption_can_be_switched():
    M, mu, x = R(size=(4, 4)), tg.Tensor(R(size=4), name="μ"), tg.Tensor(R(size=4), name="x")
    W = tg.Tensor(M + M.T, name="W")
    found = tg.derive(quadratic(x, W, mu), wrt=x)
    assert [(a.kind, a.statement, a.used) for a in found.assumptions] == [
        ("symmetric", "W = Wᵀ", True)
    ]
    (step,) = (step for step in found.steps if step.assumption)
    assert step.exact
    assert step.residual < 1e-13
    assert found.result.size == 7  # 2·W(x − μ)
    for assume in ((), ("W = W.T",), ("W.T == W",)):
        again = tg.derive(quadratic(x, W, mu), wrt=x, assume=assume)
        assert (again.result.size == found.result.size) == bool(assume)
    W = tg.Tensor(M, name="W")
    found = tg.derive(quadratic(x, W, mu), wrt=x)
    assert found.assumptions == []
    assert found.residual < 1e-13
    S = tg.Tensor(M + M.T, name="S")  # what is differentiated is not assumed to be anything
    assert tg.derive(quadratic(x, S, mu) + (S * S).sum(), wrt=S).assumptions == []


@pytest.mark.parametrize("claim", ["a - ((1 - ε) y + ε/3)", "a - q"])
def test_a_claim_may_open_what_the_targets_are_made_of(claim):
    z, y = logits()
    ε, a = tg.Tensor(0.1, name="ε"), tg.name(tg.softmax(z), "a")
    q = tg.name((1 - ε) * y + ε / 3, "q")
    found = tg.derive(-(q * tg.log(a)).sum(), wrt=z)
    assert str(found.result) == "a − q"
    assert tg.check_answer(found, claim)
    assert not tg.check_answer(found, "a - y")


def test_an_index_of_a_sum_over_one_axis_is_explained():
    W = tg.Tensor(np.arange(1.0, 13).reshape(4, 3), name="W")
    for axis, said in ((0, "n counts the rows of W"), (1, "k counts the columns of W")):
        derivation = tg.derive(tg.sum(tg.sqrt(tg.sum(W**2, axis=axis))), wrt=W)
        assert said.split()[0] in str(derivation.result).translate(str.maketrans("ₙₖ", "nk"))
        assert said in derivation.text()
    whole = tg.derive(tg.sqrt(tg.sum(W**2)), wrt=W)
    assert "counts" not in whole.text()


def test_an_array_without_a_name_takes_none_that_the_caller_has_for_another():
    r = np.random.default_rng(3).normal
    c, Y, Z = r(size=4), np.eye(3)[[0, 1, 2, 1]], tg.Tensor(r(size=(4, 3)), name="Z")
    loss = -(c[:, None] * Y * tg.log_softmax(Z)).sum()
    letters = tg.derive(loss, wrt=Z).result.letters
    assert np.shape(letters.get("c", c)) == (4,)


def test_what_einsum_sums_by_itself_brings_no_constant_of_ones():
    r = np.random.default_rng(2).normal
    A, B = tg.Tensor(r(size=(2, 3, 4)), name="A"), tg.Tensor(r(size=(2, 4, 5)), name="B")
    for wrt in (A, B):
        derivation = tg.derive(tg.einsum("bij,bjk->", A, B), wrt=wrt)
        assert set(derivation.result.letters) == {"B" if wrt is A else "A"}
    M = tg.Tensor(r(size=(3, 3)), name="M")
    np.testing.assert_allclose(tg.gradients(tg.einsum("ii->", M), M), np.eye(3))
    np.testing.assert_allclose(tg.gradients(tg.einsum("ij->", M), M), np.ones((3, 3)))
