"""The text of the functions that a program calls: what they are, and all that they call."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Op

__all__ = ["kernel_texts"]


def kernel_texts(functions: Mapping[str, Any]) -> dict[str, str]:
    """Return the definition of every name that the functions need, callees first.

    Of a function whose text is not at hand, as in an interpreter, that is all that is said.
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
        if value is not np:
            found[name] = f"import {value.__name__} as {name}"
    elif isinstance(value, FunctionType) or hasattr(value, "__wrapped__"):
        try:
            text, needs = _definition(name, inspect.unwrap(value))
        except OSError:
            text, needs = f"# {name}: define it as it was; its text is not at hand", {}
        for each, what in needs.items():
            _add(each, what, found, open_)
        found[name] = text
    else:
        found[name] = f"{name} = {_literal(value)}"


def _definition(name: str, function: Any) -> tuple[str, dict[str, Any]]:
    """Return the text of a function, without annotations and docstring, and what it needs."""
    tree: Any = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise OSError(f"{name}: no definition of a function")
    tree = _Plain(function.__globals__).visit(tree)
    tree.name = name
    used = {
        *_globals_of(function.__code__),
        *(each.id for each in ast.walk(tree.args) if isinstance(each, ast.Name)),  # defaults
    }
    needs = {each: function.__globals__[each] for each in sorted(used & {*function.__globals__})}
    return ast.unparse(tree), needs | dict(inspect.getclosurevars(function).nonlocals)


def _globals_of(code: CodeType) -> Iterator[str]:
    """Yield the global names that a function reads, and those that are defined in it."""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _globals_of(constant)


class _Plain(ast.NodeTransformer):
    """Leaves what runs: no annotations, docstrings or declarations; a forward is a function."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.decorator_list = [d for d in node.decorator_list if "errstate" in ast.dump(d)]
        node.returns = None
        if ast.get_docstring(node) is not None and len(node.body) > 1:
            del node.body[0]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        return self.generic_visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        owner = node.value
        known = self._known.get(owner.id) if isinstance(owner, ast.Name) else None
        return owner if node.attr == "forward" and isinstance(known, Op) else node


def _literal(value: Any) -> str:
    """Write a constant of a module, so that reading it gives the constant."""
    if isinstance(value, dict):
        items = (f"{_literal(key)}: {_literal(each)}" for key, each in value.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(value, frozenset):
        return f"frozenset({sorted(value, key=repr)!r})"
    if isinstance(value, np.dtype):
        return f"np.dtype({value.str!r})"
    if isinstance(value, float) and not np.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, np.finfo | np.iinfo):
        return f"np.{type(value).__name__}({value.dtype.str!r})"
    if isinstance(getattr(value, "__self__", None), np.ufunc):
        return f"np.{value.__self__.__name__}.{value.__name__}"
    return repr(value)
