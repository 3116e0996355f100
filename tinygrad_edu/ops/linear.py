"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from tinygrad_edu.core.node import slots
from tinygrad_edu.core.op import op
from tinygrad_edu.ops.shape import expand_dims, reshape, squeeze

__all__ = ["dot", "einsum", "matmul", "outer", "trace"]


def _left(g: Any, out: Any, a: Any, b: Any) -> Any:
    if b.ndim == 1:
        return g * b if a.ndim == 1 else expand_dims(g, axis=-1) * b
    if a.ndim == 1:
        return squeeze(b @ expand_dims(g, axis=-1), axis=-1)
    return g @ b.swapaxes(-1, -2)


def _right(g: Any, out: Any, a: Any, b: Any) -> Any:
    if a.ndim == 1:
        return g * a if b.ndim == 1 else expand_dims(a, axis=-1) * expand_dims(g, axis=-2)
    if b.ndim == 1:
        return squeeze(a.swapaxes(-1, -2) @ expand_dims(g, axis=-1), axis=-1)
    return a.swapaxes(-1, -2) @ g


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

    Parameters
    ----------
    a, b : array_like or Tensor
        Vectors ``(k,)``, matrices ``(n, k)`` and ``(k, m)``, or stacks of matrices whose
        leading axes broadcast.

    Returns
    -------
    Tensor or ndarray
        ``(n, m)``, with the leading axes of a stack and without the axis of a vector.

    Raises
    ------
    ValueError
        If the inner lengths differ or an argument has no axes.

    Notes
    -----
    Forward C = A B; gradients G Bᵀ and Aᵀ G (Petersen and Pedersen, *The Matrix Cookbook*).

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> x, w = tg.Tensor([[1.0, 2.0]]), tg.Tensor([[3.0], [4.0]])
    >>> x @ w
    Tensor([[11.]])
    """


@op(name="einsum", text="einsum({args})", tex=r"\operatorname{{einsum}}({args})")
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
    wanted = ""
    for place, label in enumerate(terms[i]):
        length = operands[i].shape[place]
        if label in wanted:  # a diagonal was read: the gradient lives on it
            new = next(unused)
            factors.append(np.eye(length, dtype=out.dtype))
            labels.append(label + new)
            label = new
        elif not _reaches(label, length, labels, factors):  # summed by itself: repeat g
            factors.append(np.ones(length, dtype=out.dtype))
            labels.append(label)
        wanted += label
    return _einsum(*factors, subscripts=",".join(labels) + "->" + wanted)


def _reaches(label: str, length: int, labels: list[str], factors: list[Any]) -> bool:
    """Whether a factor has an axis of this label and length (an axis of length 1 is spread)."""
    return any(
        length == x.shape[place]
        for x, names in zip(factors, labels, strict=True)
        for place, name in enumerate(names)
        if name == label
    )


def einsum(subscripts: str, *operands: Any) -> Any:
    """Sum of products over named indices.

    Parameters
    ----------
    subscripts : str
        As in NumPy: ``"ij,jk->ik"``; without an arrow the indices that occur once are kept, in
        alphabetical order; ``...`` stands for leading axes.
    *operands : array_like or Tensor
        One per term.

    Returns
    -------
    Tensor or ndarray
        With the axes named after the arrow.

    Raises
    ------
    ValueError
        If subscripts and operands do not fit.

    Notes
    -----
    Multilinear in its operands: the gradient of one is the contraction of g with all others.

    Examples
    --------
    >>> import tinygrad_edu as tg
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
    spare = {
        t: n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True) if "..." in t
    }
    width = max(spare.values(), default=0)
    leading = "".join(unused[:width])
    if not arrow:
        once = sorted(c for c in set(inputs) - set(",.") if inputs.count(c) == 1)
        result = ("..." if spare else "") + "".join(once)
    terms = [
        t.replace("...", leading[width - spare.get(t, 0) :] if "..." in t else "") for t in terms
    ]
    return ",".join(terms) + "->" + result.replace("...", leading)


def dot(a: Any, b: Any) -> Any:
    """Product over the last axis of `a` and the last but one (or only) axis of `b`.

    Parameters
    ----------
    a, b : array_like or Tensor
        Numbers, vectors, matrices or stacks.

    Returns
    -------
    Tensor or ndarray
        A number for two vectors; as `matmul` for matrices.

    Raises
    ------
    ValueError
        If the lengths differ.

    Notes
    -----
    Forward Σ_k a_k b_k; for two vectors the gradients are g b and g a.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.dot(tg.Tensor([1.0, 2.0]), [3.0, 4.0])
    Tensor(11.)
    """
    a, b = _as_operand(a), _as_operand(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    left = string.ascii_lowercase[: a.ndim - 1]
    right = string.ascii_uppercase[: b.ndim - 2]
    return einsum(f"{left}z,{right}zy->{left}{right}y", a, b)


def outer(a: Any, b: Any) -> Any:
    """All products of an entry of `a` with an entry of `b`.

    Parameters
    ----------
    a, b : array_like or Tensor
        Taken as vectors ``(n,)`` and ``(m,)``.

    Returns
    -------
    Tensor or ndarray
        ``(n, m)``.

    Raises
    ------
    TypeError
        If an argument is no array of real numbers.

    Notes
    -----
    Forward a bᵀ; gradients G b and Gᵀ a.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.outer(tg.Tensor([1.0, 2.0]), [3.0, 4.0])
    Tensor([[3., 4.],
            [6., 8.]])
    """
    return reshape(_as_operand(a), (-1, 1)) * reshape(_as_operand(b), (1, -1))


def trace(x: Any) -> Any:
    """Sum of the diagonal of a matrix.

    Parameters
    ----------
    x : array_like or Tensor
        ``(n, n, ...)``.

    Returns
    -------
    Tensor or ndarray
        Of the shape without the first two axes.

    Raises
    ------
    ValueError
        If the first two axes differ in length.

    Notes
    -----
    Forward Σ_i x_ii; gradient g on the diagonal, 0 elsewhere.

    Examples
    --------
    >>> import tinygrad_edu as tg
    >>> tg.trace(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]))
    Tensor(5.)
    """
    return einsum("ii...->...", x)


def _as_operand(x: Any) -> Any:
    return x if hasattr(x, "ndim") else np.asarray(x)


slots.matmul = matmul
