"""The proof of an answer that agrees: the claim is recorded, and joined to the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.algebra.expr import Dimension, Quantity
from tinygrad_edu.symbolic.answers.claims import Claim, Letters
from tinygrad_edu.symbolic.derive.derivation import Formula
from tinygrad_edu.symbolic.prove.proof import Proof
from tinygrad_edu.symbolic.prove.prove import prove_named
from tinygrad_edu.tensor import Tensor

__all__ = ["proof_of"]


def proof_of(letters: Letters, claim: Claim) -> Proof | None:
    """Join a claim to what it is compared with by named steps.

    They rest on what the derivation assumes or, where that does not suffice, on what else holds
    on the data. None where no steps were found, or where the claim is not made of recorded
    operations.
    """
    used = tuple(a.statement for a in letters.derivation.assumptions if a.used)
    arrays = {name: _recorded(letters.quantities[name]) for name in letters.names.values()}
    shape = tuple(1 if axis is None else axis.length for axis in letters.target.axes)
    scene = letters.scene(
        arrays, lambda label: Formula(Dimension(label), ()).tensor(), shape, claim.letters
    )
    try:
        with np.errstate(all="ignore"):
            claimed, gradient = claim.compute(scene), letters.target.tensor()
            if not isinstance(claimed, Tensor):
                if claim.tree is None and np.ndim(claimed):
                    return None
                claimed = Tensor(np.broadcast_to(claimed, shape))
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
