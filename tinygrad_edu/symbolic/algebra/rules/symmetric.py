"""Symmetric matrices: their rows are their columns."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_edu.symbolic.algebra.expr import Add, Expr, Leaf, distinct, parts, replace, total
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import Match, others, rule

__all__ = ["symmetric"]


@rule("symmetric", "x_kj = x_jk", "tested on the data", at=Add)
def symmetric(expr: Add, facts: Facts) -> Iterator[Match]:
    """Turn a matrix in one term where that gives the factors of another: W x + Wᵀ x."""
    for term in expr.terms:
        rest = others(expr.terms, [term])
        if not any(_much(other) == _much(term) for other in rest):
            continue
        for leaf in distinct(term):
            if not isinstance(leaf, Leaf) or len(leaf.indices) != 2 or len(leaf.axes) != 2:
                continue
            if leaf.axes[0].length != leaf.axes[1].length:
                continue
            row, column = (axis in term.indices for axis in leaf.axes)
            if row and not column:
                continue  # W x lies as it is to lie, and Wᵀ x is turned
            turned = _turned(term, leaf)
            if not any(parts(turned)[1] == parts(other)[1] for other in rest):
                continue
            statement = facts.symmetric(leaf)
            if statement is not None:
                because = f"{statement}, which holds on the data"
                yield Match(term, turned, total([*rest, turned]), because, statement)
                return


def _much(term: Expr) -> int:
    """Return how much there is to read of the factors of a term: no more when they are turned."""
    return sum(base.size for base, _ in parts(term)[1])


def _turned(expr: Expr, leaf: Leaf) -> Expr:
    """Transpose a matrix wherever it stands."""
    same = (e for e in distinct(expr) if isinstance(e, Leaf) and e.quantity is leaf.quantity)
    return replace(expr, {e: Leaf(e.quantity, e.axes[::-1]) for e in same})
