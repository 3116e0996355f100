"""Equations of products, powers and sums of terms: algorithms that no single line says.

The last ones bring a formula into one form: powers of sums written out, fractions joined.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    LONGEST_DECIMAL,
    Add,
    Apply,
    Expr,
    Factor,
    Mul,
    Number,
    Sum,
    divided,
    minuses,
    number,
    opposite,
    order,
    parts,
    power,
    powers_of,
    product,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rules.rule import (
    ONE,
    Match,
    is_call,
    rule,
    within_product,
    within_sum,
    without,
)

__all__ = ["add_exponents", "cancel", "collect", "common_denominator", "common_factor"]
__all__ += ["distribute", "distribute_once", "expand_power", "factor", "join_powers", "leading"]
__all__ += ["power_of_power", "root_of_square", "shared_factors", "split", "turn", "turn_sign"]


def _pairs(expr: Mul, *, cancelling: bool) -> Iterator[tuple[Factor, Factor]]:
    """Yield the pairs of powers of one base in a product, with opposite signs or with the same."""
    for one, other in itertools.combinations(expr.factors, 2):
        if one[0] == other[0] and (one[1] * other[1] < 0) == cancelling:
            yield one, other


@rule("cancel", "x^p · x^(−q) = x^(p−q), x ≠ 0", "equal factors divide out", Mul)
def cancel(expr: Mul, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=True):
        reason = facts.never_zero(pair[0][0])
        if reason is not None:
            yield _joined(expr, pair, *reason)


@rule("join powers", "x^p · x^q = x^(p+q)", "exponents of one base add up", Mul)
def join_powers(expr: Mul, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=False):
        yield _joined(expr, pair)


def _joined(
    expr: Mul, pair: tuple[Factor, Factor], because: str = "", assumed: str | None = None
) -> Match:
    (base, exponent), (_, other) = pair
    return within_product(expr, pair, power(base, exponent + other), because, assumed)


@rule("collect", "m·x + n·x = (m + n)·x", "the distributive law", Add)
def collect(expr: Add, facts: Facts) -> Iterator[Match]:
    seen: dict[tuple[Factor, ...], Expr] = {}
    for term in expr.terms:
        coefficient, factors = parts(term)
        first = seen.get(factors)
        if first is None or not factors:
            seen[factors] = term
            continue
        yield within_sum(expr, (first, term), product(coefficient + parts(first)[0], factors))


@rule("distribute", "x·(y + z) = x·y + x·z", "the distributive law", Mul)
def distribute(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if isinstance(base, Add) and exponent > 0 and exponent.denominator == 1:
            rest = without(expr.factors, ((base, ONE),)) or ()
            right = total(product(expr.coefficient, [*rest, (t, ONE)]) for t in base.terms)
            yield Match(expr, right, right)


@rule("distribute", distribute.equation, distribute.because, Mul)
def distribute_once(expr: Mul, facts: Facts) -> Iterable[Match]:
    """Distribute over a sum, but leave powers of sums alone."""
    once = any(isinstance(base, Add) and exponent == 1 for base, exponent in expr.factors)
    return distribute.matches(expr, facts) if once else ()


@rule("factor", "x·y + x·z = x·(y + z)", "the distributive law", Add)
def factor(expr: Add, facts: Facts) -> Iterator[Match]:
    for sharing in dict.fromkeys(_sharing(expr)):
        split = [parts(term) for term in sharing]
        number = _common_number([coefficient for coefficient, _ in split])
        common = shared_factors([factors for _, factors in split])
        if len(sharing) > 1 and (number != 1 or common):
            inner = (product(n / number, without(f, common) or ()) for n, f in split)
            right = product(number, [*common, (total(inner), ONE)])
            yield within_sum(expr, sharing, right)


@rule("turn a difference", "−x·(y − z) = x·(z − y)", "−1 is a common factor", Mul)
def turn(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Let a difference take the minus that stands before it, or before the sum it stands in."""
    if expr.coefficient < 0:
        for turned in _each_turned(-expr.coefficient, expr.factors):
            yield Match(expr, turned, turned)


def _each_turned(scale: Fraction, factors: tuple[Factor, ...]) -> Iterator[Expr]:
    """Yield −x for a product x: of each factor that holds no more minus signs when it is turned."""
    for base, exponent in factors:
        turned = _turned(base) if exponent == 1 else None
        if turned is not None:
            rest = without(factors, ((base, exponent),)) or ()
            yield product(scale, [*rest, (turned, ONE)])


def _turned(expr: Expr) -> Expr | None:
    """Return −x where it holds no more minus signs than x does, for the difference that x holds."""
    if isinstance(expr, Add):
        turned = opposite(expr)
        return turned if minuses(turned.children) <= minuses(expr.terms) else None
    if isinstance(expr, Sum):
        body = next(_each_turned(*parts(expr.body)), None)
        return None if body is None else expr.rebuild((body,))
    return None


def _sharing(expr: Add) -> Iterator[tuple[Expr, ...]]:
    """Yield terms that have something in common: all, which may share a number, then some."""
    yield expr.terms
    for term in expr.terms:
        for shared in parts(term)[1]:
            yield tuple(t for t in expr.terms if without(parts(t)[1], (shared,)) is not None)


def _common_number(numbers: list[Fraction]) -> Fraction:
    """Return the largest number that all of several are whole multiples of."""
    above, below = (n.numerator for n in numbers), (n.denominator for n in numbers)
    found = Fraction(math.gcd(*above), math.lcm(*below))
    # Of floats that were computed, as 1/√(2π), it is the last digit that they have in common.
    return found if found.denominator <= LONGEST_DECIMAL else ONE


def shared_factors(many: list[tuple[Factor, ...]]) -> tuple[Factor, ...]:
    """Return the powers that all of several products hold."""
    common: list[Factor] = []
    for base, exponent in many[0]:
        while exponent and any(
            without(factors, [*common, (base, exponent)]) is None for factors in many
        ):
            exponent -= 1 if exponent > 0 else -1
            if abs(exponent) < 1:
                exponent = Fraction(0)
        if exponent:
            common.append((base, exponent))
    return tuple(common)


# --- powers whose exponent is an expression, and powers of powers ---------------------------------


def split(expr: Expr) -> tuple[Expr, Expr]:
    """Return the base and the exponent of an expression; whatever is no power has exponent 1."""
    if isinstance(expr, Apply) and expr.op is ops.power:
        return expr.args[0], expr.args[1]
    coefficient, factors = parts(expr)
    if coefficient == 1 and len(factors) == 1:
        base, exponent = factors[0]
        return base, number(exponent)
    return expr, number(1)


@rule("add exponents", "x^p · x^q = x^(p+q), x ≠ 0", "exponents of one base add up", Mul)
def add_exponents(expr: Mul, facts: Facts) -> Iterator[Match]:
    for pair in itertools.combinations(expr.factors, 2):
        if not any(is_call(base, ops.power) for base, _ in pair):
            continue
        (base, p), (other, q) = (_flat(factor) for factor in pair)
        if base != other or p is None or q is None:
            continue
        reason = facts.never_zero(base)
        if reason is not None:
            yield within_product(expr, pair, base ** (p + q), *reason)


def _flat(factor: Factor) -> tuple[Expr, Expr | None]:
    """Return the base and the whole exponent of a factor; None where it is no whole multiple."""
    base, exponent = factor
    if not is_call(base, ops.power):
        return base, number(exponent)
    inner, inside = split(base)
    return inner, exponent * inside if exponent.denominator == 1 else None


@rule("power of a power", "(x^p)^q = x^(p·q), x ≥ 0", "exponents multiply", ops.power, Mul)
def power_of_power(expr: Apply | Mul, facts: Facts) -> Iterator[Match]:
    for left, base, p, q in _nested(expr):
        if facts.sign(base) in {"positive", "nonnegative"}:
            yield _within(expr, left, base ** (p * q), f"{base} ≥ 0")


@rule("root of a square", "(x^2)^q = |x|^(2·q)", "a square forgets the sign", ops.power, Mul)
def root_of_square(expr: Apply | Mul, facts: Facts) -> Iterator[Match]:
    for left, base, p, q in _nested(expr):
        even = isinstance(p, Number) and p.value % 2 == 0
        if even and facts.sign(base) not in {"positive", "nonnegative"}:
            yield _within(expr, left, abs(base) ** (p * q))


def _nested(expr: Apply | Mul) -> Iterator[tuple[Factor, Expr, Expr, Expr]]:
    """Yield every power of a power in an expression: the factor, its base, both exponents."""
    if isinstance(expr, Mul):
        for factor in expr.factors:
            if _is_power(factor[0]):
                yield factor, *split(factor[0]), number(factor[1])
    elif _is_power(expr.args[0]):
        yield (expr, ONE), *split(expr.args[0]), expr.args[1]


def _is_power(expr: Expr) -> bool:
    return split(expr)[0] is not expr if isinstance(expr, Apply | Mul) else False


def _within(expr: Apply | Mul, left: Factor, right: Expr, because: str = "") -> Match:
    if isinstance(expr, Mul):
        return within_product(expr, (left,), right, because)
    return Match(expr, right, right, because)


# --- one form: powers of sums written out, fractions joined ---------------------------------------

#: A power of a sum is written out up to this exponent, and while it has no more terms than this.
LARGEST_POWER = 4
MOST_TERMS = 200


@rule("expand", "(x + y)² = x² + 2·x·y + y²", "the binomial theorem", Mul)
def expand_power(expr: Mul, facts: Facts) -> Iterator[Match]:
    for base, exponent in expr.factors:
        if isinstance(base, Add) and exponent in range(2, LARGEST_POWER + 1):
            n = int(exponent)
            if math.comb(len(base.terms) + n, n) <= MOST_TERMS:
                yield within_product(expr, ((base, exponent),), total(_multinomial(base.terms, n)))


def _multinomial(terms: tuple[Expr, ...], exponent: int) -> Iterator[Expr]:
    """Yield the terms of a power of a sum, with their multiplicities."""
    first, *rest = terms
    if not rest:
        yield first**exponent
        return
    for taken in range(exponent, -1, -1):
        for tail in _multinomial(tuple(rest), exponent - taken):
            yield math.comb(exponent, taken) * first**taken * tail


@rule("common factor", "x/z + y = (x + y·z)/z", "the distributive law", Add)
def common_factor(expr: Add, facts: Facts) -> Match | None:
    """Take out of a sum what all terms share, and the denominators that any term has."""
    powers = [powers_of(parts(term)[1]) for term in expr.terms]
    bases = dict.fromkeys(base for each in powers for base in each)
    least = {base: min(each.get(base, Fraction(0)) for each in powers) for base in bases}
    shared = {base: exponent for base, exponent in least.items() if exponent}
    scale = abs(parts(leading(expr))[0])
    if not shared and scale == 1:
        return None
    inside = total(1 / scale * divided(t, shared) for t in expr.terms)
    right = product(scale, [*shared.items(), (inside, ONE)])
    below = tuple(base for base, exponent in shared.items() if exponent < 0)
    because = f"{', '.join(['{}'] * len(below))} ≠ 0, for it is divided by" if below else ""
    return Match(expr, right, right, because, of=below)


@rule(
    "common denominator",
    "x/b + y/d = (x·d + y·b)/(b·d), b·d ≠ 0",
    "each fraction is expanded by what it lacks",
    Add,
)
def common_denominator(expr: Add, facts: Facts) -> Iterator[Match]:
    every = ((t, powers_of(f for f in parts(t)[1] if f[1] < 0)) for t in expr.terms)
    fractions = [(term, below) for term, below in every if below]
    for (one, b), (other, d) in itertools.combinations(fractions, 2):
        common = {base: min(b.get(base, ZERO), d.get(base, ZERO)) for base in {**b, **d}}
        # What both have below is 0 in both or in neither: the rest is what must not be.
        lacking = [(x, own.get(x, ZERO) - p) for own in (b, d) for x, p in common.items()]
        if not any(power for _, power in lacking):
            continue
        reason = facts.never_zero(product(1, lacking))
        if reason is not None:
            top = total(divided(term, common) for term in (one, other))
            right = product(1, [(top, ONE), *common.items()])
            yield within_sum(expr, (one, other), right, *reason)


ZERO = Fraction(0)


def leading(expr: Add) -> Expr:
    """Return the term that decides the sign and the scale of a sum, whatever these are."""
    return min(expr.terms, key=lambda t: (isinstance(t, Number), order(product(1, parts(t)[1]))))


@rule("turn", "(y − x)^n = (−1)^n·(x − y)^n", "−1 is a common factor", Mul)
def turn_sign(expr: Mul, facts: Facts) -> Iterator[Match]:
    """Let the leading term of a sum be positive, where the sum is raised to a whole power."""
    for base, exponent in expr.factors:
        if isinstance(base, Add) and exponent.denominator == 1 and parts(leading(base))[0] < 0:
            right = product((-1) ** int(exponent), [(opposite(base), exponent)])
            yield within_product(expr, ((base, exponent),), right)
