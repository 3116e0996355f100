"""The one door of the tests to what is inside `tinygrad_edu.symbolic`.

Rules and the algebra are tested on expressions, which no public call makes. Tests import them
from here, so that a move of a module changes this file alone.
"""

from __future__ import annotations

from tinygrad_edu.symbolic.algebra import definitions as definitions_module
from tinygrad_edu.symbolic.algebra import exact, rewrite
from tinygrad_edu.symbolic.algebra.draws import draws
from tinygrad_edu.symbolic.algebra.evaluate import Environment, magnitudes
from tinygrad_edu.symbolic.algebra.exact import LAWS, LAWS_OF_LOGARITHMS, Judge
from tinygrad_edu.symbolic.algebra.expr import (
    Add,
    Apply,
    Delta,
    Dimension,
    Expr,
    Index,
    Leaf,
    Mul,
    Number,
    Opaque,
    Quantity,
    Sum,
    constant,
    distinct,
    number,
    parts,
    power,
    product,
    quantities_in,
    rename,
    replace,
    sum_over,
    total,
)
from tinygrad_edu.symbolic.algebra.facts import Facts
from tinygrad_edu.symbolic.algebra.rewrite import Normaliser, Rewriter
from tinygrad_edu.symbolic.algebra.rounding import alike
from tinygrad_edu.symbolic.algebra.rules import (
    CHOICES,
    EAGER,
    LEVELS,
    Level,
    arithmetic,
    cases,
    functions,
    laws,
    stacks,
    sums,
)
from tinygrad_edu.symbolic.algebra.rules.arithmetic import shared_factors
from tinygrad_edu.symbolic.algebra.rules.equations import Equation, Equations, complement_of
from tinygrad_edu.symbolic.algebra.rules.law import Law
from tinygrad_edu.symbolic.algebra.rules.rule import Match, Rule, place_of, without
from tinygrad_edu.symbolic.answers.claims import Letters, read
from tinygrad_edu.symbolic.answers.trials import computed, environments, scene
from tinygrad_edu.symbolic.derive import work as work_module
from tinygrad_edu.symbolic.derive.trace import Symbol
from tinygrad_edu.symbolic.notation.form import is_short
from tinygrad_edu.symbolic.notation.grammar import ClaimError
from tinygrad_edu.symbolic.notation.javascript import runtime
from tinygrad_edu.symbolic.notation.written import latex, text
from tinygrad_edu.symbolic.prove import prove as prove_module
from tinygrad_edu.symbolic.prove.agreement import Agreement
