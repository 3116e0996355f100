"""What a formula means: its form is computed with the public operations, on any arrays.

How arrays and their axes fit together, `values` says; which functions there are, `functions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from operator import getitem
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import REGISTRY, Op
from tinygrad_edu.symbolic.algebra.units import is_unit, unit
from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.functions import (
    ENTRYWISE,
    FUNCTIONS,
    MADE,
    REDUCTIONS,
    ROWWISE,
    called,
    computed,
)
from tinygrad_edu.symbolic.notation.grammar import ClaimError, read
from tinygrad_edu.symbolic.notation.terms import (
    LINEAR,
    bound_of,
    ends,
    factors_of,
    free_letters,
    index_of,
    is_closed,
    is_comparison,
    narrowed,
    scoped,
    shifting,
)
from tinygrad_edu.symbolic.notation.values import (
    ANY,
    MIXED,
    Calculator,
    Misfit,
    Refused,
    Value,
    known,
    length_of,
    numbers,
    ordered,
    real,
    shape_of,
)
from tinygrad_edu.tensor import Tensor
from tinygrad_edu.transforms import jacobian

__all__ = ["FUNCTIONS", "Misfit", "Reading", "Scene", "Ways", "free_letters", "parse"]

#: No array of a formula is larger than this, or than so many times the largest it is made of.
LARGEST, LARGER = 10**5, 64


#: What each way is called, and all arrays from new numbers for one.
Ways = Mapping[str, Callable[[Any], Mapping[str, Any]]]


@dataclass(frozen=True)
class Scene:
    """What stands for the names where a formula is computed.

    `arrays` are Tensors, arrays or symbols by name, and `ranges` says what each of their axes
    runs over (None for length 1); `lengths` are numbers for letters such as N, and `counts` says
    which range a letter counts. `shape` is the shape asked for, if one is, and `letters` are its
    indices. `ways` says in which ways ∂a/∂z can be meant: from new numbers for z to all arrays.
    """

    arrays: Mapping[str, Any]
    ranges: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    lengths: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    letters: str = ""
    ways: Callable[[Collection[str], str], Ways] | None = None

    def axes(self) -> list[bool]:
        """Say of each axis of the shape asked for whether it has an index."""
        assert self.shape is not None
        every = len(self.letters) == len(self.shape)
        return [every or n != 1 for n in self.shape]


class Reading:
    """One reading of a formula; where there are several, `chosen` says which, place by place.

    `choices` collects the places that can be read in several ways, with what each way is called.
    """

    def __init__(self, written: str, chosen: Mapping[int, int] | None = None) -> None:
        self.written, self.chosen = written, dict(chosen or {})
        self.choices: dict[int, tuple[str, ...]] = {}
        self.remarks: dict[str, None] = {}  # an ordered set

    def compute(self, tree: Form, scene: Scene) -> Any:
        """Compute a formula, in the shape that the scene asks for."""
        with np.errstate(all="ignore"):
            meaning = _Meaning(self, scene, tree)
            return meaning.finished(meaning.formula(tree))


class _Meaning(Calculator):
    """Compute a form in a scene: one method per kind."""

    def __init__(self, reading: Reading, scene: Scene, tree: Form) -> None:
        self.reading, self.scene, self.tree = reading, scene, tree
        self.lengths: dict[str, int] = {}  # of the indices in use
        self.terms: set[int] = set()  # the ids of terms with indices that shift
        self.windows: dict[str, range] = {}  # where an index runs within such a term
        if scene.shape is not None:
            kept = [n for n, index in zip(scene.shape, scene.axes(), strict=True) if index]
            free = {*free_letters(tree), *(x for x, *_ in filter(None, map(bound_of, tree.walk())))}
            if len(kept) == len(scene.letters):
                lengths = zip(scene.letters, kept, strict=True)
                self.lengths = {letter: n for letter, n in lengths if letter in free}
        arrays = [numbers(a) for a in scene.arrays.values()]
        lengths_there = {n for a in arrays for n in np.shape(a)} - {1}
        #: How long everything is, if all arrays have one length.
        self.only = lengths_there.pop() if len(lengths_there) == 1 else None
        sizes = [np.size(a) for a in arrays]
        super().__init__(max(LARGEST, LARGER * max(sizes, default=0)))

    def choose(self, form: Form, *ways: str) -> int:
        """Return which way a place is read."""
        if len(ways) > 1:
            self.reading.choices[form.at] = ways
        return self.reading.chosen.get(form.at, 0) % len(ways)

    def remark(self, sentence: str) -> None:
        self.reading.remarks[sentence] = None

    def of(self, form: Form) -> Value:
        """Compute a form; a term is 0 where it asks for an entry outside of an array."""
        find = getattr(self, "_" + form.kind.replace(" ", "_"), None)
        narrow = self._windows_in(form) if id(form) in self.terms else {}
        outer, self.windows = self.windows, {**self.windows, **narrow}
        with self.marked(form):
            if find is None:
                raise Refused("this has no place here")
            found: Value = Value(1.0) if self._holds(form) else find(form)
        self.windows = outer
        for letter, window in narrow.items():
            found = self._among_zeros(found, letter, window)
        return found

    @contextmanager
    def marked(self, form: Form) -> Iterator[None]:
        """Say of what is refused where it stands."""
        try:
            yield
        except Refused as error:
            raise ClaimError(str(error), self.reading.written, form.at) from None

    def every(self, form: Form, *, whole: bool = False) -> list[Value]:
        """Compute the parts of a form; `whole` are those without an index, or with all."""
        values = [self.of(part) for part in form.parts]
        if whole and any(value.letters and value.ndim for value in values):
            raise Refused(MIXED)
        return values

    # --- terms that are there where all of their entries are --------------------------------------

    def formula(self, form: Form) -> Value:
        """Compute a whole formula, or what is summed."""
        if shifting(form):
            unknown = set(free_letters(form)) - self.lengths.keys()
            self.lengths.update(self._lengths_in(form, unknown))
            self._mark_terms(form)
        return self.of(form)

    def _mark_terms(self, form: Form) -> None:
        """Find the terms of a formula whose indices shift.

        What stands in a bracket is there as a whole, as in (xⱼ − xⱼ₋₁) − (xⱼ₊₁ − xⱼ), unless each
        of its terms has brackets of its own.
        """
        total = self._terms_in(form)
        if total is None:
            self.terms.add(id(form))
        for part in total.parts if total is not None else ():
            self._mark_terms(part)

    def _terms_in(self, form: Form) -> Form | None:
        """Return the sum whose terms are there each by itself: a formula, or what it scales."""
        if form.kind == "total":
            return form
        inside = [part for part in form.parts if shifting(part)]
        if form.kind not in LINEAR or len(inside) != 1:
            return None
        (inner,) = inside
        if form.kind == "quotient" and inner is not form.parts[0]:
            return None
        if form.kind == "group" and inner.kind == "total" and not self._are_apart(form):
            return None
        return self._terms_in(inner)

    def _are_apart(self, group: Form) -> bool:
        """Whether each term of a bracket is there by itself: (sign(…) − sign(…)) may be both."""
        terms = group.parts[0].parts
        if all(is_closed(term, {"group"}) for term in terms):
            return True
        if not all(is_closed(term, {"group", "call"}) for term in terms):
            return False
        ways = "its terms are there together", "each of its terms by itself"
        return self.choose(group, *ways) == 1

    def _window(self, letter: str) -> range:
        return self.windows.get(letter, range(self.lengths[letter]))

    def _holds(self, form: Form) -> bool:
        """Whether a bound on an index, such as [j ≥ 1], holds in all of this term."""
        letter, *window_of = bound_of(form) or ("",)
        window = self.windows.get(letter)
        return window is not None and window == narrowed(window, *window_of)

    def _windows_in(self, term: Form) -> dict[str, range]:
        """Return where the indices of a term may run, if that is not everywhere."""
        whole = {x: self._window(x) for x in free_letters(term) if x in self.lengths}
        found = dict(whole)
        for letter, first, last in filter(None, map(bound_of, factors_of(term))):
            if letter in found:
                found[letter] = narrowed(found[letter], first, last)
        for each in term.walk():
            if each.kind != "indexed":
                continue
            value, indices = self._based(each)
            for index, length in zip(indices, value.shape, strict=False):
                letter, sign, shift = self._index(index)
                if letter in found:
                    found[letter] = narrowed(found[letter], *ends(length, sign, shift))
        return {letter: window for letter, window in found.items() if window != whole[letter]}

    def _among_zeros(self, value: Value, letter: str, window: range) -> Value:
        """Put a term where it is there, and 0 elsewhere."""
        outer, array = self._window(letter), real(value.array)
        if letter not in value.letters:
            array = np.ones((len(window), *(1 for _ in value.axes))) * array
            value = Value(array, (letter, *value.axes))
        elif array.dtype.kind == "b":
            array = array * 1.0
        axis = value.axes.index(letter)
        shape = list(shape_of(array))
        shape[axis] = len(outer)
        here = slice(window.start - outer.start, window.stop - outer.start)
        array = ops.scatter_add(array, (*(slice(None),) * axis, here), tuple(shape))
        return Value(array, value.axes)

    # --- the shape that is asked for --------------------------------------------------------------

    def finished(self, value: Value) -> Any:
        """Give a value the shape asked for, where it lacks some of it."""
        shape = self.scene.shape
        if shape is None and ANY in value.axes:
            raise Misfit("how long the vector of ones is does not show; write ones(3)")
        if shape is None and value.letters and value.ndim:
            raise Misfit(MIXED)
        if shape is None:
            return value.array
        if value.letters:
            return self._placed(value, shape)
        if value.made is not None:
            place = value.axes.index(ANY) - value.ndim
            value = value.settled(shape[place] if len(shape) >= -place else 1)
        own = value.shape
        if own and math.prod(own) == 1 != math.prod(shape):
            own = ()  # one number, for every entry
        while own[:1] == (1,) and own != shape[-len(own) :]:
            own = own[1:]  # for every row
        array = value.array if own == value.shape else ops.reshape(value.array, shape=own)
        spread = (1,) * (len(shape) - len(own)) + own
        axes = (ANY,) * (len(spread) - len(own)) + value.axes[value.ndim - len(own) :]
        first = len(spread) - len(own)  # a row stands for equal rows
        if own == shape:
            return array
        if len(spread) == len(shape) and all(
            n == wanted or axis is ANY or (place == first and n == 1)
            for place, (n, wanted, axis) in enumerate(zip(spread, shape, axes, strict=True))
        ):
            return ops.broadcast_to(array, shape=shape)
        if [n for n in own if n != 1] == [n for n in shape if n != 1]:
            return ops.reshape(array, shape=shape)
        return array

    def _placed(self, value: Value, shape: tuple[int, ...]) -> Any:
        """Put free indices where the axes with these letters are."""
        if value.ndim:
            if shape_of(value.array) != shape:
                raise Misfit(MIXED)
            return value.array
        letters = [letter for letter in self.scene.letters if letter in value.letters]
        array = ordered(value, letters)
        has_index = self.scene.axes()
        if len(value.letters) > sum(has_index):
            return array  # more indices than there are axes
        index = iter(self.scene.letters)
        for place, there in enumerate(has_index):
            if not there or next(index, None) not in letters:
                array = ops.expand_dims(array, axis=place)
        return ops.broadcast_to(array, shape=shape) if shape_of(array) != shape else array

    # --- what stands alone ------------------------------------------------------------------------

    def _number(self, form: Form) -> Value:
        return Value(form.detail)

    def _constant(self, form: Form) -> Value:
        return Value({"e": math.e, "π": math.pi, "∞": math.inf}[form.detail])

    def _dimension(self, form: Form) -> Value:
        if form.detail in self.lengths and form.detail.islower():
            return self._letter(form)
        return Value(self.scene.lengths[form.detail])

    def _letter(self, form: Form) -> Value:
        """Read an index that counts, as in [i ≤ j]: it starts at 0."""
        length = self.lengths.get(form.detail, self.only)
        if length is None:
            raise Misfit(f"how far the index {form.detail} runs does not show")
        return Value(np.arange(float(length)), (form.detail,))

    def _length(self, form: Form) -> Value:
        """Read m, which stands above Σ for how far the index below it runs."""
        for each in self.tree.walk():
            for axis, index in enumerate(each.parts[1:] if each.kind == "indexed" else ()):
                if index == form.detail:
                    return Value(length_of(self.of(each.parts[0]).array, axis))
        raise Misfit(f"how far the index {form.detail.detail} runs does not show")

    def _leaf(self, form: Form) -> Value:
        return known(self.scene.arrays[form.detail], self.scene.ranges.get(form.detail))

    def _ones(self, form: Form) -> Value:
        return Value(np.ones(1), (ANY,))

    def _delta(self, form: Form) -> Value:
        """Read δ₁, which is 1 at the place 1; δₖⱼ; and I, the unit matrix."""
        if not form.parts:
            return Value(np.zeros((1, 1)), (ANY, ANY), made=unit)
        if len(form.parts) == 1 and form.parts[0].kind == "number":
            place = int(form.parts[0].detail)

            def row(length: int) -> Any:
                if not place < length:
                    sentence = f"no vector with an entry {place} stands here"
                    raise ClaimError(sentence, self.reading.written, form.at)
                return unit(length, place)

            return Value(np.zeros(1), (ANY,), made=row)
        if len(form.parts) != 2:
            raise Refused("δ has two indices")
        one, other = sorted(self.every(form), key=lambda value: not value.is_number)
        letters = [part for part in form.parts if part.kind == "letter"]
        shape = shape_of(other.array)
        if len(letters) == 2 and one.axes != other.axes and shape_of(one.array) == shape:
            return Value(unit(shape[0]), (*one.axes, *other.axes))
        if len(letters) == 1 and one.is_number != other.is_number and 0 <= one.array < shape[0]:
            return Value(unit(shape[0], int(one.array)), other.axes)
        return self.entrywise(ops.equal, one, other)

    def _group(self, form: Form) -> Value:
        return self.of(form.parts[0])

    def _list(self, form: Form) -> Value:
        values = self.every(form, whole=True)
        if any(value.letters for value in values):
            raise Refused("a list of forms with indices has no meaning here")
        return known(computed("a list", ops.stack, [real(value.array) for value in values]))

    # --- entry by entry ---------------------------------------------------------------------------

    def _negative(self, form: Form) -> Value:
        return self.entrywise(_opposite, *self.every(form))

    def _total(self, form: Form) -> Value:
        found: Value | None = None
        for term, minus in zip(form.parts, form.detail, strict=True):
            value = self.of(term)
            with self.marked(term):
                if found is None:
                    found = self.entrywise(_opposite, value) if minus else value
                else:
                    found = self.entrywise(ops.subtract if minus else ops.add, found, value)
        assert found is not None
        return found

    def _product(self, form: Form) -> Value:
        left, right = self.every(form)
        if form.detail == "⊙" or not left.ndim or not right.ndim:
            return self.entrywise(ops.multiply, left, right)
        vectors, both = left.ndim == right.ndim == 1, {*left.axes, *right.axes}
        matrices = left.ndim == right.ndim == 2 and left.shape[1] == right.shape[0]
        fits_beside = form.detail == "·" and not _fit(left, right)
        product = (vectors and left.row != right.row) or fits_beside
        if fits_beside and not vectors:
            self.remark("a · or * that fits no entries is read as a matrix product, NumPy's @")
        if vectors and not product and left.shape == right.shape and ANY not in both:
            product = bool(self.choose(form, "⊙, entry by entry", "xᵀ y, a number"))
            left = replace(left, row=left.row or product)
        elif matrices and not product:
            product = bool(self.choose(form, "⊙, entry by entry", "@, a matrix product"))
        if product:
            return self.multiplied(left, right)
        return self.entrywise(ops.multiply, left, right)

    def _quotient(self, form: Form) -> Value:
        above, below = form.parts
        while below.kind == "group":
            (below,) = below.parts
        if below.kind == "power" and below.parts[0].detail != "e" and _has_names(below.parts[1]):
            base, exponent = below.parts  # x/L^(p − 1) is x·L^(1 − p), as derivations hold it
            exponent = replace(below, kind="negative", parts=(exponent,))
            inverse = self._power(replace(below, parts=(base, exponent)))
            return self.entrywise(ops.multiply, self.of(above), inverse)
        return self.entrywise(ops.divide, *self.every(form))

    def _scaled(self, form: Form) -> Value:
        """Read 1/N X: a quotient of two numbers before a form is a factor."""
        first = form.parts[1]
        while first.kind in {"beside", "indexed", "product"}:
            first = first.parts[0]
        # Nobody writes a derivative below a stroke: y/a ∂a/∂z.
        numbers_alone = all(value.is_number for value in self.every(form.parts[0]))
        if first.kind != "derivative" and not numbers_alone:
            raise Refused("what is below / can be read in two ways; write a/(b·c) or (a/b)·c")
        return self.entrywise(ops.multiply, *self.every(form))

    def _power(self, form: Form) -> Value:
        base, exponent = form.parts
        # Where e is the name of e^z itself, e² is its square, and e^z is still the exponential.
        if base.detail == "e" and (base.kind == "constant" or _has_names(exponent)):
            return self.entrywise(ops.exp, self.of(exponent))
        value, raised = self.every(form)
        if value.ndim == 2 and isinstance(raised.array, float) and raised.array == -1:
            self.remark("a power is one of every entry, and no inverse matrix")
        return self.entrywise(ops.power, value, raised)

    def _to_the_T(self, form: Form) -> Value:
        """Read X^T where T is a name as well."""
        value, exponent = self.of(form.parts[0]), self._leaf(replace(form, detail="T"))
        power = not value.ndim or exponent.ndim
        if power or self.choose(form, "the transpose", "the power T"):
            return self.entrywise(ops.power, value, exponent)
        return value.turned()

    # --- indices and slices -----------------------------------------------------------------------

    def _indexed(self, form: Form) -> Value:
        """Give the axes of an array letters, or take entries along them: a_j, z₁, x_{j+1}."""
        value, indices = self._based(form)
        base = form.parts[0]
        said = base.detail if base.kind == "leaf" else "what stands before it"
        if value.letters:
            raise Refused(f"{said} has its indices already")
        if len(indices) != value.ndim and not _counts_rows(indices, value):
            raise Refused(f"{said} has {value.ndim} axes, not {len(indices)}")
        array = value.array
        letters: list[str] = []
        for length, index in zip(value.shape, indices, strict=False):
            letter, sign, shift = self._index(index)
            place: int | slice = shift
            if letter:
                runs = self.lengths.setdefault(letter, length)
                window = self._window(letter)
                first, last = ends(length, sign, shift)
                if window and (window[0] < first or window[-1] > last):
                    raise Misfit(f"the index {letter} runs over {runs} and over {length} entries")
                place = _run(window, sign, shift)
            elif not -length <= shift < length:
                raise Refused(f"{said} has no entry {shift}, its length is {length}")
            if place != slice(0, length):
                array = array[(*(slice(None),) * len(letters), place)]
            letters += [letter] if letter else []
        once = tuple(dict.fromkeys(letters))
        if len(once) < len(letters):  # x_kk is the diagonal
            codes = dict(zip(once, "abcdefgh", strict=False))
            term = "".join(codes[letter] for letter in letters)
            array = ops.einsum(f"{term}->{''.join(codes.values())}", array)
        return Value(array, (*once, *value.axes[len(indices) :]))

    def _based(self, form: Form) -> tuple[Value, list[Form]]:
        """Compute what has indices, with an axis for each of them, if it has as many."""
        base, *indices = form.parts
        value = self._of_base(base, indices)
        units = tuple(i for i, n in enumerate(value.shape) if n == 1 and value.axes[i] is None)
        if units and len(indices) == value.ndim - len(units):  # no index counts to 1
            value = known(ops.squeeze(value.array, axis=units))
        if value.ndim == 1 < len(indices) and all(i.kind == "number" for i in indices):  # z₁₀
            digits = "".join(f"{index.detail:.0f}" for index in indices)
            indices = [replace(indices[0], detail=float(digits))]
        if _counts_rows(indices, value):
            value = self._rows_of(value, indices[0], form)
        return value, indices

    def _of_base(self, base: Form, indices: Sequence[Form]) -> Value:
        """Compute what has indices; those within softmax(zₙⱼ)ₙⱼ are its own, in their order.

        Of max(zₙⱼ, axis=0)ⱼ the index that is no longer there counts the axis that is named.
        """
        letters = [*filter(None, map(index_of, indices))]
        call = base.parts[0] if base.kind == "group" else base
        if call.kind != "call" or len(call.parts) > 1 or not len(letters) == len(indices) > 0:
            return self.of(base)
        name, options = call.detail
        axis = options.get("axis")
        if isinstance(axis, int) or (name in ROWWISE and len(letters) > 1):
            inner = self.of(call.parts[0])
            gone = [letter for letter in inner.letters if letter not in letters]
            count = len(letters) + len(gone)
            if len(gone) == 1 and isinstance(axis, int) and -count <= axis < count:
                letters.insert(axis % count, *gone)
            if not inner.ndim and sorted(inner.letters) == sorted(letters):
                return self._whole(call, [known(ordered(inner, letters))])
        return self.of(base)

    def _rows_of(self, value: Value, index: Form, form: Form) -> Value:
        """Return a matrix of which xₙ is a row: it is one, or a column, by what n counts."""
        places = self._counted_by(index.detail, value)
        if len(places) != 1:
            places = [self.choose(form, f"a row for each {index.detail}", "a column for each")]
        value = value.turned() if places[0] else value
        if index.detail in self.scene.letters:  # for each row of what is asked for
            self.lengths[index.detail] = value.shape[0]
        return value

    def _index(self, index: Form) -> tuple[str, int, int]:
        """Return the letter of an index ("" for an entry), its sign, and what is added to it."""
        if index.kind == "letter" or (index.kind == "leaf" and len(index.detail) == 1):
            return index.detail, 1, 0
        if index.kind == "number":
            return "", 1, int(index.detail)
        if index.kind == "dimension" and index.detail in self.lengths:
            return index.detail, 1, 0
        if index.kind == "dimension":
            return "", 1, int(numbers(self.scene.lengths[index.detail]))
        if index.kind in {"negative", "total"}:
            minuses = index.detail if index.kind == "total" else (True,)
            found = [self._index(part) for part in index.parts]
            signs = [-1 if minus else 1 for minus in minuses]
            own = [(x, by * s) for (x, s, _), by in zip(found, signs, strict=True) if x]
            if len(own) < 2:
                letter, sign = own[0] if own else ("", 1)
                return letter, sign, sum(by * n for (*_, n), by in zip(found, signs, strict=True))
        raise Refused("an index is a letter, a number, or a sum of both")

    def _item(self, form: Form) -> Value:
        """Read what Python's brackets take: Z[0, 1], V[:, :2], w[:, None], eye(K)[y]."""
        base, *places = form.parts
        index = self._places(places)
        if base.detail == ("shape", {}) and len(index) == 1 and isinstance(index[0], int):
            value = self.of(base.parts[0])
            if not -value.ndim <= index[0] < value.ndim:
                raise Refused(f"there is no axis {index[0]} among {value.ndim}")
            return Value(length_of(value.array, index[0] % value.ndim))
        value = self.of(base)
        if not value.is_whole:
            raise Refused("a form with indices takes no brackets")
        if is_unit(value.array) and len(index) == 1 and shape_of(index[0]):
            return known(ops.one_hot(index[0], classes=value.shape[-1]))
        if value.is_number and all(isinstance(each, int) and each == 0 for each in index):
            return value  # of all axes, what is kept counts as a number
        try:
            array = computed("[]", getitem, real(value.array), tuple(index))
        except Misfit as error:
            raise Refused(f"this index does not fit: {error}") from None
        return known(array, _axes_of_item(value.axes, index))

    def _places(self, places: Iterable[Form]) -> list[Any]:
        """Return what stands in Python's brackets, its formulas computed."""
        index: list[Any] = []
        for each in places:
            if each.kind == "literal":
                index.append(each.detail)
            elif each.kind == "slice":
                bounds = (None if b.kind == "literal" else self._integer(b) for b in each.parts)
                index.append(slice(*bounds))
            else:
                inner = _places_in(self.of(each).array)
                single = inner.ndim == 0 and inner.dtype.kind == "i"
                index.append(int(numbers(inner)) if single else inner)
        return index

    # --- matrices ---------------------------------------------------------------------------------

    def _transpose(self, form: Form) -> Value:
        value = self.of(form.parts[0])
        if value.ndim == 1 and self.reading.written[form.at : form.at + 2] == ".T":
            self.remark(".T of a vector is read as ᵀ; NumPy's word is np.outer")
        return value.turned()

    def _beside(self, form: Form) -> Value:
        """Read forms side by side or with @: a matrix product, or a number times something."""
        left, right = self.every(form)
        if left.ndim == right.ndim == 1 and left.row == right.row:
            if form.detail == "@":
                left, right = replace(left, row=True), replace(right, row=False)
            elif ANY not in left.axes:
                return self._two_vectors(left, right, form)
        square = left.ndim == 2 and left.shape[0] == left.shape[1]
        called = form.detail != "@" and form.parts[0].kind in {"call", "slope"}  # σ(Z)(1 − σ(Z))
        if called and left.ndim == 2 and left.shape == right.shape and not square:
            return self._read_as_entrywise("matrices of one shape", left, right)
        return self.multiplied(left, right)

    def _two_vectors(self, left: Value, right: Value, form: Form) -> Value:
        if left.row or left.shape != right.shape:
            vectors = (part.parts[0] if part.kind == "transpose" else part for part in form.parts)
            first, second = (self.reading.written[v.at : v.end] for v in vectors)
            raise Misfit(
                "two vectors side by side are no product; the outer product is "
                f"{second} {first}ᵀ or {first} {second}ᵀ"
            )
        return self._read_as_entrywise("vectors", left, right)

    def _read_as_entrywise(self, what: str, left: Value, right: Value) -> Value:
        self.remark(f"two {what} side by side are no product, and were read as ⊙")
        return self.entrywise(ops.multiply, left, right)

    # --- sums -------------------------------------------------------------------------------------

    def _reduction(self, form: Form) -> Value:
        name, letters = form.detail
        body, *conditions = form.parts
        outer = dict(self.lengths)
        for letter in letters:
            self.lengths.pop(letter, None)
        self.lengths.update(self._lengths_in(body, letters))
        value = self.formula(body) if name == "sum" else self.of(body)
        letters = letters or (() if value.ndim else value.letters)  # Σ aₖ gₖ
        if not letters:
            value = self._reduced(name, value, None)
        for condition in conditions:
            compare, options = condition.detail
            upper = condition.parts[1]
            if options and (upper.kind == "length" or upper.detail not in self.lengths):
                continue  # m in Σ_{i=1}^m, which says how far i runs
            running = self._running(name, value, letters, condition)
            if running is not None:
                self.lengths = outer
                return running
            mask = self.of(replace(condition, detail=(compare, {})))
            if name == "prod":
                value = self.entrywise(ops.where, mask, value, Value(1.0))
            else:
                value = self.entrywise(ops.multiply, value, mask)
        for letter in letters:
            value = self._over_letter(name, value, letter)
        self.lengths = outer
        return value

    def _running(
        self, name: str, value: Value, letters: Sequence[str], condition: Form
    ) -> Value | None:
        """Read Σ_{i ≤ j} as a running sum, Π_{i ≠ j} as the product of all others."""
        run = _RUNNING.get((name, condition.detail[0]))
        own, other = letters[0], index_of(condition.parts[1])
        if run is None or not other or len(set(letters)) > 1 or own not in value.letters:
            return None
        if self.lengths.get(own) != self.lengths.get(other) or other in value.letters:
            return None
        axes = tuple(other if letter == own else letter for letter in value.axes)
        return Value(run(real(value.array), value.axes.index(own)), axes)

    def _over_letter(self, name: str, value: Value, letter: str) -> Value:
        """Reduce over an index, or over the axis that a letter counts, which is kept."""
        if letter in value.letters:
            place = value.axes.index(letter)
            axes = tuple(each for each in value.axes if each != letter)
            return Value(REDUCTIONS[name](value.array, axis=place), axes)
        if not value.ndim:  # what does not depend on the index
            how = {"sum": ops.multiply, "prod": ops.power}.get(name)
            count = self.lengths.get(letter, self.scene.lengths.get(letter.upper(), self.only))
            if how is not None and count is None:
                raise Misfit(f"how far the index {letter} runs does not show")
            return value if how is None else self.entrywise(how, value, Value(count))
        places = [] if value.letters else self._counted_by(letter, value)
        if len(places) != 1:
            there = ", ".join(sorted(self._letters_of(value))) or "none"
            raise Refused(f"no sum over {letter}: what is summed has the index {there}")
        if value.ndim == 1:
            return self._reduced(name, value, None)
        return self._reduced(name, value, (places[0],), keepdims=True)

    def _counted_by(self, letter: str, value: Value) -> list[int]:
        """Return the axes of a value that a letter counts."""
        wanted = self.scene.counts.get(letter.upper())
        places = [i for i, each in enumerate(value.axes) if each is not None and each is wanted]
        if len(places) == 1 or letter.upper() not in self.scene.lengths:
            return places
        length = float(numbers(self.scene.lengths[letter.upper()]))
        unknown = [i for i, n in enumerate(value.shape) if n == length and value.axes[i] is None]
        return places or unknown

    def _letters_of(self, value: Value) -> Iterator[str]:
        yield from value.letters
        for letter, each in self.scene.counts.items():
            if any(each is own for own in value.axes):
                yield letter.lower()

    def _lengths_in(self, form: Form, letters: Iterable[str]) -> dict[str, int]:
        """Find how far bound indices run: over the axes of the arrays that carry them."""
        found: dict[str, int] = {}
        for each, bound in scoped(form):
            own = {part.detail for part in each.parts if part.kind == "letter"}
            wanted = own.intersection(letters) - bound
            if wanted and each.kind == "delta":  # δₖⱼ: k runs as far as j
                lengths = [(x, self.lengths[y]) for x in wanted for y in own & self.lengths.keys()]
            elif wanted and each.kind == "indexed" and not own <= {*free_letters(each.parts[0])}:
                value, indices = self._based(each)
                pairs = zip(indices, value.shape, strict=False)
                lengths = [(index.detail, n) for index, n in pairs if index.kind == "letter"]
            else:
                continue
            for letter, length in lengths:
                if letter in wanted:
                    found.setdefault(letter, length)
        return found

    def _reduced(
        self, name: str, value: Value, axes: tuple[int, ...] | None, *, keepdims: bool = False
    ) -> Value:
        """Apply a reduction over some axes or all; of a number it is that number."""
        if ANY in value.axes and self.only is not None:
            for place in range(value.ndim):
                value = self._stretched(value, place, self.only)
        if ANY in value.axes:
            raise Misfit("how long the vector of ones is does not show here; write ones(3)")
        if not value.axes:
            return Value(0.0) if name in {"var", "std"} else value
        if value.letters:
            raise Misfit("write the index that is summed over")
        axis = axes[0] if axes and len(axes) == 1 else axes
        array = REDUCTIONS[name](value.array, axis=axis, keepdims=keepdims)
        kept = [None if axes is None or i in axes else e for i, e in enumerate(value.axes)]
        gone = () if keepdims else range(value.ndim) if axes is None else axes
        return Value(array, tuple(each for i, each in enumerate(kept) if i not in gone))

    # --- functions --------------------------------------------------------------------------------

    def _call(self, form: Form) -> Value:
        name, options = form.detail
        options.pop("dtype", None)  # all numbers are real
        if name in _SPECIAL:
            least, most, find, *options_of_it = _SPECIAL[name]
            if not least <= len(form.parts) <= most or options.keys() - {*options_of_it}:
                raise Refused(f"{name}: does not take these arguments")
            return find(self, form)  # type: ignore[no-any-return]  # the table mixes kinds
        if name in MADE and len(form.parts) == 1:
            shape = self._integers(form.parts[0])
            self.refuse_large(shape * (1 + (MADE[name] is MADE["eye"])))
            return known(computed(name, MADE[name], shape, **options))
        if name in REDUCTIONS or name in ROWWISE:
            return self._along_an_axis(form)
        if name in ENTRYWISE and not options:
            function = ENTRYWISE[name]
            values = [self.of(part) for part in form.parts if part.kind != "literal"]  # float
            if isinstance(function, Op) and len(values) != function.arity:
                raise Refused(f"{name}: does not take {len(values)} argument(s)")
            return self.entrywise(partial(computed, name, function), *values)
        return self._whole(form)

    def _along_an_axis(self, form: Form) -> Value:
        """Compute a sum, a mean or a softmax of entries with indices; others are whole arrays."""
        name, options = form.detail
        values = self.every(form)
        if len(values) == 2 and name in {"max", "min"}:
            return self.entrywise(REGISTRY[f"{name}imum"], *values)
        (value, *more), rowwise = values, name in ROWWISE
        if value.letters and not options and not more:
            if value.ndim and rowwise:
                return replace(value, array=ROWWISE[name](value.array))
            if not value.ndim and not (rowwise and len(value.axes) > 1):  # Σ aₖ gₖ, softmax(zⱼ)
                found = replace(value, array=getattr(ops, name)(value.array))
                return found if rowwise else Value(found.array)
        if rowwise and not value.ndim:
            raise Refused(f"{name}: takes a vector or a matrix, not a number")
        return self._whole(form, values)

    def _integer(self, form: Form) -> int:
        """Return a whole number that a form stands for."""
        value = self.of(form)
        if not value.is_number:
            raise Refused("a whole number is expected here")
        return round(float(numbers(value.array)))

    def _integers(self, form: Form) -> tuple[int, ...]:
        """Return a shape or axes: 3, (3, 4) or X.shape."""
        inner = form.parts[0] if form.kind == "group" else form
        if inner.detail == ("shape", {}):
            return tuple(int(n) for n in np.ravel(numbers(self.of(inner).array)))
        return tuple(map(self._integer, inner.parts if inner.kind == "list" else (inner,)))

    def _whole(self, form: Form, first: Sequence[Value] = ()) -> Value:
        """Call an operation on whole arrays: its arguments are arrays, lists, lengths and words."""
        name, options = form.detail
        values: list[Value] = []

        def array(part: Form) -> Any:
            values.append(first[0] if first and part is form.parts[0] else self.of(part))
            number = values[-1].is_number and name == "concatenate"
            found = real(values[-1].array)
            return ops.reshape(found, shape=(1,)) if number else found

        arguments: list[Any] = []
        for part in form.parts:
            inner = part.parts[0] if part.kind == "group" else part
            if part.kind == "literal":
                arguments.append(part.detail)
            elif part.kind == "index":
                arguments.append(tuple(self._places(part.parts)))
            elif part.kind == "group" and part.detail == "[" and not is_comparison(inner):
                arguments.append([*map(array, inner.parts if inner.kind == "list" else (inner,))])
            elif inner.kind == "list" or (name == "scatter" and arguments):
                arguments.append(self._integers(part))
                self.refuse_large(arguments[-1])
            elif arguments and part.kind in {"number", "negative"}:
                arguments.append(self._integer(part))
            else:
                arguments.append(array(part))
        if not all(value.is_whole for value in values):
            raise Refused(f"{name}: takes whole arrays")
        if name in {"kron", "tensordot", "outer", "diag"}:
            several = len(values) == 1 and values[0].ndim == 1  # diag(v)
            self.refuse_large([math.prod(v.shape) for v in values] * (1 + several))
        found = called(name, arguments, options)
        if len(values) > 1:
            return known(found)
        return known(found, _axes_left(values[0], shape_of(found), options.get("axis")))

    def _slope(self, form: Form) -> Value:
        """Read relu′(U): the derivative of a function of one entry."""
        op = REGISTRY.get(form.detail)
        if op is None or not op.elementwise or op.arity != 1 or len(form.parts) != 1:
            raise Refused(f"{form.detail}′: is the derivative of no function of one number")
        rule = op.rules[0]
        if rule is None:
            return Value(0.0)

        def slope(x: Any) -> Any:
            saved = {} if op.saved is None else {"saved": op.saved(x)}
            return rule(1.0, op(x), x, **saved)

        return self.entrywise(slope, *self.every(form))

    def _derivative(self, form: Form) -> Value:
        """Read ∂a/∂z, of named arrays or of a formula: the axes of a, then those of z."""
        body, below, indexed = form.detail
        names = {each.detail for each in body.walk() if each.kind == "leaf"}
        if self.scene.ways is None:
            raise Refused("a derivative is read where a graph was recorded")
        ways = self.scene.ways(names, below)
        if not ways:
            raise Refused("this derivative is the one that is asked for; say what it is")
        again = [*ways.values()][self.choose(form, *ways)]
        letters, outer = free_letters(body), self.scene
        vertex = known(outer.arrays[below], outer.ranges.get(below))
        inner: list[tuple[Any, ...]] = []

        def recomputed(x: Any) -> Any:
            self.scene = replace(outer, arrays={**outer.arrays, **again(x)})
            try:
                value = self.of(body)
            finally:
                self.scene = outer
            if value.letters and value.ndim:
                raise Refused(MIXED)
            if not isinstance(value.array, Node):
                raise Refused(f"what is differentiated here does not depend on {below}")
            inner.append(value.inner)
            self.refuse_large((*shape_of(value.array), *vertex.shape))
            return ordered(value, letters) if value.letters else value.array

        found = jacobian(recomputed)(vertex.array)
        if indexed and inner[0]:
            raise Refused("write the indices of both, as in ∂a_k/∂z_j, or none")
        size = math.prod(vertex.shape)
        if not letters and inner[0] and shape_of(found) == 2 * vertex.shape:
            flat = ops.reshape(found, shape=(size, size))
            rows = numbers(flat)
            kinds = "the Jacobian", "its diagonal, entry by entry"
            if not (rows - np.diag(np.diag(rows))).any() and self.choose(body, *kinds):
                return Value(
                    ops.reshape(ops.einsum("ii->i", flat), shape=vertex.shape), vertex.axes
                )
        free = (None,) * len(letters) if indexed else tuple(letters)
        return Value(found, (*free, *inner[0], *vertex.axes))

    # --- functions with a reading of their own ----------------------------------------------------

    def _norm(self, form: Form) -> Value:
        """Read ‖x‖, ‖x‖_p and norm(X, axis=1); of entries it is one of all, or of each vector."""
        options = dict(form.detail[1])
        order = options.pop("ord", None)
        value, *orders = self.every(form)
        p = orders[0].array if orders else float(order) if isinstance(order, int) else 2.0
        letters = value.letters if value.ndim == 1 and not options else ()
        if letters:  # ‖xₙ − μ‖, a number for each n
            options["axis"] = -1
        elif value.letters:
            value = known(value.array)
        if not value.axes:
            return self.entrywise(ops.abs, value)
        if isinstance(p, float):
            found = computed("norm", ops.norm, value.array, p, **options)
            return Value(found, letters) if letters else known(found)
        bases = replace(value, array=ops.abs(value.array))
        powers = self.entrywise(ops.power, bases, *orders)
        return Value(ops.sum(powers.array) ** (1 / p))

    def _vdot(self, form: Form) -> Value:
        """Read ⟨a, g⟩: the sum of all products of entries."""
        left, right = self.every(form)
        if left.shape != right.shape:
            raise Misfit(f"shapes {left.shape} and {right.shape} do not fit")
        if left.ndim == 1:
            return self.multiplied(replace(left, row=True), replace(right, row=False))
        product = self.entrywise(ops.multiply, left, right)
        return self._reduced("sum", known(product.array) if product.letters else product, None)

    def _dot(self, form: Form) -> Value:
        left, right = self.every(form, whole=True)
        left = replace(left, row=True) if left.ndim == 1 else left
        return self.multiplied(left, replace(right, row=False))

    def _one_hot(self, form: Form) -> Value:
        """Write class labels as rows, of the length given, or that of the gradient's rows."""
        value = self.of(form.parts[0])
        shape = self.scene.shape or ()
        if form.parts[1:]:
            count = self._integer(form.parts[1])
        elif not shape:
            raise Misfit("how many classes there are does not show; write one_hot(y, 3)")
        else:
            lengths = [self.scene.lengths[k] for k in ("K",) if k in self.scene.lengths]
            ways = list(dict.fromkeys([*(round(float(numbers(n))) for n in lengths), shape[-1]]))
            count = ways[self.choose(form, *(f"one_hot with {n} classes" for n in ways))]
        self.refuse_large((*value.shape, count))
        places = _places_in(value.array)
        if not np.ndim(places) and 0 <= int(places) < count:
            return known(unit(count, int(places)))
        return Value(ops.one_hot(places, classes=count), (*value.axes, None))

    def _einsum(self, form: Form) -> Value:
        first, *rest = form.parts
        if first.kind != "literal" or not isinstance(first.detail, str):
            raise Refused("einsum: takes subscripts such as 'ij,jk->ik' first")
        values = [self.of(part) for part in rest]
        terms = first.detail.replace(" ", "").split("->")[0].split(",")
        pairs = zip(terms, values, strict=False)
        lengths = dict(pair for t, v in pairs for pair in zip(t, v.shape, strict=False))
        self.refuse_large([*lengths.values()])
        arrays = [real(value.array) for value in values]
        return known(computed("einsum", ops.einsum, first.detail, *arrays))

    def _transposed(self, form: Form) -> Value:
        """Read X.transpose(), and transpose(X, (1, 0))."""
        plain = len(form.parts) == 1 and not form.detail[1]
        return self.of(form.parts[0]).turned() if plain else self._whole(form)


#: What is read in a way of its own, from how many arguments, and its options.
_SPECIAL: dict[str, tuple[Any, ...]] = {
    "norm": (1, 2, _Meaning._norm, "ord", "axis", "keepdims"),
    "vdot": (2, 2, _Meaning._vdot),
    **dict.fromkeys(("dot", "matmul"), (2, 2, _Meaning._dot)),
    "one_hot": (1, 2, _Meaning._one_hot),
    "einsum": (2, 99, _Meaning._einsum),
    "transpose": (1, 9, _Meaning._transposed, "axes"),
}
#: What a sum or a product is whose index is bounded by another, from an array and an axis.
_RUNNING: dict[tuple[str, str], Callable[[Any, int], Any]] = {
    ("sum", "less_equal"): lambda x, axis: ops.cumsum(x, axis),
    ("sum", "greater_equal"): lambda x, axis: ops.flip(ops.cumsum(ops.flip(x, axis), axis), axis),
    ("prod", "not_equal"): lambda x, axis: REGISTRY["product_of_others"](x, axis=axis),
}


# --- arrays, axes and places ----------------------------------------------------------------------


def _places_in(value: Any) -> Any:
    """Return indices or places as whole numbers: the vertex that holds them, if they are."""
    array = np.asarray(numbers(value))
    if array.dtype.kind != "f":
        return value if isinstance(value, Node) else array
    whole = np.all(np.abs(array) < 2**53) and np.all(array == np.rint(array))
    return array.astype(int) if whole else array


def _fit(left: Value, right: Value) -> bool:
    try:
        np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        return False
    return True


def _axes_left(value: Value, shape: tuple[int, ...], axis: Any) -> Sequence[Any] | None:
    """Return what the axes of an operation on one array run over, where they are the array's."""
    if isinstance(axis, int) and len(shape) == value.ndim - 1:
        return [each for i, each in enumerate(value.axes) if i != axis % value.ndim]
    if len(shape) != value.ndim:
        return None
    return [a if n == m else None for a, n, m in zip(value.axes, shape, value.shape, strict=True)]


def _axes_of_item(axes: tuple[Any, ...], index: list[Any]) -> tuple[Any, ...] | None:
    """Return what the axes of X[index] run over, if that is known."""
    if any(shape_of(each) or each is Ellipsis for each in index):
        return None
    own, found = iter(axes), []
    for each in index:
        axis = None if each is None else next(own)
        if not isinstance(each, int):
            found.append(axis if each == slice(None) else None)
    return (*found, *own)


def _counts_rows(indices: Sequence[Form], value: Value) -> bool:
    """Whether xₙ is a row of a matrix."""
    return value.ndim == 2 and len(indices) == 1 and indices[0].kind == "letter"


def _run(window: range, sign: int, shift: int) -> slice:
    """Return the places ±j + shift where j runs through a window, forwards or backwards."""
    if not window:
        return slice(0)
    first, last = sign * window[0] + shift, sign * window[-1] + shift
    if sign > 0:
        return slice(first, last + 1)
    return slice(first, last - 1 if last else None, -1)


def _has_names(form: Form) -> bool:
    return any(each.kind == "leaf" for each in form.walk())


def _opposite(x: Any) -> Any:
    """Return −x, of conditions too: −[x > 0]."""
    return ops.negative(1 * x if getattr(x, "dtype", None) == np.dtype(bool) else x)


def parse(text: str, **arrays: Any) -> Tensor:
    """Record a formula as a graph: what is typed becomes a Tensor.

    Parameters
    ----------
    text : str
        A formula in any spelling that derivations are written in: ``"a ⊙ (g − aᵀ g)"``,
        ``"aⱼ − yⱼ"``, ``"X.T @ (A - Y) / N"``, LaTeX.
    **arrays : Tensor or array_like
        What its letters stand for. Numbers count as constants, arrays as data; a number N is
        also how far the index n of a sum runs, where that does not show.

    Returns
    -------
    Tensor
        Of the shape that NumPy would compute; free indices are axes in alphabetical order.

    Raises
    ------
    ValueError
        If the text cannot be read, a letter is missing, or shapes do not fit.
    TypeError
        If `text` is no string.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> z, y = tg.Tensor([1.47, -0.39, 0.22], name="z"), tg.Tensor([0.0, 1.0, 0.0], name="y")
    >>> L = tg.parse("−Σ(y ⊙ log softmax(z))", z=z, y=y)
    >>> print(tg.derive(L, wrt=z).result)
    softmax(z) − y
    """
    if not isinstance(text, str):
        raise TypeError(f"parse: the formula is a {type(text).__name__}; give a text")
    given = {
        name: a if isinstance(a, Node | np.ndarray | float) else np.asarray(a, dtype=np.float64)
        for name, a in arrays.items()
    }
    try:
        found = _parsed(text, given)
    except ClaimError as error:
        try:
            found = _parsed(text, given, sums_reach=True)
        except (ClaimError, Misfit):
            found = None
        if found is None or np.ndim(
            numbers(found)
        ):  # a loss is one number, so that a sum reaches as far
            raise ClaimError(str(error).removeprefix("check_answer: "), asked="parse") from None
    except Misfit as error:
        raise ValueError(f"parse: {error}") from None
    return found if isinstance(found, Tensor) else Tensor(found)


def _parsed(text: str, given: Mapping[str, Any], sums_reach: bool = False) -> Any:
    """Compute a formula of these arrays."""
    tree = read(text, given, functions=FUNCTIONS, sums_reach=sums_reach).tree
    lengths = {name: a for name, a in given.items() if not np.ndim(numbers(a))}
    meaning = _Meaning(Reading(text), Scene(given, lengths=lengths), tree)
    with np.errstate(all="ignore"):
        value = meaning.formula(tree)
        if value.letters and not value.ndim:
            value = Value(ordered(value, sorted(value.letters)))
        return meaning.finished(value)
