"""What is done to data before training: put aside a part of it, and bring features to one scale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.elsewhere import guided
from tinygrad_edu.settings import generator, unlike

__all__ = ["split", "standardize"]

Array = NDArray[Any]
Pair = tuple[Array, Array]
Features = TypeVar("Features", DataSet, Array)


@overload
def split(
    data: DataSet, *shares: float, rng: np.random.Generator, stratified: bool = ...
) -> tuple[DataSet, ...]: ...
@overload
def split(
    data: Pair, *shares: float, rng: np.random.Generator, stratified: bool = ...
) -> tuple[Pair, ...]: ...
@guided
def split(
    data: DataSet | Pair, *shares: float, rng: np.random.Generator, stratified: bool = True
) -> tuple[Any, ...]:
    """Split examples by chance into a first part and further parts of given shares.

    Parameters
    ----------
    data : DataSet or pair of ndarray
        The examples; a pair is (features, targets).
    *shares : float
        The share of each part but the first, which keeps the rest: ``0.2`` gives two parts,
        ``0.2, 0.1`` gives three.
    rng : numpy.random.Generator
        Draws who goes where.
    stratified : bool, optional
        Give every part the same mix of classes, as far as whole examples allow. Needs class
        labels; pass False to split other targets.

    Returns
    -------
    tuple
        The parts, each of the kind of `data`.

    Raises
    ------
    ValueError
        If the shares are not between 0 and 1 with a sum below 1, a part would be empty, features
        and targets differ in number, or, stratified, the targets are no class labels or a class
        has fewer examples than there are parts.
    TypeError
        If `rng` is no Generator.

    Notes
    -----
    A part of share s has round(s N) of the N examples and, stratified, at most one more or less
    than s n of the n examples of each class (systematic sampling: every (1/s)-th in a list
    ordered by class, which is shuffled within each class).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.data import load_iris, split
    >>> train, test = split(load_iris(), 0.2, rng=np.random.default_rng(0))
    >>> len(train), len(test), np.bincount(test.labels).tolist()
    (120, 30, [10, 10, 10])
    """
    features, targets = _examples(data)
    generator("split", rng)
    sizes = _sizes(len(features), shares)
    left = rng.permutation(len(features))
    if stratified:
        _refuse_unfit_labels(targets, len(sizes))
        left = left[np.argsort(targets[left], kind="stable")]
    parts = []
    for size in sizes[1:]:
        # Of n in a row, size·(i + 1)//n − size·i//n picks size ones, evenly spread.
        n = len(left)
        steps = (np.arange(n + 1) * size + rng.integers(n)) // n
        chosen = np.diff(steps).astype(bool)
        parts.append(left[chosen])
        left = left[~chosen]
    rows = [rng.permutation(part) for part in (left, *parts)]
    if isinstance(data, DataSet):
        return tuple(replace(data, features=features[r], labels=targets[r]) for r in rows)
    return tuple((features[r], targets[r]) for r in rows)


def _examples(data: Any) -> Pair:
    if isinstance(data, DataSet):
        return data.features, data.labels
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise unlike("split: data", data, "pass a DataSet or a pair (features, targets)")
    features, targets = np.asarray(data[0]), np.asarray(data[1])
    if features.ndim == 0 or targets.ndim == 0 or len(features) != len(targets):
        raise ValueError(
            f"split: features of shape {features.shape} and targets of shape {targets.shape}; "
            "both have one row per example"
        )
    return features, targets


def _sizes(n: int, shares: tuple[float, ...]) -> list[int]:
    if not shares or not all(0 < share < 1 for share in shares) or not sum(shares) < 1:
        raise ValueError(
            f"split: shares {', '.join(map(str, shares)) or '(none)'}; give one share between 0 "
            "and 1 for each part but the first, with a sum below 1"
        )
    later = [round(share * n) for share in shares]
    sizes = [n - sum(later), *later]
    if min(sizes) < 1:
        raise ValueError(
            f"split: {n} examples give parts of {', '.join(map(str, sizes))}; none may be empty"
        )
    return sizes


def _refuse_unfit_labels(targets: Array, parts: int) -> None:
    if targets.ndim != 1 or targets.dtype.kind not in "iub":
        raise ValueError(
            f"split: stratified needs class labels, integers of shape (N,), not {targets.dtype} "
            f"of shape {targets.shape}; pass stratified=False"
        )
    classes, counts = np.unique(targets, return_counts=True)
    if counts.min() < parts:
        rare = counts.argmin()
        raise ValueError(
            f"split: class {classes[rare]} has {counts[rare]} example(s) and there are {parts} "
            "parts; pass stratified=False"
        )


@overload
def standardize(train: Features) -> Features: ...
@overload
def standardize(train: Features, *others: Features) -> tuple[Features, ...]: ...
@guided
def standardize(train: Any, *others: Any) -> Any:
    """Bring every feature to mean 0 and standard deviation 1, as measured on the training data.

    Parameters
    ----------
    train : DataSet or ndarray of shape (N, …)
        The training data, on which mean and deviation of each feature are measured.
    *others : DataSet or ndarray
        Further data (validation, test), to which the same shift and scale are applied.

    Returns
    -------
    DataSet or ndarray, or tuple of them
        The data on the new scale; a tuple if there are others.

    Raises
    ------
    ValueError
        If the training data are empty, a feature is NaN or infinite, or the features of the
        others do not match.

    Notes
    -----
    x ↦ (x − mean)/deviation, with the deviation that divides by N. A feature that is constant on
    the training data has deviation 0; it is shifted only, and so becomes 0 there. The test data
    never take part in the measurement: what is known about them may not enter the training.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_edu.data import standardize
    >>> train, test = standardize(np.array([[1.0, 7.0], [3.0, 7.0]]), np.array([[5.0, 8.0]]))
    >>> train.tolist(), test.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [[3.0, 1.0]])
    """
    arrays = [_real_features(data) for data in (train, *others)]
    fitted = arrays[0]
    if not len(fitted):
        raise ValueError("standardize: the training data are empty, so nothing can be measured")
    for array in arrays[1:]:
        if array.shape[1:] != fitted.shape[1:]:
            raise ValueError(
                f"standardize: features of shape {array.shape[1:]} per example beside training "
                f"data with {fitted.shape[1:]}; give both the same columns"
            )
    mean = fitted.mean(axis=0, dtype=np.float64)
    # Rounding gives a constant column a tiny deviation; its extremes tell what it is.
    constant = fitted.max(axis=0) == fitted.min(axis=0)
    mean = np.where(constant, fitted[0], mean)
    scale = np.where(constant, 1.0, fitted.std(axis=0, dtype=np.float64))
    scaled = [((array - mean) / scale).astype(array.dtype) for array in arrays]
    results = tuple(
        replace(data, features=array) if isinstance(data, DataSet) else array
        for data, array in zip((train, *others), scaled, strict=True)
    )
    return results if others else results[0]


def _real_features(data: Any) -> Array:
    array = data.features if isinstance(data, DataSet) else np.asarray(data)
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"standardize: got {array.dtype} of shape {array.shape}; features are real numbers "
            "with one row per example"
        )
    if array.dtype.kind != "f":
        array = array.astype(np.float64)
    bad = ~np.isfinite(array)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"standardize: the feature at {at} is {array[at]}; remove or replace what is missing"
        )
    return array
