"""Gradient clipping: between ``gradients(...)`` and ``optimizer.step(...)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.optim.vectors import first_nonfinite, global_norm
from tinygrad_edu.settings import number

__all__ = ["clip_by_norm", "clip_by_value"]


@guided
def clip_by_norm(gradients: Sequence[NDArray[Any]], limit: float) -> float:
    r"""Shorten all gradients together, in place, where their joint norm exceeds a limit.

    Parameters
    ----------
    gradients : sequence of ndarray
        Changed in place; read as one long vector, so that its direction stays.
    limit : float
        The largest norm, positive.

    Returns
    -------
    float
        The norm before clipping.

    Raises
    ------
    ValueError
        If the limit is not positive.
    TypeError
        If the limit is no number, or `gradients` holds something else than arrays.

    Notes
    -----
    :math:`g \leftarrow g \min(1, c/\|g\|_2)` (Pascanu, Mikolov and Bengio 2013, algorithm 1).
    A norm that is NaN or infinite changes nothing: `Optimizer.step` then names the parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import optim
    >>> g = [np.array([3.0]), np.array([[0.0, 4.0]])]
    >>> optim.clip_by_norm(g, 1.0)
    5.0
    >>> print(*g)
    [0.6] [[0.  0.8]]
    """
    limit = number("clip_by_norm: limit", limit, positive=True)
    _check_arrays("clip_by_norm", gradients)
    norm = global_norm(gradients)
    if limit < norm < np.inf:
        for g in gradients:
            g *= limit / norm
    return norm


@guided
def clip_by_value(gradients: Sequence[NDArray[Any]], limit: float) -> None:
    r"""Move every entry of every gradient into an interval, in place.

    Parameters
    ----------
    gradients : sequence of ndarray
        Changed in place.
    limit : float
        The largest magnitude, positive.

    Raises
    ------
    ValueError
        If the limit is not positive.
    TypeError
        If the limit is no number, or `gradients` holds something else than arrays.

    Notes
    -----
    :math:`g_i \leftarrow \min(c, \max(-c, g_i))`, which changes the direction. Where an entry is
    infinite or NaN all stay as they are, so that `Optimizer.step` can name the parameter.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import optim
    >>> g = [np.array([3.0, -0.5])]
    >>> optim.clip_by_value(g, 1.0)
    >>> g[0]
    array([ 1. , -0.5])
    """
    limit = number("clip_by_value: limit", limit, positive=True)
    _check_arrays("clip_by_value", gradients)
    if first_nonfinite(gradients) is None:
        for g in gradients:
            np.clip(g, -limit, limit, out=g)


def _check_arrays(who: str, gradients: Any) -> None:
    """Refuse what cannot be changed in place."""
    if isinstance(gradients, np.ndarray):
        raise TypeError(f"{who}: gradients is one array; pass a list of arrays, [g]")
    for g in gradients:
        if not isinstance(g, np.ndarray):
            raise TypeError(
                f"{who}: gradients holds a {type(g).__name__}, and arrays are changed in place; "
                "pass what gradients(loss, parameters) returns"
            )
        if not g.flags.writeable:
            raise ValueError(f"{who}: a gradient is read-only; pass a copy, g.copy()")
