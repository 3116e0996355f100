"""The named equations of the algebra.

A rule looks at one expression and yields the ways in which its equation applies there. A rule
that only ever tidies is eager; one that may lead up or down is a choice, and the search decides.
No rule knows an exercise: names, definitions and assumptions come in as equations of the
derivation at hand.
"""

from tinygrad_edu.symbolic.algebra.rules import (
    arithmetic,
    cases,
    functions,
    laws,
    stacks,
    sums,
)
from tinygrad_edu.symbolic.algebra.rules.rule import Rule

__all__ = ["CHOICES", "EAGER", "TIDYING", "UNDOING"]

#: Rules that undo something; they come before names are folded, for they make names visible.
UNDOING: tuple[Rule, ...] = (
    arithmetic.cancel,
    *laws.UNDOING,
    cases.decided,
    cases.gate,
    cases.gate_twice,
    cases.opposite_gates,
    arithmetic.power_of_power,
    arithmetic.root_of_square,
    sums.delta_picks,
    sums.delta_sifts,
    sums.index_sifts,
    sums.written_out,
)

#: Rules that tidy up what is left.
TIDYING: tuple[Rule, ...] = (
    *laws.TIDYING,
    functions.odd_function,
    *stacks.ENTRIES,
    *functions.SIGMOIDS,
    cases.compare,
    *laws.COMPARED,
    sums.distribution,
    sums.constant_out,
    sums.sums_to_one,
    sums.sum_of_constant,
    sums.symmetric,
    arithmetic.collect,
    arithmetic.join_powers,
    arithmetic.add_exponents,
    functions.join_exponentials,
)

#: Rules that close a form: each makes it simpler whatever comes next.
EAGER = (*UNDOING, *TIDYING)

#: Rules that the search tries: each may lead to a simpler form or away from it.
CHOICES: tuple[Rule, ...] = (
    arithmetic.distribute,
    sums.sum_of_terms,
    sums.shares,
    stacks.sum_over_stack,
    arithmetic.factor,
    sums.one_sum,
    arithmetic.turn,
    cases.cases,
    arithmetic.common_denominator,
    *laws.MAYBE,
)
