"""What is written can be read: each spelling of a formula has the formula's own numbers.

For the lectures, for each operation, for random graphs, and for expressions that no rule was
written for, a result is read back as text, with indices and in LaTeX, `python()` is run with NumPy
alone, and the library proves its own result when it is typed.
"""

from __future__ import annotations

import functools
import json
import math
import os
import shutil
import subprocess

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.lectures.derived import derived
from tests.samples import DIFFERENTIABLE, ONE_OF_EACH, quick_and_deep, tensors
from tests.symbolic import spellings
from tests.symbolic.answers import BUILD
from tests.symbolic.exercises import EXERCISES
from tests.symbolic.inside import (
    Environment,
    Letters,
    computed,
    environments,
    magnitudes,
    read,
    runtime,
)
from tests.symbolic.test_other_expressions import EXPRESSIONS, SQUARE
from tests.symbolic.test_random_graphs import check, derivations, of_a_softmax, random_graph
from tinygrad_edu.lectures import LECTURES

SPELLINGS = {
    "text": lambda formula: formula.text(),
    "indices": lambda formula: formula.text(indices=True),
    "LaTeX": lambda formula: formula.latex(),
    "LaTeX with indices": lambda formula: formula.latex(indices=True),
}
#: A longer text is refused.
LONGEST = 2500

#: Operations whose results cannot be read back yet: reshapes of arrays with three axes or more.
UNREAD = {"kron"}
#: Rows whose own results, typed again, are not proved yet: a name that is proved has to go.
UNPROVED = {"kron-matrices", "product_of_others-vector"}
#: Operations for which NumPy has no few words.
UNSAID = {"sort"}


def reader_of(derivation, formula):
    """Compute what is written of a formula, on the recorded data, in the shape of the formula."""
    letters = Letters(derivation)
    letters.target = formula
    (_, data), *_ = environments(letters)
    shape = formula.evaluate().shape

    def read_back(written):
        found = [computed(letters, claim, data) for claim in read(written, letters)]
        return next((f for f in found if f.shape == shape), found[0])

    return read_back


def run_with_numpy_alone(formula):
    return eval(formula.python(), {"np": np, "math": math, **formula.letters})


def assert_same(found, formula, what):
    """Compare to 1e-9 of the size of the terms; a number, or a vector, may stand for all rows."""
    wanted = np.asarray(formula.evaluate())
    found = np.broadcast_to(np.asarray(found, dtype=float), wanted.shape)
    finite = np.isfinite(wanted)
    assert np.array_equal(np.isfinite(found), finite), what
    if not finite.any():
        return
    terms = magnitudes(formula.expr, Environment())
    size = max(np.abs(wanted[finite]).max(), terms if np.isfinite(terms) else 0.0)
    assert np.abs(found - wanted)[finite].max() <= 1e-9 * size, what


def assert_law(derivation, *formulas, unread=(), unsaid=()):
    """Check all spellings of a derivation's result, and of other formulas of it."""
    with np.errstate(all="ignore"):
        for formula in (derivation.result, *formulas):
            read_back = reader_of(derivation, formula)
            for spelling, write in SPELLINGS.items():
                written = write(formula)
                if len(written) <= LONGEST and spelling not in unread:
                    what = f"{spelling}: {written}"
                    assert_same(read_back(written), formula, what)
            if "python" not in unsaid:
                assert_same(run_with_numpy_alone(formula), formula, formula.python())


def is_proved(derivation, written):
    with np.errstate(all="ignore"):
        try:
            verdict = tg.check_answer(derivation, written)
        except ValueError:  # it cannot be read
            return False
    assert verdict, str(verdict)
    return verdict.outcome == "proved"


def assert_proved(derivation, *spellings):
    with np.errstate(all="ignore"):
        for spelling in spellings or ("text", "indices"):
            written = SPELLINGS[spelling](derivation.result)
            verdict = tg.check_answer(derivation, written)
            assert verdict.outcome == "proved", str(verdict)


@pytest.mark.parametrize("key", LECTURES)
def test_the_lectures(key):
    found = derived(key)
    assert_law(found, found.start)
    assert_proved(found, *SPELLINGS)


def derived_from(build):
    return tg.derive(*build())


ASKED = {name: functools.partial(derived_from, build) for name, build in BUILD.items()}
ASKED |= {str(exercise): exercise.derive for exercise in EXERCISES}


@pytest.mark.parametrize("name", ASKED)
def test_what_exercises_ask_for(name):
    found = ASKED[name]()
    assert_law(found, found.start, *(step.after for step in found.steps))


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("build", [row[0] for row in (*EXPRESSIONS, *SQUARE)])
def test_expressions_that_nobody_teaches(build):
    output, wrt = build()
    found = tg.derive(output, wrt=wrt, names={})
    assert_law(found, found.start)
    assert_proved(found)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("name", spellings.TYPED)
def test_what_people_type_answers_to(name):
    output, wrt, *names = (spellings.BUILT.get(name) or getattr(spellings, name))()
    found = tg.derive(output, wrt=wrt, names=names[0] if names else {})
    assert_law(found, found.start)
    assert_proved(found)


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("case", quick_and_deep())
def test_every_operation(case):
    """Alone and under a loss, with respect to each argument."""
    args = case.arguments()
    output = case.call(*args)
    unread = SPELLINGS if case.name in UNREAD else ()
    proved = []
    for loss in (output, tg.sum(output * output)):
        for found in derivations(loss, tensors(args)):
            check(found)
            assert_law(found, unread=unread, unsaid={"python"} if case.name in UNSAID else ())
            if case in ONE_OF_EACH:
                proved.append(is_proved(found, str(found.result)))
    assert all(proved) == (str(case) not in UNPROVED)


TYPED_AGAIN = ["clip-below", "clip-above", "var-sample", "log_softmax-rows"]
TYPED_AGAIN += ["where-same", "where-spread", "exp2-vector", "getitem-list", "getitem-pairs"]
TYPED_AGAIN += ["sum-empty", "exp-empty", "xdivy-spread"]
TYPED_AGAIN += ["roll-axis", "concatenate-columns", "tile-none", "flip-axes"]
TYPED_AGAIN += ["sort-rows", "sort-columns", "einsum-ii", "einsum-ii->i", "einsum-iij,jk->k"]
TYPED_AGAIN += ["getitem-nothing", "array_split-places", "dropout-all"]
TYPED_AGAIN += ["max-negative-axis", "sort-vector"]


@pytest.mark.parametrize("name", TYPED_AGAIN)
def test_what_these_print_is_right_when_it_is_typed(name):
    """A bound that is infinite, an x that max binds beside one that is free, ranks below a line.

    And options that change the number: how many degrees are not free, and an axis that is kept.
    Masks, labels, arrays of no entries, and a power of 2.
    """
    (case,) = (case for case in DIFFERENTIABLE if str(case) == name)
    args = case.arguments()
    output = case.call(*args)
    for loss in (output, tg.sum(output * output)):
        for found in derivations(loss, tensors(args)):
            result = found.result
            for written in (result.text(), result.text(indices=True), result.latex()):
                verdict = tg.check_answer(found, written)
                assert verdict, verdict
                assert verdict.outcome == "proved", verdict


def law_of(name):
    for case in DIFFERENTIABLE:
        if case.name == name:
            args = case.arguments()
            for found in derivations(tg.sum(case.call(*args) ** 2), tensors(args)):
                assert_law(found)


@pytest.mark.parametrize("name", sorted(UNREAD | UNSAID))
def test_what_cannot_be_read_yet_is_named(name):
    """A name that is read by now has to go from the set."""
    with pytest.raises(ValueError, match=r"whole arrays|no spelling"):
        law_of(name)


@pytest.mark.usefixtures("untraced")
@of_a_softmax
@pytest.mark.parametrize(
    "batch", [0, 1, *(pytest.param(b, marks=pytest.mark.deep) for b in range(2, 20))]
)
def test_random_graphs(batch):
    count = 0
    for seed in range(30 * batch, 30 * batch + 30):
        with np.errstate(all="ignore"):
            output, leaves = random_graph(seed)
            for found in derivations(output, leaves):
                check(found)
                assert_law(found)
                if batch > 1 and not found.result.whole:
                    assert_proved(found)
                count += 1
    assert count >= 20


@pytest.mark.parametrize("seed", [68, 70, 93, 154, 421, 706])
def test_what_these_graphs_print_is_proved(seed):
    """A softmax of entries by its indices, the entry of a number that was kept, one entry twice."""
    with np.errstate(all="ignore"):
        output, leaves = random_graph(seed)
        for found in derivations(output, leaves):
            assert_proved(found)


@pytest.mark.parametrize("seed", [68, 70, 154, 706, 761])
def test_what_these_graphs_print_is_read(seed):
    """Log softmax with indices behind, no factor 1, a diagonal, an axis gone, a bracket."""
    with np.errstate(all="ignore"):
        for found in derivations(*random_graph(seed)):
            assert_law(found)


def formulas_of_the_lectures():
    """What a page shows of each derivation: the steps, and what each vertex passes back."""
    for found in map(derived, LECTURES):
        yield from (found.start, found.result, *(step.after for step in found.steps))
        yield from (formula for e in found.chain for formula in (e.incoming, e.contribution))


def test_node_runs_what_pages_show(tmp_path):
    node = shutil.which("node")
    if node is None and not os.environ.get("CI"):
        pytest.skip("there is no node, which runs JavaScript")
    assert node is not None, "install node, which runs JavaScript"
    formulas = list(formulas_of_the_lectures())
    lines = [runtime(), "const found = [];"]
    for formula in formulas:
        letters = formula.letters
        numbers = ", ".join(json.dumps(np.asarray(a, float).tolist()) for a in letters.values())
        function = f"({', '.join(letters)}) => {formula.javascript()}"
        lines.append(f"found.push($.of(({function})({numbers})));")
    lines.append("console.log(JSON.stringify(found));")
    program = tmp_path / "formulas.js"
    program.write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run([node, program], capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    answers = json.loads(done.stdout)
    assert len(answers) == len(formulas) > 500
    for answer, formula in zip(answers, formulas, strict=True):
        numbers = np.array(answer["data"], dtype=float).reshape(answer["shape"])
        assert_same(numbers, formula, formula.javascript())
