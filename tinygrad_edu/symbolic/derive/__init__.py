"""From a recorded graph to its gradient as a formula, step by step."""

from tinygrad_edu.symbolic.notation.javascript import runtime
from tinygrad_edu.symbolic.notation.plain import indices_of, plain_text
from tinygrad_edu.symbolic.notation.reader import parse
from tinygrad_edu.symbolic.notation.writer import places_of

from .contents import Difference, Squashed, difference, letters_alike, squashed
from .derivation import Contribution, Derivation, Formula, Origin, Step
from .derive import derive_named, staged_named
from .report import letters, remarks, write, write_latex
from .rewriting import Rewriting, rewritings
from .slopes import Slope, slope
from .staged import Stage, StagedDerivation
from .trace import Symbol
from .work import Passes, Visit, passes, refuse_without_graph

__all__ = [
    "Contribution",
    "Derivation",
    "Difference",
    "Formula",
    "Origin",
    "Passes",
    "Rewriting",
    "Slope",
    "Squashed",
    "Stage",
    "StagedDerivation",
    "Step",
    "Symbol",
    "Visit",
    "derive_named",
    "difference",
    "indices_of",
    "letters",
    "letters_alike",
    "parse",
    "passes",
    "places_of",
    "plain_text",
    "refuse_without_graph",
    "remarks",
    "rewritings",
    "runtime",
    "slope",
    "squashed",
    "staged_named",
    "write",
    "write_latex",
]
