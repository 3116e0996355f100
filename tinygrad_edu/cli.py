"""The command line: ``python -m tinygrad_edu demo | explain | numpy | doctor``."""

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
    page = commands.add_parser("explain", help="write a page that steps through a derivation")
    page.add_argument("lecture", nargs="?", help="which one; --list says which there are")
    page.add_argument("--list", action="store_true", help="list the lectures")
    page.add_argument("--open", action="store_true", help="open the page in the browser")
    page.add_argument(
        "--into", type=Path, default=Path("build/explain"), help="folder for the page"
    )
    commands.add_parser("numpy", help="list NumPy's functions that a Tensor answers")
    commands.add_parser("doctor", help="say what is installed, and what pictures need")
    given = parser.parse_args(arguments)
    if given.command == "doctor":
        return doctor()
    if given.command == "numpy":
        from tinygrad_edu.catalogue import catalogue

        print(catalogue(), end="")
        return 0
    if given.into.exists() and not given.into.is_dir():
        parser.error(f"--into {given.into} is a file; name a folder")
    if given.command == "explain":
        from tinygrad_edu.lectures import LECTURES

        if given.list:
            return list_lectures()
        if given.lecture not in LECTURES:
            wanted = "name a lecture" if given.lecture is None else f"no {given.lecture!r} here"
            parser.error(f"explain: {wanted}; there are: {', '.join(LECTURES)}")
        return explain(given.lecture, given.into, given.open)
    from tinygrad_edu.demo import run  # only the demo needs the pictures

    return run(given.into)


def list_lectures() -> int:
    """Print the name, the lecture ids and the title of every lecture."""
    from tinygrad_edu.lectures import LECTURES

    width = max(map(len, LECTURES))
    for name, lecture in LECTURES.items():
        print(f"{name:<{width}}  {lecture.title}  ({', '.join(lecture.ids)})")
    return 0


def explain(name: str, into: Path, show: bool) -> int:
    """Write the page of one lecture into a folder, and open it if asked to."""
    from tinygrad_edu.lectures import LECTURES
    from tinygrad_edu.naming import Names
    from tinygrad_edu.view.page import Page
    from tinygrad_edu.view.story import story

    output, wrt = LECTURES[name].build()
    into.mkdir(parents=True, exist_ok=True)
    path = Page(story(output, wrt, Names(None, {}))).save(into / f"{name}.html")
    print(path)
    if show:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


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
