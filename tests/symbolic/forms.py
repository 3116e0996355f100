"""Expressions written with Python's operators, for what a derivation is expected to end in."""

from __future__ import annotations

from fractions import Fraction

from tests.symbolic.inside import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Leaf,
    distinct,
    number,
    power,
    product,
    sum_over,
    total,
)
from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY


class Form:
    """An expression with operators."""

    def __init__(self, expr: Expr) -> None:
        self.expr = expr

    def __add__(self, other):
        return Form(total([self.expr, _expr(other)]))

    def __sub__(self, other):
        return Form(total([self.expr, product(-1, [(_expr(other), Fraction(1))])]))

    def __rsub__(self, other):
        return Form(_expr(other)) - self

    def __mul__(self, other):
        return Form(product(1, [(self.expr, Fraction(1)), (_expr(other), Fraction(1))]))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return Form(product(1, [(self.expr, Fraction(1)), (_expr(other), Fraction(-1))]))

    def __pow__(self, exponent):
        if isinstance(exponent, Form):
            return Form(Apply(ops.power, (self.expr, exponent.expr), {}))
        return Form(power(self.expr, exponent))

    def __neg__(self):
        return -1 * self


def _expr(value):
    return value.expr if isinstance(value, Form) else number(value)


ZERO = Form(number(0))


class Letters:
    """The letters of a derivation: ``f("a")`` is a quantity, ``f.N`` the length of a range."""

    def __init__(self, derivation) -> None:
        exprs = [derivation.start.expr, derivation.result.expr, derivation.wrt.expr]
        exprs += [e.expr for pair in derivation.definitions for e in pair]
        leaves = [e for expr in exprs for e in distinct(expr) if isinstance(e, Leaf)]
        self.leaves = {leaf.quantity.name: leaf.quantity.leaf for leaf in leaves}
        labels = [label for leaf in leaves for label in leaf.axes]
        self.labels = {label.letter: label for label in labels if label.place is None}

    def __call__(self, name):
        return Form(self.leaves[name])

    def __getattr__(self, letter):
        return Form(Dimension(self.labels[letter.lower()]))

    def apply(self, op, *args):
        exprs = [self(a).expr if isinstance(a, str) else _expr(a) for a in args]
        return Form(Apply(REGISTRY[op], tuple(exprs), {}))

    def sum(self, letter, form):
        return Form(sum_over([self.labels[letter]], form.expr))

    def at(self, letter, place):
        """δ: 1 where an index is at a place."""
        label = self.labels[letter]
        return Form(Delta(label, label.at(place)))
