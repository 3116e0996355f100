"""What a result is made of: the difference of two arrays, a softmax, a sigmoid, letters."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Expr,
    Leaf,
    Mul,
    Number,
    Opaque,
    Sum,
    call_of,
    letters_in,
    opposite,
    rename,
)
from tinygrad_edu.symbolic.derive.derivation import Formula

__all__ = ["Difference", "Squashed", "difference", "letters_alike", "squashed"]


class Difference(NamedTuple):
    """What depends on something minus what does not: what a model says, and what is true.

    `is_all` says whether that is the whole result, `is_scaled` whether it is up to a factor that
    all entries share.
    """

    model: Formula
    target: Formula
    whole: Formula
    is_all: bool
    is_scaled: bool


class Squashed(NamedTuple):
    """A softmax or a sigmoid: which of them, and of what.

    Of a softmax that is written out, `exponential` is what it divides, and `exponent` what that is
    the exponential of: `of`, perhaps less a number that keeps it small.
    """

    by: str
    of: Formula
    exponential: Formula | None = None
    exponent: Formula | None = None


def letters_alike(result: Formula, wrt: Any) -> list[Formula]:
    """Return the letters of a result that have its shape, but for that of `wrt`."""
    leaves = dict.fromkeys(each for each in result.expr.walk() if isinstance(each, Leaf))
    return [
        Formula(leaf, result.axes)
        for leaf in leaves
        if leaf.indices == result.expr.indices and leaf.indices and leaf.quantity.source is not wrt
    ]


def _depends(expr: Expr, wrt: Any) -> bool:
    """Whether an expression changes with something."""
    return any(letter.source is wrt for letter in letters_in([expr]))


def difference(result: Formula, wrt: Any) -> Difference | None:
    """Find the first difference in a result of what depends on `wrt` and what does not."""
    for expr in result.expr.walk():
        if not (isinstance(expr, Add) and len(expr.terms) == 2 and expr.indices):
            continue
        one, other = expr.terms
        if one.indices != other.indices or _is_minus(one) == _is_minus(other):
            continue
        if _depends(one, wrt) == _depends(other, wrt):
            continue
        model, target = (one, other) if _depends(one, wrt) else (other, one)
        axes = _axes_of(expr, result, (target, opposite(target), model, opposite(model)))
        if axes is None:
            continue
        plain = [opposite(term) if _is_minus(term) else term for term in (model, target)]
        plain.append(opposite(expr) if _is_minus(model) else expr)
        model_is, target_is, whole = (Formula(each, axes) for each in plain)
        is_all, is_scaled = whole.expr == result.expr, _is_scaled(result.expr, expr)
        return Difference(model_is, target_is, whole, is_all, is_scaled)
    return None


def _is_scaled(result: Expr, part: Expr) -> bool:
    """Whether a result is an expression times what has no index."""
    if not isinstance(result, Mul):
        return result == part
    return all(power == 1 and base == part for base, power in result.factors if base.indices)


def _is_minus(term: Expr) -> bool:
    return isinstance(term, Mul) and term.coefficient < 0


def _axes_of(expr: Expr, result: Formula, terms: tuple[Expr, ...]) -> tuple[Any, ...] | None:
    """Return the axes of an expression in the order in which an array of its shape has them."""
    if expr.indices == {axis for axis in result.axes if axis is not None}:
        return result.axes
    for term in terms:
        if isinstance(term, Leaf) and len(term.axes) == len(set(term.axes)) == len(expr.indices):
            own = iter(term.axes)
            return tuple(None if a is None else next(own) for a in term.quantity.axes)
    return tuple(expr.indices) if len(expr.indices) == 1 else None


def squashed(formula: Formula) -> Squashed | None:
    """Recognise a softmax or a sigmoid by its formula, whatever it is called."""
    found = None
    for meaning in _meanings(formula):
        expr = meaning.expr
        call = call_of(expr) if isinstance(expr, Leaf) else expr
        if isinstance(call, Apply | Opaque) and call.op in {ops.sigmoid, ops.softmax}:
            axes = call.inside[0] if isinstance(call, Opaque) else meaning.axes
            found = Squashed(call.op.name, Formula(call.args[0], axes))
        elif isinstance(expr, Mul):
            written = _softmax(expr, meaning) or _sigmoid(expr, meaning)
            if written is not None:
                return written
    return found


def _softmax(expr: Mul, whole: Formula) -> Squashed | None:
    """Recognise e/Σe, where e is an exponential."""
    for base, power in expr.factors:
        exponential = Formula(base, whole.axes)
        exponent = _exponent(exponential) if power == 1 else None
        if exponent is not None and any(
            below == -1 and _is_sum_of(other, base) for other, below in expr.factors
        ):
            inside = Formula(_unshifted(exponent.expr), whole.axes)
            return Squashed("softmax", inside, exponential, exponent)
    return None


def _sigmoid(expr: Mul, whole: Formula) -> Squashed | None:
    """Recognise 1/(1 + exp(−x))."""
    for base, power in expr.factors:
        if power == -1 and isinstance(base, Add) and len(base.terms) == 2:
            one = [t for t in base.terms if isinstance(t, Number) and t.value == Fraction(1)]
            rest = [t for t in base.terms if isinstance(t, Apply) and t.op is ops.exp]
            if one and rest and len(expr.factors) == 1:
                return Squashed("sigmoid", Formula(opposite(rest[0].args[0]), whole.axes))
    return None


def _meanings(formula: Formula | None) -> Iterator[Formula]:
    """Yield a formula, what it stands for, what that stands for, and so on."""
    while formula is not None:
        yield formula
        formula = formula.definition


def _exponent(formula: Formula) -> Formula | None:
    """Return what an exponential is of."""
    for meaning in _meanings(formula):
        if isinstance(meaning.expr, Apply) and meaning.expr.op is ops.exp:
            return Formula(meaning.expr.args[0], meaning.axes)
    return None


def _unshifted(expr: Expr) -> Expr:
    """Leave out what is subtracted from all entries alike, which a softmax does not notice."""
    if isinstance(expr, Add):
        whole = [term for term in expr.terms if term.indices == expr.indices]
        return whole[0] if len(whole) == 1 else expr
    return expr


def _is_sum_of(expr: Expr, term: Expr) -> bool:
    """Whether an expression is the sum of another over one index, by whatever name."""
    axes = tuple(sorted(expr.indices, key=lambda index: index.serial))
    (*over,) = term.indices - expr.indices
    sums = (m.expr for m in _meanings(Formula(expr, axes)) if isinstance(m.expr, Sum))
    return len(over) == 1 and any(rename(s.body, {s.index: over[0]}) == term for s in sums)
