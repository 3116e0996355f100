"""The tree of a written formula, and an expression as one, entry by entry.

A formula is said once, as a tree of forms, and then spelled: as text, in LaTeX, as NumPy source.
Here an expression is said as it is, one entry of it at given indices; `matrices` says it with
whole vectors and matrices, where that is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Delta,
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Sum,
    call_of,
    parts,
    power,
    product,
    total,
)

__all__ = [
    "ONE",
    "Axes",
    "Form",
    "Unsaid",
    "bound_by",
    "entries",
    "fraction",
    "is_short",
    "number",
    "remembered",
    "said_with",
    "spread",
    "times",
]

Axes = tuple[Index | None, ...]


@dataclass(frozen=True)
class Form:
    """One form of a formula: its kind and parts, and which expression it says.

    Attributes
    ----------
    kind : str
        Of one entry: "number", "leaf", "dimension", "delta", "call", "sum over", "product",
        "quotient", "negative", "power", "root", "total". Of whole arrays also "ones", "sum" (of
        all entries), "kept sum" (over one axis, which stays with length 1), "beside" (a product of
        matrices), "outer", "inner", "transpose", "diag", "view" (axes of length 1 put between),
        "only" (and left out).
    parts : tuple of Form
        What it is made of.
    expr : Expr or None
        The expression that it says, where there is one.
    detail : object
        The value of a number, the indices of a sum, the exponent of a power, the minuses of a
        total, the axis of a kept sum. A leaf that stands for an opened call has its form as a part.
    axes : tuple of Index or None
        What the axes of the whole array count, None where the length is 1; () for a number.
    at, end : int
        From where to where it stands in the text that it was read from.

    Notes
    -----
    What is typed has other details: the name of a leaf, the name and the options of a call, of a
    sum over indices what it computes and their letters, of a product the sign between its two
    parts. A power has its exponent as a part, and what is indexed has its indices. More kinds are
    "letter" (an index that counts), "constant", "slope" (of a function), "group" (in brackets),
    "scaled" (1/N X), "to the T" (where T is a name), "indexed", "item" (with Python's brackets),
    "slice", "list", and "literal" (a text, None, …).
    """

    kind: str
    parts: tuple[Form, ...] = ()
    expr: Any = None
    detail: Any = None
    axes: Axes = ()
    at: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    def walk(self) -> Iterator[Form]:
        """Yield the form and all forms inside."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @cached_property
    def depth(self) -> int:
        """How many forms stand within each other."""
        return 1 + max((part.depth for part in self.parts), default=0)

    @cached_property
    def cost(self) -> int:
        """How many transposes and vectors of ones it has."""
        return (self.kind in {"transpose", "ones"}) + sum(part.cost for part in self.parts)


Say = Callable[[Expr], Form]

ONE = Fraction(1)


class Unsaid(Exception):
    """Whole vectors and matrices cannot say an expression; indices can."""


def remembered(expr: Expr, asked: tuple[Any, ...], find: Callable[[], Form]) -> Form:
    """Return how an expression was said when the same was asked of it; else find it now."""
    if expr._forms is None:
        expr._forms = {}
    forms: dict[tuple[Any, ...], Form | None] = expr._forms
    if asked not in forms:
        try:
            forms[asked] = find()
        except Unsaid:
            forms[asked] = None
    found = forms[asked]
    if found is None:
        raise Unsaid
    return found


def entries(expr: Expr) -> Form:
    """Say one entry of an expression, at its indices."""
    return remembered(expr, (), lambda: _entry(expr))


def _entry(expr: Expr) -> Form:
    if isinstance(expr, Leaf):
        call = call_of(expr)
        return Form("leaf", () if call is None else (entries(call),), expr)
    if isinstance(expr, Delta):
        return Form("delta", (), expr)
    if isinstance(expr, Opaque):
        return Form("call", tuple(map(entries, expr.args)), expr)
    if isinstance(expr, Sum):
        indices, body = bound_by(expr)
        return Form("sum over", (entries(body),), expr, indices)
    return said_with(entries, expr)


def bound_by(expr: Sum) -> tuple[tuple[Index, ...], Expr]:
    """Return the indices of sums within each other, and what is summed."""
    indices, body = [expr.index], expr.body
    while isinstance(body, Sum):
        indices.append(body.index)
        body = body.body
    return tuple(indices), body


def said_with(say: Say, expr: Expr) -> Form:
    """Say what is computed entry by entry, its parts with a function given."""
    if isinstance(expr, Number):
        return number(expr.value, expr)
    if isinstance(expr, Dimension):
        return Form("dimension", (), expr)
    if isinstance(expr, Mul):
        return fraction(say, expr)
    if isinstance(expr, Apply):
        arguments = tuple(map(say, expr.args))
        return Form("call", arguments, expr, axes=spread(arguments))
    assert isinstance(expr, Add)
    terms, minuses = [], []
    for term in expr.terms:
        coefficient, factors = parts(term)
        minuses.append(coefficient < 0)
        terms.append(say(product(-coefficient, factors) if coefficient < 0 else term))
    axes = spread(terms)
    if all(minuses):
        inner = Form("total", tuple(terms), expr, (False,) * len(terms), axes)
        return Form("negative", (inner,), expr, axes=axes)
    return Form("total", tuple(terms), expr, tuple(minuses), axes)


def number(value: Fraction, expr: Expr | None = None) -> Form:
    """Say a number."""
    if value < 0:
        return Form("negative", (number(-value),), expr)
    return Form("number", (), expr, value)


def fraction(say: Say, expr: Mul) -> Form:
    """Say a product, as a quotient where it has a denominator."""
    above: list[Form] = []
    below: list[Form] = []
    coefficient = abs(expr.coefficient)
    numerator, denominator = coefficient.numerator, coefficient.denominator
    if not is_short(coefficient):
        numerator, denominator = 1, 1
        above.append(number(coefficient))
    if numerator != 1:
        above.append(number(Fraction(numerator)))
    if denominator != 1:
        below.append(number(Fraction(denominator)))
    for base, exponent in expr.factors:
        inverse = _inverse(base) if exponent == 1 else None
        if inverse is not None:
            below.append(say(inverse))
        else:
            side = above if exponent > 0 else below
            side.append(_power(say, base, abs(exponent)))
    said = times(above, expr if not below else None)
    if below:
        under = times(below)
        said = Form("quotient", (said, under), expr, axes=spread((said, under)))
    return Form("negative", (said,), expr, axes=said.axes) if expr.coefficient < 0 else said


def _inverse(expr: Expr) -> Expr | None:
    """Return 1/x^(1−p) = x^(p−1), if all letters of the exponent have a minus; else None."""
    if not isinstance(expr, Apply) or expr.op is not ops.power:
        return None
    base, exponent = expr.args
    terms = exponent.terms if isinstance(exponent, Add) else (exponent,)
    letters = [parts(term)[0] for term in terms if not isinstance(term, Number)]
    if not letters or max(letters) > 0:
        return None
    opposite = total(product(-1, [(term, Fraction(1))]) for term in terms)
    return Apply(ops.power, (base, opposite), {})


def is_short(value: Fraction) -> bool:
    """Whether a number reads better as a fraction than as a decimal: 2/3, 1/5, but 0.1 and 0.6.

    A fifth or a twentieth comes from a division by a count; tenths are typed as decimals.
    """
    below = value.denominator
    while below % 2 == 0:
        below //= 2
    tenths = value.denominator in {10, 100, 1000}
    over_a_count = below == 1 or below % 5 != 0 or (abs(value.numerator) <= 2 and not tenths)
    return value.denominator <= 1000 and over_a_count


def times(factors: Iterable[Form], expr: Expr | None = None) -> Form:
    """Say a product entry by entry; beside a matrix, 1 would be a vector of ones."""
    forms = tuple(f for f in factors if (f.kind, f.detail) != ("number", 1))
    if not forms:
        return number(ONE)
    return forms[0] if len(forms) == 1 else Form("product", forms, expr, axes=spread(forms))


def _power(say: Say, base: Expr, exponent: Fraction) -> Form:
    inner = say(base)
    if exponent == 1:
        return inner
    whole = power(base, exponent)
    if exponent == Fraction(1, 2):
        return Form("root", (inner,), whole, axes=inner.axes)
    return Form("power", (inner,), whole, exponent, inner.axes)


def spread(forms: Iterable[Form]) -> Axes:
    """Return the axes that forms have together, as NumPy spreads shapes."""
    axes: Axes = ()
    for form in forms:
        short, long = sorted((axes, form.axes), key=len)
        lead = len(long) - len(short)
        axes = long[:lead] + tuple(a or b for a, b in zip(long[lead:], short, strict=True))
    return axes
