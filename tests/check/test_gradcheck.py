"""What `gradcheck` must catch, what it must let pass, and what it must refuse with a reason."""

import re

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.check.report import Report


@pytest.fixture
def declare():
    """Declare operations of one test, and forget them after it."""
    declared = []

    def declare(name, forward, *rules, **options):
        declared.append(tg.op(name=name, rules=rules, **options)(forward))
        return declared[-1]

    yield declare
    for op in declared:
        op.forget()


def soft(x, *, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


# --- cases 35 to 38 ------------------------------------------------------------------------------


@pytest.mark.parametrize(("factor", "suspect"), [(0, "zero gradient"), (-7, "constant factor")])
def test_case_35_a_softmax_whose_gradient_a_seed_of_ones_cannot_see(declare, factor, suspect):
    def rule(g, out, x, *, axis):
        return factor * out * (g - tg.sum(g * out, axis=axis, keepdims=True))

    wrong = declare("wrong_softmax", soft, rule)
    x = tg.Tensor([0.0, 1.0, 2.0])
    assert np.abs(tg.gradients(wrong(x), x, np.ones(3))).max() < 1e-15  # as of the right one
    report = tg.gradcheck(wrong, x)
    assert not report
    assert (report.blamed[0].op, report.suspects) == ("wrong_softmax", [suspect])


def test_case_36_one_entry_of_a_thousand_off_by_a_thousandth(declare):
    spoil = np.ones(1000)
    spoil[777] = 1.001
    square = declare("square", lambda x: x * x, lambda g, out, x: g * 2 * x * spoil)
    x = np.random.default_rng(0).normal(size=1000)
    report = tg.gradcheck(lambda x: square(x).sum(), x, order=1, entries=20)
    assert report.verdict == "wrong"
    assert report.suspects == ["single entries"]
    assert "∂f[777]/∂x0[777], by 0.001" in str(report)


@pytest.mark.parametrize("scale", [1e-7, 1.0, 1e7])
def test_case_36_wrong_sign_at_any_scale(declare, scale):
    wrong = declare("wrong_sine", lambda x: scale * np.sin(x), lambda g, out, x: g * flipped(x))

    def flipped(x):
        return -scale * tg.sqrt(1 - tg.tanh(x) ** 2 * 0 - sine(x) ** 2)

    def sine(x):
        return wrong(x) / scale

    assert tg.gradcheck(wrong, [0.3, 0.7, 1.1]).suspects == ["wrong sign"]


def test_case_37_nan_on_both_sides_is_no_pass(declare):
    nan = declare("nan", lambda x: x * np.nan, lambda g, out, x: g * np.nan)
    for f in (nan, lambda x: tg.log(-x * x)):
        report = tg.gradcheck(f, [1.0, 2.0])
        assert report.verdict == "refused"
        assert "its result is nan at [0]; it comes from" in report.reason


def test_case_37_a_gradient_that_is_nan_is_no_pass(declare):
    nan = declare("nan_gradient", lambda x: 2 * x, lambda g, out, x: g * np.nan)
    report = tg.gradcheck(lambda x: tg.exp(nan(x)), [1.0, 2.0])
    assert report.verdict == "not finite"
    assert "nan_gradient made nan" in report.reason
    assert (report.blamed[0].op, report.suspects) == ("nan_gradient", ["not finite"])
    report = tg.gradcheck(tg.sqrt, [0.0, 1.0])
    assert report.verdict == "not finite"
    assert "sqrt made inf" in report.reason


def test_case_37_a_random_function_is_refused():
    rng = np.random.default_rng(0)
    for f in (lambda x: tg.dropout(x, 0.5, rng), lambda x: x * rng.normal()):
        report = tg.gradcheck(f, np.ones(8))
        assert report.verdict == "refused"
        assert "different results for the same input" in report.reason
    assert tg.gradcheck(lambda x: tg.dropout(x, 0.5, np.random.default_rng(1)), np.ones(8))


def test_case_37_a_random_rule_is_refused(declare):
    rng = np.random.default_rng(0)
    twice = declare("twice", lambda x: 2 * x, lambda g, out, x: g * (2 + 1e-15 * rng.normal()))
    report = tg.gradcheck(twice, [1.0, 2.0])
    assert report.verdict == "refused"
    assert "differs from one backward pass to the next" in report.reason


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_case_37_short_floats_are_refused(dtype):
    report = tg.gradcheck(tg.exp, np.ones(3, dtype))
    assert report.verdict == "refused"
    assert "pass x.astype(float)" in report.reason
    name = np.dtype(dtype).name

    def inside(x):
        return tg.astype(tg.exp(tg.astype(x, dtype=name)), dtype="float64")

    report = tg.gradcheck(inside, np.ones(3))
    assert report.verdict == "refused"
    assert f"computes in {name} (by astype)" in report.reason


@pytest.mark.parametrize(
    ("f", "x", "left", "right"),
    [
        (tg.abs, [0.0, 1.0], "−1", "1"),
        (tg.relu, [2.0, 0.0], "0", "1"),
        (lambda x: tg.max(x), [1.0, 1.0, 0.0], "0", "1"),
        (lambda x: tg.abs(x - 1), [1 + 1e-9], "−1", "1"),  # within the step
        (lambda x: tg.where(x > 0, x, -3 * x), [0.0], "−3", "1"),
        (lambda x: tg.sign(x) * 1.0 + x, [0.0], "inf", "inf"),  # a jump
    ],
)
def test_case_37_a_kink_is_a_verdict_of_its_own(f, x, left, right):
    report = tg.gradcheck(f, x)
    assert not report
    assert report.verdict == "not differentiable here"
    assert f"not differentiable here (left slope {left}, right slope {right})" in report.reason
    assert report.blamed == ()


def test_a_gradient_outside_of_the_slopes_of_a_kink_is_wrong(declare):
    wrong = declare("wrong_abs", np.abs, lambda g, out, x: g * (tg.sign(x) + 3 * tg.equal(x, 0)))
    report = tg.gradcheck(wrong, [0.0, 1.0])
    assert report.verdict == "wrong"
    assert report.blamed[0].op == "wrong_abs"


def test_a_kink_beyond_the_step_does_no_harm():
    assert tg.gradcheck(lambda x: tg.abs(x - 1) * x, [1.01, 0.9999, -3.0])
    assert tg.gradcheck(tg.relu, [1e-9, -1e-9, 1e9])
    assert tg.gradcheck(tg.max, [1.0, 1.0 + 1e-3, 0.0])


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x**2, 1e6),
        (tg.log, 2e-6),
        (tg.exp, 50.0),
        (lambda x: tg.stack([1e12 * x[0], x[1] ** 2, tg.exp(x[0])]), [1.0, 2.0]),
        (tg.sigmoid, [40.0, -40.0]),
        (tg.softmax, [1e4, 0.0]),
        (lambda x: tg.log_softmax(x), [40.0, 0.0]),
        (lambda x: tg.log_softmax(x), [20.0, 0.0]),  # 1 − a has half its digits
        (lambda x: tg.softmax_cross_entropy(x, 0), [30.0, 0.0]),
        (lambda x: tg.tanh(1e4 * x - 3e4) + x, [3.0 + 1e-5]),  # narrow
        (lambda x: tg.exp(x) + x, [1e-12, 0.0]),  # wide
        (lambda x: tg.std(x, axis=0), [[1.0, 2.0], [3.0, 5.0]]),  # a second derivative of 0
        (lambda x: (x + 1e6) ** 2 - x**2, [1.0, 2.0]),  # cancels
        (lambda x: tg.sum(x) * 0.0 + 3.0, [1.0, 2.0]),
        (lambda x: x[:0], [1.0, 2.0]),
        (lambda x: 2 * x, np.zeros((0, 2))),
    ],
)
def test_case_38_no_false_alarm(f, x):
    report = tg.gradcheck(f, x)
    assert report, report


# --- what cannot be checked ----------------------------------------------------------------------


def in_place(x):
    x[0] = 3.0
    return x


def rebinding(x):
    x.data = 2 * x.data
    return 1.0 * x


class Memory:
    calls = 0

    def __call__(self, x):
        self.calls += 1
        return x * self.calls


@pytest.mark.parametrize(
    ("f", "inputs", "reason"),
    [
        (lambda x: x, [1.0, np.nan], "holds nan"),
        (lambda x: x, [1.0, np.inf], "holds inf"),
        (lambda x: x, [1j], "holds complex128 values"),
        (lambda x: x, "abc", "holds <U3 values"),
        (lambda x: x, [[1.0], [1.0, 2.0]], "no array"),
        (lambda x: x, np.ma.masked_less([1.0, 2.0], 1.5), "lose its mask"),
        (lambda x: 1.0 * x, np.array([1, 2]), "whole numbers are constants"),
        (lambda x: x > 0, [1.0, 2.0], "is bool, which has no derivative"),
        (lambda x: [x, x], [1.0], "returned a list"),
        (lambda x: None, [1.0], "returned a NoneType"),
        (lambda x: "text", [1.0], "returned no tensor"),
        (lambda x: 1 / 0, [1.0], "raised ZeroDivisionError"),
        (lambda x: x @ np.ones(7), [1.0], "raised ValueError"),
        (in_place, [1.0, 2.0], "entries are not assigned"),
        (rebinding, [1.0, 2.0], "gives its input x new data"),
        (Memory(), [1.0, 2.0], "has a memory"),
        (lambda x: x[x.data > 0], [1.0, -2.0, 3.0], "shape of its result depends on the values"),
        (lambda x: x[: int(x.data[0])], [1.5, 2.0, 3.0], "shape of its result depends"),
    ],
)
def test_what_cannot_be_checked_is_false_and_says_why(f, inputs, reason):
    report = tg.gradcheck(f, inputs)
    assert isinstance(report, Report)
    assert not report
    assert report.verdict == "refused"
    assert reason in report.reason
    assert reason in str(report)


def test_constants_that_are_changed_in_place_are_refused():
    def f(x, labels):
        labels[0] = 0
        return x * 1.0

    report = tg.gradcheck(f, ([1.0, 2.0], np.array([1, 2])))
    assert (report.verdict, "changes an input in place" in report.reason) == ("refused", True)


def test_a_rule_that_raises_is_blamed(declare):
    def rule(g, out, x):
        raise KeyError("lost")

    raising = declare("raising", np.sin, rule)
    report = tg.gradcheck(lambda x: raising(2 * x), [1.0, 2.0])
    assert report.verdict == "wrong"
    assert (report.blamed[0].op, report.suspects) == ("raising", ["raises"])
    shapeless = declare("shapeless", np.sin, lambda g, out, x: g[:1])
    assert tg.gradcheck(lambda x: shapeless(2 * x), [1.0, 2.0, 3.0]).suspects == ["wrong shape"]


def test_a_function_that_leaves_the_graph_is_wrong_without_blame():
    report = tg.gradcheck(lambda x: tg.Tensor(x.data**2) * 1.0, [1.0, 2.0])
    assert report.verdict == "wrong"
    assert report.blamed == ()
    assert "probably leaves the graph" in report.reason


def test_a_rule_that_leaves_the_graph_is_wrong_in_its_second_order(declare):
    def rule(g, out, x):
        return g * np.cos(x.data if isinstance(x, tg.Tensor) else x)

    wrong = declare("numpy_sine", np.sin, rule)
    assert tg.gradcheck(wrong, [1.0, 2.0], order=1)
    report = tg.gradcheck(lambda x: tg.exp(wrong(x)), [1.0, 2.0])
    assert report.verdict == "wrong"
    assert (report.blamed[0].op, report.suspects) == ("numpy_sine", ["leaves the graph"])


def test_a_wild_function_is_inconclusive():
    report = tg.gradcheck(lambda x: tg.Tensor(np.sin(1e17 * x.data)) * 0 + staircase(x), [1.0])
    assert not report


def staircase(x):
    return tg.Tensor(np.floor(x.data * 1e15) % 7) + 0.0 * x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tg.gradcheck(3.0, [1.0]), TypeError, "checks a function"),
        (lambda: tg.gradcheck(tg.exp, [1.0], order=3), ValueError, "order is 1 or 2"),
        (lambda: tg.gradcheck(tg.exp, [1.0], 1), TypeError, "write order=1 for the order, or 1.0"),
        (lambda: tg.gradcheck(tg.exp, [1.0], 2), TypeError, "write order=2 for the order, or 2.0"),
        (lambda: tg.gradcheck(tg.exp), TypeError, "takes the inputs of the function too"),
        (lambda: tg.gradcheck(tg.exp, [1.0], seeds=0), ValueError, "seeds is a number from 1"),
        (lambda: tg.gradcheck(tg.exp, [1.0], entries=1.5), ValueError, "entries is a number"),
    ],
)
def test_a_wrong_call_is_an_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


# --- how it checks -------------------------------------------------------------------------------


def test_inputs_are_one_or_several():
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert tg.gradcheck(lambda x: x.sum(), [1.0, 2.0])
    assert tg.gradcheck(lambda x: x**2, 3)
    assert tg.gradcheck(lambda x, y: x * y, (x, y))
    assert tg.gradcheck(lambda x, y: x * y, [x, tg.Tensor(y)])
    assert tg.gradcheck(lambda x, y: x * y, x, y)
    assert tg.gradcheck(tg.softmax_cross_entropy, np.eye(3), np.array([0, 1, 2]))
    report = tg.gradcheck(lambda x, y: tg.stop_gradient(x) * y, x, y)
    assert "∂f[1]/∂x[1]: 0 (reverse), by differences 4 ±" in str(report)
    assert [c.wrt.name for c in report.comparisons if c.wrt] == ["x", "y"]


def test_all_modes_are_compared_and_the_caller_keeps_its_arrays():
    x = np.array([1.0, 2.0])
    report = tg.gradcheck(lambda x: x**3, x)
    modes = {c.mode for c in report.comparisons}
    assert modes == {"reverse", "forward", "reverse over reverse", "forward over reverse"}
    assert {c.mode for c in tg.gradcheck(tg.exp, x, order=1).comparisons} == {"reverse", "forward"}
    assert x.tolist() == [1.0, 2.0]


def test_a_large_jacobian_is_sampled_and_says_so():
    x = np.linspace(1, 2, 300)
    report = tg.gradcheck(lambda x: x**2, x, order=1, entries=50, seeds=3)
    assert report
    assert max(c.verdicts.size for c in report.comparisons) == 3 * 300  # directions alone
    report = tg.gradcheck(tg.stop_gradient, x, order=1, entries=50)
    (note,) = report.notes
    assert "50 of 300 input entries and 50 of 300 results were compared one by one" in note
    assert max(c.verdicts.size for c in report.comparisons) == 2500


def test_entries_that_hardly_count_have_a_direction_of_their_own(declare):
    wrong = declare("half_square", lambda x: x * x, lambda g, out, x: g * x)

    def f(x, y):
        return tg.sum(x * x) + 1e-13 * tg.sum(wrong(y))

    assert tg.gradcheck(f, [1.0, 2.0], [3.0, 4.0]).verdict == "wrong"


def test_the_same_check_gives_the_same_report():
    first, second = (str(tg.gradcheck(lambda x: tg.abs(x) ** 3, [1.0, 2.0])) for _ in range(2))
    assert first == second
    assert tg.gradcheck(tg.exp, [1.0], rng=np.random.default_rng(5))


def test_assert_gradients():
    tg.assert_gradients(lambda x, y: x * y, [1.0, 2.0], [3.0, 4.0], order=1)
    with pytest.raises(AssertionError, match=r"(?s)wrong.*to blame: stop_gradient, argument 0"):
        tg.assert_gradients(lambda x: x * tg.stop_gradient(x), [1.0, 2.0])


def test_the_report_as_text():
    report = tg.gradcheck(lambda z: tg.log(tg.stop_gradient(z) * z).sum(), [0.5, 2.0])
    lines = str(report).splitlines()
    assert lines[0] == "<lambda>: wrong"
    assert "stop_gradient, argument 0 (vertex 1). Suspect: missing argument" in lines[2]
    assert "∂f/∂z[0]: 2 (reverse), by differences 4 ±" in str(report)
    assert repr(report) == str(report)


def test_numbers_that_disagree_are_written_apart(declare):
    near = declare("near", np.sin, lambda g, out, x: g * tg.cos(x) * (1 + 1e-10))
    text = str(tg.gradcheck(near, [0.5, 1.0, 2.0], order=1))
    assert "wrong" in text
    for line in text.splitlines():
        if " by differences " in line:
            found, expected = re.findall(r"-?\d\.\d+", line)[:2]
            assert found != expected


def test_the_report_in_a_notebook():
    def f(evil):
        return tg.stop_gradient(evil) * evil

    f.__name__ = "<script>alert(1)</script>"
    text = tg.gradcheck(f, np.linspace(1, 2, 30))._repr_html_()
    assert "<script>" not in text
    assert text.count("<table") >= 3
    assert "(the first 24 × 24 entries)" in text
    assert text.count("✗") >= 24
    assert "by themselves" not in text
    assert "&lt;script&gt;" in text


# --- whatever it is given ------------------------------------------------------------------------

TURNS = {
    "raises": lambda x: {}[x],
    "returns nothing": lambda x: None,
    "changes shape": lambda x: x[:1],
    "gives NaN": lambda x: x * np.nan,
    "leaves the graph": lambda x: np.ones(3),
    "gets short": lambda x: tg.astype(x, dtype="float32"),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("call", [1, 2, 5, 9, 17, 40, 80, 120, 160, 200])
def test_a_function_that_turns_ends_in_a_report(turn, call):
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x * x if calls < call else TURNS[turn](x)

    report = tg.gradcheck(f, [1.0, 2.0, 3.0])
    assert report.verdict in VERDICTS
    assert report.reason
    assert str(report)
    assert report._repr_html_()
    assert not report or call == 1 or call > 120  # always the same, or too late to be seen


VERDICTS = {"right", "wrong", "not differentiable here", "not finite", "inconclusive", "refused"}


@pytest.mark.parametrize(
    "gradient",
    [None, "text", [1.0, 2.0], np.ones(7), 1j, object(), np.ones((3, 3)), np.inf],
    ids=lambda v: type(v).__name__,
)
def test_a_rule_that_returns_anything_ends_in_a_report(declare, gradient):
    odd = declare("odd", lambda x: 2 * x, lambda g, out, x: gradient)
    report = tg.gradcheck(lambda x: tg.exp(odd(x)), [1.0, 2.0, 3.0])
    assert not report
    assert report.verdict in ("wrong", "not finite")
    assert "odd" in str(report)


@pytest.mark.parametrize(
    "x",
    [None, object(), [], {}, [[]], b"x", True, np.zeros((2, 0)), -0.0, 5e-324, 1.7e308],
    ids=lambda v: type(v).__name__,
)
def test_any_input_ends_in_a_report(x):
    assert tg.gradcheck(lambda x: x * x, x).verdict in VERDICTS
