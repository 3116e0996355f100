"""What help shows of an operation: what it says itself, and what follows from its declaration.

An operation says in a docstring what it is, in a sentence or two, and gives an example. Shapes,
dtypes, errors, the formula and the rule are read off the declaration when help is asked: a rule
is fed with `Word`s, vertices whose value is a text.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_edu.core.backward import vjp
from tinygrad_edu.core.graph import ancestors
from tinygrad_edu.core.node import NO_ATTRIBUTES, Node, next_serial
from tinygrad_edu.core.op import REGISTRY, Op, Public, recompute
from tinygrad_edu.ops.words import COMPLAINTS, PARAMETERS, RETURNS

__all__ = ["described"]

# How strongly an operation binds its arguments; what encloses them, as f(x) does, is no matter.
_STRENGTH = {
    "add": 1,
    "subtract": 1,
    "negative": 2,
    "sum": 3,
    "prod": 3,
    "log": 3,
    "xlogy": 3,
    "multiply": 4,
    "divide": 4,
    "xdivy": 4,
    "matmul": 4,
    "power": 6,
    "transpose": 7,
    "swapaxes": 7,
    "getitem": 7,
    "exp2": 6,
    "expm1": 8,
    "log2": 3,
    "log10": 3,
}
_ATOM = 9
_PICKS = {"getitem", "scatter_add"}  # whose indices say little
_EMPTY = inspect.Parameter.empty
#: What words stand for: the first that an operation takes, of attributes those that it needs.
_VALUES = (np.full((2, 2), 0.5), np.asarray(0.5), np.zeros((2, 2), int))
_SAMPLES = {"shape": (2, 2), "axis": 0, "dtype": "float64", "classes": 2}
_SILENT = {"reshape", "expand_dims", "squeeze", "broadcast_to", "astype"}  # written as nothing


class Word(Node):
    """A vertex that is read aloud: an array to compute shapes with, and a text."""

    __slots__ = ("strength", "text", "value")

    text: str
    strength: int

    def __init__(self, text: str, value: Any = 0.5, strength: int = _ATOM) -> None:
        self.op, self.args, self.attributes = None, (), NO_ATTRIBUTES
        self.serial = next_serial()
        self.value, self.text, self.strength = np.asarray(value), text, strength

    @classmethod
    def record(cls, op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Word:
        """Write a call as the operation is written."""
        if op.inline and op.definition is not None:
            meant: Word = op.definition(*args, **attributes)
            return meant
        values = [np.asarray(a.value if isinstance(a, Word) else a) for a in args]
        strength = _STRENGTH.get(op.name, _ATOM)
        texts = list(_written(args, strength))
        template = op.text or f"{op.name}({{args}})"
        given = {**attributes, "args": ", ".join(texts)}
        made = cls(template.format(*texts, **given), recompute(op, values, attributes), strength)
        if op.name in _SILENT and isinstance(args[0], Word):
            made.text, made.strength = args[0].text, args[0].strength
        made.op, made.args, made.attributes = op, args, attributes
        return made

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        shape: tuple[int, ...] = self.value.shape
        return shape

    @property
    def dtype(self) -> Any:
        """Type of the entries."""
        return self.value.dtype

    def count(self, axis: Any = None) -> Word:
        """Return the letter for a number of entries."""
        return Word("N", 2.0)

    def zeros_like(self) -> Word:
        """Return zero."""
        return Word("0", np.zeros(self.shape))


def _written(args: Iterable[Any], strength: int) -> Iterator[str]:
    for place, a in enumerate(args):
        text = a.text if isinstance(a, Word) else _number(a)
        binds = a.strength if isinstance(a, Word) else _ATOM if not text.startswith("-") else 2
        loose = binds <= strength if place else binds < strength
        yield f"({text})" if strength < _ATOM and loose else text


def _number(value: Any) -> str:
    return f"{float(value):.6g}" if np.size(value) == 1 else "c"


def described(asked: Public) -> str:
    """Return the whole documentation of an operation, in numpydoc's sections."""
    said = inspect.cleandoc(asked.__wrapped__.__doc__ or "")
    ours = asked.__module__.startswith(__name__.rpartition(".")[0])
    if not ours:
        return said  # a user's own words
    text, prompt, example = said.partition(">>> ")
    parameters = inspect.signature(asked.__wrapped__).parameters
    sections = {
        "Parameters": [_parameter(asked, parameter) for parameter in parameters.values()],
        "Returns": [_returned(asked, parameters)],
        "Raises": list(_raised(asked, parameters)),
        "Notes": list(_notes(asked)),
        "Examples": [f">>> import tinygrad_edu as tg\n{prompt}{example}".rstrip()],
    }
    whole = [text.rstrip()]
    for title, lines in sections.items():
        whole.append("\n".join([title, "-" * len(title), *lines]))
    return "\n\n".join(whole) + "\n"


def _parameter(asked: Public, parameter: inspect.Parameter) -> str:
    star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
    known = _known(PARAMETERS, asked, star + parameter.name)
    kind, meaning = known or ("array_like or Tensor", "Of any shape.")
    optional = "" if parameter.default is _EMPTY else ", optional"
    return f"{star}{parameter.name} : {kind}{optional}\n    {meaning}"


def _known(table: Mapping[str, Any], asked: Public, parameter: str) -> Any:
    return table.get(f"{asked.__name__}.{parameter}") or table.get(parameter)


def _returned(asked: Public, names: Iterable[str]) -> str:
    kind, shape = "Tensor or ndarray", RETURNS.get(asked.__name__, "")
    if isinstance(asked, Op) and asked.elementwise:
        of_one = asked.arity == 1
        shape = "Of the shape and dtype of `x`." if of_one else "Of the broadcast shape and dtype."
        if isinstance(asked.forward, np.ufunc) and {t[-1] for t in asked.forward.types} == {"?"}:
            kind = f"{kind} of bool"
    elif "reduction" in names:
        shape = 'A number, or one for each that is averaged with ``"none"``; same dtype.'
    elif not shape:
        reduced = "keepdims" in names
        shape = "Of the remaining shape, same dtype." if reduced else "Of the shape of `x`."
    return f"{kind}\n    {shape}"


def _raised(asked: Public, names: Iterable[str]) -> Iterator[str]:
    complaints = dict.fromkeys(filter(None, (_known(COMPLAINTS, asked, n) for n in names)))
    if isinstance(asked, Op) and asked.elementwise and (asked.arity or 2) > 1:
        complaints["the shapes do not broadcast"] = None
    for complaint in complaints:
        yield f"ValueError\n    If {complaint}."
    yield "TypeError\n    If an argument is no array of real numbers, or an option is unknown."


def _notes(asked: Public) -> Iterator[str]:
    """Write the formula, the gradients, and where they are declared."""
    op = asked if isinstance(asked, Op) else REGISTRY.get(asked.__name__)
    if op is not None and op.arity:
        yield from _formulas(op, [*inspect.signature(op.__wrapped__).parameters][: op.arity])
        if op.constant:
            yield "No gradient passes: it is constant almost everywhere, or meant to be."
    elif op is None or asked is not op:
        yield from _composition(asked)
    code = inspect.unwrap(asked.__wrapped__).__code__
    yield f"Declared in `{asked.__module__}`, line {code.co_firstlineno}."


def _formulas(op: Op, letters: list[str]) -> Iterator[str]:
    needed = {n: _SAMPLES.get(n) for n, default in op.defaults.items() if default is _EMPTY}
    for sample in _VALUES:
        args = [Word(letter, sample) for letter in letters]
        out = _tried(op, *args, **needed)
        if out is not None:
            break
    else:
        return
    meaning = _tried(op.definition, *args, **out.attributes) if op.definition else None
    yield f"Forward {_text(out)}{f' = {meaning.text}' if isinstance(meaning, Word) else ''}."
    for index, letter in enumerate(letters):
        if op.rules[index] is not None:
            part = _tried(vjp, out, index, Word("g", np.ones(out.shape)), graph=True)
            if part is not None:
                yield f"Gradient of {letter}: {_text(part)}."


def _text(word: Word) -> str:
    """Return the text of a result; the operation is named where it is written as nothing."""
    of = word.args[0] if word.op is not None else None
    silent = isinstance(of, Word) and word.text == of.text
    return f"{word.op.name}({word.text})" if silent and word.op else word.text


def _composition(asked: Public) -> Iterator[str]:
    """Say what a function is written in."""
    parameters = inspect.signature(asked.__wrapped__).parameters.values()
    needed = [p for p in parameters if p.default is _EMPTY and p.kind is not p.VAR_POSITIONAL]
    sample = _VALUES[0]
    args = [
        [Word("a", sample), Word("b", sample)] if p.name == "tensors" else Word(p.name, sample)
        for p in needed
    ]
    made: Any = _tried(asked, *args)
    if isinstance(made, Word):
        names = dict.fromkeys(node.op.name for node in ancestors(made) if node.op is not None)
        public = [name for name in names if name in REGISTRY]
        if made.text not in {p.name for p in needed} and names.keys().isdisjoint(_PICKS):
            yield f"Forward {made.text}."
        yield f"Made of {', '.join(f'`{name}`' for name in public)}, whose rules give its gradient."
    else:
        yield "Made of other operations, whose rules give its gradient."


def _tried(function: Any, *args: Any, **options: Any) -> Any:
    """Return None where words say too little: where whole numbers or a list are asked for."""
    try:
        return function(*args, **options)
    except (TypeError, ValueError, IndexError, AttributeError, KeyError):
        return None


Public.document = staticmethod(described)
