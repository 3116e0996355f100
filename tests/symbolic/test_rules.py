"""Every equation: true where it applies, refused and false where its side condition is broken."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.testing import assert_allclose

from tests.symbolic.expressions import K, N, environment, expressions, facts_about, letter
from tests.symbolic.inside import (
    CHOICES,
    EAGER,
    LEVELS,
    Add,
    Apply,
    Delta,
    Dimension,
    Environment,
    Equation,
    Equations,
    Facts,
    Index,
    Law,
    Leaf,
    Level,
    Mul,
    Normaliser,
    Number,
    Opaque,
    Quantity,
    Rewriter,
    Sum,
    complement_of,
    distinct,
    laws,
    magnitudes,
    number,
    parts,
    place_of,
    power,
    product,
    rename,
    replace,
    shared_factors,
    sum_over,
    total,
    without,
)
from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY

ONE = Fraction(1)
RULES = {rule.name: rule for rule in (*EAGER, *CHOICES)}
PROVING = [*laws.PIECES, *laws.FEWER, laws.power_of_product, laws.power_as_exp]
LAWS = [*(rule for rule in RULES.values() if isinstance(rule, Law)), *PROVING]

RNG = np.random.default_rng(0)
x = letter("x", [N, K], RNG.normal(size=(3, 2)))
u = letter("u", [K], RNG.normal(size=2))
v = letter("v", [N], RNG.normal(size=3))
c = letter("c", [], np.array(-1.7))
p = letter("p", [K], RNG.uniform(0.5, 2, 2), sign="positive")
zeros = letter("o", [K], np.array([0.0, 1.5]))
y = letter("y", [K], np.array([0.25, 0.75]))
t = letter("t", [K], np.array([0.25, 0.25]))


def times(*factors):
    return product(1, [(f, ONE) for f in factors])


def plus(*terms):
    return total(terms)


def exp(e):
    return Apply(ops.exp, (e,), {})


def log(e):
    return Apply(ops.log, (e,), {})


def apply(op, e):
    return Apply(op, (e,), {})


def softmax_over(axis):
    return Opaque(ops.softmax, (x,), {"axis": axis}, ((N, K),), (N, K))


def gate(op, *args):
    return Apply(op, args, {})


def raised(base, exponent):
    return Apply(ops.power, (base, exponent), {})


def softmax_of(e):
    return Opaque(ops.softmax, (e,), {"axis": -1}, ((N, K),), (N, K))


def stack(*parts, at=None):
    at = PAIR if at is None else at
    return Opaque(REGISTRY["stack"], parts, {"axis": 0}, ((K,),) * len(parts), (at, K))


def entry_of(e, place):
    return rename(e, {K: K.at(place)})


def joined(*parts):
    return Opaque(REGISTRY["concatenate"], parts, {"axis": 0}, ((K,),) * len(parts), (FOUR,))


def end_of(e, label, rest):
    """All but the first entries along an axis."""
    index = (("slice", label.length - rest.length, None, None),)
    return Opaque(REGISTRY["getitem"], (e,), {"index": index}, ((label,),), (rest,))


FOUR, REST = Index("r", 4), Index("s", 2)
J = Index("j", K.length, K)
PAIR = Index("m", 2)  # the axis of a stack of two
SYMMETRIC, SKEWED = (
    letter(name, [K, J], np.array(rows))
    for name, rows in (("S", [[1.0, 2.0], [2.0, -3.0]]), ("R", [[1.0, 2.0], [0.5, -3.0]]))
)


def both_ways(matrix):
    """A matrix times u, and its transpose times u."""
    turned = Leaf(matrix.quantity, (J, K))
    return [Sum(J, times(each, rename(u, {K: J}))) for each in (turned, matrix)]


NONE = number(0)
MINUS_U = product(-1, [(u, 1)])
HALF = Fraction(1, 2)

LABELS = Quantity("l", (N,), np.array([1, 0, 1])).leaf
ROWS = Opaque(ops.one_hot, (LABELS,), {"classes": 2, "dtype": "float64"}, ((N,),), (N, K))

#: rule → (where it applies, where it must not, the equation forced there: left and right)
CASES = {
    "cancel": (
        product(1, [(p, 1), (u, 1), (p, -1)]),
        product(1, [(zeros, 1), (u, 1), (zeros, -1)]),
        (product(1, [(zeros, 1), (zeros, -1)]), number(1)),
    ),
    "δ picks": (
        Sum(K, times(Delta(K, J), u, p)),
        Sum(K, times(power(Delta(K, J), 2), u)),
        (Sum(K, times(plus(Delta(K, J), u), p)), rename(p, {K: J})),
    ),
    "distribution": (
        Sum(K, softmax_over(1)),
        Sum(N, softmax_over(1)),
        (Sum(N, softmax_over(1)), number(1)),
    ),
    "assumption": (Sum(K, y), Sum(K, t), (Sum(K, t), number(1))),
    "symmetric": (
        plus(*both_ways(SYMMETRIC)),
        plus(*both_ways(SKEWED)),
        both_ways(SKEWED),
    ),
    "shares": (
        Sum(K, plus(number(Fraction(1, 4)), product(HALF, [(y, 1)]))),
        Sum(K, plus(number(Fraction(1, 4)), product(HALF, [(t, 1)]))),
        (Sum(K, plus(number(Fraction(1, 4)), product(HALF, [(t, 1)]))), number(1)),
    ),
    "constant out of Σ": (
        Sum(K, times(x, v, c)),
        Sum(K, times(x, u)),
        (Sum(K, times(x, u)), times(u, Sum(K, x))),
    ),
    "Σ of a constant": (Sum(K, times(v, c)), Sum(K, u), (Sum(K, u), times(Dimension(K), u))),
    "collect": (
        plus(times(number(2), u), v, times(number(3), u)),
        plus(u, p),
        (plus(u, p), times(number(2), u)),
    ),
    "join powers": (
        Mul(ONE, ((u, ONE), (u, Fraction(2)))),
        times(u, p),
        (times(u, p), power(u, 2)),
    ),
    "join exponentials": (
        times(exp(u), exp(v)),
        plus(exp(u), exp(v)),
        (plus(exp(u), exp(v)), exp(plus(u, v))),
    ),
    "distribute": (
        times(plus(u, v), c),
        product(1, [(plus(u, v), -1), (c, 1)]),
        (product(1, [(plus(u, v), -1)]), plus(power(u, -1), power(v, -1))),
    ),
    "decided": (
        gate(ops.less, NONE, p),
        gate(ops.less, NONE, c),
        (gate(ops.less, NONE, c), number(1)),
    ),
    "gate": (
        Apply(ops.where, (gate(ops.less, u, v), p, NONE), {}),
        Apply(ops.where, (u, p, NONE), {}),
        (Apply(ops.where, (u, p, NONE), {}), times(u, p)),
    ),
    "gate twice": (power(gate(ops.less, u, v), 2), power(u, 2), (power(u, 2), u)),
    "opposite gates": (
        times(gate(ops.less, u, v), gate(ops.greater_equal, u, v)),
        times(gate(ops.less, c, p), gate(ops.greater_equal, p, c)),
        (times(gate(ops.less, c, p), gate(ops.greater_equal, p, c)), NONE),
    ),
    "cases": (
        plus(times(gate(ops.less, u, v), x), times(gate(ops.greater_equal, u, v), p)),
        plus(times(gate(ops.less, c, p), v), times(gate(ops.greater_equal, p, c), p)),
        (
            plus(times(gate(ops.less, c, p), v), times(gate(ops.greater_equal, p, c), p)),
            Apply(ops.where, (gate(ops.less, c, p), v, p), {}),
        ),
    ),
    "power of a power": (
        raised(raised(p, c), u),
        power(power(c, 2), Fraction(1, 2)),
        (power(power(c, 2), Fraction(1, 2)), c),
    ),
    "root of a square": (
        power(power(c, 2), Fraction(1, 2)),
        power(power(p, 3), Fraction(1, 2)),
        (power(c, 3), power(apply(ops.abs, c), 3)),
    ),
    "add exponents": (
        times(raised(p, c), power(p, 2)),
        product(1, [(raised(zeros, y), 1), (zeros, -1)]),
        (
            product(1, [(raised(zeros, y), 1), (zeros, -1)]),
            raised(zeros, plus(y, number(-1))),
        ),
    ),
    "odd function": (
        apply(ops.tanh, product(-2, [(u, 1)])),
        apply(ops.abs, product(-2, [(u, 1)])),
        (
            apply(ops.abs, product(-2, [(u, 1)])),
            times(number(-1), apply(ops.abs, times(number(2), u))),
        ),
    ),
    "opposite sigmoid": (
        plus(number(2), v, product(-2, [(apply(ops.sigmoid, MINUS_U), 1)])),
        plus(number(2), product(-1, [(apply(ops.sigmoid, MINUS_U), 1)])),
        (
            plus(number(2), product(-1, [(apply(ops.sigmoid, MINUS_U), 1)])),
            apply(ops.sigmoid, u),
        ),
    ),
    "common denominator": (
        plus(product(1, [(u, 1), (p, -1)]), product(1, [(c, 1), (v, -1)])),
        plus(product(1, [(zeros, 1), (zeros, -1)]), product(1, [(u, 1), (p, -1)])),
        (
            plus(product(1, [(zeros, 1), (zeros, -1)]), product(1, [(u, 1), (p, -1)])),
            product(1, [(times(zeros, plus(p, u)), 1), (zeros, -1), (p, -1)]),
        ),
    ),
    "Σ of a sum": (
        Sum(K, plus(u, v)),
        Sum(K, times(u, v)),
        (Sum(K, times(u, p)), times(Sum(K, u), Sum(K, p))),
    ),
    "written out": (
        plus(v, *(entry_of(x, place) for place in (0, 1))),
        plus(entry_of(x, 0), entry_of(p, 1)),
        (plus(entry_of(x, 0), entry_of(p, 1)), Sum(K, x)),
    ),
    "one sum": (
        plus(Sum(K, times(x, v)), product(-1, [(Sum(K, times(x, u)), 1)])),
        plus(Sum(K, times(x, v)), Sum(N, times(x, u))),
        (plus(Sum(K, times(x, v)), Sum(K, times(p, u))), Sum(K, times(plus(x, p), plus(v, u)))),
    ),
    "factor": (
        plus(times(u, c), times(p, c), v),
        plus(times(u, c), times(p, v)),
        (plus(times(u, c), times(p, v)), times(c, plus(u, p))),
    ),
    "turn a difference": (
        product(-2, [(plus(u, times(number(-1), v)), 1), (p, 1)]),
        product(-2, [(plus(u, v), 1), (p, 1)]),
        (
            product(-2, [(plus(u, v), 1), (p, 1)]),
            product(2, [(plus(v, times(number(-1), u)), 1), (p, 1)]),
        ),
    ),
    "δ sifts": (
        times(Delta(K, K.at(1)), exp(u), rename(u, {K: K.at(1)})),
        times(Delta(K, K.at(1)), exp(u)),
        (times(Delta(K, J), exp(u)), times(Delta(K, J), exp(rename(u, {K: K.at(1)})))),
    ),
    "index sifts": (
        product(1, [(ROWS, 1), (Sum(K, times(ROWS, exp(x))), -1)]),
        product(1, [(ROWS, 1), (Sum(K, times(softmax_over(1), exp(x))), -1)]),
        (
            product(1, [(softmax_over(1), 1), (Sum(K, times(softmax_over(1), exp(x))), -1)]),
            product(1, [(softmax_over(1), 1), (exp(x), -1)]),
        ),
    ),
    "compare": (
        gate(ops.greater, plus(number(1), times(number(-1), u)), NONE),
        gate(ops.greater, u, NONE),
        (gate(ops.greater, plus(number(1), MINUS_U), NONE), gate(ops.greater, u, number(1))),
    ),
    "opposite sigmoids": (
        times(apply(ops.sigmoid, u), apply(ops.sigmoid, MINUS_U)),
        times(apply(ops.sigmoid, u), apply(ops.sigmoid, p)),
        (
            times(apply(ops.sigmoid, u), apply(ops.sigmoid, p)),
            times(apply(ops.sigmoid, u), plus(number(1), times(number(-1), apply(ops.sigmoid, u)))),
        ),
    ),
    "softmax": (
        product(1, [(exp(x), 1), (Sum(K, exp(x)), -1)]),
        product(1, [(exp(x), 1), (Sum(K, exp(plus(x, u))), -1)]),
        (product(1, [(exp(x), 1), (Sum(K, exp(plus(x, u))), -1)]), softmax_over(1)),
    ),
    "shift": (
        softmax_of(plus(x, v)),
        softmax_of(plus(x, u)),
        (softmax_of(plus(x, u)), softmax_of(x)),
    ),
    "entry of a stack": (
        stack(u, p, at=PAIR.at(1)),
        stack(u, p),
        (stack(u, p, at=PAIR.at(0)), p),
    ),
    "number out": (
        end_of(times(number(3), v), N, REST),
        end_of(v, N, REST),
        (end_of(power(v, 2), N, REST), times(number(2), end_of(v, N, REST))),
    ),
    "slice of δ": (
        end_of(Delta(N, N.at(2)), N, REST),
        end_of(v, N, REST),
        (end_of(Delta(N, N.at(2)), N, REST), Delta(REST, REST.at(0))),
    ),
    "slice of a stack": (
        end_of(exp(joined(u, p)), FOUR, REST),
        end_of(v, N, REST),
        (end_of(exp(joined(u, p)), FOUR, REST), exp(rename(u, {K: REST}))),
    ),
    "Σ over a stack": (
        Sum(PAIR, exp(stack(u, p))),
        Sum(PAIR, times(stack(u, p), rename(u, {K: PAIR}))),
        (Sum(PAIR, exp(stack(u, p))), exp(plus(u, p))),
    ),
}


def facts(assume=None):
    return Facts(Environment(), assume)


def close_to(one, other, env=None):
    env = env or Environment()
    axes = sorted(one.indices | other.indices, key=lambda label: label.letter)
    with np.errstate(all="ignore"):
        return np.allclose(env.array(one, axes), env.array(other, axes), rtol=1e-10, atol=1e-12)


def kept(before, after):
    """Whether a rewriting keeps the value, where that is finite, up to rounding."""
    env = environment()
    with np.errstate(all="ignore"):
        array, size = env.value(before)[0], magnitudes(before, env)
    if not (np.isfinite(array).all() and np.isfinite(size)):
        return True
    axes = sorted(before.indices | after.indices, key=lambda label: label.letter)
    with np.errstate(all="ignore"):
        one, other = env.array(before, axes), env.array(after, axes)
    return np.allclose(one, other, rtol=1e-9, atol=1e-11 * (1 + size))


def test_every_rule_has_a_case():
    assert {*CASES, *(law.name for law in LAWS if law not in PROVING)} == set(RULES)


# --- laws -----------------------------------------------------------------------------------------

each_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)


def instance(law, **values):
    """Both sides of a law, and its conditions, with positive arrays for its letters."""
    letters = [e for e in distinct(law.left) if isinstance(e, Leaf)]
    assert {e for e in distinct(law.right) if isinstance(e, Leaf)} <= {*letters}
    stands = {}
    for place, each in enumerate(letters):
        value = values.get(each.quantity.name, p.quantity.value * (1 + 0.3 * place))
        stands[each] = letter(each.quantity.name, [K], value, "" if values else "positive")
    return [replace(e, stands) for e in (law.left, law.right, *law.conditions)]


@each_law
def test_a_law_holds_where_it_applies(law):
    left, right, *_ = instance(law)
    (match,) = law.apply(left, facts())
    assert close_to(left, right)
    assert close_to(left, match.result)
    assert close_to(match.left, match.right)


@each_law
def test_a_law_is_refused_and_false_where_a_condition_is_broken(law):
    most = 1.3 * p.quantity.value
    for place in range(len(law.conditions)):
        broken = []
        values = -most, most, 0 * most, 0 * most + 1, 0 * most - 1
        for value, other in itertools.product(values, (most, -most)):
            left, right, *conditions = instance(law, x=value, y=other)
            if not Environment().value(conditions[place])[0].any():
                assert list(law.apply(left, facts())) == []
                broken.append(divides_by_0(left) or not close_to(left, right))
        assert any(broken)


def divides_by_0(expr):
    """Whether a denominator is 0 on the data, so that the whole is not defined."""
    _, factors = parts(expr)
    return any(n < 0 and (Environment().value(base)[0] == 0).any() for base, n in factors)


@each_law
def test_without_a_law_its_left_side_is_not_simplified_to_the_right(law):
    def found(values, left_out=None):
        start = instance(law, **values)[0]
        if law in PROVING:
            level = LEVELS[-2]
            kept = [
                tuple(r for r in rules if r is not left_out) for rules in (level.open, level.closed)
            ]
            return Normaliser(Level(*kept), facts()).path(start).end
        eager, choices = ([r for r in rules if r is not left_out] for rules in (EAGER, CHOICES))
        return Rewriter(eager, facts()).search(start, choices).end

    of_no_sign = dict.fromkeys("xyc", p.quantity.value)  # that is known
    assert any(found(values) != found(values, law) for values in ({}, of_no_sign))


def test_what_computed_numbers_have_in_common_is_not_factored_out():
    by_hand, computed = Fraction("0.75"), Fraction("0.3989422804014327")  # 1/√(2π)
    sums = (plus(product(each, [(u, 1)]), product(HALF, [(v, 1)])) for each in (by_hand, computed))
    assert [len(list(RULES["factor"].apply(each, facts()))) for each in sums] == [1, 0]


def test_a_sigmoid_is_turned_where_the_opposite_one_stands():
    up, down = apply(ops.sigmoid, u), apply(ops.sigmoid, MINUS_U)
    rewriter = Rewriter(EAGER, Facts(environment()))
    assert rewriter.close(plus(up, down))[0] == number(1)
    assert str(rewriter.close(plus(up, times(number(-1), down)))[0]) == "tanh(u/2)"
    for kept in (plus(number(1), times(number(-1), up)), plus(v, down), plus(number(1), down)):
        assert rewriter.close(kept) == (kept, ())


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


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize("examples", [300, pytest.param(3000, marks=pytest.mark.deep)])
def test_a_rule_never_changes_the_value(examples):
    """Of random expressions and their parts; what is assumed is true of the numbers compared.

    To draw an expression takes longer than to try all rules on it, so each is tried with all.
    """

    @settings(max_examples=examples)
    @given(expr=expressions(cases=True))
    def check(expr):
        known = facts_about()
        for part in distinct(expr):
            for rule in RULES.values():
                for match in rule.apply(part, known):
                    assert kept(part, match.result), f"{rule.name}: {part} ≠ {match.result}"

    check()


@given(expr=expressions(cases=True))
def test_closing_keeps_the_value(expr):
    known = facts_about()
    closed, moves = Rewriter(EAGER, known).close(expr)
    assert kept(expr, closed)
    for move in moves:
        assert kept(move.before, move.after)
    assert Rewriter(EAGER, known).close(closed)[1] == ()


@settings(max_examples=50)
@given(expr=expressions(cases=True))
def test_searching_keeps_the_value_and_never_lengthens(expr):
    found = Rewriter(EAGER, facts_about()).search(expr, CHOICES, limit=500)
    assert kept(expr, found.end)
    assert found.end.size <= expr.size
    for move in found.moves:
        assert kept(move.before, move.after)


# --- assumptions in rules -------------------------------------------------------------------------


def test_cancelling_without_a_proof_says_where():
    expr = product(1, [(u, 1), (u, -1)])
    (match,) = RULES["cancel"].apply(expr, facts())
    assert match.because == "where u ≠ 0"
    assert match.assumption == "u ≠ 0"
    (proved,) = RULES["cancel"].apply(product(1, [(p, 1), (p, -1)]), facts())
    assert proved.because == "p > 0"
    assert proved.assumption is None


@pytest.mark.parametrize("expr", [product(1, [(u, 1), (u, -1)]), Sum(K, y)])
def test_nothing_is_assumed_that_is_not_allowed(expr):
    rule = RULES["cancel"] if isinstance(expr, Mul) else RULES["assumption"]
    assert list(rule.apply(expr, facts())) != []
    assert list(rule.apply(expr, facts(()))) == []


# --- equations of a derivation --------------------------------------------------------------------


def folded(expr, *equations):
    rule = Equations("name", equations).rule()
    return [match.result for match in rule.apply(expr, facts())]


def test_names_are_folded_upright_and_upside_down():
    a = letter("a", [K], np.exp(u.quantity.value) / 2.5)
    s = letter("s", [], np.array(2.5))
    meaning = product(1, [(exp(u), 1), (s, -1)])
    named = Equation(meaning, a, "by definition")
    assert folded(meaning, named) == [a]
    assert folded(times(meaning, v), named) == [times(a, v)]
    assert folded(product(1, [(s, 1), (v, 1), (exp(u), -1)]), named) == [
        product(1, [(v, 1), (a, -1)])
    ]
    assert folded(times(exp(u), v), named) == []
    assert folded(product(1, [(exp(u), 1), (c, -1)]), named) == []


def test_a_name_with_a_coefficient_does_not_replace_all_that_holds_its_letter():
    d = letter("d", [K], 2 * u.quantity.value)
    named = Equation(product(2, [(u, 1)]), d, "by definition")
    assert folded(product(2, [(u, 1)]), named)[0] == d
    assert folded(product(3, [(u, 1)]), named) == []
    assert folded(times(u, v), named) == []
    assert folded(product(2, [(u, 1), (v, 1)]), named) == [times(d, v)]


def test_names_are_folded_in_other_powers():
    """If r = √x, then 1/x is 1/r²; of a square, only whole powers are left."""
    r = letter("r", [], np.sqrt(2.5))
    s = Sum(K, exp(u))
    root = Equation(power(s, Fraction(1, 2)), r, "by definition")
    assert folded(power(s, Fraction(-3, 2)), root)[0] == power(r, -3)
    assert folded(times(s, v), root) == [times(power(r, 2), v)]
    unknown = Sum(K, u)  # its sign is not known: (x²)^(1/2) is |x|
    square = Equation(power(unknown, 2), r, "by definition")
    assert folded(power(unknown, 4), square)[0] == power(r, 2)
    assert folded(power(unknown, -1), square) == []
    assert folded(power(unknown, Fraction(-3, 2)), root) == []


def test_names_are_folded_in_powers_with_letters():
    r, s = letter("r", [], np.array(2.5)), Sum(K, exp(times(u, p)))
    named = Equation(raised(s, power(c, -1)), r, "by definition")
    rule = Equations("name", [named]).rule()
    (match,) = rule.apply(raised(s, plus(c, number(1))), facts())
    assert match.result == raised(r, times(c, plus(c, number(1))))
    assert match.assumption == "c ≠ 0"
    assert list(rule.apply(raised(s, plus(c, number(1))), facts(()))) == []
    assert list(rule.apply(raised(Sum(K, u), c), facts())) == []


def test_the_complement_of_a_share():
    z = letter("z", [K], 1 / (1 + np.exp(u.quantity.value)))
    left, right = complement_of(z, power(plus(number(1), exp(u)), -1))
    assert left == times(exp(u), z)
    assert right == plus(number(1), times(number(-1), z))
    assert close_to(left, right)
    three = letter("z3", [K], 3 / (2 + np.exp(u.quantity.value)))
    meaning = product(3, [(plus(number(2), exp(u)), -1)])
    assert close_to(*complement_of(three, meaning))
    assert complement_of(z, power(plus(u, exp(u)), -1)) is None
    assert complement_of(z, exp(u)) is None


# --- multisets ------------------------------------------------------------------------------------

_rng = random.Random(0)
#: Up to five powers of four letters; exponents are halves of both signs.
PRODUCTS = [
    tuple(
        (
            _rng.choice([u, v, p, c]),
            Fraction(_rng.choice([1, 2, 3, 4, 6]) * _rng.choice([1, -1]), 2),
        )
        for _ in range(n % 6)
    )
    for n in range(120)
]


def test_without_takes_out_what_is_there_and_nothing_else():
    found = 0
    for held, taken in itertools.product(PRODUCTS, PRODUCTS[:24]):
        rest = without(held, taken)
        if rest is None:
            continue
        found += bool(taken)
        for base in {b for b, _ in held}:
            for sign in (1, -1):  # powers above and below the fraction line are kept apart
                amounts = [
                    sum(e for b, e in powers if b == base and e * sign > 0)
                    for powers in (held, taken, rest)
                ]
                assert amounts[0] - amounts[1] == amounts[2], (held, taken)
    assert found > 30


def test_everything_can_be_taken_out():
    for held in PRODUCTS:
        assert without(held, held) == ()
        assert without(held, ()) == held


def test_what_is_not_there_cannot_be_taken_out():
    other = letter("absent", [K], np.ones(2))
    for held in PRODUCTS:
        assert without(held, [(other, ONE)]) is None
    assert without((), [(u, ONE)]) is None


@pytest.mark.parametrize(
    ("held", "taken", "rest"),
    [
        (((u, Fraction(3)),), ((u, ONE),), ((u, Fraction(2)),)),
        (((u, ONE),), ((u, Fraction(2)),), None),
        (((u, -ONE),), ((u, ONE),), None),
        (((u, Fraction(-2)),), ((u, -ONE),), ((u, -ONE),)),
        (((u, Fraction(2)), (u, ONE)), ((u, ONE),), ((u, Fraction(2)),)),
        (((u, ONE), (u, ONE)), ((u, ONE), (u, ONE), (u, ONE)), None),
    ],
)
def test_powers_are_taken_out_whole_where_they_can_be(held, taken, rest):
    assert without(held, taken) == rest


def test_what_products_have_in_common_divides_each():
    common = 0
    for one, other, third in zip(PRODUCTS, PRODUCTS[1:], PRODUCTS[5:], strict=False):
        for many in ([one, other], [one, other, third]):
            shared = shared_factors(many)
            common += bool(shared)
            for held in many:
                assert without(held, shared) is not None, many
    assert common > 20


def test_a_product_has_all_in_common_with_itself():
    for held in filter(None, PRODUCTS):
        assert sorted(shared_factors([held, held]), key=repr) == sorted(held, key=repr)


# --- facts are kept apart -------------------------------------------------------------------------

nonnegative = letter("m", [K], np.array([0.0, 2.0]), sign="nonnegative")

SIGNS = [
    (exp(u), "positive"),
    (number(0), "nonnegative"),
    (number(2), "positive"),
    (number(-2), "negative"),
    (Dimension(K), "positive"),
    (u, ""),
    (nonnegative, "nonnegative"),
    (apply(ops.abs, u), "nonnegative"),
    (power(u, 2), "nonnegative"),
    (power(p, 2), "positive"),
    (power(p, -1), "positive"),
    (power(u, Fraction(1, 2)), "nonnegative"),
    (power(p, Fraction(1, 2)), "positive"),
    (power(nonnegative, -1), "nonnegative"),
    (times(p, exp(u)), "positive"),
    (times(p, nonnegative), "nonnegative"),
    (times(p, u), ""),
    (times(number(-1), p), "negative"),
    (times(number(-1), nonnegative), ""),
    (times(number(-1), times(number(-1), p)), "positive"),
    (plus(p, nonnegative), "positive"),
    (plus(nonnegative, power(u, 2)), "nonnegative"),
    (plus(p, u), ""),
    (plus(times(number(-1), p), number(-1)), "negative"),
    (plus(p, number(-1)), ""),
    (Sum(K, p), "positive"),
    (Sum(K, nonnegative), "nonnegative"),
    (Sum(K, u), ""),
    (Sum(K, times(number(-1), p)), "negative"),
    (raised(p, u), "positive"),
    (raised(nonnegative, u), "nonnegative"),
    (raised(u, p), ""),
    (apply(ops.relu, u), "nonnegative"),
    (apply(ops.sigmoid, u), "positive"),
    (apply(ops.tanh, u), ""),
]


@pytest.mark.parametrize(("expr", "sign"), SIGNS, ids=lambda value: str(value))
def test_signs(expr, sign):
    assert facts().sign(expr) == sign


@pytest.mark.parametrize(("expr", "sign"), SIGNS, ids=lambda value: str(value))
def test_signs_are_true_at_zero_too(expr, sign):
    """Numbers drawn at random cannot refute "positive" where 0 is possible, so 0 is tried."""
    holds = {"positive": np.greater, "nonnegative": np.greater_equal, "negative": np.less}
    values = {nonnegative.quantity: [0.0, 0.0], u.quantity: [0.0, 0.0]}
    for env in (Environment(), Environment({q: np.array(a) for q, a in values.items()})):
        with np.errstate(all="ignore"):
            array = np.asarray(env.value(expr)[0])
        if sign:
            assert holds[sign](array[~np.isnan(array)], 0).all()


def test_a_sum_of_nothing_is_not_positive():
    nothing = Index("k", 0)
    q = letter("q", [nothing], np.ones(0), sign="positive")
    assert facts().sign(Sum(nothing, q)) == "nonnegative"
    assert facts().sign(Sum(nothing, times(number(-1), q))) == ""


@given(expr=expressions(cases=True))
def test_signs_of_random_expressions_are_true(expr):
    sign = facts_about().sign(expr)
    with np.errstate(all="ignore"):
        array = np.asarray(environment().value(expr)[0])
    array = array[~np.isnan(array)]
    if sign == "positive":
        assert (array > 0).all()
    elif sign == "nonnegative":
        assert (array >= 0).all()
    elif sign == "negative":
        assert (array < 0).all()


def test_zero_is_never_assumed_away_where_the_data_hold_one():
    assert facts().nonzero(zeros) is None
    assert facts().nonzero(u) == "u ≠ 0"
    assert facts().nonzero(nonnegative) is None
    assert facts().nonzero(times(number(-1), p)) == "−p < 0"
    known = facts()
    known.nonzero(zeros)
    (met,) = known.assumptions((), zeros)
    assert (met.statement, met.holds) == ("o ≠ 0", False)


def test_a_product_is_not_zero_where_no_factor_is():
    known = facts()
    assert known.nonzero(product(3, [(u, 1), (p, 2), (v, -1)])) == "v uᵀ ≠ 0"
    assert known.nonzero(times(u, zeros)) is None
    assert known.nonzero(times(p, exp(u))) == "p ⊙ exp(u) > 0"
    infinite = letter("i", [K], np.array([np.inf, 1.0]))
    assert known.nonzero(power(infinite, -1)) is None  # 1/∞ is 0


def test_what_holds_at_zero_is_not_taken_for_positive():
    known = facts()
    assert known.nonnegative(p) == ("p ≥ 0", None)
    assert known.assumptions(["p ≥ 0"], p) == []  # known, and not assumed
    assert known.nonnegative(zeros) == ("o ≥ 0", "o ≥ 0")
    assert known.nonnegative(c) is None
    assert [a.statement for a in known.assumptions(["o ≥ 0"], zeros)] == ["o ≥ 0"]
    moving = Facts(Environment(), None, lambda leaf: False)
    assert moving.nonnegative(zeros) is None


def test_only_constants_are_assumed_to_differ():
    """Where a variable meets another, the tie is a case of its own."""
    assert facts().differ(c, number(0)) == ("where c ≠ 0", "c ≠ 0")
    assert facts().differ(zeros, number(0)) is None
    assert facts().differ(p, number(0)) == ("p > 0", None)
    moving = Facts(Environment(), None, lambda leaf: False)
    assert moving.differ(c, number(0)) is None
    assert moving.differ(p, number(0)) == ("p > 0", None)


@pytest.mark.parametrize(
    ("op", "holds"),
    [
        (ops.less, (True, False)),
        (ops.less_equal, (True, False)),
        (ops.greater, (False, True)),
        (ops.greater_equal, (False, True)),
        (ops.equal, (False, False)),
        (ops.not_equal, (True, True)),
    ],
)
def test_comparisons_that_are_decided(op, holds):
    for args, truth in zip(((NONE, p), (p, NONE)), holds, strict=True):
        (match,) = RULES["decided"].apply(gate(op, *args), facts())
        assert match.result == number(int(truth))
    assert list(RULES["decided"].apply(gate(ops.less_equal, NONE, u), facts())) == []


def test_what_is_never_negative_may_still_be_zero():
    """[0 < x] is open where x ≥ 0 is all that is known; [x < 0] is not."""
    (match,) = RULES["decided"].apply(gate(ops.less, nonnegative, NONE), facts())
    assert match.result == NONE
    (match,) = RULES["decided"].apply(gate(ops.greater_equal, nonnegative, NONE), facts())
    assert match.result == number(1)
    for op in (ops.greater, ops.less_equal):
        assert list(RULES["decided"].apply(gate(op, nonnegative, NONE), facts())) == []


def test_statements_that_print_alike_are_kept_apart():
    one = Opaque(ops.max, (x,), {"axis": 0, "keepdims": False}, ((N, K),), (K,))
    other = Opaque(ops.max, (x,), {"axis": 1, "keepdims": False}, ((N, K),), (N,))
    known = facts()
    assert {known.nonzero(one), known.nonzero(other)} == {
        "max(x, axis=0) ≠ 0",
        "max(x, axis=1) ≠ 0",
    }
    assert known.never_zero(other) == ("where max(x, axis=1) ≠ 0", "max(x, axis=1) ≠ 0")


def test_only_what_is_held_constant_may_be_assumed_to_sum_to_one():
    assert list(RULES["assumption"].apply(Sum(K, y), facts())) != []
    moving = Facts(Environment(), None, lambda leaf: leaf != y)
    assert list(RULES["assumption"].apply(Sum(K, y), moving)) == []
    assert list(RULES["assumption"].apply(Sum(K, times(y, u)), facts())) == []


def test_of_several_axes_that_sum_to_one_the_last_is_meant():
    """Where N = K and every class occurs once, the columns sum to 1 as well, by chance."""
    J2 = Index("m", 2)
    both = letter("Y", [J2, K], np.eye(2))
    assert facts().sums_to_one(Sum(K, both)) == "Σₖ Y = 1"
    assert facts().sums_to_one(Sum(J2, both)) is None
    assert facts(["Σₘ Y = 1"]).sums_to_one(Sum(J2, both)) == "Σₘ Y = 1"  # unless it is said
    columns = letter("C", [J2, K], np.array([[0.5, 1.0], [0.5, 0.0]]))
    assert facts().sums_to_one(Sum(J2, columns)) == "Σₘ C = 1"


def test_nothing_inside_a_sum_escapes_it():
    """Two sums over one index: the inner one is a constant to the outer one."""
    twice = sum_over([K, K], u)
    env = Environment()
    assert_allclose(env.value(twice)[0], 2 * np.sum(u.quantity.value))
    (match,) = RULES["Σ of a constant"].apply(twice, facts())
    assert match.result == times(Dimension(K), Sum(K, u))
    renamed = rename(times(u, Sum(J, times(u, rename(u, {K: J})))), {K: J})
    assert close_to(renamed, rename(times(u, u, Sum(K, u)), {K: J}))


def test_a_letter_and_its_inverse_can_be_added():
    """Both have size 1, and sorting them compares their keys."""
    for order in ([u, power(u, -1)], [power(u, -1), u, c, power(c, -1)]):
        assert total(order) == total(order[::-1])


def test_a_rewriter_remembers_where_rules_do_not_apply_and_still_looks_elsewhere():
    rewriter = Rewriter(EAGER, facts())
    settled = times(u, v)
    assert rewriter.close(settled) == (settled, ())
    one = product(1, [(p, 1), (p, -1)])
    assert rewriter.close(plus(settled, times(v, one)))[0] == plus(settled, v)


def test_parts_put_any_expression_together_again():
    for expr in (u, number(3), times(number(2), u, v), plus(u, v), Add((u, v))):
        assert product(*parts(expr)) == expr
    assert Number(ONE) == number(1)


def test_of_several_places_the_one_that_changed_is_found():
    pair = [(p, ONE), (p, -ONE)]
    first, second = product(1, [*pair, (u, ONE)]), product(1, [*pair, (v, ONE)])
    _, moves = Rewriter(EAGER, facts()).close(total([first, second]))
    assert [move.place for move in moves] == [first, second]
    # In another form it is looked for.
    for found, form in ((first, total([first, u])), (None, u)):
        assert place_of(product(1, pair), form) == found
