"""Expressions over indexed axes, said with whole vectors and matrices, as NumPy means them.

A vector has one axis, and in a product it is a column; beside a matrix, entry by entry, it is each
of its rows. An axis of length 1 is spread, as NumPy spreads it. What cannot be said so is said with
indices: a vector over the rows of a matrix beside it, three axes, a product of three at one index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Delta,
    Expr,
    Factor,
    Index,
    Leaf,
    Mul,
    Opaque,
    Quantity,
    Sum,
    call_of,
    distinct,
    parts,
    product,
    rename,
)
from tinygrad_edu.symbolic.notation.form import (
    ONE,
    Axes,
    Form,
    Unsaid,
    bound_by,
    fraction,
    remembered,
    said_with,
    times,
)

__all__ = ["argument", "attempt", "said", "whole"]

Say = Callable[[Expr], Form]

_cost = attrgetter("cost")


def attempt(say: Callable[..., Form], *asked: Any, **options: Any) -> Form | None:
    """Return what is said, or None where that takes indices."""
    try:
        return say(*asked, **options)
    except Unsaid:
        return None


def whole(expr: Expr, axes: Axes) -> Form:
    """Say a whole formula, whose axes are known.

    It may be a number, for every entry, or lack leading axes.
    """
    if len(axes) > 2:
        return exactly(expr, axes)
    if not expr.indices <= set(axes):
        raise Unsaid
    found = attempt(said, expr, axes)
    if found is None or found.axes[1:] == (None,) != axes[1:]:  # nothing is spread to columns
        return exactly(expr, axes)
    return found


def said(expr: Expr, want: Axes, *, strictly: bool = False) -> Form:
    """Say an expression so that NumPy spreads it to the axes wanted.

    A vector may become a row, a matrix of length 1; `strictly`, it is a vector.
    """
    return remembered(expr, (want, strictly), lambda: _found(expr, want, strictly))


def _found(expr: Expr, want: Axes, strictly: bool) -> Form:
    if not expr.indices <= {axis for axis in want if axis is not None}:
        raise Unsaid
    if not expr.indices:
        want, strictly = (), False
    found = attempt(_directly, expr, want, strictly)
    turns = len(want) == 2 and not isinstance(expr, Leaf | Delta | Opaque)
    if turns and (found is None or found.cost):
        other = attempt(_directly, expr, want[::-1], strictly)
        if other is not None and len(other.axes) == 2:
            turned = _transposed(other)
            outside = isinstance(expr, Apply)  # tanh(X W)ᵀ, but 2·(X W)ᵀ
            if found is None or turned.cost < found.cost + outside:
                found = turned
    if found is None or not _fits(found.axes, want, strictly):
        raise Unsaid
    return found


def exactly(expr: Expr, want: Axes) -> Form:
    """Say an expression as an array with just these axes, spread by ones where it must be."""
    if len(want) > 2:
        if isinstance(expr, Leaf) and _axes_of(expr) == want:
            return Form("leaf", (), expr, axes=want)
        raise Unsaid
    try:
        found = said(expr, want, strictly=len(want) == 1)
    except Unsaid:
        if len(want) < 2 or want[1] is None:
            raise
        found = said(expr, want[:1], strictly=True)  # equal columns
        if len(found.axes) != 1:
            raise
        return Form("outer", (found, _ones(want[1])), expr, axes=want)
    if found.axes == want or not want:
        return found
    if None in want:
        raise Unsaid
    if len(want) == 1:
        if found.axes not in {(), (None,)}:
            raise Unsaid
        return times((found, Form("ones", axes=want, detail="counted")))
    rows, columns = map(_ones, want)
    if found.axes == want[1:]:
        return Form("outer", (rows, found), expr, axes=want)
    if found.axes == (want[0], None):
        vector = attempt(said, expr, want[:1], strictly=True)
        found = found if vector is None else min(found, vector, key=_cost)
        return Form("outer", (found, columns), expr, axes=want)
    return times((found, Form("outer", (rows, columns), axes=want)))


def argument(expr: Expr, want: Axes) -> Form:
    """Say an array that an operation takes whole: axes of length 1 are put in or left out."""
    kept = tuple(axis for axis in want if axis is not None)
    found = attempt(said if len(want) > 2 else exactly, expr, want)
    if found is not None:
        return found if found.axes == want else _only(found, want)
    if len(want) == len(kept) == 1:  # of a matrix of one row or column
        for wide in ((None, *want), (*want, None)):
            if (found := attempt(said, expr, wide)) is not None:
                return _only(found, want)
    if len(kept) == len(want):
        raise Unsaid
    return Form("view", (argument(expr, kept),), expr, axes=want)


# --- one kind after the other ---------------------------------------------------------------------


def _directly(expr: Expr, want: Axes, strictly: bool) -> Form:
    if isinstance(expr, Leaf):
        call = call_of(expr)
        if call is None:
            return _letter(expr, want)
        form = said(call, want, strictly=strictly)
        return Form("leaf", (form,), expr, axes=form.axes)
    if isinstance(expr, Opaque):
        return _called(expr, want)
    if len(want) > 2 and isinstance(expr, Delta | Sum):
        raise Unsaid
    if isinstance(expr, Delta):
        return _unit(expr, want)
    if isinstance(expr, Sum):
        return _summed(expr, want, strictly)

    def say(part: Expr) -> Form:
        return said(part, want, strictly=strictly)

    return _multiplied(expr, want, say) if isinstance(expr, Mul) else said_with(say, expr)


def _called(expr: Opaque, want: Axes) -> Form:
    """Say an operation on whole arrays, or entries of its result."""
    if expr.op in _ALONG_ROWS and expr.attributes["axis"] in {0, -2} and len(expr.axes) == 2:
        attributes = {**expr.attributes, "axis": -1}
        inside = tuple(axes[::-1] for axes in expr.inside)
        return _called(Opaque(expr.op, expr.args, attributes, inside, expr.axes[::-1]), want)
    if len(expr.axes) > 2 and expr.axes != want:
        raise Unsaid
    arguments = tuple(map(argument, expr.args, expr.inside))
    return _picked(Form("call", arguments, expr, axes=expr.axes), want)


def _multiplied(expr: Mul, want: Axes, say: Say) -> Form:
    """Say a product: entry by entry, with a diagonal matrix, or as x yᵀ."""
    if len(want) != 2 or None in want:
        return fraction(say, expr)
    row, column = want
    assert row is not None
    assert column is not None
    groups: dict[frozenset[Index], list[Factor]] = {}
    for factor in expr.factors:
        groups.setdefault(factor[0].indices, []).append(factor)
    numbers = groups.pop(frozenset(), [])
    both = groups.get(frozenset({row, column}), [])
    if len(both) == 1 and isinstance(both[0][0], Delta):
        vectors = [f for indices, each in groups.items() if len(indices) == 1 for f in each]
        diagonal = _diagonal(rename(product(1, vectors), {column: row}), row, want)
        return _scaled(diagonal, expr, numbers, say)
    over_rows = groups.pop(frozenset({row}), [])
    unsaid = [f for f in over_rows if attempt(say, f[0]) is None]
    if not unsaid:
        return fraction(say, expr)
    if both:
        over_rows = unsaid
    rest = [f for f in expr.factors if f not in over_rows and f not in numbers]
    scale = exactly(product(1, over_rows), (row,))
    over_columns = [f for f in rest if f[0].indices == {column}]
    if both and over_columns:  # the entries of x yᵀ
        other = exactly(product(1, over_columns), (column,))
        entries = said(product(1, [f for f in rest if f not in over_columns]), want)
        core = times((entries, Form("outer", (scale, other), axes=want)))
    elif set(want) == set().union(*(base.indices for base, _ in rest)):
        diagonal = Form("diag", (scale,), axes=(row, row))
        core = _beside(diagonal, exactly(product(1, rest), want), want)
    elif rest:
        core = Form("outer", (scale, exactly(product(1, rest), (column,))), axes=want)
    else:
        raise Unsaid
    return _scaled(core, expr, numbers, say)


def _diagonal(vector: Expr, row: Index, want: Axes) -> Form:
    """Say diag(v), or I where v is 1."""
    if not vector.indices:
        return Form("delta", (), axes=want)
    return Form("diag", (exactly(vector, (row,)),), axes=want)


# --- sums -----------------------------------------------------------------------------------------


def _summed(expr: Sum, want: Axes, strictly: bool) -> Form:
    bound, body = bound_by(expr)
    if not body.indices >= set(bound) or len(set(bound)) < len(bound):
        raise Unsaid
    if not expr.indices and len(bound) <= 2:
        found = attempt(_sum_of_all, expr, bound, body)
        if found is not None:
            return found
    if len(bound) > 1:
        return _one_after_the_other(bound, body, want, strictly)
    if len(expr.indices) == 1:
        return _sum_to_a_vector(expr, want, strictly)
    if len(expr.indices) == 2:
        return _matrix_product(expr, want)
    raise Unsaid


def _sum_of_all(expr: Sum, bound: Sequence[Index], body: Expr) -> Form:
    """Say a sum of all entries, or xᵀ A y."""
    if len(bound) == 2:
        found = exactly(body, _rows_first(body, bound))
        if found.kind == "outer":  # x Aᵀ y is better than Σ(x yᵀ ⊙ A)
            raise Unsaid
        return Form("sum", (found,), expr)
    coefficient, factors = parts(body)
    products = [f for f in factors if isinstance(f[0], Sum) and f[1] == 1 and f[0].indices]
    others = [f for f in factors if f not in products]
    if coefficient == 1 and len(products) == 1 and others:
        left = attempt(exactly, product(1, others), tuple(bound))
        right = attempt(exactly, products[0][0], tuple(bound))
        if left is not None and right is not None and right.kind == "beside":
            return Form("inner", (left, *right.parts), expr)
    ways = (attempt(said, body, (*bound, *column)) for column in ((), (None,)))
    every = [form for form in ways if form is not None]
    if not every:
        raise Unsaid
    return Form("sum", (min(every, key=_cost),), expr)


def _one_after_the_other(bound: Sequence[Index], body: Expr, want: Axes, strictly: bool) -> Form:
    """Sum first over an index that leaves a matrix."""
    coefficient, factors = parts(body)

    def around(index: Index) -> set[Index]:
        inside = (base.indices for base, _ in factors if index in base.indices)
        return set().union(*inside) - {index}

    alone = [index for index in bound if any(index not in base.indices for base, _ in factors)]
    first = min(alone, key=lambda index: len(around(index)), default=None)
    if first is None or len(around(first)) > 2:
        raise Unsaid
    inside = [f for f in factors if first in f[0].indices]
    outside = [f for f in factors if first not in f[0].indices]
    whole = product(coefficient, [*outside, (Sum(first, product(1, inside)), ONE)])
    for index in bound:
        if index is not first:
            whole = Sum(index, whole)
    return said(whole, want, strictly=strictly)


def _sum_to_a_vector(expr: Sum, want: Axes, strictly: bool) -> Form:
    """Say Σ over one axis of a matrix, or the product of a matrix and a vector."""
    (free,), index = expr.indices, expr.index
    coefficient, factors = parts(expr.body)
    vectors = [f for f in factors if f[0].indices <= {index}]
    last = want[-1] is free
    if any(base.indices for base, _ in vectors):
        others = product(1, [f for f in factors if f not in vectors])
        matrix = attempt(exactly, others, (free, index))
        ends: list[Axes] = [(), (None,)] if last and not strictly else [()] if last else [(None,)]
        for end in ends if matrix is not None else ():
            vector = attempt(exactly, product(coefficient, vectors), (index, *end))
            if matrix is not None and vector is not None:
                form = _beside(matrix, vector, (free, *end), expr)
                return _transposed(form) if last and end else form
    elif strictly:
        return _beside(exactly(expr.body, (free, index)), _ones(index), (free,), expr)
    kept = attempt(_kept, expr, (index, free) if last else (free, index))
    matrix = attempt(exactly, expr.body, (free, index)) if last else None
    if kept is not None and (matrix is None or kept.cost <= matrix.cost):
        return kept
    if matrix is None:
        raise Unsaid
    return _beside(matrix, _ones(index), (free,), expr)  # row sums, as a vector


def _kept(expr: Sum, axes: tuple[Index, Index]) -> Form:
    """Say Σ over one axis of a matrix, which stays; its letter must say which one is meant."""
    if axes[0].range is axes[1].range:
        raise Unsaid
    kept = tuple(None if axis is expr.index else axis for axis in axes)
    return Form("kept sum", (exactly(expr.body, axes),), expr, expr.index, kept)


def _matrix_product(expr: Sum, want: Axes) -> Form:
    """Say Σₙ Xₙᵢ Yₙⱼ as Xᵀ Y, with a diagonal matrix between them where there is a vector."""
    row, column = want
    coefficient, factors = parts(expr.body)
    on_the_left = [f for f in factors if row in f[0].indices]
    left = exactly(product(1, on_the_left), (row, expr.index))
    right = product(coefficient, [f for f in factors if f not in on_the_left])
    return _beside(left, exactly(right, (expr.index, column)), want)


#: Operations that the language knows along rows alone: along columns, softmax(Zᵀ)ᵀ.
_ALONG_ROWS = frozenset({ops.softmax, ops.log_softmax})

# --- forms ----------------------------------------------------------------------------------------


def _axes_of(leaf: Leaf) -> Axes:
    """Return what the axes of a letter's array count, None where the length is 1."""
    own = iter(leaf.axes)
    return tuple(None if axis is None else next(own) for axis in leaf.quantity.axes)


def _letter(leaf: Leaf, want: Axes) -> Form:
    axes = _axes_of(leaf)
    kept = [axis for axis in axes if axis is None or axis.place is None]
    if len(kept) > 2 >= len(want):
        raise Unsaid
    return _picked(Form("leaf", (), leaf, axes=axes), want)


def _picked(form: Form, want: Axes) -> Form:
    """Say an array, its diagonal, or its entries at a place; transposed where it must be."""
    axes = form.axes
    if any(axis is not None and axis.place is not None for axis in axes):
        kept = tuple(a for a in axes if a is None or a.place is None)
        if None in kept:
            raise Unsaid
        form = Form("entry", (form,), form.expr, axes, kept)
    elif len(axes) == 2 and axes[0] is axes[1] and axes[0] is not None:
        form = Form("diag", (form,), form.expr, axes=axes[:1])
    if not _fits(form.axes, want) and len(form.axes) == 2:
        form = _transposed(form)
    if not _fits(form.axes, want):
        raise Unsaid
    return form


def _unit(delta: Delta, want: Axes) -> Form:
    """Say I, or one row of it."""
    axes: Axes = tuple(axis for axis in delta.axes if axis.place is None)
    axes = want if len(axes) == 2 and set(axes) == set(want) else axes
    if not _fits(axes, want):
        raise Unsaid
    return Form("delta", (), delta, axes=axes)


def _fits(axes: Axes, want: Axes, strictly: bool = False) -> bool:
    """Whether NumPy spreads an array to the axes wanted; `strictly`, it has no more axes."""
    if len(axes) > len(want):
        extra = len(axes) - len(want)
        if strictly or any(axis is not None for axis in axes[:extra]):
            return False
        axes = axes[extra:]
    last = want[len(want) - len(axes) :]
    return all(a is None or a is b for a, b in zip(axes, last, strict=True))


def _only(form: Form, want: Axes) -> Form:
    """Say the only entry along the axes of length 1."""
    kept = tuple(axis for axis in form.axes if axis is not None)
    if kept != want or want == form.axes:
        raise Unsaid
    return Form("only", (form,), form.expr, axes=want)


def _transposed(form: Form) -> Form:
    if form.kind == "transpose":
        return form.parts[0]
    return Form("transpose", (form,), form.expr, axes=form.axes[::-1])


def _ones(index: Index | None) -> Form:
    return Form("ones", axes=(index,))


def _beside(left: Form, right: Form, axes: Axes, expr: Expr | None = None) -> Form:
    """Say a product of matrices; a chain of them is one form."""
    chain = [*(left.parts if left.kind == "beside" else (left,))]
    chain += right.parts if right.kind == "beside" else (right,)
    return Form("beside", tuple(chain), expr, axes=axes)


def _scaled(core: Form, expr: Mul, numbers: list[Factor], say: Say) -> Form:
    """Multiply what was said of the vectors and matrices of a product with its numbers."""
    hole = Quantity("\uffff").leaf  # which comes after the letters of numbers
    whole = product(expr.coefficient, [*numbers, (hole, ONE)])
    if whole is hole:
        return replace(core, expr=expr)
    assert isinstance(whole, Mul)
    return fraction(lambda part: core if part is hole else say(part), whole)


def _rows_first(expr: Expr, indices: Sequence[Index]) -> tuple[Index, ...]:
    """Return indices in the order of a matrix that has them, so that it need not be transposed."""
    for each in distinct(expr):
        if isinstance(each, Leaf | Opaque) and set(indices) <= set(each.axes):
            return tuple(a for a in dict.fromkeys(each.axes) if a is not None and a in indices)
    return tuple(sorted(indices, key=lambda index: index.letter != "n"))
