"""Wrong rules on purpose: the faults that a checker must catch, planted into any operation.

A plant replaces one rule of one operation while a test runs, or, for the faults that are no
matter of rules, wraps the function. What makes it wrong is computed from the right rule, so the
faults are those of the calculus, and none is made to fit the checker.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.core.op import REGISTRY, Op

Rule = Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """A way to call an operation with the arguments that a fault is planted for."""

    op: str
    function: Callable[..., Any]
    draws: tuple[Callable[[np.random.Generator], Any], ...]
    argument: int = 0
    label: str = ""

    def arguments(self) -> list[Any]:
        rng = np.random.default_rng([*self.op.encode(), *self.label.encode()])
        return [np.asarray(draw(rng)) for draw in self.draws]

    def __str__(self) -> str:
        return f"{self.op}{self.label}[{self.argument}]"


def normal(*shape: int) -> Any:
    return lambda rng: rng.normal(size=shape)


def positive(*shape: int) -> Any:
    return lambda rng: rng.uniform(0.5, 2.0, shape)


def labels(n: int, classes: int) -> Any:
    return lambda rng: rng.integers(0, classes, n)


CALLS = [
    Call("exp", tg.exp, (normal(3, 3),)),
    Call("log", tg.log, (positive(3, 3),)),
    Call("tanh", tg.tanh, (normal(5),)),
    Call("sigmoid", tg.sigmoid, (normal(3, 3),)),
    Call("multiply", tg.multiply, (normal(4, 3), normal(3)), 1, "-spread"),
    Call("multiply", tg.multiply, (normal(3, 3), normal(3, 3))),
    Call("add", tg.add, (normal(4, 3), normal(3)), 1, "-spread"),
    Call("divide", tg.divide, (normal(3, 3), positive(3, 3)), 1),
    Call("power", tg.power, (positive(3, 3), normal(3, 3))),
    Call("matmul", tg.matmul, (normal(3, 3), normal(3, 3))),
    Call("matmul", tg.matmul, (normal(3, 3), normal(3)), 1, "-vector"),
    Call("sum", lambda x: tg.sum(x, axis=0), (normal(3, 3),)),
    Call("mean", lambda x: tg.mean(x, axis=1), (normal(3, 3),)),
    Call("var", lambda x: tg.var(x, axis=0), (normal(3, 3),)),
    Call("softmax", tg.softmax, (normal(5),)),
    Call("softmax", tg.softmax, (normal(3, 3),), 0, "-rows"),
    Call("log_softmax", tg.log_softmax, (normal(3, 3),)),
    Call("logsumexp", tg.logsumexp, (normal(3, 3),)),
    Call("euclidean_norm", lambda x: tg.norm(x, axis=0), (normal(3, 3),)),
    Call(
        "softmax_cross_entropy",
        lambda z, y: tg.softmax_cross_entropy(z, y, reduction="none"),
        (normal(3, 3), labels(3, 3)),
    ),
]


@dataclass(frozen=True)
class Kind:
    """A fault: its name, the suspect that names it, and what it does to a Jacobian."""

    name: str
    suspect: str
    spoil: Callable[[np.ndarray, tuple[int, ...], tuple[int, ...]], np.ndarray | None]


def spread_once(J: np.ndarray, out: tuple[int, ...], arg: tuple[int, ...]) -> np.ndarray | None:
    """Only the first copy of an argument that was spread gets through."""
    if out == arg or np.prod(out) <= np.prod(arg):
        return None
    places = np.broadcast_to(np.arange(np.prod(arg, dtype=int)).reshape(arg), out).ravel()
    _, first = np.unique(places, return_index=True)
    kept = np.zeros_like(J)
    kept[first] = J[first]
    return kept


def exchanged(J: np.ndarray, out: tuple[int, ...], arg: tuple[int, ...]) -> np.ndarray | None:
    """The gradient with its axes exchanged; of vectors, the product with the wrong side."""
    if len(arg) > 1 and arg[-1] == arg[-2]:
        return J.reshape(len(J), *arg).swapaxes(-1, -2).reshape(J.shape)
    return J.T.copy() if out == arg else None


def one_entry(J: np.ndarray, out: tuple[int, ...], arg: tuple[int, ...]) -> np.ndarray | None:
    spoiled = J.copy()
    rows, columns = np.nonzero(np.abs(J) > 0.1 * np.abs(J).max())
    spoiled[rows[-1], columns[-1]] *= 1.001
    return spoiled if len(rows) > 3 else None


def passed_on(J: np.ndarray, out: tuple[int, ...], arg: tuple[int, ...]) -> np.ndarray | None:
    """Hand g on without the derivative, where each result has an entry of its own."""
    return np.where(J != 0, 1.0, 0.0)


KINDS = [
    Kind("zero", "zero gradient", lambda J, out, arg: 0 * J),
    Kind("scaled by −7", "constant factor", lambda J, out, arg: -7 * J),
    Kind("wrong sign", "wrong sign", lambda J, out, arg: -J),
    Kind("twice", "×2", lambda J, out, arg: 2 * J),
    Kind("divided by N", "1/N", lambda J, out, arg: J / arg[-1]),
    Kind("times N", "×N", lambda J, out, arg: J * arg[-1]),
    Kind("transposed", "transposed", exchanged),
    Kind(
        "diagonal only",
        "diagonal only",
        lambda J, out, arg: np.diag(np.diag(J)) if out == arg else None,
    ),
    Kind("missing broadcast sum", "missing broadcast sum", spread_once),
    Kind("one entry off by 1e-3", "single entries", one_entry),
    Kind("chain factor left out", "chain factor left out", passed_on),
]
#: Faults that are no matter of the Jacobian.
SEED, MISSING = "ignores its seed", "missing argument"
RULE_KINDS = [*(kind.name for kind in KINDS), SEED, MISSING]
SUSPECTS = {kind.name: {kind.suspect} for kind in KINDS} | {SEED: {SEED}, MISSING: {MISSING}}


def jacobian(op: Op, k: int, args: tuple[Any, ...], attributes: dict[str, Any]) -> np.ndarray:
    """The Jacobian of an operation by one argument, by its right rule."""
    x = tg.Tensor(args[k])
    out = op(*args[:k], x, *args[k + 1 :], **attributes)
    seeds = np.eye(out.size).reshape(out.size, *out.shape)
    return np.array([tg.gradients(out, x, seed).ravel() for seed in seeds])


def has_effect(call: Call, name: str) -> bool:
    """Whether the fault makes the gradient of this call another one."""
    if name in (SEED, MISSING):
        return True
    args = call.arguments()
    xs = [tg.Tensor(a) if a.dtype.kind == "f" else a for a in args]
    out = call.function(*xs)
    op, k = REGISTRY[call.op], call.argument
    right = jacobian(op, k, out.inputs, dict(out.attributes))
    (kind,) = (kind for kind in KINDS if kind.name == name)
    spoiled = kind.spoil(right, out.shape, np.shape(out.inputs[k]))
    return spoiled is not None and not np.allclose(spoiled, right, rtol=1e-6, atol=0)


@contextlib.contextmanager
def planted(call: Call, name: str) -> Iterator[None]:
    """Replace the rule of an operation by a wrong one."""
    op, k = REGISTRY[call.op], call.argument
    right = op.rules[k]
    op.rules[k] = None if name == MISSING else wrong_rule(op, k, right, name)
    try:
        yield
    finally:
        op.rules[k] = right


def wrong_rule(op: Op, k: int, right: Rule, name: str) -> Rule:
    """Make the rule of a fault, on arrays and on Tensors."""

    def rule(g: Any, out: Any, *args: Any, **attributes: Any) -> Any:
        if name == SEED:
            fixed = np.linspace(1.0, 2.0, max(np.size(plain(g)), 1)).reshape(g.shape)
            return right(fixed, out, *args, **attributes)
        arrays = tuple(plain(a) for a in args)
        own = {key: value for key, value in attributes.items() if key != "saved"}
        wrong = op.rules[k]
        op.rules[k] = right
        try:
            J = jacobian(op, k, arrays, own)
        finally:
            op.rules[k] = wrong
        (kind,) = (kind for kind in KINDS if kind.name == name)
        spoiled = kind.spoil(J, np.shape(plain(out)), arrays[k].shape)
        flat = tg.reshape(g, shape=-1) if isinstance(g, tg.Tensor) else np.ravel(g)
        return (flat @ spoiled).reshape(arrays[k].shape)

    return rule


def plain(x: Any) -> Any:
    return x.data if isinstance(x, tg.Tensor) else x


# --- scales --------------------------------------------------------------------------------------

#: Of the inputs and of the results.
SCALES = [(1.0, 1.0), (1e-12, 1e6), (1e12, 1e-7)]


def scaled(
    function: Callable[..., Any], args: list[Any], scale: tuple[float, float]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function of inputs, and with results, of another size: it differs beyond its seed."""
    of_inputs, of_results = scale
    floats = [a.dtype.kind == "f" for a in args]

    def f(*xs: Any) -> Any:
        inputs = [x * (1 / of_inputs) if own else x for x, own in zip(xs, floats, strict=True)]
        return function(*inputs) * of_results

    return f, tuple(a * of_inputs if own else a for a, own in zip(args, floats, strict=True))
