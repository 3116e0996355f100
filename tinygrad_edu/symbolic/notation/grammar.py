"""The small grammar of formulas that a student may type, and its parser.

It reads what derivations print, such as a·(g − Σ(a·g)) and Xᵀ(A − Y)/N, and what is easy to type,
such as a*(g - sum(a*g)) and X.T @ (A - Y) / N. Nothing is evaluated here: the text becomes a tree.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from tinygrad_edu.symbolic.notation.tokens import (
    LOWERED,
    SAME,
    SUBSCRIPTS,
    SUPERSCRIPTS,
    Token,
    tokens,
)

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "ClaimError", "Tree", "parse"]

#: A text longer than this, or nested deeper, is refused.
MAX_LENGTH = 1000
MAX_DEPTH = 40


class ClaimError(ValueError):
    """A claim that cannot be read: one sentence, and below it a mark at the place."""

    def __init__(self, sentence: str, text: str = "", at: int | None = None) -> None:
        shown = " ".join(text.split("\n"))
        if at is not None and len(shown) <= MAX_LENGTH:
            # What stands above its letter, as in x̂, takes no room of its own.
            room = sum(not unicodedata.combining(c) for c in shown[:at])
            sentence = f"{sentence} (at character {at + 1})\n  {shown}\n  {' ' * room}^"
        super().__init__(f"check_answer: {sentence}")


@dataclass(frozen=True)
class Tree:
    """One form of a claim: what it is, its parts, and where in the text it stands.

    The kinds are "number", "constant", "name", "entry", "basis", "dimension", "call", "reduction",
    "group", "negative", "total", "times", "over", "matrix product", "beside" (two forms side by
    side), "power" and "transpose"; `detail` holds what is no tree: a value, a name, signs.
    """

    kind: str
    at: int
    parts: tuple[Tree, ...] = ()
    detail: Any = None
    depth: int = 1


_COMPARISONS = {
    "=": "equal",
    "≠": "not_equal",
    "<": "less",
    "≤": "less_equal",
    ">": "greater",
    "≥": "greater_equal",
}
_TRANSPOSES = frozenset({"ᵀ", "⊤", ".T"})


def parse(
    text: str,
    names: Collection[str],
    *,
    dimensions: Collection[str] = (),
    functions: Collection[str] = (),
) -> Tree:
    """Read a formula.

    Parameters
    ----------
    text : str
        At most `MAX_LENGTH` characters, nested at most `MAX_DEPTH` deep.
    names, dimensions : collection of str
        What arrays are called, and lengths such as N.
    functions : collection of str
        What may be applied to arguments in parentheses.

    Returns
    -------
    Tree
        The form.

    Raises
    ------
    ClaimError
        With one sentence and the place, if it is no formula or a name is not known.

    Notes
    -----
    From loose to tight: sums and differences; · and / from left to right; @ and forms side by
    side, which are matrix products (or a number times something); signs; powers and transposes.
    Σ reaches over the power that follows it.

    Examples
    --------
    >>> from tinygrad_edu.symbolic.notation.grammar import parse
    >>> parse("(a − y)/N", ["a", "y"], dimensions=["N"]).kind
    'over'
    """
    if not text.strip():
        raise ClaimError("the claim is empty; write a formula such as 'a − y'")
    if len(text) > MAX_LENGTH:
        raise ClaimError(f"the claim has {len(text)} characters, more than {MAX_LENGTH}")
    parser = _Parser(text, names, dimensions, functions)
    tree = parser.total()
    if parser.next.kind != "end":
        parser.complain(f"{parser.next.text!r} is not expected here", parser.next)
    return tree


class _Parser:
    """Recursive descent: one method per level of the grammar, from loose to tight."""

    def __init__(
        self,
        text: str,
        names: Collection[str],
        dimensions: Collection[str],
        functions: Collection[str],
    ) -> None:
        self.text = text
        self.names, self.dimensions, self.functions = names, dimensions, functions
        self.tokens = tokens(text, names)
        self.place = 0
        self.depth = 0
        self.open = ""  # the sign that closes what was opened last
        self.readers = {
            "(": self._brackets,
            "[": self._brackets,
            "|": self._magnitude,
            "‖": self._norm,
            "√": self._root,
            "Σ": self._reduction,
            "Π": self._reduction,
        }

    # --- tokens -----------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    def sign(self) -> str:
        """Return the sign that comes next, in its one spelling."""
        token = self.next
        return SAME.get(token.text, token.text) if token.kind == "sign" else ""

    def take(self) -> Token:
        token = self.next
        self.place += 1
        return token

    def accept(self, *signs: str) -> Token | None:
        return self.take() if self.sign() in signs else None

    def expect(self, sign: str, opened: Token) -> None:
        if not self.accept(sign):
            found = "the end" if self.next.kind == "end" else repr(self.next.text)
            self.complain(f"{opened.text!r} is not closed: expected {sign!r}, got {found}")

    def complain(self, sentence: str, token: Token | None = None) -> NoReturn:
        raise ClaimError(sentence, self.text, (token or self.next).at)

    def tree(self, kind: str, at: int, parts: Iterable[Tree] = (), detail: Any = None) -> Tree:
        parts = tuple(parts)
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise ClaimError(f"the claim is nested more than {MAX_DEPTH} deep", self.text, at)
        return Tree(kind, at, parts, detail, depth)

    # --- levels -----------------------------------------------------------------------------------

    def compared(self) -> Tree:
        """Read a formula or, in brackets, two with ≤ or the like between them."""
        left = self.total()
        name = _COMPARISONS.get(self.sign())
        if name is None:
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
        left = self.beside()
        while True:
            token = self.next
            reaches = _is_bare_sum(left)
            if self.accept("·"):
                left = self.tree("times", token.at, [left, self.signed(self.beside)])
            elif self.accept("@"):
                left = self.tree("matrix product", token.at, [left, self.signed(self.beside)])
            elif self.accept("/"):
                reaches = False
                left = self.tree("over", token.at, [left, self.signed(self.power)])
                if self.begins_a_form() and not self.next.gap:
                    self.complain("what is below / can be read in two ways; write a/(b·c) or a/b·c")
            elif self.begins_a_form():  # 1/N X
                left = self.tree("beside", token.at, [left, self.beside()])
            else:
                return left
            if reaches:
                self.complain(
                    "a sum before a product can be read in two ways; write Σ(a·b) or (Σa)·b", token
                )

    def beside(self) -> Tree:
        """Read forms side by side or with @ between them."""
        left = self.power()
        while not _is_bare_sum(left):
            token = self.next
            if self.accept("@"):
                left = self.tree("matrix product", token.at, [left, self.signed(self.power)])
            elif self.begins_a_form():
                left = self.tree("beside", token.at, [left, self.power()])
            else:
                break
        return left

    def begins_a_form(self) -> bool:
        if self.next.kind in {"number", "word"}:
            return True
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

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """Count one level of nesting, so that Python's own limit is never met."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.complain(f"the claim is nested more than {MAX_DEPTH} deep")
        yield
        self.depth -= 1

    def power(self) -> Tree:
        """Read a form with what is raised behind it: powers and transposes."""
        base = self.atom()
        while True:
            token = self.next
            if token.kind == "raised":
                self.take()
                exponent = self._raised(token)
            elif self.sign() == "^":
                self.take()
                if self._is_transpose():
                    self.take()
                    base = self.tree("transpose", token.at, [base])
                    continue
                with self.deeper():
                    exponent = self.signed(self.power)
            elif token.kind == "sign" and token.text in _TRANSPOSES:
                self.take()
                base = self.tree("transpose", token.at, [base])
                continue
            else:
                return base
            base = self.tree("power", token.at, [base, exponent])

    def _is_transpose(self) -> bool:
        return self.next.text in {"T", "⊤"} and self.next.text not in self.names

    def _raised(self, token: Token) -> Tree:
        written = token.text.translate(SUPERSCRIPTS)
        match = re.fullmatch(r"(-?\d+)(?:/(\d+))?", written)
        if match is None or match[2] in {"0", "00"}:
            self.complain(f"{token.text!r} is no number", token)
        value = int(match[1]) / int(match[2] or 1)
        return self.tree("number", token.at, detail=value)

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
        self.place -= 1
        if token.kind == "end":
            self.complain("the claim ends where a number, a name or '(' is expected")
        return self.complain(f"{token.text!r} is not expected here", token)

    def _brackets(self, opened: Token) -> Tree:
        inner = self._inside(opened, ")" if opened.text == "(" else "]")
        # Remembered, so that (Σa)·b is not taken for Σa·b.
        return self.tree("group", opened.at, [inner]) if _is_bare_sum(inner) else inner

    def _magnitude(self, opened: Token) -> Tree:
        return self.tree("call", opened.at, [self._inside(opened, "|")], ("abs", {}))

    def _norm(self, opened: Token) -> Tree:
        inner = self._inside(opened, "‖")
        return self.tree("call", opened.at, [inner, *self._order()], ("norm", {}))

    def _root(self, token: Token) -> Tree:
        return self.tree("call", token.at, [self.power()], ("sqrt", {}))

    def _inside(self, opened: Token, closing: str) -> Tree:
        """Read up to a closing sign; | and ‖ close what they opened."""
        outer, self.open = self.open, closing
        inner = self.compared()
        self.open = outer
        self.expect(closing, opened)
        return inner

    def _order(self) -> list[Tree]:
        """Read the p of ‖z‖_p or ‖z‖₂, if it is there."""
        token = self.next
        if token.kind == "lowered":
            self.take()
            written = token.text.translate(SUBSCRIPTS)
            if written.isdigit():
                return [self.tree("number", token.at, detail=float(written))]
            return [self._name(written, token)]
        return [self.atom()] if self.accept("_") else []

    def _reduction(self, token: Token) -> Tree:
        """Read Σ, which may say over which indices, and what is summed."""
        letters = ""
        if self.next.kind == "lowered":
            letters = self.take().text.translate(SUBSCRIPTS)
        elif self.accept("_"):
            brace = self.accept("{")
            letters = self.take().text
            if brace:
                self.expect("}", brace)
        closed = self.sign() in {"(", "[", "|", "‖"}
        name = "sum" if token.text == "Σ" else "prod"
        return self.tree("reduction", token.at, [self.power()], (name, letters, closed))

    def _word(self, token: Token) -> Tree:
        word = token.text
        if word in self.names:
            return self._entry(token)
        if (primed := word.replace("'", "′")) in self.names:
            return self._entry(replace(token, text=primed))
        if word in self.functions:
            return self._call(token)
        return self._name(word, token)

    def _entry(self, token: Token) -> Tree:
        """Read a name, or an entry of it: z₁, Z[0, 1], Z[0, :]."""
        if self.next.kind == "lowered" and not self.next.gap:  # of a name such as softmax(z)
            lowered = self.take()
            return self._name(token.text + lowered.text, lowered)
        if self.sign() == "[" and not self.next.gap:
            opened = self.take()
            places: list[int | None] = []
            while True:
                places.append(None if self.accept(":") else self._integer())
                if not self.accept(","):
                    break
            self.expect("]", opened)
            return self.tree("entry", token.at, detail=(token.text, tuple(places)))
        return self.tree("name", token.at, detail=token.text)

    def _integer(self) -> int:
        minus = self.accept("-")
        token = self.take()
        if not token.text.isdecimal():
            self.complain(f"{token.text!r} is no whole number", token)
        return -int(token.text) if minus else int(token.text)

    def _call(self, token: Token) -> Tree:
        """Read a function and its arguments; with one argument, log a needs no parentheses."""
        opened = self.accept("(")
        if opened is None:
            return self.tree("call", token.at, [self.power()], (token.text, {}))
        outer, self.open = self.open, ")"
        arguments: list[Tree] = []
        options: dict[str, int] = {}
        while True:
            ahead = self.tokens[self.place + 1 : self.place + 2]
            if self.next.text in {"axis", "keepdims"} and ahead and ahead[0].text == "=":
                option = self.take().text
                self.take()
                options[option] = self._option()
            else:
                arguments.append(self.compared())
            if not self.accept(","):
                break
        self.open = outer
        self.expect(")", opened)
        return self.tree("call", token.at, arguments, (token.text, options))

    def _option(self) -> int:
        if self.next.text in {"True", "False"}:
            return int(self.take().text == "True")
        return self._integer()

    def _name(self, word: str, token: Token) -> Tree:
        """Read what is no name of an array: N, δ₁, e, or several names without a gap."""
        if word in self.names:
            return self.tree("name", token.at, detail=word)
        if word in self.dimensions:
            return self.tree("dimension", token.at, detail=word)
        written = word.translate(SUBSCRIPTS)
        if match := re.fullmatch(r"δ_?(\d+)", written):
            return self.tree("basis", token.at, detail=int(match[1]))
        if word in {"e", "π", "pi"}:
            return self.tree("constant", token.at, detail="e" if word == "e" else "π")
        stem, index = _indexed(word)
        if stem in self.names and index.isdigit():
            return self.tree("entry", token.at, detail=(stem, tuple(map(int, index))))
        split = self._split(word)
        if len(split) == len(set(split)) > 0:
            pieces = [
                self.tree("name" if piece in self.names else "dimension", token.at, detail=piece)
                for piece in split
            ]
            left = pieces[0]
            for piece in pieces[1:]:
                left = self.tree("beside", token.at, [left, piece])
            return left
        if stem in self.names:
            self.complain(f"write {stem} without its index {index}", token)
        return self.complain(f"nothing is called {word!r}; {self._meant(word)}", token)

    def _split(self, word: str) -> list[str]:
        """Cut Xw into X and w, where both are names."""
        if not word:
            return []
        for end in range(len(word) - 1, 0, -1):
            head, tail = word[:end], word[end:]
            if head not in self.names and head not in self.dimensions:
                continue
            if tail in self.names or tail in self.dimensions:
                return [head, tail]
            if rest := self._split(tail):
                return [head, *rest]
        return []

    def _meant(self, word: str) -> str:
        known = [*self.names, *self.dimensions]
        near = difflib.get_close_matches(word, [*known, *self.functions], 1, 0.5)
        there = ", ".join(sorted(known))
        return f"did you mean {near[0]!r}? There are: {there}" if near else f"there are: {there}"


def _indexed(word: str) -> tuple[str, str]:
    """Cut z_1, z₁ or y_k into a name and its index."""
    stem = word.rstrip(LOWERED)
    if stem != word:
        return stem, word[len(stem) :].translate(SUBSCRIPTS)
    stem, _, index = word.rpartition("_")
    return stem, index


def _is_bare_sum(tree: Tree) -> bool:
    """Whether a sum is written without brackets around what is summed."""
    if tree.kind in {"times", "beside", "negative"}:
        return _is_bare_sum(tree.parts[-1])
    return tree.kind == "reduction" and not tree.detail[2]
