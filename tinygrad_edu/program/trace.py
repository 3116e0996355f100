"""Names in the place of arrays: computing with them writes the lines of a program.

A name stands for an array and knows what it was in one call, so that shapes, dtypes and layouts
are those that NumPy gives. Operations, rules and transforms are fed names as they would be fed
arrays, and so the lines are what would have been computed, in the same order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import Node, Traced, next_serial
from tinygrad_edu.core.op import Op, real_array
from tinygrad_edu.tensor import Tensor

__all__ = ["Function", "Line", "Name", "Trace", "leaves", "owners_of", "same_bits", "substitute"]
__all__ += ["of_numpy", "ufunc_of", "values_of"]

Function = Callable[..., Any]


class Line:
    """One line: a function of names and constants.

    Parameters
    ----------
    function : callable
        What computes it: a ufunc, a function of NumPy, or the forward of an operation.
    args, kwargs : tuple, mapping
        Names, arrays and numbers, perhaps in tuples and lists.
    op : Op, optional
        The operation whose forward it is.

    Attributes
    ----------
    out : Name or tuple
        What it computes; a tuple where a forward saves something for its rules.
    """

    __slots__ = ("args", "function", "kwargs", "meet", "of", "op", "out", "quiet")

    def __init__(
        self, function: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any], op: Op | None
    ) -> None:
        self.function, self.args, self.kwargs, self.op = function, args, kwargs, op
        self.out: Any = None
        self.of = op  # also the operation whose forward, traced through, wrote the line
        self.quiet = np.geterr()["over"] == "ignore"  # written where warnings are silenced
        self.meet = (
            _meet(*args[:2]) if function in _PRODUCTS else None
        )  # whether its factors are one

    @property
    def computes_nothing(self) -> bool:
        """Whether the line is there to refuse."""
        return isinstance(self.out, Name) and self.out.value is None

    def reads(self) -> Iterator[Name]:
        """Yield the names that the line reads."""
        return (each for each in leaves((self.args, *self.kwargs.values())) if _is_name(each))

    def writes(self) -> Iterator[Name]:
        """Yield the names that the line defines."""
        return leaves(self.out)


def owners_of(lines: Iterable[Line]) -> dict[Name, set[Name]]:
    """Return, for each name, whose memory it may stand for.

    A result that NumPy made is an array of its own; any other one may be a view of what it was
    made from.
    """
    owners: dict[Name, set[Name]] = {}
    for line in lines:
        reads = {owner for name in line.reads() for owner in owners.get(name, {name})}
        for out in line.writes():
            owners[out] = {out} if ufunc_of(line) is not None else {out, *reads}
    return owners


def of_numpy(function: Any) -> bool:
    """Whether a function is NumPy's, or looks up an attribute or entries."""
    return (
        function in (getattr, operator.getitem)
        or getattr(function, "__objclass__", None) is np.ndarray
        or getattr(np, getattr(function, "__name__", ""), None) is function
    )


def ufunc_of(line: Line) -> Any:
    """Return the ufunc that makes a result, in whichever way; None where it is no ufunc."""
    function: Any = line.function
    function = function if isinstance(function, np.ufunc) else getattr(function, "__self__", None)
    return function if isinstance(function, np.ufunc) else None


class Trace:
    """The lines that a call wrote, oldest first."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.began = next_serial()

    def compute(
        self,
        function: Function,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any] | None = None,
        op: Op | None = None,
    ) -> Any:
        """Write a line; return the name of its result, or the structure of names of several."""
        line = Line(function, args, kwargs or {}, op)
        values = function(
            *values_of(args), **{key: values_of(each) for key, each in line.kwargs.items()}
        )
        line.out = substitute(values, lambda value: Name(self, value))
        self.lines.append(line)
        return line.out

    def apply(self, op: Op, inputs: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Write what the forward of an operation computes: its own lines, or one that calls it.

        A forward that decides by the numbers, or silences NumPy's warnings, is called as it is.
        """
        if not op.sealed or isinstance(op.forward, np.ufunc):
            return self.compute(op.forward, inputs, attributes, op)
        whole = op.forward(*values_of(inputs), **attributes)
        before = len(self.lines)
        try:
            out = op.forward(*inputs, **attributes)
        except (TypeError, AttributeError):
            out = None
        if same_bits(values_of(out), whole) and not any(line.quiet for line in self.lines[before:]):
            for line in self.lines[before:]:
                line.of = op
            return out
        del self.lines[before:]
        return self.compute(op.forward, inputs, attributes, op)


class Name(NDArrayOperatorsMixin, Traced):
    """What stands for an array, or for a number, while a program is traced."""

    __slots__ = ("trace", "value")

    def __init__(self, trace: Trace, value: Any) -> None:
        self.trace, self.value = trace, value

    # --- what it is -----------------------------------------------------------------------------

    shape = property(lambda self: np.shape(self.value))
    ndim = property(lambda self: np.ndim(self.value))
    size = property(lambda self: np.size(self.value))
    dtype = property(lambda self: np.asarray(self.value).dtype)
    T = property(lambda self: self.trace.compute(getattr, (self, "T")))
    mT = property(lambda self: self.trace.compute(getattr, (self, "mT")))
    flags = property(lambda self: self.value.flags)  # a program is of one layout

    # --- what computes with it ------------------------------------------------------------------

    def apply(self, op: Op, inputs: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
        """Write the line of an operation on arrays."""
        return self.trace.apply(op, inputs, attributes)

    def line(self, function: Function, *args: Any) -> Any:
        """Write a line that calls a function; one that gives nothing is there to refuse."""
        return self.trace.compute(function, (self, *args))

    def vertex(
        self, op: Op, args: tuple[Any, ...], inputs: tuple[Any, ...], attributes: Mapping[str, Any]
    ) -> Tensor:
        """Record an operation on Tensors that hold names, as it is recorded on arrays."""
        for argument in args:
            if argument.__class__ is Tensor:
                self._refuse_from_outside(argument)
        node: Any = object.__new__(NamedTensor)
        out = self.apply(op, inputs, attributes)
        node.value, node.saved = out if op.saved is not None else (out, None)
        node.op, node.args, node.attributes, node.inputs = op, args, attributes, inputs
        node.serial = next_serial()
        return node  # type: ignore[no-any-return]  # filled slot by slot

    def leaf(self) -> Tensor:
        """Return a Tensor that holds this name."""
        node: Any = object.__new__(NamedTensor)
        kind = self.dtype.kind
        value = self if kind == "f" else self.astype(np.float64)
        node.op, node.args, node.attributes, node.inputs = None, (), {}, ()
        node.value, node.serial, node._grad = value, next_serial(), None
        return node  # type: ignore[no-any-return]  # filled slot by slot

    def copy(self) -> Name:
        """Return the name itself: a program never changes what a name stands for."""
        return self

    def _refuse_from_outside(self, tensor: Tensor) -> None:
        for node in ancestors(tensor):
            if node.op is None and node.serial < self.trace.began:
                called = getattr(node, "name", None) or "a Tensor"
                raise TypeError(
                    f"compile: {called} is a Tensor from outside the function, whose data may "
                    "change between calls; pass it as an argument, or its .data as a constant"
                )

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(each, Node) for each in inputs):
            return NotImplemented
        if "out" in kwargs or method == "at":
            _refuse_in_place(ufunc)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        return self.trace.compute(function, inputs, kwargs)

    def __array_function__(
        self, function: Function, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if any(isinstance(each, Node) for each in leaves(args)):
            return NotImplemented
        if "out" in kwargs or function in _IN_PLACE:
            _refuse_in_place(function)
        if function in _REDUCTIONS and len(args) == 1:
            function, kwargs = _REDUCTIONS[function].reduce, {"axis": None, **kwargs}
        if function in _OF_SHAPES:
            return function(*values_of(args), **kwargs)
        return self.trace.compute(function, args, kwargs)

    def __pow__(self, other: Any) -> Any:
        # x**2 is a square to NumPy, and not what np.power computes.
        if isinstance(other, Node):
            return NotImplemented
        return self.trace.compute(operator.pow, (self, other))

    def __getitem__(self, index: Any) -> Any:
        return self.trace.compute(operator.getitem, (self, index))

    def __getattr__(self, attribute: str) -> Any:
        method = getattr(np.ndarray, attribute, None)
        if attribute.startswith("_") or not callable(method) or attribute in _CHANGING:
            raise AttributeError(f"compile: an array in a program has no {attribute}")

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.trace.compute(method, (self, *args), kwargs)

        return call

    # --- what would need numbers ----------------------------------------------------------------

    def _refuse(self, *given: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(
            "compile: the function asks for a number that is known only when the program runs "
            "(if, while, float(), .item(), a loop over entries); decide outside, or by tg.where"
        )

    __bool__ = __float__ = __int__ = __index__ = __complex__ = _refuse
    __array__ = __iter__ = __setitem__ = item = tolist = _refuse

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len: an array of shape () has no length")
        return int(self.shape[0])

    __hash__ = object.__hash__


class NamedTensor(Tensor):
    """A Tensor of which the value is a name."""

    __slots__ = ()

    @staticmethod
    def record(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Tensor:
        """Write the line of this call and make its vertex."""
        inputs = tuple(
            argument.value
            if isinstance(argument, Tensor)
            else real_array(argument, op.name)
            if isinstance(argument, list | tuple)
            else argument
            for argument in args
        )
        for each in inputs:
            if isinstance(each, Name):
                return each.vertex(op, args, inputs, attributes)
        return Tensor.record(op, args, attributes)  # of shapes alone, such as zeros


_OF_SHAPES = {np.shape, np.ndim, np.size, np.result_type}
_REDUCTIONS = {np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum}
_IN_PLACE = {np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis}
_CHANGING = {"sort", "partition", "fill", "itemset", "put", "resize", "setfield", "setflags"}


_PRODUCTS = {np.matmul, np.dot, np.inner, np.tensordot}


def _meet(one: Any, other: Any) -> bool:
    """Whether two factors share memory."""
    return np.may_share_memory(*(getattr(each, "value", each) for each in (one, other)))


def _refuse_in_place(function: Any) -> NoReturn:
    raise TypeError(
        f"compile: {function.__name__} would change an array in place; write p = p - … instead of "
        "p -= …, or make a new array"
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, Name)


def values_of(tree: Any) -> Any:
    """Return what names stand for in the call that is traced, in nested tuples and lists."""
    return substitute(tree, lambda each: each.value if isinstance(each, Name) else each)


def same_bits(one: Any, other: Any) -> bool:
    """Whether results are equal bit for bit, in dtype and layout too."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(same_bits, one, other))
    if one is None or isinstance(one, tuple) or isinstance(other, tuple):
        return False
    a, b = np.asarray(one), np.asarray(other)
    return a.dtype == b.dtype and a.strides == b.strides and a.tobytes() == b.tobytes()


def substitute(tree: Any, function: Function) -> Any:
    """Apply a function to every leaf of nested tuples and lists."""
    if tree.__class__ in (tuple, list):
        return tree.__class__([substitute(each, function) for each in tree])
    return function(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """Yield every leaf of nested tuples and lists."""
    if tree.__class__ in (tuple, list):
        for each in tree:
            yield from leaves(each)
    else:
        yield tree
