"""What a student believes, made computable: a function of the named tensors, or a text.

Either is computed with the public operations, on whatever stands for the names: on Tensors, so
that it is recorded, and on symbols, so that it becomes a formula.
"""

from __future__ import annotations

import difflib
import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.node import Node
from tinygrad_edu.core.op import REGISTRY, real_array
from tinygrad_edu.symbolic.algebra.expr import Label, Leaf, Quantity, distinct
from tinygrad_edu.symbolic.derive.derivation import Derivation
from tinygrad_edu.symbolic.notation.grammar import ClaimError, Tree, parse

__all__ = ["Claim", "Letters", "Misfit", "Scene", "read"]

Axes = tuple[Label, ...]


class Misfit(ValueError):
    """Two shapes of a claim do not fit: it was read, and it is wrong."""


class Letters:
    """What the letters of a derivation stand for: quantities by name, ranges by letter."""

    def __init__(self, derivation: Derivation) -> None:
        formulas = [derivation.wrt, derivation.start, derivation.result, derivation.output]
        formulas += [formula for pair in derivation.definitions for formula in pair]
        self.exprs = list(dict.fromkeys(formula.expr for formula in formulas))
        leaves = (e for expr in self.exprs for e in distinct(expr) if isinstance(e, Leaf))
        self.quantities: dict[str, Quantity] = {}
        self.ranges: dict[str, Label] = {}
        for quantity in dict.fromkeys(leaf.quantity for leaf in leaves):
            self.quantities.setdefault(" ".join(quantity.name.split()), quantity)
        for quantity in self.quantities.values():
            for axis in quantity.axes:
                if axis is not None:
                    self.ranges.setdefault(axis.range.called, axis.range)


@dataclass(frozen=True)
class Scene:
    """What stands for the names where a claim is computed.

    `arrays` are Tensors or symbols by name, `axes` says which label each of their axes has;
    `lengths` are numbers or symbols for letters such as N; `wanted` are the axes of the gradient,
    and `shape` their lengths.
    """

    arrays: Mapping[str, Any]
    axes: Mapping[str, tuple[Label | None, ...]]
    lengths: Mapping[str, Any]
    wanted: tuple[Label | None, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Claim:
    """A claim that was read: how it is written, and how it is computed in a scene."""

    written: str
    compute: Callable[[Scene], Any]
    tree: Tree | None = None


def read(claim: Any, letters: Letters) -> Claim:
    """Read a claim.

    Raises
    ------
    ClaimError
        If it cannot be read, or names what is not there.
    TypeError
        If it is neither a function nor a text.
    """
    if isinstance(claim, str):
        tree = parse(claim, letters.quantities, dimensions=letters.ranges, functions=_functions())
        return of_tree(tree, " ".join(claim.split()))
    if callable(claim):
        return _of_function(claim, letters)
    raise TypeError(
        f"check_answer: the claim is a {type(claim).__name__}; give a function such as "
        "lambda a, y: a - y, or a text such as 'a − y'"
    )


def _has_names(tree: Tree) -> bool:
    return tree.kind in {"name", "entry"} or any(map(_has_names, tree.parts))


# --- a function -----------------------------------------------------------------------------------


def _of_function(function: Callable[..., Any], letters: Letters) -> Claim:
    wanted, every = _parameters(function, letters)

    def compute(scene: Scene) -> Any:
        there = {**scene.lengths, **scene.arrays}
        positional = [there[name] for name in wanted]
        others = {n: there[n] for n in scene.arrays if n not in wanted} if every else {}
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
    known = [*letters.quantities, *letters.ranges]
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


# --- a text ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Value:
    """A part of a formula: an array or a number, and the label of each axis.

    Axes of length 1 are left out, as on paper. A vector is a column, or a `row` if transposed.
    """

    array: Any
    axes: Axes = ()
    row: bool = False


def of_tree(tree: Tree, written: str) -> Claim:
    """Make a claim of a text that was parsed."""

    def compute(scene: Scene) -> Any:
        with np.errstate(all="ignore"):
            return _spread(_Reader(scene, written).value(tree), scene)

    return Claim(written, compute, tree)


def _spread(value: _Value, scene: Scene) -> Any:
    """Give a value the axes of the gradient, where it lacks some of them."""
    wanted = tuple(axis for axis in scene.wanted if axis is not None)
    array = value.array
    if _fits(value.axes, wanted):
        lengths = tuple(n for n, a in zip(scene.shape, scene.wanted, strict=True) if a is not None)
        array = ops.broadcast_to(_placed(array, value.axes, wanted), shape=lengths)
        return array if lengths == scene.shape else ops.reshape(array, shape=scene.shape)
    if math.prod(array.shape) == math.prod(scene.shape) and len(wanted) < len(scene.wanted):
        return ops.reshape(array, shape=scene.shape)
    return array


def _fits(axes: Axes, wanted: Axes) -> bool:
    """Whether axes are among those wanted, in their order."""
    return len(set(wanted)) == len(wanted) and axes == tuple(a for a in wanted if a in axes)


def _placed(array: Any, axes: Axes, wanted: Axes) -> Any:
    """Insert an axis of length 1 wherever one of those wanted is missing.

    The axes of a matrix stay in their order: it may be a transposed one.
    """
    whole = len(axes) == len(wanted) <= 2
    if whole or len(set(axes)) < len(axes) or len(set(wanted)) < len(wanted):
        return array
    order = tuple(axes.index(axis) for axis in wanted if axis in axes)
    if order != tuple(range(len(order))):
        array = ops.transpose(array, axes=order)
    for place, axis in enumerate(wanted):
        if axis not in axes:
            array = ops.expand_dims(array, axis=place)
    return array


class _Reader:
    """Compute a tree: one method per kind."""

    def __init__(self, scene: Scene, written: str) -> None:
        self.scene, self.written = scene, written

    def complain(self, sentence: str, tree: Tree) -> NoReturn:
        raise ClaimError(sentence, self.written, tree.at)

    def value(self, tree: Tree) -> _Value:
        found: _Value = getattr(self, "_" + tree.kind.replace(" ", "_"))(tree)
        return found

    # --- what stands alone ------------------------------------------------------------------------

    def _number(self, tree: Tree) -> _Value:
        return _Value(tree.detail)

    def _constant(self, tree: Tree) -> _Value:
        return _Value(math.e if tree.detail == "e" else math.pi)

    def _dimension(self, tree: Tree) -> _Value:
        return _Value(self.scene.lengths[tree.detail])

    def _name(self, tree: Tree) -> _Value:
        array, axes = self.scene.arrays[tree.detail], self.scene.axes[tree.detail]
        kept = tuple(axis for axis in axes if axis is not None)
        if len(kept) < len(axes):
            lengths = (n for n, axis in zip(array.shape, axes, strict=True) if axis is not None)
            array = ops.reshape(array, shape=tuple(lengths))
        return _Value(array, kept)

    def _entry(self, tree: Tree) -> _Value:
        name, places = tree.detail
        whole = self._name(replace(tree, kind="name", detail=name))
        if len(places) != len(whole.axes):
            self.complain(f"{name} has {len(whole.axes)} axes, not {len(places)}", tree)
        for place, axis in zip(places, whole.axes, strict=True):
            if place is not None and not -axis.length <= place < axis.length:
                self.complain(f"{name} has no entry {place}, its length is {axis.length}", tree)
        index = tuple(slice(None) if place is None else place for place in places)
        kept = tuple(a for a, place in zip(whole.axes, places, strict=True) if place is None)
        return _Value(whole.array[index], kept)

    def _basis(self, tree: Tree) -> _Value:
        """Read δ₁, which is 1 at the place 1 of the gradient's axis."""
        axes = [axis for axis in self.scene.wanted if axis is not None]
        if len(axes) != 1 or not tree.detail < axes[0].length:
            self.complain(f"the gradient is no vector with an entry {tree.detail}", tree)
        axis = axes[0]
        length = self.scene.shape[self.scene.wanted.index(axis)]
        return _Value(np.eye(length)[tree.detail], (axis,))

    def _group(self, tree: Tree) -> _Value:
        return self.value(tree.parts[0])

    # --- entry by entry ---------------------------------------------------------------------------

    def _entrywise(self, op: Callable[..., Any], values: list[_Value]) -> _Value:
        """Apply an operation entry by entry; axes of one label meet, wherever they stand."""
        longest = max(values, key=lambda value: len(value.axes))
        axes = self._together([value.axes for value in values], longest.axes)
        arrays = [_placed(v.array, v.axes, axes) if v.axes else v.array for v in values]
        try:
            np.broadcast_shapes(*map(np.shape, arrays))
        except ValueError:
            shapes = " and ".join(str(np.shape(value.array)) for value in values if value.axes)
            raise Misfit(f"shapes {shapes} do not fit") from None
        if not any(isinstance(a, Node | np.ndarray) for a in arrays):
            arrays = [np.float64(a) for a in arrays]
        out = op(*arrays)
        if not axes and not isinstance(out, Node):
            out = float(out)
        return _Value(out, axes, longest.row)

    def _together(self, every: list[Axes], longest: Axes) -> Axes:
        """Return the axes that several forms have together: those of the longest, if they do.

        As in a_n b_k, what a form lacks is put in, in the order of the gradient.
        """
        labels = list(dict.fromkeys(axis for axes in every for axis in axes))
        if len(set(longest)) < len(longest) or set(labels) == set(longest):
            return longest
        wanted = [axis for axis in self.scene.wanted if axis in labels]
        return (*(axis for axis in labels if axis not in wanted), *wanted)

    def _negative(self, tree: Tree) -> _Value:
        return self._entrywise(ops.negative, [self.value(tree.parts[0])])

    def _total(self, tree: Tree) -> _Value:
        sum_ = self.value(tree.parts[0])
        for term, minus in zip(tree.parts[1:], tree.detail[1:], strict=True):
            sum_ = self._entrywise(ops.subtract if minus else ops.add, [sum_, self.value(term)])
        return sum_

    def _times(self, tree: Tree) -> _Value:
        return self._entrywise(ops.multiply, [self.value(part) for part in tree.parts])

    def _over(self, tree: Tree) -> _Value:
        return self._entrywise(ops.divide, [self.value(part) for part in tree.parts])

    def _power(self, tree: Tree) -> _Value:
        base, exponent = tree.parts
        # Where e is the name of e^z itself, e² is its square, and e^z is still the exponential.
        if base.detail == "e" and (base.kind == "constant" or _has_names(exponent)):
            return self._entrywise(ops.exp, [self.value(exponent)])
        return self._entrywise(ops.power, [self.value(base), self.value(exponent)])

    # --- matrices ---------------------------------------------------------------------------------

    def _transpose(self, tree: Tree) -> _Value:
        return self._turned(self.value(tree.parts[0]))

    def _beside(self, tree: Tree) -> _Value:
        """Read forms side by side: a matrix product, or entry by entry where there is none."""
        left, right = (self.value(part) for part in tree.parts)
        columns = len(left.axes) == len(right.axes) == 1 and left.row == right.row
        alike = left.axes == right.axes and len(set(left.axes)) == len(left.axes)
        if columns or (alike and len(left.axes) > 1):
            return self._entrywise(ops.multiply, [left, right])
        return self._product(left, right)

    def _matrix_product(self, tree: Tree) -> _Value:
        return self._product(*(self.value(part) for part in tree.parts))

    def _product(self, left: _Value, right: _Value) -> _Value:
        if not left.axes or not right.axes:
            return self._entrywise(ops.multiply, [left, right])
        shapes = f"shapes {left.array.shape} and {right.array.shape} do not fit a matrix product"
        if len(left.axes) == len(right.axes) == 1 and right.row and not left.row:
            return _Value(ops.outer(left.array, right.array), (*left.axes, *right.axes))
        if len(left.axes) > 2 or len(right.axes) > 2:
            raise Misfit(f"{shapes} of matrices")
        if left.array.shape[-1] != right.array.shape[0]:
            raise Misfit(shapes)
        row = len(left.axes) == 1 and left.row
        return _Value(ops.matmul(left.array, right.array), left.axes[:-1] + right.axes[1:], row)

    # --- functions --------------------------------------------------------------------------------

    def _reduction(self, tree: Tree) -> _Value:
        name, letters, _ = tree.detail
        value = self.value(tree.parts[0])
        if not letters:
            return self._reduced(name, value, None)
        for letter in letters:
            places = [i for i, axis in enumerate(value.axes) if axis.range.letter == letter.lower()]
            if len(places) != 1:
                there = ", ".join(axis.range.letter for axis in value.axes) or "none"
                self.complain(f"no sum over {letter}: what is summed has the index {there}", tree)
            value = self._reduced(name, value, places[0])
        return value

    def _reduced(self, name: str, value: _Value, axis: int | None) -> _Value:
        """Apply a reduction over one axis or all; of a number it is that number."""
        if not value.axes:
            return value
        if axis is None:
            return _Value(_REDUCTIONS[name](value.array))
        kept = list(value.axes)
        del kept[axis]
        return _Value(_REDUCTIONS[name](value.array, axis=axis), tuple(kept))

    def _call(self, tree: Tree) -> _Value:
        name, options = tree.detail
        name = _ALIASES.get(name, name)
        values = [self.value(part) for part in tree.parts]
        axis = options.get("axis")
        if name in {"max", "min"} and len(values) == 2:
            name = f"{name}imum"
        if len(values) == 1 and (name in _REDUCTIONS or name in _ROWWISE):
            (value,) = values
            if axis is not None and not -len(value.axes) <= axis < len(value.axes):
                self.complain(f"{name}: there is no axis {axis} among {len(value.axes)}", tree)
            if name in _REDUCTIONS:
                last = -1 if name == "logsumexp" else None
                return self._reduced(name, value, last if axis is None else axis)
            if not value.axes:
                self.complain(f"{name}: takes a vector or a matrix, not a number", tree)
            array = _ROWWISE[name](value.array, axis=-1 if axis is None else axis)
            return _Value(array, value.axes)
        if name in _SPECIAL:
            least, most, special = _SPECIAL[name]
            if least <= len(values) <= most:
                return special(self, *values)
        op = REGISTRY.get(name)
        if op is not None and op.elementwise and op.arity == len(values):
            return self._entrywise(op, values)
        return self.complain(f"{name}: does not take {len(values)} argument(s)", tree)

    def _normed(self, value: _Value, order: _Value | None = None) -> _Value:
        if order is None or isinstance(order.array, float):
            return _Value(ops.norm(value.array, 2.0 if order is None else order.array))
        powers = self._entrywise(ops.power, [_Value(ops.abs(value.array), value.axes), order])
        return _Value(ops.sum(powers.array) ** (1 / order.array))

    def _l1(self, value: _Value) -> _Value:
        return _Value(ops.l1(value.array))

    def _outer(self, left: _Value, right: _Value) -> _Value:
        if not len(left.axes) == len(right.axes) == 1:
            raise Misfit("outer takes two vectors")
        return _Value(ops.outer(left.array, right.array), (*left.axes, *right.axes))

    def _dotted(self, left: _Value, right: _Value) -> _Value:
        return self._product(replace(left, row=len(left.axes) == 1), right)

    def _diagonal(self, value: _Value) -> _Value:
        if len(value.axes) != 1:
            raise Misfit(f"diag takes a vector, not shape {np.shape(value.array)}")
        unit = np.eye(value.array.shape[0])
        return _Value(ops.multiply(value.array, unit), (*value.axes, *value.axes))

    def _one_hot(self, value: _Value) -> _Value:
        """Write class labels as rows, over the last axis of the gradient."""
        wanted = [axis for axis in self.scene.wanted if axis is not None]
        if not wanted or wanted[-1] in value.axes:
            raise Misfit("one_hot takes class labels, one for each row of the gradient")
        rows = ops.one_hot(value.array, classes=self.scene.shape[-1])
        return _Value(rows, (*value.axes, wanted[-1]))

    def _turned(self, value: _Value) -> _Value:
        if len(value.axes) < 2:
            return replace(value, row=not value.row)
        return _Value(ops.transpose(value.array), value.axes[::-1])


_ALIASES = {
    "σ": "sigmoid",
    "Φ": "normal_cdf",
    "ln": "log",
    "sgn": "sign",
    "ReLU": "relu",
    "l2": "norm",
    "pow": "power",
}
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
_ROWWISE: dict[str, Callable[..., Any]] = {
    "softmax": ops.softmax,
    "log_softmax": ops.log_softmax,
}
#: How many arguments these take, at least and at most.
_SPECIAL: dict[str, tuple[int, int, Callable[..., _Value]]] = {
    "norm": (1, 2, _Reader._normed),
    "l1": (1, 1, _Reader._l1),
    "outer": (2, 2, _Reader._outer),
    "dot": (2, 2, _Reader._dotted),
    "diag": (1, 1, _Reader._diagonal),
    "one_hot": (1, 1, _Reader._one_hot),
    "transpose": (1, 1, _Reader._turned),
}


def _functions() -> set[str]:
    """Return every name that may be called."""
    entrywise = {name for name, op in REGISTRY.items() if op.elementwise}
    return {*entrywise, *_ALIASES, *_REDUCTIONS, *_ROWWISE, *_SPECIAL}
