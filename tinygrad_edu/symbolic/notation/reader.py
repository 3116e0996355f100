"""What a formula means: its form is computed with the public operations, on any arrays.

Shapes are read by position, as NumPy reads them; a vector in a product is a column, or a row
behind ᵀ. In index notation every free index is an axis with a letter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.units import is_unit, unit
from tinygrad_edu.symbolic.notation.form import Form
from tinygrad_edu.symbolic.notation.grammar import ClaimError, read
from tinygrad_edu.symbolic.notation.terms import (
    LINEAR,
    bound_of,
    factors_of,
    index_of,
    is_closed,
    narrowed,
    shifting,
)
from tinygrad_edu.symbolic.notation.words import LAST_AXIS, meanings
from tinygrad_edu.tensor import Tensor

__all__ = ["FUNCTIONS", "Misfit", "Reading", "Scene", "free_letters", "parse"]

MIXED = "some arrays have indices here and some have none; write all of them or none"
#: No array of a formula is larger than this, or than so many times the largest it is made of.
LARGEST, LARGER = 10**5, 64


class Misfit(ValueError):
    """Two shapes of a formula do not fit: it was read, and it is wrong."""


@dataclass(frozen=True)
class Scene:
    """What stands for the names where a formula is computed.

    `arrays` are Tensors, arrays or symbols by name, and `ranges` says what each of their axes
    runs over (None for length 1); `lengths` are numbers for letters such as N, and `counts` says
    which range a letter counts. `shape` is the shape asked for, if one is, and `letters` are its
    indices.
    """

    arrays: Mapping[str, Any]
    ranges: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    lengths: Mapping[str, Any] = field(default_factory=dict)
    counts: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    letters: str = ""

    def axes(self) -> list[bool]:
        """Say of each axis of the shape asked for whether it has an index."""
        assert self.shape is not None
        every = len(self.letters) == len(self.shape)
        return [every or n != 1 for n in self.shape]


#: An axis of length 1 that stands for any length, as in x 1ᵀ.
ANY = object()


@dataclass(frozen=True)
class _Value:
    """A part of a formula: an array, and what each of its axes is.

    That is a letter for its free indices, which come first; for others what they run over, if
    that is known, or `ANY`. A vector is a column, or a `row` if transposed. An array whose size is
    not known yet, such as I, is `made` once it is.
    """

    array: Any
    axes: tuple[Any, ...] = ()
    row: bool = False
    made: Callable[[int], Any] | None = None

    @property
    def letters(self) -> tuple[str, ...]:
        """The free indices."""
        return tuple(axis for axis in self.axes if isinstance(axis, str))

    @property
    def inner(self) -> tuple[Any, ...]:
        """What the axes without a letter are."""
        return self.axes[len(self.letters) :]

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that have no letter."""
        return _shape(self.array)[len(self.letters) :]

    @property
    def ndim(self) -> int:
        """How many axes have no letter."""
        return len(self.inner)

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return not self.axes

    @property
    def is_whole(self) -> bool:
        """Whether it is an array of a known shape, without indices."""
        return not self.letters and ANY not in self.axes

    def settled(self, length: int) -> _Value:
        """Make the array, now that its size is known."""
        if self.made is None:
            return self
        axes = tuple(None if axis is ANY else axis for axis in self.axes)
        return _Value(self.made(length), axes, self.row)


def _array(array: Any, axes: Sequence[Any] | None = None) -> _Value:
    """Return an array of which nothing is known, or what its axes run over."""
    ndim = np.ndim(_plain(array))
    return _Value(array, (None,) * ndim if axes is None or len(axes) != ndim else tuple(axes))


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
            bounds = filter(None, map(bound_of, tree.walk()))
            free = {*free_letters(tree), *(letter for letter, *_ in bounds)}
            meaning.lengths = {x: n for x, n in meaning.lengths.items() if x in free}
            return meaning.finished(meaning.formula(tree))


class _Meaning:
    """Compute a form in a scene: one method per kind."""

    def __init__(self, reading: Reading, scene: Scene, tree: Form) -> None:
        self.reading, self.scene, self.tree = reading, scene, tree
        self.lengths: dict[str, int] = {}  # of the indices in use
        self.terms: set[int] = set()  # the ids of terms with indices that shift
        self.windows: dict[str, range] = {}  # where an index runs within such a term
        if scene.shape is not None:
            kept = [n for n, index in zip(scene.shape, scene.axes(), strict=True) if index]
            if len(kept) == len(scene.letters):
                self.lengths.update(zip(scene.letters, kept, strict=True))
        sizes = [np.size(_plain(a)) for a in scene.arrays.values()]
        self.most = max(LARGEST, LARGER * max(sizes, default=0))

    def complain(self, sentence: str, form: Form) -> NoReturn:
        raise ClaimError(sentence, self.reading.written, form.at)

    def choose(self, form: Form, *ways: str) -> int:
        """Return which way a place is read."""
        if len(ways) > 1:
            self.reading.choices[form.at] = ways
        return self.reading.chosen.get(form.at, 0) % len(ways)

    def remark(self, sentence: str) -> None:
        self.reading.remarks[sentence] = None

    def of(self, form: Form) -> _Value:
        """Compute a form; a term is 0 where it asks for an entry outside of an array."""
        find = getattr(self, "_" + form.kind.replace(" ", "_"), None)
        if find is None:
            self.complain("this has no place here", form)
        narrow = self._windows_in(form) if id(form) in self.terms else {}
        outer, self.windows = self.windows, {**self.windows, **narrow}
        found: _Value = _Value(1.0) if self._holds(form) else find(form)
        self.windows = outer
        for letter, window in narrow.items():
            found = self._among_zeros(found, letter, window)
        return found

    def every(self, form: Form, *, whole: bool = False) -> list[_Value]:
        """Compute the parts of a form; `whole` are those without an index, or with all."""
        values = [self.of(part) for part in form.parts]
        if whole and any(value.letters and value.ndim for value in values):
            self._refuse_mixed(form)
        return values

    # --- terms that are there where all of their entries are --------------------------------------

    def formula(self, form: Form) -> _Value:
        """Compute a whole formula."""
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
        letter, *ends = bound_of(form) or ("",)
        window = self.windows.get(letter)
        return window is not None and window == narrowed(window, *ends)

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
            base, *indices = each.parts
            lengths = _shape(self._of_base(base, indices).array)
            if len(indices) < len(lengths):
                lengths = tuple(n for n in lengths if n != 1)
            for index, length in zip(indices, lengths, strict=False):
                letter, sign, shift = self._index(index)
                if letter in found:
                    ends = sorted(sign * (end - shift) for end in (0, length - 1))
                    found[letter] = narrowed(found[letter], *ends)
        return {letter: window for letter, window in found.items() if window != whole[letter]}

    def _among_zeros(self, value: _Value, letter: str, window: range) -> _Value:
        """Put a term where it is there, and 0 elsewhere."""
        outer, array = self._window(letter), _real(value.array)
        if letter not in value.letters:
            array = np.ones((len(window), *(1 for _ in value.axes))) * array
            value = _Value(array, (letter, *value.axes))
        elif array.dtype.kind == "b":
            array = array * 1.0
        axis = value.axes.index(letter)
        shape = list(_shape(array))
        shape[axis] = len(outer)
        here = slice(window.start - outer.start, window.stop - outer.start)
        array = ops.scatter_add(array, (*(slice(None),) * axis, here), tuple(shape))
        return _Value(array, value.axes)

    def finished(self, value: _Value) -> Any:
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
        own, axes = value.shape, value.axes
        if own and math.prod(own) == 1 != math.prod(shape):
            own, axes = (), ()  # one number, for every entry
        while own[:1] == (1,) and own != shape[-len(own) :]:
            own, axes = own[1:], axes[1:]  # for every row
        array = value.array if own == value.shape else ops.reshape(value.array, shape=own)
        lacks = len(shape) - len(own)
        fits = (
            lacks >= 0
            and all(
                n == wanted or axes[i] is ANY or (i == 0 and n == 1)  # a row stands for equal rows
                for i, (n, wanted) in enumerate(zip(own, shape[lacks:], strict=True))
            )
        )
        if own == shape:
            return array
        if fits:
            return ops.broadcast_to(array, shape=shape)
        if [n for n in own if n != 1] == [n for n in shape if n != 1]:
            return ops.reshape(array, shape=shape)
        return array

    def _placed(self, value: _Value, shape: tuple[int, ...]) -> Any:
        """Put free indices where the axes with these letters are."""
        if value.ndim:
            if _shape(value.array) != shape:
                raise Misfit(MIXED)
            return value.array
        letters = [letter for letter in self.scene.letters if letter in value.letters]
        array = _ordered(value, letters)
        has_index = self.scene.axes()
        if len(value.letters) > sum(has_index):
            return array  # more indices than there are axes
        index = iter(self.scene.letters)
        for place, there in enumerate(has_index):
            if not there or next(index, None) not in letters:
                array = ops.expand_dims(array, axis=place)
        return ops.broadcast_to(array, shape=shape) if _shape(array) != shape else array

    # --- what stands alone ------------------------------------------------------------------------

    def _number(self, form: Form) -> _Value:
        return _Value(form.detail)

    def _constant(self, form: Form) -> _Value:
        return _Value({"e": math.e, "π": math.pi, "∞": math.inf}[form.detail])

    def _dimension(self, form: Form) -> _Value:
        if form.detail in self.lengths and form.detail.islower():
            return self._letter(form)
        return _Value(self.scene.lengths[form.detail])

    def _letter(self, form: Form) -> _Value:
        """Read an index that counts, as in [i ≤ j]: it starts at 0."""
        if form.detail not in self.lengths:
            raise Misfit(f"how far the index {form.detail} runs does not show")
        return _Value(np.arange(float(self.lengths[form.detail])), (form.detail,))

    def _length(self, form: Form) -> _Value:
        """Read m, which stands above Σ for how far the index below it runs."""
        for each in self.tree.walk():
            for axis, index in enumerate(each.parts[1:] if each.kind == "indexed" else ()):
                if index == form.detail:
                    return _Value(_length(self.of(each.parts[0]).array, axis))
        raise Misfit(f"how far the index {form.detail.detail} runs does not show")

    def _leaf(self, form: Form) -> _Value:
        return _array(self.scene.arrays[form.detail], self.scene.ranges.get(form.detail))

    def _ones(self, form: Form) -> _Value:
        return _Value(np.ones(1), (ANY,))

    def _delta(self, form: Form) -> _Value:
        """Read δ₁, which is 1 at the place 1; δₖⱼ; and I, the unit matrix."""
        if not form.parts:
            return _Value(np.zeros((1, 1)), (ANY, ANY), made=unit)
        if len(form.parts) == 1 and form.parts[0].kind == "number":
            place = int(form.parts[0].detail)

            def row(length: int) -> Any:
                if not place < length:
                    self.complain(f"no vector with an entry {place} stands here", form)
                return unit(length, place)

            return _Value(np.zeros(1), (ANY,), made=row)
        if len(form.parts) != 2:
            self.complain("δ has two indices", form)
        one, other = self.every(form)
        letters = [part for part in form.parts if part.kind == "letter"]
        if (
            len(letters) == 2
            and one.axes != other.axes
            and _shape(one.array) == _shape(other.array)
        ):
            return _Value(unit(len(one.array)), (*one.axes, *other.axes))
        if len(letters) == 1 and one.is_number != other.is_number:
            running, fixed = (other, one) if one.is_number else (one, other)
            if 0 <= fixed.array < len(running.array):
                return _Value(unit(len(running.array), int(fixed.array)), running.axes)
        return self._entrywise(ops.equal, [one, other], form)

    def _group(self, form: Form) -> _Value:
        return self.of(form.parts[0])

    def _list(self, form: Form) -> _Value:
        values = self.every(form, whole=True)
        if any(value.letters for value in values):
            self.complain("a list of forms with indices has no meaning here", form)
        try:
            return _array(ops.stack([_real(value.array) for value in values]))
        except ValueError as error:
            raise Misfit(f"these cannot be stacked: {error}") from None

    # --- entry by entry ---------------------------------------------------------------------------

    def _entrywise(self, op: Callable[..., Any], values: Sequence[_Value], form: Form) -> _Value:
        """Apply an operation entry by entry, as NumPy broadcasts shapes."""
        if any(value.made is not None for value in values):
            return self._with_unit_matrix(op, values, form)
        letters = tuple(dict.fromkeys(letter for value in values for letter in value.letters))
        if letters:
            values = list(map(_without_units, values))
        most = max(value.ndim for value in values)
        counted, placed = ({bool(v.letters) for v in values if v.ndim == n} for n in (0, most))
        if most and True in counted and False in placed:  # a_j − y
            self._refuse_mixed(form)
        try:
            np.broadcast_shapes(*(value.shape for value in values))
        except ValueError:
            shapes = " and ".join(str(value.shape) for value in values if value.ndim)
            raise Misfit(f"shapes {shapes} do not fit") from None
        arrays = [_ordered(v, letters, most) if v.axes and letters else v.array for v in values]
        self._refuse_large(np.broadcast_shapes(*map(np.shape, arrays)), form)
        if not any(isinstance(a, Node | np.ndarray) for a in arrays):
            arrays = [np.float64(a) for a in arrays]
        out = op(*arrays)
        if isinstance(out, np.ndarray) and out.dtype == bool:
            out = out.astype(np.float64)
        if not letters and not most and not isinstance(out, Node):
            out = float(out)
        row = all(value.row for value in values if value.ndim == most) and most == 1
        return _Value(out, letters + _spread([value.inner for value in values], most), row)

    def _with_unit_matrix(
        self, op: Callable[..., Any], values: Sequence[_Value], form: Form
    ) -> _Value:
        """Apply an operation where the size of I shows beside it, or does not matter yet."""
        if any(value.letters for value in values):
            self._refuse_mixed(form)
        length = next((n for v in values if v.made for n in _beside(v, values)), None)
        if length is not None:
            return self._entrywise(op, [value.settled(length) for value in values], form)
        most = max(value.ndim for value in values)

        def made(length: int) -> Any:
            return self._entrywise(op, [value.settled(length) for value in values], form).array

        return _Value(np.zeros((1,) * most), _spread([v.axes for v in values], most), made=made)

    def _refuse_mixed(self, form: Form) -> NoReturn:
        self.complain(MIXED, form)

    def _refuse_large(self, shape: Sequence[int], form: Form) -> None:
        if math.prod(shape) > self.most:
            self.complain(f"an array of shape {tuple(shape)} is too large to be tried", form)

    def _negative(self, form: Form) -> _Value:
        return self._entrywise(_opposite, self.every(form), form)

    def _total(self, form: Form) -> _Value:
        sum_ = self.of(form.parts[0])
        if form.detail[0]:
            sum_ = self._entrywise(_opposite, [sum_], form)
        for term, minus in zip(form.parts[1:], form.detail[1:], strict=True):
            op = ops.subtract if minus else ops.add
            sum_ = self._entrywise(op, [sum_, self.of(term)], term)
        return sum_

    def _product(self, form: Form) -> _Value:
        left, right = self.every(form)
        if form.detail == "⊙" or not left.ndim or not right.ndim:
            return self._entrywise(ops.multiply, [left, right], form)
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
            return self._multiplied(left, right, form)
        return self._entrywise(ops.multiply, [left, right], form)

    def _quotient(self, form: Form) -> _Value:
        above, below = form.parts
        while below.kind == "group":
            (below,) = below.parts
        if below.kind == "power" and below.parts[0].detail != "e" and _has_names(below.parts[1]):
            base, exponent = below.parts  # x/L^(p − 1) is x·L^(1 − p), as derivations hold it
            exponent = replace(below, kind="negative", parts=(exponent,))
            inverse = self._power(replace(below, parts=(base, exponent)))
            return self._entrywise(ops.multiply, [self.of(above), inverse], form)
        return self._entrywise(ops.divide, self.every(form), form)

    def _scaled(self, form: Form) -> _Value:
        """Read 1/N X: a quotient of two numbers before a form is a factor."""
        if not all(value.is_number for value in self.every(form.parts[0])):
            self.complain("what is below / can be read in two ways; write a/(b·c) or (a/b)·c", form)
        return self._entrywise(ops.multiply, self.every(form), form)

    def _power(self, form: Form) -> _Value:
        base, exponent = form.parts
        # Where e is the name of e^z itself, e² is its square, and e^z is still the exponential.
        if base.detail == "e" and (base.kind == "constant" or _has_names(exponent)):
            return self._entrywise(ops.exp, [self.of(exponent)], form)
        value, raised = self.every(form)
        if value.ndim == 2 and _is_plain(raised.array) and raised.array == -1:
            self.remark("a power is one of every entry, and no inverse matrix")
        return self._entrywise(ops.power, [value, raised], form)

    def _to_the_T(self, form: Form) -> _Value:
        """Read X^T where T is a name as well."""
        value, exponent = self.of(form.parts[0]), self._leaf(replace(form, detail="T"))
        power = not value.ndim or exponent.ndim
        if power or self.choose(form, "the transpose", "the power T"):
            return self._entrywise(ops.power, [value, exponent], form)
        return self._turned(value)

    # --- indices and slices -----------------------------------------------------------------------

    def _indexed(self, form: Form) -> _Value:
        """Give the axes of an array letters, or take entries along them: a_j, z₁, x_{j+1}."""
        base, *indices = form.parts
        value, said = self._of_base(base, indices), _said(base)
        if value.letters:
            self.complain(f"{said} has its indices already", form)
        units = tuple(i for i, n in enumerate(value.shape) if n == 1 and value.axes[i] is None)
        if units and len(indices) == value.ndim - len(units):  # no index counts to 1
            value = _array(ops.squeeze(value.array, axis=units))
        if value.ndim == 1 < len(indices) and all(i.kind == "number" for i in indices):  # z₁₀
            digits = "".join(f"{index.detail:.0f}" for index in indices)
            indices = [replace(indices[0], detail=float(digits))]
        if value.ndim == 2 and len(indices) == 1 and indices[0].kind == "letter":
            value = self._rows_of(value, indices[0], form)
        elif len(indices) != value.ndim:
            self.complain(f"{said} has {value.ndim} axes, not {len(indices)}", form)
        array = value.array
        letters: list[str] = []
        for length, index in zip(value.shape, indices, strict=False):
            letter, sign, shift = self._index(index)
            axis = len(letters)
            if not letter:
                if not -length <= shift < length:
                    self.complain(f"{said} has no entry {shift}, its length is {length}", form)
                array = array[(*(slice(None),) * axis, shift)]
                continue
            known = self.lengths.setdefault(letter, length)
            letters.append(letter)
            window = self._window(letter)
            if not window:  # none of the entries, whichever they would be
                array = array[(*(slice(None),) * axis, slice(0))] if length else array
                continue
            first, last = (sign * place + shift for place in (window[0], window[-1]))
            if not (0 <= first < length and 0 <= last < length) or (
                (sign, shift) == (1, 0) and not self.terms and known > length
            ):
                raise Misfit(f"the index {letter} runs over {known} and over {length} entries")
            if (first, last) != (0, length - 1):
                array = array[(*(slice(None),) * axis, _from_to(first, last))]
        once = tuple(dict.fromkeys(letters))
        if len(once) < len(letters):  # x_kk is the diagonal
            codes = dict(zip(once, "abcdefgh", strict=False))
            term = "".join(codes[letter] for letter in letters)
            array = ops.einsum(f"{term}->{''.join(codes.values())}", array)
        return _Value(array, (*once, *value.axes[len(indices) :]))

    def _of_base(self, base: Form, indices: Sequence[Form]) -> _Value:
        """Compute what has indices; those within softmax(zₙⱼ)ₙⱼ are its own, in their order."""
        letters = [*filter(None, map(index_of, indices))]
        call = base.parts[0] if base.kind == "group" else base
        if call.kind == "call" and call.detail[0] in _ROWWISE and len(letters) == len(indices) > 1:
            inner = self.of(call.parts[0])
            if not inner.ndim and set(inner.letters) == set(letters):
                return self._whole(call, [_array(_ordered(inner, letters))])
        return self.of(base)

    def _rows_of(self, value: _Value, index: Form, form: Form) -> _Value:
        """Return a matrix of which xₙ is a row: it is one, or a column, by what n counts."""
        places = self._counted_by(index.detail, value)
        if len(places) != 1:
            places = [self.choose(form, f"a row for each {index.detail}", "a column for each")]
        value = self._turned(value) if places[0] else value
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
            return "", 1, int(_plain(self.scene.lengths[index.detail]))
        if index.kind in {"negative", "total"}:
            minuses = index.detail if index.kind == "total" else (True,)
            found = [self._index(part) for part in index.parts]
            signs = [-1 if minus else 1 for minus in minuses]
            own = [(x, by * s) for (x, s, _), by in zip(found, signs, strict=True) if x]
            if len(own) < 2:
                letter, sign = own[0] if own else ("", 1)
                return letter, sign, sum(by * n for (*_, n), by in zip(found, signs, strict=True))
        return self.complain("an index is a letter, a number, or a sum of both", index)

    def _item(self, form: Form) -> _Value:
        """Read what Python's brackets take: Z[0, 1], V[:, :2], w[:, None], eye(K)[y]."""
        base, *places = form.parts
        index = self._places(places)
        if base.detail == ("shape", {}) and len(index) == 1 and isinstance(index[0], int):
            return self._size_of(base.parts[0], index[0])
        value = self.of(base)
        if not value.is_whole:
            self.complain("a form with indices takes no brackets", form)
        if is_unit(value.array) and len(index) == 1 and np.ndim(_plain(index[0])):
            return _array(ops.one_hot(index[0], classes=value.shape[-1]))
        if value.is_number and all(isinstance(each, int) and each == 0 for each in index):
            return value  # of all axes, what is kept counts as a number
        try:
            array = _real(value.array)[tuple(index)]
        except (IndexError, ValueError, TypeError) as error:
            self.complain(f"this index does not fit: {error}", form)
        return _array(array, _axes_of_item(value.axes, index))

    def _size_of(self, form: Form, axis: int) -> _Value:
        """Read X.shape[0]."""
        value = self.of(form)
        if not -value.ndim <= axis < value.ndim:
            self.complain(f"there is no axis {axis} among {value.ndim}", form)
        return _Value(_length(value.array, axis % value.ndim))

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
                index.append(int(_plain(inner)) if single else inner)
        return index

    # --- matrices ---------------------------------------------------------------------------------

    def _transpose(self, form: Form) -> _Value:
        value = self.of(form.parts[0])
        if value.ndim == 1 and self.reading.written[form.at : form.at + 2] == ".T":
            self.remark(".T of a vector is read as ᵀ; NumPy's word is np.outer")
        return self._turned(value)

    def _turned(self, value: _Value) -> _Value:
        if value.ndim < 2:
            return replace(value, row=not value.row)
        if value.ndim > 2 or value.letters:
            raise Misfit("a transpose is one of a matrix")
        made = value.made
        turned = None if made is None else lambda length: ops.transpose(made(length))
        return _Value(ops.transpose(value.array), value.axes[::-1], made=turned)

    def _beside(self, form: Form) -> _Value:
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
            return self._read_as_entrywise("matrices of one shape", left, right, form)
        return self._multiplied(left, right, form)

    def _two_vectors(self, left: _Value, right: _Value, form: Form) -> _Value:
        if left.row or left.shape != right.shape:
            vectors = (part.parts[0] if part.kind == "transpose" else part for part in form.parts)
            first, second = (self.reading.written[v.at : v.end] for v in vectors)
            raise Misfit(
                "two vectors side by side are no product; the outer product is "
                f"{second} {first}ᵀ or {first} {second}ᵀ"
            )
        return self._read_as_entrywise("vectors", left, right, form)

    def _read_as_entrywise(self, what: str, left: _Value, right: _Value, form: Form) -> _Value:
        self.remark(f"two {what} side by side are no product, and were read as ⊙")
        return self._entrywise(ops.multiply, [left, right], form)

    def _multiplied(self, left: _Value, right: _Value, form: Form) -> _Value:
        if left.letters or right.letters:
            left, right = _without_units(left), _without_units(right)
        if left.is_number or right.is_number or not left.ndim + right.ndim:
            return self._entrywise(ops.multiply, [left, right], form)
        if left.letters or right.letters:
            return self._at_each_index(left, right, form)
        if left.ndim == right.ndim == 1 and right.row and not left.row:
            return self._outer(left, right, form)
        if left.ndim == 2 and left.shape[1] == 1 and left.axes[1] is not ANY and right.row:
            column = ops.reshape(left.array, shape=(-1,))  # as keepdims leaves it
            return self._outer(replace(left, array=column, axes=left.axes[:1]), right, form)
        shapes = f"shapes {left.shape} and {right.shape} do not fit a matrix product"
        if left.ndim > 2 or right.ndim > 2:
            raise Misfit(f"{shapes} of matrices")
        if left.axes[-1] is ANY and right.axes[0] is ANY:
            self.complain("how long the vector of ones is does not show; write ones(3)", form)
        left = self._stretched(left, left.ndim - 1, right.shape[0], form)
        right = self._stretched(right, 0, left.shape[-1], form)
        if left.shape[-1] != right.shape[0]:
            raise Misfit(shapes)
        axes = left.axes[:-1] + right.axes[1:]
        row = len(axes) == 1 and left.ndim == 1 and left.row
        return _Value(ops.matmul(left.array, right.array), axes, row)

    def _at_each_index(self, left: _Value, right: _Value, form: Form) -> _Value:
        """Multiply vectors and matrices at each of their indices: wᵀ xₙ, δₙ xₙᵀ, W xₙ."""
        letters = tuple(dict.fromkeys((*left.letters, *right.letters)))
        if not left.ndim or not right.ndim:  # yₙ w: of each vector
            most = max(left.ndim, right.ndim)
            array = ops.multiply(_ordered(left, letters, most), _ordered(right, letters, most))
            return _Value(array, (*letters, *left.inner, *right.inner), left.row or right.row)
        one, two = _ordered(left, letters), _ordered(right, letters)
        before, behind = len(letters), -1
        if left.ndim == 1:
            one = ops.expand_dims(one, axis=before if left.row else behind)
        if right.ndim == 1:
            two = ops.expand_dims(two, axis=before if right.row else behind)
        if max(left.ndim, right.ndim) > 2 or ANY in {*left.axes, *right.axes}:
            self._refuse_mixed(form)
        if _shape(one)[-1] != _shape(two)[-2]:
            raise Misfit(f"shapes {left.shape} and {right.shape} do not fit a matrix product")
        array = ops.matmul(one, two)
        rows = () if left.ndim == 1 and left.row else left.inner[:1]
        columns = () if right.ndim == 1 and not right.row else right.inner[-1:]
        gone = (*(() if rows else (before,)), *(() if columns else (behind,)))
        array = ops.squeeze(array, axis=gone) if gone else array
        return _Value(array, (*letters, *rows, *columns), row=bool(columns) and not rows)

    def _stretched(self, value: _Value, axis: int, length: int, form: Form) -> _Value:
        """Give an axis that stands for any length the one that is met."""
        if value.axes[axis] is not ANY:
            return value
        if value.made is not None:
            return value.settled(length)
        shape = [length if i == axis else n for i, n in enumerate(value.shape)]
        self._refuse_large(shape, form)
        axes = tuple(None if i == axis else each for i, each in enumerate(value.axes))
        return replace(value, array=ops.broadcast_to(value.array, shape=tuple(shape)), axes=axes)

    def _outer(self, left: _Value, right: _Value, form: Form) -> _Value:
        if not left.ndim == right.ndim == 1:
            raise Misfit("an outer product is one of two vectors")
        self._refuse_large((*left.shape, *right.shape), form)
        made = None
        if left.made is not None or right.made is not None:
            if left.axes == right.axes:
                self.complain("how long these vectors are does not show; write eye(3)[0]", form)

            def made(length: int) -> Any:
                return ops.outer(left.settled(length).array, right.settled(length).array)

        return _Value(ops.outer(left.array, right.array), left.axes + right.axes, made=made)

    # --- sums -------------------------------------------------------------------------------------

    def _reduction(self, form: Form) -> _Value:
        name, letters = form.detail
        body, *conditions = form.parts
        outer = dict(self.lengths)
        for letter in letters:
            self.lengths.pop(letter, None)
        self.lengths.update(self._lengths_in(body, letters))
        if name == "sum" and shifting(body):
            self._mark_terms(body)
        value = self.of(body)
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
            chosen = [mask, value, _Value(1.0)] if name == "prod" else [value, mask]
            op = ops.where if name == "prod" else ops.multiply
            value = self._entrywise(op, chosen, condition)
        for letter in letters:
            value = self._over_letter(name, value, letter, form)
        self.lengths = outer
        return value

    def _running(
        self, name: str, value: _Value, letters: Sequence[str], condition: Form
    ) -> _Value | None:
        """Read Σ_{i ≤ j} as a running sum, Π_{i ≠ j} as the product of all others."""
        run = _RUNNING.get((name, condition.detail[0]))
        own, other = letters[0], index_of(condition.parts[1])
        if run is None or not other or len(set(letters)) > 1 or own not in value.letters:
            return None
        if self.lengths.get(own) != self.lengths.get(other) or other in value.letters:
            return None
        axes = tuple(other if letter == own else letter for letter in value.axes)
        return _Value(run(_real(value.array), value.axes.index(own)), axes)

    def _over_letter(self, name: str, value: _Value, letter: str, form: Form) -> _Value:
        """Reduce over an index, or over the axis that a letter counts, which is kept."""
        if letter in value.letters:
            place = value.axes.index(letter)
            axes = tuple(each for each in value.axes if each != letter)
            return _Value(_REDUCTIONS[name](value.array, axis=place), axes)
        if not value.ndim:  # what does not depend on the index
            count = self.lengths.get(letter, self.scene.lengths.get(letter.upper(), 1.0))
            how = {"sum": ops.multiply, "prod": ops.power}.get(name)
            return value if how is None else self._entrywise(how, [value, _Value(count)], form)
        places = [] if value.letters else self._counted_by(letter, value)
        if len(places) != 1:
            there = ", ".join(sorted(self._letters_of(value))) or "none"
            self.complain(f"no sum over {letter}: what is summed has the index {there}", form)
        if value.ndim == 1:
            return self._reduced(name, value, None)
        return self._reduced(name, value, (places[0],), keepdims=True)

    def _counted_by(self, letter: str, value: _Value) -> list[int]:
        """Return the axes of a value that a letter counts."""
        wanted = self.scene.counts.get(letter.upper())
        places = [i for i, each in enumerate(value.axes) if each is not None and each is wanted]
        if len(places) == 1 or letter.upper() not in self.scene.lengths:
            return places
        length = float(_plain(self.scene.lengths[letter.upper()]))
        unknown = [i for i, n in enumerate(value.shape) if n == length and value.axes[i] is None]
        return places or unknown

    def _letters_of(self, value: _Value) -> Iterator[str]:
        yield from value.letters
        for letter, each in self.scene.counts.items():
            if any(each is own for own in value.axes):
                yield letter.lower()

    def _lengths_in(self, form: Form, letters: Iterable[str]) -> dict[str, int]:
        """Find how far bound indices run: over the axes of the arrays that carry them."""
        found: dict[str, int] = {}
        pending = [(form, frozenset(letters))]
        while pending:
            each, wanted = pending.pop()
            if each.kind == "reduction":
                wanted = wanted - set(each.detail[1])
            own = [part.detail if part.kind == "letter" else "" for part in each.parts]
            if each.kind == "delta":  # δₖⱼ: k runs as far as j
                known = [self.lengths[letter] for letter in own if letter in self.lengths]
                for letter in {*own} & wanted if known else ():
                    found.setdefault(letter, known[0])
            within = each.kind == "indexed" and {*own[1:]} <= {*free_letters(each.parts[0])}
            if each.kind == "indexed" and {*own} & wanted and not within:  # softmax(zₙₖ)ₙₖ
                value = self.of(each.parts[0])
                shape = value.shape
                if len(own) == 2 and value.ndim == 2 and own[1] and 1 not in shape:
                    shape = self._rows_of(value, each.parts[1], each).shape
                elif len(own) - 1 < len(shape):
                    shape = tuple(n for n in shape if n != 1)
                for letter, length in zip(own[1:], shape, strict=False):
                    if letter in wanted:
                        found.setdefault(letter, length)
            pending += [(part, wanted) for part in each.parts]
        return found

    def _reduced(
        self, name: str, value: _Value, axes: tuple[int, ...] | None, *, keepdims: bool = False
    ) -> _Value:
        """Apply a reduction over some axes or all; of a number it is that number."""
        if ANY in value.axes:
            raise Misfit("how long the vector of ones is does not show here; write ones(3)")
        if not value.axes:
            return _Value(0.0) if name in {"var", "std"} else value
        if value.letters:
            raise Misfit("write the index that is summed over")
        axis = axes[0] if axes and len(axes) == 1 else axes
        array = _REDUCTIONS[name](value.array, axis=axis, keepdims=keepdims)
        kept = [None if axes is None or i in axes else e for i, e in enumerate(value.axes)]
        gone = () if keepdims else range(value.ndim) if axes is None else axes
        return _Value(array, tuple(each for i, each in enumerate(kept) if i not in gone))

    # --- functions --------------------------------------------------------------------------------

    def _call(self, form: Form) -> _Value:
        name, options = form.detail
        if name in _SPECIAL:
            least, most, find, *known = _SPECIAL[name]
            if not least <= len(form.parts) <= most or options.keys() - {"dtype", *known}:
                self.complain(f"{name}: does not take these arguments", form)
            return find(self, form)  # type: ignore[no-any-return]  # the table mixes kinds
        if name in _REDUCTIONS or name in _ROWWISE:
            return self._along_an_axis(form)
        op = REGISTRY.get(name)
        if op is not None and op.elementwise and not options:
            if len(form.parts) == op.arity:
                return self._entrywise(op, self.every(form), form)
            self.complain(f"{name}: does not take {len(form.parts)} argument(s)", form)
        return self._whole(form)

    def _along_an_axis(self, form: Form) -> _Value:
        """Compute a sum, a mean or a softmax of entries with indices; others are whole arrays."""
        name, options = form.detail
        values = self.every(form)
        if len(values) == 2 and name in {"max", "min"}:
            return self._entrywise(REGISTRY[f"{name}imum"], values, form)
        (value, *more), rowwise = values, name in _ROWWISE
        if value.letters and not options and not more:
            axes = value.axes if rowwise else ()
            if value.ndim and rowwise:
                return replace(value, array=_ROWWISE[name](value.array))
            if not value.ndim and len(axes) < 2:  # Σ aₖ gₖ, softmax(zⱼ)
                return _Value(getattr(ops, name)(value.array), axes)
        if rowwise and not value.ndim:
            self.complain(f"{name}: takes a vector or a matrix, not a number", form)
        return self._whole(form, values)

    def _integer(self, form: Form) -> int:
        """Return a whole number that a form stands for."""
        value = self.of(form)
        if not value.is_number:
            self.complain("a whole number is expected here", form)
        return round(float(_plain(value.array)))

    def _integers(self, form: Form) -> tuple[int, ...]:
        """Return a shape or axes: 3, (3, 4) or X.shape."""
        inner = form.parts[0] if form.kind == "group" else form
        if inner.detail == ("shape", {}):
            return tuple(int(n) for n in np.ravel(_plain(self.of(inner).array)))
        return tuple(map(self._integer, inner.parts if inner.kind == "list" else (inner,)))

    def _whole(self, form: Form, first: Sequence[_Value] = ()) -> _Value:
        """Call an operation on whole arrays as NumPy does: sum(X, axis=0), trace(A)."""
        name, options = form.detail
        if name not in _WHOLE or not form.parts:
            self.complain(f"{name}: cannot be called here", form)
        values: list[_Value] = []

        def array(part: Form) -> Any:
            values.append(first[0] if first and part is form.parts[0] else self.of(part))
            number = values[-1].is_number and name == "concatenate"
            found = _real(values[-1].array)
            return ops.reshape(found, shape=(1,)) if number else found

        arguments: list[Any] = []
        for part in form.parts:
            inner = part.parts[0] if part.kind == "group" else part
            if part.kind == "group" and part.detail == "[":
                arguments.append([*map(array, inner.parts if inner.kind == "list" else (inner,))])
            elif inner.kind == "list":
                arguments.append(self._integers(inner))
            elif arguments and part.kind in {"number", "negative"}:
                arguments.append(self._integer(part))
            else:
                arguments.append(array(part))
        if not all(value.is_whole for value in values):
            self.complain(f"{name}: takes whole arrays", form)
        ndim = values[0].ndim
        if name in {"reshape", "transpose"} and len(arguments) > 2:
            arguments[1:] = [tuple(arguments[1:])]
        if name in {"kron", "tensordot", "outer", "diag"}:
            several = len(values) == 1 and ndim == 1  # diag(v)
            self._refuse_large([math.prod(v.shape) for v in values] * (1 + several), form)
        if (
            name == "diag"
            and len(form.parts) == 1
            and not options
            and len(set(values[0].shape)) < ndim
        ):
            return _array(ops.einsum("aa->a", *arguments))  # x_kk, as it stands in a derivation
        options = {"axis" if key == "dim" else key: value for key, value in options.items()}
        if name in _AXES and len(arguments) == 2:
            options["axis"] = arguments.pop()
        if name in LAST_AXIS or (name == "cumsum" and ndim == 1):
            options.setdefault("axis", -1 if ndim else None)
        axis = options.get("axis")
        for each in axis if isinstance(axis, tuple) else () if axis is None else (axis,):
            if not isinstance(each, int) or (name in _AXES and not -ndim <= each < ndim):
                self.complain(f"{name}: there is no axis {axis} among {ndim}", form)
        if name in _LOSSES and any(isinstance(a, int) for a in arguments):
            self.complain(f"{name}: takes arrays; write a label as one_hot(2, 3)", form)
        try:
            # A loss stands for its operation: one number for each example.
            op = REGISTRY[name] if name in _LOSSES else getattr(ops, name)
            found = op(*arguments, **options)
        except (ValueError, TypeError, IndexError) as error:
            raise Misfit(str(error)) from None
        return _array(
            found, _axes_left(values[0], _shape(found), axis) if len(values) == 1 else None
        )

    def _slope(self, form: Form) -> _Value:
        """Read relu′(U): the derivative of a function of one entry."""
        op = REGISTRY.get(form.detail)
        if op is None or not op.elementwise or op.arity != 1 or len(form.parts) != 1:
            self.complain(f"{form.detail}′: is the derivative of no function of one number", form)
        rule = op.rules[0]
        if rule is None:
            return _Value(0.0)

        def slope(x: Any) -> Any:
            saved = {} if op.saved is None else {"saved": op.saved(x)}
            return rule(1.0, op(x), x, **saved)

        return self._entrywise(slope, self.every(form), form)


# --- functions with a reading of their own --------------------------------------------------------


def _norm(self: _Meaning, form: Form) -> _Value:
    options = dict(form.detail[1])
    order = options.pop("ord", None)
    value, *orders = self.every(form)
    if value.letters and value.ndim == 1 and not options:  # ‖xₙ − μ‖, a number for each n
        p = orders[0].array if orders and _is_plain(orders[0].array) else 2.0
        return _Value(ops.norm(value.array, p, axis=-1), value.letters)
    value = _array(value.array) if value.letters else value
    if not value.ndim:
        return self._entrywise(ops.abs, [value], form)
    p = float(order) if isinstance(order, int) else 2.0
    if orders and _is_plain(orders[0].array):
        p = orders[0].array
    elif orders:
        bases = replace(value, array=ops.abs(value.array))
        powers = self._entrywise(ops.power, [bases, *orders], form)
        return _Value(ops.sum(powers.array) ** (1 / orders[0].array))
    return _array(ops.norm(value.array, p, **options))


def _vdot(self: _Meaning, form: Form) -> _Value:
    """Read ⟨a, g⟩: the sum of all products of entries."""
    left, right = self.every(form)
    if left.shape != right.shape:
        raise Misfit(f"shapes {left.shape} and {right.shape} do not fit")
    if left.ndim == 1:
        return self._multiplied(replace(left, row=True), replace(right, row=False), form)
    product = self._entrywise(ops.multiply, [left, right], form)
    return self._reduced("sum", _array(product.array) if product.letters else product, None)


def _dotted(self: _Meaning, form: Form) -> _Value:
    left, right = self.every(form, whole=True)
    left = replace(left, row=True) if left.ndim == 1 else left
    return self._multiplied(left, replace(right, row=False), form)


def _one_hot(self: _Meaning, form: Form) -> _Value:
    """Write class labels as rows, of the length given, or that of the gradient's rows."""
    value = self.of(form.parts[0])
    shape = self.scene.shape or ()
    if form.parts[1:]:
        count = self._integer(form.parts[1])
    elif not shape:
        raise Misfit("how many classes there are does not show; write one_hot(y, 3)")
    else:
        lengths = [self.scene.lengths[k] for k in ("K",) if k in self.scene.lengths]
        ways = list(dict.fromkeys([*(round(float(_plain(n))) for n in lengths), shape[-1]]))
        count = ways[self.choose(form, *(f"one_hot with {n} classes" for n in ways))]
    self._refuse_large((*value.shape, count), form)
    indices = _places_in(value.array)
    return _Value(ops.one_hot(indices, classes=count), (*value.axes, None))


def _filled(self: _Meaning, form: Form) -> _Value:
    """Read ones(3), zeros((2, 3)), ones_like(x), eye(3), arange(3)."""
    name, (part,) = form.detail[0], form.parts
    like = self.of(part) if name.endswith("_like") else None
    shape = self._integers(part) if like is None else like.shape
    square = name in {"eye", "identity"}
    self._refuse_large(shape * (1 + square), form)
    if square or name == "arange":
        if len(shape) != 1 or shape[0] < 1:
            self.complain(f"{name} takes one length", form)
        return _array(unit(*shape) if square else np.arange(float(*shape)))
    return _array(np.full(shape, float(name.startswith("ones"))), like.axes if like else None)


def _sizes(self: _Meaning, form: Form) -> _Value:
    """Read len(X), X.size, X.shape (of which [0] picks one)."""
    value = self.of(form.parts[0])
    name = form.detail[0]
    if name == "ndim":
        return _Value(float(value.ndim))
    if not value.ndim:
        self.complain(f"{name}: a number has no length", form)
    lengths = [_length(value.array, axis) for axis in range(value.ndim)]
    if name == "shape":
        return _array(ops.stack([_real(n) for n in lengths]))
    return _Value(lengths[0] if name == "len" else math.prod(lengths))


def _einsum(self: _Meaning, form: Form) -> _Value:
    first, *rest = form.parts
    if first.kind != "literal" or not isinstance(first.detail, str) or not rest:
        self.complain("einsum: takes subscripts such as 'ij,jk->ik' first", form)
    values = [self.of(part) for part in rest]
    spoken = first.detail.replace(" ", "").split("->")[0].split(",")
    lengths: dict[str, int] = {}
    for letters, value in zip(spoken, values, strict=False):
        lengths.update(zip(letters, value.shape, strict=False))
    self._refuse_large([*lengths.values()], form)
    try:
        return _array(ops.einsum(first.detail, *(_real(v.array) for v in values)))
    except (ValueError, TypeError) as error:
        raise Misfit(str(error)) from None


def _called_transpose(self: _Meaning, form: Form) -> _Value:
    if len(form.parts) > 1 or form.detail[1]:
        return self._whole(form)
    return self._turned(self.of(form.parts[0]))


def _heaviside(self: _Meaning, form: Form) -> _Value:
    """Read heaviside(x, h): 0 below 0, 1 above, and h there."""
    value, *there = self.every(form, whole=True)
    zero = _Value(0.0)
    above = self._entrywise(ops.greater, [value, zero], form)
    if not there:
        return above
    at = self._entrywise(ops.equal, [value, zero], form)
    at = self._entrywise(ops.multiply, [at, *there], form)
    return self._entrywise(ops.add, [above, at], form)


def _same(self: _Meaning, form: Form) -> _Value:
    """Read x.astype(float), x.copy(), array([1, 2]): the array itself, truth values as 0 and 1."""
    return self._entrywise(lambda x: ops.multiply(x, 1.0), [self.of(form.parts[0])], form)


def _scatter(self: _Meaning, form: Form) -> _Value:
    """Read scatter(g, (4,), [1:3]): g is added into zeros of a shape, at places."""
    if form.parts[2].kind != "index":
        self.complain("scatter: write an array, a shape, places: scatter(g, (4,), [1:3])", form)
    value, shape = self.of(form.parts[0]), self._integers(form.parts[1])
    if not value.is_whole:
        self.complain("scatter: takes whole arrays", form)
    self._refuse_large(shape, form)
    places = tuple(self._places(form.parts[2].parts))
    try:
        return _array(ops.scatter_add(_real(value.array), places, shape))
    except (IndexError, ValueError, TypeError) as error:
        raise Misfit(f"scatter: {error}") from None


def _rank(self: _Meaning, form: Form) -> _Value:
    """Read rank(x, 'left'): how many entries are smaller than each one."""
    options = dict(form.detail[1])
    axis = options.pop("axis", -1)
    side = form.parts[1].detail if len(form.parts) == 2 else None
    if side not in {"left", "right"} or options:
        self.complain("rank: takes an array and 'left' or 'right'", form)
    value = self.of(form.parts[0])
    known = isinstance(axis, int) and -value.ndim <= axis < value.ndim
    if not value.is_whole or not known:
        self.complain("rank: takes whole arrays, and one of their axes", form)
    return _Value(REGISTRY["rank"](value.array, axis=axis, side=side), value.axes)


def _others(self: _Meaning, form: Form) -> _Value:
    """Read product_of_others(x, axis=0): for each entry the product of all others."""
    value, axis = self.of(form.parts[0]), form.detail[1].get("axis", 0)
    if not value.is_whole or not isinstance(axis, int) or not 0 <= axis < value.ndim:
        self.complain("product_of_others: takes whole arrays, and one of their axes", form)
    return _Value(REGISTRY["product_of_others"](value.array, axis=axis), value.axes)


# --- arrays and axes ------------------------------------------------------------------------------


def _shape(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return shape


def _plain(value: Any) -> Any:
    """Return the numbers of a vertex."""
    return value.value if isinstance(value, Node) else value


def _places_in(value: Any) -> Any:
    """Return indices or places as whole numbers: the vertex that holds them, if they are."""
    array = np.asarray(_plain(value))
    if array.dtype.kind != "f":
        return value if isinstance(value, Node) else array
    whole = np.all(np.abs(array) < 2**53) and np.all(array == np.rint(array))
    return array.astype(int) if whole else array


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float)


def _real(value: Any) -> Any:
    return np.float64(value) if _is_plain(value) else value


def _length(array: Any, axis: int) -> Any:
    if isinstance(array, Node):
        return ops.length(array, axis=axis)
    return float(_shape(array)[axis])


def _said(form: Form) -> str:
    return form.detail if form.kind == "leaf" else "what stands before it"


def _without_units(value: _Value) -> _Value:
    """Take the only entry of an array of length 1, which has no index."""
    if not value.ndim or ANY in value.axes or math.prod(value.shape) != 1:
        return value
    return _Value(ops.reshape(value.array, shape=()))


def _fit(left: _Value, right: _Value) -> bool:
    try:
        np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        return False
    return True


def _spread(every: Sequence[tuple[Any, ...]], ndim: int) -> tuple[Any, ...]:
    """Return what the axes of arrays are together: ANY where all are, else what one knows."""
    found = []
    for place in range(-ndim, 0):
        there = [axes[place] for axes in every if len(axes) >= -place]
        known = [axis for axis in there if axis is not ANY]
        found.append(next((a for a in reversed(known) if a is not None), None) if known else ANY)
    return tuple(found)


def _beside(value: _Value, values: Iterable[_Value]) -> Iterator[int]:
    """Yield how long an array of unknown size is by those that stand beside it."""
    for place in range(-value.ndim, 0) if value.made is not None else ():
        for other in values:
            there = other.ndim >= -place and value.axes[place] is ANY is not other.axes[place]
            if there and other.shape[place] != 1:
                yield other.shape[place]


def _ordered(value: _Value, wanted: Sequence[str], ndim: int = 0) -> Any:
    """Order free indices as wanted, with length 1 where one or an axis behind them is missing."""
    array, order = value.array, tuple(value.axes.index(x) for x in wanted if x in value.axes)
    if order != tuple(range(len(order))):
        array = ops.transpose(array, axes=(*order, *range(len(order), len(value.axes))))
    missing = [i for i, letter in enumerate(wanted) if letter not in value.axes]
    missing += range(len(wanted), len(wanted) + ndim - value.ndim)
    return ops.expand_dims(array, axis=tuple(missing)) if missing else array


def _axes_left(value: _Value, shape: tuple[int, ...], axis: Any) -> Sequence[Any] | None:
    """Return what the axes of an operation on one array run over, where they are the array's."""
    if isinstance(axis, int) and len(shape) == value.ndim - 1:
        return [each for i, each in enumerate(value.axes) if i != axis % value.ndim]
    if len(shape) != value.ndim:
        return None
    return [a if n == m else None for a, n, m in zip(value.axes, shape, value.shape, strict=True)]


def _axes_of_item(axes: tuple[Any, ...], index: list[Any]) -> tuple[Any, ...] | None:
    """Return what the axes of X[index] run over, if that is known."""
    if any(np.ndim(_plain(each)) or each is Ellipsis for each in index):
        return None
    own, found = iter(axes), []
    for each in index:
        axis = None if each is None else next(own)
        if not isinstance(each, int):
            found.append(axis if each == slice(None) else None)
    return (*found, *own)


def _has_names(form: Form) -> bool:
    return any(each.kind == "leaf" for each in form.walk())


def _from_to(first: int, last: int) -> slice:
    """Return the slice from one place to another, forwards or backwards."""
    if first <= last:
        return slice(first, last + 1)
    return slice(first, last - 1 if last else None, -1)


def free_letters(form: Form) -> list[str]:
    """Return the indices that no sum binds, in alphabetical order."""

    def inside(form: Form, bound: frozenset[str]) -> Iterator[str]:
        if form.kind == "reduction":
            bound = bound | set(form.detail[1])
            ends = {index_of(condition.parts[1]) for condition in form.parts[1:]}  # Σ_{m ≥ n}
            yield from ends - bound - {""}
        if form.kind == "letter" and form.detail not in bound:
            yield form.detail
        for part in form.parts:
            yield from inside(part, bound)

    return sorted(set(inside(form, frozenset())))


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(ops, name)
    for name in ("sum", "mean", "max", "min", "prod", "var", "std", "logsumexp")
}
#: What a sum or a product is whose index is bounded by another, from an array and an axis.
_RUNNING: dict[tuple[str, str], Callable[[Any, int], Any]] = {
    ("sum", "less_equal"): lambda x, axis: ops.cumsum(x, axis),
    ("sum", "greater_equal"): lambda x, axis: ops.flip(ops.cumsum(ops.flip(x, axis), axis), axis),
    ("prod", "not_equal"): lambda x, axis: REGISTRY["product_of_others"](x, axis=axis),
}
_ROWWISE = {"softmax": ops.softmax, "log_softmax": ops.log_softmax}
#: What takes an axis as its second argument.
_AXES = frozenset({*_REDUCTIONS, *_ROWWISE})
_LOSSES = frozenset({"cross_entropy", "softmax_cross_entropy"})
_ENLARGING = {"array_split", "split", "dstack", "tile", "repeat", "pad", "broadcast_to"}
#: Operations on whole arrays that make no array larger than they are given.
_WHOLE = {name for name in meanings({}).values() if hasattr(ops, name)} - _ENLARGING
_WHOLE |= _LOSSES | _AXES | {"l1", "entropy"}
#: What is read in a way of its own, from how many arguments, and its options.
_SPECIAL: dict[str, tuple[Any, ...]] = {
    "norm": (1, 2, _norm, "ord", "axis", "keepdims"),
    "vdot": (2, 2, _vdot),
    "dot": (2, 2, _dotted),
    "matmul": (2, 2, _dotted),
    "one_hot": (1, 2, _one_hot),
    "einsum": (2, 99, _einsum),
    "transpose": (1, 9, _called_transpose, "axes"),
    "heaviside": (1, 2, _heaviside),
    "scatter": (3, 3, _scatter),
    "rank": (1, 2, _rank, "axis"),
    "product_of_others": (1, 1, _others, "axis"),
    **dict.fromkeys(("ones", "zeros", "ones_like", "zeros_like"), (1, 1, _filled)),
    **dict.fromkeys(("eye", "identity", "arange"), (1, 1, _filled)),
    **dict.fromkeys(("len", "size", "shape", "ndim"), (1, 1, _sizes)),
    **dict.fromkeys(("astype", "copy", "float", "array"), (1, 2, _same)),
}
_NAMES = (*_SPECIAL, *_REDUCTIONS, *_ROWWISE, *_LOSSES, "l1", "entropy")
#: Every word that may be called, and the operation it means.
FUNCTIONS = meanings({name: name for name in _NAMES})


def parse(text: str, **arrays: Any) -> Tensor:
    """Record a formula as a graph: what is typed becomes a Tensor.

    Parameters
    ----------
    text : str
        A formula in any spelling that derivations are written in: ``"a ⊙ (g − aᵀ g)"``,
        ``"aⱼ − yⱼ"``, ``"X.T @ (A - Y) / N"``, LaTeX.
    **arrays : Tensor or array_like
        What its letters stand for. Numbers count as constants, arrays as data.

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
        tree = read(text, given, functions=FUNCTIONS).tree
        meaning = _Meaning(Reading(text), Scene(given), tree)
        with np.errstate(all="ignore"):
            value = meaning.formula(tree)
            if value.letters and not value.ndim:
                value = _Value(_ordered(value, sorted(value.letters)))
            found = meaning.finished(value)
    except ClaimError as error:
        raise ClaimError(str(error).removeprefix("check_answer: "), asked="parse") from None
    except Misfit as error:
        raise ValueError(f"parse: {error}") from None
    return found if isinstance(found, Tensor) else Tensor(found)


def _opposite(x: Any) -> Any:
    """Return −x, of conditions too: −[x > 0]."""
    return ops.negative(1 * x if getattr(x, "dtype", None) == np.dtype(bool) else x)
