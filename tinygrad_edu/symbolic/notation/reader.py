"""What a formula means: its tree is computed with the public operations, on any arrays.

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
from tinygrad_edu.numpy_functions import RENAMED, SAME
from tinygrad_edu.symbolic.algebra.units import is_unit, unit
from tinygrad_edu.symbolic.notation.grammar import ClaimError, Tree, read
from tinygrad_edu.tensor import Tensor

__all__ = ["FUNCTIONS", "Misfit", "Reading", "Scene", "free_letters", "parse"]

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


@dataclass(frozen=True)
class _Value:
    """A part of a formula: an array; its first axes are free indices, the others have ranges.

    A vector is a column, or a `row` if transposed. An axis in `spread` has length 1 and stands for
    any length, as in x 1ᵀ; `eye` is what multiplies the unit matrix of a size not known yet.
    """

    array: Any
    free: tuple[str, ...] = ()
    ranges: tuple[Any, ...] = ()
    row: bool = False
    spread: frozenset[int] = frozenset()
    eye: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes that have no letter."""
        return _shape(self.array)[len(self.free) :]

    @property
    def size(self) -> int:
        """How many entries it has."""
        return math.prod(_shape(self.array))

    @property
    def ndim(self) -> int:
        """How many axes have no letter."""
        return len(self.ranges)

    @property
    def is_number(self) -> bool:
        """Whether it is a number."""
        return not self.free and not self.ranges


class Reading:
    """One reading of a formula; where there are several, `chosen` says which, place by place.

    `choices` collects the places that can be read in several ways, with what each way is called.
    """

    def __init__(self, written: str, chosen: Mapping[int, int] | None = None) -> None:
        self.written, self.chosen = written, dict(chosen or {})
        self.choices: dict[int, tuple[str, ...]] = {}
        self.remarks: dict[str, None] = {}  # an ordered set

    def compute(self, tree: Tree, scene: Scene) -> Any:
        """Compute a formula, in the shape that the scene asks for."""
        with np.errstate(all="ignore"):
            meaning = _Meaning(self, scene)
            free = free_letters(tree)
            meaning.lengths = {x: n for x, n in meaning.lengths.items() if x in free}
            return meaning.finished(meaning.of(tree))


class _Meaning:
    """Compute a tree in a scene: one method per kind."""

    def __init__(self, reading: Reading, scene: Scene) -> None:
        self.reading, self.scene = reading, scene
        self.lengths: dict[str, int] = {}  # of the indices in use
        self.unit_length = 0  # of δ₁, where it shows beside it
        if scene.shape is not None:
            kept = [n for n, one in zip(scene.shape, _ones_of(scene), strict=True) if not one]
            if len(kept) == len(scene.letters):
                self.lengths.update(zip(scene.letters, kept, strict=True))
        sizes = [np.size(_plain(a)) for a in scene.arrays.values()]
        self.most = max(LARGEST, LARGER * max(sizes, default=0))

    def complain(self, sentence: str, tree: Tree) -> NoReturn:
        raise ClaimError(sentence, self.reading.written, tree.at)

    def choose(self, tree: Tree, *ways: str) -> int:
        """Return which way a place is read."""
        if len(ways) > 1:
            self.reading.choices[tree.at] = ways
        return self.reading.chosen.get(tree.at, 0) % len(ways)

    def of(self, tree: Tree) -> _Value:
        """Compute a tree."""
        found: _Value = getattr(self, "_" + tree.kind.replace(" ", "_"))(tree)
        return found

    def finished(self, value: _Value) -> Any:
        """Give a value the shape asked for, where it lacks some of it."""
        shape = self.scene.shape
        if shape is None and (value.eye is not None or value.spread):
            raise Misfit("how long the vector of ones is does not show; write ones(3)")
        if shape is None:
            return value.array
        if value.free:
            return self._placed(value, shape)
        if value.eye is not None:
            value = self._settled(value, shape[-1] if shape else 1)
        own = value.shape
        if own and math.prod(own) == 1 != math.prod(shape):
            own = ()  # one number, for every entry
        while own[:1] == (1,) and own != shape[-len(own) :]:
            own = own[1:]  # for every row
        if own != value.shape:
            value = replace(value, array=ops.reshape(value.array, shape=own), spread=frozenset())
        if own == shape:
            return value.array
        lacks = len(shape) - len(own)
        spread = {i + lacks for i in value.spread}
        if own and own[0] == 1:  # a row stands for equal rows, as a formula without this axis
            spread.add(lacks)
        fits = lacks >= 0 and all(
            n == wanted or i in spread
            for i, (n, wanted) in enumerate(zip(own, shape[lacks:], strict=True), start=lacks)
        )
        if fits:
            return ops.broadcast_to(value.array, shape=shape)
        if [n for n in own if n != 1] == [n for n in shape if n != 1]:
            return ops.reshape(value.array, shape=shape)
        return value.array

    def _placed(self, value: _Value, shape: tuple[int, ...]) -> Any:
        """Put free indices where the axes with these letters are."""
        if value.ndim:
            raise Misfit("some arrays have indices and some have none; write all of them or none")
        letters = [letter for letter in self.scene.letters if letter in value.free]
        array = _ordered(value.array, value.free, letters)
        if len(value.free) > len(shape) - sum(_ones_of(self.scene)):
            return array  # more indices than there are axes
        index = iter(self.scene.letters)
        every = [None if one else next(index, None) for one in _ones_of(self.scene)]
        for place, letter in enumerate(every):
            if letter not in letters:
                array = ops.expand_dims(array, axis=place)
        return ops.broadcast_to(array, shape=shape) if _shape(array) != shape else array

    # --- what stands alone ------------------------------------------------------------------------

    def _number(self, tree: Tree) -> _Value:
        return _Value(tree.detail)

    def _constant(self, tree: Tree) -> _Value:
        return _Value({"e": math.e, "π": math.pi, "∞": math.inf}[tree.detail])

    def _dimension(self, tree: Tree) -> _Value:
        letter = tree.detail.lower()
        if letter in self.lengths and tree.detail.islower():
            return self._letter(replace(tree, detail=letter))
        return _Value(self.scene.lengths[tree.detail])

    def _letter(self, tree: Tree) -> _Value:
        """Read an index that counts, as in [i ≤ j]: it starts at 0."""
        if tree.detail not in self.lengths:
            raise Misfit(f"how far the index {tree.detail} runs does not show")
        return _Value(np.arange(float(self.lengths[tree.detail])), (tree.detail,))

    def _name(self, tree: Tree) -> _Value:
        array = self.scene.arrays[tree.detail]
        ranges = self.scene.ranges.get(tree.detail)
        return _Value(array, (), (None,) * len(_shape(array)) if ranges is None else ranges)

    def _ones(self, tree: Tree) -> _Value:
        return _Value(np.ones(1), (), (None,), spread=frozenset({0}))

    def _delta(self, tree: Tree) -> _Value:
        """Read δ₁, which is 1 at the place 1; δₖⱼ; and I, the unit matrix."""
        letters = [i.detail for i in tree.detail if i.kind == "letter"]
        if not tree.detail:
            return _Value(np.zeros((1, 1)), (), (None, None), spread=frozenset({0, 1}), eye=1.0)
        if len(tree.detail) == 1 and not letters:
            place = int(tree.detail[0].detail)
            length = self.unit_length or (self.scene.shape or (0,))[-1]
            if not place < length:
                self.complain(f"no vector with an entry {place} stands here", tree)
            return _Value(unit(length, place), (), (None,))
        if len(tree.detail) != 2:
            self.complain("δ has two indices", tree)
        one, other = map(self._position, tree.detail)
        if len(letters) == 2 and one.free != other.free and one.size == other.size:
            return _Value(unit(one.size), (*one.free, *other.free))
        if bool(one.free) != bool(other.free) and len(letters) == 1:
            running, fixed = (one, other) if one.free else (other, one)
            if fixed.is_number and 0 <= fixed.array < running.size:
                return _Value(unit(running.size, int(fixed.array)), running.free)
        return self._entrywise(ops.equal, [one, other], tree)

    def _position(self, index: Tree) -> _Value:
        if index.kind in {"letter", "total"}:
            return self.of(index)
        return _Value(index.detail)

    def _group(self, tree: Tree) -> _Value:
        return self.of(tree.parts[0])

    def _list(self, tree: Tree) -> _Value:
        values = [self.of(part) for part in tree.parts]
        if any(value.free for value in values):
            self.complain("a list of forms with indices has no meaning here", tree)
        try:
            array = ops.stack([_real(value.array) for value in values])
        except ValueError as error:
            raise Misfit(f"these cannot be stacked: {error}") from None
        return _Value(array, (), (None,) * np.ndim(_plain(array)))

    def _string(self, tree: Tree) -> _Value:
        return self.complain("a text has no place here", tree)

    # --- entry by entry ---------------------------------------------------------------------------

    def _entrywise(self, op: Callable[..., Any], values: Sequence[_Value], tree: Tree) -> _Value:
        """Apply an operation entry by entry, as NumPy broadcasts shapes."""
        if any(value.eye is not None for value in values):
            return self._with_unit_matrix(op, list(values), tree)
        free = tuple(dict.fromkeys(letter for value in values for letter in value.free))
        if free:
            values = list(map(_without_units, values))
        most = max(value.ndim for value in values)
        if free and most:
            self.complain(
                "some arrays have indices here and some have none; write all of them or none", tree
            )
        try:
            shape = np.broadcast_shapes(*(value.shape for value in values))
        except ValueError:
            shapes = " and ".join(str(value.shape) for value in values if value.ndim)
            raise Misfit(f"shapes {shapes} do not fit") from None
        arrays = [_ordered(v.array, v.free, free) if v.free else v.array for v in values]
        self._refuse_large(np.broadcast_shapes(*map(np.shape, arrays)), tree)
        if not any(isinstance(a, Node | np.ndarray) for a in arrays):
            arrays = [np.float64(a) for a in arrays]
        out = op(*arrays)
        if isinstance(out, np.ndarray) and out.dtype == bool:
            out = out.astype(np.float64)
        if not free and not shape and not isinstance(out, Node):
            out = float(out)
        ranges: list[Any] = [None] * most
        spread = set(range(most))
        for value in values:
            for i, each in enumerate(value.ranges, start=most - value.ndim):
                ranges[i] = ranges[i] if each is None else each
                if i - most + value.ndim not in value.spread:
                    spread.discard(i)
        row = all(value.row for value in values if value.ndim == most) and most == 1
        return _Value(out, free, tuple(ranges), row, frozenset(spread))

    def _with_unit_matrix(self, op: Callable[..., Any], values: list[_Value], tree: Tree) -> _Value:
        """Apply an operation where the size of I shows beside it, or does not matter."""
        known = {
            n
            for value in values
            if value.ndim == 2
            for i, n in enumerate(value.shape)
            if i not in value.spread
        }
        if known:
            return self._entrywise(op, [self._settled(v, max(known)) for v in values], tree)
        linear = op in {ops.add, ops.subtract, ops.negative} or (
            op in {ops.multiply, ops.divide} and sum(v.eye is not None for v in values) == 1
        )
        numbers = all(v.is_number or v.eye is not None or v.spread for v in values)
        if not linear or not numbers or (op is ops.divide and values[0].eye is None):
            self.complain("the size of I does not show here; write eye(3)", tree)
        plain = self._entrywise(op, [replace(v, eye=None) for v in values], tree)
        if op in {ops.multiply, ops.divide}:
            scales = [v.eye if v.eye is not None else v.array for v in values]
        else:
            scales = [v.eye if v.eye is not None else 0.0 for v in values]
        return replace(plain, eye=op(*(np.float64(s) if _is_plain(s) else s for s in scales)))

    def _settled(self, value: _Value, length: int) -> _Value:
        """Write the unit matrix out, now that its size is known."""
        if value.eye is None:
            return value
        scaled: Any = unit(length)
        if not _is_plain(value.eye) or value.eye != 1:
            scaled = ops.multiply(scaled, value.eye)
        alone = isinstance(value.array, np.ndarray) and not value.array.any()
        array = scaled if alone else ops.add(value.array, scaled)
        return _Value(array, (), value.ranges)

    def _refuse_large(self, shape: Sequence[int], tree: Tree) -> None:
        if math.prod(shape) > self.most:
            self.complain(f"an array of shape {tuple(shape)} is too large to be tried", tree)

    def _negative(self, tree: Tree) -> _Value:
        return self._entrywise(ops.negative, [self.of(tree.parts[0])], tree)

    def _total(self, tree: Tree) -> _Value:
        sum_ = self.of(tree.parts[0])
        if tree.detail[0]:
            sum_ = self._entrywise(ops.negative, [sum_], tree)
        for term, minus in zip(tree.parts[1:], tree.detail[1:], strict=True):
            op = ops.subtract if minus else ops.add
            sum_ = self._entrywise(op, [sum_, self.of(term)], term)
        return sum_

    def _times(self, tree: Tree) -> _Value:
        left, right = (self.of(part) for part in tree.parts)
        if tree.detail == "⊙" or not (left.ndim and right.ndim) or left.free or right.free:
            return self._entrywise(ops.multiply, [left, right], tree)
        if left.ndim == right.ndim == 1:
            if left.row != right.row:
                return self._product(left, right, tree)
            if left.shape == right.shape and not left.spread and not right.spread:
                way = self.choose(tree, "⊙, entry by entry", "xᵀ y, a number")
                return (
                    self._product(replace(left, row=True), right, tree)
                    if way
                    else (self._entrywise(ops.multiply, [left, right], tree))
                )
        if tree.detail == "·" and not _fit(left, right):
            return self._product(left, right, tree)
        square = left.ndim == right.ndim == 2 and left.shape[-1] == right.shape[0]
        if square and self.choose(tree, "⊙, entry by entry", "@, a matrix product"):
            return self._product(left, right, tree)
        return self._entrywise(ops.multiply, [left, right], tree)

    def _over(self, tree: Tree) -> _Value:
        above, below = tree.parts
        while below.kind == "group":
            (below,) = below.parts
        if below.kind == "power" and below.parts[0].detail != "e" and _has_names(below.parts[1]):
            base, exponent = below.parts  # x/L^(p − 1) is x·L^(1 − p), as derivations hold it
            exponent = replace(below, kind="negative", parts=(exponent,))
            inverse = self._power(replace(below, parts=(base, exponent)))
            return self._entrywise(ops.multiply, [self.of(above), inverse], tree)
        return self._entrywise(ops.divide, [self.of(part) for part in tree.parts], tree)

    def _scaled(self, tree: Tree) -> _Value:
        """Read 1/N X: a quotient of two numbers before a form is a factor."""
        over, form = tree.parts
        above, below = (self.of(part) for part in over.parts)
        if not (above.is_number and below.is_number):
            self.complain("what is below / can be read in two ways; write a/(b·c) or (a/b)·c", tree)
        quotient = self._entrywise(ops.divide, [above, below], over)
        return self._entrywise(ops.multiply, [quotient, self.of(form)], tree)

    def _power(self, tree: Tree) -> _Value:
        base, exponent = tree.parts
        # Where e is the name of e^z itself, e² is its square, and e^z is still the exponential.
        if base.detail == "e" and (base.kind == "constant" or _has_names(exponent)):
            return self._entrywise(ops.exp, [self.of(exponent)], tree)
        value, raised = self.of(base), self.of(exponent)
        if value.ndim == 2 and _is_plain(raised.array) and raised.array == -1:
            self.reading.remarks["a power is one of every entry, and no inverse matrix"] = None
        return self._entrywise(ops.power, [value, raised], tree)

    def _to_the_T(self, tree: Tree) -> _Value:
        """Read X^T where T is a name as well."""
        value = self.of(tree.parts[0])
        exponent = self._name(replace(tree, detail="T"))
        if not value.ndim or exponent.ndim:
            return self._entrywise(ops.power, [value, exponent], tree)
        if self.choose(tree, "the transpose", "the power T"):
            return self._entrywise(ops.power, [value, exponent], tree)
        return self._turned(value)

    # --- indices and slices -----------------------------------------------------------------------

    def _indexed(self, tree: Tree) -> _Value:
        """Give the axes of an array letters, or take entries along them: a_j, z₁, x_{j+1}."""
        (base,) = tree.parts
        value = self.of(base)
        said = base.detail if base.kind == "name" else "what stands before the index"
        indices = list(tree.detail)
        if value.free:
            self.complain(f"{said} has its indices already", tree)
        units = tuple(i for i, n in enumerate(value.shape) if n == 1 and value.ranges[i] is None)
        if units and len(indices) == value.ndim - len(units):  # no index counts to 1
            ranges = tuple(r for i, r in enumerate(value.ranges) if i not in units)
            value = _Value(ops.squeeze(value.array, axis=units), (), ranges)
        if len(indices) != value.ndim:
            self.complain(f"{said} has {value.ndim} axes, not {len(indices)}", tree)
        return self._picked(value, [self._index(i, tree) for i in indices], said, tree)

    def _index(self, index: Tree, tree: Tree) -> tuple[str, int, int]:
        """Return the letter of an index ("" for an entry), its sign, and what is added to it."""
        if index.kind == "letter":
            return index.detail, 1, 0
        if index.kind == "number":
            return "", 1, int(index.detail)
        if index.kind in {"dimension", "name"} and len(index.detail) == 1:
            if index.detail in self.lengths or index.kind == "name":
                return index.detail, 1, 0
            return "", 1, int(_plain(self.scene.lengths[index.detail]))
        if index.kind in {"negative", "total"}:
            signs = index.detail if index.kind == "total" else (True,)
            letter, sign, shift = "", 1, 0
            for part, minus in zip(index.parts, signs, strict=True):
                inner, own, more = self._index(part, tree)
                by = -1 if minus else 1
                if inner and letter:
                    break
                letter, sign = (inner, own * by) if inner else (letter, sign)
                shift += by * more
            else:
                return letter, sign, shift
        return self.complain("an index is a letter, a number, or a sum of both", tree)

    def _picked(
        self, value: _Value, indices: list[tuple[str, int, int]], said: str, tree: Tree
    ) -> _Value:
        array, letters = value.array, []
        axis = 0
        for length, (letter, sign, shift) in zip(value.shape, indices, strict=True):
            if not letter:
                if not -length <= shift < length:
                    self.complain(f"{said} has no entry {shift}, its length is {length}", tree)
                array = array[(*(slice(None),) * axis, shift)]
                continue
            known = self.lengths.setdefault(letter, length)
            if (sign, shift) != (1, 0):
                array = self._shifted(array, axis, sign * np.arange(known) + shift)
            elif known != length:
                raise Misfit(f"the index {letter} runs over {known} and over {length} entries")
            letters.append(letter)
            axis += 1
        once = tuple(dict.fromkeys(letters))
        if len(once) < len(letters):  # x_kk is the diagonal
            codes = dict(zip(once, "abcdefgh", strict=False))
            term = "".join(codes[letter] for letter in letters)
            array = ops.einsum(f"{term}->{''.join(codes.values())}", array)
        return _Value(array, once)

    def _shifted(self, array: Any, axis: int, places: Any) -> Any:
        """Take the entries at places along an axis; beyond its ends it is 0."""
        length = _shape(array)[axis]
        inside = (places >= 0) & (places < length)
        array = array[(*(slice(None),) * axis, np.clip(places, 0, length - 1))]
        if inside.all():
            return array
        shape = [1] * np.ndim(_plain(array))
        shape[axis] = len(places)
        return ops.multiply(array, inside.reshape(shape).astype(float))

    def _item(self, tree: Tree) -> _Value:
        """Read what Python's brackets take: Z[0, 1], V[:, :2], w[:, None], eye(K)[y]."""
        (base,) = tree.parts
        if base.detail == ("shape", {}) and isinstance(tree.detail[0], int):
            return self._size_of(base, tree.detail[0])
        value = self.of(base)
        said = base.detail if base.kind == "name" else "what stands before it"
        if value.free or value.eye is not None:
            self.complain("a form with indices takes no brackets", tree)
        index = self._places(tree)
        if is_unit(value.array) and len(index) == 1 and isinstance(index[0], np.ndarray):
            rows = ops.one_hot(index[0], classes=value.shape[-1])
            return _Value(rows, (), (None,) * np.ndim(rows))
        shape = value.shape
        axes = [each for each in index if each is not None and each is not Ellipsis]
        if len(axes) > len(shape):
            self.complain(f"{said} has {len(shape)} axes, not {len(axes)}", tree)
        if Ellipsis not in [e for e in index if not isinstance(e, np.ndarray)]:
            for each, length in zip(axes, shape, strict=False):
                if isinstance(each, int) and not -length <= each < length:
                    self.complain(f"{said} has no entry {each}, its length is {length}", tree)
        try:
            array = _real(value.array)[tuple(index)]
        except (IndexError, ValueError, TypeError) as error:
            self.complain(f"this index does not fit: {error}", tree)
        return _Value(array, (), self._ranges_of_item(value, index, np.ndim(_plain(array))))

    def _places(self, tree: Tree) -> list[Any]:
        """Return what stands in Python's brackets, its formulas computed."""
        index: list[Any] = []
        for each in tree.detail:
            if isinstance(each, Tree):
                inner = _plain(self.of(each).array)
                if np.asarray(inner).dtype.kind == "f" and np.all(inner == np.rint(inner)):
                    inner = np.asarray(inner).astype(int)
                index.append(int(inner) if np.ndim(inner) == 0 else inner)
            else:
                index.append(each)
        return index

    def _scatter(self, tree: Tree) -> _Value:
        """Read scatter(g, (4,), [1:3]): g is added into zeros of a shape, at places."""
        if len(tree.parts) != 3 or tree.parts[2].kind != "index" or tree.detail[1]:
            self.complain("scatter: write an array, a shape, places: scatter(g, (4,), [1:3])", tree)
        value, shape = self.of(tree.parts[0]), self._shape_of(tree.parts[1])
        if value.free or value.spread or value.eye is not None:
            self.complain("scatter: takes whole arrays", tree)
        self._refuse_large(shape, tree)
        try:
            array = ops.scatter_add(_real(value.array), tuple(self._places(tree.parts[2])), shape)
        except (IndexError, ValueError, TypeError) as error:
            raise Misfit(f"scatter: {error}") from None
        return _Value(array, (), (None,) * len(shape))

    def _rank(self, tree: Tree) -> _Value:
        """Read rank(x, 'left'): how many entries are smaller than each one."""
        options = dict(tree.detail[1])
        axis = options.pop("axis", -1)
        sides = [part.detail for part in tree.parts[1:] if part.kind == "string"]
        if sides not in (["left"], ["right"]) or len(tree.parts) != 2 or options:
            self.complain("rank: takes an array and 'left' or 'right'", tree)
        value = self.of(tree.parts[0])
        known = isinstance(axis, int) and -value.ndim <= axis < value.ndim
        if value.free or not known:
            self.complain("rank: takes whole arrays, and one of their axes", tree)
        array = REGISTRY["rank"](value.array, axis=axis, side=sides[0])
        return _Value(array, (), value.ranges)

    def _ranges_of_item(self, value: _Value, index: list[Any], ndim: int) -> tuple[Any, ...]:
        if any(isinstance(each, np.ndarray) or each is Ellipsis for each in index):
            return (None,) * ndim
        own = iter(value.ranges)
        found = [None if each is None else (next(own), each)[0] for each in index]
        cut = [isinstance(each, slice) and each != slice(None) for each in index]
        found = [None if short else r for r, short in zip(found, cut, strict=True)]
        kept = [r for r, each in zip(found, index, strict=True) if not isinstance(each, int)]
        return (*kept, *own)

    # --- matrices ---------------------------------------------------------------------------------

    def _transpose(self, tree: Tree) -> _Value:
        value = self.of(tree.parts[0])
        if value.ndim == 1 and self.reading.written[tree.at : tree.at + 2] == ".T":
            self.reading.remarks[".T of a vector is read as ᵀ; NumPy's word is np.outer"] = None
        return self._turned(value)

    def _turned(self, value: _Value) -> _Value:
        if value.free and value.ndim == 0:
            return value
        if value.ndim < 2:
            return replace(value, row=not value.row)
        if value.free or value.ndim > 2:
            raise Misfit("a transpose is one of a matrix")
        spread = frozenset(1 - i for i in value.spread)
        return replace(
            value,
            array=ops.transpose(value.array),
            ranges=value.ranges[::-1],
            spread=spread,
        )

    def _beside(self, tree: Tree) -> _Value:
        """Read forms side by side: a matrix product, or a number times something."""
        shape, outer = self.scene.shape or (), self.unit_length
        if tree.parts[1].kind == "transpose" and len(shape) == 2:
            self.unit_length = shape[0]  # δ₁ gᵀ
        left = self.of(tree.parts[0])
        self.unit_length = left.shape[-1] if left.ndim == 2 else outer  # A δ₁
        right = self.of(tree.parts[1])
        self.unit_length = outer
        if left.ndim == right.ndim == 1 and left.row == right.row and not left.spread:
            if left.row or left.shape != right.shape:
                names = [self._cut(part) for part in tree.parts]
                raise Misfit(
                    "two vectors side by side are no product; the outer product is "
                    f"{names[1]} {names[0]}ᵀ or {names[0]} {names[1]}ᵀ"
                )
            self.reading.remarks["two vectors side by side are no product, and were read as ⊙"] = (
                None
            )
            return self._entrywise(ops.multiply, [left, right], tree)
        return self._product(left, right, tree)

    def _cut(self, tree: Tree) -> str:
        """Return what was written of a vector, without its transpose."""
        vector = tree.parts[0] if tree.kind == "transpose" else tree
        return self.reading.written[vector.at : vector.end]

    def _matrix_product(self, tree: Tree) -> _Value:
        left, right = (self.of(part) for part in tree.parts)
        if left.ndim == right.ndim == 1 and left.row == right.row:
            left, right = replace(left, row=True), replace(right, row=False)
        return self._product(left, right, tree)

    def _product(self, left: _Value, right: _Value, tree: Tree) -> _Value:
        if not left.ndim or not right.ndim:
            return self._entrywise(ops.multiply, [left, right], tree)
        if left.free or right.free:
            left, right = _without_units(left), _without_units(right)
            if not left.ndim or not right.ndim:
                return self._entrywise(ops.multiply, [left, right], tree)
            self.complain(
                "some arrays have indices here and some have none; write all of them or none", tree
            )
        if left.ndim == right.ndim == 1 and right.row and not left.row:
            return self._outer(left, right, tree)
        shapes = f"shapes {left.shape} and {right.shape} do not fit a matrix product"
        if left.ndim > 2 or right.ndim > 2:
            raise Misfit(f"{shapes} of matrices")
        inner, other = left.ndim - 1, 0
        if inner in left.spread and other in right.spread:
            self.complain("how long the vector of ones is does not show; write ones(3)", tree)
        left = self._stretched(left, inner, right.shape[other])
        right = self._stretched(right, other, left.shape[inner])
        if left.shape[-1] != right.shape[0]:
            raise Misfit(shapes)
        ranges = left.ranges[:-1] + right.ranges[1:]
        spread = {i for i in left.spread if i < inner}
        spread |= {i - 1 + inner for i in right.spread if i > 0}
        row = len(ranges) == 1 and left.ndim == 1 and left.row
        array = ops.matmul(left.array, right.array)
        return _Value(array, (), ranges, row, frozenset(spread))

    def _stretched(self, value: _Value, axis: int, length: int) -> _Value:
        """Give an axis that stands for any length the one that is met."""
        if value.eye is not None:
            return self._settled(value, length)
        if axis not in value.spread:
            return value
        shape = list(value.shape)
        shape[axis] = length
        self._refuse_large(shape, Tree("", 0))
        array = ops.broadcast_to(value.array, shape=tuple(shape))
        return replace(value, array=array, spread=value.spread - {axis})

    def _outer(self, left: _Value, right: _Value, tree: Tree) -> _Value:
        if not left.ndim == right.ndim == 1 or left.free or right.free:
            raise Misfit("an outer product is one of two vectors")
        self._refuse_large((*left.shape, *right.shape), tree)
        spread = {i for i, value in enumerate((left, right)) if value.spread}
        array = ops.outer(left.array, right.array)
        return _Value(array, (), left.ranges + right.ranges, spread=frozenset(spread))

    # --- sums -------------------------------------------------------------------------------------

    def _reduction(self, tree: Tree) -> _Value:
        name, letters = tree.detail
        body, *conditions = tree.parts
        outer = dict(self.lengths)
        for letter in letters:
            self.lengths.pop(letter, None)
        self.lengths.update(self._lengths_in(body, letters))
        value = self.of(body)
        if not letters and value.free and not value.ndim:
            letters = value.free  # Σ aₖ gₖ
        if not letters:
            self.lengths = outer
            return self._reduced(name, value, None)
        for condition in conditions:
            free = {each.detail for each in condition.walk() if each.kind == "letter"}
            if free <= self.lengths.keys():
                mask = self._entrywise(_as_number, [self.of(condition)], condition)
                value = self._entrywise(ops.multiply, [value, mask], condition)
        for letter in letters:
            value = self._over_letter(name, value, letter, tree)
        self.lengths = outer
        return value

    def _over_letter(self, name: str, value: _Value, letter: str, tree: Tree) -> _Value:
        """Reduce over an index, or over the axis that a letter counts, which is kept."""
        if letter in value.free:
            axis = value.free.index(letter)
            free = tuple(x for x in value.free if x != letter)
            return replace(value, array=_REDUCTIONS[name](value.array, axis=axis), free=free)
        if not value.ndim and name == "sum":  # what does not depend on the index
            count = self.lengths.get(letter, self.scene.lengths.get(letter.upper(), 1.0))
            return self._entrywise(ops.multiply, [value, _Value(count)], tree)
        if not value.ndim:
            return value
        places = self._counted_by(letter, value)
        if len(places) != 1:
            there = ", ".join(sorted(self._letters_of(value))) or "none"
            self.complain(f"no sum over {letter}: what is summed has the index {there}", tree)
        if value.ndim == 1:
            return self._reduced(name, value, None)
        array = _REDUCTIONS[name](value.array, axis=places[0], keepdims=True)
        ranges = tuple(None if i in places else r for i, r in enumerate(value.ranges))
        return replace(value, array=array, ranges=ranges)

    def _counted_by(self, letter: str, value: _Value) -> list[int]:
        """Return the axes of a value that a letter counts."""
        wanted = self.scene.counts.get(letter.upper())
        places = [i for i, each in enumerate(value.ranges) if each is not None and each is wanted]
        if len(places) == 1 or letter.upper() not in self.scene.lengths:
            return places
        length = float(_plain(self.scene.lengths[letter.upper()]))
        unknown = [i for i, n in enumerate(value.shape) if n == length and value.ranges[i] is None]
        return places or unknown

    def _letters_of(self, value: _Value) -> Iterator[str]:
        yield from value.free
        for letter, each in self.scene.counts.items():
            if any(each is own for own in value.ranges):
                yield letter.lower()

    def _lengths_in(self, tree: Tree, letters: Iterable[str]) -> dict[str, int]:
        """Find how far bound indices run: over the axes of the arrays that carry them."""
        found: dict[str, int] = {}
        pending = [(tree, frozenset(letters))]
        while pending:
            each, wanted = pending.pop()
            if each.kind == "reduction":
                wanted = wanted - set(each.detail[1])
            if each.kind == "delta":  # δₖⱼ: k runs as far as j
                both = [i.detail for i in each.detail if i.kind == "letter"]
                known = [self.lengths[letter] for letter in both if letter in self.lengths]
                bound = [letter for letter in both if letter in wanted]
                found |= {letter: known[0] for letter in bound if known and letter not in found}
            if each.kind == "indexed" and each.parts[0].kind == "name":
                shape = _shape(self.scene.arrays[each.parts[0].detail])
                if len(each.detail) < len(shape):
                    shape = tuple(n for n in shape if n != 1)
                for index, length in zip(each.detail, shape, strict=False):
                    if index.kind == "letter" and index.detail in wanted:
                        found.setdefault(index.detail, length)
            elif each.kind == "indexed" and wanted:
                shape = self.of(each.parts[0]).shape
                if len(each.detail) < len(shape):
                    shape = tuple(n for n in shape if n != 1)
                for index, length in zip(each.detail, shape, strict=False):
                    if index.kind == "letter" and index.detail in wanted:
                        found.setdefault(index.detail, length)
            pending += [(part, wanted) for part in each.inside]
        return found

    def _reduced(
        self, name: str, value: _Value, axis: int | None, *, keepdims: bool = False
    ) -> _Value:
        """Apply a reduction over one axis or all; of a number it is that number."""
        if value.spread or value.eye is not None:
            raise Misfit("how long the vector of ones is does not show here; write ones(3)")
        if value.free and not value.ndim:
            value = _Value(value.array, (), (None,) * len(value.free))
        if not value.ndim and name in {"var", "std"}:
            return _Value(0.0)
        if not value.ndim:
            return value
        if value.free:
            raise Misfit("write the index that is summed over")
        if axis is None and not keepdims:
            return _Value(_REDUCTIONS[name](value.array))
        array = _REDUCTIONS[name](value.array, axis=axis, keepdims=keepdims)
        kept = [None if keepdims and axis in {None, i} else r for i, r in enumerate(value.ranges)]
        if not keepdims and axis is not None:
            del kept[axis]
        return _Value(array, (), tuple(kept))

    # --- functions --------------------------------------------------------------------------------

    def _call(self, tree: Tree) -> _Value:
        name, options = tree.detail
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, tree)
        if name in _REDUCTIONS or name in _ROWWISE:
            return self._along_an_axis(tree)
        op = REGISTRY.get(name)
        if op is not None and op.elementwise and not options:
            values = [self.of(part) for part in tree.parts]
            if len(values) == op.arity:
                return self._entrywise(op, values, tree)
            return self.complain(f"{name}: does not take {len(values)} argument(s)", tree)
        return self._whole(tree)

    def _along_an_axis(self, tree: Tree) -> _Value:
        """Compute a sum, a mean or a softmax over one axis or all."""
        name, options = tree.detail
        if not 1 <= len(tree.parts) <= 2 or not options.keys() <= _AXIS_OPTIONS:
            self.complain(f"{name}: does not take these arguments", tree)
        if options.get("ddof"):
            self.complain(f"{name}: ddof is 0 here", tree)
        value = self.of(tree.parts[0])
        axis = options.get("axis", options.get("dim"))
        if len(tree.parts) == 2:
            if name in {"max", "min"}:
                values = [value, self.of(tree.parts[1])]
                return self._entrywise(REGISTRY[f"{name}imum"], values, tree)
            axis = self._whole_number(tree.parts[1])
        if isinstance(axis, tuple) and name in _REDUCTIONS and not options.get("keepdims"):
            for each in sorted((a % max(value.ndim, 1) for a in axis), reverse=True):
                value = self._reduced(name, value, each)
            return value
        if axis is not None and not (isinstance(axis, int) and -value.ndim <= axis < value.ndim):
            self.complain(f"{name}: there is no axis {axis} among {value.ndim}", tree)
        axis = axis % value.ndim if axis is not None else None
        if name in _REDUCTIONS:
            if name == "logsumexp" and axis is None and value.ndim:
                axis = value.ndim - 1
            return self._reduced(name, value, axis, keepdims=bool(options.get("keepdims")))
        if len(value.free) == 1 and not value.ndim:
            return replace(value, array=_ROWWISE[name](value.array))  # softmax(zⱼ)
        if not value.ndim or value.free:
            self.complain(f"{name}: takes a vector or a matrix, not a number", tree)
        array = _ROWWISE[name](value.array, axis=-1 if axis is None else axis)
        return replace(value, array=array)

    def _whole_number(self, tree: Tree) -> int:
        sign = 1
        while tree.kind in {"negative", "group"}:
            sign *= -1 if tree.kind == "negative" else 1
            (tree,) = tree.parts
        if tree.kind == "number" and tree.detail == int(tree.detail):
            return sign * int(tree.detail)
        value = self.of(tree)
        if value.is_number:
            return sign * round(float(_plain(value.array)))
        return self.complain("a whole number is expected here", tree)

    def _whole(self, tree: Tree) -> _Value:
        """Call an operation on whole arrays by its NumPy name: cumsum(x, axis=0), trace(A)."""
        name, options = tree.detail
        if name not in _WHOLE:
            self.complain(f"{name}: cannot be called here", tree)
        first, *rest = tree.parts
        if first.kind == "group" and self.reading.written[first.at] == "[":
            (inner,) = first.parts
            values = [self.of(part) for part in (inner.parts if inner.kind == "list" else (inner,))]
            numbers = [v.is_number and name == "concatenate" for v in values]
            arguments: list[Any] = [
                [
                    ops.reshape(_real(v.array), shape=(1,)) if number else _real(v.array)
                    for v, number in zip(values, numbers, strict=True)
                ]
            ]
        else:
            values = [self.of(first)]
            arguments = [_real(values[0].array)]
        for part in rest:
            if part.kind in {"number", "negative"}:
                arguments.append(self._whole_number(part))
            elif part.kind == "group" and part.parts[0].kind == "list":
                arguments.append(tuple(map(self._whole_number, part.parts[0].parts)))
            else:
                values.append(self.of(part))
                arguments.append(_real(values[-1].array))
        if any(v.free or v.spread or v.eye is not None for v in values):
            self.complain(f"{name}: takes whole arrays", tree)
        if name in {"reshape", "transpose"} and len(arguments) > 2:
            arguments[1:] = [tuple(arguments[1:])]
        if name in {"kron", "tensordot"}:
            self._refuse_large([v.size for v in values], tree)
        if name == "cumsum" and values[0].ndim == 1:
            options = {"axis": 0}  # there is no other
        try:
            # A loss stands for its operation: one number for each example.
            op = REGISTRY[name] if name in _LOSSES else getattr(ops, name)
            array = op(*arguments, **options)
        except (ValueError, TypeError, IndexError) as error:
            raise Misfit(str(error)) from None
        ranges = (None,) * np.ndim(_plain(array))
        if len(values) == 1 and _shape(array) == values[0].shape:
            ranges = values[0].ranges
        return _Value(array, (), ranges)

    def _slope(self, tree: Tree) -> _Value:
        """Read relu′(U): the derivative of a function of one entry."""
        op = REGISTRY.get(tree.detail)
        if op is None or not op.elementwise or op.arity != 1 or len(tree.parts) != 1:
            self.complain(f"{tree.detail}′: is the derivative of no function of one number", tree)
        rule = op.rule_of(0)
        if rule is None:
            return _Value(0.0)

        def slope(x: Any) -> Any:
            saved = {} if op.saved is None else {"saved": op.saved(x)}
            return rule(1.0, op(x), x, **saved)

        return self._entrywise(slope, [self.of(tree.parts[0])], tree)

    def _arguments(self, tree: Tree, least: int, most: int) -> list[_Value]:
        name, options = tree.detail
        if not least <= len(tree.parts) <= most or options.keys() - {"dtype"}:
            self.complain(f"{name}: does not take {len(tree.parts)} argument(s)", tree)
        return [self.of(part) for part in tree.parts]

    def _norm(self, tree: Tree) -> _Value:
        options = dict(tree.detail[1])
        order = options.pop("ord", None)
        value, *orders = self._arguments(replace(tree, detail=("norm", {})), 1, 2)
        if value.free:
            value = _Value(value.array, (), (None,) * len(value.free))
        if not options.keys() <= {"axis", "keepdims"}:
            self.complain("norm: does not take these arguments", tree)
        if not value.ndim:
            return self._entrywise(ops.abs, [value], tree)
        p = float(order) if order is not None else 2.0
        if orders and _is_plain(orders[0].array):
            p = orders[0].array
        elif orders:
            bases = replace(value, array=ops.abs(value.array))
            powers = self._entrywise(ops.power, [bases, *orders], tree)
            return _Value(ops.sum(powers.array) ** (1 / orders[0].array))
        array = ops.norm(value.array, p, **options)
        return _Value(array, (), (None,) * np.ndim(_plain(array)))

    def _vdot(self, tree: Tree) -> _Value:
        """Read ⟨a, g⟩: the sum of all products of entries."""
        left, right = self._arguments(tree, 2, 2)
        if left.shape != right.shape:
            raise Misfit(f"shapes {left.shape} and {right.shape} do not fit")
        return self._reduced("sum", self._entrywise(ops.multiply, [left, right], tree), None)

    def _called_outer(self, tree: Tree) -> _Value:
        left, right = self._arguments(tree, 2, 2)
        return self._outer(left, right, tree)

    def _dotted(self, tree: Tree) -> _Value:
        left, right = self._arguments(tree, 2, 2)
        if left.ndim == 1:
            left = replace(left, row=True)
        return self._product(left, replace(right, row=False), tree)

    def _diag(self, tree: Tree) -> _Value:
        (value,) = self._arguments(tree, 1, 1)
        if value.ndim == 2:
            return _Value(ops.diag(value.array), (), value.ranges[:1])
        if value.ndim != 1 or value.free:
            raise Misfit(f"diag takes a vector, not shape {value.shape}")
        self._refuse_large(value.shape * 2, tree)
        return _Value(ops.diag(value.array), (), value.ranges * 2)

    def _one_hot(self, tree: Tree) -> _Value:
        """Write class labels as rows, of the length given, or that of the gradient's rows."""
        value, *classes = self._arguments(tree, 1, 2)
        shape = self.scene.shape or ()
        if classes:
            count = round(float(_plain(classes[0].array)))
        elif not shape:
            raise Misfit("how many classes there are does not show; write one_hot(y, 3)")
        else:
            lengths = [self.scene.lengths[k] for k in ("K",) if k in self.scene.lengths]
            ways = list(dict.fromkeys([*(round(float(_plain(n))) for n in lengths), shape[-1]]))
            count = ways[self.choose(tree, *(f"one_hot with {n} classes" for n in ways))]
        self._refuse_large((*value.shape, count), tree)
        labels = np.asarray(_plain(value.array)).astype(int)
        return _Value(ops.one_hot(labels, classes=count), (), (*value.ranges, None))

    def _unit(self, tree: Tree) -> _Value:
        n = self._whole_number(tree.parts[0]) if len(tree.parts) == 1 else 0
        self._refuse_large((n, n), tree)
        if n < 1:
            self.complain("eye takes one length", tree)
        return _Value(unit(n), (), (None, None))

    def _filled(self, tree: Tree) -> _Value:
        """Read ones(3), ones((2, 3)), zeros(3), ones_like(x)."""
        name = tree.detail[0]
        number = 1.0 if name.startswith("ones") else 0.0
        if len(tree.parts) != 1:
            self.complain(f"{name}: takes one shape", tree)
        (part,) = tree.parts
        if name.endswith("_like"):
            value = self.of(part)
            return _Value(np.full(value.shape, number), (), value.ranges)
        shape = self._shape_of(part)
        self._refuse_large(shape, tree)
        return _Value(np.full(shape, number), (), (None,) * len(shape))

    def _shape_of(self, tree: Tree) -> tuple[int, ...]:
        inner = tree.parts[0] if tree.kind == "group" else tree
        return tuple(map(self._whole_number, inner.parts if inner.kind == "list" else (inner,)))

    def _sizes(self, tree: Tree) -> _Value:
        """Read len(X), X.size, X.shape (of which [0] picks one)."""
        (value,) = self._arguments(tree, 1, 1)
        name = tree.detail[0]
        if name == "ndim":
            return _Value(float(value.ndim))
        if not value.ndim:
            self.complain(f"{name}: a number has no length", tree)
        lengths = [_length(value.array, axis) for axis in range(value.ndim)]
        if name == "shape":
            return _Value(ops.stack([_real(n) for n in lengths]), (), (None,))
        return _Value(lengths[0] if name == "len" else math.prod(lengths))

    def _size_of(self, tree: Tree, axis: int) -> _Value:
        """Read X.shape[0]."""
        value = self.of(tree.parts[0])
        if not -value.ndim <= axis < value.ndim:
            self.complain(f"there is no axis {axis} among {value.ndim}", tree)
        return _Value(_length(value.array, axis % value.ndim))

    def _einsum(self, tree: Tree) -> _Value:
        first, *rest = tree.parts
        if first.kind != "string" or not rest:
            self.complain("einsum: takes subscripts such as 'ij,jk->ik' first", tree)
        values = [self.of(part) for part in rest]
        spoken = first.detail.replace(" ", "").split("->")[0].split(",")
        lengths: dict[str, int] = {}
        for letters, value in zip(spoken, values, strict=False):
            lengths.update(zip(letters, value.shape, strict=False))
        self._refuse_large([*lengths.values()], tree)
        try:
            array = ops.einsum(first.detail, *(_real(v.array) for v in values))
        except (ValueError, TypeError) as error:
            raise Misfit(str(error)) from None
        return _Value(array, (), (None,) * np.ndim(_plain(array)))

    def _called_transpose(self, tree: Tree) -> _Value:
        if len(tree.parts) > 1 or tree.detail[1]:
            return self._whole(tree)
        return self._turned(self.of(tree.parts[0]))

    def _heaviside(self, tree: Tree) -> _Value:
        """Read heaviside(x, h): 0 below 0, 1 above, and h there."""
        value, *there = self._arguments(tree, 1, 2)
        zero = _Value(0.0)
        above = self._entrywise(ops.greater, [value, zero], tree)
        at = self._entrywise(ops.equal, [value, zero], tree)
        parts = [self._entrywise(ops.multiply, [at, *there], tree)] if there else []
        return self._entrywise(ops.add, [above, *parts], tree) if parts else above

    def _same(self, tree: Tree) -> _Value:
        """Read x.astype(float), x.copy(), array([1, 2]): the array itself, as numbers."""
        value = self.of(tree.parts[0])
        return self._entrywise(_as_number, [value], tree)


def _as_number(x: Any) -> Any:
    """Let truth values count as 0 and 1."""
    return ops.multiply(x, 1.0)


def _shape(value: Any) -> tuple[int, ...]:
    shape: tuple[int, ...] = getattr(value, "shape", ())
    return shape


def _plain(value: Any) -> Any:
    """Return the numbers of a vertex."""
    return value.value if isinstance(value, Node) else value


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float)


def _real(value: Any) -> Any:
    return np.float64(value) if isinstance(value, int | float) else value


def _length(array: Any, axis: int) -> Any:
    if isinstance(array, Node):
        return ops.length(array, axis=axis)
    return float(_shape(array)[axis])


def _ones_of(scene: Scene) -> list[bool]:
    """Say which axes of the shape asked for have length 1 and no index."""
    assert scene.shape is not None
    if len(scene.letters) == len(scene.shape):
        return [False] * len(scene.shape)
    return [n == 1 for n in scene.shape]


def _without_units(value: _Value) -> _Value:
    """Take the only entry of an array of length 1, which has no index."""
    if value.free or not value.ndim or value.spread or math.prod(value.shape) != 1:
        return value
    return _Value(ops.reshape(value.array, shape=()))


def _fit(left: _Value, right: _Value) -> bool:
    try:
        np.broadcast_shapes(left.shape, right.shape)
    except ValueError:
        return False
    return True


def _ordered(array: Any, free: Sequence[str], wanted: Sequence[str]) -> Any:
    """Order free indices as wanted, with length 1 where one is missing."""
    order = tuple(free.index(letter) for letter in wanted if letter in free)
    if order != tuple(range(len(order))):
        array = ops.transpose(array, axes=order)
    missing = tuple(i for i, letter in enumerate(wanted) if letter not in free)
    return ops.expand_dims(array, axis=missing) if missing else array


def _has_names(tree: Tree) -> bool:
    return any(each.kind == "name" for each in tree.walk())


def free_letters(tree: Tree) -> list[str]:
    """Return the indices that no sum binds, in alphabetical order."""

    def inside(tree: Tree, bound: frozenset[str]) -> Iterator[str]:
        if tree.kind == "reduction":
            bound = bound | set(tree.detail[1])
        if tree.kind == "letter" and tree.detail not in bound:
            yield tree.detail
        for part in tree.inside:
            yield from inside(part, bound)

    return sorted(set(inside(tree, frozenset())))


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": ops.sum,
    "mean": ops.mean,
    "max": ops.max,
    "min": ops.min,
    "prod": ops.prod,
    "var": ops.var,
    "std": ops.std,
    "logsumexp": ops.logsumexp,
}
_AXIS_OPTIONS = frozenset({"axis", "dim", "keepdims", "ddof"})
_ROWWISE: dict[str, Callable[..., Any]] = {
    "softmax": ops.softmax,
    "log_softmax": ops.log_softmax,
}
_LOSSES = frozenset({"cross_entropy", "softmax_cross_entropy"})
#: Operations on whole arrays that make no array larger than they are given.
_WHOLE = _LOSSES | frozenset(
    {
        *("cumsum", "flip", "fliplr", "flipud", "roll", "sort", "squeeze", "expand_dims", "ravel"),
        *("swapaxes", "moveaxis", "reshape", "concatenate", "stack", "hstack", "vstack", "trace"),
        *("diagonal", "tril", "triu", "kron", "diff", "ptp", "take", "matrix_transpose", "l1"),
        *("column_stack", "atleast_1d", "atleast_2d", "transpose", "square", "reciprocal", "inner"),
        *("tensordot", "average", "argmax", "argmin", "argsort", "clip", "where", "round", "l2"),
        *("entropy", "radians", "degrees"),
    }
)
_SPECIAL: dict[str, Callable[[_Meaning, Tree], _Value]] = {
    "norm": _Meaning._norm,
    "vdot": _Meaning._vdot,
    "outer": _Meaning._called_outer,
    "dot": _Meaning._dotted,
    "matmul": _Meaning._dotted,
    "diag": _Meaning._diag,
    "one_hot": _Meaning._one_hot,
    "eye": _Meaning._unit,
    "identity": _Meaning._unit,
    "ones": _Meaning._filled,
    "zeros": _Meaning._filled,
    "ones_like": _Meaning._filled,
    "zeros_like": _Meaning._filled,
    "len": _Meaning._sizes,
    "size": _Meaning._sizes,
    "shape": _Meaning._sizes,
    "ndim": _Meaning._sizes,
    "einsum": _Meaning._einsum,
    "transpose": _Meaning._called_transpose,
    "heaviside": _Meaning._heaviside,
    "scatter": _Meaning._scatter,
    "rank": _Meaning._rank,
    "astype": _Meaning._same,
    "copy": _Meaning._same,
    "float": _Meaning._same,
    "array": _Meaning._same,
}
#: Other words for operations.
_ALIASES = {
    "σ": "sigmoid",
    "sigma": "sigmoid",
    "expit": "sigmoid",
    "logistic": "sigmoid",
    "Φ": "normal_cdf",
    "φ": "normal_density",
    "Phi": "normal_cdf",
    "phi": "normal_density",
    "CE": "cross_entropy",
    "BCE": "binary_cross_entropy",
    "softmax-CE": "softmax_cross_entropy",
    "sigmoid-CE": "sigmoid_cross_entropy",
    "ln": "log",
    "log_2": "log2",
    "log_10": "log10",
    "sgn": "sign",
    "l2": "norm",
    "pow": "power",
    "float_power": "power",
    "tr": "trace",
    "Tr": "trace",
    "true_divide": "divide",
    "absolute": "abs",
    "lse": "logsumexp",
    "onehot": "one_hot",
    "arsinh": "arcsinh",
    "arcosh": "arccosh",
    "artanh": "arctanh",
    "asarray": "array",
    "Sum": "sum",
    "stop": "stop_gradient",
}


def _functions() -> dict[str, str]:
    """Return every name that may be called, and the operation it means."""
    known = {name: name for name, op in REGISTRY.items() if op.elementwise}
    known |= {name: name for name in (*SAME, *_REDUCTIONS, *_ROWWISE, *_SPECIAL, *_WHOLE)}
    known |= {name.rpartition(".")[2]: meaning for name, meaning in RENAMED.items()}
    return {**known, **_ALIASES}


FUNCTIONS = _functions()


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
        scene = Scene(given)
        meaning = _Meaning(Reading(text), scene)
        with np.errstate(all="ignore"):
            value = meaning.of(tree)
            if value.free:
                value = _Value(_ordered(value.array, value.free, sorted(value.free)))
            found = meaning.finished(value)
    except ClaimError as error:
        raise ClaimError(str(error).removeprefix("check_answer: "), asked="parse") from None
    except Misfit as error:
        raise ValueError(f"parse: {error}") from None
    return found if isinstance(found, Tensor) else Tensor(found)
