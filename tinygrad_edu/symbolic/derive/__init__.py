"""From a recorded graph to its gradient as a formula, step by step."""

from .derivation import Contribution, Derivation, Formula, Step
from .derive import derive_named, staged_named
from .report import letters, remarks, write, write_latex
from .slopes import Slope, slope
from .staged import Stage, StagedDerivation
from .trace import Symbol
from .work import Passes, Visit, passes

__all__ = [
    "Contribution",
    "Derivation",
    "Formula",
    "Passes",
    "Slope",
    "Stage",
    "StagedDerivation",
    "Step",
    "Symbol",
    "Visit",
    "derive_named",
    "letters",
    "passes",
    "remarks",
    "slope",
    "staged_named",
    "write",
    "write_latex",
]
