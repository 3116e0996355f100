"""Functions of arrays, compiled: traced once for each shape and dtype, then run as NumPy."""

from __future__ import annotations

import functools
import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.program.passes import alive, apart, lighter, numbered, sizes, unchanged
from tinygrad_edu.program.trace import Function, Name, Trace, leaves, same_bits, substitute
from tinygrad_edu.program.writer import Writer

__all__ = ["Program", "compile", "written"]

#: By how much results may differ that need not be exact, relative to the largest entry or term.
_NEAR = {"d": 1e-12, "f": 1e-5, "e": 1e-2}

#: So many programs of one function are kept, the latest used.
_KEPT = 16


@guided
def compile(
    f: Function, donate: Iterable[int] = (), exact: bool = True, derive: bool = False
) -> Program:
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
    derive : bool, optional
        Compute gradients by the formulas that `tg.derive` finds, for an `f` made by `grad` or
        `value_and_grad`; never exact. Assumed is only what holds of arrays that `f` closes over.

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
        numbers; or if an argument of `donate` is not there.

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
    made_by = getattr(f, "made_by", None)
    if derive and made_by is None:
        raise TypeError("compile: derive=True takes a function made by tg.grad or value_and_grad")
    return Program(f, tuple(donate), exact and not derive, made_by if derive else None)


class Program:
    """A function of arrays, compiled for the shapes and dtypes that it was called with.

    Made by `tg.compile`. Several threads may call it at once.

    Attributes
    ----------
    source : str
        The program of the latest shapes: NumPy that runs by itself, given `constants`.
    constants : dict of str to ndarray
        The arrays that the function closes over, by what the text calls them.
    """

    def __init__(self, f: Function, donate: Sequence[int], exact: bool, derive: Any) -> None:
        self._f, self._donate, self._exact, self._derive = f, donate, exact, derive
        self._kept: OrderedDict[str, tuple[Writer, Function]] = OrderedDict()
        self._lock = threading.Lock()
        #: How many arguments the last call had, whether others are like them, what runs on them.
        self._latest: tuple[int, Function, Function] = (-1, bool, bool)
        self._writer: Writer | None = None
        functools.update_wrapper(self, f, assigned=("__name__", "__doc__"), updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program; trace the function first, where shapes or dtypes are new."""
        count, fits, run = self._latest
        if len(args) == count and not kwargs and fits(*args):
            return run(*args)
        if kwargs:
            args, kwargs = self._by_position(args, kwargs)
            if not kwargs:
                return self(*args)
        return self._other(args, kwargs)

    @property
    def source(self) -> str:
        """The program of the latest shapes."""
        return self._written().source

    @property
    def constants(self) -> Mapping[str, Any]:
        """What it closes over."""
        return self._written().constants

    def explain(self) -> str:
        """Tell the lines of the program: what each computes, and how many bytes that takes."""
        return self._written().explain()

    def _written(self) -> Writer:
        if self._writer is None:
            raise ValueError("compile: there is no program before the first call, which traces it")
        return self._writer

    def _by_position(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """Give by position what can be given so."""
        try:
            bound = inspect.signature(self._f).bind(*args, **kwargs)
        except ValueError:  # a function of C
            return args, kwargs
        return bound.args, bound.kwargs

    def _other(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run the program for arguments unlike those of the last call."""
        whole = (*args, *kwargs.values())
        if self._donate and len(set(map(id, whole))) < len(whole):
            raise ValueError("compile: one array stands for two arguments, and one is donated")
        for value in leaves(whole):
            if isinstance(value, Node):
                raise TypeError("compile: an argument is a Tensor; pass its .data")
        key = repr((*kwargs, *substitute(whole, _kind)))
        given = [value for value in leaves(whole) if not _is_fixed(value)]
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._remember(key, whole, found)
        if found is not None:
            return found[1](*given)
        writer = self._write(args, kwargs)
        run = writer.function()
        expected = self._f(*args, **kwargs)
        copies = [value.copy() if isinstance(value, np.ndarray) else value for value in given]
        result = run(*copies)
        _refuse_other(
            result, expected, None if self._exact else sizes(writer.lines, writer.results)
        )
        with self._lock:
            self._remember(key, whole, (writer, run))
        return result

    def _remember(self, key: str, args: tuple[Any, ...], found: tuple[Writer, Function]) -> None:
        self._kept[key] = found
        self._kept.move_to_end(key)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        self._writer = found[0]
        if all(value.__class__ is np.ndarray for value in args):
            self._latest = len(args), _fits(args, self._donate), found[1]

    def _write(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Writer:
        trace = Trace()
        whole = (*args, *kwargs.values())
        named = substitute(whole, lambda value: value if _is_fixed(value) else Name(trace, value))
        letters = zip(leaves(named), _letters(self._f, args, kwargs), strict=True)
        inputs = {name: letter for name, letter in letters if isinstance(name, Name)}
        by_name = dict(zip(kwargs, named[len(args) :], strict=True))
        results = substitute(self._traced(named[: len(args)], by_name), _result)
        for place in self._donate:
            if not 0 <= place < len(args):
                raise ValueError(
                    f"compile: donate names argument {place} of a call with {len(args)}"
                )
        donated = [name for place in self._donate for name in leaves(named[place])]
        return written(trace, inputs, results, donated, _closed_over(self._f), self._exact)

    def _traced(self, named: tuple[Any, ...], by_name: Mapping[str, Any]) -> Any:
        """Call the function on names."""
        if self._derive is None:
            return self._f(*named, **by_name)
        from tinygrad_edu.program.derived import derived_gradients  # which the others do without

        kind, f, argnum = self._derive
        numbers = argnum if isinstance(argnum, tuple) else (argnum,)
        value, slopes = derived_gradients(f, named, by_name, numbers)
        found = tuple(slopes) if isinstance(argnum, tuple) else slopes[0]
        return found if kind == "grad" else (value, found)


def _fits(args: Sequence[Any], donated: Iterable[int]) -> Function:
    """Write the test whether arrays are like others in all that a program depends on."""
    names = {"ndarray": np.ndarray, **{f"d{n}": each.dtype for n, each in enumerate(args)}}
    tests = [
        f"x{n}.__class__ is ndarray and x{n}.dtype is d{n} and x{n}.shape == {each.shape}"
        f" and x{n}.strides == {each.strides}"
        for n, each in enumerate(args)
    ]
    tests += [  # one array never stands for two, of which one is overwritten
        f"x{n} is not x{m}"
        for n in donated
        for m, each in enumerate(args)
        if n != m and each.shape == args[n].shape
    ]
    text = f"lambda {', '.join(f'x{n}' for n in range(len(args)))}: {' and '.join(tests) or True}"
    return eval(text, names)  # type: ignore[no-any-return]  # all ours: letters and lengths


def written(
    trace: Trace,
    inputs: Mapping[Name, str],
    results: Any,
    donated: Iterable[Name] = (),
    called: Callable[[Any], str | None] = lambda array: None,
    exact: bool = True,
) -> Writer:
    """Run the passes, and write what is left."""
    lines, results = numbered(*unchanged(trace.lines, results))
    lines = alive(lines, results)
    if not exact:
        lines, results = numbered(*unchanged(*lighter(lines, results)))
        lines = alive(lines, results)
    return Writer(list(apart(lines)), inputs, results, donated, called)


def _kind(value: Any) -> Any:
    """Return what arguments of one program share."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.strides
    return type(value), value if _is_fixed(value) else ""


def _is_fixed(value: Any) -> bool:
    """Whether an argument is part of the program: a number of entries, an axis, an option."""
    return not isinstance(value, np.ndarray | np.generic | float)


def _result(value: Any) -> Any:
    if isinstance(value, Node):
        value = value.value
    if isinstance(value, Name | np.ndarray | np.generic | int | float):
        return value
    raise TypeError(
        f"compile: the function returns a {type(value).__name__}; return arrays, or a tuple of them"
    )


def _refuse_other(result: Any, expected: Any, terms: Sequence[float] | None) -> None:
    """Compare the first results of a program with what the function gives.

    Bit for bit, or relative to how large the terms of each result are.
    """
    expected = substitute(expected, _result)
    for n, (found, wanted) in enumerate(zip(leaves(result), leaves(expected), strict=True)):
        found, wanted = np.array(found, order="C"), np.array(wanted, order="C")
        if not (same_bits(found, wanted) or (terms and _near(found, wanted, terms[n]))):
            raise ValueError(
                "compile: the program gives another result than the function, which draws random "
                "numbers or changes what it reads; pass what changes as an argument"
            )


def _near(found: Any, wanted: Any, size: float) -> bool:
    """Whether numbers differ by rounding alone, relative to the largest and the size of terms."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        return False
    finite = np.abs(wanted[np.isfinite(wanted)])
    largest = np.max(finite, initial=size if np.isfinite(size) else 0)
    bound = _NEAR.get(found.dtype.char, 0.0) * largest
    return np.allclose(found, wanted, rtol=0, atol=bound, equal_nan=True)


def _letters(f: Function, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[str]:
    """Return what the arguments are called: as the function calls its parameters."""
    try:
        bound = inspect.signature(f).bind(*args, **kwargs).arguments
        bound = {name: value for name, value in bound.items() if name not in kwargs}
    except (TypeError, ValueError):  # a function of C, or one that will refuse the call itself
        bound = dict(zip([*map("x{}".format, range(len(args)))], args, strict=True))
    found = []
    for name, value in {**bound, **kwargs}.items():
        if value.__class__ in (tuple, list):
            found += [f"{name}{n}" for n, _ in enumerate(leaves(value), start=1)]
        else:
            found.append(name)
    return found


def _closed_over(f: Function) -> Callable[[Any], str | None]:
    """Return a function from an array to what the compiled function calls it."""
    found: dict[int, str] = {}
    seen: set[int] = set()
    pending: list[Any] = [f]
    while pending:
        function = inspect.unwrap(pending.pop())
        if id(function) in seen or not inspect.isfunction(function):
            continue
        seen.add(id(function))
        closed = inspect.getclosurevars(function)
        for name, value in {**closed.globals, **closed.nonlocals}.items():
            if isinstance(value, np.ndarray):
                found.setdefault(id(value), name)
            pending.append(value)
    return lambda array: found.get(id(array))
