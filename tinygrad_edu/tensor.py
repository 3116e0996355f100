"""The Tensor: a vertex with a value."""

from __future__ import annotations

import functools
from _thread import RLock  # that of threading, without its import
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ops
from tinygrad_edu.core.backward import own_arrays, propagate
from tinygrad_edu.core.node import NO_ATTRIBUTES, Node, Traced, install, next_serial
from tinygrad_edu.core.op import Op, real_array, recompute, run
from tinygrad_edu.elsewhere import guided, instead, keyword, table
from tinygrad_edu.numpy_functions import UFUNCS, call_numpy
from tinygrad_edu.ops.reduce import count_of_shape
from tinygrad_edu.ops.shape import Axes

__all__ = ["Tensor", "is_current", "leaf", "name", "refuse_changed"]

# What the engine asks of a Tensor, and no user need see.
_INTERNAL = (
    *("args", "attributes", "count", "inputs", "op", "operands", "record", "refuse_if_rebound"),
    *("saved", "seed", "serial", "value", "zeros_like"),
)
_PLAIN = frozenset({float, bool, np.float64, np.float32, np.float16, np.bool_, np.int64})


#: From a Tensor to its name, where it has one.
Called = Callable[["Tensor"], str | None]


class _Kind(type):
    """The type of `Tensor`, which shows what users may call."""

    def __dir__(cls) -> list[str]:
        return sorted({*super().__dir__()} - {*_INTERNAL, *table()["Tensor"]})


class Tensor(Node, metaclass=_Kind):
    """An array that remembers how it was computed, so that it can be differentiated.

    Tensors are what you differentiate; NumPy arrays and Python numbers are constants. There is
    no ``requires_grad`` and no global mode: to compute without a graph, compute with arrays.

    Parameters
    ----------
    data : array_like of real numbers
        Copied. Integers and booleans become float64; float16, float32 and float64 stay.
    name : str, optional
        The name in pictures and derivations; otherwise the caller's variable name is used.

    Attributes
    ----------
    data : ndarray
        A read-only view of the value. Assigning gives a leaf a new value; graphs that were
        recorded before keep the old one.
    grad : ndarray or None
        What `backward` has added up so far (leaves only). May be assigned; None clears it.

    Raises
    ------
    TypeError
        If `data` is complex, text, or an object without numbers.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z = tg.Tensor([1.0, 2.0, 3.0], name="z")
    >>> loss = (z * z).sum()
    >>> loss.backward()
    >>> z.grad
    array([2., 4., 6.])
    """

    __slots__ = ("_grad", "_name", "_parts", "inputs", "saved", "value")

    _grad: npt.NDArray[Any] | None
    _name: str | None
    _parts: tuple[Any, ...] | None  # the parts of the computation that end here, see `naming`
    _repr_mimebundle_: ClassVar[Any]  # what a notebook shows; given by the package's front door

    def __init__(
        self, data: npt.ArrayLike | Tensor, name: str | None = None, **unknown: Any
    ) -> None:
        if unknown:
            option = next(iter(unknown))
            mend = keyword("Tensor", option, ("data", "name")) or "; it takes data and a name"
            raise TypeError(f"Tensor: there is no {option}={mend}")
        _check_name(name)
        self.op, self.args, self.attributes = None, (), NO_ATTRIBUTES
        self.serial = next_serial()
        self._grad = None
        if isinstance(data, np.ma.MaskedArray):
            raise TypeError("Tensor: a masked array would lose its mask; pass .filled(value)")
        self.value = _frozen(_array(data, "Tensor"), "Tensor")
        if name is not None:
            self._name = name

    # --- recording ------------------------------------------------------------------------------

    @staticmethod
    def record(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Tensor:
        """Run the forward on the values and make the vertex of this call."""
        if not op.sealed:
            return _record_guarded(op, args, attributes)
        x: Any = None
        y: Any = None
        if len(args) == 2:  # most calls: spelled out, in half the time of a loop
            x, y = args
            x = x.value if x.__class__ is Tensor else x if x.__class__ in _PLAIN else _plain(x)
            y = y.value if y.__class__ is Tensor else y if y.__class__ in _PLAIN else _plain(y)
        if x is not None and y is not None:
            inputs: tuple[Any, ...] = (x, y)
        elif len(args) == 1 and args[0].__class__ is Tensor:
            inputs = (args[0].value,)
        else:
            args = _without_sequences(op, args)
            inputs = tuple([_constant(a, op) for a in args])
            for given in inputs:
                if isinstance(given, Traced):
                    return cast("Tensor", given.vertex(op, args, inputs, attributes))
        try:
            if attributes is NO_ATTRIBUTES:
                value = op.forward(*inputs)
            else:
                value = op.forward(*inputs, **attributes)
        except (ValueError, TypeError, OverflowError):
            value = run(op, inputs, attributes)  # the same complaint again, naming the operation
        node = _new(Tensor)
        if op.saved is not None:
            value, node.saved = value
        node.op = op
        node.args = args
        node.attributes = attributes
        node.inputs = inputs
        node.value = value
        node.serial = next_serial()
        return node

    def operands(self) -> tuple[Any, ...]:
        """Return the arguments as rules are given them: constants as the forward was."""
        pairs = zip(self.args, self.inputs, strict=True)
        return tuple([a if isinstance(a, Node) else constant for a, constant in pairs])

    def refuse_if_rebound(self, called: Called = lambda tensor: tensor.name) -> None:
        """Raise where an argument no longer holds the array this vertex was computed from."""
        for argument, recorded in zip(self.args, self.inputs, strict=True):
            if isinstance(argument, Tensor) and argument.value is not recorded:
                which = called(argument) or "a leaf"
                raise ValueError(
                    f"{self.op.name if self.op else 'graph'}: {which} was given new data after "
                    "this graph was recorded; compute the output again, then differentiate it"
                )

    def seed(self, seed: Any, graph: bool) -> Any:
        """Return the gradient that the backward pass starts with."""
        if seed is None:
            if self.value.size != 1:
                raise ValueError(
                    f"backward: the output has shape {self.shape} and a gradient starts from one "
                    "number; reduce it first (.sum(), .mean()) or pass a seed of that shape"
                )
            one = self.value.dtype.type(1)
            ones = np.full(self.shape, one) if self.shape else one
            return Tensor(ones) if graph else ones
        value: Any = seed if isinstance(seed, Traced) else _real(_array(seed, "seed"), "seed")
        value = value.astype(self.dtype, copy=False)
        if value.shape != self.shape:
            raise ValueError(
                f"backward: the seed has shape {value.shape} and the output {self.shape}; "
                "pass a seed of the output's shape"
            )
        if graph:
            if not isinstance(seed, Tensor):
                return leaf(value)
            if seed.dtype != value.dtype and value.dtype.kind == "f":
                return ops.astype(seed, dtype=value.dtype.name)
            return seed
        return value

    def zeros_like(self) -> Tensor:
        """Return a constant zero of this shape and dtype."""
        return Tensor(np.zeros(self.shape, self.dtype))

    # --- what it holds --------------------------------------------------------------------------

    @property
    def data(self) -> npt.NDArray[Any]:
        """The value, as a read-only array."""
        value = self.value
        if self.op is not None:  # a result is frozen when somebody looks at it
            value = np.asarray(value)
            owner: Any = value
            while isinstance(owner, np.ndarray) and owner.flags.writeable:
                owner.flags.writeable = False
                owner = owner.base
        view: npt.NDArray[Any] = value.view()  # of a frozen array: cannot be made writable
        return view

    @data.setter
    def data(self, data: npt.ArrayLike | Tensor) -> None:
        if self.op is not None:
            raise ValueError(
                f"data: this tensor was computed by {self.op.name}; only a leaf takes new data. "
                "Make a new one with Tensor(...)"
            )
        array: Any = data.value if isinstance(data, Tensor) else data
        if array.__class__ is not np.ndarray or array.base is not None:
            array = _array(array, "data")
        self.value = _frozen(array, "data")

    @property
    def grad(self) -> npt.NDArray[Any] | None:
        """The gradient that `backward` has added up, or None."""
        if self.op is not None:
            raise AttributeError(
                f"grad: this tensor was computed by {self.op.name} and only leaves keep a "
                "gradient; use tg.gradients(loss, wrt=this)"
            )
        return self._grad

    @grad.setter
    def grad(self, grad: npt.ArrayLike | Tensor | None) -> None:
        if grad is None:
            self._grad = None
            return
        if self.op is not None:
            raise AttributeError(f"grad: only leaves keep a gradient, not a {self.op.name}")
        array = _real(_array(grad, "grad"), "grad").astype(self.dtype, copy=False)
        if array.shape != self.shape:
            raise ValueError(f"grad: shape {array.shape} for a tensor of shape {self.shape}")
        self._grad = array

    @property
    def name(self) -> str | None:
        """The name given to it, or None."""
        return getattr(self, "_name", None)

    @name.setter
    def name(self, name: str | None) -> None:
        _check_name(name)
        self._name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the entries."""
        dtype: np.dtype[Any] = self.value.dtype
        return dtype

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(self.value.size)

    def item(self) -> float:
        """Return the only entry as a Python number."""
        if self.size != 1:
            raise ValueError(
                f"item: a Tensor of shape {self.shape} is not of size 1; pick one of its entries, "
                "or take .data"
            )
        number: float = self.value.item()
        return number

    @guided
    def backward(self, seed: npt.ArrayLike | Tensor | None = None) -> None:
        """Add the gradients of this tensor to `.grad` of every leaf it was computed from.

        Parameters
        ----------
        seed : array_like, optional
            The gradient of this tensor, of its shape; by default 1, for one entry.

        Raises
        ------
        ValueError
            If the tensor has several entries and no seed is given, or the seed does not fit.

        Notes
        -----
        An exception or an interrupt (Ctrl-C) leaves every `.grad` as it was, or, where it
        arrives after the last step, every one added to: never some of them. Threads may call
        this at once, on one leaf too; in which order their gradients are added is not defined,
        and may show in the last digit.

        Examples
        --------
        >>> import tinygrad_edu as tg
        >>> x = tg.Tensor(3.0)
        >>> (x * x).backward()
        >>> x.grad
        array(6.)
        """
        totals: dict[Any, Any] = propagate(self, seed)
        with _adding:
            sums = [g if leaf._grad is None else leaf._grad + g for leaf, g in totals.items()]
            # One call into C, within which Python handles no signal: all are set, or none.
            deque(map(_set_grad, totals, own_arrays(sums)), maxlen=0)

    def count(self, axis: Axes = None) -> int:
        """Return the number of entries that a reduction over `axis` joins."""
        return count_of_shape(self.shape, axis)

    if TYPE_CHECKING:  # installed below, from a table

        def _method(self, *args: Any, **attributes: Any) -> Tensor: ...

        sum = mean = max = min = prod = var = std = cumsum = argmax = argmin = _method
        reshape = transpose = squeeze = ravel = flatten = repeat = take = _method
        diagonal = trace = dot = clip = round = _method

    # --- Python's protocols ---------------------------------------------------------------------

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: a Tensor of shape () has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"bool: a Tensor of shape {self.shape} is neither true nor false; use "
                "(x > 0).data.any() or .all()"
            )
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __round__(self, ndigits: int | None = None) -> Any:
        if ndigits is not None and not isinstance(ndigits, int | np.integer):
            raise TypeError(
                f"round: the number of digits is a {type(ndigits).__name__}; pass an integer"
            )
        return round(self.item(), ndigits) if not self.shape else self.round(ndigits or 0)

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)

    def __repr__(self) -> str:
        text = repr(self.data).removeprefix("array").replace("\n", "\n ")
        if self.name is None:
            return f"Tensor{text}"
        return f"Tensor{text[:-1]}, name={self.name!r})"

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "Tensor: entries are not assigned, since graphs hold on to them; build a new array, "
            "then t.data = array, or use tg.where"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (np.array(self.value), self.name)  # a copy is a leaf: no graph

    def __dir__(self) -> list[str]:
        return dir(type(self))

    # --- NumPy's protocols ----------------------------------------------------------------------

    if not TYPE_CHECKING:  # to type checkers a Tensor is no array_like, and array * t a Tensor

        def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
            raise TypeError(
                "Tensor: turning it into an array would cut it out of its graph unseen; use .data "
                "for the values, tg.stack([…]) to join several Tensors, or the function of the "
                "same name in tinygrad_edu"
            )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and ufunc in UFUNCS:
            return self.record(UFUNCS[ufunc], inputs, NO_ATTRIBUTES)
        if method != "__call__":
            raise TypeError(
                f"np.{ufunc.__name__}.{method}: not supported on a Tensor; use .data for the "
                "values, or the reductions of tinygrad_edu"
            )
        return call_numpy(ufunc, inputs, kwargs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        return call_numpy(function, args, kwargs)


def _in_place(name: str, sign: str) -> Callable[[Tensor, Any], Any]:
    """Make ``t += …``: a new vertex for a computed tensor, and refused for a leaf."""
    plain = getattr(Tensor, name)

    def compute(self: Tensor, other: Any) -> Any:
        if self.op is None:
            which = self.name or "t"
            raise TypeError(
                f"Tensor: {which} {sign}= … would replace a leaf by a computed tensor and lose "
                f"it; write {which}.data = {which}.data {sign} …"
            )
        return plain(self, other)

    return compute


def _method(operation: Any) -> Callable[..., Any]:
    """Make the method of an operation, which gets the Tensor as its first argument."""

    @functools.wraps(operation, assigned=("__module__",))
    def method(self: Tensor, *args: Any, **attributes: Any) -> Any:
        return operation(self, *args, **attributes)

    method.__doc__ = f"{operation.summary}\n\nSee `tinygrad_edu.{operation.__name__}`."
    return method


def _reshape(self: Tensor, *shape: Any) -> Tensor:
    """Give the entries another shape; see `tinygrad_edu.reshape`."""
    return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)


def _transpose(self: Tensor, *axes: Any) -> Tensor:
    """Permute the axes; see `tinygrad_edu.transpose`."""
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
    return ops.transpose(self, axes=order)


def _ravel(self: Tensor) -> Tensor:
    """Return all entries as one vector."""
    return ops.reshape(self, shape=-1)


_METHODS = (
    *("argmax", "argmin", "clip", "cumsum", "diagonal", "dot", "max", "mean", "min", "prod"),
    *("repeat", "round", "squeeze", "std", "sum", "take", "trace", "var"),
)
_SIGNS = {"add": "+", "sub": "-", "mul": "*", "truediv": "/"}

install(Tensor, {name: _method(getattr(ops, name)) for name in _METHODS})
install(Tensor, {"reshape": _reshape, "transpose": _transpose, "ravel": _ravel})
install(Tensor, {"flatten": _method(ops.ravel)})
install(Tensor, {f"__i{name}__": _in_place(f"__{name}__", sign) for name, sign in _SIGNS.items()})


class _Elsewhere:
    """An attribute that Tensors have elsewhere and not here, which says what to write.

    A method ``__getattr__`` would make Python look up every attribute slowly.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, tensor: Tensor | None, kind: type[Tensor]) -> NoReturn:
        hint = instead("Tensor", self.name)
        raise AttributeError(f"'Tensor' object has no attribute {self.name!r}{hint}")


_new = object.__new__
_set_grad = Tensor.__dict__["_grad"].__set__
# Reading, adding and setting `.grad` is one step; a signal handler may be inside it already.
_adding = RLock()


def leaf(x: Any) -> Tensor:
    """Return a vertex of its own for an array, or for what stands for one."""
    return cast("Tensor", x.leaf()) if isinstance(x, Traced) else Tensor(x)


def _without_sequences(op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Turn lists into arrays, which is what rules need."""
    return tuple(real_array(a, op.name) if isinstance(a, list | tuple) else a for a in args)


def _record_guarded(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Tensor:
    """Record a user's operation, which may not change or hand out what others hold."""
    args = _without_sequences(op, args)
    inputs = tuple(_constant(a, op) for a in args)
    for given in inputs:
        if isinstance(given, Traced):
            return cast("Tensor", given.vertex(op, args, inputs, attributes))
    for argument in args:
        if isinstance(argument, Tensor) and isinstance(argument.value, np.ndarray):
            argument.value.flags.writeable = False
    value = run(op, inputs, attributes)
    node = _new(Tensor)
    if op.saved is not None:
        value, node.saved = value
    value = real_array(value, f"{op.name}, its result")
    if any(np.may_share_memory(value, a) for a in inputs):
        value = value.copy()
    node.op, node.args, node.attributes = op, args, attributes
    node.inputs, node.value, node.serial = inputs, value, next_serial()
    return node


@guided
def name(tensor: Any, name: str) -> Any:
    """Give a Tensor the name that pictures and derivations use, and return it.

    Parameters
    ----------
    tensor : Tensor
        A leaf or a computed tensor.
    name : str
        Any text.

    Returns
    -------
    Tensor
        The same object.

    Raises
    ------
    TypeError
        If `tensor` is no Tensor or `name` no text.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> a = tg.name(tg.softmax(tg.Tensor([0.0, 0.0])), "a")
    >>> a
    Tensor([0.5, 0.5], name='a')
    """
    if isinstance(tensor, str):
        raise TypeError('name: the Tensor comes first, as in tg.name(t, "a")')
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"name: marks Tensors, not a {type(tensor).__name__}; pass names={{{name!r}: array}} "
            "to draw or derive instead"
        )
    tensor.name = name
    return tensor


def refuse_changed(
    order: Iterable[Node], asker: str, called: Called = lambda tensor: tensor.name
) -> None:
    """Compute every Tensor again from what it was recorded with, and compare.

    A complaint names Tensors as they are `called`.

    Raises
    ------
    ValueError
        Where a leaf was given new data, or a constant array was changed in place.
    """
    for node in order:
        if node.op is None:
            continue
        if isinstance(node, Tensor):
            node.refuse_if_rebound(called)
        value = recompute(node.op, node.inputs, node.attributes)
        if not np.array_equal(value, node.value, equal_nan=True):
            raise ValueError(
                f"{asker}: {node.op.name} gives another result than when it was recorded, so a "
                "constant array was changed since; compute the output again"
            )


def is_current(order: Iterable[Node]) -> bool:
    """Whether a graph still is what would be recorded now, of the data that its leaves hold."""
    try:
        refuse_changed(order, "graph")
    except ValueError:
        return False
    return True


def _check_name(name: Any) -> None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"Tensor: a name is text, not a {type(name).__name__}")
    if name is not None and not name.strip():
        raise ValueError(f"Tensor: the name {name!r} is blank; leave it out, or give it a letter")


def _array(data: Any, what: str) -> npt.NDArray[Any]:
    """Copy what a caller gave into an array."""
    try:
        return np.array(data.value if isinstance(data, Tensor) else data)
    except ValueError as error:
        raise ValueError(f"{what}: no array of numbers: {error}") from error


def _frozen(array: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    """Return what a leaf may hold: floating-point numbers that nobody changes."""
    if array.dtype not in _FLOATS:
        array = _real(array, what)
    array.setflags(write=False)
    return array


def _real(array: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    """Return floating-point numbers in this machine's byte order, or refuse."""
    if array.dtype in _FLOATS:
        return array
    kind = array.dtype.kind
    if kind in "biu":
        return array.astype(np.float64)
    if kind != "f":
        raise TypeError(
            f"{what}: holds {array.dtype} values, and only real numbers can be differentiated"
        )
    if array.dtype.itemsize > 8:  # longdouble, whose meaning differs from machine to machine
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


_FLOATS = frozenset({np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.float16)})


def _plain(value: Any) -> Any:
    """Return what NumPy can compute with as it is, or None for what needs a closer look."""
    if value.__class__ is int:  # a larger one would be an object to NumPy
        return value if value.bit_length() < 64 else None
    if value.__class__ is np.ndarray and value.dtype.kind in "fiub" and value.dtype.isnative:
        return value
    return None


def _constant(value: Any, op: Op) -> Any:
    """Return a constant argument as NumPy will see it; refuse what is no real number."""
    if isinstance(value, Tensor):  # a subclass
        return value.value
    if value.__class__ in _PLAIN or _plain(value) is not None:
        return value
    return real_array(value, op.name)


for _name in table()["Tensor"]:
    setattr(Tensor, _name, _Elsewhere(_name))
