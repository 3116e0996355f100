"""Arrays in a file that is either the old one or the new one, never half of one."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

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

    Notes
    -----
    Written to a temporary file beside the target, brought to the disk (fsync), renamed, and the
    folder brought to the disk as well: POSIX promises that a rename is seen as a whole or not.
    A process that is killed leaves at most the temporary file, ``.name.….part``.
    """
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise TypeError(f"checkpoint: {name!r} holds Python objects; store numbers or text")
    target = Path(path).resolve()  # of a link, the file that it points to
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            with zipfile.ZipFile(file, "w") as archive:
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _bring_to_disk(target.parent)


def _bring_to_disk(folder: Path) -> None:
    if os.name != "posix":
        return  # elsewhere a folder cannot be opened
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
                spoilt = archive.testzip()
                if spoilt is not None:
                    raise zipfile.BadZipFile(f"{spoilt} is damaged")
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except _DAMAGED as error:
            raise ValueError(f"{path}: no whole archive of arrays ({error})") from error
