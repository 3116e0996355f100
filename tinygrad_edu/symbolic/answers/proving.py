"""The proof of an answer that agrees: the claim is recorded, and joined to the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_edu.naming import Names
from tinygrad_edu.symbolic.algebra.expr import Dimension, Quantity, quantities_in
from tinygrad_edu.symbolic.answers.claims import Claim, Letters, source
from tinygrad_edu.symbolic.answers.trials import computed_in
from tinygrad_edu.symbolic.derive.recording import recorded, recorded_again
from tinygrad_edu.symbolic.prove.proof import Proof
from tinygrad_edu.symbolic.prove.prove import prove_named
from tinygrad_edu.tensor import Tensor

__all__ = ["proof_of"]


def proof_of(letters: Letters, claim: Claim, other: Claim | None = None) -> Proof | None:
    """Join a claim to another one, or to what it is compared with, by named steps.

    They rest on what the derivation assumes or, where that does not suffice, on what else holds
    on the data. None where no steps were found, or where the claim is not made of recorded
    operations.
    """
    every = [source(quantity) for quantity in quantities_in(letters.exprs)]
    arrays = [array for array in every if isinstance(array, np.ndarray)]
    # Of what is done to numbers alone NumPy records nothing; y == arange(K) shows what it is.
    indices = any(array.dtype.kind in "iu" for array in arrays)
    for kinds in ("fbiu", "fb") if indices else ("fb",):
        constants = {id(a): _vertex(a) for a in arrays if a.dtype.kind in kinds}
        proof = _proof_over(constants, letters, claim, other)
        if proof is not None:
            return proof
    return None


def _proof_over(
    constants: dict[int, Tensor], letters: Letters, claim: Claim, other: Claim | None
) -> Proof | None:
    """Join a claim to another one, or the gradient, where vertices stand for constant arrays."""
    used = tuple(a.statement for a in letters.derivation.assumptions if a.used)
    sources = map(source, letters.quantities.values())
    graph = [each for each in sources if isinstance(each, Tensor)]
    constants = recorded_again(graph, constants)
    arrays = {
        name: _recorded(letters.quantities[name], constants) for name in letters.names.values()
    }
    named = {n: a for n, a in arrays.items() if isinstance(a, Tensor | np.ndarray)}  # and no ∞
    shape = tuple(1 if axis is None else axis.length for axis in letters.target.axes)
    scene = letters.scene(
        arrays, lambda index: recorded(Dimension(index), (), constants), shape, claim.letters
    )
    with np.errstate(all="ignore"):
        try:
            claimed = computed_in(scene, claim)
        except ValueError:
            return None  # made of what NumPy has and Tensors have not
        if not isinstance(claimed, Tensor):
            if claim.tree is None and np.ndim(claimed):
                return None
            claimed = Tensor(np.broadcast_to(claimed, shape))
        gradient: Any
        if other is None:
            gradient = recorded(letters.target.expr, letters.target.axes, constants)
        else:
            gradient = computed_in(replace(scene, letters=other.letters), other)
        if not isinstance(gradient, Tensor):  # such as 0
            gradient = Tensor(np.broadcast_to(gradient, shape))
        for assume in (used, None):
            try:
                proof = prove_named(claimed, gradient, Names(named, {}), assume)
            except ValueError:  # nothing rests on what the derivation assumes
                continue
            if proof:
                return proof
            if not proof.assumptions:  # there is nothing else that could be assumed
                break
    return None


def _vertex(array: Any) -> Tensor:
    """Return a Tensor that holds an array; a mask, or labels, stay what they are."""
    vertex = Tensor(array)
    vertex.value = array
    return vertex


def _recorded(quantity: Quantity, constants: Mapping[int, Tensor]) -> Any:
    """Return the Tensor or the constant array that a letter stands for; a call is recorded anew."""
    found = source(quantity)
    if quantity.definition is None:
        return constants.get(id(found), found)
    return recorded(quantity.leaf, quantity.axes, constants)
