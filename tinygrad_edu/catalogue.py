"""The table of NumPy's functions that a Tensor answers, written from the declarations."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY, Op
from tinygrad_edu.numpy_functions import ANSWERED, OUTSIDE, RENAMED, SAME

__all__ = ["catalogue"]

_BAR = r"\|"  # a _BAR inside a cell

_INTRODUCTION = """\
# NumPy's functions on Tensors

<!-- Written by `make docs` from the declarations; a test compares. -->

`np.exp(t)` and `tinygrad_edu.exp(t)` are the same call: where an argument is a Tensor, the result
is one, and stays in the graph. The arguments are NumPy's, without `out=`, `where=`, `dtype=` and
the like, which are refused by name. NumPy's other names for the same function (`np.acos`,
`np.concat`, `np.pow`) work as well.

"Gradient" says whether one passes; "none" is a constant almost everywhere, such as a comparison.
"In formulas" is how a derivation writes it. Where nothing is said, the function is made of others,
and a derivation shows those.
"""


def catalogue() -> str:
    """Return the table as Markdown.

    Returns
    -------
    str
        One section for each module of the calculus table, then what is answered with arrays, and
        what is refused.

    Raises
    ------
    AttributeError
        If a name of the table is none of NumPy's.

    Notes
    -----
    Nothing is listed by hand: a function is here when its name, its arguments and its operation
    are declared.

    Examples
    --------
    >>> from tinygrad_edu.catalogue import catalogue
    >>> print(catalogue().splitlines()[0])
    # NumPy's functions on Tensors
    """
    parts = [_INTRODUCTION]
    for module in dict.fromkeys(map(_module, SAME)):
        title = (sys.modules[module].__doc__ or "").partition("\n")[0].partition(". ")[0]
        rows = "\n".join(_table(name for name in SAME if _module(name) == module))
        parts.append(f"## {title.rstrip('.')}\n\n{rows}\n")
    renamed = ", ".join(f"`np.{theirs}` is `{ours}`" for theirs, ours in RENAMED.items())
    parts.append(f"## Under another name\n\n{renamed}.\n")
    answered = ", ".join(f"`np.{name}`" for name in ANSWERED)
    parts.append(
        "## Answered with arrays\n\nThey ask about the values, and no gradient passes: "
        f"{answered}.\n"
    )
    outside = ", ".join(OUTSIDE.values())
    parts.append(
        f"## Refused\n\nOutside of a micro-framework, and refused by name: {outside}. Any other "
        "function of NumPy is refused too, and never turned into an array unseen; `t.data` is the "
        "array.\n"
    )
    return "\n".join(parts)


def _module(name: str) -> str:
    return str(getattr(ops, name).__module__)


def _table(names: Iterable[str]) -> Iterator[str]:
    yield "| NumPy | arguments | what it is | gradient | in formulas |"
    yield "|---|---|---|---|---|"
    for name in names:
        ours = getattr(ops, name)
        constant = isinstance(ours, Op) and ours.constant
        summary = ours.summary.partition("\n")[0].rstrip(".")
        gradient = "none" if constant else "yes"
        cells = f"`np.{name}`", f"`{_arguments(ours)}`", summary, gradient, _notation(name)
        yield f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |"


def _arguments(function: Any) -> str:
    """Write the parameters as they are called, without their types."""
    parameters = inspect.signature(function).parameters.values()
    plain = [p.replace(annotation=p.empty, kind=_by_position(p)) for p in parameters]
    return ", ".join(map(str, plain))


def _by_position(parameter: inspect.Parameter) -> Any:
    named = parameter.kind is parameter.KEYWORD_ONLY
    return parameter.POSITIONAL_OR_KEYWORD if named else parameter.kind


def _notation(name: str) -> str:
    op = REGISTRY.get(name)
    if op is None:
        return ""
    letters = [*inspect.signature(op).parameters][: op.arity]
    template = op.text or f"{name}({', '.join(f'{{{i}}}' for i in range(len(letters)))})"
    settings = {k: k if v is inspect.Parameter.empty else v for k, v in op.defaults.items()}
    return template.format(*letters, args="a, b, …", index="i", classes="K", **settings)
