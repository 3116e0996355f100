"""Equations of sums within sums, Σ_nΣ_k, read as one sum over several indices.

Then it does not matter which of the sums stands outside, and what depends on one index alone is
found wherever it stands.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tinygrad_edu.symbolic.algebra.expr import (
    Delta,
    Dimension,
    Expr,
    Factor,
    Label,
    Leaf,
    Product,
    Sum,
    Total,
    order,
    parts,
    product,
    rename,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules import sums
from tinygrad_edu.symbolic.algebra.rules.rule import ONE, Match, rule

__all__ = [
    "ACROSS",
    "constant_out",
    "delta_renames",
    "exchange",
    "join_sums",
    "one_within",
    "separate",
    "sums_of_terms",
]


#: Of so many indices every order is tried.
MOST_INDICES = 4


def _opened(expr: Sum) -> tuple[list[Label], Expr]:
    """Return the indices of sums directly within each other, and what is summed."""
    labels, body = [expr.label], expr.body
    while isinstance(body, Sum) and body.label not in labels:
        labels.append(body.label)
        body = body.body
    return labels, body


@rule("δ renames", "δ_kj·f_k = δ_kj·f_j", "elsewhere δ is 0", at=Product)
def delta_renames(expr: Product, facts: Facts) -> Iterator[Match]:
    """Of two indices that δ makes one, leave the first, so that one product has one form."""
    for delta, exponent in expr.factors:
        if isinstance(delta, Delta) and exponent > 0 and len(delta.labels) == 2:
            first, second = sorted(delta.labels, key=lambda axis: axis.order)
            rest = product(expr.coefficient, [f for f in expr.factors if f[0] != delta])
            if second in rest.labels:
                right = product(1, [(delta, exponent), (rename(rest, {second: first}), ONE)])
                yield Match(expr, right, right)


@rule("Σ of a sum", sums.sum_of_terms.equation, sums.sum_of_terms.because, at=Sum)
def sums_of_terms(expr: Sum, facts: Facts) -> Iterator[Match]:
    labels, body = _opened(expr)
    if isinstance(body, Total):
        right = total(sum_over(labels, term) for term in body.terms)
        yield Match(expr, right, right)


def _grouped(labels: list[Label], factors: tuple[Factor, ...]) -> _Groups:
    """Part indices and factors into groups that share no index; some factors share none."""
    groups: list[tuple[list[Label], list[Factor]]] = [([label], []) for label in labels]
    outside: list[Factor] = []
    for factor in factors:
        touched = [group for group in groups if not factor[0].labels.isdisjoint(group[0])]
        if not touched:
            outside.append(factor)
            continue
        first, *others = touched
        first[1].append(factor)
        for other in others:
            first[0].extend(other[0])
            first[1].extend(other[1])
            groups.remove(other)
    return groups, outside


_Groups = tuple[list[tuple[list[Label], list[Factor]]], list[Factor]]


@rule("constant out of Σ", sums.constant_out.equation, sums.constant_out.because, at=Sum)
def constant_out(expr: Sum, facts: Facts) -> Iterator[Match]:
    labels, body = _opened(expr)
    coefficient, factors = parts(body)
    groups, outside = _grouped(labels, factors)
    if (outside or coefficient != 1) and any(inside for _, inside in groups):
        inside = product(1, [f for f in factors if f not in outside])
        right = product(coefficient, [*outside, (sum_over(labels, inside), ONE)])
        which = product(coefficient, outside)
        yield Match(expr, right, right, "{} does not depend on the index of the sum", of=(which,))


@rule("separate", "Σ_nΣ_k x_n·y_k = Σ_n x_n · Σ_k y_k", "the distributive law", at=Sum)
def separate(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Take a sum of products apart into factors that share no index."""
    labels, body = _opened(expr)
    coefficient, factors = parts(body)
    groups, outside = _grouped(labels, factors)
    if len(groups) < 2:
        return
    for group, inside in groups:
        if inside:
            outside.append((sum_over(group, product(1, inside)), ONE))
        else:
            outside.extend((Dimension(label), ONE) for label in group)
    right = product(coefficient, outside)
    yield Match(expr, right, right)


@rule("join sums", "Σ_n x_n·Σ_k y_nk = Σ_nΣ_k x_n·y_nk", "the distributive law", at=Sum)
def join_sums(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Let a product hold one sum within a sum no longer."""
    labels, body = _opened(expr)
    coefficient, factors = parts(body)
    inner = [f for f in factors if isinstance(f[0], Sum) and f[1] >= 1 and f[1].denominator == 1]
    if not inner or (len(factors) == 1 and inner[0][1] == 1):
        return
    held, exponent = inner[0]
    assert isinstance(held, Sum)
    more, inside = _opened(held)
    rest = [*factors, (held, exponent - 1)]
    rest.remove(inner[0])
    taken = {*labels, *(label for base, _ in rest for label in base.labels)}
    for place, label in enumerate(more):
        if label in taken:  # the inner sum calls its index as something outside is called
            more[place] = label.spare({*taken, *more, *inside.labels})
            inside = rename(inside, {label: more[place]})
    right = sum_over([*labels, *more], product(coefficient, [*rest, (inside, ONE)]))
    yield Match(expr, right, right)


@rule(
    "exchange indices",
    "Σ_jΣ_k x_jk = Σ_jΣ_k x_kj",
    "what a summed index is called does not matter",
    at=Sum,
)
def exchange(expr: Sum, facts: Facts) -> Iterator[Match]:
    """Of all ways to call indices of one range take the first, so that xᵀA x is xᵀAᵀ x."""
    labels, body = _opened(expr)
    if not 1 < len(labels) <= MOST_INDICES:
        return
    ways = [
        sum_over(labels, rename(body, dict(zip(labels, others, strict=True))))
        for others in itertools.permutations(labels)
        if all(one.range is other.range for one, other in zip(labels, others, strict=True))
    ]
    first = min(ways, key=_by_indices)
    if _by_indices(first) < _by_indices(expr):
        yield Match(expr, first, first)


def _by_indices(expr: Expr) -> tuple[object, ...]:
    """Return what sums are sorted by that differ in nothing but the names of their indices."""
    leaves = (each for each in expr.walk() if isinstance(each, Leaf))
    return order(expr), [axis.serial for leaf in leaves for axis in leaf.axes]


@rule("assumption", "Σ_nΣ_k x_n·y_nk = Σ_n x_n, Σ_k y_nk = 1", "tested on the data", at=Sum)
def one_within(expr: Sum, facts: Facts) -> Iterator[Match]:
    labels, body = _opened(expr)
    coefficient, factors = parts(body)
    for label in labels:
        held = [f for f in factors if label in f[0].labels]
        if (
            len(labels) == 1
            or len(held) != 1
            or not isinstance(held[0][0], Leaf)
            or held[0][1] != 1
        ):
            continue
        inside = Sum(label, held[0][0])
        statement = facts.sums_to_one(inside)
        if statement is not None:
            rest = product(coefficient, [f for f in factors if f != held[0]])
            right = sum_over([each for each in labels if each is not label], rest)
            because = f"{inside} = 1, which holds on the data"
            yield Match(expr, right, right, because, statement)


#: These read all sums at once, and are not to be asked at those within.
ACROSS = frozenset({constant_out, exchange, join_sums, one_within, separate, sums_of_terms})
