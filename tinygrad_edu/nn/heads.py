"""Heads: the last activation and the loss, chosen together by the problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.nn.activations import LogSoftmax, Sigmoid, Softmax
from tinygrad_edu.nn.layers import Sequential
from tinygrad_edu.nn.module import Module
from tinygrad_edu.settings import count, look_up
from tinygrad_edu.tensor import Tensor

__all__ = ["Head", "head", "refuse_applied_twice", "refuse_wrong_pair"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class _Activation:
    """What makes values of the outputs, and the interval in which these lie."""

    function: Function
    low: float = -np.inf
    high: float = np.inf


_ACTIVATIONS: dict[str, _Activation] = {
    "none": _Activation(lambda x: x),
    "softplus": _Activation(ops.softplus, low=0),
    "relu": _Activation(ops.relu, low=0),
    "sigmoid": _Activation(ops.sigmoid, 0, 1),
    "tanh": _Activation(ops.tanh, -1, 1),
    "softmax": _Activation(ops.softmax, 0, 1),
}


@dataclass(frozen=True)
class _Problem:
    """The activations that fit a problem, the usual one first, and the loss that fits them."""

    activations: tuple[str, ...]
    loss: Function
    on_logits: bool  # whether the loss applies the activation itself


_PROBLEMS: dict[str, _Problem] = {
    "regression": _Problem(("none",), ops.mean_squared_error, False),
    "positive": _Problem(("softplus", "relu"), ops.mean_squared_error, False),
    "bounded": _Problem(("sigmoid", "tanh"), ops.mean_squared_error, False),
    "binary": _Problem(("sigmoid",), ops.sigmoid_cross_entropy, True),
    "multiclass": _Problem(("softmax",), ops.softmax_cross_entropy, True),
    "multilabel": _Problem(("sigmoid",), ops.sigmoid_cross_entropy, True),
}

# What others call them.
_ELSEWHERE = {
    "classification": "multiclass",
    "categorical": "multiclass",
    "softmax": "multiclass",
    "sigmoid": "binary",
    "multi-label": "multilabel",
    "multi_label": "multilabel",
    "multi-class": "multiclass",
    "multi_class": "multiclass",
}


class Head(Module):
    """The end of a model: passes on the logits, and knows the activation and the loss.

    Made by `head`. `forward` gives what comes in, so that the loss can be exact; `activation`
    makes probabilities or values of it, and `predict` applies it.

    Attributes
    ----------
    problem : str
        What it was made for.
    outputs : int
        The number of outputs.
    """

    is_head: ClassVar[bool] = True

    def __init__(self, problem: str, outputs: int, activation: str) -> None:
        self.problem = problem
        self.outputs = outputs
        self.activation_name = activation

    def forward(self, x: Any) -> Any:
        """Pass on the logits.

        Parameters
        ----------
        x : Tensor or array_like
            ``(N, outputs)``, or ``(outputs,)`` for one example.

        Returns
        -------
        Tensor or ndarray
            The same.

        Raises
        ------
        ValueError
            If there are more outputs or fewer, or they went through the activation already.
        """
        x = x if isinstance(x, Node | np.ndarray) else np.asarray(x)
        if x.shape[-1:] != (self.outputs,):
            raise ValueError(
                f"{self._called()}: takes {self.outputs} outputs, and x has shape {x.shape}; let "
                f"the layer before have {self.outputs} outputs"
            )
        if (
            isinstance(x, Tensor)
            and x.op is not None
            and x.op in _APPLIED_TWICE.get(self.activation_name, ())
        ):
            raise ValueError(self._twice(x.op.name))
        return x

    def activation(self, outputs: Any) -> Any:
        """Make probabilities, or values, of the outputs.

        Parameters
        ----------
        outputs : Tensor or array_like
            What the model computed.

        Returns
        -------
        Tensor or ndarray
            Of the same shape.
        """
        return _ACTIVATIONS[self.activation_name].function(outputs)

    def loss(self, outputs: Any, targets: Any, reduction: str = "mean") -> Any:
        """The loss that fits the problem.

        Parameters
        ----------
        outputs : Tensor or ndarray
            What the model computed.
        targets : array_like
            Class labels ``(N,)`` or distributions for "multiclass"; else of the shape of
            `outputs`, where a single output may be left out: ``(N,)`` for ``(N, 1)``.
        reduction : {"mean", "sum", "none"}, optional
            Over the examples, or over all entries where each is a problem of its own.

        Returns
        -------
        Tensor or ndarray
            A number, or one for each example or entry.

        Raises
        ------
        ValueError
            If the targets do not fit, or lie where the activation cannot reach.
        """
        targets = targets if isinstance(targets, Node | np.ndarray) else np.asarray(targets)
        if self.problem != "multiclass" and (*targets.shape, 1) == outputs.shape:
            targets = ops.reshape(targets, outputs.shape)
        problem, activation = _PROBLEMS[self.problem], _ACTIVATIONS[self.activation_name]
        if problem.on_logits:
            return problem.loss(outputs, targets, reduction)
        values = targets.value if isinstance(targets, Node) else targets
        if values.size and (values.min() < activation.low or values.max() > activation.high):
            wrong = values.min() if values.min() < activation.low else values.max()
            raise ValueError(
                f"{self._called()}: a target is {wrong:g}, and {self.activation_name} gives values "
                f"from {activation.low:g} to {activation.high:g}; rescale the targets, or choose "
                'nn.head("regression", …)'
            )
        return problem.loss(self.activation(outputs), targets, reduction)

    def decide(self, values: Any) -> Any:
        """Make class labels of probabilities; values of a regression stay.

        Parameters
        ----------
        values : array_like
            What `predict` gives.

        Returns
        -------
        ndarray
            The most probable class ``(N,)`` for "multiclass"; 1 where the probability is at
            least ½, else 0, for "binary" and "multilabel".

        Notes
        -----
        A step has derivative 0, or none: it is used after training.
        """
        values = np.asarray(values)
        if self.problem == "multiclass":
            return values.argmax(axis=-1)
        if _PROBLEMS[self.problem].on_logits:
            return (values >= 0.5).astype(np.int64)
        return values

    def refuse_after(self, layer: Module) -> None:
        """Raise where the layer before it applies what this head applies itself."""
        if isinstance(layer, _LAYERS.get(self.activation_name, ())):
            raise ValueError(self._twice(type(layer).__name__))

    def _twice(self, what: str) -> str:
        return (
            f"{self._called()}: applies {self.activation_name} itself, and {what} stands before "
            "it; leave that out and hand the head the logits"
        )

    def _options(self) -> str:
        usual = self.activation_name == _PROBLEMS[self.problem].activations[0]
        return f"{self.problem!r}, {self.outputs}" + (
            "" if usual else f", activation={self.activation_name!r}"
        )


# What must not come before an activation of a head: as an operation, and as a layer.
_APPLIED_TWICE: dict[str, tuple[Any, ...]] = {
    "softmax": (ops.softmax, ops.log_softmax),
    "sigmoid": (ops.sigmoid,),
}
_LAYERS: dict[str, tuple[type[Module], ...]] = {
    "softmax": (Softmax, LogSoftmax),
    "sigmoid": (Sigmoid, Softmax),
}


@guided
def head(problem: str, outputs: int | None = None, *, activation: str | None = None) -> Head:
    """Choose the last activation and the loss by the problem.

    Parameters
    ----------
    problem : str
        ============ ============================ ===================== =========================
        problem      an example                   activation            loss
        ============ ============================ ===================== =========================
        "regression" a place on the globe         none                  mean squared error
        "positive"   a price                      softplus, or ReLU     mean squared error
        "bounded"    a colour                     sigmoid, or tanh      mean squared error
        "binary"     ill or not                   sigmoid               binary cross-entropy
        "multiclass" one species of several       softmax               categorical cross-entropy
        "multilabel" which things are in a photo  sigmoid, one for each binary cross-entropy
        ============ ============================ ===================== =========================
    outputs : int, optional
        The number of outputs: of classes, of labels, or of numbers to predict. By default 1,
        which "multiclass" refuses.
    activation : str, optional
        Another of the activations in the table.

    Returns
    -------
    Head
        A Module without parameters, which comes last in a model, behind a Linear layer with that
        number of outputs. The model then has a `loss`, and `predict` gives probabilities or
        values.

    Raises
    ------
    ValueError
        If the problem or its activation is unknown, or the number of outputs does not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu import nn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.head("multiclass", 3))
    >>> X, labels = np.zeros((5, 4)), np.array([0, 1, 2, 1, 0])
    >>> round(model.loss(model(X), labels).item(), 4)  # log 3
    1.0986
    """
    known = look_up(problem, _PROBLEMS, "head: problem", _ELSEWHERE)
    outputs = 1 if outputs is None else count("head: outputs", outputs, 1)
    if problem == "multiclass" and outputs == 1:
        raise ValueError(
            "head: one class alone always has probability 1; pass the number of classes, or "
            'choose nn.head("binary")'
        )
    if problem == "binary" and outputs > 1:
        raise ValueError(
            f"head: binary has one output, not {outputs}; choose "
            f'nn.head("multiclass", {outputs}) for one of {outputs} classes, or '
            f'nn.head("multilabel", {outputs}) for {outputs} questions'
        )
    fitting = {name: name for name in known.activations}
    chosen = known.activations[0]
    if activation is not None:
        chosen = look_up(activation, fitting, f"head for {problem!r}, activation")
    return Head(problem, outputs, chosen)


def refuse_wrong_pair(model: Module, loss: Any) -> None:
    """Raise where a model and a loss would apply an activation twice, or not at all.

    Parameters
    ----------
    model : Module
        What is to be trained.
    loss : callable
        Called as ``loss(outputs, targets)``.

    Raises
    ------
    ValueError
        If the model ends in Softmax or Sigmoid and the loss applies it again, or ends in a head,
        which gives logits, and the loss wants probabilities.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=np.random.default_rng(0)), nn.Softmax())
    >>> nn.refuse_wrong_pair(model, tg.cross_entropy)
    >>> nn.refuse_wrong_pair(model, tg.softmax_cross_entropy)
    Traceback (most recent call last):
        ...
    ValueError: softmax_cross_entropy: applies softmax itself, and the model ends in Softmax(); ...
    """
    last = _last(model)
    heads = [part for part in model.modules() if part.is_head]
    for fused, activation, plain in _LOSSES:
        if loss is fused and isinstance(last, _LAYERS[activation]):
            raise ValueError(_ends_in(repr(last), fused, activation, plain))
        if loss is plain and heads:
            raise ValueError(
                f"{plain.__name__}: takes probabilities, and the model ends in {heads[-1]!r}, "
                f"which gives logits; use the model's own loss, or {fused.__name__}"
            )


def refuse_applied_twice(outputs: Tensor, loss: Any) -> None:
    """Raise where a loss would apply once more the operation that gave the outputs.

    It finds what `refuse_wrong_pair` cannot see: an activation in the forward of one's own module.
    """
    for fused, activation, plain in _LOSSES:
        if loss is fused and outputs.op is not None and outputs.op in _APPLIED_TWICE[activation]:
            raise ValueError(_ends_in(outputs.op.name, fused, activation, plain))


def _last(model: Module) -> Module:
    """Return the layer that is applied last; only of a Sequential is the order known."""
    while isinstance(model, Sequential) and len(model):
        model = model[-1]
    return model


def _ends_in(what: str, fused: Function, activation: str, plain: Function) -> str:
    return (
        f"{fused.__name__}: applies {activation} itself, and the model ends in {what}; "
        f"leave that out, or use {plain.__name__}"
    )


# Losses of logits, what they apply, and the same of probabilities.
_LOSSES: tuple[tuple[Function, str, Function], ...] = (
    (ops.softmax_cross_entropy, "softmax", ops.cross_entropy),
    (ops.sigmoid_cross_entropy, "sigmoid", ops.binary_cross_entropy),
)
