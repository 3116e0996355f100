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
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, without

__all__ = ["filled", "jacobian", "row_of"]


def row_of(letter: Leaf) -> dict[Index, Index]:
    """Return, for every index of an output, another one over the same range: that of its row."""
    return {axis: Index(axis.letter, axis.length, axis) for axis in letter.axes}


def filled(expr: Expr, letter: Leaf, row: Mapping[Index, Index], tidy: Rewriter) -> Expr:
    """Put δ_kj in place of a letter g_j: the entry at (k, j) is the derivative of k by j."""

    def inside(expr: Expr) -> Expr:
        if isinstance(expr, Leaf) and expr.quantity is letter.quantity:
            pairs = zip(letter.axes, expr.axes, strict=True)
            return product(1, [(Delta(row[axis], here), ONE) for axis, here in pairs])
        children = expr.children
        return expr.rebuild(tuple(map(inside, children))) if children else expr

    return tidy.close(inside(expr))[0]


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
    shared = []
    terms = list(expr.terms)
    for factor in parts(terms[0])[1]:
        rest = [without(parts(term)[1], (factor,)) for term in terms]
        if not factor[0].indices and all(each is not None for each in rest):
            shared.append(factor)
            terms = [
                product(parts(term)[0], each)
                for term, each in zip(terms, rest, strict=True)
                if each is not None
            ]
    return product(1, [*shared, (total(terms), ONE)])
