"""Picking by labels, written as products with one-hot rows: Z[n, y_n] is Σ_k one_hot(y)_nk Z_nk.

So labels given as whole numbers lead to the same formulas as one-hot targets.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu import ops
from tinygrad_edu.core.op import Op

__all__ = ["as_one_hot"]


def as_one_hot(op: Op, args: tuple[Any, ...], attributes: Mapping[str, Any]) -> Any:
    """Write picking or placing entries by integer arrays with one-hot rows; None elsewhere.

    Other axes are taken whole, and all index arrays have one shape.
    """
    read = _READERS.get(op.name)
    found = None if read is None else read(args, attributes)
    if found is None:
        return None
    (whole, shape), (part, arrays) = found
    operands, terms = [], []
    for axis, (array, letters) in arrays.items():
        if letters + whole[axis] not in terms and letters != whole[axis]:
            operands.append(ops.one_hot(array, classes=shape[axis]))
            terms.append(letters + whole[axis])
    given, wanted = (whole, part) if op.name in {"getitem", "take_along_axis"} else (part, whole)
    return ops.einsum(f"{','.join([given, *terms])}->{wanted}", args[0], *operands)


_Read = tuple[tuple[str, tuple[int, ...]], tuple[str, dict[int, tuple[Any, str]]]]


def _by_index(args: tuple[Any, ...], attributes: Mapping[str, Any]) -> _Read | None:
    """Read an index of whole axes and arrays, as in Z[arange(N), y] or W[:, ids]."""
    first, *arrays = args
    shape = attributes.get("shape", first.shape)  # of the longer array
    parts = [part for part in attributes["index"] if part is not Ellipsis]
    at = attributes["index"].index(Ellipsis) if Ellipsis in attributes["index"] else len(parts)
    parts[at:at] = [_WHOLE] * (len(shape) - len(parts))
    picked = [axis for axis, part in enumerate(parts) if part == "array"]
    if not picked or len(parts) != len(shape) or not all(p in ("array", _WHOLE) for p in parts):
        return None
    values = [array.value for array in arrays]
    if any(v.dtype.kind not in "iu" or v.shape != values[0].shape or not v.ndim for v in values):
        return None
    spare = iter(string.ascii_letters)
    rows = "".join(next(spare) for _ in range(values[0].ndim))
    whole = [next(spare) for _ in parts]
    # The row n of the places 0, 1, 2 … is the row n.
    counting = [a for a, v in zip(picked, values, strict=True) if _counts(v, shape[a])]
    if len(counting) > 1:  # a diagonal
        return None
    for axis in counting:
        whole[axis] = rows
    kept = [letter for axis, letter in enumerate(whole) if axis not in picked]
    together = picked == list(range(picked[0], picked[-1] + 1))
    place = picked[0] if together else 0  # where NumPy puts the axes of the index arrays
    part = "".join([*kept[:place], rows, *kept[place:]])
    both = zip(picked, arrays, strict=True)
    labels = {axis: (_from_the_first(array, shape[axis]), rows) for axis, array in both}
    return ("".join(whole), shape), (part, labels)


_WHOLE = ("slice", None, None, None)


def _counts(places: Any, length: int) -> bool:
    return np.array_equal(places, np.arange(length))


def _along_axis(args: tuple[Any, ...], attributes: Mapping[str, Any]) -> _Read | None:
    """Read places along an axis, as in take_along_axis(Z, y[:, None], axis=1)."""
    first, places = args
    axis = attributes["axis"] % first.ndim
    shape = list(first.shape)
    shape[axis] = attributes.get("length", shape[axis])
    lines = [(n, m) for i, (n, m) in enumerate(zip(shape, places.shape, strict=True)) if i != axis]
    if any(n != m for n, m in lines):
        return None
    part = string.ascii_letters[: first.ndim]
    whole = part[:axis] + string.ascii_letters[first.ndim] + part[axis + 1 :]
    return (whole, tuple(shape)), (part, {axis: (_from_the_first(places, shape[axis]), part)})


def _from_the_first(labels: Any, classes: int) -> Any:
    """Count labels from the first class on: −1 is the last."""
    return labels if (labels.value >= 0).all() else labels.value % classes


_READERS = {
    "getitem": _by_index,
    "scatter_add": _by_index,
    "take_along_axis": _along_axis,
    "add_along_axis": _along_axis,
}
