"""What cannot be derived ends in one clear sentence; what overflows or is odd comes out right."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.symbolic.exercises import (
    ROWS,
    composed,
    composed_batch,
    fused,
    named,
    softmax_itself,
)
from tinygrad_edu.core.op import REGISTRY


def refused(error, *words, **call):
    with pytest.raises(error) as caught:
        tg.derive(**call)
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence, sentence
    return sentence


# --- arguments ------------------------------------------------------------------------------------


def test_the_output_must_depend_on_wrt():
    output, _ = composed()
    other = named("other", [1.0])
    refused(ValueError, "L does not depend on other", output=output, wrt=other)
    unnamed = tg.Tensor([1.0])
    refused(ValueError, "does not depend on", output=output, wrt=unnamed)


def test_a_constant_path_does_not_count():
    x = named("x", [1.0, 2.0])
    output = (tg.stop_gradient(x) * 2).sum()
    refused(ValueError, "does not depend on x", output=output, wrt=x)


@pytest.mark.parametrize("what", [np.ones(3), 1.0, [1.0], None, "z"])
def test_only_tensors_have_a_graph(what):
    output, z = composed()
    refused(TypeError, "output is a", "Tensor", output=what, wrt=z)
    refused(TypeError, "wrt is a", "Tensor", output=output, wrt=what)


def test_a_leaf_that_was_given_new_data():
    z = named("z", [1.0, 2.0])
    output = (z * z).sum()
    z.data = np.array([3.0, 4.0])
    refused(ValueError, "z was given new data", output=output, wrt=z)


def test_a_constant_array_that_was_changed():
    z, weights = named("z", [1.0, 2.0]), np.array([1.0, 2.0])
    output = (z * weights).sum()
    weights[0] = 5.0
    refused(ValueError, "multiply", "a constant array was changed", output=output, wrt=z)


@pytest.mark.parametrize("assume", [["Σx = 1"], "Σx = 1", ("Σy = 1", "Σx = 1")])
def test_an_assumption_that_nothing_rests_on(assume):
    output, z = composed()
    refused(ValueError, "'Σx = 1'", "'Σy = 1'", output=output, wrt=z, assume=assume)


def test_one_assumption_need_not_be_in_a_list():
    output, z = composed()
    assert str(tg.derive(output, wrt=z, assume="Σy = 1").result) == "a − y"


def test_an_assumption_where_none_is_asked_for():
    x = named("x", [1.0])
    refused(ValueError, "are: none", output=(x * 2).sum(), wrt=x, assume=["Σy = 1"])


def test_an_unknown_operation_to_leave_whole():
    output, z = composed()
    refused(ValueError, "'softmacks'", output=output, wrt=z, fused=["softmacks"])


def test_names_mark_arrays():
    output, z = composed()
    refused(TypeError, "'y'", "float", output=output, wrt=z, names={"y": 1.0})


# --- evaluate -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"q": [1.0]}, ["'q'", "there are: y, z"]),
        ({"z": 1.0}, ["z has 1 axes", "shape ()"]),
        ({"z": [1.0, 2.0]}, ["y has length 3", "2 in z"]),
        ({"z": [1.0, 2.0], "y": [0.0, 1.0, 0.0]}, ["z has length 2", "3 in y"]),
    ],
)
def test_values_that_do_not_fit(values, words):
    output, z = composed()
    result = tg.derive(output, wrt=z).result
    with pytest.raises(ValueError, match="evaluate") as caught:
        result.evaluate(values)
    for word in words:
        assert word in str(caught.value)


def test_an_axis_of_length_one_stays_one():
    x, b = named("x", ROWS), named("b", [[0.5, 1.0, 1.5]])
    result = tg.derive((tg.exp(x * b)).sum(), wrt=b).result
    with pytest.raises(ValueError, match="length 2 where it is 1"):
        result.evaluate({"b": np.ones((2, 3)), "x": np.ones((4, 3))})


def test_a_length_that_an_index_fixes_stays():
    x = named("x", [1.0, 2.0, 3.0])
    result = tg.derive((x[1:] ** 2).sum(), wrt=x).result
    assert_allclose(result.evaluate({"x": [4.0, 5.0, 6.0]}), [0, 10, 12])
    with pytest.raises(ValueError, match="an index or attribute fixes it"):
        result.evaluate({"x": np.ones(5)})


# --- numbers at the edge --------------------------------------------------------------------------


def test_logits_that_overflow():
    """The opened form is checked on random numbers alone; the result is exact."""
    z = named("z", [1e4, 0.0, 0.0])
    y = named("y", [0.0, 1.0, 0.0])
    output = tg.softmax_cross_entropy(z, y)
    found = tg.derive(output, wrt=z)
    assert_allclose(found.result.evaluate(), tg.gradients(output, z), atol=1e-15)
    assert_allclose(found.result.evaluate(), [1.0, -1.0, 0.0], atol=1e-15)
    unchecked = [step for step in found.steps if not step.on_data]
    assert unchecked
    assert all(step.residual < 1e-12 for step in found.steps)
    assert "on random numbers alone" in found.text()
    assert found.residual < 1e-12


def test_a_named_softmax_of_logits_that_overflow():
    """A name stands for the recorded value, which is exact where the opened form is not."""
    z, y = named("z", [1e4, 0.0, 0.0]), named("y", [0.0, 1.0, 0.0])
    output = tg.softmax_cross_entropy(z, y)
    a = tg.name(tg.softmax(z), "a")
    result = tg.derive(output, wrt=z).result
    assert str(result) == "a − y"
    assert_allclose(result.evaluate(), a.data - y.data, atol=1e-15)


def test_a_gradient_that_is_not_finite_is_said_not_to_be():
    x = named("x", [0.0, 1.0])
    with np.errstate(all="ignore"):
        output = tg.log(x).sum()
    found = tg.derive(output, wrt=x)
    assert str(found.result) == "1/x"
    assert np.isnan(found.residual)
    assert "Not checked" in found.text()


def test_numbers_beyond_the_range_of_floats():
    x = named("x", [2.0])
    output = (0.3 * x) ** 40 * 1e-300 * 1e-300
    found = tg.derive(output.sum(), wrt=x)
    assert_allclose(found.result.evaluate(), found.computed, atol=1e-300)
    assert found.text()
    with np.errstate(all="ignore"):
        huge = (1e300 * x).sum() * 1e300
    assert np.isinf(tg.derive(huge, wrt=x).result.evaluate()).all()


def test_a_high_power_of_a_number_is_left_alone():
    x = named("x", [2.0])
    found = tg.derive(((0.25 * x) ** 5000).sum(), wrt=x)
    assert len(str(found.result)) < 200


def test_infinite_and_missing_constants():
    x = named("x", [1.0, -2.0])
    for bound in (np.inf, 1.5):
        found = tg.derive((tg.minimum(x, bound) * 3).sum(), wrt=x)
        assert found.residual < 1e-12
        assert found.text()


# --- how far it came ------------------------------------------------------------------------------


def test_what_no_rule_shortens_is_returned_and_said():
    x = named("x", [1.0, 2.0])
    found = tg.derive(tg.tanh(x).sum(), wrt=x)
    assert found.steps == []
    assert found.result.expr == found.start.expr
    assert "no equation makes what the backward pass leaves any shorter" in found.text()
    assert found.lines == 0


def test_a_search_that_was_cut_short_says_so(monkeypatch):
    from tests.symbolic.inside import work_module

    monkeypatch.setitem(work_module.Work.simplified.__kwdefaults__, "limit", 1)
    output, z = composed_batch()
    found = tg.derive(output, wrt=z)
    assert found.capped
    assert "The search was cut short" in found.text()
    assert found.residual < 1e-12


def layers(count, name):
    h = x = named("x", [0.1, -0.2, 0.3])
    for i in range(count):
        h = tg.tanh(h)
        if name:
            tg.name(h, f"h{i}")
    return h.sum(), x


def test_a_thousand_layers_without_names_are_refused():
    output, x = layers(1000, name=False)
    refused(ValueError, "nests", "give Tensors on the way a name", output=output, wrt=x)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("count", [100, pytest.param(300, marks=pytest.mark.deep)])
def test_hundreds_of_layers_with_names_are_written_down(count):
    output, x = layers(count, name=True)
    found = tg.derive(output, wrt=x)
    assert found.residual < 1e-12
    assert "(1 − h2²) ⊙ (1 − h3²)" in str(found.result)  # in the order of their numbers
    assert found.text()


def test_a_formula_that_doubles_at_every_step_is_refused():
    h = x = named("x", [0.1, -0.2])
    for _ in range(60):
        h = h * h
    refused(ValueError, "parts", output=h.sum(), wrt=x)


def test_a_thousand_layers_of_sums():
    h = x = named("x", [0.1, -0.2])
    for _ in range(1000):
        h = h + 1
    assert str(tg.derive(h.sum(), wrt=x).result) == "1"


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ['"', "<b>z</b>", "a b", "{0}", "{", "\\", "%s", "$", "z\nz", "Σ", "1", "a − y", "𝒛"],
)
def test_names_that_are_markup_or_grammar(name):
    z, y = tg.Tensor([0.1, 0.2], name=name), named("y", [0.5, 0.5])
    output = tg.name(tg.softmax_cross_entropy(z, y), "L")
    found = tg.derive(output, wrt=z)
    assert found.residual < 1e-12
    for indices in (False, True):
        assert found.text(indices=indices)
        written = found.latex(indices=indices)
        assert written.count("{") - written.count(r"\{") == written.count("}") - written.count(
            r"\}"
        )


def test_two_tensors_of_one_name_are_told_apart():
    a, b = named("x", [1.0, 2.0]), named("x", [3.0, 4.0])
    found = tg.derive((a * b).sum(), wrt=a)
    assert str(found.result) == "x′"
    constant = np.array([5.0, 6.0])
    found = tg.derive((a * constant).sum(), wrt=a, names={"x": constant})
    assert str(found.result) == "x′"
    assert_allclose(found.result.evaluate({"x′": [7.0, 8.0]}), [7, 8])


def test_a_letter_that_the_user_took_is_not_taken_again():
    g, c = named("g", [1.0, 2.0]), named("c", [0.5, 0.25])
    found = tg.derive(tg.exp(g * c) * np.array([3.0, 4.0]), wrt=g)
    assert found.seed == "g′"
    assert str(found.result).count("c1") == 1
    assert found.residual < 1e-12


def test_an_intermediate_without_a_name_prints_as_its_operation():
    z, y = named("z", [0.1, 0.2]), named("y", [0.0, 1.0])
    output = -(y * tg.log(tg.softmax(z))).sum()
    assert str(tg.derive(output, wrt=z, names={}).result) == "softmax(z) − y"


def test_with_respect_to_an_intermediate():
    a = tg.softmax(named("z", [0.1, 0.2]))
    found = tg.derive(tg.log(a).sum(), wrt=a)
    assert found.result.text() == "1/a"
    assert found.text()


def test_with_respect_to_an_intermediate_without_a_name():
    made = [tg.softmax(named("z", [0.1, 0.2]))]
    found = tg.derive(tg.log(made[0]).sum(), wrt=made[0])
    assert found.residual < 1e-12
    assert found.title == ("L", "(exp(z)/Σexp(z))")
    assert found.text()


# --- deterministic, and nothing is kept -----------------------------------------------------------

SCRIPT = """
import numpy as np, tinygrad_edu as tg
from tests.symbolic.exercises import EXERCISES
from tests.symbolic.test_random_graphs import random_graph, written
for exercise in EXERCISES:
    found = exercise.derive()
    print(found.text(), found.text(indices=True), found.latex(), found.latex(indices=True))
for seed in (401, 402, 410):
    output, leaves = random_graph(seed)
    print(*(written(output, x) for x in leaves))
"""


@pytest.mark.ci
def test_the_text_is_the_same_whatever_the_hash_seed():
    runs = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
            encoding="utf-8",
        ).stdout
        for seed in "01234"
    }
    assert len(runs) == 1
    assert "a − y" in runs.pop()


@pytest.mark.parametrize("build", [composed, fused, softmax_itself])
def test_a_derivation_keeps_its_tensors_no_longer_than_itself(build):
    output, wrt = build()
    gone = weakref.ref(output), weakref.ref(wrt)
    found = tg.derive(output, wrt=wrt)
    del output, wrt
    assert found.residual < 1e-12  # on what it was derived from, whoever else lets go of it
    assert found.result.tensor().shape == found.computed.shape
    del found
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


def test_deriving_leaves_no_operation_behind():
    before = set(REGISTRY)
    output, wrt = composed()
    tg.derive(output, wrt=wrt)
    assert set(REGISTRY) == before
