"""Equations of functions that no single line says: of many terms, and of whole axes.

Those of logarithms, exponentials and products over an axis take a formula apart: a logarithm of a
product becomes a sum, an exponential of a sum a product. A proof needs that; in the derivation of
a gradient it would lengthen most formulas.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Factor,
    Index,
    Mul,
    Number,
    Opaque,
    Placed,
    Sum,
    distinct,
    minuses,
    named_axes,
    opposite,
    ops_in,
    order,
    parts,
    power,
    product,
    rename,
    replace,
    sum_over,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.arithmetic import split
from tinygrad_edu.symbolic.algebra.rules.law import called
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    ZERO,
    Match,
    is_call,
    rule,
    within_product,
    within_sum,
    without,
)

__all__ = ["EXPONENTIALS", "LOGARITHMS", "SIGMOIDS", "ground", "join_exponentials"]
__all__ += ["odd_function", "power_of_prod"]

ODD = (ops.sign, ops.tanh, ops.sinh, ops.sin, ops.tan)


@rule("odd function", "f(−x) = −f(x), f odd", "sign, tanh, sinh, sin and tan are odd", *ODD, Mul)
def odd_function(expr: Apply | Mul, facts: Facts) -> Expr | None:
    """Take a minus out of an odd function, or into a difference where one stands before it."""
    scale, ((call, exponent), *rest) = parts(expr)
    if rest or exponent != 1 or not isinstance(call, Apply) or call.op not in ODD:
        return None
    turned = call.rebuild((opposite(call.args[0]),))
    terms, others = terms_of(call.args[0]), terms_of(turned.children[0])
    if isinstance(expr, Apply):
        return -turned if len(terms) == 1 and minuses(terms) else None
    fewer = len(terms) > 1 and minuses(others) <= minuses(terms)
    return -scale * turned if scale < 0 and fewer else None


# --- sigmoids -------------------------------------------------------------------------------------


def _sigmoid_of(expr: Expr) -> Expr | None:
    call = called(expr)
    return call.args[0] if call is not None and call.op is ops.sigmoid else None


@rule("opposite sigmoid", "1 − σ(−x) = σ(x)", "e^x/(1 + e^x) + 1/(1 + e^x) = 1", Add)
def opposite_sigmoid(expr: Add, facts: Facts) -> Iterator[Match]:
    if ops.sigmoid not in ops_in(expr):
        return
    for term in expr.terms:
        coefficient, factors = parts(term)
        number = Number(-coefficient)
        if len(factors) == 1 and factors[0][1] == 1 and number in expr.terms:
            inside = _sigmoid_of(factors[0][0])
            if inside is not None and parts(inside)[0] < 0:
                right = -coefficient * ops.sigmoid(opposite(inside))
                yield within_sum(expr, (number, term), right)


@rule("opposite sigmoids", "σ(−x) = 1 − σ(x)", "e^x/(1 + e^x) + 1/(1 + e^x) = 1", Add, Mul)
def beside_opposite(expr: Add | Mul, facts: Facts) -> Iterator[Match]:
    """Let one formula hold σ(x) or σ(−x), and not both."""
    if ops.sigmoid not in ops_in(expr):
        return
    every = ((each, _sigmoid_of(each)) for each in distinct(expr))
    there = {inside: each for each, inside in every if inside is not None}
    for inside, each in there.items():
        other = there.get(opposite(inside))
        if other is not None and _turns(inside):
            right = 1 - other
            result = replace(expr, {each: right})
            if isinstance(result, Add):  # c·(1 − σ) is c − c·σ in a sum
                result = total(_distributed(term, right) for term in result.terms)
            yield Match(each, right, result)


def _distributed(term: Expr, over: Expr) -> Expr:
    """Multiply a sum by its number, if that is all that stands beside it."""
    coefficient, factors = parts(term)
    if factors != ((over, ONE),):
        return term
    return total(coefficient * each for each in over.children)


def _turns(inside: Expr) -> bool:
    """Whether this is the one to be turned, of x and −x."""
    terms = terms_of(inside)
    more = 2 * minuses(terms) - len(terms)
    return more > 0 or (more == 0 and order(inside) > order(opposite(inside)))


# --- softmax --------------------------------------------------------------------------------------


@rule("softmax", "e^(x_k)/Σ_k e^(x_k) = softmax(x)_k", "what softmax is defined as", Mul)
def softmax(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Fold exponentials over their sum, also where the ones above are summed with weights."""
    for below, exponent in expr.factors:
        if exponent != -1 or not isinstance(below, Sum) or not is_call(below.body, ops.exp):
            continue
        (inside,) = below.body.children
        for above, height in expr.factors:
            right = _share(above, inside, below.index) if height >= 1 else None
            if right is not None:
                yield within_product(expr, ((above, ONE), (below, exponent)), right)


def _share(above: Expr, inside: Expr, bound: Index) -> Expr | None:
    """Return softmax(x)_k for e^(x_k), and Σ_k softmax(x)_k·f_k for Σ_k e^(x_k)·f_k."""
    if is_call(above, ops.exp):
        index = _index_of(inside, bound, above.children[0])
        if index is None:
            return None
        own = sorted(inside.indices - {bound}, key=lambda each: each.order)
        return Opaque(ops.softmax, (inside,), {"axis": -1}, ((*own, bound),), (*own, index))
    coefficient, factors = parts(above.body) if isinstance(above, Sum) else (ONE, ())
    for factor in factors:
        share = _share(factor[0], inside, bound) if factor[1] == 1 else None
        if isinstance(share, Opaque) and isinstance(above, Sum) and share.axes[-1] is above.index:
            rest = product(coefficient, without(factors, (factor,)) or ())
            return sum_over((above.index,), rest * share)
    return None


def _index_of(inside: Expr, bound: Index, other: Expr) -> Index | None:
    """Return the index at which a summed expression is another one."""
    if other == inside:
        return bound
    new = [each for each in other.indices if each not in inside.indices]
    entries = (axis for e in distinct(other) if isinstance(e, Placed) for axis in e.axes)
    new += [axis for axis in entries if axis is not None and axis.place is not None]
    candidates = (a for a in dict.fromkeys(new) if a.range is bound.range)
    return next((a for a in candidates if rename(inside, {bound: a}) == other), None)


@rule(
    "shift",
    "softmax(x + c) = softmax(x), c does not depend on k",
    "e^c is a factor above and below",
    ops.softmax,
)
def shifted_softmax(expr: Opaque, facts: Facts) -> Expr | None:
    (inside,), (axes,) = expr.args, expr.inside
    bound = axes[expr.attributes["axis"]]
    kept = [term for term in terms_of(inside) if bound in term.indices]
    if isinstance(inside, Add) and bound is not None and len(kept) < len(inside.terms):
        return expr.rebuild((total(kept),))
    return None


# --- what is positive -----------------------------------------------------------------------------


def ground(expr: Expr, facts: Facts) -> Expr:
    """Return the part whose sign decides that of an expression: f for f^t, σ for 2/σ."""
    if is_call(expr, ops.power):
        return ground(expr.children[0], facts)
    if isinstance(expr, Sum):
        return ground(expr.body, facts)
    if expr.op is ops.prod:
        return ground(_prod(expr)[1], facts)
    if isinstance(expr, Mul) and expr.coefficient > 0:
        unknown = [base for base, _ in expr.factors if facts.sign(base) != "positive"]
        if len(unknown) == 1:
            return ground(unknown[0], facts)
    return expr


# --- logarithms -----------------------------------------------------------------------------------


def _log_of(factor: Factor) -> Expr:
    base, exponent = factor
    return product(exponent, [(ops.log(base), ONE)])


@rule(
    "log of a product",
    "log(x^p·y^q) = p·log x + q·log y, x > 0, y > 0",
    "the law of logarithms",
    ops.log,
)
def log_of_product(expr: Apply, facts: Facts) -> Match | None:
    """Split what is positive; the one factor of unknown sign is so too, where all of them are."""
    coefficient, factors = parts(expr.args[0])
    if coefficient <= 0 or len(factors) + (coefficient != 1) < 2:
        return None
    unknown = [f for f in factors if facts.sign(f[0]) != "positive"]
    known = [f for f in factors if f not in unknown]
    statement = None
    if len(unknown) > 1:
        found = facts.positive(unknown[0][0])
        if found is not None:  # else what is unknown is kept together
            statement = found[1]
            known.append(unknown.pop(0))
        elif not known and coefficient == 1:
            return None
    if coefficient != 1:
        known.append((Number(coefficient), ONE))
    if unknown:
        known.append((product(1, unknown), ONE))
    right = total(map(_log_of, known))
    because = "the law of logarithms, for what is positive" + (
        f": {statement}" if statement else ""
    )
    return Match(expr, right, right, because, statement)


@rule("log of a power", "log x^p = p·log x, x > 0", "the law of logarithms", ops.log)
def log_of_power(expr: Apply, facts: Facts) -> Expr | Match | None:
    """log x^p = p log x; where p is odd, x^p has no logarithm unless x is positive."""
    base, exponent = split(expr.args[0])
    if base is expr.args[0]:
        return None
    right: Expr = exponent * ops.log(base)
    if isinstance(exponent, Number) and exponent.value % 2 == 1:
        return right
    found = facts.positive(base)
    return None if found is None else Match(expr, right, right, *found)


@rule("log of Π", "log Π_k x_k = Σ_k log x_k, x > 0", "the law of logarithms", ops.log)
def log_of_prod(expr: Apply, facts: Facts) -> Match | None:
    if expr.args[0].op is not ops.prod:
        return None
    indices, body = _prod(expr.args[0])
    found = facts.positive(body)
    right = sum_over(indices, ops.log(body))
    return None if found is None else Match(expr, right, right, *found)


def _prod(expr: Expr) -> tuple[list[Index], Expr]:
    """Return the indices that a product runs over, and its body with the indices outside."""
    assert isinstance(expr, Opaque)
    inside = expr.inside[0]
    gone = named_axes(len(inside), expr.attributes["axis"])
    indices = [index for i in gone if (index := inside[i]) is not None]
    kept = [index for i, index in enumerate(inside) if i not in gone]
    outside = expr.axes
    if expr.attributes["keepdims"]:
        outside = tuple(a for i, a in enumerate(outside) if i not in gone)
    new = {a: b for a, b in zip(kept, outside, strict=True) if a is not None and b is not None}
    return indices, rename(expr.args[0], new)


@rule("weighted log", "p·log(p·x) = p ⊙ log p + p·log x, p ≥ 0", "0·log 0 = 0", Mul)
def weighted_log(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Entropies hold p log p, which is 0 where p is 0: there p log(p/q) can be split too."""
    weights = {base for base, power in expr.factors if power > 0}
    for factor in expr.factors:
        call, exponent = factor
        if exponent != 1 or not is_call(call, ops.log) or not isinstance(call.children[0], Mul):
            continue
        coefficient, inside = parts(call.children[0])
        for held in inside:
            weight = held[0]
            if weight not in weights or coefficient < 0 or facts.sign(weight) == "positive":
                continue
            known = facts.sign(weight) == "nonnegative"
            statement = None if known else facts.assumed(weight, "≥")
            if known or statement is not None:
                rest = product(coefficient, [f for f in inside if f is not held])
                around = product(expr.coefficient, without(expr.factors, (factor,)) or ())
                right = around * _log_of(held) + around * ops.log(rest)
                because = f"{weight} ≥ 0, and 0·log 0 = 0"
                yield Match(expr, right, right, because, statement)


# --- exponentials and powers ----------------------------------------------------------------------


@rule("join exponentials", "e^x · e^y = e^(x+y)", "the law of exponents", Mul)
def join_exponentials(expr: Mul, facts: Facts) -> Iterator[Match]:
    powers = [f for f in expr.factors if is_call(f[0], ops.exp) and f[1].denominator == 1]
    for pair in itertools.combinations(powers, 2):
        exponent = total(n * base.children[0] for base, n in pair)
        right = Number(ONE) if exponent == ZERO else ops.exp(exponent)
        yield within_product(expr, pair, right)


@rule("exp of a sum", "e^(x+y) = e^x·e^y", "the law of exponents", ops.exp)
def exp_of_sum(expr: Apply, facts: Facts) -> Expr | None:
    if not isinstance(expr.args[0], Add):
        return None
    return product(1, [(ops.exp(term), ONE) for term in expr.args[0].terms])


@rule("exp of a multiple", "e^(n·x) = (e^x)^n", "the law of exponents", ops.exp)
def exp_of_multiple(expr: Apply, facts: Facts) -> Expr | None:
    coefficient, factors = parts(expr.args[0])
    if coefficient == 1 or not factors:
        return None
    return power(ops.exp(product(1, factors)), coefficient)


@rule("power of a product", "(c·x^p)^q = c^q·x^(p·q), x > 0", "the law of exponents", Mul)
def power_of_product(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Take out of a power what is never negative, or one factor that is known to be positive."""
    for base, exponent in expr.factors:
        if not isinstance(base, Mul) or base.coefficient <= 0:
            continue
        out = [(taken, f) for f in base.factors if (taken := _taken_out(f, exponent, facts))]
        statement = None
        if not out and base.coefficient == 1:
            assumed = ((f, facts.positive(f[0])) for f in base.factors)
            first = next(((f, found) for f, found in assumed if found is not None), None)
            if first is None:
                continue
            factor, (_, statement) = first
            out = [((factor[0], factor[1] * exponent), factor)]
        rest = [f for f in base.factors if all(f is not taken for _, taken in out)]
        inner = [*(taken for taken, _ in out), *([(product(1, rest), exponent)] if rest else [])]
        scale = [(Number(base.coefficient), exponent)] if base.coefficient != 1 else []
        right = product(1, [*scale, *inner])
        yield within_product(expr, ((base, exponent),), right, statement or "", statement)


def _taken_out(factor: Factor, exponent: Fraction, facts: Facts) -> Factor | None:
    """Return the power of a factor that may be raised on its own, if it may."""
    base, inside = factor
    if inside.denominator == 1 and inside % 2 == 0 and facts.sign(base) != "positive":
        return abs(base), inside * exponent
    nonnegative = facts.sign(base) == "nonnegative" and inside > 0 and exponent > 0
    return (base, inside * exponent) if nonnegative or facts.sign(base) == "positive" else None


@rule("power of Π", "(Π_k x_k)^q = e^(q·Σ_k log x_k), x > 0", "the law of exponents", Mul)
def power_of_prod(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if exponent.denominator != 1 and base.op is ops.prod:
            indices, body = _prod(base)
            found = facts.positive(body)
            if found is not None:
                right = ops.exp(exponent * sum_over(indices, ops.log(body)))
                yield within_product(expr, ((base, exponent),), right, *found)


# --- products over an axis ------------------------------------------------------------------------


@rule(
    "Π of a product",
    "Π_k x_k·y_k = Π_k x_k · Π_k y_k",
    "factors can be taken in any order",
    ops.prod,
)
def prod_of_product(expr: Opaque, facts: Facts) -> Expr | None:
    coefficient, factors = parts(expr.args[0])
    each: list[Factor] = [] if coefficient == 1 else [(Number(coefficient), ONE)]
    for base, exponent in factors:
        outside = exponent.denominator == 1 or facts.sign(base) == "positive"
        each.append((base, exponent) if outside else (power(base, exponent), ONE))
    if len(each) < 2 and all(exponent == 1 for _, exponent in each):
        return None
    return product(1, [(expr.rebuild((base,)), exponent) for base, exponent in each])


@rule("Π of exponentials", "Π_k e^(x_k) = e^(Σ_k x_k)", "the law of exponents", ops.prod)
def prod_of_exp(expr: Opaque, facts: Facts) -> Expr | None:
    indices, body = _prod(expr)
    if not is_call(body, ops.exp):
        return None
    return Apply(ops.exp, (sum_over(indices, body.children[0]),), {})


#: Rules that see sigmoids and softmax.
SIGMOIDS = (opposite_sigmoid, beside_opposite, softmax, shifted_softmax)
#: Rules that take logarithms apart.
LOGARITHMS = (log_of_prod, log_of_power, log_of_product, weighted_log)
#: Rules that take exponentials apart, and products over an axis.
EXPONENTIALS = (exp_of_sum, exp_of_multiple, power_of_product, prod_of_product, prod_of_exp)
