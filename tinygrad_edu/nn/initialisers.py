"""How weights begin: by name, drawn from a Generator that the caller hands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.settings import look_up

__all__ = ["INITIALISERS", "Initialiser", "glorot", "he", "initial", "lecun", "zeros"]

#: Called as ``initialiser(shape, rng)``, with the shape (inputs, outputs).
Initialiser = Callable[[tuple[int, int], np.random.Generator], npt.NDArray[Any]]


def glorot(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Uniform in ±√(6/(inputs + outputs)): for tanh, sigmoid and softmax.

    Parameters
    ----------
    shape : (int, int)
        Inputs and outputs of the layer.
    rng : numpy.random.Generator
        What is drawn from.

    Returns
    -------
    ndarray
        Of that shape, with variance 2/(inputs + outputs).

    Notes
    -----
    A compromise between keeping the variance of the values (1/inputs) and that of the gradients
    (1/outputs) from layer to layer (Glorot and Bengio 2010). Keras calls it glorot_uniform and
    PyTorch xavier_uniform_.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.nn.initialisers import glorot
    >>> bool(abs(glorot((300, 100), np.random.default_rng(0))).max() <= np.sqrt(6 / 400))
    True
    """
    limit = np.sqrt(6 / (shape[0] + shape[1]))
    return rng.uniform(-limit, limit, shape)


def he(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Normal with variance 2/inputs: for ReLU, which silences half of its inputs.

    Parameters
    ----------
    shape : (int, int)
        Inputs and outputs of the layer.
    rng : numpy.random.Generator
        What is drawn from.

    Returns
    -------
    ndarray
        Of that shape.

    Notes
    -----
    He, Zhang, Ren and Sun 2015. Keras calls it he_normal and PyTorch kaiming_normal_.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.nn.initialisers import he
    >>> he((2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """
    return rng.normal(0, np.sqrt(2 / shape[0]), shape)


def lecun(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Normal with variance 1/inputs: a unit's sum then has the variance of its inputs.

    Parameters
    ----------
    shape : (int, int)
        Inputs and outputs of the layer.
    rng : numpy.random.Generator
        What is drawn from.

    Returns
    -------
    ndarray
        Of that shape.

    Notes
    -----
    LeCun, Bottou, Orr and Müller 1998.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.nn.initialisers import lecun
    >>> lecun((2, 3), np.random.default_rng(0)).shape
    (2, 3)
    """
    return rng.normal(0, np.sqrt(1 / shape[0]), shape)


def zeros(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[Any]:
    """Zero: fine for a single layer; the units of a hidden one would stay equal for ever.

    Parameters
    ----------
    shape : (int, int)
        Inputs and outputs of the layer.
    rng : numpy.random.Generator
        Not drawn from.

    Returns
    -------
    ndarray
        Of that shape.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.nn.initialisers import zeros
    >>> zeros((1, 2), np.random.default_rng(0))
    array([[0., 0.]])
    """
    return np.zeros(shape)


INITIALISERS: dict[str, Initialiser] = {"glorot": glorot, "he": he, "lecun": lecun, "zeros": zeros}

# What others call them.
_ELSEWHERE = {"xavier": "glorot", "kaiming": "he", "zero": "zeros"}


def initial(
    initialiser: str | Initialiser, shape: tuple[int, int], rng: np.random.Generator, dtype: Any
) -> npt.NDArray[Any]:
    """Draw the weights of one layer.

    Parameters
    ----------
    initialiser : str or callable
        One of `INITIALISERS`, or a function of a shape and a Generator.
    shape : (int, int)
        Inputs and outputs of the layer.
    rng : numpy.random.Generator
        What is drawn from.
    dtype : dtype
        Of the result.

    Returns
    -------
    ndarray
        Of that shape and dtype.

    Raises
    ------
    ValueError
        If there is no initialiser of that name, or the function gives another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.nn.initialisers import initial
    >>> initial("zeros", (1, 2), np.random.default_rng(0), np.float32)
    array([[0., 0.]], dtype=float32)
    """
    if isinstance(initialiser, str):
        function = look_up(initialiser, INITIALISERS, "initialiser", _ELSEWHERE)
    else:
        function = initialiser
    drawn = np.asarray(function(shape, rng))
    if drawn.shape != shape:
        raise ValueError(
            f"initialiser: gave an array of shape {drawn.shape} for weights of shape {shape}; "
            "it is called with the shape and a Generator"
        )
    return drawn.astype(dtype)
