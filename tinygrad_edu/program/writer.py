"""Lines become the text of a function: names get letters, and memory that is free is used again."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.program.kernels import kernel_texts
from tinygrad_edu.program.trace import Function, Line, Name, leaves, substitute

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

#: Arrays of fewer bytes are allocated as fast as others are written into.
_LARGE = 16_384


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
        self._called = called
        self._letters: dict[Name, str] = dict(inputs)
        self._taken = {"np", "program", *inputs.values()}
        #: Arrays that were closed over, as they were, by what they are called in the text.
        self.constants: dict[str, Any] = {}
        self._originals: dict[str, Any] = {}
        self._numbers: dict[str, Any] = {}
        self._kernels: dict[str, Any] = {}
        self._told: list[tuple[str, str, str]] = []
        self._memory = _Memory(lines, results, {name: inputs[name] for name in donated})
        written = [self._line(line) for line in lines]
        written.append(f"return {self._results(results, inputs)}")
        given = [*inputs.values(), *(["*", *self.constants] if self.constants else [])]
        body = "\n    ".join(written)
        self._text = f"def program({', '.join(given)}):\n    {body}\n"

    @property
    def source(self) -> str:
        """The whole text, which imports NumPy alone."""
        texts = kernel_texts(self._kernels)
        numbers = "\n".join(f"{name} = {value!r}" for name, value in self._numbers.items())
        parts = [f"import numpy as np\n{numbers}".strip(), *texts.values(), self._text.rstrip()]
        return "\n\n\n".join(parts)

    def explain(self) -> str:
        """Tell the lines: what is computed, by which operation, and how many bytes it takes."""
        rows = [("line", "operation", "bytes"), *self._told]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"{line:<{widths[0]}}  {of:<{widths[1]}}  {size:>{widths[2]}}".rstrip()
            for line, of, size in rows
        )

    def function(self) -> Function:
        """Return the function that the text defines."""
        names = {"np": np, **self._kernels, **self._numbers}
        # All of the text is ours: names of functions, numbered letters, literals.
        exec(compile(self._text, "<program>", "exec"), names)
        found: Any = names["program"]
        found.__kwdefaults__ = self.constants
        return found  # type: ignore[no-any-return]  # defined by the text

    # --- lines ----------------------------------------------------------------------------------

    def _line(self, line: Line) -> str:
        args = [self._argument(each) for each in line.args]
        args += [f"{key}={self._argument(each)}" for key, each in line.kwargs.items()]
        buffer = self._memory.take(line)
        if line.computes_nothing:
            return f"{self._function(line)}({', '.join(args)})"
        if buffer is not None:
            self._letters[line.out] = buffer
            text = f"{self._function(line)}({', '.join(args)}, out={buffer})"
        else:
            text = f"{self._target(line.out)} = {self._expression(line, args)}"
            self._memory.note(line, self._letters)
        of = line.of.name if line.of is not None else ""
        size = sum(getattr(name.value, "nbytes", 0) for name in line.writes())
        self._told.append((text, of, f"{size:,}"))
        return f"{text}  # {of}" if of and line.function not in _SIGNS and of not in text else text

    def _expression(self, line: Line, args: Sequence[str]) -> str:
        """Write the right side of a line."""
        function = line.function
        first = f"({args[0]})" if args[0].startswith("-") else args[0]
        if function in _SIGNS and not line.kwargs:
            return _SIGNS[function].format(first, *args[1:])
        if function is getattr:
            return f"{first}.{line.args[1]}"
        if getattr(function, "__objclass__", None) is np.ndarray:
            return f"{first}.{function.__name__}({', '.join(args[1:])})"
        return f"{self._function(line)}({', '.join(args)})"

    def _function(self, line: Line) -> str:
        """Write what the function of a line is called: NumPy's name, or that of a kernel."""
        function: Any = line.function
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
            return self._named(self._numbers, "k", value)
        if isinstance(value, float) and not np.isfinite(value):
            return f"float({str(value)!r})"
        if isinstance(value, type) and issubclass(value, np.generic):
            return f"np.{value.__name__}"
        if isinstance(value, np.dtype):
            return f"np.{value.name}" if value.isnative else f"np.dtype({value.str!r})"
        if value is Ellipsis:
            return "..."
        if isinstance(value, np.ndarray):
            name = self._named(self._originals, self._called(value) or "c", value)
            if name not in self.constants:
                self.constants[name] = np.array(value, order="K")
            return name
        return str(value) if isinstance(value, _Text) else repr(value)

    def _named(self, table: dict[str, Any], letter: str, value: Any) -> str:
        """Return what a constant is called."""
        for name, other in table.items():
            if other is value or (table is self._numbers and repr(other) == repr(value)):
                return name
        name = letter if letter not in {*self._taken, "c", "k"} else self._fresh(letter)
        self._taken.add(name)
        table[name] = value
        return name

    def _fresh(self, letter: str) -> str:
        n = 1
        while f"{letter}{n}" in self._taken:
            n += 1
        self._taken.add(f"{letter}{n}")
        return f"{letter}{n}"


class _Text(str):
    """What is written as it is."""

    __slots__ = ()


class _Memory:
    """Which arrays of the program nothing reads any more.

    A result that NumPy made is an array of its own; any other one may be a view of what it was
    made from, and so keeps that.
    """

    def __init__(self, lines: Sequence[Line], results: Any, donated: Mapping[Name, str]) -> None:
        self.donated = set(donated.values())
        self._letters = dict(donated)
        self._free: dict[Any, list[str]] = {}
        self._owners: dict[Name, set[Name]] = {}
        last: dict[Name, Line | None] = {}
        for line in lines:
            reads = [owner for name in line.reads() for owner in self._owners_of(name)]
            for out in line.writes():
                self._owners[out] = {out} if _is_ufunc(line) else {out, *reads}
                last[out] = line
            last.update(dict.fromkeys(reads, line))
        for name in leaves(results):
            if isinstance(name, Name):
                last.update(dict.fromkeys(self._owners_of(name)))
        self._last = last

    def take(self, line: Line) -> str | None:
        """Return an array that a line can write its result into, or None."""
        whole = isinstance(line.function, np.ufunc) and line.function is not np.matmul
        if whole:  # an entry is read before it is written
            self._release(line)
        found = None
        if isinstance(line.function, np.ufunc) and line.function.nout == 1 and not line.kwargs:
            free = self._free.get(_layout(line.out.value))
            if free:
                found = self._letters[line.out] = free.pop()
        if not whole:
            self._release(line)
        return found

    def note(self, line: Line, letters: Mapping[Name, str]) -> None:
        """Remember what an array is called that a line made, to use it again."""
        if _is_ufunc(line) and isinstance(line.out, Name):
            value = line.out.value
            if isinstance(value, np.ndarray) and value.nbytes >= _LARGE:
                self._letters[line.out] = letters[line.out]

    def _release(self, line: Line) -> None:
        for name in line.reads():
            for owner in self._owners_of(name):
                if self._last.get(owner) is line and owner in self._letters:
                    letter = self._letters.pop(owner)
                    self._free.setdefault(_layout(owner.value), []).append(letter)

    def _owners_of(self, name: Name) -> set[Name]:
        return self._owners.get(name, {name})


def _is_ufunc(line: Line) -> bool:
    return isinstance(line.function, np.ufunc) or isinstance(
        getattr(line.function, "__self__", None), np.ufunc
    )


def _layout(value: Any) -> Any:
    return (value.shape, value.dtype, value.strides) if isinstance(value, np.ndarray) else None
