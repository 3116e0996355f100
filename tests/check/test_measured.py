"""How many planted faults are caught and named, and how many right functions pass: measured.

The figures are printed at the end of the run. `make test` takes a part of the grid, `make
test-deep` all of it.
"""

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tests.check.planting import (
    CALLS,
    RULE_KINDS,
    SCALES,
    SUSPECTS,
    has_effect,
    planted,
    scaled,
)
from tests.samples import DIFFERENTIABLE, arrays, tensors

GRID = [
    (call, kind, scale)
    for call, kind in itertools.product(CALLS, RULE_KINDS)
    if has_effect(call, kind)
    for scale in SCALES
]


def verdict_on(call, kind, scale):
    """Plant one fault, and check: is it caught, and is the right operation and fault named?"""
    with planted(call, kind):
        report = tg.gradcheck(*scaled(call.function, call.arguments(), scale))
    named = {(b.op, b.argument) for b in report.blamed} == {(call.op, call.argument)}
    return bool(report), named and not SUSPECTS[kind].isdisjoint(report.suspects), report


def measure(grid, figures, at_least):
    missed, misnamed = [], []
    for call, kind, scale in grid:
        passed, named, report = verdict_on(call, kind, scale)
        if passed:
            missed.append((str(call), kind, scale))
        elif not named:
            misnamed.append((str(call), kind, scale, *map(str, report.blamed)))
    caught, right = 1 - len(missed) / len(grid), 1 - len(misnamed) / len(grid)
    kinds, ops = {kind for _, kind, _ in grid}, {call.op for call, _, _ in grid}
    figures.append(
        f"planted faults: {len(grid)} ({len(kinds)} kinds, {len(ops)} operations, {len(SCALES)} "
        f"scales): {caught:.1%} caught, {right:.1%} named correctly"
    )
    figures.extend(f"    not named: {' '.join(map(str, m))}" for m in misnamed[:40])
    assert missed == []
    assert right >= at_least


def test_faults_are_caught_and_named(figures):
    measure(GRID[::23], figures, 0.96)


@pytest.mark.deep
def test_every_fault_is_caught_and_named(figures):
    assert len({kind for _, kind, _ in GRID}) >= 10
    assert len({call.op for call, _, _ in GRID}) >= 12
    measure(GRID, figures, 0.99)


# --- right functions -----------------------------------------------------------------------------


def layer(x, w):
    return tg.tanh(x @ w)


def normalised(x):
    return (x - tg.mean(x)) / tg.sqrt(tg.var(x) + 1e-3)


COMPOSITIONS = {
    "network": (lambda x, w: tg.logsumexp(layer(x, w) @ tg.swapaxes(w, 0, 1)), (2, 3), (3, 3)),
    "loss": (lambda x, w: tg.softmax_cross_entropy(layer(x, w), [0, 2]), (2, 3), (3, 3)),
    "layer norm": (lambda x: tg.relu(normalised(x)) * x, (5,)),
    "softmax by hand": (lambda x: tg.log(tg.exp(x) / tg.exp(x).sum()), (4,)),
    "polynomial": (lambda x: x**3 - 2 * x**2 + x, (4,)),
    "quotient": (lambda x, y: x * y / (1 + x * x + y * y), (3, 1), (4,)),
    "used twice": (lambda x: (x * x[::-1]).sum() * x, (4,)),
    "outputs 1e12 apart": (lambda x: tg.stack([1e12 * x[0] * x[1], tg.exp(x[1])]), (2,)),
    "inputs 1e12 apart": (lambda x: x * np.array([1e-6, 1.0, 1e6]) + x**2, (3,)),
    "distance": (lambda x, y: tg.norm(x - y) + tg.sum(x * y), (4,), (4,)),
    "attention": (lambda q, k: tg.softmax(q @ k.T) @ k, (2, 3), (3, 3)),
    "gated": (lambda x: x * tg.sigmoid(x) + tg.softplus(-x), (4,)),
}
# Where an operation is as good for numbers of every size, so that the sizes need no dividing out.
HOMOGENEOUS = {
    "product": (lambda x, y: x * y, (3, 1), (4,)),
    "matrix product": (lambda x, y: x @ y, (2, 3), (3, 2)),
    "square": (lambda x: x**2, (4,)),
    "length": (lambda x: tg.norm(x), (4,)),
    "spread": (lambda x: tg.std(x), (4,)),
    "absolute": (lambda x: tg.abs(x), (4,)),
    "largest": (lambda x: tg.max(x), (4,)),
    "rectified": (lambda x: tg.relu(x) + 0.1 * x, (4,)),
    "ratio": (lambda x, y: x / y, (4,), (4,)),
    "root": (lambda x: tg.sqrt(x * x), (4,)),
    "logarithm": (lambda x: tg.log(x * x), (4,)),
}


def drawn(name, shapes):
    rng = np.random.default_rng([*name.encode()])
    return [rng.uniform(0.5, 2.0, s) * rng.choice([-1.0, 1.0], s) for s in shapes]


def right_functions():
    """Yield names, functions and inputs: all operations, compositions, all scales."""
    for number, case in enumerate(DIFFERENTIABLE):
        args = case.arguments()
        own = [isinstance(a, tg.Tensor) for a in args]

        def call(*xs, case=case, args=args, own=own):
            xs = iter(xs)
            return case.call(*(next(xs) if mine else a for a, mine in zip(args, own, strict=True)))

        for scale in SCALES:
            yield number, (str(case), scale), *scaled(call, arrays(tensors(args)), scale)
    for number, (name, (function, *shapes)) in enumerate(COMPOSITIONS.items()):
        for scale in SCALES:
            yield number, (name, scale), *scaled(function, drawn(name, shapes), scale)
    for number, (name, (function, *shapes)) in enumerate(HOMOGENEOUS.items()):
        for size in (1.0, 1e-12, 1e12, 1e-7, 1e6):
            inputs = tuple(size * x for x in drawn(name, shapes))
            yield number, (name, size), function, inputs


def measure_right(functions, figures):
    alarms = {}
    checked = 0
    for _, name, f, inputs in functions:
        report = tg.gradcheck(f, *inputs)
        checked += 1
        if not report:
            alarms[name] = report.reason
    figures.append(f"right functions: {checked} checked, {len(alarms)} false alarms")
    assert alarms == {}
    return checked


@pytest.mark.usefixtures("untraced")
def test_right_functions_raise_no_alarm(figures):
    some = [f for k, f in enumerate(right_functions()) if k % 40 == f[0] % 40]
    assert measure_right(some, figures) >= 40


@pytest.mark.deep
def test_no_right_function_raises_an_alarm(figures):
    assert measure_right(right_functions(), figures) >= 200
