"""How expressions are written: Unicode for a terminal, LaTeX for paper; with or without indices."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from tinygrad_edu.symbolic.algebra.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Factor,
    Label,
    Leaf,
    Opaque,
    Product,
    Quantity,
    Sum,
    distinct,
    parts,
    product,
    rename,
)
from tinygrad_edu.symbolic.notation.layout import Shown, is_short, layout

__all__ = ["Shown", "Style", "latex", "layout", "name_latex", "text"]

# How tightly a form binds: what binds less than its surroundings is put in parentheses.
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4

LARGEST = 10**15  # numbers from here on are written as powers of ten
_INDICES = "ijlmpqrstuv"
_SUBSCRIPTS = str.maketrans("aehijklmnoprstuvx0123456789", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789-/n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟⁿ")
_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
_GREEK_WORDS = """
alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega
"""
_GREEK = dict(zip(_GREEK_LETTERS, _GREEK_WORDS.split(), strict=True))


@dataclass(frozen=True)
class Style:
    """How to print: the alphabet, and whether indices are shown."""

    latex: bool = False
    indices: bool = False


# --- printing -------------------------------------------------------------------------------------


Axes = Iterable[Label | None]
Instead = Mapping[Quantity, str]
Written = tuple[str, int]  # a text, and how tightly it binds


def text(
    expr: Expr, *, indices: bool = False, axes: Axes = (), instead: Instead | None = None
) -> str:
    """Write an expression in Unicode; `axes` says which index is the row of a matrix.

    What `instead` holds for a quantity, such as its numbers, is written in place of its letter.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.algebra.expr import Quantity, power, product
    >>> a, s = Quantity("a").leaf, Quantity("s").leaf
    >>> text(product(-2, [(a, 1), (s, -1)]))
    '−2·a/s'
    """
    return _Printer(Style(False, indices), expr, axes, instead).write(layout(expr))


def latex(
    expr: Expr, *, indices: bool = False, axes: Axes = (), instead: Instead | None = None
) -> str:
    r"""Write an expression in LaTeX; `axes` says which index is the row of a matrix.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.algebra.expr import Quantity, product
    >>> a, s = Quantity("a").leaf, Quantity("σ").leaf
    >>> print(latex(product(-2, [(a, 1), (s, -1)])))
    -\frac{2 \, a}{\sigma}
    """
    return _Printer(Style(True, indices), expr, axes, instead).write(layout(expr))


class _Printer:
    """Print one expression; in index notation, bound indices get letters of their own."""

    def __init__(self, style: Style, expr: Expr, axes: Axes, instead: Instead | None) -> None:
        self.style = style
        self.instead = instead or {}
        given = [axis for axis in axes if axis is not None]
        of_a_matrix = {
            a for e in distinct(expr) if isinstance(e, Leaf | Opaque) for a in e.axes[:-1]
        }
        rows = [row for row in _rows(expr, expr.labels) if row in of_a_matrix]
        rows.sort(key=lambda row: row.order)
        self.axes = [*(a for a in rows if a not in given), *given]
        self.letters: dict[Label, str] = {}
        self._matrices: dict[tuple[Expr, tuple[Label, ...]], Written] = {}  # in both orders
        self.used: set[str] = set()  # also by a label that an inner sum binds again
        self.several = len({label for each in distinct(expr) for label in each.labels}) > 1
        if style.indices:
            for label in sorted(expr.labels, key=lambda label: label.order):
                self.letters[label] = self._letter(label, free=True)

    def _letter(self, label: Label, *, free: bool = False) -> str:
        # The free index of the classes is j, as in a_j - y_j; the one summed over is k. The
        # features are counted by i: Unicode has no small d.
        preferred = {"k": "jklm" if free else "klmj", "d": "i"}
        wanted = preferred.get(label.letter, [label.letter])
        numbered = (f"i{n}" for n in itertools.count(1))
        every = itertools.chain(wanted, _INDICES, numbered)
        found = next(c for c in every if c not in self.used)
        self.used.add(found)
        return found

    def write(self, shown: Shown, outside: int = 0) -> str:
        """Write a form, in parentheses where it binds less than what is around it."""
        return self._within(self._written(shown), outside)

    def _written(self, shown: Shown) -> Written:
        written: Written | None = None
        if shown.kind in {"product", "quotient"}:
            written = self._of_two_vectors(shown.expr)
        return written or getattr(self, "_" + shown.kind.replace(" ", "_"))(shown)

    def _within(self, written: Written, outside: int) -> str:
        text, binds = written
        if binds >= outside:
            return text
        return rf"\left({text}\right)" if self.style.latex else f"({text})"

    def _number(self, shown: Shown) -> Written:
        value: Fraction = shown.detail
        if value.denominator == 1 and value < LARGEST:
            return str(value.numerator), ATOM
        if value >= LARGEST or not is_short(value):
            return _decimal(value, self.style.latex)
        if self.style.latex:
            return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", POWER
        return f"{value.numerator}/{value.denominator}", PRODUCT

    def _leaf(self, shown: Shown) -> Written:
        leaf = shown.expr
        assert isinstance(leaf, Leaf)
        quantity = leaf.quantity
        if quantity in self.instead:
            return self.instead[quantity], ATOM
        if self.style.latex:
            name = quantity.latex or name_latex(quantity.name)
        else:
            name = " ".join(quantity.name.split())
        if leaf.axes and (self.style.indices or all(a.place is not None for a in leaf.axes)):
            return self._indexed(name, leaf.axes), ATOM
        if any(a.place is not None for a in leaf.axes):
            places = (":" if a.place is None else a.letter for a in leaf.axes)
            return f"{name}[{', '.join(places)}]", ATOM
        if len({*leaf.axes}) < len(leaf.axes):  # x_kk
            return (
                rf"\operatorname{{diag}}({name})" if self.style.latex else f"diag({name})"
            ), ATOM
        return self._transposed(name) if self._lies_across(leaf.axes) else (name, ATOM)

    def _lies_across(self, axes: tuple[Label | None, ...]) -> bool:
        """Whether the rows of a matrix are the columns of what is written."""
        return len(axes) == 2 and [a for a in self.axes if a in axes] == [*axes[::-1]]

    def _transposed(self, shown: str) -> Written:
        return (rf"{{{shown}}}^{{\top}}", POWER) if self.style.latex else (f"{shown}ᵀ", ATOM)

    def _indexed(self, name: str, axes: tuple[Label, ...]) -> str:
        return self._scripted(name, "".join(self.letters.get(a, a.letter) for a in axes))

    def _scripted(self, name: str, letters: str) -> str:
        if self.style.latex:
            return f"{{{name}}}_{{{letters}}}" if set("_^") & set(name) else f"{name}_{{{letters}}}"
        return name + _subscript(letters)

    def _dimension(self, shown: Shown) -> Written:
        assert isinstance(shown.expr, Dimension)
        return shown.expr.label.called, ATOM

    def _delta(self, shown: Shown) -> Written:
        assert isinstance(shown.expr, Delta)
        axes = shown.expr.axes
        if not self.style.indices:
            if len(shown.expr.labels) == len(axes):
                return "I", ATOM
            axes = tuple(a for a in axes if a.place is not None)  # δ₁ is 1 there, else 0
        letters = sorted((self.letters.get(a, a.letter) for a in axes), reverse=True)
        return self._scripted(r"\delta" if self.style.latex else "δ", "".join(letters)), ATOM

    def _call(self, shown: Shown) -> Written:
        expr = shown.expr
        assert isinstance(expr, Apply | Opaque)
        outer = self.style, self.axes
        whole = isinstance(expr, Opaque)  # its arguments are whole arrays
        if whole:
            self.style = Style(self.style.latex, False)
        parts = []
        for place, part in enumerate(shown.parts):
            if isinstance(expr, Opaque):
                self.axes = [axis for axis in expr.inside[place] if axis is not None]
            parts.append((self._written(part), part.kind == "sum over"))
        self.style, self.axes = outer
        written = self._filled(expr, parts)
        if isinstance(expr, Opaque) and self.style.indices:
            axes = tuple(a for a in expr.axes if a is not None)
            if axes:
                return self._indexed(self._within(written, ATOM), axes), ATOM
        elif isinstance(expr, Opaque) and self._lies_across(expr.axes):
            return self._transposed(self._within(written, ATOM))
        return written

    def _filled(self, expr: Apply | Opaque, parts: list[tuple[Written, bool]]) -> Written:
        """Fill the template of an operation; what has no brackets around it may need some."""
        op, in_latex = expr.op, self.style.latex
        template = op.tex if in_latex else op.text
        if template is None:
            name = rf"\operatorname{{{op.name}}}".replace("_", r"\_") if in_latex else op.name
            template = name.replace("{", "{{").replace("}", "}}") + "({args})"
        pieces = _template(template)
        filled = []
        for place, ((written, binds), is_sum) in enumerate(parts):
            piece = pieces.get(place)
            if piece is not None and not piece.enclosed and (piece.raised or not is_sum):
                written = self._within((written, binds), ATOM)
            if in_latex and piece is not None and piece.raised and not piece.braced:
                written = f"{{{written}}}"  # TeX refuses two superscripts on one base
            filled.append(written)
        bare = [written for (written, _), _ in parts]
        shown = template.format(*filled, args=", ".join(bare), **_attributes(expr.attributes))
        return shown, _binding(template)

    def _sum_over(self, shown: Shown) -> Written:
        labels: tuple[Label, ...] = shown.detail
        (body,) = shown.parts
        assert isinstance(shown.expr, Sum)
        if not self.style.indices and len(labels) == 1:
            matrices = self._matrix_product(labels[0], shown)
            if matrices is not None:
                return matrices, PRODUCT
        in_latex = self.style.latex
        outer, used = dict(self.letters), set(self.used)
        letters = [label.letter for label in labels]
        if self.style.indices:  # an index that is in use outside gets another letter inside
            for place, label in enumerate(labels):
                self.letters[label] = letters[place] = self._letter(label)
        under = ""
        if self.style.indices or self.several or len(labels) > 1:
            joined = "".join(letters)
            under = f"_{{{joined}}}" if in_latex else _subscript(joined)
        # In LaTeX a sum reaches over the product behind it, as on a blackboard.
        rows = _rows(shown.expr, labels)
        inside = [*rows, *self.axes, *(label for label in labels if label not in rows)]
        axes, self.axes = self.axes, inside
        written = self.write(body, PRODUCT if in_latex else ATOM)
        self.letters, self.used, self.axes = outer, used, axes
        if in_latex:
            return rf"\sum{under} {written}", PRODUCT
        gap = " " if under and not written.startswith("(") else ""
        return f"Σ{under}{gap}{written}", PRODUCT

    def _matrix_product(self, inner: Label, shown: Shown) -> str | None:
        """Write Σ_n X_nd Δ_nk as Xᵀ Δ where that is what it is."""
        assert isinstance(shown.expr, Sum)
        coefficient, factors = parts(shown.expr.body)
        outer = sorted(shown.expr.labels, key=self._place)
        if coefficient != 1 or len(outer) > 2 or not outer:
            return None
        sides: list[list[Factor]] = [[], []]
        for factor in factors:
            labels = factor[0].labels
            if not labels:
                sides[1].append(factor)
                continue
            if not labels <= {inner, *outer} or inner not in labels or len(labels) > 2:
                return None
            sides[0 if outer[0] in labels else 1].append(factor)
        if not sides[0] or all({inner, *outer[1:]} - base.labels for base, _ in sides[1]):
            return None
        left = self._matrix(product(1, sides[0]), (outer[0], inner))
        right = self._matrix(product(1, sides[1]), (inner, *outer[1:]))
        if self.style.latex:
            return rf"{left} \, {right}"
        return left + right if right.startswith("(") else f"{left} {right}"

    def _place(self, label: Label) -> tuple[int, str, int]:
        place = self.axes.index(label) if label in self.axes else len(self.axes)
        return place, *label.order

    def _matrix(self, expr: Expr, wanted: tuple[Label, ...]) -> str:
        """Write a matrix with the row and column asked for, transposed where it must be."""
        mark = r"\top" if self.style.latex else "ᵀ"
        ways = (self._turned(expr, own, wanted) for own in _orders(expr, wanted))
        return min(ways, key=lambda written: written.count(mark))

    def _turned(self, expr: Expr, own: tuple[Label, ...], wanted: tuple[Label, ...]) -> str:
        """Write a matrix in the order of its own, and transpose it if another one is wanted."""
        if (expr, own) not in self._matrices:
            outer, self.axes = self.axes, list(own)
            self._matrices[expr, own] = self._written(layout(expr))
            self.axes = outer
        shown = self._within(self._matrices[expr, own], ATOM)
        if own == wanted:
            return shown
        return self._transposed(shown)[0]

    def _of_two_vectors(self, expr: Expr | None) -> Written | None:
        """Write a_k b_j as a bᵀ, and a_k δ_kj as diag(a), where a product is no more than that."""
        if self.style.indices or not isinstance(expr, Product):
            return None
        factors = [(base, exponent, base.labels) for base, exponent in expr.factors]
        numbers = [(base, exponent) for base, exponent, labels in factors if not labels]
        vectors = [(base, exponent) for base, exponent, labels in factors if len(labels) == 1]
        deltas = [base for base, _, labels in factors if len(labels) == 2]
        if len(expr.labels) != 2 or len(numbers) + len(vectors) + len(deltas) < len(factors):
            return None
        row, column = sorted(expr.labels, key=self._place)
        left = product(1, [f for f in vectors if row in f[0].labels])
        right = product(1, [f for f in vectors if column in f[0].labels])
        if not deltas and all(exponent > 0 for _, exponent in vectors):
            sides = [self.write(layout(side), ATOM) for side in (left, right)]
            raised = rf"{{{sides[1]}}}^{{\top}}" if self.style.latex else f"{sides[1]}ᵀ"
            written = rf"{sides[0]} \, {raised}" if self.style.latex else f"{sides[0]} {raised}"
        elif len(deltas) == 1 and isinstance(deltas[0], Delta) and vectors:
            inside = rename(product(1, [(left, Fraction(1)), (right, Fraction(1))]), {column: row})
            name = r"\operatorname{diag}" if self.style.latex else "diag"
            written = f"{name}{self._within((self.write(layout(inside)), 0), ATOM)}"
        else:
            return None
        whole = Quantity(written)
        self.instead = {**self.instead, whole: written}
        scaled = product(abs(expr.coefficient), [*numbers, (whole.leaf, Fraction(1))])
        return self.write(layout(scaled), PRODUCT), PRODUCT

    def _product(self, shown: Shown, closing: int = PRODUCT) -> Written:
        last = len(shown.parts) - 1
        written = [
            self.write(part, _among(part, closing if place == last else POWER))
            for place, part in enumerate(shown.parts)
        ]
        if not self.style.latex:
            return "·".join(written), PRODUCT
        out = written[0]
        for before, after, new in zip(shown.parts, shown.parts[1:], written[1:], strict=False):
            both = all(p.expr is not None and p.expr.labels for p in (before, after))
            sign = r"\odot" if both and not self.style.indices else r"\,"
            if before.kind == "number" and after.kind == "number":
                sign = r"\cdot"
            out = f"{out} {sign} {new}"
        return out, PRODUCT

    def _quotient(self, shown: Shown) -> Written:
        top, bottom = shown.parts
        if self.style.latex:
            return rf"\frac{{{self.write(top)}}}{{{self.write(bottom)}}}", POWER
        # Nothing can follow a sum below, so it needs no parentheses.
        below = self.write(bottom, PRODUCT if bottom.kind == "sum over" else POWER)
        # log x/s could be the logarithm of x/s.
        above = self.write(top, ATOM if _ends_open(top) else PRODUCT)
        return f"{above}/{below}", PRODUCT

    def _negative(self, shown: Shown) -> Written:
        minus = "-" if self.style.latex else "−"
        return minus + self.write(shown.parts[0], PRODUCT), SUM

    def _power(self, shown: Shown) -> Written:
        base = self.write(shown.parts[0], ATOM)
        exponent: Fraction = shown.detail
        if self.style.latex:
            return f"{{{base}}}^{{{exponent}}}", POWER
        if exponent.denominator == 1:
            return base + str(exponent).translate(_SUPERSCRIPTS), POWER
        return f"{base}^({exponent})", POWER

    def _root(self, shown: Shown) -> Written:
        if self.style.latex:
            return rf"\sqrt{{{self.write(shown.parts[0])}}}", ATOM
        return f"√{self.write(shown.parts[0], ATOM)}", POWER

    def _total(self, shown: Shown) -> Written:
        minuses: tuple[bool, ...] = shown.detail
        minus = "-" if self.style.latex else "−"
        out = ""
        last = len(minuses) - 1
        for place, (negative, part) in enumerate(zip(minuses, shown.parts, strict=True)):
            if self.style.latex and not self.style.indices and place < last:
                written = self._closed(part)
            else:
                written = self.write(part, PRODUCT)
            sign = minus if negative else "+"
            out = f"{out} {sign} {written}" if place else (minus if negative else "") + written
        return out, SUM

    def _closed(self, part: Shown) -> str:
        """Write a term that others follow: a sum at its end must not seem to reach over them."""
        if part.kind == "product" and self._of_two_vectors(part.expr) is None:
            return self._product(part, ATOM if part.parts[-1].kind == "sum over" else PRODUCT)[0]
        return self.write(part, ATOM if part.kind == "sum over" else PRODUCT)


def _rows(expr: Expr, labels: Iterable[Label]) -> list[Label]:
    """Return which labels count rows: n, or else what is the first axis of matrices alone."""
    matrices = [e.axes for e in distinct(expr) if isinstance(e, Leaf | Opaque) and len(e.axes) == 2]
    first, second = ({axes[place] for axes in matrices} for place in (0, 1))
    examples = [a for a in labels if a.letter == "n" and a not in second - first]
    return examples or [a for a in labels if a in first - second]


def _among(part: Shown, binds: int) -> int:
    """Return what a factor must bind; a number before a product needs no parentheses."""
    return PRODUCT if part.kind == "number" else binds


def _ends_open(shown: Shown) -> bool:
    """Whether the last thing written is a function without brackets, such as log x."""
    if shown.kind == "product":
        return _ends_open(shown.parts[-1])
    template = shown.expr.op.text if isinstance(shown.expr, Apply | Opaque) else None
    return template is not None and _binding(template) < POWER


def _orders(expr: Expr, wanted: tuple[Label, ...]) -> tuple[tuple[Label, ...], ...]:
    """Return the orders of row and column that a matrix may be written in, the likelier first.

    A letter with both of them decides. What has none, as tanh(X W), may be transposed as a whole.
    """
    for each in distinct(expr):
        if isinstance(each, Leaf | Opaque) and set(wanted) <= set(each.axes):
            return (tuple(axis for axis in dict.fromkeys(each.axes) if axis in wanted),)
    rows = _rows(expr, wanted)
    order = (*rows, *(axis for axis in wanted if axis not in rows))
    return (order, order[::-1]) if len(order) == 2 else (order,)


# --- templates of operations ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """Where an argument stands in a template.

    It may be `enclosed`: between brackets, or between what binds no tighter than a sum; or be the
    base of a power, `raised`, which TeX may have in braces already.
    """

    enclosed: bool
    raised: bool
    braced: bool


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
        found[int(match[1])] = _Piece(closed, raised, braced)
    return found


@cache
def _binding(template: str) -> int:
    """Return how tightly a filled template binds; bare arguments at its ends may be split off."""
    if "^" in template:
        return POWER
    if not re.search(r"\{\d\}$", template):  # closed by a bracket, or by an index
        return ATOM
    return SUM if set("+-−") & set(template) else PRODUCT


def _decimal(value: Fraction, in_latex: bool) -> Written:
    """Write a number that is no short fraction with six digits."""
    shown = f"{(Decimal(value.numerator) / value.denominator).normalize():.6g}"
    digits, _, exponent = shown.partition("e")
    if not exponent:
        return digits, ATOM
    power = str(int(exponent))
    if in_latex:
        times = "" if digits == "1" else rf"{digits} \cdot "
        return rf"{times}10^{{{power}}}", PRODUCT if times else POWER
    times = "" if digits == "1" else f"{digits}·"
    return f"{times}10{power.translate(_SUPERSCRIPTS)}", PRODUCT if times else POWER


def _attributes(attributes: Mapping[str, Any]) -> dict[str, str]:
    shown = {}
    for key, value in attributes.items():
        if key == "index":
            shown[key] = ", ".join(_index_part(part) for part in value)
        else:
            shown[key] = str(value)
    return shown


def _index_part(part: Any) -> str:
    if isinstance(part, tuple):
        start, stop, step = ("" if n is None else str(n) for n in part[1:])
        return f"{start}:{stop}" + (f":{step}" if step else "")
    return "…" if part is Ellipsis else "•" if part == "array" else str(part)


def _subscript(letters: str) -> str:
    small = letters.translate(_SUBSCRIPTS)
    return small if not re.search(r"[A-Za-z]", small) else f"_{letters}"


def name_latex(name: str) -> str:
    """Write a user's name in LaTeX: z1 and W_out get an index, a word is upright."""
    if derivative := re.fullmatch("∂(.+)/∂(.+)", name):
        of, wrt = map(name_latex, derivative.groups())
        return rf"\frac{{\partial {of}}}{{\partial {wrt}}}"
    primes = len(name) - len(name.rstrip("′"))
    name = name[: len(name) - primes]
    tail = "'" * primes
    if name in _GREEK or name in _GREEK.values():
        return f"\\{_GREEK.get(name, name)}" + tail
    if len(name) == 1 and name.isalpha():
        return name + tail
    match = re.fullmatch(r"([A-Za-zα-ωΑ-Ω])_?(\d+|[A-Za-z])", name)
    if match and match[1].isalpha():
        return f"{name_latex(match[1])}_{{{match[2]}}}" + tail
    if match := re.fullmatch(r"([A-Za-zα-ωΑ-Ω])_(\w+)", name):
        return f"{name_latex(match[1])}_{{\\mathrm{{{escape_latex(match[2])}}}}}" + tail
    return rf"\mathrm{{{escape_latex(name)}}}" + tail


def escape_latex(name: str) -> str:
    """Take LaTeX's own meaning from every character of a name."""
    special = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", "\n": " "}
    plain = {c: "\\" + c for c in "{}#$%&_"}
    return "".join({**special, **plain}.get(c, c) for c in name)
