"""Penalties on the weights of a whole model, or of one layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.nn.module import Module
from tinygrad_edu.settings import number
from tinygrad_edu.tensor import Tensor

__all__ = ["l1_and_l2", "penalty", "weights"]


def l1_and_l2(tensors: Sequence[Tensor], l1: Any, l2: Any) -> Any:
    """Return l1·Σ|w| + l2·Σw²; a strength of 0 leaves its term out."""
    terms: list[Any] = []
    if float(l1):
        terms.append(l1 * ops.l1(list(tensors) if len(tensors) > 1 else tensors[0]))
    if float(l2):
        squares = [ops.sum(tensor**2) for tensor in tensors]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        terms.append(l2 * total)
    if not terms:
        return 0.0
    return terms[0] if len(terms) == 1 else terms[0] + terms[1]


def weights(model: Module, *, biases: bool = False) -> list[Tensor]:
    """Return the weights of a model, without the biases.

    Parameters
    ----------
    model : Module
        A layer or a network.
    biases : bool, optional
        Return the biases, too: parameters with fewer than two axes.

    Returns
    -------
    list of Tensor
        In the order of the parameters.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> [w.name for w in nn.weights(nn.Linear(4, 3, rng=np.random.default_rng(0)))]
    ['W']
    """
    return [tensor for tensor in model.parameters() if biases or tensor.ndim > 1]


def penalty(model: Module, *, l1: Any = 0.0, l2: Any = 0.0, biases: bool = False) -> Any:
    """One penalty over all weights of a model: l1·Σ|w| + l2·Σw².

    Parameters
    ----------
    model : Module
        A layer or a network.
    l1, l2 : float, optional
        The strengths, as those of `Linear`.
    biases : bool, optional
        Penalise the biases, too.

    Returns
    -------
    Tensor or float
        A number; 0.0 where both strengths are 0.

    Raises
    ------
    ValueError
        If a strength is negative.

    Notes
    -----
    What is called ℓ2, or could be:

    ======================================== ============= =============
    here                                     adds          its gradient
    ======================================== ============= =============
    ``nn.Linear(…, l2=s)``, ``nn.penalty``   s·Σw²         2·s·w
    ``optim.SGD(…, l2=s)``, Adam, RMSProp    (s/2)·Σw²     s·w
    ``tg.weight_decay(weights, s)``          (s/2)·Σw²     s·w
    ``optim.SGD(…, weight_decay=s)``, AdamW  nothing       w shrinks by 1 − rate·s
    ``tg.l2(weights)``                       ‖w‖₂          w/‖w‖₂
    ======================================== ============= =============

    The first is Keras's ``kernel_regularizer``, the second PyTorch's ``weight_decay``. The last is
    a norm, neither squared nor scaled: β·‖w‖₂ is ``beta * tg.l2(nn.weights(model))``.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> layer = nn.Linear(2, 1, rng=np.random.default_rng(0))
    >>> layer.W.data = np.array([[3.0], [-4.0]])
    >>> nn.penalty(layer, l1=0.5, l2=0.25).item()
    9.75
    """
    number("penalty: l1", l1)
    number("penalty: l2", l2)
    found = weights(model, biases=biases)
    return l1_and_l2(found, l1, l2) if found else 0.0
