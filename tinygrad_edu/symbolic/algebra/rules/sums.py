"""Equations of sums over an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Delta,
    Dimension,
    Expr,
    Label,
    Leaf,
    Number,
    Opaque,
    Product,
    Sum,
    Total,
    distinct,
    parts,
    product,
    rename,
    replace,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, rule

__all__ = [
    "constant_out",
    "delta_picks",
    "delta_sifts",
    "distribution",
    "is_one_hot",
    "label_sifts",
    "shares",
    "sum_of_constant",
    "sum_of_terms",
    "sums_to_one",
]


@rule(
    "constant out of Σ",
    "Σ_k c·f_k = c·Σ_k f_k",
    "the distributive law, for what does not depend on k",
    at=Sum,
)
def constant_out(expr: Sum, facts: Facts) -> Iterator[Match]:
    coefficient, factors = parts(expr.body)
    outside = [f for f in factors if expr.label not in f[0].labels]
    inside = [f for f in factors if expr.label in f[0].labels]
    if not inside or (not outside and coefficient == 1):
        return
    right = product(coefficient, [*outside, (sum_over((expr.label,), product(1, inside)), ONE)])
    which = product(coefficient, outside)
    yield Match(expr, right, right, "{} does not depend on the index of the sum", of=(which,))


@rule("Σ of a constant", "Σ_k c = K·c", "K equal terms", at=Sum)
def sum_of_constant(expr: Sum, facts: Facts) -> Iterator[Match]:
    if expr.label not in expr.body.labels:
        right = product(1, [(Dimension(expr.label), ONE), (expr.body, ONE)])
        yield Match(expr, right, right, f"{expr.label.called} equal terms")


@rule("assumption", "Σ_k y_k = 1", "tested on the data", at=Sum)
def sums_to_one(expr: Sum, facts: Facts) -> Iterator[Match]:
    yield from _assumed(expr, facts.sums_to_one(expr))


@rule("shares", "Σ_k (c + f_k) = 1", "tested on the data", at=Sum)
def shares(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Smoothed targets such as ε/3 + (1 − ε)·y: K is 3 in the data, and K·(ε/3) is ε there."""
    yield from _assumed(expr, facts.shares(expr))


def _assumed(expr: Sum, statement: str | None) -> Iterator[Match]:
    """Put 1 for a sum, if there is a statement that says so and may be used."""
    if statement is not None:
        one = Number(ONE)
        yield Match(expr, one, one, f"{statement}, which holds on the data", statement)


@rule("distribution", "Σ_k p_k = 1", "probabilities sum to 1", at=Sum)
def distribution(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Σ_k softmax(z)_k = 1, and so does every row of a one-hot matrix."""
    if isinstance(expr.body, Opaque) and expr.body.op.distribution:
        axes = expr.body.axes
        if axes[expr.body.attributes.get("axis", -1)] is expr.label:
            one = Number(ONE)
            yield Match(expr, one, one, "{} is a distribution", of=(expr.body,))


@rule("δ picks", "Σ_k δ_kj·f_k = f_j", "all other terms of the sum are 0", at=Sum)
def delta_picks(expr: Sum, facts: Facts) -> Iterator[Match]:
    coefficient, factors = parts(expr.body)
    for place, (base, exponent) in enumerate(factors):
        if isinstance(base, Delta) and exponent == 1 and expr.label in base.axes:
            other = base.axes[0] if base.axes[1] is expr.label else base.axes[1]
            body = product(coefficient, factors[:place] + factors[place + 1 :])
            right = rename(body, {expr.label: other})
            yield Match(expr, right, right)


@rule("δ sifts", "δ_kj·f_k = δ_kj·f_j, j an entry", "elsewhere δ is 0", at=Product)
def delta_sifts(expr: Product, facts: Facts) -> Iterator[Match]:
    """Where something else stands at that entry already, let all of it."""
    for delta, exponent in expr.factors:
        if isinstance(delta, Delta) and exponent > 0:
            one, other = sorted(delta.axes, key=lambda axis: axis.place is not None)
            rest = product(expr.coefficient, [f for f in expr.factors if f[0] != delta])
            if other.place is not None and one in rest.labels and _stands_at(other, rest):
                there = rename(rest, {one: other})
                right = product(1, [(delta, exponent), (there, ONE)])
                yield Match(expr, right, right, "elsewhere {} is 0", of=(delta,))


@rule(
    "label sifts",
    "h_k·f(Σ_j h_j·x_j) = h_k·f(x_k), h a one-hot row",
    "where h_k is 1, the sum is x_k",
    at=Product,
)
def label_sifts(expr: Product, facts: Facts) -> Iterator[Match]:
    """Where the row has all indices of what it picks, as one_hot(y)_nk has those of Z_nk."""
    for row, exponent in expr.factors:
        label = row.axes[-1] if is_one_hot(row) and exponent >= 1 else None
        if label is None:
            continue
        rest = product(expr.coefficient, [f for f in expr.factors if f[0] != row])
        for picked in _outside_sums(rest):
            coefficient, factors = parts(picked.body)
            there = rename(row, {label: picked.label}), ONE
            others = product(coefficient, [f for f in factors if f != there])
            here = rename(others, {picked.label: label})
            if there in factors and here.labels <= row.labels:
                right = product(1, [(row, exponent), (replace(rest, {picked: here}), ONE)])
                yield Match(expr, right, right, "where {} is 1, {} is that", of=(row, picked))


def is_one_hot(expr: Expr) -> TypeGuard[Opaque]:
    """Whether an expression is an entry of one-hot rows."""
    return isinstance(expr, Opaque) and expr.op is ops.one_hot


def _outside_sums(expr: Expr) -> Iterator[Sum]:
    """Yield the sums that stand in no other sum, nor within an operation on whole arrays."""
    if isinstance(expr, Sum):
        yield expr
    elif not isinstance(expr, Opaque):
        for child in expr.children:
            yield from _outside_sums(child)


def _stands_at(entry: Label, expr: Expr) -> bool:
    """Whether an expression holds an array at an entry."""
    return any(isinstance(e, Leaf | Delta | Opaque) and entry in e.axes for e in distinct(expr))


@rule("Σ of a sum", "Σ(x + y) = Σx + Σy", "a sum can be taken in any order", at=Sum)
def sum_of_terms(expr: Sum, facts: Facts) -> Iterator[Match]:
    if isinstance(expr.body, Total):
        right = total(sum_over((expr.label,), t) for t in expr.body.terms)
        yield Match(expr, right, right)
