"""Formulas as programs: one expression over their letters, in the words of a language."""

from __future__ import annotations

import keyword
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, NamedTuple

from tinygrad_edu import ops
from tinygrad_edu.core.op import Op
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
    Quantity,
    Sum,
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
    binds: int = 99

    def __format__(self, outside: str) -> str:
        """Write the source, in parentheses where it binds less than the template asks for."""
        return self.text if self.binds >= int(outside or 0) else f"({self.text})"


class Language(ABC):
    """What a language calls the forms of a formula.

    `words` has, for a kind of form, a template and how tightly it binds. It is filled with the
    parts, each with how tightly it must bind, two by two, or with all of them as `args`.
    """

    words: ClassVar[Mapping[str, tuple[str, int]]] = {}

    def write(self, kind: str, *parts: Code, **details: Any) -> Code:
        """Write a form of its parts."""
        template, binds = self.words[kind]
        if "{1" in template and len(parts) > 2:
            parts = (self.write(kind, *parts[:-1]), parts[-1])
        args = ", ".join(part.text for part in parts)
        return Code(template.format(*parts, args=args, **details), binds)

    def total(self, terms: Sequence[Code], minuses: Sequence[bool]) -> Code:
        """Add and subtract terms."""
        first, *others = terms
        found = self.write("negative", first) if minuses[0] else first
        for minus, term in zip(minuses[1:], others, strict=True):
            found = self.write("subtract" if minus else "add", found, term)
        return found

    def product(self, factors: Sequence[Code]) -> Code:
        """Multiply, entry by entry."""
        return factors[0] if len(factors) == 1 else self.write("product", *factors)

    @abstractmethod
    def number(self, value: Fraction) -> Code:
        """Write a number with the digits that read back."""

    @abstractmethod
    def entries(self, array: Code, places: Sequence[int | None]) -> Code:
        """Take entries at a place, or all along an axis."""

    @abstractmethod
    def view(self, array: Code, order: Sequence[int], present: Sequence[bool]) -> Code:
        """Put axes in an order, and axes of length 1 between them."""

    @abstractmethod
    def knows(self, op: Op) -> bool:
        """Whether there is a word for an operation."""

    @abstractmethod
    def call(self, op: Op, attributes: Mapping[str, Any], arguments: Sequence[Code]) -> Code:
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


def _attributes_of(expr: Apply | Opaque, names: Mapping[Quantity | Index, str]) -> dict[str, Any]:
    attributes = dict(expr.attributes)
    if isinstance(expr, Opaque) and expr.op is ops.one_hot:
        axis = expr.axes[-1]
        attributes["classes"] = "1" if axis is None else names[axis.range]
    return attributes


class _Arrays:
    """Write a form of whole arrays: the language has words for most kinds, others have a method."""

    def __init__(self, names: Mapping[Quantity | Index, str], language: Language) -> None:
        self.names, self.language = names, language

    def code(self, form: Form) -> Code:
        write = getattr(self, "_" + form.kind.replace(" ", "_"), None)
        if write is None:
            return self.language.write(form.kind, *map(self.code, form.parts))
        found: Code = write(form)
        return found

    def _length(self, axis: Index | None) -> Code:
        return Code("1" if axis is None else self.names[axis.range])

    def _number(self, form: Form) -> Code:
        return self.language.number(form.detail)

    def _leaf(self, form: Form) -> Code:
        if form.parts:
            return self.code(form.parts[0])
        assert isinstance(form.expr, Leaf)
        return Code(self.names[form.expr.quantity])

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
        return self._length(form.expr.index)

    def _delta(self, form: Form) -> Code:
        unit = self.language.write("eye", self._length(form.axes[0]))
        if len(form.axes) == 2:
            return unit
        assert isinstance(form.expr, Delta)
        (place,) = (axis.place for axis in form.expr.axes if axis.place is not None)
        return self.language.entries(unit, [place])

    def _ones(self, form: Form) -> Code:
        return self.language.write("ones", self._length(form.axes[0]))

    def _call(self, form: Form) -> Code:
        assert isinstance(form.expr, Apply | Opaque)
        attributes = _attributes_of(form.expr, self.names)
        return self.language.call(form.expr.op, attributes, [*map(self.code, form.parts)])

    def _kept_sum(self, form: Form) -> Code:
        array = self.code(form.parts[0])
        return self.language.write("kept sum", array, axis=form.axes.index(None))

    def _inner(self, form: Form) -> Code:
        return self.language.write("beside", *map(self.code, form.parts))

    def _power(self, form: Form) -> Code:
        exponent = self.language.number(form.detail)
        return self.language.write("power", self.code(form.parts[0]), exponent)

    def _total(self, form: Form) -> Code:
        return self.language.total([*map(self.code, form.parts)], form.detail)


Entry = tuple[Code, tuple[Index, ...]]  # an array, and the index of each of its axes


class _Entries:
    """Write an expression that takes indices: each array has one axis per index, in some order."""

    def __init__(self, names: Mapping[Quantity | Index, str], language: Language) -> None:
        self.names, self.language = names, language

    def array(self, expr: Expr, axes: Axes) -> Code:
        """Write an expression as an array with the axes asked for."""
        wanted = tuple(axis for axis in axes if axis is not None)
        if None in axes and not expr.indices:
            return self.language.view(self._code(expr)[0], (), [False] * len(axes))
        code = self._aligned(expr, wanted)
        if None in axes:
            present = [axis is not None for axis in axes]
            code = self.language.view(code, range(len(wanted)), present)
        return code

    def _aligned(self, expr: Expr, wanted: tuple[Index, ...]) -> Code:
        """Write an array with axes in the order wanted, of length 1 where it has no such index."""
        code, have = self._code(expr)
        if have == wanted or not have:
            return code
        order = [have.index(index) for index in wanted if index in have]
        return self.language.view(code, order, [index in have for index in wanted])

    def _code(self, expr: Expr) -> Entry:
        language = self.language
        if isinstance(expr, Number):
            return language.number(expr.value), ()
        if isinstance(expr, Dimension):
            return Code(self.names[expr.index]), ()
        if isinstance(expr, Delta):
            unit = language.write("eye", Code(self.names[expr.axes[0].range]))
            return self._picked(unit, expr.axes)
        if isinstance(expr, Leaf):
            call = call_of(expr)
            if call is not None:
                return self._code(call)
            own = iter(expr.axes)
            every = [None if axis is None else next(own) for axis in expr.quantity.axes]
            return self._picked(Code(self.names[expr.quantity]), every)
        if isinstance(expr, Sum | Mul):
            return self._contracted(expr)
        if isinstance(expr, Opaque):
            arrays = [self.array(a, i) for a, i in zip(expr.args, expr.inside, strict=True)]
            attributes = _attributes_of(expr, self.names)
            return self._picked(language.call(expr.op, attributes, arrays), expr.axes)
        indices = tuple(sorted(expr.indices, key=lambda index: index.order))
        arrays = [self._aligned(child, indices) for child in expr.children]
        if isinstance(expr, Add):
            return language.total(arrays, [False] * len(arrays)), indices
        assert isinstance(expr, Apply)
        return language.call(expr.op, expr.attributes, arrays), indices

    def _picked(self, code: Code, axes: Sequence[Index | None]) -> Entry:
        """Take the entries that indices name; an index that comes twice is a diagonal."""
        if any(axis is None or axis.place is not None for axis in axes):
            code = self.language.entries(code, [0 if a is None else a.place for a in axes])
        kept = tuple(axis for axis in axes if axis is not None and axis.place is None)
        once = tuple(dict.fromkeys(kept))
        if len(once) < len(kept):
            code = self.language.write("einsum", code, subscripts=_subscripts([kept], once))
        return code, once

    def _contracted(self, expr: Expr) -> Entry:
        bound: list[Index] = []
        while isinstance(expr, Sum) and expr.index not in bound:
            bound.append(expr.index)
            expr = expr.body
        coefficient, factors = parts(expr)
        scale = [] if coefficient == 1 and factors else [self.language.number(coefficient)]
        below: list[Code] = []
        operands: list[Entry] = []
        for base, exponent in factors:
            code, indices = self._code(base)
            if abs(exponent) != 1:
                code = self.language.write("power", code, self.language.number(abs(exponent)))
            if exponent < 0 and not indices:
                below.append(code)
                continue
            if exponent < 0:
                code = self.language.write("quotient", self.language.number(Fraction(1)), code)
            if indices:
                operands.append((code, indices))
            else:
                scale.append(code)
        present = dict.fromkeys(index for _, indices in operands for index in indices)
        lengths = (self.names[index.range] for index in bound if index not in present)
        scale += map(Code, lengths)
        free = tuple(index for index in present if index not in bound)
        if len(operands) == 1 and operands[0][1] == free:
            scale.append(operands[0][0])
        elif operands:
            subscripts = _subscripts([indices for _, indices in operands], free)
            codes = [code for code, _ in operands]
            scale.append(self.language.write("einsum", *codes, subscripts=subscripts))
        above = self.language.product(scale or [self.language.number(Fraction(1))])
        if below:
            above = self.language.write("quotient", above, self.language.product(below))
        return above, free


def _subscripts(operands: Iterable[Sequence[Index]], result: Sequence[Index]) -> str:
    letters: dict[Index, str] = {}
    terms = [
        "".join(letters.setdefault(a, chr(ord("a") + len(letters))) for a in indices)
        for indices in operands
    ]
    return f"{','.join(terms)}->{''.join(letters[a] for a in result)}"
