"""Small changes of a claim that may make it right, most of them lines of a table."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.grammar import read
from tinygrad_edu.symbolic.notation.reader import FUNCTIONS

__all__ = ["mends"]

#: A kind of slip, what is said of it, and the claim without it.
Mend = tuple[str, str, Form]
#: A kind of slip, what it is called, and what is put in the place of a part: its text, its form.
Change = tuple[str, str, str, Form]
#: Functions that are taken for another, or left out.
TRIED = ("sigmoid", "tanh", "relu", "exp", "log", "softmax", "sqrt", "sign", "abs")
#: What the letters of a pattern stand for. In a claim x, y and z are any part, f any function and g
#: one of those that are tried; in what is right h is each of these, and M, v, s and l are each
#: matrix, vector, number and letter there is.
_NAMES, _AXES = "xyzMvsl", {"M": 2, "v": 1, "s": 0, "l": None}
_LETTERS = re.compile(f"(?<![A-Za-z_])[{_NAMES}fgh](?![A-Za-z_])")


class _Slip(NamedTuple):
    """A line of the table: what stands in a claim, and what is right in its place.

    `at` are the kinds of parts at which it is looked for, all if there are none: "whole" and "term"
    say where a part stands; where it says "everywhere", all that is the same is replaced at once.
    """

    kind: str
    called: str
    claimed: str
    right: tuple[str, ...]
    at: frozenset[str] = frozenset()


def mends(tree: Form, written: str, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Yield every claim that differs from this one by one slip, the likeliest slips first.

    `shapes` says how many axes what each name stands for has; `written` is the text of the claim.
    """
    claim = _Claim(tree, written, shapes)
    for slip in _SLIPS:
        for part, where, put in _places(tree):
            if not isinstance(slip, _Slip):
                found = slip(part, where, claim)
            elif not slip.at or {part.kind, where} & slip.at:
                found = _changed(slip, part, claim)
                put = _everywhere(tree, part) if "everywhere" in slip.at else put
            else:
                continue
            for kind, called, text, new in found:
                if new != part:
                    said = f"{called}: it is right with {text} in place of {claim.quoted(part)}"
                    yield kind, said, put(new)


@dataclass(frozen=True, eq=False)
class _Claim:
    """A claim: its form, its text, and how many axes what each name stands for has."""

    tree: Form
    written: str
    shapes: Mapping[str, int]

    def quoted(self, form: Form) -> str:
        """Return the text of a part."""
        every = list(form.walk())
        start, end = min(e.at for e in every), max(e.end for e in every)
        return " ".join(self.written[start:end].split()) or "1"

    def letters(self, axes: int | None, at: Form) -> list[Form]:
        """Return the letters of what has so many axes, or all."""
        names = [name for name, count in self.shapes.items() if axes in {None, count}]
        return [Form("leaf", detail=name, at=at.at, end=at.at) for name in names]


def _places(
    tree: Form, where: str = "whole", put: Callable[[Form], Form] = lambda new: new
) -> Iterator[tuple[Form, str, Callable[[Form], Form]]]:
    """Yield every part of a tree, where it stands, and what puts another in its place."""
    yield tree, where, put
    arrays = tree.parts[:1] if tree.kind in {"indexed", "item"} else tree.parts
    for place, part in enumerate(arrays if tree.kind not in {"delta", "derivative"} else ()):

        def inside(new: Form, place: int = place) -> Form:
            return put(_with_part(tree, place, new))

        yield from _places(part, "term" if tree.kind == "total" else "", inside)


def _with_part(tree: Form, place: int, new: Form) -> Form:
    return replace(tree, parts=(*tree.parts[:place], new, *tree.parts[place + 1 :]))


def _everywhere(tree: Form, old: Form) -> Callable[[Form], Form]:
    """Return what puts a form wherever another stands."""

    def put(new: Form, inside: Form = tree) -> Form:
        if inside == old:
            return new
        return replace(inside, parts=tuple(put(new, part) for part in inside.parts))

    return put


# --- patterns -------------------------------------------------------------------------------------


@cache
def _read(pattern: str) -> Form:
    functions = {**FUNCTIONS, **{name: name for name in "fgh"}}
    return _bare(read(pattern, _NAMES, functions=functions).tree)


def _changed(slip: _Slip, part: Form, claim: _Claim) -> Iterator[Change]:
    """Yield what a line of the table makes of a part."""
    bound: dict[str, Any] = {}
    if not _fits(_read(slip.claimed), part, bound):
        return
    for right in slip.right:
        free = sorted({*_LETTERS.findall(right)} - {*bound})
        for chosen in itertools.product(*(_choices(name, bound, part, claim) for name in free)):
            every = bound | dict(zip(free, chosen, strict=True))
            text = _spelled(right, every, claim)
            yield slip.kind, slip.called, text, _filled(_read(right), every, part)


def _choices(name: str, bound: Mapping[str, Any], part: Form, claim: _Claim) -> list[Any]:
    """Return what a letter may stand for that a pattern leaves free."""
    if name != "h":
        return claim.letters(_AXES[name], part)
    own, _ = bound.get("g", ("", {}))
    return [(other, {}) for other in TRIED if other != own]


def _fits(pattern: Form, form: Form, bound: dict[str, Any]) -> bool:
    """Whether a form is an instance of a pattern; what its letters stand for is entered."""
    if pattern.kind == "leaf":
        return _bare(bound.setdefault(pattern.detail, form)) == _bare(form)
    if pattern.kind == "group":
        return _fits(_bare(pattern), _bare(form), bound)
    kind = "product" if form.kind == "scaled" else form.kind
    if kind != pattern.kind or len(form.parts) != len(pattern.parts):
        return False
    name = pattern.detail[0] if kind == "call" else ""
    if name in {"f", "g"} and (name == "f" or form.detail[0] in TRIED):
        bound[name] = form.detail
    elif kind in {"number", "total", "call"} and form.detail != pattern.detail:
        return False
    return all(_fits(p, f, bound) for p, f in zip(pattern.parts, form.parts, strict=True))


def _bare(form: Form) -> Form:
    return form.parts[0] if form.kind == "group" else form


def _filled(right: Form, bound: Mapping[str, Any], at: Form) -> Form:
    """Put what letters stand for in their places, as a part of the claim."""
    if right.kind == "leaf":
        found: Form = bound[right.detail]
        return found
    detail = right.detail
    if right.kind == "call":
        detail = bound.get(detail[0], detail)
    parts = tuple(_filled(part, bound, at) for part in right.parts)
    return replace(right, parts=parts, detail=detail, at=at.at, end=at.end)


def _spelled(right: str, bound: Mapping[str, Any], claim: _Claim) -> str:
    """Write what is right, in the words of the claim."""

    def said(match: re.Match[str]) -> str:
        found = bound[match[0]]
        if isinstance(found, tuple):
            return str(found[0])
        if found.at == found.end:
            return str(found.detail)
        text = claim.quoted(found)
        enclosed = right[match.start() - 1 : match.start()] in {"(", "["} or right == match[0]
        loose = found.kind in {"total", "negative", "product", "scaled", "quotient", "beside"}
        return f"({text})" if loose and not enclosed else text

    text = _LETTERS.sub(said, right).replace("ᵀᵀ", "")
    return re.sub("\\^(?=[⁻¹²³⁴-⁹])", "", text)  # x^² is x²


# --- what no pattern says -------------------------------------------------------------------------


def _signs(tree: Form, where: str, claim: _Claim) -> Iterator[Change]:
    """Turn the sign of one term."""
    for place, part in enumerate(tree.parts if tree.kind == "total" else ()):
        minuses = tuple(m != (i == place) for i, m in enumerate(tree.detail))
        text = f"{'−' if minuses[place] else '+'} before {claim.quoted(part)}"
        yield "sign", "sign", text, replace(tree, detail=minuses)


def _less(tree: Form, where: str, claim: _Claim) -> Iterator[Change]:
    """Leave out one term, or a sum over an index."""
    if tree.kind == "reduction" and len(tree.parts) == 1:
        yield "axis", "a sum too many", claim.quoted(tree.parts[0]), tree.parts[0]
    for place, part in enumerate(tree.parts if tree.kind == "total" else ()):
        kept = [i for i in range(len(tree.parts)) if i != place]
        parts, minuses = ([each[i] for i in kept] for each in (tree.parts, tree.detail))
        new = replace(tree, parts=tuple(parts), detail=tuple(minuses))
        yield "term", "a term too many", f"no {claim.quoted(part)}", new


def _other_slopes(tree: Form, where: str, claim: _Claim) -> Iterator[Change]:
    """Take the slope of another function."""
    for name in TRIED if tree.kind == "slope" and tree.detail in TRIED else ():
        yield "derivative", "another function", f"{name}'", replace(tree, detail=name)


def _axes(tree: Form, where: str, claim: _Claim) -> Iterator[Change]:
    """Sum over another axis, over all, or over the other side of a bound."""
    if tree.kind == "call" and (tree.detail[0] in {"sum", "mean"} or "axis" in tree.detail[1]):
        name, options = tree.detail
        for axis in (0, 1, None):
            given = {key: value for key, value in options.items() if key != "axis"}
            given |= {} if axis is None else {"axis": axis}
            over = "over all" if axis is None else f"along axis {axis}"
            new = replace(tree, parts=tree.parts[:1], detail=(name, given))
            yield "axis", f"axis of a {name}", f"{name} {over}", new
        for other in {"sum": ["mean"], "mean": ["sum"]}.get(name, []):
            yield "axis", "sum and mean", other, replace(tree, detail=(other, options))
    if tree.kind == "reduction" and len(tree.parts) == 1 == len(tree.detail[1]):
        for letter in "nkdmh":
            new = replace(tree, detail=(tree.detail[0], (letter,)))
            yield "axis", "axis of a sum", f"Σ over {letter}", new
    if tree.kind == "reduction" and len(tree.parts) > 1:
        condition = tree.parts[1]
        name = _TURNED.get(condition.detail[0], condition.detail[0])
        new = _with_part(tree, 1, replace(condition, detail=(name, {})))
        yield "axis", "bounds of a sum", "Σ over the other side", new


_TURNED = {"less": "greater", "less_equal": "greater_equal"}
_TURNED |= {b: a for a, b in _TURNED.items()}


def _letters(tree: Form, where: str, claim: _Claim) -> Iterator[Change]:
    """Take another letter, another number, another index, or another entry."""
    if tree.kind == "leaf":
        for other, axes in claim.shapes.items():
            if axes == claim.shapes[tree.detail]:
                yield "letter", "another letter", other, replace(tree, detail=other)
    if tree.kind == "indexed":
        for place, index in enumerate(tree.parts[1:], start=1):
            for letter in "ijknm" if index.kind == "letter" else ():
                new = _with_part(tree, place, replace(index, detail=letter))
                yield "index", "an index", f"the index {letter}", new
    if tree.kind == "delta" and len(tree.parts) == 1 and tree.parts[0].kind == "number":
        for entry in range(10):
            new = _with_part(tree, 0, replace(tree.parts[0], detail=float(entry)))
            yield "letter", "another entry", f"δ at {entry}", new
    if tree.kind == "number":
        for value in (1.0, 2.0, 0.5):
            yield "number", "a number", f"{value:g}", replace(tree, detail=value)
        for number in claim.letters(0, tree):
            yield "factor", "a letter", number.detail, number


def _again(tree: Form, where: str, claim: _Claim) -> Iterator[Change]:
    """Multiply a term by what stands elsewhere in the claim."""
    every = {claim.quoted(p): p for p in claim.tree.walk() if p.kind in {"leaf", "call"}}
    for text, part in every.items() if where else ():
        parts = (part, replace(tree, kind="group", parts=(tree,), detail="("))
        new = Form("product", parts, detail="⊙", at=tree.at, end=tree.end)
        yield "factor", "a factor too few", f"{text} ⊙ {claim.quoted(tree)}", new


# --- the table ------------------------------------------------------------------------------------


def _slip(kind: str, called: str, claimed: str, *right: str, at: str = "") -> _Slip:
    return _Slip(kind, called, claimed, right, frozenset(at.split()))


_KIND, _NOT_DERIVED, _SLOPE = "kind of product", "not derived", "derivative of another function"
_TURNED_ROUND = "a comparison the other way round"
_PRODUCTS = "x ⊙ y", "x y", "x yᵀ", "y xᵀ", "xᵀ y", "diag(x) y"
_FACTORS = "whole term group leaf"

#: All slips, the likeliest first.
_SLIPS: tuple[_Slip | Callable[[Form, str, _Claim], Iterator[Change]], ...] = (
    _slip("transpose", "missing transpose", "xᵀ", "x"),
    _slip("transpose", "missing transpose", "x y", "xᵀ y", "x yᵀ"),
    _slip("transpose", "missing transpose", "x ⊙ y", "xᵀ ⊙ y", "x ⊙ yᵀ"),
    _signs,
    _slip("order", "order of a product", "x y", "y x"),
    _slip("product", _KIND, "x y", *_PRODUCTS),
    _slip("product", _KIND, "x ⊙ y", *_PRODUCTS),
    _slip("order", "order of a product", "x y", "yᵀ xᵀ"),
    _slip("order", "order of a product", "x y z", "x (y z)"),
    _slip("product", _KIND, "x y z", "x ⊙ (y z)"),
    _slip("derivative", _SLOPE, "1 − x²", "x ⊙ (1 − x)"),
    _slip("derivative", _SLOPE, "1 − x ⊙ x", "x ⊙ (1 − x)"),
    _slip("derivative", _SLOPE, "1 − x", "x ⊙ (1 − x)"),
    _slip("derivative", _SLOPE, "x ⊙ (1 − x)", "(1 − x²)"),
    _slip("derivative", _SLOPE, "x (1 − x)", "(1 − x²)"),
    _slip("derivative", _SLOPE, "y ⊙ x ⊙ (1 − x)", "y ⊙ (1 − x²)"),
    _slip("derivative", _NOT_DERIVED, "tanh(x)", "(1 − tanh(x)²)"),
    _slip("derivative", _NOT_DERIVED, "sigmoid(x)", "(sigmoid(x) − sigmoid(x)²)"),
    _slip("derivative", _NOT_DERIVED, "softplus(x)", "sigmoid(x)"),
    _slip("derivative", _NOT_DERIVED, "log(x)", "1/(x)"),
    _slip("derivative", _NOT_DERIVED, "relu(x)", "[x > 0]"),
    _slip("derivative", "a power not derived", "x^3", "3·x²"),
    _slip("derivative", "a power not derived", "x^4", "4·x³"),
    _slip("sign", "sign", "−x", "x"),
    _slip("function", "a function too many", "g(x)", "x"),
    _slip("derivative", "another function", "g(x)", "h(x)"),
    _other_slopes,
    _slip("power", "a power", "x^y", "x"),
    _slip("power", "a power not derived", "x^y", "2·x"),
    _slip("power", "a power", "x^y", "x²", "x³", "1/x", "√x", "x⁴", "x x", "xᵀ xᵀ"),
    _slip("power", "a power", "f(x)^y", "f(x^y)"),
    _slip("power", "a power", "(x − y)^z", "(x − y^z)"),
    _slip("power", "a power", "(x + y)^z", "(x + y^z)"),
    _slip("power", "a power", "f(x^y)", "f(x)^y"),
    _slip("power", "a power", "x", "x²", "1/x", "x³", at="leaf group call"),
    _axes,
    *(
        _slip(
            "broadcast sum", f"missing {how}", "x", f"{how}(x, axis={n})", at="group total quotient"
        )
        for n, how in itertools.product((0, 1), ("sum", "mean"))
    ),
    _slip("sign", _TURNED_ROUND, "x > y", "x < y"),
    _slip("sign", _TURNED_ROUND, "x < y", "x > y"),
    _slip("sign", _TURNED_ROUND, "x ≥ y", "x ≤ y"),
    _slip("sign", _TURNED_ROUND, "x ≤ y", "x ≥ y"),
    _letters,
    _slip("letter", "class labels", "x", "one_hot(x)", at="leaf"),
    _slip("diagonal", "diagonal", "I", "diag(v)"),
    _less,
    _slip("factor", "a factor too many", "x y", "y", "x"),
    _slip("factor", "a factor too many", "x ⊙ y", "y", "x"),
    _slip("factor", "factors too many", "x ⊙ y ⊙ z", "x"),
    _slip("factor", "a divisor too many", "x/y", "x"),
    _slip("axis", "a sum too many", "sum(x)", "x"),
    _slip("axis", "a mean too many", "mean(x)", "x"),
    _slip("diagonal", "a diagonal too many", "diag(x)", "x"),
    _slip("product", _KIND, "x", "x 1ᵀ", at=_FACTORS),
    _slip("factor", "missing factor", "x", "M x", "x M", "Mᵀ x", "x Mᵀ", at=_FACTORS),
    _slip("factor", "missing factor", "x", "x v", "x vᵀ", "diag(v) x", at=_FACTORS),
    _slip("factor", "missing factor", "x", "x ⊙ l", "x/l", at=_FACTORS),
    _slip("function", "another function", "g(x)", "h(x)", at="everywhere call"),
    _slip("function", "a function too few", "x", "h(x)", at="everywhere leaf beside"),
    _slip("function", "a function too few", "x", "h(x)", at="leaf beside"),
    _slip("diagonal", "the diagonal alone", "f(x)", "Σ(v ⊙ f(x))"),
    _slip("term", "a term too few", "x", "(x + l)", "(x − l)", at="beside product leaf call"),
    _slip("derivative", _NOT_DERIVED, "x", "[x > 0]", at="group"),
    _again,
)
