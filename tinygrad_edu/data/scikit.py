"""Data sets that scikit-learn brings along: digits, wine, breast cancer."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.elsewhere import guided

__all__ = ["load_breast_cancer", "load_digits", "load_wine"]


@guided
def load_digits() -> DataSet:
    """Read 1797 handwritten digits of 8 × 8 pixels, from 0 (white) to 16.

    Returns
    -------
    DataSet
        `features` (1797, 64), 10 classes.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    The test part of UCI's "Optical recognition of handwritten digits"; ``SOURCES.md`` beside the
    code names source and licence.

    Examples
    --------
    >>> from tinygrad_edu.data import load_digits
    >>> load_digits()
    DataSet(1797 examples, 64 features, 10 classes)
    """
    return _from_scikit_learn("load_digits")


@guided
def load_wine() -> DataSet:
    """Read 13 measurements of 178 wines from three growers.

    Returns
    -------
    DataSet
        `features` (178, 13), 3 classes.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    UCI's "Wine"; ``SOURCES.md`` beside the code names source and licence. The columns have very
    different scales: see `standardize`.

    Examples
    --------
    >>> from tinygrad_edu.data import load_wine
    >>> load_wine()
    DataSet(178 examples, 13 features, 3 classes)
    """
    return _from_scikit_learn("load_wine")


@guided
def load_breast_cancer() -> DataSet:
    """Read 30 measurements of cell nuclei in 569 tumours, malignant (0) or benign (1).

    Returns
    -------
    DataSet
        `features` (569, 30), 2 classes.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.

    Notes
    -----
    UCI's "Breast cancer Wisconsin (diagnostic)"; ``SOURCES.md`` beside the code names source and
    licence. scikit-learn codes malignant as 0, so a sigmoid gives the probability of benign.

    Examples
    --------
    >>> from tinygrad_edu.data import load_breast_cancer
    >>> load_breast_cancer().class_names
    ('malignant', 'benign')
    """
    return _from_scikit_learn("load_breast_cancer")


def _from_scikit_learn(name: str) -> DataSet:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise ImportError(
            f"{name}: reads scikit-learn's copy of the data, and scikit-learn is not installed; "
            'run: pip install "tinygrad_edu[data]"'
        ) from error
    bunch: Any = getattr(datasets, name)()
    return DataSet(
        features=np.array(bunch.data, dtype=np.float64),
        labels=np.array(bunch.target, dtype=np.int64),
        feature_names=tuple(str(each) for each in bunch.feature_names),
        class_names=tuple(str(each) for each in bunch.target_names),
    )
