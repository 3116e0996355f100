"""Small changes of a claim that may make it right: a sign, a transpose, another order, a factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import product

from tinygrad_edu.symbolic.notation.form import Form

__all__ = ["mends"]

#: A kind of slip, what is said of it, and the claim without it.
Mend = tuple[str, str, Form]

_PRODUCTS = frozenset({"beside", "product", "scaled"})
_FUNCTIONS = ("sigmoid", "tanh", "relu", "exp", "log", "softmax", "sqrt", "sign", "abs")


_FLIPPED = {"less_equal": "greater_equal", "less": "greater"}
_FLIPPED |= {b: a for a, b in _FLIPPED.items()}


def mends(tree: Form, written: str, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Yield every claim that differs from this one by one slip, the likeliest slips first.

    `shapes` says how many axes what each name stands for has; `written` is the text of the claim.
    """
    every = list(_places(tree))
    for local in (_transposes, _signs, _orders, _slopes, _powers, _axes, _letters, _less):
        for part, rebuilt in every:
            for kind, said, new in local(part, _Said(written), shapes):
                yield kind, said, rebuilt(new)
    for part, rebuilt in every:
        if part is tree or part.kind in {"group", "leaf"} or rebuilt.__name__ == "term":
            for kind, said, new in _times(part, _Said(written), shapes):
                yield kind, said, rebuilt(new)
    yield from _everywhere(tree, _Said(written))
    for part, rebuilt in every:
        for kind, said, new in _more(
            part, tree, rebuilt.__name__ == "term", _Said(written), shapes
        ):
            yield kind, said, rebuilt(new)


def _places(tree: Form) -> Iterator[tuple[Form, Callable[[Form], Form]]]:
    """Yield every part of a tree, and what puts another in its place."""
    yield tree, lambda new: new
    arrays = tree.parts[:1] if tree.kind in {"indexed", "item"} else tree.parts
    for place, part in enumerate(arrays if tree.kind != "delta" else ()):
        for inner, rebuilt in _places(part):
            yield inner, _within(tree, place, rebuilt, term=tree.kind == "total" and inner is part)


def _within(
    tree: Form, place: int, rebuilt: Callable[[Form], Form], *, term: bool
) -> Callable[[Form], Form]:
    def whole(new: Form) -> Form:
        return replace(tree, parts=(*tree.parts[:place], rebuilt(new), *tree.parts[place + 1 :]))

    whole.__name__ = "term" if term else "part"
    return whole


class _Said:
    """The text of a claim, to quote from."""

    def __init__(self, written: str) -> None:
        self.written = written

    def __call__(self, tree: Form) -> str:
        every = list(tree.walk())
        start, end = min(e.at for e in every), max(e.end for e in every)
        return " ".join(self.written[start:end].split()) or "1"


def _made(kind: str, at: Form, *parts: Form, detail: object = None) -> Form:
    return Form(kind, parts, detail=detail, at=at.at, end=at.end)


def _number(value: float, at: Form) -> Form:
    return Form("number", detail=value, at=at.at, end=at.end)


def _letter(name: str, at: Form) -> Form:
    return Form("leaf", detail=name, at=at.at, end=at.at)


def _transposes(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Turn one factor of a product, or do not."""
    if tree.kind not in _PRODUCTS:
        return
    for place, part in enumerate(tree.parts):
        if part.kind == "transpose":
            (new,) = part.parts
            name = f"{said(new)} not transposed"
        elif part.kind in {"leaf", "group", "call", "indexed"}:
            new = _made("transpose", part, part)
            name = f"{said(part)} transposed"
        else:
            continue
        parts = (*tree.parts[:place], new, *tree.parts[place + 1 :])
        yield (
            "transpose",
            f"missing transpose: it is right with {name}",
            replace(tree, parts=parts),
        )


def _signs(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Turn the sign of one term."""
    if tree.kind == "total":
        for place, part in enumerate(tree.parts):
            minuses = tuple(m != (i == place) for i, m in enumerate(tree.detail))
            sign = "−" if minuses[place] else "+"
            yield (
                "sign",
                f"sign: it is right with {sign} before {said(part)}",
                replace(tree, detail=minuses),
            )


def _orders(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Multiply in the other order, or in another way."""
    if tree.kind not in _PRODUCTS or len(tree.parts) != 2:
        return
    left, right = tree.parts
    ways = [
        ("order", f"{said(right)} before {said(left)}", _made("beside", tree, right, left)),
        ("product", "a matrix product there", _made("beside", tree, left, right)),
        ("product", "⊙, entry by entry", _made("product", tree, left, right, detail="⊙")),
        ("product", "the outer product", _made("beside", tree, left, _turned(right))),
        ("product", "the outer product", _made("beside", tree, right, _turned(left))),
        ("product", "the inner product", _made("beside", tree, _turned(left), right)),
        (
            "product",
            f"the rows scaled by {said(left)}",
            _made("beside", tree, _made("call", left, left, detail=("diag", {})), right),
        ),
        (
            "order",
            f"both turned, {said(right)} first",
            _made("beside", tree, _turned(right), _turned(left)),
        ),
    ]
    if left.kind == "beside":  # A g xᵀ
        first, second = left.parts
        inner = _made("beside", tree, second, right)
        ways.append(
            ("order", f"{said(second)} {said(right)} first", _made("beside", tree, first, inner))
        )
        ways.append(
            (
                "product",
                f"{said(first)} ⊙ the rest",
                _made("product", tree, first, inner, detail="⊙"),
            )
        )
    if tree.kind == "product":  # entry by entry, the order is no matter
        ways = [way for way in ways if way[0] != "order"]
    for kind, name, new in ways:
        if new.kind != tree.kind or new.parts != tree.parts:
            yield kind, f"{_WHAT[kind]}: it is right with {name}", new


_WHAT = {"order": "order of a product", "product": "kind of product"}


def _turned(tree: Form) -> Form:
    return tree.parts[0] if tree.kind == "transpose" else _made("transpose", tree, tree)


def _slopes(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Take the derivative of another function: σ′ = z(1 − z), tanh′ = 1 − h²."""
    inner = tree.parts[0] if tree.kind == "group" else tree
    if inner.kind == "total" and inner.detail == (False, True) and _is(inner.parts[0], 1):
        square = inner.parts[1]
        base = square.parts[0] if square.kind in {"power", "product"} else square
        rest = _made("total", base, _number(1, base), base, detail=(False, True))
        name = said(base)
        yield (
            "derivative",
            f"derivative of another function: it is right with {name}·(1 − {name})",
            _made("product", inner, base, rest, detail="⊙"),
        )
    if tree.kind in {"product", "beside"}:
        left, right = tree.parts
        rest = right.parts[0] if right.kind == "group" else right
        before, last = left.parts if left.kind == "product" else (None, left)
        complement = rest.kind == "total" and rest.detail == (False, True)
        if complement and rest.parts[1] == last:
            square = _made("power", last, last, _number(2, last))
            new = _made("total", tree, _number(1, last), square, detail=(False, True))
            new = _made("group", tree, new)
            new = new if before is None else _made("product", tree, before, new, detail="⊙")
            sentence = f"derivative of another function: it is right with 1 − {said(last)}²"
            yield "derivative", sentence, new
    yield from _not_derived(tree, said)
    if tree.kind in {"call", "slope"} and len(tree.parts) == 1:
        own = tree.detail if tree.kind == "slope" else tree.detail[0]
        if own in _FUNCTIONS and tree.kind == "call":
            yield "function", f"a function too many: it is right without {own}", tree.parts[0]
        for name in _FUNCTIONS:
            if own in _FUNCTIONS and name != own:
                detail: object = name if tree.kind == "slope" else (name, {})
                sentence = f"another function: it is right with {name} in place of {own}"
                yield "derivative", sentence, replace(tree, detail=detail)


def _not_derived(tree: Form, said: _Said) -> Iterator[Mend]:
    """Take the derivative of what stands there: of tanh, of σ, of relu."""
    what = said(tree)
    if tree.kind == "call" and tree.detail[0] in {"tanh", "sigmoid"}:
        square = _made("power", tree, tree, _number(2, tree))
        first = _number(1, tree) if tree.detail[0] == "tanh" else tree
        new = _made("total", tree, first, square, detail=(False, True))
        sentence = f"not derived: it is right with {said(first) if first is tree else 1} − {what}²"
        yield "derivative", sentence, _made("group", tree, new)
    if tree.kind == "call" and tree.detail[0] in {"log", "softplus"}:
        (inner,) = tree.parts[:1]
        one, name = _number(1, inner), said(inner)
        new = _made("quotient", tree, one, _made("group", inner, inner))
        if tree.detail[0] == "softplus":
            new = replace(tree, detail=("sigmoid", {}))
        slope = f"1/({name})" if tree.detail[0] == "log" else f"sigmoid({name})"
        yield "derivative", f"not derived: it is right with {slope}", new
    if tree.kind == "power" and tree.parts[1].kind == "number" and tree.parts[1].detail > 2:
        base, exponent = tree.parts
        less = replace(tree, parts=(base, _number(exponent.detail - 1, exponent)))
        new = _made("product", tree, exponent, less, detail="·")
        sentence = f"a power not derived: it is right with the derivative of {what}"
        yield "derivative", sentence, new
    if tree.kind == "call" and tree.detail[0] == "relu":
        yield _gate(tree, what)
    if tree.kind == "negative":
        yield "sign", f"sign: it is right without the minus of {what}", tree.parts[0]


def _gate(tree: Form, what: str) -> Mend:
    new = _made("call", tree, tree.parts[0], _number(0, tree), detail=("greater", {}))
    return "derivative", f"not derived: it is right with 1 where {what} > 0, else 0", new


def _everywhere(tree: Form, said: _Said) -> Iterator[Mend]:
    """Take another function, or one more, wherever the same stands."""
    every = {said(part): part for part in tree.walk() if part.kind in {"leaf", "beside", "call"}}
    for text, part in every.items():
        inner = part.parts[0] if part.kind == "call" and len(part.parts) == 1 else part
        if part.kind == "call" and part.detail[0] not in _FUNCTIONS:
            continue
        for name in _FUNCTIONS:
            call = _made("call", part, inner, detail=(name, {}))
            if part.kind == "call":
                sentence = f"another function: it is right with {name} in place of {text}"
            else:
                sentence = f"a function too few: it is right with {name}({text})"
            if part.detail != call.detail:
                yield "function", sentence, _put(tree, text, call, said)


def _put(tree: Form, text: str, new: Form, said: _Said) -> Form:
    if tree.kind == new.kind == "call" and said(tree) == text:
        return new
    if tree.kind in {"leaf", "beside"} and said(tree) == text:
        return new
    return replace(tree, parts=tuple(_put(part, text, new, said) for part in tree.parts))


def _more(
    tree: Form, whole: Form, is_term: bool, said: _Said, shapes: Mapping[str, int]
) -> Iterator[Mend]:
    """Add a letter to a sum, or multiply a term by what stands elsewhere in the claim.

    Or take a function of one part alone.
    """
    if tree.kind in {"leaf", "beside"}:
        for name in _FUNCTIONS:
            sentence = f"a function too few: it is right with {name}({said(tree)}) there"
            yield "function", sentence, _made("call", tree, tree, detail=(name, {}))
    if tree.kind == "call" and len(tree.parts) == 1:
        for name in (name for name, axes in shapes.items() if axes == 1):
            each = _made("product", tree, _letter(name, tree), tree, detail="⊙")
            new = _made("call", tree, each, detail=("sum", {}))
            sentence = f"the diagonal alone: it is right with Σ({name} ⊙ {said(tree)})"
            yield "diagonal", sentence, new
    if tree.kind in {"beside", "product", "leaf", "call"}:
        for name in shapes:
            for minus, sign in ((False, "+"), (True, "−")):
                new = _made("total", tree, tree, _letter(name, tree), detail=(False, minus))
                sentence = f"a term too few: it is right with {said(tree)} {sign} {name}"
                yield "term", sentence, _made("group", tree, new)
    if tree.kind == "group":
        yield _gate(tree, said(tree))
    if is_term or tree is whole:
        for text, part in {said(p): p for p in whole.walk() if p.kind in {"leaf", "call"}}.items():
            new = _made("product", tree, part, _made("group", tree, tree), detail="⊙")
            yield "factor", f"a factor too few: it is right with {text} ⊙ {said(tree)}", new


def _is(tree: Form, value: float) -> bool:
    return tree.kind == "number" and tree.detail == value


def _powers(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Take another power."""
    if tree.kind == "power" and tree.parts[1].kind in {"number", "negative", "group"}:
        base, exponent = tree.parts
        yield "power", f"a power: it is right with {said(base)}, without the power", base
        twice = _made("product", tree, _number(2, base), base, detail="·")
        yield "power", f"a power not derived: it is right with 2·{said(base)}", twice
        for value in (2.0, 3.0, -1.0, 0.5, 4.0):
            if not _is(exponent, value):
                new = replace(tree, parts=(base, _number(value, exponent)))
                yield "power", f"a power: it is right with {said(base)} to the power {value:g}", new
        for both, mark in ((base, ""), (_turned(base), "ᵀ")):
            name = f"{said(base)}{mark}"
            sentence = f"a power: it is right with the product {name} {name}"
            yield "power", sentence, _made("beside", tree, both, both)
        inner = base.parts[0] if base.kind == "group" else base
        if inner.kind == "call" and len(inner.parts) == 1:
            each = replace(inner, parts=(replace(tree, parts=(inner.parts[0], exponent)),))
            yield "power", f"a power: it is right with the power inside of {said(base)}", each
        if inner.kind == "total":
            last = replace(tree, parts=(inner.parts[-1], exponent))
            new = replace(inner, parts=(*inner.parts[:-1], last))
            sentence = f"a power: it is right with {said(inner.parts[-1])} alone to the power"
            yield "power", sentence, _made("group", tree, new)
    if tree.kind == "call" and len(tree.parts) == 1 and tree.parts[0].kind == "power":
        base, exponent = tree.parts[0].parts
        new = _made("power", tree, replace(tree, parts=(base,)), exponent)
        yield "power", f"a power: it is right with the power outside of {said(tree)}", new
    if tree.kind in {"leaf", "group", "call"}:
        for value in (2.0, -1.0, 3.0):
            new = _made("power", tree, tree, _number(value, tree))
            yield "power", f"a power: it is right with {said(tree)} to the power {value:g}", new


def _axes(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Sum over another axis, over all, or not at all."""
    if tree.kind == "call" and tree.detail[0] in {"sum", "mean"}:
        name, options = tree.detail
        for axis in (0, 1, None):
            if options.get("axis") != axis or len(tree.parts) > 1:
                over = "all" if axis is None else f"axis {axis}"
                given = {k: v for k, v in options.items() if k != "axis"}
                given |= {} if axis is None else {"axis": axis}
                new = replace(tree, parts=tree.parts[:1], detail=(name, given))
                yield "axis", f"axis of a sum: it is right with the sum over {over}", new
        other = "mean" if name == "sum" else "sum"
        sentence = f"sum and mean: it is right with the {other}"
        yield "axis", sentence, replace(tree, detail=(other, options))
    elif tree.kind == "call" and "axis" in tree.detail[1]:
        name, options = tree.detail
        for axis in (-1, 0):
            if options["axis"] != axis:
                new = replace(tree, detail=(name, {**options, "axis": axis}))
                yield "axis", f"axis of {name}: it is right along axis {axis}", new
    if tree.kind == "reduction" and len(tree.detail[1]) == 1 and len(tree.parts) == 1:
        for letter in "nkdmh":
            if letter not in tree.detail[1]:
                new = replace(tree, detail=(tree.detail[0], (letter,)))
                yield "axis", f"axis of a sum: it is right with the sum over {letter}", new
    if tree.kind == "reduction" and len(tree.parts) > 1:
        condition = tree.parts[1]
        if condition.detail[0] in _FLIPPED:
            turned = replace(condition, detail=(_FLIPPED[condition.detail[0]], {}))
            new = replace(tree, parts=(tree.parts[0], turned, *tree.parts[2:]))
            yield "axis", "bounds of a sum: it is right with the sum over the other side", new
    if tree.kind in {"group", "total", "quotient"}:
        for (axis, name), how in product(((0, "columns"), (1, "rows")), ("sum", "mean")):
            new = _made("call", tree, tree, detail=(how, {"axis": axis}))
            yield "broadcast sum", f"missing {how}: it is right with the {how}s of {name}", new
    if tree.kind == "call" and tree.detail[0] in _FLIPPED:
        new = replace(tree, detail=(_FLIPPED[tree.detail[0]], {}))
        yield "sign", "a comparison: it is right the other way round", new


def _letters(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Take another letter, or another entry."""
    if tree.kind == "leaf":
        for other, axes in shapes.items():
            if other != tree.detail and axes == shapes[tree.detail]:
                sentence = f"another letter: it is right with {other} in place of {tree.detail}"
                yield "letter", sentence, replace(tree, detail=other)
        if shapes[tree.detail] == 1:
            new = _made("call", tree, tree, detail=("one_hot", {}))
            yield "letter", f"class labels: it is right with one_hot({tree.detail})", new
    if tree.kind == "indexed":
        for place, index in enumerate(tree.parts[1:], start=1):
            for letter in "ijknm":
                if index.kind == "letter" and letter != index.detail:
                    changed = replace(index, detail=letter)
                    parts = (*tree.parts[:place], changed, *tree.parts[place + 1 :])
                    sentence = f"an index: it is right with {letter} in place of {index.detail}"
                    yield "index", sentence, replace(tree, parts=parts)
    if tree.kind == "delta" and not tree.parts:
        for name in (name for name, axes in shapes.items() if axes == 1):
            new = _made("call", tree, _letter(name, tree), detail=("diag", {}))
            yield "diagonal", f"diagonal: it is right with diag({name}) in place of I", new
    if tree.kind == "delta" and len(tree.parts) == 1 and tree.parts[0].kind == "number":
        for place in range(10):
            index = replace(tree.parts[0], detail=float(place))
            yield (
                "letter",
                f"another entry: it is right with δ at {place}",
                replace(tree, parts=(index,)),
            )
    if tree.kind == "number":
        for value in (1.0, 2.0, 0.5):
            if value != tree.detail:
                sentence = f"a number: it is right with {value:g} in place of {said(tree)}"
                yield "number", sentence, replace(tree, detail=value)
        for name in (name for name, axes in shapes.items() if not axes):
            sentence = f"a letter: it is right with {name} in place of {said(tree)}"
            yield "factor", sentence, _letter(name, tree)


def _less(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Leave out one term, one factor, or what is divided by."""
    if tree.kind == "total" and len(tree.parts) > 1:
        for place, part in enumerate(tree.parts):
            parts = (*tree.parts[:place], *tree.parts[place + 1 :])
            minuses = (*tree.detail[:place], *tree.detail[place + 1 :])
            new = replace(tree, parts=parts, detail=minuses)
            yield "term", f"a term too many: it is right without {said(part)}", new
    if tree.kind in _PRODUCTS:
        for gone, kept in (tree.parts, tree.parts[::-1]):
            yield "factor", f"a factor too many: it is right without {said(gone)}", kept
    if tree.kind == "product" and tree.parts[0].kind == "product":
        first, second = tree.parts[0].parts
        what = f"{said(second)} and {said(tree.parts[1])}"
        yield "factor", f"factors too many: it is right without {what}", first
    if tree.kind == "quotient":
        above, below = tree.parts
        yield "factor", f"a divisor too many: it is right without /{said(below)}", above
    if tree.kind == "call" and tree.detail[0] in {"sum", "mean"} and len(tree.parts) == 1:
        yield "axis", "a sum too many: it is right without the sum", tree.parts[0]
    if tree.kind == "reduction" and len(tree.parts) == 1:
        yield "axis", "a sum too many: it is right without the sum", tree.parts[0]
    if tree.kind == "call" and tree.detail[0] == "diag":
        yield "diagonal", "diag: it is right without diag", tree.parts[0]


def _times(tree: Form, said: _Said, shapes: Mapping[str, int]) -> Iterator[Mend]:
    """Multiply a part by what stands for a letter, or divide it."""
    what = said(tree)
    ones = Form("ones", at=tree.at, end=tree.at)
    new = _made("beside", tree, tree, _turned(ones))
    yield "product", f"kind of product: it is right with {what} 1ᵀ", new
    for name, axes in shapes.items():
        letter = _letter(name, tree)
        if axes == 2:
            for matrix, shown in ((letter, name), (_turned(letter), f"{name}ᵀ")):
                for parts, where in (((matrix, tree), "before"), ((tree, matrix), "behind")):
                    sentence = f"missing factor: it is right with {shown} {where} {what}"
                    yield "factor", sentence, _made("beside", tree, *parts)
        if axes == 1:
            for vector, shown in ((letter, name), (_turned(letter), f"{name}ᵀ")):
                sentence = f"missing factor: it is right with {shown} behind {what}"
                yield "factor", sentence, _made("beside", tree, tree, vector)
            scaled = _made("call", letter, letter, detail=("diag", {}))
            yield (
                "factor",
                f"missing factor: it is right with diag({name}) {what}",
                _made("beside", tree, scaled, tree),
            )
        yield (
            "factor",
            f"missing factor: it is right with {name} times {what}",
            _made("product", tree, tree, letter, detail="⊙"),
        )
        yield (
            "factor",
            f"missing factor: it is right with {what} divided by {name}",
            _made("quotient", tree, tree, letter),
        )
