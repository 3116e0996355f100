"""Where in an expression something was rewritten."""

from __future__ import annotations

from tinygrad_edu.symbolic.algebra.expr import Add, Expr, Mul, distinct
from tinygrad_edu.symbolic.algebra.rules.rule import without

__all__ = ["place_of"]


def place_of(matched: Expr, inside: Expr) -> Expr | None:
    """Return the first part of an expression that holds what was matched, or None."""
    return next((part for part in distinct(inside) if _holds(part, matched)), None)


def _holds(part: Expr, matched: Expr) -> bool:
    if part == matched:
        return True
    if isinstance(part, Mul) and isinstance(matched, Mul):
        return without(part.factors, matched.factors) is not None
    if isinstance(part, Add) and isinstance(matched, Add):
        return all(term in part.terms for term in matched.terms)
    return False
