"""The lectures' experiments: each is a function with options, and gives a table and a figure.

Each module enters its own with `experiment`; ``python -m tinygrad_edu train NAME`` runs it.

>>> from tinygrad_edu.experiments import EXPERIMENTS
>>> result = EXPERIMENTS["natural-gradient"].run(rate=0.3, halvings=1)
>>> print(round(result.natural["logit"][1], 4))
0.6177
"""

from tinygrad_edu.experiments import (
    convergence,
    curve,
    decay,
    early_stopping,
    fashion,
    natural_gradient,
    optimizers,
    outliers,
    own_gradient,
    paraboloid,
    posterior,
    saturation,
    sparsity,
)
from tinygrad_edu.experiments.command import main
from tinygrad_edu.experiments.experiment import EXPERIMENTS, Experiment, Result, experiment

__all__ = [
    "EXPERIMENTS",
    "Experiment",
    "Result",
    "convergence",
    "curve",
    "decay",
    "early_stopping",
    "experiment",
    "fashion",
    "main",
    "natural_gradient",
    "optimizers",
    "outliers",
    "own_gradient",
    "paraboloid",
    "posterior",
    "saturation",
    "sparsity",
]


def _place(name: str) -> tuple[str, int]:
    """Sort by lecture ids, A5 before A11."""
    first = EXPERIMENTS[name].ids[0]
    return first[0], int(first[1:])


for _name in sorted(EXPERIMENTS, key=_place):
    EXPERIMENTS[_name] = EXPERIMENTS.pop(_name)
