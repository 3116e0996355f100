"""`find_nonfinite`: where a NaN or an infinity comes from."""

import numpy as np
import pytest

import tinygrad_edu as tg


def test_everything_finite():
    x = tg.Tensor([1.0, 2.0])
    assert tg.find_nonfinite(tg.log(x).sum()) is None
    assert x.grad is None


def test_the_first_operation_forward():
    x = tg.Tensor([1.0, 0.0], name="x")
    with np.errstate(all="ignore"):
        loss = (tg.exp(tg.log(x)) * tg.log(x)).sum()
    found = tg.find_nonfinite(loss)
    assert (found.forward.op, found.forward.phase) == ("log", "forward")
    assert found.forward.inputs[0].tolist() == [1.0, 0.0]
    assert "forward: log made -inf (1 of 2 entries)" in str(found)
    assert "argument 0: [1. 0.]" in str(found)


def test_the_first_rule_backward():
    x = tg.Tensor([4.0, 0.0])
    found = tg.find_nonfinite(tg.exp(tg.sqrt(3 * x)).sum())
    assert found.forward is None
    backward = found.backward
    assert (backward.op, backward.argument) == ("sqrt", 0)
    assert np.isfinite(backward.g).all()
    assert np.isinf(backward.value).tolist() == [False, True]
    assert "backward: sqrt made inf (1 of 2 entries) for argument 0" in str(found)
    assert "gradient that came in:" in repr(found)


def test_the_safe_form_is_named_where_it_is_missing():
    x = tg.Tensor([0.0, 1.0])
    with np.errstate(all="ignore"):
        unsafe = tg.where(x.data > 0, tg.log(x), 0.0).sum()
    found = tg.find_nonfinite(unsafe)
    assert found.forward.op == "log"
    assert found.backward.op == "log"
    safe = tg.where(x.data > 0, tg.log(tg.where(x.data > 0, x, 1.0)), 0.0).sum()
    assert tg.find_nonfinite(safe) is None


def test_data_that_were_not_finite():
    x = tg.Tensor([np.nan, 1.0], name="x")
    found = tg.find_nonfinite(x.sum())
    assert (found.forward.op, found.forward.name) == ("data", "x")
    assert "forward: the data (x) hold nan (1 of 2 entries)" in str(found)
    found = tg.find_nonfinite((tg.Tensor([1.0]) * np.array([np.inf])).sum())
    assert found.forward.op == "data"
    assert "argument 1 of multiply" in str(found)


def test_results_with_several_entries_and_deep_graphs():
    x = tg.Tensor([1.0, 2.0])
    y = x
    for _ in range(20_000):
        y = y * 1.0
    with np.errstate(all="ignore"):
        found = tg.find_nonfinite(y / 0.0)
    assert found.forward.op == "divide"


def test_only_tensors():
    with pytest.raises(TypeError, match="find_nonfinite: walks the graph of a Tensor"):
        tg.find_nonfinite(np.ones(2))
