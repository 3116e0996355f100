"""What all first-order optimisers share: which Tensors move, by which gradients, how safely."""

from __future__ import annotations

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.core.backward import own_arrays
from tinygrad_edu.elsewhere import guided, instead
from tinygrad_edu.optim.schedules import Schedule
from tinygrad_edu.optim.vectors import first_nonfinite
from tinygrad_edu.settings import did_you_mean, matched, number, unlike
from tinygrad_edu.tensor import Tensor

__all__ = ["Array", "Optimizer", "named"]

Array = NDArray[Any]

_BIAS = re.compile(r"(b|bias|biases)\d*")


class Optimizer(ABC):
    """Move Tensors against their gradients; the subclasses say how far.

    Parameters
    ----------
    parameters : list of Tensor, dict of str to Tensor, or Module
        The leaves to move. A list names them after their Tensors, or by position.
    lr : float or schedule
        The learning rate, or what gives it for the number of steps taken so far.
    l2 : float, optional
        Adds ``l2 * w`` to the gradient, as the penalty (l2/2)Σw² would.
    weight_decay : float, optional
        Multiplies w by ``1 - lr * weight_decay``, apart from the gradient.
    exempt : ``"biases"``, or iterable of str or Tensor, optional
        Parameters that neither `l2` nor `weight_decay` touches. ``"biases"`` are those whose
        names end in ``b``, ``bias`` or ``biases``, also with a number, such as ``"0.b"``.

    Attributes
    ----------
    lr : float or schedule
        May be assigned.
    steps : int
        How many steps were taken.

    Raises
    ------
    TypeError
        If a parameter is no Tensor or a setting no number.
    ValueError
        If a parameter was computed, appears twice, or is not there to be exempt; if a setting is
        out of range.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import optim
    >>> w = tg.Tensor([1.0, 2.0], name="w")
    >>> optimizer = optim.SGD([w], lr=0.1)
    >>> optimizer.step([tg.gradients((w**2).sum(), w)])
    >>> w.data
    array([0.8, 1.6])
    """

    def __init__(
        self,
        parameters: Any,
        lr: float | Schedule,
        *,
        l2: float = 0.0,
        weight_decay: float = 0.0,
        exempt: Any = (),
    ) -> None:
        self._parameters = named(parameters, self._who)
        self.lr = lr
        self.steps = 0
        self.l2 = number(f"{self._who}: l2", l2)
        self.weight_decay = number(f"{self._who}: weight_decay", weight_decay)
        self._exempt = self._exempted(exempt)
        self._state: dict[str, list[Array]] = {}

    @property
    def _who(self) -> str:
        return type(self).__name__

    @property
    def lr(self) -> float | Schedule:
        """The learning rate, or its schedule."""
        return self._lr

    @lr.setter
    def lr(self, lr: float | Schedule) -> None:
        self._lr = lr if callable(lr) else number(f"{self._who}: lr", lr)

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The Tensors that it moves, by name."""
        return dict(self._parameters)

    def rate(self, step: int | None = None) -> float:
        """Return the learning rate of a step, by default of the next.

        Parameters
        ----------
        step : int, optional
            How many were taken before it.

        Returns
        -------
        float
            Not negative.

        Raises
        ------
        ValueError
            If the schedule gives a negative or infinite rate or NaN.
        TypeError
            If it gives no number.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu import optim
        >>> optim.SGD([tg.Tensor(1.0)], lr=lambda step: 1 / (step + 1)).rate()
        1.0
        """
        if not callable(self._lr):
            return self._lr
        step = self.steps if step is None else step
        return number(f"{self._who}: lr at step {step}", self._lr(step))

    @guided
    def step(self, gradients: Sequence[Array] | None = None) -> None:
        """Move every parameter once.

        Parameters
        ----------
        gradients : list of ndarray, optional
            One for each parameter, in their order. They are used up: their memory becomes that
            of the parameters. By default the parameters' `.grad`, which stay.

        Raises
        ------
        ValueError
            If a gradient is missing, has another shape, or holds NaN or infinity; the message
            names the parameter, and none has moved.
        TypeError
            If a gradient is no array of the parameter's dtype.
        """
        arrays = self._owned(gradients)
        rate = self.rate()
        for index, tensor in enumerate(self._parameters.values()):
            g, w = arrays[index], tensor.value
            if self.l2 and not self._exempt[index]:
                g += self.l2 * w
            self._change(index, g, rate)
            if self.weight_decay and not self._exempt[index]:
                w = w * (1 - rate * self.weight_decay)
            g += w
            tensor.data = g
        self.steps += 1

    @abstractmethod
    def _change(self, index: int, g: Array, rate: float) -> None:
        """Turn the gradient into what is added to the parameter, in place."""

    def zero_grad(self) -> None:
        """Clear the `.grad` of every parameter, to which `backward` would add.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> from tinygrad_edu import optim
        >>> w = tg.Tensor(3.0)
        >>> (w * w).backward()
        >>> optim.SGD([w], lr=0.1).zero_grad()
        >>> w.grad is None
        True
        """
        for tensor in self._parameters.values():
            tensor.grad = None

    def state_dict(self) -> dict[str, Array]:
        """Copy what the next step depends on, apart from parameters and settings.

        Returns
        -------
        dict of str to ndarray
            ``"steps"``, and arrays such as ``"velocity.0.W"``.
        """
        state = {
            f"{kind}.{name}": array.copy()
            for kind, arrays in self._state.items()
            for name, array in zip(self._parameters, arrays, strict=True)
        }
        return {"steps": np.array(self.steps), **state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where another optimiser of this kind stood.

        Parameters
        ----------
        state : mapping of str to ndarray
            From `state_dict`; copied.

        Raises
        ------
        ValueError
            If an entry is missing, unknown, of another shape or dtype, or not finite. All are
            looked at before anything is changed.
        """
        what = f"{self._who}: the state is of another optimiser or model"
        given = matched(what, state, self.state_dict())
        bad = first_nonfinite(list(given.values()))
        if bad is not None:
            raise ValueError(f"{self._who}: the state's {list(given)[bad]!r} holds NaN or infinity")
        if given["steps"] < 0:
            raise ValueError(f"{self._who}: the state counts {given['steps']} steps")
        self.steps = int(given["steps"])
        for kind, arrays in self._state.items():
            for name, array in zip(self._parameters, arrays, strict=True):
                array[...] = given[f"{kind}.{name}"]

    if not TYPE_CHECKING:  # which would believe that every name is there

        def __getattr__(self, name: str) -> NoReturn:
            hint = "" if name.startswith("_") else instead("Optimizer", name)
            raise AttributeError(f"{self._who!r} has no attribute {name!r}{hint}")

    def settings(self) -> dict[str, Any]:
        """Return what it was made with, apart from the parameters."""
        names = inspect.signature(type(self)).parameters
        return {n: getattr(self, n) for n in names if n != "parameters" and hasattr(self, n)}

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in self.settings().items()]
        count = len(self._parameters)
        moved = f"{count} parameter{'s' if count > 1 else ''}"
        return f"{self._who}({', '.join([moved, *settings])})"

    # --- what the subclasses' constructors use --------------------------------------------------

    def _keep(self, kind: str) -> list[Array]:
        """Make one array of zeros for each parameter, which belongs to the state."""
        zeros = [np.zeros(t.shape, t.dtype) for t in self._parameters.values()]
        self._state[kind] = zeros
        return zeros

    # --- checks ---------------------------------------------------------------------------------

    def _exempted(self, exempt: Any) -> list[bool]:
        """For each parameter, whether penalty and decay leave it alone."""
        names = list(self._parameters)
        if isinstance(exempt, str):
            if exempt != "biases":
                raise ValueError(
                    f"{self._who}: exempt = {exempt!r} is not known; pass 'biases', or a list of "
                    "names or Tensors"
                )
            found = [bool(_BIAS.fullmatch(name.rpartition(".")[2])) for name in names]
            if not any(found):
                raise ValueError(
                    f"{self._who}: no parameter is called b or bias, there are: "
                    f"{', '.join(names)}; pass the names or Tensors to exempt"
                )
            return found
        if not isinstance(exempt, Iterable):
            mend = "pass 'biases', or a list of names or Tensors"
            raise unlike(f"{self._who}: exempt", exempt, mend)
        tensors = list(self._parameters.values())
        chosen = set()
        for each in [exempt] if isinstance(exempt, Tensor) else exempt:
            if isinstance(each, Tensor):
                places = [i for i, tensor in enumerate(tensors) if tensor is each]
                problem = f"a Tensor of shape {each.shape} is not among the parameters"
            else:
                places = [i for i, name in enumerate(names) if name == each]
                problem = f"no parameter is called {each!r}; {did_you_mean(str(each), names)}"
            if not places:
                raise ValueError(f"{self._who}: exempt: {problem}")
            chosen.update(places)
        return [i in chosen for i in range(len(names))]

    def _owned(self, gradients: Any) -> list[Array]:
        """Return arrays to write on, one for each parameter, all of them checked."""
        given = self._own_gradients() if gradients is None else self._listed(gradients)
        for tensor, g in zip(self._parameters.values(), given, strict=True):
            w = tensor.value
            if g.__class__ is not np.ndarray or g.dtype != w.dtype or g.shape != w.shape:
                raise self._misfit(tensor, g)
        bad = first_nonfinite(given)
        if bad is not None:
            raise ValueError(
                f"{self._who}: the gradient of {list(self._parameters)[bad]} holds "
                f"{_worst(given[bad])}, and nothing was moved; lower the learning rate, or find "
                "where it arises: tg.find_nonfinite(loss)"
            )
        return own_arrays(given)

    def _misfit(self, tensor: Tensor, g: Any) -> Exception:
        """Say in which way a gradient is not that of its parameter."""
        name = next(name for name, each in self._parameters.items() if each is tensor)
        array = g.__class__ is np.ndarray
        if not array or g.dtype != tensor.dtype:
            kind = g.dtype if array else type(g).__name__
            return TypeError(
                f"{self._who}: the gradient of {name} is of type {kind}, and an array of "
                f"{tensor.dtype} is expected; pass what gradients(loss, parameters) returns"
            )
        return ValueError(
            f"{self._who}: the gradient of {name} has shape {g.shape}, and the parameter "
            f"{tensor.shape}; pass the gradients in the order of the parameters"
        )

    def _listed(self, gradients: Any) -> list[Any]:
        if isinstance(gradients, np.ndarray | Tensor | Mapping) or callable(gradients):
            mend = "pass a list of arrays, in the order of the parameters"
            raise unlike(f"{self._who}: gradients", gradients, mend)
        given = list(gradients)
        if len(given) != len(self._parameters):
            raise ValueError(
                f"{self._who}: {len(given)} gradients for {len(self._parameters)} parameters; "
                f"pass one for each of {', '.join(self._parameters)}"
            )
        return given

    def _own_gradients(self) -> list[Array]:
        """Copy the `.grad` of every parameter."""
        found = []
        for name, tensor in self._parameters.items():
            g = tensor.grad
            if g is None:
                raise ValueError(
                    f"{self._who}: {name} has no gradient; call backward() on a loss that depends "
                    "on it, or pass gradients"
                )
            found.append(g.copy())
        return found


def named(parameters: Any, who: str) -> dict[str, Tensor]:
    """Return the leaves to move by name, whatever they came in."""
    if hasattr(parameters, "named_parameters"):
        parameters = parameters.named_parameters()
    if isinstance(parameters, Mapping):
        found = {str(name): tensor for name, tensor in parameters.items()}
    elif isinstance(parameters, Iterable) and not isinstance(parameters, Tensor | np.ndarray | str):
        tensors = list(parameters)
        names = [getattr(t, "name", None) or str(i) for i, t in enumerate(tensors)]
        if len(set(names)) < len(names):
            names = [str(i) for i in range(len(tensors))]
        found = dict(zip(names, tensors, strict=True))
    else:
        mend = "pass a list of Tensors, a dict of them by name, or a Module"
        raise unlike(f"{who}: parameters", parameters, mend)
    if not found:
        raise ValueError(f"{who}: there are no parameters; pass at least one Tensor")
    for name, tensor in found.items():
        if not isinstance(tensor, Tensor):
            mend = "wrap the array in Tensor(...), for only Tensors are moved"
            raise unlike(f"{who}: parameter {name}", tensor, mend)
        if tensor.op is not None:
            raise ValueError(
                f"{who}: parameter {name} was computed by {tensor.op.name}, and only a leaf can "
                "be moved; pass the Tensors it was computed from"
            )
    if len({id(tensor) for tensor in found.values()}) < len(found):
        raise ValueError(f"{who}: a Tensor appears twice among the parameters; name each once")
    return found


def _worst(g: Array) -> str:
    """Say what a gradient that is not finite holds, and where first."""
    where = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
    return f"{float(g[where]):g}" + (f" at index {where}" if where else "")
