"""What a terminal is told: in colour where it has any, and in one line if a command breaks off."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path

from tinygrad_edu.saving import save

__all__ = ["finish", "output", "say"]

_BOLD, _GREEN, _RED = "1", "32", "31"
_TINTS = (
    (_BOLD, re.compile(r"^ *(?:[A-Z][A-Za-z ]*:|where$|Assumptions$|Letters$)", re.M)),
    (_GREEN, re.compile(r"✓|\bright, proved\b")),
    (_RED, re.compile(r"\bDISAGREES\b|^different\b|\bfails on the data\b|\bsuspect\b", re.M)),
)


def say(text: str) -> None:
    """Print a text, in colour where the terminal has any and ``NO_COLOR`` does not forbid it."""
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        for code, words in _TINTS:
            text = words.sub(f"\x1b[{code}m\\g<0>\x1b[0m", text)
    print(text)


@contextmanager
def output(path: Path | None, quiet: bool) -> Iterator[None]:
    """Send what is printed to a file, or nowhere."""
    with redirect_stdout(StringIO()) if quiet or path else nullcontext() as kept:
        yield
    if path is not None and kept is not None:
        save(path, kept.getvalue())


def finish(command: Callable[[], int]) -> int:
    """Run a command to its end, and say in one line why it breaks off, if it does."""
    if "utf" not in (getattr(sys.stdout, "encoding", None) or "utf-8").lower():
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a text stream's
    try:
        status = command()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # such as head, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"{error.filename or 'the output'}: {error.strerror or error}", file=sys.stderr)
        return 1
    return status
