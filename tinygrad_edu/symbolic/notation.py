"""How expressions are written: Unicode for a terminal, LaTeX for paper; with or without indices.

An expression is first laid out as a reader would say it (a quotient, a difference, a sum over k)
and then printed; the printers share that one layout, so they cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tinygrad_edu.symbolic.expr import (
    Apply,
    Delta,
    Dimension,
    Expr,
    Factor,
    Label,
    Leaf,
    Number,
    Opaque,
    Product,
    Sum,
    Total,
    parts,
    power,
    product,
)

__all__ = ["Shown", "Style", "latex", "layout", "name_latex", "text"]

# How tightly a form binds: what binds less than its surroundings is put in parentheses.
SUM, PRODUCT, POWER, ATOM = 1, 2, 3, 4

_SUBSCRIPTS = str.maketrans("aehijklmnoprstuvx0123456789", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉")
_SUPERSCRIPTS = str.maketrans("0123456789-/n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᐟⁿ")
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ",
        "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma "
        "tau upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega".split(),
        strict=True,
    )
)


@dataclass(frozen=True)
class Style:
    """How to print: the alphabet, and whether indices are shown."""

    latex: bool = False
    indices: bool = False


@dataclass(frozen=True)
class Shown:
    """One form of the layout: what it is, of which parts, and which expression it shows."""

    kind: str
    parts: tuple[Shown, ...] = ()
    expr: Expr | None = None
    detail: Any = None


# --- layout ---------------------------------------------------------------------------------------


def layout(expr: Expr) -> Shown:
    """Lay an expression out as forms: numbers, letters, calls, products, quotients, sums."""
    if isinstance(expr, Number):
        return _number(expr.value, expr)
    if isinstance(expr, Leaf):
        return Shown("leaf", (), expr)
    if isinstance(expr, Dimension):
        return Shown("dimension", (), expr)
    if isinstance(expr, Delta):
        return Shown("delta", (), expr)
    if isinstance(expr, Apply | Opaque):
        return Shown("call", tuple(layout(a) for a in expr.args), expr)
    if isinstance(expr, Sum):
        labels, body = [expr.label], expr.body
        while isinstance(body, Sum):
            labels.append(body.label)
            body = body.body
        return Shown("sum over", (layout(body),), expr, tuple(labels))
    if isinstance(expr, Product):
        return _product(expr)
    assert isinstance(expr, Total)
    signed = []
    for term in expr.terms:
        coefficient, factors = parts(term)
        minus = coefficient < 0
        signed.append((minus, layout(product(-coefficient, factors) if minus else term)))
    if all(minus for minus, _ in signed):
        inner = Shown("total", tuple(s for _, s in signed), expr, (False,) * len(signed))
        return Shown("negative", (inner,), expr)
    return Shown("total", tuple(s for _, s in signed), expr, tuple(minus for minus, _ in signed))


def _number(value: Fraction, expr: Expr | None = None) -> Shown:
    if value < 0:
        return Shown("negative", (_number(-value),), expr)
    return Shown("number", (), expr, value)


def _product(expr: Product) -> Shown:
    above: list[Shown] = []
    below: list[Shown] = []
    coefficient = abs(expr.coefficient)
    numerator, denominator = coefficient.numerator, coefficient.denominator
    if not _short(coefficient):
        numerator, denominator = 1, 1
        above.append(_number(coefficient))
    if numerator != 1:
        above.append(_number(Fraction(numerator)))
    if denominator != 1:
        below.append(_number(Fraction(denominator)))
    for base, exponent in expr.factors:
        side = above if exponent > 0 else below
        side.append(_power(base, abs(exponent)))
    shown = _times(above)
    if below:
        shown = Shown("quotient", (shown, _times(below)), expr)
    elif shown.kind == "product":
        shown = Shown("product", shown.parts, expr)
    return Shown("negative", (shown,), expr) if expr.coefficient < 0 else shown


def _short(value: Fraction) -> bool:
    """Whether a number reads better as a fraction than as a decimal."""
    return value.denominator <= 1000 and value.denominator & (value.denominator - 1) == 0 or (
        value.denominator <= 12
    )


def _times(factors: list[Shown]) -> Shown:
    if not factors:
        return _number(Fraction(1))
    return factors[0] if len(factors) == 1 else Shown("product", tuple(factors))


def _power(base: Expr, exponent: Fraction) -> Shown:
    inner = layout(base)
    if exponent == 1:
        return inner
    whole = power(base, exponent)
    if exponent == Fraction(1, 2):
        return Shown("root", (inner,), whole)
    return Shown("power", (inner,), whole, exponent)


# --- printing -------------------------------------------------------------------------------------


Axes = Iterable[Label | None]


def text(expr: Expr, *, indices: bool = False, axes: Axes = ()) -> str:
    """Write an expression in Unicode; `axes` says which index is the row of a matrix."""
    return _Printer(Style(False, indices), expr, axes).write(layout(expr), 0)


def latex(expr: Expr, *, indices: bool = False, axes: Axes = ()) -> str:
    """Write an expression in LaTeX; `axes` says which index is the row of a matrix."""
    return _Printer(Style(True, indices), expr, axes).write(layout(expr), 0)


class _Printer:
    """Print one expression; in index notation, bound indices get letters of their own."""

    def __init__(self, style: Style, expr: Expr, axes: Axes) -> None:
        self.style = style
        self.axes = [axis for axis in axes if axis is not None]
        self.letters: dict[Label, str] = {}
        self.several = len({label for each in expr.walk() for label in each.labels}) > 1
        if style.indices:
            for label in sorted(expr.labels, key=lambda label: label.letter):
                self.letters[label] = self._letter(label, free=True)

    def _letter(self, label: Label, *, free: bool = False) -> str:
        # The free index of the classes is j, as in a_j - y_j; the one summed over is k.
        wanted = ["j", "k", "l", "m"] if label.range.letter == "k" else [label.range.letter]
        if label.range.letter == "k" and not free:
            wanted = ["k", "l", "m", "j"]
        used = set(self.letters.values())
        spare = (*wanted, *"ijlmpqrstuv")
        return next(letter for letter in spare if letter not in used)

    def write(self, shown: Shown, outside: int) -> str:
        written, binds = getattr(self, "_" + shown.kind.replace(" ", "_"))(shown)
        if binds < outside:
            return rf"\left({written}\right)" if self.style.latex else f"({written})"
        return str(written)

    def _number(self, shown: Shown) -> tuple[str, int]:
        value: Fraction = shown.detail
        if value.denominator == 1:
            return str(value.numerator), ATOM
        if not _short(value):
            return f"{float(value):.6g}", ATOM
        if self.style.latex:
            return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", ATOM
        return f"{value.numerator}/{value.denominator}", PRODUCT

    def _leaf(self, shown: Shown) -> tuple[str, int]:
        leaf = shown.expr
        assert isinstance(leaf, Leaf)
        quantity = leaf.quantity
        name = (quantity.latex or name_latex(quantity.name)) if self.style.latex else quantity.name
        if not self.style.indices or not leaf.axes:
            return name, ATOM
        return self._indexed(name, leaf.axes), ATOM

    def _indexed(self, name: str, axes: tuple[Label, ...]) -> str:
        letters = "".join(self.letters.get(a, a.letter) for a in axes)
        if self.style.latex:
            if "_" in name or "^" in name:
                name = f"{{{name}}}"
            return f"{name}_{{{letters}}}"
        return name + _subscript(letters)

    def _dimension(self, shown: Shown) -> tuple[str, int]:
        assert isinstance(shown.expr, Dimension)
        return shown.expr.label.letter.upper(), ATOM

    def _delta(self, shown: Shown) -> tuple[str, int]:
        assert isinstance(shown.expr, Delta)
        axes = tuple(sorted(shown.expr.axes, key=lambda a: self.letters.get(a, a.letter)))
        name = r"\delta" if self.style.latex else "δ"
        if not self.style.indices:
            return ("I", ATOM)
        return self._indexed(name, axes[::-1]), ATOM

    def _call(self, shown: Shown) -> tuple[str, int]:
        expr = shown.expr
        assert isinstance(expr, Apply | Opaque)
        op, style = expr.op, self.style
        template = op.tex if style.latex else op.text
        if template is None:
            name = rf"\operatorname{{{op.name}}}" if style.latex else op.name
            name = name.replace("_", r"\_") if style.latex else name
            template = name.replace("{", "{{").replace("}", "}}") + "({args})"
        outer = self.style
        if isinstance(expr, Opaque):  # its arguments are whole arrays
            self.style = Style(style.latex, False)
        bare = [self.write(part, 0) for part in shown.parts]
        inner = template if style.latex else template.replace("\\", "")
        delimited = _delimited(template, style.latex)
        written = [
            b if i in delimited or part.kind == "sum over" else self.write(part, ATOM)
            for i, (b, part) in enumerate(zip(bare, shown.parts, strict=True))
        ]
        self.style = outer
        filled = inner.format(*written, args=", ".join(bare), **_shown_attributes(expr.attributes))
        binds = ATOM if not template.startswith(("{0}", r"\log {0}", "log {0}")) else PRODUCT
        if isinstance(expr, Opaque) and style.indices:
            axes = tuple(a for a in expr.axes if a is not None)
            return (self._indexed(filled, axes) if axes else filled), ATOM
        return filled, binds

    def _sum_over(self, shown: Shown) -> tuple[str, int]:
        labels: tuple[Label, ...] = shown.detail
        (body,) = shown.parts
        if not self.style.indices and len(labels) == 1:
            matrices = self._matrix_product(labels[0], shown)
            if matrices is not None:
                return matrices, PRODUCT
        sigma = r"\sum" if self.style.latex else "Σ"
        outer = dict(self.letters)
        if self.style.indices:  # an index that is in use outside gets another letter inside
            for label in labels:
                self.letters[label] = self._letter(label)
        under = ""
        if self.style.indices or self.several:
            letters = "".join(self.letters.get(a, a.letter) for a in labels)
            under = f"_{{{letters}}}" if self.style.latex else _subscript(letters)
        written = self.write(body, ATOM)
        self.letters = outer
        gap = " " if self.style.latex or (under and not written.startswith("(")) else ""
        return f"{sigma}{under}{gap}{written}", PRODUCT

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
        bare = not right.startswith("(")
        if self.style.latex:
            return rf"{left} \, {right}"
        return f"{left} {right}" if bare else f"{left}{right}"

    def _place(self, label: Label) -> int:
        return self.axes.index(label) if label in self.axes else len(self.axes)

    def _matrix(self, expr: Expr, wanted: tuple[Label, ...]) -> str:
        """Write a matrix with the row and column asked for, transposed where it must be."""
        written = self.write(layout(expr), ATOM)
        own = next(
            (e.axes for e in expr.walk() if isinstance(e, Leaf) and set(wanted) <= set(e.axes)),
            wanted,
        )
        if len(wanted) == 2 and own.index(wanted[0]) > own.index(wanted[1]):
            return rf"{{{written}}}^{{\top}}" if self.style.latex else f"{written}ᵀ"
        return written

    def _product(self, shown: Shown) -> tuple[str, int]:
        written = [self.write(part, POWER if i + 1 < len(shown.parts) else PRODUCT)
                   for i, part in enumerate(shown.parts)]
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

    def _quotient(self, shown: Shown) -> tuple[str, int]:
        top, bottom = shown.parts
        if self.style.latex:
            return rf"\frac{{{self.write(top, 0)}}}{{{self.write(bottom, 0)}}}", POWER
        below = self.write(bottom, ATOM if bottom.kind == "quotient" else POWER)
        if bottom.kind == "sum over":  # nothing can follow it, so it needs no parentheses
            below = self.write(bottom, 0)
        return f"{self.write(top, PRODUCT)}/{below}", PRODUCT

    def _negative(self, shown: Shown) -> tuple[str, int]:
        minus = "-" if self.style.latex else "−"
        return minus + self.write(shown.parts[0], PRODUCT), SUM

    def _power(self, shown: Shown) -> tuple[str, int]:
        base = self.write(shown.parts[0], ATOM)
        exponent: Fraction = shown.detail
        if self.style.latex:
            return f"{{{base}}}^{{{exponent}}}", POWER
        if exponent.denominator == 1:
            return base + str(exponent).translate(_SUPERSCRIPTS), POWER
        return f"{base}^({exponent})", POWER

    def _root(self, shown: Shown) -> tuple[str, int]:
        if self.style.latex:
            return rf"\sqrt{{{self.write(shown.parts[0], 0)}}}", ATOM
        return f"√{self.write(shown.parts[0], ATOM)}", ATOM

    def _total(self, shown: Shown) -> tuple[str, int]:
        minuses: tuple[bool, ...] = shown.detail
        minus = "-" if self.style.latex else "−"
        out = ""
        for place, (negative, part) in enumerate(zip(minuses, shown.parts, strict=True)):
            written = self.write(part, PRODUCT if negative else SUM + (place > 0))
            if place == 0:
                out = (minus if negative else "") + written
            else:
                out += f" {minus if negative else '+'} {written}"
        return out, SUM


def _delimited(template: str, in_latex: bool) -> set[int]:
    """Return the arguments of a template that stand alone between delimiters."""
    found = set()
    for match in re.finditer(r"\{(\d)\}", template):
        before = template[: match.start()].replace("{{", "{").rstrip()
        after = template[match.end() :].replace("}}", "}").lstrip()
        opened = before.endswith(("(", "|", "‖", "{", ",", "&", r"\\", "[")) or not before
        closed = after.startswith((")", "|", "‖", "}", ",", "&", r"\\", r"\right", "]"))
        if opened and closed and before:
            found.add(int(match[1]))
    return found


def _shown_attributes(attributes: Mapping[str, Any]) -> dict[str, str]:
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
    """Write a user's name in LaTeX: a letter stays one, z1 gets an index, a word is upright."""
    primes = len(name) - len(name.rstrip("′"))
    name = name[: len(name) - primes]
    tail = "'" * primes
    if name in _GREEK:
        return f"\\{_GREEK[name]}" + tail
    if len(name) == 1 and name.isalpha():
        return name + tail
    match = re.fullmatch(r"([A-Za-zα-ωΑ-Ω])_?(\d+|[A-Za-z])", name)
    if match and match[1].isalpha():
        return f"{name_latex(match[1])}_{{{match[2]}}}" + tail
    return rf"\mathrm{{{escape_latex(name)}}}" + tail


def escape_latex(name: str) -> str:
    """Take LaTeX's own meaning from every character of a name."""
    special = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim ", "\n": " "}
    plain = {c: "\\" + c for c in "{}#$%&_"}
    return "".join({**special, **plain}.get(c, c) for c in name)
