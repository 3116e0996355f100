"""All equations of the lectures together: none is missing, all are short, and all are true."""

from __future__ import annotations

import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.lectures.derived import derived
from tests.symbolic.exercises import ONE_HOT, ROWS, named
from tinygrad_edu.lectures import IDENTITIES, LECTURES

GRADIENTS = "A11 A12 A13 A14 A17 B2 B4 B5 B6 C3 C4 D1 D2 D3 D5 D7 D8 D9 D11"
TO_PROVE = "C1 C4 D4 D5 D7 D10"


def test_every_gradient_and_every_identity_has_a_name():
    assert set(GRADIENTS.split()) <= {i for lecture in LECTURES.values() for i in lecture.ids}
    assert set(TO_PROVE.split()) == {i for lecture in IDENTITIES.values() for i in lecture.ids}
    for table in (LECTURES, IDENTITIES):
        assert all(key == lecture.name for key, lecture in table.items())
        first = [lecture.ids[0] for lecture in table.values()]
        assert first == sorted(first, key=lambda i: (i[0], int(i[1:])))


@pytest.mark.parametrize("key", LECTURES)
def test_no_derivation_ends_longer_than_it_starts(key):
    found = derived(key)
    assert found.residual < 1e-12
    start, result = found.start, found.result
    assert (result.size, len(str(result))) <= (start.size, len(str(start)))
    if found.steps:
        assert result.size < start.size or len(str(result)) < len(str(start))
    assert not found.capped
    staged = LECTURES[key].staged()
    assert staged.residual < 1e-12
    assert_allclose(staged.result.evaluate(), result.evaluate(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("key", IDENTITIES)
def test_every_identity_is_proved(key):
    assert IDENTITIES[key].prove()


# --- identities of whole batches ------------------------------------------------------------------


def test_identities_hold_row_by_row():
    Z, c, P = named("Z", ROWS), named("c", [[1.0], [-2.0], [0.5], [3.0]]), named("P", ONE_HOT)
    Q = tg.name(tg.softmax(Z), "Q")
    for left, right in [
        (tg.softmax(Z + c), Q),
        (tg.cross_entropy(Q, P), tg.kl_divergence(P, Q) + tg.entropy(P)),
        (tg.log(Q), Z - tg.logsumexp(Z, axis=1, keepdims=True)),
    ]:
        found = tg.prove(left, right)
        assert found
        assert all(step.residual < 1e-12 for step in found.steps)


def test_what_is_no_identity_is_not_proved():
    Z = named("Z", ROWS)
    assert not tg.prove(tg.softmax(2 * Z), tg.softmax(Z))
    every = tg.log(tg.exp(Z).sum())  # of all rows together
    assert not tg.prove(tg.log(tg.softmax(Z)), Z - every)
