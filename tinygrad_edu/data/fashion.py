"""Fashion-MNIST: 70,000 pictures of clothes, read from the files of the Debian package."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from tinygrad_edu.data.dataset import DataSet
from tinygrad_edu.data.idx import read_idx
from tinygrad_edu.elsewhere import guided

__all__ = ["load_fashion_mnist"]

VARIABLE = "TINYGRAD_EDU_FASHION_MNIST"
DEBIAN = "/usr/share/datasets/fashion-mnist"

_CLASS_NAMES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_SIDE = 28
_FEATURE_NAMES = tuple(f"row {i} column {j}" for i in range(_SIDE) for j in range(_SIDE))


@guided
def load_fashion_mnist(folder: str | os.PathLike[str] | None = None) -> tuple[DataSet, DataSet]:
    """Read Fashion-MNIST from its four IDX files; nothing is downloaded.

    Parameters
    ----------
    folder : path, optional
        Where the files are. By default the folder that the environment variable
        ``TINYGRAD_EDU_FASHION_MNIST`` names, else ``/usr/share/datasets/fashion-mnist``, where
        the Debian package ``dataset-fashion-mnist`` puts them.

    Returns
    -------
    train, test : DataSet
        60,000 and 10,000 examples; `features` is float32 between 0 and 1, one row of 784 pixels
        per picture.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is no IDX file, is cut off, holds something else than its name says, or does not
        fit its neighbour; the message names the file.

    Notes
    -----
    The files are ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, and the same with
    ``t10k`` for the test data, each packed (``.gz``) or plain. The data are those of Xiao, Rasul
    and Vollgraf [1]_.

    References
    ----------
    .. [1] H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for
       benchmarking machine learning algorithms", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> from tinygrad_edu.data import load_fashion_mnist
    >>> load_fashion_mnist("no/such/folder")
    Traceback (most recent call last):
    FileNotFoundError: load_fashion_mnist: no train-images-idx3-ubyte(.gz) in no/such/folder; ...
    """
    where = Path(folder) if folder else default_folder()
    return _part(where, "train"), _part(where, "t10k")


def default_folder() -> Path:
    """Return where the data are looked for when no folder is named."""
    return Path(os.environ.get(VARIABLE) or DEBIAN)


def _part(folder: Path, part: str) -> DataSet:
    images_path = _file(folder, f"{part}-images-idx3-ubyte")
    labels_path = _file(folder, f"{part}-labels-idx1-ubyte")
    images, labels = read_idx(images_path, 3), read_idx(labels_path, 1)
    if not len(images):
        raise ValueError(f"{images_path}: holds no pictures")
    if images.shape[1:] != (_SIDE, _SIDE):
        raise ValueError(
            f"{images_path}: pictures of {images.shape[1]} × {images.shape[2]} pixels; "
            f"Fashion-MNIST's have {_SIDE} × {_SIDE}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{labels_path}: {len(labels)} labels for the {len(images)} pictures of "
            f"{images_path.name}; the two files belong to different data"
        )
    if labels.max() >= len(_CLASS_NAMES):
        raise ValueError(f"{labels_path}: label {labels.max()} is no class; they run from 0 to 9")
    pixels = images.reshape(len(images), -1)
    return DataSet(
        features=np.divide(pixels, 255, dtype=np.float32),
        labels=labels.astype(np.int64),
        feature_names=_FEATURE_NAMES,
        class_names=_CLASS_NAMES,
    )


def _file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise FileNotFoundError(
        f"load_fashion_mnist: no {name}(.gz) in {folder}; install Debian's dataset-fashion-mnist, "
        f"or name the folder: load_fashion_mnist(folder), or {VARIABLE}=folder"
    )
