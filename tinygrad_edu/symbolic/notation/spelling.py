"""How forms are spelled: in Unicode for a terminal, in LaTeX for paper."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Index,
    Leaf,
    Opaque,
    Quantity,
)
from tinygrad_edu.symbolic.notation.form import Axes, Form, entries, is_short, times
from tinygrad_edu.symbolic.notation.matrices import Matrices
from tinygrad_edu.symbolic.notation.names import (
    escape_latex,
    name_latex,
    subscript,
    superscript,
    words_of,
)
from tinygrad_edu.symbolic.notation.shifts import Position
from tinygrad_edu.symbolic.notation.words import CALLED, LAST_AXIS

__all__ = ["Speller"]

# How tightly a form binds: what binds less than its surroundings is put in parentheses.
TOTAL, SIGN, PRODUCT, BESIDE, FUNCTION, POWER, ATOM = range(1, 8)

_INDICES = "ijlmpqrstuv"


class Written(NamedTuple):
    """A text, and how tightly it binds."""

    text: str
    binds: int


class Speller:
    """Spell one formula, as text or in LaTeX.

    With `indices`, every letter shows which entry is meant: free indices get the letters of their
    axes, and bound ones letters of their own. What the user has `taken` as a name means that, and
    nothing else is written so: beside a user's e, what exp computes is exp(z).
    """

    def __init__(
        self,
        *,
        latex: bool,
        indices: bool = False,
        free: Iterable[Index] = (),
        instead: Mapping[Quantity, str] | None = None,
        taken: frozenset[str] = frozenset(),
    ) -> None:
        self.latex, self.indices, self.taken = latex, indices, taken
        self.instead = instead or {}
        self.minus = "-" if latex else "−"
        self._bound: dict[tuple[int, bool], tuple[Form, int]] = {}  # a form, and how tight it is
        self.inside = 0  # of how many operations on whole arrays
        self.letters: dict[Index, str] = {}
        self.used: set[str] = set()  # also by an index that an inner sum binds again
        self.counters: list[tuple[str, Index]] = []  # every index that was given a letter
        for index in sorted(free, key=lambda index: index.order):
            self.letters[index] = self._index(index, free=True)

    def _index(self, index: Index, *, free: bool = False) -> str:
        # The free index of the classes is j, as in a_j - y_j; the one summed over is k. The
        # features are counted by i: Unicode has no small d.
        preferred = {"k": "jklm" if free else "klmj", "d": "i"}
        wanted = preferred.get(index.letter, [index.letter])
        numbered = (f"i{n}" for n in itertools.count(1))
        found = next(c for c in itertools.chain(wanted, _INDICES, numbered) if c not in self.used)
        self.used.add(found)
        self.counters.append((found, index))
        return found

    def spell(self, form: Form, outside: int = 0) -> str:
        """Spell a form, in parentheses where it binds less than what is around it."""
        return self._within(self._spelled(form), outside)

    def _spelled(self, form: Form) -> Written:
        found: Written = getattr(self, "_" + form.kind.replace(" ", "_"))(form)
        return found

    def _within(self, written: Written, outside: int) -> str:
        if written.binds >= outside:
            return written.text
        return rf"\left({written.text}\right)" if self.latex else f"({written.text})"

    # --- what stands alone ------------------------------------------------------------------------

    def _number(self, form: Form) -> Written:
        return _number(form.detail, self.latex)

    def _leaf(self, form: Form) -> Written:
        leaf = form.expr
        assert isinstance(leaf, Leaf)
        quantity = leaf.quantity
        if quantity in self.instead:
            return Written(self.instead[quantity], ATOM)
        if form.parts:
            return self._spelled(form.parts[0])
        if self.latex:
            name = quantity.latex or name_latex(quantity.name, self.taken)
        else:
            name = " ".join(quantity.name.split())
        if self.indices and leaf.axes:
            return Written(self._scripted(name, form.detail or leaf.axes), ATOM)
        return Written(name, ATOM)

    def _entry(self, form: Form) -> Written:
        """Spell the entries of a vector or matrix at a place: z₁, Z[0, :]."""
        (array,) = form.parts
        if isinstance(array.expr, Leaf) and array.expr.quantity in self.instead:
            return self._leaf(array)  # the number of this entry
        whole = self.spell(array, ATOM)
        if not form.axes:
            return Written(self._scripted(whole, form.detail), ATOM)
        places = ", ".join(":" if a is None or a.place is None else a.letter for a in form.detail)
        return Written(f"{whole}[{places}]", ATOM)

    def _only(self, form: Form) -> Written:
        """Spell the only entry along axes of length 1: x[0, :]."""
        (array,) = form.parts
        places = ", ".join("0" if axis is None else ":" for axis in array.axes)
        return Written(f"{self.spell(array, ATOM)}[{places}]", ATOM)

    def _view(self, form: Form) -> Written:
        """Spell an array with axes of length 1 put between its own: x[:, None]."""
        none = r"\mathrm{None}" if self.latex else "None"
        places = ", ".join(none if axis is None else ":" for axis in form.axes)
        written = self._spelled(form.parts[0])
        number = form.parts[0].kind == "number"
        whole = self._within(written._replace(binds=0) if number else written, ATOM)
        return Written(f"{whole}[{places}]", ATOM)

    def _scripted(self, name: str, axes: Iterable[Index | Position | None]) -> str:
        every = [self._position(axis) for axis in axes if axis is not None]
        plain = all(map(str.isalnum, every))
        letters = ("" if plain else ", ").join(every)
        if self.latex:
            return (
                f"{{{name}}}_{{{letters}}}" if set("_^'") & set(name) else f"{name}_{{{letters}}}"
            )
        small = subscript("".join(every))
        if plain or not (small[0] == "_" or any(map(str.isdigit, every))):
            return name + small
        return f"{name}_{{{letters}}}"

    def _position(self, place: Index | Position) -> str:
        """Spell where along an axis an entry stands: j, 0, j+1, N−1−j."""
        if isinstance(place, Index):
            return self.letters.get(place, place.letter)
        index, sign, shift = place
        if index is None:
            return str(shift)
        letter = self.letters.get(index, index.letter)
        if sign > 0:
            return letter + (f"{'+' if shift > 0 else self.minus}{abs(shift)}" if shift else "")
        if shift == index.length - 1:
            return f"{self._dimension_of(index)}{self.minus}1{self.minus}{letter}"
        return f"{shift}{self.minus}{letter}"

    def _place(self, form: Form) -> Written:
        return Written(self._position(form.detail), ATOM)

    def _arrays(self, form: Form) -> Written:
        """Spell a number within index notation by whole arrays."""
        self.indices = False
        written = self._spelled(form.parts[0])
        self.indices = True
        return written

    def _dimension(self, form: Form) -> Written:
        assert isinstance(form.expr, Dimension)
        return Written(self._dimension_of(form.expr.index), ATOM)

    def _dimension_of(self, index: Index) -> str:
        return index.called

    def _delta(self, form: Form) -> Written:
        mine = self.taken.isdisjoint({"δ", "delta"})
        symbol = r"\delta" if self.latex else "δ"
        if len(form.axes) == 2 and not self.indices:
            return Written("I" if "I" not in self.taken else self._unit(form.axes[0]), ATOM)
        delta = form.expr
        assert isinstance(delta, Delta)
        if self.indices:
            name = symbol if mine else self._unit(delta.axes[0])
            axes = sorted(form.detail or delta.axes, key=self._position, reverse=True)
            return Written(self._scripted(name, axes), ATOM)
        place = [axis for axis in delta.axes if axis.place is not None]
        if not mine:
            return Written(f"{self._unit(place[0])}[{place[0].letter}]", ATOM)
        return Written(self._scripted(symbol, place), ATOM)

    def _unit(self, axis: Index | None) -> str:
        """Spell the unit matrix with its length, where the user has another I or δ."""
        length = "1" if axis is None else self._dimension_of(axis)
        return f"{self._function('eye')}({length})"

    def _ones(self, form: Form) -> Written:
        if form.detail == "counted":  # which nothing beside it measures
            (axis,) = form.axes
            name = r"\operatorname{ones}" if self.latex else "ones"
            return Written(f"{name}({'1' if axis is None else self._dimension_of(axis)})", ATOM)
        return Written(r"\mathbf{1}" if self.latex else "1", ATOM)

    # --- functions --------------------------------------------------------------------------------

    def _call(self, form: Form) -> Written:
        expr = form.expr
        assert isinstance(expr, Apply | Opaque)
        if expr.op is ops.xlogy:
            log = Form("call", form.parts[1:], Apply(ops.log, expr.args[1:], {}), axes=form.axes)
            return self._spelled(times((form.parts[0], log)))
        if not isinstance(expr, Opaque) or not self.indices:
            self.inside += isinstance(expr, Opaque)
            spelled = [self._spelled(part) for part in form.parts]
            self.inside -= isinstance(expr, Opaque)
            return self._filled(expr, spelled)
        inside = [self._whole(a, axes) for a, axes in zip(expr.args, expr.inside, strict=True)]
        written = self._filled(expr, inside)
        axes = form.detail or [axis for axis in expr.axes if axis is not None]
        return Written(self._scripted(self._within(written, ATOM), axes), ATOM) if axes else written

    def _whole(self, expr: Expr, axes: Axes) -> Written:
        """Spell a whole array within index notation, without indices where that is possible."""
        form = Matrices().argument(expr, axes)
        self.indices = form is None
        self.inside += 1
        written = self._spelled(form or entries(expr))
        self.inside -= 1
        self.indices = True
        return written

    def _filled(self, expr: Apply | Opaque, spelled: list[Written]) -> Written:
        """Fill the template of an operation; what has no brackets around it may need some."""
        op = expr.op
        template = op.tex if self.latex else op.text
        more = _options_of(expr) if isinstance(expr, Opaque) else ""
        joined = op.name in {"concatenate", "stack"}
        hides = isinstance(expr, Apply) and template and f"{{{len(spelled) - 1}}}" not in template
        taken = template is not None and not words_of(template).isdisjoint(self.taken)
        if more and template and any(f"{{{key}}}" in template for key in expr.attributes):
            template = template.removesuffix(")") + f"{more})"  # rank(x, left, axis=1)
        elif template is None or more or joined or hides or taken:
            name = self._function(CALLED.get(op.name, op.name))
            inside = "[{args}]" if joined else "{args}"
            template = name.replace("{", "{{").replace("}", "}}") + f"({inside}{more})"
        pieces = _template(template)
        filled = []
        for place, written in enumerate(spelled):
            piece = pieces.get(place)
            shown = written.text
            if piece is not None and not piece.enclosed:
                shown = self._within(written, ATOM if piece.raised else piece.binds)
            if self.latex and piece is not None and piece.raised and not piece.braced:
                shown = f"{{{shown}}}"  # TeX refuses two superscripts on one base
            filled.append(shown)
        bare = ", ".join(written.text for written in spelled)
        attributes = _attributes(expr.attributes, [written.text for written in spelled[1:]])
        if isinstance(expr, Opaque) and op is ops.one_hot and expr.axes[-1] is not None:
            attributes["classes"] = self._dimension_of(expr.axes[-1])
        shown = template.format(*filled, args=bare, **attributes)
        return Written(shown, _binding(template))

    def _function(self, name: str) -> str:
        """Spell the name of a function: this package's own, where the user has another."""
        name = f"tg.{name}" if name in self.taken else name
        return rf"\operatorname{{{escape_latex(name)}}}" if self.latex else name

    # --- sums and products of whole arrays --------------------------------------------------------

    def _sum_over(self, form: Form) -> Written:
        """Spell Σₖ of one entry; an index that is in use outside gets another letter inside."""
        indices: tuple[Index, ...] = form.detail
        outer, used = dict(self.letters), set(self.used)
        for index in indices:
            self.letters[index] = self._index(index)
        body, *bounds = form.parts
        letters = [self.letters[index] for index in indices]
        bounded = [self._bound_of(bound) for bound in bounds]
        free = [each for each in letters if not any(b.startswith(f"{each} ") for b in bounded)]
        under = ", ".join([*free, *bounded]) if bounds else "".join(letters)
        written = self._of_terms(under, body, product=form.kind == "product over")
        self.letters, self.used = outer, used
        return written

    _product_over = _sum_over

    def _bound_of(self, form: Form) -> str:
        """Spell a condition under Σ, without brackets: i ≤ j."""
        assert isinstance(form.expr, Apply)
        left, right = (self.spell(part) for part in form.parts)
        text, tex = _RELATION_OF[form.expr.op]
        return f"{left} {tex if self.latex else text} {right}"

    def _sum(self, form: Form) -> Written:
        return self._of_terms("", form.parts[0])

    def _kept_sum(self, form: Form) -> Written:
        return self._of_terms(form.detail.letter, form.parts[0])

    def _of_terms(self, letters: str, body: Form, *, product: bool = False) -> Written:
        written = self.spell(body, ATOM)
        if self.latex:
            under = f"_{{{letters}}}" if letters else ""
            return Written(rf"\{'prod' if product else 'sum'}{under} {written}", FUNCTION)
        gap = " " if letters and not written.startswith("(") else ""
        sign = "Π" if product else "∑" if "Σ" in self.taken else "Σ"  # which are two characters
        under = f"_{{{letters}}}" if " " in letters else subscript(letters)
        return Written(f"{sign}{under}{gap}{written}", FUNCTION)

    def _beside(self, form: Form) -> Written:
        written = [self.spell(part, POWER) for part in form.parts]
        return Written(self._row(written), BESIDE)

    def _outer(self, form: Form) -> Written:
        parts = form.parts
        if self.inside:  # an operation on whole arrays, which does not say how long 1 is
            parts = tuple(replace(p, detail="counted") if p.kind == "ones" else p for p in parts)
        left, right = (self.spell(part, POWER) for part in parts)
        return Written(self._row([left, self._turned(right)]), BESIDE)

    def _inner(self, form: Form) -> Written:
        left, *right = (self.spell(part, POWER) for part in (form.parts[0], *self._chain(form)))
        return Written(self._row([self._turned(left), *right]), BESIDE)

    def _chain(self, form: Form) -> tuple[Form, ...]:
        right = form.parts[1]
        return right.parts if right.kind == "beside" else (right,)

    def _row(self, written: list[str]) -> str:
        if self.latex:
            return r" \, ".join(written)
        out = written[0]
        for each in written[1:]:
            out += each if each.startswith("(") and out.endswith("ᵀ") else f" {each}"
        return out

    def _transpose(self, form: Form) -> Written:
        return Written(self._turned(self.spell(form.parts[0], ATOM)), POWER)

    def _turned(self, written: str) -> str:
        return rf"{{{written}}}^{{\top}}" if self.latex else f"{written}ᵀ"

    def _diag(self, form: Form) -> Written:
        return Written(
            self._function("diag") + self._within(Written(self.spell(form.parts[0]), 0), ATOM), ATOM
        )

    # --- entry by entry ---------------------------------------------------------------------------

    def _product(self, form: Form) -> Written:
        out = ""
        several = sum(map(_is_array, form.parts)) > 1
        last = len(form.parts) - 1
        for place, part in enumerate(form.parts):
            if place < last:
                part = self._closed(part)
            binds = PRODUCT if part.kind == "number" else FUNCTION if several else BESIDE
            if place:
                out += self._between(form.parts[place - 1], part, form.parts[:place])
            out += self.spell(part, binds)
        return Written(out, PRODUCT)

    def _between(self, before: Form, after: Form, left: tuple[Form, ...]) -> str:
        """Return the sign of a product: ⊙ between arrays, · beside a number."""
        arrays = any(map(_is_array, left)) and _is_array(after)
        if not self.latex:
            return " ⊙ " if arrays else "·"
        # x of shape (1, 1) beside a matrix would be a matrix product.
        ones = any(form.axes and not _is_array(form) for form in (*left, after))
        if before.kind == after.kind == "number" or (ones and not arrays):
            return r" \cdot "
        return r" \odot " if arrays else r" \, "

    def _quotient(self, form: Form) -> Written:
        top, bottom = form.parts
        if self.latex:
            return Written(rf"\frac{{{self.spell(top)}}}{{{self.spell(bottom)}}}", POWER)
        if top.kind == "product over":
            top = self._closed(top)
        # log x/s could be the logarithm of x/s.
        above = self.spell(top, ATOM if _ends_open(top) else PRODUCT)
        return Written(f"{above}/{self.spell(bottom, FUNCTION)}", PRODUCT)

    def _negative(self, form: Form) -> Written:
        return Written(self.minus + self.spell(form.parts[0], PRODUCT), SIGN)

    def _power(self, form: Form) -> Written:
        base = self.spell(form.parts[0], ATOM)
        exponent: Fraction = form.detail
        if self.latex:
            return Written(f"{{{base}}}^{{{exponent}}}", POWER)
        if exponent.denominator == 1:
            return Written(base + superscript(str(exponent)), POWER)
        return Written(f"{base}^({exponent})", POWER)

    def _root(self, form: Form) -> Written:
        if self.latex:
            return Written(rf"\sqrt{{{self.spell(form.parts[0])}}}", ATOM)
        return Written(f"√{self.spell(form.parts[0], ATOM)}", FUNCTION)

    def _closed(self, form: Form) -> Form:
        """Put a sum in parentheses, if it would seem to reach over what follows it: Σy − y."""
        if form.kind == "leaf" and form.parts:
            return self._closed(form.parts[0])
        whole = form.expr.op if form.kind == "call" and isinstance(form.expr, Opaque) else None
        if form.kind in {"sum", "kept sum", "sum over", "product over"} or whole in {
            ops.sum,
            ops.prod,
        }:
            if self._binds(form.parts[0]) < ATOM:  # Σ(a ⊙ g) ends where its bracket does
                return form
            return Form("group", (form,), form.expr, axes=form.axes)
        if form.kind == "product":
            parts = (*form.parts[:-1], self._closed(form.parts[-1]))
            return Form("product", parts, form.expr, axes=form.axes)
        return form

    def _binds(self, form: Form) -> int:
        """Return how tightly a form binds, spelled once: sums within sums would double the work."""
        key = id(form), self.indices
        if key not in self._bound:
            self._bound[key] = form, self._spelled(form).binds
        return self._bound[key][1]

    def _group(self, form: Form) -> Written:
        return Written(self._within(Written(self.spell(form.parts[0]), 0), ATOM), ATOM)

    def _total(self, form: Form) -> Written:
        out = ""
        last = len(form.parts) - 1
        for place, (negative, part) in enumerate(zip(form.detail, form.parts, strict=True)):
            closed = self._closed(part) if self.latex and place < last else part
            written = self.spell(closed, PRODUCT)
            sign = self.minus if negative else "+"
            out += f" {sign} {written}" if place else (self.minus if negative else "") + written
        return Written(out, TOTAL)


def _is_array(form: Form) -> bool:
    """Whether a form has several entries, and is no number."""
    return any(axis is not None for axis in form.axes)


def _ends_open(form: Form) -> bool:
    """Whether the last thing written is a function without brackets, such as log x."""
    if form.kind == "product":
        return _ends_open(form.parts[-1])
    template = form.expr.op.text if isinstance(form.expr, Apply | Opaque) else None
    return form.kind == "call" and template is not None and _binding(template) == FUNCTION


#: How a comparison is written under Σ, as text and in LaTeX.
_RELATION_OF = {
    ops.less_equal: ("≤", r"\le"),
    ops.greater_equal: ("≥", r"\ge"),
    ops.not_equal: ("≠", r"\ne"),
}


# --- templates of operations ----------------------------------------------------------------------


class _Piece(NamedTuple):
    """Where an argument stands in a template.

    It may be `enclosed`: between brackets, or between what binds no tighter than a sum; or be the
    base of a power, `raised`, which TeX may have in braces already. Elsewhere it must bind as
    tightly as `binds` says.
    """

    enclosed: bool
    raised: bool
    braced: bool
    binds: int


#: What an argument may follow, and what may follow it, so that it needs no parentheses.
_RELATIONS = ("=", "≠", "<", "≤", ">", "≥", r"\ne", r"\le", r"\ge")
_BEFORE = ("(", "|", "‖", "{", ",", "&", r"\\", "[", r"\begin{cases}", *_RELATIONS)
_AFTER = (")", "|", "‖", "}", ",", "&", r"\\", r"\right", "]", *_RELATIONS)


@cache
def _template(template: str) -> dict[int, _Piece]:
    found = {}
    for match in re.finditer(r"\{(\d)\}", template):
        before = template[: match.start()].replace("{{", "{").replace("}}", "}").rstrip()
        after = template[match.end() :].replace("}}", "}").lstrip()
        braced = before.endswith("{") and after.startswith(("}^", "}_"))  # which nobody sees
        raised = braced or after.startswith(("^", "_"))
        closed = not raised and before.endswith(_BEFORE) and after.startswith(_AFTER)
        prefix = template.endswith(match[0]) and _binding(template) == FUNCTION  # log Σ e
        found[int(match[1])] = _Piece(closed, raised, braced, FUNCTION if prefix else ATOM)
    return found


@cache
def _binding(template: str) -> int:
    """Return how tightly a filled template binds; bare arguments at its ends may be split off."""
    if "^" in template:
        return POWER
    if not re.search(r"\{\d\}$", template):  # closed by a bracket, or by an index
        return ATOM
    if set("+-−") & set(template):
        return TOTAL
    return FUNCTION if re.match(r"^[^{]*[^{\s][^{]*\{0\}$", template) else PRODUCT


def _number(value: Fraction, latex: bool) -> Written:
    """Write a number with the digits that read back."""
    if value.denominator == 1 and value < 10**15:
        return Written(str(value.numerator), ATOM)
    if value.denominator != 1 and is_short(value):
        if latex:
            return Written(rf"\frac{{{value.numerator}}}{{{value.denominator}}}", POWER)
        return Written(f"{value.numerator}/{value.denominator}", PRODUCT)
    exact = Decimal(value.numerator) / value.denominator
    if abs(exact.adjusted()) < 300:  # the shortest digits that a float reads back
        exact = Decimal(repr(float(value)))
    digits, _, exponent = f"{exact.normalize():g}".replace("E", "e").partition("e")
    if not exponent:
        return Written(digits, ATOM)
    power = str(int(exponent))
    times = "" if digits == "1" else (rf"{digits} \cdot " if latex else f"{digits}·")
    raised = f"^{{{power}}}" if latex else superscript(power)
    return Written(f"{times}10{raised}", PRODUCT if times else POWER)


def _options_of(expr: Opaque) -> str:
    """Say along which axis an operation goes, and to which shape, where that is not understood."""
    if expr.op is ops.reshape:
        return f", {expr.attributes['shape']}"
    kept = ", keepdims=True" if expr.attributes.get("keepdims") else ""
    axis = expr.attributes.get("axis")
    several = len(expr.inside[0]) if expr.inside else 0
    ddof = f", ddof={n}" if (n := expr.attributes.get("ddof")) else ""
    if axis is None or not several:
        return ddof
    places = {place % several for place in ([axis] if isinstance(axis, int) else axis)}
    meant = {several - 1} if expr.op.name in LAST_AXIS else set(range(several))
    if places == meant:  # of all axes, what is kept counts as a number
        return (kept if len(meant) < several else "") + ddof
    return f", axis={axis}{kept}{ddof}"


def _attributes(attributes: Mapping[str, Any], arrays: Iterable[str]) -> dict[str, str]:
    """Write attributes; an index that is an array is one of the arguments."""
    shown, remaining = {}, iter(arrays)
    for key, value in attributes.items():
        if key == "index":
            shown[key] = ", ".join(
                next(remaining) if part == "array" else _index_part(part) for part in value
            )
        else:
            shown[key] = str(value)
    return shown


def _index_part(part: Any) -> str:
    if isinstance(part, tuple):
        start, stop, step = ("" if n is None else str(n) for n in part[1:])
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "…" if part is Ellipsis else str(part)
