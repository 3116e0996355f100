"""Activations as layers: each applies the function of its name, and has no parameters."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_edu import ops
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.nn.module import Module

__all__ = [
    "GELU",
    "Activation",
    "Identity",
    "LogSoftmax",
    "ReLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class Activation(Module):
    """A layer that applies one function; a subclass says which.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> class Swish(nn.Activation):
    ...     function = staticmethod(lambda x: x * tg.sigmoid(x))
    >>> Swish()(np.zeros(2))
    array([0., 0.])
    """

    function: ClassVar[Any]
    letter: ClassVar[str] = "a"

    @guided
    def __init__(self) -> None:
        pass

    def forward(self, x: Any) -> Any:
        """Apply the function.

        Parameters
        ----------
        x : Tensor or array_like
            Weighted sums of the layer before.

        Returns
        -------
        Tensor or ndarray
            Of the same shape.
        """
        return type(self).function(x)


class Identity(Activation):
    """Pass on what comes in.

    Examples
    --------
    >>> from tinygrad_edu import nn
    >>> nn.Identity()(3.0)
    3.0
    """

    function = staticmethod(lambda x: x)


class ReLU(Activation):
    """max(0, x), entry by entry: the usual choice for hidden layers.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> nn.ReLU()(tg.Tensor([-1.0, 2.0]))
    Tensor([0., 2.])
    """

    function = staticmethod(ops.relu)


class GELU(Activation):
    """x·Φ(x) with the normal distribution function Φ: a ReLU with a soft bend.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.GELU()(np.array([-1.0, 2.0])).round(3)
    array([-0.159,  1.954])
    """

    function = staticmethod(ops.gelu)


class Tanh(Activation):
    """Hyperbolic tangent, entry by entry: values in (−1, 1).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.Tanh()(np.array([0.0, 100.0]))
    array([0., 1.])
    """

    function = staticmethod(ops.tanh)


class Sigmoid(Activation):
    """1/(1 + e⁻ˣ), entry by entry: values in (0, 1), each an answer by itself.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.Sigmoid()(np.array([0.0, 100.0]))
    array([0.5, 1. ])
    """

    function = staticmethod(ops.sigmoid)


class Softplus(Activation):
    """log(1 + eˣ), entry by entry: positive, and a ReLU from afar.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.Softplus()(np.array([0.0, 100.0])).round(3)
    array([  0.693, 100.   ])
    """

    function = staticmethod(ops.softplus)


class Softmax(Activation):
    """Softmax along the last axis: acts on the layer, and its outputs sum to 1.

    It does not belong before ``nn.head("multiclass", …)`` or `softmax_cross_entropy`, which
    apply softmax themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.Softmax()(np.array([1000.0, 1001.0])).round(2)
    array([0.27, 0.73])
    """

    function = staticmethod(ops.softmax)


class LogSoftmax(Activation):
    """The logarithm of softmax along the last axis: log-probabilities.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> nn.LogSoftmax()(np.array([0.0, 0.0])).round(3)
    array([-0.693, -0.693])
    """

    function = staticmethod(ops.log_softmax)
