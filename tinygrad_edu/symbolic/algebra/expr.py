"""Expressions of the algebra: products, sums and functions over indexed axes.

An axis is an index (an index with a range), so an expression is what its entry at given indices
is: a_k y_k, Σ_k y_k, e^(z_k). Spreading, reshaping and keeping axes leave no trace, and a matrix
product is a sum of a product.

Order, signs and the arithmetic of numbers are part of the form and happen silently. What a reader
wants to see happen (equal factors that cancel, like terms that add up) is left for the rules.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar

from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import REGISTRY, Op

__all__ = [
    "KINDS",
    "Add",
    "Apply",
    "Delta",
    "Dimension",
    "Expr",
    "Index",
    "Leaf",
    "Mul",
    "Number",
    "Opaque",
    "Placed",
    "Quantity",
    "Renamed",
    "Sum",
    "applied",
    "call_of",
    "constant",
    "distinct",
    "divided",
    "letters_in",
    "meaning_of",
    "minuses",
    "named_axes",
    "number",
    "opposite",
    "ops_in",
    "parts",
    "power",
    "powers_of",
    "product",
    "quantities_in",
    "rename",
    "replace",
    "sum_over",
    "terms_of",
    "total",
]


_serial = itertools.count()


class Index:
    """An index: the name of an axis wherever it occurs, with the length it has in the data.

    Two indices can share one range (a row and a column of the same matrix): `range` is the index
    that stands for both. An index with a `place` is no index but one entry of the range, as in z₁.
    `source` is a recorded Tensor with this range, and the place of the axis, where there is one;
    `called` is the letter of the length, N for an index n where nothing else is called N.
    """

    def __init__(
        self,
        letter: str,
        length: int,
        same_range_as: Index | None = None,
        *,
        place: int | None = None,
    ) -> None:
        self.letter, self.length, self.place = letter, length, place
        self.serial = next(_serial)
        self.fixed = False  # an attribute, an index or an index array depends on this length
        self._range: Index = same_range_as.range if same_range_as else self
        self.source: tuple[Any, int] | None = None
        self._called = ""
        self._entries: dict[int, Index] = {}
        self._family: list[Index] = []  # of a range: what `fresh` chooses from
        self.repeated = False  # of a range: whether arrays have several indices of it

    @property
    def range(self) -> Index:
        """The index that stands for the range."""
        found = self._range
        while found._range is not found:
            found = found._range
        return found

    @property
    def called(self) -> str:
        """The letter of the length of the range."""
        return self.range._called or self.range.letter.upper()

    @called.setter
    def called(self, letter: str) -> None:
        self.range._called = letter

    def share(self, other: Index) -> None:
        """Let all indices of this range run over that of another one as well."""
        old, new = self.range, other.range
        if old is not new:
            new.fixed = new.fixed or old.fixed
            old._range = new

    def repeat(self) -> None:
        """Say that this index is one of several of its range, in arrays of the graph."""
        self.range.repeated = True
        self.range._family.append(self)

    def fresh(self, taken: Collection[Index]) -> Index:
        """Return another index of the range, always the first that is not taken.

        So two sums that were given other indices for the same reason are still equal.
        """
        family = self.range._family
        found = next((index for index in family if index not in taken), None)
        if found is None:
            found = Index(self.letter, self.length, self)
            family.append(found)
        return found

    def at(self, place: int) -> Index:
        """Return the entry of the range at a place; the range keeps its length from now on."""
        found = self.range._entries.get(place)
        if found is None:
            found = Index(str(place), self.length, self, place=place)
            self.range._entries[place] = found
            self.range.fixed = True
        return found

    @property
    def order(self) -> tuple[str, int]:
        """What indices are sorted by: their letters, and older ones first."""
        return self.letter, self.serial

    def __repr__(self) -> str:
        return f"<{self.letter}:{self.length}>"


@dataclass(eq=False, slots=True)
class Quantity:
    """What a letter stands for: an array of the graph, its axes, and what is known of it.

    `axes` has one index per axis of the array, None where the length is 1. A named intermediate
    has a `definition`; all else has a `value`. `source` is what was recorded: a Tensor, a constant
    array, or the call of an operation that was opened; `call` is that call as it is written.
    `note` says what a letter is that the user did not choose, such as g; `beside` holds the names
    that are in use where it stands.
    """

    name: str
    axes: tuple[Index | None, ...] = ()
    value: Any = None
    _: KW_ONLY
    definition: Expr | None = None
    sign: str = ""
    latex: str | None = None
    rank: int = 0
    source: Any = None
    note: str = ""
    call: Opaque | None = None
    beside: Collection[str] = ()

    @property
    def leaf(self) -> Leaf:
        """The quantity as an expression, on its own axes."""
        return Leaf(self, tuple(axis for axis in self.axes if axis is not None))

    def __repr__(self) -> str:
        return f"<{self.name}>"


class Expr(Node):
    """A value with a structure: equal expressions compare and hash equal.

    Operations and operators on it give expressions: ``1 - ops.exp(x) * y``.

    Attributes
    ----------
    key : tuple
        The kind and its parts; two expressions are equal if their keys are.
    indices : frozenset of Index
        The free indices.
    size : int
        How much there is to read: leaves, functions, powers, sums and numbers count one each.
    depth : int
        How far it is nested.
    children : tuple of Expr
        The expressions directly inside.
    picked : bool
        Whether an array stands at an entry, in it or in what names in it stand for.
    """

    __slots__ = (
        "_forms",
        "_hash",
        "_ops",
        "_order",
        "children",
        "depth",
        "indices",
        "key",
        "picked",
        "size",
    )

    op: Op | None = None  # of a call
    key: tuple[Any, ...]
    indices: frozenset[Index]
    size: int
    depth: int
    children: tuple[Expr, ...]
    picked: bool
    _hash: int
    _order: tuple[Any, ...] | None
    _ops: frozenset[Op] | None
    _forms: dict[tuple[Any, ...], Any] | None  # how it is written, as `notation` remembers it

    def _set(
        self,
        key: tuple[Any, ...],
        indices: frozenset[Index],
        size: int,
        children: tuple[Expr, ...] = (),
        *,
        picked: bool = False,
    ) -> None:
        depth = 0
        for child in children:  # of a million expressions: loops are faster than generators
            depth = max(depth, child.depth)
            picked = picked or child.picked
        self.key, self.indices, self.size, self.children = key, indices, size, children
        self.depth, self.picked = depth + 1, picked
        self._hash = hash((type(self).__name__, key))
        self._order = self._ops = self._forms = None

    @classmethod
    def record(cls, op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Expr:
        """Apply an operation entry by entry: arithmetic in the algebra's own terms."""
        exprs = tuple(a if isinstance(a, Expr) else constant(a) for a in args)
        return applied(op, exprs, attributes)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Make the same kind of expression of other children."""
        return self

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Expr):
            return False
        if self._hash != other._hash:
            return False
        if self.key is not other.key:
            if self.key != other.key:
                return False
            self.key = other.key  # so that it need not be compared part by part again
        return True

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __reduce__(self) -> Any:  # made again: hashes hold in one process alone
        values = {name: getattr(self, name) for name in type(self).__slots__}
        parts = {k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}
        return partial(type(self), **parts), ()

    def walk(self) -> Iterator[Expr]:
        """Yield this expression and all inside it, outermost first."""
        pending = [self]
        while pending:
            expr = pending.pop()
            yield expr
            pending.extend(reversed(expr.children))

    #: How one is written: `notation`, which stands above, says it.
    written: ClassVar[Callable[..., str]] = object.__repr__

    def __repr__(self) -> str:
        return self.written()


class Number(Expr):
    """A rational number."""

    __slots__ = ("value",)

    def __init__(self, value: Fraction) -> None:
        self.value = value
        self._set((value,), frozenset(), 1)


class Placed(Expr):
    """What has entries, and stands at the indices `axes`."""

    __slots__ = ()

    axes: tuple[Index | None, ...]

    def at(self, axes: tuple[Any, ...]) -> Expr:
        """Return the same at other indices."""
        raise NotImplementedError


def _running(axes: Iterable[Index | None]) -> frozenset[Index]:
    """Return the axes that are indices, and no entries."""
    return frozenset([axis for axis in axes if axis is not None and axis.place is None])


def _at_entries(axes: Iterable[Index]) -> bool:
    return any(axis.place is not None for axis in axes)


class Leaf(Placed):
    """A quantity, at given indices."""

    __slots__ = ("axes", "quantity")

    axes: tuple[Index, ...]

    def __init__(self, quantity: Quantity, axes: tuple[Index, ...]) -> None:
        self.quantity, self.axes = quantity, axes
        named = quantity.definition is not None and quantity.definition.picked
        self._set((quantity, axes), _running(axes), 1, picked=named or _at_entries(axes))

    def at(self, axes: tuple[Index, ...]) -> Leaf:
        """Return the quantity at other indices."""
        return Leaf(self.quantity, axes)


class Dimension(Expr):
    """The length of a range, such as N or K."""

    __slots__ = ("index",)

    def __init__(self, index: Index) -> None:
        self.index = index.range
        self._set((index.range,), frozenset(), 1)


class Delta(Placed):
    """Kronecker's δ: 1 where two indices are equal, else 0."""

    __slots__ = ("axes",)

    axes: tuple[Index, ...]

    def __init__(self, one: Index, other: Index) -> None:
        self.axes = tuple(sorted((one, other), key=lambda index: index.serial))
        self._set(self.axes, _running(self.axes), 1, picked=_at_entries(self.axes))

    def __reduce__(self) -> Any:
        return Delta, self.axes

    def at(self, axes: tuple[Index, ...]) -> Expr:
        """Return δ of two indices; it is a number for two entries, or for an index and itself."""
        one, other = axes
        if one is other or (one.place is not None and other.place is not None):
            return Number(Fraction(one is other))
        return Delta(one, other)


class Apply(Expr):
    """A function applied entry by entry."""

    __slots__ = ("args", "attributes", "op")

    op: Op
    args: tuple[Expr, ...]

    def __init__(self, op: Op, args: tuple[Expr, ...], attributes: Mapping[str, Any]) -> None:
        self.op, self.args, self.attributes = op, args, attributes
        indices = frozenset().union(*[a.indices for a in args])
        size = 1 + sum([a.size for a in args])
        self._set((op, args, tuple(sorted(attributes.items()))), indices, size, args)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Apply the function to other arguments; a power to a number is one of a product."""
        return applied(self.op, children, self.attributes)


class Opaque(Placed):
    """An operation on whole arrays that is kept as it is.

    `inside` names, for each argument, the index of each axis of its array (None for length 1);
    these are bound. `axes` names those of the result.
    """

    __slots__ = ("args", "attributes", "axes", "inside", "op")

    op: Op
    args: tuple[Expr, ...]

    def __init__(
        self,
        op: Op,
        args: tuple[Expr, ...],
        attributes: Mapping[str, Any],
        inside: tuple[tuple[Index | None, ...], ...],
        axes: tuple[Index | None, ...],
    ) -> None:
        self.op, self.args, self.attributes = op, args, attributes
        self.inside, self.axes = inside, axes
        free = [axis for axis in axes if axis is not None]
        key = (op, args, tuple(sorted(attributes.items())), inside, axes)
        size = 1 + sum(a.size for a in args)
        self._set(key, _running(free), size, args, picked=_at_entries(free))

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Apply the operation to other arguments."""
        return Opaque(self.op, children, self.attributes, self.inside, self.axes)

    def at(self, axes: tuple[Index | None, ...]) -> Opaque:
        """Return the result at other indices."""
        return Opaque(self.op, self.args, self.attributes, self.inside, axes)


class Sum(Expr):
    """Σ over one index, which it binds."""

    __slots__ = ("body", "index")

    def __init__(self, index: Index, body: Expr) -> None:
        self.index, self.body = index, body
        self._set((index, body), body.indices - {index}, 1 + body.size, (body,))

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Sum something else."""
        return sum_over((self.index,), children[0])


Factor = tuple[Expr, Fraction]


def _is_unit(value: Fraction) -> bool:
    """Whether a number is 1 or −1."""
    return value is _ONE or (value.denominator == 1 and value.numerator in {1, -1})


class Mul(Expr):
    """A coefficient times powers; equal bases need not be joined yet."""

    __slots__ = ("coefficient", "factors")

    def __init__(self, coefficient: Fraction, factors: tuple[Factor, ...]) -> None:
        self.coefficient, self.factors = coefficient, factors
        bases = tuple([base for base, _ in factors])
        indices = frozenset().union(*[base.indices for base in bases])
        size = len(factors) - 1 + (not _is_unit(coefficient))
        for base, exponent in factors:
            size += base.size + (not _is_unit(exponent))
        self._set((coefficient, factors), indices, size, bases)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Multiply the powers of other bases."""
        exponents = (exponent for _, exponent in self.factors)
        return product(self.coefficient, zip(children, exponents, strict=True))


class Add(Expr):
    """A sum of terms; like terms need not be joined yet."""

    __slots__ = ("terms",)

    def __init__(self, terms: tuple[Expr, ...]) -> None:
        self.terms = terms
        indices = frozenset().union(*[t.indices for t in terms])
        self._set((terms,), indices, sum([t.size for t in terms]) + len(terms) - 1, terms)

    def rebuild(self, children: tuple[Expr, ...]) -> Expr:
        """Add other terms."""
        return total(children)


# --- making them: order, signs and numbers take care of themselves ------------------------------

Numeric = int | float | Fraction

#: Numbers are raised to no higher power than this: 0.3^1000 is better left as it is.
MAX_POWER = 64


#: Comparing fractions is slow, unless they are the same object.
_SHARED = {n: Fraction(n) for n in range(-4, 5)}


def _shared(value: Fraction) -> Fraction:
    """Return the one object that stands for a small whole number."""
    return _SHARED.get(value.numerator, value) if value.denominator == 1 else value


def _fraction(value: Numeric) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(value)


_ONE = _SHARED[1]
HALF = Fraction(1, 2)

#: A float that is a decimal with fewer digits than this was written so, and not computed.
LONGEST_DECIMAL = 10**12


def number(value: Numeric) -> Number:
    """Return a number; a float counts as the short fraction or the decimal that it stands for."""
    if isinstance(value, Fraction):
        return Number(_shared(value))
    if not isinstance(value, float):
        return Number(Fraction(value))
    decimal = Fraction(repr(float(value)))
    short = decimal.limit_denominator(1000)
    # An exponent computed as 1 - 1/3 is two thirds, though it misses the nearest float by one.
    return Number(short if math.isclose(short, value, rel_tol=4e-16, abs_tol=0) else decimal)


def constant(value: Numeric) -> Expr:
    """Return a number, or the root of a short fraction where that is what it was computed as.

    A float that is no short decimal, and whose square misses a short fraction by rounding alone.
    """
    found = number(value)
    if found.value.denominator <= LONGEST_DECIMAL or not isinstance(value, float):
        return found
    square = value * value
    short = Fraction(square).limit_denominator(1000) if square < 1e6 else Fraction(0)
    if not math.isclose(short, square, rel_tol=1e-15, abs_tol=0):
        return found
    sides = [
        (Number(Fraction(short.numerator)), HALF),
        (Number(Fraction(short.denominator)), -HALF),
    ]
    return product(math.copysign(1, value), [(n, p) for n, p in sides if n.value != 1])


def product(coefficient: Numeric, factors: Iterable[Factor]) -> Expr:
    """Multiply a number and powers."""
    scale = _fraction(coefficient)
    flat: list[Factor] = []
    for base, exponent in factors:
        if not exponent.numerator:
            continue
        if isinstance(base, Mul) and _exact_power(base.coefficient, exponent):
            scale *= base.coefficient ** int(exponent)
            flat.extend((inner, _shared(power * exponent)) for inner, power in base.factors)
        elif isinstance(base, Number) and _exact_power(base.value, exponent):
            scale *= base.value ** int(exponent)
        elif isinstance(base, Add) and exponent.denominator == 1 and _is_negated(base):
            scale *= _SHARED[-1] ** int(exponent)  # x·(−y − z) is −x·(y + z)
            flat.append((total(map(_negated, base.terms)), _shared(exponent)))
        else:
            flat.append((base, _shared(exponent)))
    scale = _shared(scale)
    if not scale.numerator or not flat:
        return Number(scale)
    if len(flat) > 1:
        flat.sort(key=_factor_order)
    elif scale is _ONE and flat[0][1] is _ONE:
        return flat[0][0]
    return Mul(scale, tuple(flat))


def _negated(expr: Expr) -> Expr:
    return product(_SHARED[-1], [(expr, _ONE)])


def opposite(expr: Expr) -> Expr:
    """Return −x, term by term."""
    return total(map(_negated, terms_of(expr)))


def terms_of(expr: Expr) -> tuple[Expr, ...]:
    """Return any expression as terms."""
    return expr.terms if isinstance(expr, Add) else (expr,)


def minuses(terms: Iterable[Expr]) -> int:
    """Count the terms that have a minus."""
    return sum(parts(term)[0].numerator < 0 for term in terms)


def _is_negated(expr: Add) -> bool:
    """Whether every term has a minus."""
    return all(parts(term)[0].numerator < 0 for term in expr.terms)


def _exact_power(value: Fraction, exponent: Fraction) -> bool:
    """Whether a power of a number is a number that can be written down."""
    return exponent.denominator == 1 and (
        _is_unit(value)
        or (
            abs(exponent.numerator) <= MAX_POWER
            and (value.numerator != 0 or exponent.numerator > 0)
        )
    )


def power(base: Expr, exponent: Numeric) -> Expr:
    """Raise to a rational power."""
    return product(_ONE, [(base, _fraction(exponent))])


def total(terms: Iterable[Expr]) -> Expr:
    """Add terms."""
    flat: list[Expr] = []
    constant = Fraction(0)
    pending = list(terms)[::-1]
    while pending:
        term = pending.pop()
        if isinstance(term, Add):
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
    return Add(tuple(flat))


def sum_over(indices: Iterable[Index], body: Expr) -> Expr:
    """Sum over indices; the order of neighbouring sums is that of their letters."""
    indices = list(indices)
    while isinstance(body, Sum):
        indices.append(body.index)
        body = body.body
    if isinstance(body, Number) and body.value == 0:
        return body
    for index in sorted(indices, key=lambda index: index.order, reverse=True):
        bound = index
        if index.range.repeated:  # sums that differ in the name of their index are one
            bound = index.fresh(body.indices - {index})
            body = rename(body, {index: bound}) if bound is not index else body
        body = Sum(bound, body)
    return body


def applied(op: Op, args: tuple[Expr, ...], attributes: Mapping[str, Any]) -> Expr:
    """Apply an operation entry by entry: arithmetic in the algebra's own terms."""
    arithmetic = _ARITHMETIC.get(op.name)
    found = None if arithmetic is None else arithmetic(*args)
    return Apply(op, args, attributes) if found is None else found


def _log(x: Expr) -> Expr:
    return Apply(REGISTRY["log"], (x,), {})


#: What operations are in sums, products and powers; None where they are none of these.
_ARITHMETIC: dict[str, Callable[..., Expr | None]] = {
    "add": lambda x, y: total((x, y)),
    "subtract": lambda x, y: total((x, _negated(y))),
    "negative": lambda x: _negated(x),
    "multiply": lambda x, y: product(_ONE, ((x, _ONE), (y, _ONE))),
    "divide": lambda x, y: product(_ONE, ((x, _ONE), (y, -_ONE))),
    "xdivy": lambda x, y: product(_ONE, ((x, _ONE), (y, -_ONE))),
    "power": lambda x, y: power(x, y.value) if isinstance(y, Number) else None,
    "sqrt": lambda x: power(x, HALF),
    "xlogy": lambda x, y: product(_ONE, ((x, _ONE), (_log(y), _ONE))),
}


KINDS = (Number, Dimension, Leaf, Delta, Apply, Mul, Opaque, Sum, Add)
_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


def order(expr: Expr) -> tuple[Any, ...]:
    """Return a key that sorts expressions the same way in every run."""
    if expr._order is None:
        expr._order = (_RANK[type(expr)], expr.size, _inner_order(expr))
    return expr._order


def _inner_order(expr: Expr) -> tuple[Any, ...]:
    if isinstance(expr, Leaf):
        letters = "".join(a.letter for a in expr.axes)
        parameter = not expr.axes and expr.quantity.definition is None
        return (not parameter, *_natural(expr.quantity.name), letters)  # λ·w, not w·λ
    if isinstance(expr, Dimension):
        return (expr.index.called,)
    if isinstance(expr, Number):
        return ("", expr.value)
    if isinstance(expr, Apply | Opaque):
        return (expr.op.name, tuple(order(a) for a in expr.args))
    if isinstance(expr, Mul):
        return ("", (tuple(_factor_order(f) for f in expr.factors), expr.coefficient))
    if isinstance(expr, Sum):
        return (expr.index.letter, order(expr.body))
    if isinstance(expr, Delta):
        return ("", tuple(sorted(a.letter for a in expr.axes)))
    return ("", tuple(order(t) for t in expr.children))


def _natural(name: str) -> tuple[str, int]:
    """Sort x2 before x10."""
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or -1)


def _factor_order(factor: Factor) -> tuple[Any, ...]:
    base, exponent = factor
    return (exponent.numerator < 0, order(base), exponent)


def _term_order(term: Expr) -> tuple[Any, ...]:
    negative = isinstance(term, Mul) and term.coefficient.numerator < 0
    if isinstance(term, Number):
        return (term.value.numerator < 0, order(term))
    if isinstance(term, Mul):
        # Among letters of its size, where products are read; before them, for it has no name.
        return (negative, (_RANK[Leaf], term.size, (True, "", -1, "", order(term))))
    return (negative, order(term))


#: What parts of expressions are with other indices.
Renamed = dict[tuple["Expr", frozenset[tuple[Index, Index]]], "Expr"]


def rename(expr: Expr, indices: Mapping[Index, Index], known: Renamed | None = None) -> Expr:
    """Replace free indices; what stands in several places, or is `known`, is looked at once."""
    done: Renamed = {} if known is None else known

    def inside(expr: Expr, indices: Mapping[Index, Index]) -> Expr:
        if not expr.indices & indices.keys():
            return expr
        if expr.depth == 1:
            return _renamed(expr, indices, inside)
        key = expr, frozenset(indices.items())
        if key not in done:
            done[key] = _renamed(expr, indices, inside)
        return done[key]

    return inside(expr, indices)


def _renamed(
    expr: Expr,
    indices: Mapping[Index, Index],
    inside: Callable[[Expr, Mapping[Index, Index]], Expr],
) -> Expr:
    if isinstance(expr, Placed):
        return expr.at(tuple(a if a is None else indices.get(a, a) for a in expr.axes))
    if isinstance(expr, Sum):
        indices = {old: new for old, new in indices.items() if old is not expr.index}
        if expr.index in indices.values():  # the new index would be caught by this sum
            fresh = expr.index.fresh({*expr.body.indices, *indices.values()})
            return sum_over((fresh,), inside(expr.body, {**indices, expr.index: fresh}))
    return expr.rebuild(tuple(inside(child, indices) for child in expr.children))


def call_of(leaf: Leaf) -> Expr | None:
    """Return the call of an opened operation that a letter stands for, at the letter's indices."""
    call = leaf.quantity.call
    if call is None:
        return None
    own = iter(leaf.axes)
    axes = [None if axis is None else next(own) for axis in call.axes]
    if not call.op.elementwise:
        return rename(call, {a: b for a, b in zip(call.axes, axes, strict=True) if a and b})
    args = []
    for arg, inside in zip(call.args, call.inside, strict=True):
        there = axes[len(axes) - len(inside) :]
        args.append(rename(arg, {a: b for a, b in zip(inside, there, strict=True) if a and b}))
    return Apply(call.op, tuple(args), call.attributes)


def meaning_of(expr: Expr) -> Expr | None:
    """Return what a name stands for, at its indices; None of what is no name."""
    if not isinstance(expr, Leaf) or expr.quantity.definition is None:
        return None
    own = expr.quantity.leaf.axes
    return rename(expr.quantity.definition, dict(zip(own, expr.axes, strict=True)))


def replace(expr: Expr, new: Mapping[Expr, Expr]) -> Expr:
    """Put other expressions for some, wherever they stand."""
    done = dict(new)
    shallowest = min((old.depth for old in new), default=0)

    def inside(expr: Expr) -> Expr:
        if expr.depth < shallowest:
            return expr
        found = done.get(expr)
        if found is None:
            children = expr.children
            changed = tuple(map(inside, children))
            same = all(a is b for a, b in zip(changed, children, strict=True))
            found = done[expr] = expr if same else expr.rebuild(changed)
        return found

    return inside(expr)


def ops_in(expr: Expr) -> frozenset[Op]:
    """Return the functions of entries in an expression, those that names stand for too."""
    if expr._ops is None:
        found = frozenset[Op]().union(*map(ops_in, expr.children))
        call = expr.quantity.source if isinstance(expr, Leaf) else expr
        if isinstance(call, Opaque) and call is not expr:
            found = found.union(*map(ops_in, call.args))
        expr._ops = found | {call.op} if isinstance(call, Apply | Opaque) else found
    return expr._ops


def distinct(root: Expr, settled: Collection[Expr] = ()) -> Iterator[Expr]:
    """Yield the different parts of an expression, outermost first; what is settled is left out."""
    seen: set[Expr] = set()
    pending = [root]
    while pending:
        expr = pending.pop()
        known = len(seen)
        seen.add(expr)  # looked up once
        if len(seen) > known and expr not in settled:
            yield expr
            pending += expr.children[::-1]


def parts(expr: Expr) -> tuple[Fraction, tuple[Factor, ...]]:
    """Return any expression as a coefficient and factors."""
    if isinstance(expr, Mul):
        return expr.coefficient, expr.factors
    if isinstance(expr, Number):
        return expr.value, ()
    return _ONE, ((expr, _ONE),)


def powers_of(factors: Iterable[Factor]) -> dict[Expr, Fraction]:
    """Return what each base is raised to, in all."""
    found: dict[Expr, Fraction] = {}
    for base, exponent in factors:
        found[base] = found.get(base, Fraction(0)) + exponent
    return found


def divided(term: Expr, by: Mapping[Expr, Fraction]) -> Expr:
    """Divide a term by powers, which equal factors of it take up."""
    coefficient, factors = parts(term)
    held = powers_of(f for f in factors if f[0] in by)
    left = [(base, held.get(base, 0) - exponent) for base, exponent in by.items()]
    return product(coefficient, [*(f for f in factors if f[0] not in by), *left])


def letters_in(
    exprs: Iterable[Expr], is_given: Callable[[Quantity], bool] = lambda quantity: False
) -> list[Quantity]:
    """Return the quantities that expressions are made of, and those that these stand for.

    What is given stands for nothing, whatever it is defined as.
    """
    found: dict[Quantity, None] = {}
    pending = list(exprs)
    while pending:
        for leaf in distinct(pending.pop()):
            if isinstance(leaf, Leaf) and leaf.quantity not in found:
                found[leaf.quantity] = None
                if leaf.quantity.definition is not None and not is_given(leaf.quantity):
                    pending.append(leaf.quantity.definition)
    return list(found)


def quantities_in(
    exprs: Iterable[Expr], is_given: Callable[[Quantity], bool] = lambda quantity: False
) -> list[Quantity]:
    """Return the quantities with a value of their own that expressions are made of.

    Those that are given count as such, whatever they are defined as.
    """
    every = letters_in(exprs, is_given)
    return [letter for letter in every if letter.definition is None or is_given(letter)]


def named_axes(ndim: int, axis: Any) -> tuple[int, ...]:
    """Return the axes that the attribute `axis` of an operation names: all of them for None."""
    if axis is None or ndim == 0:  # NumPy takes an axis of a number and ignores it
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))
