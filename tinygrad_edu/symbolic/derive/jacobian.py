"""Jacobians: a formula that is linear in a gradient g, with δ put in for g."""

from __future__ import annotations

from collections.abc import Mapping

from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Delta,
    Expr,
    Index,
    Leaf,
    Mul,
    Opaque,
    Sum,
    distinct,
    parts,
    product,
    quantities_in,
    replace,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Rewriter
from tinygrad_edu.symbolic.algebra.rules import EAGER
from tinygrad_edu.symbolic.algebra.rules.arithmetic import shared_factors
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, without

__all__ = ["filled", "jacobian", "row_of"]


def row_of(letter: Leaf) -> dict[Index, Index]:
    """Return, for every index of an output, another one over the same range: that of its row."""
    return {axis: Index(axis.letter, axis.length, axis) for axis in letter.axes}


def filled(expr: Expr, letter: Leaf, row: Mapping[Index, Index], tidy: Rewriter) -> Expr:
    """Put δ_kj in place of a letter g_j: the entry at (k, j) is the derivative of k by j."""
    deltas: dict[Expr, Expr] = {}
    for leaf in distinct(expr):
        if isinstance(leaf, Leaf) and leaf.quantity is letter.quantity:
            pairs = zip(letter.axes, leaf.axes, strict=True)
            deltas[leaf] = product(1, [(Delta(row[axis], here), ONE) for axis, here in pairs])
    return tidy.close(replace(expr, deltas))[0]


def jacobian(expr: Expr, letter: Leaf, row: Mapping[Index, Index], facts: Facts) -> Expr:
    """Put δ in place of a letter, and write what comes out as diag(a) − a aᵀ is written.

    What is multiplied with a sum that holds a δ is multiplied out, and numbers that all terms
    share are taken out again.
    """
    for whole in distinct(expr):
        if isinstance(whole, Opaque) and letter.quantity in quantities_in(whole.args):
            raise ValueError(
                f"jacobian: {whole.op.name} is kept whole in {expr}, so there is no formula for "
                "one row; compute the numbers with tg.jacobian"
            )
    tidy = Rewriter(EAGER, facts)
    expr = filled(expr, letter, row, tidy)
    while (at := next(filter(None, map(_times_delta, distinct(expr))), None)) is not None:
        product_, spread = at
        expr, _ = tidy.close(replace(expr, {product_: spread}))
    return _numbers_out(expr)


def _times_delta(expr: Expr) -> tuple[Expr, Expr] | None:
    """Multiply out a product with a sum of which one term holds a δ; part such a Σ."""
    if isinstance(expr, Sum) and isinstance(expr.body, Add) and _in_a_term(expr.body):
        return expr, total(sum_over([expr.index], term) for term in expr.body.terms)
    if isinstance(expr, Mul):
        for place, (base, exponent) in enumerate(expr.factors):
            if exponent == 1 and isinstance(base, Add) and _in_a_term(base):
                rest = [*expr.factors[:place], *expr.factors[place + 1 :]]
                terms = (product(expr.coefficient, [*rest, (t, ONE)]) for t in base.terms)
                return expr, total(terms)
    return None


def _in_a_term(expr: Add) -> bool:
    return any(map(_holds_delta, expr.terms))


def _holds_delta(term: Expr) -> bool:
    return any(isinstance(base, Delta) for base, _ in parts(term)[1])


def _numbers_out(expr: Expr) -> Expr:
    """Take the factors without an index out of a sum, where all terms have them."""
    if not isinstance(expr, Add):
        return expr
    every = shared_factors([parts(term)[1] for term in expr.terms])
    shared = [factor for factor in every if not factor[0].indices]
    left = ((parts(term)[0], without(parts(term)[1], shared)) for term in expr.terms)
    rest = total(product(number, factors or ()) for number, factors in left)
    return product(1, [*shared, (rest, ONE)])
