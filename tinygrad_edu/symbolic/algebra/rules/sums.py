"""Equations of sums over indices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Delta,
    Dimension,
    Expr,
    Factor,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Placed,
    Sum,
    distinct,
    meaning_of,
    order,
    parts,
    product,
    rename,
    replace,
    sum_over,
    terms_of,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.arithmetic import shared_factors
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    ZERO,
    Match,
    rule,
    within_sum,
    without,
)

__all__ = ["ACROSS", "constant_out", "delta_picks", "delta_renames", "delta_sifts"]
__all__ += ["distribution", "exchange", "index_sifts", "join_sums", "one_sum", "separate"]
__all__ += ["shares", "sum_of_constant", "sum_of_terms", "sums_to_one", "symmetric"]
__all__ += ["written_out"]


@rule("Σ of a constant", "Σ_k c = K·c", "K equal terms", Sum)
def sum_of_constant(expr: Sum, facts: Facts) -> Match | None:
    if expr.index in expr.body.indices:
        return None
    right = Dimension(expr.index) * expr.body
    return Match(expr, right, right, f"{expr.index.called} equal terms")


@rule("shares", "Σ_k (c + f_k) = 1", "tested on the data", Sum)
def shares(expr: Sum, facts: Facts) -> Match | None:
    """Smoothed targets such as ε/3 + (1 − ε)·y: K is 3 in the data, and K·(ε/3) is ε there."""
    return _assumed(expr, Number(ONE), facts.shares(expr))


def _assumed(left: Expr, right: Expr, statement: str | None) -> Match | None:
    if statement is None:
        return None
    return Match(left, right, right, f"{statement}, which holds on the data", statement)


@rule("distribution", "Σ_k p_k = 1", "probabilities sum to 1", Sum)
def distribution(expr: Sum, facts: Facts) -> Match | None:
    """Σ_k softmax(z)_k = 1, and so does every row of a one-hot matrix."""
    body, one = expr.body, Number(ONE)
    if not isinstance(body, Opaque) or not body.op.distribution:
        return None
    if body.axes[body.attributes.get("axis", -1)] is not expr.index:
        return None
    return Match(expr, one, one, "{} is a distribution", of=(body,))


@rule("δ picks", "Σ_k δ_kj·f_k = f_j", "all other terms of the sum are 0", Sum)
def delta_picks(expr: Sum, facts: Facts) -> Iterator[Match]:
    coefficient, factors = parts(expr.body)
    for base, exponent in factors:
        if isinstance(base, Delta) and exponent == 1 and expr.index in base.axes:
            other = base.axes[0] if base.axes[1] is expr.index else base.axes[1]
            body = product(coefficient, without(factors, ((base, ONE),)) or ())
            right = rename(body, {expr.index: other})
            yield Match(expr, right, right)


@rule("δ sifts", "δ_kj·f_k = δ_kj·f_j, j an entry", "elsewhere δ is 0", Mul)
def delta_sifts(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Where something else stands at that entry already, let all of it."""
    for delta, exponent in expr.factors:
        if isinstance(delta, Delta) and exponent > 0:
            one, other = sorted(delta.axes, key=lambda axis: axis.place is not None)
            rest = product(expr.coefficient, [f for f in expr.factors if f[0] != delta])
            if other.place is not None and one in rest.indices and _stands_at(other, rest):
                there = rename(rest, {one: other})
                right = delta**exponent * there
                yield Match(expr, right, right, "elsewhere {} is 0", of=(delta,))


@rule(
    "index sifts",
    "h_k·f(Σ_j h_j·x_j) = h_k·f(x_k), h a one-hot row",
    "where h_k is 1, the sum is x_k",
    Mul,
)
def index_sifts(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Where the row has all indices of what it picks, as one_hot(y)_nk has those of Z_nk."""
    for row, exponent in expr.factors:
        if not isinstance(row, Opaque) or row.op is not ops.one_hot or exponent < 1:
            continue
        index = row.axes[-1]
        if index is None:  # there is one class
            continue
        rest = product(expr.coefficient, [f for f in expr.factors if f[0] != row])
        for picked in _outside_sums(rest):
            coefficient, factors = parts(picked.body)
            there = rename(row, {index: picked.index}), ONE
            others = product(coefficient, [f for f in factors if f != there])
            here = rename(others, {picked.index: index})
            if there in factors and here.indices <= row.indices:
                right = row**exponent * replace(rest, {picked: here})
                yield Match(expr, right, right, "where {} is 1, {} is that", of=(row, picked))


@rule(
    "written out",
    "f_0 + f_1 + … + f_{K−1} = Σ_k f_k",
    "the terms of all places are the whole sum",
    Add,
)
def written_out(expr: Add, facts: Facts) -> Iterator[Match]:
    """Read the terms that a loop over the entries, or the rows, of arrays leaves."""
    if not expr.picked:
        return
    bound = {part.index for part in distinct(expr) if isinstance(part, Sum)}
    met: dict[tuple[Index, Expr], dict[int, Expr]] = {}
    for term in (each for each in expr.terms if each.picked):
        meaning = _without_names_of_entries(term)
        for entry in _entries_in(meaning):
            run = entry.range
            taken = expr.indices | bound
            index = run if run not in taken else run.fresh(taken)
            alike = met.setdefault((index, _at(meaning, entry, index)), {})
            alike[entry.place or 0] = term
    for (index, each), terms in met.items():
        if len(terms) == index.length:
            yield within_sum(expr, terms.values(), sum_over([index], each))
            return
    # A loop over pairs: where both are one, the term was 0, and is not there.
    pairs: dict[Expr, dict[int, tuple[Expr, list[Expr]]]] = {}
    for (index, each), terms in met.items():
        if len(terms) == index.length - 1 > 1:
            (left_out,) = set(range(index.length)) - terms.keys()
            there = index.at(left_out)
            if _is_zero(rename(each, {index: there})):
                whole = sum_over([index], each)
                alike_with = _at(whole, there, index.range.fresh({index, *expr.indices, *bound}))
                pairs.setdefault(alike_with, {})[left_out] = whole, list(terms.values())
    for found in pairs.values():
        taken_up = [term for _, terms in found.values() for term in terms]
        if len(found) * (len(found) - 1) == len(taken_up) == len({*taken_up}):
            yield within_sum(expr, taken_up, total(right for right, _ in found.values()))
            return


def _is_zero(expr: Expr) -> bool:
    """Whether a term is 0 because a difference in it is one of equals, as f_i − f_j for i = j."""
    for base, exponent in parts(expr)[1]:
        left: dict[tuple[Factor, ...], Fraction] = {}
        for coefficient, factors in map(parts, terms_of(base)):
            left[factors] = left.get(factors, 0) + coefficient
        if exponent > 0 and not any(left.values()):
            return True
    return expr == ZERO


def _without_names_of_entries(expr: Expr) -> Expr:
    """Put what a name stands for in its place where the loop's last turn left it its name."""
    new: dict[Expr, Expr] = {}
    for part in (each for each in distinct(expr) if each.picked):
        meaning = meaning_of(part)
        if meaning is not None:
            written = _without_names_of_entries(meaning)
            if _entries_in(written):
                new[part] = written
    return replace(expr, new) if new else expr


def _entries_in(expr: Expr) -> dict[Index, None]:
    """Return the entries at which arrays stand, but for those inside of whole operations."""
    placed = [part for part in distinct(expr) if isinstance(part, Placed)]
    inside = (each for part in placed for each in part.children)
    hidden = {entry for argument in inside for entry in _entries_in(argument)}
    return {
        axis: None
        for part in placed
        for axis in part.axes
        if axis is not None and axis.place is not None and axis not in hidden
    }


def _at(expr: Expr, entry: Index, index: Index) -> Expr:
    """Put an index where arrays stand at an entry."""
    arrays = [p for p in distinct(expr) if isinstance(p, Placed) and entry in p.axes]
    return replace(
        expr, {p: p.at(tuple(index if a is entry else a for a in p.axes)) for p in arrays}
    )


def _outside_sums(expr: Expr) -> Iterator[Sum]:
    """Yield the sums that stand in no other sum, nor within an operation on whole arrays."""
    if isinstance(expr, Sum):
        yield expr
    elif not isinstance(expr, Opaque):
        for child in expr.children:
            yield from _outside_sums(child)


def _stands_at(entry: Index, expr: Expr) -> bool:
    """Whether an expression holds an array at an entry."""
    return any(isinstance(e, Placed) and entry in e.axes for e in distinct(expr))


# --- sums within sums, Σ_nΣ_k, read as one sum over several indices -------------------------------

# Then it does not matter which of the sums stands outside, and what depends on one index alone is
# found wherever it stands.

#: Of so many indices every order is tried.
MOST_INDICES = 4


def _opened(expr: Sum) -> tuple[list[Index], Expr]:
    """Return the indices of sums directly within each other, and what is summed."""
    indices, body = [expr.index], expr.body
    while isinstance(body, Sum) and body.index not in indices:
        indices.append(body.index)
        body = body.body
    return indices, body


@rule("δ renames", "δ_kj·f_k = δ_kj·f_j", "elsewhere δ is 0", Mul)
def delta_renames(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Of two indices that δ makes one, leave the first, so that one product has one form."""
    for delta, exponent in expr.factors:
        if isinstance(delta, Delta) and exponent > 0 and len(delta.indices) == 2:
            first, second = sorted(delta.indices, key=lambda axis: axis.order)
            rest = product(expr.coefficient, [f for f in expr.factors if f[0] != delta])
            if second in rest.indices:
                right = delta**exponent * rename(rest, {second: first})
                yield Match(expr, right, right)


@rule("Σ of a sum", "Σ(x + y) = Σx + Σy", "a sum can be taken in any order", Sum)
def sum_of_terms(expr: Sum, facts: Facts) -> Expr | None:
    indices, body = _opened(expr)
    if not isinstance(body, Add):
        return None
    return total(sum_over(indices, term) for term in body.terms)


@rule("one sum", "Σ_k x·y + Σ_k x·z = Σ_k x·(y + z)", "a sum can be taken in any order", Add)
def one_sum(expr: Add, facts: Facts) -> Iterator[Match]:
    """Write two sums over one range as one: A B − A C is A (B − C)."""
    for one, other in itertools.combinations(expr.terms, 2):
        ways = itertools.product(_with_sum(one), _with_sum(other))
        for (outside, first, number), (beside, second, times) in ways:
            if beside != outside or first.index.range is not second.index.range:
                continue
            body = second.body
            if second.index is not first.index:
                if first.index in body.indices:
                    continue
                body = rename(body, {second.index: first.index})
            scale = abs(number) if abs(number) == abs(times) else ONE
            inside = _factored([number / scale * first.body, times / scale * body])
            if inside is not None:
                right = product(scale, [*outside, (sum_over([first.index], inside), ONE)])
                yield within_sum(expr, (one, other), right)


def _with_sum(term: Expr) -> Iterator[tuple[tuple[Factor, ...], Sum, Fraction]]:
    """Yield the sums that are factors of a term, each with the other factors and the number.

    A sum from which δ picks is none.
    """
    coefficient, factors = parts(term)
    for place, (base, exponent) in enumerate(factors):
        if isinstance(base, Sum) and exponent == 1 and not _has_delta(base):
            yield factors[:place] + factors[place + 1 :], base, coefficient


def _has_delta(expr: Sum) -> bool:
    factors = parts(expr.body)[1]
    return any(isinstance(base, Delta) and expr.index in base.axes for base, _ in factors)


def _factored(terms: list[Expr]) -> Expr | None:
    """Return the sum of two terms, with what they have in common before it.

    None where that is nothing, but for two columns of numbers: A x + B y stays two products.
    """
    common = shared_factors([parts(term)[1] for term in terms])
    if not common and not all(
        len(term.indices) == 2 and len(parts(term)[1]) == 1 for term in terms
    ):
        return None
    rest = total(product(n, without(factors, common) or ()) for n, factors in map(parts, terms))
    return product(1, [*common, (rest, ONE)])


def _grouped(indices: list[Index], factors: tuple[Factor, ...]) -> _Groups:
    """Part indices and factors into groups that share no index; some factors share none."""
    groups: list[tuple[list[Index], list[Factor]]] = [([index], []) for index in indices]
    outside: list[Factor] = []
    for factor in factors:
        touched = [group for group in groups if not factor[0].indices.isdisjoint(group[0])]
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


_Groups = tuple[list[tuple[list[Index], list[Factor]]], list[Factor]]


@rule(
    "constant out of Σ",
    "Σ_k c·f_k = c·Σ_k f_k",
    "the distributive law, for what does not depend on k",
    Sum,
)
def constant_out(expr: Sum, facts: Facts) -> Match | None:
    indices, body = _opened(expr)
    coefficient, factors = parts(body)
    groups, outside = _grouped(indices, factors)
    if (not outside and coefficient == 1) or not any(inside for _, inside in groups):
        return None
    which = product(coefficient, outside)
    right = which * sum_over(indices, product(1, [f for f in factors if f not in outside]))
    return Match(expr, right, right, "{} does not depend on the index of the sum", of=(which,))


@rule("separate", "Σ_nΣ_k x_n·y_k = Σ_n x_n · Σ_k y_k", "the distributive law", Sum)
def separate(expr: Sum, facts: Facts) -> Expr | None:
    """Take a sum of products apart into factors that share no index."""
    indices, body = _opened(expr)
    coefficient, factors = parts(body)
    groups, outside = _grouped(indices, factors)
    if len(groups) < 2:
        return None
    for group, inside in groups:
        if inside:
            outside.append((sum_over(group, product(1, inside)), ONE))
        else:
            outside.extend((Dimension(index), ONE) for index in group)
    return product(coefficient, outside)


@rule("join sums", "Σ_n x_n·Σ_k y_nk = Σ_nΣ_k x_n·y_nk", "the distributive law", Sum)
def join_sums(expr: Sum, facts: Facts) -> Expr | None:
    """Let a product hold one sum within a sum no longer."""
    indices, body = _opened(expr)
    coefficient, factors = parts(body)
    inner = [f for f in factors if isinstance(f[0], Sum) and f[1] >= 1 and f[1].denominator == 1]
    if not inner or (len(factors) == 1 and inner[0][1] == 1):
        return None
    held, exponent = inner[0]
    assert isinstance(held, Sum)
    more, inside = _opened(held)
    rest = [*factors, (held, exponent - 1)]
    rest.remove(inner[0])
    taken = {*indices, *(index for base, _ in rest for index in base.indices)}
    for place, index in enumerate(more):
        if index in taken:  # the inner sum calls its index as something outside is called
            more[place] = index.fresh({*taken, *more, *inside.indices})
            inside = rename(inside, {index: more[place]})
    return sum_over([*indices, *more], product(coefficient, [*rest, (inside, ONE)]))


@rule(
    "exchange indices",
    "Σ_jΣ_k x_jk = Σ_jΣ_k x_kj",
    "what a summed index is called does not matter",
    Sum,
)
def exchange(expr: Sum, facts: Facts) -> Expr | None:
    """Of all ways to call indices of one range take the first, so that xᵀA x is xᵀAᵀ x."""
    indices, body = _opened(expr)
    if not 1 < len(indices) <= MOST_INDICES:
        return None
    ways = [
        sum_over(indices, rename(body, dict(zip(indices, others, strict=True))))
        for others in itertools.permutations(indices)
        if all(one.range is other.range for one, other in zip(indices, others, strict=True))
    ]
    first = min(ways, key=_by_indices)
    return first if _by_indices(first) < _by_indices(expr) else None


def _by_indices(expr: Expr) -> tuple[object, ...]:
    """Return what sums are sorted by that differ in nothing but the names of their indices."""
    leaves = (each for each in expr.walk() if isinstance(each, Leaf))
    return order(expr), [axis.serial for leaf in leaves for axis in leaf.axes]


@rule("assumption", "Σ_nΣ_k x_n·y_nk = Σ_n x_n, Σ_k y_nk = 1", "tested on the data", Sum)
def sums_to_one(expr: Sum, facts: Facts) -> Iterator[Match]:
    indices, body = _opened(expr)
    coefficient, factors = parts(body)
    for index in indices:
        held = [f for f in factors if index in f[0].indices]
        if len(held) != 1 or not isinstance(held[0][0], Leaf) or held[0][1] != 1:
            continue
        if len(indices) == 1 and body != held[0][0]:
            continue  # what is constant is taken out first, so that it is seen
        rest = product(coefficient, [f for f in factors if f != held[0]])
        right = sum_over([each for each in indices if each is not index], rest)
        found = _assumed(expr, right, facts.sums_to_one(Sum(index, held[0][0])))
        if found is not None:
            yield found


#: These read all sums at once, and are not to be asked at those within.
ACROSS = frozenset({constant_out, exchange, join_sums, separate, sum_of_terms, sums_to_one})


# --- symmetric matrices: their rows are their columns ---------------------------------------------


@rule("symmetric", "x_kj = x_jk", "tested on the data", Add)
def symmetric(expr: Add, facts: Facts) -> Match | None:
    """Turn a matrix in one term where that gives the factors of another: W x + Wᵀ x."""
    for term in expr.terms:
        rest = [parts(other)[1] for other in expr.terms if other is not term]
        if not any(_much(other) == _much(parts(term)[1]) for other in rest):
            continue
        for leaf in distinct(term):
            if not isinstance(leaf, Leaf) or len(leaf.indices) != 2 or len(leaf.axes) != 2:
                continue
            row, column = (axis in term.indices for axis in leaf.axes)
            if leaf.axes[0].length != leaf.axes[1].length or (row and not column):
                continue  # W x lies as it is to lie, and Wᵀ x is turned
            leaves = [e for e in distinct(term) if isinstance(e, Leaf)]
            same = [e for e in leaves if e.quantity is leaf.quantity]
            turned = replace(term, {e: e.at(e.axes[::-1]) for e in same})
            statement = facts.symmetric(leaf) if parts(turned)[1] in rest else None
            if statement is not None:
                because = f"{statement}, which holds on the data"
                return within_sum(expr, (term,), turned, because, statement)
    return None


def _much(factors: tuple[Factor, ...]) -> int:
    """Return how much there is to read of factors: no more when a matrix in them is turned."""
    return sum(base.size for base, _ in factors)
