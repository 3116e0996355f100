"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu.core.op import Composed, op, operand
from tinygrad_edu.ops.pick import diagonal
from tinygrad_edu.ops.rearrange import counted_axes
from tinygrad_edu.ops.reduce import sum
from tinygrad_edu.ops.shape import broadcast_to, expand_dims, reshape, squeeze

__all__ = [
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "tensordot",
    "trace",
    "vdot",
]


def _left(g: Any, out: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g * b if a.ndim == 1 else expand_dims(g, axis=-1) * b
    if a.ndim == 1:
        return squeeze(b @ expand_dims(g, axis=-1), axis=-1)
    return g @ b.mT


def _right(g: Any, out: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else expand_dims(a, axis=-1) * expand_dims(g, axis=-2)
    if b.ndim == 1:
        return squeeze(a.mT @ expand_dims(g, axis=-1), axis=-1)
    return a.mT @ g


# d(AB) = dA B + A dB, so the gradients are G Bᵀ and Aᵀ G
@op(
    forward=np.matmul,
    shapes="the last axis of the first must be as long as the last but one (or only) axis of the "
    "second; transpose or reshape one",
    rules=(_left, _right),
    text="{0} {1}",
    tex=r"{0}\,{1}",
)
def matmul(a: Any, b: Any) -> Any:
    """Matrix product, as ``a @ b``.

    The gradients are G Bᵀ and Aᵀ G (Petersen and Pedersen, *The Matrix Cookbook*).

    >>> x, w = tg.Tensor([[1.0, 2.0]]), tg.Tensor([[3.0], [4.0]])
    >>> x @ w
    Tensor([[11.]])
    """


@op(
    name="einsum",
    text="einsum('{subscripts}', {args})",
    tex=r"\operatorname{{einsum}}('{subscripts}', {args})",
)
def _einsum(*operands: Any, subscripts: str) -> Any:
    """Sum of products over named indices."""
    return np.einsum(subscripts, *operands)


@_einsum.rule_for_each
def _(i: int, g: Any, out: Any, *operands: Any, subscripts: str) -> Any:
    """Contract g with all other operands; the indices of operand i are what is left over."""
    inputs, result = subscripts.split("->")
    terms = inputs.split(",")
    unused = iter(sorted(set(string.ascii_letters) - set(subscripts)))
    factors = [g, *(x for k, x in enumerate(operands) if k != i)]
    labels = [result, *(t for k, t in enumerate(terms) if k != i)]
    wanted, shape = "", operands[i].shape
    repeated = []  # what was summed by itself has g everywhere
    for place, label in enumerate(terms[i]):
        length = operands[i].shape[place]
        if label in wanted:  # a diagonal was read: the gradient lives on it
            new = next(unused)
            factors.append(np.eye(length, dtype=out.dtype))
            labels.append(label + new)
            label = new
        elif not _reaches(label, length, labels, factors):
            if terms[i].count(label) == 1:
                repeated.append(place)
                continue
            factors.append(np.ones(length, dtype=out.dtype))
            labels.append(label)
        wanted += label
    found = _einsum(*factors, subscripts=",".join(labels) + "->" + wanted)
    if not repeated:
        return found
    return broadcast_to(expand_dims(found, axis=tuple(repeated)), shape=shape)


def _reaches(label: str, length: int, labels: list[str], factors: list[Any]) -> bool:
    """Whether a factor has an axis of this label and length (an axis of length 1 is spread)."""
    return any(
        length == x.shape[place]
        for x, names in zip(factors, labels, strict=True)
        for place, name in enumerate(names)
        if name == label
    )


@Composed
def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum of products over named indices.

    Multilinear in its operands: the gradient of one is the contraction of g with all others.

    >>> a = tg.Tensor([1.0, 2.0])
    >>> tg.einsum("i,i", a, a)
    Tensor(5.)
    """
    explicit = _explicit(
        subscripts, [np.ndim(x) if not hasattr(x, "ndim") else x.ndim for x in operands]
    )
    return _einsum(*operands, subscripts=explicit)


def _explicit(subscripts: str, ndims: list[int]) -> str:
    """Write out the result's indices and what ``...`` stands for."""
    if not isinstance(subscripts, str):
        raise TypeError(
            f"einsum: subscripts come first, as text such as 'ij,jk->ik', not as a "
            f"{type(subscripts).__name__}"
        )
    text = subscripts.replace(" ", "")
    inputs, arrow, result = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operand(s), got {len(ndims)}")
    unused = [c for c in string.ascii_letters if c not in text]
    spare = [
        n - len(t.replace("...", "")) if "..." in t else 0
        for t, n in zip(terms, ndims, strict=True)
    ]
    width = max(spare)
    leading = "".join(unused[:width])
    if not arrow:
        once = sorted(c for c in set(inputs) - set(",.") if inputs.count(c) == 1)
        result = ("..." if "..." in inputs else "") + "".join(once)
    terms = [t.replace("...", leading[width - n :]) for t, n in zip(terms, spare, strict=True)]
    return ",".join(terms) + "->" + result.replace("...", leading)


@Composed
def dot(a: Any, b: Any) -> Any:
    """Product over the last axis of `a` and the last but one (or only) axis of `b`.

    >>> tg.dot(tg.Tensor([1.0, 2.0]), [3.0, 4.0])
    Tensor(11.)
    """
    a, b = operand(a, "dot"), operand(b, "dot")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    if a.shape[-1] != b.shape[-2]:  # einsum would spread a length of 1
        raise ValueError(f"dot: shapes {a.shape} and {b.shape} do not fit")
    left = string.ascii_lowercase[: a.ndim - 1]
    right = string.ascii_uppercase[: b.ndim - 2]
    return einsum(f"{left}z,{right}zy->{left}{right}y", a, b)


@Composed
def outer(a: Any, b: Any) -> Any:
    """All products of an entry of `a` with an entry of `b`.

    >>> tg.outer(tg.Tensor([1.0, 2.0]), [3.0, 4.0])
    Tensor([[3., 4.],
            [6., 8.]])
    """
    return reshape(operand(a, "outer"), (-1, 1)) * reshape(operand(b, "outer"), (1, -1))


@Composed
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum of a diagonal of a matrix, or of each of a stack.

    >>> tg.trace(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5.)
    """
    return sum(diagonal(x, offset, axis1, axis2), axis=-1)


@Composed
def inner(a: Any, b: Any) -> Any:
    """Products over the last axes of both.

    >>> tg.inner(tg.Tensor([1.0, 2.0]), [3.0, 4.0])
    Tensor(11.)
    """
    a, b = operand(a, "inner"), operand(b, "inner")
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return tensordot(a, b, (-1, -1))


@Composed
def vdot(a: Any, b: Any) -> Any:
    """Product of two tensors as vectors: the sum of the products of their entries.

    >>> tg.vdot(tg.Tensor([[1.0, 2.0]]), [[3.0, 4.0]])
    Tensor(11.)
    """
    return matmul(reshape(operand(a, "vdot"), shape=-1), reshape(operand(b, "vdot"), shape=-1))


@Composed
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Products over chosen axes of both.

    >>> tg.tensordot(tg.Tensor([[1.0, 2.0]]), [[3.0], [4.0]], 1)
    Tensor([[11.]])
    """
    a, b = operand(a, "tensordot"), operand(b, "tensordot")
    if isinstance(axes, int):
        if not 0 <= axes <= min(a.ndim, b.ndim):
            raise ValueError(f"tensordot: {axes} axes of tensors with {a.ndim} and {b.ndim}")
        axes = range(a.ndim - axes, a.ndim), range(axes)
    left, right = (tuple(x) if isinstance(x, Iterable) else (x,) for x in axes)
    left = counted_axes(left, a.ndim, "tensordot")
    right = counted_axes(right, b.ndim, "tensordot")
    lengths = [a.shape[i] for i in left]
    if lengths != [b.shape[i] for i in right] or len(set(left)) < len(left):
        raise ValueError(
            f"tensordot: axes {left} of shape {a.shape} and {right} of {b.shape} do not fit; pair "
            "axes of one length, each once"
        )
    letters = iter(string.ascii_letters)
    of_a, of_b = [next(letters) for _ in a.shape], [next(letters) for _ in b.shape]
    for i, k in zip(left, right, strict=True):
        of_b[k] = of_a[i]
    kept = [c for i, c in enumerate(of_a) if i not in left]
    kept += [c for i, c in enumerate(of_b) if i not in right]
    return einsum(f"{''.join(of_a)},{''.join(of_b)}->{''.join(kept)}", a, b)


@Composed
def kron(a: Any, b: Any) -> Any:
    """Kronecker product: a copy of `b` for each entry of `a`, times that entry.

    >>> tg.kron(tg.Tensor([1.0, 2.0]), [3.0, 4.0])
    Tensor([3., 4., 6., 8.])
    """
    a, b = operand(a, "kron"), operand(b, "kron")
    ndim = max(a.ndim, b.ndim)
    left = (1,) * (ndim - a.ndim) + a.shape
    right = (1,) * (ndim - b.ndim) + b.shape
    blocks = reshape(a, shape=tuple(n for length in left for n in (length, 1)))
    inside = reshape(b, shape=tuple(n for length in right for n in (1, length)))
    return reshape(blocks * inside, shape=tuple(n * m for n, m in zip(left, right, strict=True)))
