"""The named equations of the algebra.

A rule looks at one expression and yields the ways in which its equation applies there. A rule
that only ever tidies is eager; one that may lead up or down is a choice, and the search decides.
No rule knows an exercise: names, definitions and assumptions come in as equations of the
derivation at hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from tinygrad_edu import ops
from tinygrad_edu.symbolic.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Factor,
    Leaf,
    Number,
    Opaque,
    Product,
    Sum,
    Total,
    parts,
    power,
    product,
    rename,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.facts import Facts
from tinygrad_edu.symbolic.notation import text

__all__ = [
    "CHOICES",
    "EAGER",
    "TIDYING",
    "UNDOING",
    "Equation",
    "Equations",
    "Match",
    "Rule",
    "complement_of",
    "without",
]

ONE = Fraction(1)
ZERO = Number(Fraction(0))


@dataclass(frozen=True)
class Match:
    """One way in which a rule applies at an expression.

    `left` and `right` are the two sides of the equation as it applied here, `result` is what the
    whole expression becomes, `because` the sentence that says why, and `assumption` the
    statement it rests on, if any.
    """

    left: Expr
    right: Expr
    result: Expr
    because: str = ""
    assumption: str | None = None


@dataclass(frozen=True)
class Rule:
    """A named equation with the sentence that says why it holds."""

    name: str
    equation: str
    because: str
    apply: Callable[[Expr, Facts], Iterator[Match]]

    def __str__(self) -> str:
        return f"{self.name}: {self.equation}"


def without(factors: tuple[Factor, ...], taken: Iterable[Factor]) -> tuple[Factor, ...] | None:
    """Divide powers out of a product's factors; None where they are not all there.

    A factor x^q holds x^p if p and q have one sign and q is no nearer to 0.
    """
    rest = list(factors)
    for base, exponent in taken:
        fits = [
            (held != exponent, place)  # the very same power first
            for place, (other, held) in enumerate(rest)
            if other == base and held / exponent >= 1
        ]
        if not fits:
            return None
        _, place = min(fits)
        left_over = rest[place][1] - exponent
        rest[place : place + 1] = [(base, left_over)] if left_over else []
    return tuple(rest)


# --- tidying --------------------------------------------------------------------------------------


def _pairs(expr: Expr, *, cancelling: bool) -> Iterator[tuple[Factor, Factor]]:
    """Yield the pairs of powers of one base in a product, with opposite signs or with the same."""
    if not isinstance(expr, Product):
        return
    powers: dict[Expr, list[Fraction]] = {}
    for base, exponent in expr.factors:
        for other in powers.setdefault(base, []):
            if (other * exponent < 0) == cancelling:
                yield (base, other), (base, exponent)
        powers[base].append(exponent)


def _cancel(expr: Expr, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=True):
        why = facts.nonzero(pair[0][0])
        if why is not None:
            assumed = why if why.endswith("≠ 0") else None
            yield _joined(expr, pair, f"where {why}" if assumed else why, assumed)


def _join_powers(expr: Expr, facts: Facts) -> Iterator[Match]:
    for pair in _pairs(expr, cancelling=False):
        yield _joined(expr, pair)


def _joined(
    expr: Expr, pair: tuple[Factor, Factor], because: str = "", assumed: str | None = None
) -> Match:
    (base, exponent), (_, other) = pair
    return _within_product(expr, pair, power(base, exponent + other), because, assumed)


def _within_product(
    expr: Expr,
    left: tuple[Factor, ...],
    right: Expr,
    because: str = "",
    assumed: str | None = None,
) -> Match:
    """Replace some powers of a product by an expression."""
    assert isinstance(expr, Product)
    rest = without(expr.factors, left)
    assert rest is not None
    result = product(expr.coefficient, [*rest, (right, ONE)])
    return Match(Product(ONE, left), right, result, because, assumed)


def _collect(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Total):
        return
    seen: dict[tuple[Factor, ...], Expr] = {}
    for term in expr.terms:
        coefficient, factors = parts(term)
        first = seen.get(factors)
        if first is None or not factors:
            seen[factors] = term
            continue
        joined = product(coefficient + parts(first)[0], factors)
        rest = _others(expr.terms, (first, term))
        yield Match(Total((first, term)), joined, total([*rest, joined]))


def _others(terms: tuple[Expr, ...], taken: Iterable[Expr]) -> list[Expr]:
    """Return the terms but for one occurrence of each of those taken."""
    rest = list(terms)
    for term in taken:
        rest.remove(term)
    return rest


def _constant_out(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Sum):
        return
    coefficient, factors = parts(expr.body)
    outside = [f for f in factors if expr.label not in f[0].labels]
    inside = [f for f in factors if expr.label in f[0].labels]
    if not inside or (not outside and coefficient == 1):
        return
    right = product(coefficient, [*outside, (sum_over((expr.label,), product(1, inside)), ONE)])
    which = text(product(coefficient, outside))
    yield Match(expr, right, right, f"{which} does not depend on {expr.label.letter}")


def _sum_of_constant(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Sum) and expr.label not in expr.body.labels:
        right = product(1, [(Dimension(expr.label), ONE), (expr.body, ONE)])
        yield Match(expr, right, right)


def _sums_to_one(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Sum):
        statement = facts.sums_to_one(expr)
        if statement is not None:
            one = Number(ONE)
            yield Match(expr, one, one, f"{statement}, which holds on the data", statement)


def _distribution(expr: Expr, facts: Facts) -> Iterator[Match]:
    """Σ_k softmax(z)_k = 1, and so does every row of a one-hot matrix."""
    if isinstance(expr, Sum) and isinstance(expr.body, Opaque) and expr.body.op.distribution:
        axes = expr.body.axes
        if axes[expr.body.attributes.get("axis", -1)] is expr.label:
            one = Number(ONE)
            yield Match(expr, one, one, f"{text(expr.body)} is a distribution")


def _delta(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Sum):
        return
    coefficient, factors = parts(expr.body)
    for place, (base, exponent) in enumerate(factors):
        if isinstance(base, Delta) and exponent == 1 and expr.label in base.axes:
            other = base.axes[0] if base.axes[1] is expr.label else base.axes[1]
            body = product(coefficient, factors[:place] + factors[place + 1 :])
            right = rename(body, {expr.label: other})
            yield Match(expr, right, right)


# --- functions ------------------------------------------------------------------------------------


def _is(expr: Expr, op: object) -> bool:
    return isinstance(expr, Apply) and expr.op is op


def _log_of_exp(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Apply) and expr.op is ops.log and _is(expr.args[0], ops.exp):
        right = expr.args[0].children[0]
        yield Match(expr, right, right)


def _exp_of_log(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Apply) and expr.op is ops.exp and _is(expr.args[0], ops.log):
        right = expr.args[0].children[0]
        if facts.sign(right) == "positive":
            yield Match(expr, right, right, f"{text(right)} > 0")


def _exp_of_sum(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Product):
        return
    powers = [f for f in expr.factors if _is(f[0], ops.exp) and f[1].denominator == 1]
    for pair in itertools.combinations(powers, 2):
        exponent = total(product(n, [(base.children[0], ONE)]) for base, n in pair)
        right: Expr = Apply(ops.exp, (exponent,), {})
        if exponent == ZERO:
            right = Number(ONE)
        yield _within_product(expr, pair, right)


def _divide_by_exp(expr: Expr, facts: Facts) -> Iterator[Match]:
    """e^x/(c + e^x) = 1/(1 + c e^-x)."""
    if not isinstance(expr, Product):
        return
    sums = [b for b, exponent in expr.factors if exponent == -1 and isinstance(b, Total)]
    for bottom in sums:
        constants = [t for t in bottom.terms if isinstance(t, Number)]
        tops = [t for t in bottom.terms if (t, ONE) in expr.factors]
        if len(bottom.terms) != 2 or len(constants) != 1 or len(tops) != 1:
            continue
        (constant,), (top,) = constants, tops
        if _is(top, ops.exp):
            inverse = Apply(ops.exp, (product(-1, [(top.children[0], ONE)]),), {})
            below = total([Number(ONE), product(constant.value, [(inverse, ONE)])])
            pair = ((top, ONE), (bottom, -ONE))
            yield _within_product(expr, pair, power(below, -1), "e^x > 0, so it divides both")


def _sign_times_abs(expr: Expr, facts: Facts) -> Iterator[Match]:
    """|x| sign(x) = x."""
    if not isinstance(expr, Product):
        return
    for magnitude, exponent in expr.factors:
        if _is(magnitude, ops.abs) and exponent >= 1:
            pair = ((magnitude, ONE), (Apply(ops.sign, magnitude.children, {}), ONE))
            if without(expr.factors, pair) is not None:
                yield _within_product(expr, pair, magnitude.children[0])


# --- choices --------------------------------------------------------------------------------------


def _distribute(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Product):
        return
    for place, (base, exponent) in enumerate(expr.factors):
        if isinstance(base, Total) and exponent > 0 and exponent.denominator == 1:
            left_over = [(base, exponent - 1)] if exponent > 1 else []
            rest = [*expr.factors[:place], *left_over, *expr.factors[place + 1 :]]
            right = total(product(expr.coefficient, [*rest, (t, ONE)]) for t in base.terms)
            yield Match(expr, right, right)


def _sum_of_terms(expr: Expr, facts: Facts) -> Iterator[Match]:
    if isinstance(expr, Sum) and isinstance(expr.body, Total):
        right = total(sum_over((expr.label,), t) for t in expr.body.terms)
        yield Match(expr, right, right)


def _factor(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Total):
        return
    tried: set[tuple[tuple[Factor, ...], tuple[Expr, ...]]] = set()
    for term in expr.terms:
        for shared in parts(term)[1]:
            sharing = [t for t in expr.terms if without(parts(t)[1], (shared,)) is not None]
            if len(sharing) < 2:
                continue
            common = _common([parts(t)[1] for t in sharing])
            key = (common, tuple(sharing))
            if key in tried:
                continue
            tried.add(key)
            inner = []
            for t in sharing:
                coefficient, factors = parts(t)
                rest = without(factors, common)
                assert rest is not None
                inner.append(product(coefficient, rest))
            right = product(1, [*common, (total(inner), ONE)])
            result = total([*_others(expr.terms, sharing), right])
            yield Match(total(sharing), right, result)


def _common(many: list[tuple[Factor, ...]]) -> tuple[Factor, ...]:
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


# --- equations that a derivation brings along ----------------------------------------------------


@dataclass(frozen=True)
class Equation:
    """An equation of one derivation: a name and its definition, or a lemma that follows."""

    left: Expr
    right: Expr
    because: str

    def at(self, expr: Expr) -> Iterator[Match]:
        """Yield where the left side stands: as the whole, or among the factors of a product."""
        if expr == self.left:
            yield Match(expr, self.right, self.right, self.because)
        elif isinstance(self.left, Product) and isinstance(expr, Product):
            yield from self._among_factors(self.left, expr)

    def _among_factors(self, left: Product, expr: Product) -> Iterator[Match]:
        for direction in (ONE, -ONE):
            taken = tuple((base, p * direction) for base, p in left.factors)
            rest = without(expr.factors, taken)
            if rest is None:
                continue
            scale = left.coefficient ** int(direction)
            right = power(self.right, direction)
            result = product(expr.coefficient / scale, [*rest, (right, ONE)])
            if result.size < expr.size:  # 3·a is not to become 3·c/2 because c = 2·a
                yield Match(product(scale, taken), right, result, self.because)


class Equations:
    """Equations of one derivation that are used in the same way, as one rule.

    They are found by what stands on their left, so that a hundred cost no more than one.
    """

    def __init__(self, name: str, equations: Iterable[Equation] = ()) -> None:
        self.name = name
        self._by_left: dict[Expr, list[Equation]] = {}
        for equation in equations:
            self.add(equation)

    def add(self, equation: Equation) -> None:
        """Add one; those that were there before are tried first."""
        left = equation.left
        key = left.factors[0][0] if isinstance(left, Product) else left
        self._by_left.setdefault(key, []).append(equation)

    def rule(self, unless: Callable[[Equation], bool] = lambda equation: False) -> Rule:
        """Return the rule that replaces left sides by right sides, but for some equations."""

        def apply(expr: Expr, facts: Facts) -> Iterator[Match]:
            for key in (expr, *(base for base, _ in parts(expr)[1])):
                for equation in self._by_left.get(key, ()):
                    if not unless(equation):
                        yield from equation.at(expr)

        return Rule(self.name, "", "", apply)


def complement_of(name: Leaf, meaning: Expr) -> tuple[Expr, Expr] | None:
    """Return the two sides of u·z = c - n·z for a quantity z = c/(n + u), else None."""
    coefficient, factors = parts(meaning)
    for place, (base, exponent) in enumerate(factors):
        if exponent == -1 and isinstance(base, Total) and len(base.terms) == 2:
            numbers = [t for t in base.terms if isinstance(t, Number)]
            if len(numbers) != 1:
                continue
            (other,) = _others(base.terms, numbers)
            numerator = product(coefficient, factors[:place] + factors[place + 1 :])
            right = total([numerator, product(-numbers[0].value, [(name, ONE)])])
            return product(1, [(other, ONE), (name, ONE)]), right
    return None


#: Rules that undo something; they come before names are folded, for they make names visible.
UNDOING: tuple[Rule, ...] = (
    Rule("cancel", "x^p · x^(−q) = x^(p−q), x ≠ 0", "equal factors divide out", _cancel),
    Rule("log undoes exp", "log e^x = x", "the logarithm is the inverse of e^x", _log_of_exp),
    Rule("exp undoes log", "e^(log x) = x, x > 0", "e^x is the inverse of log", _exp_of_log),
    Rule("|x| sign(x)", "|x|·sign(x) = x", "its magnitude times its sign", _sign_times_abs),
    Rule("δ picks", "Σ_k δ_kj·f_k = f_j", "only the term with k = j is not 0", _delta),
)

#: Rules that tidy up what is left.
TIDYING: tuple[Rule, ...] = (
    Rule("divide by e^x", "e^x/(c + e^x) = 1/(1 + c·e^(−x))", "e^x > 0", _divide_by_exp),
    Rule("distribution", "Σ_k p_k = 1", "probabilities sum to 1", _distribution),
    Rule("assumption", "Σ_k y_k = 1", "tested on the data", _sums_to_one),
    Rule(
        "constant out of Σ",
        "Σ_k c·f_k = c·Σ_k f_k",
        "the distributive law, for what does not depend on k",
        _constant_out,
    ),
    Rule("Σ of a constant", "Σ_k c = K·c", "K equal terms", _sum_of_constant),
    Rule("collect", "m·x + n·x = (m + n)·x", "the distributive law", _collect),
    Rule("join powers", "x^p · x^q = x^(p+q)", "exponents of one base add up", _join_powers),
    Rule("join exponentials", "e^x · e^y = e^(x+y)", "the law of exponents", _exp_of_sum),
)

#: Rules that close a form: each makes it simpler whatever comes next.
EAGER = (*UNDOING, *TIDYING)

#: Rules that the search tries: each may lead to a simpler form or away from it.
CHOICES: tuple[Rule, ...] = (
    Rule("distribute", "x·(y + z) = x·y + x·z", "the distributive law", _distribute),
    Rule("Σ of a sum", "Σ(x + y) = Σx + Σy", "a sum can be taken in any order", _sum_of_terms),
    Rule("factor", "x·y + x·z = x·(y + z)", "the distributive law", _factor),
)
