"""The Module: a function with parameters, made of other such functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt

from tinygrad_edu.core.node import next_serial
from tinygrad_edu.elsewhere import guided, instead, misfit
from tinygrad_edu.naming import Part, end_part
from tinygrad_edu.nn.names import CONTAINERS, inside, join, suffixes_of
from tinygrad_edu.settings import count, matched, unlike
from tinygrad_edu.tensor import Tensor

__all__ = ["Module", "like_parameters", "mode", "still"]

Self = TypeVar("Self", bound="Module")


class Module:
    """A function with parameters: a layer, or a network made of layers.

    A subclass says with `forward` what it computes. Its parameters are its attributes that are
    Tensors, and its parts are its attributes that are Modules; lists, tuples and dicts of them
    count too. Nothing is registered, and ``super().__init__()`` need not be called. Arrays are
    constants and are neither trained nor stored.

    Attributes
    ----------
    training : bool
        Whether `forward` is that of training, as Dropout asks; see `train` and `eval`.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> from tinygrad_edu import nn
    >>> class Net(nn.Module):
    ...     def __init__(self, rng):
    ...         self.hidden = nn.Linear(4, 8, rng=rng)
    ...         self.out = nn.Linear(8, 3, rng=rng)
    ...
    ...     def forward(self, x):
    ...         return self.out(tg.relu(self.hidden(x)))
    >>> model = Net(np.random.default_rng(0))
    >>> model
    Net(
      hidden: Linear(4, 8)
      out: Linear(8, 3)
    )
    >>> list(model.named_parameters())
    ['hidden.W', 'hidden.b', 'out.W', 'out.b']
    >>> model(np.ones((5, 4))).shape
    (5, 3)
    """

    training: bool = True
    is_head: ClassVar[bool] = False  # heads know a loss, and what makes values of their outputs

    letter: ClassVar[str] = ""  # of its output in formulas, before the number of its layer

    _part: Part | None = None  # its place in the whole, once that was looked at
    _named: Mapping[str, str] = {}  # the names that were given to its Tensors

    def forward(self, x: Any) -> Any:
        """Compute the output; a subclass says how.

        Parameters
        ----------
        x : Tensor or ndarray
            The input, with the batch axis first.

        Returns
        -------
        Tensor or ndarray
            A Tensor, or an array where `x` and all parameters are arrays, as in `predict`.

        Raises
        ------
        NotImplementedError
            If the subclass does not say.
        """
        raise NotImplementedError(
            f"{type(self).__name__}: has no forward; define forward(self, x) in the class"
        )

    def __call__(self, *inputs: Any) -> Tensor:
        """Compute the output, and mark it as this module's for pictures."""
        part = self._part
        if part is None:
            part = self._find_places()
        start = next_serial()
        try:
            output: Any = self.forward(*inputs)
        except TypeError as error:
            complaint = misfit(error, type(self).forward, (self, *inputs), {})
            if complaint is None:
                raise
            raise complaint from None
        if isinstance(output, Tensor):
            end_part(output, part, start, inputs)
        elif output is None:
            raise TypeError(f"{self._called()}: forward gave nothing; end it with a return")
        tensor: Tensor = output  # of a model as it is meant: its parameters are Tensors
        return tensor

    # --- what it is made of -----------------------------------------------------------------------

    def _members(self) -> Iterator[tuple[str, Any]]:
        """Yield attributes, and what their lists and dicts hold, under dotted names."""
        for name, value in vars(self).items():
            yield from inside(name, value)

    def named_modules(self) -> dict[str, Module]:
        """Return this module, under ``""``, and all that it is made of, by dotted name.

        Returns
        -------
        dict of str to Module
            Outer ones before inner ones; one that is used twice stands under its first name.
        """
        return dict(_walk("", self, set()))

    def modules(self) -> list[Module]:
        """Return this module and all that it is made of.

        Returns
        -------
        list of Module
            Each once, outer ones before inner ones.
        """
        found: dict[int, Module] = {}
        pending: list[Any] = [self]
        while pending:
            value = pending.pop()
            if value.__class__ in CONTAINERS:
                held = value.values() if value.__class__ is dict else value
            elif id(value) in found:
                continue
            else:
                found[id(value)] = value
                held = vars(value).values()
            parts = [v for v in held if isinstance(v, Module) or v.__class__ in CONTAINERS]
            pending += reversed(parts)
        return list(found.values())

    def named_parameters(self) -> dict[str, Tensor]:
        """Return the parameters by dotted name, such as ``"0.W"`` or ``"hidden.b"``.

        Returns
        -------
        dict of str to Tensor
            A module's own before those of its parts, each in the order in which they were
            assigned; one that is used twice stands under its first name. Tensors that were
            computed from others are no parameters.
        """
        if self._part is None:
            self._find_places()
        found: dict[str, Tensor] = {}
        seen: set[Tensor] = set()
        for place, module in self.named_modules().items():
            for name, tensor in module._own_parameters().items():
                if tensor not in seen:
                    seen.add(tensor)
                    found[join(place, name)] = tensor
        return found

    def _own_parameters(self) -> dict[str, Tensor]:
        return {n: v for n, v in self._members() if isinstance(v, Tensor) and v.op is None}

    def parameters(self) -> list[Tensor]:
        """Return the parameters.

        Returns
        -------
        list of Tensor
            In the order of `named_parameters`.
        """
        return list(self.named_parameters().values())

    def generators(self) -> dict[str, np.random.Generator]:
        """Return the Generators that its parts draw from, by dotted name.

        Returns
        -------
        dict of str to numpy.random.Generator
            Their states belong into a checkpoint, so that training can go on as it would have.
        """
        return {
            join(place, name): value
            for place, module in self.named_modules().items()
            for name, value in module._members()
            if isinstance(value, np.random.Generator)
        }

    def _find_places(self) -> Part:
        """Tell each part where it stands, and name the parameters that have no name yet.

        A parameter is called by the letter of its attribute and the place of its layer: W and b
        where there is one layer, W1, b1, W2, b2 where they are numbered, W_hidden where they
        have names. These are the names in derivations and pictures. In derivations the outputs
        of layers have letters, too: z1 of the first layer, and a1 of the activation behind it.
        """
        modules = self.named_modules()
        owners = {place: module for place, module in modules.items() if module._own_parameters()}
        suffixes, latest, parts = suffixes_of(list(owners)), "", {}
        for place, module in modules.items():
            latest = suffixes.get(place, latest)  # an activation goes with the layer before it
            letter = module.letter + latest if module.letter else ""
            module._part = parts[place] = Part(place, module._title(), letter)
        for place, suffix in suffixes.items():
            module, given = owners[place], {}
            for name, tensor in module._own_parameters().items():
                letter = name.replace(".", "_")
                if tensor.name in (None, letter, module._named.get(name)):
                    tensor.name = given[name] = letter + suffix
            module._named = given
        return parts[""]

    # --- training and inference -------------------------------------------------------------------

    def train(self: Self, training: bool = True) -> Self:
        """Compute as in training, this module and all that it is made of.

        Parameters
        ----------
        training : bool, optional
            False for `eval`.

        Returns
        -------
        Module
            The same object.
        """
        for module in self.modules():
            module.training = training
        return self

    def eval(self: Self) -> Self:
        """Compute as at inference: Dropout passes everything on.

        Returns
        -------
        Module
            The same object.
        """
        return self.train(False)

    @guided
    def predict(self, X: npt.ArrayLike | Tensor, batch_size: int | None = None) -> npt.NDArray[Any]:
        """Compute the outputs for arrays, as at inference and without a graph.

        Parameters
        ----------
        X : array_like
            Inputs, with the batch axis first. Floating-point numbers are taken in the dtype of the
            parameters, as in training; whole numbers, which may be indices, stay.
        batch_size : int, optional
            Compute this many at a time, so that less memory is needed.

        Returns
        -------
        ndarray
            The output of `forward`; of a model with a head, what its activation makes of it:
            probabilities, or values.

        Raises
        ------
        ValueError
            If `batch_size` is less than 1, or the inputs do not fit.

        Notes
        -----
        Runs `forward` of a copy in which every Tensor is its array. The module itself is only
        read, so `training` stays as it is and several threads may predict at once.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_edu import nn
        >>> rng = np.random.default_rng(0)
        >>> model = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.head("multiclass", 3))
        >>> model.predict(np.zeros((1, 2))).round(2)
        array([[0.33, 0.33, 0.33]])
        """
        if self._part is None:
            self._find_places()
        inputs = X.data if isinstance(X, Tensor) else np.asarray(X)
        fit_kind, twin = like_parameters(self), still(self)
        head = twin._find_head()

        def outputs(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
            out: Any = twin(fit_kind(x) if x.dtype.kind == "f" else x)
            out = out.data if isinstance(out, Tensor) else out
            return np.asarray(out if head is None else head.activation(out))

        if batch_size is None:
            return outputs(inputs)
        size = count("predict: batch_size", batch_size, 1)
        starts = range(0, max(len(inputs), 1), size)
        return np.concatenate([outputs(inputs[at : at + size]) for at in starts])

    def _find_head(self) -> Any:
        heads = [module for module in self.modules() if module.is_head]
        if len(heads) > 1:
            raise ValueError(
                f"{type(self).__name__}: has {len(heads)} heads, so it has no loss and no "
                "prediction of its own; call the loss and the activation of each head"
            )
        return heads[0] if heads else None

    @guided
    def loss(self, outputs: Any, targets: Any, reduction: str = "mean") -> Any:
        """The loss of the model's head.

        Parameters
        ----------
        outputs : Tensor or ndarray
            What the model computed.
        targets : array_like
            What it should have been; see `Head.loss`.
        reduction : {"mean", "sum", "none"}, optional
            Over the examples.

        Returns
        -------
        Tensor or ndarray
            A number, or one for each example.

        Raises
        ------
        ValueError
            If the model has no head, or several.
        """
        head = self._find_head()
        if head is None:
            raise ValueError(
                f"{type(self).__name__}: has no head, so it knows no loss; end the model with "
                'nn.head("multiclass", classes), or call a loss yourself'
            )
        return head.loss(outputs, targets, reduction)

    def penalty(self) -> Any:
        """The sum of the penalties of its layers.

        Returns
        -------
        Tensor or float
            0.0 where no layer has one.
        """
        total: Any = 0.0
        for module in self.modules():
            own = module.own_penalty()
            if isinstance(own, Tensor) or own != 0:
                total = own if isinstance(total, float) and total == 0 else total + own
        return total

    def own_penalty(self) -> Any:
        """The penalty of this module alone, without its parts; a subclass says which.

        Returns
        -------
        Tensor or float
            0.0 for none.
        """
        return 0.0

    # --- storing ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of all parameters, by dotted name.

        Returns
        -------
        dict of str to ndarray
            Fit for ``np.savez(path, **state)``.
        """
        return {name: np.array(t.value) for name, t in self.named_parameters().items()}

    @guided
    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Give the parameters the values of a `state_dict`.

        Parameters
        ----------
        state : mapping of str to array_like
            One entry for each parameter, of its shape. The dtype of the parameter stays.

        Raises
        ------
        ValueError
            If an entry is missing, is there without a parameter, or does not fit. Nothing is
            changed then.
        TypeError
            If it is no mapping.
        """
        if not isinstance(state, Mapping):
            raise unlike(
                "load_state_dict: state",
                state,
                "pass a dict of arrays, or read a file with train.load_checkpoint(path, model)",
            )
        tensors = self.named_parameters()
        what = f"load_state_dict: this is no state of {self._title()}"
        arrays = matched(what, state, {name: tensor.value for name, tensor in tensors.items()})
        for name, array in arrays.items():
            tensors[name].data = array

    # --- words ------------------------------------------------------------------------------------

    def _title(self) -> str:
        return f"{type(self).__name__}({self._options()})"

    def _options(self) -> str:
        """What it was made with, as it would be written."""
        return ""

    def _called(self) -> str:
        """What messages call it: its place, where it has one, and what it is."""
        place = self._part.name if self._part else ""
        return f"{place}: {self._title()}" if place else self._title()

    @guided
    def summary(self, input_shape: int | tuple[int, ...] | None = None) -> str:
        """Return a table of the layers: what each is, its output shape, its parameters.

        Parameters
        ----------
        input_shape : int or tuple of int, optional
            The shape of one example. By default what the first Linear layer takes.

        Returns
        -------
        str
            One line for each layer, and the total.

        Raises
        ------
        ValueError
            If inputs of that shape do not fit.

        Examples
        --------
        >>> import numpy as np
        >>> from tinygrad_edu import nn
        >>> rng = np.random.default_rng(0)
        >>> model = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 3, rng=rng))
        >>> print(model.summary())
        layer            output  parameters
        -----------------------------------
        0: Linear(4, 8)    (8,)          40
        1: ReLU()          (8,)           0
        2: Linear(8, 3)    (3,)          27
        -----------------------------------
        total                            67
        """
        from tinygrad_edu.nn.summary import table  # which needs Modules

        return table(self, input_shape)

    def __repr__(self) -> str:
        parts = [(n, v) for n, v in self._members() if isinstance(v, Module)]
        if not parts:
            return self._title()
        lines = (f"{name}: {part!r}".replace("\n", "\n  ") for name, part in parts)
        return "\n  ".join([f"{self._title()[:-1]}", *lines]) + "\n)"

    def __getattr__(self, name: str) -> Any:
        hint = "" if name.startswith("_") else instead("Module", name)
        sentence = f"{type(self).__name__!r} has no attribute {name!r}{hint}"
        raise AttributeError(sentence, name=name, obj=self)


def _walk(place: str, module: Module, seen: set[int]) -> Iterator[tuple[str, Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    yield place, module
    for name, value in module._members():
        if isinstance(value, Module):
            yield from _walk(join(place, name), value, seen)


def like_parameters(model: Module) -> Callable[[Any], Any]:
    """Return what brings features to the dtype of the parameters, so that nothing is widened."""
    kinds = {tensor.dtype for tensor in model.parameters()}
    if len(kinds) != 1:
        return lambda features: features
    (kind,) = kinds
    return lambda features: features.astype(kind, copy=False)


def still(module: Self) -> Self:
    """Return a copy of a module in which every Tensor is its array and nothing is trained."""
    copy: Self = _still(module, {})
    return copy


def _still(value: Any, copies: dict[int, Any]) -> Any:
    if isinstance(value, Module):
        if id(value) not in copies:
            twin = copies[id(value)] = object.__new__(type(value))
            vars(twin).update({n: _still(each, copies) for n, each in vars(value).items()})
            twin.training = False
        return copies[id(value)]
    if isinstance(value, Tensor):
        return value.data
    if value.__class__ in (list, tuple):
        return value.__class__(_still(each, copies) for each in value)
    if value.__class__ is dict:
        return {key: _still(each, copies) for key, each in value.items()}
    return value


@contextmanager
def mode(model: Module, training: bool) -> Iterator[None]:
    """Compute as in training or as at inference, then put every part back into its own mode."""
    before = {part: part.training for part in model.named_modules().values()}
    model.train(training)
    try:
        yield
    finally:
        for part, own in before.items():
            part.training = own
