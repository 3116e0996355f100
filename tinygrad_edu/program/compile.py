"""Functions of arrays, compiled: traced once for each shape and dtype, then run as NumPy."""

from __future__ import annotations

import functools
import inspect
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.program.passes import alive, numbered, unchanged
from tinygrad_edu.program.trace import Function, Line, Name, Trace, leaves, same_bits, substitute
from tinygrad_edu.program.writer import Writer

__all__ = ["Program", "compile"]

#: So many programs of one function are kept, the latest used.
_KEPT = 16


def compile(f: Function, donate: Iterable[int] = (), exact: bool = True) -> Program:
    """Write a function of arrays as a straight-line NumPy program.

    Parameters
    ----------
    f : callable
        Of arrays, numbers, or nested tuples and lists of arrays; made of operations, operators
        and transforms (`grad`, `value_and_grad`, `vjp`, `jvp`, `hvp`, `jacobian`, nested).
        Arrays that it closes over are held as they were at the first call.
    donate : iterable of int, optional
        Which positional arguments the program may overwrite.
    exact : bool, optional
        Keep every rounding: results equal those of `f` bit for bit. Otherwise numbers may move
        into smaller factors.

    Returns
    -------
    Program
        Takes the arguments of `f` and returns arrays, or tuples of them.

    Raises
    ------
    TypeError
        On the first call, if `f` decides by numbers that are known only when it runs, changes an
        argument in place, closes over a Tensor, or returns no arrays.
    ValueError
        On the first call, if the program gives other results than `f`, as where `f` draws random
        numbers.

    Notes
    -----
    The rules of the operations are fed names instead of arrays, and so the lines are those that
    the eager function computes, in the same order; what is computed twice is computed once.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> program = tg.compile(tg.grad(lambda x: (x * x).sum()))
    >>> program(np.array([1.0, 3.0]))
    array([2., 6.])
    """
    if not callable(f):
        raise TypeError(f"compile: f is a {type(f).__name__}; pass a function of arrays")
    return Program(f, tuple(donate), exact)


class Program:
    """A function of arrays, compiled for the shapes and dtypes that it was called with.

    Made by `tg.compile`. May be called by several threads at once.
    """

    def __init__(self, f: Function, donate: Sequence[int], exact: bool) -> None:
        self._f, self._donate, self._exact = f, donate, exact
        self._kept: OrderedDict[Any, _Written] = OrderedDict()
        self._latest: _Written | None = None
        self._lock = threading.Lock()
        functools.update_wrapper(self, f, assigned=("__name__", "__doc__"), updated=())

    def __call__(self, *args: Any) -> Any:
        latest = self._latest
        if latest is not None and latest.fits(args):
            return latest.run(*args)
        return self._slowly(args)

    @property
    def source(self) -> str:
        """The NumPy program of the latest call."""
        return self._written().writer.source

    def explain(self) -> str:
        """Tell the lines of the latest program: what each computes, and the bytes it takes."""
        return self._written().explain()

    def _written(self) -> _Written:
        if self._latest is None:
            raise ValueError("compile: there is no program before the first call, which traces it")
        return self._latest

    def _slowly(self, args: tuple[Any, ...]) -> Any:
        flat = list(leaves(args))
        for value in flat:
            if isinstance(value, Node):
                raise TypeError("compile: an argument is a Tensor; pass its .data")
        key = substitute(args, _kind)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                self._latest = found
        if found is not None:
            return found.run(*flat) if found.flat else found.run(*flat)
        expected = self._f(*args)
        written = _Written(self._f, args, self._donate)
        given = [value.copy() if isinstance(value, np.ndarray) else value for value in flat]
        result = written.run(*given)
        _refuse_other(result, expected)
        with self._lock:
            self._kept[key] = self._latest = written
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return result


class _Written:
    """The program for arguments of certain shapes and dtypes."""

    def __init__(self, f: Function, args: tuple[Any, ...], donate: Sequence[int]) -> None:
        trace = Trace()
        named = substitute(args, lambda value: Name(trace, value))
        inputs = dict(zip(leaves(named), _letters(f, args), strict=True))
        out = f(*named)
        results = substitute(out, _result)
        lines, results = unchanged(trace.lines, results)
        lines, results = numbered(lines, results)
        self.lines: list[Line] = alive(lines, results)
        donated = [name for place in donate for name in leaves(named[place])]
        self.writer = Writer(self.lines, inputs, results, donated, _closed_over(f))
        self.run = self.writer.function()
        self.flat = all(isinstance(value, np.ndarray) for value in args)
        self._kinds = [(np.shape(value), np.asarray(value).dtype) for value in args] if self.flat else []
        self._strides = [value.strides for value in args] if self.flat else []

    def fits(self, args: tuple[Any, ...]) -> bool:
        """Whether arguments have the shapes, dtypes and layouts that were traced."""
        if not self.flat or len(args) != len(self._kinds):
            return False
        for value, (shape, dtype), strides in zip(args, self._kinds, self._strides, strict=True):
            if (
                value.__class__ is not np.ndarray
                or value.shape != shape
                or value.dtype is not dtype
                or value.strides != strides
            ):
                return False
        return True

    def explain(self) -> str:
        return self.writer.source


def _kind(value: Any) -> Any:
    """Return what arguments of one program share."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.strides
    return type(value)


def _result(value: Any) -> Any:
    if isinstance(value, Node):
        value = value.value
    if isinstance(value, Name | np.ndarray | np.generic | int | float):
        return value
    raise TypeError(
        f"compile: the function returns a {type(value).__name__}; return arrays, or a tuple of them"
    )


def _refuse_other(result: Any, expected: Any) -> None:
    expected = substitute(expected, lambda each: each.value if isinstance(each, Node) else each)
    for found, wanted in zip(leaves(result), leaves(expected), strict=True):
        if not same_bits(np.array(found), np.array(wanted)):
            raise ValueError(
                "compile: the program gives another result than the function, which draws random "
                "numbers or changes what it reads; pass what changes as an argument"
            )


def _letters(f: Function, args: tuple[Any, ...]) -> list[str]:
    """Return what the arguments are called: as the function calls its parameters."""
    try:
        bound = inspect.signature(f).bind(*args).arguments
    except (TypeError, ValueError):
        bound = {"x": args}
    found = []
    for name, value in bound.items():
        inside = list(leaves(value))
        plain = value.__class__ not in (tuple, list)
        found += [name] if plain else [f"{name}{n}" for n in range(1, len(inside) + 1)]
    return found


def _closed_over(f: Function) -> Any:
    """Return a function from an array to what the compiled function calls it."""
    found: dict[int, str] = {}
    pending, seen = [f], set()
    while pending:
        function = inspect.unwrap(pending.pop())
        if id(function) in seen or not inspect.isfunction(function):
            continue
        seen.add(id(function))
        closed = inspect.getclosurevars(function)
        for name, value in {**closed.globals, **closed.nonlocals}.items():
            if isinstance(value, np.ndarray):
                found.setdefault(id(value), name)
            elif inspect.isfunction(value):
                pending.append(value)
    return lambda array: found.get(id(array))
