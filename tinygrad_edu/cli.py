"""The command line: ``python -m tinygrad_edu demo | doctor``."""

from __future__ import annotations

import argparse
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 if all went well.

    Raises
    ------
    SystemExit
        If the arguments make no command, after a line that says which there are.

    Examples
    --------
    >>> from tinygrad_edu.cli import main
    >>> main(["doctor"])  # doctest: +ELLIPSIS
    python ...
    0
    """
    parser = argparse.ArgumentParser(
        prog="python -m tinygrad_edu", description="See why the gradient is what it is."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser("demo", help="derive ∂L/∂z = a − y on numbers and on flowers")
    demo.add_argument(
        "--into", type=Path, default=Path("build/demo"), help="folder for the pictures and texts"
    )
    commands.add_parser("doctor", help="say what is installed, and what pictures need")
    given = parser.parse_args(arguments)
    if given.command == "doctor":
        return doctor()
    if given.into.exists() and not given.into.is_dir():
        parser.error(f"--into {given.into} is a file; name a folder")
    from tinygrad_edu.demo import run  # only the demo needs the pictures

    return run(given.into)


def doctor() -> int:
    """Print what is found, and for what is missing the one line that mends it."""
    for name, value, mend in _findings():
        print(f"{name:<14} {value}" if value else f"{name:<14} missing: {mend}")
    return 0


def _findings() -> list[tuple[str, str | None, str]]:
    viz = 'pip install "tinygrad_edu[viz]"'
    found: list[tuple[str, str | None, str]] = [("python", platform.python_version(), "")]
    for package, mend in (
        ("tinygrad_edu", "pip install ."),
        ("numpy", "pip install numpy"),
        ("graphviz", "pip install graphviz"),
        ("ziamath", f"{viz} (formulas are drawn as plain text without it)"),
    ):
        found.append((package, _version(package), mend))
    found.append(("renderer", *_renderer(viz)))
    return found


def _renderer(viz: str) -> tuple[str | None, str]:
    from tinygrad_edu.view import RendererNotFound, found

    try:
        renderer = found()
    except RendererNotFound as error:
        return None, str(error)
    if renderer is None:
        return None, f"{viz} (pictures are DOT text without it)"
    return f"{renderer.path} ({renderer.source}, {renderer.version()})", ""


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
