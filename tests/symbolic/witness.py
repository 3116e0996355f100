"""Another witness of derivations: the same formulas in SymPy."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import sympy

from tests.symbolic.inside import (
    Add,
    Apply,
    Delta,
    Dimension,
    Leaf,
    Mul,
    Number,
    Sum,
    distinct,
)

FUNCTIONS = {"abs": sympy.Abs, "power": sympy.Pow}

exp, log = (np.frompyfunc(f, 1, 1) for f in (sympy.exp, sympy.log))


def to_sympy(expr, at, letters: Collection[str] = ()):
    """An entry of an expression, in SymPy; intermediates that are no `letters` are put in."""

    def place(label):
        return at[label] if label.place is None else label.place

    def convert(part):
        return to_sympy(part, at, letters)

    if isinstance(expr, Number):
        return _rational(expr.value)
    if isinstance(expr, Dimension):
        return sympy.Integer(expr.index.length)
    if isinstance(expr, Delta):
        return sympy.Integer(place(expr.axes[0]) == place(expr.axes[1]))
    if isinstance(expr, Leaf):
        quantity = expr.quantity
        if quantity.definition is None or quantity.name in letters:
            return symbol(quantity.name, tuple(map(place, expr.axes)))
        own = [a for a in quantity.axes if a is not None]
        inside = {o: place(a) for o, a in zip(own, expr.axes, strict=True)}
        return to_sympy(quantity.definition, inside, letters)
    if isinstance(expr, Sum):
        return sympy.Add(
            *(to_sympy(expr.body, {**at, expr.index: i}, letters) for i in range(expr.index.length))
        )
    if isinstance(expr, Mul):
        powers = (convert(b) ** _rational(p) for b, p in expr.factors)
        return sympy.Mul(_rational(expr.coefficient), *powers)
    if isinstance(expr, Add):
        return sympy.Add(*map(convert, expr.terms))
    assert isinstance(expr, Apply)
    function = FUNCTIONS.get(expr.op.name) or getattr(sympy, expr.op.name)
    return function(*map(convert, expr.args))


def _rational(value):
    return sympy.Rational(value.numerator, value.denominator)


def symbol(name: str, places: tuple[int, ...] = ()) -> sympy.Symbol:
    """One entry of a letter."""
    return sympy.Symbol(name + "".join(map(str, places)), real=True)


def entries(found, letters: Collection[str] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Every entry of a derivation's result."""
    axes = [a for a in found.result.axes if a is not None]
    for places in itertools.product(*(range(a.length) for a in axes)):
        at = dict(zip(axes, places, strict=True))
        yield places, to_sympy(found.result.expr, at, letters)


def letters_of(found, letters: Collection[str] = ()) -> dict[str, Any]:
    """Every letter that has a value of its own, as an array of symbols, with its quantity."""
    pending = [found.start.expr, found.result.expr, found.wrt.expr, found.output.expr]
    seen: dict[str, Any] = {}
    while pending:
        for leaf in distinct(pending.pop()):
            if not isinstance(leaf, Leaf) or leaf.quantity.name in seen:
                continue
            quantity = leaf.quantity
            if quantity.definition is None or quantity.name in letters:
                seen[quantity.name] = quantity
            else:
                pending.append(quantity.definition)
    return seen


def array_of(quantity) -> Any:
    """The symbols of a letter, in its shape."""
    shape = np.shape(quantity.value)
    array = np.empty(shape, dtype=object)
    for places in np.ndindex(shape):
        own = tuple(p for p, axis in zip(places, quantity.axes, strict=True) if axis is not None)
        array[places] = symbol(quantity.name, own)
    return array if shape else array.item()
