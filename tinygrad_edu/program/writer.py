"""Lines become the text of a function: names get letters, and memory that is free is used again."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.program.kernels import kernel_texts
from tinygrad_edu.program.memory import Memory, is_product
from tinygrad_edu.program.trace import Function, Line, Name, substitute

__all__ = ["Writer"]

_SIGNS: dict[Any, str] = {
    np.add: "{} + {}",
    np.subtract: "{} - {}",
    np.multiply: "{} * {}",
    np.divide: "{} / {}",
    np.matmul: "{} @ {}",
    np.negative: "-{}",
    np.greater: "{} > {}",
    np.less: "{} < {}",
    np.greater_equal: "{} >= {}",
    np.less_equal: "{} <= {}",
    operator.pow: "{} ** {}",
    operator.getitem: "{}[{}]",
}

_REDUCES = {"dtype": None, "keepdims": False}

#: Numbers below this one are of any floating type.
_SMALL = 6e4


class Writer:
    """Writes one function.

    Parameters
    ----------
    lines : sequence of Line
        What it computes, in order.
    inputs : mapping of Name to str
        Its parameters, and what they are called.
    results : nested tuples of Name, array or number
        What it returns: arrays that nothing else holds.
    donated : iterable of Name
        Inputs that may be overwritten.
    called : callable
        From an array that the function closes over to its name, or None.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        inputs: Mapping[Name, str],
        results: Any,
        donated: Iterable[Name],
        called: Callable[[Any], str | None],
    ) -> None:
        self.lines, self.results = lines, results
        self._called = called
        self._letters: dict[Name, str] = dict(inputs)
        self._taken = {"np", "program", *inputs.values()}
        #: Arrays that were closed over, as they were, by what they are called in the text.
        self.constants: dict[str, Any] = {}
        self._originals: dict[str, Any] = {}
        self._numbers: dict[str, str] = {}  # by their texts
        self._kernels: dict[str, Any] = {}
        self._once: list[str] = []
        self._told: list[tuple[str, str, str]] = []
        self._memory = Memory(lines, results, {name: inputs[name] for name in donated})
        written = [text for line in lines if (text := self._line(line))]
        written.append(f"return {self._results(results, inputs)}")
        given = [*inputs.values(), *(["*", *self.constants] if self.constants else [])]
        body = "\n    ".join(written)
        numbers = [f"{name} = {text}" for text, name in self._numbers.items()]
        parts = [
            "\n".join([*numbers, *self._once]),
            f"def program({', '.join(given)}):\n    {body}\n",
        ]
        self._text = "\n\n\n".join(filter(None, parts))

    @property
    def source(self) -> str:
        """The whole text, which imports NumPy alone."""
        texts = kernel_texts(self._kernels)
        return "\n\n\n".join(["import numpy as np", *texts.values(), self._text.rstrip()])

    def explain(self) -> str:
        """Tell the lines: what is computed, by which operation, and how many bytes it takes."""
        rows = [("line", "operation", "bytes"), *self._told]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"{line:<{widths[0]}}  {of:<{widths[1]}}  {size:>{widths[2]}}".rstrip()
            for line, of, size in rows
        )

    def function(self) -> Function:
        """Return the function that the text defines; calls at once have memory of their own."""
        code = compile(self._text, "<program>", "exec")

        def made() -> Any:
            names = {"np": np, **self._kernels}
            exec(code, names)  # all ours: names of functions, numbered letters, literals
            names["program"].__kwdefaults__ = self.constants
            return names["program"]

        if not self._once:
            return made()  # type: ignore[no-any-return]  # defined by the text
        idle = [made()]

        def run(*args: Any) -> Any:
            try:
                program = idle.pop()
            except IndexError:
                program = made()
            found = program(*args)
            idle.append(program)
            return found

        return run

    # --- lines ----------------------------------------------------------------------------------

    def _line(self, line: Line) -> str:
        """Write a line; nothing for a view that is made once."""
        args = [self._argument(each) for each in self._typed(line)]
        args += [f"{key}={self._argument(each)}" for key, each in _given(line)]
        if line.computes_nothing:
            return f"{self._function(line)}({', '.join(args)})"
        if self._memory.is_fixed(line):
            self._once.append(f"{self._target(line.out)} = {self._expression(line, args)}")
            return ""
        into = self._memory.take(line, self._new)
        if into is not None:
            self._letters[line.out] = into
            text = f"{self._function(line)}({', '.join([*args, f'out={into}'])})"
        else:
            text = f"{self._target(line.out)} = {self._expression(line, args)}"
        of = line.of.name if line.of is not None else ""
        size = sum(getattr(name.value, "nbytes", 0) for name in line.writes())
        self._told.append((text, of, f"{size:,}"))
        return f"{text}  # {of}" if of and line.function not in _SIGNS and of not in text else text

    def _new(self, like: Any) -> str:
        """Write where memory is made that every call writes into; return what it is called."""
        letter, order = self._fresh("b"), "" if like.flags.c_contiguous else ", order='F'"
        self._once.append(f"{letter} = np.empty({like.shape}, np.{like.dtype.name}{order})")
        return letter

    def _typed(self, line: Line) -> Sequence[Any]:
        """Give numbers the dtype of the arrays they meet, which spares NumPy to find it out."""
        arrays = [each for each in line.args if isinstance(each, Name | np.ndarray) and each.ndim]
        kinds = {each.dtype for each in arrays}
        if not isinstance(line.function, np.ufunc) or len(kinds) != 1:
            return line.args
        (kind,) = kinds

        def typed(each: Any) -> Any:
            number = each.__class__ in (int, float, kind.type) and kind.kind == "f"
            if not (number and abs(each) < _SMALL):
                return each
            return _Text(self._number(f"np.array({kind.type(each)!s}, np.{kind.name})", each))

        return list(map(typed, line.args))

    def _expression(self, line: Line, args: Sequence[str]) -> str:
        """Write the right side of a line."""
        function = line.function
        first = f"({args[0]})" if args[0].startswith("-") else args[0]
        if function is operator.getitem and isinstance(line.args[1], tuple) and line.args[1]:
            return f"{first}[{args[1][1:-1]}]"
        if function in _SIGNS and not line.kwargs and not is_product(line):
            return _SIGNS[function].format(first, *args[1:])
        if function is getattr:
            return f"{first}.{line.args[1]}"
        if getattr(function, "__objclass__", None) is np.ndarray:
            return f"{first}.{function.__name__}({', '.join(args[1:])})"
        return f"{self._function(line)}({', '.join(args)})"

    def _function(self, line: Line) -> str:
        """Write what the function of a line is called: NumPy's name, or that of a kernel."""
        function: Any = np.dot if is_product(line) else line.function
        name = getattr(function, "__name__", "kernel")
        if getattr(np, name, None) is function:
            return f"np.{name}"
        ufunc = getattr(function, "__self__", None)
        if isinstance(ufunc, np.ufunc):
            return f"np.{ufunc.__name__}.{name}"
        name = re.sub(r"\W", "_", line.op.name if line.op is not None else name)
        while name in self._taken and self._kernels.get(name) is not function:
            name += "_"
        self._taken.add(name)
        self._kernels[name] = function
        return name

    def _target(self, out: Any) -> str:
        """Give what a line computes its letters."""
        if isinstance(out, Name):
            self._letters[out] = self._fresh("v")
            return self._letters[out]
        inside = ", ".join(map(self._target, out))
        return f"({inside},)" if len(out) == 1 else f"({inside})"

    def _results(self, results: Any, inputs: Mapping[Name, str]) -> str:
        """Write what is returned; copy what something else holds, or is handed out already."""
        held = [name.value for name in inputs if inputs[name] not in self._memory.donated]
        held += list(self._originals.values())

        def result(value: Any) -> Any:
            text = self._argument(value)
            array = value.value if isinstance(value, Name) else value
            if not isinstance(array, np.ndarray):
                return _Text(f"np.array({text})")
            if not isinstance(value, Name) or any(np.may_share_memory(array, a) for a in held):
                return _Text(f"{text}.copy()")
            held.append(array)
            return value

        return self._argument(substitute(results, result))

    # --- arguments ------------------------------------------------------------------------------

    def _argument(self, value: Any) -> str:
        if isinstance(value, Name):
            return self._letters[value]
        if value.__class__ in (tuple, list):
            inside = ", ".join(map(self._argument, value))
            if value.__class__ is list:
                return f"[{inside}]"
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        if isinstance(value, np.generic):
            return self._number(f"np.{value.dtype.name}({_literal(value.item(), str(value))})")
        if isinstance(value, float):
            return _literal(value, repr(value))
        if isinstance(value, type) and issubclass(value, np.generic):
            return f"np.{value.__name__}"
        if isinstance(value, np.dtype):
            return f"np.{value.name}" if value.isnative else f"np.dtype({value.str!r})"
        if value is Ellipsis:
            return "..."
        if isinstance(value, np.ndarray):
            return self._named(self._called(value) or "c", value)
        return str(value) if isinstance(value, _Text) else repr(value)

    def _named(self, letter: str, array: Any) -> str:
        """Return what an array is called that was closed over."""
        for name, other in self._originals.items():
            if other is array:
                return name
        name = letter if letter not in {*self._taken, "c"} else self._fresh(letter)
        self._taken.add(name)
        self._originals[name] = array
        self.constants[name] = np.array(array, order="K")
        return name

    def _number(self, text: str, value: Any = None) -> str:
        """Return what a number is called that is written as a text."""
        if text not in self._numbers:
            letter = {0: "zero", 1: "one"}.get(value, "k")
            free = letter != "k" and letter not in self._taken
            self._numbers[text] = letter if free else self._fresh(letter)
            self._taken.add(letter)
        return self._numbers[text]

    def _fresh(self, letter: str) -> str:
        n = 1
        while f"{letter}{n}" in self._taken:
            n += 1
        self._taken.add(f"{letter}{n}")
        return f"{letter}{n}"


class _Text(str):
    """What is written as it is."""

    __slots__ = ()


def _literal(value: Any, text: str) -> str:
    finite = not isinstance(value, float) or np.isfinite(value)
    return text if finite else f"float({str(value)!r})"


def _given(line: Line) -> Iterator[tuple[str, Any]]:
    """Yield the keywords of a line but for what NumPy takes anyway; of one axis, the axis."""
    for key, value in line.kwargs.items():
        if getattr(line.function, "__name__", "") != "reduce":
            yield key, value
        elif value is not _REDUCES.get(key, ...):
            one = key == "axis" and isinstance(value, tuple) and len(value) == 1
            yield key, value[0] if one else value
