"""Random expressions over two ranges, and the numbers they are evaluated on."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
import numpy as np

from tests.symbolic.inside import (
    Apply,
    Dimension,
    Environment,
    Facts,
    Index,
    Quantity,
    number,
    product,
    sum_over,
    total,
)
from tinygrad_edu import ops

N = Index("n", 3)
K = Index("k", 2)


def letter(name, axes, value, sign=""):
    return Quantity(name, tuple(axes), np.asarray(value, dtype=float), sign=sign).leaf


_RNG = np.random.default_rng(11)

LETTERS = [
    letter("x", [N, K], _RNG.uniform(0.5, 1.5, (3, 2))),
    letter("w", [K, N], _RNG.uniform(0.5, 1.5, (2, 3))),
    letter("v", [N], _RNG.uniform(0.5, 1.5, 3), sign="positive"),
    letter("u", [K], -_RNG.uniform(0.5, 1.5, 2)),
    letter("y", [K], [0.25, 0.75]),
    letter("c", [], 0.7),
]


def environment():
    """The numbers that the letters were made with."""
    return Environment()


def facts_about():
    """What is known of them: no more than the graph would say."""
    return Facts(environment())


NUMBERS = st.sampled_from([1, -1, 2, -3, Fraction(1, 2), Fraction(-2, 3), 0.1, 0])
EXPONENTS = st.sampled_from([1, 1, 1, 2, 3, -1, -1, -2])
FUNCTIONS = st.sampled_from([ops.exp, ops.tanh, ops.abs, ops.sigmoid, ops.sign])


def _products(children):
    factors = st.lists(st.tuples(children, EXPONENTS.map(Fraction)), min_size=1, max_size=4)
    return st.builds(lambda n, f: product(number(n).value, f), NUMBERS, factors)


def _wider(children):
    return st.one_of(
        _products(children),
        st.lists(children, min_size=2, max_size=3).map(total),
        st.builds(lambda label, e: sum_over([label], e), st.sampled_from([N, K]), children),
        st.builds(lambda op, e: Apply(op, (e,), {}), FUNCTIONS, children),
        st.builds(
            lambda op, a, b: Apply(op, (a, b), {}),
            st.sampled_from([ops.maximum, ops.less]),
            children,
            children,
        ),
        children.map(lambda e: Apply(ops.log, (Apply(ops.exp, (e,), {}),), {})),
    )


def _with_cases(children):
    """Choices by a condition and powers with letters, too."""
    return st.one_of(
        _wider(children),
        st.builds(
            lambda op, a, b, x, y: Apply(ops.where, (Apply(op, (a, b), {}), x, y), {}),
            st.sampled_from([ops.less, ops.greater_equal, ops.equal]),
            st.sampled_from(LETTERS),
            st.sampled_from(LETTERS),
            children,
            st.one_of(children, st.just(number(0))),
        ),
        st.builds(lambda a, b: Apply(ops.power, (a, b), {}), children, st.sampled_from(LETTERS)),
    )


def expressions(*, roots: bool = False, cases: bool = False):
    """Expressions of up to a dozen letters; with roots, of what is positive."""
    atoms = st.one_of(
        st.sampled_from(LETTERS),
        st.sampled_from([Dimension(N), Dimension(K)]),
        NUMBERS.map(number),
    )
    if roots:
        root = st.sampled_from([Fraction(1, 2), Fraction(-1, 2), Fraction(3, 2)])
        atoms = st.one_of(
            atoms, st.builds(lambda e, p: product(1, [(e, p)]), st.sampled_from(LETTERS[:3]), root)
        )
    return st.recursive(atoms, _with_cases if cases else _wider, max_leaves=10)
