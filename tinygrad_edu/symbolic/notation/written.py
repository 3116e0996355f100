"""Formulas in Unicode and in LaTeX, with whole arrays or with indices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from math import inf

from tinygrad_edu.symbolic.algebra.expr import Expr, Index, Leaf, Opaque, Quantity, distinct
from tinygrad_edu.symbolic.notation.form import Axes, Form
from tinygrad_edu.symbolic.notation.matrices import attempt, whole
from tinygrad_edu.symbolic.notation.names import name_latex
from tinygrad_edu.symbolic.notation.shifts import shifted, shifts
from tinygrad_edu.symbolic.notation.spelling import Speller

__all__ = ["axes_for", "counters", "latex", "name_latex", "said", "text"]

Instead = Mapping[Quantity, str]
Counters = list[tuple[str, Index]]


def text(
    expr: Expr,
    *,
    indices: bool = False,
    axes: Iterable[Index | None] = (),
    instead: Instead | None = None,
) -> str:
    """Write an expression in Unicode; `axes` says which index is the row of a matrix.

    What cannot be written with whole arrays is written with indices. What `instead` holds for a
    quantity, such as its numbers, is written in place of its letter.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.algebra.expr import Quantity, power, product
    >>> a, s = Quantity("a").leaf, Quantity("s").leaf
    >>> text(product(-2, [(a, 1), (s, -1)]))
    '−2·a/s'
    """
    return _written(expr, False, indices, tuple(axes), instead)


def latex(
    expr: Expr,
    *,
    indices: bool = False,
    axes: Iterable[Index | None] = (),
    instead: Instead | None = None,
) -> str:
    r"""Write an expression in LaTeX; `axes` says which index is the row of a matrix.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.algebra.expr import Quantity, product
    >>> a, s = Quantity("a").leaf, Quantity("σ").leaf
    >>> print(latex(product(-2, [(a, 1), (s, -1)])))
    -\frac{2 \, a}{\sigma}
    """
    return _written(expr, True, indices, tuple(axes), instead)


def _written(expr: Expr, in_latex: bool, indices: bool, axes: Axes, instead: Instead | None) -> str:
    form = None if indices or shifts(expr) else said(expr, axes)
    leaves = [each.quantity for each in distinct(expr) if isinstance(each, Leaf)]
    spell = partial(Speller, latex=in_latex, instead=instead, taken=names_beside(leaves))
    if form is not None:
        return spell().code(form).text
    return spell(indices=True, free=_free(expr, axes)).code(shifted(expr)).text


def _free(expr: Expr, axes: Iterable[Index | None]) -> frozenset[Index]:
    """Return the indices that are given letters first: of an array of many axes, one for each."""
    every = frozenset(axis for axis in axes if axis is not None)
    return expr.indices | every if len(every) > 2 else expr.indices


def counters(expr: Expr, *, indices: bool = False, axes: Iterable[Index | None] = ()) -> Counters:
    """Return the letters that count along axes where an expression is written, and along which.

    They are those of Σₙ and Σₖ and, where it takes indices, all of these.
    """
    axes = tuple(axes)
    form = None if indices or shifts(expr) else said(expr, axes)
    if form is not None:
        return [(f.detail.letter, f.detail) for f in form.walk() if f.kind == "kept sum"]
    speller = Speller(latex=False, indices=True, free=_free(expr, axes))
    speller.code(shifted(expr))
    return speller.counters


def names_beside(quantities: Collection[Quantity]) -> frozenset[str]:
    """Return what is called something in the formulas in which letters stand."""
    beside = {id(q.beside): q.beside for q in quantities}.values()
    return frozenset(q.name for q in quantities).union(*beside)


def said(expr: Expr, axes: Axes = ()) -> Form | None:
    """Say an expression with whole arrays; None where it takes indices."""
    if not expr.indices <= set(axes):
        axes = axes_for([expr])
    return attempt(whole, expr, axes)


def axes_for(exprs: Sequence[Expr], order: Iterable[Index | None] = ()) -> Axes:
    """Return axes for expressions that are written beside each other: what they have, in an order.

    A sum over the columns of a matrix, Σₖ Y, has one row for each of Y's: a matrix of one column.
    """
    indices = frozenset[Index]().union(*(expr.indices for expr in exprs))
    asked = [*order, *(index for expr in exprs for index in _rows_first(expr))]
    axes = tuple(index for index in dict.fromkeys(asked) if index in indices)
    if len(axes) not in {1, 2}:
        return axes
    ways = [axes, (*axes, None) if len(axes) == 1 else axes[::-1]]

    def turns(way: Axes) -> float:
        forms = [attempt(whole, expr, way) for expr in exprs]
        return sum(inf if form is None else form.cost for form in forms)

    return min(ways, key=turns)


def _rows_first(expr: Expr) -> tuple[Index, ...]:
    """Return the indices of an expression, those that count the rows of its matrices first."""
    of = [e.axes for e in distinct(expr) if isinstance(e, Leaf | Opaque) and len(e.axes) == 2]
    first, second = ({axes[place] for axes in of} for place in (0, 1))

    def place(index: Index) -> tuple[bool, bool, tuple[str, int]]:
        return index.letter != "n", index not in first - second, index.order

    return tuple(sorted(expr.indices, key=place))


Expr.written = text
