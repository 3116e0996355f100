"""Moving, spreading, joining and picking entries. Every rule is the transpose of its forward."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu.core.node import Node, Traced
from tinygrad_edu.core.op import Composed, op, operand

__all__ = [
    "astype",
    "broadcast_to",
    "concatenate",
    "expand_dims",
    "getitem",
    "reshape",
    "scatter_add",
    "squeeze",
    "stack",
    "sum_to",
    "swapaxes",
    "transpose",
]

_SMALL = 4096  # so many entries are repeated faster than a view of them is made

_AT_ONCE = 64  # so many are joined by one operation, since the gradient of each looks at all

Axes = int | tuple[int, ...] | None


@op()
def reshape(x: Any, *, shape: int | tuple[int, ...]) -> Any:
    """Give the entries another shape, in the same order.

    >>> tg.reshape(tg.Tensor([1.0, 2.0, 3.0, 4.0]), (2, -1)).shape
    (2, 2)
    """
    return np.reshape(x, shape)


@reshape.rule(0)
def _(g: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return reshape(g, shape=x.shape)


def _inverse(axes: int | tuple[int, ...] | None) -> tuple[int, ...] | None:
    if axes is None:
        return None
    axes = (axes,) if isinstance(axes, int) else axes
    return tuple(int(i) for i in np.argsort([axis % len(axes) for axis in axes]))


@op(tex=r"{0}^{{\top}}", text="{0}ᵀ")
def transpose(x: Any, *, axes: tuple[int, ...] | None = None) -> Any:
    """Permute the axes.

    >>> tg.transpose(tg.Tensor([[1.0, 2.0, 3.0]])).shape
    (3, 1)
    """
    return np.transpose(x, axes)


@transpose.rule(0)
def _(g: Any, out: Any, x: Any, *, axes: Any) -> Any:
    return transpose(g, axes=_inverse(axes))


@op(
    tex=r"{0}^{{\top}}",
    text="{0}ᵀ",
)
def swapaxes(x: Any, *, axis1: int = -1, axis2: int = -2) -> Any:
    """Exchange two axes.

    Its own inverse: the gradient is g with the same axes exchanged.

    >>> tg.swapaxes(tg.Tensor([[1.0, 2.0, 3.0]]), 0, 1).shape
    (3, 1)
    """
    return np.swapaxes(x, axis1, axis2)


@swapaxes.rule(0)
def _(g: Any, out: Any, x: Any, *, axis1: int, axis2: int) -> Any:
    return g.swapaxes(axis1, axis2)


@op(rules=(lambda g, out, x, *, axis: reshape(g, shape=x.shape),), text="{0}", tex="{0}")
def expand_dims(x: Any, *, axis: int | tuple[int, ...]) -> Any:
    """Insert axes of length 1.

    >>> tg.expand_dims(tg.Tensor([1.0, 2.0]), 0).shape
    (1, 2)
    """
    return np.expand_dims(x, axis)


@op(rules=(lambda g, out, x, *, axis: reshape(g, shape=x.shape),), text="{0}", tex="{0}")
def squeeze(x: Any, *, axis: Axes = None) -> Any:
    """Remove axes of length 1.

    >>> tg.squeeze(tg.Tensor([[1.0, 2.0]])).shape
    (2,)
    """
    return np.squeeze(x, axis)


@op(text="{0}", tex="{0}")
def broadcast_to(x: Any, *, shape: int | tuple[int, ...]) -> Any:
    """Repeat along new axes and axes of length 1.

    Its gradient is g summed over the repeats: the transpose of copying is adding.

    >>> x = tg.Tensor([1.0, 2.0])
    >>> tg.gradients(tg.broadcast_to(x, (3, 2)).sum(), x)
    array([3., 3.])
    """
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if x.ndim <= len(sizes) and math.prod(sizes) <= _SMALL:
        out = np.empty(sizes, x.dtype)
        out[...] = x
        return out
    return np.broadcast_to(x, shape)


@broadcast_to.rule(0)
def _(g: Any, out: Any, x: Any, *, shape: Any) -> Any:
    return sum_to(g, shape=x.shape)


@op(
    rules=(lambda g, out, x, *, shape: broadcast_to(g, shape=x.shape),),
    text="Σ {0}",
    tex=r"\sum {0}",
)
def sum_to(x: Any, *, shape: int | tuple[int, ...]) -> Any:
    """Sum over the axes that broadcasting from `shape` would repeat.

    The transpose of `broadcast_to`; the backward pass undoes broadcasting by it.

    >>> tg.sum_to(tg.Tensor([[1.0, 2.0], [3.0, 4.0]]), (1, 2))
    Tensor([[4., 6.]])
    """
    shape = (shape,) if isinstance(shape, int) else shape
    lead = x.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, x.shape[lead:], strict=True)):
        raise ValueError(f"sum_to: shape {shape} does not broadcast to {x.shape}")
    axes = [*range(lead)]
    axes += [lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1]
    total = np.add.reduce(x, axis=tuple(axes), keepdims=False)
    return total if total.shape == shape else total.reshape(shape)


@op(text="{0}", tex="{0}")
def astype(x: Any, *, dtype: str) -> Any:
    """Convert to another floating-point type.

    >>> tg.astype(tg.Tensor([1.0]), "float32").dtype
    dtype('float32')
    """
    if np.dtype(dtype).kind != "f":
        raise TypeError(f"astype: {dtype} is no floating-point type; use an array for other types")
    return x.astype(dtype)


@astype.rule(0)
def _(g: Any, out: Any, x: Any, *, dtype: str) -> Any:
    return astype(g, dtype=x.dtype.name)


@op(name="concatenate", text="[{args}]", tex=r"\left[{args}\right]")
def _concatenate(*xs: Any, axis: int = 0) -> Any:
    """Join along an axis."""
    return np.concatenate(xs, axis)


@_concatenate.rule_for_each
def _(i: int, g: Any, out: Any, *xs: Any, axis: int) -> Any:
    place = axis % out.ndim
    start = sum(x.shape[place] for x in xs[:i])
    index = (slice(None),) * place + (slice(start, start + xs[i].shape[place]),)
    return getitem(g, index)


@Composed
def concatenate(tensors: Iterable[Any], axis: int = 0) -> Any:
    """Join along an existing axis.

    >>> tg.concatenate([tg.Tensor([1.0]), [2.0, 3.0]])
    Tensor([1., 2., 3.])
    """
    if axis is None:
        raise TypeError("concatenate: needs an axis to join along; ravel the tensors first")
    parts = list(tensors)
    while len(parts) > _AT_ONCE:
        parts = [_concatenate(*group, axis=axis) for group in _groups(parts)]
    return _concatenate(*parts, axis=axis)


@op(name="stack", text="[{args}]", tex=r"\left[{args}\right]")
def _stack(*xs: Any, axis: int = 0) -> Any:
    """Join along a new axis."""
    return np.stack(xs, axis)


@_stack.rule_for_each
def _(i: int, g: Any, out: Any, *xs: Any, axis: int) -> Any:
    return getitem(g, (slice(None),) * (axis % out.ndim) + (i,))


@Composed
def stack(tensors: Iterable[Any], axis: int = 0) -> Any:
    """Join along a new axis.

    >>> tg.stack([tg.Tensor(1.0), tg.Tensor(2.0)])
    Tensor([1., 2.])
    """
    parts = [operand(x, "stack") for x in tensors]
    if len(parts) > _AT_ONCE:
        return concatenate([_stack(*group, axis=axis) for group in _groups(parts)], axis)
    return _stack(*parts, axis=axis)


def _groups(parts: list[Any]) -> Iterable[list[Any]]:
    """Cut a long list into lists that are joined at once: each rule is given all of its list."""
    return (parts[i : i + _AT_ONCE] for i in range(0, len(parts), _AT_ONCE))


# --- indexing: getitem and scatter_add are each other's transpose ------------------------------
#
# An index is recorded as a template of hashable parts (a slice becomes its three numbers) and,
# where it holds arrays, those arrays as constant arguments in the template's empty places.

_ARRAY = "array"


def _template(index: Any, name: str) -> tuple[tuple[Any, ...], list[Any]]:
    parts: list[Any] = []
    arrays: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, slice):
            parts.append(("slice", *(_whole(n) for n in (part.start, part.stop, part.step))))
        elif part is None or part is Ellipsis:
            parts.append(part)
        elif isinstance(part, int | np.integer) and not isinstance(part, bool):
            parts.append(int(part))
        else:
            array = part.value if isinstance(part, Node) and hasattr(part, "value") else part
            array = np.asarray(array)
            if array.dtype.kind not in "biu" and (array.size or not isinstance(part, list)):
                raise IndexError(
                    f"{name}: an index is a whole number, slice, mask, None or ..., not "
                    f"{array.dtype} values; convert them with .astype(int)"
                )
            parts.append(_ARRAY)
            arrays.append(array.astype(int) if array.dtype.kind == "f" else array)  # of []
    return tuple(parts), arrays


def _whole(n: Any) -> int | None:
    return None if n is None else int(n)


def _index(template: tuple[Any, ...], arrays: Sequence[Any]) -> tuple[Any, ...]:
    remaining = iter(arrays)
    return tuple(
        next(remaining) if part == _ARRAY else slice(*part[1:]) if isinstance(part, tuple) else part
        for part in template
    )


@op(name="getitem", text="{0}[{index}]", tex=r"{0}[\,{index}\,]")
def _getitem(x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    """Pick entries."""
    return x[_index(index, arrays)]


@_getitem.rule_for_each
def _(i: int, g: Any, out: Any, x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
    if all(part in _FLIPS for part in index):  # which is undone by itself
        return _getitem(g, index=index)
    return _scatter_add(g, *arrays, index=index, shape=x.shape)


_FLIPS = (("slice", None, None, None), ("slice", None, None, -1))


@op(
    name="scatter_add",
    text="scatter({0}, {shape}, [{index}])",
    tex=r"\operatorname{{scatter}}({0}, {shape}, [{index}])",
)
def _scatter_add(g: Any, *arrays: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Add entries into zeros."""
    out = np.zeros(shape, g.dtype)
    np.add.at(out, _index(index, arrays), g)
    return out


@_scatter_add.rule_for_each
def _(i: int, h: Any, out: Any, g: Any, *arrays: Any, index: Any, shape: Any) -> Any:
    return _getitem(h, *arrays, index=index)


@Composed
def getitem(x: Any, index: Any) -> Any:
    """Pick entries, as ``x[index]``.

    Its gradient adds g into zeros at the same places, as often as an entry was picked.

    >>> x = tg.Tensor([1.0, 2.0, 3.0])
    >>> tg.gradients(x[[0, 0, 2]].sum(), x)
    array([2., 0., 1.])
    """
    template, arrays = _template(index, "getitem")
    try:
        return _getitem(x, *arrays, index=template)
    except IndexError as error:
        raise IndexError(f"getitem: shape {np.shape(x)}: {error}") from None


@Composed
def scatter_add(g: Any, index: Any, shape: int | tuple[int, ...]) -> Any:
    """Add entries into an array of zeros.

    The transpose of `getitem`, which is its rule.

    >>> tg.scatter_add(tg.Tensor([1.0, 2.0]), [0, 0], (3,))
    Tensor([3., 0., 0.])
    """
    template, arrays = _template(index, "scatter_add")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    try:
        return _scatter_add(g, *arrays, index=template, shape=shape)
    except IndexError as error:
        raise IndexError(f"scatter_add: shape {shape}: {error}") from None


def spread(g: Any, x: Any, axis: Axes, keepdims: bool = False) -> Any:
    """Repeat what was reduced over `axis` to the shape of `x` again: the transpose of a sum."""
    shape = x.shape
    if axis is not None and not keepdims and len(shape) != g.ndim:
        g = expand_dims(g, axis=axis)
    if g.shape == shape:
        return g
    repeat = broadcast_to if isinstance(g, Node | Traced) else broadcast_to.forward
    return repeat(g, shape=shape)
