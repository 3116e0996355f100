"""How to call every operation: one row each, from which its tests are generated.

A row has cases (axes, broadcasting, numbers); a case draws its arguments in the domain of the
operation, away from kinks. What is drawn as `fixed` is a constant of the call: a mask, labels, or
an argument without a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY

Draw = Callable[[np.random.Generator], Any]


@dataclass(frozen=True)
class Case:
    """One way to call an operation."""

    name: str
    label: str
    function: Callable[..., Any]
    draws: tuple[Draw, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def call(self, *args: Any) -> Any:
        return self.function(*args, **self.attributes)

    def arguments(self, seed: int = 0, dtype: Any = np.float64) -> list[Any]:
        """Draw the arguments: Tensors to differentiate, arrays where they are constants."""
        rng = np.random.default_rng([seed, *self.name.encode(), *self.label.encode()])
        drawn = []
        for draw in self.draws:
            value = draw(rng)
            if not isinstance(draw, Fixed):
                drawn.append(tg.Tensor(np.asarray(value, dtype)))
            elif getattr(value, "dtype", None) == np.float64:
                drawn.append(value.astype(dtype))
            else:
                drawn.append(value)
        return drawn

    @property
    def differentiable(self) -> bool:
        return not all(isinstance(draw, Fixed) for draw in self.draws)

    def __str__(self) -> str:
        return f"{self.name}-{self.label}"


def tensors(args: list[Any]) -> list[tg.Tensor]:
    """The arguments that a case is differentiated with respect to."""
    return [a for a in args if isinstance(a, tg.Tensor)]


def arrays(args: list[Any]) -> list[Any]:
    """The arguments as plain arrays."""
    return [a.data if isinstance(a, tg.Tensor) else a for a in args]


# --- what is drawn -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fixed:
    """A drawn argument that is a constant of the call."""

    draw: Draw

    def __call__(self, rng: np.random.Generator) -> Any:
        return self.draw(rng)


def normal(*shape: int) -> Draw:
    return lambda rng: rng.normal(size=shape)


def uniform(low: float, high: float, *shape: int) -> Draw:
    return lambda rng: rng.uniform(low, high, shape)


def positive(*shape: int) -> Draw:
    return uniform(0.5, 2.0, *shape)


def signed(*shape: int) -> Draw:
    """Of both signs, at least 0.5 away from 0."""
    return lambda rng: rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def apart(*shape: int, shift: float = 0.0) -> Draw:
    """At least 0.3 away from each other and, without a shift, 0.15 from 0."""

    def draw(rng: np.random.Generator) -> Any:
        n = math.prod(shape)
        steps = rng.permutation(n).reshape(shape) - n // 2 + 0.5
        return 0.3 * steps + shift

    return draw


def distributions(*shape: int) -> Draw:
    def draw(rng: np.random.Generator) -> Any:
        weights = rng.uniform(0.5, 2.0, shape)
        return weights / weights.sum(-1, keepdims=True)

    return draw


def labels(n: int, classes: int) -> Fixed:
    return Fixed(lambda rng: rng.integers(0, classes, n))


def mask(*shape: int) -> Fixed:
    return Fixed(lambda rng: rng.random(shape) < 0.6)


def value(x: Any) -> Fixed:
    return Fixed(lambda rng: x)


# --- the rows ------------------------------------------------------------------------------------

CASES: list[Case] = []


def row(name: str, function: Callable[..., Any], *cases: tuple[Any, ...]) -> None:
    """Add an operation; each case is ``(label, *draws)`` and maybe a dict of attributes."""
    for label, *rest in cases:
        attributes = rest.pop() if rest and isinstance(rest[-1], dict) else {}
        CASES.append(Case(name, label, function, tuple(rest), attributes))


def entrywise(draw: Callable[..., Draw]) -> list[tuple[Any, ...]]:
    return [("vector", draw(4)), ("number", draw()), ("matrix", draw(2, 3)), ("empty", draw(0, 2))]


def pairwise(left: Callable[..., Draw], right: Callable[..., Draw]) -> list[tuple[Any, ...]]:
    return [
        ("same", left(2, 3), right(2, 3)),
        ("numbers", left(), right()),
        ("spread", left(3, 1), right(4)),
        ("number-left", left(), right(2, 3)),
        ("number-right", left(2, 1, 3), right()),
        ("constant", Fixed(left(3)), right(3)),
    ]


def reductions(draw: Callable[..., Draw]) -> list[tuple[Any, ...]]:
    return [
        ("all", draw(2, 3)),
        ("number", draw()),
        ("axis", draw(2, 3), {"axis": 0}),
        ("negative-axis", draw(2, 3), {"axis": -1}),
        ("axes", draw(2, 3, 2), {"axis": (0, -1)}),
        ("axes-kept", draw(2, 3, 2), {"axis": (-2, 0), "keepdims": True}),
        ("all-kept", draw(2, 3), {"keepdims": True}),
        ("no-axis", draw(2, 3), {"axis": ()}),
    ]


def lines(draw: Callable[..., Draw]) -> list[tuple[Any, ...]]:
    """Functions along one axis."""
    return [
        ("vector", draw(4)),
        ("rows", draw(2, 3)),
        ("columns", draw(3, 2), {"axis": 0}),
        ("middle", draw(2, 3, 2), {"axis": -2}),
        ("one", draw(1)),
    ]


# arithmetic
row("add", tg.add, *pairwise(normal, normal))
row("subtract", tg.subtract, *pairwise(normal, normal))
row("multiply", tg.multiply, *pairwise(normal, normal))
row("divide", tg.divide, *pairwise(normal, signed))
row("negative", tg.negative, *entrywise(normal))
row(
    "power",
    tg.power,
    *pairwise(positive, normal),
    ("square-of-negative", signed(4), value(2)),
    ("inverse", signed(4), value(-1.0)),
    ("zeroth", signed(4), value(0)),
    ("root", positive(4), value(0.5)),
    ("exponents", positive(3), Fixed(lambda rng: np.array([0.0, 1.0, 2.0]))),
)
for comparison in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    row(comparison, getattr(tg, comparison), ("same", Fixed(normal(3)), Fixed(normal(3))))

# entry by entry
row("exp", tg.exp, *entrywise(normal))
row("log", tg.log, *entrywise(positive))
row("sqrt", tg.sqrt, *entrywise(positive))
row("length", tg.length, ("all", Fixed(normal(2, 3))), ("rows", Fixed(normal(4, 3)), {"axis": 0}))
row("sign", tg.sign, ("vector", Fixed(signed(4))))
row("abs", tg.abs, *entrywise(signed))
row("maximum", tg.maximum, *pairwise(apart, lambda *s: apart(*s, shift=0.1)))
row("minimum", tg.minimum, *pairwise(apart, lambda *s: apart(*s, shift=0.1)))
row(
    "where",
    tg.where,
    ("same", mask(2, 3), normal(2, 3), normal(2, 3)),
    ("spread", mask(3, 1), normal(4), normal()),
    ("number", mask(), normal(), normal(2)),
    ("constant", mask(3), value(0.0), normal(3)),
)
row(
    "clip",
    tg.clip,
    ("numbers", signed(2, 3), value(-1.1), value(1.1)),
    ("bounds", apart(6), uniform(-0.65, -0.55), uniform(0.55, 0.65, 1)),
    ("spread", apart(3, 1), uniform(-0.35, -0.25, 4), uniform(0.25, 0.35, 4)),
    ("crossed", apart(4), uniform(0.55, 0.65), uniform(-0.65, -0.55)),
    ("below", signed(4), value(-1.1)),
    ("above", signed(4), value(None), value(1.1)),
)
row("tanh", tg.tanh, *entrywise(normal))
row(
    "tanh_slope",
    lambda x: REGISTRY["tanh_slope"](tg.tanh(x), x),
    *entrywise(normal),
)
row("sigmoid", tg.sigmoid, *entrywise(normal))
row("relu", tg.relu, *entrywise(signed))
row("normal_cdf", tg.normal_cdf, *entrywise(normal))
row("normal_density", REGISTRY["normal_density"], *entrywise(normal))
row("gelu", tg.gelu, *entrywise(normal))
row("gelu_tanh", lambda x: tg.gelu(x, approximate="tanh"), *entrywise(normal))
row("softplus", tg.softplus, *entrywise(normal))
row("xlogy", tg.xlogy, *pairwise(normal, positive))
row("xdivy", tg.xdivy, *pairwise(normal, signed))
row("quotient", REGISTRY["quotient"], *pairwise(normal, signed))
row("power_times_log", REGISTRY["power_times_log"], *pairwise(signed, positive))
row("stop_gradient", tg.stop_gradient, ("vector", Fixed(normal(3))))

# angles, hyperbolic functions, exponentials and powers
for name in ("sin", "cos", "sinh", "cosh", "arctan", "arcsinh", "expm1", "exp2", "square"):
    row(name, getattr(tg, name), *entrywise(normal))
for name in ("radians", "degrees"):
    row(name, getattr(tg, name), *entrywise(normal))
for name in ("log1p", "log2", "log10"):
    row(name, getattr(tg, name), *entrywise(positive))
for name in ("cbrt", "reciprocal"):
    row(name, getattr(tg, name), *entrywise(signed))
for name in ("tan", "arcsin", "arccos", "arctanh"):
    row(name, getattr(tg, name), *entrywise(lambda *s: uniform(-0.8, 0.8, *s)))
row("arccosh", tg.arccosh, *entrywise(lambda *s: uniform(1.5, 3.0, *s)))
row("hypot", tg.hypot, *pairwise(signed, signed))
row("arctan2", tg.arctan2, *pairwise(signed, signed))
row("unit_hypotenuse", REGISTRY["unit_hypotenuse"], *entrywise(normal))
row("cosine", REGISTRY["cosine"], *pairwise(signed, signed))
row("turn", REGISTRY["turn"], *pairwise(signed, signed))
row("logaddexp", tg.logaddexp, *pairwise(normal, normal))
row("share", REGISTRY["share"], *pairwise(normal, normal))
row("portion", REGISTRY["portion"], *pairwise(normal, normal))

# in pieces
for name in ("floor", "ceil", "trunc", "rint"):
    row(name, getattr(tg, name), ("vector", Fixed(signed(4))))
row("round", tg.round, ("tens", Fixed(signed(4)), {"decimals": 1}), ("whole", Fixed(signed(4))))
row("floor_divide", tg.floor_divide, ("same", Fixed(normal(3)), Fixed(signed(3))))
for name in ("mod", "fmod"):
    row(name, getattr(tg, name), *pairwise(apart, lambda *s: uniform(5.0, 5.1, *s)))
for name in ("fmax", "fmin"):
    row(name, getattr(tg, name), *pairwise(apart, lambda *s: apart(*s, shift=0.1)))
for name in ("isnan", "isinf", "isfinite", "signbit", "logical_not"):
    row(name, getattr(tg, name), ("vector", Fixed(normal(3))))
for name in ("logical_and", "logical_or", "logical_xor"):
    row(name, getattr(tg, name), ("same", Fixed(normal(3)), Fixed(normal(3))))
truths = Fixed(lambda rng: rng.normal(size=3) > 0)
bits = Fixed(lambda rng: rng.integers(0, 9, 3))
for name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    row(name, getattr(tg, name), ("truths", truths, truths), ("bits", bits, bits))
row("invert", tg.invert, ("truths", truths), ("bits", bits))
for name in ("argmax", "argmin"):
    row(
        name,
        getattr(tg, name),
        ("all", Fixed(normal(2, 3))),
        ("axis", Fixed(normal(2, 3)), {"axis": -1, "keepdims": True}),
    )
row(
    "argsort",
    tg.argsort,
    ("last", Fixed(normal(2, 3))),
    ("all", Fixed(normal(2, 2)), {"axis": None}),
)

# shape
row(
    "reshape",
    tg.reshape,
    ("matrix", normal(2, 3), {"shape": (3, -1)}),
    ("vector", normal(2, 3), {"shape": -1}),
    ("number", normal(), {"shape": (1, 1)}),
)
row(
    "transpose",
    tg.transpose,
    ("reversed", normal(2, 3)),
    ("permuted", normal(2, 3, 4), {"axes": (1, 2, 0)}),
    ("negative", normal(2, 3, 4), {"axes": (-1, 0, -2)}),
    ("number", normal()),
    ("one-axis", normal(3), {"axes": -1}),
)
row(
    "swapaxes",
    tg.swapaxes,
    ("last", normal(2, 3, 4)),
    ("named", normal(2, 3, 4), {"axis1": 0, "axis2": -1}),
)
row(
    "expand_dims",
    tg.expand_dims,
    ("one", normal(2, 3), {"axis": 1}),
    ("two", normal(2, 3), {"axis": (0, -1)}),
    ("number", normal(), {"axis": 0}),
)
row(
    "squeeze",
    tg.squeeze,
    ("all", normal(1, 3, 1)),
    ("one", normal(1, 3, 1), {"axis": -1}),
    ("two", normal(1, 3, 1), {"axis": (0, 2)}),
)
row(
    "broadcast_to",
    tg.broadcast_to,
    ("new-axis", normal(3), {"shape": (2, 3)}),
    ("ones", normal(2, 1, 3), {"shape": (2, 4, 3)}),
    ("number", normal(), {"shape": (2, 2)}),
    ("same", normal(3), {"shape": 3}),
)
row(
    "sum_to",
    tg.sum_to,
    ("axis", normal(2, 3), {"shape": (3,)}),
    ("ones", normal(2, 3, 4), {"shape": (3, 1)}),
    ("number", normal(2, 3), {"shape": ()}),
    ("same", normal(2, 3), {"shape": (2, 3)}),
)
row("astype", tg.astype, ("same", normal(2, 3), {"dtype": "float64"}))
row(
    "concatenate",
    lambda *parts, axis=0: tg.concatenate(parts, axis),
    ("vectors", normal(2), normal(3), normal(1)),
    ("columns", normal(2, 1), Fixed(normal(2, 2)), normal(2, 3), {"axis": -1}),
)
row(
    "stack",
    lambda *parts, axis=0: tg.stack(parts, axis),
    ("rows", normal(3), normal(3)),
    ("columns", normal(2, 3), Fixed(normal(2, 3)), normal(2, 3), {"axis": -1}),
    ("numbers", normal(), normal(), normal()),
)
PADDINGS = ("edge", "reflect", "symmetric", "wrap")
INDICES: dict[str, Any] = {
    "integer": 1,
    "negative": (-1, 2),
    "slice": slice(1, None),
    "reversed": (slice(None), slice(None, None, -1)),
    "step": (slice(None, None, 2), slice(3, 0, -2)),
    "newaxis": (None, slice(None), None, 0),
    "ellipsis": (..., 2),
    "list": ([0, 0, 2],),
    "pairs": ([0, 2, 2], [1, 3, 3]),
    "grid": (np.array([[0], [1]]), np.array([0, 3])),
    "mask": np.array([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool),
    "row-mask": (np.array([True, False, True]), 1),
    "nothing": (slice(0, 0),),
    "empty-list": ([],),
    "all": (),
}
row(
    "getitem",
    tg.getitem,
    *((label, normal(3, 4), {"index": index}) for label, index in INDICES.items()),
)
row(
    "scatter_add",
    tg.scatter_add,
    *(
        (label, normal(*np.empty((3, 4))[index].shape), {"index": index, "shape": (3, 4)})
        for label, index in INDICES.items()
    ),
)

# rearranging
row("ravel", tg.ravel, ("matrix", normal(2, 3)), ("number", normal()))
row(
    "flip",
    tg.flip,
    ("all", normal(2, 3)),
    ("axis", normal(2, 3), {"axis": -1}),
    ("axes", normal(2, 3, 2), {"axis": (0, -1)}),
    ("number", normal()),
)
row("flipud", tg.flipud, ("matrix", normal(3, 2)), ("vector", normal(3)))
row("fliplr", tg.fliplr, ("matrix", normal(3, 2)))
row(
    "roll",
    tg.roll,
    ("vector", normal(4), value(1)),
    ("all", normal(2, 3), value(-2)),
    ("axis", normal(2, 3), value(4), {"axis": -1}),
    ("axes", normal(2, 3), value((1, -1)), {"axis": (0, 1)}),
    ("back", normal(2, 3), value(3), {"axis": 1}),
    ("empty", normal(0), value(1)),
)
row(
    "moveaxis",
    tg.moveaxis,
    ("one", normal(2, 3, 4), value(0), value(-1)),
    ("two", normal(2, 3, 4), value((0, 1)), value((-1, 0))),
)
row("matrix_transpose", tg.matrix_transpose, ("stack", normal(2, 3, 4)))
for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
    row(
        name,
        getattr(tg, name),
        *((f"axes-{n}", normal(*(2, 3, 4, 2)[:n])) for n in range(5)),
    )
row(
    "tile",
    tg.tile,
    ("vector", normal(3), value(2)),
    ("longer", normal(3), value((2, 1, 2))),
    ("shorter", normal(2, 3), value(2)),
    ("none", normal(2), value(0)),
    ("number", normal(), value((2, 2))),
)
row(
    "repeat",
    tg.repeat,
    ("all", normal(2, 3), value(2)),
    ("axis", normal(2, 3), value(3), {"axis": 0}),
    ("each", normal(2, 3), value([2, 0, 1]), {"axis": -1}),
)
row(
    "pad",
    tg.pad,
    ("zeros", normal(2, 3), value(1)),
    ("pair", normal(2, 3), value((0, 2)), {"constant_values": (1.0, 2.0)}),
    ("axes", normal(2, 3), value(((1, 0), (0, 2)))),
    *((mode, normal(3, 4), value(((1, 0), (2, 1))), {"mode": mode}) for mode in PADDINGS),
)
for name, arguments in (("split", (3, [1, 4])), ("array_split", (4, [2, 2]))):
    for label, sections in zip(("parts", "places"), arguments, strict=True):
        row(
            name,
            lambda x, sections, name=name: tg.concatenate(
                [part * (i + 1) for i, part in enumerate(getattr(tg, name)(x, sections))]
            ),
            (label, normal(6), value(sections)),
        )
for name in ("vstack", "hstack", "dstack", "column_stack"):
    row(
        name,
        lambda *parts, name=name: getattr(tg, name)(parts),
        ("vectors", normal(3), Fixed(normal(3)), normal(3)),
        ("matrices", normal(2, 3), normal(2, 3)),
    )

# picking
row(
    "take",
    tg.take,
    ("all", normal(2, 3), value([0, 0, 5])),
    ("axis", normal(2, 3), value([[2, 0], [1, -1]]), {"axis": 1}),
    ("one", normal(2, 3), value(1), {"axis": -1}),
)
PLACES = Fixed(lambda rng: rng.integers(0, 3, (2, 4)))
row(
    "take_along_axis",
    tg.take_along_axis,
    ("rows", normal(2, 3), PLACES, {"axis": 1}),
    ("columns", normal(3, 4), PLACES, {"axis": 0}),
    ("spread", normal(2, 3), Fixed(lambda rng: rng.integers(0, 3, (1, 2)))),
)
row(
    "add_along_axis",
    REGISTRY["add_along_axis"],
    ("rows", normal(2, 4), PLACES, {"axis": -1, "length": 3}),
    ("columns", normal(2, 4), PLACES, {"axis": 0, "length": 3}),
)
row(
    "diagonal",
    tg.diagonal,
    ("main", normal(3, 3)),
    ("above", normal(2, 4), value(1)),
    ("below", normal(4, 2), value(-1)),
    ("stack", normal(3, 2, 3), value(0), value(-1), value(0)),
    ("outside", normal(2, 2), value(3)),
)
row("diag", tg.diag, ("vector", normal(3), value(-1)), ("matrix", normal(3, 4), value(1)))
for name in ("tril", "triu"):
    row(name, getattr(tg, name), ("square", normal(3, 3)), ("stack", normal(2, 3, 4), value(1)))
row(
    "sort",
    tg.sort,
    ("vector", apart(5)),
    ("rows", apart(2, 3)),
    ("columns", apart(3, 2), {"axis": 0}),
    ("all", apart(2, 3), {"axis": None}),
)
row(
    "rank",
    REGISTRY["rank"],
    ("left", Fixed(normal(2, 3)), {"axis": 1, "side": "left"}),
    ("right", Fixed(normal(2, 3)), {"axis": 0, "side": "right"}),
)

# reductions
row("sum", tg.sum, *reductions(normal), ("empty", normal(0, 3), {"axis": 0}))
row("mean", tg.mean, *reductions(normal))
row("max", tg.max, *reductions(apart))
row("min", tg.min, *reductions(apart))
row(
    "prod",
    tg.prod,
    *reductions(normal),
    ("empty", normal(0, 3), {"axis": 0}),
    ("zeros", lambda rng: np.array([[0.0, 2.0, 0.0], [0.0, 3.0, 4.0]]), {"axis": 1}),
    ("seven", signed(7)),
    ("axis-of-number", normal(), {"axis": -1}),
)
row(
    "product_of_others",
    lambda x, axis=0: REGISTRY["product_of_others"](x, axis=axis),
    ("vector", normal(5)),
    ("rows", normal(2, 3), {"axis": 1}),
    ("zeros", lambda rng: np.array([0.0, 2.0, 0.0, 3.0])),
)
SAMPLE = ("sample", normal(4, 3), {"axis": 0, "ddof": 1})
row("var", tg.var, *reductions(normal), SAMPLE)
KINKED = {"number", "no-axis"}  # all entries are equal there
row("std", tg.std, *(case for case in reductions(normal) if case[0] not in KINKED), SAMPLE)
row("ptp", tg.ptp, *(case for case in reductions(apart) if case[0] not in KINKED))
row("average", tg.average, *reductions(normal))
row(
    "average_by_weights",
    lambda x, w: tg.average(x, 0, w),
    ("vector", normal(3, 2), positive(3)),
    ("each", normal(3, 2), positive(3, 2)),
    ("constant", normal(3, 2), Fixed(positive(3))),
)
row(
    "cumsum",
    tg.cumsum,
    ("vector", normal(4)),
    ("all", normal(2, 3)),
    ("axis", normal(2, 3), {"axis": -1}),
    ("empty", normal(0, 2), {"axis": 0}),
)
row(
    "diff",
    tg.diff,
    ("vector", normal(4)),
    ("twice", normal(2, 5), {"n": 2}),
    ("axis", normal(3, 2), {"axis": 0}),
    ("none", normal(3), {"n": 0}),
)

# linear
row(
    "matmul",
    tg.matmul,
    ("vectors", normal(3), normal(3)),
    ("vector-matrix", normal(3), normal(3, 2)),
    ("matrix-vector", normal(2, 3), normal(3)),
    ("matrices", normal(2, 3), normal(3, 4)),
    ("stacks", normal(2, 1, 3, 4), normal(3, 4, 2)),
    ("vector-stack", normal(3), normal(2, 3, 2)),
    ("stack-vector", normal(2, 2, 3), normal(3)),
    ("constant", Fixed(normal(2, 3)), normal(3, 2)),
    ("empty", normal(2, 0), normal(0, 3)),
)
EINSUMS: dict[str, tuple[Draw, ...]] = {
    "ij,jk->ik": (normal(2, 3), normal(3, 4)),
    "ij,jk": (normal(2, 3), normal(3, 2)),
    "ba": (normal(2, 3),),
    "ii": (normal(3, 3),),
    "ii->i": (normal(3, 3),),
    "iii->i": (normal(2, 2, 2),),
    "ij->": (normal(2, 3),),
    "ij->j": (normal(2, 3),),
    "i,i,i": (normal(3), normal(3), normal(3)),
    "iij,jk->k": (normal(2, 2, 3), normal(3, 2)),
    ",i->i": (normal(), normal(3)),
    "...ij,...jk->...ik": (normal(2, 1, 2, 3), normal(4, 3, 2)),
    "i...,i...->...": (normal(2, 3), normal(2, 1)),
    "ij,j->i": (normal(2, 4), normal(1)),
    "ij,ij": (normal(2, 3), normal(2, 1)),
    "ii,i": (normal(3, 3), normal(1)),
}
row(
    "einsum",
    lambda *operands, subscripts: tg.einsum(subscripts, *operands),
    *((text, *draws, {"subscripts": text}) for text, draws in EINSUMS.items()),
)
row(
    "dot",
    tg.dot,
    ("vectors", normal(3), normal(3)),
    ("numbers", normal(), normal(2, 3)),
    ("matrices", normal(2, 3), normal(3, 2)),
    ("many-axes", normal(2, 3), normal(2, 3, 2)),
)
row("outer", tg.outer, ("vectors", normal(2), normal(3)), ("matrix", normal(2, 2), normal(3)))
row(
    "trace",
    tg.trace,
    ("matrix", normal(3, 3)),
    ("stack", normal(2, 2, 3)),
    ("offset", normal(2, 4), value(1)),
)
row("vdot", tg.vdot, ("matrices", normal(2, 3), normal(2, 3)))
row(
    "inner",
    tg.inner,
    ("vectors", normal(3), normal(3)),
    ("matrices", normal(2, 3), normal(4, 3)),
    ("number", normal(), normal(2)),
)
row(
    "tensordot",
    tg.tensordot,
    ("two", normal(2, 3, 4), normal(3, 4, 2)),
    ("none", normal(2), normal(3), value(0)),
    ("named", normal(2, 3, 4), normal(4, 2), value(((0, -1), (1, 0)))),
)
row("kron", tg.kron, ("matrices", normal(2, 3), normal(2, 2)), ("mixed", normal(2), normal(3, 2)))

# softmax
row("softmax", tg.softmax, *lines(normal))
row("log_softmax", tg.log_softmax, *lines(normal))
row(
    "sum_to_zero",
    lambda g, z, axis=-1: REGISTRY["sum_to_zero"](
        g - tg.softmax(z, axis=axis) * tg.sum(g, axis=axis, keepdims=True),
        tg.softmax(z, axis=axis),
        axis=axis,
    ),
    ("rows", normal(2, 3), normal(2, 3)),
    ("columns", normal(3, 2), normal(3, 2), {"axis": 0}),
    ("one-sure", normal(2, 3), lambda rng: np.diag([12.0, 9.0, 1.0])[:2]),
    ("one", normal(1), normal(1)),
)
row(
    "logsumexp",
    tg.logsumexp,
    *lines(normal),
    ("kept", normal(2, 3), {"axis": 0, "keepdims": True}),
)

# losses
CLASS_LOSSES = ("softmax_cross_entropy", "cross_entropy")
for loss, logits in zip(CLASS_LOSSES, (normal, distributions), strict=True):
    row(
        loss,
        getattr(tg, loss),
        ("labels", logits(3, 4), labels(3, 4)),
        ("distributions", logits(3, 4), distributions(3, 4)),
        ("one", logits(4), distributions(4)),
        ("one-label", logits(4), Fixed(lambda rng: np.int64(2))),
        ("none", logits(3, 4), labels(3, 4), {"reduction": "none"}),
        ("sum", logits(3, 4), distributions(3, 4), {"reduction": "sum"}),
        ("any-targets", logits(3, 4), positive(3, 4), {"reduction": "none"}),
        ("images", logits(2, 2, 3), Fixed(lambda rng: rng.integers(0, 3, (2, 2)))),
    )
for loss, logits in (
    ("sigmoid_cross_entropy", normal),
    ("binary_cross_entropy", lambda *s: uniform(0.1, 0.9, *s)),
):
    row(
        loss,
        getattr(tg, loss),
        ("vector", logits(4), uniform(0.1, 0.9, 4)),
        ("matrix", logits(2, 3), mask(2, 3)),
        ("number", logits(), uniform(0.1, 0.9)),
        ("none", logits(4), uniform(0.1, 0.9, 4), {"reduction": "none"}),
        ("sum", logits(4), uniform(0.1, 0.9, 4), {"reduction": "sum"}),
    )
row(
    "residual",
    lambda g, z, y: REGISTRY["residual"](g, z, y, *REGISTRY["softmax_cross_entropy"].saved(z, y)),
    ("labels", normal(3), normal(3, 4), labels(3, 4)),
    ("distributions", normal(3), normal(3, 4), positive(3, 4)),
    ("one", normal(), normal(4), distributions(4)),
)
row("one_hot", tg.one_hot, ("labels", labels(3, 4), {"classes": 4}))
for loss in ("mean_squared_error", "mean_absolute_error"):
    row(
        loss,
        getattr(tg, loss),
        ("matrix", apart(2, 3), apart(2, 3, shift=0.1)),
        ("sum", apart(3), apart(3, shift=0.1), {"reduction": "sum"}),
        ("none", apart(3), Fixed(apart(3, shift=0.1)), {"reduction": "none"}),
        ("number", apart(), apart(shift=0.1)),
    )
row("sum_squared_error", tg.sum_squared_error, ("matrix", normal(2, 3), normal(2, 3)))
row(
    "kl_divergence",
    tg.kl_divergence,
    ("rows", distributions(3, 4), distributions(3, 4)),
    ("one", distributions(4), distributions(4), {"reduction": "sum"}),
)
row("entropy", tg.entropy, ("rows", distributions(3, 4)), ("one", distributions(4)))

# penalties
row(
    "euclidean_norm",
    tg.norm,
    *reductions(signed),
    ("empty", normal(0)),
)
row(
    "p_norm",
    lambda w, p, **attributes: tg.norm(w, p, **attributes),
    ("three", signed(4), value(3)),
    ("half", signed(4), value(1.5)),
    ("axis", signed(2, 3), value(4.5), {"axis": 0}),
    ("kept", signed(2, 3), value(np.float64(3)), {"axis": (0, 1), "keepdims": True}),
)
row(
    "relative",
    lambda x, p, **attributes: REGISTRY["relative"](
        x, tg.norm(x, p, **attributes), p, **attributes
    ),
    ("two", signed(4), value(2)),
    ("three", signed(2, 3), value(3), {"axis": 0}),
)
row(
    "norm",
    tg.norm,
    ("one", signed(2, 3), value(1), {"axis": 0}),
    ("largest", apart(2, 3), value(np.inf), {"axis": 1}),
    ("largest-of-empty", normal(0, 3), value(np.inf), {"axis": 0}),
)
row(
    "l1",
    tg.l1,
    ("tensor", signed(2, 3)),
)
row("l2", lambda *w: tg.l2(w), ("list", normal(3), normal(2, 2), normal()))
row(
    "weight_decay",
    lambda *w: tg.weight_decay(list(w), 0.1),
    ("list", normal(3), normal(2, 2)),
    ("one", normal(3)),
)

# dropout
row(
    "dropout",
    lambda x, p: tg.dropout(x, p, np.random.default_rng(3)),
    ("some", normal(6), value(0.4)),
    ("none", normal(6), value(0.0)),
    ("all", normal(6), value(1)),
    ("number", normal(), value(0.5)),
)

# Rows that are not operations of the registry but composed of them.
COMPOSED = {case.name for case in CASES} - REGISTRY.keys()
DIFFERENTIABLE = [case for case in CASES if case.differentiable]


def by_name(cases: list[Case]) -> list[Any]:
    """Return the cases of each operation as one parameter, for a test that folds them."""
    names = dict.fromkeys(case.name for case in cases)
    return [pytest.param([c for c in cases if c.name == name], id=name) for name in names]


# Where a test of all rows takes long, `make test` runs it for one of each operation.
ONE_OF_EACH = list({case.name: case for case in reversed(DIFFERENTIABLE)}.values())[::-1]


def quick_and_deep() -> list[Any]:
    """Return the differentiable rows as parameters, all but the first of each operation deep."""
    marks = {True: [], False: [pytest.mark.deep]}
    return [pytest.param(c, id=str(c), marks=marks[c in ONE_OF_EACH]) for c in DIFFERENTIABLE]
