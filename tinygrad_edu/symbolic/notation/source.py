"""Formulas as programs: one expression over their letters, in the words of a language."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Label,
    Leaf,
    Number,
    Opaque,
    Product,
    Quantity,
    Sum,
    Total,
    call_of,
    distinct,
    parts,
    rename,
    replace,
)
from tinygrad_edu.symbolic.notation.form import Axes, Form
from tinygrad_edu.symbolic.notation.written import said

__all__ = ["Code", "Language", "identifiers", "lengths_in", "letters_in", "source"]


class Code(NamedTuple):
    """Source, and how tightly it binds."""

    text: str
    binds: int

    def within(self, outside: int) -> str:
        """Return the source, in parentheses where it binds less than what is around it."""
        return self.text if self.binds >= outside else f"({self.text})"


class Language(Protocol):
    """What a language calls the forms of a formula."""

    def number(self, value: Fraction) -> Code:
        """Write a number."""

    def letter(self, name: str) -> Code:
        """Write a letter or a length."""

    def total(self, terms: Sequence[Code], minuses: Sequence[bool]) -> Code:
        """Add and subtract terms."""

    def product(self, factors: Sequence[Code]) -> Code:
        """Multiply, entry by entry."""

    def quotient(self, top: Code, bottom: Code) -> Code:
        """Divide, entry by entry."""

    def power(self, base: Code, exponent: Code) -> Code:
        """Raise to a power, entry by entry."""

    def root(self, base: Code) -> Code:
        """Take the square root of each entry."""

    def sum(self, array: Code, axis: int | None) -> Code:
        """Sum all entries, or over one axis, which stays with length 1."""

    def beside(self, chain: Sequence[Code]) -> Code:
        """Multiply matrices and vectors."""

    def outer(self, left: Code, right: Code) -> Code:
        """Multiply a column and a row."""

    def transpose(self, array: Code) -> Code:
        """Exchange rows and columns."""

    def diag(self, array: Code) -> Code:
        """Make a diagonal matrix of a vector, or a vector of a diagonal."""

    def eye(self, length: str) -> Code:
        """Write the identity matrix."""

    def ones(self, length: str) -> Code:
        """Write the vector of ones."""

    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""

    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""

    def einsum(self, subscripts: str, arrays: Sequence[Code]) -> Code:
        """Multiply and sum at indices."""

    def knows(self, op: Any) -> bool:
        """Whether there is a word for an operation."""

    def call(self, op: Any, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
        """Apply an operation; its attribute `classes` is the source of a length."""


def source(expr: Expr, axes: Axes, language: Language) -> str:
    """Write an expression in a language, over the identifiers of its letters and lengths.

    Raises
    ------
    ValueError
        If the language has no word for an operation.
    """
    names = identifiers(letters_in(expr), lengths_in(expr, axes))
    expr = _opened(expr, language)
    form = said(expr, axes)
    if form is not None:
        code = _Arrays(names, language).code(form)
        extra = len(form.axes) - len(axes)  # a sum that was kept
        return (language.entries(code, [0] * extra) if extra > 0 else code).text
    return _Entries(names, language).array(expr, axes).text


def _opened(expr: Expr, language: Language) -> Expr:
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


def lengths_in(expr: Expr, axes: Axes = ()) -> list[Label]:
    """Return the ranges whose lengths a formula speaks of, written or within vectors of ones."""
    labels = [label for each in distinct(expr) for label in _ranges_of(each)]
    form = said(expr, axes)
    for part in form.walk() if form is not None else ():
        if part.kind in {"ones", "delta"}:
            labels += [axis for axis in part.axes if axis is not None]
    return list(dict.fromkeys(label.range for label in labels))


def _ranges_of(expr: Expr) -> Iterable[Label]:
    if isinstance(expr, Dimension):
        return (expr.label,)
    if isinstance(expr, Delta):
        return expr.axes
    if isinstance(expr, Opaque) and expr.op is ops.one_hot:
        return [axis for axis in expr.axes[-1:] if axis is not None]
    if isinstance(expr, Sum) and expr.label not in expr.body.labels:
        return (expr.label,)
    return ()


#: What is no name in Python or in JavaScript, or is taken.
_WORDS = """
np math arguments await break case catch const debugger default delete do else enum eval export
extends false function implements instanceof interface let new null package private protected public
static super switch this throw true typeof undefined var void
"""
_RESERVED = frozenset(_WORDS.split())


def identifiers(
    quantities: Iterable[Quantity], ranges: Iterable[Label] = ()
) -> dict[Quantity | Label, str]:
    """Give letters and lengths names that programs take, as near to their own as may be."""
    found: dict[Quantity | Label, str] = {}
    names: dict[Quantity | Label, str] = {q: q.name for q in quantities}
    names |= {label: label.called for label in ranges}
    # What is an identifier stays what it is, whatever the others have to be called.
    for each, name in sorted(names.items(), key=lambda item: not item[1].isidentifier()):
        plain = unicodedata.normalize("NFKC", name)
        if not plain.isidentifier():
            plain = re.sub(r"\W+", "_", plain).strip("_") or "x"
            plain = plain if plain.isidentifier() else f"x_{plain}"
        spare, number = plain, 1
        while spare in _RESERVED or spare in found.values() or keyword.iskeyword(spare):
            number += 1
            spare = f"{plain}_{number}"
        found[each] = spare
    return found


def _attributes_of(expr: Apply | Opaque, names: Mapping[Quantity | Label, str]) -> dict[str, Any]:
    attributes = dict(expr.attributes)
    if isinstance(expr, Opaque) and expr.op is ops.one_hot:
        axis = expr.axes[-1]
        attributes["classes"] = "1" if axis is None else names[axis.range]
    return attributes


class _Arrays:
    """Write a form of whole arrays: one method per kind."""

    def __init__(self, names: Mapping[Quantity | Label, str], language: Language) -> None:
        self.names, self.language = names, language

    def code(self, form: Form) -> Code:
        found: Code = getattr(self, "_" + form.kind.replace(" ", "_"))(form)
        return found

    def _parts(self, form: Form) -> list[Code]:
        return [self.code(part) for part in form.parts]

    def _length(self, axis: Label | None) -> str:
        return "1" if axis is None else self.names[axis.range]

    def _number(self, form: Form) -> Code:
        return self.language.number(form.detail)

    def _leaf(self, form: Form) -> Code:
        if form.parts:
            return self.code(form.parts[0])
        assert isinstance(form.expr, Leaf)
        return self.language.letter(self.names[form.expr.quantity])

    def _entry(self, form: Form) -> Code:
        places = [None if a is None else a.place for a in form.detail]
        return self.language.entries(self.code(form.parts[0]), places)

    def _only(self, form: Form) -> Code:
        (array,) = form.parts
        places = [0 if axis is None else None for axis in array.axes]
        return self.language.entries(self.code(array), places)

    def _view(self, form: Form) -> Code:
        present = [axis is not None for axis in form.axes]
        return self.language.view(self.code(form.parts[0]), range(sum(present)), present)

    def _dimension(self, form: Form) -> Code:
        assert isinstance(form.expr, Dimension)
        return self.language.letter(self._length(form.expr.label))

    def _delta(self, form: Form) -> Code:
        unit = self.language.eye(self._length(form.axes[0]))
        if len(form.axes) == 2:
            return unit
        assert isinstance(form.expr, Delta)
        (place,) = (axis.place for axis in form.expr.axes if axis.place is not None)
        return self.language.entries(unit, [place])

    def _ones(self, form: Form) -> Code:
        return self.language.ones(self._length(form.axes[0]))

    def _call(self, form: Form) -> Code:
        assert isinstance(form.expr, Apply | Opaque)
        attributes = _attributes_of(form.expr, self.names)
        return self.language.call(form.expr.op, attributes, self._parts(form))

    def _sum(self, form: Form) -> Code:
        return self.language.sum(self.code(form.parts[0]), None)

    def _kept_sum(self, form: Form) -> Code:
        return self.language.sum(self.code(form.parts[0]), form.axes.index(None))

    def _beside(self, form: Form) -> Code:
        return self.language.beside(self._parts(form))

    def _inner(self, form: Form) -> Code:
        return self.language.beside(self._parts(form))

    def _outer(self, form: Form) -> Code:
        return self.language.outer(*self._parts(form))

    def _transpose(self, form: Form) -> Code:
        return self.language.transpose(self.code(form.parts[0]))

    def _diag(self, form: Form) -> Code:
        return self.language.diag(self.code(form.parts[0]))

    def _product(self, form: Form) -> Code:
        return self.language.product(self._parts(form))

    def _quotient(self, form: Form) -> Code:
        return self.language.quotient(*self._parts(form))

    def _negative(self, form: Form) -> Code:
        return self.language.total(self._parts(form), [True])

    def _power(self, form: Form) -> Code:
        return self.language.power(self.code(form.parts[0]), self.language.number(form.detail))

    def _root(self, form: Form) -> Code:
        return self.language.root(self.code(form.parts[0]))

    def _total(self, form: Form) -> Code:
        return self.language.total(self._parts(form), form.detail)


Entry = tuple[Code, tuple[Label, ...]]  # an array, and the index of each of its axes


class _Entries:
    """Write an expression that takes indices: each array has one axis per index, in some order."""

    def __init__(self, names: Mapping[Quantity | Label, str], language: Language) -> None:
        self.names, self.language = names, language

    def array(self, expr: Expr, axes: Axes) -> Code:
        """Write an expression as an array with the axes asked for."""
        wanted = tuple(axis for axis in axes if axis is not None)
        if None in axes and not expr.labels:
            return self.language.view(self._code(expr)[0], (), [False] * len(axes))
        code = self._aligned(expr, wanted)
        if None in axes:
            present = [axis is not None for axis in axes]
            code = self.language.view(code, range(len(wanted)), present)
        return code

    def _aligned(self, expr: Expr, wanted: tuple[Label, ...]) -> Code:
        """Write an array with axes in the order wanted, of length 1 where it has no such index."""
        code, have = self._code(expr)
        if have == wanted or not have:
            return code
        order = [have.index(label) for label in wanted if label in have]
        return self.language.view(code, order, [label in have for label in wanted])

    def _code(self, expr: Expr) -> Entry:
        language = self.language
        if isinstance(expr, Number):
            return language.number(expr.value), ()
        if isinstance(expr, Dimension):
            return language.letter(self.names[expr.label]), ()
        if isinstance(expr, Delta):
            return self._picked(language.eye(self.names[expr.axes[0].range]), expr.axes)
        if isinstance(expr, Leaf):
            call = call_of(expr)
            if call is not None:
                return self._code(call)
            own = iter(expr.axes)
            every = [None if axis is None else next(own) for axis in expr.quantity.axes]
            return self._picked(language.letter(self.names[expr.quantity]), every)
        if isinstance(expr, Sum | Product):
            return self._contracted(expr)
        if isinstance(expr, Opaque):
            arrays = [self.array(a, i) for a, i in zip(expr.args, expr.inside, strict=True)]
            attributes = _attributes_of(expr, self.names)
            return self._picked(language.call(expr.op, attributes, arrays), expr.axes)
        labels = tuple(sorted(expr.labels, key=lambda label: label.order))
        arrays = [self._aligned(child, labels) for child in expr.children]
        if isinstance(expr, Total):
            return language.total(arrays, [False] * len(arrays)), labels
        assert isinstance(expr, Apply)
        return language.call(expr.op, expr.attributes, arrays), labels

    def _picked(self, code: Code, axes: Sequence[Label | None]) -> Entry:
        """Take the entries that indices name; an index that comes twice is a diagonal."""
        if any(axis is None or axis.place is not None for axis in axes):
            code = self.language.entries(code, [0 if a is None else a.place for a in axes])
        kept = tuple(axis for axis in axes if axis is not None and axis.place is None)
        once = tuple(dict.fromkeys(kept))
        if len(once) < len(kept):
            code = self.language.einsum(_subscripts([kept], once), [code])
        return code, once

    def _contracted(self, expr: Expr) -> Entry:
        bound: list[Label] = []
        while isinstance(expr, Sum) and expr.label not in bound:
            bound.append(expr.label)
            expr = expr.body
        coefficient, factors = parts(expr)
        scale = [] if coefficient == 1 and factors else [self.language.number(coefficient)]
        below: list[Code] = []
        operands: list[Entry] = []
        for base, exponent in factors:
            code, labels = self._code(base)
            if abs(exponent) != 1:
                code = self.language.power(code, self.language.number(abs(exponent)))
            if exponent < 0 and not labels:
                below.append(code)
                continue
            if exponent < 0:
                code = self.language.quotient(self.language.number(Fraction(1)), code)
            if labels:
                operands.append((code, labels))
            else:
                scale.append(code)
        present = dict.fromkeys(label for _, labels in operands for label in labels)
        lengths = (self.names[label.range] for label in bound if label not in present)
        scale += map(self.language.letter, lengths)
        free = tuple(label for label in present if label not in bound)
        if len(operands) == 1 and operands[0][1] == free:
            scale.append(operands[0][0])
        elif operands:
            subscripts = _subscripts([labels for _, labels in operands], free)
            scale.append(self.language.einsum(subscripts, [code for code, _ in operands]))
        above = self.language.product(scale or [self.language.number(Fraction(1))])
        if below:
            above = self.language.quotient(above, self.language.product(below))
        return above, free


def _subscripts(operands: Iterable[Sequence[Label]], result: Sequence[Label]) -> str:
    letters: dict[Label, str] = {}
    terms = [
        "".join(letters.setdefault(a, chr(ord("a") + len(letters))) for a in labels)
        for labels in operands
    ]
    return f"{','.join(terms)}->{''.join(letters[a] for a in result)}"
