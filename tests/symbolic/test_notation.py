"""Printed formulas are read back and evaluated: printers lose parentheses and reuse letters."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import EXERCISES
from tests.symbolic.expressions import LETTERS, K, N, environment, expressions, letter
from tests.symbolic.inside import (
    Apply,
    Delta,
    Index,
    Mul,
    Opaque,
    Quantity,
    Sum,
    constant,
    distinct,
    is_short,
    magnitudes,
    number,
    power,
    product,
    sum_over,
    total,
)
from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.notation.names import escape_latex, name_latex
from tinygrad_edu.symbolic.notation.written import latex, text

SUBSCRIPTS = dict(zip("ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "aehijklmnoprstuvx", strict=True))
VALUES = {leaf.quantity.name: leaf.quantity.value for leaf in LETTERS} | {"N": 3.0, "K": 2.0}


def nested_over(label, expr, depth=0):
    """How many sums over one range stand inside each other."""
    depth += isinstance(expr, Sum) and expr.index is label
    return max([depth, *(nested_over(label, child, depth) for child in expr.children)])


def rounded(expr):
    """Whether a number is printed with six digits."""
    value = getattr(expr, "coefficient", getattr(expr, "value", Fraction(0)))
    return not is_short(value) and float(f"{float(value):.6g}") != float(value)


def is_told_apart_by_rounding(expr):
    """Whether two sides of a comparison are so near that another order of operations may swap them.

    An infinite number is hidden by a comparison, and 1/0 has no sign when it is read.
    """
    for each in distinct(expr):
        if isinstance(each, Apply) and (each.op.constant or each.op is ops.maximum):
            free = sorted(each.indices, key=lambda label: label.letter)
            one, *others = (1.0 * environment().array(e, free) for e in each.children)
            other = others[0] if others else 0.0
            if not np.all(np.abs(one - other) > 1e-9 * (1 + np.abs(one) + np.abs(other))):
                return True
    return False


@settings(max_examples=300)
@given(expr=expressions(roots=True))
def test_what_is_printed_can_be_read_back(expr):
    with np.errstate(all="ignore"):
        free = sorted(expr.indices, key=lambda label: label.letter)
        expected = environment().array(expr, free)
        size = magnitudes(expr, environment())
        near = is_told_apart_by_rounding(expr)
    if near or not np.isfinite(expected).all() or size > 1e12 or any(map(rounded, distinct(expr))):
        return
    counts = any(isinstance(e, Sum) and e.index not in e.body.indices for e in distinct(expr))
    if counts and any(nested_over(r, expr) + (r in expr.indices) > 1 for r in (N, K)):
        return  # how far a second letter of a range runs shows only where it stands at an array
    for written in (text(expr, indices=True), latex(expr, indices=True)):
        got = tg.parse(written, **VALUES).data
        if np.isfinite(got).all():  # and no 0/0, which counts as 0 in losses and in formulas
            assert_allclose(got, expected, rtol=1e-8, atol=1e-9 * size, err_msg=written)


x, w, v, u, y, c = LETTERS
ONE = Fraction(1)
D, H = Index("d", 2), Index("h", 2)


def times(*factors):
    return product(1, [(f, ONE) for f in factors])


DIFFERENCE = total([u, product(-1, [(y, ONE)])])

READINGS = [
    (product(1, [(u, 1), (times(y, c), -1)]), "u/(c·y)", "uⱼ/(c·yⱼ)"),
    (product(1, [(u, -1), (y, -1)]), "1/(u ⊙ y)", "1/(uⱼ·yⱼ)"),
    (product(-1, [(DIFFERENCE, ONE)]), "−(u − y)", "−(uⱼ − yⱼ)"),
    (power(DIFFERENCE, 2), "(u − y)²", "(uⱼ − yⱼ)²"),
    (power(power(u, Fraction(1, 2)), 3), "u^(3/2)", "uⱼ^(3/2)"),
    (power(u, Fraction(1, 2)), "√u", "√uⱼ"),
    (power(Mul(ONE, ((u, Fraction(2)),)), Fraction(1, 2)), "√(u²)", "√(uⱼ²)"),
    (product(Fraction(1, 2), [(u, ONE)]), "u/2", "uⱼ/2"),
    (product(Fraction(-2, 3), [(u, ONE)]), "−2·u/3", "−2·uⱼ/3"),
    (
        product(Fraction(1, 10), [(u, ONE)]),
        "0.1·u",
        "0.1·uⱼ",
    ),
    (
        product(Fraction(1, 7**30), [(u, ONE)]),
        "4.436687086236306·10⁻²⁶·u",
        "4.436687086236306·10⁻²⁶·uⱼ",
    ),
    (product(10**20, [(u, ONE)]), "10²⁰·u", "10²⁰·uⱼ"),
    (Sum(K, times(u, y)), "Σ(u ⊙ y)", "Σₖ(uₖ·yₖ)"),
    (times(u, Sum(K, u)), "u·Σu", "uⱼ·Σₖ uₖ"),
    (product(1, [(Sum(K, u), ONE), (u, -ONE)]), "Σu/u", "Σₖ uₖ/uⱼ"),
    (product(1, [(u, ONE), (Sum(K, u), -ONE)]), "u/Σu", "uⱼ/Σₖ uₖ"),
    (power(Sum(K, u), 2), "(Σu)²", "(Σₖ uₖ)²"),
    (Sum(K, Sum(K, u)), "Σₗₗ uₗ", "Σₗₗ uₗ"),
    (Sum(K, times(u, Sum(K, y))), "Σ(u·Σy)", "Σₖ(uₖ·Σₗ yₗ)"),
    (sum_over([N, K], x), "Σx", "Σₖₙ xₙₖ"),
    (Sum(K, times(x, u)), "x u", "Σₖ(uₖ·xₙₖ)"),
    (Sum(N, times(x, v)), "xᵀ v", "Σₙ(vₙ·xₙⱼ)"),
    (Apply(ops.log, (u,), {}), "log u", "log uⱼ"),
    (Apply(ops.log, (DIFFERENCE,), {}), "log (u − y)", "log (uⱼ − yⱼ)"),
    (product(1, [(Apply(ops.log, (u,), {}), ONE), (c, -ONE)]), "(log u)/c", "(log uⱼ)/c"),
    (power(Apply(ops.log, (u,), {}), 2), "(log u)²", "(log uⱼ)²"),
    (power(Apply(ops.exp, (u,), {}), 2), "exp(u)²", "exp(uⱼ)²"),
    (Apply(ops.abs, (DIFFERENCE,), {}), "|u − y|", "|uⱼ − yⱼ|"),
    (Apply(ops.abs, (Apply(ops.abs, (u,), {}),), {}), "|(|u|)|", "|(|uⱼ|)|"),
    (Apply(ops.power, (u, c), {}), "u^c", "uⱼ^c"),
    (
        times(y, Apply(ops.power, (u, total([number(1), times(number(-1), c)])), {})),
        "y/u^(c − 1)",
        "yⱼ/uⱼ^(c − 1)",
    ),
    (times(y, Apply(ops.power, (u, times(number(-1), c)), {})), "y/u^c", "yⱼ/uⱼ^c"),
    (times(y, Apply(ops.power, (u, total([c, number(-1)])), {})), "y ⊙ u^(c − 1)", "yⱼ·uⱼ^(c − 1)"),
    (
        Apply(ops.power, (u, total([number(1), times(number(-1), c)])), {}),
        "u^(1 − c)",
        "uⱼ^(1 − c)",
    ),
    (Apply(ops.greater, (DIFFERENCE, c), {}), "[u − y > c]", "[uⱼ − yⱼ > c]"),
    (
        Apply(ops.where, (Apply(ops.less_equal, (c, DIFFERENCE), {}), u, y), {}),
        "where([c ≤ u − y], u, y)",
        "where([c ≤ uⱼ − yⱼ], uⱼ, yⱼ)",
    ),
    (Delta(K, Index("k", 2, K)), "I", "δₖⱼ"),
]


@pytest.mark.parametrize(("expr", "plain", "indexed"), READINGS, ids=lambda value: str(value))
def test_how_it_reads(expr, plain, indexed):
    assert text(expr) == plain
    assert text(expr, indices=True) == indexed


def test_a_matrix_is_transposed_where_rows_and_columns_are_given():
    whole = times(x, w)  # w runs over the same two ranges the other way round
    assert text(whole, axes=(N, K)) == "wᵀ ⊙ x"
    assert text(whole, axes=(K, N)) == "w ⊙ xᵀ"
    assert text(w, axes=(N, K)) == "wᵀ"
    assert latex(whole, axes=(N, K)) == r"{w}^{\top} \odot x"


def test_a_product_is_transposed_as_a_whole_where_that_takes_fewer_marks():
    X, W, Y = (
        letter(name, axes, np.ones((2, 2)))
        for name, axes in (("X", [N, D]), ("W", [D, H]), ("Y", [N, K]))
    )
    hidden = Apply(ops.tanh, (Sum(D, times(X, W)),), {})
    assert text(Sum(N, times(hidden, Y))) == "tanh(X W)ᵀ Y"
    assert latex(Sum(N, times(hidden, Y))) == r"{\tanh(X \, W)}^{\top} \, Y"
    turned = Sum(D, times(letter("X", [D, N], np.ones((2, 2))), W))
    assert text(Sum(N, times(turned, Y))) == "Wᵀ X Y"


# --- LaTeX ----------------------------------------------------------------------------------------


def assert_balanced(written):
    depth = 0
    for match in re.finditer(r"\\.|[{}]", written):
        depth += {"{": 1, "}": -1}.get(match.group(), 0)
        assert depth >= 0, written
    assert depth == 0, written
    assert written.count(r"\left") == written.count(r"\right"), written
    assert not re.search(r"\^\{[^{}]*\}\^|_\{[^{}]*\}_", written), f"double script: {written}"


@given(expr=expressions(roots=True))
def test_latex_is_balanced(expr):
    for indices in (False, True):
        assert_balanced(latex(expr, indices=indices))


@pytest.mark.parametrize("exercise", EXERCISES, ids=str)
def test_latex_of_derivations_is_balanced(exercise):
    found = exercise.derive()
    for indices in (False, True):
        assert_balanced(found.latex(indices=indices))
        for entry in found.chain:
            for formula in (entry.of, entry.local, entry.contribution, entry.jacobian):
                assert_balanced(formula.latex(indices=indices))


LATEX = [
    (times(c, u), r"c \, u", r"c \, u_{j}"),
    (times(u, y), r"u \odot y", r"u_{j} \, y_{j}"),
    (product(1, [(u, ONE), (c, -ONE)]), r"\frac{u}{c}", r"\frac{u_{j}}{c}"),
    (power(DIFFERENCE, 2), r"{\left(u - y\right)}^{2}", r"{\left(u_{j} - y_{j}\right)}^{2}"),
    (power(u, Fraction(1, 2)), r"\sqrt{u}", r"\sqrt{u_{j}}"),
    (Sum(K, times(u, y)), r"\sum \left(u \odot y\right)", r"\sum_{k} \left(u_{k} \, y_{k}\right)"),
    (Sum(K, DIFFERENCE), r"\sum \left(u - y\right)", r"\sum_{k} \left(u_{k} - y_{k}\right)"),
    (
        total([times(c, Sum(K, u)), product(-1, [(y, ONE)])]),
        r"c \, \left(\sum u\right) - y",
        r"c \, \left(\sum_{k} u_{k}\right) - y_{j}",
    ),
    (Sum(N, times(x, v)), r"{x}^{\top} \, v", r"\sum_{n} \left(v_{n} \, x_{nj}\right)"),
    (
        power(Apply(ops.exp, (u,), {}), 2),
        r"{\left(e^{u}\right)}^{2}",
        r"{\left(e^{u_{j}}\right)}^{2}",
    ),
    (Apply(ops.power, (u, c), {}), r"{u}^{c}", r"{u_{j}}^{c}"),
    (
        Apply(ops.power, (DIFFERENCE, c), {}),
        r"{\left(u - y\right)}^{c}",
        r"{\left(u_{j} - y_{j}\right)}^{c}",
    ),
    (
        Apply(ops.power, (Sum(K, u), c), {}),
        r"{\left(\sum u\right)}^{c}",
        r"{\left(\sum_{k} u_{k}\right)}^{c}",
    ),
    (
        Apply(ops.power, (c, DIFFERENCE), {}),
        r"{c}^{u - y}",
        r"{c}^{u_{j} - y_{j}}",
    ),
    (
        Apply(ops.where, (Apply(ops.less, (DIFFERENCE, c), {}), DIFFERENCE, y), {}),
        r"\begin{cases} u - y & [u - y < c] \\ y & \text{else} \end{cases}",
        r"\begin{cases} u_{j} - y_{j} & [u_{j} - y_{j} < c] \\ y_{j} & \text{else} \end{cases}",
    ),
    (product(10**20, [(u, ONE)]), r"10^{20} \, u", r"10^{20} \, u_{j}"),
    (number(Fraction(1, 3)), r"\frac{1}{3}", r"\frac{1}{3}"),
]


@pytest.mark.parametrize(("expr", "plain", "indexed"), LATEX, ids=lambda value: str(value))
def test_how_latex_reads(expr, plain, indexed):
    assert latex(expr) == plain
    assert latex(expr, indices=True) == indexed


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("z", "z"),
        ("z1", "z_{1}"),
        ("W_2", "W_{2}"),
        ("x_i", "x_{i}"),
        ("z′", "z'"),
        ("λ", r"\lambda"),
        ("sigma", r"\sigma"),
        ("σ1", r"\sigma_{1}"),
        ("loss", r"\mathrm{loss}"),
        ("my_loss", r"\mathrm{my\_loss}"),
        ("W_out", r"W_{\mathrm{out}}"),
        ("λ_a_b′", r"\lambda_{\mathrm{a\_b}}'"),
        ("50%", r"\mathrm{50\%}"),
        ("a{b}$", r"\mathrm{a\{b\}\$}"),
        ("<b>", r"\mathrm{<b>}"),
        ("\\input", r"\mathrm{\backslash input}"),
    ],
)
def test_names_in_latex(name, written):
    assert name_latex(name) == written
    assert_balanced(written)


def test_every_special_character_is_escaped():
    assert escape_latex("{}#$%&_") == r"\{\}\#\$\%\&\_"


def test_a_name_of_several_lines_stays_on_one():
    z = tg.Tensor([1.0, 2.0], name="two\nlines")
    found = tg.derive((z * z).sum(), wrt=z)
    assert str(found.result) == "2·two lines"
    assert "two lines" in found.text().splitlines()[0]


def test_an_index_on_a_name_with_an_index():
    z1 = Quantity("z_1", (K,), np.zeros(2)).leaf
    assert latex(z1, indices=True) == "{z_{1}}_{j}"


def test_operations_on_whole_arrays_show_arrays_inside_and_an_index_outside():
    rows = Opaque(ops.max, (x,), {"axis": 1, "keepdims": False}, ((N, K),), (N,))
    assert text(rows) == "max(x, axis=1)"
    assert text(rows, indices=True) == "max(x, axis=1)ₙ"
    picked = Opaque(
        REGISTRY["getitem"], (u,), {"index": (("slice", 0, 1, None),)}, ((K,),), (None,)
    )
    assert text(picked) == "u[0:1]"
    assert text(times(c, picked)) == "c·u[0:1]"


@pytest.mark.parametrize(
    ("kept", "written"),
    [
        (lambda v: v[:, 1:3], "V[:, 1:3]"),
        (lambda v: tg.cumsum(v, axis=0), "cumsum(V, axis=0)"),
        (lambda v: tg.concatenate([v, v]), "concatenate([V, V], axis=0)"),
        (lambda v: v[np.array([True, False, True])], "V[c]"),
    ],
)
def test_an_operation_on_whole_arrays_is_transposed_as_a_letter_is(kept, written):
    rng = np.random.default_rng(0)
    v = tg.Tensor(rng.normal(size=(3, 4)), name="V")
    rows, columns = kept(v).shape
    h = tg.Tensor(rng.normal(size=(5, rows)), name="H")
    y = rng.normal(size=(5, columns))
    found = tg.derive(tg.sum((h @ kept(v) - y) ** 2) / 2, wrt=h).result
    assert str(found) == f"(H {written} − y) {written}ᵀ"
    assert text(found.expr, axes=found.axes[::-1]) == f"{written} (H {written} − y)ᵀ"
    assert found.latex().endswith(r"}^{\top}")
    m = tg.Tensor(rng.normal(size=(columns, rows)), name="M")
    product = tg.derive(tg.sum(m * kept(v).T), wrt=m).result
    assert str(product) == f"{written}ᵀ"


def test_twenty_indices_do_not_run_out_of_letters():
    labels = [Index("k", 2, K) for _ in range(20)]
    many = Quantity("t", tuple(labels), None).leaf
    written = text(sum_over(labels, many), indices=True)
    assert len(set(re.findall(r"i\d+|[a-z]", written.translate(str.maketrans(SUBSCRIPTS))))) >= 20


def test_shared_parts_are_printed_in_time():
    """Doubling at every level: the text grows by the tree, the work must not grow faster."""
    expr = u
    for _ in range(8):
        expr = Apply(ops.maximum, (expr, Apply(ops.tanh, (expr,), {})), {})
    assert len(text(expr)) < 20_000
    assert len(list(distinct(expr))) == 17
    assert letter("q", [], 1.0).quantity.name == "q"


def test_a_float_that_is_a_root_is_written_as_one():
    for value, written in (
        (np.sqrt(2), "√2"),
        (1 / np.sqrt(3), "1/√3"),
        (-np.sqrt(2 / 3), "−√2/√3"),
        (np.sqrt(0.25), "1/2"),
        (0.3, "0.3"),
        (1.41421, "1.41421"),
        (np.pi, "3.141592653589793"),
    ):
        assert text(constant(float(value))) == written


def test_both_sides_of_an_equation_have_their_examples_in_rows():
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(5, 3)), tg.Tensor(rng.normal(size=(3, 2)), name="W")
    found = tg.derive(tg.softmax_cross_entropy(x @ w, np.eye(2)[[0, 1, 1, 0, 1]]), wrt=w)
    (step,) = [step for step in found.steps if step.rule == "name"]
    assert step.because == "by definition softmax(x W) = exp(x W)/Σₖ exp(x W)"
    assert f"{step.matched} = {step.replaced}" == "exp(x W)/Σₖ exp(x W) = softmax(x W)"


def test_matrices_read_by_rows_whatever_their_index_is_called():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))
    w = tg.Tensor(rng.normal(size=(3, 2)), name="W")
    u = tg.Tensor(rng.normal(size=(2, 2)), name="U")
    a, b = (tg.Tensor(rng.normal(size=(3, 3)), name=name) for name in "AB")

    found = tg.derive(tg.sum((tg.tanh(x @ w) @ u - y) ** 2) / 2, wrt=u).result
    assert str(found) == "tanh(x W)ᵀ(tanh(x W) U − y)"

    whole, part = tg.mean((x @ w - y) ** 2), tg.mean((x[1:4] @ w - y[1:4]) ** 2)
    assert "Wᵀ" not in tg.derive(whole + part, wrt=w).text()

    found = tg.derive(tg.sum((a @ b @ a) ** 2) / 2, wrt=a).result
    assert str(found) == "A B A Aᵀ Bᵀ + (A B)ᵀ A B A"


def test_names_that_are_identifiers_stay_in_programs():
    t, X = np.array([1.0, 0.0]), tg.Tensor([[0.3, -1.2], [0.7, 0.1]], name="X")
    X̂ = tg.tanh(X)
    result = tg.derive(tg.sum((X̂ @ t - X @ t) ** 2), wrt=X).result
    assert {"t", "X", "X̂"} <= set(result.letters)
    there = {"np": np, "t": t, "X": X.data, "X̂": X̂.data}
    assert_allclose(eval(result.python(), there), result.evaluate())
    boxed = tg.Tensor([1.0, 2.0], name="x²")
    plain = tg.Tensor([3.0, 4.0], name="x_2")
    found = tg.derive(tg.sum(boxed**2 * plain**2), wrt=boxed).result
    assert_allclose(found.letters["x_2"], [3.0, 4.0])


def test_sums_within_sums_are_spelled_in_time():
    depth, rng = 40, np.random.default_rng(0)
    weights = [tg.Tensor(rng.normal(size=(2, 2)), name=f"W{n}") for n in range(depth)]
    h = tg.Tensor(rng.normal(size=2), name="x")
    for n, weight in enumerate(weights):
        h = tg.name(tg.tanh(weight @ h), f"h{n}")
    found = tg.derive(tg.sum(h), wrt=weights[0]).result
    assert found.text(indices=True).count("Σ") == depth - 1
    assert found.latex(indices=True).count(r"\sum") == depth - 1
