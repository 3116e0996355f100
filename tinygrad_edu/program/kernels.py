"""The text of the functions that a program calls: what they are, and all that they call."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Op

__all__ = ["kernel_texts"]


def kernel_texts(functions: Mapping[str, Any]) -> dict[str, str]:
    """Return the definition of every name that the functions need, callees first.

    A function whose text is not at hand, as in an interpreter, is left out.
    """
    found: dict[str, str] = {}
    for name, function in functions.items():
        _add(name, function, found, set())
    return found


def _add(name: str, value: Any, found: dict[str, str], open_: set[str]) -> None:
    if name in found or name in open_:
        return
    open_.add(name)
    if isinstance(value, Op):
        value = value.forward
    if isinstance(value, np.ufunc):
        found[name] = f"{name} = np.{value.__name__}"
    elif isinstance(value, ModuleType):
        found[name] = f"import {value.__name__}" + (
            f" as {name}" if name != value.__name__ else ""
        )
    elif isinstance(value, FunctionType) or hasattr(value, "__wrapped__"):
        text, needs = _definition(name, inspect.unwrap(value))
        for each, what in needs.items():
            _add(each, what, found, open_)
        found[name] = text
    else:
        found[name] = f"{name} = {_literal(value)}"


@functools.cache
def _parsed(function: Any) -> ast.FunctionDef:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise OSError("no function of one definition")
    return tree


def _definition(name: str, function: Any) -> tuple[str, dict[str, Any]]:
    """Return the text of a function without annotations, docstring and declarations, and needs."""
    tree: Any = ast.parse(ast.unparse(_parsed(function))).body[0]
    tree.name, tree.returns = name, None
    tree.decorator_list = [
        each for each in tree.decorator_list if "errstate" in ast.dump(each)
    ]
    for argument in (*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs):
        argument.annotation = None
    if tree.args.vararg:
        tree.args.vararg.annotation = None
    if ast.get_docstring(tree) is not None and len(tree.body) > 1:
        del tree.body[0]
    used = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)}
    closed = inspect.getclosurevars(function)
    known = {**closed.globals, **closed.nonlocals}
    return ast.unparse(tree), {each: known[each] for each in sorted(used) if each in known}


def _literal(value: Any) -> str:
    if isinstance(value, frozenset | set):
        return f"{type(value).__name__}({sorted(value, key=repr)!r})"
    return repr(value)
