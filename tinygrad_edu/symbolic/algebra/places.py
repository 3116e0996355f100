"""Where in an expression something was rewritten."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu.symbolic.algebra.expr import Expr, Product, Total, product, total
from tinygrad_edu.symbolic.algebra.rules.rule import without

__all__ = ["place_of"]


def place_of(matched: Expr, replaced: Expr, inside: Expr, whole: tuple[Expr, Expr]) -> Expr | None:
    """Return the part of an expression that holds what was matched, or None if it has none.

    `whole` is what it was matched in, and what that became: there, of several parts that hold it,
    it is the one that changed; in any other expression, the first.
    """
    places = [(path, part) for path, part in _paths(inside) if _holds(part, matched)]
    if inside == whole[0]:
        for path, part in places:
            for new in _rewritten(part, matched, replaced):
                if _put(inside, path, new) == whole[1]:
                    return part
    return places[0][1] if places else None


def _paths(expr: Expr, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Expr]]:
    yield path, expr
    for place, child in enumerate(expr.children):
        yield from _paths(child, (*path, place))


def _put(expr: Expr, path: tuple[int, ...], new: Expr) -> Expr:
    if not path:
        return new
    children = list(expr.children)
    children[path[0]] = _put(children[path[0]], path[1:], new)
    return expr.rebuild(tuple(children))


def _holds(part: Expr, matched: Expr) -> bool:
    if part == matched:
        return True
    if isinstance(part, Product) and isinstance(matched, Product):
        return without(part.factors, matched.factors) is not None
    if isinstance(part, Total) and isinstance(matched, Total):
        return all(term in part.terms for term in matched.terms)
    return False


def _rewritten(part: Expr, matched: Expr, replaced: Expr) -> Iterator[Expr]:
    """Yield what a part may become when what was matched in it is replaced."""
    if part == matched:
        yield replaced
    if isinstance(part, Product) and isinstance(matched, Product):
        rest = without(part.factors, matched.factors)
        if rest is not None:
            scale = part.coefficient / matched.coefficient
            yield product(scale, [*rest, (replaced, Fraction(1))])
    if isinstance(part, Total) and isinstance(matched, Total):
        others = list(part.terms)
        for term in matched.terms:
            if term in others:
                others.remove(term)
        yield total([*others, replaced])
