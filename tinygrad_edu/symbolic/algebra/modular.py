"""Exact numbers for expressions: the integers modulo the prime 2⁶¹ − 1, at random points.

Two formulas that are equal as rational functions have the same value at every point. Two that are
not have the same value at a random point with a chance of about their degree in 2⁶¹ (Schwartz and
Zippel). Exponentials, logarithms and the like are atoms: random numbers, the same for the same
operation of the same arguments.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.evaluate import (
    Environment,
    Valued,
    contract,
    opened_sums,
)
from tinygrad_edu.symbolic.algebra.expr import Apply, Expr, Index, Number, Opaque, Quantity, power

__all__ = ["PRIME", "Modular", "Undefined"]

PRIME = (1 << 61) - 1

#: An exponential is a power with this exponent, so that it has roots.
_ROOTS = 720_720
#: Functions of which f(−x) = f(x), and f(−x) = −f(x).
_EVEN = frozenset({"cos", "cosh"})
_ODD = frozenset({"sin", "sinh", "tan", "tanh", "arctan", "arcsin", "arcsinh", "arctanh"})
#: What only moves entries is done as it is.
_MOVING = frozenset({"stack", "concatenate", "reshape", "transpose", "swapaxes", "broadcast_to"})
#: What adds and multiplies entries, too.
_ADDING = frozenset({"getitem", "scatter_add", "cumsum"})


class Undefined(ArithmeticError):
    """A division by zero at this point: another one has to be drawn."""


class Modular(Environment):
    """Where expressions are evaluated modulo a prime, each entry as a Python int.

    Comparisons and `sign` depend on the sign of a number, which is random here, and opposite for
    opposite numbers; so do `abs`, `maximum`, `minimum` and `clip`. A root is one of a square where
    there is one, and an atom elsewhere: then the point is `vague`, and proves equal what is equal,
    but not different what is different.

    Parameters
    ----------
    seed : int
        Of all that is random.
    lengths : dict of Index to int
        Lengths of ranges.
    drawn : dict of Quantity to int or None, optional
        Letters that are drawn with a sum of 1, with the axis along which; None makes a matrix
        symmetric.
    meant : callable, optional
        From an expression to one that stands for it by a law of the atoms, or None.
    ties : bool, optional
        Whether many entries are equal, and many 0.
    """

    def __init__(
        self,
        seed: int,
        lengths: Mapping[Index, int],
        drawn: Mapping[Quantity, int | None] | None = None,
        meant: Callable[[Expr], Expr | None] = lambda expr: None,
        *,
        ties: bool = False,
    ) -> None:
        super().__init__({}, lengths)
        self.drawn, self.meant, self.ties = drawn or {}, meant, ties
        self.vague = self.piecewise = False
        self._seed = seed
        self._random = random.Random(seed)
        one, other = (self._random.randrange(1, PRIME) for _ in range(2))
        self._few = [0, one, PRIME - one, other]
        for quantity, axis in self.drawn.items():
            if axis is not None:
                self.arrays[quantity] = self._given(quantity)

    def _compute(self, expr: Expr) -> Valued:
        meant = self.meant(expr)
        if meant is not None:
            return self.value(meant)
        array, indices = super()._compute(expr)
        return _array(array), indices  # one entry of an array of objects is no array

    def _number(self, value: Fraction) -> Any:
        return _scalar(value.numerator * pow(value.denominator, -1, PRIME) % PRIME)

    def _identity(self, length: int) -> Any:
        return np.eye(length, dtype=int).astype(object)

    def _added(self, arrays: list[Any]) -> Any:
        return _array(sum(arrays[1:], start=arrays[0]) % PRIME)

    def _contract(self, expr: Expr) -> Valued:
        bound, (coefficient, factors) = opened_sums(expr)
        operands = [self._raised(base, exponent) for base, exponent in factors]
        repeated, every, free = self._indices(bound, operands)
        scale = self._number(coefficient * repeated)[()]
        return _array(contract(operands, every, free) * scale % PRIME), free

    def _given(self, quantity: Quantity) -> Any:
        shape = tuple(1 if axis is None else self.length(axis) for axis in quantity.axes)
        choices: Sequence[int] = self._few if self.ties else range(PRIME)
        if np.asarray(quantity.value).dtype.kind == "b":
            choices = (0, 1)
        array = _each(lambda _: self._random.choice(choices), np.zeros(shape))
        if quantity not in self.drawn:
            return array
        axis = self.drawn[quantity]
        if axis is None:
            return np.where(np.tri(len(array), dtype=bool), array, array.T)
        return _with_sum_of_one(array, axis)

    # --- atoms ------------------------------------------------------------------------------------

    def _atom(self, *key: Any) -> int:
        digest = hashlib.blake2b(repr((self._seed, key)).encode(), digest_size=16).digest()
        return int.from_bytes(digest, "big") % PRIME

    def _whole(self, expr: Opaque, arrays: list[Any]) -> Any:
        """Keep an operation on whole arrays as an atom, but for what is arithmetic."""
        if expr.op.name in _MOVING:
            return np.asarray(expr.op.forward(*arrays, **expr.attributes), object)
        if expr.op.name in _ADDING and len(arrays) == 1:
            return np.asarray(expr.op.forward(*arrays, **expr.attributes), object) % PRIME
        if expr.op is ops.prod:
            return _array(np.multiply.reduce(arrays[0], **expr.attributes) % PRIME)
        if expr.op.name == "product_of_others":
            axis = expr.attributes["axis"]
            left = (np.delete(arrays[0], k, axis) for k in range(arrays[0].shape[axis]))
            return np.stack([np.multiply.reduce(a, axis=axis) for a in left], axis) % PRIME
        if expr.op is ops.max or expr.op is ops.min:  # one of the entries, by their signs
            self.piecewise = True
            larger = _PIECES["maximum" if expr.op is ops.max else "minimum"]
            fold = np.frompyfunc(lambda x, y: larger(self.sign, x, y), 2, 1)
            return _array(_reduced(fold, arrays[0], **expr.attributes))
        shape = tuple(1 if axis is None else self.length(axis) for axis in expr.axes)
        attributes = dict(expr.attributes)
        if isinstance(attributes.get("axis"), int) and arrays[0].ndim:  # −1 is the last
            attributes["axis"] %= arrays[0].ndim
        key = (
            expr.op.name,
            sorted(attributes.items()),
            [(array.shape, array.ravel().tolist()) for array in arrays],
        )
        found = _each(lambda place: self._atom(*key, place), _places(shape))
        if expr.op.distribution:  # its entries sum to 1
            return _with_sum_of_one(found, expr.attributes.get("axis", -1))
        return found

    def _entrywise(self, expr: Apply, arrays: list[Any], indices: tuple[Index, ...]) -> Any:
        name, attributes = expr.op.name, sorted(expr.attributes.items())
        piece = _PIECES.get(name)
        if piece is not None:
            self.piecewise = True
            return _each(lambda *values: piece(self.sign, *values) % PRIME, *arrays)
        if expr.op is ops.exp:
            return _each(lambda x: self._exp(x, Fraction(1)), *arrays)
        if expr.op is ops.stop_gradient:
            return arrays[0]
        if expr.op is ops.log:
            return _each(lambda x: 0 if x == 1 else self._atom(name, attributes, [x]), *arrays)
        if name in _EVEN or name in _ODD:
            return _each(lambda x: self._of_magnitude(name, x), *arrays)
        return _each(lambda *values: self._atom(name, attributes, list(values)), *arrays)

    def _of_magnitude(self, name: str, value: int) -> int:
        """Return an atom for x that is that for −x, or its opposite; an odd function of 0 is 0."""
        small = min(value, PRIME - value)
        found = self._atom(name, small) if small or name in _EVEN else 0
        return found if name in _EVEN or small == value else -found % PRIME

    def _exp(self, value: int, exponent: Fraction) -> int:
        """Return a power of e^x for the value of x; e⁰ is 1."""
        power = exponent * _ROOTS
        base = self._atom("exp", power.denominator, value) if value else 1
        return pow(base, power.numerator, PRIME)

    def sign(self, value: int) -> int:
        """Return 1, −1 or 0: random, but opposite for opposite numbers."""
        if not value:
            return 0
        small = min(value, PRIME - value)
        return (1 if self._atom("sign", small) & 1 else -1) * (1 if small == value else -1)

    def _raised(self, base: Expr, exponent: Fraction) -> Valued:
        """Raise to a rational power; a power of e^x is that of its own root."""
        if exponent.denominator != 1 and isinstance(base, Apply):
            meant = self.meant(base)
            if meant is not None:
                return self.value(power(meant, exponent))
            if base.op is ops.exp:
                array, indices = self.value(base.args[0])
                return _each(lambda value: self._exp(value, exponent), array), indices
        array, indices = self.value(base)
        if exponent == 1:
            return array, indices
        if isinstance(base, Number) and base.value > 0 and exponent.denominator != 1:
            return _scalar(self._power_of_number(base.value, exponent)), ()
        return _each(lambda value: self._power(value, exponent), array), indices

    def _power(self, value: int, exponent: Fraction) -> int:
        if not value:
            if exponent < 0:
                raise Undefined
            return 0
        root, odd = value, exponent.denominator
        while odd % 2 == 0:
            odd //= 2
            half = pow(root, (PRIME + 1) // 4, PRIME)
            if half * half % PRIME != root:
                odd = exponent.denominator
                break
            root = half if self.sign(half) > 0 else PRIME - half
        if odd > 1:
            self.vague = True
            root = self._atom("root", exponent.denominator, value)
        whole = int(exponent)  # so that |x|^(7/2) is |x|³ times a root, also of an atom
        rest = (exponent - whole).numerator
        return pow(value, whole, PRIME) * pow(root, rest, PRIME) % PRIME

    def _power_of_number(self, value: Fraction, exponent: Fraction) -> int:
        """Return a power of a number as one of its prime factors, so that √8 is 2·√2."""
        found = 1
        for part, turn in ((value.numerator, 1), (value.denominator, -1)):
            divisor = 2
            while part > 1:
                if divisor * divisor > part or divisor > 1000:
                    divisor = part
                times = 0
                while part % divisor == 0:
                    part, times = part // divisor, times + 1
                whole, rest = divmod(times * turn * exponent, 1)
                found = found * pow(divisor, int(whole), PRIME) % PRIME
                if rest:
                    found = found * self._power(divisor, rest) % PRIME
                divisor += 1
        return found


Sign = Callable[[int], int]

#: Functions in pieces, by the sign of a number.
_PIECES: dict[str, Callable[..., int]] = {
    "sign": lambda sign, x: sign(x),
    "abs": lambda sign, x: x * sign(x),
    "maximum": lambda sign, x, y: _larger(sign, x, y),
    "minimum": lambda sign, x, y: x + y - _larger(sign, x, y),
    "clip": lambda sign, x, low, high: -_larger(sign, -_larger(sign, x, low), -high),
    "where": lambda sign, c, x, y: x if c else y,
    "less": lambda sign, x, y: _compared(sign, x, y) < 0,
    "less_equal": lambda sign, x, y: _compared(sign, x, y) <= 0,
    "greater": lambda sign, x, y: _compared(sign, x, y) > 0,
    "greater_equal": lambda sign, x, y: _compared(sign, x, y) >= 0,
    "equal": lambda sign, x, y: x == y,
    "not_equal": lambda sign, x, y: x != y,
}
assert _PIECES.keys() <= REGISTRY.keys()


def _compared(sign: Sign, x: int, y: int) -> int:
    return sign((x - y) % PRIME)


def _larger(sign: Sign, x: int, y: int) -> int:
    return x if _compared(sign, x, y) >= 0 else y


def _reduced(fold: Any, array: Any, *, axis: Any, keepdims: bool) -> Any:
    axes = range(array.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    for each in axes:
        array = fold.reduce(array, axis=each, keepdims=True)
    return array if keepdims else array.squeeze(tuple(axes))


def _with_sum_of_one(array: Any, axis: int) -> Any:
    """Change the last entry along an axis so that all sum to 1."""
    rows = np.moveaxis(array, axis, 0)
    rows[-1] = (1 - rows[:-1].sum(0)) % PRIME
    return array


def _scalar(value: Any) -> Any:
    found = np.empty((), object)
    found[()] = value
    return found


def _array(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else _scalar(value)


def _each(function: Callable[..., Any], *arrays: Any) -> Any:
    """Compute entry by entry, with Python's numbers."""
    return _array(np.frompyfunc(function, len(arrays), 1)(*arrays))


def _places(shape: tuple[int, ...]) -> Any:
    """Return an array that holds the place of each entry."""
    found = np.empty(shape, object)
    for place in np.ndindex(shape):
        found[place] = place
    return found
