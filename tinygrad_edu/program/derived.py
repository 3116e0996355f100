"""Programs of formulas: gradients that `derive` finds, computed by what they are written as."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node
from tinygrad_edu.naming import Names
from tinygrad_edu.program.recorded import record_again
from tinygrad_edu.program.trace import Function, Name
from tinygrad_edu.symbolic.derive import Formula, StagedDerivation, staged_named
from tinygrad_edu.tensor import Tensor

__all__ = ["derived_gradients"]


def derived_gradients(
    f: Function, named: Sequence[Any], by_name: Mapping[str, Any], numbers: Sequence[int]
) -> tuple[Name, list[Any]]:
    """Trace a function with one result, and the formulas of its gradients.

    Parameters
    ----------
    f : callable
        The function.
    named, by_name : sequence, mapping of str
        Its arguments: names, and what is fixed.
    numbers : sequence of int
        Which of them to differentiate with respect to.

    Returns
    -------
    Name, list of Name
        The value and the gradients.
    """
    every: dict[Any, Any] = {**dict(enumerate(named)), **by_name}
    given = {n: Tensor(each.value) for n, each in every.items() if isinstance(each, Name)}
    args = [given.get(n, each) for n, each in enumerate(named)]
    output = f(*args, **{n: given.get(n, each) for n, each in by_name.items()})
    if not isinstance(output, Tensor) or output.size != 1:
        raise TypeError("compile: derive=True takes a function with one number as its result")
    traced: dict[Any, Any] = {tensor: every[n].leaf() for n, tensor in given.items()}
    record_again(output, traced)
    plain: dict[Any, Any] = {tensor: Tensor(tensor.value) for tensor in given.values()}
    record_again(output, plain)  # whose vertices have no names but those given here
    letters, meanings = _letters(plain, traced)
    slopes = []
    for n in (number % len(named) for number in numbers):
        wrt = plain[given[n]]
        found = _derived(plain[output], wrt, letters, meanings)
        slopes.append(_like(_value(found, meanings), named[n]))
    return traced[output].value, slopes


def _letters(
    plain: Mapping[Any, Any], traced: Mapping[Any, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Name every vertex and constant array; return what is called so, and what computes it."""
    letters: dict[str, Any] = {}
    meanings: dict[str, Any] = {}
    for n, (old, vertex) in enumerate(plain.items(), start=1):
        letters[f"v{n}"], meanings[f"v{n}"] = vertex, traced[old].value
        for argument, value in zip(vertex.args, vertex.inputs if vertex.op else (), strict=True):
            constant = isinstance(value, np.ndarray) and not isinstance(argument, Node)
            if constant and not any(value is each for each in letters.values()):
                letter = f"c{len(letters)}"
                letters[letter] = meanings[letter] = value
    return letters, meanings


def _derived(
    output: Tensor, wrt: Tensor, letters: Mapping[str, Any], meanings: Mapping[str, Any]
) -> StagedDerivation:
    """Derive in stages, without assumptions about what differs between calls."""
    names = Names({k: v for k, v in letters.items() if v is not output}, {})
    found = staged_named(output, wrt, names)
    used = [each.statement for each in found.assumptions if each.used]
    fixed = [each for each in used if not _of_names(each, meanings)]
    return found if fixed == used else staged_named(output, wrt, names, fixed)


def _of_names(statement: str, meanings: Mapping[str, Any]) -> bool:
    """Whether a statement is about what the program computes from its arguments."""
    return any(isinstance(meanings.get(each), Name) for each in re.findall(r"[vc]\d+", statement))


def _value(derivation: StagedDerivation, meanings: Mapping[str, Any]) -> Any:
    """Compute a gradient from the last stage; a letter that stays is computed by its own."""
    known = dict(meanings)
    for stage in derivation.stages:
        if stage.put_in is not None:
            letter, stands_for = stage.put_in
            known[letter.python()] = _computed(stands_for, known)
    return _computed(derivation.result, known)


def _computed(formula: Formula, known: Mapping[str, Any]) -> Any:
    # The text is ours: an expression over np and the letters.
    return eval(formula.python(), {"np": np}, {**formula.letters, **known})


def _like(value: Any, name: Name) -> Any:
    """Give a gradient the shape and dtype of its argument, where the formula leaves them open."""
    dtype = name.dtype if name.dtype.kind == "f" else np.dtype(np.float64)
    if not isinstance(value, Name):
        return np.full(name.shape, value, dtype)
    if value.dtype != dtype:
        value = value.astype(dtype)
    return value if value.shape == name.shape else np.broadcast_to(value, name.shape)
