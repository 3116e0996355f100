"""IDX, the file format of MNIST and Fashion-MNIST: a few numbers that say the shape, then bytes.

Bytes 0 and 1 are zero, byte 2 names the type (8: unsigned bytes), byte 3 counts the axes; then
comes the length of each axis as four bytes, the most significant first, then the entries
(Y. LeCun, http://yann.lecun.com/exdb/mnist/).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_idx"]

_UNSIGNED_BYTES = 8
_GZIP = b"\x1f\x8b"
_CHUNK = 2**20


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """Read a file of unsigned bytes, packed by gzip or plain.

    Parameters
    ----------
    path : Path
        The file.
    axes : int
        How many axes it must have.

    Returns
    -------
    ndarray of uint8
        The entries.

    Raises
    ------
    ValueError
        If the file is no IDX file of unsigned bytes, has another number of axes, or ends too
        early or too late; the message names the file.
    """
    with _opened(path) as file:
        head = file.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[3] == 0:
            raise ValueError(f"{path}: no IDX file, it begins with {head.hex(' ') or 'nothing'}")
        if head[2] != _UNSIGNED_BYTES:
            raise ValueError(
                f"{path}: an IDX file of type {head[2]:#04x}; unsigned bytes (0x08) are expected"
            )
        if head[3] != axes:
            raise ValueError(
                f"{path}: an IDX file of {head[3]} axes where {axes} are expected; "
                "images have 3 and labels 1, so the file has the wrong name"
            )
        lengths = file.read(4 * axes)
        if len(lengths) < 4 * axes:
            raise ValueError(f"{path}: ends within its header; it was cut off, copy it again")
        shape = struct.unpack(f">{axes}I", lengths)
        return _entries(file, path, shape)


def _entries(
    file: IO[bytes] | gzip.GzipFile, path: Path, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    size = math.prod(shape)
    content = bytearray()  # grows with what is there, not with what a wrong header promises
    while len(content) < size and (more := file.read(min(_CHUNK, size - len(content)))):
        content += more
    if len(content) < size:
        raise ValueError(
            f"{path}: its header promises {size} entries and {len(content)} are there; "
            "it was cut off, copy it again"
        )
    if file.read(1):
        raise ValueError(f"{path}: goes on behind the {size} entries that its header promises")
    return np.frombuffer(content, np.uint8).reshape(shape)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open the file, unpacking what gzip packed; its name does not matter."""
    with path.open("rb") as plain:
        packed = plain.read(2) == _GZIP
        plain.seek(0)
        if not packed:
            yield plain
            return
        try:
            with gzip.open(plain) as file:
                yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{path}: cannot be unpacked ({error}); it was cut off or changed, copy it again"
            ) from error
