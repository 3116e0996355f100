"""Optimisers that use gradients only, with PyTorch's meaning of every setting but one.

`l2` is what PyTorch calls ``weight_decay`` in SGD, Adam and RMSProp: a term of the gradient.
`weight_decay` is here decoupled from the gradient everywhere, as in AdamW.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu.elsewhere import guided
from tinygrad_edu.optim.optimizer import Array, Optimizer
from tinygrad_edu.optim.schedules import Schedule
from tinygrad_edu.settings import look_up, number

__all__ = ["OPTIMIZERS", "SGD", "Adam", "AdamW", "RMSProp", "make_optimizer"]


class SGD(Optimizer):
    r"""Gradient descent, on request with momentum.

    Parameters
    ----------
    parameters : list of Tensor, dict of str to Tensor, or Module
        The leaves to move.
    lr : float or schedule
        The learning rate η.
    momentum : float, optional
        Which share μ of the velocity stays, from 0 to below 1.
    nesterov : bool, optional
        Look ahead by one step of the velocity; needs momentum.
    l2 : float, optional
        Adds ``l2 * w`` to the gradient.
    weight_decay : float, optional
        Multiplies w by ``1 - lr * weight_decay``, apart from the gradient. Without momentum it
        is the same as `l2`.
    exempt : ``"biases"``, or iterable of str or Tensor, optional
        What neither of the two touches.

    Raises
    ------
    ValueError
        If a setting is out of range, or Nesterov's step has no momentum.
    TypeError
        If a setting is unknown or no number.

    Notes
    -----
    :math:`v \leftarrow \mu v + g` from v = 0, then :math:`w \leftarrow w - \eta v`, or
    :math:`w \leftarrow w - \eta(g + \mu v)` with Nesterov (Polyak 1964; Sutskever et al. 2013).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> w = tg.Tensor(0.0)
    >>> sgd = optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(3):
    ...     sgd.step([np.array(1.0)])
    >>> round(w.item(), 3)
    -0.561
    """

    @guided
    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        exempt: Any = (),
    ) -> None:
        super().__init__(parameters, lr, l2=l2, weight_decay=weight_decay, exempt=exempt)
        self.momentum = number("SGD: momentum", momentum, high=1)
        self.nesterov = bool(nesterov)
        if self.nesterov and not self.momentum:
            raise ValueError(
                "SGD: nesterov=True has no velocity to look along; choose momentum > 0"
            )
        self._velocity = self._keep("velocity") if self.momentum else []

    def _change(self, index: int, g: Array, rate: float) -> None:
        if self.momentum:
            v = self._velocity[index]
            v *= self.momentum
            v += g
            if self.nesterov:
                g += self.momentum * v
            else:
                g[...] = v
        g *= -rate


class _Adaptive(Optimizer):
    """Optimisers that divide by the root of a running mean of squared gradients."""

    @guided
    def __init__(self, parameters: Any, lr: float | Schedule, eps: float, **shared: Any) -> None:
        super().__init__(parameters, lr, **shared)
        self.eps = number(f"{self._who}: eps", eps, positive=True)
        self._squares = self._keep("second_moment")

    def _root(self, index: int, g: Array, decay: float, correction: float = 1.0) -> Array:
        """Let the running mean of g² take g in, and return its root plus eps, a new array."""
        v, root = self._squares[index], np.empty_like(g)
        np.multiply(g, g, out=root)
        root *= 1 - decay
        v *= decay
        v += root
        np.sqrt(v, out=root)
        if correction != 1:
            root /= math.sqrt(correction)
        # A float16 would round a small eps to 0, and 0/0 follows.
        root += max(self.eps, float(np.finfo(g.dtype).tiny))
        return root


class RMSProp(_Adaptive):
    r"""Divide each entry of the gradient by its recent root mean square.

    Parameters
    ----------
    parameters : list of Tensor, dict of str to Tensor, or Module
        The leaves to move.
    lr : float or schedule, optional
        The learning rate η.
    alpha : float, optional
        Which share of the mean square stays, from 0 to below 1.
    eps : float, optional
        Added to the root, positive; at least the dtype's smallest normal number.
    momentum : float, optional
        Which share of the velocity of the divided gradients stays.
    l2 : float, optional
        Adds ``l2 * w`` to the gradient.
    exempt : ``"biases"``, or iterable of str or Tensor, optional
        What `l2` does not touch.

    Raises
    ------
    ValueError
        If a setting is out of range.
    TypeError
        If a setting is unknown or no number.

    Notes
    -----
    :math:`v \leftarrow \alpha v + (1 - \alpha) g^2` from v = 0, then
    :math:`w \leftarrow w - \eta g/(\sqrt v + \epsilon)` (Tieleman and Hinton 2012), in PyTorch's
    order of root and ε.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> w = tg.Tensor([1.0, 1.0])
    >>> optim.RMSProp([w], lr=0.01).step([np.array([1000.0, 0.001])])
    >>> w.data.round(3)
    array([0.9, 0.9])
    """

    @guided
    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule = 0.01,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        l2: float = 0.0,
        exempt: Any = (),
    ) -> None:
        super().__init__(parameters, lr, eps, l2=l2, exempt=exempt)
        self.alpha = number("RMSProp: alpha", alpha, high=1)
        self.momentum = number("RMSProp: momentum", momentum, high=1)
        self._velocity = self._keep("velocity") if self.momentum else []

    def _change(self, index: int, g: Array, rate: float) -> None:
        g /= self._root(index, g, self.alpha)
        if self.momentum:
            v = self._velocity[index]
            v *= self.momentum
            v += g
            g[...] = v
        g *= -rate


class _Moments(_Adaptive):
    """Adam's step, which AdamW shares."""

    @guided
    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule,
        betas: tuple[float, float],
        eps: float,
        **shared: Any,
    ) -> None:
        super().__init__(parameters, lr, eps, **shared)
        try:
            first, second = betas
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{self._who}: betas is {betas!r}; pass two numbers, (0.9, 0.999)"
            ) from error
        self.betas = (
            number(f"{self._who}: betas[0]", first, high=1),
            number(f"{self._who}: betas[1]", second, high=1),
        )
        self._means = self._keep("first_moment")

    def _change(self, index: int, g: Array, rate: float) -> None:
        (first, second), time = self.betas, self.steps + 1
        root = self._root(index, g, second, 1 - second**time)
        m = self._means[index]
        m *= first
        g *= 1 - first
        m += g
        np.divide(m, root, out=g)
        g *= -rate / (1 - first**time)


class Adam(_Moments):
    r"""Divide a running mean of the gradients by the root of that of their squares.

    Parameters
    ----------
    parameters : list of Tensor, dict of str to Tensor, or Module
        The leaves to move.
    lr : float or schedule, optional
        The learning rate η: about how far an entry moves at each step.
    betas : (float, float), optional
        Which shares of the two means stay, each from 0 to below 1.
    eps : float, optional
        Added to the root, positive; at least the dtype's smallest normal number.
    l2 : float, optional
        Adds ``l2 * w`` to the gradient, and is then divided as the gradient is.
    exempt : ``"biases"``, or iterable of str or Tensor, optional
        What `l2` does not touch.

    Raises
    ------
    ValueError
        If a setting is out of range.
    TypeError
        If a setting is unknown or no number.

    Notes
    -----
    :math:`m \leftarrow \beta_1 m + (1-\beta_1) g`, :math:`v \leftarrow \beta_2 v + (1-\beta_2) g^2`
    from 0, then :math:`w \leftarrow w - \eta\,\hat m/(\sqrt{\hat v} + \epsilon)` with
    :math:`\hat m = m/(1-\beta_1^t)` and :math:`\hat v = v/(1-\beta_2^t)` (Kingma and Ba 2015).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> w = tg.Tensor([1.0, 1.0])
    >>> optim.Adam([w], lr=0.1).step([np.array([1000.0, 0.001])])
    >>> w.data.round(3)
    array([0.9, 0.9])
    """

    @guided
    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        l2: float = 0.0,
        exempt: Any = (),
    ) -> None:
        super().__init__(parameters, lr, betas, eps, l2=l2, exempt=exempt)


class AdamW(_Moments):
    r"""Adam, with weights that decay apart from the gradient.

    Parameters
    ----------
    parameters : list of Tensor, dict of str to Tensor, or Module
        The leaves to move.
    lr : float or schedule, optional
        The learning rate η.
    betas : (float, float), optional
        Which shares of the two means stay, each from 0 to below 1.
    eps : float, optional
        Added to the root, positive; at least the dtype's smallest normal number.
    weight_decay : float, optional
        Multiplies w by ``1 - lr * weight_decay`` before the step of Adam.
    exempt : ``"biases"``, or iterable of str or Tensor, optional
        What does not decay.

    Raises
    ------
    ValueError
        If a setting is out of range.
    TypeError
        If a setting is unknown or no number.

    Notes
    -----
    :math:`w \leftarrow (1 - \eta\lambda) w - \eta\,\hat m/(\sqrt{\hat v} + \epsilon)` with the
    means of `Adam` (Loshchilov and Hutter 2019).

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> w = tg.Tensor(1.0)
    >>> optim.AdamW([w], lr=0.1, weight_decay=0.1).step([np.array(0.0)])
    >>> w.item()
    0.99
    """

    @guided
    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule = 0.001,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        exempt: Any = (),
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay=weight_decay, exempt=exempt)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSProp,
    "adam": Adam,
    "adamw": AdamW,
}


@guided
def make_optimizer(name: str, parameters: Any, lr: float | Schedule, **options: Any) -> Optimizer:
    """Make an optimiser by its name.

    Parameters
    ----------
    name : str
        ``"sgd"``, ``"rmsprop"``, ``"adam"`` or ``"adamw"``, in any case.
    parameters : list of Tensor, dict of str to Tensor, or Module
        The leaves to move.
    lr : float or schedule
        The learning rate.
    **options
        What the optimiser of that name takes.

    Returns
    -------
    Optimizer
        Ready for its first step.

    Raises
    ------
    ValueError
        If nothing is called that; the message names the nearest.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> optim.make_optimizer("adam", [tg.Tensor(1.0)], 0.1)
    Adam(1 parameter, lr=0.1, betas=(0.9, 0.999), eps=1e-08, l2=0.0)
    """
    return look_up(name, OPTIMIZERS, "optimizer")(parameters, lr, **options)
