"""The operation record, its registry, and the one place where a call is dispatched.

An operation is declared once: a NumPy forward, one vector-Jacobian rule per argument, a notation
and, for a fused operation, its definition in simpler ones. Everything else is a reading of that
declaration: arrays give numbers, Tensors give a graph, symbolic expressions give a formula.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, Self, TypeVar, cast, overload

import numpy as np

from tinygrad_edu.core.node import NO_ATTRIBUTES, REGISTRY, Node, Traced
from tinygrad_edu.elsewhere import keyword, misfit

__all__ = [
    "COMPLAINTS",
    "REGISTRY",
    "Composed",
    "Op",
    "Public",
    "declared",
    "op",
    "operand",
    "raise_named",
    "real_array",
    "recompute",
    "run",
    "seal",
]

Function = Callable[..., Any]
Declared = TypeVar("Declared", bound=Function)
Vertex = TypeVar("Vertex", bound=Node)


class _Documentation:
    """What ``__doc__`` is: of a class its docstring, of an instance what `Public.document` says."""

    def __init__(self, of_the_class: str) -> None:
        self.of_the_class = of_the_class

    def __get__(self, asked: Public | None, kind: Any = None) -> str:
        return self.of_the_class if asked is None else asked.document(asked)


class Public:
    """What is called by name, and documented by its declaration when help is asked."""

    #: Writes the whole documentation of an instance; `ops` sets one that knows the words.
    document: Callable[[Public], str] = staticmethod(lambda asked: asked.__wrapped__.__doc__ or "")

    def __init__(self, name: str, declared_by: Function) -> None:
        self.__name__ = self.__qualname__ = name
        self.__wrapped__ = declared_by  # what help(), inspect and doctest look at
        self.__module__ = getattr(declared_by, "__module__", None) or __name__

    def __init_subclass__(cls) -> None:
        cls.__doc__ = _Documentation(cls.__doc__ or "")  # type: ignore[assignment]  # a descriptor

    def __get__(self, instance: Any, owner: Any = None) -> Self:
        """Stay unbound in a class; to have this makes help show a routine, not data."""
        return self

    @property
    def summary(self) -> str:
        """The sentence with which the declaration begins."""
        return inspect.cleandoc(self.__wrapped__.__doc__ or "").partition("\n\n")[0]

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.__name__}>"


class Op(Public):
    """One operation, declared once.

    Parameters
    ----------
    name : str
        The name it is registered, printed and drawn under.
    forward : callable
        ``forward(*args, **attributes)`` on NumPy arrays. Keyword-only parameters are the
        attributes (hashable, with defaults); all others are arguments. A forward of an operation
        with a `saved` definition returns ``(out, saved)``.
    rules : sequence of callable or None, optional
        ``rule(g, out, *args, **attributes)`` gives the gradient of one argument; an argument
        without a rule is a constant of the operation.
    tex, text : str, optional
        LaTeX and Unicode notation with ``{0}``, ``{1}`` for the arguments and ``{axis}`` for
        attributes; by default the name applied to the arguments.
    elementwise : bool, optional
        The arguments broadcast against each other and each entry of the result depends on the
        matching entries alone.
    positive : str, optional
        What is known of the sign of every result: ``"positive"``, ``"nonnegative"`` or ``""``.
    distribution : bool, optional
        The result is non-negative and sums to 1 over its attribute ``axis`` (or its last axis).
    inline : bool or "formulas", optional
        The operation is a shortcut for arrays: on everything else its definition is called
        in its place, so it never appears in a graph. With "formulas" this holds of formulas
        alone: in a graph it stands with its own rules.
    shapes : str, optional
        For the message where shapes do not fit: how they must, and what to do.
    declared_by : callable, optional
        Gives the signature and the docstring in the place of `forward`.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.core.op import Op
    >>> cube = Op("cube", forward=lambda x: x**3, rules=(lambda g, out, x: 3 * g * x**2,))
    >>> cube(np.array([1.0, 2.0]))
    array([1., 8.])
    >>> cube.forget()
    """

    def __init__(
        self,
        name: str,
        forward: Function,
        rules: tuple[Function | None, ...] = (),
        *,
        tex: str | None = None,
        text: str | None = None,
        elementwise: bool = False,
        positive: str = "",
        distribution: bool = False,
        inline: bool | str = False,
        shapes: str = "",
        declared_by: Function | None = None,
    ) -> None:
        earlier = REGISTRY.get(name)
        if earlier is not None and earlier.sealed:
            raise ValueError(
                f"{name}: a built-in operation cannot be declared again; choose another name"
            )
        super().__init__(name, declared_by or forward)
        self.name, self.forward, self.tex, self.text = name, forward, tex, text
        self.elementwise, self.positive, self.distribution = elementwise, positive, distribution
        self.inline, self.shapes = inline, shapes
        self.sealed: bool = False
        self.definition: Function | None = None
        self.saved: Function | None = None
        self.arity, self.required, self.defaults = _signature(self.__wrapped__)
        self.optional = inspect.Parameter.empty not in self.defaults.values()
        self.plain = self.defaults or NO_ATTRIBUTES  # the attributes of a call that gives none
        self.plain_calls = self.optional and inline is not True  # what most of them are
        missing = (self.arity or 0) - len(rules)
        self.rules: list[Function | None] | _ForEach = [*rules, *[None] * missing]
        self.constant = not any(rules)  # no gradient passes: comparisons, sign, argmax
        REGISTRY[name] = self

    @overload
    def __call__(self, x: Vertex, /, *args: Any, **attributes: Any) -> Vertex: ...
    @overload
    def __call__(self, *args: Any, **attributes: Any) -> Any: ...
    def __call__(self, *args: Any, **attributes: Any) -> Any:
        """Apply the operation: the first vertex records the call; arrays are computed with."""
        if len(args) != self.arity:
            args, attributes = self._counted(args, attributes)
        first = args[0] if args else None
        # What happens most goes a short way: a vertex first, or, in rules, arrays throughout.
        if isinstance(first, Node) and self.plain_calls and not attributes:
            return first.record(self, args, self.plain)
        if (
            first.__class__ in _ARRAYS
            and _READY.issuperset(map(type, args))
            and (self.defaults or not attributes)  # a ufunc would take where= and out=
        ):
            try:
                out = self.forward(*args, **attributes)
                return out if self.saved is None else out[0]
            except COMPLAINTS:
                pass  # the complaint again, in clear words
        complete = (
            self.plain if self.optional and not attributes else self.with_defaults(attributes)
        )
        for argument in args:
            if isinstance(argument, Node):
                if self.inline is True and self.definition is not None:
                    return self.definition(*map(self._operand, args), **complete)
                return argument.record(self, args, complete)
        for argument in args:
            if isinstance(argument, Traced):
                out = argument.apply(self, tuple(map(self._operand, args)), complete)
                return out if self.saved is None else out[0]
        out = run(self, self._arrays(args), complete)
        return out if self.saved is None else out[0]

    def rule(self, index: int) -> Callable[[Function], Function]:
        """Declare the gradient of argument `index`; used as a decorator."""

        def declare(function: Function) -> Function:
            self._refuse_if_sealed()
            if isinstance(self.rules, _ForEach) or index >= len(self.rules):
                raise ValueError(f"{self.name}: has {self.arity} argument(s), no rule {index}")
            self.rules[index] = function
            self.constant = False
            return function

        return declare

    def rule_for_each(self, function: Function) -> Function:
        """Declare one rule ``(i, g, out, *args)`` for an operation with any number of arguments."""
        self._refuse_if_sealed()
        self.rules = _ForEach(function)
        self.constant = False
        return function

    def defined_as(self, function: Function) -> Function:
        """Declare what a fused operation means, in simpler operations."""
        self._refuse_if_sealed()
        self.definition = function
        return function

    def saves(self, function: Function) -> Function:
        """Declare, in operations, the second value that the forward returns for its rules."""
        self._refuse_if_sealed()
        self.saved = function
        return function

    def forget(self) -> None:
        """Take a user's operation out of the registry."""
        self._refuse_if_sealed()
        REGISTRY.pop(self.name, None)

    def with_defaults(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Complete the attributes and make them hashable."""
        complete = {**self.defaults, **attributes}
        for key, value in complete.items():
            if key not in self.defaults:
                known = ", ".join(self.defaults) or "none"
                hint = keyword(self.name, key, self.defaults)
                raise TypeError(f"{self.name}: no attribute {key!r}{hint}; it has: {known}")
            if value is inspect.Parameter.empty:
                raise TypeError(f"{self.name}: needs {key}=")
            if isinstance(value, Node):
                raise TypeError(
                    f"{self.name}: {key} is fixed and takes no Tensor; give what is computed with "
                    "first, and several Tensors as one list"
                )
            if isinstance(value, list):
                complete[key] = tuple(value)
            elif isinstance(value, np.ndarray | np.generic):
                complete[key] = value.item() if value.ndim == 0 else tuple(value.tolist())
        return complete or NO_ATTRIBUTES

    def _counted(
        self, args: tuple[Any, ...], attributes: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Tell arguments from the attributes that were given by position behind them."""
        if len(args) < self.required:
            raise TypeError(f"{self.name}: takes {self.required} argument(s), got {len(args)}")
        names = list(self.defaults)
        extra = () if self.arity is None else args[self.arity :]
        if len(extra) > len(names):
            raise TypeError(
                f"{self.name}: takes {self.arity} argument(s) and the attributes "
                f"({', '.join(names) or 'none'}), got {len(args)} positional values"
            )
        given = dict(zip(names, extra, strict=False))
        for name in given:
            if name in attributes:
                raise TypeError(f"{self.name}: {name} was given by position and by name")
        return args[: self.arity], {**given, **attributes}

    def _arrays(self, args: tuple[Any, ...]) -> list[Any]:
        """Make arguments what a forward is given."""
        arrays = [self._operand(a) for a in args]
        if self.elementwise and any(a.__class__ is np.ndarray for a in arrays):
            return arrays  # a number beside an array takes the array's dtype
        return [np.asarray(real_array(a, self.name)) for a in arrays]

    def _operand(self, value: Any) -> Any:
        return value if value.__class__ in _NUMBERS else operand(value, self.name)

    def _refuse_if_sealed(self) -> None:
        if self.sealed:
            raise ValueError(
                f"{self.name}: a built-in operation cannot be changed; declare your own"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return declared, (self.name,)


class _ForEach:
    """The rules of an operation with any number of arguments: one function, told which."""

    def __init__(self, function: Function) -> None:
        self.function = function

    def __getitem__(self, index: int) -> Function:
        return functools.partial(self.function, index)


class Composed(Public):
    """A function written in operations: it has no rule of its own, and needs none.

    An operation names itself in its complaints; what is written in operations would let theirs
    out.
    """

    def __init__(self, function: Function) -> None:
        super().__init__(function.__name__, function)
        self.function = function

    @classmethod
    def typed(cls, function: Declared) -> Declared:
        """Declare a function whose own annotations hold, since its result is no single tensor."""
        return cast("Declared", cls(function))

    @overload
    def __call__(self, x: Vertex, /, *args: Any, **attributes: Any) -> Vertex: ...
    @overload
    def __call__(self, *args: Any, **attributes: Any) -> Any: ...
    def __call__(self, *args: Any, **attributes: Any) -> Any:
        """Call the function; what arguments that do not fit lead to names it."""
        try:
            return self.function(*args, **attributes)
        except COMPLAINTS as error:
            complaint = None
            if isinstance(error, TypeError):
                complaint = misfit(error, self.function, args, attributes)
            raise_named(complaint or error, self.__name__)

    def __reduce__(self) -> str:
        return self.__qualname__


def declared(name: str) -> Op:
    """Return the operation of a name, as what was pickled with it asks for."""
    if name not in REGISTRY:
        raise ValueError(f"{name}: no operation of this name is declared here; declare it first")
    return REGISTRY[name]


def op(**options: Any) -> Callable[[Function], Op]:
    """Declare an operation from its NumPy forward; the function's name becomes the op's name.

    Parameters
    ----------
    **options
        As for `Op`; with ``forward=`` the decorated function gives the signature and the
        docstring alone.

    Returns
    -------
    callable
        A decorator that turns the forward into an `Op`.

    Examples
    --------
    >>> import numpy as np, tinygrad_edu as tg
    >>> @tg.op(elementwise=True)
    ... def swish(x):
    ...     return x / (1 + np.exp(-x))
    >>> @swish.defined_as
    ... def _(x):
    ...     return x * tg.sigmoid(x)
    >>> @swish.rule(0)
    ... def _(g, out, x):
    ...     s = tg.sigmoid(x)
    ...     return g * (s + out * (1 - s))
    >>> tg.grad(swish)(0.0)
    array(0.5)
    >>> swish.forget()
    """

    def declare(function: Function) -> Op:
        name, forward = options.pop("name", function.__name__), options.pop("forward", function)
        return Op(name, forward, declared_by=function, **options)

    return declare


def seal() -> None:
    """Close every operation declared so far: the built-in table does not change under a user."""
    for each in REGISTRY.values():
        each.sealed = True


def _signature(forward: Function) -> tuple[int | None, int, dict[str, Any]]:
    """Return how many arguments there are (None: any number) and must be, and the attributes."""
    if isinstance(forward, np.ufunc):
        return forward.nin, forward.nin, {}
    try:
        parameters = inspect.signature(forward).parameters.values()
    except ValueError:  # a C function that does not say
        return None, 0, {}
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    any_number = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    return None if any_number else len(positional), required, defaults


# --- arrays, and what is refused ------------------------------------------------------------------

_NUMBERS = frozenset({float, int, bool})
_ARRAYS = frozenset({np.ndarray, np.float64, np.float32, np.float16})
_READY = _ARRAYS | _NUMBERS | {np.bool_, np.int64}

#: What wrong arguments lead to, in Python and in NumPy.
COMPLAINTS = (TypeError, ValueError, IndexError, AttributeError, OverflowError)

_BROADCAST = (
    "counted from the last, each axis must have one length, or length 1; reshape one of them"
)


def run(op: Op, arrays: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    """Run a forward; NumPy's complaints come back naming the operation."""
    try:
        return op.forward(*arrays, **attributes)
    except (ValueError, TypeError, OverflowError) as error:
        message = str(error)
        if message.startswith(op.name) and not isinstance(op.forward, np.ufunc):
            raise
        if isinstance(error, OverflowError):
            raise_named(error, op.name)
        if "read-only" in message:
            raise ValueError(
                f"{op.name}: its forward changes an argument in place; work on a copy"
            ) from error
        if isinstance(error, TypeError):
            raise TypeError(f"{op.name}: {error}") from error
        shapes = " and ".join(str(np.shape(a)) for a in arrays)
        mend = op.shapes or (_BROADCAST if "broadcast" in message else message)
        raise ValueError(f"{op.name}: shapes {shapes} do not fit: {mend}") from error


def recompute(op: Op, arrays: Sequence[Any], attributes: Mapping[str, Any]) -> Any:
    """Run a forward again, without NumPy's warnings, and return its result alone."""
    with np.errstate(all="ignore"):
        out = run(op, arrays, attributes)
    return out if op.saved is None else out[0]


def raise_named(error: Exception, name: str) -> NoReturn:
    """Raise a complaint as it is where it says whose it is, else in the name of a function.

    The latter is a ValueError, a TypeError or an IndexError, whatever it was from inside.
    """
    try:
        if re.match(r"[\w.]+: ", str(error)) or f"{name.rpartition('.')[2]}() " in str(error):
            raise error
        fallback = TypeError if isinstance(error, AttributeError) else ValueError
        kinds = (ValueError, TypeError, IndexError)
        kind = next((kind for kind in kinds if isinstance(error, kind)), fallback)
        raise kind(f"{name}: an argument does not fit: {error}") from error
    finally:
        del error  # its traceback holds this frame, which would hold it


def real_array(value: Any, name: str) -> Any:
    """Return an argument as NumPy will see it; refuse what holds no real numbers."""
    if value.__class__ is np.ndarray and value.dtype.kind in "fiub" and value.dtype.isnative:
        return value
    if isinstance(value, Traced):
        return value
    if isinstance(value, Node | str | bytes) or value is None:
        raise TypeError(f"{name}: an argument is a {type(value).__name__}, not an array")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: an argument is no array: {error}") from error
    if array.dtype.kind not in "fiub" or isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name}: an argument holds {array.dtype} values ({type(value).__name__}); "
            "tensors hold real numbers"
        )
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def operand(value: Any, name: str) -> Any:
    """Return a vertex as it is, and all else as an array."""
    return value if isinstance(value, Node) else real_array(value, name)
