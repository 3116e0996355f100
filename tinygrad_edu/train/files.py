"""Arrays in one file."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu.saving import whole_file

__all__ = ["read_arrays", "write_arrays"]

Array = NDArray[Any]

# What reading raises where bytes are missing or wrong: an OSError is then a place before the start
# of the file, a RuntimeError a mark that says it is encrypted.
_DAMAGED = (zipfile.BadZipFile, ValueError, EOFError, RuntimeError, OSError)


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write arrays as ``.npz``, all or nothing.

    Parameters
    ----------
    path : path
        The file; one that is there is replaced.
    arrays : mapping of str to ndarray
        What to write. No Python objects, so that reading runs no code.

    Raises
    ------
    TypeError
        If an array holds Python objects.
    OSError
        If it cannot be written; a file that was there before is still whole.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"checkpoint: {name!r} holds Python objects; store numbers or text")
    with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)


def _refuse_size(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that would take more memory than the file has bytes, before reading it."""
    if entry.compress_type != zipfile.ZIP_STORED:
        raise zipfile.BadZipFile(f"{entry.filename} is compressed, as no checkpoint is")
    with archive.open(entry) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        promised, there = math.prod(shape) * dtype.itemsize, entry.file_size - stream.tell()
    if promised != there:
        raise zipfile.BadZipFile(
            f"{entry.filename} promises {promised} bytes, and {there} are there"
        )


def read_arrays(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Read all arrays of an ``.npz`` file, without running any code.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    dict of str to ndarray
        The arrays by name.

    Raises
    ------
    ValueError
        If the file is no whole archive of arrays, or would need pickle.
    OSError
        If it cannot be read.
    """
    with Path(path).open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist():
                    _refuse_size(archive, entry)
                spoilt = archive.testzip()
                if spoilt is not None:
                    raise zipfile.BadZipFile(f"{spoilt} is damaged")
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except _DAMAGED as error:
            raise ValueError(f"{path}: no whole archive of arrays ({error})") from error
