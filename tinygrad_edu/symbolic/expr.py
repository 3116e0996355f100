"""Expressions of the algebra: products, sums and functions over labelled axes.

An axis is a label (an index with a range), so an expression is what its entry at given indices
is: a_k y_k, Σ_k y_k, e^(z_k). Spreading, reshaping and keeping axes leave no trace, and a matrix
product is a sum of a product.

Order, signs and the arithmetic of numbers are part of the form and happen silently. What a reader
wants to see happen (equal factors that cancel, like terms that add up) is left for the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Union

import numpy as np

from tinygrad_edu.core.op import Op

__all__ = [
    "Apply",
    "Delta",
    "Dimension",
    "Expr",
    "Label",
    "Leaf",
    "Number",
    "Opaque",
    "Product",
    "Quantity",
    "Sum",
    "Total",
    "Environment",
    "number",
    "parts",
    "power",
    "product",
    "quantities_in",
    "rename",
    "sum_over",
    "total",
]


class Label:
    """An index: the name of an axis wherever it occurs, with the length it has in the data.

    Two labels can share one range (a row and a column of the same matrix): `range` is the label
    that stands for both.
    """

    __slots__ = ("fixed", "letter", "length", "range")

    def __init__(self, letter: str, length: int, same_range_as: Label | None = None) -> None:
        self.letter = letter
        self.length = length
        self.fixed = False  # an attribute or an index array depends on this length
        self.range = same_range_as.range if same_range_as else self

    def __repr__(self) -> str:
        return f"<{self.letter}:{self.length}>"


class Quantity:
    """What a letter stands for: an array of the graph, its axes, and what is known of it.

    `axes` has one label per axis of the array, None where the length is 1. A named intermediate
    has a `definition`; all else has a `value`.
    """

    __slots__ = ("axes", "definition", "latex", "name", "rank", "sign", "value")

    def __init__(
        self,
        name: str,
        axes: tuple[Label | None, ...] = (),
        value: Any = None,
        *,
        definition: Expr | None = None,
        sign: str = "",
        latex: str | None = None,
        rank: int = 0,
    ) -> None:
        self.name, self.axes, self.value = name, axes, value
        self.definition, self.sign, self.latex, self.rank = definition, sign, latex, rank

    @property
    def leaf(self) -> Leaf:
        """The quantity as an expression, on its own axes."""
        return Leaf(self, tuple(axis for axis in self.axes if axis is not None))

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Expr:
    """A value with a structure: equal expressions compare and hash equal.

    Attributes
    ----------
    key : tuple
        The kind and its parts; two expressions are equal if their keys are.
    labels : frozenset of Label
        The free indices.
    size : int
        How much there is to read: leaves, functions, powers, sums and numbers count one each.
    """

    __slots__ = ("_hash", "key", "labels", "size")

    key: tuple[Any, ...]
    labels: frozenset[Label]
    size: int

    def _set(self, key: tuple[Any, ...], labels: Iterable[Label], size: int) -> None:
        self.key = key
        self.labels = frozenset(labels)
        self.size = size
        self._hash = hash((type(self).__name__, key))

    @property
    def children(self) -> tuple[Expr, ...]:
        """The expressions directly inside."""
        return ()

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Make the same kind of expression of other children."""
        return self

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            type(self) is type(other)
            and self._hash == other._hash  # type: ignore[attr-defined]  # same type, so it has one
            and self.key == other.key  # type: ignore[attr-defined]
        )

    def walk(self) -> Iterator[Expr]:
        """Yield this expression and all inside it, outermost first."""
        pending = [self]
        while pending:
            expr = pending.pop()
            yield expr
            pending.extend(reversed(expr.children))

    def __repr__(self) -> str:
        from tinygrad_edu.symbolic.notation import text

        return text(self)


class Number(Expr):
    """A rational number."""

    __slots__ = ("value",)

    def __init__(self, value: Fraction) -> None:
        self.value = value
        self._set((value,), (), 1)


class Leaf(Expr):
    """A quantity, at given indices."""

    __slots__ = ("axes", "quantity")

    def __init__(self, quantity: Quantity, axes: tuple[Label, ...]) -> None:
        self.quantity, self.axes = quantity, axes
        self._set((quantity, axes), axes, 1)


class Dimension(Expr):
    """The length of a range, such as N or K."""

    __slots__ = ("label",)

    def __init__(self, label: Label) -> None:
        self.label = label.range
        self._set((label.range,), (), 1)


class Delta(Expr):
    """Kronecker's δ: 1 where two indices are equal, else 0."""

    __slots__ = ("axes",)

    def __init__(self, one: Label, other: Label) -> None:
        self.axes = tuple(sorted((one, other), key=id))
        self._set(self.axes, self.axes, 1)


class Apply(Expr):
    """A function applied entry by entry."""

    __slots__ = ("args", "attributes", "op")

    def __init__(self, op: Op, args: tuple[Expr, ...], attributes: Mapping[str, Any]) -> None:
        self.op, self.args, self.attributes = op, args, attributes
        labels = frozenset().union(*(a.labels for a in args))
        size = 1 + sum(a.size for a in args)
        self._set((op, args, tuple(sorted(attributes.items()))), labels, size)

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.args

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Apply(self.op, children, self.attributes)


class Opaque(Expr):
    """An operation on whole arrays that is kept as it is.

    `inside` names, for each argument, the label of each axis of its array (None for length 1);
    these are bound. `axes` names those of the result.
    """

    __slots__ = ("args", "attributes", "axes", "inside", "op")

    def __init__(
        self,
        op: Op,
        args: tuple[Expr, ...],
        attributes: Mapping[str, Any],
        inside: tuple[tuple[Label | None, ...], ...],
        axes: tuple[Label | None, ...],
    ) -> None:
        self.op, self.args, self.attributes = op, args, attributes
        self.inside, self.axes = inside, axes
        free = [axis for axis in axes if axis is not None]
        key = (op, args, tuple(sorted(attributes.items())), inside, axes)
        self._set(key, free, 1 + sum(a.size for a in args))

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.args

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return Opaque(self.op, children, self.attributes, self.inside, self.axes)


class Sum(Expr):
    """Σ over one index, which it binds."""

    __slots__ = ("body", "label")

    def __init__(self, label: Label, body: Expr) -> None:
        self.label, self.body = label, body
        self._set((label, body), body.labels - {label}, 1 + body.size)

    @property
    def children(self) -> tuple[Expr, ...]:
        return (self.body,)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return sum_over((self.label,), children[0])


Factor = tuple[Expr, Fraction]


class Product(Expr):
    """A coefficient times powers; equal bases need not be joined yet."""

    __slots__ = ("coefficient", "factors")

    def __init__(self, coefficient: Fraction, factors: tuple[Factor, ...]) -> None:
        self.coefficient, self.factors = coefficient, factors
        labels = frozenset().union(*(base.labels for base, _ in factors))
        size = sum(base.size + (abs(exponent) != 1) for base, exponent in factors)
        size += len(factors) - 1 + (abs(coefficient) != 1)
        self._set((coefficient, factors), labels, size)

    @property
    def children(self) -> tuple[Expr, ...]:
        return tuple(base for base, _ in self.factors)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        exponents = (exponent for _, exponent in self.factors)
        return product(self.coefficient, zip(children, exponents, strict=True))


class Total(Expr):
    """A sum of terms; like terms need not be joined yet."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[Expr, ...]) -> None:
        self.terms = terms
        labels = frozenset().union(*(t.labels for t in terms))
        self._set((terms,), labels, sum(t.size for t in terms) + len(terms) - 1)

    @property
    def children(self) -> tuple[Expr, ...]:
        return self.terms

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        return total(children)


# --- making them: order, signs and numbers take care of themselves ------------------------------

Numeric = Union[int, float, Fraction]


def number(value: Numeric) -> Number:
    """Return a number; a float counts as the decimal it prints as."""
    if isinstance(value, float):
        return Number(Fraction(repr(value)))
    return Number(Fraction(value))


def product(coefficient: Numeric, factors: Iterable[Factor]) -> Expr:
    """Multiply a number and powers."""
    coefficient = Fraction(coefficient)
    flat: list[Factor] = []
    for base, exponent in factors:
        if isinstance(base, Product) and exponent.denominator == 1:
            coefficient *= base.coefficient ** int(exponent)
            flat.extend((inner, power * exponent) for inner, power in base.factors)
        elif isinstance(base, Number) and _exact_power(base.value, exponent):
            coefficient *= base.value ** int(exponent)
        elif exponent:
            flat.append((base, exponent))
    if coefficient == 0 or not flat:
        return Number(coefficient)
    if coefficient == 1 and len(flat) == 1 and flat[0][1] == 1:
        return flat[0][0]
    flat.sort(key=_factor_order)
    return Product(coefficient, tuple(flat))


def _exact_power(value: Fraction, exponent: Fraction) -> bool:
    return exponent.denominator == 1 and (value != 0 or exponent > 0)


def power(base: Expr, exponent: Numeric) -> Expr:
    """Raise to a rational power."""
    return product(1, [(base, Fraction(exponent))])


def total(terms: Iterable[Expr]) -> Expr:
    """Add terms."""
    flat: list[Expr] = []
    constant = Fraction(0)
    pending = list(terms)[::-1]
    while pending:
        term = pending.pop()
        if isinstance(term, Total):
            pending.extend(reversed(term.terms))
        elif isinstance(term, Number):
            constant += term.value
        else:
            flat.append(term)
    if constant or not flat:
        flat.append(Number(constant))
    if len(flat) == 1:
        return flat[0]
    flat.sort(key=_term_order)
    return Total(tuple(flat))


def sum_over(labels: Iterable[Label], body: Expr) -> Expr:
    """Sum over indices; the order of neighbouring sums is that of their letters."""
    labels = list(labels)
    while isinstance(body, Sum):
        labels.append(body.label)
        body = body.body
    if isinstance(body, Number) and body.value == 0:
        return body
    for label in sorted(labels, key=lambda label: label.letter, reverse=True):
        body = Sum(label, body)
    return body


_KINDS = (Number, Dimension, Leaf, Delta, Apply, Product, Opaque, Sum, Total)
_RANK = {kind: rank for rank, kind in enumerate(_KINDS)}


def order(expr: Expr) -> tuple[Any, ...]:
    """Return a key that sorts expressions the same way in every run."""
    if isinstance(expr, Leaf):
        parts: tuple[Any, ...] = (expr.quantity.name, "".join(a.letter for a in expr.axes))
    elif isinstance(expr, Dimension):
        parts = (expr.label.letter, "")
    elif isinstance(expr, Number):
        parts = ("", expr.value)
    elif isinstance(expr, Apply | Opaque):
        parts = (expr.op.name, tuple(order(a) for a in expr.args))
    elif isinstance(expr, Product):
        parts = ("", (tuple(_factor_order(f) for f in expr.factors), expr.coefficient))
    elif isinstance(expr, Sum):
        parts = (expr.label.letter, order(expr.body))
    elif isinstance(expr, Delta):
        parts = ("", tuple(sorted(a.letter for a in expr.axes)))
    else:
        parts = ("", tuple(order(t) for t in expr.children))
    return (_RANK[type(expr)], expr.size, parts)


def _factor_order(factor: Factor) -> tuple[Any, ...]:
    base, exponent = factor
    return (exponent < 0, order(base), exponent)


def _term_order(term: Expr) -> tuple[Any, ...]:
    negative = isinstance(term, Product) and term.coefficient < 0
    if isinstance(term, Number):
        return (term.value < 0, order(term))
    if isinstance(term, Product):
        return (negative, (_RANK[Leaf], term.size, ("", order(term))))
    return (negative, order(term))


def rename(expr: Expr, labels: Mapping[Label, Label]) -> Expr:
    """Replace free indices."""
    if not expr.labels & labels.keys():
        return expr
    if isinstance(expr, Leaf):
        return Leaf(expr.quantity, tuple(labels.get(a, a) for a in expr.axes))
    if isinstance(expr, Delta):
        one, other = (labels.get(a, a) for a in expr.axes)
        return Number(Fraction(1)) if one is other else Delta(one, other)
    if isinstance(expr, Opaque):
        axes = tuple(labels.get(a, a) if a is not None else None for a in expr.axes)
        return Opaque(expr.op, expr.args, expr.attributes, expr.inside, axes)
    if isinstance(expr, Sum):
        labels = {old: new for old, new in labels.items() if old is not expr.label}
        if expr.label in labels.values():  # the new index would be caught by this sum
            fresh = Label(expr.label.letter, expr.label.length, expr.label)
            return Sum(fresh, rename(expr.body, {**labels, expr.label: fresh}))
    return expr.rebuild(tuple(rename(child, labels) for child in expr.children))


# --- evaluating -----------------------------------------------------------------------------------

Valued = tuple[Any, tuple[Label, ...]]


class Environment:
    """Where expressions are evaluated: arrays for quantities, lengths for labels.

    Without arrays it is the recorded data, named intermediates included; with arrays these are
    computed again from their definitions.
    """

    def __init__(
        self,
        arrays: Mapping[Quantity, Any] | None = None,
        lengths: Mapping[Label, int] | None = None,
    ) -> None:
        self.recorded = arrays is None
        self.arrays = dict(arrays or {})
        self.lengths = lengths or {}
        self._seen: dict[Expr, Valued] = {}

    def length(self, label: Label) -> int:
        """Length of a label's range here."""
        return self.lengths.get(label.range, label.range.length)

    def value(self, expr: Expr) -> Valued:
        """Return an array and the label of each of its axes."""
        found = self._seen.get(expr)
        if found is None:
            found = self._seen[expr] = self._compute(expr)
        return found

    def _compute(self, expr: Expr) -> Valued:
        if isinstance(expr, Number):
            return np.float64(expr.value), ()
        if isinstance(expr, Dimension):
            return np.float64(self.length(expr.label)), ()
        if isinstance(expr, Leaf):
            return self._leaf(expr)
        if isinstance(expr, Delta):
            return np.eye(self.length(expr.axes[0])), tuple(expr.axes)
        if isinstance(expr, Sum | Product):
            return self._contract(expr)
        if isinstance(expr, Opaque):
            arrays = [
                self.array(argument, axes)
                for argument, axes in zip(expr.args, expr.inside, strict=True)
            ]
            out = np.asarray(_run(expr.op, arrays, expr.attributes))
            kept = tuple(slice(None) if axis is not None else 0 for axis in expr.axes)
            return out[kept], tuple(axis for axis in expr.axes if axis is not None)
        labels = tuple(sorted(expr.labels, key=lambda label: (label.letter, id(label))))
        arrays = [_aligned(*self.value(child), labels) for child in expr.children]
        if isinstance(expr, Total):
            return sum(arrays[1:], start=arrays[0]), labels
        assert isinstance(expr, Apply)
        return _run(expr.op, arrays, expr.attributes), labels

    def _leaf(self, leaf: Leaf) -> Valued:
        quantity = leaf.quantity
        if quantity not in self.arrays:
            if quantity.definition is None or (self.recorded and quantity.value is not None):
                self.arrays[quantity] = quantity.value
            else:
                self.arrays[quantity] = self.array(quantity.definition, quantity.axes)
        array = np.asarray(self.arrays[quantity])
        kept = tuple(slice(None) if axis is not None else 0 for axis in quantity.axes)
        array = array[kept]
        if len(set(leaf.axes)) == len(leaf.axes):
            return array, leaf.axes
        once = tuple(dict.fromkeys(leaf.axes))  # x_kk is the diagonal
        places = {label: i for i, label in enumerate(once)}
        return np.einsum(array, [places[a] for a in leaf.axes], [*places.values()]), once

    def _contract(self, expr: Expr) -> Valued:
        """Multiply and sum in one einsum, so that no array over all indices is made."""
        bound: list[Label] = []
        while isinstance(expr, Sum):
            bound.append(expr.label)
            expr = expr.body
        coefficient, factors = parts(expr)
        operands: list[Any] = []
        numbers = {label: i for i, label in enumerate({*expr.labels, *bound})}
        present: set[Label] = set()
        scale = np.float64(coefficient)
        for base, exponent in factors:
            array, labels = self.value(base)
            array = _power(array, exponent)
            if labels:
                operands += [array, [numbers[label] for label in labels]]
                present.update(labels)
            else:
                scale = scale * array
        for label in bound:
            if label not in present:
                scale = scale * self.length(label)
        free = tuple(
            sorted(present - set(bound), key=lambda label: (label.letter, id(label)))
        )
        if not operands:
            return scale, ()
        out = np.einsum(*operands, [numbers[label] for label in free], optimize=len(operands) > 4)
        return out * scale, free

    def array(self, expr: Expr, axes: Iterable[Label | None]) -> Any:
        """Evaluate to an array with the axes asked for; where it has no such index it repeats."""
        axes = tuple(axes)
        value, labels = self.value(expr)
        wanted = tuple(axis for axis in axes if axis is not None)
        value = _aligned(value, labels, wanted)
        shape = tuple(self.length(axis) for axis in wanted)
        value = np.broadcast_to(value, shape)
        return value.reshape(tuple(1 if a is None else self.length(a) for a in axes))


def quantities_in(exprs: Iterable[Expr]) -> list[Quantity]:
    """Return the quantities with a value of their own that expressions are made of."""
    found: dict[Quantity, None] = {}
    pending = list(exprs)
    seen: set[Quantity] = set()
    while pending:
        for leaf in pending.pop().walk():
            if isinstance(leaf, Leaf) and leaf.quantity not in seen:
                seen.add(leaf.quantity)
                if leaf.quantity.definition is None:
                    found[leaf.quantity] = None
                else:
                    pending.append(leaf.quantity.definition)
    return list(found)


def parts(expr: Expr) -> tuple[Fraction, tuple[Factor, ...]]:
    """Return any expression as a coefficient and factors."""
    if isinstance(expr, Product):
        return expr.coefficient, expr.factors
    if isinstance(expr, Number):
        return expr.value, ()
    return Fraction(1), ((expr, Fraction(1)),)


def _power(array: Any, exponent: Fraction) -> Any:
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    if exponent == 1:
        return array
    return array ** (int(exponent) if exponent.denominator == 1 else float(exponent))


def _aligned(array: Any, labels: tuple[Label, ...], wanted: tuple[Label, ...]) -> Any:
    """Order axes as wanted, with length 1 where an index is missing."""
    if labels == wanted:
        return array
    places = [labels.index(label) for label in wanted if label in labels]
    array = np.transpose(array, places)
    index = tuple(slice(None) if label in labels else None for label in wanted)
    return array[index]


def _run(op: Op, arrays: list[Any], attributes: Mapping[str, Any]) -> Any:
    out = op.forward(*(np.asarray(a) for a in arrays), **attributes)
    return out[0] if op.saved is not None else out
