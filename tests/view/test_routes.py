"""Routes: what they record, that they agree, and that each breaks where it is said to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tinygrad_edu.view.insights import routes as module

Z, Y = np.array([1.47, -0.39, 0.22]), np.array([0.0, 1.0, 0.0])
ROWS = np.array([[1.47, -0.39, 0.22], [5.0, 6.0, 4.0], [0.9, 0.8, 1.1]])
TARGETS = np.array([[0.0, 1.0, 0.0], [0.7, 0.2, 0.1], [0.0, 0.0, 1.0]])
CASES = [
    (Z, Y),
    (ROWS, TARGETS),
    (Z[:2], Y[:2]),
    (ROWS[:, :2], np.array([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5]])),
]
WAYS = {"written out", "log of softmax", "log-softmax", "fused"}


@pytest.fixture(scope="module", params=CASES, ids=["vector", "batch", "two", "two in a batch"])
def case(request):
    return *request.param, tg.routes(*request.param)


def test_two_classes_have_a_route_more(case):
    z, _, found = case
    assert {route.name for route in found} == WAYS | ({"sigmoid"} if z.shape[-1] == 2 else set())


def test_all_routes_give_one_value_and_one_gradient(case):
    z, y, found = case
    a = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    count = len(z) if z.ndim == 2 else 1
    assert found.agree
    for route in found:
        assert_allclose(route.value, -(y * np.log(a)).sum() / count, rtol=1e-12)
        assert_allclose(route.gradient, (a - y) / count, atol=1e-14)


def test_all_routes_end_in_one_form_but_for_the_names(case):
    z, _, found = case
    batch = z.ndim == 2
    forms = {route.derivation.result.text(indices=True) for route in found}
    assert ("(Aₙⱼ − Yₙⱼ)/N" if batch else "aⱼ − yⱼ") in forms
    assert len(forms) == (2 if z.shape[-1] == 2 else 1)
    for route in found:
        values = route.derivation.result.evaluate()
        expected = route.gradient
        if route.name == "sigmoid":  # ∂L/∂s, and s = z₁ − z₀
            assert str(route.derivation.result) == ("(σ(s) − t)/N" if batch else "σ(s) − t")
            expected = expected[..., 1]
        assert_allclose(values, expected, atol=1e-14)


def test_what_is_fused_records_least():
    found = tg.routes(Z, Y)
    forward = [found[name].forward for name in ("written out", "log of softmax", "log-softmax")]
    assert forward == [7, 5, 4]  # exp sum / log * sum −; softmax log * sum −; log_softmax * sum −
    assert found["fused"].forward == 1
    backward = [route.backward for route in found]
    assert backward == sorted(backward, reverse=True)
    assert len(found["fused"].derivation.steps) < len(found["written out"].derivation.steps)


def compute(name, z, y):
    """The route again, on its own: value and gradient."""
    record = next(record for label, _, record in module._RECIPES if label == name)
    with np.errstate(all="ignore"):
        logits = tg.Tensor(z)
        loss = record(logits, y)[0]
        return loss.item(), tg.gradients(loss, logits)


def test_each_breaks_where_it_is_said_to_and_not_before(case):
    z, y, found = case
    direction = z / np.abs(z).max()
    for route in found:
        for part, breaks in enumerate((route.value_breaks, route.gradient_breaks)):
            tried = [1.0, 100.0, 1e4] if breaks is None else [1.0, 0.5 * breaks.scale]
            for scale in tried:
                got = compute(route.name, direction * scale, y)[part]
                right = reference(direction * scale, y)[part]
                assert_allclose(got, right, rtol=1e-6, atol=1e-6)
            if breaks is not None:
                got = compute(route.name, direction * breaks.scale, y)[part]
                right = reference(direction * breaks.scale, y)[part]
                assert not np.allclose(got, right, rtol=1e-7, atol=1e-7)
                assert 100 < breaks.scale <= 1e4


def reference(z, y):
    """With the shift by the maximum: another witness than the 50 digits of the table."""
    shifted = z - z.max(axis=-1, keepdims=True)
    sums = np.exp(shifted).sum(axis=-1, keepdims=True)
    count = len(z) if z.ndim == 2 else 1
    return -(y * (shifted - np.log(sums))).sum() / count, (np.exp(shifted) / sums - y) / count


def test_only_what_takes_a_logarithm_by_itself_breaks(case):
    _, _, found = case
    for route in found:
        breaks = (route.value_breaks, route.gradient_breaks)
        assert all(breaks) == (route.name in {"written out", "log of softmax"})
        assert any(breaks) == all(breaks)


def test_exp_overflows_where_it_is_known_to():
    """With the right class on top nothing underflows first: exp breaks at 709.78."""
    breaks = tg.routes([1.0, 0.9], [1, 0])["written out"].value_breaks
    assert breaks.scale == pytest.approx(np.log(np.finfo(float).max), rel=2e-3)
    assert np.isnan(breaks.got)


def test_the_text_is_a_table():
    found = tg.routes(Z[:2], Y[:2])
    lines = str(found).splitlines()
    assert lines[0].startswith("Routes from logits of shape (2,)")
    for route in found:
        (line,) = (line for line in lines if line.startswith(route.code))
        assert str(route.derivation.result) in line
        assert f"{len(route.derivation.steps)} in {route.derivation.lines}" in line
        assert ("never" in line) == (route.value_breaks is None)
    assert "All routes give one value and one gradient" in str(found)
    assert repr(found) == str(found)  # which is what a notebook shows
    assert repr(found["fused"]) == f"<route fused: {found['fused'].derivation!r}>"


def test_tensors_and_labels_are_taken():
    found = tg.routes(tg.Tensor(ROWS), np.array([1, 0, 2]))
    assert_allclose(
        found["fused"].value, tg.softmax_cross_entropy(ROWS, np.array([1, 0, 2])), rtol=1e-14
    )
    assert tg.routes(Z, tg.Tensor(Y)).agree


def test_logits_of_zero_have_no_scale_and_break_nowhere():
    found = tg.routes(np.zeros(3), Y)
    assert [route.value_breaks for route in found] == [None] * 4


def test_what_cannot_be_compared_is_refused():
    for z, y, message in [
        (Z, Y[:2], r"routes: targets of shape \(2,\) for \(3,\)"),
        (Z, [0.5, 1.0, 0.0], r"a row sums to 1.5 .* so it is no distribution"),
        (Z, [1.5, -0.5, 0.0], "no distribution"),
        (Z[:1], Y[:1], "K ≥ 2"),
        (np.array([1.0, np.inf]), Y[:2], "finite logits"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), "mini-batch"),
        (np.zeros((10_000, 2)), np.zeros(10_000, int), "20000 entries"),
    ]:
        with pytest.raises(ValueError, match=message):
            tg.routes(z, y)
    with pytest.raises(KeyError, match="no route is called 'fast'; there are: 'written out'"):
        tg.routes(Z, Y)["fast"]
