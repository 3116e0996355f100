"""Steps are judged exactly: what is an identity is called exact, and nothing else ever is."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.lectures.derived import derived as derived_lecture
from tests.symbolic.exercises import ROWS, SOFT, named
from tests.symbolic.inside import (
    LAWS,
    LAWS_OF_LOGARITHMS,
    Judge,
    Number,
    distinct,
    number,
    product,
    replace,
    total,
)
from tests.symbolic.inside import exact as exact_module
from tinygrad_edu.lectures import IDENTITIES, LECTURES

ONE = Fraction(1)


def judged(left, right, assume=()):
    """Say whether two computations are equal exactly."""
    sides = tg.prove(left, right, assume=assume)
    one, other = sides.left, sides.right
    return Judge([one.expr, other.expr]).exactness(one.expr, other.expr, one.axes)


def letters():
    rng = np.random.default_rng(3)
    x, y = (named(n, rng.uniform(0.5, 1.5, 3)) for n in "xy")
    return x, y, named("t", 0.7), named("X", ROWS)


x, y, t, X = letters()


@pytest.mark.parametrize("key", LECTURES)
def test_every_step_of_every_derivation_of_the_lectures_is_exact(key):
    found = derived_lecture(key)
    for step in found.steps:
        assert step.exact, step
    assert not any(step.exact.laws for step in found.steps if step.rule == "cancel")


@pytest.mark.parametrize("key", IDENTITIES)
def test_every_step_of_every_proof_of_the_lectures_is_exact(key):
    for step in IDENTITIES[key].prove().steps:
        assert step.exact, step


def test_texts_say_what_is_exact_and_what_is_checked_on_numbers():
    z, targets = named("z", [1.47, -0.39, 0.22]), named("y", [0.0, 1.0, 0.0])
    text = tg.derive(tg.softmax_cross_entropy(z, targets), wrt=z).text()
    assert text.count("(exact)") == text.count("\n        = ") + text.count("▸ =")
    assert "for the sizes drawn" in text
    proof = tg.prove(tg.log(tg.exp(z)), z)
    assert "(exact, by log exp(x) = x)" in proof.text()
    smooth = 0.9 * targets.data + 0.1 / 3  # shares of 1, to the last digit of a float
    steps = tg.derive(-tg.sum(smooth * tg.log_softmax(z)), wrt=z).steps
    assert all(step.exact for step in steps if step.rule != "shares")


# --- what is not exact ----------------------------------------------------------------------------

FALSE = {
    "a number that is nearly 0": (x - y, x - y + 1e-11),
    "a factor that is nearly 1": (x - y, (x - y) * (1 + 1e-13)),
    "another exponent": (x**2 * y, x**3 * y),
    "terms swapped": (x - y, y - x),
    "a root of a square": (tg.sqrt(x**2), x),
    "a magnitude": (tg.abs(x), x),
    "a sign turned": (tg.sign(3 * x), -tg.sign(x)),
    "a maximum": (tg.maximum(x, y), x),
    "a rectifier": (tg.relu(x), x),
    "ties": (tg.where(x > y, x, 0), tg.where(x >= y, x, 0)),
    "exponents multiplied": (tg.exp(x + y), tg.exp(x * y)),
    "an exponential of a sum": (tg.exp(x + y), tg.exp(x) + tg.exp(y)),
    "a logarithm of a sum": (tg.log(x + y), tg.log(x) + tg.log(y)),
    "a logarithm of a power": (tg.log(x**2), tg.log(x)),
    "an even function": (tg.tanh(-x), tg.tanh(x)),
    "a sigmoid": (tg.sigmoid(-x), tg.sigmoid(x)),
    "a root of a sum": (tg.sqrt(x + y), tg.sqrt(x) + tg.sqrt(y)),
    "sums over another axis": (X.sum(axis=0).sum(), X.sum(axis=0)[0]),
    "a product of sums": (tg.sum(x) * tg.sum(y), tg.sum(x * y)),
    "a transpose": (tg.matmul(X.T, X), tg.matmul(X.T, tg.abs(X))),
    "a length": (tg.mean(x), tg.sum(x) / 3),
}


@pytest.mark.parametrize("case", FALSE)
def test_what_is_no_identity_is_never_exact(case):
    assert not judged(*FALSE[case])


@pytest.mark.parametrize("key", LECTURES)
def test_no_step_that_is_a_little_wrong_is_exact(key):
    """Each end of a derivation, off by a hair, by a sign, and by any number in it."""
    found = derived_lecture(key)
    end, axes = found.result.expr, found.result.axes
    wrong = [
        total([end, number(1e-11)]),
        product(1 + Fraction(1, 10**13), [(end, ONE)]),
        product(-1, [(end, ONE)]),
    ]
    for part in distinct(end):
        if isinstance(part, Number):
            wrong.append(replace(end, {part: Number(part.value + Fraction(1, 10**9))}))
    judge = Judge([end])
    assert judge.exactness(found.start.expr if not found.assumptions else end, end, axes)
    assert not any(judge.exactness(end, each, axes) for each in wrong if each != end)


def test_an_assumption_is_what_makes_its_step_exact():
    z, targets = named("z", [1.47, -0.39, 0.22]), named("y", [0.0, 1.0, 0.0])
    found = tg.derive(tg.softmax_cross_entropy(z, targets), wrt=z)
    (step,) = [step for step in found.steps if step.assumption == "Σy = 1"]
    one, other, axes = step.before.expr, step.after.expr, step.before.axes
    judge = Judge([one])
    assert step.exact
    assert judge.exactness(one, other, axes, step.about)
    assert not judge.exactness(one, other, axes)


# --- the laws -------------------------------------------------------------------------------------

TRUE = {
    "log exp(x) = x": (tg.log(tg.exp(x)), x),
    "exp(log x) = x": (tg.exp(tg.log(x)), x),
    "e^(x+y)": (tg.exp(x + y), tg.exp(x) * tg.exp(y)),
    "e^(n·x)": (tg.exp(3 * x), tg.exp(x) ** 3),
    "Π_k": (tg.exp(tg.sum(x)), tg.prod(tg.exp(x))),
    "log x^p": (tg.log(x**3), 3 * tg.log(x)),
    "log(x^p·y^q)": (tg.log(x * y), tg.log(x) + tg.log(y)),
    "log Π_k": (tg.log(tg.prod(x)), tg.sum(tg.log(x))),
    "exp(c·log x)": (x**t, tg.exp(t * tg.log(x))),
    "tanh(x) =": (tg.tanh(x), (tg.exp(x) - tg.exp(-x)) / (tg.exp(x) + tg.exp(-x))),
    "sinh(x) =": (tg.sinh(x), (tg.exp(x) - tg.exp(-x)) / 2),
    "cosh(x) =": (tg.cosh(x), (tg.exp(x) + tg.exp(-x)) / 2),
    "tan(x) =": (tg.tan(x), tg.sin(x) / tg.cos(x)),
    "(x^p·y^q)^r": (tg.sqrt(tg.exp(x) * tg.exp(2 * y)), tg.exp(x / 2) * tg.exp(y)),
    "|x| = x": (tg.abs(tg.exp(x)), tg.exp(x)),
    "sign(x) = 1": (y * tg.sign(tg.exp(x)), y),
    "[x < y]": (tg.where(tg.exp(x) > 0, x, y), x),
}


@pytest.mark.parametrize("law", TRUE)
def test_a_law_is_true_on_numbers_and_named_where_it_is_needed(law, monkeypatch):
    left, right = TRUE[law]
    np.testing.assert_allclose(left.data, right.data, rtol=1e-12, atol=1e-15)
    found = judged(left, right)
    assert found
    assert any(law in each for each in found.laws.values()), found
    for table in ("LAWS", "LAWS_OF_LOGARITHMS"):
        fewer = tuple(each for each in getattr(exact_module, table) if law not in each.equation)
        monkeypatch.setattr(exact_module, table, fewer)
    assert not judged(left, right)


def test_every_law_is_tried():
    tried = [
        law for law in TRUE if any(law in each.equation for each in (*LAWS, *LAWS_OF_LOGARITHMS))
    ]
    assert tried == list(TRUE)


def test_what_is_recognised_as_a_softmax_is_one():
    z, targets = named("z", [1.47, -0.39, 0.22]), named("y", [0.0, 1.0, 0.0])
    e = tg.exp(z - z.data.max())
    steps = tg.derive(-tg.sum(targets * tg.log(e / tg.sum(e))), wrt=z, names={}).steps
    assert all(step.exact for step in steps)


IDENTITIES_OF_ALL_KINDS = {
    "a square": ((x + y) ** 2, x**2 + 2 * x * y + y**2),
    "roots": (tg.sqrt(x) * tg.sqrt(x), x),
    "a root of a square": (tg.sqrt(x**2), tg.abs(x)),
    "a magnitude": (tg.abs(x) * tg.sign(x), x),
    "both pieces": (tg.maximum(x, y) + tg.minimum(x, y), x + y),
    "a maximum": (tg.maximum(x, y), (x + y + tg.abs(x - y)) / 2),
    "a trace": (tg.sum(X * X), tg.trace(tg.matmul(X.T, X))),
    "a mean": (tg.sum(x - tg.mean(x)), 0 * tg.sum(x)),
    "a softmax": (tg.sum(tg.softmax(X), axis=1), tg.sum(X, axis=1) / tg.sum(X, axis=1)),
    "values": (tg.log(x / x) + tg.exp(x - x), x / x),
    "an odd function": (tg.sin(-x), -tg.sin(x)),
    "an even function": (tg.cosh(-x), tg.cosh(x)),
    "a decimal": (0.1 * x + 0.2 * x, 0.3 * x),
}


@pytest.mark.parametrize("case", IDENTITIES_OF_ALL_KINDS)
def test_identities_are_exact_without_a_law(case):
    found = judged(*IDENTITIES_OF_ALL_KINDS[case])
    assert found
    assert not found.laws


def test_assumed_sums_of_soft_targets_are_drawn_from_the_simplex():
    Z, Y = named("Z", ROWS), named("Y", SOFT)
    found = tg.derive(tg.softmax_cross_entropy(Z, Y), wrt=Z)
    assert any(step.about is not None for step in found.steps)
    assert all(step.exact for step in found.steps)


def test_what_was_judged_can_be_pickled():
    z, targets = named("z", [1.47, -0.39, 0.22]), named("y", [0.0, 1.0, 0.0])
    found = tg.derive(tg.softmax_cross_entropy(z, targets), wrt=z)
    assert all(step.exact for step in found.steps)
    again = pickle.loads(pickle.dumps(found))
    assert [step.exact for step in again.steps] == [step.exact for step in found.steps]
