"""The named equations of the algebra.

A rule looks at one expression and yields the ways in which its equation applies there. A rule
that only ever tidies is eager; one that may lead up or down is a choice, and the search decides.
No rule knows an exercise: names, definitions and assumptions come in as equations of the
derivation at hand.
"""

from dataclasses import dataclass

from tinygrad_edu.symbolic.algebra.rules import (
    arithmetic,
    cases,
    functions,
    laws,
    stacks,
    sums,
)
from tinygrad_edu.symbolic.algebra.rules.rule import Rule

__all__ = ["CHOICES", "EAGER", "LEVELS", "TIDYING", "UNDOING", "Level"]

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


# --- proofs ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Level:
    """Rules that take a formula apart so far, and no further; the first that fits is applied.

    `open` are used where a sum stands on its own, `closed` where it is kept together; a level
    that is a `fraction` keeps the whole together.
    """

    open: tuple[Rule, ...]
    closed: tuple[Rule, ...]
    fraction: bool = False

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule, in the order in which they are tried."""
        return tuple(dict.fromkeys((*self.open, *self.closed)))


_PLAIN = (
    *stacks.ENTRIES,
    arithmetic.cancel,
    *laws.UNDOING,
    arithmetic.root_of_square,
    functions.odd_function,
    cases.decided,
    cases.gate_twice,
    sums.delta_picks,
    sums.delta_renames,
    sums.delta_sifts,
    sums.index_sifts,
    *functions.LOGARITHMS,
    stacks.sum_over_stack,
    sums.distribution,
    sums.constant_out,
    sums.separate,
    sums.sum_of_constant,
    arithmetic.collect,
    arithmetic.join_powers,
)
_SPLITTING = (
    *_PLAIN,
    *functions.EXPONENTIALS,
    sums.sum_of_terms,
    stacks.term_by_term,
)
_WRITING_OUT = (*_SPLITTING, arithmetic.distribute_once)
_FEWER = (
    cases.sign_of_product,
    *laws.PIECES,
    cases.choice,
    cases.one_gate,
    cases.where_equal,
    cases.by_cases,
    *laws.FEWER,
    cases.even_multiple,
)
_EVERYTHING = (
    *_FEWER,
    *_WRITING_OUT,
    sums.join_sums,
    sums.exchange,
    laws.power_of_product,
    functions.power_of_prod,
    laws.power_as_exp,
    arithmetic.turn_sign,
    arithmetic.expand_power,
)
_TOGETHER = (
    *_FEWER,
    *_SPLITTING,
    sums.join_sums,
    sums.exchange,
    arithmetic.common_factor,
    laws.power_as_exp,
    arithmetic.turn_sign,
)

LEVELS = (
    Level((*_PLAIN, functions.join_exponentials), (*_PLAIN, functions.join_exponentials)),
    Level(_SPLITTING, _SPLITTING),
    Level(_WRITING_OUT, (*_SPLITTING, arithmetic.common_factor)),
    Level(_EVERYTHING, _TOGETHER),
    Level(_EVERYTHING, _TOGETHER, fraction=True),
)
