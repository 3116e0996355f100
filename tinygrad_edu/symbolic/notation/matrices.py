"""Expressions over indexed axes, said with whole vectors and matrices, as NumPy means them.

A vector has one axis, and in a product it is a column; beside a matrix, entry by entry, it is each
of its rows. An axis of length 1 is spread, as NumPy spreads it. What cannot be said so is said with
indices: a vector over the rows of a matrix beside it, three axes, a product of three at one index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
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
    Axes,
    Form,
    fraction,
    remembered,
    said_with,
    spread,
    times,
)

__all__ = ["Matrices"]

_cost = attrgetter("cost")


class Matrices:
    """Say expressions with vectors and matrices; each remembers how it was said."""

    def whole(self, expr: Expr, axes: Axes) -> Form | None:
        """Say a whole formula, whose axes are known; None where it takes indices.

        It may be a number, for every entry, or lack leading axes.
        """
        if len(axes) > 2:
            return self.exactly(expr, axes)
        if not expr.indices <= set(axes):
            return None
        said = self.said(expr, axes)
        if said is None or said.axes[1:] == (None,) != axes[1:]:  # nothing is spread to columns
            return self.exactly(expr, axes)
        return said

    def said(self, expr: Expr, want: Axes, *, strictly: bool = False) -> Form | None:
        """Say an expression so that NumPy spreads it to the axes wanted.

        A vector may become a row, a matrix of length 1; `strictly`, it is a vector.
        """
        return remembered(expr, (want, strictly), lambda: self._found(expr, want, strictly))

    def _found(self, expr: Expr, want: Axes, strictly: bool) -> Form | None:
        if not expr.indices <= {axis for axis in want if axis is not None}:
            return None
        if not expr.indices:
            want, strictly = (), False
        found = self._directly(expr, want, strictly)
        straight = found is not None and found.cost == 0
        if len(want) == 2 and not straight and not isinstance(expr, Leaf | Delta | Opaque):
            other = self._directly(expr, want[::-1], strictly)
            if other is not None and len(other.axes) == 2:
                turned = _transposed(other)
                outside = isinstance(expr, Apply)  # tanh(X W)ᵀ, but 2·(X W)ᵀ
                if found is None or turned.cost < found.cost + outside:
                    found = turned
        if found is None or _fits(found.axes, want, strictly):
            return found
        return None

    def exactly(self, expr: Expr, want: Axes) -> Form | None:
        """Say an expression as an array with just these axes, spread by ones where it must be."""
        if len(want) > 2:
            own = isinstance(expr, Leaf) and _axes_of(expr) == want
            return Form("leaf", (), expr, axes=want) if own else None
        return self._just(expr, want)

    def argument(self, expr: Expr, want: Axes) -> Form | None:
        """Say an array that an operation takes whole: axes of length 1 are put in or left out."""
        found = self._deep(expr, want) if len(want) > 2 else self._just(expr, want)
        kept = tuple(axis for axis in want if axis is not None)
        if found is not None:
            return found if found.axes == want else _only(found, want)
        if len(want) == len(kept) == 1:  # of a matrix of one row or column
            ways = (self.said(expr, wide) for wide in ((None, *want), (*want, None)))
            return next((_only(form, want) for form in ways if form is not None), None)
        if not len(kept) < len(want):
            return None
        inner = self.argument(expr, kept)
        return inner and Form("view", (inner,), expr, axes=want)

    def _deep(self, expr: Expr, want: Axes) -> Form | None:
        """Say an array of many axes entry by entry, as operations on whole arrays take it."""
        if not expr.indices:
            return self.said(expr, ())
        if isinstance(expr, Leaf):
            call = call_of(expr)
            if call is not None:
                return self._deep(call, want)
            own = _axes_of(expr)
            return Form("leaf", (), expr, axes=own) if _fits(own, want) else None
        if isinstance(expr, Opaque):
            return self._called(expr, want)
        if isinstance(expr, Apply):
            found = [self._deep(argument, want) for argument in expr.args]
            said = tuple(form for form in found if form is not None)
            return Form("call", said, expr, axes=spread(said)) if len(said) == len(found) else None
        if isinstance(expr, Mul | Add):
            return said_with(lambda part: self._deep(part, want), expr)
        return None

    def _just(self, expr: Expr, want: Axes) -> Form | None:
        said = self.said(expr, want, strictly=len(want) == 1)
        if said is None and len(want) == 2 and want[1] is not None:
            said = self.said(expr, want[:1], strictly=True)  # equal columns
            if said is not None and len(said.axes) == 1:
                return Form("outer", (said, _ones(want[1])), expr, axes=want)
            return None
        if said is None or said.axes == want or not want:
            return said
        if None in want:
            return None
        ones = [_ones(axis) for axis in want if axis is not None]
        if len(want) == 1:
            counted = Form("ones", axes=want, detail="counted")
            return times((said, counted)) if said.axes in {(), (None,)} else None
        if said.axes == want[1:]:
            return Form("outer", (ones[0], said), expr, axes=want)
        if said.axes == (want[0], None):
            vector = self.said(expr, want[:1], strictly=True)
            columns = [form for form in (said, vector) if form is not None]
            return Form("outer", (min(columns, key=_cost), ones[1]), expr, axes=want)
        return times((said, Form("outer", tuple(ones), axes=want)))

    # --- one kind after the other -----------------------------------------------------------------

    def _directly(self, expr: Expr, want: Axes, strictly: bool) -> Form | None:
        if isinstance(expr, Leaf):
            call = call_of(expr)
            if call is None:
                return _letter(expr, want)
            said = self.said(call, want, strictly=strictly)
            return said and Form("leaf", (said,), expr, axes=said.axes)
        if isinstance(expr, Delta):
            return _unit(expr, want)
        if isinstance(expr, Opaque):
            return self._called(expr, want)
        if isinstance(expr, Sum):
            return self._summed(expr, want, strictly)

        def say(part: Expr) -> Form | None:
            return self.said(part, want, strictly=strictly)

        if isinstance(expr, Apply):
            arguments = [say(argument) for argument in expr.args]
            every = tuple(a for a in arguments if a is not None)
            if len(every) < len(arguments):
                return None
            return Form("call", every, expr, axes=spread(every))
        if isinstance(expr, Mul):
            return self._multiplied(expr, want, say)
        return said_with(say, expr)

    def _called(self, expr: Opaque, want: Axes) -> Form | None:
        """Say an operation on whole arrays, or entries of its result."""
        if expr.op in _ALONG_ROWS and expr.attributes["axis"] in {0, -2} and len(expr.axes) == 2:
            attributes = {**expr.attributes, "axis": -1}
            inside = tuple(axes[::-1] for axes in expr.inside)
            turned = Opaque(expr.op, expr.args, attributes, inside, expr.axes[::-1])
            return self._called(turned, want)
        found = [self.argument(a, axes) for a, axes in zip(expr.args, expr.inside, strict=True)]
        said = tuple(form for form in found if form is not None)
        if len(said) < len(found) or (len(expr.axes) > 2 and expr.axes != want):
            return None
        return _picked(Form("call", said, expr, axes=expr.axes), expr.axes, want)

    def _multiplied(self, expr: Mul, want: Axes, say: Callable[[Expr], Form | None]) -> Form | None:
        """Say a product: entry by entry, with a diagonal matrix, or as x yᵀ."""
        if len(want) < 2 or None in want:
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
            core = self._diagonal(rename(product(1, vectors), {column: row}), row, want)
            return _scaled(core, expr, numbers, say)
        over_rows = groups.pop(frozenset({row}), [])
        unsaid = [f for f in over_rows if say(f[0]) is None]
        if not unsaid:
            return fraction(say, expr)
        if both:
            over_rows = unsaid
        rest = [f for f in expr.factors if f not in over_rows and f not in numbers]
        scale = self.exactly(product(1, over_rows), (row,))
        if scale is None:
            return None
        over_columns = [f for f in rest if f[0].indices == {column}]
        if both and over_columns:  # the entries of x yᵀ
            other = self.exactly(product(1, over_columns), (column,))
            entries = self.said(product(1, [f for f in rest if f not in over_columns]), want)
            if other is None or entries is None:
                return None
            core = times((entries, Form("outer", (scale, other), axes=want)))
        elif {row, column} == set().union(*(base.indices for base, _ in rest)):
            matrix = self.exactly(product(1, rest), want)
            core = matrix and _beside(Form("diag", (scale,), axes=(row, row)), matrix, want)
        elif rest:
            other = self.exactly(product(1, rest), (column,))
            core = other and Form("outer", (scale, other), axes=want)
        else:
            return None
        return _scaled(core, expr, numbers, say)

    def _diagonal(self, vector: Expr, row: Index, want: Axes) -> Form | None:
        """Say diag(v), or I where v is 1."""
        if not vector.indices:
            return Form("delta", (), axes=want)
        said = self.exactly(vector, (row,))
        return said and Form("diag", (said,), axes=want)

    # --- sums -------------------------------------------------------------------------------------

    def _summed(self, expr: Sum, want: Axes, strictly: bool) -> Form | None:
        bound, body = [expr.index], expr.body
        while isinstance(body, Sum):
            bound.append(body.index)
            body = body.body
        if not body.indices >= set(bound) or len(set(bound)) < len(bound):
            return None
        if not expr.indices and len(bound) <= 2:
            said = self._sum_of_all(expr, bound, body)
            if said is not None:
                return said
        if len(bound) > 1:
            return self._one_after_the_other(bound, body, want, strictly)
        (index,) = bound
        coefficient, factors = parts(body)
        if len(expr.indices) == 1:
            (free,) = expr.indices
            return self._sum_to_a_vector(expr, free, index, want, strictly)
        if len(expr.indices) == 2:
            return self._matrix_product(coefficient, factors, index, want)
        return None

    def _sum_of_all(self, expr: Sum, bound: Sequence[Index], body: Expr) -> Form | None:
        """Say a sum of all entries, or xᵀ A y."""
        if len(bound) == 2:
            said = self.exactly(body, _rows_first(body, bound))
            if said is not None and said.kind == "outer":
                said = None  # x Aᵀ y is better than Σ(x yᵀ ⊙ A)
            return said and Form("sum", (said,), expr)
        coefficient, factors = parts(body)
        products = [f for f in factors if isinstance(f[0], Sum) and f[1] == 1 and f[0].indices]
        others = [f for f in factors if f not in products]
        if coefficient == 1 and len(products) == 1 and others:
            left = self.exactly(product(1, others), tuple(bound))
            right = self.exactly(products[0][0], tuple(bound))
            if left is not None and right is not None and right.kind == "beside":
                return Form("inner", (left, *right.parts), expr)
        ways = (self.said(body, (*bound, *column)) for column in ((), (None,)))
        every = [said for said in ways if said is not None]
        return Form("sum", (min(every, key=_cost),), expr) if every else None

    def _one_after_the_other(
        self, bound: Sequence[Index], body: Expr, want: Axes, strictly: bool
    ) -> Form | None:
        """Sum first over an index that leaves a matrix."""
        coefficient, factors = parts(body)

        def around(index: Index) -> set[Index]:
            inside = (base.indices for base, _ in factors if index in base.indices)
            return set().union(*inside) - {index}

        alone = [index for index in bound if any(index not in base.indices for base, _ in factors)]
        first = min(alone, key=lambda index: len(around(index)), default=None)
        if first is None or len(around(first)) > 2:
            return None
        inside = [f for f in factors if first in f[0].indices]
        outside = [f for f in factors if first not in f[0].indices]
        inner = Sum(first, product(1, inside))
        whole = product(coefficient, [*outside, (inner, 1)])  # type: ignore[list-item]  # 1 for 1/1
        for index in bound:
            if index is not first:
                whole = Sum(index, whole)
        return self.said(whole, want, strictly=strictly)

    def _sum_to_a_vector(
        self, expr: Sum, free: Index, index: Index, want: Axes, strictly: bool
    ) -> Form | None:
        """Say Σ over one axis of a matrix, or the product of a matrix and a vector."""
        coefficient, factors = parts(expr.body)
        vectors = [f for f in factors if f[0].indices <= {index}]
        matrices = [f for f in factors if f not in vectors]
        last = want[-1] is free
        if any(base.indices for base, _ in vectors):
            matrix = self.exactly(product(1, matrices), (free, index))
            ends: tuple[Axes, ...] = ((index, None),) if not last else ((index,),)
            for end in ends:
                vector = self.exactly(product(coefficient, vectors), end)
                if matrix is not None and vector is not None:
                    return _beside(matrix, vector, (free, *end[1:]), expr)
            if last and not strictly:
                vector = self.exactly(product(coefficient, vectors), (index, None))
                if matrix is not None and vector is not None:
                    return _transposed(_beside(matrix, vector, (free, None), expr))
        elif strictly:
            matrix = self.exactly(expr.body, (free, index))
            return matrix and _beside(matrix, _ones(index), (free,), expr)
        kept = self._kept(expr, (index, free) if last else (free, index))
        matrix = self.exactly(expr.body, (free, index)) if last else None
        if matrix is None or (kept is not None and kept.cost <= matrix.cost):
            return kept
        return _beside(matrix, _ones(index), (free,), expr)  # row sums, as a vector

    def _kept(self, expr: Sum, axes: tuple[Index, Index]) -> Form | None:
        """Say Σ over one axis of a matrix, which stays; its letter must say which one is meant."""
        if axes[0].range is axes[1].range:
            return None
        matrix = self.exactly(expr.body, axes)
        kept = tuple(None if axis is expr.index else axis for axis in axes)
        return matrix and Form("kept sum", (matrix,), expr, expr.index, kept)

    def _matrix_product(
        self, coefficient: Any, factors: Iterable[Factor], index: Index, want: Axes
    ) -> Form | None:
        """Say Σₙ Xₙᵢ Yₙⱼ as Xᵀ Y, with a diagonal matrix between them where there is a vector."""
        row, column = want
        assert row is not None
        assert column is not None
        sides: dict[str, list[Factor]] = {"left": [], "right": [], "around": []}
        for factor in factors:
            indices = factor[0].indices
            if {row, column} <= indices:
                side = "around" if index not in indices else ""
            elif row in indices:
                side = "left"
            else:
                side = "right"
            if not side:
                return None
            sides[side].append(factor)
        if sides["around"]:
            inside = product(1, [*sides["left"], *sides["right"]])
            whole = [*sides["around"], (Sum(index, inside), 1)]
            return self.said(product(coefficient, whole), want)  # type: ignore[arg-type]  # 1 for 1/1
        left = self.exactly(product(1, sides["left"]), (row, index))
        right = self.exactly(product(coefficient, sides["right"]), (index, column))
        if left is None or right is None:
            return None
        return _beside(left, right, want)


#: Operations that the language knows along rows alone: along columns, softmax(Zᵀ)ᵀ.
_ALONG_ROWS = frozenset({ops.softmax, ops.log_softmax})

# --- forms ----------------------------------------------------------------------------------------


def _axes_of(leaf: Leaf) -> Axes:
    """Return what the axes of a letter's array count, None where the length is 1."""
    own = iter(leaf.axes)
    return tuple(None if axis is None else next(own) for axis in leaf.quantity.axes)


def _letter(leaf: Leaf, want: Axes) -> Form | None:
    axes = _axes_of(leaf)
    kept = [axis for axis in axes if axis is None or axis.place is None]
    return None if len(kept) > 2 else _picked(Form("leaf", (), leaf, axes=axes), axes, want)


def _picked(form: Form, axes: Axes, want: Axes) -> Form | None:
    """Say an array, its diagonal, or its entries at a place; transposed where it must be."""
    if any(axis is not None and axis.place is not None for axis in axes):
        kept = tuple(a for a in axes if a is None or a.place is None)
        if None in kept:
            return None
        form = Form("entry", (form,), form.expr, axes, kept)
    elif len(axes) == 2 and axes[0] is axes[1] and axes[0] is not None:
        form = Form("diag", (form,), form.expr, axes=axes[:1])
    if _fits(form.axes, want):
        return form
    turned = _transposed(form) if len(form.axes) == 2 else form
    return turned if _fits(turned.axes, want) else None


def _unit(delta: Delta, want: Axes) -> Form | None:
    """Say I, or one row of it."""
    axes = tuple(axis for axis in delta.axes if axis.place is None)
    if len(axes) == 2:
        return Form("delta", (), delta, axes=want) if set(axes) == set(want) else None
    return Form("delta", (), delta, axes=axes) if _fits(axes, want) else None


def _fits(axes: Axes, want: Axes, strictly: bool = False) -> bool:
    """Whether NumPy spreads an array to the axes wanted; `strictly`, it has no more axes."""
    if len(axes) > len(want):
        extra = len(axes) - len(want)
        if strictly or any(axis is not None for axis in axes[:extra]):
            return False
        axes = axes[extra:]
    last = want[len(want) - len(axes) :]
    return all(a is None or a is b for a, b in zip(axes, last, strict=True))


def _only(form: Form, want: Axes) -> Form | None:
    """Say the only entry along the axes of length 1."""
    kept = tuple(axis for axis in form.axes if axis is not None)
    return Form("only", (form,), form.expr, axes=want) if kept == want != form.axes else None


def _transposed(form: Form) -> Form:
    if form.kind == "transpose":
        return form.parts[0]
    return Form("transpose", (form,), form.expr, axes=form.axes[::-1])


def _ones(index: Index) -> Form:
    return Form("ones", axes=(index,))


def _beside(left: Form, right: Form, axes: Axes, expr: Expr | None = None) -> Form:
    """Say a product of matrices; a chain of them is one form."""
    chain = [*(left.parts if left.kind == "beside" else (left,))]
    chain += right.parts if right.kind == "beside" else (right,)
    return Form("beside", tuple(chain), expr, axes=axes)


def _scaled(
    core: Form | None, expr: Mul, numbers: list[Factor], say: Callable[[Expr], Form | None]
) -> Form | None:
    """Multiply what was said of the vectors and matrices of a product with its numbers."""
    if core is None:
        return None
    hole = Quantity("\uffff").leaf  # which comes after the letters of numbers
    whole = product(expr.coefficient, [*numbers, (hole, 1)])  # type: ignore[list-item]  # 1 for 1/1
    if whole is hole:
        return Form(core.kind, core.parts, expr, core.detail, core.axes)

    def fill(part: Expr) -> Form | None:
        return core if part is hole else say(part)

    assert isinstance(whole, Mul)
    return fraction(fill, whole)


def _rows_first(expr: Expr, indices: Sequence[Index]) -> tuple[Index, ...]:
    """Return indices in the order of a matrix that has them, so that it need not be transposed."""
    for each in distinct(expr):
        if isinstance(each, Leaf | Opaque) and set(indices) <= set(each.axes):
            return tuple(a for a in dict.fromkeys(each.axes) if a is not None and a in indices)
    return tuple(sorted(indices, key=lambda index: index.letter != "n"))
