"""The named equations of the algebra.

A rule looks at one expression and yields the ways in which its equation applies there. A rule
that only ever tidies is eager; one that may lead up or down is a choice, and the search decides.
No rule knows an exercise: names, definitions and assumptions come in as equations of the
derivation at hand.
"""

from __future__ import annotations

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

__all__ = ["CHOICES", "EAGER", "Equation", "Match", "Rule", "complement_of", "without"]

ONE = Fraction(1)


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


def _cancel(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Product):
        return
    for i, (base, exponent) in enumerate(expr.factors):
        for other, opposite in expr.factors[i + 1 :]:
            if other != base or exponent * opposite >= 0:
                continue
            why = facts.nonzero(base)
            if why is None:
                continue
            pair = ((base, exponent), (base, opposite))
            rest = without(expr.factors, pair)
            assert rest is not None
            right = power(base, exponent + opposite)
            result = product(expr.coefficient, [*rest, (right, ONE)])
            assumed = why if why.endswith("≠ 0") else None
            because = f"where {why}" if assumed else why
            yield Match(Product(ONE, pair), right, result, because, assumed)


def _join_powers(expr: Expr, facts: Facts) -> Iterator[Match]:
    if not isinstance(expr, Product):
        return
    for i, (base, exponent) in enumerate(expr.factors):
        for other, second in expr.factors[i + 1 :]:
            if other != base or exponent * second < 0:
                continue
            pair = ((base, exponent), (base, second))
            rest = without(expr.factors, pair)
            assert rest is not None
            right = power(base, exponent + second)
            result = product(expr.coefficient, [*rest, (right, ONE)])
            yield Match(Product(ONE, pair), right, result)


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
            yield Match(expr, one, one, f"assumed: {statement}", statement)


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
    for i, first in enumerate(powers):
        for second in powers[i + 1 :]:
            exponent = total(
                product(n, [(base.children[0], ONE)]) for base, n in (first, second)
            )
            right: Expr = Apply(ops.exp, (exponent,), {})
            if isinstance(exponent, Number) and exponent.value == 0:
                right = Number(ONE)
            rest = without(expr.factors, (first, second))
            assert rest is not None
            result = product(expr.coefficient, [*rest, (right, ONE)])
            yield Match(Product(ONE, (first, second)), right, result)


def _divide_by_exp(expr: Expr, facts: Facts) -> Iterator[Match]:
    """e^x/(c + e^x) = 1/(1 + c e^-x)."""
    if not isinstance(expr, Product):
        return
    for top, one in expr.factors:
        if not (_is(top, ops.exp) and one == 1):
            continue
        for bottom, minus in expr.factors:
            if not (minus == -1 and isinstance(bottom, Total) and top in bottom.terms):
                continue
            constant = _others(bottom.terms, (top,))
            if len(constant) != 1 or not isinstance(constant[0], Number):
                continue
            inverse = Apply(ops.exp, (product(-1, [(top.children[0], ONE)]),), {})
            below = total([Number(ONE), product(constant[0].value, [(inverse, ONE)])])
            right = power(below, -1)
            pair = ((top, ONE), (bottom, -ONE))
            rest = without(expr.factors, pair)
            assert rest is not None
            result = product(expr.coefficient, [*rest, (right, ONE)])
            yield Match(Product(ONE, pair), right, result, "e^x > 0, so it divides both")


def _sign_times_abs(expr: Expr, facts: Facts) -> Iterator[Match]:
    """|x| sign(x) = x."""
    if not isinstance(expr, Product):
        return
    for magnitude, one in expr.factors:
        if _is(magnitude, ops.abs) and one == 1:
            pair = ((magnitude, ONE), (Apply(ops.sign, magnitude.children, {}), ONE))
            rest = without(expr.factors, pair)
            if rest is not None:
                right = magnitude.children[0]
                result = product(expr.coefficient, [*rest, (right, ONE)])
                yield Match(Product(ONE, pair), right, result)


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

    name: str
    left: Expr
    right: Expr
    because: str

    def rule(self) -> Rule:
        """Return the equation as a rule that replaces its left side by its right side."""
        return Rule(self.name, f"{text(self.left)} = {text(self.right)}", self.because, self._apply)

    def _apply(self, expr: Expr, facts: Facts) -> Iterator[Match]:
        if expr == self.left:
            yield Match(expr, self.right, self.right, self.because)
        if isinstance(self.left, Product) and isinstance(expr, Product):
            for direction in (ONE, -ONE):
                taken = tuple((base, p * direction) for base, p in self.left.factors)
                rest = without(expr.factors, taken)
                if rest is None:
                    continue
                scale = self.left.coefficient ** int(direction)
                right = power(self.right, direction)
                result = product(expr.coefficient / scale, [*rest, (right, ONE)])
                if result.size < expr.size:  # 3·a is not to become 3·c/2 because c = 2·a
                    yield Match(product(scale, taken), right, result, self.because)


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


#: Rules that close a form: each makes it simpler whatever comes next.
EAGER: tuple[Rule, ...] = (
    Rule("cancel", "x^p · x^(−q) = x^(p−q), x ≠ 0", "equal factors divide out", _cancel),
    Rule("log undoes exp", "log e^x = x", "the logarithm is the inverse of e^x", _log_of_exp),
    Rule("exp undoes log", "e^(log x) = x, x > 0", "e^x is the inverse of log", _exp_of_log),
    Rule("|x| sign(x)", "|x|·sign(x) = x", "a number is its magnitude times its sign", _sign_times_abs),
    Rule("δ picks", "Σ_k δ_kj·f_k = f_j", "only the term with k = j is not 0", _delta),
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

#: Rules that the search tries: each may lead to a simpler form or away from it.
CHOICES: tuple[Rule, ...] = (
    Rule("distribute", "x·(y + z) = x·y + x·z", "the distributive law", _distribute),
    Rule("Σ of a sum", "Σ(x + y) = Σx + Σy", "a sum can be taken in any order", _sum_of_terms),
    Rule("factor", "x·y + x·z = x·(y + z)", "the distributive law", _factor),
)
