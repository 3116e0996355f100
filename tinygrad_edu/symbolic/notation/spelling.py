"""How forms are spelled: in Unicode for a terminal, in LaTeX for paper."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import NamedTuple

from tinygrad_edu import ops
from tinygrad_edu.symbolic.algebra.expr import Apply, Expr, Index, Leaf, Opaque, Quantity
from tinygrad_edu.symbolic.notation.form import Axes, Form, entries, is_short, times
from tinygrad_edu.symbolic.notation.matrices import argument, attempt
from tinygrad_edu.symbolic.notation.names import (
    escape_latex,
    name_latex,
    subscript,
    superscript,
    words_of,
)
from tinygrad_edu.symbolic.notation.shifts import Position
from tinygrad_edu.symbolic.notation.words import CALLED, LAST_AXIS, RELATIONS
from tinygrad_edu.symbolic.notation.writer import Code, Writer, places_of

__all__ = ["Speller"]

# How tightly a form binds: what binds less than its surroundings is put in parentheses.
TOTAL, SIGN, PRODUCT, BESIDE, FUNCTION, POWER, ATOM = range(1, 8)

_TEXT = {
    "negative": ("−{0:3}", SIGN),
    "quotient": ("{0:3}/{1:5}", PRODUCT),
    "transpose": ("{0:7}ᵀ", POWER),
    "root": ("√{0:7}", FUNCTION),
}
_LATEX = {
    "negative": ("-{0:3}", SIGN),
    "quotient": (r"\frac{{{0}}}{{{1}}}", POWER),
    "transpose": (r"{{{0:7}}}^{{\top}}", POWER),
    "root": (r"\sqrt{{{0}}}", ATOM),
}
#: Signs and words that LaTeX has others for.
_SIGNS = {"−": "-", "δ": r"\delta", "1": r"\mathbf{1}", "None": r"\mathrm{None}", "Σ": r"\sum"}
_SIGNS |= {"Π": r"\prod", "≤": r"\le", "≥": r"\ge", "≠": r"\ne", "ones": r"\operatorname{ones}"}
_RELATION_OF = {name: sign for sign, name in RELATIONS.items()}
_INDICES = "ijlmpqrstuv"


class Speller(Writer):
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
        super().__init__(_LATEX if latex else _TEXT, r"\left({}\right)" if latex else "({})")
        self.latex, self.indices, self.taken = latex, indices, taken
        self.instead = instead or {}
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

    def _sign(self, sign: str) -> str:
        return _SIGNS.get(sign, sign) if self.latex else sign

    def _in_brackets(self, text: str) -> Code:
        return self.said(self.brackets.format(text), ATOM)

    def _reaching(self, code: Code, reaches: bool) -> Code:
        """Say what to write where a sum would seem to reach over what follows it: (Σy) − y."""
        return code._replace(closed=self.brackets.format(code.text) if reaches else "")

    # --- what stands alone ------------------------------------------------------------------------

    def _number(self, form: Form) -> Code:
        return self.said(*_number(form.detail, self.latex))

    def _leaf(self, form: Form) -> Code:
        leaf: Leaf = form.expr
        quantity = leaf.quantity
        if quantity in self.instead:
            return self.said(self.instead[quantity], ATOM)
        if form.parts:
            return self.code(form.parts[0])
        name = " ".join(quantity.name.split())
        if self.latex:
            name = quantity.latex or name_latex(quantity.name, self.taken)
        if self.indices and leaf.axes:
            return self._scripted(name, form.detail or leaf.axes)
        return self.said(name, ATOM)

    def _at(self, array: Code, places: Iterable[str]) -> Code:
        return self.said(f"{array:{ATOM}}[{', '.join(places)}]", ATOM)

    def _entry(self, form: Form) -> Code:
        """Spell the entries of a vector or matrix at a place: z₁, Z[0, :]."""
        (array,) = form.parts
        if isinstance(array.expr, Leaf) and array.expr.quantity in self.instead:
            return self._leaf(array)  # the number of this entry
        if not form.axes:
            return self._scripted(f"{self.code(array):{ATOM}}", form.detail)
        places = (":" if a is None or a.place is None else a.letter for a in form.detail)
        return self._at(self.code(array), places)

    def _only(self, form: Form) -> Code:
        """Spell the only entry along axes of length 1: x[0, :]."""
        (array,) = form.parts
        return self._at(self.code(array), ("0" if a is None else ":" for a in array.axes))

    def _view(self, form: Form) -> Code:
        """Spell an array with axes of length 1 put between its own: x[:, None]."""
        array = self.code(form.parts[0])
        if form.parts[0].kind == "number":
            array = self._in_brackets(array.text)
        return self._at(array, (self._sign("None") if a is None else ":" for a in form.axes))

    def _scripted(self, name: str, axes: Iterable[Index | Position | None]) -> Code:
        every = [self._position(axis) for axis in axes if axis is not None]
        plain = all(map(str.isalnum, every))
        letters = ("" if plain else ", ").join(every)
        if self.latex:
            name = f"{{{name}}}" if set("_^'") & set(name) else name
            return self.said(f"{name}_{{{letters}}}", ATOM)
        small = subscript("".join(every))
        if plain or not (small[0] == "_" or any(map(str.isdigit, every))):
            return self.said(name + small, ATOM)
        return self.said(f"{name}_{{{letters}}}", ATOM)

    def _position(self, place: Index | Position) -> str:
        """Spell where along an axis an entry stands: j, 0, j+1, N−1−j."""
        if isinstance(place, Index):
            return self.letters.get(place, place.letter)
        index, sign, shift = place
        if index is None:
            return str(shift)
        letter, minus = self.letters.get(index, index.letter), self._sign("−")
        if sign > 0:
            return letter + (f"{'+' if shift > 0 else minus}{abs(shift)}" if shift else "")
        end = f"{index.called}{minus}1" if shift == index.length - 1 else str(shift)
        return f"{end}{minus}{letter}"

    def _place(self, form: Form) -> Code:
        return self.said(self._position(form.detail), ATOM)

    def _arrays(self, form: Form) -> Code:
        """Spell a number within index notation by whole arrays."""
        self.indices = False
        written = self.code(form.parts[0])
        self.indices = True
        return written

    def _dimension(self, form: Form) -> Code:
        return self.said(form.expr.index.called, ATOM)

    def _delta(self, form: Form) -> Code:
        mine = self.taken.isdisjoint({"δ", "delta"})
        if len(form.axes) == 2 and not self.indices:
            return self.said("I" if "I" not in self.taken else self._unit(form.axes[0]), ATOM)
        axes = form.expr.axes
        if self.indices:
            name = self._sign("δ") if mine else self._unit(axes[0])
            return self._scripted(name, sorted(form.detail or axes, key=self._position)[::-1])
        place = [axis for axis in axes if axis.place is not None]
        if not mine:
            return self._at(self.said(self._unit(place[0]), ATOM), [place[0].letter])
        return self._scripted(self._sign("δ"), place)

    def _unit(self, axis: Index | None) -> str:
        """Spell the unit matrix with its length, where the user has another I or δ."""
        return f"{self._function('eye')}({'1' if axis is None else axis.called})"

    def _ones(self, form: Form) -> Code:
        if form.detail != "counted":
            return self.said(self._sign("1"), ATOM)
        (axis,) = form.axes  # which nothing beside it measures
        return self.said(f"{self._sign('ones')}({'1' if axis is None else axis.called})", ATOM)

    # --- functions --------------------------------------------------------------------------------

    def _call(self, form: Form) -> Code:
        expr: Apply | Opaque = form.expr
        if expr.op is ops.xlogy:
            log = Form("call", form.parts[1:], Apply(ops.log, expr.args[1:], {}), axes=form.axes)
            return self.code(times((form.parts[0], log)))
        if not isinstance(expr, Opaque) or not self.indices:
            self.inside += isinstance(expr, Opaque)
            spelled = [self.code(part) for part in form.parts]
            self.inside -= isinstance(expr, Opaque)
            return self._filled(expr, spelled)
        inside = [self._whole(a, axes) for a, axes in zip(expr.args, expr.inside, strict=True)]
        written = self._filled(expr, inside)
        axes = form.detail or [axis for axis in expr.axes if axis is not None]
        return self._scripted(f"{written:{ATOM}}", axes) if axes else written

    def _whole(self, expr: Expr, axes: Axes) -> Code:
        """Spell a whole array within index notation, without indices where that is possible."""
        form = attempt(argument, expr, axes)
        self.indices = form is None
        self.inside += 1
        written = self.code(form or entries(expr))
        self.inside -= 1
        self.indices = True
        return written

    def _filled(self, expr: Apply | Opaque, spelled: list[Code]) -> Code:
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
        for place, code in enumerate(spelled):
            piece = pieces.get(place, _Piece(True, False, False, 0))
            outside = 0 if piece.enclosed else ATOM if piece.raised else piece.binds
            bars = f"{{{place}}}|" in template and "|" in code.text[:1] + code.text[-1:]  # no norm
            shown = self.brackets.format(code.text) if bars else f"{code:{outside}}"
            # TeX refuses two superscripts on one base.
            braces = self.latex and piece.raised and not piece.braced
            filled.append(f"{{{shown}}}" if braces else shown)
        bare = [code.text for code in spelled]
        attributes = {key: str(value) for key, value in expr.attributes.items()}
        if "index" in attributes:
            attributes["index"] = places_of(expr.attributes["index"], bare[1:], "…")
        if isinstance(expr, Opaque) and op is ops.one_hot and expr.axes[-1] is not None:
            attributes["classes"] = expr.axes[-1].called
        shown = template.format(*filled, args=", ".join(bare), **attributes)
        binds = _binding(template)
        sums = isinstance(expr, Opaque) and op in {ops.sum, ops.prod}
        reaches = sums and spelled[0].binds >= ATOM
        bare_ends = op.text is not None and _binding(op.text) == FUNCTION
        return self._reaching(self.said(shown, binds)._replace(ends_bare=bare_ends), reaches)

    def _function(self, name: str) -> str:
        """Spell the name of a function: this package's own, where the user has another."""
        name = f"tg.{name}" if name in self.taken else name
        return rf"\operatorname{{{escape_latex(name)}}}" if self.latex else name

    # --- sums and products of whole arrays --------------------------------------------------------

    def _sum_over(self, form: Form) -> Code:
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
        written = self._of_terms(under, body, "Π" if form.kind == "product over" else "Σ")
        self.letters, self.used = outer, used
        return written

    _product_over = _sum_over

    def _bound_of(self, form: Form) -> str:
        """Spell a condition under Σ, without brackets: i ≤ j."""
        left, right = map(self.code, form.parts)
        return f"{left} {self._sign(_RELATION_OF[form.expr.op.name])} {right}"

    def _sum(self, form: Form) -> Code:
        return self._of_terms("", form.parts[0])

    def _kept_sum(self, form: Form) -> Code:
        return self._of_terms(form.detail.letter, form.parts[0])

    def _of_terms(self, letters: str, body: Form, sign: str = "Σ") -> Code:
        code = self.code(body)
        written = f"{code:{ATOM}}"
        if self.latex:
            under = f"_{{{letters}}} " if letters else " "
        else:
            sign = "∑" if sign == "Σ" and "Σ" in self.taken else sign  # which are two characters
            under = f"_{{{letters}}}" if " " in letters else subscript(letters)
            under += " " if letters and not written.startswith("(") else ""
        found = self.said(f"{self._sign(sign)}{under}{written}", FUNCTION)
        # Σ(a ⊙ g) ends where its bracket does.
        return self._reaching(found._replace(ends_bare=sign == "Π"), code.binds >= ATOM)

    def _beside(self, form: Form) -> Code:
        """Spell forms side by side; of x yᵀ the last is a row, of xᵀ A y the first."""
        parts = form.parts
        if form.kind == "outer" and self.inside:  # an operation that does not say how long 1 is
            parts = tuple(replace(p, detail="counted") if p.kind == "ones" else p for p in parts)
        written = [f"{self.code(part):{POWER}}" for part in parts]
        row = {"outer": 1, "inner": 0}.get(form.kind)
        if row is not None:
            written[row] = self.words["transpose"][0].format(Code(written[row]))
        if self.latex:
            return self.said(r" \, ".join(written), BESIDE)
        return self.said(" ".join(written).replace("ᵀ (", "ᵀ("), BESIDE)

    _outer = _inner = _beside

    def _diag(self, form: Form) -> Code:
        inside = self._in_brackets(self.code(form.parts[0]).text)
        return self.said(f"{self._function('diag')}{inside}", ATOM)

    # --- entry by entry ---------------------------------------------------------------------------

    def _product(self, form: Form) -> Code:
        before = written = closed = ""
        several = sum(map(_is_array, form.parts)) > 1
        for place, part in enumerate(form.parts):
            code = self.code(part)
            binds = PRODUCT if part.kind == "number" else FUNCTION if several else BESIDE
            if place:
                before = f"{closed}{self._between(form.parts[:place], part)}"
            written = f"{before}{code:{binds}}"
            closed = before + code.closed if code.closed else written
        return code._replace(text=written, binds=PRODUCT, closed=closed if code.closed else "")

    def _between(self, left: Sequence[Form], after: Form) -> str:
        """Return the sign of a product: ⊙ between arrays, · beside a number."""
        arrays = any(map(_is_array, left)) and _is_array(after)
        if not self.latex:
            return " ⊙ " if arrays else "·"
        # x of shape (1, 1) beside a matrix would be a matrix product.
        ones = any(form.axes and not _is_array(form) for form in (*left, after))
        if left[-1].kind == after.kind == "number" or (ones and not arrays):
            return r" \cdot "
        return r" \odot " if arrays else r" \, "

    def _quotient(self, form: Form) -> Code:
        top, bottom = map(self.code, form.parts)
        if top.ends_bare and not self.latex:  # log x/s could be the logarithm of x/s
            top = self._in_brackets(top.text)
        return self.write("quotient", top, bottom)

    def _power(self, form: Form) -> Code:
        base = f"{self.code(form.parts[0]):{ATOM}}"
        exponent: Fraction = form.detail
        if self.latex:
            return self.said(f"{{{base}}}^{{{exponent}}}", POWER)
        raised = superscript(str(exponent)) if exponent.denominator == 1 else f"^({exponent})"
        return self.said(base + raised, POWER)

    def _group(self, form: Form) -> Code:
        return self._in_brackets(self.code(form.parts[0]).text)

    def _total(self, form: Form) -> Code:
        out = ""
        last = len(form.parts) - 1
        for place, (negative, part) in enumerate(zip(form.detail, form.parts, strict=True)):
            code = self.code(part)
            sign = self._sign("−") if negative else "+"
            out += f" {sign} " if place else sign if negative else ""
            closed = self.latex and place < last and code.closed
            out += closed or f"{code:{PRODUCT}}"
        return self.said(out, TOTAL)


def _is_array(form: Form) -> bool:
    """Whether a form has several entries, and is no number."""
    return any(axis is not None for axis in form.axes)


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


def _number(value: Fraction, latex: bool) -> tuple[str, int]:
    """Write a number with the digits that read back."""
    if value.denominator == 1 and value < 10**15:
        return str(value.numerator), ATOM
    if value.denominator != 1 and is_short(value):
        if latex:
            return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", POWER
        return f"{value.numerator}/{value.denominator}", PRODUCT
    exact = Decimal(value.numerator) / value.denominator
    if abs(exact.adjusted()) < 300:  # the shortest digits that a float reads back
        exact = Decimal(repr(float(value)))
    digits, _, exponent = f"{exact.normalize():g}".replace("E", "e").partition("e")
    if not exponent:
        return digits, ATOM
    power = str(int(exponent))
    times = "" if digits == "1" else (rf"{digits} \cdot " if latex else f"{digits}·")
    raised = f"^{{{power}}}" if latex else superscript(power)
    return f"{times}10{raised}", PRODUCT if times else POWER


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
