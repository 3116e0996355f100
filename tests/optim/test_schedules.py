"""Learning rates that change with the steps taken."""

import pytest
from numpy.testing import assert_allclose

from tinygrad_edu import optim


def rates(schedule, steps):
    return [schedule(step) for step in range(steps)]


def test_one_rate():
    assert rates(optim.Constant(0.3), 3) == [0.3, 0.3, 0.3]


def test_steps_down():
    assert_allclose(
        rates(optim.StepDecay(1.0, every=2, factor=0.1), 6), [1, 1, 0.1, 0.1, 0.01, 0.01]
    )


def test_exponential():
    assert_allclose(rates(optim.ExponentialDecay(2.0, 0.5), 4), [2, 1, 0.5, 0.25])


def test_half_a_cosine():
    # cos(π/3) = 1/2
    found = rates(optim.CosineDecay(1.0, steps=3, end=0.2), 5)
    assert_allclose(found, [1, 0.8, 0.4, 0.2, 0.2], rtol=1e-15)


def test_a_rise_before_another_schedule():
    schedule = optim.WarmUp(optim.ExponentialDecay(1.0, 0.5), steps=4)
    assert_allclose(rates(schedule, 7), [0.2, 0.4, 0.6, 0.8, 1, 0.5, 0.25])


def test_one_schedule_after_another():
    last = optim.Chain(optim.ExponentialDecay(0.8, 0.5), 2, 0.1)
    schedule = optim.Chain(optim.WarmUp(1.0, 1), 2, last)
    assert_allclose(rates(schedule, 6), [0.5, 1, 0.8, 0.4, 0.1, 0.1])
    assert optim.Chain(0.1, 0, 0.2)(0) == 0.2


def test_schedules_are_values():
    assert optim.WarmUp(0.1, 5) == optim.WarmUp(0.1, 5)
    assert optim.WarmUp(0.1, 5) != optim.WarmUp(0.1, 6)
    schedule = optim.CosineDecay(0.1, 10)
    backwards = [schedule(step) for step in reversed(range(10))]
    assert backwards[::-1] == rates(schedule, 10)


def test_any_function_is_a_schedule():
    schedule = optim.WarmUp(lambda step: 10.0 + step, steps=1)
    assert rates(schedule, 3) == [5, 10, 11]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: optim.Constant(-1.0), "Constant: rate = -1"),
        (lambda: optim.StepDecay(0.1, every=0), "StepDecay: every = 0 .*at least 1"),
        (lambda: optim.StepDecay(0.1, every=2, factor=-1.0), "StepDecay: factor = -1"),
        (lambda: optim.ExponentialDecay(float("nan"), 0.9), "ExponentialDecay: rate = nan"),
        (lambda: optim.CosineDecay(0.1, steps=0), "CosineDecay: steps = 0"),
        (lambda: optim.CosineDecay(0.1, steps=5, end=-0.1), "CosineDecay: end = -0.1"),
        (lambda: optim.WarmUp(-0.1, steps=5), "WarmUp: schedule = -0.1"),
        (lambda: optim.WarmUp(0.1, steps=0), "WarmUp: steps = 0"),
        (lambda: optim.Chain(0.1, -1, 0.1), "Chain: steps = -1"),
        (lambda: optim.Chain(0.1, 1, float("inf")), "Chain: then = inf"),
    ],
)
def test_settings_out_of_range(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_settings_of_the_wrong_kind():
    with pytest.raises(TypeError, match="StepDecay: every is a float, and an integer is expected"):
        optim.StepDecay(0.1, every=2.5)
    with pytest.raises(TypeError, match="WarmUp: schedule is a str, and a number is expected"):
        optim.WarmUp("fast", steps=3)


def test_a_schedule_by_its_name():
    assert optim.make_schedule("step", 0.1, every=3) == optim.StepDecay(0.1, every=3)
    with pytest.raises(ValueError, match=r"schedule: 'cosin' is unknown; did you mean 'cosine'\?"):
        optim.make_schedule("cosin", 0.1)
