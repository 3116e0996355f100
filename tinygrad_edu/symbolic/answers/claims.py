"""What a student believes, made computable: a function of the named tensors, or a text.

Either is computed with the public operations, on whatever stands for the names: on numbers, and
on the recorded Tensors, so that it becomes a graph.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.graph import ancestors, depends_on
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import real_array
from tinygrad_edu.symbolic.algebra.evaluate import Environment
from tinygrad_edu.symbolic.algebra.expr import Index, Leaf, Quantity, distinct
from tinygrad_edu.symbolic.derive.derivation import Derivation, Formula
from tinygrad_edu.symbolic.derive.recording import recorded_again
from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.grammar import ClaimError, Written
from tinygrad_edu.symbolic.notation.grammar import read as read_text
from tinygrad_edu.symbolic.notation.names import LOWERED, UNLOWERED
from tinygrad_edu.symbolic.notation.reader import FUNCTIONS, Reading, Scene, Ways, free_letters
from tinygrad_edu.symbolic.notation.source import identifiers, lengths_in
from tinygrad_edu.tensor import Tensor

__all__ = ["Claim", "Letters", "decimals", "lowered", "of_tree", "read", "source"]

#: Of no more numbers than this a derivation keeps the draws for the next claim.
MOST_KEPT = 100_000
#: What is differentiated, among the arrays of a scene.
OUTPUT = "∂"


class Letters:
    """What the letters of a derivation stand for: quantities by name, ranges by letter.

    `target` is what a claim is compared with: the result, or its Jacobian. `drawn` holds the
    numbers that claims are tried on, by whether they are of other sizes than the data; the next
    claim is tried on the same.
    """

    def __init__(self, derivation: Derivation, target: Formula | None = None) -> None:
        self.derivation, self.target = derivation, target or derivation.result
        formulas = [derivation.wrt, derivation.start, derivation.result, derivation.output]
        formulas += [formula for pair in derivation.definitions for formula in pair]
        self.exprs = list(dict.fromkeys(formula.expr for formula in formulas))
        leaves = (e for expr in self.exprs for e in distinct(expr) if isinstance(e, Leaf))
        self.quantities: dict[str, Quantity] = {}
        for quantity in dict.fromkeys(leaf.quantity for leaf in leaves):
            self.quantities.setdefault(" ".join(quantity.name.split()), quantity)
        self.ranges: dict[str, Index] = {}
        for quantity in self.quantities.values():
            for axis in quantity.axes:
                if axis is not None:
                    self.ranges.setdefault(axis.range.called, axis.range)
        small = sum(np.size(q.value) for q in self.quantities.values()) <= MOST_KEPT
        self.drawn: dict[bool, list[tuple[str, Environment]]] = derivation.drawn if small else {}
        spoken = (index for f in formulas for index in lengths_in(f.expr, f.axes))
        for index in spoken:  # N, and that of one_hot(y, N)
            self.ranges.setdefault(index.called, index)
        self.names = self._names()
        self.lengths = self._lengths()

    def _names(self) -> dict[str, str]:
        """Return how a name may be typed; one that is a formula itself, as softmax(z), is read."""
        names = {name: name for name in self.quantities}
        for name, quantity in self.quantities.items():
            if quantity.definition is not None and set(name) & set("(‖|[ "):
                others = [other for other in self.quantities if other != name]
                try:
                    read_text(name, others, functions=FUNCTIONS)
                except ClaimError:
                    continue
                del names[name]
        called = identifiers(self.quantities.values())
        for name, quantity in self.quantities.items():
            if name in names:  # as `python()` calls it
                names.setdefault(called[quantity], name)
        seed = self.derivation.seed
        if seed in names and seed.upper() not in names:
            names[seed.upper()] = seed
        return names

    def _lengths(self) -> dict[str, Index]:
        """Return how a length may be typed: n for N; N or K for a single one."""
        found = {letter: index for letter, index in self.ranges.items() if letter not in self.names}
        only = [*self.ranges.values()] * len("NKDMnkdm") if len(self.ranges) == 1 else []
        others = [*((letter.lower(), index) for letter, index in self.ranges.items())]
        for letter, index in [*others, *zip("NKDMnkdm", only, strict=False)]:
            if letter not in self.names:
                found.setdefault(letter, index)
        return found

    def scene(
        self,
        arrays: Mapping[str, Any],
        lengths: Callable[[Index], Any],
        shape: tuple[int, ...],
        letters: str = "",
    ) -> Scene:
        """Return a scene in which these arrays stand for the names."""
        ranges = {
            name: tuple(axis and axis.range for axis in quantity.axes)
            for name, quantity in self.quantities.items()
        }
        return Scene(
            {typed: arrays[name] for typed, name in self.names.items() if name in arrays},
            {typed: ranges[name] for typed, name in self.names.items()},
            {letter: lengths(index) for letter, index in self.lengths.items()},
            {index.letter.upper(): index.range for index in self.ranges.values()},
            shape,
            letters,
            partial(self._ways, arrays),
        )

    # --- derivatives of what was recorded ---------------------------------------------------------

    @cached_property
    def output(self) -> Tensor | None:
        """The vertex that L is in ∂L/∂a: what was differentiated, or Σ g ⊙ that."""
        derivation = self.derivation
        if not isinstance(derivation.wrt.source, Tensor):
            return None
        with np.errstate(all="ignore"):
            found = self.vertices.get(derivation.title[0])
            found = derivation.output.tensor() if found is None else found
            if derivation.incoming is None:
                return found
            entries: Tensor = found * self.quantities[str(derivation.incoming)].value
            return entries.sum()

    @cached_property
    def vertices(self) -> dict[str, Tensor]:
        """What was recorded, by name."""
        sources = ((name, quantity.source) for name, quantity in self.quantities.items())
        return {name: source for name, source in sources if isinstance(source, Tensor)}

    def top(self, word: str) -> str | None:
        """Return `OUTPUT` for a word that it is called by, unless it is made of what is so."""
        title = self.derivation.title[0]
        own = (title, title.rstrip("′")) if self.derivation.incoming is None else ()
        if self.output is None or not (word in own or word in {*"LℓℒJEC", "loss"}):
            return None
        name = self.names.get(word)
        other = self.vertices.get(name) if name is not None and name != title else None
        return None if other is not None and other in set(ancestors(self.output)) else OUTPUT

    def _ways(self, arrays: Mapping[str, Any], above: Collection[str], below: str) -> Ways:
        """Return how ∂a/∂z can be meant: along all paths, or while all other names are held."""
        if self.output is None:
            raise ClaimError("a derivative is read where the graph was recorded")
        every = {**self.vertices, OUTPUT: self.output}
        start = every.get(self.names[below])
        if start is None:
            raise ClaimError(f"{below} is a constant array; nothing is differentiated by it")
        tops = [every[name] for name in (self.names.get(x, x) for x in above) if name in every]
        between = depends_on(ancestors(*tops), [start]) - {start, *tops}
        held = {name: node for name, node in self.vertices.items() if node in between}
        aside = set(held.values())
        past = depends_on([node for node in ancestors(*tops) if node not in aside], [start])
        asked = start is self.derivation.wrt.source and self.output in set(tops)

        def again(kept: Collection[str], x: Any) -> dict[str, Any]:
            fixed = [(n, q) for n, q in self.quantities.items() if n in kept or not q.definition]
            instead = {id(source(q)): arrays[n] for n, q in fixed if n in arrays}
            found = recorded_again(every.values(), {**instead, id(start): x})
            new = {name: found[id(node)] for name, node in every.items() if id(node) in found}
            return {
                typed: new[self.names.get(typed, typed)]
                for typed in [*self.names, *new]
                if self.names.get(typed, typed) in new
            }

        ways = {} if asked else {f"∂/∂{below} along all paths": partial(again, ())}
        if held and not past.isdisjoint(tops):
            ways[f"∂/∂{below} while {', '.join(held)} stay as they are"] = partial(again, held)
        return ways


@dataclass(frozen=True)
class Claim:
    """A claim that was read: how it is written, and how it is computed in a scene.

    `reading` is how a text was read, and `letters` are the indices of its axes, and `notes` say
    where they were chosen.
    """

    written: str
    compute: Callable[[Scene], Any]
    tree: Form | None = None
    reading: Reading | None = None
    letters: str = ""
    notes: tuple[str, ...] = ()

    @property
    def derivatives(self) -> list[str]:
        """The derivatives that are left in it, such as ∂a/∂z, as they are written."""
        if self.tree is None or self.reading is None:
            return []
        left = [each for each in self.tree.walk() if each.kind == "derivative"]
        return list(dict.fromkeys(self.reading.written[e.at : e.end].strip() for e in left))


def read(claim: Any, letters: Letters) -> list[Claim]:
    """Read a claim; of one with indices there is a reading for every order they may have.

    Raises
    ------
    ClaimError
        If it cannot be read, or names what is not there.
    TypeError
        If it is neither a function nor a text.
    """
    if isinstance(claim, str):
        found = read_text(
            claim,
            letters.names,
            dimensions=letters.lengths,
            functions=FUNCTIONS,
            top=letters.top,
        )
        _refuse_another(found, claim, letters)
        orders = _orders(found, letters)
        return [of_tree(found.tree, claim, letters=order, notes=notes) for order, notes in orders]
    if callable(claim):
        return [_of_function(claim, letters)]
    raise TypeError(
        f"check_answer: the claim is a {type(claim).__name__}; give a function such as "
        "lambda a, y: a - y, or a text such as 'a − y'"
    )


def of_tree(
    tree: Form,
    written: str,
    chosen: Mapping[int, int] | None = None,
    letters: str = "",
    notes: tuple[str, ...] = (),
) -> Claim:
    """Make a claim of a text that was read; `chosen` says how, where there are several ways."""
    reading = Reading(written, chosen)
    shown = " ".join(written.split())
    return Claim(shown, lambda scene: reading.compute(tree, scene), tree, reading, letters, notes)


def decimals(claim: Claim) -> list[tuple[int, int]] | None:
    """Return the place of the last digit, and how many there are, of each decimal of a claim.

    None for a claim that is more than decimals.
    """
    found = []
    for each in claim.tree.walk() if claim.tree is not None else ():
        if each.kind == "number" and claim.reading is not None:
            match = re.match(r"(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?", claim.reading.written[each.at :])
            assert match is not None
            digits = (match[1] + match[2]).lstrip("0")
            found.append((int(match[3] or 0) - len(match[2]), len(digits)))
        elif each.kind not in {"negative", "group", "list"}:
            return None
    return found


def source(quantity: Quantity) -> Any:
    """Return the Tensor or the array that was recorded for a letter."""
    return quantity.value if quantity.source is None else quantity.source


# --- the indices of a text ------------------------------------------------------------------------


def _orders(found: Written, letters: Letters) -> list[tuple[str, tuple[str, ...]]]:
    """Return what the indices of the axes may be, the likeliest first, each with a note on it.

    They are those of the left side of a text, or those that the gradient is printed with; or
    else an index n stands for an axis that N counts, and all others follow the alphabet.
    """
    axes = [axis for axis in letters.target.axes if axis is not None]
    free = free_letters(found.tree)
    printed = _printed(letters.derivation.wrt)
    left = "".join(lowered(found.left))
    if len(set(left)) == len(left) == len(axes) and not set(free) <= set(left):
        raise ClaimError(
            f"the index {', '.join(sorted({*free} - {*left}))} is free, and the left side has "
            f"{', '.join(left)}; both sides of an equation have the same free indices"
        )
    others = "".join(letter for letter in free if letter not in printed)
    for order in (left, printed, others + printed if others else ""):
        short = order[max(len(order) - len(axes), 0) :]
        if len(set(short)) == len(axes) and set(free) <= set(short):
            return [(short, ())]
    spare = (letter for letter in "pqrstuvw" if letter not in free)
    named = {axis.letter: place for place, axis in enumerate(axes) if axis.letter in free}
    rest = iter([*(next(spare) for _ in axes[len(free) :]), *(x for x in free if x not in named)])
    places = {place: letter for letter, place in named.items()}
    mixed = "".join(places.get(i) or next(rest, "") for i in range(max(len(axes), len(free))))
    plain = mixed if len(free) < len(axes) else "".join(free)
    orders = dict.fromkeys([mixed, plain]) if len(free) > 1 else {mixed: None}
    note = "the indices were read in the order {}, rows before columns"
    return [(x, (note.format(", ".join(x)),) if len(free) > 1 else ()) for x in orders]


def _printed(formula: Formula) -> str:
    """Return the indices that a formula such as W is printed with."""
    return "".join(lowered(formula.text(indices=True))[-1:])


def lowered(written: str) -> list[str]:
    """Return the groups of letters that are lowered in a text."""
    pattern = rf"_\{{([^}}]*)\}}|_(\w+)|([{LOWERED}]+)"
    groups = (a or b or c.translate(UNLOWERED) for a, b, c in re.findall(pattern, written))
    plain = (re.sub(r"[\s,]|^[0-9]+", "", group) for group in groups)  # x₁ is a name in x₁ₙⱼ
    return [letters for letters in plain if letters.isalpha()]


def _refuse_another(found: Written, written: str, letters: Letters) -> None:
    """Refuse what says ∂L/∂W where the derivation is one with respect to z."""
    said = re.findall(r"(?:∂|\\partial\s*)\{?(\w+?)(?:_|\b)", found.left)
    wrt = " ".join(letters.derivation.title[1].split())
    if len(said) > 1 and said[-1] != wrt and said[-1] in letters.names and "∂" not in wrt:
        raise ClaimError(
            f"the claim is about ∂/∂{said[-1]}, and the derivation is with respect to {wrt}",
            written,
            0,
        )


# --- a function -----------------------------------------------------------------------------------


def _of_function(function: Callable[..., Any], letters: Letters) -> Claim:
    wanted, every = _parameters(function, letters)

    def compute(scene: Scene) -> Any:
        there = {**scene.lengths, **scene.arrays}
        positional = [there[name] for name in wanted]
        others = {n: there[n] for n in letters.quantities if n in there and n not in wanted}
        others = others if every else {}
        out = function(*positional, **others)
        if not isinstance(out, Node):
            try:
                out = real_array(out, "the claim").astype(np.float64)
            except (TypeError, ValueError) as error:
                raise ClaimError(
                    f"the claim returned a {type(out).__name__}; return an array or a Tensor"
                ) from error
        # A number is the same number everywhere.
        return ops.broadcast_to(out, shape=scene.shape) if out.ndim == 0 else out

    return Claim("your function", compute)


def _parameters(function: Callable[..., Any], letters: Letters) -> tuple[list[str], bool]:
    """Return the names that a function asks for, and whether it takes all others as well."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise ClaimError(
            "the claim does not say what it takes; wrap it: lambda a, y: f(a, y)"
        ) from error
    known = [*letters.names, *letters.lengths]
    names, every = [], False
    for parameter in parameters:
        if parameter.kind is parameter.VAR_KEYWORD:
            every = True
        elif parameter.kind is parameter.VAR_POSITIONAL or parameter.kind is parameter.KEYWORD_ONLY:
            raise ClaimError(f"the claim takes {parameter}; name what it needs, as in lambda a, y:")
        elif parameter.name in known:
            names.append(parameter.name)
        elif parameter.default is parameter.empty:
            near = difflib.get_close_matches(parameter.name, known, 1, 0.5)
            meant = f"did you mean {near[0]!r}? " if near else ""
            there = ", ".join(sorted(known))
            raise ClaimError(f"nothing is called {parameter.name!r}; {meant}There are: {there}")
    return names, every
