"""From a recorded graph to its gradient as a formula, step by step."""

from .derivation import Contribution, Derivation, Formula, Step
from .derive import derive_named, staged_named
from .report import letters, remarks, write, write_latex
from .staged import Stage, StagedDerivation
from .trace import Symbol
from .work import Passes, Visit, passes

__all__ = [
    "Contribution",
    "Derivation",
    "Formula",
    "Passes",
    "Stage",
    "StagedDerivation",
    "Step",
    "Symbol",
    "Visit",
    "derive_named",
    "letters",
    "passes",
    "remarks",
    "staged_named",
    "write",
    "write_latex",
]
