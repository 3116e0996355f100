"""The proof of an answer that agrees: the claim is recorded, and joined to the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.algebra.expr import Dimension, Quantity
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, Scene
from tinygrad_edu.symbolic.derive.derivation import Derivation, Formula
from tinygrad_edu.symbolic.prove.proof import Proof
from tinygrad_edu.symbolic.prove.prove import prove_named

__all__ = ["proof_of"]


def proof_of(derivation: Derivation, letters: Letters, claim: Claim) -> Proof | None:
    """Join a claim to the gradient by named steps.

    They rest on what the derivation assumes or, where that does not suffice, on what else holds
    on the data. None where no steps were found, or where the claim is not made of recorded
    operations.
    """
    used = tuple(a.statement for a in derivation.assumptions if a.used)
    arrays = {name: _recorded(quantity) for name, quantity in letters.quantities.items()}
    scene = Scene(
        arrays,
        {name: quantity.axes for name, quantity in letters.quantities.items()},
        {n: Formula(Dimension(label), ()).tensor() for n, label in letters.ranges.items()},
        derivation.result.axes,
        np.shape(derivation.computed),
    )
    try:
        with np.errstate(all="ignore"):
            claimed, gradient = claim.compute(scene), derivation.result.tensor()
            for assume in (used, None):
                proof = prove_named(claimed, gradient, Names(arrays, {}), assume)
                if proof:
                    return proof
    except (ValueError, TypeError, AttributeError):  # nothing that was recorded
        pass
    return None


def _recorded(quantity: Quantity) -> Any:
    """Return the Tensor or the constant array that a letter stands for; a call is recorded anew."""
    if quantity.definition is None:
        return quantity.value if quantity.source is None else quantity.source
    return Formula(quantity.leaf, quantity.axes).tensor()
