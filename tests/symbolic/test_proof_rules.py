"""The equations of proofs: true where they apply, refused where their condition is broken."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings

import tinygrad_edu as tg
from tests.symbolic.expressions import K, N, expressions, facts_about, letter
from tests.symbolic.inside import (
    CHOICES,
    EAGER,
    LEVELS,
    Apply,
    Delta,
    Index,
    Normaliser,
    Opaque,
    Rule,
    Sum,
    alike,
    arithmetic,
    cases,
    functions,
    laws,
    number,
    power,
    product,
    rename,
    stacks,
    sum_over,
    sums,
)
from tests.symbolic.test_rules import CASES as SHARED
from tests.symbolic.test_rules import (
    ONE,
    J,
    apply,
    c,
    close_to,
    exp,
    facts,
    kept,
    log,
    p,
    plus,
    times,
    u,
    v,
    x,
    zeros,
)
from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY

MODULES = (arithmetic, cases, functions, stacks, sums)
SOLVED = {*EAGER, *CHOICES} - {*sums.ACROSS, *stacks.ENTRIES, stacks.sum_over_stack}
RULES = {
    name: rule
    for module in MODULES
    for name, rule in vars(module).items()
    if isinstance(rule, Rule) and rule not in SOLVED  # see test_rules
}

RNG = np.random.default_rng(1)
q = letter("q", [K], RNG.uniform(0.5, 2, 2), sign="positive")
r = letter("r", [N], RNG.uniform(0.5, 2, 3), sign="positive")
below = letter("b", [K], -RNG.uniform(0.5, 2, 2))  # its sign is not known, and it is negative
y = letter("y", [N, K], np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]))
w = letter("w", [N, K], RNG.normal(size=(3, 2)))
some = letter("s", [N], RNG.uniform(0.5, 2, 3))  # positive, but only the data say so
square = letter("S", [K, J], RNG.normal(size=(2, 2)))
turned = rename(square, {K: J, J: K})
two = number(2)
half = Fraction(1, 2)

PAIR = Index("m", 2)  # the axis of a stack of two
TRIPLE = Index("r", 3)


def raised(base, exponent):
    return Apply(ops.power, (base, exponent), {})


def gate(op, *args):
    return Apply(op, args, {})


def where(*args):
    return Apply(ops.where, args, {})


def minus(e):
    return product(-1, [(e, 1)])


def running(body):
    """The running sums over K."""
    return Opaque(REGISTRY["cumsum"], (body,), {"axis": 0}, ((K,),), (J,))


def prod(body):
    """The product over K of what has that index, perhaps with N."""
    inside = ((N, K),) if N in body.indices else ((K,),)
    axes = (N,) if N in body.indices else ()
    axis = 1 if N in body.indices else 0
    return Opaque(ops.prod, (body,), {"axis": axis, "keepdims": False}, inside, axes)


def stack(*parts, at=PAIR):
    return Opaque(REGISTRY["stack"], parts, {"axis": 0}, ((),) * len(parts), (at,))


def concatenate(*parts):
    inside = tuple(tuple(part.indices) for part in parts)
    return Opaque(REGISTRY["concatenate"], parts, {"axis": 0}, inside, (TRIPLE,))


one_of_three = letter("l", [Index("o", 1)], np.array([0.3]))

#: rule → (where it applies, where it must not, the equation forced there: left and right)
CASES = {
    "log_of_product": (
        log(product(3, [(p, 2), (r, -1), (some, 1)])),
        log(times(below, u)),
        (log(times(below, below)), times(two, log(below))),
    ),
    "log_of_power": (
        log(power(p, 2)),
        log(power(below, 2)),
        (log(power(below, 2)), times(two, log(below))),
    ),
    "log_of_prod": (
        log(prod(times(q, r))),
        log(prod(below)),
        (log(prod(below)), Sum(K, log(below))),
    ),
    "weighted_log": (
        times(zeros, log(product(1, [(zeros, 1), (p, -1)])), c),
        times(below, log(times(below, below))),
        (times(c, log(times(c, c))), plus(times(c, log(c)), times(c, log(c)))),
    ),
    "exp_of_sum": (exp(plus(u, v)), exp(times(u, v)), (exp(times(u, v)), times(exp(u), exp(v)))),
    "exp_of_multiple": (exp(times(two, u)), exp(times(u, v)), (exp(times(u, v)), power(exp(u), 2))),
    "choice": (
        where(gate(ops.less, u, v), u, v),
        where(u, v, c),
        (where(u, v, c), plus(times(u, v), times(plus(number(1), minus(u)), c))),
    ),
    "one_gate": (
        gate(ops.less_equal, u, v),
        gate(ops.greater, u, number(0)),
        (gate(ops.less, u, v), gate(ops.greater, plus(u, minus(v)), number(0))),
    ),
    "where_equal": (
        times(gate(ops.equal, plus(u, minus(v)), number(0)), exp(u)),
        times(gate(ops.equal, u, number(0)), v),
        (times(gate(ops.greater, u, number(0)), exp(u)), gate(ops.greater, u, number(0))),
    ),
    "sign_of_product": (
        apply(ops.sign, product(-2, [(u, 1), (v, 3)])),
        apply(ops.sign, product(1, [(u, 2), (v, 1)])),
        (
            apply(ops.sign, product(-1, [(u, 1), (v, 1)])),
            times(apply(ops.sign, u), apply(ops.sign, v)),
        ),
    ),
    "even_multiple": (
        apply(ops.sin, times(number(3), u)),
        apply(ops.sin, product(half, [(u, 1)])),
        (apply(ops.sin, times(two, u)), times(two, apply(ops.sin, u))),
    ),
    "by_cases": (
        exp(plus(times(gate(ops.greater, u, number(0)), v), c)),
        exp(Sum(K, times(gate(ops.greater, u, number(0)), v))),
        (
            exp(plus(times(gate(ops.greater, u, number(0)), v), c)),
            times(gate(ops.less, u, number(0)), exp(plus(v, c))),
        ),
    ),
    "power_of_prod": (
        power(prod(times(q, r)), half),
        power(prod(below), half),
        (power(prod(times(below, u)), half), power(prod(below), half)),
    ),
    "power_of_product": (
        power(times(two, p, some), half),
        power(times(below, c), half),
        (power(power(below, 2), half), below),
    ),
    "prod_of_product": (
        prod(product(2, [(q, 1), (u, 2), (r, 1)])),
        prod(plus(q, u)),
        (prod(plus(q, u)), times(prod(q), prod(u))),
    ),
    "prod_of_exp": (prod(exp(times(u, v))), prod(u), (prod(u), Sum(K, u))),
    "entry_of_stack": (
        stack(c, two, at=PAIR.at(1)),
        stack(c, two),
        (stack(c, two, at=PAIR.at(1)), c),
    ),
    "sum_over_stack": (
        Sum(PAIR, exp(times(stack(c, two), stack(two, c)))),
        Sum(PAIR, times(stack(c, two), letter("m", [PAIR], [1.0, 2.0]))),
        (Sum(PAIR, times(stack(c, two), stack(c, two))), plus(c, two)),
    ),
    "distribute_once": (
        times(plus(u, v), c),
        power(plus(u, v), 2),
        (power(plus(u, v), 2), plus(power(u, 2), power(v, 2))),
    ),
    "expand_power": (
        times(power(plus(u, v, c), 3), p),
        power(plus(u, v), -2),
        (power(plus(u, v), 2), plus(power(u, 2), power(v, 2))),
    ),
    "common_factor": (
        plus(times(c, u, p), product(3, [(c, 1), (p, -1)])),
        plus(times(c, u), times(v, p)),
        (plus(times(c, u), times(v, p)), times(c, plus(u, v))),
    ),
    "turn_sign": (
        power(plus(u, times(number(-1), c)), -3),
        power(plus(c, times(number(-1), u)), 3),
        (power(plus(u, times(number(-1), c)), 3), power(plus(c, times(number(-1), u)), 3)),
    ),
    "sum_of_terms": (
        sum_over([N, K], plus(x, v)),
        sum_over([N, K], times(x, v)),
        (sum_over([N, K], times(x, v)), times(Sum(N, v), sum_over([N, K], x))),
    ),
    "number_out": SHARED["number out"],
    "slice_of_delta": SHARED["slice of δ"],
    "slice_of_stack": SHARED["slice of a stack"],
    "term_by_term": (
        running(plus(u, p)),
        running(times(u, p)),
        (running(times(u, p)), times(running(u), running(p))),
    ),
    "constant_out": (
        sum_over([N, K], times(two, c, x)),
        sum_over([N, K], times(x, v, u)),
        (sum_over([N, K], times(x, v)), times(v, sum_over([N, K], x))),
    ),
    "separate": (
        sum_over([N, K], times(two, c, u, v)),
        sum_over([N, K], times(x, v, u)),
        (sum_over([N, K], times(x, v)), times(Sum(N, v), sum_over([N, K], x))),
    ),
    "join_sums": (
        Sum(N, times(v, Sum(K, x))),
        Sum(N, Sum(K, x)),
        (Sum(N, times(v, power(Sum(K, x), 2))), sum_over([N, K], times(v, power(x, 2)))),
    ),
    "exchange": (
        sum_over([K, J], times(square, u)),
        sum_over([N, K], times(x, u)),
        (Sum(K, times(square, u)), Sum(K, times(turned, u))),
    ),
    "delta_renames": (
        times(Delta(K, J), u, c),
        times(Delta(K, J), rename(u, {K: J})),
        (times(Delta(K, J), u), times(u, rename(u, {K: J}))),
    ),
    "sums_to_one": (
        sum_over([N, K], times(v, y)),
        sum_over([N, K], times(v, w)),
        (sum_over([N, K], times(v, w)), Sum(N, v)),
    ),
}


def test_every_rule_has_a_case_and_an_equation():
    assert set(CASES) == set(RULES)
    assert all(rule.equation and rule.because for rule in RULES.values())


@pytest.mark.parametrize("name", CASES)
def test_the_equation_holds_where_it_applies(name):
    expr, _, _ = CASES[name]
    matches = list(RULES[name].apply(expr, facts()))
    assert matches
    for match in matches:
        assert close_to(expr, match.result)
        assert close_to(match.left, match.right)


@pytest.mark.parametrize("name", CASES)
def test_the_equation_is_refused_where_its_condition_is_broken(name):
    _, expr, _ = CASES[name]
    assert list(RULES[name].apply(expr, facts())) == []


@pytest.mark.parametrize("name", CASES)
def test_the_equation_forced_there_is_false(name):
    _, _, (left, right) = CASES[name]
    assert not close_to(left, right)


@settings(max_examples=60)
@given(expr=expressions(roots=True))
def test_a_rule_never_changes_the_value(expr):
    known = facts_about()
    for rule in RULES.values():
        for match in rule.apply(expr, known):
            assert kept(expr, match.result), f"{expr} ≠ {match.result} by {rule}"


def test_a_sum_within_that_uses_an_index_from_outside_is_given_another():
    inner = Sum(K, times(square, u))
    (match,) = sums.join_sums.apply(Sum(J, times(inner, turned, rename(p, {K: J}))), facts())
    assert close_to(match.left, match.right)


def test_every_rule_is_used_at_some_level():
    used = {rule for level in LEVELS for rule in (*level.open, *level.closed)}
    used.add(sums.sums_to_one)  # comes with the assumptions, before every level
    assert used >= set(RULES.values())
    assert used - set(RULES.values()) <= {
        *(*EAGER, *CHOICES, *laws.PIECES, *laws.FEWER),
        *(laws.power_of_product, laws.power_as_exp),
    }


def test_what_is_positive_by_assumption_says_so_and_can_be_forbidden():
    z, t = tg.Tensor([0.3, 1.2], name="z"), tg.Tensor([0.5, 2.0], name="t")
    sides = tg.log(z * t), tg.log(z) + tg.log(t)
    proof = tg.prove(*sides)
    assert {a.statement for a in proof.assumptions if a.used} == {"t > 0", "z > 0"}
    assert not tg.prove(*sides, assume=())


def test_the_weight_of_a_logarithm_must_not_be_negative():
    z = letter("z", [K], [0.0, 1.2])
    expr = times(z, log(times(z, p)))
    (match,) = functions.weighted_log.apply(expr, facts())
    assert match.assumption == "z ≥ 0"
    assert list(functions.weighted_log.apply(expr, facts(assume=()))) == []


def test_a_sum_over_a_concatenation_sums_over_its_parts():
    both = concatenate(one_of_three, u)
    expr = Sum(TRIPLE, exp(both))
    (match,) = stacks.sum_over_stack.apply(expr, facts())
    assert close_to(expr, match.result)
    for place, entry in enumerate([one_of_three, u, u]):
        at = rename(both, {TRIPLE: TRIPLE.at(place)})
        (match,) = stacks.entry_of_stack.apply(at, facts())
        assert close_to(at, match.result)
        assert match.result.quantity is entry.quantity


# --- the normal form ------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS, ids=range(len(LEVELS)))
@settings(max_examples=25, deadline=None)
@given(expr=expressions())
def test_a_normal_form_has_the_same_value_and_stays_as_it_is(level, expr):
    known = facts_about()
    path = Normaliser(level, known).path(expr)
    for before, after in zip(path.forms, path.forms[1:], strict=False):
        assert kept(before, after), f"{before} ≠ {after}"
    if not path.capped:
        assert Normaliser(level, known).path(path.end).moves == ()


def test_what_both_sides_of_a_product_are_made_of_is_written_out_alike():
    written_out = Normaliser(LEVELS[3], facts())
    one = times(plus(u, c), plus(u, times(number(-1), c)))
    other = plus(power(u, 2), product(-1, [(c, 2)]))
    assert written_out.path(one).end == written_out.path(other).end == other


# --- rounding -------------------------------------------------------------------------------------


def test_formulas_that_differ_in_the_last_digits_are_alike():
    third = 1 / 3 + 1e-16
    assert alike(product(0.1 + 0.2, [(u, ONE)]), product(0.3, [(u, ONE)]))
    assert alike(log(plus(u, number(third))), log(plus(u, number(1 / 3))))
    assert alike(plus(log(two), log(number(3)), u), plus(log(number(6)), u))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (product(1 + 1e-9, [(u, ONE)]), u),
        (plus(u, number(1e-9)), u),
        (plus(u, v), plus(u, c)),
        (power(u, 2), power(u, 3)),
        (log(u), exp(u)),
        (times(u, v), times(u, v, v)),
        (number(1), u),
    ],
    ids=str,
)
def test_other_formulas_are_not(one, other):
    assert not alike(one, other)
    assert not alike(other, one)


def test_what_numbers_lose_when_they_cancel_is_rounding():
    tiny = number(7.5e-17)
    assert not alike(plus(u, tiny), u)
    assert alike(plus(u, tiny), u, size=1.0)
