"""Formulas as programs: one expression over their letters, in the words of a language."""

from __future__ import annotations

import keyword
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.core.op import Op
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Delta,
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    call_of,
    distinct,
    parts,
    rename,
    replace,
)
from tinygrad_edu.symbolic.notation.form import Axes, Form, times
from tinygrad_edu.symbolic.notation.writer import Code, Writer
from tinygrad_edu.symbolic.notation.written import said

__all__ = ["Program", "identifiers", "lengths_in", "letters_in", "source"]


class Program(Writer, ABC):
    """What a language calls the forms of whole arrays, over the identifiers of their letters."""

    words: Mapping[str, tuple[str, int]]

    def __init__(self, names: Mapping[Quantity | Index, str]) -> None:
        super().__init__(self.words)
        self.names = names

    @abstractmethod
    def number(self, value: Fraction) -> Code:
        """Write a number with the digits that read back."""

    @abstractmethod
    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""

    @abstractmethod
    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""

    @staticmethod
    @abstractmethod
    def knows(op: Op) -> bool:
        """Whether there is a word for an operation."""

    @abstractmethod
    def call(self, op: Op, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
        """Apply an operation; its attribute `classes` is the source of a length."""

    def _length(self, axis: Index | None) -> Code:
        return Code("1" if axis is None else self.names[axis.range])

    def _number(self, form: Form) -> Code:
        return self.number(form.detail)

    def _leaf(self, form: Form) -> Code:
        return self.code(form.parts[0]) if form.parts else Code(self.names[form.expr.quantity])

    def _entry(self, form: Form) -> Code:
        places = [0 if axis is None else axis.place for axis in form.detail]
        return self.entries(self.code(form.parts[0]), places)

    def _only(self, form: Form) -> Code:
        (array,) = form.parts
        return self.entries(self.code(array), [0 if a is None else None for a in array.axes])

    def _view(self, form: Form) -> Code:
        present = [axis is not None for axis in form.axes]
        order = range(sum(present)) if form.detail is None else form.detail
        return self.view(self.code(form.parts[0]), order, present)

    def _dimension(self, form: Form) -> Code:
        return self._length(form.expr.index)

    def _delta(self, form: Form) -> Code:
        unit = self.write("eye", self._length(form.axes[0]))
        if len(form.axes) == 2:
            return unit
        (place,) = (axis.place for axis in form.expr.axes if axis.place is not None)
        return self.entries(unit, [place])

    def _ones(self, form: Form) -> Code:
        return self.write("ones", self._length(form.axes[0]))

    def _call(self, form: Form) -> Code:
        attributes = dict(form.expr.attributes)
        if form.expr.op is ops.one_hot and isinstance(form.expr, Opaque):
            attributes["classes"] = self._length(form.expr.axes[-1]).text
        return self.call(form.expr.op, attributes, [*map(self.code, form.parts)])

    def _kept_sum(self, form: Form) -> Code:
        return self.write("kept sum", self.code(form.parts[0]), axis=form.axes.index(None))

    def _inner(self, form: Form) -> Code:
        return self.write("beside", *map(self.code, form.parts))

    def _einsum(self, form: Form) -> Code:
        return self.write("einsum", *map(self.code, form.parts), subscripts=form.detail)

    def _power(self, form: Form) -> Code:
        return self.write("power", self.code(form.parts[0]), self.number(form.detail))

    def _total(self, form: Form) -> Code:
        """Add and subtract terms."""
        first, *others = map(self.code, form.parts)
        found = self.write("negative", first) if form.detail[0] else first
        for minus, term in zip(form.detail[1:], others, strict=True):
            found = self.write("subtract" if minus else "add", found, term)
        return found


def source(expr: Expr, axes: Axes, language: type[Program]) -> str:
    """Write an expression in a language, over the identifiers of its letters and lengths.

    Raises
    ------
    ValueError
        If the language has no word for an operation.
    """
    program = language(identifiers(letters_in(expr), lengths_in(expr, axes)))
    expr = _opened(expr, language)
    form = said(expr, axes) or _contracted(expr, axes)
    code = program.code(form)
    extra = len(form.axes) - len(axes)  # a sum that was kept
    return (program.entries(code, [0] * extra) if extra > 0 else code).text


def _opened(expr: Expr, language: type[Program]) -> Expr:
    """Put its definition for the call of an operation that a language has no word for."""
    new: dict[Expr, Expr] = {}
    for each in distinct(expr):
        if not isinstance(each, Leaf) or (call := each.quantity.call) is None:
            continue
        if language.knows(call.op):
            continue
        definition, own = each.quantity.definition, iter(each.axes)
        assert definition is not None
        places = {a: next(own) for a in each.quantity.axes if a is not None}
        new[each] = rename(definition, places)
    return _opened(replace(expr, new), language) if new else expr


def letters_in(expr: Expr) -> list[Quantity]:
    """Return the quantities that a formula is written in, in the order in which they stand."""
    found: dict[Quantity, None] = {}
    pending = [expr]
    while pending:
        for each in distinct(pending.pop()):
            if isinstance(each, Leaf):
                call = call_of(each)
                if call is None:
                    found[each.quantity] = None
                else:
                    pending.append(call)
    return list(found)


def lengths_in(expr: Expr, axes: Axes = ()) -> list[Index]:
    """Return the ranges whose lengths a formula speaks of, written or within vectors of ones."""
    indices = [index for each in distinct(expr) for index in _ranges_of(each)]
    form = said(expr, axes)
    for part in form.walk() if form is not None else ():
        if part.kind in {"ones", "delta"}:
            indices += [axis for axis in part.axes if axis is not None]
    return list(dict.fromkeys(index.range for index in indices))


def _ranges_of(expr: Expr) -> Iterable[Index]:
    if isinstance(expr, Dimension):
        return (expr.index,)
    if isinstance(expr, Delta):
        return expr.axes
    if isinstance(expr, Opaque) and expr.op is ops.one_hot:
        return [axis for axis in expr.axes[-1:] if axis is not None]
    if isinstance(expr, Sum) and expr.index not in expr.body.indices:
        return (expr.index,)
    return ()


#: What is no name in Python or in JavaScript, or is taken.
_WORDS = """
np math arguments await break case catch const debugger default delete do else enum eval export
extends false function implements instanceof interface let new null package private protected public
static super switch this throw true typeof undefined var void
"""
_RESERVED = frozenset(_WORDS.split())


def identifiers(
    quantities: Iterable[Quantity], ranges: Iterable[Index] = ()
) -> dict[Quantity | Index, str]:
    """Give letters and lengths names that programs take, as near to their own as may be."""
    found: dict[Quantity | Index, str] = {}
    names: dict[Quantity | Index, str] = {q: q.name for q in quantities}
    names |= {index: index.called for index in ranges}
    # What is an identifier stays what it is, whatever the others have to be called.
    for each, name in sorted(names.items(), key=lambda item: not item[1].isidentifier()):
        plain = unicodedata.normalize("NFKC", name).replace("′", "_prime")
        if not plain.isidentifier():
            plain = re.sub(r"\W+", "_", plain).strip("_") or "x"
            plain = plain if plain.isidentifier() else f"x_{plain}"
        spare, number = plain, 1
        while spare in _RESERVED or spare in found.values() or keyword.iskeyword(spare):
            number += 1
            spare = f"{plain}_{number}"
        found[each] = spare
    return found


# --- what takes indices ---------------------------------------------------------------------------


def _contracted(expr: Expr, axes: Axes) -> Form:
    """Say an expression that takes indices with an einsum for each product and sum."""
    wanted = tuple(axis for axis in axes if axis is not None)
    found = _aligned(_array(expr), wanted)
    if None not in axes:
        return found
    return Form("view", (found,), axes=axes if expr.indices else (None,) * len(axes))


def _aligned(form: Form, wanted: Sequence[Index]) -> Form:
    """Put axes in the order wanted, of length 1 where there is no such index."""
    if form.axes in {(), tuple(wanted)}:
        return form
    order = [form.axes.index(index) for index in wanted if index in form.axes]
    axes = tuple(index if index in form.axes else None for index in wanted)
    return Form("view", (form,), detail=order, axes=axes)


def _array(expr: Expr) -> Form:
    """Say an expression as an array that has one axis for each of its indices, in some order."""
    if isinstance(expr, Number):
        return Form("number", (), expr, expr.value)
    if isinstance(expr, Dimension):
        return Form("dimension", (), expr)
    if isinstance(expr, Delta):
        return _picked(Form("delta", axes=expr.axes), expr.axes)
    if isinstance(expr, Leaf):
        call = call_of(expr)
        if call is not None:
            return _array(call)
        own = iter(expr.axes)
        every = tuple(None if axis is None else next(own) for axis in expr.quantity.axes)
        return _picked(Form("leaf", (), expr, axes=every), every)
    if isinstance(expr, Sum | Mul):
        return _product(expr)
    if isinstance(expr, Opaque):
        arrays = tuple(map(_contracted, expr.args, expr.inside))
        return _picked(Form("call", arrays, expr, axes=expr.axes), expr.axes)
    indices = tuple(sorted(expr.indices, key=lambda index: index.order))
    arrays = tuple(_aligned(_array(child), indices) for child in expr.children)
    kind = "total" if isinstance(expr, Add) else "call"
    return Form(kind, arrays, expr, (False,) * len(arrays), indices)


def _picked(form: Form, axes: Axes) -> Form:
    """Take the entries that indices name; an index that comes twice is a diagonal."""
    kept = tuple(axis for axis in axes if axis is not None and axis.place is None)
    once = tuple(dict.fromkeys(kept))
    if len(kept) < len(axes):
        form = Form("entry", (form,), form.expr, axes, kept)
    if len(once) < len(kept):
        form = Form("einsum", (form,), form.expr, _subscripts([kept], once), once)
    return form


def _product(expr: Expr) -> Form:
    """Say a product, and the sum of one."""
    bound: list[Index] = []
    while isinstance(expr, Sum) and expr.index not in bound:
        bound.append(expr.index)
        expr = expr.body
    coefficient, factors = parts(expr)
    one = Form("number", detail=Fraction(1))
    scale = [] if coefficient == 1 and factors else [Form("number", detail=coefficient)]
    below: list[Form] = []
    operands: list[Form] = []
    for base, exponent in factors:
        form = _array(base)
        if abs(exponent) != 1:
            form = Form("power", (form,), detail=abs(exponent), axes=form.axes)
        if exponent < 0 and not form.axes:
            below.append(form)
            continue
        if exponent < 0:
            form = Form("quotient", (one, form), axes=form.axes)
        (operands if form.axes else scale).append(form)
    present = dict.fromkeys(index for form in operands for index in form.axes)
    scale += [Form("dimension", (), Dimension(index)) for index in bound if index not in present]
    free = tuple(index for index in present if index not in bound)
    if len(operands) == 1 and operands[0].axes == free:
        scale.append(operands[0])
    elif operands:
        subscripts = _subscripts([form.axes for form in operands], free)
        scale.append(Form("einsum", tuple(operands), detail=subscripts, axes=free))
    above = Form("product", tuple(scale), axes=free) if len(scale) > 1 else [*scale, one][0]
    return Form("quotient", (above, times(below)), axes=free) if below else above


def _subscripts(operands: Iterable[Axes], result: Axes) -> str:
    letters: dict[Index | None, str] = {}
    terms = [
        "".join(letters.setdefault(a, chr(ord("a") + len(letters))) for a in indices)
        for indices in operands
    ]
    return f"{','.join(terms)}->{''.join(letters[a] for a in result)}"
