r"""The grammar of formulas, whichever way they are spelled: a text becomes a form.

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
from functools import partial
from typing import Any, NoReturn

from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.terms import free_letters, is_comparison
from tinygrad_edu.symbolic.notation.tokens import Token, plain, tokens
from tinygrad_edu.symbolic.notation.words import RELATIONS

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "ClaimError", "Written", "read"]

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
class Written:
    """What was read: the formula, and what stands in front of it, such as ∂L/∂z_j, with =."""

    tree: Form
    left: str = ""


_CLOSING = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "⌊": "⌋", "⌈": "⌉", "|": "|", "‖": "‖"}
_REDUCTIONS = {"Σ": "sum", "Π": "prod"}
_CONSTANTS = {"e": "e", "π": "π", "pi": "π", "∞": "∞", "inf": "∞"}
#: What signs between two factors make of them, where it is no product entry by entry.
_JOINED: dict[str, tuple[str, Any]] = {
    "@": ("beside", "@"),
    "⊗": ("call", ("outer", {})),
    "mod": ("call", ("mod", {})),
}
#: What may carry an index or a slice behind it.
_INDEXABLE = frozenset({"leaf", "call", "slope", "group", "transpose", "indexed", "item"})
#: What stands above a letter for its mean.
_BAR = "\N{COMBINING MACRON}"
#: Words among arguments that are no formulas, on which side of equal entries a rank counts too.
_LITERALS: dict[str, Any] = {"True": True, "False": False, "None": None, "newaxis": None}
_LITERALS |= {word: word for word in ("left", "right", "float", "int", "bool", "float64")}


def read(
    text: str,
    names: Collection[str],
    *,
    dimensions: Collection[str] = (),
    functions: Mapping[str, str] | None = None,
    sums_reach: bool = False,
    top: Callable[[str], str | None] = lambda word: None,
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
    sums_reach : bool, optional
        Take Σ a ⊙ b, which could be read in two ways, for Σ(a ⊙ b).
    top : callable, optional
        From a word that stands above in ∂L/∂z to what it is called in the form, if it is no name.

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
    'quotient'
    """
    if not text.strip():
        raise ClaimError("the claim is empty; write a formula such as 'a − y'")
    if len(text) > MAX_LENGTH:
        raise ClaimError(f"the claim has {len(text)} characters, more than {MAX_LENGTH}")
    parser = _Parser(text, names, dimensions, functions or {}, sums_reach, top)
    left = parser.left_side()
    tree = parser.compared()
    if parser.ahead.kind == "end":
        parser.accept(".", ",", ";")  # the end of a sentence
    if parser.next.kind != "end":
        parser.complain(f"{parser.next.shown!r} is not expected here", parser.next)
    return Written(parser.with_lengths(tree), left)


class _Parser:
    """Recursive descent: one method per level of the grammar, from loose to tight."""

    def __init__(
        self,
        text: str,
        names: Collection[str],
        dimensions: Collection[str],
        functions: Mapping[str, str],
        sums_reach: bool,
        top: Callable[[str], str | None],
    ) -> None:
        self.text, self.sums_reach, self.top = text, sums_reach, top
        self.names, self.dimensions, self.functions = names, dimensions, functions
        self.spelled = {plain(name): name for name in reversed(list(names))}
        self.tokens = _without_alignment(tokens(text, names, self._is_whole))
        self.place = 0
        self.depth = 0
        self.open = ""  # the sign that closes what was opened last
        self.uppers: dict[str, Form] = {}  # letters above a sum, and the index below
        self.readers: dict[str, Callable[[Token], Form]] = {
            **dict.fromkeys("([{", self._brackets),
            **dict.fromkeys("|‖⟨⌊⌈", self._enclosed),
            **dict.fromkeys("√∛", self._root),
            **dict.fromkeys("ΣΠ", self._reduction),
            **dict.fromkeys("𝟏𝟙", self._ones),
            "∂": self._partial,
            "\\frac": self._fraction,
            "begin cases": self._cases,
            "begin matrix": self._matrix,
        }

    # --- tokens -----------------------------------------------------------------------------------

    def _is_whole(self, word: str) -> bool:
        """Whether a word with underscores is the name of something."""
        named = plain(word) in self.spelled or self._function(word) is not None
        return named or len(self._split(word)) > 1

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    @property
    def ahead(self) -> Token:
        """Return the token after the next."""
        return self.tokens[min(self.place + 1, len(self.tokens) - 1)]

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

    def complain(self, sentence: str, token: Token | Form | None = None) -> NoReturn:
        raise ClaimError(sentence, self.text, (token or self.next).at)

    def form(self, kind: str, at: int, parts: Iterable[Form] = (), detail: Any = None) -> Form:
        last = self.tokens[self.place - 1]
        found = Form(kind, tuple(parts), detail=detail, at=at, end=last.at + len(last.shown))
        if found.depth > MAX_DEPTH:
            self.complain(f"the claim is nested more than {MAX_DEPTH} deep", found)
        return found

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
                depth += (token.text in "([{⟨⌊⌈") - (token.text in ")]}⟩⌋⌉")
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

    def with_lengths(self, tree: Form) -> Form:
        """Take m for the length of i, if it stands above Σ for it; refuse other loose letters."""
        kinds = {"indexed", "reduction", "delta"}
        indices = any(form.kind in kinds and (form.parts or form.detail) for form in tree.walk())
        lengths = {}
        for letter in _loose(tree, indices):
            if letter.detail not in self.uppers:
                sentence = f"nothing is called {letter.detail!r}; {self._meant(letter.detail)}"
                self.complain(sentence, letter)
            lengths[letter.detail] = self.uppers[letter.detail]
        return _with_lengths(tree, lengths) if lengths else tree

    # --- levels -----------------------------------------------------------------------------------

    def compared(self) -> Form:
        """Read a formula, or two with ≤ or the like between them."""
        left = self.total()
        name = RELATIONS.get(self.sign())
        if name is None or (name == "equal" and self.depth == 0 and self.next.shown == "="):
            return left
        return self.form("call", self.take().at, [left, self.total()], (name, {}))

    def total(self) -> Form:
        """Read terms with + or − between them."""
        at = self.next.at
        with self.deeper():
            terms, minuses = [self.product()], [False]
            while token := self.accept("+", "-"):
                minuses.append(token.text != "+")
                terms.append(self.product())
        return terms[0] if len(terms) == 1 else self.form("total", at, terms, tuple(minuses))

    def product(self) -> Form:
        """Read factors with · or / between them; a sign before them is that of their product."""
        if (sign := self.accept("-", "+")) is not None:
            return self.negated(sign, self.product)
        return self.factors(self.beside())

    def factors(self, left: Form) -> Form:
        """Read the factors that follow one."""
        while True:
            token, reaches = self.next, _is_bare_sum(left)
            if self.accept("/"):
                reaches = False
                left = self.form("quotient", token.at, [left, self.signed(self.power)])
                if self.begins_a_form():  # 1/N X
                    left = self.form("scaled", self.next.at, [left, self.beside()])
            elif self.sign() in {"·", "⊙", "@", "⊗"} or self._is_mod():
                self.take()
                # NumPy's @ binds no tighter than its *.
                read = self.row_of_forms if token.shown == "*" else self.beside
                kind, detail = _JOINED.get(token.text, ("product", token.text))
                right, join = self.signed(read), partial(self.form, kind, token.at, detail=detail)
                if reaches and self.sums_reach:
                    left, reaches = _into_sum(left, right, join), False
                else:
                    left = join([left, right])
            elif not (reaches and self.begins_a_form()):
                return left
            if reaches:
                self.complain(
                    "a sum before a product can be read in two ways; write Σ(a·b) or (Σa)·b", token
                )

    def beside(self, left: Form | None = None) -> Form:
        """Read forms side by side or with @ between them."""
        left = self.row_of_forms(left)
        while (token := self.accept("@")) is not None:
            left = self.form("beside", token.at, [left, self.signed(self.power)], "@")
            left = self.row_of_forms(left)
        return left

    def row_of_forms(self, left: Form | None = None) -> Form:
        """Read forms side by side; a Σ over an index reaches over all that follows."""
        left = left or self.power()
        while not _is_bare_sum(left) and self.begins_a_form():
            right = self.power()
            if right.kind in {"transpose", "to the T"}:  # 1 aᵀ
                left = self._one(left)
            right = self._one(right)  # A 1
            left = self.form("beside", right.at, [left, right])
        return left

    def _one(self, form: Form) -> Form:
        """Take 1 for the vector of ones."""
        one = form.kind == "number" and self.text[form.at : form.end] == "1"
        return replace(form, kind="ones") if one else form

    def _is_mod(self) -> bool:
        return self.next.kind == "word" and self.next.text == "mod" and "mod" not in self.names

    def split_bars(self) -> None:
        """Take || for two signs where | is open."""
        token = self.next
        if token.shown == "||" and self.open == "|":
            bar = replace(token, text="|", shown="|", gap=False)
            self.tokens[self.place : self.place + 1] = [bar, replace(bar, at=token.at + 1)]

    def begins_a_form(self) -> bool:
        self.split_bars()
        if self.next.kind in {"number", "word"}:
            return not self._is_mod()
        sign = self.sign()
        return sign in self.readers and not (sign == self.open and sign in "|‖")

    def signed(self, read: Callable[[], Form]) -> Form:
        """Read a form that may have a sign of its own, as in a·−b."""
        sign = self.accept("-", "+")
        return read() if sign is None else self.negated(sign, lambda: self.signed(read))

    def negated(self, sign: Token, read: Callable[[], Form]) -> Form:
        """Read what a sign stands before."""
        with self.deeper():
            inner = read()
        return inner if sign.text == "+" else self.form("negative", sign.at, [inner])

    def power(self) -> Form:
        """Read a form with what is raised or lowered behind it."""
        return self.behind(self.atom())

    def behind(self, base: Form) -> Form:
        """Read what stands behind a form: powers, transposes, indices, slices and methods."""
        while True:
            token = self.next
            touches = not token.gap and base.kind in _INDEXABLE
            if self.accept("^"):
                base = self._to_the(base, token)
            elif self.accept("ᵀ", "′"):
                base = self.form("transpose", token.at, [self._one(base)])
            elif touches and self.sign() == "_":
                parts = base.parts if base.kind == "indexed" else (base,)
                base = self.form("indexed", token.at, [*parts, *self._lowered()])
            elif touches and self.accept("["):
                places = self._items(token, self._place)
                places = [_as_letter(place) for place in places]
                letters = (each for place in places for each in place.walk())
                counted = base.kind == "indexed" or any(each.kind == "letter" for each in letters)
                if counted and base.kind == "indexed":  # X[n][j]
                    base, places = base.parts[0], [*base.parts[1:], *places]
                kind = "indexed" if counted else "item"
                base = self.form(kind, token.at, [base, *places])
            elif self.sign() == "." and self.ahead.kind != "end":
                base = self._method(base, self.take())
            else:
                return base

    def _to_the(self, base: Form, token: Token) -> Form:
        """Read what follows ^: a power, or the T of a transpose."""
        braced = self.sign() == "{"
        inner = self.ahead if braced else self.next
        if inner.text in {"T", "ᵀ", "′"} and (
            not braced or self.tokens[self.place + 2].text == "}"
        ):
            self.place += 3 if braced else 1
            kind = "to the T" if inner.text in self.names else "transpose"
            return self.form(kind, token.at, [self._one(base)])
        exponent = self._exponent()
        index = _as_letter(exponent.parts[0]) if braced and exponent.kind == "group" else exponent
        if index.kind == "letter" and index is not exponent:  # x^{(i)}
            base, *indices = base.parts if base.kind == "indexed" else (base,)
            return self.form("indexed", token.at, [base, index, *indices])
        return self.form("power", token.at, [base, exponent])

    def _exponent(self) -> Form:
        with self.deeper():
            if brace := self.accept("{"):
                return self._inside(brace)
            if self.next.kind == "word" and self.next.text not in self.functions:
                return self.behind(self.atom())
            return self.signed(self.power)

    # --- indices and arguments --------------------------------------------------------------------

    def _lowered(self) -> list[Form]:
        """Read what is lowered, a letter or a digit for each index: nj, 0, j+1, N−1−j, k=1."""
        underscore = self.take()
        brace = self.accept("{")
        found: list[Form] = []
        while True:
            minus = self.accept("-") if brace else None
            found += (first := self._letters(underscore))
            if minus:
                found[-len(first)] = self.form("negative", minus.at, first[:1])
            while brace and (sign := self.accept("+", "-")):
                terms = [found.pop(), *self._letters(underscore)]
                found.append(self.form("total", sign.at, terms, (False, sign.text == "-")))
            if brace and (name := RELATIONS.get(self.sign())):  # of a sum
                at = self.take().at
                with self.deeper():
                    right = self.total()
                found.append(self.call(at, name, found.pop(), right))
            if brace and not self.accept(",") and self.accept("}"):
                return found
            if not brace:
                return found
            if self.next.kind == "end":
                self.expect("}", brace)

    def _letters(self, underscore: Token) -> list[Form]:
        """Read letters or digits that are an index each; with a prime, k′ is another letter."""
        token = self.take()
        if token.kind not in {"word", "number"} or not token.text.isalnum():
            self.complain(f"{token.shown!r} is no index", token)
        found = []
        for each in re.findall(r"\w[\u0300-\u036f]*", token.text):
            at = token.at if token.shown == token.text else underscore.at
            if each.isdecimal():
                found.append(self.form("number", at, detail=float(each)))
            elif each in self.dimensions and each.isupper():
                found.append(self.form("dimension", at, detail=each))
            else:
                found.append(self.form("letter", at, detail=each))
        if token.text in self.names and self.sign() == "_":  # δ_{j y_n}
            with self.deeper():
                return [self.behind(self.form("leaf", token.at, detail=token.text))]
        while self.accept("′"):
            found[-1] = replace(found[-1], detail=f"{found[-1].detail}′")
        return found

    def _items(self, opened: Token, read: Callable[[], Form]) -> list[Form]:
        """Read what stands in brackets, with commas between; | and ‖ close what they opened."""
        closing = _CLOSING[opened.text]
        outer, self.open = self.open, closing
        found: list[Form] = []
        with self.deeper():
            while self.sign() != closing or not (found or read == self._argument):
                found.append(read())
                if not self.accept(","):
                    break
        self.open = outer
        self.expect(closing, opened)
        return found

    def _inside(self, opened: Token) -> Form:
        """Read the one form in brackets."""
        inner, *more = self._items(opened, self.compared)
        if more:
            self.complain(f"{opened.shown!r} takes one form", opened)
        return inner

    def _argument(self) -> Form:
        """Read an argument of a call: a formula, a text, or an option with its name."""
        if self.next.kind == "word" and self.ahead.shown == "=":
            name = self.take()
            self.take()
            return self.form("option", name.at, [self._argument()], name.text)
        ends = self.ahead.text in {",", ")", "]"} and self.next.text not in self.names
        if self.next.kind == "string" or (ends and self.next.text in _LITERALS):
            token = self.take()
            value = token.text if token.kind == "string" else _LITERALS[token.text]
            return self.form("literal", token.at, detail=value)
        return self.compared()

    def _place(self) -> Form:
        """Read what Python's brackets take: an entry, a slice, None, … or a formula."""
        at = self.next.at
        dots = 0
        while self.accept(".", "…"):
            dots += 1
        if dots:
            return self.form("literal", at, detail=Ellipsis)
        bounds = [self.form("literal", at) if self.sign() == ":" else self._argument()]
        if self.sign() != ":":
            return bounds[0]
        while self.accept(":") and len(bounds) < 4:
            missing = self.sign() in {":", ",", "]"}
            bounds.append(self.form("literal", at) if missing else self.compared())
        if len(bounds) > 3:
            self.complain("no index is written here")
        return self.form("slice", at, bounds)

    def _place_or_list(self) -> Form:
        """Read an argument of scatter(g, (4,), [1:3]), of which the last is an index."""
        before = self.place
        if token := self.accept("["):
            index = self.form("index", token.at, self._items(token, self._place))
            if self.sign() in {",", ")"}:
                return index
            self.place = before  # [a > b]·g is what is put there
        return self._argument()

    def _constant(self, form: Form) -> Any:
        """Return what an option is set to: a whole number, several of them, a truth value, None."""
        if form.kind == "literal":
            return form.detail
        if form.kind == "group" and form.parts[0].kind == "list":
            return tuple(map(self._constant, form.parts[0].parts))
        if form.kind in {"negative", "group"}:
            value = self._constant(form.parts[0])
            return -value if form.kind == "negative" and isinstance(value, int) else value
        if form.kind != "number" or form.detail != form.detail // 1 or form.detail > 10**6:
            shown = self.text[form.at : form.end]
            self.complain(f"{shown!r} is no whole number", form)
        return int(form.detail)

    # --- atoms ------------------------------------------------------------------------------------

    def atom(self) -> Form:
        """Read what stands alone: a number, a name, a call, or something in brackets."""
        token = self.take()
        if token.text == "1" and self.sign() == "_":
            return self._ones(token)
        if token.kind == "number":
            return self.form("number", token.at, detail=float(token.text))
        if token.kind == "word":
            return self._word(token)
        if token.kind == "sign" and token.text in self.readers:
            with self.deeper():
                return self.readers[token.text](token)
        if token.kind == "end":
            self.complain("the claim ends where a number, a name or '(' is expected")
        return self.complain(f"{token.shown!r} is not expected here", token)

    def call(self, at: int, function: str, *parts: Form) -> Form:
        return self.form("call", at, parts, (function, {}))

    def _brackets(self, opened: Token) -> Form:
        found = self._items(opened, self.compared)
        if len(found) > 1 or self.tokens[self.place - 2].text == ",":
            found = [self.form("list", opened.at, found)]
        # Remembered, so that (Σa)·b is not taken for Σa·b, nor (a/b) c for a/b c.
        again = found[0].kind == "group" and opened.text != "["  # which may be a list of one
        return found[0] if again else self.form("group", opened.at, found, opened.text)

    def _enclosed(self, opened: Token) -> Form:
        """Read |x|, ‖x‖ and its order, ⟨a, g⟩, ⌊x⌋, ⌊x/y⌋, which is one operation, and ⌈x⌉."""
        parts = self._items(opened, self.compared)
        wanted = 2 if opened.text == "⟨" else 1
        if len(parts) != wanted:
            self.complain(f"{opened.shown!r} takes {wanted} form(s), not {len(parts)}", opened)
        if opened.text == "‖" and self.accept("_"):
            brace = self.accept("{")
            frobenius = self.next.text == "F" and "F" not in self.names  # of all entries, as here
            order = self._inside(brace) if brace else self.take() if frobenius else self.atom()
            parts += [order] if isinstance(order, Form) else []
        inner = _bare(parts[0])
        if opened.text == "⌊" and inner.kind == "quotient":
            return self.call(opened.at, "floor_divide", *inner.parts)
        name = {"|": "abs", "‖": "norm", "⟨": "vdot", "⌊": "floor", "⌈": "ceil"}[opened.text]
        return self.call(opened.at, name, *parts)

    def _root(self, token: Token) -> Form:
        r"""Read √x, ∛x, \sqrt{x} and \sqrt[3]{x}."""
        name = "cbrt" if token.text == "∛" else "sqrt"
        if token.shown != "√" and (opened := self.accept("[")):
            order = self.take()
            self.expect("]", opened)
            if order.text != "3":
                self.complain("write x^(1/n) for another root", order)
            name = "cbrt"
        closed = self.sign() in {"(", "{"}  # √(x)² is the square of the root
        return self.call(token.at, name, self.atom() if closed else self.power())

    def _fraction(self, token: Token) -> Form:
        r"""Read \frac{a}{b}, and \frac12, which is 1/2."""
        if self.sign() == "{" and (found := self._derivative(token, self.place, braced=True)):
            return found
        parts = []
        for _ in range(2):
            digit = self.next
            if digit.kind == "number" and len(digit.text) > 1:
                others = replace(digit, text=digit.text[1:], shown=digit.text[1:], at=digit.at + 1)
                digit = replace(digit, text=digit.text[0], shown=digit.text[0])
                self.tokens[self.place : self.place + 1] = [digit, others]
            parts.append(self.atom())
        return self.form("group", token.at, [self.form("quotient", token.at, parts)])

    def _partial(self, token: Token) -> Form:
        found = self._derivative(token, self.place - 1)
        return found or self.complain(f"{token.shown!r} is not expected here", token)

    def _derivative(self, token: Token, place: int, *, braced: bool = False) -> Form | None:
        r"""Read ∂a_k/∂z_j, da/dz and \frac{d}{dz} (…), which begin at a place; None if none does.

        The free indices of what is differentiated come first, then those of z.
        """
        before, kept = self.place, [*self.tokens]
        self.place = place + braced
        body: Form | None = None
        there = self._accept_d()
        if there and self.sign() not in {"/", "}"}:
            name = self.top(self.next.text)
            body = self.power() if name is None else self.form("leaf", self.take().at, detail=name)
        there = there and all(self.accept(sign) for sign in ("}{" if braced else "/"))
        if not (there and self._accept_d()):
            self.place, self.tokens = before, kept
            return None
        word = self.take()
        below = self._longer(word.text) or self._lookup(word.text)
        if below is None:
            self.complain(f"nothing is called {word.text!r}; {self._meant(word.text)}", word)
        places = self._lowered() if self.sign() == "_" and not self.next.gap else []
        if braced:
            self.expect("}", token)
        body = self.with_lengths(body or self.power())
        letters = [self.form("letter", body.at, detail=letter) for letter in free_letters(body)]
        found = self.form("derivative", token.at, letters, (body, below, bool(places)))
        if places:
            found = self.form("indexed", token.at, [found, *letters, *places])
        return found

    def _accept_d(self) -> bool:
        """Pass ∂, d, or the d of dz."""
        token = self.next
        if self.accept("∂"):
            return True
        rest = token.text[1:]
        if token.kind != "word" or token.text[0] != "d" or self._lookup(token.text) is not None:
            return False
        if rest:
            after = replace(token, text=rest, shown=rest, at=token.at + 1, gap=False)
            self.tokens[self.place] = after
        self.place += not rest
        return True

    def _ones(self, token: Token) -> Form:
        """Read the vector of ones, or 𝟙[a > b], which is 1 where that is so."""
        before = self.place
        lowered = self.accept("_")
        if lowered and self.next.text in self.dimensions:  # as long as N
            return self.call(token.at, "ones", self.atom())
        if self.sign() in {"[", "(", "{"}:
            inner = _bare(self.atom())
            if is_comparison(inner):
                return self.form("group", token.at, [inner])
            if lowered and inner.kind in {"dimension", "number"}:
                return self.call(token.at, "ones", inner)
        self.place = before
        return self.form("ones", token.at)

    def _cases(self, opened: Token) -> Form:
        r"""Read \begin{cases} a & c \\ b & else \end{cases}."""
        first = self.total()
        self.accept(",")
        self.expect("&", opened)
        if self.next.text in {"if", "for", "when"}:
            self.take()
        condition = self.compared()
        self.accept(",")
        self.expect("\\\\", opened)
        second = self.total()
        while self.sign() != "end cases" and self.next.kind != "end":
            self.take()
        self.expect("end cases", opened)
        return self.call(opened.at, "where", condition, first, second)

    def _matrix(self, opened: Token) -> Form:
        r"""Read \begin{bmatrix} a & b \\ c & d \end{bmatrix}; one column is a vector."""
        rows: list[list[Form]] = []
        while not rows or (self.accept("\\\\") and self.sign() != "end matrix"):
            rows.append([self.total()])
            while self.accept("&"):
                rows[-1].append(self.total())
        self.expect("end matrix", opened)

        def listed(forms: Iterable[Form]) -> Form:
            return self.form("group", opened.at, [self.form("list", opened.at, forms)], "[")

        if all(len(row) == 1 for row in rows):
            return listed(row[0] for row in rows)
        return listed(map(listed, rows))

    # --- sums -------------------------------------------------------------------------------------

    def _reduction(self, token: Token, name: str = "") -> Form:
        """Read Σ, which may say over which indices, and what is summed."""
        letters, conditions = self._bounds()
        sign = self.accept("-", "+") if letters else None  # Σₖ −yₖ/aₖ
        body = (
            self._summed(letters)
            if sign is None
            else self.negated(sign, lambda: self._summed(letters))
        )
        uses = not set(letters).isdisjoint(free_letters(body))
        detail = (name or _REDUCTIONS[token.text], letters)
        found = self.form("reduction", token.at, [body, *conditions], detail)
        closed = body.kind == "group" or (body.kind == "call" and body.detail[0] in {"abs", "norm"})
        return self.form("group", token.at, [found]) if uses or closed else found

    def _summed(self, letters: tuple[str, ...]) -> Form:
        """Read a power, and what is beside it if the sum is over an index that stands in it."""
        body = self.power()
        bound = set(letters)
        if letters and bound.isdisjoint(free_letters(body)):  # perhaps in a factor behind it
            place, kept = self.place, [*self.tokens]
            try:
                whole = self.factors(self.beside(body))
            except ClaimError:
                whole = body
            if not bound.isdisjoint(free_letters(whole)):
                return whole
            self.place, self.tokens = place, kept
            return body
        return self.factors(self.beside(body)) if letters else body

    def _bounds(self) -> tuple[tuple[str, ...], list[Form]]:
        r"""Read what stands below and above Σ: Σₖ, Σ_{i ≤ j}, \sum_{k=1}^{K}."""
        letters: list[Form] = []
        conditions: list[Form] = []
        underscore = self.next
        for each in self._lowered() if self.sign() == "_" else ():
            condition = each.kind == "call"
            letters.append(each.parts[0] if condition else each)
            if letters[-1].kind == "number":
                self.complain("a sum is over a letter", underscore)
            begins = condition and each.detail[0] == "equal" and each.parts[1].kind == "number"
            if begins and each.parts[1].detail not in {0.0, 1.0}:
                write = "write the bounds of a sum as a condition, such as Σ_{k ≥ j}"
                self.complain(write, underscore)
            if condition and not begins:
                equal = each.detail[0] == "equal"
                conditions.append(replace(each, detail=("greater_equal", {})) if equal else each)
        if raised := self.accept("^"):
            upper = _bare(self._exponent())
            if letters and upper.kind == "letter":
                self.uppers.setdefault(upper.detail, letters[-1])
                detail = "less_equal", {"above": upper.detail}
                conditions.append(self.form("call", raised.at, [letters[-1], upper], detail))
        return tuple(letter.detail for letter in letters), conditions

    # --- words ------------------------------------------------------------------------------------

    def _word(self, token: Token) -> Form:
        """Read a name, the call of a function, or what else a word may be."""
        word = token.text
        function, name = self._function(word), None
        if not token.is_of_a_module:
            name = self._longer(word) or (word if word in self.names else None)
            if name is None and len(word) == 1 and token.shown[0] == "\\":
                name = self.spelled.get(plain(word))
        alike = None if token.is_of_a_module else self.spelled.get(plain(word))
        called = self.sign() in {"(", "′", "[", "{"} or alike is None
        bare = word in {"ones", "eye", "identity"} and self.sign() != "("
        if name is None and function is not None and called and not bare:
            return self._call(token, function)
        if name is not None or alike is not None:
            return self.form("leaf", token.at, detail=name or alike)
        return self._other(word, token)

    def _lookup(self, word: str) -> str | None:
        return word if word in self.names else self.spelled.get(plain(word))

    def _function(self, word: str) -> str | None:
        found = self.functions.get(word)
        return self.functions.get(word.lower()) if found is None and len(word) > 1 else found

    def _longer(self, word: str) -> str | None:
        """Return the name that a word is with what stands behind it: W₂, W_{out}, W^{(2)}."""
        if self.sign() not in {"_", "^"} or self.next.gap:
            return None
        end = self.place + 1
        if self.tokens[end].text == "{":
            while self.tokens[end].text not in {"}", ""}:
                end += 1
        inside = "".join(token.text for token in self.tokens[self.place + 1 : end + 1]).strip("{}")
        turned = inside.endswith(("ᵀ", "T")) and inside[:1] in {"(", "["}  # W^{(2)ᵀ}
        if self.sign() == "^":
            layer = re.fullmatch(r"[(\[](\w+)[)\]][ᵀT]?", inside)
            inside = layer[1] if layer and word not in self.names else ""
        longer = self.spelled.get(plain(word + inside)) if inside else None
        if longer in {None, word} or (word in self.names and inside.isalpha()):
            return None  # vⱼ, where v_j is another
        self.place = end + 1
        if turned:
            self.tokens.insert(self.place, replace(self.tokens[end], text="ᵀ"))
        return longer

    def _call(self, token: Token, function: str) -> Form:
        """Read a function and its arguments; with one argument, log a needs no parentheses."""
        if function in {"max", "min", "sum", "prod", "mean"} and self.sign() == "_":
            return self._reduction(token, function)
        indices: list[Form] = []
        if self.sign() == "_" and not self.next.gap:
            if function == "log":
                function += self._base_of_logarithm()
            else:
                indices = self._lowered()  # softmax_j(z)
        primes = 0
        while self.sign() == "′" or (self.sign() == "^" and self.ahead.text == "′"):
            self.accept("^")
            self.take()
            primes += 1
        if primes > 1:
            self.complain("write a second derivative out", token)
        exponent = self._exponent() if self.accept("^") else None
        if exponent is not None and exponent.kind == "negative":
            self.complain(f"{token.shown}⁻¹ can be read in two ways; write 1/f(x)", token)
        options: dict[str, Any] = {}
        if opened := self.accept("("):
            read = self._place_or_list if function == "scatter" else self._argument
            every = self._items(opened, read)
            arguments = [form for form in every if form.kind != "option"]
            options = {o.detail: self._constant(o.parts[0]) for o in every if o.kind == "option"}
        else:
            with self.deeper():
                (argument,) = arguments = [self.power()]
            inner = argument.parts[:1] if argument.kind == "group" else ()
            if inner and inner[0].kind == "list":  # max{0, x}
                arguments = [*inner[0].parts]
            elif function == "log" and argument.kind == "call" and argument.detail[0] == "softmax":
                function, arguments = "log_softmax", [*argument.parts]  # which is one operation
                options = argument.detail[1]
        detail: Any = function if primes else (function, options)
        found = self.form("slope" if primes else "call", token.at, arguments, detail)
        if indices:
            found = self.form("indexed", token.at, [found, *indices])
        if exponent is None:
            return found
        return self.form("power", token.at, [self.behind(found), exponent])

    def _base_of_logarithm(self) -> str:
        """Read the 2 of log₂ x."""
        self.take()
        brace = self.accept("{")
        base = self.take().text
        if brace is not None:
            self.expect("}", brace)
        if base not in {"2", "10"}:
            self.complain("write log x / log b for a logarithm to another base")
        return base

    def _method(self, base: Form, dot: Token) -> Form:
        """Read X.sum(axis=0), X.shape[0], X.size: a call with X as its first argument."""
        word = self.take()
        function = self._function(word.text) if word.kind == "word" else None
        if word.text in {"data", "value", "values", "numpy"}:
            if opened := self.accept("("):
                self.expect(")", opened)
            return base
        if word.text in {"shape", "size", "ndim"}:
            return self.call(word.at, word.text, base)
        if function is None or self.sign() != "(":
            self.complain(f"{dot.shown!r} is not expected here", dot)
        found = self._call(word, function)
        return self.form(found.kind, word.at, (base, *found.parts), found.detail)

    def _other(self, word: str, token: Token) -> Form:
        """Read what is no name of an array: N, δ₁, e, I, or several names without a gap."""
        if word[0] == "d" and (found := self._derivative(token, self.place - 1)):
            return found
        lowered = self.sign() == "_" and not self.next.gap
        after = "".join(token.text for token in self.tokens[self.place : self.place + 3])
        indexed = lowered or after == "^{("  # x^{(i)}
        make = partial(self.form, at=token.at)
        if word in self.dimensions:
            return make("dimension", detail=word)
        if word in {"δ", "delta", "I"} and lowered:
            indices = self._lowered()
            length = indices[0].detail if len(indices) == 1 else None
            if isinstance(length, str) and length in self.dimensions:  # I_N
                letter = make("dimension", detail=length)
                return self.call(token.at, "eye", letter)
            return make("delta", parts=indices)
        if word in _CONSTANTS:
            return make("constant", detail=_CONSTANTS[word])
        if word in {"ones", "𝟏"}:
            return make("ones")
        if word in {"I", "eye"}:
            return make("delta")
        split = self._split(word)
        if len(split) == len(set(split)) > 0:
            *others, last = (self._piece(piece, token) for piece in split)
            found = self.behind(last)  # what follows UV is raised or lowered at V alone
            for piece in reversed(others):
                found = make("beside", parts=[piece, found])
            return found
        if indexed and word.islower() and (entry := self._lookup(word.upper())) is not None:
            return make("leaf", detail=entry)  # xᵢⱼ is an entry of X
        mean = unicodedata.normalize("NFD", word).removesuffix(_BAR)
        if mean != word and (name := self._lookup(mean)) is not None:
            return self.call(token.at, "mean", make("leaf", detail=name))
        if len(word) == 1 and word.isalpha() and word.isascii() and not lowered:
            return make("letter", detail=word)
        return self.complain(f"nothing is called {word!r}; {self._meant(word)}", token)

    def _piece(self, word: str, token: Token) -> Form:
        if (name := self._lookup(word)) is not None:
            return self.form("leaf", token.at, detail=name)
        if word in self.dimensions:
            return self.form("dimension", token.at, detail=word)
        return self.form("delta", token.at)

    def _split(self, word: str) -> list[str]:
        """Cut Xw into X and w, where both are names."""
        if self._is_piece(word):
            return [word]
        for end in range(len(word) - 1, 0, -1) if len(word) <= LONGEST_SPLIT else ():
            if self._is_piece(word[:end]) and (rest := self._split(word[end:])):
                return [word[:end], *rest]
        return []

    def _is_piece(self, word: str) -> bool:
        whole = word.strip("_") == word and self._lookup(word) is not None
        return whole or word in {"I", *self.dimensions}

    def _meant(self, word: str) -> str:
        known = [*self.names, *self.dimensions]
        near = difflib.get_close_matches(word[:40], [*known, *self.functions], 1, 0.5)
        there = ", ".join(sorted(known))
        return f"did you mean {near[0]!r}? There are: {there}" if near else f"there are: {there}"


def _with_lengths(form: Form, lengths: Mapping[str, Form]) -> Form:
    """Say which index each letter of a length belongs to."""
    if form.kind == "letter" and form.detail in lengths:
        return replace(form, kind="length", detail=lengths[form.detail])
    return replace(form, parts=tuple(_with_lengths(part, lengths) for part in form.parts))


def _as_letter(form: Form) -> Form:
    """Take n for an index in X[n], though it may be another word for the length N."""
    counts = form.kind == "dimension" and form.detail.islower()
    inner = form.parts if form.kind != "total" else tuple(map(_as_letter, form.parts))
    return replace(form, kind="letter" if counts else form.kind, parts=inner)


def _bare(form: Form) -> Form:
    """Return a form without the brackets around it."""
    while form.kind == "group":
        (form,) = form.parts
    return form


def _is_bare_sum(form: Form) -> bool:
    """Whether a sum is written without brackets around what is summed."""
    if form.kind in {"product", "beside", "negative"} and form.detail != "@":
        return _is_bare_sum(form.parts[-1])
    return form.kind == "reduction"


def _into_sum(form: Form, factor: Form, join: Callable[[list[Form]], Form]) -> Form:
    """Join a factor to what a bare sum sums."""
    if form.kind == "reduction":
        return replace(form, parts=(join([form.parts[0], factor]), *form.parts[1:]))
    return replace(form, parts=(*form.parts[:-1], _into_sum(form.parts[-1], factor, join)))


def _loose(form: Form, indices: bool, counts: bool = False) -> Iterator[Form]:
    """Yield the letters that are no index; where nothing has `indices`, all but [j ≥ 1]."""
    if form.kind == "letter" and not (counts and (indices or form.detail in "ijklmn")):
        yield form
    counting = counts or form.kind in {"indexed", "delta", "derivative"} or is_comparison(form)
    for part in form.parts:
        yield from _loose(part, indices, counting)


def _is_left(written: str) -> bool:
    """Whether this is what a gradient is called: ∂L/∂z, dL/dz, ∇L, grad_z, dz, z.grad, J."""
    letters = r"[∂∇⟨δ]|d|grad|[JH]\b|\w\u0304"
    words = rf"\\?([dt]?frac|partial|nabla|mathrm|operatorname|delta|bar)|{letters}"
    start = re.match(words, unicodedata.normalize("NFD", written))
    return bool(start) or written.endswith(".grad")


def _without_alignment(found: list[Token]) -> list[Token]:
    r"""Drop & and \\\\ that break a formula into lines, but for those of cases and matrices."""
    kept = []
    inside = 0
    signs = {"+", "-", "·", "⊙", "@", "/", "=", "&", "\\\\"}
    for token, after in zip(found, [*found[1:], found[-1]], strict=True):
        if token.kind == "sign" and token.text.startswith(("begin ", "end ")):
            inside += 1 if token.text.startswith("begin ") else -1
        breaks = token.text == "\\\\" and (after.kind == "end" or after.text in signs)
        if inside or token.kind != "sign" or not (token.text == "&" or breaks):
            kept.append(token)
    return kept
