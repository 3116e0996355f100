"""The local derivative of an operation, read off the rule that passes gradients on.

A rule is linear in what comes in. Where it is one product, what stands beside the incoming g is
the local derivative; where it is more, the rule's Jacobian is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from string import ascii_letters
from typing import Literal

from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    distinct,
    number,
    opposite,
    parts,
    power,
    product,
    quantities_in,
    rename,
    replace,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Rewriter
from tinygrad_edu.symbolic.algebra.rules import EAGER
from tinygrad_edu.symbolic.algebra.rules.cases import is_gate
from tinygrad_edu.symbolic.algebra.rules.rule import ONE
from tinygrad_edu.symbolic.derive.derivation import Formula
from tinygrad_edu.symbolic.derive.jacobian import filled, row_of
from tinygrad_edu.symbolic.derive.trace import Symbol
from tinygrad_edu.symbolic.derive.work import Visit

__all__ = ["Kind", "Slope", "slope"]

Kind = Literal[
    "same",  # 1
    "number",  # no letter in it, but for lengths
    "output",  # the result itself, as that of exp
    "reciprocal",  # a number over a power of the argument, as that of log
    "partner",  # another argument, as in a product
    "divisor",  # 1/another argument, as in a quotient
    "quotient",  # the result over the argument, as for what divides
    "gate",  # 0 or 1, perhaps times something
    "power",  # a power of the argument, times numbers
    "read off",  # made of the result alone
    "other",
]
Flow = Literal["each", "spread", "gathered", "mixed"]


@dataclass(frozen=True, slots=True)
class Slope:
    """A local derivative, as a formula and as numbers.

    Attributes
    ----------
    factor : Formula
        The derivative; of what has several entries, an entry of it for each pair that matters.
        Of what is kept whole, the rule itself, with g for what comes in.
    entries : Formula
        The same with all axes that `subscripts` speak of.
    subscripts : str
        How np.einsum makes what goes on, of what came in and `entries`; "" where it cannot.
    kind : str
        What it is made of.
    is_negative : bool
        Whether it is minus something of that kind.
    flow : str
        "each" entry goes to its own; one is "spread" over many; many are "gathered" in one; or
        entries are "mixed".
    about : Formula or None
        The other argument or the gate that the kind speaks of.
    is_whole : bool
        Whether the rule is no product, so that the factor is its Jacobian.
    """

    factor: Formula
    entries: Formula
    subscripts: str
    kind: Kind
    is_negative: bool
    flow: Flow
    about: Formula | None = None
    is_whole: bool = False


def slope(visit: Visit, formula: Callable[[Symbol], Formula]) -> Slope | None:
    """Return the local derivative of a visit of the backward pass; None for one with no trace.

    Parameters
    ----------
    visit : Visit
        From a vertex to its argument.
    formula : callable
        Writes a vertex.
    """
    entry = visit.contribution
    if entry is None:
        return None
    letter = entry.letter.expr
    assert isinstance(letter, Leaf)
    rule, to = entry.local.expr, [axis for axis in entry.to.axes if axis is not None]
    if any(
        isinstance(each, Opaque) and letter.quantity in quantities_in(each.args)
        for each in distinct(rule)
    ):
        return Slope(entry.local, entry.local, "", "other", False, "mixed", None, True)
    tidy = Rewriter(EAGER, Facts(Environment(), ()))
    found = _beside(rule, letter.quantity, tidy)
    is_whole = found is None or any(index.place is not None for index in found[1])
    if found is None or is_whole:
        row = row_of(letter)
        factor = filled(rule, letter, row, tidy)
        came = tuple(row[index] for index in letter.axes)
    else:
        factor, came = found
    inside = [x for x in came if x not in to and x in factor.indices]
    inside += sorted(factor.indices - {*to, *came}, key=lambda index: index.order)
    axes = tuple(dict.fromkeys([x for x in to if x in factor.indices or x not in came] + inside))
    names = dict(zip(dict.fromkeys((*came, *axes, *to)), ascii_letters, strict=False))
    spelled = ["".join(names[index] for index in indices) for indices in (came, axes, to)]
    is_spread, is_gathered = not {*came}.issuperset(to), not {*to}.issuperset({*came, *inside})
    flow: Flow = "mixed" if is_whole or (is_spread and is_gathered) else "each"
    if flow == "each":
        flow = "spread" if is_spread else "gathered" if is_gathered else "each"
    shown = tuple(index for index in axes if index in factor.indices)
    kind, about, is_negative = _kind(visit, formula, Formula(factor, shown), came)
    return Slope(
        Formula(factor, shown),
        Formula(factor, axes),
        "{},{}->{}".format(*spelled),
        "other" if is_whole else kind,
        is_negative and not is_whole,
        flow,
        about,
        is_whole,
    )


def _beside(rule: Expr, letter: Quantity, tidy: Rewriter) -> tuple[Expr, tuple[Index, ...]] | None:
    """Return what a letter is multiplied with, and its indices; None where it has several."""
    if isinstance(rule, Sum):
        inner = _beside(rule.body, letter, tidy)
        if inner is None or rule.index in {*inner[0].indices, *inner[1]}:
            return inner
        return product(1, [(inner[0], ONE), (Dimension(rule.index), ONE)]), inner[1]
    holding = [f for f in parts(rule)[1] if letter in quantities_in([f[0]])]
    if isinstance(rule, Mul) and len(holding) == 1 and holding[0][1] == 1:
        inside = _beside(holding[0][0], letter, tidy)
        rest = product(rule.coefficient, [f for f in rule.factors if f is not holding[0]])
        # An index of the sum inside is no index of what stands before it.
        if inside is None or rest.indices & _bound(holding[0][0]):
            return None
        return product(1, [(rest, ONE), (inside[0], ONE)]), inside[1]
    # The rule is linear: where it speaks of one entry of g alone, g = 1 gives what it is times.
    places = {x for x in distinct(rule) if isinstance(x, Leaf) and x.quantity is letter}
    if len(places) != 1 or not _bound(rule).isdisjoint((place := places.pop()).axes):
        return None
    return tidy.close(replace(rule, {place: number(1)}))[0], place.axes


def _bound(expr: Expr) -> set[Index]:
    return {each.index for each in distinct(expr) if isinstance(each, Sum)}


def _kind(
    visit: Visit,
    formula: Callable[[Symbol], Formula],
    shown: Formula,
    came: tuple[Index, ...],
) -> tuple[Kind, Formula | None, bool]:
    """Say what a local derivative is made of, and whether it is negative."""
    factor = shown.expr
    coefficient, factors = parts(factor)
    is_negative = coefficient < 0
    positive = opposite(factor) if is_negative else factor
    if not quantities_in([factor]):
        return ("same" if positive == Number(ONE) else "number"), None, is_negative
    entry = visit.contribution
    assert entry is not None
    of, to = (_placed(each, entry.of, came) for each in (entry.of, entry.to))
    if positive == of:
        return "output", None, is_negative
    if positive == product(1, [(of, ONE), (to, -ONE)]):
        return "quotient", None, is_negative
    for base, _ in factors:
        if is_gate(base):
            axes = tuple(axis for axis in shown.axes if axis in base.indices)
            return "gate", Formula(base, axes), is_negative
    for index, argument in enumerate(visit.of.args):
        if index == visit.index or not isinstance(argument, Symbol):
            continue
        written = formula(argument)
        other = _placed(written, entry.of, came)
        if positive == other or _is_renamed(positive, written.expr):
            return "partner", written, is_negative
        if positive == power(other, -1):
            return "divisor", written, is_negative
    if all(base == to for base, _ in factors):
        return "power" if factors[0][1] > 0 else "reciprocal", None, is_negative
    letters = {each.quantity for each in distinct(factor) if isinstance(each, Leaf)}
    if isinstance(of, Leaf) and letters == {of.quantity}:
        return "read off", None, is_negative
    return "other", None, is_negative


def _placed(written: Formula, of: Formula, came: tuple[Index, ...]) -> Expr:
    """Write a vertex at the indices of what came in, aligned as NumPy aligns arrays."""
    indices = iter(came)
    axes = [axis if axis is None else next(indices, None) for axis in of.axes]
    pairs = zip(reversed(written.axes), reversed(axes), strict=False)
    return rename(written.expr, {a: b for a, b in pairs if a is not None and b is not None})


def _is_renamed(one: Expr, other: Expr) -> bool:
    """Whether two letters differ by their indices alone."""
    return isinstance(one, Leaf) and isinstance(other, Leaf) and one.quantity is other.quantity
