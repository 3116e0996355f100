"""Terms that are there where all of their entries are, in what was typed with indices that shift.

So sign(xⱼ − xⱼ₋₁) is 0 at the first place, and a bound such as [j ≥ 1] says so where the entries
of a term do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator

from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.words import RELATIONS

__all__ = [
    "LINEAR",
    "bound_of",
    "ends",
    "factors_of",
    "free_letters",
    "index_of",
    "is_closed",
    "is_comparison",
    "narrowed",
    "scoped",
    "shifting",
]

#: What is 0 where one of its parts is.
LINEAR = frozenset({"negative", "group", "product", "quotient", "scaled", "beside"})

#: From a number to the first and the last place that a comparison with it leaves.
_ENDS: dict[str, Callable[[float], tuple[float, float]]] = {
    "less": lambda end: (-math.inf, end - 1),
    "less_equal": lambda end: (-math.inf, end),
    "greater": lambda end: (end + 1, math.inf),
    "greater_equal": lambda end: (end, math.inf),
}


def index_of(form: Form) -> str:
    """Return the index that a form is, if it is one; beside N, n could be its length, too."""
    small = form.kind == "dimension" and len(form.detail) == 1 and form.detail.islower()
    return form.detail if small or form.kind == "letter" else ""


def scoped(
    form: Form, bound: frozenset[str] = frozenset()
) -> Iterator[tuple[Form, frozenset[str]]]:
    """Yield a form and all forms inside, each with the indices that sums around it bind."""
    if form.kind == "reduction":
        bound = bound.union(form.detail[1])
    yield form, bound
    for part in form.parts:
        yield from scoped(part, bound)


def free_letters(form: Form) -> list[str]:
    """Return the indices that no sum binds, in alphabetical order."""
    found = set()
    for each, bound in scoped(form):
        letters = {each.detail} if each.kind == "letter" else set()
        if each.kind == "reduction":
            letters = {index_of(condition.parts[1]) for condition in each.parts[1:]}  # Σ_{m ≥ n}
        found |= letters - bound - {""}
    return sorted(found)


def shifting(form: Form) -> bool:
    """Whether an index of a form shifts, as in x_{j+1}, or is bounded, as in [j ≥ 1]."""
    return any(
        bound_of(each)
        or (each.kind == "indexed" and any(i.kind in {"total", "negative"} for i in each.parts[1:]))
        for each in form.walk()
    )


def is_comparison(form: Form) -> bool:
    """Whether a form is 1 where something holds, and 0 elsewhere."""
    return form.kind == "call" and form.detail[0] in RELATIONS.values()


def is_closed(term: Form, brackets: Collection[str]) -> bool:
    """Whether all entries of a term stand in brackets."""
    if term.kind in brackets or not any(each.kind == "indexed" for each in term.walk()):
        return True
    return term.kind in LINEAR and all(is_closed(part, brackets) for part in term.parts)


def bound_of(form: Form) -> tuple[str, float, float] | None:
    """Read [j ≥ 1] as the letter, and the first and the last place that it may have."""
    if form.kind == "call" and form.detail[0] in _ENDS and len(form.parts) == 2:
        letter, end = index_of(form.parts[0]), form.parts[1]
        if letter and end.kind == "number":
            return letter, *_ENDS[form.detail[0]](end.detail)
    return None


def factors_of(form: Form) -> Iterator[Form]:
    """Yield what a term is a product of."""
    if form.kind in LINEAR - {"quotient"}:
        for part in form.parts:
            yield from factors_of(part)
    else:
        yield form


def ends(length: int, sign: int, shift: int) -> tuple[int, int]:
    """Return where an index j begins and ends if ±j + shift is a place along an axis."""
    first, last = sorted(sign * (end - shift) for end in (0, length - 1))
    return first, last


def narrowed(window: range, first: float, last: float) -> range:
    """Return where an index may run that is bounded further."""
    start = max(window.start, math.ceil(max(first, 0)))
    return range(start, max(start, min(window.stop - 1, math.floor(min(last, window.stop))) + 1))
