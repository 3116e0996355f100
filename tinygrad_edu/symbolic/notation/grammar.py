r"""The grammar of formulas, whichever way they are spelled: a text becomes a tree.

It reads what derivations print, such as a ⊙ (g − aᵀ g), aⱼ·(gⱼ − Σₖ aₖ·gₖ) and Xᵀ(A − Y)/N, the
LaTeX of it, and what people type, such as a*(g - sum(a*g)), X.T @ (A - Y) / len(X) and
\frac{1}{N} X^\top (A - Y). Nothing is evaluated here.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from tinygrad_edu.symbolic.notation.tokens import (
    SUBSCRIPTS,
    SUPERSCRIPTS,
    Token,
    plain,
    tokens,
)

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "ClaimError", "Tree", "Written", "read"]

#: A text longer than this, or nested deeper, is refused.
MAX_LENGTH = 2500
MAX_DEPTH = 40
#: A longer word is not taken for several names.
LONGEST_SPLIT = 12


class ClaimError(ValueError):
    """A formula that cannot be read: one sentence, and below it a mark at the place."""

    def __init__(
        self, sentence: str, text: str = "", at: int | None = None, asked: str = "check_answer"
    ) -> None:
        shown = " ".join(text.split("\n"))
        if at is not None and len(shown) <= MAX_LENGTH:
            # What stands above its letter, as in x̂, takes no room of its own.
            room = sum(not unicodedata.combining(c) for c in shown[:at])
            sentence = f"{sentence} (at character {at + 1})\n  {shown}\n  {' ' * room}^"
        super().__init__(f"{asked}: {sentence}")


@dataclass(frozen=True)
class Tree:
    """One form: what it is, its parts, and where in the text it stands.

    The kinds are "number", "constant", "name", "letter" (an index that counts), "ones",
    "dimension", "delta", "call", "slope" (of a function), "reduction", "group", "negative",
    "total", "times", "over", "scaled" (1/N X), "matrix product", "beside" (two forms side by
    side), "power", "transpose", "to the T" (where T is a name), "indexed", "item" and "list";
    `detail` holds what is no tree: a value, a name, signs.
    """

    kind: str
    at: int
    parts: tuple[Tree, ...] = ()
    detail: Any = None
    depth: int = 1
    end: int = 0

    @property
    def inside(self) -> tuple[Tree, ...]:
        """The parts, and the formulas among the indices."""
        indices = self.detail if self.kind in {"indexed", "delta", "item", "index"} else ()
        return (*self.parts, *(index for index in indices if isinstance(index, Tree)))

    def walk(self) -> Iterator[Tree]:
        """Yield this form and all inside it."""
        yield self
        for part in self.inside:
            yield from part.walk()


@dataclass(frozen=True)
class Written:
    """What was read: the formula, and what stands in front of it, such as ∂L/∂z_j, with =."""

    tree: Tree
    left: str = ""


_COMPARISONS = {
    "=": "equal",
    "≠": "not_equal",
    "<": "less",
    "≤": "less_equal",
    ">": "greater",
    "≥": "greater_equal",
}
_CLOSING = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉"}
_REDUCTIONS = {"Σ": "sum", "Π": "prod"}
_CONSTANTS = {"e": "e", "π": "π", "pi": "π", "∞": "∞", "inf": "∞"}
#: What may carry an index or a slice behind it.
_INDEXABLE = frozenset({"name", "call", "slope", "group", "transpose", "indexed", "item", "list"})


def read(
    text: str,
    names: Collection[str],
    *,
    dimensions: Collection[str] = (),
    functions: Mapping[str, str] | None = None,
) -> Written:
    """Read a formula.

    Parameters
    ----------
    text : str
        At most `MAX_LENGTH` characters, nested at most `MAX_DEPTH` deep.
    names, dimensions : collection of str
        What arrays are called, and lengths such as N.
    functions : mapping of str to str, optional
        What may be applied to arguments in parentheses, and the operation each means.

    Returns
    -------
    Written
        The form, and what stands before the last =.

    Raises
    ------
    ClaimError
        With one sentence and the place, if it is no formula or a name is not known.

    Notes
    -----
    From loose to tight: comparisons; sums and differences; ⊙, ·, * and / from left to right; signs;
    @ and forms side by side; Σ and functions, over the power or bracket that follows; powers and
    transposes. A Σ over an index reaches over the product, up to the next + or −.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.notation.grammar import read
    >>> read("(a − y)/N", ["a", "y"], dimensions=["N"]).tree.kind
    'over'
    """
    if not text.strip():
        raise ClaimError("the claim is empty; write a formula such as 'a − y'")
    if len(text) > MAX_LENGTH:
        raise ClaimError(f"the claim has {len(text)} characters, more than {MAX_LENGTH}")
    parser = _Parser(text, names, dimensions, functions or {})
    left = parser.left_side()
    tree = parser.compared()
    if parser.next.kind != "end":
        parser.complain(f"{parser.next.shown!r} is not expected here", parser.next)
    parser.refuse_loose_letters(tree)
    return Written(tree, left)


class _Parser:
    """Recursive descent: one method per level of the grammar, from loose to tight."""

    def __init__(
        self,
        text: str,
        names: Collection[str],
        dimensions: Collection[str],
        functions: Mapping[str, str],
    ) -> None:
        self.text = text
        self.names, self.dimensions, self.functions = names, dimensions, functions
        self.spelled = {plain(name): name for name in reversed(list(names))}
        self.tokens = _without_alignment(tokens(text, names))
        self.place = 0
        self.depth = 0
        self.open = ""  # the sign that closes what was opened last
        self.readers: dict[str, Callable[[Token], Tree]] = {
            "(": self._brackets,
            "[": self._brackets,
            "{": self._brackets,
            "|": self._magnitude,
            "‖": self._norm,
            "⟨": self._inner,
            "√": self._root,
            "∛": self._root,
            "⌊": self._rounded,
            "⌈": self._rounded,
            "Σ": self._reduction,
            "Π": self._reduction,
            "𝟏": self._ones,
            "𝟙": self._ones,
            "\\frac": self._fraction,
            "begin": self._cases,
        }

    # --- tokens -----------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def sign(self) -> str:
        """Return the sign that comes next."""
        return self.next.text if self.next.kind == "sign" else ""

    def take(self) -> Token:
        token = self.next
        self.place += token.kind != "end"
        return token

    def accept(self, *signs: str) -> Token | None:
        return self.take() if self.next.kind == "sign" and self.next.text in signs else None

    def expect(self, sign: str, opened: Token) -> None:
        self.split_bars()
        if not self.accept(sign):
            found = "the end" if self.next.kind == "end" else repr(self.next.shown)
            self.complain(f"{opened.shown!r} is not closed: expected {sign!r}, got {found}")

    def complain(self, sentence: str, token: Token | None = None) -> NoReturn:
        raise ClaimError(sentence, self.text, (token or self.next).at)

    def tree(self, kind: str, at: int, parts: Iterable[Tree] = (), detail: Any = None) -> Tree:
        parts = tuple(parts)
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise ClaimError(f"the claim is nested more than {MAX_DEPTH} deep", self.text, at)
        last = self.tokens[self.place - 1]
        return Tree(kind, at, parts, detail, depth, last.at + len(last.shown))

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count one level of nesting, so that Python's own limit is never met."""
        self.depth += 1
        if self.depth > 3 * MAX_DEPTH:  # a pair of brackets counts three times
            self.complain(f"the claim is nested more than {MAX_DEPTH} deep")
        yield
        self.depth -= 1

    def left_side(self) -> str:
        """Pass what stands before the last =, such as ∂L/∂z in ∂L/∂z = a − y, and return it."""
        depth = 0
        found = None
        for place, token in enumerate(self.tokens):
            if token.kind == "sign":
                depth += (token.text in _CLOSING) - (token.text in _CLOSING.values())
                if token.text == "=" and token.shown == "=" and not depth:
                    found = place
        if found is None:
            return ""
        written = self.text[: self.tokens[found].at].strip(" &=")
        first = re.sub(r"^(\s|\\begin\{[a-z*]+\}|\$|\\\[|\\\()+", "", written.split("=")[0])
        if not _is_left(first):
            self.place = found
            self.complain("'=' is not expected here")
        self.place = found + 1
        return first

    def refuse_loose_letters(self, tree: Tree) -> None:
        """Refuse a letter that is neither a name nor an index anywhere."""
        every = list(tree.walk())
        counting = [each for each in every if _is_comparison(each)]
        counting += [each for each in every if each.kind in {"indexed", "delta"}]
        known = {id(i) for each in counting for i in each.walk()}
        if not any(
            each.kind in {"indexed", "reduction", "delta"} and each.detail for each in every
        ):
            known = set()
        for each in every:
            if each.kind == "letter" and id(each) not in known:
                sentence = f"nothing is called {each.detail!r}; {self._meant(each.detail)}"
                raise ClaimError(sentence, self.text, each.at)

    # --- levels -----------------------------------------------------------------------------------

    def compared(self) -> Tree:
        """Read a formula, or two with ≤ or the like between them."""
        left = self.total()
        name = _COMPARISONS.get(self.sign())
        if name is None or (name == "equal" and self.depth == 0 and self.next.shown == "="):
            return left
        return self.tree("call", self.take().at, [left, self.total()], (name, {}))

    def total(self) -> Tree:
        """Read terms with + or − between them."""
        at = self.next.at
        with self.deeper():
            terms, minuses = [self.product()], [False]
            while token := self.accept("+", "-"):
                minuses.append(token.text != "+")
                terms.append(self.product())
        if len(terms) == 1:
            return terms[0]
        return self.tree("total", at, terms, tuple(minuses))

    def product(self) -> Tree:
        """Read factors with · or / between them; a sign before them is that of their product."""
        if (sign := self.accept("-", "+")) is not None:
            return self.negated(sign, self.product)
        return self.factors(self.beside())

    def factors(self, left: Tree) -> Tree:
        """Read the factors that follow one."""
        while True:
            token = self.next
            reaches = _is_bare_sum(left)
            if token.text == "mod" and token.kind == "word" and "mod" not in self.names:
                self.take()
                parts = [left, self.signed(self.beside)]
                left = self.tree("call", token.at, parts, ("mod", {}))
            elif self.accept("·", "⊙"):
                # NumPy's @ binds no tighter than its *.
                read = self.row_of_forms if token.shown == "*" else self.beside
                right = self.signed(read)
                left = self.tree("times", token.at, [left, right], token.text)
            elif self.accept("@"):
                left = self.tree("matrix product", token.at, [left, self.signed(self.beside)])
            elif self.accept("⊗"):
                parts = [left, self.signed(self.beside)]
                left = self.tree("call", token.at, parts, ("outer", {}))
            elif self.accept("/"):
                reaches = False
                left = self.tree("over", token.at, [left, self.signed(self.power)])
                if self.begins_a_form():  # 1/N X
                    left = self.tree("scaled", self.next.at, [left, self.beside()])
            elif not (reaches and self.begins_a_form()):
                return left
            if reaches:
                self.complain(
                    "a sum before a product can be read in two ways; write Σ(a·b) or (Σa)·b", token
                )

    def beside(self) -> Tree:
        """Read forms side by side or with @ between them."""
        left = self.row_of_forms()
        while (token := self.accept("@")) is not None:
            left = self.tree("matrix product", token.at, [left, self.signed(self.power)])
            left = self.row_of_forms(left)
        return left

    def row_of_forms(self, left: Tree | None = None) -> Tree:
        """Read forms side by side; a Σ over an index reaches over all that follows."""
        left = self.power() if left is None else left
        while not _is_bare_sum(left) and self.begins_a_form():
            right = self.power()
            left, right = self._ones_before(left, right), self._one(right)
            left = self.tree("beside", right.at, [left, right])
        return left

    def _one(self, tree: Tree) -> Tree:
        """Take 1 behind a form for the vector of ones, as in A 1."""
        one = tree.kind == "number" and self.text[tree.at : tree.end] == "1"
        return replace(tree, kind="ones") if one else tree

    def _ones_before(self, left: Tree, right: Tree) -> Tree:
        """Take 1 before a row for the vector of ones, as in 1 aᵀ."""
        return self._one(left) if right.kind in {"transpose", "to the T"} else left

    def split_bars(self) -> None:
        """Take || for two signs where | is open."""
        token = self.next
        if token.shown == "||" and self.open == "|":
            bar = replace(token, text="|", shown="|", gap=False)
            self.tokens[self.place : self.place + 1] = [bar, replace(bar, at=token.at + 1)]

    def begins_a_form(self) -> bool:
        self.split_bars()
        if self.next.kind in {"number", "word"}:
            return self.next.text != "mod" or "mod" in self.names
        sign = self.sign()
        return sign in self.readers and not (sign == self.open and sign in "|‖")

    def signed(self, read: Callable[[], Tree]) -> Tree:
        """Read a form that may have a sign of its own, as in a·−b."""
        sign = self.accept("-", "+")
        return read() if sign is None else self.negated(sign, lambda: self.signed(read))

    def negated(self, sign: Token, read: Callable[[], Tree]) -> Tree:
        """Read what a sign stands before."""
        with self.deeper():
            inner = read()
        return inner if sign.text == "+" else self.tree("negative", sign.at, [inner])

    def power(self) -> Tree:
        """Read a form with what is raised or lowered behind it."""
        return self.behind(self.atom())

    def behind(self, base: Tree) -> Tree:
        """Read what stands behind a form: powers, transposes, indices, slices and methods."""
        while True:
            token = self.next
            touches = not token.gap and base.kind in _INDEXABLE
            if token.kind == "raised":
                exponent = self._raised(self.take())
                base = self.tree("power", token.at, [base, exponent])
            elif self.accept("^"):
                base = self._to_the(base, token)
            elif self.accept("ᵀ", "′"):
                base = self.tree("transpose", token.at, [self._one(base)])
            elif touches and (token.kind == "lowered" or self.sign() == "_"):
                base = self._indexed(base, self._indices(), token.at)
            elif touches and self.accept("["):
                base = self.tree("item", token.at, [base], self._slices(token))
            elif self.accept("."):
                base = self._method(base, token)
            else:
                return base

    def _to_the(self, base: Tree, token: Token) -> Tree:
        """Read what follows ^: a power, or the T of a transpose."""
        brace = self.accept("{")
        inner = self.next
        ahead = self.tokens[min(self.place + 1, len(self.tokens) - 1)].text if brace else "}"
        if inner.text in {"T", "ᵀ", "′"} and ahead == "}":
            self.take()
            if brace:
                self.expect("}", brace)
            kind = "to the T" if inner.text in self.names else "transpose"
            return self.tree(kind, token.at, [self._one(base)])
        with self.deeper():
            if brace:
                exponent = self._inside(brace, "}")
            elif self.next.kind == "word" and self.next.text not in self.functions:
                exponent = self.behind(self.atom())
            else:
                exponent = self.signed(self.power)
        return self.tree("power", token.at, [base, exponent])

    def _raised(self, token: Token) -> Tree:
        written = token.text.translate(SUPERSCRIPTS)
        match = re.fullmatch(r"(-?\d+)(?:/(\d+))?", written)
        if match is None or not int(match[2] or 1):
            self.complain(f"{token.text!r} is no number", token)
        value = float(match[1]) / float(match[2] or 1)
        return self.tree("number", token.at, detail=value)

    # --- indices ----------------------------------------------------------------------------------

    def _indexed(self, base: Tree, indices: list[Tree], at: int) -> Tree:
        return replace(self.tree("indexed", at, [base]), detail=tuple(indices))

    def _indices(self) -> list[Tree]:
        """Read what is lowered: letters, entries, and sums of both such as j+1."""
        token = self.take()
        if token.kind == "lowered":
            return self._lowered(token.text.translate(SUBSCRIPTS), token)
        brace = self.accept("{")
        if brace is None:
            return self._lowered(self.take().text, token)
        found: list[Tree] = []
        with self.deeper():
            while True:
                end = self.place
                while self.tokens[end].kind in {"word", "number"}:
                    end += 1
                if end > self.place and self.tokens[end].text in {",", "}"}:  # nj, 0, 0j
                    written = "".join(self.take().text for _ in range(end - self.place))
                    found += self._lowered(written, token)
                else:
                    found.append(self.total())
                if not self.accept(","):
                    break
        self.expect("}", brace)
        return found

    def _lowered(self, written: str, token: Token) -> list[Tree]:
        """Read letters that stand for an index each: nj, 01, j+1."""
        found = []
        for letter, shift in re.findall(r"([^\W_])((?:[+-]\w)*)", written):
            index = self._letter_or_number(letter, token)
            pieces = re.findall(r"([+-])(\w)", shift)
            if pieces:
                others = [self._letter_or_number(piece, token) for _, piece in pieces]
                minuses = (False, *(sign == "-" for sign, _ in pieces))
                index = self.tree("total", token.at, [index, *others], minuses)
            found.append(index)
        if not found:
            self.complain(f"{written!r} is no index", token)
        return found

    def _letter_or_number(self, written: str, token: Token) -> Tree:
        if written.isdecimal():
            return self.tree("number", token.at, detail=float(written))
        return self.tree("letter", token.at, detail=written)

    def _slices(self, opened: Token) -> tuple[Any, ...]:
        """Read [0, 1], [:, :2], [:, None] or [y]: integers, slices, None and formulas."""
        found: list[Any] = []
        outer, self.open = self.open, "]"
        with self.deeper():
            while True:
                found.append(self._slice())
                if not self.accept(","):
                    break
        self.open = outer
        self.expect("]", opened)
        return tuple(found)

    def _slice(self) -> Any:
        if self.next.text in {"None", "newaxis"}:
            self.take()
            return None
        if self.accept("…"):
            return Ellipsis
        if self.next.text == "." and self.tokens[self.place + 1].text == ".":
            while self.accept("."):
                pass
            return Ellipsis
        bounds: list[int | None] = [None]
        colons = 0
        while True:
            if self.accept(":"):
                colons += 1
                bounds.append(None)
            elif self.sign() == "-" or self.next.kind == "number":
                bounds[-1] = self._integer()
            elif not colons and (self.next.kind == "word" or self.sign() in self.readers):
                return self.compared()
            else:
                break
        if colons > 2 or (not colons and bounds[0] is None):
            self.complain("no index is written here")
        return slice(*bounds) if colons else bounds[0]

    def _integer(self) -> int:
        minus = self.accept("-")
        token = self.take()
        if not re.fullmatch(r"[0-9]{1,6}", token.text):
            self.complain(f"{token.shown!r} is no whole number", token)
        return -int(token.text) if minus else int(token.text)

    # --- atoms ------------------------------------------------------------------------------------

    def atom(self) -> Tree:
        """Read what stands alone: a number, a name, a call, or something in brackets."""
        token = self.take()
        if token.kind == "number":
            return self.tree("number", token.at, detail=float(token.text))
        if token.kind == "word":
            return self._word(token)
        if token.kind == "sign" and token.text in self.readers:
            with self.deeper():
                return self.readers[token.text](token)
        if token.kind == "end":
            self.complain("the claim ends where a number, a name or '(' is expected")
        return self.complain(f"{token.shown!r} is not expected here", token)

    def _brackets(self, opened: Token) -> Tree:
        inner = self._inside(opened, _CLOSING[opened.text])
        # Remembered, so that (Σa)·b is not taken for Σa·b, nor (a/b) c for a/b c.
        again = inner.kind == "group" and opened.text != "["  # which may be a list of one
        return inner if again else self.tree("group", opened.at, [inner])

    def _magnitude(self, opened: Token) -> Tree:
        return self.tree("call", opened.at, [self._inside(opened, "|")], ("abs", {}))

    def _norm(self, opened: Token) -> Tree:
        inner = self._inside(opened, "‖")
        order: list[Tree] = []
        if self.next.kind == "lowered":
            token = self.take()
            order = [self._word(replace(token, text=token.text.translate(SUBSCRIPTS)))]
        elif self.accept("_"):
            order = [self.atom()]
        return self.tree("call", opened.at, [inner, *order], ("norm", {}))

    def _inner(self, opened: Token) -> Tree:
        """Read ⟨a, g⟩."""
        outer, self.open = self.open, "⟩"
        left = self.total()
        self.expect(",", opened)
        right = self.total()
        self.open = outer
        self.expect("⟩", opened)
        return self.tree("call", opened.at, [left, right], ("vdot", {}))

    def _root(self, token: Token) -> Tree:
        r"""Read √x, ∛x, \sqrt{x} and \sqrt[3]{x}."""
        name = "cbrt" if token.text == "∛" else "sqrt"
        if token.shown != "√" and (opened := self.accept("[")):
            order = self.take()
            self.expect("]", opened)
            if order.text != "3":
                self.complain("write x^(1/n) for another root", order)
            name = "cbrt"
        return self.tree("call", token.at, [self.power()], (name, {}))

    def _rounded(self, opened: Token) -> Tree:
        """Read ⌊x⌋ and ⌈x⌉; ⌊x/y⌋ is one operation."""
        inner = self._inside(opened, _CLOSING[opened.text])
        while inner.kind == "group":
            (inner,) = inner.parts
        if opened.text == "⌊" and inner.kind == "over":
            return self.tree("call", opened.at, inner.parts, ("floor_divide", {}))
        name = "floor" if opened.text == "⌊" else "ceil"
        return self.tree("call", opened.at, [inner], (name, {}))

    def _fraction(self, token: Token) -> Tree:
        r"""Read \frac{a}{b}."""
        parts = [self.power() if self.sign() == "{" else self.atom() for _ in range(2)]
        over = self.tree("over", token.at, parts)
        return self.tree("group", token.at, [over])

    def _ones(self, token: Token) -> Tree:
        """Read the vector of ones, or 𝟙[a > b], which is 1 where that is so."""
        before = self.place
        self.accept("_")
        if self.sign() in {"[", "(", "{"}:
            inner = self.atom()
            while inner.kind == "group":
                (inner,) = inner.parts
            if _is_comparison(inner):
                return self.tree("group", token.at, [inner])
            self.place = before
        return self.tree("ones", token.at)

    def _cases(self, opened: Token) -> Tree:
        r"""Read \begin{cases} a & c \\ b & else \end{cases}."""
        first = self.total()
        self.expect("&", opened)
        condition = self.compared()
        self.expect("\\\\", opened)
        second = self.total()
        while self.sign() != "end" and self.next.kind != "end":
            self.take()
        self.expect("end", opened)
        return self.tree("call", opened.at, [condition, first, second], ("where", {}))

    def _inside(self, opened: Token, closing: str) -> Tree:
        """Read up to a closing sign; | and ‖ close what they opened."""
        outer, self.open = self.open, closing
        with self.deeper():
            inner = self.compared()
        if closing in ")]" and self.sign() == ",":
            parts = [inner]
            while self.accept(","):
                if self.sign() != closing:
                    parts.append(self.compared())
            inner = self.tree("list", opened.at, parts)
        self.open = outer
        self.expect(closing, opened)
        return inner

    # --- sums -------------------------------------------------------------------------------------

    def _reduction(self, token: Token, name: str = "", letters: str = "") -> Tree:
        """Read Σ, which may say over which indices, and what is summed."""
        name = name or _REDUCTIONS[token.text]
        bound, conditions = self._bounds(token)
        bound = (*letters, *bound)
        body = self.power()
        if bound and _uses(body, bound):  # over an index: it reaches over the product
            body = self.factors(self._beside_from(body))
            return self.tree("group", token.at, [self._sum(token, name, bound, body, conditions)])
        closed = body.kind == "group" or (body.kind == "call" and body.detail[0] in {"abs", "norm"})
        found = self._sum(token, name, bound, body, conditions)
        return self.tree("group", token.at, [found]) if closed else found

    def _sum(
        self, token: Token, name: str, bound: Iterable[str], body: Tree, conditions: list[Tree]
    ) -> Tree:
        return self.tree("reduction", token.at, [body, *conditions], (name, tuple(bound)))

    def _beside_from(self, left: Tree) -> Tree:
        left = self.row_of_forms(left)
        while (token := self.accept("@")) is not None:
            left = self.tree("matrix product", token.at, [left, self.signed(self.power)])
            left = self.row_of_forms(left)
        return left

    def _bounds(self, token: Token) -> tuple[tuple[str, ...], list[Tree]]:
        r"""Read the indices under Σ, in Σₖ, Σ_{i ≤ j}, \sum_{k=1}^{K}."""
        letters: list[str] = []
        conditions: list[Tree] = []
        if self.next.kind == "lowered":
            letters += self.take().text.translate(SUBSCRIPTS)
        elif self.accept("_"):
            brace = self.accept("{")
            if brace is None:
                letters += self.take().text
            while brace is not None:
                if self.next.kind == "word" and self.tokens[self.place + 1].text in {",", "}"}:
                    letters += self.take().text
                else:
                    with self.deeper():
                        conditions.append(self._condition(letters))
                if not self.accept(","):
                    self.expect("}", brace)
                    break
        if self.accept("^"):
            with self.deeper():
                upper = self.atom()
            conditions += self._up_to(letters, upper)
        elif self.next.kind == "raised":
            self.take()
        if not all(letter.isalpha() for letter in letters):
            self.complain(f"{''.join(letters)!r} is no index", token)
        return tuple(letters), [c for c in conditions if c.kind == "call"]

    def _condition(self, letters: list[str]) -> Tree:
        """Read i ≤ j or k = 1 under a sum; its first letter is what is summed over."""
        at = self.next
        if at.kind != "word" or len(at.text) != 1:
            self.complain(f"{at.shown!r} is no index")
        letter = self.take()
        letters += letter.text
        left = self.tree("letter", letter.at, detail=letter.text)
        sign = self.take()
        name = _COMPARISONS.get(sign.text)
        if name is None:
            self.complain(f"{sign.shown!r} is not expected here", sign)
        right = self.total()
        if name == "equal":  # k = 1: where counting begins
            return right
        return self.tree("call", sign.at, [left, right], (name, {}))

    def _up_to(self, letters: list[str], upper: Tree) -> list[Tree]:
        """Read what stands above Σ: a length, or another index that bounds the one below."""
        inner = upper.parts[0] if upper.kind == "group" else upper
        if letters and inner.kind == "letter":
            left = self.tree("letter", upper.at, detail=letters[-1])
            return [self.tree("call", upper.at, [left, inner], ("less_equal", {}))]
        return []

    # --- words ------------------------------------------------------------------------------------

    def _word(self, token: Token) -> Tree:
        word = token.text
        function = self._function(word)
        if token.is_of_a_module:
            return self._other(word, token) if function is None else self._call(token, function)
        if (name := self._longer(word)) is not None or word in self.names:
            return self.tree("name", token.at, detail=name or word)
        if len(word) == 1 and token.shown[0] == "\\" and plain(word) in self.spelled:
            return self.tree("name", token.at, detail=self.spelled[plain(word)])
        calls = self.sign() in {"(", "′", "[", "{"} or plain(word) not in self.spelled
        bare = word in {"ones", "eye", "identity"} and self.sign() != "("
        if function is not None and calls and not bare:
            return self._call(token, function)
        if plain(word) in self.spelled:
            return self.tree("name", token.at, detail=self.spelled[plain(word)])
        stem, index = _indexed(word)
        if stem and (name := self._lookup(stem)) is not None:
            return self._indexed(
                self.tree("name", token.at, detail=name), self._lowered(index, token), token.at
            )
        if stem in {"sum", "prod", "max", "min", "Sum"}:
            return self._reduction(token, stem.lower(), index)
        if stem in {"δ", "delta"}:
            return self._delta(self._lowered(index, token), token)
        return self._other(word, token)

    def _lookup(self, word: str) -> str | None:
        return word if word in self.names else self.spelled.get(plain(word))

    def _function(self, word: str) -> str | None:
        found = self.functions.get(word)
        return self.functions.get(word.lower()) if found is None and len(word) > 1 else found

    def _longer(self, word: str) -> str | None:
        """Return the name that a word is with what is lowered behind it: W₂, W_{2}, W_{out}."""
        before = self.place
        opened = self.next
        if not opened.gap and (opened.kind == "lowered" or self.sign() == "_"):
            self.take()
            inside = opened.text if opened.kind == "lowered" else self.take().text
            while inside.startswith("{") and inside[-1] != "}" and self.next.kind != "end":
                inside += self.take().text
            longer = self.spelled.get(plain(word + inside))
            index = word in self.names and plain(inside).isalpha()  # vⱼ, where v_j is another
            if longer is not None and longer != word and not index:
                return longer
        self.place = before
        return None

    def _delta(self, indices: list[Tree], token: Token) -> Tree:
        return replace(self.tree("delta", token.at), detail=tuple(indices))

    def _call(self, token: Token, function: str) -> Tree:
        """Read a function and its arguments; with one argument, log a needs no parentheses."""
        if function == "log":
            function += self._base_of_logarithm()
        primes = 0
        while self.accept("′"):
            primes += 1
        if primes > 1:
            self.complain("write a second derivative out", token)
        exponent = None
        if self.next.kind == "raised":
            exponent = self._raised(self.take())
        elif self.sign() == "^":
            exponent = self._to_the(self.tree("ones", token.at), self.take()).parts[-1]
        if function in {"max", "min", "sum", "prod"} and (
            self.next.kind == "lowered" or self.sign() == "_"
        ):
            return self._reduction(token, function)
        opened = self.accept("(")
        place = 2 if function == "scatter" else None
        arguments, options = (
            ([self.power()], {}) if opened is None else self._arguments(opened, place)
        )
        detail: Any = function if primes else (function, options)
        found = self.tree("slope" if primes else "call", token.at, arguments, detail)
        if exponent is None:
            return found
        return self.tree("power", token.at, [self.behind(found), exponent])

    def _base_of_logarithm(self) -> str:
        """Read the 2 of log₂ x, or nothing."""
        if self.next.kind == "lowered":
            base = self.take().text.translate(SUBSCRIPTS)
        elif self.accept("_"):
            brace = self.accept("{")
            base = self.take().text
            if brace is not None:
                self.expect("}", brace)
        else:
            return ""
        if base not in {"2", "10"}:
            self.complain("write log x / log b for a logarithm to another base")
        return base

    def _arguments(
        self, opened: Token, index_at: int | None = None
    ) -> tuple[list[Tree], dict[str, Any]]:
        """Read what stands in the parentheses of a call; one argument may be an index."""
        outer, self.open = self.open, ")"
        arguments: list[Tree] = []
        options: dict[str, Any] = {}
        with self.deeper():
            while self.sign() != ")":
                ahead = self.tokens[self.place + 1 : self.place + 2]
                if self.next.kind == "word" and ahead and ahead[0].shown == "=":
                    option = self.take().text
                    self.take()
                    options[option] = self._option()
                elif self.next.text in _TYPES and ahead and ahead[0].text in {")", ","}:
                    self.take()
                elif index_at == len(arguments) and self.sign() == "[":
                    token = self.take()
                    index = self._slices(token)
                    arguments.append(replace(self.tree("index", token.at), detail=index))
                elif self.next.kind == "string" or self.next.text in _SIDES - {*self.names}:
                    token = self.take()
                    arguments.append(self.tree("string", token.at, detail=token.text))
                else:
                    arguments.append(self.compared())
                if not self.accept(","):
                    break
        self.open = outer
        self.expect(")", opened)
        return arguments, options

    def _option(self) -> Any:
        """Read what an option is set to: a whole number, several of them, a truth value, None."""
        token = self.next
        if token.text in _LITERALS:
            return _LITERALS[self.take().text]
        if opened := self.accept("("):
            found = []
            while not self.accept(")"):
                found.append(self._integer())
                if not self.accept(",") and self.sign() != ")":
                    self.expect(")", opened)
            return tuple(found)
        return self._integer()

    def _method(self, base: Tree, dot: Token) -> Tree:
        """Read X.sum(axis=0), X.shape[0], X.size: a call with X as its first argument."""
        word = self.take()
        if word.kind != "word":
            self.complain(f"{dot.shown!r} is not expected here", dot)
        if word.text in {"data", "value", "values", "numpy"}:
            if opened := self.accept("("):
                self.expect(")", opened)
            return base
        if word.text in {"shape", "size", "ndim"}:
            return self.tree("call", word.at, [base], (word.text, {}))
        function = self._function(word.text)
        if function is None or self.sign() != "(":
            self.complain(f"{dot.shown!r} is not expected here", dot)
        arguments, options = self._arguments(self.take())
        return self.tree("call", word.at, [base, *arguments], (function, options))

    def _other(self, word: str, token: Token) -> Tree:
        """Read what is no name of an array: N, δ₁, e, I, or several names without a gap."""
        if word in self.dimensions:
            return self.tree("dimension", token.at, detail=word)
        if word in {"δ", "delta"} and (self.next.kind == "lowered" or self.sign() == "_"):
            return self._delta(self._indices(), token)
        if word in _CONSTANTS:
            return self.tree("constant", token.at, detail=_CONSTANTS[word])
        if word in {"ones", "𝟏"}:
            return self.tree("ones", token.at)
        if word in {"I", "eye"}:
            return self.tree("delta", token.at, detail=())
        if re.fullmatch(r"[0-9]+", word):
            return self.tree("number", token.at, detail=float(word))
        split = self._split(word)
        if len(split) == len(set(split)) > 0:
            *others, last = (self._piece(piece, token) for piece in split)
            found = self.behind(last)  # what follows UV is raised or lowered at V alone
            for piece in reversed(others):
                found = self.tree("beside", token.at, [piece, found])
            return found
        indexed = self.next.kind == "lowered" or self.sign() == "_"
        if indexed and word.islower() and (entry := self._lookup(word.upper())) is not None:
            return self.tree("name", token.at, detail=entry)  # xᵢⱼ is an entry of X
        if word.endswith(_BAR) and (name := self._lookup(word[: -len(_BAR)])) is not None:
            of = self.tree("name", token.at, detail=name)
            return self.tree("call", token.at, [of], ("mean", {}))
        if len(word) == 1 and word.isalpha() and word.isascii() and not indexed:
            return self.tree("letter", token.at, detail=word)
        return self.complain(f"nothing is called {word!r}; {self._meant(word)}", token)

    def _is_piece(self, word: str) -> bool:
        return self._lookup(word) is not None or word in {"I", *self.dimensions}

    def _piece(self, word: str, token: Token) -> Tree:
        if (name := self._lookup(word)) is not None:
            return self.tree("name", token.at, detail=name)
        if word in self.dimensions:
            return self.tree("dimension", token.at, detail=word)
        return self.tree("delta", token.at, detail=())

    def _split(self, word: str) -> list[str]:
        """Cut Xw into X and w, where both are names."""
        for end in range(len(word) - 1, 0, -1) if len(word) <= LONGEST_SPLIT else ():
            head, tail = word[:end], word[end:]
            if not self._is_piece(head):
                continue
            if self._is_piece(tail):
                return [head, tail]
            if rest := self._split(tail):
                return [head, *rest]
        return []

    def _meant(self, word: str) -> str:
        known = [*self.names, *self.dimensions]
        near = difflib.get_close_matches(word[:40], [*known, *self.functions], 1, 0.5)
        there = ", ".join(sorted(known))
        return f"did you mean {near[0]!r}? There are: {there}" if near else f"there are: {there}"


#: What stands above a letter for its mean.
_BAR = "\N{COMBINING MACRON}"

_LITERALS = {"True": True, "False": False, "None": None, "float": None, "int": None}
#: On which side of equal entries a rank counts.
_SIDES = frozenset({"left", "right"})
_TYPES = frozenset({"float", "int", "bool", "float64"})


def _indexed(word: str) -> tuple[str, str]:
    """Cut z_1 or y_k into a name and its index."""
    stem, _, index = word.rpartition("_")
    return stem, index


def _is_bare_sum(tree: Tree) -> bool:
    """Whether a sum is written without brackets around what is summed."""
    if tree.kind in {"times", "beside", "negative"}:
        return _is_bare_sum(tree.parts[-1])
    return tree.kind == "reduction"


def _uses(tree: Tree, letters: Iterable[str]) -> bool:
    """Whether an index with one of these letters is free in a form."""
    if tree.kind == "letter":
        return tree.detail in letters
    if tree.kind == "reduction":
        letters = [letter for letter in letters if letter not in tree.detail[1]]
    return any(_uses(part, letters) for part in tree.inside)


def _is_comparison(tree: Tree) -> bool:
    return tree.kind == "call" and tree.detail[0] in _COMPARISONS.values()


def _is_left(written: str) -> bool:
    """Whether this is what a gradient is called: ∂L/∂z, dL/dz, ∇L, grad_z, dz, z.grad, J."""
    start = re.match(r"\\?(frac|partial|nabla|mathrm|operatorname)|[∂∇⟨]|d|grad|J\b|H\b", written)
    return bool(start) or written.endswith(".grad")


def _without_alignment(found: list[Token]) -> list[Token]:
    r"""Drop & and \\ but for those of \begin{cases}."""
    kept = []
    cases = 0
    for token in found:
        cases += (token.text == "begin") - (token.text == "end" and token.kind == "sign")
        if cases or token.kind != "sign" or token.text not in {"&", "\\\\"}:
            kept.append(token)
    return kept
