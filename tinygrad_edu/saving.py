"""Files that are either the old one or the new one, never half of one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["save", "whole_file"]


def save(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write text (as UTF-8) or bytes to a file, all or nothing, and return its path.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Path(folder) / "a.txt", "a − y").read_text(encoding="utf-8")
    'a − y'
    """
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
    return Path(path)


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to be written that takes the place of `path` at the end, if all went well.

    Raises
    ------
    OSError
        If it cannot be written; a file that was there before is still whole.

    Notes
    -----
    Written to a temporary file beside the target, brought to the disk (fsync), renamed, and the
    folder brought to the disk as well: POSIX promises that a rename is seen as a whole or not.
    A process that is killed leaves at most the temporary file, ``.name.….part``.
    """
    target = Path(path).resolve()  # of a link, the file that it points to
    if target.exists() and not target.is_file():  # such as /dev/stdout, which cannot be replaced
        with target.open("wb") as file:
            yield file
        return
    part = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            error.filename = str(path)  # not that of the temporary file
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
