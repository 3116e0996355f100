"""What the tests of the lectures have in common: a derivation by its name, and its witnesses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy

from tests.symbolic.forms import Form, Letters
from tests.symbolic.witness import array_of, entries, letters_of
from tinygrad_edu.lectures import IDENTITIES, LECTURES


def derived(key: str, assume: Collection[str] | None = None):
    """The derivation of a gradient of the lectures."""
    return LECTURES[key].derive(assume)


def check(
    found,
    form: Callable[[Letters], Form],
    *,
    steps: int,
    lines: int,
    assumed: tuple[str, ...] = (),
) -> None:
    """What holds of every derivation: final form, length, assumptions, and every residual."""
    expected = form(Letters(found)).expr
    assert found.result.expr == expected, f"{found.result} is not {expected}"
    assert len(found.steps) <= steps
    assert found.lines <= lines
    assert not found.capped
    assert tuple(a.statement for a in found.assumptions if a.used) == assumed
    for step in found.steps:
        assert step.residual < 1e-13, step
        assert step.because
    assert found.residual < 1e-13


def agrees(
    found,
    loss: Callable[[dict[str, Any]], Any],
    *,
    letters: Collection[str] = (),
    simplex: Collection[str] = (),
) -> None:
    """SymPy, given the loss, gets what was derived: to 20 digits, at three points.

    `letters` are intermediates that the loss is written in; those of `simplex` sum to 1.
    """
    quantities = letters_of(found, letters)
    symbols = {name: array_of(quantity) for name, quantity in quantities.items()}
    value = loss(symbols)
    wrt = np.asarray(symbols[found.wrt.expr.quantity.name], dtype=object)
    found_entries = list(entries(found, letters))
    assert len(found_entries) == wrt.size
    expected = [sympy.diff(value, wrt[places]) for places, _ in found_entries]
    names = [entry for array in symbols.values() for entry in np.ravel(array)]
    both = [*expected, *(entry for _, entry in found_entries)]
    compute = sympy.lambdify(names, both, "mpmath", cse=True)
    rng = np.random.default_rng(0)
    for _ in range(3):
        point = dict(_point(rng, quantities, symbols, simplex))
        with mpmath.workdps(30):
            numbers = compute(*(mpmath.mpf(point[n].p) / point[n].q for n in names))
            pairs = zip(numbers[: wrt.size], numbers[wrt.size :], strict=True)
            assert all(abs(one - other) <= 1e-20 * (1 + abs(one)) for one, other in pairs)


def _point(
    rng: np.random.Generator, quantities: dict, symbols: dict, simplex: Collection[str]
) -> Iterator[tuple[Any, Any]]:
    """Rational numbers near the recorded ones."""
    for name, quantity in quantities.items():
        array = np.asarray(quantity.value)
        numbers = np.empty(array.shape, dtype=object)
        for places in np.ndindex(array.shape):
            shift = 0 if array.dtype.kind == "b" else int(rng.integers(1, 50))
            numbers[places] = Fraction(round(float(array[places]) * 1000) + shift, 1000)
        if name in simplex:
            numbers = numbers / numbers.sum(axis=-1, keepdims=True)
        for entry, value in zip(
            np.ravel(np.asarray(symbols[name], dtype=object)), numbers.ravel(), strict=True
        ):
            yield entry, sympy.Rational(value.numerator, value.denominator)


def proved(key: str, *, steps: int, assumed: tuple[str, ...] = ()):
    """The proof of an identity of the lectures, after a look at its steps."""
    lecture = IDENTITIES[key]
    found = lecture.prove()
    assert found.proved, found
    assert 0 < len(found.steps) <= steps
    assert not found.capped
    assert tuple(a.statement for a in found.assumptions if a.used) == assumed
    for step in found.steps:
        assert step.residual < 1e-12, step
        assert step.because
    assert found.residual < 1e-12
    assert set(found.dropped) <= set(lecture.up_to)
    return found
