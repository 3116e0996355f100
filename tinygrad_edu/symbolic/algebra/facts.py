"""What is known of expressions: signs that follow from the graph, and assumptions.

The graph gives signs (an exponential is positive, a sum of positives too). What it cannot give
(targets sum to 1, a denominator is not 0) is an assumption: stated, tested on the data, and used
only where it holds and is allowed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.evaluate import ROUNDING, Environment
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
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
    parts,
    product,
    quantities_in,
    sum_over,
)

__all__ = ["Assumption", "Facts"]

_SIGNED = frozenset({"positive", "negative"})

#: How far the data may be from an assumption that counts as holding.
TOLERANCE = 1e-6


Reason = tuple[str, str | None]  # why something holds, and the statement that it assumes


#: How each kind of assumption is stated of an expression.
_STATED = {
    "sums to one": "{} = 1",
    "positive": "{} > 0",
    "nonnegative": "{} ≥ 0",
    "nonzero": "{} ≠ 0",
    "symmetric": "{0} = {0}ᵀ",
    "constant": "{} is constant",
    "equal": "{} = {}",
}


@dataclass(frozen=True)
class Assumption:
    """A statement that the graph does not imply.

    Attributes
    ----------
    kind : str
        "sums to one", "positive", "nonnegative", "nonzero", "symmetric", "constant" or "equal".
    expr : Expr
        What it is said of: of a sum that it is 1, of a letter that it is symmetric.
    statement : str
        As it is printed and as `assume` names it, such as "Σy = 1".
    holds : bool
        Whether it is true of the data.
    deviation : float
        By how much the data miss it; 0 where there is nothing to measure.
    used : bool
        Whether the derivation rests on it.
    """

    kind: str
    expr: Expr
    statement: str = ""
    holds: bool = True
    deviation: float = 0.0
    used: bool = False

    @property
    def drawn(self) -> dict[Quantity, int | None]:
        """The letters that random numbers obey it with, and the axis along which they sum to 1.

        None is for a symmetric matrix.
        """
        expr = self.expr
        if self.kind == "symmetric":
            return dict.fromkeys(quantities_in([expr]))
        if self.kind != "sums to one" or not isinstance(expr, Sum):
            return {}
        if not isinstance(expr.body, Leaf):
            return {}
        places = [i for i, axis in enumerate(expr.body.quantity.axes) if axis is not None]
        return {expr.body.quantity: places[expr.body.axes.index(expr.index)]}


class _Said:
    """A statement in somebody's spelling: "Σₖ y = 1", "sum(y) == 1" and "Σy=1" say the same."""

    def __init__(self, said: str | Assumption) -> None:
        text = said.statement if isinstance(said, Assumption) else said
        for pattern, plain in _SPELLINGS:
            text = re.sub(pattern, plain, text)
        over = re.search(r"Σ(_\{?([a-z]+)\}?(?=[\s(])|[ₐ-ₜᵢᵣᵤᵥⱼ]+)", text)
        self.over = over and unicodedata.normalize("NFKC", over[2] or over[1])
        text = "".join((text if over is None else text.replace(over[0], "Σ", 1)).split())
        left, relation, right = re.sub(r"Σ\((\w+)\)", r"Σ\1", text).partition("=")
        if relation and (left.isdigit() or left == f"{right}ᵀ"):
            left, right = right, left
        self.plain = f"{left}{relation}{right}"

    def means(self, other: _Said) -> bool:
        """Whether both say the same; which axis a sum is over may be left open."""
        same = self.over is None or other.over is None or self.over == other.over
        return same and self.plain == other.plain


#: What stands in statements for what is printed.
_SPELLINGS = (
    (r",?\s*(axis|keepdims)\s*=\s*\w+", ""),
    (r"(\w+)\.sum\(\)", r"Σ\1"),
    (r"(np\.|tg\.)?\bsum\(", "Σ("),
    (r"∑", "Σ"),
    (r"\.T\b|\^T\b|\^⊤", "ᵀ"),
    (r"-", "−"),
    (r"[*⊙]", "·"),
    (r"==", "="),
    (r">=", "≥"),
    (r"!=", "≠"),
)


def _at_its_own_indices(index: Index, leaf: Leaf) -> Sum:
    """Return the sum of a letter with the indices that it has by itself, as it is stated."""
    own = leaf.quantity.leaf
    apart = len({*leaf.axes}) == len(own.axes) and all(a.place is None for a in leaf.axes)
    if apart and index in leaf.axes:
        index, leaf = own.axes[leaf.axes.index(index)], own
    found = sum_over((index,), leaf)
    assert isinstance(found, Sum)
    return found


#: Functions whose magnitude is below 1.
_BOUNDED = frozenset({ops.sigmoid, ops.tanh})
#: What has the sign of its first argument, where that is not negative.
_KEEPING = frozenset({ops.power, ops.prod})


class Facts:
    """Signs and assumptions for one derivation.

    Parameters
    ----------
    data : Environment
        The recorded values.
    allowed : iterable of str or Assumption, or None
        The assumptions that may be used; None allows all that hold.
    constants : callable
        Whether a leaf is held constant, so that something may be assumed of it.
    """

    def __init__(
        self,
        data: Environment,
        allowed: Iterable[str | Assumption] | None = None,
        constants: Callable[[Leaf], bool] = lambda leaf: True,
    ) -> None:
        self.data = data
        self.allowed = None if allowed is None else list(allowed)
        self.is_constant = constants
        self.met: dict[str, Assumption] = {}  # by their statements
        self._signs: dict[Expr, str] = {}
        self._nonzero: dict[Expr, str | None] = {}

    # --- signs ------------------------------------------------------------------------------------

    def sign(self, expr: Expr) -> str:
        """Return "positive", "nonnegative", "negative", or "" where nothing is known."""
        found = self._signs.get(expr)
        if found is None:
            found = self._signs[expr] = self._sign(expr)
        return found

    def declare_positive(self, expr: Expr) -> None:
        """Enter what follows from a definition; it must come before anything is asked."""
        self._signs[expr] = "positive"

    def _sign(self, expr: Expr) -> str:
        if isinstance(expr, Number):
            value = expr.value
            return "positive" if value > 0 else "negative" if value else "nonnegative"
        if isinstance(expr, Dimension):
            return "positive"
        if isinstance(expr, Leaf):
            named = not expr.quantity.sign and expr.quantity.definition is not None
            return self._sign_of_name(expr) if named else expr.quantity.sign
        if isinstance(expr, Sum):
            return self.sign(expr.body) if expr.index.length else self._at_least_zero(expr.body)
        if isinstance(expr, Mul):
            return self._sign_of_product(expr)
        if isinstance(expr, Add):
            return self._sign_of_sum(expr)
        if expr.op in _KEEPING:
            base = expr.children[0]
            return "positive" if self.sign(base) == "positive" else self._at_least_zero(base)
        return "" if expr.op is None else expr.op.positive

    def _at_least_zero(self, expr: Expr) -> str:
        return "nonnegative" if self.sign(expr) in {"positive", "nonnegative"} else ""

    def _sign_of_sum(self, expr: Add) -> str:
        signs = {self.sign(term) for term in expr.terms}
        if signs <= {"positive", "nonnegative"}:
            return "positive" if "positive" in signs else "nonnegative"
        if signs == {"negative"}:
            return "negative"
        # 1 − σ(x), 1 ± tanh(x) or the like
        numbers = [t.value for t in expr.terms if isinstance(t, Number)]
        others = [parts(t) for t in expr.terms if not isinstance(t, Number)]
        if not numbers or len(others) != 1:
            return ""
        ((scale, factors),) = others
        below = len(factors) == 1 and self._is_below_one(*factors[0])
        return "positive" if below and abs(scale) <= numbers[0] else ""

    def _is_below_one(self, base: Expr, exponent: Fraction) -> bool:
        """Whether the magnitude of a power is below 1: of a sigmoid, a tanh, or 1/(1 + e^x)."""
        call = base.quantity.source if isinstance(base, Leaf) else base
        if isinstance(call, Apply | Opaque):
            return exponent > 0 and call.op in _BOUNDED
        if not isinstance(base, Add) or exponent > 0:
            return False
        numbers = [t for t in base.terms if isinstance(t, Number) and t.value >= 1]
        rest = [t for t in base.terms if t not in numbers]
        return bool(numbers and rest) and all(self.sign(t) == "positive" for t in rest)

    def _sign_of_name(self, leaf: Leaf) -> str:
        """Return the sign of what a letter stands for; what that is made of first, in a loop."""
        pending, found = [leaf], ""
        while pending:
            meaning = pending[-1].quantity.definition
            assert meaning is not None
            leaves = [e for e in distinct(meaning) if isinstance(e, Leaf) and e not in self._signs]
            missing = [
                e for e in leaves if e.quantity.definition is not None and not e.quantity.sign
            ]
            pending += missing
            if not missing:
                found = self._signs[pending.pop()] = self.sign(meaning)
        return found

    def _sign_of_product(self, expr: Mul) -> str:
        strict, flips = True, expr.coefficient < 0
        for base, exponent in expr.factors:
            sign = self.sign(base)
            if sign == "positive":
                continue
            if exponent.denominator == 1 and exponent % 2 == 0:
                strict = strict and sign == "negative"
            elif sign == "nonnegative":
                strict = False
            elif sign == "negative" and exponent.denominator == 1:
                flips = not flips
            elif exponent == Fraction(1, 2):
                strict = False
            else:
                return ""
        if flips:
            return "negative" if strict else ""
        return "positive" if strict else "nonnegative"

    # --- assumptions ------------------------------------------------------------------------------

    def nonzero(self, expr: Expr) -> str | None:
        """Say why an expression is not zero; None where that is neither known nor assumed."""
        if expr not in self._nonzero:
            self._nonzero[expr] = self._why_nonzero(expr)
        return self._nonzero[expr]

    def _why_nonzero(self, expr: Expr) -> str | None:
        if self.sign(expr) in _SIGNED:
            return f"{expr} {'>' if self.sign(expr) == 'positive' else '<'} 0"
        # A power is 0 nowhere if its base is not, and what is known of factors is not assumed.
        unknown = [base for base, _ in parts(expr)[1] if self.sign(base) not in _SIGNED]
        about = product(1, [(base, Fraction(1)) for base in dict.fromkeys(unknown)])
        holds = all(np.all(self.data.value(e)[0] != 0) for e in (expr, about))
        return self._use("nonzero", about, bool(holds))

    def never_zero(self, expr: Expr) -> Reason | None:
        """Return the reason why an expression is not zero, and what that assumes."""
        why = self.nonzero(expr)
        if why is None:
            return None
        return (f"where {why}", why) if why in self.met else (why, None)

    def nonnegative(self, expr: Expr) -> Reason | None:
        """Say why a constant is not negative; None where that is neither known nor assumed."""
        known = self.positive(expr, strictly=False)
        if known is not None or not self.is_fixed(expr):
            return known
        statement = self.assumed(expr, "≥")
        return None if statement is None else (statement, statement)

    def differ(self, one: Expr, other: Expr) -> Reason | None:
        """Return the reason why two expressions are never equal, and what that assumes.

        It is assumed of constants only: elsewhere a tie is a case of its own.
        """
        apart = one - other
        known = self.sign(apart) in _SIGNED or self.is_fixed(apart)
        return self.never_zero(apart) if known else None

    def is_fixed(self, expr: Expr) -> bool:
        """Whether nothing in an expression varies with what is differentiated."""
        return all(self.is_constant(leaf) for leaf in distinct(expr) if isinstance(leaf, Leaf))

    def positive(self, expr: Expr, *, strictly: bool = True) -> Reason | None:
        """Say why an expression is positive, or not negative; None where that is not known."""
        if self.sign(expr) in ({"positive"} if strictly else {"positive", "nonnegative"}):
            return f"{expr} {'>' if strictly else '≥'} 0", None
        return None

    def assumed(self, expr: Expr, relation: str) -> str | None:
        """Return the statement that an expression is > 0 or ≥ 0, if that may be used."""
        values = self.data.value(expr)[0]
        kind, fits = ("positive", values > 0) if relation == ">" else ("nonnegative", values >= 0)
        return self._use(kind, expr, bool(np.all(fits)), float(np.max(-values, initial=0)))

    def constant(self, leaf: Leaf) -> str | None:
        """Return the statement that a letter is held constant, if that may be used."""
        return self._use("constant", leaf, True)

    def equal(self, one: Expr, other: Expr) -> str | None:
        """Return the statement that two expressions are equal, if that may be used."""
        indices = sorted(one.indices | other.indices, key=lambda index: index.order)
        both = (self.data.array(each, indices) for each in (one, other))
        gap = np.subtract(*both, dtype=np.float64)  # of masks too
        deviation = float(np.max(np.abs(gap), initial=0))
        return self._use("equal", one, deviation <= TOLERANCE, deviation, other)

    def symmetric(self, leaf: Leaf) -> str | None:
        """Return the statement that a constant matrix is symmetric, if that may be used.

        Of one that is not, nothing is said unless somebody named it.
        """
        leaf = leaf.quantity.leaf
        ranges = {axis.range for axis in leaf.axes}
        if len(leaf.axes) != 2 or len(leaf.indices) != 2 or len(ranges) != 1:
            return None
        if not self.is_constant(leaf) or leaf.axes[0].length < 2:
            return None
        values = self.data.array(leaf, leaf.axes)
        deviation = float(np.max(np.abs(values - values.T)))
        holds = deviation <= ROUNDING * float(np.max(np.abs(values)))
        if not holds and self.allowed is None:
            return None
        return self._use("symmetric", leaf, holds, deviation)

    def sums_to_one(self, expr: Sum) -> str | None:
        """Return the statement that a constant sums to 1, if that may be used."""
        if not isinstance(expr.body, Leaf) or not self.is_constant(expr.body):
            return None
        expr = _at_its_own_indices(expr.index, expr.body)
        assert isinstance(expr.body, Leaf)
        deviation = self._distance_to(expr, 1)
        holds = deviation <= TOLERANCE
        if holds and self.allowed is None and self._by_chance(expr.index, expr.body):
            return None
        return self._use("sums to one", expr, holds, deviation)

    def shares(self, expr: Sum) -> str | None:
        """Return the statement that c + f_k are shares of 1, if that may be used.

        Then c was computed from the length of the data, as ε/3 in ε/3 + (1 − ε)·y.
        """
        body = expr.body
        if not isinstance(body, Add) or all(expr.index in term.indices for term in body.terms):
            return None
        if any(isinstance(each, Dimension) for each in distinct(body)) or not self.is_fixed(body):
            return None
        deviation = self._distance_to(expr, 1)
        if np.min(self.data.value(body)[0], initial=0) < 0 or deviation > TOLERANCE:
            return None
        return self._use("sums to one", expr, True, deviation)

    def _distance_to(self, expr: Expr, value: float) -> float:
        return float(np.max(np.abs(self.data.value(expr)[0] - value), initial=0))

    def _by_chance(self, index: Index, leaf: Leaf) -> bool:
        """Whether a later axis sums to 1 as well: classes come last, so that is the one meant."""
        later = leaf.axes[leaf.axes.index(index) + 1 :] if index in leaf.axes else ()
        return any(self._distance_to(Sum(other, leaf), 1) <= TOLERANCE for other in later)

    def _use(
        self,
        kind: str,
        expr: Expr,
        holds: bool,
        deviation: float = 0.0,
        other: Expr | None = None,
    ) -> str | None:
        """Enter what was asked for, and return its statement if it may be used."""
        axes = expr.axes if isinstance(expr, Leaf) else ()
        same = "" if other is None else other.written(axes=axes)
        statement = _STATED[kind].format(expr, same)
        while statement in self.met and self.met[statement].expr != expr:
            statement += "′"  # two expressions that print alike, such as maxima over other axes
        self.met[statement] = Assumption(kind, expr, statement, holds, deviation)
        return statement if holds and self._is_allowed(statement) else None

    def _is_allowed(self, statement: str) -> bool:
        if self.allowed is None:
            return True
        printed = _Said(statement)
        return any(_Said(said).means(printed) for said in self.allowed)

    def refuse_unknown(self, asker: str = "derive") -> None:
        """Raise where something was allowed that the derivation never asked for."""
        met = list(map(_Said, self.met))
        for said in self.allowed or ():
            if not any(map(_Said(said).means, met)):
                known = ", ".join(map(repr, self.met)) or "none"
                statement = said.statement if isinstance(said, Assumption) else said
                raise ValueError(
                    f"{asker}: nothing here rests on the assumption {statement!r}; the statements "
                    f"that it asks for are: {known}"
                )

    def assumptions(self, used: Collection[str], result: Expr) -> list[Assumption]:
        """Return the assumptions that were used, and those that the result still waits for."""
        inside = set(distinct(result))
        return [
            replace(assumption, used=assumption.statement in used)
            for assumption in self.met.values()
            if assumption.statement in used
            or (
                assumption.expr in inside
                and not (assumption.holds and self._is_allowed(assumption.statement))
            )
        ]
