"""Derivations: their final forms as expressions, their length, and other witnesses."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import (
    EXERCISES,
    LABELS,
    LOGITS,
    ONE_HOT,
    ROWS,
    binary_of_probabilities,
    composed,
    composed_batch,
    composed_sigmoid,
    distribution,
    fused,
    huber,
    layer,
    layer_norm,
    logistic_of_margins,
    named,
    norm_of_any_order,
    smoothed_in_place,
    softmax_itself,
    through_softmax,
)
from tests.symbolic.forms import Letters
from tests.symbolic.inside import (
    CHOICES,
    EAGER,
    Environment,
    Index,
    Symbol,
    definitions_module,
    draws,
    text,
    work_module,
)
from tests.symbolic.witness import entries
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.op import REGISTRY

each = pytest.mark.parametrize("exercise", EXERCISES, ids=str)


@each
def test_the_final_form(exercise):
    found = exercise.derive()
    assert found.result.expr == exercise.form(Letters(found)).expr
    assert found.result.text() == str(found.result) == exercise.text
    assert found.result.text(indices=True) == exercise.indices


@each
def test_the_derivation_is_short(exercise):
    found = exercise.derive()
    assert len(found.steps) <= exercise.steps
    assert found.lines <= exercise.lines
    assert not found.capped


@each
def test_every_step_follows_from_the_one_before(exercise):
    found = exercise.derive()
    forms = [found.start, *(step.after for step in found.steps)]
    assert forms[-1].expr == found.result.expr
    for before, step in zip(forms, found.steps, strict=False):
        assert step.before.expr == before.expr
        assert step.residual < 1e-13
        assert step.on_data
        assert step.because
    assert found.residual < 1e-13


@each
def test_what_is_assumed_is_listed(exercise):
    found = exercise.derive()
    assert tuple(a.statement for a in found.assumptions if a.used) == exercise.assumed
    assert {step.assumption for step in found.steps} - {None} == set(exercise.assumed)


@each
def test_the_result_is_the_gradient_that_backward_computes(exercise):
    output, wrt = exercise.build()
    found = tg.derive(output, wrt=wrt, assume=exercise.assume)
    seed = None
    if found.seed is not None:
        seed = found.result.letters[found.seed]
    expected = tg.gradients(output, wrt, seed=seed)
    assert_allclose(found.result.evaluate(), expected, rtol=1e-12, atol=1e-15)
    assert_allclose(found.start.evaluate(), expected, rtol=1e-12, atol=1e-15)


# --- other values, other sizes --------------------------------------------------------------------


def logits(rng, *shape):
    return rng.normal(size=shape)


OTHER_SIZES = [
    (composed, {"z": (7,), "y": (7,)}, tg.softmax_cross_entropy),
    (composed_batch, {"Z": (6, 5), "Y": (6, 5)}, tg.softmax_cross_entropy),
    (through_softmax, {"Z": (2, 9), "Y": (2, 9)}, tg.softmax_cross_entropy),
    (fused, {"Z": (1, 2), "Y": (1, 2)}, tg.softmax_cross_entropy),
    (
        composed_sigmoid,
        {"s": (5,), "t": (5,)},
        lambda s, t: tg.sigmoid_cross_entropy(s, t, reduction="sum"),
    ),
]


@pytest.mark.parametrize(("build", "shapes", "reference"), OTHER_SIZES)
def test_the_result_holds_for_other_values_and_sizes(build, shapes, reference):
    output, wrt = build()
    found = tg.derive(output, wrt=wrt).result
    rng = np.random.default_rng(5)
    x, y = shapes
    for _ in range(3):
        values = {x: rng.normal(size=shapes[x]), y: distribution(rng, *shapes[y])}
        expected = tg.grad(reference)(values[x], values[y])
        assert_allclose(found.evaluate(values), expected, rtol=1e-11, atol=1e-14)


def test_the_recorded_data_stay_where_no_other_are_given():
    output, z = composed()
    found = tg.derive(output, wrt=z).result
    other = found.evaluate({"z": [3.0, 1.0, -2.0]})
    expected = tg.grad(tg.softmax_cross_entropy)(np.array([3.0, 1.0, -2.0]), np.eye(3)[1])
    assert_allclose(other, expected, rtol=1e-12)


# --- the chain ------------------------------------------------------------------------------------


def test_the_chain_names_what_every_vertex_passes_back():
    output, z = composed()
    found = tg.derive(output, wrt=z)
    to_a = [entry for entry in found.chain if str(entry.to) == "a"]
    assert [str(entry.contribution) for entry in to_a] == ["−y/a"]
    assert [str(entry.local) for entry in to_a] == ["g/a"]
    through_s = next(entry for entry in found.chain if str(entry.to) == "s")
    assert str(through_s.jacobian) == "−a/s"


@pytest.mark.parametrize("build", [composed, composed_batch, composed_sigmoid, layer])
def test_the_contributions_of_the_chain_add_up_to_the_gradients_of_the_engine(build):
    output, wrt = build()
    found = tg.derive(output, wrt=wrt)
    arrived: dict[str, list] = {}
    for entry in found.chain:
        arrived.setdefault(str(entry.to), []).append(entry.contribution.evaluate())
    checked = 0
    for node in ancestors(output):
        name = node.name
        if name in arrived:
            assert_allclose(sum(arrived[name]), tg.gradients(output, node), rtol=1e-11, atol=1e-14)
            checked += 1
    assert checked >= 2


@pytest.mark.parametrize("build", [composed, composed_batch, composed_sigmoid, softmax_itself])
def test_local_rules_and_jacobians_turn_what_comes_in_into_what_goes_on(build):
    output, wrt = build()
    found = tg.derive(output, wrt=wrt)
    for entry in found.chain:
        expected = entry.contribution.evaluate()
        incoming = entry.incoming.evaluate()
        if str(entry.letter) in entry.local.letters:
            got = entry.local.evaluate({str(entry.letter): incoming})
            assert_allclose(np.broadcast_to(got, expected.shape), expected, rtol=1e-11, atol=1e-14)
        assert_allclose(contracted(entry, incoming), expected, rtol=1e-11, atol=1e-14)


def contracted(entry, incoming):
    """The incoming gradient times the matrix ∂vertex/∂argument, summed over the vertex."""
    own = [axis for axis in entry.to.axes if axis is not None]
    copies = {}
    for label in entry.jacobian.expr.indices - set(own):
        copies[label.letter] = label
    of = [
        copies.get(axis.letter, Index(axis.letter, axis.length, axis))
        for axis in entry.of.axes
        if axis is not None
    ]
    matrix = Environment().array(entry.jacobian.expr, [*of, *own])
    g = incoming.reshape([axis.length for axis in of])
    flat = np.tensordot(g, matrix, axes=len(of))
    return flat.reshape(entry.contribution.evaluate().shape)


# --- another witness: SymPy on three scalars ------------------------------------------------------


def symbols_of(name, count=3):
    return [sympy.Symbol(f"{name}{i}", real=True) for i in range(count)]


@pytest.mark.usefixtures("untraced")
def test_sympy_agrees_on_cross_entropy():
    z, y = symbols_of("z"), symbols_of("y")
    loss = -sum(y[k] * sympy.log(sympy.exp(z[k]) / sum(map(sympy.exp, z))) for k in range(3))
    for build, assume in [(composed, ()), (composed, None)]:
        output, wrt = build()
        for (j,), entry in entries(tg.derive(output, wrt=wrt, assume=assume)):
            difference = sympy.diff(loss, z[j]) - entry
            if assume is None:
                difference = difference.subs(y[2], 1 - y[0] - y[1])
            assert sympy.simplify(difference) == 0


@pytest.mark.usefixtures("untraced")
def test_sympy_agrees_on_binary_cross_entropy():
    s, t = symbols_of("s"), symbols_of("t")
    z = [1 / (1 + sympy.exp(-x)) for x in s]
    loss = -sum(b * sympy.log(a) + (1 - b) * sympy.log(1 - a) for a, b in zip(z, t, strict=True))
    output, wrt = composed_sigmoid()
    for (j,), entry in entries(tg.derive(output, wrt=wrt)):
        assert sympy.simplify(sympy.diff(loss, s[j]) - entry) == 0


@pytest.mark.usefixtures("untraced")
def test_sympy_agrees_on_the_vector_jacobian_product_of_softmax():
    z, g = symbols_of("z"), symbols_of("g")
    a = [sympy.exp(x) / sum(map(sympy.exp, z)) for x in z]
    output, wrt = softmax_itself()
    for (j,), entry in entries(tg.derive(output, wrt=wrt)):
        expected = sum(g[k] * sympy.diff(a[k], z[j]) for k in range(3))
        assert sympy.simplify(expected - entry) == 0


# --- the theorem ----------------------------------------------------------------------------------

FUSED = [op for op in REGISTRY.values() if op.definition is not None]


def refusing(rule):
    """A rule for numbers alone: on symbols it raises."""

    def numbers_only(g, *args, **attributes):
        if isinstance(g, Symbol):
            raise AssertionError("a fused rule was asked")
        return rule(g, *args, **attributes)

    return numbers_only


def test_the_rule_of_softmax_cross_entropy_is_a_theorem(monkeypatch):
    """Its rule, g (a Σy − y), follows from its definition: no fused rule takes part."""
    for op in FUSED:
        rules = [rule and refusing(rule) for rule in op.rules]
        monkeypatch.setattr(op, "rules", rules)
    output, wrt = fused()
    found = tg.derive(output, wrt=wrt, assume=())
    f = Letters(found)
    a, y = f("softmax(Z)"), f("Y")
    assert found.result.expr == ((a * f.sum("k", y) - y) / f.N).expr

    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(4, 3)), rng.uniform(0, 2, size=(4, 3))  # sums other than 1
    out, a = REGISTRY["softmax_cross_entropy"].forward(z, y)
    g = np.full(4, 0.25)
    rule = REGISTRY["softmax_cross_entropy"].rules[0]
    assert_allclose(
        found.result.evaluate({"Z": z, "Y": y}), rule(g, out, z, y, saved=a), rtol=1e-12
    )


def test_the_fused_rules_would_be_asked_if_nothing_were_opened(monkeypatch):
    for op in FUSED:
        monkeypatch.setattr(op, "rules", [rule and refusing(rule) for rule in op.rules])
    output, wrt = softmax_itself()
    with pytest.raises(AssertionError, match="a fused rule was asked"):
        tg.derive(output, wrt=wrt, fused=("softmax",))


# --- labels, whole operations, assumptions --------------------------------------------------------


def test_labels_are_one_hot_and_need_no_assumption():
    output, wrt = fused(LABELS)
    labels = LABELS
    found = tg.derive(output, wrt=wrt)
    assert str(found.result) == "(softmax(Z) − one_hot(labels, K))/N"
    assert found.assumptions == []
    assert len(found.steps) <= 5
    assert found.residual < 1e-13
    assert labels is LABELS


def test_one_label_of_one_example():
    z = named("z", LOGITS)
    found = tg.derive(tg.softmax_cross_entropy(z, 1), wrt=z)
    assert_allclose(found.result.evaluate(), found.computed, rtol=1e-12)


def test_softmax_left_whole_is_a_distribution():
    output, wrt = through_softmax()
    found = tg.derive(output, wrt=wrt, fused=("softmax",))
    assert (
        found.result.expr == ((Letters(found)("A") - Letters(found)("Y")) / Letters(found).N).expr
    )
    assert any(meaning.whole for _, meaning in found.definitions)


def test_an_assumption_that_fails_on_the_data_is_not_used():
    output, z = composed([0.5, 1.0, 0.0])
    found = tg.derive(output, wrt=z)
    (assumption,) = found.assumptions
    assert (assumption.statement, assumption.holds, assumption.used) == ("Σy = 1", False, False)
    assert assumption.deviation == pytest.approx(0.5)
    named_one = tg.derive(output, wrt=z, assume=["Σy = 1"])
    assert str(named_one.result) == "a·Σy − y"
    assert "fails on the data by 0.5" in named_one.text()


def test_an_assumption_that_is_not_allowed_is_listed():
    output, z = composed()
    (assumption,) = tg.derive(output, wrt=z, assume=()).assumptions
    assert (assumption.holds, assumption.used) == (True, False)
    assert "holds on the data, but was not allowed" in tg.derive(output, wrt=z, assume=()).text()


def test_a_step_that_assumes_fails_where_the_assumption_does():
    """The random draws obey what is assumed, and nothing more."""
    output, z = composed()
    found = tg.derive(output, wrt=z)
    (step,) = (s for s in found.steps if s.assumption)
    y = np.array([0.5, 1.0, 0.75])
    broken = {"y": y}
    assert np.max(np.abs(step.before.evaluate(broken) - step.after.evaluate(broken))) > 0.1


def test_what_has_a_definition_is_computed_where_something_is_assumed_of_it():
    """Σy′ = 1 holds of numbers of its own, so what y′ is made of keeps them."""
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    smooth = tg.name(0.9 * y + 0.1 / 3, "y′")
    found = tg.derive(-(smooth * tg.log_softmax(z)).sum(), wrt=z)
    (step,) = (s for s in found.steps if s.assumption)
    assert step.assumption == "Σy′ = 1"
    assert step.residual < 1e-13
    (plain,) = draws([step.before.expr], (), count=1)
    (drawn,) = draws([step.before.expr], [step.about], count=1)
    assert np.max(np.abs(step.before.on(plain) - step.after.on(plain))) > 1e-3
    assert_allclose(step.before.on(drawn), step.after.on(drawn), rtol=1e-12)
    for claim in ("softmax(z) - (0.9 y + 0.1/3)", "softmax(z) - y′"):
        assert tg.check_answer(found, claim)
    assert not tg.check_answer(found, "softmax(z) - y")


def test_what_varies_is_never_assumed_to_sum_to_one():
    """On these data h sums to 1, but z reaches it, and other data would say otherwise."""
    z, y = named("z", [0.2, 0.3, 0.5]), named("y", [0.0, 1.0, 0.0])
    h = tg.name(z * z / tg.sum(z * z).data, "h")
    found = tg.derive(-(y * tg.log(h / h.sum())).sum(), wrt=z)
    assert "Σh = 1" not in [a.statement for a in found.assumptions]
    assert h.data.sum() == pytest.approx(1)


def test_columns_that_sum_to_one_by_chance_are_not_assumed_to():
    """N = K and every class once: the columns of Y sum to 1 as well, and nobody meant that."""
    X = named("X", np.random.default_rng(0).normal(size=(3, 3)))
    W, b = named("W", np.eye(3)), named("b", np.zeros(3))
    loss = tg.cross_entropy(tg.name(tg.softmax(X @ W + b), "A"), named("Y", np.eye(3)))
    found = tg.derive(loss, wrt=b)
    assert str(found.result) == "Σₙ(A − Y)/N"
    assert [a.statement for a in found.assumptions if a.used] == ["Σₖ Y = 1"]


def test_the_rows_of_weights_are_classes_and_those_of_data_are_examples():
    """One example z = W x has no n; X w has one output for each n."""
    draws = np.random.default_rng(0)
    V, W = named("V", draws.normal(size=(5, 4))), named("W", draws.normal(size=(3, 5)))
    x, y = draws.normal(size=4), np.array([0.0, 1.0, 0.0])
    h = tg.name(tg.tanh(V @ x), "h")
    L = tg.softmax_cross_entropy(tg.name(W @ h, "z"), y)
    found = tg.derive(L, wrt=V, names={"x": x, "y": y}).text(indices=True)
    assert found.startswith("∂L/∂Vᵢₘ = xₘ·Σₖ(Wₖᵢ·(softmax(z)ₖ − yₖ))·(1 − hᵢ²)\n")
    assert "ₙ" not in found
    assert "softmax(z)·Σy" in tg.derive(L, wrt=W, names={"x": x, "y": y}).text()

    X, w, t = draws.normal(size=(6, 4)), named("w", draws.normal(size=4)), np.array([0, 1.0] * 3)
    found = tg.derive(tg.sigmoid_cross_entropy(X @ w, t), wrt=w, names={"X": X, "t": t})
    assert "∂L/∂wⱼ = Σₙ(Xₙⱼ·(σ(Σₖ(Xₙₖ·wₖ)) − tₙ))/N" in found.text(indices=True)


def test_one_example_before_its_weights_has_features_and_no_n():
    """x W of one example, as nn.Linear computes; softmax(a) X weighs the rows of X, examples."""
    draws = np.random.default_rng(0)
    V, W = named("V", draws.normal(size=(4, 5))), named("W", draws.normal(size=(5, 3)))
    x, y = draws.normal(size=4), np.array([0.0, 1.0, 0.0])
    h = tg.name(tg.tanh(x @ V), "h")
    L = tg.softmax_cross_entropy(tg.name(h @ W, "z"), y)
    found = tg.derive(L, wrt=V, names={"x": x, "y": y}).text(indices=True)
    assert found.startswith("∂L/∂Vᵢₘ = xᵢ·Σₖ(Wₘₖ·(softmax(z)ₖ − yₖ))·(1 − hₘ²)\n")
    assert "ₙ" not in found

    X, a = named("X", draws.normal(size=(6, 4))), named("a", draws.normal(size=6))
    L = tg.sum((tg.softmax(a) @ X) ** 2)
    assert "∂L/∂Xₙⱼ = 2·softmax(a)ₙ·" in tg.derive(L, wrt=X).text(indices=True)


def test_no_sum_runs_over_a_letter_that_is_in_use_around_it():
    """Not even where the sum's own part has no entry of that letter: a reader would join them."""
    draws = np.random.default_rng(0)
    V, w = named("V", draws.normal(size=(4, 5))), named("w", draws.normal(size=5))
    X, t = draws.normal(size=(6, 4)), draws.normal(size=6)
    L = tg.mean((tg.tanh(X @ V) @ w - t) ** 2)
    found = tg.derive(L, wrt=V, names={"X": X, "t": t}).text(indices=True).split("\n")[0]
    assert found.startswith("∂L/∂Vᵢⱼ = ")
    assert "Σₖ(wₖ·tanh(Σₗ(Vₗₖ·Xₙₗ)))" in found

    a = named("a", draws.normal(size=6))
    L = tg.sum((tg.softmax(a) @ X) ** 2)
    found = tg.derive(L, wrt=a, names={"X": X}).text(indices=True).split("\n")[0]
    assert found.startswith("∂L/∂aₙ = ")
    assert "Σₙ" not in found


def test_a_gradient_has_the_indices_of_what_it_is_the_gradient_of():
    """In h + tanh(W h) rows and columns of W have one range, and each of them its own index."""
    h, W = named("h", [0.3, -1.0, 2.0]), named("W", np.arange(9.0).reshape(3, 3) / 5 - 1)
    u = tg.name(tg.tanh(W @ h), "u")
    L = 0.5 * ((h + u) ** 2).sum()
    found = tg.derive(L, wrt=W).text(indices=True)
    assert found.startswith("∂L/∂Wₙⱼ = hⱼ·(hₙ + uₙ)·(1 − uₙ²)\n")
    staged = tg.derive(L, wrt=W, staged=True)
    assert "∂L/∂Wₙⱼ = hⱼ·(hₙ + uₙ)·(1 − uₙ²)" in staged.text(indices=True)


def test_the_name_of_an_operation_on_a_matrix_has_its_rows_and_columns():
    draws = np.random.default_rng(0)
    Q, K = named("Q", draws.normal(size=(4, 3))), named("K", draws.normal(size=(5, 3)))
    V, W = named("V", draws.normal(size=(5, 2))), named("W", draws.normal(size=(3, 3)))
    attended = tg.derive((tg.softmax(Q @ K.T) @ V).sum(), wrt=V)
    assert "∂L/∂Vₘⱼ = Σₙ softmax(Q Kᵀ)ₙₘ\n" in attended.text(indices=True)
    to_itself = tg.derive((tg.softmax(Q @ W @ Q.T) @ Q).sum(), wrt=W).text()
    assert "softmax(Q W Qᵀ) = diag(1/(exp(Q W Qᵀ) 1)) exp(Q W Qᵀ)" in to_itself
    assert to_itself.splitlines()[0].count("softmax(Q W Qᵀ)") == 2


def test_what_is_derived_with_respect_to_is_one_vertex_and_not_its_equals():
    x = named("x", [1.0, 2.0, 4.0])
    v = tg.name(tg.var(x), "v")
    loss = v + tg.std(x)  # the standard deviation is the root of the same variance
    found = tg.derive(loss, wrt=v)
    assert str(found.result) == "1"
    assert found.residual == 0


def test_a_tensor_with_respect_to_itself():
    x = named("x", [1.0, 2.0])
    found = tg.derive(x, wrt=x)
    assert str(found.result) == "g"
    assert "⟨g, ∂x/∂x⟩ = g" in found.text()


def test_named_tensors_beside_the_graph_name_parts_of_the_formula():
    output, Z = fused()
    A = tg.name(tg.softmax(Z), "A")
    assert str(tg.derive(output, wrt=Z).result) == "(A − Y)/N"
    assert A is not None


def test_a_definition_is_met_in_the_names_of_its_parts():
    """exp(Z) is folded into E before A = exp(Z)/Σexp(Z) can be seen, though E came later."""
    output, Z = through_softmax()
    E = tg.name(tg.exp(Z), "E")
    S = tg.name(E.sum(axis=1, keepdims=True), "S")
    assert str(tg.derive(output, wrt=Z).result) == "(A − Y)/N"
    assert S is not None


def test_what_stands_beside_the_graph_does_not_join_its_axes():
    """u + v would make one index of two that the graph keeps apart."""
    u, v = named("u", [1.0, 2.0, 4.0]), named("v", [0.5, 1.0, 3.0])
    loss = tg.exp(u).sum() * tg.exp(v).sum()
    alone = tg.derive(loss, wrt=u, names={}).result.text(indices=True)
    beside = tg.name(u + v, "t")
    found = tg.derive(loss, wrt=u)
    assert found.result.text(indices=True) == alone
    other = found.result.evaluate({"u": [1.0, 2.0]})  # v keeps its own length
    assert_allclose(other, np.exp([1.0, 2.0]) * np.exp(v.data).sum())
    assert beside is not None


def test_what_a_quantity_sums_to_follows_from_what_its_mean_is():
    """Σx̂ = 0, though neither the definition of x̂ nor that of μ says so alone."""
    found = tg.derive(*layer_norm())
    (step,) = (step for step in found.steps if step.rule == "lemma")
    assert (str(step.matched), str(step.replaced)) == ("Σx̂", "0")
    assert step.because == "Σx̂ = 0, since x̂ = (x − μ)/σ"


def test_a_lemma_says_what_it_rests_on():
    """Σ(2y) = 2 because Σy = 1, which is assumed."""
    z, y = named("z", LOGITS), named("y", [0.0, 1.0, 0.0])
    d = tg.name(2 * y, "d")
    loss = -(d * tg.log_softmax(z)).sum()
    found = tg.derive(loss, wrt=z)
    assert str(found.result) == "2·softmax(z) − d"
    assert [a.statement for a in found.assumptions if a.used] == ["Σy = 1"]
    assert max(step.residual for step in found.steps) < 1e-13
    assert str(tg.derive(loss, wrt=z, assume=()).result) == "softmax(z)·Σd − d"
    assert d is not None


def test_a_gate_that_a_quantity_has_already_is_left_out():
    x = named("x", [0.5, -2.0, 1.0])
    assert str(tg.derive((tg.relu(x) ** 2).sum(), wrt=x).result) == "2·relu(x)"
    h = tg.name(tg.relu(x), "h")
    assert str(tg.derive((h * tg.where(x > 0, 0.0, x)).sum(), wrt=x).result) == "0"


# --- no rule is idle ------------------------------------------------------------------------------


def _inverse_functions():
    x, w = named("x", [0.5, 2.0]), named("w", [1.0, -1.0])
    return x, w


def log_of_exp():
    x, w = _inverse_functions()
    return (x * tg.log(tg.exp(w))).sum(), x


def exp_of_log():
    x, w = _inverse_functions()
    return (x * tg.exp(tg.log(1 + tg.exp(w)))).sum(), x


def sign_of_abs():
    x, w = _inverse_functions()
    return (x * tg.abs(w) * tg.sign(w)).sum(), x


def sign_of_itself():
    x, w = _inverse_functions()
    return (x * w * tg.sign(w)).sum(), x


def constant_sum():
    s, x = named("s", 2.0), named("x", [1.0, 2.0])
    return (s + x).sum(), s


def like_powers():
    x, w = _inverse_functions()
    return (x * w * w).sum(), x


def exponentials():
    x, w = _inverse_functions()
    return (x * tg.exp(w) * tg.exp(2 * w)).sum(), x


def rectified():
    x, _ = _inverse_functions()
    return tg.relu(x).sum(), x


def gated_twice():
    x, w = _inverse_functions()
    return tg.where(w > 0, tg.where(w > 0, x, 0.0), 0.0).sum(), x


def never_both():
    x, w = _inverse_functions()
    return (tg.where(w > 0, x, 0.0) * tg.where(w > 0, 0.0, x)).sum(), x


def one_of_two():
    x, w = _inverse_functions()
    return tg.where(w <= 0, 2 * x, x * x).sum(), x


def root_of_cube():
    x, w = _inverse_functions()
    return (x * tg.sqrt(tg.abs(w) ** 3)).sum(), x


def root_of_square():
    x, w = _inverse_functions()
    return (x * tg.sqrt(w**2)).sum(), x


def letters_as_exponents():
    x, w = _inverse_functions()
    p = named("p", 3.0)
    return (x * tg.exp(w) ** p * tg.exp(w) ** 2).sum(), x


def margins_of(op):
    x, w = _inverse_functions()
    return op(0.0, 1 - w * x).sum(), x


def quantiles():
    x, w = _inverse_functions()
    q = named("q", 0.9)
    return tg.maximum(q * (w - x), (q - 1) * (w - x)).sum(), x


def logarithm_of_cosh():
    x, w = _inverse_functions()
    return tg.log(tg.cosh(x * w)).sum(), x


def turned_rows():
    z, y, T = named("z", LOGITS), named("y", [0.0, 1.0, 0.0]), named("T", 2.0)
    return -(y * tg.log(tg.softmax(z / T))).sum(), T


def label_of_softmax():
    z = named("z", LOGITS)
    return -tg.log(tg.softmax(z)[1]), z


def labels_of_softmax():
    Z = named("Z", ROWS)
    return -tg.log(tg.softmax(Z)[np.arange(4), LABELS]).mean(), Z


def both_sigmoids():
    x, w = _inverse_functions()
    return (x * tg.sigmoid(w) * tg.sigmoid(-w)).sum(), x


def written_out(shift):
    z, c = named("z", LOGITS), named("c", shift)
    e = tg.exp(z - c) if shift else tg.exp(z)
    return tg.log(e.sum()), z


def stacked():
    x, w = _inverse_functions()
    return tg.logsumexp(tg.stack([w, x]), axis=0).sum(), x


def squares_of_sums():
    z = named("z", LOGITS)
    return (tg.cumsum(z) ** 2).sum(), z


def joined(last):
    z, w = named("z", LOGITS), named("w", [0.5, 2.0])
    both = tg.concatenate([w, z])
    return tg.log_softmax(both)[3] if last else tg.exp(both).sum(), z


def quadratic_form():
    x, W = named("x", LOGITS), named("W", [[2.0, 1.0, 0.5], [1.0, -3.0, 0.2], [0.5, 0.2, 1.0]])
    return x @ W @ x, x


def over_rows():
    Z = named("Z", ROWS)
    return sum(tg.logsumexp(Z[i]) for i in range(len(ROWS))), Z


def spelled_with_logarithms():
    X, W = named("X", np.arange(12.0).reshape(4, 3) / 7), named("W", np.arange(9.0).reshape(3, 3))
    picked = (named("Y", ONE_HOT) * (X @ W)).sum(axis=1)
    return (tg.logsumexp(X @ W, axis=1) - picked).mean(), W


NEEDED_BY = {
    "decided": norm_of_any_order,
    "gate": rectified,
    "gate twice": gated_twice,
    "opposite gates": never_both,
    "cases": one_of_two,
    "clip": huber,
    "power of a power": root_of_cube,
    "root of a square": root_of_square,
    "add exponents": letters_as_exponents,
    "tie": lambda: margins_of(tg.maximum),
    "opposite sigmoid": logistic_of_margins,
    "odd function": quantiles,
    "common denominator": binary_of_probabilities,
    "cancel": composed,
    "δ picks": composed,
    "distribution": lambda: fused(LABELS),
    "assumption": composed,
    "symmetric": quadratic_form,
    "shares": smoothed_in_place,
    "constant out of Σ": composed,
    "Σ of a constant": constant_sum,
    "collect": composed_sigmoid,
    "join powers": like_powers,
    "join exponentials": exponentials,
    "distribute": composed_sigmoid,
    "Σ of a sum": next(e.build for e in EXERCISES if e.name == "shifted"),
    "factor": softmax_itself,
    "written out": over_rows,
    "one sum": spelled_with_logarithms,
    "turn a difference": turned_rows,
    "δ sifts": label_of_softmax,
    "index sifts": labels_of_softmax,
    "compare": lambda: margins_of(tg.maximum),
    "opposite sigmoids": both_sigmoids,
    "softmax": lambda: written_out(0.0),
    "shift": lambda: written_out(1.0),
    "entry of a stack": stacked,
    "Σ over a stack": stacked,
    "number out": squares_of_sums,
    "slice of a stack": lambda: joined(last=False),
    "slice of δ": lambda: joined(last=True),
}


def written(found):
    chain = [str(entry.jacobian) for entry in found.chain]
    return str(found.result), chain, found.lines


@pytest.mark.parametrize(
    "rule",
    [rule for rule in (*EAGER, *CHOICES) if not hasattr(rule, "conditions")],  # laws: test_rules
    ids=lambda rule: rule.name,
)
def test_without_any_rule_a_derivation_ends_elsewhere(rule, monkeypatch):
    output, wrt = NEEDED_BY[rule.name]()
    whole = written(tg.derive(output, wrt=wrt, names={}))
    for module in (work_module, definitions_module):
        for table in {"UNDOING", "TIDYING", "CHOICES"} & vars(module).keys():
            rules = tuple(r for r in getattr(module, table) if r is not rule)
            monkeypatch.setattr(module, table, rules)
    assert written(tg.derive(output, wrt=wrt, names={})) != whole


# --- many spellings, one form ---------------------------------------------------------------------


def spelled_with_labels(Z, y):
    rows, E = np.arange(len(y)), tg.exp(Z - tg.max(Z, axis=1, keepdims=True))
    P = E / E.sum(axis=1, keepdims=True)
    yield -tg.log_softmax(Z)[rows, y].mean()
    yield -tg.log(tg.softmax(Z))[rows, y].mean()
    yield -tg.log(tg.softmax(Z)[rows, y]).mean()
    yield (tg.logsumexp(Z, axis=1) - Z[rows, y]).mean()
    yield -tg.log(P[rows, y]).mean()
    yield -tg.log_softmax(Z)[..., rows, y].mean()
    yield tg.softmax_cross_entropy(Z, y)


def spelled_with_one_label(z):
    e, s = tg.exp(z), z - tg.max(z)
    yield -tg.log(tg.softmax(z)[1])
    yield -tg.log(tg.softmax(z))[1]
    yield -tg.log_softmax(z)[1]
    yield tg.logsumexp(z) - z[1]
    yield -tg.log(e[1] / e.sum())
    yield tg.log(tg.exp(z - z[1]).sum())
    yield tg.log(tg.exp(s).sum()) - s[1]


def spelled_with_targets(z, y):
    e, s = tg.exp(z), z - tg.max(z)
    f = tg.exp(s)
    yield -(y * tg.log(e / e.sum())).sum()
    yield -(y * tg.log_softmax(z)).sum()
    yield tg.log(e.sum()) - (y * z).sum()
    yield tg.log(f.sum()) - (y * s).sum()
    yield -(y * tg.log(f / f.sum())).sum()
    yield tg.max(z) + tg.log(f.sum()) - y @ z
    yield tg.logsumexp(z - (y * z).sum())
    yield -tg.einsum("k,k->", y, tg.log(tg.softmax(z)))
    yield -tg.sum(tg.log(tg.softmax(z) ** y))


def spelled_binary(s, t):
    z, e = 1 / (1 + tg.exp(-s)), tg.exp(s)
    p = e / (1 + e)
    yield tg.softplus(s) - t * s
    yield tg.log(1 + e) - t * s
    yield tg.log1p(e) - t * s
    yield tg.logaddexp(0.0, s) - t * s
    yield tg.maximum(s, 0.0) - s * t + tg.log1p(tg.exp(-tg.abs(s)))
    yield tg.relu(s) - s * t + tg.log(1 + tg.exp(-tg.abs(s)))
    yield -(t * tg.log(z) + (1 - t) * tg.log(1 - z))
    yield -(t * tg.log(p) + (1 - t) * tg.log(1 - p))
    yield t * tg.log(1 + tg.exp(-s)) + (1 - t) * tg.log(1 + e)
    yield (1 - t) * s + tg.log(1 + tg.exp(-s))
    yield -t * tg.log(tg.sigmoid(s)) - (1 - t) * tg.log(tg.sigmoid(-s))


def spelled_as_hinge(s, t):
    m = 1 - t * s
    yield from (tg.maximum(0.0, m), tg.maximum(m, 0.0), tg.relu(m), m * (t * s < 1))
    yield from (tg.where(t * s < 1, m, 0.0), tg.where(t * s >= 1, 0.0, m), tg.where(m > 0, m, 0.0))


def spelled_with_tanh(s, t):
    h = tg.tanh(s)
    yield -((1 + t) * tg.log((1 + h) / 2) + (1 - t) * tg.log((1 - h) / 2)) / 2
    yield -0.5 * ((1 + t) * tg.log1p(h) + (1 - t) * tg.log1p(-h))


def spelled_log_cosh(s, t):
    yield tg.log(tg.cosh(s - t))
    yield tg.abs(s - t) + tg.log(1 + tg.exp(-2 * tg.abs(s - t)))
    yield s - t + tg.softplus(2 * (t - s))


Z, z, s = named("Z", ROWS), named("z", LOGITS), named("s", [0.3, -1.0, 0.8])
y, t = named("y", [0.0, 1.0, 0.0]), named("t", [0.0, 1.0, 1.0])
SIGNS = np.array([-1.0, 1.0, 1.0])

SPELLINGS = [
    ("(softmax(Z) − one_hot(y, K))/N", Z, [*spelled_with_labels(Z, LABELS)]),
    ("softmax(z) − δ₁", z, [*spelled_with_one_label(z)]),
    ("softmax(z) − y", z, [*spelled_with_targets(z, y)]),
    ("σ(s) − t", s, [loss.sum() for loss in spelled_binary(s, t)]),
    ("(σ(s) − t)/N", s, [loss.mean() for loss in spelled_binary(s, t)]),
    ("−t ⊙ [s ⊙ t < 1]", s, [loss.sum() for loss in spelled_as_hinge(s, SIGNS)]),
    ("tanh(s) − t", s, [loss.sum() for loss in spelled_with_tanh(s, t)]),
    ("tanh(s − t)", s, [loss.sum() for loss in spelled_log_cosh(s, t)]),
]


@pytest.mark.parametrize(
    ("form", "wrt", "loss"),
    [(form, wrt, loss) for form, wrt, losses in SPELLINGS for loss in losses],
)
def test_one_function_has_one_form_however_it_is_spelled(form, wrt, loss):
    found = tg.derive(loss, wrt=wrt, names={"y": LABELS, "t": SIGNS})
    assert str(found.result) == form
    assert found.residual < 1e-12
    assert all(step.residual < 1e-12 for step in found.steps)


def test_labels_may_be_counted_from_the_end_and_picked_along_an_axis():
    for loss in (
        -tg.log_softmax(Z)[np.arange(4), LABELS - 3].mean(),
        -tg.take_along_axis(tg.log_softmax(Z), LABELS[:, None], axis=1).mean(),
    ):
        found = tg.derive(loss, wrt=Z, names={})
        assert "scatter" not in str(found.result)
        assert_allclose(found.result.evaluate(), (tg.softmax(ROWS) - ONE_HOT) / 4, rtol=1e-12)


def test_sums_with_a_common_factor_become_one():
    loss, W = spelled_with_logarithms()
    assert str(tg.derive(loss, wrt=W, names={}).result) == "Xᵀ(softmax(X W) − Y)/N"
    p, y, X = (np.arange(n, dtype=float) for n in (4, 5, 20))
    p, X, y = named("p", p / 9), named("X", X.reshape(5, 4) / 31), named("y", y % 2)
    s = tg.sigmoid(X @ p)
    for count, over in ((5, "/5"), (20, "/20"), (10, None)):
        loss = -(y * tg.log(s) + (1 - y) * tg.log(1 - s)).sum() / count
        said = str(tg.derive(loss, wrt=p, names={}).result)
        assert said == (f"Xᵀ(s − y){over}" if over else "0.1·Xᵀ(s − y)")


RNG = np.random.default_rng(5)
INPUTS, OUTPUTS, PULLS = RNG.normal(size=(4, 2)), RNG.normal(size=4), RNG.uniform(size=(4, 4))
MARGINS = np.array([1.0, -1.0, -1.0, 1.0])


def in_turns(Z, w, W, v):
    """Losses of rows, added up one after the other, and how their gradients are written."""
    X, t, m, S, y, N = INPUTS, OUTPUTS, MARGINS, PULLS, LABELS, range(4)
    error = 0.0
    for i in N:
        p = tg.softmax(X[i] @ W)  # the last row has a name
        error = error - tg.log(p[y[i]])
    s = [X[i] @ w for i in N]
    return {
        "softmax(Z) − one_hot(y, K)": (sum(-tg.log_softmax(Z[i])[y[i]] for i in N), Z),
        "(softmax(Z) − one_hot(y, K))/4": (sum(-tg.log_softmax(Z)[i, y[i]] for i in N) / 4, Z),
        "Xᵀ(softmax(X W) − one_hot(y, K))": (error, W),
        "2·Z": (sum(Z[i] @ Z[i] for i in N), Z),
        "Xᵀ(X w − t)": (sum((s[i] - t[i]) ** 2 for i in N) / 2, w),
        "−m ⊙ [m ⊙ v < 1]": (sum(tg.relu(1 - m[i] * v[i]) for i in N), v),
        "σ(v) − t": (
            sum(
                -t[i] * tg.log(tg.sigmoid(v[i])) - (1 - t[i]) * tg.log(1 - tg.sigmoid(v[i]))
                for i in N
            ),
            v,
        ),
        "Σₖ((Sₖₙ + Sₙₖ)·(vₙ − vₖ))": (
            sum(S[i, j] * (v[i] - v[j]) ** 2 for i in N for j in N) / 2,
            v,
        ),
    }


def test_an_array_of_three_axes_says_which_index_is_whose():
    B, v = named("B", RNG.normal(size=(2, 3, 4))), named("v", RNG.normal(size=4))
    found = tg.derive(tg.einsum("bik,k->bi", B, v).sum(), wrt=B)
    line = found.text().splitlines()[0]
    assert line == "∂L/∂Bₙⱼᵢ = vᵢ"
    assert tg.check_answer(found, line)
    assert not tg.check_answer(found, "∂L/∂Bₙᵢⱼ = vᵢ")
    assert r"\partial B_{nji}} &= v_{i}" in found.latex()
    assert str(tg.derive((B**2).sum() / 2, wrt=B)).startswith("∂L/∂B = B")  # it takes none


def test_a_loop_over_rows_ends_as_the_batch_does():
    leaves = {"Z": ROWS, "w": [0.2, -1.0], "W": RNG.normal(size=(2, 3)), "v": OUTPUTS - 0.3}
    made = in_turns(**{name: named(name, array) for name, array in leaves.items()})
    names = {"X": INPUTS, "t": OUTPUTS, "m": MARGINS, "S": PULLS, "y": LABELS}
    for form, (loss, wrt) in made.items():
        found = tg.derive(loss, wrt=wrt, names=names)
        assert str(found.result) == form
        assert_allclose(found.result.evaluate(), tg.gradients(loss, wrt), rtol=1e-12, atol=1e-14)
        assert all(step.holds for step in found.steps)


def test_a_loop_that_leaves_a_place_out_is_no_whole_sum():
    x = named("x", [0.3, -0.4, 0.9, 1.3])
    neighbours = sum((x[i + 1] - x[i]) ** 2 for i in range(3)) / 2
    for loss in (sum(tg.exp(x[i]) for i in range(3)), neighbours):
        found = tg.derive(loss, wrt=x, names={})
        assert "written out" not in {step.rule for step in found.steps}
        assert_allclose(found.result.evaluate(), tg.gradients(loss, x), rtol=1e-12)


def test_rows_that_are_picked_are_a_product_with_one_hot_rows():
    W, A = named("W", np.arange(12.0).reshape(4, 3)), named("A", ROWS)
    ids = np.array([3, 0, 0, 1])
    found = tg.derive((W[ids] * A).sum(), wrt=W, names={"ids": ids})
    assert str(found.result) == "one_hot(ids, D)ᵀ A"
    assert found.residual < 1e-14
    several = tg.derive((W[:, np.array([[0, 1], [2, 2]])] ** 2).sum(), wrt=W, names={})
    assert several.residual < 1e-14
    assert "scatter" not in str(several.result)


def test_shares_are_assumed_only_where_a_length_was_put_in_as_a_number():
    z, y, u = named("z", [0.3, -1.2, 0.5]), named("y", [0.0, 1.0, 0.0]), named("u", [1 / 3] * 3)

    def statements(_targets, **options):  # a name that no formula takes
        found = tg.derive(-(_targets * tg.log_softmax(z)).sum(), wrt=z, names={}, **options)
        assert all(step.residual < 1e-12 for step in found.steps)
        return {a.statement for a in found.assumptions if a.used}

    assert statements(0.9 * y + 0.1 / 3) == {"Σ(1/30 + 0.9·y) = 1"}
    assert statements(0.9 * y + 0.1 / 3, assume=("Σy = 1",)) == {"Σy = 1"}
    assert statements(0.9 * y + 0.1 / 3, assume=()) == set()
    assert statements(0.9 * y + 0.1 / tg.length(y, axis=0)) == {"Σy = 1"}
    assert statements(0.9 * y + 0.1 * u) == {"Σy = 1", "Σu = 1"}
    assert statements(0.9 * y + 0.1) == {"Σy = 1"}  # they add up to more
    assert statements(1.5 * y - 0.5 / 3) == {"Σy = 1"}  # one of them is negative


def test_what_stands_beside_the_graph_is_drawn_as_it_is_assumed():
    z, y, epsilon = named("z", [0.3, -1.2, 0.5]), named("y", [0.0, 1.0, 0.0]), named("ε", 0.1)
    soft = tg.name((1 - epsilon) * y + epsilon / 3, "T")
    loss = -(((1 - epsilon) * y + epsilon / 3) * tg.log_softmax(z)).sum()
    found = tg.derive(loss, wrt=z, names={"T": soft})
    assert str(found.result) == "softmax(z) − T"
    assert found.steps[-1].assumption == "ΣT = 1"
    assert all(step.residual < 1e-12 for step in found.steps)


HIDDEN = {
    tg.relu: "relu(b + X W)",
    tg.sigmoid: "σ(b + X W)",
    tg.softplus: "softplus(b + X W)",
    tg.gelu: "gelu(b + X W)",
    tg.tanh: "tanh(b + X W)",
}


@pytest.mark.parametrize("activation", HIDDEN)
def test_a_hidden_layer_without_a_name_is_called_what_it_is(activation):
    rng = np.random.default_rng(0)
    sizes = {"X": (5, 4), "W": (4, 6), "b": 6, "V": (6, 3)}
    X, W, b, V = (named(name, rng.normal(size=size)) for name, size in sizes.items())
    Y = named("Y", np.eye(3)[[0, 2, 1, 1, 0]])
    loss = tg.cross_entropy(tg.softmax(activation(X @ W + b) @ V), Y)
    found, hidden = tg.derive(loss, wrt=V, names={}), HIDDEN[activation]
    assert str(found.result) == f"{hidden}ᵀ(softmax({hidden} V) − Y)/N"
    assert found.residual < 1e-13
    meanings = {str(name): str(meaning) for name, meaning in found.definitions}
    outer = f"softmax({hidden} V)"
    assert meanings[outer] == f"exp({hidden} V)/Σₖ exp({hidden} V)"


def test_a_sigmoid_of_sigmoids_without_names_is_seen_to_be_one():
    rng = np.random.default_rng(0)
    X, W, V = (
        named(n, rng.normal(size=s)) for n, s in [("X", (5, 4)), ("W", (4, 3)), ("V", (3, 2))]
    )
    found = tg.derive(tg.sigmoid(tg.sigmoid(X @ W) @ V), wrt=V, names={})
    outer = "σ(σ(X W) V)"
    assert str(found.result) == f"σ(X W)ᵀ(g ⊙ {outer} ⊙ (1 − {outer}))"
    assert found.residual < 1e-13


def test_a_sigmoid_with_a_name_is_not_turned():
    x = named("x", [0.5, -2.0])
    a = tg.name(tg.sigmoid(-2 * x), "a")
    assert str(tg.derive(-tg.log(a).sum(), wrt=x).result) == "2·(1 − a)"
    assert str(tg.derive((a - a**2 + x).sum(), wrt=a).result) == "1 − 2·a"


def test_rules_print_as_equations():
    for rule in (*EAGER, *CHOICES):
        assert str(rule).startswith(rule.name + ": ")
        assert "=" in rule.equation
    assert len({rule.name for rule in (*EAGER, *CHOICES)}) == len(EAGER) + len(CHOICES)


# --- how it is printed ----------------------------------------------------------------------------


def test_the_text_tells_the_whole_story():
    output, z = composed()
    found = tg.derive(output, wrt=z)
    written = found.text()
    for piece in (
        "∂L/∂z = a − y",
        "a = e/s",
        "L = −Σ(y ⊙ log a)",
        "−y/a",
        "2 paths meet in e and add up: Σ(a ⊙ y/(a·s)) − y/(a·s)",
        "by definition a = e/s",
        "Σy = 1   holds on the data",
        "Checked: difference of the result and the gradient that backward computes",
    ):
        assert piece in written
    assert "∂L/∂zⱼ = aⱼ − yⱼ" in found.text(indices=True)
    assert max(map(len, written.splitlines())) <= 110


def test_paths_meet_in_a_vertex_and_not_in_all_that_are_written_alike():
    """−(−x) is written x, and so are the entries of Kᵀ: one path goes through both vertices."""
    x, K = named("x", [0.5, -1.2]), named("K", ROWS)
    for output, wrt in ((tg.exp(tg.negative(-x)).sum(), x), (named("q", LOGITS) @ K.T, K)):
        assert "paths meet" not in tg.derive(output, wrt=wrt).text(indices=True)
    found = tg.derive(output, wrt=wrt)
    rows = [len(found.text(indices).split("Algebra")[0].splitlines()) for indices in (False, True)]
    assert rows[0] == rows[1] + 1  # with indices, K and Kᵀ are one
    both = x.reshape(2, 1) * x.reshape(1, 2)  # what only moves entries is no vertex of its own
    assert "2 paths meet in x" in tg.derive(both, wrt=x).text()
    assert "2 paths meet in x" in tg.derive(x * tg.exp(x), wrt=x).text()


def test_wide_derivations_are_written_below_one_another():
    output, wrt = layer()
    for indices in (False, True):
        lines = tg.derive(output, wrt=wrt).text(indices=indices).splitlines()
        assert max(map(len, lines)) <= 120


def test_latex_is_one_aligned_display_with_a_line_for_each_step():
    output, z = composed()
    found = tg.derive(output, wrt=z)
    written = found.latex()
    assert written.count("&=") == len(found.steps) + 1
    assert written.startswith("\\begin{align*}")
    assert r"a - y" in written.splitlines()[-2]
    assert found._repr_latex_() == written
    assert found.result._repr_latex_() == "$a - y$"
    assert r"\left\langle g, " in tg.derive(*softmax_itself()).latex()


def test_a_sum_in_latex_does_not_seem_to_reach_over_what_follows():
    output, z = composed()
    result = tg.derive(output, wrt=z, assume=()).result
    assert result.latex() == r"a \odot \left(\sum y\right) - y" or result.latex() == (
        r"a \, \left(\sum y\right) - y"
    )
    assert result.latex(indices=True) == r"a_{j} \, \left(\sum_{k} y_{k}\right) - y_{j}"


@pytest.mark.usefixtures("untraced")
def test_long_formulas_are_not_written_out_in_the_terminal():
    x = named("x", ROWS)
    for _ in range(4):
        x = tg.softmax(x)
    loss = tg.name((x * x).sum(), "L")
    leaf = ancestors(loss)[0]
    found = tg.derive(loss, wrt=leaf, names={})
    assert found.start.size > 300
    assert f"a formula of {found.start.size} parts" in found.text()


def test_representations():
    output, z = composed()
    found = tg.derive(output, wrt=z)
    assert repr(found) == f"<derivation ∂L/∂z = a − y, {len(found.steps)} steps>"
    assert repr(found.result) == "<formula a − y>"
    assert repr(found.steps[0]).startswith("<step cancel: ")
    assert repr(found.chain[0]).startswith("<∂/∂")
    assert text(found.result.expr) == repr(found.result.expr) == "a − y"


def test_one_hot_rows_are_what_they_seem():
    assert_allclose(ONE_HOT.sum(axis=1), 1)
    assert ROWS.shape == ONE_HOT.shape


# --- lecture lines --------------------------------------------------------------------------------


@each
def test_a_lecture_line_is_a_choice_with_its_tidying(exercise):
    found = exercise.derive()
    assert list(itertools.chain(*found.lecture)) == found.steps
    assert found.lines == len(found.lecture)
    for place, line in enumerate(found.lecture):
        assert line[0].is_choice or place == 0
        assert {step.rule for step in line if step.is_choice} <= {line[0].rule}


def cells(written):
    """What stands between signs and wide spaces, below the heading of the algebra."""
    return re.split(r" *= +|  +|\n *", written[written.index("Algebra") :])


def test_the_lecture_leaves_out_what_stands_between():
    found = tg.derive(*composed())
    assert 1 < found.lines < len(found.steps)
    lecture, full = (cells(found.text(detail=detail)) for detail in ("lecture", "full"))
    for line in found.lecture:
        assert str(line[-1].after) in lecture
        assert ", ".join(dict.fromkeys(step.rule for step in line)) in lecture
        for step in line:
            assert str(step.after) in full
        for step in line[:-1]:
            assert str(step.after) not in lecture
    assert found.latex(detail="lecture").count("&=") == 1 + found.lines
    assert found.latex(detail="full").count("&=") == 1 + len(found.steps)


def test_a_detail_that_does_not_exist_is_refused():
    found = tg.derive(*composed())
    for write in (found.text, found.latex):
        with pytest.raises(ValueError, match='"full" or "lecture", not \'short\''):
            write(detail="short")
