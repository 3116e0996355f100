"""Equations of functions that no single line says: of many terms, and of whole axes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Sum,
    difference,
    distinct,
    minuses,
    opposite,
    order,
    parts,
    product,
    rename,
    replace,
    sum_over,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.law import called
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    ZERO,
    Match,
    is_call,
    others,
    rule,
    within_product,
)

__all__ = [
    "beside_opposite",
    "join_exponentials",
    "odd_function",
    "opposite_sigmoid",
    "shifted_softmax",
    "softmax",
]


@rule("join exponentials", "e^x · e^y = e^(x+y)", "the law of exponents", at=Mul)
def join_exponentials(expr: Mul, facts: Facts) -> Iterator[Match]:
    powers = [f for f in expr.factors if is_call(f[0], ops.exp) and f[1].denominator == 1]
    for pair in itertools.combinations(powers, 2):
        exponent = total(product(n, [(base.children[0], ONE)]) for base, n in pair)
        right: Expr = Apply(ops.exp, (exponent,), {})
        if exponent == ZERO:
            right = Number(ONE)
        yield within_product(expr, pair, right)


@rule(
    "odd function",
    "f(−x) = −f(x), f odd",
    "sign, tanh, sinh, sin and tan are odd",
    at=(Apply, Mul),
)
def odd_function(expr: Apply | Mul, facts: Facts) -> Iterator[Match]:
    """Take a minus out of an odd function, or into a difference where one stands before it."""
    if isinstance(expr, Apply):
        coefficient, factors = parts(expr.args[0])
        if expr.op in ODD and coefficient < 0:
            inside = product(-coefficient, factors)
            right = product(-1, [(Apply(expr.op, (inside,), expr.attributes), ONE)])
            yield Match(expr, right, right)
        return
    ((call, exponent), *rest) = expr.factors
    if expr.coefficient < 0 and not rest and exponent == 1 and isinstance(call, Apply):
        (inside,) = call.args[:1]
        if call.op in ODD and isinstance(inside, Add):
            turned = Apply(call.op, (opposite(inside),), call.attributes)
            if minuses(turned.args[0].children) <= minuses(inside.terms):
                right = product(-expr.coefficient, [(turned, ONE)])
                yield Match(expr, right, right)


ODD = frozenset({ops.sign, ops.tanh, ops.sinh, ops.sin, ops.tan})


# --- sigmoids -------------------------------------------------------------------------------------


def _sigmoid_of(expr: Expr) -> Expr | None:
    call = called(expr)
    return call.args[0] if call is not None and call.op is ops.sigmoid else None


@rule("opposite sigmoid", "1 − σ(−x) = σ(x)", "e^x/(1 + e^x) + 1/(1 + e^x) = 1", at=Add)
def opposite_sigmoid(expr: Add, facts: Facts) -> Iterator[Match]:
    for term in expr.terms:
        coefficient, factors = parts(term)
        number = Number(-coefficient)
        if len(factors) == 1 and factors[0][1] == 1 and number in expr.terms:
            inside = _sigmoid_of(factors[0][0])
            if inside is not None and parts(inside)[0] < 0:
                turned = Apply(ops.sigmoid, (opposite(inside),), {})
                right = product(-coefficient, [(turned, ONE)])
                rest = others(expr.terms, (number, term))
                yield Match(total((number, term)), right, total([*rest, right]))


@rule(
    "opposite sigmoids",
    "σ(−x) = 1 − σ(x)",
    "e^x/(1 + e^x) + 1/(1 + e^x) = 1",
    at=(Add, Mul),
)
def beside_opposite(expr: Add | Mul, facts: Facts) -> Iterator[Match]:
    """Let one formula hold σ(x) or σ(−x), and not both."""
    every = ((each, _sigmoid_of(each)) for each in distinct(expr))
    there = {inside: each for each, inside in every if inside is not None}
    for inside, each in there.items():
        other = there.get(opposite(inside))
        if other is not None and _turns(inside):
            right = difference(Number(ONE), other)
            result = replace(expr, {each: right})
            if isinstance(result, Add):  # c·(1 − σ) is c − c·σ in a sum
                result = total(_distributed(term, right) for term in result.terms)
            yield Match(each, right, result)


def _distributed(term: Expr, over: Expr) -> Expr:
    """Multiply a sum by its number, if that is all that stands beside it."""
    coefficient, factors = parts(term)
    if factors != ((over, ONE),):
        return term
    return total(product(coefficient, [(each, ONE)]) for each in over.children)


def _turns(inside: Expr) -> bool:
    """Whether this is the one to be turned, of x and −x."""
    terms = terms_of(inside)
    more = 2 * minuses(terms) - len(terms)
    return more > 0 or (more == 0 and order(inside) > order(opposite(inside)))


# --- softmax --------------------------------------------------------------------------------------


@rule("softmax", "e^(x_k)/Σ_k e^(x_k) = softmax(x)_k", "what softmax is defined as", at=Mul)
def softmax(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Fold exponentials over their sum, also where the ones above are summed with weights."""
    for below, exponent in expr.factors:
        if exponent != -1 or not isinstance(below, Sum) or not is_call(below.body, ops.exp):
            continue
        (inside,) = below.body.children
        for above, power in expr.factors:
            if power < 1:
                continue
            if is_call(above, ops.exp):
                index = _index_of(inside, below.index, above.children[0])
                right = None if index is None else _softmax(inside, below.index, index)
            else:
                right = _weighted(above, inside, below.index)
            if right is not None:
                yield within_product(expr, ((above, ONE), (below, exponent)), right)


def _softmax(inside: Expr, bound: Index, index: Index) -> Expr:
    own = sorted(inside.indices - {bound}, key=lambda each: each.order)
    axes = (*own, bound)
    return Opaque(ops.softmax, (inside,), {"axis": -1}, (axes,), (*own, index))


def _index_of(inside: Expr, bound: Index, other: Expr) -> Index | None:
    """Return the index at which a summed expression is another one."""
    if other == inside:
        return bound
    new = [each for each in other.indices if each not in inside.indices]
    new += [
        a for e in distinct(other) if isinstance(e, Leaf) for a in e.axes if a.place is not None
    ]
    candidates = (a for a in dict.fromkeys(new) if a.range is bound.range)
    return next((a for a in candidates if rename(inside, {bound: a}) == other), None)


def _weighted(above: Expr, inside: Expr, bound: Index) -> Expr | None:
    """Return Σ_k softmax(x)_k·f_k for Σ_k e^(x_k)·f_k."""
    if not isinstance(above, Sum):
        return None
    coefficient, factors = parts(above.body)
    for place, (base, exponent) in enumerate(factors):
        if exponent == 1 and is_call(base, ops.exp):
            index = _index_of(inside, bound, base.children[0])
            if index is above.index:
                rest = [*factors[:place], *factors[place + 1 :]]
                new = _softmax(inside, bound, index)
                return sum_over((index,), product(coefficient, [*rest, (new, ONE)]))
    return None


@rule(
    "shift",
    "softmax(x + c) = softmax(x), c does not depend on k",
    "e^c is a factor above and below",
    at=Opaque,
)
def shifted_softmax(expr: Opaque, facts: Facts) -> Iterator[Match]:
    if expr.op is not ops.softmax:
        return
    (inside,), (axes,) = expr.args, expr.inside
    bound = axes[expr.attributes["axis"]]
    if isinstance(inside, Add) and bound is not None:
        kept = [term for term in inside.terms if bound in term.indices]
        if len(kept) < len(inside.terms):
            right = expr.rebuild((total(kept),))
            yield Match(expr, right, right)
