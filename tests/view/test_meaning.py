"""What the page says of local derivatives, for every operation of the table."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as tg
from tests.samples import CLASS_LOSSES, DIFFERENTIABLE, by_name, tensors
from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.derive import passes, slope
from tinygrad_edu.view.page import story

NO_NAMES = Names(None, {})


def visits(case):
    """Yield every visit of the backward pass of a row, opened and whole, with its slope."""
    args = case.arguments()
    output = case.call(*args)
    for wrt in tensors(args):
        # What takes labels is not left whole here: the label of one example is a plain number.
        is_whole = output.op is not None and output.op.name not in CLASS_LOSSES
        for fused in [(), (output.op.name,)] if is_whole else [()]:
            try:
                walk = passes(output, wrt, NO_NAMES, fused)
            except ValueError:  # a row that does not depend on this argument
                continue
            for visit in walk.backward:
                if (found := slope(visit, walk.formula)) is not None:
                    yield visit, found


def values(formula):
    array, axes = np.asarray(formula.evaluate()), formula.axes
    return np.squeeze(array, tuple(n for n, axis in enumerate(axes) if axis is None))


@pytest.mark.parametrize("cases", by_name(DIFFERENTIABLE))
def test_the_local_derivative_of_every_operation_times_what_comes_in_goes_on(cases):
    for case in cases:
        for visit, found in visits(case):
            entry = visit.contribution
            if found.subscripts:
                factors = values(entry.incoming), found.entries.evaluate()
                if not all(np.all(np.isfinite(factor)) for factor in factors):
                    continue  # 0 · ∞ is told by the rule, and not by a product
                product = np.einsum(found.subscripts, *factors)
                assert_allclose(product, values(entry.contribution), rtol=1e-9, atol=1e-12)
            else:  # the rule as a whole, which is linear in g
                assert found.is_whole
                assert entry.letter.text() in found.factor.letters


def sentences(output, wrt, fused=()):
    """Return what is said on the way back, by what it is said of."""
    told = story(output, wrt, NO_NAMES, fused=fused)
    steps = [f for f in told.frames if f.passing is not None]
    return {f.title.text: f.because.text for f in steps}


def vector(name, *entries):
    return tg.Tensor(list(entries), name=name)


x, w = vector("x", 0.3, 1.7, 0.9), vector("w", 0.5, -1.1, 2.0)
W = tg.Tensor([[1.0, 2.0, 0.5], [0.3, -1.0, 4.0]], name="W")
SAID = {
    "output": (tg.exp(x), x, "The slope of exp is exp itself: where h is large, the push grows."),
    "reciprocal": (tg.log(x), x, "The slope of log is 1/x: a small x makes a large push."),
    "root": (tg.sqrt(x), x, "The slope of sqrt is 1/(2·h), which is read off the result h itself."),
    "partner": (x * w, x, "Each factor gets the push times the other: here, times w."),
    "divisor": (
        x / w,
        x,
        "x is divided by w, and so is its push: a large w makes a small one.",
    ),
    "quotient": (w / x, x, "The slope by what divides is −h/x: a larger x makes h smaller."),
    "gate": (tg.relu(x), x, "[x > 0] is a gate: where it is 1 the push goes on, where it is 0"),
    "power": (x**3, x, "The slope of power is 3·x²: a large x makes a large push."),
    "minus": (w - x, x, "h changes against x, as much: the sign of the push turns."),
    "matrix": (W @ x, x, "x acts through W; the push comes back through W, too, and adds up."),
    "softmax": (tg.softmax(x), x, "Each entry of x acts on several of h"),
    "other": (tg.sin(x), x, "h changes cos(x) times as much as x, so cos(x) times"),
}


@pytest.mark.parametrize("key", SAID)
def test_what_a_local_derivative_means(key):
    h, wrt, expected = SAID[key]
    output = tg.name(tg.sum(tg.name(h, "h")), "L")
    said = sentences(output, wrt, fused=("softmax", "relu"))
    assert said["From L back to h"] == (
        "Every entry of a sum gets the same push, and h has the entries."
    )
    assert said["From h back to x"].startswith(expected)
