"""Fisher's Iris: 150 flowers, four lengths, three species."""

from __future__ import annotations

import csv
from importlib.resources import files

import numpy as np

from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.elsewhere import guided

__all__ = ["load_iris"]


@guided
def load_iris() -> DataSet:
    """Read the Iris data set that comes with the package.

    Returns
    -------
    DataSet
        `features` (150, 4), `labels` (150,), `feature_names`, `class_names`.

    Notes
    -----
    The values are those of Fisher's paper [1]_, as in scikit-learn and R; UCI's copy differs in
    two rows. ``SOURCES.md`` beside the data names source and licence.

    scikit-learn codes Setosa as class 0; the lecture codes it as (0, 1, 0), which is class 1.
    `load_iris` follows scikit-learn: setosa 0, versicolor 1, virginica 2. A one-hot target made
    from `labels` is therefore (1, 0, 0) for Setosa.

    References
    ----------
    .. [1] R. A. Fisher, "The use of multiple measurements in taxonomic problems",
       Annals of Eugenics 7(2), 179-188, 1936.

    Examples
    --------
    >>> from tinygrad_edu.data import load_iris
    >>> iris = load_iris()
    >>> iris.features.shape
    (150, 4)
    >>> iris.feature_names[0], iris.features[0, 0].item()
    ('sepal length (cm)', 5.1)
    >>> iris.class_names[iris.labels[0]]
    'setosa'
    """
    text = files(__package__).joinpath("iris.csv").read_text(encoding="utf-8")
    header, *rows = csv.reader(text.splitlines())
    species = [row[-1] for row in rows]
    class_names = tuple(dict.fromkeys(species))  # in order of appearance
    features = np.array([row[:-1] for row in rows], dtype=np.float64)
    labels = np.array([class_names.index(name) for name in species], dtype=np.int64)
    return DataSet(
        features=features,
        labels=labels,
        feature_names=tuple(_with_unit(column) for column in header[:-1]),
        class_names=class_names,
    )


def _with_unit(column: str) -> str:
    """``"sepal_length_cm"`` → ``"sepal length (cm)"``."""
    *words, unit = column.split("_")
    return f"{' '.join(words)} ({unit})"
