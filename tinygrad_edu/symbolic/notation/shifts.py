"""Entries at shifted and bounded indices: what slices, flips and running sums are, entry by entry.

x[1:] is x_{j+1}, a flip x_{N−1−j}, a running sum Σ_{i ≤ j}. An array that is put at places among
zeros is a term: a term of a formula is there where all of its entries are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from math import inf
from typing import NamedTuple

from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY, Op
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Delta,
    Expr,
    Factor,
    Index,
    Leaf,
    Opaque,
    Quantity,
    Sum,
    call_of,
    number,
    parts,
    product,
    total,
)
from tinygrad_edu.symbolic.algebra.slices import cuts
from tinygrad_edu.symbolic.notation.form import ONE, Form, bound_by, said_with
from tinygrad_edu.symbolic.notation.form import number as number_form
from tinygrad_edu.symbolic.notation.matrices import attempt, said
from tinygrad_edu.symbolic.notation.terms import ends

__all__ = ["Index", "shifted", "shifts"]

ZERO = number(0)

_GETITEM, _SCATTER, _CUMSUM, _OTHERS = (
    REGISTRY[name] for name in ("getitem", "scatter_add", "cumsum", "product_of_others")
)


class Position(NamedTuple):
    """The entry ±j + shift along an axis, or, without an index, one entry of it."""

    axis: Index | None
    sign: int = 1
    shift: int = 0

    def along(self, start: int, step: int) -> Position:
        """Return where along a longer axis an entry of a slice stands."""
        return Position(self.axis, self.sign * step, self.shift * step + start)


At = Mapping[Index, Position]


def shifts(expr: Expr) -> bool:
    """Whether an expression is said with indices that shift: all but a slice of a letter, x[1:]."""
    if isinstance(expr, Leaf):
        call = call_of(expr)
        return call is not None and shifts(call)
    if not isinstance(expr, Opaque):
        return any(map(shifts, expr.children))
    if "array" in expr.attributes.get("index", ()):
        return False
    of = expr.args[0]
    cut = expr.op is _GETITEM and not (isinstance(of, Leaf) and call_of(of) is None)
    return cut or expr.op in {_SCATTER, _OTHERS}


def shifted(expr: Expr) -> Form:
    """Say one entry of an expression, term by term, with indices that shift."""
    there = (factors for factors in _terms(expr, ()) if not any(map(_puts_nothing, factors)))
    said = [_term(product(1, factors)) for factors in there] or [number_form(Fraction(0))]
    if len(said) == 1:
        return said[0]
    said.sort(key=lambda form: form.kind == "negative")
    minuses = tuple(form.kind == "negative" for form in said)
    terms = tuple(f.parts[0] if minus else f for f, minus in zip(said, minuses, strict=True))
    return Form("total", terms, expr, minuses)


def _terms(expr: Expr, beside: tuple[Factor, ...]) -> Iterator[tuple[Factor, ...]]:
    """Yield the terms of a sum as factors; where arrays are put at places, the inner ones too."""
    if isinstance(expr, Add):
        for term in expr.terms:
            yield from _terms(term, beside)
        return
    coefficient, factors = parts(expr)
    inner = next((f for f in factors if isinstance(f[0], Add) and _has_places(f)), None)
    rest = ((number(coefficient), 1), *(f for f in factors if f is not inner), *beside)
    if inner is None:
        yield rest  # type: ignore[misc]  # 1 for 1/1
    else:
        yield from _terms(inner[0], rest)  # type: ignore[arg-type]  # 1 for 1/1


def _has_places(factor: Factor) -> bool:
    """Whether a factor adds what is put at places."""
    base, exponent = factor
    if isinstance(base, Add):
        return exponent == 1 and any(_has_places(f) for t in base.terms for f in parts(t)[1])
    return exponent == 1 and isinstance(base, Opaque) and _puts(base) is not None


def _puts_nothing(factor: Factor) -> bool:
    """Whether a factor puts an array without entries at places."""
    base = factor[0]
    if not isinstance(base, Opaque) or base.op is not _SCATTER:
        return False
    return any(axis is not None and not axis.length for axis in base.inside[0])


def _puts(expr: Opaque) -> dict[Index, tuple[Index | None, int, int]] | None:
    """Say for each axis at whose places an array is put which axis of the array runs there."""
    if expr.op is not _SCATTER or len(expr.inside) > 1:  # index arrays follow no rule
        return None
    inside, *_ = expr.inside  # then those of index arrays
    found: dict[Index, tuple[Index | None, int, int]] = {}
    for cut in cuts(expr.attributes["index"], expr.attributes["shape"]) or ():
        axis = expr.axes[cut.axis]
        other = None if cut.other is None else inside[cut.other]
        if axis is None or axis.place is not None or cut.step not in {1, -1}:
            return None
        found[axis] = other, cut.start, cut.step
    return found or None


def _term(expr: Expr) -> Form:
    """Say a term, with the conditions under which it is there, if its entries do not tell."""
    coefficient, factors = parts(expr)
    put = [f[0] for f in factors if isinstance(f[0], Opaque) and _has_places(f)]
    if len(put) != 1:
        return _Entries({}).say(expr)
    (placed,) = put
    places = _puts(placed)
    assert places is not None
    rest = [f for f in factors if f[0] is not placed]
    at: dict[Index, Position] = {}
    for axis, (other, start, step) in places.items():
        if other is not None:
            at[other] = Position(axis, step, -start * step)
    whole = product(coefficient, [*rest, (placed.args[0], ONE)])
    form = _Entries(at).say(whole)
    bounds: dict[Expr, Form] = {}
    for axis, (other, start, step) in places.items():
        last = start if other is None else start + step * (other.length - 1)
        window = range(min(start, last), max(start, last) + 1)
        for bound in _bounds(axis, window, form, axis.length):
            bounds[Quantity(f"\uffff{len(bounds)}").leaf] = bound
    if bounds:
        whole = product(1, [(whole, ONE), *((stand_in, ONE) for stand_in in bounds)])
        form = _Entries(at, bounds).say(whole)
    if form.kind != "total":
        return form
    if all(map(_is_bracketed, form.parts)):  # which would be there each by itself
        assert isinstance(placed.args[0], Add)
        every = (placed.rebuild((term,)) for term in placed.args[0].terms)
        return shifted(total(product(coefficient, [*rest, (each, ONE)]) for each in every))
    return Form("group", (form,), expr)


def _is_bracketed(form: Form) -> bool:
    """Whether all entries in a term stand in brackets, where it is written."""
    if form.kind in {"product", "negative", "quotient"}:
        return all(map(_is_bracketed, form.parts))
    return form.kind in {"total", "group"} or not any(
        part.detail for part in form.walk() if part.kind in {"leaf", "call", "delta"}
    )


def _bounds(index: Index, window: range, form: Form, length: int | None = None) -> Iterator[Form]:
    """Yield [j ≥ 1] and [j ≤ 3] where the entries of a form do not keep an index in a window.

    The index runs as far as the entries let it, or to a length.
    """
    first, last = 0, inf if length is None else length - 1
    for part in form.walk():
        axes = part.expr.axes if isinstance(part.expr, Leaf | Opaque) else ()
        places = part.detail if part.kind in {"leaf", "call"} and part.detail else ()
        counted = (axis for axis in axes if axis is not None)
        for (runs, sign, shift), axis in zip(places, counted, strict=False):
            if runs is index:
                begin, end = ends(axis.length, sign, shift)
                first, last = max(first, begin), min(last, end)
    here = Form("place", detail=Position(index))
    if not window:
        return
    if first != window[0]:
        yield _compared(ops.greater_equal, here, number_form(Fraction(window[0])))
    if inf > last != window[-1]:
        yield _compared(ops.less_equal, here, number_form(Fraction(window[-1])))


def _compared(op: Op, left: Form, right: Form) -> Form:
    return Form("call", (left, right), Apply(op, (ZERO, ZERO), {}))


class _Entries:
    """Say entries; some indices stand for others, and some letters for forms."""

    def __init__(
        self, at: Mapping[Index, Position], forms: Mapping[Expr, Form] | None = None
    ) -> None:
        self.at, self.forms = at, forms or {}

    def say(self, expr: Expr) -> Form:
        """Say one entry of an expression."""
        if expr in self.forms:
            return self.forms[expr]
        if isinstance(expr, Leaf):
            call = call_of(expr)
            inner = () if call is None else (self.say(call),)
            return Form("leaf", inner, expr, self._positions(expr.axes))
        if isinstance(expr, Delta):
            return Form("delta", (), expr, self._positions(expr.axes))
        if isinstance(expr, Sum):
            return self._sum(expr)
        if isinstance(expr, Opaque):
            return self._whole(expr)
        return said_with(self.say, expr)

    def _position(self, index: Index) -> Position:
        if index.place is not None:
            return Position(None, 1, index.place)
        return self.at.get(index, Position(index))

    def _positions(self, axes: Iterable[Index | None]) -> tuple[Position, ...]:
        return tuple(self._position(axis) for axis in axes if axis is not None)

    def _sum(self, expr: Sum) -> Form:
        if not expr.indices and any(isinstance(e, Opaque) for e in expr.walk()):
            whole = attempt(said, expr, ())
            if whole is not None:
                return Form("arrays", (whole,), expr)
        indices, body = bound_by(expr)
        outside = body.indices - set(indices)
        taken = {position.axis for index in outside if (position := self._position(index)).axis}
        own = [index.fresh(taken | outside) if index in taken else index for index in indices]
        both = zip(indices, own, strict=True)
        at = {**self.at, **{index: Position(mine) for index, mine in both}}
        inner = _Entries(at, self.forms).say(body)
        bounds = [b for index in own for b in _bounds(index, range(index.length), inner)]
        return Form("sum over", (inner, *bounds), expr, tuple(own))

    def _whole(self, expr: Opaque) -> Form:
        """Say an entry of the result of an operation on whole arrays."""
        if expr.op in {_CUMSUM, _OTHERS}:
            return self._running(expr)
        axes = expr.inside[0] if expr.inside else ()
        lengths = [1 if axis is None else axis.length for axis in axes]
        found = cuts(expr.attributes["index"], lengths) if expr.op is _GETITEM else None
        if found is None or any(abs(cut.step) != 1 for cut in found):
            inside = tuple(map(_Entries({}).say, expr.args))
            return Form("call", inside, expr, self._positions(expr.axes))
        at = {}
        for cut in found:
            axis, other = axes[cut.axis], None if cut.other is None else expr.axes[cut.other]
            here = Position(None) if other is None else self._position(other)
            if axis is not None:
                at[axis] = here.along(cut.start, cut.step)
        return _Entries(at).say(expr.args[0])

    def _running(self, expr: Opaque) -> Form:
        """Say Σ_{i ≤ j} of a running sum, Π_{i ≠ j} of the product of all others."""
        (axes,) = expr.inside
        at = {a: self._position(b) for a, b in zip(axes, expr.axes, strict=True) if a and b}
        along = axes[expr.attributes["axis"]]
        if along is None:
            return number_form(ONE) if expr.op is _OTHERS else _Entries(at).say(expr.args[0])
        here = at[along]
        if expr.op is _CUMSUM and here.sign > 0:
            return Form("call", (), expr, self._positions(expr.axes))
        own = along.fresh([along, *(position.axis for position in at.values() if position.axis)])
        at[along] = Position(own, here.sign, here.shift) if here.axis else Position(own)
        relation = ops.less_equal if at[along].sign > 0 else ops.greater_equal
        if expr.op is _OTHERS:
            relation = ops.not_equal
        sides = Position(own), Position(here.axis) if here.axis else here
        bound = _compared(relation, *(Form("place", detail=side) for side in sides))
        begin, end = ends(along.length, at[along].sign, at[along].shift)
        said = _Entries(at).say(expr.args[0])
        kind = "product over" if expr.op is _OTHERS else "sum over"
        bounds = _bounds(own, range(begin, end + 1), said)
        return Form(kind, (said, bound, *bounds), expr, (own,))
