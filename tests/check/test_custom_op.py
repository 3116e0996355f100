"""The way of a student: write an operation, check it, see what is wrong, mend it, look at it."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY


@pytest.fixture
def swish():
    """x·σ(x), with the rule of a student who forgot the product rule."""

    @tg.op(elementwise=True)
    def swish(x):
        return x / (1 + np.exp(-x))

    @swish.defined_as
    def _(x):
        return x * tg.sigmoid(x)

    @swish.rule(0)
    def _(g, out, x):
        return g * tg.sigmoid(x)

    yield swish
    swish.forget()


def mend(swish):
    @swish.rule(0)
    def _(g, out, x):
        s = tg.sigmoid(x)
        return g * (s + out * (1 - s))


X = np.array([0.5, -1.0, 2.0])


def test_a_custom_operation_is_checked_mended_drawn_and_derived(swish):
    report = tg.gradcheck(lambda x: tg.sum(swish(2 * x)), X)
    assert report.verdict == "wrong"
    assert [(b.op, b.argument) for b in report.blamed] == [("swish", 0)]
    assert report.suspects == ["chain factor left out"]
    report = tg.check_definition(swish, X)
    assert report.verdict == "wrong"
    assert {c.mode: c.count(5) for c in report.comparisons} == {"value": 0, "gradient": 3}
    mend(swish)
    tg.assert_gradients(lambda x: tg.sum(swish(2 * x)), X)
    assert tg.check_definition(swish)

    x = tg.Tensor(X, name="x")
    loss = tg.sum(swish(x))
    assert "swish" in tg.draw(loss).source
    derivation = tg.derive(loss, wrt=x)
    np.testing.assert_allclose(derivation.result.evaluate(), tg.gradients(loss, x), rtol=1e-12)
    assert "σ(x)" in str(derivation.result)


def test_a_definition_of_something_else_is_found(swish):
    mend(swish)

    @swish.defined_as
    def _(x):
        return x * tg.sigmoid(1.001 * x)

    report = tg.check_definition(swish, X)
    assert report.verdict == "wrong"
    assert "swish[0]: 0.31122967 (value), by its definition 0.311" in str(report)
    assert report.comparisons[0].count(5) == 3


def test_built_in_definitions_hold():
    own_arguments = {"dropout"}  # its mask is drawn by the function around it
    fused = [o for o in REGISTRY.values() if o.sealed and o.definition and not o.constant]
    assert len(fused) >= 15
    for op in fused:
        if op.name not in own_arguments:
            report = tg.check_definition(op)
            assert report, report
    assert (
        tg.check_definition(tg.gelu, approximate="tanh")
        if "approximate" in str(REGISTRY["gelu"].defaults)
        else tg.check_definition(tg.gelu)
    )
    labels = np.array([0, 2])
    assert tg.check_definition(tg.softmax_cross_entropy, np.eye(2, 3), labels)


def test_what_has_no_definition():
    report = tg.check_definition(tg.exp)
    assert not report
    assert report.reason == "exp has no definition; declare one with @exp.defined_as"
    report = tg.check_definition(tg.softmax, "text")
    assert not report
    assert "holds <U4 values" in report.reason
    with pytest.raises(TypeError, match="takes an operation, not a function"):
        tg.check_definition(lambda x: x)
