"""``python -m tinygrad_edu train NAME --option value``: any experiment, with its options."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from tinygrad_edu.experiments.experiment import EXPERIMENTS, Experiment, Option
from tinygrad_edu.parallel import launched
from tinygrad_edu.settings import did_you_mean

__all__ = ["main"]

_PROGRAM = "python -m tinygrad_edu train"


_INTERRUPTED = 130  # the exit status that shells know


def main(arguments: Sequence[str]) -> int:
    """Run an experiment: print its table, save its figure.

    Parameters
    ----------
    arguments : sequence of str
        The name and the options. Without a name, or with ``--list``, the experiments are listed.

    Returns
    -------
    int
        0 if all went well.

    Raises
    ------
    SystemExit
        If the arguments make no experiment, after a line that says what is wrong.
    """
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Run an experiment of the lectures.",
        epilog=f"{_PROGRAM} NAME --help says which options an experiment has.",
    )
    parser.add_argument("name", nargs="?", help="which one; --list says which there are")
    parser.add_argument("--list", action="store_true", help="list the experiments")
    given = parser.parse_args(arguments[:1])
    if given.name is None:
        return _list()
    if given.name not in EXPERIMENTS:
        parser.error(
            f"no experiment is called {given.name!r}; {did_you_mean(given.name, EXPERIMENTS)}"
        )
    return _run(EXPERIMENTS[given.name], arguments[1:])


def _list() -> int:
    width = max(map(len, EXPERIMENTS))
    for name, entry in EXPERIMENTS.items():
        print(f"{name:<{width}}  {entry.title}  ({', '.join(entry.ids)})")
    return 0


def _run(entry: Experiment, arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"{_PROGRAM} {entry.name}",
        description=f"{entry.title} ({', '.join(entry.ids)})",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for option in entry.options:
        _add(parser, option)
    figure = parser.add_argument_group("the figure")
    figure.add_argument("--into", type=Path, default=Path("build/train"), help="its folder")
    figure.add_argument("--format", choices=("svg", "png"), default="svg", help="its format")
    given = vars(parser.parse_args(arguments))
    folder, kind = given.pop("into"), given.pop("format")
    if folder.exists() and not folder.is_dir():
        parser.error(f"--into {folder} is a file; name a folder")
    with launched() as group, _noted() as interrupts:
        try:
            result = entry.run(**given)
        except (ValueError, OSError) as error:  # such as a rate below 0, or a missing file
            parser.error(str(error).removeprefix(f"{entry.name}: "))
    if group.rank:
        return 0  # the first process speaks for all
    print(result.table())
    path = folder / f"{entry.name}.{kind}"
    if interrupts and path.exists():
        print(f"interrupted; {path} stays as it was", file=sys.stderr)
        return _INTERRUPTED
    try:
        print(f"\nfigure: {result.save(path)}")
    except ImportError as error:
        print(f"\nno figure: {error}", file=sys.stderr)
    if interrupts:
        print("interrupted", file=sys.stderr)
    return _INTERRUPTED if interrupts else 0


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Take note of Ctrl-C, at which a training ends and keeps what was learnt."""
    seen: list[int] = []

    def note(number: int, frame: object) -> None:
        seen.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    """Add an option of an experiment as its annotation says."""
    settings: dict[str, Any] = {
        "default": option.default,
        "help": option.help.replace("%", "%%") or "-",
        "dest": option.name,
    }
    kind = option.kind
    if get_origin(kind) in (Union, UnionType):  # such as float | None
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    if kind is bool:
        settings["action"] = argparse.BooleanOptionalAction
    elif get_origin(kind) is Literal:
        settings["choices"] = get_args(kind)
    elif get_origin(kind) is tuple:  # such as tuple[int, ...]
        settings["type"], settings["nargs"] = get_args(kind)[0], "+"
    else:
        settings["type"] = kind
    parser.add_argument("--" + option.name.replace("_", "-"), **settings)
