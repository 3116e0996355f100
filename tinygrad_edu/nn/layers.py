"""Layers: Linear, Dropout, Flatten, and Sequential, which puts layers in a row."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.core.node import REGISTRY, Node
from tinygrad_edu.core.op import operand
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.nn.initialisers import Initialiser, initial
from tinygrad_edu.nn.module import Module
from tinygrad_edu.nn.penalties import l1_and_l2
from tinygrad_edu.settings import count, generator, number, probability
from tinygrad_edu.tensor import Tensor

__all__ = ["Dropout", "Flatten", "Linear", "Sequential"]


class Linear(Module):
    """A layer of units, each a weighted sum of all inputs and a bias: Z = XW + b.

    Parameters
    ----------
    inputs, outputs : int
        The number of features that come in, and of units.
    bias : bool, optional
        Whether there is a b.
    initialiser : str or callable, optional
        How W begins: "glorot", "he", "lecun", "zeros", or a function of a shape and a Generator.
        b begins at 0.
    rng : numpy.random.Generator
        What W is drawn from.
    l1, l2 : float, optional
        The strengths of the penalty l1·Σ|w| + l2·Σw² on W, which `penalty` returns and `fit`
        adds to the loss. It is Keras's ``kernel_regularizer``: squared and without ½, so that
        the gradient of the second term is 2·l2·w. The bias is not penalised.
    dtype : dtype, optional
        Of W and b.

    Attributes
    ----------
    W : Tensor, shape (inputs, outputs)
        The weights. PyTorch stores their transpose.
    b : Tensor, shape (outputs,), or None
        The biases.

    Raises
    ------
    ValueError
        If a number is less than 1, a strength is negative, or the initialiser is unknown.
    TypeError
        If `rng` is no Generator.

    Notes
    -----
    With Δ = ∂L/∂Z the gradients are ∂L/∂W = XᵀΔ, ∂L/∂b = ΣₙΔ and ∂L/∂X = ΔWᵀ.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> layer = nn.Linear(4, 3, rng=np.random.default_rng(0))
    >>> X, y = np.ones((5, 4)), np.array([0, 1, 2, 1, 0])
    >>> Z = layer(X)
    >>> L = tg.softmax_cross_entropy(Z, y)
    >>> print(tg.derive(L, wrt=layer.W).result)
    Xᵀ(softmax(Z) − one_hot(y, K))/N
    """

    letter: ClassVar[str] = "z"

    @guided
    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        bias: bool = True,
        initialiser: str | Initialiser = "glorot",
        rng: np.random.Generator,
        l1: float = 0.0,
        l2: float = 0.0,
        dtype: npt.DTypeLike = float,
    ) -> None:
        self.inputs = count("Linear: inputs", inputs, 1)
        self.outputs = count("Linear: outputs", outputs, 1)
        number("Linear: l1", l1)
        number("Linear: l2", l2)
        self.l1, self.l2 = l1, l2  # as they are: a 0-d array is a letter in formulas
        kind = np.dtype(dtype)
        if kind.kind != "f":
            raise TypeError(f"Linear: dtype is {kind}; weights are real numbers, such as float32")
        rng = generator("Linear", rng)
        weights = initial(initialiser, (self.inputs, self.outputs), rng, kind)
        self.W = Tensor(weights, name="W")
        self.b = Tensor(np.zeros(self.outputs, kind), name="b") if bias else None

    def forward(self, x: Any) -> Any:
        """Compute XW + b.

        Parameters
        ----------
        x : Tensor or array_like
            ``(N, inputs)``, or ``(inputs,)`` for one example.

        Returns
        -------
        Tensor or ndarray
            ``(N, outputs)``, or ``(outputs,)``.

        Raises
        ------
        ValueError
            If the last axis does not hold `inputs` features.
        """
        try:
            z = x @ self.W
        except ValueError:
            if np.shape(x)[-1:] == (self.inputs,):
                raise
            raise ValueError(self._misfit(np.shape(x))) from None
        return z if self.b is None else z + self.b

    def _misfit(self, shape: tuple[int, ...]) -> str:
        mend = "the last axis holds the features"
        if len(shape) > 2 and math.prod(shape[1:]) == self.inputs:
            mend = "put nn.Flatten() before it"
        elif len(shape) > 1 and math.prod(shape) == self.inputs:
            mend = "give one image alone a batch axis, x[None], and put nn.Flatten() before it"
        return f"{self._called()}: takes {self.inputs} features, and x has shape {shape}; {mend}"

    def own_penalty(self) -> Any:
        """The penalty l1·Σ|W| + l2·ΣW².

        Returns
        -------
        Tensor or float
            0.0 where both strengths are 0.
        """
        return l1_and_l2([self.W], self.l1, self.l2)

    def _options(self) -> str:
        strengths = ((name, getattr(self, name)) for name in ("l1", "l2"))
        options = [f"{name}={float(value):g}" for name, value in strengths if float(value)]
        bias = [] if self.b is not None else ["bias=False"]
        return ", ".join([f"{self.inputs}, {self.outputs}", *bias, *options])


class Dropout(Module):
    """Drop each entry with probability p in training, anew at each call; else pass all on.

    Parameters
    ----------
    p : float
        The probability of dropping an entry, from 0 to 1; often 0.1 to 0.5.
    rng : numpy.random.Generator
        Draws the masks.

    Raises
    ------
    ValueError
        If p is no probability.
    TypeError
        If `rng` is no Generator.

    Notes
    -----
    What is kept is multiplied by 1/(1 − p), so that nothing need be scaled at inference. What is
    dropped is 0 forwards and backwards; the weights stay. All n units of an example drop at once
    with probability pⁿ: rarely, but not never.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> layer = nn.Dropout(0.5, rng=np.random.default_rng(0))
    >>> layer(np.ones(6))
    array([2., 0., 0., 0., 2., 2.])
    >>> layer.eval()(np.ones(6))
    array([1., 1., 1., 1., 1., 1.])
    """

    letter: ClassVar[str] = "d"

    @guided
    def __init__(self, p: float, rng: np.random.Generator) -> None:
        probability("Dropout: p", p)
        self.p = p
        self.rng = generator("Dropout", rng)
        #: The mask of the last call in training.
        self.drawn: Any = None

    def draw(self, shape: tuple[int, ...]) -> Any:
        """Draw which entries of an array stay.

        Parameters
        ----------
        shape : tuple of int
            That of the array.

        Returns
        -------
        ndarray
            Of bool.
        """
        return self.rng.random(shape) >= self.p

    def forward(self, x: Any) -> Any:
        """Drop entries.

        Parameters
        ----------
        x : Tensor or array_like
            Of any shape.

        Returns
        -------
        Tensor or ndarray
            Of the same shape.
        """
        if not (self.training and self.p):
            return ops.dropout(x, self.p, self.rng, training=False)
        x = operand(x, "Dropout")
        self.drawn = self.draw(x.shape)
        return REGISTRY["dropout"](x, self.drawn, self.p)

    def _options(self) -> str:
        return f"{float(self.p):g}"


class Flatten(Module):
    """Join all axes but the first: images of 28 × 28 become rows of 784.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.Flatten()(np.zeros((5, 28, 28))).shape
    (5, 784)
    """

    def forward(self, x: Any) -> Any:
        """Join all axes but the first.

        Parameters
        ----------
        x : Tensor or array_like
            With the batch axis first.

        Returns
        -------
        Tensor or ndarray
            ``(N, features)``.
        """
        x = x if isinstance(x, Node | np.ndarray) else np.asarray(x)
        if x.ndim <= 2:
            return x
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Sequential(Module):
    """Layers in a row: what one gives, the next one takes.

    Parameters
    ----------
    *layers : Module
        In the order in which they are applied; also one list of them. A head comes last.

    Raises
    ------
    TypeError
        If a layer is no Module.
    ValueError
        If a head is not the last, or what stands before it applies the same activation already.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(
    ...     nn.Flatten(),
    ...     nn.Linear(784, 300, initialiser="he", rng=rng),
    ...     nn.ReLU(),
    ...     nn.Dropout(0.2, rng),
    ...     nn.Linear(300, 10, rng=rng),
    ...     nn.head("multiclass", 10),
    ... )
    >>> model[1].W.name, model[4].W.name
    ('W1', 'W2')
    >>> print(model.summary(input_shape=(28, 28)))
    layer                      output  parameters
    ---------------------------------------------
    0: Flatten()               (784,)           0
    1: Linear(784, 300)        (300,)     235,500
    2: ReLU()                  (300,)           0
    3: Dropout(0.2)            (300,)           0
    4: Linear(300, 10)          (10,)       3,010
    5: Head('multiclass', 10)   (10,)           0
    ---------------------------------------------
    total                                 238,510
    """

    @guided
    def __init__(self, *layers: Any) -> None:
        if len(layers) == 1 and isinstance(layers[0], list | tuple):
            layers = tuple(layers[0])
        for place, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(_no_layer(place, layer))
            if layer.is_head and place < len(layers) - 1:
                raise ValueError(
                    f"Sequential: layer {place} is a head, and a head comes last; it is followed "
                    f"by {layers[place + 1]!r}"
                )
        self._layers: tuple[Module, ...] = layers
        if layers and layers[-1].is_head and len(layers) > 1:
            layers[-1].refuse_after(layers[-2])
        self._find_places()

    def forward(self, x: Any) -> Any:
        """Apply one layer after the other.

        Parameters
        ----------
        x : Tensor or array_like
            What the first layer takes.

        Returns
        -------
        Tensor or ndarray
            What the last layer gives; a head gives logits.
        """
        for layer in self._layers:
            x = layer(x)
        return x

    def _members(self) -> Iterator[tuple[str, Any]]:
        yield from ((str(number), layer) for number, layer in enumerate(self._layers))
        yield from (each for each in super()._members() if not each[0].startswith("_layers."))

    def _find_head(self) -> Any:
        if self._layers and self._layers[-1].is_head:  # as nearly always, and soon found
            return self._layers[-1]
        return super()._find_head()

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    def __getitem__(self, index: Any) -> Any:
        """Return a layer, or for a slice a Sequential that shares its layers."""
        found = self._layers[index]
        return Sequential(*found) if isinstance(found, tuple) else found


def _no_layer(number: int, layer: Any) -> str:
    if isinstance(layer, type) and issubclass(layer, Module):
        return f"Sequential: layer {number} is a class; make one of it with {layer.__name__}()"
    what = getattr(layer, "name", None) or getattr(layer, "__name__", type(layer).__name__)
    return (
        f"Sequential: layer {number} is {what}, and no Module; functions have layers of their "
        "own, such as nn.ReLU(), and others can be written as a class with a forward"
    )
